"""What LSTMForecaster refuses, warns of, or takes although it is odd.

Errors say what was given, what is accepted and what to do. Where sktime refuses first, its own
error is looked at: its class is TypeError, ValueError or NotImplementedError.
"""

import numpy as np
import pandas as pd
import pytest

from seqlearn import LSTMForecaster
from seqlearn.errors import DataFormatError, InvalidParameterError, UnknownBackendError

SMALL = {
    "hidden_size": 4,
    "max_epochs": 1,
    "window_length": 6,
    "segment_length": 3,
    "random_state": 0,
}
FH = [1, 2, 3]
N = 40
SHORT = pytest.mark.filterwarnings("ignore:window_length=6 and a horizon of 3:UserWarning")


def series(n=N, index=None):
    return pd.Series(np.random.default_rng(0).normal(size=n), index=index, name="y")


def exogenous(n=N + 5):
    values = np.random.default_rng(1).normal(size=(n, 2))
    return pd.DataFrame(values, columns=["p", "q"])


def panel(**parts):
    return pd.concat({key: part.to_frame("y") for key, part in parts.items()}, names=["id", "time"])


def irregular(n=N):
    seconds = np.random.default_rng(2).integers(1, 100_000, size=n).cumsum()
    return pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s")


def make(**parameters):
    return LSTMForecaster(**{**SMALL, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return make().fit(series(), fh=FH)


@pytest.fixture(scope="module")
def with_x():
    return make().fit(series(), X=exogenous()[:N], fh=FH)


# Length.


def test_a_window_that_does_not_fit_is_said():
    with pytest.warns(UserWarning, match=r"window_length=100 and a horizon of 3 .* 40 .* 'auto'"):
        one = make(window_length=100).fit(series(), fh=FH)
    assert np.isfinite(one.predict()).all()


@SHORT
@pytest.mark.parametrize("window", ["auto", 6])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_series_of_a_few_steps_are_learned_from(n, window):
    one = make(window_length=window).fit(series(n), fh=FH)
    assert np.isfinite(one.predict()).all()
    assert np.isfinite(one.predict_interval()).all(axis=None)


@SHORT
@pytest.mark.parametrize("window", ["auto", 6])
def test_one_step_is_too_few(window):
    with pytest.raises(DataFormatError, match=r"has 1 step.* At least 2 observed"):
        make(window_length=window).fit(series(1), fh=FH)


def test_no_step_is_refused():
    with pytest.raises(DataFormatError, match=r"no rows|empty|0 steps"):
        make().fit(series(0), fh=FH)


def test_one_observed_value_is_too_few():
    y = series().where(np.arange(N) == 20)
    with pytest.raises(DataFormatError, match="At least 2 observed"):
        make().fit(y, fh=FH)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"early_stopping": True}, "early_stopping=True"),
        ({"calibration": "conformal"}, "conformal"),
    ],
)
def test_nothing_left_to_hold_out_says_how_much_is_needed(options, name):
    with pytest.raises(DataFormatError, match=rf"{name}.* 11 steps.*about (\d+).*go without") as e:
        make(**options).fit(series(11), fh=FH)
    needed = int(str(e.value).split("about ")[1].split()[0])
    make(**options).fit(series(needed), fh=FH)


@pytest.mark.filterwarnings("ignore:window_length=40 and a horizon of 3:UserWarning")
def test_what_is_needed_to_hold_out_counts_from_one_season():
    def fit(n):
        index = pd.period_range("2000Q1", periods=n, freq="Q")
        make(window_length=40, calibration="conformal").fit(series(n, index), fh=FH)

    with pytest.raises(DataFormatError, match=r"about (\d+)") as e:
        fit(8)
    needed = int(str(e.value).split("about ")[1].split()[0])
    fit(needed)
    with pytest.raises(DataFormatError, match="holds out"):
        fit(needed - 3)


