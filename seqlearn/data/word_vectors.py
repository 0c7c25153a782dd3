"""Word vectors learned elsewhere: `as_word_vectors` reads the files and objects that hold them.

The text formats of GloVe, word2vec and fastText are read here; their
binary formats are recognised and refused.
"""

import codecs
import gzip
import io
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from seqlearn.data.messages import show
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

__all__ = ["WordVectors", "as_word_vectors"]

CHUNK = 1 << 22  # bytes of text parsed at a time
LONGEST = 1 << 20  # bytes of the first two lines
REFUSED = {  # by their first bytes
    b"PK\x03\x04": "a zip archive; unpack it first, then pass one of its files.",
    b"\xba\x16\x4f\x2f": "a binary fastText model; pass the text file, .vec, that fastText writes "
    "beside it.",
}
BINARY = (
    "is in the binary format of word2vec; only text is read. Convert it, with gensim: "
    'KeyedVectors.load_word2vec_format(path, binary=True).save_word2vec_format("vectors.txt"); '
    "or pass the KeyedVectors themselves."
)


@dataclass(frozen=True, eq=False, repr=False)
class WordVectors:
    """Distinct words and one vector each.

    Attributes
    ----------
    words : list of str
        W words, in the order of the file.
    vectors : ndarray of shape (W, E), float32
        Finite numbers; shared with the object they come from, where that holds just these.
    """

    words: list[str]
    vectors: np.ndarray

    def __repr__(self) -> str:
        return f"<WordVectors: W={len(self.words)}, E={self.vectors.shape[1]}>"


def as_word_vectors(source: Any) -> WordVectors:
    """Read word vectors from a file, or from an object that holds them.

    A file is UTF-8 text, one word a line, then its values, apart by spaces or tabs; compressed by
    gzip or not. The first line may be a header, the number of words and that of values, as
    word2vec and fastText write it, and is taken for one if it holds two whole numbers, unless the
    second line holds one value and the header would promise more. The number of words in it is not
    held against the file, so a file cut short with ``head`` is read. A word may hold spaces, as
    some of GloVe do, but not in the first line of a file without a header, and its last part must
    not be a number. If a word occurs twice, the first vector counts. Blank lines are passed over.

    Parameters
    ----------
    source : str, os.PathLike, mapping, KeyedVectors or WordVectors
        Path of a file in a text format of GloVe, word2vec or fastText; or a mapping from words to
        vectors of shape (E,); or an object with ``key_to_index``, a mapping from words to rows, and
        ``vectors`` of shape (W, E), such as the ``KeyedVectors`` of gensim.

    Returns
    -------
    WordVectors

    Raises
    ------
    DataFormatError
        A line, or an entry, is not a word and E finite numbers, or there is none; the file is not
        UTF-8, or in a binary format. File and line are named.
    DatasetNotFoundError
        There is no such file.
    InvalidParameterError
        ``source`` is none of the above.

    References
    ----------
    Mikolov et al. (2013). Efficient estimation of word representations in vector space.
    Pennington et al. (2014). GloVe: global vectors for word representation.
    Bojanowski et al. (2017). Enriching word vectors with subword information.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "glove.txt")
    ...     _ = path.write_text("cat 0.5 1.0\\ndog 0.25 -1.0\\n")
    ...     found = as_word_vectors(path)
    >>> found
    <WordVectors: W=2, E=2>
    >>> found.words
    ['cat', 'dog']
    >>> as_word_vectors({"cat": [0.5, 1.0]}).vectors
    array([[0.5, 1. ]], dtype=float32)
    """
    if isinstance(source, WordVectors):
        return source
    if isinstance(source, str | os.PathLike):
        return _read_file(Path(source))
    if hasattr(source, "key_to_index") and hasattr(source, "vectors"):
        return _read_keyed_vectors(source)
    if isinstance(source, Mapping):
        return _read_mapping(source)
    raise InvalidParameterError(
        f"vectors= is of type {type(source).__name__}. Accepted are the path of a text file "
        "of GloVe, word2vec or fastText, a mapping from words to vectors, gensim's KeyedVectors "
        "(model.wv of a model), and sklearn.frozen.FrozenEstimator(model) of a fitted "
        "LSTMLanguageModel."
    )


# Objects.


def _read_mapping(mapping: Mapping[str, Any]) -> WordVectors:
    words = _check_words(list(mapping))
    rows = [_as_row(word, vector) for word, vector in mapping.items()]
    for word, row in zip(words, rows, strict=True):
        if row.shape != rows[0].shape:
            raise DataFormatError(
                f"The vector of {word!r} in vectors= has {len(row)} values, but that of "
                f"{words[0]!r}, the first, has {len(rows[0])}; all must have the same number."
            )
    return _finish(words, np.stack(rows))


