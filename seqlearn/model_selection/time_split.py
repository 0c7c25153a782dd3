"""`TimeSplit`: train on what was before, test on what came after, as a splitter of scikit-learn."""

from collections.abc import Iterator
from numbers import Real
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from seqlearn.data.messages import show
from seqlearn.data.targets import unpack_targets
from seqlearn.errors import DataFormatError, InvalidParameterError


class TimeSplit(BaseCrossValidator):
    """Splits by time: every sequence of a test part is later than all that was trained on.

    Sequences need not be in order of time, which `sklearn.model_selection.TimeSeriesSplit` takes
    for granted, and equal times are never divided between training and test. Training parts grow:
    each holds all that is earlier than its test part, test parts of splits before it too.

    Parameters
    ----------
    times : array-like of shape (N,)
        The time of each sequence, such as that of its first step: numbers, datetime64, datetimes,
        dates or written dates such as "1999-01-31"; NumPy, pandas, or lists. Where X is a frame
        with a row for each step, one for each row: the time at which its sequence begins, so that
        no sequence is divided.
    n_splits : int, default=1
        The number of splits, at least 1; not read where there are `boundaries`.
    test_size : float, int or None, default=None
        Size of each test part, as a share of all sequences or their number. Where times are equal,
        the nearest border between times is taken. None makes the test parts and the first training
        part alike: a share of ``1 / (n_splits + 1)``.
    boundaries : list of times or None, default=None
        Borders given in place of sizes, in rising order, one for each split: its test part begins
        with that very time, and ends before that of the next, or with the last sequence.

    See Also
    --------
    leave_last_out : Holds back the last item of each sequence.

    References
    ----------
    Ji, Sun, Zhang and Li (2023). A critical study on data leakage in recommender system offline
    evaluation. ACM Transactions on Information Systems 41(3).

    Examples
    --------
    >>> from seqlearn.model_selection import TimeSplit
    >>> sessions = [["tea"], ["jam", "tea"], ["milk"], ["tea", "milk"], ["jam"]]
    >>> times = [3, 1, 2, 2, 5]
    >>> for train, test in TimeSplit(times, n_splits=2, test_size=1).split(sessions):
    ...     print(train, test)
    [1 2 3] [0]
    [0 1 2 3] [4]
    >>> days = ["1998-12-30", "1999-01-01", "1999-05-02"]
    >>> for train, test in TimeSplit(days, boundaries=["1999-01-01"]).split(sessions[:3]):
    ...     print(train, test)
    [0] [1 2]
    """

    def __init__(
        self,
        times: Any,
        n_splits: int = 1,
        *,
        test_size: float | None = None,
        boundaries: Any = None,
    ):
        self.times = times
        self.n_splits = n_splits
        self.test_size = test_size
        self.boundaries = boundaries

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object
            Not read; there for scikit-learn.

        Returns
        -------
        n_splits : int
        """
        if self.boundaries is not None:
            return len(unpack_targets(self.boundaries, "boundaries"))
        return _check_count("n_splits", self.n_splits)

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Generate the row numbers of each training and test part.

        Parameters
        ----------
        X : list of N sequences, or any container with a length
            As many as there are times; None is accepted.
        y, groups : object
            Not read; there for scikit-learn.

        Yields
        ------
        train, test : ndarray of int
            Row numbers, ascending.

        Raises
        ------
        DataFormatError
            When there are not as many times as sequences, or times are missing or of kinds that
            cannot be compared. A subclass of ValueError.
        InvalidParameterError
            When a part would be empty: too few different times, or boundaries beyond them.
        """
        times, aware = _read_times(self.times, "times")
        n_rows = len(times) if X is None else X.shape[0] if hasattr(X, "shape") else len(X)
        if n_rows != len(times):
            raise DataFormatError(
                f"TimeSplit holds {len(times)} times, but X has {n_rows} rows; each row needs its "
                "time. Where X is a part, as in a search within a fold, make a TimeSplit of the "
                "times of that part."
            )
        if self.boundaries is None:
            borders = self._borders(times)
        else:
            borders, same = _read_times(self.boundaries, "boundaries")
            if same != aware or (borders.dtype.kind == "M") != (times.dtype.kind == "M"):
                raise DataFormatError(
                    f"boundaries are {_kind(borders, same)} and times {_kind(times, aware)}, which "
                    "cannot be compared. Give both alike."
                )
        self._refuse_empty(times, borders)
        for i, border in enumerate(borders):
            later = times >= border
            test = later if i + 1 == len(borders) else later & (times < borders[i + 1])
            yield np.flatnonzero(~later), np.flatnonzero(test)

    def _borders(self, times: np.ndarray) -> np.ndarray:
        """Return the first time of each test part."""
        n_splits, size = self.get_n_splits(), self.test_size
        if size is None:
            size = 1 / (n_splits + 1)
        if isinstance(size, float | np.floating) and 0 < size < 1:
            size = size * len(times)
        else:
            _check_count("test_size", size, " or a share between 0 and 1")
        wanted = len(times) - float(size) * np.arange(n_splits, 0, -1)
        ordered = np.sort(times)
        firsts = np.flatnonzero(ordered[1:] > ordered[:-1]) + 1  # where another time begins
        if not len(firsts):
            raise InvalidParameterError(
                f"All {len(times)} times are equal, so nothing is later than anything else. Use "
                "another splitter, or finer times."
            )
        nearest = np.abs(firsts[:, None] - wanted).argmin(axis=0)
        return ordered[firsts[nearest]]

    def _refuse_empty(self, times: np.ndarray, borders: np.ndarray) -> None:
        """Raise an error unless each part of each split will have rows."""
        edges = np.append(borders, times.max())
        rises = edges[1:] > edges[:-1]
        rises[-1:] |= edges[-1:] == edges[-2:-1]  # the last part may hold one time alone
        ordered = np.sort(times)
        counts = np.diff(np.searchsorted(ordered, borders), append=len(times))
        if not len(borders) or not rises.all() or times.min() >= borders[0] or not counts.all():
            raise InvalidParameterError(
                f"{self!r} would leave a part empty: there are {len(np.unique(times))} different "
                f"times from {times.min()} to {times.max()}. Boundaries rise, and lie above the "
                "first time and not above the last, with a time between two of them; fewer splits "
                "or smaller test parts fit more often."
            )

    def __repr__(self) -> str:
        how = f"n_splits={self.n_splits!r}, test_size={self.test_size!r}"
        if self.boundaries is not None:
            how = f"boundaries={show(self.boundaries)}"
        size = f"<{len(self.times)} times>" if hasattr(self.times, "__len__") else show(self.times)
        return f"TimeSplit({size}, {how})"


