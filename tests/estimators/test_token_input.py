"""LSTMClassifier and LSTMRegressor on lists of tokens and of feature dictionaries."""

import pickle
from itertools import permutations

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMRegressor, SequenceEncoder, Words
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.preprocessing import SequenceScaler, Tokenizer

SMALL = {
    "hidden_size": 8,
    "num_layers": 1,
    "bidirectional": True,
    "dropout": 0.1,
    "readout": "max",
    "words": Words(size=6, dropout=0.1),
    "max_epochs": 3,
    "lr": 0.03,
    "lr_schedule": "cosine",
    "batch_size": 8,
    "device": "cpu",
    "random_state": 0,
}
SPELLED = SMALL | {"words": Words(size=6, characters=4, dropout=0.1)}
TOLERANCE = 1e-6


class Failing(Callback):
    """Stands for anything that goes wrong in the midst of training."""

    def on_epoch_end(self, net, **kwargs):
        raise RuntimeError("on purpose")


GOOD, BAD = ["good", "fine", "great"], ["bad", "poor", "awful"]
FILLERS = ["the", "film", "was", "a", "1984", "It", "it"]


@pytest.fixture(scope="module")
def reviews():
    """Forty ragged sentences, half with a good word, half with a bad one."""
    rng = np.random.default_rng(0)
    y = np.array(["neg", "pos"])[np.arange(40) % 2]
    X = []
    for label in y:
        words = rng.choice(FILLERS, size=rng.integers(1, 9)).tolist()
        words.insert(
            int(rng.integers(len(words) + 1)), str(rng.choice({"pos": GOOD}.get(label, BAD)))
        )
        X.append(words)
    return X, y


def as_features(X):
    return [[{"w": word, "n": len(word) / 10, "t": word.istitle()} for word in row] for row in X]


def as_numbers(X):
    return [np.array([[len(word)] for word in row], float) for row in X]


FORMS = {"tokens": lambda X: X, "features": as_features}


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]


def make(Estimator=LSTMClassifier, **params):
    """The estimator with SMALL parameters and these, of which some are those of its words."""
    nested = {name: value for name, value in params.items() if "__" in name}
    plain = {name: value for name, value in params.items() if name not in nested}
    return clone(Estimator(**SMALL | plain)).set_params(**nested)


def fit(X, y, **params):
    return make(**params).fit(X, y)


def state_of(model):
    """Everything an estimator holds, comparable: pickled piece by piece."""
    return {name: pickle.dumps(value) for name, value in vars(model).items()}


def object_array(X):
    packed = np.empty(len(X), dtype=object)
    for i, row in enumerate(X):
        packed[i] = row
    return packed


# Learning and answering.


