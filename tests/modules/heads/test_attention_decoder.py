"""The head of a translator against plain NumPy, and its steps against its whole targets."""

import itertools

import numpy as np
import pytest
import torch

from seqlearn.backends.torch_gru import TorchGRU
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.modules.heads.attention_decoder import AttentionDecoder, TargetTokens, repeated
from seqlearn.modules.heads.head import Seen

B, T, D, E, F, H, V = 3, 5, 6, 4, 2, 7, 8
LENGTHS = torch.tensor([5, 3, 1])
# The second row's last token is the source's first one, which is unknown there: V + 1 + 0.
CODES = torch.tensor([[1, 2, 3, 4], [5, V + 1, 0, 0], [7, 7, 7, 0]])
ENDS = torch.tensor([4, 2, 3])
VALUES = torch.arange(B * T * F).sin().view(B, T, F)
SOURCE = torch.tensor([[1, 2, 2, 3, 7], [V + 1, 5, V + 1, 0, 0], [7, 0, 0, 0, 0]])


def head(backend=None, **options):
    torch.manual_seed(0)
    core = {"backend": backend or TorchLSTM(), "hidden_size": H, "num_layers": 1, "dropout": 0.0}
    made = AttentionDecoder(D, V, source_size=F, embedding_size=E, decoder=core, **options)
    with torch.no_grad():
        for weight in made.parameters():
            weight.uniform_(-0.7, 0.7)
    return made


def seen(y=None):
    x = torch.stack([torch.zeros_like(SOURCE), SOURCE], dim=-1)
    return Seen(x, VALUES, LENGTHS, None, y, None)


def features(padding=0.0):
    torch.manual_seed(1)
    made = torch.randn(B, T, D)
    made[1, 3:] = padding
    made[2, 1:] = padding
    return made


def softmax(values):
    values = np.exp(values - values.max(-1, keepdims=True))
    return values / values.sum(-1, keepdims=True)


def probabilities(made, row, targets):
    """The probability of each token and its border, from the equations, one row alone."""
    with torch.no_grad():
        own = features()[row, : LENGTHS[row]]
        values = VALUES[row, : LENGTHS[row]].numpy()
        keys = (own @ made.keys.weight.T + made.keys.bias).numpy()
        summary = torch.tanh(own.mean(0) @ made.summary.weight.T + made.summary.bias)
        before = torch.tensor([V, *targets])
        vectors = made.tokens.weight[torch.where(before > V, 0, before)]
        outputs = made.core.core((vectors + summary)[None])[0][0].numpy()
        attention = softmax(outputs @ keys.T / H**0.25)
        both = np.concatenate([outputs, attention @ own.numpy(), attention @ values], axis=1)
        mixed = np.tanh(both @ made.mix.weight.T.numpy() + made.mix.bias.numpy())
        known = softmax(mixed @ made.tokens.weight.T.numpy() + made.bias.numpy())
        if made.gate is not None:
            everything = np.concatenate([both, vectors.numpy()], axis=1)
            gate = everything @ made.gate.weight.T.numpy() + made.gate.bias.numpy()
            gate = 1 / (1 + np.exp(-gate))
            known = np.concatenate([gate * known, np.zeros((len(known), T))], axis=1)
            for step, code in enumerate(SOURCE[row, : LENGTHS[row]].tolist()):
                known[:, code] += (1 - gate[:, 0]) * attention[:, step]
    return known, attention


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("backend", [TorchLSTM(), TorchGRU()], ids=repr)
def test_targets_have_the_probability_of_the_equations(backend, copy):
    made = head(backend, copy=copy).eval()
    codes = CODES if copy else CODES.masked_fill(CODES > V, 0)
    with torch.no_grad():
        found = made(features(padding=9.0), seen(TargetTokens(codes, ENDS)))
    for row in range(B):
        own = codes[row, : ENDS[row]].tolist()
        due, _ = probabilities(made, row, own)
        picked = due[range(len(own) + 1), [*own, V]]
        assert np.log(picked).sum() == pytest.approx(float(found.log_likelihood[row]), abs=1e-4)
        known = due if copy else due[:, : V + 1]
        assert found.hits[row] == (picked >= known.max(1) - 1e-6).sum()
        assert found.lengths[row] == len(own) + 1


