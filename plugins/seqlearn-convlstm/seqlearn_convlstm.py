"""The backend "convlstm": an LSTM over frames of video whose products are convolutions.

Here live the backend, which the entry point in pyproject.toml names, its core and its one layer.
Depth and both directions come from `seqlearn.backend.Stack`. Nothing of seqlearn imports this file;
`seqlearn.registry` loads it when someone asks for "convlstm".

Maps have their channels last, (B, T, H', W', K): that is how frames come, and how torch's
convolutions are fastest on a CPU.
"""

from itertools import cycle

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from seqlearn.backend import Backend, Dropout, Stack
from seqlearn.errors import InvalidParameterError

__all__ = ["ConvLSTM", "ConvLSTMCore", "ConvLSTMLayer"]

PADDINGS = ("zeros", "circular")
OUTPUTS = ("pool", "flatten")


class ConvLSTM(Backend):
    """Convolutional LSTM [1]_: what it remembers is a map, so that it knows what moves, and where.

    Input and state enter the gates by convolutions: every place of a frame is treated alike, and
    what a place remembers depends on its neighbourhood. ``hidden_size`` values a step are made of
    the map by a linear layer.

    Parameters
    ----------
    channels : int, default=16
        Channels K of a hidden map.
    kernel_size : int, default=3
        Places along the side of a convolution's window, an odd number.
    stride : int, default=2
        Pixels of a frame, along each axis, for one place of a hidden map. Further layers have
        maps of the same size.
    padding : {"zeros", "circular"}, default="zeros"
        What stands around a frame and a map: zeros, or the other side, as on a torus.
    output : {"pool", "flatten"}, default="pool"
        What the outputs are made of: largest value and mean of each channel, whatever the place, or
        the values of all places.
    forget_bias : float, default=1.0
        Initial bias of the forget gate; at 1 the cell remembers from the first update on.

    Notes
    -----
    The peephole connections of the paper are left out, as in most versions since. The estimator's
    ``dropout`` drops whole channels of the maps between layers, the same ones in all frames of a
    clip. Nothing is normalised, so there are no statistics that padding or other clips could move.

    With ``padding="circular"``, frames whose height and width are multiples of ``stride``, and
    ``output="pool"``, moving a clip around its torus by a multiple of ``stride`` moves the maps
    (see `ConvLSTMCore.hidden_maps`) and leaves the outputs as they are.

    References
    ----------
    .. [1] Shi, Chen, Wang, Yeung, Wong & Woo (2015), Convolutional LSTM network: a machine learning
       approach for precipitation nowcasting, NeurIPS, arXiv:1506.04214.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_convlstm import ConvLSTM
    >>> core = ConvLSTM().build((8, 6, 1), 32, num_layers=1, bidirectional=False, dropout=0.0)
    >>> clips = torch.zeros(2, 5, 8, 6, 1)
    >>> core(clips, torch.tensor([5, 4]))[0].shape, core.hidden_maps(clips).shape
    (torch.Size([2, 5, 32]), torch.Size([2, 5, 4, 3, 16]))
    """

    step_shape = (None, None, None)

    def __init__(
        self,
        channels: int = 16,
        kernel_size: int = 3,
        stride: int = 2,
        padding: str = "zeros",
        output: str = "pool",
        forget_bias: float = 1.0,
    ):
        self.channels = channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.output = output
        self.forget_bias = forget_bias

    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        """Return a `ConvLSTMCore`; see `seqlearn.backend.Backend.build`.

        Raises
        ------
        InvalidParameterError
            An option is none of the accepted values.
        """
        for name in ("channels", "kernel_size", "stride"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidParameterError(f"{name}={value!r} was given; accepted is an int >= 1.")
        if self.kernel_size % 2 == 0:
            raise InvalidParameterError(
                f"kernel_size={self.kernel_size} was given; accepted is an odd int, so that a "
                "window has a middle."
            )
        for name, accepted in (("padding", PADDINGS), ("output", OUTPUTS)):
            value = getattr(self, name)
            if value not in accepted:
                raise InvalidParameterError(
                    f"{name}={value!r} was given; accepted are {' and '.join(map(repr, accepted))}."
                )
        return ConvLSTMCore(
            self,
            input_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )


class ConvLSTMCore(nn.Module):
    """Layers of convolutional LSTMs, and the linear layer that makes outputs of their last maps.

    Parameters
    ----------
    options : ConvLSTM
        The backend.
    input_size : tuple of int
        Height, width and colours of a frame, (H, W, C).
    hidden_size, num_layers, bidirectional, dropout
        As `seqlearn.backend.Backend.build` has them; outputs have ``hidden_size`` values, twice
        that in two directions.
    """

    def __init__(self, options, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        super().__init__()
        height, width, colours = input_size
        strides = cycle([options.stride] + [1] * (num_layers - 1))  # of either direction's layers
        places = [(-(-height // options.stride), -(-width // options.stride))]
        sizes = cycle([(height, width), *places * (num_layers - 1)])
        self.maps = Stack(
            lambda colours: ConvLSTMLayer(next(sizes), colours, options, next(strides)),
            colours,
            options.channels,
            num_layers=num_layers,
            bidirectional=bidirectional,
        )
        self.maps.dropout = ChannelDropout(dropout)
        self.flattens = options.output == "flatten"
        n_values = places[0][0] * places[0][1] if self.flattens else 2  # of each channel
        self.output_size = hidden_size * (2 if bidirectional else 1)
        self.linear = nn.Linear(n_values * self.maps.output_size, self.output_size)

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: tuple | None = None
    ) -> tuple[Tensor, tuple | None]:
        """Run clips (B, T, H, W, C): the outputs (B, T, D) and the state."""
        maps, state = self.maps(x, lengths, state)
        return self._read(maps), state

    def step(self, x: Tensor, state: tuple | None = None) -> tuple[Tensor, tuple]:
        """Run one frame of each clip, (B, H, W, C): the outputs (B, D) and the state."""
        maps, state = self.maps.step(x, state)
        return self._read(maps), state

    def hidden_maps(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden maps of the last layer for clips (B, T, H, W, C).

        Parameters
        ----------
        x : Tensor of shape (B, T, H, W, C)
            Clips.
        lengths : Tensor of shape (B,), on the CPU, optional
            Valid frames of each; all by default.

        Returns
        -------
        Tensor of shape (B, T, H', W', K)
            In two directions 2 K channels, the forward ones first.
        """
        return self.maps(x, lengths)[0]

    def _read(self, maps: Tensor) -> Tensor:
        """Return the outputs (..., D) for maps (..., H', W', K)."""
        if self.flattens:
            return self.linear(maps.flatten(-3))
        places = maps.flatten(-3, -2)  # (..., H' W', K)
        return self.linear(torch.cat([places.amax(-2), places.mean(-2)], dim=-1))


class ConvLSTMLayer(nn.Module):
    """One causal layer; with * a convolution, a step is::

        (f, i, o, g) = W * x_t + U * h_{t-1} + b
        c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g)
        h_t = sigmoid(o) tanh(c_t)

    Parameters
    ----------
    size : tuple of int
        Height and width of what it reads.
    input_channels : int
        Colours of a frame, or channels of the maps of the layer below.
    options : ConvLSTM
        Its ``channels``, ``kernel_size``, ``padding`` and ``forget_bias`` are used.
    stride : int
        Of the convolution of the input.
    """

    def __init__(self, size: tuple[int, int], input_channels: int, options: ConvLSTM, stride: int):
        super().__init__()
        self.channels, kernel_size = options.channels, options.kernel_size
        self.stride, self.margin = stride, kernel_size // 2
        self.shape = (-(-size[0] // stride), -(-size[1] // stride), self.channels)  # of a map
        window = (kernel_size, kernel_size)
        self.input_weight = nn.Parameter(torch.empty(4 * self.channels, input_channels, *window))
        self.state_weight = nn.Parameter(torch.empty(4 * self.channels, self.channels, *window))
        self.bias = nn.Parameter(torch.zeros(4 * self.channels))
        for weight in (self.input_weight, self.state_weight):
            nn.init.xavier_uniform_(weight)
        with torch.no_grad():
            self.bias[: self.channels] = options.forget_bias
        self.wraps = options.padding == "circular"
        for name, (height, width) in (("input", size), ("state", self.shape[:2])):
            for axis, n in (("rows", height), ("columns", width)):
                around = torch.arange(-self.margin, n + self.margin) % n
                self.register_buffer(f"{name}_{axis}", around, persistent=False)

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the maps (B, T, H', W', K) and the state (h_T, c_T), two of (B, H', W', K)."""
        if state is None:
            state = self._begin(x)
        outputs = []
        from_input = self._of_input(x.flatten(0, 1)).unflatten(0, x.shape[:2])  # all steps at once
        for z in from_input.unbind(1):  # (B, H', W', 4 K)
            state = self._step(z, *state)
            outputs.append(state[0])
        return torch.stack(outputs, dim=1), state

    def step(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run one step (B, H, W, C): the map h, (B, H', W', K), and the state (h, c)."""
        state = self._step(self._of_input(x), *(self._begin(x) if state is None else state))
        return state[0], state

    def _begin(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x.new_zeros(x.shape[0], *self.shape),) * 2

    def _step(self, z: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return h and c after a step, z being the input's share of the gates."""
        around = (self.state_rows, self.state_columns)
        z = z + self._convolve(h, self.state_weight, None, 1, around)
        gates, offer = z.split((3 * self.channels, self.channels), dim=-1)
        f, i, o = gates.sigmoid().chunk(3, dim=-1)  # (B, H', W', K) each
        c = torch.addcmul(f * c, i, offer.tanh())
        return o * c.tanh(), c

    def _of_input(self, x: Tensor) -> Tensor:
        around = (self.input_rows, self.input_columns)
        return self._convolve(x, self.input_weight, self.bias, self.stride, around)

    def _convolve(
        self,
        maps: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: int,
        around: tuple[Tensor, Tensor],
    ) -> Tensor:
        """Convolve maps (M, H, W, K) to (M, H', W', 4 K)."""
        margin = self.margin
        if self.wraps and margin:  # rows and columns of the other side around them
            maps = maps.index_select(1, around[0]).index_select(2, around[1])
            margin = 0
        first = maps.permute(
            0, 3, 1, 2
        )  # a view of the same memory: what torch calls channels_last
        first = first.contiguous(memory_format=torch.channels_last)
        return conv2d(first, weight, bias, stride, margin).permute(0, 2, 3, 1)


class ChannelDropout(Dropout):
    """Dropout of whole channels, the same ones at all steps and places of a clip.

    Examples
    --------
    >>> maps = ChannelDropout(0.5)(torch.ones(2, 7, 4, 3, 16))
    >>> bool((maps == maps[:, :1, :1, :1]).all())
    True
    """

    def forward(self, x: Tensor) -> Tensor:
        """Drop channels of maps (B, T, H', W', K), or of one step, (B, H', W', K), in training."""
        if not self.training or self.p == 0:
            return x
        ones = x.new_ones(x.shape[0], *[1] * (x.dim() - 2), x.shape[-1])
        return x * self.mask(ones)
