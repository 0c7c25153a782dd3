"""An encoder computed without its modules and without autograd against the encoder itself."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seqlearn.backend import Dropout
from seqlearn.backends.torch_gru import TorchGRU
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.modules.encoder import Encoder
from seqlearn.modules.heads.labels import LabelHead
from seqlearn.modules.heads.linear import ClassHead
from seqlearn.modules.kernel_encoder import KernelEncoder
from seqlearn.modules.network import Network
from seqlearn.states import select_rows

READOUTS = ["last", "mean", "max", "attention", None]


def make_model(backend=None, seed=0, **changes):
    torch.manual_seed(seed)
    settings = {"num_layers": 1, "bidirectional": False, "dropout": 0.0, "readout": "last"}
    return Encoder(backend or TorchLSTM(), 3, 5, **(settings | changes))


def make_network(head=ClassHead, input=None, **changes):
    torch.manual_seed(0)
    encoder = {"num_layers": 1, "bidirectional": False, "dropout": 0.0, "readout": "last"}
    encoder |= {"backend": TorchLSTM(), "input_size": 3, "hidden_size": 5} | changes
    return Network(encoder, (head, {"output_size": 4}), input)


def make_batch(lengths, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(len(lengths), max(lengths), 3)).astype(np.float32)  # padding too
    return torch.tensor(x), torch.tensor(lengths)


@pytest.fixture(autouse=True)
def masks_without_chance(monkeypatch):
    def mask(self, x):
        return torch.arange(x.numel()).view(x.shape).remainder(3) * 0.7

    monkeypatch.setattr(Dropout, "mask", mask)


networks = st.fixed_dictionaries(
    {
        "num_layers": st.integers(1, 3),
        "bidirectional": st.booleans(),
        "dropout": st.sampled_from([0.0, 0.4]),
        "readout": st.sampled_from(READOUTS),
    }
)
rows = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@pytest.mark.slow
@settings(deadline=None)
@given(networks, rows, st.booleans())
def test_outputs_and_gradients_are_those_of_modules_and_autograd(network, lengths, equal):
    model = make_model(**network)
    x, lengths = make_batch(lengths)
    lengths = None if equal else lengths
    kernels = KernelEncoder.of(model)
    assert kernels.reads_out == (network["readout"] in ("last", "mean", "max"))
    x.requires_grad_()
    expected = model(x, lengths, keep_steps=not kernels.reads_out)[0]
    if not kernels.reads_out and lengths is not None:  # what stands past the end is never read
        past = torch.arange(x.shape[1]) >= lengths[:, None]
        expected = expected.masked_fill(past[..., None], 0.0)
    gradient = torch.randn_like(expected)
    expected.backward(gradient)
    if not kernels.reads_out and lengths is not None:
        gradient = gradient.masked_fill(past[..., None], 0.0)
    outputs, backward, _ = kernels.run(
        x.detach(),
        lengths,
        kernels.masks(*x.shape[:2]),
        to_vectors=kernels.reads_out,
        needs_inputs=True,
    )
    if not kernels.reads_out and lengths is not None:
        outputs = outputs.masked_fill(past[..., None], 0.0)
    torch.testing.assert_close(outputs, expected.detach(), atol=1e-6, rtol=1e-5)
    of_x, found = backward(gradient)
    torch.testing.assert_close(of_x, x.grad, atol=2e-6, rtol=1e-4)
    for parameter, one in zip(model.core.parameters(), found, strict=True):
        torch.testing.assert_close(one.view(parameter.shape), parameter.grad, atol=2e-6, rtol=1e-4)


@settings(deadline=None)
@given(networks, rows, st.booleans())
def test_evaluation_gives_the_same_answers(network, lengths, equal):
    model = make_model(**network).eval()
    x, lengths = make_batch([max(lengths)] * len(lengths) if equal else lengths)
    lengths = None if equal else lengths
    with torch.inference_mode():
        expected = model(x, lengths)[0]
        kernels = model.kernels = KernelEncoder.of(model)
        found = [model(x, lengths)[0]]
        if kernels.reads_out:
            found.append(kernels.vectors(x, lengths))
    for one in found:
        if network["readout"] is None and lengths is not None:
            past = torch.arange(x.shape[1]) >= lengths[:, None]
            one, expected = (some.masked_fill(past[..., None], 0.0) for some in (one, expected))
        torch.testing.assert_close(one, expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("training", [False, True])
def test_a_row_goes_on_from_its_state(training):
    model = make_model(readout=None, num_layers=2).train(training)
    kernels = KernelEncoder.of(model)
    x, _ = make_batch([7, 7, 7])

    def run(x, state):
        if training:
            outputs, _, state = kernels.run(
                x, None, kernels.masks(*x.shape[:2]), state=state, to_vectors=False
            )
            return outputs, state
        with torch.inference_mode():
            return kernels.steps(x, None, state)

    whole, end = run(x, None)
    first, state = run(x[:, :4], None)
    order = torch.tensor([2, 0])
    rest, after = run(x[order, 4:], select_rows(state, order))
    torch.testing.assert_close(first, whole[:, :4])
    torch.testing.assert_close(rest, whole[order, 4:])
    for one, due in zip(after, select_rows(end, order), strict=True):
        torch.testing.assert_close(one, due)
    _, due = model.core(x, None, None)
    torch.testing.assert_close(end, due)


def test_the_gradient_from_a_state_is_that_of_autograd():
    model = make_model(readout=None, num_layers=2)
    kernels = KernelEncoder.of(model)
    x, _ = make_batch([5, 5])
    _, state = model.core(x, None, None)
    state = tuple(tuple(part.detach() for part in layer) for layer in state)
    outputs, _ = model(x, None, state)
    gradient = torch.randn_like(outputs)
    outputs.backward(gradient)
    _, backward, _ = kernels.run(x, None, [None, None], state=state, to_vectors=False)
    for parameter, one in zip(model.core.parameters(), backward(gradient)[1], strict=True):
        torch.testing.assert_close(one.view(parameter.shape), parameter.grad, atol=2e-6, rtol=1e-4)


def test_equal_maxima_share_the_gradient():
    model = make_model(readout="max", bidirectional=True)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)  # all outputs are 0, at every step
    x, _ = make_batch([4, 4])
    gradient = torch.ones(2, 10)
    model(x)[0].backward(gradient)
    kernels = KernelEncoder.of(model)
    _, backward, _ = kernels.run(x, None, kernels.masks(2, 4))
    for parameter, one in zip(model.parameters(), backward(gradient)[1], strict=True):
        torch.testing.assert_close(one.view(parameter.shape), parameter.grad)


@pytest.mark.parametrize(
    "model",
    [make_model(TorchGRU()), make_model().double(), make_model().to("meta")],
    ids=["gru", "float64", "meta"],
)
def test_other_encoders_are_left_to_their_modules(model):
    assert KernelEncoder.of(model) is None


class OtherHead(ClassHead):
    """Computes more than a linear map."""

    def forward(self, features, seen=None):
        return super().forward(features.square())


def test_what_stands_around_the_core_is_left_to_modules_unless_it_is_plain():
    assert KernelEncoder.of_plain(make_network()) is not None
    more = make_network()
    more.head.scale = nn.Parameter(torch.ones(1))
    for network in (
        make_network(OtherHead),
        make_network(LabelHead, readout=None),
        make_network(readout="attention"),
        make_network(backend=TorchGRU()),
        more,
    ):
        assert KernelEncoder.of_plain(network) is None


def test_kernels_called_in_another_way_are_left_alone(monkeypatch):
    assert KernelEncoder.of(make_model()) is not None
    monkeypatch.setattr("seqlearn.torch_internals.BACKWARD", "input workspace")
    assert KernelEncoder.of(make_model()) is None
    monkeypatch.undo()
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert KernelEncoder.of(make_model()) is None


def with_other_parts(**parts):
    model = make_model(num_layers=2, bidirectional=True)
    for name, part in parts.items():
        setattr(model.core, name, part)
    return model


def test_stacks_with_more_in_them_are_left_to_their_modules():
    class Locked(Dropout):
        pass

    tied = with_other_parts()
    tied.core.backward_layers = tied.core.layers
    for model in (
        with_other_parts(scale=nn.Parameter(torch.ones(3))),
        with_other_parts(dropout=Locked(0.5)),
        with_other_parts(dropout=nn.Identity()),
        tied,
    ):
        assert KernelEncoder.of(model) is None


def add_hook(model):
    model.core.layers[0].register_forward_hook(lambda *_: None)


def add_layer(model):
    model.core.layers.append(nn.LSTM(5, 5, batch_first=True))


def replace_layer(model):
    model.core.layers[1] = nn.LSTM(5, 5, batch_first=True)


def parametrize(model):
    layer = model.core.layers[0]
    nn.utils.parametrize.register_parametrization(layer, "weight_hh_l0", nn.Identity())


def replace_forward(model):
    model.forward = lambda x, lengths: x[:, 0]


@pytest.mark.parametrize(
    "change",
    [
        add_hook,
        add_layer,
        replace_layer,
        parametrize,
        replace_forward,
        nn.Module.double,
    ],
)
def test_it_knows_when_the_model_was_changed(change):
    model = make_model(num_layers=2)
    kernels = KernelEncoder.of(model)
    assert kernels.holds()
    change(model)
    assert not kernels.holds()


def test_it_knows_what_torch_was_told():
    kernels = KernelEncoder.of(make_model())
    with torch.autocast("cpu"):
        assert not kernels.holds()
    hook = nn.modules.module.register_module_forward_hook(lambda *_: None)
    assert not kernels.holds()
    hook.remove()
    assert kernels.holds()


def test_a_plain_network_knows_of_its_head():
    network = make_network()
    plain = KernelEncoder.of_plain(network)
    hook = network.head.linear.register_forward_hook(lambda *_: None)
    assert not plain.holds()
    hook.remove()
    assert plain.holds()
    network.head.linear = nn.Linear(5, 4)
    assert not plain.holds()


def test_weights_given_anew_are_seen():
    model = make_model().eval()
    kernels = KernelEncoder.of(model)
    x, lengths = make_batch([3, 2])
    with torch.no_grad():
        model.core.layers[0].weight_hh_l0.data = torch.zeros(20, 5)
    with torch.inference_mode():
        assert torch.equal(kernels.vectors(x, lengths), model(x, lengths)[0])