def test_a_series_too_short_to_backtest_says_what_is_needed(fitted):
    with pytest.raises(DataFormatError, match=r"y has 8 steps, but backtest needs 9"):
        fitted.backtest(series(8))
    assert len(fitted.backtest(series(9))) == 1
    assert len(fitted.backtest(series(8), initial_window=5)) == 1


# Values.


def test_missing_columns_of_y_are_named():
    y = pd.DataFrame({"a": series(), "b": np.nan})
    with pytest.raises(
        DataFormatError, match=r"Column 'b' of y has no observed value.*Leave it out"
    ):
        make().fit(y, fh=FH)


def test_the_series_of_a_panel_without_values_is_named():
    with pytest.raises(DataFormatError, match="series 'bad' of y has no observed value"):
        make().fit(panel(good=series(), bad=series() * np.nan), fh=FH)
    with pytest.raises(DataFormatError, match=r"series \('n', 'bad'\) of y has no observed value"):
        y = pd.concat({"n": panel(good=series(), bad=series() * np.nan)}, names=["region"])
        make().fit(y, fh=FH)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_named(value):
    y = series().where(np.arange(N) != 7, value)
    with pytest.raises(DataFormatError, match="y is infinite at 7"):
        make().fit(y, fh=FH)
    with pytest.raises(DataFormatError, match="series 'bad' of y is infinite at 7"):
        make().fit(panel(good=series(), bad=y), fh=FH)
    X = exogenous()[:N]
    X.loc[7, "q"] = value
    with pytest.raises(DataFormatError, match="X is infinite at 7"):
        make().fit(series(), X=X, fh=FH)


def test_infinite_values_ahead_are_refused(with_x):
    with pytest.raises(DataFormatError, match="infinite"):
        with_x.predict(X=exogenous().assign(q=np.inf))


def test_columns_that_are_not_numbers():
    y = pd.DataFrame({"a": series(), "b": list("abcd") * 10})
    with pytest.raises(TypeError, match="categorical features in endogeneous y"):
        make().fit(y, fh=FH)
    with pytest.raises(TypeError, match="not support categorical features in exogenous X"):
        make().fit(series(), X=y[["b"]], fh=FH)


def test_columns_that_are_not_numbers_are_named_by_backtest(fitted):
    with pytest.raises(DataFormatError, match="Column 'y' of y is not numeric"):
        fitted.backtest(series().astype(str))


@pytest.mark.parametrize("dtype", ["int64", "float32", "Int64", "bool"])
def test_other_numbers_are_numbers(dtype):
    y = (series() > 0).astype(dtype)
    expected = make().fit(y.astype("float64"), fh=FH).predict()
    np.testing.assert_array_equal(make().fit(y, fh=FH).predict(), expected)


# The time axis.


def test_unsorted_steps():
    with pytest.raises(TypeError, match="must be sorted monotonically increasing"):
        make().fit(series()[::-1], fh=FH)
    with pytest.raises(TypeError, match="sorted"):
        make().fit(panel(good=series(), bad=series()[::-1]), fh=FH)


@pytest.mark.parametrize("kind", ["range", "period", "day"])
def test_steps_that_are_there_twice_are_named(kind):
    index = {
        "range": None,
        "period": pd.period_range("2020-01", periods=N, freq="M"),
        "day": pd.date_range("2020-01-01", periods=N, freq="D"),
    }[kind]
    y = series(index=index)
    with pytest.raises(DataFormatError, match=rf"y has more than one row at {y.index[-1]}. Keep"):
        make().fit(pd.concat([y, y[-1:]]), fh=FH)
    with pytest.raises(DataFormatError, match="series 'bad' of y has more than one row"):
        make().fit(panel(good=y, bad=pd.concat([y, y[-1:]])), fh=FH)


def test_unsorted_and_double_steps_are_named_by_backtest(fitted):
    with pytest.raises(DataFormatError, match=r"not ascending, at 38, 37, .* 34 more. Sort"):
        fitted.backtest(series()[::-1])
    with pytest.raises(DataFormatError, match="more than one row at 39"):
        fitted.backtest(pd.concat([series(), series()[-1:]]))


