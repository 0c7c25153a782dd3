"""Splits by time hold what they promise, for all kinds of times, inside of scikit-learn too."""

import datetime
import pickle
from collections import deque

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score

from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.model_selection import TimeSplit, leave_last_out

property_test = settings(deadline=None, max_examples=100)


def parts(times, *arguments, X=None, **parameters):
    splitter = TimeSplit(times, *arguments, **parameters)
    found = [(train.tolist(), test.tolist()) for train, test in splitter.split(X)]
    assert splitter.get_n_splits() == len(found)
    return found


@property_test
@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=40),
    st.integers(1, 4),
    st.one_of(st.none(), st.integers(1, 5), st.floats(0.05, 0.4)),
)
def test_tests_are_later_than_training_and_no_time_is_on_both_sides(times, n_splits, test_size):
    times = np.array(times)
    try:
        found = parts(times, n_splits, test_size=test_size)
    except InvalidParameterError as error:
        assert "empty" in str(error) or "equal" in str(error)
        return
    assert len(found) == n_splits
    for train, test in found:
        assert train and test and sorted(train) == train and sorted(test) == test
        assert times[train].max() < times[test].min()
        assert set(train) == set(np.flatnonzero(times < times[test].min()))
    tests = [row for _, test in found for row in test]
    assert len(set(tests)) == len(tests)
    assert set(tests) | set(found[0][0]) == set(range(len(times)))  # nothing is left out


@property_test
@given(st.integers(2, 40), st.integers(1, 5), st.integers(1, 3))
def test_different_times_are_split_as_scikit_learn_splits_rows(n, n_splits, test_size):
    if n_splits < 2 or n <= n_splits * test_size:
        return
    order = np.random.default_rng(n).permutation(n)
    found = parts(np.argsort(order) + 7, n_splits, test_size=test_size)
    expected = TimeSeriesSplit(n_splits, test_size=test_size).split(order)
    for (train, test), (earlier, later) in zip(found, expected, strict=True):
        assert train == sorted(order[earlier]) and test == sorted(order[later])


def test_equal_times_move_the_border_to_the_nearest_one():
    assert parts([0, 1, 1, 1, 2, 3], test_size=3) == [([0, 1, 2, 3], [4, 5])]
    assert parts([0, 1, 1, 1, 1, 3], test_size=4) == [([0], [1, 2, 3, 4, 5])]
    assert parts([0, 0, 0, 1], test_size=0.9) == [([0, 1, 2], [3])]


def test_default_is_the_later_half():
    assert parts([4, 3, 2, 1]) == [([2, 3], [0, 1])]


DAYS = ["1998-12-31", "1999-01-01", "1998-03-01", "1999-04-01"]


@pytest.mark.parametrize(
    "times",
    [
        DAYS,
        np.array(DAYS, dtype="M8[D]"),
        np.array(DAYS, dtype="M8[s]"),
        pd.to_datetime(DAYS),
        pd.Series(pd.to_datetime(DAYS), index=[5, 5, 1, 0]),
        pd.Series(DAYS),
        pl.Series(DAYS).str.to_date(),
        [datetime.date.fromisoformat(day) for day in DAYS],
        [datetime.datetime.fromisoformat(f"{day}T00:00") for day in DAYS],
    ],
    ids=lambda times: type(times).__name__,
)
@pytest.mark.parametrize(
    "boundaries",
    [
        ["1999-01-01", "1999-04-01"],
        pd.to_datetime(["1999-01-01", "1999-04-01"]),
        [np.datetime64("1999-01-01"), np.datetime64("1999-04-01")],
        [datetime.date(1999, 1, 1), datetime.date(1999, 4, 1)],
    ],
    ids=["str", "pandas", "numpy", "date"],
)
def test_boundaries_in_all_kinds_of_dates(times, boundaries):
    assert parts(times, boundaries=boundaries) == [([0, 2], [1]), ([0, 1, 2], [3])]
    assert parts(times, test_size=1) == [([0, 1, 2], [3])]


def test_dates_with_a_time_zone():
    times = pd.to_datetime(DAYS).tz_localize("Europe/Oslo")
    boundaries = [pd.Timestamp("1998-12-31T23:00", tz="UTC")]  # new year in Oslo
    assert parts(times, boundaries=boundaries) == [([0, 2], [1, 3])]
    assert parts(pd.Series(times), test_size=1) == [([0, 1, 2], [3])]


def test_boundaries_in_numbers():
    assert parts([5, 1, 3.5], boundaries=[3]) == [([1], [0, 2])]
    large = np.array([2**62, 2**62 + 1])  # not told apart in float64
    assert parts(large, boundaries=[2**62 + 1]) == [([0], [1])]


class Mean(BaseEstimator):
    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y=None):
        self.mean_ = np.mean([np.mean(row) for row in X]) + self.shift
        return self

    def score(self, X, y=None):
        return -abs(self.mean_ - np.mean([np.mean(row) for row in X]))


def test_inside_of_scikit_learn():
    X = [[1.0, 2.0], [5.0], [2.0, 2.0, 2.0], [6.0]]
    splitter = TimeSplit([0, 1, 0, 2], boundaries=[1])
    assert cross_val_score(Mean(), X, cv=splitter).tolist() == [-(5.5 - 1.75)]
    search = GridSearchCV(Mean(), {"shift": [0.0, 4.0]}, cv=splitter)
    assert clone(search).fit(X).best_params_ == {"shift": 4.0}
    again = pickle.loads(pickle.dumps(splitter))
    assert [t.tolist() for _, t in again.split(X)] == [[1, 3]]


