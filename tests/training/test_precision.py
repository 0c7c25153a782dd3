"""Precision: what it resolves to, that only training sees it, and that it learns as well."""

import pickle

import numpy as np
import pytest
import torch

from seqlearn import LSTMClassifier, LSTMForecaster, LSTMRegressor
from seqlearn.backends.torch_gru import TorchGRU
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.datasets import make_noisy_sines
from seqlearn.errors import InvalidParameterError
from seqlearn.training import precision
from seqlearn.training.precision import resolve_precision

SMALL = {"hidden_size": 16, "max_epochs": 8, "random_state": 0}


def test_auto_follows_hardware_backend_and_dtype(monkeypatch):
    monkeypatch.setattr(precision, "_is_fast", lambda device: True)
    assert resolve_precision("auto", TorchLSTM(), "cpu", torch.float32) == torch.bfloat16
    assert resolve_precision("auto", TorchLSTM(), "cpu", torch.float64) is None
    assert resolve_precision("auto", TorchGRU(), "cpu", torch.float32) is None
    assert resolve_precision("float32", TorchLSTM(), "cpu", torch.float32) is None
    monkeypatch.setattr(precision, "_is_fast", lambda device: False)
    assert resolve_precision("auto", TorchLSTM(), "cpu", torch.float32) is None
    assert resolve_precision("bf16", TorchLSTM(), "cpu", torch.float32) == torch.bfloat16


def test_hardware_is_asked():
    flags = (torch.cpu._is_amx_tile_supported(), torch.cpu._is_avx512_bf16_supported())
    assert precision._is_fast(torch.device("cpu")) == any(flags)
    assert not precision._is_fast(torch.device("meta"))


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


def test_it_learns_as_well_and_predicts_in_float32():
    X, y = make_noisy_sines(120, 30, ragged=True, random_state=0)
    exact, coarse = (
        LSTMClassifier(**SMALL, precision=name).fit(X, y) for name in ("float32", "bf16")
    )
    assert coarse.score(X, y) > exact.score(X, y) - 0.05
    assert not np.array_equal(exact.predict_proba(X), coarse.predict_proba(X))
    alone = np.concatenate([coarse.predict_proba([x]) for x in X[:5]])
    np.testing.assert_allclose(alone, coarse.predict_proba(X)[:5], rtol=0, atol=1e-6)
    assert {p.dtype for p in coarse.net_.module_.parameters()} == {torch.float32}
    losses = coarse.loss_curve_
    assert np.allclose(losses, exact.loss_curve_, rtol=0.1) and losses[-1] < losses[0]


def test_equal_seeds_give_equal_bits_and_a_copy_continues():
    X, y = make_noisy_sines(60, 20, ragged=True, random_state=0)
    first, second = (LSTMRegressor(**SMALL, precision="bf16").fit(X, y) for _ in range(2))
    assert np.array_equal(first.predict(X), second.predict(X))
    copied = pickle.loads(pickle.dumps(first))
    assert copied.net_.autocast == torch.bfloat16
    assert np.array_equal(copied.partial_fit(X, y).predict(X), first.partial_fit(X, y).predict(X))


def test_forecaster_trains_in_it():
    import pandas as pd

    index = pd.period_range("2000-01", periods=60, freq="M")
    y = pd.Series(np.sin(np.arange(60) * np.pi / 6) + 5, index=index)
    exact, coarse = (
        LSTMForecaster(max_epochs=5, hidden_size=8, random_state=0, precision=name)
        .fit(y, fh=[1, 2, 3])
        .predict()
        for name in ("float32", "bf16")
    )
    assert not np.array_equal(exact, coarse)
    np.testing.assert_allclose(exact, coarse, rtol=0.1)
