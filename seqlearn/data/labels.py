"""Labels of sequences and of their steps: from what a user has to one flat array, and back.

`read_row_labels` reads a label, or a set of labels, for each sequence, `read_labels` one for each
step, held against the lengths of the sequences. Both take any container and accept the same
labels, those of `seqlearn.data.label_values`. What labels mean, and which may follow each other,
is not known here.
"""

import warnings
from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any

import numpy as np
from sklearn.exceptions import DataConversionWarning

from seqlearn.data.channels import take_rows
from seqlearn.data.label_values import as_labels
from seqlearn.data.messages import listed
from seqlearn.data.sequences import Sequences
from seqlearn.data.targets import read_weights, unpack_targets
from seqlearn.data.validation import has_steps
from seqlearn.errors import DataFormatError

__all__ = [
    "RowNumbers",
    "is_flat",
    "label_rows",
    "one_step_rows",
    "place_in_rows",
    "read_classes",
    "read_labels",
    "read_row_labels",
    "split_steps",
    "without_empty",
]


def is_flat(y: Any, n_steps: int = 1) -> bool:
    """Whether y holds one label a row, not one for each of ``n_steps`` steps."""
    y = unpack_targets(y)
    if isinstance(y, np.ndarray) and (y.ndim != 1 or y.dtype != object):
        return y.ndim == 1 or (y.shape[1:] == (1,) and n_steps != 1)
    return not any(isinstance(row, list | tuple) or np.ndim(row) > 0 for row in y)


def read_row_labels(y: Any, *, name: str = "y", warn: bool = True) -> np.ndarray:
    """Return the label of each row, (N,), or which of C labels it has, (N, C).

    Parameters
    ----------
    y : list, array, Series or the like of shape (N,), (N, 1) or (N, C)
        Labels as `as_labels` takes them; of several columns, 0 and 1.
    name : str
        What it is, for messages.
    warn : bool
        Warn of a single column, as scikit-learn does.

    Raises
    ------
    DataFormatError
        A label is missing or not accepted, labels are of mixed types, or columns hold something
        other than 0 and 1.
    """
    y = unpack_targets(y, name)
    if isinstance(y, np.ndarray) and y.ndim > 1:
        shape: tuple[int, ...] = y.shape
        flat: Any = y.ravel()
    elif (width := _width(y)) is not None:
        shape, flat = (len(y), width), list(chain.from_iterable(y))
    else:
        return as_labels(y, lambda i: f"Row {i} of {name}")
    if len(shape) > 2 or 0 in shape:
        raise DataFormatError(
            f"{name} has shape {shape}; labels of shape (N,), or 0 and 1 of shape (N, C), are "
            "accepted."
        )
    if shape[1] != 1:
        return _read_columns(flat, (shape[0], shape[1]), name)
    if warn:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape "
            "of y to (n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=2,
        )
    return as_labels(flat, lambda i: f"Row {i} of {name}")


def read_classes(classes: Any) -> np.ndarray:
    """Return the distinct labels of a list of them, in ascending order."""
    labels = unpack_targets(classes, "classes")
    return np.unique(as_labels(labels, lambda i: f"Entry {i} of classes"))


def _width(y: np.ndarray | list) -> int | None:
    """Return the length of the rows of a list or array of dtype object; None if they have none."""
    if isinstance(y, np.ndarray) and y.dtype != object:
        return None
    lengths = {
        len(row)
        if isinstance(row, list | tuple) or (isinstance(row, np.ndarray) and row.ndim)
        else None
        for row in y
    }
    if len(lengths) > 1:
        raise DataFormatError(
            "The rows of y are lists of different lengths, where one label a sequence is "
            "accepted, of shape (N,), or 0 and 1 in (N, C). Of sets of labels make the latter: "
            "sklearn.preprocessing.MultiLabelBinarizer().fit_transform(y)."
        )
    return lengths.pop() if lengths else None


def _read_columns(flat: np.ndarray | list, shape: tuple[int, int], name: str) -> np.ndarray:
    """Return 0 and 1, (N, C), of all cells, row by row."""
    width = shape[1]
    flat = as_labels(flat, lambda i: f"Column {i % width} of row {i // width} of {name}")
    if flat.dtype.kind not in "biuf" or not np.isin(flat, (0, 1)).all():
        raise DataFormatError(
            f"{name} has several columns with the values {listed(np.unique(flat).tolist())}; for "
            "several labels a sequence 0 and 1 are accepted. Pass (y == value).astype(int), where "
            "value says that a label is there. For one label a sequence pass shape (N,); for "
            "several of more than two values use sklearn.multioutput.MultiOutputClassifier."
        )
    return flat.reshape(shape)


