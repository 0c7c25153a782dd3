"""Undoing containers: what pandas, polars, pyarrow and torch hold becomes arrays and lists.

`unpack` looks at containers only; whether the values in them are numbers, and finite, and of one
width, is checked in `seqlearn.data.validation`. None of these packages is imported here. Containers
that are refused are in `seqlearn.data.refusals`.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from numbers import Number, Real
from typing import Any

import numpy as np

from seqlearn.data.channels import Rows, channel_labels, channel_names
from seqlearn.data.refusals import FRAMES, packages_of, refuse_container
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError

__all__ = [
    "NUMBERS",
    "as_array",
    "is_missing",
    "objects_of",
    "refuse_mask",
    "unpack_panel",
    "steps_of",
    "unpack",
    "unpack_tensor",
    "values_of",
]

NUMBERS = "fiub"  # kinds of dtype: floating, signed, unsigned, boolean
MISSING = {"NoneType", "NAType", "NaTType", "MaskedConstant"}  # names of types


def unpack(X: Any) -> Any:
    """Undo the container of X; values are neither checked nor, where avoidable, copied.

    Returns an ndarray, a list of sequences (`Rows` for a table), `Sequences`, or X itself if it
    is none of the known containers of sequences (scikit-learn's own checks judge it then, and
    read its column names).

    Raises
    ------
    DataFormatError
        A container that cannot be read, or whose columns are not all sequences of one length.
    """
    if isinstance(X, list | Sequences):
        return X
    if isinstance(X, np.ndarray):
        return _unpack_objects(X) if X.dtype == object else X
    packages = packages_of(X)
    if "torch" in packages and hasattr(X, "is_nested"):
        return unpack_tensor(X)
    if "xarray" in packages and hasattr(X, "dims") and hasattr(X, "dtype"):
        return _unpack_data_array(X)
    refuse_container(X, "X")
    if packages & FRAMES:
        return _unpack_frame(X)
    is_list = isinstance(X, Sequence) and not isinstance(X, str | bytes | bytearray | memoryview)
    return list(X) if is_list else X


def unpack_tensor(X: Any) -> Any:
    """Return a torch tensor as an ndarray; other things of torch as they are."""
    if not hasattr(X, "is_nested"):
        return X
    if X.is_nested:
        raise DataFormatError(
            "A torch nested tensor cannot be split by scikit-learn. Pass a list of arrays: "
            "[t.numpy() for t in X.unbind()]."
        )
    try:
        return X.detach().cpu().numpy()
    except (TypeError, RuntimeError) as cause:
        raise DataFormatError(
            f"A torch tensor of {X.dtype} and {X.layout} has no NumPy form ({cause}). Pass "
            "X.float(), or X.to_dense()."
        ) from cause


def unpack_panel(X: Any) -> Any:
    """Split a pandas object with a MultiIndex, (instance, time), into one array an instance.

    The last level is time; rows of an instance keep their order, instances that of their first
    row. Anything else is returned as it is.
    """
    if not _is_panel(X):
        return X
    instances = X.index.droplevel(-1).factorize()[0]
    order = np.argsort(instances, kind="stable")
    ends = np.flatnonzero(np.diff(instances[order])) + 1
    rows = np.split(X.to_numpy()[order], ends) if len(X) else []
    names = channel_names(channel_labels(X)) if hasattr(X, "columns") else None
    return rows if names is None else Rows(rows, names, (1,) * len(names))


def as_array(row: Any, name: str) -> np.ndarray:
    """Return a sequence as an array: arrays within it joined to one, ``pandas.NA`` as NaN.

    Raises
    ------
    DataFormatError
        It is not rectangular, or masked; ``name`` says which one it is.
    """
    refuse_mask(row, name)
    try:
        array = np.asarray(row)
        steps = array.tolist() if array.dtype == object and array.ndim == 1 else []
        if steps and all(map(_is_sequence, steps)):
            refuse_mask(steps, name)
            array = np.asarray(steps)  # as Parquet files give (T_i, F)
    except ValueError as cause:
        raise DataFormatError(
            f"{name} is not rectangular: its steps have different numbers of features. Every "
            f"sequence must be of shape (T_i, F). ({cause})"
        ) from cause
    if array.dtype == object:
        missing = np.fromiter(map(is_missing, array.flat), bool, array.size)
        array = np.where(missing.reshape(array.shape), np.nan, array)
    return array


def refuse_mask(X: Any, name: str) -> None:
    """Raise if X, or something in a list, is masked: NumPy drops masks without a word."""
    parts = X if isinstance(X, list | tuple) else (X,)
    if not any(issubclass(kind, np.ma.MaskedArray) for kind in set(map(type, parts))):
        return
    if any(map(np.ma.is_masked, parts)):
        what = "is a masked array" if parts is not X else "holds masked values"
        raise DataFormatError(
            f"{name} {what}, and masks are not read. If the mask is padding, fill it, "
            "array.filled(np.nan), and pass seqlearn.to_sequences(X, padding=np.nan)."
        )


def objects_of(values: Iterable) -> np.ndarray:
    """Return an array of objects (N,) of values of any kind, lists and arrays too."""
    rows = list(values)
    array = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        array[i] = row
    return array


def values_of(column: Any) -> list:
    """Return the values of a column of pandas, polars or pyarrow, or of an array, as Python's."""
    for name in ("to_pylist", "tolist", "to_list"):
        if hasattr(column, name):
            return getattr(column, name)()
    return list(column)


