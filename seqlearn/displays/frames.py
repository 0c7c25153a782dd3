"""`FramesDisplay`: a clip of video, what a classifier says of it, and which pixels that hangs on.

What lives here says what is in the picture. It knows a classifier by its methods ``predict_proba``
and ``attribute``, and imports none.
"""

from typing import Any

import numpy as np

from seqlearn.displays.drawing import check_matplotlib
from seqlearn.errors import DataFormatError, InvalidParameterError

__all__ = ["FramesDisplay"]

INCHES = 1.1  # a frame


class FramesDisplay:
    """Frames of a clip above each other with their saliency, and the saliency of whole frames.

    The saliency of a pixel is the size of the gradient of the predicted label's score with respect
    to it, the largest of its colours [1]_: where a small change would change the answer most; of
    two labels the score is the log-odds. That of a frame is the sum over its pixels. Make one with
    `from_estimator` or `from_saliency`, which check and draw; parameters are stored as attributes,
    and `plot` draws again.

    Parameters
    ----------
    clip : ndarray of shape (T, H, W, C)
        The frames.
    saliency : ndarray of shape (T, H, W)
        Of each pixel.
    prediction : str or None, default=None
        What stands above the picture.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of shape (2, n_shown) of matplotlib Axes
        With the frames, and with their saliency.
    ax_ : matplotlib Axes
        With the saliency of each frame.

    See Also
    --------
    FramesDisplay.from_estimator : Draw what a fitted classifier looks at.
    FramesDisplay.from_saliency : Draw saliency that is there already.
    LSTMClassifier.attribute : Where saliency comes from.

    References
    ----------
    .. [1] Simonyan, K., Vedaldi, A. and Zisserman, A. (2014). Deep inside convolutional networks:
       visualising image classification models and saliency maps. ICLR workshop, arXiv:1312.6034.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.displays import FramesDisplay
    >>> clip = np.zeros((3, 8, 6), dtype=np.uint8)
    >>> display = FramesDisplay.from_saliency(clip, np.ones((3, 8, 6)), prediction="nothing")
    >>> display.axes_.shape, [float(bar.get_height()) for bar in display.ax_.patches]
    ((2, 3), [48.0, 48.0, 48.0])
    >>> display.figure_.savefig("clip.png")  # doctest: +SKIP
    """

    def __init__(self, *, clip: np.ndarray, saliency: np.ndarray, prediction: str | None = None):
        self.clip = clip
        self.saliency = saliency
        self.prediction = prediction

    @classmethod
    def from_estimator(cls, classifier: Any, clip: Any, **plot_params: Any) -> "FramesDisplay":
        """Draw what a fitted classifier says of a clip, and what that hangs on.

        Parameters
        ----------
        classifier : LSTMClassifier
            Fitted on frames.
        clip : array-like of shape (T, H, W) or (T, H, W, C)
            One clip.
        **plot_params
            Parameters of `plot`.

        Returns
        -------
        FramesDisplay

        Raises
        ------
        DataFormatError
            It is not one clip, or of other frames than in ``fit``.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("FramesDisplay.from_estimator")
        frames = _frames(clip)
        chances = classifier.predict_proba([frames])[0]
        best = chances.argmax()
        saliency = classifier.attribute([frames], method="saliency")[0]  # (T, H, W, C)
        prediction = f"{classifier.classes_[best]}, probability {chances[best]:.2f}"
        return cls.from_saliency(
            frames, saliency.max(axis=-1), prediction=prediction, **plot_params
        )

    @classmethod
    def from_saliency(
        cls, clip: Any, saliency: Any, *, prediction: str | None = None, **plot_params: Any
    ) -> "FramesDisplay":
        """Draw a clip with saliency that is there already.

        Parameters
        ----------
        clip : array-like of shape (T, H, W) or (T, H, W, C)
            One clip; 1 colour, or 3 of them: red, green and blue. Of another number, the mean is
            drawn.
        saliency : array-like of shape (T, H, W)
            Of each pixel, at least 0.
        prediction : str or None, default=None
            What stands above the picture.
        **plot_params
            Parameters of `plot`.

        Returns
        -------
        FramesDisplay

        Raises
        ------
        DataFormatError
            It is not one clip, or the saliency does not go with it.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("FramesDisplay.from_saliency")
        frames, values = _frames(clip), np.asarray(saliency, dtype=float)
        if values.shape != frames.shape[:3]:
            raise DataFormatError(
                f"saliency has shape {values.shape}, but the clip has {frames.shape[0]} frames of "
                f"{frames.shape[1]} x {frames.shape[2]} pixels. Give one value a pixel."
            )
        return cls(clip=frames, saliency=values, prediction=prediction).plot(**plot_params)

    def plot(self, *, max_frames: int = 12, cmap: Any = "magma") -> "FramesDisplay":
        """Draw the frames, their saliency below each, and below all that of whole frames.

        Parameters
        ----------
        max_frames : int, default=12
            Frames shown, at most: the first, the last and others at equal distances.
        cmap : str or matplotlib Colormap, default="magma"
            The colours of saliency, from 0 to the largest value.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            ``max_frames`` is no int of at least 1.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("FramesDisplay.plot")
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        if not isinstance(max_frames, int) or isinstance(max_frames, bool) or max_frames < 1:
            raise InvalidParameterError(f"max_frames must be an int >= 1, got {max_frames!r}.")
        n_frames = len(self.clip)
        shown = np.unique(
            np.linspace(0, n_frames - 1, min(max_frames, n_frames)).round().astype(int)
        )
        self.figure_ = plt.figure(
            figsize=(max(INCHES * len(shown) + 0.8, 4.0), 2 * INCHES + 2.0), layout="constrained"
        )
        grid = self.figure_.add_gridspec(3, len(shown), height_ratios=[1, 1, 1])
        self.axes_ = np.array(
            [
                [self.figure_.add_subplot(grid[row, i]) for i in range(len(shown))]
                for row in range(2)
            ]
        )
        drawn, largest = _drawn(self.clip), float(self.saliency.max()) or 1.0
        for column, frame in enumerate(shown):
            above, below = self.axes_[:, column]
            above.imshow(drawn[frame], cmap="gray", vmin=0, vmax=1)
            above.set_title(str(frame), fontsize="small")
            below.imshow(self.saliency[frame], cmap=cmap, vmin=0, vmax=largest)
            for ax in (above, below):
                ax.set(xticks=[], yticks=[])
        self.axes_[0, 0].set_ylabel("Frame")
        self.axes_[1, 0].set_ylabel("Saliency")
        self.ax_ = self.figure_.add_subplot(grid[2, :])
        self.ax_.bar(range(n_frames), self.saliency.sum(axis=(1, 2)), color="0.4")
        self.ax_.xaxis.set_major_locator(MaxNLocator(integer=True))
        self.ax_.set(xlabel="Frame", ylabel="Saliency")
        if self.prediction is not None:
            self.figure_.suptitle(self.prediction.replace("$", r"\$"))
        return self


def _frames(clip: Any) -> np.ndarray:
    """Return one clip as (T, H, W, C)."""
    frames = np.asarray(clip)
    if frames.ndim not in (3, 4) or 0 in frames.shape or frames.dtype.kind not in "fiub":
        raise DataFormatError(
            f"clip has shape {frames.shape} and type {frames.dtype}; numbers of shape (T, H, W) or "
            "(T, H, W, C) are accepted, one clip: X[0] of several."
        )
    return frames[..., None] if frames.ndim == 3 else frames


def _drawn(clip: np.ndarray) -> np.ndarray:
    """Return frames as they are drawn, from 0 to 1: grey (T, H, W) or of colours (T, H, W, 3)."""
    if clip.dtype == np.uint8:
        values = clip / 255.0
    else:
        low, high = float(clip.min()), float(clip.max())
        low, high = min(low, 0.0), max(high, 1.0)
        values = (clip - low) / (high - low)
    return values if clip.shape[-1] == 3 else values.mean(axis=-1)
