"""The skorch net that trains a network of `seqlearn.modules`.

skorch runs the epochs and the callbacks (early stopping, schedules, the user's own); this file
tells it how a batch of sequences looks, how rows are weighted, and how to do all of it without
per-row Python or a synchronisation in the batch loop. A net pickles as plain NumPy arrays.
Estimators hold one in ``net_``, and hand it to `seqlearn.training.prediction`.
"""

from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer
from skorch.helper import predefined_split
from skorch.utils import TeeGenerator

from seqlearn.backend import draw_from
from seqlearn.data.batches import Batched, SequenceDataset, batches_of, unless_full
from seqlearn.data.plain import as_plain, from_plain
from seqlearn.errors import InvalidParameterError
from seqlearn.modules.encoder import Encoder
from seqlearn.modules.heads.head import Head
from seqlearn.modules.kernel_encoder import KernelEncoder
from seqlearn.modules.network import Network
from seqlearn.states import map_rows
from seqlearn.torch_internals import computes_bf16
from seqlearn.training.callbacks import KeepFinite, answer_scorers
from seqlearn.training.cpu import Threads, cpu_for
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.device import rows_at_once
from seqlearn.training.epochs import Trained
from seqlearn.training.flat_parameters import (
    FlatParameters,
    enlarged,
    joined_state,
    split_state,
    to_numpy,
    to_torch,
)
from seqlearn.training.optimizers import OPTIMIZERS
from seqlearn.training.precision import resolve_precision
from seqlearn.training.randomness import Seeds
from seqlearn.training.scoring import Scored

__all__ = ["SequenceNet"]

DTYPES = {"float32": torch.float32, "float64": torch.float64}  # and nothing else that a file names


