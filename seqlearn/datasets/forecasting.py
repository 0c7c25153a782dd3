"""Series to forecast, as the frames that sktime reads: ETT, M4 Hourly, vic_electricity.

The files are those of `$SEQLEARN_DATA/<folder>/`, in the formats of their publishers; nothing is
downloaded here, and `data_home` knows the folder. pandas is imported when a loader is called. The
data belong to their authors and are under terms of their own, named in each function.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqlearn.datasets.csv_files import Row, read_cells, read_rows
from seqlearn.datasets.data_home import data_home
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

if TYPE_CHECKING:
    import pandas as pd

_ETT = {"ETTh1": "h", "ETTh2": "h", "ETTm1": "15min", "ETTm2": "15min"}
_ETT_URL = "https://github.com/zhouhaoyi/ETDataset/tree/main/ETT-small"
_ETT_COLUMNS = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
_M4_URL = "https://github.com/Mcompetitions/M4-methods/tree/master/Dataset"
_M4_HORIZON = 48
_VIC_URL = "https://github.com/skforecast/skforecast-datasets/tree/main/data"
_VIC_COLUMNS = ["Time", "Demand", "Temperature", "Date", "Holiday"]


def load_ett(name: str = "ETTh1") -> pd.DataFrame:
    """Load a series of Electricity Transformer Temperature: six loads and the oil's temperature.

    Two years, July 2016 to June 2018, of two transformers in China. In the literature, ETTh1 and
    ETTh2 are divided into 12, 4 and 4 months of 30 days: rows 0 to 8639 for training, 8640 to 11519
    for validation and 11520 to 14399 for the test, each column standardised by the training part.
    Licence: CC BY-ND 4.0.

    Parameters
    ----------
    name : {"ETTh1", "ETTh2", "ETTm1", "ETTm2"}, default="ETTh1"
        Transformer 1 or 2; "h" is hourly, "m" every 15 minutes.

    Returns
    -------
    pandas.DataFrame of shape (T, 7), float64
        Columns HUFL, HULL, MUFL, MULL, LUFL, LULL (high, middle and low loads, useful and useless)
        and OT (oil temperature). The index is a DatetimeIndex with ``freq``; ETTh1 has 17,420 rows.

    Raises
    ------
    InvalidParameterError
        When `name` is none of the above.
    DatasetNotFoundError
        When ``$SEQLEARN_DATA/ett_small/<name>.csv`` is not there.
    DataFormatError
        When the file is not as published, with the line named.

    References
    ----------
    Zhou, Zhang, Peng, Zhang, Li, Xiong and Zhang (2021). Informer: beyond efficient transformer for
    long sequence time-series forecasting. Proceedings of AAAI 2021, 11106-11115.

    Examples
    --------
    With a file put into the data home by hand:

    >>> import os, pathlib, tempfile
    >>> from unittest import mock
    >>> from seqlearn.datasets import load_ett
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "ett_small")
    ...     folder.mkdir()
    ...     _ = (folder / "ETTh1.csv").write_text(
    ...         "date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\\n"
    ...         "2016-07-01 00:00:00,5.8,2.0,1.6,0.5,4.2,1.3,30.5\\n"
    ...         "2016-07-01 01:00:00,5.7,2.1,1.5,0.4,4.1,1.4,27.8\\n"
    ...     )
    ...     with mock.patch.dict(os.environ, SEQLEARN_DATA=home):
    ...         y = load_ett("ETTh1")
    >>> y["OT"].tolist(), y.index.freqstr
    ([30.5, 27.8], 'h')
    """
    import pandas as pd

    if name not in tuple(_ETT):
        raise InvalidParameterError(
            f"name must be one of {', '.join(map(repr, _ETT))}, got {name!r}."
        )
    path = _find("ett_small", f"{name}.csv", f"{_ETT_URL}/{name}.csv")
    rows = read_rows(path, ["date", *_ETT_COLUMNS])
    index = _regular(path, rows, "%Y-%m-%d %H:%M:%S", _ETT[name])
    values = read_cells(path, [(line, row[1:]) for line, row in rows])
    return pd.DataFrame(values, index=index.rename("date"), columns=_ETT_COLUMNS)


def load_m4_hourly() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Load M4 Hourly: 414 series of the M4 competition, without dates, of unlike kinds and levels.

    The test part is the 48 steps that follow each series. The season of the competition's measures
    is 24. Terms: published with the competition, no licence stated.

    Returns
    -------
    train, test : pandas.DataFrame of shapes (353500, 1) and (19872, 1), float64
        One column, "value". The index is a MultiIndex of "series" ("H1" to "H414", in the order of
        the files) and "step" (int, from 0; the test part counts on where the training part of its
        series ends). The series have 700 to 960 steps for training.

    Raises
    ------
    DatasetNotFoundError
        When ``Hourly-train.csv`` or ``Hourly-test.csv`` is not in ``$SEQLEARN_DATA/m4_hourly``.
    DataFormatError
        When a file is not as published, or the two do not belong together, with the line named.

    References
    ----------
    Makridakis, Spiliotis and Assimakopoulos (2020). The M4 competition: 100,000 time series and 61
    forecasting methods. International Journal of Forecasting 36(1), 54-74.

    Examples
    --------
    With files put into the data home by hand:

    >>> import os, pathlib, tempfile
    >>> from unittest import mock
    >>> from seqlearn.datasets import load_m4_hourly
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "m4_hourly")
    ...     folder.mkdir()
    ...     _ = (folder / "Hourly-train.csv").write_text('"V1","V2","V3"\\n"H1","605","586"\\n')
    ...     names = ",".join(f"V{i}" for i in range(1, 50))
    ...     _ = (folder / "Hourly-test.csv").write_text(f"{names}\\nH1{',600' * 48}\\n")
    ...     with mock.patch.dict(os.environ, SEQLEARN_DATA=home):
    ...         train, test = load_m4_hourly()
    >>> train.loc["H1", "value"].tolist(), test.loc["H1"].index.tolist()[:3]
    ([605.0, 586.0], [2, 3, 4])
    """
    train_path, test_path = (
        _find("m4_hourly", name, f"{_M4_URL}/{folder}/{name}")
        for folder, name in (("Train", "Hourly-train.csv"), ("Test", "Hourly-test.csv"))
    )
    train = _read_m4(train_path)
    test = _read_m4(test_path)
    if list(train) != list(test):
        raise DataFormatError(
            f"{train_path} and {test_path} do not list the same series in the same order: "
            f"{len(train)} and {len(test)} series. Take both from {_M4_URL}."
        )
    for name, values in test.items():
        if len(values) != _M4_HORIZON:
            raise DataFormatError(
                f"{test_path}: series {name!r} has {len(values)} values, not {_M4_HORIZON}. Take "
                f"the file from {_M4_URL}."
            )
    starts = {name: len(values) for name, values in train.items()}
    return _panel(train, dict.fromkeys(train, 0)), _panel(test, starts)


