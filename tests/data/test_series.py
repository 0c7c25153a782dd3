"""Reading frames onto regular steps, against pandas' own reindexing and concatenation.

What is read, continued and refused in `seqlearn.data.series`; windows over the arrays have their
own tests, and so has what the forecaster makes of an error.
"""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqlearn.data.grid import extended, step_of, steps_after
from seqlearn.data.messages import listed
from seqlearn.data.series import (
    panel_index,
    read_features,
    read_series,
    refuse_unobserved,
    where_known,
)
from seqlearn.errors import DataFormatError

LONG = 40
INDEXES = {
    "range": pd.RangeIndex(LONG),
    "negative": pd.RangeIndex(-7, LONG - 7),
    "integers": pd.Index(np.arange(3, LONG + 3)),
    **{f"period {f}": pd.period_range("2020-01", periods=LONG, freq=f) for f in "MDhWQY"},
    **{f"period {f}": pd.period_range("2020-01", periods=LONG, freq=f) for f in ("2M", "30min")},
    **{
        f"date {f}": pd.date_range("2020-01", periods=LONG, freq=f)
        for f in ("D", "h", "15min", "MS", "ME", "QS", "YS", "B", "W-SUN", "2D")
    },
    "date zone": pd.date_range("2020-03-20", periods=LONG, freq="h", tz="Europe/Stockholm"),
}
EVEN = ["date D", "date h", "date 15min", "date W-SUN", "date 2D"]  # steps of one length
CALENDAR = ["date MS", "date ME", "date QS", "date YS"]
GAPPED = [name for name in INDEXES if not name.startswith("date")]


def frame(index, columns=1, seed=0):
    values = np.random.default_rng(seed).normal(size=(len(index), columns))
    return pd.DataFrame(values, index=index, columns=list("abc")[:columns])


def read_one(y, X=None, **options):
    (series,) = read_series(y, X, **options)
    return series


def without_frequency(index):
    return pd.DatetimeIndex(index, freq=None)


def assert_is(series, expected):
    """The series has the steps and values of the frame; frequencies are compared elsewhere."""
    assert series.index.tolist() == expected.index.tolist()
    np.testing.assert_array_equal(series.values, expected.to_numpy())


def stack(parts, names=("series", "time")):
    return pd.concat(parts, names=list(names))


@pytest.mark.parametrize("name", INDEXES)
def test_regular_series_are_read_as_they_are(name):
    y = frame(INDEXES[name], 2)
    assert_is(read_one(y), y)
    assert read_one(y).key is None


@pytest.mark.parametrize("name", [name for name in INDEXES if name.startswith("date")])
def test_a_frequency_that_shows_is_found(name):
    index = INDEXES[name]
    series = read_one(frame(without_frequency(index[:-5])))
    assert extended(series.index, 5).tolist() == index.tolist()


@pytest.mark.parametrize("name", GAPPED)
@given(kept=st.sets(st.integers(0, LONG - 1), min_size=1))
@settings(deadline=None, max_examples=15)
def test_steps_left_out_are_missing_rows(name, kept):
    index = INDEXES[name]
    y = frame(index).iloc[sorted(kept)]
    assert_is(read_one(y, step=step_of(index) or 1), y.reindex(index[min(kept) : max(kept) + 1]))
    if isinstance(index, pd.PeriodIndex):
        assert_is(read_one(y), y.reindex(index[min(kept) : max(kept) + 1]))


@pytest.mark.parametrize("name", [*EVEN, "integers", "range", "negative"])
@given(kept=st.sets(st.integers(4, LONG - 1), min_size=1))
@example(kept={*range(6, LONG, 3)})
@settings(deadline=None, max_examples=12)
def test_time_stamps_without_a_step_keep_that_of_most_gaps(name, kept):
    """Of places 0, 1, 2, 3 and others, whose gaps are counted here in another way."""
    places = [0, 1, 2, 3, *sorted(kept)]
    gaps = Counter(np.diff(places).tolist())
    usual = next(gap for gap in sorted(gaps) if gaps[gap] == max(gaps.values()))
    phase = Counter(place % usual for place in places).most_common(1)[0][0]
    off = [place for place in places if place % usual != phase]
    n_on = len(places) - len(off)
    index = INDEXES[name]
    y = frame(pd.Index(without_frequency(index) if name in EVEN else list(index))).iloc[places]
    try:
        series = read_one(y)
    except DataFormatError as error:
        assert 0 < len(off) < len(places) / 2
        assert str(error).startswith(f"{len(off)} of the {len(places)} time stamps of y are not")
        assert f": {listed([y.index[places.index(place)] for place in off])}" in str(error)
    else:
        assert not off or 2 * (n_on - 1 - len(off)) <= len(places)
        assert_is(series, y.reindex(index[: max(kept) + 1]))


