"""Time series in the frames that sktime speaks: reading them onto regular steps.

`read_series` turns a frame, one series or a panel of them, into `TimeSeries`: plain arrays and
the time stamps they belong to. A step that the index leaves out becomes a row of missing values.
No scaling and no windows here; `seqlearn.data.windows` makes those. Callers: the forecaster.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqlearn.data.calendar import infer_frequency
from seqlearn.data.plain import PlainState
from seqlearn.errors import DataFormatError

__all__ = [
    "TimeSeries",
    "extended",
    "panel_index",
    "read_features",
    "read_series",
    "refuse_unobserved",
    "split_panel",
    "steps_after",
    "where_known",
]

SHOWN = 3  # time stamps that a message lists
LOOKED_AT = 100  # places where a frequency is looked for among time stamps with gaps


@dataclass(frozen=True)
class TimeSeries(PlainState):
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
    def freq(self) -> Any:
        """Frequency of the time stamps; None where they are no dates, or show none."""
        import pandas as pd

        return self.index.freq if isinstance(self.index, pd.DatetimeIndex) else None

    def last(self, n: int) -> "TimeSeries":
        """Return the last ``n`` steps."""
        n = min(n, len(self.index))
        cut = slice(len(self.index) - n, None)
        features = None if self.features is None else self.features[cut]
        return replace(self, index=self.index[cut], values=self.values[cut], features=features)

    def followed_by(self, other: "TimeSeries") -> "TimeSeries":
        """Return what lies before ``other``, then ``other``; missing steps between them.

        ``other`` must be on the same steps: read with the ``freq`` of this series.

        Raises
        ------
        DataFormatError
            Its time stamps are of another kind, or between those of this series.
        """
        _refuse_other_kind(self, other)
        start = _steps_from(self.index, other.index)
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
    y: Any, X: Any = None, *, X_columns: Any = None, freq: Any = None
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
    freq : pandas offset, optional
        Frequency of the dates; by default that of the index, or what the time stamps of the
        longest series show.

    Returns
    -------
    list of TimeSeries

    Raises
    ------
    DataFormatError
        A column is not numeric, a value is infinite, or time stamps are duplicated, not
        ascending or of another frequency; series and time stamps are named.
    """
    if len(y) == 0:
        raise DataFormatError("y has no rows. At least 2 observed steps are needed.")
    _refuse_text(y, "y")
    blocks = dict(split_panel(X, "X")) if X is not None else {}
    parts, series = list(split_panel(y, "y")), []
    if freq is None:
        by_length = sorted((part.index for _, part in parts), key=len, reverse=True)
        freq = next(filter(None, map(_frequency, by_length)), None)
    for key, part in parts:
        index, positions = _regular(part.index, freq, _name(key))
        values = _spread(part.to_numpy(np.float64), positions, len(index))
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
    return series


def refuse_unobserved(series: TimeSeries, columns: Any) -> None:
    """Raise a DataFormatError if a column of a series has no observed value, naming both."""
    empty = np.isnan(series.values).all(axis=0)
    if empty.any():
        column = columns[int(empty.argmax())]
        raise DataFormatError(
            f"Column {column!r} of {series.name} has no observed value in {len(series.index)} "
            "steps. Leave it out."
        )


def read_features(X: Any, index: Any, columns: Any = None) -> np.ndarray:
    """Return the rows of X at the time stamps ``index``, (T, P); NaN where it has none."""
    columns = list(X.columns if columns is None else columns)
    _refuse_text(X[columns], "X")
    rows = _labels(X.index, index).get_indexer(index)
    values = X[columns].to_numpy(np.float64)
    found = np.full((len(index), len(columns)), np.nan)
    found[rows >= 0] = values[rows[rows >= 0]]
    return found


def where_known(X: Any, index: Any) -> np.ndarray:
    """Whether X has a row at each of the time stamps, (T,)."""
    return _labels(X.index, index).get_indexer(index) >= 0


