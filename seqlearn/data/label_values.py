"""What a label may be: text, whole numbers, bools or NumPy's dates, all of one type.

`as_labels` holds values against that, whatever they stand for: labels of sequences, of steps, or
the classes of a partial fit. Nothing is turned into another type, above all not into text, so
that two labels that differ never become one.
"""

from collections.abc import Callable
from numbers import Integral
from typing import Any, NoReturn

import numpy as np

from seqlearn.data.containers import is_missing
from seqlearn.data.messages import show
from seqlearn.data.targets import plain_cells
from seqlearn.errors import DataFormatError

__all__ = ["as_labels", "refuse_other_types"]

TYPES = {"U": "text", "M": "dates", "m": "durations", "b": "numbers", "i": "numbers"}
TYPES |= {"u": "numbers", "f": "numbers"}
TYPES_OF_LABELS: dict[Any, str] = {  # the first that fits counts: durations are integers to NumPy
    str: "text",
    (bool, np.bool_): "bools",
    np.datetime64: "dates",
    np.timedelta64: "durations",
    Integral: "integers",
    (float, np.floating): "numbers",
}
ACCEPTED = "labels are text, whole numbers, bools or NumPy's dates, all of one type"


def as_labels(values: np.ndarray | list, place: Callable[[int], str]) -> np.ndarray:
    """Return labels as a NumPy array that is not of dtype object.

    Parameters
    ----------
    values : ndarray of shape (S,), or list
        The labels.
    place : callable
        Names label i, with a capital letter, for messages: "Row 3 of y".

    Returns
    -------
    ndarray of shape (S,)
        Text, integers, floats that are whole numbers, bools, datetime64 or timedelta64.

    Raises
    ------
    DataFormatError
        A label is missing or of a type that is not accepted, or there are several types.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "OTSVc":
        values = list(values)
    if isinstance(values, list):
        values = _typed(values, place)
    if values.dtype.kind in "Mmf":
        _refuse_no_class(values, place)
    return values


def refuse_other_types(found: np.ndarray, classes: np.ndarray) -> None:
    """Raise if labels are text and classes numbers, or the other way round."""
    kinds = [TYPES[array.dtype.kind] for array in (found, classes)]
    if len(found) and kinds[0] != kinds[1]:
        raise DataFormatError(
            f"y holds {kinds[0]}, for example {show(found[0].item())}, but the classes are "
            f"{kinds[1]}, for example {show(classes[0].item())}, so that no two can be equal. "
            "Convert y to the type of the labels in fit."
        )


def _typed(values: list, place: Callable[[int], str]) -> np.ndarray:
    """Return Python objects as an array of their one type."""
    values = plain_cells(values)
    kinds = {kind: _type(kind) for kind in dict.fromkeys(map(type, values))}
    found = set(kinds.values())
    if found == {"text"}:
        return _text(values, kinds, place)
    if not (found == {"bools"} or found <= {"integers", "numbers"}):
        missing = next((i for i, value in enumerate(values) if is_missing(value)), None)
        if missing is not None:
            _refuse_missing(values[missing], place(missing))
        odd = next((i for i, value in enumerate(values) if not kinds[type(value)]), None)
        if odd is not None:
            _refuse_type(values[odd], place(odd))
    names = sorted({"numbers" if name == "integers" else name for name in found})
    if len(names) > 1:
        _refuse_mixed(values, kinds, names, place)
    array = np.asarray(values)
    if "integers" in found and not _is_exact(values, array, found):
        _refuse_large(values, place)
    return array


def _is_exact(values: list, array: np.ndarray, found: set[str]) -> bool:
    """Whether NumPy kept each of several numbers, some of them integers, as it was."""
    if found == {"integers"}:
        return array.dtype.kind in "iu"
    pairs = zip(values, array.tolist(), strict=True)
    return array.dtype.kind == "f" and all(a == b or a != a for a, b in pairs)


def _type(kind: type) -> str:
    """Name the type of label that a Python type is; empty for one that is not accepted."""
    return next((name for base, name in TYPES_OF_LABELS.items() if issubclass(kind, base)), "")


def _text(values: list, kinds: dict, place: Callable[[int], str]) -> np.ndarray:
    if any(kind not in (str, np.str_) for kind in kinds):  # NumPy cuts members of an enumeration
        values = list(map(str.__str__, values))
    if any("\0" in value[-1:] for value in set(values)):
        i = next(i for i, value in enumerate(values) if value.endswith("\0"))
        raise DataFormatError(
            f"{place(i)} is {show(values[i])}; NumPy cuts the character NUL off the end of a text. "
            "Take it off, or write it otherwise."
        )
    return np.asarray(values)


def _refuse_missing(value: Any, where: str) -> NoReturn:
    names = {"nan": "NaN", "--": "masked", "inf": "infinity", "-inf": "infinity"}
    what = names.get(str(value), value)
    raise DataFormatError(
        f"Input y contains {what}: {where} has no label ({what}); one is needed there. Drop it, "
        "with what belongs to it in X, or give what has no label one of its own."
    )


def _refuse_type(value: Any, where: str) -> NoReturn:
    if isinstance(value, list | tuple | np.ndarray):
        advice = "There, one label a step or sequence is accepted."
    elif isinstance(value, set | frozenset):
        advice = (
            "Sets of labels become columns of 0 and 1: "
            "sklearn.preprocessing.MultiLabelBinarizer().fit_transform(y)."
        )
    elif isinstance(value, bytes):
        advice = "Decode it: label.decode()."
    else:
        advice = "Write labels of another type as text: [str(label) for label in labels]."
    raise DataFormatError(
        f"Unknown label type: {where} is {show(value)}, of type {type(value).__name__}; "
        f"{ACCEPTED}. {advice}"
    )


def _refuse_mixed(values: list, kinds: dict, names: list[str], place: Callable[[int], str]) -> None:
    def of(value: Any) -> str:
        return kinds[type(value)].replace("integers", "numbers")

    first = [next(i for i, value in enumerate(values) if of(value) == name) for name in names]
    first.sort(key=lambda i: (not isinstance(values[i], str), i))
    raise DataFormatError(
        f"The labels are of mixed types, {' and '.join(of(values[i]) for i in first)}, for example "
        f"{' and '.join(show(values[i]) for i in first)} ({place(first[-1])}); {ACCEPTED}. Convert "
        "all of them to one."
    )


def _refuse_large(values: list, place: Callable[[int], str]) -> None:
    """Raise for whole numbers that cannot be told apart in NumPy's types, as past 64 bits."""
    whole = [i for i, value in enumerate(values) if isinstance(value, Integral)]
    i = max(whole, key=lambda i: abs(int(values[i])))
    raise DataFormatError(
        f"{place(i)} is {show(values[i])}, too large for NumPy to tell it from its neighbours. "
        "Write such labels as text: [str(label) for label in labels]."
    )


def _refuse_no_class(values: np.ndarray, place: Callable[[int], str]) -> None:
    """Raise if dates or floats are missing or infinite, or floats not whole numbers."""
    unknown = np.flatnonzero(~np.isfinite(values))
    if len(unknown):
        _refuse_missing(values[unknown[0]], place(int(unknown[0])))
    broken = np.flatnonzero(values != np.floor(values)) if values.dtype.kind == "f" else unknown
    if len(broken):
        i = int(broken[0])
        raise DataFormatError(
            f"Unknown label type: continuous. {place(i)} is {values[i]}, not a whole number; "
            f"{ACCEPTED}. To predict numbers, use LSTMRegressor."
        )
