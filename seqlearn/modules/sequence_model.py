"""The network of classifier and regressor: an encoder, dropout, a linear head.

It gives one output vector a sequence; `seqlearn.training.net` trains it. Batches come padded from
`seqlearn.data.batches`, labels are unknown here.
"""

from typing import Any

from torch import Tensor, nn

from seqlearn.backend import Backend, Dropout
from seqlearn.modules.embeddings import make_embedding
from seqlearn.modules.encoder import Encoder
from seqlearn.modules.row_blocks import RowLinear

__all__ = ["SequenceModel"]


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
        self.head = RowLinear(self.encoder.output_size, output_size)

    def forward(self, x: Any, lengths: Tensor) -> Tensor:
        """Return the outputs (logits or predictions) of a padded batch, (B, C)."""
        return self.head(self.dropout(self.encode(x, lengths)))

    def encode(self, x: Any, lengths: Tensor) -> Tensor:
        """Return what the head reads, (B, D)."""
        return self.encoder(x if self.embedding is None else self.embedding(x), lengths)
