"""`Tokenizer`: what is lost and kept, in every container, and in scikit-learn's hands."""

import pickle
import re
import unicodedata

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)
from sklearn.utils.validation import check_is_fitted

import seqlearn.preprocessing
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.preprocessing import Tokenizer

quick = settings(deadline=None, max_examples=100)
any_text = st.one_of(
    st.text(max_size=30),
    st.text("ab1. ,-'\u2019_!\u0301\u200dक\u093f\n\u00a0", max_size=30),
    st.lists(st.sampled_from(["don't", "well-made", "1,000.5", "...", "a"]), max_size=6).map(
        " ".join
    ),
)


def tokens_of(text, **parameters):
    (tokens,) = Tokenizer(**parameters).transform([text])
    return tokens


# What is lost and kept.


@quick
@given(text=any_text, lowercase=st.booleans())
def test_words_lose_white_space_only(text, lowercase):
    tokens = tokens_of(text, lowercase=lowercase)
    text = text.lower() if lowercase else text
    assert "".join(tokens) == "".join(text.split())
    assert all(token and token.split() == [token] for token in tokens)


@quick
@given(text=any_text)
def test_words_set_apart_by_spaces_are_found_again(text):
    tokens = tokens_of(text)
    assert tokens_of(" ".join(tokens)) == tokens
    assert Tokenizer().transform(tokens) == [[token] for token in tokens]


@quick
@given(text=any_text, lowercase=st.booleans())
def test_characters_make_up_the_text(text, lowercase):
    tokens = tokens_of(text, level="character", lowercase=lowercase)
    assert "".join(tokens) == (text.lower() if lowercase else text)
    assert {len(token) for token in tokens} <= {1}


