"""What cannot be read is refused with a message that says where and what to do.

Each message is asked for by the words a user needs. That estimators are left as they were is
tested with the estimators.
"""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn import Sequences, to_sequences
from seqlearn.data.containers import unpack
from seqlearn.data.messages import listed
from seqlearn.data.validation import as_sequences
from seqlearn.errors import DataFormatError, SeqlearnError


def read(X, **options):
    return as_sequences(unpack(X), owner="LSTMClassifier", **{"frames": True, **options})[0]


def rows(*shapes):
    return [np.ones(shape) for shape in shapes]


def as_object(cell):
    array = np.empty(1, dtype=object)
    array[0] = cell
    return array


def polars_series(cells):
    return pytest.importorskip("polars").Series(cells)


NO_STEPS = Sequences(np.ones((3, 1)), np.array([0, 2, 2, 3]))

REFUSED = {
    # empty
    "empty list": ([], r"0 sample\(s\).*LSTMClassifier"),
    "empty tuple": ((), r"0 sample\(s\)"),
    "empty array": (np.zeros((0, 3)), r"0 sample\(s\) \(shape=\(0, 3\)\)"),
    "empty 3-D array": (np.zeros((0, 3, 2)), r"0 sample\(s\)"),
    "empty object array": (np.array([], dtype=object), r"0 sample\(s\)"),
    "empty frame": (pd.DataFrame(), r"0 sample\(s\)"),
    "empty Series": (pd.Series([], dtype=object), r"0 sample\(s\)"),
    "empty Sequences": (to_sequences(np.ones((2, 2)))[:0], r"0 sample\(s\)"),
    "no columns": (np.zeros((2, 0)), r"0 feature\(s\) \(shape=\(2, 0\)\) while a minimum of 1 is"),
    "no features": (np.zeros((2, 3, 0)), r"0 feature\(s\)"),
    "no steps": (np.zeros((2, 0, 3)), r"0 step\(s\)"),
    "a row of no steps": (rows((2, 1), (0, 1), (1, 1)), "Sequence 1 of X is empty.*Drop"),
    "a 1-D row of no steps": (rows(2, 0), "Sequence 1 of X is empty"),
    "an empty list as a row": ([np.ones((2, 2)), []], "Sequence 1 of X is empty"),
    "rows of no steps": (rows((0, 1), (2, 1), (0, 1)), "Sequences 0 and 2 of X are empty"),
    "many rows of no steps": (rows(*[(0, 1)] * 9, (1, 1)), "0, 1, 2, 3, 4 and 4 more of X are"),
    "a row of no features": (rows((2, 1), (2, 0)), "Sequence 1 of X is empty"),
    "Sequences with a row of no steps": (NO_STEPS, "Sequence 1 of X is empty"),
    # shapes
    "a number": (3.0, "X is 3.0, a float.*accepts a 2-D array"),
    "None": (None, "X is None.*accepts a 2-D array"),
    "a dict": ({"a": [1.0]}, "a dict.*accepts a 2-D array"),
    "a generator": ((row for row in []), "a generator.*accepts a 2-D array"),
    "1-D array": (np.ones(4), r"Expected 2D array, got 1D.*\(4,\).*X.reshape\(1, -1\)"),
    "numbers in a list": ([1.0, 2.0], "Expected 2D array, got 1D array"),
    "numbers in a Series": (pd.Series([1.0, 2.0]), "Expected 2D array, got 1D array"),
    "an index": (pd.Index([1.0, 2.0]), "Expected 2D array, got 1D array"),
    "6-D array": (np.ones((1,) * 6), r"got 6D array.*a frame of video has two axes, or three"),
    "3-D rows": (rows((2, 1), (2, 2, 2), (2, 1)), r"Sequence 1 of X has shape \(2, 2, 2\)"),
    "one 1-D row": (rows((2, 1), (3,), (2, 1)), r"Sequence 1 of X has shape \(3,\)"),
    "one 2-D row": (rows((2,), (3, 1), (4,)), r"Sequence 1 of X has shape \(3, 1\)"),
    "a number as a row": ([np.ones(2), 5, np.ones(3)], "Sequence 1 of X is 5"),
    "a missing row": ([np.ones((2, 2)), None], "Sequence 1 of X is None"),
    "a missing cell": (pd.Series([np.ones(2), None, np.ones(3)]), "Sequence 1 of X is None"),
    "widths": (
        rows((2, 3), (2, 1), (4, 3), (1, 2)),
        "most have 3, but sequences 1 and 3 have 1 and 2.*same F",
    ),
    "one width": (rows((2, 3), (2, 1), (4, 3)), "most have 3, but sequence 1 has 1"),
    "a ragged row": ([np.ones((1, 2)), [[1, 2], [3]]], "Sequence 1 of X is not rectangular"),
    "a ragged row in an object array": (as_object([[1, 2], [3]]), "Sequence 0.*not rectangular"),
    # types
    "a string": ("abc", "X is 'abc', a str"),
    "strings": (["abc", "de"], "Sequence 0 of X does not hold numbers: 'abc'"),
    "words": ([[[1.0]], [["good"], ["film"]]], "Sequence 1 of X does not hold numbers.*encode"),
    "numbers as strings": ([["1", "2"], ["3"]], "Sequence 0 of X does not hold numbers"),
    "objects": ([[[object()]]], "Sequence 0 of X does not hold numbers.*object"),
    "a dict as a row": ([{"a": 1}], "Sequence 0 of X does not hold numbers.*dict"),
    "dates": (np.array([["2020-01-01"]], dtype="M8[D]"), "holds datetime64.*not numbers"),
    "rows of dates": ([np.array([["2020"]], dtype="M8[D]")], "Sequence 0 of X does not hold num"),
    "complex rows": ([np.ones((2, 1), complex)], "Complex data not supported: sequence 0"),
    "sparse rows": ([scipy.sparse.eye(2).tocsr()], "Sequence 0.*sparse.*toarray"),
    "masked array": (np.ma.masked_equal([[1.0, 0.0]], 0), "X is a masked.*filled.*padding"),
    "masked rows": ([np.ma.masked_equal([[1.0, 0.0]], 0)], "Sequence 0 of X is a masked"),
    "Sequences of strings": (Sequences(np.array([["a"]]), np.array([0, 1])), "must be numbers"),
    "Sequences of 1-D values": (Sequences(np.ones(3), np.array([0, 3])), r"shape \(S, F\)"),
    "Sequences that end early": (Sequences(np.ones((3, 1)), np.array([0, 2])), "0 to 3"),
    "Sequences that begin late": (Sequences(np.ones((3, 1)), np.array([1, 3])), "0 to 3"),
    "Sequences that fall": (Sequences(np.ones((3, 1)), np.array([0, 2, 1, 3])), "0 to 3"),
    # containers
    "panel": (
        pd.DataFrame({"v": [1.0]}, index=pd.MultiIndex.from_tuples([(0, 0)])),
        r"MultiIndex.*seqlearn.to_sequences\(X\)",
    ),
    "packed": (
        torch.nn.utils.rnn.pack_sequence([torch.ones(2, 1)]),
        "PackedSequence.*unpack_sequence",
    ),
    "half floats of torch": (torch.ones(2, 3, dtype=torch.bfloat16), "bfloat16.*float"),
    "sparse tensor": (torch.eye(3).to_sparse(), "to_dense"),
    "channels of unequal length": (
        pd.DataFrame({"a": [np.ones(2), np.ones(3)], "b": [np.ones(2), np.ones(1)]}),
        r"channels of sequence 1 of X have different lengths, \[1, 3\]",
    ),
    "a missing channel": (
        pd.DataFrame({"a": [np.ones(2), np.ones(3)], "b": [np.ones(2), None]}),
        r"channels of sequence 1 of X have different lengths, \[0, 3\]",
    ),
    "a channel of numbers": (
        pd.DataFrame({"a": [np.ones(2), np.ones(3)], "b": [1.0, 2.0]}),
        "Columns b of X hold no sequences, but others do.*once for each step",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused(name):
    X, message = REFUSED[name]
    with pytest.raises(DataFormatError, match=message) as caught:
        read(X)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (scipy.sparse.eye(3).tocsr(), TypeError, "dense data is required.*toarray"),
        (np.ones((2, 3), complex), ValueError, "Complex data not supported"),
        (np.ones((2, 3, 1), complex), ValueError, "Complex data not supported"),
        (np.array([["1", "2"]]), ValueError, "not compatible with arrays of bytes/strings"),
        (np.array([[{}, 1.0]], dtype=object), TypeError, "number"),
        (pd.DataFrame({"a": ["x"], "b": [1.0]}), ValueError, "could not convert"),
    ],
)
def test_scikit_learn_refuses_the_rest(X, error, message):
    with pytest.raises(error, match=message):
        read(X)


