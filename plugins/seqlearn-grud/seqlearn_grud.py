"""The backend "grud": GRU-D, a gated recurrent unit for series with gaps, as its own distribution.

Here live the backend, which the entry point in pyproject.toml names, and its one layer. Depth, both
directions and dropout come from `seqlearn.backend.Stack`. Nothing of seqlearn imports this file;
`seqlearn.registry` loads it when someone asks for "grud".
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from seqlearn.backend import Backend, Stack
from seqlearn.errors import InvalidParameterError

__all__ = ["GRUD", "GRUDLayer"]


class GRUD(Backend):
    """Gated recurrent unit whose inputs and state decay while nothing is observed [1]_.

    A value that was observed long ago says little about the present: how fast a feature falls back
    to its mean, and the state to zero, is learned. With ``missing="mask"`` the core is told which
    values are observed and when others last were; without it, everything counts as observed.

    Notes
    -----
    The first layer reads the gaps. With ``num_layers > 1`` those above are plain GRUs. The second
    direction reads a sequence as if time ran backwards: it takes the next observed value for the
    last one, and the time until that for the gap.

    References
    ----------
    .. [1] Che, Purushotham, Cho, Sontag & Liu (2018), Recurrent neural networks for multivariate
       time series with missing values, Scientific Reports 8, 6085.

    Examples
    --------
    Values, mask and gaps of two features stand side by side:

    >>> import torch
    >>> from seqlearn_grud import GRUD
    >>> core = GRUD().build(3 * 2, 8, num_layers=1, bidirectional=True, dropout=0.0)
    >>> outputs, state = core(torch.zeros(2, 5, 6), torch.tensor([5, 4]))
    >>> outputs.shape
    torch.Size([2, 5, 16])
    """

    missing = True

    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        """Return a `Stack` on a `GRUDLayer`; see `seqlearn.backend.Backend.build`.

        Raises
        ------
        InvalidParameterError
            ``input_size`` is not three times the number of features.
        """
        if input_size % 3:
            raise InvalidParameterError(
                f"input_size={input_size} of the backend 'grud' is not a multiple of 3: a step is "
                "values, mask and gaps of F features each."
            )
        # One layer after the other is made: those of the first direction, then those of the second.
        above = [partial(nn.GRU, hidden_size=hidden_size, batch_first=True)] * (num_layers - 1)
        forward, backward = (
            partial(GRUDLayer, hidden_size=hidden_size, backwards=one) for one in (False, True)
        )
        kinds = iter([forward, *above, backward, *above])
        return Stack(
            lambda size: next(kinds)(size),
            input_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )


class GRUDLayer(nn.Module):
    """One causal layer; x are values, m the mask and d the gaps of a step, which is::

        x^ = m * x + (1 - m) * exp(-relu(w_x * d + b_x)) * x        x = 0: the mean
        h^ = exp(-relu(W_h d + b_h)) * h_{t-1}
        r, z = sigmoid(W x^ + V m + U h^ + b)
        h~ = tanh(W x^ + V m + U (r * h^) + b)
        h_t = (1 - z) * h^ + z * h~

    Parameters
    ----------
    input_size : int
        Three times the features, F.
    hidden_size : int
        Units H.
    backwards : bool, default=False
        The rows are reversed in time: gaps and last values are taken from what follows.
    """

    def __init__(self, input_size: int, hidden_size: int, backwards: bool = False):
        super().__init__()
        n_features = input_size // 3
        self.hidden_size, self.backwards = hidden_size, backwards
        self.input_product = nn.Linear(2 * n_features, 3 * hidden_size)
        self.state_product = nn.Linear(hidden_size, 2 * hidden_size, bias=False)
        self.offer_product = nn.Linear(hidden_size, hidden_size, bias=False)
        self.state_decay = nn.Linear(n_features, hidden_size)
        self.input_decay = nn.Parameter(torch.empty(2, n_features))  # weight and bias
        bound = hidden_size**-0.5
        for part in (self.input_product, self.state_product, self.offer_product):
            for weight in part.parameters():
                nn.init.uniform_(weight, -bound, bound)
        nn.init.zeros_(self.state_decay.bias)
        with torch.no_grad():
            nn.init.uniform_(self.input_decay[:1], 0.0, 1.0)  # below 0 none would ever be learned
            nn.init.zeros_(self.input_decay[1:])

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the outputs of shape (B, T, H) and the state h of shape (B, H)."""
        if self.backwards:
            x = _seen_backwards(x)
        h = x.new_zeros(x.shape[0], self.hidden_size) if state is None else state
        products, kept = self._without_state(x)  # all steps at once
        weights, outputs = (self.state_product.weight, self.offer_product.weight), []
        for product, share in zip(products.unbind(1), kept.unbind(1), strict=True):
            h = _step(product, share, h, *weights)
            outputs.append(h)
        return torch.stack(outputs, dim=1), h  # (B, T, H)

    def step(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run one step (B, 3 F): the output h of shape (B, H), and the same as the state."""
        h = x.new_zeros(x.shape[0], self.hidden_size) if state is None else state
        weights = self.state_product.weight, self.offer_product.weight
        h = _step(*self._without_state(x), h, *weights)
        return h, h

    def _without_state(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the input's share of gates and offer, (..., 3 H), and what of h is kept."""
        values, mask, gaps = x.chunk(3, dim=-1)
        weight, bias = self.input_decay
        decay = torch.exp(-torch.relu(weight * gaps + bias))
        values = values * (mask + (1 - mask) * decay)
        products = self.input_product(torch.cat([values, mask], dim=-1))
        return products, torch.exp(-torch.relu(self.state_decay(gaps)))


def _step(product, share, h, of_gates, of_offer):
    """Return h after a step, ``product`` being the input's share of gates and offer, (B, 3H)."""
    size = h.shape[1]
    h = share * h
    gates, offer = product.split((2 * size, size), dim=1)
    r, z = torch.sigmoid(gates + linear(h, of_gates)).chunk(2, dim=1)  # (B, H) each
    return torch.lerp(h, torch.tanh(offer + linear(r * h, of_offer)), z)


def _seen_backwards(x: Tensor) -> Tensor:
    """Return steps (B, T, 3 F), last one first, with values and gaps of time that runs backwards.

    A gap is the time since the step before, plus the gap of that if nothing was observed at it; so
    the time between two steps can be taken from two gaps.
    """
    values, mask, gaps = x.chunk(3, dim=2)
    between = gaps[:, :-1] - (1 - mask[:, 1:]) * gaps[:, 1:]
    between = torch.cat([torch.zeros_like(gaps[:, :1]), between], dim=1)
    there = mask > 0.5
    step = torch.arange(x.shape[1], device=x.device)[:, None]
    last = torch.where(there, step, 0).cummax(dim=1).values
    values = torch.where(there, values, 0.0).gather(1, last)
    before = torch.cat([torch.zeros_like(last[:, :1]), last[:, :-1]], dim=1)
    time = between.double().cumsum(dim=1)
    return torch.cat([values, mask, (time - time.gather(1, before)).to(x.dtype)], dim=2)
