"""LSTMForecaster and time: horizons of panels, steps of every kind of index, what lies off them.

How time stamps are put onto steps is in `tests/data/test_grid.py`; here every method that reads
series is asked.
"""

import copy

import numpy as np
import pandas as pd
import pytest
from sktime.forecasting.base import ForecastingHorizon

from seqlearn import LSTMForecaster
from seqlearn.errors import DataFormatError

SMALL = {
    "hidden_size": 4,
    "max_epochs": 1,
    "window_length": 6,
    "segment_length": 3,
    "random_state": 0,
}
DAYS = pd.date_range("2024-01-01", periods=80)
END = {"a": 60, "b": 50}  # 29 and 19 February
MARCH = pd.DatetimeIndex(["2024-03-01", "2024-03-02"])
UNIX = 1_700_000_000 + 600 * np.arange(80)


def series(index):
    return pd.Series(np.sin(np.arange(len(index))), index, name="y")


def panel(ends=END, index=DAYS):
    parts = {key: series(index[:n]).to_frame() for key, n in ends.items()}
    return pd.concat(parts, names=["id", "time"])


def make(**parameters):
    return LSTMForecaster(**{**SMALL, **parameters})


def absolute(stamps):
    return ForecastingHorizon(stamps, is_relative=False)


# Series that end on different days.


@pytest.fixture(scope="module")
def march():
    return make().fit(panel(), fh=MARCH)


@pytest.fixture(scope="module")
def steps_ahead():
    """The same network, told steps ahead: both see the 12 that b needs for 2 March."""
    return make().fit(panel(), fh=range(1, 13))


@pytest.mark.parametrize(
    "ask",
    [
        lambda one: one.predict(),
        lambda one: one.predict_interval(coverage=0.8),
        lambda one: one.predict_quantiles(alpha=[0.1, 0.7]),
        lambda one: one.predict_var(),
    ],
)
def test_every_series_is_forecast_for_the_dates_asked_for(march, steps_ahead, ask):
    found, expected = ask(march), ask(steps_ahead)
    assert march.horizon_ == 12
    assert found.index.tolist() == [(key, day) for key in END for day in MARCH]
    pd.testing.assert_frame_equal(found, expected.loc[found.index], check_exact=True)


def test_after_an_update_the_dates_stay(march):
    longer = panel({"b": 58})
    one = copy.deepcopy(march).update(longer.groupby(level=0).tail(8), update_params=False)
    found = one.predict()
    assert found.index.tolist() == [(key, day) for key in END for day in MARCH]
    assert found.loc["a"].equals(march.predict().loc["a"])
    past = copy.deepcopy(march).update(panel({"b": 62}).groupby(level=0).tail(12))
    with pytest.raises(DataFormatError, match=r"2024-03-01 .*not ahead: series 'b' .* 2024-03-02"):
        past.predict()


def test_columns_known_ahead_are_needed_at_the_dates_asked_for(march):
    X = panel({"a": 80, "b": 80}).rename(columns={"y": "x"})
    one = make().fit(panel(), X=X.loc[panel().index], fh=MARCH)
    ahead = X[X.index.get_level_values(1) >= MARCH[0]]
    assert one.predict(X=ahead).index.tolist() == march.predict().index.tolist()
    with pytest.raises(DataFormatError, match=r"no row at .*2024-03-01.*, for series 'b' of y"):
        one.predict(X=ahead.drop(("b", MARCH[0])))


def test_dates_that_a_series_cannot_be_forecast_for_are_refused_by_its_name(march):
    with pytest.raises(DataFormatError, match=r"2024-02-25 .*series 'a' of y ends at 2024-02-29"):
        make().fit(panel(), fh=pd.DatetimeIndex(["2024-02-25"]))
    with pytest.raises(DataFormatError, match=r"2024-03-01 12:00:00, which is not a step of"):
        make().fit(panel(), fh=MARCH[:1] + pd.Timedelta("12h"))
    pretrained = make().pretrain(panel(), fh=3)
    with pytest.raises(DataFormatError, match=r"fh goes 12 steps ahead.*trained for 3"):
        pretrained.fit(panel(), fh=MARCH)
    with pytest.raises(ValueError, match="A different forecasting horizon"):
        march.predict(fh=MARCH[:1])


def test_series_that_go_on_after_others_were_dropped_are_far_from_the_dates():
    one = make().pretrain(panel(), fh=12).fit(panel(), fh=MARCH)
    other = panel({"c": 40})  # ends on 9 February: 22 steps before 2 March
    one.update(other, update_params=False)
    text = r"fh goes 22 steps ahead of the end of series 'c' of y, 2024-02-09"
    with pytest.raises(DataFormatError, match=text):
        one.predict()


