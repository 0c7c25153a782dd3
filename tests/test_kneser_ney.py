"""The n-gram model of the benchmarks: distributions, and counts done by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.peers.kneser_ney import KneserNey, choose_order


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    n_codes=st.integers(2, 6),
    order=st.integers(1, 4),
    lengths=st.lists(st.integers(0, 80), min_size=1, max_size=3),
)
def test_the_probabilities_after_any_context_sum_to_1(seed, n_codes, order, lengths):
    rng = np.random.default_rng(seed)
    texts = [rng.integers(0, n_codes, n).clip(max=n_codes - 1) for n in lengths]
    model = KneserNey(n_codes, order).fit(texts)
    for length in range(6):
        distribution = model.distribution(rng.integers(0, n_codes, length))
        assert distribution.shape == (n_codes,) and (distribution > 0).all()
        assert distribution.sum() == pytest.approx(1.0)


def test_the_log_probabilities_of_a_text_are_those_after_its_prefixes():
    rng = np.random.default_rng(0)
    text, other = rng.zipf(1.5, 400) % 7, rng.integers(0, 7, 30)
    model = KneserNey(7, order=3).fit([text])
    found = model.log_probabilities(other)
    due = [np.log(model.distribution(other[:i])[code]) for i, code in enumerate(other)]
    np.testing.assert_allclose(found, due)


def test_counts_done_by_hand():
    """a b a c a b, with discounts of .5: "a" is followed by b twice and c once."""
    model = KneserNey(3, order=2).fit([[0, 1, 0, 2, 0, 1]])
    continuations = np.array([2, 1, 1])  # a after b and c; b after a; c after a
    unigrams = (continuations - 0.5) / 4 + (3 * 0.5 / 4) / 3
    np.testing.assert_allclose(model.distribution([]), unigrams)
    bigrams = (np.array([0, 1.5, 0.5]) + 2 * 0.5 * unigrams) / 3
    np.testing.assert_allclose(model.distribution([2, 0]), bigrams)


def test_the_order_that_suits_the_held_out_text_is_taken():
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 3, 3000)
    chain = np.cumsum(pairs) % 5  # the next symbol depends on the last alone
    parts = [chain[:2000]], [chain[2000:]]
    assert choose_order(*parts, 5, range(1, 5)).order == 2
    with pytest.raises(ValueError, match="take a lower one"):
        KneserNey(5000, 6)
