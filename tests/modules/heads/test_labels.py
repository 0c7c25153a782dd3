"""The head of labels: the softmax decoder by hand, padded scores, rows, loss, weights, score."""

import copy
import itertools
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.data.word_tables import BagTable, WordTable
from seqlearn.inputs.embeddings import BagEmbedding, WordEmbedding
from seqlearn.modules.crf import LinearChainCRF
from seqlearn.modules.heads.labels import Independent, LabelHead, StepScores
from seqlearn.modules.label_schemes import allowed_transitions
from seqlearn.modules.network import Network
from seqlearn.registry import available_backends, load_backend

LENGTHS = [5, 2, 1, 4]
PLAIN_STEPS = [name for name in available_backends() if not load_backend(name)().missing]


def batch_of(lengths, n_labels, seed=0, *, scale=1.0, extra=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), max(lengths) + extra, n_labels)
    scores = scale * torch.randn(shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(n_labels, shape[:2], generator=generator)
    return scores, labels, torch.tensor(lengths)


def valid_steps(lengths):
    return [(b, t) for b, n in enumerate(lengths.tolist()) for t in range(n)]


def log_softmax_by_hand(row):
    """Log-probabilities of a row of scores, added up with `math` alone."""
    values = [float(value) for value in row]
    highest = max(values)
    log_sum = highest + math.log(math.fsum(math.exp(value - highest) for value in values))
    return [value - log_sum for value in values]


def model_of(
    *, decoder="crf", dropout=0.0, bidirectional=True, backend="torch", scheme=None, input=None
):
    encoder = {"backend": load_backend(backend)(), "input_size": 4, "hidden_size": 6}
    encoder |= {"num_layers": 1, "bidirectional": bidirectional, "dropout": dropout}
    head = {"output_size": 3, "dropout": dropout, "decoder": decoder, "scheme": scheme}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Network(encoder | {"readout": None}, (LabelHead, head), input)


def head_of(n_labels=3, decoder=None, **params):
    """Return a head without features, for scores given by hand, with this decoder."""
    head = LabelHead(1, n_labels, **params)
    if decoder is not None:
        head.decoder = decoder
    return head


# Independent


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    n_labels=st.integers(1, 5),
    seed=st.integers(0, 2**20),
    scale=st.sampled_from([0.0, 1.0, 100.0]),
    extra=st.integers(0, 2),
)
def test_without_constraints_it_is_a_softmax_of_each_step(lengths, n_labels, seed, scale, extra):
    scores, labels, lengths = batch_of(lengths, n_labels, seed, scale=scale, extra=extra)
    decoder = Independent(n_labels)
    terms = decoder.token_log_likelihood(scores, labels, lengths)
    marginals = decoder.marginals(scores, lengths)
    best = decoder.decode(scores, lengths)
    assert terms.shape == best.shape == labels.shape and marginals.shape == scores.shape
    valid = torch.zeros(labels.shape, dtype=torch.bool)
    for b, t in valid_steps(lengths):
        valid[b, t] = True
        expected = log_softmax_by_hand(scores[b, t])
        assert float(terms[b, t]) == pytest.approx(expected[labels[b, t]], rel=1e-9, abs=1e-12)
        assert marginals[b, t].tolist() == pytest.approx([math.exp(p) for p in expected], abs=1e-12)
        assert scores[b, t, best[b, t]] == scores[b, t].max()
    assert not terms[~valid].any() and not marginals[~valid].any() and not best[~valid].any()


def test_the_softmax_has_no_parameters():
    assert list(Independent(3).parameters()) == []
    assert list(Independent(3).state_dict()) == []


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_with_a_scheme_the_best_allowed_path_is_found_among_all(scheme):
    labels = ["O", *(f"{prefix}-x" for prefix in scheme if prefix != "O")]
    transitions, starts, ends = allowed = allowed_transitions(labels, scheme)
    decoder = Independent(len(labels), allowed=allowed)
    scores, _, lengths = batch_of(LENGTHS, len(labels), 3, scale=3.0)
    best = decoder.decode(scores, lengths)
    for b, n in enumerate(LENGTHS):
        log_p = [log_softmax_by_hand(row) for row in scores[b, :n]]
        totals = {
            path: sum(log_p[t][label] for t, label in enumerate(path))
            for path in itertools.product(range(len(labels)), repeat=n)
            if starts[path[0]]
            and ends[path[-1]]
            and all(transitions[pair] for pair in itertools.pairwise(path))
        }
        chosen = tuple(best[b, :n].tolist())
        assert chosen in totals
        assert totals[chosen] == pytest.approx(max(totals.values()), abs=1e-9)
    past = torch.arange(best.shape[1]) >= lengths[:, None]
    assert not best[past].any()


