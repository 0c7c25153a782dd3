"""The input of a transcriber: some frames at a time as one step, so that the core takes fewer.

A recording has a hundred frames a second, and no symbol is as short as one. k frames side by side,
seen through the core's first weights, are a convolution of width and stride k.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from seqlearn.backend import valid_steps
from seqlearn.inputs.station import Input, Inputs
from seqlearn.modules.locked_dropout import LockedDropout

__all__ = ["FrameStack"]


class FrameStack(Input):
    """Frames (B, T, F) to groups of k behind one another, (B, ceil(T / k), k F).

    No frame is lost: where the last group of a row is not full, zeros stand in it.

    Parameters
    ----------
    n_features : int
        Values of a frame, F.
    stack : int
        Frames of a step, k.
    dropout : float, default=0.0
        Share of the values set to zero in training, the same ones in all frames of a row.

    Examples
    --------
    >>> x = torch.arange(1.0, 6.0).view(1, 5, 1)
    >>> FrameStack(1, 2)(x, None).values
    tensor([[[1., 2.],
             [3., 4.],
             [5., 0.]]])
    """

    def __init__(self, n_features: int, stack: int, *, dropout: float = 0.0):
        super().__init__(n_features * stack)
        self.stack = stack
        self.dropout = LockedDropout(dropout)

    def n_steps(self, lengths: Any) -> Any:
        """Return how many groups rows of so many frames have."""
        return -(-lengths // self.stack)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Inputs:
        """Return the groups of padded rows, and how many each row has."""
        if lengths is not None:
            is_step = valid_steps(lengths, x.shape[1]).to(x.device, non_blocking=True)
            x = x.masked_fill(~is_step[..., None], 0.0)
            lengths = self.n_steps(lengths)
        x = self.dropout(x)
        x = functional.pad(x, (0, 0, 0, -x.shape[1] % self.stack))
        return Inputs(x.unflatten(1, (-1, self.stack)).flatten(2), lengths)

    def step(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor | None, Tensor | None]:
        """Take one more frame (B, F); return a group, (B, k F), when it is full, else None.

        The state has the frames that wait, (B, j, F).
        """
        frames = x[:, None] if state is None else torch.cat([state, x[:, None]], dim=1)
        if frames.shape[1] < self.stack:
            return None, frames
        return frames.flatten(1), None
