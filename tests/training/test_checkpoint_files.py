"""Files of checkpoints: damage is refused by name, and nothing is lost or left behind."""

import errno
import os
import pickle
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import seqlearn
from seqlearn import LSTMClassifier, LSTMForecaster, LSTMRegressor, SktimeLSTMAnomalyDetector
from seqlearn.__main__ import main
from seqlearn.errors import InvalidParameterError, ModelFileError
from seqlearn.persistence import files
from seqlearn.training.checkpoints import Checkpoints

SMALL = {
    "hidden_size": 3,
    "max_epochs": 4,
    "batch_size": 6,
    "random_state": 0,
    "device": "cpu",
    "lr_schedule": None,
}
X = np.random.default_rng(0).normal(size=(12, 3, 2))
Y = np.arange(12) % 3


def fitted(folder=None, **params):
    return LSTMClassifier(**SMALL | params, checkpoint=folder).fit(X, Y)


@pytest.fixture(scope="module")
def due():
    """The weights of a fit without checkpoints."""
    return weights(fitted())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with the checkpoints after epochs 2 and 3 of the same fit."""
    folder = tmp_path_factory.mktemp("written")
    fitted(folder, max_epochs=3)
    return folder


@pytest.fixture
def folder(written, tmp_path):
    shutil.copytree(written, tmp_path / "copy")
    return tmp_path / "copy"


def weights(model):
    return torch.cat([one.detach().flatten() for one in model.net_.module_.parameters()])


def paths_in(folder):
    """The files after the epoch before the last, and after the last."""
    before, last = sorted(folder.glob("*/*"))
    return before, last


def refused(path):
    return pytest.warns(UserWarning, match=f"checkpoint {str(path)!r} is not used: .*one before")


# Damage.


def test_cut_at_any_byte_it_is_refused_by_name(folder):
    _, last = paths_in(folder)
    data, other = last.read_bytes(), last.with_name("other")
    files.read(last)
    for n in [*range(300), *range(300, len(data), 997), len(data) - 1]:
        other.write_bytes(data[:n])
        with pytest.raises(ModelFileError) as caught:
            files.read(other)
        assert str(other) in str(caught.value) and caught.value.reason


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9999])
def test_the_one_before_a_damaged_file_is_used(share, folder, due):
    _, last = paths_in(folder)
    data = last.read_bytes()
    last.write_bytes(data[: int(share * len(data))])
    with refused(last):
        model = fitted(folder)
    assert torch.equal(weights(model), due)
    assert [files.read(path)[0]["checkpoint"]["epoch"] for path in paths_in(folder)] == [3, 4]


def test_a_flipped_bit_is_damage_too(folder, due):
    _, last = paths_in(folder)
    data = bytearray(last.read_bytes())
    data[-7] ^= 4  # of a weight
    last.write_bytes(data)
    with refused(last):
        assert torch.equal(weights(fitted(folder)), due)


def test_where_both_are_damaged_training_begins_anew(folder, due):
    before, last = paths_in(folder)
    before.write_bytes(b"")
    last.write_bytes(last.read_bytes()[:-1])
    with refused(last), refused(before):
        model = fitted(folder)
    assert model.n_iter_ == 4 and torch.equal(weights(model), due)
    assert torch.equal(weights(fitted(folder)), due)  # no warning: both were replaced


def test_what_does_not_hold_what_its_name_says_is_refused(folder, due):
    before, last = paths_in(folder)
    shutil.copy(before, last)
    with refused(last):
        assert torch.equal(weights(fitted(folder)), due)


def test_a_model_or_a_pickle_in_its_place_is_refused_and_nothing_runs(folder, due, tmp_path):
    class Runs:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    before, last = paths_in(folder)
    seqlearn.save(fitted(max_epochs=1), before)
    last.write_bytes(pickle.dumps(Runs()))
    with refused(last), refused(before):
        assert torch.equal(weights(fitted(folder)), due)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_is_no_model_and_can_be_looked_at(folder, capsys):
    _, last = paths_in(folder)
    with pytest.raises(ModelFileError, match=r"is no model but a checkpoint.*Call fit again"):
        seqlearn.load(last)
    assert main(["inspect", str(last)]) == 0
    shown = capsys.readouterr().out
    assert "LSTMClassifier" in shown and "the state of a fit after epoch 3" in shown


# Folders and parameters.


@pytest.mark.parametrize("given", ["", 3, b"folder", "a\0b", ["folder"], True])
def test_what_is_no_folder_is_refused(given):
    with pytest.raises(InvalidParameterError, match=r"'checkpoint' .*the path of a folder or None"):
        fitted(given)


@pytest.mark.parametrize("below", [".", "more", "more/still"])
def test_a_file_where_the_folder_should_be_is_refused_at_once(below, tmp_path):
    (tmp_path / "file").write_text("mine")
    model = LSTMRegressor(checkpoint=tmp_path / "file" / below, random_state=0)
    with pytest.raises(InvalidParameterError, match=r"cannot be written to: .*file' is a file"):
        model.fit("nothing of this is read", None)
    assert os.listdir(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_may_not_be_written_is_refused_before_training(monkeypatch, tmp_path):
    model = fitted()
    before = vars(model).copy()

    def forbidden(path, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    for name in ("mkdir", "touch"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, forbidden)
            model.set_params(checkpoint=tmp_path / name)
            with pytest.raises(InvalidParameterError, match=r"cannot be written to: .*denied"):
                model.fit(X, Y)
    assert vars(model.set_params(checkpoint=None)) == before
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_a_seed_no_fit_could_be_found_again(tmp_path):
    text = r"a' needs a random_state.*Set an int"
    with pytest.raises(InvalidParameterError, match=text):
        LSTMClassifier(checkpoint=tmp_path / "a").fit(X, Y)
    with pytest.raises(InvalidParameterError, match=text):
        LSTMForecaster(checkpoint=str(tmp_path / "a")).fit(pd.Series(np.arange(30.0)), fh=[1])
    assert not os.listdir(tmp_path)


def test_a_disk_that_is_full_ends_the_fit_and_loses_nothing(monkeypatch, tmp_path, due):
    replaced = []

    def replace(part, path):
        replaced.append(path)
        if len(replaced) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.rename(part, path)

    model = LSTMClassifier(**SMALL, checkpoint=tmp_path)
    monkeypatch.setattr(files.os, "replace", replace)
    with pytest.raises(OSError, match="No space left"):
        model.fit(X, Y)
    assert not hasattr(model, "net_")
    epochs = [files.read(path)[0]["checkpoint"]["epoch"] for path in paths_in(tmp_path)]
    assert epochs == [1, 2]
    assert torch.equal(weights(model.fit(X, Y)), due)


def test_what_a_killed_process_left_half_written_is_cleared_away(folder):
    place = paths_in(folder)[0].parent
    old, young, others = (place / name for name in (".old.part", ".young.part", "mine.part"))
    for path in (old, young, others):
        path.touch()
    os.utime(old, (time.time() - 1000,) * 2)
    fitted(folder)
    assert [path.exists() for path in (old, young, others)] == [False, True, True]


def test_the_path_is_a_parameter_like_any(tmp_path):
    for given in (str(tmp_path / "a"), tmp_path / "a"):
        model = fitted(given)
        assert clone(model).checkpoint == given
        model.save(tmp_path / "model")
        for other in (pickle.loads(pickle.dumps(model)), seqlearn.load(tmp_path / "model")):
            assert other.checkpoint == given and type(other.checkpoint) is type(given)
            assert torch.equal(weights(other), weights(model))
    assert SktimeLSTMAnomalyDetector(checkpoint="a").clone().checkpoint == "a"


def test_a_folder_relative_to_where_the_process_stands(tmp_path, monkeypatch, due):
    monkeypatch.chdir(tmp_path)
    assert torch.equal(weights(fitted("a/b")), due)
    assert [path.parent.parent for path in paths_in(tmp_path / "a" / "b")] == [tmp_path / "a/b"] * 2


# Several at once.


def test_the_same_fit_twice_at_the_same_time(tmp_path, due):
    with ThreadPoolExecutor(3) as pool:
        for model in pool.map(fitted, [tmp_path] * 3):
            assert torch.equal(weights(model), due)
    assert [files.read(path)[0]["checkpoint"]["epoch"] for path in paths_in(tmp_path)] == [3, 4]


def test_a_file_that_another_process_took_away_is_passed_over(folder, monkeypatch, due):
    epochs = Checkpoints._epochs
    monkeypatch.setattr(Checkpoints, "_epochs", lambda self: [9, 4, *epochs(self)])
    assert torch.equal(weights(fitted(folder)), due)


def test_the_fits_of_a_search_do_not_meet_and_a_second_search_trains_nothing(tmp_path, monkeypatch):
    def search(folder):
        model = LSTMClassifier(**SMALL, checkpoint=folder)
        grid = GridSearchCV(model, {"lr": [0.01, 0.1]}, cv=2, n_jobs=2, error_score="raise")
        with joblib.parallel_backend("threading"):
            return grid.fit(X, Y)

    due, first = search(None), search(tmp_path)
    assert len(os.listdir(tmp_path)) == 5
    monkeypatch.setattr(Checkpoints, "write", None)  # nothing is trained any more
    for one in (first, search(tmp_path)):
        assert np.array_equal(
            one.cv_results_["mean_test_score"], due.cv_results_["mean_test_score"]
        )
        assert torch.equal(weights(one.best_estimator_), weights(due.best_estimator_))
