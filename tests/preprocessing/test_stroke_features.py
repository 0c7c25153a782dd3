"""`StrokeFeatures`: what must not matter, what must, paths in every form, and bad ones."""

import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import (
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

from seqlearn import LSTMClassifier, to_sequences, trusted_types
from seqlearn.datasets import PenDigits
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.preprocessing import StrokeFeatures

LETTER = [[[0, 2], [0, 0], [1, 0]], [[0, 1], [1, 1]]]
coordinate = st.integers(-20, 20)
stroke = st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=8).map(np.array)
path = st.lists(stroke, min_size=1, max_size=4)


def steps_of(one, **parameters):
    (found,) = StrokeFeatures(**parameters).transform([one])
    return found


def ink_of(features):
    """Where the pen was, from the first point on, in units of the spacing."""
    return np.cumsum(features[:, :2].astype(np.float64), axis=0)


# What is computed.


def walk(points, distances):
    """The points at these distances along a line, segment by segment."""
    found = []
    for distance in distances:
        for a, b in pairwise(points):
            length = np.hypot(*(b - a))
            if distance <= length + 1e-9 and length:
                found.append(a + (b - a) * distance / length)
                break
            distance -= length
        else:
            found.append(points[-1])
    return np.array(found)


def by_hand(strokes, spacing):
    """Resampled points of a path in units of the spacing, and which of them begin a stroke."""
    points = np.concatenate(strokes)
    width, height = points.max(axis=0) - points.min(axis=0)
    size = max(height, width / 50) or 1.0
    ink, begins = [], []
    for one in strokes:
        one = (one - points.min(axis=0)) / (size * spacing)
        length = np.hypot(*np.diff(one, axis=0).T).sum()
        n = int(np.ceil(max(length - 1e-6, 0)))
        begins += [1] + [0] * n
        ink.append(walk(one, np.linspace(0, length, n + 1)))
    return np.concatenate(ink), np.array(begins)


@given(strokes=path, spacing=st.sampled_from([0.05, 0.1, 0.37, 1.0]))
def test_strokes_are_walked_along_at_equal_distances(strokes, spacing):
    found = steps_of(strokes, spacing=spacing)
    ink, begins = by_hand(strokes, spacing)
    assert found.shape == (len(ink), 6) and found.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_allclose(ink_of(found), ink - ink[0], atol=1e-3)
    assert np.array_equal(found[:, 2], begins)
    assert found[0, :2].tolist() == [0, 0]
    top = np.ptp(np.concatenate(strokes)[:, 1])
    assert found[:, 3].min() >= -1e-6 and found[:, 3].max() <= 1 + 1e-6
    if not top:
        assert not found[:, 3].any()
    np.testing.assert_allclose(np.hypot(*found[:, 4:].T), 1, atol=1e-6)


def test_turns_are_those_of_the_next_step():
    square = np.array([[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]])
    found = steps_of(square, spacing=0.5)
    right = np.flatnonzero(np.abs(found[:, 5]) > 0.5)
    assert right.tolist() == [2, 4, 6]  # the corners
    np.testing.assert_allclose(found[right, 4:], [[0, -1]] * 3, atol=1e-6)
    back = steps_of(square[::-1], spacing=0.5)
    np.testing.assert_allclose(back[right, 4:], [[0, 1]] * 3, atol=1e-6)
    around = steps_of([[[0, 0], [0, 2], [0, 0]]], spacing=0.5)
    assert around[2, 4:].tolist() == [-1, 0] and set(around[[0, 1, 3, 4], 4]) == {1}


def test_a_dot_is_a_step_and_the_way_to_it_goes_through_the_air():
    found = steps_of([[[5, 0], [5, 4]], [[5, 8]]], spacing=0.25)
    assert found[:, 2].tolist() == [1, 0, 0, 1]
    np.testing.assert_allclose(found[:, 1], [0, 1, 1, 2])
    np.testing.assert_allclose(found[:, 3], [0, 0.25, 0.5, 1])


# What makes no difference.


@given(
    strokes=path,
    scale=st.sampled_from([1e-6, 0.3, 7.0, 1e6]),
    shift=st.tuples(coordinate, coordinate),
)
def test_place_and_size_make_no_difference(strokes, scale, shift):
    found = steps_of(strokes)
    moved = steps_of([(one + np.array(shift)) * scale for one in strokes])
    assert found.shape == moved.shape
    np.testing.assert_allclose(moved, found, atol=1e-3)


@given(one=stroke, many=st.lists(st.integers(1, 3), min_size=8, max_size=8))
def test_speed_makes_no_difference(one, many):
    slow = np.repeat(one, many[: len(one)], axis=0)  # the pen rests
    np.testing.assert_allclose(steps_of(slow), steps_of(one), atol=1e-4)
    halves = (one[:-1] + one[1:]) / 2  # the tablet looks twice as often
    twice = np.insert(one.astype(float), np.arange(1, len(one)), halves, axis=0)
    np.testing.assert_allclose(steps_of(twice), steps_of(one), atol=1e-4)


@settings(max_examples=30)
@given(paths=st.lists(path, min_size=1, max_size=5))
def test_neighbours_make_no_difference(paths):
    for alone, together in zip(paths, StrokeFeatures().transform(paths), strict=True):
        np.testing.assert_allclose(steps_of(alone), together, atol=1e-5)


