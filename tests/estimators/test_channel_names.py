"""Channels go by name: what estimators remember of tables of sequences, and hold later X against.

The rule is scikit-learn's: the names of ``fit`` in the order of ``fit``, else an error; names in
one of both only, a warning.
"""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMRegressor, SequenceEncoder, to_sequences
from seqlearn.preprocessing import SequenceNormalizer, SequenceScaler

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

rng = np.random.default_rng(0)
N = 24
LABELS = np.arange(N) % 2
ROWS = [rng.normal(0, 0.3, (int(n), 2)) for n in rng.integers(3, 7, N)]
for row, label in zip(ROWS, LABELS, strict=True):
    row[:, 0] += 4 * label - 2  # the first channel tells the class, the second says the contrary
    row[:, 1] += 1 - 2 * label
STEP_LABELS = [[int(label)] * len(row) for row, label in zip(ROWS, LABELS, strict=True)]
SMALL = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}


def frames(names, columns=(0, 1)):
    return [pd.DataFrame(row[:, list(columns)], columns=list(names)) for row in ROWS]


def nested(names, columns=(0, 1)):
    return pd.DataFrame(
        {name: [row[:, j] for row in ROWS] for name, j in zip(names, columns, strict=True)}
    )


FORMS = {
    "nested pandas": nested,
    "polars": lambda *a: pl.DataFrame(nested(*a).to_dict("list")),
    "arrow": lambda *a: pa.table(nested(*a).to_dict("list")),
    "list of frames": frames,
    "panel": lambda *a: to_sequences(pd.concat(dict(enumerate(frames(*a))))),
}
ESTIMATORS = {
    "classifier": (LSTMClassifier(**SMALL), LABELS, "predict_proba"),
    "regressor": (LSTMRegressor(**SMALL), LABELS * 1.0, "predict"),
    "tagger": (BiLSTMTagger(**SMALL), STEP_LABELS, "predict_marginals"),
    "encoder": (SequenceEncoder(**SMALL), None, "transform"),
    "encoder of a classifier": (SequenceEncoder(LSTMClassifier(**SMALL)), LABELS, "transform"),
    "scaler": (SequenceScaler(), None, "transform"),
    "normalizer": (SequenceNormalizer(), None, "transform"),
}
WRONG = {
    "another order": ("qp", (1, 0), "must be in the same order .*; the same names in another ord"),
    "values in another order": ("qp", (0, 1), "the same names in another order"),
    "another name": ("pr", (0, 1), "missing: 'q'; not known: 'r'"),
    "one is missing": ("p", (0,), "missing: 'q'"),
}


@pytest.fixture(scope="module")
def fitted():
    """Each estimator fitted on plain lists, and on a frame with names."""
    pairs = {}
    for name, (estimator, y, method) in ESTIMATORS.items():
        plain = clone(estimator).fit(ROWS, y)
        named = clone(estimator).fit(nested("pq"), y)
        pairs[name] = plain, named, method
    return pairs


def flat(answer):
    """The numbers of any answer, in order."""
    if isinstance(answer, pd.DataFrame):
        answer = to_sequences(answer)
    return np.concatenate([np.ravel(row) for row in answer])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_names_do_not_change_what_is_learned(name, fitted):
    plain, named, method = fitted[name]
    expected = flat(getattr(plain, method)(ROWS))
    np.testing.assert_array_equal(flat(getattr(named, method)(nested("pq"))), expected)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("form", FORMS)
def test_other_names_and_other_orders_are_refused(name, form, fitted):
    _, named, method = fitted[name]
    answer = getattr(pickle.loads(pickle.dumps(named)), method)
    for names, columns, message in WRONG.values():
        with pytest.raises(ValueError, match=message):
            answer(FORMS[form](names, columns))


@pytest.mark.parametrize("form", FORMS)
def test_what_is_remembered_of_each_form(form):
    y = LABELS
    model = LSTMClassifier(**SMALL).fit(FORMS[form]("pq"), y)
    assert model.feature_names_in_.tolist() == ["p", "q"]
    assert (model.feature_names_in_.dtype, model.n_features_in_) == (object, 2)
    expected = LSTMClassifier(**SMALL).fit(ROWS, y).predict_proba(ROWS)
    for other in FORMS.values():
        np.testing.assert_array_equal(model.predict_proba(other("pq")), expected)
    with pytest.raises(ValueError, match="another order"):
        model.partial_fit(FORMS[form]("qp", (1, 0)), y)
    model.fit(ROWS, y)
    assert not hasattr(model, "feature_names_in_") and model.n_features_in_ == 2


@pytest.mark.parametrize("name", ESTIMATORS)
def test_names_in_one_of_fit_and_prediction_are_warned_of(name, fitted):
    plain, named, method = fitted[name]
    label = type(plain).__name__
    with pytest.warns(UserWarning, match=f"X has feature names, but {label} was fitted without"):
        found = flat(getattr(plain, method)(nested("pq")))
    with pytest.warns(UserWarning, match=f"not have valid feature names, but {label} was fitted"):
        again = flat(getattr(named, method)(ROWS))
    np.testing.assert_array_equal(found, again)


