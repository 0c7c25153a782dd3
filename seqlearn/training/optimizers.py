"""torch's optimisers by the names that estimators know, without what only torch's compiler needs.

torch imports its compiler when the first optimiser of a process is built, saved or stepped: almost
a second of CPU time, which the first fit, each worker of a grid search and the first prediction
of an unpickled model paid. The optimisers here compute the same. A class that a user hands over is
used as it is. Callers: `seqlearn.training.net` and `.flat`, and `seqlearn.estimators.trainable`.
"""

import inspect
from typing import Any, TypeGuard

import torch
from torch import optim

__all__ = ["OPTIMIZERS", "is_own_adam"]

WRAPPED = ("add_param_group", "load_state_dict", "state_dict", "step", "zero_grad")


def _without_compiler(optimizer: type[optim.Optimizer]) -> type[optim.Optimizer]:
    """Return a subclass whose methods are the ones inside of torch's wrappers."""
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in WRAPPED}
    methods["step"] = torch.no_grad()(methods["step"])
    return type(optimizer.__name__, (optimizer,), methods)


# By the names that the classes have, so that optimisers pickle.
Adam, AdamW = _without_compiler(optim.Adam), _without_compiler(optim.AdamW)
SGD, RMSprop = _without_compiler(optim.SGD), _without_compiler(optim.RMSprop)

OPTIMIZERS: dict[Any, tuple[Any, dict[str, Any]]] = {
    "adam": (Adam, {"fused": True}),
    "adamw": (AdamW, {"fused": True}),
    "sgd": (SGD, {"fused": True, "momentum": 0.9, "nesterov": True}),
    "rmsprop": (RMSprop, {}),
}


def is_own_adam(optimizer: optim.Optimizer) -> TypeGuard[optim.Adam]:
    """Whether its step is that of Adam or AdamW as they are here, and nothing more.

    There is more where a scheduler of torch, which counts steps, has put its own in their place.
    """
    return type(optimizer) in (Adam, AdamW) and "step" not in optimizer.__dict__
