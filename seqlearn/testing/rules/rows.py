"""A row's outputs are its own: no padding, no other row and no length of the batch moves them."""

import torch

from seqlearn.backend import valid_steps
from seqlearn.testing.material import (
    INPUT,
    LENGTHS,
    LONG,
    each_core,
    make_noise,
    make_rows,
    require,
    require_close,
    require_finite,
    reseed_all,
    training_outputs,
    valid_outputs,
    weighted_sum,
)
from seqlearn.testing.rules.rule import rule


@rule()
def padding_invariance(backend):
    """What stands past a row's length changes no valid output."""
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        clean = valid_outputs(core(x, lengths)[0], lengths)
        noise = make_noise(x.shape, seed=1)
        for size in (1.0, 1e6, torch.inf, torch.nan):
            spoiled = torch.where(valid_steps(lengths, x.shape[1])[..., None], x, size * noise)
            found = valid_outputs(core(spoiled, lengths)[0], lengths)
            require_close(found, clean, f"Outputs with padding of size {size:g} {setting}")


@rule()
def padding_in_training(backend):
    """In training too, padding changes no valid output, no gradient and no buffer."""
    for setting, core in each_core(backend, dropout=0.5):
        x, lengths = make_rows()
        noise = make_noise(x.shape, seed=1)
        spoiled = torch.where(valid_steps(lengths, x.shape[1])[..., None], x, noise)
        before = {name: value.clone() for name, value in core.state_dict().items()}
        results = []
        for rows in (x, spoiled):
            core.load_state_dict(before)
            core.zero_grad()
            outputs = training_outputs(core, rows, lengths)
            outputs.square().sum().backward()
            results.append(
                {"Outputs": outputs.detach()}
                | {
                    f"Gradients of {n}": weight.grad.clone()
                    for n, weight in core.named_parameters()
                }
                | {f"Values of {n}": value.clone() for n, value in core.named_buffers()}
            )
        for name, due in results[0].items():
            require_close(results[1][name], due, f"{name} with other padding {setting}")


@rule()
def pad_length_invariance(backend):
    """The number of padded steps changes no valid output."""
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        longer = torch.cat([x, make_noise((len(x), 4, INPUT), seed=1)], dim=1)  # (B, T + 4, F)
        found, due = (valid_outputs(core(rows, lengths)[0], lengths) for rows in (longer, x))
        require_close(found, due, f"Outputs after 4 more padded steps {setting}")


@rule()
def batch_invariance(backend):
    """A row's outputs do not depend on the other rows of the batch, nor on their order."""
    for setting, core in each_core(backend):
        for lengths in (LENGTHS, (7,) * 4):
            x, rows = make_rows(lengths)
            together = _run_enough(backend, core, x, rows)
            order = torch.tensor([2, 0, 3, 1])
            shuffled = _run_enough(backend, core, x[order], rows[order])
            due = valid_outputs(together[order], rows[order])
            require_close(
                valid_outputs(shuffled, rows[order]), due, f"Outputs in new order {setting}"
            )
            for i in range(len(x)):
                alone = _run_enough(backend, core, x[i : i + 1], rows[i : i + 1])
                alone = valid_outputs(alone, rows[i : i + 1])
                due = together[i, : lengths[i]]
                require_close(alone, due, f"Outputs of row {i}, alone and in a batch, {setting}")


@rule()
def ragged_rows(backend):
    """A row cut to its own length gives the outputs that it gives among rows of other lengths."""
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        together = _run_enough(backend, core, x, lengths)
        for i, length in enumerate(LENGTHS):
            cut = _run_enough(backend, core, x[i : i + 1, :length], lengths[i : i + 1])[
                0
            ]  # (T_i, D)
            due = together[i, :length]
            require_close(cut, due, f"Outputs of the row of {length} steps, cut, {setting}")


@rule()
def full_rows(backend):
    """Without lengths every row has all its steps: the outputs are those with lengths of T."""
    for setting, core in each_core(backend, dropout=0.5):
        x, lengths = make_rows((7,) * 4)
        what = f"Outputs without lengths, and with lengths of all 7 steps, {setting}"
        require_close(core(x)[0], core(x, lengths)[0], what)
        reseed_all(core.train())
        found = core(x)[0].flatten(0, 1)  # (B T, D)
        require_close(found, training_outputs(core, x, lengths), f"{what} in training")


@rule()
def long_rows(backend):
    """Among rows of 300 steps too, a row gives the outputs that it gives alone and cut."""
    for setting, core in each_core(backend, layers=(1,)):
        core.double()
        x, lengths = make_rows(LONG, max(LONG))
        together = core(x.double(), lengths)[0]
        for i, length in enumerate(LONG):
            cut = core(x[i : i + 1, :length].double(), lengths[i : i + 1])[0][0]  # (T_i, D)
            what = f"Outputs of the row of {length} steps, alone and in a batch, {setting}"
            require_close(cut, together[i, :length], what)


def _run_enough(backend, core, x, lengths):
    """Run rows as the estimators do: a multiple of ``backend.stable_rows``, some repeated."""
    rows = torch.arange(len(x) + -len(x) % backend.stable_rows) % len(x)
    return core(x[rows], lengths[rows])[0][: len(x)]


@rule()
def one_step(backend):
    """Rows of one step, one row at a time and batches of one step work, forward and backward."""
    for setting, core in each_core(backend):
        for lengths, steps in (((1,), 1), ((1, 1, 1), 1), ((1, 1), 4)):
            x, rows = make_rows(lengths, steps)
            x.requires_grad_()
            outputs = core(x, rows)[0]
            weighted_sum(outputs, rows).backward()
            require_finite(valid_outputs(outputs, rows), f"The outputs {setting}")
            require_finite(x.grad, f"The gradient {setting}")


@rule()
def arguments_unchanged(backend):
    """forward leaves its arguments as they were."""
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        before = x.clone(), lengths.clone()
        core(x, lengths)
        change = (x - before[0]).abs().max()
        require(torch.equal(x, before[0]), f"x was changed by up to {change:.2g} {setting}.")
        require(torch.equal(lengths, before[1]), f"lengths became {lengths.tolist()} {setting}.")
