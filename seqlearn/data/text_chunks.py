"""Batches for models of text: long texts in chunks that follow each other, short ones whole.

Truncated back-propagation reads a text in chunks; the state goes on from one to the next, gradients
do not. So that an update has many rows, the long texts of a corpus are laid end to end and divided
into as many streams; where a stream comes to the end of a text, its next chunk begins anew.
`TextDataset` holds the texts, `ChunkBatches` says which parts of them make a batch.

Shape letters besides the usual: L chunk length.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch

from seqlearn.data.batches import BucketedBatches

__all__ = ["ChunkBatches", "TextDataset", "cut"]

RESETS = 0.02  # share of the chunks that begin from a zero state, wherever they stand in a text
NO_TARGET = -1


class TextDataset(torch.utils.data.Dataset):
    """Rows of one array of symbols; at each step a symbol is read and the next one is the target.

    Parameters
    ----------
    symbols : ndarray of shape (S,), int64
        Codes of all texts, each after a symbol of its own for the beginning of a text.
    starts : ndarray of shape (N,)
        Where each row begins: the place of the first symbol that is read.
    lengths : ndarray of shape (N,)
        Steps of each row; the target of the last one stands at ``start + length``.
    weights : ndarray of shape (N,), optional
        Row weights of mean 1; rows count equally without them.
    device : str or torch.device
        Where the tensors live.
    chunk_length : int, optional
        Train on the rows in chunks of so many steps, see `ChunkBatches`; None takes rows whole.
    """

    full = False

    def __init__(
        self,
        symbols: np.ndarray,
        starts: np.ndarray,
        lengths: np.ndarray,
        weights: np.ndarray | None = None,
        device: Any = "cpu",
        chunk_length: int | None = None,
    ):
        self.symbols = torch.as_tensor(symbols).to(device)
        self.starts, self.lengths = starts, lengths
        self.device = torch.device(device)
        self.chunk_length = chunk_length
        self.weights = None
        if weights is not None and not (weights == weights[0]).all():
            self.weights = weights.astype(np.float32)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_chunks(self) -> int:
        """Chunks of all rows together."""
        assert self.chunk_length is not None, "chunks have a length"
        return int((-(-self.lengths // self.chunk_length)).sum())

    def batches(self, batch_size: int, generator: torch.Generator | None = None) -> Any:
        """Return chunks that follow each other, or whole rows."""
        if self.chunk_length is None:
            return BucketedBatches(self, batch_size, generator)
        return ChunkBatches(self, batch_size, generator)

    def inputs(self, rows: np.ndarray | None = None) -> dict[str, Any]:
        """Return the inputs of `__getitem__` for ``rows``, or for all."""
        return self[np.arange(len(self)) if rows is None else rows][0]

    def __getitem__(self, rows: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return whole rows, padded; see `gather`."""
        rows = np.asarray(rows)
        lengths = self.lengths[rows]
        weights = None if self.weights is None else self.weights[rows]
        inputs, targets = self.gather(self.starts[rows], lengths, weights)
        return {**inputs, "lengths": torch.as_tensor(lengths)}, targets

    def gather(
        self, starts: np.ndarray, lengths: np.ndarray, weights: np.ndarray | None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return parts of the texts.

        Returns
        -------
        inputs : dict
            ``x`` of shape (B, T, 2): at each step the symbol that is read and the one to predict,
            `NO_TARGET` past a row's length; and ``lengths``, all T: what reads in one direction
            need not know more.
        targets : dict
            ``y``, how many targets each row has, (B,), and ``w``, (B,) or None.
        """
        n_steps = max(int(lengths.max(initial=0)), 1)
        own = torch.as_tensor(lengths).to(self.device, non_blocking=True)[:, None]  # (B, 1)
        first = torch.as_tensor(starts).to(self.device, non_blocking=True)[:, None]
        step = torch.arange(n_steps, device=self.device)
        is_step = step < own  # (B, T)
        at = (first + step).where(is_step, 0)
        read = self.symbols[at].where(is_step, 0)
        due = self.symbols[(at + 1).clamp(max=len(self.symbols) - 1)].where(is_step, NO_TARGET)
        w = None if weights is None else torch.as_tensor(weights).to(self.device)
        inputs = {"x": torch.stack([read, due], dim=-1), "lengths": torch.full((1,), n_steps)}
        inputs["lengths"] = inputs["lengths"].expand(len(starts))
        return inputs, {"y": own[:, 0], "w": w}


def cut(lengths: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut rows into pieces.

    Parameters
    ----------
    lengths : ndarray of shape (N,)
        Steps of each row.
    size : int
        Steps of a piece, at most.

    Returns
    -------
    row, begin, lengths : ndarray of shape (number of pieces,)
        Of which row each piece is, at which step of it it begins, and its steps.

    Examples
    --------
    >>> [one.tolist() for one in cut(np.array([5, 0, 2]), 3)]
    [[0, 0, 2], [0, 3, 0], [3, 2, 2]]
    """
    begin = [np.arange(0, n, size) for n in lengths.tolist()]
    row = np.repeat(np.arange(len(lengths)), list(map(len, begin)))
    first = np.concatenate([np.zeros(0, np.int64), *begin])
    return row, first, np.minimum(size, lengths[row] - first)


class _Chunks(NamedTuple):
    """What the streams read, batch by batch, each of shape (n batches, B)."""

    starts: np.ndarray
    lengths: np.ndarray  # 0 where a stream has come to its end
    rows: np.ndarray
    begins: np.ndarray  # whether it does not go on from the last batch


class ChunkBatches:
    """Iterate over batches of a `TextDataset`: streams of long texts, then short texts whole.

    A text is short if one chunk holds it. Of the long ones, laid end to end in random order,
    each of B streams reads an equal share, from a random place on. Batches of them have the mask
    ``keeps``, (B,), among the inputs: False where the state of the batch before is not that of the
    steps before, and at random in a share `RESETS` of the chunks. Else a model might never see the
    zero state that predictions begin with, and be lost in it.

    Parameters
    ----------
    dataset : TextDataset
        With ``chunk_length``.
    batch_size : int
        Rows of a batch, B.
    generator : torch.Generator, optional
        Source of all chance. Without it nothing is drawn.
    """

    def __init__(self, dataset: TextDataset, batch_size: int, generator: Any = None):
        assert dataset.chunk_length is not None, "chunks have a length"
        self.dataset, self.batch_size, self.generator = dataset, batch_size, generator
        self.chunk_length = dataset.chunk_length
        is_long = dataset.lengths > self.chunk_length
        self.long, self.short = np.flatnonzero(is_long), np.flatnonzero(~is_long)
        n_steps = int(dataset.lengths[self.long].sum())
        # A text has to be worth several chunks of each stream: a fraction would teach little.
        self.n_streams = max(min(batch_size, n_steps // (2 * self.chunk_length)), 1)

    def __len__(self) -> int:
        return self._n_long + -(-len(self.short) // self.batch_size)

    @property
    def _n_long(self) -> int:
        """Batches of long texts; a few more where streams have many of them to cut."""
        n_steps = int(self.dataset.lengths[self.long].sum())
        return -(-n_steps // (self.n_streams * self.chunk_length))

    @property
    def steps_a_row(self) -> float:
        """Mean number of steps of a row, all batches of an epoch together."""
        return float(self.dataset.lengths.sum()) / self._n_rows

    @property
    def _n_rows(self) -> int:
        return self._n_long * self.n_streams + len(self.short)

    def __iter__(self) -> Iterator:
        if not len(self.short):
            yield from self._streamed()
        elif not len(self.long):
            yield from (self.dataset[rows] for rows in self._of_short())
        else:
            mean = self._n_rows / len(self)
            yield from (_weighted(batch, self.n_streams / mean) for batch in self._streamed())
            for rows in self._of_short():
                yield _weighted(self.dataset[rows], len(rows) / mean)

    def _of_short(self) -> Iterator[np.ndarray]:
        lengths = self.dataset.lengths[self.short]
        batches = BucketedBatches(_Lengths(lengths), self.batch_size, self.generator)
        return (self.short[np.asarray(rows)] for rows in batches.rows())

    def _streamed(self) -> Iterator:
        plan, dataset = self._plan(), self.dataset
        draws = torch.zeros(plan.begins.shape)
        if self.generator is not None:
            draws = torch.rand(plan.begins.shape, generator=self.generator).sub_(RESETS)
        keeps = ~torch.as_tensor(plan.begins) & (draws >= 0)
        for i in range(len(plan.starts)):
            weights = None if dataset.weights is None else dataset.weights[plan.rows[i]]
            inputs, targets = dataset.gather(plan.starts[i], plan.lengths[i], weights)
            yield {**inputs, "keeps": keeps[i].to(dataset.device, non_blocking=True)}, targets

    def _plan(self) -> _Chunks:
        """Divide the long texts among streams, and the parts of each stream into chunks."""
        order, shift = self.long, 0
        ends = np.cumsum(self.dataset.lengths[order])
        if self.generator is not None:
            order = order[torch.randperm(len(order), generator=self.generator).numpy()]
            ends = np.cumsum(self.dataset.lengths[order])
            shift = int(torch.randint(int(ends[-1]), (1,), generator=self.generator))
        edges = np.arange(self.n_streams + 1) * int(ends[-1]) // self.n_streams + shift
        streams = [
            self._chunks(order, ends, int(first), int(last)) for first, last in pairwise(edges)
        ]
        n_batches = max(map(len, streams))
        table = np.zeros((n_batches, self.n_streams, 4), np.int64)
        for i, chunks in enumerate(streams):
            table[: len(chunks), i] = chunks
        starts, lengths, rows, begins = np.moveaxis(table, -1, 0)
        return _Chunks(starts, lengths, rows, begins.astype(bool))

    def _chunks(
        self, order: np.ndarray, ends: np.ndarray, first: int, last: int
    ) -> list[tuple[int, int, int, int]]:
        """Return start, length, row and begin of each chunk from step ``first`` to ``last``.

        Steps are counted through the long texts in ``order``, which follow each other in a circle.
        """
        total, found = int(ends[-1]), []
        while first < last:
            at = first % total
            i = int(np.searchsorted(ends, at, side="right"))
            row, n_left = int(order[i]), min(int(ends[i]) - at, last - first)
            start = int(self.dataset.starts[row] + self.dataset.lengths[row] - (ends[i] - at))
            lengths = np.full(-(-n_left // self.chunk_length), self.chunk_length)
            lengths[-1] = n_left - lengths[:-1].sum()
            begin = start + np.cumsum(lengths) - lengths
            of_text = zip(begin.tolist(), lengths.tolist(), strict=True)
            found += [(place, n, row, int(place == start)) for place, n in of_text]
            first += n_left
        return found


def _weighted(batch: tuple, factor: float) -> tuple:
    """Return a batch whose rows count more by ``factor``, as their number is by that above others.

    The loss of a batch is a mean of its rows: a row among few would weigh more than one among many.
    """
    inputs, targets = batch
    w = targets["w"]
    w = torch.ones(targets["y"].shape, device=targets["y"].device) if w is None else w
    return inputs, {**targets, "w": w * factor}


class _Lengths(NamedTuple):
    """What `BucketedBatches` asks of a dataset to say which rows go together."""

    lengths: np.ndarray
    full: bool = False

    def __len__(self) -> int:
        return len(self.lengths)
