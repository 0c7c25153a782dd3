"""The input of a forecaster: each window normalised by its own level, and read in segments.

It embeds a window segment by segment, so that the core takes one step to a segment (SegRNN, Lin et
al. 2023). Windows come from `seqlearn.data.windows`; `seqlearn.modules.heads.segments` decodes what
the core knows at the end, and looks at the window again.

Shape letters besides the usual: L steps of a window, C columns of a row, P features of the past,
S segments of a window, s steps of a segment.
"""

from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.inputs.station import Input, Inputs
from seqlearn.modules.heads.segments import Window, with_mask
from seqlearn.modules.row_blocks import RowLinear

__all__ = ["SegmentInput"]

SMALLEST_SCALE = 1e-2  # of a window, in the units of its values: those of a series of spread 1


class SegmentInput(Input):
    """Windows (B, L, C) to embedded segments (B, S, E), with the window as its context.

    Parameters
    ----------
    output_size : int
        Width of a segment's embedding, E.
    window_length : int
        Steps of the past, L.
    segment_length : int
        Steps of a segment, s. If it does not divide L, the first segment begins with missing steps.
    n_columns : int
        Values a step of one row, C.
    n_past_features : int
        P.
    normalization : {"window", "series"} or None
        "window" reads each window relative to its own level and scale. With the others, the
        values come in the right units already.

    Notes
    -----
    Missing values are zero after normalisation, beside a mask.
    """

    def __init__(
        self,
        output_size: int,
        *,
        window_length: int,
        segment_length: int,
        n_columns: int,
        n_past_features: int,
        normalization: str | None,
    ):
        super().__init__(output_size)
        self.n_columns, self.normalization = n_columns, normalization
        self.n_segments = -(-window_length // segment_length)
        self.padding = self.n_segments * segment_length - window_length
        step_size = 2 * (n_columns + n_past_features)
        self.embed = nn.Sequential(RowLinear(segment_length * step_size, output_size), nn.ReLU())

    def forward(self, x: Any, lengths: Tensor | None = None) -> Inputs:
        """Return the embedded segments of a `WindowBatch`; all windows are equally long."""
        window = self.segments(x.past, x.past_features)
        return Inputs(self.embed(window.segments), None, window)

    def step(self, x: Any, state: Any = None) -> NoReturn:
        """Raise: a window is read as a whole."""
        raise NotImplementedError(
            "The network of a forecaster reads whole windows, no single steps. To go forward in "
            "time, call LSTMForecaster.update(y, update_params=False) and predict."
        )

    def segments(self, past: Tensor, features: Tensor | None) -> Window:
        """Return segments of the normalised window, (B, S, s (2 C + 2 P)), its level and scale."""
        centre, scale = self._level(past)
        steps = with_mask((past - centre) / scale)  # (B, L, 2 C)
        if features is not None:
            steps = torch.cat([steps, with_mask(features)], dim=-1)  # (B, L, 2 C + 2 P)
        steps = functional.pad(steps, (0, 0, self.padding, 0))  # (B, S s, 2 C + 2 P)
        return Window(steps.unflatten(1, (self.n_segments, -1)).flatten(2), centre, scale)

    def _level(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Last observed value and standard deviation of each window, (B, 1, C) each.

        Of a window with one observed value, or none, the standard deviation counts as 1.
        """
        if self.normalization != "window":
            shape = (len(past), 1, self.n_columns)
            return past.new_zeros(shape), past.new_ones(shape)
        observed = ~past.isnan()  # (B, L, C)
        step = torch.arange(past.shape[1], device=past.device)[:, None]
        last = torch.where(observed, step, 0).amax(dim=1, keepdim=True)  # (B, 1, C)
        centre = past.gather(1, last).nan_to_num(0.0)  # (B, 1, C)
        count = observed.sum(dim=1, keepdim=True)
        deviation = torch.where(observed, past - centre, 0.0)
        mean = deviation.sum(dim=1, keepdim=True) / count.clamp(min=1)
        deviation = torch.where(observed, deviation - mean, 0.0)
        variance = deviation.square().sum(dim=1, keepdim=True) / count.clamp(min=1)
        scale = variance.sqrt().clamp(min=SMALLEST_SCALE)
        return centre, torch.where(count > 1, scale, 1.0)
