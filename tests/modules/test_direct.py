"""A network computed without its modules and without autograd against the network itself."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seqlearn.backend import Dropout
from seqlearn.backends.torch_gru import TorchGRU
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.modules.direct import DirectModel
from seqlearn.modules.heads.linear import ClassHead
from seqlearn.modules.network import Network

READOUTS = ["last", "mean", "max"]


def make_model(backend=None, seed=0, **changes):
    torch.manual_seed(seed)
    encoder = {"backend": backend or TorchLSTM(), "input_size": 3, "hidden_size": 5}
    encoder |= {"num_layers": 1, "bidirectional": False, "dropout": 0.0, "readout": "last"}
    encoder |= changes
    return Network(encoder, (ClassHead, {"output_size": 4, "dropout": encoder["dropout"]}))


def make_batch(lengths, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(len(lengths), max(lengths), 3)).astype(np.float32)  # padding too
    return torch.tensor(x), torch.tensor(lengths)


@pytest.fixture(autouse=True)
def noise_without_chance(monkeypatch):
    def noise(self, x):
        return torch.arange(x.numel()).view(x.shape).remainder(3) * 0.7

    monkeypatch.setattr(Dropout, "noise", noise)


networks = st.fixed_dictionaries(
    {
        "num_layers": st.integers(1, 3),
        "bidirectional": st.booleans(),
        "dropout": st.sampled_from([0.0, 0.4]),
        "readout": st.sampled_from(READOUTS),
    }
)
rows = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@settings(deadline=None)
@given(networks, rows, st.booleans())
def test_outputs_and_gradients_are_those_of_modules_and_autograd(network, lengths, equal):
    model = make_model(**network)
    x, lengths = make_batch([max(lengths)] * len(lengths) if equal else lengths)
    slope = torch.randn(len(x), 4)
    expected = model(x, lengths)
    expected.backward(slope)
    direct = DirectModel.of(model)
    outputs, back = direct.run(x, lengths, direct.noises(*x.shape[:2]))
    torch.testing.assert_close(outputs, expected.detach(), atol=1e-6, rtol=1e-5)
    found = back(slope)
    for parameter, gradient in zip(model.parameters(), found, strict=True):
        torch.testing.assert_close(
            gradient.view(parameter.shape), parameter.grad, atol=2e-6, rtol=1e-4
        )


@settings(deadline=None)
@given(networks, rows, st.booleans(), st.booleans())
def test_evaluation_gives_the_same_answers(network, lengths, equal, encode):
    model = make_model(**network).eval()
    x, lengths = make_batch([max(lengths)] * len(lengths) if equal else lengths)
    with torch.inference_mode():
        expected = (model.encode if encode else model)(x, lengths)
        found = DirectModel.of(model).evaluate(x, lengths, encode=encode)
    if network["readout"] == "mean":  # modules add up both directions in one call
        torch.testing.assert_close(found, expected, atol=1e-7, rtol=1e-6)
    else:
        assert torch.equal(found, expected)


def test_equal_maxima_share_the_gradient():
    model = make_model(readout="max", bidirectional=True)
    for parameter in model.encoder.parameters():
        nn.init.zeros_(parameter)  # all outputs are 0, at every step
    x, lengths = make_batch([4, 4])
    slope = torch.ones(2, 4)
    model(x, lengths).backward(slope)
    direct = DirectModel.of(model)
    _, back = direct.run(x, lengths, direct.noises(*x.shape[:2]))
    for parameter, gradient in zip(model.parameters(), back(slope), strict=True):
        torch.testing.assert_close(gradient.view(parameter.shape), parameter.grad)


@pytest.mark.parametrize(
    "model",
    [
        make_model(TorchGRU()),
        make_model(readout="attention"),
        make_model().double(),
        make_model().to("meta"),
        nn.Linear(2, 2),
    ],
    ids=["gru", "attention", "float64", "meta", "linear"],
)
def test_other_networks_are_left_to_their_modules(model):
    assert DirectModel.of(model) is None


def test_words_are_left_to_their_modules():
    model = make_model()
    model.input = nn.Identity()
    assert DirectModel.of(model) is None


def test_kernels_called_in_another_way_are_left_alone(monkeypatch):
    assert DirectModel.of(make_model()) is not None
    monkeypatch.setattr("seqlearn.modules.direct.BACKWARD", "input workspace")
    assert DirectModel.of(make_model()) is None
    monkeypatch.undo()
    torch._C._set_mkldnn_enabled(False)
    try:
        assert DirectModel.of(make_model()) is None
    finally:
        torch._C._set_mkldnn_enabled(True)


def with_other_parts(**parts):
    model = make_model(num_layers=2, bidirectional=True)
    for name, part in parts.items():
        setattr(model.encoder.core, name, part)
    return model


def test_stacks_with_more_in_them_are_left_to_their_modules():
    class Locked(Dropout):
        pass

    tied = with_other_parts()
    tied.encoder.core.backward_layers = tied.encoder.core.layers
    for model in (
        with_other_parts(scale=nn.Parameter(torch.ones(3))),
        with_other_parts(dropout=Locked(0.5)),
        with_other_parts(dropout=nn.Identity()),
        tied,
    ):
        assert DirectModel.of(model) is None


def add_hook(model):
    model.encoder.core.layers[0].register_forward_hook(lambda *_: None)


def add_layer(model):
    model.encoder.core.layers.append(nn.LSTM(5, 5, batch_first=True))


def replace_layer(model):
    model.encoder.core.layers[1] = nn.LSTM(5, 5, batch_first=True)


def parametrize(model):
    layer = model.encoder.core.layers[0]
    nn.utils.parametrize.register_parametrization(layer, "weight_hh_l0", nn.Identity())


def add_input(model):
    model.input = nn.Identity()


def replace_forward(model):
    model.encoder.forward = lambda x, lengths: x[:, 0]


@pytest.mark.parametrize(
    "change",
    [
        add_hook,
        add_layer,
        replace_layer,
        parametrize,
        add_input,
        replace_forward,
        nn.Module.double,
    ],
)
def test_it_knows_when_the_model_was_changed(change):
    model = make_model(num_layers=2)
    direct = DirectModel.of(model)
    assert direct.holds()
    change(model)
    assert not direct.holds()


def test_it_knows_what_torch_was_told():
    direct = DirectModel.of(make_model())
    with torch.autocast("cpu"):
        assert not direct.holds()
    hook = nn.modules.module.register_module_forward_hook(lambda *_: None)
    assert not direct.holds()
    hook.remove()
    assert direct.holds()


def test_weights_given_anew_are_seen():
    model = make_model().eval()
    direct = DirectModel.of(model)
    x, lengths = make_batch([3, 2])
    with torch.no_grad():
        model.encoder.core.layers[0].weight_hh_l0.data = torch.zeros(20, 5)
        model.head.linear.bias = nn.Parameter(torch.full((4,), 7.0))
    with torch.inference_mode():
        assert torch.equal(direct.evaluate(x, lengths), model(x, lengths))
