"""Reading CSV files with a header, cell by cell, for the loaders of series.

Every error names the file and the line. What the columns mean is known to the loaders.
"""

import csv
from pathlib import Path

import numpy as np

from seqlearn.datasets.numbers import read_number
from seqlearn.errors import DataFormatError

Row = tuple[int, list[str]]  # with the number of its line


def read_rows(path: Path, header: list[str] | None = None) -> list[Row]:
    """Read a CSV file whose rows are as wide as its header; blank lines are left out.

    With `header`, the header must be that.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataFormatError(f"{path} is not a CSV file of UTF-8 text ({error}).") from error
    if len(rows) < 2:
        raise DataFormatError(f"{path} holds no data: {len(rows)} lines, the header among them.")
    (_, found), *rows = rows
    if header is not None and found != header:
        raise DataFormatError(
            f"{path} has the columns {','.join(found)}, where {','.join(header)} was expected."
        )
    for line, row in rows:
        if len(row) != len(found):
            raise DataFormatError(
                f"{path}, line {line}: {len(row)} cells, but the header has {len(found)}."
            )
    return rows


def read_cells(path: Path, rows: list[Row]) -> np.ndarray:
    """Return cells as float64, (rows, cells)."""
    values = []
    for line, row in rows:
        try:
            values.append([read_number(cell) for cell in row])
        except ValueError as error:
            raise DataFormatError(f"{path}, line {line}: {error}.") from error
    return np.array(values)
