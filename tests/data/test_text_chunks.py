"""Chunks of texts: what streams read, what they leave out, and when a state goes on."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqlearn.data.text_chunks import NO_TARGET, RESETS, ChunkBatches, TextDataset


def dataset(lengths, chunk_length=4, weights=None):
    """Texts whose symbols say where they stand."""
    lengths = np.array(lengths)
    starts = np.cumsum(lengths + 1) - lengths - 1
    symbols = np.arange(int((lengths + 1).sum()) + 1)
    return TextDataset(symbols, starts, lengths, weights, chunk_length=chunk_length)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=8)


@given(LENGTHS, st.integers(1, 5), st.integers(1, 9), st.booleans())
def test_an_epoch_reads_every_step_once_with_its_target(lengths, batch_size, chunk_length, drawn):
    data = dataset(lengths, chunk_length)
    read = []
    for inputs, targets in ChunkBatches(data, batch_size, generator() if drawn else None):
        x = inputs["x"]
        is_step = x[..., 1] != NO_TARGET
        assert torch.equal(is_step.sum(dim=1), targets["y"])
        assert torch.equal(x[..., 1][is_step], x[..., 0][is_step] + 1)
        read += x[..., 0][is_step].tolist()
    due = [a + i for a, n in zip(data.starts, lengths, strict=True) for i in range(n)]
    assert sorted(read) == due


@given(LENGTHS, st.integers(1, 5), st.integers(0, 3))
def test_a_state_goes_on_where_the_steps_do(lengths, batch_size, seed):
    data, last = dataset(lengths), None
    starts = set(data.starts.tolist())
    for inputs, _ in ChunkBatches(data, batch_size, generator(seed)):
        if "keeps" not in inputs:
            last = None
            continue
        x = inputs["x"]
        for i, keeps in enumerate(inputs["keeps"].tolist()):
            own = x[i, x[i, :, 1] != NO_TARGET, 0].tolist()
            if own and keeps:
                assert last is not None and last[i] == own[0] - 1 and own[0] not in starts
        last = [int(row[row[:, 1] != NO_TARGET, 0].max(initial=-1)) for row in x.numpy()]


def test_some_chunks_begin_anew_though_they_need_not():
    data = dataset([40_000])
    keeps = torch.stack([i["keeps"] for i, _ in ChunkBatches(data, 4, generator())][1:])
    assert abs((~keeps).float().mean().item() - RESETS) < 0.01
    keeps = torch.stack([i["keeps"] for i, _ in ChunkBatches(data, 4)][1:])
    assert keeps.all()


def test_the_number_of_batches_is_that_of_one_text_and_of_short_ones():
    data = dataset([41, 3, 3, 3])
    batches = ChunkBatches(data, 2, generator())
    assert len(list(batches)) == len(batches) == 6 + 2
    assert batches.steps_a_row == 50 / (6 * 2 + 3)


def test_a_short_text_is_read_whole_and_a_small_corpus_by_few_streams():
    inputs = [i for i, _ in ChunkBatches(dataset([3, 4]), 8, generator())]
    assert len(inputs) == 1 and "keeps" not in inputs[0] and len(inputs[0]["x"]) == 2
    assert [len(i["x"]) for i, _ in ChunkBatches(dataset([17]), 8)] == [2, 2, 2]


def test_epochs_differ_and_equal_seeds_do_not():
    first, second = (ChunkBatches(dataset([30, 25]), 3, generator(1)) for _ in range(2))
    epochs = [[i["x"] for i, _ in one] for one in (first, first, second)]
    assert all(map(torch.equal, epochs[0], epochs[2]))
    assert len(epochs[0]) != len(epochs[1]) or not all(map(torch.equal, epochs[0], epochs[1]))


def test_weights_are_those_of_the_texts():
    data = dataset([20, 20], weights=np.array([0.5, 1.5]))
    for inputs, targets in ChunkBatches(data, 2, generator()):
        of_first = inputs["x"][:, 0, 0] < 21
        is_row = targets["y"] > 0
        assert torch.equal(targets["w"][is_row], torch.where(of_first, 0.5, 1.5)[is_row])


def test_rows_are_padded_to_the_longest():
    inputs, targets = dataset([3, 1])[[1, 0]]
    assert inputs["x"].tolist() == [[[4, 5], [0, -1], [0, -1]], [[0, 1], [1, 2], [2, 3]]]
    assert inputs["lengths"].tolist() == [1, 3] and targets["y"].tolist() == [1, 3]