def test_missing_lists_of_polars_and_arrow_are_named():
    with pytest.raises(DataFormatError, match="Sequence 0 of X is None"):
        read(polars_series([None, [1.0, 2.0], [3.0]]))
    pa = pytest.importorskip("pyarrow")
    with pytest.raises(DataFormatError, match="Sequence 1 of X is None"):
        read(pa.array([[1.0], None, [2.0]]))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", [torch.jagged, torch.strided])
def test_nested_tensors_are_refused_with_the_conversion(layout):
    tensors = [torch.ones(3, 2), torch.zeros(1, 2)]
    X = torch.nested.nested_tensor(tensors, layout=layout)
    for take in (read, to_sequences, lambda X: read([X])):
        with pytest.raises(DataFormatError, match="unbind") as caught:
            take(X)
    conversion = str(caught.value).partition("Pass a list of arrays: ")[2].rstrip(".")
    assert read(eval(conversion)) == read(tensors)


def test_the_conversion_of_a_packed_sequence_works():
    tensors = [torch.ones(1, 2), torch.zeros(3, 2)]
    X = torch.nn.utils.rnn.pack_sequence(tensors, enforce_sorted=False)
    with pytest.raises(DataFormatError) as caught:
        read(X)
    conversion = str(caught.value).partition("list of its sequences: ")[2].rstrip(".")
    assert read(eval(conversion)) == read(tensors)


