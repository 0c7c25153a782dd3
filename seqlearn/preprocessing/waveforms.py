"""Reading waveforms: whatever holds them becomes a list of (T_i,) arrays, checked.

Integers stay what they are until a piece of a recording is computed with: a recording of an hour
is never copied whole. `MelFeatures` is the caller.
"""

from typing import Any, NoReturn

import numpy as np

from seqlearn.data.containers import as_array, unpack, unpack_tensor
from seqlearn.data.messages import listed, name_rows, show
from seqlearn.data.refusals import packages_of
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError
from seqlearn.preprocessing.stateless import refuse_named_tuple

__all__ = ["as_float", "read_waveforms"]

ACCEPTED = "a list of N waveforms, arrays of shape (T_i,), or an array (N, T) of equal ones"
LARGEST = 1e12  # size of a sample; float32 holds the squares of their spectra
FULL_SCALE = {"uint8": 128.0, "int16": 2.0**15, "int32": 2.0**31}  # as wav files have them


def read_waveforms(X: Any, least: int, owner: str) -> list[np.ndarray]:
    """Return N waveforms of shape (T_i,), float32, float64, uint8, int16 or int32.

    Parameters
    ----------
    X : object
        In any container.
    least : int
        Samples that each must have, those of a window.
    owner : str
        Who asks, for messages.

    Raises
    ------
    DataFormatError
        X is no list of waveforms, or one of them has several channels, is too short, not of
        numbers of a known scale, or not finite.
    """
    rows = _rows(X, owner)
    waveforms = [_waveform(row, i, owner) for i, row in enumerate(rows)]
    short = [i for i, waveform in enumerate(waveforms) if len(waveform) < least]
    if short:
        lengths = np.unique([len(waveforms[i]) for i in short])
        raise DataFormatError(
            f"{name_rows(short)} of X {'has' if len(short) == 1 else 'have'} {listed(lengths)} "
            f"samples, but a window of {owner} has {least}. Leave out recordings that are shorter, "
            f"pad them with zeros, np.pad(waveform, (0, {least} - len(waveform))), or set a "
            "shorter window_seconds."
        )
    for i, waveform in enumerate(waveforms):
        if waveform.dtype.kind == "f":
            _check_values(waveform, i, owner)
    return waveforms


def as_float(samples: np.ndarray) -> np.ndarray:
    """Return samples as float32; integers scaled so that the largest of their type is 1."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32, copy=False)
    scaled = samples.astype(np.float32)
    if samples.dtype == np.uint8:
        scaled -= 128
    return scaled / np.float32(FULL_SCALE[samples.dtype.name])


def _rows(X: Any, owner: str) -> Any:
    """Return the rows of X, of which each is to be a waveform."""
    refuse_named_tuple(X)
    rows = unpack(X)
    if hasattr(rows, "to_numpy"):  # a table of numbers
        rows = rows.to_numpy()
    is_list = isinstance(rows, list | Sequences)
    if not is_list and not (isinstance(rows, np.ndarray) and rows.ndim):
        raise DataFormatError(
            f"X is {show(rows)}, a {type(rows).__name__}; {owner} accepts {ACCEPTED}."
        )
    if len(rows) == 0:
        raise DataFormatError(f"X holds no waveforms; {owner} needs at least one.")
    if not hasattr(rows[0], "__len__"):
        raise DataFormatError(
            f"X is one sequence of numbers; {owner} accepts {ACCEPTED}. Pass a single waveform as "
            "[waveform]."
        )
    return rows


def _waveform(row: Any, number: int, owner: str) -> np.ndarray:
    name = f"Sequence {number} of X"
    if isinstance(row, str | bytes):
        raise DataFormatError(
            f"{name} is {show(row)}, a {type(row).__name__}, not a waveform. Read files first: "
            "seqlearn.datasets.read_wav(path)."
        )
    array = as_array(unpack_tensor(row) if "torch" in packages_of(row) else row, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        _refuse_channels(array, name, owner)
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as cause:
            raise DataFormatError(
                f"{name} does not hold numbers: {cause}. {owner} accepts {ACCEPTED}."
            ) from cause
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.dtype.kind != "f" and array.dtype.name not in FULL_SCALE:
        advice = (
            "Samples of 16 bits are np.asarray(waveform, dtype=np.int16); floats are taken as they "
            "are."
        )
        raise DataFormatError(
            f"{name} is of {array.dtype}, and how loud 1 is in that is not known. {owner} accepts "
            f"floats, usually from -1 to 1, and int16, int32 and uint8, which it scales to that. "
            f"{advice}"
        )
    return array


def _refuse_channels(array: np.ndarray, name: str, owner: str) -> NoReturn:
    if array.ndim != 2:
        raise DataFormatError(
            f"{name} has shape {array.shape}; a waveform is of shape (T,). {owner} accepts "
            f"{ACCEPTED}."
        )
    axis = 0 if array.shape[0] < array.shape[1] else 1
    first = "waveform[0]" if axis == 0 else "waveform[:, 0]"
    mean = f"waveform.mean(axis={axis})"
    if array.dtype.kind != "f":
        mean += ".astype(waveform.dtype)"
    raise DataFormatError(
        f"{name} has shape {array.shape}, {array.shape[axis]} channels where {owner} wants one. "
        f"Take their mean, {mean}, or one of them, {first}."
    )


def _check_values(waveform: np.ndarray, number: int, owner: str) -> None:
    """Raise for NaN, infinity and samples too large to be squared."""
    with np.errstate(invalid="ignore"):
        low, high = waveform.min(), waveform.max()
    if not np.isfinite(low) or not np.isfinite(high):
        steps = np.flatnonzero(~np.isfinite(waveform))
        what = "NaN" if np.isnan(waveform[steps]).all() else "infinity"
        raise DataFormatError(
            f"Sequence {number} of X contains {what}, at sample{'s' * (len(steps) > 1)} "
            f"{listed(steps)}. {owner} does not accept it; cut it out, or set it to 0, which is "
            "silence."
        )
    largest = max(-low, high)
    if largest > LARGEST:
        raise DataFormatError(
            f"Sequence {number} of X has a sample of size {largest:.3g}; up to {LARGEST:g} is "
            "accepted, and waveforms usually are from -1 to 1."
        )
