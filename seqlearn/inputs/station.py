"""What an input is: the first station of a network, before the core.

It may change the width of a step and the number of steps. `seqlearn.modules.network.Network` calls
it; plain numbers need none.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

__all__ = ["Input", "Inputs"]


class Inputs(NamedTuple):
    """What an input makes of a batch."""

    values: Tensor  # (B, T, E), what the core reads
    lengths: Tensor | None  # of these rows, (B,) on the CPU; None if all are full
    context: Any = None  # what a head may want to know of the batch besides


class Input(nn.Module, ABC):
    """Base of all inputs.

    Parameters
    ----------
    output_size : int
        Values a step that the core reads, E.

    Attributes
    ----------
    grows : tuple of str
        As in `seqlearn.modules.heads.head.Head`.
    with_gaps : bool
        Values, mask and gaps stand side by side, as `seqlearn.backend.Backend.missing` has it.
    differentiable : bool
        What it reads are numbers (B, T, F) of which each counts for itself: an attribution goes on
        through the input, to them.
    parts : int
        Where it is not ``differentiable``: how many values it makes of each feature, all first
        ones, then all second ones; 0 if its values belong to whole steps.
    input_size : int
        Values a step that it reads, where they may be more than it gives: memory hangs on them.
    """

    grows: ClassVar[tuple[str, ...]] = ()
    with_gaps: ClassVar[bool] = False
    differentiable: ClassVar[bool] = False
    parts: ClassVar[int] = 0
    input_size: int = 0

    def __init__(self, output_size: int):
        super().__init__()
        self.output_size = output_size

    @abstractmethod
    def forward(self, x: Any, lengths: Tensor | None) -> Inputs:
        """Return what the core reads of a padded batch."""

    def n_steps(self, lengths: Any) -> Any:
        """Return how many steps the core reads of rows of so many, tensor or array (B,)."""
        return lengths

    def step(self, x: Any, state: Any = None) -> tuple[Tensor | None, Any]:
        """Return what the core reads of one step of a stream, (B, E), and the state to go on with.

        Here the input has no state: ``x`` is a batch of one step. An input that looks back, at
        values carried forward or frames stacked, keeps in its state what it needs, rows first; its
        `begin` says what stands there before the first step. One that gathers several steps for one
        of the core returns None for it until it has them.
        """
        return self(x, None).values[:, 0], None

    def begin(self, n_rows: int) -> Any:
        """Return the state of so many rows before their first step, nested tuples of tensors."""
        return None
