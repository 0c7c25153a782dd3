"""A seed means the same bits, in threads too, and no global random state is read or changed."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from seqlearn import LSTMClassifier, LSTMRegressor, SequenceEncoder
from seqlearn.training import cpu, device, kernel_gradients, prediction

SETTINGS = {
    "hidden_size": 6,
    "num_layers": 2,
    "dropout": 0.4,
    "max_epochs": 4,
    "batch_size": 8,
    "bidirectional": True,
}


def fit(X, y, random_state=0, **params):
    return LSTMClassifier(**{**SETTINGS, **params}, random_state=random_state).fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "gru", "rnn", "reference"])
def test_equal_seeds_give_equal_bits(backend, ragged):
    X, y = ragged
    first, second = (fit(X, y, backend=backend).predict_proba(X) for _ in range(2))
    assert np.array_equal(first, second)


def test_other_seeds_give_other_models(ragged):
    X, y = ragged
    assert not np.array_equal(fit(X, y, 0).predict_proba(X), fit(X, y, 1).predict_proba(X))
    assert not np.array_equal(fit(X, y, None).predict_proba(X), fit(X, y, None).predict_proba(X))


def test_threads_do_not_disturb_each_other(ragged):
    X, y = ragged
    alone = [fit(X, y, seed).predict_proba(X) for seed in range(4)]
    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda s: fit(X, y, s).predict_proba(X), range(4)))
        assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("random_state", [0, None])
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor, SequenceEncoder])
def test_global_random_states_are_untouched(Estimator, random_state, ragged):
    X, _ = ragged
    y = np.arange(len(X)) % 3
    model = Estimator(hidden_size=4, max_epochs=2, dropout=0.2, random_state=random_state)
    model.set_params(early_stopping=True)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    model.fit(X, y).partial_fit(X, y)
    (model.transform if Estimator is SequenceEncoder else model.predict)(X)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    assert before[2] == random.getstate()


def test_global_seeds_have_no_influence(ragged):
    X, y = ragged
    torch.manual_seed(1)
    first = fit(X, y).predict_proba(X)
    torch.manual_seed(2)
    assert np.array_equal(first, fit(X, y).predict_proba(X))


def test_a_random_state_object_advances(ragged):
    X, y = ragged
    source = np.random.RandomState(0)
    first, second = (fit(X, y, source).predict_proba(X) for _ in range(2))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, fit(X, y, np.random.RandomState(0)).predict_proba(X))


def test_the_order_of_rows_does_not_matter(ragged):
    X, y = ragged
    order = np.random.default_rng(1).permutation(len(X))
    shuffled = fit([X[i] for i in order], y[order])
    assert np.array_equal(fit(X, y).predict_proba(X), shuffled.predict_proba(X))


def test_torch_thread_setting_is_restored(ragged):
    X, y = ragged
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        fit(X, y).predict(X)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def pools_made(monkeypatch):
    """Return a list that grows by one with each pool of threads."""
    made = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, *args, **kwargs):
            made.append(args)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(cpu, "ThreadPoolExecutor", Pool)
    return made


@pytest.mark.parametrize("n_rows", [1, 2, 5, 40])
def test_threads_share_a_prediction_of_one_batch(n_rows, ragged, monkeypatch):
    X, y = ragged
    model = fit(X, y)
    monkeypatch.setattr(prediction, "THREAD_MULTIPLY_ADDS", 0)
    made, before, answers = pools_made(monkeypatch), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            answers.append(model.predict_proba(X[:n_rows]))
            assert len(made) == (threads - 1 if n_rows > 1 else 0)
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(answers[0], answers[1]) and np.array_equal(answers[0], answers[2])


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("parts", [kernel_gradients.PARTS, [(1, 8)]])  # one, and as many as can be
@pytest.mark.parametrize("equal", [False, True])
def test_the_number_of_threads_does_not_change_the_bits(
    ragged, parts, equal, bidirectional, monkeypatch
):
    X, y = ragged
    if equal:
        X = np.stack([np.resize(x, (6, 3)) for x in X])
    monkeypatch.setattr(kernel_gradients, "PARTS", parts)
    monkeypatch.setattr(kernel_gradients, "THREAD_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(prediction, "THREAD_MULTIPLY_ADDS", 0)
    monkeypatch.setattr(device, "CPU_VALUES", 1)
    monkeypatch.setattr(device, "LEAST_ROWS", 7)
    helped = pools_made(monkeypatch)
    before, answers = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            model = fit(X, y, batch_size=32, bidirectional=bidirectional)
            answers.append(model.predict_proba(X))
            if threads == 1:
                assert not helped
            else:  # in prediction, and in training but for one part in one direction
                assert len(helped) == (threads - 1) * (2 if len(parts) == 1 or bidirectional else 1)
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(answers[0], answers[1]) and np.array_equal(answers[0], answers[2])
