"""torch's optimisers by the names that estimators know, without what only torch's compiler needs.

torch imports its compiler when the first optimiser of a process is built, saved or stepped: almost
a second of CPU time, which the first fit, each worker of a grid search and the first prediction
of an unpickled model paid. The optimisers here compute the same. A class that a user hands over is
used as it is. Callers: `seqlearn.training.net` and `seqlearn.training.flat`.
"""

import inspect
from typing import Any

import torch
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

__all__ = ["OPTIMIZERS", "fused_kernel"]

WRAPPED = ("add_param_group", "load_state_dict", "state_dict", "step", "zero_grad")


def _without_compiler(optimizer: type[Optimizer]) -> type[Optimizer]:
    """Return a subclass whose methods are the ones inside of torch's wrappers."""
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in WRAPPED}
    methods["step"] = torch.no_grad()(methods["step"])
    return type(optimizer.__name__, (optimizer,), methods)


_Adam, _AdamW = _without_compiler(Adam), _without_compiler(AdamW)

OPTIMIZERS: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "adam": (_Adam, {"fused": True}),
    "adamw": (_AdamW, {"fused": True}),
    "sgd": (_without_compiler(SGD), {"fused": True, "momentum": 0.9, "nesterov": True}),
    "rmsprop": (_without_compiler(RMSprop), {}),
}


def fused_kernel(optimizer: Optimizer) -> Any:
    """Return the kernel that a step of this optimiser ends in; None for those that have another."""
    return _KERNELS.get(type(optimizer))


_KERNELS = {_Adam: torch._fused_adam_, _AdamW: torch._fused_adamw_}  # with fused=True