@pytest.mark.slow
@pytest.mark.parametrize("characters", [None, 4])
def test_the_classifier_learns(form, characters, reviews):
    X, y = form(reviews[0]), reviews[1]
    model = fit(X, y, max_epochs=20, words__characters=characters)
    assert model.score(X, y) > 0.9
    assert set(model.predict(X)) == {"neg", "pos"}
    proba = model.predict_proba(X)
    assert proba.shape == (len(X), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_the_regressor_learns(form, reviews):
    X, y = form(reviews[0]), np.where(reviews[1] == "pos", 3.0, -1.0)
    model = LSTMRegressor(**(SMALL | {"max_epochs": 20})).fit(X, y)
    assert model.score(X, y) > 0.8
    assert model.predict(X).shape == (len(X),)
    both = LSTMRegressor(**SMALL).fit(X, np.column_stack([y, -y]))
    assert both.predict(X).shape == (len(X), 2)


def test_what_fit_remembers(reviews):
    X, y = reviews
    model = fit(X, y)
    assert model.input_kind_ == "tokens"
    assert set(model.vocabulary_.words) == {word for row in X for word in row}
    assert not hasattr(model, "n_features_in_")
    assert model.net_.module_.input.output_size == 6
    featured = fit(as_features(X), y)
    assert featured.input_kind_ == "features"
    assert {"w:good", "n", "t"} <= set(featured.vocabulary_.words)
    model.set_params(words=None).fit(as_numbers(X), y)
    assert model.input_kind_ == "sequences" and model.n_features_in_ == 1
    assert not hasattr(model, "vocabulary_")
    model.fit(X, y)
    assert not hasattr(model, "n_features_in_") and hasattr(model, "vocabulary_")


@pytest.mark.parametrize(
    ("params", "known", "unknown"),
    [
        ({"words__lowercase": True}, "IT", "quark"),
        ({"words__fold_digits": True}, "2001", "20015"),
        ({"words__min_frequency": 10_000}, "quark", "quark"),
    ],
)
def test_the_parameters_of_the_vocabulary_are_used(params, known, unknown, reviews):
    X, y = reviews
    model = fit(X, y, **params)
    assert (known in model.vocabulary_) == (known != unknown)
    assert unknown not in model.vocabulary_
    again = {"IT": "it", "2001": "1984", "quark": "good"}[known]
    assert np.array_equal(model.decision_function([[known]]), model.decision_function([[again]]))


def test_unknown_words_are_all_one_unless_they_are_spelled(reviews):
    X, y = reviews
    unknown = [["quark", "film"], ["gluon", "film"]]
    whole = fit(X, y).decision_function(unknown)
    assert whole[0] == whole[1]
    spelled = fit(X, y, words__characters=4).decision_function(unknown)
    assert spelled[0] != spelled[1]


def test_everything_unknown_still_gets_an_answer(form, reviews):
    X, y = form(reviews[0]), reviews[1]
    model = fit(X, y, **({"words__characters": 4} if form is FORMS["tokens"] else {}))
    new = form([["quark", "\u2603"], [""]])
    assert np.isfinite(model.predict_proba(new)).all()
    if form is FORMS["features"]:
        bare = model.decision_function([[{}], [{"never": "seen"}], [{"nor": 2.5}]])
        assert (bare == bare[0]).all()


def test_features_count_by_their_weight(reviews):
    X, y = as_features(reviews[0]), reviews[1]
    model = fit(X, y)
    once, twice = model.decision_function([[{"w:good": 1}], [{"w:good": 2}]])
    assert once != twice
    assert once == model.decision_function([[{"w": "good"}]])[0]
    assert once == model.decision_function([[{"w": ["good", "never seen"], "t": False}]])[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "pack",
    [
        tuple,
        object_array,
        pd.Series,
        lambda X: pd.Series(X, index=range(5, 5 + len(X))),
        lambda X: [tuple(row) for row in X],
        lambda X: [np.array(row, dtype=object) for row in X],
        lambda X: object_array([np.array(row, dtype=object) for row in X]),
    ],
    ids=["tuple", "object array", "Series", "Series of other index", "tuples", "arrays", "both"],
)
def test_the_container_plays_no_role(pack, form, reviews):
    X, y = form(reviews[0]), reviews[1]
    expected = fit(X, y).predict_proba(X)
    assert np.array_equal(fit(pack(X), y).predict_proba(pack(X)), expected)


def test_arrays_of_strings_are_tokens_too(reviews):
    X, y = reviews
    packed = [np.array(row) for row in X]
    assert np.array_equal(fit(packed, y).predict_proba(packed), fit(X, y).predict_proba(X))


# Padding, seeds, weights.


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_padding_is_never_visible(Estimator, form, reviews):
    X, y = form(reviews[0]), np.arange(40) % 2
    model = Estimator(**SPELLED).fit(X, y)
    answer = getattr(model, "decision_function", model.predict)
    together = answer(X)
    others = [
        np.concatenate([answer([row]) for row in X]),
        answer(X[::-1])[::-1],
        answer([*X, form([["quark" * 20] * 90])[0]])[:-1],
        np.concatenate([answer(X[i : i + 3]) for i in range(0, len(X), 3)]),
    ]
    for other in others:
        assert np.abs(together - other).max() <= TOLERANCE


def test_pieces_of_a_large_input_join_seamlessly(monkeypatch, form, reviews):
    X, y = form(reviews[0]), reviews[1]
    model = fit(X, y)
    whole = model.decision_function(X)
    monkeypatch.setattr("seqlearn.estimators.base.PREDICT_CHUNK", 7)
    assert np.abs(model.decision_function(X) - whole).max() <= TOLERANCE


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("ab cd", "Sequence 14 of X is"),
        (["a", 5], "Step 1 of sequence 14 of X is 5"),
        (["a", None], "Step 1 of sequence 14 of X is None"),
    ],
)
def test_errors_in_a_later_piece_name_the_right_sequence(row, message, monkeypatch, reviews):
    X, y = reviews
    model = fit(X, y)
    monkeypatch.setattr("seqlearn.estimators.base.PREDICT_CHUNK", 7)
    with pytest.raises(DataFormatError, match=message):
        model.predict([*X[:14], row, *X[15:]])


