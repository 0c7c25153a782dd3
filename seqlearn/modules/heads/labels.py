"""The head that labels every step, and the decoder of labels that do not know of each other.

`LinearChainCRF` is the decoder of those that do; both have the same methods. What labels mean is
unknown here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seqlearn.backend import Dropout, valid_steps
from seqlearn.modules.crf import LinearChainCRF
from seqlearn.modules.heads.head import Head, Seen
from seqlearn.modules.heads.losses import class_losses
from seqlearn.modules.row_blocks import RowLinear

__all__ = ["Independent", "LabelHead", "StepScores"]


class StepScores(NamedTuple):
    """What the head says of a padded batch."""

    scores: Tensor  # (B, T, C)
    lengths: Tensor | None  # (B,), on the CPU; None if all rows are full

    @property
    def known_lengths(self) -> Tensor:
        """Valid steps of each row, (B,)."""
        if self.lengths is None:
            return torch.full((len(self.scores),), self.scores.shape[1])
        return self.lengths


class Independent(nn.Module):
    """The decoder of labels that are chosen for each step alone: a softmax.

    It has the methods of `LinearChainCRF`. If not every sequence of labels is allowed, the best
    allowed one is found, among all with the product of their probabilities.

    Parameters
    ----------
    n_labels : int
        Labels, C.
    allowed : tuple, optional
        As in `LinearChainCRF`.
    loss, label_smoothing
        As in `seqlearn.modules.heads.losses.class_losses`.
    """

    def __init__(
        self,
        n_labels: int,
        *,
        allowed: Any = None,
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        self.loss_name, self.label_smoothing = loss, label_smoothing
        self.path = None
        if allowed is not None:
            self.path = LinearChainCRF(n_labels, allowed=allowed).requires_grad_(False)

    def impossible(self, lengths: Tensor) -> np.ndarray:
        """Return the rows at whose length no sequence of labels is allowed."""
        return np.zeros(0, dtype=np.int64) if self.path is None else self.path.impossible(lengths)

    def token_log_likelihood(self, scores: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
        """Return the log-probability of each label, (B, T); 0 at padded steps.

        With another loss than the cross entropy, minus that.
        """
        if self.loss_name == "cross_entropy" and self.label_smoothing == 0:
            terms = scores.log_softmax(-1).gather(-1, labels[..., None])[..., 0]  # (B, T)
        else:
            terms = -class_losses(scores, labels, self.loss_name, self.label_smoothing)
        return terms.masked_fill(~_valid(scores, lengths), 0.0)

    def marginals(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """Return the probability of each label at each step, (B, T, C); 0 at padded steps."""
        return scores.softmax(-1).masked_fill(~_valid(scores, lengths)[..., None], 0.0)

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """Return the most probable label of each step, or sequence of them, (B, T)."""
        if self.path is not None:
            return self.path.decode(scores.log_softmax(-1), lengths)
        return scores.argmax(-1).masked_fill(~_valid(scores, lengths), 0)


class LabelHead(Head):
    """A label for each step: dropout, a linear map, and a decoder that knows how to read scores.

    Parameters
    ----------
    input_size : int
        Width of the features of a step, D.
    output_size : int
        Labels, C.
    dropout : float, default=0.0
        Share of the features dropped in training.
    decoder : {"crf", "softmax"}, default="softmax"
        Whether labels depend on their neighbours.
    scheme : tuple, optional
        Which transitions (C, C), first and last labels (C,) may occur, as `LinearChainCRF` takes
        them.
    steps_a_row : float, default=1.0
        Divides the sum over a row's steps: their mean number, so that the loss is one of a step.
    class_weights : list of float, optional
        Weight of each label, (C,). A step's term is weighted by its label, given those before it.
    loss, label_smoothing
        As in `seqlearn.modules.heads.linear.ClassHead`, for the softmax alone.
    """

    reads_steps = True
    scorers = ("accuracy",)
    loss_parameters = ("steps_a_row", "class_weights", "loss", "label_smoothing")
    class_weights: Tensor | None

    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        dropout: float = 0.0,
        decoder: str = "softmax",
        scheme: Any = None,
        steps_a_row: float = 1.0,
        class_weights: list[float] | None = None,
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        self.dropout = Dropout(dropout)
        self.linear = RowLinear(input_size, output_size)
        if decoder == "crf":
            self.decoder: LinearChainCRF | Independent = LinearChainCRF(output_size, allowed=scheme)
        else:
            self.decoder = Independent(
                output_size, allowed=scheme, loss=loss, label_smoothing=label_smoothing
            )
        self.steps_a_row = steps_a_row
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.register_buffer("class_weights", weights, persistent=False)

    def forward(self, features: Tensor, seen: Seen) -> StepScores:
        """Return the scores of each label at each step."""
        return StepScores(self.linear(self.dropout(features)), seen.lengths)

    def step(self, features: Tensor, network: Any) -> Tensor:
        """Return the scores of the labels at the newest step, (B, C)."""
        if self.training:
            return self.linear(self.dropout(features))
        return self.linear.step(features)

    def loss(self, outputs: StepScores, y: Tensor) -> Tensor:
        """Return the loss of each row, (B,), for labels (B, T)."""
        terms = self.decoder.token_log_likelihood(outputs.scores, y, outputs.known_lengths)
        if self.class_weights is not None:
            terms = terms * self.class_weights.to(terms.dtype)[y]
        return -terms.sum(dim=1) / self.steps_a_row

    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """Share of the steps whose label is right."""
        right = total = torch.tensor(0.0)
        for one, labels, weight in zip(outputs, y, weights, strict=True):
            is_step = valid_steps(one.known_lengths, labels.shape[1]).to(labels.device)
            is_right = (self.read(one) == labels) & is_step  # (B, T)
            right = right + (weight * is_right.sum(dim=1)).sum()
            total = total + (weight * one.known_lengths.to(weight.device)).sum()
        return right / total

    def read(self, outputs: StepScores, what: str = "labels") -> Tensor:
        """Return the best labels, (B, T), or with "marginals" their probabilities, (B, T, C).

        "scores" are those of the labels, (B, T, C), before any decoder.
        """
        if what == "scores":
            return outputs.scores
        method = self.decoder.decode if what == "labels" else self.decoder.marginals
        return method(outputs.scores, outputs.known_lengths)

    def predict(self, outputs: StepScores) -> Tensor:
        """Return the best label of each step of the rows, (S,)."""
        return self.targets(self.read(outputs), outputs.known_lengths)

    def targets(self, y: Tensor, lengths: Tensor) -> Tensor:
        """Return the labels (B, T) of the rows' own steps, (S,)."""
        return y[valid_steps(lengths, y.shape[1]).to(y.device)]


def _valid(scores: Tensor, lengths: Tensor) -> Tensor:
    """Whether a step is one of its row, (B, T), where the scores are."""
    return valid_steps(lengths, scores.shape[1]).to(scores.device, non_blocking=True)
