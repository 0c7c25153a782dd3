"""Losses of scores of items: one item is to have a better score than the others, or some of them.

Each is a function of scores (P, M) and of the places of the targets among them, (P,); it returns a
loss a row, (P,). An item that does not take part has the score `no_target`.

Shape letters: P steps, M items that the loss looks at.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["ITEM_LOSSES", "bpr_max", "inclusion", "no_target", "top1_max"]

REGULARIZATION = 1.0  # of the scores of negatives in BPR-max
SMALLEST = 1e-24  # probability whose logarithm is taken


def no_target(scores: Tensor) -> float:
    """Return the score of an item that the loss does not look at: its softmax is exactly zero."""
    return torch.finfo(scores.dtype).min / 4


def cross_entropy(scores: Tensor, targets: Tensor) -> Tensor:
    """Return minus the log-probability of the target, (P,)."""
    return functional.cross_entropy(scores, targets, reduction="none")


def bpr_max(scores: Tensor, targets: Tensor) -> Tensor:
    """Return BPR-max (Hidasi & Karatzoglou 2018), (P,).

    Minus the logarithm of the probability that the target's score is above that of a negative, the
    mean weighted by the softmax of the negatives, and the mean square of their scores.
    """
    own, others, weights = _divided(scores, targets)
    better = (weights * torch.sigmoid(own - others)).sum(dim=1)
    squares = (weights * others.square()).sum(dim=1)
    losses = -(better + SMALLEST).log() + REGULARIZATION * squares
    return torch.where(weights.sum(dim=1) > 0, losses, 0.0)


def top1_max(scores: Tensor, targets: Tensor) -> Tensor:
    """Return TOP1-max (Hidasi & Karatzoglou 2018), (P,).

    The probability that a negative's score is above the target's, and that its square is above
    zero, the mean weighted by the softmax of the negatives.
    """
    own, others, weights = _divided(scores, targets)
    return (weights * (torch.sigmoid(others - own) + torch.sigmoid(others.square()))).sum(dim=1)


def _divided(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the target's score (P, 1), those of all, and the softmax of the negatives, (P, M)."""
    own = scores.gather(1, targets[:, None])
    least = no_target(scores)
    taken = (scores > least).scatter(1, targets[:, None], False)
    weights = scores.masked_fill(~taken, least).softmax(dim=1)
    return own, scores.masked_fill(~taken, 0.0), torch.where(taken, weights, 0.0)


ITEM_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": cross_entropy,
    "bpr_max": bpr_max,
    "top1_max": top1_max,
}


def inclusion(weights: np.ndarray, n: int) -> np.ndarray:
    """Return the probability of each item to be in a sample of ``n`` on average, (C,).

    In proportion to its weight, but at most 1: what is left over goes to the others.

    Parameters
    ----------
    weights : ndarray of shape (C,)
        Non-negative, not all zero.
    n : int
        Less than C.

    Examples
    --------
    >>> inclusion(np.array([6.0, 1.0, 1.0]), 2)
    array([1. , 0.5, 0.5])
    """
    found = np.zeros(len(weights))
    left, room = weights > 0, float(n)
    while left.any():
        found[left] = weights[left] / weights[left].sum() * room
        full = left & (found >= 1)
        if not full.any():
            break
        found[full] = 1.0
        left &= ~full
        room = n - float(len(found[found == 1.0]))
    return found
