"""LSTMForecaster on one series: chance, horizons, quantiles, backtests, updates, sktime's tools.

Exogenous columns, panels, missing values and the calendar are in `test_forecaster_data`, bad input
in `test_forecaster_bad_input`, sktime's own suite in `test_forecaster_checks`.
"""

import copy
import io
import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skorch.callbacks import Callback
from sktime.base import load
from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.compose import TransformedTargetForecaster
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.split import ExpandingWindowSplitter, SingleWindowSplitter, SlidingWindowSplitter
from sktime.transformations.series.detrend import Detrender
from sktime.transformations.series.exponent import ExponentTransformer

from seqlearn import LSTMForecaster
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.forecasting.settings import auto_epochs

SMALL = {
    "hidden_size": 4,
    "max_epochs": 2,
    "window_length": 8,
    "segment_length": 3,
    "random_state": 0,
}
FH = [1, 2, 3, 4, 5]
LEVELS = [0.05, 0.2, 0.5, 0.8, 0.95]
VARIANTS = {
    "default": {},
    "joint": {"share_channels": False},
    "recursive": {"decoding": "recursive"},
    "recursive joint": {"decoding": "recursive", "share_channels": False},
    "series": {"normalization": "series", "loss": "huber"},
    "raw": {"normalization": None, "loss": "squared_error"},
    "conformal": {"calibration": "conformal", "validation_fraction": 0.3},
    "float64": {"dtype": "float64", "quantiles": (0.3, 0.7)},
    "network alone": {"linear": False},
    "stacked": {"backend": "gru", "num_layers": 2, "bidirectional": True},
}


def wave(n=60, seed=0, index=None):
    """A noisy season of 7 steps on a slope."""
    t = np.arange(n)
    noise = np.random.default_rng(seed).normal(size=n)
    return pd.Series(3 * np.sin(2 * np.pi * t / 7) + 0.1 * t + 0.3 * noise, index=index, name="y")


def two(n=60):
    return pd.DataFrame({"a": wave(n), "b": 50.0 - 4 * wave(n, seed=1)})


def fitted(y=None, fh=FH, X=None, **parameters):
    return LSTMForecaster(**{**SMALL, **parameters}).fit(wave() if y is None else y, X=X, fh=fh)


def answers(forecaster):
    return [forecaster.predict(), forecaster.predict_quantiles(alpha=LEVELS)]


def assert_equal_bits(first, second):
    for a, b in zip(first, second, strict=True):
        (pd.testing.assert_series_equal if a.ndim == 1 else pd.testing.assert_frame_equal)(
            a, b, check_exact=True
        )


def assert_close(found, expected, scale=1.0):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=0, atol=1e-5 * scale)


# Chance, copies, and what is left alone.


@pytest.mark.parametrize("variant", ["default", "recursive joint", "stacked"])
def test_equal_seeds_give_equal_bits(variant):
    first, second = (fitted(two(), **VARIANTS[variant]) for _ in range(2))
    assert_equal_bits(answers(first), answers(second))
    with ThreadPoolExecutor(2) as pool:
        for other in pool.map(lambda _: fitted(two(), **VARIANTS[variant]), range(2)):
            assert_equal_bits(answers(first), answers(other))


def test_other_seeds_and_fresh_entropy_give_other_weights():
    found = [fitted(random_state=seed).predict().iloc[0] for seed in (0, 1, None, None)]
    assert len(set(found)) == 4


def test_a_random_state_object_is_advanced():
    state = np.random.RandomState(0)
    first, second = (fitted(random_state=state).predict() for _ in range(2))
    assert not first.equals(second)
    assert fitted(random_state=np.random.RandomState(0)).predict().equals(first)


