"""The contract between an estimator and its recurrent core, and the pieces to meet it with.

Here live `Backend`, the one class a plugin author subclasses, and what such an author
composes: `Stack` (depth, both directions, dropout between layers), `reverse_within_length` and
`valid_steps` (padding), `step_core` (one step of any core), `Dropout` (a dropout mask from its own
generator) and `draw_from` (initialisation from a generator). No particular cell lives here (see
`seqlearn.backends`), no label, loss or epoch: rows arrive padded, with their lengths. Estimators,
the registry, the contract kit `seqlearn.testing` and every plugin use this file.

Shape letters: B batch, T steps, F features, H hidden_size, D core output.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from seqlearn.errors import InvalidParameterError
from seqlearn.states import shapes
from seqlearn.torch_internals import draws_from
from seqlearn.torch_layers import bind_layer, project_layer, run_layer, step_layer

__all__ = [
    "Backend",
    "Dropout",
    "Stack",
    "draw_from",
    "reverse_within_length",
    "step_core",
    "valid_steps",
]


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
    step_shape : tuple or None
        ``(None, None, None)`` says that the core reads frames of video, of any size: ``build`` then
        gets ``input_size=(H, W, C)``, and ``forward`` rows of shape (B, T, H, W, C), ``step`` one
        frame of each, (B, H, W, C). An estimator whose X has no frames refuses such a backend. With
        None, frames reach the core flat, (B, T, H * W * C).
    missing : bool
        The core knows of gaps. A step is three parts of F values each, side by side, and
        ``input_size`` is 3 F: **values**, the last one observed of each feature less the feature's
        mean, 0 before the first; **mask**, 1 where a value was observed at this step, else 0; and
        **gaps**, the time since the last step before this one at which it was observed, or since
        the row's first step: 0 at that, never negative, about 1 on average. None of them is NaN.
        Estimators with the parameter ``missing`` give these, of numbers, also where nothing is
        missing; all others refuse such a backend. Without it, a core gets the same three parts as
        plain features with ``missing="mask"``.

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
    step_shape: tuple[None, None, None] | None = None
    missing: bool = False

    @abstractmethod
    def build(
        self,
        input_size: Any,
        hidden_size: int,
        *,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> nn.Module:
        """Return a new core, its weights freshly drawn.

        The core is called as ``forward(x, lengths=None, state=None) -> (outputs, state)``:

        - ``x`` of shape (B, T, F): rows padded at the end, with anything at all;
        - ``lengths`` of shape (B,): int64 **on the CPU**, each from 1 to T; None says that every
          row has all T steps. No branch hangs on what stands in it;
        - ``outputs`` of shape (B, T, D): what stands past a row's length is never read;
        - ``state``: a tuple of tensors, in which tuples may nest, each of shape (B, ...): row i of
          all of them is what row i continues from, and sizes beside B never change. None means
          zeros: a row of zeros begins anew. What is returned continues the rows; it is None if the
          core is bidirectional or not ``stateful``, and with ``lengths`` it is None or each row's
          state at its own end.

        It may have ``step(x, state=None) -> (outputs, state)``, one step of ``forward``, (B, F) to
        (B, D), faster. `step_core` calls it, or forward where there is none. Besides,
        ``project(x)`` may compute what of a step does not depend on the state, (..., F) to (..., P)
        for any number of steps at once; ``step(p, state, projected=True)`` then takes (B, P).

        It has an attribute ``output_size``, the number D; it changes neither ``x`` nor
        ``lengths``, makes its tensors where ``x`` lies, and shares no parameter with another core.

        Parameters
        ----------
        input_size : int, or tuple of int if ``step_shape`` is not None
            Features a step, F; or height, width and colours of a frame, (H, W, C).
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
    """Inverted dropout (Srivastava et al. 2014) whose masks come from a generator of its own.

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
        """Start the masks over from ``seed``."""
        self._seed = seed
        self._generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Drop values in training; return ``x`` itself otherwise."""
        if not self.training or self.p == 0:
            return x
        return x * self.mask(x)

    def mask(self, x: Tensor) -> Tensor:
        """Return what training multiplies ``x`` by: zeros, and 1 / (1 - p) where a value stays."""
        kept, source = 1.0 - self.p, self._source(x.device)
        if x.device.type == "cpu":  # the numbers of bernoulli_, in less than half its time
            chance = torch.empty_like(x, dtype=torch.float64).uniform_(generator=source)
            mask = chance.lt_(kept).to(x.dtype)
        else:
            mask = torch.empty_like(x).bernoulli_(kept, generator=source)
        return mask.div_(kept)

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

    def get_state(self) -> Tensor | None:
        """Return where the masks have come to, as a generator's state; None before the first."""
        return None if self._generator is None else self._generator.get_state()

    def set_state(self, state: Tensor | None, device: torch.device) -> None:
        """Go on with the masks on ``device`` from what `get_state` returned there.

        Examples
        --------
        >>> dropout = Dropout(0.5)
        >>> _, state = dropout(torch.ones(4)), dropout.get_state()
        >>> due = dropout(torch.ones(4))
        >>> dropout.set_state(state, torch.device("cpu"))
        >>> torch.equal(due, dropout(torch.ones(4)))
        True
        """
        self._generator = None
        if state is not None:
            self._source(device).set_state(state)

    def _source(self, device: torch.device) -> torch.Generator:
        if self._generator is None or self._generator.device != device:
            self._generator = torch.Generator(device).manual_seed(self._seed)
        return self._generator

    def extra_repr(self) -> str:
        """Show the rate in the module's repr."""
        return f"p={self.p}"

    def __getstate__(self) -> dict[str, Any]:
        # A generator on a GPU cannot be copied to a machine without one, so its masks start over.
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


