"""The scores of spans and tokens against seqeval, scikit-learn, hand counts and themselves."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import cross_validate

from seqlearn.metrics import (
    classification_report_spans,
    span_f1_score,
    span_precision_score,
    span_recall_score,
    spans,
    token_accuracy_score,
)

SCORES = {
    "precision_score": span_precision_score,
    "recall_score": span_recall_score,
    "f1_score": span_f1_score,
}
LETTERS = {"BIO": "BI", "IOB2": "BI", "BIOES": "BIES", "IOBES": "BIES", "BILOU": "BILU"}
TYPES = ["-A", "-B", "-creative-work", ""]  # "" is the label that is a prefix alone
property_test = settings(deadline=None, max_examples=80)


def alphabet(scheme):
    return ["O"] + [letter + kind for letter in LETTERS[scheme] for kind in TYPES]


@st.composite
def pairs(draw, scheme):
    """True and predicted labels of the same lengths, often alike, mostly not well formed."""
    label = st.sampled_from(alphabet(scheme))
    y_true = draw(st.lists(st.lists(label, max_size=8), min_size=1, max_size=5))
    kept = draw(st.sampled_from([0.0, 0.6, 0.9]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    y_pred = [
        [old if rng.random() < kept else str(rng.choice(alphabet(scheme))) for old in row]
        for row in y_true
    ]
    return y_true, y_pred


@pytest.fixture(scope="module")
def seqeval():
    pytest.importorskip("seqeval", reason="seqeval, the oracle of these tests, is not installed")
    import seqeval.metrics
    import seqeval.scheme

    return seqeval


def reading(seqeval, scheme, mode):
    """Return seqeval's own arguments for a scheme and a mode."""
    if mode == "default":
        return {}
    names = {"BIO": "IOB2", "BIOES": "IOBES", "BILOU": "BILOU"}
    return {"mode": "strict", "scheme": getattr(seqeval.scheme, names[scheme])}


MODES = [("BIO", "default"), ("BIOES", "default")] + [
    (scheme, "strict") for scheme in ("BIO", "BIOES", "BILOU")
]


# Against seqeval


@pytest.mark.parametrize(("scheme", "mode"), MODES)
def test_spans_are_those_of_seqeval(seqeval, scheme, mode):
    @property_test
    @given(st.lists(st.sampled_from(alphabet(scheme)), max_size=12))
    def check(labels):
        found = spans(labels, scheme=scheme, mode=mode)
        if mode == "default":
            expected = seqeval.metrics.sequence_labeling.get_entities(labels)
            expected = [(kind, start, last + 1) for kind, start, last in expected]
        else:
            cls = reading(seqeval, scheme, mode)["scheme"]
            entities = seqeval.scheme.Tokens(labels, cls).entities
            expected = [(entity.tag, entity.start, entity.end) for entity in entities]
        assert found == expected

    check()


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "mode"), MODES)
def test_scores_are_those_of_seqeval(seqeval, scheme, mode):
    @property_test
    @given(pairs(scheme), st.sampled_from([0.0, 1.0]))
    def check(pair, zero_division):
        options = {"scheme": scheme, "mode": mode}
        n_types = len(span_f1_score(*pair, **options, average=None))
        for average in ("micro", "macro", "weighted", None):
            if average == "macro" and n_types == 0:  # nan, with a warning, in seqeval
                continue
            same = {"average": average, "zero_division": zero_division}
            for name, score in SCORES.items():
                theirs = getattr(seqeval.metrics, name)
                expected = theirs(*pair, **same, **reading(seqeval, scheme, mode))
                found = score(*pair, **same, **options)
                np.testing.assert_allclose(found, expected, rtol=1e-12)
                assert np.shape(found) == np.shape(expected)

    check()


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "mode"), MODES)
def test_report_has_the_numbers_of_seqeval(seqeval, scheme, mode):
    @property_test
    @given(pairs(scheme), st.sampled_from([0.0, 1.0]))
    def check(pair, zero_division):
        assume(len(span_f1_score(*pair, scheme=scheme, mode=mode, average=None)))
        expected = seqeval.metrics.classification_report(
            *pair, output_dict=True, zero_division=zero_division, **reading(seqeval, scheme, mode)
        )
        found = classification_report_spans(
            *pair, scheme=scheme, mode=mode, output_dict=True, zero_division=zero_division
        )
        assert list(found) == list(expected)
        for name, row in found.items():
            assert row == pytest.approx(expected[name], rel=1e-12)

    check()


