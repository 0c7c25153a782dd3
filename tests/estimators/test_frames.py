"""Estimators on frames of video: read as bytes, by a network of their own or by any core."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from seqlearn import (
    BiLSTMTagger,
    Frames,
    LSTMClassifier,
    LSTMRegressor,
    SequenceEncoder,
    to_sequences,
)
from seqlearn.backend import Backend, Stack
from seqlearn.errors import DataFormatError, InvalidParameterError

SMALL = {"hidden_size": 8, "max_epochs": 3, "random_state": 0, "device": "cpu"}
FEW = Frames(channels=(2, 3), kernel_size=3, size=6)


def data(n=24, size=(6, 5), seed=0, ragged=False):
    """Clips whose lower or upper half is the brighter one, and which it is."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    lengths = rng.integers(1, 6, n) if ragged else [4] * n
    X = []
    for label, length in zip(y, lengths, strict=True):
        clip = rng.integers(0, 60, (length, *size))
        half = slice(size[0] // 2, None) if label else slice(size[0] // 2)
        clip[:, half] += 120
        X.append(clip.astype(np.uint8))
    return (X if ragged else np.stack(X)), y


class FrameCore(torch.nn.Module):
    """An LSTM over frames that come in their shape."""

    def __init__(self, shape, core):
        super().__init__()
        self.shape, self.core, self.output_size = shape, core, core.output_size

    def forward(self, x, lengths=None, state=None):
        assert x.shape[2:] == self.shape
        return self.core(x.flatten(2), lengths, state)

    def step(self, x, state=None):
        assert x.shape[1:] == self.shape
        return self.core.step(x.flatten(1), state)


class WantsFrames(Backend):
    step_shape = (None, None, None)

    def build(self, input_size, hidden_size, **how):
        def make_layer(size):
            return torch.nn.LSTM(size, hidden_size, batch_first=True)

        shape = tuple(input_size)
        return FrameCore(shape, Stack(make_layer, int(np.prod(shape)), hidden_size, **how))


ESTIMATORS = {
    "classifier": LSTMClassifier(**SMALL),
    "regressor": LSTMRegressor(**SMALL),
    "encoder": SequenceEncoder(**SMALL),
    "tagger": BiLSTMTagger(**SMALL),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"frames": FEW}, {"backend": WantsFrames()}], ids=str)
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_reader_of_sequences_reads_frames(name, ragged, how):
    X, y = data(ragged=ragged)
    target = [[label] * len(clip) for clip, label in zip(X, y, strict=True)]
    target = target if name == "tagger" else y
    model = clone(ESTIMATORS[name]).set_params(**how).fit(X, target)
    assert (model.input_kind_, model.n_features_in_) == ("frames", 30)
    ask = model.transform if name == "encoder" else getattr(model, "predict_proba", model.predict)
    answers = ask(X)
    for i in (0, 5):  # alone, as a container, and after pickling
        for again in (ask(X[i : i + 1]), ask(to_sequences(X)[[i]])):
            np.testing.assert_allclose(again[0], answers[i], rtol=0, atol=1e-6)
    twin = pickle.loads(pickle.dumps(model))
    ask = getattr(twin, ask.__name__)
    for found, due in zip(ask(X), answers, strict=True):
        np.testing.assert_array_equal(found, due)


@pytest.mark.parametrize("frames", [None, FEW])
def test_bytes_are_those_numbers_divided_by_255(frames):
    X, y = data()
    of_bytes = LSTMClassifier(frames=frames, **SMALL).fit(X, y)
    numbers = torch.tensor(X.reshape(len(X), 4, -1) / 255, dtype=torch.float32)
    with torch.no_grad():
        due = of_bytes.net_.module_.eval()(numbers).double().numpy()
    np.testing.assert_allclose(of_bytes._outputs(X), due, rtol=0, atol=1e-5)
    floats = clone(of_bytes).set_params(max_epochs=20).fit(X / 255, y)
    assert floats.score(X / 255, y) == 1.0


