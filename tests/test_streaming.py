"""Streams against the batch answer of every prefix; states, resets, refusals, Pipelines."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import seqlearn
from seqlearn import (
    BiLSTMTagger,
    Frames,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRecommender,
    LSTMRegressor,
    LSTMTranscriber,
    LSTMTranslator,
    SequenceEncoder,
    Words,
    available_backends,
    load_backend,
)
from seqlearn.datasets import load_japanese_vowels
from seqlearn.errors import DataFormatError, InvalidParameterError, SeqlearnError
from seqlearn.modules.readouts import READOUTS
from seqlearn.preprocessing import (
    SequenceImputer,
    SequenceNormalizer,
    SequenceScaler,
    Tokenizer,
)
from seqlearn.streaming import Stream
from seqlearn.streaming.steps import forms
from seqlearn.testing.material import names_for_vectors

SMALL = {"hidden_size": 8, "max_epochs": 1, "random_state": 0}
CAUSAL = {**SMALL, "bidirectional": False}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 3)) for n in RNG.integers(2, 9, size=16)]
LABELS = np.array(["a", "b", "c"])[np.arange(16) % 3]
WORDS = [[f"w{i}" for i in RNG.integers(0, 6, size=n)] for n in RNG.integers(1, 7, size=16)]
BAGS = [[{"word": word, "long": i} for i, word in enumerate(words)] for words in WORDS]
STATEFUL = [name for name in names_for_vectors() if load_backend(name)().stateful]
CLOSE = {"rtol": 0, "atol": 1e-6}


def prefixes(sequence):
    return [sequence[: t + 1] for t in range(len(sequence))]


def by_turns(stream, sequences, ask):
    """Feed sequences to as many streams as there are, one after the other in each.

    Return what is said at every step of each sequence. A stream whose sequence has ended begins the
    next one, so that rows are never of one age; one that has none left is told a first step again.
    """
    found = [[] for _ in sequences]
    waiting = list(range(len(sequences)))
    at = [[waiting.pop(0), 0] for _ in range(stream.n_streams)]
    while any(number is not None for number, _ in at):
        step = [sequences[number or 0][t] for number, t in at]
        answers = ask(np.array(step) if isinstance(step[0], np.ndarray) else step)
        for row, (number, t) in enumerate(at):
            if number is None:
                stream.reset(row)
                continue
            found[number].append(answers[row])
            at[row] = [number, t + 1]
            if t + 1 == len(sequences[number]):
                at[row] = [waiting.pop(0) if waiting else None, 0]
                stream.reset(row)
    return found


@pytest.fixture(scope="module")
def classifier():
    return LSTMClassifier(**CAUSAL, readout="mean").fit(X, LABELS)


# The answer of every prefix


@pytest.fixture(scope="module")
def vowels():
    train, _, y, _ = load_japanese_vowels()
    rows = np.arange(0, 270, 12)
    return [train[i] for i in rows], y[rows]


@pytest.mark.slow
@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("backend", STATEFUL)
def test_real_sequences_by_every_backend_and_readout(vowels, backend, readout):
    train, y = vowels
    model = LSTMClassifier(**CAUSAL, backend=backend, readout=readout).fit(train, y)
    some = train[:7]
    stream = model.stream(3)
    found = by_turns(stream, some, stream.step_proba)
    for sequence, answers in zip(some, found, strict=True):
        np.testing.assert_allclose(answers, model.predict_proba(prefixes(sequence)), **CLOSE)


@pytest.fixture(
    scope="module",
    params=[
        {},
        {"num_layers": 2, "dtype": "float64", "readout": "attention"},
        {"backend": "gru"},
    ],
    ids=str,
)
def of_labels_and_numbers(request):
    numbers = (RNG.normal(size=16), RNG.normal(size=(16, 2)))
    return LSTMClassifier(**CAUSAL, **request.param).fit(X, LABELS), [
        LSTMRegressor(**CAUSAL, **request.param).fit(X, y) for y in numbers
    ]


@pytest.mark.parametrize("n_streams", [1, 4, 6])
def test_labels_and_numbers(of_labels_and_numbers, n_streams):
    model, regressors = of_labels_and_numbers
    stream = model.stream(n_streams)
    found = by_turns(stream, X, stream.step)
    for sequence, labels in zip(X, found, strict=True):
        assert list(labels) == list(model.predict(prefixes(sequence)))
    for model in regressors:
        stream = model.stream(n_streams)
        found = by_turns(stream, X, stream.step)
        for sequence, numbers in zip(X, found, strict=True):
            np.testing.assert_allclose(numbers, model.predict(prefixes(sequence)), **CLOSE)


@pytest.mark.parametrize("readout", ["mean", "last"])
def test_thousands_of_streams_in_blocks(monkeypatch, readout):
    model = LSTMClassifier(**CAUSAL, readout=readout).fit(X, LABELS)
    rows = RNG.normal(size=(19, 4, 3))
    one = model.stream(19)
    monkeypatch.setattr("seqlearn.streaming.network_steps.BLOCK_VALUES", 64)  # 8 rows, at 8 units
    stream, other = model.stream(19), model.stream(19)
    for t in range(4):
        due, found = one.step_proba(rows[:, t]), stream.step_proba(rows[:, t])
        np.testing.assert_allclose(found, due, **CLOSE)
        np.testing.assert_allclose(found, model.predict_proba(rows[:, : t + 1]), **CLOSE)
        before = other.step_proba(rows[:, t])
        np.testing.assert_array_equal(
            np.delete(found, [7, 8], axis=0), np.delete(before, [7, 8], axis=0)
        )
        other.reset([7, 8])  # the last of a block, and the first of the next
    assert [part.shape[0] for part in stream.state["rows"][1][0]] == [19, 19]
    other.state = stream.state
    np.testing.assert_array_equal(other.step(rows[:, 0]), stream.step(rows[:, 0]))


def test_several_labels():
    y = RNG.integers(0, 2, size=(16, 3))
    model = LSTMClassifier(**CAUSAL).fit(X, y)
    one, other = model.stream(), model.stream()
    for t, prefix in enumerate(prefixes(X[1])):
        np.testing.assert_array_equal(one.step(X[1][t : t + 1]), model.predict([prefix]))
        found = other.step_proba(X[1][t : t + 1])
        np.testing.assert_allclose(found, model.predict_proba([prefix]), **CLOSE)


def test_one_feature_and_rows_of_a_table_of_numbers():
    flat = RNG.normal(size=(16, 5))
    for data in (flat, [row[:, None] for row in flat]):
        model = LSTMClassifier(**CAUSAL).fit(data, LABELS)
        stream = model.stream(16)
        for step in flat.T[:-1]:
            stream.step(step)
        np.testing.assert_array_equal(stream.step(flat[:, -1].tolist()), model.predict(data))
        assert stream.n_steps.tolist() == [5] * 16


@pytest.mark.parametrize("given", [WORDS, BAGS])
@pytest.mark.parametrize("words", [None, Words(characters=4, size=5)])
def test_words_and_dictionaries(given, words):
    model = LSTMClassifier(**CAUSAL, words=words).fit(given, LABELS)
    texts = [*given, [WORDS[0][0] + "x"] if given is WORDS else [{"never": "seen"}]]
    stream = model.stream(3)
    found = by_turns(stream, texts, stream.step_proba)
    for text, answers in zip(texts, found, strict=True):
        np.testing.assert_allclose(answers, model.predict_proba(prefixes(text)), **CLOSE)


@pytest.mark.parametrize("given", [X, WORDS])
def test_the_newest_label_of_a_tagger(given):
    y = [[f"L{i % 3}" for i in range(len(one))] for one in given]
    model = BiLSTMTagger(**CAUSAL, decoder="softmax").fit(given, y)
    stream, other = model.stream(3), model.stream(3)
    labels = by_turns(stream, given, stream.step)
    shares = by_turns(other, given, other.step_proba)
    for due, found in zip(model.predict(given), labels, strict=True):
        assert list(found) == list(due)
    for due, found in zip(model.predict_marginals(given), shares, strict=True):
        np.testing.assert_allclose(found, due, **CLOSE)


def test_vectors_of_an_encoder():
    free = SequenceEncoder(**SMALL, readout="mean").fit(X)
    inside = LSTMClassifier(**CAUSAL, readout="attention").fit(X, LABELS)
    for encoder in (free, SequenceEncoder(FrozenEstimator(inside)).fit(X)):
        stream = encoder.stream(2)
        found = by_turns(stream, X, stream.step)
        for sequence, vectors in zip(X, found, strict=True):
            np.testing.assert_allclose(vectors, encoder.transform(prefixes(sequence)), **CLOSE)


@pytest.mark.parametrize("unit", ["char", "word", "bpe", None])
def test_a_language_model_tells_what_comes_next(unit):
    texts = ["the cat sat on the mat.", "a dog, on the rug", "the dog sat"] * 6
    more = {"unit": unit or "word", "embedding_size": 8, "ends": True}
    given = texts if unit else [text.split() for text in texts]
    model = LSTMLanguageModel(**SMALL, **more).fit(given)
    cut = model._record.targets.unit.cut(texts[:3]) if unit else given[:3]
    stream, other = model.stream(2), model.stream()
    found = by_turns(stream, cut, stream.step_proba)
    for tokens, shares in zip(cut, found, strict=True):
        begun = prefixes(tokens)
        if unit:
            begun = [" ".join(one) if unit == "word" else "".join(one) for one in begun]
        np.testing.assert_allclose(shares, model.predict_proba(begun), **CLOSE)
    # What it takes for likeliest is what it writes.
    for text in texts[:1] if unit == "char" else ():
        for i, token in enumerate(text[:5]):
            (next_token,) = other.step([token])
            begun = text[: i + 1]
            (written,) = model.sample(prefix=begun, max_new_tokens=1, temperature=0)
            assert written == begun + (next_token if next_token != "<end>" else "")


@pytest.mark.filterwarnings("ignore:.*fit did not see")
@pytest.mark.parametrize("context", [False, True])
def test_the_next_item_of_sessions(context):
    sessions = [*WORDS, ["never"], ["never", "w1", "never", "w2"]]
    more = {}
    if context:
        sessions = [[(item, i % 2) for i, item in enumerate(one)] for one in sessions]
        more = {"context": ["place"]}
    model = LSTMRecommender(**SMALL, **more).fit(sessions[:-2])
    stream, other = model.stream(3), model.stream(3)
    items = by_turns(stream, sessions, stream.step)
    shares = by_turns(other, sessions, other.step_proba)
    for session, best, probabilities in zip(sessions, items, shares, strict=True):
        assert list(best) == list(model.predict(prefixes(session)))
        np.testing.assert_allclose(probabilities, model.predict_proba(prefixes(session)), **CLOSE)


@pytest.mark.parametrize(
    "more",
    [
        {"method": "reconstruction"},
        {"method": "forecast", "horizon": 3},
        {"method": "forecast", "horizon": 2, "smoothing": 3, "likelihood": 4},
        {"method": "reconstruction", "likelihood": 2},
    ],
)
def test_the_newest_score_of_a_detector(more):
    series = [RNG.normal(size=(n, 2)) for n in (40, 25, 31)]
    series[0][7:9] = np.nan
    series[1][3, 0] = np.nan
    model = LSTMAnomalyDetector(**SMALL, window=6, **more).fit(series)
    stream = model.stream(2)
    found = by_turns(stream, series, stream.step)
    for scores, due in zip(found, model.anomaly_scores(series), strict=True):
        np.testing.assert_allclose(scores, due, **CLOSE)


def test_forecasts_after_each_observation():
    index = pd.date_range("2020", periods=90, freq="D")
    y = pd.DataFrame(RNG.normal(size=(90, 2)).cumsum(axis=0), index=index, columns=["u", "v"])
    X_ = pd.DataFrame(RNG.normal(size=(90, 2)), index=index, columns=["known", "past"])
    model = LSTMForecaster(
        **SMALL, window_length=14, calendar=True, past_only=["past"], quantiles=None
    )
    model.fit(y[:80], X=X_[:80], fh=[1, 3])
    stream = model.stream()
    for t in range(80, 84):
        now, ahead = slice(t, t + 1), X_[["known"]][t + 1 : t + 4]
        found = stream.step(y.to_numpy()[now], X_.to_numpy()[now], ahead.to_numpy())
        model.update(y[now], X=X_[now], update_params=False)
        np.testing.assert_allclose(found[0], model.predict(X=ahead), **CLOSE)
    for wrong, said in [
        ((y.to_numpy()[:1],), "needs X with 'known' and 'past' too"),
        ((y.to_numpy()[:1], X_.to_numpy()[:1]), r"\(1, 3, 1\)\. It is None"),
        ((y.to_numpy()[:1, :1],), "is expecting 2"),
    ]:
        with pytest.raises(DataFormatError, match=said):
            stream.step(*wrong)
    assert stream.n_steps.tolist() == [4]


def test_forecasts_of_a_panel_and_of_several_streams_of_one_series():
    y = pd.DataFrame({"y": RNG.normal(size=120).cumsum()})
    y.index = pd.MultiIndex.from_product([["a", "b"], range(60)])
    panel = LSTMForecaster(**SMALL, window_length=8).fit(y, fh=[1, 2])
    stream = panel.stream()
    found = stream.step([1.0, np.nan])
    new = pd.DataFrame({"y": [1.0, np.nan]}, index=pd.MultiIndex.from_product([["a", "b"], [60]]))
    due = panel.update(new, update_params=False).predict()
    np.testing.assert_allclose(found.ravel(), due["y"], **CLOSE)
    with pytest.raises(InvalidParameterError, match="forecasts 2 series"):
        panel.stream(3)
    alone = LSTMForecaster(**SMALL, window_length=8).fit(y.loc["a"], fh=[1, 2])
    stream = alone.stream(3)
    stream.step([1.0, 2.0, 3.0])
    again = stream.reset(1).step([1.0, 1.0, 1.0])
    np.testing.assert_allclose(again[1], alone.stream().step([1.0])[0], **CLOSE)
    assert pickle.loads(pickle.dumps(stream)).n_steps.tolist() == [2, 1, 2]
    stamps = pd.Series(RNG.normal(size=60), index=pd.date_range("2020", periods=60, freq="D"))
    absolute = LSTMForecaster(**SMALL, window_length=8)
    absolute.fit(stamps, fh=pd.DatetimeIndex(["2020-03-01"], freq="D"))
    with pytest.raises(InvalidParameterError, match="time stamps in fh"):
        absolute.stream()


# Every kind of stream, as material for what holds of all


def streams_of_every_kind():
    tags = [[f"L{i % 2}" for i in range(len(one))] for one in X]
    series = [RNG.normal(size=(30, 3)) for _ in range(4)]
    models = {
        "classifier": LSTMClassifier(**CAUSAL, readout="attention").fit(X, LABELS),
        "regressor": LSTMRegressor(**CAUSAL, readout="max", num_layers=2).fit(X, np.arange(16.0)),
        "tagger": BiLSTMTagger(**CAUSAL, decoder="softmax").fit(X, tags),
        "encoder": SequenceEncoder(**SMALL, readout="mean").fit(X),
        "detector": LSTMAnomalyDetector(**SMALL, window=5, smoothing=2, likelihood=2).fit(series),
        "forecasting detector": LSTMAnomalyDetector("forecast", **SMALL, window=5).fit(series),
        "words": LSTMClassifier(**CAUSAL).fit(WORDS, LABELS),
        "language": LSTMLanguageModel(**SMALL, embedding_size=8).fit(WORDS),
        "items": LSTMRecommender(**SMALL).fit(WORDS),
        "forecaster": LSTMForecaster(**SMALL, window_length=8).fit(
            pd.DataFrame(RNG.normal(size=(50, 3))), fh=[1, 2]
        ),
        "pipeline": make_pipeline(SequenceScaler(), LSTMClassifier(**CAUSAL)).fit(X, LABELS),
    }
    return {name: (model, name in ("words", "language", "items")) for name, model in models.items()}


KINDS = (
    "classifier",
    "regressor",
    "tagger",
    "encoder",
    "detector",
    "forecasting detector",
    "words",
    "language",
    "items",
    "forecaster",
    "pipeline",
)


@pytest.fixture(scope="module")
def every_kind():
    return streams_of_every_kind()


@pytest.fixture(params=KINDS)
def kind(request, every_kind):
    return every_kind[request.param]


def steps_for(discrete, n_streams, n_steps, seed=0):
    rng = np.random.default_rng(seed)
    if discrete:
        return [[f"w{i}" for i in rng.integers(0, 6, size=n_streams)] for _ in range(n_steps)]
    return list(rng.normal(size=(n_steps, n_streams, 3)))


def test_a_reset_stream_begins_anew_and_leaves_the_bits_of_the_others(kind):
    model, discrete = kind
    steps = steps_for(discrete, 5, 8)
    left, reset = seqlearn.stream(model, 5), seqlearn.stream(model, 5)
    for step in steps[:4]:
        left.step(step), reset.step(step)
    assert reset.reset([1, 3]) is reset
    assert reset.n_steps.tolist() == [4, 0, 4, 0, 4]
    fresh = seqlearn.stream(model, 5)
    for step in steps[4:]:
        due, found, begun = left.step(step), reset.step(step), fresh.step(step)
        np.testing.assert_array_equal(found[[0, 2, 4]], due[[0, 2, 4]])
        np.testing.assert_array_equal(found[[1, 3]], begun[[1, 3]])
    # All of them, by a mask or by nothing.
    for again in (reset.reset(), left.reset(np.ones(5, bool))):
        assert again.n_steps.tolist() == [0] * 5
        np.testing.assert_array_equal(again.step(steps[4]), fresh.reset().step(steps[4]))


def test_a_state_is_plain_goes_on_and_is_not_changed_by_that(kind):
    model, discrete = kind
    steps = steps_for(discrete, 3, 6)
    stream, other = seqlearn.stream(model, 3), seqlearn.stream(model, 3)
    for step in steps[:3]:
        stream.step(step)
    stream.reset(2)
    kept = pickle.loads(pickle.dumps(stream.state))
    whole, deep = pickle.loads(pickle.dumps(stream)), copy.deepcopy(stream)
    before = pickle.dumps(kept)
    due = [stream.step(step) for step in steps[3:]]
    other.state = kept
    assert other.n_steps.tolist() == [3, 3, 0]
    for one in (other, whole, deep):
        for step, answer in zip(steps[3:], due, strict=True):
            np.testing.assert_array_equal(one.step(step), answer)
    assert pickle.dumps(kept) == before  # going on did not change it
    other.state = kept  # and it can be set again
    np.testing.assert_array_equal(other.step(steps[3]), due[0])
    assert "torch" not in repr(type(kept["rows"])) and forms(kept["n_steps"]) == ((3,), "int64")


def test_a_step_costs_the_same_however_long_a_stream_is(kind):
    model, discrete = kind
    steps, stream = steps_for(discrete, 2, 40), seqlearn.stream(model, 2)
    for step in steps:
        stream.step(step)
        if stream.n_steps[0] == 20:
            size = len(pickle.dumps(stream.state))
    assert abs(len(pickle.dumps(stream.state)) - size) <= 16  # an int more or less


def test_states_of_others_are_refused_and_change_nothing(kind):
    model, discrete = kind
    stream, more = seqlearn.stream(model, 2), seqlearn.stream(model, 3)
    step = steps_for(discrete, 2, 1)[0]
    stream.step(step)
    before, good = pickle.dumps(stream.state), stream.state
    for wrong, said in [
        ("state", "of type str"),
        ({}, "of type dict"),
        (more.state, "with as many"),
        ({**good, "model": "0"}, "of another model"),
        ({**good, "rows": None}, "with as many streams"),
        ({**good, "n_steps": [1, 1]}, "where"),
        ({**good, "transformers": 1}, "where"),
    ]:
        with pytest.raises(InvalidParameterError, match=said):
            stream.state = wrong
        assert pickle.dumps(stream.state) == before


def test_the_state_of_other_weights_is_refused(classifier):
    other = clone(classifier).set_params(random_state=1).fit(X, LABELS)
    with pytest.raises(InvalidParameterError, match="weights are others"):
        classifier.stream().state = other.stream().state


def test_a_stream_goes_on_with_its_model_whatever_becomes_of_the_estimator():
    model = LSTMClassifier(**CAUSAL).fit(X, LABELS)
    stream, due = model.stream(), model.predict_proba([X[0][:2]])
    stream.step(X[0][0])
    model.partial_fit(X, LABELS)
    np.testing.assert_allclose(stream.step_proba(X[0][1]), due, **CLOSE)
    recommender = LSTMRecommender(**SMALL).fit(WORDS)
    stream, due = recommender.stream(), recommender.predict_proba([["w1"]])
    recommender.fit([["x", "y"]] * 5)
    np.testing.assert_allclose(stream.step_proba(["w1"]), due, **CLOSE)


# Bad input


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((2, 2)), "is expecting 3"),
        (np.zeros((3, 3)), "2 streams"),
        (np.zeros(3), "2 streams"),
        (np.zeros((1, 2, 3)), "2 streams"),
        (np.zeros(()), "2 streams"),
        ([[0.0, 1.0, np.nan], [0, 0, 0]], "NaN, of stream 0"),
        ([[0.0, 1.0, 2.0], [0, np.inf, 0]], "infinity .*, of stream 1"),
        ([[0.0, 1.0, 2.0], [0, 1e300, 0]], "too large for dtype"),
        ([["a", "b", "c"]] * 2, "does not hold numbers"),
        ([[None, 1, 2]] * 2, "NaN|numbers"),
        ([[1, 2, 3], [1, 2]], "rows of unequal length"),
        ("text", "2 streams|numbers"),
        (None, "numbers|2 streams"),
        ([[1j, 1, 1]] * 2, "does not hold numbers"),
        (np.ma.masked_array(np.zeros((2, 3)), True), "mask"),
        ({"a": 1}, "numbers|2 streams"),
    ],
)
def test_a_step_that_is_refused_changes_nothing(classifier, x, said):
    stream = classifier.stream(2)
    stream.step(np.ones((2, 3)))
    before = pickle.dumps(stream.state)
    for ask in (stream.step, stream.step_proba):
        with pytest.raises(DataFormatError, match=said):
            ask(x)
    assert pickle.dumps(stream.state) == before
    np.testing.assert_allclose(
        stream.step_proba(np.zeros((2, 3))),
        classifier.predict_proba([[[1] * 3, [0] * 3]] * 2),
        **CLOSE,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, np.float16, bool])
def test_numbers_of_any_type(classifier, dtype):
    x = np.array([[0, 1, 1], [1, 0, 1]], dtype)
    due = classifier.predict_proba(x[:, None].astype(np.float64))
    for form in (x, x.tolist(), torch.as_tensor(x), pd.DataFrame(x), np.asfortranarray(x)):
        np.testing.assert_allclose(classifier.stream(2).step_proba(form), due, **CLOSE)


def test_the_callers_array_may_change_afterwards(classifier):
    x, stream = np.ones((2, 3), np.float32), classifier.stream(2)
    stream.step(x)
    before = pickle.dumps(stream.state)
    x[:] = 7
    assert pickle.dumps(stream.state) == before


@settings(max_examples=25)
@given(st.integers(1, 3), st.integers(0, 3), st.integers(0, 4), st.floats(width=64))
def test_whatever_is_given_is_answered_or_refused(classifier, n_streams, rows, width, value):
    stream = classifier.stream(n_streams)
    before = pickle.dumps(stream.state)
    try:
        shares = stream.step_proba(np.full((rows, width), value))
    except SeqlearnError:
        assert pickle.dumps(stream.state) == before
    else:
        assert shares.shape == (n_streams, 3) and np.isfinite(shares).all()


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ("ab", "is a list with a string"),
        (["a"], "each of the 2 streams, but 1"),
        (["a", 1], "list with a string .* stream [01] is"),
        (["a", None], "list with a string .* stream [01] is"),
        ([["a"], ["b"]], "list with a string .* stream [01] is"),
        (3, "is a list with a string"),
        (np.array([1.0, 2.0]), "stream 0 is 1.0, of type float"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "is a list with a string"),
    ],
)
def test_tokens_that_are_refused_change_nothing(x, said):
    for model in (
        LSTMClassifier(**CAUSAL).fit(WORDS, LABELS),
        LSTMLanguageModel(**SMALL, embedding_size=8).fit(WORDS),
    ):
        stream = model.stream(2)
        stream.step(["w1", "w2"])
        before = pickle.dumps(stream.state)
        with pytest.raises(DataFormatError, match=said):
            stream.step(x)
        assert pickle.dumps(stream.state) == before


def test_what_is_no_token_of_a_language_model_is_refused():
    model = LSTMLanguageModel(**SMALL, unit="char", ends=True).fit(["abba", "baba"] * 3)
    stream = model.stream()
    with pytest.raises(DataFormatError, match=r"into 'a' and 'b'\. Give one token at a time"):
        stream.step(["ab"])
    with pytest.raises(DataFormatError, match=r"the text is over. Begin another with reset\(0\)"):
        stream.step(["<end>"])
    np.testing.assert_allclose(stream.step_proba(["z"]), model.predict_proba(["z"]), **CLOSE)
    stream.reset()
    np.testing.assert_allclose(stream.step_proba(["<unk>"]), model.predict_proba(["z"]), **CLOSE)


def test_columns_in_another_order_are_refused():
    frames = [pd.DataFrame(x, columns=["u", "v", "w"]) for x in X]
    stream = LSTMClassifier(**CAUSAL).fit(frames, LABELS).stream()
    stream.step(frames[0][:1])
    with pytest.raises(DataFormatError, match="has the columns 'w', 'u' and 'v', but"):
        stream.step(frames[0][:1][["w", "u", "v"]])
    pipe = make_pipeline(SequenceScaler(), LSTMClassifier(**CAUSAL)).fit(frames, LABELS)
    with pytest.raises(DataFormatError, match="has the columns 'w', 'u' and 'v', but"):
        seqlearn.stream(pipe).step(frames[0][:1][["w", "u", "v"]])


@pytest.mark.parametrize("rows", [2, [0, 2], -3, [True], "a", [0.5], [[True, False, True]]])
def test_streams_that_are_not_there_are_not_reset(classifier, rows):
    stream = classifier.stream(2)
    stream.step(np.ones((2, 3)))
    with pytest.raises(InvalidParameterError, match="names no streams: there are 2"):
        stream.reset(rows)
    assert stream.reset([]).n_steps.tolist() == [1, 1]
    assert stream.reset(-1).n_steps.tolist() == [1, 0]


@pytest.mark.parametrize("n_streams", [0, -1, 1.5, "a", True, None])
def test_the_number_of_streams_is_checked(classifier, n_streams):
    with pytest.raises(InvalidParameterError, match=r"n_streams of LSTMClassifier\.stream"):
        classifier.stream(n_streams)


def test_what_has_no_probabilities_says_so():
    stream = LSTMRegressor(**CAUSAL).fit(X, np.arange(16.0)).stream()
    with pytest.raises(
        InvalidParameterError, match="LSTMRegressor has no probabilities: call step"
    ):
        stream.step_proba(X[0][0])
    assert stream.n_steps.tolist() == [0]


# What cannot stream


def test_models_that_look_ahead_are_refused_with_the_remedy():
    tags, flat = [["O"] * len(one) for one in WORDS], RNG.normal(size=(16, 3))
    lookahead = "causal and stateful, such as 'torch' or 'gru'"
    reader = LSTMLanguageModel(**SMALL).fit([" ".join(words) for words in WORDS])
    words = Words(vectors=FrozenEstimator(reader), size=4, characters=None)
    both = LSTMClassifier(**SMALL)
    for model, data, said in [
        (both, (X, LABELS), "Fit with bidirectional=False"),
        (SequenceEncoder(both), (X, LABELS), "Fit with bidirectional=False"),
        (BiLSTMTagger(**SMALL, decoder="softmax"), (WORDS, tags), "Fit with bidirectional=False"),
        (BiLSTMTagger(**CAUSAL, decoder="crf"), (WORDS, tags), "Fit with decoder='softmax'"),
        (
            BiLSTMTagger(**CAUSAL, decoder="softmax", scheme="BIO"),
            (WORDS, tags),
            "Fit with scheme=None",
        ),
        (BiLSTMTagger(**CAUSAL, decoder="softmax"), (flat, LABELS), "Call predict"),
        (LSTMClassifier(**CAUSAL, backend="lstmfcn"), (X, LABELS), lookahead),
        (LSTMClassifier(**CAUSAL, words=words), (WORDS, LABELS), "words__vectors=None"),
        (SequenceEncoder(FrozenEstimator(reader)), (["w1 w2"],), "Stream the language model"),
        (LSTMTranslator(**SMALL), (["a b"] * 4, ["b a"] * 4), "Call predict on what came"),
    ]:
        model.fit(*data)
        with pytest.raises(InvalidParameterError, match=said):
            model.stream()


@pytest.mark.parametrize(
    "model", [LSTMClassifier(), BiLSTMTagger(), LSTMAnomalyDetector(), LSTMForecaster()]
)
def test_models_that_are_not_fitted_are_refused(model):
    with pytest.raises(Exception, match="fitted") as caught:
        model.stream()
    assert type(caught.value).__name__ == "NotFittedError"
    with pytest.raises(Exception, match="fitted"):
        seqlearn.stream(model)


def test_a_backend_with_a_broken_state_is_named(classifier):
    broken = copy.deepcopy(classifier)
    core = broken.net_.module_.encoder.core
    core.forward = lambda x, lengths=None, state=None: (torch.zeros(*x.shape[:2], 8), None)
    with pytest.raises(SeqlearnError, match="returned no state"):
        broken.stream()


# Pipelines


class CarriedForward(TransformerMixin, BaseEstimator):
    """Missing values become the last ones seen, or 0: a transformer with a state."""

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        found = []
        for one in X:
            state, rows = np.zeros((1, one.shape[1])), []
            for row in one:
                filled, state = self.step_streams(row[None], state)
                rows.append(filled[0])
            found.append(np.array(rows))
        return found

    def begin_streams(self, n_streams):
        return np.zeros((n_streams, 3))

    def step_streams(self, x, state):
        filled = np.where(np.isnan(x), state, x)
        return filled, filled


def test_a_pipeline_carries_the_state_of_its_transformers():
    holes = [np.where(RNG.random(x.shape) < 0.3, np.nan, x) for x in X]
    for method in ("standard", "minmax", "robust"):
        pipe = make_pipeline(
            CarriedForward(), "passthrough", SequenceScaler(method), LSTMClassifier(**CAUSAL)
        )
        pipe.fit(holes, LABELS)
        stream = seqlearn.stream(pipe, 3)
        assert repr(stream).startswith("<Stream of carriedforward -> sequencescaler -> LSTM")
        found = by_turns(stream, holes, stream.step_proba)
        for sequence, shares in zip(holes, found, strict=True):
            np.testing.assert_allclose(shares, pipe.predict_proba(prefixes(sequence)), **CLOSE)
        other = seqlearn.stream(pipe, 3)
        other.state = stream.state
        np.testing.assert_array_equal(
            other.step_proba(np.full((3, 3), np.nan)), stream.step_proba(np.full((3, 3), np.nan))
        )


def test_a_step_that_the_model_refuses_does_not_move_the_transformers():
    pipe = make_pipeline(CarriedForward(), LSTMClassifier(**CAUSAL)).fit(X, LABELS)
    stream = seqlearn.stream(pipe)
    stream.step([[1.0, 2.0, 3.0]])
    before = pickle.dumps(stream.state)
    with pytest.raises(DataFormatError, match="infinity"):
        stream.step([[np.inf, 9.0, 9.0]])
    assert pickle.dumps(stream.state) == before
    scaled = make_pipeline(SequenceScaler(), LSTMClassifier(**CAUSAL)).fit(X, LABELS)
    for width in (1, 2, 4):  # 1 would be spread over all features
        with pytest.raises(DataFormatError, match="SequenceScaler is expecting 3"):
            seqlearn.stream(scaled).step(np.zeros((1, width)))


@pytest.mark.parametrize(
    ("pipe", "data", "said"),
    [
        (
            make_pipeline(SequenceNormalizer(), LSTMClassifier(**CAUSAL)),
            X,
            "a SequenceNormalizer, cannot stream: it looks at a whole sequence",
        ),
        (
            make_pipeline(StandardScaler(), LSTMClassifier(**CAUSAL)),
            RNG.normal(size=(16, 4)),
            r"a StandardScaler, cannot stream: .*seqlearn.stream\(pipe\[-1\]\)",
        ),
        (
            make_pipeline(Tokenizer(), LSTMClassifier(**CAUSAL)),
            [" ".join(words) for words in WORDS],
            "a Tokenizer, cannot stream",
        ),
        (
            make_pipeline(SequenceEncoder(**SMALL), LogisticRegression()),
            X,
            "a SequenceEncoder, cannot stream",
        ),
        (
            LogisticRegression(),
            RNG.normal(size=(16, 4)),
            "LogisticRegression cannot stream: it has",
        ),
    ],
)
def test_what_of_a_pipeline_cannot_stream_is_named(pipe, data, said):
    pipe.fit(data, LABELS)
    with pytest.raises(InvalidParameterError, match=said):
        seqlearn.stream(pipe)


def test_a_pipeline_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        seqlearn.stream(make_pipeline(SequenceScaler(), LSTMClassifier(**CAUSAL)))
    half = make_pipeline(SequenceScaler(), LSTMClassifier(**CAUSAL).fit(X, LABELS))
    with pytest.raises(NotFittedError):
        seqlearn.stream(half)


def test_a_frozen_model_streams():
    model = LSTMClassifier(**CAUSAL).fit(X, LABELS)
    assert isinstance(seqlearn.stream(FrozenEstimator(model), 2), Stream)


# What a script sets in torch


def test_settings_of_torch_change_no_answer_and_stay(classifier):
    due = classifier.stream().step_proba(X[0][0])
    torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu"), torch.device("meta"):
            stream = classifier.stream()
            found = stream.step_proba(X[0][0])
            pickle.loads(pickle.dumps(stream)).reset().step(X[0][0])
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(found, due)
    classifier.stream().step(X[0][0])
    assert np.finfo(np.float64).tiny * 0.5 > 0  # tiny numbers are there again


@pytest.mark.gpu
def test_streams_on_a_card_say_what_they_say_on_a_cpu():
    model = LSTMClassifier(**CAUSAL, device="cuda", readout="attention").fit(X, LABELS)
    stream = model.stream(3)
    found = by_turns(stream, X, stream.step_proba)
    for sequence, shares in zip(X, found, strict=True):
        np.testing.assert_allclose(shares, model.predict_proba(prefixes(sequence)), atol=1e-5)
    assert pickle.loads(pickle.dumps(stream)).n_steps.tolist() == stream.n_steps.tolist()


# Gaps and times


@pytest.mark.parametrize("backend", ["torch", "grud"])
@pytest.mark.parametrize("timed", [False, True])
def test_gaps_and_times_are_carried(backend, timed):
    if backend not in available_backends():
        pytest.skip("the plugin seqlearn-grud is not installed")
    rows = [np.where(RNG.random(x.shape) < 0.4, np.nan, x) for x in X]
    more = {"missing": "mask", "backend": backend}
    if timed:
        more["time_column"] = 1
        for row in rows:
            row[:, 1] = 1e6 + np.cumsum(RNG.random(len(row)) + 0.1)
    model = LSTMClassifier(**CAUSAL, **more, readout="mean").fit(rows, LABELS)
    stream, other = model.stream(3), model.stream(3)
    found = by_turns(stream, rows, stream.step_proba)
    for sequence, shares in zip(rows, found, strict=True):
        np.testing.assert_allclose(shares, model.predict_proba(prefixes(sequence)), **CLOSE)
    other.state = stream.state
    assert pickle.dumps(other.state) == pickle.dumps(stream.state)
    with pytest.raises(DataFormatError, match="infinity"):
        stream.step(np.full((3, 3), np.inf))


def test_times_that_do_not_go_on_are_refused_and_change_nothing():
    rows = [np.column_stack([np.arange(len(x)), x]) for x in X]
    model = LSTMClassifier(**CAUSAL, time_column=0).fit(rows, LABELS)
    stream = model.stream(2)
    stream.step([[3, 0, 0, 0], [1, 0, 0, 0]])
    before = pickle.dumps(stream.state)
    for times, said in [
        ((3, 2), "stream 0 has the time of the step before"),
        ((4, 0), "stream 1 has an earlier time"),
        ((np.nan, np.nan), "streams 0 and 1 has no time|streams 0 and 1"),
        ((-1, 5), "stream 0 has a negative time"),
    ]:
        with pytest.raises(DataFormatError, match=said):
            stream.step([[time, 0, 0, 0] for time in times])
        assert pickle.dumps(stream.state) == before
    stream.reset(1).step([[4, 0, 0, 0], [0, 0, 0, 0]])
    with pytest.raises(DataFormatError, match="NaN, of stream 0"):
        model.stream().step([[0, np.nan, 0, 0]])


@pytest.mark.parametrize("method", ["forward", "mean", "zero"])
def test_what_fills_gaps_is_carried_and_what_scales_clips(method):
    holes = [np.where(RNG.random(x.shape) < 0.3, np.nan, x) for x in X]
    scaler = SequenceScaler(clip=1.0, columns=[0, 2])
    pipe = make_pipeline(SequenceImputer(method), scaler, LSTMClassifier(**CAUSAL))
    stream = seqlearn.stream(pipe.fit(holes, LABELS), 3)
    found = by_turns(stream, holes, stream.step_proba)
    for sequence, shares in zip(holes, found, strict=True):
        np.testing.assert_allclose(shares, pipe.predict_proba(prefixes(sequence)), **CLOSE)


FRAMES = {
    "pixels": {},
    "a small network": {"frames": Frames(channels=(2,), size=4)},
    "a core of frames": {"backend": "convlstm"},
}


@pytest.mark.parametrize("of_bytes", [True, False])
@pytest.mark.parametrize("more", FRAMES.values(), ids=FRAMES)
def test_frames_of_video(more, of_bytes):
    if more.get("backend", "torch") not in available_backends():
        pytest.skip("the plugin seqlearn-convlstm is not installed")
    clips = [RNG.integers(0, 256, (n, 6, 5), np.uint8) for n in (3, 1, 4, 2, 5, 3)]
    if not of_bytes:
        clips = [clip / 255 for clip in clips]
    model = LSTMClassifier(**CAUSAL, **more).fit(clips, LABELS[:6])
    stream = model.stream(2)
    found = by_turns(stream, clips, stream.step_proba)
    for clip, shares in zip(clips, found, strict=True):
        np.testing.assert_allclose(shares, model.predict_proba(prefixes(clip)), **CLOSE)
    before = pickle.dumps(stream.state)
    for wrong, said in (
        (np.zeros((2, 6, 4), clips[0].dtype), r"\(2, 6, 5, 1\) or \(2, 6, 5\)"),
        (np.zeros((2, 6, 5), np.float32 if of_bytes else np.uint8), "frames in fit were"),
    ):
        with pytest.raises(DataFormatError, match=said):
            stream.step(wrong)
    assert pickle.dumps(stream.state) == before
    one = model.stream()
    one.step(clips[0][0])  # a frame alone
    assert one.n_steps.tolist() == [1]


def test_a_transcriber_does_not_stream_and_says_why():
    model = LSTMTranscriber(**SMALL).fit(X, ["ab"[: len(x) // 2] for x in X])
    with pytest.raises(InvalidParameterError, match="what comes later"):
        model.stream()
