"""Stays in intensive care: the PhysioNet/Computing in Cardiology Challenge 2012.

A file for each patient becomes rows of one long table of events, as databases of hospitals hold
them. Nothing is downloaded here, and pandas is imported when the function is called.
"""

import io
import os
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from seqlearn.datasets.csv_files import read_rows
from seqlearn.datasets.data_home import data_home as environment_home
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

if TYPE_CHECKING:
    import pandas as pd

_FOLDER = "physionet2012"
_URL = "https://physionet.org/content/challenge-2012/1.0.0"
_SETS = {"train": "a", "test": "b"}
_HEADER = b"Time,Parameter,Value"
_OUTCOMES = ["RecordID", "SAPS-I", "SOFA", "Length_of_stay", "Survival", "In-hospital_death"]
_STATIC = ["Age", "Gender", "Height", "ICUType", "Weight"]
_UNKNOWN = -1.0


class IntensiveCareStays(NamedTuple):
    """The first two days of patients in intensive care; see `fetch_physionet2012`."""

    ids: np.ndarray
    events: "pd.DataFrame"
    static: "pd.DataFrame"
    died: np.ndarray


def fetch_physionet2012(
    part: Literal["train", "test"] = "train", *, data_home: str | os.PathLike[str] | None = None
) -> IntensiveCareStays:
    """Read the first 48 hours of patients in intensive care, and who died in hospital.

    The PhysioNet/Computing in Cardiology Challenge 2012: up to 37 variables of adult patients, each
    measured when it was measured, from every few minutes (heart rate) to never. Set a, for
    training, and set b, for tests, hold 4,000 patients each, of whom 554 and 568 died; 3 and 7 of
    them have no measurement at all. As 86 % survive, accuracy says nothing here: judge by
    `sklearn.metrics.roc_auc_score` and `average_precision_score`. Licence: Open Data Commons
    Attribution 1.0.

    The files ``set-a.zip`` and ``Outcomes-a.txt``, or those of set b, are looked for in
    ``physionet2012`` below the data home. They are not downloaded: take them from
    https://physionet.org/content/challenge-2012/1.0.0.

    Parameters
    ----------
    part : {"train", "test"}, default="train"
        The set to read: a or b.
    data_home : str, os.PathLike or None, default=None
        The folder to look in; None is the one that the environment variable ``SEQLEARN_DATA``
        names.

    Returns
    -------
    IntensiveCareStays
        A named tuple of N patients, in the order of their numbers:

        - ``ids``, ndarray of shape (N,), int64: the patients' numbers;
        - ``events``, DataFrame: the measurements as they were written down, one a row, with the
          columns ``id``, ``time`` (hours since admission, 0 to 48), ``variable`` and ``value``, by
          patient and time. A variable may stand at one time several times. Impossible values occur,
          such as temperatures of -17.8: limit them, `SequenceScaler` does with ``clip=5.0``;
        - ``static``, DataFrame with the index ``ids``: ``Age`` in years, ``Gender`` (0 female, 1
          male), ``Height`` in cm, ``ICUType`` (1 coronary, 2 cardiac surgery, 3 medical,
          4 surgical) and ``Weight`` on admission in kg, NaN where it is not known;
        - ``died``, ndarray of shape (N,), int64: 1 for a patient who died in hospital, else 0.

    Raises
    ------
    InvalidParameterError
        When `part` is none of the above.
    DatasetNotFoundError
        When a file is not on this machine. A subclass of FileNotFoundError.
    DataFormatError
        When a file is not as published; the patient's file and the line are named. A subclass of
        ValueError.

    See Also
    --------
    seqlearn.events_to_sequences : Make sequences of such a table.

    References
    ----------
    Silva, Moody, Scott, Celi and Mark (2012). Predicting in-hospital mortality of ICU patients: the
    PhysioNet/Computing in Cardiology Challenge 2012. Computing in Cardiology 39, 245-248.

    Goldberger et al. (2000). PhysioBank, PhysioToolkit, and PhysioNet. Circulation 101 (23),
    e215-e220.

    Examples
    --------
    With files put into the data home by hand:

    >>> import pathlib, tempfile, zipfile
    >>> from seqlearn.datasets import fetch_physionet2012
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "physionet2012")
    ...     folder.mkdir()
    ...     with zipfile.ZipFile(folder / "set-a.zip", "w") as archive:
    ...         archive.writestr(
    ...             "set-a/7.txt",
    ...             "Time,Parameter,Value\\n00:00,RecordID,7\\n00:00,Age,54\\n00:00,Gender,0\\n"
    ...             "00:00,Height,-1\\n00:00,ICUType,4\\n00:00,Weight,-1\\n00:30,HR,73\\n",
    ...         )
    ...     _ = (folder / "Outcomes-a.txt").write_text(
    ...         "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\\n7,6,1,5,-1,0\\n"
    ...     )
    ...     stays = fetch_physionet2012(data_home=home)
    >>> stays.events
       id  time variable  value
    0   7   0.5       HR   73.0
    >>> stays.static.loc[7, "Age"], stays.died.tolist()
    (np.float64(54.0), [0])
    """
    if part not in tuple(_SETS):
        raise InvalidParameterError(
            f"part={part!r} is not accepted; choose one of {', '.join(map(repr, _SETS))}."
        )
    home = environment_home() if data_home is None else Path(data_home).expanduser()
    letter = _SETS[part]
    archive = _find(home, f"set-{letter}.zip")
    outcomes = _read_outcomes(_find(home, f"Outcomes-{letter}.txt"))
    files = _read_archive(archive)
    ids = np.array(sorted(files), dtype=np.int64)
    if ids.tolist() != sorted(outcomes):
        odd = sorted(files.keys() ^ outcomes.keys())[0]
        where = "the outcomes" if odd in files else archive.name
        raise DataFormatError(f"Patient {odd} is missing in {where} of {archive.parent}.")
    events, static = _split(_read_events(archive, files, ids), archive, ids)
    died = np.array([outcomes[i] for i in ids.tolist()], dtype=np.int64)
    return IntensiveCareStays(ids, events, static, died)


