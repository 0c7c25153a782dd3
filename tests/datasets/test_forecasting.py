"""The loaders of series to forecast: files written by hand, faulty ones, and the real ones."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from seqlearn.datasets import data_home, load_ett, load_m4_hourly, load_vic_electricity
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

ETT_HEADER = "date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT"
VIC_HEADER = "Time,Demand,Temperature,Date,Holiday"
LOADERS = {
    "ett_small/ETTh1.csv": load_ett,
    "m4_hourly/Hourly-train.csv": load_m4_hourly,
    "vic_electricity/vic_electricity.csv": load_vic_electricity,
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a function that writes lines to a file of an empty data home."""
    monkeypatch.setenv("SEQLEARN_DATA", str(tmp_path))

    def write(name, *lines, end="\n", encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes("".join(line + end for line in lines).encode(encoding))
        return path

    return write


def ett_lines(n, freq="h"):
    """Lines of ETT whose cells are 7 times their row, plus their column."""
    times = pd.date_range("2016-07-01", periods=n, freq=freq)
    cells = np.arange(7 * n).reshape(n, 7) + 0.5
    rows = [",".join(map(str, row)) for row in cells]
    return [ETT_HEADER, *(f"{t:%Y-%m-%d %H:%M:%S},{r}" for t, r in zip(times, rows, strict=True))]


def m4_line(name, values, width):
    return ",".join(f'"{cell}"' for cell in [name, *values, *[""] * (width - len(values))])


def m4_header(width):
    return ",".join(f'"V{i}"' for i in range(1, width + 2))


def write_m4(home, series, test=None):
    """Write M4 Hourly with the given training parts; the test parts are 48 times their number."""
    width = max(map(len, series.values()))
    lines = [m4_line(name, values, width) for name, values in series.items()]
    home("m4_hourly/Hourly-train.csv", m4_header(width), *lines)
    test = test or {name: [i] * 48 for i, name in enumerate(series)}
    width = max(map(len, test.values()))
    lines = [m4_line(name, values, width) for name, values in test.items()]
    return home("m4_hourly/Hourly-test.csv", m4_header(width), *lines)


# What was written is read back


@pytest.mark.parametrize(
    ("name", "freq"), [("ETTh1", "h"), ("ETTh2", "h"), ("ETTm1", "15min"), ("ETTm2", "15min")]
)
@pytest.mark.parametrize(("end", "encoding"), [("\n", "utf-8"), ("\r\n", "utf-8-sig")])
def test_ett(home, name, freq, end, encoding):
    home(f"ett_small/{name}.csv", *ett_lines(30, freq), "", end=end, encoding=encoding)
    y = load_ett(name)
    assert list(y.columns) == ETT_HEADER.split(",")[1:]
    np.testing.assert_array_equal(y.to_numpy(), np.arange(210).reshape(30, 7) + 0.5)
    assert isinstance(y.index, pd.DatetimeIndex) and y.index.freqstr == freq
    assert y.index[0] == pd.Timestamp("2016-07-01") and y.index.is_monotonic_increasing
    assert (y.dtypes == np.float64).all()


def test_m4(home):
    write_m4(home, {"H1": [1, 2, 3], "H10": [4.5], "H2": [-6, 7e3]})
    train, test = load_m4_hourly()
    assert train.index.names == test.index.names == ["series", "step"]
    assert list(train.index) == [("H1", 0), ("H1", 1), ("H1", 2), ("H10", 0), ("H2", 0), ("H2", 1)]
    assert train["value"].tolist() == [1, 2, 3, 4.5, -6, 7000]
    assert test.loc["H10", "value"].tolist() == [1] * 48
    assert test.loc["H1"].index.tolist() == list(range(3, 51))
    assert test.loc["H10"].index.tolist() == list(range(1, 49))
    assert train.index.levels[1].dtype.kind == "i" and train["value"].dtype == np.float64


def test_vic_electricity(home):
    times = pd.date_range("2013-01-01", periods=3, freq="30min")
    rows = [f"{t:%Y-%m-%dT%H:%M:%SZ},{i}.5,{i},2013-01-01,TRUE" for i, t in enumerate(times)]
    rows[1] = rows[1].replace("TRUE", "FALSE")
    home("vic_electricity/vic_electricity.csv", VIC_HEADER, *rows)
    y, X = load_vic_electricity()
    assert y.name == "Demand" and y.tolist() == [0.5, 1.5, 2.5]
    assert X.to_dict("list") == {"Temperature": [0, 1, 2], "Holiday": [1, 0, 1]}
    assert y.index.equals(X.index) and y.index.freqstr == X.index.freqstr == "30min"
    assert y.index.tz is None and y.index[0] == times[0]


# Refusals


@pytest.mark.parametrize("name", LOADERS)
def test_absent_files_are_named(home, tmp_path, name, monkeypatch):
    folder, file = name.split("/")
    with pytest.raises(DatasetNotFoundError, match=f"{file} was not found; looked in .*{folder}"):
        LOADERS[name]()
    monkeypatch.delenv("SEQLEARN_DATA")
    with pytest.raises(DatasetNotFoundError, match=r"SEQLEARN_DATA is not set\. Download it"):
        LOADERS[name]()


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("lines", [[], ["a,b,c"]])
def test_files_without_data_are_refused(home, name, lines):
    path = home(name, *lines)
    home("m4_hourly/Hourly-test.csv", *ett_lines(3))
    with pytest.raises(DataFormatError, match=f"{path} holds no data: {len(lines)} lines"):
        LOADERS[name]()


@pytest.mark.parametrize("name", LOADERS)
def test_files_that_are_not_csv_are_refused(home, name):
    home("m4_hourly/Hourly-test.csv", *ett_lines(3))
    for lines, encoding in [(["a", "b\xff"], "latin-1"), (['a,b,"c'], "utf-8")]:
        home(name, *lines, encoding=encoding)
        with pytest.raises(DataFormatError, match="is not a CSV file of UTF-8 text"):
            LOADERS[name]()


@pytest.mark.parametrize("name", ["ett_small/ETTh1.csv", "vic_electricity/vic_electricity.csv"])
def test_another_header_is_refused(home, name):
    home(name, "time,load", "2016-07-01 00:00:00,1")
    with pytest.raises(DataFormatError, match=r"columns time,load, where (date|Time),.* expected"):
        LOADERS[name]()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row + ",1", "line 4: 9 cells, but the header has 8"),
        (lambda row: row.rpartition(",")[0], "line 4: 7 cells"),
        (lambda row: row.rpartition(",")[0] + ",", "line 4: could not convert .*''"),
        (lambda row: row.rpartition(",")[0] + ",hot", "line 4: could not convert .*'hot'"),
        (lambda row: row.rpartition(",")[0] + ",1_000", "line 4: could not convert .*'1_000'"),
        (lambda row: row.rpartition(",")[0] + ",1e400", "line 4: '1e400' is infinite, or too"),
        (lambda row: row.replace("02:00", "03:00"), "line 4: the time is '2016-07-01 03:00:00'"),
        (lambda row: row.replace("02:00", "01:00"), "line 4: the time is '2016-07-01 01:00:00'"),
        (lambda row: row.replace("2016-07-01", "1/7/2016"), "line 4: the time is '1/7/2016 02:"),
    ],
)
def test_a_faulty_row_of_ett_is_named(home, change, message):
    lines = ett_lines(6)
    lines[3] = change(lines[3])
    home("ett_small/ETTh1.csv", *lines)
    with pytest.raises(DataFormatError, match=message):
        load_ett()


