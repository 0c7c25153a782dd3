"""An `Encoder` whose core is a `Stack` of torch's LSTMs, computed without modules and autograd.

On a small network, calling modules and building a graph takes as long as oneDNN's kernels do; here
the kernels are called one after the other, and their gradients are handed on by hand.
`KernelEncoder.of` says whether an encoder is of this kind; where it is not, modules and autograd
give the same numbers. `seqlearn.training.kernel_gradients` trains with it, `Encoder` predicts.

Tensors inside have their steps first, (T, B, F), as the kernels want them.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from seqlearn.backend import Dropout, Stack, valid_steps
from seqlearn.modules.encoder import Encoder
from seqlearn.modules.heads.linear import LinearHead
from seqlearn.modules.network import Network
from seqlearn.modules.readouts import LastStep, Max, Mean, sum_of_steps
from seqlearn.modules.row_blocks import RowLinear, fill_rows
from seqlearn.torch_internals import (
    LSTMKernels,
    children_of,
    have_forward_hooks,
    lstm_kernels,
    weights_of,
)

__all__ = ["KernelEncoder"]

Masks = list[Tensor | None]  # what dropout multiplies by, before each layer
# Gradients of all outputs, (T, B, H), and of the output of the step computed last, (B, H).
Gradients = tuple[Tensor | None, Tensor | None]


class KernelEncoder:
    """What an encoder computes, in evaluation, and in training with the backward pass.

    Parameters
    ----------
    encoder : Encoder
        One for which `of` returns this.
    kernels : LSTMKernels
        That compute its layers.
    watched : sequence of Module, optional
        Others that have to stay what they are.

    Attributes
    ----------
    size : int
        Units of a layer in one direction, H.
    reads_out : bool
        Its readout is computed here too: the last step, the mean, the maximum.
    """

    def __init__(self, encoder: Encoder, kernels: LSTMKernels, watched: Sequence[nn.Module] = ()):
        self.encoder, core = encoder, encoder.core
        self.layers = [[_Layer(layer, kernels)] for layer in core.layers]
        for directions, layer in zip(self.layers, core.backward_layers, strict=False):
            directions.append(_Layer(layer, kernels, is_backward=True))
        self.size = self.layers[0][0].size
        self.read: Any = _READOUTS.get(type(encoder.readout))
        self.reads_out = self.read is not None
        modules = [*core.modules(), *watched]
        if self.reads_out:
            modules += [encoder, *encoder.readout.modules()]
        self._watched = modules
        self._kinds = list(map(type, modules))
        self._children = [dict(children) for children in children_of(modules)]

    @classmethod
    def of(cls, encoder: Encoder, watched: Sequence[nn.Module] = ()) -> "KernelEncoder | None":
        """Return one for this encoder, or None if its modules have to compute it."""
        core = encoder.core
        if type(core) is not Stack or type(core.dropout) is not Dropout:
            return None
        layers, kernels = [*core.layers, *core.backward_layers], lstm_kernels()
        if kernels is None or not all(map(_is_plain, layers)):
            return None
        known = [weight for layer in layers for weight in weights_of(layer)]
        parameters = list(core.parameters())  # no others, none twice
        if len(known) != len(parameters) or any(
            a is not b for a, b in zip(known, parameters, strict=True)
        ):
            return None
        return cls(encoder, kernels, watched)

    @classmethod
    def of_plain(cls, network: Network) -> "KernelEncoder | None":
        """Return one for a network without input whose head is as `LinearHead` has it, else None.

        What stands around the core may then be computed without modules too.
        """
        head = network.head
        if (
            type(network) is not Network
            or network.input is not None
            or head.reads_steps
            or type(head).forward is not LinearHead.forward
            or type(head).read is not LinearHead.read
            or type(head.dropout) is not Dropout
            or type(head.linear) is not RowLinear
        ):
            return None
        found = cls.of(network.encoder, [network, *head.modules()])
        n_parameters = len([*network.encoder.core.parameters(), *head.linear.parameters()])
        if found is None or not found.reads_out or n_parameters != len([*network.parameters()]):
            return None
        return found

    def holds(self) -> bool:
        """Whether the core is what it was at the beginning, and nobody listens to its modules."""
        modules = self._watched  # all of them are asked at once: this runs before each prediction
        return (
            list(map(type, modules)) == self._kinds
            and children_of(modules) == self._children
            and not any("forward" in vars(module) for module in modules)
            and not have_forward_hooks(modules)
            and not torch.is_autocast_enabled("cpu")
            and all(_is_float_on_cpu(one.module) for layer in self.layers for one in layer)
        )

    def steps(self, x: Tensor, lengths: Tensor | None, state: Any = None) -> tuple[Tensor, Any]:
        """Return the outputs (B, T, D) of rows (B, T, F), and the state, in inference mode."""
        rows = _Rows(lengths, x.shape[1])
        outputs, state, _ = self._forward(x.transpose(0, 1), rows, state)
        return _rows_first(outputs), state

    def vectors(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Return what the readout makes of rows (B, T, F), (B, D), in inference mode.

        The number of rows need not be a multiple of the backend's ``stable_rows``.
        """
        n_rows, block = len(x), self.encoder.stable_rows
        rows = _Rows(None if lengths is None else fill_rows(lengths, block), x.shape[1])
        outputs, _, _ = self._forward(fill_rows(x.transpose(0, 1), block, dim=1), rows)
        return _side_by_side([vector for vector, _ in self._read(outputs, rows)])[:n_rows]

    def _forward(
        self,
        x: Tensor,
        rows: "_Rows",
        state: Any = None,
        masks: Masks | None = None,
        each: Callable = map,
    ) -> tuple[Sequence[Tensor], Any, list]:
        """Run steps (T, B, F) through all layers; with masks, as in training.

        Returns the outputs of each direction, (T, B, H), the state after the last step, where there
        is one, and in training what the backward pass needs of each layer and direction.
        """
        outputs: Sequence[Tensor] = [x.contiguous()]
        states, kept = [], []
        keeps = masks is not None
        cast = self.encoder.autocast if keeps else None
        for i, directions in enumerate(self.layers):
            x = _side_by_side(outputs)  # (T, B, D)
            mask = None if masks is None else masks[i]
            if mask is not None:
                x = x * mask.transpose(0, 1)
            before = None if state is None else state[i]
            run = partial(_Layer.run, x=x, rows=rows, state=before, keeps=keeps, cast=cast)
            outputs, ends, of_layer = zip(*each(run, directions), strict=True)
            states.append(ends[0])
            kept.append(of_layer)
        is_known = rows.lengths is None and len(outputs) == 1
        return outputs, tuple(states) if is_known else None, kept

    def _read(self, outputs: Sequence[Tensor], rows: "_Rows") -> list["Read"]:
        return [self.read(one, rows, is_backward=bool(i)) for i, one in enumerate(outputs)]

    def masks(self, n_rows: int, n_steps: int) -> Masks:
        """Draw what dropout multiplies the inputs of each layer by in training, (B, T, D)."""
        dropout, empty = self.encoder.core.dropout, partial(torch.empty, dtype=torch.float32)
        found: Masks = [None]
        for directions in self.layers[1:]:
            width = self.size * len(directions)
            if len(directions) == 1:  # as modules have it in memory, and so draw for it
                like = empty(n_steps, n_rows, width).transpose(0, 1)
            else:
                like = empty(n_rows, n_steps, width)
            found.append(dropout.mask(like) if dropout.training and dropout.p > 0 else None)
        return found

    def run(
        self,
        x: Tensor,
        lengths: Tensor | None,
        masks: Masks,
        *,
        state: Any = None,
        each: Callable = map,
        to_vectors: bool = True,
        needs_inputs: bool = False,
    ) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor | None, list[Tensor]]], Any]:
        """Run rows (B, T, F) in training.

        Parameters
        ----------
        x : Tensor of shape (B, T, F)
        lengths : Tensor of shape (B,), or None
            None says that all rows are full.
        masks : list
            What `masks` gave.
        state : tuple, optional
            To begin with; no gradient goes back into it.
        each : callable
            ``map``, or what does the same for both directions at once.
        to_vectors : bool, default=True
            Whether to return what the readout makes of the steps; only if `reads_out`.
        needs_inputs : bool, default=False
            Whether the gradient of ``x`` is asked for.

        Returns
        -------
        outputs : Tensor of shape (B, D), or (B, T, D)
        backward : callable
            Takes their gradient and returns that of ``x``, (B, T, F) or None, and those of the
            parameters of the core, each flat, in their order. It can be called once.
        state : tuple or None
            After the last step, where there is one.
        """
        cast, rows = self.encoder.autocast, _Rows(lengths, x.shape[1])
        outputs, after, kept = self._forward(x.transpose(0, 1), rows, state, masks, each)
        if to_vectors:
            read = self._read(outputs, rows)
            result = _side_by_side([vector for vector, _ in read])  # (B, D)
        else:
            result = _rows_first(outputs)  # (B, T, D)

        def of_layer(job: tuple) -> tuple[Tensor, list[Tensor]]:
            layer, own, gradients = job
            return layer.backward(own, gradients, rows, cast)

        def backward(gradient: Tensor) -> tuple[Tensor | None, list[Tensor]]:
            parts = self._split(gradient)
            if to_vectors:
                gradients = [back(part) for (_, back), part in zip(read, parts, strict=True)]
                read.clear()
            else:
                gradients = [(part.transpose(0, 1).contiguous(), None) for part in parts]
            found: list[list[Tensor]] = [[], []]  # of each direction
            below: Any = None
            while kept:
                below = None
                jobs = list(zip(self.layers[len(kept) - 1], kept.pop(), gradients, strict=True))
                for direction, (of_inputs, of_weights) in enumerate(each(of_layer, jobs)):
                    below = of_inputs if below is None else below + of_inputs
                    found[direction] = of_weights + found[direction]
                mask = masks[len(kept)]
                if mask is not None:
                    below = below * mask.transpose(0, 1)
                if kept:
                    gradients = [(one.contiguous(), None) for one in self._split(below)]
            of_x = below.transpose(0, 1) if needs_inputs else None
            return of_x, [*found[0], *found[1]]

        return result, backward, after

    def _split(self, gradient: Tensor) -> Sequence[Tensor]:
        """Divide a gradient (..., D) between the directions."""
        if len(self.layers[0]) == 1:
            return (gradient,)
        return gradient.split(self.size, dim=-1)


