"""The core of the four backends: convolutions and a recurrent branch over the same rows.

Here live `LSTMFCNCore`, its `ConvolutionBlock`, which never lets padding be seen, and `resample`,
which gives rows of any length one number of points. What the recurrent branch is, the backends in
the package decide; they alone call this file.
"""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, pad

from seqlearn.backend import Dropout, valid_steps
from seqlearn.errors import InvalidParameterError

__all__ = ["ConvolutionBlock", "LSTMFCNCore", "StepConvolution", "resample"]

# With fewer features a step than this, torch 2.13's convolutions in bfloat16 give wrong values on
# processors with AMX: of 8 features and 8 steps at once, say. Such layers stay in float32.
LEAST_FEATURES_BF16 = 16


class StepConvolution(nn.Module):
    """A convolution over time, as many steps out as in; no bias.

    Parameters
    ----------
    input_size, output_size : int
        Features a step that it reads, C, and that it gives, K.
    size : int
        Steps read at once. An even size reads one step more after the present one than before it.
    repeat : bool
        What stands past both ends: the first and the last step again, or zeros.
    """

    def __init__(self, input_size: int, output_size: int, size: int, repeat: bool):
        super().__init__()
        self.repeat = repeat
        # Features last, as rows come in: the layout in which torch's convolution is fastest here.
        self.weight = nn.Parameter(torch.empty(output_size, size, input_size))
        bound = (6.0 / (size * input_size)) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve rows of shape (B, T, C) to (B, T, K)."""
        before, after = (self.weight.shape[1] - 1) // 2, self.weight.shape[1] // 2
        if self.repeat:
            ends = x[:, :1].expand(-1, before, -1), x[:, -1:].expand(-1, after, -1)
            x = torch.cat([ends[0], x, ends[1]], dim=1)  # (B, T + size - 1, C)
        elif before != after:
            x = pad(x, (0, 0, 0, 1))  # (B, T + 1, C)
        exact = x.device.type == "cpu" and x.shape[2] < LEAST_FEATURES_BF16
        with torch.autocast("cpu", enabled=False) if exact else nullcontext():
            outputs = conv2d(
                (x.to(self.weight.dtype) if exact else x).transpose(1, 2).unsqueeze(2),
                self.weight.transpose(1, 2).unsqueeze(2),  # (K, C, 1, size)
                padding=(0, 0 if self.repeat else before),
            )
        return outputs.squeeze(2).transpose(1, 2)  # (B, T, K)


class ConvolutionBlock(nn.Module):
    """Layers of convolution, batch normalisation and ReLU over padded rows (Wang et al. 2017).

    Past a row's own ends every layer reads zeros, or the row's first and last step again, and its
    mean and variance are those of valid steps, so that neither padding nor its length changes a
    value. Weights are drawn after He et al. (2015).

    Parameters
    ----------
    input_size : int
        Features a step, F.
    filters, kernel_sizes : sequence of int
        Features given by each layer, and steps read at once by each.
    repeat : bool
        What stands past the ends of a row: its first and last step again, or zeros.

    References
    ----------
    Wang, Yan & Oates (2017), Time series classification from scratch with deep neural networks: a
    strong baseline, IJCNN. He, Zhang, Ren & Sun (2015), Delving deep into rectifiers, ICCV. Ioffe
    & Szegedy (2015), Batch normalization, ICML.
    """

    def __init__(
        self, input_size: int, filters: Sequence[int], kernel_sizes: Sequence[int], repeat: bool
    ):
        super().__init__()
        self.repeat = repeat
        self.output_size = int(filters[-1])
        sizes = [input_size, *filters[:-1]]
        self.convolutions = nn.ModuleList(
            StepConvolution(*each, repeat)
            for each in zip(sizes, filters, kernel_sizes, strict=True)
        )
        self.norms = nn.ModuleList(map(nn.BatchNorm1d, filters))

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the last layer's features, (B, T, C), finite at steps that are not valid.

        Parameters
        ----------
        x : Tensor of shape (B, T, F)
            Rows, zero past their lengths.
        lengths : Tensor of shape (B,) or None
            Valid steps of each row; None says that all are.
        """
        if lengths is None:
            for convolution, norm in zip(self.convolutions, self.norms, strict=True):
                features = convolution(x)  # (B, T, C)
                x = _normalise(norm, features.flatten(0, 1)).relu_().view(features.shape)
            return x
        within = valid_steps(lengths, x.shape[1]).flatten()  # (B T,)
        valid = None
        if self.training:  # mean and variance are taken over the V valid steps
            valid = within.nonzero()[:, 0].to(x.device, non_blocking=True)  # (V,)
        past = ~within.to(x.device, non_blocking=True)[:, None]  # (B T, 1)
        nearest = _nearest(x, lengths) if self.repeat else None
        if nearest is not None:
            x = x.flatten(0, 1).index_select(0, nearest).view(x.shape)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            features = convolution(x)  # (B, T, C)
            shape, features = features.shape, features.flatten(0, 1)  # (B T, C)
            if valid is None:
                features = norm(features).relu_().masked_fill(past, 0.0)
            else:
                steps = _normalise(norm, features.index_select(0, valid)).relu_()  # (V, C)
                features = torch.zeros_like(features).index_copy(0, valid, steps)  # (B T, C)
            if nearest is not None:
                features = features.index_select(0, nearest)
            x = features.view(shape)
        return x


