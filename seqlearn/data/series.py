"""Time series in the frames that sktime speaks: reading them onto regular steps.

`read_series` turns a frame, one series or a panel of them, into `TimeSeries`: plain arrays and
the time stamps they belong to. A step that the index leaves out becomes a row of missing values.
No scaling and no windows here; `seqlearn.data.windows` makes those.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from seqlearn.data.column_statistics import refuse_too_large
from seqlearn.data.common_step import common_step
from seqlearn.data.grid import (
    are_alike,
    extended,
    name_of,
    on_grid,
    refuse_other_indexes,
    step_of,
    steps_between,
)
from seqlearn.data.messages import listed
from seqlearn.data.plain import Record
from seqlearn.errors import DataFormatError

__all__ = [
    "TimeSeries",
    "in_own_order",
    "panel_index",
    "read_features",
    "read_series",
    "refuse_other_stamps",
    "refuse_text",
    "refuse_unobserved",
    "split_panel",
    "where_known",
]

MANY, SPARSE = 20, 0.25  # rows, and what share of the steps they are, below which it is said


@dataclass(frozen=True, eq=False)
class TimeSeries(Record):
    """One series on regular steps: T time stamps, C columns of y, P columns of X.

    Parameters
    ----------
    key : tuple or None
        Which series of a panel it is; None of a single one.
    index : pandas.Index
        T time stamps.
    values : ndarray of shape (T, C)
        NaN where missing.
    features : ndarray of shape (T, P) or None
        Exogenous columns, NaN where missing.
    """

    key: Any
    index: Any
    values: np.ndarray
    features: np.ndarray | None = None

    @property
    def name(self) -> str:
        """How messages call the series."""
        return _name(self.key)

    @property
    def step(self) -> Any:
        """Step of the time stamps: an offset, or an int where they are ints; None for none."""
        return step_of(self.index)

    def last(self, n: int) -> "TimeSeries":
        """Return the last ``n`` steps."""
        cut = slice(max(len(self.index) - n, 0), None)
        features = None if self.features is None else self.features[cut]
        return replace(self, index=self.index[cut], values=self.values[cut], features=features)

    def followed_by(self, other: "TimeSeries") -> "TimeSeries":
        """Return what lies before ``other``, then ``other``; missing steps between them.

        ``other`` must be on the same steps: read with the ``step`` of this series.

        Raises
        ------
        DataFormatError
            Its time stamps are of another kind, or between those of this series.
        """
        refuse_other_stamps(self.index, other.index, self.name)
        start = steps_between(self.index, other.index, self.name)
        if start <= 0:
            return other
        gap = max(start - len(self.index), 0)
        index = extended(self.index[:start], gap + len(other.index))
        if index[start] != other.index[0]:
            raise DataFormatError(
                f"The time stamps of {self.name} from {other.index[0]} on are not on its steps "
                f"before, the nearest of which is {index[start]}. Continue them."
            )
        values = _joined(self.values[:start], gap, other.values)
        features = self.features
        if features is not None:
            new = other.features
            if new is None:
                new = np.full((len(other.index), features.shape[1]), np.nan)
            features = _joined(features[:start], gap, new)
        return replace(self, index=index, values=values, features=features)


def read_series(
    y: Any, X: Any = None, *, X_columns: Any = None, step: Any = None
) -> list[TimeSeries]:
    """Read a frame of one series, or of a panel or hierarchy of them.

    Parameters
    ----------
    y : DataFrame of shape (T, C)
        One series; or series below each other, whose index has the time stamps in its last level.
    X : DataFrame of shape (T', P), optional
        Exogenous columns of the same form; rows at other time stamps than those of y are left
        out, missing rows become NaN.
    X_columns : sequence, optional
        Columns of X to read, in this order; by default all.
    step : pandas offset or int, optional
        Step of the time stamps, int where they are ints; by default that of the index, or what
        most gaps between time stamps show.

    Returns
    -------
    list of TimeSeries

    Raises
    ------
    DataFormatError
        A column is not numeric, a value is infinite, or time stamps are duplicated, not
        ascending or off the steps of the others; series and time stamps are named.

    Warns
    -----
    UserWarning
        Three quarters of the steps of a series have no row.
    """
    if len(y) == 0:
        raise DataFormatError("y has no rows. At least 2 observed steps are needed.")
    refuse_text(y, "y")
    blocks = dict(split_panel(X, "X")) if X is not None else {}
    parts, series = list(split_panel(y, "y")), []
    if step is None:
        step = common_step([part.index for _, part in parts])
    for key, part in parts:
        index, positions = on_grid(part.index, step, _name(key))
        values = np.full((len(index), part.shape[1]), np.nan)
        values[positions] = part.to_numpy(np.float64)
        features = None
        if X is not None:
            block = blocks.get(key)
            if block is None:
                raise DataFormatError(
                    f"X has no rows for {_name(key)}; it has {len(blocks)} series. Give X "
                    "the same series as y."
                )
            features = read_features(block, index, X_columns)
        series.append(TimeSeries(key, index, values, features))
        _refuse_infinite(series[-1])
    _warn_of_gaps(series, [len(part) for _, part in parts])
    return series


def in_own_order(series: Sequence[TimeSeries]) -> list[TimeSeries]:
    """Return the series of a panel in an order that does not depend on where they stand in it."""
    return sorted(series, key=lambda one: [(type(k).__name__, str(k)) for k in one.key or ()])


def refuse_unobserved(series: TimeSeries, columns: Any) -> None:
    """Raise a DataFormatError if a column of a series has no observed value, naming both."""
    empty = np.isnan(series.values).all(axis=0)
    if empty.any():
        column = columns[int(empty.argmax())]
        raise DataFormatError(
            f"Column {column!r} of {series.name} has no observed value in {len(series.index)} "
            "steps. Leave it out."
        )


def refuse_text(frame: Any, what: str) -> None:
    """Raise a DataFormatError if a column of a frame does not hold numbers, naming it."""
    for column, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if getattr(dtype, "kind", "O") not in "buif":
            raise DataFormatError(
                f"Column {column!r} of {what} is not numeric, its type is {dtype}. Columns of "
                "numbers are accepted: encode it, for example with pandas.get_dummies, or drop it."
            )


def read_features(X: Any, index: Any, columns: Any = None) -> np.ndarray:
    """Return the rows of X at the time stamps ``index``, (T, P); NaN where it has none."""
    columns = list(X.columns if columns is None else columns)
    refuse_text(X[columns], "X")
    rows = _labels(X.index, index).get_indexer(index)
    values = X[columns].to_numpy(np.float64)
    found = np.full((len(index), len(columns)), np.nan)
    found[rows >= 0] = values[rows[rows >= 0]]
    return found


def where_known(X: Any, index: Any) -> np.ndarray:
    """Whether X has a row at each of the time stamps, (T,)."""
    return _labels(X.index, index).get_indexer(index) >= 0


def split_panel(frame: Any, what: str) -> Iterator[tuple[Any, Any]]:
    """Yield key and frame of each series of a panel, by its time stamps; (None, frame) of one."""
    if frame.index.nlevels == 1:
        _refuse_disorder(frame.index, what)
        yield None, frame
        return
    levels = list(range(frame.index.nlevels - 1))
    if any(frame.index.get_level_values(level).hasnans for level in levels):
        raise DataFormatError(
            f"The index of {what} has a missing value above its time stamps. Name every series, "
            "or leave those rows out."
        )
    several = len(levels) > 1  # pandas 2.0 warns of a list of one level
    for key, part in frame.groupby(level=levels if several else 0, sort=False):
        key = key if several else (key,)
        part = part.droplevel(levels)
        _refuse_disorder(part.index, _name(key, what))
        yield key, part


def _warn_of_gaps(series: list[TimeSeries], n_rows: list[int]) -> None:
    filled = [
        n / len(one.index) if n >= MANY else 1.0 for one, n in zip(series, n_rows, strict=True)
    ]
    at = int(np.argmin(filled))
    if filled[at] < SPARSE:
        one = series[at]
        warnings.warn(
            f"{one.name} has rows at {n_rows[at]} of its {len(one.index)} steps of "
            f"{name_of(one.step, one.index)}; the others are read as missing values. If its steps "
            "are longer, give it those (for dates with resample, for ints with reset_index).",
            UserWarning,
            stacklevel=4,
        )


def _refuse_disorder(index: Any, what: str) -> None:
    refuse_other_indexes(index, what)
    if index.has_duplicates:
        twice = index[index.duplicated()].unique()
        raise DataFormatError(
            f"{what} has more than one row at {listed(twice)}. Keep one row a time "
            "stamp, for example with y.groupby(level=-1).mean()."
        )
    if not index.is_monotonic_increasing:
        at = np.flatnonzero(index[1:] < index[:-1]) + 1
        raise DataFormatError(
            f"The time stamps of {what} are not ascending, at {listed(index[at])}. "
            "Sort the rows with sort_index()."
        )


def _refuse_infinite(series: TimeSeries) -> None:
    for what, values in ((series.name, series.values), ("X", series.features)):
        if values is None:
            continue
        if np.isinf(values).any():
            step = int(np.isinf(values).any(axis=1).argmax())
            raise DataFormatError(
                f"{what} is infinite at {series.index[step]}. Numbers and NaN, for a missing "
                "value, are accepted."
            )
        refuse_too_large(values, what)


def _name(key: Any, what: str = "y") -> str:
    """How messages call a series of y, or its rows of X."""
    if key is None:
        return what
    return f"series {(key[0] if len(key) == 1 else key)!r} of {what}"


def _labels(index: Any, like: Any) -> Any:
    """Return the time stamps of X, as those of y are written."""
    if isinstance(like, pd.PeriodIndex) and isinstance(index, pd.DatetimeIndex):
        periods = index.to_period(like.freq)
        if not periods.is_unique:
            twice = periods[periods.duplicated()][0]
            raise DataFormatError(
                f"X has more than one row in {twice}, a period of y. Give it one row a period, for "
                f"example with X.groupby(X.index.to_period({like.freqstr!r})).mean()."
            )
        return periods
    if isinstance(like, pd.DatetimeIndex) and isinstance(index, pd.PeriodIndex):
        return index.to_timestamp()
    return index


def refuse_other_stamps(before: Any, now: Any, name: str) -> None:
    """Raise a DataFormatError if an index does not have time stamps of the kind of another."""
    refuse_other_indexes(now, name)
    if not are_alike(before, now):
        raise DataFormatError(
            f"The time stamps of {name} are a {type(now).__name__} of {now.dtype} now, and were a "
            f"{type(before).__name__} of {before.dtype} before. Give all one kind: all or none in "
            "a time zone, see tz_localize, and periods of one frequency."
        )


def _joined(old: np.ndarray, gap: int, new: np.ndarray) -> np.ndarray:
    missing = np.full((gap, old.shape[1]), np.nan)
    return np.concatenate([old, missing, new])


def panel_index(keys: list[tuple], stamps: list[Any]) -> Any:
    """Return the index of a panel: each key with its time stamps."""
    parts = [
        pd.MultiIndex.from_arrays([*([level] * len(times) for level in key), times])
        for key, times in zip(keys, stamps, strict=True)
    ]
    return parts[0].append(parts[1:])
