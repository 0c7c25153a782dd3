"""The head of a transcriber: its loss against a sum over all paths, its gradient, its score."""

import itertools

import numpy as np
import pytest
import torch

from seqlearn.modules.heads.ctc import CTCHead, SymbolStrings
from seqlearn.modules.heads.head import Seen
from seqlearn.modules.heads.labels import StepScores

STRINGS = [[1, 1, 2], [2], [], [2, 1]]
LENGTHS = torch.tensor([5, 4, 3, 2])


def targets(strings):
    codes = torch.zeros(len(strings), max(map(len, strings)), dtype=torch.long)
    for i, string in enumerate(strings):
        codes[i, : len(string)] = torch.tensor(string, dtype=torch.long)
    return SymbolStrings(codes, torch.tensor(list(map(len, strings))))


def outputs(seed=0, scale=1.0, n_rows=4):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(n_rows, 5, 3, generator=generator, dtype=torch.float64) * scale
    return StepScores(scores.requires_grad_(), LENGTHS[:n_rows])


def all_paths(scores, string):
    p, total = scores.softmax(-1).numpy(), 0.0
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        if [code for code, _ in itertools.groupby(path) if code] == string:
            total += np.prod(p[np.arange(len(p)), path])
    return -np.log(total)


def test_the_loss_is_minus_the_logarithm_of_the_sum_over_all_paths():
    one = outputs()
    losses = CTCHead(4, 2).loss(one, targets(STRINGS))
    for loss, scores, n, string in zip(losses, one.scores, LENGTHS, STRINGS, strict=True):
        assert loss.item() == pytest.approx(all_paths(scores[:n].detach(), string))


def test_long_and_short_targets_weigh_as_much_as_they_have_symbols():
    one, y = outputs(), targets(STRINGS)
    plain, divided = CTCHead(4, 2).loss(one, y), CTCHead(4, 2, symbols_a_row=1.5).loss(one, y)
    assert torch.allclose(divided, plain / 1.5)  # of all rows alike, and not by their own lengths


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_gradients_are_finite_and_padding_has_none(scale):
    one = outputs(scale=scale)
    CTCHead(4, 2).loss(one, targets(STRINGS)).sum().backward()
    assert one.scores.grad.isfinite().all()
    for row, n in zip(one.scores.grad, LENGTHS, strict=True):
        assert not row[n:].any()


def test_gradients_are_those_of_numerical_differences():
    y, head = targets(STRINGS), CTCHead(4, 2)
    scores = outputs().scores
    assert torch.autograd.gradcheck(lambda x: head.loss(StepScores(x, LENGTHS), y), scores)


def test_rows_that_say_nothing_alone_are_learned():
    one = outputs(n_rows=2)
    loss = CTCHead(4, 2).loss(one, targets([[], []])).sum()
    loss.backward()
    blanks = one.scores.detach().log_softmax(-1)[..., 0]
    assert loss.item() == pytest.approx(-(blanks[0].sum() + blanks[1, :4].sum()).item())
    assert one.scores.grad.isfinite().all()


def test_too_few_steps_are_infinite_and_not_hidden():
    one = StepScores(torch.randn(1, 3, 3), None)
    assert CTCHead(4, 2).loss(one, targets([[1, 1, 2]])).isinf().all()


def test_it_scores_by_the_symbol_error_rate_of_the_likeliest_path():
    says = torch.tensor([[1, 1, 0, 1, 2], [2, 2, 0, 0, 2], [0, 0, 0, 1, 1], [1, 0, 0, 0, 0]])
    one = StepScores(torch.nn.functional.one_hot(says, 3).float(), LENGTHS)
    head = CTCHead(4, 2)
    score = head.score([one], [targets(STRINGS)], [torch.ones(4)])  # [1, 1, 2], [2], [], [1]
    assert score.item() == pytest.approx(1 - 1 / 6)
    weighted = head.score([one], [targets(STRINGS)], [torch.tensor([1.0, 1, 1, 0])])
    assert weighted.item() == 1.0
    assert head.predict(one).tolist() == [1, 1, 0, 1, 2, 2, 2, 0, 0, 0, 0, 0, 1, 0]
    assert head.targets(targets(STRINGS), LENGTHS).tolist() == [1, 1, 2, 2, 2, 1]


def test_outputs_have_a_column_for_the_blank_and_rows_that_sum_to_one():
    head = CTCHead(4, 2).eval()
    found = head(
        torch.randn(2, 5, 4), Seen(None, torch.empty(0), torch.tensor([5, 3]), None, None, None)
    )
    assert found.scores.shape == (2, 5, 3)
    assert torch.allclose(head.read(found).exp().sum(-1), torch.ones(2, 5))
