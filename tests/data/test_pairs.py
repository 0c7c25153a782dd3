"""Batches of pairs: every pair once, of like cost; hidden tokens look like unknown ones."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqlearn.data.pairs import HideTokens, PairDataset
from seqlearn.data.sequences import Sequences

BORDER = 9


def sequences(rows, width=1):
    flat = np.concatenate([np.asarray(row).reshape(-1, width) for row in rows])
    return Sequences(flat, np.cumsum([0, *(len(row) for row in rows)]))


def numbered(lengths):
    """A dataset whose row i holds the number i, as often as it is long."""
    return PairDataset(
        sequences([[i] * a for i, (a, _) in enumerate(lengths)]),
        sequences([[i] * b for i, (_, b) in enumerate(lengths)]),
        make_targets=lambda codes, ends: (codes, ends),
    )


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=200),
    st.integers(1, 40),
    st.integers(0, 5),
)
def test_every_pair_stands_in_one_batch(lengths, batch_size, seed):
    dataset = numbered(lengths)
    for generator in (None, torch.Generator().manual_seed(seed)):
        batches = dataset.batches(batch_size, generator)
        found = batches.rows()
        assert sorted(np.concatenate(found).tolist()) == list(range(len(lengths)))
        assert 0 < len(found) <= len(batches)
        assert all(map(len, found))


def test_batches_cost_about_the_same_and_hold_little_padding():
    rng = np.random.default_rng(0)
    n_source = rng.integers(1, 40, size=4000)
    n_target = np.maximum(n_source + rng.integers(-2, 3, size=4000), 1)
    dataset = numbered(list(zip(n_source, n_target, strict=True)))
    batches = dataset.batches(50, torch.Generator().manual_seed(0))
    found = batches.rows()
    assert len(found) == len(batches) == 80
    costs = np.array([dataset.costs[rows].sum() for rows in found])
    padded = np.array(
        [len(rows) * (n_source[rows].max() + n_target[rows].max() + 1) for rows in found]
    )
    assert costs.std() < 0.15 * costs.mean()
    assert padded.sum() < 1.1 * costs.sum()
    assert len({len(rows) for rows in found}) > 5  # more of short pairs
    assert all(len(rows) % 8 == 0 for rows in found)  # few shapes
    assert not np.array_equal(np.concatenate(batches.rows()), np.concatenate(found))  # anew


def test_a_batch_holds_its_rows_their_lengths_and_weights():
    weights = np.array([1.0, 2.0, 0.5])
    dataset = PairDataset(
        sequences([[1], [2, 3], [4]]),
        sequences([[5, 6], [7], [8, 9, 1]]),
        weights,
        make_targets=lambda codes, ends: (codes, ends),
    )
    inputs, targets = dataset[np.array([2, 1])]
    x, lengths = inputs["x"][..., 0], inputs["lengths"]
    codes, ends = targets["y"]
    assert x[0, 0] == 4
    assert x[1].tolist() == [2, 3]
    assert lengths.tolist() == [1, 2]
    assert codes[0].tolist() == [8, 9, 1]
    assert codes[1, 0] == 7
    assert ends.tolist() == [3, 1]
    assert targets["w"].tolist() == [0.5, 2.0]
    assert dataset.inputs()["lengths"].tolist() == [1, 2, 1]


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_hidden_tokens_look_like_those_that_were_never_seen(share):
    rng = np.random.default_rng(0)
    codes = torch.as_tensor(rng.integers(1, 6, size=(50, 8)))
    x = torch.stack([codes, codes + 2], dim=-1)  # copying gives another code
    targets = torch.as_tensor(rng.integers(1, 9, size=(50, 6)))
    hide = HideTokens(share, BORDER, torch.Generator().manual_seed(0))
    seen, given = hide(x, targets)
    hidden = seen[..., 0] == 0
    assert abs(hidden.float().mean() - share) < 0.05
    for row in range(50):
        first: dict[int, int] = {}
        for step, code in enumerate(codes[row].tolist()):
            first.setdefault(code, step)
            is_hidden = bool(hidden[row, first[code]])
            assert bool(hidden[row, step]) == is_hidden  # all places of a token at once
            due = BORDER + 1 + first[code] if is_hidden else code + 2
            assert seen[row, step].tolist() == [0 if is_hidden else code, due]
        for step, code in enumerate(targets[row].tolist()):
            place = first.get(code - 2)
            is_hidden = place is not None and bool(hidden[row, place])
            assert given[row, step] == (BORDER + 1 + place if is_hidden else code)


def test_without_copying_only_sources_are_hidden():
    x, targets = torch.full((20, 4, 1), 3), torch.full((20, 4), 3)
    seen, given = HideTokens(0.5, BORDER, torch.Generator().manual_seed(0))(x, targets)
    assert set(seen[:, 0, 0].tolist()) == {0, 3}
    assert torch.equal(given, targets)
