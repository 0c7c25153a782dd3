"""What is known besides the sound: words of a lexicon, a language model, a bonus for length."""

import itertools

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from seqlearn import LSTMLanguageModel, LSTMTranscriber
from seqlearn.errors import InvalidParameterError

TINY = {"hidden_size": 6, "max_epochs": 2, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(8, 14, size=30)]
Y = [" ".join(RNG.choice(["ab", "b", "ba"], size=2)) for _ in X]
SHORT = [RNG.normal(size=(n, 2)) for n in (3, 4, 5)]


@pytest.fixture(scope="module")
def model():
    return LSTMTranscriber(**TINY).fit(X, Y)


@pytest.fixture
def knowing(model):
    """The model with other parameters of decoding, which are put back."""
    before = model.get_params(deep=False)
    yield lambda **params: model.set_params(**{**before, **params})
    model.set_params(**before)


class Bigrams:
    """Says what follows the last letter by a table."""

    def __init__(self, ends=False):
        self.vocabulary_ = np.array(["<unk>", "b", "a", *["<end>"] * ends], object)
        self.table = np.random.default_rng(1).dirichlet(np.ones(3 + ends), size=4)

    def predict_proba(self, beginnings):
        return self.table[[" ba".find(text[-1:]) + 1 if text else 0 for text in beginnings]]


def all_strings(values, symbols):
    """The log-probability of each text, summed over all paths."""
    found = {}
    for path in itertools.product(range(values.shape[1]), repeat=len(values)):
        text = "".join(symbols[code - 1] for code, _ in itertools.groupby(path) if code)
        of_path = values[np.arange(len(values)), path].sum()
        found[text] = np.logaddexp(found.get(text, -np.inf), of_path)
    return found


@pytest.mark.parametrize("ends", [False, True])
def test_a_language_model_and_a_bonus_are_added_to_every_string(knowing, ends):
    language = Bigrams(ends)
    model = knowing(beam_width=400, language_model=language, language_weight=0.7, symbol_bonus=0.4)
    places = {"b": 1, "a": 2, " ": 0}
    posteriors = model.predict_log_proba(SHORT)
    answers, scores = model.predict_n_best(SHORT, 3, return_scores=True)
    for values, own, of_own in zip(posteriors, answers, scores, strict=True):
        due = {}
        for text, value in all_strings(values, model.symbols_).items():
            chances = [
                language.predict_proba([text[:i]])[0, places[letter]]
                for i, letter in enumerate(text)
            ]
            chances += [language.predict_proba([text])[0, -1]] * ends
            due[text] = value + 0.7 * np.log(chances).sum() + 0.4 * len(text)
        best = sorted(due, key=due.get, reverse=True)[:3]
        assert own == best
        np.testing.assert_allclose(of_own, [due[text] for text in best], atol=1e-5)


def test_a_bonus_alone_is_added_to_every_symbol(knowing):
    posteriors = knowing().predict_log_proba(SHORT)
    model = knowing(beam_width=400, symbol_bonus=0.9)
    answers, scores = model.predict_n_best(SHORT, 3, return_scores=True)
    for values, own, of_own in zip(posteriors, answers, scores, strict=True):
        found = all_strings(values, model.symbols_)
        due = {text: value + 0.9 * len(text) for text, value in found.items()}
        assert own == sorted(due, key=due.get, reverse=True)[:3]
        np.testing.assert_allclose(of_own, [due[text] for text in own], atol=1e-5)
    assert all(len(one) == 1 for one in knowing(symbol_bonus=0.9).predict_n_best(X[:3], 1))


def test_a_lexicon_leaves_its_words_alone(knowing):
    words = ["ab", "ba"]
    posteriors = knowing().predict_log_proba(SHORT)
    model = knowing(beam_width=400, lexicon=words)
    answers, scores = model.predict_n_best(SHORT, 2, return_scores=True)
    for values, own, of_own in zip(posteriors, answers, scores, strict=True):
        found = all_strings(values, model.symbols_)
        due = {
            text: value
            for text, value in found.items()
            if text == "" or set(text.split(" ")) <= set(words)
        }
        assert own == sorted(due, key=due.get, reverse=True)[:2]
        np.testing.assert_allclose(of_own, [due[text] for text in own], atol=1e-5)
    narrow = knowing(beam_width=1, lexicon=words, symbol_bonus=5.0).predict(X)
    assert any(narrow)
    assert all(text == "" or set(text.split(" ")) <= set(words) for text in narrow)


def test_a_network_that_goes_on_says_what_one_says_that_reads_again(knowing):
    language = LSTMLanguageModel(hidden_size=8, max_epochs=1, random_state=0).fit(Y)

    class Reads:
        vocabulary_ = language.vocabulary_
        predict_proba = language.predict_proba

    found = [
        knowing(language_model=one, language_weight=1.0).predict_n_best(X[:6], 2, True)
        for one in (language, Reads())
    ]
    assert found[0][0] == found[1][0]
    np.testing.assert_allclose(np.array(found[0][1]), np.array(found[1][1]), atol=1e-4)


def test_words_and_lists_have_models_of_lists():
    language = LSTMLanguageModel(hidden_size=8, max_epochs=1, random_state=0)
    language.fit([text.split() for text in Y])
    of_words = LSTMTranscriber("word", **TINY, language_model=language).fit(X, Y)
    of_lists = LSTMTranscriber(**TINY, language_model=language).fit(X, [y.split() for y in Y])
    assert [" ".join(row) for row in of_lists.predict(X)] == of_words.predict(X)
    with pytest.raises(InvalidParameterError, match="a symbol is a word already"):
        of_words.set_params(lexicon=["ab"]).predict(X[:1])


def test_searches_keep_a_model_that_is_frozen():
    language = FrozenEstimator(LSTMLanguageModel(hidden_size=8, max_epochs=1).fit(Y))
    model = LSTMTranscriber(**TINY, language_model=language)
    assert clone(model).fit(X, Y).predict(X[:2])
    grid = GridSearchCV(model, {"language_weight": [0.0, 0.5]}, cv=2, error_score="raise")
    grid.fit(X, Y).predict(X)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lexicon": ["ab", "xa"]}, "words with 'x', which fit has never seen"),
        ({"lexicon": "ab"}, "a list of words"),
        ({"lexicon": ["a b"]}, "a list of words"),
        ({"lexicon": []}, "a list of words"),
        ({"lexicon": ["ab"], "decoder": "greedy"}, "are for decoder='beam'"),
        ({"symbol_bonus": 1.0, "decoder": "greedy"}, "are for decoder='beam'"),
        ({"language_model": 3}, "an LSTMLanguageModel, an object with predict_proba"),
        ({"language_model": LSTMLanguageModel()}, "not fitted"),
        ({"language_weight": -1.0}, "language_weight"),
    ],
)
def test_what_cannot_be_known_is_refused(knowing, params, message):
    with pytest.raises(InvalidParameterError, match=message):
        knowing(**params).predict(X[:2])


def test_a_language_model_of_other_symbols_is_refused(knowing):
    language = LSTMLanguageModel("word", hidden_size=8, max_epochs=1).fit(["one two"] * 5)
    with pytest.raises(InvalidParameterError, match="does not know the symbols ' ', 'a' and 'b'"):
        knowing(language_model=language).predict(X[:2])