def test_equal_seeds_give_equal_bits_and_others_do_not(form, reviews):
    X, y = form(reviews[0]), reviews[1]
    one, same = (fit(X, y, **SPELLED).predict_proba(X) for _ in range(2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, fit(X, y, **SPELLED | {"random_state": 1}).predict_proba(X))


def test_the_order_of_rows_does_not_matter(form, reviews):
    X, y = form(reviews[0]), reviews[1]
    order = np.random.default_rng(1).permutation(len(X))
    shuffled = fit([X[i] for i in order], y[order])
    assert np.array_equal(fit(X, y).predict_proba(X), shuffled.predict_proba(X))


@pytest.mark.slow
@pytest.mark.parametrize("early_stopping", [False, True])
def test_weights_equal_repetition_to_the_bit(early_stopping, form, reviews):
    X, y = form(reviews[0]), reviews[1]
    weights = np.random.default_rng(3).integers(1, 4, len(X))
    rows = np.repeat(np.arange(len(X)), weights)
    words = Words(size=6, dropout=0.1, min_frequency=2)
    params = SMALL | {"words": words, "early_stopping": early_stopping}
    by_weight = LSTMClassifier(**params).fit(X, y, sample_weight=weights)
    by_rows = LSTMClassifier(**params).fit([X[i] for i in rows], y[rows])
    assert by_weight.vocabulary_ == by_rows.vocabulary_
    assert np.array_equal(by_weight.predict_proba(X), by_rows.predict_proba(X))
    number = np.arange(len(X), dtype=float)
    by_weight = LSTMRegressor(**params).fit(X, number, sample_weight=weights)
    by_rows = LSTMRegressor(**params).fit([X[i] for i in rows], number[rows])
    assert np.array_equal(by_weight.predict(X), by_rows.predict(X))


def test_a_row_of_weight_zero_is_no_row_to_the_bit(form, reviews):
    words, y = reviews
    X = form([["!", "film"], *words])  # "!" stands before all other words
    y = np.array(["pos", *y])
    weights = np.array([0.0] + [1.0] * len(words))
    by_weight = LSTMClassifier(**SMALL).fit(X, y, sample_weight=weights)
    without = fit(X[1:], y[1:])
    assert by_weight.vocabulary_ == without.vocabulary_
    assert np.array_equal(by_weight.predict_proba(X), without.predict_proba(X))


def test_weights_that_are_all_alike_are_no_weights(reviews):
    X, y = reviews
    X = [[*row, f"once{i}"] for i, row in enumerate(X)]
    plain = fit(X, y)
    for weight in (0.25, 3):
        weighted = LSTMClassifier(**SMALL).fit(X, y, sample_weight=np.full(len(X), weight))
        assert weighted.vocabulary_.words == plain.vocabulary_.words
        assert np.array_equal(plain.predict_proba(X), weighted.predict_proba(X))


def test_class_weight_makes_no_word_unknown(reviews):
    X, y = reviews
    X = [[*row, f"once{i}"] for i, row in enumerate(X)]
    y = np.where(np.arange(len(X)) < 5, "rare", "common")
    balanced = fit(X, y, class_weight="balanced")
    assert set(balanced.vocabulary_.words) == set(fit(X, y).vocabulary_.words)


# In scikit-learn.


def test_clone_pickle_and_joblib(form, tmp_path, reviews):
    X, y = form(reviews[0]), reviews[1]
    vectors = {"good": np.ones(6), "quark": np.zeros(6)} if form is FORMS["tokens"] else None
    model = fit(X, y, **SPELLED, words__vectors=vectors)
    expected = model.predict_proba(X)
    joblib.dump(model, tmp_path / "model.joblib")
    for again in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        assert np.array_equal(again.predict_proba(X), expected)
        assert again.vocabulary_ == model.vocabulary_
    fresh = clone(model)
    assert not hasattr(fresh, "vocabulary_")
    assert np.array_equal(fresh.fit(X, y).predict_proba(X), expected)
    model.fit(X[:20], y[:20])
    assert np.array_equal(again.predict_proba(X), expected)


def test_a_pickle_goes_on_where_it_stopped(reviews):
    X, y = reviews
    model = LSTMClassifier(**SPELLED).partial_fit(X, y, classes=["neg", "pos"])
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(
        again.partial_fit(X, y).predict_proba(X), model.partial_fit(X, y).predict_proba(X)
    )


@pytest.mark.slow
def test_grid_search_over_sizes_in_processes(reviews):
    X, y = reviews
    grid = {"words__size": ["auto", 5], "words__characters": [None, 3]}
    model = LSTMClassifier(**(SMALL | {"max_epochs": 1}))

    def search(n_jobs):
        return GridSearchCV(model, grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(X, y)

    two, one = search(2), search(1)
    scores = [s.cv_results_["mean_test_score"] for s in (two, one)]
    assert np.array_equal(*scores)
    chosen = two.best_estimator_.net_.module_.input
    assert (chosen.spelling is None) == (two.best_params_["words__characters"] is None)


def test_a_pipeline_from_raw_text(reviews):
    X, y = reviews
    texts = [" ".join(row) for row in X]
    pipe = make_pipeline(Tokenizer(), LSTMClassifier(**SMALL))
    grid = {"tokenizer__level": ["word", "character"]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(texts, y)
    assert len(search.cv_results_["params"]) == 2
    assert search.predict(["a good film", "quark!"]).shape == (2,)
    by_word = clone(pipe).fit(texts, y)
    assert np.array_equal(by_word.predict_proba(texts), fit(X, y).predict_proba(X))
    by_letter = clone(pipe).set_params(tokenizer__level="character").fit(texts, y)
    assert set(by_letter[-1].vocabulary_.words) == set("".join(texts))


def test_cross_validation_of_object_arrays_and_series(reviews):
    X, y = reviews
    model = LSTMClassifier(**SMALL)
    expected = cross_val_predict(model, X, y, cv=3)
    for pack in (object_array, pd.Series):
        assert np.array_equal(cross_val_predict(model, pack(X), y, cv=3), expected)


# Going on.


def test_partial_fit_keeps_the_vocabulary_and_takes_new_words(form, reviews):
    X, y = form(reviews[0]), reviews[1]
    model = LSTMClassifier(**SMALL).partial_fit(X[:20], y[:20], classes=["neg", "pos"])
    known = model.vocabulary_
    before = model.predict_proba(X)
    new = form([["quark", "gluon", "good"], ["boson"]])
    model.partial_fit(new, ["pos", "neg"])
    assert model.vocabulary_ == known
    assert model.n_iter_ == 2
    assert not np.array_equal(model.predict_proba(X), before)


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_warm_start_goes_on_with_the_vocabulary(Estimator, form, reviews):
    X, y = form(reviews[0]), np.arange(40) % 2
    params = {"max_epochs": 10, "dropout": 0.0, "words__dropout": 0.0}
    model = make(Estimator, **params, warm_start=True).fit(X, y)
    known, loss = model.vocabulary_, model.loss_curve_[-1]
    model.fit(form([[*row, "quark"] for row in reviews[0]]), y)
    assert model.vocabulary_ == known and model.n_iter_ == 20
    assert model.loss_curve_[-1] < loss


@pytest.mark.parametrize(
    ("name", "value"), [("words__size", 7), ("words__characters", 3), ("words__dropout", 0.5)]
)
def test_warm_start_with_another_network_is_refused(name, value, reviews):
    model = fit(*reviews, warm_start=True)
    model.set_params(**{name: value})
    with pytest.raises(InvalidParameterError, match=name):
        model.fit(*reviews)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("words__min_frequency", 2),
        ("words__lowercase", True),
        ("words__fold_digits", True),
        ("words__vectors", {"good": [1.0] * 6}),
    ],
)
def test_warm_start_with_another_vocabulary_is_refused(name, value, reviews):
    model = fit(*reviews, warm_start=True)
    model.set_params(**{name: value})
    with pytest.raises(InvalidParameterError, match=name):
        model.fit(*reviews)


def test_early_stopping_learns_words_from_the_training_part_only(form, reviews):
    words, y = reviews
    X = form([[*row, f"only{i}"] for i, row in enumerate(words)])
    model = fit(X, y, early_stopping=True, validation_fraction=0.25)
    named = {name.removeprefix("w:") for name in model.vocabulary_.words}
    known = {i for i in range(40) if f"only{i}" in named}
    assert len(known) == 30
    assert "valid_loss" in model.history_[0]
    assert np.isfinite(model.predict_proba(X)).all()


# Pretrained vectors.


def vectors_for(words, size=6, seed=0):
    rng = np.random.default_rng(seed)
    return {word: rng.normal(size=size).astype(np.float32) for word in words}


@pytest.mark.parametrize("as_file", [False, True])
def test_an_unknown_word_with_a_vector_changes_the_answer(as_file, tmp_path, reviews):
    X, y = reviews
    vectors = vectors_for(["good", "bad", "Quark", "gluon"])
    given = vectors
    if as_file:
        given = tmp_path / "vectors.txt"
        lines = [f"{w} {' '.join(map(repr, v.tolist()))}\n" for w, v in vectors.items()]
        given.write_text("".join(lines), encoding="utf-8")
    for size in ("auto", 6):
        model = fit(X, y, words__vectors=given, words__size=size)
        scores = model.decision_function([["Quark"], ["gluon"], ["boson"], ["GLUON"], ["meson"]])
        assert len(set(scores[:3].tolist())) == 3
        assert scores[1] == scores[3] and scores[2] == scores[4]
        assert "gluon" not in model.vocabulary_
        embedding = model.net_.module_.input
        assert embedding.output_size == 6
        found = {tuple(row) for row in embedding.fixed.tolist()}
        assert found == {tuple(vectors[word].tolist()) for word in ("Quark", "gluon")}
    assert np.array_equal(
        scores[:2], fit(X, y, words__vectors=vectors).decision_function([["Quark"], ["gluon"]])
    )


def test_vectors_of_known_words_are_trained_and_others_stay(reviews):
    X, y = reviews
    vectors = vectors_for(["good", "quark"])
    model = fit(X, y, words__vectors=vectors, lr=1e-12, words__size="auto")
    embedding = model.net_.module_.input
    code = int(model.vocabulary_.encode(["good"])[0])
    np.testing.assert_allclose(embedding.words.weight[code].tolist(), vectors["good"], atol=1e-6)
    model = fit(X, y, words__vectors=vectors)
    embedding = model.net_.module_.input
    assert np.abs(embedding.words.weight[code].tolist() - vectors["good"]).max() > 1e-3
    assert np.array_equal(embedding.fixed.tolist(), [vectors["quark"].tolist()])


def test_the_vectors_given_are_not_changed(reviews):
    X, y = reviews
    vectors = vectors_for(["good", "quark"])
    copy = {word: vector.copy() for word, vector in vectors.items()}
    model = fit(X, y, words__vectors=vectors)
    assert model.words.vectors is vectors
    assert all(np.array_equal(vectors[word], copy[word]) for word in copy)


def test_partial_fit_keeps_what_it_made_of_the_vectors(reviews):
    X, y = reviews
    model = make(words__vectors=vectors_for(["good", "quark"]))
    model.partial_fit(X, y, classes=["neg", "pos"])
    code = int(model.vocabulary_.encode(["good"])[0])
    weight = model.net_.module_.input.words.weight[code].tolist()
    for _ in range(3):
        model.partial_fit(X, y)
    moved = np.abs(np.subtract(model.net_.module_.input.words.weight[code].tolist(), weight))
    assert 0 < moved.max() < 0.5
    scores = model.decision_function([["quark"], ["boson"]])
    assert scores[0] != scores[1]


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
@pytest.mark.parametrize(
    ("change", "params", "message"),
    [
        (lambda X: X, {"words__size": 5}, "size=5 in words=.*have 6 values.*'auto'"),
        (as_numbers, {}, "words=.*X has numbers.*lists of tokens.*words=None"),
        (as_features, {}, "vectors=.*feature dictionaries.*lists of tokens.*words__vectors=None"),
        (lambda X: X, {"words__vectors": 5}, "vectors= is of type int"),
    ],
    ids=["width", "numbers", "features", "type"],
)
def test_vectors_that_do_not_fit(Estimator, change, params, message, reviews):
    X = change(reviews[0])
    model = make(Estimator, **{"words__vectors": vectors_for(["good"]), **params})
    with pytest.raises(InvalidParameterError, match=message):
        model.fit(X, np.arange(len(X)) % 2)
    assert not hasattr(model, "net_") and not hasattr(model, "input_kind_")


def test_vectors_that_are_not_there(tmp_path, reviews):
    with pytest.raises(FileNotFoundError, match="no file of word vectors"):
        fit(*reviews, words__vectors=tmp_path / "absent.txt")


# Refusals.

GIVEN = {**FORMS, "numbers": as_numbers}
MEANT = {
    "tokens": "in fit it was lists of tokens",
    "features": "in fit it was lists of feature dictionaries",
    "numbers": "does not hold numbers|in fit it was",
}


@pytest.mark.parametrize(("fitted", "given"), list(permutations(GIVEN, 2)))
@pytest.mark.parametrize("method", ["predict", "partial_fit"])
def test_another_kind_of_X_after_fit(fitted, given, method, reviews):
    X, y = reviews
    of_words = {"words": None} if fitted == "numbers" else {}
    model = fit(GIVEN[fitted](X), y, **of_words)
    before = state_of(model)
    other = GIVEN[given](X)
    with pytest.raises(DataFormatError, match=MEANT[fitted]):
        model.predict(other) if method == "predict" else model.partial_fit(other, y)
    assert state_of(model) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (["good film", "bad film"], r"Sequence 0 of X is a string.*Tokenizer\(\)"),
        ([["good"], ["bad", 3]], "Step 1 of sequence 1 of X is 3"),
        ([["good"], [{"w": "bad"}]], "Step 0 of sequence 1 of X"),
        ([[{"w": "good"}], ["bad"]], "Step 0 of sequence 1 of X is 'bad'"),
        ([[{"w": "good"}], [{"w": None}]], "feature 'w' of X"),
        ([["good"], []], "Sequence 1 of X is empty"),
        ([[], [{"w": "bad"}]], "Sequence 0 of X is empty"),
        ([[], []], "at least one step"),
        ([], "minimum of 1"),
    ],
)
def test_bad_X_leaves_the_estimator_as_it_was(X, message, form, reviews):
    y = ["neg", "pos"][: len(X)]
    with pytest.raises(DataFormatError, match=message):
        LSTMClassifier(**SMALL).fit(X, y)
    model = fit(form(reviews[0]), reviews[1])
    before = state_of(model)
    with pytest.raises(DataFormatError, match=message):
        model.fit(X, y)
    assert state_of(model) == before


