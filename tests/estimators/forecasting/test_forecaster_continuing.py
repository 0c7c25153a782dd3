"""What LSTMForecaster does not take for more of the same: other columns, steps, kinds, levels."""

import numpy as np
import pandas as pd
import pytest

from seqlearn import LSTMForecaster
from seqlearn.data.series import read_series
from seqlearn.errors import DataFormatError, InvalidParameterError

SMALL = {"hidden_size": 4, "max_epochs": 1, "window_length": 6, "random_state": 0}


def monthly(n=40, start="2000-01"):
    index = pd.period_range(start, periods=n, freq="M")
    return pd.Series(10 + np.sin(np.arange(n)), index, name="y")


def two(n=40):
    y = monthly(n)
    return pd.DataFrame({"p": y, "q": 100 * y + 5})


def test_columns_of_y_in_another_order_are_refused():
    y = two()
    forecaster = LSTMForecaster(**SMALL).fit(y[:30], fh=[1, 2])
    before = forecaster.predict()
    with pytest.raises(DataFormatError, match=r"\['q', 'p'\].*\['p', 'q'\]"):
        forecaster.update(y[30:32][["q", "p"]])
    with pytest.raises(DataFormatError, match="same order"):
        forecaster.backtest(y[["q", "p"]])
    pd.testing.assert_frame_equal(forecaster.predict(), before)


def test_new_names_of_columns_are_taken_by_position():
    forecaster = LSTMForecaster(**SMALL).fit(two()[:30], fh=[1])
    renamed = two()[30:32].set_axis(["a", "b"], axis=1)
    assert forecaster.update(renamed, update_params=False).predict().shape == (1, 2)


@pytest.mark.parametrize("past_only", [None, ["a"]])
def test_x_without_a_row_of_y_is_refused(past_only):
    y = monthly()
    X = pd.DataFrame({"a": np.arange(40.0)}, index=y.index)
    forecaster = LSTMForecaster(**SMALL, past_only=past_only)
    with pytest.raises(DataFormatError, match="X has no row at any time stamp of y"):
        forecaster.fit(y, X=X.reset_index(drop=True), fh=[1])
    with pytest.raises(DataFormatError, match="it has none"):
        forecaster.fit(y, X=X[:0], fh=[1])
    dates = y.to_timestamp()
    at_ends = X.set_axis(pd.date_range("2000-01-31", periods=40, freq="ME"))
    with pytest.raises(DataFormatError, match="X has no row at any time stamp of y"):
        forecaster.fit(dates, X=at_ends, fh=[1])
    forecaster.fit(y, X=X, fh=[1])
    with pytest.raises(DataFormatError, match="X has no row at any time stamp of y"):
        forecaster.backtest(y, X=X.reset_index(drop=True))


def test_business_days_without_holidays_stay_business_days():
    days = pd.DatetimeIndex(pd.bdate_range("2024-01-01", periods=250).values)
    y = pd.Series(np.arange(237.0), days.delete([5, 40, 110, 200])[:237])  # ends on a Monday
    y = y[:-1]  # on a Friday
    forecaster = LSTMForecaster(**SMALL).fit(y, fh=[1, 2, 3])
    assert y.index[-1].dayofweek == 4
    assert forecaster.predict().index.dayofweek.tolist() == [0, 1, 2]
    assert forecaster.season_ == 5


def test_days_with_a_weekend_among_them_stay_days():
    days = pd.date_range("2024-01-01", periods=60).delete([3, 4, 20])
    y = pd.DataFrame({"y": np.arange(57.0)}, pd.DatetimeIndex(days.values))
    (series,) = read_series(y)
    assert series.step == pd.offsets.Day()


@pytest.mark.parametrize(
    "update",
    [
        pd.Series([1.0, 2.0], pd.date_range("2004-05-01", periods=2, freq="MS")),
        pd.Series([1.0, 2.0], pd.RangeIndex(40, 42)),
    ],
)
def test_update_with_another_kind_of_time_stamps(update):
    forecaster = LSTMForecaster(**SMALL).fit(monthly(), fh=[1])
    with pytest.raises(DataFormatError, match=r"PeriodIndex of period.* before"):
        forecaster.update(update, update_params=False)


def test_update_between_the_steps():
    hours = pd.date_range("2024-01-01", periods=42, freq="h")
    y = pd.Series(np.arange(42.0), hours)
    forecaster = LSTMForecaster(**SMALL).fit(y[:40], fh=[1])
    with pytest.raises(DataFormatError, match="not on its steps"):
        forecaster.update(y[40:].shift(30, freq="min"), update_params=False)


def test_update_with_a_panel_where_a_series_was():
    y = monthly().rename_axis("time").to_frame()
    panel = pd.concat({"a": y, "b": y}, names=["id", "time"])
    forecaster = LSTMForecaster(**SMALL).fit(y[:30], fh=[1])
    with pytest.raises(DataFormatError, match="1 levels above its time stamps, but had 0"):
        forecaster.update(panel, update_params=False)
    forecaster = LSTMForecaster(**SMALL).fit(panel, fh=[1])
    with pytest.raises(DataFormatError, match="0 levels above its time stamps, but had 1"):
        forecaster.update(y, update_params=False)
    assert forecaster.predict().shape == (2, 1)


@pytest.mark.parametrize("alpha", [0, 1, []])
def test_alpha_of_backtest(alpha):
    forecaster = LSTMForecaster(**SMALL).fit(monthly(), fh=[1])
    with pytest.raises(InvalidParameterError, match="alpha="):
        forecaster.backtest(monthly(), alpha=alpha)


def test_a_panel_whose_series_have_no_name_is_refused():
    y = monthly(30).to_frame()
    panel = pd.concat({"a": y, np.nan: y}, names=["id", "time"])
    with pytest.raises(DataFormatError, match="missing value above its time stamps"):
        LSTMForecaster(**SMALL).fit(panel, fh=[1])
