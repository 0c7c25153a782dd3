"""Sessions of users: the Entree restaurant guide, and a reader of click logs in JSON lines.

A session is a list of the items in it, oldest first; what else is known of its steps stands beside
it, in lists of the same lengths. Nothing is downloaded here.
"""

import gzip
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqlearn.datasets.data_home import data_home as environment_home
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

_QUARTERS = [f"{year}-Q{quarter}" for year in range(1996, 2000) for quarter in range(1, 5)][2:14]
_MONTHS = {
    name: f"{i:02d}"
    for i, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)
}
_OPERATIONS = {
    "L": "browse",
    "M": "cheaper",
    "N": "nicer",
    "O": "closer",
    "P": "traditional",
    "Q": "creative",
    "R": "livelier",
    "S": "quieter",
    "T": "cuisine",
}
_ENTREE_URL = "https://archive.ics.uci.edu/dataset/123/entree+chicago+recommendation+data"


class EntreeSessions(NamedTuple):
    """Sessions of the Entree restaurant guide; see `fetch_entree`."""

    sessions: list[list[int]]
    operations: list[list[str]]
    times: np.ndarray
    quarters: np.ndarray
    entry_points: list[str]


class ClickLog(NamedTuple):
    """Sessions of a click log; see `read_click_log`."""

    ids: list
    sessions: list[list]
    kinds: list[list]
    times: list[np.ndarray]


def fetch_entree(
    *, min_items: int = 2, data_home: str | os.PathLike[str] | None = None
) -> EntreeSessions:
    """Read the sessions of Entree, a guide to the restaurants of Chicago, 1996 to 1999.

    A user was shown a restaurant, said what the next should be like ("cheaper", "livelier", or just
    to browse on), was shown the next, and so on. The items of a session are the restaurants of its
    steps and the end point, where that is known: 50,672 sessions of 645 restaurants, 48,416 of them
    with two items or more. It is usual to train on the quarters before 1999 (40,642 such sessions)
    and to test on the two of 1999 (28,763 items with another one before them): a split by
    `quarters`, the publisher's files, in which some sessions begin shortly before. Licence: a
    donation to the UCI KDD archive, CC BY 4.0 by its policy.

    The files are looked for in ``entree_sessions/session`` below the data home. They are not
    downloaded, as those published name the computers of users: take them from
    https://archive.ics.uci.edu/dataset/123 (names of computers are not read).

    Parameters
    ----------
    min_items : int, default=2
        Sessions with fewer items are left out; 1 keeps all.
    data_home : str, os.PathLike or None, default=None
        The folder to look in; None is the one that the environment variable ``SEQLEARN_DATA``
        names.

    Returns
    -------
    EntreeSessions
        A named tuple of N sessions in the order of the files:

        - ``sessions``, list of lists of int: the restaurants, oldest first;
        - ``operations``, list of lists of str: what the user did at each of them to get the next,
          ``"browse"``, ``"cheaper"``, ``"nicer"``, ``"traditional"``, ``"creative"``,
          ``"livelier"`` or ``"quieter"``, and ``"end"`` at an end point;
        - ``times``, ndarray of shape (N,), datetime64[s]: the begin of each session;
        - ``quarters``, ndarray of shape (N,), str: its file, ``"1996-Q3"`` to ``"1999-Q2"``;
        - ``entry_points``, list of str: where the user came from, a restaurant of another city such
          as ``"12C"``, its number and the letter of the city; ``"0"`` where it is not known.

    Raises
    ------
    DatasetNotFoundError
        When a file is not on this machine. A subclass of FileNotFoundError.
    DataFormatError
        When a file is not as published, with the line named. A subclass of ValueError.
    InvalidParameterError
        When `min_items` is not an integer of 1 or more.

    References
    ----------
    Burke (2000). Knowledge-based recommender systems. Encyclopedia of Library and Information
    Systems 69, supplement 32, 180-200. https://archive.ics.uci.edu/dataset/123

    Examples
    --------
    With files put into the data home by hand:

    >>> import pathlib, tempfile
    >>> from seqlearn.datasets import fetch_entree
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "entree_sessions", "session")
    ...     folder.mkdir(parents=True)
    ...     for quarter in "6-Q3 6-Q4 7-Q1 7-Q2 7-Q3 7-Q4 8-Q1 8-Q2 8-Q3 8-Q4 9-Q1 9-Q2".split():
    ...         _ = (folder / f"session.199{quarter}").write_text(
    ...             "07/Sep/1996:12:23:36 \\t-\\t0\\t633L\\t159P\\t475\\n"
    ...         )
    ...     entree = fetch_entree(data_home=home)
    >>> len(entree.sessions), entree.sessions[0], entree.operations[0]
    (12, [633, 159, 475], ['browse', 'traditional', 'end'])
    """
    if not isinstance(min_items, int) or isinstance(min_items, bool) or min_items < 1:
        raise InvalidParameterError(f"min_items must be an integer >= 1, got {min_items!r}.")
    home = environment_home() if data_home is None else Path(data_home).expanduser()
    sessions, operations, times, quarters, entry_points = [], [], [], [], []
    for quarter in _QUARTERS:
        path = _find_quarter(home, quarter)
        with path.open(encoding="latin-1", newline="\n") as file:
            for number, line in enumerate(file, 1):
                time, entry, items, done = _read_entree_line(line, path, number)
                if len(items) < min_items:
                    continue
                sessions.append(items)
                operations.append(done)
                times.append(time)
                quarters.append(quarter)
                entry_points.append(entry)
    return EntreeSessions(
        sessions, operations, np.array(times, dtype="M8[s]"), np.array(quarters), entry_points
    )


