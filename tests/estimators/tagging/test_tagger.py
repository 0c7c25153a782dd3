"""The tagger: what it takes and gives, its decoders, schemes, weights, training, and refusals."""

import itertools
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_validate,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from seqlearn import BiLSTMTagger, Words, to_sequences
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.metrics import (
    span_f1_score,
    span_precision_score,
    span_recall_score,
    token_accuracy_score,
)
from seqlearn.modules.label_schemes import allowed_transitions
from seqlearn.preprocessing import SequenceScaler, Tokenizer
from seqlearn.testing.material import names_for_vectors
from seqlearn.training.prediction import predict

SMALL = {
    "hidden_size": 8,
    "max_epochs": 3,
    "batch_size": 8,
    "lr": 0.02,
    "random_state": 0,
}
WORDS = ["one", "two", "three", "Four", "5", "six,"]
DECODERS = ["crf", "softmax"]


def corpus(n=24, seed=0, labels=("x", "y", "z"), words=WORDS):
    """Random words, and labels that say nothing of them."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 8, n)
    X = [[words[i] for i in rng.integers(0, len(words), n)] for n in lengths]
    return X, [[labels[i] for i in rng.integers(0, len(labels), n)] for n in lengths]


def span_corpus(scheme, n=30, seed=0, kinds=("per", "loc")):
    """Random words with random spans, in the scheme."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(n):
        row = []
        for _ in range(rng.integers(1, 5)):
            size, kind = rng.integers(0, 4), kinds[rng.integers(0, len(kinds))]
            if size == 0:
                row.append("O")
            elif scheme == "BIO":
                row += [f"B-{kind}"] + [f"I-{kind}"] * (size - 1)
            else:
                inner = [f"I-{kind}"] * (size - 2)
                row += [f"S-{kind}"] if size == 1 else [f"B-{kind}", *inner, f"E-{kind}"]
        X.append([WORDS[i] for i in rng.integers(0, len(WORDS), len(row))])
        y.append(row)
    return X, y


def is_legal(labels, scheme):
    """Whether the labels are whole spans: read them one by one and remember the open span."""
    open_kind = None
    for label in labels:
        prefix, _, kind = label.partition("-")
        if prefix in ("I", "E"):
            if open_kind != kind:
                return False
        elif scheme == "BIOES" and open_kind is not None:
            return False
        open_kind = kind if prefix in ("B", "I") else None
    return scheme == "BIO" or open_kind is None


def bags(X):
    """Feature dictionaries as sklearn-crfsuite takes them."""
    return [
        [
            {
                "bias": 1.0,
                "word": word,
                "is_digit": word.isdigit(),
                "BOS": t == 0,
                "letters": list(word),
                "before": {"word": row[t - 1]} if t else {},
            }
            for t, word in enumerate(row)
        ]
        for row in X
    ]


def numbers(X):
    """Two numbers a word, as ragged arrays."""
    return [np.array([[len(word), ord(word[0])] for word in row]) / 10.0 for row in X]


def objects(rows):
    packed = np.empty(len(rows), dtype=object)
    packed[:] = rows
    return packed


def has_words(X):
    rows = list(X) if isinstance(X, list | tuple | np.ndarray | pd.Series) else []
    rows = [list(row) for row in rows if isinstance(row, list | tuple | np.ndarray)]
    return any(isinstance(step, str | dict) for row in rows for step in row)


def fit(X, y, sample_weight=None, **params):
    small = {**SMALL, "words": Words(size=8, characters=4)} if has_words(X) else SMALL
    return BiLSTMTagger(**{**small, **params}).fit(X, y, sample_weight=sample_weight)


def joined(rows):
    return np.concatenate(list(rows))


def same(a, b, X):
    """Whether two taggers are equal to the bit, as far as their answers show it."""
    pairs = zip(a.predict_marginals(X), b.predict_marginals(X), strict=True)
    return all(np.array_equal(p, q) for p, q in pairs)


def in_bits(model):
    return pickle.dumps({k: v for k, v in vars(model).items() if k != "callbacks"})


class Interrupt(Callback):
    """Raise ``error`` in the middle of an epoch, as a person or a bug would."""

    def __init__(self, epoch, error=KeyboardInterrupt):
        self.epoch = epoch
        self.error = error

    def on_batch_begin(self, net, training=None, **kwargs):
        if training and len(net.history) == self.epoch:
            raise self.error


# What it takes


def rows_of_arrays(rows):
    return [np.array(row) for row in rows]


CONTAINERS = {
    "list": (list, list),
    "tuple": (tuple, tuple),
    "object array": (objects, objects),
    "Series": (pd.Series, pd.Series),
    "list of tuples": (lambda X: [tuple(row) for row in X], lambda y: [tuple(row) for row in y]),
    "list of arrays": (rows_of_arrays, rows_of_arrays),
    "object array of arrays": (list, lambda y: objects(rows_of_arrays(y))),
    "Series of object arrays": (list, lambda y: pd.Series([np.array(r, object) for r in y])),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_is_the_same_training_set(name):
    X, y = corpus()
    of_X, of_y = CONTAINERS[name]
    expected = fit(X, y)
    model = fit(of_X(X), of_y(y))
    assert same(model, expected, X)
    assert list(map(list, model.predict(of_X(X)))) == list(map(list, expected.predict(X)))
    assert model.score(of_X(X), of_y(y)) == expected.score(X, y)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("form", [list, bags, numbers], ids=["tokens", "features", "numbers"])
def test_ragged_input_gives_an_object_array_of_one_array_a_sequence(form, decoder):
    X, y = corpus()
    X = form(X)
    model = fit(X, y, decoder=decoder)
    assert list(model.classes_) == ["x", "y", "z"]
    predicted, marginals = model.predict(X), model.predict_marginals(X)
    assert predicted.shape == marginals.shape == (24,)
    assert predicted.dtype == marginals.dtype == object
    for row, labels, p in zip(X, predicted, marginals, strict=True):
        assert labels.shape == (len(row),) and set(labels) <= {"x", "y", "z"}
        assert p.shape == (len(row), 3) and p.dtype == np.float64
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-5)
    kind = {list: "tokens", bags: "features", numbers: "sequences"}[form]
    assert model.input_kind_ == kind
    assert hasattr(model, "vocabulary_") == (kind != "sequences")
    assert model.score(X, y) == pytest.approx((joined(predicted) == joined(y)).mean())