def _nearest(x: Tensor, lengths: Tensor) -> Tensor:
    """Return the nearest valid step of each step's row, among the (B T) flattened ones: (B T,)."""
    rows, steps = x.shape[:2]
    row, step = (torch.arange(size, device=lengths.device) for size in (rows, steps))
    nearest = steps * row[:, None] + torch.minimum(step, lengths[:, None] - 1)  # (B, T)
    return nearest.flatten().to(x.device, non_blocking=True)


def _normalise(norm: nn.BatchNorm1d, steps: Tensor) -> Tensor:
    """Normalise steps (V, C); a single one has no variance and takes the running statistics."""
    if norm.training and len(steps) == 1:
        return batch_norm(
            steps, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps
        )
    return norm(steps)


def resample(x: Tensor, lengths: Tensor, steps: int) -> Tensor:
    """Read each row's valid part at ``steps`` points, evenly from its first to its last step.

    Values between two steps are interpolated linearly. A row of length ``steps`` comes back as it
    is, to the bit.

    Parameters
    ----------
    x : Tensor of shape (B, T, F)
        Padded rows.
    lengths : Tensor of shape (B,), on the CPU
        Valid steps of each row.
    steps : int
        Points S, at least 2.

    Returns
    -------
    Tensor of shape (B, S, F)

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[0.0, 1, 2], [5, 9, 0]])[..., None]
    >>> resample(x, torch.tensor([3, 2]), 5)[..., 0]
    tensor([[0.0000, 0.5000, 1.0000, 1.5000, 2.0000],
            [5.0000, 6.0000, 7.0000, 8.0000, 9.0000]])
    """
    last = lengths[:, None] - 1  # (B, 1)
    places = torch.arange(steps, device=lengths.device) * last  # (B, S), in 1 / (steps - 1)
    low = places // (steps - 1)
    share = (places % (steps - 1)).to(x.dtype) / (steps - 1)
    high = torch.minimum(low + 1, last)
    rows = x.shape[1] * torch.arange(x.shape[0], device=lengths.device)[:, None]  # (B, 1)
    flat = x.flatten(0, 1)  # (B T, F)
    start, end = (
        flat.index_select(0, (rows + step).flatten().to(x.device, non_blocking=True))
        for step in (low, high)
    )  # (B S, F)
    share = share.flatten()[:, None].to(x.device, non_blocking=True)  # (B S, 1)
    return torch.lerp(start, end, share).view(x.shape[0], steps, -1)  # (B, S, F)


class LSTMFCNCore(nn.Module):
    """A convolution block and a recurrent branch over the same rows, their outputs side by side.

    Parameters
    ----------
    convolutions : ConvolutionBlock
        Gives C features a step.
    branch : Module
        Called as ``branch(x, lengths) -> (outputs, state)``, lengths None for rows that are full,
        with an ``output_size`` W.
    bidirectional : bool
        The branch reads in two directions, forward half first.
    branch_dropout : float
        Share of the branch's outputs dropped in training.
    steps : int or None
        Points that the branch gets of each row, features and time exchanged; None leaves rows as
        they are.
    """

    def __init__(
        self,
        convolutions: ConvolutionBlock,
        branch: nn.Module,
        *,
        bidirectional: bool,
        branch_dropout: float,
        steps: int | None,
    ):
        super().__init__()
        self.convolutions = convolutions
        self.branch = branch
        self.branch_dropout = Dropout(branch_dropout)
        self.bidirectional = bidirectional
        self.steps = steps
        self.output_size = convolutions.output_size + branch.output_size

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: None = None
    ) -> tuple[Tensor, None]:
        """Run rows ``x`` of shape (B, T, F); see `seqlearn.backend.Backend.build` for the rules."""
        if state is not None:
            raise InvalidParameterError(
                f"A state of type {type(state).__name__} was given, but this core carries none "
                "from one part of a row to the next: give whole rows, and state=None."
            )
        if lengths is not None:
            past = ~valid_steps(lengths, x.shape[1])  # (B, T)
            x = x.masked_fill(past.to(x.device, non_blocking=True)[..., None], 0.0)
        features = self.convolutions(x, lengths)  # (B, T, C)
        read = self._read(x, lengths)  # (B, T, W), or (B, 1, W) where it is the same at all steps
        if self.training:
            read = read * self.branch_dropout(read.new_ones(x.shape[0], 1, read.shape[2]))
        parts = [features, read.expand(-1, x.shape[1], -1)]
        if self.bidirectional:
            size = features.shape[2]
            early, late = features.split([size // 2, size - size // 2], dim=2)
            forward, backward = parts[1].chunk(2, dim=2)
            parts = [early, forward, late, backward]
        return torch.cat(parts, dim=2), None  # (B, T, C + W)

    def _read(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        if self.steps is None:
            return self.branch(x, lengths)[0]
        if lengths is None:
            lengths = torch.full(x.shape[:1], x.shape[1])
        rows = resample(x, lengths, self.steps).transpose(1, 2)  # (B, F, S)
        outputs, _ = self.branch(rows, None)  # (B, F, W)
        if not self.bidirectional:
            return outputs[:, -1:]
        forward, backward = outputs.chunk(2, dim=2)
        return torch.cat([forward[:, -1:], backward[:, :1]], dim=2)  # (B, 1, W)
