"""Targets and weights out of every container: numbers, weights, and what is refused of them."""

import warnings
from collections import deque
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.data.labels import read_labels, read_row_labels
from seqlearn.data.targets import read_numbers, read_weights, unpack_targets
from seqlearn.errors import DataFormatError

ROWS = [[1.0, -2.0], [0.5, 4.0], [3.0, 0.0]]
MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])


def objects(rows):
    packed = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        packed[i] = row
    return packed


FLAT = {
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "array": np.array,
    "objects": objects,
    "unmasked": np.ma.array,
    "float16": lambda y: np.array(y, dtype=np.float16),
    "series": pd.Series,
    "nullable": lambda y: pd.Series(y, dtype="Float64"),
    "arrow in pandas": lambda y: pd.Series(y, dtype="double[pyarrow]"),
    "polars": pl.Series,
    "arrow": pa.array,
    "chunks": lambda y: pa.chunked_array([y[:1], y[1:]]),
    "arrow scalars": lambda y: list(pa.array(y)),
    "tensor": torch.tensor,
    "tensor with gradient": lambda y: torch.tensor(y, requires_grad=True),
    "tensors": lambda y: [torch.tensor(v, requires_grad=True) for v in y],
    "arrays without dimensions": lambda y: [np.array(v) for v in y],
    "decimals": lambda y: [Decimal(v) for v in y],
    "fractions": lambda y: [Fraction(v) for v in y],
}
TABLE = {
    "lists": lambda y: y,
    "tuples": lambda y: [tuple(row) for row in y],
    "arrays": lambda y: [np.array(row) for row in y],
    "array": np.array,
    "objects": lambda y: np.array(y, dtype=object),
    "objects of arrays": lambda y: objects([np.array(row) for row in y]),
    "tensors": lambda y: [torch.tensor(row) for row in y],
    "frame": pd.DataFrame,
    "nullable frame": lambda y: pd.DataFrame(y, dtype="Float64"),
    "polars": lambda y: pl.DataFrame(y, orient="row"),
    "polars lists": pl.Series,
    "arrow table": lambda y: pa.table({"a": [r[0] for r in y], "b": [r[1] for r in y]}),
    "arrow lists": pa.array,
}


@pytest.mark.parametrize("pack", FLAT.values(), ids=FLAT)
def test_numbers_out_of_every_container(pack):
    y = [row[0] for row in ROWS]
    numbers = read_numbers(pack(y))
    assert (numbers.dtype, numbers.tolist()) == (np.float64, y)


@pytest.mark.parametrize("pack", TABLE.values(), ids=TABLE)
def test_tables_of_numbers_out_of_every_container(pack):
    numbers = read_numbers(pack(ROWS))
    assert (numbers.dtype, numbers.tolist()) == (np.float64, ROWS)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.integers(-(2**62), 2**62), st.floats(-1e300, 1e300), st.booleans())),
    st.sampled_from([list, objects]),
)
def test_numbers_are_those_of_float(values, pack):
    assert read_numbers(pack(values)).tolist() == [float(value) for value in values]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (MASKED, "y is a masked array.*array.filled"),
        ([MASKED, MASKED], "Row 0 of y is a masked array"),
        (objects([np.ones(3), MASKED]), "Row 1 of y is a masked array"),
        ([1.0, np.ma.masked], "Row 1 of y is masked.*missing"),
        ([[1.0, 2.0], [np.ma.masked, 2.0]], "Row 1 of y is masked.*missing"),
        ([1, None], "Row 1 of y is None.*missing"),
        (pd.array([1, pd.NA], dtype="Int64"), "NaN.*row 1|Row 1 of y is <NA>.*missing"),
        ([[1, 2], [3, pd.NA]], "Row 1 of y is <NA>.*missing"),
        ([1.0, np.nan, 2.0, np.nan], "Input y contains NaN.*rows 1 and 3"),
        ([[1.0, 2.0], [np.inf, 0.0]], "contains infinity or a value too large.*row 1:"),
        ([1.0, 10**400], "too large for dtype"),
        ([Decimal("1e400")], "too large for dtype"),
        ([1.0, "2"], "Row 1 of y is '2', of type str; numbers are accepted"),
        (np.array(["1", "2"]), "Row 0 of y is '1'.*written number"),
        (np.array(["1"], dtype=np.dtypes.StringDType()), "Row 0 of y is '1'"),
        ([b"1"], "Row 0 of y is b'1'"),
        ([1j], "Complex data not supported"),
        (np.array([1j]), "Complex data not supported"),
        (np.array(["2020-01-01"], dtype="M8[ns]"), r"datetime64\('2020-01-01.*how long after"),
        (pd.Series(pd.to_datetime(["2020-01-01"])), "how long after"),
        (pd.Series(pd.to_datetime(["2020-01-01"], utc=True)), "Timestamp.*how long after"),
        ([np.datetime64("2020-01-01", "ns")], "how long after"),
        (np.array([["2020-01-01"] * 2] * 3, dtype="M8[D]"), "Row 0 of y is.*how long after"),
        (np.array([5], dtype="m8[s]"), "how long after"),
        ([date(2020, 1, 1)], "how long after"),
        ([timedelta(1)], "how long after"),
        (pl.Series([date(2020, 1, 1)]), "how long after"),
        (pa.array([date(2020, 1, 1)]), "how long after"),
        (pd.period_range("2020", periods=2, freq="D"), "of type Period.*how long after"),
        ([pd.NaT], "Row 0 of y is NaT.*missing"),
        ([[1.0], [1.0, 2.0]], "Row 0 of y.*one length|different lengths"),
        ([[1.0, 2.0], 3.0], "Row 0 of y|different lengths"),
        ([{"a": 1}], "Row 0 of y is {'a': 1}"),
        (5.0, "y is 5.0, of type float; a list or an array"),
        (np.array(5.0), "a list or an array"),
        ("12", "y is '12', of type str; a list or an array"),
        ({1.0, 2.0}, "of type set; a list or an array"),
        ({"a": 1}, "of type dict; a list or an array"),
        ((v for v in [1.0]), "of type generator; a list or an array"),
        (scipy.sparse.eye(3).tocsr(), r"y is sparse; .*y.toarray\(\)"),
    ],
)
def test_what_is_no_number_is_named(y, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataFormatError, match=message):
            read_numbers(y)


