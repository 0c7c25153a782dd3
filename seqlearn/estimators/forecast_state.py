"""What a forecaster knows after ``fit``: a trained network, and the last window of each series.

A `ForecastState` is never changed; learning, taking in new steps or other series give a new one,
so that what fails leaves the old one in place. It reads frames; `forecast_training` has the
network and the scales, `seqlearn.estimators.forecaster` speaks to sktime.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqlearn.data.plain import PlainState
from seqlearn.data.series import (
    TimeSeries,
    panel_index,
    read_series,
    refuse_unobserved,
    steps_after,
)
from seqlearn.errors import DataFormatError
from seqlearn.estimators.forecast_features import (
    columns_of,
    feature_arrays,
    refuse_new_columns,
    refuse_other_columns,
    refuse_other_steps,
    rows_ahead,
)
from seqlearn.estimators.forecast_settings import Layout, layout_for
from seqlearn.estimators.forecast_training import WindowForecaster

__all__ = ["ForecastState", "refuse_other_series"]


@dataclass(frozen=True)
class ForecastState(PlainState):
    """A trained network and the series it forecasts.

    Parameters
    ----------
    model : WindowForecaster
        The network.
    last : dict
        The last window and horizon of each series, by its key.
    """

    model: WindowForecaster
    last: dict[Any, TimeSeries]

    @property
    def layout(self) -> Layout:
        """The shape of windows."""
        return self.model.layout

    @classmethod
    def learn(cls, params: Any, y: Any, X: Any, horizon: int | None) -> "ForecastState":
        """Train a network on all series of ``y``.

        Parameters
        ----------
        params : LSTMForecaster
            Its parameters.
        y, X : DataFrame
            Series and exogenous columns.
        horizon : int or None
            Steps ahead; None is one season, at least 12.
        """
        known, past = columns_of(X, params.past_only)
        series = read_series(y, X, X_columns=[*known, *past])
        refuse_other_steps(X, series)
        for one in series:
            refuse_unobserved(one, list(y.columns))
        layout = layout_for(
            params,
            series,
            columns=list(y.columns),
            known=known,
            past_only=past,
            horizon=horizon,
        )
        model = WindowForecaster(params, layout)
        model.fit(params, series, feature_arrays(series, layout))
        return cls(model, {})._keeping(series)

    def of(self, y: Any, X: Any, horizon: int) -> "ForecastState":
        """Return the same network, to forecast the series of ``y`` ``horizon`` steps ahead."""
        layout = self.layout
        refuse_other_series(layout, y, horizon)
        series = self._read(y, X, "fit")
        for one in series:
            refuse_unobserved(one, list(y.columns))
        model = self.model.copy()
        model.learn_scales(series, again=True)
        return ForecastState(model, {})._keeping(series)

    def after(self, params: Any, y: Any, X: Any, *, train: bool) -> "ForecastState":
        """Return what is known after further steps, with the network trained on if asked for."""
        refuse_other_series(self.layout, y, self.layout.horizon)
        freq = next((one.freq for one in self.last.values()), None)
        new = self._read(y, X, "update", freq)
        refuse_other_levels(self.last, new[0].key)
        joined = [
            self.last[one.key].followed_by(one) if one.key in self.last else one for one in new
        ]
        model = self.model.copy()
        model.learn_scales(joined)
        if train:
            counts = [len(one.index) for one in new]
            span = self.layout.window_length + self.layout.horizon
            recent = [one.last(span + n) for one, n in zip(joined, counts, strict=True)]
            model.go_on(params, recent, feature_arrays(recent, self.layout), counts)
        return replace(self, model=model)._keeping(joined)

    def forecast(
        self, X: Any, steps: np.ndarray, levels: Sequence[float] | None = None
    ) -> np.ndarray:
        """Return forecasts, or quantiles, of every series, (N, n, C) or (N, n, C, Q).

        Parameters
        ----------
        X : DataFrame or None
            Exogenous columns at the steps ahead.
        steps : ndarray of n int
            Steps ahead.
        levels : sequence of float, optional
            Levels of quantiles.
        """
        series = [one.last(self.layout.window_length) for one in self.last.values()]
        ahead = rows_ahead(X, series, self.layout, steps)
        features = feature_arrays(series, self.layout, ahead)
        return self.model.forecast(series, features, levels=levels)[:, steps - 1]

    def stamps(self, steps: np.ndarray) -> Any:
        """Return the index of forecasts of a panel: each key with its own time stamps ahead."""
        series = self.last.values()
        ahead = [steps_after(one.index, self.layout.horizon) for one in series]
        if None in self.last:
            return ahead[0][steps - 1]
        return panel_index([one.key for one in series], [part[steps - 1] for part in ahead])

    def _read(self, y: Any, X: Any, method: str, freq: Any = None) -> list[TimeSeries]:
        columns = [*self.layout.known, *self.layout.past_only]
        refuse_other_columns(X, columns, method)
        refuse_new_columns(X, self.layout)
        series = read_series(y, X, X_columns=columns, freq=freq)
        refuse_other_steps(X, series)
        return series

    def _keeping(self, series: Sequence[TimeSeries]) -> "ForecastState":
        n = self.layout.window_length + self.layout.horizon
        return replace(self, last={**self.last, **{one.key: one.last(n) for one in series}})


def refuse_other_levels(last: dict[Any, TimeSeries], key: Any) -> None:
    """Raise a DataFormatError if y of update is a panel where that of fit was not, or alike."""
    known = next(iter(last), key)
    before, now = (0 if one is None else len(one) for one in (known, key))
    if before != now:
        raise DataFormatError(
            f"The index of y has {now} levels above its time stamps, but had {before} in fit. "
            "Update with y of the same form; one series of a panel is y.loc[[key]]."
        )


def refuse_other_series(layout: Layout, y: Any, horizon: int) -> None:
    """Raise a DataFormatError if y has other columns than the network, or fh goes further."""
    if y.shape[1] != len(layout.columns):
        raise DataFormatError(
            f"y has {y.shape[1]} columns, but the network was trained on {len(layout.columns)}: "
            f"{layout.columns}."
        )
    moved = [
        name
        for name, known in zip(y.columns, layout.columns, strict=True)
        if name != known and name in layout.columns
    ]
    if moved:
        raise DataFormatError(
            f"y has the columns {list(y.columns)}, but the network was trained on "
            f"{layout.columns}. Give the same columns in the same order: y[{layout.columns}]."
        )
    if horizon > layout.horizon:
        raise DataFormatError(
            f"fh goes {horizon} steps ahead, but the network was trained for {layout.horizon}: "
            "pass the longer fh where it is trained."
        )
