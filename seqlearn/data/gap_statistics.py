"""What gaps in series are like on average: the scales that a network with gaps is given.

`seqlearn.estimators.series_input` learns them from the rows that are trained on;
`seqlearn.inputs.gaps` computes the same gaps batch by batch.
"""

import numpy as np

from seqlearn.data.sequences import Sequences

__all__ = ["mean_gaps", "mean_positive"]

ROWS = 1024  # at once


def mean_positive(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean over rows (S, ...) of what is above 0; 1 if nothing is.

    Examples
    --------
    >>> mean_positive(np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]]), np.ones(3))
    array([3., 1.])
    """
    return _mean(*_positive(values, weights))


def mean_gaps(sequences: Sequences, weights: np.ndarray, elapsed: np.ndarray) -> np.ndarray:
    """Return the mean time since each feature was last there, (F,), of the times above 0.

    That of a step counts from the last step before it at which the feature was there, or from the
    first step of the sequence.

    Parameters
    ----------
    sequences : Sequences
        N sequences, NaN where nothing was seen.
    weights : ndarray of shape (N,)
        Weight of each.
    elapsed : ndarray of shape (S,)
        Time since the step before, 0 at the first of a sequence.

    Examples
    --------
    >>> X = Sequences(np.array([[1.0], [np.nan], [np.nan], [2.0]]), np.array([0, 4]))
    >>> mean_gaps(X, np.ones(1), np.array([0.0, 1.0, 1.0, 1.0]))
    array([2.])
    """
    total, weight = np.zeros(sequences.n_features), np.zeros(sequences.n_features)
    for begin in range(0, len(sequences), ROWS):
        own = sequences[begin : begin + ROWS]
        start = sequences.offsets[begin]
        gaps = _gaps(own, elapsed[start : start + len(own.values)])
        shares = np.repeat(weights[begin : begin + ROWS], own.lengths)
        parts = _positive(gaps, shares)
        total, weight = total + parts[0], weight + parts[1]
    return _mean(total, weight)


def _mean(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the means; 1 where nothing has weight."""
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), 1.0)


def _positive(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted sum of the values above 0 and the sum of their weights."""
    weights = weights.reshape(-1, *[1] * (values.ndim - 1))
    return (values * weights).sum(axis=0), ((values > 0) * weights).sum(axis=0)


def _gaps(sequences: Sequences, elapsed: np.ndarray) -> np.ndarray:
    """Return the time since each feature was last there, (S, F)."""
    step = np.arange(len(elapsed))[:, None]
    there = np.where(np.isnan(sequences.values), -1, step)  # (S, F)
    before = np.concatenate((there[:1], there[:-1]))
    before[sequences.offsets[:-1]] = sequences.offsets[:-1, None]
    time = np.cumsum(elapsed)
    return time[:, None] - time[np.maximum.accumulate(before, axis=0)]
