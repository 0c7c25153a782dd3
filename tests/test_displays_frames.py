"""The picture of a clip: what is drawn is what the classifier said, and what is refused."""

import sys

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from seqlearn import LSTMClassifier
from seqlearn.displays import FramesDisplay
from seqlearn.errors import DataFormatError, InvalidParameterError, MissingDependencyError

CLIP = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


class Classifier:
    """It is sure by three quarters, because of the last frame's first pixel."""

    classes_ = np.array(["up", "$5"])

    def predict_proba(self, X):
        return np.array([[0.25, 0.75]])

    def attribute(self, X, method):
        assert method == "saliency"
        saliency = np.zeros(X[0].shape)
        saliency[2, 0, 0] = 2.0
        return [saliency]


def test_the_picture_is_what_the_classifier_says():
    display = FramesDisplay.from_estimator(Classifier(), CLIP)
    assert display.figure_.get_suptitle() == "\\$5, probability 0.75"
    assert display.axes_.shape == (2, 3)
    for i in range(3):
        above, below = (ax.images[0] for ax in display.axes_[:, i])
        np.testing.assert_allclose(above.get_array(), CLIP[i] / 255)
        assert below.get_clim() == (0, 2)
        np.testing.assert_array_equal(below.get_array(), display.saliency[i])
    assert [bar.get_height() for bar in display.ax_.patches] == [0, 0, 2]
    display.figure_.canvas.draw()


def test_a_fitted_classifier_is_drawn():
    X, y = np.stack([CLIP, CLIP[::-1]] * 4), np.arange(8) % 2
    model = LSTMClassifier(hidden_size=4, max_epochs=1, random_state=0).fit(X, y)
    display = FramesDisplay.from_estimator(model, X[0])
    due = model.attribute(X[:1], "saliency")[0].max(-1)
    np.testing.assert_array_equal(display.saliency, due)


def test_long_clips_are_thinned_out_and_colours_drawn():
    clip = np.random.default_rng(0).random((30, 2, 2, 3))
    display = FramesDisplay.from_saliency(clip, np.zeros((30, 2, 2))).plot(max_frames=4)
    titles = [ax.get_title() for ax in display.axes_[0]]
    assert titles == ["0", "10", "19", "29"]
    assert display.axes_[0, 3].images[0].get_array().shape == (2, 2, 3)
    assert len(display.ax_.patches) == 30
    two_colours = np.zeros((1, 2, 2, 2)) - 1
    display = FramesDisplay.from_saliency(two_colours, np.ones((1, 2, 2)))
    assert (display.axes_[0, 0].images[0].get_array() == 0).all()


def test_what_does_not_fit_is_refused(monkeypatch):
    with pytest.raises(DataFormatError, match=r"saliency has shape \(3, 4\)"):
        FramesDisplay.from_saliency(CLIP, np.ones((3, 4)))
    for clip in (CLIP[0], CLIP[:0], np.stack([CLIP] * 2)[..., None], np.full((2, 2, 2), "a")):
        with pytest.raises(DataFormatError, match="one clip"):
            FramesDisplay.from_estimator(Classifier(), clip)
    with pytest.raises(InvalidParameterError, match="max_frames"):
        FramesDisplay.from_saliency(CLIP, np.ones((3, 4, 5)), max_frames=0)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingDependencyError, match="requires matplotlib"):
        FramesDisplay.from_estimator(Classifier(), CLIP)