@pytest.mark.slow
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("n_dim", [2, 3])
def test_an_array_of_sequences_gives_an_array_of_labels(n_dim, decoder):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 6))
    y = (X > 0).astype(int)
    given = X if n_dim == 2 else np.stack([X, -X], axis=-1)
    model = fit(given, y, decoder=decoder, max_epochs=40)
    predicted = model.predict(given)
    assert predicted.shape == (20, 6) and predicted.dtype == y.dtype
    assert model.predict_marginals(given).shape == (20, 6, 2)
    np.testing.assert_allclose(model.predict_marginals(given).sum(axis=-1), 1.0, atol=1e-5)
    assert model.score(given, y) == (predicted == y).mean() > 0.9
    assert model.input_kind_ == ("series" if n_dim == 2 else "sequences")
    ragged = fit([row.reshape(6, -1) for row in given], list(y), decoder=decoder, max_epochs=40)
    assert np.array_equal(np.stack(ragged.predict([r.reshape(6, -1) for r in given])), predicted)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("decoder", "labels"),
    [("crf", ["no", "yes"]), ("crf", [3, 7]), ("softmax", [False, True])],
)
def test_rows_of_one_step(decoder, labels):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 4))
    y = np.array(labels)[(X[:, 0] > 0).astype(int)]
    model = fit(X, y, decoder=decoder, max_epochs=40)
    predicted = model.predict(X)
    assert predicted.shape == (30,) and predicted.dtype == y.dtype
    assert model.predict_marginals(X).shape == (30, 2)
    assert model.n_features_in_ == 4
    assert model.score(X, y) == (predicted == y).mean() > 0.9
    with pytest.raises(ValueError, match="5 features"):
        model.predict(np.zeros((2, 5)))


def test_rows_of_one_step_with_labels_of_dtype_object():
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = np.array(["no", "yes"], dtype=object)[(X[:, 0] > 0).astype(int)]
    for form in (y, pd.Series(y), y.tolist()):
        model = fit(X, form)
        assert model.predict(X).shape == (20,)
        assert model.score(X, form) == (model.predict(X) == y).mean()


@pytest.mark.parametrize("labels", [[3, 1, 2], ["x", "y", "z"], [np.int8(3), np.int8(1)], [-1, 1]])
def test_labels_keep_their_type(labels):
    X, y = corpus(labels=labels)
    model = fit(X, [np.array(row) for row in y])
    assert list(model.classes_) == sorted(labels)
    assert model.classes_.dtype == np.array(labels).dtype
    assert all(row.dtype == model.classes_.dtype for row in model.predict(X))
    assert model.predict(X)[0].tolist()[0] in labels


def test_other_containers_of_numbers():
    X, y = corpus()
    ragged = numbers(X)
    expected = fit(ragged, y)
    for given in (to_sequences(ragged), objects(ragged), [torch.tensor(x) for x in ragged]):
        assert same(fit(given, y), expected, given)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(10, 4)), columns=list("abcd"))
    labels = (frame.to_numpy() > 0).astype(int)
    model = fit(frame, labels)
    assert list(model.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[list("bacd")])


def test_labels_in_a_data_frame():
    X = np.random.default_rng(0).normal(size=(10, 4))
    y = (X > 0).astype(int)
    assert same(fit(X, pd.DataFrame(y)), fit(X, y), X)


def test_it_is_no_classifier_and_requires_y():
    model = BiLSTMTagger()
    assert model.__sklearn_tags__().estimator_type is None
    assert model.__sklearn_tags__().target_tags.required
    with pytest.raises(NotFittedError):
        model.predict([["a"]])
    with pytest.raises(NotFittedError):
        _ = model.transitions_


# Decoders


def test_the_marginals_of_the_softmax_agree_with_its_predictions():
    X, y = corpus()
    model = fit(X, y, decoder="softmax")
    for labels, p in zip(model.predict(X), model.predict_marginals(X), strict=True):
        assert np.array_equal(labels, model.classes_[p.argmax(axis=1)])


def paths_of(model, X, scheme):
    """For each sequence, all label paths and their log-probabilities, added up by hand."""
    crf = model.net_.module_.head.decoder
    starts, ends = (p.detach().double().numpy().copy() for p in (crf.starts, crf.ends))
    steps = model.transitions_.to_numpy()
    if scheme is not None:
        _, may_start, may_end = allowed_transitions(model.classes_.tolist(), scheme)
        starts[~may_start], ends[~may_end] = -np.inf, -np.inf
    flat = predict(model.net_, model._encoded(X), what="scores").astype(float)
    for scores in np.split(flat, np.cumsum([len(row) for row in X])[:-1]):
        n, n_labels = scores.shape
        paths = np.array(list(itertools.product(range(n_labels), repeat=n)))
        totals = starts[paths[:, 0]] + ends[paths[:, -1]] + scores[np.arange(n), paths].sum(axis=1)
        totals = totals + steps[paths[:, :-1], paths[:, 1:]].sum(axis=1)
        yield paths, totals - logsumexp(totals)


@pytest.mark.parametrize("scheme", [None, "BIO", "BIOES"])
def test_a_crf_agrees_with_all_label_paths(scheme):
    X, y = corpus() if scheme is None else span_corpus(scheme, kinds=["per"])
    model = fit(X, y, scheme=scheme, max_epochs=6)
    X = [row[:5] for row in X[:8]]
    predicted, marginals = model.predict(X), model.predict_marginals(X)
    for i, (paths, log_p) in enumerate(paths_of(model, X, scheme)):
        best = np.searchsorted(model.classes_, predicted[i])
        chosen = log_p[(paths == best).all(axis=1)]
        assert chosen == pytest.approx(log_p.max(), abs=1e-5)
        for t, label in np.ndindex(marginals[i].shape):
            expected = np.exp(log_p[paths[:, t] == label]).sum()
            assert marginals[i][t, label] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_training_loss_is_that_of_a_step(decoder):
    """One full-batch epoch at a tiny rate: the loss recorded is that of the start."""
    X, y = corpus(n=12)
    X, y = [row[:4] for row in X], [row[:4] for row in y]
    still = {
        "dropout": 0.0,
        "words": Words(dropout=0.0),
        "max_epochs": 1,
        "lr": 1e-12,
        "batch_size": 12,
    }
    model = fit(X, y, decoder=decoder, **still)
    total = 0.0
    if decoder == "crf":
        for row, (paths, log_p) in zip(y, paths_of(model, X, None), strict=True):
            codes = np.searchsorted(model.classes_, row)
            total -= float(log_p[(paths == codes).all(axis=1)].item())
    else:
        codes = np.searchsorted(model.classes_, joined(y))
        total = -np.log(joined(model.predict_marginals(X))[np.arange(len(codes)), codes]).sum()
    assert model.loss_curve_ == [pytest.approx(total / len(joined(y)), rel=1e-4)]


