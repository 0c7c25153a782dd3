"""chrF: how many short runs of characters a translation shares with its references."""

import string
from collections import Counter
from typing import Any

import numpy as np

from seqlearn.errors import InvalidParameterError
from seqlearn.metrics.references import read_pairs

__all__ = ["chrf_score"]

SIGNS = frozenset(string.punctuation)


def chrf_score(
    y_true: Any,
    y_pred: Any,
    *,
    char_order: int = 6,
    word_order: int = 0,
    beta: float = 2,
    sample_weight: Any = None,
) -> float:
    """chrF of a corpus: F-score of runs of 1 to 6 characters, from 0 to 100.

    For each length, precision is the share of the runs predicted that stand in the reference,
    recall the share of the reference's that were predicted, both over all rows together; they are
    averaged over the lengths, and then combined to the F-score. White space is passed over. The
    score is that of sacreBLEU, ``nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no``.

    Parameters
    ----------
    y_true : list of N str, or of N lists of str
        One reference for each row, or several, of which the one with the best score for the row
        counts.
    y_pred : list of N str
        The predicted texts; an empty one is a text without runs.
    char_order : int, default=6
        The longest runs of characters.
    word_order : int, default=0
        The longest runs of words, which are averaged with the characters'; 2 is chrF++. Words are
        parted at white space, and punctuation at the end, or else at the front, stands alone.
    beta : float, default=2
        How many times as much recall counts as precision.
    sample_weight : array-like of shape (N,) or None, default=None
        One weight for each row.

    Returns
    -------
    score : float
        100 if all texts are equal but for white space; 0 if no run is shared, or all are empty.

    Raises
    ------
    DataFormatError
        When `y_true` and `y_pred` differ in length or are not texts. A subclass of ValueError.
    InvalidParameterError
        When another parameter is not a number as above. A subclass of ValueError.

    References
    ----------
    Popović, "chrF: character n-gram F-score for automatic MT evaluation" (2015).
    Popović, "chrF++: words helping character n-grams" (2017).
    Post, "A call for clarity in reporting BLEU scores" (2018), of sacreBLEU.

    Examples
    --------
    >>> from seqlearn.metrics import chrf_score
    >>> round(chrf_score(["The cat sat."], ["The cat is sat."]), 1)
    59.4
    >>> chrf_score([["Good day.", "Hello."]], ["Hello ."])  # two references of one row
    100.0
    """
    _check(char_order, word_order, beta)
    pairs = read_pairs(y_true, y_pred, sample_weight, "texts")
    totals = np.zeros((3, char_order + word_order))
    for references, text, weight in zip(
        pairs.references, pairs.predictions, pairs.weights, strict=True
    ):
        found = _runs(text, char_order, word_order)
        counts = [_count(_runs(one, char_order, word_order), found) for one in references]
        best = max(counts, key=lambda one: _f_score(one, beta)) if len(counts) > 1 else counts[0]
        totals += weight * best
    return _f_score(totals, beta)


def _runs(text: str, char_order: int, word_order: int) -> list[Counter]:
    """Count the runs of a text, by length, of characters and then of words."""
    line = "".join(text.split())
    runs: list[Counter] = [
        Counter([line[i : i + n] for i in range(len(line) - n + 1)])
        for n in range(1, char_order + 1)
    ]
    words = _words(text) if word_order else []
    for n in range(1, word_order + 1):
        runs.append(Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)))
    return runs


def _words(text: str) -> list[str]:
    """Part a text at white space, and one sign from the end of a word, or else from its front."""
    words: list[str] = []
    for word in text.split():
        if len(word) > 1 and word[-1] in SIGNS:
            words += [word[:-1], word[-1]]
        elif len(word) > 1 and word[0] in SIGNS:
            words += [word[0], word[1:]]
        else:
            words.append(word)
    return words


def _count(true: list[Counter], found: list[Counter]) -> np.ndarray:
    """Return (3, orders): runs shared, runs found, true runs; found count only beside true ones."""
    counts = np.zeros((3, len(true)))
    for n, (one, other) in enumerate(zip(true, found, strict=True)):
        shared = sum(min(count, one[run]) for run, count in other.items() if run in one)
        counts[:, n] = shared, other.total() if one else 0, one.total()
    return counts


def _f_score(counts: np.ndarray, beta: float) -> float:
    shared, found, true = counts[:, (counts[1:] > 0).all(axis=0)]
    if not shared.any():
        return 0.0
    precision, recall = np.mean(shared / found), np.mean(shared / true)
    factor = beta**2
    return float(100 * (1 + factor) * precision * recall / (factor * precision + recall))


def _check(char_order: Any, word_order: Any, beta: Any) -> None:
    for name, value, least in (("char_order", char_order, 1), ("word_order", word_order, 0)):
        is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not is_whole or value < least:
            raise InvalidParameterError(
                f"{name}={value!r} is not accepted; give an integer of {least} or more."
            )
    is_number = isinstance(beta, int | float | np.number) and not isinstance(beta, bool)
    if not is_number or not 0 < beta < np.inf:
        raise InvalidParameterError(
            f"beta={beta!r} is not accepted; give a positive number, such as 2."
        )
