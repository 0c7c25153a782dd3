"""Prefix beam search: the strings that connectionist temporal classification finds likeliest.

The likeliest path need not say the likeliest string, whose probability is a sum over many paths.
`prefix_beam` goes through the steps, keeps the likeliest beginnings of strings, and adds up their
paths (Graves 2012; Hannun et al. 2014). What else is known of strings, a `StringScorer` says: which
words there are, how a language goes on. `seqlearn.modules.beam_search` is for models that give one
symbol at a time; here one string has many paths, which have to meet.

All rows are searched at once, in NumPy. Shape letters besides the usual: K strings kept of a row,
V symbols that a string may go on with at a step.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np

__all__ = ["StringScorer", "prefix_beam"]

STEP = np.uint64(0x9E3779B97F4A7C15)  # of the number that stands for a string
FIRST = np.uint64(0x2545F4914F6CDD1D)


class StringScorer(Protocol):
    """What is known of strings besides their sound: it is added to their log-probability."""

    def begin(self, n: int) -> tuple[Any, np.ndarray]:
        """Return a state for each of n empty strings, and the scores of going on, (n, C)."""

    def go_on(self, state: Any, parents: np.ndarray, codes: np.ndarray) -> tuple[Any, np.ndarray]:
        """Return states and scores, (M, C), of strings ``parents`` and a symbol more.

        Symbols count from 1; minus infinity is the score of one that may not follow.
        """

    def join(self, states: list[Any], order: np.ndarray) -> Any:
        """Return the states, put together, of the strings with these numbers."""

    def end(self, state: Any) -> np.ndarray:
        """Return the score of ending, (M,), or (1,) if all have the same."""


class Found(NamedTuple):
    """The best strings of a row, best first."""

    codes: list[np.ndarray]
    scores: np.ndarray  # (n,), by which they are ranked


class _Beam:
    """The strings kept of N rows; a place is empty where its probability is 0."""

    def __init__(self, n: int, width: int):
        self.blank = np.full((n, width), -np.inf)  # log-probability of paths that end in a blank
        self.symbol = np.full((n, width), -np.inf)  # of those that end in its last symbol
        self.last = np.zeros((n, width), np.int64)  # 0 of the empty string
        self.name = np.zeros((n, width), np.uint64)
        self.parent = np.zeros((n, width), np.uint64)  # name of the string without its last symbol
        self.known = np.zeros((n, width))  # what a scorer has added
        self.blank[:, 0], self.name[:, 0] = 0.0, FIRST


def prefix_beam(
    log_probabilities: np.ndarray,
    lengths: np.ndarray,
    *,
    beam_width: int,
    n_best: int = 1,
    scorer: StringScorer | None = None,
) -> list[Found]:
    """Find the best strings of symbols for each row.

    A row's answer does not depend on the other rows. With a beam as wide as there are strings,
    probabilities are exact; with a narrower one they are lower bounds.

    Parameters
    ----------
    log_probabilities : ndarray of shape (N, T, C + 1)
        Of blank and symbols at each step; anything past a row's length.
    lengths : ndarray of shape (N,)
        Steps of each row.
    beam_width : int
        Strings kept at each step, K.
    n_best : int, default=1
        Strings returned of a row, at most K.
    scorer : StringScorer, optional
        What else is known of strings.

    Returns
    -------
    list of N Found
        Symbols count from 1. At least one string, and at most ``n_best``.

    References
    ----------
    Graves, A. (2012). Supervised sequence labelling with recurrent neural networks. Springer.

    Hannun, A. Y., Maas, A. L., Jurafsky, D. and Ng, A. Y. (2014). First-pass large vocabulary
    continuous speech recognition using bi-directional recurrent DNNs. arXiv:1408.2873.

    Examples
    --------
    The likeliest path is two blanks, with 0.36; three paths say the symbol, with 0.64 together.

    >>> p = np.log([[[0.6, 0.4], [0.6, 0.4]]])
    >>> [found] = prefix_beam(p, np.array([2]), beam_width=2, n_best=2)
    >>> found.codes, np.exp(found.scores).round(2)
    ([array([1]), array([], dtype=int64)], array([0.64, 0.36]))
    """
    order = np.argsort(-lengths, kind="stable")
    values = log_probabilities[order].astype(np.float64)
    sorted_lengths = lengths[order]
    n, n_steps = len(order), int(sorted_lengths[0]) if len(order) else 0
    beam = _Beam(n, beam_width)
    # Where a string was the step before; past a row's end it stays where it is.
    sources = np.tile(np.arange(beam_width, dtype=np.int32), (n_steps, n, 1))
    added = np.zeros((n_steps, n, beam_width), np.int32)  # the symbol that was put to it, or 0
    known = _Known(scorer, n, beam_width)
    for t in range(n_steps):
        n_left = int(np.searchsorted(-sorted_lengths, -t, side="left"))  # rows that are longer
        sources[t, :n_left], added[t, :n_left] = _step(beam, values[:n_left, t], known)
    scores = np.logaddexp(beam.blank, beam.symbol) + beam.known + known.ends(beam)
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :n_best]
    strings = _traced(sources, added, ranked)
    found: list[Any] = [None] * n
    for i, row in enumerate(order.tolist()):
        own = scores[i, ranked[i]]
        n_found = max(int(np.isfinite(own).sum()), 1)
        codes = [one[one > 0] for one in strings[i, :n_found]]
        found[row] = Found(codes, own[:n_found])
    return found


def _step(beam: _Beam, values: np.ndarray, known: "_Known") -> tuple[np.ndarray, np.ndarray]:
    """Take one step of the first rows; return where each string was, and what was put to it.

    ``values`` are log-probabilities of blank and symbols, (N', C + 1).
    """
    n, width = len(values), beam.blank.shape[1]
    rows = np.arange(n)[:, None]
    blank, symbol, last, name = beam.blank[:n], beam.symbol[:n], beam.last[:n], beam.name[:n]
    total = np.logaddexp(blank, symbol)  # (N', K)
    symbols = known.symbols(values)  # (N', V)
    of_last = values[rows, last]
    stays_blank, stays_symbol = total + values[:, :1], symbol + of_last
    # A symbol after itself needs a blank between.
    grows = (
        np.where(symbols[:, None] == last[:, :, None], blank[:, :, None], total[:, :, None])
        + np.take_along_axis(values, symbols, axis=1)[:, None]
    )  # (N', K, V)
    # A string that grows into one that is kept already joins it.
    joins = (name[:, :, None] == beam.parent[:n, None]) & np.isfinite(total)[:, None]
    joins &= np.isfinite(total)[:, :, None]  # (N', K, K), from, to
    row, source, target = np.nonzero(joins)
    if len(row):
        code = last[row, target]
        base = np.where(last[row, source] == code, blank[row, source], total[row, source])
        both = np.logaddexp(stays_symbol[row, target], base + values[row, code])
        stays_symbol[row, target] = both
        which, at = np.nonzero(symbols[row] == code[:, None])
        grows[row[which], source[which], at] = -np.inf
    ranked = np.concatenate(
        [
            np.logaddexp(stays_blank, stays_symbol) + beam.known[:n],
            known.added_to(beam, grows, symbols).reshape(n, -1),
        ],
        axis=1,
    )  # (N', K + K V)
    best = _largest(ranked, width)
    stays = best < width
    grown = np.where(stays, 0, best - width)
    source = np.where(stays, best, grown // symbols.shape[1])
    code = np.where(stays, 0, symbols[rows, grown % symbols.shape[1]])
    before = name[rows, source]
    known.move(beam, source, code)
    beam.last[:n] = np.where(stays, last[rows, source], code)
    beam.parent[:n] = np.where(stays, beam.parent[:n][rows, source], before)
    beam.name[:n] = np.where(stays, before, before * STEP + code.astype(np.uint64))
    beam.blank[:n] = np.where(stays, stays_blank[rows, source], -np.inf)
    beam.symbol[:n] = np.where(stays, stays_symbol[rows, source], grows.reshape(n, -1)[rows, grown])
    return source, code


def _largest(values: np.ndarray, k: int) -> np.ndarray:
    """Return where the k largest values of each row stand, the largest first, of equals the first.

    Rows have at least 2 k values.
    """
    found = np.sort(np.argpartition(-values, k - 1, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(values, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def _traced(sources: np.ndarray, added: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the symbols put to the strings that end at ``places``, (N, n, T); 0 for none."""
    rows = np.arange(len(places))[:, None]
    found = np.zeros((*places.shape, len(sources)), np.int64)
    for t in range(len(sources) - 1, -1, -1):
        found[..., t] = added[t, rows, places]
        places = sources[t, rows, places]
    return found


class _Known:
    """A scorer, and its answers for the strings that are kept; without one, nothing is added."""

    def __init__(self, scorer: StringScorer | None, n: int, width: int):
        self.scorer, self.width = scorer, width
        if scorer is not None:
            self.state, first = scorer.begin(n)
            self.state = scorer.join([self.state], np.repeat(np.arange(n), width))
            self.scores = np.repeat(first, width, axis=0)  # (N K, C)

    def symbols(self, values: np.ndarray) -> np.ndarray:
        """Return the symbols that may matter at a step, (N', V): a string's K + 1 likeliest."""
        n, n_symbols = len(values), values.shape[1] - 1
        n_kept = self.width + 1
        if self.scorer is not None or n_kept >= n_symbols:
            return np.broadcast_to(np.arange(1, n_symbols + 1), (n, n_symbols))
        return _largest(values[:, 1:], n_kept) + 1

    def added_to(self, beam: _Beam, grows: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Return what grown strings are ranked by, (N', K, V)."""
        if self.scorer is None:
            return grows
        n = len(grows)
        scores = self.scores[: n * self.width].reshape(n, self.width, -1)
        return grows + beam.known[:n, :, None] + scores

    def move(self, beam: _Beam, source: np.ndarray, code: np.ndarray) -> None:
        """Make states, scores and sums those of the strings kept now."""
        if self.scorer is None:
            return
        n, rows = len(source), np.arange(len(source))[:, None]
        own = slice(0, n * self.width)
        flat = (rows * self.width + source).ravel()  # numbers of the strings they come from
        is_new = code.ravel() > 0
        gained = np.where(is_new, self.scores[flat, code.ravel() - 1], 0.0)
        beam.known[:n] = beam.known[:n][rows, source] + gained.reshape(source.shape)
        scores = self.scores[flat]
        numbers = np.arange(len(self.scores))
        numbers[own] = flat
        states = [self.state]
        new = np.flatnonzero(is_new)
        if len(new):
            more, of_new = self.scorer.go_on(self.state, flat[new], code.ravel()[new])
            scores[new] = of_new
            numbers[new] = len(self.scores) + np.arange(len(new))
            states.append(more)
        self.state = self.scorer.join(states, numbers)
        self.scores[own] = scores

    def ends(self, beam: _Beam) -> Any:
        """Return what ending adds to each string, (N, K)."""
        if self.scorer is None:
            return 0.0
        scores = self.scorer.end(self.state)  # of each string, or one of all
        return np.broadcast_to(scores, beam.known.size).reshape(beam.known.shape)
