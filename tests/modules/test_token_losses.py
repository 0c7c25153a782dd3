"""Losses over a vocabulary in slices: torch's own cross entropy is the oracle."""

import pytest
import torch
from torch.nn import functional

from seqlearn.modules import token_losses as file
from seqlearn.modules.token_losses import token_losses

P, E, V = 50, 6, 11


def inputs(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = (P, E), (V, E), (V,)
    parts = [torch.randn(*shape, generator=generator, requires_grad=True) for shape in shapes]
    return parts, torch.randint(0, V, (P,), generator=generator)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("at_once", [1, 7 * V, 1 << 21])
def test_losses_and_gradients_are_those_of_torch(
    monkeypatch, label_smoothing, weighted, alike, at_once
):
    monkeypatch.setattr(file, "SCORES_AT_ONCE", at_once)
    parts, targets = inputs()
    weights = torch.linspace(0.5, 2.0, P) if weighted else torch.full((P,), 0.3)
    found = token_losses(*parts, targets, label_smoothing=label_smoothing, alike=alike)
    scores = functional.linear(*parts)
    due = functional.cross_entropy(
        scores, targets, reduction="none", label_smoothing=label_smoothing
    )
    torch.testing.assert_close(found, due)
    for one, other in zip(
        torch.autograd.grad((found * weights).sum(), parts),
        torch.autograd.grad((due * weights).sum(), parts),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_a_cast_rounds_products_and_nothing_else():
    parts, targets = inputs()
    exact, cast = (token_losses(*parts, targets, cast=kind) for kind in (None, torch.bfloat16))
    assert cast.dtype == torch.float32
    assert 0 < (exact - cast).abs().max() < 0.1


def test_no_target_no_loss():
    parts, targets = inputs()
    parts[0] = parts[0][:0].detach().requires_grad_()
    losses = token_losses(*parts, targets[:0])
    assert losses.shape == (0,)
    for one, part in zip(torch.autograd.grad(losses.sum(), parts), parts, strict=True):
        assert one.shape == part.shape and not one.any()


def test_without_gradient_none_is_computed():
    parts, targets = inputs()
    with torch.no_grad():
        assert not token_losses(*parts, targets).requires_grad
