"""The network of every estimator: an input, an encoder, a head, one after the other.

It is handed what these are as plain values, so that a saved model can build it again. Batches come
padded from `seqlearn.data`, `seqlearn.training.net` trains it. What the outputs mean is known to
the head, and to the targets of an estimator.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from seqlearn.errors import InvalidParameterError
from seqlearn.modules.encoder import Encoder
from seqlearn.modules.heads.head import Head, Seen
from seqlearn.modules.row_blocks import in_blocks

__all__ = ["Network"]


class Network(nn.Module):
    """Input, encoder and head: from a padded batch to the outputs of a task.

    Parameters
    ----------
    encoder : dict
        Arguments of `Encoder`; with an input, ``input_size`` is that of its values.
    head : tuple of a subclass of `Head` and a dict
        What reads the encoder, and its arguments besides the width of the features.
    input : tuple of a subclass of `seqlearn.inputs.station.Input` and a dict, or None
        What stands before the core, and its arguments; None for numbers.

    Attributes
    ----------
    input, encoder, head : nn.Module
        The stations.
    """

    def __init__(
        self,
        encoder: dict[str, Any],
        head: tuple[type[Head], dict[str, Any]],
        input: tuple[type, dict[str, Any]] | None = None,
    ):
        super().__init__()
        self.input = None
        if input is not None:
            kind, arguments = input
            self.input = kind(**arguments)
            of_input = {"input_size": self.input.output_size, "with_gaps": self.input.with_gaps}
            encoder = {**encoder, **of_input}
        self.encoder = Encoder(**encoder)
        kind, arguments = head
        self.head = kind(self.encoder.output_size, **arguments)

    def forward(
        self, x: Any, lengths: Tensor | None = None, state: Any = None, y: Any = None
    ) -> Any:
        """Return the head's outputs for a padded batch.

        Parameters
        ----------
        x : Tensor of shape (B, T, F), or what the input reads
        lengths : Tensor of shape (B,), on the CPU, optional
            Valid steps of each row; None if all rows are full.
        state : nested tuples of Tensor, optional
            What `run` gave for the steps before; None begins anew.
        y : optional
            Targets, for heads that decode with them in training.
        """
        return self.run(x, lengths, state, y)[0]

    def run(
        self, x: Any, lengths: Tensor | None = None, state: Any = None, y: Any = None
    ) -> tuple[Any, Any]:
        """Return the outputs, and the core's state after each row; see `forward`."""
        block = self.head.exact_rows
        if block is None or self.training or self.encoder.device.type != "cpu":
            return self._run(x, lengths, state, y)
        return in_blocks(self._run, block, x, lengths, state, y, exact=True)

    def _run(self, x: Any, lengths: Tensor | None, state: Any, y: Any) -> tuple[Any, Any]:
        values, lengths, context = self.read(x, lengths)
        return self.answer(Seen(x, values, lengths, context, y, self), state)

    def answer(self, seen: Seen, state: Any = None) -> tuple[Any, Any]:
        """Return the outputs for what the core reads, ``seen.values``, and the core's state."""
        features, state = self.encoder(
            seen.values, seen.lengths, state, keep_steps=self.head.reads_steps
        )  # (B, D) or (B, T, D)
        return self.head(features, seen), state

    def read(self, x: Any, lengths: Tensor | None) -> tuple[Tensor, Tensor | None, Any]:
        """Return what the core reads of a batch, (B, T, E), lengths, and what the head may see."""
        return (x, lengths, None) if self.input is None else self.input(x, lengths)

    def n_steps(self, lengths: Any) -> Any:
        """Return how many steps the core reads of rows of so many, tensor or array (B,)."""
        return lengths if self.input is None else self.input.n_steps(lengths)

    def encode(self, x: Any, lengths: Tensor | None = None) -> Tensor:
        """Return the vector of each row, (B, D): what the readout makes of the core's outputs."""
        values, lengths, _ = self.read(x, lengths)
        return self.encoder(values, lengths)[0]

    def step(self, x: Any, state: tuple | None = None) -> tuple[Any, tuple]:
        """Take one step of B streams; what comes out is what `forward` gives for the prefixes.

        Parameters
        ----------
        x : Tensor of shape (B, F), or what the input reads of one step
        state : tuple, optional
            What the last call gave: the state of every station, rows first. None begins anew.

        Returns
        -------
        outputs
            What the head says of the steps so far; of a head that reads steps, of the newest. None
            where the input gathers several steps for one of the core, and waits for more.
        state : tuple

        Raises
        ------
        InvalidParameterError
            The state is of other rows or of another backend, x has another width, or the core
            reads in both directions, so that it has no answer before the end.
        InvalidBackendError
            The backend breaks the rules about states.
        """
        if state is None:
            state = (None, None, None)
        if not isinstance(state, tuple) or len(state) != 3:
            raise InvalidParameterError(
                f"A state of type {type(state).__name__} was given to Network.step; what its last "
                "call returned is due, the states of input, core and readout, or None to begin."
            )
        of_input, of_core, of_readout = state
        values = x
        if self.input is not None:
            values, of_input = self.input.step(x, of_input)
            if values is None:
                return None, (of_input, of_core, of_readout)
        encoder = self.encoder
        encoder.require_step(values, of_core)
        if not self.head.reads_steps:
            encoder.require_read(values, of_readout, begins=of_core is None)
        block = 1 if self.training else encoder.step_block
        outputs, *states = in_blocks(self.advancer(), block, values, of_core, of_readout)
        return outputs, (of_input, *states)

    def advancer(self, encode: bool = False) -> Callable[[Tensor, Any, Any], tuple[Any, Any, Any]]:
        """Return what takes a step behind the input, for many calls: all is looked up once.

        Parameters
        ----------
        encode : bool, default=False
            Answer with the vector of each row, (B, D), in place of the head's outputs; without a
            readout it is that of the newest step.

        Returns
        -------
        callable
            ``advance(values, of_core, of_readout) -> (outputs, of_core, of_readout)``, values of
            shape (B, E) as the input gave them, with the states that `Encoder.begin` or the last
            call gave for B rows. Nothing is checked, and no rows are filled up: in evaluation a row
            depends on no other if B is a multiple of ``encoder.step_block``.
        """
        head, encoder = self.head, self.encoder
        step = encoder.bind_step()
        read = None
        if encoder.readout is not None and (encode or not head.reads_steps):
            read = encoder.readout.step

        def advance(values: Tensor, of_core: Any, of_readout: Any) -> tuple[Any, Any, Any]:
            features, of_core = step(values, of_core)
            if read is not None:
                features, of_readout = read(features, of_readout)
            return features if encode else head.step(features, self), of_core, of_readout

        return advance
