"""The layers against the paper's equations in plain NumPy: in parts, in gradients, at the extremes.

The oracle runs one row at a time with the paper's own states c, n and m, which the layers carry
in another form (sLSTM) or by chunks (mLSTM). Rows are longer than the chunks where it matters.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seqlearn_xlstm import MLSTMLayer, SLSTMLayer
from seqlearn_xlstm_recurrences import BLOCK, chunk_length

from seqlearn.backend import draw_from

F, H = 3, 12
LAYERS = {"slstm": SLSTMLayer, "mlstm": MLSTMLayer}

each_name = pytest.mark.parametrize("name", LAYERS)
each_heads = pytest.mark.parametrize("heads", [1, 3])
each_norm = pytest.mark.parametrize("norm", [False, True])


def normal(*shape, seed=1, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def make_layer(name, heads=3, norm=False, scale=1.0, hidden_size=H):
    """Build a layer in float64, its weights ``scale`` times as large as drawn, biases drawn too."""
    with draw_from(torch.Generator().manual_seed(0)):
        layer = LAYERS[name](F, hidden_size, heads, norm, (-1.0, 4.0)).double()
        with torch.no_grad():
            for key, weight in layer.named_parameters():
                if key == "norm":
                    weight.uniform_(0.5, 2.0)
                else:
                    weight *= scale
                    weight += 0.3 * torch.randn(weight.shape, dtype=weight.dtype)
    return layer


def sigmoid(z):
    return np.exp(-np.logaddexp(0, -z))


def normalised(layer, h):
    """Mean 0 and variance 1, a head: h is (K, U)."""
    if layer.norm is None:
        return h
    spread = np.sqrt(h.var(1, keepdims=True) + 1e-5)
    return (h - h.mean(1, keepdims=True)) / spread * layer.norm.detach().numpy().reshape(h.shape)


def run_slstm_row(layer, row, m=-np.inf):
    """The equations of `SLSTMLayer`, a head (K) and a unit (U) at a time: outputs (T, H)."""
    K, U = layer.heads, layer.units
    W, b, R = (w.detach().numpy() for w in (layer.weight, layer.bias, layer.recurrent))
    h, c, n = np.zeros((3, K, U))
    m, outputs = np.full((K, U), m), []
    for x in row:
        raw = (W @ x + b).reshape(K, 4, U) + np.einsum("kou,ku->ko", R, h).reshape(K, 4, U)
        i, f, z, o = raw.transpose(1, 0, 2)
        log_f = -np.logaddexp(0, -f)
        new_m = np.maximum(log_f + m, i)
        keep, take = np.exp(log_f + m - new_m), np.exp(i - new_m)
        c, n, m = keep * c + take * np.tanh(z), keep * n + take, new_m
        h = sigmoid(o) * c / n
        outputs.append(normalised(layer, h).ravel())
    return np.array(outputs)


def run_mlstm_row(layer, row, m=-np.inf):
    """The equations of `MLSTMLayer`: outputs (T, H)."""
    K, U = layer.heads, layer.units
    W, b = layer.map.weight.detach().numpy(), layer.map.bias.detach().numpy()
    C, n, m, outputs = np.zeros((K, U, U)), np.zeros((K, U)), np.full(K, m), []
    for x in row:
        raw = W @ x + b
        q, k, v, o = raw[: 4 * K * U].reshape(4, K, U)
        i, f = raw[4 * K * U :].reshape(2, K)
        k = k / np.sqrt(U)
        log_f = -np.logaddexp(0, -f)
        new_m = np.maximum(log_f + m, i)
        keep, take = np.exp(log_f + m - new_m), np.exp(i - new_m)
        C = keep[:, None, None] * C + take[:, None, None] * k[:, :, None] * v[:, None, :]
        n, m = keep[:, None] * n + take[:, None] * k, new_m
        weight = np.maximum(np.abs((n * q).sum(1)), np.exp(-m))
        h = np.einsum("kuv,ku->kv", C, q) / weight[:, None]
        outputs.append((sigmoid(o) * normalised(layer, h)).ravel())
    return np.array(outputs)


ORACLES = {"slstm": run_slstm_row, "mlstm": run_mlstm_row}


def assert_close(found, due, tolerance=1e-10):
    """Hold the largest difference to ``tolerance``, in units of the largest value due."""
    found, due = torch.as_tensor(found), torch.as_tensor(due)
    assert (found - due).abs().max() <= tolerance * due.abs().max().clamp(min=1)


@each_norm
@each_heads
@each_name
@pytest.mark.parametrize("steps", [1, 9, 100])
def test_layer_matches_a_loop_in_numpy(name, heads, norm, steps):
    layer, x = make_layer(name, heads, norm), normal(2, steps, F)
    with torch.no_grad():
        outputs, _ = layer(x)
    assert_close(outputs, np.array([ORACLES[name](layer, row) for row in x.numpy()]))


@each_name
def test_the_first_stabiliser_is_of_no_consequence(name):
    """The paper starts m at 0; as there is nothing to scale yet, any number gives the same."""
    layer, row = make_layer(name), normal(20, F).numpy()
    assert_close(ORACLES[name](layer, row, m=0.0), ORACLES[name](layer, row))


@each_name
@settings(deadline=None, max_examples=20)
@given(cuts=st.lists(st.integers(1, 119), unique=True, max_size=6).map(sorted))
def test_a_row_in_parts_equals_one_run(name, cuts):
    layer, x = make_layer(name), normal(2, 120, F)
    with torch.no_grad():
        due, state, parts = layer(x)[0], None, []
        for part in x.tensor_split(cuts, dim=1):
            outputs, state = layer(part, state)
            parts.append(outputs)
    assert_close(torch.cat(parts, dim=1), due)


@each_name
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-4), (torch.float64, 1e-10)])
def test_a_long_row_equals_its_steps_one_at_a_time(name, dtype, tolerance):
    layer, x = make_layer(name, norm=True).to(dtype), normal(2, 600, F, dtype=dtype)
    with torch.no_grad():
        state, steps = None, []
        for x_t in x.unbind(1):
            outputs, state = layer(x_t[:, None], state)
            steps.append(outputs)
        due = layer(x)[0]
    assert_close(torch.cat(steps, dim=1), due, tolerance)


@each_name
def test_a_gradient_flows_through_the_carried_state(name):
    """Two parts, the state not detached, give input and weights the gradients of one run."""
    found = []
    for cut in (60, 25):
        layer, x = make_layer(name), normal(2, 60, F).requires_grad_()
        state, loss = None, 0.0
        for part in x.tensor_split([cut], dim=1) if cut < 60 else [x]:
            outputs, state = layer(part, state)
            loss = loss + outputs.square().sum()
        loss.backward()
        found.append([x.grad, *(weight.grad for weight in layer.parameters())])
    for one, due in zip(found[1], found[0], strict=True):
        assert_close(one, due)


@each_norm
@each_name
@pytest.mark.parametrize("steps", [1, 5, 35])
def test_derivatives(name, norm, steps):
    """Of outputs and carried state, by input, state and every weight, against differences."""
    layer = make_layer(name, 2, norm, hidden_size=4)
    x = normal(2, steps, F).requires_grad_()
    with torch.no_grad():
        _, state = layer(normal(2, 3, F, seed=2))
    state = [part.detach().requires_grad_() for part in state]
    weights = dict(layer.named_parameters())

    def answer(x, *rest):
        values = dict(zip(weights, rest[len(state) :], strict=True))
        outputs, after = torch.func.functional_call(layer, values, (x, rest[: len(state)]))
        if name == "mlstm":  # only memory and stabiliser together mean something
            after = (after[0] * after[1].exp()[..., None, None],)
        return outputs, *after

    inputs = [x, *state, *weights.values()]
    if name == "mlstm":
        inputs[2] = inputs[2].detach()  # the stabiliser carries no gradient
    assert BLOCK > 5 and chunk_length(2) > 5  # 35 steps are more than one block, 5 are not
    assert torch.autograd.gradcheck(answer, tuple(inputs), atol=1e-6, fast_mode=True)


# Numerical safety


@each_norm
@each_name
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_saturated_gates_stay_finite_for_2000_steps(name, norm, dtype):
    """Weights a thousand times as large: exp(i) and 1 / sigmoid(f) are past any float's range."""
    layer, x = make_layer(name, norm=norm, scale=1000.0).to(dtype), normal(2, 2000, F).to(dtype)
    outputs, state = layer(x.requires_grad_())
    assert all(torch.isfinite(part).all() for part in (outputs, *state))
    outputs.square().mean().backward()
    for values in (x.grad, *(weight.grad for weight in layer.parameters())):
        assert torch.isfinite(values).all()


@each_name
@pytest.mark.parametrize("bias", [-1e4, -50.0, 50.0, 1e4])
@pytest.mark.parametrize("gate", ["input", "forget"])
def test_a_shut_or_open_gate_matches_the_equations(name, gate, bias):
    layer, x = make_layer(name), normal(1, 50, F)
    with torch.no_grad():
        if name == "slstm":
            layer.bias.view(3, 4, H // 3)[:, ["input", "forget"].index(gate)] = bias
        else:
            layer.map.bias[-6:].view(2, 3)[["input", "forget"].index(gate)] = bias
        outputs, _ = layer(x)
    with np.errstate(over="ignore"):  # exp(-m), the least weight, may be infinite in the oracle
        assert_close(outputs[0], ORACLES[name](layer, x[0].numpy()))


def test_the_output_of_slstm_is_an_average_of_what_was_offered():
    layer, x = make_layer("slstm", scale=30.0), 10 * normal(4, 300, F)
    with torch.no_grad():
        assert layer(x)[0].abs().max() <= 1.0
