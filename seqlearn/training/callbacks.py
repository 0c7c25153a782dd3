"""What happens after batches and epochs of `seqlearn.training.net`.

The learning rate follows its schedule, weights stay finite, progress shows.

This file and the net's are the only ones that import skorch.
"""

import math

from skorch.callbacks import Callback
from tqdm.auto import tqdm

from seqlearn.errors import TrainingDivergedError
from seqlearn.training.flat import is_finite
from seqlearn.training.schedules import Schedule

__all__ = ["ADVICE", "EpochLines", "EpochProgress", "KeepFinite", "Scheduled"]

ADVICE = (
    "Try a smaller lr, gradient_clip=1.0, or inputs of a common scale "
    "(seqlearn.preprocessing.SequenceScaler)."
)


class KeepFinite(Callback):
    """Stop when loss or weights stop being finite, and go back to the last finite weights.

    Attributes
    ----------
    diverged_epoch_ : int or None
        The epoch in which it happened.
    """

    def on_train_begin(self, net, **kwargs):
        """Forget the last fit."""
        self.diverged_epoch_ = None
        self._good = None

    def on_epoch_end(self, net, **kwargs):
        """Keep the weights, or stop."""
        tensors = list(net.module_.state_dict().values())
        if math.isfinite(net.history[-1, "train_loss"]) and is_finite(tensors):
            if self._good is None:
                self._good = [tensor.clone() for tensor in tensors]
            else:
                for kept, tensor in zip(self._good, tensors, strict=True):
                    kept.copy_(tensor)
            return
        epoch = net.history[-1, "epoch"]
        net.history[-1]["train_loss"] = math.nan
        if self._good is None:
            raise TrainingDivergedError(
                f"The training loss stopped being finite in epoch {epoch}, before there were any "
                f"usable weights. {ADVICE}"
            )
        for tensor, kept in zip(tensors, self._good, strict=True):
            tensor.copy_(kept)
        self.diverged_epoch_ = epoch
        raise KeyboardInterrupt


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


class EpochProgress(Callback):
    """A progress bar over the epochs, in a terminal or a notebook."""

    def __init__(self, name: str):
        self.name = name

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=net.max_epochs, desc=self.name, unit="epoch", leave=True)

    def on_epoch_end(self, net, **kwargs):
        """Advance it by one epoch."""
        self.bar_.set_postfix(_figures(net), refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close it."""
        self.bar_.close()


class EpochLines(Callback):
    """A line of text an epoch, for log files."""

    def __init__(self, name: str):
        self.name = name

    def on_epoch_end(self, net, **kwargs):
        """Print the line."""
        figures = ", ".join(f"{name}={value}" for name, value in _figures(net).items())
        print(f"{self.name} epoch {net.history[-1, 'epoch']}/{net.max_epochs}: {figures}")


def _figures(net) -> dict[str, str]:
    row = net.history[-1]
    names = ("train_loss", "valid_loss", "valid_score")
    return {name: f"{row[name]:.4f}" for name in names if name in row}
