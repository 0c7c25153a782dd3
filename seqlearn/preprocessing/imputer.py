"""`SequenceImputer`: what is missing is filled, step by step and never from a later one.

scikit-learn's imputers want two dimensions and know no order of steps. Nothing here pads, and
nothing here needs torch.
"""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from seqlearn.data.column_statistics import mean_and_deviation, refuse_too_large
from seqlearn.data.containers import unpack
from seqlearn.data.input_record import read_X
from seqlearn.data.one_step import refuse_width
from seqlearn.data.sequences import Sequences
from seqlearn.preprocessing.packing import StepTransformer, change_steps

__all__ = ["SequenceImputer"]

METHODS = dict.fromkeys(("forward", "mean", "zero"))


class SequenceImputer(StepTransformer):
    """Fill what is missing in sequences: NaN becomes a number.

    The plain ways. `LSTMClassifier` and its kin do more with ``missing="mask"``, which needs no
    imputer: there the network is told what was observed, and how long ago.

    What comes back is the kind of container that went in, as of `SequenceScaler`. Behind a scaler,
    0 is the mean.

    Parameters
    ----------
    method : {"forward", "mean", "zero"}, default="forward"
        "forward": the value of the last step before it at which this feature of this sequence was
        observed, and the mean where there is none; later steps are not looked at. "mean": the mean
        of the feature in ``fit``, over all steps of all sequences at which it was observed. "zero":
        0.

    Attributes
    ----------
    fill_ : ndarray of shape (F,)
        What stands for a feature that was not observed yet: the means in ``fit``, or 0. Of a
        feature that was not observed at all it is 0.
    n_features_in_ : int
        Columns of a 2-D X or of a table of sequences; values a step otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns or channels, if X had them: data frames, however they hold sequences.
    input_kind_ : {"series", "sequences"}
        Whether X was 2-D, or 3-D or ragged.

    See Also
    --------
    SequenceScaler : A common scale of what was observed.
    seqlearn.events_to_sequences : Sequences with gaps from a long table.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.preprocessing import SequenceImputer
    >>> X = [np.array([[np.nan], [1.0], [np.nan]]), np.array([[3.0]])]
    >>> SequenceImputer("forward").fit_transform(X)
    [array([[2.],
           [1.],
           [1.]]), array([[3.]])]
    """

    def __init__(self, method: str = "forward"):
        self.method = method

    def fit(self, X: Any, y: Any = None) -> "SequenceImputer":
        """Learn the means.

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
            There is no such ``method``.
        """
        self._check_method(METHODS)
        sequences, known = read_X(self, unpack(X), None, allow_nan=True)
        values = sequences.values.astype(np.float64, copy=False)
        refuse_too_large(values, "X")
        means, _, _ = mean_and_deviation(values)
        known.show_in(self)
        self._input = known
        self.fill_ = np.zeros(len(means)) if self.method == "zero" else means
        return self

    def transform(self, X: Any) -> Any:
        """Return the sequences without NaN.

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
        self._check_method(METHODS)
        return change_steps(self, X, self._filled, transform=True)

    def begin_streams(self, n_streams: int) -> np.ndarray:
        """Return what each stream is filled with before its first step, (B, F)."""
        check_is_fitted(self)
        return np.tile(self.fill_, (n_streams, 1))

    def step_streams(self, x: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return one step of each stream, (B, F), without NaN, and what fills the next."""
        refuse_width(x, len(self.fill_), type(self).__name__)
        filled = np.where(np.isnan(x), state, x)
        return filled, filled if self.method == "forward" else state

    def _filled(self, rows: Sequences) -> np.ndarray:
        """Return the values of the steps without NaN, (S, F)."""
        values = rows.values
        if self.method == "forward":
            values = _carried_forward(rows)
        return np.where(np.isnan(values), self.fill_.astype(values.dtype), values)


def _carried_forward(rows: Sequences) -> np.ndarray:
    """Return values (S, F), NaN replaced by the last value of the row before it, if any."""
    values = rows.values
    step = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, step), axis=0)  # (S, F)
    begin = np.repeat(rows.offsets[:-1], rows.lengths)[:, None]
    carried = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last >= begin, carried, np.nan)
