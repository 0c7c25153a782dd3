"""Training loops as a torch user writes them by hand: what the speed benchmark compares with.

Each function prepares data and network once and returns a function that trains one epoch. They
do the same work as the estimators at the same settings: the same core and readout, Adam, clipping
at norm 1, shuffled batches.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence


def equal_length(X: np.ndarray, y: np.ndarray, hidden: int, batch: int, fused: bool) -> Callable:
    """Index batches over one tensor, forward LSTM, last step."""
    x, target = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    lstm = nn.LSTM(X.shape[2], hidden, batch_first=True)
    head = nn.Linear(hidden, int(y.max()) + 1)
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-2, fused=fused)

    def epoch():
        for rows in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            outputs, _ = lstm(x[rows])
            loss = cross_entropy(head(outputs[:, -1]), target[rows])
            loss.backward()
            clip_grad_norm_(parameters, 1.0)
            optimizer.step()

    return epoch


def packed(X: list[np.ndarray], y: np.ndarray, hidden: int, batch: int) -> Callable:
    """Shuffled batches, padded and packed, bidirectional LSTM, last step of each direction."""
    sequences = [torch.tensor(x, dtype=torch.float32) for x in X]
    lengths, target = torch.tensor([len(x) for x in X]), torch.tensor(y)
    lstm = nn.LSTM(X[0].shape[1], hidden, batch_first=True, bidirectional=True)
    head = nn.Linear(2 * hidden, int(y.max()) + 1)
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-2, fused=True)

    def epoch():
        for rows in torch.randperm(len(sequences)).split(batch):
            optimizer.zero_grad()
            padded = pad_sequence([sequences[i] for i in rows], batch_first=True)
            pack = pack_padded_sequence(
                padded, lengths[rows], batch_first=True, enforce_sorted=False
            )
            _, (last, _) = lstm(pack)  # (2, B, H)
            loss = cross_entropy(head(torch.cat([last[0], last[1]], dim=1)), target[rows])
            loss.backward()
            clip_grad_norm_(parameters, 1.0)
            optimizer.step()

    return epoch