def test_a_backtest_has_the_steps_that_fit_was_asked_for(march):
    tested = march.backtest(panel())
    assert tested.columns.get_level_values("step").tolist() == [1, 2, 11, 12]
    lengths = march.backtest(panel(), fh=pd.TimedeltaIndex(["1D", "12D"]))
    assert lengths.equals(tested.loc[:, [("y", 1), ("y", 12)]])
    with pytest.raises(DataFormatError, match=r"2024-03-01 .* many cut-offs.*range"):
        march.backtest(panel(), fh=MARCH)


# Horizons of every kind of index.


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2024-01-01", periods=43, freq="MS"),
        pd.date_range("2024-01-01", periods=43, freq="BMS"),
        pd.date_range("2024-01-01", periods=43, freq="B"),
        pd.date_range("2024-01-01", periods=43, tz="Europe/Berlin"),
        pd.date_range("2024-01-01", periods=43),
        pd.period_range("2024-01", periods=43, freq="2M"),
        pd.RangeIndex(43),
        pd.Index(UNIX[:43]),
        pd.Index(np.arange(90, 90 + 43, dtype="uint8")),
    ],
    ids=["month", "business month", "business", "zone", "day", "period", "range", "unix", "uint8"],
)
def test_time_stamps_are_answered_over_a_gap_and_after_an_update(index):
    y = series(index[:41]).drop(index[[7, 8, 20]])
    fh = absolute(index[[41, 42]])
    one = make().fit(y[:-1], fh=fh)
    assert one.predict().index.tolist() == index[[41, 42]].tolist()
    relative = make().fit(y[:-1], fh=[2, 3])
    np.testing.assert_array_equal(one.predict(), relative.predict())
    one.update(y[-1:], update_params=False)
    assert one.predict_interval().index.tolist() == index[[41, 42]].tolist()
    relative.update(y[-1:], update_params=False)
    assert relative.predict().index.tolist()[0] == index[42]


def test_every_second_day_may_be_asked_for():
    fh = pd.date_range(DAYS[61], periods=3, freq="2D")
    assert make().fit(series(DAYS[:60]), fh=fh).predict().index.tolist() == fh.tolist()


@pytest.mark.parametrize("length", [pd.Timedelta("2D"), np.timedelta64(2, "D")])
def test_a_length_of_time_is_a_number_of_days_and_no_number_of_months(length):
    fh = pd.TimedeltaIndex([length])
    assert make().fit(series(DAYS[:60]), fh=fh).predict().index.tolist() == [DAYS[61]]
    for months in (
        pd.date_range("2020-01-01", periods=40, freq="MS"),
        pd.period_range("2020-01", periods=40, freq="M"),
    ):
        with pytest.raises(
            DataFormatError, match=r"2 days .* not of one length.*fh=range\(1, 13\)"
        ):
            make().fit(series(months), fh=fh)
        with pytest.raises(DataFormatError, match="not of one length"):
            make().pretrain(panel({"a": 40, "b": 40}, months), fh=fh)


# Rows off the steps, in everything that reads series.


@pytest.mark.parametrize(
    ("index", "off", "step"),
    [
        (pd.date_range("2024-01-01", periods=60, freq="10min"), "2024-01-01 05:01:00", "'10min'"),
        (pd.Index(UNIX[:60]), 1_700_018_060, "600"),
        (pd.period_range("2020-01", periods=60, freq="2M"), "2025-02", "'2M'"),
    ],
    ids=["10 minutes", "unix seconds", "two months"],
)
def test_a_row_off_the_steps_is_named_by_everything_that_reads_series(index, off, step):
    clean = series(index)
    names = [str(stamp) for stamp in index]
    stray = type(index)([*index[:31], off, *index[31:]])
    if isinstance(index, pd.PeriodIndex):
        stray = pd.PeriodIndex([*names[:31], off, *names[31:]], freq=index.freq)
    bad = series(stray)
    both = pd.concat({"good": clean.to_frame(), "bad": bad.to_frame()}, names=["id", "time"])
    one = make().fit(clean[:30], fh=[1, 2])
    pretrained = make().pretrain(panel({"a": 60, "b": 30}, index), fh=[1, 2])
    before = one.predict_quantiles(alpha=[0.2])
    for name, call in {
        "61 time stamps of y": lambda: make().fit(bad, fh=[1]),
        "31 time stamps of y": lambda: one.update(bad[30:]),
        "61 time stamps of y ": lambda: one.backtest(bad),
        "61 time stamps of series 'bad' of y": lambda: make().fit(both, fh=[1]),
        "61 time stamps of series 'bad' of y ": lambda: make().pretrain(both, fh=[1]),
        "61 time stamps of y  ": lambda: pretrained.fit(bad, fh=[1]),
    }.items():
        text = rf"1 of the {name.strip()} are not on the steps .* of {step}: {off}\. Leave"
        with pytest.raises(DataFormatError, match=text):
            call()
    with pytest.raises(DataFormatError, match=rf"from {off} on are not on its steps before"):
        one.update(bad[31:32])
    assert one.predict_quantiles(alpha=[0.2]).equals(before)