def test_a_padded_frame_and_batch_mates_change_nothing():
    X, y = data(ragged=True)
    for how in ({}, {"frames": FEW}, {"backend": WantsFrames()}):
        model = LSTMClassifier(**SMALL, **how).fit(X, y)
        together = model.decision_function(X)
        alone = np.array([model.decision_function([clip])[0] for clip in X])
        np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6)
        shuffled = model.decision_function(X[::-1])[::-1]
        np.testing.assert_allclose(shuffled, together, rtol=0, atol=1e-6)


@pytest.mark.parametrize("how", [{"frames": FEW}, {"backend": WantsFrames()}], ids=str)
def test_streams_answer_as_the_prefix_does(how):
    X, y = data()
    model = LSTMClassifier(**SMALL, bidirectional=False, **how).fit(X, y)
    module, state = model.net_.module_.eval(), None
    with torch.no_grad():
        for t in range(4):
            frame = torch.tensor(X[:, t].reshape(len(X), -1) / 255, dtype=torch.float32)
            outputs, state = module.step(frame, state)
            due = model.decision_function(X[:, : t + 1])
            found = (outputs[:, 1] - outputs[:, 0]).numpy()
            np.testing.assert_allclose(found, due, rtol=0, atol=1e-5)
    with pytest.raises(InvalidParameterError, match=r"\(B, "):
        module.step(torch.zeros(2, 7))


def test_early_stopping_weights_and_continuing():
    X, y = data(40)
    model = LSTMClassifier(frames=FEW, early_stopping=True, warm_start=True, **SMALL)
    model.fit(X, y, np.linspace(0.5, 2, 40)).fit(X, y)
    model.set_params(early_stopping=False).partial_fit(X, y)
    assert model.n_iter_ >= 7 - 1
    for other, name in ((Frames(size=7), "size|channels"), (None, "frames")):
        with pytest.raises(InvalidParameterError, match=name):
            clone(model).set_params(frames=FEW).fit(X, y).set_params(frames=other).fit(X, y)
    plain = LSTMClassifier(warm_start=True, **SMALL).fit(X, y)
    with pytest.raises(InvalidParameterError, match="frames was None; now it is Frames"):
        plain.set_params(frames=FEW).fit(X, y)


def test_searches_and_cross_validation():
    X, y = data()
    search = GridSearchCV(LSTMClassifier(**SMALL), {"frames__size": [4, 6]}, cv=2).fit(X, y)
    assert isinstance(search.best_estimator_.frames, Frames)
    rows, y = data(ragged=True)
    grid = {"frames": [None, FEW], "hidden_size": [4]}
    GridSearchCV(LSTMClassifier(**SMALL), grid, cv=2).fit(rows, y)
    assert cross_val_score(LSTMRegressor(frames=FEW, **SMALL), X, y * 1.0, cv=2).shape == (2,)


