"""What the scores of `seqlearn.metrics` refuse, and what they say then."""

import numpy as np
import pytest

from seqlearn.errors import DataFormatError, InvalidParameterError, SeqlearnError
from seqlearn.metrics import (
    classification_report_spans,
    span_f1_score,
    span_precision_score,
    span_recall_score,
    spans,
    token_accuracy_score,
)

SPAN_SCORES = (span_precision_score, span_recall_score, span_f1_score)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "words"),
    [
        ([["O"]], [["O"], ["O"]], ["1 sequences", "2"]),
        ([["O"], ["O"] * 3], [["O"], ["O"] * 2], ["sequence 1", "3 steps in y_true", "2 in y_"]),
        ([], [], ["y_true holds no sequences"]),
        (None, [["O"]], ["y_true is None", "of type NoneType"]),
        (["O", "B-X"], [["O"]], ["y_true, sequence 0", "'O'", "[y_true]"]),
        ([["O"]], np.array(["O"]), ["y_pred, sequence 0", "'O'"]),
        ([["O"]], [np.array([["O"]])], ["y_pred, sequence 0 has shape (1, 1)", "(T,)"]),
    ],
)
def test_refuses_y_that_is_not_sequences_of_equal_lengths(y_true, y_pred, words):
    for score in (*SPAN_SCORES, token_accuracy_score, classification_report_spans):
        with pytest.raises(DataFormatError) as caught:
            score(y_true, y_pred)
        for word in words:
            assert word in str(caught.value)


@pytest.mark.parametrize(
    ("label", "scheme", "words"),
    [
        ("X-PER", "BIO", ["'X-PER'", "scheme='BIO'", "'B-TYPE', 'I-TYPE'", "Rewrite"]),
        ("PER", "BIO", ["'PER'", "prefix first"]),
        ("PER-B", "BIOES", ["'PER-B'", "prefix first"]),
        ("O-PER", "BIO", ["'O-PER'"]),
        ("o", "BIO", ["'o'"]),
        ("", "BIO", ["''"]),
        ("E-PER", "BIO", ["'E-PER'", "Pass scheme='BIOES'"]),
        ("L-PER", "BIOES", ["'L-PER'", "Pass scheme='BILOU'"]),
        (3, "BIO", ["3 is of type int", "'B-PER'"]),
        (None, "BIO", ["None is of type NoneType"]),
        (["B-PER"], "BIO", ["['B-PER'] is of type list"]),
    ],
)
@pytest.mark.parametrize("mode", ["default", "strict"])
def test_refuses_labels_outside_the_scheme(label, scheme, words, mode):
    good, bad = [["O"], [], ["O", "B-PER", "O"]], [["O"], [], ["O", "O", label]]
    for y_true, y_pred, name in [(good, bad, "y_pred"), (bad, good, "y_true")]:
        with pytest.raises(DataFormatError) as caught:
            span_f1_score(y_true, y_pred, scheme=scheme, mode=mode)
        for word in [f"{name}, sequence 2, step 2", *words]:
            assert word in str(caught.value)
    with pytest.raises(DataFormatError, match="labels, step 2"):
        spans(bad[2], scheme=scheme, mode=mode)


def test_names_the_first_step_after_an_empty_sequence():
    with pytest.raises(DataFormatError, match="y_true, sequence 2, step 0: the label 'Q'"):
        span_f1_score([["O"], [], ["Q"], []], [["O"], [], ["O"], []])


def test_refuses_the_first_of_several_wrong_labels():
    with pytest.raises(DataFormatError, match="sequence 0, step 1: the label 'Q'"):
        span_f1_score([["O", "Q", "P"], ["R"]], [["O"] * 3, ["O"]])


@pytest.mark.parametrize("labels", ["B-PER", 3, [["O"]], np.array([["O"]])])
def test_spans_refuses_what_is_not_one_sequence(labels):
    with pytest.raises(DataFormatError, match="labels"):
        spans(labels)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([["a"]], [[1]], "y_true holds text and y_pred numbers"),
        ([["a", 1]], [["a", 1]], "mixed types, text and numbers, .*y_true, sequence 0, step 1"),
        ([[1, 0.5]], [[1, 0]], "y_true, sequence 0, step 1 is 0.5, not a whole number"),
        ([[1, 0]], [[1, np.nan]], "y_pred, sequence 0, step 1 has no label .NaN"),
        ([[1]], [[None]], "y_pred, sequence 0, step 0 has no label .None"),
        ([[], []], [[], []], "hold no step"),
    ],
)
def test_token_accuracy_refuses(y_true, y_pred, message):
    with pytest.raises(DataFormatError, match=message):
        token_accuracy_score(y_true, y_pred)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], r"shape == \(1,\), expected \(2,\)"),
        ([[1.0], [1.0]], r"shape == \(2, 1\)"),
        ([1.0, -1.0], r"Negative values in sample_weight, in rows \[1\]"),
        ([np.nan, 1.0], "sample_weight contains NaN.* row 0"),
        ([0, 0], "weights are zero"),
        (["a", "b"], "Row 0 of sample_weight is 'a'.*numbers"),
        (["1", "2"], "Row 0 of sample_weight is '1'.*numbers"),
        ([1e308, 1e308], "too large"),
        ([5e-324, 0.0], "too small"),
        (np.ma.array([1.0, 1.0], mask=[False, True]), "sample_weight is a masked array"),
        (5.0, "sample_weight is 5.0"),
    ],
)
def test_refuses_weights(weights, message):
    y = [["O", "B-X"], ["O"]]
    for score in (span_f1_score, token_accuracy_score):
        with pytest.raises(DataFormatError, match=message):
            score(y, y, sample_weight=weights)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"scheme": "IOB1"}, "scheme='IOB1'.*'BIO'.*'BILOU'"),
        ({"scheme": None}, "scheme=None"),
        ({"mode": "lenient"}, "mode='lenient'.*'default', 'strict'"),
        ({"average": "samples"}, "average='samples'.*None"),
        ({"zero_division": "warn"}, "zero_division='warn'.*0.0 or 1.0"),
        ({"zero_division": np.nan}, "zero_division=nan"),
        ({"labels": "PER"}, "labels='PER'.*a list of types"),
        ({"labels": 3}, "labels=3"),
        ({"labels": []}, "empty"),
        ({"labels": ["X", "X"]}, "twice"),
    ],
)
def test_refuses_parameters(parameters, message):
    for score in SPAN_SCORES:
        with pytest.raises(InvalidParameterError, match=message):
            score([["O"]], [["O"]], **parameters)
    if not {"labels", "average"} & set(parameters):
        with pytest.raises(InvalidParameterError, match=message):
            classification_report_spans([["O"]], [["O"]], **parameters)


@pytest.mark.parametrize("digits", [-1, 2.0, True])
def test_report_refuses_digits(digits):
    with pytest.raises(InvalidParameterError, match="digits="):
        classification_report_spans([["O"]], [["O"]], digits=digits)


def test_refusals_are_value_errors():
    with pytest.raises(ValueError) as caught:
        span_f1_score([], [])
    assert isinstance(caught.value, SeqlearnError)
