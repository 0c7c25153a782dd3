"""Long tables of events against a loop over their rows, in every kind of table; what is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from seqlearn import Sequences, add_static, events_to_sequences, to_sequences
from seqlearn.errors import DataFormatError, InvalidParameterError

quick = settings(max_examples=60)
COLUMNS = ["id", "time", "variable", "value"]
ROWS = [
    ("b", 0.5, "HR", 70.0),
    ("a", 2.0, "Temp", 37.5),
    ("b", 0.25, "HR", 74.0),
    ("b", 3.0, "Temp", 36.0),
    ("a", 2.0, "HR", 80.0),
    ("a", 2.0, "HR", 90.0),
]
NAN = np.nan


def frame(rows=ROWS):
    return pd.DataFrame(rows, columns=COLUMNS)


def assert_rows(sequences, expected):
    assert type(sequences) is Sequences
    assert sequences.lengths.tolist() == list(map(len, expected))
    for found, due in zip(sequences, expected, strict=True):
        np.testing.assert_allclose(found, due, rtol=1e-12, atol=1e-12)


# Against a loop.


@st.composite
def tables(draw):
    key, name = st.sampled_from("abc"), st.sampled_from("xyz")
    time = st.integers(0, 12).map(lambda quarter: quarter / 4)
    value = st.one_of(st.just(NAN), st.floats(-1e3, 1e3))
    return draw(st.lists(st.tuples(key, time, name, value), min_size=1, max_size=25))


def by_loop(rows, ids, names, every, span):
    """Return the steps of each id as lists, by one look at each row."""
    found = []
    for key in ids:
        own = [row for row in rows if row[0] == key and row[2] in names]
        own = [row for row in own if span is None or row[1] < span]
        if every is None:
            times = sorted({row[1] for row in own}) or [0.0]
            steps = [[row for row in own if row[1] == t] for t in times]
        else:
            n = max([1, *(int(row[1] // every) + 1 for row in own)])
            n = n if span is None else int(np.ceil(span / every))
            steps = [[row for row in own if t <= row[1] / every < t + 1] for t in range(n)]
            times = range(n)
        sequence = []
        for t, step in zip(times, steps, strict=True):
            cells = [[r[3] for r in step if r[2] == name and r[3] == r[3]] for name in names]
            means = [sum(cell) / len(cell) if cell else NAN for cell in cells]
            sequence.append(means if every else [t, *means])
        found.append(sequence)
    return found


@quick
@given(
    rows=tables(),
    every=st.sampled_from([None, 0.25, 1.0, 0.75]),
    span=st.sampled_from([None, 2.0, 0.5, 10.0]),
    named=st.booleans(),
)
def test_it_is_what_a_loop_over_rows_finds(rows, every, span, named):
    ids = ["c", "a", "never"] if named else list(dict.fromkeys(row[0] for row in rows))
    names = ["y", "unknown", "x"] if named else sorted({row[2] for row in rows})
    if named and not ({row[0] for row in rows} & {*ids} and {row[2] for row in rows} & {*names}):
        return
    chosen = {"ids": ids, "variables": names} if named else {}
    found = events_to_sequences(frame(rows), every=every, span=span, **chosen)
    assert_rows(found, by_loop(rows, ids, names, every, span))
    assert found.channels.names == (*(["time"] if every is None else []), *names)


@quick
@given(rows=tables(), data=st.data())
def test_the_order_of_rows_changes_no_bit(rows, data):
    shuffled = data.draw(st.permutations(rows))
    for every in (None, 0.5):
        keys = {"every": every, "ids": sorted({row[0] for row in rows})}
        one, other = (events_to_sequences(frame(some), **keys) for some in (rows, shuffled))
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.offsets, other.offsets)


@pytest.mark.parametrize(("every", "n"), [(0.1, 48), (0.3, 16), (1 / 3, 15), (2.5, 2), (7.0, 1)])
def test_borders_are_not_blurred_by_rounding(every, n):
    """An event at the computed border k * every lies in step k, and there are as many as fit."""
    times = np.arange(n) * every
    table = {"id": [1] * n, "time": times, "variable": ["x"] * n, "value": np.arange(n)}
    found = events_to_sequences(table, every=every, span=4.8)
    due = int(np.ceil(np.round(4.8 / every, 6)))
    assert found.lengths.tolist() == [due]
    np.testing.assert_array_equal(found.values[:n, 0], np.arange(n))
    decimal = [float(f"{k / 10}") for k in range(20)]
    table = {"id": [1] * 20, "time": decimal, "variable": ["x"] * 20, "value": np.arange(20)}
    found = events_to_sequences(table, every=0.1)
    np.testing.assert_array_equal(found.values[:, 0], np.arange(20))


def test_ids_without_events_and_rows_without_values():
    table = frame([("a", 1.0, "x", 5.0), ("b", 2.0, "x", NAN)])
    ids = ["none", "b", "a"]
    assert_rows(events_to_sequences(table, ids=ids), [[[0.0, NAN]], [[2.0, NAN]], [[1.0, 5.0]]])
    grid = events_to_sequences(table, ids=ids, every=1.0)
    assert_rows(grid, [[[NAN]], [[NAN]] * 3, [[NAN], [5.0]]])
    grid = events_to_sequences(table, ids=ids, every=1.0, span=2)
    assert_rows(grid, [[[NAN]] * 2, [[NAN]] * 2, [[NAN], [5.0]]])
    assert_rows(
        events_to_sequences(frame([]), ids=[1, 2], variables=["x"], every=1, span=2),
        [[[NAN]] * 2] * 2,
    )


def test_the_order_of_ids_is_that_of_their_first_rows():
    rows = [("b", 1.0, "x", 1.0), ("a", 0.0, "x", 2.0), ("b", 0.0, "x", 3.0)]
    assert_rows(events_to_sequences(frame(rows), every=1.0), [[[3.0], [1.0]], [[2.0]]])
    train, test = train_test_split(events_to_sequences(frame(rows)), test_size=1, random_state=0)
    assert train.channels.names == test.channels.names == ("time", "x")


# Kinds of tables.


def structured(table):
    kinds = [("id", "U3"), ("time", "f4"), ("variable", "U9"), ("value", "f8")]
    return np.array([tuple(row) for row in table.to_numpy().tolist()], dtype=kinds)


KINDS = {
    "pandas": lambda table: table.set_axis(table.index[::-1] + 7),
    "pandas categories": lambda table: table.astype({"id": "category", "variable": "category"}),
    "pandas nullable": lambda table: table.convert_dtypes(),
    "polars": lambda table: pl.DataFrame(table.to_dict("list")),
    "polars categories": lambda table: pl.DataFrame(table.to_dict("list")).with_columns(
        pl.col("variable").cast(pl.Categorical), pl.col("value").cast(pl.Decimal(10, 2))
    ),
    "pyarrow": lambda table: pa.table(table.to_dict("list")),
    "pyarrow dictionaries": lambda table: pa.table(
        {
            name: pa.chunked_array([column.tolist()[:2], column.tolist()[2:]])
            if name != "variable"
            else pa.array(column).dictionary_encode()
            for name, column in table.items()
        }
    ),
    "dictionary": lambda table: table.to_dict("list"),
    "structured": structured,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_gives_the_same(kind):
    table = KINDS[kind](frame())
    expected = events_to_sequences(frame())
    assert_rows(expected, [[[0.25, 74, NAN], [0.5, 70, NAN], [3, NAN, 36]], [[2.0, 85, 37.5]]])
    for more in ({}, {"every": 1.0}, {"ids": np.array(["a", "b"]), "span": 3.0}):
        found, due = (events_to_sequences(one, **more) for one in (table, frame()))
        np.testing.assert_array_equal(found.values, due.values)
        np.testing.assert_array_equal(found.offsets, due.offsets)
        assert found.channels == due.channels


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_values_that_are_missing_are_not_observed(kind):
    table = frame([*ROWS, ("a", 4.0, "HR", None)])
    if kind != "pandas":
        table = {"polars": pl.DataFrame, "pyarrow": pa.table}[kind](
            {name: [None if x != x else x for x in table[name].tolist()] for name in COLUMNS}
        )
    found = events_to_sequences(table, ids=["a"])
    assert_rows(found, [[[2.0, 85, 37.5], [4.0, NAN, NAN]]])


def test_other_names_numbers_for_ids_and_types_of_values():
    table = frame().set_axis(["stay", "hours", "item", "amount"], axis=1)
    table["stay"] = table["stay"].map({"a": 1, "b": 2})
    table["item"] = table["item"].map({"HR": 220, "Temp": 50})
    named = dict(zip(COLUMNS, table.columns, strict=True))
    found = events_to_sequences(table, **named, ids=pd.Series([1.0, 2.0]), dtype="float32")
    assert found.dtype == np.float32 and found.channels is None
    assert_rows(found, [[[2.0, 37.5, 85]], [[0.25, NAN, 74], [0.5, NAN, 70], [3, 36, NAN]]])
    table["amount"] = [True, False, True, True, False, True]
    assert events_to_sequences(table, **named).dtype == np.float64


# What is refused.


def changed(column, row, value):
    table = frame().astype(object)
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (frame().drop(columns="time"), "table has no column 'time'; its columns are 'id',"),
        (frame().set_index("id"), r"no column 'id'.*table\.reset_index\(\)"),
        (pd.concat([frame(), frame()[["id"]]], axis=1), "several columns 'id'"),
        (changed("id", 1, None), "Row 1 of table: column 'id' is missing"),
        (changed("id", 1, NAN), "Row 1 of table: column 'id' is missing"),
        (changed("variable", 2, pd.NA), "Row 2 of table: column 'variable' is missing"),
        (changed("time", 3, NAN), "Row 3 of table: column 'time' is missing or infinite"),
        (changed("time", 3, np.inf), "Row 3 of table: column 'time' is missing or infinite"),
        (changed("time", 0, -0.5), "Row 0 of table: column 'time' is negative"),
        (changed("time", 0, "0:30"), "Row 0 of table: column 'time' holds '0:30'.*in hours"),
        (changed("value", 4, "high"), "Row 4 of table: column 'value' holds 'high'.*to_numeric"),
        (changed("value", 4, 1j), "Row 4 of table: column 'value' holds 1j"),
        (changed("variable", 4, 3), "several types.*variables="),
        (changed("id", 0, [1]), "Column 'id' of table cannot be read"),
        (frame().assign(time=pd.Timestamp("2024-01-01")), r"holds datetime64.*total_seconds\(\)"),
        (frame([]), r"table has no rows. Give ids="),
        (pl.LazyFrame({"id": [1]}), r"table is a polars LazyFrame.*table\.collect\(\)"),
        ([[1, 0.5, "HR", 70.0]], "table is .*a list; a data frame"),
        (np.ones((2, 4)), "a ndarray; a data frame"),
        (None, "a NoneType"),
        ({"id": [1], "time": [0], "variable": ["x"], "value": [1, 2]}, "same number of rows"),
        (frame([("a", 0.0, "time", 1.0)]), "A variable is called 'time'"),
    ],
)
def test_faulty_tables_are_refused(table, message):
    with pytest.raises(DataFormatError, match=message):
        events_to_sequences(table)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"every": 0}, "every=0: a positive number"),
        ({"every": "1h"}, "every='1h'"),
        ({"every": True}, "every=True"),
        ({"span": -48}, "span=-48"),
        ({"span": np.inf, "every": 1.0}, "span=inf"),
        ({"ids": []}, "ids is empty"),
        ({"ids": ["a", None]}, "ids holds a missing one"),
        ({"ids": "a"}, r"ids='a': a list is accepted, \['a'\]"),
        ({"ids": ["a", "b", "a"]}, "ids names 'a' more than once"),
        ({"ids": [1, 2]}, r"Nothing of ids is in column 'id'.*'b' \(str\).*1 \(int\)"),
        ({"variables": ["hr"]}, "Nothing of variables is in column 'variable'.*'HR'.*'hr'"),
        ({"value": "time"}, "give four different ones"),
        ({"dtype": "int64"}, "floating type"),
    ],
)
def test_faulty_parameters_are_refused(parameters, message):
    with pytest.raises((InvalidParameterError, DataFormatError), match=message):
        events_to_sequences(frame(), **parameters)


# What is known of a whole sequence.

AGES = pd.DataFrame({"age": [54, 76], "height": [NAN, 1.8]}, index=[9, 4])


@pytest.mark.parametrize(
    "static",
    [
        AGES,
        AGES.to_numpy(),
        AGES.to_numpy().tolist(),
        pl.from_dict({"age": [54, 76], "height": [NAN, 1.8]}),
        pa.table({"age": [54, 76], "height": [None, 1.8]}),
    ],
)
def test_static_features_are_repeated_at_each_step(static):
    X = events_to_sequences(frame())
    found = add_static(X, static)
    for new, old, row in zip(found, X, AGES.to_numpy(), strict=True):
        np.testing.assert_array_equal(new[:, :3], old)
        np.testing.assert_array_equal(new[:, 3:], np.tile(row, (len(old), 1)))
    names = ("static0", "static1") if isinstance(static, np.ndarray | list) else ("age", "height")
    assert found.channels.names == ("time", "HR", "Temp", *names)
    assert found.channels.widths == (1,) * 5
    without = add_static([np.ones((2, 1), "f"), np.ones((1, 1), "f")], static)
    assert without.channels is None and without.dtype == np.float32
    one = add_static([np.ones((2, 1)), np.ones((1, 1))], np.array([7, 8]))
    assert one[1].tolist() == [[1, 8]]


@pytest.mark.parametrize(
    ("static", "message"),
    [
        (AGES.iloc[:1], "one row for each of the 2 sequences"),
        (np.ones((2, 0)), "at least one column"),
        (3.0, "one row for each"),
        (pd.DataFrame({"ward": ["a", "b"]}), "Rows 0 and 1 of static: column 'ward'.*get_dummies"),
        (pd.DataFrame({"HR": [1, 2]}), "'HR'.*add_prefix"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["u", "u"]), "'u'"),
    ],
)
def test_static_features_that_do_not_fit_are_refused(static, message):
    with pytest.raises(DataFormatError, match=message):
        add_static(events_to_sequences(frame()), static)
    if "HR" not in message and "'u'" not in message:
        with pytest.raises(DataFormatError, match=message):
            add_static(to_sequences([[1.0], [2.0, 3.0]]), static)
