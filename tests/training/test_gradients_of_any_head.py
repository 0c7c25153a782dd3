"""Whatever a head looks at, is frozen or listened to: kernels train as autograd does."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.data.sequences import Sequences
from seqlearn.inputs.station import Input, Inputs
from seqlearn.modules.heads.linear import ClassHead, LinearHead
from seqlearn.training import kernel_gradients
from seqlearn.training.kernel_gradients import KernelGradient
from seqlearn.training.net import SequenceNet
from seqlearn.training.prediction import predict
from seqlearn.training.randomness import Seeds

B, T, F, E, C = 9, 6, 3, 5, 4
LENGTHS = torch.tensor([6, 5, 3, 2, 1, 6, 4, 4, 6])


class Mapped(Input):
    """A linear map, frozen from the beginning if need be, beside weights that nobody uses."""

    def __init__(self, output_size, frozen):
        super().__init__(output_size)
        self.map, self.unused = nn.Linear(F, output_size), nn.Linear(2, 2)
        self.map.requires_grad_(not frozen)

    def forward(self, x, lengths):
        return Inputs(torch.tanh(self.map(x)), lengths)


class Base(LinearHead):
    def loss(self, outputs, y):
        return functional.cross_entropy(outputs, y, reduction="none")

    def score(self, outputs, y, weights):
        return torch.zeros(())


class Plain(Base):
    pass


class LooksAtValues(Base):
    def forward(self, features, seen):
        return self.linear(features) * seen.values.square().mean((1, 2))[:, None]


class TiedToTheInput(Base):
    def forward(self, features, seen):
        own = 0.0 if seen.network.input is None else seen.network.input.map.weight.sum(1)[:C]
        return self.linear(features) + own


class Several(Base):
    def forward(self, features, seen):
        return self.linear(features), None, features

    def loss(self, outputs, y):
        return super().loss(outputs[0], y) + outputs[2].square().mean(1)


class PenaltyOnTheCore(Base):
    def forward(self, features, seen):
        own = next(seen.network.encoder.core.parameters())
        return self.linear(features), own.square().sum()

    def loss(self, outputs, y):
        return super().loss(outputs[0], y) + outputs[1]


class LooksAway(Base):
    def forward(self, features, seen):
        return self.linear(features.detach())


class Steps(Base):
    reads_steps = True

    def loss(self, outputs, y):
        return super().loss(outputs.mean(1), y)


class OwnLoss(ClassHead):
    def loss(self, outputs, y):
        return outputs.square().sum(1)


HEADS = (
    Plain,
    LooksAtValues,
    TiedToTheInput,
    Several,
    PenaltyOnTheCore,
    LooksAway,
    Steps,
    OwnLoss,
)


def net_of(head, *, input=True, frozen=False, optimizer="sgd", **encoder):
    encoder = {"num_layers": 2, "bidirectional": False, "readout": "last"} | encoder
    encoder |= {"backend": TorchLSTM(), "input_size": F, "hidden_size": 8, "dropout": 0.0}
    net = SequenceNet(
        network={
            "input": (Mapped, {"output_size": E, "frozen": frozen}) if input else None,
            "encoder": encoder,
            "head": (head, {"output_size": C}),
        },
        optimizer=optimizer,
        seeds=Seeds(0),
        dtype="float32",
        gradient_clip=None,
        precision="float32",
        lr=0.0,
        device="cpu",
    ).initialize()
    net._batch_callbacks = {"on_grad_computed": []}
    net._state, net._shows_batches = None, False
    net._set_training(True)
    return net


def batch(*, lengths=None, keeps=None):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(B, T, F, generator=generator), torch.randint(C, (B,), generator=generator)
    inputs = {"x": x, "lengths": torch.full((B,), T) if lengths is None else lengths}
    if keeps is not None:
        inputs["keeps"] = torch.full((B,), keeps)
    return inputs, {"y": y, "w": torch.linspace(0.5, 1.5, B)}


def train(net, batches, by_kernels):
    """Train on some batches; return loss and gradient of each, and what computed them."""
    net._kernel_gradient = None
    if by_kernels:
        net._kernel_gradient = KernelGradient.of(net.module_, net.plain, net._flat, net._threads)
    found = []
    for one in batches:
        loss = net.train_step(one)["loss"].detach()
        found.append(
            (loss, [p.grad.clone() for p in net.module_.parameters() if p.grad is not None])
        )
    return found, net._kernel_gradient


def assert_the_same(make, batches):
    found, kernels = train(make(), batches, True)
    expected, _ = train(make(), batches, False)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    return kernels


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("given", [{"input": False}, {}, {"frozen": True}])
@pytest.mark.parametrize(
    "encoder", [{}, {"readout": "attention"}, {"bidirectional": True, "readout": "mean"}]
)
def test_any_head_learns_what_autograd_teaches(head, given, encoder):
    kernels = assert_the_same(lambda: net_of(head, **given, **encoder), [batch(lengths=LENGTHS)])
    assert kernels is not None


@pytest.mark.parametrize("head", [Plain, OwnLoss])
@pytest.mark.parametrize("encoder", [{}, {"bidirectional": True, "readout": "mean"}])
def test_a_head_written_out_learns_it_in_parts_too(head, encoder, monkeypatch):
    monkeypatch.setattr(kernel_gradients, "PARTS", ((1, 3),))
    kernels = assert_the_same(
        lambda: net_of(head, input=False, **encoder), [batch(lengths=LENGTHS)]
    )
    assert kernels.plain is not None and kernels._parts(B, T) > 1


@pytest.mark.parametrize("head", [Plain, LooksAtValues, Steps])
@pytest.mark.parametrize("input", [False, True])
def test_the_first_batch_hands_its_state_on(head, input):
    batches = [batch(keeps=False), batch(keeps=True)]
    assert assert_the_same(lambda: net_of(head, input=input), batches) is not None
    (first, _), (second, _) = train(net_of(head, input=input), batches, True)[0]
    assert abs(first - second) > 1e-4


class Twice(torch.optim.SGD):
    def step(self, closure):
        closure()
        return super().step(closure)


def test_an_optimiser_that_asks_twice_begins_from_one_state_both_times():
    batches = [batch(keeps=False), batch(keeps=True)]
    once, twice = (train(net_of(Plain, optimizer=one), batches, False)[0] for one in ("sgd", Twice))
    torch.testing.assert_close([loss for loss, _ in twice], [loss for loss, _ in once])


def zeros(module, inputs, outputs):
    return tuple(None if one is None else 0 * one for one in inputs)


@pytest.mark.parametrize("name", ["encoder", "encoder.readout"])
def test_hooks_on_gradients_are_heard(name):
    def make():
        net = net_of(TiedToTheInput, readout="mean")
        net.module_.get_submodule(name).register_full_backward_hook(zeros)
        return net

    assert assert_the_same(make, [batch()]) is None


def test_a_hook_on_shared_weights_is_called_once_a_batch():
    def make():
        net = net_of(TiedToTheInput)
        net.module_.input.map.weight.register_hook(lambda grad: grad.clamp(-1e-3, 1e-3))
        return net

    assert_the_same(make, [batch()])


def test_an_encoder_with_another_forward_is_called():
    def make():
        net = net_of(Steps, readout=None)
        forward = net.module_.encoder.forward
        net.module_.encoder.forward = lambda *args, **more: (2 * forward(*args, **more)[0], None)
        return net

    assert_the_same(make, [batch()])


def test_no_graph_is_left_to_the_outputs_of_a_batch():
    step = train(net_of(Several), [batch()], True)[1](*batch())
    assert not any(one is not None and one.requires_grad for one in step["y_pred"])


class Doubled(Base):
    def read(self, outputs):
        return 2 * outputs


def test_what_a_head_reads_is_predicted():
    x = np.linspace(-1, 1, B * T * F, dtype=np.float32).reshape(B * T, F)
    sequences = Sequences(x, np.arange(B + 1) * T)
    once, doubled = (predict(net_of(head, input=False), sequences) for head in (Plain, Doubled))
    np.testing.assert_allclose(doubled, 2 * once, rtol=1e-5)


class LossOfWeights(Base):
    def loss(self, outputs, y):
        return super().loss(outputs, y) + self.linear.weight.square().sum()


def test_a_loss_that_looks_at_weights_is_told_where_to_do_so():
    net = net_of(LossOfWeights, input=False)
    with pytest.raises(NotImplementedError, match="The loss of LossOfWeights depends on weights"):
        train(net, [batch()], True)
    ((_, gradients),) = train(net_of(LossOfWeights), [batch()], True)[0]
    assert gradients[-2].abs().sum() > 0
