"""A model in one file: damage of any kind is refused, nothing is executed, nothing is half written.

That every estimator comes back with equal answers is held in test_persistence.py.
"""

import errno
import hashlib
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import EpochScoring

import seqlearn
from seqlearn import LSTMClassifier, LSTMRegressor, SequenceEncoder, Words
from seqlearn.__main__ import main
from seqlearn.backend import Backend
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.errors import ModelFileError, SeqlearnError
from seqlearn.persistence import files, saving
from seqlearn.persistence.types import class_of
from seqlearn.persistence.values import Reader, Writer
from seqlearn.preprocessing import SequenceScaler, Tokenizer

SMALL = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, size=12)]
Y = np.array(["a", "b", "c"])[np.arange(12) % 3]
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def model():
    return make_pipeline(SequenceScaler(), LSTMClassifier(**SMALL)).fit(X, Y)


@pytest.fixture
def file(model, tmp_path):
    seqlearn.save(model, tmp_path / "model")
    return tmp_path / "model"


def rewritten(file, change):
    """The file again, its description changed, with a right digest: what an attacker can write."""
    description, tensors = files.read(file)
    change(description)
    file.unlink()
    files.write(file, description, tensors)
    return file


# What comes back.


def test_the_method_save_and_a_file_that_is_there_already(tmp_path):
    first = LSTMClassifier(**SMALL).fit(X, Y)
    other = LSTMClassifier(**SMALL | {"random_state": 1}).fit(X, Y)
    path = str(tmp_path / "model")
    first.save(path)
    other.save(path)
    assert np.array_equal(seqlearn.load(path).predict_proba(X), other.predict_proba(X))
    assert os.listdir(tmp_path) == ["model"]
    scaler = SequenceScaler().fit(X)
    scaler.save(path)
    assert np.array_equal(seqlearn.load(path).center_, scaler.center_)
    Tokenizer(level="character").save(path)  # it learns nothing
    assert seqlearn.load(path).level == "character"


def test_a_fresh_process_loads_it(file, model):
    code = (
        "import sys, numpy, seqlearn; model = seqlearn.load(sys.argv[1]); "
        "print(repr(model.predict_proba(numpy.ones((2, 3, 2))).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == model.predict_proba(np.ones((2, 3, 2))).tolist()


def test_training_goes_on_to_the_bit_with_the_training_state(tmp_path):
    begun = LSTMRegressor(**SMALL, warm_start=True).fit(X, np.arange(12.0))
    begun.save(tmp_path / "with", training_state=True)
    begun.save(tmp_path / "without")
    assert (tmp_path / "without").stat().st_size < (tmp_path / "with").stat().st_size
    with_state, without = (seqlearn.load(tmp_path / name) for name in ("with", "without"))
    due = begun.fit(X, np.arange(12.0)).predict(X)
    assert np.array_equal(with_state.fit(X, np.arange(12.0)).predict(X), due)
    other = without.fit(X, np.arange(12.0)).predict(X)
    assert np.isfinite(other).all() and not np.array_equal(other, due)


def test_a_file_is_hardly_larger_than_the_weights(tmp_path):
    model = LSTMClassifier(**SMALL | {"hidden_size": 128, "num_layers": 2}).fit(X, Y)
    model.save(tmp_path / "model")
    weights = sum(one.numel() * 4 for one in model.net_.module_.parameters())
    assert (tmp_path / "model").stat().st_size <= 1.1 * weights + 100_000


def test_many_words_take_hardly_more_than_their_letters(tmp_path):
    words = np.array([f"word{i}" for i in range(20_000)]).reshape(100, 200).tolist()
    model = LSTMClassifier(**SMALL | {"words": Words(size=4, characters=None)})
    model.fit(words, np.arange(100) % 2).save(tmp_path / "model")
    letters = sum(len(word) for row in words for word in row)
    weights = sum(one.numel() * 4 for one in model.net_.module_.parameters())
    counts_and_ends = 20_000 * (8 + 8 + 8)
    due = 1.1 * (letters + weights + counts_and_ends) + 100_000
    assert (tmp_path / "model").stat().st_size <= due
    assert np.array_equal(
        seqlearn.load(tmp_path / "model").predict(words[:5]), model.predict(words[:5])
    )


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())  # halves of surrogate pairs too
    | st.just("$"),
    lambda one: (
        st.lists(one, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.just("$"), one, max_size=4)
        | st.lists(one, max_size=3).map(tuple)
        | st.dictionaries(st.integers(), one, max_size=3)
    ),
    max_leaves=12,
)


