"""LSTMAnomalyDetector: what is unusual is found, where it is, and nothing looks ahead."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline

from seqlearn import LSTMAnomalyDetector
from seqlearn.datasets import make_broken_relation
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.preprocessing import SequenceScaler

METHODS = ("reconstruction", "forecast")
TINY = {"hidden_size": 4, "window": 6, "max_epochs": 2, "random_state": 0}


def sine(n, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    return np.sin(np.arange(n) / 4) + noise * rng.normal(size=n)


@pytest.fixture(scope="module", params=METHODS)
def fitted(request):
    detector = LSTMAnomalyDetector(request.param, window=16, hidden_size=16, random_state=0)
    return detector.fit([sine(800)])


@pytest.mark.slow
def test_scores_are_as_long_as_the_input_and_finite_from_the_first_row(fitted):
    X = [sine(n, seed=n) for n in (1, 2, 15, 16, 17, 200)]
    scores = fitted.anomaly_scores(X)
    assert [len(one) for one in scores] == [1, 2, 15, 16, 17, 200]
    assert all(np.isfinite(one).all() for one in scores)


def test_scores_of_a_prefix_do_not_change_when_rows_are_appended(fitted):
    series = sine(150, seed=3)
    whole = fitted.anomaly_scores([series])[0]
    for n in (1, 2, 16, 33, 77, 149):
        assert np.array_equal(fitted.anomaly_scores([series[:n]])[0], whole[:n])


def test_scores_do_not_depend_on_the_other_sequences(fitted):
    X = [sine(n, seed=n) for n in (40, 7, 90)]
    together = fitted.anomaly_scores(X)
    for one, found in zip(X, together, strict=True):
        assert np.array_equal(fitted.anomaly_scores([one])[0], found)


def test_an_impulse_peaks_where_it_is(fitted):
    series = sine(300, seed=4)
    series[200] += 4
    peak = fitted.anomaly_scores([series])[0].argmax()
    first, last = (200, 200) if fitted.method == "forecast" else (200, 215)
    assert first <= peak <= last
    assert fitted.predict([series]).tolist() == [-1]
    assert (fitted.predict_steps([series])[0][first : last + 1] == -1).any()
    intervals = fitted.anomaly_intervals([series])[0]
    assert any(start <= peak < end for start, end, _ in intervals)


def test_a_change_of_level_is_seen(fitted):
    """Windows are not standardised by themselves, which would hide it."""
    series = sine(300, seed=5)
    series[150:] += 1.5
    scores = fitted.anomaly_scores([series])[0]
    assert np.median(scores[150:]) > 2 * np.median(scores[16:150])


def test_the_alarm_rate_is_kept_on_fresh_data():
    detector = LSTMAnomalyDetector(
        "forecast", window=8, hidden_size=8, max_epochs=1, alarm_rate=0.05
    )
    detector.set_params(random_state=0).fit([sine(8000)])
    rate = (detector.predict_steps([sine(8000, seed=1)])[0] == -1).mean()
    assert 0.025 < rate < 0.1


@pytest.mark.parametrize("method", METHODS)
def test_thresholds_come_from_rows_that_were_not_trained_on(method):
    series = sine(400)
    with_tail = np.concatenate([series, sine(100, seed=1)])
    noisy_tail = np.concatenate([series, sine(100, seed=1, noise=1.0)])
    settings = {**TINY, "method": method, "calibration": 0.2}
    quiet, noisy = (LSTMAnomalyDetector(**settings).fit([one]) for one in (with_tail, noisy_tail))
    assert quiet.loss_curve_ == noisy.loss_curve_
    for detector, low, high in ((quiet, 0.2, 1.0), (noisy, 0.0, 0.1)):
        tail = detector.anomaly_scores([noisy_tail])[0][400:]
        assert low <= (tail > detector.threshold_).mean() <= high
    assert noisy.offset_ == -noisy.threshold_


@pytest.mark.parametrize("method", METHODS)
def test_thresholds_take_no_notice_of_steps_that_are_missing(method):
    series = sine(1000)
    gap = series.copy()
    gap[810:] = np.nan
    detector = LSTMAnomalyDetector(method, **TINY).fit([gap])
    assert detector.threshold_ > 0
    assert (detector.predict_steps([series])[0] == -1).mean() < 0.2
    early = np.concatenate([np.full(3000, np.nan), series])  # most of what is trained on
    early = LSTMAnomalyDetector(method, **TINY).fit([early])
    assert 0.5 < early.threshold_ / LSTMAnomalyDetector(method, **TINY).fit([series]).threshold_ < 2
    gap[800:] = np.nan
    with pytest.warns(UserWarning, match="All values held back .* are missing"):
        detector.fit([gap])
    assert (detector.predict_steps([series])[0] == -1).mean() < 0.2
    many = [sine(30, seed=i) for i in range(20)]
    many[3:12] = [np.full(30, np.nan)] * 9
    assert LSTMAnomalyDetector(method, **TINY).fit(many).offset_ < 0


def test_of_many_sequences_whole_ones_are_held_back():
    X = np.stack([sine(20, seed=i) for i in range(40)])
    detector = LSTMAnomalyDetector(**TINY, alarm_rate=0.1).fit(X)
    scores = detector.score_samples(X)
    assert detector.offset_ in np.quantile(scores, np.linspace(0, 1, 10_001)) or (
        scores.min() <= detector.offset_ <= scores.max()
    )
    assert set(detector.predict(X)) == {-1, 1}
    assert detector.threshold_ != -detector.offset_


def test_contamination_is_the_share_of_the_training_sequences_that_are_outliers():
    X = np.stack([sine(20, seed=i) for i in range(40)])
    detector = LSTMAnomalyDetector(**TINY, contamination=0.2).fit(X)
    assert detector.offset_ == np.percentile(detector.score_samples(X), 20)
    assert (detector.predict(X) == -1).sum() == 8
    assert detector.threshold_ == -detector.offset_


def test_signs_are_those_of_scikit_learn(fitted):
    X = [sine(60, seed=1), 5 * sine(60, seed=1)]
    scores = fitted.score_samples(X)
    assert scores.tolist() == [-one.max() for one in fitted.anomaly_scores(X)]
    assert scores[1] < scores[0]
    assert np.array_equal(fitted.decision_function(X), scores - fitted.offset_)
    assert scores.dtype == np.float64


@pytest.mark.slow
def test_a_relation_that_breaks_is_seen_though_no_channel_is_unusual():
    train, test, labels, channels = make_broken_relation(random_state=0)
    detector = LSTMAnomalyDetector("forecast", smoothing=5, random_state=0).fit([train])
    parts = detector.anomaly_scores([test], by_channel=True)[0]
    assert average_precision_score(labels, parts.sum(axis=1)) > 0.9
    alone = np.abs((test - train.mean(axis=0)) / train.std(axis=0)).max(axis=1)
    assert average_precision_score(labels, alone) < 0.3
    ratio = parts[labels == 1].mean(axis=0) / parts[labels == 0].mean(axis=0)
    assert set(np.argsort(ratio)[-2:]) == set(channels)


@pytest.mark.parametrize("post", [{}, {"smoothing": 3}, {"likelihood": 4}])
@pytest.mark.parametrize("method", METHODS)
def test_channels_divide_the_score_between_them(method, post):
    X = [np.random.default_rng(i).normal(size=(50, 3)) for i in range(2)]
    detector = LSTMAnomalyDetector(method, **TINY, **post).fit(X)
    for whole, parts in zip(
        detector.anomaly_scores(X), detector.anomaly_scores(X, by_channel=True), strict=True
    ):
        assert parts.shape == (50, 3)
        assert (parts >= 0).all()
        assert parts.sum(axis=1) == pytest.approx(whole)


@pytest.mark.parametrize("method", METHODS)
def test_missing_values_are_skipped(method):
    series = np.stack([sine(300), sine(300, seed=1)], axis=1)
    holes = series.copy()
    holes[100:110, 0] = np.nan
    holes[200:260] = np.nan
    detector = LSTMAnomalyDetector(method, **TINY).fit([holes])
    scores = detector.anomaly_scores([holes], by_channel=True)[0]
    assert np.isfinite(scores).all()
    assert scores[220:259].max() == 0  # nothing there to be judged by
    assert detector.anomaly_scores([np.full((20, 2), np.nan)])[0].tolist() == [0.0] * 20


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_series_has_score_zero_and_what_breaks_it_does_not(method):
    detector = LSTMAnomalyDetector(method, **TINY).fit([np.full(100, 7.0)])
    assert detector.anomaly_scores([np.full(50, 7.0)])[0].tolist() == [0.0] * 50
    assert detector.predict([np.full(50, 7.0)]).tolist() == [1]
    broken = detector.anomaly_scores([np.append(np.full(50, 7.0), 8.0)])[0]
    assert broken[-1] > detector.threshold_


def test_a_series_constant_in_one_half_is_scored():
    series = np.concatenate([np.zeros(200), sine(200)])
    scores = LSTMAnomalyDetector(**TINY).fit([series[:100], series]).anomaly_scores([series])[0]
    assert np.isfinite(scores).all()


def test_anomalies_in_the_training_part_do_no_harm():
    series = sine(600)
    series[300:310] += 20
    detector = LSTMAnomalyDetector(**{**TINY, "max_epochs": 10}).fit([series])
    scores = detector.anomaly_scores([series])[0]
    assert 300 <= scores.argmax() < 316
    assert (scores > detector.threshold_).mean() < 0.1


def test_windows_are_as_long_as_the_longest_sequence_if_that_is_shorter():
    with pytest.warns(UserWarning, match=r"window=32 is longer .* windows have 20 steps"):
        detector = LSTMAnomalyDetector(hidden_size=4, max_epochs=1).fit([sine(20), sine(5)])
    assert detector.window_ == 20


def test_one_series_given_alone_is_no_collection_of_steps():
    series = sine(100)
    on_time = pd.DataFrame({"a": series}, index=pd.date_range("2020", periods=100, freq="h"))
    detector = LSTMAnomalyDetector(**TINY)
    for alone in (series, pd.Series(series), on_time, on_time["a"]):
        with pytest.raises(DataFormatError, match=r"it is one series.* pass \[X\]"):
            detector.fit(alone)
    detector.fit([on_time])
    with pytest.raises(DataFormatError, match=r"it is one series"):
        detector.predict(on_time)
    scores = detector.anomaly_scores([on_time])[0]
    for same in ([series], [pd.Series(series)]):
        with_names = pytest.warns(UserWarning, match="feature names")
        with with_names:
            assert np.array_equal(detector.anomaly_scores(same)[0], scores)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([np.full(30, np.nan)], "All values of the 1 sequences in X are NaN"),
        ([sine(30), np.append(sine(10), np.inf)], "infinity: sequence 1 at step 10"),
        ([["a", "b"]], "does not hold numbers"),
        ([], "minimum of 1 is required"),
    ],
)
def test_data_that_cannot_be_learned_from_are_refused(wrong, message):
    with pytest.raises(DataFormatError, match=message):
        LSTMAnomalyDetector(**TINY).fit(wrong)


def test_other_channels_and_infinity_are_refused_in_prediction():
    detector = LSTMAnomalyDetector(**TINY).fit([sine(100)])
    with pytest.raises(DataFormatError, match="X has 2 features"):
        detector.predict([np.zeros((10, 2))])
    with pytest.raises(DataFormatError, match="infinity: sequence 0 at step 3"):
        detector.predict([[[0.0], [0.0], [0.0], [np.inf]]])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "reconstuction"}, "did you mean 'reconstruction'"),
        ({"window": 0}, "window"),
        ({"contamination": 0.6}, "contamination"),
        ({"calibration": 1.0}, "calibration"),
        ({"alarm_rate": 0}, "alarm_rate"),
        ({"smoothing": 0}, "smoothing"),
        ({"suppress": -1}, "suppress"),
    ],
)
def test_parameters_are_checked(wrong, message):
    with pytest.raises(InvalidParameterError, match=message):
        LSTMAnomalyDetector(**wrong).fit([sine(50)])


def test_a_fit_that_fails_leaves_the_detector_as_it_was():
    detector = LSTMAnomalyDetector(**TINY).fit([sine(100)])
    before = detector.anomaly_scores([sine(50)])[0]
    with pytest.raises(DataFormatError):
        detector.fit([np.full((30, 2), np.nan)])
    assert np.array_equal(detector.anomaly_scores([sine(50)])[0], before)


def test_equal_seeds_give_equal_bits_and_a_copy_answers_alike():
    X = [sine(120), sine(90, seed=1)]
    detector = LSTMAnomalyDetector(**TINY, likelihood=5, suppress=3).fit(X)
    for same in (clone(detector).fit(X), pickle.loads(pickle.dumps(detector))):
        assert np.array_equal(same.anomaly_scores(X)[0], detector.anomaly_scores(X)[0])
        assert same.anomaly_intervals(X) == detector.anomaly_intervals(X)


def test_post_processing_looks_back_only():
    detector = LSTMAnomalyDetector(**TINY, smoothing=4, likelihood=5, suppress=7).fit([sine(300)])
    series = sine(120, seed=2)
    series[60:70] += 2
    whole, steps = detector.anomaly_scores([series])[0], detector.predict_steps([series])[0]
    for n in (5, 64, 90):
        assert np.array_equal(detector.anomaly_scores([series[:n]])[0], whole[:n])
        assert np.array_equal(detector.predict_steps([series[:n]])[0], steps[:n])
    alarms = np.flatnonzero(steps == -1)
    assert len(alarms)
    assert (np.diff(alarms) > 7).all()


def test_score_is_the_mean_average_precision_and_serves_a_search():
    X, y = [], []
    for seed in range(6):
        series, labels = sine(80, seed=seed), np.zeros(80, int)
        series[50 + seed] += 5
        labels[50 + seed : 54 + seed] = 1
        X.append(series)
        y.append(labels)
    detector = LSTMAnomalyDetector(**TINY).fit(X)
    scores = detector.anomaly_scores(X)
    each = [average_precision_score(*pair) for pair in zip(y, scores, strict=True)]
    assert detector.score(X, y) == pytest.approx(np.mean(each))
    usual = np.zeros(80, int)
    assert detector.score([*X, X[0]], [*y, usual]) == detector.score(X, y)
    rows = [1, 1, 1, -1, 1, 1]
    assert detector.score(X, rows) == detector.score(X, [0, 0, 0, 1, 0, 0])
    search = GridSearchCV(detector, {"method": METHODS}, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_["method"] in METHODS
    for wrong, message in (
        ([usual] * 6, "no anomaly"),
        (y[:5], "6 sequences, but y has 5"),
        ([*y[:5], y[0][:9]], "Sequence 5 of X has 80 steps, but y has 9"),
        ([list("ab" * 40)] * 6, "labels of type"),
    ):
        with pytest.raises(DataFormatError, match=message):
            detector.score(X, wrong)


def test_it_stands_in_a_pipeline():
    X = [sine(60, seed=i)[:, None] for i in range(12)]
    pipe = make_pipeline(SequenceScaler(), LSTMAnomalyDetector(**TINY))
    assert set(pipe.fit_predict(X)) <= {-1, 1}
    assert cross_val_predict(pipe, X, cv=3, method="decision_function").shape == (12,)
    assert len(pipe[-1].anomaly_scores(pipe[:-1].transform(X))) == 12


@pytest.mark.parametrize("method", METHODS)
def test_early_stopping_holds_out_rows_of_the_training_part(method):
    detector = LSTMAnomalyDetector(
        method, **{**TINY, "max_epochs": 4}, early_stopping=True, validation_fraction=0.3
    ).fit([sine(200)])
    assert all("valid_loss" in row for row in detector.history_)


def test_forecasts_of_several_steps_share_the_score():
    """The score of a row is the mean over the forecasts of it, whose errors autograd never saw."""
    series = sine(60)
    detector = LSTMAnomalyDetector("forecast", horizon=3, **TINY).fit([series])
    jump = np.append(series, 9.0)
    scores = detector.anomaly_scores([jump])[0]
    assert scores.argmax() == 60
    assert np.array_equal(scores[:60], detector.anomaly_scores([series])[0])
