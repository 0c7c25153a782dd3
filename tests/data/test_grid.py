"""The step of a time index and what lies off it: time stamps astray, gaps, ints, periods, horizons.

The grids are made by pandas, and rows are then put astray or left out of them.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.data.calendar import season_length
from seqlearn.data.common_step import common_step
from seqlearn.data.grid import on_grid, steps_after, steps_between, steps_in, steps_to
from seqlearn.data.series import read_series
from seqlearn.errors import DataFormatError

GRIDS = {
    "10min": pd.Timedelta("1min"),
    "h": pd.Timedelta("30min"),
    "D": pd.Timedelta("12h"),
    "2D": pd.Timedelta("1D"),
    "W-SUN": pd.Timedelta("3D"),
    "MS": pd.Timedelta("14D"),
    "ME": pd.Timedelta("1s"),
    "QS": pd.Timedelta("40D"),
}
UNIX = 1_700_000_000


def read(index, **options):
    y = pd.DataFrame({"y": np.arange(float(len(index)))}, index)
    (series,) = read_series(y, **options)
    return series


def plain(index):
    """The same time stamps, without the frequency that pandas made them with."""
    return pd.DatetimeIndex(index, freq=None)


def in_zone(index, zone):
    return index.tz_localize(zone) if zone else index


@pytest.mark.slow
@pytest.mark.parametrize("freq", GRIDS)
@pytest.mark.parametrize("place", [0, 1, 2, 20, 60])
def test_a_time_stamp_astray_is_named_whatever_the_step_and_the_place(freq, place):
    index = pd.date_range("2024-01-07", periods=60, freq=freq)
    astray = index[place] + GRIDS[freq] if place < 60 else index[-1] + GRIDS[freq]
    if place == 0:
        astray = index[0] - GRIDS[freq]
    given = plain(index).delete([30, 41]).union([astray])
    with pytest.raises(DataFormatError, match="1 of the 59 time stamps of y are not") as error:
        read(given)
    series = read(given.drop(astray))
    assert series.index.tolist() == index.tolist()
    assert f"of '{series.step.freqstr}': {astray}. Leave those rows out" in str(error.value)
    following = pd.date_range(index[0], periods=63, freq=freq)[60:]
    assert steps_after(series.index, 3).tolist() == following.tolist()
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [30, 41]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_days_keep_the_clock_of_their_time_zone(zone):
    index = in_zone(pd.date_range("2024-03-20", periods=30), zone)  # the clock changes on the 31st
    assert read(plain(index).delete([4, 20])).index.tolist() == index.tolist()
    with pytest.raises(DataFormatError, match="2024-03-22 00:01:00"):
        read(plain(index).insert(3, index[2] + pd.Timedelta("1min")))


def test_a_saturday_among_business_days_is_astray_and_shops_open_on_it():
    days = pd.bdate_range("2024-01-01", periods=200)
    with pytest.raises(DataFormatError, match="of 'B': 2024-01-06"):
        read(plain(days).delete([20, 30]).union([pd.Timestamp("2024-01-06")]))
    open_days = pd.date_range("2024-01-01", periods=200)
    open_days = open_days[open_days.dayofweek < 6]
    assert read(open_days).step == pd.offsets.Day()


def test_several_astray_are_counted_and_the_first_are_named():
    hours = pd.date_range("2024-01-01", periods=100, freq="h")
    more = hours[[3, 30, 60, 90]] + pd.Timedelta("7min")
    with pytest.raises(DataFormatError, match=r"4 of the 104 .* 'h': .*03:07:00, .* and 2024-"):
        read(plain(hours).union(more))


def test_a_step_that_changed_is_that_of_most_gaps():
    fine = pd.date_range("2024-01-01", periods=20, freq="30min")
    coarse = pd.date_range("2024-01-01 10:00", periods=100, freq="h")
    with pytest.raises(DataFormatError, match=r"10 of the 120 time stamps of y .* 'h'"):
        read(plain(fine.union(coarse)))
    declared = fine.union(coarse)
    whole = pd.date_range(declared[0], declared[-1], freq="30min")
    assert read(whole).step == pd.offsets.Minute(30)


def test_a_panel_has_the_step_of_most_gaps_and_names_the_series():
    index = pd.date_range("2024-01-01", periods=50, freq="h")
    parts = {
        "a": plain(index).insert(7, index[6] + pd.Timedelta("1min")),
        "b": plain(index)[:20],
        "c": plain(index)[:3],
    }
    y = pd.concat(
        {key: pd.DataFrame({"y": 1.0}, part) for key, part in parts.items()}, names=["id", "time"]
    )
    for order in (list("abc"), list("cba")):
        panel = pd.concat([y.loc[[key]] for key in order])
        with pytest.raises(DataFormatError, match=r"1 of the 51 .* series 'a' of y .* 06:01:00"):
            read_series(panel)


def test_time_stamps_without_any_rhythm_have_no_step():
    seconds = np.random.default_rng(0).integers(0, 60, 300)
    jitter = pd.date_range("2024-01-01", periods=300, freq="10min") + pd.to_timedelta(seconds, "s")
    assert read(jitter).step is None
    assert len(read(jitter).index) == 300


@pytest.mark.parametrize("first", ["1970-01-01", "1900-01-01"])
@pytest.mark.parametrize("freq", ["s", "10min", "h"])
def test_a_row_of_another_century_does_not_fill_the_memory(freq, first):
    index = plain(pd.date_range("2024-01-01", periods=300, freq=freq))
    if freq == "h" and first == "1970-01-01":
        with pytest.warns(UserWarning, match="rows at 301 of its 473652 steps of 'h'"):
            read(index.insert(0, pd.Timestamp(first)))
        return
    expected = rf"steps, most of them missing; the longest gap is from {first} .* to 2024-01-01"
    with pytest.raises(DataFormatError, match=expected):
        read(index.insert(0, pd.Timestamp(first)))


def test_steps_mostly_without_a_row_are_said():
    weeks = pd.period_range("2024-01-01", periods=300, freq="D")[::7]
    with pytest.warns(UserWarning, match="rows at 43 of its 295 steps of 'D'"):
        assert len(read(weeks).index) == 295
    index = pd.date_range("2024-01-01", periods=100, freq="10min")
    y = pd.concat(
        {"a": pd.DataFrame({"y": 1.0}, index), "b": pd.DataFrame({"y": 1.0}, index[::5])},
        names=["id", "time"],
    )
    with pytest.warns(UserWarning, match="series 'b' of y has rows at 20 of its 96 steps"):
        read_series(y)


# Ints.


@given(
    first=st.integers(-(2**40), 2**40),
    step=st.integers(1, 10**6),
    n=st.integers(5, 60),
    gap=st.integers(1, 5),
)
@settings(deadline=None, max_examples=40)
def test_ints_with_a_step_have_it(first, step, n, gap):
    stamps = first + step * np.concatenate([np.arange(n), [n - 1 + gap]])
    series = read(pd.Index(stamps))
    assert (series.step, len(series.index)) == (step, n + gap)
    assert series.index.tolist() == list(range(first, first + (n + gap) * step, step))
    np.testing.assert_array_equal(series.values[:, 0], [*range(n), *[np.nan] * (gap - 1), float(n)])


@pytest.mark.parametrize("kind", ["int8", "int16", "int64", "uint8", "Int64"])
def test_small_ints_do_not_overflow(kind):
    low, high = (0, 250) if kind == "uint8" else (-125, 125)
    stamps = np.arange(low, high, 5)
    series = read(pd.Index(stamps.astype(kind.lower()), dtype=kind))
    assert series.index.tolist() == stamps.tolist()
    assert series.step == 5
    assert not np.isnan(series.values).any()


def test_unix_seconds():
    stamps = UNIX + 600 * np.arange(300)
    assert len(read(pd.Index(stamps)).index) == 300
    with pytest.raises(DataFormatError, match=rf"1 of the 301 .* of 600: {UNIX + 2460}\. Leave"):
        read(pd.Index(np.insert(stamps, 5, UNIX + 2460)))
    jitter = np.random.default_rng(0).integers(0, 60, 300)
    with pytest.raises(DataFormatError, match=r"ints with no step between them.*reset_index"):
        read(pd.Index(stamps + jitter))


def test_a_range_says_its_step():
    assert read(pd.RangeIndex(0, 90, 3)).index.tolist() == list(range(0, 90, 3))
    assert read(pd.RangeIndex(0, 90, 3), step=1).index.tolist() == list(range(88))
    assert read(pd.Index([7])).step == 1


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (pd.Index(np.array([2**63, 2**63 + 1], "uint64")), "reach 9223372036854775809; ints of 64"),
        (
            pd.timedelta_range("0s", periods=3),
            r"TimedeltaIndex .*as in y.*Timestamp\('2000-01-01'\) \+ y.in",
        ),
        (pd.Index([0.0, 1.0]), r"float64\. Accepted .*reset_index"),
        (pd.Index([False, True]), r"dtype bool\. Accepted"),
        (pd.Index(["a", "b"]), r"Accepted are a DatetimeIndex, a PeriodIndex and an index of ints"),
        (pd.DatetimeIndex(["2024-01-01", None]), "A time stamp of y is missing"),
    ],
)
def test_other_time_stamps_are_refused(index, text):
    with pytest.raises(DataFormatError, match=text):
        read(index)


# Periods.


@pytest.mark.parametrize("freq", ["M", "D", "h"])
def test_periods_of_several_units_keep_apart(freq):
    single = pd.period_range("2024-01", periods=40, freq=freq)
    double = pd.PeriodIndex(single[::2], freq=f"2{freq}")
    assert read(double).index.tolist() == double.tolist()
    names = [str(period) for period in single]
    astray = pd.PeriodIndex([*names[:6:2], names[5], *names[6::2]], freq=f"2{freq}")
    with pytest.raises(DataFormatError, match=rf"1 of the 21 .* of '2{freq}': {astray[3]}\. Leave"):
        read(astray)


# Horizons.


def going_on(freq):
    return pd.date_range("2024-01-31", periods=50, freq=freq)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("freq", ["h", "15min", "D", "B", "W-WED", "MS", "ME", "BMS", "QS", "YS"])
@given(steps=st.sets(st.integers(1, 20), min_size=1, max_size=4))
@settings(deadline=None, max_examples=5)
def test_time_stamps_are_counted_from_the_end(freq, zone, steps):
    index = in_zone(going_on(freq), zone)
    steps = sorted(steps)
    end = 30 - 1
    asked = plain(index[[end + step for step in steps]])
    assert steps_to(index[: end + 1], asked, "y").tolist() == steps
    assert steps_between(index[:5], index[end:], "y") == end


@pytest.mark.parametrize(
    "index",
    [
        pd.period_range("2024-01", periods=50, freq="M"),
        pd.period_range("2024-01", periods=50, freq="2M"),
        pd.RangeIndex(50),
        pd.RangeIndex(UNIX, UNIX + 50 * 600, 600),
    ],
)
def test_periods_and_ints_are_counted_from_the_end(index):
    assert steps_to(index[:30], index[[30, 34]], "y").tolist() == [1, 5]
    assert steps_between(index[:5], index[30:], "y") == 30


def test_the_same_instants_in_another_zone_and_dates_of_periods_are_understood():
    index = in_zone(going_on("h"), "Europe/Berlin")
    assert steps_to(index[:9], index[[10]].tz_convert("UTC"), "y").tolist() == [2]
    days = going_on("D")
    assert steps_to(days[:9], days[10:11].to_period(), "y").tolist() == [2]
    assert steps_to(days[:9].to_period(), days[[10]], "y").tolist() == [2]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (pd.DatetimeIndex(["2024-02-10 12:00"]), r"2024-02-10 12:00:00, which is not a step of y"),
        (pd.DatetimeIndex(["2024-02-08"]), r"2024-02-08 .*not ahead: y ends at 2024-02-08"),
        (pd.DatetimeIndex(["2024-02-10"], tz="UTC"), "UTC.* are no steps of y"),
        (pd.Index([3]), "int64 are no steps of y"),
        (pd.PeriodIndex(["2024-03"], freq="M"), "not a step|not ahead|no steps"),
    ],
)
def test_time_stamps_that_are_no_steps_ahead(asked, text):
    with pytest.raises(DataFormatError, match=text):
        steps_to(going_on("D")[:9], asked, "y") if asked.dtype != "period[M]" else steps_to(
            going_on("D")[:9].to_period(), asked, "y"
        )


@pytest.mark.parametrize(
    ("freq", "length", "steps"),
    [("h", "2h", 2), ("15min", "1h", 4), ("D", "3D", 3), ("2D", "4D", 2), ("W-SUN", "14D", 2)],
)
def test_lengths_of_time_are_whole_steps(freq, length, steps):
    lengths = pd.TimedeltaIndex([length])
    assert steps_in(lengths, going_on(freq), "y").tolist() == [steps]
    with pytest.raises(DataFormatError, match=r"a step of y is .* whole steps"):
        steps_in(lengths + pd.Timedelta("7min"), going_on(freq), "y")


@pytest.mark.parametrize(
    "index",
    [going_on("MS"), going_on("B"), pd.RangeIndex(9), pd.period_range("2024", periods=9, freq="M")],
)
def test_a_length_of_time_is_no_number_of_months(index):
    with pytest.raises(DataFormatError, match=r"2 days .* not of one length .*fh=range\(1, 13\)"):
        steps_in(pd.TimedeltaIndex(["2D"]), index, "y")


def test_what_follows_a_million_steps_later_is_refused():
    far = pd.DatetimeIndex(np.array(["5024-01-01"], "M8[s]"))
    for index in (going_on("h"), going_on("D")):
        with pytest.raises(DataFormatError, match=r"steps, .*longest gap is from .* to 5024"):
            steps_between(index.as_unit("s"), far, "y")


# Time zones whose clock is set.


def of_zone(naive, zone):
    return naive.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)


@pytest.mark.parametrize("n_days", [1, 7])
def test_days_of_utc_read_on_another_clock_have_24_hours(n_days):
    utc = pd.date_range("2024-02-01 01:30", periods=40, freq=f"{n_days}D", tz="UTC").delete([4, 9])
    index = pd.DatetimeIndex(utc.tz_convert("Europe/Berlin").to_list())
    step = common_step([index])
    whole, positions = on_grid(index, step, "y")
    assert len(whole) == 40
    assert set(range(40)) - set(positions.tolist()) == {4, 9}
    following = pd.date_range(utc[-1], periods=4, freq=f"{n_days}D")[1:]
    assert steps_after(whole, 3).tz_convert("UTC").tolist() == following.tolist()
    assert season_length(whole) == {1: 7, 7: 52}[n_days]


@pytest.mark.parametrize(
    "index",
    [
        of_zone(pd.date_range("2024-03-01 02:30", periods=60), "Europe/Berlin"),
        of_zone(pd.date_range("2024-01-01", periods=100), "America/Havana"),
        of_zone(pd.date_range("2024-03-01", periods=150, freq="12h"), "Europe/Berlin"),
        of_zone(pd.date_range("2024-03-01", periods=250, freq="4h"), "Europe/Berlin"),
    ],
)
def test_steps_that_a_clock_does_not_keep_are_refused_with_the_remedy(index):
    with pytest.raises(DataFormatError, match=r"y\.tz_localize\(None\)"):
        steps_after(on_grid(index, common_step([index]), "y")[0], 1)


def test_a_step_ahead_that_a_clock_does_not_show_is_named():
    index = pd.date_range("2024-03-01 02:30", periods=29, tz="Europe/Berlin")
    assert len(steps_after(index, 1)) == 1
    with pytest.raises(DataFormatError, match=r"does not show 2024-03-31 02:30:00 once.*tz_loc"):
        steps_after(index, 2)


@pytest.mark.parametrize("share", [0.15, 0.3])
def test_business_days_of_which_many_are_missing_have_no_weekends(share):
    whole = pd.date_range("2024-01-01", periods=100, freq="B")
    kept = np.random.default_rng(0).random(100) > share
    kept[[0, -1]] = True
    found, positions = on_grid(whole[kept], common_step([whole[kept]]), "y")
    assert found.equals(whole)
    np.testing.assert_array_equal(positions, np.flatnonzero(kept))
    days = pd.date_range("2024-01-01", periods=100)[kept]
    assert len(on_grid(days, common_step([days]), "y")[0]) == 100
