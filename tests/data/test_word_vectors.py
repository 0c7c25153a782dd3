"""Word vectors from files written here, from mappings and KeyedVectors; faults are named."""

import bz2
import gzip
import pickle
import tracemalloc
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqlearn.data import word_vectors
from seqlearn.data.word_vectors import WordVectors, as_word_vectors
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError


@pytest.fixture
def write(tmp_path):
    """Return a function that writes text or bytes to a file and returns its path."""

    def write_file(content, name="vectors.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


@pytest.fixture(params=[1, 40, word_vectors.CHUNK])
def chunk(request, monkeypatch):
    """Read in chunks of a line, of a few lines, and of the whole file."""
    monkeypatch.setattr(word_vectors, "CHUNK", request.param)


def assert_holds(found, words, vectors):
    assert type(found) is WordVectors
    assert found.words == words
    assert {type(word) for word in found.words} == {str}
    assert found.vectors.dtype == np.float32
    assert found.vectors.shape == np.shape(vectors)
    np.testing.assert_array_equal(found.vectors, np.asarray(vectors, dtype=np.float32))


# Files.

spaceless = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=5)
some_words = st.lists(
    st.one_of(
        spaceless.filter(lambda word: " " not in word and not word.startswith("\ufeff")),
        st.sampled_from(["5", "-1.5", "\u00a0", "a\u00a0b", "\u2028", "\x85", "nan", "#", '"']),
    ),
    min_size=1,
    max_size=6,
    unique=True,
)


@settings(deadline=None, max_examples=60)
@given(words=some_words, data=st.data(), width=st.integers(2, 4))
def test_what_was_written_is_read(words, data, width, tmp_path_factory):
    values = data.draw(
        arrays(np.float32, (len(words), width), elements=st.floats(-1e9, 1e9, width=32))
    )
    header = data.draw(st.sampled_from(["", f"{len(words)} {width}\n"]))
    end = data.draw(st.sampled_from(["\n", " \n", "\r\n"]))
    gap = data.draw(st.sampled_from([" ", "\t"]))
    rows = [
        word + gap + " ".join(map(repr, row))
        for word, row in zip(words, values.tolist(), strict=True)
    ]
    path = tmp_path_factory.getbasetemp() / "written.txt"
    content = (header + end.join(rows) + data.draw(st.sampled_from(["", end]))).encode()
    for stored in (content, gzip.compress(content, 1, mtime=0)):
        path.write_bytes(stored)
        assert_holds(as_word_vectors(path), words, values)


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize(
    "text",
    [
        "a 1 2 3\nb 4 5 6\n",  # GloVe
        "2 3\na 1 2 3\nb 4 5 6\n",  # word2vec
        "2 3\na 1 2 3 \nb 4 5 6 \n",  # fastText
        "a 1 2 3\r\nb 4 5 6",
        "a\t1 2 3\nb\t4 5 6\n",
        "a  1 2   3\nb 4\t5 6\n",
        "\ufeffa 1.0 2e0 +3\nb 4 0.5e1 .6e1\n",
        "\ufeff2 3\na 1 2 3\nb 4 5 6\n\n\n",
        "9999 3\na 1 2 3\nb 4 5 6\n",  # cut short with head
        "a 1 2 3\nb 4 5 6\na 7 8 9\nb 0 0 0\na 0 0 0\n",  # twice
    ],
)
def test_forms_of_one_table(write, text):
    for content in (text.encode(), gzip.compress(text.encode())):
        path = write(content, "vectors.vec")
        for given_path in (path, str(path)):
            assert_holds(as_word_vectors(given_path), ["a", "b"], [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("text", "words", "vectors"),
    [
        ("7 3\na 5\n", ["7", "a"], [[3], [5]]),
        ("7 3\n8 5\n", ["7", "8"], [[3], [5]]),
        ("7 0\na 5\n", ["7", "a"], [[0], [5]]),
        ("7 1\na 5\n", ["a"], [[5]]),
        ("7 2\na 5 6\n", ["a"], [[5, 6]]),
        ("7 2\n8 5 6\n", ["8"], [[5, 6]]),
        ("7 2.0\na 5\n", ["7", "a"], [[2], [5]]),
        ("-7 2\na 5\n", ["-7", "a"], [[2], [5]]),
        ("7 2 1\na 5 6\n", ["7", "a"], [[2, 1], [5, 6]]),
        ("1 2\nnew york 5 6\n", ["new york"], [[5, 6]]),
        ("1 2\nà côté 5 6\n", ["à côté"], [[5, 6]]),
    ],
)
def test_a_header_is_told_from_a_row(write, text, words, vectors):
    assert_holds(as_word_vectors(write(text)), words, vectors)


@pytest.mark.parametrize("word", [". . .", "at name@domain.com", "a  b", "1 1/2", "\u00a0 x"])
def test_words_may_hold_spaces(write, word):
    path = write(f"a 1 2\n{word} 3 4\nb 5 6\n")
    assert_holds(as_word_vectors(path), ["a", word, "b"], [[1, 2], [3, 4], [5, 6]])


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 3\n", r"line 2: expected a word and 2 values.*found 1: 'b 3'"),
        ("a 1 2\nb 3 4\nc 3 4 5\nd 1 1\n", r"line 3: expected a word and 2 values.*found 3"),
        ("a 1 2\nnew york 3 4 5 6\n", r"line 2: expected a word and 2 values.*found 4"),
        ("a 1 2\n\n\nb\n", r"line 4: expected a word and 2 values.*found 0: 'b'"),
        ("a 1 2\nb\t3 4 5\n", r"line 2: expected a word and 2 values.*found 3"),
        ("1 2\na 1 2 3\n", r"line 2: expected a word and 2 values.*found 3"),
        ("9 3\na 1 2\n", r"line 2: expected a word and 3 values.*found 2"),
        ("9 3\na\n", r"line 2: expected a word and 3 values.*found 0"),
        ("9 3\na 1\nb 1 2 3\n", r"line 3: expected a word and 1 value,.*found 3"),
        ("a 1 2\nb 3  \nc 1 2\n", r"line 2: expected a word and 2 values.*found 1"),
        ("a 1 2\nb  3\n", r"line 2: expected a word and 2 values.*found 1"),
        ("a 1 2\n 3 4\n", r"line 2: it starts with a space: there is no word in '3 4'"),
        ("a 1 2\nb 3 x\n", "line 2: 'x' in the vector of 'b' is not a number"),
        ("a 1 2\nb 3 1_0\n", "line 2: '1_0' in the vector of 'b' is not a number"),
        ("a 1 2\nb 3 4,5\nc 1 2\n", "line 2: '4,5' in the vector of 'b'"),
        ("a 1 2\nb 3 1-2\n", "line 2: '1-2' in the vector of 'b'"),
        ("1 3\na 1 y 3\n", "line 2: 'y' in the vector of 'a'"),
        ("a 1 y 3\nb 1 2 3\n", "line 1: 'y' in the vector of 'a'"),
        ("a 1 2\nb 3 nan\n", "line 2: the vector of 'b' holds NaN, infinity"),
        ("a 1 2\nb -inf 4\n", "line 2: the vector of 'b' holds NaN, infinity"),
        ("a 1 2\nb 1e39 4\n", "line 2: the vector of 'b' .*too large for float32"),
        (b"a 1 2\nb 1 2\ncaf\xe9 3 4\n", r"line 3: it is not UTF-8 text \(byte 3.*iconv"),
        (b"9 2\ncaf\xe9 3 4\n", r"line 2: it is not UTF-8 text \(byte 3.*iconv"),
        (b"\x80\x04\x95 1 2\n", "line 1: it is not UTF-8 text"),
        ("word\n", "line 1: a word and its values are expected, or a header. Got 'word'"),
        ("\na 1 2\n", "line 1: a word and its values are expected, or a header. Got ''"),
    ],
)
def test_a_faulty_line_is_named(write, text, message):
    path = write(text)
    with pytest.raises(DataFormatError, match=message) as caught:
        as_word_vectors(path)
    assert str(caught.value).startswith(f"{path}, line")


