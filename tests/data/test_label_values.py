"""What a label may be: kept as it is, or refused by its place; nothing becomes another type."""

import enum
from collections import deque
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning

from seqlearn.data.label_values import refuse_other_types
from seqlearn.data.labels import read_classes, read_labels, read_row_labels
from seqlearn.errors import DataFormatError

NUL_FREE = st.text(st.characters(exclude_characters="\0"), max_size=3)
LABELS = {
    "text": ["b", "a", "a", "long label"],
    "integers": [3, -1, 3, 2**40],
    "bools": [True, False, False, True],
    "floats": [1.0, -2.0, 1.0, 0.0],
}


def objects(values):
    packed = np.empty(len(values), dtype=object)
    packed[:] = values
    return packed


def nullable(values):
    dtype = {str: "string", int: "Int64", bool: "boolean", float: "Float64"}[type(values[0])]
    return pd.Series(values, dtype=dtype)


PACK = {
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "array": np.array,
    "objects": objects,
    "NumPy scalars": lambda y: list(np.array(y)),
    "series": pd.Series,
    "series of objects": lambda y: pd.Series(y, dtype=object),
    "nullable": nullable,
    "categories": lambda y: pd.Series(y, dtype="category"),
    "polars": pl.Series,
    "arrow": pa.array,
    "arrow dictionary": lambda y: pa.array(y).dictionary_encode(),
    "arrow chunks": lambda y: pa.chunked_array([y[:1], y[1:]]),
    "arrow scalars": lambda y: list(pa.array(y)),
}


def both_readers(y):
    """Labels of four sequences, and of the four steps of one sequence."""
    return read_row_labels(y), read_labels([y], np.array([4]))


@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_rows_and_steps_are_read_alike_out_of_every_container(labels, pack):
    for read in both_readers(pack(labels)):
        assert read.tolist() == labels
        assert read.dtype.kind == {str: "U", int: "i", bool: "b", float: "f"}[type(labels[0])]


def test_string_dtype_and_tensors():
    for read in both_readers(np.array(LABELS["text"], dtype=np.dtypes.StringDType())):
        assert read.dtype.kind == "U" and read.tolist() == LABELS["text"]
    for y in (torch.tensor([1, 0, 2, 1]), [torch.tensor(v) for v in (1, 0, 2, 1)]):
        for read in both_readers(y):
            assert read.tolist() == [1, 0, 2, 1]


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.float16, bool, "U3", "M8[D]", "m8[s]"])
def test_typed_arrays_keep_their_type(dtype):
    y = np.array([1, 0, 0, 1]).astype(dtype)
    for read in both_readers(y):
        assert read.dtype == y.dtype and np.array_equal(read, y)


@settings(deadline=None, max_examples=80)
@given(
    st.one_of(
        st.lists(kind, max_size=8)
        for kind in (NUL_FREE, st.booleans(), st.integers(-(2**63), 2**63 - 1))
    )
)
def test_labels_that_differ_stay_different(labels):
    read = read_row_labels(objects(labels))
    assert read.tolist() == labels
    assert list(map(type, read.tolist())) == list(map(type, labels))


def test_members_of_enumerations_of_text_and_numbers_are_what_they_hold():
    class Word(str, enum.Enum):  # noqa: UP042 - not a StrEnum
        NOUN = "N1"
        VERB = "N2"  # str(Word.VERB) is "Word.VERB", of which NumPy takes the first two letters

    class Number(enum.IntEnum):
        ONE = 1
        TWO = 2

    for read in both_readers([Word.NOUN, Word.VERB] * 2):
        assert read.tolist() == ["N1", "N2"] * 2
    for read in both_readers([Number.ONE, Number.TWO] * 2):
        assert read.tolist() == [1, 2] * 2


class Colour(enum.Enum):
    RED = 1


FIRST = ("Unknown label type.*label", "of type")  # what is wrong from the first label on
REFUSED = {
    "None": (["a", None, "b", "c"], "has no label \\(None\\)"),
    "None among numbers": ([1, None, 2, 3], "has no label \\(None\\)"),
    "None among bools": ([True, None, False, True], "has no label \\(None\\)"),
    "NA": (["a", pd.NA, "b", "c"], "has no label \\(<NA>\\)"),
    "NA among numbers": ([1, pd.NA, 2, 3], "has no label \\(<NA>\\)"),
    "NaN among text": (["a", np.nan, "b", "c"], "has no label \\(NaN\\)"),
    "NaN among bools": ([True, np.nan, False, True], "has no label \\(NaN\\)"),
    "NaN": ([1.0, np.nan, 2.0, 3.0], "contains NaN"),
    "NaN among integers": ([1, np.nan, 2, 3], "contains NaN"),
    "infinity": ([1.0, np.inf, 2.0, 3.0], "contains infinity"),
    "mask": ([1, np.ma.masked, 2, 3], "has no label \\(masked\\)"),
    "NaT": ([np.datetime64("2020"), np.datetime64("NaT")] * 2, "has no label \\(NaT\\)"),
    "pandas' NaT": ([np.datetime64("2020"), pd.NaT] * 2, "has no label \\(NaT\\)"),
    "text and a number": (["a", 1, "b", "c"], "mixed types, text and numbers.*'a' and 1"),
    "numbers and text": (["a", 1, "b", 2], "mixed types, text and numbers.*'a' and 1"),
    "text and a bool": (["a", True, "b", "c"], "mixed types, text and bools.*'a' and True"),
    "a bool and numbers": ([2, True, 1, 0], "mixed types, numbers and bools.*2 and True"),
    "a date and numbers": ([2, np.datetime64("2020"), 1, 0], "mixed types"),
    "fractions": ([1.0, 0.5, 2.0, 3.0], "Unknown label type: continuous.*0.5"),
    "NUL": (["a", "a\0", "b", "c"], "'a.x00'; NumPy cuts"),
    "bytes": ([b"a", b"b", b"a", b"b"], r"Unknown label type.*label.decode\(\)"),
    "dates": ([date(2020, 1, 1)] * 4, r"of type date; labels are text.*str\(label\)"),
    "decimals": ([Decimal(1)] * 4, "of type Decimal"),
    "enumeration": ([Colour.RED] * 4, "of type Colour"),
    "complex": ([1j] * 4, "of type complex"),
    "dictionaries": ([{}] * 4, "of type dict"),
    "past 64 bits": ([1, 2**70, 2, 3], "1180591620717411303424, too large"),
    "of no common type": ([-1, 2**63, 2, 3], "9223372036854775808, too large"),
    "past float64": ([1.0, 2**53 + 1, 2**53, 3.0], "9007199254740993, too large"),
}


