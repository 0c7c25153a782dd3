"""What is remembered of the X of `fit`, and the check of a later X against it.

This is scikit-learn's ``validate_data`` for sequences. `read_X` changes nothing; what it learns is
an `InputRecord`, which an estimator keeps when all else has succeeded.
"""

import warnings
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from sklearn.utils.validation import (
    _check_n_features,
    _get_feature_names,
    _num_features,
    validate_data,
)

from seqlearn.data.channels import channel_labels, channel_names, channels_of, name_difference
from seqlearn.data.messages import listed, name_rows
from seqlearn.data.plain import Record
from seqlearn.data.sequences import Sequences
from seqlearn.data.tokens import discrete_kind, read_discrete
from seqlearn.data.validation import as_sequences, has_steps
from seqlearn.errors import DataFormatError

__all__ = ["InputRecord", "read_X"]

KINDS = {
    "series": "a 2-D array",
    "sequences": "3-D or a list of sequences",
    "tokens": "lists of tokens",
    "features": "lists of feature dictionaries",
    "frames": "frames of video",
}
OR_MASK = ", or set missing='mask', which reads NaN as a value that was not observed"
SAME_KIND = "Give the same kind in fit and after it."


@dataclass(frozen=True, eq=False)
class InputRecord(Record):
    """What X was in ``fit``.

    Attributes
    ----------
    kind : {"series", "sequences", "frames", "tokens", "features"}
        "series" for a 2-D X; its features are then its columns, T of them.
    n_features : int or None
        Columns of a 2-D X or of a table of sequences; values a step otherwise; None of words.
    names : ndarray of str or None
        Names of the columns or channels, if X had them.
    widths : tuple of int or None
        Values a step in each column, if X was a table of sequences.
    column : str or None
        Name of X where it was a single column.
    step_shape : tuple of int or None
        (H, W, C) of frames.
    of_bytes : bool
        Whether these were uint8.
    """

    kind: str
    n_features: int | None
    names: np.ndarray | None
    widths: tuple[int, ...] | None
    column: Any
    step_shape: tuple[int, ...] | None = None
    of_bytes: bool = False

    @classmethod
    def of(cls, X: Any, sequences: Sequences, kind: str) -> "InputRecord":
        """Learn it from what `unpack` returned and the sequences that were made of it."""
        channels = sequences.channels
        n_features, names = None, None
        if kind == "series":
            n_features, names = _num_features(X), _get_feature_names(X)
        elif channels is not None:
            n_features = len(channels.widths)
            if channels.names is not None:
                names = np.array(channels.names, dtype=object)
        elif sequences.dictionary is None:
            n_features = sequences.n_features
        widths = None if channels is None else channels.widths
        label = getattr(X, "label", None)
        of_bytes = kind == "frames" and sequences.dtype == np.uint8
        return cls(kind, n_features, names, widths, label, sequences.step_shape, of_bytes)

    def show_in(self, estimator: Any) -> None:
        """Set what scikit-learn looks for: ``n_features_in_`` and ``feature_names_in_``."""
        shown = {"n_features_in_": self.n_features, "feature_names_in_": self.names}
        for name, value in shown.items():
            if value is not None:
                setattr(estimator, name, value)
            elif name in vars(estimator):
                delattr(estimator, name)


def read_X(
    estimator: Any,
    X: Any,
    known: InputRecord | None,
    *,
    dtype: Any = None,
    first: Any = 0,
    discrete: bool = False,
    frames: bool = False,
    may_be_empty: bool = False,
    allow_nan: bool = False,
    warn: bool = True,
) -> tuple[Sequences, InputRecord]:
    """Check what `unpack` returned, against the X of ``fit`` where there was one.

    Parameters
    ----------
    estimator : estimator
        Who asks; it is not changed.
    X : object
        What `unpack` returned, or a slice of it.
    known : InputRecord or None
        What X was in ``fit``, and ``estimator`` shows; None in a first ``fit``.
    dtype : numpy dtype, optional
        Type of the values.
    first : int or RowNumbers
        Number of the first row, for messages.
    discrete : bool
        Whether lists of tokens and of feature dictionaries are accepted too.
    frames : bool
        Whether frames of video are.
    may_be_empty : bool
        Whether such a list may be empty: in prediction, where it gets an answer.
    allow_nan : bool
        Accept NaN among numbers, for values that are missing.
    warn : bool
        Warn where only one X has names, as scikit-learn does everywhere but in the inverse of a
        transformer: what comes out of `transform` need not have them.

    Returns
    -------
    sequences : Sequences
        Of tokens and features, codes with a dictionary.
    record : InputRecord
        ``known``, or what was learned now.
    """
    name = type(estimator).__name__
    or_else = OR_MASK if hasattr(estimator, "missing") else ""
    kind = None if known is None else known.kind
    read = None
    if discrete and kind not in ("series", "sequences", "frames"):
        read = _read_discrete(X, kind, first, may_be_empty)
    if read is not None and known is not None:
        _check_channels(name, known, read[0])
        return read[0], known
    how: dict[str, Any] = {"dtype": dtype, "kind": kind, "allow_nan": allow_nan, "frames": frames}
    how |= {"first": first, "owner": name, "or_else": or_else}
    if known is None:
        sequences, found = read or as_sequences(X, **how)
        return sequences, InputRecord.of(X, sequences, found)
    is_table = kind == "series" and hasattr(X, "columns")
    if is_table:  # column names first: a missing column may be one of NaN
        _check_columns(estimator, X, known, warn)
    sequences, found = as_sequences(X, **how)
    if found != kind:
        hint = SAME_KIND
        if {found, kind} == {"series", "sequences"}:
            hint = (
                "A 2-D array (N, T) holds univariate series of one fixed length T; give "
                f"{name} an array (N, T, 1) or a list of (T_i, 1) arrays, in fit and after it, to "
                "allow any length."
            )
        _refuse_kind(found, known.kind, hint)
    if kind == "frames":
        _check_frames(known, sequences)
    if kind == "series" and not is_table:
        _check_columns(estimator, X, known, warn)
    if kind == "sequences":
        _check_channels(name, known, sequences, warn)
    return sequences, known


