"""The picture of a forecast: what is drawn equals what was forecast, and what is refused."""

import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.dates import ConciseDateFormatter, date2num
from sktime.datasets import load_airline, load_longley
from sktime.forecasting.compose import TransformedTargetForecaster
from sktime.forecasting.croston import Croston
from sktime.forecasting.naive import NaiveForecaster, NaiveVariance
from sktime.forecasting.trend import PolynomialTrendForecaster
from sktime.transformations.series.exponent import ExponentTransformer
from sktime.utils._testing.hierarchical import _make_hierarchical

from seqlearn.displays import ForecastDisplay
from seqlearn.errors import (
    DataFormatError,
    InvalidParameterError,
    MissingDependencyError,
    SeqlearnError,
)

pytestmark = pytest.mark.filterwarnings("ignore:The default of config ``remember_data``")
COVERAGE = (0.5, 0.8, 0.95)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def airline():
    y = load_airline()
    return y[:-24], y[-24:]


@pytest.fixture
def fitted(airline):
    return NaiveForecaster(sp=12).fit(airline[0], fh=range(1, 25))


def indexed(kind, n=60):
    """A series over an index of a kind."""
    index = {
        "period": pd.period_range("2001-01", periods=n, freq="M"),
        "date": pd.date_range("2001-01-01", periods=n, freq="D"),
        "hour": pd.date_range("2001-01-01", periods=n, freq="h"),
        "range": pd.RangeIndex(n),
        "integer": pd.Index(np.arange(100, 100 + n)),
    }[kind]
    return pd.Series(np.random.default_rng(0).normal(size=n).cumsum(), index, name="level")


def band_limits(artist):
    """Lowest and highest y of an interval at each of its steps, as drawn."""
    corners = artist.get_paths()[0].vertices
    steps = np.unique(corners[:, 0])
    of_step = [corners[corners[:, 0] == step, 1] for step in steps]
    return np.array([y.min() for y in of_step]), np.array([y.max() for y in of_step])


def assert_bands_are(bands, y_intervals):
    for level, artist in bands.items():
        for bound, drawn in zip(("lower", "upper"), band_limits(artist), strict=True):
            np.testing.assert_allclose(drawn, y_intervals.droplevel(0, axis=1)[level][bound])


def darkness(artist):
    return 1 - np.mean(to_rgb(artist.get_facecolor()[0][:3]))


def test_lines_and_bands_are_what_the_forecaster_predicts(fitted, airline):
    display = ForecastDisplay.from_estimator(fitted, y_true=airline[1])
    (lines,) = display.lines_
    (bands,) = display.bands_
    np.testing.assert_array_equal(lines["forecast"].get_ydata(), fitted.predict())
    np.testing.assert_array_equal(lines["truth"].get_ydata(), airline[1])
    np.testing.assert_array_equal(lines["history"].get_ydata(), airline[0][-96:])
    assert_bands_are(bands, fitted.predict_interval(coverage=list(COVERAGE)))
    assert lines["forecast"].get_xdata()[0] == np.datetime64("1959-01-01")
    assert display.ax_.get_ylabel() == airline[0].name


def test_bands_are_nested_shades_narrower_and_darker(fitted):
    (bands,) = ForecastDisplay.from_estimator(fitted, coverage=(0.8, 0.5, 0.95)).bands_
    assert list(bands) == [0.95, 0.8, 0.5]
    artists = list(bands.values())
    for wide, narrow in pairwise(artists):
        (low, high), (inner_low, inner_high) = band_limits(wide), band_limits(narrow)
        assert (low < inner_low).all()
        assert (inner_high < high).all()
        assert darkness(narrow) > darkness(wide) + 0.05
        assert wide.axes.collections.index(wide) < wide.axes.collections.index(narrow)
        assert wide.get_zorder() <= narrow.get_zorder() < 2  # below the lines


