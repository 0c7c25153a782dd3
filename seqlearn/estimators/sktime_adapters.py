"""`LSTMClassifier` and `LSTMRegressor` as sktime estimators, for sktime's panels of series.

An adapter holds one of our estimators, fits it on what sktime hands over and gives its answers
back; nothing is learned here. What differs is the reading of X: sktime's ``numpy3D`` is
(instance, channel, time), ours (instance, time, feature), and each frame of a ``df-list`` is one
of our ragged sequences; sktime makes a ``df-list`` of every other container. The parameters are
those of our estimators, but for ``words`` and ``frames``, since a panel holds numbers, and
``warm_start``, since sktime resets an estimator before each fit. Users call this file.
"""

from typing import Any, ClassVar

import numpy as np
from sktime.base import BaseEstimator
from sktime.classification.base import BaseClassifier
from sktime.regression.base import BaseRegressor

from seqlearn.data.labels import is_flat, read_row_labels
from seqlearn.data.targets import read_numbers
from seqlearn.errors import DataFormatError
from seqlearn.estimators.base import SequenceEstimator
from seqlearn.estimators.classifier import LSTMClassifier
from seqlearn.estimators.parameter_objects import SktimeParameterObjects
from seqlearn.estimators.regressor import LSTMRegressor
from seqlearn.estimators.trainable import fit_inside, restored_on_error, training

__all__ = ["SktimeLSTMClassifier", "SktimeLSTMRegressor"]

_TAGS = {
    "authors": "seqlearn developers",
    "maintainers": "seqlearn developers",
    "python_dependencies": ["torch", "skorch"],
    "X_inner_mtype": ["df-list", "numpy3D"],
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:missing_values": False,
    "capability:categorical_in_X": False,
    "capability:random_state": True,
    "property:randomness": "derandomized",
}
_TEST_PARAMS: list[dict[str, Any]] = [
    {"hidden_size": 4, "max_epochs": 2, "batch_size": 16, "random_state": 0},
    {"hidden_size": 3, "readout": "last", "backend": "gru", "max_epochs": 1, "batch_size": 16},
]


