"""How many tokens must be put in, left out or replaced: edit distance and error rates.

Distances are computed for all positions of one sequence at once, as the bits of one integer.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from seqlearn.errors import DataFormatError
from seqlearn.metrics.references import Pairs, as_row, read_pairs

__all__ = [
    "character_error_rate",
    "edit_distance",
    "longest_common_subsequence",
    "token_error_rate",
    "word_error_rate",
]

SPACES = re.compile(r"\s\s+")


def edit_distance(a: Any, b: Any) -> int:
    """Return the least number of insertions, deletions and replacements that make b of a.

    It is the Levenshtein distance: each costs 1.

    Parameters
    ----------
    a, b : str, or list, tuple or 1-D array of tokens
        Two texts, compared by characters, or two lists of tokens that are strings or numbers.

    Returns
    -------
    int
        0 for equal sequences, at most the length of the longer one.

    Raises
    ------
    DataFormatError
        When one of them is no sequence of tokens. A subclass of ValueError.

    References
    ----------
    Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances" (2003).

    Examples
    --------
    >>> from seqlearn.metrics import edit_distance
    >>> edit_distance("kitten", "sitting")
    3
    >>> edit_distance(["to", "be"], ["to", "be", "or"])
    1
    """
    return _distance(as_row(a, "a"), as_row(b, "b"))


def _distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    if a == b or not a or not b:
        return 0 if a == b else max(len(a), len(b))
    n = len(a)
    places, all_ones, last = _places(a), (1 << n) - 1, 1 << (n - 1)
    # Bit i: the distance grows (falls) by one from a[:i] to a[: i + 1], for the part of b seen.
    grows, falls, distance = all_ones, 0, n
    for token in b:
        equal = places.get(token, 0)
        stays = (((equal & grows) + grows) ^ grows) | equal
        more, less = falls | (all_ones & ~(stays | grows)), grows & stays
        distance += bool(more & last) - bool(less & last)
        more, less = more << 1 | 1, less << 1
        equal |= falls
        grows, falls = (less | ~(equal | more)) & all_ones, more & equal & all_ones
    return distance


def longest_common_subsequence(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Return how many tokens a and b have in common, in the same order, with others between.

    Parameters
    ----------
    a, b : str, or list of tokens
        Two sequences.

    Returns
    -------
    int

    Examples
    --------
    >>> longest_common_subsequence("abcde", "xbxdx")
    2
    """
    places, all_ones = _places(a), (1 << len(a)) - 1
    unmatched = all_ones
    for token in b:
        equal = unmatched & places.get(token, 0)
        unmatched = ((unmatched + equal) | (unmatched - equal)) & all_ones
    return len(a) - unmatched.bit_count()


def _places(tokens: Iterable[Hashable]) -> dict[Hashable, int]:
    """Return for each distinct token an integer whose bits are the places where it stands."""
    places: dict[Hashable, int] = {}
    for i, token in enumerate(tokens):
        places[token] = places.get(token, 0) | 1 << i
    return places


def token_error_rate(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Edits that make the predictions right, a token of the references: less is better.

    With words as tokens it is the word error rate, with characters the character error rate.
    Distances are added up over all rows, and so are the lengths of the references.

    Parameters
    ----------
    y_true : list of N lists of tokens, or of N lists of several such lists
        One reference for each row or several, of which the nearest counts, of equally near ones
        the longest. Tokens are strings or numbers. For texts, pass ``list(text)`` or
        ``text.split()`` of each.
    y_pred : list of N lists of tokens
        The predictions.
    sample_weight : array-like of shape (N,) or None, default=None
        One weight for each row.

    Returns
    -------
    rate : float
        0 if all are right; above 1 if more was put in than there is.

    Raises
    ------
    DataFormatError
        When `y_true` and `y_pred` differ in length or are not as above, or there are edits and
        the references hold no token. A subclass of ValueError.

    References
    ----------
    Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals" (1966).

    Examples
    --------
    >>> from seqlearn.metrics import token_error_rate
    >>> token_error_rate([["a", "b", "c"], ["d"]], [["a", "c"], ["d"]])
    0.25
    >>> token_error_rate([[["a", "b"], ["c", "b"]]], [["c", "b"]])  # two references of one row
    0.0
    """
    edits, length = _edits(read_pairs(y_true, y_pred, sample_weight, "tokens"), list)
    if edits and not length:
        raise DataFormatError(
            "The nearest references in y_true hold no token, or only in rows of weight 0: the "
            "error rate is undefined. Give at least one reference that is not empty."
        )
    return edits / length if edits else 0.0


def word_error_rate(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Edits of words that make the predictions right, a word of the references: less is better.

    What jiwer calls ``wer``, with its rules for white space and for empty references.

    Parameters
    ----------
    y_true : list of N str, or of N lists of several
        One reference for each row or several, of which the nearest counts. Case and punctuation
        count: bring texts to one form first. Words are what lies between spaces; two or more
        characters of white space are one space, a single tab or line break belongs to its word.
    y_pred : list of N str
        The predictions.
    sample_weight : array-like of shape (N,) or None, default=None
        One weight for each row.

    Returns
    -------
    rate : float
        0 if all are right; above 1 if more was put in than there is. Where no reference holds a
        word, the number of words in the predictions.

    Raises
    ------
    DataFormatError
        When `y_true` and `y_pred` differ in length or are not as above. A subclass of ValueError.

    References
    ----------
    Morris, Maier and Green, "From WER and RIL to MER and WIL: improved evaluation measures for
    connected speech recognition" (2004).

    Examples
    --------
    >>> from seqlearn.metrics import word_error_rate
    >>> word_error_rate(["seven two", "one"], ["seven  too", "one"])
    0.3333333333333333
    """
    return _text_rate(y_true, y_pred, sample_weight, _words)


def character_error_rate(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Edits of characters that make the predictions right, a character of the references.

    What jiwer calls ``cer``: white space at the ends is not counted, between words it is.

    Parameters
    ----------
    y_true : list of N str, or of N lists of several
        One reference for each row or several, of which the nearest counts.
    y_pred : list of N str
        The predictions.
    sample_weight : array-like of shape (N,) or None, default=None
        One weight for each row.

    Returns
    -------
    rate : float
        0 if all are right; above 1 if more was put in than there is. Where no reference holds a
        character, the number of characters in the predictions.

    Raises
    ------
    DataFormatError
        When `y_true` and `y_pred` differ in length or are not as above. A subclass of ValueError.

    References
    ----------
    Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals" (1966).

    Examples
    --------
    >>> from seqlearn.metrics import character_error_rate
    >>> character_error_rate(["seven two"], ["seven too"])
    0.1111111111111111
    """
    return _text_rate(y_true, y_pred, sample_weight, str.strip)


def _text_rate(
    y_true: Any, y_pred: Any, sample_weight: Any, split: Callable[[str], Sequence[str]]
) -> float:
    edits, length = _edits(read_pairs(y_true, y_pred, sample_weight, "texts"), split)
    return edits / (length or 1.0)


def _words(text: str) -> list[str]:
    return [word for word in SPACES.sub(" ", text).strip().split(" ") if word]


def _edits(pairs: Pairs, split: Callable[[Any], Sequence[Hashable]]) -> tuple[float, float]:
    """Return edits and tokens of the nearest references, added up over the rows."""
    counts = []
    for references, found in zip(pairs.references, pairs.predictions, strict=True):
        tokens = split(found)
        split_references = map(split, references)
        counts.append(min((_distance(one, tokens), -len(one)) for one in split_references))
    edits, length = pairs.weights @ np.array(counts, dtype=np.float64)
    return float(edits), -float(length)
