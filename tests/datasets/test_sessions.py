"""Sessions of users: files written by hand, faulty ones, and the real ones."""

import gzip
import json

import numpy as np
import pytest

from seqlearn.datasets import data_home, fetch_entree, read_click_log
from seqlearn.datasets.sessions import _QUARTERS
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

LINE = "07/Sep/1996:12:23:36 \t-\t0\t633N\t159P\t475"


@pytest.fixture
def home(tmp_path):
    """Return a function that writes lines into the third quarter of 1996, and its data home."""

    def write(*lines):
        folder = tmp_path / "entree_sessions" / "session"
        folder.mkdir(parents=True, exist_ok=True)
        for quarter in _QUARTERS:
            (folder / f"session.{quarter}").touch()
        text = "".join(f"{line}\n" for line in lines)
        (folder / "session.1996-Q3").write_text(text, encoding="latin-1")
        return tmp_path

    return write


def test_sessions_as_written(home):
    folder = home(
        LINE, "01/Jan/1997:00:00:00\thöst.com\t12C\t5L\t-1", "01/Jan/1997:00:00:01\t-\t0\t7"
    )
    entree = fetch_entree(data_home=folder, min_items=1)
    assert entree.sessions == [[633, 159, 475], [5], [7]]
    assert entree.operations == [["nicer", "traditional", "end"], ["browse"], ["end"]]
    assert entree.entry_points == ["0", "12C", "0"]
    assert entree.times.astype(str).tolist() == [
        "1996-09-07T12:23:36",
        "1997-01-01T00:00:00",
        "1997-01-01T00:00:01",
    ]
    assert entree.quarters.tolist() == ["1996-Q3"] * 3
    two = fetch_entree(data_home=folder)
    assert two.sessions == [[633, 159, 475]] and len(two.times) == len(two.operations) == 1
    assert fetch_entree(data_home=folder, min_items=4).times.shape == (0,)


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace("Sep", "September"),
        LINE.replace("159P", "159X"),
        LINE.replace("159P", "P"),
        LINE.replace("475", ""),
        LINE.replace("12:23", "12:99"),
        "nothing",
        "",
    ],
)
def test_lines_that_are_refused(home, line):
    with pytest.raises(DataFormatError, match=r"session\.1996-Q3, line 2: not a session"):
        fetch_entree(data_home=home(LINE, line))


def test_absent_files(tmp_path, monkeypatch):
    with pytest.raises(DatasetNotFoundError, match=r"session\.1996-Q3 was not found; looked in"):
        fetch_entree(data_home=tmp_path)
    monkeypatch.delenv("SEQLEARN_DATA", raising=False)
    with pytest.raises(DatasetNotFoundError, match="SEQLEARN_DATA is not set"):
        fetch_entree()


@pytest.mark.parametrize("min_items", [0, 1.0, True])
def test_min_items_that_are_refused(min_items):
    with pytest.raises(InvalidParameterError, match="min_items must be an integer >= 1"):
        fetch_entree(min_items=min_items)


@pytest.mark.slow
def test_entree_itself():
    folder = data_home()
    if folder is None or not (folder / "entree_sessions" / "session").is_dir():
        pytest.skip("needs the folder entree_sessions in $SEQLEARN_DATA")
    every = fetch_entree(min_items=1)
    assert len(every.sessions) == 50_672
    entree = fetch_entree()
    lengths = np.array(list(map(len, entree.sessions)))
    test = entree.quarters >= "1999"
    counts = {
        "sessions": len(lengths),
        "for training": (~test).sum(),
        "predictions": (lengths[test] - 1).sum(),
        "items": len({item for row in entree.sessions for item in row}),
        "items in training": len(
            {
                item
                for row, out in zip(entree.sessions, test, strict=True)
                if not out
                for item in row
            }
        ),
    }
    print(counts)
    assert counts == {
        "sessions": 48_416,
        "for training": 40_642,
        "predictions": 28_763,
        "items": 645,
        "items in training": 644,
    }
    assert list(map(len, entree.operations)) == lengths.tolist()
    assert {done for row in every.operations for done in row} == {
        "browse", "cheaper", "nicer", "traditional", "creative", "livelier", "quieter", "end"
    }  # fmt: skip
    assert sum(row[-1] == "end" for row in every.operations) == 44_580
    assert every.entry_points.count("0") == 44_669
    assert every.times.min() >= np.datetime64("1996-09") and every.times.dtype == "M8[s]"
    assert list(dict.fromkeys(entree.quarters.tolist())) == _QUARTERS


