"""Batches against a construction by hand, and the order in which rows are drawn."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn import to_sequences
from seqlearn.data.batches import POOL, BucketedBatches, SequenceDataset, length_batches
from seqlearn.data.sequences import Sequences

quick = settings(deadline=None, max_examples=50)
lengths_of_rows = st.lists(st.integers(1, 7), min_size=1, max_size=12)


def make_rows(lengths, features=2, dtype=np.float32):
    values = np.arange(sum(lengths) * features, dtype=dtype).reshape(-1, features)
    return np.split(values, np.cumsum(lengths)[:-1])


def make_dataset(lengths, **options):
    return SequenceDataset(to_sequences(make_rows(lengths, 1)), **options)


def pad(rows):
    """Rows of one batch, the last step of each repeated: (B, T, F)."""
    longest = max(map(len, rows))
    return np.stack([np.concatenate([r, np.repeat(r[-1:], longest - len(r), 0)]) for r in rows])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# A batch.


@quick
@given(lengths_of_rows, st.data())
def test_a_batch_is_the_padded_rows(lengths, data):
    rows = make_rows(lengths)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=6))
    targets = np.arange(len(rows))
    weights = np.linspace(0.5, 1.5, len(rows))
    dataset = SequenceDataset(to_sequences(rows), targets, weights)
    inputs, answers = dataset[np.array(chosen)]
    assert set(inputs) == {"x", "lengths"}
    np.testing.assert_array_equal(inputs["x"], pad([rows[i] for i in chosen]))
    assert inputs["x"].dtype == torch.float32
    assert inputs["lengths"].tolist() == [lengths[i] for i in chosen]
    assert answers["y"].tolist() == chosen
    if len(rows) > 1:
        np.testing.assert_array_equal(answers["w"], weights[chosen].astype(np.float32))


@quick
@given(lengths_of_rows)
def test_without_rows_all_are_given(lengths):
    rows = make_rows(lengths)
    dataset = SequenceDataset(to_sequences(rows))
    for inputs in (dataset.inputs(), dataset.inputs(np.arange(len(rows)))):
        np.testing.assert_array_equal(inputs["x"], pad(rows))
        assert inputs["lengths"].tolist() == lengths
    assert len(dataset) == len(rows)


def test_rows_of_one_length_are_not_copied():
    sequences = to_sequences(np.ones((3, 4, 2), np.float32))
    dataset = SequenceDataset(sequences)
    assert dataset.full
    assert np.shares_memory(dataset.inputs()["x"].numpy(), sequences.values)


def test_targets_take_the_type_of_the_values_only_if_they_are_floating():
    sequences = to_sequences(make_rows([1, 2]))
    assert SequenceDataset(sequences, np.array([1.0, 2.0])).y.dtype == torch.float32
    assert SequenceDataset(sequences, np.array([1, 2])).y.dtype == torch.int64
    batch = SequenceDataset(sequences, np.array([[1.0, 2], [3, 4]]))[np.array([1])]
    assert batch[1]["y"].tolist() == [[3.0, 4.0]]


def test_equal_weights_and_missing_targets_are_none():
    sequences = to_sequences(make_rows([1, 2]))
    assert SequenceDataset(sequences, weights=np.ones(2))[np.array([0])][1] == {
        "y": None,
        "w": None,
    }
    assert SequenceDataset(sequences)[np.array([0])][1] == {"y": None, "w": None}


@pytest.mark.parametrize("shape", [(3, 4, 2), None])
def test_arrays_that_torch_cannot_share_are_copied(shape):
    """A float32 memory map from loky is read-only: torch would warn."""
    X = to_sequences(np.ones(shape, np.float32) if shape else make_rows([2, 3]))
    for array in (X.values, X.offsets):
        array.flags.writeable = False
    np.testing.assert_array_equal(SequenceDataset(X).inputs()["x"][0, 0], X[0][0])
    turned = Sequences(np.asfortranarray(X.values), X.offsets)
    np.testing.assert_array_equal(SequenceDataset(turned).inputs()["x"][-1, 0], X[-1][0])


# The order of rows.


@quick
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=200),
    st.integers(1, 9),
    st.integers(0, 2**32),
)
def test_every_row_comes_once_an_epoch_in_batches_of_like_size(lengths, batch_size, seed):
    batches = BucketedBatches(make_dataset(lengths), batch_size, generator=generator(seed))
    for _ in range(2):
        rows = batches.rows()
        assert sorted(np.concatenate(rows).tolist()) == list(range(len(lengths)))
        sizes = [len(batch) for batch in rows]
        assert len(rows) == len(batches) == -(-len(lengths) // batch_size)
        assert max(sizes) <= batch_size
        assert max(sizes) - min(sizes) <= 1


@quick
@given(st.lists(st.integers(1, 7), min_size=1, max_size=40), st.integers(1, 9))
def test_evaluation_goes_from_short_to_long(lengths, batch_size):
    rows = BucketedBatches(make_dataset(lengths), batch_size).rows()
    order = np.concatenate(rows)
    assert order.tolist() == sorted(range(len(lengths)), key=lambda i: lengths[i])
    assert [len(batch) for batch in rows[:-1]] == [batch_size] * (len(rows) - 1)
    expected = length_batches(np.array(lengths), batch_size)
    assert [batch.tolist() for batch in rows] == [batch.tolist() for batch in expected]


def test_iterating_gives_the_batches_of_rows():
    dataset = make_dataset([2, 5, 1, 3, 3, 8, 1], targets=np.arange(7))
    batches = list(BucketedBatches(dataset, 3, generator=generator(5)))
    expected = BucketedBatches(dataset, 3, generator=generator(5)).rows()
    assert len(batches) == len(expected) == 3
    for (inputs, answers), rows in zip(batches, expected, strict=True):
        assert answers["y"].tolist() == rows.tolist()
        assert inputs["lengths"].tolist() == dataset.lengths[rows].tolist()


@pytest.mark.parametrize("lengths", [[4] * 50, list(range(1, 51))])
def test_the_order_depends_on_the_generator_only(lengths):
    def epochs(seed):
        batches = BucketedBatches(make_dataset(lengths), 7, generator=generator(seed))
        return [np.concatenate(batches.rows()).tolist() for _ in range(3)]

    before = torch.get_rng_state()
    first = epochs(0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    np.random.seed(1)
    assert epochs(0) == first
    torch.set_rng_state(before)
    assert epochs(1) != first
    assert first[0] != first[1] != first[2]


def padded_steps(lengths, batches):
    return sum(len(rows) * lengths[rows].max() for rows in batches) - lengths.sum()


def test_buckets_save_padding():
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(2.7, 0.6, 2000), 1, 80).astype(int)
    bucketed = BucketedBatches(make_dataset(lengths.tolist()), 32, generator=generator()).rows()
    shuffled = np.array_split(rng.permutation(2000), len(bucketed))
    sorted_by_length = length_batches(lengths, 32)
    wasted = padded_steps(lengths, bucketed)
    assert wasted < 0.1 * padded_steps(lengths, shuffled)
    assert wasted < 0.25 * lengths.sum()
    assert padded_steps(lengths, sorted_by_length) <= wasted


def test_lengths_do_not_come_in_order_in_training():
    lengths = list(range(1, 101))
    dataset = make_dataset(lengths)
    batches = BucketedBatches(dataset, 5, generator=generator())
    longest = [dataset.lengths[rows].max() for rows in batches.rows()]
    assert longest != sorted(longest)


def test_pools_are_smaller_than_the_data():
    """Rows that go together change from epoch to epoch."""
    dataset = make_dataset(list(range(1, 4 * POOL * 4 + 1)))
    batches = BucketedBatches(dataset, 4, generator=generator())
    together = [{frozenset(rows.tolist()) for rows in batches.rows()} for _ in range(2)]
    assert len(together[0] & together[1]) < 4


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_tiny_data_is_one_batch(n_rows):
    for lengths in ([3] * n_rows, list(range(1, n_rows + 1))):
        batches = BucketedBatches(make_dataset(lengths), 32, generator=generator())
        assert len(batches) == 1
        assert [sorted(rows.tolist()) for rows in batches.rows()] == [list(range(n_rows))]


@quick
@given(lengths_of_rows, st.integers(1, 5))
def test_length_batches_put_like_with_like(lengths, batch_size):
    lengths = np.array(lengths)
    batches = length_batches(lengths, batch_size)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert all(len(rows) <= batch_size for rows in batches)
    for shorter, longer in pairwise(batches):
        assert lengths[shorter].max() <= lengths[longer].min()


@pytest.mark.gpu
@pytest.mark.parametrize("lengths", [[4] * 10, list(range(1, 11))])
def test_batches_on_a_gpu_are_those_on_the_cpu(lengths):
    sequences, targets = to_sequences(make_rows(lengths)), np.arange(10.0)
    weights = np.linspace(0.5, 1.5, 10)
    here = SequenceDataset(sequences, targets, weights)
    there = SequenceDataset(sequences, targets, weights, device="cuda")
    for rows in (np.array([7, 0, 3]), np.arange(10)):
        (x, y), (x_gpu, y_gpu) = here[rows], there[rows]
        assert x_gpu["x"].device.type == y_gpu["y"].device.type == "cuda"
        assert x_gpu["lengths"].device.type == "cpu"
        assert torch.equal(x_gpu["x"].cpu(), x["x"])
        assert torch.equal(y_gpu["y"].cpu(), y["y"])
        assert torch.equal(y_gpu["w"].cpu(), y["w"])


@pytest.mark.parametrize("longest", [10_000, 100_000])
def test_one_long_row_does_not_fill_a_batch_with_padding(longest):
    lengths = [5] * 600 + [longest, 40]
    batches = BucketedBatches(make_dataset(lengths), 256, generator=generator(0)).rows()
    assert sorted(torch.cat([torch.as_tensor(rows) for rows in batches]).tolist()) == list(
        range(602)
    )
    padded = [len(rows) * max(lengths[i] for i in rows) for rows in batches]
    assert max(padded) <= longest + 40
    assert len(batches) <= 6


def test_long_rows_of_like_length_stay_together():
    lengths = list(range(9_000, 9_064))
    batches = BucketedBatches(make_dataset(lengths), 64, generator=generator(0)).rows()
    assert [len(rows) for rows in batches] == [64]
