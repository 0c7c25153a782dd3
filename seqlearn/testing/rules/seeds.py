"""Randomness: all of it from seeds, none of it from or into the global states."""

import torch
from torch import nn

from seqlearn.backend import Dropout
from seqlearn.testing.material import (
    build_core,
    each_core,
    make_rows,
    moved_random_states,
    require,
    require_close,
    training_outputs,
    valid_outputs,
    weighted_sum,
)
from seqlearn.testing.rules.rule import rule


@rule()
def seeds(backend):
    """Under draw_from, equal seeds give equal weights to the bit, and other seeds other ones."""
    for layers in (1, 2):
        first, same, other = (
            build_core(backend, layers, True, seed=seed).state_dict() for seed in ("a", "a", "b")
        )
        differ = [name for name in first if not torch.equal(first[name], same[name])]
        require(not differ, f"Two builds from one seed differ in {', '.join(differ)}.")
        differ = any(not torch.equal(first[name], other[name]) for name in first)
        require(differ, "Two builds from two seeds are equal.")


@rule()
def global_random_state(backend):
    """build, forward in training and backward leave torch's, NumPy's and Python's random state."""
    with moved_random_states() as read:
        before = read()
        for setting, core in each_core(backend, dropout=0.5):
            moved = [name for name, state in read().items() if state != before[name]]
            require(not moved, f"build moved that of {' and '.join(moved)} {setting}.")
            x, lengths = make_rows()
            weighted_sum(core.train()(x, lengths)[0], lengths).backward()
            moved = [name for name, state in read().items() if state != before[name]]
            require(not moved, f"Training moved that of {' and '.join(moved)} {setting}.")


@rule()
def dropout(backend):
    """dropout > 0 acts between two layers in training; outputs in eval mode do not vary."""
    for setting, core in each_core(backend, layers=(2,), dropout=0.5):
        x, lengths = make_rows()
        first, second = (valid_outputs(core(x, lengths)[0], lengths) for _ in range(2))
        require(torch.equal(first, second), f"Two calls in eval mode differ {setting}.")
        bare = build_core(backend, 2, setting.bidirectional)
        bare.load_state_dict(core.state_dict())
        without = training_outputs(bare, x, lengths)
        change = (training_outputs(core, x, lengths) - without).abs().max().item()
        require(change > 1e-3, f"In training it changed outputs by {change:.2g} {setting}.")


@rule()
def training_noise(backend):
    """In training all noise comes from seqlearn.backend.Dropout: reseed repeats it, p=0 ends it."""
    for setting, core in each_core(backend, layers=(2,), dropout=0.5):
        x, lengths = make_rows()
        due = valid_outputs(core(x, lengths)[0], lengths)
        first, second = (training_outputs(core, x, lengths) for _ in range(2))
        require(torch.equal(first, second), f"Two reseeded calls differ {setting}.")
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in core.modules()):
            continue  # statistics of the batch are no noise, but differ from those kept for eval
        for module in core.modules():
            if isinstance(module, Dropout):
                module.p = 0.0
        what = f"Outputs in training, every Dropout at p=0, and in eval mode {setting}"
        require_close(training_outputs(core, x, lengths), due, what)


@rule()
def noise_goes_on(backend):
    """In training the noise of each Dropout differs from batch to batch and from seed to seed."""
    for setting, core in each_core(backend, layers=(2,), dropout=0.5):
        core.train()
        x, lengths = make_rows((7, 7))
        sources = {name: m for name, m in core.named_modules() if isinstance(m, Dropout) and m.p}
        rates = {name: source.p for name, source in sources.items()}
        for name, source in sources.items():
            for other, module in sources.items():
                module.p = rates[other] if other == name else 0.0
            source.reseed(1)
            batches = [core(x, lengths)[0] for _ in range(9)]
            seeds = [batches[0]]
            for seed in range(2, 10):
                source.reseed(seed)
                seeds.append(core(x, lengths)[0])
            for answers, what in ((batches, "in 9 batches"), (seeds, "from 9 seeds")):
                change = max((answer - answers[0]).abs().max().item() for answer in answers)
                require(change > 0, f"{name} has the same noise {what} {setting}.")
