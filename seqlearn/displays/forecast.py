"""`ForecastDisplay`: the picture of a forecast, in the manner of scikit-learn's displays.

What lives here says what is in the picture; it computes no forecast of its own. It knows a
forecaster by what sktime's have (``predict``, ``predict_interval``, tags) and does not import
sktime. Rows and columns are chosen in `selection`, drawing is in `drawing`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqlearn.displays.drawing import (
    check_matplotlib,
    draw_fan,
    draw_legend,
    draw_line,
    label_times,
    make_axes,
    styled,
)
from seqlearn.displays.selection import select, times
from seqlearn.errors import InvalidParameterError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ForecastDisplay"]

HISTORY_STYLE = {"color": "0.35", "linewidth": 1.2, "label": "History"}
FORECAST_STYLE = {"color": "tab:blue", "linewidth": 2.0, "label": "Forecast"}
TRUTH_STYLE = {"color": "black", "linewidth": 1.2, "linestyle": (0, (4, 1.5)), "label": "Truth"}


class ForecastDisplay:
    """Picture of a forecast: history, point forecast, a fan of intervals, and the truth if known.

    Make one with `from_estimator` or `from_predictions`, which check and draw; parameters are
    stored as attributes, and `plot` draws again.

    Parameters
    ----------
    y_pred : DataFrame of shape (T, V)
        Point forecast of one instance: steps x variables.
    y_intervals : DataFrame of shape (T, 2 * V * number of coverages) or None, default=None
        Interval forecast with columns (variable, coverage, "lower" or "upper"), as sktime's
        ``predict_interval`` returns it.
    y : DataFrame with V columns or None, default=None
        History to draw.
    y_true : DataFrame with V columns or None, default=None
        What happened at the steps that were forecast.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of shape (V,)
        One axes a variable.
    ax_ : matplotlib Axes
        The first of them, the only one if there is one variable.
    lines_ : list of V dicts
        Of each axes, its lines: "history", "forecast" and "truth", as far as drawn.
    bands_ : list of V dicts
        Of each axes, its intervals: the artist of each coverage, the widest first.

    See Also
    --------
    ForecastDisplay.from_estimator : Draw what a fitted forecaster predicts.
    ForecastDisplay.from_predictions : Draw predictions that are there already.

    References
    ----------
    Britton, E., Fisher, P. and Whitley, J. (1998). The Inflation Report projections: understanding
    the fan chart. Bank of England Quarterly Bulletin 38.

    Examples
    --------
    >>> import pandas as pd
    >>> from seqlearn.displays import ForecastDisplay
    >>> y = pd.Series([3.0, 4.0, 3.5, 4.5, 4.0], name="demand")
    >>> y_pred = pd.Series([4.5, 4.5], index=[5, 6], name="demand")
    >>> columns = pd.MultiIndex.from_product([["demand"], [0.8], ["lower", "upper"]])
    >>> y_intervals = pd.DataFrame([[4.0, 5.0], [3.8, 5.2]], index=[5, 6], columns=columns)
    >>> display = ForecastDisplay.from_predictions(y_pred, y_intervals, y=y)
    >>> display.lines_[0]["forecast"].get_ydata()
    array([4.5, 4.5])
    >>> display.figure_.savefig("forecast.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        y_pred: "pd.DataFrame",
        y_intervals: "pd.DataFrame | None" = None,
        y: "pd.DataFrame | None" = None,
        y_true: "pd.DataFrame | None" = None,
    ):
        self.y_pred = y_pred
        self.y_intervals = y_intervals
        self.y = y
        self.y_true = y_true

    @classmethod
    def from_estimator(
        cls,
        forecaster: Any,
        X: Any = None,
        *,
        fh: Any = None,
        y: Any = None,
        y_true: Any = None,
        coverage: float | Sequence[float] = (0.5, 0.8, 0.95),
        n_history: int | str | None = "auto",
        instance: Any = None,
        variable: Any = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "ForecastDisplay":
        """Draw what a fitted forecaster predicts.

        Parameters
        ----------
        forecaster : sktime forecaster
            Fitted. With ``coverage=()`` it need not be able to predict intervals.
        X : DataFrame or None, default=None
            Exogenous data at the steps to forecast, for forecasters that take it.
        fh : ForecastingHorizon, int, list or None, default=None
            Steps to forecast; None takes the horizon given in ``fit``.
        y : Series, DataFrame or None, default=None
            History to draw, up to the cut-off; None takes what the forecaster remembers of
            ``fit`` and ``update``.
        y_true : Series, DataFrame, array of shape (T,) or (T, V), or None, default=None
            What happened. Of a Series or DataFrame the part after the history and up to the last
            step forecast is drawn; an array has one row for each step forecast.
        coverage : float or sequence of float, default=(0.5, 0.8, 0.95)
            Nominal coverage of each interval, between 0 and 1; () draws none.
        n_history : int, "auto" or None, default="auto"
            Last steps of the history to draw; "auto" is four times as many as are forecast, at
            least 20, None all of them.
        instance : label, tuple of labels or None, default=None
            Which series of a panel or hierarchy to draw; None if there is only one.
        variable : label, list of labels or None, default=None
            Which variables to draw, each on axes of its own; None draws all.
        ax : matplotlib Axes, array of V Axes or None, default=None
            Where to draw; None makes a new figure.
        **plot_params
            Further parameters of `plot`.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        MissingDependencyError
            matplotlib is not installed.
        InvalidParameterError
            The forecaster cannot do what is asked of it, or ``coverage``, ``n_history``,
            ``instance``, ``variable`` or ``ax`` do not fit.
        DataFormatError
            The series have a form, an index or columns that do not fit each other.

        Examples
        --------
        >>> from sktime.datasets import load_airline
        >>> from seqlearn import LSTMForecaster
        >>> from seqlearn.displays import ForecastDisplay
        >>> y = load_airline()
        >>> forecaster = LSTMForecaster(hidden_size=8, max_epochs=2, random_state=0)
        >>> forecaster = forecaster.fit(y[:-12], fh=range(1, 13))
        >>> display = ForecastDisplay.from_estimator(forecaster, y_true=y[-12:], n_history=36)
        >>> display.ax_.get_ylabel()
        'Number of airline passengers'
        """
        check_matplotlib("ForecastDisplay.from_estimator")
        import pandas as pd

        levels = _check_coverage(coverage)
        _check_forecaster(forecaster, levels)
        y_intervals = forecaster.predict_interval(fh=fh, X=X, coverage=levels) if levels else None
        y_pred = forecaster.predict(fh=fh, X=X)
        if isinstance(y_pred, np.ndarray):  # fitted on an array, which has no index
            steps = forecaster.fh.to_absolute(forecaster.cutoff).to_pandas()
            y_pred = pd.DataFrame(y_pred, index=steps)
        if y is None and n_history != 0:
            y = getattr(forecaster, "_y", None)
            if y is None:
                raise InvalidParameterError(
                    f"{type(forecaster).__name__} does not remember its history (config "
                    "remember_data=False). Pass the history as y, or n_history=0 to draw none."
                )
        return cls.from_predictions(
            y_pred,
            y_intervals,
            y=y,
            y_true=y_true,
            n_history=n_history,
            instance=instance,
            variable=variable,
            ax=ax,
            **plot_params,
        )

    @classmethod
    def from_predictions(
        cls,
        y_pred: Any,
        y_intervals: Any = None,
        *,
        y: Any = None,
        y_true: Any = None,
        n_history: int | str | None = "auto",
        instance: Any = None,
        variable: Any = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "ForecastDisplay":
        """Draw predictions that are there already.

        Parameters
        ----------
        y_pred : Series or DataFrame
            Point forecast, as sktime's ``predict`` returns it.
        y_intervals : DataFrame or None, default=None
            Interval forecast, as sktime's ``predict_interval`` returns it.
        y : Series, DataFrame or None, default=None
            History to draw.
        y_true, n_history, instance, variable, ax, **plot_params
            As in `from_estimator`.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        MissingDependencyError, InvalidParameterError, DataFormatError
            As in `from_estimator`.
        """
        check_matplotlib("ForecastDisplay.from_predictions")
        tables = select(
            y_pred,
            y_intervals,
            y,
            y_true,
            n_history=n_history,
            instance=instance,
            variable=variable,
        )
        return cls(**tables).plot(ax, **plot_params)

    def plot(
        self,
        ax: Any = None,
        *,
        legend: bool = True,
        history_kwargs: dict | None = None,
        forecast_kwargs: dict | None = None,
        truth_kwargs: dict | None = None,
        band_kwargs: dict | None = None,
    ) -> "ForecastDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, array of V Axes or None, default=None
            Where to draw; None makes a new figure.
        legend : bool, default=True
            Draw a legend: above the first axes of a new figure, inside the first of given ones.
        history_kwargs, forecast_kwargs, truth_kwargs : dict or None, default=None
            Keywords of ``Axes.plot`` for these lines. The intervals are shades of the forecast's
            colour.
        band_kwargs : dict or None, default=None
            Keywords of ``Axes.fill_between`` for the intervals.

        Returns
        -------
        ForecastDisplay
            This display, with the attributes that end in an underscore.

        Raises
        ------
        MissingDependencyError
            matplotlib is not installed.
        InvalidParameterError
            ``ax`` does not have one axes for each variable.
        """
        check_matplotlib("ForecastDisplay.plot")
        names = list(self.y_pred.columns)
        self.axes_ = make_axes(ax, names)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        self.lines_, self.bands_ = [], []
        forecast_style = styled(FORECAST_STYLE, forecast_kwargs)
        drawn = [
            ("history", self.y, styled(HISTORY_STYLE, history_kwargs)),
            ("truth", self.y_true, styled(TRUTH_STYLE, truth_kwargs)),
            ("forecast", self.y_pred, forecast_style),
        ]
        steps = times(self.y_pred.index)
        for name, axes in zip(names, self.axes_, strict=True):
            bands = {}
            if self.y_intervals is not None:
                color = forecast_style["color"]
                bands = draw_fan(axes, steps, self.y_intervals[name], color, band_kwargs)
            lines = {
                what: draw_line(axes, times(table.index), table[name], style)
                for what, table, style in drawn
                if table is not None and len(table)
            }
            self.lines_.append(lines)
            self.bands_.append(bands)
            label_times(axes, steps)
            if isinstance(name, str):
                axes.set_ylabel(name)
        if legend:
            draw_legend(self.ax_, self.lines_[0].values(), self.bands_[0], above=ax is None)
        return self


def _check_coverage(coverage: Any) -> list[float]:
    levels = [coverage] if np.ndim(coverage) == 0 else list(coverage)
    for level in levels:
        if not (isinstance(level, float | np.floating) and 0 < level < 1):
            raise InvalidParameterError(
                f"coverage={coverage!r}: each coverage is a float between 0 and 1, as in "
                "(0.5, 0.8, 0.95); () draws no interval."
            )
    return sorted(set(levels))


def _check_forecaster(forecaster: Any, levels: list[float]) -> None:
    if isinstance(forecaster, type) or not hasattr(forecaster, "predict_interval"):
        raise InvalidParameterError(
            f"forecaster is {forecaster!r}; a fitted sktime forecaster is accepted. For "
            "predictions that are there already use ForecastDisplay.from_predictions."
        )
    if levels and not forecaster.get_tag("capability:pred_int"):
        raise InvalidParameterError(
            f"{type(forecaster).__name__} cannot predict intervals. Pass coverage=() to draw its "
            "point forecast alone."
        )
