"""Training on windows: which are trained on and which held out, and what is kept of it.

`WindowTraining` is the part of a forecaster that learns: a `ForecastState` and a net are what comes
of it. It asks `seqlearn.estimators.forecasting.settings` what "auto" means for the data.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqlearn.data.grid import steps_after
from seqlearn.data.series import TimeSeries, in_own_order, read_series, refuse_unobserved
from seqlearn.data.windows import SeriesTable, WindowDataset
from seqlearn.errors import DataFormatError
from seqlearn.estimators.forecasting.features import columns_of, feature_arrays, refuse_other_steps
from seqlearn.estimators.forecasting.horizon import steps_ahead
from seqlearn.estimators.forecasting.quantiles import sorted_levels
from seqlearn.estimators.forecasting.settings import (
    MANY_SERIES,
    Layout,
    auto_batch_size,
    auto_epochs,
    auto_segment_length,
    auto_window_length,
    season_of,
)
from seqlearn.estimators.forecasting.state import ForecastState
from seqlearn.estimators.forecasting.windows import WindowModel
from seqlearn.estimators.trainable import Trainable
from seqlearn.inputs.segments import SegmentInput
from seqlearn.modules.heads.segments import SegmentHead
from seqlearn.training.device import resolve_device
from seqlearn.training.net import SequenceNet
from seqlearn.training.randomness import Seeds

__all__ = ["WindowTraining"]


class WindowTraining(Trainable):
    """Learning of series, as the parameters of the estimator say."""

    model_: ForecastState
    _fh: Any  # the horizon, of sktime
    # <annotations: LSTMForecaster>
    hidden_size: int
    num_layers: int
    bidirectional: bool
    dropout: float
    backend: Any
    window_length: int | str
    segment_length: int | str
    normalization: str | None
    decoding: str
    copying: bool | str
    linear: bool | str
    share_channels: bool
    calendar: bool
    past_only: list | None
    max_epochs: int | str
    lr: float
    lr_schedule: str | None
    batch_size: int | str
    optimizer: Any
    weight_decay: float
    gradient_clip: float | None
    callbacks: list | None
    device: str
    dtype: str
    precision: str
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    loss: str
    quantiles: Any
    calibration: str | None
    random_state: Any
    verbose: int
    checkpoint: Any
    net_params: dict | None
    # </annotations>

    def _learn(self, y: Any, X: Any, fh: Any) -> tuple[ForecastState, SequenceNet]:
        """Train a network on all series of ``y``.

        Parameters
        ----------
        y, X : DataFrame
            Series and exogenous columns.
        fh : ForecastingHorizon or None
            What is asked for; None is one season, at least 12 steps.
        """
        known, past = columns_of(X, self.past_only)
        series = read_series(y, X, X_columns=[*known, *past])
        refuse_other_steps(X, series)
        for one in series:
            refuse_unobserved(one, list(y.columns))
        asked = None if fh is None else np.unique(steps_ahead(fh, series))
        ordered = in_own_order(series)
        horizon = None if asked is None else int(asked[-1])
        layout = self._layout(ordered, list(y.columns), known, past, horizon)
        features = feature_arrays(ordered, layout)
        for one in ordered:
            steps_after(one.index, layout.horizon)  # raises where there are none
        model = WindowModel(
            layout,
            self.normalization,
            bool(self.share_channels),
            self.dtype,
            sorted_levels(self.quantiles),
        )
        model, net = self._fit_windows(model, ordered, features)
        return ForecastState(model, {}, asked).keeping(series), net

    def _layout(
        self,
        series: Sequence[TimeSeries],
        columns: list,
        known: list,
        past_only: list,
        horizon: int | None,
    ) -> Layout:
        """Resolve every "auto" of the parameters from the series of fit.

        Parameters
        ----------
        series : sequence of TimeSeries
            What it is fitted on.
        columns, known, past_only : list
            Columns of y; of X that are known ahead; of X that are not.
        horizon : int or None
            Steps ahead; None is one season, at least 12.
        """
        lengths = [len(one.index) for one in series]
        season = season_of(series)
        horizon = horizon or max(season, 12)
        window, segment = self.window_length, self.segment_length
        auto_window = auto_window_length(int(np.median(lengths)), season, horizon)
        if isinstance(window, str):
            window = auto_window
        elif max(lengths) < window + horizon:
            warnings.warn(
                f"window_length={window} and a horizon of {horizon} steps are longer than the "
                f"longest series, of {max(lengths)} steps: every window begins with missing "
                f"values. Set a shorter window_length; 'auto' would be {auto_window}.",
                UserWarning,
                stacklevel=6,
            )
        if isinstance(segment, str):
            segment = auto_segment_length(window, season, horizon)
        many = len(series) >= MANY_SERIES
        return Layout(
            season=season,
            window_length=window,
            segment_length=min(segment, window),
            horizon=horizon,
            copying=many if self.copying == "auto" else bool(self.copying),
            linear=not many if self.linear == "auto" else bool(self.linear),
            columns=columns,
            known=known,
            past_only=past_only,
            calendar=bool(self.calendar),
        )

    def _after(
        self, state: ForecastState, net: SequenceNet, y: Any, X: Any, train: bool
    ) -> tuple[ForecastState, SequenceNet]:
        """Return what is known after further steps, with the network trained on if asked for."""
        joined, n_new = state.joined(y, X)
        model, layout = state.model.with_scales(joined), state.layout
        if train:
            span = layout.window_length + layout.horizon
            recent = [one.last(span + n_new[one.key]) for one in in_own_order(joined)]
            counts = [n_new[one.key] for one in recent]
            model, net = self._train_further(
                model, net, recent, feature_arrays(recent, layout), counts
            )
        return replace(state, model=model).keeping(joined), net

    def _fit_windows(
        self, model: WindowModel, series: Sequence[TimeSeries], features: Any
    ) -> tuple[WindowModel, SequenceNet]:
        """Train on all windows of all series; features are in the order of the layout."""
        model = model.with_scales(series).with_feature_scale(features)
        table, device = model.table(series, features), resolve_device(self.device)
        train, valid = self._split(model, table)
        held_out = model.dataset(table, valid, device) if len(valid) else None
        model, net = self._train(
            model,
            None,
            model.dataset(table, train, device, _weights(table, train)),
            held_out if self.early_stopping else None,
        )
        if held_out is not None and self.calibration == "conformal":
            model = model.calibrated(net, held_out)
        return model, net

    def _train_further(
        self,
        model: WindowModel,
        net: SequenceNet,
        series: Sequence[TimeSeries],
        features: Any,
        new: Sequence[int],
    ) -> tuple[WindowModel, SequenceNet]:
        """Train for one epoch, at a constant rate, on the windows that reach into new steps.

        Series are cut to the steps that those windows need; ``new`` says how many at the end of
        each are new.
        """
        table, parts = model.table(series, features), []
        for i, n_new in enumerate(new):
            n_steps = int(table.lengths[i])
            first, last = model.layout.origins(n_steps)
            oldest = n_steps - n_new - model.layout.horizon
            parts.append(table.origins(i, max(first, oldest), last))
        origins = _usable(table, np.concatenate(parts))
        if len(origins) == 0:
            return model, net
        dataset = model.dataset(table, origins, resolve_device(self.device))
        return self._train(model, net, dataset, None, one_epoch=True)

    def _split(self, model: WindowModel, table: SeriesTable) -> tuple[np.ndarray, np.ndarray]:
        """Windows to train on, and, if asked for, those of the last part of each series."""
        layout, gap = model.layout, model.layout.horizon
        hold_out = self.early_stopping or self.calibration == "conformal"
        if self.early_stopping:
            gap += layout.window_length
        own, held_out = [], []
        for i, n_steps in enumerate(table.lengths.tolist()):
            first, last = layout.origins(n_steps)
            if hold_out:
                n_valid = max(round(self.validation_fraction * (last - first + 1)), 1)
                held_out.append(table.origins(i, last - n_valid + 1, last))
                last -= n_valid + gap
            own.append(table.origins(i, first, last))
        train = _usable(table, np.concatenate(own))
        valid = _usable(table, np.concatenate(held_out or [np.zeros(0, np.int64)]))
        if len(train) and (len(valid) or not hold_out):
            return train, valid
        longest = int(table.lengths.max())
        if not hold_out:
            raise DataFormatError(
                f"The longest series has {longest} steps, and none of them has an observed value "
                "with another one after it within the horizon. At least 2 observed steps are "
                "needed to learn from."
            )
        what = "early_stopping=True" if self.early_stopping else "calibration='conformal'"
        needed = layout.least + layout.horizon
        needed += int(np.ceil((gap + 2) / (1 - self.validation_fraction)))
        raise DataFormatError(
            f"{what} holds out the last windows, {gap} steps after those of training, but the "
            f"longest series has {longest} steps. It needs about {needed} with "
            f"window_length={layout.window_length} and a horizon of {layout.horizon}: "
            "set a shorter window_length or horizon, or go without it."
        )

    def _train(
        self,
        model: WindowModel,
        before: SequenceNet | None,
        train: WindowDataset,
        valid: WindowDataset | None,
        *,
        one_epoch: bool = False,
    ) -> tuple[WindowModel, SequenceNet]:
        layout, levels = model.layout, model.levels
        n_columns = len(layout.columns)
        batch_size = self.batch_size
        if isinstance(batch_size, str):
            batch_size = auto_batch_size(len(train))
        max_epochs = self.max_epochs
        if isinstance(max_epochs, str):
            max_epochs = auto_epochs(len(train), batch_size, train.n_windows / layout.horizon)
        window = {
            "segment_length": layout.segment_length,
            "n_columns": 1 if model.share_channels else n_columns,
            "n_past_features": train.table.n_features,
        }
        of_input = {
            "output_size": self.hidden_size,
            "window_length": layout.window_length,
            "normalization": model.normalization,
        }
        of_head = {
            "n_segments": int(train.lengths[0]),
            "horizon": layout.horizon,
            "n_channels": n_columns if model.share_channels else 1,
            "n_future_features": train.n_known,
            "dropout": self.dropout,
            "quantiles": levels,
            "decoding": self.decoding,
            "copying": layout.copying,
            "linear": layout.linear,
            "point_is_median": self.loss == "absolute_error" and 0.5 in (levels or ()),
            "loss": self.loss,
        }
        net = self._make_net(
            train,
            valid,
            input=(SegmentInput, of_input | window),
            head=(SegmentHead, of_head | window),
            readout="last",
            seeds=Seeds(self.random_state, stream=len(model.history)),
            batch_size=batch_size,
            max_epochs=max_epochs,
            one_epoch=one_epoch,
        )
        if before is not None:
            net.continue_from(before)
        history = self._end_training(
            net, net.train(train, self._checkpoints(one_epoch)), model.history, stacklevel=8
        )
        return replace(model, history=history), net


def _usable(table: SeriesTable, origins: np.ndarray) -> np.ndarray:
    """Leave out windows in which nothing is observed before, or nothing after, the origin."""
    before, after = table.observed(origins)
    return origins[(before > 0) & (after > 0)]


def _weights(table: SeriesTable, origins: np.ndarray) -> np.ndarray:
    """Weigh the windows of a series by one over the root of their number, mean 1."""
    series = table.series_of(origins)
    weights = np.bincount(series)[series] ** -0.5
    return weights / weights.mean()
