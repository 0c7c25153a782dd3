"""`AnomalyDisplay`: a series, its scores and the alarms, in the manner of scikit-learn's displays.

What lives here says what is in the picture. It knows a detector by its methods ``anomaly_scores``
and ``anomaly_intervals`` and its ``threshold_``, and imports none; drawing is in `drawing`.
"""

from typing import Any

import numpy as np

from seqlearn.displays.drawing import (
    check_matplotlib,
    draw_legend,
    draw_line,
    label_times,
    make_axes,
    styled,
)
from seqlearn.displays.selection import times
from seqlearn.errors import DataFormatError, InvalidParameterError

__all__ = ["AnomalyDisplay"]

SERIES_STYLE = {"color": "0.25", "linewidth": 1.0, "label": "Series"}
SCORE_STYLE = {"color": "tab:blue", "linewidth": 1.0, "label": "Score"}
THRESHOLD_STYLE = {"color": "tab:red", "linewidth": 1.2, "linestyle": "--", "label": "Threshold"}
# An edge, so that a single step is seen in a long series too.
ALARM_STYLE = {"color": "tab:red", "alpha": 0.3, "linewidth": 0.8, "label": "Alarm"}
TRUTH_STYLE = {"color": "0.75", "alpha": 0.6, "linewidth": 0.8, "label": "Labelled anomaly"}