class _Adapter(SktimeParameterObjects, BaseEstimator):
    """An estimator of sktime that holds one of ours, of the class ``_inner``."""

    _inner: ClassVar[type[SequenceEstimator]]

    def fit(self, X: Any, y: Any) -> Any:
        """Train on a panel and its targets; one that fails changes nothing.

        Parameters
        ----------
        X : panel
            Any container of a panel that sktime knows.
        y : array-like of shape (N,), or (N, C)
            Targets.

        Returns
        -------
        self
        """
        with training(type(self).__name__), restored_on_error(self):
            self._refuse_y(y)
            return super().fit(X, y)

    def _fit(self, X: Any, y: np.ndarray) -> Any:
        sequences, self._feature_names = _read(X)
        self.estimator_ = fit_inside(self._inner(**self.get_params(deep=False)), sequences, y)
        return self

    def _predict(self, X: Any) -> np.ndarray:
        return self.estimator_.predict(_read(X, self._feature_names)[0])

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return small parameters for sktime's tests.

        Parameters
        ----------
        parameter_set : str, default="default"
            Name of the set of parameters; there is one.

        Returns
        -------
        list of dict
        """
        return [dict(params) for params in _TEST_PARAMS]


class SktimeLSTMClassifier(_Adapter, BaseClassifier):
    """`LSTMClassifier` as an sktime classifier, for panels of series of equal or unequal length.

    Takes every panel container that sktime knows: ``numpy3D``, ``pd-multiindex``, ``df-list``,
    ``nested_univ`` and others. Series may differ in length and have several channels. With the
    same data, parameters and seed it gives the same bits as `LSTMClassifier`. Of a y with several
    columns sktime has each learned by a classifier of its own.

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
    estimator_ : LSTMClassifier
        The fitted estimator, with its history and its net; absent if y held one class only,
        which sktime predicts without fitting.
    classes_ : ndarray of shape (C,)
        The labels.
    n_classes_ : int
        Their number, C.

    See Also
    --------
    LSTMClassifier : The same in scikit-learn's manner; reads words too.
    SktimeLSTMRegressor : Predict numbers instead of labels.

    Examples
    --------
    >>> from sktime.datasets import load_unit_test
    >>> from seqlearn.estimators.sktime_adapters import SktimeLSTMClassifier
    >>> X, y = load_unit_test(split="train", return_X_y=True)
    >>> classifier = SktimeLSTMClassifier(hidden_size=8, max_epochs=5, random_state=0)
    >>> classifier.fit(X, y).predict_proba(X[:3]).shape
    (3, 2)
    """

    _inner = LSTMClassifier
    _tags: ClassVar[dict[str, Any]] = {
        **_TAGS,
        "capability:predict_proba": True,
        "capability:class_weight": True,
    }

    # <parameters: network readout backend training class_weight loss label_smoothing control>
    def __init__(
        self,
        *,
        hidden_size: int = 64,
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.2,
        readout: str = "max",
        backend: Any = "torch",
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
        self.class_weight = class_weight
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.net_params = net_params
        # </parameters>
        super().__init__()

    def _refuse_y(self, y: Any) -> None:
        if is_flat(y):  # sktime sorts them, whatever they are
            read_row_labels(y, warn=False)

    def _predict_proba(self, X: Any) -> np.ndarray:
        return self.estimator_.predict_proba(_read(X, self._feature_names)[0])


class SktimeLSTMRegressor(_Adapter, BaseRegressor):
    """`LSTMRegressor` as an sktime regressor, for panels of series of equal or unequal length.

    Takes every panel container that sktime knows: ``numpy3D``, ``pd-multiindex``, ``df-list``,
    ``nested_univ`` and others. Series may differ in length and have several channels. A y with
    several columns is learned by one net. With the same data, parameters and seed it gives the
    same bits as `LSTMRegressor`.

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
        Share to hold out for early stopping.
    n_iter_no_change : int, default=10
        Epochs without improvement before early stopping.
    tol : float, default=1e-4
        Relative fall of the loss that counts as improvement.
    loss : {"squared_error", "absolute_error", "huber"}, default="squared_error"
        "absolute_error" fits the median; "huber" is squared up to one standard deviation of the
        target and absolute beyond.
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
    estimator_ : LSTMRegressor
        The fitted estimator, with its history and its net.

    See Also
    --------
    LSTMRegressor : The same in scikit-learn's manner; reads words too.
    SktimeLSTMClassifier : Predict labels instead of numbers.

    Examples
    --------
    >>> from sktime.datasets import load_unit_test
    >>> from seqlearn.estimators.sktime_adapters import SktimeLSTMRegressor
    >>> X, y = load_unit_test(split="train", return_X_y=True)
    >>> regressor = SktimeLSTMRegressor(hidden_size=8, max_epochs=5, random_state=0)
    >>> regressor.fit(X, y.astype(float)).predict(X[:3]).shape
    (3,)
    """

    _inner = LSTMRegressor
    _tags: ClassVar[dict[str, Any]] = {
        **_TAGS,
        "y_inner_mtype": "numpy2D",
        "capability:multioutput": True,
    }

    # <parameters: network readout backend training loss control>
    def __init__(
        self,
        *,
        hidden_size: int = 64,
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.2,
        readout: str = "max",
        backend: Any = "torch",
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
        loss: str = "squared_error",
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
        self.loss = loss
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.net_params = net_params
        # </parameters>
        super().__init__()

    def _refuse_y(self, y: Any) -> None:
        read_numbers(y)  # sktime makes numbers of dates

    def _fit(self, X: Any, y: np.ndarray) -> "SktimeLSTMRegressor":
        return super()._fit(X, y[:, 0] if y.shape[1] == 1 else y)  # (N,) or (N, C)


def _read(X: Any, known: list | None = None) -> tuple[np.ndarray | list[np.ndarray], list | None]:
    """Return a panel as our estimators take it, and the names of its columns if it has some.

    ``known`` are the names in fit, where X is of prediction.
    """
    if isinstance(X, np.ndarray):
        return X.transpose(0, 2, 1), None  # (N, T, F)
    names = list(X[0].columns)
    for instance, frame in enumerate(X):
        _check_names(list(frame.columns), names, f"instance {instance} of X", "instance 0")
    if known is not None:
        _check_names(names, known, "X", "fit")
    return [frame.to_numpy() for frame in X], names  # N arrays of (T_i, F)


def _check_names(names: list, known: list, here: str, there: str) -> None:
    if names != known:
        raise DataFormatError(
            f"{here} has the columns {names}, {there} had {known}. Give the same columns in the "
            "same order, for instance by X[columns]."
        )
