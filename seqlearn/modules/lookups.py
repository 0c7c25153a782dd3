"""Rows of a table of vectors, looked up by their codes: words, items.

A batch holds few of them, and so has the gradient of the table few rows that are not zero.
"""

from torch import Tensor
from torch.nn import functional

__all__ = ["has_dense_gradient", "look_up"]


def look_up(table: Tensor, codes: Tensor) -> Tensor:
    """Return rows of a table (C, E) for codes (...), (..., E)."""
    return functional.embedding(codes, table, sparse=has_dense_gradient(table))


def has_dense_gradient(table: Tensor) -> bool:
    """Whether a sparse gradient of ``table`` would be added to a dense one, which stays dense.

    A batch holds few of the rows, and to make, fill and add a gradient for all of them costs many
    times what the rows in use do. Where there is none yet, the new gradient must be dense, as most
    optimisers take no other.
    """
    return table.is_leaf and table.grad is not None and not table.grad.is_sparse
