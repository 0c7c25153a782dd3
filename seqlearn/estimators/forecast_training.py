"""From series to a trained network of forecasts, and from a window to numbers in the units of y.

`WindowForecaster` knows windows, scales and quantiles; it knows neither pandas frames as a user
gives them nor sktime, which `seqlearn.estimators.forecaster` speaks. It asks
`seqlearn.estimators.forecast_settings` what "auto" means for the data.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from seqlearn.data.plain import PlainState
from seqlearn.data.series import TimeSeries
from seqlearn.data.spread import mean_and_spread, or_constant, refuse_drowned, refuse_far
from seqlearn.data.windows import SeriesTable, WindowDataset
from seqlearn.errors import DataFormatError
from seqlearn.estimators.fitting import net_settings, tell_of_early_end
from seqlearn.estimators.forecast_settings import Layout, auto_batch_size, auto_epochs
from seqlearn.estimators.quantiles import around, at_levels, conformal_shifts, sorted_levels
from seqlearn.inputs.segments import SegmentInput
from seqlearn.modules.heads.segments import SegmentHead
from seqlearn.registry import resolve_backend
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.device import resolve_device
from seqlearn.training.net import SequenceNet, make_net
from seqlearn.training.prediction import predict
from seqlearn.training.randomness import Seeds

__all__ = ["WindowForecaster"]

PREDICT_VALUES = 4_000_000  # values of windows and forecasts held at once
AS_GIVEN = ", or with normalization=None as it was given"
NORMALIZE = "Set normalization='window' or 'series', or take its level away."


class WindowForecaster(PlainState):
    """A trained network and the scales it was trained in.

    Parameters
    ----------
    params : LSTMForecaster
        Where the parameters of training are read.
    layout : Layout
        The shape of windows.
    """

    def __init__(self, params: Any, layout: Layout):
        self.layout = layout
        self.normalization = params.normalization
        self.share_channels = bool(params.share_channels)
        self.levels = sorted_levels(params.quantiles)
        self.dtype = np.dtype(params.dtype)
        self.net: SequenceNet | None = None
        self.history: list[dict[str, float]] = []
        self.scales: dict[Any, tuple[np.ndarray, np.ndarray]] = {}
        self.shifts: np.ndarray | None = None
        self.feature_mean = self.feature_scale = None

    def fit(self, params: Any, series: Sequence[TimeSeries], features: Any) -> "WindowForecaster":
        """Train on all windows of all series.

        Parameters
        ----------
        params : LSTMForecaster
            Where the parameters of training are read.
        series : sequence of TimeSeries
            What to learn from.
        features : list of ndarray of shape (T_i, P) or None
            Columns of features of the same steps, in the order of the layout.
        """
        self.learn_scales(series)
        if features is not None:
            stacked = np.concatenate(features)
            self.feature_mean, self.feature_scale = _mean_and_scale(stacked)
        table, device = self._table(series, features), resolve_device(params.device)
        train, valid = self._split(params, table)
        held_out = self._dataset(table, valid, device) if len(valid) else None
        self._train(
            params,
            self._dataset(table, train, device, self._weights(table, train)),
            held_out if params.early_stopping else None,
        )
        if params.calibration == "conformal":
            self.shifts = self._calibrated(held_out)
        return self

    def go_on(self, params: Any, series: Sequence[TimeSeries], features: Any, new: Sequence[int]):
        """Train for one epoch, at a constant rate, on the windows that reach into new steps.

        Parameters
        ----------
        params, series, features
            As in `fit`; series are cut to the steps that those windows need.
        new : sequence of int
            How many steps at the end of each series are new.
        """
        self.learn_scales(series)
        table = self._table(series, features)
        parts = []
        for i, n_new in enumerate(new):
            first, last = self._range(int(table.lengths[i]))
            oldest = int(table.lengths[i]) - n_new - self.layout.horizon
            parts.append(table.origins(i, max(first, oldest), last))
        origins = self._usable(table, np.concatenate(parts))
        if len(origins):
            dataset = self._dataset(table, origins, resolve_device(params.device))
            self._train(params, dataset, None, one_epoch=True)

    @torch_defaults()
    def forecast(
        self,
        series: Sequence[TimeSeries],
        features: Any,
        ends: Sequence[np.ndarray] | None = None,
        *,
        levels: Sequence[float] | None = None,
    ) -> np.ndarray:
        """Forecast the whole horizon from the end of each series, or from other steps of it.

        Parameters
        ----------
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
        table = self._table(series, features)
        if ends is None:
            ends = [np.array([n - 1]) for n in table.lengths.tolist()]
        origins = np.concatenate([table.starts[i] + steps + 1 for i, steps in enumerate(ends)])
        dataset = self._dataset(table, origins, self.device)
        mean, scale = self._scales_of(series, [len(steps) for steps in ends])  # (M, 1, C)
        if levels is None:
            return self._outputs(dataset, "point")[..., 0] * scale + mean  # (M, H, C)
        values, point = self._quantiles(dataset)  # (M, H, C, K), (M, H, C, 1)
        found = around(point, at_levels(values, self.levels, levels), levels)
        return found * scale[..., None] + mean[..., None]

    @property
    def loss_curve(self) -> list[float]:
        """Training loss of each epoch."""
        return [row["train_loss"] for row in self.history]

    @property
    def n_iter(self) -> int:
        """Epochs trained."""
        return len(self.history)

    @property
    def device(self) -> str:
        """Where the network is."""
        return str(self.net.device)

    def learn_scales(self, series: Sequence[TimeSeries], *, again: bool = False) -> None:
        """Remember level and spread of each series that is not known yet, or of all."""
        for one in series:
            if again or one.key not in self.scales:
                if self.normalization is None:
                    columns = self.layout.columns
                    refuse_drowned(one.values, self.dtype, columns, one.name, NORMALIZE)
                self.scales[one.key] = self.scale_of(one.values)

    def copy(self) -> "WindowForecaster":
        """Return one that can learn further series or train on without changing this one."""
        other = copy.copy(self)
        other.scales = dict(self.scales)
        return other

    def scale_of(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the level and spread that a series is stored in, (C,) each."""
        if self.normalization is None:
            return np.zeros(values.shape[1]), np.ones(values.shape[1])
        return _mean_and_scale(values)

    # Windows.

    def _table(self, series, features) -> SeriesTable:
        values = []
        for one in series:
            mean, scale = self.scales[one.key]
            values.append((one.values - mean) / scale)
            refuse_far(values[-1], self.dtype, one.name, AS_GIVEN)
        if features is not None:
            features = [(part - self.feature_mean) / self.feature_scale for part in features]
            for one, part in zip(series, features, strict=True):
                refuse_far(part, self.dtype, f"X of {one.name}")
        return SeriesTable(
            values,
            features,
            window_length=self.layout.window_length,
            horizon=self.layout.horizon,
            after=self.layout.horizon,
            dtype=self.dtype,
        )

    @property
    def _least(self) -> int:
        """Steps of the past that are enough to learn from: one season."""
        season, length = self.layout.season, self.layout.window_length
        return min(season, length) if season > 1 else length

    def _range(self, n_steps: int) -> tuple[int, int]:
        """First and last step that a window of training may end its past with.

        A past of one season is enough, what a window lacks counts as missing: in a short series
        those windows are many. One too short for even that and a horizon gives what it has.
        """
        horizon = self.layout.horizon
        first = max(min(self._least, n_steps - horizon), 1) - 1
        return first, n_steps - horizon - 1 if n_steps >= self._least + horizon else n_steps - 2

    def _split(self, params: Any, table: SeriesTable) -> tuple[np.ndarray, np.ndarray]:
        """Windows to train on, and, if asked for, those of the last part of each series."""
        hold_out = params.early_stopping or params.calibration == "conformal"
        gap = self.layout.horizon
        if params.early_stopping:
            gap += self.layout.window_length
        train, valid = [], []
        for i, n_steps in enumerate(table.lengths.tolist()):
            first, last = self._range(n_steps)
            if hold_out:
                n_valid = max(round(params.validation_fraction * (last - first + 1)), 1)
                valid.append(table.origins(i, last - n_valid + 1, last))
                last -= n_valid + gap
            train.append(table.origins(i, first, last))
        train, valid = self._usable(table, np.concatenate(train)), np.concatenate(valid or [[]])
        valid = self._usable(table, valid.astype(np.int64))
        if len(train) == 0 or (hold_out and len(valid) == 0):
            raise DataFormatError(self._too_short(params, table, hold_out, gap))
        return train, valid

    def _too_short(self, params: Any, table: SeriesTable, hold_out: bool, gap: int) -> str:
        longest = int(table.lengths.max())
        if not hold_out:
            return (
                f"The longest series has {longest} steps, and none of them has an observed value "
                "with another one after it within the horizon. At least 2 observed steps are "
                "needed to learn from."
            )
        what = "early_stopping=True" if params.early_stopping else "calibration='conformal'"
        kept = 1 - params.validation_fraction
        needed = self._least + self.layout.horizon + int(np.ceil((gap + 2) / kept))
        return (
            f"{what} holds out the last windows, {gap} steps after those of training, but the "
            f"longest series has {longest} steps. It needs about {needed} with "
            f"window_length={self.layout.window_length} and a horizon of {self.layout.horizon}: "
            "set a shorter window_length or horizon, or go without it."
        )

    def _usable(self, table: SeriesTable, origins: np.ndarray) -> np.ndarray:
        """Leave out windows in which nothing is observed before, or nothing after, the origin."""
        before, after = table.observed(origins)
        return origins[(before > 0) & (after > 0)]

    def _weights(self, table: SeriesTable, origins: np.ndarray) -> np.ndarray:
        """Weigh the windows of a series by one over the root of their number, mean 1."""
        series = table.series_of(origins)
        weights = np.bincount(series)[series] ** -0.5
        return weights / weights.mean()

    def _dataset(self, table, origins, device: str, weights=None) -> WindowDataset:
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

    # The network.

    def _train(self, params, train, valid, *, one_epoch: bool = False) -> None:
        layout = self.layout
        n_columns = len(layout.columns)
        batch_size = params.batch_size
        if batch_size == "auto":
            batch_size = auto_batch_size(len(train))
        max_epochs = 1 if one_epoch else params.max_epochs
        if max_epochs == "auto":
            max_epochs = auto_epochs(len(train), batch_size, train.n_windows / layout.horizon)
        levels = self.levels
        window = {
            "segment_length": layout.segment_length,
            "n_columns": 1 if self.share_channels else n_columns,
            "n_past_features": train.table.n_features,
        }
        net = make_net(
            train,
            valid,
            lr_schedule=None if one_epoch else params.lr_schedule,
            network={
                "input": (
                    SegmentInput,
                    {
                        "output_size": params.hidden_size,
                        "window_length": layout.window_length,
                        "normalization": self.normalization,
                        **window,
                    },
                ),
                "encoder": {
                    "backend": resolve_backend(params.backend),
                    "hidden_size": params.hidden_size,
                    "num_layers": params.num_layers,
                    "bidirectional": bool(params.bidirectional),
                    "dropout": params.dropout,
                    "readout": "last",
                },
                "head": (
                    SegmentHead,
                    {
                        "n_segments": int(train.lengths[0]),
                        "horizon": layout.horizon,
                        "n_channels": n_columns if self.share_channels else 1,
                        "n_future_features": train.n_known,
                        "dropout": params.dropout,
                        "quantiles": levels,
                        "decoding": params.decoding,
                        "copying": layout.copying,
                        "linear": layout.linear,
                        "point_is_median": params.loss == "absolute_error"
                        and 0.5 in (levels or ()),
                        "loss": params.loss,
                        **window,
                    },
                ),
            },
            seeds=Seeds(params.random_state, stream=len(self.history)),
            dtype=getattr(torch, params.dtype),
            max_epochs=max_epochs,
            batch_size=batch_size,
            device=str(train.device),
            **net_settings(params),
        )
        if self.net is not None:
            net.continue_from(self.net)
        tell_of_early_end(params, net, net.train(train), stacklevel=8)
        rows = enumerate([*self.history, *net.epochs()], start=1)
        self.history = [{**row, "epoch": epoch} for epoch, row in rows]
        self.net = net

    def _quantiles(self, dataset: WindowDataset) -> tuple[np.ndarray, np.ndarray]:
        """Return quantiles of the network's own levels in series units, and its point forecast."""
        outputs = self._outputs(dataset, "all")
        point, values, scale = outputs[..., :1], outputs[..., 1:-1], outputs[..., -1:]
        if self.shifts is not None:
            values = np.sort(values + self.shifts[:, None] * scale, axis=-1)
        return values, point

    def _outputs(self, dataset: WindowDataset, what: str) -> np.ndarray:
        """Return what the head reads of each window, (M, H, C, ...) in double precision."""
        row = self.layout.window_length + self.layout.horizon * (2 + len(self.levels or ()))
        n_rows = min(max(PREDICT_VALUES // row, 1), len(dataset))
        outputs = predict(self.net, dataset, n_rows=n_rows, what=what)
        if self.share_channels:  # (C M, H, 1, ...)
            outputs = outputs.reshape(-1, dataset.n_windows, *outputs.shape[1:])
            outputs = np.moveaxis(outputs[:, :, :, 0], 0, 2)
        return outputs.astype(np.float64)

    def _calibrated(self, held_out: WindowDataset) -> np.ndarray:
        """Return what is added to each quantile at each step ahead, relative to the scale."""
        outputs = self._outputs(held_out, "all")[..., 1:]  # (M, H, C, Q + 1)
        rows = np.arange(held_out.n_windows)
        targets = [
            held_out[rows + column * held_out.n_windows][1]["y"].cpu().numpy()
            for column in range(held_out.n_channels)
        ]
        true = np.concatenate(targets, axis=2)  # (M, H, C)
        errors = (true[..., None] - outputs[..., :-1]) / outputs[..., -1:]  # (M, H, C, Q)
        return conformal_shifts(errors, self.levels)

    def _scales_of(self, series, counts) -> tuple[np.ndarray, np.ndarray]:
        pairs = [self.scales[one.key] for one in series]
        mean, scale = (np.repeat([pair[i] for pair in pairs], counts, axis=0) for i in (0, 1))
        return mean[:, None], scale[:, None]  # (M, 1, C)


def _mean_and_scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; its size where it does not vary; NaN left out."""
    mean, spread, largest = mean_and_spread(values)
    return mean, or_constant(spread, largest, np.where(largest > 0, largest, 1.0))
