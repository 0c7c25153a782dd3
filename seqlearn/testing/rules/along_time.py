"""What may flow along time: nothing from later steps, and everything through the state."""

from itertools import pairwise

import torch

from seqlearn.backend import step_core
from seqlearn.states import join_states, select_rows, shapes
from seqlearn.testing.material import (
    INPUT,
    LENGTHS,
    each_core,
    make_noise,
    make_rows,
    require,
    require_close,
    reseed_all,
    valid_outputs,
)
from seqlearn.testing.rules.rule import rule


@rule(lambda backend: backend.causal)
def causality(backend):
    """causal = True: no output depends on later steps."""
    for setting, core in each_core(backend, (False,)):
        x, lengths = make_rows((7, 7))
        due = core(x, lengths)[0]
        for step in range(1, 7):
            changed = torch.cat([x[:, :step], make_noise((2, 7 - step, INPUT), seed=1)], dim=1)
            found = core(changed, lengths)[0][:, :step]
            what = f"Outputs before step {step}, all steps from there on being changed, {setting}"
            require_close(found, due[:, :step], what)
        long = make_noise((1, 300, INPUT))
        changed = torch.cat([long[:, :200], long[:, 200:].flip(1)], dim=1)  # (1, 300, F)
        found, due = (core(x, torch.tensor([300]))[0][:, :200] for x in (changed, long))
        require_close(found, due, f"Outputs of 200 steps, the 100 after them changed, {setting}")


@rule(lambda backend: backend.stateful)
def chunk_consistency(backend):
    """stateful = True: parts of a row, each given the state after the one before, equal one run."""
    for setting, core in each_core(backend, (False,)):
        x = make_noise((2, 7, INPUT))
        due = core(x)[0]
        for cuts in ((0, 3, 7), range(8)):
            parts, state = [], None
            for start, stop in pairwise(cuts):
                outputs, state = core(x[:, start:stop], None, state)
                require(state is not None, f"The state after {stop} steps is None {setting}.")
                parts.append(outputs)
            what = f"Outputs in {len(parts)} parts and in one {setting}"
            require_close(torch.cat(parts, dim=1), due, what)  # (B, T, D)
        _, state = core(x[:, :3])
        lengths = torch.tensor([4, 2])  # a row may end in the last part
        rest = valid_outputs(core(x[:, 3:], lengths, state)[0], lengths)
        what = f"Outputs of rows that end after 7 and 5 steps, in 2 parts and in one {setting}"
        require_close(rest, valid_outputs(due[:, 3:], lengths), what)
        core.double()
        long = make_noise((1, 300, INPUT)).double()
        due, (first, state) = core(long)[0], core(long[:, :70])
        rest = core(long[:, 70:], None, state)[0]
        what = f"Outputs of 300 steps, in parts of 70 and 230 and in one {setting}"
        require_close(torch.cat([first, rest], dim=1), due, what)


@rule()
def state_none(backend):
    """A stateful core in one direction returns its state, with lengths each row's own or None.

    In two directions, or if stateful = False, the state is None.
    """
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        core, x = core.double(), x.double()
        carries = backend.stateful and not setting.bidirectional
        for given, what in ((None, "without lengths"), (lengths, f"with lengths {LENGTHS}")):
            state = core(x, given)[1]
            if not carries:
                due = state is None
                require(due, f"A {type(state).__name__} came back {what} {setting}; None is due.")
            elif given is None:
                require(state is not None, f"None came back {what} {setting}; a state is due.")
            elif state is not None:
                more = make_noise((len(x), 1, INPUT), seed=1).double()
                alone = (core(row[None, :n])[1] for row, n in zip(x, LENGTHS, strict=True))
                due = [core(more[i : i + 1], None, own)[0] for i, own in enumerate(alone)]
                what = f"The step after each row's end, alone and {what} {setting},"
                require_close(core(more, None, state)[0], torch.cat(due), what)


