"""Every accepted form of X equals a plain list of arrays; padding is cut off; values keep theirs.

What is refused is tested in `test_refusals`.
"""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn import Sequences, to_sequences
from seqlearn.data.containers import unpack
from seqlearn.data.validation import as_sequences
from seqlearn.errors import DataFormatError

quick = settings(deadline=None, max_examples=50)

RAGGED = [np.array(rows) for rows in ([[1.0, 2], [3, 4], [5, 6]], [[7.0, 8]], [[0.5, 0], [0, 9]])]
UNIVARIATE = [np.array(row) for row in ([1.0, 2, 3], [4.0], [5.0, 0.5])]
EQUAL = np.arange(24.0).reshape(4, 3, 2)
MATRIX = np.arange(12.0).reshape(4, 3)
NAMES = ["a", "b"]


def assert_holds(sequences, rows):
    assert type(sequences) is Sequences
    assert sequences.lengths.tolist() == [len(row) for row in rows]
    for sequence, row in zip(sequences, rows, strict=True):
        np.testing.assert_array_equal(sequence, np.reshape(row, (len(row), -1)))


def as_objects(rows):
    array = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        array[i] = row
    return array


def nested(cell):
    """A DataFrame with a channel in each column, a series in each cell."""
    channels = {name: [cell(row[:, j]) for row in RAGGED] for j, name in enumerate(NAMES)}
    return pd.DataFrame(channels, dtype=object)


def panel(rows, levels=1):
    """One row a step, index (instance, time); the instances do not stand in order."""
    keys = [
        (*["z"] * (levels - 1), 9 - i, t) for i, row in enumerate(rows) for t in range(len(row))
    ]
    return pd.MultiIndex.from_tuples(keys), np.concatenate(rows)


def polars_lists(rows):
    pl = pytest.importorskip("polars")
    return pl.Series("a", [row.tolist() for row in rows])


def polars_table():
    pl = pytest.importorskip("polars")
    return pl.DataFrame({n: [row[:, j].tolist() for row in RAGGED] for j, n in enumerate(NAMES)})


def arrow_lists(rows):
    pa = pytest.importorskip("pyarrow")
    return pa.array([row.tolist() for row in rows])


def arrow_chunks(rows):
    pa = pytest.importorskip("pyarrow")
    return pa.chunked_array([arrow_lists(rows[:1]), arrow_lists(rows[1:])])


def arrow_table():
    pa = pytest.importorskip("pyarrow")
    return pa.table({n: [row[:, j].tolist() for row in RAGGED] for j, n in enumerate(NAMES)})


def arrow_series(rows):
    pa = pytest.importorskip("pyarrow")
    return pd.Series([r.tolist() for r in rows], dtype=pd.ArrowDtype(pa.list_(pa.float64())))


