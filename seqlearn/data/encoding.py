"""What a model learns of its discrete steps: which words, characters and features it knows.

`Encoding` is learned in ``fit`` from the training rows alone. It turns the dictionaries of
`seqlearn.data.tokens` into the tables of `seqlearn.data.word_tables`, in which whatever was not
known then is code 0.
"""

import re
from dataclasses import dataclass, replace
from itertools import accumulate, chain

import numpy as np

from seqlearn.data.plain import Record
from seqlearn.data.sequences import Sequences
from seqlearn.data.tokens import Bags, Words
from seqlearn.data.vocabulary import Vocabulary
from seqlearn.data.word_tables import BagTable, WordTable

__all__ = ["Encoding", "word_shape"]

SHAPE_WORDS = 2  # distinct words of a known shape: that of a single word says no more than it
SHAPE_LENGTH = 12  # characters of a shape; what follows is left out


@dataclass(frozen=True, eq=False)
class Encoding(Record):
    """Vocabularies of steps and, for words that are spelled, of characters.

    Attributes
    ----------
    vocabulary : Vocabulary
        Words, or names of features.
    characters : Vocabulary or None
        Characters.
    shapes : Vocabulary or None
        Shapes of words as `word_shape` gives them, for words that are spelled.
    extra : dict of str to int
        Words, in the vocabulary's form, that were not learned but have a pretrained vector: their
        codes, which follow those of the vocabulary.
    """

    vocabulary: Vocabulary
    characters: Vocabulary | None
    shapes: Vocabulary | None
    extra: dict[str, int]

    @classmethod
    def learn(
        cls,
        sequences: Sequences,
        weights: np.ndarray,
        *,
        min_frequency: float,
        lowercase: bool,
        fold_digits: bool,
        characters: bool,
    ) -> "Encoding":
        """Learn from sequences whose dictionary is `Words` or `Bags`; rows count by weight.

        A ``min_frequency`` of 1 keeps all that occurs, however small the weights. A shape is known
        if distinct words have it, whatever they weigh.
        """
        least = np.finfo(float).tiny
        rare = min_frequency * (1 - 1e-9) if min_frequency > 1 else least
        dictionary = sequences.dictionary
        of_step = np.repeat(weights, sequences.lengths)  # (S,)
        counts = np.bincount(sequences.values[:, 0], of_step, len(dictionary))  # (W,)
        if isinstance(dictionary, Bags):
            names, of_bag = dictionary.names, np.repeat(counts, np.diff(dictionary.offsets))
            counts = np.bincount(dictionary.codes, of_bag, len(names))
            return cls(Vocabulary.learn(names, counts, min_frequency=rare), None, None, {})
        words, flags = dictionary.words, {"lowercase": lowercase, "fold_digits": fold_digits}
        known = Vocabulary.learn(words, counts, min_frequency=rare, **flags)
        if not characters:
            return cls(known, None, None, {})
        distinct, which = np.unique(list(chain.from_iterable(words)), return_inverse=True)
        of_character = np.bincount(which, np.repeat(counts, list(map(len, words))))
        spelled = Vocabulary.learn(distinct.tolist(), of_character, min_frequency=least)
        found = list(map(word_shape, words))
        shapes = Vocabulary.learn(found, counts > 0, min_frequency=SHAPE_WORDS)
        return cls(known, spelled, shapes, {})

    def with_extra(self, words: list[str]) -> "Encoding":
        """Return an encoding that also knows ``words``; those it knows already stay as they are."""
        forms = map(self.vocabulary.normalise, words)
        new = (form for form in forms if form not in self.vocabulary)
        codes = {word: len(self.vocabulary) + i for i, word in enumerate(dict.fromkeys(new))}
        return replace(self, extra=codes)

    def encode(self, sequences: Sequences) -> Sequences:
        """Return the sequences with a table in place of their dictionary.

        A sequence without steps, such as a text that no token was found in, becomes one step of
        which nothing is known: one more, last, entry of the table.
        """
        empty = sequences.lengths == 0
        table = self._table(sequences.dictionary)
        if not empty.any():
            return Sequences(sequences.values, sequences.offsets, table)
        table, unknown = table.with_unknown(), len(sequences.dictionary)
        values = np.insert(sequences.values, sequences.offsets[:-1][empty], unknown, axis=0)
        offsets = np.concatenate(([0], np.cumsum(np.maximum(sequences.lengths, 1))))
        return Sequences(values, offsets, table)

    def _table(self, dictionary: Words | Bags) -> WordTable | BagTable:
        if isinstance(dictionary, Bags):
            return self._bag_table(dictionary)
        words = dictionary.words
        codes = self.vocabulary.encode(words)
        if self.extra:
            for i in np.flatnonzero(codes == 0).tolist():
                form = self.vocabulary.normalise(words[i])
                codes[i] = self.extra.get(form, self.extra.get(form.lower(), 0))
        if self.characters is None or self.shapes is None:
            return WordTable(codes)
        spelled = [word or "\0" for word in words]  # an empty word has one, unknown, character
        distinct, which = np.unique(list(chain.from_iterable(spelled)), return_inverse=True)
        offsets = np.fromiter(accumulate(map(len, spelled), initial=0), np.int64, len(words) + 1)
        characters = self.characters.encode(distinct.tolist())[which]
        shapes = self.shapes.encode(list(map(word_shape, words)))
        return WordTable(codes, characters, offsets, shapes)

    def _bag_table(self, bags: Bags) -> BagTable:
        """Leave unknown features out, as crfsuite does."""
        codes = self.vocabulary.encode(bags.names)[bags.codes]  # (M,)
        known = codes > 0
        before = np.concatenate(([0], np.cumsum(known)))
        return BagTable(codes[known], bags.weights[known], before[bags.offsets])


_RUN = re.compile(r"(.)\1{2,}", re.DOTALL)


def word_shape(word: str) -> str:
    """Return the kinds of characters a word is made of, which words never seen share with others.

    Capitals become "X", other letters "x", decimal digits "d"; what else is ASCII stays, and "u"
    stands for the rest. Three and more of a kind in a row are as two (Collins 2002).

    Parameters
    ----------
    word : str
        Any word.

    Returns
    -------
    str
        At most 12 characters.

    References
    ----------
    Collins, M. (2002). Ranking algorithms for named-entity extraction: boosting and the voted
    perceptron. ACL.

    Examples
    --------
    >>> [word_shape(word) for word in ("I", "Grace", "iPhone", "1984", "3.50", "@NASA")]
    ['X', 'Xxx', 'xXxx', 'dd', 'd.dd', '@XX']
    """
    return _RUN.sub(r"\1\1", "".join(map(_kind, word)))[:SHAPE_LENGTH]


def _kind(character: str) -> str:
    if character.isupper() or character.istitle():
        return "X"
    if character.isalpha():
        return "x"
    if character.isdecimal():
        return "d"
    return character if character.isascii() else "u"
