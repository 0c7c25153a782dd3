"""What stands beside X: targets out of any container, targets that are numbers, and weights.

`unpack_targets` undoes the containers that users keep y and weights in, and refuses masks, which
NumPy drops without a word. `read_numbers` and `read_weights` make float64 of what it returns;
labels are read in `seqlearn.data.labels`.
"""

from collections.abc import Mapping, Set
from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from seqlearn.data.containers import is_missing, unpack_tensor
from seqlearn.data.messages import listed, show
from seqlearn.data.refusals import refuse_container
from seqlearn.errors import DataFormatError

__all__ = ["plain_cells", "read_numbers", "read_weights", "unpack_targets"]

LARGEST, SMALLEST = 1e290, 1e-290  # weights between these can be added, multiplied and divided
TOO_LARGE = "infinity or a value too large for dtype('float64')"
DATES = (np.datetime64, np.timedelta64, date, time, timedelta)
MASKED = (
    "{} is a masked array, and masks are not read. Leave the masked entries out, with what belongs "
    "to them in X, or fill them: array.filled(value)."
)


def unpack_targets(y: Any, name: str = "y") -> np.ndarray | list:
    """Undo the container of y, of one row of it, or of weights.

    Parameters
    ----------
    y : object
        List, tuple or other sequence, array, torch tensor, or what pandas, polars or pyarrow hold.
    name : str
        What it is, for messages.

    Returns
    -------
    ndarray of at least one dimension, or list
        Cells are as they were; those of torch and pyarrow become Python's.

    Raises
    ------
    DataFormatError
        Masked, sparse, lazy, a single value, or of no order.
    """
    if type(y) is not list:
        y = _opened(y, name)
        if isinstance(y, np.ndarray) and y.dtype != object:
            return y
    cells = y if type(y) is list else y.ravel()
    if any(issubclass(kind, np.ma.MaskedArray) for kind in set(map(type, cells))):
        for i, cell in enumerate(cells):
            if np.ma.is_masked(cell) and np.ndim(cell):
                raise DataFormatError(MASKED.format(f"Row {i} of {name}"))
    return plain_cells(y) if type(y) is list else y


def plain_cells(cells: list) -> list:
    """Return cells of torch and pyarrow, and arrays without dimensions, as Python's."""
    return list(map(_plain, cells)) if any(map(_is_foreign, set(map(type, cells)))) else cells


def _opened(y: Any, name: str) -> np.ndarray | list:
    """Return any container as an array or a list of cells."""
    if isinstance(y, np.ma.MaskedArray) and np.ma.is_masked(y):
        raise DataFormatError(MASKED.format(name))
    refuse_container(y, name)
    package = type(y).__module__.partition(".")[0]
    if package == "torch":
        y = unpack_tensor(y)
    elif package == "polars" and hasattr(y, "__len__"):
        y = y.rows() if hasattr(y, "rows") else y.to_list()
    elif package == "pyarrow":
        y = list(zip(*y.to_pydict().values(), strict=True)) if hasattr(y, "columns") else _plain(y)
    elif hasattr(y, "toarray"):
        raise DataFormatError(f"{name} is sparse; pass a dense array: {name}.toarray().")
    if hasattr(y, "__array__"):
        y = np.asarray(y)
        if y.ndim:
            return y
    elif not isinstance(y, str | bytes | Mapping | Set) and (
        hasattr(y, "__len__") and hasattr(y, "__iter__")
    ):
        return list(y)
    raise DataFormatError(
        f"{name} is {show(y)}, of type {type(y).__name__}; a list or an array of at least one "
        "dimension is accepted."
    )


def _is_foreign(kind: type) -> bool:
    return kind is np.ndarray or kind.__module__.partition(".")[0] in ("torch", "pyarrow")


def _plain(cell: Any) -> Any:
    if isinstance(cell, np.ndarray):
        return cell if cell.ndim else cell[()]
    for name in ("to_pylist", "as_py"):  # arrays and scalars of pyarrow
        if hasattr(cell, name):
            return getattr(cell, name)()
    is_tensor = type(cell).__module__.partition(".")[0] == "torch"
    return unpack_tensor(cell).tolist() if is_tensor else cell