# NaN and infinity.


def test_the_first_row_of_a_piece_is_named_by_its_number():
    cases = [
        ([[[np.nan]]], "sequence 40 at step 0"),
        (rows((1, 1), (0, 1)), "Sequence 41"),
        (rows((1, 1), (1, 2), (1, 1)), "sequence 41 has 2"),
        ([[["a"]]], "Sequence 40"),
        (rows((1, 1), 1, (1, 1)), "Sequence 41"),
    ]
    for X, message in cases:
        with pytest.raises(DataFormatError, match=message):
            read(X, first=40)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_rows_and_steps_of_nan_and_infinity_are_named(data):
    lengths = data.draw(st.lists(st.integers(1, 8), min_size=1, max_size=6))
    row = data.draw(st.integers(0, len(lengths) - 1))
    steps = sorted(data.draw(st.sets(st.integers(0, lengths[row] - 1), min_size=1, max_size=4)))
    value = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    X = [np.ones((length, 2)) for length in lengths]
    for step in steps:
        X[row][step, data.draw(st.integers(0, 1))] = value
    word = "NaN" if np.isnan(value) else "infinity"
    named = listed(steps)
    for given_X in (X, to_sequences(X)):
        with pytest.raises(DataFormatError, match=f"{word}.*sequence {row} at steps? {named}[. ]"):
            read(given_X)
    assert len(to_sequences(X)) == len(X)


def test_many_bad_rows_are_counted():
    X = np.full((9, 7), np.nan)
    with pytest.raises(DataFormatError, match=r"0 at steps 0, 1, 2, 3, 4 and 2 more;.*6 more sequ"):
        read(X)


@pytest.mark.parametrize(
    ("values", "word"),
    [([np.inf, -np.inf], "infinity"), ([np.nan, np.inf], "NaN and infinity"), ([np.nan], "NaN")],
)
def test_the_message_says_what_was_found(values, word):
    with pytest.raises(DataFormatError, match=f"contains {word}"):
        read([np.array(values)[:, None], np.ones((3, 1))])


@pytest.mark.parametrize("make", [lambda v: [np.full((3, 1), v)], lambda v: np.full((2, 3), v)])
def test_values_too_large_for_the_type_are_refused_and_others_are_not(make):
    with pytest.raises(DataFormatError, match=r"too large for dtype\('float32'\): sequence 0"):
        read(make(1e39), dtype=np.float32)
    assert np.isfinite(read(make(3e38), dtype=np.float32).values).all()  # the sum is not
    assert np.isfinite(read(make(1e308)).values).all()
    assert np.isinf(to_sequences(make(1e39), dtype="float32").values).all()


def test_nan_padding_is_recognised_and_the_conversion_works():
    padded = [np.array([[1.0, 2], [np.nan, np.nan]]), np.array([[1.0, 2], [3, 4]])]
    for X in (padded, np.array(padded)):
        with pytest.raises(DataFormatError, match=r"like padding.*to_sequences\(X, padding=np.nan"):
            read(X)
        assert read(to_sequences(X, padding=np.nan)).lengths.tolist() == [1, 2]


@pytest.mark.parametrize(
    "row",
    [
        [[np.nan, np.nan], [1.0, 2.0]],
        [[1.0, 2.0], [np.nan, 3.0]],
        [[1.0, 2.0], [np.inf, np.inf]],
    ],
)
def test_other_nan_is_not_taken_for_padding(row):
    with pytest.raises(DataFormatError) as caught:
        read([np.array(row), np.ones((3, 2))])
    assert "padding" not in str(caught.value)


def test_the_error_is_one_of_ours():
    with pytest.raises(SeqlearnError):
        to_sequences([])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"lengths": [[1], [2, 3], [1]]}, "Row 0 of lengths is"),
        ({"lengths": [1, None, 2]}, "Row 1 of lengths is None"),
        ({"lengths": [1, 1.5, 2]}, "lengths must be integers of .*, not float64"),
        (
            {"lengths": np.ones((3, 1), int)},
            r"lengths must be integers of .*, not int64 of shape \(3, 1\)",
        ),
        ({"padding": "0"}, "padding must be a number, such as .* Got '0'"),
        ({"padding": [0]}, "padding must be a number"),
    ],
)
def test_arguments_of_to_sequences(arguments, message):
    with pytest.raises(SeqlearnError, match=message):
        to_sequences(np.ones((3, 4)), **arguments)


def test_a_table_with_text_beside_numbers():
    for X in ({"a": [1.0, 2], "b": ["x", "y"]}, {"a": ["x", "y"], "b": ["x", "y"]}):
        with pytest.raises(DataFormatError, match=r"X does not hold numbers: .*'x'.*leave it out"):
            to_sequences(pd.DataFrame(X))


@pytest.mark.parametrize("values", [pd.date_range("2020", periods=2), pd.to_timedelta([1, 2])])
def test_a_channel_of_dates_is_named(values):
    X = pd.DataFrame({"time": [values.to_series()], "value": [np.ones(2)]})
    with pytest.raises(DataFormatError, match=r"channel 'time' of sequence 0 of X holds .*64"):
        to_sequences(X)
