"""What an estimator has learned: one frozen record of plain fields, replaced whole or not."""

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator
from skorch.callbacks import Callback

from seqlearn import (
    BiLSTMTagger,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    SequenceEncoder,
    Words,
    trusted_types,
)
from seqlearn.data.plain import Record
from seqlearn.errors import DataFormatError, InvalidParameterError, TrainingDivergedError
from seqlearn.estimators.base import TrainingData
from seqlearn.estimators.targets import Classes
from seqlearn.modules.heads.linear import MultilabelHead

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, size=24)]
LABELS = np.array(["low", "mid", "high"])[np.arange(24) % 3]
WORDS = [[f"w{i}" for i in RNG.integers(0, 9, size=5)] for _ in range(24)]
BIO = [["B-x" if word < "w4" else "O" for word in words] for words in WORDS]
VECTORS = {f"w{i}": RNG.normal(size=3).astype("f") for i in range(12)}
FRAME = pd.DataFrame({"a": [x[:, 0] for x in X], "b": [x[:, 1] for x in X]})

CLASSES = ["high", "low", "mid"]
SETS = np.eye(3, dtype=int)[np.arange(24) % 3]
FITS = {
    "classifier": (LSTMClassifier(**SMALL, class_weight="balanced"), X, LABELS, "predict_proba"),
    "several labels": (
        LSTMClassifier(**SMALL),
        X,
        np.eye(3, dtype=int)[np.arange(24) % 3],
        "predict",
    ),
    "table": (LSTMClassifier(**SMALL), FRAME, LABELS, "predict_proba"),
    "words": (
        LSTMClassifier(**SMALL, words=Words(characters=3, vectors=VECTORS)),
        WORDS,
        LABELS,
        "predict_proba",
    ),
    "regressor": (LSTMRegressor(**SMALL, early_stopping=True), X, RNG.normal(size=24), "predict"),
    "encoder": (SequenceEncoder(**SMALL), X, None, "transform"),
    "encoder of another": (SequenceEncoder(LSTMClassifier(**SMALL)), X, LABELS, "transform"),
    "tagger": (BiLSTMTagger(**SMALL, scheme="BIO"), WORDS, BIO, "predict_marginals"),
}
PLAIN = (type(None), bool, int, float, str, np.ndarray, np.generic)


@pytest.fixture(params=FITS)
def fitted(request):
    model, X, y, method = FITS[request.param]
    return clone(model).fit(X, y), X, y, method


def walk(value):
    """Every record in a value, that holds nothing but records and what is plain."""
    if isinstance(value, Record):
        yield value
        value = vars(value)
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        for part in value:
            yield from walk(part)
    else:
        assert isinstance(value, (*PLAIN, pd.Index)), type(value)


def assert_frozen(records):
    for record in records:
        if dataclasses.is_dataclass(record):  # but for Vocabulary
            assert type(record).__eq__ is object.__eq__
            for field in dataclasses.fields(record):
                with pytest.raises(dataclasses.FrozenInstanceError):
                    setattr(record, field.name, None)


def test_the_record_is_frozen_and_plain(fitted):
    records = list(walk(fitted[0]._learned))
    assert len(records) >= 3
    assert_frozen(records)


def test_that_of_a_forecaster_too():
    y = pd.DataFrame({"y": np.sin(np.arange(40.0))}, pd.period_range("2000", periods=40))
    model = LSTMForecaster(**SMALL, window_length=6, calibration="conformal").fit(y, fh=[1, 2])
    before, kept = model.model_, pickle.dumps(model.model_)
    assert_frozen(walk(before))
    assert isinstance(before, Record)
    known = vars(model).copy()
    model.predict()
    assert vars(model).keys() == known.keys() and model.model_ is before
    model.update(y[-3:])
    assert model.model_ is not before and pickle.dumps(before) == kept


def test_a_refit_replaces_it_whole(fitted):
    model, X, y, _ = fitted
    before, net = model._learned, model.net_
    kept = pickle.dumps(before)
    model.fit(X, y)
    assert model._learned is not before and model.net_ is not net
    assert pickle.dumps(before) == kept


def test_what_is_done_to_an_attribute_changes_no_model(fitted):
    model = fitted[0]
    before = pickle.dumps(model._learned)
    if hasattr(model, "classes_"):
        model.classes_[0] = model.classes_[-1]
    model.history_[0].clear()
    model.loss_curve_.clear()
    assert pickle.dumps(model._learned) == before


def test_prediction_keeps_nothing(fitted):
    model, X, _, method = fitted
    before = vars(model).copy()
    getattr(model, method)(X)
    after = vars(model)
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)


def test_a_copy_with_the_same_parameters_knows_nothing(fitted):
    model = clone(fitted[0])
    assert set(vars(model)) == set(model.get_params(deep=False))
    for name in ("history_", "classes_", "input_kind_", "vocabulary_", "n_iter_", "device_"):
        assert not hasattr(model, name)
    with pytest.raises(NotFittedError):
        getattr(model, fitted[3])(fitted[1])


@pytest.mark.slow
def test_files_name_no_type_of_a_record(fitted):
    model, X, _, method = fitted
    data = skops.io.dumps(model)
    types = skops.io.get_untrusted_types(data=data)
    assert set(types) <= set(trusted_types())
    names = {type(record).__name__ for record in walk(model._learned)}
    assert not names & {one.rpartition(".")[2] for one in types}
    other = skops.io.loads(data, trusted=types)
    assert [type(r) for r in walk(other._learned)] == [type(r) for r in walk(model._learned)]
    for one, due in zip(getattr(other, method)(X), getattr(model, method)(X), strict=True):
        assert np.array_equal(one, due)


