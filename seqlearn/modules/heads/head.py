"""What a head is: the last station of a network, and the one that knows the task.

`seqlearn.modules.network.Network` calls it, `seqlearn.training.net` asks it for losses and scores,
estimators ask it to read what it gave. Labels are codes here, values are in the scale they are
trained in; what they mean is known to the targets of an estimator.

Shape letters: B batch, T steps, F features, E values a step that the core reads, D core output.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["Head", "Seen", "weighted_mean"]


class Seen(NamedTuple):
    """What a head may look at besides the features of a batch."""

    x: Any  # as the network was given it: (B, T, F), or what an input reads
    values: Tensor  # what the core read, (B, T, E)
    lengths: Tensor | None  # of these rows, (B,) on the CPU; None if all are full
    context: Any  # what the input says of the batch besides
    y: Any  # targets in training, for heads that decode with them; else None
    network: Any  # to read further values with its encoder, or to share the weights of its input


class Head(nn.Module, ABC):
    """Base of all heads.

    Parameters of a subclass are plain values, as a saved model holds them; the first argument is
    the width D of the features.

    Attributes
    ----------
    reads_steps : bool
        The head reads the vectors of all steps, (B, T, D), and not that of a readout, (B, D).
    exact_rows : int or None
        In evaluation on a CPU the network runs on blocks of exactly so many rows, because the
        input or the head rounds by the number of rows.
    reads_again : bool
        The head runs the encoder on further values, which autograd alone differentiates.
    autocast : torch.dtype or None
        What a head that multiplies much may cast its matrix products to in training.
    scorers : tuple of str
        What scikit-learn calls `score`.
    loss_parameters : tuple of str
        Arguments that change the loss alone: a fit may go on with other ones.
    grows : tuple of str
        Arguments that say how many rows a table has, or each of several: a fit may go on with more,
        which come after those that are there.
    """

    reads_steps: ClassVar[bool] = False
    exact_rows: ClassVar[int | None] = None
    reads_again: bool = False
    autocast: torch.dtype | None = None
    scorers: ClassVar[tuple[str, ...]] = ()
    loss_parameters: ClassVar[tuple[str, ...]] = ()
    grows: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **more: Any):
        # A gradient that was written out belongs to the loss of its class, and to no later one.
        super().__init_subclass__(**more)
        names = {"loss", "loss_with_gradient"}
        nearest = next(one for one in cls.__mro__ if names & vars(one).keys())
        if "loss_with_gradient" not in vars(nearest):
            setattr(cls, "loss_with_gradient", Head.loss_with_gradient)  # noqa: B010

    @abstractmethod
    def forward(self, features: Tensor, seen: Seen) -> Any:
        """Return the outputs for features (B, D), or (B, T, D) for a head that reads steps."""

    @abstractmethod
    def loss(self, outputs: Any, y: Any) -> Tensor:
        """Return the loss of each row, (B,): row weights can then be exact."""

    @abstractmethod
    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """Return what grows with quality, of the outputs of some batches and weighted rows."""

    def read(self, outputs: Any) -> Tensor:
        """Return the numbers that predictions are made of; subclasses may have options."""
        return outputs

    def predict(self, outputs: Any) -> Tensor:
        """Return what is held against `targets` to score: codes of classes, or values."""
        return self.read(outputs)

    def targets(self, y: Any, lengths: Tensor) -> Any:
        """Return the targets of a batch in the shape of `predict`."""
        return y

    def step(self, features: Tensor, network: Any) -> Any:
        """Return the outputs of one step of a stream, from features (B, D); see `Seen.network`."""
        raise NotImplementedError(f"{type(self).__name__} does not answer step by step.")

    def loss_with_gradient(self, outputs: Tensor, y: Any, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of each row, (B,), and the gradient of their weighted sum, (B, C).

        For outputs that are one tensor. A head that has a loss with a short gradient writes it out.
        """
        leaf = outputs.detach().requires_grad_()
        losses, own = self.loss(leaf, y), [one for one in self.parameters() if one.requires_grad]
        total = (losses * weights).sum()
        gradient, *others = torch.autograd.grad(total, [leaf, *own], allow_unused=True)
        if any(one is not None for one in others):
            raise NotImplementedError(
                f"The loss of {type(self).__name__} depends on weights of the head. Compute what "
                "does in its method forward, and return it among the outputs."
            )
        return losses.detach(), gradient


def weighted_mean(values: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Return the mean of rows that come in batches."""
    weight = torch.cat(list(weights))
    return (torch.cat(list(values)).to(weight.dtype) * weight).sum() / weight.sum()
