"""Sequences with a string of symbols each, as batches on a device: rows of like length together."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqlearn.data.batches import SequenceDataset
from seqlearn.data.pairs import PaddedRows
from seqlearn.data.sequences import Sequences

__all__ = ["TranscriptDataset"]


class TranscriptDataset(SequenceDataset):
    """Sequences, strings and weights on a device; indexed by an array, it returns a batch.

    Parameters
    ----------
    sequences : Sequences
        N sequences of numbers.
    targets : Sequences
        N sequences of codes, (S', 1); they may be empty.
    weights : ndarray of shape (N,)
        Row weights of mean 1.
    device : str or torch.device
        Where the tensors live.
    dtype : torch.dtype
        Of weights.
    make_targets : callable
        Makes what a head reads of padded codes (B, U) and lengths (B,).
    """

    def __init__(
        self,
        sequences: Sequences,
        targets: Sequences,
        weights: np.ndarray,
        device: Any = "cpu",
        dtype: torch.dtype = torch.float32,
        *,
        make_targets: Callable[[Tensor, Tensor], Any],
    ):
        super().__init__(sequences, None, weights, device, dtype)
        self._strings = PaddedRows(targets, self.device)
        self._make_targets = make_targets

    def __getitem__(self, rows: np.ndarray | Tensor) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return inputs and targets, ``{"y": made of codes (B, U), "w": (B,) or None}``."""
        rows = torch.as_tensor(rows)
        inputs, targets = super().__getitem__(rows)
        codes, lengths = self._strings.padded(rows)
        return inputs, {**targets, "y": self._make_targets(codes[..., 0], lengths)}
