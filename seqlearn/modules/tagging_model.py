"""The network of the tagger: an encoder that keeps every step, a linear head, a decoder.

It gives scores for every label of every step, with the decoder that knows how to read them:
`LinearChainCRF`, or `Independent` for labels that do not know of each other.
`seqlearn.training.net` trains it; what labels mean is unknown here.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seqlearn.backend import Backend, Dropout
from seqlearn.modules.crf import LinearChainCRF
from seqlearn.modules.embeddings import make_embedding
from seqlearn.modules.encoder import Encoder
from seqlearn.modules.row_blocks import RowLinear

__all__ = ["Independent", "StepScores", "TaggingModel"]


class StepScores(NamedTuple):
    """What a network says of a padded batch."""

    scores: Tensor  # (B, T, C)
    lengths: Tensor  # (B,), on the CPU
    decoder: Any  # LinearChainCRF or Independent


class Independent(nn.Module):
    """The decoder of labels that are chosen for each step alone: a softmax.

    It has the methods of `LinearChainCRF`. If not every sequence of labels is allowed, the best
    allowed one is found, among all with the product of their probabilities.

    Parameters
    ----------
    n_labels : int
        Labels, C.
    allowed : tuple, optional
        As in `LinearChainCRF`.
    """

    def __init__(self, n_labels: int, *, allowed: Any = None):
        super().__init__()
        self.path = None
        if allowed is not None:
            self.path = LinearChainCRF(n_labels, allowed=allowed).requires_grad_(False)

    def impossible(self, lengths: Tensor) -> np.ndarray:
        """Return the rows at whose length no sequence of labels is allowed."""
        return np.zeros(0, dtype=np.int64) if self.path is None else self.path.impossible(lengths)

    def token_log_likelihood(self, scores: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
        """Return the log-probability of each label, (B, T); 0 at padded steps."""
        chosen = scores.log_softmax(-1).gather(-1, labels[..., None])[..., 0]  # (B, T)
        return chosen.masked_fill(~_valid(scores, lengths), 0.0)

    def marginals(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """Return the probability of each label at each step, (B, T, C); 0 at padded steps."""
        return scores.softmax(-1).masked_fill(~_valid(scores, lengths)[..., None], 0.0)

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """Return the most probable label of each step, or sequence of them, (B, T)."""
        if self.path is not None:
            return self.path.decode(scores.log_softmax(-1), lengths)
        return scores.argmax(-1).masked_fill(~_valid(scores, lengths), 0)


class TaggingModel(nn.Module):
    """Encoder, dropout, linear head for each step, and a decoder.

    Parameters
    ----------
    backend, input_size, hidden_size, num_layers, bidirectional, dropout, embedding
        As in `seqlearn.modules.sequence_model.SequenceModel`.
    output_size : int
        Labels, C.
    crf : bool
        Whether labels depend on their neighbours.
    allowed : tuple, optional
        Which transitions (C, C), first and last labels (C,) may occur, as `LinearChainCRF` takes
        them.
    """

    def __init__(
        self,
        backend: Backend,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        crf: bool,
        allowed: Any = None,
        embedding: dict[str, Any] | None = None,
    ):
        super().__init__()
        self.embedding = None if embedding is None else make_embedding(**embedding)
        self.encoder = Encoder(
            backend,
            input_size if self.embedding is None else self.embedding.output_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            readout=None,
        )
        self.dropout = Dropout(dropout)
        self.head = RowLinear(self.encoder.output_size, output_size)
        self.decoder = (LinearChainCRF if crf else Independent)(output_size, allowed=allowed)

    def forward(self, x: Any, lengths: Tensor) -> StepScores:
        """Return the scores of a padded batch, (B, T, C), and how to read them."""
        features = self.encoder(x if self.embedding is None else self.embedding(x), lengths)
        scores = self.head(self.dropout(features))  # (B, T, C)
        return StepScores(scores, lengths, self.decoder)


def _valid(scores: Tensor, lengths: Tensor) -> Tensor:
    """Whether a step is one of its row, (B, T)."""
    step = torch.arange(scores.shape[1])
    return (step < lengths[:, None]).to(scores.device, non_blocking=True)
