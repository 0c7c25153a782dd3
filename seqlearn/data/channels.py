"""The channels of a table of sequences: names, widths, and lists of rows that keep them.

A table has a column for each channel and a sequence in each cell: a nested data frame, a column
of lists, an object array. A data frame for each sequence has its channels in its columns too.
Names are strings, as in scikit-learn; columns named by anything else go by their place.
`seqlearn.data.input_record` holds the channels of one X against those of another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqlearn.data.messages import listed
from seqlearn.errors import DataFormatError

__all__ = [
    "Channels",
    "Rows",
    "channel_labels",
    "channel_names",
    "channels_of",
    "name_difference",
    "take_rows",
]

PLAIN = {np.ndarray, list, tuple}  # types of sequences that have no names


@dataclass(frozen=True)
class Channels:
    """The columns of a table of sequences.

    Attributes
    ----------
    names : tuple of str, or None
        A name for each column, if they have any.
    widths : tuple of int
        Values a step of each column; 1 for a column of univariate series.
    """

    names: tuple[str, ...] | None
    widths: tuple[int, ...]


class Rows(list):
    """The rows of a table, one sequence each, with the names and widths of its columns.

    ``widths`` is None for a table of one column: then its values tell. ``label`` is what a column
    without a table is called; as in scikit-learn, it is not held against the names of another X.
    """

    def __init__(
        self,
        rows: Iterable,
        names: tuple[str, ...] | None = None,
        widths: tuple[int, ...] | None = None,
        label: str | None = None,
    ):
        super().__init__(rows)
        self.names = names
        self.widths = widths
        self.label = label

    def __getitem__(self, key: Any) -> Any:
        chosen = super().__getitem__(key)
        return Rows(chosen, self.names, self.widths) if isinstance(key, slice) else chosen


def take_rows(X: list, rows: Iterable[int]) -> list:
    """Return the rows of the given numbers; those of a table keep their channels."""
    chosen = [X[i] for i in rows]
    return Rows(chosen, X.names, X.widths) if isinstance(X, Rows) else chosen


def channel_labels(table: Any) -> list | None:
    """Return the labels of the channels of a data frame or an xarray DataArray, if it has some."""
    if hasattr(table, "columns"):
        return list(getattr(table, "column_names", table.columns))  # the former of pyarrow
    axis = getattr(table, "dims", ())[-1:]
    if axis and axis[0] in getattr(table, "coords", ()):
        return np.asarray(table.coords[axis[0]]).tolist()
    return None


def channel_names(labels: list | None) -> tuple[str, ...] | None:
    """Return the labels of columns if they are strings, None if none is.

    Raises
    ------
    DataFormatError
        Only some of them are strings.
    """
    labels = labels or []
    n_names = sum(isinstance(label, str) for label in labels)
    if n_names == 0:
        return None
    if n_names < len(labels):
        kinds = sorted({type(label).__name__ for label in labels})
        raise DataFormatError(
            "Feature names are only supported if all input features have string names, but the "
            f"columns of X are named by {kinds}. Rename them: X.columns.astype(str)."
        )
    return tuple(map(str, labels))


def channels_of(X: list, n_features: int, first: Any = 0) -> Channels | None:
    """Return the channels of sequences with ``n_features`` values a step.

    Parameters
    ----------
    X : list of N
        Sequences as `seqlearn.data.containers.unpack` returned them.
    n_features : int
        Values a step.
    first : int
        Number of the first row, for messages.

    Returns
    -------
    Channels or None
        None for a list of arrays, and of data frames without names.

    Raises
    ------
    DataFormatError
        The data frames do not have the same columns in the same order.
    """
    is_table = isinstance(X, Rows)
    names, widths = (X.names, X.widths) if isinstance(X, Rows) else (None, None)
    if (not is_table or names is widths is None) and not set(map(type, X)) <= PLAIN:
        common = _common_names(X, first)
        if common is not None:
            return Channels(common, (1,) * n_features)
    return Channels(names, widths or (n_features,)) if is_table else None


def _common_names(X: list, first: Any) -> tuple[str, ...] | None:
    """Return the names that all data frames of a list have, in one order."""
    labels = [None if type(row) in PLAIN else channel_labels(row) for row in X]
    known = next((own for own in labels if own is not None), None)
    if known is None:
        return None
    place, names = labels.index(known), channel_names(known)
    for i, own in enumerate(labels):
        if own == known or (names is None and (own is None or {*own} != {*known})):
            continue  # what is not named by strings goes by its place
        found = "none" if own is None else name_difference(known, own)
        raise DataFormatError(
            f"Sequence {first + i} of X does not have the channel names of sequence "
            f"{first + place}: {found}. Give all the same columns in the same order: "
            "[frame[columns] for frame in X]."
        )
    return names


def name_difference(known: Iterable, given: Iterable) -> str:
    """Say in words how the names given differ from those known."""
    known, given = list(known), list(given)
    parts = {
        "missing": [name for name in known if name not in given],
        "not known": [name for name in given if name not in known],
    }
    text = "; ".join(f"{what}: {listed(names)}" for what, names in parts.items() if names)
    return text or "the same names in another order"