RAGGED_FORMS = {
    "list": lambda: RAGGED,
    "tuple": lambda: tuple(RAGGED),
    "object array": lambda: as_objects(RAGGED),
    "nested lists": lambda: [row.tolist() for row in RAGGED],
    "object array of lists": lambda: as_objects([row.tolist() for row in RAGGED]),
    "lists of arrays": lambda: [list(row) for row in RAGGED],
    "data frames": lambda: [pd.DataFrame(row, columns=NAMES) for row in RAGGED],
    "tensors": lambda: [torch.from_numpy(row) for row in RAGGED],
    "tensors with gradients": lambda: [torch.tensor(row, requires_grad=True) for row in RAGGED],
    "series of arrays": lambda: pd.Series(RAGGED, index=[5, 5, 7]),
    "nested frame of series": lambda: nested(pd.Series),
    "nested frame of arrays": lambda: nested(np.array),
    "nested frame of lists": lambda: nested(list),
    "nested frame, one name twice": lambda: nested(list).set_axis(["a", "a"], axis=1),
    "panel": lambda: pd.DataFrame(panel(RAGGED)[1], index=panel(RAGGED)[0]),
    "panel of three levels": lambda: pd.DataFrame(panel(RAGGED)[1], index=panel(RAGGED, 2)[0]),
    "polars lists": lambda: polars_lists(RAGGED),
    "polars table": polars_table,
    "arrow lists": lambda: arrow_lists(RAGGED),
    "arrow chunks": lambda: arrow_chunks(RAGGED),
    "arrow table": arrow_table,
    "sequences": lambda: to_sequences(RAGGED),
    "a choice of sequences": lambda: to_sequences(RAGGED[::-1])[::-1],
    "other memory order": lambda: [np.asfortranarray(row) for row in RAGGED],
    "strided views": lambda: [np.repeat(row, 2, axis=1)[:, ::2] for row in RAGGED],
    "big-endian": lambda: [row.astype(">f8") for row in RAGGED],
}
UNIVARIATE_FORMS = {
    "list": lambda: UNIVARIATE,
    "columns": lambda: [row[:, None] for row in UNIVARIATE],
    "nested lists": lambda: [row.tolist() for row in UNIVARIATE],
    "object array": lambda: as_objects(UNIVARIATE),
    "tensors": lambda: [torch.from_numpy(row) for row in UNIVARIATE],
    "series of series": lambda: pd.Series([pd.Series(row) for row in UNIVARIATE]),
    "series of lists": lambda: pd.Series([row.tolist() for row in UNIVARIATE]),
    "arrow series": lambda: arrow_series(UNIVARIATE),
    "nested frame": lambda: pd.DataFrame({"a": [pd.Series(row) for row in UNIVARIATE]}),
    "list of series": lambda: [pd.Series(row) for row in UNIVARIATE],
    "panel": lambda: pd.Series(panel(UNIVARIATE)[1], index=panel(UNIVARIATE)[0]),
    "polars lists": lambda: polars_lists(UNIVARIATE),
    "arrow lists": lambda: arrow_lists(UNIVARIATE),
    "arrow chunks": lambda: arrow_chunks(UNIVARIATE),
}
EQUAL_FORMS = {
    "array": lambda: EQUAL,
    "tensor": lambda: torch.from_numpy(EQUAL),
    "nested lists": lambda: EQUAL.tolist(),
    "list": lambda: list(EQUAL),
    "object array, 1-D": lambda: as_objects(list(EQUAL)),
    "object array, 3-D": lambda: EQUAL.astype(object),
    "other memory order": lambda: np.asfortranarray(EQUAL),
    "transposed": lambda: np.ascontiguousarray(EQUAL.transpose(0, 2, 1)).transpose(0, 2, 1),
}


def polars_matrix():
    return pytest.importorskip("polars").DataFrame({str(j): MATRIX[:, j] for j in range(3)})


def arrow_matrix():
    return pytest.importorskip("pyarrow").table({str(j): MATRIX[:, j] for j in range(3)})


MATRIX_FORMS = {
    "array": lambda: MATRIX,
    "nested lists": lambda: MATRIX.tolist(),
    "list of arrays": lambda: list(MATRIX),
    "tensor": lambda: torch.from_numpy(MATRIX),
    "object array": lambda: MATRIX.astype(object),
    "data frame": lambda: pd.DataFrame(MATRIX),
    "data frame of objects": lambda: pd.DataFrame(MATRIX.astype(object)),
    "polars": polars_matrix,
    "arrow": arrow_matrix,
}


@pytest.mark.parametrize("form", RAGGED_FORMS)
def test_ragged_forms(form):
    assert_holds(to_sequences(RAGGED_FORMS[form]()), RAGGED)


@pytest.mark.parametrize("form", UNIVARIATE_FORMS)
def test_univariate_forms(form):
    assert_holds(to_sequences(UNIVARIATE_FORMS[form]()), UNIVARIATE)


@pytest.mark.parametrize("form", EQUAL_FORMS)
def test_forms_of_equal_length(form):
    X = EQUAL_FORMS[form]()
    assert_holds(to_sequences(X), EQUAL)
    assert as_sequences(unpack(X))[1] == "sequences"


@pytest.mark.parametrize("form", MATRIX_FORMS)
def test_forms_of_two_dimensions(form):
    X = MATRIX_FORMS[form]()
    assert_holds(to_sequences(X), MATRIX)
    assert as_sequences(unpack(X))[1] == "series"


def test_length_one_and_one_row_work():
    assert_holds(to_sequences([np.ones((1, 1))]), [np.ones((1, 1))])
    assert_holds(to_sequences(np.ones((1, 1))), [np.ones((1, 1))])
    assert_holds(to_sequences(np.ones((1, 1, 1))), [np.ones((1, 1))])


def test_a_list_of_equally_long_univariate_sequences_is_read_as_it_was_in_fit():
    X = list(MATRIX)
    for kind, expected in [(None, "series"), ("series", "series"), ("sequences", "sequences")]:
        sequences, found = as_sequences(X, kind=kind)
        assert found == expected
        assert_holds(sequences, MATRIX)


def test_a_matrix_is_never_mistaken_for_a_list_of_sequences():
    assert as_sequences(MATRIX, kind="sequences")[1] == "series"


