"""The named corpora: real counts where the data are, and stand-ins put where a download would."""

import re
import zipfile
from collections import Counter

import numpy as np
import pytest

from seqlearn.datasets import (
    data_home,
    download,
    fetch_sentence_polarity,
    fetch_universal_dependencies,
    fetch_wnut17,
    text,
)
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

ALL_FILES = [*text._TREEBANKS["en_ewt"].values(), *text._WNUT17.values(), text._POLARITY]


# Against the real files, as counted in the data folder's README.md and SOURCE.md


def real(folder):
    home = data_home()
    if home is None or not (home / folder).is_dir():
        pytest.skip(f"needs the folder {folder} in $SEQLEARN_DATA")
    return {"data_home": home, "download_if_missing": False}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("subset", "n_sentences", "n_words"),
    [("train", 12_544, 204_577), ("dev", 2_001, 25_147), ("test", 2_077, 25_094)],
)
def test_counts_of_the_english_web_treebank(subset, n_sentences, n_words):
    where = real("ud_english_ewt")
    columns = ("form", "upos", "xpos")
    words, tags, fine_tags = fetch_universal_dependencies("en_ewt", subset, columns, **where)
    assert len(words) == n_sentences and sum(map(len, words)) == n_words
    assert [*map(len, words)] == [*map(len, tags)] == [*map(len, fine_tags)]
    assert {tag for sentence in tags for tag in sentence} <= set(
        "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split()
    )
    if subset == "train":
        assert (min(map(len, words)), max(map(len, words))) == (1, 159)
        assert len({tag for sentence in tags for tag in sentence}) == 17
        assert len({tag for sentence in fine_tags for tag in sentence}) == 49


def test_counts_of_wnut17():
    parts = fetch_wnut17("all", **real("ner_wnut17"))
    counts = {"train": (3_394, 62_730, 1_975), "dev": (1_009, 15_733, 836)}
    counts["test"] = (1_287, 23_394, 1_079)
    assert list(parts) == ["train", "dev", "test"]
    for part, (tokens, labels) in parts.items():
        seen = Counter(label for sentence in labels for label in sentence)
        n_entities = sum(n for label, n in seen.items() if label.startswith("B-"))
        assert (len(tokens), sum(map(len, tokens)), n_entities) == counts[part]
        assert len(seen) == 13 and [*map(len, tokens)] == [*map(len, labels)]


def test_counts_of_sentence_polarity():
    texts, y = fetch_sentence_polarity(**real("sentence_polarity"))
    assert len(texts) == y.shape[0] == 10_662
    assert Counter(y.tolist()) == {"neg": 5_331, "pos": 5_331}
    assert all(sentence == sentence.strip() != "" for sentence in texts)


@pytest.mark.parametrize("file", ALL_FILES, ids=lambda file: file.name)
def test_checksums_are_those_of_the_data_folder(file):
    folder = real(file.folder)["data_home"] / file.folder
    assert f"{file.sha256}  {file.name}" in (folder / "SHA256SUMS").read_text().splitlines()


def test_addresses_are_pinned_to_a_commit():
    for file in ALL_FILES:
        assert re.fullmatch(r"https://[^/]+/[^/]+/[^/]+/[0-9a-f]{40}/.+", file.url), file.name
        assert file.url.endswith("/" + file.name)
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)


# With stand-ins for the files


def fetch_ewt(subset="train", **arguments):
    return fetch_universal_dependencies("en_ewt", subset, **arguments)


def contents(path, name):
    """Write the stand-in for a file of a corpus; its sentences hold the file's name."""
    if name.endswith(".conllu"):
        rest = "_\t_\t0\troot\t_\t_"
        path.write_text(f"# c\n1-2\tab\t_\t_\t{rest}\n1\t{name}\ta\tX\t{rest}\n\n")
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("sentence_polarity/rt-polarity.neg", "so dull \u2028. \nno . \n\n")
            archive.writestr("sentence_polarity/rt-polarity.pos", "très bien .\n")
    else:
        path.write_text(f"new york\tB-location\n#\tO\n\t\n{name}\tO\n")


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """A machine without data, on which a download makes a stand-in; the names downloaded."""
    names = []

    def stand_in(file, folder):
        names.append(file.name)
        folder.mkdir(parents=True, exist_ok=True)
        contents(folder / file.name, file.name)
        return folder / file.name

    monkeypatch.delenv("SEQLEARN_DATA", raising=False)
    monkeypatch.setattr(download, "_download", stand_in)
    monkeypatch.setattr(download, "_cache_folder", lambda: tmp_path / "cache")
    return names


