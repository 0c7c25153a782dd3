"""What a script sets in torch for itself changes no model of ours, and is still set afterwards."""

import pickle
import threading
from contextlib import ExitStack, contextmanager

import numpy as np
import pandas as pd
import pytest
import torch

from seqlearn import (
    BiLSTMTagger,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    SequenceEncoder,
)
from seqlearn.training.defaults import torch_defaults

SMALL = {"hidden_size": 4, "max_epochs": 1, "random_state": 0, "device": "cpu"}
WORDS = [["a", "b", "a"], ["b", "c"], ["c", "a", "b", "a"], ["a"]] * 3
LABELS = [["O" if word == "a" else "B-x" for word in words] for words in WORDS]
SERIES = pd.DataFrame({"y": np.sin(np.arange(30.0))}, index=pd.period_range("2000", periods=30))


@contextmanager
def setting(write, value, usual):
    write(value)
    try:
        yield
    finally:
        write(usual)


def matmul(value):
    torch.set_float32_matmul_precision(value)


def exact_products():
    if hasattr(torch.backends.mkldnn, "matmul"):
        return torch.backends.mkldnn.matmul.fp32_precision in ("ieee", "none")
    return torch.get_float32_matmul_precision() == "highest"


# Each sets several things at once: one of them that leaked would show.
SITUATIONS = {
    "double": lambda: (
        setting(torch.set_default_dtype, torch.float64, torch.float32),
        setting(torch.set_default_device, "meta", None),
        setting(matmul, "medium", "highest"),
        setting(torch.__future__.set_swap_module_params_on_conversion, True, False),
        torch.autocast("cpu", dtype=torch.bfloat16),
        torch.inference_mode(),
    ),
    "half": lambda: (
        setting(torch.set_default_dtype, torch.bfloat16, torch.float32),
        setting(torch.use_deterministic_algorithms, True, False),
        torch.device("meta"),
        torch.autocast("cpu", dtype=torch.float16),
        torch.autograd.set_detect_anomaly(True),
        torch.no_grad(),
    ),
}


def series_of(n):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(length, 3)) for length in range(3, 3 + n)]


MODELS = {
    "kernels called directly": lambda: (
        LSTMClassifier(**SMALL, num_layers=2).fit(series_of(9), np.arange(9) % 3),
        lambda model: model.predict_proba(series_of(9)),
    ),
    "modules, going on": lambda: (
        LSTMRegressor(**SMALL, backend="gru", readout="attention", warm_start=True)
        .fit(series_of(9), np.arange(9.0))
        .fit(series_of(9), np.arange(9.0)),
        lambda model: model.predict(series_of(9)),
    ),
    "float64": lambda: (
        LSTMClassifier(**SMALL, dtype="float64").fit(series_of(9), np.arange(9) % 3),
        lambda model: model.predict_proba(series_of(9)),
    ),
    "labels of steps": lambda: (
        BiLSTMTagger(**SMALL, scheme="BIO", repair="convert").fit(WORDS, LABELS),
        lambda model: np.append(
            np.concatenate(model.predict_marginals(WORDS)), model.score(WORDS, LABELS)
        ),
    ),
    "next steps": lambda: (
        SequenceEncoder(**SMALL).partial_fit(series_of(9)).partial_fit(series_of(9)),
        lambda model: model.transform(series_of(9)),
    ),
    "forecasts": lambda: (
        LSTMForecaster(**SMALL, window_length=6, calibration="conformal")
        .fit(SERIES, fh=[1, 2])
        .update(SERIES[-3:]),
        lambda model: np.append(model.predict_interval().to_numpy(), model.backtest(SERIES)),
    ),
    "batch normalisation of a plugin": lambda: (
        LSTMClassifier(**SMALL, backend="lstmfcn").fit(np.ones((9, 5, 2)), np.arange(9) % 3),
        lambda model: model.predict_proba(np.ones((9, 5, 2))),
    ),
}


@pytest.fixture(scope="module")
def undisturbed():
    """Each model as it is where nothing is set: itself, its outputs, its pickle."""
    found = {}
    for name, make in MODELS.items():
        model, outputs = make()
        found[name] = model, outputs(model), pickle.dumps(model)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_a_script_sets_for_itself_changes_no_bit(situation, model, undisturbed):
    fitted, expected, pickled = undisturbed[model]
    with ExitStack() as stack:
        for one in SITUATIONS[situation]():
            stack.enter_context(one)
        again, outputs = MODELS[model]()
        predicted = outputs(fitted)
        unpickled = pickle.loads(pickled)
    assert np.array_equal(outputs(again), expected)
    assert np.array_equal(predicted, expected)
    assert np.array_equal(outputs(unpickled), expected)


def test_settings_stand_aside_inside_and_come_back():
    with (
        setting(torch.set_default_dtype, torch.float64, torch.float32),
        setting(matmul, "medium", "highest"),
        torch.autocast("cpu", dtype=torch.bfloat16),
        torch.device("meta"),
    ):
        for error in (None, KeyError):
            try:
                with torch_defaults():
                    one = torch.ones(1)
                    assert (one.dtype, one.device.type) == (torch.float32, "cpu")
                    assert not torch.is_autocast_enabled("cpu")
                    assert exact_products()
                    if error:
                        raise error
            except KeyError:
                assert error is KeyError
            one = torch.ones(1)
            assert (one.dtype, one.device.type) == (torch.float64, "meta")
            assert torch.is_autocast_enabled("cpu")
            assert not exact_products()


def test_what_is_the_processes_comes_back_when_the_last_thread_is_done():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with torch_defaults():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=other)
    with setting(torch.set_default_dtype, torch.float64, torch.float32):
        with torch_defaults():
            thread.start()
            inside.wait()
        assert torch.get_default_dtype() == torch.float32  # the other computes still
        leave.set()
        thread.join()
        assert torch.get_default_dtype() == torch.float64
