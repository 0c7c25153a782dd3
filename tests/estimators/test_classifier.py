"""LSTMClassifier: labels in, labels and probabilities out."""

import numpy as np
import pytest

from seqlearn import LSTMClassifier
from seqlearn.errors import DataFormatError

SMALL = {"hidden_size": 8, "max_epochs": 20, "lr": 0.03, "random_state": 0}


@pytest.fixture
def fitted(ragged):
    X, y = ragged
    return LSTMClassifier(**SMALL).fit(X, y)


def test_it_learns_and_gives_labels_back(fitted, ragged):
    X, y = ragged
    assert list(fitted.classes_) == ["high", "low", "mid"]
    assert fitted.predict(X).dtype == y.dtype
    assert fitted.score(X, y) > 0.9


def test_probabilities_logarithms_and_scores_agree(fitted, ragged):
    X, _ = ragged
    probability, scores = fitted.predict_proba(X), fitted.decision_function(X)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X)), probability, rtol=1e-12)
    assert np.array_equal(probability.argmax(axis=1), scores.argmax(axis=1))
    assert np.array_equal(fitted.classes_[scores.argmax(axis=1)], fitted.predict(X))
    assert probability.dtype == np.float64


def test_two_classes_have_one_score(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL).fit(X, y == "high")
    scores = model.decision_function(X)
    assert scores.shape == (40,)
    assert np.array_equal(model.predict(X), scores > 0)
    odds = model.predict_log_proba(X)
    np.testing.assert_allclose(odds[:, 1] - odds[:, 0], scores, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "labels", [["c", "a", "b"], [30, 10, 20], [2.0, 0.0, 1.0], [True, False, True], [-1, 5, 7]]
)
def test_labels_of_any_kind(labels, ragged):
    X, _ = ragged
    y = np.array(labels)[np.arange(40) % 3]
    model = LSTMClassifier(**SMALL).fit(X, y)
    assert list(model.classes_) == sorted(set(labels))
    assert set(model.predict(X)) <= set(labels)


def test_object_labels_and_lists_of_labels(ragged):
    X, y = ragged
    from_list = LSTMClassifier(**SMALL).fit(X, y.tolist())
    from_objects = LSTMClassifier(**SMALL).fit(X, y.astype(object))
    assert np.array_equal(from_list.predict_proba(X), from_objects.predict_proba(X))


def test_multilabel(ragged):
    X, y = ragged
    Y = np.column_stack([y == "high", y != "low", np.arange(40) % 4 == 0]).astype(int)
    model = LSTMClassifier(**SMALL).set_params(max_epochs=60).fit(X, Y)
    predicted = model.predict(X)
    assert predicted.shape == Y.shape and set(predicted.ravel()) == {0, 1}
    assert (predicted[:, :2] == Y[:, :2]).mean() > 0.9
    assert np.array_equal(model.predict_proba(X) > 0.5, model.decision_function(X) > 0)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))
    assert list(model.classes_) == [0, 1, 2]
    more = LSTMClassifier(**SMALL)
    for _ in range(3):
        more.partial_fit(X, Y)
    assert more.predict(X).shape == Y.shape


@pytest.mark.slow
@pytest.mark.parametrize("readout", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_every_shape_of_network_learns(readout, bidirectional, num_layers, ragged):
    X, y = ragged
    model = LSTMClassifier(
        **SMALL, readout=readout, bidirectional=bidirectional, num_layers=num_layers
    )
    assert model.fit(X, y).score(X, y) > 0.8


def test_two_dimensional_and_three_dimensional_series_are_the_same():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 7)), np.arange(30) % 2
    flat = LSTMClassifier(**SMALL).fit(X, y)
    deep = LSTMClassifier(**SMALL).fit(X[:, :, None], y)
    as_list = LSTMClassifier(**SMALL).fit(list(X[:, :, None]), y)
    assert np.array_equal(flat.predict_proba(X), deep.predict_proba(X[:, :, None]))
    assert np.array_equal(flat.predict_proba(X), as_list.predict_proba(list(X[:, :, None])))
    assert (flat.n_features_in_, deep.n_features_in_) == (7, 1)
    assert (flat.input_kind_, deep.input_kind_) == ("series", "sequences")


def test_double_precision(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, dtype="float64").fit(X, y)
    assert {str(p.dtype) for p in model.net_.module_.parameters()} == {"torch.float64"}
    assert model.score(X, y) > 0.9


@pytest.mark.gpu
def test_on_a_gpu(ragged):
    import pickle

    import torch

    X, y = ragged
    for bidirectional in (False, True):
        params = {**SMALL, "bidirectional": bidirectional, "num_layers": 2, "dropout": 0.1}
        model = LSTMClassifier(**params, device="cuda").fit(X, y)
        assert model.device_ == "cuda"
        assert model.score(X, y) > 0.8
        loaded = pickle.loads(pickle.dumps(model))
        np.testing.assert_allclose(loaded.predict_proba(X), model.predict_proba(X), atol=1e-6)
        again = LSTMClassifier(**params, device="cuda").fit(X, y)
        np.testing.assert_allclose(again.predict_proba(X), model.predict_proba(X), atol=1e-3)
    model = LSTMClassifier(**SMALL, device="auto").fit(X, y)
    assert model.device_ == "cuda"
    before = torch.cuda.get_rng_state()
    model.fit(X, y)
    assert torch.equal(before, torch.cuda.get_rng_state())


@pytest.mark.parametrize("values", [(1, 2), (-1, 1), (0, 5)])
def test_multilabel_targets_are_0_and_1(values):
    X, y = np.random.default_rng(0).normal(size=(24, 5, 2)), np.arange(24) % 3
    labels = np.stack([y > 0, y > 1], axis=1)
    with pytest.raises(DataFormatError, match=r"0 and 1"):
        LSTMClassifier(**SMALL).fit(X, np.where(labels, *values))
    LSTMClassifier(**SMALL).fit(X, labels).partial_fit(X, labels.astype(float))
