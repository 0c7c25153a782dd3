"""LSTMClassifier: one label, or one set of labels, for each sequence."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin

from seqlearn.estimators.base import SequenceEstimator, TrainingData
from seqlearn.estimators.class_losses import CLASS_LOSS_CHECKS, refuse_other_loss
from seqlearn.estimators.looking_inside import Explained
from seqlearn.estimators.targets import Classes, SeveralLabels
from seqlearn.modules.heads.head import Head
from seqlearn.modules.heads.linear import ClassHead, MultilabelHead

__all__ = ["LSTMClassifier"]


class LSTMClassifier(ClassifierMixin, Explained, SequenceEstimator[Classes]):
    """Classify sequences with a recurrent network.

    A recurrent core reads each sequence step by step, a readout makes one vector of what it saw,
    and a linear layer turns that into one score a class. Sequences may differ in length;
    padding never plays a part in an answer.

    Parameters
    ----------
    hidden_size : int, default=64
        Width of a recurrent layer, H.
    num_layers : int, default=1
        Recurrent layers stacked on each other.
    bidirectional : bool, default=True
        Read each sequence from both ends; about twice the work.
    dropout : float, default=0.2
        Share of the values dropped in training, between layers and before the linear layer.
    readout : {"last", "mean", "max", "attention"}, default="max"
        What becomes of the steps: the last one (of each direction's reading), their mean, their
        maximum, or a learned weighted mean.
    backend : str or Backend, default="torch"
        The recurrent core: a name in `seqlearn.available_backends`, or an object with options.
    words : Words or None, default=None
        How words and feature dictionaries are read, if X holds those; None is `seqlearn.Words()`.
    frames : Frames or None, default=None
        How frames of video are read before the core: `seqlearn.Frames`, a small convolutional
        network. None gives the core the pixels.
    missing : {"error", "mask"}, default="error"
        What NaN in X means. "error" refuses it. With "mask" it is a value that was not observed,
        and the network reads three numbers for each feature: the last value observed (before the
        first, the mean of the training data), whether there is one now, and the time since the last
        one. Padding is not missing: `seqlearn.to_sequences` cuts it off.
    time_column : int, str or None, default=None
        Number or name of the column of X that holds the time of each step. The network reads the
        time since the step before in its place. Steps of one time are merged into their mean.
    max_epochs : int or "auto", default="auto"
        Passes over the training data. "auto" is what makes 3,000 updates, between 10 and 60.
    lr : float, default=0.01
        Learning rate.
    lr_schedule : {"cosine", "one_cycle", "constant_then_decay"} or None, default="cosine"
        How the learning rate changes over the updates of a fit; None keeps it constant.
    batch_size : int or "auto", default="auto"
        Sequences of one update. "auto" is an eighth of the training data, between 4 and 32.
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
        Hold out a part of the training data, stop when its loss no longer falls, and keep the
        weights that were best on it.
    validation_fraction : float, default=0.1
        Share to hold out for early stopping, stratified by class.
    n_iter_no_change : int, default=10
        Epochs without improvement before early stopping.
    tol : float, default=1e-4
        Relative fall of the loss that counts as improvement.
    warm_start : bool, default=False
        ``fit`` continues from the weights of the last ``fit``.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class; "balanced" makes them inverse to their frequency.
    loss : {"cross_entropy", "focal"}, default="cross_entropy"
        "focal" counts what is known already little: the cross entropy times (1 - p)^2, p the
        probability of the true label (Lin et al. 2017).
    label_smoothing : float, default=0.0
        Share of the target that all classes divide between them, in [0, 1).
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
    classes_ : ndarray of shape (C,)
        The labels; for multilabel targets 0 to C - 1.
    n_features_in_ : int
        Columns of a 2-D X or of a table of sequences; values a step otherwise,
        H * W * C of frames.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns or channels, if X had them: data frames, however they hold sequences.
    vocabulary_ : Vocabulary
        Words or features known, if X holds those.
    input_kind_ : {"series", "sequences", "frames", "tokens", "features"}
        Whether X was 2-D; 3-D or ragged; frames of video; lists of tokens; or of feature
        dictionaries.
    history_ : list of dict
        One row an epoch: epoch, train_loss, lr, seconds; with early stopping also valid_loss and
        valid_score (accuracy).
    loss_curve_ : list of float
        Training loss of each epoch.
    n_iter_ : int
        Epochs trained.
    device_ : str
        Device used.
    net_ : skorch.NeuralNet
        The trained net. Its ``module_`` (a torch module of ``input``, ``encoder`` and ``head``),
        ``history`` and ``optimizer_`` may be relied on, and callbacks of skorch work on it.

    See Also
    --------
    LSTMRegressor : Predict numbers instead of labels.
    seqlearn.preprocessing.SequenceScaler : Bring features to a common scale first.

    Notes
    -----
    ``sample_weight`` is exact: a row of weight 2 and the same row twice are one and the same
    training set, because equal rows are merged before training.

    References
    ----------
    Hochreiter, S. and Schmidhuber, J. (1997). Long short-term memory. Neural Computation 9(8).

    Examples
    --------
    >>> from seqlearn import LSTMClassifier
    >>> from seqlearn.datasets import make_noisy_sines
    >>> X, y = make_noisy_sines(60, 20, ragged=True, random_state=0)
    >>> classifier = LSTMClassifier(hidden_size=16, max_epochs=20, random_state=0).fit(X, y)
    >>> classifier.predict(X[:2]).shape, classifier.predict_proba(X[:2]).shape
    ((2,), (2, 3))
    """

    _reads_discrete = True

    _checks: ClassVar = CLASS_LOSS_CHECKS

    # <parameters: network readout backend words frames missing time_column training
    #   warm_start class_weight loss label_smoothing control>
    def __init__(
        self,
        *,
        hidden_size: int = 64,
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.2,
        readout: str = "max",
        backend: Any = "torch",
        words: Any = None,
        frames: Any = None,
        missing: str = "error",
        time_column: int | str | None = None,
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
        warm_start: bool = False,
        class_weight: dict | str | None = None,
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        random_state: Any = None,
        verbose: int = 0,
        checkpoint: Any = None,
        net_params: dict | None = None,
    ):
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.readout = readout
        self.backend = backend
        self.words = words
        self.frames = frames
        self.missing = missing
        self.time_column = time_column
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
        self.warm_start = warm_start
        self.class_weight = class_weight
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.net_params = net_params
        # </parameters>

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LSTMClassifier":
        """Train on sequences and their labels.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences; anything `seqlearn.to_sequences` takes without further arguments, frames of
            video too. Or N lists of tokens, or of feature dictionaries.
        y : array-like of shape (N,), or (N, C) for multilabel targets
            Labels: text, whole numbers, bools or NumPy's dates, all of one type; or 0 and 1 for
            each of C labels.
        sample_weight : array-like of shape (N,), optional
            Weight of each sequence.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            A parameter is out of range.
        DataFormatError
            X or y has a form that is not accepted; rows and steps are named.
        TrainingDivergedError
            The loss was not finite from the first epoch on.
        """
        return self._fit(X, y, sample_weight)

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> "LSTMClassifier":
        """Train for one epoch on a further part of the data, at the constant rate ``lr``.

        The first call fixes which words and features are known.

        Parameters
        ----------
        X, y
            As in `fit`.
        classes : array-like of shape (C,), optional
            All labels that will ever occur. Needed in the first call; later it must be the same
            or absent.
        sample_weight
            As in `fit`.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, part=True, classes=classes)

    def _targets(self) -> Classes:
        return Classes()

    def _row_factors(
        self, targets: Classes, codes: np.ndarray, weights: np.ndarray
    ) -> np.ndarray | None:
        if self.class_weight is None:
            return None
        of_row = targets.strata(codes)
        return targets.weights(self.class_weight, of_row, weights, type(self).__name__)[of_row]

    def _head(self, data: TrainingData[Classes]) -> tuple[type[Head], dict[str, Any]]:
        arguments = {"output_size": data.targets.output_size, "dropout": self.dropout}
        if isinstance(data.targets, SeveralLabels):
            refuse_other_loss(self.loss, self.label_smoothing, "with multilabel targets")
            return MultilabelHead, arguments
        of_loss = {"loss": self.loss, "label_smoothing": self.label_smoothing}
        return ClassHead, arguments | of_loss

    @property
    def classes_(self) -> np.ndarray:
        """The labels; for multilabel targets 0 to C - 1."""
        return self._record.targets.classes.copy()

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the scores of the classes before the softmax.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        ndarray of shape (N,) for two classes, else (N, C)
            With two classes, the log-odds of ``classes_[1]``.
        """
        return self._record.targets.scores(self._outputs(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable label of each sequence.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        ndarray of shape (N,), or (N, C) of 0 and 1 for multilabel targets
        """
        return self._record.targets.decode(self._outputs(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        ndarray of shape (N, C)
            Rows sum to one; with multilabel targets each column stands for itself.
        """
        return self._record.targets.probabilities(self._outputs(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of `predict_proba`, exact also where that rounds to 0.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        ndarray of shape (N, C)
        """
        return self._record.targets.probabilities(self._outputs(X), log=True)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of the sequences whose label, or set of labels, is right.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.
        y : as in `fit`
            The true labels.
        sample_weight : array-like of shape (N,), optional
            Weight of each sequence.

        Returns
        -------
        float
        """
        return self._record.targets.share_right(y, self.predict(X), sample_weight)