def test_rows_of_a_table_are_counted_whole():
    with pytest.raises(DataFormatError, match="Row 2 of y is 'x'"):
        read_numbers([[1, 2, 3], [4, 5, 6], [7, 8, "x"]])


# Weights.


@pytest.mark.parametrize("pack", FLAT.values(), ids=FLAT)
def test_weights_out_of_every_container(pack):
    assert read_weights(pack([1.0, 0.0, 3.0]), 3).tolist() == [1.0, 0.0, 3.0]
    assert read_weights(None, 3) is None


@pytest.mark.parametrize("size", [1e-280, 1e-20, 1.0, 1e20, 1e280])
def test_weights_of_every_usual_size(size):
    assert read_weights([size, 0.0], 2).tolist() == [size, 0.0]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (MASKED, "sample_weight is a masked array"),
        ([1.0, np.ma.masked, 1.0], "Row 1 of sample_weight is masked"),
        ([1.0, None, 1.0], "Row 1 of sample_weight is None"),
        ([1.0, np.nan, 1.0], "sample_weight contains NaN"),
        (["1", "1", "1"], "Row 0 of sample_weight is '1'"),
        (np.array([1, 2, 3], dtype="m8[s]"), "Row 0 of sample_weight"),
        ([1.0, 2.0], r"sample_weight.shape == \(2,\), expected \(3,\)"),
        ([[1.0, 2.0, 3.0]], r"sample_weight.shape == \(1, 3\)"),
        ([1.0, -1.0, -2.0], r"Negative values in sample_weight, in rows \[1, 2\]"),
        ([0.0, 0.0, 0.0], "All sample weights are zero"),
        ([1e308, 1e308, 1e308], r"too large to be added.*1e\+308.*sample_weight.max"),
        ([1e308, 0.0, 0.0], "too large"),
        ([5e-324, 0.0, 0.0], "too small.*sample_weight.max"),
        (2.0, "sample_weight is 2.0"),
    ],
)
def test_weights_that_are_none_are_named(weights, message):
    with pytest.raises(DataFormatError, match=message):
        read_weights(weights, 3)


# Masks are dropped nowhere.


@pytest.mark.parametrize("read", [unpack_targets, read_numbers, read_row_labels])
@pytest.mark.parametrize("dtype", [int, float, object, "U1", bool])
def test_a_mask_is_refused_whatever_the_type(read, dtype):
    data = np.array([1, 0, 1]).astype(dtype)
    with pytest.raises(DataFormatError, match="y is a masked array"):
        read(np.ma.array(data, mask=[False, False, True]))
    assert unpack_targets(np.ma.array(data)).tolist() == data.tolist()


@pytest.mark.parametrize(
    "pack",
    [
        lambda row: [[1, 0, 1], row],
        lambda row: objects([np.array([1, 0, 1]), row]),
        lambda row: np.ma.stack([np.ma.array([1, 0, 1]), row]),
        lambda row: [[1, 0, 1], list(row)],
        lambda row: pd.Series([np.array([1, 0, 1]), row]),
    ],
    ids=["row", "objects", "table", "cell", "series"],
)
def test_a_mask_in_a_row_of_labels_is_refused(pack):
    row = np.ma.array([1, 1, 0], mask=[False, True, False])
    with pytest.raises(DataFormatError, match="masked"):
        read_labels(pack(row), np.array([3, 3]))
    free = pack(np.ma.array([1, 1, 0]))
    assert read_labels(free, np.array([3, 3])).tolist() == [1, 0, 1, 1, 1, 0]


def test_lazy_and_grouped_targets_get_their_remedy():
    with pytest.raises(DataFormatError, match=r"y is a polars LazyFrame.*y\.collect\(\)"):
        read_numbers(pl.LazyFrame({"a": [1.0]}))
    groups = pd.DataFrame({"s": [0, 0, 1], "v": [1.0, 2, 3]}).groupby("s")
    with pytest.raises(DataFormatError, match="sample_weight is a pandas GroupBy"):
        read_weights(groups.v, 2)


def test_the_remedy_of_text_and_sparse_weights_names_them():
    with pytest.raises(DataFormatError, match=r"np\.asarray\(sample_weight, dtype=float\)"):
        read_weights(["1", "2"], 2)
    with pytest.raises(DataFormatError, match=r"pass a dense array: sample_weight\.toarray\(\)"):
        read_weights(scipy.sparse.csr_array(np.ones((1, 2))), 2)
