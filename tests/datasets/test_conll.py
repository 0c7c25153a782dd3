"""The readers of columns: round trips, the variants of the format, and faulty files."""

import gzip
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.datasets import read_conll, read_conllu
from seqlearn.errors import DataFormatError, InvalidParameterError, SeqlearnError


@pytest.fixture
def write(tmp_path):
    """Return a function that writes lines to a file and returns its path."""

    def write_lines(*lines: str) -> Path:
        path = tmp_path / "corpus.conll"
        path.write_bytes("\n".join([*lines, ""]).encode())
        return path

    return write_lines


def word(id_, form, upos="X", **columns):
    """Return a line of CoNLL-U."""
    names = ["id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc"]
    values = dict.fromkeys(names, "_") | {"id": id_, "form": form, "upos": upos} | columns
    return "\t".join(values.values())


# Round trips: anything but the separator, the ends of lines and what starts a comment is a token


def texts(forbidden):
    """Draw texts that may stand in a column; white space alone is no field of a token."""
    letters = st.characters(exclude_categories=["Cs"], exclude_characters=forbidden + "\r\n\ufeff")
    any_text = st.text(letters, min_size=1, max_size=6).filter(str.strip)
    return st.sampled_from(["#", "# ", "-", "1-2"]).map(str.strip) | any_text


@st.composite
def corpora(draw, forbidden):
    """Draw sentences of tokens with two or three columns."""
    width = draw(st.integers(2, 3))
    token = st.tuples(*[texts(forbidden)] * width)
    return draw(st.lists(st.lists(token, min_size=1, max_size=4), min_size=1, max_size=4))


def in_columns(sentences):
    """Return the lists that a reader should return for sentences of tuples."""
    width = len(sentences[0][0])
    return tuple(
        [[token[c].strip() for token in sentence] for sentence in sentences] for c in range(width)
    )


