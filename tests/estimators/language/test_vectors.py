"""A fitted language model gives vectors to others: of texts, and of words in their context."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import seqlearn
from seqlearn import (
    BiLSTMTagger,
    LSTMClassifier,
    LSTMLanguageModel,
    LSTMRegressor,
    SequenceEncoder,
    Words,
)
from seqlearn.data.text_units import learn_unit
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.language import vectors as vectors_file
from seqlearn.estimators.language.vectors import divided
from seqlearn.preprocessing import Tokenizer

NOUNS, VERBS = ["cat", "dog", "old man"], ["sees", "is", "bites"]
SMALL = {"hidden_size": 7, "embedding_size": 5, "max_epochs": 2, "batch_size": 8, "random_state": 0}
FIT = {"hidden_size": 5, "max_epochs": 2, "batch_size": 4, "random_state": 0}


def make_texts(n, seed=0):
    rng = np.random.default_rng(seed)
    return [f"the {rng.choice(NOUNS)} {rng.choice(VERBS)} a {rng.choice(NOUNS)}" for _ in range(n)]


TEXTS = make_texts(40)
TOKENS = [text.split() for text in TEXTS]
LABELS = np.array(["is" in text for text in TEXTS])
TAGS = [["N" if word in " ".join(NOUNS) else "O" for word in words] for words in TOKENS]
UNITS = {
    "char": lambda: LSTMLanguageModel(**SMALL).fit(TEXTS),
    "word": lambda: LSTMLanguageModel("word", **SMALL).fit(TEXTS),
    "bpe": lambda: LSTMLanguageModel("bpe", vocabulary_size=30, **SMALL).fit(TEXTS),
    "tokenizer": lambda: LSTMLanguageModel(Tokenizer(lowercase=True), **SMALL).fit(TEXTS),
    "tokens": lambda: LSTMLanguageModel(**SMALL).fit(TOKENS),
}


@pytest.fixture(scope="module")
def models():
    return {unit: make() for unit, make in UNITS.items()}


@pytest.fixture(params=UNITS)
def model(request, models):
    return models[request.param]


@pytest.fixture(params=["char", "tokens"])
def reader(request, models):
    return models[request.param]


def given_to(model, texts=TEXTS):
    """What the model reads."""
    return [text.split() for text in texts] if model.input_kind_ == "tokens" else texts


def one_by_one(model, X):
    """The states of each text after its beginning and after each token, by steps of the net."""
    found = []
    model.net_.evaluate()
    for known in model._known(X):
        module, state = model.net_.module_, None
        rows = []
        for code in [model._record.targets.boundary, *known[:, 0]]:
            with torch.inference_mode():
                x = torch.tensor([[[code, -1]]])
                values = module.read(x, None)[0]
                outputs, state = module.encoder(values, None, state, keep_steps=True)
            rows.append(outputs[0, 0].numpy())
        found.append(np.array(rows))
    return found


# Vectors of texts.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("readout", "oracle"),
    [
        ("last", lambda rows: rows[-1]),
        ("mean", lambda rows: rows.mean(axis=0)),
        ("max", lambda rows: rows.max(axis=0)),
    ],
)
def test_a_text_is_read_out_of_the_states_at_its_tokens(readout, oracle, model):
    X = [*given_to(model), given_to(model, [""])[0]]
    encoder = SequenceEncoder(FrozenEstimator(model), readout=readout).fit(X)
    due = [oracle(rows[1:]) if len(rows) > 1 else rows[0] for rows in one_by_one(model, X)]
    np.testing.assert_allclose(encoder.transform(X), due, atol=1e-5)


def test_how_texts_are_grouped_and_ordered_does_not_matter(model, monkeypatch):
    X = given_to(model, [*TEXTS, "", "a dog"])
    encoder = SequenceEncoder(FrozenEstimator(model), readout="mean").fit(X)
    due = encoder.transform(X)
    np.testing.assert_allclose(encoder.transform(X[::-1])[::-1], due, atol=1e-6)
    alone = np.concatenate([encoder.transform([x]) for x in X])
    np.testing.assert_allclose(alone, due, atol=1e-6)
    monkeypatch.setattr(vectors_file, "STEPS_AT_ONCE", 30)
    np.testing.assert_allclose(encoder.transform(X), due, atol=1e-6)
    assert encoder.transform(X[:0]).shape == (0, 7)


def test_the_readout_is_no_matter_of_fit(models):
    encoder = SequenceEncoder(FrozenEstimator(models["char"]), readout="last").fit(TEXTS)
    other = SequenceEncoder(FrozenEstimator(models["char"]), readout="max").fit(TEXTS)
    assert np.array_equal(
        encoder.set_params(readout="max").transform(TEXTS), other.transform(TEXTS)
    )


def test_an_estimator_that_is_not_frozen_is_cloned_and_fitted():
    model = LSTMLanguageModel(**SMALL)
    encoder = SequenceEncoder(model).fit(TEXTS, LABELS)
    assert not hasattr(model, "net_")
    due = SequenceEncoder(FrozenEstimator(clone(model).fit(TEXTS))).fit(TEXTS)
    assert np.array_equal(encoder.transform(TEXTS), due.transform(TEXTS))


def test_features_serve_pipelines_and_searches(models):
    encoder = SequenceEncoder(FrozenEstimator(models["char"]))
    pipe = make_pipeline(encoder, LogisticRegression(C=100, max_iter=1000))
    grid = {"sequenceencoder__readout": ["last", "mean"]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(TEXTS, LABELS)
    assert search.score(TEXTS, LABELS) > 0.9
    assert list(search.best_estimator_[:-1].get_feature_names_out()) == [
        f"sequenceencoder{i}" for i in range(7)
    ]
    fitted = clone(search.best_estimator_)[0].estimator.estimator
    assert fitted is models["char"]


def test_what_is_saved_answers_alike(model):
    encoder = SequenceEncoder(FrozenEstimator(model)).fit(given_to(model))
    again = pickle.loads(pickle.dumps(encoder))
    X = given_to(model, ["a cat", "zzz", ""])
    assert np.array_equal(again.transform(X), encoder.transform(X))


def test_what_the_encoder_refuses(models):
    frozen = FrozenEstimator(models["char"])
    with pytest.raises(InvalidParameterError, match="which learn nothing"):
        SequenceEncoder(frozen, readout="attention").fit(TEXTS)
    with pytest.raises(InvalidParameterError, match="attention"):
        SequenceEncoder(frozen).fit(TEXTS).set_params(readout="attention").transform(TEXTS)
    with pytest.raises(InvalidParameterError, match="sample_weight was given"):
        SequenceEncoder(LSTMLanguageModel()).fit(TEXTS, sample_weight=np.ones(40))
    with pytest.raises(NotFittedError):
        SequenceEncoder(FrozenEstimator(LSTMLanguageModel())).fit(TEXTS)


# Vectors of words.


def test_a_word_has_the_state_at_its_end(model):
    sentences = [["the", "cat"], [], ["a", "zzz", "dog"]]
    found = model._word_vectors(sentences)
    assert found.dtype == np.float32
    row = 0
    for words in sentences:
        for i in range(1, len(words) + 1) if words else [0]:
            prefix = words[:i] if model.input_kind_ == "tokens" else " ".join(words[:i])
            due = one_by_one(model, [prefix])[0][-1]
            np.testing.assert_allclose(found[row], due, atol=1e-5)
            row += 1
    assert row == len(found)


@given(st.lists(st.text("ab \n", max_size=3), max_size=5))
def test_characters_end_where_words_do(words):
    tokens, places = divided([words], learn_unit("char", ["ab"]))
    ends = places.values[:, 0].tolist()
    text = " ".join(words)
    assert "".join(tokens[0]) == text
    assert [text[:end] for end in ends] == [
        " ".join(words[:i]) for i in (range(1, len(words) + 1) if words else [0])
    ]


@pytest.mark.parametrize("unit", ["word", "bpe"])
@given(sentences=st.lists(st.lists(st.sampled_from(["ab", "cd-e", " ", "", "f!"]), max_size=4)))
def test_no_token_of_a_later_word_is_read(unit, sentences):
    tokens, places = divided(sentences, learn_unit(unit, ["ab cd-e f! ab"], size=12))
    assert places.lengths.tolist() == [max(len(words), 1) for words in sentences]
    for words, cut, ends in zip(sentences, tokens, places, strict=True):
        ends = ends[:, 0].tolist()
        assert ends == sorted(ends)
        for i, end in enumerate(ends[: len(words)], 1):
            read, due = "".join(cut[:end]), "".join(words[:i])
            assert read.replace(" ", "") == due.replace(" ", "")


ESTIMATORS = {
    "tagger": (BiLSTMTagger(**FIT), TAGS),
    "classifier": (LSTMClassifier(**FIT), LABELS),
    "regressor": (LSTMRegressor(**FIT), LABELS.astype(float)),
}


def answer(model, X):
    if isinstance(model, BiLSTMTagger):
        return np.concatenate(model.predict_marginals(X))
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def fitted(name, reader, X=TOKENS, y=None, weights=None, **params):
    estimator, labels = ESTIMATORS[name]
    words = Words(vectors=FrozenEstimator(reader), size=4, characters=None)
    estimator = clone(estimator).set_params(words=words, **params)
    return estimator.fit(X, labels if y is None else y, sample_weight=weights)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_words_in_context_are_read(name, reader):
    before = pickle.dumps(reader)
    model = fitted(name, reader)
    assert pickle.dumps(reader) == before
    assert model.net_.module_.encoder.input_size == 4 + 7
    X = [*TOKENS[:3], ["never", "seen"], ["", "a"], []]
    due = answer(model, X)
    again = np.concatenate([answer(model, [x]) for x in X])
    np.testing.assert_allclose(again, due, atol=1e-5)
    saved = pickle.loads(pickle.dumps(model))
    assert np.array_equal(answer(saved, X), due)
    copied = clone(model)
    assert copied.words.vectors.estimator is reader
    assert np.array_equal(answer(copied.fit(TOKENS, ESTIMATORS[name][1]), X), due)


def test_the_network_reads_what_stands_before_a_word(reader):
    """One word after different ones: only a state that knows of them tells them apart."""
    y = [["A" if words[1] == "cat" else "B"] * len(words) for words in TOKENS]
    model = fitted("tagger", reader, y=y, max_epochs=1)
    batch = model._encoded([["the", "cat", "is"], ["the", "dog", "is"]])
    words = batch.dictionary.batch(batch.values[:, 0].reshape(2, 3), "cpu")
    assert words.contexts.shape == (2, 3, 7)
    assert np.array_equal(words.contexts[0, 0], words.contexts[1, 0])
    assert not np.allclose(words.contexts[0, 2], words.contexts[1, 2])


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "max_epochs": 4}])
def test_weights_are_repetitions_and_order_is_no_matter(name, options, reader):
    y = ESTIMATORS[name][1]
    numbers = np.random.default_rng(0).integers(0, 3, 40)
    weighted = fitted(name, reader, weights=numbers, **options)
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(40), numbers))
    X, due = [TOKENS[i] for i in rows], [y[i] for i in rows]
    repeated = fitted(name, reader, X, due, **options)
    assert np.array_equal(answer(weighted, TOKENS), answer(repeated, TOKENS))


def test_training_goes_on(reader):
    model = fitted("classifier", reader)
    again = fitted("classifier", reader).partial_fit(TOKENS[:9], LABELS[:9])
    assert again.n_iter_ == 3
    assert not np.array_equal(answer(again, TOKENS), answer(model, TOKENS))
    with pytest.raises(InvalidParameterError, match="vectors"):
        again.set_params(words__vectors=None).partial_fit(TOKENS[:9], LABELS[:9])


def test_a_later_fit_of_the_language_model_changes_nothing():
    reader = LSTMLanguageModel(**SMALL).fit(TEXTS)
    model = fitted("classifier", reader)
    due = answer(model, TOKENS)
    reader.partial_fit(make_texts(20, seed=1))
    assert np.array_equal(answer(model, TOKENS), due)
    model.set_params(words=None)
    assert np.array_equal(answer(model, TOKENS), due)


def test_an_encoder_around_a_classifier_reads_them_too(reader):
    model = fitted("classifier", reader)
    encoder = SequenceEncoder(FrozenEstimator(model)).fit(TOKENS)
    linear = model.net_.module_.head.linear
    logits = encoder.transform(TOKENS) @ linear.weight.detach().numpy().T
    assert logits.shape[0] == 40


def test_vectors_are_an_axis_of_a_search(reader):
    grid = {"words__vectors": [None, FrozenEstimator(reader)]}
    search = GridSearchCV(LSTMClassifier(**FIT), grid, cv=2, error_score="raise")
    assert search.fit(TOKENS, LABELS).score(TOKENS, LABELS) > 0.5


def test_what_words_refuse(reader):
    with pytest.raises(InvalidParameterError, match="FrozenEstimator"):
        LSTMClassifier(words=Words(vectors=reader)).fit(TOKENS, LABELS)
    with pytest.raises(InvalidParameterError, match="FrozenEstimator"):
        LSTMClassifier(words=Words(vectors=FrozenEstimator(LogisticRegression()))).fit(
            TOKENS, LABELS
        )
    with pytest.raises(NotFittedError):
        LSTMClassifier(words=Words(vectors=FrozenEstimator(LSTMLanguageModel()))).fit(
            TOKENS, LABELS
        )
    features = [[{"word": word} for word in words] for words in TOKENS]
    with pytest.raises(InvalidParameterError, match="feature dictionaries"):
        LSTMClassifier(words=Words(vectors=FrozenEstimator(reader))).fit(features, LABELS)


def test_skops_saves_both(models, tmp_path):
    sio = pytest.importorskip("skops.io")
    for model in (
        SequenceEncoder(FrozenEstimator(models["bpe"])).fit(TEXTS),
        fitted("classifier", models["char"]),
    ):
        path = tmp_path / "model.skops"
        sio.dump(model, path)
        again = sio.load(path, trusted=seqlearn.trusted_types())
        if isinstance(model, SequenceEncoder):
            assert np.array_equal(again.transform(TEXTS), model.transform(TEXTS))
        else:
            assert np.array_equal(answer(again, TOKENS), answer(model, TOKENS))


def test_an_encoder_shows_the_vocabulary_of_its_model(models):
    encoder = SequenceEncoder(FrozenEstimator(models["word"]), readout="mean").fit(TEXTS)
    assert encoder.vocabulary_.tolist() == models["word"].vocabulary_.tolist()
