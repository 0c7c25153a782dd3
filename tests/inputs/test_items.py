"""Items and context as vectors."""

import torch

from seqlearn.inputs.items import ItemEmbedding


def test_a_step_is_the_vectors_of_its_item_and_its_context_side_by_side():
    station = ItemEmbedding(5, 4, dropout=0.0, n_contexts=[3, 2], context_size=6)
    x = torch.tensor([[[4, 2, 1], [0, 1, 0]]])
    values, lengths, _ = station(x, torch.tensor([2]))
    assert station.output_size == values.shape[-1] == 16 and lengths.tolist() == [2]
    assert torch.equal(values[0, 0, :4], station.items.weight[4])
    assert torch.equal(values[0, 0, 4:10], station.contexts[0].weight[2])
    assert torch.equal(values[0, 1, 4:10], station.contexts[0].weight[1])


def test_a_context_that_is_not_known_says_nothing_and_learns_nothing():
    station = ItemEmbedding(5, 4, dropout=0.0, n_contexts=[3])
    values, *_ = station(torch.tensor([[[1, 0]]]), None)
    assert (values[..., 4:] == 0).all()
    values.sum().backward()
    assert (station.contexts[0].weight.grad == 0).all()


def test_values_are_dropped_in_training_alone():
    station = ItemEmbedding(5, 40, dropout=0.5)
    x = torch.zeros(1, 3, 1, dtype=torch.long)
    assert (station(x, None).values == 0).any()
    assert torch.equal(station.eval()(x, None).values[0, 0], station.items.weight[0])


def test_one_step_of_a_stream():
    station = ItemEmbedding(5, 4, dropout=0.0, n_contexts=[3]).eval()
    x = torch.tensor([[[3, 1]], [[2, 2]]])
    vectors, state = station.step(x)
    assert vectors.shape == (2, 20) and state is None
    assert torch.equal(vectors, station(x, None).values[:, 0])
