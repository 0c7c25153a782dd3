"""Forecasters of other toolkits with their defaults, and the naive one, as functions of arrays.

A peer takes the past of each series of a list, the horizon and the season, and gives the forecasts
of each. Toolkits are imported where they run: they need not be installed, the tables say which
package each peer needs. The forecasting benchmark is the caller.
"""

import importlib.util
from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.peers.seasonal_naive import seasonal_naive

Peer = Callable[[list[np.ndarray], int, int], list[np.ndarray]]  # past, horizon, season

QUIET = {"enable_progress_bar": False, "enable_checkpointing": False, "logger": False}
QUIET["enable_model_summary"] = False
DARTS_WINDOWS = 10  # the last of each of many series; all, for its 100 epochs, would take hours


def is_installed(package: str | None) -> bool:
    """Whether what a peer needs is there; None is nothing."""
    return package is None or importlib.util.find_spec(package) is not None


def _naive(past: list[np.ndarray], horizon: int, season: int) -> list[np.ndarray]:
    return [seasonal_naive(series, season, horizon) for series in past]


def _auto_ets(past: list[np.ndarray], horizon: int, season: int) -> list[np.ndarray]:
    """The best of the exponential smoothing models, by sktime and statsmodels."""
    from sktime.forecasting.ets import AutoETS

    fh = range(1, horizon + 1)
    models = [AutoETS(auto=True, sp=season).fit(pd.Series(series), fh=fh) for series in past]
    return [model.predict().to_numpy() for model in models]


def _neuralforecast(past: list[np.ndarray], horizon: int, season: int) -> list[np.ndarray]:
    """The LSTM of neuralforecast with its defaults, which know of no season; one model for all.

    It looks back three horizons, or less where the shortest series would give no window.
    """
    from neuralforecast import NeuralForecast
    from neuralforecast.models import LSTM

    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(len(past)), [len(series) for series in past]),
            "ds": np.concatenate([np.arange(len(series)) for series in past]),
            "y": np.concatenate(past),
        }
    )
    look_back = min(3 * horizon, min(map(len, past)) - horizon)
    lstm = LSTM(h=horizon, input_size=look_back, random_seed=0, **QUIET)
    model = NeuralForecast([lstm], freq=1)
    model.fit(frame)
    predicted = model.predict()
    return [part.to_numpy() for _, part in predicted.groupby("unique_id")["LSTM"]]


def _darts(past: list[np.ndarray], horizon: int, season: int) -> list[np.ndarray]:
    """The BlockRNN of darts as an LSTM, three seasons back, series scaled, defaults otherwise."""
    from darts import TimeSeries
    from darts.dataprocessing.transformers import Scaler
    from darts.models import BlockRNNModel

    scaler = Scaler()
    series = scaler.fit_transform([TimeSeries.from_values(s.astype(np.float32)) for s in past])
    model = BlockRNNModel(
        model="LSTM",
        input_chunk_length=3 * season,
        output_chunk_length=horizon,
        random_state=0,
        pl_trainer_kwargs=QUIET,
    )
    model.fit(series, max_samples_per_ts=DARTS_WINDOWS if len(past) > 1 else None)
    predicted = scaler.inverse_transform(model.predict(horizon, series=series))
    return [one.values()[:, 0] for one in predicted]


LOCAL_PEERS: list[tuple[str, str | None, Peer]] = [("AutoETS (sktime)", "statsmodels", _auto_ets)]
GLOBAL_PEERS: list[tuple[str, str | None, Peer]] = [
    ("last season", None, _naive),
    ("neuralforecast LSTM", "neuralforecast", _neuralforecast),
    ("darts BlockRNN", "darts", _darts),
]
