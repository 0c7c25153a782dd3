"""State as plain values, so that a model can be saved without pickle.

skops, and MLflow with it, store dictionaries with text as keys, lists, tuples, numbers, text and
NumPy arrays, and for the rest a type and its state, never code. pandas' indexes, frames and
frequencies cannot be stored so, nor can a type of torch or a dictionary with other keys.
`as_plain` writes them down in plain values, `from_plain` makes them again. `PlainState` does both
for a class, in pickles too: there is one way to save a model. What a model learns is a `Record`,
or several in each other; they are written down as well.
"""

from typing import Any

import numpy as np
import pandas as pd

from seqlearn.data.containers import objects_of
from seqlearn.errors import DataFormatError

__all__ = ["PlainState", "Record", "as_plain", "from_plain"]

KIND = "kind of value"  # the key that marks a dictionary in which something is written down
MANY = 100  # arrays in a dictionary
AS_THEY_ARE = (type(None), bool, int, float, str, np.ndarray)


class PlainState:
    """Base of classes whose state is saved as plain values."""

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        return {name: as_plain(value) for name, value in state.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({name: from_plain(value) for name, value in state.items()})


class Record:
    """Base of what is learned: frozen, and nothing but arrays, numbers, text and other records.

    A subclass, a frozen dataclass as a rule, is written down in plain values wherever it stands
    in the state of a `PlainState`, so that stores need not trust it.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _RECORDS[f"{cls.__module__}.{cls.__qualname__}"] = cls

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


_RECORDS: dict[str, type[Record]] = {}


class _NotPlain(Exception):
    """There is no plain form that would give the value back as it is."""


def as_plain(value: Any) -> Any:
    """Return ``value`` with what stores cannot hold written down in plain values.

    Parameters
    ----------
    value : object
        Lists, tuples and dictionaries are searched. What is not known stays as it is, for
        example an object of the user.

    Returns
    -------
    object

    Examples
    --------
    >>> import pandas as pd
    >>> from_plain(as_plain({"at": pd.date_range("2024-01-01", periods=2, freq="ME")}))["at"].freq
    <MonthEnd>
    """
    return _plain(value, strict=False)


def _plain(value: Any, strict: bool) -> Any:
    kind = type(value)
    if kind is np.ndarray and value.dtype.kind in "OT":
        return _entries_as_plain(value, strict)
    if kind in AS_THEY_ARE:
        return value
    if kind in (list, tuple):
        return kind(_plain(one, strict) for one in value)
    if kind is dict:
        values = _stacked(list(value.values()))
        if type(values) is list and all(type(key) is str for key in value) and KIND not in value:
            return {key: _plain(one, strict) for key, one in value.items()}
        return _marked("dict", strict, keys=list(value), values=values)
    if isinstance(value, Record):
        name = f"{kind.__module__}.{kind.__qualname__}"
        return _marked("record", strict, name=name, fields=value.__getstate__())
    if isinstance(value, np.dtype) and not value.hasobject:
        return _marked("dtype", dtype=value.str)
    package = kind.__module__.partition(".")[0]
    try:
        if package == "pandas":
            return _pandas_as_plain(value)
        if package == "sktime" and kind.__name__ == "ForecastingHorizon":
            return _marked("ForecastingHorizon", state=vars(value))
        if strict and not isinstance(value, np.generic):
            raise _NotPlain
    except _NotPlain:
        if strict:
            raise
    return value  # it can be pickled, and skops will name it


def _entries_as_plain(array: np.ndarray, strict: bool) -> Any:
    """Write down an array of objects that are not plain, or of NumPy's strings of any length."""
    entries = array.ravel().tolist()
    parts = {"values": _plain(entries, strict), "shape": list(array.shape)}
    if array.dtype.kind == "O":
        same = all(one is given for one, given in zip(parts["values"], entries, strict=True))
        return array if same else {KIND: "objects", **parts}
    return {KIND: "strings", **parts} if array.dtype == np.dtypes.StringDType() else array


def _stacked(values: list) -> list | np.ndarray:
    """Stack many arrays that are alike, such as vectors of words: skops makes a file of each."""
    if len(values) < MANY or set(map(type, values)) != {np.ndarray}:
        return values
    forms = {(one.shape, one.dtype) for one in values}
    return np.stack(values) if len(forms) == 1 and values[0].dtype.kind in "biufc" else values


def from_plain(value: Any) -> Any:
    """Return what `as_plain` was given."""
    kind = type(value)
    if kind in (list, tuple):
        return kind(from_plain(one) for one in value)
    if kind is not dict:
        return value
    if KIND not in value:
        return {key: from_plain(one) for key, one in value.items()}
    parts = {key: from_plain(one) for key, one in value.items() if key != KIND}
    return _MAKERS[value[KIND]](**parts)


def _pandas_as_plain(value: Any) -> dict[str, Any]:
    kind = type(value)
    if kind is pd.DataFrame:
        columns = [_column(value.iloc[:, i]) for i in range(value.shape[1])]
        return _marked("DataFrame", index=value.index, columns=value.columns, values=columns)
    if kind is pd.Series:
        return _marked("Series", index=value.index, values=_column(value), name=value.name)
    if isinstance(value, pd.Index):
        return _marked(kind.__name__, **_index_parts(value), name=value.name)
    if kind in (pd.Timestamp, pd.Timedelta, pd.Period):
        return _marked("first", of=pd.Index([value]))
    if kind.__name__ == "FrozenList":
        return _marked("names", names=list(value))
    if isinstance(value, pd.offsets.BaseOffset):
        return _frequency_as_plain(value)
    raise _NotPlain


def _index_parts(index: pd.Index) -> dict[str, Any]:
    """Return what an index is made of, besides its name."""
    kind = type(index)
    if kind is pd.RangeIndex:
        return {"start": index.start, "stop": index.stop, "step": index.step}
    if kind is pd.MultiIndex:
        places = [np.asarray(codes) for codes in index.codes]
        return {"levels": list(index.levels), "codes": places, "names": list(index.names)}
    if kind is pd.DatetimeIndex:
        zone = None if index.tz is None else str(index.tz)
        if zone is not None and _in_zone(pd.DatetimeIndex([0]), zone).tz != index.tz:
            raise _NotPlain
        values = index.asi8.view(f"datetime64[{index.unit}]")
        return {"values": values, "zone": zone, "freq": index.freq}
    if kind is pd.TimedeltaIndex:
        return {"data": index.to_numpy(), "freq": index.freq}
    if kind is pd.PeriodIndex:
        return {"ordinals": index.asi8, "freq": index.freq}
    if kind is pd.CategoricalIndex:
        codes, ordered = np.asarray(index.codes), index.ordered
        return {"codes": codes, "categories": index.categories, "ordered": ordered}
    if kind is not pd.Index:
        raise _NotPlain
    if isinstance(index.dtype, np.dtype):
        return {"values": index.to_numpy(), "dtype": None}
    dtype = str(index.dtype)
    if pd.array([None], dtype=dtype).dtype != index.dtype:
        raise _NotPlain
    values = np.where(index.isna(), None, index.astype(object).to_numpy())
    return {"values": values, "dtype": dtype}


def _frequency_as_plain(freq: Any) -> dict[str, Any]:
    try:
        if pd.tseries.frequencies.to_offset(freq.freqstr) == freq:
            return _marked("frequency", text=freq.freqstr)
    except ValueError:
        pass  # not every frequency has a text that pandas reads
    given = {key: value for key, value in freq.kwds.items() if key != "calendar" and value}
    if "holidays" in given:
        given["holidays"] = np.array(given["holidays"], "datetime64[D]")
    name, plain = type(freq).__name__, all(type(value) in AS_THEY_ARE for value in given.values())
    parts = {"name": name, "n": freq.n, "normalize": freq.normalize, "given": given}
    if not plain or name not in pd.offsets.__all__ or _make_offset(**parts) != freq:
        raise _NotPlain
    return _marked("offset", **parts)


def _marked(kind: str, strict: bool = True, **parts: Any) -> dict[str, Any]:
    """Write down a value by its parts, all of which have to be plain if ``strict``."""
    return {KIND: kind, **{key: _plain(part, strict) for key, part in parts.items()}}


def _column(column: Any) -> Any:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind not in "mM":
        return column.to_numpy()
    return pd.Index(column.array)


# One maker for each kind; `from_plain` has made their arguments already.


def _make_record(name: str, fields: dict[str, Any]) -> Record:
    if name not in _RECORDS:
        raise DataFormatError(
            f"The saved model holds a {name}, which is not known here. Import "
            f"{name.rpartition('.')[0]} first."
        )
    record = object.__new__(_RECORDS[name])
    record.__setstate__(fields)
    return record


def _make_objects(values: list, shape: list[int]) -> np.ndarray:
    return objects_of(values).reshape(shape)


def _make_frame(index: pd.Index, columns: pd.Index, values: list) -> pd.DataFrame:
    frame = pd.DataFrame(dict(enumerate(values)), index=index)
    frame.columns = columns
    return frame


def _make_index(values: np.ndarray, dtype: str | None, name: Any) -> pd.Index:
    if dtype is None:
        return pd.Index(values, dtype=values.dtype, name=name)
    return pd.Index(pd.array(values, dtype=dtype), name=name)


def _make_dates(values: np.ndarray, zone: str | None, **parts: Any) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(_in_zone(pd.DatetimeIndex(values), zone), **parts)


def _in_zone(dates: pd.DatetimeIndex, zone: str | None) -> pd.DatetimeIndex:
    return dates if zone is None else dates.tz_localize("UTC").tz_convert(zone)


def _make_categories(name: Any, **parts: Any) -> pd.CategoricalIndex:
    return pd.CategoricalIndex(pd.Categorical.from_codes(**parts), name=name)


def _make_offset(name: str, n: int, normalize: bool, given: dict[str, Any]) -> Any:
    if name not in pd.offsets.__all__:
        raise DataFormatError(f"The saved model holds a frequency {name!r}, which pandas has not.")
    if "holidays" in given:
        given = {**given, "holidays": list(given["holidays"])}
    return getattr(pd.offsets, name)(n, normalize, **given)


def _make_horizon(state: dict[str, Any]) -> Any:
    from sktime.forecasting.base import ForecastingHorizon

    horizon = ForecastingHorizon.__new__(ForecastingHorizon)
    vars(horizon).update(state)
    return horizon


_MAKERS = {
    "dict": lambda keys, values: dict(zip(keys, values, strict=True)),
    "objects": _make_objects,
    "strings": lambda values, shape: np.array(values, np.dtypes.StringDType()).reshape(shape),
    "dtype": np.dtype,
    "record": _make_record,
    "DataFrame": _make_frame,
    "Series": lambda values, **parts: pd.Series(getattr(values, "array", values), **parts),
    "Index": _make_index,
    "RangeIndex": pd.RangeIndex,
    "MultiIndex": lambda name, **parts: pd.MultiIndex(**parts, verify_integrity=False),
    "DatetimeIndex": _make_dates,
    "TimedeltaIndex": pd.TimedeltaIndex,
    "PeriodIndex": lambda **parts: pd.PeriodIndex.from_ordinals(**parts),
    "CategoricalIndex": _make_categories,
    "first": lambda of: of[0],
    "names": lambda names: type(pd.RangeIndex(0).names)(names),
    "frequency": lambda text: pd.tseries.frequencies.to_offset(text),
    "offset": _make_offset,
    "ForecastingHorizon": _make_horizon,
}
