"""Rows filled up into blocks and cut again: plain loops over rows, of tensors in nested tuples."""

from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from seqlearn.modules.row_blocks import fill_rows, in_blocks


class Pair(NamedTuple):
    left: Tensor
    right: Tensor | None


def tree_of(n_rows, start=0):
    """A tree of all that may nest: tensors, tuples, named ones, None."""
    rows = torch.arange(start, start + n_rows)
    return rows, (Pair(rows[:, None].expand(-1, 2), None), None), ()


def leaves(tree):
    if isinstance(tree, tuple):
        return [leaf for part in tree for leaf in leaves(part)]
    return [] if tree is None else [tree]


@given(n_rows=st.integers(1, 9), block=st.integers(1, 7), dim=st.integers(0, 1))
def test_filled_rows_are_the_rows_again_and_again(n_rows, block, dim):
    values = torch.arange(n_rows)
    values = values[:, None] if dim == 0 else values[None]
    filled = fill_rows(values, block, dim)
    n_filled = filled.shape[dim]
    assert n_filled % block == 0 and 0 <= n_filled - n_rows < block
    assert filled.flatten().tolist() == [i % n_rows for i in range(n_filled)]
    assert n_filled > n_rows or filled is values


@given(n_rows=st.integers(1, 9), block=st.integers(1, 5), exact=st.booleans())
def test_what_runs_sees_whole_blocks_and_the_answer_has_the_rows(n_rows, block, exact):
    seen = []

    def run(x, tree, nothing):
        assert nothing is None
        sizes = {len(leaf) for leaf in leaves((x, tree))}
        assert len(sizes) == 1
        seen.append(sizes.pop())
        return tree, (x + 1, None)

    x = torch.arange(n_rows)
    tree, (answer, nothing) = in_blocks(run, block, x, tree_of(n_rows), None, exact=exact)
    n_blocks = -(-n_rows // block)
    assert seen == ([block] * n_blocks if exact else [n_blocks * block])
    assert nothing is None and torch.equal(answer, x + 1)
    for found, due in zip(leaves(tree), leaves(tree_of(n_rows)), strict=True):
        assert torch.equal(found, due)
    assert type(tree[1][0]) is Pair


@pytest.mark.parametrize("exact", [False, True])
def test_gradients_go_through_blocks_to_each_row_once(exact):
    x = torch.arange(5.0, requires_grad=True)
    in_blocks(lambda rows: rows**2, 3, x, exact=exact).sum().backward()
    assert torch.equal(x.grad, 2 * x.detach())
