"""Refusing what is missing or infinite, with the rows and steps named at which it stands."""

from typing import Any

import numpy as np

from seqlearn.data.messages import listed
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError

__all__ = ["places", "refuse_not_finite"]


def refuse_not_finite(
    sequences: Sequences, first: Any, owner: str, allow_nan: bool = False, or_else: str = ""
) -> None:
    """Name the rows and steps of infinity, and of NaN where that is not allowed, if any.

    Arguments are those of `seqlearn.data.validation.as_sequences`.

    Raises
    ------
    DataFormatError
    """
    values = sequences.values
    is_bad = np.isinf(values) if allow_nan else ~np.isfinite(values)
    bad_steps = np.flatnonzero(is_bad.any(axis=1))
    if len(bad_steps) == 0:
        return
    bad = sequences.values[bad_steps]
    where = places(sequences, bad_steps, first)
    if allow_nan:
        raise DataFormatError(f"X contains infinity: {where}. Missing values are NaN.")
    if np.isnan(bad).any():
        what = "NaN and infinity" if np.isinf(bad).any() else "NaN"
    else:
        what = f"infinity or a value too large for dtype('{sequences.dtype}')"
    remedy = "drop or fill them in first"
    if what == "NaN":
        remedy += f", by seqlearn.preprocessing.SequenceImputer for example{or_else}"
    message = (
        f"Input X contains {what}: {where}. {owner} does not accept missing or infinite values; "
        f"{remedy}."
    )
    rows = _rows_of(sequences, bad_steps)
    from_end = sequences.offsets[1:][rows] - bad_steps
    if np.isnan(bad).all() and (from_end <= np.bincount(rows)[rows]).all():
        message += (
            " They stand at the ends, like padding: to cut it off, pass "
            "seqlearn.to_sequences(X, padding=np.nan). Padding is never needed."
        )
    raise DataFormatError(message)


def places(sequences: Sequences, steps: np.ndarray, first: Any = 0) -> str:
    """Say in words in which sequences some of all steps are, and where in these."""
    rows, found = _rows_of(sequences, steps), []
    for row in np.unique(rows)[:3]:
        own = steps[rows == row] - sequences.offsets[row]
        found.append(f"sequence {first + row} at step{'s' * (len(own) > 1)} {listed(own)}")
    more = len(np.unique(rows)) - len(found)
    return "; ".join(found) + (f"; and {more} more sequence{'s' * (more > 1)}" if more else "")


def _rows_of(sequences: Sequences, steps: np.ndarray) -> np.ndarray:
    return np.searchsorted(sequences.offsets, steps, side="right") - 1
