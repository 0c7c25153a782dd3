"""The four backends by the public kit, against the formulas in plain NumPy, and in the estimators.

The oracles take one row at a time, cut to its own length, so they have no padding to see; only the
mean and variance of batch normalisation in training join the rows of a batch.
"""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seqlearn_lstmfcn import ALSTMFCN, LSTMFCN, ALSTMFCNShuffle, LSTMFCNShuffle, resample
from sklearn.model_selection import GridSearchCV

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMForecaster, LSTMRegressor
from seqlearn.backend import Dropout, draw_from
from seqlearn.errors import InvalidParameterError
from seqlearn.registry import available_backends, load_backend
from seqlearn.testing import backend_checks

F, H = 3, 5
BACKENDS = {
    "lstmfcn": LSTMFCN,
    "alstmfcn": ALSTMFCN,
    "lstmfcn-shuffle": LSTMFCNShuffle,
    "alstmfcn-shuffle": ALSTMFCNShuffle,
}
SMALL = {"filters": (6, 8, 7), "kernel_sizes": (4, 3, 1)}
SHUFFLED = ["lstmfcn-shuffle", "alstmfcn-shuffle"]
LENGTHS = (9, 4, 1, 6)

each_name = pytest.mark.parametrize("name", BACKENDS)
each_direction = pytest.mark.parametrize("bidirectional", [False, True])

CHECKS = [
    (name, check)
    for name, options in (
        ("lstmfcn", {}),
        ("lstmfcn", {"ends": "repeat"}),
        ("alstmfcn", {}),
        ("lstmfcn-shuffle", {"steps": 11}),
        ("alstmfcn-shuffle", {"steps": 2}),
    )
    for check in backend_checks(BACKENDS[name](**options, filters=(16, 9), kernel_sizes=(8, 3)))
]


@pytest.mark.parametrize(
    ("name", "check"), CHECKS, ids=[f"{name}-{check.name}" for name, check in CHECKS]
)
def test_contract(name, check):
    check()


@each_name
def test_it_is_registered_under_its_name(name):
    assert available_backends()[name].startswith("seqlearn-lstmfcn ")
    assert load_backend(name) is BACKENDS[name]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_core(name, bidirectional=False, layers=1, input_size=F, **options):
    """A core in float64, its normalisations no longer as at the start."""
    if "shuffle" in name:
        options = {"steps": 7, **options}
    generator = torch.Generator().manual_seed(0)
    with draw_from(generator):
        core = BACKENDS[name](**{**SMALL, "branch_dropout": 0.0, **options}).build(
            input_size, H, num_layers=layers, bidirectional=bidirectional, dropout=0.0
        )
        for norm in core.convolutions.norms:
            for values in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
                values.uniform_(0.2, 1.5)
    return core.double()