def test_report_is_the_text_of_seqeval(seqeval):
    for digits in (2, 4):
        expected = seqeval.metrics.classification_report(
            HAND_TRUE, HAND_PRED, digits=digits, zero_division=0
        )
        assert classification_report_spans(HAND_TRUE, HAND_PRED, digits=digits) == expected


# By hand. True: PER 0-2, LOC 3-4 | ORG 0-1, ORG 1-3 | none.
# Default predictions: PER 0-2 (right), LOC 2-4 | ORG 0-3 | PER 0-1, LOC 1-2: 1 of 4 and of 5.
# Strict predictions: PER 0-2 (right) | ORG 0-3 | PER 0-1, as LOC starts with I: 1 of 4 and of 3.

HAND_TRUE = [["B-PER", "I-PER", "O", "B-LOC"], ["B-ORG", "B-ORG", "I-ORG"], ["O", "O"], []]
HAND_PRED = [["B-PER", "I-PER", "I-LOC", "I-LOC"], ["B-ORG", "I-ORG", "I-ORG"], ["B-PER", "I-LOC"]]
HAND_PRED.append([])


def test_counted_by_hand_default():
    assert span_precision_score(HAND_TRUE, HAND_PRED) == 1 / 5
    assert span_recall_score(HAND_TRUE, HAND_PRED) == 1 / 4
    assert span_f1_score(HAND_TRUE, HAND_PRED) == pytest.approx(2 / 9)
    by_type = span_f1_score(HAND_TRUE, HAND_PRED, average=None)  # LOC, ORG, PER
    np.testing.assert_allclose(by_type, [0, 0, 2 / 3])
    assert span_f1_score(HAND_TRUE, HAND_PRED, average="macro") == pytest.approx(2 / 9)
    assert span_f1_score(HAND_TRUE, HAND_PRED, average="weighted") == pytest.approx(2 / 3 / 4)


def test_counted_by_hand_strict():
    assert span_precision_score(HAND_TRUE, HAND_PRED, mode="strict") == pytest.approx(1 / 3)
    assert span_recall_score(HAND_TRUE, HAND_PRED, mode="strict") == 1 / 4
    assert span_f1_score(HAND_TRUE, HAND_PRED, mode="strict") == pytest.approx(2 / 7)
    precision = span_precision_score(
        HAND_TRUE, HAND_PRED, mode="strict", average=None, zero_division=1.0
    )
    np.testing.assert_allclose(precision, [1, 0, 1 / 2])  # no predicted LOC: zero_division


@pytest.mark.parametrize(
    ("text", "default", "strict"),
    [
        ("B-X I-X E-X", [("X", 0, 3)], [("X", 0, 3)]),
        ("B-X I-X O", [("X", 0, 2)], []),  # does not end with E
        ("I-X E-X", [("X", 0, 2)], []),  # does not start with B
        ("B-X E-Y", [("X", 0, 1), ("Y", 1, 2)], []),
        ("S-X S-X", [("X", 0, 1), ("X", 1, 2)], [("X", 0, 1), ("X", 1, 2)]),
        ("S-X I-X", [("X", 0, 1), ("X", 1, 2)], [("X", 0, 1)]),
        ("E-X E-X", [("X", 0, 1), ("X", 1, 2)], []),
        ("B-X B-X E-X", [("X", 0, 1), ("X", 1, 3)], [("X", 1, 3)]),
        ("O O", [], []),
        ("", [], []),
    ],
)
def test_spans_of_bioes_by_hand(text, default, strict):
    assert spans(text.split(), scheme="BIOES") == default
    assert spans(text.split(), scheme="BIOES", mode="strict") == strict


# Schemes