def is_missing(value: Any) -> bool:
    """Whether a value stands for one that is not there: None, NaN, NaT, pandas' NA, a mask."""
    if isinstance(value, Real | Decimal | np.datetime64 | np.timedelta64):
        return bool(value != value)
    return type(value).__name__ in MISSING


def steps_of(row: Any) -> Sequence | np.ndarray | None:
    """Return the steps of a row that may be words or dictionaries; None if they can not be."""
    if isinstance(row, list | tuple):
        return row
    if isinstance(row, np.ndarray):
        return row if row.dtype.kind in "UOT" and row.ndim == 1 else None
    if isinstance(row, str | bytes | bytearray | memoryview | Mapping):
        return None
    if packages_of(row) & FRAMES:
        if hasattr(row, "as_py"):  # a cell of pyarrow
            return steps_of(row.as_py())
        is_column = hasattr(row, "__len__") and not hasattr(row, "columns")
        return values_of(row) if is_column and _is_open(getattr(row, "dtype", None)) else None
    return list(row) if isinstance(row, Sequence) else None


def _is_panel(X: Any) -> bool:
    return "pandas" in packages_of(X) and getattr(getattr(X, "index", None), "nlevels", 1) > 1


def _is_sequence(cell: Any) -> bool:
    if isinstance(cell, Sequence):
        return not isinstance(cell, str | bytes)
    return np.ndim(cell) > 0


def _hold_sequences(cells: list | np.ndarray) -> bool:
    """Whether any cell is a sequence; the search ends early where all are numbers or text."""
    kinds = set(map(type, cells))
    return not all(issubclass(kind, Number | str | Mapping) for kind in kinds) and any(
        map(_is_sequence, cells)
    )


def _is_open(dtype: Any) -> bool:
    """Whether a column of this type may hold anything but numbers."""
    if hasattr(dtype, "is_numeric"):
        return not dtype.is_numeric()  # polars
    return getattr(dtype, "kind", "O") not in "fiubcmM"


def _unpack_objects(X: np.ndarray) -> Any:
    """An object array of sequences as rows: (N,) of one column, (N, K) of K."""
    if X.ndim not in (1, 2) or not _hold_sequences(X.ravel()):
        return X
    if X.ndim == 1:
        return list(X)
    return _join_columns([list(column) for column in X.T], list(range(X.shape[1])), None)


def _unpack_data_array(X: Any) -> Any:
    """A DataArray of xarray: the coordinates of the last of three axes are names of channels."""
    values = np.asarray(X)
    names = channel_names(channel_labels(X)) if values.ndim == 3 else None
    return unpack(values) if names is None else Rows(values, names, (1,) * len(names))


def _unpack_frame(X: Any) -> Any:
    """A column of sequences, or of texts, as a list; a table of channels as `Rows`."""
    if _is_panel(X):
        columns = [X] if not hasattr(X, "columns") else [c for _, c in X.items()]
        remedy = "Convert it first: seqlearn.to_sequences(X)."
        if any(_cells(column) for column in columns):
            remedy = "If each row is a sequence, drop the index: X.reset_index(drop=True)."
        elif any(_is_open(column.dtype) for column in columns):
            remedy += " Words become lists: X['NAME'].groupby(level=0).agg(list)."
        raise DataFormatError(
            "X is a pandas object with a MultiIndex: scikit-learn would count its rows, not its "
            f"series. {remedy}"
        )
    if not hasattr(X, "columns"):
        return _unpack_column(X)
    if hasattr(X, "dtypes") and not any(map(_is_open, set(X.dtypes))):
        return X  # a table of numbers; numbers of pyarrow are found column by column
    labels = channel_labels(X) or []
    if hasattr(X, "iloc"):
        columns = [X.iloc[:, j] for j in range(len(labels))]
    else:
        columns = list(X.iter_columns() if hasattr(X, "iter_columns") else X.itercolumns())
    cells = [_cells(column) for column in columns]
    if not any(cells):
        return X  # no sequences, or no rows
    return _join_columns(cells, labels, channel_names(labels))