def _as_row(word: str, vector: Any) -> np.ndarray:
    try:
        row = np.asarray(vector)
        if row.ndim == 1 and row.size and row.dtype.kind in "fiu":
            return row
        problem = f"is {row.dtype} of shape {row.shape}"
    except (TypeError, ValueError, RuntimeError) as cause:
        problem = f"cannot be made an array ({cause})"
    raise DataFormatError(
        f"The vector of {word!r} in vectors= {problem}; it must be a vector of numbers, of shape "
        "(E,)."
    )


def _read_keyed_vectors(keyed: Any) -> WordVectors:
    """Read what has the two attributes that gensim's KeyedVectors have since version 4."""
    words = _check_words(list(keyed.key_to_index))
    vectors = np.asarray(keyed.vectors)
    if vectors.ndim != 2 or vectors.shape[1] == 0 or vectors.dtype.kind not in "fiu":
        raise DataFormatError(
            f"The vectors of vectors= must be numbers of shape (W, E). Got {vectors.dtype} of "
            f"shape {vectors.shape}."
        )
    rows = np.array(list(keyed.key_to_index.values()))
    if rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= len(vectors):
        raise DataFormatError(
            "The values of key_to_index in vectors= must be rows of its vectors, from 0 to "
            f"{len(vectors) - 1}."
        )
    in_order = np.array_equal(rows, np.arange(len(vectors)))
    return _finish(words, vectors if in_order else vectors[rows])


def _check_words(words: list[Any]) -> list[str]:
    if not words:
        raise DataFormatError("vectors= holds no word; at least one and its vector are needed.")
    for word in words:
        if not isinstance(word, str):
            raise DataFormatError(
                f"The words of vectors= must be strings, but {word!r} is of type "
                f"{type(word).__name__}."
            )
    return [str(word) for word in words]


def _finish(words: list[str], vectors: np.ndarray) -> WordVectors:
    """Cast to float32 and refuse what is not finite then."""
    with np.errstate(over="ignore"):
        vectors = vectors.astype(np.float32, copy=False)
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise DataFormatError(
            f"The vector of {words[bad[0]]!r} in vectors= holds NaN, infinity or a number too "
            "large for float32. Drop the word, or repair its vector."
        )
    return WordVectors(words, vectors)


# Files.


class _MalformedLine(Exception):
    """A fault in the line ``number``, from 1; `_read_file` adds the file."""

    def __init__(self, number: int, fault: str):
        super().__init__(f"line {number}: {fault}")


def _read_file(path: Path) -> WordVectors:
    try:
        with open(path, "rb") as file:
            return _read_stream(_decompress(file, path), path)
    except FileNotFoundError as error:
        raise DatasetNotFoundError(
            f"There is no file of word vectors at {path.absolute()}. Pass the path of one, or a "
            "mapping from words to vectors."
        ) from error
    except _MalformedLine as fault:
        raise DataFormatError(f"{path}, {fault}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataFormatError(
            f"{path} is compressed by gzip, but damaged or incomplete ({error}). Fetch it again."
        ) from error


def _decompress(file: io.BufferedReader, path: Path) -> io.BufferedReader:
    start = file.peek(4)[:4]
    if start in REFUSED:
        raise DataFormatError(f"{path} is {REFUSED[start]}")
    if start[:2] == b"\x1f\x8b":
        return io.BufferedReader(gzip.GzipFile(fileobj=file), CHUNK)
    return file


def _read_stream(stream: io.BufferedReader, path: Path) -> WordVectors:
    """Parse chunk by chunk; the values grow in one buffer, so they are never held twice."""
    first, second = (stream.readline(LONGEST) for _ in range(2))
    first = first.removeprefix(codecs.BOM_UTF8)
    stated = _read_header(first)
    if stated is not None and _looks_binary(second + stream.peek(), stated):
        raise DataFormatError(f"{path} {BINARY}")
    width, has_header = _read_layout(first, second, stated)
    number, lines = (2, [second]) if has_header else (1, [first, second])
    words: dict[str, None] = {}
    values = bytearray()
    while lines := lines + stream.readlines(CHUNK):
        new_words, rows = _parse(lines, number, width)
        is_first = []
        for word in new_words:
            is_first.append(word not in words)
            words[word] = None
        values += (rows if all(is_first) else rows[is_first]).tobytes()
        number, lines = number + len(lines), []
    if not words:
        raise DataFormatError(f"{path} holds no word vectors. Is it the right file, and complete?")
    return WordVectors(list(words), np.frombuffer(values, np.float32).reshape(-1, width))


def _read_header(first: bytes) -> int | None:
    """Return the number of values a word that the first line states if it may be a header."""
    fields = first.split()
    if len(fields) == 2 and all(field.isdigit() and len(field) < 16 for field in fields):
        return int(fields[1])
    return None


