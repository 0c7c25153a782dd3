"""A network of segments: its parts by hand, padding, missing values, rows, both decodings."""

import copy
import itertools
import pickle
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seqlearn.inputs.segments import SMALLEST_SCALE, SegmentInput
from seqlearn.modules.heads.segments import Forecast, SegmentGRU, SegmentHead
from seqlearn.modules.network import Network
from seqlearn.registry import load_backend
from seqlearn.testing.material import names_for_vectors

NAN = float("nan")
QUANTILES = (0.05, 0.25, 0.5, 0.9)


class Windows(NamedTuple):
    past: Tensor
    past_features: Tensor | None
    future_features: Tensor | None
    channel: Tensor


def model_of(
    *,
    seed=0,
    backend="torch",
    dtype=torch.float64,
    window_length=12,
    normalization="window",
    bidirectional=False,
    dropout=0.0,
    **params,
):
    both = {"segment_length": 3, "n_columns": 1, "n_past_features": 0}
    both = {name: params.pop(name, value) for name, value in both.items()}
    head = {"horizon": 6, "n_channels": 1, "n_future_features": 0, "quantiles": None}
    head |= {"decoding": "parallel", "dropout": dropout, **both, **params}
    head["n_segments"] = -(-window_length // both["segment_length"])
    input = {"output_size": 5, "window_length": window_length, "normalization": normalization}
    encoder = {"backend": load_backend(backend)(), "hidden_size": 5, "num_layers": 1}
    encoder |= {"bidirectional": bidirectional, "dropout": dropout, "readout": "last"}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Network(encoder, (SegmentHead, head), (SegmentInput, input | both))
    return model.to(dtype).eval()


def linear_of(**params):
    """Return a network whose linear path has random weights."""
    model = model_of(linear=True, **params)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        for name, parameter in model.named_parameters():
            if name.startswith("head.linear."):
                parameter.normal_(0.0, 0.3)
    return model


def windows_of(n_rows, *, L=12, H=6, C=1, P=0, K=0, n_channels=1, seed=0, missing=0.0, **_):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        values = torch.randn(shape, generator=generator, dtype=torch.float64)
        gone = torch.rand(shape, generator=generator) < missing
        return values.masked_fill(gone, NAN)

    return Windows(
        10.0 + 3.0 * draw(n_rows, L, C),
        draw(n_rows, L, P) if P else None,
        draw(n_rows, H, K) if K else None,
        torch.randint(n_channels, (n_rows,), generator=generator),
    )


def run(model, windows):
    with torch.no_grad():
        return model(windows)


def in_series_units(forecast):
    return forecast.centre[..., None] + forecast.scale[..., None] * forecast.outputs


def rows_of(windows, rows):
    return Windows(*(None if part is None else part[rows] for part in windows))


def as_float32(windows):
    past, past_features, future_features, channel = windows
    parts = (None if part is None else part.float() for part in (past_features, future_features))
    return Windows(past.float(), *parts, channel)


# Outputs


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.tuples(*[st.integers(1, 9)] * 3),
    C=st.integers(1, 2),
    features=st.sampled_from([(0, 0), (2, 0), (2, 2), (3, 1)]),
    quantiles=st.sampled_from([None, (0.5,), (0.1, 0.9), QUANTILES]),
    normalization=st.sampled_from(["window", "series", None]),
    decoding=st.sampled_from(["parallel", "recursive"]),
    flags=st.tuples(*[st.booleans()] * 3),
    missing=st.sampled_from([0.0, 0.4, 1.0]),
    seed=st.integers(0, 99),
)
def test_outputs_are_finite_ascending_and_of_their_shape(
    sizes, C, features, quantiles, normalization, decoding, flags, missing, seed
):
    L, s, H = sizes
    P, K = features
    bidirectional, copying, linear = flags
    model = model_of(
        seed=seed,
        window_length=L,
        segment_length=s,
        horizon=H,
        n_columns=C,
        n_channels=2,
        n_past_features=P,
        n_future_features=K,
        quantiles=quantiles,
        normalization=normalization,
        decoding=decoding,
        bidirectional=bidirectional,
        copying=copying,
        linear=linear,
    )
    windows = windows_of(3, L=L, H=H, C=C, P=P, K=K, n_channels=2, seed=seed, missing=missing)
    forecast = run(model, windows)
    n_quantiles = 0 if quantiles is None else len(quantiles)
    assert isinstance(forecast, Forecast)
    assert forecast.outputs.shape == (3, H, C, 1 + n_quantiles)
    assert forecast.centre.shape == forecast.scale.shape == (3, 1, C)
    assert all(part.isfinite().all() for part in forecast)
    assert (forecast.scale > 0).all()
    assert (forecast.outputs[..., 1:].diff(dim=-1) >= 0).all()


