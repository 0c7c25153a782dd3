"""Sessions read from lists and from long frames of three libraries; what is refused, and in which
words."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from seqlearn.data.sessions import Columns, counted, followed_by, read_sessions
from seqlearn.errors import DataFormatError, InvalidParameterError


def items(sessions, column=0):
    known = [*sessions.dictionary.values[column], None]
    return [[known[code] for code in row[:, column].tolist()] for row in sessions]


DAY = datetime.date(2024, 1, 1)
SAME = [
    [[3, 1, 3], [2]],
    [["b", "a", "b"], ["ä"]],
    [[("a", 1), ("a", 0)], [("b", 0)]],
    [[DAY, DAY.replace(day=2)], [DAY]],
    [[1.5, 0.5], [2.0]],
    [[2**70, 1], [5]],
]


@pytest.mark.parametrize("sessions", SAME, ids=lambda rows: type(rows[0][0]).__name__)
def test_lists_are_codes_into_sorted_items(sessions):
    read = read_sessions(sessions, Columns())
    assert items(read) == sessions and read.values.shape[1] == 1
    assert read.dictionary.values[0] == sorted({one for row in sessions for one in row})


def test_numpys_numbers_and_texts_are_pythons():
    rows = [np.array([3, 1]), [np.int64(1), 2], (np.int32(3),), np.array(["x"])[:0]]
    read = read_sessions(rows, Columns())
    assert items(read) == [[3, 1], [1, 2], [3], []]
    assert {type(one) for one in read.dictionary.values[0]} == {int}
    assert items(read_sessions([np.array(["a", "b"])], Columns())) == [["a", "b"]]


def test_a_matrix_has_a_session_in_each_row():
    assert items(read_sessions(np.array([[1, 2], [2, 2]]), Columns())) == [[1, 2], [2, 2]]


def test_the_order_of_items_depends_on_their_values_alone():
    rows = [["b", "a"], ["c"]]
    first, second = (read_sessions(one, Columns()) for one in (rows, rows[::-1]))
    assert first.dictionary.values == second.dictionary.values == [["a", "b", "c"]]


def test_with_context_a_step_is_a_tuple():
    rows = [[("a", "click", 3), ("b", None, 4)], [], [("a", "buy", float("nan"))]]
    read = read_sessions(rows, Columns(context=["kind", "device"]))
    assert items(read) == [["a", "b"], [], ["a"]]
    assert items(read, 1) == [["click", None], [], ["buy"]]
    assert items(read, 2) == [[3, 4], [], [None]]


@pytest.mark.parametrize(
    ("sessions", "message"),
    [
        ([[1, "1"]], r"items of X are of several types, int and str.*Step 1 of session 0 of X is"),
        ([[1], [2, 1.0]], "several types, float and int.*Step 1 of session 1"),
        ([[True, 0]], "several types, bool and int"),
        ([["a"], ["b", None]], "Step 1 of session 1 of X is None: the item is missing"),
        ([[1.0, float("nan")]], "Step 1 of session 0 of X is nan: the item is missing"),
        ([[["a"]]], "Step 0 of session 0 of X is .*, of type list, which is not hashable"),
        ([[1j, 2j]], "of type complex, cannot be put in order"),
        ([[("a", 1), ("a", "b")]], "of type tuple, cannot be put in order"),
        (["abc"], "Session 0 of X is 'abc', not a list"),
        ([["a"], 5], "Session 1 of X is 5, not a list"),
        ("abc", "X is 'abc'. Sessions are lists of item ids"),
        (5, "X is 5. Sessions"),
    ],
)
def test_other_things_are_refused_with_the_place(sessions, message):
    with pytest.raises(DataFormatError, match=message):
        read_sessions(sessions, Columns())


def test_a_step_that_is_no_tuple_of_the_right_size_is_named():
    columns = Columns(context=["kind"])
    for rows in ([[("a", 1)], ["ab"]], [[("a", 1)], [("a", 1, 2)]]):
        with pytest.raises(DataFormatError, match=r"Step 0 of session 1 of X is .*tuple of 2"):
            read_sessions(rows, columns)


COLUMNS = Columns("item", "user", "time", ["kind"])
TABLE = {
    "user": ["u", "v", "u", "v", "u"],
    "item": [5, 6, 7, 8, 9],
    "time": [3, 1, 1, 1, 2],
    "kind": ["x", "y", "x", "x", None],
}
MAKERS = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_long_frame_is_sorted_within_its_sessions(make):
    read = read_sessions(make(TABLE), COLUMNS)
    assert items(read) == [[7, 9, 5], [6, 8]]  # equal times in the order of the frame
    assert items(read, 1) == [["x", None, "x"], ["y", "x"]]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize(
    "times",
    [
        [datetime.datetime(2024, 1, day) for day in TABLE["time"]],
        [datetime.date(2024, 1, day) for day in TABLE["time"]],
        [f"2024-01-0{day}" for day in TABLE["time"]],
        [day / 2 for day in TABLE["time"]],
    ],
    ids=["moments", "days", "text", "numbers"],
)
def test_times_of_any_type(make, times):
    read = read_sessions(make({**TABLE, "time": times}), COLUMNS)
    assert items(read) == [[7, 9, 5], [6, 8]]


def test_without_order_rows_stay_in_theirs():
    read = read_sessions(pd.DataFrame(TABLE, index=[4, 3, 2, 1, 0]), Columns("item", "user"))
    assert items(read) == [[5, 7, 9], [6, 8]] and read.n_features == 1


def test_categories_are_their_values():
    frame = pd.DataFrame(TABLE).astype({"item": "category", "user": "category"})
    assert items(read_sessions(frame, COLUMNS)) == [[7, 9, 5], [6, 8]]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_what_a_frame_lacks_is_named(make):
    with pytest.raises(InvalidParameterError, match="item= and by= do not both say"):
        read_sessions(make(TABLE), Columns("item"))
    with pytest.raises(DataFormatError, match="no column 'when'; its columns are 'user', 'item'"):
        read_sessions(make(TABLE), Columns("item", "user", "when"))
    for name in ("user", "time"):
        holes = [*TABLE[name][:2], None, *TABLE[name][3:]]
        with pytest.raises(DataFormatError, match=f"Row 2 of X: column '{name}' is missing"):
            read_sessions(make({**TABLE, name: holes}), COLUMNS)
    with pytest.raises(DataFormatError, match="the item is missing"):
        read_sessions(make({**TABLE, "item": ["a", None, "b", "c", "d"]}), COLUMNS)


def test_missing_moments_and_times_of_several_types_are_refused():
    times = pd.to_datetime(["2024-01-01", None, "2024-01-02", "2024-01-02", "2024-01-03"])
    with pytest.raises(DataFormatError, match="Row 1 of X: column 'time' is missing"):
        read_sessions(pd.DataFrame({**TABLE, "time": times}), COLUMNS)
    with pytest.raises(DataFormatError, match="Column 'time' of X cannot be put in order"):
        read_sessions(pd.DataFrame({**TABLE, "time": [1, "b", 2, 3, 4]}), COLUMNS)


def test_a_next_item_is_one_more_step_without_context():
    read = read_sessions([[("b", 1)], [], [("a", 2), ("b", 2)]], Columns(context=["kind"]))
    more = followed_by(read, ["z", "a", "a"])
    assert items(more) == [["b", "z"], ["a"], ["a", "b", "a"]]
    assert items(more, 1) == [[1, None], [None], [2, 2, None]]
    assert items(read) == [["b"], [], ["a", "b"]]
    with pytest.raises(DataFormatError, match="3 sessions, y has 2 next items"):
        followed_by(read, ["z", "a"])
    with pytest.raises(DataFormatError, match="items of X and y are of several types"):
        followed_by(read, [1, 2, 3])


def test_items_are_counted_by_the_weight_of_their_session():
    read = read_sessions([["b", "a", "b"], ["c"]], Columns())
    assert counted(read, None).dictionary.counts[0].tolist() == [1, 2, 1]
    assert counted(read, np.array([0.5, 3.0])).dictionary.counts[0].tolist() == [0.5, 1, 3]


def test_contexts_are_counted_too_where_they_are_known():
    read = read_sessions([[("b", "x"), ("a", None)], [("b", "y")]], Columns(context=["kind"]))
    assert counted(read, np.array([2.0, 0.0])).dictionary.counts[1].tolist() == [2, 0]


def test_a_column_of_context_may_be_called_item():
    read = read_sessions([[("b", None), ("a", 2.5)]], Columns(context=["item"]))
    assert items(read) == [["b", "a"]] and items(read, 1) == [[None, 2.5]]
    with pytest.raises(DataFormatError, match=r"^Values of column 'p' are of several types"):
        read_sessions([[("b", 1), ("a", "x")]], Columns(context=["p"]))


@pytest.mark.parametrize(
    "column",
    [
        lambda values, kinds: pd.Series(pd.Categorical(values, kinds, ordered=True)),
        lambda values, kinds: pl.Series(values, dtype=pl.Enum(kinds)),
        lambda values, kinds: pa.chunked_array(
            [
                pa.DictionaryArray.from_arrays(
                    pa.array([one and kinds.index(one) for one in part], pa.int8()),
                    kinds,
                    ordered=True,
                )
                for part in (values[:2], values[2:])
            ]
        ),
    ],
    ids=["pandas", "polars", "pyarrow"],
)
def test_ordered_categories_keep_their_order(column):
    kind = type(column(["a"], ["a"]))
    make = {pd.Series: pd.DataFrame, pl.Series: pl.DataFrame}.get(kind, pa.table)
    kinds = ["low", "middle", "high"]
    stage = column(["high", "high", "low", "low", "middle"], kinds)
    assert items(read_sessions(make({**TABLE, "time": stage}), COLUMNS)) == [[7, 9, 5], [8, 6]]
    stage = column(["high", None, "low", "low", "middle"], kinds)
    with pytest.raises(DataFormatError, match="Row 1 of X: column 'time' is missing"):
        read_sessions(make({**TABLE, "time": stage}), COLUMNS)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_bad_items_of_a_frame_are_named_by_their_row(make):
    table = {**TABLE, "item": ["a", "b", "c", None, "e"]}
    with pytest.raises(DataFormatError, match=r"Column 'item' in row 3 of X is \w+: the item is"):
        read_sessions(make(table), COLUMNS)


def test_keys_and_columns_that_cannot_be_told_apart_are_refused():
    with pytest.raises(DataFormatError, match=r"Column 'user' in row 0 of X is .*not hashable"):
        read_sessions(pl.DataFrame({**TABLE, "user": [[1], [2], [1], [2], [1]]}), COLUMNS)
    frame = pd.DataFrame(TABLE)
    with pytest.raises(DataFormatError, match=r"no column 'user'.*Pass X.reset_index\(\)"):
        read_sessions(frame.set_index("user"), COLUMNS)
    with pytest.raises(DataFormatError, match="several columns 'item'"):
        read_sessions(pd.concat([frame, frame[["item"]]], axis=1), COLUMNS)


@pytest.mark.parametrize(
    "item",
    [frozenset("a"), ("a", frozenset("b")), torch.tensor(1)],
    ids=["set", "inside", "tensor"],
)
def test_ids_without_an_order_are_refused(item):
    with pytest.raises(DataFormatError, match=r"Step 1 of session 0 of X .*have no order.*tolist"):
        read_sessions([["a", item]], Columns())


def test_what_can_be_read_once_is_refused():
    with pytest.raises(DataFormatError, match=r"can be read once. Pass list\(X\)"):
        read_sessions(iter([["a"]]), Columns())


def test_one_session_is_one_session():
    with pytest.raises(DataFormatError, match="X has 1 session, y has 2 next items"):
        followed_by(read_sessions([["a"]], Columns()), ["a", "b"])
