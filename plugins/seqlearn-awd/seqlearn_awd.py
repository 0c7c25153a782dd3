"""The backend "awd": an LSTM with noise on its recurrent weights, as a distribution of its own.

Here live the backend, which the entry point in pyproject.toml names, its core, its one layer and
locked dropout. Both directions come from `seqlearn.backend.Stack`, all noise from
`seqlearn.backend.Dropout`. Nothing of seqlearn imports this file; `seqlearn.registry` loads it when
someone asks for "awd".
"""

import math
from collections.abc import Callable
from numbers import Real

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from seqlearn.backend import Backend, Dropout, Stack
from seqlearn.errors import InvalidParameterError

__all__ = ["AWDLSTM", "AWDCore", "AWDLSTMLayer", "LockedDropout"]


class AWDLSTM(Backend):
    """Long short-term memory for small training sets: weight drop, locked dropout, zoneout.

    In training each batch sees a recurrent matrix of which a random part is missing [1]_, and
    dropout between layers drops the same features at every step of a row [2]_. Zoneout [3]_ lets
    random units skip random steps. In evaluation there is no noise. Without zoneout, the layers
    run as torch's fused LSTM; with it, step by step, at several times the cost.

    Parameters
    ----------
    weight_drop : float, default=0.5
        Share of the recurrent weights set to zero in training, in [0, 1): one draw a batch, the
        same for all its rows and steps.
    input_dropout : float, default=0.0
        Share of the input features set to zero in training, in [0, 1): one draw a row, the same
        at all its steps. Between layers, the share is the estimator's ``dropout``.
    zoneout : float, default=0.0
        Share of the units whose cell, and share of those whose output, stay as they were the
        step before, in [0, 1). In evaluation all units move by their expectation.
    forget_bias : float, default=1.0
        Initial bias of the forget gate, as in the backend "torch".

    Raises
    ------
    InvalidParameterError
        From ``build``: a share is not in [0, 1).

    References
    ----------
    .. [1] Merity, Keskar & Socher (2017), Regularizing and optimizing LSTM language models,
       arXiv:1708.02182.
    .. [2] Gal & Ghahramani (2016), A theoretically grounded application of dropout in recurrent
       neural networks, NIPS 29.
    .. [3] Krueger et al. (2017), Zoneout: regularizing RNNs by randomly preserving hidden
       activations, ICLR.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_awd import AWDLSTM
    >>> core = AWDLSTM(weight_drop=0.3).build(
    ...     3, 8, num_layers=2, bidirectional=True, dropout=0.2
    ... )
    >>> outputs, state = core(torch.zeros(2, 5, 3), torch.tensor([5, 4]))
    >>> outputs.shape
    torch.Size([2, 5, 16])
    """

    def __init__(
        self,
        weight_drop: float = 0.5,
        input_dropout: float = 0.0,
        zoneout: float = 0.0,
        forget_bias: float = 1.0,
    ):
        self.weight_drop = weight_drop
        self.input_dropout = input_dropout
        self.zoneout = zoneout
        self.forget_bias = forget_bias

    @property
    def bf16(self) -> bool:
        """As in `Backend`, which says what it is: of torch's LSTM, not of a loop over steps."""
        return not self.zoneout

    @property
    def stable_rows(self) -> int:
        """As in `Backend`, which says what it is; the fused kernel needs fewer rows."""
        return Backend.stable_rows if self.zoneout else 4

    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        """Return an `AWDCore`; see `seqlearn.backend.Backend.build`."""
        for name in ("weight_drop", "input_dropout", "zoneout"):
            share = getattr(self, name)
            if not isinstance(share, Real) or not 0 <= share < 1:
                raise InvalidParameterError(
                    f"The {name!r} parameter of AWDLSTM must be a number in [0, 1). Got {share!r} "
                    "instead; 0 switches it off."
                )
        return AWDCore(
            lambda size: AWDLSTMLayer(
                size, hidden_size, self.weight_drop, self.zoneout, self.forget_bias
            ),
            input_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropouts=[self.input_dropout] + [dropout] * (num_layers - 1),
        )


class AWDCore(nn.Module):
    """Layers, each in one or two directions, with locked dropout on what each one reads.

    Parameters
    ----------
    make_layer, input_size, hidden_size, num_layers, bidirectional
        As in `seqlearn.backend.Stack`.
    dropouts : list of float
        Share of the features dropped before each layer.
    """

    def __init__(
        self,
        make_layer: Callable[[int], nn.Module],
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int,
        bidirectional: bool,
        dropouts: list[float],
    ):
        super().__init__()
        self.output_size = hidden_size * (2 if bidirectional else 1)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        self.layers = nn.ModuleList(
            Stack(make_layer, size, hidden_size, bidirectional=bidirectional) for size in sizes
        )
        self.dropouts = nn.ModuleList(LockedDropout(p) for p in dropouts)

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: tuple | None = None
    ) -> tuple[Tensor, tuple | None]:
        """Run rows ``x`` of shape (B, T, F); see `seqlearn.backend.Backend.build`."""
        states = []
        for i, (layer, dropout) in enumerate(zip(self.layers, self.dropouts, strict=True)):
            x, last = layer(dropout(x), lengths, None if state is None else state[i])
            states.append(last)
        return x, None if states[0] is None else tuple(states)

    def step(self, x: Tensor, state: tuple | None = None) -> tuple[Tensor, tuple]:
        """Run one step (B, F), in training with masks of its own; see `Backend.build`."""
        states = []
        for i, (layer, dropout) in enumerate(zip(self.layers, self.dropouts, strict=True)):
            x = dropout(x[:, None])[:, 0]
            x, last = layer.step(x, None if state is None else state[i])
            states.append(last)
        return x, tuple(states)