def test_the_point_is_the_median_or_free():
    windows = windows_of(4)
    median = run(model_of(quantiles=QUANTILES, point_is_median=True), windows).outputs
    assert torch.equal(median[..., 0], median[..., 1 + QUANTILES.index(0.5)])
    free = run(model_of(quantiles=QUANTILES), windows).outputs
    assert not torch.isclose(free[..., :1], free[..., 1:]).any()


# Level and scale


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**20), missing=st.sampled_from([0.0, 0.5, 0.8, 1.0]))
def test_level_and_scale_are_those_of_the_observed_steps(seed, missing):
    windows = windows_of(3, L=6, C=2, seed=seed, missing=missing)
    forecast = run(model_of(window_length=6, n_columns=2), windows)
    for row, column in itertools.product(range(3), range(2)):
        values = windows.past[row, :, column].numpy()
        values = values[~np.isnan(values)]
        centre = values[-1] if len(values) else 0.0
        scale = max(values.std(), SMALLEST_SCALE) if len(values) > 1 else 1.0
        assert float(forecast.centre[row, 0, column]) == centre
        np.testing.assert_allclose(forecast.scale[row, 0, column], scale, rtol=1e-10)


@pytest.mark.parametrize("decoding", ["parallel", "recursive"])
@pytest.mark.parametrize("copying", [False, True])
def test_a_shifted_and_scaled_window_shifts_and_scales_its_forecast(decoding, copying):
    windows = windows_of(4, missing=0.2)
    model = model_of(decoding=decoding, copying=copying, quantiles=QUANTILES)
    other = windows._replace(past=5.0 * windows.past - 100.0)
    expected = 5.0 * in_series_units(run(model, windows)) - 100.0
    torch.testing.assert_close(in_series_units(run(model, other)), expected)


@pytest.mark.parametrize("normalization", ["series", None])
def test_values_in_the_right_units_stay_as_they_are(normalization):
    forecast = run(model_of(normalization=normalization), windows_of(2))
    assert (forecast.centre == 0).all() and (forecast.scale == 1).all()


@pytest.mark.parametrize("copying", [False, True])
def test_a_constant_window_is_forecast_within_a_small_distance(copying):
    windows = windows_of(2)._replace(past=torch.full((2, 12, 1), 7.3, dtype=torch.float64))
    values = in_series_units(run(model_of(copying=copying), windows))
    torch.testing.assert_close(values, torch.full_like(values, 7.3), atol=0.02, rtol=0)


# Segments


