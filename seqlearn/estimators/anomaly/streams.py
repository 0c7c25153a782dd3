"""One step of the streams of a detector: the score of the newest row.

What a score looks back at is kept in rings: the last window, the last forecasts and the last
scores. A step costs what one window costs, however long a stream is.

Shape letters besides the usual: L steps of a window, H steps ahead, C columns.
"""

from typing import Any

import numpy as np

from seqlearn.data.one_step import finite_step, read_step, refuse_width
from seqlearn.estimators.anomaly.alarms import UsualScores, sum_of_columns
from seqlearn.estimators.anomaly.windows import UsualWindows
from seqlearn.streaming.steps import Steps

__all__ = ["DetectorSteps"]


class DetectorSteps(Steps):
    """One step of a detector.

    The state is a tuple: rows so far (B,); the last window (B, L, C) on the scale of the network,
    NaN before the beginning; the last forecasts (B, H, H, C), the newest first; the scores that
    ``smoothing`` and ``likelihood`` look back at, the newest first; and the sums of the scores and
    of their squares (B,).

    Parameters
    ----------
    owner, net, n_streams
        As in `Steps`.
    windows : UsualWindows
        What is usual in a window.
    decorrelate : ndarray of shape (C, C)
        What errors are multiplied by.
    spread : UsualScores or None
        What usual scores are like.
    means : tuple of two ints
        Over how many rows ``smoothing`` and ``likelihood`` take a mean, 1 for none.
    names : ndarray of str or None
        Names of the columns in ``fit``.
    """

    def __init__(
        self,
        owner: str,
        net: Any,
        n_streams: int,
        *,
        windows: UsualWindows,
        decorrelate: np.ndarray,
        spread: UsualScores | None,
        means: tuple[int, int],
        names: Any,
    ):
        super().__init__(owner, net, n_streams)
        self.windows, self.decorrelate, self.spread = windows, decorrelate, spread
        self.means, self.names = means, names

    def begin(self) -> tuple:
        """Return the state of streams without a row."""
        n, horizon, width = self.n_streams, self.windows.horizon, len(self.windows.centre)
        return (
            np.zeros(n, np.int64),
            np.full((n, self.windows.length, width), np.nan),
            np.zeros((n, horizon, horizon, width)),
            *(np.zeros((n, length)) for length in self.means),
            np.zeros(n),
            np.zeros(n),
        )

    def run(self, x: Any, state: tuple) -> tuple[np.ndarray, tuple]:
        """Return the score of the newest rows, (B,)."""
        windows = self.windows
        values = read_step(x, self.n_streams, self.owner, self.names)
        refuse_width(values, len(windows.centre), self.owner)
        values = windows.scaled(finite_step(values, np.float64, self.owner, allow_nan=True))
        n_before, before, expected, *recent, total, squares = state
        steps = np.concatenate([before[:, 1:], values[:, None]], axis=1)  # (B, L, C)
        if windows.horizon:
            newest = windows.read_last(self.net, before)[:, None]  # made before the row came
            expected = np.concatenate([newest, expected[:, :-1]], axis=1)
            true = values.astype(windows.dtype).astype(np.float64)  # as the network has them
            distances = windows.distances_of_newest(expected, true, n_before, self.decorrelate)
        else:
            distances = windows.read_last(self.net, steps, decorrelate=self.decorrelate)
        known = np.minimum(n_before / windows.length, 1.0)
        scores, kept = known**2 * sum_of_columns(distances), []
        for last in recent:
            last = np.concatenate([scores[:, None], last[:, :-1]], axis=1)  # zeros before the first
            kept.append(last)
            scores = sum_of_columns(last) / np.minimum(n_before + 1, last.shape[1])
        found = scores
        if self.spread is not None:
            found = self.spread.surprise_after(scores, n_before, total, squares)
        after = (n_before + 1, steps, expected, *kept, total + scores, squares + scores**2)
        return found, after

    def answer(self, outputs: np.ndarray) -> np.ndarray:
        """Return the scores, (B,)."""
        return outputs
