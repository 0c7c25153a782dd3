"""The head of a language model: log-probabilities against NumPy, tied weights, batch mates."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.inputs.tokens import TokenEmbedding
from seqlearn.modules.heads.next_token import NextTokenHead
from seqlearn.modules.network import Network

V = 7  # with the symbol before a text one more


def network(tied_size=None, hidden_size=5, dropout=0.0):
    torch.manual_seed(0)
    return Network(
        encoder={
            "backend": TorchLSTM(),
            "input_size": 1,
            "hidden_size": hidden_size,
            "num_layers": 1,
            "bidirectional": False,
            "dropout": 0.0,
            "readout": "last",
        },
        input=(TokenEmbedding, {"n_tokens": V + 1, "size": 4}),
        head=(NextTokenHead, {"n_tokens": V, "dropout": dropout, "tied_size": tied_size}),
    )


def batch(rows=3, steps=6, seed=0):
    x = torch.randint(0, V, (rows, steps, 2), generator=torch.Generator().manual_seed(seed))
    x[1, 4:, 1] = -1
    return x


def scores(net, x):
    """The scores at every step, in NumPy after the core."""
    features = net.encoder(net.read(x, None)[0], None, keep_steps=True)[0].double().detach().numpy()
    head = net.head
    if head.project is not None:
        features = features @ head.project.weight.double().detach().numpy().T
        features = features + head.project.bias.double().detach().numpy()
    weight = net.input.tokens.weight[:V] if head.is_tied else head.weight
    return features @ weight.double().detach().numpy().T + head.bias.double().detach().numpy()


@pytest.mark.parametrize(("tied_size", "hidden_size"), [(None, 5), (4, 5), (4, 4)])
@pytest.mark.parametrize("training", [False, True])
def test_losses_are_minus_the_log_probability_of_the_next_token(tied_size, hidden_size, training):
    net, x = network(tied_size, hidden_size), batch()
    due = -log_softmax(scores(net.eval(), x), axis=2)
    due = np.take_along_axis(due, x[..., 1:].clamp(min=0).numpy(), axis=2)[..., 0]
    due[1, 4:] = 0
    found = net.train(training)(x).losses
    np.testing.assert_allclose(found.detach().numpy(), due, atol=1e-5)


def test_a_row_has_the_same_bits_whatever_stands_beside_it():
    net, x = network(4).eval(), batch(50, 9)
    with torch.inference_mode():
        whole = net(x).losses
        assert torch.equal(whole[7:8], net(x[7:8]).losses)


def test_steps_give_what_the_whole_row_gives():
    net, x = network(4).eval(), batch()
    due, state = scores(net, x), None
    with torch.inference_mode():
        for t in range(x.shape[1]):
            found, state = net.step(x[:, t, 0], state)
            np.testing.assert_allclose(found.numpy(), due[:, t], atol=1e-5)


def test_a_row_without_targets_has_no_loss_and_the_score_is_a_mean_over_tokens():
    net, x = network(), batch()
    x[2, :, 1] = -1
    outputs = net.eval()(x)
    assert not outputs.losses[2].any()
    counts, weights = (x[..., 1] >= 0).sum(dim=1), torch.ones(3)
    score = net.head.score([outputs], [counts], [weights])
    assert score.item() == pytest.approx(-outputs.losses.sum().item() / 10, abs=1e-6)


def test_a_row_forgets_the_same_features_at_every_step():
    net = network(dropout=0.5).train()
    torch.nn.init.constant_(net.head.weight, 0.0)
    torch.nn.init.constant_(net.head.weight[:1], 1.0)
    x = torch.zeros(1, 50, 2, dtype=torch.long)
    losses = net(x).losses[0, 30:]  # where the state has settled
    assert losses.std() < 1e-3
