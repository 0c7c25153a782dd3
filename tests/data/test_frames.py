"""Frames of video as `Sequences`: what goes in comes out, and what is refused names rows."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn import Sequences, to_sequences
from seqlearn.data.batches import SequenceDataset
from seqlearn.data.containers import unpack
from seqlearn.data.validation import as_sequences
from seqlearn.errors import DataFormatError
from seqlearn.preprocessing import SequenceScaler


def clips(*lengths, size=(4, 3, 2), dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (n, *size)).astype(dtype) for n in lengths]


@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    size=st.one_of(
        st.tuples(st.integers(1, 4), st.integers(1, 4)),
        st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)),
    ),
    dtype=st.sampled_from([np.uint8, np.float32, np.float64]),
)
def test_clips_come_out_as_they_went_in(lengths, size, dtype):
    rows = clips(*lengths, size=size, dtype=dtype)
    X = to_sequences(rows)
    assert X.step_shape == (*size, 1)[:3]
    assert X.dtype == dtype
    assert X.n_features == np.prod(size)
    for found, row in zip(X, rows, strict=True):
        np.testing.assert_array_equal(found, row.reshape(-1, *X.step_shape))
    np.testing.assert_array_equal(X[-1], rows[-1].reshape(-1, *X.step_shape))


@pytest.mark.parametrize("size", [(4, 3), (4, 3, 2)])
def test_arrays_lists_tensors_and_object_arrays_are_read_alike(size):
    rows = clips(5, 5, size=size)
    due = to_sequences(rows)
    objects = np.empty(2, dtype=object)
    objects[:] = rows
    for X in (np.stack(rows), torch.tensor(np.stack(rows)), tuple(rows), objects, due):
        assert to_sequences(X) == due
    nested = to_sequences([row.tolist() for row in rows])  # numbers of Python are no bytes
    assert (nested.dtype, nested.step_shape) == (np.float64, due.step_shape)
    np.testing.assert_array_equal(nested.values, due.values)


def test_the_shape_of_a_step_is_kept_where_the_width_is():
    X = to_sequences(clips(3, 2, 4))
    kept = [X[1:], X[[2, 0]], X.take([1]), X.cut(np.array([1, 1, 1])), X.astype(float)]
    kept += [X.replace_values(X.values * 2), pickle.loads(pickle.dumps(X))]
    assert {one.step_shape for one in kept} == {(4, 3, 2)}
    assert X.replace_values(X.values[:, :1]).step_shape is None
    assert X != Sequences(X.values, X.offsets)
    assert repr(X) == "<Sequences: N=3, T=2..4, F=24 as 4 x 3 x 2, uint8>"


def test_lengths_and_types_of_to_sequences():
    padded = np.stack(clips(4, 4))
    assert to_sequences(padded, [2, 3]).lengths.tolist() == [2, 3]
    cast = to_sequences(padded, dtype="float32")
    assert (cast.dtype, cast.values.max()) == (np.float32, padded.max())  # not divided


REFUSED = {
    "sizes": ([*clips(2), *clips(2, size=(4, 4, 2))], "differ in size.*sequence 1 are 4 x 4 x 2"),
    "axes": ([*clips(2), *clips(2, size=(4, 3))], r"Sequence 1 of X has shape \(2, 4, 3\).*H, W"),
    "an empty clip": ([*clips(2), *clips(0)], "Sequence 1 of X is empty"),
    "no pixels": (np.zeros((2, 3, 0, 5)), r"0 feature\(s\) \(shape=\(2, 3, 0, 5\)\)"),
    "no frames": (np.zeros((2, 0, 4, 5)), r"0 step\(s\)"),
    "words": (np.full((2, 2, 2, 2), "a"), "does not hold numbers"),
    "one type": ([*clips(2), *clips(2, dtype=float)], "frames of uint8, but sequence 1 of float64"),
    "six axes": (np.zeros((1,) * 6), "6D array.*a frame of video has two axes"),
    "frames in a clip": (
        [np.array([np.zeros((2, 2)), np.zeros((3, 2))], dtype=object)],
        "Sequence 0 of X",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    X, message = REFUSED[name]
    with pytest.raises(DataFormatError, match=message):
        to_sequences(X)


def test_nan_is_named_by_row_and_step():
    X = np.zeros((3, 4, 2, 2))
    X[1, 2, 0, 1] = np.nan
    with pytest.raises(DataFormatError, match="sequence 1 at step 2"):
        as_sequences(X, frames=True)


def test_who_reads_no_frames_says_so():
    X = np.zeros((3, 4, 2, 2))
    with pytest.raises(DataFormatError, match="got 4D array instead"):
        as_sequences(X)
    with pytest.raises(DataFormatError, match="4D array"):
        SequenceScaler().fit(X)
    scaled = SequenceScaler().fit_transform(to_sequences(X))  # pixels are features to it
    assert (scaled.step_shape, scaled.dtype) == (None, np.float64)


def test_a_container_with_another_shape_is_refused():
    X = Sequences(np.zeros((2, 5)), np.array([0, 2]), step_shape=(2, 2, 1))
    with pytest.raises(DataFormatError, match=r"5 values, but step_shape=\(2, 2, 1\)"):
        to_sequences(X)


def test_bytes_are_read_without_a_copy_and_cast_by_the_batch():
    X = np.stack(clips(3, 3, 3))
    sequences, kind = as_sequences(unpack(X), dtype=np.float32, frames=True)
    assert kind == "frames"
    assert np.shares_memory(sequences.values, X)
    for own in (sequences, to_sequences(clips(2, 1, 3))):
        dataset = SequenceDataset(own, dtype=torch.float32)
        assert dataset.values.dtype == torch.uint8
        x = dataset.inputs(np.array([2]))["x"]
        assert x.dtype == torch.float32
        np.testing.assert_array_equal(x[0], own.values[-3:] / np.float32(255))
    everything = SequenceDataset(sequences, dtype=torch.float64).inputs()["x"]
    np.testing.assert_allclose(everything, X.reshape(3, 3, -1) / 255)


def test_bytes_of_two_and_three_axes_are_numbers_as_ever():
    for shape in ((4, 3), (4, 3, 2)):
        X = np.full(shape, 200, np.uint8)
        sequences, _ = as_sequences(X, dtype=np.float32, frames=True)
        assert (sequences.dtype, sequences.values.max()) == (np.float32, 200)
