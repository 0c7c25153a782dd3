"""Bad input gets an error that says what to do, and the estimator stays as it was."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMRegressor, SequenceEncoder
from seqlearn.errors import DataFormatError, SeqlearnError

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
Y = ["a", "b", "a"]


def sequences(*lengths, features=2):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(length, features)) for length in lengths]


def with_value(value, sequence=1, step=2):
    X = sequences(3, 4, 5)
    X[sequence][step, 0] = value
    return X


BAD_X = {
    "empty list": ([], "0 sample"),
    "empty array": (np.empty((0, 3)), "0 sample"),
    "no steps": (sequences(3, 0, 2), "Sequence 1 of X is empty"),
    "several without steps": (sequences(0, 0, 2), "Sequences 0 and 1 of X are empty"),
    "no features": (np.empty((3, 4, 0)), "at least one step and one feature"),
    "NaN": (with_value(np.nan), "NaN: sequence 1 at step 2"),
    "infinity": (with_value(np.inf), "infinity.*sequence 1 at step 2"),
    "too large for float32": (with_value(1e300), "too large for dtype"),
    "features differ": (
        [*sequences(3, 4), *sequences(2, features=5)],
        "most have 2, but sequence 2 has 5",
    ),
    "words for numbers": (
        [[["1.0", "good"]], [["2.0", "bad"]], [["0.5", "so so"]]],
        "Sequence 0 of X does not hold numbers",
    ),
    "a number among words": ([["good", 1.0], ["bad"], ["so"]], "equence 0 of X"),
    "strings": (["good film", "bad", "so so"], "Sequence 0 of X.*'good film'"),
    "sparse": (scipy.sparse.eye(3).tocsr(), "[Ss]parse"),
    "sparse sequences": ([scipy.sparse.eye(3).tocsr()] * 3, "Sequence 0 of X is a sparse matrix"),
    "complex": (np.ones((3, 4, 2), dtype=complex), "Complex data not supported"),
    "complex sequences": ([np.ones((3, 2), dtype=complex)] * 3, "Complex data not supported"),
    "one dimension": (np.arange(3.0), "Expected 2D array, got 1D array"),
    "six dimensions": (np.zeros((3, 4, 2, 2, 2, 2)), r"6D array.*shape \(3, 4, 2, 2, 2, 2\)"),
    "nested tensor": (
        torch.nested.nested_tensor([torch.zeros(2, 2)] * 3, layout=torch.jagged),
        "nested tensor.*unbind",
    ),
    "NaN padding": (
        np.array([[[1.0], [2.0], [np.nan]], [[1.0], [2.0], [3.0]], [[1.0], [np.nan], [np.nan]]]),
        r"like padding.*to_sequences\(X, padding=np.nan\)",
    ),
    "MultiIndex": (
        pd.DataFrame({"v": [1.0, 2.0]}, index=pd.MultiIndex.from_tuples([(0, 0), (0, 1)])),
        r"MultiIndex.*to_sequences",
    ),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor, SequenceEncoder])
@pytest.mark.parametrize("name", BAD_X)
def test_bad_X_in_fit(Estimator, name):
    X, message = BAD_X[name]
    model = Estimator(**SMALL)
    with pytest.raises(
        ValueError if name not in ("sparse",) else (TypeError, ValueError), match=message
    ):
        model.fit(X, [0, 1, 0])
    assert set(vars(model)) == set(model.get_params())


@pytest.mark.parametrize("name", [n for n in BAD_X if n not in ("empty list", "nested tensor")])
def test_bad_X_in_predict_and_in_a_second_fit(name):
    X, message = BAD_X[name]
    model = LSTMClassifier(**SMALL).fit(sequences(3, 4, 5), Y)
    before = vars(model).copy()
    with pytest.raises((TypeError, ValueError), match=message):
        model.predict(X)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(X, Y)
    assert vars(model) == before
    assert len(model.predict(sequences(2, 9))) == 2


@pytest.mark.parametrize(
    ("fitted", "given", "message"),
    [
        (sequences(3, 4, 5), sequences(3, features=3), "X has 3 features.*expecting 2 features"),
        (np.zeros((3, 4, 2)), np.zeros((3, 4)), "X is a 2-D array.*3-D or a list"),
        (np.zeros((3, 4)), np.zeros((3, 4, 1)), "X is 3-D or a list.*2-D array"),
        (np.zeros((3, 4)), np.zeros((3, 5)), "X has 5 features.*expecting 4 features"),
    ],
)
def test_another_kind_of_X_in_predict(fitted, given, message):
    model = LSTMClassifier(**SMALL).fit(fitted, Y)
    with pytest.raises(ValueError, match=message):
        model.predict(given)


BAD_PARAMETERS = [
    ("hidden_size", 0, "an int >= 1"),
    ("hidden_size", 8.5, "an int >= 1"),
    ("hidden_size", True, "an int >= 1"),
    ("num_layers", 0, "an int >= 1"),
    ("dropout", 1, r"a number in \[0, 1\)"),
    ("dropout", -0.1, r"a number in \[0, 1\)"),
    ("lr", -1, r"a number in \(0, inf\)"),
    ("lr", 0, r"a number in \(0, inf\)"),
    ("lr", np.nan, r"a number in \(0, inf\)"),
    ("lr_schedule", "cosin", r"\(did you mean 'cosine'\?\)\. Got 'cosin' instead"),
    ("max_epochs", 0, "an int >= 1"),
    ("batch_size", "all", "an int >= 1 or 'auto'"),
    ("optimizer", "adm", "did you mean 'adam'"),
    ("optimizer", dict, "subclass of torch.optim"),
    ("readout", "first", "'last', 'mean', 'max', 'attention'"),
    ("bidirectional", "yes", "True or False"),
    ("weight_decay", -1, r"\[0, inf\)"),
    ("gradient_clip", 0, r"\(0, inf\) or None"),
    ("callbacks", "progress", "a list or None"),
    ("dtype", "float16", "'float32', 'float64'"),
    ("early_stopping", 1, "True or False"),
    ("validation_fraction", 1.0, r"\(0, 1\)"),
    ("n_iter_no_change", 0, "an int >= 1"),
    ("tol", -1e-3, r"\[0, inf\)"),
    ("warm_start", None, "True or False"),
    ("verbose", -1, "an int >= 0"),
    ("net_params", ["lr"], "a dict or None"),
    ("device", "gpu", "not a device"),
    ("backend", "lstm_torch", "no backend 'lstm_torch'"),
    ("backend", None, "neither the name of an installed backend"),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD_PARAMETERS)
def test_bad_parameters(name, value, message):
    model = LSTMClassifier(**{**SMALL, name: value})
    with pytest.raises(SeqlearnError, match=message) as caught:
        model.fit(sequences(3, 4, 5), Y)
    assert isinstance(caught.value, ValueError | TypeError)
    assert repr(name)[1:-1] in str(caught.value)
    assert set(vars(model)) == set(model.get_params())


def test_bad_loss_of_the_regressor():
    with pytest.raises(ValueError, match=r"'loss' parameter of LSTMRegressor.*'squared_error'"):
        LSTMRegressor(loss="l2").fit(sequences(3, 4, 5), [1, 2, 3])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_where_there_is_none(device):
    with pytest.raises(ValueError, match=r"sees no CUDA device.*device='auto' or 'cpu'"):
        LSTMClassifier(device=device).fit(sequences(3, 4, 5), Y)


@pytest.mark.parametrize(
    ("Estimator", "y", "message"),
    [
        (LSTMClassifier, None, "requires y to be passed"),
        (LSTMRegressor, None, "requires y to be passed"),
        (LSTMClassifier, ["a", "b"], "3 sequences, y has 2 targets"),
        (LSTMRegressor, [1.0, 2.0], "3 sequences, y has 2 targets"),
        (LSTMClassifier, [0.1, 0.2, 0.3], "continuous"),
        (LSTMClassifier, [[0, 1, 2], [1, 2, 0], [0, 0, 1]], "several columns"),
        (LSTMRegressor, ["a", "b", "c"], "Row 0 of y is 'a'.*numbers are accepted"),
        (LSTMRegressor, [1.0, np.nan, 2.0], "NaN"),
        (LSTMRegressor, np.zeros((3, 2, 2)), r"shape \(3, 2, 2\)"),
    ],
)
def test_bad_y(Estimator, y, message):
    model = Estimator(**SMALL)
    with pytest.raises(ValueError, match=message):
        model.fit(sequences(3, 4, 5), y)
    assert set(vars(model)) == set(model.get_params())


# Odd input that works


def test_one_sequence_of_length_one_works():
    model = LSTMClassifier(**SMALL).fit(sequences(1), ["only"])
    assert list(model.predict(sequences(1, 7))) == ["only", "only"]
    assert model.predict_proba(sequences(1)).tolist() == [[1.0]]


def test_one_class_works():
    model = LSTMClassifier(**SMALL).fit(sequences(3, 4, 5), ["a", "a", "a"])
    assert set(model.predict(sequences(2, 2))) == {"a"}


def test_constant_target_works():
    model = LSTMRegressor(**{**SMALL, "max_epochs": 30}).fit(sequences(3, 4, 5), [7.0, 7.0, 7.0])
    np.testing.assert_allclose(model.predict(sequences(3, 4, 5)), 7.0, atol=0.1)


def test_object_arrays_of_numbers_work():
    X = [x.astype(object) for x in sequences(3, 4, 5)]
    numbers = LSTMClassifier(**SMALL).fit(sequences(3, 4, 5), Y).predict_proba(X)
    objects = LSTMClassifier(**SMALL).fit(X, Y).predict_proba(X)
    assert np.array_equal(numbers, objects)


def test_read_only_memmaps_work(tmp_path):
    np.save(tmp_path / "X.npy", np.random.default_rng(0).normal(size=(6, 5, 2)))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = LSTMClassifier(**SMALL).fit(X, list("aabbab"))
    assert len(model.predict(X)) == 6


def test_later_changes_of_the_data_do_not_reach_the_model():
    X = np.random.default_rng(0).normal(size=(6, 5, 2)).astype(np.float32)
    model = LSTMClassifier(**SMALL).fit(X, list("aabbab"))
    kept = X.copy()
    before = model.predict_proba(kept)
    X[:] = 100.0
    assert np.array_equal(model.predict_proba(kept), before)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int8, np.uint16, bool])
def test_every_dtype_works(kind):
    X = [(x > 0).astype(kind) for x in sequences(3, 4, 5)]
    assert len(LSTMClassifier(**SMALL).fit(X, Y).predict(X)) == 3


def test_one_feature_in_one_dimension_works_at_any_length():
    X = [x[:, 0] for x in sequences(3, 4, 5)]
    model = LSTMClassifier(**SMALL).fit(X, Y)
    assert len(model.predict([x[:3] for x in X])) == 3
    two_dimensional = LSTMClassifier(**SMALL).fit([x[:, None] for x in X], Y)
    assert np.array_equal(model.predict_proba(X), two_dimensional.predict_proba(X))


@pytest.mark.parametrize("dtype", [str, object])
@pytest.mark.parametrize("estimator", [BiLSTMTagger(max_epochs=1), LSTMClassifier(max_epochs=1)])
def test_an_array_of_strings(estimator, dtype):
    X = np.array([["a", "b"], ["b", "a"]], dtype=dtype)
    with pytest.raises(DataFormatError, match=r"X\.tolist\(\)"):
        estimator.fit(X, [["x", "y"], ["y", "x"]])


def test_targets_of_no_column_are_refused():
    with pytest.raises(DataFormatError, match=r"y has shape \(2, 0\)"):
        LSTMRegressor().fit(sequences(3, 4), np.ones((2, 0)))
