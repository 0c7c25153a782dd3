"""Numbers with a time for each step: how X is read where a column holds the time.

`read_steps` is `seqlearn.data.input_record.read_X` for estimators that take ``missing`` and
``time_column``. In place of a time it puts the time since the step before, computed in float64:
seconds since 1970 have more digits than float32 holds. Steps of one time become one step.
"""

from typing import Any

import numpy as np

from seqlearn.data.chosen_columns import column_range
from seqlearn.data.input_record import InputRecord, read_X
from seqlearn.data.not_finite import places, refuse_not_finite
from seqlearn.data.sequences import Sequences
from seqlearn.data.validation import as_sequences
from seqlearn.errors import DataFormatError, InvalidParameterError

__all__ = ["column_index", "merge_equal_times", "read_steps", "without_unit"]


def read_steps(
    estimator: Any,
    X: Any,
    known: InputRecord | None,
    *,
    dtype: Any,
    first: Any = 0,
    missing: str = "error",
    time_column: int | str | None = None,
    merges: bool = True,
    **more: Any,
) -> tuple[Sequences, InputRecord]:
    """Check what `unpack` returned, as `read_X` does, and take the differences of times.

    Parameters
    ----------
    estimator, X, known, first, **more
        As in `read_X`.
    dtype : numpy dtype
        Type of the values; all of them must fit into it. With a time column they are float64 for
        the time being.
    missing : {"error", "mask"}
        Whether NaN is refused or stays.
    time_column : int or str or None
        The column that holds the time of a step. It then has the time since the step before, 0 at
        the first step of a sequence.
    merges : bool
        Whether steps of one time become one; else they are refused.

    Returns
    -------
    sequences : Sequences
    record : InputRecord
    """
    allow_nan = missing == "mask"
    if time_column is None:
        return read_X(estimator, X, known, dtype=dtype, first=first, allow_nan=allow_nan, **more)
    sequences, record = read_X(
        estimator, X, known, dtype=np.float64, first=first, allow_nan=True, **more
    )
    if sequences.dictionary is not None or record.kind == "frames":
        return sequences, record
    name = type(estimator).__name__
    column = column_index(time_column, record, sequences.n_features)
    elapsed = _elapsed(sequences, column, first)
    if not allow_nan:
        refuse_not_finite(sequences, first, name)
    again = elapsed == 0.0
    again[sequences.offsets[:-1]] = False
    if again.any():
        if not merges:
            _refuse_steps(
                sequences,
                again,
                first,
                "steps of the time of the step before them",
                f"{name} labels every step, so it cannot make one of two. Merge such steps, and "
                "their labels, first.",
            )
        sequences, elapsed = merge_equal_times(sequences, ~again), elapsed[~again]
    values = sequences.values.copy()  # they may be the user's
    values[:, column] = elapsed
    sequences = sequences.replace_values(values)
    # Refuses what ``dtype`` does not hold; the values stay float64.
    as_sequences(sequences, dtype=dtype, allow_nan=allow_nan, first=first, owner=name)
    return sequences, record


def without_unit(
    sequences: Sequences, column: int, weights: np.ndarray, dtype: np.dtype
) -> Sequences:
    """Return what `read_steps` gave with times as shares of the longest, whatever their unit was.

    Equal rows are found in it: how they are ordered must not hang on the unit.
    """
    elapsed = sequences.values[:, column]
    longest = np.where(np.repeat(weights > 0, sequences.lengths), elapsed, 0.0).max()
    values = sequences.values.copy()
    values[:, column] = elapsed / longest if longest > 0 else 0.0
    return sequences.replace_values(values).astype(dtype)


def column_index(time_column: int | str, record: InputRecord, n_features: int) -> int:
    """Return which of the values of a step ``time_column`` is.

    Raises
    ------
    InvalidParameterError
        X has no such column.
    """
    places = column_range(time_column, "time_column", record, n_features)
    if len(places) != 1:
        raise InvalidParameterError(
            f"time_column={time_column!r}, but that column of X has {len(places)} values a step; a "
            "time is one number."
        )
    return places[0]


def _elapsed(sequences: Sequences, column: int, first: Any) -> np.ndarray:
    """Return the time since the step before, (S,), 0 where a sequence begins."""
    times = sequences.values[:, column]
    _refuse_steps(
        sequences,
        np.isnan(times),
        first,
        "steps without a time, NaN in the time column",
        "Drop them, or fill their times in.",
    )
    _refuse_steps(
        sequences,
        times < 0,
        first,
        "negative times",
        "Times count from a start on: subtract the first. If a scaler that stands before has "
        "changed them, leave the time column out of it.",
    )
    elapsed = np.diff(times, prepend=times[:1])
    elapsed[sequences.offsets[:-1]] = 0.0
    _refuse_steps(
        sequences,
        elapsed < 0,
        first,
        "steps of an earlier time than the step before them",
        "Sort each sequence by time first.",
    )
    return elapsed


def _refuse_steps(
    sequences: Sequences, bad: np.ndarray, first: Any, what: str, remedy: str
) -> None:
    """Raise, naming the steps that are bad, (S,), if any is."""
    if bad.any():
        where = places(sequences, np.flatnonzero(bad), first)
        raise DataFormatError(f"X has {what}: {where}. {remedy}")


def merge_equal_times(sequences: Sequences, begins: np.ndarray) -> Sequences:
    """Return sequences with one step for several: the mean of what is there, NaN of nothing.

    It does not depend on the order of the steps that become one.

    Parameters
    ----------
    sequences : Sequences
        Of S steps in all.
    begins : ndarray of shape (S,), bool
        False at a step that is one with the step before it.

    Examples
    --------
    >>> X = Sequences(np.array([[1.0], [3.0], [np.nan]]), np.array([0, 2, 3]))
    >>> merge_equal_times(X, np.array([True, False, True])).values.ravel()
    array([ 2., nan])
    """
    number = np.cumsum(begins) - 1  # of the step that each becomes, (S,)
    several = np.bincount(number)[number] > 1
    own = number[several]
    edges = np.flatnonzero(np.diff(own, prepend=-1))
    merged, values = sequences.values[begins], sequences.values[several]
    for i in range(sequences.n_features):
        column = values[np.lexsort((values[:, i], own)), i]  # in one order, whatever it was
        there = ~np.isnan(column)
        total = np.add.reduceat(np.where(there, column, 0.0), edges)
        count = np.add.reduceat(there.astype(np.int64), edges)
        merged[own[edges], i] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    offsets = np.concatenate(([0], np.cumsum(begins)))[sequences.offsets]
    return Sequences(merged, offsets, channels=sequences.channels)
