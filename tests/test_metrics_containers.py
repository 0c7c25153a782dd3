"""The scores of `seqlearn.metrics` read what fit reads, whatever holds the labels."""

from collections import deque

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from seqlearn.errors import DataFormatError
from seqlearn.metrics import (
    classification_report_spans,
    span_f1_score,
    spans,
    token_accuracy_score,
)

TRUE = [["B-PER", "I-PER", "O", "B-LOC"], [], ["O", "B-LOC"]]
PRED = [["B-PER", "I-PER", "O", "O"], [], ["B-LOC", "I-LOC"]]  # 1 of 3 true, 1 of 2 predicted spans
WEIGHTS = [2, 1, 1]


def objects(rows):
    packed = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        packed[i] = row
    return packed


PACK = {
    "lists": lambda rows: rows,
    "tuples": lambda rows: tuple(map(tuple, rows)),
    "deques": lambda rows: deque(map(deque, rows)),
    "arrays": lambda rows: [np.array(row, dtype="U5") for row in rows],
    "StringDType": lambda rows: [np.array(row, dtype=np.dtypes.StringDType()) for row in rows],
    "object array": lambda rows: objects([np.array(row, dtype=object) for row in rows]),
    "unmasked": lambda rows: [np.ma.array(row, dtype="U5") for row in rows],
    "series": lambda rows: pd.Series(rows),
    "list of series": lambda rows: [pd.Series(row, dtype="str") for row in rows],
    "list of nullable series": lambda rows: [pd.Series(row, dtype="string") for row in rows],
    "list of categories": lambda rows: [pd.Series(row, dtype="category") for row in rows],
    "polars": lambda rows: pl.Series(rows, dtype=pl.List(pl.String)),
    "list of polars": lambda rows: [pl.Series(row, dtype=pl.String) for row in rows],
    "arrow": lambda rows: pa.array(rows, type=pa.list_(pa.string())),
    "arrow chunks": lambda rows: pa.chunked_array([rows[:1], rows[1:]], pa.list_(pa.string())),
    "list of arrow": lambda rows: [pa.array(row, type=pa.string()) for row in rows],
    "arrow scalars": lambda rows: list(pa.array(rows, type=pa.list_(pa.string()))),
    "lists of arrow scalars": lambda rows: [list(pa.array(row, pa.string())) for row in rows],
}
PACK_NUMBERS = {
    "tensors": lambda rows: [torch.tensor(row) for row in rows],
    "nullable": lambda rows: [pd.Series(row, dtype="Int64") for row in rows],
    "arrow": pa.array,
    "polars": pl.Series,
    "table": np.array,
    "tensor": torch.tensor,
    "frame": pd.DataFrame,
    "polars table": lambda rows: pl.DataFrame(rows, orient="row"),
    "arrow table": lambda rows: pa.table(
        {str(i): list(c) for i, c in enumerate(zip(*rows, strict=True))}
    ),
}


@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
def test_text_out_of_every_container(pack):
    assert span_f1_score(pack(TRUE), pack(PRED)) == pytest.approx(2 / 5)
    assert span_f1_score(pack(TRUE), PRED, sample_weight=WEIGHTS) == pytest.approx(4 / 8)
    assert token_accuracy_score(TRUE, pack(PRED)) == pytest.approx(3 / 6)
    assert token_accuracy_score(
        pack(TRUE), pack(PRED), sample_weight=pa.array(WEIGHTS)
    ) == pytest.approx(6 / 10)
    report = classification_report_spans(pack(TRUE), pack(PRED))
    assert report == classification_report_spans(TRUE, PRED)
    rows = list(pack(TRUE))
    assert spans(rows[0]) == [("PER", 0, 2), ("LOC", 3, 4)]


@pytest.mark.parametrize("pack", PACK_NUMBERS.values(), ids=PACK_NUMBERS)
def test_numbers_out_of_every_container(pack):
    true, pred = [[1, 0, 2], [0, 0, 1]], [[1, 1, 2], [0, 2, 2]]
    assert token_accuracy_score(pack(true), pack(pred)) == pytest.approx(3 / 6)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            pa.array(["O", None]),
            "y_true, sequence 1, step 1(: None is of type NoneType| has no label .None)",
        ),
        (
            pd.Series(["O", pd.NA], dtype="string"),
            "step 1(: <NA> is of type NAType| has no label .<NA>)",
        ),
        (["O", np.ma.masked], "step 1(: masked is of type MaskedConstant| has no label .masked)"),
        (5, "y_true, sequence 1: 5 is of type int, not a sequence"),
        (
            {"O", "B-X"},
            "y_true, sequence 1: .*of type set; a list|Row 1 of y_true is .*of type set",
        ),
    ],
)
def test_gaps_are_named(row, message):
    for score in (span_f1_score, token_accuracy_score):
        with pytest.raises(DataFormatError, match=message):
            score([["O"], row], [["O"], ["O", "O"]])
