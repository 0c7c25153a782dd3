"""The conditional random field against all paths written out, and its numerical promises."""

import copy
import itertools
import pickle

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seqlearn.modules.crf import LinearChainCRF, _possible_lengths
from seqlearn.modules.label_schemes import allowed_transitions


def filled(crf, seed, scale=1.0):
    """The same module with random parameters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_(generator=generator).mul_(scale)
    return crf


def batch_of(lengths, n_labels, seed, *, scale=1.0, extra=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), max(lengths) + extra, n_labels)
    scores = scale * torch.randn(shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(n_labels, shape[:2], generator=generator)
    return scores.to(dtype), labels, torch.tensor(lengths)


def past_end(scores, lengths):
    return torch.arange(scores.shape[1]) >= lengths[:, None]


def scheme_crf(scheme, seed=0, n_kinds=4):
    kinds = [f"k{i}" for i in range(n_kinds)]
    labels = ["O", *(f"{p}-{kind}" for kind in kinds for p in scheme if p != "O")]
    allowed = allowed_transitions(labels, scheme)
    return filled(LinearChainCRF(len(labels), allowed=allowed), seed), allowed


def is_legal(path, allowed):
    transitions, starts, ends = allowed
    return starts[path[0]] and ends[path[-1]] and transitions[path[:-1], path[1:]].all()


@st.composite
def problems(draw, max_labels=4, max_length=6):
    """A module with random constraints, and a ragged batch whose lengths are all possible."""
    n_labels = draw(st.integers(1, max_labels))
    seed = draw(st.integers(0, 2**20))
    density = draw(st.sampled_from([0.5, 0.8, 1.0]))
    rng = np.random.default_rng(seed)
    allowed = tuple(
        rng.random(shape) < density for shape in [(n_labels, n_labels), (n_labels,), (n_labels,)]
    )
    possible = np.flatnonzero(_possible_lengths(max_length, *allowed)).tolist()
    assume(possible)
    lengths = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=5))
    crf = LinearChainCRF(n_labels, allowed=None if density == 1.0 else allowed).double()
    scale = draw(st.sampled_from([0.0, 1.0, 100.0]))
    scores, labels, lengths = batch_of(
        lengths, n_labels, seed, scale=scale, extra=draw(st.integers(0, 2))
    )
    return filled(crf, seed, scale=draw(st.sampled_from([0.3, 3.0]))), scores, labels, lengths


def all_paths(crf, scores):
    """Legal paths of one row of scores (L, C), and their scores, added up by hand."""
    paths, totals = [], []
    for path in itertools.product(range(crf.n_labels), repeat=len(scores)):
        pairs = list(itertools.pairwise(path))
        legal = crf.starts_allowed[path[0]] and crf.ends_allowed[path[-1]]
        if legal and all(crf.transitions_allowed[pair] for pair in pairs):
            total = crf.starts[path[0]] + crf.ends[path[-1]]
            total = total + sum(scores[t, label] for t, label in enumerate(path))
            paths.append(path)
            totals.append(float(total + sum(crf.transitions[pair] for pair in pairs)))
    return np.array(paths), torch.tensor(totals, dtype=torch.float64)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(problem=problems(), choice=st.integers(0, 10**6))
def test_all_answers_agree_with_all_paths(problem, choice):
    crf, scores, labels, lengths = problem
    with torch.no_grad():
        expected = [all_paths(crf, scores[b, :n]) for b, n in enumerate(lengths.tolist())]
        for b, (paths, _) in enumerate(expected):
            labels[b, : lengths[b]] = torch.from_numpy(paths[choice % len(paths)])
        terms = crf.token_log_likelihood(scores, labels, lengths)
        marginals = crf.marginals(scores, lengths)
        best = crf.decode(scores, lengths)
    assert terms.shape == best.shape == labels.shape and marginals.shape == scores.shape
    past = past_end(scores, lengths)
    assert not terms[past].any() and not marginals[past].any() and not best[past].any()
    tight = {"rtol": 1e-9, "atol": 1e-9}
    for b, (paths, totals) in enumerate(expected):
        n, log_z = int(lengths[b]), totals.logsumexp(0)
        mine = paths == labels[b, :n].numpy()  # (paths, n)
        torch.testing.assert_close(
            terms[b].sum(), totals[mine.all(1)].logsumexp(0) - log_z, **tight
        )
        before = log_z  # log weight of the paths that share the first t labels
        for t in range(n):
            shared = totals[mine[:, : t + 1].all(1)].logsumexp(0)
            torch.testing.assert_close(terms[b, t], shared - before, **tight)
            before = shared
        weights = (totals - log_z).exp()
        for t, label in itertools.product(range(n), range(crf.n_labels)):
            expected_marginal = weights[paths[:, t] == label].sum()
            torch.testing.assert_close(marginals[b, t, label], expected_marginal, **tight)
            assert marginals[b, t, label] == 0 or (paths[:, t] == label).any()
        chosen = totals[(paths == best[b, :n].numpy()).all(1)]
        assert len(chosen) == 1  # a legal path
        torch.testing.assert_close(chosen[0], totals.max(), **tight)


@pytest.mark.parametrize("constrained", [False, True])
def test_the_likelihoods_of_all_labelings_sum_to_one(constrained):
    allowed = allowed_transitions(["O", "B-a", "I-a"], "BIO") if constrained else None
    crf = filled(LinearChainCRF(3, allowed=allowed).double(), 0)
    labels = torch.tensor(list(itertools.product(range(3), repeat=5)))
    scores = torch.randn(1, 5, 3, dtype=torch.float64).expand(len(labels), -1, -1)
    total = (
        crf.token_log_likelihood(scores, labels, torch.full((len(labels),), 5)).sum(1).exp().sum()
    )
    assert abs(total.item() - 1) < 1e-12


# Gradients


@settings(deadline=None, max_examples=15)
@given(problem=problems(max_labels=3, max_length=4))
def test_gradients_are_those_of_finite_differences(problem):
    crf, scores, labels, lengths = problem
    labels = crf.decode(scores, lengths)  # legal ones
    names = [name for name, _ in crf.named_parameters()]
    inputs = [scores, *(parameter.detach().clone() for parameter in crf.parameters())]
    inputs = [tensor.requires_grad_() for tensor in inputs]

    def call(method, scores, *parameters):
        arguments = (
            (method, scores, labels, lengths) if "like" in method else (method, scores, lengths)
        )
        values = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(_Calls(crf), _prefixed(values), arguments)

    torch.autograd.gradcheck(lambda *args: call("token_log_likelihood", *args), inputs, atol=1e-4)


class _Calls(torch.nn.Module):
    """Calls a method of a module by its name, so that `functional_call` reaches it."""

    def __init__(self, crf):
        super().__init__()
        self.crf = crf

    def forward(self, method, *arguments):
        return getattr(self.crf, method)(*arguments)


def _prefixed(values):
    return {f"crf.{name}": value for name, value in values.items()}


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_gradients_are_finite_with_constraints_also_for_labels_that_break_them(scale):
    crf, allowed = scheme_crf("BIOES")
    scores, labels, lengths = batch_of([30, 12, 2, 1], 17, 2, scale=scale, dtype=torch.float32)
    scores.requires_grad_()
    for y in (labels, crf.decode(scores, lengths)):
        crf.zero_grad()
        terms = crf.token_log_likelihood(scores, y, lengths)
        assert torch.isfinite(terms).all()
        grads = torch.autograd.grad(-terms.sum(), [scores, *crf.parameters()])
        assert all(torch.isfinite(grad).all() for grad in grads)
        assert all(
            not grad[~torch.tensor(m)].any() for grad, m in zip(grads[1:], allowed, strict=True)
        )
    assert (crf.token_log_likelihood(scores, labels, lengths).sum(1)[:2] < -1e29).all()


def test_class_weights_act_on_the_terms():
    crf = filled(LinearChainCRF(4), 0)
    scores, labels, lengths = batch_of([7, 4], 4, 3, dtype=torch.float32)
    terms = crf.token_log_likelihood(scores, labels, lengths)
    weights = torch.tensor([1.0, 0.0, 2.0, 0.5])
    loss = -(weights[labels] * terms).sum()
    crf.zero_grad()
    loss.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in crf.parameters())


# Constraints


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_ten_thousand_decoded_sequences_are_legal(scheme):
    crf, allowed = scheme_crf(scheme)
    rng = np.random.default_rng(0)
    for seed, scale in enumerate([0.1, 1.0, 10.0, 1e3]):
        lengths = rng.integers(1, 15, size=2500).tolist()
        scores, _, lengths = batch_of(lengths, crf.n_labels, seed, scale=scale, dtype=torch.float32)
        paths = crf.decode(scores, lengths).numpy()
        for path, length in zip(paths, lengths.tolist(), strict=True):
            assert is_legal(path[:length], allowed)


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_marginals_of_what_is_not_allowed_are_exactly_zero(scheme):
    crf, (_, starts, ends) = scheme_crf(scheme)
    scores, _, lengths = batch_of([9, 1, 30], crf.n_labels, 0, scale=30, dtype=torch.float32)
    marginals = crf.marginals(scores, lengths)
    assert not marginals[:, 0, torch.tensor(~starts)].any()
    assert not marginals[torch.arange(3), lengths - 1][:, torch.tensor(~ends)].any()
    torch.testing.assert_close(
        marginals.sum(-1), (~past_end(scores, lengths)).float(), rtol=1e-6, atol=0
    )


def test_lengths_without_any_allowed_sequence_are_known():
    alternate = (np.array([[False, True], [True, False]]), [True, False], [True, False])
    crf = LinearChainCRF(2, allowed=alternate)  # 0 1 0 1 0: odd lengths only
    scores = torch.zeros(2, 4, 2)
    assert crf.decode(scores, torch.tensor([3, 1])).tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]
    assert crf.impossible(torch.tensor([3, 4, 1, 2])).tolist() == [1, 3]


# Numbers


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [None, "BIO", "BIOES"])
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_a_thousand_steps_in_float32_agree_with_float64(scheme, scale):
    crf = scheme_crf(scheme)[0] if scheme else filled(LinearChainCRF(9), 0)
    scores, _, lengths = batch_of([1000, 613], crf.n_labels, 0, scale=scale, dtype=torch.float32)
    labels = crf.decode(0.5 * scores, lengths)  # legal, and not the most likely
    double = copy.deepcopy(crf).double()
    expected = double.token_log_likelihood(scores.double(), labels, lengths).sum(1)
    actual = crf.token_log_likelihood(scores, labels, lengths).sum(1)
    torch.testing.assert_close(
        actual.double(), expected, rtol=1e-5, atol=1e-5 if scale == 1.0 else 1e-2
    )
    difference = crf.marginals(scores, lengths) - double.marginals(scores.double(), lengths)
    assert difference.abs().max() < 1e-4


# Independence


METHODS = ["token_log_likelihood", "marginals", "decode"]


def answer(crf, method, scores, labels, lengths):
    with torch.no_grad():
        if "likelihood" in method:
            return getattr(crf, method)(scores, labels, lengths)
        return getattr(crf, method)(scores, lengths)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("garbage", [1e30, -777.0, torch.inf, torch.nan])
def test_what_is_in_the_padding_changes_no_bit(method, garbage):
    crf, _ = scheme_crf("BIOES")
    scores, labels, lengths = batch_of([5, 9, 1, 9, 3], 17, 4, extra=3, dtype=torch.float32)
    past = past_end(scores, lengths)
    expected = answer(crf, method, scores, labels, lengths)
    dirty = scores.masked_fill(past[..., None], garbage)
    assert torch.equal(
        answer(crf, method, dirty, labels.masked_fill(past, -100), lengths), expected
    )
    dirty.requires_grad_()
    if "log" in method:
        arguments = (labels, lengths) if "like" in method else (lengths,)
        getattr(crf, method)(dirty, *arguments).sum().backward()
        assert not dirty.grad[past].any() and torch.isfinite(dirty.grad).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_labels", [1, 2, 7, 17, 33])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_other_rows_and_more_padding_change_no_bit(method, n_labels, dtype):
    crf = filled(LinearChainCRF(n_labels).to(dtype), 0)
    lengths = np.random.default_rng(0).integers(1, 20, size=37).tolist()
    scores, labels, lengths = batch_of(lengths, n_labels, 5, scale=5, extra=4, dtype=dtype)
    together = answer(crf, method, scores, labels, lengths)
    for b in (0, 5, 17, 36):
        n = int(lengths[b])
        alone = answer(
            crf, method, scores[b : b + 1, :n], labels[b : b + 1, :n], lengths[b : b + 1]
        )
        expected = together[b : b + 1] if together.dim() == 1 else together[b : b + 1, :n]
        assert torch.equal(alone, expected)


def test_constraints_survive_copies_and_stay_out_of_the_state_dict():
    crf, _ = scheme_crf("BIO")
    scores, _, lengths = batch_of([5, 2], crf.n_labels, 6, dtype=torch.float32)
    expected = crf.decode(scores, lengths)
    assert set(crf.state_dict()) == {"transitions", "starts", "ends"}
    for twin in (copy.deepcopy(crf), pickle.loads(pickle.dumps(crf))):
        assert torch.equal(twin.decode(scores, lengths), expected)


@pytest.mark.gpu
def test_the_gpu_agrees_with_the_cpu():
    crf, _ = scheme_crf("BIOES")
    scores, labels, lengths = batch_of([30, 12, 2, 1], 17, 2, dtype=torch.float32)
    labels = crf.decode(scores, lengths)
    on_gpu = copy.deepcopy(crf).cuda()
    for method in METHODS:
        expected = answer(crf, method, scores, labels, lengths)
        actual = answer(on_gpu, method, scores.cuda(), labels.cuda(), lengths)
        torch.testing.assert_close(actual.cpu(), expected, rtol=1e-4, atol=1e-4)