def _read_discrete(
    X: Any, kind: str | None, first: Any, may_be_empty: bool
) -> tuple[Sequences, str] | None:
    """Return lists of tokens or feature dictionaries as codes, and which it was; else None."""
    found = discrete_kind(X, first=first)
    if found is not None and kind not in (None, found):
        _refuse_kind(found, kind, SAME_KIND)
    if found is None:
        if kind is None or not isinstance(X, list) or not X or any(map(has_steps, X)):
            return None
        found = kind
    sequences = read_discrete(X, found, first=first)
    empty = np.flatnonzero(sequences.lengths == 0)
    if len(empty) and not may_be_empty:
        _refuse_empty(first + empty, found)
    sequences.channels = channels_of(X, 1, first)
    return sequences, found


def _refuse_empty(rows: Any, kind: str) -> NoReturn:
    what = "token" if kind == "tokens" else "feature dictionary"
    is_one = len(rows) == 1
    raise DataFormatError(
        f"{name_rows(rows)} of X {'is' if is_one else 'are'} empty, with no {what} to learn from: "
        f"{'a blank text' if is_one else 'blank texts'}, perhaps, or dropped words. Leave "
        f"{'it' if is_one else 'them'} out of fit, and {'its' if is_one else 'their'} targets too; "
        "in prediction, empty sequences may stay."
    )


def _refuse_kind(found: str, kind: str, hint: str) -> NoReturn:
    raise DataFormatError(f"X is {KINDS[found]}, but in fit it was {KINDS[kind]}. {hint}")


def _check_columns(estimator: Any, X: Any, known: InputRecord, warn: bool) -> None:
    """Hold names and number of the columns of a 2-D X against those of ``fit``."""
    if warn or (known.names is None) == (channel_names(channel_labels(X)) is None):
        validate_data(estimator, X, skip_check_array=True, reset=False)
    else:
        _check_n_features(estimator, X, reset=False)


def _check_frames(known: InputRecord, sequences: Sequences) -> None:
    """Hold size and type of frames against those of ``fit``."""
    if sequences.step_shape != known.step_shape:
        found, was = (
            " x ".join(map(str, one or ())) for one in (sequences.step_shape, known.step_shape)
        )
        raise DataFormatError(
            f"X has frames of {found} (height, width, colours), but in fit they were {was}. Resize "
            "or crop them."
        )
    if (sequences.dtype == np.uint8) != known.of_bytes:
        found, was = "uint8", "other numbers, which were taken as they are"
        remedy = "Divide by 255, if those of fit were between 0 and 1: X / 255."
        if known.of_bytes:
            found, was = str(sequences.dtype), "uint8, which is divided by 255"
            remedy = "Pass uint8: np.asarray(X, np.uint8), times 255 first if they are from 0 to 1."
        raise DataFormatError(f"X has frames of {found}, but in fit they were {was}. {remedy}")


def _check_channels(name: str, known: InputRecord, sequences: Sequences, warn: bool = True) -> None:
    """Hold names, number and widths of channels against those of ``fit``, as scikit-learn does."""
    channels, names, widths = sequences.channels, known.names, known.widths
    given = None if channels is None else channels.names
    if given is not None and names is not None and given != tuple(names):
        raise DataFormatError(
            "The feature names should match those that were passed during fit, and must be in the "
            f"same order as they were in fit; {name_difference(names, given)}. The names in fit "
            f"are in feature_names_in_ of {name}: bring the channels of X into their order."
        )
    expected = known.n_features if widths is None else sum(widths)
    if expected is not None and sequences.n_features != expected:
        raise DataFormatError(
            f"X has {sequences.n_features} features, but {name} is expecting {expected} features "
            "as input, the number of values a step in fit."
        )
    if channels is not None and widths is not None and channels.widths != widths:
        raise DataFormatError(
            f"X has {len(channels.widths)} columns with {listed(channels.widths)} values a step, "
            f"but {name} was fitted on {len(widths)} with {listed(widths)}. Give the same columns "
            "in the same order, in fit and after it."
        )
    if warn and (given is None) != (names is None):
        has, was = ("has", "without") if names is None else ("does not have valid", "with")
        warnings.warn(
            f"X {has} feature names, but {name} was fitted {was} feature names",
            UserWarning,
            stacklevel=5,
        )