def test_a_fault_far_down_is_named(write, monkeypatch):
    monkeypatch.setattr(word_vectors, "CHUNK", 1000)
    lines = [f"w{i} {i} {-i}" for i in range(1000)]
    lines[776] = "bad 1 2 3"
    with pytest.raises(DataFormatError, match=r"line 777: .*found 3"):
        as_word_vectors(write("\n".join(lines)))


@pytest.mark.parametrize("text", ["", "\n", " \n\n", "\ufeff", "0 100\n", "5 100\n\n"])
def test_a_file_without_vectors_is_refused(write, text):
    with pytest.raises(DataFormatError, match=r"vectors\.txt"):
        as_word_vectors(write(text))


def binary(vectors, end=b"\n"):
    rows = [f"w{i} ".encode() + row.astype("<f4").tobytes() for i, row in enumerate(vectors)]
    return f"{len(vectors)} {vectors.shape[1]}\n".encode() + end.join(rows) + end


@pytest.mark.parametrize("width", [1, 3, 300])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_the_binary_format_of_word2vec_is_refused_with_advice(write, width, end):
    rng = np.random.default_rng(0)
    for vectors in (rng.normal(size=(9, width)), np.zeros((9, width)), np.ones((9, width))):
        for content in (binary(vectors, end), gzip.compress(binary(vectors, end))):
            with pytest.raises(DataFormatError, match=r"binary format of word2vec.*Convert it"):
                as_word_vectors(write(content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "is a zip archive; unpack it first"),
        (b"\xba\x16\x4f\x2f rest", r"is a binary fastText model; pass the text file, \.vec"),
        (gzip.compress(b"a 1 2\nb 3 4\n" * 50, mtime=0)[:-9], "is compressed by gzip, but damaged"),
        (
            gzip.compress(b"a 1 2\n", mtime=0)[:-8] + b"12345678",
            "is compressed by gzip, but damaged",
        ),
        (b"\x1f\x8b no gzip at all", "is compressed by gzip, but damaged"),
        (bz2.compress(b"a 1 2\n"), "line 1"),
        (b"x" * (word_vectors.LONGEST + 1), "line 1: there is no line end within"),
        (b"a 1\n" + b"x" * (word_vectors.LONGEST + 1), "line 2: there is no line end within"),
    ],
)
def test_what_is_no_text_is_refused(write, content, message):
    with pytest.raises(DataFormatError, match=message) as caught:
        as_word_vectors(write(content))
    assert "vectors.txt" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"no file of word vectors at .*none\.txt"):
        as_word_vectors(tmp_path / "none.txt")


