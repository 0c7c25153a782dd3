"""Texts to write, translate and pronounce: tinyshakespeare, Tatoeba's pairs, WikiPron's words.

Each has a fixed division into train, valid and test here, as the publishers give none. `download`
finds or fetches a file. The data belong to their authors and are under licences of their own, named
in each function.
"""

import os
import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from seqlearn.datasets.data_home import data_home as environment_home
from seqlearn.datasets.download import RemoteFile, find_file
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

Part = Literal["train", "valid", "test"]
Home = str | os.PathLike[str] | None

_PARTS = ("train", "valid", "test")
_GITHUB = "https://raw.githubusercontent.com"
_SHAKESPEARE = RemoteFile(
    "tinyshakespeare",
    "input.txt",
    f"{_GITHUB}/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/"
    "input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
)
_SHAKESPEARE_ENDS = (0, 1_003_854, 1_059_624, 1_115_394)  # of the parts, in characters
_WIKIPRON = {
    "isl": RemoteFile(
        "g2p_wikipron_isl",
        "isl_latn_broad.tsv",
        f"{_GITHUB}/CUNY-CL/wikipron/185dfcf514fe37fe4cfddddeacff1eda3afdca55/data/scrape/tsv/"
        "isl_latn_broad.tsv",
        "1294737f4f2500cf2e2dba6b25be881958dc7ba7e93e416f7923ae2d804da3be",
    )
}


class TatoebaPairs(NamedTuple):
    """Sentences and their translations; see `fetch_tatoeba`."""

    sources: list[str]
    targets: list[str]
    attributions: list[str]


class WikipronWords(NamedTuple):
    """Words and how they are pronounced; see `fetch_wikipron`."""

    words: list[str]
    pronunciations: list[list[list[str]]]


def fetch_tinyshakespeare(
    *, part: Part | None = None, data_home: Home = None, download_if_missing: bool = True
) -> str:
    """Read a megabyte of Shakespeare's plays, downloading it when it is not on this machine.

    A text of 1,115,394 characters, 65 of them distinct, in 40,000 lines; the text is in the public
    domain. A file ``tinyshakespeare/input.txt`` that is there, below the data home, is used as it
    is.

    Parameters
    ----------
    part : {"train", "valid", "test"} or None, default=None
        The part to read: the first 1,003,854 characters, the next 55,770, or the last 55,770. None
        is the whole text.
    data_home : str, os.PathLike or None, default=None
        The one folder to look in and to download into. None means: look in the folder that the
        environment variable ``SEQLEARN_DATA`` names, then in the user's cache folder of the
        operating system (``pooch.os_cache("seqlearn")``); download into the first of the two that
        can be written to.
    download_if_missing : bool, default=True
        False raises an error instead of using the network.

    Returns
    -------
    str

    Raises
    ------
    InvalidParameterError
        When `part` is none of the above.
    DatasetNotFoundError
        When the file is neither on this machine nor can be downloaded. A subclass of
        FileNotFoundError.
    DataFormatError
        When what was downloaded has another checksum (it is not kept), or a part is asked for of a
        file of another length. A subclass of ValueError.

    References
    ----------
    Karpathy (2015). The unreasonable effectiveness of recurrent neural networks.
    https://github.com/karpathy/char-rnn

    Examples
    --------
    With a file put into the data home by hand:

    >>> import pathlib, tempfile
    >>> from seqlearn.datasets import fetch_tinyshakespeare
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "tinyshakespeare")
    ...     folder.mkdir()
    ...     _ = (folder / "input.txt").write_text("ROMEO:\\nAy me!\\n")
    ...     text = fetch_tinyshakespeare(data_home=home)
    >>> text
    'ROMEO:\\nAy me!\\n'
    """
    _check_part(part)
    path = find_file(_SHAKESPEARE, data_home, download_if_missing)
    text = _read_text(path)
    if part is None:
        return text
    if len(text) != _SHAKESPEARE_ENDS[-1]:
        raise DataFormatError(
            f"{path} has {len(text):,} characters, not the {_SHAKESPEARE_ENDS[-1]:,} that the "
            "division into parts is made for. Remove it, so that it is downloaded again, or read "
            "the whole of it with part=None."
        )
    i = _PARTS.index(part)
    return text[_SHAKESPEARE_ENDS[i] : _SHAKESPEARE_ENDS[i + 1]]


