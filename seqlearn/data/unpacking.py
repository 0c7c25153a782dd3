"""Undoing containers: what pandas, polars, pyarrow and torch hold becomes arrays and lists.

`unpack` is the first of the two steps of `seqlearn.data.conversion`. It looks at containers only:
whether the values in them are numbers, and finite, and of one width, is checked in the second
step. None of the four packages is imported here.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError

__all__ = ["split_panel", "unpack", "unpack_tensor"]


def unpack(X: Any) -> Any:
    """Undo the container of X; values are neither checked nor, where avoidable, copied.

    Returns an ndarray, a list of sequences, `Sequences`, or X itself if it is none of the known
    containers of sequences (scikit-learn's own checks judge it then, and read its column names).
    """
    if isinstance(X, list | Sequences):
        return X
    if isinstance(X, np.ndarray):
        holds_sequences = X.dtype == object and X.ndim == 1 and any(map(_is_sequence, X))
        return list(X) if holds_sequences else X
    package = type(X).__module__.partition(".")[0]
    if package == "torch":
        return unpack_tensor(X)
    if package in ("pandas", "polars", "pyarrow"):
        return _unpack_frame(X, package)
    return list(X) if isinstance(X, tuple) else X


def unpack_tensor(X: Any) -> Any:
    """Return a torch tensor as an ndarray; other things of torch as they are."""
    if hasattr(X, "batch_sizes"):
        raise DataFormatError(
            "A torch PackedSequence cannot be split by scikit-learn. Pass a list of its sequences: "
            "torch.nn.utils.rnn.unpack_sequence(X)."
        )
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


def split_panel(X: Any) -> Any:
    """Split a pandas object with a MultiIndex, (instance, time), into one array an instance.

    The last level is time; rows of an instance keep their order, instances that of their first
    row. Anything else is returned as it is.
    """
    if not _is_panel(X):
        return X
    instances = X.index.droplevel(-1).factorize()[0]
    order = np.argsort(instances, kind="stable")
    ends = np.flatnonzero(np.diff(instances[order])) + 1
    return np.split(X.to_numpy()[order], ends) if len(X) else []


def _is_panel(X: Any) -> bool:
    is_pandas = type(X).__module__.partition(".")[0] == "pandas"
    return is_pandas and getattr(getattr(X, "index", None), "nlevels", 1) > 1


def _is_sequence(cell: Any) -> bool:
    return isinstance(cell, list | tuple) or np.ndim(cell) > 0


def _unpack_frame(X: Any, package: str) -> Any:
    """A column of sequences as a list; a table of channels as a list of (T_i, F) arrays."""
    if _is_panel(X):
        raise DataFormatError(
            "X is a pandas object with a MultiIndex: scikit-learn would count its rows, not its "
            "series. Convert it first: seqlearn.to_sequences(X)."
        )
    if not hasattr(X, "columns"):
        cells = _cells(X)
        return X if cells is None else cells
    if package == "pandas":
        columns: Iterable = (column for _, column in X.items())
    else:
        columns = X.iter_columns() if package == "polars" else X.itercolumns()
    channels = []
    for column in columns:
        cells = _cells(column)
        if cells is None and not channels:
            return X  # a table of numbers
        channels.append([None] * len(X) if cells is None else cells)
    return _stack(channels) if channels else X


def _cells(column: Any) -> list | None:
    """The cells of a column if they hold sequences, else None."""
    if getattr(getattr(column, "dtype", None), "kind", "O") != "O":
        return None  # pandas, numbers
    cells = column.to_list() if hasattr(column, "to_list") else column.to_pylist()
    if not any(map(_is_sequence, cells)):
        return None
    return [cell.to_numpy() if hasattr(cell, "to_numpy") else cell for cell in cells]


def _stack(channels: list[list]) -> list[np.ndarray]:
    """F lists of N univariate series to N arrays (T_i, F)."""
    rows = []
    for i, row in enumerate(zip(*channels, strict=True)):
        row = [cell if _is_sequence(cell) else () for cell in row]
        lengths = sorted({len(cell) for cell in row})
        if len(lengths) > 1:
            raise DataFormatError(
                f"The channels of sequence {i} of X have different lengths, {lengths} (0 stands "
                "for a missing cell); bring the channels of one sequence to one length first."
            )
        rows.append(np.column_stack(row))  # (T_i, F)
    return rows
