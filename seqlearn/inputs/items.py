"""The input of a recommender: items, and the context of each step, as vectors.

It reads batches of codes, (B, T, 1 + K): of the item, and of K columns of context.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqlearn.backend import Dropout
from seqlearn.inputs.station import Input, Inputs
from seqlearn.modules.lookups import look_up

__all__ = ["ItemEmbedding"]


class ItemEmbedding(Input):
    """The vector of each item, with those of its context beside it.

    Parameters
    ----------
    n_items : int
        Items known, C; a code is less.
    size : int
        Values of an item's vector, E.
    dropout : float
        Share of the values set to zero in training.
    n_contexts : list of int, optional
        Values of each column of context, code 0 included: one that is not known, whose vector is
        zero and stays so.
    context_size : int, default=16
        Values of the vector of one column of context.
    """

    grows: ClassVar[tuple[str, ...]] = ("n_items", "n_contexts")

    def __init__(
        self,
        n_items: int,
        size: int,
        *,
        dropout: float,
        n_contexts: list[int] | None = None,
        context_size: int = 16,
    ):
        n_contexts = n_contexts or []
        super().__init__(size + context_size * len(n_contexts))
        # Vectors of length 1, as words have them, would move the core's gates too little at first:
        # on real sessions the same number of updates then ranked 2 % worse.
        self.items = nn.Embedding(n_items, size)
        self.contexts = nn.ModuleList(
            nn.Embedding(n, context_size, padding_idx=0) for n in n_contexts
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Inputs:
        """Return the vectors of codes (B, T, 1 + K), (B, T, E')."""
        parts = [look_up(self.items.weight, x[..., 0])]
        parts += [embed(x[..., i]) for i, embed in enumerate(self.contexts, start=1)]
        values = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
        return Inputs(self.dropout(values), lengths)
