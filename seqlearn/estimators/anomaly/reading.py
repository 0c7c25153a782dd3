"""What a detector is given: sequences, of which a single series is not a list, and labels."""

from typing import Any

import numpy as np

from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError

__all__ = [
    "as_columns",
    "read_labels",
    "refuse_lone_series",
    "refuse_unobserved",
]

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
    """Refuse data in which every value is missing."""
    if np.isnan(sequences.values).all():
        raise DataFormatError(
            f"All values of the {len(sequences)} sequences in X are NaN, so that there is nothing "
            "to learn from. Give some that are observed."
        )


def read_labels(y: Any, lengths: list[int]) -> list[np.ndarray] | np.ndarray:
    """Return which steps of each sequence are anomalies, or which sequences are, (N,), bool.

    0 is for what is usual and every other number for an anomaly; of 1 and -1, as scikit-learn has
    them, -1 is for the anomaly.
    """
    is_flat = np.ndim(y[0]) == 0 if len(y) else True
    labels = [np.asarray(y)] if is_flat else [np.asarray(one).reshape(-1) for one in y]
    n_given = len(labels[0]) if is_flat else len(labels)
    if n_given != len(lengths):
        raise DataFormatError(
            f"X has {len(lengths)} sequences, but y has {n_given}; give an array of labels for "
            "each, or one label."
        )
    for i, one in enumerate(labels):
        if not is_flat and len(one) != lengths[i]:
            raise DataFormatError(
                f"Sequence {i} of X has {lengths[i]} steps, but y has {len(one)} labels for it; "
                "give 0, or 1 for an anomaly, for each step."
            )
        if one.dtype.kind not in "biuf" or np.isnan(one.astype(np.float64)).any():
            raise DataFormatError(
                f"y has labels of type {one.dtype}, {'' if is_flat else f'of sequence {i}, '}or "
                "missing ones; 0 and 1 for an anomaly are accepted."
            )
    has_minus = any((one < 0).any() for one in labels)
    marks = [one < 0 if has_minus else one != 0 for one in labels]
    return marks[0] if is_flat else marks
