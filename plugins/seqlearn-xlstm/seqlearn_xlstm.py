"""The backends "slstm", "mlstm" and "xlstm": layers with exponential input gates.

Here live the backends, which the entry points in pyproject.toml name, their core and the two kinds
of layers; "xlstm" mixes them. How the layers run over the steps is in
seqlearn_xlstm_recurrences.py; both directions come from `seqlearn.backend.Stack`. Nothing of
seqlearn imports this file; `seqlearn.registry` loads it when someone asks for one of the names.

Shape letters besides those of `seqlearn.backend`: K heads, U = H / K units a head.
"""

import math
from abc import ABC, abstractmethod
from functools import partial
from itertools import cycle, islice
from numbers import Integral, Real

import torch
from seqlearn_xlstm_recurrences import run_mlstm, run_slstm, step_mlstm, step_slstm
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear, logsigmoid, pad, softplus

from seqlearn.backend import Backend, Dropout, Stack, valid_steps
from seqlearn.errors import InvalidParameterError

__all__ = ["MLSTM", "MLSTMLayer", "SLSTM", "SLSTMLayer", "XLSTM"]

State = tuple[Tensor, ...]


class _XLSTMBackend(Backend):
    """What the backends share: three options, their ranges, and a core of the layers they name."""

    def __init__(
        self,
        heads: int | None = None,
        norm: bool = True,
        forget_bias: tuple[float, float] = (3.0, 6.0),
    ):
        self.heads = heads
        self.norm = norm
        self.forget_bias = forget_bias

    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        """Return a core of the backend's layers; see `seqlearn.backend.Backend.build`.

        Raises
        ------
        InvalidParameterError
            If an option is none of the accepted values, or ``heads`` does not fit hidden_size.
        """
        if self.norm not in (True, False):
            raise InvalidParameterError(
                f"norm={self.norm!r} was given; accepted are True and False."
            )
        options = {
            "hidden_size": hidden_size,
            "heads": self._count_heads(hidden_size),
            "norm": self.norm,
            "forget_bias": self._forget_range(),
        }
        width = hidden_size * (2 if bidirectional else 1)
        sizes = [input_size] + [width] * (num_layers - 1)
        layers = [
            Stack(partial(kind, **options), size, hidden_size, bidirectional=bidirectional)
            for kind, size in zip(self._kinds(num_layers), sizes, strict=True)
        ]
        return _Core(layers, dropout)

    @abstractmethod
    def _kinds(self, num_layers: int) -> list[type["_Layer"]]:
        """Return the class of each layer."""

    def _count_heads(self, hidden_size: int) -> int:
        if self.heads is None:
            fitting = [n for n in (4, 2) if hidden_size % n == 0 and hidden_size >= 16 * n]
            heads = max(fitting, default=1)
        else:
            heads = self.heads
        whole = isinstance(heads, Integral) and not isinstance(heads, bool)
        if not whole or heads < 1 or hidden_size % heads:
            raise InvalidParameterError(
                f"heads={heads!r} was given with hidden_size={hidden_size}; accepted is a whole "
                "number that divides hidden_size, or None, which takes 4, 2 or 1."
            )
        return int(heads)

    def _forget_range(self) -> tuple[float, float]:
        given = self.forget_bias
        numbers = tuple(given) if isinstance(given, (tuple, list)) else ()
        finite = all(isinstance(number, Real) and math.isfinite(number) for number in numbers)
        if len(numbers) != 2 or not finite:
            raise InvalidParameterError(
                f"forget_bias={given!r} was given; accepted is a pair of finite numbers, the "
                "smallest and the largest bias. If in doubt, leave it out."
            )
        return float(numbers[0]), float(numbers[1])


class _Core(nn.Module):
    """Layers, each a `Stack` of one, that see zeros past the lengths, with dropout between them.

    In a chunk of mLSTM, steps to come have a weight of 0, and 0 times infinity would be seen.
    """

    def __init__(self, layers: list[Stack], dropout: float):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.dropout = Dropout(dropout)
        self.output_size = layers[-1].output_size

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: tuple | None = None
    ) -> tuple[Tensor, tuple | None]:
        """Run rows ``x`` of shape (B, T, F); see `seqlearn.backend.Backend.build`."""
        if lengths is not None:
            past = ~valid_steps(lengths, x.shape[1])  # (B, T)
            x = x.masked_fill(past.to(x.device, non_blocking=True)[..., None], 0.0)
        states = []
        for number, layer in enumerate(self.layers):
            if number > 0:
                x = self.dropout(x)
            x, last = layer(x, lengths, None if state is None else state[number])
            states.append(last)
        return x, None if states[0] is None else tuple(states)

    def step(self, x: Tensor, state: tuple | None = None) -> tuple[Tensor, tuple]:
        """Run one step (B, F); see `seqlearn.backend.Backend.build`."""
        states = []
        for number, layer in enumerate(self.layers):
            if number > 0:
                x = self.dropout(x)
            x, last = layer.step(x, None if state is None else state[number])
            states.append(last)
        return x, tuple(states)


