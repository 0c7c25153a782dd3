"""LSTMAnomalyDetector: how unusual each step of a sequence is, and each sequence.

What is usual is learned by windows, see `seqlearn.estimators.anomaly.windows`; what is held back of
the data and learned from that, by `seqlearn.estimators.anomaly.calibration`; and what becomes of
scores is in `seqlearn.estimators.anomaly.alarms`. Here are the parameters, the order of it all, and
the answers in scikit-learn's terms.
"""

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.metrics import average_precision_score
from sklearn.utils.validation import check_is_fitted

from seqlearn.data.containers import unpack
from seqlearn.data.input_record import InputRecord, read_X
from seqlearn.data.plain import Record
from seqlearn.data.sequences import Sequences
from seqlearn.data.windows import SeriesTable
from seqlearn.errors import DataFormatError
from seqlearn.estimators.anomaly.alarms import (
    UsualScores,
    alarms_of,
    intervals_of,
    mean_of_last,
    sum_of_columns,
)
from seqlearn.estimators.anomaly.calibration import (
    decorrelating,
    observed_rows,
    rows_kept,
    threshold_for,
)
from seqlearn.estimators.anomaly.reading import (
    as_columns,
    read_labels,
    refuse_lone_series,
    refuse_unobserved,
)
from seqlearn.estimators.anomaly.streams import DetectorSteps
from seqlearn.estimators.anomaly.windows import UsualWindows
from seqlearn.estimators.base import pieces
from seqlearn.estimators.parameter_objects import ParameterObjects
from seqlearn.estimators.trainable import Trainable, training
from seqlearn.inputs.windows import WindowInput
from seqlearn.modules.heads.windows import ReconstructionHead, StepsAheadHead
from seqlearn.parameter_checks import check_arguments, integer, number, one_of
from seqlearn.saved import Saved
from seqlearn.streaming.streams import Stream
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.device import resolve_device
from seqlearn.training.net import SequenceNet
from seqlearn.training.randomness import Seeds

__all__ = ["LSTMAnomalyDetector"]

UPDATES = 500  # what max_epochs="auto" aims at
MOST_EPOCHS = 100


@dataclass(frozen=True, eq=False)
class Usual(Record):
    """What a detector knows after ``fit``, besides the weights of its net.

    Attributes
    ----------
    input : InputRecord
        What X was.
    windows : UsualWindows
        Their shape and scales.
    decorrelate : ndarray of shape (C, C)
        What makes usual errors of a step uncorrelated and of size 1.
    spread : UsualScores or None
        Of the scores, for ``likelihood``.
    threshold, offset : float
        Of steps and of sequences.
    history : list of dict
        One row an epoch.
    """

    input: InputRecord
    windows: UsualWindows
    decorrelate: np.ndarray
    spread: UsualScores | None
    threshold: float
    offset: float
    history: list[dict[str, float]]


