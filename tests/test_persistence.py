"""Models saved without pickle, by skops: equal answers, plain values, the trusted types."""

import copy
import importlib
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import (
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    Initializer,
    LRScheduler,
)
from sktime.forecasting.base import ForecastingHorizon

import seqlearn
from seqlearn import (
    BiLSTMTagger,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRecommender,
    LSTMRegressor,
    LSTMTranscriber,
    LSTMTranslator,
    SequenceEncoder,
    SktimeLSTMAnomalyDetector,
    SktimeLSTMClassifier,
    SktimeLSTMRegressor,
    Words,
    trusted_types,
)
from seqlearn.data.plain import KIND, as_plain, from_plain
from seqlearn.metrics import mrr_scorer
from seqlearn.model_selection import TimeSplit
from seqlearn.preprocessing import SequenceImputer, SequenceNormalizer, SequenceScaler, Tokenizer

SMALL = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, size=12)]
LABELS = np.array(["a", "b", "c"])[np.arange(12) % 3]
NUMBERS = RNG.normal(size=12)
WORDS = [[f"w{i}" for i in RNG.integers(0, 9, size=5)] for _ in range(12)]
TAGS = [[f"B-{int(word[1]) % 2}" for word in words] for words in WORDS]
BAGS = [[{word: 1.0, "bias": 0.5} for word in words] for words in WORDS]
TEXTS = [" ".join(words) for words in WORDS]
PANEL = RNG.normal(size=(12, 2, 6))
VECTORS = {f"w{i}": RNG.normal(size=3).astype("f") for i in range(30)}


TRUSTED = trusted_types()


def loaded(model):
    """The model as skops, pickle and a file of its own give it back: all save the same state."""
    data = skops.io.dumps(model)
    with tempfile.TemporaryDirectory() as folder:
        seqlearn.save(model, Path(folder) / "model", training_state=True)
        of_file = seqlearn.load(Path(folder) / "model")
    return skops.io.loads(data, trusted=TRUSTED), pickle.loads(pickle.dumps(model)), of_file


