"""Generated video whose answers are known: digits that move, to be read and followed.

The images come with scikit-learn. Some of them are for training and others for testing, so that a
model that knows its training images by heart gains nothing.
"""

from numbers import Real

import numpy as np

from seqlearn.datasets.generated import RandomStateLike, check_integer, own_random_state
from seqlearn.errors import InvalidParameterError

__all__ = ["make_moving_digits"]

SIDE = 8  # pixels of an image
TRAIN_SHARE = 0.7
DIRECTIONS = {  # rows down and columns to the right, a frame
    "N": (-1, 0),
    "NE": (-1, 1),
    "E": (0, 1),
    "SE": (1, 1),
    "S": (1, 0),
    "SW": (1, -1),
    "W": (0, -1),
    "NW": (-1, -1),
}


def make_moving_digits(
    n_clips: int = 100,
    *,
    part: str = "train",
    n_frames: int = 12,
    size: int = 20,
    noise: float = 0.05,
    random_state: RandomStateLike = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Generate clips of one handwritten digit each that moves in one of eight directions.

    Two classification problems: which digit it is, and where it goes. The images, 8 x 8 pixels, are
    those of `sklearn.datasets.load_digits`. A digit moves by one pixel a frame along each axis of
    its direction and comes in again at the other side of the canvas, from a start drawn uniformly;
    so no single frame says anything of the direction. Guessing gets a tenth of the digits right,
    and an eighth of the directions.

    Parameters
    ----------
    n_clips : int, default=100
        The number of clips N, at least 1.
    part : {"train", "test"}, default="train"
        Which images clips are made of. The 1,797 are divided once and for all, 70 to 30, each digit
        alike; no image is in both parts.
    n_frames : int, default=12
        Frames of a clip T, at least 1.
    size : int, default=20
        Height and width of the canvas in pixels, at least 8.
    noise : float, default=0.05
        Standard deviation of normal noise on every pixel, in units of white, at least 0.
    random_state : int, RandomState instance or None, default=None
        An int gives the same data at each call. None draws anew and, unlike in scikit-learn, leaves
        NumPy's global random state alone.

    Returns
    -------
    clips : ndarray of shape (N, T, size, size), uint8
        0 is black, 255 white.
    digits : ndarray of shape (N,), int
        From 0 to 9.
    directions : ndarray of shape (N,), str
        "N", "NE", "E", "SE", "S", "SW", "W" or "NW"; "N" is up.

    Raises
    ------
    InvalidParameterError
        When a parameter is not in the range stated above.

    References
    ----------
    Srivastava, N., Mansimov, E. and Salakhutdinov, R. (2015). Unsupervised learning of video
    representations using LSTMs. ICML: the moving digits of MNIST, which bounce off the sides.

    Examples
    --------
    >>> from seqlearn.datasets import make_moving_digits
    >>> clips, digits, directions = make_moving_digits(3, noise=0.0, random_state=0)
    >>> clips.shape, clips.dtype
    ((3, 12, 20, 20), dtype('uint8'))
    >>> digits.tolist(), directions.tolist()
    ([1, 6, 6], ['SE', 'SE', 'SE'])
    """
    from sklearn.datasets import load_digits

    check_integer("n_clips", n_clips, 1)
    check_integer("n_frames", n_frames, 1)
    check_integer("size", size, SIDE)
    if part not in ("train", "test"):
        raise InvalidParameterError(f"part must be 'train' or 'test', got {part!r}.")
    if not isinstance(noise, Real) or isinstance(noise, bool) or not 0 <= noise < np.inf:
        raise InvalidParameterError(f"noise must be a finite number >= 0, got {noise!r}.")
    rng = own_random_state(random_state)
    data = load_digits()
    images = _images_of(part, data.target)
    chosen = images[rng.randint(len(images), size=n_clips)]
    of_clip = rng.randint(len(DIRECTIONS), size=n_clips)
    starts = rng.randint(size, size=(n_clips, 2))  # row and column of the upper left pixel
    moves = np.array(list(DIRECTIONS.values()))[of_clip]  # (N, 2)
    clips = np.empty((n_clips, n_frames, size, size), np.uint8)
    pixels, shown = np.arange(SIDE), data.images[chosen] / 16
    for frame in range(n_frames):  # one frame of all clips at a time: little memory
        canvas = np.zeros((n_clips, size, size))
        rows, columns = ((starts + frame * moves)[:, :, None] + pixels).transpose(1, 0, 2) % size
        at = np.arange(n_clips)[:, None, None]
        canvas[at, rows[:, :, None], columns[:, None, :]] = shown
        canvas += rng.normal(scale=noise, size=canvas.shape) if noise else 0.0
        clips[:, frame] = np.rint(canvas.clip(0, 1) * 255)
    return clips, data.target[chosen], np.array(list(DIRECTIONS))[of_clip]


def _images_of(part: str, digits: np.ndarray) -> np.ndarray:
    """Return the numbers of a part's images: of each digit's, in the same random order always."""
    order = np.random.RandomState(0).permutation(len(digits))
    chosen = []
    for digit in np.unique(digits):
        own = order[digits[order] == digit]
        cut = round(TRAIN_SHARE * len(own))
        chosen.append(own[:cut] if part == "train" else own[cut:])
    return np.sort(np.concatenate(chosen))
