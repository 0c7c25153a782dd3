"""A `SequenceModel` of torch's LSTM, computed without its modules and without autograd.

On a small network, calling modules and building a graph takes as long as oneDNN's kernels do; here
the kernels are called one after the other, and the way back is written out. `of` says whether a
network is of this kind; where it is not, modules and autograd give the same numbers.
`seqlearn.training.direct` trains with it, `seqlearn.training.net` predicts with it.

Tensors inside have their steps first, (T, B, F), as the kernels want them.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from seqlearn.backend import Dropout, Stack
from seqlearn.modules.readouts import LastStep, Max, Mean, sum_of_steps
from seqlearn.modules.row_blocks import fill_rows
from seqlearn.modules.sequence_model import SequenceModel
from seqlearn.torch_internals import (
    LSTMKernels,
    children_of,
    lstm_kernels,
    modules_are_heard,
    weights_of,
)

__all__ = ["DirectModel"]


class DirectModel:
    """What a network computes, in evaluation and in training with the way back.

    Parameters
    ----------
    model : SequenceModel
        One for which `of` returns this.
    kernels : LSTMKernels
        That compute its layers.

    Attributes
    ----------
    size : int
        Units of a layer in one direction, H.
    """

    def __init__(self, model: SequenceModel, kernels: LSTMKernels):
        self.model, self.encoder, self.head = model, model.encoder, model.head
        core = model.encoder.core
        self.layers = [[_Layer(layer, kernels)] for layer in core.layers]
        for ways, layer in zip(self.layers, core.backward_layers, strict=False):
            ways.append(_Layer(layer, kernels, turned=True))
        self.size = self.layers[0][0].size
        self.read = _READOUTS[type(model.encoder.readout)]
        self._parts = [
            (module, type(module), dict(children_of(module))) for module in model.modules()
        ]
        self._watched = [module for module, _, _ in self._parts]

    @classmethod
    def of(cls, model: nn.Module) -> "DirectModel | None":
        """Return one for this network, or None if its modules have to compute it."""
        if type(model) is not SequenceModel or model.embedding is not None:
            return None
        core = model.encoder.core
        dropouts = {type(model.dropout), type(getattr(core, "dropout", None))}
        if type(core) is not Stack or type(model.encoder.readout) not in _READOUTS:
            return None
        layers = [*core.layers, *core.backward_layers]
        kernels = lstm_kernels()
        if dropouts != {Dropout} or not all(map(_is_plain, layers)) or kernels is None:
            return None
        known = [weight for layer in layers for weight in weights_of(layer)]
        known += [model.head.weight, model.head.bias]
        parameters = list(model.parameters())  # no others, none twice
        if len(known) != len(parameters) or any(
            a is not b for a, b in zip(known, parameters, strict=True)
        ):
            return None
        return cls(model, kernels)

    def holds(self) -> bool:
        """Whether the model is what it was at the beginning, and nobody listens to its modules."""
        for module, kind, children in self._parts:
            if (
                type(module) is not kind
                or children_of(module) != children
                or "forward" in module.__dict__
            ):
                return False
        if torch.is_autocast_enabled("cpu") or modules_are_heard(self._watched):
            return False
        return all(_is_plain(layer.module) for ways in self.layers for layer in ways)

    def evaluate(self, x: Tensor, lengths: Tensor | None, *, encode: bool = False) -> Tensor:
        """Return the outputs (B, C) of rows (B, T, F), in inference mode; see `SequenceModel`.

        Without lengths all rows are full. With ``encode``, what the head reads, (B, D).
        """
        n_rows, block = len(x), self.encoder.stable_rows
        x = fill_rows(x.transpose(0, 1), block, dim=1).contiguous()  # (T, B, F)
        lengths = None if lengths is None else fill_rows(lengths, block)
        rows = _Rows(lengths, len(x))
        outputs = [x]
        for ways in self.layers:
            x = _side_by_side(outputs)  # (T, B, D)
            outputs = [layer.run(x, weights_of(layer.module), rows)[0] for layer in ways]
        read = [self.read(way, rows, turned=bool(i))[0] for i, way in enumerate(outputs)]
        features = _side_by_side(read)[:n_rows]  # (B, D)
        return features if encode else self.head.in_blocks(features)

    def noises(self, n_rows: int, n_steps: int) -> list[Tensor | None]:
        """Draw what dropout multiplies by in training, None where it drops nothing.

        The inputs of each layer but the first, (B, T, D), and then what the head reads, (B, D).
        """
        core, head = self.encoder.core, self.head
        empty = partial(torch.empty, dtype=torch.float32, device="cpu")
        found: list[Tensor | None] = [None]
        for ways in self.layers[1:]:
            width = self.size * len(ways)
            if len(ways) == 1:  # as modules have it in memory, and so draw for it
                like = empty(n_steps, n_rows, width).transpose(0, 1)
            else:
                like = empty(n_rows, n_steps, width)
            found.append(_noise(core.dropout, like))
        return [*found, _noise(self.model.dropout, empty(n_rows, head.in_features))]

    def run(
        self, x: Tensor, lengths: Tensor, noises: list[Tensor | None], each: Callable = map
    ) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
        """Run rows (B, T, F) in training, with autograd on though it has nothing to do.

        Parameters
        ----------
        x, lengths : Tensor
            Of shapes (B, T, F) and (B,).
        noises : list
            What `noises` gave.
        each : callable
            ``map``, or what does the same for both directions at once.

        Returns
        -------
        outputs : Tensor of shape (B, C)
        back : callable
            Takes the gradient of the outputs, (B, C), and returns those of the parameters, each
            flat, in the order of ``model.parameters()``. It can be called once.
        """
        size, cast = self.size, self.encoder.autocast
        *between, noise = noises
        x = x.transpose(0, 1).contiguous()  # (T, B, F)
        rows = _Rows(lengths, len(x))
        outputs: Sequence[Tensor] = [x]
        steps_back = []
        for ways, given in zip(self.layers, between, strict=True):
            x = _side_by_side(outputs)  # (T, B, D)
            if given is not None:
                x = x * given.transpose(0, 1)
            train = partial(_Layer.train, x=x, rows=rows, cast=cast)
            outputs, backs = zip(*each(train, ways), strict=True)
            steps_back.append(backs)
        read = [self.read(way, rows, turned=bool(i)) for i, way in enumerate(outputs)]
        features = _side_by_side([one for one, _ in read])  # (B, D)
        if noise is not None:
            features = features * noise
        weight, bias = self.head.weight.detach(), self.head.bias.detach()

        def back(slope: Tensor) -> list[Tensor]:
            head = [torch.mm(slope.T, features).flatten(), slope.sum(0)]
            slope = torch.mm(slope, weight)  # (B, D)
            if noise is not None:
                slope = slope * noise
            parts = slope.split(size, dim=1) if len(read) > 1 else (slope,)
            slopes = [turn(part) for (_, turn), part in zip(read, parts, strict=True)]
            read.clear()
            gradients: list[list[Tensor]] = [[], []]  # of each direction
            while steps_back:
                below = None
                pairs = list(zip(steps_back.pop(), slopes, strict=True))
                for way, (slope, found) in enumerate(each(_step_back, pairs)):
                    below = slope if below is None else below + slope
                    gradients[way] = found + gradients[way]
                if between[len(steps_back)] is not None:
                    below = below * between[len(steps_back)].transpose(0, 1)
                if steps_back:
                    slopes = [(one.contiguous(), None) for one in below.split(size, dim=2)]
            return [*gradients[0], *gradients[1], *head]

        return torch.addmm(bias, features, weight.T), back


def _step_back(pair: tuple[Callable, "Slopes"]) -> tuple[Tensor, list[Tensor]]:
    step, slopes = pair
    return step(slopes)


def _side_by_side(ways: Sequence[Tensor]) -> Tensor:
    """Join what both directions give in the last dimension; one direction's is not copied."""
    return torch.cat(ways, dim=-1) if len(ways) > 1 else ways[0]


