"""What is usual in a window: its shape and scales, and how far sequences are from it.

Shape letters besides the usual: L steps of a window, H steps ahead, C columns (features a step).
"""

from dataclasses import dataclass
from typing import Any

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
        return SeriesTable(
            list(sequences.replace_values(self.scaled(sequences.values))),
            None,
            window_length=self.length,
            horizon=self.horizon,
            dtype=np.dtype(self.dtype),
        )

    def origins(self, table: SeriesTable, first: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Return the windows that reconstruct or forecast rows from ``first[i]`` to ``after[i]``.

        The row ``after[i]`` of sequence i is not among them.

        A window that is reconstructed ends with its row; one that forecasts ends before it, and
        the last one forecasts up to the last row, if there are so many rows.
        """
        back = int(self.horizon > 0)
        parts = [
            table.origins(i, a - back, max(b - 1 - self.horizon, a - back))
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

    def distances(
        self, net: SequenceNet, table: SeriesTable, decorrelate: np.ndarray
    ) -> list[np.ndarray]:
        """Return what each column adds to the distance of each row from the usual, (T_i, C) each.

        That of a row is that of the window that ends with it, or of the forecasts of this row; of a
        row, or window, with nothing observed it is 0. Rows after it play no part.

        Parameters
        ----------
        net : SequenceNet
            A trained one.
        table : SeriesTable
            What `table` made of sequences.
        decorrelate : ndarray of shape (C, C)
            What the errors of a step are multiplied by, before they are squared.
        """
        rows = np.cumsum(table.lengths)[:-1]
        if not self.horizon:
            found = self._read(net, table, decorrelate=decorrelate)
            return np.split(found.astype(np.float64), rows)
        expected = np.split(self._read(net, table).astype(np.float64), rows)
        true = np.split(_rows_of(table), rows)
        return [_of_forecasts(*pair, decorrelate) for pair in zip(expected, true, strict=True)]

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Return steps (S, C) on the scale of the network."""
        return np.clip((values - self.centre) / self.scale, -FARTHEST, FARTHEST)

    def read_last(self, net: SequenceNet, steps: np.ndarray, **reading: Any) -> np.ndarray:
        """Return what the head reads of windows (B, L, C) on the scale of the network."""
        n, length, width = steps.shape
        table = SeriesTable(
            [steps.reshape(n * length, width)],
            None,
            window_length=length,
            horizon=self.horizon,
            dtype=np.dtype(self.dtype),
        )
        origins = table.origins(0, length - 1, n * length - 1, stride=length)
        dataset = self.dataset(table, origins, str(net.device))
        return predict(net, dataset, **reading).astype(np.float64)

    def distances_of_newest(
        self, expected: np.ndarray, true: np.ndarray, n_before: np.ndarray, decorrelate: np.ndarray
    ) -> np.ndarray:
        """Return the distances (B, C) of the newest row of B series from the forecasts of it.

        Parameters
        ----------
        expected : ndarray of shape (B, H, H, C)
            The last H forecasts, the newest first, each of H steps.
        true : ndarray of shape (B, C)
            The newest rows.
        n_before : ndarray of shape (B,)
            Rows of each series before them.
        decorrelate : ndarray of shape (C, C)
            As in `distances`.
        """
        total = np.zeros_like(true)
        for ahead in range(self.horizon):
            found = _squares(true, expected[:, ahead, ahead], decorrelate)
            total += np.where((n_before >= ahead)[:, None], found, 0.0)
        return _of_observed(total, true, np.minimum(n_before + 1, self.horizon))

    def errors(self, net: SequenceNet, table: SeriesTable) -> list[np.ndarray]:
        """Return the errors of each row, (T_i, C) each, NaN where a value is missing.

        They are those of the newest row of a window, or of the forecast one step ahead.
        """
        found, true = self._read(net, table).astype(np.float64), _rows_of(table)
        errors = np.where(np.isnan(true), np.nan, found) if not self.horizon else true - found[:, 0]
        return np.split(errors, np.cumsum(table.lengths)[:-1])

    def _read(self, net: SequenceNet, table: SeriesTable, **reading: Any) -> np.ndarray:
        """Return what the head reads of the window of every row of all series."""
        back = int(self.horizon > 0)
        origins = [
            table.origins(i, -back, n - 1 - back) for i, n in enumerate(table.lengths.tolist())
        ]
        dataset = self.dataset(table, np.concatenate(origins), str(net.device))
        return predict(net, dataset, **reading)


def _rows_of(table: SeriesTable) -> np.ndarray:
    """Return the steps of all series, one after the other, (S, C)."""
    first = table.starts + table.window_length
    steps = np.concatenate([np.arange(a, a + n) for a, n in zip(first, table.lengths, strict=True)])
    return table.values.numpy().T[steps].astype(np.float64)


def _of_forecasts(expected: np.ndarray, true: np.ndarray, decorrelate: np.ndarray) -> np.ndarray:
    """Return the distances of rows (T, C), means over the forecasts made of each.

    ``expected[t, k]`` is the forecast, made of what is before row t, of row t + k.
    """
    n_steps, horizon, _ = expected.shape
    total = np.zeros_like(true)
    for ahead in range(min(horizon, n_steps)):
        total[ahead:] += _squares(true[ahead:], expected[: n_steps - ahead, ahead], decorrelate)
    return _of_observed(total, true, np.minimum(np.arange(n_steps) + 1, horizon))


def _squares(true: np.ndarray, expected: np.ndarray, decorrelate: np.ndarray) -> np.ndarray:
    """Return the squares of the errors of rows (T, C), once they are decorrelated."""
    errors = np.where(np.isnan(true), 0.0, true - expected)
    # Column by column, so that the number of rows changes no bit.
    found = sum(errors[:, j, None] * row for j, row in enumerate(decorrelate))
    return np.asarray(found**2)


def _of_observed(total: np.ndarray, true: np.ndarray, n_forecasts: np.ndarray) -> np.ndarray:
    """Return sums of squares (T, C) as means over forecasts and observed values."""
    n_observed = (~np.isnan(true)).sum(axis=1, keepdims=True)
    return total / n_forecasts[:, None] / np.maximum(n_observed, 1)