def steps_after(index: Any, n: int) -> Any:
    """Return the ``n`` time stamps that follow ``index``.

    Raises
    ------
    DataFormatError
        Time stamps without a frequency, so that there is no next one.
    """
    import pandas as pd

    last = index[-1]
    if isinstance(index, pd.PeriodIndex):
        return pd.period_range(last, periods=n + 1, freq=index.freq)[1:]
    if isinstance(index, pd.DatetimeIndex):
        freq = infer_frequency(index)
        if freq is None:
            raise DataFormatError(
                f"The time stamps of y have no frequency (the last is {last}), so there is no next "
                "one. Give the index a freq, for example with y.asfreq('D') or "
                "y.index.to_period('M')."
            )
        return pd.date_range(last, periods=n + 1, freq=freq)[1:]
    return pd.RangeIndex(int(last) + 1, int(last) + 1 + n)


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


def _refuse_disorder(index: Any, what: str) -> None:
    if index.has_duplicates:
        twice = index[index.duplicated()].unique()[:SHOWN]
        raise DataFormatError(
            f"{what} has more than one row at {', '.join(map(str, twice))}. Keep one row a time "
            "stamp, for example with y.groupby(level=-1).mean()."
        )
    if not index.is_monotonic_increasing:
        at = np.flatnonzero(index[1:] < index[:-1])[:SHOWN] + 1
        raise DataFormatError(
            f"The time stamps of {what} are not ascending, at {', '.join(map(str, index[at]))}. "
            "Sort the rows with sort_index()."
        )


def _refuse_text(frame: Any, what: str) -> None:
    wrong = [
        column
        for column, dtype in zip(frame.columns, frame.dtypes, strict=True)
        if getattr(dtype, "kind", "O") not in "buif"
    ]
    if wrong:
        dtype = frame.dtypes.iloc[list(frame.columns).index(wrong[0])]
        raise DataFormatError(
            f"Column {wrong[0]!r} of {what} is not numeric, its type is {dtype}. Columns of "
            "numbers are accepted: encode it, for example with pandas.get_dummies, or drop it."
        )


def _refuse_infinite(series: TimeSeries) -> None:
    for what, values in ((series.name, series.values), ("X", series.features)):
        if values is not None and np.isinf(values).any():
            step = int(np.isinf(values).any(axis=1).argmax())
            raise DataFormatError(
                f"{what} is infinite at {series.index[step]}. Numbers and NaN, for a missing "
                "value, are accepted."
            )


def _name(key: Any, what: str = "y") -> str:
    """How messages call a series of y, or its rows of X."""
    if key is None:
        return what
    return f"series {(key[0] if len(key) == 1 else key)!r} of {what}"


def _frequency(index: Any) -> Any:
    """Return the frequency that dates with gaps show; None if none, or if there are no dates."""
    import pandas as pd

    if not isinstance(index, pd.DatetimeIndex) or index.freq is not None or len(index) < 3:
        return getattr(index, "freq", None)
    n_parts = min(len(index) - 2, LOOKED_AT)
    for part in [index, *(index[i : i + 3] for i in range(n_parts))]:  # some have no gap in them
        freq = infer_frequency(part)
        if freq is None or isinstance(freq, pd.offsets.BusinessHour):
            continue
        whole = pd.date_range(index[0], index[-1], freq=freq)
        if len(whole) and index.isin(whole).all():
            return pd.offsets.BDay() if _is_business(index, freq) else freq
    gaps = np.diff(index.asi8)
    if (gaps % gaps.min() == 0).all():
        return pd.tseries.frequencies.to_offset(index[gaps.argmin() + 1] - index[gaps.argmin()])
    return None


def _is_business(index: Any, freq: Any) -> bool:
    """Whether days with gaps are business days without some holidays."""
    import pandas as pd

    if freq != pd.offsets.Day() or (index.dayofweek >= 5).any():
        return False
    whole = pd.date_range(index[0], index[-1], freq="B")
    return len(whole) >= 10 and len(index) > 0.9 * len(whole)