def load_vic_electricity() -> tuple[pd.Series, pd.DataFrame]:
    """Load the half-hourly electricity demand of Victoria, Australia, with weather and holidays.

    Three years of local time, 2012 to 2014, in 52,608 half-hours. The temperature is what was
    measured, so a forecast that uses it for the steps ahead knows more than it could have; holidays
    are known ahead. Licence: BSD-3-Clause for the file, which comes from the R package tsibbledata
    under GPL-3.

    Returns
    -------
    y : pandas.Series of shape (52608,), float64
        "Demand", in MWh. The index is a DatetimeIndex with ``freq`` of the start of each half-hour
        in UTC, without a time zone (local time would have gaps and repeats where clocks change):
        2011-12-31 13:00, midnight in Melbourne, to 2014-12-31 12:30.
    X : pandas.DataFrame of shape (52608, 2), float64
        "Temperature" in Melbourne, in degrees Celsius, and "Holiday", 1.0 on public holidays of
        Victoria, else 0.0.

    Raises
    ------
    DatasetNotFoundError
        When ``$SEQLEARN_DATA/vic_electricity/vic_electricity.csv`` is not there.
    DataFormatError
        When the file is not as published, with the line named.

    References
    ----------
    O'Hara-Wild, Hyndman and Wang (2022). tsibbledata: diverse datasets for 'tsibble'. R package.
    The data are of the Australian Energy Market Operator and the Bureau of Meteorology.

    Examples
    --------
    With a file put into the data home by hand:

    >>> import os, pathlib, tempfile
    >>> from unittest import mock
    >>> from seqlearn.datasets import load_vic_electricity
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "vic_electricity")
    ...     folder.mkdir()
    ...     _ = (folder / "vic_electricity.csv").write_text(
    ...         "Time,Demand,Temperature,Date,Holiday\\n"
    ...         "2011-12-31T13:00:00Z,4382.8,21.4,2012-01-01,TRUE\\n"
    ...         "2011-12-31T13:30:00Z,4263.4,21.05,2012-01-01,TRUE\\n"
    ...     )
    ...     with mock.patch.dict(os.environ, SEQLEARN_DATA=home):
    ...         y, X = load_vic_electricity()
    >>> y.tolist(), X["Holiday"].tolist()
    ([4382.8, 4263.4], [1.0, 1.0])
    """
    import pandas as pd

    name = "vic_electricity.csv"
    path = _find("vic_electricity", name, f"{_VIC_URL}/{name}")
    rows = read_rows(path, _VIC_COLUMNS)
    index = _regular(path, rows, "%Y-%m-%dT%H:%M:%SZ", "30min")
    flags = {"TRUE": "1", "FALSE": "0"}
    for line, row in rows:
        if row[4] not in flags:
            raise DataFormatError(f"{path}, line {line}: Holiday is {row[4]!r}, not TRUE or FALSE.")
    values = read_cells(path, [(line, [row[1], row[2], flags[row[4]]]) for line, row in rows])
    frame = pd.DataFrame(
        values, index=index.rename("Time"), columns=["Demand", "Temperature", "Holiday"]
    )
    return frame["Demand"], frame[["Temperature", "Holiday"]]