@settings(deadline=None, max_examples=15)
@given(
    values=arrays(float, st.tuples(st.integers(2, 9), st.just(3)), elements=st.floats(-50, 50)),
    kind=st.sampled_from(["period", "date", "hour", "range", "integer"]),
    n_history=st.integers(0, 70),
)
def test_predictions_are_drawn_as_they_are(values, kind, n_history):
    y = indexed(kind)
    index = indexed(kind, 60 + len(values)).index[60:]
    low, middle, high = np.sort(values, axis=1).T
    columns = pd.MultiIndex.from_product([["level"], [0.9], ["lower", "upper"]])
    y_intervals = pd.DataFrame(np.column_stack([low, high]), index, columns)
    display = ForecastDisplay.from_predictions(
        pd.Series(middle, index), y_intervals, y=y, y_true=values[:, :1], n_history=n_history
    )
    lines = display.lines_[0]
    np.testing.assert_array_equal(lines["forecast"].get_ydata(), middle)
    np.testing.assert_array_equal(lines["truth"].get_ydata(), values[:, 0])
    assert_bands_are(display.bands_[0], y_intervals)
    if n_history:
        np.testing.assert_array_equal(lines["history"].get_ydata(), y[-n_history:])
        assert lines["history"].get_xdata().max() < lines["forecast"].get_xdata().min()
    else:
        assert "history" not in lines
    plt.close(display.figure_)


@pytest.mark.parametrize("kind", ["period", "date", "hour"])
def test_dates_get_short_labels_at_the_right_place(kind):
    forecaster = NaiveForecaster().fit(indexed(kind), fh=[1, 2, 3])
    display = ForecastDisplay.from_estimator(forecaster)
    display.figure_.canvas.draw()
    starts = pd.DatetimeIndex(indexed(kind, 63).index.astype("datetime64[ns]")[60:])
    drawn = display.lines_[0]["forecast"].get_xdata(orig=False)
    np.testing.assert_allclose(drawn, date2num(starts))
    assert isinstance(display.ax_.xaxis.get_major_formatter(), ConciseDateFormatter)
    assert 3 <= len([label for label in display.ax_.get_xticklabels() if label.get_text()]) <= 10


@pytest.mark.parametrize("kind", ["range", "integer"])
def test_integer_steps_get_whole_numbers(kind):
    forecaster = NaiveForecaster().fit(indexed(kind, 6), fh=[1, 2])
    display = ForecastDisplay.from_estimator(forecaster)
    ticks = display.ax_.get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_series_fitted_as_arrays_are_drawn_too():
    y = indexed("range")
    forecaster = NaiveForecaster().fit(y.to_numpy()[:50], fh=range(1, 11))
    display = ForecastDisplay.from_estimator(forecaster, y_true=y.to_numpy()[50:])
    lines = display.lines_[0]
    np.testing.assert_array_equal(lines["forecast"].get_xdata(), np.arange(50, 60))
    np.testing.assert_array_equal(lines["forecast"].get_ydata(), forecaster.predict()[:, 0])
    np.testing.assert_array_equal(lines["history"].get_xdata(), np.arange(10, 50))
    assert display.ax_.get_ylabel() == ""


@pytest.mark.parametrize(
    "forecaster",
    [
        lambda: NaiveVariance(PolynomialTrendForecaster(), initial_window=6),
        lambda: TransformedTargetForecaster([ExponentTransformer(), NaiveForecaster()]),
    ],
)
def test_any_forecaster_with_intervals_is_drawn(forecaster):
    y, X = load_longley()
    forecaster = forecaster().fit(y[:12], X=X[:12], fh=[1, 2, 3, 4])
    display = ForecastDisplay.from_estimator(forecaster, X[12:], y_true=y)
    (lines,) = display.lines_
    np.testing.assert_allclose(lines["forecast"].get_ydata(), forecaster.predict(X=X[12:]))
    np.testing.assert_array_equal(lines["truth"].get_ydata(), y[12:])
    assert_bands_are(
        display.bands_[0], forecaster.predict_interval(X=X[12:], coverage=list(COVERAGE))
    )


def test_point_forecasts_need_no_interval(airline):
    forecaster = Croston().fit(airline[0], fh=[1, 2])
    display = ForecastDisplay.from_estimator(forecaster, coverage=())
    assert display.bands_ == [{}]
    assert display.y_intervals is None
    with pytest.raises(InvalidParameterError, match=r"Croston cannot .* coverage=\(\)"):
        ForecastDisplay.from_estimator(forecaster)


