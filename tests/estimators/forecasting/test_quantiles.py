"""Quantiles at other levels, and conformal shifts, on plain arrays.

What the forecaster does with them is tested with the forecaster.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm

from seqlearn.estimators.forecasting.quantiles import at_levels, conformal_shifts, sorted_levels

LEVEL = st.integers(1, 999).map(lambda n: n / 1000)
KNOWN = st.lists(LEVEL, min_size=2, max_size=7, unique=True).map(sorted)
WANTED = st.lists(LEVEL, min_size=1, max_size=20)


def ascending(n):
    steps = hnp.arrays(float, (3, n), elements=st.floats(0, 100))
    return steps.map(lambda s: np.cumsum(s, axis=-1) - 50.0)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_known_levels_are_returned_to_the_bit(data):
    known = data.draw(KNOWN)
    values = data.draw(ascending(len(known)))
    order = data.draw(st.permutations(range(len(known))))
    found = at_levels(values, known, [known[i] for i in order])
    np.testing.assert_array_equal(found, values[:, order])


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_higher_levels_are_not_lower(data):
    known = data.draw(KNOWN)
    values = data.draw(ascending(len(known)))
    wanted = sorted(data.draw(WANTED))
    found = at_levels(values, known, wanted)
    spread = values[:, -1:] - values[:, :1] + 1.0
    assert (np.diff(found, axis=-1) >= -1e-9 * spread).all()


@given(KNOWN, WANTED, st.floats(-100, 100), st.floats(0.01, 100))
@settings(deadline=None, max_examples=60)
def test_a_normal_distribution_is_exact_at_all_levels(known, wanted, mean, scale):
    values = norm.ppf(known, mean, scale)
    np.testing.assert_allclose(
        at_levels(values, known, wanted), norm.ppf(wanted, mean, scale), atol=1e-8 * scale * 1e3
    )


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_levels_between_lie_between(data):
    known = data.draw(KNOWN)
    values = data.draw(ascending(len(known)))
    for level in data.draw(WANTED):
        if known[0] <= level <= known[-1]:
            found = at_levels(values, known, [level])[:, 0]
            below, above = values[:, np.array(known) <= level], values[:, np.array(known) >= level]
            assert (found >= below[:, -1] - 1e-9).all()
            assert (found <= above[:, 0] + 1e-9).all()


def test_leading_axes_stay():
    values = np.sort(np.random.default_rng(0).normal(size=(2, 3, 4, 3)), axis=-1)
    found = at_levels(values, [0.1, 0.5, 0.9], [0.3, 0.99])
    assert found.shape == (2, 3, 4, 2)
    np.testing.assert_array_equal(
        found[1, 2, 3], at_levels(values[1, 2, 3], [0.1, 0.5, 0.9], [0.3, 0.99])
    )


@pytest.mark.parametrize("given", [[0.9, 0.1], (0.9, 0.1, 0.9), np.array([0.9, 0.1]), {0.1, 0.9}])
def test_levels_are_sorted_and_distinct(given):
    levels = sorted_levels(given)
    assert levels == (0.1, 0.9)
    assert all(type(level) is float for level in levels)


def test_no_levels_are_none():
    assert sorted_levels(None) is None


# Conformal shifts. Of n + 1 exchangeable errors each is the new one with the same probability, so
# that shifts which are valid cover the share that their level says when each takes its turn.


@given(
    errors=st.lists(st.floats(-10, 10), min_size=60, max_size=120, unique=True),
    level=st.sampled_from([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]),
)
@settings(deadline=None, max_examples=20)
def test_a_shift_covers_what_its_level_says_of_exchangeable_errors(errors, level):
    errors, n = np.array(errors), len(errors) - 1
    covered = [
        errors[i] <= conformal_shifts(np.delete(errors, i).reshape(n, 1, 1, 1), [level])[0, 0]
        for i in range(n + 1)
    ]
    if level >= 0.5:
        assert level <= np.mean(covered) <= level + 2 / n
    else:
        assert level - 2 / n <= np.mean(covered) <= level + 1 / n


@given(
    alpha=st.sampled_from([0.1, 0.2, 0.5]),
    seed=st.integers(0, 1000),
    n=st.integers(60, 100),
)
@settings(deadline=None, max_examples=15)
def test_an_interval_covers_what_it_says_of_exchangeable_errors(alpha, seed, n):
    rng = np.random.default_rng(seed)
    true = rng.standard_t(3, size=n + 1)
    levels = [alpha / 2, 1 - alpha / 2]
    quantiles = np.array([-0.1, 0.3])  # wrong on purpose
    inside = []
    for i in range(n + 1):
        errors = (np.delete(true, i)[:, None] - quantiles).reshape(n, 1, 1, 2)
        low, high = quantiles + conformal_shifts(errors, levels)[0]
        inside.append(low <= true[i] <= high)
    assert np.mean(inside) >= 1 - alpha


def test_shifts_of_higher_levels_are_not_lower_for_equal_errors():
    levels = [0.05, 0.3, 0.5, 0.7, 0.95]
    errors = np.random.default_rng(0).normal(size=(200, 3, 2, 1)).repeat(5, axis=3)
    assert (np.diff(conformal_shifts(errors, levels), axis=1) >= 0).all()


def test_missing_errors_are_left_out():
    errors = np.random.default_rng(0).normal(size=(100, 2, 1, 1))
    holes = errors.copy()
    holes[::4, 1] = np.nan
    alone = conformal_shifts(errors[np.arange(100) % 4 != 0], [0.9])
    assert conformal_shifts(holes, [0.9])[1] == alone[1]
    assert conformal_shifts(holes, [0.9])[0] == conformal_shifts(errors, [0.9])[0]


def test_nothing_held_out_shifts_nothing():
    errors = np.full((80, 2, 1, 2), np.nan)
    assert conformal_shifts(errors, [0.1, 0.9]).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_many_errors_of_a_step_are_not_pooled_and_few_are():
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(100, 3, 1, 1)) + np.array([0.0, 100.0, 200.0])[:, None, None]
    assert np.diff(conformal_shifts(errors, [0.5])[:, 0]).min() > 50
    few = errors[:10]
    assert conformal_shifts(few, [0.99])[0, 0] > 50  # the next step's errors count too