def batch(lengths=LENGTHS, steps=9, size=F):
    """Rows (B, T, F) with noise past their lengths, the lengths, and the rows cut."""
    x = torch.randn(
        len(lengths), steps, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    return x, torch.tensor(lengths), [row[:n].numpy() for row, n in zip(x, lengths, strict=True)]


# The oracles: a row is an array (T, F) without padding


def arrays(module):
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def convolve(row, weight, ends):
    outputs, size = np.zeros((len(row), len(weight))), weight.shape[1]
    for t in range(len(row)):
        for j in range(size):
            at = t - (size - 1) // 2 + j
            if ends == "repeat" or 0 <= at < len(row):
                outputs[t] += weight[:, j] @ row[np.clip(at, 0, len(row) - 1)]
    return outputs


def run_block(block, rows, training, ends="zeros"):
    """Return the rows' features, and mean and unbiased variance of each layer's batch."""
    statistics = []
    for convolution, norm in zip(block.convolutions, block.norms, strict=True):
        w = arrays(norm)
        rows = [convolve(row, arrays(convolution)["weight"], ends) for row in rows]
        steps = np.concatenate(rows)
        statistics.append((steps.mean(0), steps.var(0) * len(steps) / max(len(steps) - 1, 1)))
        mean, var = w["running_mean"], w["running_var"]
        if training:
            mean, var = steps.mean(0), steps.var(0)
        scale = w["weight"] / np.sqrt(var + norm.eps)
        rows = [np.maximum((row - mean) * scale + w["bias"], 0) for row in rows]
    return rows, statistics


def run_lstm(layer, row):
    w, h, C, outputs = arrays(layer), np.zeros(H), np.zeros(H), []
    for x in row:
        gates = w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"]
        i, f, g, o = np.split(gates, 4)
        C = sigmoid(f) * C + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(C)
        outputs.append(h)
    return np.array(outputs)


def run_attention(layer, row):
    w, h, C, outputs = arrays(layer), np.zeros(H), np.zeros(H), []
    for x in row:
        query = w["query.weight"] @ h
        scores = [
            w["score"] @ np.tanh(w["key.weight"] @ x_j + w["key.bias"] + query) for x_j in row
        ]
        shares = np.exp(scores) / np.exp(scores).sum()
        context = sum(share * x_j for share, x_j in zip(shares, row, strict=True))
        gates = w["input.weight"] @ x + w["input.bias"]
        gates = gates + w["recurrent.weight"] @ h + w["context.weight"] @ context
        i, f, o, g = np.split(gates, 4)
        C = sigmoid(f) * C + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(C)
        outputs.append(h)
    return np.array(outputs)


def run_branch(name, core, row):
    """Return the forward half (T, H), or (1, H), and the same of the backward half, or None."""
    run = run_attention if name.startswith("a") else run_lstm
    forward, backward = row, None
    if "shuffle" in name:
        places = np.linspace(0, len(row) - 1, core.steps)
        forward = np.array([np.interp(places, range(len(row)), column) for column in row.T])
    for i, layer in enumerate(core.branch.layers):
        read = forward if i == 0 or backward is None else np.hstack([forward, backward])
        forward = run(layer, read)
        if core.bidirectional:
            backward = run(core.branch.backward_layers[i], read[::-1])[::-1]
    if "shuffle" in name:
        return forward[-1:], None if backward is None else backward[:1]
    return forward, backward


def run_core(name, core, rows, training):
    answers = []
    for row, features in zip(rows, run_block(core.convolutions, rows, training)[0], strict=True):
        forward, backward = (
            None if half is None else np.broadcast_to(half, (len(row), H))
            for half in run_branch(name, core, row)
        )
        parts = [features, forward]
        if backward is not None:
            half = features.shape[1] // 2
            parts = [features[:, :half], forward, features[:, half:], backward]
        answers.append(np.hstack(parts))
    return answers


@each_name
@each_direction
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("lengths", [LENGTHS, (9, 9)])
def test_core_matches_the_formulas_in_numpy(name, bidirectional, layers, training, lengths):
    core = make_core(name, bidirectional, layers).train(training)
    x, counts, rows = batch(lengths)
    due = run_core(name, core, rows, training)
    with torch.no_grad():
        outputs, state = core(x, counts)
    assert state is None and outputs.shape == (len(rows), 9, core.output_size)
    for found, length, row in zip(outputs.numpy(), lengths, due, strict=True):
        np.testing.assert_allclose(found[:length], row, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=3),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=2).map(tuple),
    training=st.booleans(),
    ends=st.sampled_from(["zeros", "repeat"]),
)
def test_convolutions_of_any_size_see_no_padding(lengths, sizes, training, ends):
    options = {"filters": (4,) * len(sizes), "kernel_sizes": sizes, "ends": ends}
    core = make_core("lstmfcn", **options).train(training)
    x, counts, rows = batch(lengths, steps=8)
    with torch.no_grad():
        features = core(x, counts)[0][..., :4].numpy()
    training = training and sum(lengths) > 1
    due = run_block(core.convolutions, rows, training, ends)[0]
    for found, row in zip(features, due, strict=True):
        np.testing.assert_allclose(found[: len(row)], row, rtol=0, atol=1e-10)