def _noise(dropout: Dropout, like: Tensor) -> Tensor | None:
    return dropout.noise(like) if dropout.training and dropout.p > 0 else None


class _Rows:
    """What the lengths of a batch's rows say about its tensors."""

    def __init__(self, lengths: Tensor | None, n_steps: int):
        self.lengths = lengths
        # None if all are full: what is past a row's length, and how to reverse each row.
        self.past: Tensor | None = None  # True past a row's length, (T, B, 1)
        self.turn: Tensor | None = None  # (T B,)
        if lengths is None:
            return
        # Lengths that are one number, expanded, need not all be looked at.
        if int(lengths[0] if lengths.stride(0) == 0 else lengths.min()) < n_steps:
            step, row = torch.arange(n_steps)[:, None], torch.arange(len(lengths))
            self.past = (step >= lengths)[..., None]  # (T, B, 1)
            within = torch.where(step < lengths, lengths - 1 - step, step)  # (T, B)
            self.turn = (within * len(lengths) + row).flatten()  # (T B,)
            self.last = (lengths - 1) * len(lengths) + row  # (B,), where each row ends


class _Layer:
    """One ``nn.LSTM`` in one direction. Rows of one length are turned by the kernel itself."""

    def __init__(self, module: nn.LSTM, kernels: LSTMKernels, turned: bool = False):
        self.module = module
        self.kernels = kernels
        self.size = module.hidden_size
        self.turned = turned

    def run(self, x: Tensor, weights: list[Tensor], rows: _Rows) -> tuple[Tensor, tuple]:
        """Return the outputs (T, B, H) for inputs (T, B, F), and what the way back needs."""
        turn = rows.turn if self.turned else None
        by_kernel = self.turned and turn is None
        outputs, kept = self.kernels.forward(_take(x, turn), weights, by_kernel)
        return _take(outputs, turn), kept

    def train(self, x: Tensor, rows: _Rows, cast: torch.dtype | None) -> tuple[Tensor, Callable]:
        """Return the outputs, and what takes their gradient back.

        That is from `Slopes` to the inputs' gradient, (T, B, F), and the weights', flat. With
        ``cast`` the kernels compute in that type; what goes in and comes out is in float32.
        """
        weights = [weight.detach() for weight in weights_of(self.module)]
        if cast is not None:
            x, *weights = (tensor.to(cast) for tensor in (x, *weights))
        outputs, kept = self.run(x, weights, rows)

        def back(slopes: Slopes) -> tuple[Tensor, list[Tensor]]:
            turn = rows.turn if self.turned else None
            by_kernel = self.turned and turn is None
            steps, end = slopes
            if steps is not None:
                steps = _take(steps, turn)
            if cast is not None:
                steps, end = (None if slope is None else slope.to(cast) for slope in (steps, end))
            below, *found = self.kernels.backward(kept, steps, end, by_kernel)
            below = _take(below, turn)
            if cast is not None:
                below, *found = (slope.float() for slope in (below, *found))
            return below, [slope.flatten() for slope in found]

        return outputs if cast is None else outputs.float(), back


