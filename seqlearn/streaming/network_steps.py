"""One step of the streams of a network: `Network.advance`, with the states of all of its stations.

The rows of a state are filled up to a multiple of what the core computes alike, once for all steps,
and nothing is checked again that the stream itself has made.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from seqlearn.data.one_step import finite_step, read_step, refuse_width
from seqlearn.errors import InvalidParameterError
from seqlearn.modules.heads.head import Head
from seqlearn.modules.row_blocks import in_blocks
from seqlearn.registry import describe_backend
from seqlearn.states import map_rows
from seqlearn.streaming.steps import Steps, begun_again, refuse_other_forms
from seqlearn.training.cpu import flushed_denormals

__all__ = ["NetworkSteps", "require_streams"]

# Outputs of the core, rows times width, that a CPU computes at once: what they need in between then
# fits its cache. 10,000 rows of 64 take 0.7 of the time that they take together.
BLOCK_VALUES = 1 << 17


class NetworkSteps(Steps):
    """One step of a network that reads numbers.

    Parameters
    ----------
    owner, net, n_streams
        As in `Steps`.
    decode : callable
        Takes outputs (B, C) in float64 and gives what ``predict`` does.
    probabilities_of : callable, optional
        Takes the same and gives probabilities.
    encode : bool, default=False
        Outputs are the vectors that the readout makes, and not those of the head.
    names : ndarray of str, optional
        Names of the columns in ``fit``.

    Notes
    -----
    A single stream is not filled up: a product with a vector takes half the time of one with four
    rows, and rounds otherwise in the last digit. Thousands go through the network in equal blocks,
    see `BLOCK_VALUES`; which streams share one never changes, so that no bit depends on it.
    """

    def __init__(
        self,
        owner: str,
        net: Any,
        n_streams: int,
        *,
        decode: Callable[[np.ndarray], np.ndarray],
        probabilities_of: Callable[[np.ndarray], np.ndarray] | None = None,
        encode: bool = False,
        names: Any = None,
    ):
        super().__init__(owner, net, n_streams)
        require_streams(net, owner, encode)
        self.decode, self.probabilities_of, self.encode = decode, probabilities_of, encode
        self.names = names
        self._bind()

    def _bind(self) -> None:
        """Look up what every step needs."""
        self.net.evaluate()
        module = self.net.module_
        encoder, n = module.encoder, self.n_streams
        self._dtype, self._device = np.dtype(self.net.dtype), encoder.device
        self._on_cpu = self._device.type == "cpu"
        self._advance = module.advancer(self.encode)
        multiple = 1 if n == 1 else encoder.step_block
        most = max(BLOCK_VALUES // encoder.output_size, multiple) if self._on_cpu else n
        n_blocks = math.ceil(n / most)
        block = math.ceil(n / (n_blocks * multiple)) * multiple
        self._missing = n_blocks * block - n
        if n_blocks > 1:
            self._advance = partial(in_blocks, self._advance, block, exact=True)
        self._step_input = None if module.input is None else module.input.step
        self._n_features = encoder.input_size

    def __getstate__(self) -> dict[str, Any]:
        return {name: one for name, one in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._bind()

    @property
    def has_probabilities(self) -> bool:  # type: ignore[override]
        """Whether `probabilities_of` was given."""
        return self.probabilities_of is not None

    def begin(self) -> Any:
        """Return the state of every station, that of the input first."""
        module, n = self.net.module_, self.n_streams
        of_input = None if module.input is None else module.input.begin(n)
        with torch.inference_mode():
            return (of_input, *module.encoder.begin(n + self._missing))

    def read(self, x: Any) -> Any:
        """Return a step as the network takes it."""
        values = read_step(x, self.n_streams, self.owner, self.names)
        refuse_width(values, self._n_features, self.owner)
        step = torch.from_numpy(finite_step(values, self._dtype, self.owner))
        return step if self._on_cpu else step.to(self._device)

    def run(self, x: Any, state: Any) -> tuple[np.ndarray, Any]:
        """Return the outputs (B, C) in float64, and the state of every station."""
        return self.answered(self.read(x), state)

    def answered(self, values: Any, state: Any) -> tuple[np.ndarray, Any]:
        """Return what `run` does, of a step as the network takes it."""
        # One row is not worth a thread, and to tell torch so takes as long as its step.
        alone = self._on_cpu and self.n_streams == 1
        with (
            flushed_denormals() if alone else self.net.on_cpu(self.n_streams),
            torch.inference_mode(),
        ):
            outputs, state = self.advance(values, state)
            if not self._on_cpu:
                outputs = outputs.cpu()
            return outputs.numpy().astype(np.float64), state

    def advance(self, values: Any, state: Any) -> tuple[Tensor, Any]:
        """Take a step with what `read` returned."""
        of_input, of_core, of_readout = state
        if self._step_input is not None:
            values, of_input = self._step_input(values, of_input)
        if self._missing:
            values = pad(values, (0, 0, 0, self._missing))
        outputs, of_core, of_readout = self._advance(values, of_core, of_readout)
        if self._missing:
            outputs = outputs[: self.n_streams]
        return outputs, (of_input, of_core, of_readout)

    def answer(self, outputs: np.ndarray) -> Any:
        """Return what ``predict`` says of the prefixes."""
        return self.decode(outputs)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probabilities of classes, (B, C)."""
        if self.probabilities_of is None:
            return super().probabilities(outputs)
        return self.probabilities_of(outputs)

    def reset(self, state: Any, rows: np.ndarray) -> Any:
        """Return the state with some streams begun again; the bits of the others stay."""
        with torch.inference_mode():
            return begun_again(state, self.begin(), rows)

    def plain(self, state: Any) -> Any:
        """Return a state as arrays, a row for each stream."""
        with torch.inference_mode():
            return map_rows(lambda part: part[: self.n_streams].cpu().numpy().copy(), state)

    def restored(self, plain: Any) -> Any:
        """Return the state that `plain` was made of, filled up."""
        fresh = self.begin()
        refuse_other_forms(plain, self.plain(fresh), self.owner)

        def put(begun: Tensor, part: np.ndarray) -> Tensor:
            begun = begun.clone()
            begun[: self.n_streams] = torch.as_tensor(part, device=begun.device)
            return begun

        with torch.inference_mode():
            return map_rows(put, fresh, plain)


def require_streams(net: Any, owner: str, encode: bool = False) -> None:
    """Refuse a network that cannot answer step by step, with the reason and what to do.

    Raises
    ------
    InvalidParameterError
        It reads in both directions, looks ahead, carries no state, or answers as a whole.
    """
    module = net.module_
    encoder, head = module.encoder, module.head
    if type(head).step is Head.step and not encode:
        raise InvalidParameterError(
            f"{owner} cannot stream: its answer is one to a whole sequence, and none grows step by "
            "step. Call predict on what came so far."
        )
    if encoder.bidirectional:
        raise InvalidParameterError(
            f"This {owner} was fitted with bidirectional=True: its second direction begins at the "
            "end of a sequence, which a stream has not reached. Fit with bidirectional=False."
        )
    for flag, reason in (
        ("causal", "a step of it looks at later ones, which a stream has not reached"),
        ("stateful", "it carries no state from one step to the next"),
    ):
        if not getattr(encoder.backend, flag):
            raise InvalidParameterError(
                f"This {owner} cannot stream with {describe_backend(encoder.backend)}: {reason}. "
                "Fit with a backend that is causal and stateful, such as 'torch' or 'gru'."
            )
