"""What every fit needs, of whatever estimator: checks of the shared parameters, the settings that
go to the net as they are, the word on a training that ended early, and the interrupt of the user.

`Trainable` is a base of the classes in `base` and `forecaster`; how data become batches is theirs.
"""

import inspect
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

import torch
from sklearn.exceptions import ConvergenceWarning

from seqlearn.data.batches import Batched
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.shared_parameters import SHARED_CHECKS
from seqlearn.modules.heads.head import Head
from seqlearn.parameter_checks import Check, check_parameters
from seqlearn.registry import resolve_backend
from seqlearn.training.callbacks import ADVICE, chosen_callbacks
from seqlearn.training.checkpoints import Checkpoints, refuse_folder
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.net import SequenceNet
from seqlearn.training.optimizers import OPTIMIZERS
from seqlearn.training.randomness import Seeds
from seqlearn.training.schedules import Schedule

__all__ = ["Trainable", "fit_inside", "restored_on_error", "training"]

_OURS = {"criterion", "module", "network", "seeds", "train_split", "valid"}
_OURS_BELOW = (
    "callbacks__epoch_timer",
    "callbacks__keep_finite",
    "criterion__",
    "module__",
    "optimizer__weight_decay",
)
_LATE: ContextVar[list[KeyboardInterrupt]] = ContextVar("interrupts that wait for a fit to end")


@contextmanager
def training(owner: str) -> Iterator[None]:
    """Do a fit of ``owner`` inside.

    An interrupt of the user that left something to keep is raised at the end; whether there is, is
    said by `Trainable` and `fit_inside`.
    """
    late: list[KeyboardInterrupt] = []
    before = _LATE.set(late)
    try:
        # A fit needs gradients wherever it is called.
        with torch_defaults(), torch.inference_mode(False):
            yield
    except KeyboardInterrupt as error:
        if not hasattr(error, "__notes__"):
            error.add_note(
                f"{owner} was interrupted before an epoch ended; it is as it was before."
            )
        raise
    finally:
        _LATE.reset(before)
    if late:
        raise late[0]


def fit_inside(inner: Any, *args: Any, **kwargs: Any) -> Any:
    """Fit an estimator that another one holds, and return it; both keep what an interrupt left."""
    try:
        return inner.fit(*args, **kwargs)
    except KeyboardInterrupt as interrupt:
        if not hasattr(inner, "net_"):
            raise
        _LATE.get().append(interrupt)
        return inner


@contextmanager
def restored_on_error(estimator: Any) -> Iterator[None]:
    """Leave an estimator of sktime, which clears itself before a fit, as it was if that fails."""
    before = {
        name: dict(value) if isinstance(value, dict) else value
        for name, value in estimator.__dict__.items()
    }
    try:
        yield
    except BaseException:
        estimator.__dict__ = before
        raise


