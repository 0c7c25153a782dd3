"""From long tables of events, a row for each value that was measured, to `Sequences`.

That is how hospitals, sensors and logs hold what is measured at irregular times: whose, when, what
and how much. `events_to_sequences` brings the rows of each id into order, on a grid of time or as
they come. What was not measured is NaN.

Shape letters besides the usual: E events, V variables.
"""

from numbers import Real
from typing import Any

import numpy as np

from seqlearn.data.channels import Channels
from seqlearn.data.containers import is_missing, values_of
from seqlearn.data.frame_columns import check_columns, column_labels, column_numbers, refuse_rows
from seqlearn.data.messages import listed, repeated, show
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError, InvalidParameterError

__all__ = ["events_to_sequences"]

ROUNDING = 1e-12  # share of a time: 0.3 of grids of 0.1 lies on a border, whatever is computed


def events_to_sequences(
    table: Any,
    *,
    id: Any = "id",
    time: Any = "time",
    variable: Any = "variable",
    value: Any = "value",
    every: float | None = None,
    span: float | None = None,
    ids: Any = None,
    variables: Any = None,
    dtype: Any = None,
) -> Sequences:
    """Convert a long table of events, one measured value a row, to `Sequences`.

    Rows may stand in any order; the answer does not depend on it. `to_sequences` reads tables in
    which a row is a step, with a column for each variable.

    Parameters
    ----------
    table : DataFrame of pandas or polars, pyarrow Table, dict of columns or structured array
        A row for each event.
    id, time, variable, value : label, default="id", "time", "variable" and "value"
        The columns that say whose value it is, when it was measured (a number, 0 or more, in any
        unit), what was measured, and the value. A missing value is no observation, but its row
        counts as a step of its id.
    every : float, optional
        Width of the steps of a grid, in the unit of ``time``: step t holds the mean of what was
        measured from t * every up to, but without, (t + 1) * every. By default there is no grid but
        one step for each distinct time of an id, and the time is the first feature; what an id has
        of one variable at one time is averaged.
    span : float, optional
        How long to look, in the unit of ``time``: later events, and those at that very time, are
        left out, and a grid has ``span / every`` steps, rounded up, for every id. By default
        sequences end with their last event.
    ids : array-like of N ids, optional
        Which ids to return, in which order: that of y. Events of others are left out. One without
        any event becomes NaN: as many steps as the grid has with ``span``, else one, at time 0. By
        default ids come in the order of their first rows, ``table["id"].unique()`` of pandas.
    variables : array-like of V variables, optional
        Which variables to return, in which order. Events of others are left out; one that does not
        occur is NaN throughout. By default those that occur, sorted: name them wherever two tables
        must give the same features, as those of training and test.
    dtype : floating numpy dtype, optional
        Type of the values, by default float64.

    Returns
    -------
    Sequences
        Of V features a step; without a grid of 1 + V, the first of which is the time. Their names
        are in ``channels.names`` if they are strings.

    Raises
    ------
    DataFormatError
        No such columns; ids, times or variables that are missing, times that are negative or
        infinite, and what is not a number: rows are named. Nothing of ``ids`` or ``variables``
        occurs.
    InvalidParameterError
        ``every`` or ``span`` is not a positive number, or an id or variable is named twice.

    See Also
    --------
    to_sequences : Tables that have a row for each step, and everything else.
    add_static : Add what is known of a whole sequence.
    seqlearn.preprocessing.SequenceImputer : Fill what is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from seqlearn import events_to_sequences
    >>> table = pd.DataFrame(
    ...     [("ada", 0.2, "HR", 70.0), ("ada", 0.7, "HR", 74.0), ("ada", 1.5, "Temp", 37.0)],
    ...     columns=["id", "time", "variable", "value"],
    ... )
    >>> grid = events_to_sequences(table, every=1.0, span=3, ids=["ada", "bob"])
    >>> grid.channels.names, grid[0].tolist()
    (('HR', 'Temp'), [[72.0, nan], [nan, 37.0], [nan, nan]])
    >>> events_to_sequences(table)[0]
    array([[ 0.2, 70. ,  nan],
           [ 0.7, 74. ,  nan],
           [ 1.5,  nan, 37. ]])
    """
    columns = [id, time, variable, value]
    _check_parameters(columns, every, span, dtype)
    if column_labels(table, "table") is None:
        raise DataFormatError(
            f"table is {show(table)}, a {type(table).__name__}; a data frame with a row for each "
            "event is accepted, or a dictionary of its columns."
        )
    check_columns(table, columns, "table")
    times = _times(table[time], time, id)
    values = column_numbers(
        table[value],
        value,
        "table",
        f"Convert it, pandas.to_numeric(table[{value!r}], errors='coerce') for example, or drop "
        "such rows.",
    )
    rows, known_ids = _numbered(table[id], id, ids, "ids", in_order=False)
    codes, names = _numbered(table[variable], variable, variables, "variables", in_order=True)
    if not len(rows) == len(codes) == len(times) == len(values):
        raise DataFormatError("The columns of table do not have the same number of rows.")
    chosen = (rows >= 0) & (codes >= 0)
    if span is not None:
        chosen &= times < span
    rows, codes, times, values = rows[chosen], codes[chosen], times[chosen], values[chosen]
    if every is None:
        steps, offsets, starts = _by_time(rows, times, len(known_ids))
    else:
        steps, offsets = _on_grid(rows, times, len(known_ids), every, span)
    means = _means(steps, codes, values, (int(offsets[-1]), len(names)))  # (S, V)
    if every is None:
        means = np.column_stack([starts, means])  # (S, 1 + V)
        names = _with_time(time, names)
    are_names = all(isinstance(name, str) for name in names)
    channels = Channels(tuple(map(str, names)), (1,) * len(names)) if are_names else None
    return Sequences(means.astype(dtype or np.float64, copy=False), offsets, channels=channels)


