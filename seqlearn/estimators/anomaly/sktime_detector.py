"""`LSTMAnomalyDetector` as a detector of sktime, for one time series.

The adapter holds our detector, gives it the series as a list of one, and its alarms back as sktime
writes events: by the number of their row. The parameters are those of our detector but for
``contamination``, a share of sequences, of which there is one here. Users call this file.
"""

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sktime.detection.base import BaseDetector

from seqlearn.data.grid import are_alike
from seqlearn.data.series import refuse_text
from seqlearn.errors import DataFormatError
from seqlearn.estimators.anomaly.detector import LSTMAnomalyDetector
from seqlearn.estimators.parameter_objects import SktimeParameterObjects
from seqlearn.estimators.trainable import fit_inside, restored_on_error, training

__all__ = ["SktimeLSTMAnomalyDetector"]

_TEST_PARAMS: list[dict[str, Any]] = [
    {"window": 8, "hidden_size": 4, "max_epochs": 2, "random_state": 0},
    {
        "method": "forecast",
        "window": 8,
        "horizon": 2,
        "hidden_size": 3,
        "backend": "gru",
        "alarm_rate": 0.2,
        "max_epochs": 1,
        "random_state": 0,
    },
]


class SktimeLSTMAnomalyDetector(SktimeParameterObjects, BaseDetector):
    """`LSTMAnomalyDetector` as an sktime detector of anomalies in one time series.

    Takes every container of one series that sktime knows, univariate or not, with any index; rows
    are steps, whatever their time stamps. Missing values are NaN. With the same data, parameters
    and seed it gives the same bits as `LSTMAnomalyDetector` does of a list of one sequence.

    Parameters
    ----------
    method : {"reconstruction", "forecast"}, default="reconstruction"
        The score of a step is the error of the window that ends with it, or that of the forecasts
        of the step. The first sees unusual shapes, the second single unusual values.
    window : int, default=32
        Steps of a window, L. If the series of ``fit`` is shorter, its length, by a warning.
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
    calibration : float, default=0.2
        Share of the series, its end, to hold back to find the threshold.
    alarm_rate : float, default=0.01
        Share of usual steps that shall raise an alarm: the threshold is chosen for it, from the
        scores of the steps held back, and those of the others raised to their level.
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
        Hold out the end of what is trained on, stop when its loss no longer falls, and keep the
        weights that were best on it.
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
    estimator_ : LSTMAnomalyDetector
        The fitted detector, with its ``threshold_``, its history and its net.

    See Also
    --------
    LSTMAnomalyDetector : The same in scikit-learn's manner, for many sequences.
    LSTMForecaster : What comes next, in sktime's interface.

    Notes
    -----
    ``predict_segments`` is sktime's own: it returns what lies between anomalies, as for every
    detector of anomalies there. `predict_alarms` returns the runs of anomalies.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from seqlearn import SktimeLSTMAnomalyDetector
    >>> series = pd.Series(np.sin(np.arange(600) / 4))
    >>> series[500:510] = 0.0
    >>> detector = SktimeLSTMAnomalyDetector(hidden_size=16, random_state=0).fit(series[:400])
    >>> scores = detector.transform_scores(series)["scores"]
    >>> bool(500 <= scores.argmax() < 532)
    True
    >>> detector.predict(series).columns.tolist()
    ['ilocs']
    """

    _tags: ClassVar[dict[str, Any]] = {
        "authors": "seqlearn developers",
        "maintainers": "seqlearn developers",
        "python_dependencies": ["torch", "skorch"],
        "task": "anomaly_detection",
        "learning_type": "unsupervised",
        "X_inner_mtype": "pd.DataFrame",
        "fit_is_empty": False,
        "capability:multivariate": True,
        "capability:missing_values": True,
        "capability:update": False,
        "capability:variable_identification": False,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    # <parameters: method * window horizon hidden_size num_layers dropout backend calibration
    #   alarm_rate smoothing likelihood suppress training control>
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
        super().__init__()

    def fit(self, X: Any, y: Any = None) -> "SktimeLSTMAnomalyDetector":
        """Learn what is usual in a series; a fit that fails changes nothing.

        Parameters
        ----------
        X : time series
            Any container of one series that sktime knows; NaN where missing. Anomalies in it do no
            harm if they are few.
        y : ignored
            There is nothing to learn from events that are known.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            A parameter is out of range; it is named.
        DataFormatError
            X is a panel, or too short, or has no value to learn from.
        """
        with training(type(self).__name__), restored_on_error(self):
            return super().fit(X)

    def update(self, X: Any, y: Any = None) -> "SktimeLSTMAnomalyDetector":
        """Learn anew, from the series so far and from what is new; if that fails nothing changes.

        Parameters
        ----------
        X : time series
            New rows, which the index tells from those before: of a row in both it is the new one
            that counts.
        y : ignored
            As in `fit`.

        Returns
        -------
        self

        Raises
        ------
        DataFormatError
            X has other columns than before, or time stamps of another kind.
        """
        self.check_is_fitted()
        with training(type(self).__name__), restored_on_error(self):
            new = self._check_X(X)
            if list(new.columns) != list(self._X.columns):
                raise DataFormatError(
                    f"X has the columns {list(new.columns)}, before it had "
                    f"{list(self._X.columns)}. Give the same columns in the same order, for "
                    "instance by X[columns]."
                )
            old = self._X.index
            if new.index.inferred_type != old.inferred_type or not are_alike(new.index, old):
                raise DataFormatError(
                    f"The index of X is of {new.index.dtype}, before it was of {old.dtype}. Give "
                    "time stamps of one kind."
                )
            return super().update(X)

    def transform(self, X: Any) -> pd.DataFrame:
        """Return 1 for each step that is an anomaly, and 0 for the others.

        Parameters
        ----------
        X : time series
            A series with the columns of ``fit``.

        Returns
        -------
        DataFrame of shape (T, 1)
            Column "labels", with the index of X.
        """
        self.check_is_fitted()
        series = self._check_X(X)
        [steps] = self.estimator_.predict_steps(self._read(series))
        return pd.DataFrame({"labels": (steps < 0).astype(np.int64)}, index=series.index)

    def fit_transform(self, X: Any, y: Any = None) -> pd.DataFrame:
        """Learn what is usual in a series, and return where it has anomalies.

        Parameters
        ----------
        X : time series
            As in `fit`.
        y : ignored
            As in `fit`.

        Returns
        -------
        DataFrame of shape (T, 1)
            What `transform` returns.
        """
        return self.fit(X).transform(X)

    def predict_alarms(self, X: Any) -> pd.DataFrame:
        """Return the runs of anomalies.

        Parameters
        ----------
        X : time series
            A series with the columns of ``fit``.

        Returns
        -------
        DataFrame of shape (n_runs, 2)
            Column "ilocs", intervals of row numbers, closed on the left; "scores", the highest of
            each.
        """
        self.check_is_fitted()
        [found] = self.estimator_.anomaly_intervals(self._read(self._check_X(X)))
        starts, ends, peaks = np.array(found).reshape(-1, 3).T
        runs = pd.IntervalIndex.from_arrays(
            starts.astype(np.int64), ends.astype(np.int64), closed="left"
        )
        return pd.DataFrame({"ilocs": runs, "scores": peaks})

    def _check_X(self, X: Any) -> pd.DataFrame:
        try:
            return super()._check_X(X)
        except TypeError as cause:
            kind = (self._X_metadata or {}).get("scitype")
            if kind != "Panel" and not isinstance(getattr(X, "index", None), pd.MultiIndex):
                raise
            raise DataFormatError(
                f"X is of type {type(X).__name__} and holds several series; {type(self).__name__} "
                "takes one. Give it each by itself, or seqlearn.LSTMAnomalyDetector a list of them."
            ) from cause

    def _read(self, X: Any) -> list[pd.DataFrame]:
        """Return a series as our detector takes it, a list of one frame (T, F)."""
        # sktime's predict_points hands X over as it was given.
        series = X if isinstance(X, pd.DataFrame) else self._check_X(X)
        if series.empty:
            raise DataFormatError(
                f"X has {len(series)} rows and {series.shape[1]} columns. Give a series with at "
                "least one of each."
            )
        refuse_text(series, "X")
        return [series]

    def _fit(self, X: pd.DataFrame, y: Any = None) -> "SktimeLSTMAnomalyDetector":
        self._X = X.copy()  # sktime keeps X as it was given, and joins to it what comes in `update`
        inner = LSTMAnomalyDetector(**self.get_params(deep=False))
        self.estimator_ = fit_inside(inner, self._read(X))
        return self

    def _predict(self, X: Any) -> pd.DataFrame:
        [steps] = self.estimator_.predict_steps(self._read(X))
        return pd.DataFrame({"ilocs": np.flatnonzero(steps < 0)}, dtype="int64")

    def _transform_scores(self, X: pd.DataFrame) -> pd.DataFrame:
        [scores] = self.estimator_.anomaly_scores(self._read(X))
        return pd.DataFrame({"scores": scores}, index=X.index)

    def _predict_scores(self, X: pd.DataFrame) -> pd.DataFrame:
        rows = self._predict(X)["ilocs"]
        return self._transform_scores(X).iloc[rows].reset_index(drop=True)

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
