"""Named corpora of text: tagged words, named entities, and sentences with a sentiment.

Here is which files make up a corpus, at which fixed version, and how each becomes lists; `download`
finds or fetches a file, `conll` reads columns. The corpora belong to their authors and are under
licences of their own, named in each function.
"""

import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from seqlearn.datasets.conll import Sentences, column_numbers, read_conll, read_conllu
from seqlearn.datasets.download import RemoteFile, find_file
from seqlearn.errors import DataFormatError, InvalidParameterError

Part = Literal["train", "dev", "test"]
Home = str | os.PathLike[str] | None

_GITHUB = "https://raw.githubusercontent.com"
_EWT = f"{_GITHUB}/UniversalDependencies/UD_English-EWT/15d613d8447b3478787d4c278730a1e48a945efb"
_WNUT = f"{_GITHUB}/leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603"
_NLTK = f"{_GITHUB}/nltk/nltk_data/5db857e6f7df11eabb5e5665836db9ec8df07e28"


def _parts(folder: str, url: str, listing: str) -> dict[str, RemoteFile]:
    """Read lines of a part, the name of its file and its checksum."""
    return {
        part: RemoteFile(folder, name, f"{url}/{name}", sha256)
        for part, name, sha256 in map(str.split, listing.strip().splitlines())
    }


_EWT_FILES = """
train en_ewt-ud-train.conllu 3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b
dev en_ewt-ud-dev.conllu 531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6
test en_ewt-ud-test.conllu e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd
"""
_WNUT_FILES = """
train wnut17train.conll 731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5
dev emerging.dev.conll e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8
test emerging.test.annotated 2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0
"""
_TREEBANKS = {"en_ewt": _parts("ud_english_ewt", _EWT, _EWT_FILES)}
_WNUT17 = _parts("ner_wnut17", _WNUT, _WNUT_FILES)
_POLARITY = RemoteFile(
    "sentence_polarity",
    "sentence_polarity.zip",
    f"{_NLTK}/packages/corpora/sentence_polarity.zip",
    "6e1ed4405b65c7eabf1d199a7f7c437091ac21da0ea7467b410a74062574566b",
)


@overload
def fetch_universal_dependencies(
    name: str,
    subset: Part = "train",
    columns: Sequence[str] = ("form", "upos"),
    *,
    data_home: Home = None,
    download_if_missing: bool = True,
) -> tuple[Sentences, ...]: ...
@overload
def fetch_universal_dependencies(
    name: str,
    subset: Literal["all"],
    columns: Sequence[str] = ("form", "upos"),
    *,
    data_home: Home = None,
    download_if_missing: bool = True,
) -> dict[str, tuple[Sentences, ...]]: ...
def fetch_universal_dependencies(
    name: str,
    subset: Part | Literal["all"] = "train",
    columns: Sequence[str] = ("form", "upos"),
    *,
    data_home: Home = None,
    download_if_missing: bool = True,
) -> tuple[Sentences, ...] | dict[str, tuple[Sentences, ...]]:
    """Read a treebank of Universal Dependencies, downloading it when it is not on this machine.

    The English Web Treebank, ``"en_ewt"``, is web logs, newsgroups, e-mail, reviews and answers,
    annotated by hand: 12,544 / 2,001 / 2,077 sentences of 204,577 / 25,147 / 25,094 words in train,
    dev and test, and 17 universal part-of-speech tags (``upos``). Licence: CC BY-SA 4.0.

    Files that are there, in ``ud_english_ewt`` below the data home, are used as they are; only
    absent ones are downloaded. Another treebank, downloaded from universaldependencies.org, is read
    by `read_conllu`.

    Parameters
    ----------
    name : {"en_ewt"}
        The treebank.
    subset : {"train", "dev", "test", "all"}, default="train"
        The part to read.
    columns : sequence of str, default=("form", "upos")
        Names of the columns to return; see `read_conllu`.
    data_home : str, os.PathLike or None, default=None
        The one folder to look in and to download into. None means: look in the folder that the
        environment variable ``SEQLEARN_DATA`` names, then in the user's cache folder of the
        operating system (``pooch.os_cache("seqlearn")``); download into the first of the two that
        can be written to.
    download_if_missing : bool, default=True
        False raises an error instead of using the network.

    Returns
    -------
    tuple of lists of lists of str, or dict
        For each of `columns` the sentences, and for each sentence that column of its words. With
        ``subset="all"``, a dict of such tuples under the keys "train", "dev" and "test".

    Raises
    ------
    InvalidParameterError
        When `name`, `subset` or `columns` is none of the above.
    DatasetNotFoundError
        When a file is neither on this machine nor can be downloaded. A subclass of
        FileNotFoundError.
    DataFormatError
        When what was downloaded has another checksum (it is not kept), or a file is not well
        formed. A subclass of ValueError.

    References
    ----------
    Silveira, Dozat, de Marneffe, Bowman, Connor, Bauer and Manning (2014). A gold standard
    dependency corpus for English. Proceedings of LREC 2014, 2897-2904.

    Examples
    --------
    With a file put into the data home by hand:

    >>> import pathlib, tempfile
    >>> from seqlearn.datasets import fetch_universal_dependencies
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "ud_english_ewt")
    ...     folder.mkdir()
    ...     _ = (folder / "en_ewt-ud-dev.conllu").write_text(
    ...         "1\\tAda\\tAda\\tPROPN\\t_\\t_\\t2\\tnsubj\\t_\\t_\\n"
    ...         "2\\tsings\\tsing\\tVERB\\t_\\t_\\t0\\troot\\t_\\t_\\n"
    ...     )
    ...     words, tags = fetch_universal_dependencies("en_ewt", "dev", data_home=home)
    >>> words, tags
    ([['Ada', 'sings']], [['PROPN', 'VERB']])
    """
    if name not in tuple(_TREEBANKS):
        raise InvalidParameterError(
            f"name must be one of {', '.join(map(repr, _TREEBANKS))}, got {name!r}. Download "
            "another treebank from https://universaldependencies.org and read it with read_conllu."
        )
    column_numbers(columns)  # refuses a wrong name before anything is downloaded
    read = partial(read_conllu, columns=columns)
    return _read_parts(_TREEBANKS[name], subset, read, data_home, download_if_missing)


