"""The head that learns without labels: at each step it predicts the next one.

`seqlearn.estimators.encoder` trains with it and then uses the encoder alone.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seqlearn.backend import valid_steps
from seqlearn.modules.heads.head import Head, Seen, weighted_mean

__all__ = ["NextStepHead"]


class NextSteps(NamedTuple):
    """What is predicted of a padded batch, and what came."""

    predicted: Tensor  # (B, T - 1, F)
    x: Tensor  # (B, T, F)
    lengths: Tensor | None  # (B,), on the CPU; None if all rows are full


class NextStepHead(Head):
    """A linear map of each step to the features of the next: targets are drawn from x.

    The core reads forwards only: backwards, it would see the answer.

    Parameters
    ----------
    input_size : int
        Width of the features of a step, D.
    feature_scale : ndarray of shape (F,)
        Unit of the error of each feature, so that no feature counts for its unit alone.
    """

    reads_steps = True
    feature_scale: Tensor

    def __init__(self, input_size: int, *, feature_scale: np.ndarray):
        super().__init__()
        self.linear = nn.Linear(input_size, len(feature_scale))
        self.register_buffer("feature_scale", torch.as_tensor(feature_scale))

    def forward(self, features: Tensor, seen: Seen) -> NextSteps:
        """Return the predictions of all steps but the first."""
        return NextSteps(self.linear(features[:, :-1]), seen.x, seen.lengths)

    def step(self, features: Tensor, network: Any) -> Tensor:
        """Return the features that are expected next, (B, F)."""
        return self.linear(features)

    def loss(self, outputs: NextSteps, y: None) -> Tensor:
        """Return the mean squared error of the predictions of each row, (B,).

        What was not observed, NaN, counts for nothing.
        """
        predicted, x, lengths = outputs
        known = ~x[:, 1:].isnan()  # (B, T - 1, F)
        if lengths is not None:
            valid = valid_steps(lengths - 1, x.shape[1] - 1)
            known = known & valid.to(x.device, non_blocking=True)[..., None]
        errors = torch.where(known, predicted - x[:, 1:], 0.0)
        squares = (errors / self.feature_scale).square()
        return squares.sum(dim=(1, 2)) / known.sum(dim=(1, 2)).clamp(min=1)

    def predict(self, outputs: NextSteps) -> Tensor:
        """Return the loss of each row, (B,)."""
        return self.loss(outputs, None)

    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """Minus the loss."""
        return -weighted_mean([self.predict(one) for one in outputs], weights)