def read_numbers(y: Any, name: str = "y") -> np.ndarray:
    """Return numbers in float64, in the shape that they were given in.

    Parameters
    ----------
    y : array-like of shape (N,) or (N, C)
        Whatever `unpack_targets` takes.
    name : str
        What it is, for messages.

    Raises
    ------
    DataFormatError
        Text, dates, complex numbers, missing or infinite values, rows of different lengths.
    """
    y = unpack_targets(y, name)
    if isinstance(y, list) or y.dtype.kind not in "fiub":
        y = _from_objects(y, name)
    numbers = y.astype(np.float64)
    if numbers.size and not np.isfinite(numbers).all():
        rows = np.unique(np.nonzero(~np.isfinite(numbers))[0])
        what = "NaN" if np.isnan(numbers).any() else TOO_LARGE
        raise DataFormatError(
            f"Input {name} contains {what}. Every row needs a finite number, which is not so in "
            f"row{'s' * (len(rows) > 1)} {listed(rows)}: drop what is not known, with what belongs "
            "to it in X."
        )
    return numbers


def _from_objects(y: np.ndarray | list, name: str) -> np.ndarray:
    """Return cells that are not an array of numbers as one, after a look at each."""
    try:
        cells = np.array(list(y), dtype=object)  # a list: arrays in an array are not opened
    except ValueError as cause:
        raise DataFormatError(
            f"The rows of {name} have different lengths ({cause}); one number a row, or the same "
            "count of numbers in each, is accepted."
        ) from cause
    typed = y if isinstance(y, np.ndarray) and y.dtype != object else cells
    flat = list(typed.ravel())  # NumPy's dates would become integers in cells
    for kind in dict.fromkeys(map(type, flat)):
        if issubclass(kind, Real | Decimal | np.bool_) and not issubclass(kind, DATES):
            continue
        i = next(i for i, cell in enumerate(flat) if type(cell) is kind)
        cell = flat[i].item() if isinstance(flat[i], np.str_ | np.bytes_) else flat[i]
        raise DataFormatError(
            f"Row {i // max(1, cells[0].size if cells.ndim > 1 else 1)} of {name} is "
            f"{show(cell)}, of type {type(cell).__name__}; numbers are accepted. "
            f"{_advice(cell, name)}"
        )
    try:
        return cells.astype(np.float64)
    except OverflowError as cause:
        raise DataFormatError(f"Input {name} contains {TOO_LARGE} ({cause}).") from cause


def _advice(cell: Any, name: str) -> str:
    """What to do with a cell of ``name`` that is no number."""
    if is_missing(cell):
        return "It is missing: drop the row, with what belongs to it in X."
    if isinstance(cell, DATES) or type(cell).__name__ == "Period":  # pandas'
        return (
            "Say in numbers how long after what: (dates - dates.min()) / np.timedelta64(1, 's') "
            "for dates, durations / np.timedelta64(1, 's') for durations."
        )
    if isinstance(cell, str | bytes):
        return f"If the text is a written number, pass np.asarray({name}, dtype=float)."
    if isinstance(cell, complex | np.complexfloating):
        return "Complex data not supported: pass real and imaginary parts as two columns."
    if isinstance(cell, list | tuple | np.ndarray):
        return "Rows must be of one length."
    return "Convert it to a number first."


def read_weights(sample_weight: Any, n_rows: int, *, first: Any = 0) -> np.ndarray | None:
    """Return one weight for each row in float64, (N,), or None where none were given.

    Parameters
    ----------
    sample_weight : array-like of shape (N,) or None
        Finite, not negative, not all zero: a weight stands for a number of repetitions.
    n_rows : int
        How many there must be.
    first : int or RowNumbers
        Number of the first row, for messages.

    Raises
    ------
    DataFormatError
        Anything else; also weights that are too large to be added, or too small to be divided.
    """
    if sample_weight is None:
        return None
    weights = read_numbers(sample_weight, "sample_weight")
    if weights.shape != (n_rows,):
        raise DataFormatError(
            f"sample_weight.shape == {weights.shape}, expected ({n_rows},): one weight for each "
            "sequence. There are no weights for single steps."
        )
    negative = np.flatnonzero(weights < 0)[:5]
    if len(negative):
        raise DataFormatError(
            f"Negative values in sample_weight, in rows {np.asarray(first + negative).tolist()}: "
            "weights must be at least 0, for they stand for numbers of repetitions."
        )
    if not weights.any():
        raise DataFormatError(
            "All sample weights are zero, so there is nothing to count: give at least one row a "
            "positive weight in sample_weight."
        )
    largest = weights.max()
    if not SMALLEST <= largest <= LARGEST / n_rows:
        raise DataFormatError(
            f"The weights in sample_weight are too {'large' if largest > 1 else 'small'} to be "
            f"added up and divided in float64: the largest is {largest:g}. Bring them to a usual "
            "size, for example sample_weight / sample_weight.max()."
        )
    return weights
