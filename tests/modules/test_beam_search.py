"""Beam search against all strings there are, against a plain greedy loop, and against itself."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.errors import InvalidParameterError
from seqlearn.modules.beam_search import beam_search

FIRST, END = 0, 1
INFINITE = -math.inf


class Tables:
    """A second-order model with its own table for each row; its state is the last symbol but one.

    It checks on the way that the state and the row's number belong to the hypothesis.
    """

    def __init__(self, n_rows, n_codes, *, seed=0, levels=None, sharpness=2.0):
        rng = np.random.default_rng(seed)
        logits = rng.normal(size=(n_rows, n_codes, n_codes, n_codes)) * sharpness
        if levels is not None:  # few different values: ties
            logits = np.round(logits * levels) / levels
        self.tables = torch.tensor(logits, dtype=torch.float32).log_softmax(-1)
        self.n_rows, self.calls, self.widths = n_rows, 0, []

    def step(self, tokens, state, rows):
        before, owners, strings = state
        assert torch.equal(owners, rows) and torch.equal(strings[:, -1], before)
        self.calls += 1
        self.widths.append(len(tokens))
        log_probabilities = self.tables[rows, before, tokens]
        return log_probabilities, (tokens, owners, torch.cat([strings[:, 1:], tokens[:, None]], 1))

    def search(self, only=None, **options):
        rows = torch.arange(self.n_rows) if only is None else torch.tensor(only)
        numbers = torch.arange(len(rows))
        tables, self.tables = self.tables, self.tables[rows]
        first = torch.zeros(len(rows), dtype=torch.int64)
        try:
            return beam_search(
                self.step,
                (first, numbers, torch.zeros(len(rows), 3, dtype=torch.int64)),
                len(rows),
                **{"first": FIRST, "end": END, "max_steps": 6} | options,
            )
        finally:
            self.tables = tables

    def log_probability(self, row, tokens):
        """Of tokens and end, added up in float64 as the search does."""
        before, last, total = FIRST, FIRST, 0.0
        for token in (*tokens, END):
            total += float(self.tables[row, before, last, token])
            before, last = last, token
        return total

    def greedy(self, row, max_steps):
        """Return the tokens of the plain loop."""
        before, last, tokens = FIRST, FIRST, []
        while len(tokens) < max_steps:
            token = int(np.argmax(self.tables[row, before, last].numpy()))
            if token == END:
                break
            tokens.append(token)
            before, last = last, token
        return tuple(tokens)


def score(log_probability, tokens, length_penalty=0.6):
    return log_probability / ((5 + len(tokens) + 1) / 6) ** length_penalty


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), length_penalty=st.sampled_from([-0.5, 0.0, 0.6, 1.5]))
def test_a_full_beam_finds_the_best_of_all_strings(seed, length_penalty):
    model = Tables(3, 4, seed=seed)
    everything = [s for n in range(5) for s in itertools.product((0, 2, 3), repeat=n)]
    found = model.search(
        num_beams=4**4, n_best=7, max_steps=4, forbidden=(), length_penalty=length_penalty
    )
    for row in range(3):
        scores = {s: score(model.log_probability(row, s), s, length_penalty) for s in everything}
        best = sorted(everything, key=lambda s: (-scores[s], s))[:7]
        assert [one.tokens for one in found[row]] == best
        for one in found[row]:
            assert one.score == pytest.approx(scores[one.tokens], abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 999),
    levels=st.sampled_from([None, 1]),
    max_steps=st.integers(0, 7),
)
def test_one_beam_is_greedy_and_more_never_score_less(seed, levels, max_steps):
    model = Tables(6, 5, seed=seed, levels=levels)
    greedy = model.search(max_steps=max_steps)
    for row, [one] in enumerate(greedy):
        assert one.tokens == model.greedy(row, max_steps)
        assert one.log_probability == pytest.approx(model.log_probability(row, one.tokens))
        assert one.score == pytest.approx(score(one.log_probability, one.tokens))
        assert one.finished or len(one.tokens) == max_steps
    for num_beams in (2, 3, 5):
        for [one], [best] in zip(
            greedy, model.search(max_steps=max_steps, num_beams=num_beams), strict=True
        ):
            assert best.score >= one.score


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), levels=st.sampled_from([None, 1]))
def test_what_is_asked_for_does_not_change_what_is_found(seed, levels):
    model = Tables(4, 6, seed=seed, levels=levels)
    several = model.search(num_beams=4, n_best=4)
    for n_best in (1, 2, 3):
        assert model.search(num_beams=4, n_best=n_best) == [row[:n_best] for row in several]
    for row, hypotheses in enumerate(several):
        order = [(-one.score, one.tokens) for one in hypotheses]
        assert order == sorted(order)
        assert len({one.tokens for one in hypotheses}) == len(hypotheses) > 0
        for one in hypotheses:
            assert END not in one.tokens
            assert one.log_probability == pytest.approx(model.log_probability(row, one.tokens))


@pytest.mark.parametrize("levels", [None, 1])
@pytest.mark.parametrize("options", [{}, {"num_beams": 3, "n_best": 2}])
def test_an_answer_does_not_depend_on_other_rows_or_their_order(options, levels):
    model = Tables(20, 6, seed=1, levels=levels)
    together = model.search(**options)
    assert [model.search([row], **options)[0] for row in range(20)] == together
    order = np.random.default_rng(0).permutation(20).tolist()
    assert model.search(order, **options) == [together[row] for row in order]
    assert model.search(block=7, **options) == together
    assert all(width % 7 == 0 for width in model.widths[-3:])


@pytest.mark.parametrize("num_beams", [1, 3])
def test_rows_have_their_own_limits(num_beams):
    model = Tables(8, 5, seed=3)
    model.tables[..., END] -= 3  # long strings
    limits = [0, 1, 2, 3, 4, 5, 6, 7]
    found = model.search(max_steps=torch.tensor(limits), num_beams=num_beams)
    for row, ([one], limit) in enumerate(zip(found, limits, strict=True)):
        assert len(one.tokens) <= limit
        assert [one] == model.search([row], max_steps=limit, num_beams=num_beams)[0]
    assert found[0][0].tokens == () and not found[0][0].finished
    assert found[0][0].log_probability == pytest.approx(model.log_probability(0, ()))


@pytest.mark.parametrize("num_beams", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_ngram_occurs_twice(num_beams, size):
    model = Tables(10, 5, seed=2)
    model.tables[..., END] -= 4
    options = {"num_beams": num_beams, "n_best": num_beams, "max_steps": 30}
    for row in model.search(no_repeat_ngram_size=size, **options):
        for one in row:
            ngrams = [one.tokens[i : i + size] for i in range(len(one.tokens) - size + 1)]
            assert len(set(ngrams)) == len(ngrams)
            assert one.finished or len(one.tokens) == 30
    repeating = [one.tokens for row in model.search(**options) for one in row]
    assert any(len(tokens) > len(set(tokens)) for tokens in repeating)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_forbidden_symbols_are_never_put_out_and_nothing_else_means_the_end(num_beams):
    model = Tables(10, 5, seed=4)
    for row in model.search(num_beams=num_beams, n_best=num_beams, forbidden=(0, 3)):
        assert all(set(one.tokens) <= {2, 4} for one in row)
    for row in model.search(num_beams=num_beams, forbidden=(0, 2, 3, 4)):
        assert [one.tokens for one in row] == [()]


@pytest.mark.parametrize("num_beams", [1, 3])
def test_what_is_impossible_ends_as_well(num_beams):
    def step(tokens, state, rows):
        return torch.full((len(tokens), 4), INFINITE), state

    options = {"first": FIRST, "end": END, "max_steps": 5, "num_beams": num_beams}
    [[one]] = beam_search(step, None, 1, **options)
    assert one.tokens == () and one.log_probability == INFINITE


@pytest.mark.parametrize("num_beams", [1, 4])
def test_rows_leave_the_batch_when_they_are_done(num_beams):
    """One row goes on to its limit alone."""
    model = Tables(50, 6, seed=5)
    model.tables[1:, :, :, END] += 50
    model.tables[0, :, :, END] -= 50
    model.tables = model.tables.log_softmax(-1)
    model.search(max_steps=40, num_beams=num_beams)
    assert model.calls == 41
    assert max(model.widths[20:]) <= (1 if num_beams == 1 else num_beams + 1)


def test_a_row_goes_on_while_a_longer_string_may_score_better():
    """The first end costs 1 nat at 1 symbol; 9 symbols cost 2 and score better when divided."""
    chain = torch.full((12, 12), INFINITE)
    chain[0, 2], chain[2, END], chain[2, 3] = 0.0, math.log(0.6), math.log(0.4)
    chain[3:11, 4:12] = torch.eye(8).log()
    chain[11, END] = 0.0

    def step(tokens, state, rows):
        return chain[tokens], state

    options = {"first": FIRST, "end": END, "max_steps": 20, "num_beams": 2}
    [[short]] = beam_search(step, None, 1, length_penalty=0.0, **options)
    [[long]] = beam_search(step, None, 1, length_penalty=1.5, **options)
    assert short.tokens == (2,) and long.tokens == tuple(range(2, 12))


@pytest.mark.parametrize("num_beams", [1, 2])
def test_a_penalty_counts_when_a_string_ends(num_beams):
    plain = Tables(4, 5, seed=6)

    def step(tokens, state, rows):
        log_probabilities, state = plain.step(tokens, state, rows)
        return log_probabilities, state, -0.25 * rows.double()

    state = plain.search(num_beams=num_beams)
    first = torch.zeros(4, dtype=torch.int64)
    start = (first, torch.arange(4), torch.zeros(4, 3, dtype=torch.int64))
    found = beam_search(step, start, 4, first=first, end=END, max_steps=6, num_beams=num_beams)
    for row, ([one], [before]) in enumerate(zip(found, state, strict=True)):
        assert one.tokens == before.tokens
        assert one.score == pytest.approx(before.score - 0.25 * row)


def test_equal_strings_come_in_the_order_of_their_tokens():
    def step(tokens, state, rows):
        return torch.full((len(tokens), 1000), -math.log(1000.0)), state

    options = {"first": FIRST, "end": 999, "max_steps": 1, "length_penalty": 0.0}
    [found] = beam_search(step, None, 1, num_beams=4, n_best=4, forbidden=[0, 2], **options)
    assert [one.tokens for one in found] == [(1,), (3,), (4,), (5,)]


def test_no_rows_and_wrong_numbers():
    model = Tables(2, 4)
    assert beam_search(model.step, None, 0, first=0, end=1, max_steps=3) == []
    for wrong, message in (
        ({"num_beams": 0}, "num_beams=0 was given"),
        ({"num_beams": 2, "n_best": 3}, "at most 2, num_beams"),
        ({"max_steps": -1}, "max_steps=-1"),
        ({"max_steps": torch.tensor([3, -2])}, "max_steps=-2"),
        ({"no_repeat_ngram_size": -1}, "no_repeat_ngram_size=-1"),
        ({"block": 0}, "block=0"),
        ({"forbidden": [END]}, "is forbidden too"),
    ):
        with pytest.raises(InvalidParameterError, match=message):
            model.search(**wrong)
