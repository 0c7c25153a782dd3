"""What happens after batches and epochs of `seqlearn.training.net`.

The learning rate follows its schedule, weights stay finite, progress shows; and the user's own
callbacks are joined to these, if they can do their work here.

This file and the net's are the only ones that import skorch.
"""

import copy
import inspect
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from skorch.callbacks import Callback, EarlyStopping, InputShapeSetter, LRScheduler, ParamMapper
from skorch.callbacks.scoring import ScoringBase
from tqdm.auto import tqdm

from seqlearn.errors import InvalidParameterError, TrainingDivergedError
from seqlearn.training.flat_parameters import is_finite
from seqlearn.training.schedules import Schedule

__all__ = [
    "ADVICE",
    "Diverged",
    "EpochLines",
    "EpochProgress",
    "KeepFinite",
    "Scheduled",
    "Watching",
    "answer_scorers",
    "chosen_callbacks",
    "only_parameters",
    "overriding",
    "progress_bar",
    "without_last_fit",
]

EVENTS = [name for name in dir(Callback) if name.startswith("on_")]

ADVICE = (
    "Try a smaller lr, gradient_clip=1.0, or inputs of a common scale "
    "(seqlearn.preprocessing.SequenceScaler)."
)


class Diverged(KeyboardInterrupt):
    """Ends a training, as callbacks of skorch do it, where the loss is no longer finite."""


class Watching(Callback):
    """A callback of ours, which is told of a fit that begins with checkpoints."""

    def on_checkpoint(self, net, told: str):
        """Hear where training begins; ``net`` is in the state that a checkpoint held, if any."""


class KeepFinite(Watching):
    """Keep what the last epoch learned; stop when loss or weights stop being finite.

    Weights and the optimiser's state are kept, to go back to them.

    Attributes
    ----------
    diverged_epoch_ : int or None
        The epoch in which it happened.
    """

    def on_train_begin(self, net, **kwargs):
        """Forget the last fit."""
        self.diverged_epoch_ = None
        self._kept = None

    def on_epoch_end(self, net, **kwargs):
        """Keep the epoch, or stop."""
        weights = list(net.module_.state_dict().values())
        if math.isfinite(net.history[-1, "train_loss"]) and is_finite(weights):
            self._keep(net)
            return
        epoch = net.history[-1, "epoch"]
        net.history[-1]["train_loss"] = math.nan
        if not self.go_back(net):
            raise TrainingDivergedError(
                f"The training loss stopped being finite in epoch {epoch}, before there were any "
                f"usable weights. {ADVICE}"
            )
        self.diverged_epoch_ = epoch
        raise Diverged

    def on_checkpoint(self, net, told: str):
        """Keep the epoch that a checkpoint holds."""
        if net.history:
            self._keep(net)

    def _keep(self, net) -> None:
        tensors = _tensors(net)
        if self._kept is None or len(self._kept) != len(tensors):
            self._kept = [tensor.clone() for tensor in tensors]
        else:
            for kept, tensor in zip(self._kept, tensors, strict=True):
                kept.copy_(tensor)

    def go_back(self, net) -> bool:
        """Go back to the end of the last epoch; return whether there was one."""
        for tensor, kept in zip(_tensors(net), self._kept or [], strict=False):
            tensor.copy_(kept)
        return self._kept is not None


def _tensors(net) -> list[torch.Tensor]:
    """Weights, and then the optimiser's state, which may get longer."""
    state = [value for values in net.optimizer_.state.values() for value in values.values()]
    state = [value for value in state if isinstance(value, torch.Tensor)]
    return [*net.module_.state_dict().values(), *state]


class Scheduled(Callback):
    """Set the learning rate of every update to ``factor(update)`` times what it was at first.

    skorch's LRScheduler does this through a scheduler of torch, at the cost of a tenth of a small
    network's update.
    """

    def __init__(self, factor: Schedule):
        self.factor = factor

    def on_train_begin(self, net, **kwargs):
        """Begin the plan."""
        self.update_ = 0
        self.rates_ = [group["lr"] for group in net.optimizer_.param_groups]

    def on_epoch_begin(self, net, **kwargs):
        """Set the rate, which a callback may have loaded with an optimiser's state."""
        self._set(net)

    def on_batch_end(self, net, training, **kwargs):
        """Go on to the next update."""
        if training:
            self.update_ += 1
            self._set(net)

    def _set(self, net) -> None:
        factor = self.factor(self.update_)
        for group, rate in zip(net.optimizer_.param_groups, self.rates_, strict=True):
            group["lr"] = rate * factor