def fetch_tatoeba(
    pair: str = "eng-swe", *, part: Part | None = None, data_home: Home = None
) -> TatoebaPairs:
    """Read short sentences and their translations, collected by the Tatoeba project.

    A sentence may have several translations, each in a row of its own. English and Swedish, the
    list of 2023-11-29: 25,286 pairs of 20,822 distinct English sentences of 1 to 65 words, mostly
    about 5. Licence: CC BY 2.0 France, whose attribution stands beside each pair.

    The file ``tatoeba_eng_swe/swe.txt`` is looked for below the data home, or that of another
    language, by its code of three letters. It is not downloaded, as the publisher keeps no fixed
    versions: take ``swe-eng.zip`` from https://www.manythings.org/anki and unpack it there.

    Parameters
    ----------
    pair : str, default="eng-swe"
        The languages translated from and to, one of them ``eng``: ``"swe-eng"`` is the same file
        with the columns changed over.
    part : {"train", "valid", "test"} or None, default=None
        The part to read, by the sources: the distinct ones are sorted and then shuffled by
        ``random.Random(0)``; 90 % of them are for training, 5 % for validation and 5 % for tests.
        No source is in two parts. None reads all.
    data_home : str, os.PathLike or None, default=None
        The folder to look in; None is the one that the environment variable ``SEQLEARN_DATA``
        names.

    Returns
    -------
    TatoebaPairs
        A named tuple of three lists of N str, in the order of the file, which is by length (shuffle
        before training): ``sources``, ``targets`` and ``attributions``, whom to name when a
        sentence is published.

    Raises
    ------
    InvalidParameterError
        When `pair` or `part` is none of the above.
    DatasetNotFoundError
        When the file is not on this machine. A subclass of FileNotFoundError.
    DataFormatError
        When a line has no three columns, with the line named. A subclass of ValueError.

    References
    ----------
    Tatoeba, https://tatoeba.org; in pairs of languages by https://www.manythings.org/anki.

    Examples
    --------
    With a file put into the data home by hand:

    >>> import pathlib, tempfile
    >>> from seqlearn.datasets import fetch_tatoeba
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "tatoeba_eng_swe")
    ...     folder.mkdir()
    ...     _ = (folder / "swe.txt").write_text("Good day.\\tGod dag.\\tby Ada\\n")
    ...     pairs = fetch_tatoeba("eng-swe", data_home=home)
    >>> pairs.sources, pairs.targets, pairs.attributions
    (['Good day.'], ['God dag.'], ['by Ada'])
    """
    _check_part(part)
    codes = re.fullmatch("eng-([a-z]{3})|([a-z]{3})-eng", pair) if isinstance(pair, str) else None
    if codes is None or pair == "eng-eng":
        raise InvalidParameterError(
            f"pair={pair!r} is not accepted: give the codes of two languages, one of them 'eng', "
            "such as 'eng-swe' or 'swe-eng'."
        )
    path = _find_tatoeba(codes[1] or codes[2], data_home)
    rows = [row for _, row in _read_rows(path, 3, "a sentence, its translation and whom to name")]
    if codes[2] is not None:
        rows = [[target, source, attribution] for source, target, attribution in rows]
    chosen = _choose((source for source, *_ in rows), part, (0.9, 0.95))
    rows = [row for row in rows if row[0] in chosen]
    return TatoebaPairs(*([row[i] for row in rows] for i in range(3)))


def _find_tatoeba(code: str, data_home: Home) -> Path:
    """Return the path of the file of English and another language."""
    home = environment_home() if data_home is None else Path(data_home).expanduser()
    folder, name = f"tatoeba_eng_{code}", f"{code}.txt"
    if home is not None and (path := home / folder / name).is_file():
        return path
    looked_in = "$SEQLEARN_DATA is not set"
    if home is not None:
        others = sorted(home.glob("tatoeba_eng_???/???.txt"))
        found = [f"'eng-{path.stem}'" for path in others if path.parent.name[-3:] == path.stem]
        looked_in = f"looked in {home / folder}; there is {', '.join(found) or 'no other pair'}"
    raise DatasetNotFoundError(
        f"{name} was not found; {looked_in}. Download {code}-eng.zip from "
        f"https://www.manythings.org/anki, unpack it into a folder {folder}, and give the folder "
        "above as data_home or in the environment variable SEQLEARN_DATA."
    )