def _read_times(given: Any, name: str) -> tuple[np.ndarray, bool]:
    """Return numbers or datetime64, (N,), and whether they have a time zone, then in UTC."""
    import pandas as pd

    cells = np.asarray(unpack_targets(given, name))
    aware = False
    if cells.dtype.kind == "O" and cells.ndim == 1:
        _refuse_missing(cells, pd.isna(cells), name)
        if all(isinstance(one, Real) for one in cells):
            cells = cells.astype(np.float64)
    if cells.dtype.kind in "OU":
        try:
            stamps = pd.to_datetime(pd.Index(cells, dtype=object), format="ISO8601")
            aware = stamps.tz is not None
            cells = (stamps.tz_convert(None) if aware else stamps).to_numpy()
        except (ValueError, TypeError, AttributeError) as error:
            raise DataFormatError(
                f"{name} cannot be read as times: {show(cells.tolist())}. Give numbers, "
                "datetime64, datetimes or dates written as 1999-01-31 or 1999-01-31T12:00:00, all "
                "of one kind."
            ) from error
    if cells.ndim != 1 or cells.dtype.kind not in "iufM":
        raise DataFormatError(
            f"{name} have shape {cells.shape} and type {cells.dtype}; numbers, datetime64 or dates "
            "of shape (N,) are needed, one for each sequence."
        )
    is_missing = np.isnat(cells) if cells.dtype.kind == "M" else ~np.isfinite(cells)
    _refuse_missing(cells, is_missing, name)
    return cells, aware


def _refuse_missing(cells: np.ndarray, is_missing: np.ndarray, name: str) -> None:
    """Name the first row without a time, if there is one."""
    if is_missing.any():
        row = int(is_missing.argmax())
        raise DataFormatError(
            f"{name}, row {row}: {cells[row]} is no time. Leave out the sequences whose time is "
            "not known, or give them one."
        )


def _kind(times: np.ndarray, aware: bool) -> str:
    if times.dtype.kind != "M":
        return "numbers"
    return "dates with a time zone" if aware else "dates without a time zone"


def _check_count(name: str, value: Any, more: str = "") -> int:
    """Return an integer of 1 or more."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise InvalidParameterError(f"{name} must be an integer >= 1{more}, got {value!r}.")
