"""What a plugin author composes, tested apart from any backend: Stack, reversal, noise, seeds.

Naive loops and known distributions are the oracles. The contract itself, for each backend, is the
subject of test_backends.py.
"""

import copy
import pickle
import random
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import seqlearn.torch_layers
from seqlearn.backend import (
    Backend,
    Dropout,
    Stack,
    draw_from,
    reverse_within_length,
    step_core,
    valid_steps,
)
from seqlearn.errors import InvalidParameterError
from seqlearn.torch_layers import MANY_VALUES, run_packed

# reverse_within_length

ragged = st.lists(st.integers(1, 9), min_size=1, max_size=6)


def some_rows(lengths, padding):
    shape = (len(lengths), max(lengths) + padding, 2)
    return torch.arange(float(np.prod(shape))).view(shape)  # (B, T, F)


@settings(deadline=None, max_examples=100)
@given(lengths=ragged, padding=st.integers(0, 3))
def test_reversal_matches_a_loop_over_rows(lengths, padding):
    x = some_rows(lengths, padding)
    expected = x.clone()
    for i, length in enumerate(lengths):
        for step in range(length):
            expected[i, step] = x[i, length - 1 - step]
    found = reverse_within_length(x, torch.tensor(lengths))
    assert torch.equal(found, expected)
    assert torch.equal(reverse_within_length(found, torch.tensor(lengths)), x)


def test_reversal_passes_gradients_back():
    x = some_rows([3, 2], 1).requires_grad_()
    weights = some_rows([3, 2], 1)
    lengths = torch.tensor([3, 2])
    (reverse_within_length(x, lengths) * weights).sum().backward()
    assert torch.equal(x.grad, reverse_within_length(weights, lengths))


def test_reversal_takes_rows_that_are_no_block_of_memory():
    x = some_rows([4, 2, 3], 0).transpose(0, 1).contiguous().transpose(0, 1)
    lengths = torch.tensor([4, 2, 3])
    expected = reverse_within_length(x.contiguous(), lengths)
    assert torch.equal(reverse_within_length(x, lengths), expected)


def test_rows_without_lengths_are_reversed_whole():
    x = some_rows([3, 2], 1)
    assert torch.equal(reverse_within_length(x), x.flip(1))


@given(lengths=ragged, padding=st.integers(0, 3))
def test_valid_steps_are_those_before_the_length(lengths, padding):
    steps = max(lengths) + padding
    found = valid_steps(torch.tensor(lengths), steps)
    assert found.tolist() == [[step < length for step in range(steps)] for length in lengths]


# Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(p):
    dropout = Dropout(p)
    out = dropout(torch.ones(100_000))
    assert set(out.unique().tolist()) == {0.0, torch.tensor(1 / (1 - p)).item()}
    five_deviations = 5 * (p / (1 - p) / 100_000) ** 0.5
    assert abs(out.mean().item() - 1) < five_deviations


def test_dropout_is_absent_at_zero_and_in_eval_mode():
    x = torch.ones(10)
    assert Dropout(0.0)(x) is x
    assert Dropout(0.5).eval()(x) is x


def test_dropout_noise_repeats_after_reseed_only():
    dropout, x = Dropout(0.5), torch.ones(64)
    dropout.reseed(3)
    first, second = dropout(x), dropout(x)
    assert not torch.equal(first, second)
    dropout.reseed(3)
    assert torch.equal(dropout(x), first) and torch.equal(dropout(x), second)
    dropout.reseed(4)
    assert not torch.equal(dropout(x), first)


def test_dropout_drops_the_same_values_of_every_type():
    dropout, drops = Dropout(0.3), []
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        dropout.reseed(6)
        out = dropout(torch.ones(8, 9, dtype=dtype))
        assert out.dtype == dtype
        drops.append(out == 0)
    assert torch.equal(drops[0], drops[1]) and torch.equal(drops[0], drops[2])