def valid_steps(lengths: Tensor, n_steps: int) -> Tensor:
    """Say of each step whether it lies within its row's length: the mask of padded rows.

    Parameters
    ----------
    lengths : Tensor of shape (B,)
        Valid steps of each row.
    n_steps : int
        Steps T of the padded rows.

    Returns
    -------
    Tensor of shape (B, T), bool
        On the device of ``lengths``.

    Examples
    --------
    >>> valid_steps(torch.tensor([3, 1]), 3)
    tensor([[ True,  True,  True],
            [ True, False, False]])
    """
    return torch.arange(n_steps, device=lengths.device) < lengths[:, None]


def reverse_within_length(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Reverse each row within its own length; what stands past the length stays.

    Applying it twice gives ``x`` back. A causal layer between two of these reads each row
    from its last step to its first, whatever the padding: the backward half of a
    bidirectional core, without ``PackedSequence``.

    Parameters
    ----------
    x : Tensor of shape (B, T, F)
        Padded rows.
    lengths : Tensor of shape (B,), on the CPU, or None
        Valid steps of each row; None says that all are.

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
    return _Reversal(x, lengths)(x)


class _Reversal:
    """`reverse_within_length` for several tensors of one batch: the positions are made once."""

    def __init__(self, x: Tensor, lengths: Tensor | None):
        self.positions = None
        if lengths is not None:
            rows, steps = x.shape[:2]
            step = torch.arange(steps, device=lengths.device)
            within = torch.where(valid_steps(lengths, steps), lengths[:, None] - 1 - step, step)
            first = steps * torch.arange(rows, device=lengths.device)  # of the (B T) flattened ones
            positions = (within + first[:, None]).flatten()  # (B T,)
            self.positions = positions.to(x.device, non_blocking=True)

    def __call__(self, x: Tensor) -> Tensor:
        if self.positions is None:
            return x.flip(1)
        return x.flatten(0, 1).index_select(0, self.positions).view(x.shape)  # (B, T, F)


def step_core(core: nn.Module, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    """Run any core for one step: by its ``step`` if it has one, else by ``forward``.

    Parameters
    ----------
    core : Module
        In one direction, of a backend that is ``stateful``.
    x : Tensor of shape (B, F)
        One step of each row.
    state : tuple or None
        What the step before returned, with B rows; None before the first step.

    Returns
    -------
    outputs : Tensor of shape (B, D)
    state : tuple

    Examples
    --------
    >>> core = Stack(lambda size: nn.GRU(size, 8, batch_first=True), 3, 8)
    >>> x = torch.randn(2, 2, 3)
    >>> first, state = step_core(core, x[:, 0])
    >>> second, state = step_core(core, x[:, 1], state)
    >>> torch.allclose(torch.stack([first, second], dim=1), core(x)[0], atol=1e-6)
    True
    """
    step = getattr(core, "step", None)
    if step is not None:
        return step(x, state)
    outputs, state = core(x[:, None], None, state)
    return outputs[:, 0], state


class Stack(nn.Module):
    """A core made of causal layers: depth, both directions, and dropout between layers.

    Parameters
    ----------
    make_layer : callable
        ``make_layer(size)`` returns a new causal layer for ``size`` inputs a step:
        a module with ``forward(x: (B, T, size), state=None) -> (outputs: (B, T, H), state)``,
        the state a tensor (B, ...) or a tuple of such. One that has ``step(x, state=None)`` for
        (B, size) to (B, H) is quicker at one step. ``nn.LSTM``, ``nn.GRU`` and ``nn.RNN`` of one
        layer with ``batch_first=True`` are such layers too; `Stack` puts the rows of their states
        first and runs one step of them by ``torch.lstm_cell`` and its like.
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
    On CUDA, rows with lengths go packed through layers of torch's own kind, which is how cuDNN
    wants them. Both give the same outputs.

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
        self.num_layers, self.bidirectional = num_layers, bidirectional
        self.output_size = hidden_size * (2 if bidirectional else 1)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        self.layers = nn.ModuleList(make_layer(size) for size in sizes)
        self.backward_layers = nn.ModuleList(make_layer(size) for size in sizes * bidirectional)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: tuple | None = None
    ) -> tuple[Tensor, tuple | None]:
        """Run rows ``x`` of shape (B, T, F); see `Backend.build` for the rules."""
        before, reverse = self._states(state), self._reversal(x, lengths)
        states = []
        for i in range(self.num_layers):
            x, last = self._run(i, x, lengths, before[i], reverse)
            states.append(last)
        return x, tuple(states) if lengths is None and not self.bidirectional else None

    def _reversal(self, x: Tensor, lengths: Tensor | None) -> "_Reversal | None":
        return _Reversal(x, lengths) if self.bidirectional else None

    def _run(
        self, i: int, x: Tensor, lengths: Tensor | None, state: Any, reverse: "_Reversal | None"
    ) -> tuple[Tensor, Any]:
        """Run layer ``i`` in each direction: its outputs (B, T, D), and the state after it."""
        if i > 0:
            x = self.dropout(x)
        outputs, last = run_layer(self.layers[i], x, lengths, state)
        if reverse is not None:
            backward, _ = run_layer(self.backward_layers[i], reverse(x), lengths, None)
            outputs = torch.cat([outputs, reverse(backward)], dim=-1)  # (B, T, 2H)
        return outputs, last

    def look_at(
        self, i: int, x: Tensor, lengths: Tensor | None = None, *, backward: bool = False
    ) -> tuple[nn.Module, Tensor, Tensor]:
        """Run rows ``x`` of shape (B, T, F) up to one layer in one direction, to look inside it.

        Parameters
        ----------
        i : int
            Number of the layer.
        x, lengths
            As in ``forward``; a row begins anew.
        backward : bool, default=False
            Look at the layer that reads from the last valid step to the first.

        Returns
        -------
        layer : Module
        read : Tensor of shape (B, T, F')
            What it reads, in the order in which it does.
        outputs : Tensor of shape (B, T, H)
            What it gives, in the same order.
        """
        reverse = self._reversal(x, lengths)
        for below in range(i):
            x, _ = self._run(below, x, lengths, None, reverse)
        if i > 0:
            x = self.dropout(x)
        layer = self.layers[i]
        if backward:
            assert reverse is not None, "a core in one direction has no backward layers"
            layer, x = self.backward_layers[i], reverse(x)
        return layer, x, run_layer(layer, x, lengths, None)[0]

    def step(
        self, x: Tensor, state: tuple | None = None, *, projected: bool = False
    ) -> tuple[Tensor, tuple]:
        """Run one step of each row; equal to one step of ``forward``, and faster.

        ``x`` is of shape (B, F) or, if ``projected``, (B, P): what `project` returned for the step.

        Raises
        ------
        InvalidParameterError
            The core has two directions, or the state is of another core or number of rows.
        """
        if self.bidirectional:
            raise InvalidParameterError(
                "A core in two directions cannot run step by step: its second direction begins at "
                "the last step of a row. Build it with bidirectional=False."
            )
        before, states = self._states(state), []
        for i, layer in enumerate(self.layers):
            if i > 0:
                x = self.dropout(x)
            x, last = step_layer(layer, x, before[i], projected and i == 0)
            states.append(last)
        return x, tuple(states)

    def bind_step(self) -> Callable[[Tensor, tuple | None], tuple[Tensor, tuple]]:
        """Return what does `step`, for many calls: all is looked up once, and nothing is checked.

        What is written into the parameters later is seen. That of a subclass with a ``step`` of its
        own is that ``step``.
        """
        if type(self).step is not Stack.step:
            return self.step
        (first, *others), dropout = map(bind_layer, self.layers), self.dropout

        def step(x: Tensor, state: tuple | None = None) -> tuple[Tensor, tuple]:
            before = self._states(None) if state is None else state
            x, last = first(x, before[0])
            states: tuple = (last,)
            for run, was in zip(others, before[1:], strict=True):
                x, last = run(dropout(x), was)
                states += (last,)
            return x, states

        return step

    def project(self, x: Tensor) -> Tensor:
        """Compute what of a step does not depend on the state, for many steps (..., F) at once.

        It is the first layer's product with the input, (..., P), where that is a layer of torch's
        own, and ``x`` itself where not.
        """
        return project_layer(self.layers[0], x)

    def _states(self, state: tuple | None) -> tuple:
        """Return the state of each layer; refuse what cannot be a state of these layers."""
        if state is None:
            return (None,) * self.num_layers
        if not isinstance(state, tuple) or len(state) != self.num_layers:
            raise InvalidParameterError(
                f"A state with tensors of the shapes {shapes(state)} was given to a core of "
                f"{self.num_layers} layers; a tuple with the state of each is due. Give what "
                "this same core returned."
            )
        return state
