"""Looking inside: gates against equations, attributions against their laws and against captum."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

import seqlearn
from seqlearn import (
    BiLSTMTagger,
    LSTMClassifier,
    LSTMLanguageModel,
    LSTMRegressor,
    SequenceEncoder,
    available_backends,
)
from seqlearn.datasets import make_adding_problem
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.preprocessing import SequenceScaler, Tokenizer
from seqlearn.testing.material import names_for_vectors

SMALL = {"hidden_size": 8, "max_epochs": 3, "random_state": 0}
METHODS = ("integrated_gradients", "saliency", "occlusion")
PLUGINS = sorted({"layernorm", "minlstm", "xlstm"} & available_backends().keys())
WORDS = [["a", "good", "film"], ["bad"], ["not", "good", "at", "all"], ["fine", "film"]] * 5
SIDES = ["+", "-", "-", "+"] * 5


def at_baseline(model, X):
    """What is explained at the mean step, for each row."""
    mean = model._record.mean_step
    return [np.tile(mean, (len(row), 1)) for row in X]


def assert_close(found, due, atol=1e-6):
    assert len(found) == len(due)
    for one, other in zip(found, due, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


def sums(rows):
    return np.array([row.sum() for row in rows])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = np.array(["high", "low", "mid"])[np.arange(40) % 3]
    means = {"high": 1.0, "low": -1.0, "mid": 0.0}
    return [rng.normal(means[label], 0.3, size=(rng.integers(1, 12), 3)) for label in y], y


@pytest.fixture(scope="module")
def classifier(data):
    return LSTMClassifier(hidden_size=8, max_epochs=15, random_state=0).fit(*data)


# Gates and hidden states.


@pytest.mark.parametrize("backend", ["torch", "reference"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gates_follow_the_equations_and_are_those_of_the_core(data, backend, dtype):
    X, y = data
    params = {**SMALL, "backend": backend, "dtype": dtype, "num_layers": 2}
    model = LSTMClassifier(**params).fit(X, y)
    states = model.hidden_states(X)
    assert [state.shape for state in states] == [(len(row), 16) for row in X]
    for direction, half in (("forward", slice(0, 8)), ("backward", slice(8, 16))):
        gates = model.gates(X, direction=direction)
        assert list(gates) == ["i", "f", "o", "g", "c", "h"]
        assert_close(gates["h"], [state[:, half] for state in states])
        for i, f, o, g, c, h in zip(*gates.values(), strict=True):
            assert ((i >= 0) & (i <= 1) & (f >= 0) & (f <= 1)).all()
            steps = slice(None) if direction == "forward" else slice(None, None, -1)
            before = np.vstack([np.zeros((1, 8)), c[steps][:-1]])[steps]
            np.testing.assert_allclose(c, f * before + i * g, atol=1e-6)
            np.testing.assert_allclose(h, o * np.tanh(c), atol=1e-6)
    first = model.gates(X, layer=0)
    assert_close(model.gates(X, layer=-2)["f"], first["f"], atol=0)


def test_gates_of_a_gru_follow_its_equations(data):
    X, y = data
    model = LSTMClassifier(**SMALL, backend="gru").fit(X, y)
    for r, z, n, h in zip(*model.gates(X).values(), strict=True):
        before = np.vstack([np.zeros((1, 8)), h[:-1]])
        np.testing.assert_allclose(h, (1 - z) * n + z * before, atol=1e-6)
        assert ((r >= 0) & (r <= 1)).all()


def test_what_has_no_gates_says_why(data):
    X, y = data
    model = LSTMClassifier(**SMALL, backend="rnn", bidirectional=False).fit(X, y)
    with pytest.raises(InvalidParameterError, match="A RNN has no gates"):
        model.gates(X)
    assert model.hidden_states(X)[0].shape == (len(X[0]), 8)
    for other in sorted({*names_for_vectors()} - {"torch", "reference", "gru", "rnn"}):
        model = LSTMClassifier(**{**SMALL, "max_epochs": 1}, backend=other).fit(X[:8], y[:8])
        with pytest.raises(InvalidParameterError, match=r"gates of a .* are not known"):
            model.gates(X)
        assert len(model.hidden_states(X)) == len(X)


def test_weights_with_known_names_and_other_equations_are_refused(data, classifier):
    class Flipped(nn.LSTM):
        def forward(self, x, state=None):
            outputs, state = super().forward(x, state)
            return 1 - outputs, state

    X, _ = data
    model = pickle.loads(pickle.dumps(classifier))
    for layer in model.net_.module_.encoder.core.layers:
        layer.__class__ = Flipped
    with pytest.raises(InvalidParameterError, match="computes something else"):
        model.gates(X)


def test_layers_and_directions_that_are_not_there_are_named(data):
    model = LSTMClassifier(**SMALL, bidirectional=False).fit(*data)
    for layer in (1, -2):
        with pytest.raises(InvalidParameterError, match=f"layer={layer}, but .* 1 layer: "):
            model.gates(data[0], layer=layer)
    with pytest.raises(InvalidParameterError, match="reads in one direction"):
        model.gates(data[0], direction="backward")
    with pytest.raises(InvalidParameterError, match="did you mean 'backward'"):
        model.gates(data[0], direction="backwards")
    with pytest.raises(InvalidParameterError, match="layer of gates must be an int"):
        model.gates(data[0], layer=0.5)


def test_tagger_and_encoder_show_their_states():
    tagger = BiLSTMTagger(**SMALL).fit(WORDS, [[word[0] for word in row] for row in WORDS])
    states = tagger.hidden_states([["good"], [], ["a", "film"]])
    assert [state.shape for state in states] == [(1, 16), (0, 16), (2, 16)]
    assert tagger.gates([["a", "film"]])["f"][0].shape == (2, 8)
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in (3, 5, 4, 6)]
    encoder = SequenceEncoder(**SMALL, readout="last").fit(X)
    last = np.stack([state[-1] for state in encoder.hidden_states(X)])
    np.testing.assert_allclose(last, encoder.transform(X), atol=1e-6)
    language = LSTMLanguageModel(hidden_size=8, max_epochs=1).fit(["some text"] * 8)
    of_texts = SequenceEncoder(FrozenEstimator(language), readout="last").fit(["some text"])
    with pytest.raises(InvalidParameterError, match="LSTMLanguageModel reads texts in pieces"):
        of_texts.hidden_states(["some text"])


def test_attention_is_what_the_readout_weighs_by(data, classifier):
    X, y = data
    model = LSTMClassifier(**SMALL, readout="attention").fit(X, y)
    weights = model.attention(X)
    np.testing.assert_allclose(sums(weights), 1, atol=1e-6)
    states = model.hidden_states(X)
    vectors = np.stack([w @ state for w, state in zip(weights, states, strict=True)])
    linear = model.net_.module_.head.linear
    scores = vectors @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    np.testing.assert_allclose(scores, model.decision_function(X), atol=1e-5)
    with pytest.raises(InvalidParameterError, match="fitted with another readout"):
        classifier.attention(X)


# Attributions.


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "gru", "rnn", "reference", *PLUGINS])
def test_integrated_gradients_are_complete(data, backend):
    X, y = data
    model = LSTMClassifier(**{**SMALL, "max_epochs": 8}, backend=backend).fit(X, y)
    X = X[:12]
    before, after = model.decision_function(at_baseline(model, X)), model.decision_function(X)
    for label in (None, "high"):
        code = after.argmax(1) if label is None else 0
        due = (after - before)[np.arange(len(X)), code]
        found = sums(model.attribute(X, target=label, n_steps=64))
        assert (np.abs(found - due) <= 0.01 * np.maximum(np.abs(due), 0.1)).all()


def test_two_classes_several_labels_and_numbers_are_complete(data):
    X, y = data
    binary = LSTMClassifier(**SMALL).fit(X, y == "high")
    due = binary.decision_function(X) - binary.decision_function(at_baseline(binary, X))
    np.testing.assert_allclose(sums(binary.attribute(X, target=True, n_steps=64)), due, atol=1e-2)
    assert_close(
        binary.attribute(X, target=True), [-row for row in binary.attribute(X, target=False)]
    )
    several = LSTMClassifier(**SMALL).fit(X, np.stack([y == "high", y != "low"], axis=1))
    due = several.decision_function(X) - several.decision_function(at_baseline(several, X))
    found = sums(several.attribute(X, target=1, n_steps=64))
    np.testing.assert_allclose(found, due[:, 1], atol=1e-2)
    numbers = np.stack([sums(X), 100 * sums(X)], axis=1)
    regressor = LSTMRegressor(**SMALL).fit(X, numbers)
    due = regressor.predict(X) - regressor.predict(at_baseline(regressor, X))
    found = sums(regressor.attribute(X, target=1, n_steps=64))
    np.testing.assert_allclose(found, due[:, 1], atol=1e-2 * np.abs(numbers).max())
    with pytest.raises(InvalidParameterError, match="column of y to explain, from 0 to 1"):
        regressor.attribute(X)


def test_a_way_that_is_steep_in_one_place_gets_more_points_there():
    from seqlearn.training.integrated_gradients import integrated_gradients

    calls = []

    def score(values, rows):
        calls.append(len(values))
        return (200 * (values.sum(dim=(1, 2)) - 2 + rows)).tanh()

    values = torch.rand(3, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    base, unit = torch.zeros_like(values), torch.ones(3)
    found = integrated_gradients(score, values, base, unit, n_steps=8, at_once=5)
    rows = torch.arange(3)
    due = score(values, rows) - score(base, rows)
    torch.testing.assert_close(found.sum(dim=(1, 2)), due, rtol=0.01, atol=1e-4)
    share = values / values.sum(dim=(1, 2), keepdim=True)  # the score hangs on the sum alone
    torch.testing.assert_close(found, share * due[:, None, None], rtol=0.02, atol=1e-4)
    assert max(calls) <= 8
    flat = integrated_gradients(lambda v, r: v.sum(dim=(1, 2)), values, base, unit,
                                n_steps=1, at_once=99)  # fmt: skip
    torch.testing.assert_close(flat, values)


@pytest.mark.parametrize("method", METHODS)
def test_batch_mates_and_their_order_change_nothing(data, classifier, method):
    X, _ = data
    together = classifier.attribute(X, method)
    assert [row.shape for row in together] == [row.shape for row in X]
    assert_close([classifier.attribute([row], method)[0] for row in X[:8]], together[:8])
    assert_close(classifier.attribute(X[::-1], method)[::-1], together)
    assert_close(classifier.attribute(seqlearn.to_sequences(X), method), together, atol=0)


def test_padding_gets_no_attribution(data, classifier):
    from seqlearn.training.integrated_gradients import gradient

    net, X = classifier.net_, data[0]
    x = torch.randn(2, 6, 3)
    lengths = torch.tensor([6, 2])
    found = gradient(lambda v, rows: net.module_(v, lengths)[:, 0], x, torch.arange(2))
    assert (found[1, 2:] == 0).all() and (found[1, :2] != 0).all()
    assert all(np.isfinite(row).all() for row in classifier.attribute(X, "occlusion"))


def test_the_estimator_is_left_as_it_was(data):
    X, y = data
    model = LSTMClassifier(**SMALL, dropout=0.5, num_layers=2).fit(X, y)
    module = model.net_.module_
    before = {name: value.clone() for name, value in module.state_dict().items()}
    due = model.attribute(X[:4])
    proba = model.predict_proba(X)
    module.train()
    module.head.eval()
    modes = [part.training for part in module.modules()]
    assert_close(model.attribute(X[:4]), due)
    model.gates(X[:4])
    assert [part.training for part in module.modules()] == modes
    after = module.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    grads = [p.grad is None or not p.grad.any() for p in module.parameters()]
    with torch.inference_mode():
        assert_close(model.attribute(X[:4]), due)
    with torch.no_grad():
        assert_close(model.attribute(X[:4]), due)
    module.eval()
    assert grads == [p.grad is None or not p.grad.any() for p in module.parameters()]
    assert np.array_equal(model.predict_proba(X), proba)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("readout", ["last", "max"])
def test_captum_says_the_same(data, method, readout):
    captum = pytest.importorskip("captum.attr")
    X, y = data
    params = {**SMALL, "max_epochs": 10, "readout": readout, "dtype": "float64"}
    model = LSTMClassifier(**params).fit(X, y)
    module, mean = model.net_.module_.eval(), torch.tensor(model._record.mean_step)
    codes = model.decision_function(X).argmax(1)
    ours, compared = model.attribute(X, method, n_steps=64), 0
    for row, code, own in list(zip(X, codes, ours, strict=True))[:12]:
        x = torch.tensor(row)[None].requires_grad_()
        base = mean.expand_as(x).contiguous()
        if method == "integrated_gradients":
            explainer = captum.IntegratedGradients(module)
            due = explainer.attribute(x, base, target=int(code), n_steps=64)
            change = (module(x) - module(base))[0, code]
            if abs(due.sum() - change) > 0.01 * abs(change):
                continue  # captum would need more points here; ours had them
            compared += 1
        elif method == "saliency":
            due = captum.Saliency(module).attribute(x, target=int(code))
        else:
            due = captum.FeatureAblation(module).attribute(x, base, target=int(code))
        np.testing.assert_allclose(own, due[0].detach().numpy(), atol=1e-4)
    assert compared >= 5 or method != "integrated_gradients"


def test_permuting_the_classes_permutes_the_attributions(data):
    X, y = data
    names = {"high": "c", "low": "a", "mid": "b"}
    one = LSTMClassifier(**SMALL).fit(X, y)
    other = LSTMClassifier(**SMALL).fit(X, y)
    record = other._learned
    object.__setattr__(record.targets, "classes", np.array([names[c] for c in one.classes_]))
    for label, name in names.items():
        assert_close(one.attribute(X, target=label), other.attribute(X, target=name), atol=0)
    mixed = one.attribute(X, target=list(y))
    by_label = {label: one.attribute(X, target=label) for label in names}
    assert_close(mixed, [by_label[label][i] for i, label in enumerate(y)])


@pytest.mark.slow
def test_a_planted_event_is_found():
    rng = np.random.default_rng(0)

    def planted(n):
        X = [rng.normal(size=(rng.integers(10, 30), 3)) for _ in range(n)]
        y, places = np.arange(n) % 2, np.array([rng.integers(len(row)) for row in X])
        for row, label, place in zip(X, y, places, strict=True):
            row[place, 1] = 5.0 if label else -5.0
        return X, y, places

    model = LSTMClassifier(hidden_size=16, max_epochs=10, random_state=0).fit(*planted(300)[:2])
    X, y, places = planted(200)
    assert model.score(X, y) > 0.95
    for method in ("integrated_gradients", "occlusion"):
        found = model.attribute(X, method)
        first = [np.unravel_index(row.argmax(), row.shape) for row in found]
        right = [at == (place, 1) for at, place in zip(first, places, strict=True)]
        assert np.mean(right) >= 0.95


@pytest.mark.slow
def test_the_marked_steps_of_the_adding_problem_hold_the_mass():
    X, y = make_adding_problem(3200, 30, random_state=0)
    params = {"bidirectional": False, "dropout": 0.0, "readout": "last", "random_state": 0}
    model = LSTMRegressor(hidden_size=32, max_epochs=12, batch_size=32, **params).fit(X, y)
    X, _ = make_adding_problem(100, 30, random_state=1)
    mass = np.abs(np.stack(model.attribute(X, baseline=[0.5, 0.0], n_steps=64))).sum(-1)
    share = (mass * (X[..., 1] == 1)).sum(1) / mass.sum(1)
    assert share.min() >= 0.9 or share.mean() >= 0.94, share


def test_words_have_one_number_each():
    model = LSTMClassifier(hidden_size=8, max_epochs=20, random_state=0).fit(WORDS, SIDES)
    texts = [["bad", "film"], [], ["good", "never-seen"]]
    for method in METHODS:
        found = model.attribute(texts, method)
        assert [row.shape for row in found] == [(2,), (0,), (2,)]
        assert_close([model.attribute([row], method)[0] for row in texts], found)
    found = model.attribute([["bad", "film"]], "occlusion", target="-")[0]
    assert found[0] > abs(found[1])
    with pytest.raises(InvalidParameterError, match="X holds no numbers"):
        model.attribute(texts, baseline=[0.0])
    bags = [[{word: 1.0} for word in row] for row in WORDS]
    of_bags = LSTMClassifier(**SMALL).fit(bags, SIDES)
    assert [row.shape for row in of_bags.attribute(bags[:2])] == [(3,), (1,)]


def test_the_mean_step_is_that_of_the_rows_trained_on(data):
    X, y = data
    weights = np.arange(len(X)) % 3
    model = LSTMClassifier(**SMALL).fit(X, y, sample_weight=weights)
    of_step = np.repeat(weights, list(map(len, X)))
    due = np.average(np.concatenate(X), axis=0, weights=of_step)
    np.testing.assert_allclose(model._record.mean_step, due, atol=1e-6)
    repeated = [row for row, weight in zip(X, weights, strict=True) for _ in range(weight)]
    again = LSTMClassifier(**SMALL).fit(repeated, np.repeat(y, weights))
    np.testing.assert_allclose(again._record.mean_step, due, atol=1e-6)
    assert_close(pickle.loads(pickle.dumps(model)).attribute(X), model.attribute(X), atol=0)


@pytest.mark.parametrize("time_column", [None, 0])
def test_series_with_gaps_have_a_number_for_each_feature(time_column):
    """The label is the last feature's value, or whether it was observed at all."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 6, 3)), np.arange(60) % 2
    X[..., 0] = np.abs(X[..., 0]).cumsum(axis=1)
    X[rng.random(X.shape) < 0.3 * (np.arange(3) > 0)] = np.nan
    by_value, by_gap = X.copy(), X.copy()
    by_value[..., 2] = np.where(y == 1, 2.0, -2.0)[:, None]
    by_gap[y == 1, :, 2] = np.nan
    for rows in (by_value, by_gap):
        model = LSTMClassifier(
            hidden_size=8, max_epochs=15, random_state=0, missing="mask", time_column=time_column
        ).fit(rows, y)
        odds = model.decision_function(rows)
        for method in METHODS:
            found = np.stack(model.attribute(rows, method, target=1))
            assert found.shape == rows.shape and np.isfinite(found).all()
            assert np.abs(found).mean(axis=(0, 1)).argmax() == 2
            if method == "integrated_gradients":  # all begin at one baseline
                rest = odds - found.sum(axis=(1, 2))
                assert np.ptp(rest) < 0.02 * np.ptp(odds)
    with pytest.raises(InvalidParameterError, match="is not accepted: give 'mean', 'zero'"):
        model.attribute(X, baseline=np.zeros(3))


