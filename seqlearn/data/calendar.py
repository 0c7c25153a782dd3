"""What the time axis of a series tells: its frequency, its usual season, positions in the calendar.

`infer_frequency`, `season_length` and `calendar_features` answer from an index, `estimate_season`,
for series without dates, from values.
"""

import math

import numpy as np
import pandas as pd

from seqlearn.errors import DataFormatError

__all__ = ["calendar_features", "estimate_season", "infer_frequency", "season_length"]

_SECOND = 10**9  # in nanoseconds, the unit of offsets of fixed length
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86_400 * _SECOND
_LONGEST_SEASON = 360  # in steps, for steps shorter than a day: a minute has the hour, not the day

# Units of calendar offsets by the code of pandas: how many of which unit one step is.
_UNITS: dict[str, tuple[str | None, int]] = {
    "D": ("day", 1),
    **dict.fromkeys(("B", "C"), ("business day", 1)),
    "W": ("week", 1),
    **dict.fromkeys(("SMS", "SME"), ("half month", 1)),
    **dict.fromkeys(("MS", "ME", "BMS", "BME", "CBMS", "CBME", "WOM", "LWOM"), ("month", 1)),
    **dict.fromkeys(("QS", "QE", "BQS", "BQE"), ("month", 3)),
    **dict.fromkeys(("HYS", "HYE", "BHYS", "BHYE"), ("month", 6)),
    **dict.fromkeys(("YS", "YE", "BYS", "BYE"), ("month", 12)),
}
# The usual season in units: of days a week, of the others a year.
_USUAL = {"day": 7, "business day": 5, "half month": 24, "month": 12, "week": 52}

_MIN_PEAK = 0.3  # autocorrelation at a season, and its rise over the lowest before it
_MIN_DEVIATIONS = 3.0  # of the autocorrelation of differences, had they been independent
_NEAR_BEST = 0.75  # the shortest season of at least this share of the best one's autocorrelation


def infer_frequency(index: pd.Index) -> pd.offsets.BaseOffset | None:
    """Return the frequency of a time index: its own, or what its steps show.

    Parameters
    ----------
    index : pandas.Index of length T

    Returns
    -------
    pandas offset or None
        None for an index that is neither a DatetimeIndex nor a PeriodIndex, and for a DatetimeIndex
        without ``freq`` that has fewer than three rows or is not regular.

    Examples
    --------
    >>> import pandas as pd
    >>> infer_frequency(pd.DatetimeIndex(["2024-01-01", "2024-02-01", "2024-03-01"]))
    <MonthBegin>
    >>> infer_frequency(pd.RangeIndex(3)) is None
    True
    """
    if not isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        return None
    if index.freq is not None:
        return index.freq
    found = pd.infer_freq(index) if len(index) >= 3 else None  # refuses fewer
    return None if found is None else pd.tseries.frequencies.to_offset(found)


