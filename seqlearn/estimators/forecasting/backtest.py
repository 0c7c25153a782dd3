"""Forecasts from every cut-off of a series at once: the batched pass behind
`LSTMForecaster.backtest`.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from seqlearn.data.series import panel_index
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.forecasting.features import feature_arrays
from seqlearn.estimators.forecasting.horizon import steps_of_backtest
from seqlearn.estimators.forecasting.state import ForecastState, refuse_far_steps
from seqlearn.training.net import SequenceNet

__all__ = ["backtest"]


def backtest(
    state: ForecastState,
    net: SequenceNet,
    y: Any,
    X: Any,
    fh: Any,
    *,
    stride: int,
    initial_window: int | None,
    alpha: Any,
) -> pd.DataFrame:
    """Return forecasts from all cut-offs of ``y``, as `LSTMForecaster.backtest` describes them.

    Parameters
    ----------
    state : ForecastState
        What is known of the series of fit.
    net : SequenceNet
        The trained one.
    y, X : DataFrame
        What is forecast, and what is known besides.
    fh : ForecastingHorizon or None
        Steps ahead, up to the model's horizon; by default those of fit.
    stride, initial_window, alpha
        As in `LSTMForecaster.backtest`.
    """
    layout, model = state.layout, state.model
    y = y.to_frame() if isinstance(y, pd.Series) else y
    X = X.to_frame() if isinstance(X, pd.Series) else X
    first = layout.window_length if initial_window is None else initial_window
    for name, value in (("stride", stride), ("initial_window", first)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            raise InvalidParameterError(f"{name} must be an int >= 1. Got {value!r} instead.")
    if not isinstance(y, pd.DataFrame):
        raise DataFormatError(
            f"y is a {type(y).__name__}; backtest needs a Series or DataFrame with the time stamps "
            "in its index."
        )
    if alpha is not None:
        alpha = [alpha] if np.isscalar(alpha) else list(alpha)
        if model.levels is None:
            raise InvalidParameterError(f"alpha={alpha}, but quantiles=None; refit with quantiles.")
        if not alpha or not all(0 < level < 1 for level in alpha):
            raise InvalidParameterError(
                f"alpha={alpha}; give at least one level, and all of them in (0, 1)."
            )
    keys: set[Any] = {None}
    if y.index.nlevels > 1:
        keys = {k if isinstance(k, tuple) else (k,) for k in y.index.droplevel(-1).unique()}
    # Series of fit are read on their steps, and others on those that they show.
    step = state.step_for(y) if keys <= set(state.last) else None
    series = state.read(y, X, "backtest", step)
    steps: Any = state.asked if fh is None else steps_of_backtest(fh, series)
    refuse_far_steps(layout, int(steps[-1]))
    ends = [np.arange(first - 1, len(one.index) - steps[-1], stride) for one in series]
    if not any(len(some) for some in ends):
        longest = max(len(one.index) for one in series)
        raise DataFormatError(
            f"y has {longest} steps, but backtest needs {first + steps[-1]}: {first} before the "
            f"first cut-off and {steps[-1]} after the last. Pass a longer y, or a shorter "
            "initial_window."
        )
    new = [one for one in series if one.key not in model.scales]
    scales = {one.key: model.scale_of(one.values[:first]) for one in new}
    model = replace(model, scales={**model.scales, **scales})
    ahead = [np.full((layout.horizon, len(layout.known)), np.nan)] * len(series)
    arrays = feature_arrays(series, layout, ahead)
    values = model.forecast(net, series, arrays, ends, levels=alpha)[:, steps - 1]  # (M, n, C, ...)
    values = np.moveaxis(values, 2, 1)  # (M, C, n, ...)
    names = {"variable": list(y.columns), "step": steps}
    if alpha is not None:
        names["alpha"] = list(alpha)
    columns = pd.MultiIndex.from_product(names.values(), names=names.keys())
    stamps = [one.index[some] for one, some in zip(series, ends, strict=True)]
    if series[0].key is None:
        index = stamps[0].rename("cutoff")
    else:
        index = panel_index([one.key for one in series], stamps)
        index.names = [*y.index.names[:-1], "cutoff"]
    return pd.DataFrame(values.reshape(len(values), -1), index=index, columns=columns)
