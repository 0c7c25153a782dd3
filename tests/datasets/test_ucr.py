"""The archive loaders: counts, where files are looked for, and what is not imported."""

import importlib.machinery
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from seqlearn import datasets
from seqlearn.datasets import data_home, ucr
from seqlearn.errors import DatasetNotFoundError, SeqlearnError

# name -> loader, cases in train and test, channels, lengths, classes. JapaneseVowels, BasicMotions,
# OSULeaf and PLAID as counted in the data folder's SOURCE.md, the others by awk on sktime's files.
COUNTS = {
    "JapaneseVowels": (datasets.load_japanese_vowels, 270, 370, 12, (7, 29), 9),
    "BasicMotions": (datasets.load_basic_motions, 40, 40, 6, (100, 100), 4),
    "ArrowHead": (datasets.load_arrow_head, 36, 175, 1, (251, 251), 3),
    "GunPoint": (datasets.load_gunpoint, 50, 150, 1, (150, 150), 2),
    "ItalyPowerDemand": (datasets.load_italy_power_demand, 67, 1029, 1, (24, 24), 2),
    "OSULeaf": (datasets.load_osuleaf, 200, 242, 1, (427, 427), 6),
    "PLAID": (datasets.load_plaid, 537, 537, 1, (100, 1344), 11),
    "ACSF1": (datasets.load_acsf1, 100, 100, 1, (1460, 1460), 10),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    load, n_train, n_test, n_channels, lengths, n_classes = COUNTS[name]
    X_train, X_test, y_train, y_test = load()

    assert (len(X_train), len(y_train)) == (n_train, n_train)
    assert (len(X_test), len(y_test)) == (n_test, n_test)
    assert set(y_train) == set(y_test) and len(set(y_train)) == n_classes
    assert y_train.dtype.kind == "U"
    cases = [*X_train, *X_test]
    assert (min(map(len, cases)), max(map(len, cases))) == lengths
    assert isinstance(X_train, list) == isinstance(X_test, list) == (lengths[0] != lengths[1])
    if isinstance(X_train, list) or n_channels > 1:
        assert {x.shape[1] for x in cases} == {n_channels}
    else:
        assert X_train.ndim == X_test.ndim == 2
    assert all(x.dtype == np.float64 and np.isfinite(x).all() for x in cases)


def test_sktime_and_the_data_home_hold_the_same():
    home = data_home()
    if home is None or not (home / "tsc" / "JapaneseVowels").is_dir():
        pytest.skip("needs the folder tsc in $SEQLEARN_DATA")
    name = "JapaneseVowels_TRAIN.ts"
    shipped = ucr._find_folder("JapaneseVowels") / name
    assert (home / "tsc" / "JapaneseVowels" / name).read_bytes() == shipped.read_bytes()


# Where files are looked for


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose sktime lies in the empty folder `site`, its data home in the empty `home`."""
    (tmp_path / "site").mkdir()
    (tmp_path / "home").mkdir()
    spec = importlib.machinery.ModuleSpec("sktime", loader=None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path / "site")]
    monkeypatch.setattr(importlib.util, "find_spec", {"sktime": spec}.get)
    monkeypatch.setenv("SEQLEARN_DATA", str(tmp_path / "home"))
    return tmp_path


def put_gunpoint(folder, value, parts=("TRAIN", "TEST")):
    """Write a GunPoint of one case a part, with that value."""
    folder.mkdir(parents=True)
    for part in parts:
        text = f"@classLabel true 1\n@data\n{value},{value}:1\n"
        (folder / f"GunPoint_{part}.ts").write_text(text)


def test_sktime_comes_first(machine):
    put_gunpoint(machine / "site" / "datasets" / "data" / "GunPoint", 1)
    put_gunpoint(machine / "home" / "tsc" / "GunPoint", 2)
    assert datasets.load_gunpoint()[0].tolist() == [[1, 1]]


def test_the_data_home_serves_what_sktime_does_not_ship(machine):
    put_gunpoint(machine / "site" / "datasets" / "data" / "GunPoint", 1, parts=["TRAIN"])
    put_gunpoint(machine / "home" / "tsc" / "GunPoint", 2)
    assert datasets.load_gunpoint()[0].tolist() == [[2, 2]]


def test_the_data_home_serves_without_sktime(machine, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    put_gunpoint(machine / "home" / "tsc" / "GunPoint", 2)
    assert datasets.load_gunpoint()[0].tolist() == [[2, 2]]


def test_absent_files_are_reported_with_both_places(machine):
    with pytest.raises(DatasetNotFoundError) as caught:
        datasets.load_plaid()
    message = str(caught.value)
    assert "PLAID_TRAIN.ts" in message
    assert str(machine / "site" / "datasets" / "data" / "PLAID") in message
    assert str(machine / "home" / "tsc" / "PLAID") in message
    assert "pip install" in message and "set SEQLEARN_DATA" in message
    assert isinstance(caught.value, FileNotFoundError) and isinstance(caught.value, SeqlearnError)


def test_absent_sktime_and_data_home_are_reported(machine, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    monkeypatch.delenv("SEQLEARN_DATA")
    with pytest.raises(DatasetNotFoundError, match=r"sktime: not installed; \$SEQLEARN_DATA: not"):
        datasets.load_plaid()


# The data home itself


def test_data_home_unset_or_empty(monkeypatch):
    monkeypatch.delenv("SEQLEARN_DATA", raising=False)
    assert data_home() is None
    monkeypatch.setenv("SEQLEARN_DATA", "")
    assert data_home() is None


def test_data_home_expands_the_tilde(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEQLEARN_DATA", "~/data")
    assert data_home() == tmp_path / "data"


def test_data_home_that_is_no_folder(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEQLEARN_DATA", str(tmp_path / "file"))
    with pytest.raises(DatasetNotFoundError, match=r"SEQLEARN_DATA .*file', which is not a folder"):
        data_home()
    monkeypatch.setenv("SEQLEARN_DATA", str(tmp_path / "absent"))
    with pytest.raises(DatasetNotFoundError, match="which does not exist"):
        data_home()


def test_loading_imports_neither_torch_nor_sktime_nor_pandas():
    code = (
        "import sys, seqlearn.datasets as d; d.load_gunpoint(); "
        "print([m for m in ('torch', 'sktime', 'pandas') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
