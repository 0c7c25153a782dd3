"""One step of the streams of a forecaster: an observation of every series, and forecasts after it.

A stream begins at the end of the series of ``fit`` and keeps the last window and horizon of it, so
that a step costs the same however long it is.

Shape letters besides the usual: C columns of y, P columns of X, K of them known ahead, H steps
ahead that are asked for.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from seqlearn.data.grid import extended
from seqlearn.data.messages import listed
from seqlearn.data.one_step import finite_step, read_step, refuse_width
from seqlearn.data.series import TimeSeries
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.forecasting.features import feature_arrays
from seqlearn.estimators.forecasting.state import ForecastState
from seqlearn.streaming.steps import Steps

__all__ = ["ForecastSteps"]


class ForecastSteps(Steps):
    """One step of a forecaster; its state is the end of each series, a tuple of `TimeSeries`.

    Parameters
    ----------
    owner, net, n_streams
        As in `Steps`; of a single series there may be several streams, which all begin at its end.
    known : ForecastState
        What forecasts the series of fit.
    """

    def __init__(self, owner: str, net: Any, n_streams: int, known: ForecastState):
        super().__init__(owner, net, n_streams)
        self.known, self.names = known, known.layout.columns
        self.asked = np.asarray(known.asked, np.int64)

    def begin(self) -> tuple[TimeSeries, ...]:
        """Return the ends of the series of fit."""
        series = tuple(self.known.last.values())
        return series * (self.n_streams // len(series))

    def run(
        self, x: Any, state: tuple[TimeSeries, ...], X: Any = None, ahead: Any = None
    ) -> tuple[np.ndarray, tuple[TimeSeries, ...]]:
        """Return forecasts (B, H, C), and the series with one more step.

        Parameters
        ----------
        x : array-like of shape (B, C)
            The next values of y; NaN where missing.
        state : tuple of B TimeSeries
        X : array-like of shape (B, P)
            The values of X at the same step, those known ahead first, if fit had X.
        ahead : array-like of shape (B, H, K) or, of a single stream, (H, K)
            The columns of X known ahead at the steps that follow, one after the other.
        """
        layout = self.known.layout
        values = self._numbers(x, len(layout.columns), self.names)
        columns = [*layout.known, *layout.past_only]
        features = None
        if columns:
            if X is None:
                raise DataFormatError(
                    f"A step of this {self.owner} needs X with {listed(columns)} too, which fit "
                    "had: step(y, X)."
                )
            features = self._numbers(X, len(columns), columns)
        elif X is not None:
            raise DataFormatError(f"X was given, but fit of this {self.owner} had none.")
        rows_ahead = self._ahead(ahead)
        length = layout.window_length + layout.horizon
        after = tuple(
            _followed(one, values[i], None if features is None else features[i]).last(length)
            for i, one in enumerate(state)
        )
        series = [one.last(layout.window_length) for one in after]
        arrays = feature_arrays(series, layout, rows_ahead)
        found = self.known.model.forecast(self.net, series, arrays)  # (B, horizon, C)
        return found[:, self.asked - 1], after

    def _numbers(self, x: Any, width: int, names: Any) -> np.ndarray:
        values = read_step(x, self.n_streams, self.owner, names)
        refuse_width(values, width, self.owner)
        return finite_step(values, np.float64, self.owner, allow_nan=True)

    def _ahead(self, ahead: Any) -> list[np.ndarray]:
        """Return the columns known ahead at all steps of the horizon; NaN where nothing asks."""
        layout, n = self.known.layout, self.n_streams
        n_asked, width = int(self.asked[-1]), len(layout.known)
        found = np.full((n, layout.horizon, width), np.nan)
        if not width:
            if ahead is not None:
                raise DataFormatError(
                    f"Columns of X ahead were given, but fit of this {self.owner} had none that "
                    "are known ahead."
                )
            return list(found)
        given = None if ahead is None else np.asarray(ahead)
        if given is not None and given.ndim == 2 and n == 1:
            given = given[None]
        if given is None or given.shape != (n, n_asked, width) or given.dtype.kind not in "biuf":
            what = "None" if given is None else f"{given.dtype} of shape {given.shape}"
            raise DataFormatError(
                f"The columns {listed(layout.known)} of X are known ahead, so that a step needs "
                f"them at the {n_asked} steps that follow: step(y, X, ahead), numbers of shape "
                f"{(n, n_asked, width)}. It is {what}. Columns that are not known ahead are named "
                "in past_only=."
            )
        flat = finite_step(given.reshape(n, -1), np.float64, self.owner, allow_nan=True)
        found[:, :n_asked] = flat.reshape(n, n_asked, width)
        return list(found)

    def answer(self, outputs: np.ndarray) -> np.ndarray:
        """Return forecasts (B, H), or (B, H, C) of several columns."""
        return outputs[..., 0] if outputs.shape[-1] == 1 else outputs

    def reset(self, state: tuple[TimeSeries, ...], rows: np.ndarray) -> tuple[TimeSeries, ...]:
        """Return the state with some streams at the end of the series of fit again."""
        again, fresh = list(state), self.begin()
        for row in rows.tolist():
            again[row] = fresh[row]
        return tuple(again)

    def plain(self, state: tuple[TimeSeries, ...]) -> tuple[TimeSeries, ...]:
        """Return the state itself: nobody changes a `TimeSeries`."""
        return state

    def restored(self, plain: Any) -> tuple[TimeSeries, ...]:
        """Return the state, if it is one of these series."""
        fresh = self.begin()
        fits = isinstance(plain, tuple) and len(plain) == len(fresh)
        if not fits or not all(map(_alike, plain, fresh)):
            raise InvalidParameterError(
                f"The state is not one of these streams of {self.owner}, of the series "
                f"{listed([one.name for one in fresh])}. Set what the property state of a stream "
                "of the same model, with as many streams, gave."
            )
        return plain


def _alike(one: Any, other: TimeSeries) -> bool:
    """Whether an object is the end of a series with the columns of another."""
    if not isinstance(one, TimeSeries) or one.key != other.key:
        return False
    return one.values.shape[1:] == other.values.shape[1:]


def _followed(one: TimeSeries, values: np.ndarray, features: np.ndarray | None) -> TimeSeries:
    """Return a series with one more step."""
    index = extended(one.index, 1)
    joined = np.concatenate([one.values, values[None]])
    if features is None or one.features is None:
        return replace(one, index=index, values=joined)
    of_x = np.concatenate([one.features, features[None]])
    return replace(one, index=index, values=joined, features=of_x)