@pytest.mark.parametrize("index", [None, irregular()], ids=["range", "irregular"])
def test_a_calendar_needs_dates_with_a_frequency(index):
    with pytest.raises(DataFormatError, match=r"(needs? dates|frequency).*calendar=False"):
        make(calendar=True).fit(series(index=index), fh=FH)


def test_time_stamps_without_a_rhythm_have_no_next_step():
    y = series(index=irregular())
    with pytest.raises(DataFormatError, match="frequency"):
        make().fit(y, fh=FH).predict()
    with pytest.raises(DataFormatError, match="frequency"):
        make().fit(panel(a=y, b=y * 2), fh=FH).predict()
    X = exogenous(N).set_index(y.index)
    with pytest.raises(DataFormatError, match="frequency"):
        make().fit(y, X=X, fh=FH).predict(X=X)


@SHORT
@pytest.mark.parametrize("n", [1, 2])
def test_a_short_series_of_a_panel_goes_on_as_the_others_do(n):
    index = pd.date_range("2020-01-01", periods=N, freq="MS")
    y = panel(long=series(index=index), short=series(n, index[:n]))
    found = make().fit(y, fh=FH).predict()
    assert found.loc["short"].index.tolist() == index[n : n + 3].tolist()
    first = panel(short=series(n, index[:n]), long=series(index=index))
    assert make().fit(first, fh=FH).season_ == 12


# Horizons.


def test_horizons_that_are_not_ahead(fitted):
    for fh in ([0, 1], [-1], 0):
        with pytest.raises(
            (NotImplementedError, ValueError), match=r"in-sample|positive|not ahead"
        ):
            make().fit(series(), fh=fh)
    with pytest.raises(ValueError, match="must not be empty"):
        make().fit(series(), fh=[])
    with pytest.raises(ValueError, match="must not contain any duplicates"):
        make().fit(series(), fh=[1, 1])
    with pytest.raises(ValueError, match=r"must be passed to `fit`"):
        make().fit(series())
    with pytest.raises(DataFormatError, match=r"fh=\[0\] is not ahead.*fh=range\(1, 13\)"):
        fitted.backtest(series(), fh=[0])
    with pytest.raises(ValueError, match=r"fh"):
        fitted.backtest(series(), fh=[])


def test_horizons_longer_than_those_of_fit(fitted):
    with pytest.raises(ValueError, match=r"different forecasting horizon.*re-fit"):
        fitted.predict(fh=[1, 2, 3, 4])
    text = r"fh goes 4 steps ahead, but the network was trained for 3: pass the longer fh"
    with pytest.raises(DataFormatError, match=text):
        fitted.backtest(series(), fh=[1, 4])
    pretrained = make().pretrain(panel(a=series(), b=series()), fh=FH)
    with pytest.raises(DataFormatError, match=text):
        pretrained.fit(series(), fh=[4])


# Exogenous columns.


def test_x_is_missing(with_x):
    with pytest.raises(DataFormatError, match=r"predict needs X with 'p' and 'q', .* fit had"):
        with_x.predict()
    with pytest.raises(DataFormatError, match=r"update needs X with 'p' and 'q'"):
        with_x.update(series(N + 1)[N:])
    with pytest.raises(DataFormatError, match=r"backtest needs X with 'p' and 'q'"):
        with_x.backtest(series())


def test_rows_of_x_are_missing(with_x):
    X = exogenous()
    with pytest.raises(DataFormatError, match=r"no row at 41 and 42, for y.*'p' and 'q' at"):
        with_x.predict(X=X[: N + 1])
    with pytest.raises(DataFormatError, match=r"no row at 41, for y"):
        with_x.predict(X=X.drop(41))


