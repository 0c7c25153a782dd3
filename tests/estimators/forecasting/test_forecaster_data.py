"""LSTMForecaster and what it reads: exogenous columns, panels, missing values, the calendar.

One series without any of these is in `test_forecaster`, what is refused in
`test_forecaster_bad_input`.
"""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from seqlearn import LSTMForecaster
from seqlearn.data.windows import WindowDataset

SMALL = {
    "hidden_size": 4,
    "max_epochs": 2,
    "window_length": 8,
    "segment_length": 3,
    "random_state": 0,
}
FH = [1, 2, 3, 4, 5]


def wave(n=60, seed=0, index=None, level=0.0, scale=1.0):
    """A noisy season of 7 steps."""
    t = np.arange(n)
    noise = np.random.default_rng(seed).normal(size=n)
    y = level + scale * (3 * np.sin(2 * np.pi * t / 7) + 0.3 * noise)
    return pd.DataFrame({"y": y}, index=index)


def known(n, seed=9):
    values = np.random.default_rng(seed).normal(size=(n, 2))
    return pd.DataFrame(values, columns=["p", "q"])


def panel(lengths=(40, 55, 25), level=1.0, index=None):
    """Series of unequal length and of levels and spreads that differ by powers of ten."""
    return pd.concat(
        {
            f"s{i}": wave(
                n, seed=i, level=level * 10.0**i, scale=10.0**i, index=index and index[:n]
            )
            for i, n in enumerate(lengths)
        },
        names=["series", "time"],
    )


def ahead_of(y, n, seed=9):
    """Exogenous columns of a panel, each series n steps longer than in y."""
    return pd.concat(
        {key: known(len(y.loc[key]) + n, seed=seed + i) for i, key in enumerate(y.index.unique(0))},
        names=["series", "time"],
    )


def make(**parameters):
    return LSTMForecaster(**{**SMALL, **parameters})


def assert_close(found, expected, rtol=1e-5):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=1e-5)


# Exogenous columns.


def test_an_update_with_gaps_takes_in_x_of_all_steps():
    days = pd.date_range("2024-01", periods=51, freq="D")
    y, X = wave(51, index=days), known(51).set_index(days)
    one = make().fit(y[:40], X=X[:40], fh=FH)
    gapped = y[40:43].drop(days[41])  # by themselves these two show no day between them
    found = copy.deepcopy(one).update(gapped, X=X[40:43], update_params=False)
    expected = one.update(gapped.asfreq("D"), X=X[40:43], update_params=False)
    pd.testing.assert_frame_equal(found.predict(X=X[43:]), expected.predict(X=X[43:]))


@pytest.mark.slow
@pytest.mark.parametrize("decoding", ["parallel", "recursive"])
def test_columns_known_ahead_help(decoding):
    X = known(250)
    noise = np.random.default_rng(1).normal(size=250)
    y = 3 * X["p"] - 2 * X["q"] + 0.1 * noise
    parameters = {"hidden_size": 12, "max_epochs": 10, "batch_size": 16, "lr": 0.03, "dropout": 0.0}
    error = {}
    for name, columns in (("with", X), ("without", None)):
        one = make(**parameters, quantiles=None, decoding=decoding)
        one.fit(y[:200], X=columns if columns is None else columns[:200], fh=FH)
        tested = one.backtest(y[192:], columns if columns is None else columns[192:])
        true = np.array([[y[stamp + step] for step in FH] for stamp in tested.index])
        error[name] = np.abs(tested.to_numpy() - true).mean()
    assert error["with"] < 0.5 * error["without"]


def test_columns_of_the_past_help_and_are_not_needed_ahead():
    X = known(250)
    y = 3 * X["p"].shift(1, fill_value=0.0)
    parameters = {"hidden_size": 12, "max_epochs": 12, "batch_size": 16, "lr": 0.02}
    parameters["linear"] = False  # there is no line in what follows from the features alone
    one = make(**parameters, past_only=["p", "q"])
    one.fit(y[:200], X=X[:200], fh=[1])
    tested = one.backtest(y[192:], X[192:]).iloc[:, 0]
    error = (tested - y.shift(-1)[tested.index]).abs().mean()
    assert error < 0.4 * y.abs().mean()
    one.predict()
    one.update(y[200:202], X=X[200:202]).predict()


