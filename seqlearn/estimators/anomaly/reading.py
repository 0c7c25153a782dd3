"""What a detector is given: sequences, of which a single series is not a list, and labels."""

from typing import Any

import numpy as np

from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError

__all__ = ["as_columns", "read_labels", "refuse_lone_series", "refuse_unobserved"]

TIME_INDEXES = ("DatetimeIndex", "PeriodIndex", "TimedeltaIndex")


def refuse_lone_series(X: Any, owner: str) -> None:
    """Refuse what is one series and no collection of sequences: T steps are not T sequences."""
    kind = getattr(getattr(X, "dtype", None), "kind", "O")
    is_one_column = getattr(X, "ndim", None) == 1 and kind != "O"
    on_time_axis = type(getattr(X, "index", None)).__name__ in TIME_INDEXES
    if isinstance(X, Sequences) or not (is_one_column or on_time_axis):
        return
    what = f"has a {type(X.index).__name__}" if on_time_axis else "has one dimension"
    raise DataFormatError(
        f"X is a {type(X).__name__} of shape {X.shape} that {what}: it is one series. "
        f"{owner} takes a list of sequences, one series is a list of one: pass [X]. Reshape your "
        "data with X.reshape(1, -1) if they are an array."
    )


def as_columns(X: Any) -> Any:
    """Return a list of arrays (T_i,) as one of arrays (T_i, 1); anything else as it is.

    Two series that happen to be equally long are then no 2-D array, whose rows have one length.
    """
    if not isinstance(X, list) or any(getattr(one, "ndim", None) != 1 for one in X):
        return X
    return [np.asarray(one)[:, None] for one in X]


def refuse_unobserved(sequences: Sequences) -> None:
    """Refuse infinity, and data in which every value is missing."""
    infinite = np.isinf(sequences.values).any(axis=1)
    if infinite.any():
        step = int(np.flatnonzero(infinite)[0])
        row = int(np.searchsorted(sequences.offsets, step, side="right")) - 1
        raise DataFormatError(
            f"X contains infinity: sequence {row} at step {step - sequences.offsets[row]}. "
            "Missing values are NaN."
        )
    if np.isnan(sequences.values).all():
        raise DataFormatError(
            f"All values of the {len(sequences)} sequences in X are NaN, so that there is nothing "
            "to learn from. Give some that are observed."
        )


def read_labels(y: Any, lengths: list[int]) -> list[np.ndarray]:
    """Return the labels of each sequence, 0 and 1."""
    labels = [np.asarray(one).reshape(-1) for one in y]
    if len(labels) != len(lengths):
        raise DataFormatError(
            f"X has {len(lengths)} sequences, but y has {len(labels)} arrays of labels."
        )
    for i, (one, n) in enumerate(zip(labels, lengths, strict=True)):
        if len(one) != n:
            raise DataFormatError(
                f"Sequence {i} of X has {n} steps, but y has {len(one)} labels for it; give a 0 "
                "or 1 for each step."
            )
        if one.dtype.kind not in "biuf" or not np.isin(one, (0, 1)).all():
            raise DataFormatError(
                f"The labels of sequence {i} in y must be 0, or 1 for an anomaly; found "
                f"{sorted(set(one.tolist()) - {0, 1}, key=str)[:3]}."
            )
    return labels