def test_baselines_of_ones_own(data, classifier):
    X, _ = data
    mean = classifier._record.mean_step
    assert_close(classifier.attribute(X, baseline=mean), classifier.attribute(X))
    zeros = classifier.attribute(X, baseline=np.zeros(3))
    assert_close(classifier.attribute(X, baseline="zero"), zeros)
    one = classifier.attribute([X[0]], baseline=X[0])
    assert np.abs(one[0]).max() == 0
    series = np.stack([np.sin(np.arange(8) + i) for i in range(12)])
    model = LSTMClassifier(**SMALL).fit(series, np.arange(12) % 2)
    assert model.attribute(series, baseline=series[0])[0].shape == (8, 1)
    assert np.abs(model.attribute(series, baseline=series[0])[0]).max() == 0
    for wrong in ("means", [1.0], np.zeros((2, 3)), [np.nan] * 3, None, [["a"]]):
        with pytest.raises(InvalidParameterError, match="is not accepted: give 'mean', 'zero'"):
            classifier.attribute(X, baseline=wrong)


def test_what_is_wrong_is_named(data, classifier):
    X, _ = data
    with pytest.raises(InvalidParameterError, match="did you mean 'saliency'"):
        classifier.attribute(X, "saliancy")
    with pytest.raises(InvalidParameterError, match="n_steps of attribute must be an int >= 1"):
        classifier.attribute(X, n_steps=0)
    with pytest.raises(InvalidParameterError, match="'hihg' is not among the classes"):
        classifier.attribute(X, target="hihg")
    with pytest.raises(InvalidParameterError, match="target has 2 entries, and X 40"):
        classifier.attribute(X, target=["high", "low"])
    with pytest.raises(InvalidParameterError, match="target has shape"):
        classifier.attribute(X, target=[["high"]])
    with pytest.raises(DataFormatError):
        classifier.attribute([np.full((3, 3), np.nan)])
    with pytest.raises(DataFormatError):
        classifier.attribute([np.zeros((3, 2))])
    for call in ("attribute", "gates", "hidden_states", "attention"):
        with pytest.raises(NotFittedError):
            getattr(LSTMClassifier(), call)(X)