def test_what_is_ahead_of_a_column_of_the_past_is_not_read():
    y, X = wave(), known(65)
    one = make(past_only=["q"]).fit(y, X=X[:60], fh=FH)
    expected = one.predict(X=X[["p"]][60:])
    changed = X.assign(q=1e6)
    assert one.predict(X=changed[60:]).equals(expected)
    assert not one.predict(X=X.assign(p=1.0)[60:]).equals(expected)
    assert_close(one.backtest(pd.concat([y, wave(65)[60:]]), X).loc[59], expected["y"])


def test_columns_and_rows_of_x_are_found_by_name():
    y, X = wave(), known(70)
    one = make().fit(y, X=X[:60], fh=FH)
    expected = one.predict(X=X[60:65])
    for same in (X, X[["q", "p"]][40:], X[60:]):
        assert one.predict(X=same).equals(expected)
    assert make().fit(y, X=X, fh=FH).predict(X=X).equals(expected)


def test_rows_of_x_are_needed_at_the_steps_of_fh_alone():
    y, X = wave(), known(65)
    one = make().fit(y, X=X[:60], fh=[2, 4])
    assert one.predict(X=X.iloc[[61, 63]]).index.tolist() == [61, 63]


def test_units_of_x_do_not_matter():
    y, X = wave(), known(65)
    expected = make().fit(y, X=X[:60], fh=FH).predict(X=X)
    moved = 1e3 * X - 40
    assert_close(make().fit(y, X=moved[:60], fh=FH).predict(X=moved), expected, rtol=1e-3)


def test_missing_values_of_x_are_masked_whatever_stands_for_them():
    y, X = wave(), known(65)
    holes = X.mask(np.random.default_rng(0).random(X.shape) < 0.2)
    one = make().fit(y, X=holes[:60], fh=FH)
    found = one.predict(X=holes)
    assert np.isfinite(found).all(axis=None)
    assert make().fit(y, X=holes[:60].dropna(how="all"), fh=FH).predict(X=holes).equals(found)
    assert not make().fit(y, X=holes.fillna(0.0)[:60], fh=FH).predict(X=holes).equals(found)
    assert np.isfinite(one.predict(X=holes * np.nan)).all(axis=None)


@pytest.mark.parametrize("constant", [0.0, 3.0, True])
def test_a_constant_column_of_x_does_no_harm(constant):
    X = known(65).assign(q=constant)
    assert np.isfinite(make().fit(wave(), X=X[:60], fh=FH).predict(X=X)).all(axis=None)


OPTIONS = {
    "x": {},
    "past only": {"past_only": ["p"]},
    "joint": {"share_channels": False},
    "recursive": {"decoding": "recursive", "past_only": ["q"]},
    "calendar": {"calendar": True},
    "calendar recursive": {"calendar": True, "decoding": "recursive", "share_channels": False},
}


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_backtest_is_predict_at_each_cutoff_with_x(options):
    index = pd.period_range("2020-01", periods=75, freq="M")
    y = pd.concat([wave(75, index=index), wave(75, 1, index).rename(columns={"y": "z"})], axis=1)
    X = known(75).set_index(index)
    one = make(**options).fit(y[:60], X=X[:60], fh=FH)
    tested = one.backtest(y, X)
    assert tested.index.tolist() == index[7:70].tolist()
    for cutoff in (7, 8, 40, 59, 69):
        end = slice(cutoff + 1)
        moved = copy.deepcopy(one).update(y[end], X=X[end], update_params=False)
        ahead = X[cutoff + 1 : cutoff + 6]
        assert_close(tested.loc[index[cutoff]], moved.predict(X=ahead).to_numpy().T.ravel())


def test_updates_take_x_in():
    y, X = wave(70), known(75)
    one = make().fit(y[:60], X=X[:60], fh=FH)
    row = one.backtest(wave(75), X).loc[69]
    moved = copy.deepcopy(one)
    for i in range(60, 70):
        moved.update(y[i : i + 1], X=X[i : i + 1], update_params=False)
    assert_close(moved.predict(X=X), row.to_frame())
    assert one.update(y[60:], X=X[60:70]).n_iter_ == 3


# Panels.


