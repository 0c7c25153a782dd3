"""Both backends by the public kit, against the formulas in plain NumPy, and inside the estimators.

The scan has tests of its own: chunks of any size, long rows and shut gates, first and second
derivatives. Chunks are shortened where every way of cutting a row is to be met.
"""

import pickle

import numpy as np
import pandas as pd
import pytest
import seqlearn_minlstm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seqlearn_minlstm import MinGRU, MinGRULayer, MinLSTM, MinLSTMLayer, scan
from sklearn.model_selection import GridSearchCV

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMForecaster, LSTMRegressor
from seqlearn.backend import draw_from
from seqlearn.errors import InvalidParameterError
from seqlearn.registry import available_backends, load_backend
from seqlearn.testing import backend_checks

H = 5
BACKENDS = {"minlstm": MinLSTM, "mingru": MinGRU}
LAYERS = {"minlstm": MinLSTMLayer, "mingru": MinGRULayer}

each_name = pytest.mark.parametrize("name", BACKENDS)
each_candidate = pytest.mark.parametrize("candidate", ["linear", "positive"])


def ids(cases):
    return [f"{name}-{check.name}" for name, check in cases]


CHECKS = [(name, check) for name in BACKENDS for check in backend_checks(name)]
CHECKS += [
    ("positive", check) for B in BACKENDS.values() for check in backend_checks(B(1, "positive"))
]


@pytest.mark.parametrize(("name", "check"), CHECKS, ids=ids(CHECKS))
def test_contract(name, check):
    check()


@each_name
def test_it_is_registered_under_its_name(name):
    assert available_backends()[name].startswith("seqlearn-minlstm ")
    assert load_backend(name) is BACKENDS[name]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def normal(*shape, seed=1, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def make_layer(name, input_size=3, memory=30.0, candidate="linear"):
    with draw_from(torch.Generator().manual_seed(0)):
        return LAYERS[name](input_size, H, memory, candidate).double()


# The layers


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def run_row(name, candidate, layer, steps):
    """The equations of the docstrings for one row (T, F), from h = 0: the outputs (T, H)."""
    w = {key: value.numpy() for key, value in layer.state_dict().items()}
    h, outputs = np.zeros(H), []
    for x in steps:
        f, i, z, c = (
            w[f"{part}.weight"] @ x + w[f"{part}.bias"] if f"{part}.bias" in w else None
            for part in ("forget_gate", "input_gate", "update_gate", "candidate")
        )
        if candidate == "positive":
            c = np.where(c >= 0, c + 0.5, sigmoid(c))
        if name == "minlstm":
            f, i = sigmoid(f), sigmoid(i)
            h = f / (f + i) * h + i / (f + i) * c
        else:
            h = (1 - sigmoid(z)) * h + sigmoid(z) * c
        outputs.append(h)
    return np.array(outputs)


@each_candidate
@each_name
@pytest.mark.parametrize("steps", [9, 150])
def test_layer_matches_a_loop_in_numpy(name, candidate, steps):
    layer, x = make_layer(name, candidate=candidate), normal(4, steps, 3)
    with torch.no_grad():
        outputs, state = layer(x)
    for row, found in zip(x.numpy(), outputs.numpy(), strict=True):
        np.testing.assert_allclose(found, run_row(name, candidate, layer, row), rtol=0, atol=1e-12)
    assert torch.equal(state, outputs[:, -1])


@each_name
@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(1, 299), unique=True, max_size=6).map(sorted))
def test_a_row_in_parts_equals_one_run(name, cuts):
    layer, x = make_layer(name), normal(2, 300, 3)
    with torch.no_grad():
        due, state, parts = layer(x)[0], None, []
        for part in x.tensor_split(cuts, dim=1):
            outputs, state = layer(part, state)
            parts.append(outputs)
    torch.testing.assert_close(torch.cat(parts, dim=1), due, rtol=0, atol=1e-12)


@each_name
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_a_long_row_equals_its_steps_one_at_a_time(name, dtype, atol):
    layer, x = make_layer(name, memory=1000.0).to(dtype), normal(2, 2000, 3, dtype=dtype)
    with torch.no_grad():
        state, steps = None, []
        for x_t in x.unbind(1):
            outputs, state = layer(x_t[:, None], state)
            steps.append(outputs)
        due = layer(x)[0]
    torch.testing.assert_close(torch.cat(steps, dim=1), due, rtol=0, atol=atol)


