"""The part of every network that reads: a backend's core and a readout, (B, T, F) to (B, D).

`seqlearn.modules.network` puts an input before it and a head on it.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqlearn.backend import Backend, step_core
from seqlearn.errors import InvalidBackendError, InvalidParameterError
from seqlearn.modules.readouts import READOUTS
from seqlearn.modules.row_blocks import in_blocks, row_block
from seqlearn.modules.stepping import check_state
from seqlearn.registry import describe_backend
from seqlearn.states import map_rows, require_shapes, shapes, with_rows

__all__ = ["Encoder"]

FRAMES = (None, None, None)  # what a backend says that asks for steps of shape (H, W, C)
STEP_ROWS = 4  # a multiple of which plain matrix products, as those of one step, take alike


class Encoder(nn.Module):
    """Core and readout.

    Parameters
    ----------
    backend : Backend
        Builds the core.
    input_size : int or tuple of int
        Features a step, F. Of frames their shape, (H, W, C): F is then H * W * C, and steps are
        flat all the same; the core gets them in their shape if its backend asks for that.
    hidden_size, num_layers, bidirectional, dropout
        Handed to the backend.
    readout : {"last", "mean", "max", "attention"} or None
        How the steps become one vector; None keeps one for each step.
    with_gaps : bool, default=False
        Whether a step is values, mask and gaps, as `Backend.missing` has it.

    Attributes
    ----------
    autocast : torch.dtype or None
        What the core's matrix products are cast to in training.
    kernels : KernelEncoder or None
        What computes the core in evaluation, if its modules need not.

    Notes
    -----
    In evaluation the core sees a multiple of ``backend.stable_rows`` rows, the same ones again if
    need be: the answer for a sequence must not depend on what else is in its batch.
    """

    def __init__(
        self,
        backend: Backend,
        input_size: int | tuple[int, ...],
        hidden_size: int,
        *,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        readout: str | None,
        with_gaps: bool = False,
    ):
        super().__init__()
        if backend.missing and not with_gaps:
            raise InvalidBackendError(
                f"{describe_backend(backend)} has missing=True: it reads values, which of them are "
                "there, and the time since they were. Estimators with the parameter missing= give "
                "it these, of numbers; here there are none. Use another backend."
            )
        self.step_shape = _step_shape(backend, input_size)
        width = math.prod(input_size) if isinstance(input_size, tuple) else input_size
        self.core: Any = backend.build(
            self.step_shape or width,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        output_size = getattr(self.core, "output_size", None)
        if not isinstance(self.core, nn.Module) or not isinstance(output_size, int):
            raise InvalidBackendError(
                f"{describe_backend(backend)} breaks the rule 'build': it returned an "
                f"object of type {type(self.core).__name__} with output_size={output_size!r}; "
                "it must return a torch.nn.Module that has the int attribute output_size, the "
                "number of outputs a step."
            )
        self.backend, self.output_size = backend, output_size
        self.stable_rows, self.bidirectional = backend.stable_rows, bidirectional
        self.autocast: torch.dtype | None = None
        self.kernels: Any = None
        self._of_one_row: Any = None  # shapes of the core's state
        self._of_one_readout: Any = None  # and of the readout's
        self.input_size = width
        self.readout: Any = None
        if readout is not None:
            self.readout = READOUTS[readout](output_size, bidirectional)

    @property
    def device(self) -> torch.device:
        """Where the core is."""
        return next(self.core.parameters()).device

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        state: Any = None,
        *,
        keep_steps: bool = False,
    ) -> tuple[Tensor, Any]:
        """Return the vector of each row, (B, D), and the core's state.

        Without a readout, or with ``keep_steps``, it is one vector a step, (B, T, D).
        """
        if self.training:
            outputs, state = self.run_core(x, lengths, state)
        else:
            outputs, state = in_blocks(self.run_core, self._block(x), x, lengths, state)
        if self.readout is not None and not keep_steps:
            outputs = self.readout(outputs, lengths)
        return outputs, state

    @property
    def step_block(self) -> int:
        """Of how many rows a step is given a multiple, so that none depends on the others."""
        weight = next(self.core.parameters())
        return math.lcm(row_block(self.stable_rows, weight.dtype), STEP_ROWS)

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return the core's outputs for one more step of each row, (B, D), and its state."""
        self.require_step(x, state)
        if self.training:
            return self.step_core(x, state)
        return in_blocks(self.step_core, self.step_block, x, state)

    def step_core(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Do what `step` does, without a look at the arguments, and without filling rows up."""
        return step_core(self.core, self.shaped(x), state)

    def bind_step(self) -> Callable[[Tensor, Any], tuple[Tensor, Any]]:
        """Return what does `step_core`, for many calls: what a core can look up once is."""
        if self.step_shape is not None:
            return self.step_core
        bind_step = getattr(self.core, "bind_step", None)
        return getattr(self.core, "step", self.step_core) if bind_step is None else bind_step()

    def begin(self, n_rows: int) -> tuple[Any, Any]:
        """Return the states of core and readout of so many rows before their first step.

        Raises
        ------
        InvalidParameterError, InvalidBackendError
            The core carries no state from step to step, as in `seqlearn.modules.stepping`.
        """
        self._row_shapes()
        weight = next(self.core.parameters())
        outputs, state = self.step_core(weight.new_zeros(1, self.input_size))
        of_core = map_rows(lambda part: part.new_zeros(n_rows, *part.shape[1:]), state)
        if self.readout is None:
            return of_core, None
        return of_core, self.readout.begin(outputs.new_empty(n_rows, self.output_size))

    def require_step(self, x: Tensor, of_core: Any) -> None:
        """Refuse a step (B, F) of another width, and a state of the core of other rows."""
        if x.dim() != 2 or x.shape[1] != self.input_size:
            raise InvalidParameterError(
                f"A step of shape {tuple(x.shape)} was given; (B, {self.input_size}) is due, the "
                "values of one step of each row."
            )
        of_one_row = self._row_shapes()
        if of_core is not None:
            require_shapes(of_core, with_rows(of_one_row, len(x)))

    def require_read(self, x: Tensor, of_readout: Any, begins: bool) -> None:
        """Refuse a state of the readout that is not of the rows of a step (B, F)."""
        due = shapes(None)
        if not begins:
            if self._of_one_readout is None:
                self._of_one_readout = shapes(self.readout.begin(x.new_empty(1, self.output_size)))
            due = self._of_one_readout
        require_shapes(of_readout, with_rows(due, len(x)) if isinstance(due, tuple) else due)

    def _row_shapes(self) -> tuple:
        """Return the shapes of one row's state; refuse a core that carries none."""
        if self._of_one_row is None:
            size = self.step_shape or self.input_size
            self._of_one_row = check_state(self.core, self.backend, size)
        return self._of_one_row

    def shaped(self, x: Tensor) -> Tensor:
        """Return flat steps (..., F) in the shape that the core asks for."""
        return x if self.step_shape is None else x.unflatten(-1, self.step_shape)

    def _block(self, x: Tensor) -> int:
        return row_block(self.stable_rows, x.dtype)

    def _has_kernels(self, x: Tensor) -> bool:
        return (
            self.kernels is not None
            and not (self.training or torch.is_grad_enabled() or torch.jit.is_tracing())
            and x.dtype == torch.float32
            and self.kernels.holds()
        )

    def run_core(
        self, x: Tensor, lengths: Tensor | None = None, state: Any = None
    ) -> tuple[Tensor, Any]:
        """Return the core's outputs, (B, T, D), and state; name one that breaks the contract."""
        is_cast = self.training and self.autocast is not None
        due = (*x.shape[:2], self.output_size)
        x = self.shaped(x)
        if self._has_kernels(x):
            answer = self.kernels.steps(x, lengths, state)
        elif is_cast:
            with torch.autocast(x.device.type, self.autocast):
                answer = self.core(x, lengths, state)
        else:
            answer = self.core(x, lengths, state)
        paired = isinstance(answer, tuple) and len(answer) == 2
        if not paired or getattr(answer[0], "shape", None) != due:
            raise self._broken(answer[0] if paired else answer, paired, x, due)
        return (answer[0].to(x.dtype), answer[1]) if is_cast else answer

    def _broken(self, found: object, paired: bool, x: Tensor, due: tuple) -> InvalidBackendError:
        what = f"a {type(found).__name__}"
        if isinstance(found, Tensor):
            what += f" of shape {tuple(found.shape)}"
        return InvalidBackendError(
            f"{describe_backend(self.backend)} breaks the rule 'output_shape': for rows of shape "
            f"{tuple(x.shape)} it returned {'outputs that are ' * paired}{what}. A pair (outputs, "
            f"state) is due, outputs a Tensor of shape {due}. See seqlearn.testing.backend_checks."
        )


def _step_shape(backend: Backend, input_size: int | tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of a step if the core asks for it; refuse to build one without it."""
    if backend.step_shape is None:
        return None
    if backend.step_shape != FRAMES:
        raise InvalidBackendError(
            f"{describe_backend(backend)} breaks the rule 'capabilities': step_shape is "
            f"{backend.step_shape!r}; None or {FRAMES} is due."
        )
    if not isinstance(input_size, tuple):
        raise InvalidParameterError(
            f"{describe_backend(backend)} reads frames of video, steps (H, W, C), but here "
            f"a step is a vector of {input_size} values. Pass X as an array (N, T, H, W) or (N, T, "
            "H, W, C), or as a list of clips, with frames=None; or use another backend, such as "
            "'torch'."
        )
    return input_size