@quick
@given(text=any_text)
@example("ẫ ệ Å")
def test_composed_and_decomposed_texts_have_the_same_words(text):
    one, other = (
        [unicodedata.normalize("NFC", token) for token in tokens_of(form)]
        for form in (unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
    )
    if not any(unicodedata.category(c)[0] in "SP" for c in text):  # "≠" decomposes to "="
        assert one == other


@quick
@given(text=any_text, groups=st.booleans())
def test_a_pattern_of_the_user_decides_alone(text, groups):
    pattern = r"(?i)(a)(b)?|\d*" if groups else r"(?i)ab?|\d*"
    expected = [match.group() for match in re.finditer(pattern, text) if match.group()]
    assert tokens_of(text, pattern=pattern) == expected
    assert tokens_of(text, pattern=re.compile(pattern)) == expected


@quick
@given(text=any_text)
def test_the_pattern_of_count_vectorizer_gives_its_words(text):
    peer = CountVectorizer(lowercase=True)
    assert tokens_of(text, lowercase=True, pattern=peer.token_pattern) == peer.build_analyzer()(
        text
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A well-made film.", ["A", "well-made", "film", "."]),
        ("don't, don\u2019t", ["don't", ",", "don\u2019t"]),
        ("rock'n'roll 'tis dogs'", ["rock'n'roll", "'", "tis", "dogs", "'"]),
        ("yes--no -- -x", ["yes", "-", "-", "no", "-", "-", "-", "x"]),
        ("1,000.5 3.14. 2,a v1.2", ["1,000.5", "3.14", ".", "2", ",", "a", "v1.2"]),
        ("end.Start a,b", ["end", ".", "Start", "a", ",", "b"]),
        ("snake_case 3rd", ["snake_case", "3rd"]),
        ("$5 #tag @me 50%", ["$", "5", "#", "tag", "@", "me", "50", "%"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("I ❤️ it 👍", ["I", "❤️", "it", "👍"]),
        ("良い映画。", ["良い映画", "。"]),
        ("", []),
        (" \t\n\u00a0", []),
    ],
)
def test_words(text, expected):
    assert tokens_of(text) == expected


def test_a_text_without_tokens_gives_an_empty_list():
    assert Tokenizer().transform(["", " ", "a"]) == [[], [], ["a"]]
    assert Tokenizer("character").transform(["", " "]) == [[], [" "]]
    assert Tokenizer(pattern="b*").transform(["a", "ab"]) == [[], ["b"]]
    assert Tokenizer().transform([]) == []


# Containers.


def test_every_container_gives_the_same_list():
    texts = ["One, two.", "Three"]
    expected = Tokenizer().transform(texts)
    containers = [
        tuple(texts),
        np.array(texts),
        np.array(texts, dtype=object),
        np.array(texts, dtype=np.dtypes.StringDType()),
        pd.Series(texts, index=[5, 5]),
        pd.Series(texts, dtype=object),
        pd.Series(texts, dtype="category"),
        pd.Index(texts),
        pl.Series(texts),
    ]
    for X in containers:
        for level in ("word", "character"):
            found = Tokenizer(level).fit_transform(X)
            assert type(found) is list and {type(row) for row in found} == {list}
            assert {type(token) for row in found for token in row} == {str}
            assert found == Tokenizer(level).transform(texts)
        assert Tokenizer().transform(X) == expected


class Text(str):
    __slots__ = ()


def test_subclasses_of_str_are_texts():
    for parameters in ({}, {"level": "character"}, {"pattern": r"(\w+)"}, {"lowercase": True}):
        found = Tokenizer(**parameters).transform([Text("a"), np.str_("b")])
        assert found == [["a"], ["b"]]
        assert {type(token) for row in found for token in row} == {str}


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("a text", "Iterable over raw text documents expected, string object received"),
        (b"a text", "Iterable over raw text documents expected, string object received"),
        (["a", None, None], "Text 1 of X is None, a NoneType, not a string, and 1 more.*drop it"),
        (["a", float("nan")], "Text 1 of X is nan, a float, not a string. .*drop it"),
        (pd.Series(["a", None]), r"Text 1 of X is (nan|None)"),
        (pd.Series(["a", pd.NA], dtype="string"), "Text 1 of X is <NA>"),
        (np.arange(3), "Text 0 of X is 0, a int, not a string, and 2 more"),
        ([b"a"], r"Text 0 of X is b'a', a bytes.*text.decode\(\)"),
        ([["a", "b"]], r"Text 0 of X is \['a', 'b'\], a list.*split already"),
        (["a", 10**60], "Text 1 of X is 1(0){36}[.]{3}, a int"),
        (np.array([["a"]]), r"ndarray of shape \(1, 1\).*X\[:, 0\]"),
        (np.array("a"), r"ndarray of shape \(\)"),
        (pd.DataFrame({"a": ["b"]}), r"DataFrame of shape \(1, 1\).*X\['text'\]"),
        ({"a": 1}, r"X is of type dict.*Pass list\(X\)"),
        ({"a"}, "X is of type set"),
        ((text for text in "ab"), "X is of type generator"),
        (None, "X is of type NoneType"),
        (3, "X is of type int"),
    ],
)
def test_what_is_no_sequence_of_strings_is_refused(X, message):
    for method in ("fit", "transform", "fit_transform"):
        with pytest.raises(DataFormatError, match=message):
            getattr(Tokenizer(), method)(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"level": "line"}, r"'level'.*\('word', 'character'\). Got 'line'"),
        ({"level": None}, "'level'.*Got None"),
        ({"level": ["word"]}, "'level'"),
        ({"lowercase": "yes"}, "'lowercase'.*True or False. Got 'yes'"),
        ({"pattern": "(a"}, r"'pattern'.*regular expression.*Got '\(a'"),
        ({"pattern": 3}, "'pattern'.*regular expression"),
        ({"pattern": b"a"}, "'pattern'.*not bytes"),
        ({"level": "character", "pattern": "a"}, "'pattern'.*None with level='character'"),
    ],
)
def test_parameters_are_checked_in_fit_and_transform(parameters, message):
    tokenizer = Tokenizer(**parameters)
    for method in ("fit", "transform"):
        with pytest.raises(InvalidParameterError, match=message):
            getattr(tokenizer, method)(["a"])


# In scikit-learn's hands.


