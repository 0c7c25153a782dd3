"""Checking and casting: what `unpack` returned becomes `Sequences` of finite numbers.

`as_sequences` runs in every call of every estimator, for one sequence as for a million, so the
usual case takes few steps, and the search for what is wrong begins only where something is. All
messages about the shape of X are made here.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from itertools import accumulate, chain
from typing import Any, NoReturn

import numpy as np
from sklearn.utils import check_array

from seqlearn.data.channels import Channels, Rows, channels_of
from seqlearn.data.containers import NUMBERS, as_array, refuse_mask, unpack_tensor
from seqlearn.data.messages import listed, name_rows, show
from seqlearn.data.refusals import FRAMES, packages_of, refuse_container
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError

__all__ = ["as_sequences", "has_steps", "places", "refuse_not_finite"]


OF_DATES = (
    "Times are numbers, hours since the first, say: (row['NAME'] - row['NAME'].iloc[0]) / "
    "pd.Timedelta(hours=1)."
)
PYTHON_NUMBERS = {float, int, np.float64}
ACCEPTED = (
    "a 2-D array (N, T) of univariate series, a 3-D array (N, T, F), or a list of N arrays of "
    "shape (T_i, F)"
)


def as_sequences(
    X: Any,
    *,
    dtype: Any = None,
    kind: str | None = None,
    allow_nan: bool = False,
    allow_inf: bool = False,
    first: int = 0,
    owner: str = "seqlearn",
    or_else: str = "",
) -> tuple[Sequences, str]:
    """Check and cast what `unpack` returned; the values may be shared with X.

    Parameters
    ----------
    X : object
        What `unpack` returned, or a slice of it.
    dtype : numpy dtype, optional
        Type of the values.
    kind : {"series", "sequences"}, optional
        How X was read in ``fit``. A list of (T,) arrays that happen to be equally long is then
        not mistaken for a 2-D array.
    allow_nan, allow_inf : bool
        Accept NaN, for values that are missing, and infinity.
    first : int
        Number of the first row, for messages.
    owner : str
        Who asks, for messages.
    or_else : str
        What else may be done about NaN, for messages.

    Returns
    -------
    sequences : Sequences
    kind : {"series", "sequences"}
        "series" for a 2-D X, whose feature count is its number of columns T.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # infinity is looked for below
        if isinstance(X, Sequences):
            sequences, found = _read_sequences(X, dtype, first, owner), "sequences"
        elif isinstance(X, list):
            sequences, found = _read_list(X, dtype, kind, first, owner)
        else:
            sequences, found = _read_array(X, dtype, owner)
        # One sum is quicker than a look at every value; it may overflow though all are finite.
        accepts_all = allow_nan and allow_inf
        if not accepts_all and not math.isfinite(np.add.reduce(sequences.values, axis=None)):
            refuse_not_finite(sequences, first, owner, allow_nan, or_else)
    return sequences, found


def _read_sequences(X: Sequences, dtype: Any, first: int, owner: str) -> Sequences:
    """Check a container; anybody can make one."""
    values, offsets = X.values, X.offsets
    if len(X) == 0:
        raise DataFormatError(_too_few("sample", "N=0", owner))
    refuse_mask(values, "X.values")
    if values.ndim != 2 or values.dtype.kind not in NUMBERS:
        raise DataFormatError(
            f"The values of Sequences must be numbers of shape (S, F), not {values.dtype} of "
            f"shape {values.shape}."
        )
    if offsets[0] != 0 or offsets[-1] != len(values) or (X.lengths < 0).any():
        raise DataFormatError(
            f"The offsets of Sequences must rise from 0 to {len(values)}, the number of steps."
        )
    _refuse_empty_rows(first + np.flatnonzero(X.lengths == 0))
    return X.astype(_floating(values.dtype) if dtype is None else dtype)


def _read_array(X: Any, dtype: Any, owner: str) -> tuple[Sequences, str]:
    """Read an array (N, T) or (N, T, F), or anything scikit-learn can make one of."""
    is_plain = type(X) is np.ndarray and X.dtype.kind in NUMBERS and X.ndim in (2, 3) and X.size
    array = X if is_plain else _check_array(X, owner)
    n_features = array.shape[2] if array.ndim == 3 else 1
    array = array.astype(_floating(array.dtype) if dtype is None else dtype, copy=False)
    values = array.reshape(-1, n_features)  # (N T, F)
    offsets = np.arange(0, len(values) + 1, array.shape[1])
    return Sequences(values, offsets), "series" if array.ndim == 2 else "sequences"


