"""The input of models of text: codes of tokens as vectors.

It reads batches of codes, (B, T, 1); 0 is the unknown token, what stands past a row's end is never
looked at.
"""

import torch
from torch import Tensor, nn

from seqlearn.backend import Dropout
from seqlearn.inputs.station import Input, Inputs
from seqlearn.modules.locked_dropout import LockedDropout
from seqlearn.modules.lookups import look_up

__all__ = ["TokenEmbedding"]


class TokenEmbedding(Input):
    """The vector of each token.

    Parameters
    ----------
    n_tokens : int
        Tokens known, V, with code 0 for all others.
    size : int
        Values of a vector, E.
    dropout : float, default=0.0
        Share of the values set to zero in training, the same at all steps of a row.
    unknown_dropout : float, default=0.0
        Share of the tokens that are taken for unknown in training.

    References
    ----------
    Gal, Y. and Ghahramani, Z. (2016). A theoretically grounded application of dropout in recurrent
    neural networks. NeurIPS.
    """

    def __init__(
        self, n_tokens: int, size: int, *, dropout: float = 0.0, unknown_dropout: float = 0.0
    ):
        super().__init__(size)
        self.tokens = nn.Embedding(n_tokens, size)
        self.unknown_dropout = Dropout(unknown_dropout)
        self.dropout = LockedDropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Inputs:
        """Return the vectors of codes (B, T, 1), (B, T, E)."""
        codes = x[..., 0]
        if self.training and self.unknown_dropout.p:
            shares = torch.full(codes.shape, self.unknown_dropout.p, device=codes.device)
            codes = codes.masked_fill(self.unknown_dropout.draw(shares), 0)
        return Inputs(self.dropout(look_up(self.tokens.weight, codes)), lengths)

    def step(self, x: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Return the vectors of one step of each row, codes (B,), (B, E)."""
        return self.tokens.weight.index_select(0, x), None