# Types of the values.


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("float64", "float64"),
        ("float32", "float32"),
        ("float16", "float16"),
        ("int64", "float64"),
        ("uint8", "float64"),
        ("bool", "float64"),
        ("object", "float64"),
    ],
)
def test_floating_values_keep_their_type_and_others_become_float64(given, expected):
    integers = [row.astype(int) for row in RAGGED]
    for X in ([row.astype(given) for row in integers], EQUAL.astype(given), MATRIX.astype(given)):
        assert to_sequences(X).dtype == expected
        converted = to_sequences(X, dtype="float32")
        assert converted.dtype == np.float32
        assert converted == to_sequences(X)


def test_mixed_types_become_the_one_that_holds_all():
    X = [np.ones((1, 1), "float32"), np.ones((2, 1), "float64"), np.ones((1, 1), "int8")]
    assert to_sequences(X).dtype == np.float64
    assert to_sequences([X[0], X[2]]).dtype == np.float32
    assert to_sequences([X[0], X[2].astype("int64")]).dtype == np.float64
    assert to_sequences([X[0], X[0].astype("float16")]).dtype == np.float32


def test_integers_in_sequences_and_in_flat_arrays_become_floats():
    flat = np.arange(6).reshape(3, 2)
    assert to_sequences(flat, lengths=[1, 2]).dtype == np.float64
    assert to_sequences(Sequences(flat, np.array([0, 1, 3]))).dtype == np.float64


def test_objects_are_converted_if_they_are_numbers():
    from decimal import Decimal
    from fractions import Fraction

    X = [[[Decimal("0.5")], [None]], [[Fraction(1, 4)]]]
    values = to_sequences(X).values[:, 0]
    np.testing.assert_array_equal(values, [0.5, np.nan, 0.25])


# Padding.


@st.composite
def padded(draw):
    """Rows, and the same rows padded by NaN or 0 to one length."""
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    width = max(lengths) + draw(st.integers(0, 2))
    padding = draw(st.sampled_from([np.nan, 0.0, -1.0]))
    features = draw(st.integers(1, 3))
    rows = [np.arange(1.0, n * features + 1).reshape(n, features) for n in lengths]
    array = np.full((len(rows), width, features), padding)
    for i, row in enumerate(rows):
        array[i, : len(row)] = row
    return rows, lengths, array, padding


@quick
@given(padded())
def test_padding_is_cut_off(example):
    rows, lengths, array, padding = example
    assert_holds(to_sequences(array, lengths), rows)
    assert_holds(to_sequences(array, np.array(lengths, dtype=np.uint8)), rows)
    assert_holds(to_sequences(array, padding=padding), rows)
    assert_holds(to_sequences(array.astype(np.float32), padding=padding), rows)
    assert_holds(to_sequences(torch.from_numpy(array), torch.tensor(lengths)), rows)
    assert_holds(to_sequences(list(array), padding=padding), rows)
    univariate = [row[:, :1] for row in rows]
    assert_holds(to_sequences(array[:, :, 0], lengths), univariate)
    assert_holds(to_sequences(array[:, :, 0], padding=padding), univariate)
    assert_holds(to_sequences(pd.DataFrame(array[:, :, 0]), padding=padding), univariate)


@quick
@given(padded())
def test_a_flat_array_is_cut_into_rows(example):
    rows, lengths, _, _ = example
    flat = np.concatenate(rows)
    if len(lengths) == len(flat):
        return  # every length is 1: then it is read as padded series
    assert_holds(to_sequences(flat, lengths), rows)
    assert_holds(to_sequences(pd.DataFrame(flat), lengths), rows)


def test_only_steps_of_padding_at_the_end_are_cut_off():
    X = np.array([[[0.0, 0], [1, 0], [0, 0], [0, 3], [0, 0]]])
    assert_holds(to_sequences(X, padding=0), [X[0, :4]])


