"""What a network asks of a core before it runs it step by step.

Here lives `check_state`, which tries once whether a core's state can be carried row by row. What is
done with states stands in `seqlearn.states`, one step of a core in `seqlearn.backend.step_core`.
"""

import math
from typing import Any

import torch
from torch import nn

from seqlearn.backend import Backend, step_core
from seqlearn.errors import InvalidBackendError, InvalidParameterError
from seqlearn.registry import describe_backend
from seqlearn.states import select_rows, shapes

__all__ = ["check_state"]

ORDER = (1, 2, 0, 2)  # of the three rows that are tried; no reversal, and not as many
TOLERANCE = 1e-4  # of the larger of 1 and the outputs: rounding alone


def check_state(core: nn.Module, backend: Backend, input_size: int | tuple[int, ...]) -> tuple:
    """Try three different rows, and return the shapes of one row's state.

    Parameters
    ----------
    core : Module
        In one direction; it is left as it was, running statistics and dropout masks included.
    backend : Backend
        Who built it, for messages.
    input_size : int or tuple of int
        Features a step, F, or the shape of a frame, (H, W, C).

    Returns
    -------
    tuple
        The shapes of a state of one row: ``require_shapes(state, with_rows(this, B))`` of
        `seqlearn.states` then refuses any state that is not of this core or not of B rows.

    Raises
    ------
    InvalidParameterError
        The core carries no state: its backend says so, or it has two directions.
    InvalidBackendError
        The state is no tuple of tensors with rows first, or its rows do not go on as these rows.

    Examples
    --------
    >>> from seqlearn.backends.torch_lstm import TorchLSTM
    >>> sizes = dict(num_layers=1, bidirectional=False, dropout=0.0)
    >>> check_state(TorchLSTM().build(3, 8, **sizes), TorchLSTM(), 3)
    (((1, 8), (1, 8)),)
    """
    step = input_size if isinstance(input_size, tuple) else (input_size,)
    weight = next(core.parameters(), torch.empty(()))
    x = torch.linspace(-1, 1, 9 * math.prod(step), dtype=torch.float64).sin()
    x = x.to(weight.device, weight.dtype).view(3, 3, *step)
    training = [module for module in core.modules() if module.training]
    core.eval()
    try:
        with torch.no_grad():
            return _try_rows(core, backend, x)
    finally:
        for module in training:
            module.training = True


def _try_rows(core, backend, x):
    _, state = core(x[:, :2])
    if state is None:
        raise InvalidParameterError(
            f"{describe_backend(backend)} built a core that returned no state, so it cannot run "
            "step by step: it reads its rows in both directions, or the backend is not stateful. "
            "Fit with bidirectional=False, and a backend with stateful = True."
        )
    order = torch.tensor(ORDER, device=x.device)
    found = shapes(state)
    fault = None
    if not isinstance(state, tuple) or not _has_rows(found, len(x)):
        fault = f"its tensors have the shapes {found}"
    else:
        due = step_core(core, x[:, 2], state)[0][order]
        try:
            outputs, _ = step_core(core, x[order, 2], select_rows(state, order))
        except Exception as error:
            fault = f"with rows selected it raised {type(error).__name__}: {error}"
        else:
            if (outputs - due).abs().max() > TOLERANCE * due.abs().max().clamp(min=1):
                fault = "rows selected from it do not continue those rows"
    if fault is not None:
        raise InvalidBackendError(
            f"{describe_backend(backend)} breaks the rule 'state_rows': for {len(x)} rows it "
            f"returned a state of which {fault}. A tuple is due, in which tuples may nest, of "
            f"tensors of shape ({len(x)}, ...). See seqlearn.testing.backend_checks."
        )
    return shapes(select_rows(state, order[:1]))


def _has_rows(found: Any, rows: int) -> bool:
    """Whether every tensor of which `shapes` told has that many rows, and nothing else is there."""
    if not isinstance(found, tuple) or not found:
        return False
    if isinstance(found[0], int):
        return found[0] == rows
    return all(_has_rows(part, rows) for part in found)
