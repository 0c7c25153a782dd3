"""The picture of attention: what is drawn is what the translator said, and what is refused."""

import sys

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from seqlearn.displays import AttentionDisplay
from seqlearn.errors import DataFormatError, InvalidParameterError, MissingDependencyError

TABLE = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


class Translator:
    """It looks as `TABLE` says, or backwards if a target is given."""

    def attention(self, X, y=None, return_tokens=False):
        table = TABLE if y is None else TABLE[:, ::-1]
        return [table], [list(X[0])], [["en", " $5"] if y is None else list(y[0])]


def texts(labels):
    return [label.get_text() for label in labels]


def test_the_picture_is_what_the_translator_says():
    display = AttentionDisplay.from_estimator(Translator(), "a c")
    assert np.array_equal(display.im_.get_array(), TABLE)
    assert display.im_.get_clim() == (0, 1)
    assert texts(display.ax_.get_xticklabels()) == ["a", "\u2423", "c"]
    assert texts(display.ax_.get_yticklabels()) == ["en", "\u2423\\$5"]
    assert display.figure_ is display.ax_.figure
    display.figure_.canvas.draw()
    given = AttentionDisplay.from_estimator(Translator(), "abc", "xy")
    assert np.array_equal(given.attention, TABLE[:, ::-1])
    assert given.target_tokens == ["x", "y"]


def test_axes_of_the_user_are_drawn_on():
    figure, ax = plt.subplots()
    display = AttentionDisplay.from_attention(TABLE, "abc", "xy", ax=ax, colorbar=False)
    assert display.ax_ is ax
    assert figure.axes == [ax]
    again = display.plot(cmap="Reds")
    assert again.ax_ is not ax
    assert len(again.figure_.axes) == 2


def test_what_does_not_fit_is_refused(monkeypatch):
    with pytest.raises(DataFormatError, match=r"shape \(2, 3\), and there are 2 tokens"):
        AttentionDisplay.from_attention(TABLE, "ab", "xy")
    with pytest.raises(DataFormatError, match="at least one"):
        AttentionDisplay.from_attention(np.zeros((0, 1)), "a", "")
    with pytest.raises(InvalidParameterError, match="no matplotlib Axes"):
        AttentionDisplay.from_attention(TABLE, "abc", "xy", ax=3)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingDependencyError, match="requires matplotlib"):
        AttentionDisplay.from_estimator(Translator(), "abc")
