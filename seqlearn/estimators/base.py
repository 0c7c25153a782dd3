"""What every estimator that maps one sequence to one answer shares.

`SequenceEstimator` reads X, weights rows, splits off a validation part, builds the net, trains
it and runs it. It knows no labels: `classifier` and `regressor` encode targets and decode
outputs. Each final class states its constructor in full, as scikit-learn's do; what is shared of it
comes from `seqlearn.estimators.shared_parameters`.
"""

from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from seqlearn.data.batches import BucketedBatches, SequenceDataset
from seqlearn.data.canonical import canonicalise
from seqlearn.data.conversion import as_sequences, unpack
from seqlearn.data.fitted import read_X, remember_X
from seqlearn.data.sequences import Sequences
from seqlearn.data.split import hold_out
from seqlearn.data.spread import may_be_lost, refuse_lost
from seqlearn.data.targets import read_weights
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.backend_options import BackendOptions
from seqlearn.estimators.cloning import CopiedCallbacks
from seqlearn.estimators.fitting import net_settings, tell_of_early_end
from seqlearn.estimators.parameters import Check
from seqlearn.estimators.token_input import TokenInput
from seqlearn.inputs.words import BagEmbedding, WordEmbedding
from seqlearn.registry import resolve_backend
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.device import resolve_device
from seqlearn.training.net import make_net
from seqlearn.training.prediction import predict
from seqlearn.training.randomness import Seeds

__all__ = ["SCALE", "SequenceEstimator", "pieces"]

INPUTS = {"tokens": WordEmbedding, "features": BagEmbedding}
PREDICT_CHUNK = 4096  # sequences converted at once in prediction
SCALE = "Scale X first, with seqlearn.preprocessing.SequenceScaler."
UPDATES = 3000  # what max_epochs="auto" aims at


@dataclass
class TrainingData:
    """Rows ready to train on: canonical, weighted, split."""

    sequences: Sequences
    targets: np.ndarray | Sequences
    weights: np.ndarray  # of mean 1
    counts: np.ndarray  # the weights as they were given, added up
    train_rows: np.ndarray
    valid_rows: np.ndarray | None
    seeds: Seeds
    continuing: bool
    one_epoch: bool

    def dataset(self, rows: np.ndarray, device: str, dtype: torch.dtype) -> SequenceDataset:
        """Return some of the rows on a device, their weights of mean 1."""
        weights = self.weights[rows]
        sequences, targets = self.sequences.take(rows), self.targets[rows]
        return SequenceDataset(sequences, targets, weights / weights.mean(), device, dtype)


