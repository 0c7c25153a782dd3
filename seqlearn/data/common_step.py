"""The step of a time index that does not declare one: what most gaps between time stamps show.

A time stamp astray, or a few, change nothing; `seqlearn.data.grid` then names them.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from seqlearn.data.calendar import infer_frequency
from seqlearn.data.grid import places, step_of
from seqlearn.errors import DataFormatError

__all__ = ["common_step"]

LOOKED_AT = 100  # places of an index where three time stamps are looked at for a frequency
SERIES_LOOKED_AT = 20
CANDIDATES = 3  # frequencies that are tried out
LEAST_FILLED = 0.1  # share of many steps that must be there where no gap is the usual one
MANY = 1000
ENOUGH = 20  # dates that are almost never all weekdays by chance


def common_step(indexes: Sequence[Any]) -> Any:
    """Return the step of the series of a panel: a declared one, or what most gaps show.

    Of several candidates it is the one with the most pairs of neighbours that are one step
    apart, each time stamp off its grid counting against it.

    Parameters
    ----------
    indexes : sequence of pandas.Index
        Time stamps of each series, ascending, all of one kind.

    Returns
    -------
    pandas offset, int or None
        None for dates that show no frequency.

    Raises
    ------
    DataFormatError
        Time stamps that are ints and lie on no common steps.
    """
    declared = next(filter(None, map(step_of, indexes)), None)
    if declared is not None:
        return declared
    indexes = sorted(indexes, key=lambda index: (-len(index), str(index[0])))
    if not isinstance(indexes[0], pd.DatetimeIndex):
        return _step_of_ints([np.asarray(index, dtype=np.int64) for index in indexes])
    several = [index for index in indexes[:SERIES_LOOKED_AT] if len(index) >= 3]
    if not several:
        return None
    whole = _usable(infer_frequency(several[0]))
    if whole is not None and len(several) == 1:
        return whole
    return _best(several, _candidates(several, whole))


def _step_of_ints(numbers: list[np.ndarray]) -> int:
    """Return the step of time stamps that are ints; where most gaps show none, what divides all."""
    gaps = np.concatenate([np.diff(part) for part in numbers])
    if len(gaps) == 0:
        return 1
    lengths, counts = np.unique(gaps, return_counts=True)
    usual = int(lengths[counts.argmax()])
    pairs, off = np.sum([_pairs(places(part, usual)) for part in numbers], axis=0)
    if 2 * (pairs - off) > len(gaps):
        return usual
    step = int(np.gcd.reduce(gaps))
    if not _is_filled(numbers, step):
        raise DataFormatError(
            f"The time stamps of y are ints with no step between them: {usual} is the most "
            f"frequent of their differences, {int(counts.max())} of {len(gaps)}. Bring them onto "
            "steps, or number the rows with y.reset_index(drop=True)."
        )
    return step


def _is_filled(numbers: list[np.ndarray], n: int) -> bool:
    """Whether enough of the steps between first and last have a time stamp."""
    n_steps = sum((int(part[-1]) - int(part[0])) // n + 1 for part in numbers)
    return n_steps <= max(MANY, sum(map(len, numbers)) / LEAST_FILLED)


def _pairs(positions: np.ndarray) -> tuple[int, int]:
    """Return how many neighbours on a grid are one step apart, and how many lie off it."""
    on = positions[positions >= 0]
    return int((np.diff(on) == 1).sum()), len(positions) - len(on)


def _candidates(indexes: Sequence[Any], whole: Any) -> list[Any]:
    """Return frequencies that three time stamps in a row show, and the most frequent gap."""
    found = Counter([whole] * LOOKED_AT)  # what all of the longest show
    for index in indexes:
        gaps = np.diff(index.asi8)
        even = np.flatnonzero(np.abs(np.diff(gaps)) <= gaps[1:] // 5)  # months of 28 and 31 days
        some = np.unique(np.linspace(0, max(len(even) - 1, 0), LOOKED_AT).astype(int))
        found.update(infer_frequency(index[i : i + 3]) for i in even[some[: len(even)]])
    steps = [step for step, _ in found.most_common() if _usable(step) is not None][:CANDIDATES]
    gaps = np.concatenate([np.diff(index.asi8) for index in indexes])
    lengths, counts = np.unique(gaps, return_counts=True)
    steps.append(_offset(lengths[counts.argmax()], indexes[0]))
    if indexes[0].tz is not None and isinstance(steps[-1], pd.offsets.Day):
        steps.append(pd.offsets.Hour(24 * steps[-1].n))  # whatever a clock of the zone shows
    if _is_business(indexes[0]):
        steps.append(pd.offsets.BDay())
    return steps


def _offset(length: int, index: Any) -> Any:
    """Return the frequency of a gap between dates that is so many units of the index long."""
    length = pd.Timedelta(int(length), index.unit)
    days = length // pd.Timedelta(days=1)
    whole = length == pd.Timedelta(days=days)
    return pd.offsets.Day(days) if whole else pd.tseries.frequencies.to_offset(length)


def _best(indexes: Sequence[Any], candidates: Sequence[Any]) -> Any:
    """Return the candidate that most gaps show; else one that leaves none out; else the shortest
    gap if it divides the others; else None."""
    pairs, off = np.array(
        [np.sum([_pairs(places(i, step)) for i in indexes], axis=0) for step in candidates]
    ).T
    n_gaps = sum(len(index) - 1 for index in indexes)
    best = int(np.argmax(pairs - off))
    if 2 * (pairs - off)[best] > n_gaps:
        return candidates[best]
    parts = [index.asi8 for index in indexes]
    gaps = np.concatenate([np.diff(part) for part in parts])
    pairs = np.where(off == 0, pairs, 0)
    if pairs.any():
        return candidates[int(pairs.argmax())]
    if (gaps % gaps.min()).any() or not _is_filled(parts, int(gaps.min())):
        return None
    return _offset(gaps.min(), indexes[0])


def _usable(step: Any) -> Any:
    return None if isinstance(step, pd.offsets.BusinessHour) else step


def _is_business(index: Any) -> bool:
    """Whether dates may be business days without some holidays, and with few others among them.

    Where many are missing, it takes more dates to tell that weekends are not missing by chance.
    """
    n_whole = len(pd.date_range(index[0], index[-1], freq="B"))
    n_weekdays = (index.dayofweek < 5).sum()
    share = 0.5 if len(index) >= ENOUGH else 0.9
    return n_whole >= 10 and n_weekdays > share * n_whole and n_weekdays > 0.9 * len(index)