@each_name
def test_a_gradient_flows_through_the_carried_state(name):
    """Two halves, the state not detached, give the weights the gradients of one run."""
    x, found = normal(2, 20, 3), []
    for cut in (20, 9):
        layer, state, loss = make_layer(name), None, 0.0
        for part in x.tensor_split([cut], dim=1) if cut < 20 else [x]:
            outputs, state = layer(part, state)
            loss = loss + outputs.square().sum()
        loss.backward()
        found.append([weight.grad for weight in layer.parameters()])
    torch.testing.assert_close(found[1], found[0], rtol=1e-12, atol=1e-12)


@each_candidate
@each_name
def test_shut_and_open_gates_stay_finite_and_convex(name, candidate):
    """Weights a thousand times as large: f and i both underflow, and the output stays within."""
    layer, x = make_layer(name, candidate=candidate).float(), normal(4, 5000, 3).float()
    with torch.no_grad():
        for key, weight in layer.named_parameters():
            if "gate" in key:
                weight *= 1000
    outputs, _ = layer(x.requires_grad_())
    outputs.sum().backward()
    for values in (x.grad, *(weight.grad for weight in layer.parameters())):
        assert torch.isfinite(values).all()
    with torch.no_grad():
        offered = seqlearn_minlstm.CANDIDATES[candidate](layer.candidate(x))  # (B, T, H)
    highest, lowest = (offered.cummax(1)[0].clamp(min=0), offered.cummin(1)[0].clamp(max=0))
    assert ((outputs <= highest + 1e-5) & (outputs >= lowest - 1e-5)).all()


@each_name
def test_memory_is_how_long_units_remember_at_the_start(name):
    """At x = 0, keep / take is at least 1 and at most ``memory``, evenly in its logarithm."""
    with draw_from(torch.Generator().manual_seed(0)):
        layer = LAYERS[name](3, 4000, 50.0, "linear").double()
    with torch.no_grad():
        keep, take = layer.gates(torch.zeros(1, 1, 3, dtype=torch.float64))
    torch.testing.assert_close(keep + take, torch.ones_like(keep))
    share = (keep / take).log().flatten().sort()[0] / np.log(50.0)
    assert (share - torch.linspace(0, 1, 4000)).abs().max() < 0.05
    half_open = BACKENDS[name](memory=1).build(3, H, num_layers=2, bidirectional=True, dropout=0.0)
    for layer in (*half_open.layers, *half_open.backward_layers):
        keep, _ = layer.gates(torch.zeros(1, 1, layer.candidate.in_features))
        assert (keep == 0.5).all()


@each_name
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"memory": 0.5}, r"memory=0\.5 .* at least 1"),
        ({"memory": float("inf")}, "memory=inf .* finite"),
        ({"memory": float("nan")}, "memory=nan"),
        ({"candidate": "tanh"}, "candidate='tanh' .* 'linear' and 'positive'"),
    ],
)
def test_options_out_of_range_are_refused(name, options, text):
    with pytest.raises(InvalidParameterError, match=text):
        BACKENDS[name](**options).build(3, 4, num_layers=1, bidirectional=False, dropout=0.0)


# The scan


def step_by_step(decay, inflow):
    h, steps = torch.zeros_like(inflow[:, 0]), []
    for a, b in zip(decay.unbind(1), inflow.unbind(1), strict=True):
        h = a * h + b
        steps.append(h)
    return torch.stack(steps, dim=1)


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 300), st.integers(1, 9)),
    logit=st.sampled_from([-50.0, -3.0, 0.0, 3.0, 10.0, 50.0]),
    seed=st.integers(0, 1000),
    dtype=st.sampled_from([(torch.float32, 1e-5), (torch.float64, 1e-10)]),
)
def test_scan_and_its_gradients_equal_the_loop(shape, logit, seed, dtype):
    dtype, accepted = dtype
    decay = (normal(*shape, seed=seed) + logit).sigmoid().to(dtype).requires_grad_()
    inflow = ((1 - decay.detach()) * normal(*shape, seed=seed + 1).to(dtype)).requires_grad_()
    weights = normal(*shape, seed=seed + 2).to(dtype) / shape[1]
    answers = []
    for run in (scan, step_by_step):
        outputs = run(decay, inflow)
        gradients = torch.autograd.grad((outputs * weights).sum(), (decay, inflow))
        answers.append((outputs, *gradients))
    for found, due in zip(*answers, strict=True):
        size = due.abs().max().clamp(min=1).item()
        torch.testing.assert_close(found, due, rtol=0, atol=accepted * size)


