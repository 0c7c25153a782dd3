"""One step of the streams of estimators that read sequences, of numbers, words or dictionaries.

`network_steps` makes it of what an estimator has learned; those with answers of another kind have
their own in their folders.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from seqlearn.data.batches import as_numbers
from seqlearn.data.messages import listed
from seqlearn.data.one_step import (
    UNCHANGED,
    finite_step,
    frames_of_step,
    one_of_each,
    read_step,
    refuse_width,
)
from seqlearn.data.tokens import read_discrete
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.learned_input import LearnedInput
from seqlearn.estimators.targets import Targets
from seqlearn.streaming.network_steps import NetworkSteps

__all__ = ["FrameSteps", "GapSteps", "TokenSteps", "network_steps"]


class TokenSteps(NetworkSteps):
    """One step of a network that reads words or feature dictionaries.

    Parameters
    ----------
    reading : LearnedInput
        What is known of words or features.
    kind : {"tokens", "features"}
        Which of the two.
    **more
        As in `NetworkSteps`.
    """

    def __init__(self, owner: str, net: Any, n_streams: int, reading: Any, kind: str, **more: Any):
        super().__init__(owner, net, n_streams, **more)
        self.reading, self.kind = reading, kind

    def read(self, x: Any) -> Any:
        """Return the batch of one step."""
        kind: Any = (str, "a string") if self.kind == "tokens" else (Mapping, "a dictionary")
        steps = one_of_each(x, self.n_streams, kind[1], self.owner, kind[0])
        encoded = self.reading.encode(read_discrete([[one] for one in steps], self.kind))
        return encoded.dictionary.batch(encoded.values, self._device)  # codes (B, 1)


class FrameSteps(NetworkSteps):
    """One step of a network that reads frames of video.

    Parameters
    ----------
    step_shape : tuple of int
        (H, W, C).
    of_bytes : bool
        Whether the frames of ``fit`` were uint8.
    **more
        As in `NetworkSteps`.
    """

    def __init__(
        self,
        owner: str,
        net: Any,
        n_streams: int,
        step_shape: tuple[int, ...],
        of_bytes: bool,
        **more: Any,
    ):
        super().__init__(owner, net, n_streams, **more)
        self.step_shape, self.of_bytes = step_shape, of_bytes

    def read(self, x: Any) -> Any:
        """Return one flat frame of each stream, (B, H * W * C)."""
        values = frames_of_step(x, self.n_streams, self.step_shape, self.of_bytes, self.owner)
        if self.of_bytes:
            values = values.copy()  # they may be read-only
        else:
            values = finite_step(values, self._dtype, self.owner)
        step = torch.as_tensor(values).to(self._device)
        return as_numbers(step, getattr(torch, str(self._dtype)))


class GapSteps(NetworkSteps):
    """One step of a network that reads numbers with gaps, or the time since the step before.

    The state has besides those of the stations the time of the last step, (B,), NaN before the
    first, where a column holds it.

    Parameters
    ----------
    reading : SeriesInput
        How numbers are read.
    n_features : int
        Values a step as they are given, F.
    **more
        As in `NetworkSteps`.
    """

    def __init__(
        self, owner: str, net: Any, n_streams: int, reading: Any, n_features: int, **more: Any
    ):
        super().__init__(owner, net, n_streams, **more)
        self.reading, self.n_features = reading, n_features

    def begin(self) -> Any:
        """Return the state of every station, and that no time has been told."""
        return super().begin(), torch.full((self.n_streams,), torch.nan, dtype=torch.float64)

    def run(self, x: Any, state: Any) -> tuple[np.ndarray, Any]:
        """Return the outputs (B, C) in float64, and the state to go on with."""
        of_net, times = state
        values = read_step(x, self.n_streams, self.owner, self.names)
        refuse_width(values, self.n_features, self.owner)
        column = self.reading.time_column
        if column is not None:
            now, values = values[:, column].astype(np.float64), values.astype(np.float64)
            values[:, column] = self._elapsed(now, times.numpy()) / self.reading.time_scale
            times = torch.from_numpy(now)
        allow_nan = self.reading.reads["missing"] == "mask"
        step = torch.from_numpy(finite_step(values, self._dtype, self.owner, allow_nan))
        outputs, of_net = self.answered(step.to(self._device), of_net)
        return outputs, (of_net, times)

    def _elapsed(self, now: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Return the time since the last step, (B,), 0 at the first."""
        for bad, what in (
            (np.isnan(now), "has no time: the time column holds NaN. Leave the step out."),
            (now < 0, "has a negative time. Times count from a start on: subtract the first."),
            (now < before, "has an earlier time than the step before. Give steps in their order."),
            (
                now == before,
                "has the time of the step before. Of such steps predict makes one, but the one "
                "before has been answered: merge them first.",
            ),
        ):
            if bad.any():
                streams = np.flatnonzero(bad)
                raise DataFormatError(
                    f"The step of stream{'s' * (len(streams) > 1)} {listed(streams)} {what} "
                    f"{UNCHANGED}"
                )
        return np.where(np.isnan(before), 0.0, now - before)


def network_steps(
    owner: str,
    net: Any,
    record: Any,
    n_streams: int,
    *,
    decode: Callable[[np.ndarray], np.ndarray] | None = None,
    probabilities_of: Callable[[np.ndarray], np.ndarray] | None = None,
    encode: bool = False,
) -> NetworkSteps:
    """Return one step of the streams of an estimator.

    Parameters
    ----------
    owner : str
        The estimator's class.
    net : SequenceNet
        Its trained net.
    record : Learned
        What it has learned.
    n_streams : int
        Streams, B.
    decode, probabilities_of : callable, optional
        What makes answers and probabilities of outputs; without ``decode`` the targets do both.
    encode : bool, default=False
        Outputs are vectors and not those of the head.

    Raises
    ------
    InvalidParameterError
        The network, or what reads X for it, cannot work step by step.
    """
    targets: Targets = record.targets
    if decode is None:
        decode = getattr(targets, "decode", None)
        probabilities_of = getattr(targets, "probabilities", None)
    more: Any = {"decode": decode, "probabilities_of": probabilities_of, "encode": encode}
    kind, reading = record.input.kind, record.reading
    names = None if kind == "series" else record.input.names
    if kind == "frames":
        of_frames = record.input.step_shape, record.input.of_bytes
        return FrameSteps(owner, net, n_streams, *of_frames, **more)
    if reading is None:
        return NetworkSteps(owner, net, n_streams, names=names, **more)
    if kind in ("series", "sequences"):
        widths = record.input.widths
        width = 1 if kind == "series" else sum(widths) if widths else record.input.n_features
        return GapSteps(owner, net, n_streams, reading, width, names=names, **more)
    refuse_contexts(owner, reading)
    return TokenSteps(owner, net, n_streams, reading, kind, **more)


def refuse_contexts(owner: str, reading: LearnedInput) -> None:
    """Refuse words whose vectors a language model gives, which reads whole sentences."""
    if reading.reads_at_once:
        raise InvalidParameterError(
            f"This {owner} reads words by the language model in words=, which reads sentences as a "
            "whole. Fit without it, words__vectors=None, to stream."
        )
