"""Pairs of sequences of codes, a source and its target, both of any length, as batches on a device.

A batch holds about as many steps as any other, not as many pairs, and pairs of like lengths: what a
batch costs is its padded steps. `seqlearn.data.batches` has the same for one sequence a row.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqlearn.data.padding import padded_steps
from seqlearn.data.sequences import Sequences

__all__ = ["HideTokens", "PaddedRows", "PairBatches", "PairDataset"]

POOL = 32  # batches whose pairs are sorted together
# Pairs of which larger batches hold a multiple: kernels are prepared for each shape that occurs.
ROUNDED = ((64, 16), (32, 8), (1, 1))


class PairDataset(torch.utils.data.Dataset):
    """Sources, targets and weights on a device; indexed by an array, it returns a batch.

    Parameters
    ----------
    sources : Sequences
        N sequences of codes, (S, F); in a second column stands what copying a step gives.
    targets : Sequences, optional
        N sequences of codes, (S', 1).
    weights : ndarray of shape (N,), optional
        Row weights of mean 1; rows count equally without them.
    device : str or torch.device
        Where the tensors live.
    dtype : torch.dtype
        Of weights.
    make_targets : callable
        Makes what a head reads of padded codes (B, U) and lengths (B,).
    hide : HideTokens, optional
        What is hidden in training.

    Attributes
    ----------
    lengths : ndarray of shape (N,)
        Of the sources.
    """

    full = False  # rows of one length are no special case

    def __init__(
        self,
        sources: Sequences,
        targets: Sequences | None = None,
        weights: np.ndarray | None = None,
        device: Any = "cpu",
        dtype: torch.dtype = torch.float32,
        *,
        make_targets: Callable[[Tensor, Tensor], Any] | None = None,
        hide: "HideTokens | None" = None,
    ):
        self.lengths, self.device = sources.lengths, torch.device(device)
        self.costs = self.lengths + 1
        self._x = PaddedRows(sources, self.device)
        self._y = None if targets is None else PaddedRows(targets, self.device)
        if targets is not None:
            self.target_lengths = targets.lengths
            self.costs = self.costs + self.target_lengths
        self.w = None
        if weights is not None and not (weights == weights[0]).all():
            self.w = torch.as_tensor(weights).to(device, dtype)
        self._make_targets, self._hide = make_targets, hide

    def __len__(self) -> int:
        return len(self.lengths)

    def batches(self, batch_size: int, generator: torch.Generator | None = None) -> "PairBatches":
        """Return what iterates over batches, anew for each epoch; in order without a generator."""
        return PairBatches(self, batch_size, generator)

    def inputs(self, rows: np.ndarray | None = None) -> dict[str, Any]:
        """Return ``{"x": (B, T, F), "lengths": (B,)}`` for ``rows``, or for all."""
        return self[np.arange(len(self)) if rows is None else rows][0]

    def __getitem__(self, rows: np.ndarray | Tensor) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return inputs and targets, ``{"y": made of codes (B, U), "w": (B,) or None}``."""
        rows = torch.as_tensor(rows)
        x, lengths = self._x.padded(rows)
        y = None
        if self._y is not None and self._make_targets is not None:
            codes, ends = self._y.padded(rows)
            codes = codes[..., 0]
            if self._hide is not None:
                x, codes = self._hide(x, codes)
            y = self._make_targets(codes, ends)
        w = None if self.w is None else self.w.index_select(0, rows.to(self.device))
        return {"x": x, "lengths": lengths}, {"y": y, "w": w}


class HideTokens:
    """Take tokens of sources for unknown in training, all places of a token in a row at once.

    With a second column of codes that copying gives, the same token of the target becomes one that
    can only be copied: as tokens look that were never seen.

    Parameters
    ----------
    share : float
        Of the distinct tokens of a row, in (0, 1).
    border : int
        Code V of the border: that of an unknown token first at step t is V + 1 + t.
    generator : torch.Generator
        Where chance comes from.
    """

    def __init__(self, share: float, border: int, generator: torch.Generator):
        self.share, self.border, self.generator = share, border, generator

    def __call__(self, x: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return sources (B, T, F) and padded targets (B, U), with tokens hidden."""
        known = x[..., -1]
        first = (known[:, :, None] == known[:, None]).byte().argmax(dim=2)  # (B, T)
        chance = torch.rand(known.shape, generator=self.generator).to(x.device)
        hidden = (chance < self.share).gather(1, first)
        seen = x[..., 0].masked_fill(hidden, 0)
        if x.shape[-1] == 1:
            return seen[..., None], codes
        x = torch.stack([seen, torch.where(hidden, self.border + 1 + first, known)], dim=-1)
        is_hidden = (codes[..., None] == known[:, None]) & hidden[:, None]  # (B, U, T)
        places = self.border + 1 + is_hidden.byte().argmax(dim=2)
        return x, torch.where(is_hidden.any(dim=2), places, codes)


class PaddedRows:
    """Sequences as tensors, of which rows are taken and padded.

    Parameters
    ----------
    sequences : Sequences
        N sequences of codes, (S, F).
    device : torch.device
        Where the tensors live.
    """

    def __init__(self, sequences: Sequences, device: torch.device):
        self.values = torch.as_tensor(np.ascontiguousarray(sequences.values)).to(device)
        self.starts = torch.tensor(sequences.offsets[:-1])
        self.lengths = torch.tensor(sequences.lengths)

    def padded(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return padded codes (B, T, F), and lengths (B,) on the CPU."""
        lengths = self.lengths.index_select(0, rows)
        steps = padded_steps(self.starts.index_select(0, rows), lengths)  # (B, T)
        return self.values[steps.to(self.values.device, non_blocking=True)], lengths


class PairBatches:
    """Iterate over batches of a `PairDataset` that cost about the same.

    In training, pairs are shuffled, then sorted by the lengths of target and source within pools
    of several batches; each pool is cut into batches of as many steps, and these are shuffled. How
    many there are depends on the dataset alone.

    Parameters
    ----------
    dataset : PairDataset
        Pairs to draw from.
    batch_size : int
        Pairs of a batch, on average.
    generator : torch.Generator, optional
        Where the order comes from. Without it the order is by length, for evaluation.
    """

    def __init__(self, dataset: PairDataset, batch_size: int, generator: Any = None):
        self.dataset, self.generator = dataset, generator
        self.n_batches = -(-len(dataset) // batch_size)
        self.rounded = next(rows for least, rows in ROUNDED if batch_size >= least)

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator:
        return (self.dataset[rows] for rows in self.rows())

    def rows(self) -> list[np.ndarray]:
        """Row numbers of each batch, for one epoch."""
        dataset, n = self.dataset, self.n_batches
        if self.generator is None:
            return self._cut(np.arange(len(dataset)), n)
        order = torch.randperm(len(dataset), generator=self.generator).numpy()
        n_pools = -(-n // POOL)
        shares = [i * n // n_pools for i in range(n_pools + 1)]
        edges = [self._round(i * len(order) / n_pools) for i in range(n_pools)] + [len(order)]
        batches = [
            batch
            for (a, b), (c, d) in zip(pairwise(edges), pairwise(shares), strict=True)
            for batch in self._cut(order[a:b], d - c)
        ]
        shuffled = torch.randperm(len(batches), generator=self.generator)
        return [batches[i] for i in shuffled.tolist()]

    def _cut(self, rows: np.ndarray, n: int) -> list[np.ndarray]:
        """Sort rows by their lengths and cut them into at most ``n`` parts that cost the same."""
        targets = getattr(self.dataset, "target_lengths", self.dataset.lengths)
        rows = rows[np.lexsort((self.dataset.lengths[rows], targets[rows]))]
        costs = self.dataset.costs[rows]
        middles = np.cumsum(costs) - costs / 2
        part = (middles * n / costs.sum()).astype(int)
        cuts = self._round(np.flatnonzero(np.diff(part)) + 1)
        return [batch for batch in np.split(rows, np.unique(cuts)) if len(batch)]

    def _round(self, places: Any) -> Any:
        """Return places rounded to a multiple of ``rounded``."""
        return (np.round(np.divide(places, self.rounded)) * self.rounded).astype(int)
