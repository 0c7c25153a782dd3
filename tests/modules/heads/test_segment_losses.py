"""The loss of forecasts against scikit-learn's metrics and sums by hand, missing targets too."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, mean_squared_error

from seqlearn.modules.heads.losses import REGRESSION_LOSSES
from seqlearn.modules.heads.segments import Forecast, SegmentHead

QUANTILES = (0.1, 0.5, 0.8)


def case_of(n_rows=4, H=5, C=2, *, n_quantiles=0, seed=0, missing=0.0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    forecast = Forecast(
        draw(n_rows, H, C, 1 + n_quantiles), 10 * draw(n_rows, 1, C), draw(n_rows, 1, C).exp()
    )
    targets = 10 * draw(n_rows, H, C)
    gone = torch.rand(targets.shape, generator=generator) < missing
    return forecast, targets.masked_fill(gone, float("nan"))


def head_of(loss="absolute_error", quantiles=None):
    """Return a head whose network is not asked: forecasts are given by hand."""
    sizes = {"n_segments": 1, "segment_length": 1, "horizon": 1, "n_columns": 1, "n_channels": 1}
    sizes |= {"n_past_features": 0, "n_future_features": 0, "dropout": 0.0, "decoding": "parallel"}
    return SegmentHead(1, **sizes, quantiles=quantiles, loss=loss)


def values_of(forecast):
    outputs, centre, scale = (part.numpy() for part in forecast)
    return centre[..., None] + scale[..., None] * outputs


def huber(true, predicted):
    errors = np.abs(true - predicted)
    return np.where(errors <= 1, errors**2 / 2, errors - 0.5).mean()


ORACLES = {
    "absolute_error": mean_absolute_error,
    "squared_error": mean_squared_error,
    "huber": huber,
}


def test_every_point_loss_has_an_oracle():
    assert set(ORACLES) == set(REGRESSION_LOSSES)


@settings(deadline=None, max_examples=30)
@given(
    loss=st.sampled_from(sorted(ORACLES)),
    quantiles=st.sampled_from([None, (0.5,), QUANTILES]),
    missing=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 2**20),
)
def test_a_row_costs_its_mean_point_loss_and_its_mean_pinball_loss(loss, quantiles, missing, seed):
    n_quantiles = 0 if quantiles is None else len(quantiles)
    forecast, targets = case_of(n_quantiles=n_quantiles, missing=missing, seed=seed)
    losses = head_of(loss, quantiles).loss(forecast, targets)
    assert losses.shape == (4,)
    values = values_of(forecast)
    for row in range(4):
        there = ~np.isnan(targets[row].numpy())
        if not there.any():
            assert float(losses[row]) == 0
            continue
        true, predicted = targets[row].numpy()[there], values[row][there]
        expected = ORACLES[loss](true, predicted[:, 0])
        if quantiles:
            pinball = [
                mean_pinball_loss(true, predicted[:, 1 + i], alpha=level)
                for i, level in enumerate(quantiles)
            ]
            expected = expected + np.mean(pinball)
        assert float(losses[row]) == pytest.approx(expected)


@pytest.mark.parametrize("quantiles", [None, QUANTILES])
@pytest.mark.parametrize("loss", sorted(ORACLES))
def test_several_points_cost_the_mean_of_each(loss, quantiles):
    forecast, targets = case_of(n_quantiles=1 + len(quantiles or ()), missing=0.3)
    head = head_of(loss, quantiles)
    each = []
    for left_out in (0, 1):
        kept = [i for i in range(forecast.outputs.shape[-1]) if i != left_out]
        each.append(head.loss(forecast._replace(outputs=forecast.outputs[..., kept]), targets))
    torch.testing.assert_close(head.loss(forecast, targets), (each[0] + each[1]) / 2)


@pytest.mark.parametrize("loss", sorted(ORACLES))
def test_missing_targets_have_no_gradient(loss):
    forecast, targets = case_of(n_quantiles=3, missing=0.5)
    targets[1] = float("nan")
    outputs = forecast.outputs.requires_grad_(True)
    head_of(loss, QUANTILES).loss(forecast, targets).sum().backward()
    is_missing = targets.isnan()
    assert outputs.grad.isfinite().all()
    assert (outputs.grad[is_missing] == 0).all()
    assert (outputs.grad[~is_missing] != 0).all()


def test_quantiles_are_where_the_loss_is_least():
    """Of one forecast for many targets, gradient descent finds their quantiles."""
    targets = torch.randn(2000, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    outputs = torch.zeros(1, 1, 1, 4, dtype=torch.float64, requires_grad=True)
    head = head_of("squared_error", QUANTILES)
    zero, one = torch.zeros(2000, 1, 1).double(), torch.ones(2000, 1, 1).double()
    optimizer = torch.optim.Adam([outputs], lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        forecast = Forecast(outputs.expand(2000, 1, 1, 4), zero, one)
        head.loss(forecast, targets).mean().backward()
        optimizer.step()
    found = outputs.detach().flatten().numpy()
    expected = [targets.mean(), *np.quantile(targets.numpy(), QUANTILES)]
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_the_score_is_minus_the_weighted_mean_absolute_error():
    forecast, targets = case_of(n_rows=6, n_quantiles=3, missing=0.3)
    weights = torch.tensor([1.0, 2.0, 0.0, 1.0, 3.0, 1.0], dtype=torch.float64)
    batches = [slice(0, 4), slice(4, 6)]
    score = head_of().score(
        [Forecast(*(part[rows] for part in forecast)) for rows in batches],
        [targets[rows] for rows in batches],
        [weights[rows] for rows in batches],
    )
    there = ~np.isnan(targets.numpy())
    of_each = np.broadcast_to(weights.numpy()[:, None, None], targets.shape)[there]
    expected = mean_absolute_error(
        targets.numpy()[there], values_of(forecast)[..., 0][there], sample_weight=of_each
    )
    assert float(score) == pytest.approx(-expected)
