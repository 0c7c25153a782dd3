"""The input of frames of video: a small convolutional network that makes one vector of each frame.

It reads batches of flat frames, (B, T, H * W * C). A frame's vector depends on that frame alone:
nothing is normalised over a batch, so no padding and no other row has a part in it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.errors import InvalidParameterError
from seqlearn.inputs.station import Input, Inputs
from seqlearn.modules.locked_dropout import LockedDropout
from seqlearn.modules.row_blocks import RowLinear, in_blocks

__all__ = ["ImageInput"]

BLOCK_VALUES = 1 << 19  # of the widest layer's outputs at once in evaluation: what caches hold
WEIGHT_SIZE = 0.3  # of the weights as they are kept
LEAST_FRAMES, MOST_FRAMES = 4, 32  # at once


class ImageInput(Input):
    """Convolutions, each followed by a rectifier; then a linear map.

    Each convolution leaves the frame half as high and half as wide, rounded up, so frames may have
    any size from 1 x 1 on: by its stride, which takes a third of the time of pooling. What is left
    is averaged to at most ``grid`` x ``grid`` places. The values at all places are mapped to the
    vector, which thus knows where things are, and with them the largest of each channel, which
    says what there is, wherever it is.

    Weights are kept as numbers of one size and multiplied by a constant of each layer when they are
    used [1]_: an update of Adam changes those of all layers by the same share. Without it, at the
    learning rate that a recurrent layer wants, each update moves those of sums of 400 values by a
    third, and nothing is learned.

    Parameters
    ----------
    step_shape : tuple of int
        Height, width and colours of a frame, (H, W, C).
    channels : sequence of int
        Channels of each convolution.
    kernel_size : int
        Pixels along the side of a convolution's window, odd.
    grid : int
        Places along the side of what the linear map reads, at most.
    size : int
        Values of the vector of a frame, E.
    dropout : float
        Share of the values of a vector set to zero in training, the same at all steps of a row.

    References
    ----------
    .. [1] Karras, T., Aila, T., Laine, S. and Lehtinen, J. (2018). Progressive growing of GANs for
       improved quality, stability, and variation. ICLR, section 4.1. There numbers are of size 1.
    """

    differentiable = True

    def __init__(
        self,
        step_shape: tuple[int, int, int],
        *,
        channels: Sequence[int],
        kernel_size: int,
        grid: int,
        size: int,
        dropout: float,
    ):
        super().__init__(size)
        height, width, colours = self.step_shape = tuple(step_shape)
        self.input_size = height * width * colours
        sizes = [colours, *channels]
        self.convolutions: Any = nn.ModuleList(
            nn.Conv2d(before, after, kernel_size, stride=2, padding=kernel_size // 2)
            for before, after in pairwise(sizes)
        )
        widest, left = self.input_size, (height, width)
        for after in channels:
            left = (-(-left[0] // 2), -(-left[1] // 2))
            widest = max(widest, left[0] * left[1] * after)
        self.window = (-(-left[0] // grid), -(-left[1] // grid))
        places = -(-left[0] // self.window[0]) * -(-left[1] // self.window[1])
        self.linear = RowLinear(channels[-1] * (places + 1), size)
        self.scales = [
            *(_begin(one, gain=2.0) for one in self.convolutions),  # rectifiers halve the variance
            _begin(self.linear, gain=1.0),
        ]
        self.dropout = LockedDropout(dropout)
        self.block = min(max(BLOCK_VALUES // widest, LEAST_FRAMES), MOST_FRAMES)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Inputs:
        """Return the vectors of frames (B, T, H * W * C), (B, T, E)."""
        frames = x.flatten(0, 1)  # (B T, H W C)
        if self.training or x.device.type != "cpu":
            vectors = self._vectors(frames)
        else:  # as many at once always: convolutions of few frames may round differently
            vectors = in_blocks(self._vectors, self.block, frames, exact=True)
        vectors = vectors.unflatten(0, x.shape[:2])  # (B, T, E)
        return Inputs(self.dropout(vectors), lengths)

    def step(self, x: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Return the vectors of one frame of each row, (B, H * W * C), (B, E)."""
        if x.dim() != 2 or x.shape[1] != self.input_size:
            raise InvalidParameterError(
                f"A step of shape {tuple(x.shape)} was given; (B, {self.input_size}) is due, one "
                f"frame of each row, {' x '.join(map(str, self.step_shape))}, made flat."
            )
        return self(x[:, None], None).values[:, 0], None

    def _vectors(self, frames: Tensor) -> Tensor:
        """Return the vectors of frames (M, H * W * C), (M, E)."""
        maps = frames.unflatten(1, self.step_shape).permute(0, 3, 1, 2)  # (M, C, H, W)
        maps = maps.contiguous(memory_format=torch.channels_last)
        for layer, scale in zip(self.convolutions, self.scales[:-1], strict=True):
            maps = functional.conv2d(maps, layer.weight * scale, layer.bias, 2, layer.padding)
            maps = functional.relu(maps)  # (M, channels, H', W')
        largest = maps.amax(dim=(2, 3))  # (M, channels)
        if self.window != (1, 1):
            maps = functional.avg_pool2d(maps, self.window, ceil_mode=True, count_include_pad=False)
        values = torch.cat([maps.flatten(1), largest], dim=1)
        return self.linear(values * self.scales[-1])  # (M, E)


def _begin(layer: Any, gain: float) -> float:
    """Draw the weights of a layer, and return what they are to be multiplied by."""
    nn.init.normal_(layer.weight, std=WEIGHT_SIZE)
    nn.init.zeros_(layer.bias)
    return (gain / layer.weight[0].numel()) ** 0.5 / WEIGHT_SIZE
