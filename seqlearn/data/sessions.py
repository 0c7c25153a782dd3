"""Sessions: what users did one after the other, as items, and what else is known of each step.

`read_sessions` takes lists of items, or a long frame with one row a step, and returns `Sequences`
of codes: column 0 is the item, the others are the context of the step. The codes lead into
`Events`, the distinct values that occur. Which of them a model knows, its targets say.

Shape letters besides the usual: K columns of context.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, chain
from typing import Any

import numpy as np

from seqlearn.data.containers import is_missing, values_of
from seqlearn.data.frame_columns import check_columns, column_labels, refuse_rows
from seqlearn.data.messages import show
from seqlearn.data.refusals import packages_of, refuse_container
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError, InvalidParameterError

__all__ = [
    "Columns",
    "Events",
    "codes_of",
    "counted",
    "followed_by",
    "has_columns",
    "read_items",
    "read_sessions",
]

MISSING = -1  # code of a context that is not known
PLAIN = {bool, bytes, float, int, str, type(None)}


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a long frame.

    Attributes
    ----------
    item, by, order : str or None
        Of the item, of the session that a row belongs to, and of what rows are put in order by.
    context : list of str
        Of what else is read of a step.
    """

    item: Any = None
    by: Any = None
    order: Any = None
    context: list = field(default_factory=list)


@dataclass(frozen=True)
class Events:
    """The distinct values of the steps of some sessions.

    Attributes
    ----------
    values : list of lists
        Of the items, then of each column of context, in ascending order.
    counts : list of ndarray, or None
        How often each of them occurs, weighted.
    """

    values: list[list]
    counts: list[np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.values[0])


def read_sessions(X: Any, columns: Columns, first: int = 0) -> Sequences:
    """Return the codes of items and context, (S, 1 + K), int64; ``dictionary`` is `Events`.

    Parameters
    ----------
    X : list of N sequences of items, long frame or Sequences
        A frame, or what `seqlearn.data.containers.unpack` gave. With context a step is a tuple, the
        item first. What was read already is returned as it is.
    columns : Columns
        What the columns of a frame are.
    first : int
        Number of the first session, for messages.

    Returns
    -------
    Sequences
        Sessions may be empty. Those of a frame come in the order of their first rows.

    Raises
    ------
    DataFormatError
        X is neither; an item is missing or not hashable, or items are of several types. Sessions
        and steps are named, or rows of the frame.
    InvalidParameterError
        X is a frame, and its columns are not named.
    """
    if isinstance(X, Sequences):
        if not isinstance(X.dictionary, Events):
            raise DataFormatError(f"X is {X!r}, which holds numbers. {WANTED}")
        return X
    if has_columns(X):
        values, offsets, rows = _of_frame(X, columns)

        def place(i: int, name: Any) -> str:
            return f"Column {name!r} in row {rows[i]} of X"
    else:
        values, offsets = _of_lists(X, len(columns.context), first)

        def place(i: int, name: Any) -> str:
            return _place(i, offsets, first)

    names = [columns.item, *columns.context]
    codes = [
        _coded(
            one,
            f"Values of column {name!r}" if column else "The items of X",
            partial(place, name=name),
            are_items=column == 0,
        )
        for column, (one, name) in enumerate(zip(values, names, strict=True))
    ]
    table = np.stack([code for code, _ in codes], axis=1)  # (S, 1 + K)
    return Sequences(table, offsets, Events([distinct for _, distinct in codes]))


def has_columns(X: Any) -> bool:
    """Whether X is a frame with named columns, and its values are in memory.

    Raises
    ------
    DataFormatError
        It is a container that is not read.
    """
    refuse_container(X, "X")
    return hasattr(X, "column_names") or hasattr(X, "columns")


