"""What torch does not say in public: used in one file, and nothing is lost without it."""

import ast
import copy
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import optimizer as optimizers

import seqlearn
from seqlearn import LSTMClassifier, torch_internals
from seqlearn.backend import draw_from
from seqlearn.torch_internals import (
    children_of,
    has_bf16_kernels,
    have_forward_hooks,
    have_gradient_hooks,
    is_fast_in_bf16,
    log_softmax_nll_with_gradient,
    lstm_kernels,
    step_of_fused_adam,
    torch_functions_redirected,
    weights_of,
)

ROOT = Path(seqlearn.__file__).parents[1]
FILES = [*(ROOT / "seqlearn").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
SMALL = {"hidden_size": 5, "max_epochs": 3, "dropout": 0.0, "random_state": 0}


@pytest.fixture
def without(monkeypatch):
    """Let torch call something by another name than the one that the file looks up."""

    def lose(name):
        was = getattr(torch_internals, name)
        if isinstance(was, dict):
            lost = dict.fromkeys(was, "gone")
        else:
            lost = {str: "gone", attrgetter: attrgetter("gone")}.get(type(was))
        monkeypatch.setattr(torch_internals, name, lost)

    return lose


# Nobody else touches it.


def private_names():
    """Names with an underscore: those that modules of torch have, those that its objects have."""
    layer, weight = nn.LSTM(1, 1), nn.Parameter(torch.zeros(1))
    optimizer, operation = torch.optim.Adam([weight]), torch.ops.aten.rand.default
    things = (layer, weight, optimizer, operation, torch.Generator(), torch.device("cpu"))
    everything = {name for thing in things for name in dir(thing)}
    everything |= {*dir(nn.modules.module), *dir(optimizers)} - {"_abc_impl"}  # of Python's
    return [{*filter(is_private, names)} for names in (dir(layer), everything)]


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


def is_chain(node):
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def uses_of(tree, own, others):
    """What a file does with what torch does not say in public.

    ``own`` are the names that count in our own classes, as these may be modules.
    """
    for node in ast.walk(tree):
        found = []
        if isinstance(node, ast.Attribute):
            found = [ast.unparse(node)] if is_chain(node) else [f"?.{node.attr}"]
        elif isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and node.value in others:  # for getattr
            yield node.value
        for dotted in found:
            first, *names = dotted.split(".")
            of_torch = first == "torch" and (names[:1] == ["ops"] or any(map(is_private, names)))
            private = own if first == "self" else others
            if of_torch or (names and names[-1] in private):
                yield dotted


def test_one_file_alone_touches_what_torch_does_not_say_in_public():
    names = private_names()
    found = {str(path): set(uses_of(ast.parse(path.read_text()), *names)) for path in FILES}
    assert found.pop(torch_internals.__file__)
    assert {name: uses for name, uses in found.items() if uses} == {}


@pytest.mark.parametrize(
    "line",
    [
        "module._forward_hooks",
        "layer._flat_weights",
        "parameter._post_accumulate_grad_hooks",
        "optimizer._optimizer_step_pre_hooks",
        "nn.modules.module._global_forward_hooks",
        "self._parameters",
        "operation._schema",
        "torch._C._get_mkldnn_enabled()",
        "torch._fused_adam_",
        "torch.ops.aten.relu",
        "torch.cpu._is_amx_tile_supported()",
        "getattr(module, '_backward_hooks')",
        "from torch.utils._python_dispatch import TorchDispatchMode",
        "from torch.optim.optimizer import _global_optimizer_pre_hooks",
        "from torch import ops",
        "import torch._dynamo",
    ],
)
def test_it_would_be_seen(line):
    assert list(uses_of(ast.parse(line), *private_names()))


# Each piece with and without what torch does not promise.


@pytest.mark.parametrize("lost", ["KERNEL", "SCHEMA", "FORWARD_HOOKS", "GLOBAL_HOOKS"])
def test_modules_and_autograd_compute_what_kernels_do(lost, without, ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, num_layers=2, bidirectional=True)
    expected = model.fit(X, y).decision_function(X)
    assert model.net_._kernel_gradient is not None
    alone = copy.deepcopy(model)
    without(lost)
    np.testing.assert_allclose(alone.decision_function(X), expected, atol=1e-6)
    np.testing.assert_allclose(model.fit(X, y).decision_function(X), expected, atol=1e-4)
    assert model.net_._kernel_gradient is None


def test_kernels_are_asked_for_by_their_arguments(without, monkeypatch):
    assert lstm_kernels() is not None
    for name in ("KERNEL", "SCHEMA", "FORWARD", "BACKWARD"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch_internals, name, "gone")
            assert lstm_kernels() is None
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert lstm_kernels() is None


@pytest.mark.parametrize("reverse", [False, True])
def test_kernels_compute_a_layer_and_its_gradient(reverse):
    torch.manual_seed(0)
    layer, x = nn.LSTM(3, 4), torch.randn(6, 2, 3, requires_grad=True)
    steps, end = torch.randn(6, 2, 4), torch.randn(2, 4)
    turned = x.flip(0) if reverse else x
    expected, _ = layer(turned)
    weights = [weight.detach() for weight in weights_of(layer)]
    outputs, kept = lstm_kernels().forward(x.detach(), weights, reverse)
    torch.testing.assert_close(outputs.flip(0) if reverse else outputs, expected.detach())
    (
        (expected * (steps.flip(0) if reverse else steps)).sum() + (expected[-1] * end).sum()
    ).backward()
    gradients = lstm_kernels().backward(kept, steps, end, reverse)
    for found, tensor in zip(gradients, (x, *layer.parameters()), strict=True):
        torch.testing.assert_close(found, tensor.grad, atol=1e-5, rtol=1e-4)


def test_weights_and_children_are_found_in_public_too(without):
    model = nn.ModuleDict({"a": nn.LSTM(2, 3), "b": nn.Linear(3, 2)})
    weights, children = weights_of(model["a"]), [dict(one) for one in children_of([model])]
    for name in ("WEIGHTS", "CHILDREN"):
        without(name)
    assert all(a is b for a, b in zip(weights_of(model["a"]), weights, strict=True))
    assert children_of([model]) == children


def test_where_torch_does_not_tell_somebody_may_listen(without):
    model = nn.Linear(2, 2)
    assert not have_forward_hooks([model]) and not have_gradient_hooks([model])
    for name in ("BACKWARD_HOOKS", "PARAMETER_HOOKS"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch_internals, name, attrgetter("gone"))
            assert have_gradient_hooks([model])
    without("FORWARD_HOOKS")
    assert have_forward_hooks([model])


def test_cross_entropy_by_autograd_is_the_same_to_the_bit(without):
    generator = torch.Generator().manual_seed(0)
    outputs, weights = (torch.randn(7, n, generator=generator) for n in (3, 1))
    targets = torch.arange(7) % 3
    expected = log_softmax_nll_with_gradient(outputs, targets, weights[:, 0])
    without("CROSS_ENTROPY")
    with torch.no_grad():
        found = log_softmax_nll_with_gradient(outputs, targets, weights[:, 0])
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other) and not one.requires_grad


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("lost", ["FUSED_ADAM", "STEP_HOOKS", "GLOBAL_STEP_HOOKS"])
def test_updates_by_the_optimiser_are_the_same_to_the_bit(optimizer, lost, without, ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, optimizer=optimizer)
    expected = model.fit(X, y).decision_function(X)
    vector = model.net_._flat.vector
    assert step_of_fused_adam(model.net_.optimizer_, vector)
    without(lost)
    assert not step_of_fused_adam(model.net_.optimizer_, vector)
    assert np.array_equal(model.fit(X, y).decision_function(X), expected)


