"""The scores of texts against sacreBLEU, plain tables of distances, hand counts and themselves."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.metrics import (
    character_error_rate,
    chrf_score,
    edit_distance,
    rouge_l_score,
    rouge_n_score,
    token_error_rate,
    word_error_rate,
)
from seqlearn.metrics.edit_distance import longest_common_subsequence

quick = settings(max_examples=150)
text = st.text(st.sampled_from("abB .,!(\t\n\u00a0é\u0301"), max_size=25) | st.text(max_size=8)
tokens = st.lists(st.sampled_from(["a", "b", "ab", ""]), max_size=9)


@pytest.fixture(scope="module")
def CHRF():
    pytest.importorskip(
        "sacrebleu", reason="sacrebleu, the oracle of these tests, is not installed"
    )
    from sacrebleu.metrics import CHRF

    return CHRF


# chrF


def test_chrf_is_that_of_sacrebleu(CHRF):
    @quick
    @given(
        rows=st.lists(st.tuples(text, text, text), min_size=1, max_size=5),
        orders=st.tuples(st.integers(1, 7), st.integers(0, 3)),
        beta=st.integers(1, 3),
    )
    @example([("", "", "")], (6, 0), 2)
    @example([("a", "", ""), ("", "b", "b")], (6, 0), 2)
    @example([("abcdef", "", "abcdef"), ("ab", "abc", "")], (6, 2), 2)
    def check(rows, orders, beta):
        pred, one, other = map(list, zip(*rows, strict=True))
        options = {"char_order": orders[0], "word_order": orders[1], "beta": beta}
        peer = CHRF(**options)
        expected = peer.corpus_score(pred, [one]).score
        assert chrf_score(one, pred, **options) == pytest.approx(expected, abs=1e-9)
        both = list(map(list, zip(one, other, strict=True)))
        expected = peer.corpus_score(pred, [one, other]).score
        assert chrf_score(both, pred, **options) == pytest.approx(expected, abs=1e-9)

    check()


def test_chrf_with_as_many_references_as_there_are(CHRF):
    pred = ["the cat sat", "a dog", "Hello, (you)!"]
    true = [["the cat is sat", "a cat sat down"], ["the dog"], ["Hello you", "Hello, you!", "Hi"]]
    streams = [[row[i] if i < len(row) else None for row in true] for i in range(3)]
    for options in ({}, {"word_order": 2}, {"beta": 1}):
        expected = CHRF(**options).corpus_score(pred, streams).score
        assert chrf_score(true, pred, **options) == pytest.approx(expected, abs=1e-9)


def test_chrf_by_hand():
    assert chrf_score(["ab"], ["ab"]) == chrf_score(["a b"], [" ab\n"]) == 100
    assert chrf_score(["ab"], ["cd"]) == chrf_score([""], [""]) == chrf_score(["a"], [""]) == 0
    precision, recall = (2 / 2 + 1 / 1) / 2, (2 / 4 + 1 / 3) / 2
    assert chrf_score(["abcd"], ["ab"], char_order=2, beta=1) == pytest.approx(
        200 * precision * recall / (precision + recall)
    )


# Distances


def plain_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def plain_common(a, b):
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1, j + 1] = (
                table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
            )
    return table[-1, -1]


sequences = text | tokens | st.lists(st.integers(0, 2), max_size=150)


@quick
@given(a=sequences, b=sequences)
@example("kitten", "sitting")
@example("a" * 200, "ba" * 90)
def test_distances_are_those_of_a_table(a, b):
    if type(a) is type(b):
        assert edit_distance(a, b) == edit_distance(b, a) == plain_distance(a, b)
    a, b = list(a), list(b)
    assert edit_distance(a, b) == plain_distance(a, b)
    assert longest_common_subsequence(a, b) == plain_common(a, b)
    assert edit_distance(a, a) == 0 and longest_common_subsequence(a, a) == len(a)


def test_distances_take_arrays_and_series():
    assert edit_distance(np.array([1, 2, 3]), (1, 3)) == 1
    assert edit_distance(pd.Series(["a", "b"]), np.array(["a"])) == 1
    assert edit_distance(pl.Series(["a", "b"]), ["c"]) == 2
    assert edit_distance(np.str_("ab"), "b") == 1


@quick
@given(rows=st.lists(st.tuples(tokens, tokens), min_size=1, max_size=5))
def test_the_error_rate_is_edits_a_token(rows):
    true, pred = map(list, zip(*rows, strict=True))
    n = sum(map(len, true))
    if n == 0 and true != pred:
        with pytest.raises(DataFormatError, match="hold no token"):
            token_error_rate(true, pred)
        return
    expected = sum(plain_distance(*row) for row in rows) / max(1, n)
    assert token_error_rate(true, pred) == pytest.approx(expected)
    assert token_error_rate([[row] for row in true], pred) == pytest.approx(expected)
    assert token_error_rate(true, true) == 0
    assert token_error_rate([[one, two] for one, two in rows], pred) == 0


def test_the_nearest_reference_counts():
    true = [[["a", "b", "c"], ["x", "y"]], [["d"]], ["e", "f"]]
    assert token_error_rate(true, [["x", "z"], ["d"], []]) == (1 + 0 + 2) / (2 + 1 + 2)
    assert token_error_rate([[["a"], ["a", "b", "c"]]], [["a", "b"]]) == 1 / 3  # equally near
    assert token_error_rate([[[], ["a"]], ["b"]], [[], ["b"]]) == 0
    assert token_error_rate([["a"]], [["a", "b", "c"]]) == 2


written = st.text("ab. \t\n\u00a0", max_size=12)


@quick
@given(rows=st.lists(st.tuples(written, written), min_size=1, max_size=5))
@example([("", "")])
@example([("", "a b")])
@example([("a\tb", "a b")])
@example([("a\t\tb", "a b")])
def test_words_and_characters_are_counted_as_jiwer_counts_them(rows):
    jiwer = pytest.importorskip("jiwer", reason="jiwer, the oracle of this test, is not installed")
    true, pred = map(list, zip(*rows, strict=True))
    assert word_error_rate(true, pred) == pytest.approx(jiwer.wer(true, pred))
    assert character_error_rate(true, pred) == pytest.approx(jiwer.cer(true, pred))


def test_error_rates_of_texts_by_hand():
    assert word_error_rate([""], [""]) == character_error_rate([" "], [""]) == 0
    assert word_error_rate([""], ["a b"]) == 2 and character_error_rate([""], ["a b"]) == 3
    assert word_error_rate(["a", "b c"], ["a", "c"]) == 1 / 3
    assert word_error_rate([["a b", "a c d"]], ["a c"]) == 1 / 3  # of equally near ones the longest


# ROUGE


def test_rouge_by_hand():
    true, pred = ["The cat sat on the mat."], ["the Cat, on the mat sat"]
    assert rouge_n_score(true, pred) == 1
    assert rouge_n_score(true, pred, n=2) == pytest.approx(3 / 5)
    assert rouge_l_score(true, pred) == pytest.approx(5 / 6)
    assert rouge_n_score(["don't é_e\u0301"], ["don t é e\u0301"]) == 1
    assert (
        rouge_n_score([""], [""]) == rouge_l_score([""], ["a"]) == rouge_l_score(["."], [""]) == 0
    )
    assert rouge_n_score(["a"], ["a"], n=2) == 0
    assert rouge_n_score(["a a a"], ["a"]) == pytest.approx(0.5)  # a run counts once
    assert rouge_n_score([["a", "B"]], [["A", "B"]]) == 0.5  # tokens are compared as they are
    assert rouge_l_score([["a b", "c d"]], ["d c"]) == 0.5  # texts have references


@quick
@given(rows=st.lists(st.tuples(tokens, tokens), min_size=1, max_size=5))
def test_rouge_is_a_mean_over_rows_and_the_best_reference(rows):
    true, pred = map(list, zip(*rows, strict=True))
    for score in (rouge_n_score, rouge_l_score):
        one = [score([a], [b]) for a, b in rows]
        assert score(true, pred) == pytest.approx(np.mean(one))
        assert score(pred, true) == pytest.approx(np.mean(one))
        shared = [list(true) for _ in pred]
        best = [max(score([a], [b]) for a in true) for b in pred]
        assert score(shared, pred) == pytest.approx(np.mean(best))
    for (a, b), found in zip(rows, [rouge_l_score([a], [b]) for a, b in rows], strict=True):
        assert found * (len(a) + len(b)) == pytest.approx(2 * plain_common(a, b))


# All of them


SCORES = {
    chrf_score: (["a cat", "dog", "one"], ["a hat", "dogs", ""]),
    rouge_n_score: (["a cat", "dog", "one"], ["a hat", "dog", ""]),
    rouge_l_score: ([["a", "b"], ["c"], []], [["b", "a"], ["c"], ["d"]]),
    token_error_rate: ([["a", "b"], ["c"], ["d"]], [["b", "a"], ["c"], []]),
    word_error_rate: (["a cat", "dog", "one"], ["a hat", "dog", ""]),
    character_error_rate: (["a cat", "dog", "one"], ["a hat", "dog", ""]),
}


@pytest.mark.parametrize("score", SCORES)
def test_weights_are_repetitions_and_containers_make_no_difference(score):
    true, pred = SCORES[score]
    weighted = score(true, pred, sample_weight=[2, 0, 3])
    rows = [0, 0, 2, 2, 2]
    assert weighted == pytest.approx(score([true[i] for i in rows], [pred[i] for i in rows]))
    expected = score(true, pred)
    for make in (tuple, pd.Series, pl.Series):
        assert score(make(true), make(pred)) == expected
    assert type(expected) is float
    shared = [[one, one] for one in true]
    assert score(shared, pred) == expected


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        (["a"], [], "y_true has 1 rows and y_pred has 0"),
        ([], [], "hold no rows"),
        ("a", ["a"], r"string object received. Pass \[y_true\]"),
        (["a"], "a", r"string object received. Pass \[y_pred\]"),
        ([None], [None], "Row 0 of y_pred is None, of type NoneType, not a"),
        ([{"a"}], [{"a"}], "Row 0 of y_pred is {'a'}, of type set"),
        (None, ["a"], "y_true is of type NoneType"),
    ],
)
def test_what_every_score_refuses(score, y_true, y_pred, message):
    with pytest.raises(DataFormatError, match=message):
        score(y_true, y_pred)


@pytest.mark.parametrize(
    ("score", "y_true", "y_pred", "message"),
    [
        (chrf_score, [["a"]], [["a"]], r"Row 0 of y_pred is \['a'\].*not a text. Join tokens"),
        (
            chrf_score,
            [["a", 3]],
            ["a"],
            "Row 0 of y_true, reference 1, is 3, of type int, not a text",
        ),
        (chrf_score, [[]], ["a"], "Row 0 of y_true is an empty list; give at least one reference"),
        (chrf_score, [3], ["a"], "Row 0 of y_true is 3, of type int, not a text, or a list"),
        (token_error_rate, ["a"], ["a"], r"Row 0 of y_pred is 'a'.*list\(text\).*text.split\(\)"),
        (token_error_rate, ["a"], [["a"]], r"Row 0 of y_true is 'a'.*not a list of tokens"),
        (
            token_error_rate,
            [["a"]],
            [["b", ["a"]]],
            r"Row 0 of y_pred, step 1, is \['a'\].*not a token",
        ),
        (token_error_rate, [["a", ["b"]]], [["b"]], "Row 0 of y_true, reference 0, is 'a'"),
        (token_error_rate, [[]], [["b"]], "hold no token"),
        (rouge_l_score, ["a", "b"], ["a", ["b"]], r"Row 1 of y_pred is \['b'\].*not a text"),
        (rouge_l_score, [["a"], "b"], [["a"], "b"], "Row 1 of y_pred is 'b'.*not a list of tokens"),
    ],
)
def test_what_a_score_refuses(score, y_true, y_pred, message):
    with pytest.raises(DataFormatError, match=message):
        score(y_true, y_pred)


@pytest.mark.parametrize(
    "call",
    [
        lambda: chrf_score(["a"], ["a"], char_order=0),
        lambda: chrf_score(["a"], ["a"], char_order=True),
        lambda: chrf_score(["a"], ["a"], word_order=-1),
        lambda: chrf_score(["a"], ["a"], word_order=1.5),
        lambda: chrf_score(["a"], ["a"], beta=0),
        lambda: chrf_score(["a"], ["a"], beta="2"),
        lambda: chrf_score(["a"], ["a"], beta=float("nan")),
        lambda: rouge_n_score(["a"], ["a"], n=0),
        lambda: rouge_n_score(["a"], ["a"], n="l"),
    ],
)
def test_parameters_that_are_refused(call):
    with pytest.raises(InvalidParameterError, match="is not accepted; give a"):
        call()


def test_distances_refuse_what_is_no_sequence():
    for one in (3, None, b"ab", {"a": 1}, np.zeros((2, 2)).tolist()):
        with pytest.raises(DataFormatError, match=r"^a(, step 0,)? is"):
            edit_distance(one, "ab")