class _Layer(nn.Module, ABC):
    """A causal layer of K heads; what a step does is up to the two layers below."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        heads: int = 1,
        norm: bool = True,
        forget_bias: tuple[float, float] = (3.0, 6.0),
    ):
        super().__init__()
        self.heads = heads
        self.units = hidden_size // heads
        self.norm = nn.Parameter(torch.ones(hidden_size)) if norm and self.units > 1 else None
        self.make_weights(input_size, hidden_size)
        with torch.no_grad():
            self.set_forget_bias(*forget_bias)

    @abstractmethod
    def make_weights(self, input_size: int, hidden_size: int) -> None:
        """Add the parameters."""

    @abstractmethod
    def set_forget_bias(self, first: float, last: float) -> None:
        """Space the forget gates' biases evenly from ``first`` to ``last``."""

    def normalise(self, h: Tensor) -> Tensor:
        """Give each head of h, (..., H), mean 0 and variance 1, then scale; or do nothing."""
        if self.norm is None:
            return h
        heads = h.unflatten(-1, (self.heads, self.units))  # (..., K, U)
        return layer_norm(heads, (self.units,)).flatten(-2) * self.norm  # (..., H)


class SLSTMLayer(_Layer):
    """One layer of sLSTM; a step of one head is, with R the head's own recurrent weights::

        (i, f, z, o) = W x_t + R h_{t-1} + b
        m_t = max(log sigmoid(f) + m_{t-1}, i)
        c_t = exp(log sigmoid(f) + m_{t-1} - m_t) * c_{t-1} + exp(i - m_t) * tanh(z)
        n_t = exp(log sigmoid(f) + m_{t-1} - m_t) * n_{t-1} + exp(i - m_t)
        h_t = sigmoid(o) * c_t / n_t

    The output is h_t, each head normalised if ``norm``; what goes back into the gates is not.

    As c and n enter the output by their ratio alone, the layer carries that, y = c / n, and the
    logarithm l = log n + m in their place, which gives the same h_t and needs no stabiliser::

        l_t = log(exp(log sigmoid(f) + l_{t-1}) + exp(i))
        y_t = y_{t-1} + exp(i - l_t) * (tanh(z) - y_{t-1})

    Parameters
    ----------
    input_size, hidden_size : int
        Features a step F, and units H.
    heads, norm, forget_bias
        As in `SLSTM`; ``heads`` is a number that divides ``hidden_size``.
    """

    def make_weights(self, input_size: int, hidden_size: int) -> None:
        """Add W and b, head by head the rows of i, f, z and o, and R, (K, 4U, U)."""
        self.weight = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.bias = nn.Parameter(torch.zeros(4 * hidden_size))
        self.recurrent = nn.Parameter(torch.empty(self.heads, 4 * self.units, self.units))
        for weight, bound in ((self.weight, input_size), (self.recurrent, self.units)):
            nn.init.uniform_(weight, -1 / math.sqrt(bound), 1 / math.sqrt(bound))

    def set_forget_bias(self, first: float, last: float) -> None:
        """Space them over the units of each head."""
        self.bias.view(self.heads, 4, self.units)[:, 1] = torch.linspace(first, last, self.units)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the outputs, (B, T, H), and the state (h, y, log(1 + n)) of three (B, K, U)."""
        rows = x.shape[0]
        more = -rows % (16 if self.units % 2 == 0 else 32)
        state = self._opened(x, state)
        parts = [part.permute(1, 2, 0).contiguous() for part in state]  # (K, U, B)
        if more:  # whole vector registers, so that a row's rounding is the same in any batch
            x = pad(x, (0, 0, 0, 0, 0, more))
            parts = [pad(part, (0, more)) for part in parts]
        outputs, *parts = run_slstm(x, self.weight, self.bias, self.recurrent, *parts)
        h, y, level = (part[..., :rows].permute(2, 0, 1) for part in parts)
        return self.normalise(outputs[:rows].contiguous()), (h, y, softplus(level))

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run one step (B, F); the outputs are (B, H)."""
        inflow = linear(x, self.weight, self.bias)  # (B, 4H)
        h, y, level = step_slstm(inflow, self.recurrent, *self._opened(x, state))
        return self.normalise(h.flatten(1)), (h, y, softplus(level))

    def _opened(self, x: Tensor, state: State | None) -> State:
        """Return h, y and l = log n; a state holds log(1 + n), so that zeros are the start."""
        if state is None:
            zeros = x.new_zeros(x.shape[0], self.heads, self.units)
            return zeros, zeros, zeros - math.inf
        h, y, kept = state
        return h, y, kept + torch.log(-torch.expm1(-kept))


