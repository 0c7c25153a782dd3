"""Pen paths: the digits of PenDigits.

`download` finds or fetches a file. The data belong to their authors and are under a licence of
their own, named in the function.
"""

import os
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from seqlearn.datasets.download import RemoteFile, find_file
from seqlearn.errors import DataFormatError, InvalidParameterError

_URL = "https://raw.githubusercontent.com/dmallon/net/b126dd9b0e2dda4d2ede05a29a6d4f7fe66bd6a5/data"
_FILES = {
    part: RemoteFile("pendigits", name, f"{_URL}/{name}", sha256)
    for part, name, sha256 in (
        (
            "train",
            "pendigits.tra",
            "53cd2295e004dd4ecfc3d379dbb75948922bd4d1863e97c691af56be1d4fb7c0",
        ),
        (
            "test",
            "pendigits.tes",
            "3181a317ebf4d3925f332dffa365290d6e60e3e36ac4320e27bc1495d967020c",
        ),
    )
}
_N_POINTS = 8


class PenDigits(NamedTuple):
    """Pen paths of digits; see `fetch_pendigits`."""

    paths: np.ndarray
    digits: np.ndarray


def fetch_pendigits(
    *,
    part: Literal["train", "test"] | None = None,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> PenDigits:
    """Read handwritten digits as the way of the pen, downloading them when absent.

    Digits written on a tablet, each brought to eight points at equal distances along the way and
    to coordinates from 0 to 100; where the pen was lifted is not kept. 7,494 are by 30 writers and
    3,498 by 14 others. Licence: a donation to the UCI repository, CC BY 4.0 by its policy.

    Files ``pendigits.tra`` and ``pendigits.tes`` that are there, in ``pendigits`` below the data
    home, are used as they are.

    Parameters
    ----------
    part : {"train", "test"} or None, default=None
        The part to read: the 30 writers, or the 14 others. None reads both, in this order.
    data_home : str, os.PathLike or None, default=None
        The one folder to look in and to download into. None means: look in the folder that the
        environment variable ``SEQLEARN_DATA`` names, then in the user's cache folder of the
        operating system (``pooch.os_cache("seqlearn")``); download into the first of the two that
        can be written to.
    download_if_missing : bool, default=True
        False raises an error instead of using the network.

    Returns
    -------
    PenDigits
        A named tuple, in the order of the files:

        - ``paths``, ndarray of shape (N, 8, 2), float64: x, to the right, and y, upwards;
        - ``digits``, ndarray of shape (N,), int64.

    Raises
    ------
    InvalidParameterError
        When `part` is none of the above.
    DatasetNotFoundError
        When a file is neither on this machine nor can be downloaded. A subclass of
        FileNotFoundError.
    DataFormatError
        When what was downloaded has another checksum (it is not kept), or a line is not 16
        coordinates and a digit, with the line named. A subclass of ValueError.

    References
    ----------
    Alpaydin and Alimoglu (1998). Pen-based recognition of handwritten digits. UCI machine learning
    repository. https://doi.org/10.24432/C5MG6K

    Examples
    --------
    With a file put into the data home by hand:

    >>> import pathlib, tempfile
    >>> from seqlearn.datasets import fetch_pendigits
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "pendigits")
    ...     folder.mkdir()
    ...     points = "50,100,50,86,50,71,50,57,50,43,50,29,50,14,50,0"
    ...     _ = (folder / "pendigits.tes").write_text(f"{points},1\\n")
    ...     found = fetch_pendigits(part="test", data_home=home)
    >>> found.paths.shape, found.digits.tolist()
    ((1, 8, 2), [1])
    """
    if part not in (None, "train", "test"):
        raise InvalidParameterError(
            f"part={part!r} is not accepted; choose one of 'train', 'test', or None for everything."
        )
    parts = ("train", "test") if part is None else (part,)
    paths = [find_file(_FILES[part], data_home, download_if_missing) for part in parts]
    rows = np.concatenate([_read(path) for path in paths])
    return PenDigits(rows[:, :-1].reshape(-1, _N_POINTS, 2).astype(np.float64), rows[:, -1])


def _read(path: Path) -> np.ndarray:
    """Return the coordinates and the digit of each line, (N, 17), int64."""
    rows = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            cells = line.split(",")
            if not line.strip() or (number == 1 and len(cells) == 10):  # a header: 0,1,...,9
                continue
            try:
                row = list(map(int, cells))
                fits = len(row) == 2 * _N_POINTS + 1 and min(row) >= 0
                if not fits or max(row[:-1]) > 100 or row[-1] > 9:
                    raise ValueError("it has other numbers")
            except ValueError as error:
                raise DataFormatError(
                    f"{path}, line {number}: not {2 * _N_POINTS} coordinates from 0 to 100 and a "
                    f"digit, with commas between ({error})."
                ) from error
            rows.append(row)
    if not rows:
        raise DataFormatError(f"{path} holds no digits. Remove it and get it again.")
    return np.array(rows, dtype=np.int64)
