"""Labels of steps: from what a user has to one flat array, and back.

`read_labels` takes lists of label lists, object arrays, and plain arrays, and holds them against
the lengths of the sequences. What labels mean, and which may follow each other, is not known
here. The tagger is the caller.
"""

from itertools import chain
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from seqlearn.data.channels import take_rows
from seqlearn.data.checking import has_steps
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError

__all__ = [
    "RowNumbers",
    "is_flat",
    "one_step_rows",
    "read_labels",
    "split_steps",
    "without_empty",
]


def is_flat(y: Any, n_steps: int = 1) -> bool:
    """Whether y holds one label a row, not one for each of ``n_steps`` steps."""
    if hasattr(y, "__array__"):
        y = np.asarray(y)
        if y.ndim != 1 or y.dtype != object:
            return y.ndim == 1 or (y.shape[1:] == (1,) and n_steps != 1)
    rows = y.tolist() if hasattr(y, "tolist") else list(y)
    return not any(isinstance(row, list | tuple) or np.ndim(row) > 0 for row in rows)


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
    y : list of N lists, 1-D object array of arrays, pandas Series of them, or array (N, T)
        Labels of any one type.
    lengths : ndarray of shape (N,)
        Steps of each sequence.
    first : int or RowNumbers
        Number of the first row, for messages.

    Raises
    ------
    DataFormatError
        Another number of rows or labels than of sequences or steps, or labels of mixed types.
    """
    rows = list(np.asarray(y) if hasattr(y, "__array__") else y)
    if len(rows) != len(lengths):
        raise DataFormatError(
            "Found input variables with inconsistent numbers of samples: X has "
            f"{len(lengths)} sequences, y has {len(rows)} rows of labels."
        )
    for i, (row, length) in enumerate(zip(rows, lengths.tolist(), strict=True)):
        if isinstance(row, str) or not hasattr(row, "__len__"):
            raise DataFormatError(
                f"Row {first + i} of y is {row!r}; every row must be a list with one label for "
                f"each of the {length} steps of sequence {first + i} of X."
            )
        if len(row) != length:
            raise DataFormatError(
                f"Row {first + i} of y has {len(row)} labels, but sequence {first + i} of X has "
                f"{length} steps; every step needs one label."
            )
    kinds = {row.dtype.kind in "UT" if isinstance(row, np.ndarray) else None for row in rows}
    is_plain = len(kinds) == 1 and None not in kinds
    flat = np.concatenate(rows) if is_plain else _array(list(chain(*rows)))
    if flat.ndim != 1:
        raise DataFormatError(
            f"The labels of y have shape {flat.shape[1:]}; one label a step is accepted."
        )
    if flat.dtype.kind in "OT":
        flat = _array(flat.tolist())
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        raise DataFormatError("Input y contains NaN or infinity; every step needs a label.")
    check_classification_targets(flat)
    return flat


def _array(labels: list) -> np.ndarray:
    kinds = sorted({"text" if isinstance(label, str) else "numbers" for label in labels})
    if len(kinds) > 1:
        raise DataFormatError(
            "The labels of y are of mixed types, text and others, for example "
            f"{next(x for x in labels if isinstance(x, str))!r} and "
            f"{next(x for x in labels if not isinstance(x, str))!r}; use one type."
        )
    return np.asarray(labels)


def split_steps(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return flat values of shape (S, ...) as a 1-D object array of one array a sequence."""
    rows = np.empty(len(offsets) - 1, dtype=object)
    for i, (start, end) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
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
    if len(y) != len(X):
        raise DataFormatError(
            "Found input variables with inconsistent numbers of samples: X has "
            f"{len(X)} sequences, y has {len(y)} rows of labels."
        )
    if sample_weight is not None:
        sample_weight = np.asarray(sample_weight)
        if sample_weight.shape != (len(X),):
            raise DataFormatError(
                f"sample_weight.shape == {sample_weight.shape}, expected ({len(X)},): one weight "
                "for each sequence."
            )
        sample_weight = sample_weight[kept]
    rows = list(y)
    for i in set(range(len(X))) - set(kept):
        if len(rows[i]):
            raise DataFormatError(
                f"Row {i} of y has {len(rows[i])} labels, but sequence {i} of X has 0 steps; every "
                "step needs one label."
            )
    numbers = RowNumbers(np.asarray(kept, dtype=np.int64))
    return numbers, take_rows(X, kept), [rows[i] for i in kept], sample_weight
