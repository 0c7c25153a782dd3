"""Cross entropy over a vocabulary, a slice of steps at a time.

The scores of 5,000 words for 4,000 steps take 80 MB, their gradient as much again, and memory of
that size is zeroed by the system at each use. Here both are computed for a slice and forgotten;
what is kept is the gradient of the features and of the weights. Heads of text use it in training.

Shape letters besides the usual: P steps that have a target, V tokens of the vocabulary.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["token_losses"]

SCORES_AT_ONCE = 1 << 21
# A slice has a multiple of so many steps, filled up with others: their number differs from batch to
# batch, and to prepare kernels for a new one takes as long as to compute with it.
STEPS = 64


def token_losses(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    *,
    label_smoothing: float = 0.0,
    cast: torch.dtype | None = None,
    alike: bool = True,
) -> Tensor:
    """Return minus the log-probability of each target, (P,), with a gradient.

    Parameters
    ----------
    features : Tensor of shape (P, E)
        What a linear map takes to scores.
    weight : Tensor of shape (V, E)
    bias : Tensor of shape (V,)
    targets : Tensor of shape (P,)
        Codes, int64, each less than V.
    label_smoothing : float, default=0.0
        Share of the target that is spread evenly over the vocabulary (Szegedy et al. 2016).
    cast : torch.dtype, optional
        What the matrix products are cast to; sums and losses stay as they are.
    alike : bool, default=True
        Whether all losses are going to count the same, as in a mean: their gradient is then
        computed with them. It is right in any case, and done twice if this is wrong.

    Examples
    --------
    >>> features, weight = torch.zeros(2, 3), torch.zeros(4, 3)
    >>> token_losses(features, weight, torch.zeros(4), torch.tensor([0, 3])).exp()
    tensor([4., 4.])
    """
    return _TokenLosses.apply(features, weight, bias, targets, label_smoothing, cast, alike)


class _TokenLosses(torch.autograd.Function):
    """Losses whose gradient is computed with them, as if all were to count the same.

    That is what a mean asks for. Where they are weighted, scores are computed once more.
    """

    @staticmethod
    def forward(ctx: Any, features, weight, bias, targets, label_smoothing, cast, alike):
        needs = any(ctx.needs_input_grad)
        losses, gradients = _computed(
            features, weight, bias, targets, label_smoothing, cast, None, needs and alike
        )
        if needs:
            ctx.alike = alike
            ctx.save_for_backward(features, weight, bias, targets, *gradients)
            ctx.options = label_smoothing, cast
        return losses

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor):
        (of_losses,) = gradients
        features, weight, bias, targets, *found = ctx.saved_tensors
        if not len(of_losses):
            return (*found, None, None, None, None)
        first = of_losses[0]
        if ctx.alike and bool((of_losses == first).all()):
            return (*(one * first for one in found), None, None, None, None)
        label_smoothing, cast = ctx.options
        _, found = _computed(
            features, weight, bias, targets, label_smoothing, cast, of_losses, True
        )
        return (*found, None, None, None, None)


def _computed(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    label_smoothing: float,
    cast: torch.dtype | None,
    of_losses: Tensor | None,
    needs_gradient: bool,
) -> tuple[Tensor, list[Tensor]]:
    """Return the losses, and the gradients of features, weight and bias, given that of losses."""
    kind, n_tokens = cast or features.dtype, len(weight)
    cast_weight = weight.to(kind)
    losses, of_features = [features.new_zeros(0)], [features.new_zeros(0, weight.shape[1])]
    of_weight, of_bias = torch.zeros_like(weight), torch.zeros_like(bias)
    size = max(SCORES_AT_ONCE // n_tokens // STEPS, 1) * STEPS
    for first in range(0, len(targets), size):
        own = slice(first, first + size)
        rows, true = features[own].to(kind), targets[own, None]
        n, missing = len(rows), -len(rows) % STEPS
        if missing:
            rows, true = (
                functional.pad(rows, (0, 0, 0, missing)),
                functional.pad(true, (0, 0, 0, missing)),
            )
        scores = torch.mm(rows, cast_weight.t()).to(bias.dtype).add_(bias)
        logarithms = torch.log_softmax(scores, dim=1)
        hits = logarithms.gather(1, true)[:, 0]
        if label_smoothing:
            hits = torch.lerp(hits, logarithms.mean(dim=1), label_smoothing)
        losses.append(-hits[:n])
        if not needs_gradient:
            continue
        of_scores = logarithms.exp_()
        if label_smoothing:
            of_scores.sub_(label_smoothing / n_tokens)
        of_scores.scatter_add_(1, true, of_scores.new_full(true.shape, label_smoothing - 1.0))
        of_scores[n:] = 0.0
        if of_losses is not None:
            of_scores[:n].mul_(of_losses[own, None])
        of_bias += of_scores.sum(dim=0)
        of_scores = of_scores.to(kind)
        of_features.append(torch.mm(of_scores, cast_weight)[:n].to(features.dtype))
        of_weight += torch.mm(of_scores.t(), rows)
    return torch.cat(losses), [torch.cat(of_features), of_weight, of_bias]