def test_transitions_are_readable():
    X, y = corpus()
    transitions = fit(X, y).transitions_
    assert list(transitions.index) == list(transitions.columns) == ["x", "y", "z"]
    assert np.isfinite(transitions.to_numpy()).all()
    with pytest.raises(AttributeError, match="softmax has no transitions"):
        _ = fit(X, y, decoder="softmax").transitions_


def test_a_parameter_set_after_fit_does_not_change_what_was_fitted():
    X, y = corpus()
    model = fit(X, y, decoder="softmax").set_params(decoder="crf")
    with pytest.raises(AttributeError, match="softmax has no transitions"):
        _ = model.transitions_


def test_strongly_linked_labels_get_higher_transitions():
    X, _ = corpus(n=40, words=["same"])
    y = [["x", "y", "z", "x", "y", "z", "x", "y"][: len(row)] for row in X]
    transitions = fit(X, y, max_epochs=40, lr=0.05, hidden_size=2).transitions_
    assert list(transitions.idxmax(axis=1)) == ["y", "z", "x"]


# Schemes


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_no_label_sequence_that_breaks_the_scheme_is_predicted(scheme, decoder):
    X, y = span_corpus(scheme)
    assert all(is_legal(row, scheme) for row in y)
    asked, _ = corpus(n=200, seed=1, words=[*WORDS, "unknown", ""])
    model = fit(X, y, scheme=scheme, decoder=decoder, max_epochs=1)
    found = set()
    for scale in (None, 1.0, 10.0, 100.0):
        if scale is not None:  # weights that no training would leave
            noise = np.random.default_rng(int(scale)).normal
            with torch.no_grad():
                for parameter in model.net_.module_.parameters():
                    parameter.copy_(torch.tensor(noise(scale=scale, size=parameter.shape)))
        predicted = model.predict(asked)
        assert all(is_legal(row, scheme) for row in predicted)
        found |= set(joined(predicted))
    assert len(found) >= 5


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_transitions_are_minus_infinity_where_the_scheme_forbids(scheme):
    X, y = span_corpus(scheme)
    model = fit(X, y, scheme=scheme)
    transitions = model.transitions_
    allowed, *_ = allowed_transitions(model.classes_.tolist(), scheme)
    assert np.array_equal(transitions.to_numpy() == -np.inf, ~allowed)
    assert np.isfinite(transitions.to_numpy()[allowed]).all()
    first = "B-per" if scheme == "BIO" else "S-per"
    assert transitions.loc["O", "I-per"] == -np.inf < transitions.loc["O", first]


@pytest.mark.parametrize(
    ("scheme", "broken", "label", "step"),
    [
        ("BIO", ["I-per", "O", "O"], "I-per", 0),
        ("BIO", ["O", "O", "I-per"], "I-per", 2),
        ("BIO", ["B-per", "I-loc", "O"], "I-loc", 1),
        ("BIOES", ["S-per", "I-per", "E-per"], "I-per", 1),
        ("BIOES", ["O", "B-per", "O"], "O", 2),
        ("BIOES", ["O", "O", "B-per"], "B-per", 2),
        ("BIOES", ["B-per", "E-loc", "O"], "E-loc", 1),
    ],
)
def test_labels_that_break_the_scheme_are_named(scheme, broken, label, step):
    X, y = [["a", "b"], ["c", "d", "e"], ["f"]], [["O", "O"], broken, ["O"]]
    message = rf"'{label}' at step {step} of sequence 1.*scheme='{scheme}'.*repair='convert'"
    model = BiLSTMTagger(**SMALL, scheme=scheme)
    with pytest.raises(DataFormatError, match=message):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())
    assert fit(X, y, scheme=scheme, repair="convert").predict(X).shape == (3,)


def test_the_end_of_a_sequence_is_no_end_of_the_next():
    """A span that is open at the end of a sequence is not continued by the next one."""
    with pytest.raises(DataFormatError, match="'I-x' at step 0 of sequence 1"):
        fit([["a"], ["b"]], [["B-x"], ["I-x"]], scheme="BIO")


CONVERTED = [
    ("BIO", ["I-a", "I-a", "O", "B-b", "I-a"], ["B-a", "I-a", "O", "B-b", "B-a"]),
    ("BIO", ["B-a", "I-b", "I-b", "I-a", "O"], ["B-a", "B-b", "I-b", "B-a", "O"]),
    ("BIO", ["S-a", "B-b", "E-b", "O", "E-a"], ["B-a", "B-b", "I-b", "O", "B-a"]),
    ("BIO", ["B-a", "I-a", "O", "B-b", "B-b"], ["B-a", "I-a", "O", "B-b", "B-b"]),
    ("BIOES", ["B-a", "I-a", "I-a", "O", "B-b"], ["B-a", "I-a", "E-a", "O", "S-b"]),
    ("BIOES", ["I-a", "I-a", "O", "B-b", "I-a"], ["B-a", "E-a", "O", "S-b", "S-a"]),
    ("BIOES", ["S-a", "B-b", "E-b", "O", "O"], ["S-a", "B-b", "E-b", "O", "O"]),
]


@pytest.mark.parametrize(("scheme", "given", "by_hand"), CONVERTED)
def test_converted_labels_are_those_written_by_hand(scheme, given, by_hand):
    X = [["a", "b", "c", "d", "e"], ["b", "a"]]
    converted = fit(X, [given, ["O", "O"]], scheme=scheme, repair="convert")
    written = fit(X, [by_hand, ["O", "O"]], scheme=scheme)
    assert list(converted.classes_) == sorted({*by_hand, "O"})
    assert same(converted, written, X)