def season_length(index: pd.Index) -> int:
    """Return the usual main season, in steps, of series with this time index.

    Steps shorter than a day: the longest of day, hour, minute and second that is a whole number of
    steps, two to 360. So hourly series have 24, half-hourly 48, of 15 minutes 96, of a minute 60,
    of a second 60. Daily series have 7, of business days 5, weekly 52, monthly 12, quarterly 4,
    yearly 1, and multiples of these steps accordingly.

    Parameters
    ----------
    index : pandas.Index of length T

    Returns
    -------
    int
        1 where none of this applies: an index of integers, one whose frequency cannot be inferred,
        or a step that has no such season, for example of 5 days.

    References
    ----------
    Hyndman and Athanasopoulos (2021). Forecasting: principles and practice, 3rd edition, section
    2.1 (which names the longer seasons too).

    Examples
    --------
    >>> import pandas as pd
    >>> season_length(pd.date_range("2024-01-01", periods=100, freq="h"))
    24
    >>> season_length(pd.period_range("2024-01", periods=5, freq="M"))
    12
    >>> season_length(pd.RangeIndex(100))
    1
    """
    frequency = infer_frequency(index)
    unit, n = (None, 1) if frequency is None else _unit_of(frequency)
    if unit == "nanosecond":
        cycles = (_DAY, _HOUR, _MINUTE, _SECOND)
        seasons = [cycle // n for cycle in cycles if cycle % n == 0]
        return next((season for season in seasons if 2 <= season <= _LONGEST_SEASON), 1)
    steps = _USUAL.get(unit or "", 1)
    return 1 if steps % n else steps // n


def estimate_season(values: np.ndarray, max_lag: int) -> int:
    """Find the season of a series, in steps, from its autocorrelation.

    A cubic trend is taken away; the season is a lag at which the autocorrelation peaks, at 0.3 or
    more and 0.3 or more above its lowest before that lag, while the autocorrelation of the series'
    differences is significant at that lag, which that of a random walk is not. Of several such lags
    the shortest is taken whose autocorrelation is at least 0.75 of the highest.

    Parameters
    ----------
    values : ndarray of shape (T,), float64
        The series. Values that are not finite are missing.
    max_lag : int
        The longest season to look for. Half of T is the limit in any case.

    Returns
    -------
    int
        The season, from 2 to `max_lag`; 1 when none is clear.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(100.0)
    >>> estimate_season(5 * t + np.sin(2 * np.pi * t / 12), max_lag=40)
    12
    >>> estimate_season(np.random.default_rng(0).normal(size=100).cumsum(), max_lag=40)
    1
    """
    seen = np.isfinite(values)
    longest = min(max_lag, len(values) // 2)
    if longest < 2 or seen.sum() < 8:
        return 1
    values = _without_trend(values, seen)
    n_lags = min(longest + 2, len(values) - 1)  # one lag more, to see whether `longest` is a peak
    level, _ = _autocorrelation(values, seen, n_lags)
    change, pairs = _autocorrelation(np.diff(values), seen[1:] & seen[:-1], n_lags)
    lags = np.arange(2, n_lags - 1)
    clear = (level[lags] >= level[lags - 1]) & (level[lags] >= level[lags + 1])
    clear &= level[lags] >= _MIN_PEAK
    clear &= level[lags] - np.minimum.accumulate(level)[lags] >= _MIN_PEAK
    clear &= change[lags] * np.sqrt(pairs[lags]) >= _MIN_DEVIATIONS
    seasons = lags[clear]
    if len(seasons) == 0:
        return 1
    heights = level[seasons]
    return int(seasons[heights >= _NEAR_BEST * heights.max()][0])


def calendar_features(index: pd.Index) -> tuple[np.ndarray, list[str]]:
    """Return where each step lies in the cycles of the calendar, as sines and cosines.

    ============================  =================================
    step                          cycles
    ============================  =================================
    to 5 seconds                  minute, hour, day, week
    to 5 minutes                  hour, day, week
    shorter than a day            day, week
    days, business days           week, year
    weeks, half months            year
    months, quarters, half years  months of the year
    years                         none
    ============================  =================================

    Positions are those of the clock the index keeps: local time where it has a time zone. A period
    stands at its start.

    Parameters
    ----------
    index : pandas.DatetimeIndex or pandas.PeriodIndex of length T
        Its frequency, or what its steps show (`infer_frequency`), decides which cycles are taken.

    Returns
    -------
    features : ndarray of shape (T, K), float64
        Values in [-1, 1], two columns a cycle.
    names : list of K str
        For example "hour_of_day_sin" and "hour_of_day_cos".

    Raises
    ------
    DataFormatError
        When the index has no dates, or no frequency that is known here.

    Examples
    --------
    >>> import pandas as pd
    >>> features, names = calendar_features(pd.date_range("2024-01-01", periods=4, freq="6h"))
    >>> names
    ['hour_of_day_sin', 'hour_of_day_cos', 'day_of_week_sin', 'day_of_week_cos']
    >>> features[:, 0].round(6).tolist()
    [0.0, 1.0, 0.0, -1.0]
    """
    if not isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        raise DataFormatError(
            "Calendar features need dates, a DatetimeIndex or a PeriodIndex, but the index is a "
            f"{type(index).__name__} of {index.dtype}. Give the series such an index, or set "
            "calendar=False."
        )
    frequency = infer_frequency(index)
    if frequency is None:
        span = f", {index[0]} to {index[-1]}," if len(index) else ""
        raise DataFormatError(
            "Calendar features need a regular index, but the frequency of this DatetimeIndex of "
            f"{len(index)} rows{span} cannot be inferred: it has no freq, and fewer than "
            "three rows or steps of different lengths. Set it (y.asfreq('h') fills gaps with "
            "missing values), or set calendar=False."
        )
    unit, n = _unit_of(frequency)
    if unit is None:
        raise DataFormatError(
            f"No calendar features are known for the frequency {frequency.freqstr!r}. Known are "
            "steps of fixed length and of (business) days, weeks, months, quarters and years. "
            "Convert the series to one of these, or set calendar=False."
        )
    times = index.to_timestamp(how="start") if isinstance(index, pd.PeriodIndex) else index
    columns, names = [np.empty((len(times), 0))], []
    positions = _positions(times)
    for name in _cycles(unit, n):
        angle = 2 * np.pi * positions[name]  # (T,)
        columns.append(np.column_stack([np.sin(angle), np.cos(angle)]))  # (T, 2)
        names += [f"{name}_sin", f"{name}_cos"]
    return np.hstack(columns), names


def _unit_of(frequency: pd.offsets.BaseOffset) -> tuple[str | None, int]:
    """Return of which unit, and how many of it, one step is; the unit is None if not known.

    A step of fixed length counts nanoseconds, or days where it is whole ones.
    """
    if not isinstance(frequency, pd.offsets.Tick):
        unit, each = _UNITS.get(frequency.rule_code.partition("-")[0], (None, 1))
        n = each * frequency.n
    else:  # in pandas 2 a day is one too
        n = frequency.nanos
        unit, n = ("nanosecond", n) if n % _DAY else ("day", n // _DAY)
    if unit == "day" and n % 7 == 0:
        return "week", n // 7
    return unit, n


def _cycles(unit: str, n: int) -> list[str]:
    """Names of the cycles in which a step of `n` units has a position."""
    if unit == "nanosecond":
        short = ["second_of_minute"] if n <= 5 * _SECOND else []
        short += ["minute_of_hour"] if n <= 5 * _MINUTE else []
        return [*short, "hour_of_day", "day_of_week"]
    if unit in ("day", "business day"):
        return ["day_of_week", "day_of_year"]
    if unit == "month":
        return ["month_of_year"] if n % 12 else []
    return ["day_of_year"]


def _positions(times: pd.DatetimeIndex) -> dict[str, np.ndarray]:
    """Return where in each cycle the times lie, from 0 to less than 1, (T,)."""
    second = np.asarray(times.second + times.microsecond / 1e6, dtype=np.float64)
    minute = np.asarray(times.minute) + second / 60
    return {
        "second_of_minute": second / 60,
        "minute_of_hour": minute / 60,
        "hour_of_day": (np.asarray(times.hour) + minute / 60) / 24,
        "day_of_week": np.asarray(times.dayofweek) / 7,
        "month_of_year": (np.asarray(times.month) - 1) / 12,
        "day_of_year": (np.asarray(times.dayofyear) - 1) / np.where(times.is_leap_year, 366, 365),
    }


def _without_trend(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Take the cubic trend of the values that are seen away, and scale to at most 1; (T,)."""
    values = np.where(seen, values, np.nan)
    values = values - np.nanmean(values)
    largest = np.nanmax(np.abs(values))
    if largest == 0:
        return np.zeros_like(values)
    time = np.linspace(-1, 1, len(values))
    trend = np.polynomial.Polynomial.fit(time[seen], values[seen] / largest, 3)
    rest = values / largest - trend(time)
    return np.where(np.abs(rest) > 1e-12, rest, np.where(seen, 0.0, np.nan))


def _autocorrelation(
    values: np.ndarray, seen: np.ndarray, n_lags: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the autocorrelation at lags 0 to `n_lags` - 1, and how many pairs each rests on."""
    size = 2 ** math.ceil(math.log2(2 * len(values)))  # so that the ends do not meet

    def sums_of_pairs(x: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft(x, size)) ** 2
        return np.fft.irfft(power, size)[:n_lags]

    pairs = np.maximum(np.rint(sums_of_pairs(seen.astype(np.float64))), 1.0)
    covariance = sums_of_pairs(np.where(seen, values, 0.0)) / pairs
    if covariance[0] <= 0:
        return np.zeros(n_lags), pairs
    return covariance / covariance[0], pairs
