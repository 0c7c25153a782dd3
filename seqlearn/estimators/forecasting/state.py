"""What a forecaster knows after ``fit`` besides its net: windows, and the end of each series.

A `ForecastState` is never changed; learning, taking in new steps or other series give a new one,
so that what fails leaves the old one in place. It reads frames; scales are in `.windows`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqlearn.data.grid import kind_of, steps_after
from seqlearn.data.plain import Record
from seqlearn.data.series import (
    TimeSeries,
    panel_index,
    read_series,
    refuse_other_stamps,
    refuse_unobserved,
)
from seqlearn.errors import DataFormatError
from seqlearn.estimators.forecasting.features import (
    feature_arrays,
    refuse_new_columns,
    refuse_other_columns,
    refuse_other_steps,
    rows_ahead,
)
from seqlearn.estimators.forecasting.horizon import steps_ahead
from seqlearn.estimators.forecasting.settings import Layout
from seqlearn.estimators.forecasting.windows import WindowModel
from seqlearn.training.net import SequenceNet

__all__ = ["ForecastState", "refuse_far_steps"]


@dataclass(frozen=True, eq=False)
class ForecastState(Record):
    """The windows of a network and the series that it forecasts.

    Attributes
    ----------
    model : WindowModel
        Shape of windows, scales, history.
    last : dict
        The last window and horizon of each series, by its key.
    asked : ndarray of int
        Steps ahead that fit was asked for, ascending: those of any series.
    """

    model: WindowModel
    last: dict[Any, TimeSeries]
    asked: np.ndarray | None = None

    @property
    def layout(self) -> Layout:
        """The shape of windows."""
        return self.model.layout

    def of(self, y: Any, X: Any, fh: Any) -> "ForecastState":
        """Return what forecasts the series of ``y`` with the same network."""
        series = self.read(y, X, "fit")
        asked = np.unique(steps_ahead(fh, series))
        refuse_far_steps(self.layout, int(asked[-1]))
        for one in series:
            refuse_unobserved(one, list(y.columns))
        model = self.model.with_scales(series, again=True)
        return ForecastState(model, {}, asked).keeping(series)

    def joined(self, y: Any, X: Any) -> tuple[list[TimeSeries], dict[Any, int]]:
        """Return series that end with the new steps of ``y``, and how many those are, by key."""
        self.refuse_other_stamps(y)
        new = self.read(y, X, "update", self.step_for(y))
        refuse_other_levels(self.last, new[0].key)
        joined = [
            self.last[one.key].followed_by(one) if one.key in self.last else one for one in new
        ]
        return joined, {one.key: len(one.index) for one in new}

    def refuse_other_stamps(self, y: Any) -> None:
        """Raise a DataFormatError if y has time stamps of another kind than the series of fit."""
        known = next(iter(self.last.values()))
        refuse_other_stamps(known.index, y.index.get_level_values(-1), "y")

    def step_for(self, y: Any) -> Any:
        """Return the step of the series of fit if y has time stamps of their kind, else None."""
        known = next(iter(self.last.values()))
        same = kind_of(known.index) is kind_of(y.index.get_level_values(-1))
        return known.step if same else None

    def steps(self, fh: Any) -> np.ndarray:
        """Return the steps ahead that a horizon asks for, of each series, (N, n)."""
        steps = steps_ahead(fh, list(self.last.values()))
        for one, far in zip(self.last.values(), steps.max(axis=1).tolist(), strict=True):
            refuse_far_steps(self.layout, far, one)
        return steps

    def forecast(
        self, net: SequenceNet, X: Any, steps: np.ndarray, levels: Sequence[float] | None = None
    ) -> np.ndarray:
        """Return forecasts, or quantiles, of every series, (N, n, C) or (N, n, C, Q).

        Parameters
        ----------
        net : SequenceNet
            The trained one.
        X : DataFrame or None
            Exogenous columns at the steps ahead.
        steps : ndarray of shape (N, n), int
            Steps ahead of each series.
        levels : sequence of float, optional
            Levels of quantiles.
        """
        series = [one.last(self.layout.window_length) for one in self.last.values()]
        ahead = rows_ahead(X, series, self.layout, steps)
        features = feature_arrays(series, self.layout, ahead)
        values = self.model.forecast(net, series, features, levels=levels)
        return values[np.arange(len(series))[:, None], steps - 1]

    def stamps(self, steps: np.ndarray) -> Any:
        """Return the index of forecasts of a panel: each key with its own time stamps ahead."""
        series = self.last.values()
        ahead = [steps_after(one.index, self.layout.horizon) for one in series]
        stamps = [part[own - 1] for part, own in zip(ahead, steps, strict=True)]
        return stamps[0] if None in self.last else panel_index(list(self.last), stamps)

    def read(self, y: Any, X: Any, method: str, step: Any = None) -> list[TimeSeries]:
        """Return the series of ``y``, which ``method`` was given, with the columns of fit."""
        refuse_other_columns_of_y(self.layout, y)
        columns = [*self.layout.known, *self.layout.past_only]
        refuse_other_columns(X, columns, method)
        refuse_new_columns(X, self.layout)
        series = read_series(y, X, X_columns=columns, step=step)
        refuse_other_steps(X, series)
        return series

    def keeping(self, series: Sequence[TimeSeries]) -> "ForecastState":
        """Return one that forecasts these series, too."""
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


def refuse_other_columns_of_y(layout: Layout, y: Any) -> None:
    """Raise a DataFormatError if y has other columns than the network."""
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


def refuse_far_steps(layout: Layout, far: int, series: TimeSeries | None = None) -> None:
    """Raise a DataFormatError if fh goes further than the network."""
    if far > layout.horizon:
        end = "" if series is None else f" of the end of {series.name}, {series.index[-1]}"
        raise DataFormatError(
            f"fh goes {far} steps ahead{end}, but the network was trained for {layout.horizon}: "
            "pass the longer fh where it is trained."
        )
