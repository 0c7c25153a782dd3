"""Batches of sequences, targets and weights, as tensors on the device.

`SequenceDataset` turns an array of row numbers into a padded batch with one gather.
`BucketedBatches` decides which rows go together: rows of like length, in random order.
`seqlearn.training` feeds both to skorch; no DataLoader and no per-row Python is involved.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from seqlearn.data.padding import padded_steps
from seqlearn.data.sequences import Sequences

__all__ = [
    "Batched",
    "BucketedBatches",
    "SequenceDataset",
    "as_numbers",
    "as_tensor",
    "batches_of",
    "length_batches",
    "unless_full",
]

POOL = 16  # batches that are sorted by length together
MOST_PADDED = 200_000  # steps of a batch that are never too many
MOST_PADDING = 8  # times the steps of its rows, in larger ones


class Batched(Protocol):
    """What a net is trained on: rows, batches of which an array of their numbers gives."""

    device: torch.device
    lengths: np.ndarray

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> tuple[dict[str, Any], dict[str, Any]]: ...

    def batches(self, batch_size: int, generator: torch.Generator | None = None) -> Any:
        """Return what iterates over batches, anew for each epoch; in order without a generator."""


class SequenceDataset(torch.utils.data.Dataset):
    """Sequences, targets and weights on a device; indexed by an array, it returns a batch.

    Parameters
    ----------
    sequences : Sequences
        N sequences. If they are codes, their dictionary is a table of `seqlearn.data.word_tables`.
        Values of uint8, frames of video, stay so on the device; a batch of them is cast and divided
        by 255.
    targets : ndarray of shape (N, ...) or Sequences, optional
        One target a row, or `Sequences` of the same lengths with a code for each step. Float
        targets take the type of the values.
    weights : ndarray of shape (N,), optional
        Row weights of mean 1; rows count equally without them.
    device : str or torch.device
        Where the tensors live.
    dtype : torch.dtype, optional
        Of targets and weights, and of batches of uint8; by default that of the values.
    """

    def __init__(self, sequences: Sequences, targets=None, weights=None, device="cpu", dtype=None):
        self.lengths = sequences.lengths
        self.full = bool((self.lengths == self.lengths[0]).all())
        self.device = torch.device(device)
        self.table = sequences.dictionary
        values = sequences.values  # (S, F)
        if self.table is not None:
            self.values = torch.as_tensor(values[:, 0])  # (S,), looked up on the CPU
        else:
            self.values = as_tensor(values).to(device)
            dtype = dtype or self.values.dtype
        self._dtype = dtype
        if self.full:
            self.values = self.values.view(len(sequences), -1, *self.values.shape[1:])  # (N, T, F)
        self._lengths = torch.as_tensor(self.lengths)
        self._length = self._lengths[:1]  # of every row, where `full`
        self.y, self.step_y, self.w = None, None, None
        if isinstance(targets, Sequences):
            self.step_y = torch.tensor(targets.values[:, 0]).to(device)  # (S,)
        elif targets is not None:
            self.y = torch.as_tensor(targets).to(device)
            if self.y.is_floating_point():
                self.y = self.y.to(dtype)
        self._starts = torch.tensor(sequences.offsets[:-1])
        if weights is not None and not (weights == weights[0]).all():
            self.w = torch.as_tensor(weights).to(device, dtype)

    def __len__(self) -> int:
        return len(self.lengths)

    def batches(self, batch_size: int, generator: torch.Generator | None = None) -> Any:
        """Return batches of rows of like length."""
        return BucketedBatches(self, batch_size, generator)

    def inputs(self, rows: np.ndarray | None = None) -> dict[str, Any]:
        """Return ``{"x": (B, T, F), "lengths": (B,)}`` for ``rows``, or for all of one length.

        Of a dataset with a table, x is the table's batch of the codes.
        """
        if rows is None and self.full and self.table is None:
            return {"x": as_numbers(self.values, self._dtype), "lengths": self._lengths}
        return self[np.arange(len(self)) if rows is None else rows][0]

    def __getitem__(
        self, rows: np.ndarray | Tensor
    ) -> tuple[dict[str, Any], dict[str, Tensor | None]]:
        """Return inputs and targets, ``{"y": (B, ...) or (B, T), "w": (B,) or None}``."""
        rows = torch.as_tensor(rows)
        if self.full:
            lengths = self._length.expand(len(rows))  # (B,)
        else:
            lengths = self._lengths.index_select(0, rows)
        on_device = rows.to(self.device, non_blocking=True) if self.device.type != "cpu" else rows
        steps: Any = None
        if not self.full or self.step_y is not None:
            steps = padded_steps(self._starts[rows], lengths)  # (B, T)
        if self.full:
            x = self.values.index_select(0, on_device if self.table is None else rows)  # (B, T, F)
        else:
            x = self.values[steps.to(self.values.device, non_blocking=True)]  # (B, T, F)
        if self.table is not None:
            x = self.table.batch(x.numpy(), self.device)
        x = as_numbers(x, self._dtype)
        if self.step_y is not None:
            y: Tensor | None = self.step_y[steps.to(self.device, non_blocking=True)]  # (B, T)
        else:
            y = None if self.y is None else self.y.index_select(0, on_device)
        w = None if self.w is None else self.w.index_select(0, on_device)
        return {"x": x, "lengths": lengths}, {"y": y, "w": w}


def batches_of(dataset: Any, batch_size: int, generator: torch.Generator | None = None) -> Any:
    """Return the batches that a dataset wants, for skorch, which names them before it has one."""
    return dataset.batches(batch_size, generator)


class BucketedBatches:
    """Iterate over batches of a `SequenceDataset`, rows of like length together.

    In training, rows are shuffled, then sorted by length within pools of several batches, cut
    into batches of nearly equal size, and the batches shuffled. A batch that would be nearly all
    padding is divided.

    Parameters
    ----------
    dataset : SequenceDataset
        Rows to draw from.
    batch_size : int
        Rows of a batch, at most.
    generator : torch.Generator, optional
        Where the order comes from. Without it the order is by length, for evaluation.
    """

    def __init__(self, dataset: Any, batch_size: int, generator=None):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator:
        return (self.dataset[rows] for rows in self.rows())

    def rows(self) -> Sequence[np.ndarray | Tensor]:
        """Row numbers of each batch, for one epoch."""
        lengths = self.dataset.lengths
        if self.generator is None:
            return length_batches(lengths, self.batch_size)
        order = torch.randperm(len(lengths), generator=self.generator)
        if self.dataset.full:
            return order.tensor_split(len(self))
        numbers = order.numpy()
        batches = np.array_split(numbers, len(self))  # views of them
        edges = np.cumsum([0, *map(len, batches)])
        n_pools = -(-len(batches) // POOL)
        pools = edges[np.arange(n_pools + 1) * len(batches) // n_pools].tolist()
        for a, b in pairwise(pools):
            pool = numbers[a:b]
            pool[:] = pool[np.argsort(lengths[pool], kind="stable")]  # the batches see it
        batches = [part for batch in batches for part in _without_outliers(batch, lengths)]
        shuffled = torch.randperm(len(batches), generator=self.generator)
        return [batches[i] for i in shuffled.tolist()]


def _without_outliers(rows: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """Divide rows, the shortest first, where a few long ones would fill memory with padding.

    One session of 10,000 steps among 255 of five would take a batch of 2.5 million steps.
    """
    own = lengths[rows]
    if len(rows) * own[-1] <= max(MOST_PADDED, MOST_PADDING * own.sum()):
        return [rows]
    before = np.arange(1, len(rows))
    cut = int((before * own[:-1] + (len(rows) - before) * own[-1]).argmin()) + 1
    return [part for half in (rows[:cut], rows[cut:]) for part in _without_outliers(half, lengths)]


def as_tensor(values: np.ndarray) -> Tensor:
    """Return the values as a tensor, copied only if torch cannot share their memory."""
    if not (values.flags.c_contiguous and values.flags.writeable):
        values = np.array(values, order="C")
    return torch.as_tensor(values)


def as_numbers(x: Any, dtype: torch.dtype | None) -> Any:
    """Return a batch as the network reads it: frames of uint8 from 0 to 1, others as they are."""
    if torch.is_tensor(x) and x.dtype == torch.uint8 and dtype is not None:
        return x.to(dtype).div_(255)
    return x


def length_batches(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Row numbers in batches, the shortest rows first: the least padding, for evaluation."""
    order = np.argsort(lengths, kind="stable")
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def unless_full(lengths: Tensor) -> Tensor | None:
    """Return the lengths of a padded batch; None if all are as long as the longest.

    Networks cannot ask this: what they do may not depend on the values of tensors.
    """
    if lengths.stride(0) == 0 or int(lengths.min()) == int(lengths.max()):
        return None
    return lengths