@pytest.mark.parametrize(
    "strokes",
    [
        [[[3, 4]]],
        [[[3, 4]] * 5],
        [[[0, 0], [100, 0]]],
        [[[0, 0], [0, 1]], [[1e9, 0]]],
        [[[0, 0]], [[0, 0]]],
        [[[1e-300, 0], [0, 1e-300]]],
        [[[1e99, -1e99], [0, 1]]],
    ],
)
def test_odd_paths_have_finite_steps_and_not_too_many(strokes):
    found = steps_of(strokes)
    assert np.isfinite(found).all() and len(found) <= 510


# Forms of a path.


def test_forms_of_a_path():
    expected = steps_of(LETTER)
    columns = np.array(
        [[0, 2, 1], [0, 0, 1], [1, 0, 1], [0.5, 0.5, 0], [9, 9, 0], [0, 1, 1], [1, 1, 1]]
    )
    packed = np.empty(2, dtype=object)
    packed[:] = [np.array(one) for one in LETTER]
    for form in (
        [np.array(one) for one in LETTER],
        tuple(LETTER),
        [torch.tensor(one) for one in LETTER],
        [np.array(LETTER[0]), np.empty((0, 2)), np.array(LETTER[1])],
        [LETTER[0], [], LETTER[1]],
        packed,
        columns,
        columns.tolist(),
        columns.astype(np.float32),
        torch.tensor(columns),
        pd.DataFrame(columns),
        np.r_[[[7, 7, 0]], columns, [[8, 8, 0]]],
    ):
        assert np.array_equal(steps_of(form), expected)
    lines = np.array([[[0, 0], [1, 1]], [[0, 2], [3, 4]]])
    single = StrokeFeatures().transform(list(lines))
    for form in (lines, to_sequences(lines.astype(float)), lines.tolist(), pd.Series(list(lines))):
        found = StrokeFeatures().transform(form)
        assert type(found) is list and all(map(np.array_equal, found, single))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "X holds no paths"),
        (None, "a NoneType; StrokeFeatures accepts a list of N paths"),
        (PenDigits(np.zeros((1, 8, 2)), np.zeros(1)), r"a PenDigits.*Pass one of these: X.paths"),
        ("abc", "a str; StrokeFeatures accepts"),
        (np.zeros((5, 2)), r"one array of shape \(5, 2\).*single path as \[path\]"),
        ([[0.0, 1.0], [2.0, 3.0]], r"Path 0 of X has shape \(2,\)"),
        ([np.zeros((3, 2)), np.zeros((3, 4))], r"Path 1 of X has shape \(3, 4\).*leave out times"),
        ([np.zeros((3, 1))], r"has shape \(3, 1\)"),
        ([[np.zeros((3, 3))]], r"Path 0 of X, stroke 0, has shape \(3, 3\)"),
        ([LETTER, []], "Path 1 of X has no point with the pen down"),
        ([np.array([[0, 0, 0], [1, 1, 0]])], "Path 0 of X has no point with the pen down"),
        ([np.array([[0, 0, 1], [1, 1, 0.4]])], r"has 0.4 in its third column.*pressure > 0"),
        ([[[0, 0], [1, np.nan], [np.inf, 0]]], "NaN, infinite or beyond 1e.100, at points 1 and 2"),
        ([[[[0, 0], [1, None]]]], "Path 0 of X, stroke 0, has coordinates.*at point 1"),
        ([[["a", "b"], ["c", "d"]]], "Path 0 of X does not hold numbers|Path 0 of X, stroke 0"),
        ([[[0, 0], [1]]], "Path 0 of X is not rectangular"),
        (["abc"], "Path 0 of X"),
    ],
)
def test_paths_that_are_refused(X, message):
    for method in ("fit", "transform"):
        with pytest.raises(DataFormatError, match=message):
            getattr(StrokeFeatures(), method)(X)


@pytest.mark.parametrize("spacing", [0, -0.1, 2, "0.1", None, True, float("nan"), 1e-9])
def test_spacings_that_are_refused(spacing):
    with pytest.raises(InvalidParameterError, match="'spacing' parameter of StrokeFeatures must"):
        StrokeFeatures(spacing).fit([LETTER])


# In scikit-learn's hands.


def test_scikit_learns_checks_of_parameters_pass():
    for check in (
        check_get_params_invariance,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
        check_set_params,
    ):
        check("StrokeFeatures", StrokeFeatures())


def test_names_pipelines_and_saved_models():
    rng = np.random.default_rng(0)
    X, y = [rng.normal(size=(n, 2)) for n in (3, 9, 5, 1)], [0, 1, 0, 1]
    strokes = StrokeFeatures(0.3)
    assert len(strokes.get_feature_names_out()) == strokes.transform(X)[0].shape[1]
    assert type(clone(strokes).set_output(transform="pandas").fit_transform(X)) is list
    pipe = make_pipeline(strokes, LSTMClassifier(hidden_size=3, max_epochs=1, random_state=0))
    pipe.fit(X, y)
    loaded = skops.io.loads(skops.io.dumps(pipe), trusted=trusted_types())
    for again in (pickle.loads(pickle.dumps(pipe)), loaded):
        assert np.array_equal(again.predict_proba(X), pipe.predict_proba(X))