def test_one_step_is_a_dot_and_a_bar(airline):
    forecaster = NaiveForecaster().fit(airline[0], fh=[1])
    display = ForecastDisplay.from_estimator(forecaster, coverage=0.9, y_true=airline[1])
    assert display.lines_[0]["forecast"].get_marker() == "o"
    assert display.lines_[0]["truth"].get_ydata() == airline[1].iloc[:1].to_numpy()
    assert display.bands_[0][0.9].get_linewidth()[0] > 1
    assert_bands_are(display.bands_[0], forecaster.predict_interval(coverage=0.9))


def test_horizon_can_be_given_and_have_gaps(airline):
    forecaster = NaiveForecaster().fit(airline[0])
    display = ForecastDisplay.from_estimator(forecaster, fh=[3, 6], y_true=airline[1])
    assert len(display.lines_[0]["forecast"].get_xdata()) == 2
    np.testing.assert_array_equal(display.lines_[0]["truth"].get_ydata(), airline[1][:6])


def test_in_sample_forecasts_lie_over_the_history(airline):
    forecaster = PolynomialTrendForecaster(prediction_intervals=True).fit(airline[0])
    display = ForecastDisplay.from_estimator(forecaster, fh=[-3, -2, -1, 0], coverage=())
    lines = display.lines_[0]
    np.testing.assert_array_equal(lines["forecast"].get_xdata(), lines["history"].get_xdata()[-4:])


def test_history_follows_an_update(fitted, airline):
    fitted.update(airline[1][:6], update_params=False)
    display = ForecastDisplay.from_estimator(fitted, n_history=6)
    np.testing.assert_array_equal(display.lines_[0]["history"].get_ydata(), airline[1][:6])


@pytest.mark.parametrize(("n_history", "drawn"), [("auto", 96), (None, 120), (5, 5), (999, 120)])
def test_n_history(fitted, n_history, drawn):
    display = ForecastDisplay.from_estimator(fitted, n_history=n_history)
    assert len(display.lines_[0]["history"].get_xdata()) == drawn


def test_auto_draws_at_least_twenty_steps(airline):
    forecaster = NaiveForecaster().fit(airline[0], fh=[1])
    display = ForecastDisplay.from_estimator(forecaster)
    assert len(display.lines_[0]["history"].get_xdata()) == 20


@pytest.fixture
def several():
    y = indexed("date").to_frame("a").assign(b=lambda t: t["a"] * 2, c=np.arange(60.0))
    return NaiveForecaster().fit(y[:50], fh=range(1, 11)), y


def test_several_variables_get_axes_each(several):
    forecaster, y = several
    display = ForecastDisplay.from_estimator(forecaster, y_true=y)
    assert display.axes_.shape == (3,)
    assert [ax.get_ylabel() for ax in display.axes_] == ["a", "b", "c"]
    intervals = forecaster.predict_interval(coverage=list(COVERAGE))
    for name, lines, bands in zip("abc", display.lines_, display.bands_, strict=True):
        np.testing.assert_array_equal(lines["forecast"].get_ydata(), forecaster.predict()[name])
        np.testing.assert_array_equal(lines["truth"].get_ydata(), y[name][50:])
        assert_bands_are(bands, intervals[[name]])


def test_variables_can_be_chosen(several):
    forecaster, y = several
    display = ForecastDisplay.from_estimator(forecaster, variable=["c", "a"], y_true=y)
    assert [ax.get_ylabel() for ax in display.axes_] == ["c", "a"]
    assert list(display.y_intervals.columns.unique(0)) == ["c", "a"]
    alone = ForecastDisplay.from_estimator(forecaster, variable="b")
    np.testing.assert_array_equal(
        alone.lines_[0]["forecast"].get_ydata(), forecaster.predict()["b"]
    )
    with pytest.raises(InvalidParameterError, match=r"variable='d'.* 'a', 'b', 'c'"):
        ForecastDisplay.from_estimator(forecaster, variable="d")