def test_a_panel_trains_one_network():
    one = make().fit(panel(), fh=FH)
    assert one.n_iter_ == 2
    found = one.predict()
    expected = [(f"s{i}", n + step) for i, n in enumerate((40, 55, 25)) for step in range(5)]
    assert found.index.tolist() == expected
    intervals = one.predict_interval(coverage=0.5)
    assert intervals.index.tolist() == expected
    assert (intervals["y", 0.5, "upper"] > intervals["y", 0.5, "lower"]).all()
    assert one.predict_var().index.tolist() == expected


def test_levels_of_series_do_not_matter():
    found = make().fit(panel(level=1.0), fh=FH).predict()
    moved = panel()
    shift = {"s0": 1e6, "s1": -5.0, "s2": 3e3}
    scale = {"s0": 1e-3, "s1": 7.0, "s2": 50.0}
    keys = moved.index.get_level_values(0)
    moved["y"] = moved["y"] * keys.map(scale).to_numpy() + keys.map(shift).to_numpy()
    other = make().fit(moved, fh=FH).predict()
    for i, key in enumerate(shift):
        back = (other.loc[key] - shift[key]) / scale[key]
        assert_close(back / 10.0**i, found.loc[key] / 10.0**i, rtol=1e-2)


def test_each_series_is_forecast_from_its_own_end():
    y = panel()
    one = make().fit(y, fh=FH)
    longer = panel((45, 60, 30))
    tested = one.backtest(longer)
    for key, n in (("s0", 40), ("s1", 55), ("s2", 25)):
        assert_close(tested.loc[(key, n - 1)], one.predict().loc[key, "y"], rtol=1e-4)


