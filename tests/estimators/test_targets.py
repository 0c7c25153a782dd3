"""Estimators read y and weights in one way, in fit, partial_fit and score, out of any container."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import cross_val_score
from sklearn.multioutput import MultiOutputRegressor

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMRegressor, SequenceEncoder
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.metrics import span_f1_score, token_accuracy_score

SMALL = {"hidden_size": 3, "max_epochs": 2, "random_state": 0}
N, T = 8, 3
X = np.random.default_rng(0).normal(size=(N, T, 1))
TWO = np.arange(N) % 2
STEPS = (np.arange(N * T) % 2).reshape(N, T)
ESTIMATORS = {
    LSTMClassifier: TWO,
    LSTMRegressor: TWO * 1.5,
    BiLSTMTagger: STEPS,
}
MASK = np.arange(N) == 2
WEIGHTS = np.arange(1.0, N + 1)


@pytest.fixture(scope="module")
def fitted():
    return {kind: kind(**SMALL).fit(X, y, sample_weight=WEIGHTS) for kind, y in ESTIMATORS.items()}


def bits(model):
    return np.concatenate([p.detach().numpy().ravel() for p in model.net_.module_.parameters()])


# Masks.


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_masks_of_targets_and_weights_are_refused_everywhere(kind, fitted):
    y = ESTIMATORS[kind]
    mask = np.broadcast_to(MASK.reshape(N, *[1] * (y.ndim - 1)), y.shape)
    masked, heavy = np.ma.array(y, mask=mask), np.ma.array(WEIGHTS, mask=MASK)
    first = {} if kind is LSTMRegressor else {"classes": [0, 1]}
    calls = [
        lambda y, w: kind(**SMALL).fit(X, y, sample_weight=w),
        lambda y, w: kind(**SMALL).partial_fit(X, y, sample_weight=w, **first),
        lambda y, w: fitted[kind].score(X, y, sample_weight=w),
    ]
    for call in calls:
        with pytest.raises(DataFormatError, match="y is a masked array"):
            call(masked, None)
        with pytest.raises(DataFormatError, match="sample_weight is a masked array"):
            call(y, heavy)
    free = fitted[kind].score(X, np.ma.array(y), sample_weight=np.ma.array(WEIGHTS))
    assert free == fitted[kind].score(X, y, sample_weight=WEIGHTS)


def test_masks_are_refused_on_the_other_ways_to_a_fit():
    heavy = np.ma.array(WEIGHTS, mask=MASK)
    with pytest.raises(DataFormatError, match="sample_weight is a masked array"):
        SequenceEncoder(**SMALL).fit(X, sample_weight=heavy)
    with pytest.raises(DataFormatError, match="sample_weight is a masked array"):
        SequenceEncoder(LSTMClassifier(**SMALL)).fit(X, TWO, sample_weight=heavy)
    with pytest.raises(DataFormatError, match="classes is a masked array"):
        LSTMClassifier(**SMALL).partial_fit(X, TWO, classes=np.ma.array([0, 1], mask=[0, 1]))
    words, labels = [["a"], [], ["b", "c"]], [[0], [], [1, 0]]
    tagger = BiLSTMTagger(drop_empty=True, **SMALL)
    weights = np.ma.array([1.0, 1.0, 1.0], mask=[True, False, False])
    with pytest.raises(DataFormatError, match="sample_weight is a masked array"):
        tagger.fit(words, labels, sample_weight=weights)
    labels[2] = np.ma.array([1, 0], mask=[False, True])
    with pytest.raises(DataFormatError, match="Row 2 of y is a masked array"):
        tagger.fit(words, labels)


def test_masks_of_a_score_are_refused():
    y = [["B-X", "O"], ["O", "B-X"]]
    masked = [np.ma.array(y[0], mask=[False, True]), y[1]]
    for score in (span_f1_score, token_accuracy_score):
        for pair in ((masked, y), (y, masked)):
            with pytest.raises(DataFormatError, match=r"Row 0 of y_(true|pred) is a masked array"):
                score(*pair)
        with pytest.raises(DataFormatError, match="y_true is a masked array"):
            score(np.ma.array(y, mask=[[0, 1], [0, 0]]), y)
        with pytest.raises(DataFormatError, match="sample_weight is a masked array"):
            score(y, y, sample_weight=np.ma.array([1.0, 2.0], mask=[True, False]))


# One training set, whatever holds it.

CONTAINERS = {
    "list": lambda y: y.tolist(),
    "objects": lambda y: y.astype(object),
    "series of objects": lambda y: pd.Series(list(y.astype(object)), dtype=object),
    "polars": lambda y: pl.Series(y.tolist()),
    "arrow": lambda y: pa.array(y.tolist()),
    "arrow chunks": lambda y: pa.chunked_array([y[:3].tolist(), y[3:].tolist()]),
    "rows of arrow": lambda y: list(pa.array(y.tolist())),
}


@pytest.mark.parametrize("pack", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_the_container_of_y_and_weights_plays_no_role(kind, pack, fitted):
    y = ESTIMATORS[kind]
    model = kind(**SMALL).fit(X, pack(y), sample_weight=pack(WEIGHTS))
    assert np.array_equal(bits(model), bits(fitted[kind]))
    if kind is not LSTMRegressor:
        assert model.classes_.dtype == fitted[kind].classes_.dtype == y.dtype
    score = model.score(X, pack(y), sample_weight=pack(WEIGHTS))
    assert score == fitted[kind].score(X, y, sample_weight=WEIGHTS)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([False, True]),
        np.array([False, True], dtype=object),
        np.array([3, 7], dtype=object),
        np.array(["no", "yes"], dtype=object),
        np.array(["no", "yes"], dtype=np.dtypes.StringDType()),
        pd.array([3, 7], dtype="Int64"),
        pd.array([False, True], dtype="boolean"),
        pd.array(["no", "yes"], dtype="string"),
        np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_classifier_and_tagger_take_the_same_labels(labels, fitted):
    plain = labels.tolist() if labels.dtype.kind != "M" else labels
    for kind, y in ((LSTMClassifier, labels[TWO]), (BiLSTMTagger, [labels[row] for row in STEPS])):
        model = kind(**SMALL).fit(X, y, sample_weight=WEIGHTS)
        assert np.array_equal(bits(model), bits(fitted[kind]))  # only the names differ
        assert model.classes_.dtype == np.asarray(plain).dtype
        assert model.classes_.tolist() == np.asarray(plain).tolist()
        assert np.array_equal(model.predict(X), model.classes_[fitted[kind].predict(X)])
        assert model.score(X, y) == fitted[kind].score(X, ESTIMATORS[kind])


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ((1, "a"), "mixed types"),
        ((True, 2), "mixed types"),
        (("a", None), "has no label"),
        (("a", pd.NA), "has no label"),
        ((1, pd.NA), "has no label"),
        ((1.0, np.nan), "NaN"),
        ((0.5, 1.0), "continuous"),
    ],
)
def test_classifier_and_tagger_refuse_the_same_labels(pair, message, fitted):
    for kind, shape in ((LSTMClassifier, TWO), (BiLSTMTagger, STEPS)):
        cells = np.array(pair, dtype=object)[shape]
        for y in (cells, cells.tolist()):
            model = kind(**SMALL)
            with pytest.raises(DataFormatError, match=message):
                model.fit(X, y)
            assert set(vars(model)) == set(model.get_params())
            with pytest.raises(DataFormatError, match=message):
                fitted[kind].score(X, y)
        with pytest.raises(DataFormatError, match=message):
            kind(**SMALL).partial_fit(X, ESTIMATORS[kind], classes=list(pair))


@pytest.mark.parametrize("kind", [LSTMClassifier, BiLSTMTagger])
def test_written_numbers_are_not_the_classes_that_they_name(kind, fitted):
    """NumPy's setdiff1d and searchsorted take "1" for 1."""
    y = ESTIMATORS[kind]
    with pytest.raises(DataFormatError, match="no two can be equal"):
        kind(**SMALL).partial_fit(X, y.astype(str), classes=[0, 1])
    with pytest.raises(DataFormatError, match=r"not the same as|no two can be equal"):
        kind(**SMALL).fit(X, y).partial_fit(X, y.astype(str))
    with pytest.raises(DataFormatError, match="no two can be equal"):
        fitted[kind].score(X, y.astype(str))
    with pytest.raises(InvalidParameterError, match=r"class_weight holds \['1'\]"):
        kind(**SMALL, class_weight={"1": 2.0}).fit(X, y)