def _find(home: Path | None, name: str) -> Path:
    """Return the path of a file of the set."""
    if home is not None and (path := home / _FOLDER / name).is_file():
        return path
    looked_in = "$SEQLEARN_DATA is not set" if home is None else f"looked in {home / _FOLDER}"
    raise DatasetNotFoundError(
        f"{name} was not found; {looked_in}. Download it from {_URL} into a folder {_FOLDER}, and "
        "give the folder above as data_home or in the environment variable SEQLEARN_DATA."
    )


def _read_outcomes(path: Path) -> dict[int, int]:
    """Return for each patient whether they died."""
    outcomes = {}
    for line, row in read_rows(path, _OUTCOMES):
        if not row[0].isdigit() or row[-1] not in ("0", "1") or int(row[0]) in outcomes:
            raise DataFormatError(
                f"{path}, line {line}: not a new patient's number first and 0 or 1 last."
            )
        outcomes[int(row[0])] = int(row[-1])
    return outcomes


def _read_archive(path: Path) -> dict[int, bytes]:
    """Return what is in each patient's file below its header, by the number in its name."""
    files = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                stem, _, ending = name.rpartition("/")[2].partition(".")
                if ending != "txt":
                    continue
                header, _, rows = archive.read(name).replace(b"\r\n", b"\n").partition(b"\n")
                if header != _HEADER or not stem.isdigit():
                    raise DataFormatError(
                        f"{name} in {path}: a patient's file, NUMBER.txt, begins with the line "
                        f"{_HEADER.decode()}."
                    )
                files[int(stem)] = rows.strip(b"\n")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataFormatError(f"{path} is not a zip archive that can be read ({error}).") from error
    if not files:
        raise DataFormatError(f"{path} holds no patient's file, NUMBER.txt.")
    return files


def _read_events(path: Path, files: dict[int, bytes], ids: np.ndarray) -> "pd.DataFrame":
    """Return all rows of all files as one table, read at once."""
    import pandas as pd

    chosen = [files[i] for i in ids.tolist()]
    counts = [one.count(b"\n") + 1 for one in chosen]
    try:
        table = pd.read_csv(
            io.BytesIO(b"\n".join(chosen)),
            header=None,
            names=["time", "variable", "value"],
            dtype={"time": "category", "variable": "category", "value": np.float64},
            na_filter=False,
            skip_blank_lines=False,
            index_col=False,
        )
        clock = table["time"].cat.categories
        hours = np.array([_hours(one) for one in clock])
        if len(table) != sum(counts):
            raise ValueError("rows were lost")
    except ValueError as error:
        raise DataFormatError(_first_fault(path, files)) from error
    table["time"] = hours[table["time"].cat.codes]
    table.insert(0, "id", np.repeat(ids, counts))
    return table


def _hours(clock: str) -> float:
    """Return hh:mm in hours."""
    hours, colon, minutes = clock.partition(":")
    if not colon or not (hours.isdigit() and minutes.isdigit()) or int(minutes) > 59:
        raise ValueError(f"{clock} is no time")
    return int(hours) + int(minutes) / 60


def _first_fault(path: Path, files: dict[int, bytes]) -> str:
    """Say where the first row is that is not time, variable and value."""
    for number, rows in sorted(files.items()):
        for i, line in enumerate(rows.split(b"\n"), 2):
            try:
                time, _, value = line.decode().split(",")
                _hours(time), float(value)
            except ValueError:
                return (
                    f"{number}.txt in {path}, line {i}: {line!r} is not a row hh:mm,variable,value."
                )
    return f"{path} cannot be read as rows hh:mm,variable,value."


def _split(
    table: "pd.DataFrame", path: Path, ids: np.ndarray
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Return the measurements, and the descriptors: rows of the first minute, the first of each."""
    names = ["RecordID", *_STATIC]
    first = table[(table["time"] == 0) & table["variable"].isin(names)]
    first = first[~first.duplicated(["id", "variable"])]
    wide = first.astype({"variable": str}).pivot(index="id", columns="variable", values="value")
    wide = wide.reindex(index=ids, columns=names)
    if wide.isna().to_numpy().any() or (wide["RecordID"] != ids).any():
        complete = wide.notna().all(axis=1) & (wide["RecordID"] == ids)
        raise DataFormatError(
            f"{ids[complete.to_numpy().argmin()]}.txt in {path}: rows at 00:00 must have its own "
            f"RecordID, {', '.join(_STATIC[:-1])} and {_STATIC[-1]}."
        )
    static = wide[_STATIC].where(wide[_STATIC] != _UNKNOWN)
    static.index.name, static.columns.name = "id", None
    events = table.drop(first.index).reset_index(drop=True)
    events["variable"] = events["variable"].cat.set_categories(sorted(set(events["variable"])))
    return events, static