@pytest.mark.parametrize("ends", ["zeros", "repeat"])
@pytest.mark.parametrize("size", [1, 4, 6, 8, 12, 14, 16, 24])
def test_convolutions_in_bfloat16_are_those_in_float32(size, ends):
    """Whatever the number of features, also in gradients: torch's own are wrong for some."""
    core = make_core("lstmfcn", input_size=size, filters=(8, 6), kernel_sizes=(16, 8), ends=ends)
    x = batch((40, 31), 40, size)[0]
    found = []
    for enabled in (False, True):
        core.float().eval().zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            features = core.convolutions(x.float(), None)
        features.float().square().mean().backward()
        weights = [layer.weight.grad for layer in core.convolutions.convolutions]
        found.append([features.detach().float(), *map(torch.clone, weights)])
    for exact, rounded in zip(*found, strict=True):
        assert (exact - rounded).abs().max() < 0.05 * exact.abs().max()


def test_ends_repeated_do_not_mark_a_constant_row():
    """A constant row has no ends to be seen, unless zeros stand past them."""
    x = torch.full((2, 9, F), 3.0, dtype=torch.float64)
    for ends, marked in (("repeat", False), ("zeros", True)):
        core = make_core("lstmfcn", ends=ends).eval()
        features = core(x, torch.tensor([9, 5]))[0][..., : SMALL["filters"][-1]]
        for row in (features[0], features[1, :5]):
            assert torch.allclose(row, row[:1], rtol=0, atol=1e-12) is not marked


# Batch normalisation


@pytest.mark.parametrize("lengths", [LENGTHS, (9, 9)])
def test_running_statistics_are_those_of_valid_steps(lengths):
    core = make_core("lstmfcn").train()
    x, counts, rows = batch(lengths)
    before = [arrays(norm) for norm in core.convolutions.norms]
    before = [{key: value.copy() for key, value in each.items()} for each in before]
    statistics = run_block(core.convolutions, rows, True)[1]
    core(x, counts)
    for norm, was, (mean, var) in zip(core.convolutions.norms, before, statistics, strict=True):
        now = arrays(norm)
        np.testing.assert_allclose(now["running_mean"], 0.9 * was["running_mean"] + 0.1 * mean)
        np.testing.assert_allclose(now["running_var"], 0.9 * was["running_var"] + 0.1 * var)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_single_step_is_normalised_by_the_running_statistics(steps):
    core = make_core("lstmfcn")
    x, counts, _ = batch((1,), steps)
    due = core.eval()(x, counts)[0][0, 0]
    before = {key: value.clone() for key, value in core.state_dict().items()}
    outputs = core.train()(x, counts)[0]
    torch.testing.assert_close(outputs[0, 0], due, rtol=0, atol=1e-12)
    outputs.sum().backward()
    assert all(torch.equal(value, before[key]) for key, value in core.state_dict().items())


@pytest.mark.parametrize("ends", ["zeros", "repeat"])
def test_padding_may_be_anything(ends):
    for name in BACKENDS:
        for training in (False, True):
            core = make_core(name, True, ends=ends).train(training)
            x, counts, _ = batch()
            due = core(x, counts)[0]
            within = torch.arange(9) < counts[:, None]
            for junk in (torch.nan, torch.inf):
                found = core(torch.where(within[..., None], x, junk), counts)[0]
                torch.testing.assert_close(found[within], due[within], rtol=0, atol=0)


# The recurrent branch


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    steps=st.integers(2, 30),
    more=st.integers(0, 3),
)
def test_resample_is_linear_interpolation_within_the_row(lengths, steps, more):
    x, counts, rows = batch(lengths, max(lengths) + more)
    for found, row in zip(resample(x, counts, steps).numpy(), rows, strict=True):
        places = np.linspace(0, len(row) - 1, steps)
        due = [np.interp(places, range(len(row)), column) for column in row.T]
        np.testing.assert_allclose(found, np.transpose(due), rtol=0, atol=1e-12)
        if len(row) == steps:
            np.testing.assert_array_equal(found, row)


