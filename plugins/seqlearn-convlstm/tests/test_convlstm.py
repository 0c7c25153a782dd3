"""The plugin tested by the public kit, and against the formula in plain NumPy, pixel by pixel."""

import numpy as np
import pytest
import torch
from seqlearn_convlstm import ChannelDropout, ConvLSTM, ConvLSTMLayer

from seqlearn import LSTMClassifier
from seqlearn.backend import draw_from
from seqlearn.errors import InvalidParameterError
from seqlearn.registry import available_backends, load_backend
from seqlearn.testing import backend_checks

OTHERWISE = ConvLSTM(channels=3, kernel_size=5, stride=1, padding="circular", output="flatten")
BUILT = {  # what does not hang on the options is asked once
    check.name for check in backend_checks(OTHERWISE)
} - {"learning", "export", "device_of_inputs", "copies", "parameter_object", "seeds"}


@pytest.mark.parametrize("check", backend_checks("convlstm"))
def test_contract(check):
    check()


@pytest.mark.parametrize("check", [c for c in backend_checks(OTHERWISE) if c.name in BUILT])
def test_contract_with_other_options(check):
    check()


def test_it_is_registered_under_its_name():
    assert available_backends()["convlstm"].startswith("seqlearn-convlstm ")
    assert load_backend("convlstm") is ConvLSTM


def build(size, seed=0, hidden_size=5, dropout=0.0, layers=1, both=False, **options):
    with draw_from(torch.Generator().manual_seed(seed)):
        core = ConvLSTM(**{"channels": 4, **options}).build(
            size, hidden_size, num_layers=layers, bidirectional=both, dropout=dropout
        )
    return core.double().eval()


def clips(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def convolve(frame, weight, stride, wraps):
    """A convolution (H, W, C) to (H', W', K) by hand: windows around every stride-th pixel."""
    height, width, _ = frame.shape
    margin = weight.shape[2] // 2
    out = np.zeros((-(-height // stride), -(-width // stride), len(weight)))
    for i, j in np.ndindex(out.shape[:2]):
        for a, b in np.ndindex(weight.shape[2:]):
            row, column = i * stride + a - margin, j * stride + b - margin
            if wraps:
                row, column = row % height, column % width
            elif not (0 <= row < height and 0 <= column < width):
                continue
            out[i, j] += weight[:, :, a, b] @ frame[row, column]
    return out


@pytest.mark.parametrize("padding", ["zeros", "circular"])
@pytest.mark.parametrize(("size", "stride", "kernel_size"), [((5, 4), 2, 3), ((1, 3), 1, 5)])
def test_layer_matches_loops_in_numpy(padding, size, stride, kernel_size):
    options = ConvLSTM(channels=3, kernel_size=kernel_size, padding=padding)
    with draw_from(torch.Generator().manual_seed(0)):
        layer = ConvLSTMLayer(size, 2, options, stride).double()
        torch.nn.init.normal_(layer.bias)
    x, wraps = clips(2, 4, *size, 2), padding == "circular"
    with torch.no_grad():
        outputs, (h_last, _) = layer(x)
    w = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    for row, found in zip(x.numpy(), outputs.numpy(), strict=True):
        h = c = np.zeros(layer.shape)
        for frame, due in zip(row, found, strict=True):
            z = convolve(frame, w["input_weight"], stride, wraps) + w["bias"]
            z = z + convolve(h, w["state_weight"], 1, wraps)
            f, i, o, g = np.split(z, 4, axis=-1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            np.testing.assert_allclose(due, h, rtol=0, atol=1e-12)
    assert torch.equal(h_last, outputs[:, -1])


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_moved_clip_has_moved_maps_on_a_torus(stride, both):
    core = build((6, 12, 2), stride=stride, padding="circular", layers=2, both=both)
    x, lengths = clips(2, 4, 6, 12, 2), torch.tensor([4, 2])
    with torch.no_grad():
        maps, outputs = core.hidden_maps(x, lengths), core(x, lengths)[0]
        for places in ((1, 0), (0, 1), (1, -1)):
            moved = x.roll([place * stride for place in places], (2, 3))
            due = maps.roll(places, (2, 3))
            for row, length in enumerate(lengths):
                found = core.hidden_maps(moved, lengths)[row, :length]
                torch.testing.assert_close(found, due[row, :length])
                torch.testing.assert_close(
                    core(moved, lengths)[0][row, :length], outputs[row, :length]
                )
        if stride > 1:  # a shift between places is no shift of the map
            assert not torch.allclose(core.hidden_maps(x.roll(1, 2)), maps.roll(1, 2))
    bounded = build((6, 12, 2), stride=stride)
    with torch.no_grad():  # zeros outside are a border: the map knows of it
        moved = bounded.hidden_maps(x.roll(stride, 2))
        assert not torch.allclose(moved, bounded.hidden_maps(x).roll(1, 2))


def test_outputs_are_made_of_the_maps():
    x = clips(2, 3, 5, 4, 1)
    for output, shape in (("pool", 8), ("flatten", 3 * 2 * 4)):
        core = build((5, 4, 1), output=output)
        maps = core.hidden_maps(x)
        assert maps.shape == (2, 3, 3, 2, 4)
        values = torch.cat([maps.amax((2, 3)), maps.mean((2, 3))], dim=-1)
        values = values if output == "pool" else maps.flatten(2)
        assert core.linear.in_features == shape
        torch.testing.assert_close(core(x)[0], core.linear(values))


def test_dropout_takes_whole_channels_of_a_clip():
    drop = ChannelDropout(0.5)
    maps = drop(torch.ones(8, 5, 3, 2, 16))
    assert torch.equal(maps, maps[:, :1, :1, :1].expand_as(maps))
    assert 0.3 < (maps == 0).float().mean() < 0.7
    drop.reseed(0)
    assert torch.equal(drop(torch.ones(8, 3, 2, 16)), maps[:, 0])


def test_memory_of_dropout_does_not_hang_on_frames():
    """A mask for every step of every place takes as much memory as all maps."""
    core, sizes = build((4, 4, 1), dropout=0.5, layers=2).train(), []
    core.maps.dropout.mask = lambda ones: sizes.append(ones.numel()) or torch.ones_like(ones)
    core(clips(3, 50, 4, 4, 1))
    assert sizes == [3 * 4]


@pytest.mark.parametrize(
    "wrong",
    [{"channels": 0}, {"kernel_size": 2}, {"stride": 0}, {"padding": "same"}, {"output": "map"}],
)
def test_wrong_options_are_refused(wrong):
    with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
        build((4, 4, 1), **wrong)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, 2.5])
def test_forget_bias_is_where_the_forget_gate_starts(forget_bias):
    core = build((4, 4, 1), layers=2, both=True, forget_bias=forget_bias)
    for layer in (*core.maps.layers, *core.maps.backward_layers):
        assert (layer.bias[:4] == forget_bias).all()
        assert (layer.bias[4:] == 0).all()


def test_an_estimator_gives_it_frames_and_refuses_what_is_none():
    X = np.zeros((12, 3, 6, 5), np.uint8)
    y = np.arange(12) % 2
    X[y == 1, :, 2:4, 1:3] = 255
    model = LSTMClassifier(backend="convlstm", max_epochs=8, random_state=0, device="cpu").fit(X, y)
    assert model.score(X, y) == 1.0
    with pytest.raises(InvalidParameterError, match="reads frames of video"):
        model.fit(X.reshape(12, 3, 30), y)
