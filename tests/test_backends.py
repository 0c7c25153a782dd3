"""The built-in backends: the contract for each, and each against an oracle it cannot have copied.

The LSTMs are held against a loop over plain NumPy rows, "torch" and "reference" against each other
with exchanged weights. `seqlearn.backend`'s pieces are tested in test_backend.py, the kit that the
first test runs in test_testing.py.
"""

import numpy as np
import pytest
import torch

from seqlearn.backend import draw_from
from seqlearn.backends.reference_lstm import ReferenceLSTM
from seqlearn.backends.torch_gru import TorchGRU
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.backends.torch_rnn import TorchRNN
from seqlearn.errors import InvalidParameterError, SeqlearnError
from seqlearn.testing import backend_checks

BUILT_IN = ["torch", "gru", "rnn", "reference"]
LENGTHS = torch.tensor([4, 7, 1, 6])
SHAPES = [(1, False), (1, True), (2, False), (2, True)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{backend}-{check.name}")
        for backend in BUILT_IN
        for check in backend_checks(backend)
    ],
)
def test_contract(check):
    check()


@pytest.mark.slow
@pytest.mark.parametrize("check", backend_checks(TorchRNN("relu")))
def test_contract_of_relu(check):
    check()


def build(backend, num_layers=1, bidirectional=False, dropout=0.0, seed=0):
    with draw_from(torch.Generator().manual_seed(seed)):
        return backend.build(
            3, 5, num_layers=num_layers, bidirectional=bidirectional, dropout=dropout
        )


def some_batch(seed=0):
    return torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(seed))


def valid(outputs, lengths=LENGTHS):
    return outputs[torch.arange(outputs.shape[1]) < lengths[:, None]]  # (valid steps, D)


# Oracles


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_row(steps, weights, h, c):
    """Run one row through one layer, a step at a time: outputs (T, H), then h and c."""
    outputs = []
    for x in steps:
        z = (
            weights["weight_ih_l0"] @ x
            + weights["bias_ih_l0"]
            + weights["weight_hh_l0"] @ h
            + weights["bias_hh_l0"]
        )
        take, keep, offer, show = np.split(z, 4)
        c = sigmoid(keep) * c + sigmoid(take) * np.tanh(offer)
        h = sigmoid(show) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs), h, c


def lstm_rows(core, x, lengths, bidirectional):
    """Run each row alone, cut to its length, through all layers; return rows (T_i, D)."""
    rows = []
    for row, length in zip(x.numpy(), lengths.tolist(), strict=True):
        steps = row[:length]
        for i in range(len(core.layers)):
            start = np.zeros(5), np.zeros(5)
            weights = {k: v.numpy() for k, v in core.layers[i].state_dict().items()}
            outputs, _, _ = lstm_row(steps, weights, *start)
            if bidirectional:
                weights = {k: v.numpy() for k, v in core.backward_layers[i].state_dict().items()}
                backward, _, _ = lstm_row(steps[::-1], weights, *start)
                outputs = np.concatenate([outputs, backward[::-1]], axis=1)  # (T_i, 2H)
            steps = outputs
        rows.append(steps)
    return rows


