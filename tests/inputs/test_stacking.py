"""Frames behind one another: no frame is lost, padding is not seen, streams give the same."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.inputs.stacking import FrameStack
from seqlearn.modules.heads.ctc import CTCHead
from seqlearn.modules.network import Network
from seqlearn.registry import resolve_backend


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4), stack=st.integers(1, 4))
def test_groups_hold_the_frames_of_a_row_and_zeros(lengths, stack):
    layer, longest = FrameStack(2, stack), max(lengths)
    x = torch.full((len(lengths), longest, 2), float("nan"))
    for i, n in enumerate(lengths):
        x[i, :n] = torch.arange(1.0, 2 * n + 1).view(n, 2) + 100 * i
    values, n_steps, context = layer(x, torch.tensor(lengths))
    assert n_steps.tolist() == [-(-n // stack) for n in lengths] and context is None
    assert values.shape == (len(lengths), -(-longest // stack), layer.output_size)
    for i, n in enumerate(lengths):
        flat = values[i].flatten()
        assert torch.equal(flat[: 2 * n], x[i, :n].flatten())
        assert not flat[2 * n :].any()
    full = layer(torch.ones(2, longest, 2), None)
    assert full.lengths is None and full.values.sum() == 4 * longest


def test_a_row_hides_the_same_values_in_all_frames_and_in_training_alone():
    layer, x = FrameStack(40, 2, dropout=0.5), torch.ones(3, 6, 40)
    values = layer(x, None).values.view(3, 6, 40)
    assert set(values.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(values[:, :1].expand_as(values), values)
    assert not torch.equal(values[0], values[1])
    assert torch.equal(layer.eval()(x, None).values.view(3, 6, 40), x)


@pytest.fixture
def network():
    encoder = {
        "backend": resolve_backend("torch"),
        "hidden_size": 5,
        "num_layers": 1,
        "bidirectional": False,
        "dropout": 0.0,
        "readout": None,
    }
    torch.manual_seed(0)
    stack = (FrameStack, {"n_features": 2, "stack": 3})
    return Network(encoder, (CTCHead, {"n_symbols": 4}), stack).eval()


def test_a_stream_answers_when_a_group_is_full(network):
    x, state, found = torch.randn(4, 9, 2), None, []
    with torch.inference_mode():
        for t in range(9):
            scores, state = network.step(x[:, t], state)
            assert (scores is None) == (t % 3 != 2)
            found += [] if scores is None else [scores]
        due = network(x).scores
    assert network.n_steps(torch.tensor([9, 7])).tolist() == [3, 3]
    torch.testing.assert_close(torch.stack(found, dim=1), due, atol=1e-6, rtol=0)
