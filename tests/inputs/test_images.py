"""The network over frames: any size, each frame for itself, as torch's functions have it."""

import pytest
import torch
from torch.nn import functional

from seqlearn.backend import draw_from
from seqlearn.inputs.images import ImageInput


def make(shape=(9, 6, 2), channels=(3, 4), dtype=torch.float32, **more):
    arguments = {"kernel_size": 3, "grid": 2, "size": 5, "dropout": 0.0} | more
    with draw_from(torch.Generator().manual_seed(0)):
        return ImageInput(shape, channels=channels, **arguments).to(dtype)


def frames(*shape, dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def test_it_is_what_its_description_says():
    net, x = make(dtype=torch.float64).eval(), frames(2, 3, 9 * 6 * 2, dtype=torch.float64)
    found = net(x, None).values
    for row in range(2):
        for step in range(3):
            maps = x[row, step].view(1, 9, 6, 2).permute(0, 3, 1, 2)
            for layer in net.convolutions:
                weight = layer.weight / 0.3 * (2 / layer.weight[0].numel()) ** 0.5
                maps = functional.conv2d(maps, weight, layer.bias, stride=2, padding=1).relu()
            assert maps.shape == (1, 4, 3, 2)
            whole = maps[0]
            pooled = torch.stack([whole[:, :2].mean(1), whole[:, 2]], dim=1)  # rows 0, 1 and 2
            values = torch.cat([pooled.flatten(), whole.amax((1, 2))])
            weight = net.linear.weight / 0.3 / len(values) ** 0.5
            due = weight @ values + net.linear.bias
            torch.testing.assert_close(found[row, step], due)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 1), (2, 3, 4), (20, 20, 1), (37, 50, 3)])
def test_any_size_is_read(shape):
    net = make(shape, channels=(3, 4, 5), kernel_size=5, grid=3)
    x = frames(2, 3, shape[0] * shape[1] * shape[2]).requires_grad_()
    values, lengths, _ = net(x, torch.tensor([3, 1]))
    assert values.shape == (2, 3, 5)
    assert lengths.tolist() == [3, 1]
    assert net.input_size == x.shape[2]
    values.sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in net.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_frame_has_its_vector_whatever_stands_beside_it(dtype):
    net, x = make((20, 20, 1), dtype=dtype).eval(), frames(40, 3, 400, dtype=dtype)
    with torch.no_grad():
        together = net(x, None).values
        order = torch.randperm(40, generator=torch.Generator().manual_seed(2))
        found = torch.empty_like(together)
        found[order] = net(x[order], None).values
        torch.testing.assert_close(found, together, rtol=0, atol=1e-6)
        for i in (0, 7, 39):
            torch.testing.assert_close(net(x[i : i + 1], None).values[0], together[i])
            torch.testing.assert_close(net.step(x[i : i + 1, 1])[0][0], together[i, 1])


def test_dropout_is_the_same_in_all_frames_of_a_clip():
    net = make(dropout=0.5).train()
    dropped = net(frames(4, 6, 108), None).values == 0
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert 0 < dropped.float().mean() < 1