def _regular(index: Any, freq: Any, name: str) -> tuple[Any, np.ndarray]:
    """Return an index without gaps, and the position in it of each time stamp of ``index``."""
    import pandas as pd

    if isinstance(index, pd.DatetimeIndex):
        if freq is None or index.freq == freq:
            return index, np.arange(len(index))
        whole = pd.date_range(index[0], index[-1], freq=freq)
        positions = whole.get_indexer(index)
        if (positions < 0).any():
            raise DataFormatError(
                f"The time stamps of {name} from {index[0]} on are not {freq.freqstr!r} steps, as "
                "those before or of other series are. Give all one frequency."
            )
        return whole, positions
    if isinstance(index, pd.PeriodIndex):
        numbers = (index.asi8 - index.asi8[0]) // index.freq.n
    else:
        numbers = index.to_numpy() - index[0]
    if len(numbers) and numbers[-1] + 1 > len(numbers):
        index = index[:1].append(steps_after(index[:1], int(numbers[-1])))
    return index, numbers


def _spread(values: np.ndarray, positions: np.ndarray, n: int) -> np.ndarray:
    if len(values) == n:
        return values
    spread = np.full((n, values.shape[1]), np.nan)
    spread[positions] = values
    return spread


def _labels(index: Any, like: Any) -> Any:
    """Return the time stamps of X, as those of y are written."""
    import pandas as pd

    if isinstance(like, pd.PeriodIndex) and isinstance(index, pd.DatetimeIndex):
        return index.to_period(like.freq)
    if isinstance(like, pd.DatetimeIndex) and isinstance(index, pd.PeriodIndex):
        return index.to_timestamp()
    return index


def _refuse_other_kind(series: TimeSeries, other: TimeSeries) -> None:
    import pandas as pd

    before, now = series.index, other.index
    kinds = (pd.PeriodIndex, pd.DatetimeIndex)
    if any(isinstance(before, kind) != isinstance(now, kind) for kind in kinds):
        raise DataFormatError(
            f"The time stamps of {series.name} are a {type(now).__name__} now, and were a "
            f"{type(before).__name__} before. Give all one kind."
        )
    if isinstance(now, pd.PeriodIndex) and now.freq != before.freq:
        raise DataFormatError(
            f"The time stamps of {series.name} are {now.freqstr!r} periods now, and were "
            f"{before.freqstr!r} before. Give all one frequency."
        )


def _steps_from(index: Any, other: Any) -> int:
    """How many steps after the first of ``index`` the first of ``other`` lies."""
    import pandas as pd

    start = other[0]
    if isinstance(index, pd.PeriodIndex):
        return int(other.asi8[0] - index.asi8[0]) // index.freq.n
    if not isinstance(index, pd.DatetimeIndex):
        return int(start - index[0])
    if start <= index[-1]:
        return int(index.searchsorted(start))
    n = 1
    while True:  # the frequency may be a month, whose steps have no one length
        following = steps_after(index, n)
        if following[-1] >= start:
            return len(index) + int(following.searchsorted(start))
        n *= 2


def extended(index: Any, n: int) -> Any:
    """Return the index with ``n`` further time stamps; a frequency stays."""
    import pandas as pd

    if isinstance(index, pd.DatetimeIndex):
        following = steps_after(index, n)
        freq = index.freq or following.freq
        return pd.date_range(index[0], periods=len(index) + n, freq=freq)
    return index.append(steps_after(index, n))


def _joined(old: np.ndarray, gap: int, new: np.ndarray) -> np.ndarray:
    missing = np.full((gap, old.shape[1]), np.nan)
    return np.concatenate([old, missing, new])


def panel_index(keys: list[tuple], stamps: list[Any]) -> Any:
    """Return the index of a panel: each key with its time stamps."""
    import pandas as pd

    parts = [
        pd.MultiIndex.from_arrays([*([level] * len(times) for level in key), times])
        for key, times in zip(keys, stamps, strict=True)
    ]
    return parts[0].append(parts[1:])
