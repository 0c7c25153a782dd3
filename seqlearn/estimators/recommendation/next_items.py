"""The targets of a recommender: the next item at each step, drawn from X, and the items known.

`NextItems` keeps items and values of context in the order of their codes: ascending as a first fit
finds them, those that a later fit adds behind.

Shape letters besides the usual: C items, K columns of context.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from seqlearn.data.containers import objects_of
from seqlearn.data.sequences import Sequences
from seqlearn.data.sessions import codes_of
from seqlearn.errors import DataFormatError
from seqlearn.estimators.targets import Targets

__all__ = ["NextItems"]

CACHED = ("codes", "popularity")
LARGEST = 1 << 63


@dataclass(frozen=True, eq=False)
class NextItems(Targets):
    """The next item of each session at each step: y is drawn from X.

    Attributes
    ----------
    items : ndarray of shape (C,)
        The items known, in the order of their codes: int64, or Python's objects.
    counts : ndarray of shape (C,)
        How often each occurred, weighted.
    contexts : list of K lists
        The values of each column of context, that of code 1 first; 0 is any other.
    """

    needs_y: ClassVar[bool] = False
    items: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0))
    contexts: list[list] = field(default_factory=list)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in CACHED}

    @cached_property
    def codes(self) -> dict[Any, int]:
        """The code of each item."""
        return {item: i for i, item in enumerate(self.items.tolist())}

    @cached_property
    def popularity(self) -> np.ndarray:
        """The logarithm of each item's share of all steps, (C,): scores where nothing is known.

        An item that never occurred counts half as much as the one that occurred least.
        """
        counts = np.maximum(self.counts, self.counts[self.counts > 0].min(initial=np.inf) / 2)
        return np.log(counts / counts.sum())

    def read(self, y: Any, sequences: Sequences, kind: str, first: Any = 0) -> Sequences:
        """Return the sessions themselves, whose items are the targets."""
        return sequences

    def learn(self, y: Any, known: Any = None, part: bool = False) -> "NextItems":
        """Return the items and values of context of y, behind those ``known`` from before."""
        events = y.dictionary
        found, *of_contexts = (
            [value for value, count in zip(values, counts.tolist(), strict=True) if count > 0]
            for values, counts in zip(events.values, events.counts, strict=True)
        )
        counts = events.counts[0][events.counts[0] > 0]
        if known is None:
            return replace(self, items=_as_items(found), counts=counts, contexts=of_contexts)
        self._refuse_other_types(found, known.items.tolist())
        codes = codes_of(found, known.items.tolist())
        new = [item for item, code in zip(found, codes.tolist(), strict=True) if code < 0]
        before = known.counts if part else np.zeros(len(known.items))
        added = np.concatenate((before, np.zeros(len(new))))
        codes[codes < 0] = len(known.items) + np.arange(len(new))
        added[codes] += counts
        contexts = [
            [*was, *(value for value in now if value not in set(was))]
            for was, now in zip(known.contexts, of_contexts, strict=True)
        ]
        items = _as_items([*known.items.tolist(), *new])
        return replace(self, items=items, counts=added, contexts=contexts)

    def _refuse_other_types(self, found: list, known: list) -> None:
        kinds = {type(item).__name__ for item in found}
        others = kinds - {type(item).__name__ for item in known}
        if others and known:
            raise DataFormatError(
                f"Items of X are of type {' and '.join(sorted(others))}; those of the last fit "
                f"were of type {type(known[0]).__name__}. Give ids of one type."
            )

    @property
    def output_size(self) -> int:
        """Number of items, C."""
        return len(self.items)

    def encode(self, y: Sequences) -> np.ndarray:
        """Return how many steps of each session have a next one, (N,)."""
        return np.maximum(y.lengths - 1, 0)

    def arranged(self, sequences: Sequences) -> Sequences:
        """Return the sessions in the codes of what is known, without steps of unknown items."""
        events, given = sequences.dictionary, sequences.values
        values = np.zeros_like(given)
        values[:, 0] = self.codes_of(events.values[0])[given[:, 0]]
        for i, (known, found) in enumerate(
            zip(self.contexts, events.values[1:], strict=True), start=1
        ):
            codes = np.append(codes_of(found, known) + 1, 0)  # the last one is what is missing
            values[:, i] = codes[given[:, i]]
        is_known = values[:, 0] >= 0
        if is_known.all():
            return Sequences(values, sequences.offsets)
        before = np.concatenate(([0], np.cumsum(is_known)))
        return Sequences(values[is_known], before[sequences.offsets])

    def codes_of(self, items: Sequence) -> np.ndarray:
        """Return the code of each item, -1 of an unknown one."""
        codes = self.codes
        return np.fromiter((codes.get(item, -1) for item in items), np.int64, len(items))

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the items of codes, of any shape."""
        return self.items[outputs]


def _as_items(items: list) -> np.ndarray:
    """Return items as integers of 64 bits where they are such, else as an array of objects."""
    if all(type(item) is int and abs(item) < LARGEST for item in items):
        return np.array(items, np.int64)
    return objects_of(items)
