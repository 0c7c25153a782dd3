"""`Vocabulary` against a plain count, and its freedom from the order of the words."""

import math
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.data.plain import as_plain, from_plain
from seqlearn.data.vocabulary import Vocabulary
from seqlearn.errors import DataFormatError

quick = settings(deadline=None, max_examples=60)
any_word = st.one_of(
    st.text(max_size=6),
    st.text("aAbBİßΣ\u03c3ς1٣९", max_size=4),
    st.sampled_from(["don't", " ", ""]),
)
weights = st.floats(0, 1e6) | st.integers(0, 5)
tables = st.dictionaries(any_word, weights, max_size=12)
flags = st.fixed_dictionaries({"lowercase": st.booleans(), "fold_digits": st.booleans()})


def fold(word, lowercase, fold_digits):
    word = word.lower() if lowercase else word
    return "".join("0" if fold_digits and c.isdecimal() else c for c in word)


@quick
@given(table=tables, flags=flags, low=st.floats(0.01, 10))
def test_it_holds_the_frequent_words_in_order(table, flags, low):
    vocabulary = Vocabulary.learn(list(table), list(table.values()), min_frequency=low, **flags)
    parts = {}
    for word, count in table.items():
        parts.setdefault(fold(word, **flags), []).append(count)
    expected = {word: math.fsum(counts) for word, counts in parts.items()}
    expected = {word: count for word, count in expected.items() if count >= low}
    assert dict(zip(vocabulary.words, vocabulary.counts, strict=True)) == expected
    pairs = list(zip(-vocabulary.counts, vocabulary.words, strict=True))
    assert pairs == sorted(pairs)
    assert len(vocabulary) == len(expected) + 1


@quick
@given(table=tables, flags=flags, shuffler=st.randoms())
def test_the_order_of_the_words_plays_no_role(table, flags, shuffler):
    items = list(table.items())
    one = Vocabulary.learn([w for w, _ in items], [c for _, c in items], **flags)
    shuffler.shuffle(items)
    other = Vocabulary.learn([w for w, _ in items], [c for _, c in items], **flags)
    assert one == other
    assert one.counts.tobytes() == other.counts.tobytes()
    assert pickle.dumps(one) == pickle.dumps(other)


@quick
@given(table=tables, flags=flags, asked=st.lists(any_word, max_size=10))
def test_codes_are_the_places_of_the_words(table, flags, asked):
    vocabulary = Vocabulary.learn(list(table), list(table.values()), **flags)
    asked += list(table)
    codes = vocabulary.encode(asked)
    assert (codes.dtype, codes.shape) == (np.int64, (len(asked),))
    for word, code in zip(asked, codes.tolist(), strict=True):
        assert (code > 0) == (word in vocabulary)
        assert vocabulary.normalise(word) == fold(word, **flags)
        if code:
            assert vocabulary.words[code - 1] == vocabulary.normalise(word)
    assert vocabulary.encode(vocabulary.words).tolist() == list(range(1, len(vocabulary)))


@quick
@given(table=tables, flags=flags)
def test_what_is_saved_is_equal_and_small(table, flags):
    vocabulary = Vocabulary.learn(list(table), list(table.values()), **flags)
    plain = as_plain(vocabulary)  # as a model keeps it in a skops file
    assert "_codes" not in plain["fields"]
    for again in (pickle.loads(pickle.dumps(vocabulary)), from_plain(plain)):
        assert again == vocabulary
        assert not again.counts.flags.writeable
        assert again.encode(list(table)).tolist() == vocabulary.encode(list(table)).tolist()
    text = sum(len(word.encode("utf-8", "surrogatepass")) for word in vocabulary.words)
    assert len(pickle.dumps(vocabulary)) < 400 + text + 16 * len(vocabulary)


def test_characters_are_words_too():
    counts = Counter("to be or not to be")
    vocabulary = Vocabulary.learn(list(counts), list(counts.values()), min_frequency=2)
    assert vocabulary.words == (" ", "o", "t", "b", "e")
    assert vocabulary.encode(list("boxe")).tolist() == [4, 2, 0, 5]


def test_weights_that_add_up_to_the_minimum_are_enough():
    words, counts = ["Tea", "tea", "TEA", "ale"], [0.1, 0.2, 0.7, 0.9]
    assert Vocabulary.learn(words, counts, lowercase=True).words == ("tea",)
    assert Vocabulary.learn(words, counts).words == ()


def test_no_word_at_all_is_a_vocabulary_of_the_unknown():
    vocabulary = Vocabulary.learn([], [])
    assert len(vocabulary) == 1
    assert vocabulary.encode(["a", "b"]).tolist() == [0, 0]
    assert vocabulary.encode([]).shape == (0,)
    assert repr(vocabulary) == "<Vocabulary: 0 words>"


def test_numpy_words_become_plain_strings():
    given_words = np.array(["b", "a"])
    for words in (given_words, list(given_words), given_words.astype(object)):
        vocabulary = Vocabulary.learn(words, np.array([1, 2], dtype=np.float32))
        assert vocabulary.words == ("a", "b")
        assert {type(word) for word in vocabulary.words} == {str}
        assert vocabulary.encode(words).tolist() == [2, 1]


def test_equality_regards_words_counts_and_flags():
    vocabulary = Vocabulary(["a"], [2])
    assert vocabulary == Vocabulary(["a"], [2.0])
    for other in (
        Vocabulary(["b"], [2]),
        Vocabulary(["a"], [3]),
        Vocabulary(["a"], [2], lowercase=True),
        Vocabulary(["a"], [2], fold_digits=True),
        ("a",),
    ):
        assert vocabulary != other
    with pytest.raises(TypeError, match="unhashable"):
        hash(vocabulary)


def test_membership_is_false_for_what_is_no_word():
    vocabulary = Vocabulary(["a"], [1], lowercase=True)
    assert "A" in vocabulary
    assert None not in vocabulary and 1 not in vocabulary


def test_counts_are_copied_and_read_only():
    counts = np.array([1.0])
    vocabulary = Vocabulary(["a"], counts)
    counts[0] = 5
    assert vocabulary.counts[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        vocabulary.counts[0] = 2


def test_the_repr_shows_the_first_words():
    words = [chr(ord("a") + i) for i in range(7)]
    shown = repr(Vocabulary(words, range(7, 0, -1), lowercase=True))
    assert shown == "<Vocabulary: 7 words, 'a', 'b', 'c', 'd', 'e', ...; lowercase>"


# Bad input.


def test_what_cannot_be_encoded_is_refused():
    vocabulary = Vocabulary(["a"], [1])
    with pytest.raises(DataFormatError, match=r"one string, 'ab'.*list\(text\)"):
        vocabulary.encode("ab")
    with pytest.raises(DataFormatError, match="number 0 is nan"):
        vocabulary.encode([math.nan])
    with pytest.raises(DataFormatError, match=r"number 1 is 3, a int.*str\(word\)"):
        vocabulary.encode(["a", 3])
