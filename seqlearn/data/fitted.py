"""What an estimator remembers of X between fit and predict, and the check of X against it.

This is scikit-learn's ``validate_data`` for sequences: ``n_features_in_``, ``feature_names_in_``
for data frames, and ``input_kind_``. Reading and remembering are two steps, so that an estimator
changes only when all else has succeeded.
"""

from typing import Any

from sklearn.utils.validation import validate_data

from seqlearn.data.conversion import as_sequences
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError

__all__ = ["read_X", "remember_X"]

KINDS = {"series": "a 2-D array", "sequences": "3-D or a list of sequences"}


def read_X(
    estimator: Any, X: Any, *, reset: bool, dtype: Any = None, first: int = 0
) -> tuple[Sequences, str]:
    """Check what `unpack` returned, unless ``reset`` also against the X of ``fit``.

    Parameters
    ----------
    estimator : estimator
        Who asks; it is not changed.
    X : object
        What `unpack` returned, or a slice of it.
    reset : bool
        Whether this is the X of a first ``fit``.
    dtype : numpy dtype, optional
        Type of the values.
    first : int
        Number of the first row, for messages.

    Returns
    -------
    sequences : Sequences
    kind : {"series", "sequences"}
        Whether X is 2-D; its features are then its columns, T of them.
    """
    name = type(estimator).__name__
    if reset:
        return as_sequences(X, dtype=dtype, first=first, owner=name)
    kind = estimator.input_kind_
    is_table = kind == "series" and hasattr(X, "columns")
    if is_table:  # column names first: a missing column may be one of NaN
        validate_data(estimator, X, skip_check_array=True, reset=False)
    sequences, found = as_sequences(X, dtype=dtype, kind=kind, first=first, owner=name)
    if found != kind:
        raise DataFormatError(
            f"X is {KINDS[found]}, but in fit it was {KINDS[kind]}. A 2-D array (N, T) holds "
            f"univariate series of one fixed length T; give {name} an array (N, T, 1) or a list of "
            "(T_i, 1) arrays, in fit and after it, to allow any length."
        )
    if kind == "series" and not is_table:
        validate_data(estimator, X, skip_check_array=True, reset=False)
    if kind == "sequences" and sequences.n_features != estimator.n_features_in_:
        raise DataFormatError(
            f"X has {sequences.n_features} features, but {name} is expecting "
            f"{estimator.n_features_in_} features as input, the number of values a step in fit."
        )
    return sequences, kind


def remember_X(estimator: Any, X: Any, sequences: Sequences, kind: str) -> None:
    """Set what later calls of `read_X` hold their X against."""
    if kind == "series":
        validate_data(estimator, X, skip_check_array=True, reset=True)
    else:
        estimator.n_features_in_ = sequences.n_features
        estimator.__dict__.pop("feature_names_in_", None)
    estimator.input_kind_ = kind