@pytest.mark.parametrize(
    "change",
    [
        {"words__vectors": {"good": np.ones(5)}, "words__size": 4},
        {"words__vectors": "absent.txt"},
        {"words__size": 0},
        {"words__min_frequency": 0.5},
        {"class_weight": "wrong"},
        {"net_params": {"optimizer__nonsense": 1}},
        {"callbacks": [Failing()]},
    ],
    ids=["width", "absent", "size", "frequency", "class_weight", "net_params", "callback"],
)
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(change, tmp_path, monkeypatch, reviews):
    monkeypatch.chdir(tmp_path)
    X, y = reviews
    model = fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(**change)
    before = state_of(model)
    with pytest.raises((ValueError, FileNotFoundError, TypeError, RuntimeError)):
        model.fit([["entirely"], ["other", "words"], ["entirely"]], ["a", "b", "c"])
    assert state_of(model) == before
    assert np.array_equal(model.predict_proba(X), expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("size", "wide"),
        ("size", None),
        ("characters", 0),
        ("characters", "all"),
        ("dropout", np.inf),
        ("dropout", -0.1),
        ("min_frequency", 0),
        ("min_frequency", 1.5),
        ("lowercase", "yes"),
        ("fold_digits", None),
    ],
)
def test_bad_parameters_of_tokens(name, value, reviews):
    for X in (reviews[0], as_numbers(reviews[0])):
        with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of Words"):
            fit(X, reviews[1], **{f"words__{name}": value})