def test_backtest_of_a_panel_is_predict_at_each_cutoff():
    whole = panel((45, 60, 30))
    one = make().fit(panel(), fh=FH)
    tested = one.backtest(whole, stride=4, alpha=[0.1, 0.5])
    assert tested.index.names == ["series", "cutoff"]
    for back in (0, 4, 8):
        ends = {key: len(whole.loc[key]) - 5 for key in ("s0", "s1", "s2")}
        ends = {key: 7 + (n - 8) // 4 * 4 - back for key, n in ends.items()}
        parts = {key: whole.loc[key].iloc[: end + 1] for key, end in ends.items()}
        moved = copy.deepcopy(one).update(
            pd.concat(parts, names=whole.index.names), update_params=False
        )
        found = moved.predict_quantiles(alpha=[0.1, 0.5])
        for key, end in ends.items():
            assert_close(tested.loc[(key, end)], found.loc[key].to_numpy().ravel(), rtol=1e-4)


def test_series_that_the_network_has_not_seen_are_tested():
    one = make().fit(panel(), fh=FH)
    new = pd.concat({"new": wave(40, seed=7)}, names=["series", "time"])
    assert_close(one.backtest(new).loc["new"], one.backtest(wave(40, seed=7)), rtol=1e-4)


def test_hierarchies_are_forecast_with_their_levels():
    parts = {("n", "a"): wave(30), ("n", "b"): wave(35, 1), ("s", "a"): wave(40, 2)}
    y = pd.concat(parts, names=["region", "shop", "time"])
    found = make().fit(y, fh=[1, 3]).predict()
    assert found.index.names == y.index.names
    assert found.index.tolist() == [
        (*key, len(part) + step) for key, part in parts.items() for step in (0, 2)
    ]


def test_panels_have_their_own_x():
    y, X = panel(), ahead_of(panel(), 5)
    one = make(past_only=["q"]).fit(y, X=X.loc[y.index], fh=FH)
    found = one.predict(X=X[["p"]])
    shuffled = X.loc[["s2", "s0", "s1"]].sort_index()
    assert one.predict(X=shuffled).equals(found)
    assert not one.predict(X=X.assign(p=0.0)).loc["s1"].equals(found.loc["s1"])
    tested = one.backtest(panel((45, 60, 30)), X)
    assert_close(tested.loc[("s1", 54)], found.loc["s1", "y"], rtol=1e-4)


def test_updates_of_some_series_leave_the_others_where_they_are():
    y, longer = panel(), panel((40, 60, 25))
    one = make().fit(y, fh=FH)
    before = one.predict()
    one.update(longer.loc[("s1", slice(55, None)), :], update_params=False)
    after = one.predict()
    assert after.loc["s0"].equals(before.loc["s0"])
    assert after.loc["s1"].index.tolist() == list(range(60, 65))
    assert one.n_iter_ == 2
    one.update(pd.concat({"new": wave(30, 8)}, names=y.index.names))
    assert one.predict().loc["new"].index.tolist() == list(range(30, 35))
    assert one.n_iter_ == 3


@pytest.mark.filterwarnings("ignore:window_length=8 and a horizon:UserWarning")
def test_the_order_and_number_of_short_series_do_not_break_a_panel():
    found = make().fit(panel((1, 40, 2, 3)), fh=FH).predict()
    assert np.isfinite(found).all(axis=None)
    assert found.index.get_level_values(1).tolist()[:5] == [1, 2, 3, 4, 5]


def test_long_series_do_not_drown_short_ones(monkeypatch):
    """A window weighs one over the root of the number that its series gives, one on average."""
    given = []

    def record(*args, **kwargs):
        given.append(kwargs["weights"])
        return WindowDataset(*args, **kwargs)

    monkeypatch.setattr("seqlearn.estimators.forecasting.windows.WindowDataset", record)
    season = make().fit(panel((200, 30)), fh=FH).season_
    least = min(season, 8) if season > 1 else 8  # steps of the past of the first window
    n_long, n_short = (n - least - max(FH) + 1 for n in (200, 30))
    weights = given[0]
    assert len(weights) == n_long + n_short
    np.testing.assert_allclose(weights.mean(), 1.0)
    totals = weights[:n_long].sum(), weights[n_long:].sum()
    np.testing.assert_allclose(totals[0] / totals[1], np.sqrt(n_long / n_short))


def test_pretraining_forecasts_series_not_seen():
    pretrained = make(max_epochs=4).pretrain(panel(), fh=FH)
    assert (pretrained.state, pretrained.n_iter_, pretrained.horizon_) == ("pretrained", 4, 5)
    weights = copy.deepcopy(pretrained.net_.module_.state_dict())
    new = wave(50, seed=8, level=300.0)
    for one in (pretrained.clone(), pretrained):
        found = one.fit(new, fh=[1, 2]).predict()
        assert found.index.tolist() == [50, 51]
        assert (found - 300).abs().max(axis=None) < 20
        assert one.n_iter_ == 4
        now = one.net_.module_.state_dict()
        assert all(torch.equal(now[name], value) for name, value in weights.items())
    again = pretrained.fit(wave(30, seed=3), fh=[3]).predict()
    assert again.index.tolist() == [32]
    assert pretrained.update(wave(34, seed=3)[30:]).n_iter_ == 5


def test_pretraining_equals_a_fit_on_the_panel():
    y = panel()
    one = make().pretrain(y, fh=FH).fit(y, fh=FH)
    assert one.predict().equals(make().fit(y, fh=FH).predict())


def test_pretraining_without_a_horizon_learns_one():
    assert make().pretrain(panel()).horizon_ >= 12


def test_pretraining_goes_on_with_further_panels():
    one = make().pretrain(panel(), fh=FH)
    first = copy.deepcopy(one.net_.module_.state_dict())
    other = panel((30, 30))
    one.pretrain(other, fh=FH)
    afresh = make().pretrain(other, fh=FH).net_.module_.state_dict()
    now = one.net_.module_.state_dict()
    assert not all(torch.equal(now[name], first[name]) for name in now)
    assert not all(torch.equal(now[name], afresh[name]) for name in now)


# Missing values.


@pytest.mark.slow
@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(60),
        pd.period_range("2020-01", periods=60, freq="M"),
        pd.date_range("2020-01", periods=60, freq="D"),
        pd.date_range("2020-01", periods=60, freq="MS"),
    ],
    ids=["range", "period", "day", "month"],
)
def test_a_row_of_nan_is_a_row_left_out(index):
    y = wave(60, index=index)
    for missing in ([3], [20, 21, 40], [57, 58]):
        dropped = y.drop(index[missing])
        hole = y.copy()
        hole.iloc[missing] = np.nan
        first, second = (make().fit(one, fh=FH) for one in (hole, dropped))
        np.testing.assert_array_equal(first.predict(), second.predict())
        assert first.predict().index.tolist() == second.predict().index.tolist()
        np.testing.assert_array_equal(first.backtest(hole), second.backtest(dropped))


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["window", "series", None])
@pytest.mark.parametrize("decoding", ["parallel", "recursive"])
def test_training_with_holes_works(normalization, decoding):
    y = pd.concat([wave(120), wave(120, 1).rename(columns={"y": "z"})], axis=1)
    holes = y.mask(np.random.default_rng(2).random(y.shape) < 0.2)
    holes.iloc[-3:, 0] = np.nan
    for shared in (True, False):
        options = {"normalization": normalization, "decoding": decoding, "share_channels": shared}
        one = make(**options).fit(holes, fh=FH)
        found = one.predict_quantiles(alpha=[0.05, 0.5, 0.95])
        assert np.isfinite(found).all(axis=None)
        assert np.isfinite(one.loss_curve_).all()
        one.update(y.iloc[:2].set_index(pd.RangeIndex(120, 122)) * np.nan)
        assert np.isfinite(one.predict()).all(axis=None)