def test_a_treebank_is_downloaded_once(downloads):
    for _ in range(2):
        assert fetch_universal_dependencies("en_ewt", subset="dev") == (
            [["en_ewt-ud-dev.conllu"]],
            [["X"]],
        )
    assert downloads == ["en_ewt-ud-dev.conllu"]
    assert fetch_universal_dependencies("en_ewt", "dev", ("lemma",)) == ([["a"]],)
    assert fetch_universal_dependencies("en_ewt")[0] == [["en_ewt-ud-train.conllu"]]


def test_wnut17_keeps_hash_signs_and_spaces(downloads):
    tokens, labels = fetch_wnut17()
    assert tokens == [["new york", "#"], ["wnut17train.conll"]]
    assert labels == [["B-location", "O"], ["O"]]
    assert fetch_wnut17("test")[0][1] == ["emerging.test.annotated"]


@pytest.mark.parametrize("fetch", [fetch_wnut17, fetch_ewt])
def test_all_is_each_part_and_downloads_only_what_is_absent(fetch, downloads, tmp_path):
    dev = fetch("dev", data_home=tmp_path)
    parts = fetch("all", data_home=tmp_path)
    assert len(downloads) == 3 and len(set(downloads)) == 3
    assert parts["dev"] == dev
    for part in ("train", "test"):
        assert parts[part] == fetch(part, data_home=tmp_path, download_if_missing=False)


def test_parts_may_lie_in_two_places(downloads, tmp_path, monkeypatch):
    folder = tmp_path / "home" / "ner_wnut17"
    fetch_wnut17("dev")  # goes to the cache
    monkeypatch.setenv("SEQLEARN_DATA", str(tmp_path / "home"))
    folder.mkdir(parents=True)
    for name in ("wnut17train.conll", "emerging.test.annotated"):
        contents(folder / name, name)
    assert set(fetch_wnut17("all", download_if_missing=False)) == {"train", "dev", "test"}


def test_polarity_is_strings_and_labels(downloads):
    texts, y = fetch_sentence_polarity()
    assert texts == ["so dull \u2028.", "no .", "très bien ."]
    np.testing.assert_array_equal(y, ["neg", "neg", "pos"])
    assert isinstance(y, np.ndarray) and y.dtype.kind == "U"
    assert downloads == ["sentence_polarity.zip"]


@pytest.mark.parametrize("fault", ["no zip", "no member", "cut", "not utf-8"])
def test_a_faulty_archive(fault, tmp_path):
    path = tmp_path / "sentence_polarity" / "sentence_polarity.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        if fault != "no member":
            archive.writestr("sentence_polarity/rt-polarity.neg", b"caf\xe9\n" * 20)
    if fault == "no zip":
        path.write_text("<html>log in</html>")
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataFormatError, match=re.escape(str(path)) + ".*Remove it"):
        fetch_sentence_polarity(data_home=tmp_path)


@pytest.mark.parametrize(
    "fetch",
    [fetch_sentence_polarity, fetch_wnut17, fetch_ewt],
)
def test_without_a_download(fetch, downloads, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="download_if_missing is False"):
        fetch(download_if_missing=False)
    with pytest.raises(DatasetNotFoundError, match=re.escape(str(tmp_path / "other"))):
        fetch(data_home=tmp_path / "other", download_if_missing=False)
    assert not downloads


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fetch_wnut17("valid"), "subset must be one of 'train', 'dev', 'test' or 'all'"),
        (lambda: fetch_wnut17(["dev"]), r"subset must be .* got \['dev'\]"),
        (lambda: fetch_universal_dependencies("en_ewt", "valid"), "subset must be .* got 'valid'"),
        (lambda: fetch_universal_dependencies("sv_any"), "name must be .*'en_ewt'.* read_conllu"),
        (lambda: fetch_universal_dependencies("en_ewt", columns=("pos",)), "columns must be"),
    ],
)
def test_parameters_are_checked_before_any_download(call, message, downloads):
    with pytest.raises(InvalidParameterError, match=message):
        call()
    assert not downloads
