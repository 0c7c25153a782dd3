"""PenDigits: files by hand, faulty ones, and the real ones."""

import re

import numpy as np
import pytest

from seqlearn.datasets import data_home, download, fetch_pendigits, handwriting
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

LINE = " 47,100, 27, 81, 57, 37, 26,  0,  0, 23, 56, 53,100, 90, 40, 98, 8"


def put(home, name, *lines):
    (home / "pendigits").mkdir(exist_ok=True)
    (home / "pendigits" / name).write_text("".join(f"{line}\n" for line in lines))
    return {"data_home": home}


def test_paths_as_written(tmp_path):
    put(tmp_path, "pendigits.tra", "0,1,2,3,4,5,6,7,8,9", LINE, "")
    where = put(tmp_path, "pendigits.tes", LINE.replace(" 8", " 3"), LINE)
    every = fetch_pendigits(**where)
    assert every.digits.tolist() == [8, 3, 8] and every.paths.shape == (3, 8, 2)
    assert every.paths[0].tolist() == np.fromstring(LINE, sep=",")[:-1].reshape(8, 2).tolist()
    assert fetch_pendigits(part="train", **where).digits.tolist() == [8]
    assert fetch_pendigits(part="test", **where).digits.tolist() == [3, 8]


@pytest.mark.parametrize(
    "line",
    [LINE[:-3], LINE + ",1", LINE.replace("47", "x"), LINE.replace("47", "101"), LINE + "0", "8"],
)
def test_lines_that_are_refused(tmp_path, line):
    where = put(tmp_path, "pendigits.tra", LINE, line)
    with pytest.raises(DataFormatError, match=r"pendigits\.tra, line 2: not 16 coordinates"):
        fetch_pendigits(part="train", **where)


def test_what_is_not_there(tmp_path, monkeypatch):
    put(tmp_path, "pendigits.tra", "0,1,2,3,4,5,6,7,8,9")
    with pytest.raises(DataFormatError, match="holds no digits"):
        fetch_pendigits(part="train", data_home=tmp_path)
    monkeypatch.delenv("SEQLEARN_DATA", raising=False)
    monkeypatch.setattr(download, "_cache_folder", lambda: tmp_path / "cache")
    with pytest.raises(DatasetNotFoundError, match="download_if_missing is False"):
        fetch_pendigits(download_if_missing=False)
    for part in ("valid", 0, ["train"]):
        with pytest.raises(InvalidParameterError, match=r"part=.*'train', 'test', or None"):
            fetch_pendigits(part=part)


def real():
    folder = data_home()
    if folder is None or not (folder / "pendigits").is_dir():
        pytest.skip("needs the folder pendigits in $SEQLEARN_DATA")
    return folder


def test_counts_of_the_real_digits():
    real()
    train, test = (fetch_pendigits(part=part) for part in ("train", "test"))
    assert train.paths.shape == (7494, 8, 2) and test.paths.shape == (3498, 8, 2)
    assert set(train.digits) == set(test.digits) == set(range(10))
    assert train.paths.min() == 0 and train.paths.max() == 100


@pytest.mark.parametrize("file", handwriting._FILES.values(), ids=lambda file: file.name)
def test_addresses_are_pinned_and_checksums_those_of_the_data_folder(file):
    assert re.fullmatch(r"https://[^/]+/[^/]+/[^/]+/[0-9a-f]{40}/.+", file.url)
    assert file.url.endswith("/" + file.name)
    sums = real() / "pendigits" / "SHA256SUMS"
    assert f"{file.sha256}  {file.name}" in sums.read_text().splitlines()