def test_rows_off_the_steps_of_y_in_x_are_not_asked_for():
    X = pd.DataFrame({"x": np.arange(62.0)}, DAYS[:62].insert(5, DAYS[4] + pd.Timedelta("1h"))[:62])
    one = make().fit(series(DAYS[:60]), X=X, fh=[1])
    assert one.predict(X=X).index.tolist() == [DAYS[60]]


def test_the_season_and_the_forecast_are_those_of_the_step():
    index = pd.date_range("2024-01-01", periods=300, freq="10min")
    t = np.arange(300)
    y = pd.Series(np.sin(2 * np.pi * t / 144), pd.DatetimeIndex(index, freq=None))
    one = make().fit(y.drop(index[[100, 101]]), fh=[1, 2])
    assert (one.season_, one.predict().index.tolist()) == (
        144,
        pd.date_range(index[-1], periods=3, freq="10min")[1:].tolist(),
    )


def test_unix_seconds_are_forecast_as_their_numbers_are():
    """Nothing hangs on how the steps are numbered."""
    y, plain = series(pd.Index(UNIX)), series(pd.RangeIndex(80))
    ours, theirs = make().fit(y[:70], fh=[1, 3]), make().fit(plain[:70], fh=[1, 3])
    assert ours.predict().index.tolist() == UNIX[[70, 72]].tolist()
    for one, z in ((ours, y), (theirs, plain)):
        one.update(z[70:75].drop(z.index[72]))
    np.testing.assert_array_equal(ours.predict_interval(), theirs.predict_interval())
    assert ours.predict().index.tolist() == UNIX[[75, 77]].tolist()
    assert ours.season_ == theirs.season_
    np.testing.assert_array_equal(ours.backtest(y), theirs.backtest(plain))
    half = np.isnan(ours.backtest(y[::2])).sum().sum()
    assert (half, len(ours.backtest(y[::2]))) == (0, len(ours.backtest(y[:-1])))


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (pd.timedelta_range("0s", periods=40, freq="s"), r"TimedeltaIndex .*Count from a date"),
        (pd.DatetimeIndex([None, *DAYS[:39]]), "missing|NaT|sorted"),
        (pd.Index(UNIX + np.random.default_rng(0).integers(0, 60, 80)), "ints with no step"),
        (
            DAYS + pd.to_timedelta(np.random.default_rng(0).integers(0, 86_000, 80), "s"),
            "no frequency .*asfreq",
        ),
    ],
    ids=["lengths", "NaT", "jitter of ints", "jitter"],
)
def test_time_stamps_that_are_no_steps_are_refused_before_any_training(index, text, monkeypatch):
    monkeypatch.setattr(
        "seqlearn.estimators.forecasting.forecaster.LSTMForecaster._fit_windows",
        lambda *_: pytest.fail("late"),
    )
    with pytest.raises((DataFormatError, TypeError), match=text):
        make().fit(series(index), fh=[1])


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (DAYS[60:].tz_localize("UTC"), r"UTC\] now, and were a DatetimeIndex of datetime64"),
        (pd.RangeIndex(60, 65), "RangeIndex of int64 now, and were a DatetimeIndex of"),
        (pd.timedelta_range("0s", periods=4, freq="s"), "TimedeltaIndex"),
        (pd.DatetimeIndex(["2204-01-01"]), "steps|not ahead|longest gap"),
    ],
)
def test_an_update_with_other_time_stamps(index, text):
    one = make().fit(series(DAYS[:60]), fh=[1])
    before = one.predict()
    if index[0] == pd.Timestamp("2204-01-01"):  # 66,000 days without a value
        assert one.update(series(index), update_params=False).predict().index[0].year == 2204
        return
    with pytest.raises(DataFormatError, match=text):
        one.update(series(index), update_params=False)
    assert one.predict().equals(before)


def test_two_dates_of_one_period_are_not_one():
    months = pd.period_range("2020-01", periods=40, freq="M")
    days = pd.date_range("2020-01-01", periods=1300)
    X = pd.DataFrame({"x": np.arange(1300.0)}, days)
    with pytest.raises(DataFormatError, match=r"X has more than one row in 2020-01.*to_period"):
        make().fit(series(months), X=X, fh=[1])
    monthly = X.groupby(days.to_period("M")).mean()
    one = make().fit(series(months), X=monthly, fh=[1])
    assert one.predict(X=monthly).index.tolist() == [months[-1] + 1]
    with pytest.raises(DataFormatError, match="fh asks twice for 2023-05, a period of y"):
        make().fit(series(months), fh=pd.DatetimeIndex(["2023-05-10", "2023-05-20"]))


def test_horizons_that_are_not_ahead_are_refused_as_sktime_does():
    with pytest.raises(NotImplementedError, match="in-sample") as error:
        make().fit(series(DAYS[:60]), fh=absolute(DAYS[[50, 70]]))
    assert isinstance(error.value, DataFormatError)
