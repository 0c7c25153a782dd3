"""Texts without a token: answered in prediction as texts that nothing is known of, named in fit."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMRegressor, SequenceEncoder, Words
from seqlearn.errors import DataFormatError
from seqlearn.preprocessing import Tokenizer

TEXTS = ["good film", "bad film", "a very good one", "really bad"] * 3
Y = np.array(["pos", "neg"] * 6)
SMALL = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
FORMS = {
    "words": Words(size=4),
    "spelled": Words(size=4, characters=3),
    "vectors": Words(vectors={"good": [1.0, 2.0], "odd": [3.0, 4.0]}),
}


def pipeline(words=FORMS["words"]):
    return make_pipeline(Tokenizer(), LSTMClassifier(**SMALL, words=words)).fit(TEXTS, Y)


@pytest.fixture(scope="module", params=FORMS.values(), ids=FORMS)
def model(request):
    return pipeline(request.param)


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u3000"])
def test_a_blank_text_changes_no_other_and_has_one_answer(blank, model):
    alone = model.predict_proba([blank])
    assert alone.shape == (1, 2) and np.isfinite(alone).all() and alone.sum() == pytest.approx(1)
    among = model.predict_proba([blank, TEXTS[0], blank, blank, TEXTS[1], blank])
    np.testing.assert_allclose(among[[0, 2, 3, 5]], np.repeat(alone, 4, axis=0), atol=1e-6)
    np.testing.assert_allclose(among[[1, 4]], model.predict_proba(TEXTS[:2]), atol=1e-6)
    assert list(model.predict([blank])) == [model.classes_[alone.argmax()]]
    assert np.isfinite(model.decision_function([blank])).all()
    for container in (tuple, np.array, pd.Series):
        assert np.array_equal(model.predict_proba(container([blank, blank]))[:1], alone)


def test_no_token_is_one_unknown_token():
    model = pipeline()
    np.testing.assert_allclose(
        model.predict_proba([""]), model.predict_proba(["unseen"]), atol=1e-6
    )


@pytest.mark.parametrize("characters", [None, 3])
def test_no_token_is_unknown_also_where_the_empty_word_and_every_letter_are_known(characters):
    words = [["", "a"], ["\0", "a"], ["", "b"]] * 4
    model = LSTMClassifier(**SMALL, words=Words(size=4, characters=characters)).fit(words, Y)
    (nothing,), (empty,) = model.decision_function([[]]), model.decision_function([[""]])
    (word,) = model.decision_function([["\ud7ff"]])  # a letter and a shape that are not known
    assert nothing == pytest.approx(word, abs=1e-6)
    assert abs(nothing - empty) > 1e-3


def test_no_features_are_no_known_features():
    bags = [[{"w": word} for word in text.split()] for text in TEXTS]
    model = LSTMRegressor(**SMALL, words=Words(size=4)).fit(bags, np.arange(12.0))
    answers = model.predict([[], [{}], [{"w": "unseen"}], bags[0]])
    np.testing.assert_allclose(answers[:3], answers[0], atol=1e-6)
    assert answers[3] == pytest.approx(model.predict(bags[:1])[0], abs=1e-6)
    assert model.predict([[]]).shape == (1,)


def test_pieces_of_nothing_but_blanks(monkeypatch, model):
    texts = [*TEXTS[:3], *[" "] * 8, TEXTS[3]]
    whole = model.predict_proba(texts)
    monkeypatch.setattr("seqlearn.estimators.base.PREDICT_CHUNK", 3)
    np.testing.assert_allclose(model.predict_proba(texts), whole, atol=1e-6)


def test_encoders_and_scores(model):
    encoder = SequenceEncoder(model[-1]).fit(Tokenizer().transform(TEXTS), Y)
    assert np.isfinite(encoder.transform([[], ["good"]])).all()
    assert 0 <= model.score(["", *TEXTS], ["pos", *Y]) <= 1


def test_fit_names_blank_texts_in_words_that_suit_them():
    pipe = make_pipeline(Tokenizer(), LSTMClassifier(**SMALL))
    with pytest.raises(DataFormatError) as caught:
        pipe.fit([TEXTS[0], " ", *TEXTS[1:]], ["pos", "neg", *Y[1:]])
    said = str(caught.value)
    assert said.startswith("Sequence 1 of X is empty, with no token to learn from: a blank text")
    assert "Leave it out of fit, and its targets too; in prediction, empty sequences may" in said
    assert "feature" not in said and "at least one step" not in said
    with pytest.raises(DataFormatError, match=r"Sequences 0 and 2 of X are empty.*blank texts"):
        pipe.fit(["", TEXTS[0], " ", TEXTS[1]], ["pos", "neg"] * 2)


@pytest.mark.parametrize("X", [[["good"], []], [[], []]])
def test_going_on_with_blank_texts_is_refused_too(X, model):
    before = model.predict_proba(TEXTS[:2])
    with pytest.raises(DataFormatError, match="empty, with no token to learn from"):
        model[-1].partial_fit(X, ["pos", "neg"])
    assert np.array_equal(model.predict_proba(TEXTS[:2]), before)


def test_a_tagger_gives_them_no_labels():
    words = [text.split() for text in TEXTS]
    tagger = BiLSTMTagger(**SMALL).fit(words, [["x"] * len(row) for row in words])
    assert [len(row) for row in tagger.predict([[], ["good"], []])] == [0, 1, 0]


def test_empty_sequences_of_numbers_have_no_answer():
    model = LSTMRegressor(**SMALL).fit([np.ones((2, 1)), np.zeros((3, 1))], [1.0, 2.0])
    with pytest.raises(DataFormatError, match="Sequence 1 of X is empty"):
        model.predict([np.ones((2, 1)), np.ones((0, 1))])
