"""The state of a training between two epochs, as plain values: all that the next epoch depends on.

Weights, what the optimiser and callbacks keep, and where every source of chance has come to.
`seqlearn.training.checkpoints` writes it into files.
"""

from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqlearn.errors import InvalidParameterError
from seqlearn.printing import short_repr
from seqlearn.training.randomness import dropouts

__all__ = ["optimized", "restore", "state_of"]

# What the callbacks of skorch and ours change while they train, besides what stands in the history.
CHANGES = {
    "EarlyStopping": ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_"),
    "LRScheduler": ("batch_idx_",),
    "PassthroughScoring": ("best_score_",),
    "Scheduled": ("update_", "rates_"),
    "ScoringBase": ("best_score_",),
}
MADE_ANEW = {  # by skorch's own when a training begins, of classes that inherit from them
    "checkpoint_",
    "client_",
    "keys_ignored_",
    "lr_scheduler_",
    "pbar_",
    "policy_",
    "run_",
    "scoring_",
    "y_indexing_",
    "y_preds_",
    "y_trues_",
}
HOLDERS: dict[str, Any] = {"list": list, "tuple": tuple, "set": set}
NO_STATE = (type, FunctionType, MethodType, BuiltinFunctionType, ModuleType)


def state_of(net: Any, generators: list[torch.Generator]) -> dict[str, Any]:
    """Return the state of a net that is being trained, in numbers, text and arrays.

    Parameters
    ----------
    net : SequenceNet
        Between two epochs.
    generators : list of torch.Generator
        Sources of chance besides the dropout masks of its module.

    Raises
    ------
    InvalidParameterError
        A callback keeps what is no data; it is named.
    """
    module, optimizer = net.module_, net.optimizer_
    groups = [
        {name: value for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]
    state = {
        "weights": dict(module.state_dict()),
        "frozen": [name for name, one in module.named_parameters() if not one.requires_grad],
        "optimizer": [dict(optimizer.state.get(one, {})) for one in optimized(net)],
        "groups": groups,
        "generators": [one.get_state() for one in generators],
        "masks": [layer.get_state() for layer in dropouts(net.module_)],
    }
    of_callbacks = {
        name: {
            key: _as_plain(value, f"{type(one).__name__} in callbacks has {key}")
            for key, value in _kept_by(one).items()
        }
        for name, one in net.callbacks_
    }
    place = "The state of the training"
    return {name: _as_plain(one, place) for name, one in state.items()} | {
        "callbacks": of_callbacks
    }


def restore(net: Any, generators: list[torch.Generator], state: dict[str, Any]) -> None:
    """Put a net, in which ``on_train_begin`` has been told, into a state of `state_of`."""
    device = torch.device(net.device)
    of_callbacks = state["callbacks"]
    state = {name: _from_plain(state[name], device) for name in state if name != "callbacks"}
    for name, value in net.module_.state_dict().items():
        value.copy_(state["weights"][name])
    for name, one in net.module_.named_parameters():
        one.requires_grad_(name not in state["frozen"])
    net.optimizer_.state.clear()
    for one, values in zip(optimized(net), state["optimizer"], strict=True):
        if values:
            net.optimizer_.state[one] = values
    for group, values in zip(net.optimizer_.param_groups, state["groups"], strict=True):
        group.update(values)
    for generator, value in zip(generators, state["generators"], strict=True):
        generator.set_state(value)
    for layer, value in zip(dropouts(net.module_), state["masks"], strict=True):
        layer.set_state(value, device)
    for name, callback in net.callbacks_:
        kept = of_callbacks.get(name, {})  # one that shows progress may be new
        kept = {key: _from_plain(one, device) for key, one in kept.items()}
        scheduler = kept.pop("lr_scheduler_", None)
        if scheduler is not None:
            callback.lr_scheduler_.load_state_dict(scheduler)
        if _says_itself(callback):
            callback.load_state_dict(kept["state_dict"])
        else:
            vars(callback).update(kept)


def optimized(net: Any) -> Iterator[Tensor]:
    """Yield what the optimiser changes, in its order."""
    return (one for group in net.optimizer_.param_groups for one in group["params"])


def _says_itself(callback: Any) -> bool:
    """Whether a callback says what its state is, as torch's schedulers do."""
    return hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict")


def _kept_by(callback: Any) -> dict[str, Any]:
    """Return what of a callback has to be kept: of those that others wrote, all that is data."""
    if _says_itself(callback):
        return {"state_dict": callback.state_dict()}
    kinds = type(callback).__mro__
    names = {name for kind in kinds for name in CHANGES.get(kind.__name__, ())}
    kept = {name: vars(callback)[name] for name in names if name in vars(callback)}
    scheduler = vars(callback).get("lr_scheduler_")
    if scheduler is not None:
        kept["lr_scheduler_"] = scheduler.state_dict()
    if kinds[0].__module__.partition(".")[0] in ("seqlearn", "skorch"):
        return kept
    own = {name: one for name, one in vars(callback).items() if name not in MADE_ANEW}
    for name, value in own.items():
        is_learned = name.startswith("_") or name.endswith("_")  # and no parameter
        if not isinstance(value, NO_STATE) and (is_learned or _is_data(value)):
            kept[name] = value
    return kept


def _is_data(value: Any) -> bool:
    try:
        _as_plain(value, "")
    except InvalidParameterError:
        return False
    return True


def _as_plain(value: Any, place: str) -> Any:
    """Return a value in numbers, text and arrays; what holds others is marked with its kind."""
    if isinstance(value, Tensor) and value.dtype is not torch.bfloat16:  # which NumPy has not
        lies = "on the CPU" if value.device.type == "cpu" else "on the device"
        return {lies: value.detach().cpu().numpy()}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"named": {key: _as_plain(one, place) for key, one in value.items()}}
    if isinstance(value, dict):
        pairs = [(_as_plain(key, place), _as_plain(one, place)) for key, one in value.items()]
        return {"dict": pairs}
    for name, kind in HOLDERS.items():
        if isinstance(value, kind):
            return {name: [_as_plain(one, place) for one in value]}
    is_number = isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "biuf"
    if value is None or isinstance(value, bool | int | float | str) or is_number:
        return value
    kind = type(value)
    raise InvalidParameterError(
        f"{place} is {short_repr(value)}, a {kind.__module__}.{kind.__qualname__}: a checkpoint "
        "holds numbers, text, arrays and tensors. Give the callback methods state_dict() and "
        "load_state_dict(state), leave it out, or set checkpoint=None."
    )


def _from_plain(value: Any, device: torch.device) -> Any:
    """Undo `_as_plain`."""
    if not isinstance(value, dict):
        return value
    [(kind, held)] = value.items()
    if kind == "named":
        return {key: _from_plain(one, device) for key, one in held.items()}
    if kind == "dict":
        return {_from_plain(key, device): _from_plain(one, device) for key, one in held}
    if kind in HOLDERS:
        return HOLDERS[kind](_from_plain(one, device) for one in held)
    tensor = torch.tensor(held)
    return tensor.to(device) if kind == "on the device" else tensor