def test_global_random_states_are_neither_read_nor_changed():
    y = wave()
    torch.manual_seed(1)
    np.random.seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    one = fitted(y)
    one.update(wave(63)[60:])
    one.backtest(y)
    first = answers(one)
    assert torch.equal(states[0], torch.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all()
    torch.manual_seed(2)
    np.random.seed(2)
    assert_equal_bits(first, answers(fitted(y).update(wave(63)[60:])))


def test_copies_answer_the_same(tmp_path):
    original = fitted(two(), calibration="conformal", validation_fraction=0.3)
    expected = answers(original)
    original.save(tmp_path / "saved")
    copies = [
        pickle.loads(pickle.dumps(original)),
        copy.deepcopy(original),
        load(tmp_path / "saved.zip"),
        load(original.save()),
        original.clone().fit(two(), fh=FH),
    ]
    for one in copies:
        assert_equal_bits(answers(one), expected)
        assert_equal_bits([one.backtest(two())], [original.backtest(two())])
    more = two(64)[60:]
    expected = answers(original.update(more))
    for one in copies:
        assert_equal_bits(answers(one.update(more)), expected)


def test_saved_files_are_zips(tmp_path):
    fitted().save(tmp_path / "saved")
    assert zipfile.is_zipfile(io.BytesIO((tmp_path / "saved.zip").read_bytes()))


def test_fit_starts_afresh():
    again = fitted(two()).fit(wave(), fh=[1, 2])
    assert_equal_bits(answers(again), answers(fitted(fh=[1, 2])))
    assert again.horizon_ == 2


def test_data_and_parameters_stay_as_they_are():
    y, columns, quantiles = two(), ["a"], [0.9, 0.1, 0.5]
    X, before = y.rename(columns={"a": "x", "b": "z"}), y.copy()
    forecaster = LSTMForecaster(**SMALL, past_only=["x", "z"], quantiles=quantiles)
    parameters = forecaster.get_params()
    forecaster.fit(y, X=X, fh=FH).update(two(62)[60:], X=X[:2].set_index(two(62).index[60:]))
    forecaster.predict()
    forecaster.backtest(y, X)
    pd.testing.assert_frame_equal(y, before)
    assert X.columns.tolist() == ["x", "z"]
    assert columns == ["a"]
    assert quantiles == [0.9, 0.1, 0.5]
    assert forecaster.get_params() == parameters


def test_nothing_is_printed(capfd):
    one = fitted(early_stopping=True, max_epochs=8, n_iter_no_change=1)
    one.update(wave(63)[60:])
    answers(one)
    one.backtest(wave())
    assert capfd.readouterr() == ("", "")


# What a forecast is.


@given(
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-1e3, 1e3),
    variant=st.sampled_from(["default", "joint", "recursive", "stacked", "series"]),
)
@settings(deadline=None, max_examples=4)
def test_units_do_not_matter(scale, shift, variant):
    y = two(50)
    ours = fitted(y, **VARIANTS[variant])
    moved = fitted(scale * y + shift, **VARIANTS[variant])
    for a, b in zip(answers(moved), answers(ours), strict=True):
        assert_close((a - shift) / scale, b, 100 + abs(shift) / scale)


@pytest.mark.parametrize("value", [7.25, 0.0, -1e9, 1e-6])
def test_a_constant_series_predicts_the_constant(value):
    one = fitted(pd.Series(np.full(40, value)))
    size = abs(value) or 1.0
    assert (one.predict() - value).abs().max() < 0.02 * size
    assert (np.ptp(one.predict_interval().to_numpy(), axis=1) < 0.1 * size).all()


@pytest.mark.parametrize("value", [7.25, -1e9])
def test_a_constant_series_is_learned_whatever_it_is_relative_to(value):
    one = fitted(pd.Series(np.full(40, value)), normalization="series", max_epochs=40, lr=0.05)
    np.testing.assert_allclose(one.predict(), value, rtol=0.03)


def test_the_loss_says_whether_the_mean_or_the_median_is_forecast():
    y = pd.Series(np.random.default_rng(0).exponential(size=300) ** 2)
    common = {"normalization": "series", "max_epochs": 6, "lr": 0.01, "quantiles": None}
    common["linear"] = False  # a map of values as skewed as these needs many more epochs
    mean = fitted(y, **common, loss="squared_error").predict().mean()
    median = fitted(y, **common).predict().mean()
    assert abs(mean - y.mean()) < 0.6
    assert abs(median - y.median()) < 0.4
    assert mean > median + 0.5


@pytest.mark.parametrize("backend", ["torch", "gru", "rnn", "reference"])
def test_every_backend_is_a_core(backend):
    one = fitted(backend=backend)
    assert np.isfinite(one.predict()).all()
    assert_close(one.backtest(wave(50)).iloc[-1], fitted_at(one, wave(45)).predict())


def fitted_at(forecaster, y, X=None):
    """The forecaster, its cut-off moved to the end of y."""
    return copy.deepcopy(forecaster).update(y, X=X, update_params=False)


@pytest.mark.slow
@pytest.mark.parametrize("decoding", ["parallel", "recursive"])
def test_it_learns(decoding):
    t = np.arange(144)
    y = pd.Series(10 * np.sin(2 * np.pi * t / 8))  # a mean distance of 6.4 from its mean
    one = LSTMForecaster(
        hidden_size=16,
        window_length=16,
        segment_length=4,
        decoding=decoding,
        max_epochs=24,
        batch_size=16,
        lr=0.02,
        dropout=0.0,
        random_state=0,
    )
    forecast = one.fit(y[:136], fh=range(1, 9)).predict()
    assert (forecast - y[136:]).abs().mean() < 1.5
    assert one.loss_curve_[-1] < one.loss_curve_[0] / 3


def test_what_a_fit_resolved_can_be_read():
    index = pd.period_range("2000-01", periods=120, freq="M")
    one = LSTMForecaster(hidden_size=4, max_epochs=1, random_state=0)
    one.fit(wave(120, index=index), fh=range(1, 7))
    assert (one.season_, one.horizon_) == (12, 6)
    assert one.window_length_ % 12 == 0
    assert 1 <= one.segment_length_ <= one.window_length_ <= 114
    assert one.n_iter_ == len(one.history_) == len(one.loss_curve_) == 1
    assert one.device_ in ("cpu", "cuda")
    assert isinstance(one.net_.module_, torch.nn.Module)
    given = fitted()
    assert (given.window_length_, given.segment_length_) == (8, 3)


def test_few_horizons_besides_each_other_are_passed_over_less_often():
    assert [auto_epochs(3200, 32, n) for n in (1.5, 199, 200, 1000)] == [4, 4, 8, 8]
    assert (auto_epochs(60, 32, 1.7), auto_epochs(10**6, 256, 10**4)) == (150, 1)


def test_a_linear_path_is_for_few_series():
    y, X = wave(), pd.DataFrame({"p": np.arange(60.0)})
    many = pd.concat({i: wave(20, seed=i).to_frame() for i in range(20)}, names=["id", "time"])
    few = many.loc[:18]
    kept = {"max_epochs": 1, "window_length": 4}

    def has_path(y, **given):
        return fitted(y, **kept, **given).net_.module_.head.linear is not None

    assert has_path(y) and has_path(few) and has_path(y, X=X) and has_path(y, X=X, past_only=["p"])
    assert not has_path(many) and not has_path(y, linear=False)
    assert has_path(many, linear=True)


def test_the_season_of_integers_is_found():
    assert LSTMForecaster(hidden_size=4, max_epochs=1).fit(wave(150), fh=[1]).season_ == 7


# Horizons.


def test_steps_asked_for_are_those_of_the_whole_horizon():
    whole = fitted(fh=FH).predict()
    for fh in ([2, 5], [5, 1, 3], np.array([1, 5]), range(2, 6), ForecastingHorizon([3, 5])):
        steps = sorted(int(step) for step in fh)
        assert_equal_bits([fitted(fh=fh).predict()], [whole.iloc[np.array(steps) - 1]])
    assert_equal_bits([fitted(fh=5).predict()], [whole])  # an int is all steps up to it


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(10, 75),
        pd.period_range("2020-01", periods=65, freq="M"),
        pd.date_range("2020-01-01", periods=65, freq="D"),
        pd.date_range("2020-01-01", periods=65, freq="MS"),
        pd.date_range("2020-01-01", periods=65, freq="30min"),
        pd.period_range("2020-01-01", periods=65, freq="30min"),
    ],
    ids=["range", "month", "day", "month start", "half-hour", "half-hour period"],
)
def test_absolute_horizons_and_index_types(index):
    y = wave(60, index=index[:60])
    relative = fitted(y, fh=[2, 5])
    absolute = fitted(y, fh=ForecastingHorizon(index[[61, 64]], is_relative=False))
    assert relative.predict().index.tolist() == index[[61, 64]].tolist()
    assert_equal_bits(answers(relative), answers(absolute))


