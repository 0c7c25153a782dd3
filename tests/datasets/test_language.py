"""Texts to write, translate and pronounce: files by hand, faulty ones, and the real ones."""

import re

import pytest

from seqlearn.datasets import (
    data_home,
    download,
    fetch_tatoeba,
    fetch_tinyshakespeare,
    fetch_wikipron,
    language,
)
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

FILES = [language._SHAKESPEARE, *language._WIKIPRON.values()]
PARTS = ("train", "valid", "test")
FETCHERS = [fetch_tinyshakespeare, fetch_tatoeba, fetch_wikipron]


# Against the real files


def real(folder):
    home = data_home()
    if home is None or not (home / folder).is_dir():
        pytest.skip(f"needs the folder {folder} in $SEQLEARN_DATA")
    return {"data_home": home}


def test_counts_of_tinyshakespeare():
    where = real("tinyshakespeare")
    text = fetch_tinyshakespeare(**where)
    parts = [fetch_tinyshakespeare(part=part, **where) for part in PARTS]
    assert list(map(len, parts)) == [1_003_854, 55_770, 55_770]
    assert "".join(parts) == text and len(set(text)) == 65 and text.count("\n") == 40_000


def test_counts_of_tatoeba():
    where = real("tatoeba_eng_swe")
    every = fetch_tatoeba(**where)
    parts = [fetch_tatoeba("eng-swe", part=part, **where) for part in PARTS]
    assert [len(part.sources) for part in parts] == [22_749, 1_249, 1_288]
    assert len(every.sources) == 25_286 and len(set(every.sources)) == 20_822
    found = [row for part in parts for row in zip(*part, strict=True)]
    assert sorted(found) == sorted(zip(*every, strict=True))
    assert sum(len(set(part.sources)) for part in parts) == 20_822
    assert all(credit.startswith("CC-BY 2.0 (France)") for credit in every.attributions)
    back = fetch_tatoeba("swe-eng", **where)
    assert (back.sources, back.targets) == (every.targets, every.sources)


def test_counts_of_wikipron():
    where = real("g2p_wikipron_isl")
    every = fetch_wikipron(**where)
    parts = [fetch_wikipron("isl", part=part, **where) for part in PARTS]
    assert [len(part.words) for part in parts] == [7_792, 974, 974]
    assert sorted(word for part in parts for word in part.words) == sorted(every.words)
    assert len(every.words) == len(set(every.words)) == 9_740
    assert sum(map(len, every.pronunciations)) == 9_866
    lengths = [len(phones) for row in every.pronunciations for phones in row]
    assert (min(lengths), max(lengths)) == (1, 24)
    assert len({phone for row in every.pronunciations for one in row for phone in one}) == 91


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_addresses_are_pinned_and_checksums_those_of_the_data_folder(file):
    assert re.fullmatch(r"https://[^/]+/[^/]+/[^/]+/[0-9a-f]{40}/.+", file.url)
    assert file.url.endswith("/" + file.name) and re.fullmatch("[0-9a-f]{64}", file.sha256)
    sums = real(file.folder)["data_home"] / file.folder / "SHA256SUMS"
    assert f"{file.sha256}  {file.name}" in sums.read_text().splitlines()


# With files written by hand


def put(home, name, text):
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(text.encode())
    return {"data_home": home}


def test_shakespeare_is_the_text_as_it_is(tmp_path):
    where = put(tmp_path, "tinyshakespeare/input.txt", "\ta\r\n\u2028b\n\n")
    assert fetch_tinyshakespeare(**where) == "\ta\r\n\u2028b\n\n"
    with pytest.raises(DataFormatError, match=r"has 8 characters, not the 1,115,394"):
        fetch_tinyshakespeare(part="valid", **where)


