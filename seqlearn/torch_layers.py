"""Layers of a `seqlearn.backend.Stack`, run over rows or for one step, states with rows first.

A layer is any causal module; torch's own LSTM, GRU and RNN have three needs of their own, met here:
their states, (1, B, H) in torch, are (B, H) here; on CUDA rows of unequal length go packed; and one
step is computed by torch's cell functions, for the layers spend most of it on packing weights.
Nothing is prepared from the weights, so an update of them is always seen.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqlearn.errors import InvalidParameterError
from seqlearn.states import map_rows, n_rows, require_shapes

__all__ = ["bind_layer", "project_layer", "run_layer", "step_layer"]

# Values of a state, B H, from which on a CPU runs one step of nn.LSTM faster than torch.lstm_cell:
# of 64 units in 0.55 of the time at 1,024 rows and 0.37 at 8,192. nn.GRU never is.
MANY_VALUES = 1 << 14


def run_layer(
    layer: nn.Module, x: Tensor, lengths: Tensor | None, state: Any
) -> tuple[Tensor, Any]:
    """Run a layer over rows (B, T, F): the outputs (B, T, H), and its state with rows first."""
    _check(layer, x, state)
    if not isinstance(layer, nn.RNNBase):
        return layer(x, state)
    if state is not None:
        state = map_rows(lambda part: part.unsqueeze(0).contiguous(), state)
    run: Any = run_packed if x.is_cuda and lengths is not None else run_padded
    outputs, last = run(layer, x, lengths, state)
    return outputs, map_rows(lambda part: part.squeeze(0), last)


def run_padded(layer: nn.Module, x: Tensor, lengths: Tensor | None, state: Any) -> tuple:
    """Run a layer of torch's own on padded rows, with the state as torch has it."""
    return layer(x, state)


def run_packed(layer: nn.Module, x: Tensor, lengths: Tensor, state: Any) -> tuple[Tensor, Any]:
    """Run a layer of torch's own on packed rows, with the state as torch has it."""
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    outputs, last = layer(packed, state)
    assert isinstance(outputs, PackedSequence)
    return pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])[0], last


def step_layer(layer: nn.Module, x: Tensor, state: Any, projected: bool) -> tuple[Tensor, Any]:
    """Run one step (B, F), or its output of `project_layer`: outputs (B, H) and the state."""
    _check(layer, x, state)
    if projected and _is_plain(layer):
        return _PROJECTED[type(layer)](layer, x, _zeros(layer, x) if state is None else state)
    return bind_layer(layer)(x, state)


def bind_layer(layer: nn.Module) -> Callable[[Tensor, Any], tuple[Tensor, Any]]:
    """Return what runs one step (B, F) of a layer, for many calls: `step_layer` without its checks.

    The parameters are looked up now: what is written into them later is seen, others that are put
    in their place are not.
    """
    if _is_plain(layer):
        return partial(_CELLS[type(layer)], layer, _weights(layer))
    return getattr(layer, "step", None) or partial(_run_step, layer)


def _run_step(layer: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """Run a layer over rows of one step (B, F)."""
    outputs, state = run_layer(layer, x[:, None], None, state)
    return outputs[:, 0], state


def project_layer(layer: nn.Module, x: Tensor) -> Tensor:
    """Compute what of a step does not depend on the state, (..., P); else ``x`` itself."""
    if not _is_plain(layer):
        return x
    bias = layer.bias_ih_l0
    if not isinstance(layer, nn.GRU):  # whose reset gate multiplies the other bias
        bias = bias + layer.bias_hh_l0
    return linear(x, layer.weight_ih_l0, bias)


def _lstm_step(layer, weights, x, state):
    if state is None:
        state = _zeros(layer, x)
    if state[0].numel() >= MANY_VALUES and not x.is_cuda:
        return _run_step(layer, x, state)
    h, c = torch.lstm_cell(x, state, *weights)
    return h, (h, c)


def _gru_step(layer, weights, x, h):
    h = torch.gru_cell(x, _zeros(layer, x) if h is None else h, *weights)
    return h, h


def _rnn_step(layer, weights, x, h):
    cell = torch.rnn_tanh_cell if layer.nonlinearity == "tanh" else torch.rnn_relu_cell
    h = cell(x, _zeros(layer, x) if h is None else h, *weights)
    return h, h


def _lstm_projected(layer, p, state):
    h, c = state
    z = torch.addmm(p, h, layer.weight_hh_l0.t())  # (B, 4H)
    i, f, g, o = z.chunk(4, dim=1)  # (B, H) each
    c = torch.addcmul(f.sigmoid() * c, i.sigmoid(), g.tanh())
    h = o.sigmoid() * c.tanh()
    return h, (h, c)


def _gru_projected(layer, p, h):
    r, z, n = p.chunk(3, dim=1)  # (B, H) each
    from_state = linear(h, layer.weight_hh_l0, layer.bias_hh_l0).chunk(3, dim=1)
    r, z = (r + from_state[0]).sigmoid(), (z + from_state[1]).sigmoid()
    h = torch.lerp(torch.addcmul(n, r, from_state[2]).tanh(), h, z)
    return h, h


def _rnn_projected(layer, p, h):
    z = torch.addmm(p, h, layer.weight_hh_l0.t())
    h = z.tanh() if layer.nonlinearity == "tanh" else z.relu()
    return h, h


_CELLS = {nn.LSTM: _lstm_step, nn.GRU: _gru_step, nn.RNN: _rnn_step}
_PROJECTED = {nn.LSTM: _lstm_projected, nn.GRU: _gru_projected, nn.RNN: _rnn_projected}


def _zeros(layer: nn.RNNBase, x: Tensor) -> Any:
    """Return the state before the first step of rows (B, ...)."""
    zeros = x.new_zeros(x.shape[0], layer.hidden_size)
    return (zeros, zeros) if isinstance(layer, nn.LSTM) else zeros


def _weights(layer: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0


def _is_plain(layer: nn.Module) -> TypeGuard[Any]:
    """Whether this is one layer of torch's own, in one direction, as `torch.lstm_cell` has it."""
    return (
        isinstance(layer, nn.RNNBase)
        and type(layer) in _CELLS
        and layer.num_layers == 1
        and layer.bias
        and not layer.bidirectional
        and not layer.proj_size
    )


def _check(layer: nn.Module, x: Tensor, state: Any) -> None:
    """Refuse a state of other rows, and for layers of torch's own one of any other shape."""
    if state is None:
        return
    if isinstance(layer, nn.RNNBase):
        due = (x.shape[0], layer.hidden_size)
        if isinstance(layer, nn.LSTM):
            found = [getattr(one, "shape", None) for one in state]  # quicker than `require_shapes`
            if type(state) is not tuple or found != [due, due]:
                require_shapes(state, (due, due))
        elif not (isinstance(state, Tensor) and state.shape == due):
            require_shapes(state, due)
    elif n_rows(state) != x.shape[0]:
        raise InvalidParameterError(
            f"A state of {n_rows(state)} rows was given with {x.shape[0]} rows of input. Give one "
            "row for each; seqlearn.states.select_rows and join_states change their number."
        )
