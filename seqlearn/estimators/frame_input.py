"""Frames of video as input: what stands before the core if an estimator has ``frames=``.

Nothing is learned of frames before there is a network; their shape is kept, and the parameters that
the network was built with. `seqlearn.estimators.base` is the caller, in ``fit``.
"""

from dataclasses import dataclass
from typing import Any

from seqlearn.data.continued import refuse_change
from seqlearn.data.sequences import Sequences
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.frames import Frames
from seqlearn.estimators.learned_input import LearnedInput
from seqlearn.inputs.images import ImageInput
from seqlearn.inputs.station import Input

__all__ = ["FrameInput"]


@dataclass(frozen=True, eq=False)
class FrameInput(LearnedInput):
    """The shape of a frame, and the arguments of the network that reads it.

    Attributes
    ----------
    step_shape : tuple of int
        (H, W, C).
    parameters : dict
        Those of the `Frames`.
    """

    step_shape: tuple[int, ...]
    parameters: dict[str, Any]

    @classmethod
    def of(cls, estimator: Any, sequences: Sequences, before: Any) -> "FrameInput | None":
        """Return what ``frames`` of an estimator asks for; None without.

        ``before`` is the `Learned` of the last fit, if training goes on from it.

        Raises
        ------
        InvalidParameterError
            X has no frames, or the last fit had no ``frames``.
        """
        frames = getattr(estimator, "frames", None)
        if frames is not None and sequences.step_shape is None:
            what = "numbers" if sequences.dictionary is None else "words or feature dictionaries"
            raise InvalidParameterError(
                f"frames= says how frames of video are read, but X has {what}. Pass an array "
                "(N, T, H, W) or (N, T, H, W, C), or a list of clips, or set frames=None."
            )
        known = None if before is None else before.reading
        if isinstance(known, FrameInput):
            return known
        if frames is None:
            return None
        if before is not None:
            refuse_change("frames", None, frames)
        return cls(sequences.step_shape or (), _parameters(frames))

    @property
    def station(self) -> tuple[type[Input], dict[str, Any]]:
        """The class of the network's input, and its arguments."""
        return ImageInput, {"step_shape": self.step_shape, **self.parameters}

    def encode(self, sequences: Sequences) -> Sequences:
        """Return the sequences: they are read as they are."""
        return sequences

    def check_continued(self, estimator: Any) -> None:
        """Raise if training is to go on with other parameters than it began with."""
        if estimator.frames is None:
            refuse_change("frames", Frames(**self.parameters), None)
        for name, now in _parameters(estimator.frames).items():
            refuse_change(f"frames__{name}", self.parameters[name], now)


def _parameters(frames: Frames) -> dict[str, Any]:
    """Return the parameters as plain values, equal ones for equal networks."""
    values = frames.get_params()
    return values | {"channels": tuple(map(int, frames.channels))}
