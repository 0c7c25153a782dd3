"""One rule of deviation, wherever the package takes a scale: levels and units do not matter.

The oracle is exact arithmetic, in fractions.
"""

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMRegressor, SequenceEncoder
from seqlearn.data.calendar import estimate_season
from seqlearn.data.column_statistics import (
    may_be_lost,
    mean_and_deviation,
    or_constant,
    refuse_too_large,
)
from seqlearn.errors import DataFormatError
from seqlearn.preprocessing import SequenceNormalizer, SequenceScaler

UNITS = [1.0, 1e155, 1e-165, 1e299, 1e-300]


def exactly(values, weights=None):
    """Mean and standard deviation in fractions."""
    values = [Fraction(value) for value in values]
    weights = [Fraction(weight) for weight in (weights or [1] * len(values))]
    mean = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
    square = sum(w * (v - mean) ** 2 for w, v in zip(weights, values, strict=True)) / sum(weights)
    up = 10**700  # isqrt wants a whole number
    return float(mean), float(Fraction(isqrt(int(square * up**2)), up))


@given(
    steps=st.lists(st.integers(-1000, 1000), min_size=1, max_size=8),
    level=st.sampled_from([0.0, 1e5, -8e11]),
    unit=st.sampled_from([1.0, 2.0**515, 2.0**-548]),
    weighted=st.booleans(),
)
@settings(deadline=None, max_examples=100)
def test_mean_and_deviation_are_those_of_exact_arithmetic(steps, level, unit, weighted):
    values = (level + np.array(steps)) * unit
    weights = [(7 * i) % 5 / 2 for i in range(1, len(steps) + 1)] if weighted else None
    if weighted and not any(weights):
        return
    mean, deviation, largest = mean_and_deviation(
        values[:, None], None if weights is None else np.array(weights)
    )
    expected = exactly(values.tolist(), weights)
    np.testing.assert_allclose(mean[0], expected[0], rtol=1e-12, atol=1e-12 * unit)
    np.testing.assert_allclose(deviation[0], expected[1], rtol=1e-12)
    used = values if weights is None else values[np.array(weights) > 0]
    assert largest[0] == np.abs(used).max()


def test_missing_values_and_rows_without_weight_are_left_out():
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan], [1e300, 1.0]])
    mean, deviation, largest = mean_and_deviation(values, np.array([1.0, 1.0, 1.0, 0.0]))
    assert mean.tolist() == [2.0, 0.0]
    assert deviation.tolist() == [1.0, 0.0]
    assert largest.tolist() == [3.0, 0.0]


@pytest.mark.parametrize("value", [0.0, 0.1, -1e7, 8e11, 1e155, 1e-165])
@pytest.mark.parametrize("n", [1, 3, 100_001])
def test_a_constant_is_constant_however_often_it_is_there(value, n):
    values = np.full((n, 1), value)
    mean, deviation, largest = mean_and_deviation(values)
    assert (mean[0], deviation[0]) == (value, 0.0)
    assert mean_and_deviation(values, np.full(n, 0.1))[1][0] == 0.0
    assert or_constant(deviation, largest)[0] == 1.0


def test_rounding_errors_of_the_largest_value_are_no_spread():
    value = 8e11
    low = np.nextafter(value, 0)
    for deviation, expected in ((value - low, 1.0), (20 * (value - low), 20 * (value - low))):
        assert or_constant(deviation, value) == expected


def test_values_without_room_for_a_sum_are_refused():
    refuse_too_large(np.array([[1e300], [np.nan]]), "y")
    with pytest.raises(DataFormatError, match=r"y has a value of size 1\.7e\+308; up to 1e\+300"):
        refuse_too_large(np.array([[-1.7e308]]), "y")


