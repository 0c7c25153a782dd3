"""The rules of the contract, one function each, which takes a backend and raises if it breaks it.

A function here says what was found; who is meant, and the sentence of the rule, are added by
`seqlearn.testing.Check`. Cores, rows and comparisons come from `material`. To add a rule, write a
function under ``@_rule(sentence)``, and a backend that breaks it in tests/test_testing.py.
"""

import copy
import pickle
from collections.abc import Callable
from itertools import pairwise

import torch
from sklearn.base import clone
from torch import nn

from seqlearn.backend import Backend, Dropout, draw_from
from seqlearn.registry import resolve_backend
from seqlearn.testing.material import (
    INPUT,
    LENGTHS,
    Broken,
    adding_problem,
    build_core,
    each_core,
    make_noise,
    make_rows,
    moved_random_states,
    require,
    require_close,
    require_finite,
    shown,
    training_outputs,
    valid_mask,
    valid_steps,
    weighted_sum,
)

RULES: list[tuple[str, Callable[[Backend], bool], Callable[[Backend], None]]] = []


def _rule(sentence: str, applies: Callable[[Backend], bool] = lambda backend: True) -> Callable:
    def note(holds):
        RULES.append((sentence, applies, holds))
        return holds

    return note


# What the backend is, and what it builds


@_rule("A backend is a parameter object: its constructor stores its arguments and does no more.")
def _parameter_object(backend):
    params = backend.get_params(deep=False)
    twin = type(backend)(**params)
    for name, value in params.items():
        stored = getattr(twin, name, None)
        require(stored is value, f"{name}={value!r} was stored as {stored!r}.")
    extra = sorted(vars(twin).keys() - params)
    require(not extra, f"It sets {', '.join(extra)}, which is no argument of it.")
    require(repr(clone(backend)) == repr(backend), f"A clone reads {clone(backend)!r}.")
    require(type(resolve_backend(backend)) is type(backend), "Resolving it changes its type.")


@_rule(
    "build returns a new torch module each time, with an int output_size; options stay the same."
)
def _build(backend):
    before = repr(backend.get_params())
    for setting, core in each_core(backend):
        require(isinstance(core, nn.Module), f"It returned {shown(core)} {setting}.")
        size = getattr(core, "output_size", None)
        require(type(size) is int and size > 0, f"output_size is {size!r} {setting}.")
    after = repr(backend.get_params())
    require(after == before, f"Its parameters were {before}, after build they are {after}.")
    first, second = build_core(backend), build_core(backend)
    shared = {*map(id, first.parameters())} & {*map(id, second.parameters())}
    require(first is not second and not shared, f"Two builds share {len(shared)} parameters.")


@_rule("forward returns a pair (outputs, state); outputs has the shape (B, T, output_size).")
def _output_shape(backend):
    for setting, core in each_core(backend):
        for lengths, steps in ((LENGTHS, 7), ((4, 4), 4), ((3, 2), 6)):
            x, rows = make_rows(lengths, steps)
            answer = core(x, rows)
            require(
                isinstance(answer, tuple) and len(answer) == 2 and torch.is_tensor(answer[0]),
                f"It returned {type(answer).__name__} {setting}.",
            )
            found, due = tuple(answer[0].shape), (len(lengths), steps, core.output_size)
            require(found == due, f"The shape is {found} instead of {due} {setting}.")
            require_finite(valid_steps(answer[0], rows), f"The outputs {setting}")


@_rule("float32 in gives float32 out; after .double(), float64 in gives the same in float64.")
def _dtype(backend):
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        single = core(x, lengths)[0]
        require(single.dtype == torch.float32, f"float32 became {single.dtype} {setting}.")
        core.double()
        double = core(x.double(), lengths)[0]
        require(double.dtype == torch.float64, f"float64 became {double.dtype} {setting}.")
        weighted_sum(double, lengths).backward()
        double, single = valid_steps(double, lengths), valid_steps(single, lengths)
        require_close(single, double.float(), f"float32 and float64 outputs {setting}", 1e-4)


# Rows do not see padding, each other, or their future