@pytest.mark.parametrize("lost", ["TorchDispatchMode", "SCHEMA"])
def test_an_exchanged_generator_draws_the_same(lost, without):
    def draw(generator):
        with draw_from(generator):
            return [torch.rand(3), *nn.LSTM(2, 3).parameters(), torch.randperm(9)]

    ours = torch.Generator().manual_seed(3)
    expected = [*draw(ours), *draw(ours)]
    without(lost)
    theirs, before = torch.Generator().manual_seed(3), torch.get_rng_state()
    found = [*draw(theirs), *draw(theirs)]
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)
    with pytest.raises(KeyError), draw_from(theirs):
        raise KeyError
    assert torch.equal(torch.get_rng_state(), before)


def test_redirected_functions_are_suspected_where_torch_does_not_tell(without, ragged):
    X, y = ragged
    expected = LSTMClassifier(**SMALL).fit(X, y).decision_function(X)
    assert not torch_functions_redirected()
    with torch.device("meta"):
        assert torch_functions_redirected()
    without("REDIRECTIONS")
    assert torch_functions_redirected()
    for device in ("cpu", "meta"):
        with torch.device(device):
            found = LSTMClassifier(**SMALL).fit(X, y).decision_function(X)
        assert np.array_equal(found, expected)


def test_bfloat16_is_left_alone_where_torch_does_not_tell(without):
    without("BF16_KERNELS")
    without("BF16_UNITS")
    assert not has_bf16_kernels.__wrapped__() and not is_fast_in_bf16("cpu")


def test_bfloat16_by_autograd_learns_the_same(monkeypatch, ragged, fit_in_bf16):
    X, y = ragged
    model = LSTMClassifier(**SMALL, precision="bf16")
    expected = fit_in_bf16(model, X, y).decision_function(X)
    monkeypatch.setattr("seqlearn.training.kernel_gradients.has_bf16_kernels", lambda: False)
    np.testing.assert_allclose(model.fit(X, y).decision_function(X), expected, atol=0.1)
