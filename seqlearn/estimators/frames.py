"""`Frames`: how an estimator reads frames of video, as one parameter object.

It holds parameters alone, as `seqlearn.estimators.words` does. What ``fit`` makes of them is in
`seqlearn.estimators.frame_input`.
"""

from typing import Any

from sklearn.base import BaseEstimator

from seqlearn.parameter_checks import Check, check_parameters, integer, number

__all__ = ["Frames", "check_frames"]


class Frames(BaseEstimator):
    """A small convolutional network before the recurrent one, for the parameter ``frames``.

    It makes one vector of each frame: convolutions that halve height and width, each followed by a
    rectifier, then a linear map. Frames may have any
    size. It stores its parameters and nothing else, and ``fit`` never changes it. In a search,
    ``frames__size`` is an axis, and ``frames=[None, Frames()]`` another: without it, the recurrent
    network reads the pixels as they are.

    Parameters
    ----------
    channels : sequence of int, default=(16, 32)
        Channels of each convolution, one or more.
    kernel_size : int, default=5
        Pixels along the side of a convolution's window, an odd number.
    grid : int, default=5
        What the convolutions leave is averaged to at most so many places along each side, and the
        linear map reads those: the more, the better it is seen where something is, and the more
        weights there are.
    size : int, default=64
        Values of the vector of a frame.
    dropout : float, default=0.0
        Share of the values of a frame's vector set to zero in training, the same ones in all frames
        of a clip.

    Raises
    ------
    InvalidParameterError
        In ``fit`` of the estimator: a parameter is out of range, or X holds no frames.

    See Also
    --------
    LSTMClassifier, LSTMRegressor, BiLSTMTagger, SequenceEncoder : The estimators that read frames.

    Notes
    -----
    Frames of uint8 are divided by 255, batch by batch; others are read as they are, and should be
    of about that size.

    References
    ----------
    Donahue, J., Hendricks, L. A., Guadarrama, S. et al. (2015). Long-term recurrent convolutional
    networks for visual recognition and description. CVPR.

    Examples
    --------
    >>> from seqlearn import Frames, LSTMClassifier
    >>> from seqlearn.datasets import make_moving_digits
    >>> clips, _, directions = make_moving_digits(40, n_frames=5, random_state=0)
    >>> model = LSTMClassifier(frames=Frames(channels=(4, 8)), max_epochs=2, random_state=0)
    >>> model.set_params(frames__size=16).fit(clips, directions).predict(clips[:2]).shape
    (2,)
    """

    # <parameters: channels kernel_size grid size dropout>
    def __init__(
        self,
        *,
        channels: Any = (16, 32),
        kernel_size: int = 5,
        grid: int = 5,
        size: int = 64,
        dropout: float = 0.0,
    ):
        self.channels = channels
        self.kernel_size = kernel_size
        self.grid = grid
        self.size = size
        self.dropout = dropout
        # </parameters>


def _channels(value: Any) -> str | None:
    """Accept a list or tuple of one int of at least 1 or more."""
    is_list = isinstance(value, list | tuple) and len(value) > 0
    fits = is_list and all(integer(1)(one) is None for one in value)
    return None if fits else "a list or tuple of one int >= 1 or more"


def _odd(value: Any) -> str | None:
    """Accept an odd int of at least 1."""
    return None if integer(1)(value) is None and value % 2 else "an odd int >= 1"


_CHECKS: dict[str, Check] = {
    "channels": _channels,
    "kernel_size": _odd,
    "grid": integer(1),
    "size": integer(1),
    "dropout": number("[0, 1)"),
}


def check_frames(value: Any) -> str | None:
    """Accept None or a `Frames` whose own parameters are accepted.

    Raises
    ------
    InvalidParameterError
        Naming the parameter of `Frames` that is not.
    """
    if isinstance(value, Frames):
        check_parameters(value, _CHECKS)
    elif value is not None:
        return "a seqlearn.Frames, such as Frames(channels=(16, 32)), or None"
    return None
