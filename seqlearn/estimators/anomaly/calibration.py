"""What is held back of the data of a detector, and what is learned from it: errors, a threshold.

Errors on what was trained on are too low; how usual ones are is seen on what was not.
"""

import numpy as np
from sklearn.covariance import ledoit_wolf

from seqlearn.data.sequences import Sequences
from seqlearn.data.split import hold_out

__all__ = ["decorrelating", "observed_rows", "rows_kept", "threshold_for"]

ROWS_ALIKE = 4.0  # span of what neighbours share, over the rows worth an independent one
LEAST_ERROR = 1e-4  # variance of usual errors, in that of a column, at least
MOST_USUAL = 10.0  # largest error that counts in it, in deviations of a column


def rows_kept(lengths: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return how many rows of each sequence are not held back: all, none, or the first ones.

    Examples
    --------
    >>> rows_kept(np.array([10, 5, 1]), 0.2, seed=0).tolist()
    [8, 4, 1]
    >>> sorted(rows_kept(np.full(10, 7), 0.2, seed=0).tolist())
    [0, 0, 7, 7, 7, 7, 7, 7, 7, 7]
    """
    if len(lengths) >= 2 / share:
        _, held = hold_out(np.zeros(len(lengths), int), share, seed)
        kept = lengths.copy()
        kept[held] = 0
        return kept
    return lengths - np.minimum(np.ceil(share * lengths).astype(int), lengths - 1)


def observed_rows(sequences: Sequences, first: np.ndarray) -> list[np.ndarray]:
    """Return which rows of each sequence, from ``first[i]`` on, have an observed value."""
    rows = [~np.isnan(one).all(axis=1) for one in sequences]
    for own, a in zip(rows, first.tolist(), strict=True):
        own[:a] = False
    return rows


def decorrelating(errors: np.ndarray) -> np.ndarray:
    """Return the symmetric matrix that makes errors (S, C) uncorrelated and of size 1.

    It is the inverse root of their covariance, shrunk (Ledoit & Wolf 2004); without an error of
    all columns it leaves errors as they are.
    """
    errors = np.clip(errors[~np.isnan(errors).any(axis=1)], -MOST_USUAL, MOST_USUAL)
    if len(errors) == 0:
        return np.eye(errors.shape[1])
    covariance, _ = ledoit_wolf(errors, assume_centered=True)
    sizes, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(np.maximum(sizes, LEAST_ERROR))) @ vectors.T


def threshold_for(
    alarm_rate: float, held_back: np.ndarray, trained: np.ndarray, span: int
) -> float:
    """Return the threshold that a share ``alarm_rate`` of usual steps is expected to be above.

    Parameters
    ----------
    alarm_rate : float
        In (0, 1).
    held_back, trained : ndarray of shape (n,)
        Scores of the steps held back, which say how high usual ones are, and of those trained on,
        which say besides how they spread.
    span : int
        Rows that the score of a step looks at.

    Notes
    -----
    Neighbours share what they are judged by: as many rows as a quarter of ``span`` are worth an
    independent one (measured on seasons with noise and on autoregressions). Of m independent scores
    the share (a (m - 1) + 1) / (m + 1) is expected above the quantile 1 - a: hence a lower share
    than is asked for.
    """
    level = trained.mean() if len(trained) else 0.0
    scores = held_back
    if level > 0:
        scores = np.concatenate([held_back, trained * (held_back.mean() / level)])
    n = len(held_back) / max(span / ROWS_ALIKE, 1.0)
    share = (alarm_rate * (n + 1) - 1) / (n - 1) if n > 1 else 0.0
    return float(np.quantile(scores, 1 - max(share, 0.0)))
