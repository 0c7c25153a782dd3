"""The plugin tested by the public kit, in every estimator, and against its equations in NumPy.

The oracle takes its masks from `Dropout` modules seeded as those of the layer are.
"""

import copy
import pickle
import random

import numpy as np
import pytest
import torch
from seqlearn_awd import AWDLSTM, AWDLSTMLayer, LockedDropout
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMForecaster, LSTMRegressor
from seqlearn.backend import Dropout, draw_from
from seqlearn.errors import InvalidParameterError
from seqlearn.registry import available_backends, load_backend, resolve_backend
from seqlearn.testing import backend_checks

H = 5
NOISY = AWDLSTM(weight_drop=0.3, input_dropout=0.2, zoneout=0.25)
SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("check", backend_checks("awd"))
def test_contract(check):
    check()


@pytest.mark.parametrize("check", backend_checks(NOISY))
def test_contract_with_all_noise(check):
    check()


def test_it_is_registered_under_its_name():
    assert available_backends()["awd"].startswith("seqlearn-awd ")
    assert load_backend("awd") is AWDLSTM


# The layer against its equations


def make_layer(weight_drop=0.0, zoneout=0.0, input_size=3, hidden_size=H):
    """Build a layer in float64, all its weights and biases drawn."""
    with draw_from(torch.Generator().manual_seed(0)):
        layer = AWDLSTMLayer(input_size, hidden_size, weight_drop, zoneout).double()
        with torch.no_grad():
            for weight in layer.parameters():
                weight += 0.3 * torch.randn(weight.shape, dtype=weight.dtype)
    return layer