@_rule("What stands past a row's length changes no valid output.")
def _padding_invariance(backend):
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        clean = valid_steps(core(x, lengths)[0], lengths)
        for size in (1.0, 1e6):
            spoiled = torch.where(
                valid_mask(x, lengths)[..., None], x, size * make_noise(x.shape, seed=1)
            )
            found = valid_steps(core(spoiled, lengths)[0], lengths)
            require_close(found, clean, f"Outputs with padding of size {size:g} {setting}")


@_rule("The number of padded steps changes no valid output.")
def _pad_length_invariance(backend):
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        longer = torch.cat([x, make_noise((len(x), 4, INPUT), seed=1)], dim=1)  # (B, T + 4, F)
        found, due = (valid_steps(core(rows, lengths)[0], lengths) for rows in (longer, x))
        require_close(found, due, f"Outputs after 4 more padded steps {setting}")


@_rule("A row's outputs do not depend on the other rows of the batch, nor on their order.")
def _batch_invariance(backend):
    for setting, core in each_core(backend):
        for lengths in (LENGTHS, (7,) * 4):
            x, rows = make_rows(lengths)
            together = _run_enough(backend, core, x, rows)
            order = torch.tensor([2, 0, 3, 1])
            shuffled = _run_enough(backend, core, x[order], rows[order])
            due = valid_steps(together[order], rows[order])
            require_close(
                valid_steps(shuffled, rows[order]), due, f"Outputs in new order {setting}"
            )
            for i in range(len(x)):
                alone = _run_enough(backend, core, x[i : i + 1], rows[i : i + 1])
                alone = valid_steps(alone, rows[i : i + 1])
                due = together[i, : lengths[i]]
                require_close(alone, due, f"Outputs of row {i}, alone and in a batch, {setting}")


@_rule("A row cut to its own length gives the outputs that it gives among rows of other lengths.")
def _ragged_rows(backend):
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        together = _run_enough(backend, core, x, lengths)
        for i, length in enumerate(LENGTHS):
            cut = _run_enough(backend, core, x[i : i + 1, :length], lengths[i : i + 1])[
                0
            ]  # (T_i, D)
            due = together[i, :length]
            require_close(cut, due, f"Outputs of the row of {length} steps, cut, {setting}")


