"""SequenceEncoder: sequences to vectors, with labels or without."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from seqlearn import LSTMClassifier, LSTMRegressor, SequenceEncoder
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.datasets import make_noisy_sines
from seqlearn.errors import InvalidParameterError
from seqlearn.preprocessing import SequenceEncoder as same_encoder

SMALL = {"hidden_size": 6, "max_epochs": 10, "random_state": 0}


class LooksAhead(TorchLSTM):
    causal = False


def test_one_class_two_doors():
    assert same_encoder is SequenceEncoder


def test_it_learns_without_labels():
    """Sines are predictable, so predicting the next step must beat predicting the mean."""
    phase = np.random.default_rng(0).uniform(0, 6, 60)
    X = [np.sin(0.7 * np.arange(15 + i % 9) + p)[:, None] for i, p in enumerate(phase)]
    encoder = SequenceEncoder(hidden_size=16, max_epochs=40, random_state=0).fit(X)
    assert encoder.loss_curve_[0] > 0.5
    assert encoder.loss_curve_[-1] < 0.1


def test_features_serve_a_linear_model(ragged):
    X, y = ragged
    pipe = make_pipeline(SequenceEncoder(**SMALL), LogisticRegression())
    assert cross_val_score(pipe, X, y, cv=3, error_score="raise").mean() > 0.7


def test_names_and_tables(ragged):
    pytest.importorskip("pandas")
    X, _ = ragged
    encoder = SequenceEncoder(**SMALL).set_output(transform="pandas").fit(X)
    table = encoder.transform(X)
    assert table.shape == (40, 6)
    assert list(table.columns) == [f"sequenceencoder{i}" for i in range(6)]
    assert list(encoder.get_feature_names_out()) == list(table.columns)


def test_a_frozen_estimator_is_used_as_it_is(ragged):
    X, y = ragged
    classifier = LSTMClassifier(**SMALL, bidirectional=True).fit(X, y)
    before = classifier.predict_proba(X)
    features = SequenceEncoder(FrozenEstimator(classifier)).fit(X).transform(X)
    assert features.shape == (40, 12)
    assert np.array_equal(classifier.predict_proba(X), before)
    head = classifier.net_.module_.head.linear
    logits = features @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(logits, classifier.decision_function(X), atol=1e-5)


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_an_estimator_is_cloned_and_fitted_on_the_labels(Estimator, ragged):
    X, _ = ragged
    y = np.arange(40) % 2
    inner = Estimator(**SMALL)
    encoder = SequenceEncoder(inner).fit(X, y)
    assert not hasattr(inner, "net_")
    alone = SequenceEncoder(FrozenEstimator(inner.fit(X, y))).fit(X)
    assert np.array_equal(encoder.transform(X), alone.transform(X))


def test_refusals(ragged):
    X, y = ragged
    with pytest.raises(InvalidParameterError, match="not causal"):
        SequenceEncoder(**SMALL, backend=LooksAhead()).fit(X)
    with pytest.raises(InvalidParameterError, match="must be an LSTMClassifier"):
        SequenceEncoder(LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match="not fitted"):
        SequenceEncoder(FrozenEstimator(LSTMClassifier())).fit(X)
    with pytest.raises(InvalidParameterError, match="partial_fit of SequenceEncoder"):
        SequenceEncoder(LSTMClassifier()).partial_fit(X, y)


def test_partial_fit_and_sequences_of_one_step(ragged):
    X, _ = ragged
    encoder = SequenceEncoder(**SMALL)
    for _ in range(3):
        encoder.partial_fit(X)
    assert encoder.n_iter_ == 3
    ones = SequenceEncoder(**SMALL).fit([x[:1] for x in X])
    assert np.isfinite(ones.transform(X)).all()


@pytest.mark.parametrize("n_rows", [30, 300])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_constant_feature_does_not_keep_an_encoder_from_learning(n_rows, weighted):
    X, _ = make_noisy_sines(n_rows, 20, random_state=0)
    X = np.stack([X, np.full_like(X, 0.1)], axis=2)
    weight = np.random.default_rng(0).uniform(0.1, 1.0, n_rows) if weighted else None
    encoder = SequenceEncoder(hidden_size=8, max_epochs=2, dtype="float64", random_state=0)
    assert encoder.fit(X, sample_weight=weight).loss_curve_[-1] < 2