def test_dropout_passes_gradients_where_it_kept_values():
    x = torch.ones(64, requires_grad=True)
    out = Dropout(0.25)(x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_draws_have_the_shares_asked_and_repeat_after_reseed():
    dropout = Dropout(0.0).eval()
    shares = torch.tensor([0.0, 0.1, 0.5, 1.0]).repeat(2000, 1)
    dropout.reseed(3)
    state, drawn = torch.get_rng_state(), dropout.draw(shares)
    assert drawn.dtype == torch.bool and torch.equal(state, torch.get_rng_state())
    assert (drawn.double().mean(dim=0) - shares[0]).abs().max() < 0.05
    assert not drawn[:, 0].any() and drawn[:, 3].all()
    assert not torch.equal(drawn, dropout.draw(shares))
    dropout.reseed(3)
    assert torch.equal(drawn, dropout.draw(shares))


@pytest.mark.parametrize("twin", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])
def test_dropout_survives_copies_and_restarts(twin):
    dropout, x = Dropout(0.5), torch.ones(64)
    dropout.reseed(5)
    first = dropout(x)
    assert torch.equal(twin(dropout)(x), first)
    assert "p=0.5" in repr(twin(dropout))


def test_dropout_leaves_global_random_state():
    before = torch.get_rng_state()
    Dropout(0.5)(torch.ones(9))
    assert torch.equal(torch.get_rng_state(), before)


# draw_from

DRAWS = {
    "rand": lambda: torch.rand(9),
    "randn": lambda: torch.randn(9),
    "randn in double": lambda: torch.randn(9, dtype=torch.float64),
    "randint": lambda: torch.randint(1000, (9,)),
    "randperm": lambda: torch.randperm(30),
    "randint from a lower bound": lambda: torch.randint(5, 1000, (9,)),
    "normal": lambda: torch.normal(0.0, 1.0, (9,)),
    "normal of tensors": lambda: torch.normal(torch.zeros(9), torch.ones(9)),
    "bernoulli": lambda: torch.bernoulli(torch.full((64,), 0.5)),
    "bernoulli_": lambda: torch.empty(64).bernoulli_(0.5),
    "uniform_": lambda: torch.empty(9).uniform_(),
    "exponential_": lambda: torch.empty(9).exponential_(),
    "multinomial": lambda: torch.multinomial(torch.ones(100), 9),
    "dropout": lambda: nn.functional.dropout(torch.ones(64)),
    "gumbel_softmax": lambda: nn.functional.gumbel_softmax(torch.zeros(9)),
    "orthogonal_": lambda: nn.init.orthogonal_(torch.empty(3, 3)),
    "trunc_normal_": lambda: nn.init.trunc_normal_(torch.empty(9)),
    "sparse_": lambda: nn.init.sparse_(torch.empty(9, 9), 0.5),
    "LSTM": lambda: nn.LSTM(2, 3).weight_ih_l0.detach(),
    "Conv1d": lambda: nn.Conv1d(2, 3, 3).weight.detach(),
    "Embedding": lambda: nn.Embedding(4, 2).weight.detach(),
    "MultiheadAttention": lambda: nn.MultiheadAttention(4, 2).in_proj_weight.detach(),
    "distribution": lambda: torch.distributions.Gamma(2.0, 1.0).sample((9,)),
}


def drawn(draw, seed=0):
    with draw_from(torch.Generator().manual_seed(seed)):
        return draw()


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draw_from_reproduces(draw):
    before = torch.get_rng_state()
    first = drawn(draw)
    torch.rand(1)  # the global generator moves on, and should not matter
    assert torch.equal(first, drawn(draw))
    assert not torch.equal(first, drawn(draw, seed=1))
    torch.set_rng_state(before)
    drawn(draw)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.skipif(
    not hasattr(torch.ops.aten.rand_like, "generator"),
    reason=f"rand_like of torch {torch.__version__} takes no generator",
)
def test_draw_from_reproduces_noise_like_a_tensor():
    test_draw_from_reproduces(lambda: torch.rand_like(torch.zeros(9)))
    test_draw_from_reproduces(lambda: torch.randn_like(torch.zeros(9)))
    test_draw_from_reproduces(lambda: torch.randint_like(torch.zeros(9), 3, 90))