@pytest.mark.parametrize("copy", [False, True])
def test_training_and_evaluation_have_one_loss(copy):
    made = head(copy=copy, label_smoothing=0.2, coverage=0.5, tokens_a_row=4.0)
    y = TargetTokens(CODES if copy else CODES.clamp(max=V - 1), ENDS)
    with torch.no_grad():
        trained = made(features(), seen(y))
        evaluated = made.eval()(features(), seen(y))
    # The batch has 12 tokens in 3 rows, 4 a row.
    torch.testing.assert_close(trained.losses, evaluated.losses)
    assert trained.log_likelihood is trained.hits is None


@pytest.mark.parametrize("copy", [False, True])
def test_steps_add_up_to_whole_targets(copy):
    made = head(copy=copy, coverage=0.5).eval()
    y = TargetTokens(CODES if copy else CODES.masked_fill(CODES > V, 0), ENDS)
    with torch.no_grad():
        memory = made(features(), seen())
        whole = made.decode(memory, y).log_likelihood
        attention = made.attention(memory, y)
        due = repeated(attention)
        tokens, state, rows = torch.full((B,), V), None, torch.arange(B)
        for step in range(5):
            logarithms, state, penalties = made.next_tokens(tokens, state, rows, memory)
            assert logarithms.shape == (B, V + 1 + T * copy)
            torch.testing.assert_close(logarithms.exp().sum(1), torch.ones(B))
            torch.testing.assert_close(penalties, -0.5 * due[:, : step + 1].sum(1))
            tokens = torch.where(
                step < ENDS, y.codes[:, min(step, 3)], torch.where(step == ENDS, V, 0)
            )
            whole = whole - torch.where(step <= ENDS, logarithms[rows, tokens], 0.0)
    torch.testing.assert_close(whole, torch.zeros(B), atol=1e-5, rtol=0)


def test_hypotheses_decode_their_own_rows():
    made = head(copy=True).eval()
    rows = torch.tensor([2, 0, 0, 1])
    with torch.no_grad():
        memory = made(features(), seen())
        given = torch.full((4,), V)
        found, state, _ = made.next_tokens(given, None, rows, memory)
        due, _, _ = made.next_tokens(torch.full((B,), V), None, torch.arange(B), memory)
        torch.testing.assert_close(found, due[rows])
        again, _, _ = made.next_tokens(given, state, rows, memory)
        assert not torch.allclose(again, found)


def test_probabilities_of_all_short_targets_add_up_to_one():
    made = head(copy=True).eval()
    one = torch.zeros(1, dtype=torch.long)
    with torch.no_grad():
        memory = made(features(), seen())
        first, state, _ = made.next_tokens(torch.full((B,), V), None, torch.arange(B), memory)
        ends = first[:, V].exp()
        for token in range(V + 1 + T):
            if token == V:
                continue
            following, _, _ = made.next_tokens(
                torch.full((B,), token), state, torch.arange(B), memory
            )
            ends = ends + (first[:, token, None] + following).exp().sum(1)
    torch.testing.assert_close(ends, torch.ones(B))
    assert len(one) == 1


def test_padding_is_never_looked_at():
    made = head(copy=True, coverage=1.0)
    y = TargetTokens(CODES, ENDS)
    own = [one.clone().requires_grad_() for one in (features(0.0), features(torch.inf))]
    other = TargetTokens(CODES.clone(), ENDS)
    other.codes[1, 2:], other.codes[2, 3:] = 3, 5
    losses = [made(x, seen(z)).losses for x, z in zip(own, (y, other), strict=True)]
    torch.testing.assert_close(*losses)
    for one, loss in zip(own, losses, strict=True):
        loss.sum().backward()
        assert (one.grad[1, 3:] == 0).all()
        assert (one.grad[2, 1:] == 0).all()
    torch.testing.assert_close(own[0].grad, own[1].grad)


def test_an_empty_target_is_its_border():
    made = head().eval()
    with torch.no_grad():
        y = TargetTokens(torch.zeros(B, 0, dtype=torch.long), torch.zeros(B, dtype=torch.long))
        found = made(features(), seen(y))
    for row in range(B):
        due, _ = probabilities(made, row, [])
        assert np.log(due[0, V]) == pytest.approx(float(found.log_likelihood[row]), abs=1e-5)


def test_attention_looked_at_again_counts():
    attention = torch.rand(2, 4, 3).softmax(-1)
    due = torch.zeros(2, 4)
    for row, step, at in itertools.product(range(2), range(4), range(3)):
        due[row, step] += min(attention[row, step, at], attention[row, :step, at].sum())
    torch.testing.assert_close(repeated(attention), due)