@rule(lambda backend: backend.stateful)
def state_rows(backend):
    """A state is a tuple of tensors, rows first: rows selected, reordered, joined go on as such."""
    for setting, core in each_core(backend, (False,)):
        core.double()
        x = make_noise((3, 7, INPUT)).double()
        due, last = core(x)
        state = core(x[:, :4])[1]
        require(type(state) is tuple, f"The state is a {type(state).__name__} {setting}.")
        for part in _tensors(state):
            require(torch.is_tensor(part), f"The state holds a {type(part).__name__} {setting}.")
            found = tuple(part.shape)
            require(found[:1] == (3,), f"3 rows have a tensor of shape {found} {setting}.")
        found, later = shapes(state), shapes(last)
        require(found == later, f"The shapes {found} become {later} 3 steps later {setting}.")
        for order in ([1, 2], [1, 2, 0], [0, 0, 1, 1, 2]):
            rows = torch.tensor(order)
            found = core(x[rows, 4:], None, select_rows(state, rows))[0]
            require_close(found, due[rows, 4:], f"Outputs of the rows {order}, selected, {setting}")
        other = core(x[:2].flip(1)[:, :4])[1]
        joined = join_states([select_rows(state, torch.tensor([1])), other])
        found = core(x[[1, 1, 2], 4:], None, joined)[0]
        parts = [due[1:2, 4:], core(x[1:, 4:], None, other)[0]]
        require_close(found, torch.cat(parts), f"Outputs of rows of two states, joined, {setting}")


def _tensors(state):
    if isinstance(state, tuple):
        for part in state:
            yield from _tensors(part)
    else:
        yield state


@rule(lambda backend: backend.stateful)
def step_equals_forward(backend):
    """Steps of the core, each given the state after the one before, equal forward, gradients too.

    That holds without gradients, in float64, in training for one dropout mask, after an update of
    the weights, and of what project returned.
    """
    for setting, core in each_core(backend, (False,), dropout=0.5):
        for dtype in (torch.float32, torch.float64):
            core.to(dtype)
            x = make_noise((3, 7, INPUT)).to(dtype)
            due, last = core(x)
            what = f"Outputs of steps and of forward, in {dtype}, {setting}"
            for recording in (True, False):
                with torch.set_grad_enabled(recording):
                    found, state = _run_steps(core, x)
                require_close(found, due, what)
            require(shapes(state) == shapes(last), f"Their states differ in shape {setting}.")
            if hasattr(core, "project"):
                found, _ = _run_steps(core, core.project(x), projected=True)
                require_close(found, due, f"{what} of what project returned")
        rest = core(x[:, 3:], None, _run_steps(core, x[:, :3])[1])[0]
        require_close(rest, due[:, 3:], f"Outputs of forward after 3 steps {setting}")
        for weight in core.parameters():
            weight.data.mul_(1.25)  # as some optimisers do, unseen by the tensor's version
        what = f"Outputs of steps and of forward, after an update of the weights, {setting}"
        require_close(_run_steps(core, x)[0], core(x)[0], what)
        gradients = []
        for run in (core, lambda x, core=core: _run_steps(core, x)):
            core.zero_grad()
            given = x.clone().requires_grad_()
            run(given)[0].square().sum().backward()
            named = [("the input", given), *core.named_parameters()]
            gradients.append({name: place.grad.clone() for name, place in named})
        for name, due in gradients[0].items():
            require_close(gradients[1][name], due, f"Gradients of {name} {setting}")
        core.train()
        one = x[:, :1]
        answers = []
        for run in (core, lambda x, core=core: _run_steps(core, x)):
            reseed_all(core)
            answers.append(run(one)[0])
        require_close(*answers, f"Outputs of one step in training {setting}")


def _run_steps(core, x, **how):
    outputs, state = [], None
    for step in x.unbind(1):
        output, state = core.step(step, state, **how) if how else step_core(core, step, state)
        outputs.append(output)
    return torch.stack(outputs, dim=1), state  # (B, T, D)
