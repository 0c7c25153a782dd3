"""Heads that say what is usual in a window: its own steps once more, or those that follow it.

How far a window is from that is what a detector of anomalies looks at. Both read the vector of a
window, are one linear map, and leave missing values out of their errors.

Shape letters besides the usual: L steps of a window, H steps ahead, C columns.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqlearn.modules.heads.head import Head, Seen, weighted_mean
from seqlearn.modules.readouts import sum_of_steps
from seqlearn.modules.row_blocks import RowLinear

__all__ = ["ReconstructionHead", "StepsAheadHead"]


class Expected(NamedTuple):
    """What is expected of a batch of windows, and what a window itself was."""

    steps: Tensor  # (B, L or H, C)
    past: Tensor  # (B, L, C), NaN where missing


class _WindowHead(Head):
    """A linear map of the vector of a window, (B, D), to steps (B, S, C).

    Parameters
    ----------
    input_size : int
        Width of the features, D.
    n_steps : int
        Steps that it says something of, S.
    varies : ndarray of shape (C,), bool
        Columns that are not constant; 0 is expected of the others.
    """

    scorers = ("neg_mean_squared_error",)
    varies: Tensor

    def __init__(self, input_size: int, *, n_steps: int, varies: np.ndarray):
        super().__init__()
        self.n_steps = n_steps
        self.linear = RowLinear(input_size, n_steps * len(varies))
        self.register_buffer("varies", torch.as_tensor(varies), persistent=False)

    def forward(self, features: Tensor, seen: Seen) -> Expected:
        """Return what is expected, and what was there."""
        steps = self.linear(features).unflatten(1, (self.n_steps, -1))
        return Expected(torch.where(self.varies, steps, 0.0), seen.x.past)

    def loss(self, outputs: Expected, y: Tensor) -> Tensor:
        """Return the mean squared error of the observed values of each row, (B,)."""
        errors, observed = _errors(outputs.steps, self._true(outputs, y))
        return errors.square().sum(dim=(1, 2)) / observed.sum(dim=(1, 2)).clamp(min=1)

    @abstractmethod
    def _true(self, outputs: Expected, y: Tensor) -> Tensor:
        """Return the steps that are to be expected."""

    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """Minus the loss."""
        losses = [self.loss(*pair) for pair in zip(outputs, y, strict=True)]
        return -weighted_mean(losses, weights)


class ReconstructionHead(_WindowHead):
    """The window itself: with a recurrent core before it, an autoencoder.

    ``n_steps`` is the window's length, S = L.
    """

    def _true(self, outputs: Expected, y: Tensor) -> Tensor:
        return outputs.past

    def read(self, outputs: Expected, decorrelate: np.ndarray | None = None) -> Tensor:
        """Return the errors of the newest step, (B, C), or how far all are from the usual.

        With ``decorrelate``, (C, C), by which the errors of a step are multiplied: the squares of
        the products, in their mean over the observed values of a window, one for each column. Sums
        are taken column by column, so that the number of rows changes no bit.
        """
        errors, observed = _errors(outputs.steps, outputs.past)
        if decorrelate is None:
            return errors[:, -1]
        weights = torch.as_tensor(decorrelate).to(errors)
        found = errors[..., :1] * weights[0]
        for column in range(1, len(weights)):
            found = found + errors[..., column : column + 1] * weights[column]
        n_observed = observed.sum(dim=(1, 2)).clamp(min=1)
        return sum_of_steps(found.square()) / n_observed[:, None]


class StepsAheadHead(_WindowHead):
    """The steps after the window, (B, H, C): ``n_steps`` is S = H."""

    def _true(self, outputs: Expected, y: Tensor) -> Tensor:
        return y

    def read(self, outputs: Expected) -> Tensor:
        """Return the steps that are expected, (B, H, C)."""
        return outputs.steps


def _errors(expected: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Errors, 0 where a value is missing, and which are there, (B, S, C)."""
    observed = ~true.isnan()
    return torch.where(observed, true - expected, 0.0), observed
