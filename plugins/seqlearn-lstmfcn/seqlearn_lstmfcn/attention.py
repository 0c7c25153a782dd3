"""An LSTM that looks at its whole row at every step, in layers and in both directions.

Here lives the recurrent branch of "alstmfcn" and "alstmfcn-shuffle". `seqlearn.backend.Stack`
cannot hold its layers, for they are not causal and have to be told where a row ends. The backends
in the package build it, their core runs it.
"""

import torch
from torch import Tensor, nn

from seqlearn.backend import Dropout, reverse_within_length, valid_steps

__all__ = ["AttentionLSTM", "AttentionLSTMLayer"]


class AttentionLSTMLayer(nn.Module):
    """One LSTM layer with the attention of Bahdanau et al. (2015) on its own input.

    With x the row of L steps, h the output and C the cell, step t is::

        e_j = v . tanh(K x_j + b_K + Q h_{t-1})        for each step j of the row
        a   = softmax(e_1 ... e_L)
        c   = sum_j a_j x_j                            the context
        i, f, o = sigmoid(W x_t + U h_{t-1} + V c + b)
        g       = tanh   (W x_t + U h_{t-1} + V c + b)
        C_t = f * C_{t-1} + i * g
        h_t = o * tanh(C_t)

    with W, U, V and b of their own for each of i, f, o and g, which stand above each other.

    Parameters
    ----------
    input_size, hidden_size : int
        Features a step F, and units H, which is also the width of the attention.
    forget_bias : float
        Initial bias of the forget gate.

    References
    ----------
    Bahdanau, Cho & Bengio (2015), Neural machine translation by jointly learning to align and
    translate, ICLR. Karim, Majumdar, Darabi & Chen (2017), arXiv:1709.05206.
    """

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float):
        super().__init__()
        self.hidden_size = hidden_size
        self.input = nn.Linear(input_size, 4 * hidden_size)
        self.recurrent = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.context = nn.Linear(input_size, 4 * hidden_size, bias=False)
        self.key = nn.Linear(input_size, hidden_size)
        self.query = nn.Linear(hidden_size, hidden_size, bias=False)
        self.score = nn.Parameter(torch.empty(hidden_size))
        bound = hidden_size**-0.5
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)
        with torch.no_grad():
            self.input.bias[hidden_size : 2 * hidden_size] = forget_bias

    def forward(self, x: Tensor, past: Tensor | None) -> Tensor:
        """Return the outputs of shape (B, T, H).

        Parameters
        ----------
        x : Tensor of shape (B, T, F)
            Rows, finite also past their lengths.
        past : Tensor of shape (B, T) or None
            True past each row's length; None says that there is nothing there.
        """
        size = self.hidden_size
        keys, offered = self.key(x), self.context(x)  # (B, T, H), (B, T, 4H)
        weights = torch.cat([self.recurrent.weight, self.query.weight]).T  # (H, 5H)
        h = C = x.new_zeros(x.shape[0], size)
        outputs = []
        for inflow in self.input(x).unbind(1):  # (B, 4H)
            from_h, query = (h @ weights).split([4 * size, size], dim=1)
            # A sum and no product of matrices, whose rounding would hang on the number of rows.
            scores = (torch.tanh(keys + query[:, None]) * self.score).sum(2)  # (B, T)
            if past is not None:
                scores = scores.masked_fill(past, -torch.inf)
            context = torch.bmm(scores.softmax(1)[:, None], offered)[:, 0]  # (B, 4H), V c
            gates, candidate = (inflow + from_h + context).split([3 * size, size], dim=1)
            i, f, o = gates.sigmoid().chunk(3, dim=1)  # (B, H) each
            C = torch.addcmul(f * C, i, candidate.tanh())
            h = o * C.tanh()
            outputs.append(h)
        return torch.stack(outputs, dim=1)  # (B, T, H)


class AttentionLSTM(nn.Module):
    """Layers of `AttentionLSTMLayer`, in one direction or two, with dropout between them.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bidirectional, dropout
        As in `seqlearn.backend.Stack`; with two directions, ``output_size`` is 2 H.
    forget_bias : float
        Initial bias of the forget gates.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        forget_bias: float,
    ):
        super().__init__()
        self.output_size = hidden_size * (2 if bidirectional else 1)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        self.layers, self.backward_layers = (
            nn.ModuleList(AttentionLSTMLayer(size, hidden_size, forget_bias) for size in chosen)
            for chosen in (sizes, sizes * bidirectional)
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, None]:
        """Return the outputs of shape (B, T, output_size), and None for the state."""
        past = None
        if lengths is not None:
            past = ~valid_steps(lengths, x.shape[1]).to(x.device, non_blocking=True)  # (B, T)
        for i, layer in enumerate(self.layers):
            if i > 0:
                x = self.dropout(x)
            outputs = layer(x, past)  # (B, T, H)
            if self.backward_layers:
                backward = self.backward_layers[i](reverse_within_length(x, lengths), past)
                outputs = torch.cat([outputs, reverse_within_length(backward, lengths)], dim=2)
            x = outputs
        return x, None