@pytest.mark.slow
@pytest.mark.parametrize("levels", [(3,), (2, 3)])
def test_a_series_of_a_panel_is_chosen_by_name(levels):
    y = _make_hierarchical(levels, min_timepoints=12, max_timepoints=12, random_state=0)
    forecaster = NaiveForecaster().fit(y, fh=[1, 2])
    instance = ("h0_1",) if len(levels) == 1 else ("h0_1", "h1_2")
    key = instance[0] if len(levels) == 1 else instance
    display = ForecastDisplay.from_estimator(forecaster, instance=key, y_true=None)
    np.testing.assert_array_equal(
        display.lines_[0]["forecast"].get_ydata(), forecaster.predict().xs(key)["c0"]
    )
    np.testing.assert_array_equal(display.lines_[0]["history"].get_ydata(), y.xs(key)["c0"])
    for wrong in (None, "nobody"):
        with pytest.raises(InvalidParameterError, match=r"name one of .*'h0_0'"):
            ForecastDisplay.from_estimator(forecaster, instance=wrong)
    with pytest.raises(InvalidParameterError, match=r"y has no series .* n_history=0"):
        other = y.drop(index=key)
        ForecastDisplay.from_estimator(forecaster, instance=key, y=other)


def test_an_instance_of_a_single_series_is_refused(fitted):
    with pytest.raises(InvalidParameterError, match="single series"):
        ForecastDisplay.from_estimator(fitted, instance="h0_0")