def test_a_scheme_is_for_its_labels_only():
    X, y = corpus()
    with pytest.raises(DataFormatError, match="'x', 'y', 'z'"):
        fit(X, y, scheme="BIO")
    X, y = corpus(labels=[0, 1])
    with pytest.raises(DataFormatError, match="int64"):
        fit(X, y, scheme="BIO")
    X, y = span_corpus("BIOES")
    with pytest.raises(DataFormatError, match="'E-"):
        fit(X, y, scheme="BIO")


def test_a_length_no_label_sequence_can_have_is_refused_by_its_number():
    model = fit([["a", "b"], ["c", "d"]], [["B-x", "E-x"]] * 2, scheme="BIOES")
    with pytest.raises(DataFormatError, match="equence 2 "):
        model.predict([[], ["a", "b"], ["a"]])


# Weights


@pytest.mark.slow
@pytest.mark.parametrize("decoder", DECODERS)
def test_a_heavier_class_is_predicted_more_often(decoder):
    X, y = corpus(n=60, labels=["a", "a", "a", "b"])

    def share_of_b(class_weight):
        model = fit(X, y, decoder=decoder, class_weight=class_weight, max_epochs=10)
        return (joined(model.predict(X)) == "b").mean()

    plain = share_of_b(None)
    assert plain < share_of_b("balanced")
    assert share_of_b({"b": 30.0}) > plain + 0.5
    assert share_of_b({"a": 30.0}) <= plain


@pytest.mark.parametrize("decoder", DECODERS)
def test_balanced_weights_are_inverse_to_the_frequency_of_labels(decoder):
    X, y = corpus(labels=["a", "a", "b"])
    count = Counter(joined(y).tolist())
    weights = {label: count.total() / (len(count) * n) for label, n in count.items()}
    balanced = fit(X, y, decoder=decoder, class_weight="balanced")
    by_hand = fit(X, y, decoder=decoder, class_weight=weights)
    a, b = (joined(model.predict_marginals(X)) for model in (balanced, by_hand))
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_equal_class_weights_are_none():
    X, y = corpus()
    assert same(fit(X, y, class_weight={"x": 1}), fit(X, y), X)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("balance", "dict, 'balanced' or None"),
        ({"w": 2}, "'w'.*classes are"),
        ({"x": -1}, "non-negative"),
        ({"x": 0, "y": 0, "z": 0}, "positive for at least one"),
    ],
)
def test_bad_class_weights(class_weight, message):
    with pytest.raises(InvalidParameterError, match=message):
        fit(*corpus(), class_weight=class_weight)


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"decoder": "softmax"},
        {"class_weight": "balanced"},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"min_frequency": 20},
    ],
    ids=str,
)
@pytest.mark.parametrize("form", [list, bags, numbers], ids=["tokens", "features", "numbers"])
def test_weights_equal_repetition_and_zero_is_absence(form, params):
    X, y = corpus(n=30)
    X[3], X[11] = ["aaa", "rare", "ω"], ["zzz"]  # words and letters of rows that will not count
    y[3], y[11] = ["x", "y", "z"], ["x"]
    weights = np.random.default_rng(3).integers(0, 4, 30)
    weights[[3, 11]] = 0
    X = form(X)
    rows = np.repeat(np.arange(30), weights)
    some = {**params, "batch_size": 4}
    if low := some.pop("min_frequency", None):
        some["words"] = None if form is numbers else Words(min_frequency=low)
    by_weight = fit(X, y, sample_weight=weights, **some)
    by_repetition = fit([X[i] for i in rows], [y[i] for i in rows], **some)
    assert same(by_weight, by_repetition, X)
    assert by_weight.loss_curve_ == by_repetition.loss_curve_
    if form is not numbers:
        assert by_weight.vocabulary_ == by_repetition.vocabulary_


@pytest.mark.parametrize("given", [np.ones(24), np.full(24, 0.25), [3] * 24])
def test_equal_weights_are_no_weights(given):
    X, y = corpus()
    assert same(fit(X, y, sample_weight=given), fit(X, y), X)


def test_the_score_weights_sequences():
    X, y = corpus()
    model, weights = fit(X, y), np.random.default_rng(0).integers(0, 3, 24)
    rows = np.repeat(np.arange(24), weights)
    repeated = model.score([X[i] for i in rows], [y[i] for i in rows])
    assert model.score(X, y, sample_weight=weights) == pytest.approx(repeated)


# Chance, padding


@pytest.mark.slow
@pytest.mark.parametrize("decoder", DECODERS)
def test_seeds_fix_every_bit_also_in_threads_and_whatever_the_order_of_rows(decoder):
    X, y = corpus()
    alone = [fit(X, y, decoder=decoder, random_state=seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = list(
            pool.map(lambda seed: fit(X, y, decoder=decoder, random_state=seed), range(3))
        )
    assert all(same(a, b, X) for a, b in zip(alone, together, strict=True))
    assert not same(alone[0], alone[1], X)
    assert same(fit(X[::-1], y[::-1], decoder=decoder), alone[0], X)


def test_global_random_states_are_neither_read_nor_changed():
    X, y = corpus()
    torch.manual_seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = fit(X, y, early_stopping=True)
    first.predict(X)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    torch.manual_seed(2)
    assert same(fit(X, y, early_stopping=True), first, X)


FORMS = {"tokens": list, "features": bags, "numbers": numbers}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "form", "decoder"),
    [
        *(("torch", form, decoder) for form in FORMS for decoder in DECODERS),
        *((name, "numbers", "crf") for name in names_for_vectors() if name != "torch"),
    ],
)
def test_padding_batch_mates_order_and_pieces_do_not_matter(backend, form, decoder, monkeypatch):
    X, y = corpus()
    X = FORMS[form](X)
    model = fit(X, y, backend=backend, decoder=decoder, num_layers=2, max_epochs=2)
    together = model.predict_marginals(X)
    giant = X[0][:1] * 60 if isinstance(X[0], list) else np.repeat(X[0][:1], 60, axis=0)
    others = {
        "alone": [model.predict_marginals([row])[0] for row in X],
        "backwards": model.predict_marginals(X[::-1])[::-1],
        "beside a long one": model.predict_marginals([*X, giant])[:-1],
        "beside an empty one": model.predict_marginals([X[0][:0], *X])[1:],
    }
    monkeypatch.setattr("seqlearn.estimators.base.PREDICT_CHUNK", 7)
    monkeypatch.setattr("seqlearn.training.device.CPU_ROWS", 3)
    others["in pieces"] = model.predict_marginals(X)
    for name, other in others.items():
        assert np.abs(joined(together) - joined(other)).max() <= 1e-6, name