def _check_array(X: Any, owner: str) -> np.ndarray:
    """Return X as a numeric array of two or three dimensions with values in it."""
    is_indexed = hasattr(X, "__getitem__") and hasattr(X, "__len__")
    if isinstance(X, str | bytes | Mapping) or not (is_indexed or hasattr(X, "__array__")):
        advice = ""
        if isinstance(X, Iterable) and not isinstance(X, str | bytes):
            values = "X.values()" if isinstance(X, Mapping) else "X"
            advice = f" Pass list({values}) if these are the sequences."
        raise DataFormatError(
            f"X is {show(X)}, a {type(X).__name__}; {owner} accepts {ACCEPTED}.{advice}"
        )
    refuse_mask(X, "X")
    shape: tuple[int, ...] = getattr(X, "shape", ())
    _refuse_strings(X, owner)
    if 0 not in shape:
        if isinstance(X, np.ndarray) or packages_of(X) & FRAMES:
            cells = np.asarray(X)
            if cells.dtype == object:  # pandas.NA, which float() does not take, becomes NaN
                X = as_array(cells, "X")
        try:
            X = check_array(
                X,
                dtype="numeric",
                ensure_2d=False,
                allow_nd=True,
                ensure_all_finite=False,
                ensure_min_samples=0,
                ensure_min_features=0,
                input_name="X",
                estimator=owner,
            )
        except ValueError as cause:
            raise DataFormatError(
                f"X does not hold numbers: {cause}; {owner} accepts {ACCEPTED}. Convert what is "
                "not a number, or leave it out."
            ) from cause
        shape = X.shape
    if 0 in shape:
        what = "sample" if shape[0] == 0 else "feature" if shape[-1] == 0 else "step"
        raise DataFormatError(_too_few(what, f"shape={shape}", owner))
    if len(shape) not in (2, 3):
        hint = (
            "one sequence alone is X.reshape(1, -1), N sequences of one step are X.reshape(-1, 1)"
            if len(shape) == 1
            else "all that belongs to one step goes into the last of three axes"
        )
        raise DataFormatError(
            f"Expected 2D array, got {len(shape)}D array instead: X has shape {shape}; {owner} "
            f"accepts {ACCEPTED}. Reshape your data: {hint}."
        )
    if X.dtype.kind not in NUMBERS:
        raise DataFormatError(f"X holds {X.dtype}, not numbers; {owner} accepts {ACCEPTED}.")
    return X


def _refuse_strings(X: Any, owner: str) -> None:
    """Raise a DataFormatError if X is a 2-D array of strings; objects may be written numbers."""
    if not (isinstance(X, np.ndarray) and X.ndim == 2 and X.size and isinstance(X.flat[0], str)):
        return
    if X.dtype.kind == "O":
        with suppress(TypeError, ValueError):
            X.astype(np.float64)
            return
    raise DataFormatError(
        f"Numbers are not compatible with arrays of bytes/strings: X is one, of shape {X.shape}; "
        f"{owner} accepts {ACCEPTED}. If the strings are tokens, pass lists of them, X.tolist(); "
        "if they are numbers, X.astype(float)."
    )


def _read_list(
    X: list, dtype: Any, kind: str | None, first: int, owner: str
) -> tuple[Sequences, str]:
    """Read a list of sequences, or an array (N, T) written as one."""
    sequences = _read_plain_lists(X, dtype)
    if sequences is None:
        rows = _read_rows(X, kind, first)
        if isinstance(rows, np.ndarray):
            return _read_array(rows, dtype, owner)
        channels = channels_of(X, rows[0].shape[1], first)
        return _join(rows, dtype, first, channels), "sequences"
    if _is_matrix(X, kind, sequences.lengths.tolist()):
        return sequences, "series"
    sequences.channels = channels_of(X, 1, first)
    return sequences, "sequences"


