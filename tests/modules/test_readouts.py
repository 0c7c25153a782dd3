"""Readouts against plain loops over the valid steps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqlearn.modules.readouts import READOUTS

CORE = 6


@st.composite
def batches(draw):
    lengths = torch.tensor(draw(st.lists(st.integers(1, 7), min_size=1, max_size=5)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    outputs = torch.randn(len(lengths), int(lengths.max()) + 1, CORE, generator=generator)
    return outputs.double(), lengths


def by_hand(name, outputs, lengths, bidirectional, readout):
    rows = []
    for row, length in zip(outputs, lengths.tolist(), strict=True):
        valid = row[:length]
        if name == "last":
            half = CORE // 2
            last = torch.cat([valid[-1, :half], valid[0, half:]]) if bidirectional else valid[-1]
            rows.append(last)
        elif name == "mean":
            rows.append(valid.mean(0))
        elif name == "max":
            rows.append(valid.max(0).values)
        else:
            scores = torch.tanh(readout.project(valid)) @ readout.score
            rows.append(scores.softmax(0) @ valid)
    return torch.stack(rows)


@pytest.mark.slow
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", READOUTS)
@given(batch=batches(), garbage=st.sampled_from([0.0, 1e6, torch.nan, torch.inf]))
def test_a_readout_reads_the_valid_steps_only(name, bidirectional, batch, garbage):
    outputs, lengths = batch
    readout = READOUTS[name](CORE, bidirectional).double()
    if name == "attention":
        with torch.no_grad():
            readout.score.copy_(torch.linspace(-1, 1, CORE))
    expected = by_hand(name, outputs, lengths, bidirectional, readout)
    past = torch.arange(outputs.shape[1]) >= lengths[:, None]
    dirty = outputs.masked_fill(past[..., None], garbage)
    torch.testing.assert_close(readout(dirty, lengths), expected)


def test_attention_starts_as_the_mean():
    outputs, lengths = torch.randn(3, 5, CORE), torch.tensor([5, 2, 1])
    attention, mean = (READOUTS[name](CORE, False) for name in ("attention", "mean"))
    torch.testing.assert_close(attention(outputs, lengths), mean(outputs, lengths))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", READOUTS)
def test_without_lengths_all_rows_are_full(name, bidirectional):
    outputs = torch.randn(3, 5, CORE, generator=torch.Generator().manual_seed(0))
    readout = READOUTS[name](CORE, bidirectional)
    if name == "attention":
        torch.nn.init.normal_(readout.score)
    assert torch.equal(readout(outputs, None), readout(outputs, torch.full((3,), 5)))


@pytest.mark.parametrize("name", READOUTS)
@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_steps_give_the_readout_of_every_prefix(name, scale):
    """Large scores too: the running sums of the attention are relative to the largest so far."""
    generator = torch.Generator().manual_seed(1)
    outputs = scale * torch.randn(3, 6, CORE, generator=generator).double()
    readout = READOUTS[name](CORE, False).double()
    if name == "attention":
        with torch.no_grad():
            readout.score.copy_(scale * torch.linspace(-1, 1, CORE))
    state = None
    for t in range(6):
        found, state = readout.step(outputs[:, t], state)
        torch.testing.assert_close(found, readout(outputs[:, : t + 1], None))
