"""The columns of a table with a row for each step or event: found by name, read as numbers.

A table is a data frame of pandas, polars or pyarrow, a dictionary of columns, or a structured array
of NumPy.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any, NoReturn

import numpy as np

from seqlearn.data.containers import NUMBERS, as_array
from seqlearn.data.messages import listed, show
from seqlearn.data.refusals import refuse_container
from seqlearn.errors import DataFormatError

__all__ = ["check_columns", "column_labels", "column_numbers", "refuse_rows"]


def column_labels(table: Any, name: str = "X") -> list | None:
    """Return the labels of the columns of a table, None if it has no columns with labels.

    Raises
    ------
    DataFormatError
        It is a container that is not read; ``name`` says which.
    """
    refuse_container(table, name)
    if isinstance(table, Mapping):
        return list(table)
    if isinstance(table, np.ndarray):
        return None if table.dtype.names is None else list(table.dtype.names)
    if hasattr(table, "column_names"):  # of pyarrow
        return list(table.column_names)
    return list(table.columns) if hasattr(table, "columns") else None


def check_columns(table: Any, wanted: Iterable, name: str = "X") -> None:
    """Raise a DataFormatError if a table, called ``name``, has not each of the columns once."""
    wanted, present = list(wanted), column_labels(table, name) or []
    absent = [one for one in wanted if one not in present]
    if absent:
        of_index = getattr(getattr(table, "index", None), "names", ())
        in_index = f" Pass {name}.reset_index()." if set(absent) & set(of_index) else ""
        raise DataFormatError(
            f"{name} has no column {', '.join(map(repr, absent))}; its columns are "
            f"{', '.join(map(repr, present))}.{in_index}"
        )
    twice = [one for one in wanted if present.count(one) > 1]
    if twice:
        raise DataFormatError(
            f"{name} has several columns {listed(dict.fromkeys(twice))}. Rename all but one."
        )


def column_numbers(column: Any, label: Any, name: str, remedy: str) -> np.ndarray:
    """Return a column as float64, (rows,); what is missing is NaN.

    Parameters
    ----------
    column : array-like of shape (rows,)
    label, name : object, str
        What the column and its table are called, for messages.
    remedy : str
        What to do if it holds something else than numbers.

    Raises
    ------
    DataFormatError
        It does; rows are named.
    """
    values = as_array(column, f"Column {label!r} of {name}")
    if values.ndim != 1 or values.dtype.kind in "mMc":
        raise DataFormatError(
            f"Column {label!r} of {name} holds {values.dtype} of shape {values.shape}, not one "
            f"number a row. {remedy}"
        )
    if values.dtype.kind not in NUMBERS:
        cells = values.tolist()
        odd = [i for i, cell in enumerate(cells) if not isinstance(cell, Real | Decimal)]
        if odd:
            what = f"column {label!r} holds {show(cells[odd[0]])}, not a number"
            refuse_rows(odd, name, what, remedy)
    return values.astype(np.float64)


def refuse_rows(rows: Any, name: str, what: str, remedy: str) -> NoReturn:
    """Raise a DataFormatError that names the rows of a table."""
    raise DataFormatError(f"Row{'s' * (len(rows) > 1)} {listed(rows)} of {name}: {what}. {remedy}")
