"""What becomes of the scores of a sequence: smoothed, made likelihoods, alarms, intervals.

Each looks back only, so that rows that come later change nothing, to the bit: sums are taken row by
row, in one order, and never as differences of larger sums.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from seqlearn.data.plain import Record
from seqlearn.metrics.steps import find_runs

__all__ = ["UsualScores", "alarms_of", "intervals_of", "mean_of_last", "sum_of_columns"]

FARTHEST = 1e100  # deviations from the mean; the logarithm of the chance is then a number


def sum_of_columns(columns: np.ndarray) -> np.ndarray:
    """Return the sum of each row (T, C), taken column by column.

    Examples
    --------
    >>> sum_of_columns(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [3.0, 7.0]
    """
    total = columns[:, 0].copy()
    for column in columns.T[1:]:
        total += column
    return total


def mean_of_last(scores: np.ndarray, n: int) -> np.ndarray:
    """Return the mean of each score and the ``n - 1`` before it, or of as many as there are.

    Examples
    --------
    >>> mean_of_last(np.array([2.0, 4.0, 6.0]), 2).tolist()
    [2.0, 3.0, 5.0]
    """
    total = scores.copy()
    for back in range(1, min(n, len(scores))):
        total[back:] += scores[:-back]
    return total / np.minimum(np.arange(len(scores)) + 1, n)


@dataclass(frozen=True, eq=False)
class UsualScores(Record):
    """Mean and spread of scores of what is usual, from which the spread of later ones begins.

    Attributes
    ----------
    mean, square : float
        Mean of the scores, and of their squares.
    n : int
        Rows that these were learned from.
    """

    mean: float
    square: float
    n: int

    @classmethod
    def learn(cls, scores: np.ndarray) -> "UsualScores":
        """Learn them from scores (n,)."""
        return cls(float(scores.mean()), float((scores**2).mean()), len(scores))

    def surprise(self, scores: np.ndarray) -> np.ndarray:
        """Return minus the decimal logarithm of the chance of so high a score, or a higher one.

        It is that of a normal distribution, with mean and deviation of what is known and of the
        rows before (Lavin & Ahmad 2015).
        """
        before = np.concatenate(([0.0], scores[:-1]))
        return self.surprise_after(
            scores, np.arange(len(scores)), np.cumsum(before), np.cumsum(before**2)
        )

    def surprise_after(
        self, scores: np.ndarray, n_before: Any, total: np.ndarray, squares: np.ndarray
    ) -> np.ndarray:
        """Return the same of scores, each after ``n_before`` others of which sums are known."""
        n = self.n + n_before  # rows known before each row
        mean = (self.n * self.mean + total) / n
        square = (self.n * self.square + squares) / n
        least = 1e-3 * np.abs(mean) + np.finfo(np.float64).tiny ** 0.5
        deviation = np.maximum(np.sqrt(np.maximum(square - mean**2, 0.0)), least)
        far = np.minimum((scores - mean) / deviation, FARTHEST)
        return -norm.logsf(far) / np.log(10.0)


def alarms_of(scores: np.ndarray, threshold: float, suppress: int | None) -> np.ndarray:
    """Return which rows raise an alarm: above the threshold, not within ``suppress`` rows of one.

    Examples
    --------
    >>> alarms_of(np.array([0.0, 2.0, 2.0, 2.0]), 1.0, suppress=1).tolist()
    [False, True, False, True]
    """
    is_above = scores > threshold
    if suppress is None:
        return is_above
    alarms = np.zeros_like(is_above)
    rows, i = np.flatnonzero(is_above), 0
    while i < len(rows):
        alarms[rows[i]] = True
        i = int(np.searchsorted(rows, rows[i] + suppress, side="right"))
    return alarms


def intervals_of(alarms: np.ndarray, scores: np.ndarray) -> list[tuple[int, int, float]]:
    """Return (start, end, highest score) of each run of alarms; ``start:end`` are its rows.

    Examples
    --------
    >>> intervals_of(np.array([False, True, True, False]), np.array([0.0, 2.0, 3.0, 0.0]))
    [(1, 3, 3.0)]
    """
    runs = zip(*(edge.tolist() for edge in find_runs(alarms)), strict=True)
    return [(a, b, float(scores[a:b].max())) for a, b in runs]
