"""`SequenceNormalizer`: each sequence on a common scale by itself, ragged or not.

Nothing is learned but what X looks like, nothing here pads, and nothing here needs torch.
"""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from seqlearn.data.chosen_columns import scaled_columns
from seqlearn.data.column_statistics import or_constant
from seqlearn.data.containers import unpack
from seqlearn.data.input_record import read_X
from seqlearn.data.sequences import Sequences
from seqlearn.preprocessing.packing import StepTransformer, change_steps

__all__ = ["SequenceNormalizer", "standardize"]


class SequenceNormalizer(StepTransformer):
    """Bring each feature of each sequence to a common scale, by that sequence alone.

    For sequences whose shape counts and whose level and size do not: recordings with different
    gains, outlines of different sizes. The series of the UCR archive come like this.
    `SequenceScaler` keeps what distinguishes sequences in level and size; this removes it. As in
    scikit-learn's ``Normalizer``, nothing is learned from the data, so it cannot be inverted.

    What comes back is the kind of container that went in. A table with a sequence in each cell
    keeps its columns and their names. NaN is a value that is missing: it is left out of a
    sequence's statistics and stays NaN.

    Parameters
    ----------
    method : {"standard", "minmax"}, default="standard"
        "standard": mean 0 and standard deviation 1 over a sequence's steps; "minmax": from 0 to
        1. A feature that is constant in a sequence becomes 0 there, and so does that of a
        sequence of one step.
    columns : list of int or str, optional
        The columns to change, by their numbers among the values of a step or by their names; others
        stay as they are. By default all.
    time_column : int or str, optional
        The column that holds the time of each step, as in `LSTMClassifier`. It stays as it is.

    Attributes
    ----------
    n_features_in_ : int
        Columns of a 2-D X or of a table of sequences; values a step otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns or channels, if X had them: data frames, however they hold sequences.
    input_kind_ : {"series", "sequences"}
        Whether X was 2-D, or 3-D or ragged.

    See Also
    --------
    SequenceScaler : One scale for all sequences.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.preprocessing import SequenceNormalizer
    >>> X = [np.array([[1.0], [2.0], [3.0]]), np.array([[500.0], [900.0]])]
    >>> SequenceNormalizer("minmax").fit_transform(X)
    [array([[0. ],
           [0.5],
           [1. ]]), array([[0.],
           [1.]])]
    """

    _no_streams = "it looks at a whole sequence, of which a stream does not know the end"

    def __init__(
        self,
        method: str = "standard",
        *,
        columns: list | None = None,
        time_column: int | str | None = None,
    ):
        self.method = method
        self.columns = columns
        self.time_column = time_column

    def fit(self, X: Any, y: Any = None) -> "SequenceNormalizer":
        """Check X and remember what kind it is.

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
        self._check_method(METHODS)
        sequences, known = read_X(self, unpack(X), None, allow_nan=True)
        chosen = scaled_columns(self.columns, self.time_column, known, sequences.n_features)
        self._input, self._is_scaled = known, chosen
        known.show_in(self)
        return self

    def transform(self, X: Any) -> Any:
        """Return the sequences, each on the common scale.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences.

        Returns
        -------
        ndarray, list, data frame, column or Sequences
            The kind of container of X; a list of arrays for lists of data frames and the like.
            With `set_output`, a data frame if `fit` had a table of sequences or names.

        Raises
        ------
        InvalidParameterError
            There is no such ``method``.
        """
        check_is_fitted(self)
        self._check_method(METHODS)
        return change_steps(self, X, self._change, transform=True)

    def _change(self, rows: Sequences) -> np.ndarray:
        changed = METHODS[self.method](rows)
        return np.where(self._is_scaled, changed, rows.values)


def standardize(rows: Sequences) -> np.ndarray:
    """Mean 0 and standard deviation 1 over the steps of each row, (S, F)."""
    values, lengths = rows.values.astype(np.float64), rows.lengths
    observed = ~np.isnan(values)
    count = np.maximum(_of_rows(np.add, observed.astype(np.float64), rows), 1.0)
    low, high = _of_rows(np.fmin, values, rows), _of_rows(np.fmax, values, rows)
    middle = low / 2 + high / 2  # first, so that no sum of large numbers rounds small ones away
    values -= np.repeat(middle, lengths, axis=0)
    total = _of_rows(np.add, np.where(observed, values, 0.0), rows)
    values -= np.repeat(total / count, lengths, axis=0)
    # Squares of what is at most 1 neither overflow nor vanish.
    size = np.maximum(high - middle, middle - low)
    values /= np.repeat(np.where(size > 0, size, 1.0), lengths, axis=0)
    deviation = np.sqrt(_of_rows(np.add, np.where(observed, values**2, 0.0), rows) / count)
    return values / np.repeat(_divisor(deviation, size, high, low), lengths, axis=0)


def _minmax(rows: Sequences) -> np.ndarray:
    """From 0 to 1 over the steps of each row, (S, F)."""
    values, lengths = rows.values.astype(np.float64), rows.lengths
    low, high = _of_rows(np.fmin, values, rows), _of_rows(np.fmax, values, rows)
    values -= np.repeat(low, lengths, axis=0)
    return values / np.repeat(_divisor(high - low, 1.0, high, low), lengths, axis=0)


def _of_rows(operation: np.ufunc, values: np.ndarray, rows: Sequences) -> np.ndarray:
    """Reduce the steps of each row, (N, F)."""
    return operation.reduceat(values, rows.offsets[:-1], axis=0)


def _divisor(scale: np.ndarray, unit: Any, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return the scale, given in ``unit``; infinite for a constant feature, which becomes 0."""
    largest = np.maximum(np.abs(low), np.abs(high))
    return np.where(or_constant(scale * unit, largest, 0.0) > 0, scale, np.inf)


METHODS = {"standard": standardize, "minmax": _minmax}