def _looks_binary(rows: bytes, width: int) -> bool:
    """Whether float32 numbers follow the first space, where a text has `width` written ones."""
    numbers = rows.partition(b" ")[2][: 4 * width]
    end = max(2 * width - 1, numbers.find(b"\n"))  # written, they take as many bytes or more
    numbers = numbers[:end] if b"\n" in numbers else numbers
    try:
        codecs.getincrementaldecoder("utf-8")().decode(numbers)
    except UnicodeDecodeError:
        return True
    return any(byte < 32 and byte not in b"\t\r\n" for byte in numbers)


def _read_layout(first: bytes, second: bytes, stated: int | None) -> tuple[int, bool]:
    """Return the number of values a word, and whether the first line is a header."""
    if LONGEST in (len(first), len(second)):
        raise _MalformedLine(
            1 if len(first) == LONGEST else 2,
            f"there is no line end within {LONGEST} bytes. This is not a text file of vectors.",
        )
    if stated:
        is_header = stated == 1 or len(second.split()) != 2
        return stated if is_header else 1, is_header
    width = len(first.split()) - 1
    if width < 1 and (first.strip() or second):
        raise _MalformedLine(
            1, f"a word and its values are expected, or a header. Got {_show(first)}."
        )
    return max(width, 0), False


def _parse(lines: list[bytes], number: int, width: int) -> tuple[list[str], np.ndarray]:
    """Parse lines of which the first is line `number` of the file.

    Most lines hold `width` spaces and no tab, and are split at the first space.
    """
    text = _decode(lines, number)
    has_tabs = "\t" in text
    words, rows, numbers = [], [], []
    for i, line in enumerate(text.split("\n"), start=number):
        line = line.rstrip(" \t\r")
        if not line:
            continue
        if line.count(" ") == width and not has_tabs:
            word, _, row = line.partition(" ")
        else:
            word, row = _split_line(line, i, width)
        if not word:
            raise _MalformedLine(i, f"it starts with a space: there is no word in {_show(line)}.")
        words.append(word)
        rows.append(row)
        numbers.append(i)
    if not rows:
        return words, np.empty((0, width), np.float32)
    values = _parse_rows(rows)
    if values is None or values.shape != (len(rows), width):
        _refuse_row(words, rows, numbers, width)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise _MalformedLine(
            numbers[bad[0]],
            f"the vector of {_show(words[bad[0]])} holds NaN, infinity or a number too large for "
            "float32. Drop the line.",
        )
    return words, values


def _decode(lines: list[bytes], number: int) -> str:
    try:
        return b"".join(lines).decode()
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        place = len(before) - before.rfind(b"\n") - 1
        raise _MalformedLine(
            number + before.count(b"\n"),
            f"it is not UTF-8 text (byte {place}: {error.reason}). Convert another encoding "
            "with 'iconv -f latin1 -t utf-8'; drop broken characters with 'iconv -c -f utf-8 -t "
            "utf-8'.",
        ) from None


def _split_line(line: str, number: int, width: int) -> tuple[str, str]:
    """Split a word from its values, from the right; only ASCII white space separates."""
    word, *values = (part.decode() for part in line.encode().rsplit(None, width))
    found = len(values)
    if found == width:
        inner = word.encode().split()[1:]
        while inner and _parse_rows([inner.pop().decode()]) is not None:
            found += 1
    if found != width:
        raise _MalformedLine(number, _width_fault(width, found, line))
    return word, " ".join(values)


def _parse_rows(rows: list[str]) -> np.ndarray | None:
    """Return rows of numbers as float32; None if they are not that, or differ in width."""
    try:
        return np.loadtxt(rows, dtype=np.float32, comments=None, ndmin=2)  # (len(rows), E)
    except ValueError:
        return None


def _refuse_row(words: list[str], rows: list[str], numbers: list[int], width: int) -> NoReturn:
    """Say which row is the first that does not hold `width` numbers."""
    for word, row, number in zip(words, rows, numbers, strict=True):
        fields = row.split()
        if len(fields) != width:
            raise _MalformedLine(number, _width_fault(width, len(fields), f"{word} {row}"))
        for field in fields:
            if _parse_rows([field]) is None:
                raise _MalformedLine(
                    number, f"{_show(field)} in the vector of {_show(word)} is not a number."
                )
    raise AssertionError("only called for rows of which one is bad")


def _width_fault(expected: int, found: int, line: str) -> str:
    return (
        f"expected a word and {expected} value{'s' * (expected != 1)}, as the first line has it, "
        f"found {found}: {_show(line)}."
    )


def _show(text: str | bytes) -> str:
    return show((text.decode(errors="replace") if isinstance(text, bytes) else text).strip())
