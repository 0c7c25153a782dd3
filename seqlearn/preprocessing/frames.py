"""Sequences in the cells of a data frame, a column for each channel, as X had them.

A library of data frames is imported only where X is one of its frames or `set_output` asks for it.
"""

from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from seqlearn.data.refusals import FRAMES, packages_of
from seqlearn.data.sequences import Sequences

__all__ = ["cells_of", "frame_of", "table_like"]


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
    columns = list(map(_values, cells.T))
    if library == "polars":
        return package.DataFrame(list(map(package.Series, names, columns)))
    return package.table(list(map(package.array, columns)), names=list(names))


def _values(column: np.ndarray) -> list:
    """Arrays, which keep the type of their values; lists where there are several a step."""
    return [cell if cell.ndim == 1 else cell.tolist() for cell in column]


def table_like(X: Any, cells: np.ndarray) -> Any:
    """Return cells (N, K) as a frame, column or object array, as X is one, with its labels."""
    if isinstance(X, np.ndarray):
        return cells
    library = next(iter(packages_of(X) & FRAMES))
    index = X.index if library == "pandas" else None
    if hasattr(X, "columns"):
        names = X.column_names if library == "pyarrow" else X.columns
        return frame_of(cells, names, library, index)
    package = import_module(library)
    if library == "pandas":
        return package.Series(cells[:, 0], index=index, name=X.name)
    if library == "polars":
        return package.Series(X.name, _values(cells[:, 0]))
    return package.array(_values(cells[:, 0]))