WRONG = {
    "another size": (np.zeros((2, 4, 6, 6), np.uint8), "frames of 6 x 6 x 1.*were 6 x 5 x 1"),
    "floats": (np.zeros((2, 4, 6, 5)), "frames of float32, but in fit they were uint8.*255"),
    "flat": (np.zeros((2, 4, 30)), "X is 3-D or a list of sequences, but in fit it was frames"),
    "series": (np.zeros((2, 30)), "X is a 2-D array, but in fit it was frames"),
    "words": ([["a", "b"]], "does not hold numbers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_data_after_fit_are_refused(name):
    X, y = data()
    model = LSTMClassifier(**SMALL).fit(X, y)
    with pytest.raises(DataFormatError, match=WRONG[name][1]):
        model.predict(WRONG[name][0])


def test_frames_after_other_data_are_refused():
    X, y = data()
    model = LSTMClassifier(**SMALL).fit(X.reshape(24, 4, 30), y)
    with pytest.raises(DataFormatError, match="X is frames of video, but in fit it was 3-D"):
        model.predict(X)
    floats = LSTMClassifier(**SMALL).fit(X / 255, y)
    with pytest.raises(DataFormatError, match=r"frames of uint8.*taken as they are"):
        floats.predict(X)
    with pytest.raises(DataFormatError, match="X is frames of video"):
        LSTMClassifier(**SMALL).fit([["a"], ["b"]], [0, 1]).predict(X)


def test_parameters_without_frames_are_refused():
    X, y = data()
    flat = X.reshape(24, 4, 30)
    with pytest.raises(InvalidParameterError, match=r"frames= says.*X has numbers"):
        LSTMClassifier(frames=FEW, **SMALL).fit(flat, y)
    with pytest.raises(InvalidParameterError, match=r"frames= says.*X has words"):
        LSTMClassifier(frames=FEW, **SMALL).fit([["a"], ["b"]], [0, 1])
    with pytest.raises(InvalidParameterError, match="words= says"):
        LSTMClassifier(**SMALL).set_params(words__size=4).fit(X, y)
    for X_, frames in ((flat, None), (X, FEW)):
        model = LSTMClassifier(backend=WantsFrames(), frames=frames, **SMALL)
        with pytest.raises(InvalidParameterError, match=r"reads frames of video.*frames=None"):
            model.fit(X_, y)
        assert not hasattr(model, "net_")


@pytest.mark.parametrize(
    "wrong", [{"channels": ()}, {"channels": 3}, {"kernel_size": 2}, {"grid": 0}, {"dropout": 1.0}]
)
def test_parameters_of_frames_are_checked(wrong):
    X, y = data()
    name = next(iter(wrong))
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of Frames"):
        LSTMClassifier(frames=Frames(**wrong), **SMALL).fit(X, y)
    with pytest.raises(InvalidParameterError, match=r"must be a seqlearn.Frames"):
        LSTMClassifier(frames="cnn", **SMALL).fit(X, y)


@pytest.mark.parametrize("how", [{}, {"frames": FEW}, {"backend": WantsFrames()}], ids=str)
def test_pixels_have_attributions(how):
    X, y = data(8)
    floats = [clip / 255.0 for clip in X[:3]] + [X[3, :2] / 255.0]
    model = LSTMClassifier(dtype="float64", **SMALL, **how).fit(floats, y[:4])
    found = model.attribute(floats, "saliency")
    assert [one.shape for one in found] == [(4, 6, 5, 1)] * 3 + [(2, 6, 5, 1)]
    for pixel in ((0, 0, 0), (1, 2, 3), (1, 5, 4)):  # the size of the gradient: by small steps
        ends = []
        for sign in (1, -1):
            moved = [clip.copy() for clip in floats]
            for clip in moved:
                clip[pixel] += sign * 1e-6
            ends.append(model._outputs(moved))
        slopes = (ends[0] - ends[1]) / 2e-6  # of each output, (N, C)
        outputs = model._outputs(floats)
        assert outputs.shape[1] == 2
        due = np.abs(slopes[:, 1] - slopes[:, 0])
        np.testing.assert_allclose([one[pixel][0] for one in found], due, rtol=1e-4, atol=1e-6)
    whole = model.attribute(floats)  # from the mean frame on, to the frames
    mean = model._record.mean_step.reshape(6, 5)
    odds, base = (
        model.decision_function(rows) * np.where(model.decision_function(floats) > 0, 1, -1)
        for rows in (floats, [np.broadcast_to(mean, clip.shape) for clip in floats])
    )
    due = odds - base
    np.testing.assert_allclose([one.sum() for one in whole], due, rtol=0.01, atol=1e-3)
    zeros = model.attribute(floats, baseline=np.zeros((6, 5, 1)))
    for one, expected in zip(zeros, model.attribute(floats, baseline="zero"), strict=True):
        np.testing.assert_array_equal(one, expected)
    own = model.attribute(floats[:1], "occlusion", baseline=floats[0][..., None])
    assert own[0].shape == (4, 6, 5, 1) and np.abs(own[0]).max() < 1e-12