class SequenceEstimator(BackendOptions, CopiedCallbacks, BaseEstimator, ABC):
    """Base of the estimators with one answer a sequence."""

    _doc_link_module = "seqlearn"
    _doc_link_template = "https://pypi.org/project/scikit-seqlearn/#{estimator_name}"

    _checks: ClassVar[dict[str, Check]] = {}  # of the parameters that are not shared

    n_features_in_: int  # these are set by `remember_X`
    feature_names_in_: np.ndarray
    input_kind_: str

    _reads_discrete: ClassVar[bool] = False  # accepts lists of tokens and of feature dictionaries
    _characters: ClassVar[int | None] = None  # what Words(characters="auto") means

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    @property
    def device_(self) -> str:
        """Device the model was trained on and predicts on, "cpu" or "cuda"."""
        check_is_fitted(self, "net_")
        return str(self.net_.device)

    @property
    def loss_curve_(self) -> list[float]:
        """Training loss of each epoch."""
        check_is_fitted(self, "net_")
        return [row["train_loss"] for row in self.history_]

    @property
    def n_iter_(self) -> int:
        """Epochs trained, those of earlier calls included where training went on."""
        check_is_fitted(self, "net_")
        return len(self.history_)

    def _check_X(self, X: Any, *, reset: bool, first: int = 0, fitting: bool = True) -> Sequences:
        """Return an unpacked X as `Sequences`; set or check what scikit-learn knows of X."""
        dtype = np.dtype(self.dtype if reset else self.net_.dtype)
        sequences, kind = read_X(
            self,
            X,
            reset=reset,
            dtype=dtype,
            first=first,
            discrete=self._reads_discrete,
            may_be_empty=not fitting,
        )
        if fitting and sequences.dictionary is None and may_be_lost(sequences.values):
            given, _ = as_sequences(X, kind=kind, first=first)
            values = given.values.astype(np.float64, copy=False)
            refuse_lost(values, dtype, "X", SCALE, is_part=not reset)
        if reset:
            remember_X(self, X, sequences, kind)
        return sequences

    def _check_y_length(self, sequences: Sequences, y: np.ndarray) -> None:
        if len(sequences) != len(y):
            raise DataFormatError(
                "Found input variables with inconsistent numbers of samples: X has "
                f"{len(sequences)} sequences, y has {len(y)} targets."
            )

    def _check_y_given(self, y: Any) -> None:
        if y is None:
            raise DataFormatError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )

    def _check_weights(
        self, sample_weight: Any, sequences: Sequences, first: Any = 0
    ) -> np.ndarray:
        weights = read_weights(sample_weight, len(sequences), first=first)
        return np.ones(len(sequences)) if weights is None else weights

    def _prepare(
        self,
        sequences: Sequences,
        targets: np.ndarray | Sequences,
        weights: np.ndarray,
        *,
        continuing: bool,
        one_epoch: bool,
        of_class: np.ndarray | None = None,
    ) -> TrainingData:
        """Return checked rows in their canonical form, with a part held out if asked for.

        Integer targets of shape (N,) stratify that part. ``continuing`` starts from the weights
        and the optimiser of the last fit; ``one_epoch`` is ``partial_fit``: one epoch at a
        constant rate, nothing held out. ``of_class`` holds a weight for each integer target, (C,).
        """
        if of_class is not None:
            weights = np.where(of_class[targets] > 0, weights, 0.0)
        seeds = Seeds(self.random_state, stream=len(self.history_) if continuing else 0)
        sequences, targets, counts = canonicalise(sequences, targets, weights)
        weights = counts if of_class is None else counts * of_class[targets]
        train_rows, valid_rows = np.arange(len(targets)), None
        if self.early_stopping and not one_epoch:
            is_code = isinstance(targets, np.ndarray) and targets.dtype.kind == "i"
            strata = targets if is_code else np.zeros(len(targets), int)
            train_rows, valid_rows = hold_out(strata, self.validation_fraction, seeds.split)
        return TrainingData(
            sequences,
            targets,
            weights / weights.mean(),
            counts,
            train_rows,
            valid_rows,
            seeds,
            continuing,
            one_epoch,
        )

    def _train(
        self,
        data: TrainingData,
        head: tuple[type, dict[str, Any]],
        *,
        readout: str | None,
        bidirectional: bool,
    ) -> None:
        """Train a `seqlearn.modules.network.Network` with this head; set ``net_``, ``history_``."""
        device, dtype = resolve_device(self.device), getattr(torch, self.dtype)
        tokens = self._read_steps(data)
        input = None
        if tokens is not None:
            input = {**tokens.embedding}
            input = INPUTS[input.pop("kind")], input
        train = data.dataset(data.train_rows, device, dtype)
        batch_size = _batch_size(self.batch_size, len(data.train_rows))
        net = make_net(
            train,
            None if data.valid_rows is None else data.dataset(data.valid_rows, device, dtype),
            lr_schedule=None if data.one_epoch else self.lr_schedule,
            network={
                "input": input,
                "encoder": {
                    "backend": resolve_backend(self.backend),
                    "input_size": data.sequences.n_features,
                    "hidden_size": self.hidden_size,
                    "num_layers": self.num_layers,
                    "bidirectional": bidirectional,
                    "dropout": self.dropout,
                    "readout": readout,
                },
                "head": head,
            },
            seeds=data.seeds,
            dtype=dtype,
            max_epochs=1 if data.one_epoch else _max_epochs(self.max_epochs, train, batch_size),
            batch_size=batch_size,
            device=device,
            **net_settings(self),
        )
        if data.continuing:
            net.continue_from(self.net_)
        elif tokens is not None and tokens.given is not None:
            net.module_.input.give(*tokens.given)
        tell_of_early_end(self, net, net.train(train))
        before = self.history_ if data.continuing else []
        rows = enumerate([*before, *net.epochs()], start=1)
        self.history_ = [{**row, "epoch": epoch} for epoch, row in rows]
        self.net_ = net
        self._tokens = None if tokens is None else replace(tokens, given=None)

    def _read_steps(self, data: TrainingData) -> TokenInput | None:
        """Encode words and features by what the training rows teach, or taught in the last fit."""
        if data.sequences.dictionary is None:
            if getattr(self, "words", None) is not None:
                raise InvalidParameterError(
                    "words= says how words and feature dictionaries are read, but X has numbers. "
                    "Pass lists of tokens, or set words=None."
                )
            self.__dict__.pop("vocabulary_", None)
            return None
        tokens = self._tokens if data.continuing else None
        if tokens is None:
            rows = data.train_rows
            tokens = TokenInput.learn(self, data.sequences.take(rows), data.counts[rows])
        else:
            tokens.check_continued(self)
        data.sequences = tokens.encoding.encode(data.sequences)
        self.vocabulary_ = tokens.encoding.vocabulary
        return tokens

    @torch_defaults()
    def _outputs(self, X: Any, *, encode: bool = False) -> np.ndarray:
        """Return the model's outputs for every sequence in float64, (N, C).

        With ``encode``, what its encoder gives instead, (N, D). A large X is read in pieces, so
        that memory is bounded by the batch.
        """
        if not hasattr(self, "net_"):
            check_is_fitted(self, "net_")  # slow: it asks for the estimator's tags first
        X = unpack(X)
        outputs = [
            predict(self.net_, self._encoded(piece, first), encode=encode)
            for first, piece in pieces(X)
        ]
        joined = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
        return joined.astype(np.float64)

    def _encoded(self, X: Any, first: int = 0) -> Sequences:
        """Return an unpacked X of prediction, or a piece of it, as the net takes it."""
        sequences = self._check_X(X, reset=False, first=first, fitting=False)
        return sequences if self._tokens is None else self._tokens.encoding.encode(sequences)


def _batch_size(batch_size: int | str, n_rows: int) -> int:
    """Enough updates an epoch on small data, enough rows an update on large."""
    return min(max(n_rows // 8, 4), 32) if batch_size == "auto" else batch_size


def _max_epochs(max_epochs: int | str, train: SequenceDataset, batch_size: int) -> int:
    """Many epochs on small data, and on large data as many updates as most models need."""
    if max_epochs != "auto":
        return max_epochs
    return min(max(UPDATES // len(BucketedBatches(train, batch_size)), 10), 60)


def pieces(X: Any) -> Iterator[tuple[int, Any]]:
    """Yield (number of the first row, rows) for pieces of X that can be sliced; else X whole."""
    sliced = X.iloc if hasattr(X, "iloc") else X
    can_slice = isinstance(X, list | Sequences | np.ndarray) or hasattr(X, "iloc")
    if not can_slice or len(X) <= PREDICT_CHUNK:
        yield 0, X
        return
    for first in range(0, len(X), PREDICT_CHUNK):
        yield first, sliced[first : first + PREDICT_CHUNK]