def test_it_learns_nothing():
    tokenizer = Tokenizer(lowercase=np.True_)
    check_is_fitted(tokenizer)
    assert tokenizer.transform(["A"]) == [["a"]]
    before = dict(vars(tokenizer))
    assert tokenizer.fit(["A"], [1]) is tokenizer
    assert vars(tokenizer) == before
    assert tokenizer.get_feature_names_out().tolist() == ["x0"]
    assert tokenizer.get_feature_names_out(["text"]).tolist() == ["text"]


def test_tags_are_those_of_count_vectorizer_but_for_fit():
    tags, peer = get_tags(Tokenizer()), get_tags(CountVectorizer())
    assert tags.input_tags == peer.input_tags
    assert tags.requires_fit is False
    assert tags.transformer_tags is not None


@pytest.mark.parametrize("form", ["default", "pandas", "polars"])
def test_the_output_is_a_list_whatever_is_asked_for(form):
    texts = pd.Series(["a b", "c"])
    expected = [["a", "b"], ["c"]]
    assert Tokenizer().set_output(transform=form).fit_transform(texts) == expected
    table = pl.DataFrame if form == "polars" else pd.DataFrame
    lengths = FunctionTransformer(lambda X: table({"n": [len(row) for row in X]}))
    pipe = make_pipeline(Tokenizer(), lengths).set_output(transform=form)
    assert np.asarray(pipe.fit_transform(texts)).tolist() == [[2], [1]]
    with config_context(transform_output=form):
        assert Tokenizer().fit_transform(texts) == expected


def test_clones_pickles_and_prints():
    for tokenizer in (Tokenizer("character", True), Tokenizer(pattern=re.compile(r"\w+", re.A))):
        again = pickle.loads(pickle.dumps(clone(tokenizer)))
        assert again.get_params() == tokenizer.get_params()
        assert again.transform(["Äb c"]) == tokenizer.transform(["Äb c"])
        assert len(pickle.dumps(tokenizer)) < 500
    assert repr(Tokenizer("character")) == "Tokenizer(level='character')"
    assert seqlearn.preprocessing.Tokenizer is Tokenizer
    assert "Tokenizer" in seqlearn.preprocessing.__all__


def test_the_checks_of_scikit_learn_that_need_no_table_pass():
    for check in (
        check_get_params_invariance,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
        check_set_params,
    ):
        check("Tokenizer", Tokenizer())


def test_it_feeds_a_pipeline():
    texts = ["good, very good!", "bad", "a good one", "so bad"]
    bag = CountVectorizer(analyzer=lambda tokens: tokens)
    pipe = make_pipeline(Tokenizer(lowercase=True), bag)
    counts = pipe.fit_transform(texts).toarray()
    assert counts[:, bag.vocabulary_["good"]].tolist() == [2, 0, 1, 0]


def test_a_column_transformer_names_one_column():
    X = pd.DataFrame({"text": ["a b", "c"], "other": [1, 2]})
    bag = CountVectorizer(analyzer=lambda tokens: tokens)
    column = make_column_transformer((make_pipeline(Tokenizer(), bag), "text"))
    assert column.fit_transform(X).shape == (2, 3)
    with pytest.raises(DataFormatError, match="not \\['text'\\]"):
        make_column_transformer((make_pipeline(Tokenizer(), bag), ["text"])).fit(X)


def test_texts_of_pyarrow_and_keys_of_a_dictionary():
    pa = pytest.importorskip("pyarrow")
    texts = ["a b", "c"]
    column = pa.chunked_array([texts[:1], texts[1:]])
    for X in (column, column.combine_chunks(), list(column), dict.fromkeys(texts).keys()):
        assert Tokenizer().transform(X) == [["a", "b"], ["c"]]


def test_a_lazy_frame_of_texts_gets_its_remedy():
    pl = pytest.importorskip("polars")
    with pytest.raises(DataFormatError, match=r"LazyFrame.*X\.collect\(\)"):
        Tokenizer().fit(pl.LazyFrame({"text": ["a"]}))
