"""Labels of steps: what is read, what is refused and where, and the way back to rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.data.labels import (
    has_steps,
    is_flat,
    one_step_rows,
    read_labels,
    split_steps,
    without_empty,
)
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError

quick = settings(deadline=None, max_examples=60)
text = st.text(st.characters(exclude_characters="\0"), max_size=4)  # NumPy cuts it from the end
label = st.one_of(
    st.lists(st.lists(text, max_size=4), min_size=1, max_size=5),
    st.lists(st.lists(st.integers(-5, 5), max_size=4), min_size=1, max_size=5),
    st.lists(st.lists(st.booleans(), max_size=4), min_size=1, max_size=5),
).filter(lambda rows: any(rows))


def lengths_of(rows):
    return np.array([len(row) for row in rows], dtype=np.int64)


def object_array(rows):
    packed = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        packed[i] = row
    return packed


PACK = {
    "lists": lambda rows: rows,
    "tuples": lambda rows: tuple(map(tuple, rows)),
    "list of arrays": lambda rows: [np.array(row) for row in rows],
    "object array of lists": object_array,
    "object array of arrays": lambda rows: object_array([np.array(row) for row in rows]),
    "list of object arrays": lambda rows: [np.array(row, dtype=object) for row in rows],
    "series of lists": lambda rows: pd.Series(rows, index=range(7, 7 + len(rows))),
    "series of arrays": lambda rows: pd.Series([np.array(row) for row in rows]),
    "lists and arrays": lambda rows: [rows[0], *map(np.array, rows[1:])],
}


@quick
@given(rows=label)
def test_labels_are_joined_in_their_order(rows):
    flat = read_labels(rows, lengths_of(rows))
    assert flat.tolist() == [label for row in rows for label in row]


@pytest.mark.parametrize("pack", PACK)
@pytest.mark.parametrize("rows", [[["B", "I"], ["O"]], [[2, 1], [0], [1, 1]], [[True], [False]]])
def test_the_container_plays_no_role(pack, rows):
    flat = read_labels(PACK[pack](rows), lengths_of(rows))
    assert flat.ndim == 1 and flat.dtype != object
    assert flat.tolist() == [label for row in rows for label in row]


@pytest.mark.parametrize("dtype", [int, "U2", object])
def test_an_array_of_equal_lengths(dtype):
    y = np.array([["1", "0"], ["0", "0"], ["1", "1"]]).astype(dtype)
    flat = read_labels(y, np.array([2, 2, 2]))
    assert flat.tolist() == y.flatten().tolist()


def test_long_labels_in_a_later_row_are_not_cut():
    y = [np.array(["O"]), np.array(["B-organisation", "O"])]
    assert read_labels(y, np.array([1, 2])).tolist() == ["O", "B-organisation", "O"]


def test_rows_without_steps_have_no_labels():
    assert read_labels([[], ["a"], []], np.array([0, 1, 0])).tolist() == ["a"]


@pytest.mark.parametrize(
    ("y", "lengths", "message"),
    [
        ([["a"]], [1, 2], "X has 2 sequences, y has 1 rows"),
        ([["a"], ["b"], ["c"]], [1, 1], "X has 2 sequences, y has 3 rows"),
        ([], [1], "X has 1 sequences, y has 0 rows"),
        ([["a"], ["b"]], [1, 2], "Row 1 of y has 1 labels, but sequence 1 of X has 2 steps"),
        ([["a"], ["b", "c"]], [1, 1], "Row 1 of y has 2 labels, but sequence 1 of X has 1 steps"),
        ([["a"], []], [1, 3], "Row 1 of y has 0 labels, but sequence 1 of X has 3 steps"),
        (np.zeros((2, 3), int), [3, 2], "Row 1 of y has 3 labels, but sequence 1 of X has 2 ste"),
        (["a", "b"], [1, 1], "Row 0 of y is 'a'; .*each of the 1 steps of sequence 0"),
        ([["a"], "bcd"], [1, 3], "Row 1 of y is 'bcd'; .*each of the 3 steps of sequence 1"),
        ([1, 2], [1, 1], "Row 0 of y is 1; every row must be a list"),
        ([["a"], None], [1, 1], "Row 1 of y is None"),
        (np.zeros(2, int), [1, 1], "Row 0 of y is"),
    ],
)
def test_another_number_of_rows_or_labels(y, lengths, message):
    with pytest.raises(DataFormatError, match=message):
        read_labels(y, np.array(lengths))


@pytest.mark.parametrize(
    "y",
    [
        [["a", 1], ["b"]],
        [["a", "b"], [1]],
        [["a", True], ["b"]],
        [[True, 2], [1]],
        [np.array([True, False]), np.array([1])],
        [np.array(["a", 1], dtype=object), np.array(["b"], dtype=object)],
        [np.array(["a", "b"]), np.array([1])],
    ],
)
def test_mixed_types_are_refused(y):
    with pytest.raises(DataFormatError, match="mixed types"):
        read_labels(y, np.array([2, 1]))


@pytest.mark.parametrize(("bad", "what"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_every_step_needs_a_label(bad, what):
    with pytest.raises(DataFormatError, match=f"contains {what}: Step 1 of row 0 of y"):
        read_labels([[1.0, bad]], np.array([2]))
    with pytest.raises(DataFormatError, match=f"contains {what}: Step 0 of row 1 of y"):
        read_labels([np.array([1.0]), np.array([bad])], np.array([1, 1]))


def test_numbers_that_are_no_classes_are_refused():
    with pytest.raises(ValueError, match="continuous"):
        read_labels([[0.5, 0.25], [0.125]], np.array([2, 1]))
    assert read_labels([[1.0, 0.0], [2.0]], np.array([2, 1])).tolist() == [1.0, 0.0, 2.0]


@pytest.mark.parametrize(
    "y",
    [[np.zeros((2, 3), int)], np.zeros((1, 2, 3), int), [[[1, 2], [3, 4]]]],
    ids=["arrays", "array", "lists"],
)
def test_one_label_a_step(y):
    with pytest.raises(DataFormatError, match="one label a step"):
        read_labels(y, np.array([2]))


# Flat or not.


@pytest.mark.parametrize(
    ("y", "flat"),
    [
        ([0, 1], True),
        (["ab", "cd"], True),
        (np.array([0, 1]), True),
        (np.array(["ab", "cd"]), True),
        (np.array(["ab", "cd"], dtype=object), True),
        (pd.Series([0, 1]), True),
        (pd.Series(["ab", "cd"]), True),
        ((0, 1), True),
        ([np.int64(1), np.int64(0)], True),
        ([[0, 1], [1]], False),
        ([(0, 1)], False),
        ([["ab"], ["cd"]], False),
        ([[], ["a"]], False),
        (np.zeros((2, 2), int), False),
        (np.zeros((2, 1), int), False),
        (np.array([["a", "b"]], dtype=object), False),
        (object_array([["a"], ["b", "c"]]), False),
        (object_array([np.array(["a"]), np.array(["b", "c"])]), False),
        (pd.Series([["a"], ["b", "c"]]), False),
    ],
)
def test_flat_is_one_label_a_row(y, flat):
    assert is_flat(y) is flat


# The way back.


@quick
@given(rows=label)
def test_splitting_undoes_reading(rows):
    lengths = lengths_of(rows)
    back = split_steps(read_labels(rows, lengths), np.concatenate(([0], np.cumsum(lengths))))
    assert (back.dtype, back.shape) == (object, (len(rows),))
    assert all(isinstance(row, np.ndarray) for row in back)
    assert [row.tolist() for row in back] == rows


@pytest.mark.parametrize("lengths", [[2, 2], [1, 3], [0, 0, 4], [4], []])
def test_splitting_gives_one_array_a_row_also_if_all_are_alike(lengths):
    offsets = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    values = np.arange(offsets[-1] * 3.0).reshape(-1, 3)
    rows = split_steps(values, offsets)
    assert (rows.dtype, rows.shape) == (object, (len(lengths),))
    assert [row.shape for row in rows] == [(n, 3) for n in lengths]
    assert np.array_equal(np.concatenate([values[:0], *rows]), values)


def test_rows_of_one_step():
    X = Sequences(np.arange(6.0)[:, None], np.array([0, 3, 6]))
    rows = one_step_rows(X)
    assert rows.lengths.tolist() == [1, 1]
    assert rows.values.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


# Sequences without steps.


def test_what_has_steps():
    assert [has_steps(row) for row in ([], ["a"], (), np.zeros((0, 2)), np.zeros(1), 3, "")] == [
        False,
        True,
        False,
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("pack", ["lists", "object array of lists", "series of lists"])
@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 3.0, 4.0], np.arange(1.0, 5.0)])
def test_empty_sequences_go_with_their_labels_and_weights(pack, weights):
    X = [[], ["a", "b"], (), ["c"]]
    y = PACK[pack]([[], [0, 1], [], [1]])
    numbers, kept, labels, left = without_empty(X, y, weights)
    assert [numbers + i for i in range(2)] == [1, 3]
    assert kept == [["a", "b"], ["c"]]
    assert [list(row) for row in labels] == [[0, 1], [1]]
    assert left is None if weights is None else list(left) == [2.0, 4.0]


def test_a_label_of_an_empty_sequence_is_refused():
    with pytest.raises(DataFormatError, match=r"Row 0 of y has 1 labels.*sequence 0 of X has 0"):
        without_empty([[], ["a"]], [["wrong"], [1]], None)


def test_nothing_is_touched_without_empty_sequences():
    X, y, weights = [["a"], ["b"]], [[0], [1]], np.ones(2)
    numbers, *kept = without_empty(X, y, weights)
    assert kept[0] is X and kept[1] is y and kept[2] is weights
    assert numbers + 1 == 1


def test_another_number_of_labels_or_weights_is_refused():
    with pytest.raises(DataFormatError, match="X has 2 sequences, y has 1 rows"):
        without_empty([[], ["a"]], [[0]], None)
    with pytest.raises(DataFormatError, match=r"sample_weight.shape == \(1,\), expected \(2,\)"):
        without_empty([[], ["a"]], [[], [0]], [1.0])
