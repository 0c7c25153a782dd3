"""The head of next items against NumPy: losses, ranks, negatives, rows that stay what they are."""

import numpy as np
import pytest
import torch
from torch import nn

from seqlearn.modules.heads.head import Seen
from seqlearn.modules.heads.next_item import NextItemHead, ranks_of

C, D = 9, 5


def head(**options):
    torch.manual_seed(0)
    return NextItemHead(D, C, **options)


def batch(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    n, n_steps = len(lengths), max(lengths)
    features = torch.randn(n, n_steps, D, generator=generator)
    x = torch.randint(C, (n, n_steps, 1), generator=generator)
    return features, Seen(x, features, torch.tensor(lengths), None, None, None)


def log_probabilities(head, vector):
    scores = head.weight.detach().double() @ vector.double() + head.bias.detach().double()
    return (scores - scores.logsumexp(0)).numpy()


LENGTHS = [4, 1, 2, 6]


@pytest.mark.parametrize("training", [True, False])
def test_the_loss_is_that_of_the_next_item_at_each_step_of_a_row(training):
    model = head(steps_a_row=2.5).train(training)
    features, seen = batch(LENGTHS)
    losses = model.loss(model(features, seen), None).detach()
    for row, length in enumerate(LENGTHS):
        due = -sum(
            log_probabilities(model, features[row, step])[seen.x[row, step + 1, 0]]
            for step in range(length - 1)
        )
        assert float(losses[row]) == pytest.approx(due / 2.5, rel=1e-5)


def test_what_stands_past_a_rows_length_is_not_looked_at():
    model = head().eval()
    features, seen = batch(LENGTHS)
    before = model(features, seen)
    features[0, 4:], seen.x[0, 4:] = torch.nan, 0
    after = model(features, seen)
    assert torch.equal(before.losses, after.losses) and torch.equal(before.ranks, after.ranks)


def test_ranks_count_the_items_that_are_not_worse():
    model = head().eval()
    features, seen = batch(LENGTHS)
    ranks = model.read(model(features, seen))
    assert ranks.shape == (4, 6)
    for row, length in enumerate(LENGTHS):
        for step in range(length - 1):
            own = log_probabilities(model, features[row, step])
            rank = (own >= own[seen.x[row, step + 1, 0]]).sum()
            assert int(ranks[row, step]) == rank
        assert (ranks[row, length - 1 :] == 0).all()


@pytest.mark.parametrize("value", [0.0, 1.0, float("inf"), float("nan")])
def test_equal_scores_and_no_scores_give_the_last_rank(value):
    scores = torch.full((3, C), value)
    assert ranks_of(scores, torch.tensor([0, 4, 8])).tolist() == [C] * 3


def test_constant_scores_find_nothing():
    model = NextItemHead(D, 30).eval()
    nn.init.zeros_(model.weight)
    features, seen = batch(LENGTHS)
    assert float(model.score([model(features, seen)], [None], [torch.ones(4)])) == 0.0


def test_the_score_is_the_mean_reciprocal_rank_of_weighted_steps():
    model = head().eval()
    features, seen = batch(LENGTHS)
    outputs = model(features, seen)
    weights = np.array([1.0, 5.0, 2.0, 0.5])
    ranks = outputs.ranks.numpy()
    reciprocal = np.where(ranks > 0, 1 / np.maximum(ranks, 1), 0)
    due = (weights @ reciprocal.sum(1)) / (weights @ (ranks > 0).sum(1))
    found = model.score([outputs], [None], [torch.tensor(weights)])
    assert float(found) == pytest.approx(due)


class Spy:
    """In the place of a loss: what it is given."""

    def __call__(self, scores, targets):
        self.scores, self.targets = scores, targets
        return scores.sum(dim=1)


def sampled(x, **options):
    """The scores that the loss sees of one row of items, and those of all items."""
    model = head(**options).train()
    model.of_steps = spy = Spy()
    items = torch.tensor(x)[None, :, None]
    features = torch.randn(1, len(x), D, generator=torch.Generator().manual_seed(3))
    model(features, Seen(items, features, None, None, None, None))
    full = features[0, :-1] @ model.weight.T + model.bias
    return spy, full.detach(), model


def test_negatives_are_never_the_target():
    x = [0, 1, 2, 3, 4, 5, 6, 7, 8] * 4
    spy, full, _ = sampled(x, n_negatives=7)
    targets = torch.tensor(x[1:])
    own = full.gather(1, targets[:, None])
    torch.testing.assert_close(spy.scores[:, :1].detach(), own)
    assert (spy.targets == 0).all()
    others = spy.scores[:, 1:].detach()
    # Wherever the target's score stands among the negatives, it has been taken out.
    assert not torch.isclose(others, own, rtol=0, atol=1e-7).any()
    assert (others < -1e30).any()


def test_negatives_come_from_the_heads_own_generator():
    x = [0, 1, 2, 3]
    before = torch.get_rng_state()
    first, *_ = sampled(x, n_negatives=4)
    again, *_ = sampled(x, n_negatives=4)
    assert torch.equal(first.scores, again.scores)
    model = head(n_negatives=4)
    drawn = [model.negatives.draw(model.shares) for _ in range(300)]
    assert len({tuple(one.tolist()) for one in drawn}) > 50
    assert float(torch.stack(drawn).float().sum(1).mean()) == pytest.approx(4, abs=0.3)
    torch.manual_seed(0)
    NextItemHead(D, C)
    torch.set_rng_state(before)


def test_with_uniform_data_the_correction_changes_nothing():
    x = [0, 1, 2, 3, 4]
    for loss in ("cross_entropy", "bpr_max"):
        losses = []
        for logq in (0.0, 1.0):
            model = head(n_negatives=4, logq=logq, counts=np.full(C, 7.0), loss=loss).train()
            features = torch.randn(1, 5, D, generator=torch.Generator().manual_seed(3))
            seen = Seen(torch.tensor(x)[None, :, None], features, None, None, None, None)
            losses.append(model.loss(model(features, seen), None))
        torch.testing.assert_close(*losses)


def test_the_correction_takes_the_popularity_of_negatives_off():
    counts = np.arange(1.0, C + 1)
    plain, *_ = sampled([0, 1, 2], n_negatives=4, negative_power=1.0, counts=counts)
    spy, _, model = sampled([0, 1, 2], n_negatives=4, negative_power=1.0, counts=counts, logq=1.0)
    offsets = np.log(4 * counts / counts.sum())
    torch.testing.assert_close(
        spy.scores[:, 0], plain.scores[:, 0] - torch.tensor(offsets[[1, 2]]).float()
    )
    torch.testing.assert_close(model.offsets.numpy(), offsets)


@pytest.mark.slow
def test_a_sample_that_is_corrected_has_the_gradient_of_all_items_on_average():
    """Learned on samples, log-odds come out as those of the data, popular or not."""
    counts = np.array([50.0, 30.0, 10.0, 5.0, 5.0])
    answers = {}
    for logq in (1.0, 0.0):
        model = NextItemHead(
            1, 5, n_negatives=2, negative_power=1.0, logq=logq, counts=counts
        ).train()
        nn.init.zeros_(model.weight)
        optimizer = torch.optim.Adam([model.bias], lr=0.1)
        targets = torch.repeat_interleave(torch.arange(5), torch.tensor(counts).long())
        x = torch.stack([torch.zeros_like(targets), targets], dim=1)[..., None]  # (100, 2, 1)
        features = torch.zeros(100, 2, 1)
        trail = []
        for _ in range(250):
            optimizer.zero_grad()
            outputs = model(features, Seen(x, features, None, None, None, None))
            model.loss(outputs, None).mean().backward()
            optimizer.step()
            trail.append(model.bias.detach().clone())
        bias = torch.stack(trail[100:]).mean(0).double()
        answers[logq] = bias.softmax(0).numpy()
    np.testing.assert_allclose(answers[1.0], counts / 100, atol=0.06)
    assert np.abs(answers[0.0] - counts / 100).max() > 0.15


@pytest.mark.parametrize("width", [5, 16, 96])
@pytest.mark.parametrize("tied", [None, 16])
def test_a_row_has_the_same_bits_whatever_stands_beside_it(width, tied):
    torch.manual_seed(0)
    model = NextItemHead(width, 101, tied_size=tied).eval()
    network = nn.Module()
    network.input = nn.Module()
    network.input.items = nn.Embedding(101, tied or 1)
    vectors = torch.randn(45, width)
    with torch.inference_mode():
        together = model.scores(vectors, network)
        for i in (0, 3, 8, 44):
            assert torch.equal(model.scores(vectors[i : i + 1], network)[0], together[i])
        order = torch.randperm(45)
        assert torch.equal(model.scores(vectors[order], network), together[order])


def test_ranks_of_many_steps_are_counted_piece_by_piece(monkeypatch):
    model = head().eval()
    features, seen = batch([7, 3, 9, 2])
    whole = model(features, seen)
    monkeypatch.setattr("seqlearn.modules.heads.next_item.SCORES_AT_ONCE", C * 8)
    pieces = model(features, seen)
    assert torch.equal(whole.ranks, pieces.ranks) and torch.equal(whole.losses, pieces.losses)


def test_rows_of_one_step_alone_have_nothing_to_learn():
    model = head()
    features, seen = batch([1, 1])
    assert model.loss(model(features, seen), None).tolist() == [0.0, 0.0]
    model.eval()
    assert model.read(model(features, seen)).tolist() == [[0], [0]]
