"""The picture of a risk: what is drawn is what the classifier said, and what is refused."""

import sys

import matplotlib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from sklearn.calibration import calibration_curve
from sklearn.pipeline import make_pipeline

import seqlearn
from seqlearn import LSTMClassifier, Sequences, add_static, to_sequences
from seqlearn.displays import RiskDisplay
from seqlearn.errors import DataFormatError, InvalidParameterError, MissingDependencyError
from seqlearn.preprocessing import SequenceScaler

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in (4, 6, 3, 5) * 3]
Y = np.array(["alive", "dead"])[np.arange(12) % 2]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


class Last:
    """The probability of "dead" is the last value of the first feature."""

    classes_ = np.array(["alive", "dead"])

    def predict_proba(self, X):
        last = np.array([np.asarray(row, dtype=float).reshape(len(row), -1)[-1, 0] for row in X])
        return np.stack([1 - last, last], axis=1)


COURSE = np.array([[0.1, 5.0], [0.2, 5.0], [0.9, 5.0]])


@pytest.mark.parametrize(
    "sequence",
    [
        COURSE,
        COURSE.tolist(),
        COURSE[:, 0],
        pd.DataFrame(COURSE, columns=["a", "b"], index=[3.5, 4.5, 5.5]),
        pl.DataFrame(COURSE, schema=["a", "b"]),
        pa.table({"a": COURSE[:, 0], "b": COURSE[:, 1]}),
        to_sequences([COURSE]),
    ],
    ids=lambda sequence: type(sequence).__name__,
)
def test_the_course_is_what_the_classifier_says_of_the_steps_so_far(sequence):
    class Rows(Last):
        def predict_proba(self, X):
            X = [
                np.column_stack([one[n] for n in one.column_names])
                if hasattr(one, "column_names")
                else one
                for one in X
            ]
            return super().predict_proba(X)

    display = RiskDisplay.from_estimator(Rows(), sequence)
    np.testing.assert_allclose(display.lines_["risk"].get_ydata(), [0.1, 0.2, 0.9])
    assert display.lines_["risk"].get_xdata().tolist() == [1, 2, 3]
    assert list(display.lines_) == ["risk"] and len(display.axes_) == 1
    assert display.ax_.get_ylabel() == "Probability of dead"
    assert display.figure_ is display.ax_.figure
    display.figure_.canvas.draw()
    alive = RiskDisplay.from_estimator(Rows(), sequence, label="alive")
    np.testing.assert_allclose(alive.risks, [0.9, 0.8, 0.1])


def test_of_a_pipeline_and_a_sequence_with_names():
    static = pd.DataFrame({"age": RNG.normal(size=12)})
    table = add_static([pd.DataFrame(x, columns=["a", "b"]) for x in X], static)
    model = make_pipeline(
        SequenceScaler(), LSTMClassifier(hidden_size=3, max_epochs=1, random_state=0)
    ).fit(table, Y)
    display = RiskDisplay.from_estimator(model, table[[1]], table, Y, times=np.arange(6) / 2)
    for t in range(6):
        values = table[1][: t + 1]
        alone = Sequences(values, np.array([0, t + 1]), channels=table.channels)
        assert display.risks[t] == pytest.approx(model.predict_proba(alone)[0, 1], abs=1e-6)
    assert display.lines_["risk"].get_xdata().tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    np.testing.assert_array_equal(display.y_true, Y == "dead")
    np.testing.assert_array_equal(display.y_proba, model.predict_proba(table)[:, 1])
    assert set(display.lines_["prior"].get_ydata()) == {0.5}


@pytest.mark.parametrize("n_bins", [1, 5, 10])
def test_the_reliability_diagram_is_that_of_scikit_learn(n_bins):
    y_proba = RNG.random(300) ** 2
    y_true = (RNG.random(300) < y_proba).astype(int)
    display = RiskDisplay.from_predictions(
        [0.5], y_true=y_true, y_proba=y_proba, n_bins=n_bins, name="death"
    )
    true, predicted = calibration_curve(y_true, y_proba, n_bins=n_bins)
    np.testing.assert_allclose(display.prob_true_, true)
    np.testing.assert_allclose(display.prob_pred_, predicted)
    np.testing.assert_allclose(display.lines_["reliability"].get_ydata(), true)
    assert display.lines_["risk"].get_marker() == "o"  # one step is a dot
    edge = RiskDisplay.from_predictions([0, 1], y_true=[1, 0], y_proba=[1.0, 0.0])
    assert edge.prob_true_.tolist() == [0, 1] and edge.prob_pred_.tolist() == [0, 1]