def _find(folder: str, name: str, url: str) -> Path:
    """Return the path of a file of the data home."""
    home = data_home()
    if home is not None and (path := home / folder / name).is_file():
        return path
    looked_in = "$SEQLEARN_DATA is not set" if home is None else f"looked in {home / folder}"
    raise DatasetNotFoundError(
        f"{name} was not found; {looked_in}. Download it from {url} into a folder {folder} and set "
        "the environment variable SEQLEARN_DATA to the folder above."
    )


def _regular(path: Path, rows: list[Row], form: str, freq: str) -> pd.DatetimeIndex:
    """Return the time stamps that the rows begin with, which must follow each other at `freq`."""
    import pandas as pd

    cells = [row[0] for _, row in rows]
    times = pd.to_datetime(pd.Index(cells), format=form, errors="coerce")  # NaT where it is not
    wrong = np.array([0])
    if times[0] is not pd.NaT:
        expected = pd.date_range(times[0], periods=len(times), freq=freq, unit=times.unit)
        wrong = np.flatnonzero(times != expected)  # NaT is unequal to all
    if len(wrong):
        line, cell = rows[wrong[0]][0], cells[wrong[0]]
        raise DataFormatError(
            f"{path}, line {line}: the time is {cell!r}, where one in the form {form}, {freq} "
            "after that of the line before, was expected."
        )
    return expected


def _read_m4(path: Path) -> dict[str, np.ndarray]:
    """Return the values of each series; the rows are filled up with empty cells on the right."""
    series: dict[str, np.ndarray] = {}
    for line, (name, *cells) in read_rows(path):
        if name in series:
            raise DataFormatError(f"{path}, line {line}: the series {name!r} occurs twice.")
        while cells and cells[-1] in ("", "NA"):
            cells.pop()
        if not cells:
            raise DataFormatError(f"{path}, line {line}: the series {name!r} has no values.")
        series[name] = read_cells(path, [(line, cells)])[0]
    return series


def _panel(series: dict[str, np.ndarray], starts: dict[str, int]) -> pd.DataFrame:
    """Stack series below each other, with their names and their steps, counted from `starts`."""
    import pandas as pd

    frames = {
        name: pd.DataFrame({"value": values}, pd.RangeIndex(len(values)) + starts[name])
        for name, values in series.items()
    }
    return pd.concat(frames, names=["series", "step"])