def test_learning_gets_over_holes():
    t = np.arange(260)
    clean = pd.Series(10 * np.sin(2 * np.pi * t / 8))
    holes = clean.mask(np.random.default_rng(2).random(260) < 0.2)
    one = make(
        hidden_size=16, max_epochs=15, lr=0.01, batch_size=16, window_length=16, segment_length=4
    )
    forecast = one.fit(holes[:252], fh=range(1, 9)).predict()
    assert (forecast - clean[252:]).abs().mean() < 2.5


@pytest.mark.parametrize("options", [{"early_stopping": True}, {"calibration": "conformal"}])
def test_holding_out_gets_over_holes(options):
    holes = wave(120).mask(np.random.default_rng(2).random((120, 1)) < 0.3)
    one = make(**options, validation_fraction=0.2).fit(holes, fh=FH)
    assert np.isfinite(one.predict_interval()).all(axis=None)


# The calendar.


@pytest.mark.parametrize(
    "index",
    [
        pd.period_range("2020-01", periods=65, freq="M"),
        pd.date_range("2020-01-01", periods=65, freq="D"),
        pd.date_range("2020-01-01", periods=65, freq="h", tz="Europe/Stockholm"),
        pd.DatetimeIndex(pd.date_range("2020-01-01", periods=65, freq="MS"), freq=None),
    ],
    ids=["period", "day", "hour in a zone", "month without freq"],
)
def test_calendar_features_are_made_of_the_index(index):
    y = wave(65, index=index)
    one = make(calendar=True).fit(y[:60], fh=FH)
    found = one.predict()
    assert found.index.tolist() == index[60:].tolist()
    assert not found.equals(make().fit(y[:60], fh=FH).predict())
    assert_close(one.backtest(y).loc[index[59]], found["y"])


def test_the_calendar_helps():
    index = pd.date_range("2024-01-01", periods=300, freq="D")
    weekend = (index.dayofweek >= 5) * 5.0
    y = pd.Series(weekend + 0.1 * np.random.default_rng(0).normal(size=300), index=index)
    options = {
        "normalization": "series",
        "window_length": 4,
        "segment_length": 1,
        "max_epochs": 8,
        "lr": 0.02,
        "batch_size": 16,
    }
    error = {}
    for calendar in (True, False):
        one = make(**options, hidden_size=12, calendar=calendar).fit(y[:230], fh=[3])
        tested = one.backtest(y[226:]).iloc[:, 0]
        error[calendar] = (tested - y.shift(-3)[tested.index]).abs().mean()
    assert error[True] < 0.6 * error[False]


def test_calendar_and_x_go_together():
    index = pd.period_range("2020-01", periods=65, freq="M")
    y, X = wave(60, index=index[:60]), known(65).set_index(index)
    one = make(calendar=True, past_only=["q"]).fit(y, X=X[:60], fh=FH)
    assert np.isfinite(one.predict(X=X[["p"]])).all(axis=None)
    assert one.net_.module_.head.n_past_features == 4


def test_x_by_day_matches_y_by_period():
    index = pd.period_range("2020-01", periods=65, freq="M")
    y, X = wave(60, index=index[:60]), known(65)
    expected = make().fit(y, X=X.set_index(index)[:60], fh=FH).predict(X=X.set_index(index))
    stamps = X.set_index(index.to_timestamp())
    assert make().fit(y, X=stamps[:60], fh=FH).predict(X=stamps).equals(expected)
