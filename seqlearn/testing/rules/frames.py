"""What a core that reads frames of video has to do with frames of any size."""

import math

import torch

from seqlearn.backend import step_core, valid_steps
from seqlearn.testing.material import (
    HIDDEN,
    LENGTHS,
    draw_normal,
    require,
    require_close,
    require_finite,
    weighted_sum,
    within,
)
from seqlearn.testing.rules.rule import core_rule

SIZES = ((1, 1, 1), (5, 4, 2), (2, 7, 1), (9, 1, 3), (8, 8, 1))  # height, width, colours


@core_rule(lambda backend: backend.step_shape is not None)
def frames(setting):
    """step_shape = (None, None, None): frames of any size are read, each pixel of them.

    Padded frames and other rows change nothing, and one step equals one step of forward.
    """
    lengths = torch.tensor(LENGTHS)
    for size in SIZES:
        core = setting.build(sizes=(size, HIDDEN))
        where = f" of frames of {' x '.join(map(str, size))}"
        x = draw_normal((len(LENGTHS), max(LENGTHS), math.prod(size))).requires_grad_()
        outputs = core(x, lengths)[0]
        due, found = (*x.shape[:2], core.output_size), tuple(outputs.shape)
        require(found == due, f"The shape{where} is {found} instead of {due}.")
        require_finite(within(outputs, lengths), f"Outputs{where}")
        weighted_sum(outputs, lengths).backward()
        valid = valid_steps(lengths, x.shape[1])
        assert x.grad is not None, "no gradient flows to the input"
        largest = x.grad[valid].abs().amax(0)  # of each value of a frame
        n_unread = int((largest == 0).sum())
        require(not n_unread, f"{n_unread} of {x.shape[2]} values{where} are not read.")
        with torch.no_grad():
            spoilt = torch.where(valid[..., None], x, torch.inf)
            again = core(spoilt, lengths)[0]
            require_close(
                within(again, lengths), within(outputs, lengths), f"Outputs{where}, other padding,"
            )
            for i, length in enumerate(LENGTHS):
                alone = core(x[i : i + 1, :length], lengths[i : i + 1])[0][0]
                require_close(alone, outputs[i, :length], f"Outputs{where} of row {i}, alone,")
            if setting.backend.stateful and not setting.bidirectional:
                stepped = step_core(core, x[:, 0])[0]
                require_close(stepped, outputs[:, 0], f"Outputs{where} of step and forward")
