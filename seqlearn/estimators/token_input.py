"""Words and feature dictionaries as input: what an estimator learns of them before it trains.

`TokenInput` turns an estimator's parameters into an `Encoding`, the arguments of the embedding
network, and the pretrained vectors to start from. `seqlearn.estimators.base` is the caller, in
``fit``; numbers never come this way.
"""

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

from seqlearn.data.continued import refuse_change
from seqlearn.data.encoding import Encoding
from seqlearn.data.sequences import Sequences
from seqlearn.data.word_tables import ContextTable
from seqlearn.data.word_vectors import WordVectors, as_word_vectors
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.contexts import frozen_model
from seqlearn.estimators.learned_input import LearnedInput
from seqlearn.estimators.words import Words
from seqlearn.inputs.embeddings import BagEmbedding, WordEmbedding
from seqlearn.inputs.station import Input
from seqlearn.registry import resolve_backend

__all__ = ["TokenInput", "for_task"]

DEFAULT_SIZE = 64  # values of a word's vector, without pretrained ones


@dataclass(frozen=True, eq=False)
class TokenInput(LearnedInput):
    """What is learned of discrete steps, and what the network is told of it.

    Attributes
    ----------
    kind : {"tokens", "features"}
        What the steps are.
    encoding : Encoding
        Learned from the training rows.
    embedding : dict
        The plain arguments of the input of `station`.
    parameters : dict
        Those of the `Words` that it was learned with.
    given : tuple of Tensor, or None
        Codes (K,) and vectors (K, E) to start from.
    model : LanguageModel or None
        What gives vectors of words in their context: fitted, and never changed.
    """

    kind: str
    encoding: Encoding
    embedding: dict[str, Any]
    parameters: dict[str, Any]
    given: tuple[torch.Tensor, torch.Tensor] | None = None
    model: Any = None

    @classmethod
    def learn(
        cls, words: Words, dropout: float, kind: str, sequences: Sequences, weights: np.ndarray
    ) -> "TokenInput":
        """Learn from distinct training rows, whose weights are their repetitions or like that.

        ``words`` is what `for_task` returned, ``dropout`` the share of values dropped in training.
        Word dropout goes by how often words occur if rows weigh 1 on average: weights that are all
        alike are no weights.
        """
        parameters = _parameters(words)
        spelled = kind == "tokens" and words.characters is not None
        encoding = Encoding.learn(
            sequences,
            weights,
            min_frequency=words.min_frequency,
            lowercase=words.lowercase,
            fold_digits=words.fold_digits,
            characters=spelled,
        )
        size, vectors = _size(words, kind)
        model = frozen_model(words.vectors)
        if kind == "features":
            of_bags = {
                "n_features": len(encoding.vocabulary),
                "size": size,
                "dropout": dropout,
            }
            return cls(kind, encoding, of_bags, parameters)
        given = None
        if vectors is not None:
            encoding = encoding.with_extra(vectors.words)
            given = _given(encoding, vectors)
        embedding: dict[str, Any] = {
            "n_words": len(encoding.vocabulary),
            "size": size,
            "dropout": dropout,
            "word_dropout": words.dropout,
            "counts": encoding.vocabulary.counts / weights.mean(),
            "n_fixed": len(encoding.extra),
        }
        if encoding.characters is not None and encoding.shapes is not None:
            embedding |= {
                "n_characters": len(encoding.characters),
                "n_shapes": len(encoding.shapes),
                "character_size": words.characters,
            }
        if model is not None:
            model = copy.copy(model)  # that a later fit of the given one does not change
            embedding["context_size"] = model._word_vectors([[]]).shape[1]
        return cls(kind, encoding, embedding, parameters, given, model)

    def encode(self, sequences: Sequences) -> Sequences:
        """Return sequences with a table in place of their dictionary, as batches are made of.

        The language model reads them here, once: its vectors are in memory, S x D x 4 bytes.
        """
        encoded = self.encoding.encode(sequences)
        if self.model is None:
            return encoded
        words = sequences.dictionary.words
        vectors = self.model._word_vectors([[words[i] for i in row[:, 0]] for row in sequences])
        codes = encoded.values[:, 0]
        table = ContextTable(encoded.dictionary, codes, vectors)
        return Sequences(np.arange(len(codes))[:, None], encoded.offsets, table)

    @property
    def station(self) -> tuple[type[Input], dict[str, Any]]:
        """The class of the network's input, and its arguments."""
        if self.kind == "features":
            return BagEmbedding, self.embedding
        spelled = "n_characters" in self.embedding
        more = {"character_backend": resolve_backend("torch")} if spelled else {}
        return WordEmbedding, self.embedding | more

    @property
    def reads_at_once(self) -> bool:
        """Whether a language model reads the rows."""
        return self.model is not None

    def begin(self, input: Any) -> None:
        """Set the vectors of words that were given."""
        if self.given is not None:
            input.set_vectors(*self.given)

    def without_start(self) -> "TokenInput":
        """Return it without the vectors that were given, which the network has by now."""
        return replace(self, given=None)

    def check_continued(self, estimator: Any) -> None:
        """Raise if training is to go on with other parameters than it began with."""
        words = for_task(estimator.words, estimator._characters)
        for name, now in _parameters(words).items():
            refuse_change(name, self.parameters[name], now)


