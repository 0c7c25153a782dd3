"""Values, mask and gaps of a batch against a loop over steps, and step by step."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.inputs.gaps import GapInput
from seqlearn.modules.heads.linear import ClassHead
from seqlearn.modules.network import Network
from seqlearn.registry import resolve_backend

F = 3


def input_of(time_column=None, blank=0.0, dtype=torch.float64):
    mean, scale = np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, 4.0])
    if time_column is not None:
        mean[time_column] = 0.0
    made = GapInput(mean, scale, time_column=time_column, blank=blank)
    return made.to(dtype).eval()


def batch_of(lengths, seed=0, time_column=None, share=0.5, dtype=torch.float64):
    """Rows (B, T, F) with NaN; past its length a row repeats its last step."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(len(lengths), max(lengths), F))
    x[rng.random(x.shape) < share] = np.nan
    if time_column is not None:
        x[..., time_column] = rng.exponential(size=x.shape[:2])
        x[:, 0, time_column] = 0.0
    for row, length in zip(x, lengths, strict=True):
        row[length:] = row[length - 1]
    return torch.tensor(x, dtype=dtype), torch.tensor(lengths)


def by_hand(row, mean, scale, time_column):
    """One row (T, F) of observations: what the core reads, from what the words say."""
    steps, last, since = [], np.zeros(F), np.zeros(F)
    for i, observed in enumerate(row):
        elapsed = (1.0 if i else 0.0) if time_column is None else observed[time_column]
        gaps = since + elapsed
        there = ~np.isnan(observed)
        for j in range(F):
            if there[j]:
                last[j] = observed[j] - mean[j]
        steps.append(np.concatenate([last, there, gaps / scale]))
        since = np.where(there, 0.0, gaps)
    return np.array(steps)


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    time_column=st.sampled_from([None, 0, 2]),
    share=st.sampled_from([0.0, 0.4, 0.9, 1.0]),
    seed=st.integers(0, 2**16),
)
def test_a_batch_equals_a_loop_over_its_steps(lengths, time_column, share, seed):
    gaps = input_of(time_column)
    x, n_steps = batch_of(lengths, seed, time_column, share)
    values, given, context = gaps(x, n_steps)
    assert given is n_steps and context is None and values.isfinite().all()
    mean, scale = gaps.mean.numpy(), gaps.gap_scale.numpy()
    for row, found, length in zip(x.numpy(), values.numpy(), lengths, strict=True):
        due = by_hand(row[:length], mean, scale, time_column)
        np.testing.assert_allclose(found[:length], due, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("time_column", [None, 1])
def test_steps_equal_the_batch(time_column, dtype):
    gaps = input_of(time_column, dtype=dtype)
    x, _ = batch_of([40] * 3, time_column=time_column, share=0.8, dtype=dtype)
    due, state = gaps(x, None).values, None
    for t in range(40):
        found, state = gaps.step(x[:, t], state)
        assert found.dtype == due.dtype == dtype
        torch.testing.assert_close(found, due[:, t], rtol=1e-6, atol=1e-6)
    assert all(len(part) == 3 for part in state)  # rows first


@pytest.mark.parametrize("time_column", [None, 1])
def test_nothing_looks_ahead(time_column):
    gaps = input_of(time_column)
    x, _ = batch_of([9] * 2, time_column=time_column)
    other, _ = batch_of([9] * 2, seed=1, time_column=time_column)
    for t in range(1, 9):
        changed = torch.cat([x[:, :t], other[:, t:]], dim=1)
        assert torch.equal(gaps(changed, None).values[:, :t], gaps(x, None).values[:, :t])


def test_times_are_summed_in_more_digits_than_float32_has():
    """After a million steps a gap of one step is still one step."""
    n = 1_000_000
    x = torch.full((1, n, F), 0.1)
    x[0, 0, 0] = 0.0
    found = input_of(0, dtype=torch.float32)(x, None).values[0, -1, -2:]
    torch.testing.assert_close(found, 0.1 / torch.tensor([2.0, 4.0]), rtol=1e-6, atol=0)


def test_some_rows_are_blank_in_training_but_for_their_times():
    gaps = input_of(time_column=0, blank=0.25).train()
    x, _ = batch_of([6] * 400, time_column=0, share=0.0)
    values, mask, since = gaps(x, None).values.chunk(3, dim=2)
    assert (mask[..., 0] == 1).all() and torch.equal(values[..., 0], x[..., 0])
    blank = (mask[..., 1:] == 0).flatten(1).all(dim=1)
    assert torch.equal(mask[~blank], torch.ones_like(mask[~blank]))
    assert 60 < blank.sum() < 140 and (values[blank][..., 1:] == 0).all()
    due = x[blank][..., 0].cumsum(dim=1)[..., None] / gaps.gap_scale[1:]
    torch.testing.assert_close(since[blank][..., 1:], due)
    gaps.blank.reseed(3)
    first, second = gaps(x, None).values, gaps(x, None).values
    gaps.blank.reseed(3)
    assert torch.equal(gaps(x, None).values, first) and not torch.equal(first, second)
    assert (gaps.eval()(x, None).values.chunk(3, dim=2)[1] == 1).all()


@pytest.mark.parametrize("readout", ["last", "mean", "max", "attention"])
def test_a_network_answers_step_by_step_what_it_does_for_the_prefix(readout):
    encoder = {"backend": resolve_backend("gru"), "input_size": F, "hidden_size": 6}
    encoder |= {"num_layers": 1, "bidirectional": False, "dropout": 0.0, "readout": readout}
    of_input = {"mean": np.zeros(F), "gap_scale": np.ones(F), "time_column": 0}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(
            encoder, (ClassHead, {"output_size": 2, "dropout": 0.0}), (GapInput, of_input)
        )
    network.float().eval()
    x, _ = batch_of([7] * 3, time_column=0, dtype=torch.float32)
    state = None
    with torch.inference_mode():
        for t in range(7):
            found, state = network.step(x[:, t], state)
            torch.testing.assert_close(found, network(x[:, : t + 1]), rtol=1e-5, atol=1e-6)