# Scores are scikit-learn's.


def test_scores_are_those_of_sklearn(fitted):
    model = fitted[LSTMClassifier]
    for weights in (None, WEIGHTS):
        right = accuracy_score(TWO, model.predict(X), sample_weight=weights)
        assert model.score(X, TWO, sample_weight=weights) == right
        assert model.score(X, TWO[:, None], sample_weight=weights) == right
        regressor, y = fitted[LSTMRegressor], TWO * 1.5
        right = r2_score(y, regressor.predict(X), sample_weight=weights)
        assert regressor.score(X, y, sample_weight=weights) == right
    sets = np.stack([TWO, 1 - TWO, TWO], axis=1)
    several = LSTMClassifier(**SMALL).fit(X, sets)
    right = accuracy_score(sets, several.predict(X), sample_weight=WEIGHTS)
    assert several.score(X, pd.DataFrame(sets).astype("Int64"), sample_weight=WEIGHTS) == right
    with pytest.raises(DataFormatError, match=r"y has shape \(8,\).*\(8, 3\)"):
        several.score(X, TWO)
    with pytest.raises(DataFormatError, match=r"y has shape \(7,\).*\(8,\)"):
        model.score(X, TWO[1:])


def test_cross_validation_of_labels_that_are_objects():
    y = pd.Series(TWO == 1, dtype=object)
    scores = cross_val_score(LSTMClassifier(**SMALL), X, y, cv=2, error_score="raise")
    assert ((scores >= 0) & (scores <= 1)).all()


