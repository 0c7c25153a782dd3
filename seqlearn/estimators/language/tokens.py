"""The targets of a language model: the next token of a text, drawn from X, and the tokens known.

A text becomes codes: 0 for an unknown token, then the tokens of the vocabulary, last a symbol that
stands before every text. Where the end of a text is predicted too, the same symbol says so.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from seqlearn.data.continued import refuse_change
from seqlearn.data.sequences import Sequences
from seqlearn.data.text_units import TextUnit
from seqlearn.data.tokens import Words, read_discrete
from seqlearn.data.vocabulary import Vocabulary
from seqlearn.errors import DataFormatError
from seqlearn.estimators.targets import Targets

__all__ = ["END", "UNKNOWN", "Cut", "Tokens", "read_cut"]

UNKNOWN, END = "<unk>", "<end>"  # how `Tokens.labels` shows what is no token


@dataclass(frozen=True)
class Cut(Words):
    """The distinct tokens of some texts, and what cut them; None if they came as lists."""

    unit: TextUnit | None


def read_cut(texts: list[list[str]], unit: TextUnit | None) -> Sequences:
    """Return lists of tokens as codes into a `Cut`."""
    sequences = read_discrete(texts, "tokens")
    words = sequences.dictionary.words
    return Sequences(sequences.values, sequences.offsets, Cut(words, unit))


@dataclass(frozen=True, eq=False)
class Tokens(Targets):
    """The next token at each step.

    Attributes
    ----------
    ends : bool or "auto"
        Whether the end of a text is predicted; "auto" before there are texts to tell.
    min_frequency : int or "auto"
        Tokens that are rarer count as unknown; "auto" before there are texts to tell.
    unit : TextUnit or None
        What cuts texts; None if X holds lists of tokens.
    vocabulary : Vocabulary
        The tokens known.
    """

    needs_y: ClassVar[bool] = False
    ends: bool | str = "auto"
    min_frequency: int | str = 1
    unit: TextUnit | None = None
    vocabulary: Vocabulary = field(default_factory=partial(Vocabulary, (), ()))

    def read(self, y: Any, sequences: Sequences, kind: str, first: Any = 0) -> Sequences:
        """Return the texts themselves, whose tokens are the targets."""
        return sequences

    def learn(self, y: Any, known: Any = None, part: bool = False) -> Any:
        """Return the tokens of the texts y; those ``known`` from before stay as they are."""
        unit, min_frequency = y.dictionary.unit, self.min_frequency
        if isinstance(min_frequency, str):
            min_frequency = 2 if unit is None or not unit.gapless else 1
        if known is not None:
            refuse_change("min_frequency", known.min_frequency, min_frequency)
            refuse_change("ends", known.ends, known.ends if self.ends == "auto" else self.ends)
            return known
        words, codes = y.dictionary.words, y.values[:, 0]
        counts = np.bincount(codes, minlength=len(words))
        rows = [i for i, word in enumerate(words) if word != UNKNOWN]
        vocabulary = Vocabulary.learn(
            [words[i] for i in rows], counts[rows], min_frequency=min_frequency
        )
        ends = len(y) > 1 if self.ends == "auto" else self.ends
        if not rows:
            raise DataFormatError(
                f"All texts of X are empty, or hold {UNKNOWN!r} alone, so there is nothing to "
                "learn. Give texts that have tokens."
            )
        if len(vocabulary) == 1:
            raise DataFormatError(
                f"No token occurs {min_frequency} times in X, so all would be unknown and there is "
                "nothing to learn. Give more text, or set min_frequency=1."
            )
        if ends and END in vocabulary.words:
            raise DataFormatError(
                f"X holds the token {END!r}, which stands for the end of a text in vocabulary_. "
                "Set ends=False to take it for a token like any other, or leave it out of X."
            )
        return replace(
            self, ends=ends, min_frequency=min_frequency, unit=unit, vocabulary=vocabulary
        )

    @property
    def boundary(self) -> int:
        """The code of what stands before every text."""
        return len(self.vocabulary)

    @property
    def output_size(self) -> int:
        """What may come next, V: the unknown token, those known, and the end if it is predicted."""
        return len(self.vocabulary) + bool(self.ends)

    @property
    def labels(self) -> np.ndarray:
        """The tokens in the order of their codes, (V,), of objects."""
        shown = [UNKNOWN, *self.vocabulary.words, *[END] * bool(self.ends)]
        return np.array([*shown, None], dtype=object)[:-1]

    def encode(self, y: Sequences) -> np.ndarray:
        """Return how many tokens each text has, (N,)."""
        return y.lengths

    def arranged(self, sequences: Sequences) -> Sequences:
        """Return the texts in the codes of the vocabulary."""
        codes = self.vocabulary.encode(sequences.dictionary.words)
        return Sequences(codes[sequences.values], sequences.offsets)

    def symbols(self, sequences: Sequences) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what is read, text by text, where each begins, and its steps.

        Parameters
        ----------
        sequences : Sequences
            N texts, as `arranged` returns them.

        Returns
        -------
        symbols : ndarray of shape (S + N + 1,)
            The boundary before each text and after the last.
        starts, lengths : ndarray of shape (N,)
            As `seqlearn.data.text_chunks.TextDataset` takes them; the end of a text is a step if it
            is predicted.
        """
        n, offsets = len(sequences), sequences.offsets
        symbols = np.insert(sequences.values[:, 0], offsets[:-1], self.boundary)
        starts = offsets[:-1] + np.arange(n)
        return np.append(symbols, self.boundary), starts, sequences.lengths + bool(self.ends)
