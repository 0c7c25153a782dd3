"""`AttentionDisplay`: where a translator looked in the source while it wrote the target.

What lives here says what is in the picture. It knows a translator by its method ``attention``, and
imports none.
"""

from typing import Any

import numpy as np

from seqlearn.displays.drawing import check_matplotlib, shown
from seqlearn.errors import DataFormatError, InvalidParameterError

__all__ = ["AttentionDisplay"]

INCH_A_TOKEN, MOST_INCHES = 0.38, 12.0


class AttentionDisplay:
    """Heat map of attention: a row for each token of the target, a column for each of the source.

    Make one with `from_estimator` or `from_attention`, which check and draw; parameters are stored
    as attributes, and `plot` draws again.

    Parameters
    ----------
    attention : ndarray of shape (U, T)
        How much each token of the source counts for each token of the target.
    source_tokens : list of T str
        What stands along the columns.
    target_tokens : list of U str
        What stands along the rows.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        With the heat map.
    im_ : matplotlib AxesImage
        The heat map.

    See Also
    --------
    AttentionDisplay.from_estimator : Draw where a fitted translator looks.
    AttentionDisplay.from_attention : Draw attention that is there already.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.displays import AttentionDisplay
    >>> attention = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> display = AttentionDisplay.from_attention(attention, ["good", " day"], ["god", " dag"])
    >>> [label.get_text() for label in display.ax_.get_xticklabels()]
    ['good', '\u2423day']
    >>> display.figure_.savefig("attention.png")  # doctest: +SKIP
    """

    def __init__(
        self, *, attention: np.ndarray, source_tokens: list[str], target_tokens: list[str]
    ):
        self.attention = attention
        self.source_tokens = source_tokens
        self.target_tokens = target_tokens

    @classmethod
    def from_estimator(
        cls,
        translator: Any,
        source: Any,
        target: Any = None,
        *,
        ax: Any = None,
        **plot_params: Any,
    ) -> "AttentionDisplay":
        """Draw where a fitted translator looks.

        Parameters
        ----------
        translator : LSTMTranslator
            Fitted, with the method ``attention``.
        source : str or list of str
            One text, or the tokens of one source.
        target : str or list of str, optional
            A target for it; the translator's answer by default.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **plot_params
            Further parameters of `plot`.

        Returns
        -------
        AttentionDisplay

        Raises
        ------
        DataFormatError
            The source is empty, or the answer to it is.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("AttentionDisplay.from_estimator")
        tables, sources, targets = translator.attention(
            [source], None if target is None else [target], return_tokens=True
        )
        return cls.from_attention(tables[0], sources[0], targets[0], ax=ax, **plot_params)

    @classmethod
    def from_attention(
        cls,
        attention: Any,
        source_tokens: list[str],
        target_tokens: list[str],
        *,
        ax: Any = None,
        **plot_params: Any,
    ) -> "AttentionDisplay":
        """Draw attention that is there already.

        Parameters
        ----------
        attention : array-like of shape (U, T)
            How much each token of the source counts for each token of the target.
        source_tokens : list of T str
            What stands along the columns.
        target_tokens : list of U str
            What stands along the rows.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **plot_params
            Further parameters of `plot`.

        Returns
        -------
        AttentionDisplay

        Raises
        ------
        DataFormatError
            The tokens are not as many as rows and columns, or there are none.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("AttentionDisplay.from_attention")
        table = np.asarray(attention, dtype=float)
        due = (len(target_tokens), len(source_tokens))
        if table.shape != due or 0 in due:
            raise DataFormatError(
                f"attention has shape {table.shape}, and there are {due[0]} tokens of the target "
                f"and {due[1]} of the source. Give a row for each token of the target and a column "
                "for each of the source, at least one of both."
            )
        display = cls(
            attention=table, source_tokens=list(source_tokens), target_tokens=list(target_tokens)
        )
        return display.plot(ax=ax, **plot_params)

    def plot(
        self, *, ax: Any = None, cmap: Any = "Blues", colorbar: bool = True
    ) -> "AttentionDisplay":
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        cmap : str or matplotlib Colormap, default="Blues"
            The colours, from 0 to 1.
        colorbar : bool, default=True
            Whether to draw what the colours mean.

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
        check_matplotlib("AttentionDisplay.plot")
        import matplotlib.pyplot as plt
        from matplotlib.axes import Axes

        if ax is None:
            sizes = (len(self.source_tokens), len(self.target_tokens))
            width, height = (min(INCH_A_TOKEN * size + 1.8, MOST_INCHES) for size in sizes)
            _, ax = plt.subplots(figsize=(width, height), layout="constrained")
        elif not isinstance(ax, Axes):
            raise InvalidParameterError(
                f"ax={ax!r} is no matplotlib Axes. Pass one, or leave ax out for a new figure."
            )
        self.ax_, self.figure_ = ax, ax.figure
        self.im_ = ax.imshow(self.attention, cmap=cmap, vmin=0, vmax=1, aspect="auto")
        ax.set_xticks(
            range(len(self.source_tokens)),
            [shown(token) for token in self.source_tokens],
            rotation=90,
        )
        ax.set_yticks(
            range(len(self.target_tokens)), [shown(token) for token in self.target_tokens]
        )
        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
        ax.set(xlabel="Source", ylabel="Target")
        if colorbar:
            self.figure_.colorbar(self.im_, ax=ax, label="Attention")
        return self
