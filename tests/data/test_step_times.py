"""Times of steps: differences, steps of one time, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlearn.data.containers import unpack
from seqlearn.data.gap_statistics import mean_gaps
from seqlearn.data.sequences import Sequences
from seqlearn.data.step_times import read_steps, without_unit
from seqlearn.errors import DataFormatError, InvalidParameterError

NAN = np.nan


class Reader:
    """Stands for an estimator: it is asked for its name."""

    missing = "mask"


def read(X, time_column=0, missing="mask", dtype="float32", **more):
    return read_steps(
        Reader(), unpack(X), None, dtype=dtype, time_column=time_column, missing=missing, **more
    )[0]


def row(*times, value=1.0):
    return np.column_stack([times, np.full(len(times), value)])


def test_a_time_becomes_the_time_since_the_step_before():
    X = [row(3.0, 3.5, 10.0), row(7.0)]
    before = [x.copy() for x in X]
    found = read(X)
    assert found.values[:, 0].tolist() == [0.0, 0.5, 6.5, 0.0]
    assert found.values[:, 1].tolist() == [1.0] * 4
    assert all(np.array_equal(*pair) for pair in zip(X, before, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_seconds_since_1970_lose_no_digit(dtype):
    """In float32 they are 128 seconds apart."""
    found = read([row(1.7e9, 1.7e9 + 1, 1.7e9 + 1.25)], dtype=dtype)
    assert found.values[:, 0].tolist() == [0.0, 1.0, 0.25]


def test_names_and_numbers_of_columns():
    frames = [pd.DataFrame({"v": [1.0, 2.0], "hour": [4.0, 9.0]})] * 2
    for name in ("hour", 1, -1, np.int64(1)):
        assert read(frames, name).values[:2].tolist() == [[1.0, 0.0], [2.0, 5.0]]
    table = pd.DataFrame({"hour": [[1.0, 2.0]], "v": [[[1.0, 2.0], [3.0, 4.0]]]})
    assert read(table, "hour").values.tolist() == [[0.0, 1.0, 2.0], [1.0, 3.0, 4.0]]


@pytest.mark.parametrize(
    ("X", "time_column", "message"),
    [
        ([row(1.0), row(2.0)], 2, "time_column=2, but X has 2 values a step: 0 to 1"),
        ([row(1.0), row(2.0)], -3, "time_column=-3"),
        ([row(1.0), row(2.0)], "hour", "time_column='hour', but X has no names"),
        ([pd.DataFrame(row(1.0), columns=["t", "v"])] * 2, "hour", "the columns 't' and 'v'"),
        (np.ones((3, 4)), 0, "X is 2-D: series of one feature"),
        (
            pd.DataFrame({"hour": [[[1.0, 2.0]]], "v": [[1.0]]}),
            "hour",
            "that column of X has 2 values a step",
        ),
    ],
)
def test_columns_that_are_not_there(X, time_column, message):
    with pytest.raises(InvalidParameterError, match=message):
        read(X, time_column)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            [row(1.0), row(1.0, NAN, 3.0, NAN)],
            "without a time.*: sequence 1 at steps 1 and 3",
        ),
        ([row(1.0), row(-1.0, 2.0)], "negative times: sequence 1 at step 0"),
        ([row(1.0, 2.0), row(1.0, 3.0, 2.0)], "earlier time than .*: sequence 1 at step 2"),
        ([row(2.0, 1.0)] * 5, "sequence 0 at step 1; .*and 2 more sequences. Sort"),
        ([row(1.0), row(1.0, np.inf)], "infinity: sequence 1 at step 1"),
        ([row(1.0), row(1.0, 2.0, value=-np.inf)], "infinity: sequence 1 at steps 0 and 1"),
        ([row(1.0), row(1.0, 2.0, value=1e300)], "too large|infinity: sequence 1 at steps 0 and 1"),
    ],
)
def test_times_that_are_refused(X, message):
    with pytest.raises(DataFormatError, match=message):
        read(X)
    assert X[0].dtype == np.float64


def test_nan_among_values_is_refused_at_its_own_step_unless_it_is_data():
    X = [row(1.0, 1.0, 2.0)]
    X[0][2, 1] = NAN
    assert np.isnan(read(X).values[1, 1])
    with pytest.raises(DataFormatError, match="NaN: sequence 0 at step 2"):
        read(X, missing="error")


def test_steps_of_one_time_become_their_mean():
    X = [
        np.array([[1.0, 5.0, NAN], [1.0, NAN, NAN], [1.0, 7.0, NAN], [2.0, 1.0, 1.0]]),
        np.array([[0.0, 2.0, 2.0]]),
    ]
    found = read(X)
    assert found.lengths.tolist() == [2, 1]
    np.testing.assert_array_equal(found.values, [[0, 6, NAN], [1, 1, 1], [0, 2, 2]])
    with pytest.raises(DataFormatError, match=r"sequence 0 at steps 1 and 2\. Reader"):
        read(X, merges=False)


@given(seed=st.integers(0, 2**16), share=st.sampled_from([0.0, 0.4, 0.9]))
def test_the_order_of_steps_of_one_time_changes_nothing(seed, share):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.sort(rng.integers(0, 5, size=20)), rng.normal(size=(20, 2))])
    x[:, 1:][rng.random((20, 2)) < share] = NAN
    other = x[np.lexsort((rng.random(20), x[:, 0]))]
    found = read([x, x[:1]], dtype="float64")
    np.testing.assert_array_equal(found.values, read([other, x[:1]], dtype="float64").values)
    for i, time in enumerate(np.unique(x[:, 0])):
        own = x[x[:, 0] == time, 1:]
        for j in range(2):
            there = own[~np.isnan(own[:, j]), j]
            due = there.mean() if len(there) else NAN
            np.testing.assert_allclose(found.values[i, 1 + j], due, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("factor", [60, 1 / 24, 3600, 1e-9, 7.3])
def test_rows_are_compared_whatever_the_unit_of_time(factor):
    rng = np.random.default_rng(0)
    times = [rng.uniform(0, 50, size=n).round(1).cumsum() for n in (3, 9, 1)]
    values = [
        without_unit(
            read([row(*(of_row * unit)) for of_row in times]), 0, np.ones(3), np.float32
        ).values
        for unit in (1.0, factor)
    ]
    np.testing.assert_array_equal(*values)


@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    share=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 2**16),
)
def test_mean_gaps_equal_a_loop(lengths, share, seed):
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=(n, 2)) for n in lengths]
    elapsed = [np.append(0.0, rng.exponential(size=n - 1)) for n in lengths]
    weights, found = rng.integers(1, 4, size=len(lengths)), [[], []]
    for x, between, weight in zip(rows, elapsed, weights, strict=True):
        x[rng.random(x.shape) < share] = NAN
        for j in range(2):
            since = 0.0
            for t, passed in enumerate(between):
                gap = since + passed
                if gap > 0:
                    found[j] += [(gap, weight)]
                since = gap if np.isnan(x[t, j]) else 0.0
    due = [_mean(pairs) for pairs in found]
    sequences = Sequences(np.concatenate(rows), np.concatenate(([0], np.cumsum(lengths))))
    answer = mean_gaps(sequences, weights, np.concatenate(elapsed))
    np.testing.assert_allclose(answer, due, rtol=1e-9)


def _mean(pairs):
    return sum(g * w for g, w in pairs) / sum(w for _, w in pairs) if pairs else 1.0