def test_rows_of_x_are_missing_for_a_series():
    y = panel(a=series(), b=series())
    X = pd.concat({"a": exogenous(), "b": exogenous()}, names=["id", "time"])
    one = make().fit(y, X=X.loc[y.index], fh=FH)
    with pytest.raises(DataFormatError, match=r"no row at 42, for series 'b' of y"):
        one.predict(X=X.drop(("b", 42)))
    with pytest.raises(DataFormatError, match=r"no rows for series 'b' of y"):
        one.predict(X=X.loc[["a"]])


def test_columns_of_x_are_others(with_x, fitted):
    X = exogenous()
    with pytest.raises(DataFormatError, match=r"no column 'q', which fit had; it has 'p'"):
        with_x.predict(X=X[["p"]])
    with pytest.raises(DataFormatError, match=r"has the column 'r', but fit had 'p' and 'q'."):
        with_x.predict(X=X.assign(r=1.0))
    with pytest.raises(DataFormatError, match=r"has the column .*but fit had no X"):
        fitted.predict(X=X)
    with pytest.raises(DataFormatError, match=r"no column 'q'"):
        with_x.backtest(series(), X[["p"]])
    with pytest.raises(DataFormatError, match=r"no column 'q'"):
        with_x.update(series(N + 1)[N:], X=X[["p"]][N : N + 1])


def test_x_that_sktime_cannot_read(with_x):
    for X in (exogenous()[::-1], pd.concat([exogenous(), exogenous()[-1:]])):
        with pytest.raises((TypeError, DataFormatError), match=r"sorted|unique|more than one row"):
            with_x.predict(X=X)


@pytest.mark.parametrize(
    ("past_only", "X", "text"),
    [
        (["r"], exogenous()[:N], r"past_only names 'r', but X has 'p' and 'q'"),
        (["p"], None, r"past_only names 'p', but there is no X"),
        ("p", exogenous()[:N], r"'past_only' .* must be a list or None. Got 'p'"),
    ],
)
def test_columns_of_the_past_must_be_there(past_only, X, text):
    with pytest.raises(InvalidParameterError, match=text):
        make(past_only=past_only).fit(series(), X=X, fh=FH)


# Columns of y.


def test_columns_of_y_are_others(fitted):
    two = pd.DataFrame({"a": series(), "b": series()})
    text = r"y has 2 columns, but the network was trained on 1"
    with pytest.raises(DataFormatError, match=text):
        fitted.backtest(two)
    with pytest.raises(DataFormatError, match=text):
        fitted.update(two.set_index(two.index + N))
    pretrained = make().pretrain(panel(a=series(), b=series()), fh=FH)
    with pytest.raises(DataFormatError, match=text):
        pretrained.fit(two, fh=FH)
    assert fitted.predict().shape == (3,)


# Containers.


def test_lists_are_refused_and_arrays_taken(fitted):
    with pytest.raises(TypeError, match="must be in an sktime compatible format"):
        make().fit(series().tolist(), fh=FH)
    with pytest.raises(TypeError, match="must be in an sktime compatible format"):
        fitted.update([1.0, 2.0])
    expected = make().fit(series(), fh=FH).predict()
    np.testing.assert_array_equal(make().fit(series().to_numpy(), fh=FH).predict()[:, 0], expected)
    with pytest.raises(AssertionError, match="y cannot be None"):
        make().fit(None, fh=FH)


@pytest.mark.parametrize("y", [[1.0] * N, np.ones(N), np.ones((N, 1)), None], ids=type)
def test_backtest_says_what_it_takes(fitted, y):
    with pytest.raises((DataFormatError, TypeError), match=r"(DataFrame|sktime compatible)"):
        fitted.backtest(y)


# Parameters.


