"""Every estimator with every installed backend, saved and loaded: equal to the bit, and small.

The file is that of `seqlearn.save`; a classifier goes through pickle and skops besides. What an
estimator and a backend cannot do together is refused, and the backend named.
"""

import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone

import seqlearn
from seqlearn import (
    BiLSTMTagger,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRecommender,
    LSTMRegressor,
    LSTMTranscriber,
    LSTMTranslator,
    SequenceEncoder,
    SktimeLSTMAnomalyDetector,
    SktimeLSTMClassifier,
    SktimeLSTMRegressor,
    available_backends,
    load_backend,
    trusted_types,
)
from seqlearn.errors import SeqlearnError

TRUSTED = trusted_types()
SMALL = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in (6, 3, 7, 8, 6, 7)]
FRAMES = RNG.random((6, 3, 4, 5)).astype("f")
LABELS = np.array(["a", "b"])[np.arange(6) % 2]
NUMBERS = RNG.normal(size=6)
WORDS = [[f"w{i}" for i in RNG.integers(0, 6, size=5)] for _ in range(6)]
PANEL = RNG.normal(size=(6, 2, 6))
SERIES = pd.DataFrame({"v": np.sin(np.arange(20) / 3), "w": np.arange(20.0)})


def tags(rows):
    return ([["B", "O"] * (len(row) // 2) + ["B"] * (len(row) % 2) for row in rows],)


# Model, X, what fit is given besides, what is asked; and frames of video, if it reads them.
EXAMPLES = {
    "classifier": (LSTMClassifier(**SMALL), X, (LABELS,), "predict_proba", FRAMES),
    "regressor": (LSTMRegressor(**SMALL), X, (NUMBERS,), "predict", FRAMES),
    "encoder": (SequenceEncoder(**SMALL), X, (), "transform", FRAMES),
    "tagger": (BiLSTMTagger(**SMALL), X, tags, "predict_marginals", FRAMES),
    "detector": (LSTMAnomalyDetector(**SMALL, window=3), X, (), "anomaly_scores", None),
    "forecaster": (
        LSTMForecaster(**SMALL, window_length=6),
        SERIES,
        (None, [1, 3]),
        lambda model, _: model.predict(),
        None,
    ),
    "language model": (LSTMLanguageModel(**SMALL), WORDS, (), "score_samples", None),
    "recommender": (LSTMRecommender(**SMALL), WORDS, (), "predict_proba", None),
    "transcriber": (LSTMTranscriber(**SMALL), X, (LABELS,), "predict_log_proba", None),
    "translator": (
        LSTMTranslator(**SMALL),
        WORDS,
        (WORDS,),
        lambda model, rows: model.log_likelihood(rows, rows),
        None,
    ),
    "sktime's classifier": (SktimeLSTMClassifier(**SMALL), PANEL, (LABELS,), "predict_proba", None),
    "sktime's regressor": (SktimeLSTMRegressor(**SMALL), PANEL, (NUMBERS,), "predict", None),
    "sktime's detector": (
        SktimeLSTMAnomalyDetector(**SMALL, window=3),
        X[3],
        (),
        "transform_scores",
        None,
    ),
}
LOOK_AHEAD_IS_REFUSED = {"encoder", "language model", "recommender", "translator"}
GAPS_ARE_READ = {
    *("classifier", "regressor", "encoder", "tagger"),
    *("sktime's classifier", "sktime's regressor"),
}


def is_accepted(name, backend):
    """Whether an estimator and a backend work together, by what both say of themselves."""
    if backend.step_shape is not None:
        return EXAMPLES[name][-1] is not None
    return (backend.causal or name not in LOOK_AHEAD_IS_REFUSED) and (
        not backend.missing or name in GAPS_ARE_READ
    )


def fitted(name, backend):
    """A model of the example, and a function of any such model that asks it."""
    model, rows, more, ask, frames = EXAMPLES[name]
    model = clone(model).set_params(backend=backend)
    if load_backend(backend)().step_shape is not None and frames is not None:
        rows = frames
    model.fit(rows, *(more(rows) if callable(more) else more))
    return model, lambda other: ask(other, rows) if callable(ask) else getattr(other, ask)(rows)


def assert_equal_to_the_bit(found, due):
    assert type(found) is type(due)
    if isinstance(due, pd.DataFrame):
        pd.testing.assert_frame_equal(found, due, check_exact=True)
    elif isinstance(due, list) or getattr(due, "dtype", None) == "O":
        assert len(found) == len(due)
        for one, expected in zip(found, due, strict=True):
            assert_equal_to_the_bit(one, expected)
    else:
        np.testing.assert_array_equal(found, due, strict=isinstance(due, np.ndarray))


def bytes_of_weights(model):
    """What the weights and statistics of the network take."""
    net = getattr(model, "estimator_", model).net_  # an adapter of sktime's holds the estimator
    return sum(one.numel() * one.element_size() for one in net.module_.state_dict().values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "backend"),
    [(a, b) for a in EXAMPLES for b in available_backends() if is_accepted(a, load_backend(b)())],
)
def test_what_comes_back_answers_to_the_bit(name, backend, tmp_path):
    model, ask = fitted(name, backend)
    path = tmp_path / "model"
    seqlearn.save(model, path)
    assert path.stat().st_size <= 1.1 * bytes_of_weights(model) + 100_000
    others = [seqlearn.load(path)]
    if name == "classifier":
        others.append(pickle.loads(pickle.dumps(model)))
        others.append(skops.io.loads(skops.io.dumps(model), trusted=TRUSTED))
    due = ask(model)
    for other in others:
        assert_equal_to_the_bit(ask(other), due)


@pytest.mark.parametrize("name", EXAMPLES)
def test_backends_that_an_estimator_cannot_use_are_refused_by_name(name):
    for backend in available_backends():
        if not is_accepted(name, load_backend(backend)()):
            with pytest.raises(SeqlearnError, match=f"'{backend}'"):
                fitted(name, backend)


def test_no_estimator_is_left_out():
    public = {getattr(seqlearn, name) for name in seqlearn.__all__}
    due = {one for one in public if hasattr(one, "fit") and hasattr(one, "get_params")}
    assert {type(example[0]) for example in EXAMPLES.values()} == due