def test_draw_from_refuses_what_takes_no_generator():
    with pytest.raises(RuntimeError, match=r"takes no generator.*seqlearn\.backend\.Dropout"):
        drawn(lambda: torch.native_dropout(torch.ones(9), 0.5, True))


def test_draw_from_gives_what_the_generator_gives():
    first = torch.rand(9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn(lambda: torch.rand(9)), first)


def test_draw_from_leaves_a_given_generator_in_charge():
    own = torch.Generator().manual_seed(5)
    expected = torch.rand(9, generator=torch.Generator().manual_seed(5))
    assert torch.equal(drawn(lambda: torch.rand(9, generator=own)), expected)


def test_draw_from_ends_with_its_context():
    before = torch.get_rng_state()
    expected = torch.rand(4)
    torch.set_rng_state(before)
    with pytest.raises(KeyError), draw_from(torch.Generator()):
        raise KeyError
    assert torch.equal(torch.rand(4), expected)


def test_draw_from_in_threads_gives_equal_bits():
    def build():
        return drawn(lambda: nn.LSTM(3, 8, num_layers=2)).state_dict()

    expected = build()
    results, start = [], threading.Barrier(3)

    def work():
        start.wait()
        results.extend(build() for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    start.wait()
    while any(thread.is_alive() for thread in threads):
        torch.rand(10)  # a third thread draws from the global generator meanwhile
    for thread in threads:
        thread.join()
    assert len(results) == 40
    for weights in results:
        assert all(torch.equal(weights[name], expected[name]) for name in expected)


# Stack

LENGTHS = torch.tensor([3, 9, 1, 6])
KINDS = [nn.LSTM, nn.GRU, nn.RNN]


class Summing(nn.Module):
    """A causal layer that is none of torch's: the running sum; its state is the sum so far."""

    def __init__(self, size):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(size))

    def forward(self, x, state=None):
        outputs = (x * self.scale).cumsum(1)  # (B, T, F)
        outputs = outputs if state is None else outputs + state[:, None]
        return outputs, outputs[:, -1]


def make_stack(kind, **options):
    def make_layer(size):
        return kind(size, 5, batch_first=True)

    return drawn(lambda: Stack(make_layer, 3, 5, **options)).eval()


def some_batch(lengths=LENGTHS, steps=9):
    return torch.randn(len(lengths), steps, 3, generator=torch.Generator().manual_seed(1))


def valid(outputs, lengths=LENGTHS):
    return outputs[torch.arange(outputs.shape[1]) < lengths[:, None]]  # (valid steps, D)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("with_state", [False, True])
def test_packed_run_equals_padded_run(kind, with_state):
    layer, x = kind(3, 5, batch_first=True), some_batch()
    state = layer(some_batch(), None)[1] if with_state else None
    padded, _ = layer(x, state)
    packed, _ = run_packed(layer, x, LENGTHS, state)
    assert packed.shape == padded.shape
    torch.testing.assert_close(valid(packed), valid(padded), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("steps", [9, 12])
def test_stack_is_the_same_on_the_packed_road(kind, bidirectional, steps, monkeypatch):
    """The road that CUDA takes, on the CPU: outputs and gradients."""
    stack = make_stack(kind, num_layers=2, bidirectional=bidirectional)
    x = some_batch(steps=steps).requires_grad_()

    def outputs_and_gradients():
        outputs = valid(stack(x, LENGTHS)[0])
        gradients = torch.autograd.grad(outputs.square().sum(), [x, *stack.parameters()])
        return outputs, *gradients

    padded = outputs_and_gradients()
    monkeypatch.setattr(seqlearn.torch_layers, "run_padded", run_packed)
    packed = outputs_and_gradients()
    for found, expected in zip(packed, padded, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("num_layers", [1, 3])
def test_stack_equals_torchs_own_stacking(num_layers):
    """Rows of equal length: nn.LSTM stacks and reads both ways by itself."""
    stack = make_stack(nn.LSTM, num_layers=num_layers, bidirectional=True)
    whole = nn.LSTM(3, 5, num_layers=num_layers, bidirectional=True, batch_first=True)
    weights = {}
    for i in range(num_layers):
        for layers, ending in ((stack.layers, ""), (stack.backward_layers, "_reverse")):
            for name, value in layers[i].state_dict().items():
                weights[name.replace("_l0", f"_l{i}{ending}")] = value
    whole.load_state_dict(weights)
    x = some_batch()
    found, _ = stack(x)
    torch.testing.assert_close(found, whole(x)[0], rtol=0, atol=1e-6)


def test_stack_of_sums_can_be_counted_by_hand():
    stack = Stack(Summing, 1, 1, bidirectional=True)
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, -9.0]])[..., None]  # (B, T, 1)
    outputs, state = stack(x, torch.tensor([3, 2]))
    assert state is None and stack.output_size == 2
    assert outputs[0].tolist() == [[1, 6], [3, 5], [6, 3]]
    assert outputs[1, :2].tolist() == [[4, 9], [9, 5]]


