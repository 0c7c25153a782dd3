"""Words and feature dictionaries as input: what an estimator learns of them before it trains.

`TokenInput` turns an estimator's parameters into an `Encoding`, the arguments of the embedding
network, and the pretrained vectors to start from. `seqlearn.estimators.base` is the caller, in
``fit``; numbers never come this way.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seqlearn.data.encoding import Encoding
from seqlearn.data.sequences import Sequences
from seqlearn.data.word_vectors import WordVectors, as_word_vectors
from seqlearn.errors import InvalidParameterError
from seqlearn.printing import short_repr
from seqlearn.registry import resolve_backend

__all__ = ["TokenInput"]

DEFAULT_SIZE = 64  # values of a word's vector, without pretrained ones


@dataclass
class TokenInput:
    """What is learned of discrete steps, and what the network is told of it.

    Attributes
    ----------
    encoding : Encoding
        Learned from the training rows.
    embedding : dict
        Arguments of the input of `seqlearn.inputs.words`, and its ``kind``, "tokens" or "features".
    parameters : dict
        The estimator's parameters that it was learned with.
    given : tuple of Tensor, or None
        Codes (K,) and vectors (K, E) to start from.
    """

    encoding: Encoding
    embedding: dict[str, Any]
    parameters: dict[str, Any]
    given: tuple[torch.Tensor, torch.Tensor] | None = None

    @classmethod
    def learn(cls, estimator: Any, sequences: Sequences, weights: np.ndarray) -> "TokenInput":
        """Learn from distinct training rows, whose weights are their repetitions or like that.

        Word dropout goes by how often words occur if rows weigh 1 on average: weights that are all
        alike are no weights.
        """
        kind, parameters = estimator.input_kind_, _parameters(estimator)
        spelled = kind == "tokens" and estimator.character_size is not None
        encoding = Encoding.learn(
            sequences,
            weights,
            min_frequency=estimator.min_frequency,
            lowercase=estimator.lowercase,
            fold_digits=estimator.fold_digits,
            characters=spelled,
        )
        size, vectors = _size(estimator, kind)
        if kind == "features":
            embedding = {
                "kind": kind,
                "n_features": len(encoding.vocabulary),
                "size": size,
                "dropout": estimator.dropout,
            }
            return cls(encoding, embedding, parameters)
        given = None
        if vectors is not None:
            encoding = encoding.with_extra(vectors.words)
            given = _given(encoding, vectors)
        embedding = {
            "kind": kind,
            "n_words": len(encoding.vocabulary),
            "size": size,
            "dropout": estimator.dropout,
            "word_dropout": estimator.word_dropout,
            "counts": encoding.vocabulary.counts / weights.mean(),
            "n_fixed": len(encoding.extra),
        }
        if spelled:
            embedding |= {
                "n_characters": len(encoding.characters),
                "n_shapes": len(encoding.shapes),
                "character_size": estimator.character_size,
                "character_backend": resolve_backend("torch"),
            }
        return cls(encoding, embedding, parameters, given)

    def check_continued(self, estimator: Any) -> None:
        """Raise if training is to go on with other parameters than it began with."""
        for name, now in _parameters(estimator).items():
            was = self.parameters[name]
            if was != now:
                raise InvalidParameterError(
                    f"warm_start and partial_fit continue the network of the last fit, in which "
                    f"{name} was {short_repr(was)}; now it is {short_repr(now)}. Set it back, or "
                    "call fit with warm_start=False."
                )


def _parameters(estimator: Any) -> dict[str, Any]:
    """The parameters that what is learned depends on; of embeddings, only whether there are."""
    names = ("embedding_size", "character_size", "min_frequency", "lowercase", "fold_digits")
    parameters = {name: getattr(estimator, name) for name in (*names, "word_dropout")}
    return parameters | {"embeddings given": estimator.embeddings is not None}


def _size(estimator: Any, kind: str) -> tuple[int, WordVectors | None]:
    """Width of the vectors, and the pretrained ones if there are any."""
    asked = estimator.embedding_size
    if estimator.embeddings is None:
        return (DEFAULT_SIZE if asked == "auto" else asked), None
    if kind == "features":
        raise InvalidParameterError(
            "embeddings= holds vectors of words, but X has feature dictionaries. Pass lists of "
            "tokens, or set embeddings=None."
        )
    vectors = as_word_vectors(estimator.embeddings)
    width = vectors.vectors.shape[1]
    if asked not in ("auto", width):
        raise InvalidParameterError(
            f"embedding_size={asked}, but the vectors of embeddings= have {width} values. Set "
            "embedding_size='auto' to use theirs."
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
            "None of the words of X, nor any other, has a vector in embeddings=."
        )
    chosen = np.asarray(vectors.vectors)[rows]
    return torch.tensor(codes), torch.as_tensor(chosen)
