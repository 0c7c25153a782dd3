"""What is refused, by name and without a file; files, scikit-learn's ways with the estimator."""

import errno
import os
import pickle
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from seqlearn_onnx import OnnxEstimator, to_onnx
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted
from torch import nn

from seqlearn import (
    BiLSTMTagger,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRecommender,
    LSTMRegressor,
    LSTMTranslator,
    SequenceEncoder,
    Words,
)
from seqlearn.backend import Backend
from seqlearn.errors import (
    DataFormatError,
    InvalidParameterError,
    ModelFileError,
    SeqlearnError,
)
from seqlearn.preprocessing import SequenceNormalizer, SequenceScaler
from seqlearn.registry import available_backends

SMALL = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 3)) for n in (4, 1, 6, 3, 5, 2)]
Y = ["a", "b"] * 3
TAGS = [["a"] * len(row) for row in X]


@pytest.fixture(scope="module")
def classifier():
    return LSTMClassifier(**SMALL).fit(X, Y)


@pytest.fixture(scope="module")
def found(classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    to_onnx(classifier, path)
    return OnnxEstimator(path)


# What cannot be exported.


class Subclass(LSTMClassifier):
    """It may answer in another way."""


@pytest.mark.parametrize(
    ("model", "y", "text"),
    [
        (LSTMClassifier(dtype="float64", **SMALL), Y, "dtype='float64'.*float32 alone"),
        (BiLSTMTagger(**SMALL), TAGS, "decoder='crf'.*decoder='softmax'"),
        (
            BiLSTMTagger(decoder="softmax", scheme="BIO", **SMALL),
            [["B-x", *["I-x"] * (len(row) - 1)] for row in X],
            "scheme='BIO'.*scheme=None",
        ),
        (LSTMClassifier(missing="mask", **SMALL), Y, "missing='mask'"),
        (make_pipeline(SequenceNormalizer(), LSTMClassifier(**SMALL)), Y, "'sequencenormalizer'"),
        (Subclass(**SMALL), Y, "Subclass cannot be exported.*subclass"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parts_that_cannot_be_exported(path, model, y, text):
    with pytest.raises(ModelFileError, match=text):
        to_onnx(model.fit(X, y), path)
    assert os.listdir(path.parent) == []


def test_a_time_column(path):
    timed = [np.column_stack([np.arange(len(row)), row]) for row in X]
    with pytest.raises(ModelFileError, match=r"time_column=.*before the network"):
        to_onnx(LSTMClassifier(time_column=0, **SMALL).fit(timed, Y), path)


def test_inputs_that_are_no_table_of_vectors(path):
    words = [["a", "b"], ["c"]] * 3
    model = LSTMClassifier(words=Words(characters=4), **SMALL).fit(words, Y)
    with pytest.raises(ModelFileError, match=r"by their characters.*characters=None"):
        to_onnx(model, path)
    model = LSTMClassifier(**SMALL).fit([[{"w": "a"}], [{"w": "b"}]] * 3, Y)
    with pytest.raises(ModelFileError, match="feature dictionaries"):
        to_onnx(model, path)
    model = LSTMClassifier(**SMALL).fit(RNG.normal(size=(6, 2, 3, 4)), Y)
    with pytest.raises(ModelFileError, match="frames of video"):
        to_onnx(model, path)
    model = BiLSTMTagger(decoder="softmax", **SMALL).fit(RNG.normal(size=(6, 3)), Y)
    with pytest.raises(ModelFileError, match="y was 1-D in fit"):
        to_onnx(model, path)


@pytest.mark.parametrize(
    "model",
    [
        LSTMForecaster(),
        LSTMAnomalyDetector(),
        LSTMLanguageModel(),
        LSTMRecommender(),
        LSTMTranslator(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_other_estimators_are_refused_by_name(path, model):
    with pytest.raises(ModelFileError, match=f"{type(model).__name__} cannot be.*seqlearn.save"):
        to_onnx(model, path)


def test_what_is_no_model(path, classifier):
    text = "GridSearchCV cannot be exported. Pass the best_estimator_"
    search = GridSearchCV(LSTMClassifier(**SMALL), {"readout": ["max"]}, cv=2).fit(X, Y)
    with pytest.raises(ModelFileError, match=text):
        to_onnx(search, path)
    for model in ("LSTMClassifier", None, LSTMClassifier, make_pipeline("passthrough")):
        with pytest.raises(ModelFileError, match="to_onnx takes"):
            to_onnx(model, path)
    with pytest.raises(ModelFileError, match=r"not fitted\. Call fit first") as caught:
        to_onnx(LSTMClassifier(), path)
    assert isinstance(caught.value.__cause__, NotFittedError)
    half = make_pipeline(SequenceScaler(), classifier)
    with pytest.raises(ModelFileError, match="This SequenceScaler is not fitted"):
        to_onnx(half, path)


@pytest.mark.parametrize(
    ("backend", "text"),
    [
        ("layernorm", "a loop over the steps: torch traces .* for 7 steps and .* for 11"),
        ("slstm", "a loop over the steps"),
        ("minlstm", "a loop over the steps"),
        ("mlstm", "torch's exporter refuses it.*cummax"),
        ("grud", "a backend that knows of gaps"),
    ],
)
def test_backends_without_a_right_graph(path, capfd, backend, text):
    if backend not in available_backends():
        pytest.skip(f"there is no backend {backend!r}")
    model = LSTMClassifier(backend=backend, bidirectional=False, **SMALL).fit(X, Y)
    with pytest.raises(ModelFileError, match=text):
        to_onnx(model, path)
    assert os.listdir(path.parent) == []
    assert capfd.readouterr() == ("", "")


class Frozen(nn.Module):
    """Takes the number of steps, or of rows, for a constant once it is traced."""

    def __init__(self, what, input_size):
        super().__init__()
        self.what, self.output_size = what, input_size
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x, lengths=None, state=None):
        size = x.shape[1] if self.what == "steps" else x.shape[0]
        return x * self.weight * int(size), None


class FrozenSizes(Backend):
    """A core that torch's exporter makes a wrong graph of, without a word."""

    causal = stateful = False

    def __init__(self, what="steps"):
        self.what = what

    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        return Frozen(self.what, input_size)


@pytest.mark.parametrize("what", ["steps", "rows"])
def test_a_wrong_graph_is_found_before_there_is_a_file(path, what):
    model = LSTMClassifier(backend=FrozenSizes(what), **SMALL).fit(X, Y)
    with pytest.raises(ModelFileError, match=r"FrozenSizes.*answers of its graph differ .* by"):
        to_onnx(model, path)
    assert os.listdir(path.parent) == []


def test_a_network_that_was_changed_by_hand_is_refused(path):
    model = LSTMClassifier(**SMALL).fit(X, Y)
    model.net_.module_.head.linear.register_forward_hook(lambda module, x, y: y + 1)
    with pytest.raises(ModelFileError, match="whose modules were changed after fit"):
        to_onnx(model, path)


# Files.


def test_a_file_is_written_at_once_or_not_at_all(path, classifier, monkeypatch):
    path.write_bytes(b"before")

    def fails(*arguments):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="no space left"):
        to_onnx(classifier, path)
    assert path.read_bytes() == b"before" and os.listdir(path.parent) == [path.name]
    with pytest.raises(FileNotFoundError):
        to_onnx(classifier, path.parent / "no such folder" / "model.onnx")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_read_only_folder(path, classifier):
    path.parent.chmod(0o500)
    with pytest.raises(PermissionError):
        to_onnx(classifier, path)
    assert os.listdir(path.parent) == []


def test_what_is_no_file_of_ours(path):
    with pytest.raises(FileNotFoundError):
        OnnxEstimator(path).predict(X)
    path.write_bytes(b"nonsense")
    with pytest.raises(ModelFileError, match="no model that ONNX Runtime can run"):
        OnnxEstimator(path).predict(X)
    value = helper.make_tensor_value_info("x", 1, [1])
    other = helper.make_tensor_value_info("y", 1, [1])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [value], [other])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, path)
    with pytest.raises(ModelFileError, match=r"none that seqlearn_onnx\.to_onnx wrote"):
        OnnxEstimator(path).predict(X)
    for broken in ("{", "[]", '{"format": 1}', '{"format": "one"}'):
        helper.set_model_props(model, {"seqlearn": broken})
        onnx.save(model, path)
        with pytest.raises(ModelFileError, match=r"What .* says of its model cannot"):
            OnnxEstimator(path).predict(X)
    helper.set_model_props(model, {"seqlearn": '{"format": 2}'})
    onnx.save(model, path)
    with pytest.raises(ModelFileError, match=r"of format 2.*Update: python -m pip install"):
        OnnxEstimator(path).predict(X)


# The estimator.


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ([np.zeros((2, 4))], "X has 4 features, but OnnxEstimator is expecting 3"),
        (np.zeros((2, 5, 4)), "X has 4 features"),
        (np.zeros((2, 3)), "X is a 2-D array, but in fit it was 3-D or a list"),
        ([np.full((2, 3), np.nan)], "NaN"),
        (np.full((1, 2, 3), np.inf), "infinity"),
        (np.full((1, 2, 3), 1e39), "float32"),
        ([["a", "b"]], "does not hold numbers"),
        ([np.zeros((0, 3)), np.zeros((1, 3))], "Sequence 0 of X is empty"),
        ([], "0 sample"),
        (3, "OnnxEstimator accepts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_input(found, wrong, text):
    for ask in (found.predict, found.predict_proba):
        with pytest.raises(DataFormatError, match=text):
            ask(wrong)


def test_values_that_are_too_large_once_scaled(path):
    model = make_pipeline(SequenceScaler(), LSTMClassifier(**SMALL)).fit(X, Y)
    to_onnx(model, path)
    with pytest.raises(DataFormatError, match="past the largest float32"):
        OnnxEstimator(path).predict([np.full((2, 3), 1e50)])


def test_scikit_learns_ways(found, path, classifier):
    check_is_fitted(found)
    assert is_classifier(found) and not is_regressor(found)
    assert found.estimator_ == "LSTMClassifier" and found.input_kind_ == "sequences"
    due = classifier.predict(X)
    for same in (
        clone(found),
        pickle.loads(pickle.dumps(found)),
        FrozenEstimator(found).fit(X, Y),
        clone(found).set_params(n_threads=2),
        make_pipeline("passthrough", found),
    ):
        np.testing.assert_array_equal(same.predict(X), due)
    assert found.score(X, Y) == classifier.score(X, Y)
    to_onnx(LSTMRegressor(**SMALL).fit(X, range(6)), path)
    other = clone(found).set_params(path=path)
    assert is_regressor(other) and not hasattr(other, "predict_proba")
    assert found.predict_proba(X).shape == (6, 2)


def test_it_cannot_be_trained(found):
    with pytest.raises(InvalidParameterError, match=r"cannot be trained.*FrozenEstimator"):
        found.fit(X, Y)
    with pytest.raises(InvalidParameterError, match=r"'n_threads'.*Got 0 instead"):
        OnnxEstimator(found.path, n_threads=0).predict(X)
    with pytest.raises(AttributeError, match="predict_marginals is not there"):
        found.predict_marginals(X)
    assert issubclass(ModelFileError, SeqlearnError)


def test_a_scaler_may_stand_before_it_outside_of_the_file(found):
    scaler = SequenceScaler().fit(X)
    pipe = make_pipeline(scaler, found)
    np.testing.assert_array_equal(pipe.predict(X), found.predict(scaler.transform(X)))


def test_encoders_of_texts_are_refused(path):
    model = SequenceEncoder(LSTMLanguageModel(hidden_size=4, max_epochs=1), readout="last")
    texts = ["the cat sat on the mat", "the dog sat on the cat"] * 4
    with pytest.raises(ModelFileError, match="around LSTMLanguageModel cannot be exported"):
        to_onnx(model.fit(texts), path)


def test_neither_torch_nor_onnx_is_imported_to_predict(found):
    lines = [
        "import sys, numpy as np",
        "from seqlearn_onnx import OnnxEstimator",
        f"found = OnnxEstimator({str(found.path)!r})",
        "found.predict(np.ones((1, 4, 3))), found.predict([np.ones((2, 3)), np.ones((1, 3))])",
        "print(sorted({'torch', 'onnx', 'skorch', 'sktime'} & set(sys.modules)))",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
