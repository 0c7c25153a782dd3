"""The grid of a time index: how long a step is, and which step each time stamp is.

`on_grid` puts an index onto steps and names what lies off them; `steps_after`, `extended` and
`steps_to` continue it past its end. A step is a pandas offset for dates and periods, an int for
time stamps that are ints.
"""

from typing import Any

import numpy as np
import pandas as pd

from seqlearn.data.calendar import infer_frequency
from seqlearn.data.messages import listed
from seqlearn.errors import DataFormatError, NotAheadError

__all__ = [
    "are_alike",
    "extended",
    "kind_of",
    "name_of",
    "on_grid",
    "places",
    "refuse_other_indexes",
    "step_of",
    "steps_after",
    "steps_between",
    "steps_in",
    "steps_to",
]

ANCHORS = 3  # time stamps that a grid of dates is tried at
ENDLESS = 1_000_000  # steps of a grid; more must not be a thousand times the time stamps


def refuse_other_indexes(index: Any, what: str) -> None:
    """Raise a DataFormatError if time stamps are neither dates, periods nor ints."""
    is_int = pd.api.types.is_integer_dtype(index.dtype)
    if not (is_int or isinstance(index, pd.DatetimeIndex | pd.PeriodIndex)):
        remedy = "Give it one, for example with y.reset_index(drop=True)."
        if isinstance(index, pd.TimedeltaIndex):
            remedy = (
                "Count from a date, as in y.set_axis(pandas.Timestamp('2000-01-01') + y.index)."
            )
        raise DataFormatError(
            f"The index of {what} is of type {type(index).__name__} and dtype {index.dtype}. "
            f"Accepted are a DatetimeIndex, a PeriodIndex and an index of ints. {remedy}"
        )
    if index.hasnans:
        raise DataFormatError(f"A time stamp of {what} is missing. Leave out those rows.")
    if is_int and len(index) and int(index.max()) > np.iinfo(np.int64).max:
        raise DataFormatError(
            f"The time stamps of {what} reach {index.max()}; ints of 64 bits with a sign are "
            "accepted."
        )


def kind_of(index: Any) -> type:
    """Return pandas.DatetimeIndex or PeriodIndex, or int: what time stamps are."""
    kinds = (pd.DatetimeIndex, pd.PeriodIndex)
    return next((kind for kind in kinds if isinstance(index, kind)), int)


def are_alike(index: Any, other: Any) -> bool:
    """Whether time stamps are of one kind: all or none in a time zone, periods of one frequency."""
    if kind_of(index) is pd.PeriodIndex is kind_of(other):
        return index.freq == other.freq
    zones = [getattr(one, "tz", None) is None for one in (index, other)]
    return kind_of(index) is kind_of(other) and zones[0] == zones[1]


def step_of(index: Any) -> Any:
    """Return the step that an index declares: an offset or an int; None if it does not."""
    return getattr(index, "step", getattr(index, "freq", None))