def test_names_and_containers_come_back():
    assert fitted().predict().name == "y"
    assert fitted(two()).predict().columns.tolist() == ["a", "b"]
    assert fitted(two()[["a"]]).predict().columns.tolist() == ["a"]
    assert fitted(wave().to_numpy()).predict().shape == (5, 1)
    found = fitted(two()).predict_quantiles(alpha=[0.9, 0.1])
    assert found.columns.tolist() == [("a", 0.9), ("a", 0.1), ("b", 0.9), ("b", 0.1)]


# Quantiles.


@pytest.fixture(scope="module")
def variants():
    return {name: fitted(two(), **options) for name, options in VARIANTS.items()}


@pytest.mark.parametrize("variant", VARIANTS)
@given(levels=st.lists(st.integers(1, 999), min_size=2, max_size=12, unique=True))
@settings(deadline=None, max_examples=6)
def test_quantiles_never_cross(variants, variant, levels):
    levels = sorted(n / 1000 for n in levels)
    found = variants[variant].predict_quantiles(alpha=levels)
    for column in "ab":
        assert (np.diff(found[column], axis=1) >= 0).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_intervals_are_quantiles_and_nested(variants, variant):
    one = variants[variant]
    intervals = one.predict_interval(coverage=[0.5, 0.8, 0.95])
    for column in "ab":
        for coverage in (0.5, 0.8, 0.95):
            alpha = [0.5 - coverage / 2, 0.5 + coverage / 2]
            expected = one.predict_quantiles(alpha=alpha)[column]
            np.testing.assert_array_equal(intervals[column][coverage], expected)
        low = [intervals[column, c, "lower"] for c in (0.95, 0.8, 0.5)]
        high = [intervals[column, c, "upper"] for c in (0.5, 0.8, 0.95)]
        assert (np.diff([*low, *high], axis=0) >= 0).all()
    assert (one.predict_var() > 0).all(axis=None)


def test_the_median_is_the_point_forecast_of_the_absolute_error(variants):
    one = variants["default"]
    assert_close(one.predict_quantiles(alpha=[0.5]), one.predict())


def test_the_variance_is_that_of_the_quantiles():
    one = fitted(quantiles=(0.1, 0.5, 0.9))
    found = one.predict_quantiles(alpha=[0.1, 0.5, 0.9]).to_numpy()
    deviation = (found[:, 2] - found[:, 0]) / (2 * 1.2815515655446004)
    np.testing.assert_allclose(np.sqrt(one.predict_var()["y"]), deviation, rtol=0.15)


def test_covariances_are_not_modelled(variants):
    with pytest.raises(InvalidParameterError, match=r"cov=True.*use cov=False"):
        variants["default"].predict_var(cov=True)


def test_predict_proba_is_made_of_forecast_and_variance():
    pytest.importorskip("skpro")
    one = fitted()
    assert_close(one.predict_proba().mean(), one.predict().to_frame())


def test_quantiles_may_be_an_array_and_in_any_order():
    expected = answers(fitted(quantiles=(0.1, 0.5, 0.9)))
    for quantiles in ([0.9, 0.1, 0.5], np.array([0.1, 0.5, 0.9])):
        assert_equal_bits(answers(fitted(quantiles=quantiles)), expected)


def test_without_quantiles_there_is_a_point_forecast_alone():
    one = fitted(quantiles=None)
    assert np.isfinite(one.predict()).all()
    assert not one.get_tag("capability:pred_int")
    with pytest.raises(NotImplementedError):
        one.predict_quantiles()
    one.set_params(quantiles=(0.1, 0.9)).fit(wave(), fh=FH)
    assert one.get_tag("capability:pred_int")
    assert one.predict_quantiles(alpha=[0.1]).shape == (5, 1)


