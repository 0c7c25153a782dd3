"""Precision: what it resolves to, that only training sees it, and that it learns as well."""

import pickle

import numpy as np
import pytest
import torch

from seqlearn import LSTMClassifier, LSTMForecaster, LSTMRegressor, torch_internals
from seqlearn.backends.torch_gru import TorchGRU
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.datasets import make_noisy_sines
from seqlearn.errors import InvalidParameterError
from seqlearn.torch_internals import computes_bf16, is_fast_in_bf16
from seqlearn.training import net, precision
from seqlearn.training.precision import resolve_precision

SMALL = {"hidden_size": 16, "max_epochs": 8, "random_state": 0}


def test_auto_follows_hardware_backend_and_dtype(monkeypatch):
    monkeypatch.setattr(precision, "computes_bf16", lambda device: True)
    monkeypatch.setattr(precision, "is_fast_in_bf16", lambda device: True)
    assert resolve_precision("auto", TorchLSTM(), "cpu", torch.float32) == torch.bfloat16
    assert resolve_precision("auto", TorchLSTM(), "cpu", torch.float64) is None
    assert resolve_precision("auto", TorchGRU(), "cpu", torch.float32) is None
    assert resolve_precision("float32", TorchLSTM(), "cpu", torch.float32) is None
    monkeypatch.setattr(precision, "is_fast_in_bf16", lambda device: False)
    assert resolve_precision("auto", TorchLSTM(), "cpu", torch.float32) is None
    assert resolve_precision("bf16", TorchLSTM(), "cpu", torch.float32) == torch.bfloat16


def test_what_was_tried_decides_and_not_what_the_processor_says(monkeypatch):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: True)
    assert is_fast_in_bf16("cpu") == computes_bf16("cpu")
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name)
    assert not is_fast_in_bf16("cpu")
    assert not is_fast_in_bf16("meta")


def test_trying_it_draws_nothing_and_works_without_autograd():
    before = torch.get_rng_state()
    with torch.inference_mode():
        found = computes_bf16.__wrapped__("cpu")
    assert found == computes_bf16("cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_device_without_it_refuses_and_auto_trains_in_float32(monkeypatch):
    monkeypatch.setattr(precision, "computes_bf16", lambda device: False)
    monkeypatch.setattr(torch_internals, "computes_bf16", lambda device: False)
    X, y = make_noisy_sines(20, 20, random_state=0)
    model = LSTMClassifier(**SMALL, precision="bf16")
    with pytest.raises(InvalidParameterError, match="no kernels for it on this machine's 'cpu'"):
        model.fit(X, y)
    assert not hasattr(model, "net_")
    assert model.set_params(precision="auto").fit(X, y).net_.autocast is None


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"backend": "gru"}, r"precision='bf16', but TorchGRU\(\) does not say"),
        ({"dtype": "float64"}, "precision='bf16', but dtype is 'float64'"),
    ],
)
def test_what_cannot_be_had_is_refused(params, found):
    X, y = make_noisy_sines(20, 20, random_state=0)
    model = LSTMClassifier(**SMALL, precision="bf16", **params)
    with pytest.raises(InvalidParameterError, match=found):
        model.fit(X, y)
    assert not hasattr(model, "net_")


def test_it_learns_as_well_and_predicts_in_float32(fit_in_bf16):
    X, y = make_noisy_sines(120, 30, ragged=True, random_state=0)
    coarse = fit_in_bf16(LSTMClassifier(**SMALL, precision="bf16"), X, y)
    exact = LSTMClassifier(**SMALL, precision="float32").fit(X, y)
    assert coarse.score(X, y) > exact.score(X, y) - 0.05
    assert not np.array_equal(exact.predict_proba(X), coarse.predict_proba(X))
    alone = np.concatenate([coarse.predict_proba([x]) for x in X[:5]])
    np.testing.assert_allclose(alone, coarse.predict_proba(X)[:5], rtol=0, atol=1e-6)
    assert {p.dtype for p in coarse.net_.module_.parameters()} == {torch.float32}
    losses = coarse.loss_curve_
    assert np.allclose(losses, exact.loss_curve_, rtol=0.1) and losses[-1] < losses[0]


def test_equal_seeds_give_equal_bits_and_a_copy_continues(fit_in_bf16):
    X, y = make_noisy_sines(60, 20, ragged=True, random_state=0)
    first, second = (fit_in_bf16(LSTMRegressor(**SMALL, precision="bf16"), X, y) for _ in range(2))
    assert np.array_equal(first.predict(X), second.predict(X))
    copied = pickle.loads(pickle.dumps(first))
    assert copied.net_.autocast == torch.bfloat16
    assert np.array_equal(copied.partial_fit(X, y).predict(X), first.partial_fit(X, y).predict(X))


def test_a_model_trained_in_it_predicts_where_it_is_missing(fit_in_bf16, monkeypatch):
    X, y = make_noisy_sines(60, 20, ragged=True, random_state=0)
    model = fit_in_bf16(LSTMRegressor(**SMALL, precision="bf16"), X, y)
    stored, expected = pickle.dumps(model), model.predict(X)
    for module in (precision, net):
        monkeypatch.setattr(module, "computes_bf16", lambda device: False)
    copied = pickle.loads(stored)
    assert np.array_equal(copied.predict(X), expected)
    with pytest.raises(InvalidParameterError, match="no kernels for it"):
        copied.partial_fit(X, y)
    assert np.array_equal(copied.predict(X), expected)


def test_forecaster_trains_in_it(fit_in_bf16):
    import pandas as pd

    index = pd.period_range("2000-01", periods=60, freq="M")
    y = pd.Series(np.sin(np.arange(60) * np.pi / 6) + 5, index=index)
    params = {"max_epochs": 5, "hidden_size": 8, "random_state": 0}
    coarse = fit_in_bf16(LSTMForecaster(**params, precision="bf16"), y, fh=[1, 2, 3]).predict()
    exact = LSTMForecaster(**params).fit(y, fh=[1, 2, 3]).predict()
    assert not np.array_equal(exact, coarse)
    np.testing.assert_allclose(exact, coarse, rtol=0.1)
