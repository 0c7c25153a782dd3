"""Heads that are dropout and one linear map of a sequence's vector: classes, labels, numbers."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from seqlearn.backend import Dropout
from seqlearn.modules.heads.head import Head, Seen, weighted_mean
from seqlearn.modules.heads.losses import REGRESSION_LOSSES, class_losses
from seqlearn.modules.row_blocks import RowLinear
from seqlearn.torch_internals import log_softmax_nll_with_gradient

__all__ = ["ClassHead", "LinearHead", "MultilabelHead", "ValueHead"]


class LinearHead(Head):
    """Dropout and a linear map: (B, D) to (B, C).

    Parameters
    ----------
    input_size : int
        Width of the features, D.
    output_size : int
        Outputs a sequence, C.
    dropout : float, default=0.0
        Share of the features dropped in training.
    """

    def __init__(self, input_size: int, output_size: int, *, dropout: float = 0.0):
        super().__init__()
        self.dropout = Dropout(dropout)
        self.linear = RowLinear(input_size, output_size)

    def forward(self, features: Tensor, seen: Seen | None = None) -> Tensor:
        """Return the outputs, (B, C)."""
        return self.linear(self.dropout(features))

    def step(self, features: Tensor, network: Any) -> Tensor:
        """Return the outputs for the features of the prefix so far, (B, C)."""
        if self.training:
            return self(features)
        return self.linear.step(features)


class ClassHead(LinearHead):
    """One class a sequence: logits of C classes, and codes (B,).

    Parameters
    ----------
    input_size, output_size, dropout
        As in `LinearHead`.
    loss : {"cross_entropy", "focal"}, default="cross_entropy"
        See `seqlearn.modules.heads.losses.class_losses`.
    label_smoothing : float, default=0.0
        Share of the target that all classes divide between them.
    """

    scorers = ("accuracy",)
    loss_parameters = ("loss", "label_smoothing")

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        dropout: float = 0.0,
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
    ):
        super().__init__(input_size, output_size, dropout=dropout)
        self.loss_name, self.label_smoothing = loss, label_smoothing

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each row, (B,)."""
        return class_losses(outputs, y, self.loss_name, self.label_smoothing)

    def loss_with_gradient(self, outputs, y, weights):
        """Return losses and their gradient; that of the plain cross entropy is written out."""
        if self.loss_name == "cross_entropy" and self.label_smoothing == 0:
            return log_softmax_nll_with_gradient(outputs, y, weights)
        return super().loss_with_gradient(outputs, y, weights)

    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """Accuracy."""
        right = [self.predict(one) == codes for one, codes in zip(outputs, y, strict=True)]
        return weighted_mean(right, weights)

    def predict(self, outputs: Tensor) -> Tensor:
        """Return the code of the best class, (B,)."""
        return outputs.argmax(dim=1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return those of the classes, (B, C)."""
        return outputs.double().softmax(dim=1)


class MultilabelHead(LinearHead):
    """Any number of C labels a sequence: log-odds of each, and targets (B, C) of 0 and 1."""

    scorers = ("accuracy",)

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the sum of the binary cross entropies of each row, (B,)."""
        return functional.binary_cross_entropy_with_logits(outputs, y, reduction="none").sum(dim=1)

    def loss_with_gradient(self, outputs, y, weights):
        """Return losses and their gradient, written out."""
        return self.loss(outputs, y), (outputs.sigmoid() - y) * weights[:, None]

    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """Share of the rows in which every label is right."""
        pairs = zip(outputs, y, strict=True)
        return weighted_mean(
            [((one > 0) == (true > 0.5)).all(dim=1) for one, true in pairs], weights
        )

    def predict(self, outputs: Tensor) -> Tensor:
        """Return 1 for each label that is there, else 0, (B, C)."""
        return (outputs > 0).long()

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return that of each label, (B, C)."""
        return outputs.double().sigmoid()


class ValueHead(LinearHead):
    """C numbers a sequence, in a scale in which they vary by about 1.

    Parameters
    ----------
    input_size, output_size, dropout
        As in `LinearHead`.
    loss : str, default="squared_error"
        A name in `seqlearn.modules.heads.losses.REGRESSION_LOSSES`; the mean over the outputs.
    """

    scorers = ("r2",)
    loss_parameters: ClassVar = ("loss",)

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        dropout: float = 0.0,
        loss: str = "squared_error",
    ):
        super().__init__(input_size, output_size, dropout=dropout)
        self.of_error = REGRESSION_LOSSES[loss]

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each row, (B,)."""
        return self.of_error.value(outputs - y).mean(dim=1)

    def loss_with_gradient(self, outputs, y, weights):
        """Return losses and their gradient, written out."""
        error = outputs - y
        gradient = self.of_error.gradient(error) * (1 / outputs.shape[1]) * weights[:, None]
        return self.of_error.value(error).mean(dim=1), gradient

    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """R2, the mean over the outputs."""
        found, true, weight = (torch.cat(list(parts)) for parts in (outputs, y, weights))
        centre = (weight[:, None] * true).sum(0) / weight.sum()
        residual = (weight[:, None] * (true - found) ** 2).sum(0)
        total = (weight[:, None] * (true - centre) ** 2).sum(0)
        r2 = torch.where(total > 0, 1 - residual / total, (residual == 0).to(total.dtype))
        return r2.mean()