@contextmanager
def progress_bar(shown: bool, total: int, name: str, unit: str) -> Iterator[Callable[[], Any]]:
    """Show a progress bar while the body runs, if ``shown``; it advances at each call."""
    if not shown:
        yield lambda: None
        return
    with tqdm(total=total, desc=name, unit=unit, leave=True) as bar:
        yield bar.update


class EpochProgress(Watching):
    """A progress bar over the epochs, in a terminal or a notebook."""

    def __init__(self, name: str):
        self.name = name

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=net.max_epochs, desc=self.name, unit="epoch", leave=True)

    def on_checkpoint(self, net, told: str):
        """Begin with the epochs that a checkpoint holds; say so above the bar."""
        self.bar_.write(told)
        self.bar_.initial = self.bar_.n = len(net.history)
        self.bar_.refresh()

    def on_epoch_end(self, net, **kwargs):
        """Advance it by one epoch."""
        self.bar_.set_postfix(_figures(net), refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close it."""
        self.bar_.close()


class EpochLines(Watching):
    """A line of text an epoch, for log files."""

    def __init__(self, name: str):
        self.name = name

    def on_checkpoint(self, net, told: str):
        """Say where training begins."""
        print(told)

    def on_epoch_end(self, net, **kwargs):
        """Print the line."""
        figures = ", ".join(f"{name}={value}" for name, value in _figures(net).items())
        print(f"{self.name} epoch {net.history[-1, 'epoch']}/{net.max_epochs}: {figures}")


def _figures(net) -> dict[str, str]:
    row = net.history[-1]
    names = ("train_loss", "valid_loss", "valid_score")
    return {name: f"{row[name]:.4f}" for name in names if name in row}


def chosen_callbacks(
    given: list | None,
    *,
    name: str,
    schedule: Schedule | None,
    patience: int | None,
    tol: float,
    verbose: int,
) -> list:
    """Return the callbacks of one fit, the user's last, as they were given.

    Parameters
    ----------
    given : list of callbacks, classes of them, or pairs of a name and one of these
        The user's.
    name : str
        For progress.
    schedule : Schedule or None
        Of the learning rate.
    patience : int or None
        Epochs without a smaller validation loss after which to stop; None without validation.
    tol, verbose
        As in the estimators.

    Raises
    ------
    InvalidParameterError
        One of them is no callback, or sets what the estimators set.
    """
    given, chosen = list(given or []), []
    callbacks = [_unnamed(item) for item in given]
    for callback in callbacks:
        _refuse_strangers(callback)
    if schedule is not None:
        theirs = [kind.__name__ for kind in _kinds(callbacks) if issubclass(kind, LRScheduler)]
        if theirs:
            warnings.warn(
                f"callbacks holds {theirs[0]}, which sets the learning rate, so that "
                f"lr_schedule={schedule.name!r} is not followed. Set lr_schedule=None to say so.",
                UserWarning,
                stacklevel=6,
            )
        else:
            chosen.append(Scheduled(schedule))
    if patience is not None:
        chosen.append(
            EarlyStopping(patience=patience, threshold=tol, load_best=True, sink=_discard)
        )
    if verbose:
        chosen.append(EpochProgress(name) if verbose == 1 else EpochLines(name))
    return chosen + given


def _discard(text, verbose=0):
    """Take skorch's remarks about early stopping, and print nothing."""


def _unnamed(item: Any) -> Any:
    if not isinstance(item, tuple | list):
        return item
    if len(item) != 2:
        raise InvalidParameterError(
            f"callbacks holds {item!r}. Accepted are callbacks, and pairs of a name and a callback."
        )
    return item[1]


def _kinds(callbacks: Iterable[Any]) -> list[type]:
    return [one if inspect.isclass(one) else type(one) for one in callbacks]


def _refuse_strangers(callback: Any) -> None:
    (kind,) = _kinds([callback])
    lacks = [
        event for event in ("initialize", "set_params", *EVENTS) if not hasattr(callback, event)
    ]
    if lacks:
        raise InvalidParameterError(
            f"callbacks holds {callback!r}, which is no callback of skorch: it has no {lacks[0]}. "
            "Give objects whose class inherits from skorch.callbacks.Callback."
        )
    if issubclass(kind, InputShapeSetter):
        raise InvalidParameterError(
            f"callbacks holds {kind.__name__}, which gives a network the width of its input; the "
            "estimators do that themselves. Leave it out."
        )


# What skorch's own keep of a fit that holds objects of torch; the next fit makes them anew.
OF_TORCH = {"lr_scheduler_", "best_model_weights_"}


def without_last_fit(callback: Any) -> Any:
    """Return a copy of a callback to be saved, without what skorch left in it for its last fit.

    Objects of torch need torch to be read again, those of a card the card too; and a callback that
    holds its own methods holds itself. What a callback of the user has noted stays.

    Parameters
    ----------
    callback : callback, class of one, or pair of a name and one of these

    Examples
    --------
    >>> from skorch.callbacks import Freezer
    >>> fitted = Freezer("encoder.*", at=2).initialize()
    >>> without_last_fit(fitted).at
    2
    """
    if isinstance(callback, tuple | list):
        return type(callback)(map(without_last_fit, callback))
    if not isinstance(callback, LRScheduler | EarlyStopping | ParamMapper):
        return callback
    callback = copy.copy(callback)
    for name in OF_TORCH & vars(callback).keys():
        delattr(callback, name)
    if isinstance(callback, ParamMapper):
        at, schedule = callback.at, callback.schedule
        if getattr(schedule, "__func__", None) is ParamMapper._default_schedule:
            callback.schedule = None
        if isinstance(at, partial) and getattr(at.func, "__func__", None) is ParamMapper._epoch_at:
            callback.at = at.keywords["epoch"]
    return callback


def only_parameters(callback: Any) -> Any:
    """Return a callback as `sklearn.base.clone` can copy it, fitted or not.

    clone hands all attributes of a callback of skorch to its constructor whose names do not end in
    an underscore. Those that the constructor does not take are left out here, such as what skorch's
    MlflowLogger and NeptuneLogger keep of a fit.

    Parameters
    ----------
    callback : callback, class of one, or pair of a name and one of these

    Examples
    --------
    >>> from skorch.callbacks import MlflowLogger
    >>> logger = MlflowLogger("run", "client")
    >>> logger._batch_count = 40
    >>> sorted(only_parameters(logger).get_params())[:2]
    ['batch_suffix', 'client']
    """
    if isinstance(callback, tuple | list):
        return type(callback)(map(only_parameters, callback))
    if not isinstance(callback, Callback) or hasattr(callback, "__sklearn_clone__"):
        return callback
    taken = inspect.signature(type(callback).__init__).parameters
    takes_any = any(one.kind is one.VAR_KEYWORD for one in taken.values())
    others = [name for name in callback.get_params(deep=False) if name not in taken]
    if takes_any or not others:
        return callback
    callback = copy.copy(callback)
    for name in others:
        vars(callback).pop(name, None)
    return callback


def answer_scorers(callbacks: list[tuple[str, Any]], scorers: tuple[str, ...]) -> set[bool]:
    """Let callbacks that score by a name ask for the estimator's own score, if that is its name.

    Returns
    -------
    set of bool
        Which epochs' passes are scored: True for that of training, False for validation.

    Raises
    ------
    InvalidParameterError
        There is another name.
    """
    scoring = [callback for _, callback in callbacks if isinstance(callback, ScoringBase)]
    for callback in scoring:
        if isinstance(callback.scoring_, str):
            if callback.scoring_ not in scorers:
                raise InvalidParameterError(
                    f"{type(callback).__name__}({callback.scoring!r}) in callbacks: accepted are "
                    f"{', '.join(map(repr, [None, *scorers]))}, which stand for the "
                    "score of the estimator, and callables of (net, X, y), whose y holds the "
                    "targets as the network learns them. For other scores of scikit-learn call "
                    "them after fit."
                )
            callback.scoring_ = None  # the name under which it is recorded is known by now
    return {callback.on_train for callback in scoring}


def overriding(callbacks: list[tuple[str, Any]], event: str) -> list[Any]:
    """Return the callbacks that override the method of an event."""
    inherited = getattr(Callback, event)
    found = [(callback, getattr(callback, event)) for _, callback in callbacks]
    return [one for one, method in found if getattr(method, "__func__", method) is not inherited]