def _side_by_side(directions: Sequence[Tensor]) -> Tensor:
    """Join what both directions give in the last dimension; one direction's is not copied."""
    return torch.cat(list(directions), dim=-1) if len(directions) > 1 else directions[0]


def _rows_first(directions: Sequence[Tensor]) -> Tensor:
    """Return (B, T, D), in memory as modules have it: dropout draws its masks in that order."""
    outputs = _side_by_side(directions).transpose(0, 1)
    return outputs if len(directions) == 1 else outputs.contiguous()


class _Rows:
    """What the lengths of a batch's rows say about its tensors."""

    def __init__(self, lengths: Tensor | None, n_steps: int):
        self.lengths = lengths
        # None if all are full: what is past a row's length, and how to reverse each row.
        self.past: Tensor | None = None  # True past a row's length, (T, B, 1)
        self.reversal: Tensor | None = None  # (T B,)
        if lengths is None:
            return
        step, row = torch.arange(n_steps)[:, None], torch.arange(len(lengths))
        valid = valid_steps(lengths, n_steps).T  # (T, B)
        self.past = ~valid[..., None]
        within = torch.where(valid, lengths - 1 - step, step)  # (T, B)
        self.reversal = (within * len(lengths) + row).flatten()  # (T B,)
        self.last = (lengths - 1) * len(lengths) + row  # (B,), where each row ends


