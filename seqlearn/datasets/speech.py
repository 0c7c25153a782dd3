"""Recordings: wav files, and the spoken digits of FSDD.

The data belong to their authors and are under licences of their own, named in each function.
Waveforms are returned as they were recorded; features are the business of
`seqlearn.preprocessing.MelFeatures`.
"""

import os
import re
import wave
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from seqlearn.datasets.data_home import data_home as environment_home
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

_FSDD = "https://github.com/Jakobovski/free-spoken-digit-dataset"
_FSDD_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
_FSDD_NAME = re.compile(r"(\d)_([^_]+)_(\d+)\.wav")
_FSDD_RATE = 8000  # samples a second
_FSDD_TEST = 5  # indices below are the test part


class Recording(NamedTuple):
    """A waveform and its samples a second; see `read_wav`."""

    waveform: np.ndarray
    sample_rate: int


class SpokenDigits(NamedTuple):
    """Recordings of digits; see `fetch_fsdd`."""

    waveforms: list[np.ndarray]
    digits: np.ndarray
    speakers: np.ndarray
    indices: np.ndarray
    sample_rate: int


def read_wav(path: str | os.PathLike[str]) -> Recording:
    """Read a wav file of 8, 16, 24 or 32 bits.

    Parameters
    ----------
    path : str or os.PathLike
        A file of uncompressed samples (PCM).

    Returns
    -------
    Recording
        A named tuple of

        - ``waveform``, ndarray of shape (T,), or (T, C) of C > 1 channels, float32, from -1 to 1:
          samples divided by the largest of their type;
        - ``sample_rate``, int: samples a second.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    DataFormatError
        When it is no such wav file, is compressed, holds floats, or ends too early. A subclass of
        ValueError.

    Examples
    --------
    >>> import pathlib, tempfile, wave
    >>> from seqlearn.datasets import read_wav
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "click.wav")
    ...     with wave.open(str(path), "wb") as file:
    ...         file.setparams((1, 2, 8000, 0, "NONE", None))
    ...         file.writeframes((16384).to_bytes(2, "little"))
    ...     read_wav(path)
    Recording(waveform=array([0.5], dtype=float32), sample_rate=8000)
    """
    path = Path(path)
    try:
        with path.open("rb") as opened, wave.open(opened) as file:
            n_channels, n_bytes = file.getnchannels(), file.getsampwidth()
            rate, n_samples = file.getframerate(), file.getnframes()
            content = file.readframes(n_samples)
    except (wave.Error, EOFError, RuntimeError) as error:  # the last for sizes that are wrong
        cause = str(error) or "it ends early"
        raise DataFormatError(
            f"{path} is not a wav file of uncompressed integer samples ({cause}). "
            "Convert it first, for example with: ffmpeg -i FILE -c:a pcm_s16le NEW.wav"
        ) from error
    if len(content) != n_samples * n_channels * n_bytes:
        raise DataFormatError(
            f"{path} ends after {len(content) // (n_channels * n_bytes):,} samples of the "
            f"{n_samples:,} that it announces. Get it again."
        )
    if n_bytes not in (1, 2, 3, 4):
        raise DataFormatError(f"{path} has samples of {8 * n_bytes} bits; 8 to 32 are read.")
    waveform = _scaled(content, n_bytes)
    return Recording(waveform.reshape(-1, n_channels) if n_channels > 1 else waveform, rate)


