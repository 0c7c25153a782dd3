"""A generated series in which nothing is abnormal but the relation of two channels."""

from typing import NamedTuple

import numpy as np

from seqlearn.datasets.generated import RandomStateLike, check_integer, own_random_state

_MEMORY, _NOISE, _RAMP = 0.9, 0.05, 8  # of the waves; noise's deviation; steps of a transition


class BrokenRelation(NamedTuple):
    """Two series and where the second is abnormal; see `make_broken_relation`."""

    train: np.ndarray
    test: np.ndarray
    labels: np.ndarray
    channels: tuple[int, int]


def make_broken_relation(
    n_steps: int = 4000,
    n_channels: int = 5,
    *,
    n_breaks: int = 5,
    random_state: RandomStateLike = None,
) -> BrokenRelation:
    """Generate a series that is abnormal only where two channels stop going together.

    Each channel is smooth Gaussian noise of mean 0 and variance 1. Two of them, drawn at random,
    are the same wave with a little noise of their own; the others are independent. In the breaks of
    the test part, the second of the two follows a wave of its own, of the same law, into which it
    passes over some steps. Each channel alone is therefore as usual all the time: methods that look
    at one channel after the other cannot find a break, while the difference of the two channels
    shows it at once.

    Parameters
    ----------
    n_steps : int, default=4000
        Steps T of each part, at least ``100 * n_breaks``.
    n_channels : int, default=5
        The number of channels F, at least 2.
    n_breaks : int, default=5
        The number of breaks in the test part, at least 1; each lasts ``n_steps // (10 *
        n_breaks)`` steps, so that a tenth of all steps is abnormal.
    random_state : int, RandomState instance or None, default=None
        An int gives the same data at each call. None draws anew and, unlike in scikit-learn, leaves
        NumPy's global random state alone.

    Returns
    -------
    BrokenRelation
        A named tuple of

        - ``train``, ndarray of shape (T, F), float64, without breaks;
        - ``test``, ndarray of shape (T, F), float64;
        - ``labels``, ndarray of shape (T,), int, 1 in the breaks of the test part;
        - ``channels``, the two channels, the lower number first.

    Raises
    ------
    InvalidParameterError
        When a parameter is not in the range stated above.

    Notes
    -----
    Made for seqlearn; it follows no paper.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.datasets import make_broken_relation
    >>> data = make_broken_relation(1000, 3, random_state=0)
    >>> data.train.shape, data.labels.sum(), data.channels
    ((1000, 3), np.int64(100), (1, 2))
    >>> a, b = data.channels
    >>> gap = np.abs(data.test[:, a] - data.test[:, b])
    >>> bool(gap[data.labels == 1].mean() > 5 * gap[data.labels == 0].mean())
    True
    """
    check_integer("n_channels", n_channels, 2)
    check_integer("n_breaks", n_breaks, 1)
    check_integer("n_steps", n_steps, 100 * n_breaks)
    rng = own_random_state(random_state)
    first, second = rng.choice(n_channels, size=2, replace=False)
    waves = _waves(rng, 2 * n_steps, n_channels + 1)
    own, series = waves[:, -1], waves[:, :-1]
    length = n_steps // (10 * n_breaks)
    share = np.zeros(2 * n_steps)  # of the second channel's own wave
    for i in range(n_breaks):
        slot = n_steps + i * n_steps // n_breaks
        start = slot + rng.randint(_RAMP, n_steps // n_breaks - length - _RAMP)
        share[start : start + length] = 1
    labels = share[n_steps:].astype(np.int64)
    ramp = np.minimum(np.arange(1, 2 * _RAMP), np.arange(2 * _RAMP - 1, 0, -1)) / _RAMP**2
    angle = np.convolve(share, ramp, mode="same") * np.pi / 2
    series[:, second] = np.cos(angle) * series[:, first] + np.sin(angle) * own  # variance 1 always
    noise = rng.standard_normal((2 * n_steps, n_channels))
    series = (series + _NOISE * noise) / np.sqrt(1 + _NOISE**2)
    channels = (int(min(first, second)), int(max(first, second)))
    return BrokenRelation(series[:n_steps], series[n_steps:], labels, channels)


def _waves(rng: np.random.RandomState, n_steps: int, n_waves: int) -> np.ndarray:
    """Return independent smooth Gaussian noise, (T, waves), of mean 0 and variance 1."""
    from scipy.signal import lfilter

    settle = 200  # steps until the begin is forgotten
    noise = rng.standard_normal((n_steps + settle, n_waves))
    once = lfilter([1], [1, -_MEMORY], noise, axis=0)
    twice = lfilter([1], [1, -_MEMORY], once, axis=0)[settle:]
    square = _MEMORY**2
    return twice * np.sqrt((1 - square) ** 3 / (1 + square))  # over its standard deviation
