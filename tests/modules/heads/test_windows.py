"""Heads of windows, against their definitions in NumPy."""

import numpy as np
import pytest
import torch

from seqlearn.data.windows import WindowBatch
from seqlearn.modules.heads.head import Seen
from seqlearn.modules.heads.windows import ReconstructionHead, StepsAheadHead


def outputs_of(head, past, seed=0):
    batch = WindowBatch(past, None, None, torch.zeros(len(past), dtype=torch.int64))
    features = torch.randn(len(past), 5, generator=torch.Generator().manual_seed(seed))
    return head.eval()(features, Seen(batch, past, None, None, None, None))


@pytest.fixture
def past():
    values = torch.randn(7, 4, 3, generator=torch.Generator().manual_seed(1))
    values[0, 1, 2] = values[3] = torch.nan
    return values


def test_losses_are_means_over_what_is_observed(past):
    varies = np.array([True, True, False])
    ahead = past[:, :2]
    for head, true in (
        (ReconstructionHead(5, n_steps=4, varies=varies), past),
        (StepsAheadHead(5, n_steps=2, varies=varies), ahead),
    ):
        outputs = outputs_of(head, past)
        squares = (outputs.steps - true).square().detach().numpy()
        expected = [0.0 if np.isnan(one).all() else np.nanmean(one) for one in squares]
        assert head.loss(outputs, ahead).tolist() == pytest.approx(expected, rel=1e-5)
        assert (outputs.steps[..., 2] == 0).all()  # what never varied is expected not to


def test_distances_are_squares_of_decorrelated_errors(past):
    head = ReconstructionHead(5, n_steps=4, varies=np.ones(3, bool))
    outputs, weights = outputs_of(head, past), np.random.default_rng(0).normal(size=(3, 3))
    errors = (past - outputs.steps).detach().double().numpy()
    missing = np.isnan(errors)
    squares = (np.where(missing, 0.0, errors) @ weights) ** 2
    n_observed = np.maximum((~missing).sum(axis=(1, 2)), 1)
    expected = squares.sum(axis=1) / n_observed[:, None]
    assert head.read(outputs, decorrelate=weights).detach().numpy() == pytest.approx(
        expected, rel=1e-4
    )
    newest = np.where(missing, 0.0, errors)[:, -1]
    assert head.read(outputs).detach().numpy() == pytest.approx(newest, abs=1e-6)
