"""Weights of rows and classes: a row of weight 2 is the same row twice, to the bit."""

import numpy as np
import pytest

from seqlearn import LSTMClassifier, LSTMRegressor, SequenceEncoder
from seqlearn.errors import DataFormatError, InvalidParameterError

SMALL = {"hidden_size": 5, "max_epochs": 5, "random_state": 0, "batch_size": 8}


@pytest.fixture
def weighted(ragged):
    X, y = ragged
    weights = np.random.default_rng(3).integers(0, 4, len(X))
    rows = np.repeat(np.arange(len(X)), weights)
    return X, y, weights, [X[i] for i in rows], y[rows]


@pytest.mark.parametrize("params", [{}, {"class_weight": "balanced"}, {"early_stopping": True}])
def test_classifier_weights_equal_repetition(params, weighted):
    X, y, weights, X_repeated, y_repeated = weighted
    by_weight = LSTMClassifier(**SMALL, **params).fit(X, y, sample_weight=weights)
    by_repetition = LSTMClassifier(**SMALL, **params).fit(X_repeated, y_repeated)
    assert np.array_equal(by_weight.predict_proba(X), by_repetition.predict_proba(X))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_regressor_weights_equal_repetition(loss, weighted):
    X, _, weights, X_repeated, _ = weighted
    by_weight = LSTMRegressor(**SMALL, loss=loss).fit(X, means(X), sample_weight=weights)
    by_repetition = LSTMRegressor(**SMALL, loss=loss).fit(X_repeated, means(X_repeated))
    assert np.array_equal(by_weight.predict(X), by_repetition.predict(X))


def test_encoder_ignores_rows_of_weight_zero(ragged):
    X, _ = ragged
    weights = np.r_[np.ones(30), np.zeros(10)]
    some = SequenceEncoder(**SMALL).fit(X, sample_weight=weights)
    assert some.transform(X).shape == (40, 5)


def test_weights_of_one_are_no_weights(ragged):
    X, y = ragged
    plain = LSTMClassifier(**SMALL).fit(X, y)
    for weights in (np.ones(len(X)), np.full(len(X), 0.25), [3] * len(X)):
        weighted = LSTMClassifier(**SMALL).fit(X, y, sample_weight=weights)
        assert np.array_equal(plain.predict_proba(X), weighted.predict_proba(X))


def test_weights_matter(ragged):
    X, y = ragged
    heavy = np.where(y == "mid", 100.0, 1.0)
    predicted = LSTMClassifier(**SMALL).fit(X, y, sample_weight=heavy).predict(X)
    assert (predicted == "mid").mean() > 0.9


def test_class_weight_is_a_row_weight(ragged):
    X, y = ragged
    by_class = LSTMClassifier(**SMALL, class_weight={"mid": 3, "low": 2}).fit(X, y)
    rows = np.where(y == "mid", 3.0, np.where(y == "low", 2.0, 1.0))
    by_row = LSTMClassifier(**SMALL).fit(X, y, sample_weight=rows)
    assert np.array_equal(by_class.predict_proba(X), by_row.predict_proba(X))


def test_balanced_weights_are_those_of_sklearn(ragged):
    from sklearn.utils.class_weight import compute_sample_weight

    X, y = ragged
    X, y = X[:31], np.where(np.arange(31) < 5, "rare", "common")
    by_class = LSTMClassifier(**SMALL, class_weight="balanced").fit(X, y)
    rows = compute_sample_weight("balanced", y)
    by_row = LSTMClassifier(**SMALL).fit(X, y, sample_weight=rows)
    np.testing.assert_allclose(by_class.predict_proba(X), by_row.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("balance", "dict, 'balanced' or None"),
        ({"tall": 2}, "'tall'.*classes are"),
        ({"mid": -1}, "non-negative"),
        ({"mid": 0, "low": 0, "high": 0}, "positive for at least one"),
    ],
)
def test_bad_class_weights(class_weight, message, ragged):
    with pytest.raises(InvalidParameterError, match=message):
        LSTMClassifier(**SMALL, class_weight=class_weight).fit(*ragged)


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_bad_sample_weights(Estimator, ragged):
    X, _ = ragged
    y = np.arange(len(X)) % 2
    model = Estimator(**SMALL)
    with pytest.raises(DataFormatError, match="All sample weights are zero"):
        model.fit(X, y, sample_weight=np.zeros(len(X)))
    with pytest.raises(ValueError, match="Negative values"):
        model.fit(X, y, sample_weight=-np.ones(len(X)))
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(39,\)"):
        model.fit(X, y, sample_weight=np.ones(39))
    assert not hasattr(model, "net_") and not hasattr(model, "n_features_in_")


def means(X):
    return np.array([x.mean() for x in X])


def test_class_weights_are_finite():
    X, y = np.random.default_rng(0).normal(size=(24, 5, 2)), np.arange(24) % 3
    with pytest.raises(InvalidParameterError, match="finite"):
        LSTMClassifier(**SMALL, class_weight={0: np.inf}).fit(X, y)