# Targets of a regressor.


@pytest.mark.parametrize(
    "y",
    [
        np.arange(N).astype("M8[D]"),
        pd.Series(pd.date_range("2020", periods=N)),
        pd.date_range("2020", periods=N, tz="UTC"),
        np.arange(N).astype("m8[s]"),
        list(pd.date_range("2020", periods=N)),
        np.stack([np.arange(N).astype("M8[ns]")] * 2, axis=1),
    ],
    ids=["days", "series", "zone", "durations", "stamps", "columns"],
)
def test_dates_are_no_numbers(y, fitted):
    model = LSTMRegressor(**SMALL)
    for call in (model.fit, model.partial_fit, fitted[LSTMRegressor].score):
        with pytest.raises(DataFormatError, match=r"Row 0 of y is .*how long after what"):
            call(X, y)
    assert set(vars(model)) == set(model.get_params())


def test_several_targets_out_of_arrow_lists():
    y = np.stack([TWO * 2.0, WEIGHTS], axis=1)
    model = LSTMRegressor(**SMALL).fit(X, y)
    again = LSTMRegressor(**SMALL).fit(X, pa.array(y.tolist()))
    assert np.array_equal(model.predict(X), again.predict(X))
    assert again.predict(X).shape == y.shape
    assert (
        MultiOutputRegressor(LSTMRegressor(**SMALL)).fit(X[..., 0], y).predict(X[..., 0]).shape
        == y.shape
    )


# Weights past what float64 can add.


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize(("size", "word"), [(1e308, "too large"), (5e-324, "too small")])
def test_weights_of_no_usual_size_get_a_word_about_weights(size, word, kind, fitted):
    y = ESTIMATORS[kind]
    with pytest.raises(DataFormatError, match=f"weights in sample_weight are {word}"):
        kind(**SMALL).fit(X, y, sample_weight=np.full(N, size))
    with pytest.raises(DataFormatError, match=f"weights in sample_weight are {word}"):
        fitted[kind].score(X, y, sample_weight=np.full(N, size))
    if kind is not LSTMRegressor:
        with pytest.raises(InvalidParameterError, match=f"class_weight=.*{word}"):
            kind(**SMALL, class_weight={0: size, 1: size / 2}).fit(X, y)


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("size", [2.0**900, 2.0**-900])
def test_the_size_of_all_weights_plays_no_role(size, kind, fitted):
    model = kind(**SMALL).fit(X, ESTIMATORS[kind], sample_weight=WEIGHTS * size)
    assert np.array_equal(bits(model), bits(fitted[kind]))


@pytest.mark.parametrize("kind", [LSTMClassifier, BiLSTMTagger])
@pytest.mark.parametrize("size", [1e15, 1e-15])
def test_class_weights_of_the_largest_size_train(size, kind):
    model = kind(**SMALL, class_weight={0: size, 1: size / 4}).fit(X, ESTIMATORS[kind])
    assert np.isfinite(bits(model)).all() and np.isfinite(model.loss_curve_).all()


def test_classes_that_sample_weights_set_too_far_apart_to_be_balanced():
    weights = np.where(TWO == 1, 1.0, 1e20)
    with pytest.raises(InvalidParameterError, match="summed by class, lie too far apart"):
        LSTMClassifier(**SMALL, class_weight="balanced").fit(X, TWO, sample_weight=weights)