def fetch_wikipron(
    language: str = "isl",
    *,
    part: Part | None = None,
    data_home: Home = None,
    download_if_missing: bool = True,
) -> WikipronWords:
    """Read words and their pronunciations from Wiktionary, downloading them when absent.

    Icelandic: 9,740 distinct words with 9,866 pronunciations of 1 to 24 phones, in a broad
    transcription; 67 letters and 91 phones. Licence: CC BY-SA, that of Wiktionary's text.

    A file ``g2p_wikipron_isl/isl_latn_broad.tsv`` that is there, below the data home, is used as
    it is.

    Parameters
    ----------
    language : {"isl"}, default="isl"
        The language.
    part : {"train", "valid", "test"} or None, default=None
        The part to read: the distinct words are sorted and then shuffled by ``random.Random(0)``;
        80 % of them are for training, 10 % for validation and 10 % for tests. None reads all.
    data_home : str, os.PathLike or None, default=None
        The one folder to look in and to download into. None means: look in the folder that the
        environment variable ``SEQLEARN_DATA`` names, then in the user's cache folder of the
        operating system (``pooch.os_cache("seqlearn")``); download into the first of the two that
        can be written to.
    download_if_missing : bool, default=True
        False raises an error instead of using the network.

    Returns
    -------
    WikipronWords
        A named tuple of two lists of length N, in the order of the file:

        - ``words``, list of str, each once;
        - ``pronunciations``, for each word the list of those that are known, at least one, each a
          list of phones, str.

    Raises
    ------
    InvalidParameterError
        When `language` or `part` is none of the above.
    DatasetNotFoundError
        When the file is neither on this machine nor can be downloaded. A subclass of
        FileNotFoundError.
    DataFormatError
        When what was downloaded has another checksum (it is not kept), or a line is no word and its
        phones, with the line named. A subclass of ValueError.

    References
    ----------
    Lee, Ashby, Garza, Lee-Sikka, Miller, Wong, McCarthy and Gorman (2020). Massively multilingual
    pronunciation modeling with WikiPron. Proceedings of LREC 2020, 4223-4228.

    Examples
    --------
    With a file put into the data home by hand:

    >>> import pathlib, tempfile
    >>> from seqlearn.datasets import fetch_wikipron
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "g2p_wikipron_isl")
    ...     folder.mkdir()
    ...     _ = (folder / "isl_latn_broad.tsv").write_text("ab\\ta p\\nab\\ta b\\n")
    ...     found = fetch_wikipron(data_home=home)
    >>> found.words, found.pronunciations
    (['ab'], [[['a', 'p'], ['a', 'b']]])
    """
    _check_part(part)
    if language not in tuple(_WIKIPRON):
        raise InvalidParameterError(
            f"language={language!r} is not accepted; choose one of "
            f"{', '.join(map(repr, _WIKIPRON))}."
        )
    path = find_file(_WIKIPRON[language], data_home, download_if_missing)
    known: dict[str, list[list[str]]] = {}
    form = "a word and its phones, with spaces between"
    for number, (word, phones) in _read_rows(path, 2, form):
        if not phones.split():
            raise _faulty_line(path, number, form)
        known.setdefault(word, []).append(phones.split())
    chosen = _choose(known, part, (0.8, 0.9))
    words = [word for word in known if word in chosen]
    return WikipronWords(words, [known[word] for word in words])


def _check_part(part: str | None) -> None:
    if part is not None and part not in _PARTS:
        raise InvalidParameterError(
            f"part={part!r} is not accepted; choose one of {', '.join(map(repr, _PARTS))}, or None "
            "for everything."
        )


def _choose(keys: Iterable[str], part: str | None, shares: tuple[float, float]) -> set[str]:
    """Return the distinct keys of a part, whose borders are shares of them all."""
    distinct = sorted(set(keys))
    if part is None:
        return set(distinct)
    random.Random(0).shuffle(distinct)
    borders = [0, *(int(share * len(distinct)) for share in shares), len(distinct)]
    i = _PARTS.index(part)
    return set(distinct[borders[i] : borders[i + 1]])


def _read_text(path: Path) -> str:
    """Return the text of a file as it is, with its line ends."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataFormatError(
            f"{path} is not UTF-8 text ({error}). Remove it and get it again."
        ) from error


def _read_rows(path: Path, n_columns: int, form: str) -> Iterator[tuple[int, list[str]]]:
    """Return number and columns of each line; no column may be empty."""
    for number, line in enumerate(_read_text(path).split("\n"), 1):
        if line.strip():
            columns = line.rstrip("\r").split("\t")
            if len(columns) != n_columns or not all(columns):
                raise _faulty_line(path, number, form)
            yield number, columns


def _faulty_line(path: Path, number: int, form: str) -> DataFormatError:
    return DataFormatError(f"{path}, line {number}: not {form}, with tabs between the columns.")
