"""LSTMRegressor: numbers in the unit of y, one or several."""

import numpy as np
import pytest

from seqlearn import LSTMRegressor
from seqlearn.datasets import make_adding_problem

SMALL = {"hidden_size": 8, "max_epochs": 30, "lr": 0.02, "random_state": 0}


@pytest.fixture
def sums(ragged):
    X, _ = ragged
    return X, np.array([x[:, 0].mean() for x in X])


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_every_loss_learns(loss, sums):
    X, y = sums
    assert LSTMRegressor(**SMALL, loss=loss).fit(X, y).score(X, y) > 0.7


def test_unit_and_origin_of_the_target_do_not_matter(sums):
    """But for the order of rows, which follows from their bits."""
    X, y = sums
    plain = LSTMRegressor(**SMALL, dropout=0.0).fit(X, y).predict(X)
    other = LSTMRegressor(**SMALL, dropout=0.0).fit(X, 1e6 * y + 5e7).predict(X)
    np.testing.assert_allclose((other - 5e7) / 1e6, plain, atol=0.1)


def test_several_outputs(sums):
    X, y = sums
    Y = np.column_stack([y, -100 * y, np.full(len(y), 3.0)])
    predicted = LSTMRegressor(**SMALL).fit(X, Y).predict(X)
    assert predicted.shape == (40, 3)
    np.testing.assert_allclose(predicted[:, 2], 3.0, atol=0.2)
    assert np.corrcoef(predicted[:, 1], -100 * y)[0, 1] > 0.8


@pytest.mark.slow
def test_the_shape_of_y_comes_back(sums):
    X, y = sums
    assert LSTMRegressor(**SMALL).fit(X, y).predict(X).shape == (40,)
    assert LSTMRegressor(**SMALL).fit(X, y[:, None]).predict(X).shape == (40, 1)
    assert LSTMRegressor(**SMALL).fit(X, y).predict(X).dtype == np.float64


@pytest.mark.slow
def test_absolute_error_fits_the_median_and_squared_error_the_mean():
    rng = np.random.default_rng(0)
    X, y = np.zeros((200, 3, 1)), rng.exponential(size=200)
    X += rng.normal(scale=1e-3, size=X.shape)  # rows that are equal would be merged
    params = {"hidden_size": 2, "max_epochs": 100, "random_state": 0, "lr": 0.02}
    median = LSTMRegressor(**params, loss="absolute_error").fit(X, y).predict(X).mean()
    mean = LSTMRegressor(**params).fit(X, y).predict(X).mean()
    assert median == pytest.approx(np.median(y), abs=0.08)
    assert mean == pytest.approx(y.mean(), abs=0.08)


@pytest.mark.slow
@pytest.mark.parametrize("readout", ["last", "max"])
def test_it_solves_the_short_adding_problem(readout):
    X, y = make_adding_problem(1000, 20, random_state=0)
    X_test, y_test = make_adding_problem(200, 20, random_state=1)
    model = LSTMRegressor(hidden_size=32, max_epochs=40, readout=readout, random_state=0)
    error = ((model.fit(X, y).predict(X_test) - y_test) ** 2).mean()
    assert error < 0.01  # always answering 1 has 1/6


def test_partial_fit_fixes_the_scale_in_the_first_call(sums):
    X, y = sums
    model = LSTMRegressor(**SMALL).partial_fit(X, y)
    mean = model._learned.targets.mean.copy()
    model.partial_fit(X, y + 100)
    assert np.array_equal(model._learned.targets.mean, mean)
    with pytest.raises(ValueError, match="shape"):
        model.partial_fit(X, np.column_stack([y, y]))


def test_a_first_part_of_equal_targets_fixes_no_scale_of_rounding_errors():
    X = np.random.default_rng(0).normal(size=(24, 5, 2))
    model = LSTMRegressor(**SMALL).partial_fit(X[:3], np.full(3, 0.1))
    targets = X.mean(axis=(1, 2)) * 5
    for _ in range(40):
        model.partial_fit(X, targets)
    assert model.score(X, targets) > 0.5