def test_stack_carries_the_state_of_every_layer():
    stack = Stack(Summing, 1, 1, num_layers=2)
    _, state = stack(torch.ones(1, 2, 1))
    assert [part.item() for part in state] == [2, 3]
    outputs, _ = stack(torch.ones(1, 2, 1), None, state)
    assert outputs.flatten().tolist() == [6, 10]


def run_steps(core, x, **how):
    outputs, state = [], None
    for step in x.unbind(1):
        output, state = core.step(step, state, **how) if how else step_core(core, step, state)
        outputs.append(output)
    return torch.stack(outputs, dim=1)  # (B, T, D)


UNUSUAL = {
    "no biases": lambda size: nn.LSTM(size, 5, batch_first=True, bias=False),
    "a relu": lambda size: nn.RNN(size, 5, batch_first=True, nonlinearity="relu"),
    "a subclass": lambda size: type("Own", (nn.GRU,), {})(size, 5, batch_first=True),
    "no step of its own": lambda size: MappedSum(size),
}


class MappedSum(nn.Module):
    """A layer of nobody's; none of torch's functions knows a step of it."""

    def __init__(self, size):
        super().__init__()
        self.map, self.sum = nn.Linear(size, 5), Summing(5)

    def forward(self, x, state=None):
        return self.sum(self.map(x), state)