@pytest.mark.parametrize("value", [Words, {"lowercase": True}, "lowercase", True], ids=repr)
def test_words_that_are_none(value, reviews):
    with pytest.raises(InvalidParameterError, match=r"'words'.*seqlearn\.Words.*or None\. Got"):
        fit(*reviews, words=value)


def test_misspelt_parameters_of_words(reviews):
    with pytest.raises(TypeError, match="lowercse"):
        Words(lowercse=True)
    for words in (None, Words(vectors={"w": [1.0]})):
        with pytest.raises(
            ValueError, match=r"Invalid parameter 'lowercse' for .*Words\(.*min_freq"
        ):
            LSTMClassifier(words=words).set_params(words__lowercse=True)
    with pytest.raises(ValueError, match="Invalid parameter 'words' for estimator SequenceEncoder"):
        SequenceEncoder().set_params(words__size=3)


# The parameter object.


def test_words_are_made_where_there_were_none_and_are_never_changed_by_fit(form, reviews):
    X, y = form(reviews[0]), reviews[1]
    for Estimator in (LSTMClassifier, LSTMRegressor, BiLSTMTagger):
        assert repr(Estimator().set_params(words__size=3).words) == "Words(size=3)"
    words = Words(size=6, dropout=0.1)
    model = LSTMClassifier(**SMALL | {"words": words}).fit(X, y)
    assert model.words is words and words.get_params() == Words(size=6, dropout=0.1).get_params()
    model = fit(X, y, words=None)
    assert model.words is None
    assert np.array_equal(fit(X, y, words=Words()).predict_proba(X), model.predict_proba(X))