@each_name
@each_direction
def test_branch_dropout_is_one_draw_a_row(name, bidirectional):
    core = make_core(name, bidirectional, branch_dropout=0.5, filters=(8,), kernel_sizes=(3,))
    x, counts, _ = batch((9,) * 40)
    kept = torch.cat([torch.zeros(4), torch.ones(H)]).repeat(2).bool()
    if not bidirectional:
        kept = torch.cat([torch.zeros(8), torch.ones(H)]).bool()
    due = core.eval()(x, counts)[0][..., kept]
    found = core.train()(x, counts)[0][..., kept]
    ratio = (found / due).detach()  # (B, T, W)
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))
    torch.testing.assert_close(ratio * (ratio - 2), torch.zeros_like(ratio), rtol=0, atol=1e-9)
    assert 0.3 < ratio.mean() / 2 < 0.7
    for module in core.modules():
        if isinstance(module, Dropout):
            module.reseed(9)
    assert not torch.equal(core(x, counts)[0][..., kept], found)


@pytest.mark.parametrize("name", SHUFFLED)
def test_shuffle_repeats_one_vector_over_the_steps(name):
    core = make_core(name).eval()
    x, counts, _ = batch((9, 9))
    read = core(x, counts)[0][..., -H:]
    assert torch.equal(read, read[:, :1].expand_as(read))


def test_shuffle_of_one_feature_is_one_step():
    """On a univariate series the LSTM never sees its own output: its recurrent weights idle."""
    core = make_core("lstmfcn-shuffle", input_size=1)
    x, counts, _ = batch((9, 4), size=1)
    core(x, counts)[0].sum().backward()
    assert core.branch.layers[0].weight_ih_l0.shape == (4 * H, 7)
    assert (core.branch.layers[0].weight_hh_l0.grad == 0).all()


@each_name
def test_the_flags_hold(name):
    """Not causal: a later step moves an earlier output. Not stateful: a state is refused."""
    core = make_core(name).eval()
    assert not BACKENDS[name].causal and not BACKENDS[name].stateful
    x, counts, _ = batch((9, 9))
    changed = x.clone()
    changed[:, 5] += 1
    assert not torch.equal(core(x, counts)[0][:, 4], core(changed, counts)[0][:, 4])
    with pytest.raises(InvalidParameterError, match=r"tuple was given.*state=None"):
        core(x, counts, (x,))


@each_name
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
@pytest.mark.parametrize("steps", [1, 30])
def test_rows_do_not_hang_on_how_many_there_are(name, dtype, tolerance, steps):
    backend = BACKENDS[name](filters=(32, 64, 32))
    with draw_from(torch.Generator().manual_seed(0)):
        core = backend.build(2, 8, num_layers=1, bidirectional=True, dropout=0.0).to(dtype).eval()
    x, counts, _ = batch((steps,) * 40, steps, 2)
    with torch.inference_mode():
        due = core(x.to(dtype), counts)[0]
        for n in (backend.stable_rows, 6, 17, 23, 39):
            found = core(x[:n].to(dtype), counts[:n])[0]
            torch.testing.assert_close(found, due[:n], rtol=tolerance, atol=tolerance)


@each_name
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"filters": ()}, r"'filters' .* a tuple of whole numbers.* Got \(\) instead"),
        ({"filters": 128}, "'filters' .* Got 128 instead"),
        ({"filters": (8, 0, 8)}, r"'filters' .* at least 1\. Got \(8, 0, 8\)"),
        ({"kernel_sizes": (8, 5.0, 3)}, "'kernel_sizes' .* whole numbers"),
        ({"kernel_sizes": "853"}, "'kernel_sizes' .* Got '853' instead"),
        ({"kernel_sizes": (8, 5)}, "filters=.* has 3 values and kernel_sizes=.* has 2"),
        ({"branch_dropout": 1.0}, r"'branch_dropout' .* in \[0, 1\)\. Got 1\.0"),
        ({"branch_dropout": "0.8"}, "'branch_dropout' .* Got '0.8'"),
        ({"forget_bias": float("nan")}, "'forget_bias' .* finite number. Got nan"),
        ({"ends": "edge"}, "'ends' .* 'zeros' or 'repeat'. Got 'edge'"),
    ],
)
def test_options_out_of_range_are_refused(name, options, text):
    with pytest.raises(InvalidParameterError, match=text):
        BACKENDS[name](**options).build(3, 4, num_layers=1, bidirectional=False, dropout=0.0)