# Everything that has a scale.


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("method", ["standard", "robust", "minmax"])
def test_scalers_do_not_mind_the_unit(method, unit):
    X = np.random.default_rng(0).normal(size=(4, 10, 2)) * [1.0, 0.1]
    expected = SequenceScaler(method).fit_transform(X)
    scaler = SequenceScaler(method).fit(X * unit)
    np.testing.assert_allclose(scaler.transform(X * unit), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(scaler.inverse_transform(expected) / unit, X, rtol=1e-9, atol=1e-12)
    if method != "robust":
        pieces = SequenceScaler(method).partial_fit(X[:1] * unit).partial_fit(X[1:] * unit)
        np.testing.assert_allclose(pieces.transform(X * unit), expected, rtol=1e-9, atol=1e-12)
        normal = SequenceNormalizer(method)
        ours = normal.fit_transform(X * unit)
        np.testing.assert_allclose(ours, normal.fit_transform(X), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["standard", "robust", "minmax"])
def test_scalers_see_a_small_spread_on_a_high_level(method):
    X = np.round(np.random.default_rng(0).normal(size=(4, 10, 1)) * 2**10) / 2**10
    high = X + 2.0**40  # exactly
    expected = SequenceScaler(method).fit_transform(X)
    found = SequenceScaler(method).fit_transform(high)
    last_place = 2.0**-12  # of the level, which center_ is rounded to
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=last_place)
    if method != "robust":
        normal = SequenceNormalizer(method)
        ours = normal.fit_transform(high)
        np.testing.assert_allclose(ours, normal.fit_transform(X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", ["standard", "minmax"])
def test_rounding_errors_of_a_row_do_not_become_its_shape(method):
    row = np.array([[0.1 + 0.2], [0.3], [0.3]])
    assert not np.any(SequenceNormalizer(method).fit_transform([row])[0])
    assert SequenceScaler(method).fit([row]).scale_[0] == 1.0


@pytest.mark.parametrize("unit", [1e155, 1e-165])
def test_targets_of_any_unit_are_learned(unit):
    X = np.random.default_rng(0).normal(size=(60, 5, 1))
    y = X.sum(axis=(1, 2))
    params = {"hidden_size": 8, "max_epochs": 20, "lr": 0.03, "random_state": 0}
    one = LSTMRegressor(**params).fit(X, y * unit)
    assert np.corrcoef(one.predict(X) / unit, y)[0, 1] > 0.9
    with pytest.raises(DataFormatError, match="y has a value of size"):
        LSTMRegressor(**params).fit(X, y * 1e306)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("level", [0.0, 8e11])
@pytest.mark.parametrize("slope", [0.0, 1e9])
def test_a_season_is_found_on_any_level_and_slope_and_in_any_unit(unit, level, slope):
    t = np.arange(120.0)
    y = np.sin(2 * np.pi * t / 7) + (level + slope * t)
    assert estimate_season(y * (unit if abs(unit) < 1e200 else 1e200), 40) == 7
    assert estimate_season((level + slope * t) * 1e-3, 40) == 1


def test_an_encoder_refuses_a_unit_that_its_dtype_does_not_hold():
    X = np.random.default_rng(0).normal(size=(20, 5, 2)) * [1.0, 1e-30]
    with pytest.raises(DataFormatError, match=r"Column 1 of X varies by .*'float32' does.*Scaler"):
        SequenceEncoder(hidden_size=4, max_epochs=1).fit(X)


def test_a_large_constant_does_not_drown_what_an_encoder_learns():
    X = np.random.default_rng(0).normal(size=(20, 5, 2)) * [1.0, 0.0] + [0.0, 1e9]
    assert SequenceEncoder(hidden_size=4, max_epochs=1, random_state=0).fit(X).loss_curve_[0] < 3


# What the dtype of a network does not hold of X.

LOST = {"a level": lambda X: X + 8e11, "a unit": lambda X: X * 1e-165}
SMALL = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}


def labels_for(estimator, X):
    labels = np.arange(len(X)) % 2
    return np.repeat(labels[:, None], X.shape[1], axis=1) if estimator is BiLSTMTagger else labels


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize(
    "estimator", [LSTMClassifier, LSTMRegressor, SequenceEncoder, BiLSTMTagger]
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_what_a_dtype_does_not_hold_of_all_of_x_is_refused(estimator, lost, method):
    X = LOST[lost](np.random.default_rng(0).normal(size=(8, 5, 1)))
    y = labels_for(estimator, X)
    more = {}
    if method == "partial_fit" and estimator in (LSTMClassifier, BiLSTMTagger):
        more["classes"] = [0, 1]
    with pytest.raises(DataFormatError, match=r"Column 0 of X varies by .*'float32'.*Scaler"):
        getattr(estimator(**SMALL), method)(list(X), y, **more)
    make_pipeline(SequenceScaler(), estimator(**SMALL)).fit(list(X), y)


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("as_given", [np.asarray, list, lambda X: [x.tolist() for x in X]])
def test_a_column_that_is_lost_beside_others_is_warned_of(as_given, lost):
    X = np.random.default_rng(0).normal(size=(8, 5, 3))
    X[..., 1] = LOST[lost](X[..., 1])
    X[..., 2] = 3.0  # a constant is not lost
    with pytest.warns(UserWarning, match="Column 1 of X varies by .*'float32'"):
        LSTMClassifier(**SMALL).fit(as_given(X), np.arange(8) % 2)


def test_a_part_that_hardly_varies_goes_on_learning_with_a_warning():
    X, y = np.random.default_rng(0).normal(size=(8, 5, 1)), np.arange(8) % 2
    classifier = LSTMClassifier(**SMALL).partial_fit(X, y, classes=[0, 1])
    with pytest.warns(UserWarning, match="Column 0 of X varies by"):
        classifier.partial_fit(1e5 + X[:2] * 1e-4, y[:2])


@pytest.mark.parametrize("place", [0, 1, 511, 777, 999])
@pytest.mark.parametrize("n_columns", [1, 3])
def test_one_step_in_a_thousand_makes_a_column_vary(place, n_columns):
    values = np.ones((1000, n_columns), np.float32)
    assert may_be_lost(values)
    values[place] = 2.0
    assert not may_be_lost(values)


# Targets on another scale than that of the first fit, and the score of any unit.


@pytest.mark.parametrize("params", [{}, {"warm_start": True}])
def test_targets_far_from_those_of_the_first_fit_are_refused(params):
    X, y = np.random.default_rng(0).normal(size=(8, 5, 1)), np.arange(8.0)
    regressor = LSTMRegressor(**SMALL, **params).fit(X, y)
    go_on = regressor.fit if params else regressor.partial_fit
    before = regressor.predict(X)
    with pytest.raises(DataFormatError, match=r"y has a value that is .* those of fit are about 1"):
        go_on(X, y * 1e20)
    np.testing.assert_array_equal(regressor.predict(X), before)
    go_on(X, y * 1e5)


@pytest.mark.parametrize("shape", [(20,), (20, 2)])
def test_the_score_of_targets_does_not_mind_their_unit(shape):
    X = np.random.default_rng(0).normal(size=(20, 5, 1))
    y = np.random.default_rng(1).normal(size=shape)
    units = np.array([1e-165, 1e155])[: y.ndim] if y.ndim > 1 else 1e155
    regressor = LSTMRegressor(**SMALL).fit(X, y * units)
    errors = ((regressor.predict(X) / units - y) ** 2).sum(axis=0)
    expected = 1 - errors / ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    assert regressor.score(X, y * units) == pytest.approx(np.mean(expected), rel=1e-9)