def assert_equal_answers(model, X, method):
    due = getattr(model, method)(X)
    for other in loaded(model):
        answer = getattr(other, method)(X)
        assert type(answer) is type(due)
        if isinstance(due, pd.DataFrame):
            pd.testing.assert_frame_equal(answer, due, check_exact=True)
            continue
        for one, expected in zip(answer, due, strict=True):
            assert np.array_equal(one, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "X", "y", "method"),
    [
        (LSTMClassifier(**SMALL, dtype="float64", readout="attention"), X, LABELS, "predict_proba"),
        (LSTMClassifier(**SMALL, words=Words(characters=3)), WORDS, LABELS, "predict_proba"),
        (LSTMClassifier(**SMALL, words=Words(vectors=VECTORS)), WORDS, LABELS, "predict_proba"),
        (LSTMClassifier(**SMALL), BAGS, LABELS == "a", "predict_proba"),
        (LSTMClassifier(**SMALL), X, np.stack([LABELS == "a", LABELS == "b"], 1) * 1, "predict"),
        (LSTMRegressor(**SMALL, early_stopping=True), X, NUMBERS, "predict"),
        (LSTMRegressor(**SMALL, loss="huber"), X, NUMBERS, "predict"),
        (LSTMRegressor(**SMALL, loss="absolute_error"), X, np.stack([NUMBERS] * 2, 1), "predict"),
        (SequenceEncoder(**SMALL), X, None, "transform"),
        (BiLSTMTagger(**SMALL), WORDS, TAGS, "predict"),
        (LSTMLanguageModel(**SMALL), TEXTS, None, "score_samples"),
        (LSTMLanguageModel("bpe", **SMALL), TEXTS, None, "predict_proba"),
        (LSTMLanguageModel(Tokenizer(), min_frequency=1, **SMALL), TEXTS, None, "score_samples"),
        (LSTMLanguageModel(min_frequency=1, **SMALL), WORDS, None, "score_samples"),
        (LSTMRecommender(**SMALL), WORDS, None, "recommend"),
        (LSTMRecommender(**SMALL, n_negatives=3), [[1, 2, 3], [3, 1]], None, "rank_steps"),
        (
            LSTMRecommender(**SMALL, context=["c"]),
            [[(w, None) for w in ws] for ws in WORDS],
            None,
            "predict",
        ),
        (LSTMTranscriber(**SMALL, stack=2), X, LABELS, "predict_log_proba"),
        (LSTMTranslator(**SMALL), TEXTS, TEXTS[::-1], "predict"),
        (LSTMTranslator(**SMALL, copy=True), WORDS, WORDS, "predict"),
        (LSTMTranslator(Tokenizer(), **SMALL), TEXTS, WORDS, "attention"),
        (BiLSTMTagger(**SMALL, decoder="softmax"), X, [["O"] * len(x) for x in X], "predict"),
        (LSTMAnomalyDetector(**SMALL, window=5, likelihood=3), X, None, "anomaly_scores"),
        (LSTMAnomalyDetector("forecast", **SMALL, window=5), X, None, "predict"),
        (SequenceScaler(), X, None, "transform"),
        (SequenceScaler("minmax", columns=[1], clip=2.0), X, None, "transform"),
        (SequenceImputer(), [*X, np.full((2, 2), np.nan)], None, "transform"),
        (SequenceScaler(method="minmax"), X, None, "transform"),
        (SequenceScaler(method="robust"), X, None, "transform"),
        (SequenceNormalizer(), X, None, "transform"),
        (Tokenizer(level="character"), TEXTS, None, "transform"),
        (make_pipeline(SequenceScaler(), LSTMClassifier(**SMALL)), X, LABELS, "predict_proba"),
        (make_pipeline(Tokenizer(), LSTMClassifier(**SMALL)), TEXTS, LABELS, "predict_proba"),
        (
            make_pipeline(SequenceEncoder(**SMALL), LogisticRegression()),
            X,
            LABELS,
            "predict_proba",
        ),
        (
            ColumnTransformer([("e", SequenceEncoder(**SMALL), "s")]),
            pd.DataFrame({"s": [x[:, 0] for x in X]}),
            None,
            "transform",
        ),
        (SktimeLSTMAnomalyDetector(**SMALL, window=3), X[0], None, "transform_scores"),
        (SktimeLSTMClassifier(**SMALL), PANEL, LABELS, "predict_proba"),
        (SktimeLSTMRegressor(**SMALL), PANEL, NUMBERS, "predict"),
    ],
    ids=lambda value: repr(value) if hasattr(value, "fit") else "",
)
def test_every_estimator_and_pipelines_of_them(model, X, y, method):
    assert_equal_answers(model.fit(X, y), X, method)


def series(index, **columns):
    values = np.sin(np.arange(len(index)) / 3)
    return pd.DataFrame({"v": values, **columns}, index=index)


DAYS = pd.date_range("2020-01-01", periods=40, freq="D")
CLOSED = pd.offsets.CustomBusinessDay(holidays=["2020-01-06", "2020-02-03"])
INDEXES = [
    DAYS,
    DAYS.tz_localize("Europe/Berlin"),
    pd.date_range("2020-01-01", periods=40, freq=CLOSED),
    pd.period_range("2020-01", periods=40, freq="M"),
    pd.RangeIndex(3, 43),
    pd.Index(np.arange(3, 43)),
    pd.MultiIndex.from_product([["a", "b"], DAYS[:20]], names=["shop", "day"]),
    pd.MultiIndex.from_product([[0, 1], ["a", "b"], pd.RangeIndex(20)]),
]


@pytest.mark.slow
@pytest.mark.parametrize("index", INDEXES, ids=lambda index: type(index).__name__)
def test_forecasters_of_every_index(index):
    frame = series(index, u=np.arange(len(index)) % 7.0)
    if index.nlevels > 1:
        frame = frame.sort_index()
    model = LSTMForecaster(**SMALL, window_length=6, segment_length=2)
    model.fit(frame[["v"]], fh=[1, 3])
    due = model.predict()
    quantiles = model.predict_quantiles(alpha=[0.1, 0.5])
    later = model.clone().fit(frame[["v"]], fh=[1, 3]).update(frame[["v"]].iloc[-3:])
    for other in loaded(model):
        pd.testing.assert_frame_equal(other.predict(), due, check_exact=True, check_freq=True)
        answer = other.predict_quantiles(alpha=[0.1, 0.5])
        pd.testing.assert_frame_equal(answer, quantiles, check_exact=True)
        pd.testing.assert_index_equal(other.cutoff, model.cutoff)
        assert getattr(other.cutoff, "freq", None) == getattr(model.cutoff, "freq", None)
        pd.testing.assert_frame_equal(other._y, model._y, check_freq=True)
        other.update(frame[["v"]].iloc[-3:])
        pd.testing.assert_frame_equal(other.predict(), later.predict(), check_exact=True)