def test_a_scheme_leaves_probabilities_alone_and_learns_nothing():
    allowed = allowed_transitions(["O", "B-x", "I-x"], "BIO")
    bound, free = Independent(3, allowed=allowed), Independent(3)
    scores, labels, lengths = batch_of(LENGTHS, 3, 1)
    assert torch.equal(bound.marginals(scores, lengths), free.marginals(scores, lengths))
    assert torch.equal(
        bound.token_log_likelihood(scores, labels, lengths),
        free.token_log_likelihood(scores, labels, lengths),
    )
    assert not any(parameter.requires_grad for parameter in bound.parameters())


def test_a_length_at_which_nothing_is_allowed_is_known():
    decoder = Independent(2, allowed=allowed_transitions(["B-x", "E-x"], "BIOES"))
    assert decoder.impossible(torch.tensor([2, 1, 3])).tolist() == [1, 2]
    assert len(Independent(2).impossible(torch.tensor([1]))) == 0


def test_the_gradient_is_the_softmax_less_the_label():
    scores, labels, lengths = batch_of(LENGTHS, 4, 2, extra=1)
    scores.requires_grad_()
    decoder = Independent(4)
    decoder.token_log_likelihood(scores, labels, lengths).sum().backward()
    expected = torch.zeros_like(scores)
    for b, t in valid_steps(lengths):
        expected[b, t, labels[b, t]] = 1.0
    expected -= decoder.marginals(scores.detach(), lengths)
    torch.testing.assert_close(scores.grad, expected)


@pytest.mark.parametrize("garbage", [1e30, -777.0, torch.nan, torch.inf])
@pytest.mark.parametrize("method", ["token_log_likelihood", "marginals", "decode"])
def test_what_is_in_the_padding_of_scores_changes_no_bit(method, garbage):
    scores, labels, lengths = batch_of(LENGTHS, 3, extra=2)
    past = torch.arange(scores.shape[1]) >= lengths[:, None]
    dirty = scores.masked_fill(past[..., None], garbage)
    decoder = Independent(3)
    arguments = (labels, lengths) if method == "token_log_likelihood" else (lengths,)
    expected = getattr(decoder, method)(scores, *arguments)
    assert torch.equal(getattr(decoder, method)(dirty, *arguments), expected)


# The network


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_the_forward_pass_gives_scores_and_lengths_that_the_decoder_reads(decoder):
    model = model_of(decoder=decoder).eval()
    lengths = torch.tensor(LENGTHS)
    out = model(torch.randn(4, 5, 4), lengths)
    assert isinstance(out, StepScores)
    assert out.scores.shape == (4, 5, 3) and out.lengths is lengths
    own = model.head.decoder
    assert type(own) is {"crf": LinearChainCRF, "softmax": Independent}[decoder]
    assert model.head.read(out, "scores") is out.scores
    assert torch.equal(model.head.read(out), own.decode(out.scores, lengths))
    assert torch.equal(model.head.read(out, "marginals"), own.marginals(out.scores, lengths))


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_scores_without_lengths_are_those_of_full_rows(decoder):
    model = model_of(decoder=decoder).eval()
    x, lengths = torch.randn(4, 5, 4), torch.full((4,), 5)
    labels, weights = torch.randint(3, (4, 5)), torch.ones(4)
    one, other = model(x), model(x, lengths)
    assert one.lengths is None and torch.equal(one.known_lengths, lengths)
    assert torch.equal(one.scores, other.scores)
    for what in ("scores", "labels", "marginals"):
        assert torch.equal(model.head.read(one, what), model.head.read(other, what))
    assert torch.equal(model.head.loss(one, labels), model.head.loss(other, labels))
    assert torch.equal(model.head.predict(one), model.head.predict(other))
    scores = [model.head.score([out], [labels], [weights]) for out in (one, other)]
    assert scores[0] == scores[1]


def test_predictions_and_targets_are_those_of_the_rows_own_steps():
    scores, labels, lengths = batch_of(LENGTHS, 3, 9, extra=1)
    head = head_of()
    out = StepScores(scores, lengths)
    best = [int(scores[b, t].argmax()) for b, t in valid_steps(lengths)]
    assert head.predict(out).tolist() == best
    own = [int(labels[b, t]) for b, t in valid_steps(lengths)]
    assert head.targets(labels, lengths).tolist() == own