class Trainable:
    """An estimator that trains a net, as its parameters say."""

    _checks: ClassVar[dict[str, Check]] = {}  # of the parameters that are not shared

    get_params: Callable[..., dict[str, Any]]
    net_: SequenceNet
    # <annotations: hidden_size num_layers dropout backend training control>
    hidden_size: int
    num_layers: int
    dropout: float
    backend: Any
    max_epochs: int | str
    lr: float
    lr_schedule: str | None
    batch_size: int | str
    optimizer: Any
    weight_decay: float
    gradient_clip: float | None
    callbacks: list | None
    device: str
    dtype: str
    precision: str
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    random_state: Any
    verbose: int
    checkpoint: Any
    net_params: dict | None
    # </annotations>

    @property
    @abstractmethod
    def _record(self) -> Any:
        """The record of what was learned, with ``history``; an AttributeError before."""

    @property
    def device_(self) -> str:
        """Device the model was trained on and predicts on, "cpu" or "cuda"."""
        return str(self.net_.device)

    @property
    def history_(self) -> list[dict[str, float]]:
        """One row an epoch."""
        return [dict(row) for row in self._record.history]

    @property
    def loss_curve_(self) -> list[float]:
        """Training loss of each epoch."""
        return [row["train_loss"] for row in self._record.history]

    @property
    def n_iter_(self) -> int:
        """Epochs trained, those of earlier calls included where training went on."""
        return len(self._record.history)

    def _check_parameters(self) -> None:
        """Check each parameter, and look for settings of skorch that are not the user's.

        Raises
        ------
        InvalidParameterError
            Naming the parameter.
        """
        names = self.get_params(deep=False)
        shared = {name: check for name, check in SHARED_CHECKS.items() if name in names}
        check_parameters(self, shared | self._checks)
        if self.checkpoint is not None:
            refuse_folder(self.checkpoint)
            if self.random_state is None:
                raise InvalidParameterError(
                    f"checkpoint={str(self.checkpoint)!r} needs a random_state: with None every "
                    "fit draws other weights, and none could go on from another. Set an int."
                )
        taken = sorted(
            name
            for name in self.net_params or {}
            if name in _OURS or name in names or name.startswith(_OURS_BELOW)
        )
        if taken:
            raise InvalidParameterError(
                f"net_params holds {', '.join(taken)}, which {type(self).__name__} sets itself; "
                "use the estimator's own parameter. net_params is for skorch settings that "
                "seqlearn does not have, for example {'optimizer__betas': (0.9, 0.99)}."
            )

    def _refuse_looking_ahead(
        self, what: str, remedy: str = "Use another backend, such as 'torch' or 'gru'."
    ) -> None:
        """Refuse a backend that sees ``what``, a step say, before it predicts it."""
        if not resolve_backend(self.backend).causal:
            raise InvalidParameterError(
                f"backend={self.backend!r} is not causal: it would see the {what} that it is asked "
                f"to predict. {remedy}"
            )

    def _make_net(
        self,
        train: Batched,
        valid: Batched | None,
        *,
        input: tuple[type, dict[str, Any]] | None,
        head: tuple[type[Head], dict[str, Any]],
        readout: str | None,
        seeds: Seeds,
        batch_size: int,
        max_epochs: int,
        one_epoch: bool,
        input_size: int | tuple[int, ...] | None = None,
    ) -> SequenceNet:
        """Return a net that is ready to be trained.

        Parameters
        ----------
        train : Batched
            What it will be trained on.
        valid : Batched or None
            What early stopping looks at; None trains for all epochs.
        input, head : tuple of class and arguments
            Of the network; see `seqlearn.modules.network.Network`.
        readout : str or None
            See `seqlearn.modules.readouts`.
        seeds : Seeds
            Source of all chance.
        batch_size, max_epochs : int
            What "auto" is here.
        one_epoch : bool
            Train for one epoch at a constant rate.
        input_size : int or tuple of int, optional
            Features a step, where there is no input; of frames (H, W, C).
        """
        max_epochs, schedule = 1 if one_epoch else max_epochs, None
        if self.lr_schedule is not None and not one_epoch:
            n_updates = max_epochs * len(train.batches(batch_size))
            schedule = Schedule(self.lr_schedule, n_updates)
        callbacks = chosen_callbacks(
            self.callbacks,
            name=type(self).__name__,
            schedule=schedule,
            patience=None if valid is None else self.n_iter_no_change,
            tol=self.tol,
            verbose=int(self.verbose),
        )
        encoder = {
            "backend": resolve_backend(self.backend),
            "input_size": input_size,
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "bidirectional": bool(getattr(self, "bidirectional", False)),
            "dropout": self.dropout,
            "readout": readout,
        }
        return SequenceNet(
            network={"input": input, "encoder": encoder, "head": head},
            optimizer=self.optimizer,
            seeds=seeds,
            dtype=self.dtype,
            gradient_clip=self.gradient_clip,
            precision=self.precision,
            valid=valid,
            callbacks=callbacks,
            lr=self.lr,
            batch_size=batch_size,
            max_epochs=max_epochs,
            device=str(train.device),
            verbose=int(self.verbose),
            **self._decay(),
            **(self.net_params or {}),
        ).initialize()

    def _checkpoints(self, one_epoch: bool = False) -> Checkpoints | None:
        """Return the files of this fit, if it is to have some; one epoch has none."""
        if self.checkpoint is None or one_epoch:
            return None
        return Checkpoints(self.checkpoint, type(self).__name__)

    def _decay(self) -> dict[str, float]:
        """Return the optimiser's argument for ``weight_decay``, if it takes one."""
        optimizer = OPTIMIZERS.get(self.optimizer, (self.optimizer, {}))[0]
        if "weight_decay" in inspect.signature(optimizer).parameters:
            return {"optimizer__weight_decay": self.weight_decay}
        if self.weight_decay:
            raise InvalidParameterError(
                f"weight_decay={self.weight_decay}, but {optimizer.__name__} has no "
                "weight_decay; set weight_decay=0 or choose another optimizer."
            )
        return {}

    def _end_training(
        self,
        net: Any,
        interrupt: KeyboardInterrupt | None,
        before: list[dict[str, float]],
        stacklevel: int = 5,
    ) -> list[dict[str, float]]:
        """Return the history with that of earlier fits; tell of a training that ended early.

        Warns of one that diverged; an interrupt waits for the end of `training`, with a note.
        """
        name, epochs = type(self).__name__, net.epochs()
        if interrupt is not None:
            interrupt.add_note(
                f"{name} was interrupted after {len(epochs)} of {net.max_epochs} epochs; it keeps "
                "the model that those have trained."
            )
            _LATE.get().append(interrupt)
        diverged = dict(net.callbacks_)["keep_finite"].diverged_epoch_
        if diverged is not None:
            warnings.warn(
                f"The training loss of {name} stopped being finite in epoch {diverged} of "
                f"{net.max_epochs}. Training stopped there, with the weights of epoch "
                f"{diverged - 1}. {ADVICE}",
                ConvergenceWarning,
                stacklevel=stacklevel,
            )
        return [{**row, "epoch": i} for i, row in enumerate([*before, *epochs], start=1)]
