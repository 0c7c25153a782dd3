"""Series with gaps and times in the estimators: `missing="mask"` and `time_column=`."""

import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from seqlearn import (
    BiLSTMTagger,
    LSTMClassifier,
    LSTMRegressor,
    SequenceEncoder,
    to_sequences,
    trusted_types,
)
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.series_input import SeriesInput
from seqlearn.modules.heads.next_step import NextStepHead, NextSteps

SMALL = {"hidden_size": 6, "max_epochs": 3, "random_state": 0}
TIMED = {"missing": "mask", "time_column": 0}
MASK = {"missing": "mask"}


def series(n=40, seed=0, gaps=0.5, longest=10):
    """Return n series (T_i, 3), a time and two features with gaps, and labels that they tell."""
    rng = np.random.default_rng(seed)
    X, y = [], np.arange(n) % 2
    for label in y:
        steps = rng.integers(1, longest)
        values = rng.normal(label, 0.5, size=(steps, 2))
        values[rng.random(values.shape) < gaps] = np.nan
        times = np.cumsum(rng.uniform(0.1, 3.0, size=steps).round(1)).round(1)
        X.append(np.column_stack([times, values]))
    return X, y


def step_labels(X):
    return [(np.arange(len(x)) % 2).tolist() for x in X]


KINDS = {
    "classifier": (LSTMClassifier, lambda X, y: y),
    "regressor": (LSTMRegressor, lambda X, y: y * 2.0),
    "encoder": (SequenceEncoder, lambda X, y: None),
    "tagger": (BiLSTMTagger, lambda X, y: step_labels(X)),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def answers(model, X):
    """Return what a model says of X, as one array of numbers."""
    names = ("predict_proba", "predict_marginals", "transform", "predict")
    found = getattr(model, next(name for name in names if hasattr(model, name)))(X)
    return np.concatenate(list(found)) if found.dtype == object else found


@pytest.mark.slow
@each_kind
@pytest.mark.parametrize(
    ("reads", "dtype"),
    [(TIMED, "float64"), (MASK, "float32"), ({"time_column": 0}, "float32")],
    ids=repr,
)
def test_estimators_fit_predict_and_come_back(kind, reads, dtype, tmp_path):
    Estimator, targets = KINDS[kind]
    X, y = series(16, gaps=0.5 if "missing" in reads else 0.0)
    model = Estimator(**SMALL | {"max_epochs": 1}, **reads, dtype=dtype).fit(X, targets(X, y))
    found = answers(model, X)
    assert np.isfinite(found).all() and np.isfinite(model.loss_curve_).all()
    alone = np.concatenate([answers(model, X[i : i + 1]) for i in range(4)])
    np.testing.assert_allclose(alone, answers(model, X)[: len(alone)], rtol=0, atol=1e-6)
    for twin in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, targets(X, y))):
        np.testing.assert_array_equal(answers(twin, X), found)
    skops.io.dump(model, tmp_path / "model.skops")
    loaded = skops.io.load(tmp_path / "model.skops", trusted=trusted_types())
    np.testing.assert_array_equal(answers(loaded, X), found)
    np.testing.assert_array_equal(answers(model, to_sequences(X)), found)


def test_the_tag_says_whether_nan_is_accepted():
    for Estimator, _ in KINDS.values():
        assert not get_tags(Estimator()).input_tags.allow_nan
        assert get_tags(Estimator(missing="mask")).input_tags.allow_nan
    for inner in (LSTMClassifier(**MASK), FrozenEstimator(LSTMClassifier(**MASK))):
        assert get_tags(SequenceEncoder(inner)).input_tags.allow_nan
    assert not get_tags(SequenceEncoder(LSTMClassifier(), missing="mask")).input_tags.allow_nan


# What must not matter


@pytest.mark.slow
@pytest.mark.parametrize("reads", [TIMED, {"time_column": 0}], ids=repr)
@pytest.mark.parametrize("factor", [60, 1 / 24])
def test_the_unit_of_time_changes_nothing_after_a_refit(reads, factor):
    X, y = series(gaps=0.5 if "missing" in reads else 0.0)
    other = [np.column_stack([x[:, 0] * factor, x[:, 1:]]) for x in X]
    found, due = (
        LSTMClassifier(**SMALL, **reads).fit(rows, y).predict_proba(rows) for rows in (other, X)
    )
    np.testing.assert_allclose(found, due, rtol=0, atol=1e-6)


