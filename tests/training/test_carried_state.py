"""Training may begin where the rows of the last batch ended: chunks of long texts and streams."""

import numpy as np
import pytest
import torch

from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.data.batches import unless_full
from seqlearn.modules.heads.labels import LabelHead
from seqlearn.training.kernel_gradients import KernelGradient
from seqlearn.training.net import SequenceNet
from seqlearn.training.randomness import Seeds

B, T, F, C = 4, 6, 3, 5


class Chunks(torch.utils.data.Dataset):
    """Rows of twelve steps, handed out in two halves; the second goes on, for some rows."""

    def __init__(self, keeps):
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(B, 2 * T, F, generator=generator)
        self.y = torch.randint(C, (B, 2 * T), generator=generator)
        self.keeps = [torch.zeros(B, dtype=torch.bool), keeps]
        self.lengths = np.full(B, T)

    def __iter__(self):
        for i, keeps in enumerate(self.keeps):
            part = slice(i * T, (i + 1) * T)
            inputs = {"x": self.x[:, part], "lengths": torch.full((B,), T), "keeps": keeps}
            yield inputs, {"y": self.y[:, part], "w": None}


def net_of(**encoder):
    encoder = {"num_layers": 2, "bidirectional": False, "dropout": 0.0} | encoder
    encoder |= {"backend": TorchLSTM(), "input_size": F, "hidden_size": 8, "readout": None}
    net = SequenceNet(
        network={"encoder": encoder, "head": (LabelHead, {"output_size": C})},
        optimizer="sgd",
        seeds=Seeds(0),
        dtype="float32",
        gradient_clip=None,
        precision="float32",
        lr=0.0,
        device="cpu",
    ).initialize()
    net._batch_callbacks = {"on_grad_computed": []}
    net._state, net._shows_batches = None, False
    return net


def gradients(net, batches, by_kernels):
    net._kernel_gradient = None
    if by_kernels:
        net._kernel_gradient = KernelGradient.of(net.module_, net.plain, net._flat, net._threads)
        assert net._kernel_gradient is not None
    found = []
    for batch in batches:
        step = net.train_step(batch)
        found.append((float(step["loss"].detach()), net._flat.vector.grad.clone()))
    return found


@pytest.mark.parametrize("by_kernels", [True, False])
@pytest.mark.parametrize("keeps", [[True] * B, [True, False, True, False]])
def test_rows_go_on_where_they_ended_and_begin_anew_where_they_do_not(keeps, by_kernels):
    keeps = torch.tensor(keeps)
    chunks, net = Chunks(keeps), net_of()
    (_, first), (loss, second) = gradients(net, chunks, by_kernels)
    module = net_of().module_.train()
    with torch.no_grad():
        _, state = module.run(chunks.x[:, :T])
    state = tuple(tuple(part * keeps[:, None] for part in layer) for layer in state)
    outputs, _ = module.run(chunks.x[:, T:], None, state)
    expected = module.head.loss(outputs, chunks.y[:, T:]).mean()
    expected.backward()
    due = torch.cat([parameter.grad.flatten() for parameter in module.parameters()])
    assert loss == pytest.approx(float(expected.detach()), abs=1e-6)
    torch.testing.assert_close(second, due, atol=1e-6, rtol=1e-4)
    assert not torch.allclose(first, second)


def test_kernels_and_autograd_carry_the_same_state():
    chunks = Chunks(torch.tensor([True, False, True, True]))
    pairs = zip(
        *(gradients(net_of(), chunks, by_kernels) for by_kernels in (True, False)), strict=True
    )
    for (loss, gradient), (other_loss, other) in pairs:
        assert loss == pytest.approx(other_loss, abs=1e-6)
        torch.testing.assert_close(gradient, other, atol=1e-6, rtol=1e-4)


def test_a_whole_row_equals_its_halves_in_the_first_pass():
    chunks = Chunks(torch.ones(B, dtype=torch.bool))
    losses = [loss for loss, _ in gradients(net_of(), chunks, True)]
    module = net_of().module_.train()
    whole = module.head.loss(module(chunks.x), chunks.y).mean() / 2
    assert np.mean(losses) == pytest.approx(float(whole.detach()), abs=1e-6)


def test_lengths_are_asked_of_full_rows_alone():
    assert unless_full(torch.full((B,), T)) is None
    assert unless_full(torch.tensor([T]).expand(B)) is None
    assert unless_full(torch.tensor([T, 2])).tolist() == [T, 2]
