"""Frequencies, seasons and calendar positions, against hand-made tables and generated series."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.data.calendar import (
    calendar_features,
    estimate_season,
    infer_frequency,
    season_length,
)
from seqlearn.errors import DataFormatError

SEASONS = {
    "h": 24,
    "2h": 12,
    "30min": 48,
    "15min": 96,
    "5min": 288,
    "min": 60,
    "10s": 360,
    "s": 60,
    "100ms": 10,
    "D": 7,
    "24h": 7,
    "7D": 52,
    "B": 5,
    "W-SUN": 52,
    "W-WED": 52,
    "2W": 26,
    "SMS": 24,
    "MS": 12,
    "ME": 12,
    "BME": 12,
    "3MS": 4,
    "12MS": 1,
    "QS": 4,
    "QE-FEB": 4,
    "YS": 1,
    "YE": 1,
    "2YS": 1,
}
CYCLES = {
    "s": ["second_of_minute", "minute_of_hour", "hour_of_day", "day_of_week"],
    "min": ["minute_of_hour", "hour_of_day", "day_of_week"],
    "15min": ["hour_of_day", "day_of_week"],
    "30min": ["hour_of_day", "day_of_week"],
    "h": ["hour_of_day", "day_of_week"],
    "D": ["day_of_week", "day_of_year"],
    "B": ["day_of_week", "day_of_year"],
    "W-SUN": ["day_of_year"],
    "SMS": ["day_of_year"],
    "MS": ["month_of_year"],
    "QS": ["month_of_year"],
    "YS": [],
}


# Frequency and season


@pytest.mark.parametrize("freq", SEASONS)
def test_season_of_dates_with_and_without_freq(freq):
    index = pd.date_range("2023-01-04", periods=40, freq=freq)
    assert season_length(index) == SEASONS[freq]
    bare = pd.DatetimeIndex(index.to_numpy())
    assert bare.freq is None
    assert season_length(bare) == (1 if freq == "SMS" else SEASONS[freq])  # pandas infers no SMS


@pytest.mark.parametrize(
    ("freq", "season"),
    [("h", 24), ("15min", 96), ("D", 7), ("W-SUN", 52), ("M", 12), ("Q", 4), ("Y", 1), ("2h", 12)],
)
def test_season_of_periods(freq, season):
    assert season_length(pd.period_range("2023-01-04", periods=2, freq=freq)) == season


@pytest.mark.parametrize("freq", ["5D", "5MS", "7W", "2B", "5h", "3ns"])
def test_a_step_without_a_season(freq):
    assert season_length(pd.date_range("2023-01-04", periods=9, freq=freq)) == 1


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(30),
        pd.Index([3, 4, 5]),
        pd.DatetimeIndex(["2024-01-01", "2024-01-02"]),
        pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-04", "2024-01-05"]),
        pd.DatetimeIndex(["2024-01-01"] * 4),
        pd.DatetimeIndex([]),
    ],
    ids=["range", "integers", "two rows", "irregular", "repeated", "empty"],
)
def test_no_frequency_no_season(index):
    assert infer_frequency(index) is None
    assert season_length(index) == 1


# Season from values


@st.composite
def seasonal_series(draw):
    """Draw a season and a series of it: pattern, trend, a walk, noise and missing values."""
    season = draw(st.integers(3, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    t = np.arange(season * (draw(st.integers(8, 20)) + 120 // season))
    pattern = np.sin(2 * np.pi * np.arange(season) / season) + 0.2 * rng.normal(size=season)
    pattern[0] += 3.0  # a spike makes the season sharp, and nothing else as likely
    values = pattern[t % season] / pattern.std() + 0.15 * rng.normal(size=len(t))
    values += draw(st.sampled_from([0.0, -30.0, 100.0])) * t / len(t)
    values += draw(st.sampled_from([0.0, 3.0])) * np.exp(2 * t / len(t))
    if draw(st.booleans()):
        values += np.cumsum(0.02 * rng.normal(size=len(t)))
    values[rng.random(len(t)) < draw(st.sampled_from([0.0, 0.1]))] = np.nan
    return season, values


@settings(max_examples=100, deadline=None)
@given(seasonal_series(), st.sampled_from([1.0, 1e-6, -1e6]), st.sampled_from([0.0, 1.0, 5e3]))
def test_season_of_generated_series(case, factor, offset):
    season, values = case
    assert estimate_season(factor * (values + offset), max_lag=60) == season


def test_series_without_season_seldom_show_one():
    rng = np.random.default_rng(0)
    found = {"noise": 0, "walk": 0, "trend": 0, "autoregression": 0}
    for _ in range(100):
        noise = rng.normal(size=int(rng.integers(40, 600)))
        smooth = np.array([(0.8 ** np.arange(i + 1)) @ noise[i::-1] for i in range(len(noise))])
        series = {
            "noise": noise,
            "walk": noise.cumsum(),
            "trend": noise + 0.1 * np.arange(len(noise)),
            "autoregression": smooth,
        }
        for name, values in series.items():
            found[name] += estimate_season(values, max_lag=60) != 1
    assert max(found.values()) <= 3


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1.0],
        np.arange(7.0),
        np.full(100, 3.7),
        np.full(100, np.nan),
        np.full(100, np.inf),
        0.1 * np.arange(100.0),
        1e6 + 0.1 * np.arange(100.0) ** 2,
        np.where(np.arange(100) < 5, 1.0, np.nan),
    ],
    ids="empty one seven constant missing infinite line parabola five-seen".split(),
)
def test_too_little_to_see_a_season(values):
    assert estimate_season(np.array(values), max_lag=50) == 1


def test_the_longest_season_looked_for():
    values = np.tile([0.0, 1.0, 5.0, 2.0, -3.0, 0.5, 2.5], 20)
    assert estimate_season(values, max_lag=7) == 7
    assert estimate_season(values, max_lag=6) != 7
    assert estimate_season(values, max_lag=1) == 1
    assert estimate_season(values[:21], max_lag=1000) == 7


def test_the_day_is_preferred_to_the_week():
    rng = np.random.default_rng(0)
    t = np.arange(24 * 7 * 6)
    values = np.sin(2 * np.pi * t / 24) + 0.4 * (t // 24 % 7 < 5) + 0.2 * rng.normal(size=len(t))
    assert estimate_season(values, max_lag=200) == 24


# Positions in the calendar


@pytest.mark.parametrize("freq", CYCLES)
def test_the_cycles_of_a_frequency(freq):
    index = pd.date_range("2023-03-01", periods=30, freq=freq)
    features, names = calendar_features(index)
    assert names == [f"{cycle}_{part}" for cycle in CYCLES[freq] for part in ("sin", "cos")]
    assert features.shape == (30, len(names)) and features.dtype == np.float64
    np.testing.assert_allclose(features[:, ::2] ** 2 + features[:, 1::2] ** 2, 1)


def test_positions_by_hand():
    # 2024-02-29 is a Thursday, day 60 of a leap year of 366.
    by_hand = {
        "second_of_minute": 30 / 60,
        "minute_of_hour": 45.5 / 60,
        "hour_of_day": (17 + 45.5 / 60) / 24,
        "day_of_week": 3 / 7,
        "day_of_year": 59 / 366,
        "month_of_year": 1 / 12,
    }
    for freq, day in (("s", 29), ("D", 29), ("MS", 1)):
        index = pd.date_range(f"2024-02-{day:02} 17:45:30", periods=1, freq=freq)
        features, names = calendar_features(index)
        assert names
        for value, name in zip(features[0], names, strict=True):
            wave = np.sin if name.endswith("_sin") else np.cos
            assert value == pytest.approx(wave(2 * np.pi * by_hand[name[:-4]]))


@settings(max_examples=50, deadline=None)
@given(
    freq=st.sampled_from(sorted(CYCLES)),
    start=st.datetimes(pd.Timestamp("1950-01-01"), pd.Timestamp("2100-01-01")),
    n=st.integers(3, 9) | st.integers(10, 60),
    data=st.data(),
)
def test_rows_do_not_depend_on_the_window(freq, start, n, data):
    index = pd.date_range(start, periods=n, freq=freq)
    whole, names = calendar_features(index)
    a = data.draw(st.integers(0, n - 1))
    b = data.draw(st.integers(a + 1, n))
    part, part_names = calendar_features(index[a:b])
    assert part_names == names
    np.testing.assert_array_equal(part, whole[a:b])
    if n >= 10 and freq != "SMS":  # of fewer, business days may look like days
        bare, bare_names = calendar_features(pd.DatetimeIndex(index.to_numpy()))
        assert bare_names == names
        np.testing.assert_array_equal(bare, whole)


@pytest.mark.parametrize(("freq", "start"), [("h", "h"), ("M", "MS"), ("Q", "QS"), ("D", "D")])
def test_periods_stand_at_their_start(freq, start):
    periods = pd.period_range("2023-01-01", periods=20, freq=freq)
    dates = pd.date_range("2023-01-01", periods=20, freq=start)
    features, names = calendar_features(periods)
    expected, expected_names = calendar_features(dates)
    assert names == expected_names
    np.testing.assert_array_equal(features, expected)
    short, _ = calendar_features(periods[4:5])
    np.testing.assert_array_equal(short, features[4:5])


def test_a_time_zone_counts_local_hours():
    index = pd.date_range("2024-07-01", periods=3, freq="h", tz="Australia/Melbourne")
    features, _ = calendar_features(index)
    local, _ = calendar_features(index.tz_localize(None))
    np.testing.assert_array_equal(features, local)


@pytest.mark.parametrize("index", [pd.RangeIndex(5), pd.Index([1, 2]), pd.Index(["a"])])
def test_an_index_without_dates_is_refused(index):
    with pytest.raises(DataFormatError, match=f"is a {type(index).__name__}.*calendar=False"):
        calendar_features(index)


@pytest.mark.parametrize("days", [[], [1], [1, 2], [1, 2, 4, 5], [1, 1, 1, 2]])
def test_dates_without_frequency_are_refused(days):
    index = pd.DatetimeIndex([f"2024-01-{day:02}" for day in days])
    with pytest.raises(DataFormatError, match=f"{len(days)} rows.* cannot be inferred"):
        calendar_features(index)


def test_unknown_frequencies_are_refused():
    index = pd.date_range("2024-01-01", periods=9, freq=pd.offsets.BusinessHour())
    with pytest.raises(DataFormatError, match=r"No calendar features are known for .*'bh'"):
        calendar_features(index)
