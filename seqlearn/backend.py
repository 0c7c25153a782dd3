"""The contract between an estimator and its recurrent core, and the pieces to meet it with.

Here live `Backend`, the one class a plugin author subclasses, and what such an author
composes: `Stack` (depth, both directions, dropout between layers), `reverse_within_length`,
`Dropout` (noise from its own generator) and `draw_from` (initialisation from a generator).
No particular cell lives here (see `seqlearn.backends`), no label, loss or epoch, and no
padding: rows arrive padded, with their lengths. Estimators, the registry, the contract kit
`seqlearn.testing` and every plugin use this file; it uses `seqlearn.torch_internals` alone.

Shape letters: B batch, T steps, F features, H hidden_size, D core output.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqlearn.torch_internals import draws_from

__all__ = ["Backend", "Dropout", "Stack", "draw_from", "reverse_within_length"]


class Backend(BaseEstimator, ABC):
    """Options of one recurrent core: a plain parameter object that can build the core.

    It is a scikit-learn parameter object, as a Gaussian process kernel is: its options are
    the arguments of its ``__init__``, stored unchanged. That makes ``backend__forget_bias``
    and ``backend=["torch", "gru", MyCore(heads=4)]`` axes of a grid search.

    Attributes
    ----------
    causal : bool
        Step t of the output depends on steps up to t only (when not bidirectional).
    stateful : bool
        ``state`` carries over between calls (when not bidirectional): running two halves
        of a sequence one after the other equals running it at once.
    stable_rows : int
        Among a multiple of this many rows, the answer for a row does not depend on how many there
        are. Matrix products over few rows take other kernels, which round differently, and some
        take rows in pairs or fours; so in evaluation the estimators fill a batch up to the next
        multiple with rows it has already.
    bf16 : bool
        The core runs under ``torch.autocast`` to bfloat16, learns as well in it, and faster on
        hardware that has it. Estimators train so if their ``precision`` allows it.

    Where one of them depends on the options, it is a property.

    Examples
    --------
    >>> from torch import nn
    >>> from seqlearn.backend import Backend, Stack
    >>> class PlainGRU(Backend):
    ...     def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
    ...         return Stack(
    ...             lambda size: nn.GRU(size, hidden_size, batch_first=True),
    ...             input_size,
    ...             hidden_size,
    ...             num_layers=num_layers,
    ...             bidirectional=bidirectional,
    ...             dropout=dropout,
    ...         )
    >>> core = PlainGRU().build(3, 8, num_layers=1, bidirectional=True, dropout=0.0)
    >>> outputs, state = core(torch.zeros(2, 5, 3), torch.tensor([5, 4]))
    >>> outputs.shape
    torch.Size([2, 5, 16])
    """

    causal: bool = True
    stateful: bool = True
    stable_rows: int = 16
    bf16: bool = False

    @abstractmethod
    def build(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> nn.Module:
        """Return a new core, its weights freshly drawn.

        The core is called as ``forward(x, lengths, state=None) -> (outputs, state)``:

        - ``x`` of shape (B, T, F): rows padded at the end, with anything at all;
        - ``lengths`` of shape (B,): int64 **on the CPU**, each from 1 to T;
        - ``outputs`` of shape (B, T, D): what stands past a row's length is never read;
        - ``state``: opaque, None means zeros. What is returned continues a sequence; it is
          None if the core is bidirectional, has no state, or if the rows differ in length. A
          state may go into rows that differ in length.

        It has an attribute ``output_size``, the number D; it changes neither ``x`` nor
        ``lengths``, makes its tensors where ``x`` lies, and shares no parameter with another core.

        Parameters
        ----------
        input_size : int
            Features a step, F.
        hidden_size : int
            Width of one layer in one direction, H.
        num_layers : int
            Layers stacked on each other.
        bidirectional : bool
            Read each row in both directions; D is then usually 2 H, forward half first.
        dropout : float
            Share of the values dropped between layers, in [0, 1).
        """


class Dropout(nn.Module):
    """Inverted dropout (Srivastava et al. 2014) whose noise comes from a generator of its own.

    ``nn.Dropout`` and ``nn.LSTM(dropout=...)`` draw from torch's global generator, so two fits
    in two threads disturb each other. This one draws from a generator that `reseed` sets.
    Until then it makes one with a fixed seed.

    Parameters
    ----------
    p : float, default=0.5
        Share of the values set to zero in training, in [0, 1).

    Examples
    --------
    >>> dropout = Dropout(0.5)
    >>> dropout.reseed(7)
    >>> first = dropout(torch.ones(4))
    >>> dropout.reseed(7)
    >>> torch.equal(first, dropout(torch.ones(4)))
    True
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = p
        self.reseed(0)

    def reseed(self, seed: int) -> None:
        """Start the noise over from ``seed``."""
        self._seed = seed
        self._generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Drop values in training; return ``x`` itself otherwise."""
        if not self.training or self.p == 0:
            return x
        return x * self.noise(x)

    def noise(self, x: Tensor) -> Tensor:
        """Return what training multiplies ``x`` by: zeros, and 1 / (1 - p) where a value stays."""
        kept, source = 1.0 - self.p, self._source(x.device)
        if x.device.type == "cpu":  # the numbers of bernoulli_, in less than half its time
            chance = torch.empty_like(x, dtype=torch.float64).uniform_(generator=source)
            noise = chance.lt_(kept).to(x.dtype)
        else:
            noise = torch.empty_like(x).bernoulli_(kept, generator=source)
        return noise.div_(kept)

    def draw(self, shares: Tensor) -> Tensor:
        """Return True with the probability that stands at each place, whatever ``p`` is.

        Parameters
        ----------
        shares : Tensor
            Probabilities, of any shape.

        Returns
        -------
        Tensor
            Of the same shape, bool.

        Examples
        --------
        >>> Dropout().draw(torch.tensor([0.0, 1.0]))
        tensor([False,  True])
        """
        return torch.bernoulli(shares, generator=self._source(shares.device)).bool()

    def _source(self, device: torch.device) -> torch.Generator:
        if self._generator is None or self._generator.device != device:
            self._generator = torch.Generator(device).manual_seed(self._seed)
        return self._generator

    def extra_repr(self) -> str:
        """Show the rate in the module's repr."""
        return f"p={self.p}"

    def __getstate__(self) -> dict[str, Any]:
        # A generator on a GPU cannot be copied to a machine without one, so its noise restarts.
        return {**self.__dict__, "_generator": None}


