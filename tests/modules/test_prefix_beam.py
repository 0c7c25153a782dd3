"""Prefix beam search and single paths, held against all paths there are."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.modules import ctc_paths
from seqlearn.modules.ctc_paths import align, likeliest, steps_needed
from seqlearn.modules.prefix_beam import prefix_beam

SEEDS = st.integers(0, 2**32 - 1)


def said(path):
    """What a path says."""
    return tuple(code for code, _ in itertools.groupby(path) if code)


def all_strings(p):
    """The probability of each string, summed over all paths."""
    found = {}
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        of_path = np.prod(p[np.arange(len(p)), path])
        found[said(path)] = found.get(said(path), 0.0) + of_path
    return found


def batch(seed, n_symbols, n_rows=3, longest=6):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest + 1, size=n_rows)
    p = rng.dirichlet(np.ones(n_symbols + 1), size=(n_rows, lengths.max()))
    return p, lengths


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, n_symbols=st.integers(1, 3))
def test_a_wide_beam_finds_the_sum_over_all_paths_of_every_string(seed, n_symbols):
    p, lengths = batch(seed, n_symbols)
    found = prefix_beam(np.log(p), lengths, beam_width=1200, n_best=20)
    for own, n, one in zip(p, lengths, found, strict=True):
        due = sorted(all_strings(own[:n]).items(), key=lambda item: -item[1])[:20]
        assert [tuple(codes.tolist()) for codes in one.codes] == [string for string, _ in due]
        np.testing.assert_allclose(np.exp(one.scores), [value for _, value in due])


def test_the_likeliest_path_may_say_another_string_than_the_likeliest():
    p = np.log([[[0.6, 0.4], [0.6, 0.4]]])
    codes, counts = likeliest(p[0].argmax(axis=1), np.array([2]))
    assert codes.tolist() == [] and counts.tolist() == [0]
    [found] = prefix_beam(p, np.array([2]), beam_width=1 + 1)
    assert found.codes[0].tolist() == [1] and np.exp(found.scores[0]) == pytest.approx(0.64)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, width=st.integers(1, 6))
def test_other_rows_order_and_padding_change_nothing(seed, width):
    p, lengths = batch(seed, 4, n_rows=5, longest=12)
    values = np.log(p)
    together = prefix_beam(values, lengths, beam_width=width, n_best=width)
    order = np.random.default_rng(seed).permutation(5)
    turned = prefix_beam(values[order], lengths[order], beam_width=width, n_best=width)
    for i, row in enumerate(order):
        assert np.array_equal(turned[i].scores, together[row].scores)
    for i, n in enumerate(lengths):
        alone = np.full((1, 15, 5), np.nan)
        alone[0, :n] = values[i, :n]
        [one] = prefix_beam(alone, lengths[i : i + 1], beam_width=width, n_best=width)
        assert np.array_equal(one.scores, together[i].scores)
        assert all(map(np.array_equal, one.codes, together[i].codes))


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_leaving_out_unlikely_symbols_of_many_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    values = np.log(rng.dirichlet(np.full(31, 0.3), size=(2, 9)) + 1e-12)
    lengths = np.array([9, 7])
    narrow = prefix_beam(values, lengths, beam_width=3, n_best=3)
    whole = prefix_beam(values, lengths, beam_width=3, n_best=3, scorer=Nothing(30))
    for a, b in zip(narrow, whole, strict=True):
        np.testing.assert_allclose(a.scores, b.scores)
        assert all(map(np.array_equal, a.codes, b.codes))


class Nothing:
    """Knows nothing of strings."""

    def __init__(self, n_symbols):
        self.n_symbols = n_symbols

    def begin(self, n):
        return np.zeros(n), np.zeros((n, self.n_symbols))

    def go_on(self, state, parents, codes):
        return np.zeros(len(parents)), np.zeros((len(parents), self.n_symbols))

    def join(self, states, order):
        return np.concatenate(states)[order]

    def end(self, state):
        return np.zeros(len(state))


class Table(Nothing):
    """Says by a table how likely a symbol is after the one before; ends cost something."""

    def __init__(self, table, ends):
        self.table, self.ends = table, ends  # (C + 1, C), (C + 1,)

    def begin(self, n):
        return np.zeros(n, int), np.repeat(self.table[:1], n, axis=0)

    def go_on(self, state, parents, codes):
        return codes, self.table[codes]

    def end(self, state):
        return self.ends[state]


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, forbids=st.booleans())
def test_what_a_scorer_knows_is_added_to_every_string(seed, forbids):
    p, lengths = batch(seed, 3)
    rng = np.random.default_rng(seed)
    table, ends = rng.normal(size=(4, 3)), rng.normal(size=4)
    if forbids:
        table[rng.random(size=table.shape) < 0.3] = -np.inf
    found = prefix_beam(np.log(p), lengths, beam_width=1200, n_best=5, scorer=Table(table, ends))
    for own, n, one in zip(p, lengths, found, strict=True):
        due = {}
        for string, value in all_strings(own[:n]).items():
            steps = zip((0, *string), string, strict=False)
            more = sum(table[before, code - 1] for before, code in steps)
            due[string] = np.log(value) + more + ends[(0, *string)[-1]]
        ranked = sorted((-value, string) for string, value in due.items() if np.isfinite(value))
        n_found = min(5, len(ranked))
        np.testing.assert_allclose(one.scores[:n_found], [-value for value, _ in ranked[:n_found]])
        assert tuple(one.codes[0].tolist()) == ranked[0][1]


def test_a_symbol_twice_needs_a_blank_between():
    sure = np.full((1, 3, 3), 1e-9)
    sure[0, :, 1] = 1.0
    [found] = prefix_beam(np.log(sure), np.array([3]), beam_width=4)
    assert found.codes[0].tolist() == [1]
    sure[0, 1] = [1.0, 1e-9, 1e-9]
    [found] = prefix_beam(np.log(sure), np.array([3]), beam_width=4)
    assert found.codes[0].tolist() == [1, 1]


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_alignment_is_the_likeliest_path_that_says_the_string(seed):
    rng = np.random.default_rng(seed)
    p, lengths = batch(seed, 2, longest=6)
    counts = np.array([rng.integers(0, n + 1) for n in lengths])
    codes = rng.integers(1, 3, size=(3, 6))
    while True:
        flat = np.concatenate([row[:n] for row, n in zip(codes, counts, strict=True)])
        too_long = steps_needed(flat, counts) > lengths
        if not too_long.any():
            break
        counts = counts - too_long
    starts, ends = align(np.log(p), lengths, codes, counts)
    for i, n in enumerate(lengths):
        string = tuple(codes[i, : counts[i]].tolist())
        paths = [
            path for path in itertools.product(range(3), repeat=int(n)) if said(path) == string
        ]
        best = max(paths, key=lambda path: np.prod(p[i, np.arange(n), path]))
        found = np.zeros(n, int)
        for code, start, end in zip(string, starts[i], ends[i], strict=False):
            assert start < end
            found[start:end] = code
        assert said(found.tolist()) == string
        of = [np.prod(p[i, np.arange(n), path]) for path in (found, best)]
        assert of[0] == pytest.approx(of[1])


@pytest.mark.parametrize("kept", [1, 3, 10, 28, 29, 30])
def test_alignment_of_long_rows_is_computed_in_parts(kept, monkeypatch):
    rng = np.random.default_rng(0)
    p = np.log(rng.dirichlet(np.ones(4), size=(3, 30)))
    given_rows = np.array([30, 17, 1]), rng.integers(1, 4, size=(3, 9)), np.array([9, 5, 1])
    whole = align(p, *given_rows)
    monkeypatch.setattr(ctc_paths, "STEPS_KEPT", kept)
    assert all(map(np.array_equal, align(p, *given_rows), whole))


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.lists(st.integers(1, 3), max_size=6), min_size=1, max_size=4))
def test_steps_needed_are_those_of_the_shortest_path(rows):
    counts = np.array(list(map(len, rows)))
    needed = steps_needed(np.array([*itertools.chain(*rows)], int), counts)
    assert needed.tolist() == [
        len(row) + sum(a == b for a, b in itertools.pairwise(row)) for row in rows
    ]


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=4))
def test_runs_count_once_and_blanks_fall_out(rows):
    codes, counts = likeliest(np.array([*itertools.chain(*rows)]), np.array(list(map(len, rows))))
    found = np.split(codes, np.cumsum(counts)[:-1])
    assert [tuple(one.tolist()) for one in found] == list(map(said, rows))