def _take(x: Tensor, positions: Tensor | None) -> Tensor:
    """Take steps (T, B, F) at positions in (T B); None leaves them as they are."""
    if positions is None:
        return x
    return x.flatten(0, 1).index_select(0, positions).view(x.shape)  # (T, B, F)


# Readouts: the vector of each row (B, H), and what turns its gradient into that of the outputs.

Slopes = tuple[Tensor | None, Tensor | None]  # of all steps (T, B, H), and of the last run (B, H)
Read = tuple[Tensor, Callable[[Tensor], Slopes]]


def _last(outputs: Tensor, rows: _Rows, turned: bool) -> Read:
    step = 0 if turned else -1
    if rows.past is None:  # all end at the step that runs last
        return outputs[step], lambda slope: (None, slope)

    def back(slope: Tensor) -> Slopes:
        whole = torch.zeros_like(outputs)
        if turned:
            whole[step] = slope
        else:
            whole.flatten(0, 1).index_copy_(0, rows.last, slope)
        return whole, None

    if turned:
        return outputs[step], back
    return outputs.flatten(0, 1).index_select(0, rows.last), back


def _mean(outputs: Tensor, rows: _Rows, turned: bool) -> Read:
    n_steps = len(outputs) if rows.lengths is None else rows.lengths[:, None]

    def back(slope: Tensor) -> Slopes:
        whole = (slope / n_steps).expand_as(outputs)
        if rows.past is None:
            return whole.contiguous(), None
        return whole.masked_fill(rows.past, 0.0), None

    valid = outputs if rows.past is None else outputs.masked_fill(rows.past, 0.0)
    return sum_of_steps(valid.transpose(0, 1)) / n_steps, back


def _max(outputs: Tensor, rows: _Rows, turned: bool) -> Read:
    valid = outputs if rows.past is None else outputs.masked_fill(rows.past, -torch.inf)
    best = valid.amax(dim=0)

    def back(slope: Tensor) -> Slopes:
        is_best = (valid == best).to(outputs.dtype)
        return is_best.mul_(slope / is_best.sum(dim=0)), None  # equal steps share it

    return best, back


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
        and (weight := weights_of(layer)[0]).dtype == torch.float32
        and weight.device.type == "cpu"
    )