@property_test
@given(st.lists(st.sampled_from(["O", "X", "Y", "creative-work"]), max_size=8), st.data())
def test_well_formed_labels_give_back_their_spans(kinds, data):
    for scheme, letters in LETTERS.items():
        single, last = (letters[3], letters[2]) if len(letters) == 4 else ("B", "I")
        labels, expected = [], []
        for kind in kinds:
            size = data.draw(st.integers(1, 4))
            if kind == "O":
                labels += ["O"] * size
                continue
            expected.append((kind, len(labels), len(labels) + size))
            prefixes = ["B"] + ["I"] * (size - 2) + [last] if size > 1 else [single]
            labels += [f"{prefix}-{kind}" for prefix in prefixes]
        assert spans(labels, scheme=scheme, mode="default") == expected
        assert spans(labels, scheme=scheme, mode="strict") == expected


@property_test
@given(pairs("BIOES"), st.sampled_from(["default", "strict"]))
def test_schemes_of_other_names_and_letters_are_equal(pair, mode):
    renamed = [
        [[label.replace("E", "L", 1).replace("S", "U", 1) for label in row] for row in y]
        for y in pair
    ]
    expected = classification_report_spans(*pair, scheme="BIOES", mode=mode)
    assert classification_report_spans(*pair, scheme="IOBES", mode=mode) == expected
    assert classification_report_spans(*renamed, scheme="BILOU", mode=mode) == expected


@property_test
@given(pairs("BIO"))
def test_default_mode_reads_alike_in_all_schemes_that_have_the_prefixes(pair):
    expected = classification_report_spans(*pair, scheme="BIO")
    for scheme in LETTERS:
        assert classification_report_spans(*pair, scheme=scheme) == expected


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["default", "strict"])
@property_test
@given(pair=pairs("BIOES"))
def test_spans_do_not_cross_the_borders_of_sequences(mode, pair):
    def collect(y):
        return {
            (i, *span) for i, row in enumerate(y) for span in spans(row, scheme="BIOES", mode=mode)
        }

    true, pred = map(collect, pair)
    assume(true and pred)
    options = {"scheme": "BIOES", "mode": mode}
    assert span_precision_score(*pair, **options) == len(true & pred) / len(pred)
    assert span_recall_score(*pair, **options) == len(true & pred) / len(true)


# Types, weights and nothing to count


def test_labels_choose_and_order_the_types():
    by_type = span_recall_score(HAND_TRUE, HAND_PRED, labels=["PER", "TIME", "LOC"], average=None)
    assert by_type.tolist() == [1.0, 0.0, 0.0]
    chosen = {"labels": ["PER", "LOC"]}
    assert span_recall_score(HAND_TRUE, HAND_PRED, **chosen) == 1 / 2
    assert span_precision_score(HAND_TRUE, HAND_PRED, **chosen) == 1 / 4
    assert span_recall_score(HAND_TRUE, HAND_PRED, **chosen, average="macro") == 1 / 2


@property_test
@given(pairs("BIO"), st.data())
def test_weights_are_repetitions(pair, data):
    size = len(pair[0])
    weights = data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    assume(any(weights))
    repeated = [
        [row for row, weight in zip(y, weights, strict=True) for _ in range(weight)] for y in pair
    ]
    for score in SCORES.values():
        for average in ("micro", "macro", "weighted", None):
            np.testing.assert_allclose(
                score(*pair, average=average, sample_weight=weights),
                score(*repeated, average=average),
            )
    if any(repeated[0]):
        found = token_accuracy_score(*pair, sample_weight=weights)
        assert found == pytest.approx(token_accuracy_score(*repeated))


@pytest.mark.parametrize("score", SCORES.values())
@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
def test_nothing_to_count_is_zero_division(score, average):
    for y in ([["O", "O"]], [[]], [["I-X"]]):
        mode = "strict" if y == [["I-X"]] else "default"
        assert score(y, y, mode=mode, average=average) == 0.0
        assert score(y, y, mode=mode, average=average, zero_division=1) == 1.0
        assert score(y, y, mode=mode, average=None).shape == (0,)
        report = classification_report_spans(y, y, mode=mode, output_dict=True, zero_division=1)
        assert list(report) == ["micro avg", "macro avg", "weighted avg"]
        assert report["macro avg"]["support"] == 0
        assert "weighted avg" in classification_report_spans(y, y, mode=mode)


