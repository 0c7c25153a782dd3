"""An n-gram language model with interpolated, modified Kneser-Ney smoothing: what counting can do.

Chen and Goodman (1999), "An empirical study of smoothing techniques for language modeling": three
discounts a level, estimated from how many n-grams occur once to four times; below the highest
level an n-gram counts as often as it has different symbols in front of it. Texts are arrays of
codes 0 to C - 1; contexts do not reach over the beginning of a text. `benchmarks.language` prints
it beside the recurrent network.
"""

from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["KneserNey", "choose_order"]


class KneserNey:
    """Probabilities of symbols after up to ``order - 1`` others.

    Parameters
    ----------
    n_codes : int
        Size of the vocabulary, C; an unknown word has a code of its own.
    order : int
        Symbols of the longest n-gram. ``n_codes ** order`` must stay below 2 ** 63, for an n-gram
        is one integer inside.

    Examples
    --------
    >>> model = KneserNey(3, order=2).fit([[0, 1, 2, 0, 1, 2, 0, 1]])
    >>> model.distribution([0]).argmax()
    np.int64(1)
    """

    def __init__(self, n_codes: int, order: int):
        if n_codes**order >= 2**63:
            raise ValueError(f"{n_codes} symbols allow no order of {order}: take a lower one.")
        self.n_codes, self.order = n_codes, order

    def fit(self, texts: Sequence) -> "KneserNey":
        """Count the n-grams of texts, sequences of codes."""
        arrays = [np.asarray(text, dtype=np.int64) for text in texts]
        self._levels = []
        for size in range(1, self.order + 1):
            raw = min(size + 1, self.order)  # continuations: n-grams with one symbol in front
            keys, counts = np.unique(
                np.concatenate([self._ngrams(a, raw) for a in arrays]), return_counts=True
            )
            if size < self.order:
                keys, counts = np.unique(keys % self.n_codes**size, return_counts=True)
            self._levels.append(_Level(keys, counts, self.n_codes))
        return self

    def log_probabilities(self, text: Sequence) -> np.ndarray:
        """Return the log-probability of each symbol of a text after those before it, (T,)."""
        codes = np.asarray(text, dtype=np.int64)
        probabilities = np.full(len(codes), 1.0 / self.n_codes)
        for size, level in enumerate(self._levels, start=1):
            ngrams = self._ngrams(codes, size)
            later = slice(size - 1, None)
            probabilities[later] = level.interpolate(ngrams, probabilities[later])
        return np.log(probabilities)

    def distribution(self, context: Sequence) -> np.ndarray:
        """Return the probabilities of all symbols after a context, (C,)."""
        codes = np.arange(self.n_codes)
        probabilities = np.full(self.n_codes, 1.0 / self.n_codes)
        key = 0
        for size, level in enumerate(self._levels, start=1):
            if size > 1:
                if size - 1 > len(context):
                    break
                key += int(context[-(size - 1)]) * self.n_codes ** (size - 2)
            probabilities = level.interpolate(key * self.n_codes + codes, probabilities)
        return probabilities

    def _ngrams(self, codes: np.ndarray, size: int) -> np.ndarray:
        """Return the n-grams of a text as integers, by their last symbol, (T - size + 1,)."""
        n_ngrams = max(len(codes) - size + 1, 0)
        keys = np.zeros(n_ngrams, dtype=np.int64)
        for place in range(size):
            keys = keys * self.n_codes + codes[place : place + n_ngrams]
        return keys


class _Level:
    """The n-grams of one length: discounted shares, and what each context leaves to the rest."""

    def __init__(self, keys: np.ndarray, counts: np.ndarray, n_codes: int):
        self.keys, self.n_codes = keys, n_codes
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        self.contexts, owners = np.unique(keys // n_codes, return_inverse=True)
        totals = np.bincount(owners, weights=counts)
        self.shares = (counts - discounts) / totals[owners]
        self.left = np.bincount(owners, weights=discounts) / totals

    def interpolate(self, ngrams: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """Return the probabilities of n-grams' last symbols; an unknown context leaves all."""
        share = _look_up(self.keys, self.shares, ngrams, 0.0)
        return share + _look_up(self.contexts, self.left, ngrams // self.n_codes, 1.0) * lower


def _discounts(counts: np.ndarray) -> np.ndarray:
    """Return what is taken from counts of 0, 1, 2 and of 3 or more; half if too few are there."""
    n1, n2, n3, n4 = (int((counts == c).sum()) for c in (1, 2, 3, 4))
    if min(n1, n2, n3, n4) == 0:
        return np.array([0.0, 0.5, 0.5, 0.5])
    share = n1 / (n1 + 2 * n2)
    found = [1 - 2 * share * n2 / n1, 2 - 3 * share * n3 / n2, 3 - 4 * share * n4 / n3]
    return np.array([0.0, *np.clip(found, 0.05, (0.95, 1.95, 2.95))])


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray, other: float) -> np.ndarray:
    if not len(keys):
        return np.full(len(wanted), other)
    places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], other)


def choose_order(
    train: Sequence, valid: Sequence, n_codes: int, orders: Iterable[int]
) -> KneserNey:
    """Return the model, fitted on ``train``, whose order gives ``valid`` the most probability."""
    best, most = None, -np.inf
    for order in orders:
        model = KneserNey(n_codes, order).fit(train)
        total = sum(model.log_probabilities(text).sum() for text in valid)
        if total > most:
            best, most = model, total
    assert best is not None
    return best
