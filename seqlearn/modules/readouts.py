"""Readouts: from the outputs of a core at every step to one vector a sequence.

Each is a module ``(outputs: (B, T, D), lengths: (B,)) -> (B, D)`` that never reads past a row's
length. `seqlearn.modules.sequence_model` picks one by name.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.modules.row_blocks import RowLinear

__all__ = ["READOUTS", "sum_of_steps"]


class LastStep(nn.Module):
    """The last valid step; in a bidirectional core, of each direction's own reading.

    That is the last step of the forward half and the first step of the backward half.
    """

    def __init__(self, core_size: int, bidirectional: bool):
        super().__init__()
        self.split = core_size // 2 if bidirectional else core_size

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the outputs at each direction's last step, (B, D)."""
        steps = outputs.shape[1]
        if int(lengths.min()) == steps:
            last = outputs[:, -1]  # (B, D)
        else:
            rows = torch.arange(len(lengths)) * steps + lengths - 1  # (B,)
            rows = rows.to(outputs.device, non_blocking=True)
            last = outputs.flatten(0, 1).index_select(0, rows)  # (B, D)
        if self.split == outputs.shape[2]:
            return last
        return torch.cat([last[:, : self.split], outputs[:, 0, self.split :]], dim=1)  # (B, D)


class Mean(nn.Module):
    """The mean over the valid steps."""

    def __init__(self, core_size: int, bidirectional: bool):
        super().__init__()

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the mean, (B, D)."""
        valid = outputs.masked_fill(_past_end(outputs, lengths), 0.0)
        total = sum_of_steps(valid)  # (B, D)
        return total / lengths.to(outputs.device, outputs.dtype, non_blocking=True)[:, None]


class Max(nn.Module):
    """The maximum over the valid steps, feature by feature."""

    def __init__(self, core_size: int, bidirectional: bool):
        super().__init__()

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the maximum, (B, D)."""
        return outputs.masked_fill(_past_end(outputs, lengths), -torch.inf).amax(dim=1)  # (B, D)


class Attention(nn.Module):
    """A weighted mean over the valid steps, the weights learned (Yang et al. 2016).

    The score of a step is ``v . tanh(W output)``; a softmax over the valid steps makes weights
    of the scores. At the start all scores are 0, so it begins as the mean.
    """

    def __init__(self, core_size: int, bidirectional: bool):
        super().__init__()
        self.project = RowLinear(core_size, core_size)
        self.score = nn.Parameter(torch.zeros(core_size))

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the weighted mean, (B, D)."""
        past = _past_end(outputs, lengths)
        # Sums, and no matrix products or softmax, whose rounding hangs on rows and padding.
        scores = (torch.tanh(self.project(outputs)) * self.score).sum(2, keepdim=True)  # (B, T, 1)
        scores = scores.masked_fill(past, -torch.inf)
        shares = (scores - scores.detach().amax(dim=1, keepdim=True)).exp()  # (B, T, 1)
        total = sum_of_steps(shares * outputs.masked_fill(past, 0.0))  # (B, D)
        return total / sum_of_steps(shares)


def sum_of_steps(outputs: Tensor) -> Tensor:
    """Sum (B, T, D) over the steps, each row rounded as it is alone: (B, D).

    torch adds every fourth step up first, so that zeros at the end must not shift the fours; and
    rows that do not lie one after the other in memory it divides up between them.
    """
    return functional.pad(outputs, (0, 0, 0, -outputs.shape[1] % 4)).contiguous().sum(dim=1)


def _past_end(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Mask that is True past each row's length, (B, T, 1)."""
    step = torch.arange(outputs.shape[1])
    return (step >= lengths[:, None]).to(outputs.device, non_blocking=True)[..., None]


READOUTS = {"last": LastStep, "mean": Mean, "max": Max, "attention": Attention}
