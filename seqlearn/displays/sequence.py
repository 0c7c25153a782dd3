"""One sequence as the displays take it: a row of X, and what stands below its steps."""

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from seqlearn.errors import DataFormatError

__all__ = ["one_sequence", "words_of"]

LEVELS = {"series": 1, "sequences": 2, "tokens": 1}  # of brackets around one sequence, at most


def one_sequence(estimator: Any, x: Any) -> Any:
    """Return an X of one row: of a 2-D array if the estimator, or what is first, was given one.

    A data frame of one row, with a sequence in each cell, is that already.

    Raises
    ------
    DataFormatError
        ``x`` holds several sequences.
    """
    if hasattr(x, "columns") and len(x) == 1:
        return x
    while isinstance(estimator, Pipeline):
        estimator = estimator[0]
    kind = getattr(estimator, "input_kind_", None)
    if kind in LEVELS and _levels(x) > LEVELS[kind]:
        raise DataFormatError(
            f"x is a {type(x).__name__} of {len(x)} sequences. A display draws one: give one of "
            "them, x[0]."
        )
    if kind == "series":
        return np.asarray(x)[None]  # (1, T)
    return [x]


def _levels(x: Any) -> int:
    """Return how deep lists and arrays are nested in x."""
    n = getattr(x, "ndim", 1 if isinstance(x, list | tuple) else 0)
    holds_objects = getattr(getattr(x, "dtype", None), "kind", "O") == "O"
    return n + _levels(next(iter(x))) if n == 1 and len(x) and holds_objects else n


def words_of(X: Any) -> list[str] | None:
    """Return the words of the first row of X, if they are words."""
    row = X[0] if isinstance(X, list) else None
    if isinstance(row, list | tuple) and all(isinstance(step, str) for step in row):
        return list(row)
    return None