@overload
def fetch_wnut17(
    subset: Part = "train", *, data_home: Home = None, download_if_missing: bool = True
) -> tuple[Sentences, Sentences]: ...
@overload
def fetch_wnut17(
    subset: Literal["all"], *, data_home: Home = None, download_if_missing: bool = True
) -> dict[str, tuple[Sentences, Sentences]]: ...
def fetch_wnut17(
    subset: Part | Literal["all"] = "train",
    *,
    data_home: Home = None,
    download_if_missing: bool = True,
) -> tuple[Sentences, Sentences] | dict[str, tuple[Sentences, Sentences]]:
    """Read WNUT-17, new and rare named entities, downloading it when it is not on this machine.

    Posts from Twitter, Reddit, YouTube and Stack Exchange with six types of entities (person,
    location, group, creative-work, corporation, product): 3,394 / 1,009 / 1,287 sentences in train,
    dev and test. The three parts come from different sources, so dev and test scores differ much.
    Licence: CC BY 4.0.

    Files that are there, in ``ner_wnut17`` below the data home, are used as they are; only absent
    ones are downloaded.

    Parameters
    ----------
    subset : {"train", "dev", "test", "all"}, default="train"
        The part to read.
    data_home : str, os.PathLike or None, default=None
        The one folder to look in and to download into. None means: look in the folder that the
        environment variable ``SEQLEARN_DATA`` names, then in the user's cache folder of the
        operating system (``pooch.os_cache("seqlearn")``); download into the first of the two that
        can be written to.
    download_if_missing : bool, default=True
        False raises an error instead of using the network.

    Returns
    -------
    tokens : list of lists of str
        The sentences.
    labels : list of lists of str
        For each token its label in the BIO scheme: ``O``, or ``B-`` or ``I-`` and the type, 13
        labels in all. With ``subset="all"``, one dict of such pairs (tokens, labels) under the keys
        "train", "dev" and "test" is returned.

    Raises
    ------
    InvalidParameterError
        When `subset` is none of the above.
    DatasetNotFoundError
        When a file is neither on this machine nor can be downloaded. A subclass of
        FileNotFoundError.
    DataFormatError
        When what was downloaded has another checksum (it is not kept), or a file is not well
        formed. A subclass of ValueError.

    References
    ----------
    Derczynski, Nichols, van Erp and Limsopatham (2017). Results of the WNUT2017 shared task on
    novel and emerging entity recognition. Proceedings of W-NUT 2017, 140-147.

    Examples
    --------
    With a file put into the data home by hand:

    >>> import pathlib, tempfile
    >>> from seqlearn.datasets import fetch_wnut17
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "ner_wnut17")
    ...     folder.mkdir()
    ...     _ = (folder / "emerging.dev.conll").write_text("Ada\\tB-person\\nsings\\tO\\n")
    ...     tokens, labels = fetch_wnut17("dev", data_home=home)
    >>> tokens, labels
    ([['Ada', 'sings']], [['B-person', 'O']])
    """
    read = partial(read_conll, separator="\t")
    return _read_parts(_WNUT17, subset, read, data_home, download_if_missing)


