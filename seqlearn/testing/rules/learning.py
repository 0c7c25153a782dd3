"""Gradients: whole, finite, right and only where they belong; and a small task learned."""

import torch
from torch import nn

from seqlearn.backend import draw_from, valid_steps
from seqlearn.testing.material import (
    HIDDEN,
    LENGTHS,
    Broken,
    adding_problem,
    build_core,
    each_core,
    make_noise,
    make_rows,
    require,
    require_close,
    require_finite,
    valid_outputs,
    weighted_sum,
)
from seqlearn.testing.rules.rule import rule
from seqlearn.torch_internals import computes_bf16


@rule()
def gradients(backend):
    """Every parameter receives a gradient from the valid outputs, and it is finite."""
    for setting, core in each_core(backend):
        core.train()
        x, lengths = make_rows()
        weighted_sum(core(x, lengths)[0], lengths).backward()
        for name, weight in core.named_parameters():
            require(weight.grad is not None, f"{name} receives none {setting}.")
            require_finite(weight.grad, f"The gradient of {name} {setting}")


@rule()
def padding_gradients(backend):
    """No gradient flows from valid outputs to padded inputs, and some flows to valid ones."""
    for setting, core in each_core(backend):
        x, lengths = make_rows()
        x.requires_grad_()
        weighted_sum(core(x, lengths)[0], lengths).backward()
        require(x.grad is not None, f"None flows to the input at all {setting}.")
        valid = valid_steps(lengths, x.shape[1])
        leak, due = (x.grad[steps].abs().max().item() for steps in (~valid, valid))
        require(due > 0, f"All gradients of the input are zero {setting}.")
        require(leak == 0, f"Padding has a gradient of {leak:.2g} {setting}; 0 is due.")


@rule()
def row_gradients(backend):
    """The gradient of a batch is the sum of the gradients of its rows, each alone and cut."""
    for setting, core in each_core(backend):
        core.double()
        x, lengths = make_rows()
        x = x.double()
        _square_sum(core(x, lengths)[0], lengths).backward()
        due = {name: weight.grad for name, weight in core.named_parameters()}
        core.zero_grad()
        for row, length in zip(x, lengths, strict=True):
            alone = length[None]
            _square_sum(core(row[None, :length], alone)[0], alone).backward()
        for name, weight in core.named_parameters():
            require_close(weight.grad, due[name], f"Gradients of {name} {setting}")


def _square_sum(outputs, lengths):
    return valid_outputs(outputs, lengths).square().sum()


@rule()
def slopes(backend):
    """Gradients are the slopes of the outputs, which small steps in weights and inputs show."""
    for setting, core in each_core(backend):
        core.double()
        x, lengths = make_rows()
        x = x.double().requires_grad_()
        weighted_sum(core(x, lengths)[0], lengths).backward()
        for name, place in [("the input", x), *core.named_parameters()]:
            step = 1e-7 * make_noise(place.shape).double()  # seldom across a kink
            due = (place.grad * step).sum()
            ends = []
            with torch.no_grad():
                for sign in (1, -2, 1):  # ahead, behind, and back where it was
                    place += sign * step
                    ends.append(weighted_sum(core(x, lengths)[0], lengths))
            found = (ends[0] - ends[1]) / 2
            usual = place.grad.norm() * step.norm() / place.numel() ** 0.5
            require(
                (found - due).abs() <= 1e-3 * usual,
                f"A step in {name} changes the outputs by {found:.3g} where its gradient says "
                f"{due:.3g} {setting}.",
            )


@rule(lambda backend: backend.bf16 and computes_bf16("cpu"))
def bfloat16(backend):
    """bf16 = True: under autocast to bfloat16, outputs and gradients are roughly the same."""
    for setting, core in each_core(backend):
        _require_like_float32(core, *make_rows(), str(setting))
    for features in (8, 12):  # torch's convolutions of so few were seen to be wrong
        core = build_core(backend, sizes=(features, HIDDEN))
        x = make_noise((len(LENGTHS), max(LENGTHS), features))
        _require_like_float32(core, x, torch.tensor(LENGTHS), f"of {features} features")


def _require_like_float32(core, x, lengths, setting):
    outputs, gradients = [], []
    for coarse in (False, True):
        core.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=coarse):
            answer = core(x, lengths)[0]
        outputs.append(valid_outputs(answer.float(), lengths))
        weighted_sum(answer.float(), lengths).backward()
        gradients.append([weight.grad.clone() for weight in core.parameters()])
    require_close(*reversed(outputs), f"Outputs in bfloat16 and float32 {setting}", 0.05)
    for (name, _), due, found in zip(core.named_parameters(), *gradients, strict=True):
        require(found.dtype == torch.float32, f"The gradient of {name} is {found.dtype}.")
        off = ((found - due).norm() / due.norm().clamp(min=1e-3)).item()
        require(off <= 0.3, f"The gradient of {name} is off by {off:.0%} {setting}.")


@rule()
def learning(backend):
    """A small training on the adding problem clearly beats the best constant answer."""
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
