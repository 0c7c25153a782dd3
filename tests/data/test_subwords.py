"""`Subwords`: the text comes back, learning and cutting are those of the plain algorithm."""

import pickle
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqlearn.data.plain import as_plain, from_plain
from seqlearn.data.subwords import Subwords, _parts
from seqlearn.errors import InvalidParameterError

quick = settings(max_examples=150)
any_text = st.text(st.characters(), max_size=40) | st.text(" \t\nab'1.é\u0301हि", max_size=40)
few = st.lists(st.text("ab c.", max_size=12), max_size=6)
LEARNED = Subwords.learn(["the cat sat on the mat", "the hat's that", "1,000 cats!!\n\n"] * 2, 60)


@quick
@given(text=any_text)
@example("\ud800 lone surrogate \x00\x1c\u2028 don't  a \n b")
def test_the_text_comes_back(text):
    pieces = LEARNED.cut(text)
    assert LEARNED.join(pieces) == "".join(pieces) == text
    assert all(pieces) and (text == "") == (pieces == [])
    assert {piece for piece in pieces if len(piece) > 1} <= set(LEARNED.pieces)
    assert LEARNED.cut(text) == pieces


@quick
@given(text=any_text)
def test_no_piece_goes_from_a_word_into_the_next(text):
    for part in _parts().findall(text):
        assert not any(c.isspace() for c in part[1:]) or part.isspace()
    assert "".join(_parts().findall(text)) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Don't go, now!", ["Don't", " go", ",", " now", "!"]),
        ("a  b\n\nc \td", ["a", " ", " b", "\n", "\n", "c", " ", "\t", "d"]),
        ("x86 2,000 (yes)", ["x", "86", " 2", ",", "000", " (", "yes", ")"]),
        ("हिन्दी में", ["हिन्दी", " में"]),
        ("dogs' e\u0301te\u0301", ["dogs", "'", " e\u0301te\u0301"]),
    ],
)
def test_parts_of_a_text(text, parts):
    assert _parts().findall(text) == parts


def plain_learn(texts, size):
    """Count all pairs anew before every join."""
    words = Counter(word for text in texts for word in _parts().findall(text))
    cuts = {word: list(word) for word in words}
    pieces = list(dict.fromkeys(sorted(set("".join(texts)))))
    joins = []
    while len(pieces) < size:
        counts = Counter()
        for word, cut in cuts.items():
            for pair in pairwise(cut):
                counts[pair] += words[word]
        if not counts or max(counts.values()) < 2:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        joins += [best] * (best not in joins)
        pieces += ["".join(best)] * ("".join(best) not in pieces)
        cuts = {word: plain_join(cut, best) for word, cut in cuts.items()}
    return pieces, joins


def plain_join(cut, pair):
    joined = []
    for piece in cut:
        if joined and (joined[-1], piece) == pair and len(joined[-1]) == len(pair[0]):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def plain_cut(word, joins):
    cut = list(word)
    while True:
        ranked = [(joins.index(p), i) for i, p in enumerate(pairwise(cut)) if p in joins]
        if not ranked:
            return cut
        _, i = min(ranked)
        cut[i : i + 2] = [cut[i] + cut[i + 1]]


@quick
@given(texts=few, size=st.integers(1, 30), other=st.text("ab c.", max_size=30))
@example(["aaaaaaa aaaa", "aaaaaa"], 30, "aaaaaaaaaaaaa")
@example(["abcabcd bcbcd", "abcd abc bc"] * 3, 30, "abcdabcdbcd")
def test_learning_and_cutting_are_the_plain_algorithm(texts, size, other):
    pieces, joins = plain_learn(texts, size)
    subwords = Subwords.learn(texts, size)
    assert list(subwords.pieces) == pieces
    assert sorted(subwords._ranks, key=subwords._ranks.get) == joins
    for text in [*texts, other]:
        assert subwords.cut(text) == [
            piece for part in _parts().findall(text) for piece in plain_cut(part, joins)
        ]


@quick
@given(texts=few, size=st.integers(1, 30), data=st.data())
def test_order_does_not_matter_and_weights_are_repetitions(texts, size, data):
    learned = Subwords.learn(texts, size)
    assert Subwords.learn(data.draw(st.permutations(texts)), size) == learned
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(texts), max_size=len(texts)))
    repeated = [text for text, n in zip(texts, weights, strict=True) for _ in range(n)]
    assert Subwords.learn(texts, size, weights) == Subwords.learn(repeated, size)


def test_weights_that_are_fractions_do_not_depend_on_the_order():
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abc "), 12)) for _ in range(60)]
    weights = 10 * rng.random(60)
    learned, order = Subwords.learn(texts, 60, weights), rng.permutation(60)
    assert len(learned.pieces) == 60
    assert Subwords.learn([texts[i] for i in order], 60, weights[order]) == learned


def test_size_is_a_number_of_distinct_pieces():
    texts = ["the cat sat on the mat"] * 2
    n_characters = len(set(texts[0]))
    for size in (1, n_characters, n_characters + 3, 10_000):
        pieces = Subwords.learn(texts, size).pieces
        assert len(set(pieces)) == len(pieces)
        assert len(pieces) == max(n_characters, min(size, len(Subwords.learn(texts, 999).pieces)))
    assert Subwords.learn([], 10).pieces == () and Subwords.learn(["", ""], 10).cut("ab") == [*"ab"]
    assert Subwords.learn(["ab"], 10).pieces == ("a", "b")  # a pair has to occur twice


@pytest.mark.parametrize("size", [0, -1, 2.5, True, None, "bpe"])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(InvalidParameterError, match=r"size=.*integer of 1 or more"):
        Subwords.learn(["a"], size)


def test_plain_values_and_pickles_give_it_back():
    for again in (
        from_plain(as_plain(LEARNED)),
        pickle.loads(pickle.dumps(LEARNED)),
    ):
        assert again == LEARNED and hash(again) == hash(LEARNED)
        assert again.pieces == LEARNED.pieces and again.cut("the cats") == LEARNED.cut("the cats")
    assert LEARNED != Subwords.learn(["the"], 9) and LEARNED != "the"
    assert not LEARNED.merges.flags.writeable
    assert repr(LEARNED).startswith("<Subwords: ")
    assert len(pickle.dumps(LEARNED)) < 2_000 and sys.getsizeof(LEARNED.characters) < 200


def test_stores_that_write_json_give_surrogates_back():
    odd = Subwords.learn(["\ud800\udc00\x00"] * 2, 10)  # the first two are not one character
    assert "".join(odd.pieces[:3]) == "\x00\ud800\udc00"
    state = as_plain([odd])[0]["fields"]
    assert {type(value) for value in state.values()} == {np.ndarray}
    assert from_plain(as_plain(odd)) == odd


def test_one_word_of_many_characters():
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("ACGT"), 20_000))
    subwords = Subwords.learn([text], 200)
    pieces = subwords.cut(text)
    assert "".join(pieces) == text and len(pieces) < 8_000
    assert subwords.cut("A" * 50_000) and text not in subwords._kept