class SequenceNet(Trained, Scored, NeuralNet):
    """A skorch net over batches of sequences.

    Parameters
    ----------
    network : dict
        Arguments of `seqlearn.modules.network.Network`.
    optimizer : str or type
        A name in `OPTIMIZERS` or a ``torch.optim.Optimizer`` class.
    seeds : Seeds
        Source of all chance.
    dtype : {"float32", "float64"}
        Of the weights.
    gradient_clip : float or None
        Largest norm of the gradient of one update.
    precision : {"auto", "float32", "bf16"}
        Of the core's matrix products in training.
    valid : Batched, optional
        What is held out, to validate on after each epoch.
    **settings
        Anything skorch takes.
    """

    def __init__(
        self,
        *,
        network: dict[str, Any],
        optimizer: str | type,
        seeds: Seeds,
        dtype: str,
        gradient_clip: float | None,
        precision: str,
        valid: Batched | None = None,
        **settings,
    ):
        network = _plain(network)
        self._arguments = {
            "network": network,
            "optimizer": optimizer,
            "seeds": seeds,
            "dtype": dtype,
            "gradient_clip": gradient_clip,
            "precision": precision,
            **settings,
        }
        self._seeds = seeds
        self.dtype, self._dtype = dtype, DTYPES[dtype]
        self._gradient_clip = gradient_clip
        self._precision = precision
        self._threads = Threads(1)
        self._is_elementwise = optimizer in OPTIMIZERS
        kind, options = OPTIMIZERS.get(optimizer, (optimizer, {}))
        defaults = {
            "train_split": None if valid is None else predefined_split(valid),
            "verbose": 0,
            "iterator_train": batches_of,
            "iterator_train__generator": seeds.generator(seeds.batches),
            "iterator_valid": batches_of,
            "dataset": SequenceDataset,
            **{f"module__{name}": value for name, value in network.items()},
            **{f"optimizer__{name}": value for name, value in options.items()},
        }
        super().__init__(Network, HeadLoss, kind, **(defaults | settings))

    @property
    def arguments(self) -> dict[str, Any]:
        """What it was made with, the data apart."""
        return self._arguments

    @property
    def _default_callbacks(self):
        # The timer comes first: an epoch that has a duration is finished, whatever ends the copy.
        return [("epoch_timer", EpochTimer()), ("keep_finite", KeepFinite())]

    # What skorch asks for.

    def initialize_callbacks(self):
        """Make the callbacks ready; those that score ask for the score of the estimator."""
        super().initialize_callbacks()
        self._scored = answer_scorers(self.callbacks_, self._head_kind.scorers)
        return self

    def initialize_module(self):
        """Build the module: weights from our generator, dropout with its own."""
        with draw_from(self._seeds.generator(self._seeds.weights)):
            super().initialize_module()
        self._seeds.reseed_dropout(self.module_)
        self.module_.to(self._dtype)
        self.autocast = resolve_precision(
            self._precision, self.module_.encoder.backend, self.device, self._dtype
        )
        for part in self.module_.modules():
            if isinstance(part, Encoder | Head):
                part.autocast = self.autocast
            if isinstance(part, Encoder):
                part.kernels = KernelEncoder.of(part) if self.device == "cpu" else None
        self.plain = None
        if self.device == "cpu":
            self.plain = KernelEncoder.of_plain(self.module_)
        return self

    def initialize_optimizer(self):
        """Build the optimiser, over one flat vector where it treats all weights alike."""
        named = [(name, p) for name, p in self.module_.named_parameters() if p.requires_grad]
        self._flat = self._kernel_gradient = None
        alike = self._is_elementwise and "param_groups" not in self.get_params_for("optimizer")
        if alike and all(p.device.type == "cpu" for _, p in named):
            self._flat = FlatParameters([p for _, p in named])
            named = [("all", self._flat.vector)]
        args, kwargs = self.get_params_for_optimizer("optimizer", named)
        self.optimizer_ = self.optimizer(*args, **kwargs)
        return self

    def _zero_grad_optimizer(self, set_to_none=None):
        if self._flat is None:
            super()._zero_grad_optimizer(set_to_none)
        else:
            self._flat.zero_grad()

    def train_step_single(self, batch, **fit_params):
        """Compute the gradient of one batch and clip it."""
        self._set_training(True)
        inputs, targets = batch
        if "keeps" in inputs:
            x, lengths = inputs["x"], unless_full(inputs["lengths"])
            outputs, state = self.module_.run(x, lengths, self._start, targets["y"])
            self._state = map_rows(torch.Tensor.detach, state)
        else:
            outputs = self.infer(inputs, y=targets["y"], **fit_params)
        loss = self.get_loss(outputs, targets, X=inputs, training=True)
        loss.backward()
        self._clip_gradient()
        return {"loss": loss, "y_pred": outputs}

    def _clip_gradient(self) -> None:
        if self._gradient_clip is None:
            return
        if self._flat is None:
            torch.nn.utils.clip_grad_norm_(self.module_.parameters(), self._gradient_clip)
        else:
            self._flat.clip_grad_norm(self._gradient_clip)

    def train_step(self, batch, **fit_params):
        """Do skorch's step for an optimiser of ours: without a closure, and with fewer calls."""
        # An optimiser may ask for the gradient of a batch several times: from one state.
        self._start = self._carried(batch[0])
        if not self._is_elementwise:
            return super().train_step(batch, **fit_params)
        if self._kernel_gradient is None:
            self._zero_grad_optimizer()
            step = self.train_step_single(batch, **fit_params)
        else:
            step = self._kernel_gradient(batch[0], batch[1], self._start)
            self._state = step.pop("state")
            self._clip_gradient()
        if self._batch_callbacks["on_grad_computed"]:
            named = TeeGenerator(self.get_all_learnable_params())
            self._call_back("on_grad_computed", named_parameters=named, batch=self._shown(batch))
        if self._flat is None:
            self.optimizer_.step()
        else:
            self._flat.update(self.optimizer_)
        return step

    def _carried(self, inputs: dict[str, Any]) -> Any:
        """Return the state to begin a batch with: that of the last one, where ``keeps`` says so.

        A batch whose rows go on where those of the last one ended has the mask ``keeps``, (B,),
        False for a row that begins anew: from zeros, as the contract of backends has it.
        """
        if "keeps" not in inputs or self._state is None:
            return None
        keeps = inputs["keeps"]

        def kept(part: torch.Tensor) -> torch.Tensor:
            return torch.where(keeps.view(-1, *[1] * (part.dim() - 1)), part, 0.0)

        return map_rows(kept, self._state)

    def validation_step(self, batch, **fit_params):
        """Compute the loss of a batch that is held out; a head may decode with its targets."""
        return super().validation_step(batch, y=batch[1]["y"], **fit_params)

    def infer(self, x, **fit_params):
        """Run the module on a batch; it lies on the device already, the lengths on the CPU."""
        return self.module_(x["x"], unless_full(x["lengths"]), **fit_params)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the mean of the weighted losses of the rows."""
        losses = self.module_.head.loss(y_pred, y_true["y"])
        return losses.mean() if y_true["w"] is None else (losses * y_true["w"]).mean()

    @property
    def _head_kind(self) -> type[Head]:
        return self._arguments["network"]["head"][0]

    def evaluate(self) -> None:
        """Compute as in prediction from now on: no dropout."""
        self._set_training(False)

    def _set_training(self, training=True):
        if self.module_.training is not training:
            super()._set_training(training)

    # What predictions and continued fits ask for.

    def rows_at_once(self, n: int, n_steps: int) -> int:
        """Return how many of ``n`` rows of so many steps to predict at once."""
        encoder, input = self.module_.encoder, self.module_.input
        widest = max(encoder.input_size, 0 if input is None else input.input_size)
        sizes = (widest, encoder.output_size)
        return rows_at_once(self.device, n, n_steps, *sizes, self._dtype.itemsize)

    def on_cpu(self, rows: int):
        """Return the context in which a CPU computes for so many rows, with its threads."""
        if self.device != "cpu":
            return nullcontext(Threads(1))
        encoder = self.module_.encoder
        return cpu_for(rows, encoder.input_size, encoder.output_size)

    def continue_from(self, other: "SequenceNet") -> None:
        """Take over the weights and the optimiser's state of another net of the same shape.

        Tables may have grown, see ``grows`` of `seqlearn.modules.heads.head.Head`: their new rows
        stay as they were drawn.

        Raises
        ------
        InvalidParameterError
            The other net has another shape or optimiser; the parameter is named.
        """
        before, after, grows = other._settings(), self._settings(), self._grows()
        grown = {name: now for name, now in after.items() if repr(before[name]) != repr(now)}
        for name, now in grown.items():
            was = before[name]
            if not (name in grows and _is_more(was, now)):
                values = f"was {was!r}; now it is {now!r}"
                raise InvalidParameterError(
                    f"warm_start and partial_fit continue the network of the last fit, in which "
                    f"{name} {values if len(values) < 200 else 'was another one'}. Set it back, or "
                    "call fit with warm_start=False."
                )
        arrays = other._arrays()
        if grown:
            known = self.module_.parameters()  # in the order of the optimiser's state
            if self._flat is None:
                known = (one for group in self.optimizer_.param_groups for one in group["params"])
            shapes = [tuple(one.shape) for one in known if one.requires_grad]
            arrays = enlarged(arrays, self._arrays()["weights"], shapes)
        self._load(arrays)

    def _grows(self) -> tuple[str, ...]:
        """Return the arguments of input and head that may become more."""
        of_input = self._arguments["network"].get("input")
        return self._head_kind.grows + (() if of_input is None else of_input[0].grows)

    def _settings(self) -> dict[str, Any]:
        """Return what two nets have to share for one to go on with the weights of the other."""
        network = self._arguments["network"]
        kind, of_head = network["head"]
        settings = {k: v for k, v in of_head.items() if k not in kind.loss_parameters}
        of_input = {} if network.get("input") is None else network["input"][1]
        settings |= {"optimizer": self.optimizer, "dtype": self.dtype}
        return of_input | network["encoder"] | settings

    # Pickling: arguments and NumPy arrays, no torch object.

    def _arrays(self) -> dict[str, Any]:
        weights = {name: to_numpy(value) for name, value in self.module_.state_dict().items()}
        optimizer = self.optimizer_.state_dict()
        state = {
            k: {name: to_numpy(v) for name, v in s.items()} for k, s in optimizer["state"].items()
        }
        if self._flat is not None:  # as it is elsewhere: one state for each parameter
            state = split_state(state, self._flat)
        return {"weights": weights, "optimizer": state}

    def _load(self, arrays: dict[str, Any]) -> None:
        weights = {name: to_torch(value) for name, value in arrays["weights"].items()}
        self.module_.load_state_dict(weights)
        state = arrays["optimizer"]
        if state is None:  # of a file that was written without: training begins with a new one
            return
        if self._flat is not None:
            state = joined_state(state)
        state = {k: {name: to_torch(v) for name, v in s.items()} for k, s in state.items()}
        groups = self.optimizer_.state_dict()["param_groups"]
        self.optimizer_.load_state_dict({"state": state, "param_groups": groups})

    def __getstate__(self):
        state = {
            "arguments": {k: v for k, v in self._arguments.items() if k != "callbacks"},
            "arrays": self._arrays(),
            "history": self.epochs(),
        }
        return as_plain(state)

    @torch_defaults()
    @torch.inference_mode(False)
    def __setstate__(self, state):
        state = from_plain(state)
        arguments = state["arguments"]
        if arguments["device"].startswith("cuda") and not torch.cuda.is_available():
            arguments = {**arguments, "device": "cpu"}
        if arguments["precision"] == "bf16" and not computes_bf16(arguments["device"]):
            arguments = {**arguments, "precision": "float32"}  # as predictions are
        SequenceNet.__init__(self, **arguments)
        self.initialize()
        self._load(state["arrays"])
        self.history.extend(state["history"])


def _is_more(was: Any, now: Any) -> bool:
    """Whether a number of rows, or each of several, is at least what it was."""
    if isinstance(was, list):
        return len(was) == len(now) and all(map(_is_more, was, now))
    return bool(now >= was)


def _plain(value: Any) -> Any:
    """Return NumPy's numbers, which a grid of `np.arange` holds, as Python's; torch wants those."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


class HeadLoss(torch.nn.Module):
    """skorch's criterion: the loss of a network is that of its head, see `SequenceNet.get_loss`."""
