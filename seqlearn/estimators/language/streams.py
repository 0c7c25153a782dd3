"""One step of the streams of a language model: a token is read, and what comes next is known."""

from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from seqlearn.data.messages import listed, show
from seqlearn.data.one_step import one_of_each
from seqlearn.errors import DataFormatError
from seqlearn.estimators.language.tokens import END, UNKNOWN, Tokens
from seqlearn.streaming.network_steps import NetworkSteps

__all__ = ["NextTokenSteps"]


class NextTokenSteps(NetworkSteps):
    """One step of a language model; what stands before every text has been read at the beginning.

    Parameters
    ----------
    owner, net, n_streams
        As in `seqlearn.streaming.steps.Steps`.
    targets : Tokens
        The tokens known.
    """

    has_probabilities = True

    def __init__(self, owner: str, net: Any, n_streams: int, targets: Tokens):
        self.targets = targets
        super().__init__(owner, net, n_streams, decode=np.asarray)

    def _bind(self) -> None:
        super()._bind()
        self._labels = self.targets.labels

    def begin(self) -> Any:
        """Return the state of every station before the first token."""
        codes = torch.full((self.n_streams,), self.targets.boundary, device=self._device)
        with self.net.on_cpu(self.n_streams), torch.inference_mode():
            return self.advance(codes, super().begin())[1]

    def read(self, x: Any) -> Any:
        """Return the codes of one token of each stream, (B,)."""
        tokens = one_of_each(x, self.n_streams, "a string", self.owner, str)
        codes = self.targets.vocabulary.encode(tokens)
        for i in np.flatnonzero(codes == 0).tolist():
            self._refuse_no_token(tokens[i], i)
        return torch.as_tensor(codes, device=self._device)

    def _refuse_no_token(self, token: str, stream: int) -> None:
        """Refuse what is not one token of a text; an unknown one stays."""
        unit = self.targets.unit
        if token == END and self.targets.ends:
            raise DataFormatError(
                f"The token of stream {stream} is {END!r}: the text is over. Begin another with "
                f"reset({stream}), and step on with its first token."
            )
        if unit is None or token == UNKNOWN:
            return
        [parts] = unit.cut([token])
        if parts != [token]:
            raise DataFormatError(
                f"The token of stream {stream} is {show(token)}, which is no token of this "
                f"{self.owner}: texts are cut by unit={unit.kind!r}, and this one into "
                f"{listed(parts) if parts else 'nothing'}. Give one token at a time."
            )

    def answer(self, outputs: np.ndarray) -> np.ndarray:
        """Return the likeliest next token that is known, (B,)."""
        return self._labels[1 + outputs[:, 1:].argmax(axis=1)]

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probability of each token to come next, (B, V)."""
        return softmax(outputs, axis=1)
