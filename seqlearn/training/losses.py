"""Losses a row, and the score that goes with each.

A loss is a module ``(outputs: (B, C), targets) -> (B,)``: one value a row, so that row weights
can be exact. Those of classes and values have their gradient written out, `with_gradient`, for
`seqlearn.training.direct`. A loss's ``score`` judges the outputs of a whole validation part,
weighted; that of `TaggingLoss` gets them batch by batch, because their lengths differ. ``scorers``
are names that scikit-learn has for this score; ``predict`` gives what it compares with targets, and
``probabilities`` what stands behind. Labels are codes here; the estimators know what they mean.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.torch_internals import log_softmax_nll_with_gradient

__all__ = ["REGRESSION_LOSSES", "BinaryCrossEntropy", "CrossEntropy", "OutputIsLoss", "TaggingLoss"]


class CrossEntropy(nn.Module):
    """Cross entropy of class codes (B,) under the softmax of (B, C) logits."""

    scorers = ("accuracy",)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each row, (B,)."""
        return functional.cross_entropy(outputs, targets, reduction="none")

    @staticmethod
    def with_gradient(outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of each row, (B,), and the gradient of their weighted sum, (B, C)."""
        return log_softmax_nll_with_gradient(outputs, targets, weights)

    @staticmethod
    def score(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Accuracy."""
        return _weighted_mean((outputs.argmax(dim=1) == targets).to(weights.dtype), weights)

    @staticmethod
    def predict(outputs: Tensor) -> Tensor:
        """Return the code of the best class, (B,)."""
        return outputs.argmax(dim=1)

    @staticmethod
    def probabilities(outputs: Tensor) -> Tensor:
        """Return those of the classes, (B, C)."""
        return outputs.double().softmax(dim=1)


class _WithSlope(nn.Module):
    """A loss that has the gradient of its sum written out, in ``slope``."""

    def with_gradient(
        self, outputs: Tensor, targets: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of each row, (B,), and the gradient of their weighted sum, (B, C)."""
        return self(outputs, targets), self.slope(outputs, targets) * weights[:, None]


class BinaryCrossEntropy(_WithSlope):
    """Sum of the binary cross entropies of (B, C) labels in {0, 1} under logits: multilabel."""

    scorers = ("accuracy",)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each row, (B,)."""
        loss = functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
        return loss.sum(dim=1)

    @staticmethod
    def slope(outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the gradient of the sum of the losses, (B, C)."""
        return outputs.sigmoid() - targets

    @staticmethod
    def score(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Share of the rows in which every label is right."""
        right = ((outputs > 0) == (targets > 0.5)).all(dim=1)
        return _weighted_mean(right.to(weights.dtype), weights)

    @staticmethod
    def predict(outputs: Tensor) -> Tensor:
        """Return 1 for each label that is there, else 0, (B, C)."""
        return (outputs > 0).long()

    @staticmethod
    def probabilities(outputs: Tensor) -> Tensor:
        """Return that of each label, (B, C)."""
        return outputs.double().sigmoid()


class _RegressionLoss(_WithSlope):
    scorers = ("r2",)

    @staticmethod
    def predict(outputs: Tensor) -> Tensor:
        """Return the outputs, (B, C)."""
        return outputs

    @staticmethod
    def score(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """R2, the mean over the outputs."""
        centre = (weights[:, None] * targets).sum(0) / weights.sum()
        residual = (weights[:, None] * (targets - outputs) ** 2).sum(0)
        total = (weights[:, None] * (targets - centre) ** 2).sum(0)
        r2 = torch.where(total > 0, 1 - residual / total, (residual == 0).to(total.dtype))
        return r2.mean()


class SquaredError(_RegressionLoss):
    """Squared error, the mean over the outputs."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each row, (B,)."""
        return ((outputs - targets) ** 2).mean(dim=1)

    @staticmethod
    def slope(outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the gradient of the sum of the losses, (B, C)."""
        return (outputs - targets) * (2 / outputs.shape[1])


class AbsoluteError(_RegressionLoss):
    """Absolute error, the mean over the outputs: fits the median."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each row, (B,)."""
        return (outputs - targets).abs().mean(dim=1)

    @staticmethod
    def slope(outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the gradient of the sum of the losses, (B, C)."""
        return (outputs - targets).sign() / outputs.shape[1]


class Huber(_RegressionLoss):
    """Squared up to one standard deviation of the target, absolute beyond (Huber 1964)."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each row, (B,)."""
        return functional.huber_loss(outputs, targets, reduction="none").mean(dim=1)

    @staticmethod
    def slope(outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the gradient of the sum of the losses, (B, C)."""
        return (outputs - targets).clamp(-1.0, 1.0) / outputs.shape[1]


class OutputIsLoss(nn.Module):
    """For networks whose output is the loss of each row, (B, 1): self-supervision."""

    scorers = ()

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the outputs, (B,)."""
        return outputs[:, 0]

    @staticmethod
    def score(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Minus the loss."""
        return -_weighted_mean(outputs[:, 0], weights)

    @staticmethod
    def predict(outputs: Tensor) -> Tensor:
        """Return the loss of each row, (B,)."""
        return outputs[:, 0]


class TaggingLoss(nn.Module):
    """Negative log-likelihood of a label at each step, under whatever decoder the scores have.

    Parameters
    ----------
    steps_a_row : float
        Divides the sum over a row's steps: their mean number, so that the loss is one of a step.
    class_weights : list of float, optional
        Weight of each label, (C,). A step's term is weighted by its label, given those before it.
    """

    scorers = ("accuracy",)

    def __init__(self, steps_a_row: float = 1.0, class_weights: list[float] | None = None):
        super().__init__()
        self.steps_a_row = steps_a_row
        weights = None
        if class_weights is not None:
            weights = torch.tensor(class_weights, dtype=torch.float64)
        self.register_buffer("class_weights", weights)

    def forward(self, outputs: Any, targets: Tensor) -> Tensor:
        """Return the loss of each row, (B,), for `StepScores` and labels (B, T)."""
        scores, lengths, decoder = outputs
        terms = decoder.token_log_likelihood(scores, targets, lengths)  # (B, T)
        if self.class_weights is not None:
            terms = terms * self.class_weights.to(terms.dtype)[targets]
        return -terms.sum(dim=1) / self.steps_a_row

    @staticmethod
    def score(outputs: list, targets: list[Tensor], weights: list[Tensor]) -> Tensor:
        """Share of the steps whose label is right."""
        right = total = 0.0
        for (scores, lengths, decoder), labels, weight in zip(
            outputs, targets, weights, strict=True
        ):
            n_steps = lengths.to(weight.device, weight.dtype)  # (B,)
            wrong = (decoder.decode(scores, lengths) != labels).cumsum(1)  # (B, T)
            last = (lengths - 1).to(wrong.device)[:, None]
            right = right + (weight * (n_steps - wrong.gather(1, last)[:, 0])).sum()
            total = total + (weight * n_steps).sum()
        return right / total

    @classmethod
    def predict(cls, outputs: Any) -> Tensor:
        """Return the best label of each step of the rows, (S,)."""
        scores, lengths, decoder = outputs
        return cls.flat(decoder.decode(scores, lengths), lengths)

    @staticmethod
    def flat(labels: Tensor, lengths: Tensor) -> Tensor:
        """Return the labels (B, T) of the rows' own steps, (S,)."""
        is_step = torch.arange(labels.shape[1]) < lengths[:, None]  # (B, T)
        return labels[is_step.to(labels.device)]


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum()


REGRESSION_LOSSES = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
}