def test_seconds_since_1970_are_as_good_as_seconds_from_zero():
    X, y = series()
    X = [np.column_stack([np.round(x[:, 0] * 10), x[:, 1:]]) for x in X]  # whole ones are exact
    late = [np.column_stack([x[:, 0] + 1.7e9, x[:, 1:]]) for x in X]
    found, due = (
        LSTMClassifier(**SMALL, **TIMED).fit(rows, y).predict_proba(rows) for rows in (late, X)
    )
    np.testing.assert_array_equal(found, due)


@each_kind
def test_nothing_looks_ahead(kind):
    """In one direction, with the last step read out, a prefix has the answer it has alone."""
    Estimator, targets = KINDS[kind]
    X, y = series(longest=12)
    settings = {"decoder": "softmax"} if kind == "tagger" else {"readout": "last"}
    if kind != "encoder":
        settings["bidirectional"] = False
    model = Estimator(**SMALL, **TIMED, **settings).fit(X, targets(X, y))
    long = max(X, key=len)
    model.net_.evaluate()
    for n in range(1, len(long)):
        whole = long.copy()
        whole[n:, 1:] = 9.0
        whole[n:, 0] += 100
        if kind == "tagger":
            found, due = answers(model, [whole])[:n], answers(model, [long[:n]])
            np.testing.assert_allclose(found, due, rtol=0, atol=1e-6)
            continue
        module, state, steps = model.net_.module_, None, []
        encoded = torch.tensor(model._encoded([whole]).values)
        with torch.inference_mode():
            for values in encoded[:n]:
                output, state = module.step(values[None], state)
                steps.append(output)
            due = module(torch.tensor(model._encoded([long[:n]]).values)[None])
        if kind != "encoder":
            torch.testing.assert_close(steps[-1], due, rtol=1e-5, atol=1e-6)
        elif n > 1:  # what is expected after all steps but the last
            expected = torch.stack(steps[:-1], dim=1)
            torch.testing.assert_close(expected, due.predicted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor, SequenceEncoder])
def test_the_order_of_steps_of_one_time_changes_nothing(Estimator):
    rng = np.random.default_rng(0)
    X, y = series()
    X = [np.column_stack([np.floor(x[:, 0] / 4), x[:, 1:]]) for x in X]
    other = [x[np.lexsort((rng.random(len(x)), x[:, 0]))] for x in X]
    assert any(not np.array_equal(*pair, equal_nan=True) for pair in zip(X, other, strict=True))
    model, twin = (Estimator(**SMALL, **TIMED).fit(rows, y) for rows in (X, other))
    for rows in (X, other):
        np.testing.assert_array_equal(answers(twin, rows), answers(model, X))


def test_a_tagger_refuses_steps_of_one_time():
    X, _ = series(4)
    X[2] = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0], [2.0, 0.0, 0.0]])
    with pytest.raises(DataFormatError, match=r"sequence 2 at step 1\. BiLSTMTagger labels"):
        BiLSTMTagger(**SMALL, **TIMED).fit(X, step_labels(X))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "gru"])
def test_a_column_that_is_all_nan_changes_nothing_beyond_noise(backend):
    X, y = series(60)
    scores = []
    for rows in (X, [np.column_stack([x, np.full(len(x), np.nan)]) for x in X]):
        model = LSTMClassifier(backend=backend, **SMALL | {"max_epochs": 24}, **TIMED)
        model.fit(rows, y)
        assert np.isfinite(model.predict_proba(rows)).all()
        scores.append(model.score(rows, y))
    assert abs(scores[0] - scores[1]) < 0.05 and min(scores) > 0.8


