"""What a forecaster knows of windows: their shape, the scales of series, shifts of quantiles.

A `WindowModel` makes windows of series for a network and numbers in the units of y of what the
network says of them. It knows neither pandas frames as a user gives them nor sktime.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seqlearn.data.column_statistics import (
    mean_and_deviation,
    or_constant,
    refuse_drowned,
    refuse_far,
)
from seqlearn.data.plain import Record
from seqlearn.data.series import TimeSeries
from seqlearn.data.windows import SeriesTable, WindowDataset
from seqlearn.estimators.forecasting.quantiles import around, at_levels, conformal_shifts
from seqlearn.estimators.forecasting.settings import Layout
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.net import SequenceNet
from seqlearn.training.prediction import predict

__all__ = ["WindowModel"]

PREDICT_VALUES = 4_000_000  # values of windows and forecasts held at once
AS_GIVEN = ", or with normalization=None as it was given"
NORMALIZE = "Set normalization='window' or 'series', or take its level away."


@dataclass(frozen=True, eq=False)
class WindowModel(Record):
    """What is known besides the weights of the net; it is never changed.

    Attributes
    ----------
    layout : Layout
        The shape of windows.
    normalization, share_channels, dtype
        As in the forecaster that was fitted.
    levels : tuple of float or None
        Levels of the quantiles that are learned, ascending.
    scales : dict
        Level and scale that a series is stored in, (C,) each, by its key.
    feature_scale : tuple of two ndarray of shape (P,), or None
        Mean and spread of features.
    shifts : ndarray of shape (H, Q) or None
        What calibration adds to quantiles, relative to the scale.
    history : list of dict
        One row an epoch.
    """

    layout: Layout
    normalization: str | None
    share_channels: bool
    dtype: str
    levels: tuple[float, ...] | None
    scales: dict[Any, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    feature_scale: tuple[np.ndarray, np.ndarray] | None = None
    shifts: np.ndarray | None = None
    history: list[dict[str, float]] = field(default_factory=list)

    def with_scales(self, series: Sequence[TimeSeries], *, again: bool = False) -> "WindowModel":
        """Return one that knows level and scale of new series too, or ``again`` of all."""
        new = {}
        for one in series:
            if again or one.key not in self.scales:
                if self.normalization is None:
                    dtype, columns = np.dtype(self.dtype), self.layout.columns
                    refuse_drowned(one.values, dtype, columns, one.name, NORMALIZE)
                new[one.key] = self.scale_of(one.values)
        return replace(self, scales={**self.scales, **new})

    def scale_of(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the level and scale that a series is stored in, (C,) each."""
        if self.normalization is None:
            return np.zeros(values.shape[1]), np.ones(values.shape[1])
        return _mean_and_scale(values)

    def with_feature_scale(self, features: Sequence[np.ndarray] | None) -> "WindowModel":
        """Return one that knows mean and spread of features, (T_i, P) of each series."""
        if features is None:
            return self
        return replace(self, feature_scale=_mean_and_scale(np.concatenate(features)))

    def calibrated(self, net: SequenceNet, held_out: WindowDataset) -> "WindowModel":
        """Return one that shifts quantiles so that they cover what they say on some windows."""
        outputs = self._outputs(net, held_out, "all")[..., 1:]  # (M, H, C, Q + 1)
        rows = np.arange(held_out.n_windows)
        targets = [
            held_out[rows + column * held_out.n_windows][1]["y"].cpu().numpy()
            for column in range(held_out.n_channels)
        ]
        true = np.concatenate(targets, axis=2)  # (M, H, C)
        errors = (true[..., None] - outputs[..., :-1]) / outputs[..., -1:]  # (M, H, C, Q)
        return replace(self, shifts=conformal_shifts(errors, self.levels or ()))

    @torch_defaults()
    def forecast(
        self,
        net: SequenceNet,
        series: Sequence[TimeSeries],
        features: Any,
        ends: Sequence[np.ndarray] | None = None,
        *,
        levels: Sequence[float] | None = None,
    ) -> np.ndarray:
        """Forecast the whole horizon from the end of each series, or from other steps of it.

        Parameters
        ----------
        net : SequenceNet
            The trained one.
        series : sequence of TimeSeries
            History; only the last window of it is needed to forecast from the end.
        features : list of ndarray of shape (T_i + H, P) or None
            Features of the same steps and of the horizon after them.
        ends : sequence of ndarray of int, optional
            The last known steps of the windows of each series; by default its own last step.
        levels : sequence of float, optional
            Quantiles to return, instead of the point forecast.

        Returns
        -------
        ndarray of shape (M, H, C) or (M, H, C, Q)
            In the units of y, windows in the order of series and ends.
        """
        table = self.table(series, features)
        if ends is None:
            ends = [np.array([n - 1]) for n in table.lengths.tolist()]
        origins = np.concatenate([table.starts[i] + steps + 1 for i, steps in enumerate(ends)])
        dataset = self.dataset(table, origins, str(net.device))
        mean, scale = self._scales_of(series, [len(steps) for steps in ends])  # (M, 1, C)
        if levels is None:
            return self._outputs(net, dataset, "point")[..., 0] * scale + mean  # (M, H, C)
        values, point = self._quantiles(net, dataset)  # (M, H, C, K), (M, H, C, 1)
        found = around(point, at_levels(values, self.levels or (), levels), levels)
        return found * scale[..., None] + mean[..., None]

    def table(
        self, series: Sequence[TimeSeries], features: Sequence[np.ndarray] | None
    ) -> SeriesTable:
        """Return series and their features on their scales, to cut windows from."""
        dtype, values = np.dtype(self.dtype), []
        for one in series:
            mean, scale = self.scales[one.key]
            values.append((one.values - mean) / scale)
            refuse_far(values[-1], dtype, one.name, AS_GIVEN)
        if features is not None and self.feature_scale is not None:
            mean, scale = self.feature_scale
            features = [(part - mean) / scale for part in features]
            for one, part in zip(series, features, strict=True):
                refuse_far(part, dtype, f"X of {one.name}")
        return SeriesTable(
            values,
            features,
            window_length=self.layout.window_length,
            horizon=self.layout.horizon,
            dtype=dtype,
        )

    def dataset(
        self,
        table: SeriesTable,
        origins: np.ndarray,
        device: str,
        weights: np.ndarray | None = None,
    ) -> WindowDataset:
        """Return the windows of some origins, to train or predict on."""
        layout = self.layout
        return WindowDataset(
            table,
            origins,
            share_channels=self.share_channels,
            n_known=table.n_features - len(layout.past_only),
            n_segments=-(-layout.window_length // layout.segment_length),
            weights=weights,
            device=device,
        )

    def _quantiles(self, net: SequenceNet, dataset: WindowDataset) -> tuple[np.ndarray, np.ndarray]:
        """Return quantiles of the network's own levels in series units, and its point forecast."""
        outputs = self._outputs(net, dataset, "all")
        point, values, scale = outputs[..., :1], outputs[..., 1:-1], outputs[..., -1:]
        if self.shifts is not None:
            values = np.sort(values + self.shifts[:, None] * scale, axis=-1)
        return values, point

    def _outputs(self, net: SequenceNet, dataset: WindowDataset, what: str) -> np.ndarray:
        """Return what the head reads of each window, (M, H, C, ...) in double precision."""
        row = self.layout.window_length + self.layout.horizon * (2 + len(self.levels or ()))
        n_rows = min(max(PREDICT_VALUES // row, 1), len(dataset))
        outputs = predict(net, dataset, n_rows=n_rows, what=what)
        if self.share_channels:  # (C M, H, 1, ...)
            outputs = outputs.reshape(-1, dataset.n_windows, *outputs.shape[1:])
            outputs = np.moveaxis(outputs[:, :, :, 0], 0, 2)
        return outputs.astype(np.float64)

    def _scales_of(self, series, counts) -> tuple[np.ndarray, np.ndarray]:
        pairs = [self.scales[one.key] for one in series]
        mean, scale = (np.repeat([pair[i] for pair in pairs], counts, axis=0) for i in (0, 1))
        return mean[:, None], scale[:, None]  # (M, 1, C)


def _mean_and_scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; its size where it does not vary; NaN left out."""
    mean, spread, largest = mean_and_deviation(values)
    return mean, or_constant(spread, largest, np.where(largest > 0, largest, 1.0))
