"""What is usual in a window: its shape and scales, and how far sequences are from it.

Shape letters besides the usual: L steps of a window, H steps ahead, C columns (features a step).
"""

from dataclasses import dataclass

import numpy as np

from seqlearn.data.column_statistics import mean_and_deviation, or_constant
from seqlearn.data.plain import Record
from seqlearn.data.sequences import Sequences
from seqlearn.data.windows import SeriesTable, WindowDataset
from seqlearn.training.net import SequenceNet
from seqlearn.training.prediction import predict

__all__ = ["UsualWindows"]

FARTHEST = 1e6  # deviations from the mean; float32 holds the square


@dataclass(frozen=True, eq=False)
class UsualWindows(Record):
    """Windows of what is usual, in deviations from the mean of each column.

    Attributes
    ----------
    length : int
        Steps of a window, L.
    horizon : int
        Steps after it that are forecast, H; 0 where the window itself is reconstructed.
    dtype : str
        Of the network.
    centre, scale : ndarray of shape (C,)
        Of the columns in what was trained on.
    varies : ndarray of shape (C,), bool
        Columns that were not constant there.
    """

    length: int
    horizon: int
    dtype: str
    centre: np.ndarray
    scale: np.ndarray
    varies: np.ndarray

    @classmethod
    def learn(cls, values: np.ndarray, length: int, horizon: int, dtype: str) -> "UsualWindows":
        """Learn the scale of steps (S, C), NaN where missing."""
        centre, deviation, largest = mean_and_deviation(values)
        scale = or_constant(deviation, largest, np.maximum(largest, 1.0))
        varies = or_constant(deviation, largest, 0.0) > 0
        return cls(length, horizon, dtype, centre, scale, varies)

    def table(self, sequences: Sequences) -> SeriesTable:
        """Return sequences of float64 on the scale of the network, with room for windows."""
        values = (sequences.values - self.centre) / self.scale
        values = np.clip(values, -FARTHEST, FARTHEST)
        return SeriesTable(
            list(sequences.replace_values(values)),
            None,
            window_length=self.length,
            horizon=self.horizon,
            dtype=np.dtype(self.dtype),
        )

    def origins(self, table: SeriesTable, first: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Return the windows that say what rows ``first[i]``, ..., ``after[i] - 1`` of i are.

        A window that is reconstructed ends with its row; one that forecasts ends before it, and
        the last one forecasts up to the last row, if there are so many rows.
        """
        back = int(self.horizon > 0)
        parts = [
            table.origins(i, a - back, max(b - max(self.horizon, 1), a - back))
            for i, (a, b) in enumerate(zip(first.tolist(), after.tolist(), strict=True))
            if a < b
        ]
        origins = np.concatenate(parts or [np.zeros(0, np.int64)])
        past, ahead = table.observed(origins)
        return origins[(ahead if self.horizon else past) > 0]

    def dataset(self, table: SeriesTable, origins: np.ndarray, device: str) -> WindowDataset:
        """Return windows as the network takes them."""
        return WindowDataset(
            table,
            origins,
            share_channels=False,
            n_known=0,
            n_segments=self.length,
            device=device,
        )

    def errors(self, net: SequenceNet, sequences: Sequences) -> list[np.ndarray]:
        """Return what each column adds to the mean squared error of each row, (T_i, C) each.

        The error of a row is that of the window that ends with it, or of the forecasts of this
        row; of a row, or window, with nothing observed it is 0. Rows after it play no part.
        """
        table = self.table(sequences)
        ends = [
            table.origins(i, -int(self.horizon > 0), n - 1 - int(self.horizon > 0))
            for i, n in enumerate(table.lengths.tolist())
        ]
        found = predict(net, self.dataset(table, np.concatenate(ends), str(net.device)))
        rows = np.cumsum(table.lengths)[:-1]
        parts = np.split(found.astype(np.float64), rows)
        if not self.horizon:
            return parts
        true = np.split(_rows_of(table), rows)
        return [_of_forecasts(*pair) for pair in zip(parts, true, strict=True)]


def _rows_of(table: SeriesTable) -> np.ndarray:
    """Return the steps of all series, one after the other, (S, C)."""
    first = table.starts + table.window_length
    steps = np.concatenate([np.arange(a, a + n) for a, n in zip(first, table.lengths, strict=True)])
    return table.values.numpy().T[steps].astype(np.float64)


def _of_forecasts(expected: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the squared errors of rows (T, C), means over the forecasts made of each.

    ``expected[t, k]`` is the forecast, made of what is before row t, of row t + k.
    """
    n_steps, horizon, _ = expected.shape
    total = np.zeros_like(true)
    for ahead in range(min(horizon, n_steps)):
        total[ahead:] += (expected[: n_steps - ahead, ahead] - true[ahead:]) ** 2
    n_forecasts = np.minimum(np.arange(n_steps) + 1, horizon)[:, None]
    observed = ~np.isnan(true)
    n_observed = np.maximum(observed.sum(axis=1, keepdims=True), 1)
    return np.where(observed, total / n_forecasts, 0.0) / n_observed
