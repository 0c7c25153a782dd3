"""The picture of anomalies: what is drawn is what the detector said, and what is refused."""

import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.dates import ConciseDateFormatter, date2num

from seqlearn.displays import AnomalyDisplay
from seqlearn.errors import DataFormatError, InvalidParameterError, MissingDependencyError


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


class Far:
    """Score of a step: how far its first channel is from 0; alarms with their peaks."""

    def anomaly_scores(self, X):
        return [np.abs(np.asarray(row, dtype=float).reshape(len(row), -1)[:, 0]) for row in X]

    def anomaly_intervals(self, X):
        return [[(2, 4, 3.0), (9, 10, 2.5)] for _ in X]


@pytest.fixture
def detector():
    detector = Far()
    detector.threshold_ = 2.0
    return detector


@pytest.fixture
def series():
    values = np.random.default_rng(0).normal(size=(10, 2))
    values[[2, 3, 9], 0] = 3.0
    return values


def limits(span):
    """Left and right of a shaded range, as drawn."""
    box = span.get_path().get_extents(span.get_patch_transform())
    return box.x0, box.x1


def test_the_picture_is_what_the_detector_says(detector, series):
    y = np.array([0, 0, 1, 1, 1, 0, 0, 0, 0, 0])
    display = AnomalyDisplay.from_estimator(detector, series, y)
    assert len(display.axes_) == 3 and display.ax_ is display.axes_[2]
    assert display.figure_ is display.ax_.figure
    for lines, values in zip(display.lines_, series.T, strict=False):
        np.testing.assert_array_equal(lines["series"].get_ydata(), values)
    np.testing.assert_array_equal(display.lines_[2]["score"].get_ydata(), np.abs(series[:, 0]))
    assert set(display.lines_[2]["threshold"].get_ydata()) == {2.0}
    for spans in display.spans_:  # half a step wider on both sides, and no wider than the series
        assert [limits(one) for one in spans["alarm"]] == [(1.5, 3.5), (8.5, 9.0)]
        assert [limits(one) for one in spans["truth"]] == [(1.5, 4.5)]
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert texts == ["Series", "Score", "Threshold", "Labelled anomaly", "Alarm"]
    display.figure_.canvas.draw()


def test_dates_and_names(detector, series):
    index = pd.date_range("2001-01-01", periods=10)
    frame = pd.DataFrame(series, index, columns=["load", "heat"])
    display = AnomalyDisplay.from_estimator(detector, frame, variable="heat")
    assert [axes.get_ylabel() for axes in display.axes_] == ["heat", "Score"]
    np.testing.assert_array_equal(display.lines_[0]["series"].get_ydata(), series[:, 1])
    left, right = limits(display.spans_[0]["alarm"][0])
    days = date2num(index)
    assert (left, right) == pytest.approx((days[2] - 0.5, days[3] + 0.5))
    assert isinstance(display.ax_.xaxis.get_major_formatter(), ConciseDateFormatter)
    one = AnomalyDisplay.from_estimator(detector, frame["load"])
    assert [axes.get_ylabel() for axes in one.axes_] == ["load", "Score"]
    both = AnomalyDisplay.from_estimator(detector, frame, variable=["heat", "load"])
    np.testing.assert_array_equal(both.lines_[0]["series"].get_ydata(), series[:, 1])


@pytest.mark.parametrize("as_given", [np.array, list, pd.Series])
def test_scores_that_are_there_already(as_given):
    scores = [0.0, 1.0, 1.0, 0.0, 2.0]
    display = AnomalyDisplay.from_scores(as_given([1, 2, 3, 4, 5]), as_given(scores), threshold=1)
    assert display.intervals == [(1, 3), (4, 5)]
    assert AnomalyDisplay.from_scores([1, 2], [0, 9]).intervals is None
    assert AnomalyDisplay.from_scores([1, 2], [0, 9], threshold=1, intervals=None).intervals is None
    given = AnomalyDisplay.from_scores([1, 2], [0, 9], intervals=[(0, 2, 9.0)])
    assert given.intervals == [(0, 2, 9.0)] and "threshold" not in given.lines_[1]
    single = AnomalyDisplay.from_scores([1.0], [2.0], threshold=1)
    assert single.intervals == [(0, 1)]


def test_it_draws_again_on_axes_that_are_given_and_with_styles(detector, series):
    display = AnomalyDisplay.from_estimator(detector, series[:, 0])
    figure, axes = plt.subplots(2)
    kwargs = {"alarm_kwargs": {"color": "blue"}, "score_kwargs": {"lw": 3}, "legend": False}
    assert display.plot(axes, **kwargs) is display and display.figure_ is figure
    assert display.lines_[1]["score"].get_linewidth() == 3
    assert display.spans_[0]["alarm"][0].get_facecolor()[:3] == (0, 0, 1)
    assert axes[0].get_legend() is None
    with pytest.raises(InvalidParameterError, match="2 matplotlib Axes"):
        display.plot(axes[0])


def test_missing_values_are_gaps():
    display = AnomalyDisplay.from_scores([1.0, np.nan, 2.0], [0, 0, 1])
    display.figure_.canvas.draw()
    assert np.isnan(display.lines_[0]["series"].get_ydata()[1])


def test_without_a_threshold(series):
    display = AnomalyDisplay.from_estimator(Far(), series)
    assert display.threshold is None and len(display.intervals) == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: AnomalyDisplay.from_estimator(3, [1.0]), InvalidParameterError, "detector is 3"),
        (lambda: AnomalyDisplay.from_estimator(Far, [1.0]), InvalidParameterError, "a fitted"),
        (
            lambda: AnomalyDisplay.from_estimator(Far(), np.zeros((2, 3, 1))),
            DataFormatError,
            r"series has shape \(2, 3, 1\).*X\[0\]",
        ),
        (lambda: AnomalyDisplay.from_scores([], []), DataFormatError, r"shape \(0,\)"),
        (lambda: AnomalyDisplay.from_scores(["a"], [1]), DataFormatError, "not hold numbers"),
        (
            lambda: AnomalyDisplay.from_scores([1, 2], [1]),
            DataFormatError,
            r"scores has shape \(1,\), but the series has 2 steps",
        ),
        (
            lambda: AnomalyDisplay.from_scores([1, 2], [1, 2], [0]),
            DataFormatError,
            r"y has shape \(1,\)",
        ),
        (
            lambda: AnomalyDisplay.from_scores([1, 2], [1, 2], intervals=[(1, 3)]),
            DataFormatError,
            r"\(1, 3\) does not lie in a series of 2 steps",
        ),
        (
            lambda: AnomalyDisplay.from_scores([1, 2], [1, 2], intervals="all"),
            InvalidParameterError,
            "intervals='all'",
        ),
        (
            lambda: AnomalyDisplay.from_scores([1, 2], [1, 2], variable="heat"),
            InvalidParameterError,
            "variable='heat'",
        ),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_matplotlib_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingDependencyError, match=r"AnomalyDisplay\.from_scores requires"):
        AnomalyDisplay.from_scores([1.0], [1.0])
