"""States of cores: rows counted, selected and joined, however the tensors are nested."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from seqlearn.errors import InvalidParameterError
from seqlearn.states import (
    join_states,
    map_rows,
    n_rows,
    require_shapes,
    select_rows,
    shapes,
    with_rows,
)


class Pair(NamedTuple):
    left: Tensor
    right: Tensor | None


def tree_of(n_rows, start=0):
    """A tree of all that may nest: tensors, tuples, named ones, None."""
    rows = torch.arange(start, start + n_rows)
    return rows, (Pair(rows[:, None].expand(-1, 2), None), None), ()


def a_state(rows, start=0):
    numbers = torch.arange(start, start + rows)
    nested = (numbers[:, None] * torch.ones(2), numbers[:, None, None] + torch.zeros(3, 4))
    return nested, numbers[:, None].double()


def leaves(state):
    if isinstance(state, tuple):
        return [leaf for part in state for leaf in leaves(part)]
    return [state]


def test_rows_are_those_named_in_that_order():
    state = a_state(4)
    index = [2, 0, 2]
    found = select_rows(state, torch.tensor(index))
    assert shapes(found) == with_rows(shapes(state), 3) == (((3, 2), (3, 3, 4)), (3, 1))
    for part, whole in zip(leaves(found), leaves(state), strict=True):
        assert torch.equal(part, whole[index]) and part.dtype == whole.dtype


def test_joining_undoes_a_split():
    state = a_state(5)
    parts = [select_rows(state, torch.tensor(rows)) for rows in ([0, 1], [2], [3, 4])]
    joined = join_states(parts)
    assert n_rows(joined) == 5 and [n_rows(part) for part in parts] == [2, 1, 2]
    for part, whole in zip(leaves(joined), leaves(state), strict=True):
        assert torch.equal(part, whole)


def test_a_tree_keeps_its_nesting_and_its_names():
    rows, (pair, nothing), empty = map_rows(lambda a, b: a + b, tree_of(3), tree_of(3, 10))
    assert type(pair) is Pair and pair.right is nothing is None and empty == ()
    assert rows.tolist() == [10, 12, 14]
    assert pair.left.tolist() == [[10, 10], [12, 12], [14, 14]]
    assert map_rows(len, None) is None


def test_trees_of_other_nesting_are_no_pair():
    with pytest.raises(ValueError, match="zip"):
        map_rows(torch.add, (torch.zeros(1), torch.zeros(1)), (torch.zeros(1),))


@pytest.mark.parametrize(
    ("tree", "due"),
    [
        (tree_of(3), 3),
        ((None, (), (None, torch.zeros(0, 2))), 0),
        (torch.zeros(4, 1), 4),
        (Pair(torch.zeros(2), None), 2),
        (None, None),
        ((None, ()), None),
    ],
)
def test_rows_are_counted_in_the_first_tensor(tree, due):
    assert n_rows(tree) == due


def test_gradients_flow_through_selected_and_joined_rows():
    state = (torch.ones(3, 2, requires_grad=True),)
    joined = join_states([select_rows(state, torch.tensor([1, 1])), state])
    joined[0].sum().backward()
    assert state[0].grad[:, 0].tolist() == [1, 3, 1]


def test_states_of_two_cores_are_not_joined():
    with pytest.raises(InvalidParameterError, match=r"was given where .* is due"):
        join_states([a_state(2), a_state(3)[::-1]])
    with pytest.raises(InvalidParameterError, match="is due"):
        join_states([(torch.zeros(2, 4),), (torch.zeros(2, 5),)])


@pytest.mark.parametrize("given", [None, [torch.zeros(4, 8)], (torch.zeros(3, 8),), ("h",)])
def test_what_is_given_and_what_is_due_are_named(given):
    with pytest.raises(InvalidParameterError) as failure:
        require_shapes(given, ((4, 8),))
    assert f"the shapes {shapes(given)} was given where ((4, 8),) is due" in str(failure.value)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_device_is_kept():
    state = (torch.zeros(3, 2, device="cuda"),)
    found = join_states([select_rows(state, torch.tensor([1])), state])
    assert found[0].is_cuda and n_rows(found) == 4
