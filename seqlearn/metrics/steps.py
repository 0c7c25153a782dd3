"""Checks of what the scores of anomalies are given: a number or a flag for each step.

One sequence alone and a list of sequences are told apart here, and lengths are compared. What runs
of flags there are, is found here too, for the scores count ranges, not steps.
"""

from typing import Any

import numpy as np

from seqlearn.data.messages import show
from seqlearn.data.targets import read_numbers, unpack_targets
from seqlearn.errors import DataFormatError, InvalidParameterError


def read_steps(y: Any, name: str) -> tuple[list[np.ndarray], bool]:
    """Return a float64 array of shape (T_i,) for each sequence, and whether y was one alone.

    Raises
    ------
    DataFormatError
        Something else than numbers, NaN or infinity, a shape that is not accepted, no steps.
    """
    given = unpack_targets(y, name)
    if isinstance(given, np.ndarray) and given.ndim > 2:
        raise DataFormatError(
            f"{name} has shape {given.shape}; an array of shape (T,) is one sequence, a list of "
            "them or an array (N, T) are several. Squeeze axes of length one."
        )
    plain = isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype != object
    nested = not plain and any(isinstance(row, list | tuple) or np.ndim(row) > 0 for row in given)
    rows = list(given) if nested else [given]
    arrays = []
    for i, row in enumerate(rows):
        where = f"{name}, sequence {i}" if nested else name
        if not nested or isinstance(row, list | tuple) or np.ndim(row) == 1:
            arrays.append(read_numbers(row, where))
        if len(arrays) != i + 1 or arrays[-1].ndim != 1 or not len(arrays[-1]):
            raise DataFormatError(
                f"{where} is {show(row)}, but one number for each step, of shape (T,) with T of 1 "
                "or more, is needed. Give one list or 1-D array for each sequence."
            )
    return arrays, not nested


def read_flags(y: Any, name: str) -> tuple[list[np.ndarray], bool]:
    """Return a bool array of shape (T_i,) for each sequence, and whether y was one alone."""
    rows, alone = read_steps(y, name)
    for i, row in enumerate(rows):
        wrong = np.flatnonzero((row != 0) & (row != 1))
        if len(wrong):
            where = name if alone else f"{name}, sequence {i}"
            raise DataFormatError(
                f"{where}, step {wrong[0]}: {row[wrong[0]]:g} is not accepted, only 0 (normal) and "
                f"1 (anomalous). Answers of -1 and +1 become so by {name} == -1."
            )
    return [row == 1 for row in rows], alone


def check_equal_lengths(first: list[np.ndarray], second: list[np.ndarray], names: Any) -> None:
    """Raise DataFormatError unless both have as many sequences, of the same lengths."""
    a, b = names
    if len(first) != len(second):
        raise DataFormatError(
            f"{a} has {len(first)} sequences and {b} has {len(second)}; both must have one entry "
            "for each sequence."
        )
    for i, (x, y) in enumerate(zip(first, second, strict=True)):
        if len(x) != len(y):
            raise DataFormatError(
                f"sequence {i} has {len(x)} steps in {a} and {len(y)} in {b}; every step needs an "
                "entry in both. Do not cut sequences short, and leave out padding."
            )


def find_runs(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first step of each run of True, and the step after its last."""
    borders = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return borders[::2], borders[1::2]


def check_integer(name: str, value: Any, low: int) -> int:
    """Return an integer that is `low` or more; others, and bool, are refused."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= low:
        return int(value)
    raise InvalidParameterError(f"{name} must be an integer >= {low}, got {value!r}.")


def check_share(name: str, value: Any) -> float:
    """Return a number between 0 and 1, both included."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if is_number and 0 <= value <= 1:
        return float(value)
    raise InvalidParameterError(f"{name} must be a number from 0 to 1, got {value!r}.")
