"""Series with gaps: a core that takes values, mask and gaps apart uses all of them."""

import torch

from seqlearn.testing.material import (
    draw_normal,
    require,
    require_finite,
    take_gradients,
    three_parts,
    weighted_sum,
)
from seqlearn.testing.rules.rule import core_rule


@core_rule(lambda backend: backend.missing)
def missing(setting):
    """missing = True: values, mask and gaps each change outputs; long gaps leave them finite."""
    core = setting.build().core
    x, lengths = three_parts(draw_normal((4, 7, 3))), torch.tensor([7, 1, 4, 6])
    parts = dict(zip(("values", "mask", "gaps"), x.chunk(3, dim=2), strict=True))
    due = core(x, lengths)[0]
    others = {"values": -parts["values"], "mask": 1 - parts["mask"], "gaps": 2 * parts["gaps"] + 1}
    for name, other in others.items():
        found = core(torch.cat([*(parts | {name: other}).values()], dim=2), lengths)[0]
        require(bool((found != due).any()), f"Other {name} give the same outputs.")
    parts["gaps"] = 1e6 * parts["gaps"]
    outputs = core(torch.cat([*parts.values()], dim=2), lengths)[0]
    require_finite(outputs[:, :1], "The outputs after gaps of a million")
    weighted_sum(outputs, lengths).backward()
    for name, gradient in take_gradients(core).items():
        require_finite(gradient, f"The gradient of {name} after gaps of a million")