def draw_from(generator: torch.Generator) -> AbstractContextManager:
    """Return a context in which torch's random initialisation draws from ``generator``.

    ``nn.init`` and the constructors of ``nn.Linear``, ``nn.LSTM`` and so on draw from torch's
    global generator. Inside this context, in this thread only, every random operation that
    takes a generator and was given none gets this one; the global one is not touched.

    Parameters
    ----------
    generator : torch.Generator
        Where the numbers come from.

    Examples
    --------
    >>> from torch import nn
    >>> with draw_from(torch.Generator().manual_seed(0)):
    ...     first = nn.Linear(2, 2)
    >>> with draw_from(torch.Generator().manual_seed(0)):
    ...     second = nn.Linear(2, 2)
    >>> torch.equal(first.weight, second.weight)
    True
    """

    return draws_from(generator)


def reverse_within_length(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each row within its own length; what stands past the length stays.

    Applying it twice gives ``x`` back. A causal layer between two of these reads each row
    from its last step to its first, whatever the padding: the backward half of a
    bidirectional core, without ``PackedSequence``.

    Parameters
    ----------
    x : Tensor of shape (B, T, F)
        Padded rows.
    lengths : Tensor of shape (B,), on the CPU
        Valid steps of each row.

    Returns
    -------
    Tensor of shape (B, T, F)

    Examples
    --------
    >>> x = torch.tensor([[1, 2, 3], [4, 5, 0]])[..., None]
    >>> reverse_within_length(x, torch.tensor([3, 2]))[..., 0]
    tensor([[3, 2, 1],
            [5, 4, 0]])
    """
    return _Turn(lengths, x, _all_full(lengths, x.shape[1]))(x)


def _all_full(lengths: Tensor, steps: int) -> bool:
    return int(lengths.min()) == steps


def _reversal(lengths: Tensor, steps: int) -> Tensor:
    """Positions in the (B T) flattened rows that reverse each row within its length: (B T,)."""
    step = torch.arange(steps)
    ends = lengths[:, None]
    within = torch.where(step < ends, ends - 1 - step, step)  # (B, T)
    return (within + steps * torch.arange(len(lengths))[:, None]).flatten()  # (B T,)


class Stack(nn.Module):
    """A core made of causal layers: depth, both directions, and dropout between layers.

    Parameters
    ----------
    make_layer : callable
        ``make_layer(size)`` returns a new causal layer for ``size`` inputs a step:
        a module with ``forward(x: (B, T, size), state=None) -> (outputs: (B, T, H), state)``.
        ``nn.LSTM``, ``nn.GRU`` and ``nn.RNN`` with ``batch_first=True`` are such layers.
    input_size, hidden_size : int
        Features a step, and width H of each layer's output.
    num_layers : int, default=1
        Layers in each direction.
    bidirectional : bool, default=False
        Add to each layer a second one that reads the rows from their last valid step to the
        first; the outputs of both stand side by side, (B, T, 2 H).
    dropout : float, default=0.0
        Share of the values dropped between layers in training.

    Notes
    -----
    On the CPU the rows stay padded: causal layers cannot see what follows, the second direction
    works on rows reversed within their length, and torch's fused LSTM only runs on padded rows.
    On CUDA, rows of unequal length go packed through layers of torch's own kind, which is how
    cuDNN wants them. Both give the same outputs.

    A layer on its own is causal and may be stateful; with two directions it is neither.
    """

    def __init__(
        self,
        make_layer: Callable[[int], nn.Module],
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.output_size = hidden_size * (2 if bidirectional else 1)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        self.layers = nn.ModuleList(make_layer(size) for size in sizes)
        self.backward_layers = nn.ModuleList(make_layer(size) for size in sizes * bidirectional)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, lengths: Tensor, state: tuple | None = None
    ) -> tuple[Tensor, tuple | None]:
        """Run rows ``x`` of shape (B, T, F); see `Backend.build` for the rules."""
        full = _all_full(lengths, x.shape[1])
        run = _run_packed if x.is_cuda and not full else _run_padded
        if self.backward_layers:
            turn = _Turn(lengths, x, full)
        states = []
        for i, layer in enumerate(self.layers):
            if i > 0:
                x = self.dropout(x)
            outputs, last = run(layer, x, lengths, None if state is None else state[i])
            states.append(last)
            if self.backward_layers:
                backward, _ = run(self.backward_layers[i], turn(x), lengths, None)
                outputs = torch.cat([outputs, turn(backward)], dim=-1)  # (B, T, 2H)
            x = outputs
        return x, tuple(states) if full and not self.backward_layers else None


class _Turn:
    """`reverse_within_length` for several tensors of one batch: the positions are made once."""

    def __init__(self, lengths: Tensor, x: Tensor, full: bool):
        self.positions = None
        if not full:
            self.positions = _reversal(lengths, x.shape[1]).to(x.device, non_blocking=True)

    def __call__(self, x: Tensor) -> Tensor:
        if self.positions is None:
            return x.flip(1)
        return x.flatten(0, 1).index_select(0, self.positions).view(x.shape)  # (B, T, F)


def _run_padded(layer, x, lengths, state):
    return layer(x, state)


def _run_packed(layer, x, lengths, state):
    """Run a layer of torch's own on packed rows; any other kind of layer on padded ones."""
    if not isinstance(layer, nn.RNNBase):
        return layer(x, state)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    outputs, last = layer(packed, state)
    assert isinstance(outputs, PackedSequence)
    return pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])[0], last
