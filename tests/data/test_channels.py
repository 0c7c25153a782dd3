"""Channels keep their names in every container that has some, and no two orders are mixed.

That estimators hold them against the names of ``fit`` is tested with the estimators.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn import to_sequences
from seqlearn.data.channels import Channels, Rows, name_difference, take_rows
from seqlearn.data.containers import unpack
from seqlearn.data.validation import as_sequences
from seqlearn.errors import DataFormatError

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

LENGTHS = [3, 1, 2]
VALUES = np.arange(18.0).reshape(6, 3)
ROWS = np.split(VALUES, np.cumsum(LENGTHS)[:-1])
NAMES = ["p", "q", "r"]


def cells(names):
    """Cells of each channel, in the order of the names."""
    return {name: [row[:, NAMES.index(name)] for row in ROWS] for name in names}


def frames(names):
    return [pd.DataFrame({n: row[:, NAMES.index(n)] for n in names}) for row in ROWS]


class DataArray:
    """What of an xarray DataArray is looked at: values, dimensions and coordinates."""

    __module__ = "xarray.core.dataarray"

    def __init__(self, values, names):
        self.values = np.asarray(values)
        self.dims = ("sample", "time", "channel")[-self.values.ndim :]
        self.coords = {"channel": np.array(names)}
        self.dtype = self.values.dtype

    def __array__(self, dtype=None, copy=None):
        return self.values


FORMS = {
    "nested pandas": lambda names: pd.DataFrame(cells(names)),
    "nested polars": lambda names: pl.DataFrame(cells(names)),
    "nested arrow": lambda names: pa.table(cells(names)),
    "arrow batch": lambda names: pa.table(cells(names)).to_batches()[0],
    "list of pandas": frames,
    "tuple of pandas": lambda names: tuple(frames(names)),
    "Series of pandas": lambda names: pd.Series(frames(names)),
    "list of polars": lambda names: [pl.from_pandas(frame) for frame in frames(names)],
    "list of arrow": lambda names: [pa.Table.from_pandas(frame) for frame in frames(names)],
    "list of DataArrays": lambda names: [
        DataArray(frame.to_numpy(), names) for frame in frames(names)
    ],
    "panel": lambda names: to_sequences(pd.concat(dict(enumerate(frames(names))))),
    "flat": lambda names: to_sequences(pd.concat(frames(names)), lengths=LENGTHS),
    "Sequences": lambda names: to_sequences(pd.DataFrame(cells(names))),
    "cut Sequences": lambda names: to_sequences(frames(names), padding=-1.0),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("names", [NAMES, NAMES[::-1], ["q"]])
def test_names_and_values_are_kept(form, names):
    sequences = to_sequences(FORMS[form](names))
    assert sequences.channels == Channels(tuple(names), (1,) * len(names))
    expected = VALUES[:, [NAMES.index(name) for name in names]]
    np.testing.assert_array_equal(sequences.values, expected)
    assert sequences.lengths.tolist() == LENGTHS


def test_a_data_array_of_three_axes_has_names():
    X = np.stack([ROWS[0], ROWS[0] + 1])
    assert to_sequences(DataArray(X, NAMES)).channels.names == tuple(NAMES)
    np.testing.assert_array_equal(to_sequences(DataArray(X, NAMES)).values, X.reshape(-1, 3))
    assert to_sequences(DataArray(X, [0, 1, 2])).channels is None


@pytest.mark.parametrize("form", ["list of pandas", "list of polars", "list of arrow"])
@pytest.mark.parametrize(
    ("other", "message"),
    [
        (["q", "p", "r"], "Sequence 2 of X .* of sequence 0: the same names in another order"),
        (["p", "q"], "missing: 'r'"),
        (None, "Sequence 2 .*: none"),
    ],
)
def test_frames_of_one_list_have_one_order(form, other, message):
    X = FORMS[form](NAMES)
    X[2] = ROWS[2] if other is None else FORMS[form](other)[2]
    with pytest.raises(DataFormatError, match=message):
        to_sequences(X)


def test_columns_without_string_names_go_by_their_place_but_not_by_two_orders():
    numbered = [frame.set_axis(range(3), axis=1) for frame in frames(NAMES)]
    assert to_sequences(numbered).channels is None
    assert to_sequences([*numbered, ROWS[0]]).channels is None
    with pytest.raises(DataFormatError, match="in another order"):
        to_sequences([numbered[0], numbered[1][[2, 0, 1]]])
    nested = pd.DataFrame(cells(NAMES))
    for frame in (numbered[0], nested):
        mixed = frame.set_axis(["p", 1, 2], axis=1)
        with pytest.raises(DataFormatError, match=r"string names.*\['int', 'str'\]"):
            to_sequences(mixed if frame is nested else [mixed])


def test_names_of_frames_within_cells_are_not_lost():
    one_column = pd.DataFrame({"x": frames(NAMES)})
    with pytest.raises(DataFormatError, match=r"columns of their own.*X\['x'\].tolist\(\)"):
        unpack(one_column)
    assert to_sequences(one_column["x"].tolist()).channels.names == tuple(NAMES)


def test_a_column_may_hold_several_values_a_step():
    X = pd.DataFrame({"a": [row[:, :2] for row in ROWS], "b": [row[:, 2] for row in ROWS]})
    sequences = to_sequences(X)
    assert sequences.channels == Channels(("a", "b"), (2, 1))
    np.testing.assert_array_equal(sequences.values, VALUES)
    alone = to_sequences(pd.DataFrame({"x": ROWS}))
    assert alone.channels == Channels(("x",), (3,))
    assert to_sequences(pd.Series(ROWS)).channels == Channels(None, (3,))
    X["a"] = [ROWS[0][:, :2], ROWS[1][:, 0], ROWS[2][:, :2]]
    with pytest.raises(DataFormatError, match=r"'a' of sequence 1 of X has 1 values.*has 2"):
        to_sequences(X)


def test_object_arrays_of_cells_are_tables():
    table = pd.DataFrame(cells(NAMES)).to_numpy()
    assert table.shape == (3, 3)
    sequences = to_sequences(table)
    assert sequences.channels == Channels(None, (1, 1, 1))
    np.testing.assert_array_equal(sequences.values, VALUES)
    one = pd.DataFrame({"x": ROWS}).to_numpy()
    np.testing.assert_array_equal(to_sequences(one).values, VALUES)
    numbers = np.array([[1, 2.5], [3, None]], dtype=object)
    np.testing.assert_array_equal(to_sequences(numbers).values[:, 0], [1, 2.5, 3, np.nan])


def test_a_column_of_equal_lengths_is_not_a_matrix():
    """Else what a model expects would hang on the lengths that the training data happen to have."""
    X = pd.Series([np.arange(3.0), np.arange(3.0) + 1])
    assert as_sequences(unpack(X))[1] == as_sequences(unpack(X.to_frame()))[1] == "sequences"
    assert as_sequences(unpack(X), kind="series")[1] == "series"
    assert as_sequences(list(X))[1] == "series"


@pytest.mark.parametrize("order", [["n", "p"], ["p", "n"]])
def test_a_column_of_numbers_beside_sequences_is_named(order):
    X = pd.DataFrame({"p": cells("p")["p"], "n": [1.0, 2.0, 3.0]})[order]
    for table in (X, X.to_numpy()):
        with pytest.raises(DataFormatError, match=r"Columns (n|[01]) of X hold no sequences"):
            unpack(table)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_choice_of_rows_keeps_the_channels(data):
    X = pd.DataFrame(cells(NAMES))
    sequences, rows = to_sequences(X), unpack(X)
    chosen = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=4))
    part = data.draw(st.slices(3))
    for found in (
        sequences[np.array(chosen)],
        sequences[part],
        sequences.take(chosen),
        sequences.cut(np.ones(3, int)),
        sequences.astype("float32"),
        sequences.replace_values(VALUES * 2),
    ):
        assert found.channels == sequences.channels
    assert sequences.replace_values(VALUES[:, :2]).channels is None
    for found in (rows[part], take_rows(rows, chosen)):
        assert type(found) is Rows
        assert (found.names, found.widths) == (tuple(NAMES), (1, 1, 1))
    assert type(take_rows(list(rows), chosen)) is list


def test_differences_of_names_are_said_in_words():
    assert name_difference("ab", "ba") == "the same names in another order"
    assert name_difference("abc", "abd") == "missing: 'c'; not known: 'd'"
    assert name_difference(map(str, range(9)), []).endswith("'4' and 4 more")
