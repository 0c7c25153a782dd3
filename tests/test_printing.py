"""Estimators with large parameters print by size, alone and inside of others, and so do errors."""

from collections import OrderedDict, UserDict, deque
from types import MappingProxyType

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr

from seqlearn import BiLSTMTagger, LSTMClassifier, Words
from seqlearn.errors import InvalidParameterError
from seqlearn.printing import short_repr, shortened


class Vector:
    """Counts how often it is printed."""

    printed = 0

    def __repr__(self):
        Vector.printed += 1
        return "vector"


@pytest.fixture
def vectors():
    Vector.printed = 0
    return {f"w{i}": Vector() for i in range(5_000)}


CONTAINERS = [
    lambda model: model,
    lambda model: make_pipeline(model),
    lambda model: GridSearchCV(make_pipeline(model), {"hidden_size": [1, 2]}),
    lambda model: VotingClassifier([("a", model), ("b", make_pipeline(clone(model)))]),
]


@pytest.mark.parametrize("Estimator", [LSTMClassifier, BiLSTMTagger])
@pytest.mark.parametrize("container", CONTAINERS)
def test_an_estimator_prints_large_parameters_by_their_size(Estimator, container, vectors):
    whole = container(Estimator(words=Words(vectors=vectors), hidden_size=7))
    for text in (repr(whole), str(whole)):
        plain = " ".join(text.split())
        assert "words=Words(vectors=<dict of 5,000, 'w0', 'w1', 'w2', ...>)" in plain, text
        assert "hidden_size=7" in plain
    assert Vector.printed == 0
    page = estimator_html_repr(whole)
    assert "w0" in page and len(page) < 200_000
    assert Vector.printed < 100  # scikit-learn's tables of parameters show the first few


@pytest.mark.parametrize("kind", [OrderedDict, UserDict, MappingProxyType])
def test_other_mappings_print_by_their_size_too(kind, vectors):
    pipe = make_pipeline(LSTMClassifier(words=Words(vectors=kind(vectors))))
    assert f"vectors=<{kind.__name__} of 5,000, 'w0'" in " ".join(repr(pipe).split())
    assert Vector.printed == 0
    page = estimator_html_repr(pipe)
    assert f"{kind.__name__} of 5,000" in page and len(page) < 200_000


def test_parameters_themselves_are_not_shortened(vectors):
    model = LSTMClassifier(words=Words(vectors=vectors))
    repr(model)
    assert model.get_params()["words__vectors"] is vectors
    assert make_pipeline(model).get_params()["lstmclassifier__words__vectors"] is vectors


def test_settings_of_words_print_those_that_are_not_the_defaults():
    assert repr(Words()) == "Words()" and repr(LSTMClassifier(words=None)) == "LSTMClassifier()"
    words = Words(lowercase=np.True_, size=np.int64(3), characters=None, vectors="glove.txt")
    assert repr(clone(words)) == repr(words)
    assert "vectors='glove.txt'" in repr(words) and "characters=None" in repr(words)
    assert eval(repr(Words(size=3, characters=None)), {"Words": Words}).characters is None


@pytest.mark.parametrize("name", ["hidden_size", "readout", "class_weight", "dropout", "backend"])
def test_errors_show_large_values_by_their_size(name, vectors):
    X, y = np.zeros((4, 3)), [0, 1, 0, 1]
    for value in (vectors, list(vectors.values()), ("x" * 100_000,)):
        Vector.printed = 0
        with pytest.raises((InvalidParameterError, TypeError, ValueError)) as raised:
            LSTMClassifier(**{name: value}).fit(X, y)
        assert len(str(raised.value)) < 1_000
        assert Vector.printed < 100


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({f"{i}": i for i in range(31)}, "<dict of 31, '0', '1', '2', ...>"),
        (OrderedDict.fromkeys(range(5_000)), "<OrderedDict of 5,000, 0, 1, 2, ...>"),
        ([[0] * 31, (1,) * 31], "[<list of 31, 0, 0, 0, ...>, <tuple of 31, 1, 1, 1, ...>]"),
        (({"a": frozenset(range(40))},), "({'a': <frozenset of 40, 0, 1, 2, ...>},)"),
        (deque([0] * 99), "<deque of 99, 0, 0, 0, ...>"),
        ("abc" * 200, "<str of 600, 'abcabcabcabcabcabcab, ...>"),
        (b"a" * 501, "<bytes of 501, b'aaaaaaaaaaaaaaaaaaaa, ...>"),
    ],
)
def test_what_is_large_is_shortened(value, text):
    assert short_repr(value) == text


@pytest.mark.parametrize(
    "value",
    [None, 3, "text", range(10_000), {"a": [1, {2}]}, (), [()] * 30, np.zeros(3), deque([1])],
    ids=repr,
)
def test_what_is_small_stays_the_same_object(value):
    assert shortened(value) is value