def _run_enough(backend, core, x, lengths):
    """Run rows as the estimators do: the same ones again, up to ``backend.stable_rows``."""
    times = -(-backend.stable_rows // len(x))
    return core(torch.cat([x] * times), torch.cat([lengths] * times))[0][: len(x)]


@_rule("Rows of one step, one row at a time and batches of one step work, forward and backward.")
def _one_step(backend):
    for setting, core in each_core(backend):
        for lengths, steps in (((1,), 1), ((1, 1, 1), 1), ((1, 1), 4)):
            x, rows = make_rows(lengths, steps)
            x.requires_grad_()
            outputs = core(x, rows)[0]
            weighted_sum(outputs, rows).backward()
            require_finite(valid_steps(outputs, rows), f"The outputs {setting}")
            require_finite(x.grad, f"The gradient {setting}")


@_rule("causal = True: no output depends on later steps.", lambda backend: backend.causal)
def _causality(backend):
    for setting, core in each_core(backend, (False,)):
        x, lengths = make_rows((7, 7))
        due = core(x, lengths)[0]
        for step in range(1, 7):
            changed = torch.cat([x[:, :step], make_noise((2, 7 - step, INPUT), seed=1)], dim=1)
            found = core(changed, lengths)[0][:, :step]
            what = f"Outputs before step {step}, all steps from there on being changed, {setting}"
            require_close(found, due[:, :step], what)


@_rule(
    "stateful = True: parts of a row, each given the state after the one before, equal one run.",
    lambda backend: backend.stateful,
)
def _chunk_consistency(backend):
    for setting, core in each_core(backend, (False,)):
        x, both = make_rows((7, 7))
        due = core(x, both)[0]
        for cuts in ((0, 3, 7), range(8)):
            parts, state = [], None
            for start, stop in pairwise(cuts):
                outputs, state = core(x[:, start:stop], torch.full((2,), stop - start), state)
                require(state is not None, f"The state after {stop} steps is None {setting}.")
                parts.append(outputs)
            what = f"Outputs in {len(parts)} parts and in one {setting}"
            require_close(torch.cat(parts, dim=1), due, what)  # (B, T, D)
        _, state = core(x[:, :3], torch.tensor([3, 3]))
        lengths = torch.tensor([4, 2])  # a row may end in the last part
        rest = valid_steps(core(x[:, 3:], lengths, state)[0], lengths)
        what = f"Outputs of rows that end after 7 and 5 steps, in 2 parts and in one {setting}"
        require_close(rest, valid_steps(due[:, 3:], lengths), what)


@_rule("The state is None if rows differ in length, in two directions, and if stateful = False.")
def _state_none(backend):
    for setting, core in each_core(backend):
        for lengths in (LENGTHS, (7, 7)):
            state = core(*make_rows(lengths))[1]
            due = len(set(lengths)) > 1 or setting.bidirectional or not backend.stateful
            what = f"after rows of {', '.join(map(str, lengths))} steps {setting}"
            require(state is None or not due, f"A {type(state).__name__} came back {what}.")


@_rule("forward leaves its arguments as they were.")
def _arguments_unchanged(backend):
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        before = x.clone(), lengths.clone()
        core(x, lengths)
        change = (x - before[0]).abs().max()
        require(torch.equal(x, before[0]), f"x was changed by up to {change:.2g} {setting}.")
        require(torch.equal(lengths, before[1]), f"lengths became {lengths.tolist()} {setting}.")


# Gradients and learning


@_rule("Every parameter receives a gradient from the valid outputs, and it is finite.")
def _gradients(backend):
    for setting, core in each_core(backend):
        core.train()
        x, lengths = make_rows()
        weighted_sum(core(x, lengths)[0], lengths).backward()
        for name, weight in core.named_parameters():
            require(weight.grad is not None, f"{name} receives none {setting}.")
            require_finite(weight.grad, f"The gradient of {name} {setting}")


@_rule("No gradient flows from valid outputs to padded inputs, and some flows to valid ones.")
def _padding_gradients(backend):
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        x.requires_grad_()
        weighted_sum(core(x, lengths)[0], lengths).backward()
        require(x.grad is not None, f"None flows to the input at all {setting}.")
        valid = valid_mask(x, lengths)
        leak, due = (x.grad[steps].abs().max().item() for steps in (~valid, valid))
        require(due > 0, f"All gradients of the input are zero {setting}.")
        require(leak == 0, f"Padding has a gradient of {leak:.2g} {setting}; 0 is due.")


@_rule("A small training on the adding problem clearly beats the best constant answer.")
def _learning(backend):
    steps, generator = 8, torch.Generator().manual_seed(0)
    with draw_from(generator):
        core = backend.build(2, 32, num_layers=1, bidirectional=False, dropout=0.0)
        model = nn.ModuleDict({"core": core, "head": nn.Linear(core.output_size, 1)})

    def answer(x):  # (B, T, 2)
        outputs = core(x, torch.full((len(x),), steps))[0]
        return model["head"](outputs[:, -1])[:, 0]  # (B,)

    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x_test, y_test = adding_problem(512, steps, generator)
    constant = y_test.var(correction=0).item()
    for update in range(500):
        model.train()
        x, y = adding_problem(64, steps, generator)
        optimizer.zero_grad()
        (answer(x) - y).square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if update % 25 == 24:
            model.eval()
            with torch.no_grad():
                error = (answer(x_test) - y_test).square().mean().item()
            if error <= constant / 2:
                return
    raise Broken(
        f"After 500 updates its mean squared error is {error:.3g}, a constant's {constant:.3g}; "
        "half of that is due."
    )


# Randomness


@_rule("Under draw_from, equal seeds give equal weights to the bit, and other seeds other ones.")
def _seeds(backend):
    for layers in (1, 2):
        first, same, other = (
            build_core(backend, layers, True, seed=seed).state_dict() for seed in ("a", "a", "b")
        )
        differ = [name for name in first if not torch.equal(first[name], same[name])]
        require(not differ, f"Two builds from one seed differ in {', '.join(differ)}.")
        differ = any(not torch.equal(first[name], other[name]) for name in first)
        require(differ, "Two builds from two seeds are equal.")


@_rule("build, forward in training and backward leave torch's, NumPy's and Python's random state.")
def _global_random_state(backend):
    with moved_random_states() as read:
        before = read()
        for setting, core in each_core(backend, dropout=0.5):
            moved = [name for name, state in read().items() if state != before[name]]
            require(not moved, f"build moved that of {' and '.join(moved)} {setting}.")
            x, lengths = make_rows()
            weighted_sum(core.train()(x, lengths)[0], lengths).backward()
            moved = [name for name, state in read().items() if state != before[name]]
            require(not moved, f"Training moved that of {' and '.join(moved)} {setting}.")


@_rule("dropout > 0 acts between two layers in training; outputs in eval mode do not vary.")
def _dropout(backend):
    for setting, core in each_core(backend, layers=(2,), dropout=0.5):
        x, lengths = make_rows()
        first, second = (valid_steps(core(x, lengths)[0], lengths) for _ in range(2))
        require(torch.equal(first, second), f"Two calls in eval mode differ {setting}.")
        bare = build_core(backend, 2, setting.bidirectional)
        bare.load_state_dict(core.state_dict())
        without = training_outputs(bare, x, lengths)
        change = (training_outputs(core, x, lengths) - without).abs().max().item()
        require(change > 1e-3, f"In training it changed outputs by {change:.2g} {setting}.")


@_rule("In training all noise comes from seqlearn.backend.Dropout: reseed repeats it, p=0 ends it.")
def _training_noise(backend):
    for setting, core in each_core(backend, layers=(2,), dropout=0.5):
        x, lengths = make_rows()
        due = valid_steps(core(x, lengths)[0], lengths)
        first, second = (training_outputs(core, x, lengths) for _ in range(2))
        require(torch.equal(first, second), f"Two reseeded calls differ {setting}.")
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in core.modules()):
            continue  # statistics of the batch are no noise, but differ from those kept for eval
        for module in core.modules():
            if isinstance(module, Dropout):
                module.p = 0.0
        what = f"Outputs in training, every Dropout at p=0, and in eval mode {setting}"
        require_close(training_outputs(core, x, lengths), due, what)