@pytest.mark.parametrize("missing", [16, 64])  # with these, pandas infers business hours
def test_a_gap_of_a_night_or_a_weekend_is_a_gap(missing):
    index = pd.date_range("2024-01-05", periods=100, freq="h")
    y = frame(without_frequency(index)).drop(index[18 : 18 + missing])
    assert_is(read_one(y), y.reindex(index))


@pytest.mark.parametrize("name", CALENDAR)
def test_months_without_frequency_keep_their_rhythm_over_a_gap(name):
    index = INDEXES[name]
    y = frame(without_frequency(index)).drop(index[20])
    series = read_one(y)
    assert_is(series, y.reindex(index))
    assert extended(series.index[:-5], 5).tolist() == index.tolist()


def test_steps_of_a_known_frequency_have_their_features():
    index = pd.date_range("2024-01-05", periods=9, freq="D")
    y, X = frame(index).iloc[::2], frame(index, 2)
    series = read_one(y, X, step=index.freq)
    assert_is(series, y.reindex(index))
    np.testing.assert_array_equal(series.features, X.to_numpy())


def test_time_stamps_off_the_known_frequency_are_refused():
    y = frame(pd.date_range("2024-01-05", periods=9, freq="h"))
    off = r"8 of the 9 time stamps of y are not on the steps .* 'D': 2024-01-05 01:00:00, .*3 more"
    with pytest.raises(DataFormatError, match=off):
        read_one(y, step=pd.offsets.Day())


def test_series_that_are_read_share_no_memory_that_a_user_could_see_change():
    y = frame(INDEXES["range"])
    before = y.copy()
    read_one(y.drop(3)).values[:] = 0.0
    pd.testing.assert_frame_equal(y, before)


# Continuing.


def halves(y, cut, length, start):
    """A history and a later part that may lie behind it, overlap it, or leave a gap."""
    return y.iloc[:cut], y.iloc[start : start + length]


def joined(old, new, index):
    """The oracle: pandas concatenates, and puts missing rows where nothing is."""
    both = pd.concat([old[old.index < new.index[0]], new])
    whole = index[(index >= both.index[0]) & (index <= both.index[-1])]
    return both.reindex(whole)


@pytest.mark.slow
@pytest.mark.parametrize("name", INDEXES)
@given(cut=st.integers(3, 20), start=st.integers(0, 25), length=st.integers(1, 10))
@settings(deadline=None, max_examples=12)
def test_followed_by_is_concatenation(name, cut, start, length):
    index = INDEXES[name]
    old, new = halves(frame(index, 2), cut, length, start)
    new = new + 100.0
    series = read_one(old).followed_by(read_one(new))
    assert_is(series, joined(old, new, index))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*GAPPED, *EVEN, *CALENDAR])
@given(start=st.integers(5, 15), kept=st.sets(st.integers(0, 9), min_size=1, max_size=4))
@example(start=9, kept={3, 7, 8})  # months whose gaps are multiples of 30 days
@settings(deadline=None, max_examples=12)
def test_followed_by_steps_with_gaps_among_themselves(name, start, kept):
    index = INDEXES[name]
    y = frame(index)
    old, new = y.iloc[:10], y.iloc[[start + i for i in sorted(kept)]]
    before = read_one(old)
    assert_is(before.followed_by(read_one(new, step=before.step)), joined(old, new, index))


@given(cut=st.integers(3, 20), start=st.integers(0, 25), length=st.integers(1, 10))
@settings(deadline=None, max_examples=12)
def test_followed_by_joins_features_too(cut, start, length):
    index = INDEXES["date MS"]
    y, X = frame(index), frame(index, 2, seed=1)
    old, new = halves(y, cut, length, start)
    series = read_one(old, X).followed_by(read_one(new, X))
    expected = joined(X.loc[old.index], X.loc[new.index], index)
    np.testing.assert_array_equal(series.features, expected.to_numpy())