# Empty sequences, single steps, unknown words


def test_empty_sequences_are_refused_in_fit_by_number():
    with pytest.raises(DataFormatError, match="Sequences 1 and 3 of X are empty"):
        fit([["a"], [], ["b"], []], [["x"], [], ["y"], []])
    with pytest.raises(DataFormatError, match="Sequence 0 of X is empty"):
        fit([np.zeros((0, 2)), np.ones((2, 2))], [[], ["x", "y"]])


@pytest.mark.parametrize("form", [list, bags, numbers], ids=["tokens", "features", "numbers"])
def test_empty_sequences_are_dropped_if_asked(form):
    X, y = corpus(n=10)
    X = form(X)
    empty = X[0][:0]
    with_empty, weights = [empty, *X[:4], empty, *X[4:]], np.arange(12) % 3 + 1.0
    labels = [[], *y[:4], np.array([]), *y[4:]]
    kept = np.r_[1:5, 6:12]
    dropped = fit(with_empty, labels, sample_weight=weights, drop_empty=True)
    assert same(dropped, fit(X, y, sample_weight=weights[kept]), X)


def test_with_nothing_but_empty_sequences_there_is_nothing_to_fit():
    with pytest.raises(DataFormatError, match="0 sample"):
        fit([[], []], [[], []], drop_empty=True)


@pytest.mark.parametrize("n_weights", [1, 2, 4])
def test_dropping_does_not_hide_a_wrong_number_of_weights(n_weights):
    X, y = [["a"], ["b"], []], [["x"], ["y"], []]
    with pytest.raises(DataFormatError, match=r"sample_weight.*\(3,\)"):
        fit(X, y, sample_weight=np.ones(n_weights), drop_empty=True)


def test_dropping_does_not_hide_labels_without_a_step():
    with pytest.raises(DataFormatError, match=r"Row 1 of y has 1 labels, but sequence 1.*0 steps"):
        fit([["a"], [], ["b"]], [["x"], ["x"], ["y"]], drop_empty=True)


def test_messages_count_dropped_sequences():
    with pytest.raises(DataFormatError, match="Row 2 of y has 2 labels, but sequence 2"):
        fit([["a"], [], ["b"]], [["x"], [], ["y", "y"]], drop_empty=True)
    with pytest.raises(DataFormatError, match="3 sequences, y has 2 rows"):
        fit([["a"], [], ["b"]], [["x"], []], drop_empty=True)


@pytest.mark.parametrize("form", [list, bags, numbers], ids=["tokens", "features", "numbers"])
def test_an_empty_sequence_gets_no_labels_and_no_score(form):
    X, y = corpus()
    X = form(X)
    model = fit(X, y)
    empty = X[0][:0]
    predicted = model.predict([X[0], empty, X[1], empty])
    assert [len(row) for row in predicted] == [len(X[0]), 0, len(X[1]), 0]
    assert all(row.dtype == model.classes_.dtype for row in predicted)
    assert model.predict_marginals([X[0], empty])[1].shape == (0, 3)
    with_empty = model.score([empty, *X, empty], [[], *y, []])
    assert with_empty == model.score(X, y)
    assert [len(row) for row in model.predict([empty, empty])] == [0, 0]
    assert [row.shape for row in model.predict_marginals([empty])] == [(0, 3)]


def test_messages_of_predict_count_empty_sequences():
    model = fit(*corpus())
    with pytest.raises(DataFormatError, match="Step 1 of sequence 3"):
        model.predict([[], ["one"], [], ["two", 3]])


def test_no_sequences_are_none():
    X, y = corpus()
    assert fit(X, y).predict([]).shape == (0,)


@pytest.mark.parametrize("one_step", [True, False])
def test_an_array_without_rows_is_refused_as_elsewhere(one_step):
    X = np.random.default_rng(0).normal(size=(10, 4))
    y = (X > 0).astype(int)
    model = fit(X, y[:, 0] if one_step else y)
    with pytest.raises(DataFormatError, match="0 sample"):
        model.predict(np.empty((0, 4)))


@pytest.mark.parametrize("decoder", DECODERS)
def test_one_label_one_step_one_sequence(decoder):
    model = fit([["only"]], [["x"]], decoder=decoder)
    assert [row.tolist() for row in model.predict([["only"], ["other", "only"]])] == [
        ["x"],
        ["x", "x"],
    ]
    assert model.predict_marginals([["only"]])[0].tolist() == [[1.0]]
    assert model.loss_curve_ == pytest.approx([0.0] * 3)


def test_unknown_tokens_and_features_are_labelled():
    X, y = corpus()
    unknown = [["never", "seen", "", "ξ"], ["one"]]
    assert [len(row) for row in fit(X, y).predict(unknown)] == [4, 1]
    blind = fit(X, y, words=Words(characters=None))
    first, second = blind.predict_marginals([["never"], ["ξ"]])
    assert np.array_equal(first, second)
    model = fit(bags(X), y)
    known, alien = model.predict_marginals([[{}], [{"never": "seen"}]])
    assert np.array_equal(known, alien)


# Going on


def test_partial_fit():
    X, y = corpus()
    model = BiLSTMTagger(**SMALL).partial_fit(X[:12], y[:12], classes=["w", "x", "y", "z"])
    assert list(model.classes_) == ["w", "x", "y", "z"] and model.n_iter_ == 1
    words = model.vocabulary_
    model.partial_fit([*X[12:], ["unseen"]], [*y[12:], ["w"]])
    model.partial_fit(X, y, classes=list("zyxw"))
    assert model.n_iter_ == 3 and [row["epoch"] for row in model.history_] == [1, 2, 3]
    assert {row["lr"] for row in model.history_} == {0.02}
    assert model.vocabulary_ == words and "unseen" not in words
    assert model.predict_marginals(X)[0].shape == (len(X[0]), 4)