def _scaled(content: bytes, n_bytes: int) -> np.ndarray:
    """Return samples as float32, from -1 to 1; those of one byte have no sign."""
    if n_bytes == 1:
        return (np.frombuffer(content, np.uint8).astype(np.float32) - 128) / np.float32(128)
    if n_bytes == 3:  # to the upper three bytes of four
        samples = np.zeros((len(content) // 3, 4), np.uint8)
        samples[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        content, n_bytes = samples.tobytes(), 4
    integers = np.frombuffer(content, np.dtype(f"<i{n_bytes}"))
    return integers.astype(np.float32) / np.float32(2.0 ** (8 * n_bytes - 1))


def fetch_fsdd(
    *,
    part: Literal["train", "test"] | None = None,
    data_home: str | os.PathLike[str] | None = None,
) -> SpokenDigits:
    """Read the Free Spoken Digit Dataset: single English digits of several speakers.

    50 recordings of each digit from 0 to 9 by each speaker, cut to the digit, of 0.14 to 2.28 s at
    8,000 samples a second. Judge what is learned on a speaker that is left out, too: speakers
    differ more than the recordings of one. Licence: CC BY-SA 4.0.

    The files are looked for in ``fsdd/recordings`` below the data home: all that are there, so of
    some speakers only if you want. They are not downloaded, as there are thousands: get them with
    ``git clone https://github.com/Jakobovski/free-spoken-digit-dataset fsdd``.

    Parameters
    ----------
    part : {"train", "test"} or None, default=None
        The part to read, as its authors divide it: recordings 0 to 4 of each speaker and digit are
        for tests, the rest for training. None reads all.
    data_home : str, os.PathLike or None, default=None
        The folder to look in; None is the one that the environment variable ``SEQLEARN_DATA``
        names.

    Returns
    -------
    SpokenDigits
        A named tuple, sorted by speaker, digit and index:

        - ``waveforms``, list of N arrays of shape (T_i,), float32, from -1 to 1;
        - ``digits``, ndarray of shape (N,), int64;
        - ``speakers``, ndarray of shape (N,), str: ``groups`` of a cross-validation;
        - ``indices``, ndarray of shape (N,), int64: which one of a speaker's it is;
        - ``sample_rate``, int: 8000.

    Raises
    ------
    InvalidParameterError
        When `part` is none of the above.
    DatasetNotFoundError
        When there is no such file. A subclass of FileNotFoundError.
    DataFormatError
        When a file is no wav file of 8,000 samples a second of one channel. A subclass of
        ValueError.

    References
    ----------
    Jackson et al. (2018). Free Spoken Digit Dataset. https://doi.org/10.5281/zenodo.1342401

    Examples
    --------
    With a file put into the data home by hand:

    >>> import pathlib, tempfile, wave
    >>> from seqlearn.datasets import fetch_fsdd
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "fsdd", "recordings")
    ...     folder.mkdir(parents=True)
    ...     with wave.open(str(folder / "7_ada_12.wav"), "wb") as file:
    ...         file.setparams((1, 2, 8000, 0, "NONE", None))
    ...         file.writeframes(bytes(3200))
    ...     digits = fetch_fsdd(data_home=home, part="train")
    >>> digits.digits.tolist(), digits.speakers.tolist(), len(digits.waveforms[0])
    ([7], ['ada'], 1600)
    """
    if part not in (None, "train", "test"):
        raise InvalidParameterError(
            f"part={part!r} is not accepted; choose one of 'train', 'test', or None for everything."
        )
    home = environment_home() if data_home is None else Path(data_home).expanduser()
    rows = []
    for path in (home / "fsdd" / "recordings").glob("*.wav") if home is not None else ():
        name = _FSDD_NAME.fullmatch(path.name)
        if name is not None:
            rows.append((name[2], int(name[1]), int(name[3]), path))
    if not rows:
        looked_in = "$SEQLEARN_DATA is not set"
        if home is not None:
            looked_in = f"looked in {home / 'fsdd' / 'recordings'}"
        raise DatasetNotFoundError(
            f"No recording such as 0_george_0.wav was found; {looked_in}. Get them with `git clone "
            f"{_FSDD} fsdd` (commit {_FSDD_COMMIT[:7]} is what was tested), and give the folder "
            "above fsdd as data_home or in the environment variable SEQLEARN_DATA."
        )
    rows = [
        row for row in sorted(rows) if part in (None, "test" if row[2] < _FSDD_TEST else "train")
    ]
    return SpokenDigits(
        [_read_digit(path) for *_, path in rows],
        np.array([digit for _, digit, _, _ in rows], dtype=np.int64),
        np.array([speaker for speaker, *_ in rows], dtype=str),
        np.array([index for _, _, index, _ in rows], dtype=np.int64),
        _FSDD_RATE,
    )


def _read_digit(path: Path) -> np.ndarray:
    waveform, rate = read_wav(path)
    if rate != _FSDD_RATE or waveform.ndim != 1:
        raise DataFormatError(
            f"{path} has {rate} samples a second of {waveform[:1].size} channels, where "
            f"{_FSDD_RATE} of one were expected. Get it again."
        )
    return waveform