def test_followed_by_a_series_without_features_has_missing_ones():
    y, X = frame(pd.RangeIndex(6)), frame(pd.RangeIndex(6), 2)
    series = read_one(y[:4], X).followed_by(read_one(y[4:]))
    np.testing.assert_array_equal(series.features[:4], X[:4].to_numpy())
    assert np.isnan(series.features[4:]).all()


@pytest.mark.parametrize("name", INDEXES)
@pytest.mark.parametrize("n", [0, 1, 7])
def test_extended_goes_on_as_pandas_does(name, n):
    index = INDEXES[name]
    start = index[: LONG - 7]
    assert extended(start, n).tolist() == index[: LONG - 7 + n].tolist()
    assert steps_after(start, n).tolist() == index[LONG - 7 :][:n].tolist()


@pytest.mark.parametrize("go_on", [extended, steps_after])
@pytest.mark.parametrize(
    "stamps",
    [["2024-01-01", "2024-02-01"], ["2024-01-01", "2024-01-02 03:04:05.6", "2024-01-03 01:01:01"]],
)
def test_time_stamps_without_a_next_one_are_not_continued(go_on, stamps):
    with pytest.raises(DataFormatError, match=r"no frequency .*asfreq"):
        go_on(pd.DatetimeIndex(stamps), 3)


def test_last_is_the_end_of_everything():
    y, X = frame(INDEXES["date MS"]), frame(INDEXES["date MS"], 2)
    series = read_one(y, X)
    end = series.last(5)
    assert_is(end, y[-5:])
    assert end.index.freq == y.index.freq
    np.testing.assert_array_equal(end.features, X[-5:].to_numpy())
    assert np.shares_memory(end.values, series.values)
    assert_is(series.last(1000), y)


# Panels.


def test_panels_are_read_in_their_own_order_by_key():
    parts = {"z": frame(pd.RangeIndex(3)), "a": frame(pd.RangeIndex(2, 7), seed=1)}
    series = read_series(stack(parts))
    assert [one.key for one in series] == [("z",), ("a",)]
    assert [one.name for one in series] == ["series 'z' of y", "series 'a' of y"]
    for one, part in zip(series, parts.values(), strict=True):
        assert_is(one, part)


def test_hierarchies_have_keys_of_all_levels():
    parts = {("n", "a"): frame(pd.RangeIndex(3)), ("s", "b"): frame(pd.RangeIndex(4))}
    series = read_series(stack(parts, ("region", "shop", "time")))
    assert [one.key for one in series] == list(parts)
    assert series[0].name == "series ('n', 'a') of y"


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    gaps=st.sets(st.integers(1, 4), max_size=3),
)
@settings(deadline=None, max_examples=15)
def test_series_of_a_panel_are_read_as_if_alone(lengths, gaps):
    parts = {}
    for i, n in enumerate(lengths):
        y = frame(pd.period_range("2024-01", periods=n, freq="M"), seed=i)
        parts[str(i)] = y.drop([y.index[j] for j in gaps if j < n])
    for one, part in zip(read_series(stack(parts)), parts.values(), strict=True):
        assert_is(one, part.reindex(read_one(part).index))


@pytest.mark.parametrize("short", [slice(0, 9, 4), slice(7, None), slice(3, 10, 3)])
@pytest.mark.parametrize("first", [False, True])
def test_short_series_of_a_panel_have_the_frequency_of_the_longest(short, first):
    index = pd.date_range("2024-01", periods=12, freq="MS")
    parts = {"long": frame(index), "short": frame(index).iloc[short]}
    found = read_series(stack(dict(sorted(parts.items(), reverse=first))))
    for one, key in zip(found, sorted(parts, reverse=first), strict=True):
        stamps = parts[key].index
        assert_is(one, parts[key].reindex(index[(index >= stamps[0]) & (index <= stamps[-1])]))


def test_panel_index_puts_the_key_before_each_stamp():
    keys = [("n", 1), ("s", 2)]
    index = panel_index(keys, [pd.RangeIndex(2), pd.RangeIndex(5, 6)])
    assert index.tolist() == [("n", 1, 0), ("n", 1, 1), ("s", 2, 5)]