@pytest.mark.parametrize("name", UNUSUAL)
def test_steps_of_unusual_layers_equal_forward(name):
    stack, x = Stack(UNUSUAL[name], 3, 5, num_layers=2).double(), some_batch().double()
    due = stack(x)[0]
    torch.testing.assert_close(run_steps(stack, x), due, rtol=0, atol=1e-12)
    projected = run_steps(stack, stack.project(x), projected=True)
    torch.testing.assert_close(projected, due, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_projection_spares_the_product_with_the_input(kind):
    stack, x = make_stack(kind), some_batch()
    projected = stack.project(x)
    assert projected.shape == (4, 9, len(stack.layers[0].weight_ih_l0))
    expected = run_steps(stack, x)
    with torch.no_grad():
        stack.layers[0].weight_ih_l0.zero_()
        assert torch.allclose(run_steps(stack, projected, projected=True), expected, atol=1e-6)


class Doubled(Stack):
    """A stack with a step of its own."""

    def step(self, x, state=None):
        outputs, state = super().step(x, state)
        return 2 * outputs, state


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("kind", [*KINDS, Summing])
def test_a_bound_step_is_the_step_and_sees_what_is_written_into_weights(kind, num_layers):
    stack = Stack(Summing, 3, 3, num_layers=num_layers, dropout=0.5)
    if kind is not Summing:
        stack = make_stack(kind, num_layers=num_layers, dropout=0.5)
    stack.eval()
    bound, x, state = stack.bind_step(), some_batch(), None
    for t in range(3):
        if t == 2:
            with torch.no_grad():
                for one in stack.parameters():
                    one.mul_(0.5)
        due = stack.step(x[:, t], state)
        found = bound(x[:, t], state)
        torch.testing.assert_close(found, due, rtol=0, atol=0)
        state = due[1]


def test_a_bound_step_is_that_of_a_subclass():
    stack = Doubled(lambda size: nn.GRU(size, 8, batch_first=True), 3, 8)
    x = some_batch()[:, 0]
    torch.testing.assert_close(stack.bind_step()(x, None), stack.step(x), rtol=0, atol=0)


def test_two_directions_refuse_a_step():
    with pytest.raises(InvalidParameterError, match="Build it with bidirectional=False"):
        make_stack(nn.LSTM, bidirectional=True).step(torch.zeros(4, 3))


FOREIGN = {
    "of other rows": lambda state: tuple((h[:3], c[:3]) for h, c in state),
    "of one row": lambda state: tuple((h[:1], c[:1]) for h, c in state),
    "of a GRU": lambda state: tuple(h for h, _ in state),
    "of another width": lambda state: tuple((h[:, :2], c[:, :2]) for h, c in state),
    "of torch": lambda state: tuple((h[None], c[None]) for h, c in state),
    "of fewer layers": lambda state: state[:1],
    "in a list": list,
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_state_is_refused_with_what_is_due(name):
    stack = make_stack(nn.LSTM, num_layers=2)
    state = FOREIGN[name](stack(some_batch())[1])
    for call in (
        lambda: stack.step(torch.zeros(4, 3), state),
        lambda: stack(some_batch(), None, state),
    ):
        with pytest.raises(InvalidParameterError, match=r"A state .* was given .* due"):
            call()


def test_layers_of_others_refuse_a_state_of_other_rows():
    stack = Stack(Summing, 1, 1)
    with pytest.raises(InvalidParameterError, match="A state of 2 rows was given with 3 rows"):
        stack.step(torch.zeros(3, 1), (torch.zeros(2, 1),))


def test_stack_drops_between_layers_only():
    """Neither the input nor the last outputs lose values; one dropout seed gives one result."""
    single = Stack(Summing, 1, 1, dropout=0.5)
    assert torch.equal(
        single(torch.ones(1, 4, 1), torch.tensor([4]))[0].flatten().long(),
        torch.tensor([1, 2, 3, 4]),
    )
    double = Stack(Summing, 1, 1, num_layers=2, dropout=0.5)
    double.dropout.reseed(1)
    steps = (
        double(torch.ones(1, 20, 1), torch.tensor([20]))[0].flatten().diff(prepend=torch.zeros(1))
    )
    sums = torch.arange(1, 21)
    assert ((steps == 0) | (steps == 2 * sums)).all()
    assert 0 < (steps == 0).sum() < 20


# Backend


def test_backend_is_abstract():
    with pytest.raises(TypeError, match="abstract class Backend"):
        Backend()


def test_pieces_leave_numpy_and_python_random_state():
    before = str(np.random.get_state()), random.getstate()
    drawn(lambda: make_stack(nn.LSTM, dropout=0.5))
    assert before == (str(np.random.get_state()), random.getstate())


@pytest.mark.parametrize("rows", [MANY_VALUES // 8 - 1, MANY_VALUES // 8, MANY_VALUES // 8 + 3])
def test_many_rows_take_a_step_of_the_layer_and_end_in_the_same(rows):
    """From so many values on, `nn.LSTM` runs the step; it must agree with the cell and itself."""
    core = Stack(lambda size: nn.LSTM(size, 8, batch_first=True), 3, 8, num_layers=2).eval()
    x, state = torch.randn(rows, 2, 3), None
    with torch.inference_mode():
        due, _ = core(x)
        for t in range(2):
            outputs, state = core.step(x[:, t], state)
            torch.testing.assert_close(outputs, due[:, t], rtol=0, atol=1e-6)
        assert all(part.shape == (rows, 8) for layer in state for part in layer)
        some = [0, rows - 1, 5]
        few, _ = core.step(x[some, 1], core.step(x[some, 0])[1])
        torch.testing.assert_close(few, outputs[some], rtol=0, atol=1e-6)
        given, _ = core.step(core.project(x[:, 0]), None, projected=True)
        torch.testing.assert_close(given, due[:, 0], rtol=0, atol=1e-6)
