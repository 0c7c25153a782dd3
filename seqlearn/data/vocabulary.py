"""`Vocabulary`: the words a model knows, each with a number; learned in ``fit``, kept by the model.

Words are whatever stands for a step: words, characters or names of features. How a text becomes
words is the business of `seqlearn.preprocessing.Tokenizer`; vectors learned elsewhere are read by
`seqlearn.data.word_vectors`.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from seqlearn.data.plain import Record
from seqlearn.errors import DataFormatError

__all__ = ["Vocabulary"]

_DIGIT = re.compile(r"\d")  # decimal digits of every script


class Vocabulary(Record):
    """Words in a fixed order, numbered from 1; 0 stands for every other word.

    Two vocabularies are equal if they give equal codes to all words and hold equal counts.

    Parameters
    ----------
    words : sequence of str
        Distinct words in normal form; the code of ``words[i]`` is ``i + 1``. Use `learn` to choose
        and order them.
    counts : array-like of shape (len(words),)
        How often each occurred, or the sum of the weights of its occurrences.
    lowercase : bool, default=False
        Whether upper and lower case are one, by ``str.lower``.
    fold_digits : bool, default=False
        Whether all decimal digits are one, "0".

    Attributes
    ----------
    words : tuple of str
        The words known, in the order of their codes.
    counts : ndarray of shape (len(words),), float64
        Their counts; read-only.

    Examples
    --------
    >>> words = ["the", "cat", "The", "sat", "1984", "2001"]
    >>> vocabulary = Vocabulary.learn(
    ...     words, [5, 3, 1, 3, 1, 1], min_frequency=2, lowercase=True, fold_digits=True
    ... )
    >>> vocabulary
    <Vocabulary: 4 words, 'the', 'cat', 'sat', '0000'; lowercase, fold_digits>
    >>> vocabulary.encode(["THE", "dog", "2023"])
    array([1, 0, 4])
    >>> len(vocabulary), vocabulary.counts
    (5, array([6., 3., 3., 2.]))
    """

    def __init__(
        self,
        words: Sequence[str],
        counts: Any,
        *,
        lowercase: bool = False,
        fold_digits: bool = False,
    ):
        self.lowercase, self.fold_digits = lowercase, fold_digits
        self.words = tuple(words)
        self.counts = np.array(counts, dtype=np.float64)
        self._index()

    def _index(self) -> None:
        self.counts.setflags(write=False)
        self._codes = {word: code for code, word in enumerate(self.words, 1)}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_codes"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._index()

    @classmethod
    def learn(
        cls,
        words: Sequence[str],
        counts: Any,
        *,
        min_frequency: float = 1,
        lowercase: bool = False,
        fold_digits: bool = False,
    ) -> "Vocabulary":
        """Choose the frequent words, the most frequent first, words of equal count by code point.

        Words that are equal in normal form add their counts; the sum is exact, rounded once, so the
        result does not depend on the order of the words.

        Parameters
        ----------
        words : sequence of str
            W words.
        counts : array-like of shape (W,)
            How often each occurs, or the sum of the weights of its occurrences.
        min_frequency : float, default=1
            Words whose added counts are less are left out; greater than 0. If no word reaches it,
            every word has the code 0 and the length of the vocabulary is 1.
        lowercase : bool, default=False
            Whether upper and lower case are one, by ``str.lower``.
        fold_digits : bool, default=False
            Whether all decimal digits are one, "0".

        Returns
        -------
        Vocabulary
        """
        flags = {"lowercase": lowercase, "fold_digits": fold_digits}
        added: dict[str, list[float]] = {}
        normal = cls((), (), **flags)._normalise_all(words)
        for word, count in zip(normal, counts, strict=True):
            added.setdefault(word, []).append(float(count))
        totals = {word: math.fsum(parts) for word, parts in added.items()}
        known = [word for word, total in totals.items() if total >= min_frequency]
        known.sort(key=lambda word: (-totals[word], word))
        return cls(known, [totals[word] for word in known], **flags)

    def normalise(self, word: str) -> str:
        """Return the form in which a word is looked up.

        Parameters
        ----------
        word : str
            Any word, known or not.

        Returns
        -------
        str
            In lower case and with every decimal digit "0", as far as this vocabulary does so.
        """
        if self.lowercase:
            word = word.lower()
        return _DIGIT.sub("0", word) if self.fold_digits else word

    def encode(self, words: Sequence[str]) -> np.ndarray:
        """Return the codes of words; normalising is done here.

        Parameters
        ----------
        words : sequence of str
            W words, known or not, in any order.

        Returns
        -------
        ndarray of shape (W,), int64
            From 1 to ``len(self) - 1``; 0 for an unknown word.

        Raises
        ------
        DataFormatError
            A word is not a string.
        """
        words = self._normalise_all(words)
        codes = self._codes
        return np.fromiter((codes.get(word, 0) for word in words), np.int64, len(words))

    def _normalise_all(self, words: Iterable[str]) -> list[str]:
        words = _as_strings(words)
        if not (self.lowercase or self.fold_digits):
            return words
        return [self.normalise(word) for word in words]

    def __len__(self) -> int:
        """Return the number of codes, that of the unknown word included."""
        return len(self.words) + 1

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.normalise(word) in self._codes

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        flags = (self.lowercase, self.fold_digits) == (other.lowercase, other.fold_digits)
        return flags and self.words == other.words and np.array_equal(self.counts, other.counts)

    def __repr__(self) -> str:
        parts = [f"{len(self.words)} word{'s' * (len(self.words) != 1)}"]
        parts += [repr(word[:20]) for word in self.words[:5]]
        parts += ["..."] * (len(self.words) > 5)
        flags = [name for name in ("lowercase", "fold_digits") if getattr(self, name)]
        return f"<Vocabulary: {', '.join(parts)}{'; ' * bool(flags)}{', '.join(flags)}>"


def _as_strings(words: Any) -> list[str]:
    """Return words as a list of plain `str`, none of a subclass such as NumPy's."""
    if isinstance(words, str):
        raise DataFormatError(
            f"words must be a sequence of strings, got one string, {words[:40]!r}. Pass [word], or "
            "list(text) for its characters."
        )
    words = words.tolist() if isinstance(words, np.ndarray) else list(words)
    if set(map(type, words)) <= {str}:
        return words
    for i, word in enumerate(words):
        if not isinstance(word, str):
            raise DataFormatError(
                f"words must hold strings, but number {i} is {word!r}, a {type(word).__name__}. "
                "Convert it: str(word)."
            )
    return [str(word) for word in words]