def on_grid(index: Any, step: Any, name: str) -> tuple[Any, np.ndarray]:
    """Return an index without gaps, and the position in it of each time stamp of ``index``.

    Parameters
    ----------
    index : pandas.Index of length T
        Ascending, without duplicates.
    step : pandas offset, int or None
        None leaves dates as they are.
    name : str
        What messages call the series.

    Raises
    ------
    DataFormatError
        Time stamps lie off the steps, which are named, or too far apart.
    """
    if isinstance(index, pd.DatetimeIndex) and (step is None or index.freq == step):
        return index, np.arange(len(index))
    by_calendar = _is_by_calendar(index, step)
    if by_calendar:
        whole, positions = _calendar(index, step, name)
    else:
        numbers, n = _numbers(index, step)
        first, positions = _positions(numbers, n)
    if (positions < 0).any():
        _refuse_off(index, positions < 0, step, name)
    if by_calendar:
        return whole, positions
    _refuse_endless(index, (int(numbers[-1]) - first) // n, name)
    if isinstance(index, pd.DatetimeIndex):
        return pd.date_range(index[0], periods=int(positions[-1]) + 1, freq=step), positions
    if isinstance(index, pd.PeriodIndex):
        if positions[-1] + 1 > len(index):
            index = pd.period_range(index[0], periods=int(positions[-1]) + 1, freq=index.freq)
        return index, positions
    return pd.RangeIndex(first, int(numbers[-1]) + n, n), positions


def places(index: Any, step: Any) -> np.ndarray:
    """Return the position of each time stamp on steps, -1 off them."""
    if _is_by_calendar(index, step):
        try:
            return _calendar(index, step)[1]
        except ClockError:
            return np.full(len(index), -1)
    return _positions(*_numbers(index, step))[1]


def steps_after(index: Any, n: int) -> Any:
    """Return the ``n`` time stamps that follow ``index``.

    Raises
    ------
    DataFormatError
        Time stamps without a frequency, so that there is no next one.
    """
    last = index[-1]
    if isinstance(index, pd.PeriodIndex):
        return pd.period_range(last, periods=n + 1, freq=index.freq)[1:]
    if isinstance(index, pd.DatetimeIndex):
        return _dates(last, periods=n + 1, freq=_frequency(index))[1:]
    step = step_of(index) or 1
    return pd.RangeIndex(int(last) + step, int(last) + (n + 1) * step, step)


def extended(index: Any, n: int) -> Any:
    """Return the index with ``n`` further time stamps; a frequency stays."""
    if isinstance(index, pd.DatetimeIndex):
        return _dates(index[0], periods=len(index) + n, freq=_frequency(index))
    return index.append(steps_after(index, n))


def steps_between(index: Any, other: Any, name: str) -> int:
    """Return how many steps after the first of ``index`` the first of ``other`` lies.

    Raises
    ------
    DataFormatError
        There are too many steps between the end of the one and the start of the other.
    """
    both = index[-1:].append(_as_kind(other[:1], index, name))
    step = _frequency(index)
    if _is_by_calendar(index, step):
        if both[1] <= both[0]:
            return int(index.searchsorted(both[1]))
        _refuse_endless(both, int((both[1] - both[0]) / _roughly(step)), name)
        following = _dates(both[0], both[1] + 2 * step, freq=step)
        return len(index) - 1 + int(following.searchsorted(both[1]))
    numbers, n = _numbers(both, step)
    n_steps = (int(numbers[1]) - int(numbers[0])) // n
    _refuse_endless(both, n_steps, name)
    return len(index) - 1 + n_steps


def steps_to(index: Any, stamps: Any, name: str) -> np.ndarray:
    """Return how many steps after the end of ``index`` each of ``stamps`` is.

    Raises
    ------
    DataFormatError
        A time stamp is of another kind or between the steps.
    NotAheadError
        It is not after the end.
    """
    last, asked = index[-1], _as_kind(stamps, index, name)
    early = asked[asked <= last]
    if len(early):
        raise NotAheadError(
            f"fh asks for {listed(early)}, which is not ahead: {name} ends at {last}, and this "
            "forecaster can not perform in-sample prediction. Ask for time stamps after the end of "
            "every series."
        )
    step = _frequency(index)
    if _is_by_calendar(index, step):
        steps = _dates(last, asked.max(), freq=step).get_indexer(asked)
    else:
        numbers, n = _numbers(index[-1:].append(asked), step)
        ahead = numbers[1:] - numbers[0]
        steps = np.where(ahead % n == 0, ahead // n, -1)
    if (steps < 0).any():
        following = steps_after(index, 2)
        raise DataFormatError(
            f"fh asks for {listed(asked[steps < 0])}, which is not a step of {name}: those after "
            f"its end are {listed(following)} and so on."
        )
    return steps


def steps_in(lengths: Any, index: Any, name: str) -> np.ndarray:
    """Return how many steps of ``index`` lengths of time have, a TimedeltaIndex.

    Raises
    ------
    DataFormatError
        The steps are not of one length, as those of months are not, or do not divide it.
    """
    step = _frequency(index)
    if isinstance(step, pd.offsets.Day | pd.offsets.Week):  # before pandas 3 a day is a tick too
        one = pd.Timedelta(days=step.n * (7 if isinstance(step, pd.offsets.Week) else 1))
    elif isinstance(step, pd.offsets.Tick):
        one = pd.Timedelta(step)
    else:
        raise DataFormatError(
            f"fh asks for {listed(lengths)} ahead, but the steps of {name}, of "
            f"{name_of(step, index)}, are not of one length of time. Ask for a number of them, as "
            "in fh=range(1, 13), or for time stamps."
        )
    if (lengths % one != pd.Timedelta(0)).any():
        raise DataFormatError(
            f"fh asks for {listed(lengths)} ahead, but a step of {name} is {one}. Ask for whole "
            "steps."
        )
    return np.asarray(lengths // one, dtype=np.int64)


def _frequency(index: Any) -> Any:
    """Return the step of an index, or raise a DataFormatError if dates have none."""
    if not isinstance(index, pd.DatetimeIndex):
        return step_of(index)
    freq = infer_frequency(index)
    if freq is None:
        raise DataFormatError(
            f"The time stamps of y have no frequency (the last is {index[-1]}), so there is no "
            "next one. Give the index a freq, for example with y.asfreq('D') or "
            f"y.index.to_period('M').{_zone_hint(index)}"
        )
    return freq


# Dates whose step is not of one length in nanoseconds.


def _calendar(index: Any, step: Any, name: str = "y") -> tuple[Any, np.ndarray]:
    """Return the grid and positions that most time stamps are on; -1 for those off it."""
    found = []
    for anchor in index[:ANCHORS]:  # the first ones may be astray
        _refuse_endless(index, int((index[-1] - anchor) / _roughly(step)), name)
        whole = _dates(anchor, index[-1], freq=step)
        if anchor > index[0]:
            before = _dates(anchor, index[0], freq=-step)[:0:-1]
            whole = before.append(whole)
        positions = whole.get_indexer(index)
        found.append((whole, positions))
        if (positions >= 0).all():
            break
    whole, positions = min(found, key=lambda pair: (pair[1] < 0).sum())
    on = positions[positions >= 0]
    if len(on) == 0:
        return index[:0], positions
    whole = _dates(whole[on[0]], periods=on[-1] - on[0] + 1, freq=step)
    return whole, np.where(positions >= 0, positions - on[0], -1)


class ClockError(DataFormatError):
    """A step at a time that its zone does not have, or has twice."""


def _dates(start: Any, end: Any = None, *, periods: int | None = None, freq: Any) -> Any:
    """Return pandas.date_range, or name a step that the clock of a time zone does not have once."""
    if start.tz is not None and not _is_fixed(freq):
        end_there = None if end is None else end.tz_convert(start.tz).tz_localize(None)
        clock = pd.date_range(start.tz_localize(None), end_there, periods, freq)
        missing = clock.tz_localize(start.tz, ambiguous="NaT", nonexistent="NaT").isna()
        if missing.any():
            raise ClockError(
                f"The time stamps of y have steps of {name_of(freq, clock)}, but the clock of "
                f"{start.tz} does not show {clock[missing][0]} once: it is set then. Take the zone "
                "away, with y.tz_localize(None)."
            )
    return pd.date_range(start, end, periods, freq)


def _roughly(step: Any) -> Any:
    """Return how long one step is, about."""
    start = pd.Timestamp("2001-01-01")
    return (start + 10 * step - start) / 10


def _is_by_calendar(index: Any, step: Any) -> bool:
    """Whether time stamps are dates with steps that are not all of one length."""
    return isinstance(index, pd.DatetimeIndex) and not _is_fixed(step)


def _is_fixed(step: Any) -> bool:
    """Whether a frequency of dates has steps of one length, whatever clock they are read on."""
    return isinstance(step, pd.offsets.Tick) and not isinstance(step, pd.offsets.Day)


# Steps of one length, as numbers.


def _numbers(index: Any, step: Any) -> tuple[np.ndarray, int]:
    """Return time stamps as int64, and how many of these numbers one step is.

    Those of periods are their ordinals, those of dates are in a unit that divides the step.
    """
    if isinstance(index, pd.PeriodIndex):
        return index.asi8, index.freq.n
    if isinstance(index, pd.DatetimeIndex):
        if pd.Timedelta(step) % pd.Timedelta(1, index.unit):
            index = index.as_unit("ns")
        return index.asi8, int(pd.Timedelta(step) / pd.Timedelta(1, index.unit))
    return np.asarray(index, dtype=np.int64), int(step or 1)


def _positions(numbers: np.ndarray, n: int) -> tuple[int, np.ndarray]:
    """Return the first number on the steps that most are on, and all positions; -1 off them."""
    phases = numbers % n
    found, counts = np.unique(phases, return_counts=True)
    on = phases == found[counts.argmax()]
    start = int(numbers[on][0])
    return start, np.where(on, (numbers - start) // n, -1)


# Messages.


def name_of(step: Any, index: Any) -> str:
    """Return how messages call the step of an index."""
    if kind_of(index) is pd.PeriodIndex:
        return repr(index.freqstr)  # 'M', whose offset is called 'ME'
    return repr(getattr(step, "freqstr", step))


def _refuse_off(index: Any, off: np.ndarray, step: Any, name: str) -> None:
    remedy = "move them onto steps."
    if hasattr(index, "freq"):
        remedy = "move them onto steps (resample), or give the index a finer step (asfreq)."
    raise DataFormatError(
        f"{int(off.sum())} of the {len(index)} time stamps of {name} are not on the steps of the "
        f"others, of {name_of(step, index)}: {listed(index[off])}. Leave those rows out, {remedy}"
        f"{_zone_hint(index)}"
    )


def _zone_hint(index: Any) -> str:
    """Say what to do about a clock that is set forward and back; "" where there is none."""
    zone = getattr(index, "tz", None)
    if zone is None or str(zone) == "UTC":
        return ""
    return (
        f" If it is the clock of {zone}, which is set forward and back: "
        "y.tz_localize(None) keeps the clock, y.tz_convert('UTC') the lengths of the steps."
    )


def _refuse_endless(index: Any, n_steps: int, name: str) -> None:
    if n_steps > max(ENDLESS, 1000 * len(index)):
        numbers = getattr(index, "asi8", index)
        at = int(np.diff(np.asarray(numbers, dtype=np.int64)).argmax())
        raise DataFormatError(
            f"{name} would have {n_steps + 1:,} steps, most of them missing; the longest gap is "
            f"from {index[at]} to {index[at + 1]}. Look at the time stamps around it, and leave "
            "out what is astray."
        )


def _as_kind(stamps: Any, index: Any, name: str) -> Any:
    """Return the time stamps that a horizon asks for as those of the series are written."""
    here, there = kind_of(stamps), kind_of(index)
    if here is pd.DatetimeIndex and there is pd.PeriodIndex and stamps.tz is None:
        periods = stamps.to_period(index.freq)
        if not periods.is_unique:
            raise DataFormatError(
                f"fh asks twice for {periods[periods.duplicated()][0]}, a period of {name}. Ask "
                "for one time stamp a period."
            )
        return periods
    if here is pd.PeriodIndex and there is pd.DatetimeIndex and index.tz is None:
        return stamps.to_timestamp()
    if not are_alike(stamps, index):
        raise DataFormatError(
            f"Time stamps of {stamps.dtype} are no steps of {name}, whose time stamps are of "
            f"{index.dtype}. Give them as the same kind; of a forecast, ask for steps ahead: "
            "fh=range(1, 13)."
        )
    return stamps if getattr(index, "tz", None) is None else stamps.tz_convert(index.tz)