def test_a_record_whose_class_is_not_there_is_named():
    model = LSTMClassifier(**SMALL).fit(X, LABELS)
    state = model.__getstate__()
    state["_learned"]["name"] = "elsewhere.Learned"
    with pytest.raises(DataFormatError, match=r"elsewhere\.Learned.*Import elsewhere first"):
        LSTMClassifier().__setstate__(state)


class Fail(Callback):
    """Break the training off."""

    def on_epoch_end(self, net, **kwargs):
        raise OSError("disk full")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("params", "change", "error"),
    [
        ({}, lambda X, y, w: (X[:-1], y, w), DataFormatError),
        ({}, lambda X, y, w: (np.full((24, 4, 2), np.nan), y, w), ValueError),
        ({}, lambda X, y, w: (X, [None, *y[1:]], w), DataFormatError),
        ({}, lambda X, y, w: (X, y, -w), DataFormatError),
        ({"class_weight": {"no": 1}}, lambda *given: given, InvalidParameterError),
        ({"early_stopping": True}, lambda X, y, w: (X[:3], y[:3], w[:3]), DataFormatError),
        ({"callbacks": [Fail()]}, lambda *given: given, OSError),
        ({"optimizer": "sgd", "lr": 1e38}, lambda *given: given, TrainingDivergedError),
    ],
    ids=["rows", "NaN", "label", "weight", "class weight", "held out", "training", "diverged"],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_fit_that_fails_changes_nothing(method, params, change, error):
    X_, y, weights = change(X, LABELS, np.ones(24))
    given = {"sample_weight": weights} | ({"classes": CLASSES} if method == "partial_fit" else {})
    base = {**SMALL, **params, "lr_schedule": None, "gradient_clip": None}
    if method == "partial_fit" and "early_stopping" in params:
        return  # it holds nothing out
    models = [LSTMClassifier(**base)]
    for fitted_on in (X, FRAME):
        model = LSTMClassifier(**SMALL, optimizer=base.get("optimizer", "adam"))
        models.append(model.fit(fitted_on, LABELS).set_params(**base))
    for model in models if method == "fit" else models[:2]:
        before = vars(model).copy()
        with pytest.raises(error):
            getattr(model, method)(X_, y, **given)
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is value for name, value in before.items())


def test_the_training_set_is_frozen_and_shares_nothing_with_X(monkeypatch):
    """From then on a change of the user's arrays changes no model."""
    seen, train = [], LSTMClassifier._train

    def spy(self, data, **options):
        seen.append(data)
        return train(self, data, **options)

    monkeypatch.setattr(LSTMClassifier, "_train", spy)
    values = RNG.normal(size=(24, 5, 2)).astype(np.float32)
    LSTMClassifier(**SMALL).fit(values, LABELS)
    (data,) = seen
    assert np.shares_memory(data.sequences.values, values)
    dataset = data.dataset(data.train_rows, "cpu", None)
    assert not np.shares_memory(dataset.values.numpy(), values)
    for field in dataclasses.fields(TrainingData):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(data, field.name, None)


# A classifier of one's own.


@dataclasses.dataclass(frozen=True, eq=False)
class Ranks(Classes):
    """Labels in an order; C - 1 outputs say whether the label is above each but the last."""

    @property
    def output_size(self):
        return max(len(self.classes) - 1, 1)

    def encode(self, y):
        codes = np.searchsorted(self.classes, y)
        return (codes[:, None] > np.arange(self.output_size)).astype(np.float64)

    def strata(self, codes):
        return codes.sum(axis=1).astype(int)

    def decode(self, outputs):
        return self.classes[self.probabilities(outputs).argmax(axis=1)]

    def probabilities(self, outputs, log=False):
        above = np.minimum.accumulate(1 / (1 + np.exp(-outputs)), axis=1)
        edges = np.pad(above, ((0, 0), (1, 0)), constant_values=1.0)
        found = edges - np.pad(above, ((0, 0), (0, 1)))
        found = found[:, : len(self.classes)]
        return np.log(found) if log else found

    def scores(self, outputs):
        return outputs[:, 0] if len(self.classes) == 2 else self.probabilities(outputs)


class OrdinalClassifier(LSTMClassifier):
    def _targets(self):
        return Ranks()

    def _head(self, data):
        return MultilabelHead, {"output_size": data.targets.output_size, "dropout": self.dropout}


@pytest.mark.slow
def test_an_ordinal_classifier_of_a_few_lines():
    ordinal = [0, 1, 2] * 8
    moved = [x + rank for x, rank in zip(X, ordinal, strict=True)]
    model = OrdinalClassifier(**SMALL | {"max_epochs": 40}, class_weight="balanced")
    model.fit(moved, ordinal, sample_weight=np.linspace(0.1, 1.0, 24))
    assert model.score(moved, ordinal) > 0.8
    assert model.net_.module_.head.linear.out_features == 2
    assert np.allclose(model.predict_proba(moved).sum(axis=1), 1)
    data = skops.io.dumps(model)
    own = f"{__name__}.OrdinalClassifier"
    assert set(skops.io.get_untrusted_types(data=data)) <= {own, *trusted_types()}
    other = skops.io.loads(data, trusted=[*trusted_types(), own])
    assert np.array_equal(other.predict_proba(moved), model.predict_proba(moved))
    other.set_params(early_stopping=True, warm_start=True).fit(moved, ordinal)
    assert other.n_iter_ == 80


@pytest.mark.slow
def test_which_is_one_of_scikit_learn():
    quick = {"hidden_size": 8, "max_epochs": 6, "batch_size": 16, "lr": 0.05}
    check_estimator(OrdinalClassifier(**quick, random_state=0))
