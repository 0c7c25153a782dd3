"""LSTMTranslator: answers, their scores, what they do not depend on, what is refused."""

import pickle
import random
import warnings

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score

from seqlearn import LSTMTranslator, resolve_backend
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.metrics import chrf_score, token_error_rate
from seqlearn.testing.material import names_for_vectors
from seqlearn.training.kernel_gradients import KernelGradient

SMALL = {"hidden_size": 24, "embedding_size": 20, "lr": 0.02, "dropout": 0.1, "random_state": 0}
TINY = {**SMALL, "hidden_size": 8, "embedding_size": 6, "max_epochs": 2}


def reversals(n, longest, seed=0):
    """Strings, and what they are backwards, in capitals."""
    rng = random.Random(seed)
    strings = ["".join(rng.choices("abcdef", k=rng.randint(1, longest))) for _ in range(n)]
    return [list(one) for one in strings], [list(one[::-1].upper()) for one in strings]


class LooksAhead(TorchLSTM):
    """Said to see later steps."""

    causal = False


X, Y = reversals(500, 7)
X_NEW, Y_NEW = reversals(120, 7, seed=1)
LONG, _ = reversals(60, 20, seed=2)
WORDS = dict(zip("abcdef", "one two three four five six".split(), strict=True))
TEXTS = ["".join(row) for row in X]
SPOKEN = [" ".join(WORDS[one] for one in row) for row in X]


@pytest.fixture(scope="module")
def fitted():
    return LSTMTranslator(**SMALL, batch_size=32, max_epochs=16).fit(X, Y)


@pytest.fixture(scope="module")
def of_texts():
    model = LSTMTranslator(**SMALL, max_epochs=10, batch_size=32, vocabulary_size=40)
    return model.fit(TEXTS, SPOKEN)


@pytest.mark.slow
def test_it_learns(fitted):
    answers = fitted.predict(X_NEW)
    assert np.mean([one == due for one, due in zip(answers, Y_NEW, strict=True)]) > 0.8
    assert fitted.score(X_NEW, Y_NEW) == 1 - token_error_rate(Y_NEW, answers) > 0.9
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0] / 2


@pytest.mark.slow
def test_answers_are_what_y_was(fitted, of_texts):
    answers = fitted.predict(X_NEW)
    assert answers.dtype == object
    assert answers.shape == (120,)
    assert type(answers[0]) is list
    texts = of_texts.predict(TEXTS[:5])
    assert type(texts) is list
    assert all(type(one) is str for one in texts)
    assert of_texts.score(TEXTS[:50], SPOKEN[:50]) == pytest.approx(
        chrf_score(SPOKEN[:50], of_texts.predict(TEXTS[:50])) / 100
    )
    assert of_texts.score(TEXTS[:50], SPOKEN[:50]) > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("beams", [1, 4])
def test_answers_do_not_depend_on_other_rows(fitted, beams):
    model = clone_fitted(fitted).set_params(num_beams=beams)
    sources = [*X_NEW[:60], *LONG]
    order = random.Random(0).sample(range(len(sources)), len(sources))
    due, due_scores = model.predict_n_best(sources, beams, return_scores=True)
    for size in (1, 7, 64):
        for first in range(0, len(order), size):
            own = order[first : first + size]
            found, scores = model.predict_n_best(
                [sources[i] for i in own], beams, return_scores=True
            )
            assert found == [due[i] for i in own]
            for i, score in zip(own, scores, strict=True):
                np.testing.assert_allclose(score, due_scores[i], rtol=0, atol=2e-6)


def clone_fitted(model):
    return pickle.loads(pickle.dumps(model))


def test_likelihoods_do_not_depend_on_other_rows_and_agree_with_the_search(fitted):
    whole = fitted.log_likelihood(X_NEW, Y_NEW)
    assert whole.shape == (120,)
    assert (whole < 0).all()
    single = [fitted.log_likelihood([x], [y])[0] for x, y in zip(X_NEW, Y_NEW, strict=True)]
    np.testing.assert_allclose(whole, single, rtol=0, atol=1e-5)
    model = clone_fitted(fitted).set_params(num_beams=3, length_penalty=0.0)
    answers, scores = model.predict_n_best(X_NEW, 3, return_scores=True)
    best = [own[0] for own in answers]
    np.testing.assert_allclose(
        model.log_likelihood(X_NEW, best), [own[0] for own in scores], atol=1e-4
    )
    greedy = model.set_params(num_beams=1).predict(X_NEW)
    assert (model.log_likelihood(X_NEW, list(greedy)) <= [s[0] + 1e-4 for s in scores]).all()
    assert all(len(own) == len({tuple(one) for one in own}) for own in answers)
    assert all((np.diff(own) <= 0).all() for own in scores)