def came_back(value):
    writer = Writer()
    tree = json.loads(json.dumps(writer.tree(value), allow_nan=False))
    return Reader(writer.arrays).value(tree)


@given(PLAIN)
def test_plain_values_come_back(value):
    back = came_back(value)
    assert back == value and repr(back) == repr(value)


@given(arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, min_side=0)))
def test_arrays_come_back_or_are_refused(array):
    try:
        back = came_back({"here": array})["here"]
    except ModelFileError as error:
        assert "model.here" in str(error)
        assert array.dtype.kind in "cSV" or array.dtype.itemsize > 8
        return
    assert back.dtype == array.dtype.newbyteorder("=") and back.shape == array.shape
    assert np.array_equal(back, array, equal_nan=array.dtype.kind in "fmM")


def test_special_values_come_back():
    words = [f"w{i}\ud800" for i in range(200)]
    same = np.arange(3)
    value = {
        "nan": float("nan"),
        "inf": (-float("inf"), slice(1, None)),
        "words": words,
        "many": {word: i for i, word in enumerate(words)},
        "cells": np.array([[None, ["a"]], [1.5, "é"]], dtype=object),
        "date": np.array(["2020-01-01", "NaT"], "datetime64[D]"),
        "number": np.float32(1.5),
        "same": [same, same],
    }
    back = came_back(value)
    assert np.isnan(back.pop("nan")) and value.pop("nan") != 0
    assert back["same"][0] is back["same"][1]
    for name, one in back.items():
        assert type(one) is type(value[name])
        np.testing.assert_array_equal(np.asarray(one, object), np.asarray(value[name], object))
    drawn = came_back(np.random.RandomState(3)).rand(4)
    assert np.array_equal(drawn, np.random.RandomState(3).rand(4))
    assert came_back(torch.optim.SGD) is torch.optim.SGD


# What is refused.


def test_no_flipped_byte_gives_another_answer(file, model):
    data, due = file.read_bytes(), model.predict_proba(X)
    rng, other = np.random.default_rng(0), file.with_name("other")
    places = rng.integers(len(data), size=1000)
    places[:8] = np.arange(8)
    for place in places.tolist():
        flipped = bytearray(data)
        flipped[place] ^= int(rng.integers(1, 256))
        other.write_bytes(flipped)
        with pytest.raises(ModelFileError, match="other"):
            seqlearn.load(other)
    assert np.array_equal(seqlearn.load(file).predict_proba(X), due)


def test_no_part_of_a_file_is_a_model(file):
    data, other = file.read_bytes(), file.with_name("other")
    for size in [*range(0, len(data), 997), *range(12), len(data) - 1]:
        other.write_bytes(data[:size])
        with pytest.raises(ModelFileError, match="other"):
            seqlearn.load(other)
    other.write_bytes(data + b"\0")
    with pytest.raises(ModelFileError, match="other"):
        seqlearn.load(other)