def test_sequences_in_a_long_frame_are_not_divided():
    frame = pd.DataFrame({"session": [1, 1, 2, 2, 2, 3], "time": [5, 9, 6, 7, 8, 9]})
    begins = frame.groupby("session")["time"].transform("min")
    [(train, test)] = TimeSplit(begins, test_size=2).split(frame)
    assert frame["session"].iloc[train].tolist() == [1, 1, 2, 2, 2]
    assert frame["session"].iloc[test].tolist() == [3]


def test_repr_is_short():
    assert repr(TimeSplit(list(range(999)))) == "TimeSplit(<999 times>, n_splits=1, test_size=None)"
    assert repr(TimeSplit([1, 2], boundaries=[2])) == "TimeSplit(<2 times>, boundaries=[2])"


@pytest.mark.parametrize(
    ("times", "parameters", "message"),
    [
        ([1, 2], {}, "holds 2 times, but X has 3 rows"),
        ([1, np.nan, 2], {}, "times, row 1: nan is no time"),
        (["1999-01-01", None, "1999-01-02"], {}, "times, row 1: None is no time"),
        (["1999-01-01", "yesterday", "1999-01-02"], {}, "cannot be read as times"),
        ([[1], [2], [3]], {}, r"shape \(3, 1\)"),
        ([True, False, True], {}, "type bool"),
        ([1, 2, 3], {"boundaries": ["1999-01-01"]}, "are dates without a time zone and times num"),
        (3, {}, "times is 3"),
    ],
)
def test_times_that_are_refused(times, parameters, message):
    with pytest.raises(DataFormatError, match=message):
        list(TimeSplit(times, **parameters).split([[1], [2], [3]]))


@pytest.mark.parametrize(
    ("times", "parameters", "message"),
    [
        ([1, 1, 1], {}, "All 3 times are equal"),
        ([1, 2, 2], {"n_splits": 2}, "would leave a part empty: there are 2 different times"),
        ([1, 2, 3], {"n_splits": 0}, "n_splits must be an integer >= 1, got 0"),
        ([1, 2, 3], {"test_size": 1.5}, "test_size must be an integer >= 1 or a share"),
        ([1, 2, 3], {"test_size": 0}, "test_size must be"),
        ([1, 2, 3], {"boundaries": [1]}, "leave a part empty"),
        ([1, 2, 3], {"boundaries": [3.5]}, "leave a part empty"),
        ([1, 2, 3], {"boundaries": [3, 2]}, "leave a part empty"),
        ([1, 2, 3], {"boundaries": [2.1, 2.2]}, "leave a part empty"),
        ([1, 2, 3], {"boundaries": []}, "leave a part empty"),
    ],
)
def test_splits_that_are_refused(times, parameters, message):
    with pytest.raises(InvalidParameterError, match=message):
        list(TimeSplit(times, **parameters).split([[1], [2], [3]]))


# Leave last out


@property_test
@given(st.lists(st.lists(st.one_of(st.integers(), st.text()), min_size=1, max_size=6), max_size=9))
def test_what_is_cut_off_and_what_is_left_make_the_sequences(sequences):
    train, prefixes, y = leave_last_out(sequences)
    cut = [row for row in sequences if len(row) > 1]
    assert [[*row, last] for row, last in zip(prefixes, y, strict=True)] == cut
    assert [row if len(row) == 1 else row[:-1] for row in sequences] == train


def test_last_out_of_arrays():
    train, prefixes, y = leave_last_out([np.arange(6).reshape(3, 2), (7,)])
    assert train[0].tolist() == prefixes[0].tolist() == [[0, 1], [2, 3]] and train[1] == (7,)
    assert y[0].tolist() == [4, 5] and len(y) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([["a", "b"], []], r"sequence 1 is \[\]; a list"),
        (["tea"], "sequence 0 is 'tea'"),
        ([3], "sequence 0 is 3"),
        ("tea", "sequences is 'tea', a str"),
        (3, "sequences is 3, a int"),
        (pd.DataFrame({"item": [1]}), r"is a DataFrame; lists.*groupby"),
    ],
)
def test_sequences_that_are_refused(given, message):
    with pytest.raises(DataFormatError, match=message):
        leave_last_out(given)


def test_columns_of_lists_and_other_rows_are_cut():
    rows = [["a", "b", "c"], ["d"]]
    expected = leave_last_out(rows)
    columns = [pd.Series(rows)]
    for name, make in (("polars", "Series"), ("pyarrow", "array")):
        columns.append(getattr(pytest.importorskip(name), make)(rows))
    others = [list(map(deque, rows)), list(map(pd.Series, rows)), deque(rows)]
    for same in (*columns, *others):
        assert leave_last_out(same) == expected


def test_times_in_a_column_of_objects_are_read_and_the_missing_one_is_named():
    split = TimeSplit(np.array([1, 3, 2], dtype=object), test_size=1)
    assert [test.tolist() for _, test in split.split(None)] == [[1]]
    with pytest.raises(DataFormatError, match="times, row 1: None is no time"):
        next(TimeSplit([1, None, 2]).split(None))
    with pytest.raises(DataFormatError, match=r"cannot be read as times: \['soon', 'late'\]"):
        next(TimeSplit(["soon", "late"]).split(None))
