"""Random numbers: all of them from seeds, none of them from or into the global states."""

import torch
from torch import nn

from seqlearn.testing.material import (
    dropouts,
    make_rows,
    moved_random_states,
    require,
    require_close,
    training_outputs,
    valid_outputs,
    weighted_sum,
)
from seqlearn.testing.rules.rule import core_rule

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@core_rule(directions=(True,))
def seeds(setting):
    """Under draw_from, equal seeds give equal weights to the bit, and other seeds other ones."""
    first, same, other = (setting.build(seed=seed).state_dict() for seed in ("a", "a", "b"))
    differ = [name for name in first if not torch.equal(first[name], same[name])]
    require(not differ, f"Two builds from one seed differ in {', '.join(differ)}.")
    others = any(not torch.equal(first[name], other[name]) for name in first)
    require(others, "Two builds from two seeds are equal.")


@core_rule()
def global_random_state(setting):
    """build, forward in training and backward leave torch's, NumPy's and Python's random state."""

    def require_unmoved(what):
        moved = [name for name, state in read().items() if state != before[name]]
        require(not moved, f"{what} moved that of {' and '.join(moved)}.")

    with moved_random_states() as read:
        before = read()
        core, (x, lengths) = setting.build(dropout=0.5), make_rows()
        require_unmoved("build")
        weighted_sum(core.train()(x, lengths)[0], lengths).backward()
        require_unmoved("Training")


@core_rule(layers=(2,))
def dropout(setting):
    """dropout > 0 acts between two layers in training; outputs in eval mode do not vary."""
    core, (x, lengths) = setting.build(dropout=0.5), make_rows()
    first, second = (valid_outputs(core, x, lengths) for _ in range(2))
    require(torch.equal(first, second), "Two calls in eval mode differ.")
    bare = setting.build()
    bare.load_state_dict(core.state_dict())
    found, without = (training_outputs(one, x, lengths) for one in (core, bare))
    change = (found - without).abs().max().item()
    require(change > 1e-3, f"In training it changed outputs by {change:.2g}.")


@core_rule(layers=(2,))
def dropout_alone(setting):
    """In training, seqlearn.backend.Dropout alone is random: reseed repeats it, p=0 ends it."""
    core, (x, lengths) = setting.build(dropout=0.5), make_rows()
    due = valid_outputs(core, x, lengths)
    first, second = (training_outputs(core, x, lengths) for _ in range(2))
    require(torch.equal(first, second), "Two reseeded calls differ.")
    if any(isinstance(module, BATCH_NORMS) for module in core.modules()):
        return  # in training it takes the statistics of the batch, in evaluation those it has kept
    for module in dropouts(core).values():
        module.p = 0.0
    found = training_outputs(core, x, lengths)
    require_close(found, due, "Outputs in training, every Dropout at p=0, and in eval mode")


@core_rule(layers=(2,))
def dropout_masks(setting):
    """In training the masks of each Dropout differ from batch to batch and from seed to seed."""
    core, (x, lengths) = setting.build(dropout=0.5).train(), make_rows((7, 7))
    rates = {name: module.p for name, module in dropouts(core).items() if module.p}
    for name, p in rates.items():
        for other, module in dropouts(core).items():
            module.p = p if other == name else 0.0
        source = dropouts(core)[name]
        source.reseed(1)
        batches = [core(x, lengths)[0] for _ in range(9)]
        seeds = [batches[0]]
        for seed in range(2, 10):
            source.reseed(seed)
            seeds.append(core(x, lengths)[0])
        for answers, what in ((batches, "in 9 batches"), (seeds, "from 9 seeds")):
            change = max((answer - answers[0]).abs().max().item() for answer in answers)
            require(change > 0, f"{name} has the same mask {what}.")
