"""The backend by the public kit, against the equations in plain NumPy, inside the estimators."""

import pickle

import numpy as np
import pytest
import torch
from seqlearn_grud import GRUD, GRUDLayer
from sklearn.model_selection import GridSearchCV

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMForecaster, LSTMRegressor, SequenceEncoder
from seqlearn.backend import draw_from
from seqlearn.errors import InvalidBackendError, InvalidParameterError
from seqlearn.registry import available_backends, load_backend
from seqlearn.testing import backend_checks

F, H = 3, 5


@pytest.mark.parametrize("check", backend_checks("grud"))
def test_contract(check):
    check()


def test_it_is_registered_under_its_name():
    assert available_backends()["grud"].startswith("seqlearn-grud ")
    assert load_backend("grud") is GRUD


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def gappy(steps, seed=0):
    """A row (T, F) with NaN where nothing is observed, and the times of its steps (T,)."""
    rng = np.random.default_rng(seed)
    row = rng.normal(size=(steps, F))
    row[rng.random(row.shape) < 0.6] = np.nan
    return row, np.cumsum(rng.exponential(size=steps))


def three_parts(row, times):
    """Values, mask and gaps as the contract has them, step by step."""
    last, since, steps = np.zeros(F), np.full(F, times[0]), []
    for values, time in zip(row, times, strict=True):
        there = ~np.isnan(values)
        gaps, last = time - since, np.where(there, values, last)
        steps.append(np.concatenate([last, there, gaps]))
        since = np.where(there, time, since)
    return np.array(steps)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def run_row(layer, row, times):
    """The equations of Che et al. for one row, from observations and times: the outputs (T, H)."""
    w = {key: value.numpy() for key, value in layer.state_dict().items()}
    W, V = w["input_product.weight"][:, :F], w["input_product.weight"][:, F:]
    U_rz, U = w["state_product.weight"], w["offer_product.weight"]
    h, last, since, outputs = np.zeros(H), np.zeros(F), np.full(F, times[0]), []
    for observed, time in zip(row, times, strict=True):
        m, d = ~np.isnan(observed), time - since
        decay = np.exp(-np.maximum(0, w["input_decay"][0] * d + w["input_decay"][1]))
        x = np.where(m, observed, decay * last)  # the mean is 0
        h = np.exp(-np.maximum(0, w["state_decay.weight"] @ d + w["state_decay.bias"])) * h
        product = W @ x + V @ m + w["input_product.bias"]
        r, z = np.split(sigmoid(product[: 2 * H] + U_rz @ h), 2)
        h = (1 - z) * h + z * np.tanh(product[2 * H :] + U @ (r * h))
        last, since = np.where(m, observed, last), np.where(m, time, since)
        outputs.append(h)
    return np.array(outputs)


def make_layer(**kind):
    with draw_from(torch.Generator().manual_seed(0)):
        layer = GRUDLayer(3 * F, H, **kind).double()
        torch.nn.init.uniform_(layer.state_decay.bias, -0.5, 0.5)
        torch.nn.init.uniform_(layer.input_decay, -0.5, 1.0)
    return layer


@pytest.mark.parametrize("steps", [1, 2, 15])
def test_layer_matches_the_equations_in_numpy(steps):
    layer, (row, times) = make_layer(), gappy(steps)
    x = torch.tensor(three_parts(row, times))[None]
    with torch.no_grad():
        outputs, state = layer(x)
    np.testing.assert_allclose(outputs[0], run_row(layer, row, times), rtol=0, atol=1e-12)
    assert torch.equal(state, outputs[:, -1])


@pytest.mark.parametrize("steps", [1, 2, 15])
def test_second_direction_is_the_equations_with_time_reversed(steps):
    layer, (row, times) = make_layer(backwards=True), gappy(steps)
    x = torch.tensor(three_parts(row, times)).flip(0)[None]
    with torch.no_grad():
        outputs, _ = layer(x)
    due = run_row(layer, row[::-1], times[-1] - times[::-1])
    np.testing.assert_allclose(outputs[0], due, rtol=0, atol=1e-12)


