"""One sequence as the displays take it: a row of X, and what stands below its steps."""

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

__all__ = ["one_sequence", "words_of"]


def one_sequence(estimator: Any, x: Any) -> Any:
    """Return an X of one row: of a 2-D array if the estimator, or what is first, was given one.

    A data frame of one row, with a sequence in each cell, is that already.
    """
    if hasattr(x, "columns") and len(x) == 1:
        return x
    while isinstance(estimator, Pipeline):
        estimator = estimator[0]
    if getattr(estimator, "input_kind_", None) == "series":
        return np.asarray(x)[None]  # (1, T)
    return [x]


def words_of(X: Any) -> list[str] | None:
    """Return the words of the first row of X, if they are words."""
    row = X[0] if isinstance(X, list) else None
    if isinstance(row, list | tuple) and all(isinstance(step, str) for step in row):
        return list(row)
    return None