def _read_plain_lists(X: list, dtype: Any) -> Sequences | None:
    """Return lists of Python's numbers as series of one feature; None for anything else.

    All of them are read at once, in half the time that an array for each takes.
    """
    if set(map(type, X)) != {list}:
        return None
    lengths = list(map(len, X))
    if 0 in lengths or not set(map(type, chain.from_iterable(X))) <= PYTHON_NUMBERS:
        return None
    try:
        values = np.fromiter(chain.from_iterable(X), np.float64, sum(lengths))
    except OverflowError:  # an integer past the largest float64: its row is to be named
        return None
    offsets = np.fromiter(accumulate(lengths, initial=0), np.int64, len(lengths) + 1)
    return Sequences(values[:, None].astype(dtype or np.float64, copy=False), offsets)


def _is_matrix(X: list, kind: str | None, lengths: list[int]) -> bool:
    """Whether a list of (T,) series is a 2-D array: of one length, and not otherwise in fit."""
    may_be = kind == "series" or (kind != "sequences" and not isinstance(X, Rows))
    return may_be and len(set(lengths)) == 1


def _read_rows(X: list, kind: str | None, first: int) -> list[np.ndarray] | np.ndarray:
    """Return numeric (T_i, F) arrays; the array if X is one of two dimensions or less."""
    arrays = [
        row if type(row) is np.ndarray and row.dtype.kind in NUMBERS else _read_row(row, first + i)
        for i, row in enumerate(X)
    ]
    dimensions = {array.ndim for array in arrays}
    if dimensions == {2}:
        return arrays
    if dimensions <= {0}:
        return np.asarray(X)
    if dimensions == {1}:
        if _is_matrix(X, kind, list(map(len, arrays))):
            return np.asarray(arrays)
        return [array[:, None] for array in arrays]  # (T_i, 1)
    _refuse_empty_rows([first + i for i, array in enumerate(arrays) if array.size == 0])
    usual = Counter(array.ndim for array in arrays).most_common(1)[0][0]
    odd = next(i for i, array in enumerate(arrays) if array.ndim != usual)
    what = f"has shape {arrays[odd].shape}" if arrays[odd].ndim else f"is {show(X[odd])}"
    raise DataFormatError(
        f"Sequence {first + odd} of X {what}; every sequence must be of shape (T_i, F), the same "
        "F in all (or all of shape (T_i,), for one feature)."
    )


def _read_row(row: Any, number: int) -> np.ndarray:
    """One sequence as a numeric array of any number of dimensions."""
    if not isinstance(row, list | tuple):
        row = _open_row(row, f"Sequence {number} of X")
    array = as_array(row, f"Sequence {number} of X")
    if array.dtype.kind == "c":
        raise DataFormatError(
            f"Complex data not supported: sequence {number} of X is complex. Pass real and "
            "imaginary parts as two features."
        )
    if array.dtype.kind in NUMBERS:
        return array
    problem = f"{show(row)} is of {array.dtype!r}"
    is_text_frame = hasattr(row, "columns") and any(isinstance(cell, str) for cell in array.flat)
    if array.dtype == object:
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as cause:
            problem = str(cause)
    raise DataFormatError(
        f"Sequence {number} of X does not hold numbers: {problem}. Convert or encode it first; "
        f"X must be {ACCEPTED}."
        + (" Words are one column of a data frame, row['NAME']." if is_text_frame else "")
        + (f" {OF_DATES}" if _has_dates(array) else "")
    )


def _has_dates(array: np.ndarray) -> bool:
    return array.dtype.kind in "mM" or any(isinstance(cell, date) for cell in array.flat)


def _open_row(row: Any, name: str) -> Any:
    """Undo the container of one sequence where NumPy cannot."""
    packages = packages_of(row)
    if "scipy" in packages and hasattr(row, "toarray"):
        raise DataFormatError(f"{name} is a sparse matrix; pass dense arrays: row.toarray().")
    refuse_container(row, name)
    if "pyarrow" in packages and hasattr(row, "as_py"):
        return row.as_py()
    if "polars" in packages and hasattr(row, "dtype") and row.dtype.is_nested():
        return row.to_list()  # NumPy gets wrong values from a slice of it in polars 1.0
    return unpack_tensor(row) if "torch" in packages else row