@pytest.mark.parametrize("copying", [False, True])
@pytest.mark.parametrize("decoding", ["parallel", "recursive"])
def test_a_window_that_segments_do_not_divide_begins_with_missing_steps(decoding, copying):
    params = {"n_past_features": 2, "decoding": decoding, "copying": copying}
    short, long = model_of(window_length=10, **params), model_of(window_length=12, **params)
    long.load_state_dict(short.state_dict())
    windows = windows_of(3, L=10, P=2)
    padded = windows._replace(
        past=torch.cat([torch.full((3, 2, 1), NAN), windows.past], dim=1),
        past_features=torch.cat([torch.full((3, 2, 2), NAN), windows.past_features], dim=1),
    )
    for one, other in zip(run(short, windows), run(long, padded), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("decoding", ["parallel", "recursive"])
def test_a_horizon_that_segments_do_not_divide_is_cut_off_at_its_end(decoding):
    params = {"n_past_features": 2, "n_future_features": 2, "decoding": decoding}
    short, long = model_of(horizon=7, **params), model_of(horizon=9, **params)
    long.load_state_dict(short.state_dict())
    windows = windows_of(3, H=7, P=2, K=2)
    longer = torch.cat([windows.future_features, torch.full((3, 2, 2), NAN)], dim=1)
    outputs = run(long, windows._replace(future_features=longer)).outputs
    torch.testing.assert_close(run(short, windows).outputs, outputs[:, :7])


def test_the_decoder_is_a_gated_recurrent_unit_of_torch():
    decoder = SegmentGRU(4, n_positions=5, n_channels=3, future_size=2, dropout=0.0).double().eval()
    state, future = torch.randn(6, 4).double(), torch.randn(6, 5, 2).double()
    channel = torch.tensor([0, 1, 2, 0, 1, 2])
    # Position, channel and future stand beside each other in the input of torch's cell.
    cell = nn.GRUCell(4 + 3 + 2, 4).double()
    with torch.no_grad():
        cell.weight_ih[:] = torch.cat(
            [
                decoder.position_gates.weight,
                decoder.channel_gates.weight.T,
                decoder.future_gates.weight,
            ],
            dim=1,
        )
        cell.bias_ih[:] = decoder.position_gates.bias
        cell.weight_hh[:] = decoder.state_gates.weight
        cell.bias_hh[:] = decoder.state_gates.bias
        outputs = decoder(state, channel, future)
        for row, position in itertools.product(range(6), range(5)):
            one_hot = torch.eye(3).double()[channel[row]]
            query = torch.cat([decoder.position[position], one_hot, future[row, position]])
            expected = cell(query[None], state[row, None])[0]
            torch.testing.assert_close(outputs[row, position], expected)


def test_features_of_a_segment_ahead_change_that_segment_alone():
    model = model_of(n_past_features=2, n_future_features=2)
    windows = windows_of(2, P=2, K=2)
    later = windows.future_features.clone()
    later[:, 4] += 1.0
    before, after = run(model, windows), run(model, windows._replace(future_features=later))
    changed = (before.outputs != after.outputs).flatten(2).any(-1)
    assert changed.tolist() == [[False] * 3 + [True] * 3] * 2


def test_every_input_counts():
    model = model_of(n_channels=2, n_past_features=1, n_columns=2)
    windows = windows_of(2, P=1, C=2)
    before = run(model, windows).outputs
    others = [
        windows._replace(past=windows.past + torch.arange(12)[:, None] * torch.tensor([0.0, 1.0])),
        windows._replace(past_features=windows.past_features + 1.0),
        windows._replace(past_features=torch.full_like(windows.past_features, NAN)),
        windows._replace(channel=1 - windows.channel),
    ]
    for other in others:
        assert not torch.isclose(before, run(model, other).outputs).any()


# Recursion


@pytest.mark.parametrize("linear", [False, True])
def test_recursion_appends_what_was_forecast_and_its_features(linear):
    """One segment at a time, by a network of one segment's horizon, the windows moved by hand."""
    params = {"n_past_features": 2, "n_future_features": 1, "normalization": None, "copying": True}
    params |= {"quantiles": QUANTILES, "n_columns": 2}
    make = linear_of if linear else model_of
    whole = make(horizon=8, decoding="recursive", **params)
    step = model_of(horizon=3, decoding="parallel", **params)
    weights = whole.state_dict()
    step.load_state_dict({name: weights[name] for name in step.state_dict()})
    windows = windows_of(3, H=8, P=2, K=1, C=2, missing=0.1)
    future = torch.cat([windows.future_features, torch.full((3, 1, 1), NAN)], dim=1)
    past, features, parts = windows.past, windows.past_features, []
    mapped = torch.zeros(3, 9, 2, dtype=torch.float64)
    if linear:
        steps = past.nan_to_num(0.0).transpose(1, 2)
        mapped[:, :8] = whole.head.linear(steps).transpose(1, 2).detach()
    for i in range(0, 9, 3):
        now = future[:, i : i + 3]
        added = mapped[:, i : i + 3, :, None]
        parts.append(run(step, Windows(past, features, now, windows.channel)).outputs + added)
        past = torch.cat([past[:, 3:], parts[-1][..., 0]], dim=1)
        unknown = torch.full((3, 3, 1), NAN)
        features = torch.cat([features[:, 3:], torch.cat([now, unknown], dim=2)], dim=1)
    expected = torch.cat(parts, dim=1)[:, :8]
    torch.testing.assert_close(run(whole, windows).outputs, expected)


# Copying


def copying_only(choices, **params):
    """Return a network whose free outputs are zero and that gives segments these scores."""
    model = model_of(copying=True, **params)
    point = model.head.point
    with torch.no_grad():
        for part in (point, model.head.distances):
            for parameter in [] if part is None else part.parameters():
                parameter.zero_()
        point.bias[model.head.n_free :] = torch.as_tensor(choices, dtype=point.bias.dtype)
    return model


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**20), missing=st.sampled_from([0.0, 0.3, 1.0]))
def test_copies_are_weighted_means_of_what_was_observed(seed, missing):
    choices = torch.randn(2, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    windows = windows_of(2, C=2, seed=seed, missing=missing)
    model = copying_only(choices.flatten(), n_columns=2)
    forecast = run(model, windows)
    shares = choices.exp() / choices.exp().sum(dim=1, keepdim=True)
    relative = ((windows.past - forecast.centre) / forecast.scale).unflatten(1, (4, 3))
    for row, step, column in itertools.product(range(2), range(6), range(2)):
        total, share = 0.0, float(shares[column, 4])
        for segment in range(4):
            value = float(relative[row, segment, step % 3, column])
            if value == value:
                total += float(shares[column, segment]) * value
                share += float(shares[column, segment])
        assert float(forecast.outputs[row, step, column, 0]) == pytest.approx(total / share)


def test_a_copy_of_the_last_segment_is_the_seasonal_naive_forecast():
    model = copying_only([0.0, 0.0, 0.0, 1e3, 0.0], quantiles=QUANTILES, point_is_median=True)
    windows = windows_of(3)
    expected = windows.past[:, -3:].repeat(1, 2, 1)
    values = in_series_units(run(model, windows))
    torch.testing.assert_close(values[..., 0], expected)
    steps = values[..., 1:].diff(dim=-1) / run(model, windows).scale[..., None]
    torch.testing.assert_close(steps, torch.full_like(steps, np.log(2.0)))


def test_a_copy_of_missing_steps_is_the_level():
    model = copying_only([1e3, 0.0, 0.0, 0.0, 0.0])
    windows = windows_of(3)
    windows.past[:, :3] = NAN
    windows.past[:, 3:6] = NAN
    expected = windows.past[:, -1:].expand(3, 6, 1)
    values = in_series_units(run(copying_only([1e3, 1e3, 0.0, 0.0, 0.0]), windows))
    torch.testing.assert_close(values[..., 0], expected)
    assert run(model, windows).outputs.isfinite().all()


# The linear path


@pytest.mark.parametrize(
    ("decoding", "features"), [("parallel", False), ("parallel", True), ("recursive", False)]
)
@pytest.mark.parametrize("window_length", [12, 10])
def test_a_linear_map_of_every_column_stands_beside_the_network(decoding, window_length, features):
    """Its forecast is averaged with the network's, or, with features, added to it."""
    params = {"n_columns": 2, "window_length": window_length, "decoding": decoding}
    P = K = 2 if features else 0
    params |= {"n_past_features": P, "n_future_features": K}
    params |= {"quantiles": QUANTILES, "point_is_median": True, "copying": True}
    model, plain = linear_of(**params), model_of(**params)
    plain.load_state_dict(
        {name: part for name, part in model.state_dict().items() if "head.linear" not in name}
    )
    windows = windows_of(3, L=window_length, C=2, P=P, K=K, missing=0.2)
    found, network = run(model, windows), run(plain, windows)
    relative = ((windows.past - found.centre) / found.scale).nan_to_num(0.0)
    weight = model.head.linear.weight[:, -window_length:].detach()
    bias = model.head.linear.bias.detach()
    mapped = torch.einsum("hl,blc->bhc", weight, relative) + bias[:, None]
    change = mapped if features else 0.6 * (mapped - network.outputs[..., 0])
    torch.testing.assert_close(found.outputs, network.outputs + change[..., None])


def test_the_linear_map_learns_nothing_of_what_the_network_adds():
    model, windows = linear_of(n_past_features=2).train(), windows_of(3, P=2)
    outputs = model(windows).outputs
    both, mapped = outputs.unbind(-1)
    both.sum().backward()
    assert not torch.equal(both, mapped) and (model.head.linear.weight.grad == 0).all()


def test_in_training_both_points_are_given_and_their_weighted_mean_is_that_of_use():
    model, windows = linear_of(quantiles=QUANTILES), windows_of(3)
    used = run(model, windows).outputs
    trained = run(model.train(), windows).outputs
    weights = torch.tensor([0.4, 0.6], dtype=torch.float64)
    torch.testing.assert_close(trained[..., :2] @ weights, used[..., 0])
    torch.testing.assert_close(trained[..., 2:], used[..., 1:])


# Quantiles


@pytest.mark.parametrize("point_is_median", [False, True])
def test_quantiles_move_what_gives_their_distances_alone(point_is_median):
    params = {"quantiles": QUANTILES, "point_is_median": point_is_median}
    model = model_of(copying=True, linear=True, **params).train()
    outputs = model(windows_of(3)).outputs
    outputs[..., 2:].square().sum().backward()
    moved = {name for name, weights in model.named_parameters() if (weights.grad != 0).any()}
    assert moved and all(name.startswith("head.distances.") for name in moved)


# Rows


@pytest.mark.slow
@pytest.mark.parametrize("decoding", ["parallel", "recursive"])
@pytest.mark.parametrize("backend", names_for_vectors(gaps=False))
def test_a_row_has_the_same_forecast_in_any_batch(backend, decoding):
    """To 1e-6 with any backend, to the bit with torch's LSTM."""
    model = model_of(
        backend=backend,
        dtype=torch.float32,
        decoding=decoding,
        copying=True,
        linear=True,
        quantiles=QUANTILES,
        n_channels=2,
        n_past_features=2,
        n_future_features=2,
    )
    windows = windows_of(67, P=2, K=2, n_channels=2, missing=0.1)
    windows = as_float32(windows)
    whole = run(model, windows)
    for rows in ([66], [3, 0, 41], list(range(20, 55)), list(range(66, -1, -1))):
        for part, expected in zip(run(model, rows_of(windows, rows)), whole, strict=True):
            torch.testing.assert_close(part, expected[rows], rtol=1e-6, atol=1e-6)
            assert backend != "torch" or torch.equal(part, expected[rows])


@pytest.mark.parametrize("decoding", ["parallel", "recursive"])
def test_a_row_knows_nothing_of_the_others_in_training_either(decoding):
    model = model_of(decoding=decoding, copying=True).train()
    windows = windows_of(4)
    windows.past.requires_grad_(True)
    forecast = model(windows)
    (gradient,) = torch.autograd.grad(forecast.outputs[2].sum(), windows.past)
    assert gradient[2].abs().sum() > 0
    assert (gradient[[0, 1, 3]] == 0).all()


# Training


@pytest.mark.parametrize("decoding", ["parallel", "recursive"])
def test_gradients_reach_every_weight_and_are_finite_beside_missing_values(decoding):
    model = model_of(
        decoding=decoding,
        copying=True,
        linear=True,
        quantiles=QUANTILES,
        n_channels=2,
        n_past_features=2,
        n_future_features=1,
    ).train()
    windows = windows_of(8, P=2, K=1, n_channels=2, missing=0.3)
    windows.past[0] = NAN
    forecast = model(windows)
    (forecast.outputs - 1.0).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_noise_is_added_in_training_alone():
    model = model_of(dropout=0.5)
    windows = windows_of(4)
    clean = run(model, windows).outputs
    model.train()
    assert not torch.equal(run(model, windows).outputs, clean)
    model.eval()
    assert torch.equal(run(model, windows).outputs, clean)


def test_copies_and_pickles_give_the_same_bits():
    model, windows = model_of(quantiles=QUANTILES, copying=True), windows_of(4)
    expected = run(model, windows).outputs
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(run(other, windows).outputs, expected)


def test_a_forecaster_does_not_answer_step_by_step():
    with pytest.raises(NotImplementedError, match="reads whole windows"):
        model_of().step(windows_of(2))