def test_pairs_as_written(tmp_path):
    lines = [f"source {i // 2}\tmål {i}\tby \u2028{i}" for i in range(80)]
    where = put(tmp_path, "tatoeba_eng_deu/deu.txt", "\r\n".join(lines) + "\n\n")
    every = fetch_tatoeba("eng-deu", **where)
    assert [*map("\t".join, zip(*every, strict=True))] == lines
    parts = [fetch_tatoeba("eng-deu", part=part, **where) for part in PARTS]
    assert [len(set(part.sources)) for part in parts] == [36, 2, 2]
    for part in parts:
        rows = list(zip(*part, strict=True))
        assert rows == [row for row in zip(*every, strict=True) if row[0] in part.sources]
    assert len(fetch_tatoeba("deu-eng", part="test", **where).sources) == 4
    put(tmp_path, "tatoeba_eng_swe/swe.txt", "")
    assert fetch_tatoeba(data_home=tmp_path, part="train") == ([], [], [])
    with pytest.raises(DatasetNotFoundError, match=r"there is 'eng-deu', 'eng-swe'.*fra-eng\.zip"):
        fetch_tatoeba("eng-fra", **where)


def test_words_as_written(tmp_path):
    where = put(tmp_path, "g2p_wikipron_isl/isl_latn_broad.tsv", "b\tp\nað\ta ð\nb\tp ɛː\n\n")
    assert fetch_wikipron(**where) == (["b", "að"], [[["p"], ["p", "ɛː"]], [["a", "ð"]]])
    assert [len(fetch_wikipron(part=part, **where).words) for part in PARTS] == [1, 0, 1]


@pytest.mark.parametrize("line", ["a\tb", "a\tb\tc\td", "a\t\tc", "\tb\tc", "a"])
def test_pairs_that_are_refused(tmp_path, line):
    where = put(tmp_path, "tatoeba_eng_swe/swe.txt", f"a\tb\tc\n{line}\n")
    with pytest.raises(DataFormatError, match=r"swe\.txt, line 2: not a sentence, its translation"):
        fetch_tatoeba(**where)


@pytest.mark.parametrize("line", ["a", "a\tb\tc", "a\t", "\tb", "a\t  "])
def test_words_that_are_refused(tmp_path, line):
    where = put(tmp_path, "g2p_wikipron_isl/isl_latn_broad.tsv", f"a\tb\n{line}\n")
    with pytest.raises(DataFormatError, match=r"broad\.tsv, line 2: not a word and its phones"):
        fetch_wikipron(**where)


def test_a_file_that_is_no_text(tmp_path):
    put(tmp_path, "tatoeba_eng_swe/swe.txt", "")
    (tmp_path / "tatoeba_eng_swe/swe.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataFormatError, match=r"swe\.txt is not UTF-8 text"):
        fetch_tatoeba(data_home=tmp_path)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without data and without a network."""

    def refuse(file, folder):
        raise AssertionError(f"{file.name} was about to be downloaded")

    monkeypatch.delenv("SEQLEARN_DATA", raising=False)
    monkeypatch.setattr(download, "_download", refuse)
    monkeypatch.setattr(download, "_cache_folder", lambda: tmp_path / "cache")
    return tmp_path


def test_files_that_are_absent(machine):
    for fetch in (fetch_tinyshakespeare, fetch_wikipron):
        with pytest.raises(DatasetNotFoundError, match="download_if_missing is False"):
            fetch(download_if_missing=False)
        with pytest.raises(AssertionError, match="about to be downloaded"):
            fetch()
    with pytest.raises(DatasetNotFoundError, match=r"\$SEQLEARN_DATA is not set.*swe-eng\.zip"):
        fetch_tatoeba()
    with pytest.raises(DatasetNotFoundError, match="there is no other pair"):
        fetch_tatoeba(data_home=machine)


@pytest.mark.parametrize("fetch", FETCHERS)
@pytest.mark.parametrize("part", ["dev", "", 0, ["train"]])
def test_a_part_that_is_none_is_refused_first(machine, fetch, part):
    with pytest.raises(InvalidParameterError, match=r"part=.*'train', 'valid', 'test', or None"):
        fetch(part=part)


@pytest.mark.parametrize("pair", ["swe", "eng-eng", "swe-deu", "eng-se", "ENG-SWE", None, 3])
def test_languages_that_are_refused(machine, pair):
    with pytest.raises(InvalidParameterError, match=r"pair=.*one of them 'eng'"):
        fetch_tatoeba(pair)
    with pytest.raises(InvalidParameterError, match=r"language=.*choose one of 'isl'"):
        fetch_wikipron(pair)
