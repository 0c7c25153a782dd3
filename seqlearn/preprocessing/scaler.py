"""`SequenceScaler`: scikit-learn's scalers want two dimensions and refuse ragged lists.

The statistics are taken over all valid steps, and of each feature over those at which it was
observed; nothing here pads, and nothing here needs torch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from seqlearn.data.chosen_columns import scaled_columns
from seqlearn.data.column_statistics import mean_and_deviation, or_constant, refuse_too_large
from seqlearn.data.containers import unpack
from seqlearn.data.input_record import read_X
from seqlearn.data.one_step import refuse_width
from seqlearn.data.plain import Record
from seqlearn.errors import InvalidParameterError
from seqlearn.parameter_checks import check_parameters, number
from seqlearn.preprocessing.packing import StepTransformer, change_steps

__all__ = ["SequenceScaler"]

CLIP = number("(0, inf)", None, said="a positive number or None")


@dataclass(frozen=True, eq=False)
class _Statistics(Record):
    """What is subtracted from each feature, what it is divided by, and its largest size.

    They are made of ``counts`` values of each feature; where that is 0, they are 0.
    """

    counts: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    largest: np.ndarray


class _Moments(_Statistics):
    """Mean and standard deviation; pieces add up as in Chan et al. (1983), by their roots."""

    @classmethod
    def of(cls, values: np.ndarray) -> "_Moments":
        return cls(_counts(values), *mean_and_deviation(values))

    def plus(self, other: "_Moments") -> "_Moments":
        counts = self.counts + other.counts
        apart, share = other.center - self.center, other.counts / np.maximum(counts, 1)
        inside = np.hypot(np.sqrt(1 - share) * self.scale, np.sqrt(share) * other.scale)
        scale = np.hypot(inside, np.sqrt((1 - share) * share) * apart)
        largest = np.maximum(self.largest, other.largest)
        return _Moments(counts, self.center + apart * share, scale, largest)


@dataclass(frozen=True, eq=False)
class _Range(Record):
    """Minimum and maximum, NaN where nothing was observed."""

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "_Range":
        return cls(np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0))

    def plus(self, other: "_Range") -> "_Range":
        return _Range(np.fmin(self.low, other.low), np.fmax(self.high, other.high))

    @property
    def center(self) -> np.ndarray:
        return np.nan_to_num(self.low, nan=0.0)

    @property
    def scale(self) -> np.ndarray:
        return np.nan_to_num(self.high - self.low, nan=0.0)

    @property
    def largest(self) -> np.ndarray:
        return np.nan_to_num(np.maximum(np.abs(self.low), np.abs(self.high)), nan=0.0)


class _Quartiles(_Statistics):
    """Median and interquartile range; they need all data at once."""

    @classmethod
    def of(cls, values: np.ndarray) -> "_Quartiles":
        counts = _counts(values)
        if (counts == len(values)).all():
            low, median, high = np.percentile(values, (25, 50, 75), axis=0)
        else:
            seen = [column[~np.isnan(column)] for column in values.T]
            quartiles = [np.percentile(x, (25, 50, 75)) if len(x) else np.zeros(3) for x in seen]
            low, median, high = np.transpose(quartiles)
        return cls(counts, median, high - low, np.maximum(np.abs(low), np.abs(high)))


def _counts(values: np.ndarray) -> np.ndarray:
    """Return how often each feature was observed, (F,)."""
    return (~np.isnan(values)).sum(axis=0)


STATISTICS: dict[str, Any] = {"standard": _Moments, "robust": _Quartiles, "minmax": _Range}


def _learns_in_pieces(scaler: "SequenceScaler") -> bool:
    if scaler.method == "robust":
        raise AttributeError(
            "SequenceScaler(method='robust') has no partial_fit: the median and quartiles need all "
            "data at once. Use fit, or method='standard' or 'minmax'."
        )
    return True


class SequenceScaler(StepTransformer):
    """Bring each feature to a common scale, learned from all steps of all sequences.

    The statistics are taken over every valid step, so long sequences count more than short ones
    and padding does not exist. What comes back is the kind of container that went in: a list of
    arrays stays a list of arrays, each of its own length. A 2-D array holds univariate series:
    one scale for all its columns. A list of (T,) arrays of one length is read as a 2-D array, and
    comes back as one. A table with a sequence in each cell keeps its columns and their names.

    NaN is a value that is missing: each feature's scale is learned from the values that are there,
    and NaN stays NaN.

    Parameters
    ----------
    method : {"standard", "robust", "minmax"}, default="standard"
        "standard": mean 0 and standard deviation 1; "robust": median 0 and interquartile range
        1; "minmax": from 0 to 1.
    columns : list of int or str, optional
        The columns to scale, by their numbers among the values of a step or by their names; others
        stay as they are. By default all.
    time_column : int or str, optional
        The column that holds the time of each step, as in `LSTMClassifier`. It stays as it is.
    clip : float, optional
        Scaled values below ``-clip`` become ``-clip``, those above ``clip`` become ``clip``, so
        that a wrong value, such as a temperature of 9999, does not drown all others. By default
        there is no limit.

    Attributes
    ----------
    center_ : ndarray of shape (F,)
        What is subtracted: mean, median or minimum; 0 for a feature that is not scaled, or of
        which nothing was observed.
    scale_ : ndarray of shape (F,)
        What it is divided by; 1 for a constant feature, and for these too.
    n_steps_seen_ : int
        Steps the statistics are made of.
    n_features_in_ : int
        Columns of a 2-D X or of a table of sequences; values a step otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns or channels, if X had them: data frames, however they hold sequences.
    input_kind_ : {"series", "sequences"}
        Whether X was 2-D, or 3-D or ragged.

    See Also
    --------
    SequenceNormalizer : Bring each sequence to the scale by itself.
    SequenceImputer : Fill what is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.preprocessing import SequenceScaler
    >>> X = [np.array([[0.0], [2.0]]), np.array([[4.0]])]
    >>> SequenceScaler("minmax").fit_transform(X)
    [array([[0. ],
           [0.5]]), array([[1.]])]
    >>> X = [np.array([[0.0, 36.0], [0.5, np.nan], [1.5, 38.0]])]
    >>> SequenceScaler(time_column=0).fit_transform(X)
    [array([[ 0. , -1. ],
           [ 0.5,  nan],
           [ 1.5,  1. ]])]
    """

    def __init__(
        self,
        method: str = "standard",
        *,
        columns: list | None = None,
        time_column: int | str | None = None,
        clip: float | None = None,
    ):
        self.method = method
        self.columns = columns
        self.time_column = time_column
        self.clip = clip

    def fit(self, X: Any, y: Any = None) -> "SequenceScaler":
        """Learn the scale.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences; anything `seqlearn.to_sequences` takes without further arguments.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            There is no such ``method``, or X has no such columns.
        """
        self._check_method(STATISTICS)
        return self._learn(X, reset=True)

    @available_if(_learns_in_pieces)
    def partial_fit(self, X: Any, y: Any = None) -> "SequenceScaler":
        """Learn from a further part of the data; ends where `fit` on all of it would.

        Not there for ``method="robust"``: a median needs all data at once.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            ``method`` or the columns are not those of the calls before.
        """
        self._check_method(STATISTICS)
        reset = not hasattr(self, "scale_")
        if not reset and type(self._statistics) is not STATISTICS[self.method]:
            raise InvalidParameterError(
                f"partial_fit cannot continue with method={self.method!r}: what was learned so far "
                "is of another method. Set it back, or start afresh with fit."
            )
        return self._learn(X, reset)

    def transform(self, X: Any) -> Any:
        """Return the sequences on the common scale.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        ndarray, list, data frame, column or Sequences
            The kind of container of X; a list of arrays for lists of data frames and the like.
            With `set_output`, a data frame if `fit` had a table of sequences or names.
        """
        check_is_fitted(self)
        check_parameters(self, {"clip": CLIP})
        return change_steps(self, X, lambda rows: self._scale(rows.values), transform=True)

    def inverse_transform(self, X: Any) -> Any:
        """Return scaled sequences in their own unit; what ``clip`` cut off is lost.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        ndarray, list, data frame, column or Sequences
            The kind of container of X.
        """
        check_is_fitted(self)
        return change_steps(self, X, lambda rows: rows.values * self.scale_ + self.center_)

    def begin_streams(self, n_streams: int) -> None:
        """Return None: a scaler remembers nothing from step to step; see `seqlearn.streaming`."""
        check_is_fitted(self)

    def step_streams(self, x: np.ndarray, state: None) -> tuple[np.ndarray, None]:
        """Return one step of each stream, (B, F), on the common scale."""
        refuse_width(x, len(self.center_), type(self).__name__)
        return self._scale(x), None

    def _learn(self, X: Any, reset: bool) -> "SequenceScaler":
        """Update the statistics, or start them; attributes are set only once all is well."""
        check_parameters(self, {"clip": CLIP})
        sequences, known = read_X(self, unpack(X), None if reset else self._input, allow_nan=True)
        chosen = scaled_columns(self.columns, self.time_column, known, sequences.n_features)
        if not reset and not np.array_equal(chosen, self._is_scaled):
            raise InvalidParameterError(
                f"partial_fit cannot continue with columns={self.columns!r} and "
                f"time_column={self.time_column!r}: other columns were scaled so far. Set them "
                "back, or start afresh with fit."
            )
        values = sequences.values.astype(np.float64, copy=False)  # (S, F)
        refuse_too_large(values, "X")
        new = STATISTICS[self.method].of(values)
        statistics: Any = new if reset else self._statistics.plus(new)
        known.show_in(self)
        self._input = known
        self._statistics: Any = statistics
        self._is_scaled: np.ndarray = chosen
        self.n_steps_seen_: int = len(values) + (0 if reset else self.n_steps_seen_)
        self.center_ = np.where(chosen, statistics.center, 0.0)
        scale = or_constant(statistics.scale, statistics.largest)
        self.scale_ = np.where(chosen, scale, 1.0)
        return self

    def _scale(self, steps: np.ndarray) -> np.ndarray:
        """Return the values of steps (S, F) on the common scale."""
        values = (steps - self.center_) / self.scale_
        if self.clip is not None:
            limit = np.where(self._is_scaled, self.clip, np.inf)
            np.clip(values, -limit, limit, out=values)
        return values
