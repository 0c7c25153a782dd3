"""LSTMForecaster: a forecaster of sktime, univariate or not, of one series or of many.

This file speaks sktime: constructor, tags, horizons, and forecasts as frames. What is known of
the series is in `seqlearn.estimators.forecasting.state`, training in `.training`.
"""

from operator import attrgetter
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sktime.forecasting.base import BaseForecaster
from sktime.utils.validation.forecasting import check_fh

from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.forecasting.backtest import backtest
from seqlearn.estimators.forecasting.settings import CHECKS
from seqlearn.estimators.forecasting.streams import ForecastSteps
from seqlearn.estimators.forecasting.training import WindowTraining
from seqlearn.estimators.forecasting.windows import WindowModel
from seqlearn.estimators.parameter_objects import SktimeParameterObjects
from seqlearn.estimators.trainable import restored_on_error, training
from seqlearn.parameter_checks import check_arguments, integer
from seqlearn.streaming.streams import Stream

__all__ = ["LSTMForecaster"]

VARIANCE_LEVELS = (np.arange(200) + 0.5) / 200  # quantiles that predict_var averages over


def _fitted(path: str, meaning: str) -> property:
    return property(lambda self: attrgetter(path)(self.model_), doc=meaning)


class LSTMForecaster(WindowTraining, SktimeParameterObjects, BaseForecaster):
    """Forecast series with a recurrent network over segments, all steps ahead at once.

    Windows are normalised by their own level and scale, cut into segments and read by a
    recurrent core; one decoder step for each segment ahead gives its values (SegRNN, Lin et al.
    2023). One network serves all columns and all series of a panel. Next to the point forecast it
    gives quantiles.

    Parameters
    ----------
    hidden_size : int, default=128
        Width of a recurrent layer, H.
    num_layers : int, default=1
        Recurrent layers stacked on each other.
    bidirectional : bool, default=False
        Read each window from both ends; about twice the work.
    dropout : float, default=0.5
        Share of the values dropped in training, between layers and before the linear layer.
    backend : str or Backend, default="torch"
        The recurrent core: a name in `seqlearn.available_backends`, or an object with options.
    window_length : int or "auto", default="auto"
        Steps a forecast looks back. "auto" goes by season, horizon and length of the series.
    segment_length : int or "auto", default="auto"
        Steps that the core reads at once. "auto" goes by the season.
    normalization : {"window", "series"} or None, default="window"
        What values are relative to: level and scale of their window, those of their series in
        fit, or nothing.
    decoding : {"parallel", "recursive"}, default="parallel"
        All segments ahead from what the core knows at the end of the window, or one, which is
        then appended to the window for the next.
    copying : bool or "auto", default="auto"
        Add to each segment ahead a mean of the segments of the window, in proportions that the
        network chooses. "auto" does so from 20 series on, which regular ones gain by.
    linear : bool or "auto", default="auto"
        Give the network's point forecast a weight of 0.4 and that of a linear map of the window
        (NLinear, Zeng et al. 2023) 0.6; with features, let it forecast what the map leaves. "auto"
        does so up to 19 series, of which a network alone learns too much by heart.
    share_channels : bool, default=True
        Read each column of y with the same weights, for itself, or all together.
    calendar : bool, default=False
        Add the position in day, week and year, whatever the frequency makes sense of, to the
        features known ahead.
    past_only : list of column names or None, default=None
        Columns of X that are not known ahead. ``predict`` needs the others.
    max_epochs : int or "auto", default="auto"
        Passes over all windows. "auto" makes about 800 updates, 400 where the windows hold fewer
        than 200 horizons besides each other, in at most 150 passes.
    lr : float, default=0.002
        Learning rate.
    lr_schedule : {"cosine", "one_cycle", "constant_then_decay"} or None, default="cosine"
        How the learning rate changes over the updates of a fit; None keeps it constant.
    batch_size : int or "auto", default="auto"
        Windows of one update. "auto" is a fiftieth of them, between 32 and 256.
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
        Hold out the last windows, window and horizon after those of training, stop when their loss
        no longer falls, and keep the weights that were best on them.
    validation_fraction : float, default=0.1
        Share of the windows to hold out for early stopping and calibration.
    n_iter_no_change : int, default=10
        Epochs without improvement before early stopping.
    tol : float, default=1e-4
        Relative fall of the loss that counts as improvement.
    loss : {"absolute_error", "squared_error", "huber"}, default="absolute_error"
        Of the point forecast: "absolute_error" gives the median, "squared_error" the mean;
        "huber" is squared up to an error of one standard deviation of the series.
    quantiles : sequence of float or None, default=(0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
        Levels of the quantiles that are learned; others are interpolated, and every interval
        contains the point forecast. None learns the point forecast alone.
    calibration : {"conformal"} or None, default=None
        "conformal" holds out the last windows, a share of ``validation_fraction``, and shifts
        the quantiles so that they cover there what they say (Romano et al. 2019). ``predict``
        still gives the point forecast, not the shifted median.
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
    window_length_, segment_length_, season_, horizon_ : int
        Steps of a window and of a segment, main season of the data, and steps ahead.
    history_ : list of dict
        One row an epoch: epoch, train_loss, lr, seconds; with early stopping also valid_loss and
        valid_score (minus the mean absolute error).
    loss_curve_, n_iter_, device_
        Training loss of each epoch, number of epochs, and device used.
    net_ : skorch.NeuralNet
        The trained net. Its ``module_`` (a torch module of ``input``, ``encoder`` and ``head``),
        ``history`` and ``optimizer_`` may be relied on, and callbacks of skorch work on it.

    See Also
    --------
    LSTMRegressor : One number for each of many series, no forecast.
    seqlearn.displays.ForecastDisplay : Draw forecasts with their intervals.

    Notes
    -----
    In a panel, a window is weighted by one over the root of the number its series gives.
    ``pretrain`` on a panel, then ``fit`` on a series it has not seen, forecasts that series with
    the weights of the panel; ``update`` trains on. Missing values are marked to the network and
    left out of the loss.

    References
    ----------
    Lin, S. et al. (2023). SegRNN: Segment Recurrent Neural Network for Long-Term Time Series
    Forecasting. arXiv:2308.11200.

    Romano, Y., Patterson, E. and Candes, E. (2019). Conformalized quantile regression. NeurIPS.

    Zeng, A. et al. (2023). Are Transformers Effective for Time Series Forecasting? AAAI.

    Examples
    --------
    >>> from seqlearn import LSTMForecaster
    >>> from sktime.datasets import load_airline
    >>> y = load_airline()
    >>> forecaster = LSTMForecaster(hidden_size=16, max_epochs=2, random_state=0)
    >>> forecaster.fit(y, fh=[1, 2, 3]).predict().shape
    (3,)
    >>> forecaster.predict_interval(coverage=0.9).columns.nlevels
    3
    """

    _checks: ClassVar = CHECKS

    _tags: ClassVar[dict[str, Any]] = {
        "python_dependencies": ["torch", "skorch"],
        "y_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:missing_values": True,
        "capability:unequal_length": True,
        "capability:categorical_in_X": False,
        "requires-fh-in-fit": True,
        "X-y-must-have-same-index": False,
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:update": True,
        "capability:pretrain": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    # sktime warns at construction that it will stop keeping y; the windows needed are kept here.
    _config: ClassVar[dict[str, Any]] = {"warnings": "off"}

    # <parameters: network backend window_length segment_length normalization decoding copying
    #   linear share_channels calendar past_only training loss quantiles calibration control>
    def __init__(
        self,
        *,
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.5,
        backend: Any = "torch",
        window_length: int | str = "auto",
        segment_length: int | str = "auto",
        normalization: str | None = "window",
        decoding: str = "parallel",
        copying: bool | str = "auto",
        linear: bool | str = "auto",
        share_channels: bool = True,
        calendar: bool = False,
        past_only: list | None = None,
        max_epochs: int | str = "auto",
        lr: float = 0.002,
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
        loss: str = "absolute_error",
        quantiles: Any = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95),
        calibration: str | None = None,
        random_state: Any = None,
        verbose: int = 0,
        checkpoint: Any = None,
        net_params: dict | None = None,
    ):
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.backend = backend
        self.window_length = window_length
        self.segment_length = segment_length
        self.normalization = normalization
        self.decoding = decoding
        self.copying = copying
        self.linear = linear
        self.share_channels = share_channels
        self.calendar = calendar
        self.past_only = past_only
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
        self.quantiles = quantiles
        self.calibration = calibration
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.net_params = net_params
        # </parameters>
        super().__init__()
        self.set_config(warnings="on")
        if quantiles is None:
            self.set_tags(**{"capability:pred_int": False})

    window_length_ = _fitted("model.layout.window_length", "Steps of a window.")
    segment_length_ = _fitted("model.layout.segment_length", "Steps that the core reads at once.")
    season_ = _fitted("model.layout.season", "Main season of the data, in steps; 1 for none.")
    horizon_ = _fitted("model.layout.horizon", "Steps ahead that the network gives.")

    @property
    def _record(self) -> WindowModel:
        return self.model_.model

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return small settings, as dicts, with which sktime's own tests run.

        Returns
        -------
        list of dict
        """
        small = {"hidden_size": 4, "max_epochs": 1, "batch_size": 16, "random_state": 0}
        return [
            {**small, "window_length": 6, "segment_length": 2},
            {
                **small,
                "backend": "gru",
                "window_length": 5,
                "decoding": "recursive",
                "normalization": "series",
                "share_channels": False,
                "loss": "squared_error",
                "quantiles": (0.1, 0.9),
            },
        ]

    # What sktime calls. The public methods are wrapped so that one that fails changes nothing.

    def fit(self, y: Any, X: Any = None, fh: Any = None) -> "LSTMForecaster":
        """Train on the windows of one series, or of all series of a panel or hierarchy.

        After `pretrain`, the weights stay as they are and the series becomes what is forecast.

        Parameters
        ----------
        y : Series, DataFrame, or DataFrame with MultiIndex
            One series, of one or more columns; or a panel or hierarchy of them, the time stamps
            in the last level of the index.
        X : DataFrame, optional
            Exogenous columns of the same form, NaN where missing. A row at each step of y is
            expected; a missing one counts as missing values.
        fh : int, list of int or ForecastingHorizon
            Steps ahead to forecast; the network learns all steps up to the largest. Time stamps
            are forecast for every series, on whatever day it ends; a step of ints is what most
            gaps of the index show, as for dates.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            A parameter is out of range.
        DataFormatError
            Series that cannot be learned from; they are named.
        TrainingDivergedError
            The loss was not finite from the first epoch on.
        """
        with training(type(self).__name__), restored_on_error(self):
            return super().fit(y, X=X, fh=fh)

    def pretrain(self, y: Any, X: Any = None, fh: Any = None) -> "LSTMForecaster":
        """Train on a panel, to forecast series that are given to `fit` later.

        Parameters
        ----------
        y : DataFrame with MultiIndex
            A panel or hierarchy of series.
        X : DataFrame with MultiIndex, optional
            Exogenous columns.
        fh : int, list of int or ForecastingHorizon, optional
            The network learns the steps up to the largest; by default one season, at least 12.

        Returns
        -------
        self
        """
        with training(type(self).__name__), restored_on_error(self):
            return super().pretrain(y, X=X, fh=fh)

    def update(self, y: Any, X: Any = None, update_params: bool = True) -> "LSTMForecaster":
        """Take in new steps; forecasts start from their end.

        Parameters
        ----------
        y, X
            New steps, as in `fit`. Steps that are known already are replaced, later ones dropped.
        update_params : bool, default=True
            Train on, for one epoch at the constant rate ``lr``, on the windows that reach into
            the new steps.

        Returns
        -------
        self
        """
        with training(type(self).__name__), restored_on_error(self):
            if "model_" in self.__dict__ and hasattr(y, "index") and not isinstance(y, list):
                self.model_.refuse_other_stamps(y)  # before sktime joins them to what it keeps
            return super().update(y, X=X, update_params=update_params)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.calibration is not None and self.quantiles is None:
            raise InvalidParameterError(
                f"calibration={self.calibration!r} shifts quantiles, but quantiles=None. Give "
                "levels in quantiles, or set calibration=None."
            )

    def _fit(self, y, X, fh):
        self._check_parameters()
        if "model_" in self.__dict__:
            state, net = self.model_.of(y, X, fh), self.net_
        else:
            state, net = self._learn(y, X, fh)
        self._y_names, self.model_, self.net_ = y.index.names, state, net
        return self

    def _pretrain(self, y, X=None, fh=None):
        self._check_parameters()
        self.model_, self.net_ = self._learn(y, X, None if fh is None else check_fh(fh))
        return self

    def _pretrain_update(self, y, X=None, fh=None):
        self._check_parameters()
        return self._update(y, X)

    def _update(self, y, X=None, update_params=True):
        self.model_, self.net_ = self._after(self.model_, self.net_, y, X, update_params)
        return self

    def _predict(self, fh, X):
        return self._forecast(fh, X)

    def _predict_quantiles(self, fh, X, alpha):
        return self._forecast(fh, X, alpha)

    def _predict_var(self, fh, X=None, cov=False):
        if cov:
            raise InvalidParameterError(
                "cov=True asks for covariances between steps, which LSTMForecaster does not model; "
                "use cov=False."
            )
        quantiles = self._forecast(fh, X, VARIANCE_LEVELS)
        names = self._get_varnames()
        return pd.DataFrame({name: quantiles[name].var(axis=1, ddof=0) for name in names})

    def _forecast(self, fh: Any, X: Any, alpha: Any = None) -> pd.DataFrame:
        """Return point forecasts or quantiles of every series at the steps of ``fh``."""
        steps = self.model_.steps(fh)  # (N, n)
        values = self.model_.forecast(self.net_, X, steps, alpha)  # (N, n, C) or (N, n, C, Q)
        index = self.model_.stamps(steps)
        if index.nlevels > 1:
            index.names = self._y_names
        columns = self._get_varnames()
        if alpha is not None:
            columns = pd.MultiIndex.from_product([columns, alpha])
        return pd.DataFrame(values.reshape(len(index), -1), index=index, columns=columns)

    def _check_fh(self, fh, pred_int=False):
        # Time stamps are left to our own count of steps: sktime's goes by periods of one cut-off.
        asked = self._fh if fh is None else check_fh(fh)
        if asked is None or asked.is_relative:
            return super()._check_fh(fh, pred_int=pred_int)
        if self._fh is None or not self.is_fitted:
            self._fh = asked
        elif not asked.to_pandas().equals(self._fh.to_pandas()):
            raise DataFormatError(
                "A different forecasting horizon than in fit is asked for: the network answers "
                "that of fit. Pass this fh to fit, or leave it out."
            )
        return self._fh

    def stream(self, n_streams: int | None = None) -> Stream:
        """Return streams that begin at the end of the series of `fit`, told one step at a time.

        Parameters
        ----------
        n_streams : int, optional
            How many; by default one for each series. Of a single series there may be several.

        Returns
        -------
        Stream
            ``stream.step(y)`` takes the next values, (B, C), NaN where missing, and returns what
            `predict` says after ``update(y, update_params=False)``: point forecasts (B, H) at the
            steps of ``fh``, or (B, H, C) of several columns. With X in ``fit`` it is
            ``step(y, X, ahead)``: X of shape (B, P), columns known ahead first, and these at the
            steps up to the largest of ``fh``, (B, H, K). See `seqlearn.streaming.Stream`.

        Raises
        ------
        InvalidParameterError
            There are more or fewer series than streams, or ``fh`` are time stamps, which stay
            where they are.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> from seqlearn import LSTMForecaster
        >>> y = pd.Series(np.sin(np.arange(80) / 4))
        >>> model = LSTMForecaster(hidden_size=8, max_epochs=2, random_state=0).fit(y, fh=[1, 2])
        >>> stream = model.stream()
        >>> forecasts = stream.step([np.sin(80 / 4)])  # of the steps 81 and 82
        >>> new = pd.Series([np.sin(80 / 4)], index=[80])
        >>> model = model.update(new, update_params=False)
        >>> np.allclose(forecasts[0], model.predict(), atol=1e-6)
        True
        """
        self.check_is_fitted()
        name, known = type(self).__name__, self.model_
        n_series = len(known.last)
        check_arguments(f"{name}.stream", n_streams=(n_streams, integer(1, None)))
        if n_streams is not None and n_series > 1 and n_streams != n_series:
            raise InvalidParameterError(
                f"n_streams={n_streams}, but this {name} forecasts {n_series} series, one stream "
                "each. Leave n_streams out."
            )
        if not self._fh.is_relative:
            raise InvalidParameterError(
                f"This {name} was fitted with time stamps in fh, which do not move with a stream. "
                "Fit with steps ahead, as in fh=[1, 2, 3]."
            )
        return Stream(ForecastSteps(name, self.net_, n_streams or n_series, known))

    def backtest(
        self,
        y: Any,
        X: Any = None,
        fh: Any = None,
        *,
        stride: int = 1,
        initial_window: int | None = None,
        alpha: list[float] | None = None,
    ) -> pd.DataFrame:
        """Forecast from every step of a series, as if it were the last one, in one pass.

        The network is not trained again; the forecasts equal those of `update` with
        ``update_params=False`` and `predict`, one step after the other. Series that the network
        has not seen are forecast too, also when it was fitted on others.

        Parameters
        ----------
        y : Series, DataFrame, or DataFrame with MultiIndex
            History and what came after it, with the columns of `fit`.
        X : DataFrame, optional
            Exogenous columns at the steps of y, if `fit` had them.
        fh : int, list of int or ForecastingHorizon, optional
            Steps ahead, by default those of `fit`.
        stride : int, default=1
            Steps from one cut-off to the next.
        initial_window : int, optional
            Steps before the first cut-off, it included; by default ``window_length_``. The last
            cut-off is the last one whose whole horizon lies in y.
        alpha : list of float, optional
            Quantiles to return instead of point forecasts.

        Returns
        -------
        DataFrame
            One row a cut-off, whose time stamp is its index, after the keys of the series in a
            panel; a column for each variable, step ahead and, with ``alpha``, quantile.

        Raises
        ------
        DataFormatError
            No series of y is long enough, or X is missing or has other columns.
        """
        self.check_is_fitted()
        return backtest(
            self.model_,
            self.net_,
            y,
            X,
            None if fh is None else check_fh(fh),
            stride=stride,
            initial_window=initial_window,
            alpha=alpha,
        )