def test_weights_are_exact_and_rows_have_no_order():
    X, y = series()
    weights = np.arange(40) % 3
    model = LSTMClassifier(**SMALL, **TIMED)
    due = clone(model).fit(X, y, sample_weight=weights).predict_proba(X)
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(40), weights))
    repeated = clone(model).fit([X[i] for i in rows], y[rows])
    np.testing.assert_array_equal(repeated.predict_proba(X), due)


def test_a_nan_is_a_nan_whatever_its_bits_are():
    X, y = series()
    model = LSTMClassifier(**SMALL, **MASK)
    twin = clone(model).fit([np.where(np.isnan(x), -x, x) for x in X], y)
    np.testing.assert_array_equal(twin.predict_proba(X), model.fit(X, y).predict_proba(X))


# What is learned


def learned(model):
    return model._learned.reading


def test_means_and_scales_are_those_of_the_data():
    X, y = series()
    gaps = learned(LSTMClassifier(**SMALL, **TIMED).fit(X, y)).gaps
    np.testing.assert_allclose(gaps["mean"][1:], np.nanmean(np.concatenate(X), axis=0)[1:], 1e-6)
    assert gaps["mean"][0] == 0 and gaps["gap_scale"][0] == pytest.approx(1.0)
    steps = np.concatenate([np.diff(x[:, 0]) for x in X])
    model = LSTMClassifier(**SMALL, time_column=0).fit([np.nan_to_num(x) for x in X], y)
    assert learned(model).time_scale == pytest.approx(steps.mean())


def test_they_are_learned_from_the_rows_that_are_trained_on(monkeypatch):
    X, y = series(40)
    seen, learn = [], SeriesInput.learn
    monkeypatch.setattr(
        SeriesInput,
        "learn",
        lambda reads, dtype, sequences, *rest, **more: (
            seen.append(len(sequences)) or learn(reads, dtype, sequences, *rest, **more)
        ),
    )
    LSTMClassifier(**SMALL, **TIMED, early_stopping=True, validation_fraction=0.25).fit(X, y)
    assert seen == [30]


@pytest.mark.slow
def test_a_row_without_observation_gets_the_prior():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(8, 2)) for _ in range(200)]
    y = np.array([x.mean() > 0.18 for x in X]).astype(int)
    for x in X:
        x[rng.random(x.shape) < 0.5] = np.nan
    model = LSTMClassifier(
        hidden_size=16, max_epochs=40, weight_decay=1e-3, optimizer="adamw", random_state=0, **MASK
    ).fit(X, y)
    assert model.score(X, y) > 0.85
    for steps in (4, 8):
        found = model.predict_proba([np.full((steps, 2), np.nan)])[0, 1]
        assert abs(found - y.mean()) < 0.15
    regressor = LSTMRegressor(hidden_size=16, max_epochs=20, random_state=0, **MASK).fit(X, y)
    assert abs(regressor.predict([np.full((8, 2), np.nan)])[0] - y.mean()) < 0.15


