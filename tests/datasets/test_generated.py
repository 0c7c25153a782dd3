"""The generated problems: answers recomputed from X, ranges, seeds, and refused arguments."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from seqlearn.datasets import (
    make_adding_problem,
    make_delayed_copy,
    make_noisy_sines,
    make_temporal_order,
)
from seqlearn.errors import InvalidParameterError, SeqlearnError

MAKERS = [make_adding_problem, make_temporal_order, make_delayed_copy, make_noisy_sines]
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)


# Every answer, recomputed


@few
@given(n_samples=st.integers(1, 5), length=st.integers(2, 40), seed=seeds)
def test_adding_problem(n_samples, length, seed):
    X, y = make_adding_problem(n_samples, length, random_state=seed)
    assert X.shape == (n_samples, length, 2) and y.shape == (n_samples,)
    for steps, answer in zip(X.tolist(), y.tolist(), strict=True):
        assert all(0 <= value < 1 and marker in (0, 1) for value, marker in steps)
        marked = [t for t, (_, marker) in enumerate(steps) if marker == 1]
        assert len(marked) == 2
        assert marked[0] < length // 2 <= marked[1]
        assert answer == steps[marked[0]][0] + steps[marked[1]][0]


def test_adding_problem_baseline_is_as_stated():
    _, y = make_adding_problem(200_000, 2, random_state=0)
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, rel=0.01)


@few
@given(n_samples=st.integers(1, 5), length=st.integers(10, 60), seed=seeds)
def test_temporal_order(n_samples, length, seed):
    X, y = make_temporal_order(n_samples, length, random_state=seed)
    assert X.shape == (n_samples, length, 8) and y.shape == (n_samples,)
    for steps, answer in zip(X.tolist(), y.tolist(), strict=True):
        assert all(sorted(step) == [0] * 7 + [1] for step in steps)
        text = "".join("EBabcdXY"[step.index(1)] for step in steps)
        assert text[0] == "E" and text[-1] == "B"
        first, second = [t for t, symbol in enumerate(text) if symbol in "XY"]
        assert math.floor(0.1 * length) <= first <= math.floor(0.2 * length)
        assert math.floor(0.5 * length) <= second <= length * 6 // 10
        assert set(text[1:-1]) <= set("abcdXY")
        assert answer == text[first] + text[second]


def test_temporal_order_uses_its_whole_range():
    X, y = make_temporal_order(4000, 100, random_state=0)
    relevant = X[:, :, 6:].sum(axis=2)  # (N, T)
    steps = np.nonzero(relevant.any(axis=0))[0]
    assert steps.tolist() == [*range(10, 21), *range(50, 61)]
    counts = Counter(y.tolist())
    assert set(counts) == {"XX", "XY", "YX", "YY"}
    assert all(850 < count < 1150 for count in counts.values())  # 1000 expected, 5 deviations


@few
@given(data=st.data(), seed=seeds)
def test_delayed_copy(data, seed):
    n_symbols = data.draw(st.integers(2, 5))
    memory_length = data.draw(st.integers(1, 6))
    length = data.draw(st.integers(memory_length, 20))
    delay = data.draw(st.none() | st.integers(length - memory_length, length - 1))
    X, y = make_delayed_copy(
        3,
        length,
        n_symbols=n_symbols,
        memory_length=memory_length,
        delay=delay,
        random_state=seed,
    )
    assert X.shape == (3, length, n_symbols + 1) and y.dtype.kind == "i"
    for steps, answer in zip(X.tolist(), y.tolist(), strict=True):
        assert all(sorted(step) == [0] * n_symbols + [1] for step in steps)
        codes = [step.index(1) for step in steps]
        assert all(code < n_symbols for code in codes[:memory_length])
        assert codes[memory_length:] == [n_symbols] * (length - memory_length)
        seen_before = 0 if delay is None else length - 1 - delay
        assert answer == codes[seen_before]


def fitted_turns(x, length):
    """Return the turns in `length` steps of the sine that best fits x, by least squares."""
    grid = np.arange(1.5, 0.49 * length, 0.02)
    angle = 2 * np.pi * np.outer(grid, np.arange(len(x)) / length)
    waves = np.linalg.qr(np.stack([np.sin(angle), np.cos(angle)], axis=-1)).Q  # (grid, T_i, 2)
    return grid[np.argmax(np.sum((x @ waves) ** 2, axis=-1))]


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_noisy_sines_have_the_frequency_of_their_class(ragged, n_classes):
    X, y = make_noisy_sines(10, 60, n_classes=n_classes, noise=0, ragged=ragged, random_state=1)
    for x, label in zip(X, y.tolist(), strict=True):
        turns = fitted_turns(np.ravel(x), 60)
        assert 3 * label + 2 - 0.02 <= turns <= 3 * label + 4 + 0.02


def test_noisy_sines_can_be_told_apart_at_the_defaults():
    X, y = make_noisy_sines(30, random_state=0)
    centres = np.array([3, 6, 9])  # of the bands, in turns
    nearest = [np.argmin(abs(centres - fitted_turns(x, 100))) for x in X]
    assert nearest == y.tolist()


@few
@given(data=st.data(), n_samples=st.integers(1, 12), n_classes=st.integers(2, 4), seed=seeds)
def test_noisy_sines_forms(data, n_samples, n_classes, seed):
    length = data.draw(st.integers(6 * n_classes + 2, 40))
    whole, y = make_noisy_sines(n_samples, length, n_classes=n_classes, random_state=seed)
    broken, same_y = make_noisy_sines(
        n_samples, length, n_classes=n_classes, ragged=True, random_state=seed
    )
    assert whole.shape == (n_samples, length)
    np.testing.assert_array_equal(y, same_y)
    counts = [y.tolist().count(k) for k in range(n_classes)]
    assert sum(counts) == n_samples and max(counts) - min(counts) <= 1
    for x, full in zip(broken, whole, strict=True):
        assert x.ndim == 2 and x.shape[1] == 1
        assert length // 2 <= len(x) <= length
        np.testing.assert_array_equal(x[:, 0], full[: len(x)])


def test_noisy_sines_noise_has_its_size():
    clean, _ = make_noisy_sines(200, noise=0, random_state=3)
    noisy, _ = make_noisy_sines(200, noise=0.7, random_state=3)
    assert np.std(noisy - clean) == pytest.approx(0.7, rel=0.03)


# What all of them share


@pytest.mark.parametrize("make", MAKERS)
def test_equal_seeds_give_equal_data(make):
    X, y = make(7, 30, random_state=5)
    for again in (5, np.random.RandomState(5)):
        same_X, same_y = make(7, 30, random_state=again)
        np.testing.assert_array_equal(X, same_X)
        np.testing.assert_array_equal(y, same_y)
    assert not np.array_equal(X, make(7, 30, random_state=6)[0])


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("random_state", [0, None])
def test_the_global_random_state_is_untouched(make, random_state):
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    X, _ = make(5, 30, random_state=random_state)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert np.random.get_state()[2] == 624  # its place in the stream, as seeding leaves it
    np.random.seed(0)
    same = np.array_equal(X, make(5, 30, random_state=random_state)[0])
    assert same == (random_state == 0)


@pytest.mark.parametrize("make", MAKERS)
def test_defaults_give_a_hundred_sequences_of_a_hundred_steps(make):
    X, y = make()
    assert X.shape[:2] == (100, 100) and y.shape == (100,)
    assert X.dtype == np.float64 and np.isfinite(X).all()


def test_scikit_learn_takes_them_as_they_are():
    X, y = make_delayed_copy(200, 12, n_symbols=3, random_state=0)
    scores = cross_val_score(LogisticRegression(), X.reshape(200, -1), y, cv=3)
    assert scores.mean() == 1.0  # one-hot steps at fixed places: linear, once unrolled


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "n_samples must be an integer >= 1, got 0"),
        ({"n_samples": 2.0}, "n_samples must be an integer >= 1, got 2.0"),
        ({"n_samples": True}, "n_samples must be an integer >= 1, got True"),
        ({"length": 0}, r"length must be an integer >= \d+, got 0"),
        ({"length": "long"}, r"length must be an integer >= \d+, got 'long'"),
        ({"random_state": "seed"}, "random_state must be .* got 'seed'"),
        ({"random_state": -1}, "random_state must be .* got -1"),
    ],
)
def test_bad_arguments_are_refused(make, arguments, message):
    with pytest.raises(InvalidParameterError, match=message) as caught:
        make(**arguments)
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, SeqlearnError)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (make_adding_problem, {"length": 1}, "length must be an integer >= 2, got 1"),
        (make_temporal_order, {"length": 9}, "length must be an integer >= 10, got 9"),
        (make_delayed_copy, {"length": 9}, "length must be an integer >= 10, got 9"),
        (make_delayed_copy, {"n_symbols": 1}, "n_symbols must be an integer >= 2, got 1"),
        (make_delayed_copy, {"memory_length": 0}, "memory_length must be an integer >= 1, got 0"),
        (make_delayed_copy, {"delay": 100}, "delay must be an integer from 90 to 99, got 100"),
        (make_delayed_copy, {"delay": 89}, "delay must be an integer from 90 to 99, got 89"),
        (make_noisy_sines, {"length": 19}, "length must be an integer >= 20, got 19"),
        (make_noisy_sines, {"n_classes": 1}, "n_classes must be an integer >= 2, got 1"),
        (make_noisy_sines, {"noise": -0.1}, "noise must be a finite number >= 0, got -0.1"),
        (make_noisy_sines, {"noise": math.nan}, "noise must be a finite number >= 0, got nan"),
        (make_noisy_sines, {"noise": "loud"}, "noise must be a finite number >= 0, got 'loud'"),
        (make_noisy_sines, {"ragged": "no"}, "ragged must be True or False, got 'no'"),
    ],
)
def test_bad_arguments_of_one_problem_are_refused(make, arguments, message):
    with pytest.raises(InvalidParameterError, match=message):
        make(**arguments)
