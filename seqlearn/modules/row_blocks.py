"""Rows filled up into blocks, so that the answer for a row does not depend on the others.

How a matrix product rounds depends on how many rows it has, on where in a block of four a row
stands, and, for rows that do not begin where a vector register's worth of memory does, on the
row's number. The promise: a row alone equals the same row in a batch, in any order, to the bit for
the settings of tests/estimators/test_sklearn_checks.py, to 1e-6 with every other setting and
backend, of the larger of 1 and the answer. To keep it, in evaluation every core sees a multiple of
its backend's ``stable_rows`` rows (`in_blocks`), and heads multiply blocks of one size of rows of
a full width (`RowLinear`).
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.states import map_rows, n_rows

__all__ = [
    "FEW_ROWS",
    "RowLinear",
    "fill_rows",
    "in_blocks",
    "linear_in_blocks",
    "linear_in_fours",
    "row_block",
]

FLOAT64_ROWS = 16  # products in float64 are computed by four rows at least, on some processors
# Rows of one product of a head: the more the smaller it is.
LEAST_ROWS, MOST_ROWS = 64, 256
MULTIPLY_ADDS = 1 << 15  # multiply-adds that fill more than LEAST_ROWS
FEW_ROWS = 4  # of one product with very many outputs
MANY_ROWS = 1024  # of streams, whose core rounds by their number from there on
WIDTH = 16  # numbers of which a row holds a multiple: 64 bytes in float32


def row_block(stable_rows: int, dtype: torch.dtype) -> int:
    """Return the number of rows of which a core is given a multiple.

    Examples
    --------
    >>> row_block(2, torch.float32), row_block(2, torch.float64)
    (2, 16)
    """
    return math.lcm(stable_rows, FLOAT64_ROWS) if dtype == torch.float64 else stable_rows


def fill_rows(values: Tensor, block: int, dim: int = 0) -> Tensor:
    """Repeat rows until their number is a multiple of ``block``; the tensor itself if it is one.

    Parameters
    ----------
    values : Tensor
        Rows along ``dim``.
    block : int
        At least 1.
    dim : int, default=0
        Where the rows are.

    Examples
    --------
    >>> fill_rows(torch.tensor([1, 2, 3]), 5)
    tensor([1, 2, 3, 1, 2])
    """
    n_rows = values.shape[dim]
    missing = -n_rows % block
    if not missing:
        return values
    whole, rest = missing // n_rows, missing % n_rows  # a trace of torch has no divmod
    parts = [values] * (1 + whole)
    if rest:
        parts.append(values.narrow(dim, 0, rest))
    return torch.cat(parts, dim=dim)


def in_blocks(run: Callable, block: int, *rows: Any, exact: bool = False) -> Any:
    """Call ``run`` on rows filled up to a multiple of ``block``, and cut its answer.

    This is how an answer is kept from depending on how many rows there are.

    Parameters
    ----------
    run : callable
        Takes as many arguments as ``rows``; it and they give tensors, rows first, in nested tuples.
    block : int
        At least 1.
    *rows : tensors, nested tuples of them, or None
        All of as many rows.
    exact : bool, default=False
        Call it on each block of exactly so many rows.

    Examples
    --------
    >>> in_blocks(lambda x: x.cumsum(0), 2, torch.tensor([1, 2, 3]), exact=True)
    tensor([1, 3, 3])
    """
    n = n_rows(rows) or 0
    if n % block:
        rows = map_rows(lambda values: fill_rows(values, block), rows)
    if not exact:
        answer = run(*rows)
        return answer if n % block == 0 else map_rows(lambda values: values[:n], answer)
    answers = []
    for first in range(0, n, block):
        own = slice(first, first + block)
        answers.append(run(*map_rows(lambda values, own=own: values[own], rows)))
    return map_rows(lambda *parts: torch.cat(parts)[:n], *answers)


class RowLinear(nn.Linear):
    """``nn.Linear``, in evaluation with the same bits for a row whatever rows stand beside it.

    That is so on the CPU. A GPU computes all rows at once: many small products would wait for each
    other's launch, and equal bits are not promised there.

    Parameters
    ----------
    in_features, out_features : int
        Widths of a row before and after, D and C.

    Examples
    --------
    >>> layer = RowLinear(10, 1).eval()
    >>> x = torch.randn(100, 10)
    >>> torch.equal(layer(x)[7], layer(x[7:8])[0])
    True
    """

    def forward(self, x: Tensor) -> Tensor:
        """Turn rows (..., D) into rows (..., C)."""
        if self.training or x.device.type != "cpu":
            return super().forward(x)
        if x.dim() == 2:
            return self.in_blocks(x)
        return self.in_blocks(x.flatten(0, -2)).unflatten(0, x.shape[:-1])

    def step(self, rows: Tensor) -> Tensor:
        """Multiply rows (B, D) of streams in evaluation; one alone as a vector, many at once.

        That takes a third or half of the time, and rounds otherwise in the last digit.
        """
        if rows.shape[0] == 1 or rows.shape[0] >= MANY_ROWS:
            return functional.linear(rows, self.weight, self.bias)
        return RowLinear.forward(self, rows)  # without hooks, whose call takes as long

    def in_blocks(self, rows: Tensor) -> Tensor:
        """Multiply rows (B, D) in blocks that have as many always; the last one is filled up."""
        return linear_in_blocks(rows, self.weight, self.bias)


def linear_in_blocks(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return what `RowLinear` does of rows (B, D), (B, C), for weights (C, D) of anyone."""
    n_rows, width = rows.shape
    more = -width % WIDTH
    if more:
        weight = functional.pad(weight, (0, more))
    size = MULTIPLY_ADDS // (width * len(weight))
    size = min(max(size, LEAST_ROWS), MOST_ROWS) // WIDTH * WIDTH
    if n_rows <= size:
        filled = rows.new_zeros(size, width + more)
        filled[:n_rows, :width] = rows
        return functional.linear(filled, weight, bias)[:n_rows]  # (B, C)
    rows = functional.pad(rows, (0, more, 0, -n_rows % size))
    blocks = [functional.linear(block, weight, bias) for block in rows.split(size)]
    return torch.cat(blocks)[:n_rows]  # (B, C)


def linear_in_fours(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return scores (B, C) of few rows (B, D) over many outputs, a row's whatever stands beside it.

    Products have `FEW_ROWS` rows, each a multiple of `WIDTH` numbers wide. Outputs come first in
    them: with so few rows a product is bound by how fast the weights are read.
    """
    n_rows, more = len(rows), -rows.shape[1] % WIDTH
    rows = functional.pad(rows, (0, more, 0, -n_rows % FEW_ROWS))
    if more:
        weight = functional.pad(weight, (0, more))
    blocks = [torch.addmm(bias[:, None], weight, one.T).T for one in rows.split(FEW_ROWS)]
    return blocks[0][:n_rows] if len(blocks) == 1 else torch.cat(blocks)[:n_rows]