def test_a_forecaster_with_everything():
    X = series(DAYS, w=(np.arange(40) % 7).astype("float32"), flag=np.arange(40) % 2 == 0)
    X["count"] = pd.array([None, *range(39)], dtype="Int64")
    model = LSTMForecaster(**SMALL, window_length=6, calibration="conformal", past_only=["v"])
    model.fit(series(DAYS)["v"], X=X, fh=ForecastingHorizon(DAYS[-1:] + DAYS.freq, False))
    ahead = X.iloc[:1].set_axis(DAYS[-1:] + DAYS.freq)
    for other in loaded(model):
        assert other.predict(X=ahead).equals(model.predict(X=ahead))
        assert (other.fh.to_pandas() == model.fh.to_pandas()).all() and other._X.equals(model._X)
        assert (other._X.dtypes == model._X.dtypes).all()


PLAIN = [
    {0: "a", None: 2, (1, "x"): [np.float32(2)], True: {False: 3}},
    {KIND: "dict", "keys": 1},
    {f"w{i}": i / np.arange(1.0, 4.0) for i in range(100)},
    np.dtype("float32"),
    np.array([["a\0"], ["bc"]], np.dtypes.StringDType()),
    np.array([[pd.Timestamp("2024-01-01"), "x"], [[1, {2: 3}], None]], dtype=object),
    pd.Timestamp("2024-01-01", tz="Asia/Tokyo"),
    pd.Timedelta("3h"),
    pd.Period("2024Q1", "Q"),
    pd.offsets.Week(weekday=3),
    pd.offsets.DateOffset(months=2, days=1),
    pd.offsets.CustomBusinessDay(weekmask="Mon Tue", holidays=["2024-01-01"]),
    pd.offsets.BusinessHour(start="10:00"),  # stays as it is: its hours are no plain values
    DAYS.to_series().dt.tz_localize("UTC"),
    pd.Series([1, 2], index=["a", "b"], name=("x", 1)),
    pd.Series(["u", None], dtype="string"),
    pd.Series(["u", "v"], dtype="category"),
    pd.Index(["u", None], dtype=object),
    pd.timedelta_range("1h", periods=3, name="t"),
    pd.CategoricalIndex(["b", "a", None], categories=["b", "a"], ordered=True),
    pd.DataFrame({"a": [1, 2], 3: ["x", "y"]}, index=pd.period_range("2024", periods=2, freq="Y")),
    pd.DataFrame(index=pd.RangeIndex(3)),
    pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]).names,
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_what_is_written_down_in_plain_values_comes_back_as_it_was(value):
    plain = as_plain(value)
    back = from_plain(copy.deepcopy(plain))
    assert type(back) is type(value)
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(back, value, check_freq=True)
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(back, value, check_freq=True)
    elif isinstance(value, pd.Index):
        pd.testing.assert_index_equal(back, value, exact=True)
    elif isinstance(value, np.ndarray):
        assert back.dtype == value.dtype and np.array_equal(back, value)
    elif isinstance(value, dict) and "w1" in value:
        assert list(back) == list(value)
        assert all(np.array_equal(back[key], value[key]) for key in value)
    else:
        assert back == value
    if not isinstance(value, pd.offsets.BusinessHour):
        assert skops.io.get_untrusted_types(data=skops.io.dumps(plain)) == []


def test_weights_of_true_and_false_are_two_weights():
    # skops makes bool("false"), which is True, of a key.
    model = LSTMClassifier(**SMALL, class_weight={False: 1.0, True: 5.0}).fit(X, LABELS == "a")
    for other in loaded(model):
        assert other.class_weight == {False: 1.0, True: 5.0}
        assert np.array_equal(other.fit(X, LABELS == "a").predict(X), model.predict(X))


@pytest.mark.slow
def test_optimisers_and_backends_with_options_are_trusted_too():
    model = LSTMClassifier(**SMALL, optimizer=torch.optim.NAdam, backend="gru")
    model.set_params(backend="torch", backend__forget_bias=2.0).fit(X, LABELS)
    others, due = loaded(model), model.partial_fit(X, LABELS).predict_proba(X)
    for other in others:
        assert other.optimizer is torch.optim.NAdam and other.backend.forget_bias == 2.0
        assert np.array_equal(other.partial_fit(X, LABELS).predict_proba(X), due)