def test_partial_fit_refuses_other_labels():
    X, y = corpus()
    model = BiLSTMTagger(**SMALL)
    with pytest.raises(DataFormatError, match=r"labels \['z'\].*not among"):
        model.partial_fit(X, y, classes=["x", "y"])
    assert set(vars(model)) == set(model.get_params())
    model.partial_fit(X, y, classes=["x", "y", "z"])
    before = in_bits(model)
    with pytest.raises(DataFormatError, match=r"labels \['new'\].*not among"):
        model.partial_fit([["one"]], [["new"]])
    with pytest.raises(DataFormatError, match="not the same as in the first call"):
        model.partial_fit(X, y, classes=["x", "y"])
    assert in_bits(model) == before


def test_partial_fit_survives_pickling_in_between():
    X, y = corpus()
    first = BiLSTMTagger(**SMALL).partial_fit(X, y, classes=["x", "y", "z"])
    pickled = pickle.loads(pickle.dumps(first)).partial_fit(X, y)
    assert same(first.partial_fit(X, y), pickled, X)


def test_partial_fit_keeps_to_the_scheme():
    X, y = span_corpus("BIO")
    labels = ["O", "B-per", "I-per", "B-loc", "I-loc", "B-org", "I-org"]
    model = BiLSTMTagger(**SMALL, scheme="BIO").partial_fit(X, y, classes=labels)
    assert model.transitions_.loc["B-org", "I-per"] == -np.inf
    with pytest.raises(DataFormatError, match="'I-org' at step 0 of sequence 0"):
        model.partial_fit([["one"]], [["I-org"]])


def test_a_two_dimensional_X_is_read_in_one_way():
    X = np.random.default_rng(0).normal(size=(10, 4))
    y = (X > 0).astype(int)
    model = BiLSTMTagger(**SMALL).partial_fit(X, y[:, 0], classes=[0, 1])
    with pytest.raises(DataFormatError, match="1-D in one call and 2-D in another"):
        model.partial_fit(X, y)


def test_warm_start_goes_on():
    X, y = corpus(n=20)
    model = fit(X, y, warm_start=True, max_epochs=15)
    first, words = model.loss_curve_, model.vocabulary_
    model.fit([*X, ["unseen"]], [*y, ["x"]])
    assert model.n_iter_ == 30 and model.loss_curve_[:15] == first
    assert model.loss_curve_[15] < first[0] and model.loss_curve_[-1] < first[-1]
    assert model.vocabulary_ == words
    before = in_bits(model)
    with pytest.raises(DataFormatError, match="continues with the classes"):
        model.fit([["one"]], [["x"]])
    with pytest.raises(InvalidParameterError, match="decoder was 'crf'; now it is 'softmax'"):
        model.set_params(decoder="softmax").fit(X, y)
    assert in_bits(model.set_params(decoder="crf")) == before


def test_fit_without_warm_start_forgets():
    X, y = corpus()
    model = fit(X, y)
    again = pickle.loads(pickle.dumps(model)).fit(X, y)
    assert same(model, again, X) and again.n_iter_ == 3
    model.set_params(words=None).fit(numbers(X), y)
    assert model.input_kind_ == "sequences" and not hasattr(model, "vocabulary_")


@pytest.mark.parametrize("decoder", DECODERS)
def test_early_stopping_keeps_the_best_weights(decoder):
    """Labels are noise, so the held-out loss turns early; what is kept must have its minimum."""
    X, y = corpus(n=60)
    held_out = {}

    class Watch(Callback):
        def on_train_begin(self, net, X=None, **kwargs):
            held_out["valid"] = net.train_split(X)[1]

    model = fit(
        X,
        y,
        decoder=decoder,
        callbacks=[Watch()],
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=4,
        max_epochs=60,
        lr_schedule=None,
    )
    columns = {"epoch", "train_loss", "valid_loss", "valid_score", "lr", "seconds"}
    assert all(set(row) == columns for row in model.history_)
    losses = [row["valid_loss"] for row in model.history_]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 4 < 60
    valid = held_out["valid"]
    assert 15 <= len(valid) <= 18
    inputs, targets = valid[np.arange(len(valid))]
    net = model.net_
    with torch.inference_mode():
        out = net.module_.eval()(**inputs)
        loss = net.module_.head.loss(out, targets["y"])
        found = net.module_.head.read(out)
    if targets["w"] is None:
        assert float(loss.mean()) == pytest.approx(min(losses), rel=1e-4)
    is_step = torch.arange(found.shape[1]) < inputs["lengths"][:, None]
    weights = torch.ones(len(valid)) if targets["w"] is None else targets["w"]
    assert float((loss * weights).mean()) == pytest.approx(min(losses), rel=1e-4)
    right = ((found == targets["y"]) & is_step).sum(1)
    share = (weights * right).sum() / (weights * inputs["lengths"]).sum()
    assert float(share) == pytest.approx(model.history_[best]["valid_score"], rel=1e-5)


def test_words_of_the_held_out_part_are_unknown():
    X = [[f"word{i}", "the"] for i in range(20)]
    model = fit(X, [["x", "y"]] * 20, early_stopping=True, validation_fraction=0.25)
    assert len(model.vocabulary_.words) == 15 + 1


# Things go wrong


