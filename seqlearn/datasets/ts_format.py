"""The reader of the `.ts` text format, in which the UCR and UEA archives are published.

A file holds comments (`#`), header lines (`@name value`), the line `@data`, then one case a line:
channels split by `:`, values by `,`, the label last. Here is the format and nothing else; which
files exist, and where they lie, is known to `ucr`. Files with time stamps, compressed files and
the forecasting format `.tsf` are not read.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqlearn.datasets.numbers import read_number
from seqlearn.errors import DataFormatError


def read_ts(
    path: str | os.PathLike[str],
) -> tuple[np.ndarray | list[np.ndarray], np.ndarray | None]:
    """Read a time series problem from a file in the `.ts` format.

    The header is read without regard to upper and lower case; labels keep theirs. Missing values,
    written ``?`` or ``NaN``, become nan. What the header states about lengths and channels is
    checked against the data.

    Parameters
    ----------
    path : str or os.PathLike
        The file, plain UTF-8 text.

    Returns
    -------
    X : ndarray of shape (N, T) or (N, T, F), or list of N ndarrays of shape (T_i, F)
        The values, float64. A list when lengths differ or the header says ``@equalLength false``;
        otherwise one array, without the last axis when there is one channel and the header does not
        say ``@univariate false``. Time comes before channels, unlike in sktime's and aeon's
        ``numpy3D``.
    y : ndarray of shape (N,) or None
        Strings after ``@classLabel true``, float64 after ``@targetLabel true``, None for a file
        without labels.

    Raises
    ------
    DataFormatError
        When the file is not a well-formed `.ts` file, with the file and the line named, or when it
        holds time stamps, or when the channels of one case differ in length. A subclass of
        ValueError.
    FileNotFoundError
        When there is no such file.

    References
    ----------
    ts File Format v1.0 (2022).
    https://www.sktime.net/en/stable/api_reference/file_specifications/ts.html

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from seqlearn.datasets import read_ts
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "steps.ts")
    ...     _ = path.write_text(
    ...         "@classLabel true up down\\n@data\\n1,2,3:4,?,6:up\\n3,2,1:6,5,4:down\\n"
    ...     )
    ...     X, y = read_ts(path)
    >>> X.shape
    (2, 3, 2)
    >>> X[0, :, 1]
    array([ 4., nan,  6.])
    >>> y.tolist()
    ['up', 'down']
    """
    header = _Header()
    series: list[np.ndarray] = []
    labels: list[str | float] = []
    for number, line in _numbered_lines(path):
        try:
            if not header.is_complete:
                _read_header_line(header, line)
                continue
            if line.startswith("("):
                raise _MalformedLine(f"the case starts with {line[:30]!r}; {TIME_STAMPS}")
            if header.label != "none":
                line, label = _split_label(line, header)
                labels.append(label)
            values = _parse_series(line)  # (T_i, F)
            _check_shape(values, header, series[0] if series else values)
        except _MalformedLine as fault:
            raise DataFormatError(f"{path}, line {number}: {fault}") from None
        series.append(values)
    if not header.is_complete:
        raise DataFormatError(
            f"{path}: there is no line '@data', so this is not a complete .ts file."
        )
    if not series:
        raise DataFormatError(f"{path}: no case follows the line @data. Is the file complete?")
    return _assemble(series, header), np.array(labels) if labels else None


TIME_STAMPS = (
    "time stamps are not supported, a sequence is its values in order. Write the file without "
    "them, '1.5,2.5' for '(0,1.5),(1,2.5)', and with '@timestamps false'."
)


@dataclass
class _Header:
    """What the header lines state; None where they are silent."""

    label: str | None = None  # "class", "target" or "none"
    classes: tuple[str, ...] = ()
    univariate: bool | None = None
    equal_length: bool | None = None
    series_length: int | None = None
    n_channels: int | None = None
    is_complete: bool = False  # the line @data was read


class _MalformedLine(Exception):
    """A fault in one line; `read_ts` adds the file and the line number."""


def _numbered_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, stripped line), without comments and empty lines."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataFormatError(
            f"{path} is not UTF-8 text (byte {error.start}: {error.reason}). A compressed file "
            "must be unpacked first, a text in another encoding converted, for example with iconv."
        ) from error
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield number, line


def _read_header_line(header: _Header, line: str) -> None:
    """Store one header line; names that do not bear on the reading are passed over."""
    name, *words = line.split()
    if not name.startswith("@"):
        raise _MalformedLine(
            "before the line '@data' each line must start with '#' (comment) or '@' (header), "
            f"but this one starts with {name[:20].lower()!r}."
        )
    name = name.lower()
    if name == "@data":
        if header.label is None:
            raise _MalformedLine(
                "the header states neither @classLabel nor @targetLabel, so whether the last field "
                "is a label is unknown. Add '@classLabel true', '@classLabel false' or "
                "'@targetLabel true'."
            )
        header.is_complete = True
    elif name == "@timestamps":
        if _read_boolean(name, words):
            raise _MalformedLine(f"'@timestamps true': {TIME_STAMPS}")
    elif name == "@univariate":
        header.univariate = _read_boolean(name, words)
    elif name == "@equallength":
        header.equal_length = _read_boolean(name, words)
    elif name == "@serieslength":
        header.series_length = _read_count(name, words)
    elif name in ("@dimensions", "@dimension"):
        header.n_channels = _read_count(name, words)
    elif name in ("@classlabel", "@targetlabel"):
        if not _read_boolean(name, words):
            header.label = header.label or "none"
        elif header.label in ("class", "target"):
            raise _MalformedLine(
                "a second label is declared; a case has one label, its last field."
            )
        else:
            header.label = "class" if name == "@classlabel" else "target"
            header.classes = tuple(words[1:])


def _read_boolean(name: str, words: list[str]) -> bool:
    value = words[0].lower() if words else "nothing"
    if value not in ("true", "false"):
        raise _MalformedLine(f"{name} must be followed by true or false, got {value}.")
    return value == "true"


def _read_count(name: str, words: list[str]) -> int:
    value = words[0] if words else "nothing"
    if not value.isdecimal():
        raise _MalformedLine(f"{name} must be followed by a whole number, got {value}.")
    return int(value)


def _split_label(line: str, header: _Header) -> tuple[str, str | float]:
    """Split a case into its series and its label, a class or a target."""
    series, separator, label = line.rpartition(":")
    label = label.strip()
    if not separator or not label:
        raise _MalformedLine(
            f"a case must end in ':' and its label, as the header says, got '...{line[-20:]}'."
        )
    if header.label == "target":
        try:
            return series, float("nan") if label == "?" else read_number(label)
        except ValueError:
            raise _MalformedLine(
                f"the target must be a number that float64 can hold, got {label[:40]!r}."
            ) from None
    if header.classes and label not in header.classes:
        raise _MalformedLine(
            f"the class {label[:40]!r} is not among those of the header: "
            f"{', '.join(header.classes)}."
        )
    return series, label


def _parse_series(text: str) -> np.ndarray:
    """Turn 'values:values:...' into an array of shape (T_i, F)."""
    channels = text.split(":")
    if "(" in text:
        place = next(c for c in channels if "(" in c)
        raise _MalformedLine(f"a channel starts with {place[:30]!r}; {TIME_STAMPS}")
    lengths = [channel.count(",") + 1 for channel in channels]
    if len(set(lengths)) > 1:
        raise _MalformedLine(
            "the channels of a case must have one length, got lengths "
            f"{', '.join(map(str, lengths))}. Fill the short ones with '?' (missing)."
        )
    try:
        values = _parse_values(text.replace(":", ","))  # (F * T_i,)
    except ValueError:
        raise _MalformedLine(_first_bad_value(channels)) from None
    return np.ascontiguousarray(values.reshape(len(channels), lengths[0]).T)  # (T_i, F)


def _parse_values(text: str) -> np.ndarray:
    """Turn 'value,value,...' into an array of shape (number of values,)."""
    values = np.array(text.replace("?", "nan").split(","), dtype=np.float64)
    if "_" in text or np.isinf(values).any():
        return np.array([read_number(value) for value in text.replace("?", "nan").split(",")])
    return values


def _first_bad_value(channels: list[str]) -> str:
    """Say where the first field lies that is neither a number nor missing."""
    for c, channel in enumerate(channels, start=1):
        for step, field in enumerate(channel.split(","), start=1):
            try:
                _parse_values(field)
            except ValueError:
                return (
                    f"channel {c}, step {step}: {field.strip()!r} is not a number that float64 can "
                    "hold. Accepted are numbers, and '?' or 'NaN' for a missing value."
                )
    raise AssertionError("only called for a case that has a bad value")


def _check_shape(values: np.ndarray, header: _Header, first: np.ndarray) -> None:
    """Refuse a case that contradicts the header or the first case."""
    length, n_channels = values.shape
    if header.univariate and n_channels != 1:
        raise _MalformedLine(
            f"the header says '@univariate true', but this case has {n_channels} channels."
        )
    if n_channels != (header.n_channels or first.shape[1]):
        expected = (
            f"the header says {header.n_channels}"
            if header.n_channels
            else f"the first has {first.shape[1]}"
        )
        raise _MalformedLine(
            f"this case has {n_channels} channels, but {expected}. Is a label or a ':' missing?"
        )
    if header.equal_length is not False and length != (header.series_length or length):
        raise _MalformedLine(
            f"the header says '@seriesLength {header.series_length}', but this case has {length} "
            "steps."
        )
    if header.equal_length and length != len(first):
        raise _MalformedLine(
            f"the header says '@equalLength true', but this case has {length} steps and the first "
            f"has {len(first)}."
        )


def _assemble(series: list[np.ndarray], header: _Header) -> np.ndarray | list[np.ndarray]:
    """Choose the form of X: one array for equal lengths, else the list itself."""
    if header.equal_length is False or len({len(values) for values in series}) > 1:
        return series
    X = np.stack(series)  # (N, T, F)
    return X[:, :, 0] if X.shape[2] == 1 and header.univariate is not False else X
