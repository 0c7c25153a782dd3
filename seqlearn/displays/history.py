"""`HistoryDisplay`: how a fit went, epoch by epoch.

It knows an estimator by its ``history_``, and imports none; drawing is in `drawing`.
"""

from typing import Any

import numpy as np

from seqlearn.displays.drawing import check_matplotlib, draw_line, label_times, make_axes
from seqlearn.errors import DataFormatError
from seqlearn.pipelines import last_step

__all__ = ["HistoryDisplay"]

# Each panel, its columns of the history, and what they are called.
PANELS = {
    "Loss": {"train_loss": "Training", "valid_loss": "Held out"},
    "Score": {"valid_score": "Held out"},
    "Learning rate": {"lr": "Learning rate"},
}
STYLES = {
    "train_loss": {"color": "tab:blue"},
    "valid_loss": {"color": "tab:orange"},
    "valid_score": {"color": "tab:orange"},
    "lr": {"color": "0.4"},
}


class HistoryDisplay:
    """Picture of a fit: losses, the score of held-out rows, and the learning rate of each epoch.

    With early stopping a dashed line marks the epoch of the lowest held-out loss, whose weights
    were kept.

    Make one with `from_estimator` or `from_history`, which check and draw; parameters are stored as
    attributes, and `plot` draws again.

    Parameters
    ----------
    history : list of dict
        As the attribute ``history_`` of an estimator: one row an epoch.

    Attributes
    ----------
    best_epoch_ : int or None
        That of the lowest held-out loss.
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        One for each of losses, score and learning rate that the history has.
    ax_ : matplotlib Axes
        The first of them, with the losses.
    lines_ : dict of str to matplotlib Line2D
        By the names in the history.

    See Also
    --------
    HistoryDisplay.from_estimator : Draw the history of a fitted estimator.
    HistoryDisplay.from_history : Draw a history that is there already.

    Examples
    --------
    >>> from seqlearn import LSTMClassifier
    >>> from seqlearn.datasets import make_noisy_sines
    >>> from seqlearn.displays import HistoryDisplay
    >>> X, y = make_noisy_sines(40, 20, random_state=0)
    >>> classifier = LSTMClassifier(hidden_size=8, max_epochs=5, random_state=0).fit(X, y)
    >>> display = HistoryDisplay.from_estimator(classifier)
    >>> list(display.lines_)
    ['train_loss', 'lr']
    >>> display.figure_.savefig("fit.png")  # doctest: +SKIP
    """

    def __init__(self, *, history: list[dict[str, float]]):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> "HistoryDisplay":
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : estimator with ``history_``, or Pipeline with one as its last step
            A fitted one.
        ax : matplotlib Axes, array of them, or None, default=None
            One for each panel; None makes a new figure.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        InvalidParameterError
            The estimator has no history, or ``ax`` is not as many axes.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("HistoryDisplay.from_estimator")
        estimator, _ = last_step(estimator, None, "history_")
        return cls.from_history(estimator.history_, ax=ax)

    @classmethod
    def from_history(cls, history: list[dict[str, float]], *, ax: Any = None) -> "HistoryDisplay":
        """Draw a history that is there already.

        Parameters
        ----------
        history : list of dict
            One row an epoch, with ``train_loss`` at least.
        ax : matplotlib Axes, array of them, or None, default=None
            One for each panel; None makes a new figure.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        DataFormatError
            There is no epoch, or no ``train_loss``.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("HistoryDisplay.from_history")
        rows = [dict(row) for row in history]
        if not rows or not all("train_loss" in row for row in rows):
            raise DataFormatError(
                f"history has {len(rows)} epochs; at least one is due, each with a 'train_loss', "
                "as the attribute history_ of a fitted estimator has them."
            )
        return cls(history=rows).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "HistoryDisplay":
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes, array of them, or None, default=None
            One for each panel; None makes a new figure.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            ``ax`` is not as many axes as there are panels.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("HistoryDisplay.plot")
        known = {name for row in self.history for name in row}
        panels = {title: names for title, names in PANELS.items() if known & names.keys()}
        self.axes_ = make_axes(ax, list(panels), what="panels", by="history")
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        epochs, self.lines_ = np.arange(1, len(self.history) + 1), {}
        for (title, names), panel in zip(panels.items(), self.axes_, strict=True):
            for name in (one for one in names if one in known):
                values = [row.get(name, np.nan) for row in self.history]
                style = {**STYLES[name], "label": names[name]}
                self.lines_[name] = draw_line(panel, epochs, values, style)
            panel.set_ylabel(title)
        self.best_epoch_ = self._best_epoch()
        if self.best_epoch_ is not None:
            label = f"Lowest held-out loss: epoch {self.best_epoch_}"
            for panel in self.axes_:
                panel.axvline(self.best_epoch_, color="0.5", ls="--", lw=1, label=label)
            self.ax_.legend(frameon=False, fontsize="small")
        label_times(self.axes_[-1], epochs)
        self.axes_[-1].set_xlabel("Epoch")
        return self

    def _best_epoch(self) -> int | None:
        losses = np.array([row.get("valid_loss", np.nan) for row in self.history])
        return None if np.isnan(losses).all() else int(np.nanargmin(losses)) + 1