@settings(deadline=None, max_examples=40)
@given(steps=st.integers(1, 400), more=st.integers(1, 200))
def test_scan_of_a_beginning_is_the_beginning_of_the_scan(steps, more):
    """To the bit, so that an answer does not hang on how far its row was padded."""
    decay, inflow = normal(2, steps + more, 3).sigmoid(), normal(2, steps + more, 3, seed=2)
    short = scan(decay[:, :steps].contiguous(), inflow[:, :steps].contiguous())
    assert torch.equal(scan(decay, inflow)[:, :steps], short)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 9, 10, 11])
def test_first_and_second_derivatives(steps, monkeypatch):
    monkeypatch.setattr(seqlearn_minlstm, "CHUNK", 3)
    decay = normal(2, steps, 2).sigmoid().requires_grad_()
    inflow = normal(2, steps, 2, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(scan, (decay, inflow))
    assert torch.autograd.gradgradcheck(scan, (decay, inflow))


def test_scan_is_exact_in_float32_on_5000_steps_where_logarithms_are_not():
    """The claim of README.md: the sums of logarithms lose digits with the length of the row."""
    decay = (2 * normal(2, 5000, 8, dtype=torch.float32) + 2).sigmoid()
    inflow = normal(2, 5000, 8, seed=2, dtype=torch.float32).sigmoid()
    due = step_by_step(decay.double(), inflow.double())
    sums = decay.log().cumsum(1)
    by_logarithms = (sums + torch.logcumsumexp(inflow.log() - sums, dim=1)).exp()
    ours, theirs = (
        ((found - due).abs() / due).max().item() for found in (scan(decay, inflow), by_logarithms)
    )
    assert ours < 1e-6 and theirs > 1e-5


# Inside the estimators


SMALL = {"hidden_size": 6, "max_epochs": 2, "random_state": 0}


def rows(n=24, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, 2)) for length in rng.integers(3, 12, n)]


@each_name
@pytest.mark.parametrize("shape", [{}, {"bidirectional": True, "num_layers": 2, "dropout": 0.2}])
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_classifier_and_regressor(name, shape, Estimator):
    X = rows()
    y = np.array([row[0, 0] > 0 for row in X]).astype(int)
    model = Estimator(backend=name, **SMALL, **shape).fit(X, y)
    together = model.predict(X)
    assert together.shape == (len(X),)
    alone = np.concatenate([model.predict([row]) for row in X])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), together)


@each_name
def test_classifier_in_float64_with_a_grid_over_the_options(name):
    X = rows()
    y = np.array([row[0, 0] > 0 for row in X]).astype(int)
    search = GridSearchCV(
        LSTMClassifier(backend=BACKENDS[name](), dtype="float64", **SMALL),
        {"backend__memory": [1, 20.0], "backend__candidate": ["linear", "positive"]},
        cv=2,
        error_score="raise",
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert set(search.best_params_) == {"backend__memory", "backend__candidate"}


@each_name
def test_tagger(name):
    X = rows()
    y = [(row[:, 0] > 0).astype(int) for row in X]
    model = BiLSTMTagger(backend=name, **SMALL).fit(X, y)
    assert [len(labels) for labels in model.predict(X)] == [len(row) for row in X]


@each_name
def test_forecaster(name):
    index = pd.period_range("2000-01", periods=60, freq="M")
    y = pd.Series(np.sin(np.arange(60) / 3), index=index)
    forecast = LSTMForecaster(backend=name, **SMALL).fit(y, fh=[1, 2, 3]).predict()
    assert forecast.shape == (3,) and np.isfinite(forecast).all()
