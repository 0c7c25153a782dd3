"""Columns of a step that the user names, by name or number, as places among its values."""

from typing import Any

import numpy as np

from seqlearn.data.input_record import InputRecord
from seqlearn.data.messages import listed, show
from seqlearn.errors import InvalidParameterError

__all__ = ["column_range", "scaled_columns"]


def column_range(column: Any, parameter: str, record: InputRecord, n_features: int) -> range:
    """Return which of the ``n_features`` values of a step a column is; of some it is several.

    Parameters
    ----------
    column : int or str
        Its number among the values of a step, or its name.
    parameter : str
        What it is given by, for messages.
    record : InputRecord
        What X is.

    Raises
    ------
    InvalidParameterError
        X has no such column.
    """
    given = f"{parameter}={show(column)}"
    if record.kind == "series":
        raise InvalidParameterError(
            f"{given}, but X is 2-D: series of one feature, which have no columns to choose from. "
            "Give an array (N, T, F) or a list of (T_i, F) arrays."
        )
    if isinstance(column, int | np.integer) and not isinstance(column, bool):
        if not -n_features <= column < n_features:
            raise InvalidParameterError(
                f"{given}, but X has {n_features} values a step: 0 to {n_features - 1} are columns."
            )
        place = int(column) % n_features
        return range(place, place + 1)
    names = [] if record.names is None else record.names.tolist()
    if column not in names:
        has = f"has the columns {listed(names)}" if names else "has no names of columns"
        raise InvalidParameterError(
            f"{given}, but X {has}. Give a name, or the number of a column."
        )
    i, widths = names.index(column), record.widths or (1,) * len(names)
    return range(sum(widths[:i]), sum(widths[: i + 1]))


def scaled_columns(
    columns: Any, time_column: Any, record: InputRecord, n_features: int
) -> np.ndarray:
    """Return which of the values of a step are to be scaled, (F,), bool.

    Parameters
    ----------
    columns : list of int or str, or None
        These columns; None is all of them.
    time_column : int or str or None
        But for this one.
    record, n_features
        As in `column_range`.

    Raises
    ------
    InvalidParameterError
        X has no such columns, or the time is one of them.
    """
    chosen = np.full(n_features, columns is None)
    if columns is not None:
        is_list = hasattr(columns, "__iter__") and not isinstance(columns, str | bytes)
        listing = list(columns) if is_list else []
        if not listing:
            raise InvalidParameterError(
                f"columns={show(columns)}: a list of names or numbers of columns is accepted, at "
                "least one, or None for all."
            )
        for column in listing:
            chosen[list(column_range(column, "columns", record, n_features))] = True
    if time_column is not None:
        places = list(column_range(time_column, "time_column", record, n_features))
        if columns is not None and chosen[places].any():
            raise InvalidParameterError(
                f"time_column={time_column!r} is one of columns={show(columns)}; time is not "
                "scaled. Leave it out of columns."
            )
        chosen[places] = False
    return chosen