# Tokens


@property_test
@given(pairs("BIO"))
def test_token_accuracy_is_that_of_scikit_learn_on_all_steps(pair):
    true, pred = (list(chain.from_iterable(y)) for y in pair)
    assume(true)
    assert token_accuracy_score(*pair) == pytest.approx(accuracy_score(true, pred))
    weights = np.arange(1.0, len(pair[0]) + 1) / 3
    each = np.repeat(weights, [len(row) for row in pair[0]])
    assert token_accuracy_score(*pair, sample_weight=weights) == pytest.approx(
        accuracy_score(true, pred, sample_weight=each)
    )


def test_token_accuracy_takes_whole_numbers():
    assert token_accuracy_score([np.array([0, 1]), [2]], [[0.0, 2.0], np.array([2])]) == 2 / 3
    assert token_accuracy_score(np.eye(2, dtype=bool), np.ones((2, 2), dtype=int)) == 1 / 2


# Forms of y


def forms(y):
    yield tuple(map(tuple, y))
    yield [np.array(row, dtype=str) for row in y]
    yield [np.array(row, dtype=object) for row in y]
    for kind in (str, object):
        ragged = np.empty(len(y), dtype=object)
        ragged[:] = [np.array(row, dtype=kind) for row in y]
        yield ragged
    yield [list(np.array(row, dtype=str)) for row in y]  # of numpy.str_


def test_all_forms_of_y_score_alike():
    expected = span_f1_score(HAND_TRUE, HAND_PRED, average=None)
    accuracy = token_accuracy_score(HAND_TRUE, HAND_PRED)
    for y_true, y_pred in zip(forms(HAND_TRUE), forms(HAND_PRED), strict=True):
        found = span_f1_score(y_true, y_pred, average=None)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(span_f1_score(HAND_TRUE, y_pred, average=None), expected)
        assert token_accuracy_score(y_true, y_pred) == accuracy
    square = np.array([["B-X", "I-X"], ["O", "B-X"]])
    assert span_f1_score(square, square) == token_accuracy_score(square, square) == 1.0
    assert spans(np.array(["O", "B-X"])) == [("X", 1, 2)]


# With scikit-learn


class Lookup(BaseEstimator):
    """Predicts the label that each word had in training, "O" for a word not seen."""

    def fit(self, X, y):
        self.labels_ = dict(zip(chain.from_iterable(X), chain.from_iterable(y), strict=True))
        return self

    def predict(self, X):
        rows = np.empty(len(X), dtype=object)
        rows[:] = [np.array([self.labels_.get(word, "O") for word in words]) for words in X]
        return rows


@pytest.mark.parametrize("as_array", [False, True])
def test_scorers_inside_cross_validate(as_array):
    X = [["Ann", "Lee", "in", "Rome"], ["Rome", "is", "big"], ["Ann", "is", "in"], ["Bo", "Rome"]]
    y = [["B-P", "I-P", "O", "B-L"], ["B-L", "O", "O"], ["B-P", "O", "O"], ["B-P", "B-L"]]
    if as_array:
        rows = np.empty(len(y), dtype=object)
        rows[:] = [np.array(row) for row in y]
        y = rows
    scoring = {
        "plain": make_scorer(span_f1_score),
        "f1": make_scorer(span_f1_score, scheme="BIO"),
        "strict": make_scorer(span_precision_score, mode="strict", average="macro"),
        "person": make_scorer(span_recall_score, labels=["P"]),
        "token": make_scorer(token_accuracy_score),
    }
    result = cross_validate(Lookup(), X, y, cv=2, scoring=scoring, error_score="raise")
    # Fold 1 does not learn Lee: Ann Lee is cut short, Rome is found twice.
    # Fold 2 does not learn Bo: Ann and Rome are found.
    assert result["test_f1"] == pytest.approx([2 / 3, 4 / 5])
    assert result["test_plain"].tolist() == result["test_f1"].tolist()
    assert result["test_strict"] == pytest.approx([1 / 2, 1.0])
    assert result["test_person"] == pytest.approx([0.0, 1 / 2])
    assert result["test_token"] == pytest.approx([6 / 7, 4 / 5])
