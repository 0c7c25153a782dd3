"""The targets of a translator: what its pairs are, and how texts become codes and answers texts.

`Texts` are the rows of X or y as they were given; `Side` is what is known of either, a unit and a
vocabulary; `Pairs` has both, and is the only one that knows about copying.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import Any

import numpy as np

from seqlearn.data.messages import listed
from seqlearn.data.plain import Record
from seqlearn.data.sequences import Sequences
from seqlearn.data.text_units import TextUnit, learn_unit, read_texts
from seqlearn.data.vocabulary import Vocabulary
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.targets import Targets

__all__ = ["PairTexts", "Pairs", "Side", "Texts", "as_codes", "refuse_empty"]

LEAST_MORE = 5  # tokens that an answer may have beyond twice the usual
ANY_TEXT = "auto"


class Texts:
    """The rows of X or y as they were given: N texts, or N lists of tokens.

    Parameters
    ----------
    texts : list of N str, or None
    tokens : list of N lists of str, or None
    """

    def __init__(self, texts: list[str] | None, tokens: list[list[str]] | None):
        self.texts, self.tokens = texts, tokens
        self.weights = np.ones(len(self))
        self._cut: tuple[Any, list[list[str]]] | None = None

    @classmethod
    def read(cls, given: Any, name: str) -> "Texts":
        """Return the rows of what a user gave; see `seqlearn.data.text_units.read_texts`."""
        return cls(*read_texts(given, name))

    @property
    def kind(self) -> str:
        """What the rows are, "texts" or "tokens"."""
        return "tokens" if self.texts is None else "texts"

    def __len__(self) -> int:
        return len(self.tokens or [] if self.texts is None else self.texts)

    def cut(self, unit: TextUnit | None) -> list[list[str]]:
        """Return the tokens of each row; lists of tokens are not divided again."""
        if self.texts is None or unit is None:
            return self.tokens or []
        if self._cut is None or self._cut[0] is not unit:
            self._cut = unit, unit.cut(self.texts)
        return self._cut[1]


class PairTexts:
    """Sources and targets, row by row."""

    def __init__(self, sources: Texts, targets: Texts):
        self.sources, self.targets = sources, targets

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, eq=False)
class Side(Record):
    """What is known of the sources, or of the targets.

    Attributes
    ----------
    kind : {"texts", "tokens"}
        What the rows were in ``fit``.
    unit : TextUnit or None
        How texts become tokens.
    vocabulary : Vocabulary
        The tokens known, whose codes begin with 1.
    """

    kind: str
    unit: TextUnit | None
    vocabulary: Vocabulary

    def cut(self, rows: Texts, name: str) -> list[list[str]]:
        """Return the tokens of each row, which must be of the kind of ``fit``."""
        if rows.kind != self.kind and len(rows):
            kinds = {"texts": "texts", "tokens": "lists of tokens"}
            raise DataFormatError(
                f"{name} is {kinds[rows.kind]}, but in fit it was {kinds[self.kind]}. Give the "
                "same in fit and after it."
            )
        return rows.cut(self.unit)

    def join(self, tokens: Sequence[str]) -> Any:
        """Return a text, or the tokens as a list."""
        return list(tokens) if self.unit is None else self.unit.join(tokens)


@dataclass(frozen=True, eq=False)
class Pairs(Targets):
    """Targets of tokens for sources of tokens.

    Attributes
    ----------
    tokenizer : str, tokenizer or None
    vocabulary_size, min_frequency, shared, copy
        As the parameters of the estimator; ``shared`` is settled.
    source, target : Side
        What is known of either side.
    ratio : float
        Tokens of a target for each of its source, on average.
    more : int
        Most tokens that a target had beyond twice that.
    """

    tokenizer: Any = None
    vocabulary_size: int = 0
    min_frequency: int = 1
    shared: bool = False
    copy: bool = False
    source: Any = None
    target: Any = None
    ratio: float = 1.0
    more: int = LEAST_MORE

    def read(self, y: Any, sequences: Any, kind: str, first: Any = 0) -> PairTexts:
        """Return sources and targets together."""
        return PairTexts(sequences, y)

    def learn(self, y: PairTexts, known: Any = None, part: bool = False) -> "Pairs":
        """Return what pairs teach of tokens and lengths, or what is ``known``."""
        sides = (y.sources, y.targets)
        if known is None:
            units = self._units(sides)
            cuts = [rows.cut(unit) for rows, unit in zip(sides, units, strict=True)]
        else:
            self._refuse_other(known)
            cuts = [known.source.cut(y.sources, "X"), known.target.cut(y.targets, "y")]
        lengths = [np.fromiter(map(len, cut), np.int64, len(cut)) for cut in cuts]
        refuse_empty(lengths[0], "X", "in prediction empty sources may stay.")
        refuse_empty(lengths[1], "y", "there is nothing to learn from them.")
        if known is not None:
            return known
        weights = [rows.weights for rows in sides]
        if self.shared:
            both = self._vocabulary(chain(*cuts), np.concatenate(weights))
            vocabularies = [both, both]
        else:
            vocabularies = [
                self._vocabulary(cut, own) for cut, own in zip(cuts, weights, strict=True)
            ]
        source, target = map(Side, [rows.kind for rows in sides], units, vocabularies)
        used = weights[0] > 0
        n_source, n_target = (one[used] @ weights[0][used] for one in lengths)
        ratio = float(n_target / n_source)
        beyond = (lengths[1] - 2 * ratio * lengths[0])[used]
        more = max(int(np.ceil(beyond.max())), LEAST_MORE)
        return replace(self, source=source, target=target, ratio=ratio, more=more)

    def _refuse_other(self, known: "Pairs") -> None:
        """Raise if training is to go on with other parameters than it began with."""
        for name in ("tokenizer", "vocabulary_size", "min_frequency", "shared"):
            was, now = getattr(known, name), getattr(self, name)
            if repr(was) != repr(now):
                name = "shared_vocabulary" if name == "shared" else name
                raise InvalidParameterError(
                    f"warm_start and partial_fit continue with the vocabularies of the last fit, "
                    f"in which {name} was {was!r}; now it is {now!r}. Set it back, or call fit "
                    "with warm_start=False."
                )

    def _units(self, sides: Sequence[Texts]) -> list[TextUnit | None]:
        """Return how the texts of each side become tokens; None for lists of tokens."""
        tokenizer = self.tokenizer
        if isinstance(tokenizer, str) and tokenizer == ANY_TEXT:
            tokenizer = "bpe"
        with_text = [rows for rows in sides if rows.texts is not None]
        if tokenizer is None and with_text:
            name = "X" if with_text[0] is sides[0] else "y"
            raise InvalidParameterError(
                f"tokenizer=None, but {name} holds texts. Give lists of tokens, or choose how "
                "texts become tokens: tokenizer='bpe', 'word', 'char' or 'auto'."
            )
        if self.shared and len(with_text) == 2:
            texts = [text for rows in with_text for text in rows.texts or []]
            weights = np.concatenate([rows.weights for rows in with_text])
            both = learn_unit(tokenizer, texts, self.vocabulary_size, weights)
            return [both, both]
        return [
            None
            if rows.texts is None
            else learn_unit(tokenizer, rows.texts, self.vocabulary_size, rows.weights)
            for rows in sides
        ]

    def _vocabulary(self, rows: Iterable[list[str]], weights: np.ndarray) -> Vocabulary:
        """Return the tokens known: those that are frequent, the most frequent if they are many."""
        counts: dict[str, float] = defaultdict(float)
        for row, weight in zip(rows, weights.tolist(), strict=True):
            if weight > 0:
                for token in row:
                    counts[token] += weight
        found = Vocabulary.learn(
            list(counts), list(counts.values()), min_frequency=self.min_frequency
        )
        words = found.words[: self.vocabulary_size]
        return Vocabulary(words, found.counts[: len(words)])

    # Codes.

    @property
    def border(self) -> int:
        """The code that begins and ends a target, V."""
        return len(self.target.vocabulary)

    def arranged(self, sequences: Any) -> Sequences:
        """Return the codes of sources, (S, 1); with copying (S, 2).

        The second column has the codes of the target that copying a step gives.
        """
        cut = self.source.cut(sequences, "X")
        flat, offsets = _joined(cut)
        codes = self.source.vocabulary.encode(flat)[:, None]
        if self.copy:
            given = self.target.vocabulary.encode(flat)
            unknown = np.flatnonzero(given == 0)
            if len(unknown):
                row = np.searchsorted(offsets, unknown, side="right") - 1
                seen: dict[tuple[int, str], int] = {}
                for at, i in zip(unknown.tolist(), row.tolist(), strict=True):
                    place = self.border + 1 + at - int(offsets[i])
                    given[at] = seen.setdefault((i, flat[at]), place)
            codes = np.stack([codes[:, 0], given], axis=1)
        return Sequences(codes, offsets)

    def encode(self, y: PairTexts) -> Sequences:
        """Return the codes of targets, (S', 1)."""
        cut = self.target.cut(y.targets, "y")
        flat, offsets = _joined(cut)
        codes = self.target.vocabulary.encode(flat)
        unknown = np.flatnonzero(codes == 0)
        if self.copy and len(unknown):
            sources = self.source.cut(y.sources, "X")
            row = np.searchsorted(offsets, unknown, side="right") - 1
            for at, i in zip(unknown.tolist(), row.tolist(), strict=True):
                if flat[at] in sources[i]:
                    codes[at] = self.border + 1 + sources[i].index(flat[at])
        return Sequences(codes[:, None], offsets)

    # Answers.

    def decode(self, outputs: Sequence[int], source: Sequence[str] = ()) -> Any:
        """Return the text, or the list of tokens, of codes; those copied stand in ``source``."""
        return self.target.join(self.tokens_of(outputs, source))

    def tokens_of(self, outputs: Sequence[int], source: Sequence[str] = ()) -> list[str]:
        """Return the tokens of codes."""
        words, border = self.target.vocabulary.words, self.border
        return [source[code - border - 1] if code > border else words[code - 1] for code in outputs]

    def most_tokens(self, lengths: np.ndarray) -> np.ndarray:
        """Return how many tokens answers to sources of these lengths may have, (N,)."""
        return np.ceil(2 * self.ratio * lengths).astype(np.int64) + self.more


def refuse_empty(lengths: np.ndarray, name: str, why: str) -> None:
    """Refuse rows without a token; ``why`` ends the message."""
    empty = np.flatnonzero(lengths == 0).tolist()
    if empty:
        raise DataFormatError(
            f"Row{'s' * (len(empty) > 1)} {listed(empty)} of {name} "
            f"{'have' if len(empty) > 1 else 'has'} no token: nothing, or white space alone. Leave "
            f"such pairs out: {why}"
        )


def as_codes(rows: list[list[int]]) -> Sequences:
    """Return sequences of codes, (S, 1)."""
    flat, offsets = _joined(rows)
    return Sequences(np.array(flat, np.int64)[:, None], offsets)


def _joined(rows: list[list[Any]]) -> tuple[list[Any], np.ndarray]:
    """Return the tokens of all rows, one after the other, and where each row begins and ends."""
    offsets = np.fromiter(accumulate(map(len, rows), initial=0), np.int64, len(rows) + 1)
    return list(chain.from_iterable(rows)), offsets
