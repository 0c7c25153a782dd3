"""Gates of a core: what a layer kept, took in and showed at each step.

They are computed from a layer's own weights, its inputs and its outputs, so that they belong to the
fused kernel's answer and not to a second run. `seqlearn.estimators.looking_inside` asks for them.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from seqlearn.backend import Stack, reverse_within_length, valid_steps
from seqlearn.errors import InvalidParameterError

__all__ = ["core_gates"]

CLOSE = 1e-3  # by which outputs that gates explain may differ from those of the layer


def core_gates(
    core: nn.Module, x: Tensor, lengths: Tensor | None, layer: int, direction: str
) -> dict[str, Tensor]:
    """Return the gates of one layer of a core at each step of rows (B, T, F).

    Parameters
    ----------
    core : Module
        A `seqlearn.backend.Stack` of layers whose weights have the names, shapes and order of gates
        of ``nn.LSTM`` or ``nn.GRU``.
    x : Tensor of shape (B, T, F)
        What the core reads.
    lengths : Tensor of shape (B,), on the CPU, or None
        Valid steps of each row; None says that all are.
    layer : int
        Number of the layer; negative ones count from the last.
    direction : {"forward", "backward"}
        Which of its two directions.

    Returns
    -------
    dict of str to Tensor of shape (B, T, H)
        i, f, o, g, c, h of an LSTM; r, z, n, h of a GRU; as `LSTMClassifier.gates` describes them.
        What stands past a row's length means nothing.

    Raises
    ------
    InvalidParameterError
        There is no such layer or direction, or its gates are not known.

    Examples
    --------
    >>> from seqlearn.backends.torch_lstm import TorchLSTM
    >>> core = TorchLSTM().build(3, 8, num_layers=1, bidirectional=False, dropout=0.0)
    >>> gates = core_gates(core, torch.randn(2, 5, 3), None, -1, "forward")
    >>> gates["f"].shape, torch.equal(gates["h"], gates["h"].clamp(-1, 1))
    (torch.Size([2, 5, 8]), True)
    """
    if not isinstance(core, Stack):
        raise InvalidParameterError(
            f"The gates of a core of type {type(core).__name__} are not known: it is not a "
            "seqlearn.backend.Stack of layers. Use backend='torch', 'reference' or 'gru' to see "
            "gates; hidden_states works with every backend."
        )
    n_layers = core.num_layers
    if not -n_layers <= layer < n_layers:
        raise InvalidParameterError(
            f"layer={layer}, but the model has {n_layers} layer{'s' * (n_layers > 1)}: give a "
            f"number from {-n_layers} to {n_layers - 1}; -1 is the last."
        )
    backward = direction == "backward"
    if backward and not core.bidirectional:
        raise InvalidParameterError(
            "direction='backward', but the model reads in one direction. Use direction='forward', "
            "or fit with bidirectional=True."
        )
    one, read, h = core.look_at(layer % core.num_layers, x, lengths, backward=backward)
    found = _gates(one, read, h, lengths)
    if backward:
        found = {name: reverse_within_length(part, lengths) for name, part in found.items()}
    return found


def _gates(layer: nn.Module, x: Tensor, h: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
    """Return the gates of a layer that read ``x``, (B, T, F), and gave ``h``, (B, T, H)."""
    weights: Any = [getattr(layer, f"{name}_l0", None) for name in _NAMES]
    kind = type(layer).__name__
    if not all(isinstance(weight, Tensor) for weight in weights):
        raise InvalidParameterError(
            f"The gates of a {kind} are not known: its weights are not those of nn.LSTM or nn.GRU. "
            "Use backend='torch', 'reference' or 'gru' to see gates; hidden_states works with "
            "every backend."
        )
    size = h.shape[-1]
    equations = _EQUATIONS.get(len(weights[0]) // size)
    if equations is None:
        raise InvalidParameterError(
            f"A {kind} has no gates: it computes its outputs from input and state at once. "
            "hidden_states shows them; backend='torch' or 'gru' has gates."
        )
    before = pad(h, (0, 0, 1, 0))[:, :-1]  # h of the step before, 0 at the first
    found, explained = equations(x, h, before, *weights)
    wrong = (explained - h).abs().amax(-1) > CLOSE  # (B, T)
    if lengths is not None:
        wrong &= valid_steps(lengths, h.shape[1]).to(h.device)
    if wrong.any():
        raise InvalidParameterError(
            f"The gates of a {kind} are not known: its weights have the names of nn.LSTM's or "
            "nn.GRU's, but it computes something else with them. Use backend='torch', 'reference' "
            "or 'gru' to see gates; hidden_states works with every backend."
        )
    return found


def _lstm(x, h, before, w_x, w_h, b_x, b_h):
    z = linear(x, w_x, b_x + b_h) + linear(before, w_h)  # (B, T, 4H)
    i, f, g, o = z.chunk(4, dim=-1)  # (B, T, H) each
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    cells, c = [], torch.zeros_like(h[:, 0])
    for kept, taken in zip(f.unbind(1), (i * g).unbind(1), strict=True):  # (B, H) each
        c = kept * c + taken
        cells.append(c)
    c = torch.stack(cells, dim=1)
    return {"i": i, "f": f, "o": o, "g": g, "c": c, "h": h}, o * c.tanh()


def _gru(x, h, before, w_x, w_h, b_x, b_h):
    from_input = linear(x, w_x, b_x).chunk(3, dim=-1)  # (B, T, H) each
    from_state = linear(before, w_h, b_h).chunk(3, dim=-1)
    r, z = ((a + b).sigmoid() for a, b in zip(from_input[:2], from_state[:2], strict=True))
    n = torch.addcmul(from_input[2], r, from_state[2]).tanh()
    return {"r": r, "z": z, "n": n, "h": h}, torch.lerp(n, before, z)


_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_EQUATIONS = {4: _lstm, 3: _gru}  # by how many blocks of H rows the weights have
