"""Units of a text: cut and joined again, tokenizers of the user, and what counts as a text."""

import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.data.plain import as_plain, from_plain
from seqlearn.data.text_units import TextUnit, join_words, learn_unit, read_texts
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.preprocessing import Tokenizer

quick = settings(max_examples=100)
any_text = st.text(max_size=30) | st.text(" \t\nab'1.é", max_size=30)
TEXTS = ["Who's there?", "Nay, answer me:\nstand (and) unfold  yourself.", ""] * 2
LINES = Tokenizer(pattern=r"\w+(?:'\w+)?|[^\w\s]|\n")


class Halves:
    def transform(self, texts):
        return [
            tuple(filter(None, (text[: len(text) // 2], text[len(text) // 2 :]))) for text in texts
        ]


@quick
@given(text=any_text)
def test_characters_and_pieces_make_up_the_text(text):
    for unit in ("char", "bpe", Tokenizer("character"), Halves()):
        learned = learn_unit(unit, TEXTS, 40)
        (tokens,) = learned.cut([text])
        assert learned.join(tokens) == text and all(tokens)
        assert type(tokens) is list and {type(token) for token in tokens} <= {str}


@quick
@given(text=any_text)
def test_words_are_those_of_the_tokenizer_and_are_found_again(text):
    for unit in ("word", Tokenizer()):
        learned = learn_unit(unit, TEXTS)
        (tokens,) = learned.cut([text])
        assert [tokens] == Tokenizer().transform([text])
        again = learned.join(tokens)
        assert "".join(again.split()) == "".join(tokens)  # spaces alone differ


@pytest.mark.parametrize(
    "text",
    [
        "Nay, answer me: stand; and unfold yourself!",
        "He said: \"Go (now)\" and 'Ay, ay' [twice]...",
        "Is it so? \u201cYes\u201d, \u00abnon\u00bb \u2018\u2019 \u00bfqu\u00e9? 50% of {it}.",
        'ROMEO:\nAy me!\n\nJULIET:\n"Ay',
        '"One" "two"\n"three" it\'s well, made.',
        "",
    ],
)
def test_well_set_texts_come_back(text):
    learned = learn_unit(LINES, [text, "a b"])
    assert learned.join(learned.cut([text])[0]) == text
    if "\n" not in text:
        assert join_words(Tokenizer().transform([text])[0]) == text


def test_join_words_of_odd_tokens():
    assert join_words([]) == "" and join_words(["", "a", "", "b"]) == "a b"
    assert join_words(["\n", "a", " ", "b", "\t", "c"]) == "\na b\tc"
    assert join_words(["yes", "-", "no"]) == "yes - no"
    assert join_words(iter(["a", "."])) == "a."


def test_a_unit_is_a_plain_record():
    for unit in ("char", "word", "bpe", LINES):
        learned = learn_unit(unit, TEXTS, 40)
        for again in (pickle.loads(pickle.dumps(learned)), from_plain(as_plain(learned))):
            assert again.cut(TEXTS) == learned.cut(TEXTS)
            assert again.kind == learned.kind and again.gapless == learned.gapless
    assert learn_unit("char", []) == TextUnit("char", gapless=True)
    assert learn_unit("bpe", TEXTS, 40) == learn_unit("bpe", TEXTS[::-1], 40)
    assert learn_unit("bpe", ["ab", "cd"], 9, weights=[2, 0]).subwords.pieces == ("a", "b", "ab")
    assert learn_unit(np.str_("word"), []).kind == "word"


def test_a_tokenizer_is_copied():
    tokenizer = Tokenizer()
    learned = learn_unit(tokenizer, TEXTS)
    tokenizer.set_params(level="character")
    assert learned.cut(["a b"]) == [["a", "b"]] and not learned.gapless


@pytest.mark.parametrize("unit", ["words", "", None, 3, Tokenizer, str.split, np.array(["char"])])
def test_a_unit_that_is_none_is_refused(unit):
    with pytest.raises(InvalidParameterError, match=r"no unit of a text.*'char', 'word', 'bpe'"):
        learn_unit(unit, TEXTS)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "tokenizer Odd returned a NoneType for 2 texts"),
        ([["a"]], "tokenizer Odd returned 1 rows for 2 texts"),
        (["a", "b"], "Row 0 of what the tokenizer Odd returned is 'a'.*not a list of tokens"),
        ([["a"], ["b", 3]], "Row 1 of what the tokenizer Odd returned, step 1, is 3, of type int"),
    ],
)
def test_a_tokenizer_that_gives_no_tokens_is_refused(result, message):
    class Odd:
        def transform(self, texts):
            return result

    with pytest.raises(DataFormatError, match=message):
        learn_unit(Odd(), ["a", "b"])


# What counts as a text


def test_texts_in_every_container():
    texts = ["One, two.", "", "Three"]
    for X in (
        texts,
        tuple(texts),
        np.array(texts),
        np.array(texts, dtype=object),
        np.array(texts, dtype=np.dtypes.StringDType()),
        [np.str_(text) for text in texts],
        pd.Series(texts, index=[5, 5, 5]),
        pd.Series(texts, dtype="category"),
        pd.Series(texts, dtype="string"),
        pl.Series(texts),
        pa.array(texts),
        pa.chunked_array([texts[:1], texts[1:]]),
    ):
        found, tokens = read_texts(X)
        assert found == texts and tokens is None and {type(text) for text in found} == {str}
    assert read_texts([]) == ([], None)
    assert read_texts(pl.DataFrame({"a": texts})["a"])[0] == texts


def test_tokens_in_every_container():
    rows = [["a", "b c"], [], ["d"]]
    objects = np.empty(3, object)
    objects[:] = [np.array(row, dtype=str) for row in rows]
    for X in (
        rows,
        tuple(map(tuple, rows)),
        [np.array(row, dtype=object) for row in rows],
        [list(map(np.str_, row)) for row in rows],
        objects,
        pd.Series(rows),
        pl.Series(rows),
        pa.array(rows),
        [pd.Series(row, dtype=object) for row in rows],
    ):
        texts, tokens = read_texts(X)
        assert texts is None and tokens == rows
        assert {type(token) for row in tokens for token in row} == {str}
    tokens = read_texts(rows)[1]
    assert tokens[0] is not rows[0]  # the user's lists stay theirs


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("a text", r"string object received. Pass \[y\]"),
        (b"a text", r"string object received. Pass \[y\]"),
        (["a", None], "Row 1 of y is None, of type NoneType, not a text.*missing: drop"),
        ([None, "a"], "Row 0 of y is None.*not a text or a list of tokens.*missing: drop"),
        (["a", float("nan")], "Row 1 of y is nan, of type float"),
        (pd.Series(["a", pd.NA], dtype="string"), "Row 1 of y is <NA>"),
        (pl.Series(["a", None]), "Row 1 of y is None"),
        (["a", ["b"]], r"Row 1 of y is \['b'\], of type list, not a text, as row 0 is.*all rows"),
        ([["b"], "a"], "Row 1 of y is 'a', of type str, not a list of tokens, as row 0 is"),
        ([["b"], ["a", 3]], "Row 1 of y, step 1, is 3, of type int, not a token"),
        ([["b"], ["a", ["c"]]], r"Row 1 of y, step 1, is \['c'\]"),
        ([["b", None]], "Row 0 of y, step 1, is None, of type NoneType.*missing"),
        ([b"a"], r"Row 0 of y is b'a', of type bytes.*text.decode\(\)"),
        ([["a"], [b"a"]], r"Row 1 of y, step 0, is b'a'.*text.decode\(\)"),
        ([1, 2], "Row 0 of y is 1, of type int"),
        (np.zeros(2), "Row 0 of y is 0.0, of type float"),
        (np.array([["a"]]), r"y is a ndarray of shape \(1, 1\).*y\[:, 0\]"),
        (pd.DataFrame({"a": ["b"]}), r"y is a DataFrame of shape \(1, 1\)"),
        ({"a": 1}, r"y is of type dict; seqlearn accepts .*Pass list\(y\)"),
        ((text for text in "ab"), r"y is of type generator.*Pass list\(y\)"),
        (None, r"y is of type NoneType.*Pass \[text\]"),
        (3, r"y is of type int.*Pass \[text\]"),
        (pl.LazyFrame({"a": ["b"]}), "LazyFrame"),
    ],
)
def test_what_is_refused(X, message):
    with pytest.raises(DataFormatError, match=re.compile(message, re.S)):
        read_texts(X, "y")