@pytest.mark.parametrize(("labels", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_label_is_refused_at_its_place(labels, message):
    for pack in (list, objects):
        with pytest.raises(DataFormatError, match=message) as of_rows:
            read_row_labels(pack(labels))
        with pytest.raises(DataFormatError, match=message) as of_steps:
            read_labels([["a"] * 0, pack(labels)], np.array([0, 4]))
        with pytest.raises(DataFormatError, match=message) as of_classes:
            read_classes(pack(labels))
        said = str(of_rows.value)
        place = said[said.index("Row ") :].split()[1]
        assert str(of_steps.value) == said.replace(
            f"Row {place} of y", f"Step {place} of row 1 of y"
        )
        assert str(of_classes.value) == said.replace(
            f"Row {place} of y", f"Entry {place} of classes"
        )
        assert int(place) == (message.startswith(FIRST) is False)


@pytest.mark.parametrize("y", [pd.Series(["a", None] * 2), pl.Series(["a", None] * 2)])
def test_gaps_of_columns_are_named(y):
    for read in (read_row_labels, lambda y: read_labels([y], np.array([4]))):
        with pytest.raises(
            DataFormatError, match=r"(Row|Step) 1 of .*has no label \((NaN|None|<NA>)\)"
        ):
            read(y)
    with pytest.raises(DataFormatError, match=r"missing|NaN"):
        read_row_labels(pd.Series([1, None, 2], dtype="Int64"))
    with pytest.raises(DataFormatError, match="Row 2 of y has no label"):
        read_row_labels(pa.array(["a", "b", None]))


# Columns of a multilabel y.


@pytest.mark.parametrize(
    "pack",
    [
        list,
        lambda y: [tuple(row) for row in y],
        np.array,
        lambda y: np.array(y, dtype=object),
        lambda y: np.array(y, dtype=bool),
        lambda y: np.array(y, dtype=float),
        lambda y: [np.array(row) for row in y],
        pd.DataFrame,
        lambda y: pd.DataFrame(y).astype("boolean"),
        lambda y: pd.DataFrame(y).astype("Int64"),
        lambda y: pl.DataFrame(y, orient="row"),
        pa.array,
    ],
)
def test_sets_of_labels(pack):
    y = [[1, 0], [0, 0], [1, 1]]
    read = read_row_labels(pack(y))
    assert read.shape == (3, 2) and (read == np.array(y)).all()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[1, 0], [0, 2]], "several columns with the values 0, 1 and 2; .*0 and 1"),
        ([["a", "b"], ["b", "a"]], "several columns with the values 'a' and 'b'"),
        ([[1, None], [0, 1]], "Column 1 of row 0 of y has no label"),
        ([[1, 0.5], [0, 1]], "continuous. Column 1 of row 0"),
        ([["a"], ["b", "c"]], "different lengths.*MultiLabelBinarizer"),
        ([["a"], "b"], "different lengths.*MultiLabelBinarizer"),
        ([[[1], [2, 3]], [[1], [2]]], r"Column 0 of row 0 of y is \[1\], of type list"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], "Column 0 of row 0 of y is .*of type ndarray"),
        ([[], []], r"y has shape \(2, 0\)"),
        (np.zeros((2, 3, 4)), r"y has shape \(2, 3, 4\)"),
        (np.ma.array([[1, 0], [0, 1]], mask=[[0, 1], [0, 0]]), "masked"),
    ],
)
def test_other_columns_are_refused(y, message):
    with pytest.raises(DataFormatError, match=message):
        read_row_labels(y)


def test_one_column_is_one_label_and_a_warning():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        read = read_row_labels(np.array([["a"], ["b"]]))
    assert read.tolist() == ["a", "b"]
    assert read_row_labels([[1], [0]], warn=False).tolist() == [1, 0]


def test_text_and_numbers_are_never_equal():
    text, numbers = np.array(["1", "2"]), np.array([1, 2])
    for found, classes in ((text, numbers), (numbers, text)):
        with pytest.raises(DataFormatError, match="no two can be equal"):
            refuse_other_types(found, classes)
    refuse_other_types(np.array([True, False]), np.array([0, 1]))
    refuse_other_types(np.array([]), text)


def test_sets_of_labels_get_their_remedy():
    with pytest.raises(DataFormatError, match=r"Row 0 of y is .*MultiLabelBinarizer"):
        read_row_labels([{"a"}, {"a", "b"}])
