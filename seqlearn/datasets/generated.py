"""Generated problems whose answers are known, to see whether a model can learn over a distance.

Each function draws its own data and returns `X, y` as any scikit-learn estimator takes them; the
answer can be recomputed from `X` by a few lines of Python, and each docstring says what a model
that learnt nothing scores.
"""

from numbers import Integral, Real
from typing import Any

import numpy as np

from seqlearn.errors import InvalidParameterError

RandomStateLike = int | np.random.RandomState | None


def make_adding_problem(
    n_samples: int = 100, length: int = 100, *, random_state: RandomStateLike = None
) -> tuple[np.ndarray, np.ndarray]:
    """Generate the adding problem: sum the two values that are marked.

    A regression problem. One marked step lies in the first half of the sequence, the other in the
    second half, each drawn uniformly, so the first value must be held over up to `length` steps.
    Always answering 1 has a mean squared error of 1/6.

    Parameters
    ----------
    n_samples : int, default=100
        The number of sequences N, at least 1.
    length : int, default=100
        The number of steps T, at least 2. An odd length has the longer half last.
    random_state : int, RandomState instance or None, default=None
        An int gives the same data at each call. None draws anew and, unlike in scikit-learn, leaves
        NumPy's global random state alone.

    Returns
    -------
    X : ndarray of shape (N, T, 2)
        ``X[:, :, 0]`` holds values drawn uniformly from [0, 1), ``X[:, :, 1]`` the markers: 1 at
        two steps, else 0.
    y : ndarray of shape (N,)
        The sum of the two marked values, in [0, 2).

    Raises
    ------
    InvalidParameterError
        When a parameter is not in the range stated above.

    References
    ----------
    Hochreiter and Schmidhuber (1997). Long short-term memory. Neural Computation 9(8), 1735-1780,
    experiment 4; there values are in [-1, 1] and the sum is scaled. Values, halves and baseline as
    in Arjovsky, Shah and Bengio (2016). Unitary evolution recurrent neural networks. Proceedings of
    ICML 2016.

    Examples
    --------
    >>> from seqlearn.datasets import make_adding_problem
    >>> X, y = make_adding_problem(3, 50, random_state=0)
    >>> X.shape
    (3, 50, 2)
    >>> bool(abs((X[0, :, 0] * X[0, :, 1]).sum() - y[0]) < 1e-12)
    True
    """
    check_integer("n_samples", n_samples, 1)
    check_integer("length", length, 2)
    rng = own_random_state(random_state)
    rows = np.arange(n_samples)
    values = rng.uniform(size=(n_samples, length))  # (N, T)
    first = rng.randint(0, length // 2, size=n_samples)
    second = rng.randint(length // 2, length, size=n_samples)
    markers = np.zeros((n_samples, length))  # (N, T)
    markers[rows, first] = 1.0
    markers[rows, second] = 1.0
    X = np.stack([values, markers], axis=-1)  # (N, T, 2)
    return X, values[rows, first] + values[rows, second]


def make_temporal_order(
    n_samples: int = 100, length: int = 100, *, random_state: RandomStateLike = None
) -> tuple[np.ndarray, np.ndarray]:
    """Generate the temporal order problem: in which order did two rare symbols come?

    A classification problem with four classes. A sequence starts with the symbol E, ends with B and
    consists of distractors a, b, c, d, but for two steps, where X or Y stands. The class is that
    pair. Guessing gets one in four right.

    Parameters
    ----------
    n_samples : int, default=100
        The number of sequences N, at least 1.
    length : int, default=100
        The number of steps T, at least 10. The first relevant symbol lies at a step drawn uniformly
        between 10% and 20% of it, the second between 50% and 60%, both ends included, steps counted
        from 0. (In the paper the length varies between 100 and 110.)
    random_state : int, RandomState instance or None, default=None
        An int gives the same data at each call. None draws anew and, unlike in scikit-learn, leaves
        NumPy's global random state alone.

    Returns
    -------
    X : ndarray of shape (N, T, 8)
        One-hot symbols; the features stand for E, B, a, b, c, d, X, Y in this order.
    y : ndarray of shape (N,)
        The class, one of 'XX', 'XY', 'YX', 'YY', each equally likely.

    Raises
    ------
    InvalidParameterError
        When a parameter is not in the range stated above.

    References
    ----------
    Hochreiter and Schmidhuber (1997). Long short-term memory. Neural Computation 9(8), 1735-1780,
    experiment 6a.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.datasets import make_temporal_order
    >>> X, y = make_temporal_order(1, 20, random_state=0)
    >>> "".join(np.array(list("EBabcdXY"))[X[0].argmax(axis=1)])
    'EdbaXdddbdbcXdcaaacB'
    >>> y.tolist()
    ['XX']
    """
    check_integer("n_samples", n_samples, 1)
    check_integer("length", length, 10)
    rng = own_random_state(random_state)
    rows = np.arange(n_samples)
    codes = rng.randint(2, 6, size=(n_samples, length))  # (N, T), the distractors
    codes[:, 0], codes[:, -1] = 0, 1  # E and B
    first = rng.randint(length // 10, length // 5 + 1, size=n_samples)
    second = rng.randint(length // 2, length * 3 // 5 + 1, size=n_samples)
    pair = rng.randint(4, size=n_samples)
    codes[rows, first] = 6 + pair // 2
    codes[rows, second] = 6 + pair % 2
    return np.eye(8)[codes], np.array(["XX", "XY", "YX", "YY"])[pair]  # (N, T, 8), (N,)


def make_delayed_copy(
    n_samples: int = 100,
    length: int = 100,
    *,
    n_symbols: int = 8,
    memory_length: int = 10,
    delay: int | None = None,
    random_state: RandomStateLike = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Generate the delayed copy problem: which symbol was there `delay` steps ago?

    A classification problem. A sequence starts with `memory_length` random symbols, and the rest is
    blank. The class is the symbol that stands `delay` steps before the last one; the others are
    there to be told apart from it by their place alone. Guessing gets one in `n_symbols` right.

    Parameters
    ----------
    n_samples : int, default=100
        The number of sequences N, at least 1.
    length : int, default=100
        The number of steps T, at least `memory_length`.
    n_symbols : int, default=8
        The number of symbols and of classes, at least 2.
    memory_length : int, default=10
        The number of steps that hold a symbol, at least 1.
    delay : int or None, default=None
        How many steps before the last one the symbol in question stands: ``length - 1`` for the
        first symbol, down to ``length - memory_length`` for the last. None means the first.
    random_state : int, RandomState instance or None, default=None
        An int gives the same data at each call. None draws anew and, unlike in scikit-learn, leaves
        NumPy's global random state alone.

    Returns
    -------
    X : ndarray of shape (N, T, n_symbols + 1)
        One-hot steps; the last feature stands for the blank.
    y : ndarray of shape (N,)
        The class, an integer from 0 to ``n_symbols - 1``: ``X[:, T - 1 - delay].argmax(axis=1)``.

    Raises
    ------
    InvalidParameterError
        When a parameter is not in the range stated above.

    References
    ----------
    After the copying memory problem of Hochreiter and Schmidhuber (1997), in the form of Arjovsky,
    Shah and Bengio (2016), Unitary evolution recurrent neural networks, Proceedings of ICML 2016:
    eight symbols, ten of them to be held. There all ten are to be repeated; here one of them is
    asked for, so that any classifier can answer.

    Examples
    --------
    >>> from seqlearn.datasets import make_delayed_copy
    >>> X, y = make_delayed_copy(1, 8, n_symbols=3, memory_length=4, delay=5, random_state=0)
    >>> X[0].argmax(axis=1)
    array([0, 1, 0, 1, 3, 3, 3, 3])
    >>> y
    array([0])
    """
    check_integer("n_samples", n_samples, 1)
    check_integer("n_symbols", n_symbols, 2)
    check_integer("memory_length", memory_length, 1)
    check_integer("length", length, memory_length)
    delay = length - 1 if delay is None else delay
    check_integer("delay", delay, length - memory_length, length - 1)
    rng = own_random_state(random_state)
    codes = np.full((n_samples, length), n_symbols)  # (N, T), all blank
    codes[:, :memory_length] = rng.randint(n_symbols, size=(n_samples, memory_length))
    X = np.eye(n_symbols + 1)[codes]  # (N, T, n_symbols + 1)
    return X, codes[:, length - 1 - delay].copy()


def make_noisy_sines(
    n_samples: int = 100,
    length: int = 100,
    *,
    n_classes: int = 3,
    noise: float = 0.3,
    ragged: bool = False,
    random_state: RandomStateLike = None,
) -> tuple[np.ndarray | list[np.ndarray], np.ndarray]:
    """Generate noisy sine waves; the class is the band that the frequency lies in.

    A classification problem in which no single step tells anything: phase and amplitude are random.
    A wave of class k makes from 3k + 2 to 3k + 4 turns in `length` steps, drawn uniformly, so
    neighbouring bands lie one turn apart. Classes are equally frequent (as near as `n_samples`
    allows) and in random order; guessing gets one in `n_classes` right.

    Parameters
    ----------
    n_samples : int, default=100
        The number of sequences N, at least 1.
    length : int, default=100
        The number of steps T, or the largest one when `ragged`; at least ``6 * n_classes + 2``,
        which gives the fastest wave two steps a turn.
    n_classes : int, default=3
        The number of frequency bands, at least 2.
    noise : float, default=0.3
        The standard deviation of the Gaussian noise on each step, at least 0. Amplitudes are drawn
        uniformly from [0.5, 1.5).
    ragged : bool, default=False
        Whether each sequence breaks off after a number of steps drawn uniformly between half of
        `length` (rounded down) and `length`, both included. The same seed gives the same waves,
        broken off or whole.
    random_state : int, RandomState instance or None, default=None
        An int gives the same data at each call. None draws anew and, unlike in scikit-learn, leaves
        NumPy's global random state alone.

    Returns
    -------
    X : ndarray of shape (N, T), or list of N ndarrays of shape (T_i, 1) when `ragged`
        The waves.
    y : ndarray of shape (N,)
        The class, an integer from 0 (slowest) to ``n_classes - 1``.

    Raises
    ------
    InvalidParameterError
        When a parameter is not in the range stated above.

    Notes
    -----
    Made for seqlearn; it follows no paper. Noise leaves the answer known only as far as the
    frequency can be made out, which at the defaults is nearly always; ``noise=0`` makes it certain.

    Examples
    --------
    >>> from seqlearn.datasets import make_noisy_sines
    >>> X, y = make_noisy_sines(6, 50, random_state=0)
    >>> X.shape, sorted(y.tolist())
    ((6, 50), [0, 0, 1, 1, 2, 2])
    >>> X, y = make_noisy_sines(6, 50, ragged=True, random_state=0)
    >>> [len(x) for x in X]
    [35, 41, 49, 49, 26, 25]
    """
    check_integer("n_samples", n_samples, 1)
    check_integer("n_classes", n_classes, 2)
    check_integer("length", length, 6 * n_classes + 2)
    if not isinstance(noise, Real) or isinstance(noise, bool) or not 0 <= noise < np.inf:
        raise InvalidParameterError(f"noise must be a finite number >= 0, got {noise!r}.")
    if not isinstance(ragged, bool | np.bool_):
        raise InvalidParameterError(f"ragged must be True or False, got {ragged!r}.")
    rng = own_random_state(random_state)
    y = rng.permutation(np.arange(n_samples) % n_classes)  # (N,)
    turns = 3 * y + rng.uniform(2, 4, size=n_samples)  # (N,), per `length` steps
    phase = rng.uniform(0, 2 * np.pi, size=n_samples)  # (N,)
    amplitude = rng.uniform(0.5, 1.5, size=n_samples)  # (N,)
    angle = 2 * np.pi * np.outer(turns, np.arange(length) / length) + phase[:, None]  # (N, T)
    X = amplitude[:, None] * np.sin(angle)  # (N, T)
    X += noise * rng.standard_normal((n_samples, length))
    if not ragged:
        return X, y
    lengths = rng.randint(length // 2, length + 1, size=n_samples)  # (N,)
    return [x[:t, None] for x, t in zip(X, lengths, strict=True)], y  # N times (T_i, 1)


def own_random_state(random_state: RandomStateLike) -> np.random.RandomState:
    """Return a generator; for None a new one, where scikit-learn would give NumPy's global one."""
    from sklearn.utils import check_random_state  # here: it takes a second and imports pandas

    try:
        return check_random_state(np.random.RandomState() if random_state is None else random_state)
    except ValueError as error:
        raise InvalidParameterError(
            "random_state must be an int from 0 to 2**32 - 1, a RandomState instance or None, "
            f"got {random_state!r}."
        ) from error


def check_integer(name: str, value: Any, low: int, high: int | None = None) -> None:
    """Refuse a value that is no integer from `low` to `high`, both included."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or value < low or (high is not None and value > high):
        accepted = f">= {low}" if high is None else f"from {low} to {high}"
        raise InvalidParameterError(f"{name} must be an integer {accepted}, got {value!r}.")
