"""One step of several streams, as it is given: checked and cast, with the errors that name streams.

A stream is asked thousands of times a second, so that the usual case takes a few microseconds: what
is wrong is looked for where something is.
"""

from typing import Any, NoReturn

import numpy as np

from seqlearn.data.containers import NUMBERS, refuse_mask, unpack_tensor
from seqlearn.data.messages import listed, show
from seqlearn.data.refusals import packages_of
from seqlearn.errors import DataFormatError

__all__ = [
    "UNCHANGED",
    "finite_step",
    "frames_of_step",
    "one_of_each",
    "read_step",
    "refuse_width",
]

SAFE = 1e76  # sum of squares: none of the values is then too large for float32
UNCHANGED = "The streams are as they were before this step."


def read_step(x: Any, n_streams: int, owner: str, names: Any = None) -> np.ndarray:
    """Return the numbers of one step of each stream, (B, F), in the type that they have.

    Parameters
    ----------
    x : array-like of shape (B, F), or (B,) of one feature
        Of a single stream also (F,).
    n_streams : int
        How many streams there are, B.
    owner : str
        Who asks, for messages.
    names : ndarray of str, optional
        What the columns of a data frame must be called.

    Raises
    ------
    DataFormatError
        It holds no numbers, has another number of rows, or other names of columns.
    """
    values = x if type(x) is np.ndarray else _as_array(x, owner, names)
    if values.dtype.kind not in NUMBERS:
        values = _as_numbers(values, owner)
    if values.ndim == 1 and (n_streams == 1 or len(values) == n_streams):
        return values.reshape(n_streams, -1)
    if values.ndim != 2 or len(values) != n_streams:
        _refuse_shape(values, n_streams, owner)
    return values


def refuse_width(values: np.ndarray, n_features: int, owner: str) -> None:
    """Raise a DataFormatError if a step (B, F) has another number of features."""
    if values.shape[1] != n_features:
        n_streams = len(values)
        flat = f", or ({n_streams},)" if n_features == 1 else ""
        raise DataFormatError(
            f"A step of shape {values.shape} was given, with {values.shape[1]} features, but "
            f"{owner} is expecting {n_features}: give ({n_streams}, {n_features}){flat}, a row for "
            f"each of the {n_streams} streams. {UNCHANGED}"
        )


def frames_of_step(
    x: Any, n_streams: int, step_shape: tuple[int, ...], of_bytes: bool, owner: str
) -> np.ndarray:
    """Return one frame of each stream, made flat, (B, H * W * C), in the type that it has.

    Parameters
    ----------
    x : array-like of shape (B, H, W, C), or (B, H, W) of one colour
        Of a single stream also a frame alone.
    n_streams, owner
        As in `read_step`.
    step_shape : tuple of int
        (H, W, C), of the frames of ``fit``.
    of_bytes : bool
        Whether those were uint8.

    Raises
    ------
    DataFormatError
        The frames have another shape, hold no numbers, or are bytes where those of ``fit`` were
        not, or the reverse.
    """
    values = x if type(x) is np.ndarray else _as_array(x, owner, None)
    if values.dtype.kind not in NUMBERS:
        values = _as_numbers(values, owner)
    shapes = [step_shape] if step_shape[-1] > 1 else [step_shape, step_shape[:-1]]
    of_all = [(n_streams, *one) for one in shapes]
    if values.shape not in (of_all + shapes if n_streams == 1 else of_all):
        raise DataFormatError(
            f"A step of shape {values.shape} was given, but {owner} reads frames: give "
            f"{' or '.join(map(str, of_all))}, a frame for each of the {n_streams} "
            f"stream{'s' * (n_streams > 1)}. {UNCHANGED}"
        )
    if (values.dtype == np.uint8) != of_bytes:
        due = "uint8, from 0 to 255" if of_bytes else "floating-point numbers"
        raise DataFormatError(
            f"A step of {values.dtype} was given, but the frames in fit were {due}. Give the same "
            f"type. {UNCHANGED}"
        )
    return values.reshape(n_streams, -1)