def test_dates_styles_and_axes():
    days = pd.date_range("2024-01-01", periods=3)
    _, axes = plt.subplots(1, 2)
    display = RiskDisplay.from_predictions(
        [0.1, 0.2, 0.3],
        times=days,
        y_true=[0, 1],
        y_proba=[0.2, 0.7],
        ax=axes,
        risk_kwargs={"color": "k"},
        legend=False,
    )
    assert display.axes_.tolist() == axes.tolist()
    assert display.lines_["risk"].get_color() == "k" and axes[0].get_legend() is None
    again = display.plot()
    assert again is display and display.ax_.figure is not axes[0].figure
    texts = [text.get_text() for one in display.axes_ for text in one.get_legend().get_texts()]
    assert texts == ["Risk", "Mean of all", "Observed", "Perfect"]
    assert RiskDisplay.from_predictions([0.5, 0.5], times=list(b"ab")).times.shape == (2,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RiskDisplay.from_estimator(Last, COURSE), "with the method predict_proba"),
        (lambda: RiskDisplay.from_estimator(object(), COURSE), "from_predictions"),
        (lambda: RiskDisplay.from_estimator(Last(), COURSE, X), "X is given and y is not"),
        (lambda: RiskDisplay.from_estimator(Last(), COURSE, y=Y), "y is given and X is not"),
        (lambda: RiskDisplay.from_estimator(Last(), COURSE, label="x"), "label='x'.*'alive'"),
        (lambda: RiskDisplay.from_estimator(Last(), to_sequences(X)), r"X\[\[0\]\]"),
        (lambda: RiskDisplay.from_estimator(Last(), np.ones((2, 3, 1))), r"shape \(2, 3, 1\)"),
        (lambda: RiskDisplay.from_estimator(Last(), np.ones((0, 1))), "no steps"),
        (lambda: RiskDisplay.from_predictions([1.5]), "risks is of float64"),
        (lambda: RiskDisplay.from_predictions([]), "risks"),
        (lambda: RiskDisplay.from_predictions([[0.5]]), "one column of predict_proba"),
        (lambda: RiskDisplay.from_predictions([np.nan]), "risks"),
        (lambda: RiskDisplay.from_predictions([0.5], times=[1, 2]), r"shape \(2,\).*1 steps"),
        (lambda: RiskDisplay.from_predictions([0.5], times=["a"]), "a number or a date"),
        (lambda: RiskDisplay.from_predictions([0.5], y_true=[1]), "Give both"),
        (
            lambda: RiskDisplay.from_predictions([0.5], y_true=[2], y_proba=[0.5]),
            "a 0 or 1 for each",
        ),
        (
            lambda: RiskDisplay.from_predictions([0.5], y_true=[1, 0], y_proba=[0.5]),
            "a 0 or 1 for each",
        ),
        (lambda: RiskDisplay.from_predictions([0.5], n_bins=0), "n_bins=0"),
        (lambda: RiskDisplay.from_predictions([0.5], ax=[1]), "needs 1 matplotlib Axes"),
        (
            lambda: RiskDisplay.from_predictions([0.5], y_true=[1], y_proba=[0.5], ax=plt.gca()),
            "reliability diagram need 2 matplotlib Axes",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises((DataFormatError, InvalidParameterError), match=message):
        call()


def test_of_several_classes_one_is_chosen():
    class Three(Last):
        classes_ = np.array([0, 1, 2])

        def predict_proba(self, X):
            return np.column_stack([super().predict_proba(X) / 2, np.full(len(X), 0.5)])

    with pytest.raises(InvalidParameterError, match=r"classes \[0, 1, 2\]; choose one"):
        RiskDisplay.from_estimator(Three(), COURSE)
    assert set(RiskDisplay.from_estimator(Three(), COURSE, label=2).risks) == {0.5}


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for call in (RiskDisplay.from_predictions, RiskDisplay(risks=np.ones(1)).plot):
        with pytest.raises(MissingDependencyError, match=r"scikit-seqlearn\[plot\]"):
            call([0.5])
    assert seqlearn.RiskDisplay is RiskDisplay