def test_splits_and_scorers_in_a_search_are_trusted_too():
    cv, scoring = TimeSplit(np.arange(len(X)), 2), {"mrr": mrr_scorer(10)}
    search = GridSearchCV(LSTMClassifier(), {}, cv=cv, scoring=scoring, refit="mrr")
    other = skops.io.loads(skops.io.dumps(search), trusted=trusted_types())
    assert other.scoring == scoring
    for before, after in zip(cv.split(X), other.cv.split(X), strict=True):
        np.testing.assert_array_equal(before[1], after[1])


def test_a_type_of_the_user_is_not_trusted():
    class Logger(LSTMClassifier):
        pass

    data = skops.io.dumps(Logger())
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException, match="Logger"):
        skops.io.loads(data, trusted=trusted_types())


def test_a_forged_frequency_or_weight_type_is_refused():
    with pytest.raises(seqlearn.errors.DataFormatError, match="no_such"):
        from_plain({KIND: "offset", "name": "no_such", "n": 1, "normalize": False, "given": {}})
    net = LSTMClassifier(**SMALL).fit(X, LABELS).net_
    state = net.__getstate__()
    state["arguments"]["dtype"] = "load"  # torch.load is no type
    with pytest.raises(KeyError):
        type(net).__new__(type(net)).__setstate__(state)


def test_every_trusted_type_exists_and_none_of_python_is_among_them():
    for name in trusted_types():
        module, _, kind = name.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), kind), type), name
        assert not module.startswith("builtins")


def test_a_broken_backend_is_left_out_with_a_warning(install):
    install("seqlearn-broken", {"broken": "seqlearn_broken:Broken"}, {"seqlearn_broken": "1 / 0"})
    with pytest.warns(UserWarning, match="'broken' of seqlearn-broken 1.0 could not be imported"):
        names = trusted_types()
    assert "seqlearn.backends.torch_lstm.TorchLSTM" in names


@pytest.mark.parametrize(
    "callback",
    [
        LRScheduler("StepLR", step_size=1),
        EarlyStopping(monitor="train_loss", load_best=True),
        Freezer("encoder.*", at=2),
        Initializer("*bias*"),
        Checkpoint(monitor=None, f_params=None, f_optimizer=None, f_criterion=None, f_history=None),
        EpochScoring("accuracy", on_train=True),
    ],
    ids=lambda one: type(one).__name__,
)
def test_fitted_callbacks_are_saved_without_what_torch_left_in_them(callback):
    """Only types of skorch and scheduler policies are left to trust, and a loaded model trains."""
    make = {**SMALL, "max_epochs": 3, "lr_schedule": None}
    model = LSTMClassifier(**make, callbacks=[("own", callback)]).fit(X, LABELS)
    before = vars(callback).copy()
    due, data = model.predict_proba(X), skops.io.dumps(model)
    assert vars(callback) == before
    more = [t for t in skops.io.get_untrusted_types(data=data) if t not in TRUSTED]
    allowed = ("skorch.", "torch.optim.lr_scheduler.", "builtins.print", "torch.nn.init.")
    assert all(name.startswith(allowed) for name in more)
    for other in (skops.io.loads(data, trusted=TRUSTED + more), pickle.loads(pickle.dumps(model))):
        kept = vars(other.callbacks[0][1])
        tensors = [
            v for v in kept.values() if "torch" in type(v).__module__ or "Ordered" in repr(v)
        ]
        assert tensors == [] and other.callbacks[0][0] == "own"
        np.testing.assert_array_equal(other.predict_proba(X), due)
        np.testing.assert_array_equal(other.fit(X, LABELS).predict_proba(X), due)


def test_state_of_an_optimiser_in_lists_is_saved_too():
    params = {**SMALL, "optimizer": torch.optim.LBFGS, "weight_decay": 0, "lr_schedule": None}
    model = LSTMClassifier(**params).fit(X, LABELS)
    others = loaded(model)
    due = model.partial_fit(X, LABELS).predict_proba(X)
    for other in others:
        np.testing.assert_array_equal(other.partial_fit(X, LABELS).predict_proba(X), due)