@settings(max_examples=15)
@given(st.integers(1, 9), st.integers(1, 5), st.sampled_from(METHODS))
def test_any_number_of_steps_and_rows(classifier, n_steps, n_rows, method):
    X = [np.random.default_rng(i).normal(size=(n_steps + i, 3)).tolist() for i in range(n_rows)]
    found = classifier.attribute(X, method, n_steps=n_steps)
    assert [row.shape for row in found] == [np.shape(row) for row in X]


# Pipelines.


def test_pipelines_are_explained_in_what_their_last_step_reads(data):
    X, y = data
    pipe = make_pipeline(SequenceScaler(), LSTMClassifier(**SMALL)).fit(X, y)
    due = pipe[-1].attribute(pipe[0].transform(X), "occlusion")
    assert_close(seqlearn.attribute(pipe, X, "occlusion"), due, atol=0)
    nested = make_pipeline("passthrough", pipe)
    assert_close(seqlearn.attribute(nested, X, "occlusion"), due, atol=0)
    assert_close(seqlearn.attribute(pipe[-1], X), pipe[-1].attribute(X), atol=0)
    texts = [" ".join(row) for row in WORDS]
    of_texts = make_pipeline(Tokenizer(), LSTMClassifier(**SMALL)).fit(texts, SIDES)
    assert seqlearn.attribute(of_texts, ["a bad film"])[0].shape == (3,)
    search = GridSearchCV(LSTMClassifier(**SMALL), {"lr": [0.1]}, cv=2).fit(X, y)
    with pytest.raises(InvalidParameterError, match="best_estimator_"):
        seqlearn.attribute(search, X)
    with pytest.raises(InvalidParameterError, match="SequenceScaler has no 'attribute'"):
        seqlearn.attribute(make_pipeline(SequenceScaler()).fit(X), X)


@pytest.mark.gpu
def test_cuda_says_what_the_cpu_says(data):
    X, y = data
    params = {**SMALL, "dropout": 0.5, "num_layers": 2}
    on_cpu = LSTMClassifier(**params, device="cpu").fit(X, y)
    on_card = LSTMClassifier(**params, device="cuda").fit(X, y)
    on_card.net_.module_.load_state_dict(on_cpu.net_.module_.state_dict())
    object.__setattr__(on_card._learned, "mean_step", on_cpu._record.mean_step)
    for method in METHODS:
        assert_close(on_card.attribute(X, method), on_cpu.attribute(X, method), atol=1e-4)
    assert_close(on_card.gates(X)["f"], on_cpu.gates(X)["f"], atol=1e-4)
    assert torch.backends.cudnn.enabled
