"""The targets of a transcriber: texts or lists of symbols, and how they become codes.

Code 0 is the blank of the network; the symbols have the codes from 1 on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from seqlearn.data.containers import is_missing, objects_of
from seqlearn.data.continued import refuse_change
from seqlearn.data.label_values import as_labels, refuse_other_types
from seqlearn.data.labels import label_rows, place_in_rows
from seqlearn.data.messages import listed, show
from seqlearn.data.sequences import Sequences
from seqlearn.data.targets import unpack_targets
from seqlearn.errors import DataFormatError
from seqlearn.estimators.targets import Targets
from seqlearn.modules.ctc_paths import steps_needed

__all__ = ["Strings", "Transcripts"]

KINDS = {"texts": "texts", "lists": "lists of symbols"}


class Transcripts(NamedTuple):
    """The rows of y, cut into symbols: one row after the other."""

    kind: str  # "texts" or "lists"
    flat: np.ndarray  # (S,)
    lengths: np.ndarray  # (N,)
    n_steps: np.ndarray  # (N,), of the sequences they belong to; empty where nobody knows
    first: Any  # number of the first row, for messages

    def __len__(self) -> int:  # of the rows, not of the fields
        return len(self.lengths)

    def rows(self) -> list[list[Any]]:
        """Return the symbols of each row."""
        return [one.tolist() for one in np.split(self.flat, np.cumsum(self.lengths)[:-1])]

    def rows_of(self, symbols: np.ndarray) -> list[Any]:
        """Return the numbers of the rows that hold one of these symbols."""
        row = np.repeat(np.arange(len(self)), self.lengths)
        return [self.first + i for i in np.unique(row[np.isin(self.flat, symbols)])]


@dataclass(frozen=True, eq=False)
class Strings(Targets):
    """A string of symbols for each sequence.

    Attributes
    ----------
    unit : {"char", "word"}
        What a symbol of a text is.
    stack : int
        Frames of X that are one step of the network.
    kind : {"texts", "lists"}
        What the rows of y were.
    symbols : ndarray of shape (C,)
        In ascending order.
    short : ndarray of shape (R, 3)
        The rows of the last fit that have too few steps for their string, how many it needs, and
        how many there are.
    """

    unit: str = "char"
    stack: int = 1
    kind: str = "texts"
    symbols: np.ndarray = field(default_factory=partial(np.zeros, 0))
    short: np.ndarray = field(default_factory=partial(np.zeros, (0, 3), np.int64))

    def read(self, y: Any, sequences: Any, kind: str, first: Any = 0) -> Transcripts:
        """Return the rows of y cut into symbols; ``sequences`` None are not known."""
        rows = label_rows(y)
        n_steps = np.zeros(0, np.int64) if sequences is None else sequences.lengths
        texts = [isinstance(row, str) for row in rows]
        if any(texts):
            if not all(texts):
                _refuse(
                    first + texts.index(False), rows[texts.index(False)], "a text as the others are"
                )
            rows = [row.split() if self.unit == "word" else list(row) for row in rows]
        else:
            for i, row in enumerate(rows):
                if not isinstance(row, list | tuple | np.ndarray) or np.ndim(row) == 0:
                    _refuse(first + i, row, "a text or a list of symbols")
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))

        place = place_in_rows(lengths, first, "Symbol")
        flat: Any = list(chain.from_iterable(rows))
        flat = as_labels(flat, place) if flat else np.zeros(0, "U1" if any(texts) else int)
        return Transcripts("texts" if any(texts) else "lists", flat, lengths, n_steps, first)

    def learn(
        self, y: Transcripts, known: Any = None, part: bool = False, symbols: Any = None
    ) -> "Strings":
        """Return the symbols of y, those ``known`` from before, or given for all parts."""
        if known is not None:
            refuse_change("unit", known.unit, self.unit)
            refuse_change("stack", known.stack, self.stack)
            known.refuse_unknown(y, "in the last fit")
            found = known.symbols
        elif symbols is not None:
            found = _given(symbols)
        else:
            found = np.unique(y.flat)
        if not len(found):
            raise DataFormatError(
                "No row of y holds a symbol, so there is nothing to learn. Give texts or lists of "
                "symbols of which at least one is not empty."
            )
        n_steps = -(-y.n_steps // self.stack)
        needed = steps_needed(np.unique(y.flat, return_inverse=True)[1], y.lengths)
        rows = np.flatnonzero(needed > n_steps)
        short = np.stack([rows, needed[rows], n_steps[rows]], axis=1)
        learned = replace(self, kind=y.kind, symbols=found, short=short)
        if symbols is not None:
            if known is not None and not np.array_equal(_given(symbols), found):
                raise DataFormatError(
                    f"symbols={listed(_given(symbols).tolist())} is not the same as in the "
                    f"first call, {listed(found.tolist())}."
                )
            learned.refuse_unknown(y, "among symbols=")
        return learned

    def refuse_unknown(self, y: Transcripts, where: str = "in fit") -> None:
        """Raise if y holds another kind of rows or a symbol that is not known."""
        if y.kind != self.kind and len(y):
            raise DataFormatError(
                f"y is {KINDS[y.kind]}, but in fit it was {KINDS[self.kind]}. Give the same in fit "
                "and after it."
            )
        if self.kind == "lists":
            refuse_other_types(y.flat, self.symbols)
        unknown = np.setdiff1d(y.flat, self.symbols)
        if len(unknown):
            rows = y.rows_of(unknown)
            raise DataFormatError(
                f"y holds {listed(unknown.tolist())}, never seen {where}, in row"
                f"{'s' * (len(rows) > 1)} {listed(rows)}. The model can write "
                f"{listed(self.symbols.tolist())} alone. Fit on data that have all symbols, or "
                "leave such rows out; to count them as errors, hold predict(X) against y with "
                "seqlearn.metrics.token_error_rate."
            )

    @property
    def output_size(self) -> int:
        """Symbols, C; the network has an output more, for the blank."""
        return len(self.symbols)

    def encode(self, y: Transcripts) -> Sequences:
        """Return the codes of each row, (S, 1)."""
        codes = np.searchsorted(self.symbols, y.flat) + 1
        return Sequences(codes[:, None], np.concatenate([[0], np.cumsum(y.lengths)]))

    def decode(self, outputs: np.ndarray) -> Any:
        """Return the text, or the list of symbols, of codes (U,)."""
        symbols = self.symbols[outputs - 1].tolist()
        if self.kind == "lists":
            return symbols
        return (" " if self.unit == "word" else "").join(symbols)

    def as_y(self, answers: Sequence[Any]) -> Any:
        """Return answers in a container like that of y: a list of texts, or an array of lists."""
        if self.kind == "texts":
            return list(answers)
        return objects_of(answers)


def _given(symbols: Any) -> np.ndarray:
    """Return the distinct symbols of a list of them, in ascending order."""
    values = unpack_targets(symbols, "symbols")
    return np.unique(as_labels(values, lambda i: f"Entry {i} of symbols"))


def _refuse(row: Any, found: Any, wanted: str) -> None:
    advice = "Give one text, or one list of symbols, for each sequence of X."
    if is_missing(found):
        advice = "It is missing: drop the row, with its sequence; '' says that there is silence."
    raise DataFormatError(
        f"Row {row} of y is {show(found)}, of type {type(found).__name__}, not {wanted}. {advice}"
    )
