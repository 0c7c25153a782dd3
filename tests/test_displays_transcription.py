"""The picture of a transcription is what the transcriber said; what is refused."""

import sys

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from seqlearn import LSTMTranscriber
from seqlearn.displays import TranscriptionDisplay
from seqlearn.errors import DataFormatError, InvalidParameterError, MissingDependencyError

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 3)) for n in (9, 12, 15, 20)]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def model():
    small = {"hidden_size": 8, "max_epochs": 3, "random_state": 0}
    return LSTMTranscriber(**small, stack=2).fit(X, ["a$", "a ", "a", " $"])


def test_the_picture_is_what_the_transcriber_says(model):
    display = TranscriptionDisplay.from_estimator(model, X[0], "a a$", step_seconds=0.01)
    image, chances = display.axes_
    assert np.array_equal(image.images[0].get_array(), X[0].T)
    assert list(display.lines_) == [None, "a", " ", "$"]
    due = np.exp(model.predict_log_proba(X[:1])[0])
    for symbol, column in ((None, 0), (" ", 1), ("$", 2), ("a", 3)):
        times, values = display.lines_[symbol].get_data()
        assert np.array_equal(values, due[:, column])
        np.testing.assert_allclose(times, [0.01, 0.03, 0.05, 0.07, 0.085])
    [timings] = model.predict_timings(X[:1], y=["a a$"])
    assert display.timings == timings
    assert [text.get_text() for text in chances.texts] == ["a", "\u2423", "a", "\\$"]
    assert chances.get_xlim() == (0, pytest.approx(0.09))
    assert chances.get_xlabel() == "Time in seconds"
    display.figure_.canvas.draw()


def test_a_path_goes_where_the_pen_went_and_is_lifted(model):
    steps = X[1].copy()
    steps[:, 2] = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    pipe = make_pipeline(FunctionTransformer(), model)
    display = TranscriptionDisplay.from_estimator(pipe, steps, "a", kind="path")
    path = display.axes_[0]
    strokes = [line.get_xydata() for line in path.lines]
    np.testing.assert_allclose(np.concatenate(strokes), np.cumsum(steps[:, :2], axis=0))
    assert [len(one) for one in strokes] == [4, 8]
    assert [text.get_text() for text in path.texts] == ["a"]
    assert display.axes_[1].get_xlabel() == "Frame"
    display.figure_.canvas.draw()


def test_axes_of_the_user_are_drawn_on_and_an_answer_may_be_empty(model):
    figure, axes = plt.subplots(2)
    display = TranscriptionDisplay.from_estimator(model, X[0], "", ax=axes)
    assert list(display.axes_) == list(axes) == figure.axes
    assert list(display.lines_) == [None]
    assert display.plot().axes_[0] is not axes[0]


def test_what_does_not_fit_is_refused(model, monkeypatch):
    draw = TranscriptionDisplay.from_estimator
    with pytest.raises(DataFormatError, match=r"one sequence of frames, \(T, F\)"):
        draw(model, X[0][0])
    with pytest.raises(InvalidParameterError, match="two axes are drawn on"):
        draw(model, X[0], ax=plt.subplots()[1])
    with pytest.raises(InvalidParameterError, match="kind='line'"):
        draw(model, X[0], kind="line")
    flat = TranscriptionDisplay(
        frames=np.zeros((3, 2)), probabilities=np.ones((3, 2)) / 2, symbols=["a"], timings=[]
    )
    with pytest.raises(InvalidParameterError, match="these have 2 values"):
        flat.plot(kind="path")
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingDependencyError, match="TranscriptionDisplay"):
        draw(model, X[0])
