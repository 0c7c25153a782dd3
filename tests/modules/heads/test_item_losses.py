"""Losses of items against NumPy, their gradients, and how items are sampled."""

import numpy as np
import pytest
import torch

from seqlearn.modules.heads.item_losses import ITEM_LOSSES, inclusion, no_target

RNG = np.random.default_rng(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(name, scores, target, taken):
    """The loss of one step, from the papers' equations, over the items that are taken."""
    negatives = np.array([s for i, s in enumerate(scores) if taken[i] and i != target])
    own = scores[target]
    if name == "cross_entropy":
        return -own + np.log(np.exp(own) + np.exp(negatives).sum())
    shares = np.exp(negatives) / np.exp(negatives).sum()
    if name == "bpr_max":
        better = (shares * sigmoid(own - negatives)).sum()
        return -np.log(better) + (shares * negatives**2).sum()
    return (shares * (sigmoid(negatives - own) + sigmoid(negatives**2))).sum()


@pytest.mark.parametrize("name", ITEM_LOSSES)
@pytest.mark.parametrize("share", [1.0, 0.6])
def test_losses_equal_the_papers_equations(name, share):
    scores = RNG.normal(size=(20, 7))
    targets = RNG.integers(0, 7, size=20)
    taken = RNG.random((20, 7)) < share
    taken[:, :2] = True  # a negative at least
    taken[np.arange(20), targets] = True
    given = torch.tensor(scores)
    given = given.masked_fill(~torch.tensor(taken), no_target(given))
    found = ITEM_LOSSES[name](given, torch.tensor(targets)).numpy()
    due = [by_hand(name, *one) for one in zip(scores, targets, taken, strict=True)]
    np.testing.assert_allclose(found, due, rtol=1e-9)


@pytest.mark.parametrize("name", ITEM_LOSSES)
def test_gradients_are_right_and_none_goes_to_what_takes_no_part(name):
    scores = torch.tensor(RNG.normal(size=(3, 5)), requires_grad=True)
    targets, part = torch.tensor([0, 1, 4]), torch.tensor([[True, True, False, True, True]] * 3)

    def loss(scores):
        return ITEM_LOSSES[name](scores.masked_fill(~part, no_target(scores)), targets)

    assert torch.autograd.gradcheck(loss, scores)
    loss(scores).sum().backward()
    assert (scores.grad[:, 2] == 0).all() and (scores.grad[:, [0, 1, 3, 4]] != 0).all()


@pytest.mark.parametrize("name", ITEM_LOSSES)
def test_without_a_negative_there_is_nothing_to_learn(name):
    scores = torch.full((2, 3), no_target(torch.zeros(1)))
    scores[:, 0] = torch.tensor([0.3, -2.0])
    scores.requires_grad_()
    losses = ITEM_LOSSES[name](scores, torch.zeros(2, dtype=torch.long))
    losses.sum().backward()
    assert (losses == 0).all() and (scores.grad == 0).all()


@pytest.mark.parametrize("name", ITEM_LOSSES)
@pytest.mark.parametrize("size", [0.0, 50.0, 1e4])
def test_large_scores_are_finite(name, size):
    scores = (size * torch.tensor(RNG.normal(size=(4, 6)), dtype=torch.float32)).requires_grad_()
    losses = ITEM_LOSSES[name](scores, torch.tensor([0, 1, 2, 3]))
    losses.sum().backward()
    assert losses.isfinite().all() and scores.grad.isfinite().all()


@pytest.mark.parametrize("power", [0.0, 0.75, 3.0])
def test_a_sample_has_the_size_asked_for_on_average(power):
    weights = RNG.integers(1, 1000, size=50).astype(float) ** power
    for n in (1, 10, 49):
        found = inclusion(weights, n)
        assert found.sum() == pytest.approx(n) and found.max() <= 1 and found.min() > 0
        free = found < 1
        ratio = found[free] / weights[free]
        np.testing.assert_allclose(ratio, ratio[0])


def test_items_that_never_occur_are_never_drawn():
    found = inclusion(np.array([0.0, 2.0, 1.0, 0.0]), 3)
    assert found.tolist() == [0.0, 1.0, 1.0, 0.0]
