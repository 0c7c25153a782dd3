"""The canonical training set: weights are repetitions, and the order of rows does not matter."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn import to_sequences
from seqlearn.data.merge_rows import merge_rows

quick = settings(deadline=None, max_examples=80)

# Few values and short sequences, so that many rows are equal.
a_sequence = st.lists(st.sampled_from([0.0, 1.0, -2.5]), min_size=1, max_size=3)


whole_numbers = st.integers(0, 6)
fractions = st.floats(0, 1e3)


@st.composite
def training_sets(draw, weight):
    n = draw(st.integers(1, 12))
    rows = [np.array(draw(a_sequence), dtype=np.float32) for _ in range(n)]
    targets = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    weights = np.array(draw(st.lists(weight, min_size=n, max_size=n)), float)
    if not weights.any():
        weights[0] = 1
    return [row[:, None] for row in rows], targets, weights


def run(rows, targets, weights):
    sequences = to_sequences(rows)
    chosen, merged = merge_rows(sequences, targets, weights)
    return sequences.take(chosen), targets[chosen], merged


def assert_identical(left, right):
    """Bit for bit."""
    assert left[0].offsets.tolist() == right[0].offsets.tolist()
    assert left[0].values.tobytes() == right[0].values.tobytes()
    for a, b in zip(left[1:], right[1:], strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


def repeat(counts, seed):
    """Row numbers, each as often as counted, in random order."""
    chosen = np.repeat(np.arange(len(counts)), counts.astype(int))
    return np.random.default_rng(seed).permutation(chosen)


@quick
@given(training_sets(whole_numbers), st.integers(0, 99))
def test_a_weight_is_a_repetition(example, seed):
    rows, targets, counts = example
    chosen = repeat(counts, seed)
    assert_identical(
        run(rows, targets, counts),
        run([rows[i] for i in chosen], targets[chosen], np.ones(len(chosen))),
    )


@quick
@given(
    st.lists(st.tuples(st.integers(1, 9), st.floats(0.1, 10)), min_size=1, max_size=8),
    st.integers(0, 99),
)
def test_a_fractional_weight_is_a_repetition_too(counts_and_weights, seed):
    counts, weights = map(np.array, zip(*counts_and_weights, strict=True))
    rows = np.arange(len(counts), dtype=np.float64).reshape(-1, 1, 1)
    chosen = repeat(counts, seed)
    assert_identical(
        run(rows, np.zeros(len(rows)), counts * weights),
        run(rows[chosen], np.zeros(len(chosen)), weights[chosen]),
    )


@quick
@given(training_sets(fractions), st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(example, seed):
    rows, targets, weights = example
    order = np.random.default_rng(seed).permutation(len(rows))
    assert_identical(
        run(rows, targets, weights), run([rows[i] for i in order], targets[order], weights[order])
    )


@quick
@given(training_sets(fractions))
def test_rows_are_the_distinct_ones_with_weight_and_their_weights_add_up(example):
    rows, targets, weights = example
    expected = {}
    for row, target, weight in zip(rows, targets, weights, strict=True):
        if weight > 0:
            key = row.tobytes(), int(target)
            expected[key] = expected.get(key, 0.0) + weight
    merged, merged_targets, merged_weights = run(rows, targets, weights)
    found = {
        (row.tobytes(), int(target)): weight
        for row, target, weight in zip(merged, merged_targets, merged_weights, strict=True)
    }
    assert len(merged) == len(found)
    assert found.keys() == expected.keys()
    for key, weight in found.items():
        assert weight == pytest.approx(expected[key])
    assert merged_weights.dtype == np.float64


def test_rows_with_different_targets_stay_apart():
    rows = [np.ones((2, 1))] * 4
    for targets in (
        np.array([0, 1, 2, 3]),
        np.array([0.5, 0.25, 1.0, 2.0]),
        np.array([[0, 1], [1, 0], [1, 1], [0, 0]]),
    ):
        merged, merged_targets, weights = run(rows, targets, np.ones(4))
        assert len(merged) == 4
        assert sorted(merged_targets.tolist()) == sorted(targets.tolist())
        assert weights.tolist() == [1] * 4


def test_rows_of_other_lengths_stay_apart():
    rows = [np.zeros((1, 2)), np.zeros((2, 2)), np.zeros((3, 2)), np.zeros((2, 2))]
    merged, _, weights = run(rows, np.zeros(4), np.ones(4))
    assert sorted(zip(merged.lengths.tolist(), weights, strict=True)) == [
        (1, 1.0),
        (2, 2.0),
        (3, 1.0),
    ]


def test_equality_is_of_bits():
    """0.0 and -0.0 are two rows: merging them would not be what a repetition does either."""
    merged, _, weights = run([np.array([[0.0]]), np.array([[-0.0]])], np.zeros(2), np.ones(2))
    assert len(merged) == 2
    assert weights.tolist() == [1, 1]


def test_weight_zero_drops_a_row():
    rows = [np.full((1, 1), value) for value in (1.0, 2.0, 1.0)]
    merged, targets, weights = run(rows, np.array([0, 1, 0]), np.array([2.0, 0.0, 3.0]))
    assert (merged.values.tolist(), targets.tolist(), weights.tolist()) == ([[1.0]], [0], [5.0])


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "longdouble"])
def test_any_layout_of_equal_values_gives_the_same_rows(dtype):
    X = np.random.default_rng(0).normal(size=(6, 5, 3)).astype(dtype)
    y = np.arange(12.0).reshape(6, 2)
    expected = run(X, y, np.ones(6))
    assert_identical(expected, run(np.asfortranarray(X), np.asfortranarray(y), np.ones(6)))
    assert_identical(expected, run(list(X), y, np.ones(6)))


def test_rows_are_numbered_not_copied():
    X = np.random.default_rng(0).normal(size=(60, 500, 3)).astype(np.float32)
    y, weights, sequences = np.arange(60), np.ones(60), to_sequences(X)
    assert np.shares_memory(sequences.values, X)
    before = X.copy()
    tracemalloc.start()
    rows, merged = merge_rows(sequences, y, weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 10
    assert sorted(rows.tolist()) == y.tolist() and not np.shares_memory(merged, weights)
    assert np.array_equal(X, before)


def test_memory_mapped_values_stay_where_they_are(tmp_path):
    path = tmp_path / "values.npy"
    np.save(path, np.random.default_rng(0).normal(size=(20, 5, 3)).astype(np.float32))
    X = np.load(path, mmap_mode="r")
    sequences = to_sequences(X)
    rows, _ = merge_rows(sequences, np.zeros(20), np.ones(20))
    assert np.shares_memory(sequences.values, X) and len(rows) == 20