# Copies


@_rule("Cores survive pickle and copy.deepcopy, also after training; backends survive pickle.")
def _copies(backend):
    loaded = pickle.loads(pickle.dumps(backend))
    require(repr(loaded) == repr(backend), f"The backend came back as {loaded!r}.")
    for setting, core in each_core(backend, dropout=0.5):
        x, lengths = make_rows()
        weighted_sum(core.train()(x, lengths)[0], lengths).backward()
        due = valid_steps(core.eval()(x, lengths)[0], lengths)
        for way, twin in (
            ("pickle", pickle.loads(pickle.dumps(core))),
            ("copy.deepcopy", copy.deepcopy(core)),
        ):
            found = valid_steps(twin(x, lengths)[0], lengths)
            require_close(found, due, f"Outputs after {way} {setting}", 0.0)


@_rule("state_dict holds all there is to a core: loaded into another one, the outputs are equal.")
def _state_dict(backend):
    for setting, core in each_core(backend):
        other = build_core(backend, setting.layers, setting.bidirectional, seed="other")
        x, lengths = make_rows()
        training_outputs(core, x, lengths)  # running statistics move
        due = valid_steps(core.eval()(x, lengths)[0], lengths)
        other.load_state_dict(core.state_dict())
        require_close(valid_steps(other(x, lengths)[0], lengths), due, f"Outputs {setting}", 0.0)


@_rule(
    "Moved to a GPU a core works there, with lengths on the CPU, and gives the same outputs.",
    lambda backend: torch.cuda.is_available(),
)
def _device(backend):
    for setting, core in each_core(backend):
        for lengths in (LENGTHS, (7, 7)):
            x, rows = make_rows(lengths)
            due = valid_steps(core.cpu().eval()(x, rows)[0], rows)
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                outputs, _ = core.cuda()(x.cuda(), rows)
                require(outputs.is_cuda, f"The outputs are on {outputs.device} {setting}.")
                found = valid_steps(outputs.cpu(), rows)
                require_close(found, due, f"Outputs on the GPU and the CPU {setting}", 1e-5)
                trained = core.train()(x.cuda(), rows)[0].cpu()
                weighted_sum(trained, rows).backward()
            for name, weight in core.named_parameters():
                require_finite(weight.grad, f"The gradient of {name} on the GPU {setting}")
            core.zero_grad()