def _check_parameters(columns: list, every: Any, span: Any, dtype: Any) -> None:
    for name, number in {"every": every, "span": span}.items():
        is_number = isinstance(number, Real) and not isinstance(number, bool)
        if number is not None and not (is_number and 0 < float(number) < np.inf):
            raise InvalidParameterError(
                f"{name}={number!r}: a positive number in the unit of the time is accepted."
            )
    if len(set(columns)) < len(columns):
        raise InvalidParameterError(
            f"id, time, variable and value name the columns {', '.join(map(repr, columns))}; give "
            "four different ones."
        )
    if dtype is not None and np.dtype(dtype).kind != "f":
        raise InvalidParameterError(
            f"dtype must be a floating type, such as 'float32', not {np.dtype(dtype)}."
        )


def _times(column: Any, name: Any, key: Any) -> np.ndarray:
    """Return finite times of 0 or more, (E,)."""
    times = column_numbers(
        column,
        name,
        "table",
        "Give the time since the first event, or since admission, as a number, in hours for "
        f"example. Of dates: (t - t.groupby(table[{key!r}]).transform('min')).dt.total_seconds() / "
        f"3600 with t = table[{name!r}].",
    )
    for is_bad, what, remedy in (
        (~np.isfinite(times), "is missing or infinite", "Drop such rows."),
        (times < 0, "is negative", "Count the time from the first event of each id."),
    ):
        if is_bad.any():
            refuse_rows(np.flatnonzero(is_bad), "table", f"column {name!r} {what} there", remedy)
    return times


