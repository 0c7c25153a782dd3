"""What an estimator remembers of X between fit and predict, and the check of X against it.

This is scikit-learn's ``validate_data`` for sequences: ``n_features_in_``, ``feature_names_in_``
for data frames, and ``input_kind_``. Reading and remembering are two steps, so that an estimator
changes only when all else has succeeded.
"""

import warnings
from typing import Any, NoReturn

import numpy as np
from sklearn.utils.validation import _check_n_features, validate_data

from seqlearn.data.channels import channel_labels, channel_names, channels_of, name_difference
from seqlearn.data.checking import has_steps, name_rows
from seqlearn.data.conversion import as_sequences
from seqlearn.data.sequences import Sequences
from seqlearn.data.tokens import discrete_kind, read_discrete
from seqlearn.errors import DataFormatError

__all__ = ["REMEMBERED", "read_X", "remember_X"]

REMEMBERED = (
    "input_kind_",
    "n_features_in_",
    "feature_names_in_",
    "_channel_widths",
    "_column_label",
)
KINDS = {
    "series": "a 2-D array",
    "sequences": "3-D or a list of sequences",
    "tokens": "lists of tokens",
    "features": "lists of feature dictionaries",
}


def read_X(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    dtype: Any = None,
    first: int = 0,
    discrete: bool = False,
    may_be_empty: bool = False,
    warn: bool = True,
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
    discrete : bool
        Whether lists of tokens and of feature dictionaries are accepted too.
    may_be_empty : bool
        Whether such a list may be empty: in prediction, where it gets an answer.
    warn : bool
        Warn where only one X has names, as scikit-learn does everywhere but in the inverse of a
        transformer: what comes out of `transform` need not have them.

    Returns
    -------
    sequences : Sequences
        Of tokens and features, codes with a dictionary.
    kind : {"series", "sequences", "tokens", "features"}
        "series" for a 2-D X; its features are then its columns, T of them.
    """
    name = type(estimator).__name__
    kind = None if reset else estimator.input_kind_
    if discrete and kind not in ("series", "sequences"):
        found = discrete_kind(X, first=first)
        if found is not None and kind not in (None, found):
            raise DataFormatError(
                f"X is {KINDS[found]}, but in fit it was {KINDS[kind]}. Give the same kind in fit "
                "and after it."
            )
        if (
            found is None
            and kind is not None
            and isinstance(X, list)
            and not any(map(has_steps, X))
        ):
            found = kind if X else None
        if found is not None:
            sequences = read_discrete(X, found, first=first)
            empty = np.flatnonzero(sequences.lengths == 0)
            if len(empty) and not may_be_empty:
                _refuse_empty(first + empty, found)
            sequences.channels = channels_of(X, 1, first)
            if not reset:
                _check_channels(estimator, sequences)
            return sequences, found
    if reset:
        return as_sequences(X, dtype=dtype, first=first, owner=name)
    is_table = kind == "series" and hasattr(X, "columns")
    if is_table:  # column names first: a missing column may be one of NaN
        _check_columns(estimator, X, warn)
    sequences, found = as_sequences(X, dtype=dtype, kind=kind, first=first, owner=name)
    if found != kind:
        hint = (
            "Give the same kind in fit and after it."
            if kind in ("tokens", "features")
            else "A 2-D array (N, T) holds univariate series of one fixed length T; give "
            f"{name} an array (N, T, 1) or a list of (T_i, 1) arrays, in fit and after it, to "
            "allow any length."
        )
        raise DataFormatError(f"X is {KINDS[found]}, but in fit it was {KINDS[kind]}. {hint}")
    if kind == "series" and not is_table:
        _check_columns(estimator, X, warn)
    if kind == "sequences":
        _check_channels(estimator, sequences, warn)
    return sequences, kind


def _check_columns(estimator: Any, X: Any, warn: bool) -> None:
    """Hold names and number of the columns of a 2-D X against those of ``fit``."""
    is_named = hasattr(estimator, "feature_names_in_")
    if warn or is_named == (channel_names(channel_labels(X)) is not None):
        validate_data(estimator, X, skip_check_array=True, reset=False)
    else:
        _check_n_features(estimator, X, reset=False)


def _check_channels(estimator: Any, sequences: Sequences, warn: bool = True) -> None:
    """Hold names, number and widths of channels against those of ``fit``, as scikit-learn does."""
    name, channels = type(estimator).__name__, sequences.channels
    given = None if channels is None else channels.names
    known = getattr(estimator, "feature_names_in_", None)
    if given is not None and known is not None and given != tuple(known):
        raise DataFormatError(
            "The feature names should match those that were passed during fit, and must be in the "
            f"same order as they were in fit; {name_difference(known, given)}. The names in fit "
            f"are in feature_names_in_ of {name}: bring the channels of X into their order."
        )
    widths = estimator._channel_widths
    expected = sequences.n_features  # of words
    if widths is not None:
        expected = sum(widths)
    elif hasattr(estimator, "n_features_in_"):
        expected = estimator.n_features_in_
    if sequences.n_features != expected:
        raise DataFormatError(
            f"X has {sequences.n_features} features, but {name} is expecting {expected} features "
            "as input, the number of values a step in fit."
        )
    if channels is not None and widths is not None and channels.widths != widths:
        raise DataFormatError(
            f"X has {len(channels.widths)} columns with {_shown(channels.widths)} values a step, "
            f"but {name} was fitted on {len(widths)} with {_shown(widths)}. Give the same columns "
            "in the same order, in fit and after it."
        )
    if warn and (given is None) != (known is None):
        has, was = ("has", "without") if known is None else ("does not have valid", "with")
        warnings.warn(
            f"X {has} feature names, but {name} was fitted {was} feature names",
            UserWarning,
            stacklevel=5,
        )


def _shown(widths: tuple[int, ...]) -> str:
    return ", ".join(map(str, widths[:5])) + (", ..." if len(widths) > 5 else "")


def remember_X(estimator: Any, X: Any, sequences: Sequences, kind: str) -> None:
    """Set what later calls of `read_X` hold their X against."""
    if kind == "series":
        validate_data(estimator, X, skip_check_array=True, reset=True)
    else:
        _remember_channels(estimator, sequences)
    estimator.input_kind_ = kind
    estimator._channel_widths = sequences.channels and sequences.channels.widths
    estimator._column_label = getattr(X, "label", None)


def _remember_channels(estimator: Any, sequences: Sequences) -> None:
    for name in ("feature_names_in_", "n_features_in_"):
        estimator.__dict__.pop(name, None)
    channels = sequences.channels
    if channels is not None:
        estimator.n_features_in_ = len(channels.widths)
        if channels.names is not None:
            estimator.feature_names_in_ = np.array(channels.names, dtype=object)
    elif sequences.dictionary is None:
        estimator.n_features_in_ = sequences.n_features


def _refuse_empty(rows: Any, kind: str) -> NoReturn:
    what = "token" if kind == "tokens" else "feature dictionary"
    is_one = len(rows) == 1
    raise DataFormatError(
        f"{name_rows(rows)} of X {'is' if is_one else 'are'} empty, with no {what} to learn from: "
        f"{'a blank text' if is_one else 'blank texts'}, perhaps, or dropped words. Leave "
        f"{'it' if is_one else 'them'} out of fit, and {'its' if is_one else 'their'} targets too; "
        "in prediction, empty sequences may stay."
    )