def test_what_auto_characters_are_is_said_by_the_task(reviews):
    X = reviews[0]
    tagged = [["x"] * len(row) for row in X]
    for words, size in ((None, 100), (Words(), 100), (Words(characters=None), None)):
        tagger = BiLSTMTagger(words=words, hidden_size=3, max_epochs=1, warm_start=True)
        spelling = tagger.fit(X, tagged).net_.module_.input.spelling
        assert (spelling and spelling.output_size) == size
    same = BiLSTMTagger(hidden_size=3, max_epochs=1, warm_start=True).fit(X, tagged)
    same.set_params(words=Words(characters=50)).fit(X, tagged)  # goes on: it is the same network
    assert fit(X, reviews[1], words=Words()).net_.module_.input.spelling is None


@pytest.mark.slow
def test_words_are_axes_of_a_search(reviews):
    X, y = reviews
    vectors = {"good": np.ones(3)}
    grid = [
        {"words": [None, Words(lowercase=True, vectors=vectors)]},
        {"words__min_frequency": [1, 10_000]},
    ]
    search = GridSearchCV(make(words=None, max_epochs=1), grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["mean_test_score"]) == 4
    assert search.cv_results_["param_words"][0] is None
    assert search.estimator.words is None and grid[0]["words"][1].get_params()["size"] == "auto"
    none, rare = search.cv_results_["mean_test_score"][[0, 2]]
    assert none == rare  # the same settings, said in two ways