class _Layer:
    """One ``nn.LSTM`` in one direction. Rows of one length are reversed by the kernel itself."""

    def __init__(self, module: nn.LSTM, kernels: LSTMKernels, is_backward: bool = False):
        self.module = module
        self.kernels = kernels
        self.size = module.hidden_size
        self.is_backward = is_backward

    def run(
        self, x: Tensor, rows: _Rows, state: Any, keeps: bool, cast: torch.dtype | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor], tuple | None]:
        """Return the outputs (T, B, H) for inputs (T, B, F), and the state after the last step.

        Also what the backward pass needs, if this ``keeps`` it: the next layer is faster where its
        memory is free again. With ``cast`` the kernels compute in that type; what goes in and comes
        out is in float32.
        """
        weights = weights_of(self.module)
        if torch.is_grad_enabled():
            weights = [weight.detach() for weight in weights]
        if cast is not None:
            x, *weights = (tensor.to(cast) for tensor in (x, *weights))
            state = state and tuple(part.to(cast) for part in state)
        positions, by_kernel = self._reversal(rows)
        outputs, kept = self.kernels.forward(_take(x, positions), weights, by_kernel, state)
        outputs, end = _take(outputs, positions), kept[1][1:3]
        if cast is not None:
            outputs, *end = (tensor.float() for tensor in (outputs, *end))
        return outputs, tuple(end), kept if keeps else None

    def backward(
        self, kept: tuple, gradients: Gradients, rows: _Rows, cast: torch.dtype | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the gradient of the inputs, (T, B, F), and those of the weights, flat."""
        positions, by_kernel = self._reversal(rows)
        steps, last = gradients
        if steps is not None:
            steps = _take(steps, positions)
        if cast is not None:
            steps, last = (None if one is None else one.to(cast) for one in (steps, last))
        below, *found = self.kernels.backward(kept, steps, last, by_kernel)
        below = _take(below, positions)
        if cast is not None:
            below, *found = (one.float() for one in (below, *found))
        return below, [one.flatten() for one in found]

    def _reversal(self, rows: _Rows) -> tuple[Tensor | None, bool]:
        """Return at which positions to take the steps, and whether the kernel reverses them."""
        positions = rows.reversal if self.is_backward else None
        return positions, self.is_backward and positions is None


def _take(x: Tensor, positions: Tensor | None) -> Tensor:
    """Take steps (T, B, F) at positions in (T B); None leaves them as they are."""
    if positions is None:
        return x
    return x.flatten(0, 1).index_select(0, positions).view(x.shape)  # (T, B, F)


# Readouts: the vector of each row (B, H), and what makes of its gradient that of the outputs.

Read = tuple[Tensor, Callable[[Tensor], Gradients]]


def _last(outputs: Tensor, rows: _Rows, is_backward: bool) -> Read:
    step = 0 if is_backward else -1
    if rows.past is None:  # all end at the step that is computed last
        return outputs[step], lambda gradient: (None, gradient)

    def backward(gradient: Tensor) -> Gradients:
        whole = torch.zeros_like(outputs)
        if is_backward:
            whole[step] = gradient
        else:
            whole.flatten(0, 1).index_copy_(0, rows.last, gradient)
        return whole, None

    if is_backward:
        return outputs[step], backward
    return outputs.flatten(0, 1).index_select(0, rows.last), backward


def _mean(outputs: Tensor, rows: _Rows, is_backward: bool) -> Read:
    n_steps = len(outputs) if rows.lengths is None else rows.lengths[:, None]

    def backward(gradient: Tensor) -> Gradients:
        whole = (gradient / n_steps).expand_as(outputs)
        if rows.past is None:
            return whole.contiguous(), None
        return whole.masked_fill(rows.past, 0.0), None

    valid = outputs if rows.past is None else outputs.masked_fill(rows.past, 0.0)
    return sum_of_steps(valid.transpose(0, 1)) / n_steps, backward


def _max(outputs: Tensor, rows: _Rows, is_backward: bool) -> Read:
    valid = outputs if rows.past is None else outputs.masked_fill(rows.past, -torch.inf)
    best = valid.amax(dim=0)

    def backward(gradient: Tensor) -> Gradients:
        is_best = (valid == best).to(outputs.dtype)
        return is_best.mul_(gradient / is_best.sum(dim=0)), None  # equal steps share it

    return best, backward


_READOUTS = {LastStep: _last, Mean: _mean, Max: _max}


def _is_plain(layer: nn.Module) -> bool:
    """Whether this is one layer of torch's LSTM, in float32, one direction, and on the CPU."""
    return (
        type(layer) is nn.LSTM
        and layer.num_layers == 1
        and layer.bias
        and layer.batch_first
        and not layer.bidirectional
        and layer.proj_size == 0
        and _is_float_on_cpu(layer)
    )


def _is_float_on_cpu(layer: nn.LSTM) -> bool:
    weight = weights_of(layer)[0]
    return weight.dtype == torch.float32 and weight.is_cpu