def test_gaps_tell_what_carried_values_do_not():
    """Whether the second feature was seen at all is the label; all values are alike."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(6, 2)) for _ in range(160)]
    y = np.arange(160) % 2
    for x, label in zip(X, y, strict=True):
        if label:
            x[:, 1] = np.nan
    model = LSTMClassifier(hidden_size=8, max_epochs=20, random_state=0, **MASK).fit(X[:80], y[:80])
    assert model.score(X[80:], y[80:]) > 0.95
    assert model.net_.module_.encoder.input_size == 6


def test_times_alone_tell_fast_series_from_slow_ones():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    X = [np.cumsum(rng.uniform(1, 3, size=(8, 1)) * (1 + 3 * label), axis=0) for label in y]
    for reads in (TIMED, {"time_column": 0}):
        model = LSTMClassifier(hidden_size=8, max_epochs=20, random_state=0, **reads)
        assert model.fit(X[:60], y[:60]).score(X[60:], y[60:]) > 0.9


def test_the_loss_of_the_next_step_leaves_out_what_was_not_observed():
    rng = np.random.default_rng(0)
    x, predicted, scale = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 5, 3)), [1.0, 2.0, 0.5]
    x[rng.random(x.shape) < 0.5] = np.nan
    x[2] = np.nan
    lengths, head = [6, 2, 4, 1], NextStepHead(3, feature_scale=np.array(scale))
    guess = torch.tensor(predicted, requires_grad=True)
    for given in (None, torch.tensor(lengths)):
        losses = head.loss(NextSteps(guess, torch.tensor(x), given), None)
        for row, loss in enumerate(losses):
            n = 6 if given is None else lengths[row]
            errors = ((predicted[row, : n - 1] - x[row, 1:n]) / scale) ** 2
            known = errors[~np.isnan(errors)]
            assert loss.item() == pytest.approx(known.mean() if len(known) else 0.0)
        losses.sum().backward()
        assert guess.grad.isfinite().all()


# Going on, and what goes with it


@each_kind
def test_training_goes_on_from_what_was_learned(kind):
    Estimator, targets = KINDS[kind]
    (X, y), (more, z) = series(), series(seed=1)
    classes = {"classes": [0, 1]} if kind in ("classifier", "tagger") else {}
    model = Estimator(**SMALL, **TIMED).partial_fit(X, targets(X, y), **classes)
    before = learned(model)
    model.partial_fit(more, targets(more, z))
    assert learned(model) is before and model.n_iter_ == 2
    model.set_params(warm_start=True).fit(more, targets(more, z))
    assert learned(model) is before and model.n_iter_ == 5


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        (MASK, {"missing": "error"}, "in which missing was 'mask'; now it is 'error'"),
        ({}, MASK, "in which missing was 'error'; now it is 'mask'"),
        ({}, {"time_column": 0}, "in which time_column was None; now it is 0"),
        (TIMED, {"time_column": 1}, "in which time_column was 0; now it is 1"),
    ],
    ids=str,
)
def test_training_does_not_go_on_in_another_way(was, now, message):
    X, y = series(gaps=0.0)
    model = LSTMClassifier(**SMALL, warm_start=True, **was).fit(X, y)
    due = model.predict_proba(X)
    with pytest.raises(InvalidParameterError, match=message):
        model.set_params(**now).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), due)  # a parameter, and no fit


def test_in_scikit_learns_hands():
    X, y = series()
    search = GridSearchCV(
        LSTMClassifier(**SMALL), {"missing": ["mask"], "time_column": [None, 0]}, cv=2
    )
    assert len(search.fit(X, y).cv_results_["params"]) == 2
    assert np.isfinite(cross_val_score(LSTMClassifier(**SMALL, **TIMED), X, y, cv=2)).all()
    pipe = make_pipeline(SequenceEncoder(**SMALL, **TIMED), LogisticRegression()).fit(X, y)
    assert pipe.predict(X).shape == (40,)
    inner = LSTMClassifier(**SMALL, **TIMED).fit(X, y)
    encoder = SequenceEncoder(FrozenEstimator(inner)).fit(X)
    assert encoder.transform(X).shape == (40, 12)
    assert SequenceEncoder(clone(inner)).fit(X, y).transform(X[:1]).shape == (1, 12)


def test_names_of_columns():
    X, y = series()
    frames = [pd.DataFrame(x[:, [1, 0, 2]], columns=["pulse", "hour", "heat"]) for x in X]
    model = LSTMClassifier(**SMALL, missing="mask", time_column="hour").fit(frames, y)
    assert learned(model).time_column == 1 and model.n_features_in_ == 3
    with pytest.raises(DataFormatError, match="feature names should match"):
        model.predict([frame[["hour", "pulse", "heat"]] for frame in frames])


def test_arrays_with_three_dimensions_and_series():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 5, 2))
    X[rng.random(X.shape) < 0.5] = np.nan
    y = np.arange(20) % 2
    for rows in (X, X[..., 0], X.tolist(), X[..., 0].tolist()):
        model = LSTMClassifier(**SMALL, **MASK).fit(rows, y)
        assert np.isfinite(model.predict_proba(rows)).all()


def test_one_sequence_of_one_step():
    for reads in (TIMED, MASK, {"time_column": 0}):
        model = LSTMRegressor(**SMALL, **reads).fit([np.array([[1.0, 2.0]])], [3.0])
        assert np.isfinite(model.predict([[[0.0, 2.0]]])).all()
    model = LSTMClassifier(**SMALL, **MASK).fit([[[np.nan]], [[np.nan]]], ["a", "b"])
    assert np.isfinite(model.predict_proba([[[1.0]]])).all()


# Bad input


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"missing": "masked"}, "one of 'error', 'mask' .did you mean 'mask'"),
        ({"missing": True}, "one of 'error', 'mask'"),
        ({"time_column": 1.5}, "the number or name of a column, or None"),
        ({"time_column": True}, "the number or name of a column, or None"),
        ({"time_column": 7}, "time_column=7, but X has 3 values a step"),
        ({"time_column": "hour"}, "time_column='hour', but X has no names of columns"),
    ],
    ids=str,
)
@each_kind
def test_parameters_that_are_refused(kind, params, message):
    Estimator, targets = KINDS[kind]
    X, y = series(gaps=0.0)
    model = Estimator(**SMALL, **params)
    with pytest.raises(InvalidParameterError, match=message):
        model.fit(X, targets(X, y))
    assert set(vars(model)) == set(model.get_params())


@each_kind
def test_nan_is_refused_with_a_word_on_what_to_do(kind):
    Estimator, targets = KINDS[kind]
    X, y = series()
    message = r"NaN: sequence \d+ at step.* or set missing='mask'"
    with pytest.raises(DataFormatError, match=message):
        Estimator(**SMALL).fit(X, targets(X, y))
    with pytest.raises(DataFormatError, match=message):  # and the step of a pipeline is named
        make_pipeline(Estimator(**SMALL)).fit(X, targets(X, y))
    model = Estimator(**SMALL, **MASK).fit(X, targets(X, y))
    with pytest.raises(InvalidParameterError, match=r"shape \(1, 2\).* \(B, 3\) is due"):
        model.net_.module_.step(torch.zeros(1, 2))
    X[3][0, 1] = np.inf
    for call in (model.fit, lambda X, y: answers(model, X)):
        with pytest.raises(DataFormatError, match="infinity: sequence 3 at step 0"):
            call(X, targets(X, y))


def test_a_time_far_beyond_those_of_fit_is_refused():
    X, y = series()
    model = LSTMClassifier(**SMALL, **TIMED).fit(X, y)
    assert np.isfinite(model.predict_proba([[[0.0, 1, 2], [1e9, 1, 2]]])).all()
    with pytest.raises(DataFormatError, match="time column of X has a value that is"):
        model.predict([[[0.0, 1, 2], [1e30, 1, 2]]])


@pytest.mark.parametrize("params", [MASK, {"time_column": 0}], ids=str)
def test_words_have_no_gaps(params):
    with pytest.raises(InvalidParameterError, match="says how numbers are read, but X has words"):
        LSTMClassifier(**SMALL, **params).fit([["a", "b"], ["b"]] * 4, [0, 1] * 4)


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_dates_are_to_be_made_numbers(zone):
    hours = pd.date_range("2024-01-01", periods=3, freq="h", tz=zone)
    frame = pd.DataFrame({"hour": hours, "pulse": [60.0, np.nan, 70.0]})
    for row in (frame, frame.to_numpy(), hours.tz_localize(None).to_numpy()[:, None]):
        with pytest.raises(DataFormatError, match="Times are numbers, hours since the first, say"):
            LSTMClassifier(**SMALL, **TIMED).fit([row] * 4, [0, 1] * 2)
    frame["hour"] = (frame["hour"] - frame["hour"].iloc[0]) / pd.Timedelta(hours=1)
    assert LSTMClassifier(**SMALL, **TIMED).fit([frame] * 4, [0, 1] * 2).n_features_in_ == 2


def test_a_set_parameter_changes_no_fitted_model():
    X, y = series()
    model = LSTMClassifier(**SMALL, **TIMED).fit(X, y)
    due = model.predict_proba(X)
    model.set_params(missing="error", time_column=None)
    np.testing.assert_array_equal(model.predict_proba(X), due)