def test_conformal_calibration_repairs_coverage():
    y = pd.Series(np.random.default_rng(0).normal(scale=0.3, size=900))
    options = {"max_epochs": 1, "lr": 1e-4, "normalization": None, "validation_fraction": 0.5}
    coverage, point = {}, {}
    for calibration in (None, "conformal"):
        one = fitted(y[:500], fh=[1, 2], **options, calibration=calibration)
        found = one.backtest(y[500:], alpha=[0.05, 0.95])
        true = [y[stamp + step] for stamp in found.index for step in (1, 2)]
        low, high = (found.xs(a, axis=1, level="alpha").to_numpy().ravel() for a in (0.05, 0.95))
        coverage[calibration] = np.mean((low <= true) & (true <= high))
        point[calibration] = one.backtest(y[500:])
    assert abs(coverage["conformal"] - 0.9) < 0.04
    assert abs(coverage[None] - 0.9) > 0.06


# Backtests, updates.


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_backtest_is_predict_at_each_cutoff(variants, variant):
    one, y = variants[variant], two(75)
    tested, quantiles = one.backtest(y), one.backtest(y, alpha=LEVELS)
    assert tested.index.tolist() == list(range(7, 70))
    assert tested.columns.names == ["variable", "step"]
    for cutoff in (7, 8, 30, 59, 69):
        moved = fitted_at(one, y[: cutoff + 1])
        for table, found in (
            (tested, moved.predict()),
            (quantiles, moved.predict_quantiles(alpha=LEVELS)),
        ):
            expected = np.stack([found[name].to_numpy() for name in "ab"])  # (C, H, ...)
            assert_close(table.loc[cutoff], expected.ravel(), scale=10)


def test_backtest_takes_strides_steps_and_shorter_beginnings():
    one, y = fitted(), wave(40)
    whole = one.backtest(y, initial_window=1)
    assert whole.index.tolist() == list(range(35))
    part = one.backtest(y, fh=[2, 4], stride=3, initial_window=5)
    assert part.index.tolist() == list(range(4, 36, 3))
    common = part.index.intersection(whole.index)
    assert_close(part.loc[common], whole.loc[common, [("y", 2), ("y", 4)]])
    assert_close(one.backtest(y, fh=ForecastingHorizon([2, 4]), stride=3, initial_window=5), part)
    assert_close(one.backtest(y.to_frame(), fh=3), one.backtest(y, fh=[1, 2, 3]))


def test_backtest_leaves_the_forecaster_as_it_is():
    one = fitted()
    before, known = answers(one), vars(one).copy()
    one.backtest(wave(90, seed=5) + 1e3)
    assert vars(one) == known
    assert_equal_bits(answers(one), before)


def test_backtest_of_periods_has_periods():
    y = wave(60, index=pd.period_range("2020-01", periods=60, freq="M"))
    tested = fitted(y).backtest(y, stride=20)
    assert tested.index.tolist() == y.index[[7, 27, 47]].tolist()
    assert tested.index.name == "cutoff"


