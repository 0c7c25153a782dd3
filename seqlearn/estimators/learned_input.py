"""What an estimator learns of X before there is a network: words, gaps, times or frames.

`seqlearn.estimators.base` learns it in ``fit`` from the rows that are trained on, keeps it beside
the net, and encodes whatever the net reads by it.
"""

from abc import ABC, abstractmethod
from typing import Any, Self

from seqlearn.data.plain import Record
from seqlearn.data.sequences import Sequences
from seqlearn.inputs.station import Input

__all__ = ["LearnedInput"]


class LearnedInput(Record, ABC):
    """Base of what is learned of X, and of what the network's input is told of it."""

    @property
    def reads(self) -> dict[str, Any]:
        """How X is read: arguments of `seqlearn.data.step_times.read_steps`."""
        return {}

    @property
    def reads_at_once(self) -> bool:
        """Whether `encode` reads all rows at once, so that it is given no others than needed."""
        return False

    @property
    @abstractmethod
    def station(self) -> tuple[type[Input], dict[str, Any]] | None:
        """The class of the network's input, and its arguments; None if it needs none."""

    @abstractmethod
    def encode(self, sequences: Sequences) -> Sequences:
        """Return sequences as batches for the network's input are made of."""

    @abstractmethod
    def check_continued(self, estimator: Any) -> None:
        """Raise if training is to go on with other parameters than it began with."""

    def begin(self, input: Any) -> None:
        """Give a new network's input the weights that it is to start from, if there are any."""
        return

    def without_start(self) -> Self:
        """Return what is kept after training: all but the weights to start from."""
        return self
