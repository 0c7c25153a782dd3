"""Sessions: what users did one after the other, as items, and what else is known of each step.

`read_sessions` takes lists of items, or a long frame with one row a step, and returns `Sequences`
of codes: column 0 is the item, the others are the context of the step. The codes lead into
`Events`, the distinct values that occur. Which of them a model knows, its targets say.

Shape letters besides the usual: K columns of context.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from typing import Any

import numpy as np

from seqlearn.data.containers import is_missing
from seqlearn.data.messages import listed, show
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError, InvalidParameterError

__all__ = ["Columns", "Events", "codes_of", "counted", "followed_by", "read_sessions"]

MISSING = -1  # code of a context that is not known


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
    counts : ndarray or None
        How often each item occurs, weighted.
    """

    values: list[list]
    counts: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values[0])


def read_sessions(X: Any, columns: Columns, first: int = 0) -> Sequences:
    """Return the codes of items and context, (S, 1 + K), int64; ``dictionary`` is `Events`.

    Parameters
    ----------
    X : list of N sequences of items, long frame or Sequences
        What `seqlearn.data.containers.unpack` gave. With context a step is a tuple, the item first.
        What was read already is returned as it is.
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
    if hasattr(X, "column_names") or hasattr(X, "columns"):
        values, offsets = _of_frame(X, columns)
    else:
        values, offsets = _of_lists(X, len(columns.context), first)
    names = ["item", *columns.context]
    codes = [_coded(one, name, offsets, first) for one, name in zip(values, names, strict=True)]
    table = np.stack([code for code, _ in codes], axis=1)  # (S, 1 + K)
    return Sequences(table, offsets, Events([distinct for _, distinct in codes]))


def followed_by(sessions: Sequences, items: Sequence) -> Sequences:
    """Return the sessions, each with one more step: an item of which no context is known.

    Parameters
    ----------
    sessions : Sequences
        What `read_sessions` gave.
    items : sequence of N items

    Raises
    ------
    DataFormatError
        There is not one item for each session.
    """
    n, events = len(sessions), sessions.dictionary
    more = read_sessions([[one] for one in _next_items(items, n)], Columns())
    known = _sorted([*events.values[0], *more.dictionary.values[0]], "item", "X and y")
    values = sessions.values.copy()
    values[:, 0] = codes_of(events.values[0], known)[values[:, 0]]
    last = np.full((n, values.shape[1]), MISSING)
    last[:, 0] = codes_of(more.dictionary.values[0], known)[more.values[:, 0]]
    joined = np.insert(values, sessions.offsets[1:], last, axis=0)
    offsets = sessions.offsets + np.arange(n + 1)
    return Sequences(joined, offsets, replace(events, values=[known, *events.values[1:]]))


def counted(sessions: Sequences, weights: np.ndarray | None) -> Sequences:
    """Return the sessions with counts of their items; each counts by the weight of its session."""
    events = sessions.dictionary
    of_step = None if weights is None else np.repeat(weights, sessions.lengths)
    counts = np.bincount(sessions.values[:, 0], of_step, len(events)).astype(np.float64)
    return Sequences(sessions.values, sessions.offsets, replace(events, counts=counts))


def codes_of(values: Sequence, known: Sequence) -> np.ndarray:
    """Return the place of each value among ``known``, -1 of one that is not there, int64."""
    places = {value: i for i, value in enumerate(known)}
    return np.fromiter((places.get(value, MISSING) for value in values), np.int64, len(values))


WANTED = (
    "Sessions are lists of item ids, [['a', 'b'], ['c']], or a long frame with one row a step, "
    "whose columns the constructor names: item=, by=, order=."
)


def _next_items(items: Any, n: int) -> list:
    listed = items.tolist() if hasattr(items, "tolist") else list(items)
    if len(listed) != n:
        raise DataFormatError(
            "Found input variables with inconsistent numbers of samples: X has "
            f"{n} sessions, y has {len(listed)} next items."
        )
    return listed


def _of_lists(X: Any, n_context: int, first: int) -> tuple[list[list], np.ndarray]:
    """Return the values of each column, (S,), and the offsets of the sessions."""
    if isinstance(X, str | bytes) or not hasattr(X, "__len__") or not hasattr(X, "__iter__"):
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


def _of_frame(X: Any, columns: Columns) -> tuple[list[list], np.ndarray]:
    """Return the values of each column, (S,), sessions in the order of their first rows.

    Rows of a session are put in the order of ``order``; equal ones keep theirs.
    """
    if columns.item is None or columns.by is None:
        raise InvalidParameterError(
            "X is a frame, but item= and by= do not both say which columns hold the items and the "
            f"sessions: item={columns.item!r}, by={columns.by!r}. Name them in the constructor, "
            "and the one of time in order=."
        )
    present = list(X.column_names if hasattr(X, "column_names") else X.columns)
    wanted = [columns.item, columns.by, *columns.context]
    wanted += [] if columns.order is None else [columns.order]
    absent = [name for name in wanted if name not in present]
    if absent:
        raise DataFormatError(
            f"X has no column {', '.join(map(repr, absent))}; its columns are "
            f"{', '.join(map(repr, present))}."
        )
    sessions = _column(X, columns.by)
    _refuse_missing(sessions, columns.by)
    number: dict[Any, int] = {}
    of_row = [number.setdefault(one, len(number)) for one in sessions]
    order = np.argsort(of_row, kind="stable")
    if columns.order is not None:
        order = _in_order(X[columns.order], of_row, columns.order)
    counts = np.bincount(np.asarray(of_row, np.int64), minlength=len(number))
    offsets = np.concatenate(([0], np.cumsum(counts)))
    picked = order.tolist()
    values = [_column(X, name) for name in (columns.item, *columns.context)]
    return [[one[i] for i in picked] for one in values], offsets


def _in_order(column: Any, of_row: list[int], name: Any) -> np.ndarray:
    """Return row numbers by session, then by time; equal ones keep their order."""
    array = np.asarray(column)
    if array.dtype.kind in "iumM" or (array.dtype.kind == "f" and not np.isnan(array).any()):
        if array.dtype.kind in "mM" and np.isnat(array).any():
            _refuse_missing(array.tolist(), name)
        return np.lexsort((array, np.asarray(of_row, np.int64)))
    times = _listed(column)
    _refuse_missing(times, name)
    try:
        rows = sorted(range(len(times)), key=lambda i: (of_row[i], times[i]))
    except TypeError as cause:
        raise DataFormatError(
            f"Column {name!r} of X cannot be put in order ({cause}). Give times of one type."
        ) from cause
    return np.array(rows, np.int64)


def _refuse_missing(values: list, name: Any) -> None:
    rows = [i for i, one in enumerate(values) if is_missing(one)]
    if rows:
        raise DataFormatError(
            f"Row{'s' * (len(rows) > 1)} {listed(rows)} of X: column {name!r} is missing there. "
            "Drop such rows."
        )


def _column(X: Any, name: Any) -> list:
    return _listed(X[name])


def _listed(column: Any) -> list:
    for method in ("to_pylist", "tolist", "to_list"):
        if hasattr(column, method):
            return getattr(column, method)()
    return list(column)


def _coded(values: list, name: str, offsets: np.ndarray, first: int) -> tuple[np.ndarray, list]:
    """Return the codes of the values of a column, and the distinct values in ascending order."""
    kinds = set(map(type, values))
    if not kinds <= {int, str}:
        values = [one.item() if isinstance(one, np.generic) else one for one in values]
    if kinds <= {int} or kinds <= {str}:
        distinct = sorted(set(values))
    else:
        _check(values, name, offsets, first)
        distinct = _sorted(values, name, "X", offsets, first)
    return codes_of(values, distinct), distinct


def _check(values: list, name: str, offsets: np.ndarray, first: int) -> None:
    """Refuse values that cannot be told from each other, and items that are not there."""
    for i, value in enumerate(values):
        if not isinstance(value, Hashable) or isinstance(value, slice):
            raise DataFormatError(
                f"{_place(i, offsets, first)} is {show(value)}, of type {type(value).__name__}, "
                "which is not hashable; an item id is a number, a string, or a tuple of these."
            )
        if name == "item" and is_missing(value):
            raise DataFormatError(
                f"{_place(i, offsets, first)} is {show(value)}: the item is missing. Drop the step."
            )


def _sorted(
    values: list, name: str, where: str, offsets: np.ndarray | None = None, first: int = 0
) -> list:
    """Return the distinct values in ascending order; refuse several types among them."""
    there = [(i, value) for i, value in enumerate(values) if not is_missing(value)]
    kinds = sorted({type(value).__name__ for _, value in there})
    remedy = "Give all ids of one type: str(item) for each, for example."
    if len(kinds) > 1:
        place = ""
        if offsets is not None:
            i, other = next(one for one in there if type(one[1]) is not type(there[0][1]))
            place = f" {_place(i, offsets, first)} is {show(other)}."
        raise DataFormatError(
            f"The {name}s of {where} are of several types, {' and '.join(kinds)}, which have no "
            f"order.{place} {remedy}"
        )
    distinct = {value for _, value in there}
    try:
        return sorted(distinct)
    except TypeError as cause:
        raise DataFormatError(
            f"The {name}s of {where}, of type {kinds[0]}, cannot be put in order ({cause}). "
            f"{remedy}"
        ) from cause


def _place(step: int, offsets: np.ndarray, first: int) -> str:
    session = int(np.searchsorted(offsets, step, side="right")) - 1
    return f"Step {step - int(offsets[session])} of session {first + session} of X"
