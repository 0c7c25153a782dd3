"""LSTMForecaster and the size of numbers, intervals around its forecast, the order of a panel."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn import LSTMForecaster
from seqlearn.errors import DataFormatError
from seqlearn.estimators.forecasting.quantiles import around

SMALL = {
    "hidden_size": 4,
    "max_epochs": 2,
    "window_length": 14,
    "segment_length": 7,
    "random_state": 0,
}
T = np.arange(80)
WAVE = np.sin(2 * np.pi * T / 7) + 0.1 * np.random.default_rng(0).normal(size=80)
WAVE = np.round(WAVE * 2**10) / 2**10  # so that a level of 2**40 rounds nothing away
FH = [1, 2, 3]


def make(**parameters):
    return LSTMForecaster(**{**SMALL, **parameters})


def answers(one, y):
    return [one.predict(), one.predict_interval(coverage=[0.1, 0.9]), one.backtest(y)]


# Sizes.


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["window", "series"])
@pytest.mark.parametrize(
    ("level", "unit"), [(2.0**40, 1.0), (-(2.0**40), 1.0), (0.0, 1e155), (0.0, 1e-165)]
)
def test_levels_and_units_do_not_matter(normalization, level, unit):
    y = pd.Series(WAVE)
    expected = answers(make(normalization=normalization).fit(y, fh=FH), y)
    high = (y + level) * unit
    one = make(normalization=normalization).fit(high, fh=FH)
    one.update(pd.Series([high[79]], index=[79]), update_params=False)
    for found, plain in zip(answers(one, high), expected, strict=True):
        np.testing.assert_allclose((found / unit - level).to_numpy(), plain.to_numpy(), atol=1e-2)


def test_a_panel_has_the_scale_of_each_series():
    y = pd.Series(WAVE)
    parts = {"a": y, "b": (y + 2.0**40), "c": y * 1e155, "d": y * 1e-165}
    panel = pd.concat({key: part.to_frame("y") for key, part in parts.items()}, names=["id", "t"])
    found = make().fit(panel, fh=FH).predict()["y"]
    for key, level, unit in (("b", 2.0**40, 1.0), ("c", 0.0, 1e155), ("d", 0.0, 1e-165)):
        ours = found.loc[key].to_numpy() / unit - level
        np.testing.assert_allclose(ours, found.loc["a"].to_numpy(), atol=1e-3)


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (
            WAVE + 8e11,
            r"Column 'y' of y varies by 0\.71 at a size of 8e\+11.*normalization='window",
        ),
        (WAVE * 1e-165, r"Column 'y' of y varies by .*'float32' does not hold"),
        (WAVE * 1e155, r"y has a value that is .*e\+155 .* dtype='float32'"),
    ],
)
def test_without_normalization_what_the_dtype_does_not_hold_is_refused(y, text):
    with pytest.raises(DataFormatError, match=text):
        make(normalization=None).fit(pd.Series(y, name="y"), fh=FH)


def test_values_far_from_those_of_fit_are_refused_by_name():
    y = pd.Series(WAVE)
    X = pd.DataFrame({"x": np.cos(np.arange(83))})
    one = make().fit(y, X=X[:80], fh=FH)
    before = one.predict(X=X)
    with pytest.raises(DataFormatError, match=r"^y has a value that is .*e\+200"):
        one.update(pd.Series([1e200], index=[80]), X=X[80:81])
    with pytest.raises(DataFormatError, match=r"^y has a value that is .*e\+200"):
        one.backtest(y.where(T < 60, 1e200), X)
    with pytest.raises(DataFormatError, match=r"^X of y has a value that is"):
        one.predict(X=X * 1e200)
    with pytest.raises(DataFormatError, match=r"of size 1e\+305; up to 1e\+300"):
        one.update(pd.Series([1e305], index=[80]), X=X[80:81])
    assert one.predict(X=X).equals(before)


# Intervals.


@pytest.fixture(scope="module")
def calibrated():
    """Forecasters whose held-out errors lie far to one side: a level that rises at the end."""
    y = pd.Series(WAVE + np.where(T > 60, 4.0, 0.0))
    options = [
        {"calibration": "conformal"},
        {"calibration": "conformal", "loss": "squared_error"},
        {"calibration": "conformal", "quantiles": (0.2, 0.4, 0.7)},
        {"calibration": "conformal", "linear": False, "normalization": "series"},
        {"loss": "squared_error", "quantiles": (0.2, 0.4, 0.7)},
    ]
    return y, [make(**{**o, "validation_fraction": 0.3}).fit(y, fh=FH) for o in options]


@pytest.mark.parametrize("which", range(5))
def test_every_interval_contains_the_point_forecast(calibrated, which):
    y, forecasters = calibrated
    one = forecasters[which]
    coverages = [0.001, 0.02, 0.2, 0.5, 0.9, 0.99]
    point, intervals = one.predict(), one.predict_interval(coverage=coverages)
    name = intervals.columns[0][0]
    values = np.ravel(point)
    for coverage in coverages:
        assert (intervals[name, coverage, "lower"] <= values).all()
        assert (intervals[name, coverage, "upper"] >= values).all()
    levels = [0.05, 0.3, 0.499, 0.5, 0.501, 0.7, 0.95]
    assert (np.diff(one.predict_quantiles(alpha=levels), axis=1) >= 0).all()
    tested, of_point = one.backtest(y, alpha=levels), one.backtest(y)
    for level in levels:
        apart = tested.xs(level, axis=1, level="alpha").to_numpy() - of_point.to_numpy()
        assert level == 0.5 or (apart * np.sign(level - 0.5) >= 0).all()


def test_calibration_shifts_the_median_and_not_the_point_forecast(calibrated):
    y, forecasters = calibrated
    plain = make(validation_fraction=0.3).fit(y, fh=FH)
    one = forecasters[0]
    same = plain.predict_quantiles(alpha=[0.5]).to_numpy().ravel()
    np.testing.assert_array_equal(plain.predict(), same)
    median = one.predict_quantiles(alpha=[0.5]).to_numpy().ravel()
    assert (median > one.predict().to_numpy()).all()  # the end of y lies above its forecasts


@given(
    point=st.floats(-5, 5),
    values=st.lists(st.floats(-5, 5), min_size=5, max_size=5),
)
@settings(deadline=None, max_examples=50)
def test_quantiles_around_a_point_stay_ascending_and_move_no_further_than_needed(point, values):
    levels = [0.1, 0.3, 0.5, 0.6, 0.9]
    values = np.sort(values)
    found = around(np.array([point]), values, levels)
    assert (np.diff(found) >= 0).all()
    assert (found[:2] == np.minimum(values[:2], point)).all()
    assert (found[3:] == np.maximum(values[3:], point)).all()
    assert found[2] == values[2]


# The order of a panel.


def panel(keys, n_levels=1):
    parts = {}
    for i, key in enumerate(sorted(keys, key=str)):
        n = 40 + 3 * i
        part = pd.DataFrame({"y": WAVE[:n] * (1 + i) + i})
        parts[key if n_levels == 1 else ("g", key)] = part
    y = pd.concat(parts, names=["group", "id", "t"][-n_levels - 1 :])
    return pd.concat([y.xs(key, level="id", drop_level=False) for key in keys])


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"calibration": "conformal", "validation_fraction": 0.3}])
@pytest.mark.parametrize("n_levels", [1, 2])
def test_the_order_of_the_series_changes_no_bit(options, n_levels):
    keys = ["s2", "s10", "a", "B"]
    quantiles = {"alpha": [0.1, 0.5, 0.9]}
    first = make(**options).fit(panel(keys, n_levels), fh=FH)
    for order in (keys[::-1], [keys[i] for i in (2, 0, 3, 1)]):
        other = make(**options).fit(panel(order, n_levels), fh=FH)
        places = other.predict().index.get_level_values("id").unique().tolist()
        assert places == order
        for ours, theirs in (
            (first.predict(), other.predict()),
            (first.predict_quantiles(**quantiles), other.predict_quantiles(**quantiles)),
        ):
            pd.testing.assert_frame_equal(ours.sort_index(), theirs.sort_index(), check_exact=True)


def test_the_order_of_what_an_update_and_a_pretraining_bring_changes_no_bit():
    keys = ["b", "a", "c"]
    y = panel(keys)
    found = []
    for order in (keys, keys[::-1]):
        one = make().pretrain(panel(order), fh=FH).fit(panel(order), fh=FH)
        new = panel(order).groupby(level="id", sort=False).tail(4)
        new.index = new.index.set_levels(new.index.levels[1] + 4, level=1)
        found.append(one.update(new).predict().sort_index())
    pd.testing.assert_frame_equal(*found, check_exact=True)
    assert not found[0].equals(make().fit(y, fh=FH).predict().sort_index())


def test_which_series_are_looked_at_for_a_season_does_not_hang_on_their_order():
    """Without dates, the season is that of most of 20 series: here 14 have one and 26 another."""
    parts = {}
    for i in range(40):
        wave = np.sin(2 * np.pi * np.arange(40) / (5 if i < 14 else 7))
        parts[f"s{i:02}"] = pd.DataFrame({"y": wave})
    y = pd.concat(parts, names=["id", "t"])
    looked_at = np.unique(np.linspace(0, 39, 20).astype(int))
    places = [*looked_at, *(i for i in range(40) if i not in looked_at)]
    turned = pd.concat([y.loc[[f"s{i:02}"]] for i in np.argsort(places)])
    params = {"window_length": 6, "max_epochs": 1, "hidden_size": 2, "segment_length": 3}
    assert make(**params).fit(y, fh=FH).season_ == 7
    assert make(**params).fit(turned, fh=FH).season_ == 7