def test_padding_that_only_its_own_type_can_hold_is_found():
    X = np.array([[1.0, 0.1], [0.1, 2.0]], dtype=np.float32)
    assert to_sequences(X, padding=0.1).lengths.tolist() == [1, 2]
    assert to_sequences(X, padding=np.float64(0.1)).lengths.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("X", "lengths", "message"),
    [
        (np.ones((2, 3)), [1, 0], "Sequence 1 of X cannot be cut.*3 steps and would keep 0"),
        (np.ones((2, 3)), [4, -1], "Sequences 0 and 1 of X cannot be cut"),
        (np.ones((2, 3, 1)), [1, 2, 3], "3 lengths that add up to 6, but X has 2 rows"),
        (np.ones((6, 3)), [7, -1], "2 lengths that add up to 6, but X has 6 rows"),
        (np.ones((2, 3)), [1.0, 2.0], "integers of shape"),
        (np.ones((2, 3)), [[1, 2]], "integers of shape"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(X, lengths, message):
    with pytest.raises(DataFormatError, match=message):
        to_sequences(X, lengths)


def test_a_row_that_is_all_padding_is_named():
    with pytest.raises(DataFormatError, match=r"Sequence 1 of X cannot be cut.*all padding"):
        to_sequences(np.array([[1.0, np.nan], [np.nan, np.nan]]), padding=np.nan)


def test_a_type_that_is_not_floating_is_refused():
    with pytest.raises(DataFormatError, match=r"floating type.*int64"):
        to_sequences(RAGGED, dtype=int)


# Whose memory it is.


def show(X):
    return re.sub("at 0x[0-9a-f]+", "", repr(X))


@pytest.mark.parametrize("forms", [RAGGED_FORMS, UNIVARIATE_FORMS, EQUAL_FORMS, MATRIX_FORMS])
def test_the_input_is_never_modified(forms):
    for make in forms.values():
        X = make()
        before = show(X)
        to_sequences(X, dtype="float32")
        to_sequences(X, padding=0.5)
        assert show(X) == before


def test_lists_are_copied_and_arrays_of_the_right_type_are_shared():
    X = EQUAL.astype(np.float32)
    assert np.shares_memory(as_sequences(X, dtype=np.float32)[0].values, X)
    assert not np.shares_memory(as_sequences(X, dtype=np.float64)[0].values, X)
    assert not np.shares_memory(as_sequences([X[0]], dtype=np.float32)[0].values, X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_read_only_memory_maps_work(tmp_path, dtype):
    EQUAL.astype(dtype).tofile(tmp_path / "values")
    X = np.memmap(tmp_path / "values", dtype=dtype, mode="r", shape=EQUAL.shape)
    assert_holds(to_sequences(X, dtype="float32"), EQUAL)
    assert_holds(to_sequences(list(X), dtype="float32"), EQUAL)
    assert_holds(to_sequences(X, lengths=[3] * 4), EQUAL)


NUMBERS = st.one_of(
    st.floats(-1e30, 1e30), st.integers(-(2**70), 2**70), st.floats(-9, 9).map(np.float64)
)


@quick
@given(st.lists(st.lists(NUMBERS, min_size=1, max_size=4), min_size=1, max_size=5), st.booleans())
def test_lists_of_numbers_equal_arrays_to_the_bit(rows, single):
    dtype = np.float32 if single else None
    sequences, kind = as_sequences(rows, dtype=dtype)
    expected = np.array([float(value) for row in rows for value in row], dtype)
    assert sequences.values[:, 0].tobytes() == expected.tobytes()
    assert sequences.lengths.tolist() == list(map(len, rows))
    assert kind == ("series" if len(set(map(len, rows))) == 1 else "sequences")
    for asked in ("series", "sequences"):
        found = as_sequences(rows, kind=asked)[1]
        assert found == (kind if asked == "series" else "sequences")


@pytest.mark.parametrize(
    "X, row",
    [([[1.0, 2.0], [10**400, 1]], 1), ([[10**400], [1.0, 2.0]], 0), ([[1], [None, "a"]], 1)],
)
def test_what_is_no_number_in_a_list_is_named(X, row):
    with pytest.raises(DataFormatError, match=f"Sequence {row} of X does not hold numbers"):
        to_sequences(X)


@pytest.mark.parametrize(
    "X",
    [
        [[1, None], [2, 3]],
        [[1, pd.NA], [2, 3]],
        np.array([[1, pd.NA], [2, 3]], dtype=object),
        pd.DataFrame({"a": [1, 2], "b": [pd.NA, 3]}, dtype=object),
        pd.DataFrame({"a": [1, 2], "b": pd.array([None, 3], dtype="Int64")}),
    ],
)
def test_what_is_missing_in_a_matrix_is_nan(X):
    np.testing.assert_array_equal(to_sequences(X).values[:, 0], [1, np.nan, 2, 3])


@pytest.mark.parametrize("dtype", ["uint8", "uint64", "int8", object])
def test_lengths_of_any_type_of_integer(dtype):
    lengths = np.array([100, 120, 1], dtype)
    sequences = to_sequences(np.arange(442.0).reshape(221, 2), lengths=lengths)
    assert sequences.lengths.tolist() == [100, 120, 1]
    assert sequences.offsets.dtype == np.int64
    np.testing.assert_array_equal(sequences[2], [[440.0, 441.0]])
