"""The sktime adapter: sktime's own suite, our answers to the bit, indexes, what is refused."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from sktime.detection.compose import DetectorPipeline
from sktime.performance_metrics.detection import WindowedF1Score
from sktime.transformations.series.exponent import ExponentTransformer
from sktime.utils.estimator_checks import check_estimator, parametrize_with_checks

from seqlearn import LSTMAnomalyDetector, SktimeLSTMAnomalyDetector
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.errors import DataFormatError, InvalidParameterError

T = 90
SMALL = {"window": 8, "hidden_size": 4, "max_epochs": 2, "random_state": 0}
SETTINGS = [
    {},
    {"method": "forecast", "horizon": 3, "suppress": 4},
    {"smoothing": 3, "likelihood": 5, "alarm_rate": 0.1, "dtype": "float64"},
]
INDEXES = {
    "int": pd.RangeIndex(T),
    "later int": pd.RangeIndex(7, 7 + T),
    "int with gaps": pd.Index(np.arange(T) ** 2),
    "dates": pd.date_range("2020-01-01", periods=T, freq="D"),
    "dates without a step": pd.DatetimeIndex(np.datetime64("2020") + np.arange(T) ** 2),
    "zone": pd.date_range("2020-03-28", periods=T, freq="h", tz="Europe/Berlin"),
    "periods": pd.period_range("2020-01", periods=T, freq="M"),
    "durations": pd.timedelta_range("0h", periods=T, freq="h"),
}


def values(n_columns=2, missing=True):
    """A series (T, C), which jumps at rows 80 to 82."""
    rng = np.random.default_rng(0)
    found = np.sin(np.arange(T)[:, None] / 3 + np.arange(n_columns))
    found += rng.normal(0, 0.1, found.shape)
    found[80:83] = 8.0
    if missing:
        found[[3, 40, 88], 0] = np.nan
        found[20:22] = np.nan
    return found


def frame(index="dates", **kwargs):
    found = values(**kwargs)
    return pd.DataFrame(found, INDEXES[index], columns=list("abc")[: found.shape[1]])


@pytest.fixture(scope="module")
def fitted():
    return SktimeLSTMAnomalyDetector("forecast", **SMALL).fit(frame()[:60])


def ours(**params):
    return LSTMAnomalyDetector(**SMALL | params)


# The suite of sktime, all of it.


@pytest.mark.slow
@parametrize_with_checks([SktimeLSTMAnomalyDetector])
@pytest.mark.filterwarnings("default")  # the checks provoke warnings on purpose
def test_sktime_check(obj, test_name):
    results = check_estimator(obj, tests_to_run=test_name, raise_exceptions=True, verbose=False)
    assert results, f"sktime ran nothing under {test_name}"
    assert set(results.values()) == {"PASSED"}


# What our detector says is what the adapter says.


def test_parameters_are_those_of_our_detector():
    expected = dict(inspect.signature(LSTMAnomalyDetector).parameters)
    del expected["contamination"]
    found = inspect.signature(SktimeLSTMAnomalyDetector).parameters
    assert list(found.items()) == list(expected.items())


def test_every_parameter_reaches_our_detector():
    given = {**SMALL, "backend": TorchLSTM(), "lr": 0.02, "callbacks": [], "calibration": 0.3}
    adapter = SktimeLSTMAnomalyDetector(**given).clone()
    passed = adapter.fit(frame()).estimator_.get_params(deep=False)
    for name, value in adapter.get_params(deep=False).items():
        assert passed[name] is value, name
    assert "backend__forget_bias" in adapter.get_params()


@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("params", SETTINGS)
def test_equals_our_detector_to_the_bit(params, n_columns):
    X = frame(n_columns=n_columns)
    adapter = SktimeLSTMAnomalyDetector(**SMALL | params).fit(X[:60])
    inner = ours(**params).fit([X[:60].to_numpy()])
    [scores] = inner.anomaly_scores([X.to_numpy()])
    alarms = inner.predict_steps([X.to_numpy()])[0] < 0
    rows = np.flatnonzero(alarms)
    assert 0 < len(rows) < T
    np.testing.assert_array_equal(adapter.transform_scores(X)["scores"], scores)
    np.testing.assert_array_equal(adapter.transform(X)["labels"], alarms)
    np.testing.assert_array_equal(adapter.predict(X)["ilocs"], rows)
    np.testing.assert_array_equal(adapter.predict_points(X)["ilocs"], rows)
    np.testing.assert_array_equal(adapter.predict_scores(X)["scores"], scores[rows])
    found = adapter.predict_alarms(X)
    runs = zip(found["ilocs"].array.left, found["ilocs"].array.right, found["scores"], strict=True)
    assert list(runs) == inner.anomaly_intervals([X.to_numpy()])[0]


def test_finds_what_was_put_in(fitted):
    X = frame()
    rows = fitted.predict(X)["ilocs"]
    assert {80, 81, 82} <= set(rows)
    truth = pd.DataFrame({"ilocs": [80, 81, 82]})
    assert WindowedF1Score(margin=1)(truth, rows.to_frame()[rows >= 80]) > 0.7


# Containers and indexes.


@pytest.mark.slow
@pytest.mark.parametrize("index", INDEXES)
def test_answers_have_the_index_of_X_or_count_its_rows(index):
    X = frame(index)
    adapter = SktimeLSTMAnomalyDetector("forecast", **SMALL).fit(X[:60])
    expected = ours(method="forecast").fit([X[:60].to_numpy()]).anomaly_scores([X.to_numpy()])[0]
    scores, labels = adapter.transform_scores(X), adapter.transform(X)
    np.testing.assert_array_equal(scores["scores"], expected)
    for dense in (scores, labels):
        assert dense.index.equals(X.index)
    rows = adapter.predict(X)
    assert rows.index.equals(pd.RangeIndex(len(rows)))
    assert rows["ilocs"].dtype == labels["labels"].dtype == np.int64
    assert X.index[rows["ilocs"]].equals(X.index[labels["labels"] == 1])
    again = SktimeLSTMAnomalyDetector("forecast", **SMALL)
    pd.testing.assert_frame_equal(again.fit_transform(X), again.transform(X))
    assert again.transform(X).index.equals(X.index)
    pd.testing.assert_frame_equal(again.fit_predict(X), again.predict(X))


@pytest.mark.parametrize(
    "container",
    [
        lambda v: v,
        lambda v: v[:, 0],
        lambda v: pd.Series(v[:, 0]),
        lambda v: pd.Series(v[:, 0], name="a", index=INDEXES["periods"]),
        lambda v: pd.DataFrame(v),
        lambda v: pd.DataFrame(v, columns=["a"]).astype("Float64"),
    ],
    ids=["2-D array", "1-D array", "Series", "named Series", "frame", "nullable frame"],
)
def test_every_method_takes_every_container(container):
    v = values(n_columns=1)
    X = container(v)
    adapter = SktimeLSTMAnomalyDetector("forecast", **SMALL, alarm_rate=0.2).fit(X)
    inner = ours(method="forecast", alarm_rate=0.2).fit([v])
    rows = np.flatnonzero(inner.predict_steps([v])[0] < 0)
    assert len(rows)
    for method in (adapter.predict, adapter.predict_points):
        assert method(X)["ilocs"].tolist() == rows.tolist()
    assert np.flatnonzero(adapter.transform(X)["labels"]).tolist() == rows.tolist()
    assert adapter.predict_scores(X).shape == (len(rows), 1)
    assert adapter.transform_scores(X).shape == (T, 1)
    assert sum(adapter.predict_alarms(X)["ilocs"].array.length) == len(rows)
    between = adapter.predict_segments(X)["ilocs"].array
    assert between.left.tolist() == [0, *rows] and between.right.tolist() == [*rows, T]


def test_no_alarms_are_empty_answers(fitted):
    X = frame(missing=False)[:10] * 0
    assert fitted.transform(X)["labels"].tolist() == [0] * 10
    for method in ("predict", "predict_points", "predict_alarms", "predict_scores"):
        assert len(getattr(fitted, method)(X)) == 0
    assert fitted.predict(X)["ilocs"].dtype == np.int64
    assert fitted.predict_alarms(X)["ilocs"].dtype == "interval[int64, left]"


def test_what_is_given_is_not_changed(fitted):
    X = frame()
    before = X.copy()
    SktimeLSTMAnomalyDetector(**SMALL).fit(X).predict(X)
    fitted.predict_alarms(X)
    pd.testing.assert_frame_equal(X, before)


def test_works_in_a_pipeline():
    X = frame() + 10
    pipe = DetectorPipeline([ExponentTransformer(2), SktimeLSTMAnomalyDetector(**SMALL)]).fit(X)
    alone = SktimeLSTMAnomalyDetector(**SMALL).fit(X**2)
    pd.testing.assert_frame_equal(pipe.predict(X), alone.predict(X**2))
    product = ExponentTransformer(2) * SktimeLSTMAnomalyDetector(**SMALL)
    pd.testing.assert_frame_equal(product.fit(X).predict(X), alone.predict(X**2))


# Later rows, and states.


@pytest.mark.slow
@pytest.mark.parametrize("index", INDEXES)
def test_update_learns_from_all_rows(index):
    X = frame(index)
    adapter = SktimeLSTMAnomalyDetector(**SMALL).fit(X[:50]).update(X[50:70]).update(X[70:])
    whole = SktimeLSTMAnomalyDetector(**SMALL).fit(X)
    pd.testing.assert_frame_equal(adapter.transform_scores(X), whole.transform_scores(X))
    fresh = SktimeLSTMAnomalyDetector(**SMALL).fit(X[:50])
    assert fresh.update_predict(X[50:])["ilocs"].equals(whole.predict(X[50:])["ilocs"])


def test_update_does_not_see_what_became_of_the_frame():
    X = frame()
    given = X[:50].copy()
    adapter = SktimeLSTMAnomalyDetector(**SMALL).fit(given)
    given.iloc[:] = 0.0
    whole = SktimeLSTMAnomalyDetector(**SMALL).fit(X)
    found = adapter.update(X[50:]).transform_scores(X)
    pd.testing.assert_frame_equal(found, whole.transform_scores(X))


def test_update_takes_a_series_after_a_series():
    X = frame(n_columns=1)["a"]
    adapter = SktimeLSTMAnomalyDetector(**SMALL).fit(X[:50]).update(X[50:])
    whole = SktimeLSTMAnomalyDetector(**SMALL).fit(X)
    pd.testing.assert_frame_equal(adapter.transform_scores(X), whole.transform_scores(X))


@pytest.mark.parametrize(
    "new, message",
    [
        (frame()[["b", "a"]], r"X has the columns \['b', 'a'\], before it had \['a', 'b'\]"),
        (frame(n_columns=1), r"X has the columns \['a'\], before it had \['a', 'b'\]"),
        (frame("periods"), r"The index of X is of period\[M\], before it was of datetime64"),
        (frame("zone"), "Give time stamps of one kind"),
        (frame("durations"), "The index of X is of timedelta64"),
        (frame() * np.inf, "X contains infinity"),
    ],
)
def test_an_update_that_fails_changes_nothing(new, message):
    X = frame()
    adapter = SktimeLSTMAnomalyDetector(**SMALL).fit(X[:60])
    before = adapter.transform_scores(X)
    with pytest.raises(DataFormatError, match=message):
        adapter.update(new[60:])
    pd.testing.assert_frame_equal(adapter.transform_scores(X), before)
    adapter.update(X[60:])


def test_a_fit_that_fails_changes_nothing():
    X = frame()
    adapter = SktimeLSTMAnomalyDetector(**SMALL).fit(X)
    before = adapter.transform_scores(X)
    with pytest.raises(DataFormatError, match="NaN"):
        adapter.fit(X * np.nan)
    pd.testing.assert_frame_equal(adapter.transform_scores(X), before)


def test_pickles_answer_the_same_and_go_on(fitted):
    X = frame()
    again = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_frame_equal(again.transform_scores(X), fitted.transform_scores(X))
    again.update(X[60:])
    whole = SktimeLSTMAnomalyDetector("forecast", **SMALL).fit(X)
    pd.testing.assert_frame_equal(again.transform_scores(X), whole.transform_scores(X))


# What is refused.

WRONG_COLUMNS = {
    "another order": (frame()[["b", "a"]], "the same names in another order"),
    "one is missing": (frame(n_columns=1), "missing: 'b'"),
    "one too many": (frame(n_columns=3), "not known: 'c'"),
    "another name": (frame().rename(columns={"b": "x"}), "missing: 'b'; not known: 'x'"),
    "text": (frame().assign(b="x"), "Column 'b' of X is not numeric"),
    "text of digits": (frame().assign(b="1"), "Column 'b' of X is not numeric"),
    "no rows": (frame()[:0], "X has 0 rows and 2 columns"),
    "no columns": (frame()[[]], "X has 90 rows and 0 columns"),
}


@pytest.mark.parametrize("method", ["predict", "transform", "transform_scores", "predict_alarms"])
@pytest.mark.parametrize("wrong", WRONG_COLUMNS)
def test_wrong_columns_are_named(wrong, method, fitted):
    X, message = WRONG_COLUMNS[wrong]
    with pytest.raises(DataFormatError, match=message):
        getattr(fitted, method)(X)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
def test_another_number_of_columns_is_refused(fitted):
    with pytest.raises(DataFormatError, match="X has 3 features, but"):
        fitted.predict(values(n_columns=3))


@pytest.mark.parametrize(
    "panel",
    [
        np.ones((3, 1, 20)),
        [frame(), frame()],
        pd.concat({"x": frame(), "y": frame()}),
        pd.concat({("x", "x"): frame(), ("x", "y"): frame()}),
        pd.DataFrame({"a": [pd.Series(np.arange(20.0))] * 3}),
    ],
    ids=["numpy3D", "df-list", "pd-multiindex", "hierarchy", "nested_univ"],
)
def test_panels_are_refused(panel, fitted):
    message = "holds several series; SktimeLSTMAnomalyDetector takes one"
    with pytest.raises(DataFormatError, match=message):
        SktimeLSTMAnomalyDetector(**SMALL).fit(panel)
    for method in ("predict", "transform", "transform_scores", "predict_scores", "predict_alarms"):
        with pytest.raises(DataFormatError, match=message):
            getattr(fitted, method)(panel)


def test_what_is_no_series_is_refused_by_sktime(fitted):
    for wrong in (None, 5, frame()[::-1]):
        for method in (fitted.predict, fitted.transform, fitted.predict_alarms):
            with pytest.raises(TypeError, match="Allowed scitypes for X in detection"):
                method(wrong)


def test_errors_of_our_detector_come_through():
    with pytest.raises(InvalidParameterError, match="window"):
        SktimeLSTMAnomalyDetector(window=0).fit(frame())
    with pytest.raises(InvalidParameterError, match="alarm_rate"):
        SktimeLSTMAnomalyDetector(alarm_rate=2.0).fit(frame())
    with pytest.raises(DataFormatError, match="at step 5"):
        X = frame()
        X.iloc[5, 1] = np.inf
        SktimeLSTMAnomalyDetector(**SMALL).fit(X)


def test_a_series_shorter_than_a_window_is_warned_of():
    with pytest.warns(UserWarning, match="window=32 is longer"):
        SktimeLSTMAnomalyDetector(**SMALL | {"window": 32}).fit(frame()[:20])
