"""From discrete steps to vectors: words, their spelling, and bags of features.

These inputs read the batches of `seqlearn.data.word_tables`: the distinct
steps of a batch, each embedded once, and an index that puts them in their places.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.backend import Dropout
from seqlearn.inputs.station import Input, Inputs
from seqlearn.modules.encoder import Encoder
from seqlearn.modules.lookups import has_dense_gradient, look_up

__all__ = ["BagEmbedding", "WordEmbedding"]

CHARACTER_SIZE = 32  # values of a character's vector
SHAPE_SIZE = 32  # values of the vector of a word's shape


class WordEmbedding(Input):
    """Vectors of words, learned or given, of their spelling and shape, and of their context.

    Parameters
    ----------
    n_words : int
        Words of the vocabulary, with code 0 for all others.
    size : int
        Values of a word's vector, E.
    dropout : float
        Share of the values set to zero in training.
    word_dropout : float
        How readily words are taken for unknown ones in training, so that the vector of the unknown
        word is learned and spelling is relied upon: a word that occurs n times is in
        ``word_dropout / (word_dropout + n)`` of its places (Kiperwasser & Goldberg 2016). The words
        that will be unknown are like the rare ones; the frequent ones are left alone.
    counts : ndarray of shape (n_words - 1,), optional
        How often each word of the vocabulary occurs; less than 1 is taken for 1, as is every
        other word, and all without counts.
    n_fixed : int
        Words with codes from ``n_words`` on, whose vectors are given and not trained.
    n_characters : int
        Characters, with code 0 for all others; 0 reads no spelling and no shape.
    n_shapes : int
        Shapes of words, with code 0 for all others, if there are characters.
    character_size : int
        Hidden size, in each direction, of the recurrent net over the characters of a word (Ling et
        al. 2015).
    character_backend : Backend, optional
        Builds that net.
    context_size : int
        Values of the vector of each word in its context, which a language model has given and which
        is read as it is, D; 0 if there are none.

    References
    ----------
    Kiperwasser, E. and Goldberg, Y. (2016). Simple and accurate dependency parsing using
    bidirectional LSTM feature representations. TACL 4.
    """

    fixed: Tensor
    shares: Tensor

    def __init__(
        self,
        n_words: int,
        size: int,
        *,
        dropout: float,
        word_dropout: float,
        counts: np.ndarray | None = None,
        n_fixed: int = 0,
        n_characters: int = 0,
        n_shapes: int = 0,
        character_size: int = 0,
        character_backend: Any = None,
        context_size: int = 0,
    ):
        super().__init__(size)
        self.words = nn.Embedding(n_words, size)
        nn.init.normal_(self.words.weight, std=size**-0.5)
        self.register_buffer("fixed", torch.zeros(n_fixed, size))
        self.spelling = None
        if n_characters:
            self.characters = nn.Embedding(n_characters, CHARACTER_SIZE)
            self.spelling = Encoder(
                character_backend,
                CHARACTER_SIZE,
                character_size,
                num_layers=1,
                bidirectional=True,
                dropout=0.0,
                readout="last",
            )
            self.shapes = nn.Embedding(n_shapes, SHAPE_SIZE)
            self.output_size += self.spelling.output_size + SHAPE_SIZE
        self.output_size += context_size
        occurring = torch.ones(n_words + n_fixed, dtype=torch.float64)
        if counts is not None:
            occurring[1:n_words] = torch.tensor(counts).clamp(min=1.0)
        shares = word_dropout / (word_dropout + occurring)
        self.register_buffer("shares", shares.to(self.words.weight.dtype), persistent=False)
        self.word_dropout = Dropout(float(shares.max()))
        self.dropout = Dropout(dropout)

    def forward(self, x: Any, lengths: Tensor | None) -> Inputs:
        """Return the vectors of a `WordBatch`, (B, T, E')."""
        words, index = x.words, x.places
        if self.training and self.word_dropout.p:
            dropped = self.word_dropout.draw(self.shares[words][index])  # (B, T)
            index = torch.where(dropped, len(words), index)
            words = functional.pad(words, (0, 1))  # the unknown word, 0, (U + 1,)
        vectors = functional.embedding(index, self._vectors(words))  # (B, T, E)
        if self.spelling is not None:
            parts = [self.spelling(self.characters(codes), n)[0] for codes, n in x.spelling]
            spelled = torch.cat(parts)[: len(x.words)]
            spelled = torch.cat([spelled, self.shapes(x.shapes)], dim=-1)  # (U, E'')
            vectors = torch.cat([vectors, functional.embedding(x.places, spelled)], dim=-1)
        if x.contexts is not None:
            vectors = torch.cat([vectors, x.contexts.to(vectors.dtype)], dim=-1)
        return Inputs(self.dropout(vectors), lengths)

    def _vectors(self, words: Tensor) -> Tensor:
        """Vectors of word codes, (U, E)."""
        if len(self.fixed) == 0:
            return self._learned(words)
        n_words = self.words.num_embeddings
        learned = self._learned(words.clamp(max=n_words - 1))
        given = self.fixed[(words - n_words).clamp(min=0)]
        return torch.where((words < n_words)[:, None], learned, given)

    def _learned(self, words: Tensor) -> Tensor:
        return look_up(self.words.weight, words)

    @torch.no_grad()
    def set_vectors(self, codes: Tensor, vectors: Tensor) -> None:
        """Set the vectors of the words with these codes."""
        n_words = self.words.num_embeddings
        learned = codes < n_words
        self.words.weight[codes[learned]] = vectors[learned].to(self.words.weight)
        self.fixed[codes[~learned] - n_words] = vectors[~learned].to(self.fixed)


class BagEmbedding(Input):
    """A weighted sum of the vectors of a step's features.

    Parameters
    ----------
    n_features : int
        Features of the vocabulary, with code 0 for all others.
    size : int
        Values of a feature's vector, E.
    dropout : float
        Share of the values set to zero in training.
    """

    def __init__(self, n_features: int, size: int, *, dropout: float):
        super().__init__(size)
        self.features = nn.EmbeddingBag(n_features, size, mode="sum")
        nn.init.normal_(self.features.weight, std=size**-0.5)
        self.dropout = Dropout(dropout)

    def forward(self, x: Any, lengths: Tensor | None) -> Inputs:
        """Return the vectors of a `BagBatch`, (B, T, E)."""
        weights = x.weights.to(self.features.weight.dtype)
        sums = functional.embedding_bag(
            x.features,
            self.features.weight,
            x.offsets,
            mode="sum",
            sparse=has_dense_gradient(self.features.weight),
            per_sample_weights=weights,
        )  # (U, E)
        vectors = functional.embedding(x.places, sums)  # (B, T, E)
        return Inputs(self.dropout(vectors), lengths)