def read_items(
    items: Any, name: str, n: int | None = None, width: int = 1, tuples: bool = False
) -> list:
    """Return a flat list of items, each as Python has it.

    Parameters
    ----------
    items : array-like, or frame of one column
    name : str
        What the user calls it, for messages.
    n : int, optional
        How many sessions there are: one item for each.
    width : int
        With context, that of a step: a tuple of so many counts as its item, which is the first.
    tuples : bool
        Items are tuples themselves; then a step begins with one.

    Raises
    ------
    DataFormatError
        It has another form, or an entry is no item.
    """
    refuse_container(items, name)
    if hasattr(items, "column_names") or hasattr(items, "columns"):
        labels = column_labels(items) or []
        if len(labels) != 1:
            raise DataFormatError(
                f"{name} is a frame of {len(labels)} columns. A flat list of items is accepted; "
                f"give one column, {name}['NAME']."
            )
        items = items[labels[0]]
    is_flat = hasattr(items, "__iter__") and getattr(items, "shape", (0,)) != ()
    if not is_flat or isinstance(items, str | bytes | bytearray | Mapping | Set):
        remedy = f"list({name})" if isinstance(items, Set | Mapping) else f"[{show(items)}]"
        raise DataFormatError(
            f"{name} is {show(items)}, of type {type(items).__name__}. A flat list of items is "
            f"accepted; give {remedy}, for example."
        )
    values = values_of(items)
    if n is not None and len(values) != n:
        raise DataFormatError(
            "Found input variables with inconsistent numbers of samples: X has "
            f"{n} session{'s' * (n != 1)}, {name} has {len(values)} next "
            f"item{'s' * (len(values) != 1)}."
        )
    if width > 1:
        values = [_item_of(one, width, tuples) for one in values]
    values = [one.item() if isinstance(one, np.generic) else one for one in values]
    remedy = "Leave it out." if n is None else "Leave its session out."
    _check(values, lambda i: f"Item {i} of {name}", are_items=True, remedy=remedy)
    return values


def followed_by(sessions: Sequences, items: Any) -> Sequences:
    """Return the sessions, each with one more step: an item of which no context is known.

    Parameters
    ----------
    sessions : Sequences
        What `read_sessions` gave.
    items : array-like of N items, or of N steps with their context

    Raises
    ------
    DataFormatError
        There is not one item for each session.
    """
    n, events = len(sessions), sessions.dictionary
    are_tuples = any(isinstance(one, tuple) for one in events.values[0][:1])
    more = read_items(items, "y", n, sessions.n_features, are_tuples)
    known = _sorted([*events.values[0], *more], "The items of X and y", None)
    values = sessions.values.copy()
    values[:, 0] = codes_of(events.values[0], known)[values[:, 0]]
    last = np.full((n, values.shape[1]), MISSING)
    last[:, 0] = codes_of(more, known)
    joined = np.insert(values, sessions.offsets[1:], last, axis=0)
    offsets = sessions.offsets + np.arange(n + 1)
    return Sequences(joined, offsets, replace(events, values=[known, *events.values[1:]]))


def counted(sessions: Sequences, weights: np.ndarray | None) -> Sequences:
    """Return the sessions with counts of their values; each counts by the weight of its session."""
    events, counts = sessions.dictionary, []
    of_step = None if weights is None else np.repeat(weights, sessions.lengths)
    for values, codes in zip(events.values, sessions.values.T, strict=True):
        found = np.bincount(codes + 1, of_step, len(values) + 1)  # that of MISSING first
        counts.append(found[1:].astype(np.float64))
    return Sequences(sessions.values, sessions.offsets, replace(events, counts=counts))


def codes_of(values: Sequence, known: Sequence) -> np.ndarray:
    """Return the place of each value among ``known``, -1 of one that is not there, int64."""
    places = {value: i for i, value in enumerate(known)}
    return np.fromiter((places.get(value, MISSING) for value in values), np.int64, len(values))


WANTED = (
    "Sessions are lists of item ids, [['a', 'b'], ['c']], or a long frame with one row a step, "
    "whose columns the constructor names: item=, by=, order=."
)


def _item_of(step: Any, width: int, tuples: bool) -> Any:
    """Return the item of a step with its context; anything else as it is."""
    is_step = isinstance(step, tuple) and len(step) == width
    return step[0] if is_step and (not tuples or isinstance(step[0], tuple)) else step


