"""One step of the streams of estimators that read sequences, of numbers, words or dictionaries.

`network_steps` makes it of what an estimator has learned; those with answers of another kind have
their own in their folders.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqlearn.data.one_step import one_of_each
from seqlearn.data.tokens import read_discrete
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.learned_input import LearnedInput
from seqlearn.estimators.targets import Targets
from seqlearn.streaming.network_steps import NetworkSteps

__all__ = ["TokenSteps", "network_steps"]


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
    if record.reading is None:
        names = None if record.input.kind == "series" else record.input.names
        return NetworkSteps(owner, net, n_streams, names=names, **more)
    refuse_contexts(owner, record.reading)
    return TokenSteps(owner, net, n_streams, record.reading, record.input.kind, **more)


def refuse_contexts(owner: str, reading: LearnedInput) -> None:
    """Refuse words whose vectors a language model gives, which reads whole sentences."""
    if reading.reads_at_once:
        raise InvalidParameterError(
            f"This {owner} reads words by the language model in words=, which reads sentences as a "
            "whole. Fit without it, words__vectors=None, to stream."
        )