class LSTMAnomalyDetector(OutlierMixin, Trainable, Saved, ParameterObjects, BaseEstimator):
    """Find steps and sequences that are unlike those of the training data.

    A recurrent network learns windows of what is usual: to reconstruct each of them from the vector
    that it has read them into, an autoencoder (Malhotra et al. 2016), or to forecast what follows
    them (Malhotra et al. 2015). The error of that is the anomaly score of a step. A sample is a
    sequence, as everywhere in seqlearn: one long series is ``[series]``.

    Parameters
    ----------
    method : {"reconstruction", "forecast"}, default="reconstruction"
        The score of a step is the error of the window that ends with it, or that of the forecasts
        of the step. The first sees unusual shapes, the second single unusual values.
    window : int, default=32
        Steps of a window, L. If all sequences of ``fit`` are shorter, their length, by a warning.
    horizon : int, default=1
        Steps that ``method="forecast"`` looks ahead: a step's score is the mean over the forecasts
        made from 1 to so many steps before.
    hidden_size : int, default=64
        Width of a recurrent layer, H.
    num_layers : int, default=1
        Recurrent layers stacked on each other.
    dropout : float, default=0.0
        Share of the values dropped in training, between layers.
    backend : str or Backend, default="torch"
        The recurrent core: a name in `seqlearn.available_backends`, or an object with options.
    contamination : "auto" or float, default="auto"
        Share of the training sequences that are outliers, in (0, 0.5]: so many of them are then
        beyond ``offset_``. "auto" takes all of them for usual, and finds thresholds on a part of
        them that is held back.
    calibration : float, default=0.2
        Share to hold back with ``contamination="auto"``: whole sequences, if there are at least
        2 / ``calibration`` of them, else the end of each.
    alarm_rate : float, default=0.01
        Share of usual steps that shall raise an alarm: ``threshold_`` is chosen for it, from the
        scores of the steps held back, and those of the others raised to their level. If whole
        sequences were held back, it is also the share of these beyond ``offset_``.
    smoothing : int or None, default=None
        Take means of the scores of so many rows, the newest and those before it.
    likelihood : int or None, default=None
        Take means over so many rows and say how unlikely they are beside those of the training data
        and of the rows before, as minus the decimal logarithm of the chance of a higher one (Lavin
        & Ahmad 2015). The scores of a series that changes for good come down again.
    suppress : int or None, default=None
        Rows after an alarm in which no other one is raised.
    max_epochs : int or "auto", default="auto"
        Passes over all windows. "auto" is what makes 500 updates, at most 100.
    lr : float, default=0.01
        Learning rate.
    lr_schedule : {"cosine", "one_cycle", "constant_then_decay"} or None, default="cosine"
        How the learning rate changes over the updates of a fit; None keeps it constant.
    batch_size : int or "auto", default="auto"
        Windows of one update. "auto" is an eighth of them, between 4 and 32.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or Optimizer class, default="adam"
        "sgd" has Nesterov momentum of 0.9.
    weight_decay : float, default=0.0
        The optimiser's weight decay.
    gradient_clip : float or None, default=1.0
        Largest norm of the gradient of an update.
    callbacks : list of skorch callbacks or None, default=None
        Called during training, as they are; only `sklearn.base.clone` copies them.
    device : str, default="auto"
        "auto" is CUDA if there is one, else the CPU; or "cpu", "cuda", "cuda:1".
    dtype : {"float32", "float64"}, default="float32"
        Of weights and arithmetic. float64 is 5 to 8 times slower.
    precision : {"auto", "float32", "bf16"}, default="float32"
        Of the core's matrix products in training: "auto" is bfloat16 where that is faster.
    early_stopping : bool, default=False
        Hold out a part of what is trained on, as ``calibration`` does, stop when its loss no longer
        falls, and keep the weights that were best on it.
    validation_fraction : float, default=0.1
        Share to hold out for early stopping.
    n_iter_no_change : int, default=10
        Epochs without improvement before early stopping.
    tol : float, default=1e-4
        Relative fall of the loss that counts as improvement.
    random_state : int, RandomState or None, default=None
        Equal ints give equal bits. None draws fresh entropy. No global state is read or changed.
    verbose : int, default=0
        1 shows a progress bar, 2 prints a line an epoch.
    checkpoint : str, path-like or None, default=None
        Folder into which ``fit`` writes the state of its training after each epoch. The same fit,
        which needs a ``random_state``, goes on from there if it was interrupted, to the same bits;
        one that was finished is not trained again. Other parameters or data begin anew.
    net_params : dict or None, default=None
        More settings for ``skorch.NeuralNet``, verbatim.

    Attributes
    ----------
    threshold_ : float
        Steps with a higher score are anomalies.
    offset_ : float
        Sequences with a lower ``score_samples`` are outliers.
    window_ : int
        Steps of a window.
    n_features_in_ : int
        Columns of a 2-D X or of a table of sequences; values a step otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns or channels, if X had them.
    history_ : list of dict
        One row an epoch: epoch, train_loss, lr, seconds; with early stopping also valid_loss and
        valid_score (minus the loss).
    loss_curve_ : list of float
        Training loss of each epoch: the mean squared error, in variances of the columns.
    n_iter_ : int
        Epochs trained.
    device_ : str
        Device used.
    net_ : skorch.NeuralNet
        The trained net. Its ``module_`` (a torch module of ``input``, ``encoder`` and ``head``),
        ``history`` and ``optimizer_`` may be relied on, and callbacks of skorch work on it.

    See Also
    --------
    LSTMForecaster : What comes next, in sktime's interface.
    seqlearn.metrics : Scores for detectors, of ranges and of windows.

    Notes
    -----
    Values are standardised by the mean and deviation of what was trained on, never within a window,
    which would hide a change of level. The errors of a step are made uncorrelated, by what the
    usual errors of its columns have in common, and the score is their mean square: about 1 where
    all is usual, and high where a relation between columns breaks. It counts in full from row L on,
    before that by the square of the share of a window that is there: what is expected after few
    rows is often wrong. Missing values, NaN, are left out; a step with nothing to be judged by has
    score 0. A column that was constant in ``fit`` is expected to stay so. Scores never look ahead:
    those of the first t rows are the same bits whatever follows.

    With one series, or few, ``offset_`` is minus ``threshold_``: a long series is an outlier if any
    of its steps raises an alarm, which usual ones do at ``alarm_rate``.

    References
    ----------
    Malhotra, P. et al. (2015). Long short term memory networks for anomaly detection in time
    series. ESANN.

    Malhotra, P. et al. (2016). LSTM-based encoder-decoder for multi-sensor anomaly detection.
    arXiv:1607.00148.

    Lavin, A. and Ahmad, S. (2015). Evaluating real-time anomaly detection algorithms: the Numenta
    anomaly benchmark. ICMLA.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn import LSTMAnomalyDetector
    >>> series = np.sin(np.arange(600) / 4)
    >>> series[500:510] = 0.0
    >>> detector = LSTMAnomalyDetector(hidden_size=16, random_state=0).fit([series[:400]])
    >>> scores = detector.anomaly_scores([series])[0]
    >>> bool(500 <= scores.argmax() < 532)
    True
    """

    net_: SequenceNet
    _usual: Usual
    n_features_in_: int  # these two are set by `InputRecord.show_in`
    feature_names_in_: np.ndarray

    _doc_link_module = "seqlearn"
    _doc_link_template = "https://pypi.org/project/scikit-seqlearn/#{estimator_name}"

    _checks: ClassVar = {
        "method": one_of("reconstruction", "forecast"),
        "window": integer(1),
        "horizon": integer(1),
        "contamination": number("(0, 0.5]", "auto"),
        "calibration": number("(0, 1)"),
        "alarm_rate": number("(0, 1)"),
        "smoothing": integer(1, None),
        "likelihood": integer(1, None),
        "suppress": integer(1, None),
    }

    # <parameters: method * window horizon hidden_size num_layers dropout backend contamination
    #   calibration alarm_rate smoothing likelihood suppress training control>
    def __init__(
        self,
        method: str = "reconstruction",
        *,
        window: int = 32,
        horizon: int = 1,
        hidden_size: int = 64,
        num_layers: int = 1,
        dropout: float = 0.0,
        backend: Any = "torch",
        contamination: str | float = "auto",
        calibration: float = 0.2,
        alarm_rate: float = 0.01,
        smoothing: int | None = None,
        likelihood: int | None = None,
        suppress: int | None = None,
        max_epochs: int | str = "auto",
        lr: float = 0.01,
        lr_schedule: str | None = "cosine",
        batch_size: int | str = "auto",
        optimizer: Any = "adam",
        weight_decay: float = 0.0,
        gradient_clip: float | None = 1.0,
        callbacks: list | None = None,
        device: str = "auto",
        dtype: str = "float32",
        precision: str = "float32",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        random_state: Any = None,
        verbose: int = 0,
        checkpoint: Any = None,
        net_params: dict | None = None,
    ):
        self.method = method
        self.window = window
        self.horizon = horizon
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.backend = backend
        self.contamination = contamination
        self.calibration = calibration
        self.alarm_rate = alarm_rate
        self.smoothing = smoothing
        self.likelihood = likelihood
        self.suppress = suppress
        self.max_epochs = max_epochs
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.callbacks = callbacks
        self.device = device
        self.dtype = dtype
        self.precision = precision
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.net_params = net_params
        # </parameters>

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    @property
    def _record(self) -> Usual:
        if not hasattr(self, "net_"):
            check_is_fitted(self, "net_")
        return self._usual

    @property
    def threshold_(self) -> float:
        """Steps with a higher score are anomalies."""
        return self._record.threshold

    @property
    def offset_(self) -> float:
        """Sequences with a lower ``score_samples`` are outliers."""
        return self._record.offset

    @property
    def window_(self) -> int:
        """Steps of a window."""
        return self._record.windows.length

    def fit(self, X: Any, y: Any = None) -> "LSTMAnomalyDetector":
        """Learn what is usual.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences; one long series is ``[series]``. Missing values are NaN. Anomalies among them
            do no harm if they are few.
        y : ignored
            For `score` in a search.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            A parameter is out of range; it is named.
        DataFormatError
            X has a form that is not accepted, or no value to learn from.
        """
        self._check_parameters()
        with training(type(self).__name__):
            refuse_lone_series(X, type(self).__name__)
            sequences, record = self._read(unpack(X), None)
            refuse_unobserved(sequences)
            seeds = Seeds(self.random_state)
            lengths = sequences.lengths
            length = min(self.window, int(lengths.max()))
            if length < self.window:
                warnings.warn(
                    f"window={self.window} is longer than the longest sequence; windows have "
                    f"{length} steps, see window_. Set window={length} to silence this.",
                    UserWarning,
                    stacklevel=2,
                )
            kept = lengths
            if self.contamination == "auto":
                kept = rows_kept(lengths, self.calibration, seeds.split)
            windows = UsualWindows.learn(
                sequences.cut(kept).values,
                length,
                self.horizon if self.method == "forecast" else 0,
                self.dtype,
            )
            table = windows.table(sequences)
            net, history = self._train(windows, table, kept, seeds)
            learned = self._calibrate(windows, net, table, sequences, kept)
            self._usual, self.net_ = Usual(record, windows, *learned, history), net
            record.show_in(self)
        return self

    def _read(self, X: Any, known: InputRecord | None, first: Any = 0) -> tuple:
        """Check what `unpack` returned, or a slice of it; ``known`` is what X was in ``fit``."""
        if known is None:
            X = as_columns(X)
        return read_X(self, X, known, dtype=np.float64, first=first, allow_nan=True)

    def _train(
        self, windows: UsualWindows, table: SeriesTable, kept: np.ndarray, seeds: Seeds
    ) -> tuple[SequenceNet, list[dict[str, float]]]:
        """Train on the first ``kept[i]`` rows of each sequence i."""
        device = resolve_device(self.device)
        trained, valid = kept, None
        if self.early_stopping:
            trained = kept.copy()
            own = kept > 0
            trained[own] = rows_kept(kept[own], self.validation_fraction, seeds.split + 1)
            held_out = windows.origins(table, trained, kept)
            valid = windows.dataset(table, held_out, device) if len(held_out) else None
        train = windows.dataset(table, windows.origins(table, 0 * trained, trained), device)
        if len(train) == 0 or (self.early_stopping and valid is None):
            raise DataFormatError(
                f"{len(kept)} sequences of up to {int(table.lengths.max())} steps are too "
                "few to hold some back: nothing that is observed is left to train or validate on. "
                "Give longer sequences or more, or set early_stopping=False and a smaller "
                "calibration."
            )
        batch_size, max_epochs = self.batch_size, self.max_epochs
        if isinstance(batch_size, str):
            batch_size = min(max(len(train) // 8, 4), 32)
        if isinstance(max_epochs, str):
            n_batches = len(train.batches(batch_size))
            max_epochs = min(max(round(UPDATES / n_batches), 1), MOST_EPOCHS)
        head = StepsAheadHead if windows.horizon else ReconstructionHead
        n_columns = len(windows.centre)
        net = self._make_net(
            train,
            valid,
            input=(WindowInput, {"n_columns": n_columns}),
            head=(head, {"n_steps": windows.horizon or windows.length, "varies": windows.varies}),
            readout="last",
            seeds=seeds,
            batch_size=batch_size,
            max_epochs=max_epochs,
            one_epoch=False,
        )
        return net, self._end_training(net, net.train(train, self._checkpoints()), [])

    def _calibrate(
        self,
        windows: UsualWindows,
        net: SequenceNet,
        table: SeriesTable,
        sequences: Sequences,
        kept: np.ndarray,
    ) -> tuple[np.ndarray, UsualScores | None, float, float]:
        """Return what is known of errors and scores, and both thresholds.

        They are learned from the rows that were held back; if none were, from all of them.
        """
        first = kept if (kept < sequences.lengths).any() else 0 * kept
        judged = observed_rows(sequences, first)
        if not any(rows.any() for rows in judged):
            warnings.warn(
                "All values held back to find thresholds are missing; they come from the steps "
                "that were trained on, and are too low. Set another calibration=.",
                UserWarning,
                stacklevel=3,
            )
            first, judged = 0 * first, observed_rows(sequences, 0 * first)

        def held_back(parts: list[np.ndarray]) -> np.ndarray:
            return np.concatenate([one[rows] for one, rows in zip(parts, judged, strict=True)])

        decorrelate = decorrelating(held_back(windows.errors(net, table)))
        scores = [self._means(windows, one) for one in windows.distances(net, table, decorrelate)]
        spread = None
        if self.likelihood is not None:
            spread = UsualScores.learn(held_back(scores))
            scores = [spread.surprise(one) for one in scores]
        if self.contamination != "auto":
            highest = np.array([-one.max() for one in scores])
            offset = float(np.percentile(highest, 100 * float(self.contamination)))
            return decorrelate, spread, -offset, offset
        observed = observed_rows(sequences, np.full_like(first, windows.length))
        trained = [one[:a][rows[:a]] for one, rows, a in zip(scores, observed, first, strict=True)]
        span = windows.horizon or windows.length
        span += (self.smoothing or 1) + (self.likelihood or 1) - 2
        threshold = threshold_for(self.alarm_rate, held_back(scores), np.concatenate(trained), span)
        whole = [
            -one.max()
            for one, a, rows in zip(scores, first, judged, strict=True)
            if a == 0 and rows.any()
        ]
        are_whole = (kept == 0).any() and whole
        offset = float(np.quantile(whole, self.alarm_rate)) if are_whole else -threshold
        return decorrelate, spread, threshold, offset

    # Scores of steps.

    def _means(self, windows: UsualWindows, distances: np.ndarray) -> np.ndarray:
        """Return scores (T,) of distances (T, C) before ``likelihood`` compares them."""
        known = np.minimum(np.arange(len(distances)) / windows.length, 1.0)
        scores = known**2 * sum_of_columns(distances)
        for n in (self.smoothing, self.likelihood):
            scores = scores if n is None else mean_of_last(scores, n)
        return scores

    def _distances(self, X: Any) -> list[np.ndarray]:
        known, found = self._record, []
        refuse_lone_series(X, type(self).__name__)
        for first, piece in pieces(unpack(X)):
            sequences, _ = self._read(piece, known.input, first)
            with torch_defaults():
                table = known.windows.table(sequences)
                found += known.windows.distances(self.net_, table, known.decorrelate)
        return found

    def anomaly_scores(self, X: Any, *, by_channel: bool = False) -> list[np.ndarray]:
        """Return how unusual each step is, higher for what is more so.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences, with as many values a step as in ``fit``. Missing values are NaN.
        by_channel : bool, default=False
            Divide each score between the values of a step, by what each added to the error of this
            row.

        Returns
        -------
        list of N arrays of shape (T_i,), or (T_i, F)
            Finite from the first row on. Rows that are appended to a sequence do not change the
            scores of those before them.
        """
        known, scores = self._record, []
        for distances in self._distances(X):
            found = self._means(known.windows, distances)
            if known.spread is not None:
                found = known.spread.surprise(found)
            if by_channel:
                total = sum_of_columns(distances)[:, None]
                equal = np.full(distances.shape, 1 / distances.shape[1])
                shares = np.divide(distances, total, out=equal, where=total > 0)
                found = shares * found[:, None]
            scores.append(found)
        return scores

    def predict_steps(self, X: Any) -> list[np.ndarray]:
        """Return -1 for each step that raises an alarm, and 1 for the others.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        list of N int arrays of shape (T_i,)
        """
        threshold = self.threshold_
        return [
            np.where(alarms_of(one, threshold, self.suppress), -1, 1)
            for one in self.anomaly_scores(X)
        ]

    def anomaly_intervals(self, X: Any) -> list[list[tuple[int, int, float]]]:
        """Return where alarms are raised.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        list of N lists of (start, end, peak)
            ``sequence[start:end]`` are the rows of an alarm, ``peak`` is their highest score.
        """
        threshold = self.threshold_
        return [
            intervals_of(alarms_of(one, threshold, self.suppress), one)
            for one in self.anomaly_scores(X)
        ]

    def stream(self, n_streams: int = 1) -> Stream:
        """Return streams of this model, which are told one row at a time.

        Parameters
        ----------
        n_streams : int, default=1
            How many sequences are followed at once.

        Returns
        -------
        Stream
            Its ``step`` returns the score of the newest row of each, (B,): the last one of
            `anomaly_scores` of all rows so far. One above ``threshold_`` is an anomaly. See
            `seqlearn.streaming.Stream`.

        Raises
        ------
        NotFittedError
            It is not fitted.
        """
        known = self._record
        check_arguments(f"{type(self).__name__}.stream", n_streams=(n_streams, integer(1)))
        record = known.input
        return Stream(
            DetectorSteps(
                type(self).__name__,
                self.net_,
                int(n_streams),
                windows=known.windows,
                decorrelate=known.decorrelate,
                spread=known.spread,
                means=(self.smoothing or 1, self.likelihood or 1),
                names=None if record.kind == "series" else record.names,
            )
        )

    # Scores of sequences.

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the highest score of the steps of each sequence: lower is more abnormal.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        ndarray of shape (N,)
        """
        return np.array([-one.max() for one in self.anomaly_scores(X)])

    def decision_function(self, X: Any) -> np.ndarray:
        """Return ``score_samples`` minus ``offset_``: negative for outliers.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        ndarray of shape (N,)
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return -1 for each sequence that is an outlier, and 1 for the others.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        ndarray of shape (N,), int
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def score(self, X: Any, y: Any) -> float:
        """Return the average precision: of the scores of steps, the mean over sequences.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.
        y : list of N arrays of shape (T_i,), or array-like of shape (N, T) or (N,)
            1 for the steps that are anomalies, 0 for the others; any other number is an anomaly
            too, of another kind. With one label for each sequence, or -1 and 1 as scikit-learn has
            them, it is the average precision of minus `score_samples`.

        Returns
        -------
        float
            Steps: the mean over those sequences that have anomalies.

        Raises
        ------
        DataFormatError
            y does not go with X, or there is no anomaly in it.
        """
        scores = self.anomaly_scores(X)
        labels = read_labels(y, [len(one) for one in scores])
        if isinstance(labels, np.ndarray):
            labels, scores = [labels], [np.array([one.max() for one in scores])]
        pairs = [(y, s) for y, s in zip(labels, scores, strict=True) if y.any()]
        if not pairs:
            raise DataFormatError(
                "y has no anomaly, so that there is nothing to be found: give labels with a 1."
            )
        return float(np.mean([average_precision_score(*pair) for pair in pairs]))
