"""`HiddenStateDisplay`: what a network held at each step of a sequence.

It knows an estimator by its method ``hidden_states``, and imports none; drawing is in `drawing`.
"""

from typing import Any

import numpy as np

from seqlearn.displays.drawing import (
    check_matplotlib,
    draw_heatmap,
    label_steps,
    make_axes,
    width_of,
)
from seqlearn.displays.sequence import one_sequence, words_of
from seqlearn.errors import DataFormatError
from seqlearn.pipelines import last_step

__all__ = ["HiddenStateDisplay"]


class HiddenStateDisplay:
    """Heat map of hidden states: a row for each unit, a column for each step.

    Units are drawn in the order of the step at which they are largest, so that what is held for
    long is seen as bands; `order_` has their numbers.

    Make one with `from_estimator` or `from_states`, which check and draw; parameters are stored as
    attributes, and `plot` draws again.

    Parameters
    ----------
    states : ndarray of shape (T, D)
        The outputs of a core.
    tokens : list of T str or None, default=None
        The words of the sequence; None counts the steps.

    Attributes
    ----------
    order_ : ndarray of shape (D,)
        Numbers of the units from top to bottom.
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        With the heat map.
    im_ : matplotlib AxesImage
        The heat map.

    See Also
    --------
    HiddenStateDisplay.from_estimator : Draw what a fitted estimator held.
    HiddenStateDisplay.from_states : Draw states that are there already.

    Examples
    --------
    >>> from seqlearn import LSTMClassifier
    >>> from seqlearn.datasets import make_noisy_sines
    >>> from seqlearn.displays import HiddenStateDisplay
    >>> X, y = make_noisy_sines(40, 20, random_state=0)
    >>> classifier = LSTMClassifier(hidden_size=8, max_epochs=5, random_state=0).fit(X, y)
    >>> HiddenStateDisplay.from_estimator(classifier, X[0]).states.shape
    (20, 16)
    """

    def __init__(self, *, states: np.ndarray, tokens: list[str] | None = None):
        self.states = states
        self.tokens = tokens

    @classmethod
    def from_estimator(
        cls, estimator: Any, x: Any, *, ax: Any = None, **plot_params: Any
    ) -> "HiddenStateDisplay":
        """Draw what a fitted estimator held.

        Parameters
        ----------
        estimator : estimator with the method ``hidden_states``, or Pipeline that ends with one
            A fitted one.
        x : array-like of shape (T, F) or (T,), list of tokens, or what the pipeline takes
            One sequence; a data frame with sequences in its cells has one row.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **plot_params
            Further parameters of `plot`.

        Returns
        -------
        HiddenStateDisplay

        Raises
        ------
        InvalidParameterError
            The estimator has no hidden states to show.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("HiddenStateDisplay.from_estimator")
        estimator, X = last_step(estimator, one_sequence(estimator, x), "hidden_states")
        return cls.from_states(estimator.hidden_states(X)[0], words_of(X), ax=ax, **plot_params)

    @classmethod
    def from_states(
        cls, states: Any, tokens: list[str] | None = None, *, ax: Any = None, **plot_params: Any
    ) -> "HiddenStateDisplay":
        """Draw states that are there already.

        Parameters
        ----------
        states : array-like of shape (T, D)
            Of one sequence.
        tokens : list of T str or None, default=None
            Its words.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **plot_params
            Further parameters of `plot`.

        Returns
        -------
        HiddenStateDisplay

        Raises
        ------
        DataFormatError
            The states are no (T, D) of at least one step, or the tokens are not as many.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("HiddenStateDisplay.from_states")
        table = np.asarray(states, dtype=float)
        if (
            table.ndim != 2
            or 0 in table.shape
            or (tokens is not None and len(tokens) != len(table))
        ):
            known = "" if tokens is None else f", and there are {len(tokens)} tokens"
            raise DataFormatError(
                f"states has shape {table.shape}{known}; (T, D) of one sequence is accepted, at "
                "least one step, and a token for each if there are any."
            )
        return cls(states=table, tokens=tokens).plot(ax=ax, **plot_params)

    def plot(self, *, ax: Any = None, cmap: Any = "RdBu_r") -> "HiddenStateDisplay":
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        cmap : str or matplotlib Colormap, default="RdBu_r"
            The colours; their middle is 0.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            ``ax`` is no matplotlib Axes.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("HiddenStateDisplay.plot")
        self.ax_ = make_axes(ax, ["states"], what="heat maps", width=width_of(self.tokens))[0]
        self.figure_ = self.ax_.figure
        sizes = np.abs(self.states)  # (T, D)
        self.order_ = np.argsort(sizes.argmax(axis=0), kind="stable")
        largest = max(float(sizes.max()), np.finfo(float).tiny)
        table = self.states[:, self.order_].T
        self.im_ = draw_heatmap(self.ax_, table, cmap, largest, signed=True, label="State")
        self.ax_.set(ylabel="Unit, by its largest step", yticks=[])
        label_steps(self.ax_, self.tokens)
        return self
