"""Series with labelled anomalies: what is read is what was written, and the generated one holds."""

import importlib.machinery
import importlib.util
import json

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import average_precision_score

from seqlearn.datasets import (
    anomaly,
    data_home,
    fetch_nab,
    load_mitdb,
    load_yahoo,
    make_broken_relation,
)
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError
from seqlearn.metrics import nab_score

QUIET = "artificialNoAnomaly/art_daily_small_noise"
JUMPS = "artificialWithAnomaly/art_daily_jumpsup"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a series of NAB into an empty data home."""

    def write(name, *lines):
        path = tmp_path / "nab" / "data" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in ("timestamp,value", *lines)))
        return path

    return write


def nab_home():
    home = data_home()
    if home is None or not (home / "nab" / "data").is_dir():
        pytest.skip("needs the folder nab in $SEQLEARN_DATA")
    return home / "nab"


def test_a_series_as_written(write, tmp_path):
    write(QUIET, "2014-04-01 00:00:00,1.5", "2014-04-01 02:55:00,nan", "2014-04-01 02:00:00,-3")
    [series] = fetch_nab(QUIET, data_home=tmp_path, download_if_missing=False)
    assert series.name == QUIET and series.windows == [] and series.labels.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(series.values, [1.5, np.nan, -3])
    stamps = ["2014-04-01T00:00:00", "2014-04-01T02:55:00", "2014-04-01T02:00:00"]
    assert series.timestamps.astype(str).tolist() == stamps
    assert series.timestamps.dtype == "M8[s]"


def test_labels_are_the_windows(write, tmp_path):
    write(JUMPS, *(f"2014-04-01 00:00:00,{i}" for i in range(4032)))
    [series] = fetch_nab(JUMPS, data_home=tmp_path)
    assert series.windows == [(2787, 3190)]
    assert np.flatnonzero(series.labels).tolist() == list(range(2787, 3190))
    series.windows.append((1, 2))  # what one caller does, the next does not see
    assert fetch_nab(JUMPS, data_home=tmp_path)[0].windows == [(2787, 3190)]


@pytest.mark.slow
def test_nab_itself():
    home = nab_home()
    published = json.loads((home / "labels" / "combined_windows.json").read_text())
    corpus = fetch_nab()
    assert [f"{series.name}.csv" for series in corpus] == sorted(published)
    assert sum(len(series.windows) for series in corpus) == 23
    lengths = {len(series.values) for series in corpus}
    assert min(lengths) == 4032 and max(lengths) == 22_695
    for series in corpus:
        for (start, end), limits in zip(
            series.windows, published[f"{series.name}.csv"], strict=True
        ):
            first, last = np.array(limits, dtype="M8[s]")
            assert series.timestamps[start] == first and series.timestamps[end - 1] == last
        assert np.isfinite(series.values).all()
    steps = {series.name: np.diff(series.timestamps).astype(int) for series in corpus}
    irregular = {name.partition("/")[2] for name, step in steps.items() if len(set(step)) > 1}
    assert irregular == {
        "ec2_network_in_257a54",
        "rds_cpu_utilization_cc0c53",
        "ambient_temperature_system_failure",
        "machine_temperature_system_failure",
    }
    assert sum((step <= 0).sum() for step in steps.values()) == 1
    windows = [series.windows for series in corpus]
    assert nab_score(windows, [series.labels for series in corpus]) == pytest.approx(100)
    assert nab_score(windows, [0 * series.labels for series in corpus]) == 0


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["2014-04-01 00:00:00,1", "soon,2"], "line 3: 'soon' is not a time"),
        (["2014-04-01 00:00:00,much"], "line 2"),
        (["2014-04-01 00:00:00"], "line 2: 1 cells"),
        ([], "holds no data"),
    ],
)
def test_nab_files_that_are_refused(write, tmp_path, lines, message):
    write(QUIET, *lines)
    with pytest.raises(DataFormatError, match=message):
        fetch_nab(QUIET, data_home=tmp_path)


def test_a_series_too_short_for_its_windows_is_refused(write, tmp_path):
    write(JUMPS, "2014-04-01 00:00:00,1")
    with pytest.raises(DataFormatError, match="has 1 rows, but its windows reach to row 3190"):
        fetch_nab(JUMPS, data_home=tmp_path)


def test_absent_and_unknown_series(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"small_noise\.csv was not found"):
        fetch_nab(data_home=tmp_path, download_if_missing=False)
    with pytest.raises(InvalidParameterError, match=r"name must be None or one of .*nyc_taxi"):
        fetch_nab("nyc_taxi")


# What sktime carries


def test_yahoo_and_mitdb():
    values, labels = load_yahoo()
    assert values.shape == labels.shape == (1000,) and labels.sum() == 7
    values, labels = load_mitdb()
    assert values.shape == labels.shape == (7500,) and labels.sum() == 352
    assert np.isfinite(values).all() and values.flags["C_CONTIGUOUS"] and labels.dtype == np.int64


def test_the_data_home_serves_without_sktime(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    monkeypatch.setenv("SEQLEARN_DATA", str(tmp_path))
    with pytest.raises(DatasetNotFoundError, match=r"yahoo\.csv was not found; looked in .*yahoo"):
        load_yahoo()
    (tmp_path / "yahoo").mkdir()
    (tmp_path / "yahoo" / "yahoo.csv").write_text("data,label\n1.5,0\n2,1\n")
    values, labels = load_yahoo()
    assert values.tolist() == [1.5, 2] and labels.tolist() == [0, 1]
    (tmp_path / "yahoo" / "yahoo.csv").write_text("data,label\n1.5,0\n2,3\n")
    with pytest.raises(DataFormatError, match="line 3: 2,3 is not a finite value and a label"):
        load_yahoo()
    monkeypatch.delenv("SEQLEARN_DATA")
    with pytest.raises(DatasetNotFoundError, match="neither sktime nor SEQLEARN_DATA"):
        load_yahoo()


def test_sktime_comes_first(tmp_path, monkeypatch):
    spec = importlib.machinery.ModuleSpec("sktime", loader=None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path / "site")]
    monkeypatch.setattr(importlib.util, "find_spec", {"sktime": spec}.get)
    monkeypatch.setenv("SEQLEARN_DATA", str(tmp_path))
    for folder, value in ((tmp_path / "site" / "datasets" / "data", 1), (tmp_path, 2)):
        (folder / "mitdb").mkdir(parents=True)
        (folder / "mitdb" / "mitdb.csv").write_text(f"data,label\n{value},0\n")
    assert load_mitdb()[0].tolist() == [1]


# The generated one


@pytest.mark.parametrize("seed", range(3))
def test_each_channel_alone_is_blind_and_the_two_together_are_not(seed):
    data = make_broken_relation(random_state=seed)
    a, b = data.channels
    assert data.train.shape == data.test.shape == (4000, 5) and data.labels.mean() == 0.1
    gap = np.abs(data.test[:, a] - data.test[:, b])
    assert average_precision_score(data.labels, gap) > 0.85
    assert np.abs(data.train[:, a] - data.train[:, b]).max() < 0.5
    correlations = np.abs(np.corrcoef(data.train.T) - np.eye(5))
    assert correlations[a, b] > 0.99
    correlations[[a, b], [b, a]] = 0
    assert correlations.max() < 0.3
    for channel in data.test.T:
        for score in (np.abs(channel), np.abs(np.gradient(channel))):
            assert average_precision_score(data.labels, score) < 0.25


def test_the_law_of_each_channel_is_that_of_normal_times():
    many = [make_broken_relation(500, 2, n_breaks=5, random_state=seed) for seed in range(200)]
    abnormal = np.array([data.test[data.labels == 1][::25] for data in many]).reshape(-1, 2)
    normal = np.array([data.train[::50] for data in many]).reshape(-1, 2)
    for i in (0, 1):
        assert ks_2samp(abnormal[:, i], normal[:, i]).pvalue > 0.001
    assert np.std(normal) == pytest.approx(1, abs=0.05)
    assert np.std(abnormal) == pytest.approx(1, abs=0.05)


def test_generated_series_are_reproducible_and_may_be_small():
    one, two = (make_broken_relation(100, 2, n_breaks=1, random_state=7) for _ in range(2))
    np.testing.assert_array_equal(one.test, two.test)
    assert one.labels.sum() == 10 and one.channels == (0, 1)
    other = make_broken_relation(100, 2, n_breaks=1, random_state=8)
    assert (one.test != other.test).any()


@pytest.mark.parametrize(
    "parameters", [{"n_steps": 499}, {"n_channels": 1}, {"n_breaks": 0}, {"random_state": "now"}]
)
def test_parameters_that_are_refused(parameters):
    with pytest.raises(InvalidParameterError, match=next(iter(parameters))):
        make_broken_relation(**parameters)


def test_checksums_are_those_of_the_files_here():
    home = nab_home()
    listed = dict(
        reversed(line.split()) for line in (home / "SHA256SUMS").read_text().strip().splitlines()
    )
    for name, digest in anomaly._SHA256.items():
        assert listed[f"data/{name}.csv"] == digest
