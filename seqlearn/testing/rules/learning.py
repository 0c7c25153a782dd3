"""Gradients: whole, finite, right and only where they belong; and a small task learned."""

import torch
from torch import nn

from seqlearn.backend import draw_from, valid_steps
from seqlearn.testing.material import (
    HIDDEN,
    INPUT,
    LENGTHS,
    Broken,
    adding_problem,
    build_core,
    draw_normal,
    make_rows,
    require,
    require_all_close,
    require_close,
    require_finite,
    take_gradients,
    valid_outputs,
    weighted_sum,
    within,
)
from seqlearn.testing.rules.rule import backend_rule, core_rule
from seqlearn.torch_internals import computes_bf16


@core_rule()
def gradients(setting):
    """Every parameter receives a gradient from the valid outputs, and it is finite."""
    core, (x, lengths) = setting.build().train(), make_rows()
    weighted_sum(core(x, lengths)[0], lengths).backward()
    for name, gradient in take_gradients(core).items():
        require(gradient is not None, f"{name} receives none.")
        require_finite(gradient, f"The gradient of {name}")


@core_rule()
def padding_gradients(setting):
    """No gradient flows from valid outputs to padded inputs, and some flows to valid ones."""
    x, lengths = make_rows()
    outputs = setting.build()(x.requires_grad_(), lengths)[0]
    weighted_sum(outputs, lengths).backward()
    if x.grad is None:
        raise Broken("None flows to the input at all.")
    valid = valid_steps(lengths, x.shape[1])
    leak, due = (x.grad[steps].abs().max().item() for steps in (~valid, valid))
    require(due > 0, "All gradients of the input are zero.")
    require(leak == 0, f"Padding has a gradient of {leak:.2g}; 0 is due.")


@core_rule()
def row_gradients(setting):
    """The gradient of a batch is the sum of the gradients of its rows, each alone and cut."""
    core, (x, lengths) = setting.build().double(), make_rows()
    x = x.double()
    valid_outputs(core, x, lengths).square().sum().backward()
    due = take_gradients(core)
    for row, length in zip(x, lengths, strict=True):
        valid_outputs(core, row[None, :length], length[None]).square().sum().backward()
    require_all_close(take_gradients(core), due, "Gradients of {}")


@core_rule()
def finite_differences(setting):
    """Gradients tell how the outputs change after small steps in weights and inputs."""
    core, (x, lengths) = setting.build().double(), make_rows()
    x = x.double().requires_grad_()
    weighted_sum(core(x, lengths)[0], lengths).backward()
    for name, place in [("the input", x), *core.named_parameters()]:
        step = 1e-7 * draw_normal(place.shape).double()  # seldom across a kink
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
            f"{due:.3g}.",
        )


@core_rule(lambda backend: backend.bf16 and computes_bf16("cpu"))
def bfloat16(setting):
    """bf16 = True: under autocast to bfloat16, outputs and gradients are roughly the same."""
    lengths = torch.tensor(LENGTHS)
    for features in (INPUT, 8, 12):  # torch's convolutions of 8 and 12 were seen to be wrong
        core = setting.build(sizes=(features, HIDDEN))
        x = draw_normal((len(LENGTHS), max(LENGTHS), features))
        outputs, gradients = [], []
        for coarse in (False, True):
            with torch.autocast("cpu", torch.bfloat16, enabled=coarse):
                answer = core(x, lengths)[0]
            outputs.append(within(answer.float(), lengths))
            weighted_sum(answer.float(), lengths).backward()
            gradients.append(take_gradients(core))
        what = f"Outputs in bfloat16 and float32 of {features} features"
        require_close(outputs[1], outputs[0], what, 0.05)
        for name, due in gradients[0].items():
            found = gradients[1][name]
            require(found.dtype == torch.float32, f"The gradient of {name} is {found.dtype}.")
            off = ((found - due).norm() / due.norm().clamp(min=1e-3)).item()
            require(off <= 0.3, f"The gradient of {name} is off by {off:.0%}.")


@backend_rule()
def learning(backend):
    """A small training on the adding problem clearly beats the best constant answer."""
    steps, generator = 8, torch.Generator().manual_seed(0)
    with draw_from(generator):
        core = build_core(backend, 2, 32, num_layers=1, bidirectional=False, dropout=0.0)
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