def _join(arrays: list[np.ndarray], dtype: Any, first: int, channels: Channels | None) -> Sequences:
    """Join (T_i, F) arrays; the values are copied."""
    lengths = [len(array) for array in arrays]
    widths = {array.shape[1] for array in arrays}
    if 0 in widths or 0 in lengths:
        _refuse_empty_rows([first + i for i, array in enumerate(arrays) if array.size == 0])
    if len(widths) > 1:
        _refuse_widths(np.array([array.shape[1] for array in arrays]), first)
    if dtype is None:
        dtype = _floating(np.result_type(*{array.dtype for array in arrays}))
    values = np.concatenate(arrays, dtype=dtype, casting="same_kind")  # (S, F)
    offsets = np.fromiter(accumulate(lengths, initial=0), np.int64, len(lengths) + 1)
    return Sequences(values, offsets, channels=channels)


def _floating(dtype: np.dtype) -> np.dtype:
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


# Refusals.


def _refuse_empty_rows(rows: Any) -> None:
    """Raise if there are any rows."""
    if len(rows):
        raise DataFormatError(
            f"{name_rows(rows)} of X {'is' if len(rows) == 1 else 'are'} empty; every sequence "
            "needs at least one step and one feature. Drop them, and their targets, first."
        )


def _refuse_widths(widths: np.ndarray, first: int) -> NoReturn:
    usual = int(np.bincount(widths).argmax())
    odd = np.flatnonzero(widths != usual)
    raise DataFormatError(
        f"The sequences of X have different numbers of features: most have {usual}, but "
        f"{name_rows(first + odd).lower()} {'has' if len(odd) == 1 else 'have'} "
        f"{listed(np.unique(widths[odd]))}. Every sequence must be of shape (T_i, F) with the same "
        "F."
    )


def refuse_not_finite(
    sequences: Sequences, first: Any, owner: str, allow_nan: bool = False, or_else: str = ""
) -> None:
    """Name the rows and steps of infinity, and of NaN where that is not allowed, if any.

    Arguments are those of `as_sequences`.

    Raises
    ------
    DataFormatError
    """
    values = sequences.values
    is_bad = np.isinf(values) if allow_nan else ~np.isfinite(values)
    bad_steps = np.flatnonzero(is_bad.any(axis=1))
    if len(bad_steps) == 0:
        return
    bad = sequences.values[bad_steps]
    where = places(sequences, bad_steps, first)
    if allow_nan:
        raise DataFormatError(f"X contains infinity: {where}. Missing values are NaN.")
    if np.isnan(bad).any():
        what = "NaN and infinity" if np.isinf(bad).any() else "NaN"
    else:
        what = f"infinity or a value too large for dtype('{sequences.dtype}')"
    remedy = "drop or fill them in first"
    if what == "NaN":
        remedy += f", by seqlearn.preprocessing.SequenceImputer for example{or_else}"
    message = (
        f"Input X contains {what}: {where}. {owner} does not accept missing or infinite values; "
        f"{remedy}."
    )
    rows = _rows_of(sequences, bad_steps)
    from_end = sequences.offsets[1:][rows] - bad_steps
    if np.isnan(bad).all() and (from_end <= np.bincount(rows)[rows]).all():
        message += (
            " They stand at the ends, like padding: to cut it off, pass "
            "seqlearn.to_sequences(X, padding=np.nan). Padding is never needed."
        )
    raise DataFormatError(message)


def places(sequences: Sequences, steps: np.ndarray, first: Any = 0) -> str:
    """Say in words in which sequences some of all steps are, and where in these."""
    rows, found = _rows_of(sequences, steps), []
    for row in np.unique(rows)[:3]:
        own = steps[rows == row] - sequences.offsets[row]
        found.append(f"sequence {first + row} at step{'s' * (len(own) > 1)} {listed(own)}")
    more = len(np.unique(rows)) - len(found)
    return "; ".join(found) + (f"; and {more} more sequence{'s' * (more > 1)}" if more else "")


def _rows_of(sequences: Sequences, steps: np.ndarray) -> np.ndarray:
    return np.searchsorted(sequences.offsets, steps, side="right") - 1


def _too_few(what: str, shape: str, owner: str) -> str:
    return (
        f"Found array with 0 {what}(s) ({shape}) while a minimum of 1 is required by {owner}: "
        "every sequence needs at least one step and one feature."
    )


def has_steps(row: Any) -> bool:
    """Whether a row of an unpacked X is not an empty sequence."""
    return not hasattr(row, "__len__") or len(row) > 0