def test_a_header_of_two_gigabytes_takes_no_memory(tmp_path):
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.write((2_000_000_000).to_bytes(8, "little"))
        file.truncate(2_000_000_100)  # a hole, on most file systems
    tracemalloc.start()
    with pytest.raises(ModelFileError, match="2000000000 bytes"):
        seqlearn.load(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    path.write_bytes((2_000_000_000).to_bytes(8, "little") + b"{}")
    with pytest.raises(ModelFileError, match="cut off"):
        seqlearn.load(path)


def test_loading_takes_hardly_more_memory_than_the_file(tmp_path):
    wide = SequenceEncoder(**SMALL | {"hidden_size": 1}).fit(np.zeros((4, 3, 300_000), "f"))
    wide.save(tmp_path / "model")
    size = (tmp_path / "model").stat().st_size
    tracemalloc.start()
    seqlearn.load(tmp_path / "model")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 5_000_000 and peak < 2 * size


@pytest.mark.parametrize(
    "name",
    ["os.system", "builtins.eval", "../../evil", "/tmp/evil.py", "seqlearn.os", "torch.optim.lr"],
)
def test_no_other_class_is_looked_up(file, name):
    def change(description):
        description["model"]["class"] = name

    with pytest.raises(ModelFileError, match="names the class"):
        seqlearn.load(rewritten(file, change))
    with pytest.raises(ModelFileError, match=r"not\s+looked up"):
        class_of(name)


@pytest.mark.parametrize(
    "tree",
    [
        {"$": "nothing"},
        {"$": "object", "class": "LSTMClassifier"},
        {"$": "object", "class": "LSTMClassifier", "state": 3},
        {"$": "array", "name": "/etc/passwd"},
        {"$": "same", "as": 3},
        {"$": "__init__"},
        {"$": "object", "class": "SequenceNet", "state": {"arguments": {}, "arrays": {}}},
        {"$": "texts", "bytes": "x", "ends": "y", "as": "list"},
        {"kind of value": "record", "name": "os.system", "fields": {}},
    ],
    ids=repr,
)
def test_a_description_that_no_writer_wrote_is_refused(file, tree):
    def change(description):
        description["model"]["state"]["memory"] = tree
        description["model"]["state"]["steps"] = [tree]

    try:
        loaded = seqlearn.load(rewritten(file, change))
    except ModelFileError:
        return
    assert loaded.memory == tree  # a dictionary that nobody asked to be anything


def test_what_another_program_wrote_is_refused(tmp_path, model):
    import skops.io

    path = tmp_path / "model"
    path.write_bytes(pickle.dumps(model))
    with pytest.raises(ModelFileError, match=r"is a pickle, which may run anything"):
        seqlearn.load(path)
    skops.io.dump(model, path)
    with pytest.raises(ModelFileError, match=r"skops\.io\.load"):
        seqlearn.load(path)
    safetensors.numpy.save_file({"weights": np.zeros(3)}, path)
    with pytest.raises(ModelFileError, match="not one of seqlearn"):
        seqlearn.load(path)
    path.write_text("nothing")
    with pytest.raises(ModelFileError, match="7 bytes"):
        seqlearn.load(path)
    with pytest.raises(FileNotFoundError):
        seqlearn.load(tmp_path / "none")


def test_newer_formats_say_what_to_install(file):
    whole = file.read_bytes()
    for wrong in (0, "1", None, True):
        with pytest.raises(ModelFileError, match="its format is"):
            seqlearn.load(rewritten(file, lambda d, wrong=wrong: d.update(format=wrong)))
        file.write_bytes(whole)
    with pytest.raises(ModelFileError, match=r"of format 99.*pip install -U scikit-seqlearn"):
        seqlearn.load(rewritten(file, lambda d: d.update(format=99)))


def test_backends_that_are_missing_or_of_another_version(file):
    with pytest.raises(ModelFileError, match=r"pip install seqlearn-mgu==2\.0"):
        seqlearn.load(rewritten(file, lambda d: d.update(backends={"mgu": "seqlearn-mgu 2.0"})))
    rewritten(file, lambda d: d.update(backends={"torch": "seqlearn-torch 0.9"}))
    with pytest.raises(ModelFileError, match=r"any_version=True"):
        seqlearn.load(file)
    assert seqlearn.load(file, any_version=True).predict(X).shape == (12,)
    with pytest.raises(ModelFileError, match="which backends"):
        seqlearn.load(rewritten(file, lambda d: d.update(backends=None)))
    # Our own are the same in every version that reads the format.
    rewritten(file, lambda d: d.update(backends={"torch": "scikit-seqlearn 0.0.1"}))
    assert seqlearn.load(file).predict(X).shape == (12,)


class Unregistered(TorchLSTM):
    """A backend of this file alone."""


class Strange(Backend):
    """A backend whose option no file can hold."""

    def __init__(self, function=None):
        self.function = function

    def build(self, *args, **kwargs):
        return TorchLSTM().build(*args, **kwargs)


def test_what_cannot_be_saved_is_named_and_nothing_is_written(tmp_path, model):
    path = tmp_path / "model"
    search = GridSearchCV(LSTMClassifier(**SMALL), {"lr": [0.1]}, cv=2).fit(X, Y)
    cases = [
        (LSTMClassifier(), "not fitted"),
        (make_pipeline(LSTMClassifier()), "not fitted"),
        (3, "int objects cannot be saved"),
        (FunctionTransformer(len).fit(X), "cannot be saved.* of them.$"),
        (search, "GridSearchCV objects cannot be saved.*best_estimator_"),
        (
            LSTMClassifier(**SMALL, callbacks=[EpochScoring("accuracy")]).fit(X, Y),
            r"LSTMClassifier\.callbacks\[0\] is .*EpochScoring.*None",
        ),
        (LSTMClassifier(**SMALL, backend=Unregistered()).fit(X, Y), "Make a plugin of it"),
        (make_pipeline(FunctionTransformer(list), LSTMClassifier(**SMALL)).fit(X, Y), "steps"),
    ]
    for given_model, message in cases:
        with pytest.raises(ModelFileError, match=message):
            seqlearn.save(given_model, path)
        assert not os.listdir(tmp_path)


def test_a_backend_with_an_option_that_is_no_plain_data_is_named(tmp_path, monkeypatch):
    from seqlearn.persistence import values

    monkeypatch.setattr(values, "registered", lambda kind: ("strange", "seqlearn-strange 1.0"))
    model = LSTMClassifier(**SMALL, backend=Strange(len)).fit(X, Y)
    with pytest.raises(ModelFileError, match=r"backend\.function is .*len"):
        seqlearn.save(model, tmp_path / "model")


def test_a_disk_that_is_full_leaves_the_old_file(file, monkeypatch):
    before = file.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        seqlearn.save(LSTMClassifier(**SMALL).fit(X, Y), file)
    assert file.read_bytes() == before and os.listdir(file.parent) == ["model"]
    for name, due in {"none/model": FileNotFoundError, "model/more": NotADirectoryError}.items():
        with pytest.raises(due) as caught:
            seqlearn.save(SequenceScaler().fit(X), file.parent / name)
        assert caught.value.filename == str(file.parent / name)  # not that of a temporary one


def test_a_folder_that_may_not_be_written_to(file, monkeypatch):
    def refused(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(PermissionError):
        saving.write(file, {"format": 1}, {})
    monkeypatch.undo()
    assert os.listdir(file.parent) == ["model"]


def test_a_description_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_HEADER", (1 << 20) + 100)
    with pytest.raises(ModelFileError, match="takes"):
        files.write(tmp_path / "model", {"text": "x" * 200}, {})


# The command, and old files.


def test_inspect_prints_what_is_in_a_file(file, capsys):
    assert main(["inspect", str(file)]) == 0
    out = capsys.readouterr().out
    assert "sklearn.Pipeline(" in out and "LSTMClassifier(hidden_size=4, " in out
    assert "backend 'torch' of scikit-seqlearn" in out and "16 x 4" in out
    file.write_bytes(file.read_bytes()[:-1])
    assert main(["inspect", str(file)]) == 1
    assert "damaged" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.seqlearn")), ids=lambda path: path.name)
def test_files_of_earlier_formats_stay_readable(path):
    """Written when their format was new, with the answers of then, and never again."""
    model = seqlearn.load(path)
    due = json.loads(path.with_suffix(".json").read_text())
    found = model.predict_proba([np.array(one) for one in due["X"]])
    np.testing.assert_allclose(found, due["probabilities"], atol=1e-5)


def test_there_is_a_golden_file_of_this_format():
    formats = [files.read_description(path)[0]["format"] for path in GOLDEN.glob("*.seqlearn")]
    assert set(formats) == set(range(1, files.FORMAT + 1))


def test_the_digest_covers_the_header(file):
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + size])["__metadata__"]
    blank = data.replace(metadata["digest"].encode(), b"0" * 64)
    assert hashlib.sha256(blank).hexdigest() == metadata["digest"]
    assert issubclass(ModelFileError, SeqlearnError)
