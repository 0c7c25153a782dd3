"""The backend "layernorm": a layer-normalised LSTM, as a distribution of its own.

Here live the backend, which the entry point in pyproject.toml names, and its one layer. Depth,
both directions and dropout come from `seqlearn.backend.Stack`. Nothing of seqlearn imports this
file; `seqlearn.registry` loads it when someone asks for "layernorm".
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear

from seqlearn.backend import Backend, Stack

__all__ = ["LayerNormLSTM", "LayerNormLSTMLayer"]


class LayerNormLSTM(Backend):
    """Long short-term memory whose gates and cell are normalised at every step [1]_.

    Normalised over its units, each pre-activation keeps its size whatever the weights grow to and
    however long the row is: training bears larger learning rates and needs fewer updates. A step
    costs several times as much as one of the fused "torch".

    Parameters
    ----------
    forget_bias : float, default=1.0
        Initial bias of the forget gate; at 1 the cell remembers from the first update on.
    eps : float, default=1e-5
        Added to each variance, so that a division by zero cannot occur.

    References
    ----------
    .. [1] Ba, Kiros & Hinton (2016), Layer normalization, arXiv:1607.06450, supplement: the LSTM.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_layernorm import LayerNormLSTM
    >>> core = LayerNormLSTM().build(3, 8, num_layers=1, bidirectional=True, dropout=0.0)
    >>> outputs, state = core(torch.zeros(2, 5, 3), torch.tensor([5, 4]))
    >>> outputs.shape
    torch.Size([2, 5, 16])
    """

    def __init__(self, forget_bias: float = 1.0, eps: float = 1e-5):
        self.forget_bias = forget_bias
        self.eps = eps

    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        """Return a `Stack` of `LayerNormLSTMLayer`; see `seqlearn.backend.Backend.build`."""
        return Stack(
            lambda size: LayerNormLSTMLayer(size, hidden_size, self.forget_bias, self.eps),
            input_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )


class LayerNormLSTMLayer(nn.Module):
    """One causal layer; with LN the normalisation over units, g a gain and b a bias, a step is::

        (f, i, o, c~) = LN(W x_t + b_w) * g_x + LN(U h_{t-1}) * g_h + b
        C_t = sigmoid(f) * C_{t-1} + sigmoid(i) * tanh(c~)
        h_t = sigmoid(o) * tanh(LN(C_t) * g_c + b_c)

    The bias b_w within the first LN is ours. The paper has none there, and LN(W x_t) is then the
    same for every positive multiple of x_t: of a row with one feature it leaves the signs.

    Parameters
    ----------
    input_size, hidden_size : int
        Features a step F, and units H.
    forget_bias, eps : float
        As in `LayerNormLSTM`.
    """

    def __init__(
        self, input_size: int, hidden_size: int, forget_bias: float = 1.0, eps: float = 1e-5
    ):
        super().__init__()
        self.hidden_size = hidden_size
        self.input_product = nn.Linear(input_size, 4 * hidden_size)
        self.state_product = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.input_norm = nn.LayerNorm(4 * hidden_size, eps)
        self.state_norm = nn.LayerNorm(4 * hidden_size, eps, bias=False)
        self.cell_norm = nn.LayerNorm(hidden_size, eps)
        bound = hidden_size**-0.5
        for weight in (*self.input_product.parameters(), self.state_product.weight):
            nn.init.uniform_(weight, -bound, bound)
        with torch.no_grad():
            self.input_norm.bias[:hidden_size] = forget_bias

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the outputs of shape (B, T, H) and the state (h_T, C_T) of two (B, H)."""
        if state is None:
            state = (x.new_zeros(x.shape[0], self.hidden_size),) * 2
        weights = self._recurrent_weights()
        outputs = []
        from_input = self.input_norm(self.input_product(x))  # (B, T, 4H), all steps at once
        for z in from_input.unbind(1):  # (B, 4H)
            state = _step(z, *state, *weights)
            outputs.append(state[0])
        return torch.stack(outputs, dim=1), state  # (B, T, H)

    def step(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run one step (B, F): the output h of shape (B, H), and the state (h, C)."""
        if state is None:
            state = (x.new_zeros(x.shape[0], self.hidden_size),) * 2
        state = _step(self.input_norm(self.input_product(x)), *state, *self._recurrent_weights())
        return state[0], state

    def _recurrent_weights(self):
        norm = self.cell_norm
        return self.state_product.weight, self.state_norm.weight, norm.weight, norm.bias, norm.eps


def _step(z, h, c, U, gain, cell_gain, cell_bias, eps):
    """Return h and C after a step, z being the input's share of the gates, (B, 4H)."""
    size = h.shape[1]
    z = z + layer_norm(linear(h, U), (4 * size,), gain, None, eps)  # (B, 4H)
    gates, offer = z.split((3 * size, size), dim=1)  # (B, 3H), (B, H)
    f, i, o = torch.sigmoid(gates).chunk(3, dim=1)  # (B, H) each
    c = torch.addcmul(f * c, i, torch.tanh(offer))  # (B, H)
    return o * torch.tanh(layer_norm(c, (size,), cell_gain, cell_bias, eps)), c
