"""Checks of what the scores are given: label sequences and the values of parameters.

Containers are undone, and weights read, by `seqlearn.data`, as in every fit. Sequences leave this
file laid end to end in one flat list, with their lengths, so that the scores count with
whole-array operations. What a label means is the business of `span_borders`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from seqlearn.data.labels import label_rows
from seqlearn.data.messages import show
from seqlearn.data.targets import plain_cells, unpack_targets
from seqlearn.errors import DataFormatError, InvalidParameterError


@dataclass(frozen=True)
class Joined:
    """Sequences of labels laid end to end.

    Parameters
    ----------
    name : str
        The argument they came from, for errors.
    labels : list of length sum(lengths)
        All labels in order.
    lengths : ndarray of shape (N,), int
        Number of steps of each sequence; zero is possible.
    alone : bool, default=False
        Whether the argument was one sequence instead of a list of them.
    """

    name: str
    labels: list[Any]
    lengths: np.ndarray
    alone: bool = False

    def place(self, position: int) -> str:
        """Name the sequence and the step that stand at a position of ``labels``."""
        ends = np.cumsum(self.lengths)
        sequence = int(np.searchsorted(ends, position, side="right"))
        step = position - int(ends[sequence] - self.lengths[sequence])
        return f"{self.name}, {'' if self.alone else f'sequence {sequence}, '}step {step}"

    def refuse_other_than_text(self) -> None:
        """Raise DataFormatError at the first label that is not a string."""
        if all(issubclass(kind, str) for kind in set(map(type, self.labels))):
            return
        position = next(i for i, label in enumerate(self.labels) if not isinstance(label, str))
        label = self.labels[position]
        raise DataFormatError(
            f"{self.place(position)}: {show(label)} is of type {type(label).__name__}, but a label "
            "must be a string such as 'B-PER' or 'O'."
        )


def join_pair(y_true: Any, y_pred: Any) -> tuple[Joined, Joined]:
    """Lay the sequences of both arguments end to end and check that they agree in length."""
    true, pred = _join(y_true, "y_true"), _join(y_pred, "y_pred")
    if len(true.lengths) != len(pred.lengths):
        raise DataFormatError(
            f"y_true has {len(true.lengths)} sequences and y_pred has {len(pred.lengths)}; both "
            "must have one label sequence for each input sequence."
        )
    unequal = np.flatnonzero(true.lengths != pred.lengths)
    if len(unequal):
        i = unequal[0]
        raise DataFormatError(
            f"sequence {i} has {true.lengths[i]} steps in y_true and {pred.lengths[i]} in y_pred "
            f"({len(unequal)} of {len(true.lengths)} sequences differ so); every step needs one "
            "true and one predicted label. Leave out padding, and do not cut sequences short."
        )
    return true, pred


def join_one(labels: Any, name: str) -> Joined:
    """Take one sequence as it is."""
    row = _row(unpack_targets(labels, name), name)
    return Joined(name, list(row), np.array([len(row)]), alone=True)


def _join(y: Any, name: str) -> Joined:
    rows = label_rows(y, name)
    if not rows:
        raise DataFormatError(f"{name} holds no sequences; a score needs at least one.")
    rows = [row if type(row) is list else _row(row, name, i) for i, row in enumerate(rows)]
    lengths = np.fromiter(map(len, rows), np.intp, len(rows))
    return Joined(name, plain_cells(list(chain.from_iterable(rows))), lengths)


def _row(row: Any, name: str, index: int | None = None) -> list[Any] | tuple[Any, ...]:
    """Return one sequence as a list or tuple of labels."""
    if isinstance(row, list | tuple):
        return row
    where = name if index is None else f"{name}, sequence {index}"
    if not isinstance(row, np.ndarray):
        raise DataFormatError(
            f"{where}: {show(row)} is of type {type(row).__name__}, not a sequence of labels. Give "
            f"one list or 1-D array for each sequence; write [{name}] if {name} is a single "
            "sequence."
        )
    if row.ndim == 1:
        return row.tolist()
    raise DataFormatError(
        f"{where} has shape {row.shape}; the labels of a sequence must be 1-D, of shape (T,). "
        "Turn class scores into labels first, and squeeze an axis of length one."
    )


def check_choice(name: str, value: Any, accepted: Iterable[Any]) -> None:
    """Raise InvalidParameterError unless the value is one of those accepted."""
    accepted = list(accepted)
    if not any(
        value is option or (isinstance(value, str) and value == option) for option in accepted
    ):
        listed = ", ".join(repr(option) for option in accepted)
        raise InvalidParameterError(f"{name}={value!r} is not accepted; choose one of {listed}.")


def check_zero_division(value: Any) -> float:
    """Return 0.0 or 1.0; other values, nan and 'warn' among them, are refused."""
    if isinstance(value, (int, float, np.number)) and value in (0, 1):
        return float(value)
    raise InvalidParameterError(
        f"zero_division={value!r} is not accepted; choose 0.0 or 1.0, the score where nothing "
        "is there to be counted."
    )