@pytest.mark.parametrize("backend", [ReferenceLSTM(), TorchLSTM()], ids=repr)
@pytest.mark.parametrize(("num_layers", "bidirectional"), SHAPES)
def test_lstm_matches_a_loop_in_numpy(backend, num_layers, bidirectional):
    core, x = build(backend, num_layers, bidirectional).double(), some_batch().double()
    with torch.no_grad():
        outputs, _ = core(x, LENGTHS)
    expected = np.concatenate(lstm_rows(core, x, LENGTHS, bidirectional))
    np.testing.assert_allclose(valid(outputs).numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_rnn_matches_a_loop_in_numpy(nonlinearity):
    core, x = build(TorchRNN(nonlinearity)).double(), some_batch().double()
    w = {name: value.numpy() for name, value in core.layers[0].state_dict().items()}
    squash = np.tanh if nonlinearity == "tanh" else lambda z: np.maximum(z, 0)
    h = np.zeros((4, 5))
    for step in range(7):
        z = x[:, step].numpy() @ w["weight_ih_l0"].T + w["bias_ih_l0"]
        h = squash(z + h @ w["weight_hh_l0"].T + w["bias_hh_l0"])
    outputs = core(x, torch.full((4,), 7))[0].detach()
    np.testing.assert_allclose(outputs[:, -1].numpy(), h, rtol=0, atol=1e-12)


def test_gru_matches_a_loop_in_numpy():
    core, x = build(TorchGRU()).double(), some_batch().double()
    w = {name: value.numpy() for name, value in core.layers[0].state_dict().items()}
    h = np.zeros((4, 5))
    for step in range(7):
        given = np.split(x[:, step].numpy() @ w["weight_ih_l0"].T + w["bias_ih_l0"], 3, axis=1)
        held = np.split(h @ w["weight_hh_l0"].T + w["bias_hh_l0"], 3, axis=1)
        reset, update = sigmoid(given[0] + held[0]), sigmoid(given[1] + held[1])
        h = (1 - update) * np.tanh(given[2] + reset * held[2]) + update * h
    outputs = core(x, torch.full((4,), 7))[0].detach()
    np.testing.assert_allclose(outputs[:, -1].numpy(), h, rtol=0, atol=1e-12)


# torch and reference


@pytest.mark.parametrize(("num_layers", "bidirectional"), SHAPES)
@pytest.mark.parametrize("lengths", [LENGTHS, torch.full((4,), 7)], ids=["ragged", "full"])
def test_torch_and_reference_exchange_weights(num_layers, bidirectional, lengths):
    """Either way, by state_dict; outputs and gradients agree."""
    fast = build(TorchLSTM(), num_layers, bidirectional, seed=0)
    readable = build(ReferenceLSTM(), num_layers, bidirectional, seed=1)
    readable.load_state_dict(fast.state_dict())
    again = build(TorchLSTM(), num_layers, bidirectional, seed=2)
    again.load_state_dict(readable.state_dict())

    def outputs_and_gradients(core):
        x = some_batch().requires_grad_()
        outputs = valid(core(x, lengths)[0], lengths)
        return outputs, *torch.autograd.grad(outputs.sum(), [x, *core.parameters()])

    expected = outputs_and_gradients(fast)
    for found, due in zip(outputs_and_gradients(readable), expected, strict=True):
        torch.testing.assert_close(found, due, rtol=1e-6, atol=1e-6)
    assert torch.equal(outputs_and_gradients(again)[0], expected[0])


def test_torch_and_reference_start_alike():
    """One seed draws the same weights for both, so that they differ in speed alone."""
    fast, readable = build(TorchLSTM(), 2).state_dict(), build(ReferenceLSTM(), 2).state_dict()
    assert fast.keys() == readable.keys()
    assert all(torch.equal(fast[name], readable[name]) for name in fast)


def test_gates_keep_the_equations():
    layer, x = build(ReferenceLSTM()).layers[0], some_batch()
    state = some_batch(1)[:, :5, 0], some_batch(2)[:, :5, 0]  # (B, H) each
    gates = layer.gates(x, state)
    assert all(value.shape == (4, 7, 5) for value in gates.values())
    f, i, c_tilde, C, o, h = (gates[name] for name in ("f", "i", "c_tilde", "C", "o", "h"))
    before = torch.cat([state[1][:, None], C[:, :-1]], dim=1)  # (B, T, H)
    torch.testing.assert_close(C, f * before + i * c_tilde, rtol=0, atol=0)
    torch.testing.assert_close(h, o * torch.tanh(C), rtol=0, atol=0)
    for gate in (f, i, o):
        assert 0 < gate.min() and gate.max() < 1
    outputs, last = layer(x, state)
    assert torch.equal(outputs, h)
    assert torch.equal(last[0], h[:, -1]) and torch.equal(last[1], C[:, -1])


def test_closed_gates_hold_the_cell():
    """f = 1 and i = 0 keep the cell for good; o = 0 shows nothing of it."""
    layer = build(ReferenceLSTM()).layers[0]
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        layer.bias_ih_l0[0:5] = -200.0  # i
        layer.bias_ih_l0[5:10] = 200.0  # f
        layer.bias_ih_l0[15:20] = -200.0  # o
    held = some_batch(1)[:, :5, 0]  # (B, H)
    gates = layer.gates(some_batch(), (torch.zeros(4, 5), held))
    assert torch.equal(gates["C"][:, -1], held)
    assert (gates["h"] == 0).all()


# Options


@pytest.mark.parametrize("kind", [TorchLSTM, ReferenceLSTM])
@pytest.mark.parametrize("forget_bias", [0.0, 1.0, 2.5])
def test_forget_bias_is_where_the_forget_gate_starts(kind, forget_bias):
    core = build(kind(forget_bias), num_layers=2, bidirectional=True)
    other = build(kind(-7.0), num_layers=2, bidirectional=True)
    for layer, twin in zip(
        [*core.layers, *core.backward_layers],
        [*other.layers, *other.backward_layers],
        strict=True,
    ):
        total = layer.bias_ih_l0 + layer.bias_hh_l0
        assert (total[5:10] == forget_bias).all()
        rest = [0, 1, 2, 3, 4, *range(10, 20)]
        assert torch.equal(total[rest], (twin.bias_ih_l0 + twin.bias_hh_l0)[rest])
        assert (total[rest] != forget_bias).all()


def test_forget_bias_is_one_by_default():
    assert TorchLSTM().forget_bias == ReferenceLSTM().forget_bias == 1.0


def test_forget_gate_opens_with_its_bias():
    layer = build(ReferenceLSTM(forget_bias=20.0)).layers[0]
    assert layer.gates(some_batch())["f"].min() > 0.999


@pytest.mark.parametrize("given", ["sigmoid", None, 1])
def test_rnn_refuses_other_nonlinearities(given):
    with pytest.raises(InvalidParameterError, match="use 'tanh' or 'relu'") as failure:
        build(TorchRNN(given))
    assert f"nonlinearity={given!r}" in str(failure.value)
    assert isinstance(failure.value, SeqlearnError) and isinstance(failure.value, ValueError)


def test_relu_differs_from_tanh():
    outputs = build(TorchRNN("relu"))(some_batch(), LENGTHS)[0]
    assert outputs.min() == 0
    assert build(TorchRNN())(some_batch(), LENGTHS)[0].min() < 0


@pytest.mark.parametrize("kind", [TorchLSTM, TorchGRU, TorchRNN, ReferenceLSTM])
@pytest.mark.parametrize(("num_layers", "bidirectional"), SHAPES)
def test_training_equals_evaluation_without_dropout(kind, num_layers, bidirectional):
    """Stricter than the contract, which leaves a backend noise of its own."""
    core, x = build(kind(), num_layers, bidirectional), some_batch()
    assert torch.equal(core.train()(x, LENGTHS)[0], core.eval()(x, LENGTHS)[0])


# CUDA


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", [TorchLSTM, TorchGRU, TorchRNN, ReferenceLSTM])
@pytest.mark.parametrize(("num_layers", "bidirectional"), SHAPES)
@pytest.mark.parametrize("lengths", [LENGTHS, torch.full((4,), 7)], ids=["ragged", "full"])
def test_cuda_equals_cpu(kind, num_layers, bidirectional, lengths):
    core, x = build(kind(), num_layers, bidirectional), some_batch()
    expected = valid(core(x, lengths)[0], lengths)
    expected.square().sum().backward()
    gradients = [weight.grad for weight in core.parameters()]
    core.zero_grad()
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        found = valid(core.cuda()(x.cuda(), lengths)[0].cpu(), lengths)
        found.square().sum().backward()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    for weight, gradient in zip(core.parameters(), gradients, strict=True):
        torch.testing.assert_close(weight.grad.cpu(), gradient, rtol=1e-4, atol=1e-4)