@pytest.mark.parametrize("name", SHUFFLED)
@pytest.mark.parametrize("steps", [1, True, 7.0])
def test_steps_out_of_range_are_refused(name, steps):
    backend = BACKENDS[name](steps=steps)
    with pytest.raises(InvalidParameterError, match=f"'steps' .* at least 2. Got {steps} instead"):
        backend.build(3, 4, num_layers=1, bidirectional=False, dropout=0.0)


# Inside the estimators


FEW = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
STACKED = {"bidirectional": True, "num_layers": 2, "dropout": 0.2, "readout": "last"}


def small(name, **options):
    return BACKENDS[name](**SMALL, **options)


def rows(n=24, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, 2)) for length in rng.integers(3, 12, n)]


@each_name
@pytest.mark.parametrize(
    ("Estimator", "shape"),
    [
        (LSTMClassifier, STACKED),
        (LSTMRegressor, {"bidirectional": False, "readout": "mean"}),
        (LSTMRegressor, STACKED),
    ],
)
def test_classifier_and_regressor(name, Estimator, shape):
    X = rows()
    y = np.array([row[0, 0] > 0 for row in X]).astype(int)
    model = Estimator(backend=small(name), **FEW, **shape).fit(X, y)
    together = model.predict(X)
    assert together.shape == (len(X),)
    alone = np.concatenate([model.predict([row]) for row in X])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), together)


@each_name
def test_early_stopping_and_partial_fit_keep_the_running_statistics(name):
    X = rows(40)
    y = np.array([row[0, 0] > 0 for row in X]).astype(int)
    model = LSTMClassifier(
        backend=small(name), hidden_size=4, max_epochs=9, early_stopping=True, n_iter_no_change=2
    )
    assert model.fit(X, y).predict(X).shape == (40,)
    model = LSTMClassifier(backend=small(name), batch_size=8, **FEW)
    for batches in (5, 10):
        model.partial_fit(X, y, classes=[0, 1])
        norm = model.net_.module_.encoder.core.convolutions.norms[0]
        assert norm.num_batches_tracked == batches


@each_name
def test_classifier_in_float64_with_a_grid_over_the_options(name):
    X = rows()
    y = np.array([row[0, 0] > 0 for row in X]).astype(int)
    grid = [{"backend__branch_dropout": [0.5], "backend__kernel_sizes": [(8, 5, 3), (4, 3, 1)]}]
    if name in SHUFFLED:
        grid = [{"backend__steps": [5, 9]}]
    model = LSTMClassifier(backend=small(name), dtype="float64", batch_size=24, **FEW)
    search = GridSearchCV(model, grid, cv=2, refit=False, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 2


@each_name
def test_tagger(name):
    X = rows()
    y = [(row[:, 0] > 0).astype(int) for row in X]
    model = BiLSTMTagger(backend=small(name), **FEW).fit(X, y)
    assert [len(labels) for labels in model.predict(X)] == [len(row) for row in X]


@each_name
def test_forecaster(name):
    index = pd.period_range("2000-01", periods=60, freq="M")
    y = pd.Series(np.sin(np.arange(60) / 3), index=index)
    forecast = LSTMForecaster(backend=small(name), **FEW).fit(y, fh=[1, 2, 3]).predict()
    assert forecast.shape == (3,) and np.isfinite(forecast).all()