def finite_step(values: np.ndarray, dtype: Any, owner: str, allow_nan: bool = False) -> np.ndarray:
    """Return a copy of a step (B, F) as ``dtype``; refuse infinity, and NaN unless it is allowed.

    Raises
    ------
    DataFormatError
        Naming streams.
    """
    if values.dtype.kind == "f" and float(np.vdot(values, values)) < SAFE:  # False with a NaN
        return values.astype(dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # infinity is looked for
        cast = values.astype(dtype)
    is_bad = np.isinf(cast) if allow_nan else ~np.isfinite(cast)
    if is_bad.any():
        streams = np.flatnonzero(is_bad.any(axis=1))
        has_nan = np.isnan(cast[streams]).any() and not allow_nan
        what = "NaN" if has_nan else f"infinity or a value too large for dtype('{cast.dtype}')"
        remedy = (
            "leave out steps that are not there, or fill their values in before"
            if has_nan
            else "leave such values out"
        )
        raise DataFormatError(
            f"The step contains {what}, of stream{'s' * (len(streams) > 1)} {listed(streams)}. "
            f"{owner} does not accept that: {remedy}. {UNCHANGED}"
        )
    return cast


def one_of_each(x: Any, n_streams: int, what: str, owner: str, kind: type = object) -> list:
    """Return a list with one thing of a kind for each stream, a token, say.

    Raises
    ------
    DataFormatError
        It is no list, has another length, or holds something else.
    """
    is_list = hasattr(x, "__len__") and hasattr(x, "__iter__")
    is_other = isinstance(x, str | bytes | dict | set | frozenset) or hasattr(x, "columns")
    if not is_list or is_other:
        raise DataFormatError(
            f"A step of {owner} is a list with {what} for each stream, but {show(x)} was given, of "
            f"type {type(x).__name__}. For a single stream give [{show(x)}]. {UNCHANGED}"
        )
    given = x.tolist() if hasattr(x, "tolist") else list(x)
    if len(given) != n_streams:
        raise DataFormatError(
            f"A step of {owner} is a list with {what} for each of the {n_streams} "
            f"stream{'s' * (n_streams > 1)}, but {len(given)} were given. {UNCHANGED}"
        )
    for i, one in enumerate(given):
        if not isinstance(one, kind):
            raise DataFormatError(
                f"A step of {owner} is a list with {what} for each stream, but that of stream {i} "
                f"is {show(one)}, of type {type(one).__name__}. {UNCHANGED}"
            )
    return given


def _as_array(x: Any, owner: str, names: Any) -> np.ndarray:
    """Return what NumPy makes of x."""
    refuse_mask(x, "The step")
    if hasattr(x, "columns") and names is not None and list(x.columns) != list(names):
        raise DataFormatError(
            f"The step has the columns {listed(x.columns)}, but {owner} was fitted on "
            f"{listed(names)}. Give the same columns in the same order. {UNCHANGED}"
        )
    if "torch" in packages_of(x):
        x = unpack_tensor(x)
    try:
        return np.asarray(x)
    except ValueError as cause:
        raise DataFormatError(
            f"The step has rows of unequal length, {show(x)}. {owner} was fitted on numbers: give "
            f"an array of shape (streams, features). {UNCHANGED}"
        ) from cause


def _as_numbers(values: np.ndarray, owner: str) -> np.ndarray:
    """Return objects that are numbers as float64."""
    if values.dtype == object:
        try:
            return values.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            pass
    raise DataFormatError(
        f"The step does not hold numbers, but {values.dtype!r} of shape {values.shape}. {owner} "
        f"was fitted on numbers: give an array of shape (streams, features). {UNCHANGED}"
    )


def _refuse_shape(values: np.ndarray, n_streams: int, owner: str) -> NoReturn:
    raise DataFormatError(
        f"A step of shape {values.shape} was given; {owner} has {n_streams} "
        f"stream{'s' * (n_streams > 1)}, so ({n_streams}, F) is due, a row for each: one step at a "
        f"time, and not a whole sequence. {UNCHANGED}"
    )