class AnomalyDisplay:
    """Picture of anomalies: the series, below it their scores with the threshold, and alarms.

    Make one with `from_estimator` or `from_scores`, which check and draw; parameters are stored as
    attributes, and `plot` draws again.

    Parameters
    ----------
    series : ndarray of shape (T, V)
        Values of the variables to draw.
    scores : ndarray of shape (T,)
        Score of each step, higher = more abnormal.
    threshold : float or None, default=None
        From which score on a step is abnormal.
    intervals : list of tuples (start, end, ...) or None, default=None
        Alarms, as ranges of rows: `end` is the row after the last. What else is in a tuple, such as
        the highest score, is not drawn.
    y : ndarray of shape (T,) or None, default=None
        1 at steps that are known to be anomalous, else 0.
    index : pandas Index of length T, ndarray or None, default=None
        Dates or numbers of the steps; None counts them from 0.
    names : list of V labels or None, default=None
        Names of the variables; strings are drawn.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of shape (V + 1,)
        One axes a variable, and that of the scores.
    ax_ : matplotlib Axes
        The last of them, with the scores.
    lines_ : list of V + 1 dicts
        Of each axes, its lines: "series", or "score" and "threshold".
    spans_ : list of V + 1 dicts
        Of each axes, its shaded ranges: lists of artists under "alarm" and "truth".

    See Also
    --------
    AnomalyDisplay.from_estimator : Draw what a fitted detector says of a series.
    AnomalyDisplay.from_scores : Draw scores that are there already.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.displays import AnomalyDisplay
    >>> series = np.sin(np.arange(200) / 5)
    >>> series[120:124] += 2
    >>> scores = np.abs(np.gradient(series))
    >>> display = AnomalyDisplay.from_scores(series, scores, threshold=0.5)
    >>> display.intervals
    [(119, 121), (123, 125)]
    >>> display.figure_.savefig("anomalies.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        series: np.ndarray,
        scores: np.ndarray,
        threshold: float | None = None,
        intervals: list | None = None,
        y: np.ndarray | None = None,
        index: Any = None,
        names: list | None = None,
    ):
        self.series = series
        self.scores = scores
        self.threshold = threshold
        self.intervals = intervals
        self.y = y
        self.index = index
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        detector: Any,
        series: Any,
        y: Any = None,
        *,
        variable: Any = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "AnomalyDisplay":
        """Draw what a fitted detector says of a series.

        Parameters
        ----------
        detector : anomaly detector
            Fitted, with methods ``anomaly_scores`` and ``anomaly_intervals``, such as
            `LSTMAnomalyDetector`. Its ``threshold_`` is drawn if it has one.
        series : Series, DataFrame, array of shape (T,) or (T, F)
            One series.
        y : array-like of shape (T,) or None, default=None
            1 at steps that are known to be anomalous, else 0.
        variable : label, list of labels or None, default=None
            Which variables to draw, by name or by number; None draws all.
        ax : array of V + 1 matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **plot_params
            Further parameters of `plot`.

        Returns
        -------
        AnomalyDisplay

        Raises
        ------
        MissingDependencyError
            matplotlib is not installed.
        InvalidParameterError
            The detector has no such methods, or ``variable`` or ``ax`` do not fit.
        DataFormatError
            The series is not one of the above, or ``y`` has another length.
        """
        check_matplotlib("AnomalyDisplay.from_estimator")
        methods = ("anomaly_scores", "anomaly_intervals")
        if isinstance(detector, type) or not all(hasattr(detector, name) for name in methods):
            raise InvalidParameterError(
                f"detector is {detector!r}; a fitted detector with the methods anomaly_scores and "
                "anomaly_intervals is accepted. For scores that are there already use "
                "AnomalyDisplay.from_scores."
            )
        _to_columns(series)  # refuses what is not one series before anything is computed
        [scores] = detector.anomaly_scores([series])
        [intervals] = detector.anomaly_intervals([series])
        return cls.from_scores(
            series,
            scores,
            y,
            threshold=getattr(detector, "threshold_", None),
            intervals=intervals,
            variable=variable,
            ax=ax,
            **plot_params,
        )

    @classmethod
    def from_scores(
        cls,
        series: Any,
        scores: Any,
        y: Any = None,
        *,
        threshold: float | None = None,
        intervals: Any = "auto",
        variable: Any = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "AnomalyDisplay":
        """Draw scores that are there already.

        Parameters
        ----------
        series : Series, DataFrame, array of shape (T,) or (T, F)
            One series.
        scores : array-like of shape (T,)
            Score of each step, higher = more abnormal.
        y, variable, ax, **plot_params
            As in `from_estimator`.
        threshold : float or None, default=None
            From which score on a step is abnormal.
        intervals : list of tuples (start, end, ...), "auto" or None, default="auto"
            Alarms, as ranges of rows, the end not included. "auto" are the runs of scores that
            reach the threshold, None draws none.

        Returns
        -------
        AnomalyDisplay

        Raises
        ------
        MissingDependencyError, InvalidParameterError, DataFormatError
            As in `from_estimator`.
        """
        check_matplotlib("AnomalyDisplay.from_scores")
        values, index, names = _to_columns(series)
        scores = _of_steps(scores, len(values), "scores")
        if y is not None:
            y = _of_steps(y, len(values), "y")
        if isinstance(intervals, str):
            if intervals != "auto":
                raise InvalidParameterError(
                    f"intervals={intervals!r}: 'auto', None or a list of (start, end) is accepted."
                )
            intervals = None if threshold is None else _runs(scores >= threshold)
        if intervals is not None:
            intervals = [_check_interval(one, len(values)) for one in intervals]
        if variable is not None:
            wanted = variable if isinstance(variable, list) else [variable]
            if not wanted or not set(wanted) <= set(names):
                raise InvalidParameterError(
                    f"variable={variable!r}: the series has {names}; name one of them, or a list."
                )
            values = values[:, [names.index(name) for name in wanted]]
            names = wanted
        display = cls(
            series=values,
            scores=scores,
            threshold=threshold,
            intervals=intervals,
            y=y,
            index=index,
            names=names,
        )
        return display.plot(ax, **plot_params)

    def plot(
        self,
        ax: Any = None,
        *,
        legend: bool = True,
        series_kwargs: dict | None = None,
        score_kwargs: dict | None = None,
        threshold_kwargs: dict | None = None,
        alarm_kwargs: dict | None = None,
        truth_kwargs: dict | None = None,
    ) -> "AnomalyDisplay":
        """Draw.

        Parameters
        ----------
        ax : array of V + 1 matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        legend : bool, default=True
            Draw a legend: above the first axes of a new figure, inside the first of given ones.
        series_kwargs, score_kwargs, threshold_kwargs : dict or None, default=None
            Keywords of ``Axes.plot`` for these lines.
        alarm_kwargs, truth_kwargs : dict or None, default=None
            Keywords of ``Axes.axvspan`` for these ranges.

        Returns
        -------
        AnomalyDisplay
            This display, with the attributes that end in an underscore.

        Raises
        ------
        MissingDependencyError
            matplotlib is not installed.
        InvalidParameterError
            ``ax`` does not have one axes for each variable and one for the scores.
        """
        check_matplotlib("AnomalyDisplay.plot")
        n_steps, n_variables = self.series.shape
        names = list(range(n_variables)) if self.names is None else list(self.names)
        self.axes_ = make_axes(ax, [*names, "Score"])
        self.ax_, self.figure_ = self.axes_[-1], self.axes_[-1].figure
        steps = np.arange(n_steps) if self.index is None else times(self.index)
        ranges = [
            ("truth", [] if self.y is None else _runs(self.y > 0), TRUTH_STYLE, truth_kwargs),
            ("alarm", self.intervals or [], ALARM_STYLE, alarm_kwargs),
        ]
        self.lines_, self.spans_ = [], []
        for axes in self.axes_:
            self.spans_.append(
                {
                    what: [_draw_span(axes, steps, one, {**style, **(given or {})}) for one in some]
                    for what, some, style, given in ranges
                }
            )
        for axes, name, values in zip(self.axes_, names, self.series.T, strict=False):
            self.lines_.append(
                {"series": draw_line(axes, steps, values, styled(SERIES_STYLE, series_kwargs))}
            )
            if isinstance(name, str):
                axes.set_ylabel(name)
        lines = {
            "score": draw_line(self.ax_, steps, self.scores, styled(SCORE_STYLE, score_kwargs))
        }
        if self.threshold is not None:
            style = styled(THRESHOLD_STYLE, threshold_kwargs)
            lines["threshold"] = self.ax_.axhline(self.threshold, **style)
        self.lines_.append(lines)
        self.ax_.set_ylabel("Score")
        for axes in self.axes_:
            axes.margins(x=0)
            label_times(axes, steps)
        if legend:
            entries = [*self.lines_[0].values(), *lines.values()]
            entries += [some[0] for some in self.spans_[0].values() if some]
            draw_legend(self.axes_[0], entries, {}, above=ax is None)
        return self


def _to_columns(series: Any) -> tuple[np.ndarray, Any, list]:
    """Return values of one series, (T, F), its index or None, and the names of its columns."""
    index = getattr(series, "index", None)
    is_frame = hasattr(series, "columns") and hasattr(index, "nlevels")
    index = index if hasattr(index, "nlevels") else None  # a list has a method of that name
    try:
        values = np.asarray(series, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataFormatError(
            f"series does not hold numbers ({error}); one series of shape (T,) or (T, F) is "
            "accepted."
        ) from error
    if values.ndim not in (1, 2) or not values.size or (index is not None and index.nlevels > 1):
        raise DataFormatError(
            f"series has shape {values.shape}; one series of shape (T,) or (T, F) is accepted. "
            "Pass one of several, such as X[0]."
        )
    values = values.reshape(len(values), -1)
    names = list(series.columns) if is_frame else list(range(values.shape[1]))
    if index is not None and not is_frame and isinstance(series.name, str):
        names = [series.name]
    return values, index, names


def _of_steps(values: Any, n_steps: int, name: str) -> np.ndarray:
    """Return one number for each step, (T,)."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (n_steps,):
        raise DataFormatError(
            f"{name} has shape {array.shape}, but the series has {n_steps} steps; one number for "
            f"each step, of shape ({n_steps},), is needed."
        )
    return array


def _check_interval(interval: Any, n_steps: int) -> tuple:
    """Return a tuple (start, end, ...) that lies in the series."""
    start, end, *more = interval
    if not 0 <= start < end <= n_steps:
        raise DataFormatError(
            f"intervals: {tuple(interval)} does not lie in a series of {n_steps} steps; start and "
            "end are rows, and the end is not included."
        )
    return (int(start), int(end), *more)


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Return the runs of True as ranges of rows, the end not included."""
    borders = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0)).tolist()
    return list(zip(borders[::2], borders[1::2], strict=True))


def _draw_span(ax: Any, steps: np.ndarray, interval: tuple, style: dict) -> Any:
    """Shade a range of rows, half a step wider on both sides, and return it."""
    start, end = interval[:2]
    half = (steps[1:] - steps[:-1]) / 2  # of each pair of neighbours
    left = steps[start] - half[start - 1] if start else steps[0]
    right = steps[end - 1] + half[end - 1] if end < len(steps) else steps[-1]
    return ax.axvspan(left, right, **style)
