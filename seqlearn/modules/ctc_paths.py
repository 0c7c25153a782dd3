"""Single paths of connectionist temporal classification: the likeliest, and that of given symbols.

A path says a symbol or a blank, 0, at each step; runs count once, and blanks fall out. All rows are
computed at once, in NumPy. The search over sums of paths is `seqlearn.modules.prefix_beam`.

Shape letters besides the usual: U symbols of a string, S steps of all rows.
"""

from itertools import pairwise

import numpy as np

__all__ = ["STEPS_KEPT", "align", "likeliest", "steps_needed"]

STEPS_KEPT = 512  # of which it is known at once how paths went


def steps_needed(codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return how many steps a path has at least that says each string, (N,).

    One for each symbol, and one for a blank between equal neighbours.

    Parameters
    ----------
    codes : ndarray of shape (S,)
        The symbols of all strings, one after the other.
    lengths : ndarray of shape (N,)
        Symbols of each.

    Examples
    --------
    >>> steps_needed(np.array([1, 1, 2, 2]), np.array([3, 0, 1]))
    array([4, 0, 1])
    """
    row = np.repeat(np.arange(len(lengths)), lengths)
    is_repeated = (codes[1:] == codes[:-1]) & (row[1:] == row[:-1])
    return lengths + np.bincount(row[1:][is_repeated], minlength=len(lengths))


def likeliest(path: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what paths say: the symbols of all rows, one after the other, and their numbers.

    Parameters
    ----------
    path : ndarray of shape (S,)
        A symbol or blank for each step of all rows.
    lengths : ndarray of shape (N,)
        Steps of each row.

    Returns
    -------
    symbols : ndarray of shape (S',)
    counts : ndarray of shape (N,)

    Examples
    --------
    >>> likeliest(np.array([1, 1, 0, 1, 2, 2]), np.array([4, 2]))
    (array([1, 1, 2]), array([2, 1]))
    """
    row = np.repeat(np.arange(len(lengths)), lengths)
    begins = path != 0
    begins[1:] &= (path[1:] != path[:-1]) | (row[1:] != row[:-1])
    return path[begins], np.bincount(row[begins], minlength=len(lengths))


def align(
    log_probabilities: np.ndarray, lengths: np.ndarray, codes: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the likeliest path that says the given string of each row, and where its symbols stand.

    Of long rows, how paths went is computed twice and never kept as a whole: it would take a byte
    for each step and symbol.

    Parameters
    ----------
    log_probabilities : ndarray of shape (N, T, C + 1)
        Of blank and symbols; anything past a row's length.
    lengths : ndarray of shape (N,)
        Steps of each row: no fewer than `steps_needed`.
    codes : ndarray of shape (N, U)
        The strings, from 1 on; anything past a string's end.
    counts : ndarray of shape (N,)
        Symbols of each.

    Returns
    -------
    starts, ends : ndarray of shape (N, U)
        First step of each symbol, and the one after its last.

    Examples
    --------
    >>> p = np.log([[[0.1, 0.9], [0.1, 0.9], [0.9, 0.1], [0.2, 0.8]]])
    >>> align(p, np.array([4]), np.array([[1, 1]]), np.array([2]))
    (array([[0, 3]]), array([[2, 4]]))
    """
    n, n_steps, _ = log_probabilities.shape
    n_codes = codes.shape[1]
    rows = np.arange(n)[:, None]
    places = np.zeros((n, 2 * n_codes + 1), np.int64)  # blank, symbol, blank, symbol, ..., blank
    places[:, 1::2] = np.where(np.arange(n_codes) < counts[:, None], codes, 0)
    may_skip = np.zeros(places.shape, bool)  # the blank before: from one symbol to another
    may_skip[:, 3::2] = places[:, 3::2] != places[:, 1:-2:2]
    best = np.full(places.shape, -np.inf)
    best[:, :2] = log_probabilities[:, 0][rows, places[:, :2]]
    options = np.full((3, *places.shape), -np.inf)

    def go(best: np.ndarray, first: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the best paths to each place after some steps, and by how far they moved on."""
        came = np.zeros((end - first, *places.shape), np.int8)
        for t in range(first, end):
            options[0], options[1, :, 1:] = best, best[:, :-1]
            options[2, :, 2:] = np.where(may_skip[:, 2:], best[:, :-2], -np.inf)
            goes_on = (t < lengths)[:, None]
            moved = options.argmax(axis=0)
            came[t - first] = np.where(goes_on, moved, 0)
            arrived = np.take_along_axis(options, moved[None], axis=0)[0]
            best = np.where(goes_on, arrived + log_probabilities[:, t][rows, places], best)
        return best, came

    edges = [*range(1, n_steps, STEPS_KEPT), n_steps]
    before = []  # the best paths to each edge
    for first, end in pairwise(edges):
        before.append(best)
        best, came = go(best, first, end)
    last = 2 * counts  # the blank behind the last symbol, or that symbol
    of_symbol = best[rows[:, 0], np.maximum(last - 1, 0)]
    at = last - ((counts > 0) & (of_symbol >= best[rows[:, 0], last]))
    starts = np.zeros(codes.shape, np.int64)
    ends = np.zeros(codes.shape, np.int64)
    for t in range(n_steps - 1, -1, -1):
        on_symbol = np.flatnonzero((at % 2 == 1) & (t < lengths))
        symbol = at[on_symbol] // 2
        starts[on_symbol, symbol] = t
        ends[on_symbol, symbol] = np.maximum(ends[on_symbol, symbol], t + 1)
        if t == 0:
            break
        if t < edges[-2]:  # how paths came here was forgotten
            edges.pop()
            before.pop()
            _, came = go(before[-1], edges[-2], edges[-1])
        at = at - came[t - edges[-2], rows[:, 0], at]
    return starts, ends