class RowNumbers:
    """The numbers that rows had before some were left out: ``numbers + i`` is that of row i.

    It takes the place of the number of the first row, for messages.
    """

    def __init__(self, numbers: np.ndarray):
        self.numbers = numbers

    def __add__(self, i: Any) -> Any:
        return self.numbers[i]

    def after(self, n_rows: int) -> "RowNumbers":
        """Return the numbers of the rows from ``n_rows`` on."""
        return RowNumbers(self.numbers[n_rows:])


def read_labels(y: Any, lengths: np.ndarray, *, first: Any = 0) -> np.ndarray:
    """Return the labels of all steps, one sequence after the other, (S,).

    Parameters
    ----------
    y : list of N lists, 1-D object array of arrays, Series of them, or array (N, T)
        Labels as `as_labels` takes them.
    lengths : ndarray of shape (N,)
        Steps of each sequence.
    first : int or RowNumbers
        Number of the first row, for messages.

    Raises
    ------
    DataFormatError
        Another number of rows or labels than of sequences or steps; or a label is missing or not
        accepted, or labels are of mixed types.
    """
    rows = _rows_of_labels(y, len(lengths))
    for i, (row, length) in enumerate(zip(rows, lengths.tolist(), strict=True)):
        if not isinstance(row, list | tuple | np.ndarray):
            raise DataFormatError(
                f"Row {first + i} of y is {row!r}; every row must be a list with one label for "
                f"each of the {length} steps of sequence {first + i} of X."
            )
        _check_length(row, length, first + i)
    kinds = {row.dtype.kind if isinstance(row, np.ndarray) else None for row in rows}
    if len(kinds) == 1 and not kinds & {None, "O", "T"}:
        flat: Any = np.concatenate(rows)
        if flat.ndim != 1:
            raise DataFormatError(
                f"The labels of y have shape {flat.shape[1:]}; one label a step is accepted."
            )
    else:
        flat = list(chain.from_iterable(rows))
    return as_labels(flat, place_in_rows(lengths, first))


def label_rows(y: Any, name: str = "y") -> list:
    """Return the rows of y; those that are containers, as lists, tuples or arrays."""
    return [
        unpack_targets(row, f"Row {i} of {name}") if _is_container(row) else row
        for i, row in enumerate(unpack_targets(y, name))
    ]


def _rows_of_labels(y: Any, n_sequences: int) -> list:
    """Return the rows of y, of which there must be one a sequence."""
    rows = label_rows(y)
    if len(rows) != n_sequences:
        raise DataFormatError(
            "Found input variables with inconsistent numbers of samples: X has "
            f"{n_sequences} sequences, y has {len(rows)} rows of labels."
        )
    return rows


def _check_length(row: Any, n_steps: int, number: int) -> None:
    if len(row) != n_steps:
        raise DataFormatError(
            f"Row {number} of y has {len(row)} labels, but sequence {number} of X has {n_steps} "
            "steps; every step needs one label."
        )


def _is_container(row: Any) -> bool:
    """Whether a row is neither a list, nor a plain array, nor a single thing."""
    if type(row) is list or (type(row) is np.ndarray and row.dtype != object):
        return False
    return not isinstance(row, str | bytes | tuple) and hasattr(row, "__len__")


def place_in_rows(lengths: np.ndarray, first: Any, what: str = "Step") -> Callable[[int], str]:
    """Return what names label i of those of all rows, whose numbers begin at ``first``."""

    def place(i: int) -> str:
        row = int(np.searchsorted(np.cumsum(lengths), i, side="right"))
        return f"{what} {i - int(lengths[:row].sum())} of row {first + row} of y"

    return place


def split_steps(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return flat values of shape (S, ...) as a 1-D object array of one array a sequence."""
    rows = np.empty(len(offsets) - 1, dtype=object)
    for i, (start, end) in enumerate(pairwise(offsets.tolist())):
        rows[i] = values[start:end]
    return rows


def one_step_rows(sequences: Sequences) -> Sequences:
    """Return the N rows of a 2-D X, of F columns, as sequences of one step."""
    rows = sequences.values.reshape(len(sequences), -1)  # (N, F)
    return Sequences(rows, np.arange(len(rows) + 1))


def without_empty(X: list, y: Any, sample_weight: Any) -> tuple[RowNumbers, list, Any, Any]:
    """Drop the sequences without steps, with their labels and weights; say which are left."""
    kept = [i for i, row in enumerate(X) if has_steps(row)]
    if len(kept) == len(X):
        return RowNumbers(np.arange(len(X))), X, y, sample_weight
    rows = _rows_of_labels(y, len(X))
    weights = read_weights(sample_weight, len(X))
    for i in set(range(len(X))) - set(kept):
        _check_length(rows[i], 0, i)
    numbers = RowNumbers(np.asarray(kept, dtype=np.int64))
    weights = weights if weights is None else weights[kept]
    return numbers, take_rows(X, kept), [rows[i] for i in kept], weights
