"""What every estimator that reads sequences shares: how it is fitted, and how it is run.

`SequenceEstimator` reads X and y, weights rows, splits off a validation part, learns vocabulary and
scales, trains a net, and only then keeps what it has learned, as one frozen record. It knows no
labels: a subclass names its kind of `Targets` and its network's head. Each final class states its
constructor in full, as scikit-learn's do; what is shared of it comes from
`seqlearn.estimators.shared_parameters`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from seqlearn.data.batches import Batched, SequenceDataset
from seqlearn.data.column_statistics import may_be_lost, refuse_lost
from seqlearn.data.containers import unpack
from seqlearn.data.input_record import InputRecord
from seqlearn.data.merge_rows import merge_rows
from seqlearn.data.plain import Record
from seqlearn.data.sequences import Sequences
from seqlearn.data.split import hold_out
from seqlearn.data.step_times import read_steps
from seqlearn.data.targets import read_weights
from seqlearn.data.validation import as_sequences
from seqlearn.data.vocabulary import Vocabulary
from seqlearn.errors import DataFormatError
from seqlearn.estimators.learned_input import LearnedInput
from seqlearn.estimators.parameter_objects import ParameterObjects
from seqlearn.estimators.reading import check_continued, compared, learn_input
from seqlearn.estimators.series_input import PLAIN
from seqlearn.estimators.streams import network_steps
from seqlearn.estimators.targets import SCALE, Targets
from seqlearn.estimators.token_input import TokenInput
from seqlearn.estimators.trainable import Trainable, training
from seqlearn.inputs.station import Input
from seqlearn.modules.heads.head import Head
from seqlearn.parameter_checks import check_arguments, integer
from seqlearn.saved import Saved
from seqlearn.streaming.steps import Steps
from seqlearn.streaming.streams import Stream
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.device import resolve_device
from seqlearn.training.net import SequenceNet
from seqlearn.training.prediction import predict
from seqlearn.training.randomness import Seeds

__all__ = ["Learned", "SequenceEstimator", "pieces"]

T = TypeVar("T", bound=Targets)  # the kind of targets of an estimator
PREDICT_CHUNK = 4096  # sequences converted at once in prediction


@dataclass(frozen=True, eq=False)
class Learned(Record, Generic[T]):
    """What an estimator knows after ``fit``, besides the weights of its net.

    It is replaced as a whole, never changed. All in it is plain: arrays, strings, numbers,
    dictionaries and other records.

    Attributes
    ----------
    input : InputRecord
        What X was.
    targets : Targets
        What y was.
    reading : LearnedInput or None
        What was learned of words, features, gaps or times, or the shape of frames; None for
        numbers that are read as they are.
    history : list of dict
        One row an epoch.
    mean_step : ndarray of shape (E,) or None
        Mean of what the core reads at a step, over the rows last trained on; None where nothing
        asks for it.
    """

    input: InputRecord
    targets: T
    reading: LearnedInput | None
    history: list[dict[str, float]]
    mean_step: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class TrainingData(Generic[T]):
    """Rows ready to train on: read, merged, weighted, split, encoded.

    Attributes
    ----------
    sequences : Sequences
        The N rows of X, of which nothing is copied before they go to the device.
    rows : ndarray of shape (M,)
        Numbers of the distinct ones, in the order of training; what follows has an entry for each.
    y : ndarray of shape (M, ...) or Sequences
        What the network is trained on.
    weights : ndarray of shape (M,)
        Of mean 1.
    counts : ndarray of shape (M,)
        The weights as they were given, added up.
    train_rows, valid_rows : ndarray of int, or None
        Which of the M are trained on, and which are held out.
    targets : Targets
        How y was encoded.
    reading : LearnedInput or None
        How X is read; None for numbers that are read as they are.
    seeds : Seeds
        Source of all chance.
    before : Learned or None
        What the last fit learned, if training continues from it.
    one_epoch : bool
        ``partial_fit``: one epoch at a constant rate, nothing held out.
    """

    sequences: Sequences
    rows: np.ndarray
    y: Any
    weights: np.ndarray
    counts: np.ndarray
    train_rows: np.ndarray
    valid_rows: np.ndarray | None
    targets: T
    reading: LearnedInput | None
    seeds: Seeds
    before: Learned[T] | None
    one_epoch: bool

    def dataset(self, part: np.ndarray, device: str, dtype: torch.dtype) -> SequenceDataset:
        """Return some of the M rows on a device, their weights of mean 1."""
        sequences, weights = self.sequences.take(self.rows[part]), self.weights[part]
        return SequenceDataset(sequences, self.y[part], weights / weights.mean(), device, dtype)


class SequenceEstimator(Trainable, Saved, ParameterObjects, BaseEstimator, ABC, Generic[T]):
    """Base of the estimators that read sequences."""

    _doc_link_module = "seqlearn"
    _doc_link_template = "https://pypi.org/project/scikit-seqlearn/#{estimator_name}"

    n_features_in_: int  # these two are set by `InputRecord.show_in`
    feature_names_in_: np.ndarray
    _learned: Learned[T]

    _characters: ClassVar[int | None] = None  # what Words(characters="auto") means
    _largest_batch: ClassVar[int] = 32  # that batch_size="auto" makes
    _updates: ClassVar[int] = 3000  # that max_epochs="auto" aims at
    _epochs: ClassVar[tuple[int, int]] = (10, 60)  # the fewest and most that it makes
    _merges_times: ClassVar[bool] = True  # whether steps of one time become one

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self._reads["missing"] == "mask"
        return tags

    @property
    def _record(self) -> Learned[T]:
        if not hasattr(self, "net_"):
            check_is_fitted(self, "net_")  # slow: it asks for the estimator's tags first
        return self._learned

    @property
    def input_kind_(self) -> str:
        """What X was in ``fit``."""
        return self._record.input.kind

    @property
    def vocabulary_(self) -> Vocabulary:
        """Words or features known, if X holds those."""
        reading = self._record.reading
        if not isinstance(reading, TokenInput):
            raise AttributeError("vocabulary_ is of words and features; X has numbers.")
        return reading.encoding.vocabulary

    # What a subclass says.

    @property
    def _reads_discrete(self) -> bool:
        """Whether X may be lists of tokens and of feature dictionaries."""
        return False

    @property
    def _reads(self) -> dict[str, Any]:
        """How numbers are to be read: arguments of `read_steps`."""
        own = {name: getattr(self, name, default) for name, default in PLAIN.items()}
        return {**own, "merges": self._merges_times}

    @abstractmethod
    def _targets(self) -> T:
        """Return targets that have learned nothing yet."""

    @abstractmethod
    def _head(self, data: TrainingData[T]) -> tuple[type[Head], dict[str, Any]]:
        """Return the class of the network's head, and its arguments besides the width it reads."""

    def _input(self, data: TrainingData[T]) -> tuple[type[Input], dict[str, Any]] | None:
        """Return the class of the network's input, and its arguments; None for numbers."""
        return None if data.reading is None else data.reading.station

    def _datasets(
        self, data: TrainingData[T], device: str, dtype: torch.dtype
    ) -> tuple[Batched, Batched | None]:
        """Return what is trained on, and what early stopping looks at."""
        train, valid = data.dataset(data.train_rows, device, dtype), None
        if data.valid_rows is not None:
            valid = data.dataset(data.valid_rows, device, dtype)
        return train, valid

    def _n_rows(self, train: Batched) -> int:
        """Return the number of rows of which batches are made, all in all."""
        return len(train)

    def _of_batches(self, batches: Any) -> dict[str, Any]:
        """Return arguments of the head that hang on how rows come in batches."""
        return {}

    def _opened(self, X: Any) -> Any:
        """Return what X holds, out of its container."""
        return unpack(X)

    def _without_blank(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any, Any]:
        """Return the number of the first row, or of each, and the rows to fit on."""
        return 0, X, y, sample_weight

    def _row_factors(self, targets: T, codes: Any, weights: np.ndarray) -> np.ndarray | None:
        """Return what the weight of each row is multiplied by, (N,), equal for equal targets."""
        return None

    def _held_out(
        self, targets: T, codes: Any, seeds: Seeds
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the rows to train on, and those that early stopping looks at."""
        return hold_out(targets.strata(codes), self.validation_fraction, seeds.split)

    def _can_continue(self) -> bool:
        """Whether there is a last fit that training may go on from."""
        return hasattr(self, "net_")

    def _mean_step(self, net: SequenceNet, data: TrainingData[T]) -> np.ndarray | None:
        """Return the mean step, (E,), that attributions compare with by default; None of none."""
        return None

    # The one way to fit.

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, part: bool = False, **given: Any) -> Self:
        """Train on X and y and return the estimator; it changes at the very end or not at all.

        ``part`` is ``partial_fit``: one epoch on one part of the data. ``given`` goes to
        `Targets.learn`.
        """
        self._check_parameters()
        targets = self._targets()
        if y is None and targets.needs_y:
            raise DataFormatError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        with training(type(self).__name__):
            before = self._learned if (part or self.warm_start) and self._can_continue() else None
            if before is not None:
                check_continued(self, before.reading)
            # Read: what the user gave, against what is known of it.
            first, X, y, sample_weight = self._without_blank(self._opened(X), y, sample_weight)
            sequences, record = self._read_X(X, None if before is None else before.input, first)
            y = targets.read(y, sequences, record.kind, first)
            if len(y) != len(sequences):
                raise DataFormatError(
                    "Found input variables with inconsistent numbers of samples: X has "
                    f"{len(sequences)} sequences, y has {len(y)} targets."
                )
            targets = targets.learn(y, before and before.targets, part, **given)
            sequences, codes = targets.arranged(sequences), targets.encode(y)
            weights = read_weights(sample_weight, len(sequences), first=first)
            weights = np.ones(len(sequences)) if weights is None else weights
            factors = self._row_factors(targets, codes, weights)
            if factors is not None:
                weights = np.where(factors > 0, weights, 0.0)
            # Merge equal rows, hold some out.
            seeds = Seeds(self.random_state, stream=0 if before is None else len(before.history))
            rows, counts = merge_rows(compared(self, sequences, record, weights), codes, weights)
            codes = codes[rows]
            weights = counts if factors is None else counts * factors[rows]
            weights = weights / weights.mean()
            train_rows, valid_rows = np.arange(len(rows)), None
            if self.early_stopping and not part:
                train_rows, valid_rows = self._held_out(targets, codes, seeds)
            # Learn from the others, before there is a net: words, then scales.
            trained = rows[train_rows]
            reading = learn_input(self, sequences, trained, counts[train_rows], record, before)
            if reading is not None:
                if reading.reads_at_once:
                    # What it reads at once must not depend on rows that are not trained on.
                    sequences, rows = sequences.take(rows), np.arange(len(rows))
                sequences = reading.encode(sequences)
            if before is None:
                parts = codes[train_rows], weights[train_rows]
                targets = targets.with_scale(sequences, rows[train_rows], *parts)
            data = TrainingData(
                sequences,
                rows,
                targets.scaled(codes, np.dtype(self.dtype)),
                weights,
                counts,
                train_rows,
                valid_rows,
                targets,
                reading,
                seeds,
                before,
                part,
            )
            net, history = self._train(data)
            reading = reading and reading.without_start()
            step = self._mean_step(net, data)
            self._keep(Learned(record, targets, reading, history, step), net)
        return self

    def _read_X(self, X: Any, known: InputRecord | None, first: Any) -> tuple:
        """Return an unpacked X of ``fit`` as `Sequences`, and what is to be remembered of it."""
        dtype = np.dtype(self.dtype if known is None else self.net_.dtype)
        reads = self._reads
        sequences, record = read_steps(
            self,
            X,
            known,
            dtype=dtype,
            first=first,
            discrete=self._reads_discrete,
            frames=True,
            **reads,
        )
        values = sequences.values
        is_numbers = sequences.dictionary is None and not record.of_bytes
        if is_numbers and may_be_lost(values.astype(dtype, copy=False)):
            if reads["time_column"] is None:
                as_given, _ = as_sequences(
                    X, kind=record.kind, frames=True, first=first, allow_nan=True
                )
                values = as_given.values.astype(np.float64, copy=False)
            refuse_lost(values, dtype, "X", SCALE, is_part=known is not None)
        return sequences, record

    def _keep(self, learned: Learned[T], net: SequenceNet) -> None:
        """Set all that ``fit`` sets."""
        self._learned, self.net_ = learned, net
        learned.input.show_in(self)

    def _train(self, data: TrainingData[T]) -> tuple[SequenceNet, list[dict[str, float]]]:
        """Train a `seqlearn.modules.network.Network`; return the net and its history."""
        device, dtype = resolve_device(self.device), getattr(torch, self.dtype)
        train, valid = self._datasets(data, device, dtype)
        batch_size, max_epochs = self.batch_size, self.max_epochs
        if isinstance(batch_size, str):  # enough updates an epoch, and enough rows an update
            batch_size = min(max(self._n_rows(train) // 8, 4), self._largest_batch)
        batches = train.batches(batch_size)
        if isinstance(max_epochs, str):  # many on small data, else as many updates as models need
            least, most = self._epochs
            max_epochs = min(max(self._updates // len(batches), least), most)
        kind, of_head = self._head(data)
        net = self._make_net(
            train,
            valid,
            input=self._input(data),
            head=(kind, {**of_head, **self._of_batches(batches)}),
            readout=getattr(self, "readout", None),
            seeds=data.seeds,
            batch_size=batch_size,
            max_epochs=max_epochs,
            one_epoch=data.one_epoch,
            input_size=data.sequences.step_shape or data.sequences.n_features,
        )
        if data.before is not None:
            net.continue_from(self.net_)
        elif data.reading is not None:
            data.reading.begin(net.module_.input)
        files = self._checkpoints(data.one_epoch)
        earlier = [] if data.before is None else data.before.history
        return net, self._end_training(net, net.train(train, files), earlier)

    # Prediction.

    def stream(self, n_streams: int = 1) -> Stream:
        """Return streams of this model, which are told one step at a time.

        Parameters
        ----------
        n_streams : int, default=1
            How many sequences are followed at once.

        Returns
        -------
        Stream
            Its ``step`` says what ``predict`` says of all steps so far; see
            `seqlearn.streaming.Stream`.

        Raises
        ------
        InvalidParameterError
            The model cannot answer before the end of a sequence; it says why, and what to do.
        NotFittedError
            It is not fitted.
        """
        record = self._record
        check_arguments(f"{type(self).__name__}.stream", n_streams=(n_streams, integer(1)))
        return Stream(self._steps(record, int(n_streams)))

    def _steps(self, record: Learned[T], n_streams: int) -> Steps:
        """Return one step of so many streams."""
        return network_steps(type(self).__name__, self.net_, record, n_streams)

    @torch_defaults()
    def _outputs(self, X: Any, *, encode: bool = False) -> np.ndarray:
        """Return the model's outputs for every sequence in float64, (N, C).

        With ``encode``, what its encoder gives instead, (N, D). A large X is read in pieces, so
        that memory is bounded by the batch.
        """
        outputs = []
        for first, piece in pieces(unpack(X)):
            sequences = self._encoded(piece, first)
            outputs.append(predict(self.net_, sequences, encode=encode))
        joined = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
        return joined.astype(np.float64)

    def _encoded(self, X: Any, first: Any = 0) -> Sequences:
        """Return an unpacked X of prediction, or a piece of it, as the net takes it."""
        known = self._record
        sequences, _ = read_steps(
            self,
            X,
            known.input,
            dtype=np.dtype(self.net_.dtype),
            first=first,
            discrete=self._reads_discrete,
            frames=True,
            may_be_empty=True,
            **({} if known.reading is None else known.reading.reads),
        )
        if known.reading is not None:
            sequences = known.reading.encode(sequences)
        return known.targets.arranged(sequences)


def pieces(X: Any) -> Iterator[tuple[int, Any]]:
    """Yield (number of the first row, rows) for pieces of X that can be sliced; else X whole."""
    sliced = X.iloc if hasattr(X, "iloc") else X
    can_slice = isinstance(X, list | Sequences | np.ndarray) or hasattr(X, "iloc")
    if not can_slice or len(X) <= PREDICT_CHUNK:
        yield 0, X
        return
    for first in range(0, len(X), PREDICT_CHUNK):
        yield first, sliced[first : first + PREDICT_CHUNK]
