"""`Sequences` against a plain list of the same arrays, by itself and in scikit-learn's hands."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score, train_test_split
from sklearn.utils import _safe_indexing, indexable, resample, shuffle
from sklearn.utils.validation import _num_samples

from seqlearn import Sequences, to_sequences
from seqlearn.errors import DataFormatError

FEATURES = 2
quick = settings(deadline=None, max_examples=50)


def make_rows(lengths):
    """Arrays of the given lengths; no two values are equal."""
    values = np.arange(sum(lengths) * FEATURES, dtype=np.float64).reshape(-1, FEATURES)
    return np.split(values, np.cumsum(lengths)[:-1])


def assert_holds(sequences, rows):
    assert type(sequences) is Sequences
    assert len(sequences) == len(rows)
    for sequence, row in zip(sequences, rows, strict=True):
        np.testing.assert_array_equal(sequence, row)
    assert sequences.lengths.tolist() == [len(row) for row in rows]
    assert sequences.offsets[0] == 0
    assert sequences.offsets[-1] == len(sequences.values)


@pytest.fixture
def rows():
    return make_rows([3, 1, 4, 1, 5, 9, 2])


@pytest.fixture
def sequences(rows):
    return to_sequences(rows)


lengths_of_rows = st.lists(st.integers(1, 5), min_size=1, max_size=8)


@quick
@given(lengths_of_rows, st.data())
def test_an_int_gives_the_array(lengths, data):
    rows = make_rows(lengths)
    i = data.draw(st.integers(-len(rows), len(rows) - 1))
    for key in (i, np.int64(i), np.int32(i)):
        np.testing.assert_array_equal(to_sequences(rows)[key], rows[i])


@quick
@given(lengths_of_rows, st.data())
def test_a_slice_gives_what_a_list_gives(lengths, data):
    rows = make_rows(lengths)
    key = data.draw(st.slices(len(rows)))
    assert_holds(to_sequences(rows)[key], rows[key])


@quick
@given(lengths_of_rows, st.data())
def test_a_choice_of_rows_gives_those_rows(lengths, data):
    rows = make_rows(lengths)
    sequences = to_sequences(rows)
    chosen = data.draw(st.lists(st.integers(-len(rows), len(rows) - 1)))
    expected = [rows[i] for i in chosen]
    assert_holds(sequences[chosen], expected)
    assert_holds(sequences[np.array(chosen, dtype=np.int64)], expected)
    assert_holds(sequences.take(chosen), expected)
    assert_holds(sequences.take(np.array(chosen, dtype=np.int32)), expected)


@quick
@given(lengths_of_rows, st.data())
def test_a_mask_gives_the_rows_where_it_is_true(lengths, data):
    rows = make_rows(lengths)
    mask = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    expected = [row for row, keep in zip(rows, mask, strict=True) if keep]
    assert_holds(to_sequences(rows)[mask], expected)
    assert_holds(to_sequences(rows)[np.array(mask)], expected)


@quick
@given(lengths_of_rows, st.data())
def test_cut_keeps_the_first_steps(lengths, data):
    rows = make_rows(lengths)
    kept = [data.draw(st.integers(1, len(row))) for row in rows]
    cut = to_sequences(rows).cut(np.array(kept))
    assert_holds(cut, [row[:n] for row, n in zip(rows, kept, strict=True)])


@pytest.mark.parametrize("lengths", [[4] + [1] * 6, [-1] + [1] * 6])
def test_cut_refuses_lengths_that_are_not_there(sequences, lengths):
    with pytest.raises(DataFormatError, match="between 0 and all"):
        sequences.cut(np.array(lengths))


@pytest.mark.parametrize(
    "key", [7, -8, [0, 7], [True, False], [[0, 1], [1, 2]], [0.5, 1.0], None, np.array(1.5)]
)
def test_an_index_that_is_not_there_is_an_index_error(sequences, key):
    with pytest.raises(IndexError):
        sequences[key]


def test_take_knows_one_axis(sequences):
    with pytest.raises(DataFormatError, match="axis=1"):
        sequences.take([0], axis=1)


def test_attributes_describe_the_rows(sequences, rows):
    assert (len(sequences), sequences.shape, sequences.n_features) == (7, (7,), FEATURES)
    assert sequences.dtype == np.float64
    assert repr(sequences) == "<Sequences: N=7, T=1..9, F=2, float64>"
    assert repr(sequences[:0]) == "<Sequences: N=0, F=2, float64>"
    assert_holds(sequences, rows)


def test_equality_is_of_values_and_lengths(sequences, rows):
    other = to_sequences([row.copy() for row in rows])
    assert sequences == other
    assert sequences == other.astype(np.float32)
    other.values[4, 1] += 1
    assert sequences != other
    assert to_sequences([np.zeros((2, 1)), np.zeros((1, 1))]) != to_sequences(
        [np.zeros((1, 1)), np.zeros((2, 1))]
    )
    assert (sequences == rows) is False
    with pytest.raises(TypeError, match="unhashable"):
        hash(sequences)


def test_a_plain_slice_shares_values_and_a_choice_copies_them(sequences):
    assert np.shares_memory(sequences[2:5].values, sequences.values)
    assert not np.shares_memory(sequences[[2, 3]].values, sequences.values)
    assert not np.shares_memory(sequences[::2].values, sequences.values)
    assert sequences.astype(np.float64).values is sequences.values


def test_replace_values_keeps_the_lengths(sequences):
    other = sequences.replace_values(np.zeros((len(sequences.values), 5)))
    assert (other.lengths == sequences.lengths).all()
    assert other.n_features == 5


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_copies_and_pickles_are_equal(sequences, duplicate):
    assert duplicate(sequences) == sequences
    assert_holds(duplicate(sequences[1:4]), list(sequences)[1:4])


# In scikit-learn's hands.


def test_scikit_learn_counts_and_indexes_rows(sequences, rows):
    assert _num_samples(sequences) == 7
    assert indexable(sequences, range(7))[0] is sequences
    for key in ([0, 3], np.array([6, 0]), np.array([True] + [False] * 6), slice(1, 6, 2)):
        assert_holds(_safe_indexing(sequences, key), list(np.array(rows, dtype=object)[key]))
    np.testing.assert_array_equal(_safe_indexing(sequences, -2), rows[-2])


def test_scikit_learn_splits_and_shuffles(sequences):
    numbers = np.arange(7)
    for split in (
        lambda *arrays: train_test_split(*arrays, random_state=0)[::2],
        lambda *arrays: shuffle(*arrays, random_state=0),
        lambda *arrays: resample(*arrays, random_state=0),
    ):
        chosen, chosen_numbers = split(sequences, numbers)
        assert_holds(chosen, [sequences[i] for i in chosen_numbers])


class LastValue(BaseEstimator):
    """Predicts the last value of each sequence."""

    def fit(self, X, y=None):
        assert type(X) is Sequences
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.array([sequence[-1, -1] for sequence in X])

    def score(self, X, y):
        return float((self.predict(X) == y).mean())


def test_cross_validation_gives_every_row_its_own_answer(sequences):
    y = LastValue().predict(sequences)
    cv = KFold(3, shuffle=True, random_state=0)
    np.testing.assert_array_equal(cross_val_predict(LastValue(), sequences, y, cv=cv), y)
    assert (
        cross_val_score(LastValue(), sequences, y, cv=cv, error_score="raise").tolist() == [1] * 3
    )
