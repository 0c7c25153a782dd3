"""Padding: the one file in which it exists.

A padded batch is a gather of flat values at the step numbers given here. Padded steps repeat the
last valid one, so they are as harmless to any arithmetic as the data itself; nothing reads them.
`seqlearn.data.batches` pads sequences with it, `seqlearn.data.word_tables` the characters of words.
"""

import torch
from torch import Tensor

__all__ = ["padded_steps"]


def padded_steps(starts: Tensor, lengths: Tensor) -> Tensor:
    """Return the numbers of the steps of a padded batch in the flat values, (B, T).

    Parameters
    ----------
    starts : Tensor of shape (B,)
        Where each row begins in the flat values.
    lengths : Tensor of shape (B,)
        Steps of each row, at least one; T is the largest.
    """
    step = torch.arange(int(lengths.max()))
    return torch.minimum(step, lengths[:, None] - 1) + starts[:, None]  # (B, T)