def test_value_and_state_fall_back_while_nothing_is_observed():
    layer = make_layer()
    with torch.no_grad():
        layer.input_decay.copy_(torch.tensor([[1.0] * F, [0.0] * F]))
        layer.state_decay.weight.fill_(1.0)
        layer.state_decay.bias.zero_()
        observed = torch.cat([torch.ones(1, F), torch.ones(1, F), torch.zeros(1, F)], dim=1)
        _, state = layer.step(observed.double())
        seen = [
            layer.step(torch.tensor([[1.0] * F + [0.0] * F + [gap] * F]).double(), state)[0]
            for gap in (0.0, 1.0, 1e3, 1e9)
        ]
        begun = layer.step(torch.zeros(1, 3 * F).double())[0]
    assert not torch.allclose(seen[0], seen[1])
    torch.testing.assert_close(seen[2], begun)  # long ago is never
    torch.testing.assert_close(seen[3], begun)


def test_input_size_is_three_parts():
    with pytest.raises(InvalidParameterError, match=r"input_size=4 .* multiple of 3"):
        GRUD().build(4, H, num_layers=1, bidirectional=False, dropout=0.0)


def test_layers_above_are_plain():
    # 3 F = 2 H: kinds go by place and not by size
    core = GRUD().build(6, 3, num_layers=2, bidirectional=True, dropout=0.0)
    for layers in (core.layers, core.backward_layers):
        assert [type(layer).__name__ for layer in layers] == ["GRUDLayer", "GRU"]
    assert [layers[0].backwards for layers in (core.layers, core.backward_layers)] == [False, True]


# Inside the estimators

SMALL = {"hidden_size": 6, "max_epochs": 2, "random_state": 0, "backend": "grud"}


def rows(n=24, gaps=0.5):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 2)) for length in rng.integers(3, 12, n)]
    for row in X:
        row[rng.random(row.shape) < gaps] = np.nan
    return X, np.arange(n) % 2


@pytest.mark.parametrize("shape", [{}, {"bidirectional": True, "num_layers": 2, "dropout": 0.2}])
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_classifier_and_regressor(Estimator, shape):
    X, y = rows()
    model = Estimator(missing="mask", **SMALL, **shape).fit(X, y)
    together = model.predict(X)
    alone = np.concatenate([model.predict([row]) for row in X])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), together)


def test_without_gaps_everything_counts_as_observed():
    X, y = rows(gaps=0.0)
    model = LSTMClassifier(**SMALL).fit(X, y)
    _, mask, gaps = model.net_.module_.input(torch.zeros(1, 4, 2), None).values.chunk(3, dim=2)
    assert (mask == 1).all() and gaps[0, :, 0].tolist() == [0, 1, 1, 1]
    assert np.isfinite(model.predict_proba(X)).all()


def test_encoder_and_tagger():
    X, _ = rows()
    features = SequenceEncoder(missing="mask", **SMALL).fit_transform(X)
    assert features.shape == (len(X), 6) and np.isfinite(features).all()
    tagger = BiLSTMTagger(missing="mask", **SMALL).fit(X, [np.arange(len(x)) % 2 for x in X])
    assert [len(labels) for labels in tagger.predict(X)] == [len(row) for row in X]


def test_a_backend_is_an_axis_of_a_grid():
    X, y = rows()
    model = LSTMClassifier(missing="mask", **SMALL)
    search = GridSearchCV(model, {"backend": ["torch", "grud"]}, cv=2, error_score="raise")
    assert len(search.fit(X, y).cv_results_["params"]) == 2


def test_estimators_that_give_no_gaps_refuse_it():
    y = np.sin(np.arange(60) / 3)
    with pytest.raises(InvalidBackendError, match=r"'grud' of seqlearn-grud .* missing=True"):
        LSTMForecaster(**SMALL).fit(y, fh=[1, 2])
    with pytest.raises(InvalidBackendError, match="missing=True"):
        LSTMClassifier(**SMALL).fit([["a", "b"], ["b"]] * 4, [0, 1] * 4)
