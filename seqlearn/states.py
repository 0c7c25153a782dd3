"""The state of a core: nested tuples of tensors whose first dimension is the rows.

Here lives what may be done with any such state, whatever backend made it: rows are counted,
selected, reordered and joined, and a state is compared with the one that is due.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from seqlearn.errors import InvalidParameterError

__all__ = [
    "join_states",
    "map_rows",
    "n_rows",
    "require_shapes",
    "select_rows",
    "shapes",
    "with_rows",
]

State = tuple[Any, ...] | Tensor  # tuples may nest; a layer's state may be one tensor


def select_rows(state: State, index: Tensor) -> State:
    """Take rows of a state, in any order and as often as they are named.

    Parameters
    ----------
    state : tuple or Tensor
        Each tensor in it of shape (B, ...).
    index : Tensor of shape (M,)
        Numbers of rows, int64, on any device.

    Returns
    -------
    tuple or Tensor
        Nested as ``state`` and on its device, each tensor of shape (M, ...).

    Examples
    --------
    >>> import torch
    >>> select_rows((torch.tensor([[1.0], [2.0]]),), torch.tensor([1, 1, 0]))[0].flatten()
    tensor([2., 2., 1.])
    """
    return map_rows(lambda part: part.index_select(0, index.to(part.device)), state)


def join_states(states: Sequence[State]) -> State:
    """Put the rows of several states of one core behind one another.

    Parameters
    ----------
    states : sequence of tuple or Tensor
        At least one, all nested alike and on one device.

    Returns
    -------
    tuple or Tensor
        Nested as they are, with the sum of their rows.

    Raises
    ------
    InvalidParameterError
        They are of different cores: the nesting or a size beside the rows differs.

    Examples
    --------
    >>> import torch
    >>> n_rows(join_states([(torch.zeros(2, 5),), (torch.ones(1, 5),)]))
    3
    """
    first = states[0]
    for state in states[1:]:
        require_shapes(state, with_rows(shapes(first), n_rows(state) or 0))
    return map_rows(lambda *parts: torch.cat(parts), *states)


def map_rows(function: Callable[..., Any], *trees: Any) -> Any:
    """Call ``function`` on the tensors of nested tuples, of one nesting; None stays None.

    Examples
    --------
    >>> import torch
    >>> map_rows(len, (torch.zeros(2), (torch.zeros(3), None)))
    (2, (3, None))
    """
    first = trees[0]
    if first is None:
        return None
    if not isinstance(first, tuple):
        return function(*trees)
    parts = [map_rows(function, *parts) for parts in zip(*trees, strict=True)]
    return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)


def n_rows(tree: Any) -> int | None:
    """Return the number of rows B of the first tensor in nested tuples; None if there is none.

    Examples
    --------
    >>> import torch
    >>> n_rows(((torch.zeros(4, 8), torch.zeros(4, 8)),))
    4
    """
    if not isinstance(tree, tuple):
        return None if tree is None else len(tree)
    return next((n for n in map(n_rows, tree) if n is not None), None)


def shapes(state: Any) -> Any:
    """Return the shapes of a state's tensors, nested as they are; the type of anything else.

    Examples
    --------
    >>> import torch
    >>> shapes((torch.zeros(4, 8), [1]))
    ((4, 8), 'list')
    """
    if isinstance(state, Tensor):
        return tuple(state.shape)
    if isinstance(state, tuple):
        return tuple(shapes(part) for part in state)
    return type(state).__name__


def require_shapes(state: Any, due: Any) -> None:
    """Refuse a state that is not nested and shaped as is due.

    Parameters
    ----------
    state : tuple or Tensor
    due : tuple
        What `shapes` returns for a state that is accepted.

    Raises
    ------
    InvalidParameterError
        It has another number of rows, other sizes, or another nesting; both are named.
    """
    found = shapes(state)
    if found != due:
        raise InvalidParameterError(
            f"A state with tensors of the shapes {found} was given where {due} is due, rows first. "
            "Pass the state that this same core returned for as many rows; "
            "seqlearn.states.select_rows and join_states change the number of rows."
        )


def with_rows(due: Any, rows: int) -> Any:
    """Return shapes as `shapes` does, with another number of rows.

    Examples
    --------
    >>> with_rows(((1, 8), (1, 8)), 4)
    ((4, 8), (4, 8))
    """
    if isinstance(due[0], tuple):
        return tuple(with_rows(part, rows) for part in due)
    return (rows, *due[1:])
