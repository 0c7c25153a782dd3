"""Reading words and feature dictionaries: codes and dictionary together are the steps given."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.data.tokens import Bags, Words, discrete_kind, read_discrete
from seqlearn.errors import DataFormatError

quick = settings(deadline=None, max_examples=60)
names = st.text("abAé:=1 ", max_size=3)
token = st.text(max_size=4) | st.sampled_from(["don't", "", " ", "é", "e\u0301"])
numbers = st.floats(-1e6, 1e6) | st.integers(-9, 9)
texts = st.text("abü:", max_size=2)
value = st.recursive(
    texts | st.booleans() | numbers | st.lists(texts, max_size=3) | st.frozensets(texts),
    lambda inner: st.dictionaries(names, inner, max_size=3),
    max_leaves=4,
)
bag = st.dictionaries(names, value, max_size=4)


def rows_of(step):
    return st.lists(st.lists(step, max_size=5), max_size=5)


def features_of(sequences, step):
    """Names and weights of one step, read off codes and dictionary."""
    bags = sequences.dictionary
    code = int(sequences.values[step, 0])
    places = range(bags.offsets[code], bags.offsets[code + 1])
    return {bags.names[bags.codes[j]]: float(bags.weights[j]) for j in places}


def attributes(bag, prefix=""):
    """What crfsuite makes of a dictionary, in order: (name, weight), but no false bools."""
    found = []
    for key, value in bag.items():
        name = prefix + str(key)
        if isinstance(value, dict):
            found += attributes(value, name + ":")
        elif isinstance(value, str):
            found.append((name + ":" + value, 1.0))
        elif isinstance(value, bool):
            found += [(name, 1.0)] * value
        elif isinstance(value, int | float):
            found.append((name, float(value)))
        else:
            found += [(name + ":" + item, 1.0) for item in value]
    return found


def one_bag(**features):
    return features_of(read_discrete([[features]], "features"), 0)


# Which kind.


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        ([["a", "b"], ["c"]], "tokens"),
        ([("a", "b"), ("c",)], "tokens"),
        ([[], [], ["a"]], "tokens"),
        ([np.array(["a", "b"])], "tokens"),
        ([np.array(["a", "b"], dtype=object)], "tokens"),
        ([np.array(["a"])[[]], ["a"]], "tokens"),
        ([[""]], "tokens"),
        ([[{"w": "a"}], []], "features"),
        ([[], ({},)], "features"),
        ([np.array([{"w": "a"}, {}], dtype=object)], "features"),
        ([[1.0, 2.0]], None),
        ([[1.0, "a"]], "tokens"),
        ([[None], ["a"]], "tokens"),
        ([[1984], ["a"]], "tokens"),
        ([np.array([1984]), ["a"]], "tokens"),
        ([[None, {}]], "features"),
        ([[[1.0, 2.0]]], None),
        ([[["a"]]], None),
        ([[b"a"]], None),
        ([np.zeros((3, 2)), ["a"]], None),
        ([np.zeros(3)], None),
        ([1.0, 2.0], None),
        ([], None),
        ([[], []], None),
        (np.array([["a", "b"]]), None),
        ("text", None),
        (None, None),
    ],
)
def test_one_word_or_dictionary_tells_the_kind_wherever_it_stands(X, kind):
    assert discrete_kind(X) == kind


@pytest.mark.parametrize("X", [["ab cd", "e"], [[], "ab cd"], [np.str_("ab cd")]])
def test_text_that_is_not_cut_is_refused(X):
    with pytest.raises(DataFormatError, match=r"is a string, .*ab cd.*Tokenizer\(\)"):
        discrete_kind(X)


def test_the_refusal_of_text_names_the_row_and_shows_no_more_than_its_start():
    with pytest.raises(DataFormatError, match="Sequence 2 of X is a string") as caught:
        discrete_kind([[], [], "x" * 5000])
    assert len(str(caught.value)) < 300


# Words.


@quick
@given(X=rows_of(token))
def test_codes_and_words_give_back_the_tokens(X):
    sequences = read_discrete(X, "tokens")
    words = sequences.dictionary
    assert [[words.words[code] for code in row[:, 0]] for row in sequences] == X
    assert words.words == sorted({word for row in X for word in row})
    assert len(words) == len(words.words)
    assert sequences.lengths.tolist() == [len(row) for row in X]
    assert (sequences.values.dtype, sequences.values.shape[1]) == (np.int64, 1)
    assert sequences.offsets.dtype == np.int64


@quick
@given(X=rows_of(token), pick=st.randoms())
def test_the_order_of_rows_does_not_change_the_words(X, pick):
    order = list(range(len(X)))
    pick.shuffle(order)
    shuffled = read_discrete([X[i] for i in order], "tokens")
    assert shuffled.dictionary == read_discrete(X, "tokens").dictionary
    assert shuffled == read_discrete(X, "tokens")[np.array(order, int)]


@pytest.mark.parametrize("pack", [list, tuple, np.array, lambda r: np.array(r, dtype=object)])
def test_the_container_of_a_row_plays_no_role(pack):
    X = [["b", "a"], ["c"]]
    sequences = read_discrete([pack(row) for row in X], "tokens")
    assert sequences == read_discrete(X, "tokens")
    assert sequences.dictionary == Words(["a", "b", "c"])
    assert {type(word) for word in sequences.dictionary.words} == {str}


def test_looks_do_not_make_words_equal():
    sequences = read_discrete([["é", "e\u0301", "E", "e"]], "tokens")
    assert len(sequences.dictionary) == 4


@quick
@given(X=rows_of(token).filter(len), data=st.data())
def test_indexing_keeps_the_dictionary(X, data):
    sequences = read_discrete(X, "tokens")
    n = len(X)
    keys = st.one_of(
        st.slices(n),
        st.lists(st.integers(0, n - 1), max_size=4).map(lambda k: np.array(k, int)),
        st.lists(st.booleans(), min_size=n, max_size=n).map(np.array),
    )
    key = data.draw(keys)
    chosen = sequences[key]
    assert chosen.dictionary is sequences.dictionary
    words = chosen.dictionary.words
    wanted = [X[i] for i in np.arange(n)[key]]
    assert [[words[code] for code in row[:, 0]] for row in chosen] == wanted


def test_cutting_keeps_the_dictionary_and_other_values_do_not():
    sequences = read_discrete([["a", "b"], ["c"]], "tokens")
    assert sequences.cut(np.array([1, 0])).dictionary is sequences.dictionary
    assert sequences.take([1]).dictionary is sequences.dictionary
    assert sequences.astype(np.float64).dictionary is None
    assert sequences.replace_values(np.zeros((3, 2))).dictionary is None


# Features.


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"word": "cat"}, {"word:cat": 1.0}),
        ({"word": np.str_("cat")}, {"word:cat": 1.0}),
        ({"word": ""}, {"word:": 1.0}),
        ({"title": True, "digit": False}, {"title": 1.0}),
        ({"title": np.True_, "digit": np.False_}, {"title": 1.0}),
        ({"length": 3, "share": 0.25}, {"length": 3.0, "share": 0.25}),
        ({"a": np.float32(0.5), "b": np.int8(-2)}, {"a": 0.5, "b": -2.0}),
        ({"a": Fraction(1, 4)}, {"a": 0.25}),
        ({"zero": 0}, {"zero": 0.0}),
        ({"shape": ["Xx", "x"]}, {"shape:Xx": 1.0, "shape:x": 1.0}),
        ({"shape": ("Xx", "x")}, {"shape:Xx": 1.0, "shape:x": 1.0}),
        ({"shape": {"Xx", "x"}}, {"shape:Xx": 1.0, "shape:x": 1.0}),
        ({"shape": frozenset(["x"])}, {"shape:x": 1.0}),
        ({"shape": []}, {}),
        (
            {"-1": {"word": "the", "title": True, "n": 2, "all": ["p", "q"]}},
            {"-1:word:the": 1.0, "-1:title": 1.0, "-1:n": 2.0, "-1:all:p": 1.0, "-1:all:q": 1.0},
        ),
        ({"a": {"b": {"c": "d"}}}, {"a:b:c:d": 1.0}),
        ({"a": {}}, {}),
        ({}, {}),
    ],
)
def test_features_are_read_as_crfsuite_reads_them(features, expected):
    assert features_of(read_discrete([[features]], "features"), 0) == expected


def test_names_that_are_no_strings_are_written_out():
    assert features_of(read_discrete([[{1: 2.0, -1: "a"}]], "features"), 0) == {
        "1": 2.0,
        "-1:a": 1.0,
    }


@quick
@given(X=rows_of(bag))
def test_codes_and_bags_give_back_the_features(X):
    sequences = read_discrete(X, "features")
    flat = [step for row in X for step in row]
    assert sequences.lengths.tolist() == [len(row) for row in X]
    for i, step in enumerate(flat):
        assert features_of(sequences, i) == dict(attributes(step))
    bags = sequences.dictionary
    read = [frozenset(dict(attributes(step)).items()) for step in flat]
    assert isinstance(bags, Bags) and len(bags) == len(set(read))
    assert bags.names == sorted({name for step in read for name, _ in step})
    assert len(bags.codes) == len(bags.weights) == bags.offsets[-1] == sum(map(len, set(read)))


def test_equal_bags_are_one_however_they_are_written():
    steps = [{"a": "x", "n": 1}, {"n": 1.0, "a": ["x"]}, {"a:x": True, "n": True, "off": False}]
    sequences = read_discrete([steps], "features")
    assert len(sequences.dictionary) == 1
    assert sequences.values[:, 0].tolist() == [0, 0, 0]


def test_against_python_crfsuite():
    pycrfsuite = pytest.importorskip("pycrfsuite")
    step = {
        "s": "v",
        "t": True,
        "n": 2,
        "l": ["p", "q"],
        "d": {"a": "b", "c": 3.5, "e": {"g": "h"}},
    }
    assert dict(pycrfsuite.ItemSequence([step]).items()[0]) == one_bag(**step)


@pytest.mark.parametrize("bad", [None, b"bytes", [1, 2], ["a", None], object(), 1j, {"in": None}])
def test_a_value_that_is_no_feature_is_named(bad):
    name = "word:in" if isinstance(bad, dict) else "word"
    with pytest.raises(DataFormatError, match=f"feature '{name}' of X .*a string, a bool, a numb"):
        read_discrete([[{"word": bad}]], "features")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, np.float32("nan")])
def test_a_feature_is_finite(bad):
    with pytest.raises(DataFormatError, match=r"feature 'deep:n' .*finite"):
        read_discrete([[{"deep": {"n": bad}}]], "features")


# Faults and their places.


@pytest.mark.parametrize(
    ("X", "kind", "message"),
    [
        ([["a"], ["b", 3]], "tokens", "Step 1 of sequence 1 of X is 3, of type int.*a string"),
        ([["a", None]], "tokens", "Step 1 of sequence 0 of X is None"),
        ([["a"], [b"c"]], "tokens", "Step 0 of sequence 1 of X is b'c', of type bytes"),
        ([["a"], [], [{"w": "a"}]], "tokens", "Step 0 of sequence 2 of X is .*dict.*a string"),
        ([["a"], [["b"]]], "tokens", r"Step 0 of sequence 1 of X is \['b'\], of type list"),
        (
            [[{}], [{}, "a"]],
            "features",
            "Step 1 of sequence 1 of X is 'a', of type str.*a dictionary",
        ),
        ([[{}], [[("w", "a")]]], "features", "Step 0 of sequence 1 .*type list"),
        ([["a"], "b c"], "tokens", "Sequence 1 of X is 'b c', not a list"),
        ([["a"], 5], "tokens", "Sequence 1 of X is 5, not a list"),
        ([["a"], None], "tokens", "Sequence 1 of X is None, not a list"),
        ([[{}], {"w": "a"}], "features", "equence 1 of X is .*'w'"),
    ],
)
def test_a_step_of_another_kind_is_named(X, kind, message):
    with pytest.raises(DataFormatError, match=message):
        read_discrete(X, kind)


@pytest.mark.parametrize("row", [{"b", "c"}, {"b": 1}], ids=["set", "dict"])
def test_a_row_without_an_order_is_refused(row):
    with pytest.raises(DataFormatError, match=r"Sequence 1 of X is .*not a list"):
        read_discrete([["a"], row], "tokens")


def test_rows_are_counted_from_first():
    with pytest.raises(DataFormatError, match="Step 0 of sequence 4097 of X"):
        read_discrete([["a"], [1]], "tokens", first=4096)
    with pytest.raises(DataFormatError, match="Sequence 4097 of X"):
        read_discrete([["a"], "b"], "tokens", first=4096)


def test_a_long_step_is_not_shown_in_full():
    with pytest.raises(DataFormatError) as caught:
        read_discrete([["a", ["x"] * 5000]], "tokens")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("kind", ["tokens", "features"])
@pytest.mark.parametrize("X", [[], [[]], [[], []]])
def test_nothing_is_read_as_nothing(X, kind):
    sequences = read_discrete(X, kind)
    assert len(sequences) == len(X) and sequences.values.shape == (0, 1)
    assert len(sequences.dictionary) == 0
