"""Losses by name: of numbers, for regressor and forecaster, and of classes.

The losses of numbers are functions of the error alone, element by element, with their gradient,
written out so that a small network need not build a graph for it.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["CLASS_LOSSES", "REGRESSION_LOSSES", "class_losses"]

FOCUS = 2.0  # of the focal loss: the exponent that Lin et al. (2017) recommend


class ErrorLoss(NamedTuple):
    """A loss of an error, the forecast less the truth, or the reverse: all are symmetric."""

    value: Callable[[Tensor], Tensor]
    gradient: Callable[[Tensor], Tensor]  # by the error


REGRESSION_LOSSES = {
    "squared_error": ErrorLoss(torch.square, lambda error: 2 * error),
    "absolute_error": ErrorLoss(torch.abs, torch.sign),
    "huber": ErrorLoss(  # squared up to an error of 1, absolute beyond (Huber 1964)
        lambda error: functional.huber_loss(error, torch.zeros_like(error), reduction="none"),
        lambda error: error.clamp(-1.0, 1.0),
    ),
}
CLASS_LOSSES = ("cross_entropy", "focal")


def class_losses(logits: Tensor, codes: Tensor, loss: str, label_smoothing: float) -> Tensor:
    """Return the loss of each code under the softmax of its logits.

    Parameters
    ----------
    logits : Tensor of shape (..., C)
    codes : Tensor of shape (...), int64
    loss : {"cross_entropy", "focal"}
        "focal" multiplies by (1 - p)^2, p the probability of the code, so that what is known
        already counts little (Lin et al. 2017).
    label_smoothing : float
        Share of the target that is spread evenly over all classes, in [0, 1).

    Returns
    -------
    Tensor of shape (...)
    """
    flat = logits.flatten(0, -2)
    losses = functional.cross_entropy(
        flat, codes.flatten(), reduction="none", label_smoothing=label_smoothing
    ).view(codes.shape)
    if loss == "focal":
        chosen = logits.log_softmax(-1).gather(-1, codes[..., None])[..., 0]
        losses = losses * (-torch.expm1(chosen)) ** FOCUS
    return losses