def test_an_interrupted_fit_keeps_the_model():
    X, y = corpus()
    model = BiLSTMTagger(**{**SMALL, "max_epochs": 5}, callbacks=[Interrupt(4)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == 3 and len(model.predict(X)) == 24


def test_a_fit_that_fails_leaves_the_estimator_as_it_was():
    X, y = corpus()
    failing = [Interrupt(2, RuntimeError)]
    model = BiLSTMTagger(**SMALL, callbacks=failing)
    with pytest.raises(RuntimeError):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())
    model.set_params(callbacks=None).fit(X, y)
    before, bits = vars(model).copy(), in_bits(model)
    attempts = [
        (RuntimeError, X, y, {"callbacks": failing}),
        (RuntimeError, numbers(X), y, {"callbacks": failing}),
        (RuntimeError, X, y, {"callbacks": failing, "warm_start": True}),
        (DataFormatError, X, y[:-1], {}),
        (DataFormatError, X, y, {"scheme": "BIO"}),
        (InvalidParameterError, X, y, {"class_weight": {"w": 1}}),
        (InvalidParameterError, X, y, {"decoder": "viterbi"}),
        (DataFormatError, np.ones((3, 2)), [[1, 2]] * 2, {}),
    ]
    for error, X_given, y_given, params in attempts:
        with pytest.raises(error):
            model.set_params(**params).fit(X_given, y_given)
        model.set_params(**{name: before[name] for name in params})
        assert vars(model) == before
    assert in_bits(model) == bits


BAD_Y = {
    "none": (None, "requires y to be passed"),
    "too few rows": ([["x"] * 3], "3 sequences, y has 1 rows"),
    "too many rows": ([["x"] * 3, ["x"] * 2, ["x"], ["x"]], "3 sequences, y has 4 rows"),
    "too few labels": (
        [["x"] * 3, ["x"], ["x"]],
        "Row 1 of y has 1 labels, but sequence 1 of X has 2 steps",
    ),
    "too many labels": (
        [["x"] * 3, ["x"] * 2, ["x"] * 9],
        "Row 2 of y has 9 labels, but sequence 2 of X has 1 steps",
    ),
    "one label a sequence": (["x", "y", "z"], "Row 0 of y is 'x'.*3 steps"),
    "one number a sequence": (np.array([1, 2, 3]), "Row 0 of y is .*3 steps"),
    "text for labels": (["xyz", "xy", "x"], "Row 0 of y is 'xyz'"),
    "mixed types": ([["x", "y", 1], ["x", "y"], ["z"]], "mixed types.*'x' and 1"),
    "mixed types in objects": (
        [np.array(["x", "y", 1], dtype=object), ["x", "y"], ["z"]],
        "mixed types",
    ),
    "mixed types of arrays": (
        [np.array(["x", "y", "z"]), np.array([1, 2]), np.array([1])],
        "mixed types",
    ),
    "text and nothing": ([["x", "y", None], ["x", "y"], ["z"]], "mixed types|missing|None"),
    "NaN": ([[1.0, 2.0, np.nan], [1.0, 2.0], [1.0]], "NaN"),
    "NaN in objects": ([np.array([1, 2, np.nan], dtype=object), [1, 2], [1]], "NaN"),
    "text and NaN": ([["x", "y", np.nan], ["x", "y"], ["z"]], "mixed types|NaN"),
    "fractions": ([[0.5, 1.5, 2.5], [0.1, 0.2], [1.0]], "continuous"),
    "two labels a step": (
        [np.zeros((3, 2), int), np.zeros((2, 2), int), np.zeros((1, 2), int)],
        "one label a step",
    ),
}


@pytest.mark.parametrize("name", BAD_Y)
@pytest.mark.parametrize("form", [list, numbers], ids=["tokens", "numbers"])
def test_bad_y(form, name):
    y, message = BAD_Y[name]
    model = BiLSTMTagger(**SMALL)
    with pytest.raises(ValueError, match=message):
        model.fit(form([["a", "b", "c"], ["d", "e"], ["f"]]), y)
    assert set(vars(model)) == set(model.get_params())


BAD_X = {
    "text": (["a b c", "d e", "f"], "Sequence 0 of X is a string, 'a b c'.*Tokenizer"),
    "text among lists": ([["a", "b", "c"], "de", ["f"]], "equence 1 of X.*'de'"),
    "a number among words": ([["a", "b", 3], ["d", "e"], ["f"]], "Step 2 of sequence 0 of X is 3"),
    "none among words": ([["a", "b", "c"], ["d", None], ["f"]], "Step 1 of sequence 1 of X"),
    "words among features": ([[{}, {}, {}], [{}, "e"], [{}]], "Step 1 of sequence 1 of X"),
    "a bad feature": ([[{"a": None}, {}, {}], [{}, {}], [{}]], "feature 'a'"),
    "an infinite feature": ([[{"a": np.inf}, {}, {}], [{}, {}], [{}]], "feature 'a'"),
    "NaN": ([np.ones((3, 1)), np.array([[1.0], [np.nan]]), np.ones((1, 1))], "sequence 1 at step"),
    "sparse": (scipy.sparse.eye(3).tocsr(), "Sparse data was passed"),
    "a number": (5, "X is 5"),
    "nothing": (None, "X is None"),
}


@pytest.mark.parametrize("name", BAD_X)
def test_bad_X(name):
    X, message = BAD_X[name]
    y = [["x", "y", "x"], ["x", "y"], ["y"]]
    model = BiLSTMTagger(**SMALL)
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())
    good = {
        "words among features": bags([["a"], ["b"]]),
        "a bad feature": bags([["a"], ["b"]]),
        "an infinite feature": bags([["a"], ["b"]]),
        "NaN": numbers([["a"], ["b"]]),
        "sparse": np.ones((2, 3)),
        "a number": np.ones((2, 3)),
        "nothing": np.ones((2, 3)),
    }.get(name, [["a"], ["b"]])
    if name == "NaN":
        X = [np.tile(x, 2) for x in X]
    labels = [[0] * 3] * 2 if isinstance(good, np.ndarray) else [["x"], ["y"]]
    model.fit(good, labels)
    with pytest.raises((TypeError, ValueError), match=message):
        model.predict(X)


def test_another_kind_of_X_in_predict():
    X, y = corpus()
    forms = {"lists of tokens": X, "feature dictionaries": bags(X), "list of": numbers(X)}
    for name, given in forms.items():
        model = fit(given, y)
        for other, asked in forms.items():
            if other != name:
                with pytest.raises(ValueError, match=r"equence 0|in fit it was"):
                    model.predict(asked)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("decoder", "viterbi", "'crf', 'softmax'"),
        ("scheme", "IOB", "'BIO', 'BIOES'"),
        ("repair", "drop", "'error', 'convert'"),
        ("drop_empty", 1, "True or False"),
        ("words", {"lowercase": True}, "seqlearn.Words"),
        ("hidden_size", 0, "an int >= 1"),
    ],
)
def test_bad_parameters(name, value, message):
    model = BiLSTMTagger(**{**SMALL, name: value})
    with pytest.raises(InvalidParameterError, match=f"'{name}'.*{message}"):
        model.fit(*corpus())
    assert set(vars(model)) == set(model.get_params())


def test_nothing_is_printed(capfd):
    X, y = corpus()
    fit(X, y, early_stopping=True).predict(X)
    assert capfd.readouterr() == ("", "")


