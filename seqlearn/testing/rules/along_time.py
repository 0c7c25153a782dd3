"""What may flow along time: nothing from later steps, and everything through the state."""

from itertools import pairwise

import torch

from seqlearn.testing.material import (
    INPUT,
    LENGTHS,
    each_core,
    make_noise,
    make_rows,
    require,
    require_close,
    valid_steps,
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
        core.double()
        long = make_noise((1, 300, INPUT)).double()
        due, (first, state) = (core(x, torch.tensor([x.shape[1]])) for x in (long, long[:, :70]))
        rest = core(long[:, 70:], torch.tensor([230]), state)[0]
        what = f"Outputs of 300 steps, in parts of 70 and 230 and in one {setting}"
        require_close(torch.cat([first, rest], dim=1), due[0], what)


@rule()
def state_none(backend):
    """The state is None if rows differ in length, in two directions, and if stateful = False."""
    for setting, core in each_core(backend):
        for lengths in (LENGTHS, (7, 7)):
            state = core(*make_rows(lengths))[1]
            due = len(set(lengths)) > 1 or setting.bidirectional or not backend.stateful
            what = f"after rows of {', '.join(map(str, lengths))} steps {setting}"
            require(state is None or not due, f"A {type(state).__name__} came back {what}.")