def test_copies_share_the_vectors_and_nothing_else():
    vectors = {"good": np.ones(3)}
    model = LSTMClassifier(words=Words(vectors=vectors, size=3))
    copy = clone(make_pipeline(model))[0]
    assert copy.words is not model.words and copy.words.vectors is vectors
    assert copy.set_params(words__size=4).words.size == 4 and model.words.size == 3
    assert copy.get_params()["words__vectors"] is vectors
    again = pickle.loads(pickle.dumps(model))
    assert again.words.vectors.keys() == vectors.keys() and repr(again) == repr(model)


# The other estimators.


def test_the_encoder_of_a_classifier_gives_features(form, reviews):
    X, y = form(reviews[0]), reviews[1]
    encoder = SequenceEncoder(LSTMClassifier(**SMALL))
    pipe = make_pipeline(encoder, LogisticRegression()).fit(X, y)
    features = pipe[:-1].transform(X)
    assert features.shape == (len(X), 16) and np.isfinite(features).all()
    assert pipe.predict(X).shape == (len(X),)
    assert encoder.fit(X, y).input_kind_ in FORMS
    assert np.abs(encoder.transform(X[3:4]) - features[3]).max() <= TOLERANCE
    fitted = fit(X, y)
    frozen = SequenceEncoder(FrozenEstimator(fitted)).fit(X)
    assert np.array_equal(frozen.transform(X), features)
    assert np.isfinite(frozen.transform(form([["quark"]]))).all()
    with pytest.raises(DataFormatError, match="in fit it was"):
        encoder.transform(as_numbers(reviews[0]))


@pytest.mark.parametrize(
    "model", [SequenceEncoder(hidden_size=4, max_epochs=1, random_state=0), SequenceScaler()]
)
def test_estimators_of_numbers_refuse_words(model, form, reviews):
    model = clone(model)
    with pytest.raises(DataFormatError, match="Sequence 0 of X does not hold numbers"):
        model.fit(form(reviews[0]))
    assert not hasattr(model, "input_kind_")
    model.fit(as_numbers(reviews[0]))
    with pytest.raises(DataFormatError, match="Sequence 0 of X does not hold numbers"):
        model.transform(form(reviews[0]))


def test_an_encoder_that_learned_words_can_learn_numbers_next(reviews):
    X, y = reviews
    model = SequenceEncoder(
        LSTMClassifier(**SMALL), hidden_size=4, max_epochs=1, batch_size=8, random_state=0
    ).fit(X, y)
    model.set_params(estimator=None).fit(as_numbers(X))
    assert model.transform(as_numbers(X)).shape == (len(X), 4)
    assert model.n_features_in_ == 1
