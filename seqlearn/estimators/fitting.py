"""What every fit needs, of whatever estimator: checks of the shared parameters, the settings that
go to the net as they are, the word on a training that ended early, and the way back if it fails.

The classes in `base` and `forecaster` call these; how data become batches is theirs.
"""

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from sklearn.exceptions import ConvergenceWarning

from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.parameters import (
    Check,
    boolean,
    check_parameters,
    integer,
    mapping,
    number,
    one_of,
    sequence,
)
from seqlearn.training.callbacks import ADVICE
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.optimizers import OPTIMIZERS
from seqlearn.training.schedules import SCHEDULES

__all__ = [
    "SHARED_CHECKS",
    "check_shared_parameters",
    "fit_inside",
    "net_settings",
    "tell_of_early_end",
    "unchanged_on_error",
]

SHARED_CHECKS: dict[str, Check] = {
    "hidden_size": integer(1),
    "num_layers": integer(1),
    "bidirectional": boolean,
    "dropout": number("[0, 1)"),
    "max_epochs": integer(1, "auto"),
    "lr": number("(0, inf)"),
    "lr_schedule": one_of(*SCHEDULES, None),
    "batch_size": integer(1, "auto"),
    "optimizer": one_of(*OPTIMIZERS, or_class=torch.optim.Optimizer),
    "weight_decay": number("[0, inf)"),
    "gradient_clip": number("(0, inf)", None),
    "callbacks": sequence,
    "dtype": one_of("float32", "float64"),
    "precision": one_of("auto", "float32", "bf16"),
    "early_stopping": boolean,
    "validation_fraction": number("(0, 1)"),
    "n_iter_no_change": integer(1),
    "tol": number("[0, inf)"),
    "warm_start": boolean,
    "verbose": integer(0, True, False),
    "net_params": mapping,
}

_OURS = {
    "criterion",
    "module",
    "name",
    "network",
    "optimizer__weight_decay",
    "seeds",
    "train_split",
}
_OURS_BELOW = ("callbacks__epoch_timer", "callbacks__keep_finite", "criterion__", "module__")


@contextmanager
def unchanged_on_error(estimator: Any) -> Iterator[None]:
    """Leave the estimator exactly as it was if what happens inside fails.

    An interrupt of the user that `tell_of_early_end` was given, because there is something to keep,
    is raised at the end.
    """
    before = {
        name: dict(value) if isinstance(value, dict) else value
        for name, value in estimator.__dict__.items()
    }
    try:
        # A fit needs gradients wherever it is called.
        with torch_defaults(), torch.inference_mode(False):
            yield
    except BaseException as error:
        estimator.__dict__ = before
        if isinstance(error, KeyboardInterrupt) and not hasattr(error, "__notes__"):
            name = type(estimator).__name__
            error.add_note(f"{name} was interrupted before an epoch ended; it is as it was before.")
        raise
    interrupt = estimator.__dict__.pop("_interrupt", None)
    if interrupt is not None:
        raise interrupt


def fit_inside(outer: Any, inner: Any, *args: Any, **kwargs: Any) -> Any:
    """Fit an estimator that another one holds, and return it; both keep what an interrupt left."""
    try:
        return inner.fit(*args, **kwargs)
    except KeyboardInterrupt as interrupt:
        if not hasattr(inner, "net_"):
            raise
        outer._interrupt = interrupt
        return inner


def check_shared_parameters(estimator: Any, checks: dict[str, Check]) -> None:
    """Run ``checks`` on the parameters, and look for settings of skorch that are not the user's.

    Raises
    ------
    InvalidParameterError
        Naming the parameter.
    """
    check_parameters(estimator, checks)
    taken = sorted(
        name
        for name in estimator.net_params or {}
        if name in _OURS or name in estimator.get_params(deep=False) or name.startswith(_OURS_BELOW)
    )
    if taken:
        raise InvalidParameterError(
            f"net_params holds {', '.join(taken)}, which {type(estimator).__name__} sets itself; "
            "use the estimator's own parameter. net_params is for skorch settings that "
            "seqlearn does not have, for example {'optimizer__betas': (0.9, 0.99)}."
        )


def net_settings(estimator: Any) -> dict[str, Any]:
    """Return the arguments of `make_net` that are parameters of every estimator."""
    return {
        "name": type(estimator).__name__,
        "n_iter_no_change": estimator.n_iter_no_change,
        "tol": estimator.tol,
        "verbose": int(estimator.verbose),
        "callbacks": estimator.callbacks,
        "optimizer": estimator.optimizer,
        "gradient_clip": estimator.gradient_clip,
        "precision": estimator.precision,
        "lr": estimator.lr,
        **_decay(estimator),
        **(estimator.net_params or {}),
    }


def _decay(estimator: Any) -> dict[str, float]:
    """Return the optimiser's argument for ``weight_decay``, if it takes one."""
    optimizer = OPTIMIZERS.get(estimator.optimizer, (estimator.optimizer,))[0]
    if "weight_decay" in inspect.signature(optimizer).parameters:
        return {"optimizer__weight_decay": estimator.weight_decay}
    if estimator.weight_decay:
        raise InvalidParameterError(
            f"weight_decay={estimator.weight_decay}, but {optimizer.__name__} has no "
            "weight_decay; set weight_decay=0 or choose another optimizer."
        )
    return {}


def tell_of_early_end(
    estimator: Any, net: Any, interrupt: KeyboardInterrupt | None, stacklevel: int = 5
) -> None:
    """Warn if the training diverged; leave an interrupt to `unchanged_on_error`, with a note."""
    name, epochs = type(estimator).__name__, len(net.epochs())
    if interrupt is not None:
        interrupt.add_note(
            f"{name} was interrupted after {epochs} of {net.max_epochs} epochs; it keeps the "
            "model that those have trained."
        )
        estimator._interrupt = interrupt
    diverged = dict(net.callbacks_)["keep_finite"].diverged_epoch_
    if diverged is not None:
        warnings.warn(
            f"The training loss of {name} stopped being finite in epoch {diverged} of "
            f"{net.max_epochs}. Training stopped there, with the weights of epoch "
            f"{diverged - 1}. {ADVICE}",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )
