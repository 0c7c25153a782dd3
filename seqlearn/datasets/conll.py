"""Readers of annotated text in columns: the CoNLL family of formats and CoNLL-U.

Such a file has one token a line, its annotations beside it in columns, and a blank line after each
sentence. White space at either end of a column is no part of it. Here are the formats and nothing
else; which corpora exist, and where their files lie, is known to `text`. Tags come back as they
stand in the file; none is translated from one scheme (IOB1, BIO, BIOES) into another.
"""

import gzip
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from seqlearn.errors import DataFormatError, InvalidParameterError

Sentences = list[list[str]]

CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")

_GAP = re.compile("[ \t]+")
_SKIPPED_ID = re.compile(r"\d+-\d+|\d+\.\d+")  # a multiword range or an empty node


def read_conll(
    path: str | os.PathLike[str],
    columns: Sequence[int] = (0, -1),
    *,
    separator: str | None = None,
    comment: str | None = None,
    empty: Literal["error", "skip", "keep"] = "error",
    encoding: str = "utf-8",
) -> tuple[Sentences, ...]:
    """Read sentences from a file of columns: one token a line, a blank line after each sentence.

    A line that holds nothing but white space is blank too. Lines that start with ``-DOCSTART-``
    mark documents in the files of CoNLL-2003; they end a sentence and are left out. A byte order
    mark is passed over.

    Parameters
    ----------
    path : str or os.PathLike
        The file, text or text packed by gzip, whatever its name.
    columns : sequence of int, default=(0, -1)
        Numbers of the columns to return, from 0, or from -1 backwards.
    separator : str or None, default=None
        What stands between two columns. None means any run of spaces and tabs. With ``"\\t"``, each
        tab separates and a token may hold spaces inside.
    comment : str or None, default=None
        Lines that start with this text are left out. None means that there are no comments, since
        a token, for example in a tweet, may well start with ``#``.
    empty : {"error", "skip", "keep"}, default="error"
        What is done with a line in which one of `columns` holds nothing, or nothing but white
        space, as where a tweet's invisible characters were cut out: refuse it, leave it out, or
        keep the column as it stands. It is not taken for the blank line after a sentence. Only a
        `separator` lets such columns be seen.
    encoding : str, default="utf-8"
        The encoding of the text.

    Returns
    -------
    tuple of lists of lists of str
        For each of `columns` the sentences, and for each sentence that column of its tokens,
        without white space at either end.

    Raises
    ------
    DataFormatError
        When lines differ in their number of columns, or a chosen column is empty and `empty` is
        "error", with the file and the line named; when the file holds no sentence, is not text in
        this encoding, or is a damaged gzip file; when two different `columns` turn out to be the
        same one. A subclass of ValueError.
    InvalidParameterError
        When `columns` is empty, holds something other than whole numbers or names a column that
        the file does not have; when `separator`, `comment`, `empty` or `encoding` is unusable.
    FileNotFoundError
        When there is no such file.

    References
    ----------
    Tjong Kim Sang and De Meulder (2003). Introduction to the CoNLL-2003 shared task:
    language-independent named entity recognition. Proceedings of CoNLL 2003, 142-147.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from seqlearn.datasets import read_conll
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "names.conll")
    ...     _ = path.write_text("Ada B-PER\\nsings O\\n\\nIn O\\nOslo B-LOC\\n")
    ...     tokens, labels = read_conll(path)
    >>> tokens
    [['Ada', 'sings'], ['In', 'Oslo']]
    >>> labels
    [['B-PER', 'O'], ['O', 'B-LOC']]
    """
    is_listed = isinstance(columns, Sequence) and not isinstance(columns, str)
    if not is_listed or not columns or not all(type(column) is int for column in columns):
        raise InvalidParameterError(
            "columns must be a sequence of whole numbers, such as (0, -1), and name at least one "
            f"column, got {columns!r}."
        )
    if separator is not None and not (isinstance(separator, str) and separator):
        raise InvalidParameterError(
            "separator must be None, for runs of spaces and tabs, or a text such as '\\t', got "
            f"{separator!r}."
        )
    if comment is not None and not (isinstance(comment, str) and comment.strip()):
        raise InvalidParameterError(
            f"comment must be None or what comment lines start with, such as '# ', got {comment!r}."
        )
    if not isinstance(empty, str) or empty not in ("error", "skip", "keep"):
        raise InvalidParameterError(
            "empty must be 'error', 'skip' or 'keep': what is done with a line that has an empty "
            f"column; got {empty!r}."
        )
    lines = _read_lines(path, encoding)
    rows = _conll_rows(path, lines, columns, separator, comment, empty)
    return _gather(path, rows, len(columns))


def read_conllu(
    path: str | os.PathLike[str], columns: Sequence[str] = ("form", "upos")
) -> tuple[Sentences, ...]:
    """Read sentences from a file in the CoNLL-U format of Universal Dependencies.

    The words are the syntactic words. Multiword ranges (``3-4``), which repeat the surface form of
    the words after them, and empty nodes (``8.1``) are left out, as are comments.

    Parameters
    ----------
    path : str or os.PathLike
        The file, UTF-8 text or text packed by gzip, whatever its name.
    columns : sequence of str, default=("form", "upos")
        Names of the columns to return, out of ``id``, ``form``, ``lemma``, ``upos``, ``xpos``,
        ``feats``, ``head``, ``deprel``, ``deps`` and ``misc``.

    Returns
    -------
    tuple of lists of lists of str
        For each of `columns` the sentences, and for each sentence that column of its words, as it
        stands in the file but for white space at either end: ``head`` is text too, and ``_`` means
        that nothing is given.

    Raises
    ------
    DataFormatError
        When a line has not 10 columns separated by tabs, when the ids of a sentence do not count
        1, 2, 3, ..., or when a chosen column is empty, with the file and the line named; when the
        file holds no sentence, is not UTF-8 text, or is a damaged gzip file. A subclass of
        ValueError.
    InvalidParameterError
        When `columns` is empty or holds something other than the names above.
    FileNotFoundError
        When there is no such file.

    References
    ----------
    de Marneffe, Manning, Nivre and Zeman (2021). Universal Dependencies. Computational Linguistics
    47(2), 255-308. The format: https://universaldependencies.org/format.html

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from seqlearn.datasets import read_conllu
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "songs.conllu")
    ...     _ = path.write_text(
    ...         "# text = Ada sings\\n"
    ...         "1\\tAda\\tAda\\tPROPN\\t_\\t_\\t2\\tnsubj\\t_\\t_\\n"
    ...         "2\\tsings\\tsing\\tVERB\\t_\\t_\\t0\\troot\\t_\\t_\\n"
    ...     )
    ...     words, tags = read_conllu(path)
    >>> words, tags
    ([['Ada', 'sings']], [['PROPN', 'VERB']])
    """
    numbers = column_numbers(columns)
    rows = _conllu_rows(path, _read_lines(path, "utf-8"), numbers)
    return _gather(path, rows, len(numbers))


def column_numbers(columns: Sequence[str]) -> list[int]:
    """Turn names of CoNLL-U columns into their numbers from 0, or refuse them."""
    if not columns or isinstance(columns, str) or any(c not in CONLLU_COLUMNS for c in columns):
        raise InvalidParameterError(
            "columns must be a sequence of at least one name, such as ('form', 'upos'), out of "
            f"{', '.join(CONLLU_COLUMNS)}; got {columns!r}."
        )
    return [CONLLU_COLUMNS.index(name) for name in columns]


def _read_lines(path: str | os.PathLike[str], encoding: str) -> list[str]:
    """Return the lines of a text file, which may be packed, without their ends."""
    data = Path(path).read_bytes()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise DataFormatError(
                f"{path} is a gzip file that cannot be unpacked ({error}). It is probably "
                "incomplete: copy or download it again."
            ) from error
    try:
        text = data.decode(encoding)
    except (LookupError, TypeError) as error:
        raise InvalidParameterError(
            f"encoding={encoding!r} is not a text encoding that Python knows ({error}). Accepted "
            "are names such as 'utf-8', 'latin-1' or 'utf-16'."
        ) from error
    except UnicodeError as error:
        raise DataFormatError(
            f"{path} is not text in the encoding {encoding!r} ({error}). Convert it, for example "
            "with iconv; read_conll also reads other encodings, given as encoding='latin-1'. An "
            "archive, or a file compressed otherwise than by gzip, must be unpacked first."
        ) from error
    # str.splitlines would also split at characters that may stand in a token, such as U+2028.
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _conll_rows(
    path: str | os.PathLike[str],
    lines: Iterable[str],
    columns: Sequence[int],
    separator: str | None,
    comment: str | None,
    empty: str,
) -> Iterator[list[str] | None]:
    """Yield the chosen columns of each token, and None where a sentence may end."""
    width = first = 0
    hint = ""
    for number, line in enumerate(lines, start=1):
        if comment is not None and line.startswith(comment):
            continue
        if not line.strip() or line.startswith("-DOCSTART-"):
            yield None
            continue
        fields = _GAP.split(line.strip(" \t")) if separator is None else line.split(separator)
        if not first:
            width, first = len(fields), number
            hint = _comment_hint(line, number)
            _check_first_row(f"{path}, line {number}", fields, columns, separator, hint)
        elif len(fields) != width:
            hint = _comment_hint(line, number) or hint
            if not hint and separator is None:
                hint = "If tokens hold spaces, or nothing, and tabs separate the columns, give "
                hint += "separator='\\t'."
            elif not hint:
                hint = f"Is the separator {separator!r} right, and is the line complete?"
            raise DataFormatError(
                f"{path}, line {number}: found {_count(fields)}, expected {width} as in line "
                f"{first}, in {_shorten(line)}. {hint}"
            )
        chosen = [fields[column].strip() or fields[column] for column in columns]
        blank = [column for column, field in zip(columns, chosen, strict=True) if not field.strip()]
        if blank and empty == "error":
            raise DataFormatError(
                f"{path}, line {number}: column {blank[0]} is empty in {_shorten(line)}. Every "
                "token needs a value in the chosen columns: correct the line, or give empty='skip' "
                "to leave such lines out, or empty='keep'."
            )
        if not blank or empty == "keep":
            yield chosen


def _comment_hint(line: str, number: int) -> str:
    """Ask whether a line that does not fit is a comment; empty if it does not look like one."""
    if not line.startswith("#"):
        return ""
    return f"If line {number} is a comment, give comment='#', or a longer start of it."


def _check_first_row(
    where: str, fields: list[str], columns: Sequence[int], separator: str | None, hint: str
) -> None:
    """Hold the chosen columns against the first token, which shows how many there are."""
    width = len(fields)
    for column in columns:
        if not -width <= column < width:
            raise InvalidParameterError(
                f"{where}: columns={columns!r} names column {column}, but the file has "
                f"{_count(fields)}. Accepted are {-width} to {width - 1}; if there should be more, "
                f"check separator={separator!r}. {hint}".rstrip()
            )
    if len({column % width for column in columns}) < len(set(columns)):
        raise DataFormatError(
            f"{where}: found {_count(fields)}, so columns={columns!r} names one of them twice. "
            f"If there should be more, check separator={separator!r}; to read the file as it is, "
            f"name each column once, for example columns=(0,). {hint}".rstrip()
        )


def _conllu_rows(
    path: str | os.PathLike[str], lines: Iterable[str], columns: Sequence[int]
) -> Iterator[list[str] | None]:
    """Yield the chosen columns of each syntactic word, and None where a sentence may end."""
    n_words = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            n_words = 0
            yield None
            continue
        if line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != len(CONLLU_COLUMNS):
            raise DataFormatError(
                f"{path}, line {number}: found {_count(fields)} separated by tabs, expected "
                f"{len(CONLLU_COLUMNS)} in a CoNLL-U file, in {_shorten(line)}. Files with other "
                "columns are read by read_conll."
            )
        if fields[0] != str(n_words + 1):
            if _SKIPPED_ID.fullmatch(fields[0]):
                continue
            raise DataFormatError(
                f"{path}, line {number}: found the id {_shorten(fields[0])}, expected "
                f"'{n_words + 1}', a range such as '{n_words + 1}-{n_words + 2}' or an empty node "
                f"such as '{n_words}.1'. Is a blank line missing between two sentences?"
            )
        for column in columns:
            if not fields[column]:
                raise DataFormatError(
                    f"{path}, line {number}: the column {CONLLU_COLUMNS[column]} is empty in "
                    f"{_shorten(line)}. CoNLL-U writes '_' where nothing is given."
                )
        n_words += 1
        yield [fields[column] for column in columns]


def _gather(
    path: str | os.PathLike[str], rows: Iterable[list[str] | None], n_columns: int
) -> tuple[Sentences, ...]:
    """Turn rows, with None between sentences, into the sentences of each column."""
    groups = (group for is_token, group in groupby(rows, bool) if is_token)
    sentences = [[row for row in group if row] for group in groups]
    if not sentences:
        raise DataFormatError(
            f"{path} holds no sentence: no line has a token. Is the file complete, and the right "
            "one?"
        )
    return tuple([[row[k] for row in rows] for rows in sentences] for k in range(n_columns))


def _count(fields: list[str]) -> str:
    return f"{len(fields)} column{'s' * (len(fields) != 1)}"


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "...")