def test_a_swap_costs_nobody_their_accuracy():
    """The case that was found: 1.0 became .4, and nothing was said."""
    model = LSTMClassifier(hidden_size=4, max_epochs=10, random_state=0).fit(nested("pq"), LABELS)
    assert model.score(nested("pq"), LABELS) == 1.0
    assert model.score(nested("qp", (1, 0))[["p", "q"]], LABELS) == 1.0
    with pytest.raises(ValueError, match="another order"):
        model.score(nested("qp", (1, 0)), LABELS)


def test_every_piece_of_a_large_x_is_looked_at(monkeypatch):
    monkeypatch.setattr("seqlearn.estimators.base.PREDICT_CHUNK", 5)
    model = LSTMClassifier(**SMALL).fit(nested("pq"), LABELS)
    expected = model.predict_proba(frames("pq"))
    np.testing.assert_array_equal(model.predict_proba(nested("pq")), expected)
    X = frames("pq")
    X[20] = X[20][["q", "p"]]
    with pytest.raises(ValueError, match=r"Sequence 2[01] of X .*another order"):
        model.predict(X)
    with pytest.raises(ValueError, match="another order"):
        model.predict(X[:20] + [frame[["q", "p"]] for frame in X[20:]])


def test_columns_of_several_values_a_step():
    """A frame of k columns has k features, however wide they are."""
    X = pd.DataFrame({"x": ROWS, "z": [row[:, 0] for row in ROWS]})
    model = LSTMClassifier(**SMALL).fit(X, LABELS)
    assert model.n_features_in_ == 2 and model.feature_names_in_.tolist() == ["x", "z"]
    joined = [np.column_stack([row, row[:, 0]]) for row in ROWS]
    with pytest.warns(UserWarning, match="valid feature names"):
        plain = model.predict_proba(joined)
    np.testing.assert_array_equal(model.predict_proba(X), plain)
    narrow = pd.DataFrame({"x": X["z"], "z": X["x"]})
    with pytest.raises(ValueError, match=r"2 columns with 1 and 2 values .* with 2 and 1\."):
        model.predict(narrow)
    with pytest.raises(ValueError, match="X has 2 features, but LSTMClassifier is expecting 3"):
        model.predict(ROWS)
    column = LSTMClassifier(**SMALL).fit(X["x"], LABELS)
    assert column.n_features_in_ == 1 and not hasattr(column, "feature_names_in_")
    np.testing.assert_array_equal(column.predict(X["x"]), column.predict(ROWS))


def test_words_of_a_frame():
    words = pd.DataFrame({"word": [["a", "b"], ["c"]] * 6})
    labels = words["word"].tolist()
    model = BiLSTMTagger(**SMALL).fit(words, labels)
    assert (model.input_kind_, model.n_features_in_) == ("tokens", 1)
    assert model.feature_names_in_.tolist() == ["word"]
    expected = BiLSTMTagger(**SMALL).fit(labels, labels).predict(labels)
    for row, wanted in zip(model.predict(words), expected, strict=True):
        assert row.tolist() == wanted.tolist()
    with pytest.raises(ValueError, match="missing: 'word'; not known: 'lemma'"):
        model.predict(words.set_axis(["lemma"], axis=1))
    with pytest.warns(UserWarning, match="valid feature names"):
        model.predict(labels)


def test_empty_sequences_of_a_frame_do_not_cost_its_names():
    words = pd.DataFrame({"word": [[], ["a", "b"], ["c"], []] * 4})
    model = BiLSTMTagger(**SMALL, drop_empty=True).fit(words, words["word"].tolist())
    assert model.feature_names_in_.tolist() == ["word"]
    assert [len(row) for row in model.predict(words[:4])] == [0, 2, 1, 0]
    numbers = nested("pq")
    model = BiLSTMTagger(**SMALL).fit(numbers, STEP_LABELS)
    numbers.loc[1, ["p", "q"]] = [[], []]
    assert [len(row) for row in model.predict(numbers[:2])] == [len(ROWS[0]), 0]


def test_a_frozen_estimator_hands_its_names_on():
    model = LSTMClassifier(**SMALL).fit(nested("pq"), LABELS)
    encoder = SequenceEncoder(FrozenEstimator(model)).fit(nested("pq"))
    assert encoder.feature_names_in_.tolist() == ["p", "q"] and encoder.n_features_in_ == 2
    encoder.transform(nested("pq"))
    with pytest.raises(ValueError, match="another order"):
        encoder.transform(nested("qp", (1, 0)))


def test_splits_of_tables_keep_their_names():
    model = LSTMClassifier(**SMALL)
    scores = [
        cross_val_score(model, make("pq"), LABELS, cv=2, error_score="raise")
        for make in FORMS.values()
    ]
    np.testing.assert_array_equal(scores, [scores[0]] * len(scores))
    table = nested("pq").to_numpy()
    np.testing.assert_array_equal(cross_val_score(model, table, LABELS, cv=2), scores[0])
