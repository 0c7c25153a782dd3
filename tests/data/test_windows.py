"""Windows of a table against plain slices of the series, and what they cost in memory.

`seqlearn.data.windows` alone: arrays in, batches out. What a network makes of them is tested with
the estimator.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.data.windows import SeriesTable, WindowDataset

SHAPES = st.fixed_dictionaries(
    {
        "lengths": st.lists(st.integers(1, 9), min_size=1, max_size=4),
        "n_columns": st.integers(1, 3),
        "window_length": st.integers(1, 6),
        "horizon": st.integers(1, 4),
        "n_features": st.integers(0, 3),
    }
)


def numbered(lengths, n_columns, offset=0.0):
    """Series in which each value says which series, column and step it is of."""
    return [
        offset
        + 10_000.0 * (i + 1)
        + 100.0 * np.arange(n_columns)
        + np.arange(n, dtype=float)[:, None]
        for i, n in enumerate(lengths)
    ]


def make(lengths, n_columns, window_length, horizon, n_features, ahead=False):
    values = numbered(lengths, n_columns)
    features = None
    if n_features:
        after = horizon if ahead else 0
        features = numbered([n + after for n in lengths], n_features, offset=0.5)
    table = SeriesTable(
        values,
        features,
        window_length=window_length,
        horizon=horizon,
        dtype=np.float64,
    )
    return values, features, table


def cut(part, first, last):
    """Rows first to last - 1 of an array; NaN where it has none."""
    rows = np.arange(first, last)
    found = np.full((len(rows), part.shape[1]), np.nan)
    inside = (rows >= 0) & (rows < len(part))
    found[inside] = part[rows[inside]]
    return found


def everything(table, lengths):
    """All windows of all series: origins, series and step of each."""
    origins, places = [], []
    for i, n in enumerate(lengths):
        origins.append(table.origins(i, 0, n - 1))
        places += [(i, step) for step in range(n)]
    return np.concatenate(origins), places


@given(SHAPES, st.booleans(), st.integers(0, 3), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_windows_are_slices_of_their_series(shape, ahead, n_known, random):
    values, features, table = make(**shape, ahead=ahead)
    n_known = min(n_known, shape["n_features"])
    length, horizon = shape["window_length"], shape["horizon"]
    origins, places = everything(table, shape["lengths"])
    order = list(range(len(origins)))
    random.shuffle(order)
    weights = np.arange(1.0, len(origins) + 1)
    for shared in (False, True):
        dataset = WindowDataset(
            table,
            origins[order],
            share_channels=shared,
            n_known=n_known,
            n_segments=3,
            weights=weights[order],
        )
        n_channels = shape["n_columns"] if shared else 1
        assert len(dataset) == len(origins) * n_channels
        rows = np.array(random.sample(range(len(dataset)), len(dataset)))
        inputs, target = dataset[rows]
        batch = inputs["x"]
        assert inputs["lengths"].tolist() == [3] * len(rows)
        for b, row in enumerate(rows.tolist()):
            i, step = places[order[row % len(origins)]]
            channel = row // len(origins)
            columns = [channel] if shared else slice(None)
            part = values[i][:, columns]
            past, future = (
                cut(part, step + 1 - length, step + 1),
                cut(part, step + 1, step + 1 + horizon),
            )
            np.testing.assert_array_equal(batch.past[b].numpy(), past)
            np.testing.assert_array_equal(target["y"][b].numpy(), future)
            assert batch.channel[b] == channel
            if len(origins) > 1:
                assert target["w"][b] == weights[order[row % len(origins)]]
            if features is not None:
                past = cut(features[i], step + 1 - length, step + 1)
                np.testing.assert_array_equal(batch.past_features[b].numpy(), past)
            if n_known:
                future = cut(features[i][:, :n_known], step + 1, step + 1 + horizon)
                np.testing.assert_array_equal(batch.future_features[b].numpy(), future)
        assert (batch.past_features is None) == (features is None)
        assert (batch.future_features is None) == (n_known == 0)


@given(SHAPES)
@settings(deadline=None, max_examples=25)
def test_observed_counts_the_values_of_each_window(shape):
    rng = np.random.default_rng(sum(shape["lengths"]))
    values = numbered(shape["lengths"], shape["n_columns"])
    for part in values:
        part[rng.random(part.shape) < 0.3] = np.nan
    length, horizon = shape["window_length"], shape["horizon"]
    table = SeriesTable(values, None, window_length=length, horizon=horizon, dtype=np.float32)
    origins, places = everything(table, shape["lengths"])
    before, after = table.observed(origins)
    for (i, step), n_before, n_after in zip(places, before, after, strict=True):
        assert n_before == np.isfinite(cut(values[i], step + 1 - length, step + 1)).sum()
        assert n_after == np.isfinite(cut(values[i], step + 1, step + 1 + horizon)).sum()


@given(SHAPES)
@settings(deadline=None, max_examples=25)
def test_each_window_knows_its_series(shape):
    _, _, table = make(**shape)
    origins, places = everything(table, shape["lengths"])
    assert table.series_of(origins).tolist() == [i for i, _ in places]
    assert table.lengths.tolist() == shape["lengths"]


def test_origins_keep_their_stride():
    _, _, table = make([9, 9], 1, 2, 1, 0)
    every = table.origins(1, 1, 8)
    assert table.origins(1, 1, 8, stride=3).tolist() == every[::3].tolist()


def dataset_of(n_steps, window_length, n_columns=2, weights=None, shared=True):
    table = SeriesTable(
        [np.zeros((n_steps, n_columns))],
        [np.zeros((n_steps, 3))],
        window_length=window_length,
        horizon=24,
        dtype=np.float32,
    )
    origins = table.origins(0, window_length, n_steps - 25)
    return WindowDataset(
        table, origins, share_channels=shared, n_known=1, n_segments=4, weights=weights
    )


def memory(dataset):
    """Bytes of all tensors and arrays that a dataset and its table hold, each memory once."""
    held = {}
    for thing in [*vars(dataset).values(), *vars(dataset.table).values()]:
        if isinstance(thing, torch.Tensor):
            held[thing.untyped_storage().data_ptr()] = thing.untyped_storage().nbytes()
        elif isinstance(thing, np.ndarray):
            held[thing.__array_interface__["data"][0]] = thing.nbytes
    return sum(held.values())


@pytest.mark.parametrize("shared", [True, False])
def test_memory_grows_with_the_series_not_with_the_windows(shared):
    n_steps = 20_000
    short, long = (memory(dataset_of(n_steps, n, shared=shared)) for n in (24, 720))
    assert long <= short * 1.1
    assert long <= 60 * n_steps  # 5 columns of 4 bytes, and a few numbers a window


def test_equal_weights_are_none():
    assert dataset_of(60, 8, weights=np.ones(27))[np.arange(3)][1]["w"] is None
    assert dataset_of(60, 8)[np.arange(3)][1]["w"] is None


def test_weights_have_the_type_of_the_values():
    weights = np.linspace(0.5, 1.5, 27)
    w = dataset_of(60, 8, weights=weights)[np.array([2, 29])][1]["w"]
    assert w.dtype == torch.float32
    np.testing.assert_array_equal(w.numpy(), weights[[2, 2]].astype(np.float32))


def test_features_without_columns_are_none():
    table = SeriesTable(
        [np.zeros((5, 1))],
        [np.zeros((5, 0))],
        window_length=2,
        horizon=1,
        dtype=np.float32,
    )
    assert table.features is None