@settings(max_examples=80, deadline=None)
@given(
    corpus=corpora(" \t"),
    gap=st.sampled_from([" ", "\t", " \t  "]),
    end=st.sampled_from(["\n", "\r\n"]),
    blank=st.sampled_from(["", "\t", "  ", " \n\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    packed=st.booleans(),
)
def test_what_was_written_with_white_space_is_read_back(
    corpus, gap, end, blank, encoding, packed, tmp_path_factory
):
    sentences = ["".join(gap.join(token) + "\n" for token in sentence) for sentence in corpus]
    data = (blank + "\n").join(sentences).replace("\n", end).encode(encoding)
    path = tmp_path_factory.getbasetemp() / "white_space.conll"
    path.write_bytes(gzip.compress(data) if packed else data)

    expected = in_columns(corpus)
    encoding = encoding.removesuffix("-sig")
    assert read_conll(path, range(len(expected)), encoding=encoding) == expected
    assert read_conll(path, (-1, 0), encoding=encoding) == (expected[-1], expected[0])


@settings(max_examples=80, deadline=None)
@given(corpus=corpora("\t"))
def test_what_was_written_with_tabs_is_read_back(corpus, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "tabs.conll"
    lines = ["\n".join("\t".join(token) for token in sentence) for sentence in corpus]
    path.write_text("\n\n".join(lines), encoding="utf-8", newline="")

    expected = in_columns(corpus)
    assert read_conll(path, range(len(expected)), separator="\t") == expected


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(corpus=corpora("\t"), data=st.data())
def test_what_was_written_as_conllu_is_read_back(corpus, data, tmp_path_factory):
    lines = []
    for sentence in corpus:
        lines += data.draw(st.sampled_from([[], ["# text = any"], ["#", "# sent_id = 1"]]))
        for i, (form, upos, *rest) in enumerate(sentence, start=1):
            if data.draw(st.booleans()):
                lines.append(word(f"{i}-{i + 1}", "range"))
            lines.append(word(str(i), form, upos, misc=rest[0] if rest else "_"))
            if data.draw(st.booleans()):
                lines.append(word(f"{i}.1", "empty"))
        lines.append("")
    path = tmp_path_factory.getbasetemp() / "round_trip.conllu"
    path.write_text("\n".join(lines), encoding="utf-8", newline="")

    expected = in_columns(corpus)
    assert read_conllu(path) == expected[:2]
    ids, misc, forms = read_conllu(path, ["id", "misc", "form"])
    assert ids == [[str(i + 1) for i in range(len(sentence))] for sentence in corpus]
    assert misc == (expected[2] if len(expected) > 2 else [["_"] * len(s) for s in corpus])
    assert forms == expected[0]


# The variants of the format


def test_comments_are_tokens_unless_asked_for(write):
    path = write("# O", "#oslo B", "", "## O")
    assert read_conll(path) == ([["#", "#oslo"], ["##"]], [["O", "B"], ["O"]])
    assert read_conll(path, comment="# ") == ([["#oslo"], ["##"]], [["B"], ["O"]])


def test_a_comment_does_not_end_a_sentence(write):
    path = write("a O", "# between two tokens", "b O")
    assert read_conll(path, (0,), comment="# ") == ([["a", "b"]],)


def test_documents_are_left_out_and_end_a_sentence(write):
    path = write("-DOCSTART- -X- O", "", "a N O", "-DOCSTART- (2)", "b N O")
    assert read_conll(path) == ([["a"], ["b"]], [["O"], ["O"]])


def test_blank_lines_at_either_end_and_in_a_row(write):
    assert read_conll(write("", " ", "a O", "", "\t", "", "b O", "", "")) == (
        [["a"], ["b"]],
        [["O"], ["O"]],
    )


def test_with_tabs_spaces_belong_to_the_token(write):
    path = write("New  York\t\tB-LOC", " \t\tO")
    assert read_conll(path, separator="\t", empty="keep") == (
        [["New  York", " "]],
        [["B-LOC", "O"]],
    )


@pytest.mark.parametrize("nothing", ["", " ", "  ", "\xa0"])
def test_lines_without_a_token_or_a_label(nothing, write):
    path = write("a\tO", f"{nothing}\tO", "b\tO", "", f"{nothing}\tB", "", "c\tX")
    with pytest.raises(DataFormatError, match=r"line 2: column 0 is empty in .*empty='skip'"):
        read_conll(path, separator="\t")
    words, labels = read_conll(path, separator="\t", empty="skip")
    assert (words, labels) == ([["a", "b"], ["c"]], [["O", "O"], ["X"]])
    words, labels = read_conll(path, separator="\t", empty="keep")
    assert words == [["a", nothing, "b"], [nothing], ["c"]]
    assert labels == [["O", "O", "O"], ["B"], ["X"]]
    path = write("a\tO", f"b\t{nothing}", "c\tO")
    assert read_conll(path, separator="\t", empty="skip") == ([["a", "c"]], [["O", "O"]])
    assert read_conll(path, (0,), separator="\t") == ([["a", "b", "c"]],)  # no label is asked for


@pytest.mark.parametrize("blank", [" ", "  ", "\xa0", "\u3000"])
@pytest.mark.parametrize("columns", [(0, -1), (0, 1), (1, 2)])
def test_blanks_around_a_label_make_no_new_class(blank, columns, write):
    rows = ["Ada\tNNP\tB-PER", "Byron\tNNP\tI-PER", "", "sings\tVBZ\tO"]
    clean = read_conll(write(*rows), columns, separator="\t")
    padded = [row.replace("\t", f"{blank}\t") + blank if row else row for row in rows]
    assert read_conll(write(*padded), columns, separator="\t") == clean
    led = [row.replace("\t", f"\t{blank}") for row in rows]
    assert read_conll(write(*led), columns, separator="\t") == clean


def test_blanks_around_a_tag_of_conllu_make_no_new_class(write):
    assert read_conllu(write(word("1", "New York ", "PROPN "))) == ([["New York"]], [["PROPN"]])
    with pytest.raises(DataFormatError, match="line 1: the column upos is empty"):
        read_conllu(write(word("1", "a", " ")))


@pytest.mark.parametrize(
    ("lines", "arguments"),
    [
        (["# a corpus of names", "a O"], {}),
        (["# names", "a N O"], {}),
        (["#names", "a O"], {}),
        (["#names", "a O"], {"columns": (0, 1)}),
        (["#names", "a O"], {"comment": "# "}),
        (["# a\tcorpus\tof", "a\tO"], {"separator": "\t"}),
    ],
)
def test_a_comment_in_line_1_is_thought_of(lines, arguments, write):
    with pytest.raises(ValueError, match="If line 1 is a comment, give comment='#'"):
        read_conll(write(*lines), **arguments)
    assert read_conll(write(*lines), **{**arguments, "comment": "#"})[0] == [["a"]]


def test_lines_that_do_not_begin_like_a_comment_are_not_called_one(write):
    for lines in (["a", "b"], ["a O", "b"], ["a O", "b N O"]):
        with pytest.raises(DataFormatError) as caught:
            read_conll(write(*lines))
        assert "comment" not in str(caught.value)


def test_one_column(write):
    assert read_conll(write("a", "b", "", "c"), (0,)) == ([["a", "b"], ["c"]],)


def test_path_may_be_a_str_and_another_encoding(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("Malmö B-LOC\n".encode("latin-1"))
    assert read_conll(str(path), encoding="latin-1")[0] == [["Malmö"]]


# The faults: (keyword arguments, lines, what the message must hold)

FAULTS = {
    "empty": ({}, [], "holds no sentence"),
    "blank": ({}, ["", " "], "holds no sentence"),
    "only comments": ({"comment": "#"}, ["# a"], "holds no sentence"),
    "too few": (
        {},
        ["", "a N O", "b O"],
        r"line 3: found 2 columns, expected 3 as in line 2, in 'b O'. .*separator='\\t'",
    ),
    "too many": ({}, ["a O", "", "New York O"], "line 3: found 3 columns, expected 2 as in line 1"),
    "comment": ({}, ["a O", "# a sentence"], "line 2: found 3 columns.*give comment='#'"),
    "wrong separator in one line": (
        {"separator": "\t"},
        ["a\tO", "b O"],
        r"line 2: found 1 column, expected 2.*'\\t' right",
    ),
    "wrong separator": (
        {},
        ["a,O"],
        r"line 1: found 1 column, so columns=\(0, -1\) names one of them twice",
    ),
    "same column": ({"columns": (1, -1)}, ["a O"], "line 1: found 2 columns, so .* twice"),
    "empty field": ({"separator": "\t"}, ["a\tO", "b\t"], r"line 2: column -1 is empty in 'b\\t'"),
}


@pytest.mark.parametrize(("arguments", "lines", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_are_named_with_file_and_line(write, arguments, lines, message):
    path = write(*lines)
    with pytest.raises(DataFormatError, match=message) as caught:
        read_conll(path, **arguments)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, SeqlearnError)


CONLLU_FAULTS = {
    "empty": ([], "holds no sentence"),
    "nine columns": (
        ["# c", word("1", "a")[:-2]],
        "line 2: found 9 columns separated by tabs, expected 10",
    ),
    "a range is checked too": (["1-2\tab", word("1", "a")], "line 1: found 2 columns"),
    "spaces": (["1 a a X _ _ 0 root _ _"], "line 1: found 1 column separated"),
    "id skips": (
        [word("1", "a"), word("3", "b")],
        "line 2: found the id '3', expected '2', a range such as '2-3' or .* '1.1'",
    ),
    "no blank line": ([word("1", "a"), word("1", "b")], "line 2: found the id '1'.*blank line"),
    "id is a word": ([word("one", "a")], "line 1: found the id 'one', expected '1'"),
    "empty field": ([word("1", "a", "")], r"line 1: the column upos is empty in .*writes '_'"),
}


@pytest.mark.parametrize(("lines", "message"), CONLLU_FAULTS.values(), ids=CONLLU_FAULTS)
def test_faults_of_conllu_are_named_with_file_and_line(write, lines, message):
    path = write(*lines)
    with pytest.raises(DataFormatError, match=message) as caught:
        read_conllu(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("read", [read_conll, read_conllu])
def test_files_that_are_not_text(read, tmp_path):
    path = tmp_path / "corpus"
    path.write_bytes(b"caf\xe9 O\n")
    with pytest.raises(DataFormatError, match=r"not text in the encoding 'utf-8'.*position 3"):
        read(path)
    whole = gzip.compress(b"a O\n" * 1000)
    for data in (whole[:-12], b"\x1f\x8bno", whole[:-8] + b"12345678"):
        path.write_bytes(data)
        with pytest.raises(DataFormatError, match="gzip file that cannot be unpacked"):
            read(path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": ()}, "at least one column"),
        ({"columns": "01"}, "whole numbers, such as .* got '01'"),
        ({"columns": (0, "label")}, "whole numbers"),
        ({"columns": (0, True)}, "whole numbers"),
        ({"columns": (0, 2)}, r"line 1: .* column 2, but the file has 2 columns. Accepted .*-2 to"),
        ({"columns": (-3, 0)}, "names column -3"),
        ({"separator": ""}, "separator must be"),
        ({"comment": ""}, "comment must be"),
        ({"comment": " "}, "comment must be"),
        ({"empty": "drop"}, "empty must be 'error', 'skip' or 'keep'.*got 'drop'"),
        ({"empty": None}, "empty must be"),
        ({"empty": ["skip"]}, "empty must be"),
        ({"columns": 0}, "whole numbers, such as .* got 0"),
        ({"separator": 5}, "separator must be .* got 5"),
        ({"comment": ("#", "%")}, "comment must be .* got \\('#', '%'\\)"),
        ({"encoding": None}, "encoding=None is not a text encoding"),
        ({"encoding": "utf-nine"}, "'utf-nine' is not a text encoding"),
    ],
)
def test_parameters_of_read_conll(write, arguments, message):
    with pytest.raises(InvalidParameterError, match=message):
        read_conll(write("a O"), **arguments)


@pytest.mark.parametrize("columns", [(), "form", ("form", "pos"), (1, 3)])
def test_columns_of_read_conllu(write, columns):
    with pytest.raises(
        InvalidParameterError, match="form, lemma, upos.*got " + re.escape(repr(columns))
    ):
        read_conllu(write(word("1", "a")), columns)
