"""Holding rows out: a partition, each stratum alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.data.split import hold_out
from seqlearn.errors import DataFormatError

quick = settings(deadline=None, max_examples=150)
fractions = st.floats(0.01, 0.99)
strata_of_rows = st.lists(st.integers(0, 4), min_size=2, max_size=60).filter(
    lambda strata: len(set(strata)) < len(strata)
)


@quick
@given(strata_of_rows, fractions, st.integers(0, 2**31))
def test_rows_are_divided_and_each_stratum_alike(strata, fraction, seed):
    strata = np.array(strata)
    train, valid = hold_out(strata, fraction, seed)
    assert sorted([*train, *valid]) == list(range(len(strata)))
    assert train.tolist() == sorted(train)
    assert valid.tolist() == sorted(valid)
    assert len(valid) > 0
    for stratum, size in zip(*np.unique(strata, return_counts=True), strict=True):
        held_out = (strata[valid] == stratum).sum()
        assert (strata[train] == stratum).sum() >= 1
        if size > 1:
            assert abs(held_out - size * fraction) < 1 + 1e-9


@quick
@given(st.lists(st.integers(2, 30), min_size=1, max_size=6), fractions)
def test_the_whole_share_is_held_out_as_nearly_as_can_be(sizes, fraction):
    strata = np.repeat(np.arange(len(sizes)), sizes)
    share = len(hold_out(strata, fraction, 0)[1])
    most = sum(min(int(np.ceil(size * fraction)), size - 1) for size in sizes)
    assert share <= max(round(len(strata) * fraction), 1)
    assert share >= min(round(len(strata) * fraction), most) - len(sizes)
    if all(size * fraction <= size - 1 for size in sizes):
        assert share == max(round(len(strata) * fraction), 1)


@quick
@given(st.integers(1, 20), st.integers(2, 20), fractions)
def test_single_rows_stay_in_training_and_take_no_share(n_single, size, fraction):
    strata = np.concatenate([np.zeros(size, int), 1 + np.arange(n_single)])
    _, valid = hold_out(strata, fraction, 0)
    assert (strata[valid] == 0).all()
    assert len(valid) == len(hold_out(np.zeros(size, int), fraction, 0)[1])


def test_without_strata_the_share_is_that_of_all():
    assert len(hold_out(np.zeros(200, int), 0.1, 0)[1]) == 20
    assert len(hold_out(np.zeros(2, int), 0.01, 0)[1]) == 1


def test_the_seed_fixes_the_choice():
    strata = np.arange(100) % 3
    first = hold_out(strata, 0.2, 7)
    state = np.random.get_state()[1].copy()
    for a, b in zip(first, hold_out(strata, 0.2, 7), strict=True):
        np.testing.assert_array_equal(a, b)
    assert hold_out(strata, 0.2, 8)[1].tolist() != first[1].tolist()
    assert (np.random.get_state()[1] == state).all()


def test_every_row_is_held_out_by_some_seed():
    strata = np.array([0, 0, 0, 1, 1, 1, 2])
    held_out = set().union(*(hold_out(strata, 0.3, seed)[1].tolist() for seed in range(40)))
    assert held_out == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("strata", [[0], [0, 1, 2]])
def test_nothing_to_hold_out_is_an_error(strata):
    with pytest.raises(DataFormatError, match=rf"any of {len(strata)} distinct.*early_stopping=F"):
        hold_out(np.array(strata), 0.5, 0)
