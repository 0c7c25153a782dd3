"""The benchmarks of texts: the n-gram model, loops by hand, and tasks that are generated."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import copying, language
from benchmarks.decoding_loop import DecodingLoop
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


@pytest.mark.parametrize("batch", [1, 3])
def test_both_loops_that_write_are_one_network(batch, monkeypatch):
    monkeypatch.setattr(language, "SIZES", {"embedding_size": 6, "hidden_size": 9})
    monkeypatch.setattr(language, "STEPS", 20)
    calls, by_hand = language.OneStepCalls(7, batch), language.ByHand(7, batch)
    by_hand.load_state_dict(calls.state_dict())
    found = by_hand()
    assert np.shape(found) == (batch, 20)
    assert found == calls()


def test_the_decoding_loop_takes_as_many_steps_as_it_is_told():
    """Whatever stands beside a sentence, its answer is the same."""
    torch.manual_seed(0)
    loop = DecodingLoop(9, 11, 6, 5).eval()
    sources = [torch.randint(9, (n,)) for n in (4, 1, 6)]
    together = loop(sources, [3, 5, 2])
    assert [len(answer) for answer in together] == [3, 5, 2]
    assert [loop([one], [n])[0] for one, n in zip(sources, (3, 5, 2), strict=True)] == together


def test_strings_hold_unseen_symbols_where_it_is_said():
    task, unseen = copying.strings()
    known = {symbol for string in task.sources for symbol in string}
    assert len(task.sources) == 2000 and known == set(copying.KNOWN)
    for string, new in zip(task.test_sources, unseen, strict=True):
        assert 3 <= len(string) <= 8
        assert sum(symbol not in known for symbol in string) in ((1, 2) if new else (0,))


def test_names_of_the_test_are_others_and_a_genitive_counts():
    assert not set(copying.NAMES) & set(copying.TEST_NAMES)
    assert not [name for name in (*copying.NAMES, *copying.TEST_NAMES) if name.endswith("s")]
    found = copying.names_right(["Adas bok", "Ad och Bo"], [["Ada"], ["Ada", "Bo"]])
    assert found == pytest.approx(2 / 3)


def test_the_first_lines_of_a_scene_are_without_speakers():
    scene = "All:\nKing: Well: speak.\nAll: Peace.\nKing: Go."
    assert copying.lead(scene, 2) == "Well: speak. Peace."