# Click logs


def event(item, time, kind="clicks"):
    return {"aid": item, "ts": time, "type": kind}


def write_log(path, *rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_click_log_as_written(tmp_path):
    rows = [
        {"session": 3, "events": [event(7, 2000), event(8, 1000, "carts"), event(9, 2000)]},
        {"session": "x", "events": [event("tea", 0)], "more": None},
    ]
    path = write_log(tmp_path / "log.jsonl", *rows)
    path.write_text(path.read_text() + "\n")  # a blank line
    for one in (path, str(path)):
        log = read_click_log(one)
        assert log.ids == [3, "x"] and log.sessions == [
            [8, 7, 9],
            ["tea"],
        ]  # equal times as they were
        assert log.kinds == [["carts", "clicks", "clicks"], ["clicks"]]
        assert log.times[0].tolist() == np.array([1000, 2000, 2000], "M8[ms]").tolist()
    packed = tmp_path / "log.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_click_log(packed).sessions == log.sessions


def test_click_log_with_other_names(tmp_path):
    path = write_log(tmp_path / "log", {"user": 1, "clicks": [{"page": "a", "at": 5}]})
    names = {"session": "user", "events": "clicks", "item": "page", "time": "at", "kind": None}
    log = read_click_log(path, unit="s", **names)
    assert log.sessions == [["a"]] and log.kinds == [[]]
    assert log.times[0].astype(str).tolist() == ["1970-01-01T00:00:05"]


@pytest.mark.parametrize(
    "line",
    [
        '{"session": 1, "events": []}',
        '{"session": 1}',
        '{"events": [{"aid": 1, "ts": 1, "type": "clicks"}]}',
        '{"session": 1, "events": [{"aid": 1, "type": "clicks"}]}',
        '{"session": 1, "events": [{"aid": 1, "ts": "soon", "type": "clicks"}]}',
        '{"session": 1, "events": [{"aid": 1, "ts": 1}]}',
        '{"session": 1, "events": 5}',
        "[1]",
        "{",
    ],
)
def test_click_logs_that_are_refused(tmp_path, line):
    path = tmp_path / "log.jsonl"
    path.write_text(f"{json.dumps({'session': 0, 'events': [event(1, 1)]})}\n{line}\n")
    with pytest.raises(DataFormatError, match=r"log\.jsonl, line 2: not a session with an id"):
        read_click_log(path)
    with pytest.raises(InvalidParameterError, match="unit must be one of"):
        read_click_log(path, unit="h")


def test_otto_sample():
    folder = data_home()
    path = None if folder is None else folder / "otto_sample" / "train.jsonl"
    if path is None or not path.is_file():
        pytest.skip("needs the folder otto_sample in $SEQLEARN_DATA")
    log = read_click_log(path)
    kinds = [kind for row in log.kinds for kind in row]
    assert len(log.sessions) == len(set(log.ids)) == 20
    counts = {kind: kinds.count(kind) for kind in set(kinds)}
    assert counts == {"clicks": 800, "carts": 52, "orders": 10}
    lengths = list(map(len, log.sessions))
    assert (min(lengths), max(lengths)) == (2, 276)
    assert all((np.diff(times).astype(int) >= 0).all() for times in log.times)