def some_rows(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def draw_mask(rate, seed, *shape):
    """Return what a `Dropout` seeded so makes of ones."""
    noise = Dropout(rate)
    noise.reseed(seed)
    return noise(torch.ones(*shape, dtype=torch.float64)).numpy()


def run_rows(layer, x, masks, state=None):
    """The equations of the docstring, a step of all rows at a time: outputs (B, T, H), c_T."""
    w = {name: value.numpy() for name, value in layer.state_dict().items()}
    M, D, E = masks
    h, c = np.zeros((2, len(x), H)) if state is None else (s.detach().numpy() for s in state)
    outputs = []
    for t in range(x.shape[1]):
        z = x[:, t] @ w["weight_ih_l0"].T + w["bias_ih_l0"]
        z = z + h @ (M * w["weight_hh_l0"]).T + w["bias_hh_l0"]
        i, f, g, o = np.split(z, 4, axis=1)
        new_c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        new_h = np.tanh(new_c) / (1 + np.exp(-o))
        c = (1 - D[:, t]) * c + D[:, t] * new_c
        h = (1 - E[:, t]) * h + E[:, t] * new_h
        outputs.append(h)
    return np.stack(outputs, axis=1), c


def assert_equal_to_equations(layer, x, masks, state=None):
    with torch.no_grad():
        outputs, (h, c) = layer(x, state)
    due, due_c = run_rows(layer, x.numpy(), masks, state)
    np.testing.assert_allclose(outputs.numpy(), due, rtol=0, atol=1e-12)
    np.testing.assert_allclose(c.numpy(), due_c, rtol=0, atol=1e-12)
    assert torch.equal(h, outputs[:, -1])


@pytest.mark.parametrize("zoneout", [0.0, 0.25])
@pytest.mark.parametrize("weight_drop", [0.0, 0.4])
@pytest.mark.parametrize("with_state", [False, True])
def test_training_matches_a_loop_in_numpy(weight_drop, zoneout, with_state):
    layer, x = make_layer(weight_drop, zoneout), some_rows(4, 9, 3)
    state = (some_rows(4, H, seed=2), some_rows(4, H, seed=3)) if with_state else None
    layer.weight_noise.reseed(11)
    layer.cell_noise.reseed(12)
    layer.output_noise.reseed(13)
    masks = (
        draw_mask(weight_drop, 11, 4 * H, H),
        draw_mask(zoneout, 12, 4, 9, H) > 0,
        draw_mask(zoneout, 13, 4, 9, H) > 0,
    )
    masks = [mask.astype(float) for mask in masks]
    assert_equal_to_equations(layer, x, masks, state)
    if weight_drop:  # the next batch has another mask
        with pytest.raises(AssertionError):
            assert_equal_to_equations(layer, x, masks, state)


@pytest.mark.parametrize("zoneout", [0.0, 0.25])
def test_evaluation_is_without_noise_and_with_the_expectation_of_zoneout(zoneout):
    layer, x = make_layer(0.4, zoneout).eval(), some_rows(4, 9, 3)
    moves = np.full((4, 9, H), 1 - zoneout)
    assert_equal_to_equations(layer, x, (np.ones((4 * H, H)), moves, moves))


@pytest.mark.parametrize("zoneout", [0.0, 0.25])
def test_gradients_match_finite_differences_under_fixed_noise(zoneout):
    layer, x = make_layer(0.4, zoneout), some_rows(2, 4, 3).requires_grad_()
    weights = dict(layer.named_parameters())

    def outputs(x, *values):
        for seed, noise in enumerate((layer.weight_noise, layer.cell_noise, layer.output_noise)):
            noise.reseed(seed)
        given = dict(zip(weights, values, strict=True))
        return torch.func.functional_call(layer, given, (x,))[0]

    assert torch.autograd.gradcheck(outputs, (x, *weights.values()))


def test_dropped_weights_get_no_gradient_and_the_others_do():
    layer = make_layer(0.5)
    layer.weight_noise.reseed(11)
    layer(some_rows(4, 9, 3))[0].square().sum().backward()
    kept = draw_mask(0.5, 11, 4 * H, H) > 0
    gradient = layer.weight_hh_l0.grad.numpy()
    assert (gradient[~kept] == 0).all() and (gradient[kept] != 0).all()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_without_noise_it_is_the_backend_torch_to_the_bit(bidirectional):
    sizes = {"num_layers": 2, "bidirectional": bidirectional, "dropout": 0.3}
    ours = AWDLSTM(forget_bias=0.5).build(3, 8, **sizes).eval()
    torchs = resolve_backend("torch").build(3, 8, **sizes).eval()
    for key, weight in torchs.state_dict().items():
        direction, i, name = key.split(".")
        ours.get_parameter(f"layers.{i}.{direction}.0.{name}").data.copy_(weight)
    x, lengths = some_rows(4, 9, 3).float(), torch.tensor([9, 1, 5, 7])
    valid = torch.arange(9) < lengths[:, None]  # (B, T)
    found, due = (core(x, lengths)[0][valid] for core in (ours, torchs))
    assert torch.equal(found, due)


# Noise


def test_locked_dropout_drops_the_same_features_at_all_steps_of_a_row():
    dropout, x = LockedDropout(0.4), torch.ones(500, 7, 20)
    dropped = dropout(x)
    assert torch.equal(dropped, dropped[:, :1].expand_as(x))
    kept = dropped[:, 0] > 0  # (B, F)
    assert torch.allclose(dropped[:, 0][kept], torch.tensor(1 / 0.6))
    assert abs(kept.float().mean() - 0.6) < 0.02
    assert 0 < kept.float().mean(1).std() < 0.2  # rows differ
    assert not torch.equal(dropout(x), dropped)
    assert dropout.eval()(x) is x
    assert LockedDropout(0.0)(x) is x


def reseed(core, seed):
    for module in core.modules():
        if isinstance(module, Dropout):
            module.reseed(seed)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_core_drops_before_each_layer(bidirectional):
    """Both directions of a layer read the same dropped features."""
    backend = AWDLSTM(weight_drop=0.0, input_dropout=0.5)
    core = backend.build(3, H, num_layers=2, bidirectional=bidirectional, dropout=0.25).double()
    x, lengths = some_rows(4, 9, 3), torch.tensor([9, 1, 5, 7])
    reseed(core, 5)
    found = core(x, lengths)[0]
    due = x
    for layer, rate in zip(core.layers, (0.5, 0.25), strict=True):
        mask = torch.as_tensor(draw_mask(rate, 5, 4, 1, due.shape[2]))
        due, _ = layer(due * mask, lengths)
    assert torch.equal(found, due)


@pytest.mark.parametrize("option", ["weight_drop", "input_dropout", "zoneout"])
def test_each_noise_acts_in_training_anew_each_time_and_by_its_seed(option):
    options = {"weight_drop": 0.0, option: 0.5}
    core = AWDLSTM(**options).build(3, H, num_layers=1, bidirectional=True, dropout=0.0)
    x, lengths = some_rows(4, 9, 3).float(), torch.tensor([9, 1, 5, 7])
    reseed(core, 1)
    first, second = core(x, lengths)[0], core(x, lengths)[0]
    assert not torch.equal(first, second)
    reseed(core, 1)
    assert torch.equal(core(x, lengths)[0], first)
    reseed(core, 2)
    assert not torch.equal(core(x, lengths)[0], first)
    core.eval()
    assert torch.equal(core(x, lengths)[0], core(x, lengths)[0])


def test_state_continues_a_row_in_training_with_new_noise_and_gradients():
    core = NOISY.build(3, H, num_layers=2, bidirectional=False, dropout=0.3)
    x, lengths = some_rows(4, 6, 3).float(), torch.full((4,), 6)
    _, state = core(x, lengths)
    core(x, lengths, state)[0].sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in core.parameters())


TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-14}


@pytest.mark.parametrize("zoneout", [0.0, 0.25])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_rows_do_not_hang_on_how_many_there_are(zoneout, dtype):
    backend = AWDLSTM(zoneout=zoneout)
    core = backend.build(12, 64, num_layers=1, bidirectional=True, dropout=0.0).eval().to(dtype)
    x = some_rows(40, 8, 12).to(dtype)
    with torch.inference_mode():
        due, _ = core(x, torch.full((40,), 8))
        for n in range(backend.stable_rows, 40):
            found, _ = core(x[:n], torch.full((n,), 8))
            torch.testing.assert_close(found, due[:n], rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("option", ["weight_drop", "input_dropout", "zoneout"])
@pytest.mark.parametrize("share", [1.0, -0.1, float("nan"), "half", None])
def test_a_share_out_of_range_is_refused_by_name(option, share):
    backend = AWDLSTM(**{option: share})
    with pytest.raises(InvalidParameterError, match=rf"{option}.*AWDLSTM.*\[0, 1\)"):
        backend.build(3, H, num_layers=1, bidirectional=False, dropout=0.0)


# The estimators


def small_problem(kind):
    """Return an estimator with noise of every kind, data it fits, and what asks it for answers."""
    rng = np.random.RandomState(0)
    X = [rng.randn(n, 2) for n in rng.randint(2, 8, size=12)]
    options = {**SMALL, "num_layers": 2, "dropout": 0.3, "backend": clone(NOISY)}
    if kind == "classifier":
        model = LSTMClassifier(**options, bidirectional=True)
        return model, (X, np.arange(12) % 2), lambda m: m.predict_proba(X)
    if kind == "regressor":
        model = LSTMRegressor(**options, bidirectional=True)
        return model, (X, rng.randn(12)), lambda m: m.predict(X)
    if kind == "tagger":
        y = [(x[:, 0] > 0).astype(int) for x in X]
        model = BiLSTMTagger(**options)
        return model, (X, y), lambda m: np.concatenate(m.predict_marginals(X))
    model = LSTMForecaster(window_length=6, **options)
    series = np.sin(np.arange(60) / 3)
    return model, (series, None, [1, 2]), lambda m: np.asarray(m.predict())


KINDS = ["classifier", "regressor", "tagger", "forecaster"]


@pytest.mark.parametrize("kind", KINDS)
def test_estimators_train_with_their_own_seeds(kind):
    model, data, answer = small_problem(kind)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tobytes()
    due = answer(clone(model).fit(*data))
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tobytes()
    assert torch.equal(before[0], after[0]) and before[1:] == after[1:]
    assert np.isfinite(due).all()
    np.testing.assert_array_equal(answer(clone(model).fit(*data)), due)
    other = clone(model).set_params(random_state=1).fit(*data)
    assert not np.array_equal(answer(other), due)
    quiet = clone(model).set_params(backend__weight_drop=0.0).fit(*data)
    assert not np.array_equal(answer(quiet), due)


@pytest.mark.parametrize("kind", KINDS)
def test_estimators_answer_the_same_after_pickle_and_deepcopy(kind):
    model, data, answer = small_problem(kind)
    model.fit(*data)
    due = answer(model)
    np.testing.assert_array_equal(answer(pickle.loads(pickle.dumps(model))), due)
    np.testing.assert_array_equal(answer(copy.deepcopy(model)), due)


def test_estimators_work_in_float64():
    model, (X, y), _ = small_problem("classifier")
    model.set_params(dtype="float64").fit(X, y)
    assert model.decision_function(X).dtype == np.float64


@pytest.mark.parametrize("backend", ["awd", NOISY])
def test_a_row_gets_the_same_answer_alone_and_among_others(backend):
    model, (X, y), _ = small_problem("classifier")
    model.set_params(backend=clone(backend) if backend is NOISY else backend).fit(X, y)
    together = model.predict_proba(X)
    for i, row in enumerate(X):
        np.testing.assert_array_equal(model.predict_proba([row])[0], together[i])


def test_options_are_axes_of_a_grid_search():
    model, (X, y), _ = small_problem("classifier")
    grid = {"backend__weight_drop": [0.0, 0.5], "backend__zoneout": [0.0, 0.1]}
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert search.best_params_.keys() == grid.keys()
    assert len({tuple(params.items()) for params in search.cv_results_["params"]}) == 4