# In scikit-learn's tools


@pytest.mark.slow
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("form", [list, bags, numbers], ids=["tokens", "features", "numbers"])
def test_pickle_joblib_and_clone(form, decoder, tmp_path):
    X, y = span_corpus("BIO")
    X = form(X)
    model = fit(X, y, decoder=decoder, scheme="BIO", class_weight="balanced")
    joblib.dump(model, tmp_path / "model.joblib")
    for loaded in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        assert same(model, loaded, X)
        assert all(map(np.array_equal, model.predict(X), loaded.predict(X)))
        assert loaded.history_ == model.history_ and repr(loaded) == repr(model)
    copy = clone(model)
    assert repr(copy) == repr(model) and not hasattr(copy, "classes_")
    assert same(copy.fit(X, y), model, X)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "of_y"),
    [(list, list), (list, objects), (bags, rows_of_arrays), (numbers, list)],
    ids=["tokens", "tokens, object array", "features, list of arrays", "numbers"],
)
def test_splitting_and_cross_validation(form, of_y):
    X, y = span_corpus("BIO")
    X, y = form(X), of_y(y)
    model = BiLSTMTagger(**SMALL, scheme="BIO")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    assert 0.0 <= model.fit(X_train, y_train).score(X_test, y_test) <= 1.0
    predicted = cross_val_predict(model, X, y, cv=3)
    assert [len(row) for row in predicted] == [len(row) for row in X]
    scoring = {
        "f1": make_scorer(span_f1_score, scheme="BIO"),
        "precision": make_scorer(span_precision_score, scheme="BIO", zero_division=0.0),
        "recall": make_scorer(span_recall_score, scheme="BIO", average="macro"),
        "accuracy": make_scorer(token_accuracy_score),
    }
    scores = cross_validate(model, X, y, cv=3, scoring=scoring, error_score="raise")
    own = cross_validate(model, X, y, cv=3, error_score="raise")
    assert all(np.isfinite(scores[f"test_{name}"]).all() for name in scoring)
    np.testing.assert_allclose(own["test_score"], scores["test_accuracy"])


@pytest.mark.slow
def test_grid_search_over_decoders_and_backends():
    X, y = span_corpus("BIO", n=24)
    search = GridSearchCV(
        BiLSTMTagger(**SMALL, scheme="BIO"),
        {"decoder": DECODERS, "backend": ["torch", "gru"]},
        scoring=make_scorer(span_f1_score, scheme="BIO"),
        cv=2,
        n_jobs=2,
        error_score="raise",
    )
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    serial = search.set_params(n_jobs=1).fit(X, y).cv_results_["mean_test_score"]
    assert len(scores) == 4 and np.array_equal(scores, serial)
    assert all(is_legal(row, "BIO") for row in search.predict(X))


def test_pipelines():
    X, y = corpus()
    words = make_pipeline(Tokenizer(lowercase=False), BiLSTMTagger(**SMALL))
    texts = [["one", "two"], ["Four"], ["5", "three"]] * 4
    labels = [["x", "y"], ["z"], ["z", "x"]] * 4
    assert len(words.fit([" ".join(row) for row in texts], labels).predict(["one 5"])[0]) == 2
    scaled = make_pipeline(SequenceScaler(), BiLSTMTagger(**SMALL)).fit(numbers(X), y)
    assert len(scaled.predict(numbers(X))) == 24


# It learns


@pytest.mark.slow
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("form", [list, bags, numbers], ids=["tokens", "features", "numbers"])
def test_labels_that_depend_on_both_neighbours_are_learned(form, decoder):
    """A label is the word before and the word after; the step's own word says nothing of it."""

    def data(n, seed):
        X, _ = corpus(n, seed, words=["a", "b"])
        around = [["^", *row, "$"] for row in X]
        y = [[f"{r[t]}{r[t + 2]}" for t in range(len(r) - 2)] for r in around]
        if form is bags:
            return [[{"word": word} for word in row] for row in X], y
        return (numbers(X) if form is numbers else X), y

    if form is numbers:
        pipe = make_pipeline(SequenceScaler(), BiLSTMTagger())
    else:
        pipe = make_pipeline(BiLSTMTagger())
    pipe[-1].set_params(
        **{**SMALL, "hidden_size": 16, "max_epochs": 25, "lr": 0.03},
        decoder=decoder,
        dropout=0.0,
        words=None if form is numbers else Words(size=8, characters=4, dropout=0.0),
    )
    assert pipe.fit(*data(120, 0)).score(*data(60, 1)) > 0.95


def test_words_never_seen_are_labelled_by_their_shape():
    """Names are capitalised; those to predict have no letter in common with those to learn."""
    rng = np.random.default_rng(0)

    def data(n, letters):
        X = [["".join(rng.choice(letters, 4)) for _ in range(5)] for _ in range(n)]
        is_name = [rng.random(5) < 0.4 for _ in X]
        y = [["name" if one else "other" for one in row] for row in is_name]
        words = [
            [word.title() if one else word for word, one in zip(*pair, strict=True)]
            for pair in zip(X, is_name, strict=True)
        ]
        return words, y

    settings = {**SMALL, "words": Words(size=8, characters=4), "max_epochs": 10, "lr": 0.03}
    model = BiLSTMTagger(**settings).fit(*data(100, list("abcdefghijklm")))
    assert model.score(*data(40, list("nopqrstuvwxyz"))) > 0.95


def test_word_dropout_counts_words_by_weight_as_it_counts_repetitions():
    X, y = corpus()
    repeated = fit(X + X[:5], y + y[:5], words=Words(characters=None))
    weighted = fit(X, y, words=Words(characters=None), sample_weight=[2] * 5 + [1] * (len(X) - 5))
    shares = [model.net_.module_.input.shares for model in (repeated, weighted)]
    assert torch.equal(*shares) and len(shares[0].unique()) > 1
    for model in (repeated, pickle.loads(pickle.dumps(repeated))):
        n_distinct = len({(*words, *labels) for words, labels in zip(X, y, strict=True)})
        counts = torch.tensor(model.vocabulary_.counts) * n_distinct / (len(X) + 5)
        expected = model.words.dropout / (model.words.dropout + counts)
        assert torch.allclose(model.net_.module_.input.shares[1:], expected.float())
