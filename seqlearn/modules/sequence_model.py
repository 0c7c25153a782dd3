"""The network of classifier and regressor: an encoder, dropout, a linear head.

It gives one output vector a sequence; `seqlearn.training.net` trains it. Batches come padded from
`seqlearn.data.batches`, labels are unknown here.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.backend import Backend, Dropout
from seqlearn.modules.embeddings import make_embedding
from seqlearn.modules.encoder import Encoder

__all__ = ["SequenceModel", "in_chunks"]

# Rows of one matrix product of the head in evaluation: the more the smaller it is.
LEAST_ROWS, MOST_ROWS = 64, 256
HEAD_PRODUCTS = 1 << 15  # multiply-adds that fill more than LEAST_ROWS


class SequenceModel(nn.Module):
    """Encoder, dropout and linear head: (B, T, F) to (B, C).

    Parameters
    ----------
    backend, input_size, hidden_size, num_layers, bidirectional, dropout, readout
        As in `Encoder`; ``dropout`` also acts on what the head reads.
    output_size : int
        Outputs a sequence, C.
    embedding : dict, optional
        Arguments of `make_embedding`, for sequences of words or feature bags; ``input_size`` is
        then that of their vectors.

    Notes
    -----
    In evaluation the head runs on chunks of exactly 64 rows. The rounding of a matrix product
    depends on its number of rows, and the answer for a sequence must not depend on what
    else is in its batch.
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
        readout: str,
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
            readout=readout,
        )
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(self.encoder.output_size, output_size)

    def forward(self, x: Any, lengths: Tensor) -> Tensor:
        """Return the outputs (logits or predictions) of a padded batch, (B, C)."""
        features = self.encode(x, lengths)
        if self.training:
            return self.head(self.dropout(features))
        return in_chunks(self.head, features, self.head.out_features)

    def encode(self, x: Any, lengths: Tensor) -> Tensor:
        """Return what the head reads, (B, D)."""
        return self.encoder(x if self.embedding is None else self.embedding(x), lengths)


def in_chunks(head: Callable[[Tensor], Tensor], features: Tensor, n_outputs: int) -> Tensor:
    """Apply ``head`` to chunks that have as many rows always, the last one filled up with zeros.

    How a product rounds depends on its rows, so a row alone would differ from one in a batch.
    """
    n_rows, width = features.shape
    at_once = min(max(HEAD_PRODUCTS // (width * n_outputs), LEAST_ROWS), MOST_ROWS)
    if n_rows <= at_once:
        filled = features.new_zeros(at_once, width)
        filled[:n_rows] = features
        return head(filled)[:n_rows]
    features = functional.pad(features, (0, 0, 0, -n_rows % at_once))
    return torch.cat([head(chunk) for chunk in features.split(at_once)])[:n_rows]  # (B, C)
