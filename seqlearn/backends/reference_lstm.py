"""The backend "reference": the LSTM equations written out, slow and readable.

It is the oracle for every faster LSTM: its weights carry the names, shapes and gate order of
``torch.nn.LSTM``, so ``reference.load_state_dict(torch_core.state_dict())`` and the reverse
exchange the weights of two cores, and `ReferenceLSTMLayer.gates` shows what happens inside.
"""

import math

import torch
from torch import Tensor, nn

from seqlearn.backend import Backend, Stack


class ReferenceLSTM(Backend):
    """Long short-term memory, step by step, after the gate equations of Gers et al. (2000).

    Use it to check or to look inside; "torch" computes the same many times faster.

    Parameters
    ----------
    forget_bias : float, default=1.0
        Initial bias of the forget gate, as in the backend "torch".

    Examples
    --------
    >>> import torch
    >>> from seqlearn.backends.reference_lstm import ReferenceLSTM
    >>> from seqlearn.backends.torch_lstm import TorchLSTM
    >>> sizes = dict(num_layers=1, bidirectional=False, dropout=0.0)
    >>> fast, readable = (B().build(3, 8, **sizes) for B in (TorchLSTM, ReferenceLSTM))
    >>> readable.load_state_dict(fast.state_dict())
    <All keys matched successfully>
    >>> x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 5])
    >>> torch.allclose(fast(x, lengths)[0], readable(x, lengths)[0], atol=1e-6)
    True
    >>> gates = readable.layers[0].gates(x)
    >>> list(gates), gates["f"].shape
    (['f', 'i', 'c_tilde', 'C', 'o', 'h'], torch.Size([2, 5, 8]))
    """

    def __init__(self, forget_bias: float = 1.0):
        self.forget_bias = forget_bias

    def build(self, input_size, hidden_size, **stacking):
        """Return a `Stack` of `ReferenceLSTMLayer`; see `seqlearn.backend.Backend.build`."""
        return Stack(
            lambda size: ReferenceLSTMLayer(size, hidden_size, self.forget_bias),
            input_size,
            hidden_size,
            **stacking,
        )


class ReferenceLSTMLayer(nn.Module):
    """One causal LSTM layer in plain torch; float32 or float64.

    With x_t the input, h the output and C the cell, a step is::

        f_t  = sigmoid(W_f x_t + U_f h_{t-1} + b_f)    what the cell keeps
        i_t  = sigmoid(W_i x_t + U_i h_{t-1} + b_i)    what it takes in
        c~_t = tanh   (W_c x_t + U_c h_{t-1} + b_c)    what is offered to it
        C_t  = f_t * C_{t-1} + i_t * c~_t
        o_t  = sigmoid(W_o x_t + U_o h_{t-1} + b_o)    what it shows
        h_t  = o_t * tanh(C_t)

    The weights stand in torch's layout: ``weight_ih_l0`` holds W_i, W_f, W_c, W_o above each
    other, (4H, F), ``weight_hh_l0`` the U's, (4H, H), and b is the sum of two biases of (4H,).
    """

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0):
        super().__init__()
        self.hidden_size = hidden_size
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

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the outputs of shape (B, T, H) and the state (h_T, C_T) of two (B, H)."""
        trace = self.gates(x, state)
        return trace["h"], (trace["h"][:, -1], trace["C"][:, -1])

    def gates(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> dict[str, Tensor]:
        """Return f, i, c~, C, o and h at every step, each of shape (B, T, H)."""
        h, C = state if state is not None else (x.new_zeros(x.shape[0], self.hidden_size),) * 2
        W_i, W_f, W_c, W_o = self.weight_ih_l0.chunk(4)  # (H, F) each
        U_i, U_f, U_c, U_o = self.weight_hh_l0.chunk(4)  # (H, H) each
        b_i, b_f, b_c, b_o = (self.bias_ih_l0 + self.bias_hh_l0).chunk(4)  # (H,) each
        trace: dict[str, list[Tensor]] = {name: [] for name in ("f", "i", "c_tilde", "C", "o", "h")}
        for x_t in x.unbind(1):  # (B, F)
            f = torch.sigmoid(x_t @ W_f.T + h @ U_f.T + b_f)  # (B, H)
            i = torch.sigmoid(x_t @ W_i.T + h @ U_i.T + b_i)
            c_tilde = torch.tanh(x_t @ W_c.T + h @ U_c.T + b_c)
            C = f * C + i * c_tilde
            o = torch.sigmoid(x_t @ W_o.T + h @ U_o.T + b_o)
            h = o * torch.tanh(C)
            for values, value in zip(trace.values(), (f, i, c_tilde, C, o, h), strict=True):
                values.append(value)
        return {name: torch.stack(values, dim=1) for name, values in trace.items()}  # (B, T, H)