def test_decoding_is_read_when_it_is_asked_for(fitted):
    model = clone_fitted(fitted)
    short = model.set_params(max_length=2).predict(X_NEW)
    assert max(map(len, short)) == 2
    model.set_params(max_length="auto", no_repeat_ngram_size=1)
    assert all(len(set(one)) == len(one) for one in model.predict(LONG))
    for name, value in (
        ("num_beams", 0),
        ("max_length", 0),
        ("length_penalty", -1.0),
        ("no_repeat_ngram_size", 1.5),
    ):
        with pytest.raises(InvalidParameterError, match=name):
            clone_fitted(fitted).set_params(**{name: value}).predict(X_NEW)
    with pytest.raises(InvalidParameterError, match="n of"):
        fitted.predict_n_best(X_NEW, 0)


def test_sources_of_every_length_have_answers(fitted, of_texts):
    answers = fitted.predict([[], ["a"], ["a"] * 60, ["never", "seen"], []])
    assert answers[0] == answers[4] == []
    assert set().union(*answers) <= set("ABCDEF")
    assert of_texts.predict(["", "\u2603", "abc" * 30])[0] == ""
    assert of_texts.predict([]) == []
    assert fitted.predict([]).shape == (0,)
    assert fitted.predict_n_best([[]], 3) == [[[]]]


def test_attention_is_a_table_of_target_and_source(fitted):
    tables, source, target = fitted.attention(X_NEW, return_tokens=True)
    answers = fitted.predict(X_NEW)
    assert target == answers.tolist()
    assert source == X_NEW
    for table, x, y in zip(tables, X_NEW, answers, strict=True):
        assert table.shape == (len(y), len(x))
        np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-5)
    long = [i for i, x in enumerate(X_NEW) if len(x) > 4 and answers[i] == Y_NEW[i]]
    places = [np.argmax(tables[i], axis=1) for i in long]
    falls = [np.corrcoef(p, np.arange(len(p)))[0, 1] for p in places if np.ptp(p)]
    assert np.mean(falls) < -0.5  # it is read backwards
    given = fitted.attention(X_NEW[:3], Y_NEW[:3])
    assert [one.shape for one in given] == [
        (len(y), len(x)) for x, y in zip(X_NEW[:3], Y_NEW[:3], strict=True)
    ]


def test_several_references_are_one_level_of_lists_more(fitted, of_texts):
    answers = fitted.predict(X_NEW)
    several = [[["wrong"], list(one)] for one in answers]
    assert fitted.score(X_NEW, several) == 1
    assert fitted.score(X_NEW, [["wrong"]] * len(X_NEW)) <= 0
    texts = of_texts.predict(TEXTS[:9])
    assert of_texts.score(TEXTS[:9], [["wrong", one] for one in texts]) == 1


def test_weights_are_repetitions():
    weights = np.random.default_rng(0).integers(0, 4, size=40)
    rows = np.repeat(np.arange(40), weights)
    random.Random(0).shuffle(rows)
    for data in ((X, Y), (TEXTS, SPOKEN)):
        pairs = [list(one[:40]) for one in data]
        weighted = LSTMTranslator(**TINY).fit(*pairs, sample_weight=weights)
        repeated = LSTMTranslator(**TINY).fit(*([one[i] for i in rows] for one in pairs))
        assert weighted.loss_curve_ == repeated.loss_curve_
        for one, other in zip(weights_of(weighted), weights_of(repeated), strict=True):
            assert torch.equal(one, other)


def weights_of(model):
    return list(model.net_.module_.state_dict().values())


