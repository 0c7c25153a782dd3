"""A row's outputs are its own: no padding, no other row and no length of the batch moves them."""

import torch

from seqlearn.backend import valid_steps
from seqlearn.testing.material import (
    INPUT,
    LENGTHS,
    LONG,
    draw_normal,
    make_rows,
    require,
    require_all_close,
    require_close,
    require_finite,
    reseed_all,
    take_gradients,
    training_outputs,
    valid_outputs,
    weighted_sum,
    within,
)
from seqlearn.testing.rules.rule import core_rule


@core_rule()
def padding_invariance(setting):
    """What stands past a row's length changes no valid output."""
    core, (x, lengths) = setting.build(), make_rows()
    due = valid_outputs(core, x, lengths)
    for size in (1.0, 1e6, torch.inf, torch.nan):
        found = valid_outputs(core, _spoil(x, lengths, size), lengths)
        require_close(found, due, f"Outputs with padding of size {size:g}")


@core_rule()
def padding_in_training(setting):
    """In training too, padding changes no valid output, no gradient and no buffer."""
    core, (x, lengths) = setting.build(dropout=0.5), make_rows()
    before = {name: value.clone() for name, value in core.state_dict().items()}
    results = []
    for rows in (x, _spoil(x, lengths)):
        core.load_state_dict(before)
        outputs = training_outputs(core, rows, lengths)
        outputs.square().sum().backward()
        result = {"Outputs": outputs.detach()}
        result |= {f"Gradients of {name}": value for name, value in take_gradients(core).items()}
        result |= {f"Values of {name}": value.clone() for name, value in core.named_buffers()}
        results.append(result)
    require_all_close(results[1], results[0], "{} with other padding")


def _spoil(x, lengths, size=1.0):
    """Fill the padding with values of a size."""
    valid = valid_steps(lengths, x.shape[1])[..., None]  # (B, T, 1)
    return torch.where(valid, x, size * draw_normal(x.shape, seed=1))


@core_rule()
def pad_length_invariance(setting):
    """The number of padded steps changes no valid output."""
    core, (x, lengths) = setting.build(), make_rows()
    longer = torch.cat([x, draw_normal((len(x), 4, INPUT), seed=1)], dim=1)  # (B, T + 4, F)
    found, due = (valid_outputs(core, rows, lengths) for rows in (longer, x))
    require_close(found, due, "Outputs after 4 more padded steps")


@core_rule()
def batch_invariance(setting):
    """A row's outputs do not depend on the other rows of the batch, nor on their order."""
    run = _enough_rows(setting)
    for lengths in (LENGTHS, (7,) * 4):
        x, rows = make_rows(lengths)
        together = run(x, rows)
        order = torch.tensor([2, 0, 3, 1])
        found, due = run(x[order], rows[order]), within(together[order], rows[order])
        require_close(within(found, rows[order]), due, "Outputs in new order")
        for i, length in enumerate(lengths):
            alone = run(x[i : i + 1], rows[i : i + 1])[0, :length]
            require_close(alone, together[i, :length], f"Outputs of row {i}, alone and in a batch,")


@core_rule()
def ragged_rows(setting):
    """A row cut to its own length has the outputs that it has among rows of other lengths."""
    _require_cut_rows(_enough_rows(setting), *make_rows())


@core_rule(layers=(1,))
def long_rows(setting):
    """Among rows of 300 steps too, a row has the outputs that it has alone and cut."""
    core, (x, lengths) = setting.build().double(), make_rows(LONG, max(LONG))
    _require_cut_rows(lambda *rows: core(*rows)[0], x.double(), lengths)


def _require_cut_rows(run, x, lengths):
    together = run(x, lengths)
    for i, length in enumerate(lengths.tolist()):
        cut = run(x[i : i + 1, :length], lengths[i : i + 1])[0]  # (T_i, D)
        require_close(cut, together[i, :length], f"Outputs of the row of {length} steps, cut,")


def _enough_rows(setting):
    """Return a core's forward, run on a multiple of ``backend.stable_rows`` as estimators do."""
    core, multiple = setting.build(), setting.backend.stable_rows

    def run(x, lengths):
        rows = torch.arange(len(x) + -len(x) % multiple) % len(x)  # some are repeated
        return core(x[rows], lengths[rows])[0][: len(x)]

    return run


@core_rule()
def full_rows(setting):
    """Without lengths every row has all its steps: the outputs are those with lengths of T."""
    core, (x, lengths) = setting.build(dropout=0.5), make_rows((7,) * 4)
    what = "Outputs without lengths, and with lengths of all 7 steps,"
    require_close(core(x)[0], core(x, lengths)[0], what)
    reseed_all(core.train())
    found = core(x)[0].flatten(0, 1)  # (B T, D)
    require_close(found, training_outputs(core, x, lengths), f"{what} in training")


@core_rule()
def one_step(setting):
    """Rows of one step, one row at a time and batches of one step work, forward and backward."""
    core = setting.build()
    for lengths, steps in (((1,), 1), ((1, 1, 1), 1), ((1, 1), 4)):
        x, rows = make_rows(lengths, steps)
        outputs = core(x.requires_grad_(), rows)[0]
        weighted_sum(outputs, rows).backward()
        require_finite(within(outputs, rows), "The outputs")
        require_finite(x.grad, "The gradient")


@core_rule()
def arguments_unchanged(setting):
    """forward leaves its arguments as they were."""
    core, (x, lengths) = setting.build(), make_rows()
    before = x.clone(), lengths.clone()
    core(x, lengths)
    change = (x - before[0]).abs().max()
    require(torch.equal(x, before[0]), f"x was changed by up to {change:.2g}.")
    require(torch.equal(lengths, before[1]), f"lengths became {lengths.tolist()}.")