def _unpack_column(X: Any) -> Any:
    cells = _cells(X)
    if cells is not None:
        label = getattr(X, "name", None)
        return Rows(cells, label=label if isinstance(label, str) and label else None)
    if _is_open(getattr(X, "dtype", None)) and len(X):
        steps = steps_of(X)
        if steps is not None and any(isinstance(cell, str) for cell in steps):
            return steps
    return X


def _cells(column: Any) -> list | None:
    """The cells of a column if they hold sequences, else None."""
    if not _is_open(getattr(column, "dtype", None)):
        return None
    cells = values_of(column)
    if not _hold_sequences(cells):
        return None
    return [_bare(cell) for cell in cells]


def _bare(cell: Any) -> Any:
    """A series as an array; frames keep their names."""
    is_series = hasattr(cell, "to_numpy") and not hasattr(cell, "columns")
    return cell.to_numpy() if is_series else cell


def _join_columns(columns: list[list | None], labels: list, names: tuple[str, ...] | None) -> Rows:
    """The cells of K columns as N sequences; K series of one row are its channels."""
    without = [
        str(label)
        for label, cells in zip(labels, columns, strict=True)
        if cells is None or not _hold_sequences(cells)
    ]
    if without:
        raise DataFormatError(
            f"Columns {', '.join(without)} of X hold no sequences, but others do. Leave them out: "
            "a value for a whole sequence goes into a channel of its own, once for each step, by "
            "seqlearn.add_static, or past the sequences, by a ColumnTransformer with "
            "SequenceEncoder."
        )
    filled = [cells for cells in columns if cells is not None]  # all
    kinds = set(map(type, chain.from_iterable(filled)))
    if names is not None and any(hasattr(kind, "columns") for kind in kinds):
        raise DataFormatError(
            f"The cells of column {labels[0]!r} of X are data frames, which have columns of their "
            f"own. Pass them as a list: X[{labels[0]!r}].tolist()."
        )
    if len(columns) == 1:
        return Rows(filled[0], names)
    rows, known = [], None
    for i, row in enumerate(zip(*filled, strict=True)):
        arrays = [_channel(cell, label, i) for cell, label in zip(row, labels, strict=True)]
        lengths = set(map(len, arrays))
        if len(lengths) > 1:
            raise DataFormatError(
                f"The channels of sequence {i} of X have different lengths, {sorted(lengths)} (0 "
                "stands for a missing cell); bring the channels of one sequence to one length "
                "first."
            )
        widths = tuple(array.shape[1] if array.ndim > 1 else 1 for array in arrays)
        if lengths == {0}:  # refused later, or dropped
            arrays = [np.zeros((0, sum(known or widths)))]
        elif known is None:
            known = widths
        _check_cells(arrays, widths, known or widths, i, labels)
        steps = [array if array.ndim > 1 else array[:, None] for array in arrays]
        rows.append(np.concatenate(steps, axis=1))  # (T_i, F)
    return Rows(rows, names, known)


def _channel(cell: Any, label: Any, number: int) -> np.ndarray:
    """A cell as an array; a cell that is missing has no steps."""
    if type(cell) is np.ndarray and cell.ndim and cell.dtype != object:
        return cell
    name = f"The channel {label!r} of sequence {number} of X"
    return as_array(cell if _is_sequence(cell) else (), name)


def _check_cells(
    arrays: list[np.ndarray], widths: tuple, known: tuple, number: int, labels: list
) -> None:
    """Raise if channels of a sequence are no numbers, or not as wide as those of the first one."""
    for array, width, wanted, label in zip(arrays, widths, known, labels, strict=False):
        if array.dtype.kind in NUMBERS and array.ndim < 3 and width == wanted:
            continue
        where = f"The channel {label!r} of sequence {number} of X"
        if array.dtype.kind in "UT" or (
            array.dtype == object and any(isinstance(value, str) for value in array.flat)
        ):
            raise DataFormatError(
                f"{where} holds words. Words go into a table of one column; where a step is more "
                "than one, pass lists of dictionaries: [{'word': 'Paris', 'tag': 'NNP'}, ...]."
            )
        if array.dtype.kind in "SMm":
            raise DataFormatError(f"{where} holds {array.dtype}, not numbers; leave it out.")
        if array.ndim > 2:
            raise DataFormatError(
                f"{where} has shape {array.shape}; a cell is of shape (T_i,) or (T_i, F)."
            )
        if width != wanted and len(array):
            raise DataFormatError(
                f"{where} has {width} values a step, but that of the first sequence has {wanted}; "
                "every cell of a column must have the same number."
            )
