"""Readouts: from the outputs of a core at every step to one vector a sequence.

Each is a module ``(outputs: (B, T, D), lengths: (B,) or None) -> (B, D)`` that never reads past a
row's length; None says that all rows are full. ``step`` gives the same of a stream, with a state of
what it has seen; before the first step that is what ``begin`` gives. `seqlearn.modules.encoder`
picks one by name.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.backend import valid_steps
from seqlearn.modules.row_blocks import RowLinear

__all__ = ["READOUTS", "sum_of_steps"]


class LastStep(nn.Module):
    """The last valid step; in a bidirectional core, of each direction's own reading.

    That is the last step of the forward half and the first step of the backward half.
    """

    def __init__(self, core_size: int, bidirectional: bool):
        super().__init__()
        self.split = core_size // 2 if bidirectional else core_size

    def forward(self, outputs: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the outputs at each direction's last step, (B, D)."""
        if lengths is None:
            last = outputs[:, -1]  # (B, D)
        else:
            rows = torch.arange(len(lengths)) * outputs.shape[1] + lengths - 1  # (B,)
            rows = rows.to(outputs.device, non_blocking=True)
            last = outputs.flatten(0, 1).index_select(0, rows)  # (B, D)
        if self.split == outputs.shape[2]:
            return last
        return torch.cat([last[:, : self.split], outputs[:, 0, self.split :]], dim=1)  # (B, D)

    def begin(self, outputs: Tensor) -> None:
        """Return None: nothing is remembered."""

    def step(self, outputs: Tensor, state: None) -> tuple[Tensor, None]:
        """Return the newest outputs, (B, D)."""
        return outputs, None


class Mean(nn.Module):
    """The mean over the valid steps."""

    def __init__(self, core_size: int, bidirectional: bool):
        super().__init__()

    def forward(self, outputs: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the mean, (B, D)."""
        if lengths is None:
            return sum_of_steps(outputs) / outputs.shape[1]
        total = sum_of_steps(_valid(outputs, lengths, 0.0))  # (B, D)
        return total / lengths.to(outputs.device, outputs.dtype, non_blocking=True)[:, None]

    def begin(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the state of rows as many and as wide as some outputs (B, D)."""
        return torch.zeros_like(outputs), torch.zeros_like(outputs[:, :1])

    def step(self, outputs: Tensor, state: tuple | None) -> tuple[Tensor, tuple]:
        """Return the mean so far, (B, D), with the sum and the number of the steps."""
        total, number = self.begin(outputs) if state is None else state
        total, number = total + outputs, number + 1
        return total / number, (total, number)


class Max(nn.Module):
    """The maximum over the valid steps, feature by feature."""

    def __init__(self, core_size: int, bidirectional: bool):
        super().__init__()

    def forward(self, outputs: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the maximum, (B, D)."""
        return _valid(outputs, lengths, -torch.inf).amax(dim=1)  # (B, D)

    def begin(self, outputs: Tensor) -> Tensor:
        """Return the state of rows as many and as wide as some outputs (B, D)."""
        return torch.full_like(outputs, -torch.inf)

    def step(self, outputs: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the maximum so far, (B, D)."""
        best = outputs if state is None else torch.maximum(outputs, state)
        return best, best


class Attention(nn.Module):
    """A weighted mean over the valid steps, the weights learned (Yang et al. 2016).

    The score of a step is ``v . tanh(W output)``; a softmax over the valid steps makes weights
    of the scores. At the start all scores are 0, so it begins as the mean.
    """

    def __init__(self, core_size: int, bidirectional: bool):
        super().__init__()
        self.project = RowLinear(core_size, core_size)
        self.score = nn.Parameter(torch.zeros(core_size))

    def _scores(self, outputs: Tensor) -> Tensor:
        """Return the score of each step, (B, ..., 1)."""
        # Sums, and no matrix products or softmax, whose rounding hangs on rows and padding.
        return (torch.tanh(self.project(outputs)) * self.score).sum(-1, keepdim=True)

    def _shares(self, outputs: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the weight of each step before they are divided by their sum, (B, T, 1)."""
        scores = _valid(self._scores(outputs), lengths, -torch.inf)  # (B, T, 1)
        return (scores - scores.detach().amax(dim=1, keepdim=True)).exp()

    def weights(self, outputs: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the weight of each step, (B, T), which sum to 1 over a row's steps."""
        shares = self._shares(outputs, lengths)
        return (shares / sum_of_steps(shares)[:, None])[..., 0]

    def forward(self, outputs: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the weighted mean, (B, D)."""
        shares = self._shares(outputs, lengths)  # (B, T, 1)
        total = sum_of_steps(shares * _valid(outputs, lengths, 0.0))  # (B, D)
        return total / sum_of_steps(shares)

    def begin(self, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the state of rows as many and as wide as some outputs (B, D)."""
        none = torch.zeros_like(outputs[:, :1])
        return torch.full_like(none, -torch.inf), torch.zeros_like(outputs), none

    def step(self, outputs: Tensor, state: tuple | None) -> tuple[Tensor, tuple]:
        """Return the weighted mean so far, (B, D), with the largest score and both sums."""
        score = self._scores(outputs)  # (B, 1)
        before, total, shares = self.begin(outputs) if state is None else state
        largest = torch.maximum(before, score)
        kept, share = (before - largest).exp(), (score - largest).exp()
        total, shares = kept * total + share * outputs, kept * shares + share
        return total / shares, (largest, total, shares)


def sum_of_steps(outputs: Tensor) -> Tensor:
    """Sum (B, T, D) over the steps, each row rounded as it is alone: (B, D).

    torch adds every fourth step up first, so that zeros at the end must not shift the fours; and
    rows that do not lie one after the other in memory it divides up between them.
    """
    return functional.pad(outputs, (0, 0, 0, -outputs.shape[1] % 4)).contiguous().sum(dim=1)


def _valid(outputs: Tensor, lengths: Tensor | None, filling: float) -> Tensor:
    """Return the outputs (B, T, D) with ``filling`` past each row's length."""
    if lengths is None:
        return outputs
    past = ~valid_steps(lengths, outputs.shape[1])[..., None]  # (B, T, 1)
    return outputs.masked_fill(past.to(outputs.device, non_blocking=True), filling)


READOUTS = {"last": LastStep, "mean": Mean, "max": Max, "attention": Attention}
