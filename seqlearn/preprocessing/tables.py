"""Tables of sequences as the answer of a transformer: a column for each channel, as X had them.

Callers: `seqlearn.preprocessing.packing`. A library of data frames is imported only where X is
one of its frames or `set_output` asked for one.
"""

from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from seqlearn.data.sequences import Sequences

__all__ = ["cells_of", "frame_of", "frame_like"]


def cells_of(sequences: Sequences, widths: tuple[int, ...], *, flat: bool = True) -> np.ndarray:
    """Return an object array (N, K) of the channels of each sequence.

    Cells are of shape (T_i,) for a channel of one value a step, unless ``flat`` is False, and of
    shape (T_i, F) for one of several.
    """
    edges = np.concatenate(([0], np.cumsum(widths))).tolist()
    cells = np.empty((len(sequences), len(widths)), dtype=object)
    for i, row in enumerate(sequences):
        for j, (start, end) in enumerate(pairwise(edges)):
            cells[i, j] = row[:, start] if flat and end - start == 1 else row[:, start:end]
    return cells


def frame_of(cells: np.ndarray, names: Any, library: str, index: Any = None) -> Any:
    """Return a data frame of pandas, polars or pyarrow with a sequence in each cell."""
    package = import_module(library)
    if library == "pandas":
        return package.DataFrame(cells, index=index, columns=names)
    # Lists of arrays keep the type of the values; those of several values a step have to be lists.
    columns = [[cell if cell.ndim == 1 else cell.tolist() for cell in column] for column in cells.T]
    if library == "polars":
        return package.DataFrame(
            [package.Series(name, column) for name, column in zip(names, columns, strict=True)]
        )
    return package.table(list(map(package.array, columns)), names=list(names))


def frame_like(X: Any, cells: np.ndarray) -> Any:
    """Return the cells as a table of the kind of X, with its labels."""
    if isinstance(X, np.ndarray):
        return cells
    if hasattr(X, "iloc"):
        return frame_of(cells, X.columns, "pandas", X.index)
    if hasattr(X, "column_names"):
        return frame_of(cells, X.column_names, "pyarrow")
    return frame_of(cells, X.columns, "polars")