def test_a_first_time_that_cannot_be_read_is_named(home):
    lines = ett_lines(6)
    lines[1] = lines[1].replace("2016", "")
    home("ett_small/ETTh1.csv", *lines)
    with pytest.raises(DataFormatError, match="line 2: the time is '-07-01"):
        load_ett()


def test_an_unknown_name_of_ett():
    for name in ("ETTh3", "etth1", None, []):
        with pytest.raises(InvalidParameterError, match="name must be one of 'ETTh1', 'ETTh2'"):
            load_ett(name)


def test_another_flag_than_true_and_false_is_named(home):
    row = "2013-01-01T00:00:00Z,1,2,2013-01-01,no"
    home("vic_electricity/vic_electricity.csv", VIC_HEADER, row)
    with pytest.raises(DataFormatError, match="line 2: Holiday is 'no', not TRUE or FALSE"):
        load_vic_electricity()


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ({"H1": [1, "x"]}, None, "Hourly-train.csv, line 2: could not convert .*'x'"),
        ({"H1": [1, 2, 3], "H2": [1, "", 3]}, None, "Hourly-train.csv, line 3: could not convert"),
        ({"H1": [1, 2], "H2": []}, None, "line 3: the series 'H2' has no values"),
        ({"H1": [1], "H2": [1]}, {"H2": [1] * 48, "H1": [1] * 48}, "do not list the same series"),
        ({"H1": [1], "H2": [1]}, {"H1": [1] * 48}, "do not list the same series.* 2 and 1 series"),
        ({"H1": [1]}, {"H1": [1] * 47}, "Hourly-test.csv: series 'H1' has 47 values, not 48"),
    ],
)
def test_faulty_files_of_m4(home, train, test, message):
    write_m4(home, train, test)
    with pytest.raises(DataFormatError, match=message):
        load_m4_hourly()


