"""Stays in intensive care: archives written by hand, faulty ones, and the real ones."""

import zipfile

import numpy as np
import pytest

from seqlearn.datasets import data_home, fetch_physionet2012
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

HEADER = "Time,Parameter,Value"
FIRST = [
    "00:00,RecordID,{}",
    "00:00,Age,54",
    "00:00,HR,70",
    "00:00,Gender,0",
    "00:00,Height,-1",
    "00:00,ICUType,4",
    "00:00,Weight,80",
    "00:00,Weight,81",
]
OUTCOMES = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death"


def file_of(number, *rows, first=FIRST, header=HEADER, end="\n"):
    return end.join([header, *(row.format(number) for row in first), *rows]) + end


@pytest.fixture
def home(tmp_path):
    """Return a function that writes set a, {name: text}, and outcomes, and its data home."""

    def write(files, outcomes=("7,6,1,5,-1,0", "3,9,8,5,20,1"), head=OUTCOMES):
        folder = tmp_path / "physionet2012"
        folder.mkdir(exist_ok=True)
        with zipfile.ZipFile(folder / "set-a.zip", "w") as archive:
            archive.writestr("set-a/", "")
            for name, text in files.items():
                archive.writestr(f"set-a/{name}", text)
        (folder / "Outcomes-a.txt").write_text("\n".join([head, *outcomes]) + "\n")
        return {"data_home": tmp_path}

    return write


def test_stays_as_written(home):
    files = {
        "7.txt": file_of(7, "01:30,HR,73", "01:30,HR,75", "47:59,Temp,-17.8", end="\r\n"),
        "3.txt": file_of(3, "48:00,pH,7.25").rstrip("\n"),
        "notes.md": "no patient",
    }
    stays = fetch_physionet2012(**home(files))
    assert stays.ids.tolist() == stays.static.index.tolist() == [3, 7]
    assert stays.died.tolist() == [1, 0]
    assert list(stays.events.columns) == ["id", "time", "variable", "value"]
    assert stays.events.to_numpy().tolist() == [
        [3, 0.0, "HR", 70.0],
        [3, 0.0, "Weight", 81.0],
        [3, 48.0, "pH", 7.25],
        [7, 0.0, "HR", 70.0],
        [7, 0.0, "Weight", 81.0],
        [7, 1.5, "HR", 73.0],
        [7, 1.5, "HR", 75.0],
        [7, 47 + 59 / 60, "Temp", -17.8],
    ]
    assert stays.events["variable"].cat.categories.tolist() == ["HR", "Temp", "Weight", "pH"]
    assert stays.static.columns.tolist() == ["Age", "Gender", "Height", "ICUType", "Weight"]
    expected = [54, 0, np.nan, 4, 80]
    np.testing.assert_array_equal(stays.static.to_numpy(), [expected, expected])


def test_a_patient_without_measurements_has_descriptors(home):
    first = [row for row in FIRST if "HR" not in row and "81" not in row]
    stays = fetch_physionet2012(
        **home({"7.txt": file_of(7, first=first)}, outcomes=["7,6,1,5,-1,0"])
    )
    assert len(stays.events) == 0 and len(stays.static) == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"7.txt": file_of(7, "01:30,HR,x")}, r"7\.txt in .*set-a\.zip, line 10: b'01:30,HR,x'"),
        ({"7.txt": file_of(7, "01:30,HR,1,2")}, "line 10"),
        ({"7.txt": file_of(7, "01:30,HR")}, "line 10"),
        ({"7.txt": file_of(7, "", "01:30,HR,1")}, "line 10: b''"),
        ({"7.txt": file_of(7, "1.30,HR,1")}, "line 10"),
        ({"7.txt": file_of(7, "01:77,HR,1")}, "line 10"),
        ({"7.txt": file_of(7, header="Time,Value")}, r"set-a/7\.txt.*begins with"),
        ({"x7.txt": file_of(7)}, r"set-a/x7\.txt"),
        ({"7.txt": file_of(8)}, r"7\.txt in .*its own RecordID"),
        ({"7.txt": file_of(7, first=FIRST[:1])}, r"7\.txt.*RecordID, Age, Gender"),
        ({"a.md": ""}, "holds no patient's file"),
        ({"7.txt": file_of(7), "9.txt": file_of(9)}, "Patient 9 is missing in the outcomes"),
    ],
)
def test_faulty_archives_are_refused(home, files, message):
    with pytest.raises(DataFormatError, match=message):
        fetch_physionet2012(**home(files, outcomes=["7,6,1,5,-1,0"]))


@pytest.mark.parametrize(
    "outcomes", [["7,6,1,5,-1,2"], ["x,6,1,5,-1,0"], ["7,6,1,5,-1,0"] * 2, ["8,6,1,5,-1,0"], ["7"]]
)
def test_faulty_outcomes_are_refused(home, outcomes):
    with pytest.raises(DataFormatError, match=r"Outcomes-a\.txt|missing in"):
        fetch_physionet2012(**home({"7.txt": file_of(7)}, outcomes))
    with pytest.raises(DataFormatError, match="columns"):
        fetch_physionet2012(**home({"7.txt": file_of(7)}, head="a,b"))


def test_what_is_no_archive_is_refused(home):
    where = home({"7.txt": file_of(7)})
    (where["data_home"] / "physionet2012" / "set-a.zip").write_bytes(b"no archive")
    with pytest.raises(DataFormatError, match="not a zip archive"):
        fetch_physionet2012(**where)


def test_absent_files_and_parts_are_told(tmp_path, monkeypatch):
    with pytest.raises(InvalidParameterError, match=r"part='a'.*'train', 'test'"):
        fetch_physionet2012("a")
    with pytest.raises(DatasetNotFoundError, match=r"set-b\.zip.*looked in .*physionet2012"):
        fetch_physionet2012("test", data_home=tmp_path)
    monkeypatch.delenv("SEQLEARN_DATA", raising=False)
    with pytest.raises(DatasetNotFoundError, match=r"SEQLEARN_DATA is not set.*physionet\.org"):
        fetch_physionet2012()


@pytest.mark.slow
def test_counts_of_the_real_sets():
    home = data_home()
    if home is None or not (home / "physionet2012").is_dir():
        pytest.skip("needs the folder physionet2012 in $SEQLEARN_DATA")
    for part, n_died, n_rows, n_silent in [
        ("train", 554, 1_654_892, 3),
        ("test", 568, 1_590_816, 7),
    ]:
        stays = fetch_physionet2012(part, data_home=home)
        assert (len(stays.ids), stays.died.sum(), len(stays.events)) == (4000, n_died, n_rows)
        assert len(set(stays.ids) - set(stays.events["id"])) == n_silent
        assert stays.events["variable"].nunique() == 37
        assert stays.events["time"].between(0, 48).all()
        assert stays.static.stack().min() >= 0