def test_parameters_that_do_not_exist():
    with pytest.raises(TypeError, match="unexpected keyword argument 'hiden_size'"):
        make(hiden_size=3)
    with pytest.raises(ValueError, match="hiden_size"):
        make().set_params(hiden_size=3)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("quantiles", (0.0, 0.5), r"two or more distinct numbers in \(0, 1\), or None"),
        ("quantiles", (0.5, 1.0), "two or more distinct numbers"),
        ("quantiles", (-0.1, 0.5), "two or more distinct numbers"),
        ("quantiles", (0.5, 5), "two or more distinct numbers"),
        ("quantiles", (0.5, np.nan), "two or more distinct numbers"),
        ("quantiles", (0.5,), "two or more distinct numbers"),
        ("quantiles", (0.5, 0.5), "two or more distinct numbers"),
        ("quantiles", 0.5, "two or more distinct numbers"),
        ("quantiles", "0.5", "two or more distinct numbers"),
        ("window_length", 0, "an int >= 1 or 'auto'"),
        ("window_length", 2.5, "an int >= 1 or 'auto'"),
        ("window_length", "atuo", "an int >= 1 or 'auto'"),
        ("segment_length", -1, "an int >= 1 or 'auto'"),
        ("normalization", "windw", "did you mean 'window'"),
        ("decoding", "paralel", "did you mean 'parallel'"),
        ("share_channels", "yes", "True or False"),
        ("calendar", 1, "True or False"),
        ("loss", "mae", "one of 'squared_error', 'absolute_error', 'huber'"),
        ("calibration", True, "one of 'conformal', None"),
        ("hidden_size", 0, "an int >= 1"),
        ("max_epochs", 0, "an int >= 1 or 'auto'"),
        ("dropout", 1.0, r"a number in \[0, 1\)"),
        ("validation_fraction", 1.0, r"a number in \(0, 1\)"),
    ],
)
def test_parameters_out_of_range_are_named(name, value, wanted):
    with pytest.raises(InvalidParameterError, match=rf"'{name}' parameter.*{wanted}.*Got"):
        make(**{name: value}).fit(series(), fh=FH)


def test_parameters_that_do_not_go_together():
    with pytest.raises(InvalidParameterError, match=r"calibration='conformal'.*quantiles=None"):
        make(calibration="conformal", quantiles=None).fit(series(), fh=FH)
    with pytest.raises(UnknownBackendError, match="torhc"):
        make(backend="torhc").fit(series(), fh=FH)


def test_levels_outside_zero_and_one(fitted):
    for alpha in (0.0, 1.0, 1.5, -0.1):
        with pytest.raises(ValueError, match=r"alpha must lie in the open interval \(0, 1\)"):
            fitted.predict_quantiles(alpha=[alpha])
        with pytest.raises(ValueError, match=r"alpha.*\(0, 1\)"):
            fitted.backtest(series(), alpha=[alpha])
    for coverage in (0.0, 1.0, 90.0):
        with pytest.raises(ValueError, match=r"coverage must lie in the open interval \(0, 1\)"):
            fitted.predict_interval(coverage=coverage)


def test_levels_of_a_backtest_may_be_one_number(fitted):
    expected = fitted.backtest(series(), alpha=[0.3])
    pd.testing.assert_frame_equal(fitted.backtest(series(), alpha=0.3), expected)


def test_levels_without_quantiles():
    one = make(quantiles=None).fit(series(), fh=FH)
    with pytest.raises(NotImplementedError, match="quantile"):
        one.predict_quantiles(alpha=[0.1])
    with pytest.raises(InvalidParameterError, match=r"alpha.*quantiles=None"):
        one.backtest(series(), alpha=[0.1])


@pytest.mark.parametrize("name", ["stride", "initial_window"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True])
def test_strides_and_beginnings_are_whole_numbers(fitted, name, value):
    with pytest.raises(InvalidParameterError, match=rf"{name} must be an int >= 1. Got {value!r}"):
        fitted.backtest(series(), **{name: value})


def test_what_is_not_fitted_cannot_answer():
    for call in (
        lambda f: f.predict(),
        lambda f: f.update(series()),
        lambda f: f.backtest(series()),
        lambda f: f.predict_quantiles(),
    ):
        with pytest.raises(Exception, match="has not been fitted yet"):
            call(make())


def test_pretraining_needs_a_panel():
    with pytest.raises(TypeError, match="requires Panel or Hierarchical data"):
        make().pretrain(series(), fh=FH)
