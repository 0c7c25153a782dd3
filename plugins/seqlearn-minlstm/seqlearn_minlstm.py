"""The backends "minlstm" and "mingru": an LSTM and a GRU whose gates see the input alone.

Here live the two backends, which the entry points in pyproject.toml name, their layers, and `scan`,
which runs a linear recurrence over all steps at once. Depth, both directions and dropout come from
`seqlearn.backend.Stack`. Nothing of seqlearn imports this file; `seqlearn.registry` loads it when
someone asks for "minlstm" or "mingru".
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import logsigmoid

from seqlearn.backend import Backend, Stack
from seqlearn.errors import InvalidParameterError

__all__ = ["MinGRU", "MinGRULayer", "MinLSTM", "MinLSTMLayer", "scan"]

CHUNK = 64  # steps; a constant, so that the rounding at a step does not depend on what follows it


def _linear(z: Tensor) -> Tensor:
    return z


def _positive(z: Tensor) -> Tensor:
    """Return z + 1/2 where z >= 0 and sigmoid(z) elsewhere: above zero, and steadily growing."""
    upper = z.relu()
    return upper + (z - upper).sigmoid()


CANDIDATES: dict[str, Callable[[Tensor], Tensor]] = {"linear": _linear, "positive": _positive}


class _MinBackend(Backend):
    """What both backends share: the options, and a `Stack` of the layer that each one names."""

    _layer: ClassVar[Callable[..., nn.Module]]

    def __init__(self, memory: float = 100.0, candidate: str = "linear"):
        self.memory = memory
        self.candidate = candidate

    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        """Return a `Stack` of the backend's layers; see `seqlearn.backend.Backend.build`.

        Raises
        ------
        InvalidParameterError
            If ``memory`` or ``candidate`` is none of the accepted values.
        """
        return Stack(
            lambda size: self._layer(size, hidden_size, self.memory, self.candidate),
            input_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )


class _MinLayer(nn.Module, ABC):
    """A causal layer whose step is h_t = keep_t * h_{t-1} + take_t * c_t, with keep + take = 1.

    Gates and candidate c are functions of x_t alone, so those of all steps are made at once. What
    the gates are is up to the two layers below.
    """

    def __init__(self, input_size: int, hidden_size: int, memory: float, candidate: str):
        super().__init__()
        if not 1 <= memory < math.inf:
            raise InvalidParameterError(
                f"memory={memory!r} was given; accepted is a number of steps, at least 1 and "
                "finite. Take about the number of steps between cause and answer."
            )
        if candidate not in CANDIDATES:
            raise InvalidParameterError(
                f"candidate={candidate!r} was given; accepted are "
                f"{' and '.join(map(repr, CANDIDATES))}. If in doubt, leave it out."
            )
        self.activation = candidate
        self.candidate = nn.Linear(input_size, hidden_size)
        self.make_gates(input_size, hidden_size)
        with torch.no_grad():
            self.set_gates(torch.empty(hidden_size).uniform_(0.0, math.log(memory)))

    @abstractmethod
    def make_gates(self, input_size: int, hidden_size: int) -> None:
        """Add the linear maps from which `gates` are made."""

    @abstractmethod
    def set_gates(self, logits: Tensor) -> None:
        """Set the gates' biases so that, at x = 0, keep = sigmoid(logits), of shape (H,)."""

    @abstractmethod
    def take(self, x: Tensor) -> Tensor:
        """Return take alone, of the shape (..., H)."""

    @abstractmethod
    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return keep and take, both (B, T, H) and each computed without cancellation."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the outputs of shape (B, T, H) and the state h_T of shape (B, H)."""
        keep, take = self.gates(x)
        inflow = take * CANDIDATES[self.activation](self.candidate(x))  # (B, T, H)
        if state is not None:
            inflow[:, 0] += keep[:, 0] * state
        outputs = scan(keep, inflow)
        return outputs, outputs[:, -1]

    def step(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run one step (B, F): h of shape (B, H), which is the state too."""
        take, c = self.take(x), CANDIDATES[self.activation](self.candidate(x))
        h = take * c if state is None else torch.lerp(state, c, take)
        return h, h


class MinLSTMLayer(_MinLayer):
    """One layer of minLSTM: f_t = sigmoid(W_f x_t + b_f), i_t = sigmoid(W_i x_t + b_i), and::

        h_t = f_t / (f_t + i_t) * h_{t-1} + i_t / (f_t + i_t) * c(W_c x_t + b_c)

    Parameters
    ----------
    input_size, hidden_size : int
        Features a step F, and units H.
    memory : float
    candidate : str
        As in `MinLSTM`.
    """

    def make_gates(self, input_size: int, hidden_size: int) -> None:
        """Add the maps of the forget gate and the input gate."""
        self.forget_gate = nn.Linear(input_size, hidden_size)
        self.input_gate = nn.Linear(input_size, hidden_size)

    def set_gates(self, logits: Tensor) -> None:
        """Open the forget gate as far as the input gate is shut."""
        self.forget_gate.bias.copy_(logits)
        self.input_gate.bias.copy_(-logits)

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return f / (f + i) and i / (f + i); as log f - log i never divides zero by zero."""
        ratio = logsigmoid(self.forget_gate(x)) - logsigmoid(self.input_gate(x))  # (B, T, H)
        return ratio.sigmoid(), (-ratio).sigmoid()

    def take(self, x: Tensor) -> Tensor:
        """Return i / (f + i)."""
        return (logsigmoid(self.input_gate(x)) - logsigmoid(self.forget_gate(x))).sigmoid()


class MinGRULayer(_MinLayer):
    """One layer of minGRU: z_t = sigmoid(W_z x_t + b_z), and::

        h_t = (1 - z_t) * h_{t-1} + z_t * c(W_c x_t + b_c)

    Parameters
    ----------
    input_size, hidden_size : int
        Features a step F, and units H.
    memory : float
    candidate : str
        As in `MinLSTM`.
    """

    def make_gates(self, input_size: int, hidden_size: int) -> None:
        """Add the map of the update gate."""
        self.update_gate = nn.Linear(input_size, hidden_size)

    def set_gates(self, logits: Tensor) -> None:
        """Shut the update gate."""
        self.update_gate.bias.copy_(-logits)

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return 1 - z and z."""
        update = self.update_gate(x)  # (B, T, H)
        return (-update).sigmoid(), update.sigmoid()

    def take(self, x: Tensor) -> Tensor:
        """Return z."""
        return self.update_gate(x).sigmoid()


class MinLSTM(_MinBackend):
    """minLSTM [1]_: an LSTM whose gates and candidate see the input and not the last output.

    The state then enters each step as h_t = keep_t * h_{t-1} + inflow_t, so that all steps of a row
    can be run at once (`scan`). A step is cheap however long the row is; what one layer cannot
    see, that the meaning of an input hangs on what came before it, takes a second one.

    Parameters
    ----------
    memory : float, default=100.0
        Steps that the slowest units remember at the start. What a unit keeps at x = 0 is drawn so
        that the steps it remembers lie evenly, in their logarithm, between 1 and ``memory``
        (compare [2]_). At 1 all gates start half open. Take about the longest distance between
        cause and answer; too large does less harm than too small.
    candidate : {"linear", "positive"}, default="linear"
        What is offered to the state at each step: W x + b as in the paper's section 3, or its
        image under g(z) = z + 1/2 for z >= 0, sigmoid(z) below, as in the paper's appendix B, which
        needs positive states for its logarithms.

    Notes
    -----
    The paper runs the recurrence on logarithms, by cumulative sums. In float32 those sums lose
    digits in proportion to the row's length, and a logarithm at each step is slow; `scan` computes
    the same without. The state before the first step is 0, and not the paper's g(0) = 1/2.

    References
    ----------
    .. [1] Feng, Tung, Ahmed, Bengio & Hajimirsadeghi (2024), Were RNNs all we needed?,
       arXiv:2410.01201.
    .. [2] Tallec & Ollivier (2018), Can recurrent neural networks warp time?, ICLR.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_minlstm import MinLSTM
    >>> core = MinLSTM().build(3, 8, num_layers=2, bidirectional=False, dropout=0.0)
    >>> outputs, state = core(torch.zeros(2, 5000, 3), torch.tensor([5000, 5000]))
    >>> outputs.shape
    torch.Size([2, 5000, 8])
    """

    _layer = MinLSTMLayer


class MinGRU(_MinBackend):
    """minGRU [1]_: a GRU whose gate and candidate see the input and not the last output.

    It is `MinLSTM` with one gate in place of two: cheaper, and with a third fewer weights.

    Parameters
    ----------
    memory : float, default=100.0
    candidate : {"linear", "positive"}, default="linear"
        Both as in `MinLSTM`.

    References
    ----------
    .. [1] Feng, Tung, Ahmed, Bengio & Hajimirsadeghi (2024), Were RNNs all we needed?,
       arXiv:2410.01201.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_minlstm import MinGRU
    >>> core = MinGRU(memory=1000).build(3, 8, num_layers=1, bidirectional=True, dropout=0.0)
    >>> outputs, state = core(torch.zeros(2, 5, 3), torch.tensor([5, 4]))
    >>> outputs.shape
    torch.Size([2, 5, 16])
    """

    _layer = MinGRULayer


def scan(decay: Tensor, inflow: Tensor) -> Tensor:
    """Run h_t = decay_t * h_{t-1} + inflow_t from h = 0 over all steps; differentiable, often.

    The steps are cut into chunks, as in Blelloch's (1990) parallel prefix sum with two levels. What
    a chunk does to the state before it is a factor and an offset, found for all chunks at once;
    one loop over the chunks then gives the state before each, and all chunks run from there at
    once. That is a few hundred operations on large tensors instead of one for each step, and
    its cost grows in proportion to T. Only products of decays occur: with 0 <= decay <= 1 nothing
    can overflow, and what underflows was forgotten.

    Parameters
    ----------
    decay, inflow : Tensor of shape (B, T, H)

    Returns
    -------
    Tensor of shape (B, T, H)

    References
    ----------
    Blelloch (1990), Prefix sums and their applications, CMU-CS-90-190. Martin & Cundy (2018),
    Parallelizing linear recurrent neural nets over sequence length, ICLR.

    Examples
    --------
    >>> import torch
    >>> scan(torch.full((1, 4, 1), 0.5), torch.ones(1, 4, 1))[0, :, 0]
    tensor([1.0000, 1.5000, 1.7500, 1.8750])
    """
    return _Forwards.apply(decay, inflow)


class _Forwards(Function):
    """h_t = decay_t * h_{t-1} + inflow_t; its gradient is the other recurrence, and vice versa."""

    @staticmethod
    def forward(ctx: Any, decay: Tensor, inflow: Tensor) -> Tensor:
        h = torch.empty_like(decay)
        h[:, 0] = inflow[:, 0]
        _run(decay[:, 1:], inflow[:, 1:], h[:, 0], h[:, 1:], 1)
        ctx.save_for_backward(decay, h)
        return h

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        decay, h = ctx.saved_tensors
        due = _Backwards.apply(decay, grad)
        return _after_nothing(due[:, 1:] * h[:, :-1]), due


class _Backwards(Function):
    """h_t = decay_{t+1} * h_{t+1} + inflow_t, from the last step to the first."""

    @staticmethod
    def forward(ctx: Any, decay: Tensor, inflow: Tensor) -> Tensor:
        h = torch.empty_like(decay)
        h[:, -1] = inflow[:, -1]
        _run(decay[:, 1:], inflow[:, :-1], h[:, -1], h[:, :-1], -1)
        ctx.save_for_backward(decay, h)
        return h

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        decay, h = ctx.saved_tensors
        due = _Forwards.apply(decay, grad)
        return _after_nothing(h[:, 1:] * due[:, :-1]), due


def _after_nothing(later: Tensor) -> Tensor:
    """Put a step of zeros before the others: the first decay meets no state."""
    return torch.cat([torch.zeros_like(later[:, :1]), later], dim=1)  # (B, T, H)


def _run(decay: Tensor, inflow: Tensor, h: Tensor, out: Tensor, order: int) -> None:
    """Write into ``out`` the states after ``h``, each decay_t times the one before plus inflow_t.

    decay, inflow and out are (B, T, H), h is (B, H); T may be 0. The steps are taken in ``order``:
    1 from the first to the last, -1 from the last to the first.
    """
    steps = decay.shape[1]
    chunks = steps // CHUNK
    inside = chunks * CHUNK
    if chunks:
        part = slice(inside) if order == 1 else slice(steps - inside, steps)
        decays, inflows, outs = (
            whole[:, part].unflatten(1, (chunks, CHUNK)).unbind(2)[::order]  # (B, chunks, H) each
            for whole in (decay, inflow, out)
        )
        factor, offset = decays[0].clone(), inflows[0].clone()
        for a, b in zip(decays[1:], inflows[1:], strict=True):
            factor *= a
            torch.addcmul(b, a, offset, out=offset)
        before = torch.empty_like(factor)  # (B, chunks, H), the state before each chunk
        for place, a, b in zip(
            *(each.unbind(1)[::order] for each in (before, factor, offset)), strict=True
        ):
            place.copy_(h)
            h = torch.addcmul(b, a, h)  # (B, H)
        for a, b, place in zip(decays, inflows, outs, strict=True):
            before = torch.addcmul(b, a, before, out=place)
    part = slice(inside, steps) if order == 1 else slice(steps - inside)
    for a, b, place in zip(
        *(each[:, part].unbind(1)[::order] for each in (decay, inflow, out)), strict=True
    ):
        h = torch.addcmul(b, a, h, out=place)
