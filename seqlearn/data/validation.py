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
from seqlearn.data.not_finite import refuse_not_finite
from seqlearn.data.refusals import FRAMES, packages_of, refuse_container
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError

__all__ = ["as_sequences", "has_steps"]


OF_DATES = (
    "Times are numbers, hours since the first, say: (row['NAME'] - row['NAME'].iloc[0]) / "
    "pd.Timedelta(hours=1)."
)
PYTHON_NUMBERS = {float, int, np.float64}
ACCEPTED = (
    "a 2-D array (N, T) of univariate series, a 3-D array (N, T, F), or a list of N arrays of "
    "shape (T_i, F)"
)
FRAMES_TOO = " (or frames of video: an array (N, T, H, W) or (N, T, H, W, C), or a list of clips)"


def as_sequences(
    X: Any,
    *,
    dtype: Any = None,
    kind: str | None = None,
    allow_nan: bool = False,
    allow_inf: bool = False,
    frames: bool = False,
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
        Type of the values; frames of uint8 stay what they are.
    kind : {"series", "sequences", "frames"}, optional
        How X was read in ``fit``. A list of (T,) arrays that happen to be equally long is then
        not mistaken for a 2-D array.
    allow_nan, allow_inf : bool
        Accept NaN, for values that are missing, and infinity.
    frames : bool
        Accept frames of video: arrays (N, T, H, W) and (N, T, H, W, C), and lists of clips.
    first : int
        Number of the first row, for messages.
    owner : str
        Who asks, for messages.
    or_else : str
        What else may be done about NaN, for messages.

    Returns
    -------
    sequences : Sequences
    kind : {"series", "sequences", "frames"}
        "series" for a 2-D X, whose feature count is its number of columns T; "frames" for steps
        that have a shape, which the sequences then know.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # infinity is looked for below
        if isinstance(X, Sequences):
            sequences, found = _read_sequences(X, dtype, frames, first, owner), "sequences"
        elif isinstance(X, list):
            sequences, found = _read_list(X, dtype, kind, frames, first, owner)
        else:
            sequences, found = _read_array(X, dtype, frames, owner)
        if sequences.step_shape is not None:
            found = "frames"
        # One sum is quicker than a look at every value; it may overflow though all are finite.
        accepts_all = (allow_nan and allow_inf) or sequences.dtype == np.uint8
        if not accepts_all and not math.isfinite(np.add.reduce(sequences.values, axis=None)):
            refuse_not_finite(sequences, first, owner, allow_nan, or_else)
    return sequences, found


def _read_sequences(X: Sequences, dtype: Any, frames: bool, first: int, owner: str) -> Sequences:
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
    shape = X.step_shape
    if shape is not None and math.prod(shape) != X.n_features:
        raise DataFormatError(
            f"The steps of Sequences have {X.n_features} values, but step_shape={shape}, which is "
            f"{math.prod(shape)}. Give the shape of one frame, (H, W, C), or none."
        )
    if shape is not None and not frames:
        X = Sequences(values, offsets, channels=X.channels)
    return X.astype(_dtype(values.dtype, dtype, X.step_shape is not None))


def _read_array(X: Any, dtype: Any, frames: bool, owner: str) -> tuple[Sequences, str]:
    """Read an array of 2 or 3 axes, 4 or 5 with frames, or what scikit-learn can make one of."""
    most = 5 if frames else 3
    is_plain = type(X) is np.ndarray and X.dtype.kind in NUMBERS and 1 < X.ndim <= most and X.size
    array = X if is_plain else _check_array(X, owner, most)
    shape = _step_shape(array.shape[2:])
    array = array.astype(_dtype(array.dtype, dtype, shape is not None), copy=False)
    values = array.reshape(array.shape[0] * array.shape[1], -1)  # (N T, F)
    offsets = np.arange(0, len(values) + 1, array.shape[1])
    kind = "series" if array.ndim == 2 else "sequences"
    return Sequences(values, offsets, step_shape=shape), kind


def _step_shape(axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return (H, W, C) of frames (H, W) or (H, W, C); None if a step has one axis or none."""
    if len(axes) < 2:
        return None
    return (*axes, 1) if len(axes) == 2 else axes


def _check_array(X: Any, owner: str, most: int) -> np.ndarray:
    """Return X as a numeric array of two to ``most`` dimensions with values in it."""
    accepted = ACCEPTED + FRAMES_TOO * (most > 3)
    is_indexed = hasattr(X, "__getitem__") and hasattr(X, "__len__")
    if isinstance(X, str | bytes | Mapping) or not (is_indexed or hasattr(X, "__array__")):
        advice = ""
        if isinstance(X, Iterable) and not isinstance(X, str | bytes):
            values = "X.values()" if isinstance(X, Mapping) else "X"
            advice = f" Pass list({values}) if these are the sequences."
        raise DataFormatError(
            f"X is {show(X)}, a {type(X).__name__}; {owner} accepts {accepted}.{advice}"
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
                f"X does not hold numbers: {cause}; {owner} accepts {accepted}. Convert what is "
                "not a number, or leave it out."
            ) from cause
        shape = X.shape
    if 0 in shape:
        of_step = "step" if len(shape) > 2 and shape[1] == 0 else "feature"
        what = "sample" if shape[0] == 0 else of_step
        raise DataFormatError(_too_few(what, f"shape={shape}", owner))
    if not 2 <= len(shape) <= most:
        hint = (
            "one sequence alone is X.reshape(1, -1), N sequences of one step are X.reshape(-1, 1)"
            if len(shape) == 1
            else "a frame of video has two axes, or three with its colours"
            if most > 3
            else "all that belongs to one step goes into the last of three axes"
        )
        raise DataFormatError(
            f"Expected 2D array, got {len(shape)}D array instead: X has shape {shape}; {owner} "
            f"accepts {accepted}. Reshape your data: {hint}."
        )
    if X.dtype.kind not in NUMBERS:
        raise DataFormatError(f"X holds {X.dtype}, not numbers; {owner} accepts {accepted}.")
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
    X: list, dtype: Any, kind: str | None, frames: bool, first: int, owner: str
) -> tuple[Sequences, str]:
    """Read a list of sequences, or an array (N, T) written as one."""
    sequences = _read_plain_lists(X, dtype)
    if sequences is None:
        rows = _read_rows(X, kind, frames, first)
        if isinstance(rows, np.ndarray):
            return _read_array(rows, dtype, frames, owner)
        if rows[0].ndim > 2:
            return _join_clips(rows, dtype, first), "frames"
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


def _read_rows(
    X: list, kind: str | None, frames: bool, first: int
) -> list[np.ndarray] | np.ndarray:
    """Return numeric (T_i, F) arrays, clips too; the array if X is one of two dimensions or less.

    All clips of one X have three axes, or all four.
    """
    arrays = [
        row if type(row) is np.ndarray and row.dtype.kind in NUMBERS else _read_row(row, first + i)
        for i, row in enumerate(X)
    ]
    dimensions = {array.ndim for array in arrays}
    if dimensions == {2} or (frames and dimensions in ({3}, {4})):
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
    due = "(or all of shape (T_i,), for one feature)."
    if frames and max(dimensions) > 2:
        due = "(or all clips of shape (T_i, H, W), or all of shape (T_i, H, W, C))."
    raise DataFormatError(
        f"Sequence {first + odd} of X {what}; every sequence must be of shape (T_i, F), the same "
        f"F in all {due}"
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


def _join_clips(clips: list[np.ndarray], dtype: Any, first: int) -> Sequences:
    """Join clips (T_i, H, W) or (T_i, H, W, C) with frames of one size; the values are copied."""
    _refuse_empty_rows([first + i for i, clip in enumerate(clips) if clip.size == 0])
    sizes = [clip.shape[1:] for clip in clips]
    if len(set(sizes)) > 1:
        _refuse_sizes(sizes, first)
    are_bytes = [clip.dtype == np.uint8 for clip in clips]
    if any(are_bytes) and not all(are_bytes):
        odd = are_bytes.index(not are_bytes[0])
        raise DataFormatError(
            f"Sequence {first} of X has frames of {clips[0].dtype}, but sequence {first + odd} of "
            f"{clips[odd].dtype}. uint8 is divided by 255, others are taken as they are: give one "
            "type."
        )
    if all(are_bytes):
        dtype = np.dtype(np.uint8)
    sequences = _join([clip.reshape(len(clip), -1) for clip in clips], dtype, first, None)
    sequences.step_shape = _step_shape(sizes[0])
    return sequences


def _dtype(given: np.dtype, dtype: Any, frames: bool) -> np.dtype:
    """Return the type that values are cast to; frames of uint8 are cast batch by batch, later."""
    if frames and given == np.uint8:
        return given
    return _floating(given) if dtype is None else dtype


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


def _refuse_sizes(sizes: list[tuple[int, ...]], first: int) -> NoReturn:
    usual = Counter(sizes).most_common(1)[0][0]
    odd = [i for i, size in enumerate(sizes) if size != usual]
    found = ", ".join(" x ".join(map(str, size)) for size in sorted({sizes[i] for i in odd})[:5])
    raise DataFormatError(
        f"The frames of X differ in size: most are {' x '.join(map(str, usual))}, but those of "
        f"{name_rows(first + np.array(odd)).lower()} are {found}. Resize or crop them to one size."
    )


def _too_few(what: str, shape: str, owner: str) -> str:
    return (
        f"Found array with 0 {what}(s) ({shape}) while a minimum of 1 is required by {owner}: "
        "every sequence needs at least one step and one feature."
    )


def has_steps(row: Any) -> bool:
    """Whether a row of an unpacked X is not an empty sequence."""
    return not hasattr(row, "__len__") or len(row) > 0
