"""Copies: pickle, deepcopy, state_dict, torch.export and a move to a GPU keep the answer."""

import copy
import pickle
import warnings

import torch

from seqlearn.testing.material import (
    LENGTHS,
    make_rows,
    require,
    require_close,
    require_finite,
    take_gradients,
    training_outputs,
    valid_outputs,
    weighted_sum,
    within,
)
from seqlearn.testing.rules.rule import core_rule


@core_rule()
def copies(setting):
    """Cores survive pickle and copy.deepcopy, also after training; backends survive pickle."""
    loaded = pickle.loads(pickle.dumps(setting.backend))
    require(repr(loaded) == repr(setting.backend), f"The backend came back as {loaded!r}.")
    core, (x, lengths) = setting.build(dropout=0.5), make_rows()
    weighted_sum(core.train()(x, lengths)[0], lengths).backward()
    due = valid_outputs(core.eval(), x, lengths)
    for name, twin in (
        ("pickle", pickle.loads(pickle.dumps(core))),
        ("copy.deepcopy", copy.deepcopy(core)),
    ):
        require_close(valid_outputs(twin, x, lengths), due, f"Outputs after {name}", 0.0)


@core_rule()
def state_dict(setting):
    """state_dict holds all there is to a core: loaded into another one, the outputs are equal."""
    core, other, (x, lengths) = setting.build(), setting.build(seed="other"), make_rows()
    training_outputs(core, x, lengths)  # running statistics move
    due = valid_outputs(core.eval(), x, lengths)
    other.load_state_dict(core.state_dict())
    require_close(valid_outputs(other, x, lengths), due, "Outputs of another core", 0.0)


@core_rule(layers=(1,))
def export(setting):
    """In evaluation, its weights frozen, torch.export takes a core, with lengths and without."""
    core, rows = setting.build().requires_grad_(False), make_rows((3, 2, 1), 3)
    for given, what in ((rows[:1], "without lengths"), (rows, "with lengths")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what torch's own layers do with their weights
            exported = torch.export.export(core, given, strict=False).module()
        require_close(exported(*given)[0], core(*given)[0], f"Outputs exported {what}")


@core_rule(lambda backend: torch.cuda.is_available())
def device(setting):
    """Moved to a GPU a core works there, with lengths on the CPU, and gives the same outputs."""
    core = setting.build()
    for lengths in (LENGTHS, (7, 7)):
        x, rows = make_rows(lengths)
        due = valid_outputs(core.cpu().eval(), x, rows)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            outputs = core.cuda()(x.cuda(), rows)[0]
            require(outputs.is_cuda, f"The outputs are on {outputs.device}.")
            found = within(outputs.cpu(), rows)
            require_close(found, due, "Outputs on the GPU and the CPU", 1e-5)
            weighted_sum(core.train()(x.cuda(), rows)[0].cpu(), rows).backward()
        for name, gradient in take_gradients(core).items():
            require_finite(gradient, f"The gradient of {name} on the GPU")
