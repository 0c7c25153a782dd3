"""Windows over time series: a part that is looked at, and the steps after it that are forecast.

Windows are never cut out beforehand. `SeriesTable` holds every value once, each series after as
many missing steps as a window is long, so that a window may reach back before the beginning;
a batch is one gather from an overlapping view of it. `WindowDataset` is what
`seqlearn.training.net` trains on.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqlearn.data.batches import BucketedBatches

__all__ = ["SeriesTable", "WindowBatch", "WindowDataset"]


class WindowBatch(NamedTuple):
    """The windows of a batch; missing values are NaN."""

    past: Tensor  # (B, L, C), of one column each if columns share their weights
    past_features: Tensor | None  # (B, L, P)
    future_features: Tensor | None  # (B, H, K)
    channel: Tensor  # (B,), which column of y a row is of


class SeriesTable:
    """N series after each other, each with room for windows before it and a horizon after it.

    Parameters
    ----------
    values : list of ndarray of shape (T_i, C)
        The series, NaN where missing.
    features : list of ndarray of shape (T_i, P) or (T_i + H, P), or None
        Exogenous columns of the same steps, and of those that follow.
    window_length : int
        Steps before an origin, L.
    horizon : int
        Steps after it, H: as many, of unknown values, follow each series.
    dtype : numpy dtype
        Of the tensors.
    """

    def __init__(self, values, features, *, window_length, horizon, dtype):
        self.window_length, self.horizon = window_length, horizon
        self.lengths = np.array([len(part) for part in values])
        blocks = self.lengths + window_length + horizon
        self.starts = np.concatenate(([0], np.cumsum(blocks)))[:-1]  # of the room before a series
        n_steps, n_columns = int(blocks.sum()), values[0].shape[1]
        table = np.full((n_columns, n_steps), np.nan, dtype=dtype)
        first = self.starts + window_length
        for part, a in zip(values, first.tolist(), strict=True):
            table[:, a : a + len(part)] = part.T
        self.values = torch.from_numpy(table)  # (C, S)
        self.features = None
        if features is not None and features[0].shape[1]:
            table = np.full((n_steps, features[0].shape[1]), np.nan, dtype=dtype)
            for part, a in zip(features, first.tolist(), strict=True):
                table[a : a + len(part)] = part
            self.features = torch.from_numpy(table)  # (S, P)

    @property
    def n_features(self) -> int:
        """Exogenous columns of a step, P; 0 for none."""
        return 0 if self.features is None else self.features.shape[1]

    def origins(self, series: int, first: int, last: int, stride: int = 1) -> np.ndarray:
        """Return where the windows begin whose past ends with step ``first``, ..., ``last``."""
        return self.starts[series] + np.arange(first, last + 1, stride) + 1

    def series_of(self, origins: np.ndarray) -> np.ndarray:
        """Return the number of the series that each window lies in."""
        return np.searchsorted(self.starts, origins, side="right") - 1

    def observed(self, origins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how many values of past and future of each window are known."""
        known = ~torch.isnan(self.values).numpy()
        total = np.concatenate(([0], np.cumsum(known.sum(axis=0))))
        middle = origins + self.window_length
        end = middle + self.horizon
        return total[middle] - total[origins], total[end] - total[middle]


class WindowDataset(torch.utils.data.Dataset):
    """Windows of a table, as rows; indexed by an array of rows, it returns a batch.

    Parameters
    ----------
    table : SeriesTable
        Where the values are.
    origins : ndarray of shape (M,), int
        Where each window begins, from `SeriesTable.origins`.
    share_channels : bool
        Whether a row is one column of a window, so that there are M C rows, or all of them.
    n_known : int
        How many of the features are known ahead; they come first.
    n_segments : int
        What the network sees as the length of a window.
    weights : ndarray of shape (M,), optional
        Weight of each window, of mean 1.
    device : str
        Where the tensors live.
    """

    full = True  # all rows are of one length

    def __init__(
        self,
        table: SeriesTable,
        origins: np.ndarray,
        *,
        share_channels: bool,
        n_known: int,
        n_segments: int,
        weights: np.ndarray | None = None,
        device: str = "cpu",
    ):
        self.table = table
        self.device = torch.device(device)
        span = table.window_length + table.horizon
        self.n_windows, self.n_channels = len(origins), len(table.values) if share_channels else 1
        self.lengths = np.full(self.n_windows * self.n_channels, n_segments)
        self._lengths = torch.full((1,), n_segments)
        self._origins = torch.as_tensor(origins).to(self.device)
        self._views = table.values.to(self.device).unfold(1, span, 1)  # (C, S - span + 1, span)
        self._shared = share_channels
        self._features, self.n_known = None, n_known
        if table.features is not None:
            features = table.features.to(self.device)
            self._features = features.unfold(0, span, 1)  # (S - span + 1, P, span)
        self._weights = None
        if weights is not None and not (weights == weights[0]).all():
            weights = np.tile(weights, self.n_channels)
            self._weights = torch.as_tensor(weights).to(self.device, table.values.dtype)

    def __len__(self) -> int:
        return len(self.lengths)

    def batches(self, batch_size: int, generator: torch.Generator | None = None) -> BucketedBatches:
        """Return batches of windows."""
        return BucketedBatches(self, batch_size, generator)

    def inputs(self, rows: np.ndarray | None = None) -> dict:
        """Return the inputs of `__getitem__` for ``rows``, or for all."""
        return self[np.arange(len(self)) if rows is None else rows][0]

    def __getitem__(self, rows: np.ndarray):
        """Return ``{"x": WindowBatch, "lengths": (B,)}``, ``{"y": (B, H, C), "w": (B,) or None}``.

        Row r is window r modulo M, of column r // M if columns share their weights.
        """
        number = torch.as_tensor(rows).to(self.device, non_blocking=True)
        window = number % self.n_windows
        channel = number // self.n_windows  # (B,)
        origin = self._origins[window]  # (B,)
        if self._shared:
            values = self._views[channel, origin][..., None]  # (B, L + H, 1)
        else:
            values = self._views[:, origin].permute(1, 2, 0)  # (B, L + H, C)
        n_past = self.table.window_length
        past_features = future_features = None
        if self._features is not None:
            features = self._features[origin].transpose(1, 2)  # (B, L + H, P)
            past_features = features[:, :n_past]
            if self.n_known:
                future_features = features[:, n_past:, : self.n_known]
        batch = WindowBatch(values[:, :n_past], past_features, future_features, channel)
        inputs = {"x": batch, "lengths": self._lengths.expand(len(rows))}
        weights = None if self._weights is None else self._weights[number]
        return inputs, {"y": values[:, n_past:], "w": weights}
