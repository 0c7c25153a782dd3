"""Training that goes on, and parameters that do not go together: what reviews have found."""

import numpy as np
import pytest

from seqlearn import BiLSTMTagger, LSTMClassifier, SequenceEncoder, Words
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.training.net import SequenceNet

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
X = [np.full((n, 2), n / 5) for n in (1, 2, 3, 4, 5, 3)]
Y = [0, 1, 0, 1, 0, 1]
SENTENCES, LABELS = [["a", "b"], ["c"], ["b", "c"]], [["O", "B-X"], ["O"], ["B-X", "I-X"]]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_training_goes_on_where_the_optimiser_is_laid_out_otherwise(optimizer, monkeypatch):
    """As after a move between CUDA, where it has a state for each parameter, and the CPU."""
    initialize = SequenceNet.initialize_optimizer

    def elsewhere(net):
        net._is_elementwise = False
        return initialize(net)

    def train(first, second):
        # No clipping: the norm of one vector is added up in another order.
        model = LSTMClassifier(**SMALL, optimizer=optimizer, dropout=0.0, gradient_clip=None)
        for place in (first, second, first):
            monkeypatch.setattr(SequenceNet, "initialize_optimizer", place)
            model.partial_fit(X, Y, classes=[0, 1])
        return model.predict_proba(X)

    here = train(initialize, initialize)
    np.testing.assert_allclose(train(initialize, elsewhere), here, atol=1e-5)
    np.testing.assert_allclose(train(elsewhere, initialize), here, atol=1e-5)


def test_an_encoder_reads_X_as_its_estimator_does():
    inner = LSTMClassifier(**SMALL, dtype="float64")
    assert SequenceEncoder(inner).fit(X, Y).transform(X).shape == (6, 8)
    model = LSTMClassifier(**SMALL).fit(X, Y)
    before = model.predict_proba(X)
    assert np.array_equal(model.set_params(dtype="float64").predict_proba(X), before)


@pytest.mark.parametrize("estimator", [SequenceEncoder(), BiLSTMTagger()])
def test_an_encoder_refuses_what_has_no_state_a_sequence(estimator):
    with pytest.raises(InvalidParameterError, match="must be an LSTMClassifier"):
        SequenceEncoder(estimator).fit(SENTENCES, LABELS)


def test_an_encoder_starts_afresh_without_its_estimator():
    encoder = SequenceEncoder(LSTMClassifier(**SMALL), **SMALL, warm_start=True).fit(X, Y)
    encoder.set_params(estimator=None).partial_fit(X)
    assert not hasattr(encoder, "estimator_") and encoder.n_iter_ == 1
    assert encoder.fit(X).n_iter_ == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"lowercase": True}, ["Zurich", "zurich", "ZURICH"]), ({"fold_digits": True}, ["77", "79"])],
)
def test_words_known_by_their_vectors_only_are_looked_up_in_the_same_form(settings, words):
    vectors = {"a": np.zeros(3), words[0]: np.ones(3)}
    model = LSTMClassifier(**SMALL, words=Words(vectors=vectors, **settings))
    model.fit([["a"], ["b"]] * 3, [0, 1] * 3)
    answers = model.predict_proba([[word] for word in [*words, "never"]])
    assert all(np.array_equal(answers[0], answer) for answer in answers[1:-1])
    assert not np.array_equal(answers[0], answers[-1])


def test_weights_that_leave_nothing_are_refused():
    with pytest.raises(InvalidParameterError, match="positive for at least one class"):
        LSTMClassifier(**SMALL, class_weight={0: 0.0}).fit(X[:3], [0, 1, 0], [1, 0, 1])
    with pytest.raises(InvalidParameterError, match="positive for at least one class"):
        BiLSTMTagger(**SMALL, class_weight={"O": 0.0}).fit(
            [["a"], ["b"]], [["O"], ["B"]], sample_weight=[1, 0]
        )


@pytest.mark.parametrize(
    "name",
    ["optimizer__weight_decay", "valid", "network", "criterion__weight", "module__encoder", "lr"],
)
def test_net_params_that_collide_are_refused(name):
    with pytest.raises(InvalidParameterError, match=f"net_params holds {name}"):
        BiLSTMTagger(**SMALL, net_params={name: 1}).fit(SENTENCES, LABELS)


@pytest.mark.parametrize("change", [{"decoder": "softmax"}, {"scheme": "BIO"}])
def test_a_warm_start_names_the_parameter_that_changed(change):
    tagger = BiLSTMTagger(**SMALL, warm_start=True).fit(SENTENCES, LABELS)
    with pytest.raises(InvalidParameterError, match=f"in which {next(iter(change))} was"):
        tagger.set_params(**change).fit(SENTENCES, LABELS)


def test_sequences_keep_their_numbers_when_empty_ones_are_left_out():
    tagger = BiLSTMTagger(**SMALL, scheme="BIO", drop_empty=True)
    with pytest.raises(DataFormatError, match="step 0 of sequence 2 breaks"):
        tagger.fit([[], ["a", "b"], ["c"]], [[], ["O", "O"], ["I-X"]])
    with pytest.raises(DataFormatError, match=r"sample_weight, in rows \[2\]"):
        tagger.fit([[], ["a"], ["c"]], [[], ["O"], ["O"]], sample_weight=[1, 1, -1])


def test_the_kind_of_targets_does_not_change_on_the_way():
    several = np.array([[0, 1], [1, 0]] * 3)
    model = LSTMClassifier(**SMALL, warm_start=True).fit(X, several)
    with pytest.raises(DataFormatError, match="several labels a sequence"):
        model.fit(X, Y)
    with pytest.raises(DataFormatError, match="leave classes out"):
        LSTMClassifier(**SMALL).partial_fit(X, several, classes=range(9))


def test_string_arrays_of_variable_width():
    kind = np.dtypes.StringDType()
    words = [np.array(row, dtype=kind) for row in SENTENCES]
    labels = [np.array(row, dtype=kind) for row in LABELS]
    answers = BiLSTMTagger(**SMALL).fit(words, labels).predict(words)
    expected = BiLSTMTagger(**SMALL).fit(SENTENCES, LABELS).predict(SENTENCES)
    assert [row.tolist() for row in answers] == [row.tolist() for row in expected]


@pytest.mark.parametrize("now", ["float32", "float64"])
def test_going_on_in_another_dtype_is_refused(now):
    X, y = np.random.default_rng(0).normal(size=(24, 5, 2)), np.arange(24) % 3
    was = {"float32": "float64", "float64": "float32"}[now]
    model = LSTMClassifier(**SMALL, dtype=was, warm_start=True).fit(X, y)
    answer = model.predict_proba(X)
    for go_on in (model.fit, model.partial_fit):
        model.set_params(dtype=now)
        with pytest.raises(InvalidParameterError, match=f"dtype was '{was}'"):
            go_on(X, y)
    assert np.array_equal(model.predict_proba(X), answer)