def weights(forecaster):
    return {name: w.clone() for name, w in forecaster.net_.module_.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("parts", [[75], [61, 75], [62, 63, 64, 75], [55, 75]])
def test_update_without_training_moves_the_cutoff(parts):
    y, one = wave(80), fitted()
    before, row = weights(one), one.backtest(y).loc[74]
    start = 60
    for end in parts:
        one.update(y[min(start, end - 1) : end], update_params=False)
        start = end
    assert one.cutoff[0] == 74
    assert one.predict().index.tolist() == list(range(75, 80))
    assert_close(one.predict(), row)
    assert same(before, weights(one))
    assert one.n_iter_ == 2


def test_update_with_training_makes_an_epoch():
    y, one = wave(80), fitted()
    before = weights(one)
    one.update(y[60:70])
    assert (one.n_iter_, len(one.history_)) == (3, 3)
    assert one.history_[-1]["epoch"] == 3
    assert one.history_[-1]["lr"] == 0.002
    assert not same(before, weights(one))
    trained = weights(one)
    one.update(y[70:71])
    assert one.n_iter_ == 4
    assert not same(trained, weights(one))
    assert one.cutoff[0] == 70
    assert_close(one.backtest(y, initial_window=71).loc[70], one.predict())


def test_updates_repeat_to_the_bit_and_do_not_repeat_their_noise():
    first, second = (fitted().update(wave(66)[60:]).update(wave(70)[66:]) for _ in range(2))
    assert_equal_bits(answers(first), answers(second))


def test_steps_that_are_known_are_replaced():
    new = wave(62, seed=9)[50:]
    replaced = pd.concat([wave()[:50], new])
    again = fitted_at(fitted(), replaced)
    assert_equal_bits(answers(fitted_at(fitted(), new)), answers(again))
    assert not again.predict().equals(fitted_at(fitted(), wave(62)[50:]).predict())


def test_update_predict_is_backtest():
    y, one = wave(80), fitted()
    cv = ExpandingWindowSplitter(initial_window=5, step_length=3, fh=FH)
    found = one.update_predict(y[60:], cv=cv, update_params=False, reset_forecaster=True)
    cutoffs = [column[0] if isinstance(column, tuple) else column for column in found.columns]
    expected = fitted().backtest(y)
    for cutoff, column in zip(cutoffs, found.columns, strict=True):
        assert_close(found[column].dropna(), expected.loc[cutoff])


# sktime's tools. Its own forecasters warn of a default of sktime's that will change; ours does not.

sktimes_own = pytest.mark.filterwarnings("ignore:The default of config ``remember:FutureWarning")


@pytest.mark.parametrize("strategy", ["refit", "update", "no-update_params"])
def test_evaluate(strategy):
    y = wave(75)
    cv = ExpandingWindowSplitter(initial_window=60, step_length=5, fh=FH)
    table = evaluate(
        LSTMForecaster(**SMALL), cv, y, strategy=strategy, return_data=True, error_score="raise"
    )
    assert len(table) == 3
    assert np.isfinite(table.filter(like="test_").to_numpy()).all()
    forecasts = table["y_pred"].tolist()
    assert_close(forecasts[0], fitted().predict())
    if strategy == "no-update_params":
        expected = fitted().backtest(y).loc[[59, 64, 69]].to_numpy()
        assert_close(np.stack(forecasts), expected)
    if strategy == "refit":
        assert_close(forecasts[1], fitted(y[:65]).predict())
    if strategy == "update":
        assert_close(forecasts[1], fitted().update(y[:65]).predict())


@sktimes_own
def test_grid_search_over_sizes_and_backends():
    grid = {"hidden_size": [2, 4], "backend": ["torch", "gru"]}
    search = ForecastingGridSearchCV(
        LSTMForecaster(**SMALL),
        cv=SlidingWindowSplitter(fh=FH, window_length=50, step_length=5),
        param_grid=grid,
        error_score="raise",
    ).fit(wave(), fh=FH)
    assert len(search.cv_results_) == 4
    assert set(search.best_params_) == set(grid)
    assert_equal_bits([search.predict()], [fitted(**search.best_params_).predict()])


@sktimes_own
def test_pipelines_with_transformers():
    y = wave()
    pipe = Detrender() * LSTMForecaster(**SMALL)
    detrender = Detrender().fit(y)
    inner = fitted(detrender.transform(y)).predict()
    expected = detrender.inverse_transform(inner)
    assert_close(pipe.fit(y, fh=FH).predict(), expected)
    assert pipe.predict_interval().shape == (5, 2)
    positive = y - y.min() + 1
    root = ExponentTransformer(power=0.5)
    pipe = TransformedTargetForecaster([("root", root), ("net", LSTMForecaster(**SMALL))])
    inner = fitted(positive**0.5).predict()
    assert_close(pipe.fit(positive, fh=FH).predict(), inner**2, 10)
    pipe.update(positive[-2:], update_params=True)


# Early stopping.


def test_early_stopping_keeps_the_weights_that_were_best_on_the_last_windows():
    y = wave(120)
    one = fitted(y, early_stopping=True, max_epochs=40, n_iter_no_change=2, lr=0.1)
    losses = [row["valid_loss"] for row in one.history_]
    best = int(np.argmin(losses))
    assert best < len(losses) - 1 < 39
    n_valid = round(0.1 * (120 - 5 - 8 + 1))
    tested = one.backtest(y).iloc[-n_valid:]
    true = np.array([[y[stamp + step] for step in FH] for stamp in tested.index])
    score = -np.abs(tested.to_numpy() - true).mean() / y.std(ddof=0)
    np.testing.assert_allclose(score, one.history_[best]["valid_score"], rtol=1e-5)


def test_held_out_windows_do_not_touch_those_of_training():
    """Whatever the last steps are, training before the gap sees none of them."""
    days = pd.period_range("2020-01-01", periods=120, freq="D")  # whose season is 7
    y, changed = wave(120, index=days), wave(120, index=days)
    n_valid = round(0.1 * (120 - 5 - 7 + 1))
    changed.iloc[120 - 5 - n_valid - 8 + 1 :] += 1e3 * np.random.default_rng(0).normal(
        size=n_valid + 12
    )
    options = {"early_stopping": True, "normalization": None, "n_iter_no_change": 100}
    first, second = (fitted(one, **options) for one in (y, changed))
    assert first.loss_curve_ == second.loss_curve_
    losses = [[row["valid_loss"] for row in one.history_] for one in (first, second)]
    assert losses[0] != losses[1]


# Failures.


class Explode(Callback):
    """Fails at the end of the second epoch."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise RuntimeError("exploded")


@pytest.mark.parametrize(
    ("fail", "error"),
    [
        (lambda f: f.fit(wave().to_frame().assign(z=np.inf), fh=[1]), DataFormatError),
        (lambda f: f.fit(wave() * np.nan, fh=[1]), DataFormatError),
        (lambda f: f.fit(wave(), X=two(), fh=[0]), NotImplementedError),
        (lambda f: f.fit([1, 2, 3], fh=[1]), TypeError),
        (lambda f: f.update(pd.Series([np.inf], index=[60], name="y")), DataFormatError),
        (lambda f: f.update(pd.Series([1.0], index=[60]), X=two()), DataFormatError),
        (lambda f: f.update([1.0]), TypeError),
    ],
)
def test_what_fails_changes_nothing(fail, error):
    one = fitted()
    before, known = answers(one), vars(one).copy()
    held = {name: copy.deepcopy(known[name]) for name in ("_y", "_cutoff", "_fh", "_state")}
    with pytest.raises(error):
        fail(one)
    assert vars(one).keys() == known.keys()
    assert all(
        vars(one)[name] is value for name, value in known.items() if not isinstance(value, dict)
    )
    for name, value in held.items():
        now = vars(one)[name]
        assert now.equals(value) if hasattr(value, "equals") else str(now) == str(value)
    assert_equal_bits(answers(one), before)
    assert_equal_bits(answers(one.update(wave(63)[60:])), answers(fitted().update(wave(63)[60:])))


def test_a_training_that_fails_changes_nothing():
    one = fitted(callbacks=[Explode()], max_epochs=1)
    before = answers(one)
    one.max_epochs = 3
    with pytest.raises(RuntimeError, match="exploded"):
        one.fit(wave(70), fh=[1])
    assert_equal_bits(answers(one), before)
    assert (one.n_iter_, one.cutoff[0]) == (1, 59)


def test_a_fit_that_fails_before_any_other_leaves_it_unfitted():
    one = LSTMForecaster(**SMALL)
    with pytest.raises(DataFormatError):
        one.fit(wave() * np.nan, fh=FH)
    assert not one.is_fitted
    assert_equal_bits(answers(one.fit(wave(), fh=FH)), answers(fitted()))


def test_one_split_of_sktime_can_be_used():
    cv = SingleWindowSplitter(fh=FH, window_length=50)
    table = evaluate(LSTMForecaster(**SMALL), cv, wave(), error_score="raise")
    assert len(table) == 1
