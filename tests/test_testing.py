"""The contract kit tested: for each check, backends that break its rule and so have to fail it.

A sound backend, an LSTM, passes every check. Each broken one is that backend with one fault: either
a function that spoils what `forward` returns, or a subclass that spoils `build` or the options.
That the built-in backends pass is the subject of test_backends.py.
"""

import random

import numpy as np
import pytest
import torch
from torch import nn

from seqlearn.backend import Backend, Dropout, Stack, valid_steps
from seqlearn.errors import InvalidBackendError, UnknownBackendError
from seqlearn.testing import Check, backend_checks
from seqlearn.testing.rules import learning
from seqlearn.torch_internals import computes_bf16


class Core(nn.Module):
    def __init__(self, stack, forward):
        super().__init__()
        self.stack, self.spoil, self.output_size = stack, forward, stack.output_size

    def forward(self, x, lengths=None, state=None):
        return self.spoil(self.stack, x, lengths, state)


def run(stack, x, lengths, state):
    return stack(x, lengths, state)


class Sound(Backend):
    """Keeps every rule, unless the function it is given breaks one."""

    def __init__(self, forward=run):
        self.forward = forward

    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        stack = Stack(
            lambda size: nn.LSTM(size, hidden_size, batch_first=True),
            input_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        return self.finish(Core(stack, self.forward))

    def finish(self, core):
        return core


def past(x, lengths):
    return ~valid_steps(lengths, x.shape[1])[..., None]  # (B, T, 1)


# parameter_object


class StoresACopy(Sound):
    def __init__(self, forward=run, widths=(1, 2)):
        self.forward = forward
        self.widths = list(widths)


class StoresMore(Sound):
    def __init__(self, forward=run):
        self.forward = forward
        self.cache = {}


class StoresNothing(Sound):
    def __init__(self, forward=run, heads=4):
        self.forward = forward


# capabilities


class SaysCausalInWords(Sound):
    causal = "no"


class CountsNoRows(Sound):
    stable_rows = 0


class AsksForFrames(Sound):
    step_shape = (3, 8, 8)


class ReadsFrames(Sound):
    """Sound too, with frames."""

    step_shape = (None, None, None)

    def build(self, input_size, hidden_size, **how):
        core = super().build(self.values(input_size), hidden_size, **how)
        core.spoil = self.run
        return core

    def values(self, input_size):
        return input_size[0] * input_size[1] * input_size[2]

    def run(self, stack, x, lengths, state):
        return self.forward(stack, self.read(x), lengths, state)

    def read(self, x):
        return x.flatten(-3)


class ReadsOneColour(ReadsFrames):
    def values(self, input_size):
        return input_size[0] * input_size[1]

    def read(self, x):
        return x[..., 0].flatten(-2)


def by_the_brightest_frame(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs * x.abs().amax(dim=1, keepdim=True).mean(-1, keepdim=True), state


class AsksForGapsInWords(Sound):
    missing = "mask"


class KnowsOfGaps(Sound):
    missing = True


# build


class BuildsNoModule(Sound):
    def finish(self, core):
        return lambda x, lengths=None, state=None: core(x, lengths, state)


class SizeIsFloat(Sound):
    def finish(self, core):
        core.output_size = core.output_size / 1
        return core


class NoSize(Sound):
    def finish(self, core):
        del core.output_size
        return core


class SharesAModule(Sound):
    shared = nn.Linear(1, 1)

    def finish(self, core):
        core.extra = self.shared
        return core


class ChangesItself(Sound):
    def __init__(self, forward=run, builds=0):
        self.forward = forward
        self.builds = builds

    def finish(self, core):
        self.builds += 1
        return core


# output_shape


def outputs_alone(stack, x, lengths, state):
    return stack(x, lengths, state)[0]


def time_first(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs.transpose(0, 1), state  # (T, B, D)


def cut_to_the_longest(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs[:, : lengths.max()], state


def wider_than_declared(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return torch.cat([outputs, outputs], dim=-1), state  # (B, T, 2D)


def not_a_number(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return (outputs - 2).log(), state


# dtype


def always_double(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs.double(), state


def always_single(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs.float(), state


def single_inside(stack, x, lengths, state):
    return stack(x.float(), lengths, state)


def coarse_in_single(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return (outputs.half().float() if outputs.dtype == torch.float32 else outputs), state


# sizes and devices


class NeedsTwoUnits(Sound):
    def build(self, input_size, hidden_size, **rest):
        assert hidden_size > 1, "heads of one unit"
        return super().build(input_size, hidden_size, **rest)


def makes_zeros_on_the_cpu(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs + torch.zeros(outputs.shape[1:]), state


def looks_into_the_rows(stack, x, lengths, state):
    assert not x.isnan().any()
    return stack(x, lengths, state)


def looks_into_the_lengths(stack, x, lengths, state):
    full = lengths is None or int(lengths.min()) == x.shape[1]
    return stack(x, None if full else lengths, state)


# padding, batch, future


def adds_the_mean_over_all_steps(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs + x.mean((1, 2), keepdim=True), state


def masks_by_multiplication(stack, x, lengths, state):
    """Zero times padding is zero, but for padding so large that its square is not finite."""
    outputs, state = stack(x, lengths, state)
    padding = x**8 * past(x, lengths)
    return outputs + 0 * padding.sum((1, 2), keepdim=True), state


def adds_padding_times_zero(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs + 0 * (x * past(x, lengths)).sum((1, 2), keepdim=True), state


class NormalisesPaddingToo(Sound):
    """In training, what stands past the lengths enters the mean and variance of the batch."""

    def build(self, input_size, hidden_size, **rest):
        core = super().build(input_size, hidden_size, **rest)
        return AroundInputs(core, Normalised(input_size))


def reads_padding_backwards(stack, x, lengths, state):
    return stack(x, None, state)


def divides_by_steps(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs / x.shape[1], state


def centres_the_batch(stack, x, lengths, state):
    return stack(x - x.mean(0), lengths, state)


def numbers_the_rows(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs + 0.01 * torch.arange(len(x))[:, None, None], state


def divides_by_the_longest(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs / lengths.max(), state


def zeroes_first_step_of_ragged_rows(stack, x, lengths, state):
    if int(lengths.min()) < x.shape[1]:
        x = x * (torch.arange(x.shape[1]) > 0)[:, None]
    return stack(x, lengths, state)


def halves_rows_without_lengths(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs / 2 if lengths is None else outputs, state


def measures_the_batch_after_64_steps(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    late = (torch.arange(x.shape[1]) >= 64)[:, None] * lengths.max()  # (T, 1)
    return outputs + late / 1000, state


def squeezes(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs.squeeze(), state


def scales_by_variance(stack, x, lengths, state):
    """The variance of one value is not a number."""
    outputs, state = stack(x, lengths, state)
    variance = [row[:length].var(dim=0) for row, length in zip(outputs, lengths, strict=True)]
    return outputs / torch.stack(variance)[:, None], state


def looks_one_step_ahead(stack, x, lengths, state):
    ahead = torch.cat([x[:, 1:], x[:, -1:]], dim=1)  # (B, T, F)
    return stack(ahead, lengths, state)


def looks_back_from_step_256(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs + x[:, 256:].sum((1, 2), keepdim=True), state


# state


def forgets_its_state_every_64_steps(stack, x, lengths, state):
    parts, last = [], None
    for i, part in enumerate(x.split(64, dim=1)):
        rest = None if lengths is None else (lengths - 64 * i).clamp(1, part.shape[1])
        outputs, last = stack(part, rest, None if i else state)
        parts.append(outputs)
    return torch.cat(parts, dim=1), last  # (B, T, D)


def forgets_its_state(stack, x, lengths, state):
    return stack(x, lengths, None)


def returns_no_state(stack, x, lengths, state):
    return stack(x, lengths, state)[0], None


def forgets_its_state_when_rows_differ(stack, x, lengths, state):
    return stack(x, lengths, state if lengths is None else None)


def returns_the_state_at_start(stack, x, lengths, state):
    outputs, after = stack(x, lengths, state)
    return outputs, after if state is None else state


def returns_the_state_after_padding(stack, x, lengths, state):
    return stack(x, lengths, state)[0], stack(x, None, state)[1]


def always_returns_a_state(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs, () if stack.backward_layers else state


def changed(state, change):
    if isinstance(state, tuple):
        return tuple(changed(part, change) for part in state)
    return None if state is None else change(state)


def has_torchs_layout(stack, x, lengths, state):
    state = changed(state, lambda part: part[0])
    outputs, state = stack(x, lengths, state)
    return outputs, changed(state, lambda part: part[None])


def returns_a_list(stack, x, lengths, state):
    outputs, state = stack(x, lengths, None if state is None else tuple(state))
    return outputs, None if state is None else list(state)


def hides_a_list(stack, x, lengths, state):
    outputs, state = stack(x, lengths, None if state is None else state[0])
    return outputs, None if state is None else (state, [])


def has_its_rows_reversed(stack, x, lengths, state):
    outputs, state = stack(x, lengths, changed(state, lambda part: part.flip(0)))
    return outputs, changed(state, lambda part: part.flip(0))


def counts_from_one(stack, x, lengths, state):
    outputs, state = stack(x, lengths, changed(state, lambda part: part - 1))
    return outputs, changed(state, lambda part: part + 1)


def keeps_all_its_outputs(stack, x, lengths, state):
    before, kept = (None, None) if state is None else state
    outputs, last = stack(x, lengths, before)
    whole = outputs if kept is None else torch.cat([kept, outputs], dim=1)
    return outputs, None if last is None else (last, whole)


class DeclaresNoState(Sound):
    stateful = False


# step


class Steps(Sound):
    """Has a step, of the kind it is given."""

    def __init__(self, forward=run, kind=None):
        self.forward = forward
        self.kind = kind

    def finish(self, core):
        return self.kind(core.stack, core.spoil)


class Sure(Core):
    def step(self, x, state=None, **how):
        return self.stack.step(x, state, **how)


class ForgetsAtStep(Core):
    def step(self, x, state=None):
        return self.stack.step(x)


class DropsNothingAtStep(Core):
    def step(self, x, state=None):
        layers = []
        for i, layer in enumerate(self.stack.layers):
            x, last = layer(x[:, None] if i == 0 else x, state and tuple(p[None] for p in state[i]))
            layers.append(tuple(part[0] for part in last))
        return x[:, 0], tuple(layers)


class DetachesAtStep(Core):
    def step(self, x, state=None):
        return self.stack.step(x, changed(state, torch.Tensor.detach))


class KeepsOldWeights(Core):
    """Prepares a matrix from the weights once and looks at their versions for an update."""

    version = None

    def step(self, x, state=None):
        layer = self.stack.layers[0]
        if self.version != (layer.weight_ih_l0._version, layer.weight_ih_l0.dtype):
            self.version = layer.weight_ih_l0._version, layer.weight_ih_l0.dtype
            self.prepared = layer.weight_ih_l0.detach().clone()
        if torch.is_grad_enabled() and x.requires_grad:
            return self.stack.step(x, state)
        current = layer.weight_ih_l0.data
        layer.weight_ih_l0.data = self.prepared
        answer = self.stack.step(x, state)
        layer.weight_ih_l0.data = current
        return answer


class ProjectsOtherwise(Core):
    def project(self, x):
        return self.stack.project(2 * x)

    def step(self, x, state=None, projected=False):
        return self.stack.step(x, state, projected=projected)


# arguments


def masks_in_place(stack, x, lengths, state):
    with torch.no_grad():
        x.clamp_(-0.1, 0.1)
    return stack(x, lengths, state)


def counts_lengths_down(stack, x, lengths, state):
    answer = stack(x, lengths, state)
    lengths -= 1
    return answer


# gradients


class HasAnUnusedParameter(Sound):
    def finish(self, core):
        core.unused = nn.Parameter(torch.rand(2))
        return core


def cuts_the_graph(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs.detach(), state


def has_an_infinite_gradient(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs + (outputs - outputs.detach()).abs().sqrt(), state


def leaks_a_little(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs + 1e-8 * x.sum((1, 2), keepdim=True), state


def detaches_the_input(stack, x, lengths, state):
    return stack(x.detach(), lengths, state)


def flattens_the_input(stack, x, lengths, state):
    return stack(x.sign() * (1 + 0 * x), lengths, state)


class ScaledGradient(torch.autograd.Function):
    """The identity, with a factor in its gradient."""

    @staticmethod
    def forward(ctx, values, factor):
        ctx.factor = factor
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None


def doubles_its_gradients(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return ScaledGradient.apply(outputs, 2.0), state


def averages_its_gradients(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return ScaledGradient.apply(outputs, 1.0 / len(x)), state


class TrainsInBfloat16(Sound):
    bf16 = True


def mixes_types(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return torch.lerp(outputs, x.sum(2, keepdim=True).expand_as(outputs), 0.1), state


def is_coarser_under_autocast(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs * (0.8 if torch.is_autocast_enabled("cpu") else 1.0), state


def is_coarser_with_eight_features(stack, x, lengths, state):
    if x.shape[2] == 8:
        return is_coarser_under_autocast(stack, x, lengths, state)
    return stack(x, lengths, state)


def has_coarser_gradients_under_autocast(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return ScaledGradient.apply(outputs, 0.5 if torch.is_autocast_enabled("cpu") else 1.0), state


def sees_one_step_at_a_time(stack, x, lengths, state):
    rows, steps, features = x.shape
    alone = x.reshape(rows * steps, 1, features)  # (B T, 1, F)
    outputs, _ = stack(alone, torch.ones(rows * steps, dtype=torch.int64))
    return outputs.view(rows, steps, -1), None  # (B, T, D)


# gaps


def reads_no_gaps(stack, x, lengths, state):
    values, mask, gaps = x.chunk(3, dim=2)
    return stack(torch.cat([values, mask, torch.zeros_like(gaps)], dim=2), lengths, state)


def reads_no_mask(stack, x, lengths, state):
    values, mask, gaps = x.chunk(3, dim=2)
    return stack(torch.cat([values, torch.ones_like(mask), gaps], dim=2), lengths, state)


def grows_with_gaps(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return outputs * x.abs().amax(dim=2, keepdim=True).exp(), state


# seeds


class AlwaysTheSame(Sound):
    def finish(self, core):
        generator = torch.Generator().manual_seed(0)
        for weight in core.parameters():
            nn.init.uniform_(weight, -0.1, 0.1, generator=generator)
        return core


class DrawsFromNumPy(Sound):
    def finish(self, core):
        core.scale = nn.Parameter(torch.tensor(np.random.default_rng().random(3)))
        return core


class SetsASeed(Sound):
    def finish(self, core):
        torch.manual_seed(0)
        return core


class MovesNumPy(Sound):
    def finish(self, core):
        np.random.random()
        return core


def draws_from_python(stack, x, lengths, state):
    random.random()
    return stack(x, lengths, state)


def draws_from_torch(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    return nn.functional.dropout(outputs, 0.1, training=stack.training), state


# dropout


class IgnoresDropout(Sound):
    def finish(self, core):
        core.stack.dropout.p = 0.0
        return core


def drops_in_eval_mode(stack, x, lengths, state):
    x = x * torch.empty_like(x).bernoulli_(0.9, generator=NOISE)
    return stack(x, lengths, state)


def adds_its_own_noise(stack, x, lengths, state):
    if stack.training:
        x = x + torch.empty_like(x).normal_(0, 0.1, generator=NOISE)
    return stack(x, lengths, state)


def adds_the_same_noise(stack, x, lengths, state):
    if stack.training:
        x = x + torch.empty_like(x).normal_(0, 0.1, generator=torch.Generator().manual_seed(0))
    return stack(x, lengths, state)


NOISE = torch.Generator().manual_seed(0)


class DropsTheSameInputs(Sound):
    def finish(self, core):
        return AroundInputs(core, Stuck(0.5))


class Stuck(Dropout):
    def forward(self, x):
        self.reseed(self._seed)
        return super().forward(x)


class DeafToSeeds(Sound):
    def finish(self, core):
        return AroundInputs(core, Deaf(0.5))


class Deaf(Dropout):
    """Always draws the same numbers, whatever seed it is told, new ones for each batch."""

    def reseed(self, seed):
        super().reseed(0)


# copies


class HoldsALambda(Sound):
    def finish(self, core):
        core.activation = lambda values: values
        return core


class HoldsALambdaItself(Sound):
    def __init__(self, forward=run, activation=lambda values: values):
        self.forward = forward
        self.activation = activation


def keeps_its_outputs(stack, x, lengths, state):
    outputs, state = stack(x, lengths, state)
    stack.last_outputs = outputs
    return outputs, state


class LosesAFactor(Sound):
    def finish(self, core):
        return Factor(core)


class Factor(nn.Module):
    """A factor that is neither parameter nor buffer; `__getstate__` leaves it out."""

    def __init__(self, core):
        super().__init__()
        self.core, self.output_size = core, core.output_size
        self.factor = torch.rand(1)

    def forward(self, x, lengths=None, state=None):
        outputs, state = self.core(x, lengths, state)
        return outputs * getattr(self, "factor", 1.0), state

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "factor"}


BROKEN = [
    ("parameter_object", StoresACopy(), "widths"),
    ("parameter_object", StoresMore(), "It sets cache"),
    ("parameter_object", StoresNothing(), "It raised AttributeError"),
    ("capabilities", SaysCausalInWords(), "causal is 'no'"),
    ("capabilities", CountsNoRows(), "stable_rows is 0"),
    ("capabilities", AsksForFrames(), r"step_shape is \(3, 8, 8\)"),
    ("capabilities", AsksForGapsInWords(), "missing is 'mask'"),
    ("frames", ReadsOneColour(), "20 of 40 values of frames of 5 x 4 x 2 are not read"),
    ("frames", ReadsFrames(by_the_brightest_frame), "with other padding|other padding"),
    ("sizes", NeedsTwoUnits(), "It raised AssertionError: heads of one unit"),
    ("device_of_inputs", Sound(makes_zeros_on_the_cpu), "It raised RuntimeError"),
    ("device_of_inputs", Sound(looks_into_the_rows), "It raised RuntimeError"),
    ("device_of_inputs", Sound(looks_into_the_lengths), "It raised RuntimeError"),
    ("build", BuildsNoModule(), "It returned <function"),
    ("build", SizeIsFloat(), "output_size is 5.0"),
    ("build", NoSize(), "output_size is None"),
    ("build", SharesAModule(), "Two builds share 2 parameters"),
    ("build", ChangesItself(), "after build they are"),
    ("output_shape", Sound(outputs_alone), "It returned Tensor"),
    ("output_shape", Sound(time_first), r"The shape is \(7, 4, 5\) instead of \(4, 7, 5\)"),
    ("output_shape", Sound(cut_to_the_longest), r"The shape is \(2, 3, 5\) instead of \(2, 6, 5\)"),
    ("output_shape", Sound(wider_than_declared), "instead of"),
    ("output_shape", Sound(not_a_number), "not finite"),
    ("dtype", Sound(always_double), "float32 became torch.float64"),
    ("dtype", Sound(always_single), "float64 became torch.float32"),
    ("dtype", Sound(single_inside), "It raised"),
    ("dtype", Sound(coarse_in_single), "float32 and float64 outputs"),
    ("padding_invariance", Sound(adds_the_mean_over_all_steps), "padding of size 1 "),
    ("padding_invariance", Sound(masks_by_multiplication), "padding of size 1e\\+06 .* nan"),
    ("padding_invariance", Sound(adds_padding_times_zero), "padding of size inf .* nan"),
    ("padding_in_training", NormalisesPaddingToo(), "Outputs with other padding"),
    ("padding_invariance", Sound(reads_padding_backwards), "bidirectional=True"),
    ("pad_length_invariance", Sound(divides_by_steps), "4 more padded steps"),
    ("pad_length_invariance", Sound(reads_padding_backwards), "bidirectional=True"),
    ("batch_invariance", Sound(centres_the_batch), "row 0, alone and in a batch"),
    ("batch_invariance", Sound(numbers_the_rows), "in new order"),
    ("ragged_rows", Sound(divides_by_the_longest), "the row of 1 steps, cut"),
    ("ragged_rows", Sound(zeroes_first_step_of_ragged_rows), "the row of 7 steps, cut"),
    ("full_rows", Sound(halves_rows_without_lengths), "Outputs without lengths, and with"),
    ("long_rows", Sound(measures_the_batch_after_64_steps), "the row of 130 steps, cut"),
    ("one_step", Sound(squeezes), "It raised"),
    ("one_step", Sound(scales_by_variance), "not finite|It raised UserWarning"),
    ("causality", Sound(looks_one_step_ahead), "Outputs before step 1"),
    ("causality", Sound(adds_the_mean_over_all_steps), "Outputs before step 1"),
    ("causality", Sound(looks_back_from_step_256), "Outputs of 200 steps"),
    ("chunk_consistency", Sound(forgets_its_state_every_64_steps), "of 300 steps, in 2 parts"),
    ("chunk_consistency", Sound(forgets_its_state), "in 2 parts and in one"),
    ("chunk_consistency", Sound(returns_no_state), "The state after 3 steps is None"),
    ("chunk_consistency", Sound(returns_the_state_at_start), "in 7 parts and in one"),
    ("chunk_consistency", Sound(forgets_its_state_when_rows_differ), "end after 7 and 5 steps"),
    ("state_none", Sound(returns_no_state), "None came back without lengths"),
    ("state_none", Sound(returns_the_state_after_padding), "The step after each row's end, alone"),
    ("state_none", Sound(always_returns_a_state), "bidirectional=True: A tuple came back"),
    ("state_none", DeclaresNoState(), "A tuple came back without lengths"),
    ("state_rows", Sound(has_torchs_layout), r"3 rows have a tensor of shape \(1, 3, 5\)"),
    ("state_rows", Sound(returns_a_list), "The state is a list"),
    ("state_rows", Sound(hides_a_list), "The state holds a list"),
    ("state_rows", Sound(has_its_rows_reversed), r"Outputs of the rows \[1, 2\], selected"),
    ("state_rows", Sound(counts_from_one), "that begin with a state of zeros"),
    ("state_rows", Sound(keeps_all_its_outputs), "3 steps later"),
    ("step_equals_forward", Steps(kind=ForgetsAtStep), "Outputs of steps and of forward, in"),
    ("step_equals_forward", Steps(kind=DropsNothingAtStep), "Outputs of one step in training"),
    ("step_equals_forward", Steps(kind=DetachesAtStep), "Gradients of .* differ"),
    ("step_equals_forward", Steps(kind=KeepsOldWeights), "after an update of the weights"),
    ("step_equals_forward", Steps(kind=ProjectsOtherwise), "of what project returned"),
    ("arguments_unchanged", Sound(masks_in_place), "x was changed by up to"),
    ("arguments_unchanged", Sound(counts_lengths_down), r"lengths became \[6, 0, 3, 5\]"),
    ("gradients", HasAnUnusedParameter(), "unused receives none"),
    ("gradients", Sound(cuts_the_graph), "It raised RuntimeError"),
    ("gradients", Sound(has_an_infinite_gradient), "not finite"),
    ("padding_gradients", Sound(leaks_a_little), "Padding has a gradient of"),
    ("padding_gradients", Sound(detaches_the_input), "None flows to the input at all"),
    ("padding_gradients", Sound(flattens_the_input), "All gradients of the input are zero"),
    ("row_gradients", Sound(averages_its_gradients), "Gradients of .* differ"),
    (
        "finite_differences",
        Sound(doubles_its_gradients),
        "A step in the input changes the outputs",
    ),
    ("bfloat16", TrainsInBfloat16(mixes_types), "It raised RuntimeError"),
    ("bfloat16", TrainsInBfloat16(is_coarser_under_autocast), "Outputs in bfloat16 and float32"),
    ("bfloat16", TrainsInBfloat16(is_coarser_with_eight_features), "float32 of 8 features"),
    ("bfloat16", TrainsInBfloat16(has_coarser_gradients_under_autocast), "is off by (49|50|51)%"),
    ("missing", KnowsOfGaps(reads_no_gaps), "Other gaps give the same outputs"),
    ("missing", KnowsOfGaps(reads_no_mask), "Other mask give the same outputs"),
    ("missing", KnowsOfGaps(grows_with_gaps), "after gaps of a million .* not finite"),
    ("learning", Sound(sees_one_step_at_a_time), "After 500 updates"),
    ("seeds", AlwaysTheSame(), "Two builds from two seeds are equal"),
    ("seeds", DrawsFromNumPy(), "differ in scale"),
    ("global_random_state", SetsASeed(), "build moved that of torch"),
    ("global_random_state", MovesNumPy(), "build moved that of NumPy"),
    ("global_random_state", Sound(draws_from_python), "Training moved that of Python"),
    ("global_random_state", Sound(draws_from_torch), "Training moved that of torch"),
    ("dropout", IgnoresDropout(), "In training it changed outputs by 0"),
    ("dropout", Sound(drops_in_eval_mode), "Two calls in eval mode differ"),
    ("dropout_alone", Sound(draws_from_torch), "Two reseeded calls differ"),
    ("dropout_alone", Sound(adds_its_own_noise), "Two reseeded calls differ"),
    ("dropout_alone", Sound(adds_the_same_noise), "every Dropout at p=0"),
    ("dropout_masks", DropsTheSameInputs(), "inner has the same mask in 9 batches"),
    ("dropout_masks", DeafToSeeds(), "inner has the same mask from 9 seeds"),
    ("copies", HoldsALambda(), "It raised"),
    ("copies", HoldsALambdaItself(), "It raised"),
    ("copies", Sound(keeps_its_outputs), "It raised RuntimeError"),
    ("copies", LosesAFactor(), "Outputs after pickle"),
    ("export", Sound(looks_into_the_lengths), "It raised"),
    ("state_dict", LosesAFactor(), "Outputs .* differ by"),
]


class TiedToTheCPU(Sound):
    def finish(self, core):
        return Factor(core)


def check_named(name, backend):
    if name == "bfloat16" and not computes_bf16("cpu"):
        pytest.skip("torch has no kernels in bfloat16 for this processor")
    return next(check for check in backend_checks(backend) if check.name == name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "backend", "found"),
    BROKEN,
    ids=lambda value: (
        value.forward.__name__
        if type(value) is Sound
        else type(value).__name__
        if isinstance(value, Backend) and not isinstance(value, Steps)
        else value.kind.__name__
        if isinstance(value, Backend)
        else value.split()[0]
    ),
)
def test_check_fails_on_broken_backend(name, backend, found):
    check = check_named(name, backend)
    with pytest.raises(AssertionError, match=found) as failure:
        check()
    assert f"breaks the rule {name!r}: {check.rule}" in str(failure.value)
    assert type(backend).__name__ in str(failure.value)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_device_check_fails_on_core_tied_to_the_cpu():
    with pytest.raises(AssertionError, match="device"):
        check_named("device", TiedToTheCPU())()


def test_every_check_has_its_broken_backend():
    names = {check.name for check in backend_checks(TrainsInBfloat16())}
    names |= {check.name for check in backend_checks(KnowsOfGaps())}
    assert {name for name, _, _ in BROKEN} == names - {"device"} | {"bfloat16", "frames"}


def test_bfloat16_is_asked_where_it_can_be_computed(monkeypatch):
    for found in (True, False):
        monkeypatch.setattr(learning, "computes_bf16", lambda device, found=found: found)
        names = {check.name for check in backend_checks(TrainsInBfloat16())}
        assert ("bfloat16" in names) == found


@pytest.mark.slow
@pytest.mark.parametrize(
    "check", [*backend_checks(TrainsInBfloat16()), *backend_checks(KnowsOfGaps())]
)
def test_sound_backend_passes(check):
    check()


@pytest.mark.slow
@pytest.mark.parametrize("check", backend_checks(ReadsFrames()))
def test_sound_backend_that_reads_frames_passes(check):
    check()


def test_sound_step_passes():
    check_named("step_equals_forward", Steps(kind=Sure))()


def test_checks_follow_what_is_declared():
    class NeitherCausalNorStateful(Sound):
        causal = False
        stateful = False

    names = {check.name for check in backend_checks(Sound())}
    fewer = {check.name for check in backend_checks(NeitherCausalNorStateful())}
    of_state = {"chunk_consistency", "state_rows", "step_equals_forward"}
    assert names - fewer == {"causality", *of_state}
    assert fewer < names
    more = {check.name for check in backend_checks(TrainsInBfloat16())}
    assert more - names == ({"bfloat16"} if computes_bf16("cpu") else set())
    assert {check.name for check in backend_checks(KnowsOfGaps())} - names == {"missing"}
    assert {check.name for check in backend_checks(ReadsFrames())} - names == {"frames"}


@pytest.mark.slow
def test_own_dropout_and_batch_normalisation_are_allowed():
    class DropsInputs(Sound):
        def finish(self, core):
            return AroundInputs(core, Dropout(0.2))

    class Normalises(Sound):
        def finish(self, core):
            return AroundInputs(core, Normalised(3))

    for backend in (DropsInputs(), Normalises()):
        for name in ("dropout", "dropout_alone", "dropout_masks", "state_dict"):
            check_named(name, backend)()
        for name in ("global_random_state", "device_of_inputs"):
            check_named(name, backend)()


class AroundInputs(nn.Module):
    def __init__(self, core, inner):
        super().__init__()
        self.core, self.inner, self.output_size = core, inner, core.output_size

    def forward(self, x, lengths=None, state=None):
        return self.core(self.inner(x), lengths, state)


class Normalised(nn.BatchNorm1d):
    def forward(self, x):
        return super().forward(x.transpose(1, 2)).transpose(1, 2)  # (B, T, F)


def test_check_says_what_it_is():
    checks = backend_checks("torch")
    assert all(isinstance(check, Check) for check in checks)
    assert len({check.name for check in checks}) == len(checks)
    for check in checks:
        assert check.__name__ == check.name  # what pytest takes for an id
        assert check.rule.endswith(".") and check.name in repr(check)
        assert check.subject.startswith("The backend 'torch' of scikit-seqlearn ")


def test_failure_names_the_distribution(install):
    source = (
        "from torch import nn\n"
        "from seqlearn.backend import Backend\n"
        "class Core(nn.Module):\n"
        "    output_size = 4\n"
        "    def forward(self, x, lengths=None, state=None):\n"
        "        return x.flip(1), None\n"
        "class Wrong(Backend):\n"
        "    stateful = False\n"
        "    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):\n"
        "        return Core()\n"
    )
    install("seqlearn-wrong", {"wrong": "seqlearn_wrong:Wrong"}, {"seqlearn_wrong": source}, "3.1")
    for name in ("output_shape", "causality"):  # a wrong shape, a wrong capability
        rule = f"The backend 'wrong' of seqlearn-wrong 3.1 breaks the rule '{name}'"
        with pytest.raises(AssertionError, match=rule):
            check_named(name, "wrong")()


def test_no_backend_is_refused_at_once():
    with pytest.raises(UnknownBackendError, match="Did you mean 'torch'"):
        backend_checks("torhc")
    with pytest.raises(InvalidBackendError, match="Make an object of it"):
        backend_checks(Sound)


@pytest.mark.slow
def test_kit_leaves_global_random_states():
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    for name, backend, _ in BROKEN:
        if name == "global_random_state":
            with pytest.raises(AssertionError):
                check_named(name, backend)()
    for check in backend_checks(Sound()):
        check()
    assert torch.equal(before[0], torch.get_rng_state())
    assert str(before[1]) == str(np.random.get_state())
    assert before[2] == random.getstate()
