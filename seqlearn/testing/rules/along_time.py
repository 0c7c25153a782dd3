"""What may flow along time: nothing from later steps, and everything through the state."""

from functools import partial
from itertools import pairwise

import torch

from seqlearn.backend import step_core
from seqlearn.states import join_states, map_rows, select_rows, shapes
from seqlearn.testing.material import (
    INPUT,
    LENGTHS,
    draw_normal,
    make_rows,
    require,
    require_all_close,
    require_close,
    reseed_all,
    take_gradients,
    within,
)
from seqlearn.testing.rules.rule import core_rule


def _stateful(backend):
    return backend.stateful


@core_rule(lambda backend: backend.causal, directions=(False,))
def causality(setting):
    """causal = True: no output depends on later steps."""
    core, (x, lengths) = setting.build(), make_rows((7, 7))
    due = core(x, lengths)[0]
    for step in range(1, 7):
        changed = torch.cat([x[:, :step], draw_normal((2, 7 - step, INPUT), seed=1)], dim=1)
        what = f"Outputs before step {step}, all steps from there on being changed,"
        require_close(core(changed, lengths)[0][:, :step], due[:, :step], what)
    long = draw_normal((1, 300, INPUT))
    changed = torch.cat([long[:, :200], long[:, 200:].flip(1)], dim=1)  # (1, 300, F)
    found, due = (core(x, torch.tensor([300]))[0][:, :200] for x in (changed, long))
    require_close(found, due, "Outputs of 200 steps, the 100 after them changed,")


@core_rule(_stateful, directions=(False,))
def chunk_consistency(setting):
    """stateful = True: parts of a row, each given the state after the one before, equal one run."""
    core, x = setting.build(), draw_normal((2, 7, INPUT))
    due = core(x)[0]
    _require_same_in_parts(core, x, (0, 3, 7))
    _require_same_in_parts(core, x, range(8))
    state = core(x[:, :3])[1]
    lengths = torch.tensor([4, 2])  # a row may end in the last part
    rest = within(core(x[:, 3:], lengths, state)[0], lengths)
    what = "Outputs of rows that end after 7 and 5 steps, in 2 parts and in one"
    require_close(rest, within(due[:, 3:], lengths), what)
    _require_same_in_parts(core.double(), draw_normal((1, 300, INPUT)).double(), (0, 70, 300))


def _require_same_in_parts(core, x, cuts):
    parts, state = [], None
    for start, stop in pairwise(cuts):
        outputs, state = core(x[:, start:stop], None, state)
        require(state is not None, f"The state after {stop} steps is None.")
        parts.append(outputs)
    what = f"Outputs of {x.shape[1]} steps, in {len(parts)} parts and in one"
    require_close(torch.cat(parts, dim=1), core(x)[0], what)  # (B, T, D)


@core_rule()
def state_none(setting):
    """A stateful core in one direction returns its state, with lengths each row's own or None.

    In two directions, or if stateful = False, the state is None.
    """
    core, (x, lengths) = setting.build().double(), make_rows()
    x = x.double()
    without, state = core(x)[1], core(x, lengths)[1]
    if not setting.backend.stateful or setting.bidirectional:
        for given, what in ((without, "without lengths"), (state, f"with lengths {LENGTHS}")):
            require(given is None, f"A {type(given).__name__} came back {what}; None is due.")
        return
    require(without is not None, "None came back without lengths; a state is due.")
    if state is not None:
        more = draw_normal((len(x), 1, INPUT), seed=1).double()
        alone = [core(row[None, :n])[1] for row, n in zip(x, LENGTHS, strict=True)]
        due = [core(more[i : i + 1], None, own)[0] for i, own in enumerate(alone)]
        what = f"The step after each row's end, alone and with lengths {LENGTHS},"
        require_close(core(more, None, state)[0], torch.cat(due), what)


@core_rule(_stateful, directions=(False,))
def state_rows(setting):
    """A state is a tuple of tensors, rows first: rows can be selected, joined, begun with zeros."""
    core, x = setting.build().double(), draw_normal((3, 7, INPUT)).double()
    due, last = core(x)
    state = core(x[:, :4])[1]
    require(type(state) is tuple, f"The state is a {type(state).__name__}.")
    for part in _tensors(state):
        require(torch.is_tensor(part), f"The state holds a {type(part).__name__}.")
        found = tuple(part.shape)
        require(found[:1] == (3,), f"3 rows have a tensor of shape {found}.")
    found, later = shapes(state), shapes(last)
    require(found == later, f"The shapes {found} become {later} 3 steps later.")
    for order in ([1, 2], [1, 2, 0], [0, 0, 1, 1, 2]):
        rows = torch.tensor(order)
        found = core(x[rows, 4:], None, select_rows(state, rows))[0]
        require_close(found, due[rows, 4:], f"Outputs of the rows {order}, selected,")
    found = core(x, None, map_rows(torch.zeros_like, state))[0]
    require_close(found, due, "Outputs that begin with a state of zeros")
    other = core(x[:2].flip(1)[:, :4])[1]
    joined = join_states([select_rows(state, torch.tensor([1])), other])
    found = core(x[[1, 1, 2], 4:], None, joined)[0]
    parts = [due[1:2, 4:], core(x[1:, 4:], None, other)[0]]
    require_close(found, torch.cat(parts), "Outputs of rows of two states, joined,")


def _tensors(state):
    if isinstance(state, tuple):
        for part in state:
            yield from _tensors(part)
    else:
        yield state


@core_rule(_stateful, directions=(False,))
def step_equals_forward(setting):
    """Steps of the core, each given the state after the one before, equal forward, gradients too.

    That holds without gradients, in float64, in training for one dropout mask, after an update of
    the weights, and of what project returned.
    """
    core = setting.build(dropout=0.5)
    for dtype in (torch.float32, torch.float64):
        core.to(dtype)
        x = draw_normal((3, 7, INPUT)).to(dtype)
        due, last = core(x)
        what = f"Outputs of steps and of forward, in {dtype},"
        for recording in (True, False):
            with torch.set_grad_enabled(recording):
                found, state = _run_steps(core, x)
            require_close(found, due, what)
        require(shapes(state) == shapes(last), "Their states differ in shape.")
        if hasattr(core, "project"):
            found, _ = _run_steps(core, core.project(x), projected=True)
            require_close(found, due, f"{what} of what project returned")
    rest = core(x[:, 3:], None, _run_steps(core, x[:, :3])[1])[0]
    require_close(rest, due[:, 3:], "Outputs of forward after 3 steps")
    for weight in core.parameters():
        weight.data.mul_(1.25)  # as some optimisers do, unseen by the tensor's version
    what = "Outputs of steps and of forward, after an update of the weights,"
    require_close(_run_steps(core, x)[0], core(x)[0], what)
    core.zero_grad()
    gradients, trained = [], []
    for run in (core, partial(_run_steps, core)):
        given = x.clone().requires_grad_()
        run(given)[0].square().sum().backward()
        gradients.append({"the input": given.grad, **take_gradients(core)})
        reseed_all(core.train())
        trained.append(run(x[:, :1])[0])
        core.eval()
    require_all_close(gradients[1], gradients[0], "Gradients of {}")
    require_close(trained[0], trained[1], "Outputs of one step in training")


def _run_steps(core, x, **how):
    outputs, state = [], None
    for step in x.unbind(1):
        output, state = core.step(step, state, **how) if how else step_core(core, step, state)
        outputs.append(output)
    return torch.stack(outputs, dim=1), state  # (B, T, D)