def test_memory_is_bounded_by_the_result_and_a_chunk(write, monkeypatch):
    monkeypatch.setattr(word_vectors, "CHUNK", 1 << 16)
    row = " ".join(["0.25"] * 50)
    path = write("".join(f"w{i} {row}\n" for i in range(10_000)))
    as_word_vectors(path)  # so that nothing is imported below
    tracemalloc.start()
    try:
        found = as_word_vectors(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    words = 10_000 * 150  # a string, its place in a dict and in a list
    assert peak < 1.25 * found.vectors.nbytes + words + 20 * word_vectors.CHUNK


# Objects.


def keyed(words, vectors):
    return SimpleNamespace(key_to_index=words, vectors=vectors)


@pytest.mark.parametrize(
    "source",
    [
        {"a": [1, 2], "b": [3.0, 4.0]},
        MappingProxyType({"a": np.array([1, 2]), "b": (3, 4)}),
        {"a": torch.tensor([1.0, 2.0]), "b": np.array([3, 4], dtype=np.float16)},
        {np.str_("a"): [1, 2], "b": [3, 4]},
        keyed({"a": 0, "b": 1}, np.array([[1, 2], [3, 4]])),
        keyed({"a": 2, "b": 0}, np.array([[3, 4], [0, 0], [1, 2]], dtype=np.float32)),
        WordVectors(["a", "b"], np.array([[1, 2], [3, 4]], dtype=np.float32)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_that_hold_vectors(source):
    found = as_word_vectors(source)
    assert_holds(found, ["a", "b"], [[1, 2], [3, 4]])
    assert as_word_vectors(found) is found
    assert repr(found) == "<WordVectors: W=2, E=2>"
    again = pickle.loads(pickle.dumps(found))
    assert_holds(again, found.words, found.vectors)


def test_vectors_in_order_are_shared():
    vectors = np.ones((2, 3), dtype=np.float32)
    assert as_word_vectors(keyed({"a": 0, "b": 1}, vectors)).vectors is vectors


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "vectors= holds no word"),
        ({"a": [1, 2], "b": [1, 2, 3]}, "'b' in vectors= has 3 values, but that of 'a'.*has 2"),
        ({"a": [[1, 2]]}, r"'a' in vectors= is int64 of shape \(1, 2\)"),
        ({"a": 1.0}, r"'a' in vectors= is float64 of shape \(\)"),
        ({"a": []}, r"'a' in vectors= is float64 of shape \(0,\)"),
        ({"a": ["x"]}, "'a' in vectors= is <U1"),
        ({"a": [[1], [1, 2]]}, "'a' in vectors= cannot be made an array"),
        ({"a": torch.ones(2, requires_grad=True)}, "'a' in vectors= cannot be made an array"),
        ({"a": [1, 2], "b": [1, np.nan]}, "'b' in vectors= holds NaN, infinity"),
        ({"a": [1e39]}, "'a' in vectors= holds NaN, infinity or a number too large"),
        ({1: [1, 2]}, "must be strings, but 1 is of type int"),
        (keyed({}, np.ones((0, 2))), "vectors= holds no word"),
        (keyed({"a": 0}, np.ones(2)), r"shape \(W, E\). Got float64 of shape \(2,\)"),
        (keyed({"a": 2}, np.ones((2, 2))), "rows of its vectors, from 0 to 1"),
        (keyed({"a": "b"}, np.ones((2, 2))), "rows of its vectors, from 0 to 1"),
        (keyed({"a": 0, "b": 1}, np.array([[1.0], [np.inf]])), "'b' in vectors= holds NaN"),
        (keyed({3: 0}, np.ones((1, 1))), "must be strings, but 3 is of type int"),
    ],
)
def test_faulty_objects_are_refused(source, message):
    with pytest.raises(DataFormatError, match=message):
        as_word_vectors(source)


@pytest.mark.parametrize("source", [None, 3, ["a"], np.ones((2, 2)), b"path"])
def test_other_things_are_refused(source):
    with pytest.raises(InvalidParameterError, match=r"vectors= is of type .*Accepted are"):
        as_word_vectors(source)