def _find_quarter(home: Path | None, quarter: str) -> Path:
    """Return the path of the file of a quarter."""
    name = f"session.{quarter}"
    if home is not None and (path := home / "entree_sessions" / "session" / name).is_file():
        return path
    looked_in = "$SEQLEARN_DATA is not set"
    if home is not None:
        looked_in = f"looked in {home / 'entree_sessions' / 'session'}"
    raise DatasetNotFoundError(
        f"{name} was not found; {looked_in}. Download it from {_ENTREE_URL} into a folder "
        "entree_sessions/session, and give the folder above as data_home or in the environment "
        "variable SEQLEARN_DATA."
    )


def _read_entree_line(
    line: str, path: Path, number: int
) -> tuple[np.datetime64, str, list[int], list[str]]:
    """Return time, entry point, items and operations of a session."""
    try:
        stamp, _, entry, *steps, end = line.strip().split("\t")
        date, _, clock = stamp.strip().partition(":")
        day, month, year = date.split("/")
        time = np.datetime64(f"{year}-{_MONTHS[month]}-{day}T{clock}", "s")
        items = [int(step[:-1]) for step in steps]
        operations = [_OPERATIONS[step[-1]] for step in steps]
        if end != "-1":
            items.append(int(end))
            operations.append("end")
    except (ValueError, KeyError, IndexError) as error:
        raise DataFormatError(
            f"{path}, line {number}: not a session of the form date, host, entry point, steps such "
            f"as 123L, end point, with tabs between ({error})."
        ) from error
    return time, entry, items, operations


def read_click_log(
    path: str | os.PathLike[str],
    *,
    session: str = "session",
    events: str = "events",
    item: str = "aid",
    time: str = "ts",
    kind: str | None = "type",
    unit: str = "ms",
) -> ClickLog:
    """Read a click log in JSON lines: one session a line, with a list of its events.

    The defaults are the names of the OTTO data, ``{"session": 7, "events": [{"aid": 42, "ts":
    1659304800025, "type": "clicks"}]}``.

    Parameters
    ----------
    path : str or os.PathLike
        A file of UTF-8 text; one whose name ends in ``.gz`` is unpacked on the way.
    session, events, item, time : str
        Names of a session's id and events, and of an event's item and time.
    kind : str or None, default="type"
        Name of what kind of event it was; None if there is no such thing.
    unit : {"s", "ms", "us", "ns"}, default="ms"
        Unit of the times, counted from 1970.

    Returns
    -------
    ClickLog
        A named tuple of N sessions in the order of the file:

        - ``ids``, list of the sessions' ids;
        - ``sessions``, list of lists of items, by their time; equal times keep the file's order;
        - ``kinds``, list of lists of the kind of each event; empty lists if `kind` is None;
        - ``times``, list of ndarrays of shape (T_i,), datetime64[unit].

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    InvalidParameterError
        When `unit` is none of those above.
    DataFormatError
        When a line is no such session, with the line named; a session may not be empty. A subclass
        of ValueError.

    References
    ----------
    Normann, Sjödin and Bekyarov (2022). OTTO recommender systems dataset.
    https://github.com/otto-de/recsys-dataset

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> from seqlearn.datasets import read_click_log
    >>> event = {"aid": 42, "ts": 1659304800025, "type": "clicks"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "train.jsonl")
    ...     _ = path.write_text(json.dumps({"session": 7, "events": [event]}) + "\\n")
    ...     log = read_click_log(path)
    >>> log.sessions, log.kinds, log.times[0].astype(str).tolist()
    ([[42]], [['clicks']], ['2022-07-31T22:00:00.025'])
    """
    if unit not in ("s", "ms", "us", "ns"):
        raise InvalidParameterError(f"unit must be one of 's', 'ms', 'us', 'ns', got {unit!r}.")
    path = Path(path)
    log = ClickLog([], [], [], [])
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                rows = row[events]
                stamps = [int(event[time]) for event in rows]
                if not stamps:
                    raise ValueError("it has no events")
                order = sorted(range(len(rows)), key=stamps.__getitem__)
                log.ids.append(row[session])
                log.sessions.append([rows[i][item] for i in order])
                log.kinds.append([rows[i][kind] for i in order] if kind is not None else [])
            except (ValueError, KeyError, TypeError) as error:
                raise DataFormatError(
                    f"{path}, line {number}: not a session with an id {session!r} and a list "
                    f"{events!r} of events ({type(error).__name__}: {error}). Name the parts of a "
                    "line by the parameters."
                ) from error
            log.times.append(np.array(sorted(stamps), dtype=f"M8[{unit}]"))
    return log