def test_given_axes_are_drawn_on(fitted, several):
    figure, axes = plt.subplots(1, 3)
    display = ForecastDisplay.from_estimator(fitted, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert not axes[0].lines
    ForecastDisplay.from_estimator(several[0], ax=axes, legend=False)
    assert len(axes[1].lines) == 4
    assert plt.get_fignums() == [figure.number]
    for wrong in (axes[0], axes[:2], "axes"):
        with pytest.raises(InvalidParameterError, match="3 variables are drawn"):
            ForecastDisplay.from_estimator(several[0], ax=wrong)


def test_plot_draws_again_in_another_style(fitted):
    display = ForecastDisplay.from_estimator(fitted)
    first = display.figure_
    again = display.plot(
        forecast_kwargs={"c": "red", "lw": 3}, band_kwargs={"alpha": 0.5}, legend=False
    )
    assert again is display
    assert display.figure_ is not first
    assert display.lines_[0]["forecast"].get_color() == "red"
    assert display.lines_[0]["forecast"].get_linewidth() == 3
    assert display.bands_[0][0.5].get_alpha() == 0.5
    assert display.bands_[0][0.5].get_facecolor()[0][0] == 1.0  # a shade of red
    assert display.ax_.get_legend() is None


def test_the_legend_names_what_is_drawn(fitted, airline):
    figure = ForecastDisplay.from_estimator(fitted, y_true=airline[1]).figure_
    (legend,) = [ax.get_legend() for ax in figure.axes]
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["History", "Truth", "Forecast", "50, 80, 95 % intervals"]
    figure.canvas.draw()
    assert legend.get_window_extent().y0 >= figure.axes[0].get_window_extent().y1
    assert legend.get_window_extent().x1 <= figure.bbox.x1
    assert legend.get_window_extent().y1 <= figure.bbox.y1
    alone = ForecastDisplay.from_estimator(fitted, coverage=(), n_history=0)
    assert [text.get_text() for text in alone.ax_.get_legend().get_texts()] == ["Forecast"]


def test_shades_and_lines_differ_in_grey(fitted, airline):
    display = ForecastDisplay.from_estimator(fitted, y_true=airline[1])
    weights = np.array([0.299, 0.587, 0.114])  # of luma
    greys = [artist.get_facecolor()[0][:3] @ weights for artist in display.bands_[0].values()]
    greys.append(np.array(to_rgb(display.lines_[0]["forecast"].get_color())) @ weights)
    assert (np.diff([1.0, *greys]) < -0.08).all()


@pytest.mark.parametrize("coverage", [0, 1.0, -0.1, 90, "0.9", (0.5, 2.0), True, [None]])
def test_coverage_out_of_range_is_refused(fitted, coverage):
    with pytest.raises(InvalidParameterError, match="coverage="):
        ForecastDisplay.from_estimator(fitted, coverage=coverage)


@pytest.mark.parametrize("n_history", [-1, 2.5, "all", True])
def test_n_history_out_of_range_is_refused(fitted, n_history):
    with pytest.raises(InvalidParameterError, match="n_history="):
        ForecastDisplay.from_estimator(fitted, n_history=n_history)


@pytest.mark.parametrize("forecaster", [NaiveForecaster, {"a": 1}, None])
def test_what_is_no_forecaster_is_refused(forecaster):
    with pytest.raises(InvalidParameterError, match="a fitted sktime forecaster is accepted"):
        ForecastDisplay.from_estimator(forecaster)


def test_a_forecaster_without_memory_is_drawn_with_y(fitted, airline, monkeypatch):
    y_pred = fitted.predict()
    monkeypatch.setattr(fitted, "_y", None)  # as after set_config(remember_data=False)
    monkeypatch.setattr(fitted, "predict", lambda fh, X: y_pred)
    with pytest.raises(InvalidParameterError, match="does not remember its history"):
        ForecastDisplay.from_estimator(fitted, coverage=())
    display = ForecastDisplay.from_estimator(fitted, coverage=(), n_history=0)
    assert list(display.lines_[0]) == ["forecast"]
    display = ForecastDisplay.from_estimator(fitted, coverage=(), y=airline[0])
    np.testing.assert_array_equal(display.lines_[0]["history"].get_ydata(), airline[0][-96:])


@pytest.mark.parametrize(
    ("y_true", "message"),
    [
        (indexed("period"), "no step in common"),
        (indexed("range"), "RangeIndex .* PeriodIndex"),
        (np.zeros(3), r"shape \(3,\).* \(24, 1\)"),
        ([[1.0, 2.0]] * 24, r"shape \(24, 2\)"),
        (load_airline().to_frame("a").assign(b=1.0), "columns 'a', 'b'; the forecast has"),
        (load_airline().set_axis(pd.timedelta_range("1h", periods=144)), "cannot be drawn"),
    ],
)
def test_a_truth_that_does_not_fit_is_refused(fitted, y_true, message):
    with pytest.raises(DataFormatError, match=message):
        ForecastDisplay.from_estimator(fitted, y_true=y_true)


def test_predictions_that_do_not_fit_are_refused(fitted):
    y_pred, y_intervals = fitted.predict(), fitted.predict_interval()
    with pytest.raises(DataFormatError, match="y_pred is a ndarray"):
        ForecastDisplay.from_predictions(y_pred.to_numpy())
    for wrong in (y_intervals[:5], y_pred.to_frame()):
        with pytest.raises(DataFormatError, match="as sktime's predict_interval returns them"):
            ForecastDisplay.from_predictions(y_pred, wrong)


@pytest.mark.parametrize("method", ["from_estimator", "from_predictions", "plot"])
def test_without_matplotlib_the_extra_is_named(fitted, monkeypatch, method):
    y_pred = fitted.predict()
    calls = {
        "from_estimator": lambda: ForecastDisplay.from_estimator(fitted),
        "from_predictions": lambda: ForecastDisplay.from_predictions(y_pred),
        "plot": lambda: ForecastDisplay(y_pred=y_pred.to_frame()).plot(),
    }
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingDependencyError, match=r"scikit-seqlearn\[plot\]") as caught:
        calls[method]()
    assert f"ForecastDisplay.{method} requires matplotlib" in str(caught.value)
    assert isinstance(caught.value, SeqlearnError)
    assert isinstance(caught.value, ImportError)


def test_pictures_are_written(fitted, airline, tmp_path):
    display = ForecastDisplay.from_estimator(fitted, y_true=airline[1])
    display.figure_.savefig(tmp_path / "forecast.png")
    image = plt.imread(tmp_path / "forecast.png")
    assert image.shape[:2] == (350, 600)
    assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 20


def test_legend_leaves_the_factor_of_the_axis_free():
    y = 1e10 * (1 + np.arange(40.0) % 5)
    y = pd.Series(y)
    interval = pd.DataFrame(
        [[1e10, 3e10]] * 3,
        index=[40, 41, 42],
        columns=pd.MultiIndex.from_product([[0], [0.9], ["lower", "upper"]]),
    )
    display = ForecastDisplay.from_predictions(
        pd.Series([2e10] * 3, [40, 41, 42]), interval, y=y, y_true=[2e10] * 3
    )
    display.figure_.canvas.draw()
    factor = display.ax_.yaxis.get_offset_text().get_window_extent()
    assert not display.ax_.get_legend().get_window_extent().overlaps(factor)
