"""Drawing of tokens: shares against NumPy, and what may never be drawn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqlearn.modules.sampling import Choice

V = 6
SCORES = torch.tensor([[2.0, 1.0, 0.5, 0.5, -1.0, 3.0]])
FREE = torch.zeros(V)


def drawn(choice, scores=SCORES, bars=FREE, n=20_000):
    """How often each code is drawn, for numbers that lie evenly in [0, 1)."""
    chance = ((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]
    codes = choice(scores.expand(n, V), bars, chance)
    return np.bincount(codes.numpy(), minlength=V) / n


def shares(scores, temperature=1.0):
    scaled = np.exp(scores.numpy().astype(float)[0] / temperature)
    return scaled / scaled.sum()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_codes_come_in_the_proportion_of_their_probabilities(temperature):
    np.testing.assert_allclose(
        drawn(Choice(temperature, None, None)), shares(SCORES, temperature), atol=1e-3
    )


@given(st.integers(1, 9))
def test_top_k_keeps_the_best_and_their_proportion(k):
    due = shares(SCORES)
    due[due < np.sort(due)[-min(k, V)]] = 0  # of equal ones at the border all stay
    np.testing.assert_allclose(drawn(Choice(1.0, k, None)), due / due.sum(), atol=1e-3)


@given(st.floats(0.01, 1.0))
def test_top_p_keeps_the_fewest_that_have_the_probability_together(p):
    due = shares(SCORES)
    order = np.argsort(-due, kind="stable")
    n = int(np.searchsorted(np.cumsum(due[order]), p * (1 - 1e-9))) + 1
    kept = np.zeros(V)
    kept[order[:n]] = due[order[:n]]
    found = drawn(Choice(1.0, None, float(p)))
    if abs(np.cumsum(due[order]) - p).min() > 1e-4:
        np.testing.assert_allclose(found, kept / kept.sum(), atol=1e-3)


def test_what_is_barred_is_never_drawn():
    bars = FREE.clone()
    bars[[5, 0]] = -torch.inf
    for choice in (Choice(1.0, None, None), Choice(1.0, 2, None), Choice(1.0, None, 0.5)):
        assert not drawn(choice, bars=bars)[[5, 0]].any()
    assert Choice(0.0, None, None)(SCORES, bars, torch.zeros(1, 1)).tolist() == [1]


def test_the_largest_chance_draws_what_has_a_share():
    scores = torch.tensor([[0.0, 1.0, -torch.inf, -torch.inf, -torch.inf, -torch.inf]])
    last = torch.tensor([[np.nextafter(1, 0)]], dtype=torch.float64)
    for choice in (Choice(1.0, None, None), Choice(1.0, None, 0.999), Choice(1.0, 2, None)):
        assert choice(scores, FREE, last).tolist()[0] in (0, 1)


def test_greedy_takes_the_first_of_equal_ones():
    scores = torch.tensor([[0.0, 7.0, 7.0, 0.0, 0.0, 0.0]])
    assert Choice(0.0, None, None)(scores, FREE, torch.zeros(1, 1)).tolist() == [1]
