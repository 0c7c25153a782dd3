"""From a horizon as sktime knows it to steps ahead of the end of each series.

sktime counts from one cut-off, the latest end of a panel, and by periods, which time zones, gaps
and some frequencies do not have; here each series counts on its own steps from its own end.
Callers: the forecaster and `seqlearn.estimators.forecasting.state`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqlearn.data.grid import steps_in, steps_to
from seqlearn.data.series import TimeSeries
from seqlearn.errors import DataFormatError, NotAheadError

__all__ = ["steps_ahead", "steps_of_backtest"]


def steps_ahead(fh: Any, series: Sequence[TimeSeries]) -> np.ndarray:
    """Return how many steps after the end of each of N series a horizon asks for, (N, n).

    Parameters
    ----------
    fh : sktime.forecasting.base.ForecastingHorizon
        Numbers of steps, lengths of time, or time stamps, n of them.
    series : sequence of N TimeSeries

    Raises
    ------
    DataFormatError
        What is asked for is not on the steps of a series, which is named.
    NotAheadError
        It is not ahead.
    """
    asked = fh.to_pandas()
    if not fh.is_relative:
        return np.array([steps_to(one.index, asked, one.name) for one in series])
    if asked.dtype.kind == "m":
        steps = np.array([steps_in(asked, one.index, one.name) for one in series])
    else:
        steps = np.broadcast_to(asked.to_numpy(np.int64), (len(series), len(asked)))
    if steps.min(initial=1) < 1 or steps.size == 0:
        raise NotAheadError(
            f"fh={asked.tolist()} is not ahead. LSTMForecaster forecasts steps after the last "
            "one of y: pass ints of at least 1, for example fh=range(1, 13)."
        )
    return steps


def steps_of_backtest(fh: Any, series: Sequence[TimeSeries]) -> np.ndarray:
    """Return the steps ahead of every cut-off that a horizon asks for, ascending.

    Raises
    ------
    DataFormatError
        Time stamps are asked for: they are ahead of some cut-offs only.
    """
    if not fh.is_relative:
        raise DataFormatError(
            f"fh asks for the time stamps {fh.to_pandas()[0]} and so on, but backtest forecasts "
            "from many cut-offs. Ask for steps ahead of each: fh=range(1, 13)."
        )
    return steps_ahead(fh, series[:1])[0]