def _of_lists(X: Any, n_context: int, first: int) -> tuple[list[list], np.ndarray]:
    """Return the values of each column, (S,), and the offsets of the sessions."""
    if isinstance(X, str | bytes) or not hasattr(X, "__len__") or not hasattr(X, "__iter__"):
        if hasattr(X, "__next__"):
            raise DataFormatError(f"X is {show(X)}, which can be read once. Pass list(X).")
        raise DataFormatError(f"X is {show(X)}. {WANTED}")
    rows = [row if type(row) is list else _row(row, first + i) for i, row in enumerate(X)]
    offsets = np.fromiter(accumulate(map(len, rows), initial=0), np.int64, len(rows) + 1)
    steps = list(chain.from_iterable(rows))
    if not n_context:
        return [steps], offsets
    width = 1 + n_context
    for i, step in enumerate(steps):
        if not isinstance(step, tuple) or len(step) != width:
            raise DataFormatError(
                f"{_place(i, offsets, first)} is {show(step)}; with context= of {n_context} "
                f"column{'s' * (n_context > 1)} a step is a tuple of {width}: the item, then the "
                "context."
            )
    return [list(column) for column in zip(*steps, strict=True)] or [[]] * width, offsets


def _row(row: Any, number: int) -> list:
    """Return the steps of one session as a list."""
    if hasattr(row, "tolist"):
        row = row.tolist()
    elif hasattr(row, "to_pylist"):
        row = row.to_pylist()
    is_steps = isinstance(row, Sequence) or hasattr(row, "to_list")
    if isinstance(row, str | bytes) or not is_steps:
        raise DataFormatError(f"Session {number} of X is {show(row)}, not a list. {WANTED}")
    return list(row)


def _of_frame(X: Any, columns: Columns) -> tuple[list[list], np.ndarray, list[int]]:
    """Return the values of each column, (S,), offsets, and the rows they stand in, (S,).

    Sessions are in the order of their first rows. The rows of one are put in the order of
    ``order``; equal ones keep theirs.
    """
    if columns.item is None or columns.by is None:
        raise InvalidParameterError(
            "X is a frame, but item= and by= do not both say which columns hold the items and the "
            f"sessions: item={columns.item!r}, by={columns.by!r}. Name them in the constructor, "
            "and the one of time in order=."
        )
    wanted = [columns.item, columns.by, *columns.context]
    check_columns(X, wanted if columns.order is None else [*wanted, columns.order])
    sessions = values_of(X[columns.by])
    _refuse_missing(sessions, columns.by)
    _check(sessions, lambda i: f"Column {columns.by!r} in row {i} of X", are_items=False)
    number: dict[Any, int] = {}
    of_row = [number.setdefault(one, len(number)) for one in sessions]
    order = np.argsort(of_row, kind="stable")
    if columns.order is not None:
        order = _in_order(X[columns.order], of_row, columns.order)
    counts = np.bincount(np.asarray(of_row, np.int64), minlength=len(number))
    offsets = np.concatenate(([0], np.cumsum(counts)))
    picked = order.tolist()
    values = [values_of(X[name]) for name in (columns.item, *columns.context)]
    return [[one[i] for i in picked] for one in values], offsets, picked


def _in_order(column: Any, of_row: list[int], name: Any) -> np.ndarray:
    """Return row numbers by session, then by time; equal ones keep their order."""
    column = _ranks_of_categories(column, name)
    array = np.asarray(column)
    if array.dtype.kind in "iumM" or (array.dtype.kind == "f" and not np.isnan(array).any()):
        if array.dtype.kind in "mM" and np.isnat(array).any():
            _refuse_missing(array.tolist(), name)
        return np.lexsort((array, np.asarray(of_row, np.int64)))
    times = values_of(column)
    _refuse_missing(times, name)
    try:
        rows = sorted(range(len(times)), key=lambda i: (of_row[i], times[i]))
    except TypeError as cause:
        raise DataFormatError(
            f"Column {name!r} of X cannot be put in order ({cause}). Give times of one type."
        ) from cause
    return np.array(rows, np.int64)