class MLSTMLayer(_Layer):
    """One layer of mLSTM; a step of one head is, with i and f one number a head::

        q, k, v = W_q x_t + b_q, (W_k x_t + b_k) / sqrt(U), W_v x_t + b_v
        i, f, o = w_i x_t + b_i, w_f x_t + b_f, W_o x_t + b_o
        m_t = max(log sigmoid(f) + m_{t-1}, i)
        C_t = exp(log sigmoid(f) + m_{t-1} - m_t) * C_{t-1} + exp(i - m_t) * k v^T
        n_t = exp(log sigmoid(f) + m_{t-1} - m_t) * n_{t-1} + exp(i - m_t) * k
        h_t = C_t^T q / max(|n_t q|, exp(-m_t))

    The output is sigmoid(o) * h_t, each head of h_t normalised before if ``norm``.

    Parameters
    ----------
    input_size, hidden_size : int
        Features a step F, and units H.
    heads, norm, forget_bias
        As in `MLSTM`; ``heads`` is a number that divides ``hidden_size``.
    """

    def make_weights(self, input_size: int, hidden_size: int) -> None:
        """Add one map for q, k, v and o, H rows each, and i and f, K rows each."""
        self.map = nn.Linear(input_size, 4 * hidden_size + 2 * self.heads)

    def set_forget_bias(self, first: float, last: float) -> None:
        """Space them over the heads; the input gates' biases are 0."""
        self.map.bias[-2 * self.heads :] = 0.0
        self.map.bias[-self.heads :] = torch.linspace(first, last, self.heads)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the outputs, (B, T, H), and the state ([C, n], m): (B, K, U, U + 1), (B, K)."""
        *each, o = self._split(x)
        each = (part.transpose(1, 2) for part in each)  # (B, K, T, U) and (B, K, T)
        h, *state = run_mlstm(*each, *(self._start(x) if state is None else state))
        return self.normalise(h.transpose(1, 2).flatten(2)) * o.sigmoid(), tuple(state)

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run one step (B, F); the outputs are (B, H)."""
        *each, o = self._split(x)
        h, *state = step_mlstm(*each, *(self._start(x) if state is None else state))
        return self.normalise(h.flatten(1)) * o.sigmoid(), tuple(state)

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return q, k and v, (..., K, U), i and log sigmoid(f), (..., K), and o, (..., H)."""
        wide = self.heads * self.units
        *qkv, o, gates = self.map(x).split([wide, wide, wide, wide, 2 * self.heads], dim=-1)
        q, k, v = (each.unflatten(-1, (self.heads, self.units)) for each in qkv)
        i, f = gates.chunk(2, dim=-1)
        return q, k / math.sqrt(self.units), v, i, logsigmoid(f), o

    def _start(self, x: Tensor) -> State:
        memory = x.new_zeros(x.shape[0], self.heads, self.units, self.units + 1)
        return memory, x.new_full((x.shape[0], self.heads), -math.inf)


class SLSTM(_XLSTMBackend):
    """sLSTM [1]_: an LSTM whose input gate is an exponential, and whose cell is an average.

    A step may outweigh all that came before it, however long ago, so the layer can revise what it
    has stored. Gates see the last output of their own head, as those of an LSTM see all outputs,
    so that one layer can track a state that hangs on the order of the steps. A layer is the cell
    and the normalisation of its heads; the paper's blocks around it are left out.

    Parameters
    ----------
    heads : int or None, default=None
        Groups of units, each with recurrent weights of its own. It has to divide the hidden size;
        None takes the largest of 4, 2 and 1 that does and leaves 16 units or more to a head.
    norm : bool, default=True
        Give the outputs of each head mean 0 and variance 1 before a learned scale. A head of one
        unit stays as it is.
    forget_bias : pair of float, default=(3.0, 6.0)
        The initial biases of the forget gates lie evenly from the first to the second, over the
        units of each head. At a bias of b, a unit remembers about exp(b) steps.

    Raises
    ------
    InvalidParameterError
        From ``build``: an option is out of its range, or ``heads`` does not divide the hidden size.

    References
    ----------
    .. [1] Beck, Pöppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter & Hochreiter
       (2024), xLSTM: extended long short-term memory, NeurIPS, arXiv:2405.04517.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_xlstm import SLSTM
    >>> core = SLSTM(heads=2).build(3, 8, num_layers=2, bidirectional=True, dropout=0.0)
    >>> outputs, state = core(torch.zeros(2, 5, 3), torch.tensor([5, 4]))
    >>> outputs.shape
    torch.Size([2, 5, 16])
    """

    stable_rows = 1

    def _kinds(self, num_layers):
        return [SLSTMLayer] * num_layers


class MLSTM(_XLSTMBackend):
    """mLSTM [1]_: each head stores vectors v under keys k in a matrix, and asks it with q.

    Gates, keys, values and questions are functions of the step alone, so the steps of a chunk run
    at once. A layer is the cell, the normalisation of its heads and its output gate; the paper's
    blocks around it, with their convolution, are left out. What the meaning of a step hangs on,
    if that is another step, a second layer can see.

    Parameters
    ----------
    heads : int or None, default=None
        Memories, each a matrix of hidden size / heads rows and columns. It has to divide the
        hidden size; None takes the largest of 4, 2 and 1 that does and leaves 16 or more to a head.
    norm : bool, default=True
        Give what each head found mean 0 and variance 1 before a learned scale. Without it, values
        grow without bound where a question meets no key. A head of one unit stays as it is.
    forget_bias : pair of float, default=(3.0, 6.0)
        The initial biases of the forget gates lie evenly from the first to the second, over the
        heads. At a bias of b, a head remembers about exp(b) steps.

    Raises
    ------
    InvalidParameterError
        From ``build``: an option is out of its range, or ``heads`` does not divide the hidden size.

    References
    ----------
    .. [1] Beck, Pöppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter & Hochreiter
       (2024), xLSTM: extended long short-term memory, NeurIPS, arXiv:2405.04517.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_xlstm import MLSTM
    >>> core = MLSTM(heads=2).build(3, 8, num_layers=1, bidirectional=False, dropout=0.0)
    >>> outputs, state = core(torch.zeros(2, 1000, 3), torch.tensor([1000, 1000]))
    >>> outputs.shape
    torch.Size([2, 1000, 8])
    """

    def _kinds(self, num_layers):
        return [MLSTMLayer] * num_layers


class XLSTM(_XLSTMBackend):
    """Layers of sLSTM and mLSTM on each other [1]_: one sort remembers much, the other one counts.

    Parameters
    ----------
    heads, norm, forget_bias
        As in `SLSTM` and `MLSTM`.
    pattern : str, default="ms"
        The kinds of the layers from the first on, "m" for mLSTM and "s" for sLSTM, over and over
        if there are more layers than letters. Where there are fewer, the first letters count.

    Raises
    ------
    InvalidParameterError
        From ``build``: an option is out of its range, or ``heads`` does not divide the hidden size.

    References
    ----------
    .. [1] Beck et al. (2024), see `SLSTM`.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_xlstm import XLSTM
    >>> core = XLSTM(pattern="mms").build(3, 8, num_layers=3, bidirectional=False, dropout=0.1)
    >>> outputs, state = core(torch.zeros(2, 5, 3), torch.tensor([5, 5]))
    >>> outputs.shape
    torch.Size([2, 5, 8])
    """

    def __init__(
        self,
        heads: int | None = None,
        norm: bool = True,
        forget_bias: tuple[float, float] = (3.0, 6.0),
        pattern: str = "ms",
    ):
        super().__init__(heads, norm, forget_bias)
        self.pattern = pattern

    def _kinds(self, num_layers):
        if not isinstance(self.pattern, str) or not self.pattern or set(self.pattern) - {"m", "s"}:
            raise InvalidParameterError(
                f"pattern={self.pattern!r} was given; accepted is a text of the letters 'm' and "
                "'s', one for each layer, for example 'ms'."
            )
        kinds = {"m": MLSTMLayer, "s": SLSTMLayer}
        return [kinds[letter] for letter in islice(cycle(self.pattern), num_layers)]
