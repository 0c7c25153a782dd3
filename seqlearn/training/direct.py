"""Gradients and predictions without autograd, for networks that `DirectModel` knows.

`seqlearn.training.net` uses this where it can. Rows go through in parts, so that what the kernels
keep for the way back stays in the processor's cache: on long rows that saves a tenth to a sixth of
the time, and on one thread most of the memory. Parts, or else both directions, are computed at once
where there are threads for it; the work alone decides on parts, so that the number of threads
changes no bit.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqlearn.data.batches import SequenceDataset, as_tensor, length_batches
from seqlearn.data.sequences import Sequences
from seqlearn.modules.direct import DirectModel
from seqlearn.torch_internals import gradients_are_heard, has_bf16_kernels
from seqlearn.training.cpu import Threads
from seqlearn.training.flat import FlatParameters

__all__ = ["DirectGradient", "direct_outputs"]

# Bytes that the kernels keep of one part, and its least number of rows: fewer are slower to
# compute, and have to be accepted only where rows are long.
PARTS = ((13_000_000, 16), (25_000_000, 8))
UNIT_BYTES = 61  # that the kernels keep for each step and unit
THREAD_PRODUCTS = 20_000_000  # multiply-adds of a layer in one direction that are worth a thread


class DirectGradient:
    """Compute the loss of a batch, and put its gradient where the optimiser looks for it.

    Parameters
    ----------
    direct : DirectModel
        The network.
    criterion : nn.Module
        A loss of `seqlearn.training.losses` that has ``with_gradient``.
    flat : FlatParameters
        Of all parameters of the network.
    threads : Threads
        That it may use.
    """

    def __init__(
        self, direct: DirectModel, criterion: nn.Module, flat: FlatParameters, threads: Threads
    ):
        self.direct = direct
        self.criterion = criterion
        self.flat = flat
        self.threads = threads

    @classmethod
    def of(
        cls,
        direct: DirectModel | None,
        criterion: nn.Module,
        flat: FlatParameters | None,
        threads: Threads,
    ) -> "DirectGradient | None":
        """Return one for this network, or None if autograd has to differentiate it."""
        if flat is None or direct is None or not hasattr(criterion, "with_gradient"):
            return None
        model = direct.model
        if gradients_are_heard(model) or not all(p.requires_grad for p in model.parameters()):
            return None
        casts = model.encoder.autocast is not None
        if not direct.holds() or (casts and not has_bf16_kernels()):
            return None
        return cls(direct, criterion, flat, threads)

    def __call__(self, inputs: dict[str, Tensor], targets: dict[str, Any]) -> dict[str, Tensor]:
        """Return the mean loss and the outputs of a batch; its gradient is then in ``flat``.

        Parameters
        ----------
        inputs, targets : dict
            As `seqlearn.data.batches.SequenceDataset` gives them.
        """
        x, lengths, y, w = inputs["x"], inputs["lengths"], targets["y"], targets["w"]
        n_rows, total = len(x), self.flat.vector.grad
        n_parts = self._parts(n_rows, x.shape[1])
        if n_parts == 1:
            noises = self.direct.noises(*x.shape[:2])
            products = _products(self.direct, n_rows * x.shape[1], x.shape[2])
            is_worth_threads = len(self.direct.layers[0]) > 1 and products > THREAD_PRODUCTS
            each = self.threads.map if is_worth_threads else map
            losses, outputs, gradients = self._part(x, lengths, y, w, noises, n_rows, each)
            torch.cat(gradients, out=total)
            return {"loss": losses.mean(), "y_pred": outputs}

        def parts() -> Iterator[tuple]:
            for rows in torch.arange(n_rows).tensor_split(n_parts):
                a, b = int(rows[0]), int(rows[-1]) + 1
                weights = None if w is None else w[a:b]
                n_steps = int(lengths[a:b].max())
                noises = self.direct.noises(b - a, n_steps)  # here, for their order
                yield x[a:b, :n_steps], lengths[a:b], y[a:b], weights, noises, n_rows

        def one(part: tuple) -> tuple[Tensor, Tensor, Tensor]:
            losses, outputs, gradients = self._part(*part)
            return losses, outputs, torch.cat(gradients)

        total.zero_()
        found = []
        for losses, outputs, gradient in self.threads.map(one, parts()):
            total += gradient
            found.append((losses, outputs))
        losses, outputs = (torch.cat(values) for values in zip(*found, strict=True))
        return {"loss": losses.mean(), "y_pred": outputs}

    def _parts(self, n_rows: int, n_steps: int) -> int:
        """Into how many parts to divide so many rows."""
        kept = n_rows * n_steps * self.direct.size * UNIT_BYTES
        if self.direct.encoder.autocast is not None:  # to half the bytes
            kept //= 2
        return max(1, *(min(-(-kept // limit), n_rows // least) for limit, least in PARTS))

    def _part(
        self,
        x: Tensor,
        lengths: Tensor,
        y: Tensor,
        w: Tensor | None,
        noises: list[Tensor | None],
        n_rows: int,
        each: Callable = map,
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return losses (B,), outputs (B, C), and the gradient as a list of flat tensors."""
        outputs, back = self.direct.run(x, lengths, noises, each)
        weights = outputs.new_full((len(x),), 1 / n_rows) if w is None else w / n_rows
        losses, slope = self.criterion.with_gradient(outputs, y, weights)  # (B,), (B, C)
        return losses if w is None else losses * w, outputs, back(slope)


def _products(direct: DirectModel, n_steps: int, width: int) -> int:
    """Multiply-adds of the first layer in one direction, for so many steps in all."""
    return n_steps * 4 * direct.size * (width + direct.size)


def direct_outputs(
    direct: DirectModel, sequences: Sequences, n_rows: int, threads: Threads, encode: bool
) -> np.ndarray:
    """Return the outputs of every sequence, (N, C), or what the head reads, (N, D).

    Batches have ``n_rows``, and are computed at once where there are threads for it; they are
    smaller where a thread would have nothing to do.
    """
    n, lengths, head = len(sequences), sequences.lengths, direct.head
    products = _products(direct, len(sequences.values), sequences.n_features)
    if n > 1 and products > 3 * THREAD_PRODUCTS:  # training computes three times as much
        n_rows = min(n_rows, -(-n // threads.number))
    if n == 1 or (lengths == lengths[0]).all():  # no batches to make up
        x = as_tensor(sequences.values.reshape(n, lengths[0], -1))  # (N, T, F)
        batches = [slice(first, first + n_rows) for first in range(0, n, n_rows)]

        def take(rows):
            return x[rows], None

    else:
        dataset = SequenceDataset(sequences)
        batches = length_batches(lengths, n_rows)

        def take(rows):
            return dataset.inputs(rows).values()

    result = np.empty((n, head.in_features if encode else head.out_features), np.float32)

    def write(rows):
        with torch.inference_mode():
            result[rows] = direct.evaluate(*take(rows), encode=encode).numpy()

    for _ in threads.map(write, batches):
        pass
    return result