class LockedDropout(nn.Module):
    """Dropout that drops the same features at all steps of a row (Gal & Ghahramani 2016).

    Parameters
    ----------
    p : float
        Share of the features set to zero in training, in [0, 1).

    Examples
    --------
    >>> rows = LockedDropout(0.5)(torch.ones(2, 7, 4))
    >>> bool((rows == rows[:, :1]).all())
    True
    """

    def __init__(self, p: float):
        super().__init__()
        self.noise = Dropout(p)

    def forward(self, x: Tensor) -> Tensor:
        """Drop features of rows (B, T, F) in training; return ``x`` itself otherwise."""
        if not self.training or self.noise.p == 0:
            return x
        return x * self.noise(x.new_ones(x.shape[0], 1, x.shape[2]))  # (B, T, F)


class AWDLSTMLayer(nn.Module):
    """One causal layer; with M a mask of the batch, D and E masks of the step, a step is::

        (i, f, g, o) = W x_t + b_ih + (M * U) h_{t-1} + b_hh
        c~_t = sigmoid(f) * c_{t-1} + sigmoid(i) * tanh(g)
        h~_t = sigmoid(o) * tanh(c~_t)
        c_t = (1 - D) * c_{t-1} + D * c~_t
        h_t = (1 - E) * h_{t-1} + E * h~_t

    In training M is 0 or 1 / (1 - weight_drop), and D and E are 0 or 1, 0 for a share ``zoneout``.
    In evaluation M is 1, and D and E are their expectation 1 - zoneout.

    The weights carry the names, shapes and gate order of ``torch.nn.LSTM``. If a `Dropout` within
    is set to ``p = 0``, its mask is at its expectation in training too.

    Parameters
    ----------
    input_size, hidden_size : int
        Features a step F, and units H.
    weight_drop, zoneout, forget_bias : float
        As in `AWDLSTM`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        weight_drop: float = 0.5,
        zoneout: float = 0.0,
        forget_bias: float = 1.0,
    ):
        super().__init__()
        self.hidden_size = hidden_size
        self.zoneout = zoneout
        self.weight_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh_l0 = nn.Parameter(torch.empty(4 * hidden_size, hidden_size))
        self.bias_ih_l0 = nn.Parameter(torch.empty(4 * hidden_size))
        self.bias_hh_l0 = nn.Parameter(torch.empty(4 * hidden_size))
        bound = 1.0 / math.sqrt(hidden_size)
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)
        with torch.no_grad():
            self.bias_ih_l0[hidden_size : 2 * hidden_size] = forget_bias
            self.bias_hh_l0[hidden_size : 2 * hidden_size] = 0.0
        self.weight_noise = Dropout(weight_drop)
        self.cell_noise = Dropout(zoneout)
        self.output_noise = Dropout(zoneout)

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the outputs of shape (B, T, H) and the state (h_T, c_T) of two (B, H)."""
        if state is None:
            state = (x.new_zeros(x.shape[0], self.hidden_size),) * 2
        U = self.weight_noise(self.weight_hh_l0)
        weights = [self.weight_ih_l0, U, self.bias_ih_l0, self.bias_hh_l0]
        return (self._run_steps if self.zoneout else self._run_fused)(x, *state, weights)

    def step(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run one step (B, F) as `forward` would: the output h of shape (B, H), and (h, c)."""
        if self.zoneout:
            outputs, state = self(x[:, None], state)
            return outputs[:, 0], state
        if state is None:
            state = (x.new_zeros(x.shape[0], self.hidden_size),) * 2
        U = self.weight_noise(self.weight_hh_l0)
        state = torch.lstm_cell(x, state, self.weight_ih_l0, U, self.bias_ih_l0, self.bias_hh_l0)
        return state[0], state

    def _run_fused(self, x, h, c, weights):
        if x.is_cuda:
            weights = _in_one_vector(weights)
        outputs, h, c = torch.lstm(
            x,
            (h[None], c[None]),  # (1, B, H) each
            weights,
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=self.training,
            bidirectional=False,
            batch_first=True,
        )
        return outputs, (h[0], c[0])  # (B, T, H), two of (B, H)

    def _run_steps(self, x, h, c, weights):
        W, U, b_ih, b_hh = weights
        from_input = linear(x, W, b_ih + b_hh)  # (B, T, 4H), all steps at once
        every_unit = x.new_ones(*x.shape[:2], self.hidden_size)  # (B, T, H)
        moves = [
            ((1 - self.zoneout) * noise(every_unit)).unbind(1)  # T of (B, H)
            for noise in (self.cell_noise, self.output_noise)
        ]
        outputs = []
        for z, D, E in zip(from_input.unbind(1), *moves, strict=True):
            i, f, g, o = (z + linear(h, U)).chunk(4, dim=1)  # (B, H) each
            new_c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)  # (B, H)
            new_h = torch.sigmoid(o) * torch.tanh(new_c)  # (B, H)
            c, h = torch.lerp(c, new_c, D), torch.lerp(h, new_h, E)  # (B, H) each
            outputs.append(h)
        return torch.stack(outputs, dim=1), (h, c)  # (B, T, H)


def _in_one_vector(weights: list[Tensor]) -> list[Tensor]:
    """Copy tensors behind one another: cuDNN warns of weights that do not lie so."""
    vector = torch.cat([weight.flatten() for weight in weights])
    parts = vector.split([weight.numel() for weight in weights])
    return [part.view(weight.shape) for part, weight in zip(parts, weights, strict=True)]
