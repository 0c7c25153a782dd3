"""`SaliencyDisplay`: how much each step and feature of a sequence counted for an answer.

It knows an estimator by its method ``attribute``, and imports none; drawing is in `drawing`.
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

__all__ = ["SaliencyDisplay"]

MOST_LABELS = 30  # names of features that can be read below each other


class SaliencyDisplay:
    """Picture of attributions: what speaks for the explained answer in red, against it in blue.

    Words are bars; one feature is drawn as a line, with the attributions behind it; several are a
    heat map with a row for each.

    Make one with `from_estimator` or `from_attributions`, which check and draw; parameters are
    stored as attributes, and `plot` draws again.

    Parameters
    ----------
    attributions : ndarray of shape (T,) or (T, F)
        As the method ``attribute`` of an estimator gives them, of one sequence.
    values : ndarray of shape (T, F) or None, default=None
        The sequence, if it holds numbers.
    tokens : list of T str or None, default=None
        The words of the sequence, if it holds words.
    names : list of F str or None, default=None
        Of the features.
    title : str or None, default=None
        What is explained.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        With the picture.
    artist_ : matplotlib AxesImage or BarContainer
        The heat map, or the bars.

    See Also
    --------
    SaliencyDisplay.from_estimator : Draw what counts for a fitted estimator.
    SaliencyDisplay.from_attributions : Draw attributions that are there already.

    Examples
    --------
    >>> from seqlearn.displays import SaliencyDisplay
    >>> words, counts = ["a", "dull", "film"], [0.01, -1.2, 0.1]
    >>> display = SaliencyDisplay.from_attributions(counts, tokens=words)
    >>> [label.get_text() for label in display.ax_.get_xticklabels()]
    ['a', 'dull', 'film']
    >>> display.figure_.savefig("words.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        attributions: np.ndarray,
        values: np.ndarray | None = None,
        tokens: list[str] | None = None,
        names: list[str] | None = None,
        title: str | None = None,
    ):
        self.attributions = attributions
        self.values = values
        self.tokens = tokens
        self.names = names
        self.title = title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        x: Any,
        *,
        method: str = "integrated_gradients",
        target: Any = None,
        baseline: Any = "mean",
        n_steps: int = 32,
        ax: Any = None,
        **plot_params: Any,
    ) -> "SaliencyDisplay":
        """Draw what counts for a fitted estimator.

        Parameters
        ----------
        estimator : LSTMClassifier, LSTMRegressor, or Pipeline that ends with one
            A fitted one.
        x : array-like of shape (T, F) or (T,), list of tokens, or what the pipeline takes
            One sequence; a data frame with sequences in its cells has one row.
        method, target, baseline, n_steps
            As in `seqlearn.attribute`.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **plot_params
            Further parameters of `plot`.

        Returns
        -------
        SaliencyDisplay

        Raises
        ------
        InvalidParameterError
            The estimator cannot be explained, or an argument is not accepted.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("SaliencyDisplay.from_estimator")
        estimator, X = last_step(estimator, one_sequence(estimator, x), "attribute")
        found = estimator.attribute(X, method, target, baseline, n_steps)[0]
        names, values = getattr(estimator, "feature_names_in_", None), None
        if found.ndim == 1 or names is None or len(names) != found.shape[1]:
            names = None
        if found.ndim == 2 and found.shape[1] == 1 and not hasattr(X, "columns"):
            values = np.asarray(X[0], dtype=float).reshape(found.shape)
        if target is None and hasattr(estimator, "classes_"):
            target = estimator.classes_[estimator.predict_proba(X)[0].argmax()]
        return cls.from_attributions(
            found,
            values=values,
            tokens=words_of(X),
            names=None if names is None else list(names),
            title=None if target is None else f"What counts for {target}",
            ax=ax,
            **plot_params,
        )

    @classmethod
    def from_attributions(
        cls,
        attributions: Any,
        *,
        values: Any = None,
        tokens: list[str] | None = None,
        names: list[str] | None = None,
        title: str | None = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "SaliencyDisplay":
        """Draw attributions that are there already.

        Parameters
        ----------
        attributions : array-like of shape (T,) or (T, F)
            Of one sequence.
        values : array-like of shape (T, F), optional
            The sequence itself, of numbers.
        tokens : list of T str, optional
            Its words.
        names : list of F str, optional
            Of its features.
        title : str, optional
            What is explained.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **plot_params
            Further parameters of `plot`.

        Returns
        -------
        SaliencyDisplay

        Raises
        ------
        DataFormatError
            There is no step, or values, tokens or names are not as many as the attributions.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("SaliencyDisplay.from_attributions")
        counts = np.asarray(attributions, dtype=float)
        if counts.ndim not in (1, 2) or 0 in counts.shape:
            raise DataFormatError(
                f"attributions has shape {counts.shape}; (T,) or (T, F) of one sequence is "
                "accepted, with at least one step."
            )
        if values is not None:
            values = np.asarray(values, dtype=float)
        due = {
            "values": (None if values is None else values.shape, counts.shape),
            "tokens": (None if tokens is None else len(tokens), len(counts)),
            "names": (None if names is None else len(names), (*counts.shape, 1)[1]),
        }
        for what, (given, expected) in due.items():
            if given is not None and given != expected:
                raise DataFormatError(
                    f"{what} is of {given}, and the attributions of {expected}: there must be one "
                    "of the former for each of the latter."
                )
        display = cls(attributions=counts, values=values, tokens=tokens, names=names, title=title)
        return display.plot(ax=ax, **plot_params)

    def plot(self, *, ax: Any = None, cmap: Any = "RdBu_r") -> "SaliencyDisplay":
        """Draw the attributions.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        cmap : str or matplotlib Colormap, default="RdBu_r"
            The colours, from against to for; their middle is 0.

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
        check_matplotlib("SaliencyDisplay.plot")
        counts = self.attributions
        width = width_of(self.tokens)
        self.ax_ = make_axes(ax, ["attributions"], what="pictures", width=width)[0]
        self.figure_ = self.ax_.figure
        largest = max(float(np.abs(counts).max()), np.finfo(float).tiny)
        if counts.ndim == 1:
            self._draw_bars(counts, largest, cmap)
        else:
            table, label = counts.T, "Attribution"
            self.artist_ = draw_heatmap(self.ax_, table, cmap, largest, signed=True, label=label)
            self._label_features(counts.shape[1])
        if self.title is not None:
            self.ax_.set_title(self.title, fontsize="medium")
        label_steps(self.ax_, self.tokens)
        return self

    def _draw_bars(self, counts: np.ndarray, largest: float, cmap: Any) -> None:
        import matplotlib

        colours = matplotlib.colormaps.get_cmap(cmap)
        # Bars of little weight stay visible: colours begin at a third of the way from the middle.
        shades = 0.5 + np.sign(counts) * (0.25 + 0.25 * np.abs(counts) / largest)
        self.artist_ = self.ax_.bar(np.arange(len(counts)), counts, color=colours(shades))
        self.ax_.axhline(0, color="0.4", linewidth=0.8)
        self.ax_.set(xlim=(-0.6, len(counts) - 0.4), ylabel="Attribution")

    def _label_features(self, n_features: int) -> None:
        ax = self.ax_
        if self.values is not None and n_features == 1:
            line = self.values[:, 0]
            margin = 0.08 * max(float(np.ptp(line)), 1e-12)
            low, high = float(line.min()) - margin, float(line.max()) + margin
            self.artist_.set_extent((-0.5, len(line) - 0.5, low, high))
            ax.plot(np.arange(len(line)), line, color="0.1", linewidth=1.2)
            ax.set(xlim=(-0.5, len(line) - 0.5), ylim=(low, high), ylabel="Value")
        elif n_features <= MOST_LABELS:
            names = range(n_features) if self.names is None else self.names
            ax.set_yticks(range(n_features), [str(name) for name in names])
            ax.set_ylabel("Feature")
        else:
            ax.set_ylabel("Feature")