# Exogenous columns.


@given(
    rows=st.sets(st.integers(0, 30)),
    columns=st.permutations(list("abc")).map(lambda names: names[:2]),
)
@settings(deadline=None, max_examples=15)
def test_features_are_matched_by_time_stamp_and_column(rows, columns):
    y = frame(pd.RangeIndex(5, 15))
    X = frame(pd.Index(sorted(rows), dtype=int), 3)
    expected = X[columns].reindex(y.index).to_numpy()
    np.testing.assert_array_equal(read_one(y, X, X_columns=columns).features, expected)
    np.testing.assert_array_equal(read_features(X, y.index, columns), expected)
    assert where_known(X, y.index).tolist() == [step in rows for step in y.index]


@pytest.mark.parametrize("turned", [False, True])
def test_periods_and_time_stamps_match_each_other(turned):
    stamps = pd.date_range("2024-01", periods=6, freq="MS")
    indexes = [stamps, stamps.to_period("M")]
    y, X = (frame(index) for index in (indexes[::-1] if turned else indexes))
    np.testing.assert_array_equal(read_one(y, X[2:]).features[2:], X[2:].to_numpy())
    assert np.isnan(read_one(y, X[2:]).features[:2]).all()


def test_series_of_a_panel_get_their_own_features():
    y = stack({"a": frame(pd.RangeIndex(3)), "b": frame(pd.RangeIndex(3), seed=1)})
    X = stack({"b": frame(pd.RangeIndex(3), seed=2), "a": frame(pd.RangeIndex(3), seed=3)})
    for one in read_series(y, X):
        np.testing.assert_array_equal(one.features, X.loc[one.key].to_numpy())


# Refusals.


@pytest.mark.parametrize(
    ("y", "X", "text"),
    [
        (frame(pd.RangeIndex(3)).assign(q=list("xyz")), None, "Column 'q' of y is not numeric"),
        (frame(pd.RangeIndex(3)).assign(q=pd.Timestamp(0)), None, "'q' of y .* datetime64"),
        (
            frame(pd.RangeIndex(3)),
            frame(pd.RangeIndex(3)).assign(q="x"),
            "'q' of X is not numeric.*get_dummies",
        ),
        (frame(pd.Index([0, 1, 1, 2])), None, "y has more than one row at 1. Keep one row"),
        (frame(pd.Index([0, 2, 1])), None, "time stamps of y are not ascending, at 1. Sort"),
        (frame(pd.RangeIndex(2)), frame(pd.Index([1, 1])), "X has more than one row at 1"),
        (frame(pd.RangeIndex(2)) / 0.0, None, "y is infinite at 0. Numbers and NaN"),
        (frame(pd.RangeIndex(2)), frame(pd.RangeIndex(2)) / 0.0, "X is infinite at 0"),
    ],
)
def test_what_cannot_be_read_is_named(y, X, text):
    with pytest.raises(DataFormatError, match=text):
        read_series(y, X)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (frame(pd.Index([0, 0])), "series 'b' of y has more than one row at 0"),
        (frame(pd.Index([1, 0])), "time stamps of series 'b' of y are not ascending"),
        (frame(pd.RangeIndex(2)) / 0.0, "series 'b' of y is infinite"),
    ],
)
def test_the_bad_series_of_a_panel_is_named(bad, text):
    with pytest.raises(DataFormatError, match=text):
        read_series(stack({"a": frame(pd.RangeIndex(2)), "b": bad}))


def test_a_series_without_features_is_named():
    y = stack({"a": frame(pd.RangeIndex(2)), "b": frame(pd.RangeIndex(2))})
    with pytest.raises(DataFormatError, match=r"X has no rows for series .*b"):
        read_series(y, y.loc[["a"]])


def test_an_empty_series_is_refused():
    with pytest.raises(DataFormatError):
        read_series(frame(pd.RangeIndex(0)))


def test_columns_without_a_value_are_refused_by_name():
    y = frame(pd.RangeIndex(4), 2).assign(b=np.nan)
    with pytest.raises(DataFormatError, match="Column 'b' of y has no observed value in 4 steps"):
        refuse_unobserved(read_one(y), list(y.columns))
    y.loc[2, "b"] = 0.0
    refuse_unobserved(read_one(y), list(y.columns))
