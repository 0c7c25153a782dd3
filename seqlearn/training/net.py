"""The skorch net that trains a network of `seqlearn.modules`.

skorch runs the epochs and the callbacks (early stopping, schedules, the user's own); this file
tells it how a batch of sequences looks, how rows are weighted, and how to do all of it without
per-row Python or a synchronisation in the batch loop. A net pickles as plain NumPy arrays.
Estimators hold one in ``net_``; they build it with `SequenceNet`, `SequenceNet.train` it, and ask
it for `SequenceNet.outputs`.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer
from skorch.helper import predefined_split
from skorch.utils import TeeGenerator

from seqlearn.backend import draw_from
from seqlearn.data.batches import BucketedBatches, SequenceDataset, length_batches
from seqlearn.data.plain import as_plain, from_plain
from seqlearn.data.sequences import Sequences
from seqlearn.data.windows import WindowDataset
from seqlearn.errors import InvalidParameterError
from seqlearn.modules.direct import DirectModel
from seqlearn.modules.encoder import Encoder
from seqlearn.torch_internals import computes_bf16
from seqlearn.training.callbacks import KeepFinite, answer_scorers, chosen_callbacks
from seqlearn.training.cpu import Threads, cpu_for
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.device import rows_at_once
from seqlearn.training.direct import direct_outputs
from seqlearn.training.epochs import Trained
from seqlearn.training.flat import (
    FlatParameters,
    joined_state,
    split_state,
    to_numpy,
    to_torch,
)
from seqlearn.training.optimizers import OPTIMIZERS
from seqlearn.training.precision import resolve_precision
from seqlearn.training.randomness import Seeds
from seqlearn.training.schedules import Schedule
from seqlearn.training.scoring import Scored

__all__ = ["SequenceNet", "make_net"]

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


class SequenceNet(Trained, Scored, NeuralNet):
    """A skorch net over batches of sequences.

    Parameters
    ----------
    module : type
        A network of `seqlearn.modules`.
    module_params : dict
        Its arguments.
    criterion : type
        A loss of `seqlearn.training.losses`.
    optimizer : str or type
        A name in `OPTIMIZERS` or a ``torch.optim.Optimizer`` class.
    seeds : Seeds
        Source of all chance.
    dtype : torch.dtype
        Of the parameters.
    gradient_clip : float or None
        Largest norm of the gradient of one update.
    precision : {"auto", "float32", "bf16"}
        Of the core's matrix products in training.
    **settings
        Anything skorch takes.
    """

    def __init__(
        self,
        *,
        module: type[torch.nn.Module],
        module_params: dict[str, Any],
        criterion: type,
        optimizer: str | type,
        seeds: Seeds,
        dtype: torch.dtype,
        gradient_clip: float | None,
        precision: str,
        **settings,
    ):
        module_params = _plain(module_params)
        self._arguments = {
            "module": module,
            "module_params": module_params,
            "criterion": criterion,
            "optimizer": optimizer,
            "seeds": seeds,
            "dtype": dtype,
            "gradient_clip": gradient_clip,
            "precision": precision,
            **settings,
        }
        self._seeds = seeds
        self._dtype = dtype
        self._gradient_clip = gradient_clip
        self._precision = precision
        self._threads = Threads(1)
        self._is_elementwise = optimizer in OPTIMIZERS
        optimizer, options = OPTIMIZERS.get(optimizer, (optimizer, {}))
        defaults = {
            "train_split": None,
            "verbose": 0,
            "iterator_train": BucketedBatches,
            "iterator_train__generator": seeds.generator(seeds.batches),
            "iterator_valid": BucketedBatches,
            "dataset": SequenceDataset,
            **{f"module__{name}": value for name, value in module_params.items()},
            **{f"optimizer__{name}": value for name, value in options.items()},
        }
        super().__init__(module, criterion, optimizer, **(defaults | settings))

    @property
    def _default_callbacks(self):
        # The timer comes first: an epoch that has a duration is finished, whatever ends the copy.
        return [("epoch_timer", EpochTimer()), ("keep_finite", KeepFinite())]

    # What skorch asks for.

    def initialize_callbacks(self):
        """Make the callbacks ready; those that score ask for the score of the estimator."""
        super().initialize_callbacks()
        self._scored = answer_scorers(self.callbacks_, self.criterion)
        return self

    def initialize_module(self):
        """Build the module: weights from our generator, dropout with its own."""
        with draw_from(self._seeds.generator(self._seeds.weights)):
            super().initialize_module()
        self._seeds.reseed_dropout(self.module_)
        self.module_.to(self._dtype)
        self.autocast = resolve_precision(
            self._precision, self._arguments["module_params"]["backend"], self.device, self._dtype
        )
        for part in self.module_.modules():
            if isinstance(part, Encoder):
                part.autocast = self.autocast
        self._direct = DirectModel.of(self.module_) if self.device == "cpu" else None
        return self

    def initialize_optimizer(self):
        """Build the optimiser, over one flat vector where it treats all weights alike."""
        named = [(name, p) for name, p in self.module_.named_parameters() if p.requires_grad]
        self._flat = self._direct_gradient = None
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
        step = super().train_step_single(batch, **fit_params)
        if self._gradient_clip is not None:
            if self._flat is None:
                parameters = self.module_.parameters()
                torch.nn.utils.clip_grad_norm_(parameters, self._gradient_clip)
            else:
                self._flat.clip_grad_norm(self._gradient_clip)
        return step

    def train_step(self, batch, **fit_params):
        """Do skorch's step for an optimiser of ours: no closure, and no call that nobody hears."""
        if not self._is_elementwise:
            return super().train_step(batch, **fit_params)
        if self._direct_gradient is None:
            self._zero_grad_optimizer()
            step = self.train_step_single(batch, **fit_params)
        else:
            step = self._direct_gradient(*batch)
            if self._gradient_clip is not None:
                self._flat.clip_grad_norm(self._gradient_clip)
        if self._listeners["on_grad_computed"]:
            named = TeeGenerator(self.get_all_learnable_params())
            self._tell("on_grad_computed", named_parameters=named, batch=self._told(batch))
        if self._flat is None:
            self.optimizer_.step()
        else:
            self._flat.update(self.optimizer_)
        return step

    def infer(self, x, **fit_params):
        """Run the module on a batch; it lies on the device already, the lengths on the CPU."""
        return self.module_(**x)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the mean of the weighted losses of the rows."""
        losses = self.criterion_(y_pred, y_true["y"])
        return losses.mean() if y_true["w"] is None else (losses * y_true["w"]).mean()

    def _set_training(self, training=True):
        if self.module_.training is not training:
            super()._set_training(training)

    # What the estimators ask for.

    def outputs(self, sequences: Sequences, *, encode: bool = False) -> np.ndarray:
        """Return the module's outputs for every sequence, (N, C), in the order given.

        With ``encode``, what its head reads instead, (N, D).
        """
        if self._direct is not None and self._direct.holds():
            self._set_training(False)
            n_rows = self._rows_at_once(len(sequences), int(sequences.lengths.max()))
            with self._cpu(n_rows) as threads:
                return direct_outputs(self._direct, sequences, n_rows, threads, encode)
        run = self.module_.encode if encode else self.module_
        result = None
        for rows, batch in self._batches(sequences, lambda inputs: run(**inputs)):
            if len(rows) == len(sequences):
                return batch
            if result is None:
                result = np.empty((len(sequences), batch.shape[1]), batch.dtype)
            result[rows] = batch
        return result

    def step_outputs(self, sequences: Sequences, read: Callable[[Any], torch.Tensor]) -> np.ndarray:
        """Return what ``read`` makes of the module's outputs for every step, (S, ...)."""
        result = None
        for rows, batch in self._batches(sequences, lambda inputs: read(self.module_(**inputs))):
            step = np.arange(batch.shape[1])
            is_step = step < sequences.lengths[rows][:, None]  # (B, T)
            if result is None:
                result = np.empty((len(sequences.values), *batch.shape[2:]), batch.dtype)
            result[(sequences.offsets[rows][:, None] + step)[is_step]] = batch[is_step]
        return result

    def window_outputs(
        self, dataset: WindowDataset, n_rows: int, read: Callable[[Any], torch.Tensor]
    ) -> np.ndarray:
        """Return what ``read`` makes of the module's outputs for every window, (M, ...).

        The windows run ``n_rows`` at a time.
        """
        self._set_training(False)
        parts = []
        for first in range(0, len(dataset), n_rows):
            rows = np.arange(first, min(first + n_rows, len(dataset)))
            with self._cpu(len(rows)), torch.inference_mode():
                parts.append(read(self.module_(**dataset[rows][0])).cpu().numpy())
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _batches(self, sequences: Sequences, run: Callable) -> Iterator[tuple]:
        """Yield row numbers and what ``run`` makes of them, an array, batch by batch.

        The sequences run in batches of like length, in evaluation; the batch size bounds the
        memory. One that a card has no memory for runs in halves.
        """
        self._set_training(False)
        dataset = SequenceDataset(sequences, device=self.device)
        n_rows = self._rows_at_once(len(dataset), int(dataset.lengths.max()))
        whole = len(dataset) == n_rows
        batches = [None] if whole else length_batches(dataset.lengths, n_rows)[::-1]
        while batches:
            given = batches.pop()
            rows = np.arange(len(dataset)) if given is None else given
            try:
                with self._cpu(n_rows), torch.inference_mode():
                    batch = run(dataset.inputs(given)).cpu().numpy()
            except torch.OutOfMemoryError:
                if len(rows) == 1:
                    raise
                batches += [rows[len(rows) // 2 :], rows[: len(rows) // 2]]
                continue
            yield rows, batch

    def _rows_at_once(self, n: int, n_steps: int) -> int:
        encoder = self.module_.encoder
        sizes = (encoder.input_size, encoder.output_size)
        return rows_at_once(self.device, n, n_steps, *sizes, self._dtype.itemsize)

    @property
    def dtype(self) -> str:
        """Type of the weights, "float32" or "float64"."""
        return str(self._dtype).removeprefix("torch.")

    def _cpu(self, rows: int):
        if self.device != "cpu":
            return nullcontext(Threads(1))
        encoder = self.module_.encoder
        return cpu_for(rows, encoder.input_size, encoder.output_size)

    def continue_from(self, other: "SequenceNet") -> None:
        """Take over the weights and the optimiser's state of another net of the same shape.

        Raises
        ------
        InvalidParameterError
            The other net has another shape or optimiser; the parameter is named.
        """
        before, after = (
            {**net._arguments["module_params"], "optimizer": net.optimizer, "dtype": net.dtype}
            for net in (other, self)
        )
        for name, now in after.items():
            was = before[name]
            if repr(was) != repr(now):
                if name == "crf":  # the tagger's parameters go by other names
                    name, was, now = "decoder", *(("softmax", "crf")[value] for value in (was, now))
                name = "scheme" if name == "allowed" else name
                values = f"was {was!r}; now it is {now!r}"
                raise InvalidParameterError(
                    f"warm_start and partial_fit continue the network of the last fit, in which "
                    f"{name} {values if len(values) < 200 else 'was another one'}. Set it back, or "
                    "call fit with warm_start=False."
                )
        self._load(other._arrays())

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
        if self._flat is not None:
            state = joined_state(state)
        state = {k: {name: to_torch(v) for name, v in s.items()} for k, s in state.items()}
        groups = self.optimizer_.state_dict()["param_groups"]
        self.optimizer_.load_state_dict({"state": state, "param_groups": groups})

    def __getstate__(self):
        fit_only = ("callbacks", "train_split")
        arguments = {k: v for k, v in self._arguments.items() if k not in fit_only}
        state = {
            "arguments": arguments | {"dtype": self.dtype},
            "arrays": self._arrays(),
            "history": self.epochs(),
        }
        return as_plain(state)

    @torch_defaults()
    @torch.inference_mode(False)
    def __setstate__(self, state):
        state = from_plain(state)
        arguments = state["arguments"]
        arguments = {**arguments, "dtype": _DTYPES[arguments["dtype"]]}
        if arguments["device"].startswith("cuda") and not torch.cuda.is_available():
            arguments = {**arguments, "device": "cpu"}
        if arguments["precision"] == "bf16" and not computes_bf16(arguments["device"]):
            arguments = {**arguments, "precision": "float32"}  # as predictions are
        self.__init__(**arguments)
        self.initialize()
        self._load(state["arrays"])
        self.history.extend(state["history"])


def _plain(value: Any) -> Any:
    """Return NumPy's numbers, which a grid of `np.arange` holds, as Python's; torch wants those."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def make_net(
    dataset: SequenceDataset,
    valid: SequenceDataset | None,
    *,
    name: str,
    lr_schedule: str | None,
    n_iter_no_change: int,
    tol: float,
    verbose: int,
    callbacks: list | None,
    **arguments,
) -> SequenceNet:
    """Return an initialised net with the callbacks of one fit, the user's last.

    Parameters
    ----------
    dataset : SequenceDataset
        What it will be trained on.
    valid : SequenceDataset or None
        What early stopping looks at; None trains for all epochs.
    name : str
        For the progress bar.
    lr_schedule, n_iter_no_change, tol, verbose, callbacks
        As in the estimators.
    **arguments
        Of `SequenceNet`, ``max_epochs`` and ``batch_size`` among them.
    """
    schedule = None
    if lr_schedule is not None:
        n_batches = len(BucketedBatches(dataset, arguments["batch_size"]))
        schedule = Schedule(lr_schedule, arguments["max_epochs"] * n_batches)
    if valid is not None:
        arguments["train_split"] = predefined_split(valid)
    arguments["callbacks"] = chosen_callbacks(
        callbacks,
        name=name,
        schedule=schedule,
        patience=None if valid is None else n_iter_no_change,
        tol=tol,
        verbose=verbose,
    )
    return SequenceNet(**arguments, verbose=verbose).initialize()