def _ranks_of_categories(column: Any, name: Any) -> Any:
    """Return the places of ordered categories among them; other columns as they are."""
    kind = getattr(column, "dtype", None)
    if getattr(getattr(column, "type", None), "ordered", False):  # of pyarrow
        _refuse_missing(values_of(column), name)
        chunks = column.unify_dictionaries().chunks
        return np.concatenate([np.zeros(0, np.int64), *(np.asarray(one.indices) for one in chunks)])
    is_enum = type(kind).__name__ == "Enum" and hasattr(column, "to_physical")
    if not is_enum and not (getattr(kind, "ordered", False) and hasattr(column, "cat")):
        return column
    _refuse_missing(values_of(column), name)
    return column.to_physical() if is_enum else column.cat.codes


def _refuse_missing(values: list, name: Any) -> None:
    rows = [i for i, one in enumerate(values) if is_missing(one)]
    if rows:
        refuse_rows(rows, "X", f"column {name!r} is missing there", "Drop such rows.")


def _coded(
    values: list, what: str, place: Callable[[int], str], are_items: bool
) -> tuple[np.ndarray, list]:
    """Return the codes of the values of a column, and the distinct values in ascending order."""
    kinds = set(map(type, values))
    if not kinds <= {int, str}:
        values = [one.item() if isinstance(one, np.generic) else one for one in values]
    if kinds <= {int} or kinds <= {str}:
        distinct = sorted(set(values))
    else:
        _check(values, place, are_items)
        distinct = _sorted(values, what, place)
    return codes_of(values, distinct), distinct


def _check(
    values: list, place: Callable[[int], str], are_items: bool, remedy: str = "Drop it."
) -> None:
    """Refuse values that cannot be told from each other, and items that are not there."""
    if {*map(type, values)} <= {int, str}:
        return
    for i, value in enumerate(values):
        is_plain = type(value) in PLAIN
        if not is_plain and not _is_hashable(value):
            raise DataFormatError(
                f"{place(i)} is {show(value)}, of type {type(value).__name__}, "
                "which is not hashable; give a number, a string, or a tuple of these."
            )
        if not is_plain and _is_unordered(value):
            raise DataFormatError(
                f"{place(i)} is {show(value)}, of type {type(value).__name__}, and such values "
                "have no order; give a number, a string, or a tuple of these: "
                "tuple(sorted(x)) of a set x, x.tolist() of a tensor."
            )
        if are_items and is_missing(value):
            raise DataFormatError(f"{place(i)} is {show(value)}: the item is missing. {remedy}")


def _is_hashable(value: Any) -> bool:
    if isinstance(value, slice):  # from Python 3.12 on
        return False
    try:
        hash(value)
    except TypeError:  # of a tuple that holds a list too
        return False
    return True


def _is_unordered(value: Any) -> bool:
    """Whether it is a set or a tensor, or holds one."""
    if isinstance(value, tuple):
        return any(map(_is_unordered, value))
    return isinstance(value, Set) or (hasattr(value, "is_nested") and "torch" in packages_of(value))


def _sorted(values: list, what: str, place: Callable[[int], str] | None) -> list:
    """Return the distinct values in ascending order; refuse several types among them."""
    there = [(i, value) for i, value in enumerate(values) if not is_missing(value)]
    kinds = sorted({type(value).__name__ for _, value in there})
    remedy = "Give all of one type: str(x) for each x, for example."
    if len(kinds) > 1:
        where = ""
        if place is not None:
            i, other = next(one for one in there if type(one[1]) is not type(there[0][1]))
            where = f" {place(i)} is {show(other)}."
        raise DataFormatError(
            f"{what} are of several types, {' and '.join(kinds)}, which have no order.{where} "
            f"{remedy}"
        )
    distinct = {value for _, value in there}
    try:
        return sorted(distinct)
    except TypeError as cause:
        raise DataFormatError(
            f"{what}, of type {kinds[0]}, cannot be put in order ({cause}). {remedy}"
        ) from cause


def _place(step: int, offsets: np.ndarray, first: int) -> str:
    session = int(np.searchsorted(offsets, step, side="right")) - 1
    return f"Step {step - int(offsets[session])} of session {first + session} of X"
