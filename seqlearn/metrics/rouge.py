"""ROUGE: how much of a summary's wording is that of its references."""

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from seqlearn.data.texts import combining_marks
from seqlearn.errors import InvalidParameterError
from seqlearn.metrics.edit_distance import longest_common_subsequence
from seqlearn.metrics.references import read_pairs

__all__ = ["rouge_l_score", "rouge_n_score"]


def rouge_n_score(y_true: Any, y_pred: Any, *, n: int = 1, sample_weight: Any = None) -> float:
    """ROUGE-N: F1 of the runs of n words that prediction and reference share, mean over the rows.

    Parameters
    ----------
    y_true : list of N str, or of N lists of several; or N lists of tokens, or of several such lists
        One reference for each row, or several, of which the one with the best score counts. Beside
        texts in `y_pred`, a list holds references; beside lists of tokens, tokens.
    y_pred : list of N str, or of N lists of tokens
        The predictions. Of texts the words are compared, runs of letters and digits in lower case,
        without stemming; tokens are compared as they are.
    n : int, default=1
        Length of the runs.
    sample_weight : array-like of shape (N,) or None, default=None
        One weight for each row.

    Returns
    -------
    score : float
        Between 0 and 1; a row without a run on either side counts 0.

    Raises
    ------
    DataFormatError
        When `y_true` and `y_pred` differ in length or are not as above. A subclass of ValueError.
    InvalidParameterError
        When `n` is not an integer of 1 or more. A subclass of ValueError.

    References
    ----------
    Lin, "ROUGE: a package for automatic evaluation of summaries" (2004).

    Examples
    --------
    >>> from seqlearn.metrics import rouge_n_score
    >>> rouge_n_score(["The cat sat on the mat."], ["The cat on the mat"], n=2)
    0.6666666666666666
    """
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
        raise InvalidParameterError(f"n={n!r} is not accepted; give an integer of 1 or more.")

    def f1(true: list, found: list) -> float:
        runs, others = (
            Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
            for words in (true, found)
        )
        return _f1((runs & others).total(), runs.total(), others.total())

    return _mean(f1, y_true, y_pred, sample_weight)


def rouge_l_score(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """ROUGE-L: F1 of the longest common subsequence of words, mean over the rows.

    Parameters
    ----------
    y_true, y_pred : list of N str, or of N lists of tokens
        As in `rouge_n_score`. A text is one sequence, whatever its lines are.
    sample_weight : array-like of shape (N,) or None, default=None
        One weight for each row.

    Returns
    -------
    score : float
        Between 0 and 1; a row without a word on either side counts 0.

    Raises
    ------
    DataFormatError
        When `y_true` and `y_pred` differ in length or are not as above. A subclass of ValueError.

    References
    ----------
    Lin, "ROUGE: a package for automatic evaluation of summaries" (2004).

    Examples
    --------
    >>> from seqlearn.metrics import rouge_l_score
    >>> rouge_l_score(["police killed the gunman"], ["police kill the gunman"])
    0.75
    """

    def f1(true: list, found: list) -> float:
        return _f1(longest_common_subsequence(true, found), len(true), len(found))

    return _mean(f1, y_true, y_pred, sample_weight)


def _mean(f1: Callable[[list, list], float], y_true: Any, y_pred: Any, sample_weight: Any) -> float:
    """Return the mean over the rows of the best F1 with a reference."""
    pairs = read_pairs(y_true, y_pred, sample_weight)
    words = _words if pairs.are_texts else list
    best = [
        max(f1(words(one), words(found)) for one in references)
        for references, found in zip(pairs.references, pairs.predictions, strict=True)
    ]
    return float(np.average(best, weights=pairs.weights))


def _f1(shared: int, n_true: int, n_found: int) -> float:
    return 2 * shared / (n_true + n_found) if n_true + n_found else 0.0


def _words(text: str) -> list[str]:
    return _pattern().findall(text.lower())


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(rf"(?:[^\W_]+(?:(?!\s){combining_marks()})*)+")
