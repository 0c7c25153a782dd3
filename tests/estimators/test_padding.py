"""Padding is never visible: an answer moves neither with batch mates, order, size nor length.

A row alone equals the same row in a batch, in any order: to the bit for the settings of
test_sklearn_checks.py, to 1e-6 with every other setting and backend, of the larger of 1 and the
answer. Nothing here knows what processor it runs on.
"""

import numpy as np
import pytest

from seqlearn import LSTMClassifier, LSTMRegressor, SequenceEncoder
from seqlearn.testing.material import names_for_vectors

TOLERANCE = 1e-6


@pytest.fixture(scope="module", params=names_for_vectors())
def backend(request):
    return request.param


@pytest.fixture(scope="module", params=[False, True], ids=["forwards", "bidirectional"])
def classifier(request, backend, ragged):
    X, y = ragged
    model = LSTMClassifier(
        backend=backend,
        bidirectional=request.param,
        num_layers=2,
        hidden_size=6,
        max_epochs=3,
        random_state=0,
    )
    return model.fit(X, y)


def largest_difference(a, b):
    """Of the larger of 1 and the answer: float32 holds 9.0 to 1e-6."""
    return (np.abs(a - b) / np.maximum(np.abs(a), 1.0)).max()


@pytest.mark.slow
def test_batch_mates_and_order_do_not_matter(classifier, ragged):
    X, _ = ragged
    together = classifier.decision_function(X)
    alone = np.vstack([classifier.decision_function([x]) for x in X])
    backwards = classifier.decision_function(X[::-1])[::-1]
    pairs = np.vstack([classifier.decision_function(X[i : i + 2]) for i in range(0, len(X), 2)])
    for other in (alone, backwards, pairs):
        assert largest_difference(together, other) <= TOLERANCE


@pytest.mark.slow
def test_a_long_neighbour_does_not_matter(classifier, ragged):
    X, _ = ragged
    giant = np.full((200, 3), 50.0)
    with_giant = classifier.decision_function([*X, giant])[:-1]
    assert largest_difference(classifier.decision_function(X), with_giant) <= TOLERANCE


@pytest.mark.parametrize("readout", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_default_core_is_exact_to_the_bit(readout, bidirectional, ragged):
    X, y = ragged
    model = LSTMClassifier(
        readout=readout,
        bidirectional=bidirectional,
        hidden_size=20,
        max_epochs=2,
        random_state=0,
    ).fit(X, y)
    together = model.decision_function(X)
    for batch in (1, 2, 3, 7, 33):
        pieces = [model.decision_function(X[i : i + batch]) for i in range(0, len(X), batch)]
        assert largest_difference(together, np.vstack(pieces)) <= 2e-7
    ones = [model.decision_function(X[i : i + 4]) for i in range(0, len(X), 4)]
    if readout == "last":  # no arithmetic over steps: nothing can round differently
        assert np.array_equal(together, np.vstack(ones))


@pytest.mark.parametrize("readout", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("hidden_size", [16, 20])
def test_rows_of_one_length_are_exact_to_the_bit(readout, hidden_size):
    X = np.random.default_rng(0).normal(size=(40, 31, 3))
    model = LSTMClassifier(
        readout=readout, hidden_size=hidden_size, max_epochs=1, random_state=0
    ).fit(X, np.arange(40) % 3)
    together = model.decision_function(X)
    for n in (1, 2, 3, 5, 17, 33):
        assert np.array_equal(model.decision_function(X[:n]), together[:n])


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("hidden_size", [16, 24, 33])
def test_means_over_ragged_steps_are_exact_to_the_bit(hidden_size, bidirectional):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 3)) for length in rng.integers(1, 40, size=60)]
    model = LSTMClassifier(
        readout="mean",
        bidirectional=bidirectional,
        hidden_size=hidden_size,
        max_epochs=1,
        random_state=0,
    ).fit(X, np.arange(60) % 3)
    together = model.decision_function(X)
    alone = np.vstack([model.decision_function([x]) for x in X])
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("Estimator", [LSTMRegressor, SequenceEncoder])
def test_the_other_estimators(Estimator, ragged):
    X, _ = ragged
    model = Estimator(hidden_size=6, max_epochs=3, random_state=0)
    model.fit(X, np.array([x.mean() for x in X]))
    answer = model.transform if Estimator is SequenceEncoder else model.predict
    alone = np.concatenate([answer([x]) for x in X])
    assert largest_difference(answer(X), alone) <= TOLERANCE


def test_pieces_of_a_large_input_join_seamlessly(monkeypatch, ragged):
    X, y = ragged
    model = LSTMClassifier(hidden_size=6, max_epochs=3, random_state=0).fit(X, y)
    whole = model.decision_function(X)
    monkeypatch.setattr("seqlearn.estimators.base.PREDICT_CHUNK", 7)
    assert np.array_equal(model.decision_function(X), whole)
    monkeypatch.setattr("seqlearn.training.device.CPU_ROWS", 3)
    assert largest_difference(model.decision_function(X), whole) <= TOLERANCE


def test_errors_in_a_later_piece_name_the_right_sequence(monkeypatch, ragged):
    X, y = ragged
    model = LSTMClassifier(hidden_size=6, max_epochs=1, random_state=0).fit(X, y)
    monkeypatch.setattr("seqlearn.estimators.base.PREDICT_CHUNK", 7)
    broken = [*X]
    broken[17] = X[17].copy()
    broken[17][0, 1] = np.nan
    with pytest.raises(ValueError, match="sequence 17 at step 0"):
        model.predict(broken)