def test_equal_seeds_give_equal_bits_and_pickles_equal_answers(of_texts):
    models = [
        LSTMTranslator(**TINY, copy=True, coverage=0.1).fit(TEXTS[:80], SPOKEN[:80])
        for _ in range(2)
    ]
    state = torch.random.get_rng_state()
    for one, other in zip(*map(weights_of, models), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(state, torch.random.get_rng_state())
    copied = clone_fitted(of_texts)
    assert copied.predict(TEXTS[:30]) == of_texts.predict(TEXTS[:30])
    assert copied.target_vocabulary_.tolist() == of_texts.target_vocabulary_.tolist()


def test_training_goes_on():
    model = LSTMTranslator(**TINY, warm_start=True, early_stopping=True).fit(X[:60], Y[:60])
    assert {"valid_loss", "valid_score"} <= model.history_[0].keys()
    model.fit(X[:60], Y[:60]).partial_fit([*X[60:90], ["new"]], [*Y[60:90], ["NEW"]])
    assert model.n_iter_ == 5
    assert "new" not in model.source_vocabulary_
    with pytest.raises(DataFormatError, match="in fit it was lists of tokens"):
        model.partial_fit(TEXTS, Y)
    for options, match in (
        ({"embedding_size": 7}, "size was 6"),
        ({"vocabulary_size": 7}, "vocabulary_size was 3000"),
        ({"tokenizer": "char"}, "tokenizer was 'auto'"),
        ({"shared_vocabulary": True}, "shared_vocabulary was False"),
    ):
        with pytest.raises(InvalidParameterError, match=match):
            clone_fitted(model).set_params(**options).fit(X[:60], Y[:60])


@pytest.mark.slow
def test_it_stands_in_searches_and_cross_validation():
    model = LSTMTranslator(**{**SMALL, "max_epochs": 4})
    scores = cross_val_score(model, X[:90], Y[:90], cv=2)
    assert scores.shape == (2,)
    answers = cross_val_predict(model, X[:90], Y[:90], cv=2)
    assert answers.shape == (90,)
    assert type(answers[0]) is list
    texts = cross_val_predict(LSTMTranslator(**TINY), TEXTS[:40], SPOKEN[:40], cv=2)
    assert texts.shape == (40,)
    search = GridSearchCV(model, {"hidden_size": [1, 32], "num_beams": [1]}, cv=2)
    assert search.fit(X[:200], Y[:200]).best_params_["hidden_size"] == 32


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", ["auto", "bpe", "word", "char"])
def test_texts_are_cut_and_joined(tokenizer):
    model = LSTMTranslator(tokenizer, **TINY).fit(TEXTS[:60], SPOKEN[:60])
    known = set(model.target_vocabulary_)
    assert {"auto": " ", "bpe": " ", "char": " ", "word": "three"}[tokenizer] in known | {" "}
    assert all(isinstance(one, str) for one in model.predict(TEXTS[:4]))
    mixed = LSTMTranslator(tokenizer, **TINY).fit(TEXTS[:60], Y[:60])
    assert type(mixed.predict(TEXTS[:4])[0]) is list


@pytest.mark.parametrize(
    ("options", "n"), [({"vocabulary_size": 3}, 3), ({"min_frequency": 10**6}, 0)]
)
def test_rare_tokens_are_unknown_and_never_answered(options, n):
    model = LSTMTranslator(**{**TINY, "max_epochs": 4}, **options).fit(X[:90], Y[:90])
    assert len(model.target_vocabulary_) == n
    answers = model.predict(X[:90])
    assert set().union(*answers) <= set(model.target_vocabulary_)
    with pytest.warns(UserWarning, match="tokens of y are not in the vocabulary"):
        assert np.isfinite(model.log_likelihood(X[:5], Y[:5])).all()


def copies(n, symbols, seed, unseen=()):
    rng = random.Random(seed)
    rows = []
    for _ in range(n):
        row = rng.choices(symbols, k=rng.randint(3, 8))
        for one in rng.sample(unseen, k=rng.randint(1, 2)) if unseen else ():
            row[rng.randrange(len(row))] = one
        rows.append(row)
    return rows


@pytest.mark.slow
def test_unseen_tokens_are_copied():
    rows = copies(600, list("abcdefghij"), 0)
    unseen = copies(100, list("abcdefghij"), 1, ["K", "L", "M", "N", "O"])
    options = {**SMALL, "lr": 0.01, "batch_size": 16, "max_epochs": 12}
    model = LSTMTranslator(**options, copy=True, unknown_dropout=0.2).fit(rows, rows)
    answers = model.predict(unseen)
    assert np.mean([one == due for one, due in zip(answers, unseen, strict=True)]) > 0.9
    assert np.isfinite(model.log_likelihood(unseen, unseen)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what is copied is not unknown
        assert model.log_likelihood(unseen, unseen).mean() > -3
    table, _, target = model.attention(unseen[:9], return_tokens=True)
    assert target == answers[:9].tolist()
    assert [one.shape[1] for one in table] == list(map(len, unseen[:9]))
    clone_fitted(model).set_params(num_beams=3).predict(unseen[:9])


@pytest.mark.parametrize(
    ("X", "y", "match"),
    [
        (["a", "b"], ["c"], "2 sources, y has 1 targets"),
        ("ab", ["c", "d"], r"Pass \[text\]"),
        (["a", ""], ["c", "d"], "Row 1 of X has no token"),
        (["a", "b", "c"], ["", "", "d"], "Rows 0 and 1 of y have no token"),
        (["a", ["b"]], ["c", "d"], "Row 1 of X"),
        ([["a"], ["b"]], [["c"], [1]], "Row 1 of y, step 0"),
        ([], [], "no pairs"),
        (["a", None], ["c", "d"], "missing"),
        (np.zeros((4, 3)), ["c"] * 4, "X"),
        (["a", "b"], None, "requires y"),
    ],
)
def test_what_is_no_pair_is_refused(X, y, match):
    model = LSTMTranslator(**TINY)
    with pytest.raises(DataFormatError, match=match):
        model.fit(X, y)
    assert not hasattr(model, "net_")


def test_parameters_are_refused():
    for match, options in (
        ("tokenizer=None, but X holds texts", {"tokenizer": None}),
        ("did you mean 'word'", {"tokenizer": "words"}),
        ("shared_vocabulary", {"shared_vocabulary": "yes"}),
        ("num_beams", {"num_beams": 0}),
        ("copy", {"copy": 1}),
    ):
        with pytest.raises(InvalidParameterError, match=match):
            LSTMTranslator(**TINY, **options).fit(TEXTS[:20], SPOKEN[:20])
    with pytest.raises(DataFormatError, match="Row 1 of X has no token"):
        LSTMTranslator("word", **TINY).fit(["a", " "], ["b", "c"])
    assert LSTMTranslator(None, **TINY).fit(X[:20], Y[:20]).predict(X[:2]).shape == (2,)


def test_kinds_hold_after_fit(fitted, of_texts):
    with pytest.raises(DataFormatError, match="X is texts, but in fit it was lists of tokens"):
        fitted.predict(TEXTS)
    with pytest.raises(DataFormatError, match="y is lists of tokens, but in fit it was texts"):
        of_texts.log_likelihood(TEXTS, Y)
    with pytest.raises(DataFormatError, match="Row 1 of X has no token"):
        fitted.log_likelihood([["a"], []], [["A"], ["A"]])
    with pytest.raises(DataFormatError, match="Row 0 of X has no token"):
        of_texts.attention([""])


def test_the_decoder_is_causal_and_carries_a_state():
    for name in ("backend", "decoder_backend"):
        with pytest.raises(InvalidParameterError, match=f"{name}=.*not causal: it would see"):
            LSTMTranslator(**TINY, **{name: LooksAhead()}).fit(X[:20], Y[:20])
    model = LSTMTranslator(**TINY, backend=LooksAhead(), decoder_backend="gru")
    assert model.fit(X[:20], Y[:20]).predict(X[:2]).shape == (2,)


def test_kernels_and_autograd_train_alike(monkeypatch):
    options = {**TINY, "precision": "float32", "copy": True, "coverage": 0.2, "dropout": 0.3}
    by_kernels = LSTMTranslator(**options).fit(X[:40], Y[:40])
    monkeypatch.setattr(KernelGradient, "of", lambda *given: None)
    by_autograd = LSTMTranslator(**options).fit(X[:40], Y[:40])
    np.testing.assert_allclose(by_kernels.loss_curve_, by_autograd.loss_curve_, rtol=1e-5)


@pytest.mark.slow
def test_it_trains_in_bf16(fit_in_bf16):
    model = fit_in_bf16(LSTMTranslator(**SMALL, max_epochs=16, precision="bf16"), X, Y)
    assert model.score(X_NEW, Y_NEW) > 0.9
    assert model.net_.module_.head.autocast == torch.bfloat16


@pytest.mark.slow
@pytest.mark.parametrize("copy", [False, True])
def test_float64_and_layers(copy):
    options = {**TINY, "copy": copy, "num_layers": 2, "coverage": 0.1}
    models = [LSTMTranslator(**options, dtype=dtype) for dtype in ("float64", "float32")]
    losses = [
        model.set_params(precision="float32").fit(X[:30], Y[:30]).loss_curve_ for model in models
    ]
    np.testing.assert_allclose(*losses, rtol=0.05)
    assert models[0].log_likelihood(X[:3], Y[:3]).dtype == np.float64


@pytest.mark.slow
@pytest.mark.parametrize("backend", names_for_vectors(gaps=False))
def test_any_core_reads_and_any_causal_one_writes(backend):
    decoder = backend if resolve_backend(backend).causal else "torch"
    model = LSTMTranslator(**TINY, backend=backend, decoder_backend=decoder).fit(X[:30], Y[:30])
    due = model.predict(LONG[:9]).tolist()
    assert [model.predict([one])[0] for one in LONG[:9]] == due
