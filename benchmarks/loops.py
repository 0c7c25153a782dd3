"""Torch as its users write it by hand: a contender of the speed benchmark, in three kinds.

Index batches over one tensor; the same through a DataLoader; packed batches where lengths differ.
See `benchmarks.contenders`. `benchmarks.rate` trains with these loops too.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.contenders import CLASSES, LR, PREDICT_ROWS, Contender, Work


def prepare(
    work: Work, X, y: np.ndarray, fused: bool = True, data_loader: bool = False
) -> Contender:
    """Build network, optimiser and loop; where lengths differ, batches are packed."""
    network = LastStep(work.features, work.hidden, work.bidirectional)
    optimizer = torch.optim.Adam(network.parameters(), lr=LR, fused=fused)
    target = torch.tensor(y)
    if isinstance(X, list):
        take = _packs(X)
    else:
        take = torch.tensor(X).__getitem__

    def batches() -> Iterable:
        for rows in torch.randperm(len(target)).split(work.batch):
            yield take(rows), target[rows]

    if data_loader:
        loader = DataLoader(TensorDataset(torch.tensor(X), target), work.batch, shuffle=True)

    def fit(epochs: int) -> None:
        network.train()
        for _ in range(epochs):
            for x, labels in loader if data_loader else batches():
                optimizer.zero_grad()
                cross_entropy(network(x), labels).backward()
                optimizer.step()

    def predict() -> np.ndarray:
        network.eval()
        with torch.inference_mode():
            parts = [network(take(rows)) for rows in torch.arange(len(y)).split(PREDICT_ROWS)]
            return torch.cat(parts).argmax(dim=1).numpy()

    return Contender(fit, predict)


class LastStep(nn.Module):
    """LSTM, the last step of each direction, linear layer."""

    def __init__(self, features: int, hidden: int, bidirectional: bool = False):
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(hidden * (1 + bidirectional), CLASSES)

    def forward(self, x: torch.Tensor | PackedSequence) -> torch.Tensor:
        """Return the scores of the classes, (B, C)."""
        _, (last, _) = self.lstm(x)  # (directions, B, H)
        return self.head(torch.cat(list(last), dim=1))


def _packs(X: list[np.ndarray]) -> Callable[[torch.Tensor], PackedSequence]:
    """Return what packs the sequences of some rows."""
    sequences, lengths = [torch.tensor(x) for x in X], torch.tensor([len(x) for x in X])

    def take(rows: torch.Tensor) -> PackedSequence:
        padded = pad_sequence([sequences[i] for i in rows], batch_first=True)  # (B, T, F)
        return pack_padded_sequence(padded, lengths[rows], batch_first=True, enforce_sorted=False)

    return take
