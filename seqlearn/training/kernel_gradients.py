"""Gradients of a network whose core is computed by kernels, for the flat vector of its parameters.

The core's gradient is computed by hand, see `seqlearn.modules.kernel_encoder`; those of input and
head by autograd, whatever they are, on the core's outputs cut off from it. A linear head, with
nothing but a readout between, has its gradient written out here: autograd would take as long as the
whole network of a small classifier.

With a linear head rows go through in parts, so that what the kernels keep for the backward pass
stays in the processor's cache: on long rows that saves a tenth to a sixth of the time, and on one
thread most of the memory. Parts, or else both directions, are computed at once where there are
threads for it; the work alone decides on parts, so that the number of threads changes no bit. Under
other heads a batch goes through whole: in parts, an epoch of a forecaster took a tenth longer.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from seqlearn.data.batches import unless_full
from seqlearn.modules.heads.head import Seen
from seqlearn.modules.kernel_encoder import KernelEncoder
from seqlearn.modules.network import Network
from seqlearn.states import map_rows
from seqlearn.torch_internals import has_bf16_kernels, have_forward_hooks, have_gradient_hooks
from seqlearn.training.cpu import Threads
from seqlearn.training.flat_parameters import FlatParameters

__all__ = ["KernelGradient", "multiply_adds"]

# Bytes that the kernels keep of one part, and its least number of rows: fewer are slower to
# compute, and have to be accepted only where rows are long.
PARTS = ((13_000_000, 16), (25_000_000, 8))
UNIT_BYTES = 61  # that the kernels keep for each step and unit
THREAD_MULTIPLY_ADDS = 20_000_000  # of a layer in one direction that are worth a thread


class KernelGradient:
    """Compute the loss of a batch, and put its gradient where the optimiser looks for it.

    Parameters
    ----------
    network : Network
        With ``encoder.kernels``.
    plain : KernelEncoder or None
        What `KernelEncoder.of_plain` gives, if the head's gradient is to be written out.
    flat : FlatParameters
        Of all parameters of the network.
    threads : Threads
        That it may use.
    of_core : slice
        Where the core's parameters are in ``flat``.
    """

    def __init__(
        self,
        network: Network,
        plain: KernelEncoder | None,
        flat: FlatParameters,
        threads: Threads,
        of_core: slice,
    ):
        self.network, self.plain = network, plain
        self.kernels: KernelEncoder = network.encoder.kernels
        self.flat, self.of_core = flat, of_core
        self.threads = threads
        self.to_vectors = self.kernels.reads_out and not network.head.reads_steps

    @classmethod
    def of(
        cls,
        network: Network,
        plain: KernelEncoder | None,
        flat: FlatParameters | None,
        threads: Threads,
    ) -> "KernelGradient | None":
        """Return one for this network, or None if autograd has to differentiate all of it."""
        encoder, head = network.encoder, network.head
        if flat is None or encoder.kernels is None or head.reads_again:
            return None
        of_core = flat.piece(encoder.core)
        if of_core is None or not _is_trained(encoder.core) or not encoder.kernels.holds():
            return None
        if encoder.autocast is not None and not has_bf16_kernels():
            return None
        called = [network, encoder]  # as modules, by autograd alone
        if have_forward_hooks(called) or any("forward" in vars(one) for one in called):
            return None
        of_head = set(head.modules())
        if have_gradient_hooks([one for one in network.modules() if one not in of_head]):
            return None
        may_be_written_out = (
            plain is not None
            and plain.holds()
            and _is_trained(network)
            and not have_gradient_hooks(of_head)
            and flat.piece(network) is not None  # some may have been frozen when the net was made
        )
        return cls(network, plain if may_be_written_out else None, flat, threads, of_core)

    def __call__(
        self, inputs: dict[str, Tensor], targets: dict[str, Any], state: Any = None
    ) -> dict[str, Any]:
        """Return the mean loss and the outputs of a batch; its gradient is then in ``flat``.

        Parameters
        ----------
        inputs, targets : dict
            As `seqlearn.data.batches.SequenceDataset` gives them; with ``keeps`` among the
            inputs, the state after the last step is computed too.
        state : tuple, optional
            Of the core, to begin with.

        Returns
        -------
        dict
            ``loss``, ``y_pred``, and ``state``: of the core after the last step, or None.
        """
        x, lengths = inputs["x"], unless_full(inputs["lengths"])
        carries = "keeps" in inputs  # the next batch asks for the state
        if self.plain is not None and not carries:
            return self._written_out(x, lengths, targets["y"], targets["w"])
        network, y, w = self.network, targets["y"], targets["w"]
        self.flat.zero_grad()
        values, lengths, context = network.read(x, lengths)
        needs_inputs = values.requires_grad
        outputs, backward, state = self.kernels.run(
            values.detach(),
            lengths,
            self.kernels.masks(*values.shape[:2]),
            state=state,
            each=self._each(values),
            to_vectors=self.to_vectors,
            needs_inputs=needs_inputs,
        )
        outputs = outputs.detach().requires_grad_()
        features = outputs
        if not (self.to_vectors or network.head.reads_steps):
            features = network.encoder.readout(outputs, lengths)
        y_pred = network.head(features, Seen(x, values, lengths, context, y, network))
        losses = network.head.loss(y_pred, y)
        loss = losses.mean() if w is None else (losses * w).mean()
        loss.backward(retain_graph=needs_inputs)
        gradient = outputs.grad
        if gradient is None:  # the head did not look
            gradient = torch.zeros_like(outputs)
        of_values, of_core = backward(gradient)
        if needs_inputs:
            values.backward(of_values)
        self.flat.gradient[self.of_core] += torch.cat(of_core)
        # A graph that was kept for the input must not live as long as the outputs do.
        return {"loss": loss.detach(), "y_pred": map_rows(_detached, y_pred), "state": state}

    def _written_out(
        self, x: Tensor, lengths: Tensor | None, y: Any, w: Tensor | None
    ) -> dict[str, Any]:
        """Compute a batch whose head is linear, part by part, each with its gradient."""
        n_rows, total = len(x), self.flat.gradient
        n_parts = self._parts(n_rows, x.shape[1])
        if n_parts == 1:
            masks = [*self.kernels.masks(*x.shape[:2]), self._head_mask(n_rows)]
            losses, outputs, found = self._part(x, lengths, y, w, masks, n_rows, self._each(x))
            torch.cat(found, out=total)
            return {"loss": losses.mean(), "y_pred": outputs, "state": None}

        def jobs() -> Iterator[tuple]:
            for rows, n, masks in self._slices(x, lengths, n_parts):
                masks = [*masks, self._head_mask(rows.stop - rows.start)]
                own = None if lengths is None else lengths[rows]
                yield x[rows, :n], own, y[rows], None if w is None else w[rows], masks, n_rows

        def one(job: tuple) -> tuple[Tensor, Tensor, Tensor]:
            losses, outputs, gradients = self._part(*job)
            return losses, outputs, torch.cat(gradients)

        total.zero_()
        parts = []
        for losses, outputs, gradient in self.threads.map(one, jobs()):
            total += gradient
            parts.append((losses, outputs))
        losses, outputs = (torch.cat(values) for values in zip(*parts, strict=True))
        return {"loss": losses.mean(), "y_pred": outputs, "state": None}

    def _part(
        self,
        x: Tensor,
        lengths: Tensor | None,
        y: Tensor,
        w: Tensor | None,
        masks: list[Tensor | None],
        n_rows: int,
        each: Callable = map,
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return losses (B,), outputs (B, C), and the gradient as a list of flat tensors."""
        head: Any = self.network.head
        mask = masks[-1]
        features, backward, _ = self.kernels.run(x, lengths, masks[:-1], each=each)
        if mask is not None:
            features = features * mask
        weight, bias = head.linear.weight.detach(), head.linear.bias.detach()
        outputs = torch.addmm(bias, features, weight.T)
        weights = outputs.new_full((len(x),), 1 / n_rows) if w is None else w / n_rows
        losses, gradient = head.loss_with_gradient(outputs, y, weights)  # (B,), (B, C)
        of_head = [torch.mm(gradient.T, features).flatten(), gradient.sum(0)]
        gradient = torch.mm(gradient, weight)  # (B, D)
        _, of_core = backward(gradient if mask is None else gradient * mask)
        return losses if w is None else losses * w, outputs, [*of_core, *of_head]

    def _head_mask(self, n_rows: int) -> Tensor | None:
        """Draw what dropout multiplies by what the head reads, (B, D)."""
        head: Any = self.network.head
        if not head.dropout.training or head.dropout.p == 0:
            return None
        return head.dropout.mask(torch.empty(n_rows, head.linear.in_features, dtype=torch.float32))

    def _each(self, x: Tensor) -> Callable:
        """Return what maps over the directions: at once, where that is worth threads."""
        n_multiply_adds = multiply_adds(self.kernels, x.shape[0] * x.shape[1], x.shape[2])
        is_worth_threads = (
            len(self.kernels.layers[0]) > 1 and n_multiply_adds > THREAD_MULTIPLY_ADDS
        )
        return self.threads.map if is_worth_threads else map

    def _slices(self, x: Tensor, lengths: Tensor | None, n_parts: int) -> Iterator[tuple]:
        """Yield rows of each part, their steps, and dropout masks, drawn in this order."""
        edges = torch.arange(len(x)).tensor_split(n_parts)
        for own in edges:
            rows = slice(int(own[0]), int(own[-1]) + 1)
            n_steps = x.shape[1] if lengths is None else int(lengths[rows].max())
            yield rows, n_steps, self.kernels.masks(len(own), n_steps)

    def _parts(self, n_rows: int, n_steps: int) -> int:
        """Into how many parts to divide so many rows."""
        kept = n_rows * n_steps * self.kernels.size * UNIT_BYTES
        if self.network.encoder.autocast is not None:  # to half the bytes
            kept //= 2
        return max(1, *(min(-(-kept // limit), n_rows // least) for limit, least in PARTS))


def _is_trained(module: torch.nn.Module) -> bool:
    """Whether none of its parameters is frozen."""
    return all(parameter.requires_grad for parameter in module.parameters())


def _detached(part: Any) -> Any:
    return part.detach() if isinstance(part, Tensor) else part


def multiply_adds(kernels: KernelEncoder, n_steps: int, width: int) -> int:
    """Multiply-adds of the first layer in one direction, for so many steps in all."""
    return n_steps * 4 * kernels.size * (width + kernels.size)
