"""`RiskDisplay`: the risk over the steps of one sequence, as scikit-learn's displays draw.

What lives here says what is in the picture. It knows a classifier by its method ``predict_proba``
and imports none; drawing is in `drawing`.
"""

from typing import Any

import numpy as np

from seqlearn.displays.drawing import (
    check_matplotlib,
    draw_legend,
    draw_line,
    label_times,
    styled,
)
from seqlearn.displays.selection import times as steps_of
from seqlearn.errors import DataFormatError, InvalidParameterError

__all__ = ["RiskDisplay"]

RISK_STYLE = {"color": "tab:red", "linewidth": 1.4, "label": "Risk"}
PRIOR_STYLE = {"color": "0.5", "linewidth": 1.0, "linestyle": "--", "label": "Mean of all"}
RELIABILITY_STYLE = {"color": "tab:blue", "linewidth": 1.2, "marker": "o", "label": "Observed"}
PERFECT_STYLE = {"color": "0.5", "linewidth": 1.0, "linestyle": ":", "label": "Perfect"}


class RiskDisplay:
    """Picture of a risk: its course over one sequence, and whether such risks come true.

    At the left is the probability of a class after each step, of a patient after each hour for
    example, seen at that time: the classifier is given the steps so far and no later ones. At the
    right, if there are other sequences whose end is known, is a reliability diagram: how often the
    class was the true one where its predicted probability was about that.

    Make one with `from_estimator` or `from_predictions`, which check and draw; parameters are
    stored as attributes, and `plot` draws again.

    Parameters
    ----------
    risks : ndarray of shape (T,)
        Probability after each step, of the steps so far.
    times : ndarray of shape (T,) or None, default=None
        Time of each step, numbers or dates; None counts the steps from 1.
    y_true : ndarray of shape (N,) or None, default=None
        1 where the class was the true one, else 0, of other sequences.
    y_proba : ndarray of shape (N,) or None, default=None
        Its predicted probability in each of them.
    n_bins : int, default=10
        In how many groups they are put for the reliability diagram.
    name : str or None, default=None
        What the class is called, in the label of the axis.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of 1 or 2 matplotlib Axes
        Of the course and, if there is one, of the reliability diagram.
    ax_ : matplotlib Axes
        The first of them.
    lines_ : dict
        The lines: "risk", and "prior", "reliability" and "perfect" with a reliability diagram.
    prob_true_, prob_pred_ : ndarray of shape (n_groups,)
        What the reliability diagram shows: of each group that is not empty, the share of the class
        and the mean of its predicted probability. There with a diagram only.

    See Also
    --------
    RiskDisplay.from_estimator : Draw what a fitted classifier says of a sequence.
    RiskDisplay.from_predictions : Draw probabilities that are there already.
    sklearn.calibration.CalibratedClassifierCV : Make probabilities come true.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.displays import RiskDisplay
    >>> risks = np.array([0.1, 0.15, 0.4, 0.35])
    >>> y_true, y_proba = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.3, 0.8])
    >>> display = RiskDisplay.from_predictions(risks, y_true=y_true, y_proba=y_proba, n_bins=2)
    >>> display.prob_true_.round(2).tolist(), display.prob_pred_.round(2).tolist()
    ([0.33, 1.0], [0.23, 0.8])
    >>> display.figure_.savefig("risk.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        risks: np.ndarray,
        times: Any = None,
        y_true: np.ndarray | None = None,
        y_proba: np.ndarray | None = None,
        n_bins: int = 10,
        name: str | None = None,
    ):
        self.risks = risks
        self.times = times
        self.y_true = y_true
        self.y_proba = y_proba
        self.n_bins = n_bins
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        classifier: Any,
        sequence: Any,
        X: Any = None,
        y: Any = None,
        *,
        label: Any = None,
        times: Any = None,
        n_bins: int = 10,
        ax: Any = None,
        **plot_params: Any,
    ) -> "RiskDisplay":
        """Draw what a fitted classifier says of a sequence after each of its steps.

        Parameters
        ----------
        classifier : classifier
            Fitted, with ``predict_proba`` and ``classes_``: an `LSTMClassifier`, or a pipeline, a
            search or a calibrated classifier around one.
        sequence : array of shape (T, F), DataFrame or Sequences
            One sequence, as those in ``fit``; of `Sequences` with names, one alone: ``X[[i]]``.
        X, y : array-like, default=None
            Other sequences and their classes, for the reliability diagram; none that the classifier
            was fitted on, which it knows too well.
        label : object, default=None
            The class to draw; None is the second of two.
        times : array-like of shape (T,) or None, default=None
            Time of each step, numbers or dates; None counts the steps from 1.
        n_bins : int, default=10
            In how many groups of width ``1 / n_bins`` the reliability diagram puts them.
        ax : array of 1 or 2 matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **plot_params
            Further parameters of `plot`.

        Returns
        -------
        RiskDisplay

        Raises
        ------
        MissingDependencyError
            matplotlib is not installed.
        InvalidParameterError
            The classifier has no ``predict_proba``, there is no such class, or ``n_bins`` or ``ax``
            do not fit.
        DataFormatError
            ``sequence`` is not one sequence, only one of X and y is given, or lengths differ.
        """
        check_matplotlib("RiskDisplay.from_estimator")
        if isinstance(classifier, type) or not hasattr(classifier, "predict_proba"):
            raise InvalidParameterError(
                f"classifier is {classifier!r}; a fitted classifier with the method predict_proba "
                "is accepted. For probabilities that are there already use "
                "RiskDisplay.from_predictions."
            )
        if (X is None) != (y is None):
            raise DataFormatError(
                f"{'X' if y is None else 'y'} is given and {'y' if y is None else 'X'} is not. A "
                "reliability diagram needs both; leave both out for none."
            )
        column, label = _column_of(classifier, label)
        risks = np.asarray(classifier.predict_proba(_prefixes(sequence)))[:, column]
        y_true = y_proba = None
        if X is not None:
            y_proba = np.asarray(classifier.predict_proba(X))[:, column]
            y_true = (np.asarray(y) == label).astype(np.int64)
        return cls.from_predictions(
            risks,
            times=times,
            y_true=y_true,
            y_proba=y_proba,
            n_bins=n_bins,
            name=str(label),
            ax=ax,
            **plot_params,
        )

    @classmethod
    def from_predictions(
        cls,
        risks: Any,
        *,
        times: Any = None,
        y_true: Any = None,
        y_proba: Any = None,
        n_bins: int = 10,
        name: str | None = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "RiskDisplay":
        """Draw probabilities that are there already.

        Parameters
        ----------
        risks : array-like of shape (T,)
            Probability after each step, of the steps so far.
        times, n_bins, ax, **plot_params
            As in `from_estimator`.
        y_true : array-like of shape (N,) of 0 and 1, default=None
            Which of other sequences were of the class.
        y_proba : array-like of shape (N,), default=None
            Its predicted probability in each of them.
        name : str or None, default=None
            What the class is called.

        Returns
        -------
        RiskDisplay

        Raises
        ------
        MissingDependencyError, InvalidParameterError, DataFormatError
            As in `from_estimator`; and where a probability is not between 0 and 1.
        """
        check_matplotlib("RiskDisplay.from_predictions")
        risks = _probabilities(risks, "risks")
        if times is not None:
            times = steps_of(times) if hasattr(times, "nlevels") else np.asarray(times)
            if times.shape != risks.shape or times.dtype.kind not in "iufM":
                raise DataFormatError(
                    f"times is of {times.dtype} and shape {times.shape}; a number or a date for "
                    f"each of the {len(risks)} steps is needed."
                )
        if (y_true is None) != (y_proba is None):
            raise DataFormatError(
                "Give both of y_true and y_proba for a reliability diagram, or none of them."
            )
        if y_true is not None:
            y_proba, y_true = _probabilities(y_proba, "y_proba"), np.asarray(y_true)
            if y_true.shape != y_proba.shape or not np.isin(y_true, (0, 1)).all():
                raise DataFormatError(
                    f"y_true has shape {y_true.shape} and y_proba {y_proba.shape}; a 0 or 1 for "
                    "each probability is needed."
                )
        if isinstance(n_bins, bool) or not isinstance(n_bins, int | np.integer) or n_bins < 1:
            raise InvalidParameterError(f"n_bins={n_bins!r}: an int of at least 1 is accepted.")
        display = cls(
            risks=risks, times=times, y_true=y_true, y_proba=y_proba, n_bins=n_bins, name=name
        )
        return display.plot(ax, **plot_params)

    def plot(
        self,
        ax: Any = None,
        *,
        legend: bool = True,
        risk_kwargs: dict | None = None,
        prior_kwargs: dict | None = None,
        reliability_kwargs: dict | None = None,
        perfect_kwargs: dict | None = None,
    ) -> "RiskDisplay":
        """Draw.

        Parameters
        ----------
        ax : array of 1 or 2 matplotlib Axes or None, default=None
            Where to draw, two with a reliability diagram; None makes a new figure.
        legend : bool, default=True
            Draw legends.
        risk_kwargs, prior_kwargs, reliability_kwargs, perfect_kwargs : dict or None, default=None
            Keywords of ``Axes.plot`` for these lines.

        Returns
        -------
        RiskDisplay
            This display, with the attributes that end in an underscore.

        Raises
        ------
        MissingDependencyError
            matplotlib is not installed.
        InvalidParameterError
            ``ax`` does not have as many axes as there are parts.
        """
        check_matplotlib("RiskDisplay.plot")
        self.axes_ = _side_by_side(ax, 1 if self.y_true is None else 2)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        steps = np.arange(1, len(self.risks) + 1) if self.times is None else self.times
        risk = draw_line(self.ax_, steps, self.risks, styled(RISK_STYLE, risk_kwargs))
        self.lines_ = {"risk": risk}
        label = "Probability" if self.name is None else f"Probability of {self.name}"
        self.ax_.set(xlabel="Step" if self.times is None else "Time", ylabel=label)
        self.ax_.set_ylim(-0.02, 1.02)
        label_times(self.ax_, steps)
        if self.y_true is not None:
            self.prob_true_, self.prob_pred_ = _groups(self.y_true, self.y_proba, self.n_bins)
            self.lines_["prior"] = self.ax_.axhline(
                float(np.mean(self.y_true)), **styled(PRIOR_STYLE, prior_kwargs)
            )
            other = self.axes_[1]
            both = {
                "perfect": ([0, 1], [0, 1], styled(PERFECT_STYLE, perfect_kwargs)),
                "reliability": (
                    self.prob_pred_,
                    self.prob_true_,
                    styled(RELIABILITY_STYLE, reliability_kwargs),
                ),
            }
            for what, (x, y, style) in both.items():
                self.lines_[what] = draw_line(other, np.asarray(x), y, style)
            other.set(xlabel="Mean predicted probability", ylabel="Share that came true")
            other.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
            if legend:
                draw_legend(
                    other, [self.lines_["reliability"], self.lines_["perfect"]], {}, above=False
                )
        if legend:
            lines = [self.lines_[what] for what in ("risk", "prior") if what in self.lines_]
            draw_legend(self.ax_, lines, {}, above=False)
        return self


def _column_of(classifier: Any, label: Any) -> tuple[int, Any]:
    """Return the column of a class in ``predict_proba``, and the class."""
    classes = np.asarray(classifier.classes_)
    if label is None:
        if len(classes) != 2:
            raise InvalidParameterError(
                f"The classifier knows the classes {classes.tolist()}; choose one with label=."
            )
        label = classes[1]
    places = np.flatnonzero(classes == label)
    if len(places) != 1:
        raise InvalidParameterError(
            f"label={label!r} is not accepted; the classifier knows the classes {classes.tolist()}."
        )
    return int(places[0]), classes[places[0]]


def _prefixes(sequence: Any) -> Any:
    """Return the sequence cut after each of its steps, in the order of their lengths."""
    if hasattr(sequence, "cut") and hasattr(sequence, "lengths"):  # Sequences
        if len(sequence) != 1:
            raise DataFormatError(f"sequence is {sequence!r}; choose one of them: X[[0]].")
        n_steps = int(sequence.lengths[0])
        return sequence.take(np.zeros(n_steps, np.int64)).cut(np.arange(1, n_steps + 1))
    is_frame = hasattr(sequence, "columns")
    if not is_frame and np.ndim(sequence) not in (1, 2):
        raise DataFormatError(
            f"sequence has shape {np.shape(sequence)}; one sequence of shape (T, F) is accepted."
        )
    if len(sequence) == 0:
        raise DataFormatError("sequence has no steps.")
    rows = getattr(sequence, "iloc", sequence)
    if hasattr(sequence, "column_names"):  # of pyarrow
        return [sequence.slice(0, n) for n in range(1, len(sequence) + 1)]
    return [rows[:n] for n in range(1, len(sequence) + 1)]


def _probabilities(values: Any, name: str) -> np.ndarray:
    """Return probabilities, (n,), at least one."""
    array = np.asarray(values)
    is_good = array.ndim == 1 and array.size and array.dtype.kind in "fiub"
    if not is_good or not ((array >= 0) & (array <= 1)).all():
        raise DataFormatError(
            f"{name} is of {array.dtype} and shape {array.shape}; numbers from 0 to 1 of shape "
            "(n,) are needed, one column of predict_proba for example."
        )
    return array.astype(np.float64)


def _groups(y_true: Any, y_proba: Any, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return share of 1 and mean probability of groups of equal width that are not empty."""
    group = np.minimum((y_proba * n_bins).astype(np.int64), n_bins - 1)
    count = np.bincount(group, minlength=n_bins)
    true = np.bincount(group, y_true, n_bins)[count > 0] / count[count > 0]
    return true, np.bincount(group, y_proba, n_bins)[count > 0] / count[count > 0]


def _side_by_side(ax: Any, n: int) -> np.ndarray:
    """Return the axes given, or new ones beside each other, (n,)."""
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        ratios, width = ((1,), 6.0) if n == 1 else ((1.5, 1), 9.5)
        size = (width, 3.8)
        _, axes = plt.subplots(
            1, n, squeeze=False, figsize=size, layout="constrained", width_ratios=ratios
        )
        return axes[0]
    axes = np.ravel(np.asarray(ax, dtype=object))
    if len(axes) != n or not all(isinstance(one, Axes) for one in axes):
        what = "the course of the risk" + (" and the reliability diagram" if n == 2 else "")
        raise InvalidParameterError(
            f"ax={ax!r}, but {what} need{'s' if n == 1 else ''} {n} matplotlib Axes. Pass as many, "
            "or leave ax out for a new figure."
        )
    return axes