@pytest.mark.parametrize("backend", PLAIN_STEPS)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_scores_of_a_row_do_not_depend_on_padding_or_batch_mates(backend, bidirectional):
    model = model_of(backend=backend, bidirectional=bidirectional).eval()
    x = torch.randn(4, 5, 4, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor(LENGTHS)
    past = torch.arange(5) >= lengths[:, None]
    with torch.inference_mode():
        together = model(x, lengths).scores
        dirty = model(x.masked_fill(past[..., None], 9e3), lengths).scores
        for b, n in enumerate(LENGTHS):
            alone = model(x[b : b + 1, :n], lengths[b : b + 1]).scores[0]
            torch.testing.assert_close(together[b, :n], alone, rtol=0, atol=1e-6)
            torch.testing.assert_close(together[b, :n], dirty[b, :n], rtol=0, atol=1e-6)


def test_the_head_scores_each_step_alone_also_past_its_chunks():
    """In evaluation the head runs on 64 steps at a time: 3 x 50 steps are not a multiple."""
    model = model_of().eval()
    x, lengths = torch.randn(3, 50, 4), torch.tensor([50, 49, 7])
    with torch.inference_mode():
        scores = model(x, lengths).scores
        features = model.encoder(x, lengths)[0]  # (B, T, D)
        for b, t in [(0, 0), (0, 49), (1, 13), (1, 14), (1, 48), (2, 6)]:
            expected = model.head.linear.weight @ features[b, t] + model.head.linear.bias
            torch.testing.assert_close(scores[b, t], expected)


def test_training_and_evaluation_agree_without_dropout():
    model = model_of()
    x, lengths = torch.randn(4, 5, 4), torch.tensor(LENGTHS)
    trained = model.train()(x, lengths).scores
    evaluated = model.eval()(x, lengths).scores
    for b, n in enumerate(LENGTHS):
        torch.testing.assert_close(trained[b, :n], evaluated[b, :n])


def test_dropout_acts_in_training_only():
    model = model_of(dropout=0.5)
    x, lengths = torch.randn(2, 5, 4), torch.tensor([5, 5])
    model.train()
    assert not torch.equal(model(x, lengths).scores, model(x, lengths).scores)
    model.eval()
    assert torch.equal(model(x, lengths).scores, model(x, lengths).scores)


def test_every_parameter_gets_a_gradient_with_a_crf():
    model = model_of(decoder="crf")
    _, labels, lengths = batch_of(LENGTHS, 3)
    out = model(torch.randn(4, 5, 4), lengths)
    model.head.loss(out, labels).sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_steps_past_the_end_get_no_gradient():
    model = model_of()
    x, lengths = torch.randn(4, 6, 4), torch.tensor(LENGTHS)
    x.requires_grad_()
    labels = torch.zeros(4, 6, dtype=torch.int64)
    model.head.loss(model(x, lengths), labels).sum().backward()
    past = torch.arange(6) >= lengths[:, None]
    assert not x.grad[past].any() and x.grad[~past].any(dim=1).all()


@pytest.mark.parametrize("decoder", ["crf", "softmax"])
def test_copies_score_and_decode_alike(decoder):
    scheme = allowed_transitions(["O", "B-x", "I-x"], "BIO")
    model = model_of(decoder=decoder, scheme=scheme).eval()
    x, lengths = torch.randn(4, 5, 4), torch.tensor(LENGTHS)
    out = model(x, lengths)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        again = twin(x, lengths)
        assert torch.equal(out.scores, again.scores)
        assert torch.equal(model.head.read(out), twin.head.read(again))


def test_words_and_bags_are_embedded_first():
    index = np.array([[0, 1, 1], [2, 2, 2]])
    lengths = torch.tensor([3, 1])
    words = WordTable(np.array([1, 2, 0]))
    bags = BagTable(np.array([1, 2, 1]), np.array([1.0, 0.5, 2.0]), np.array([0, 2, 2, 3]))
    of_words = {"n_words": 3, "size": 7, "dropout": 0.0, "word_dropout": 0.0}
    of_bags = {"n_features": 3, "size": 7, "dropout": 0.0}
    for table, input in [(words, (WordEmbedding, of_words)), (bags, (BagEmbedding, of_bags))]:
        model = model_of(input=input).eval()
        assert model.encoder.input_size == 7  # not the 4 features of an X of numbers
        scores = model(table.batch(index, torch.device("cpu")), lengths).scores
        assert scores.shape == (2, 3, 3) and torch.isfinite(scores).all()
        alone = model(table.batch(index[1:, :1], torch.device("cpu")), lengths[1:]).scores
        torch.testing.assert_close(scores[1, 0], alone[0, 0], rtol=0, atol=1e-6)


# The loss


@pytest.mark.parametrize("steps_a_row", [1.0, 2.5])
@pytest.mark.parametrize("class_weights", [None, [1.0, 0.0, 3.0], [0.5, 2.0, 2.0]])
def test_the_loss_of_a_row_is_its_weighted_sum(class_weights, steps_a_row):
    scores, labels, lengths = batch_of(LENGTHS, 3, 4, extra=1)
    head = head_of(steps_a_row=steps_a_row, class_weights=class_weights)
    loss = head.loss(StepScores(scores, lengths), labels)
    weights = class_weights or [1.0] * 3
    expected = [0.0] * len(LENGTHS)
    for b, t in valid_steps(lengths):
        label = int(labels[b, t])
        expected[b] -= weights[label] * log_softmax_by_hand(scores[b, t])[label] / steps_a_row
    assert loss.shape == (4,) and loss.tolist() == pytest.approx(expected, rel=1e-9)


def test_the_loss_of_a_crf_is_minus_the_log_of_its_share_of_all_paths():
    scores, labels, lengths = batch_of([3, 1], 2, 5)
    crf = LinearChainCRF(2).double()
    with torch.no_grad():
        for i, parameter in enumerate(crf.parameters()):
            parameter.copy_(torch.linspace(-1.0, 1.5, parameter.numel()).view_as(parameter) + i)
    crf.requires_grad_(False)

    def weight(b, path):
        total = crf.starts[path[0]] + crf.ends[path[-1]]
        total = total + sum(scores[b, t, label] for t, label in enumerate(path))
        return math.exp(total + sum(crf.transitions[pair] for pair in itertools.pairwise(path)))

    expected = []
    for b, n in enumerate([3, 1]):
        total = sum(weight(b, path) for path in itertools.product(range(2), repeat=n))
        expected.append(-math.log(weight(b, labels[b, :n].tolist()) / total))
    loss = head_of(2, crf).loss(StepScores(scores, lengths), labels)
    assert loss.tolist() == pytest.approx(expected, rel=1e-9)


def test_a_class_weight_of_a_crf_weights_a_step_given_those_before_it():
    """Two steps: the chain rule by hand, each term with the weight of its own label."""
    scores, _, lengths = batch_of([2], 2, 6)
    crf = LinearChainCRF(2).double()
    with torch.no_grad():
        crf.transitions.copy_(torch.tensor([[0.5, -1.0], [2.0, 0.0]]))
    crf.requires_grad_(False)
    pair = [
        [math.exp(scores[0, 0, i] + scores[0, 1, j] + crf.transitions[i, j]) for j in range(2)]
        for i in range(2)
    ]
    total = sum(map(sum, pair))
    for first, second in itertools.product(range(2), repeat=2):
        labels = torch.tensor([[first, second]])
        head = head_of(2, crf, class_weights=[3.0, 0.25])
        loss = head.loss(StepScores(scores, lengths), labels)
        of = [3.0, 0.25]
        expected = -of[first] * math.log(sum(pair[first]) / total)
        expected -= of[second] * math.log(pair[first][second] / sum(pair[first]))
        assert float(loss) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n_parts", [1, 2, 4])
@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0, 1.0], [2.0, 0.5, 3.0, 0.0]])
def test_the_score_of_ragged_batches_is_the_weighted_share_of_right_steps(n_parts, weights):
    """However the rows are cut into batches, which are padded to other lengths each."""
    right = total = 0.0
    outputs, targets, row_weights = [], [], []
    scores, labels, lengths = batch_of(LENGTHS, 3, 7)
    for b, t in valid_steps(lengths):
        right += weights[b] * (int(scores[b, t].argmax()) == int(labels[b, t]))
        total += weights[b]
    for rows in torch.arange(4).chunk(n_parts):
        width = int(lengths[rows].max())
        outputs.append(StepScores(scores[rows, :width], lengths[rows]))
        targets.append(labels[rows, :width])
        row_weights.append(torch.tensor(weights)[rows])
    score = head_of().score(outputs, targets, row_weights)
    assert 0 < right < total
    assert float(score) == pytest.approx(right / total)


def test_the_score_ignores_labels_of_padded_steps():
    scores, labels, lengths = batch_of(LENGTHS, 3, 8, extra=2)
    past = torch.arange(7) >= lengths[:, None]
    out, weights = StepScores(scores, lengths), torch.ones(4)
    one, other = (
        head_of().score([out], [labels.masked_fill(past, fill)], [weights]) for fill in (0, 2)
    )
    assert one == other
    best = Independent(3).decode(scores, lengths)
    assert head_of().score([out], [best.masked_fill(past, 1)], [weights]) == 1.0
