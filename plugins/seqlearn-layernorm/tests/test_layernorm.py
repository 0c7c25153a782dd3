"""The plugin tested by the public kit, and against the formula in plain NumPy, a row at a time."""

import numpy as np
import pytest
import torch
from seqlearn_layernorm import LayerNormLSTM, LayerNormLSTMLayer

from seqlearn.backend import draw_from
from seqlearn.registry import available_backends, load_backend
from seqlearn.testing import backend_checks

H = 5


@pytest.mark.parametrize("check", backend_checks("layernorm"))
def test_contract(check):
    check()


def test_it_is_registered_under_its_name():
    assert available_backends()["layernorm"].startswith("seqlearn-layernorm ")
    assert load_backend("layernorm") is LayerNormLSTM


def make_layer(input_size=3, **options):
    """Build a layer in float64 whose gains and biases are no ones and zeros any more."""
    with draw_from(torch.Generator().manual_seed(0)):
        layer = LayerNormLSTMLayer(input_size, H, **options).double()
        with torch.no_grad():
            for weight in layer.parameters():
                weight += 0.3 * torch.randn(weight.shape, dtype=weight.dtype)
    return layer


def some_rows(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def normalise(z, gain, bias=0.0):
    return (z - z.mean()) / np.sqrt(z.var() + 1e-5) * gain + bias


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def run_row(layer, steps):
    """The equations of the docstring for one row (T, F): the outputs (T, H)."""
    w = {name: value.numpy() for name, value in layer.state_dict().items()}
    h, c, outputs = np.zeros(H), np.zeros(H), []
    for x in steps:
        z = normalise(
            w["input_product.weight"] @ x + w["input_product.bias"],
            w["input_norm.weight"],
            w["input_norm.bias"],
        ) + normalise(w["state_product.weight"] @ h, w["state_norm.weight"])
        f, i, o, offer = np.split(z, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(offer)
        h = sigmoid(o) * np.tanh(normalise(c, w["cell_norm.weight"], w["cell_norm.bias"]))
        outputs.append(h)
    return np.array(outputs)


@pytest.mark.parametrize("input_size", [1, 3])
def test_layer_matches_a_loop_in_numpy(input_size):
    layer, x = make_layer(input_size), some_rows(4, 9, input_size)
    with torch.no_grad():
        outputs, (h, _) = layer(x)
    for row, found in zip(x.numpy(), outputs.numpy(), strict=True):
        np.testing.assert_allclose(found, run_row(layer, row), rtol=0, atol=1e-12)
    assert torch.equal(h, outputs[:, -1])


def test_gradients_match_finite_differences():
    layer, x = make_layer(), some_rows(2, 4, 3).requires_grad_()
    weights = dict(layer.named_parameters())

    def outputs(x, *values):
        given = dict(zip(weights, values, strict=True))
        return torch.func.functional_call(layer, given, (x,))[0]

    assert torch.autograd.gradcheck(outputs, (x, *weights.values()))


@pytest.mark.parametrize("product", ["input_product", "state_product"])
def test_outputs_do_not_move_with_the_size_of_the_weights(product):
    """What normalisation is for: weights ten times as large change nothing but eps' share."""
    layer, x = make_layer(eps=1e-12), some_rows(4, 9, 3)
    before = layer(x)[0]
    with torch.no_grad():
        for weight in getattr(layer, product).parameters():
            weight *= 10
    torch.testing.assert_close(layer(x)[0], before, rtol=0, atol=1e-6)


def test_size_of_a_single_feature_is_seen():
    """Without the bias inside the normalisation, x and 3 x would give one answer."""
    layer = make_layer(1)
    x = some_rows(4, 9, 1).abs()
    assert (layer(x)[0] - layer(3 * x)[0]).abs().max() > 0.05
    with torch.no_grad():
        layer.input_product.bias.zero_()
        layer.input_norm.eps = 0.0
    torch.testing.assert_close(layer(x)[0], layer(3 * x)[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, 2.5])
def test_forget_bias_is_where_the_forget_gate_starts(forget_bias):
    core = LayerNormLSTM(forget_bias).build(3, H, num_layers=2, bidirectional=True, dropout=0.0)
    for layer in (*core.layers, *core.backward_layers):
        assert (layer.input_norm.bias[:H] == forget_bias).all()
        assert (layer.input_norm.bias[H:] == 0).all()


def test_constant_rows_and_one_unit_stay_finite():
    """A variance of zero, in the pre-activations or in a cell of one unit, is no error."""
    for hidden_size in (1, H):
        layer = LayerNormLSTMLayer(2, hidden_size)
        x = torch.zeros(3, 6, 2, requires_grad=True)
        outputs, _ = layer(x)
        outputs.sum().backward()
        assert torch.isfinite(outputs).all() and torch.isfinite(x.grad).all()
