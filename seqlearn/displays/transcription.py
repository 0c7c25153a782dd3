"""`TranscriptionDisplay`: what a transcriber heard or read, step by step, and where.

What lives here says what is in the picture. It knows a transcriber by its methods
``predict_log_proba`` and ``predict_timings``, and imports none.
"""

from typing import Any

import numpy as np

from seqlearn.displays.drawing import check_matplotlib, make_pair, shown
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.pipelines import last_step

__all__ = ["TranscriptionDisplay"]

KINDS = ("frames", "path")
HEIGHT, WIDTHS = 4.6, (6.0, 14.0)  # inches
INCH_A_STEP = 0.06
NEAR_THE_END = 0.98  # of the axis: a label stands to the left


class TranscriptionDisplay:
    """The frames of one sequence, and below them the probability of each symbol of the answer.

    Make one with `from_estimator`, which asks and draws; parameters are stored as attributes, and
    `plot` draws again.

    Parameters
    ----------
    frames : ndarray of shape (T, F)
        What the transcriber read: a spectrogram, or the steps of a pen.
    probabilities : ndarray of shape (S, C + 1)
        Of blank, column 0, and symbols at each of its own steps.
    symbols : list of C symbols
        What the other columns stand for.
    timings : list of (symbol, start, end)
        The answer: where its symbols stand, in frames.
    stack : int, default=1
        Frames of a step.
    step_seconds : float or None, default=None
        Time from one frame to the next; the axis is then in seconds.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of two matplotlib Axes
        With the frames or the path, and with the probabilities.
    lines_ : dict
        The line of each symbol of the answer, and of the blank, whose key is None.

    See Also
    --------
    TranscriptionDisplay.from_estimator : Draw what a fitted transcriber says.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.displays import TranscriptionDisplay
    >>> chances = np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]])
    >>> display = TranscriptionDisplay(
    ...     frames=np.zeros((3, 4)), probabilities=chances, symbols=["a"], timings=[("a", 1, 2)]
    ... ).plot()
    >>> list(display.lines_)
    [None, 'a']
    >>> display.figure_.savefig("transcription.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        frames: np.ndarray,
        probabilities: np.ndarray,
        symbols: list,
        timings: list,
        stack: int = 1,
        step_seconds: float | None = None,
    ):
        self.frames = frames
        self.probabilities = probabilities
        self.symbols = symbols
        self.timings = timings
        self.stack = stack
        self.step_seconds = step_seconds

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        x: Any,
        y: Any = None,
        *,
        step_seconds: float | None = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "TranscriptionDisplay":
        """Draw what a fitted transcriber says of one sequence.

        Parameters
        ----------
        estimator : LSTMTranscriber, or Pipeline that ends in one
            Fitted.
        x : array of shape (T, F), or what the pipeline takes of one row
            The sequence.
        y : str or list of symbols, optional
            What it says, to be aligned; the answer of ``predict`` by default.
        step_seconds : float, optional
            Time from one frame to the next; the axis is then in seconds.
        ax : array of two matplotlib Axes, optional
            Where to draw; a new figure by default.
        **plot_params
            Further parameters of `plot`.

        Returns
        -------
        TranscriptionDisplay

        Raises
        ------
        DataFormatError
            ``x`` is not one sequence, or ``y`` cannot be said in it.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("TranscriptionDisplay.from_estimator")
        transcriber, X = last_step(estimator, [x], "predict_log_proba")
        frames = np.asarray(X[0], dtype=float)
        if frames.ndim != 2:
            raise DataFormatError(
                f"x has shape {np.shape(x)}, of which the transcriber reads {frames.shape}; one "
                "sequence of frames, (T, F), is drawn: X[0] of many."
            )
        [values] = transcriber.predict_log_proba(X)
        [timings] = transcriber.predict_timings(X, y=None if y is None else [y])
        display = cls(
            frames=frames,
            probabilities=np.exp(values),
            symbols=transcriber.symbols_.tolist(),
            timings=timings,
            stack=int(transcriber.stack),
            step_seconds=step_seconds,
        )
        return display.plot(ax=ax, **plot_params)

    def plot(
        self, *, ax: Any = None, kind: str = "frames", cmap: Any = "magma"
    ) -> "TranscriptionDisplay":
        """Draw both axes.

        Parameters
        ----------
        ax : array of two matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        kind : {"frames", "path"}, default="frames"
            Draw frames as an image, time to the right, or as the path of a pen: their first
            columns are then the way to the point, to the right and up, and 1 where the pen came
            through the air, as `seqlearn.preprocessing.StrokeFeatures` has them.
        cmap : str or matplotlib Colormap, default="magma"
            The colours of the image.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            ``ax`` is not a pair of matplotlib Axes, or ``kind`` is none of those, or the frames
            have no three columns for a path.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("TranscriptionDisplay.plot")
        if kind not in KINDS:
            raise InvalidParameterError(f"kind={kind!r} must be one of 'frames' and 'path'.")
        if kind == "path" and self.frames.shape[1] < 3:
            raise InvalidParameterError(
                f"kind='path' draws frames of (dx, dy, pen_up, ...); these have "
                f"{self.frames.shape[1]} values. Draw them with kind='frames'."
            )
        width = min(max(INCH_A_STEP * len(self.frames), WIDTHS[0]), WIDTHS[1])
        self.axes_ = make_pair(ax, (width, HEIGHT), sharex=kind == "frames")
        self.figure_ = self.axes_[0].figure
        colors = self._colors()
        if kind == "frames":
            self._draw_image(self.axes_[0], cmap)
        else:
            self._draw_path(self.axes_[0], colors)
        self._draw_probabilities(self.axes_[1], colors)
        return self

    @property
    def _unit(self) -> float:
        """What a frame is on the axis of time."""
        return 1.0 if self.step_seconds is None else self.step_seconds

    def _colors(self) -> dict:
        """Return a colour for each symbol of the answer."""
        from matplotlib import colormaps

        found = dict.fromkeys(symbol for symbol, _, _ in self.timings)
        many = len(found) > 10
        palette, n = colormaps["tab20" if many else "tab10"], 20 if many else 10
        return {symbol: palette(i % n) for i, symbol in enumerate(found)}

    def _draw_image(self, ax: Any, cmap: Any) -> None:
        n, n_values = self.frames.shape
        extent = (0, n * self._unit, -0.5, n_values - 0.5)
        ax.imshow(self.frames.T, origin="lower", aspect="auto", cmap=cmap, extent=extent)
        ax.set(ylabel="Feature")

    def _draw_path(self, ax: Any, colors: dict) -> None:
        points = np.cumsum(self.frames[:, :2], axis=0)
        inside = np.flatnonzero(self.frames[:, 2] > 0)
        for stroke in np.split(points, inside[inside > 0]):
            ax.plot(*stroke.T, color="0.75", linewidth=2, solid_capstyle="round", zorder=1)
        top = points[:, 1].max()
        for symbol, start, end in self.timings:
            own = points[start:end]
            ax.scatter(*own.T, s=22, color=colors[symbol], zorder=2)
            ax.annotate(
                shown(symbol),
                (own[:, 0].mean(), top),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                color=colors[symbol],
            )
        ax.set_aspect("equal", adjustable="datalim")
        ax.set(xticks=[], yticks=[])

    def _draw_probabilities(self, ax: Any, colors: dict) -> None:
        n = len(self.frames)
        edges = np.minimum(np.arange(len(self.probabilities) + 1) * self.stack, n) * self._unit
        middles = (edges[1:] + edges[:-1]) / 2
        chances = self.probabilities
        [blank] = ax.plot(middles, chances[:, 0], color="0.7", linestyle=":", label="blank")
        self.lines_ = {None: blank}
        for symbol, color in colors.items():
            column = chances[:, 1 + self.symbols.index(symbol)]
            [self.lines_[symbol]] = ax.plot(middles, column, color=color, label=shown(symbol))
        for symbol, start, end in self.timings:
            is_last = (start + end) / 2 > NEAR_THE_END * n
            ax.axvspan(start * self._unit, end * self._unit, color=colors[symbol], alpha=0.15)
            ax.annotate(
                shown(symbol),
                ((start + end) / 2 * self._unit, 1.0),
                xytext=(0, 3),
                textcoords="offset points",
                ha="right" if is_last else "center",
                va="bottom",
                color=colors[symbol],
                annotation_clip=False,
            )
        ax.set(
            xlim=(0, n * self._unit),
            ylim=(0, 1.12),
            ylabel="Probability",
            xlabel="Frame" if self.step_seconds is None else "Time in seconds",
        )