def _numbered(
    column: Any, name: Any, chosen: Any, parameter: str, *, in_order: bool
) -> tuple[np.ndarray, list]:
    """Return the place of each row's key among those chosen, -1 of others, and the keys."""
    import pandas as pd

    try:
        codes, found = pd.factorize(np.asarray(column))
    except TypeError as cause:
        raise DataFormatError(
            f"Column {name!r} of table cannot be read ({cause}). Give a number or a string in each "
            "row."
        ) from cause
    if (codes < 0).any():
        rows = np.flatnonzero(codes < 0)
        refuse_rows(rows, "table", f"column {name!r} is missing there", "Drop such rows.")
    present = np.asarray(found).tolist()
    if chosen is None:
        if not present:
            raise DataFormatError(
                f"table has no rows. Give {parameter}= for sequences that hold nothing but NaN."
            )
        keys = _sorted(present, name) if in_order else present
    else:
        keys = _check_keys(chosen, parameter)
        if present and not set(present) & set(keys):
            raise DataFormatError(
                f"Nothing of {parameter} is in column {name!r} of table: it holds "
                f"{present[0]!r} ({type(present[0]).__name__}), for example, and {parameter} "
                f"{keys[0]!r} ({type(keys[0]).__name__})."
            )
    places = {key: i for i, key in enumerate(keys)}
    place = np.fromiter((places.get(key, -1) for key in present), np.int64, len(present))
    return place[codes], keys


def _check_keys(chosen: Any, parameter: str) -> list:
    """Return the ids or variables that the user named."""
    if isinstance(chosen, str | bytes) or not hasattr(chosen, "__iter__"):
        raise InvalidParameterError(
            f"{parameter}={show(chosen)}: a list is accepted, [{show(chosen)}] for example."
        )
    keys = [key.item() if isinstance(key, np.generic) else key for key in values_of(chosen)]
    if not keys or any(map(is_missing, keys)):
        what = "holds a missing one" if keys else "is empty"
        raise InvalidParameterError(f"{parameter} {what}; name at least one, and none that is NaN.")
    if len(set(keys)) < len(keys):
        raise InvalidParameterError(f"{parameter} names {listed(repeated(keys))} more than once.")
    return keys


def _sorted(keys: list, name: Any) -> list:
    try:
        return sorted(keys)
    except TypeError as cause:
        raise DataFormatError(
            f"Column {name!r} of table holds things of several types, which have no order "
            f"({cause}). Say which to take, in which order: variables=[...]."
        ) from cause


def _by_time(
    rows: np.ndarray, times: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the step of each event, offsets, and the time of each step, (S,)."""
    rows = np.concatenate([rows, np.setdiff1d(np.arange(n), rows)])  # those without an event last
    times = np.concatenate([times, np.zeros(len(rows) - len(times))])
    order = np.lexsort((times, rows))
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (np.diff(rows[order]) != 0) | (np.diff(times[order]) != 0)
    steps = np.empty(len(order), np.int64)
    steps[order] = np.cumsum(is_first) - 1
    firsts = order[is_first]
    offsets = np.concatenate(([0], np.cumsum(np.bincount(rows[firsts], minlength=n))))
    return steps, offsets, times[firsts]


def _on_grid(
    rows: np.ndarray, times: np.ndarray, n: int, every: float, span: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the step of each event, and offsets."""
    cells = np.floor(times / every * (1 + ROUNDING)).astype(np.int64)
    if span is None:
        lengths = np.ones(n, np.int64)
        np.maximum.at(lengths, rows, cells + 1)
    else:
        n_steps = max(int(np.ceil(span / every * (1 - ROUNDING))), 1)
        cells = np.minimum(cells, n_steps - 1)
        lengths = np.full(n, n_steps)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return offsets[rows] + cells, offsets


def _means(
    steps: np.ndarray, codes: np.ndarray, values: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return the mean of what falls into each cell, (S, V), NaN where nothing does."""
    means = np.full(shape, np.nan)
    is_there = ~np.isnan(values)
    values = values[is_there]
    cells = steps[: len(is_there)][is_there] * shape[1] + codes[is_there]
    if len(values):
        order = np.lexsort((values, cells))  # sums do not depend on the order of rows
        values, cells = values[order], cells[order]
        starts = np.flatnonzero(np.diff(cells, prepend=-1))
        counts = np.diff(starts, append=len(cells))
        means.flat[cells[starts]] = np.add.reduceat(values, starts) / counts
    return means


def _with_time(time: Any, names: list) -> list:
    """Return the names of the features, that of the time first."""
    if time in names:
        raise DataFormatError(
            f"A variable is called {time!r}, as the column of the times. Rename one of them."
        )
    return [time, *names]
