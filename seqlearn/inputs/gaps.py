"""The input of series with gaps: values carried forward, which of them are there, and since when.

Batches have NaN where nothing was observed. What comes out has three equal parts side by side, as
`seqlearn.backend.Backend.missing` says; a core that knows nothing of gaps reads them as features.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqlearn.backend import Dropout
from seqlearn.errors import InvalidParameterError
from seqlearn.inputs.station import Input, Inputs

__all__ = ["GapInput"]


class GapInput(Input):
    """Steps with NaN (B, T, F) to [values | mask | gaps], (B, T, 3 F).

    A value is the last one observed, less the mean, so that 0 stands for a feature that was never
    observed. The mask is 1 where there is an observation. The gap is the time since the last one
    before this step, or since the first step of the row; it is 0 there. Nothing looks ahead.

    Parameters
    ----------
    mean : ndarray of shape (F,)
        Of each feature, in the rows that are trained on.
    gap_scale : ndarray of shape (F,)
        What gaps are divided by.
    time_column : int or None
        The feature that has the time since the step before; without one, a step takes 1.
    blank : float
        Share of the rows that are read in training as if nothing had been observed in them, so that
        the network learns what to say then. Times stay.

    References
    ----------
    Che, Z. et al. (2018). Recurrent neural networks for multivariate time series with missing
    values. Scientific Reports 8, 6085: gaps are as there.
    """

    with_gaps = True
    parts = 3
    mean: Tensor
    gap_scale: Tensor

    def __init__(
        self,
        mean: np.ndarray,
        gap_scale: np.ndarray,
        *,
        time_column: int | None = None,
        blank: float = 0.0,
    ):
        super().__init__(3 * len(mean))
        self.time_column = time_column
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("gap_scale", torch.tensor(gap_scale))
        self.blank = Dropout(blank)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Inputs:
        """Return values, mask and gaps side by side; see the class."""
        there = self._without_blank(~x.isnan())  # (B, T, F)
        step = torch.arange(x.shape[1], device=x.device)[:, None]
        last = torch.where(there, step, 0).cummax(dim=1).values  # where it was, or the first step
        values = torch.where(there, x - self.mean, 0.0).gather(1, last)
        before = torch.cat([torch.zeros_like(last[:, :1]), last[:, :-1]], dim=1)
        if self.time_column is None:
            gaps = (step - before).to(x.dtype)
        else:
            time = x[..., self.time_column].double().cumsum(dim=1)[..., None].expand(x.shape)
            gaps = (time - time.gather(1, before)).to(x.dtype)
        return Inputs(self._joined(values, there, gaps), lengths)

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return the same of one more step, (B, 3 F), with the last values and the gaps so far."""
        if x.dim() != 2 or x.shape[1] != len(self.mean):
            raise InvalidParameterError(
                f"A step of shape {tuple(x.shape)} was given; (B, {len(self.mean)}) is due, the "
                "values of one step of each row, NaN where nothing was observed."
            )
        there = ~x.isnan()  # (B, F)
        last, since, begun = self.begin(len(x)) if state is None else state
        elapsed = begun if self.time_column is None else x[:, self.time_column, None]
        gaps = since + elapsed
        values = torch.where(there, x - self.mean, last)
        state = (values, torch.where(there, 0.0, gaps), torch.ones_like(begun))
        return self._joined(values, there, gaps.to(x.dtype)), state

    def begin(self, n_rows: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return what so many rows have before their first step: no value, and no time passed."""
        values = self.mean.new_zeros(n_rows, len(self.mean))
        return values, values.double(), values[:, :1]

    def _joined(self, values: Tensor, there: Tensor, gaps: Tensor) -> Tensor:
        return torch.cat([values, there.to(values.dtype), gaps / self.gap_scale], dim=-1)

    def _without_blank(self, there: Tensor) -> Tensor:
        """Return where something was observed, in training without the rows that are blank."""
        if not self.training or self.blank.p == 0:
            return there
        shares = torch.full((len(there), 1, 1), self.blank.p, device=there.device)
        kept = ~self.blank.draw(shares)
        if self.time_column is not None:
            is_time = torch.arange(there.shape[2], device=there.device) == self.time_column
            kept = kept | is_time
        return there & kept