def for_task(words: Words | None, characters: int | None) -> Words:
    """Return what ``words`` stands for where the task means ``characters`` by "auto"."""
    words = words or Words()
    return words if words.characters != "auto" else clone(words).set_params(characters=characters)


def _parameters(words: Words) -> dict[str, Any]:
    """The parameters that what is learned depends on; of vectors, only whether there are."""
    values = words.get_params(deep=False)
    vectors = values.pop("vectors")
    values["vectors given"] = vectors is not None
    if frozen_model(vectors) is not None:
        values["vectors given"] = "of a language model"
    return {f"words__{name}": value for name, value in values.items()}


def _size(words: Words, kind: str) -> tuple[int, WordVectors | None]:
    """Width of the vectors, and the pretrained ones if there are any."""
    if words.vectors is None:
        return DEFAULT_SIZE if isinstance(words.size, str) else words.size, None
    if kind == "features":
        raise InvalidParameterError(
            "words= has vectors= of words, but X has feature dictionaries. Pass lists of tokens, "
            "or set words__vectors=None."
        )
    if frozen_model(words.vectors) is not None:  # beside the vectors of words
        return DEFAULT_SIZE if isinstance(words.size, str) else words.size, None
    vectors = as_word_vectors(words.vectors)
    width = vectors.vectors.shape[1]
    if words.size not in ("auto", width):
        raise InvalidParameterError(
            f"size={words.size} in words=, but its vectors= have {width} values. Set "
            "words__size='auto' to use theirs."
        )
    return width, vectors


def _given(encoding: Encoding, vectors: WordVectors) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes and vectors of the words that have one: as they are written, else in lower case."""
    normalise = encoding.vocabulary.normalise
    row = {normalise(word): i for i, word in reversed(list(enumerate(vectors.words)))}
    row |= {word: i for i, word in reversed(list(enumerate(vectors.words)))}
    codes, rows = [], []
    for code, word in enumerate(encoding.vocabulary.words, start=1):
        found = row.get(word, row.get(word.lower()))
        if found is not None:
            codes.append(code)
            rows.append(found)
    for word, code in encoding.extra.items():
        codes.append(code)
        rows.append(row[word])
    if not codes:
        raise InvalidParameterError(
            "None of the words of X, nor any other, has a vector in vectors= of words=."
        )
    chosen = np.asarray(vectors.vectors)[rows]
    return torch.tensor(codes), torch.as_tensor(chosen)