def test_a_repeated_or_ragged_series_of_m4(home):
    write_m4(home, {"H1": [1, 2]})
    for line, message in [
        ("H1,5,6", "line 3: the series 'H1' occurs twice"),
        ("H2,5,6,7", "line 3: 4 cells, but the header has 3"),
        ("H2,5", "line 3: 2 cells"),
    ]:
        home("m4_hourly/Hourly-train.csv", "V1,V2,V3", "H1,1,2", line)
        with pytest.raises(DataFormatError, match=message):
            load_m4_hourly()


# The real files, counted by the data folder's SOURCE.md


@pytest.fixture
def real():
    """Skip unless the data home has the files of the loaders."""
    home = data_home()
    for name in LOADERS:
        if home is None or not (home / name).is_file():
            pytest.skip(f"needs {name} in $SEQLEARN_DATA")


@pytest.mark.slow
def test_the_real_files(real):
    from sktime.datatypes import check_is_mtype

    y = load_ett()
    assert y.shape == (17_420, 7) and not y.isna().any(axis=None)
    assert y.index[-1] == pd.Timestamp("2018-06-26 19:00")
    assert check_is_mtype(y, "pd.DataFrame", "Series")

    train, test = load_m4_hourly()
    assert (train.shape, test.shape) == ((353_500, 1), (414 * 48, 1))
    lengths = train.groupby(level="series").size()
    assert (len(lengths), lengths.min(), lengths.max()) == (414, 700, 960)
    assert check_is_mtype(train, "pd-multiindex", "Panel")
    assert check_is_mtype(test, "pd-multiindex", "Panel")

    y, X = load_vic_electricity()
    assert len(y) == len(X) == 52_608 and not X.isna().any(axis=None)
    assert y.index[-1] == pd.Timestamp("2014-12-31 12:30") and y.index.freqstr == "30min"
    assert set(X["Holiday"]) == {0.0, 1.0}
    assert check_is_mtype(y, "pd.Series", "Series") and check_is_mtype(X, "pd.DataFrame", "Series")


def test_importing_the_loaders_does_not_import_pandas():
    code = "import sys, seqlearn.datasets.forecasting; print('pandas' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