def fetch_sentence_polarity(
    *, data_home: Home = None, download_if_missing: bool = True
) -> tuple[list[str], np.ndarray]:
    """Read sentences of film reviews, each for or against, downloading them when absent.

    The Sentence Polarity Dataset v1.0: 5,331 negative and 5,331 positive sentences or snippets, in
    lower case, with spaces between tokens. There is no division into train and test; ten-fold
    cross-validation is usual. Licence: CC BY 4.0.

    A file ``sentence_polarity/sentence_polarity.zip`` that is there, below the data home, is used
    as it is.

    Parameters
    ----------
    data_home : str, os.PathLike or None, default=None
        The one folder to look in and to download into. None means: look in the folder that the
        environment variable ``SEQLEARN_DATA`` names, then in the user's cache folder of the
        operating system (``pooch.os_cache("seqlearn")``); download into the first of the two that
        can be written to.
    download_if_missing : bool, default=True
        False raises an error instead of using the network.

    Returns
    -------
    texts : list of N str
        The sentences in the order of the files, all negative ones first (shuffle before splitting),
        without white space at either end.
    y : ndarray of shape (N,), str
        "neg" or "pos".

    Raises
    ------
    DatasetNotFoundError
        When the file is neither on this machine nor can be downloaded. A subclass of
        FileNotFoundError.
    DataFormatError
        When what was downloaded has another checksum (it is not kept), or the file is not a zip
        archive with both parts. A subclass of ValueError.

    References
    ----------
    Pang and Lee (2005). Seeing stars: exploiting class relationships for sentiment categorization
    with respect to rating scales. Proceedings of ACL 2005, 115-124.

    Examples
    --------
    With a file put into the data home by hand:

    >>> import pathlib, tempfile, zipfile
    >>> from seqlearn.datasets import fetch_sentence_polarity
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "sentence_polarity")
    ...     folder.mkdir()
    ...     with zipfile.ZipFile(folder / "sentence_polarity.zip", "w") as archive:
    ...         archive.writestr("sentence_polarity/rt-polarity.neg", "not for me . \\n")
    ...         archive.writestr("sentence_polarity/rt-polarity.pos", "a good film . \\n")
    ...     texts, y = fetch_sentence_polarity(data_home=home)
    >>> texts
    ['not for me .', 'a good film .']
    >>> y.tolist()
    ['neg', 'pos']
    """
    path = find_file(_POLARITY, data_home, download_if_missing)
    texts: list[str] = []
    labels: list[str] = []
    for label in ("neg", "pos"):
        lines = _read_member(path, f"sentence_polarity/rt-polarity.{label}").split("\n")
        sentences = [line.strip() for line in lines if line.strip()]
        texts += sentences
        labels += [label] * len(sentences)
    return texts, np.array(labels)


def _read_parts(
    files: dict[str, RemoteFile],
    subset: str,
    read: Callable[[Path], Any],
    data_home: Home,
    download_if_missing: bool,
) -> Any:
    """Read one part of a corpus, or all of them into a dict."""
    if subset not in (*files, "all"):
        raise InvalidParameterError(
            f"subset must be one of {', '.join(map(repr, files))} or 'all', got {subset!r}."
        )
    parts = {
        part: read(find_file(file, data_home, download_if_missing))
        for part, file in files.items()
        if subset in (part, "all")
    }
    return parts if subset == "all" else parts[subset]


def _read_member(path: Path, name: str) -> str:
    """Return the text of one file in a zip archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name).decode("utf-8")
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, UnicodeDecodeError) as error:
        raise DataFormatError(
            f"{path} is not the archive that was expected, with a file {name} of UTF-8 text "
            f"({error}). Remove it, so that it is downloaded again."
        ) from error
