"""The epochs of a training: the batches of each, what callbacks hear of them, what history keeps.

`seqlearn.training.net.SequenceNet` is a `Trained`. What skorch would record after each batch is
written here for all batches of an epoch at once, where no callback looks at single ones.
"""

import math
from itertools import islice
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet

from seqlearn.data.batches import Batched
from seqlearn.errors import InvalidParameterError
from seqlearn.training.callbacks import Diverged, Scheduled, overriding
from seqlearn.training.checkpoints import Checkpoints
from seqlearn.training.cpu import kept_memory
from seqlearn.training.device import adding_in_order
from seqlearn.training.interrupt import Sigint
from seqlearn.training.kernel_gradients import KernelGradient

__all__ = ["Trained"]

BATCH_EVENTS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


class Trained(NeuralNet):
    """Epochs of a skorch net whose batches are those of `seqlearn.data.batches`."""

    _checkpoints: Checkpoints | None = None

    def train(
        self, dataset: Batched, checkpoints: Checkpoints | None = None
    ) -> KeyboardInterrupt | None:
        """Train for ``max_epochs``; return the user's interrupt, if that ended it.

        The epochs that were finished by then are kept. With ``checkpoints``, those of the same
        training that were finished before are not trained again.

        Raises
        ------
        TrainingDivergedError
            The loss was not finite in the first epoch.
        InvalidParameterError
            A callback asks for a figure that nobody records.
        KeyboardInterrupt
            The user interrupted it before the first epoch ended.
        """
        interrupt, n_epochs = None, self.max_epochs
        if checkpoints is not None:
            checkpoints.begin(self, dataset)
        with Sigint() as sigint:
            try:
                self.notify("on_train_begin", X=dataset, y=None)
                if checkpoints is not None:
                    n_epochs = checkpoints.resume(self)
                    self._checkpoints = checkpoints
                with (
                    self.on_cpu(self.batch_size) as self._threads,
                    adding_in_order(self.device),
                    torch.enable_grad(),
                    kept_memory(),
                ):
                    self.fit_loop(dataset, epochs=n_epochs)
            except Diverged:
                pass
            except KeyboardInterrupt as error:
                # skorch's callbacks stop a fit this way too; a full epoch is the mark of those.
                unfinished = not self.history or "dur" not in self.history[-1]
                if unfinished and not dict(self.callbacks_)["keep_finite"].go_back(self):
                    raise
                if unfinished:
                    self.history.pop()
                if unfinished or sigint.came:
                    interrupt = error
                elif checkpoints is not None:
                    checkpoints.write(self, stopped=True)
            except Exception as error:
                if not self.history or not _looks_in_vain(error):
                    raise
                raise InvalidParameterError(self._advice(error)) from error
            try:
                self.notify("on_train_end", X=dataset, y=None)
            except KeyboardInterrupt as error:
                interrupt = interrupt or error
        self._train_set = self._checkpoints = None
        self.passes_: dict[bool, list] = {}
        return interrupt

    def _advice(self, error: Exception) -> str:
        """Say what a callback can look at in the history, and how validation gets there."""
        text = str(error.args[0]).rstrip(".")
        names = ", ".join(sorted(name for name in self.history[-1] if name != "batches"))
        advice = f"A callback looks at what is not recorded: {text}. An epoch has {names}."
        if self.train_split is None:
            return f"{advice} Nothing is held out to validate on; early_stopping=True does that."
        return advice

    def epochs(self) -> list[dict[str, float]]:
        """One row for each finished epoch whose weights were finite."""
        names = ("train_loss", "valid_loss", "valid_score", "lr")
        rows = []
        for row in self.history:
            if "train_loss" in row and math.isfinite(row["train_loss"]) and "dur" in row:
                kept = {name: row[name] for name in names if name in row}
                rows.append({"epoch": row["epoch"], **kept, "seconds": row["dur"]})
        return rows

    def notify(self, method_name, **kwargs):
        """Call all callbacks; what is told of a batch is always of one form."""
        if method_name == "on_grad_computed":  # by skorch, in the steps of other optimisers
            kwargs["batch"] = self._shown(kwargs["batch"])
        super().notify(method_name, **kwargs)
        if method_name == "on_epoch_end" and self._checkpoints is not None:
            self._checkpoints.write(self)

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Open a row of the history; forget what the last epoch computed."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)
        self._train_set = dataset_train
        self.passes_ = {True: [], False: []}

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run all batches and record them; where nobody looks, losses are read once, at the end."""
        if iterator is None:
            return
        self._in_training = training
        if training:
            self.history.record("lr", self.optimizer_.param_groups[0]["lr"])
            if not any(one.requires_grad for one in self.module_.parameters()):
                raise InvalidParameterError(
                    f"In epoch {len(self.history)} no parameter of the network is left to train: "
                    "callbacks have frozen them all. Freeze fewer, or set a smaller max_epochs."
                )
            if self._flat is not None:
                self._flat.gather()
            self._state = None
            self._choose_gradient()
        self._batch_callbacks = {one: overriding(self.callbacks_, one) for one in BATCH_EVENTS}
        overridden = [one for callbacks in self._batch_callbacks.values() for one in callbacks]
        self._shows_batches = any(not isinstance(one, Scheduled) for one in overridden)
        batches, losses, sizes, told = self.history[-1]["batches"], [], [], None
        loss_name, size_name = f"{prefix}_loss", f"{prefix}_batch_size"
        for batch in iterator:
            if self._shows_batches:
                batches.append({})
                told = self._shown(batch)
            self._call_back("on_batch_begin", batch=told)
            if training and self._shows_batches:  # who may have changed the network
                self._choose_gradient()
            step = step_fn(batch, **fit_params)
            losses.append(step["loss"].detach())
            sizes.append(len(batch[0]["lengths"]))
            if training in self._scored or not training:
                self.passes_[training].append((step["y_pred"], batch[1]))
            if self._shows_batches:
                batches[-1] |= {loss_name: losses[-1].item(), size_name: sizes[-1]}
            self._call_back("on_batch_end", batch=told, **step)
        values = torch.stack(losses).cpu().numpy()
        if not self._shows_batches:
            rows = zip(values.tolist(), sizes, strict=True)
            batches += [{loss_name: loss, size_name: size} for loss, size in rows]
        self.history.record(f"{prefix}_batch_count", len(values))
        self._record(loss_name, float(np.average(values, weights=sizes)), sign=-1)
        if not training:
            self._record(f"{prefix}_score", self._score(*zip(*self.passes_[False], strict=True)))

    def _choose_gradient(self) -> None:
        """Let kernels compute the gradient of the next batch, if the network is as they take it."""
        self._set_training(True)
        self._kernel_gradient = KernelGradient.of(
            self.module_, self.plain, self._flat, self._threads
        )

    def _call_back(self, event: str, **what) -> None:
        """Notify the callbacks that have something to do at ``event``, one of `EVENTS`."""
        for callback in self._batch_callbacks[event]:
            getattr(callback, event)(self, training=self._in_training, **what)
        if self._shows_batches and self._flat is not None:
            self._flat.gather()

    def _shown(self, batch) -> tuple[dict[str, Any], torch.Tensor]:
        """What callbacks are told of a batch: inputs, and targets that can be joined."""
        inputs, targets = batch
        return inputs, self.module_.head.targets(targets["y"], inputs["lengths"])

    def _record(self, name: str, value: float, sign: int = 1) -> None:
        """Write a value of an epoch into its row, and whether it is the best so far."""
        rows = islice(reversed(self.history), 1, None)
        best = next((row[name] for row in rows if row.get(f"{name}_best")), -sign * math.inf)
        self.history.record(name, value)
        self.history.record(f"{name}_best", bool(sign * value > sign * best))


def _looks_in_vain(error: Exception) -> bool:
    """Whether a callback, of skorch or of the user, asked the history for what it has not."""
    if "found in history" in str(error):
        return True
    return isinstance(error, KeyError) and str(error.args[0]).startswith(("train_", "valid_"))
