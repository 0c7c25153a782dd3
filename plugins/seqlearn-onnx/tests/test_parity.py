"""The graph's answers are the model's: cells, depth, readouts, heads, inputs, shapes."""

import copy
import warnings

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seqlearn_onnx import OnnxEstimator, to_onnx
from sklearn.pipeline import Pipeline, make_pipeline

from seqlearn import (
    BiLSTMTagger,
    LSTMClassifier,
    LSTMRegressor,
    SequenceEncoder,
    Words,
    to_sequences,
)
from seqlearn.backends.torch_rnn import TorchRNN
from seqlearn.preprocessing import SequenceScaler
from seqlearn.registry import available_backends

SMALL = {"hidden_size": 6, "max_epochs": 1, "random_state": 0}
READOUTS = ("last", "mean", "max", "attention")
SHAPES = [(n, t) for n in (1, 7, 64) for t in (1, 5, 200)]
TRACED = ("awd", "lstmfcn", "lstmfcn-shuffle", "alstmfcn-shuffle")
WORDS = "the cat sat on a mat not dog".split()


def ragged(n, most=9, seed=0, width=3):
    """Rows (T_i, F) of 1 to T steps, the last one of T."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, most + 1, n)
    lengths[-1] = most
    return [rng.normal(size=(length, width)) for length in lengths]


def sentences(n, seed=0):
    rng = np.random.default_rng(seed)
    return [[WORDS[i] for i in rng.integers(0, 8, length)] for length in rng.integers(1, 9, n)]


def labels(n, known=("a", "bb", "c")):
    return np.resize(np.array(known), n)


def exported(model, path):
    to_onnx(model, path)
    return OnnxEstimator(path)


def assert_same_classes(found, model, X):
    np.testing.assert_allclose(found.predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-5)
    due = model.predict(X)
    assert found.predict(X).dtype == due.dtype
    np.testing.assert_array_equal(found.predict(X), due)
    due = model.decision_function(X)
    np.testing.assert_allclose(found.decision_function(X), due, rtol=1e-5, atol=1e-5)


# Cores and readouts.


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize(("bidirectional", "num_layers"), [(False, 1), (True, 2)])
@pytest.mark.parametrize("backend", ["torch", "gru", "rnn", TorchRNN("relu")], ids=str)
def test_cores_and_readouts(fit, path, backend, bidirectional, num_layers, readout):
    shape = {"bidirectional": bidirectional, "num_layers": num_layers, "readout": readout}
    model = fit(LSTMClassifier(backend=backend, **shape, **SMALL), ragged(12), labels(12))
    found = exported(model, path)
    for n, most in SHAPES if readout == "max" else [(1, 1), (1, 200), (7, 5), (64, 5)]:
        assert_same_classes(found, model, ragged(n, most, seed=1))
    full = np.random.default_rng(2).normal(size=(7, 5, 3))
    assert_same_classes(found, model, full)
    assert_same_classes(found, model, full[:1].astype(np.float32))


@pytest.mark.parametrize("backend", [*TRACED, "reference"])
def test_further_backends(path, backend):
    if backend not in available_backends():
        pytest.skip(f"there is no backend {backend!r}")
    model = LSTMClassifier(backend=backend, **SMALL)
    found = exported(model.fit(ragged(12), labels(12, (3, 5))), path)
    for n, most in [(1, 1), (7, 5), (3, 200)]:
        assert_same_classes(found, model, ragged(n, most, seed=1))


def test_it_needs_no_more_than_opset_18(fit, path):
    exported(fit(LSTMClassifier(readout="attention", **SMALL), ragged(12), labels(12)), path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 18)]
    assert {"LSTM", "Softmax"} <= {node.op_type for node in model.graph.node}


def test_padding_may_be_anything(fit, path):
    model = fit(LSTMClassifier(readout="attention", num_layers=2, **SMALL), ragged(12), labels(12))
    to_onnx(model, path)
    session = onnxruntime.InferenceSession(path)
    X, lengths = np.ones((2, 6, 3), np.float32), np.array([6, 2])
    due = session.run(None, {"X": X, "lengths": lengths})
    for anything in (0.0, -1e9):
        X[1, 2:] = anything
        for one, was in zip(session.run(None, {"X": X, "lengths": lengths}), due, strict=True):
            np.testing.assert_array_equal(one, was)


# Heads and what they say.


@pytest.mark.parametrize(
    ("known", "in_file"),
    [
        (("no", "yes", "späť"), ["no", "yes", "späť"]),
        ((-3, 10**12), [-3, 10**12]),
        ((False, True), [False, True]),
        (np.array(["2020-01-02", "2021-03-04"], "M8[D]"), ["2020-01-02", "2021-03-04"]),
    ],
    ids=["text", "numbers", "bools", "dates"],
)
def test_labels(fit, path, known, in_file):
    X = ragged(12)
    model = fit(LSTMClassifier(**SMALL), X, labels(12, known))
    found = exported(model, path)
    assert_same_classes(found, model, X)
    np.testing.assert_array_equal(found.classes_, model.classes_)
    session = onnxruntime.InferenceSession(path)
    feed = {"X": X[0][None].astype(np.float32), "lengths": np.array([len(X[0])])}
    (label,) = session.run(["labels"], feed)[0].tolist()
    assert (
        label
        == dict(zip(model.classes_.tolist(), sorted(in_file), strict=True))[
            model.predict(X[:1])[0].item()
        ]
    )


def test_several_labels(fit, path):
    X, y = ragged(12), np.eye(4, dtype=int)[np.arange(12) % 4]
    model = fit(LSTMClassifier(**SMALL), X, y)
    found = exported(model, path)
    assert_same_classes(found, model, X)
    assert found.score(X, y) == model.score(X, y)


@pytest.mark.parametrize("width", [(), (2,)])
def test_numbers(fit, path, width):
    X = ragged(12)
    y = np.random.default_rng(0).normal(1e6, 1e3, size=(12, *width))
    model = fit(LSTMRegressor(readout="mean", **SMALL), X, y)
    found = exported(model, path)
    np.testing.assert_allclose(found.predict(X), model.predict(X), rtol=0, atol=1e-5 * 1e3)
    assert found.predict(X).shape == y.shape
    np.testing.assert_allclose(found.score(X, y), model.score(X, y), rtol=0, atol=1e-6)


@pytest.mark.parametrize("backend", ["torch", "gru"])
def test_tagger(fit, path, backend):
    X = ragged(12)
    y = [labels(len(row)) for row in X]
    model = fit(BiLSTMTagger(decoder="softmax", backend=backend, **SMALL), X, y)
    found = exported(model, path)
    for rows in (ragged(64, 30, seed=1), [np.zeros((0, 3)), *X, np.zeros((0, 3))], X[:1], []):
        due = model.predict(rows)
        assert found.predict(rows).dtype == due.dtype and len(due) == len(rows)
        for one, true in zip(found.predict(rows), due, strict=True):
            np.testing.assert_array_equal(one, true)
        pairs = zip(found.predict_marginals(rows), model.predict_marginals(rows), strict=True)
        for one, true in pairs:
            np.testing.assert_allclose(one, true, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(
        found.predict(np.ones((2, 4, 3))), model.predict(np.ones((2, 4, 3)))
    )
    assert found.score(X, y) == model.score(X, y)


@pytest.mark.parametrize("inner", [None, LSTMClassifier(readout="mean", **SMALL)], ids=str)
def test_encoder(path, inner):
    X = ragged(12)
    model = SequenceEncoder(inner, readout="attention", **SMALL).fit(X, labels(12))
    found = exported(model, path)
    np.testing.assert_allclose(found.transform(X), model.transform(X), rtol=0, atol=1e-5)
    assert not hasattr(found, "predict") and not hasattr(found, "classes_")


# Inputs.


@pytest.mark.parametrize("method", ["standard", "minmax", "robust"])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_scalers_are_exact_far_from_zero(fit, path, method, clip):
    X = [row * 0.01 + 1e7 for row in ragged(12)]  # float32 holds no digit of it behind the point
    scaler = SequenceScaler(method=method, clip=clip, columns=[0, 2])
    model = fit(make_pipeline(scaler, SequenceScaler(), LSTMClassifier(**SMALL)), X, labels(12))
    found = exported(model, path)
    assert_same_classes(found, model, X)
    assert_same_classes(found, model, [X[0]])


def test_nested_pipelines_and_steps_that_do_nothing(fit, path):
    X = ragged(12)
    inner = Pipeline([("nothing", "passthrough"), ("scale", SequenceScaler())])
    model = make_pipeline(inner, None, LSTMClassifier(**SMALL)).fit(X, labels(12))
    assert_same_classes(exported(model, path), model, X)


@pytest.mark.parametrize("with_scaler", [False, True])
def test_series(fit, path, with_scaler):
    X = np.random.default_rng(0).normal(size=(12, 7))
    model = LSTMClassifier(**SMALL)
    if with_scaler:
        model = make_pipeline(SequenceScaler(), model)
    fit(model, X, labels(12))
    found = exported(model, path)
    assert found.input_kind_ == "series" and found.n_features_in_ == 7
    for same in (
        X,
        X.tolist(),
        X.astype(np.float32),
        X[:1],
        pd.DataFrame(X).set_axis(range(7), axis=1),
    ):
        assert_same_classes(found, model, same)


def test_words(fit, path):
    X = sentences(20)
    reading = Words(lowercase=True, min_frequency=2)
    model = fit(LSTMClassifier(words=reading, **SMALL), X, labels(20))
    found = exported(model, path)
    assert found.input_kind_ == "tokens" and not hasattr(found, "n_features_in_")
    assert_same_classes(found, model, [*X, ["THE", "unheard-of"], [], ["Dog"]])


def test_words_with_given_vectors(fit, path):
    rng = np.random.default_rng(0)
    given = {word: rng.normal(size=5) for word in [*WORDS, "never", "seen"]}
    model = BiLSTMTagger(decoder="softmax", words=Words(vectors=given, characters=None), **SMALL)
    X = sentences(20)
    fit(model, X, [labels(len(row)) for row in X])
    found = exported(model, path)
    for one, true in zip(
        found.predict([["Never", "seen", "x"], []]),
        model.predict([["Never", "seen", "x"], []]),
        strict=True,
    ):
        np.testing.assert_array_equal(one, true)


@pytest.fixture(scope="module")
def pair(fit, tmp_path_factory):
    model = fit(LSTMClassifier(**SMALL), ragged(12), labels(12))
    return model, exported(model, tmp_path_factory.mktemp("pair") / "model.onnx")


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    dtype=st.sampled_from(["f2", "f4", "f8", "i4", "u1", "?"]),
    form=st.sampled_from([list, to_sequences, np.array, "lists", "tensors", "objects"]),
    seed=st.integers(0, 9),
)
def test_x_is_read_as_the_estimator_reads_it(pair, lengths, dtype, form, seed):
    model, found = pair
    rng = np.random.default_rng(seed)
    if form is np.array:
        lengths = [lengths[0]] * len(lengths)
    X = [(rng.normal(size=(length, 3)) * 3).astype(dtype) for length in lengths]
    if form == "lists":
        X = [row.tolist() for row in X]
    elif form == "tensors":
        X = [torch.as_tensor(row) for row in X]
    elif form == "objects":
        rows, X = X, np.empty(len(X), object)
        X[:] = rows
    else:
        X = form(X)
    assert_same_classes(found, model, X)


def test_names_of_columns(fit, path):
    rng = np.random.default_rng(0)
    X = [pd.DataFrame(rng.normal(size=(n, 2)), columns=["x", "y"]) for n in (3, 5, 4, 6)]
    model = fit(LSTMClassifier(**SMALL), X, labels(4))
    found = exported(model, path)
    np.testing.assert_array_equal(found.feature_names_in_, ["x", "y"])
    assert_same_classes(found, model, X)
    with pytest.warns(UserWarning, match="OnnxEstimator was fitted with feature names"):
        found.predict([np.zeros((2, 2))])
    with pytest.raises(ValueError, match="same order"):
        found.predict([frame[["y", "x"]] for frame in X])


def test_many_rows_run_in_batches(pair, monkeypatch):
    model, found = pair
    monkeypatch.setattr("seqlearn_onnx.reading.MOST_VALUES", 40)
    assert_same_classes(found, model, ragged(30, 8, seed=3))


# torch's own way to keep a network.


@pytest.mark.parametrize("backend", ["torch", "gru", "rnn"])
def test_the_network_survives_torch_export(fit, backend):
    """For the rows and steps that it was exported with; lengths may be any.

    Another number of rows or steps is refused by torch: nn.LSTM and its like are taken for one of
    a fixed number of steps, and rows are filled up to blocks of a fixed number.
    """
    model = fit(LSTMClassifier(backend=backend, **SMALL), ragged(12), labels(12))
    network = copy.deepcopy(model.net_.module_).eval().requires_grad_(False)
    x, lengths = torch.randn(5, 6, 3), torch.tensor([6, 3, 2, 5, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what torch's own layers do with their weights
        kept = torch.export.export(network, (x, lengths), strict=False).module()
        again, others = torch.randn(5, 6, 3), torch.tensor([2, 6, 1, 4, 6])
        torch.testing.assert_close(kept(x, lengths), network(x, lengths), rtol=0, atol=1e-6)
        torch.testing.assert_close(kept(again, others), network(again, others), rtol=0, atol=1e-6)
        with pytest.raises(Exception, match=r"size|shape|[Gg]uard|Expected"):
            kept(torch.randn(5, 7, 3), others)
