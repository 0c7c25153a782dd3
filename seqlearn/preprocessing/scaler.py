"""`SequenceScaler`: scikit-learn's scalers want two dimensions and refuse ragged lists.

The statistics are taken over all valid steps; nothing here pads, and nothing here needs torch.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from seqlearn.data.column_statistics import mean_and_deviation, or_constant, refuse_too_large
from seqlearn.data.containers import unpack
from seqlearn.data.input_record import read_X
from seqlearn.data.one_step import refuse_width
from seqlearn.data.plain import Record
from seqlearn.errors import InvalidParameterError
from seqlearn.preprocessing.packing import StepTransformer, change_steps

__all__ = ["SequenceScaler"]


@dataclass(frozen=True, eq=False)
class _Statistics(Record):
    """What is subtracted from each feature, what it is divided by, and its largest size."""

    n_steps: int
    center: np.ndarray
    scale: np.ndarray
    largest: np.ndarray


class _Moments(_Statistics):
    """Mean and standard deviation; pieces add up as in Chan et al. (1983), by their roots."""

    @classmethod
    def of(cls, values: np.ndarray) -> "_Moments":
        return cls(len(values), *mean_and_deviation(values))

    def plus(self, other: "_Moments") -> "_Moments":
        n_steps = self.n_steps + other.n_steps
        apart, share = other.center - self.center, other.n_steps / n_steps
        inside = np.hypot(math.sqrt(1 - share) * self.scale, math.sqrt(share) * other.scale)
        scale = np.hypot(inside, math.sqrt((1 - share) * share) * apart)
        largest = np.maximum(self.largest, other.largest)
        return _Moments(n_steps, self.center + apart * share, scale, largest)


@dataclass(frozen=True, eq=False)
class _Range(Record):
    """Minimum and maximum."""

    n_steps: int
    center: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "_Range":
        return cls(len(values), values.min(axis=0), values.max(axis=0))

    def plus(self, other: "_Range") -> "_Range":
        low, high = np.minimum(self.center, other.center), np.maximum(self.high, other.high)
        return _Range(self.n_steps + other.n_steps, low, high)

    @property
    def scale(self) -> np.ndarray:
        return self.high - self.center

    @property
    def largest(self) -> np.ndarray:
        return np.maximum(np.abs(self.center), np.abs(self.high))


class _Quartiles(_Statistics):
    """Median and interquartile range; they need all data at once."""

    @classmethod
    def of(cls, values: np.ndarray) -> "_Quartiles":
        low, median, high = np.percentile(values, (25, 50, 75), axis=0)
        return cls(len(values), median, high - low, np.maximum(np.abs(low), np.abs(high)))


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

    Parameters
    ----------
    method : {"standard", "robust", "minmax"}, default="standard"
        "standard": mean 0 and standard deviation 1; "robust": median 0 and interquartile range
        1; "minmax": from 0 to 1.

    Attributes
    ----------
    center_ : ndarray of shape (F,)
        What is subtracted: mean, median or minimum.
    scale_ : ndarray of shape (F,)
        What it is divided by; 1 for a constant feature.
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

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.preprocessing import SequenceScaler
    >>> X = [np.array([[0.0], [2.0]]), np.array([[4.0]])]
    >>> SequenceScaler("minmax").fit_transform(X)
    [array([[0. ],
           [0.5]]), array([[1.]])]
    """

    def __init__(self, method: str = "standard"):
        self.method = method

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
            ``method`` is not that of the calls before.
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
        return change_steps(
            self, X, lambda rows: (rows.values - self.center_) / self.scale_, transform=True
        )

    def inverse_transform(self, X: Any) -> Any:
        """Return scaled sequences in their own unit.

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
        return (x - self.center_) / self.scale_, None

    def _learn(self, X: Any, reset: bool) -> "SequenceScaler":
        """Update the statistics, or start them; attributes are set only once all is well."""
        sequences, known = read_X(self, unpack(X), None if reset else self._input)
        values = sequences.values.astype(np.float64, copy=False)  # (S, F)
        refuse_too_large(values, "X")
        new = STATISTICS[self.method].of(values)
        statistics: Any = new if reset else self._statistics.plus(new)
        known.show_in(self)
        self._input = known
        self._statistics: Any = statistics
        self.n_steps_seen_ = statistics.n_steps
        self.center_ = statistics.center
        self.scale_ = or_constant(statistics.scale, statistics.largest)
        return self
