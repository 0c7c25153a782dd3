"""Copies: pickle, deepcopy, state_dict, torch.export and a move to a GPU keep the answer."""

import copy
import pickle
import warnings

import torch

from seqlearn.testing.material import (
    LENGTHS,
    build_core,
    each_core,
    make_rows,
    require,
    require_close,
    require_finite,
    training_outputs,
    valid_outputs,
    weighted_sum,
)
from seqlearn.testing.rules.rule import rule


@rule()
def copies(backend):
    """Cores survive pickle and copy.deepcopy, also after training; backends survive pickle."""
    loaded = pickle.loads(pickle.dumps(backend))
    require(repr(loaded) == repr(backend), f"The backend came back as {loaded!r}.")
    for setting, core in each_core(backend, dropout=0.5):
        x, lengths = make_rows()
        weighted_sum(core.train()(x, lengths)[0], lengths).backward()
        due = valid_outputs(core.eval()(x, lengths)[0], lengths)
        for way, twin in (
            ("pickle", pickle.loads(pickle.dumps(core))),
            ("copy.deepcopy", copy.deepcopy(core)),
        ):
            found = valid_outputs(twin(x, lengths)[0], lengths)
            require_close(found, due, f"Outputs after {way} {setting}", 0.0)


@rule()
def state_dict(backend):
    """state_dict holds all there is to a core: loaded into another one, the outputs are equal."""
    for setting, core in each_core(backend):
        other = build_core(backend, setting.layers, setting.bidirectional, seed="other")
        x, lengths = make_rows()
        training_outputs(core, x, lengths)  # running statistics move
        due = valid_outputs(core.eval()(x, lengths)[0], lengths)
        other.load_state_dict(core.state_dict())
        require_close(valid_outputs(other(x, lengths)[0], lengths), due, f"Outputs {setting}", 0.0)


@rule()
def export(backend):
    """In evaluation, its weights frozen, torch.export takes a core, with lengths and without."""
    for setting, core in each_core(backend, layers=(1,)):
        core.requires_grad_(False)
        x, lengths = make_rows((3, 2, 1), 3)
        for given, what in (((x,), "without lengths"), ((x, lengths), "with lengths")):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what torch's own layers do with their weights
                exported = torch.export.export(core, given, strict=False).module()
            found, due = exported(*given)[0], core(*given)[0]
            require_close(found, due, f"Outputs exported {what} {setting}")


@rule(lambda backend: torch.cuda.is_available())
def device(backend):
    """Moved to a GPU a core works there, with lengths on the CPU, and gives the same outputs."""
    for setting, core in each_core(backend):
        for lengths in (LENGTHS, (7, 7)):
            x, rows = make_rows(lengths)
            due = valid_outputs(core.cpu().eval()(x, rows)[0], rows)
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                outputs, _ = core.cuda()(x.cuda(), rows)
                require(outputs.is_cuda, f"The outputs are on {outputs.device} {setting}.")
                found = valid_outputs(outputs.cpu(), rows)
                require_close(found, due, f"Outputs on the GPU and the CPU {setting}", 1e-5)
                trained = core.train()(x.cuda(), rows)[0].cpu()
                weighted_sum(trained, rows).backward()
            for name, weight in core.named_parameters():
                require_finite(weight.grad, f"The gradient of {name} on the GPU {setting}")
            core.zero_grad()
