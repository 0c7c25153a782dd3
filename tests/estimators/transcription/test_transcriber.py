"""LSTMTranscriber: answers, what they do not depend on, timings, what is refused."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline

from seqlearn import LSTMTranscriber, to_sequences
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.metrics import token_error_rate
from seqlearn.preprocessing import SequenceScaler

SMALL = {"hidden_size": 16, "lr": 0.02, "dropout": 0.1, "random_state": 0}
TINY = {**SMALL, "hidden_size": 6, "max_epochs": 2}
SOUNDS = np.random.default_rng(5).normal(size=(3, 3))


def signal(text, rng):
    """Four frames of a sound for each letter, and some of silence between."""
    parts = [np.zeros((1, 3))]
    for letter in text:
        parts += [np.repeat(SOUNDS["abc".index(letter)][None], 4, axis=0)]
        parts += [np.zeros((rng.integers(1, 4), 3))]
    frames = np.concatenate(parts)
    return frames + rng.normal(scale=0.2, size=frames.shape)


def speech(n, seed=0, longest=5):
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice([*"abc"], size=rng.integers(0, longest + 1))) for _ in range(n)]
    return [signal(text, rng) for text in texts], texts


X, Y = speech(160)
X_NEW, Y_NEW = speech(40, seed=1)
LISTS = [["abc".index(letter) for letter in text] for text in Y]
WORDS = [" ".join({"a": "one", "b": "two", "c": "three"}[letter] for letter in text) for text in Y]


@pytest.fixture(scope="module")
def fitted():
    return LSTMTranscriber(**SMALL, stack=2, max_epochs=20).fit(X, Y)


@pytest.fixture(scope="module")
def rough():
    """Fitted for so short a time that its probabilities are not sharp."""
    return LSTMTranscriber(**{**SMALL, "hidden_size": 8}, max_epochs=4).fit(X, Y)


@pytest.mark.slow
def test_it_learns(fitted):
    answers = fitted.predict(X_NEW)
    assert type(answers) is list and set(map(type, answers)) == {str}
    assert fitted.symbols_.tolist() == ["a", "b", "c"]
    error = token_error_rate(list(map(list, Y_NEW)), list(map(list, answers)))
    assert fitted.score(X_NEW, Y_NEW) == 1 - error > 0.97
    assert fitted.loss_curve_[-1] < 0.1 and np.isfinite(fitted.loss_curve_).all()
    assert fitted.net_._kernel_gradient is not None  # on the fast road
    assert len(fitted.history_) == fitted.n_iter_ == 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {"bidirectional": False, "max_epochs": 30},
        {"backend": "gru"},
        {"num_layers": 2, "stack": 3},
        {"input_dropout": 0.1},
    ],
    ids=str,
)
def test_it_learns_with_other_networks(params):
    model = LSTMTranscriber(**{**SMALL, "max_epochs": 20, **params}).fit(X, Y)
    assert model.score(X_NEW, Y_NEW) > 0.85


@pytest.mark.slow
def test_answers_come_as_y_was():
    models = [LSTMTranscriber(**SMALL, max_epochs=15).fit(X, y) for y in (LISTS, Y)]
    of_words = LSTMTranscriber("word", **SMALL, max_epochs=15).fit(X, WORDS)
    lists, texts, words = [model.predict(X_NEW[:9]) for model in [*models, of_words]]
    assert lists.shape == (9,) and all(type(one) is list for one in lists)
    assert [["abc"[code] for code in one] for one in lists] == list(map(list, texts))
    assert of_words.symbols_.tolist() == ["one", "three", "two"]
    assert [one.split() for one in words] == [
        [["one", "two", "three"][code] for code in one] for one in lists
    ]
    assert models[0].score(X_NEW, [["abc".index(c) for c in text] for text in Y_NEW]) > 0.9


def test_posteriors_have_a_column_for_the_blank(fitted):
    values = fitted.predict_log_proba(X_NEW)
    for one, x in zip(values, X_NEW, strict=True):
        assert one.shape == (-(-len(x) // 2), 4)
        np.testing.assert_allclose(np.exp(one).sum(axis=1), 1.0, rtol=1e-6)
    paths = [one.argmax(axis=1) for one in values]
    said = [
        "".join(
            fitted.symbols_[c - 1]
            for c, before in zip(p, [0, *p], strict=False)
            if c and c != before
        )
        for p in paths
    ]
    assert clone_with(fitted, decoder="greedy").predict(X_NEW) == said


def clone_with(model, **params):
    return pickle.loads(pickle.dumps(model)).set_params(**params)


def test_decoding_needs_no_new_fit_and_a_wider_beam_finds_no_less(rough):
    scores = [
        [own[0] for own in clone_with(rough, beam_width=width).predict_n_best(X_NEW, 1, True)[1]]
        for width in (1, 4, 32)
    ]
    assert np.mean(scores[0]) < np.mean(scores[1]) <= np.mean(scores[2]) + 1e-9
    answers, values = rough.predict_n_best(X_NEW, 3, return_scores=True)
    assert [own[0] for own in answers] == rough.predict(X_NEW)
    for own, of_own in zip(answers, values, strict=True):
        assert len(set(own)) == len(own) == len(of_own) <= 3
        assert (np.diff(of_own) <= 0).all() and of_own[0] <= 0


def test_batch_mates_order_and_padding_change_nothing(rough):
    values = rough.predict_log_proba(X_NEW)
    order = np.random.default_rng(0).permutation(len(X_NEW))
    turned = rough.predict_log_proba([X_NEW[i] for i in order])
    for i, row in enumerate(order):
        np.testing.assert_allclose(turned[i], values[row], atol=1e-5)
    for x, own in zip(X_NEW[:6], values, strict=False):
        np.testing.assert_allclose(rough.predict_log_proba([x])[0], own, atol=1e-5)
    answers = rough.predict(X_NEW)
    assert [rough.predict([x])[0] for x in X_NEW] == answers
    assert rough.predict(to_sequences(X_NEW)) == answers


@pytest.mark.parametrize("decoder", ["beam", "greedy"])
def test_timings_are_where_the_sounds_are(fitted, decoder):
    model = clone_with(fitted, decoder=decoder)
    answers = model.predict(X_NEW)
    in_steps = model.predict_timings(X_NEW)
    in_seconds = model.predict_timings(X_NEW, step_seconds=0.01)
    for x, answer, steps, seconds in zip(X_NEW, answers, in_steps, in_seconds, strict=True):
        assert "".join(symbol for symbol, _, _ in steps) == answer
        ends = 0
        for (symbol, start, end), (_, begin, until) in zip(steps, seconds, strict=True):
            assert ends <= start < end <= len(x) and start % 2 == 0
            assert (begin, until) == pytest.approx((start / 100, end / 100))
            is_loud = np.abs(x[start:end] - SOUNDS["abc".index(symbol)]).max(axis=1) < 1.0
            assert is_loud.any()
            ends = end
    assert all(type(one[1]) is int for row in in_steps for one in row)


def test_given_strings_are_aligned(fitted):
    timings = fitted.predict_timings(X_NEW[:3], y=["ab", "", "b"])
    assert [[one[0] for one in row] for row in timings] == [["a", "b"], [], ["b"]]
    with pytest.raises(DataFormatError, match=r"Row 1 of y cannot be said .* needs 801, .* has"):
        fitted.predict_timings(X_NEW[:2], y=["a", "a" * 401])
    for y in (["a"], ["a", "b", "c"]):
        with pytest.raises(DataFormatError, match="inconsistent numbers of samples"):
            fitted.predict_timings(X_NEW[:2], y=y)
    with pytest.raises(InvalidParameterError, match="step_seconds"):
        fitted.predict_timings(X_NEW[:2], -1)


def test_a_row_too_short_for_its_string_is_named_and_refused_or_left_out():
    short = [np.zeros((3, 3)), X[0], np.zeros((1, 3))]
    y = ["aab", "ab", "ba"]
    with pytest.raises(DataFormatError, match=r"rows 0 and 2.*row 0 needs 4 and has 3"):
        LSTMTranscriber(**TINY).fit(short, y)
    with pytest.raises(DataFormatError, match=r"step of 3 frames.*row 1 needs 2 and has 1"):
        LSTMTranscriber(**TINY, stack=3).fit([X[0], X[0][:3]], ["a", "ab"])
    LSTMTranscriber(**TINY).fit([np.zeros((4, 3))], ["aab"])  # just enough
    LSTMTranscriber(**TINY).fit(short, y, sample_weight=[0, 1, 0])
    model = LSTMTranscriber(**TINY, on_infeasible="drop").fit(short * 3, y * 3)
    assert model.dropped_rows_.tolist() == [0, 2, 3, 5, 6, 8]
    assert np.isfinite(model.loss_curve_).all()
    alone = LSTMTranscriber(**TINY).fit([X[0]], ["ab"])
    assert model.loss_curve_ == pytest.approx(alone.loss_curve_)
    with pytest.raises(DataFormatError, match="No other row is left"):
        LSTMTranscriber(**TINY, on_infeasible="drop").fit(short[:1], y[:1])


def test_empty_targets_are_silence(fitted):
    assert "" in Y and fitted.predict([np.zeros((30, 3))]) == [""]
    assert fitted.score([np.zeros((30, 3))], [""]) == 1.0
    with pytest.raises(DataFormatError, match="No row of y holds a symbol"):
        LSTMTranscriber(**TINY).fit(X[:2], ["", ""])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([*Y_NEW[:-1], "axa"], r"y holds 'x', never seen in fit, in row 39"),
        ([["a"]] * 40, r"y is lists of symbols, but in fit it was texts"),
        (Y_NEW[:-1], "40"),
        ([*Y_NEW[:-1], None], "Row 39 of y is None.*It is missing"),
    ],
)
def test_y_of_a_score_has_known_symbols(fitted, y, message):
    with pytest.raises(DataFormatError, match=message):
        fitted.score(X_NEW, y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ("abc", "y is 'abc'"),
        ([1, 2, 3], "Row 0 of y is 1, of type int, not a text or a list of symbols"),
        (["a", ["b"], "c"], r"Row 1 of y is \['b'\].*not a text"),
        ([["a"], [None], ["c"]], "Symbol 0 of row 1 of y"),
        ([["a"], [1], ["c"]], "y"),
        ([["a"], [1.5], ["c"]], "y"),
        (["a", np.nan, "b"], "Row 1 of y is nan.*missing"),
        (["a", "b"], "X has 3 sequences, y has 2"),
        (None, "requires y"),
    ],
)
def test_y_that_is_no_list_of_strings_is_refused(y, message):
    with pytest.raises(DataFormatError, match=message):
        LSTMTranscriber(**TINY).fit(X[:3], y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"unit": "chars"}, "did you mean 'char'"),
        ({"stack": 0}, "stack"),
        ({"decoder": "bean"}, "did you mean 'beam'"),
        ({"beam_width": 0}, "beam_width"),
        ({"on_infeasible": "skip"}, "on_infeasible"),
        ({"chunk_steps": 100}, "chunk_steps=100 leaves nothing"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_parameters_are_checked(params, message):
    with pytest.raises(InvalidParameterError, match=message):
        LSTMTranscriber(**params).fit(X[:3], Y[:3])


def test_decoding_parameters_are_checked_at_prediction(fitted):
    with pytest.raises(InvalidParameterError, match="beam_width"):
        clone_with(fitted, beam_width=0).predict(X_NEW[:1])
    with pytest.raises(InvalidParameterError, match=r"n of .*predict_n_best"):
        fitted.predict_n_best(X_NEW[:1], 0)


def test_weights_are_repetitions_and_equal_seeds_equal_bits():
    weights = np.arange(12) % 3
    weighted = LSTMTranscriber(**TINY).fit(X[:12], Y[:12], sample_weight=weights)
    rows = np.repeat(np.arange(12), weights)
    repeated = LSTMTranscriber(**TINY).fit([X[i] for i in rows], [Y[i] for i in rows])
    again = LSTMTranscriber(**TINY).fit([X[i] for i in rows], [Y[i] for i in rows])
    for a, b, c in zip(
        *(m.predict_log_proba(X_NEW) for m in (weighted, repeated, again)), strict=True
    ):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(b, c)
    assert weighted.score(X_NEW, Y_NEW, sample_weight=np.eye(40)[0]) == weighted.score(
        X_NEW[:1], Y_NEW[:1]
    )


@pytest.mark.slow
def test_training_goes_on_with_the_symbols_of_the_first_call():
    model = LSTMTranscriber(**{**SMALL, "lr": 0.01}, stack=2)
    for _ in range(25):
        model.partial_fit(X, Y, symbols=[*"abcd"])
    assert model.symbols_.tolist() == [*"abcd"] and model.n_iter_ == 25
    assert model.score(X_NEW, Y_NEW) > 0.9
    model.partial_fit(X[:2], ["ad", "d"])
    with pytest.raises(DataFormatError, match="'e', never seen in the last fit, in row 1"):
        model.partial_fit(X[:2], ["a", "e"])
    with pytest.raises(DataFormatError, match="never seen among symbols="):
        LSTMTranscriber(**TINY).partial_fit(X[:2], ["a", "e"], symbols=["a"])
    with pytest.raises(DataFormatError, match="symbols is 'ab', of type str"):
        LSTMTranscriber(**TINY).partial_fit(X[:2], ["a", "b"], symbols="ab")
    with pytest.raises(DataFormatError, match="not the same as in the first call"):
        model.partial_fit(X[:2], ["a", "b"], symbols=["a", "b"])
    warm = clone(model).set_params(warm_start=True, max_epochs=2).fit(X, Y).fit(X, Y)
    assert warm.n_iter_ == 4
    with pytest.raises(InvalidParameterError, match="stack was 2; now it is 3"):
        warm.set_params(stack=3).fit(X, Y)


def test_it_stops_early_by_what_it_would_score():
    model = LSTMTranscriber(**SMALL, early_stopping=True, max_epochs=12).fit(X, Y)
    assert 0 < max(row["valid_score"] for row in model.history_) <= 1


@pytest.mark.slow
def test_it_stands_in_pipelines_and_searches():
    pipe = make_pipeline(SequenceScaler(), LSTMTranscriber(**SMALL, max_epochs=12, stack=2))
    assert pipe.fit(X, Y).score(X_NEW, Y_NEW) > 0.8
    model = LSTMTranscriber(**TINY)
    assert cross_val_score(model, X[:30], Y[:30], cv=2).shape == (2,)
    assert len(cross_val_predict(model, X[:30], Y[:30], cv=2)) == 30
    grid = GridSearchCV(model, {"decoder": ["greedy", "beam"], "stack": [1, 2]}, cv=2)
    assert set(grid.fit(X[:30], Y[:30]).best_params_) == {"decoder", "stack"}


def test_it_is_pickled_and_saved(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    assert again.predict(X_NEW) == fitted.predict(X_NEW)
    assert again.symbols_.tolist() == fitted.symbols_.tolist()


def test_other_forms_of_X():
    rng = np.random.default_rng(0)
    y = ["a", "b", "ab", ""] * 3
    model = LSTMTranscriber(**TINY).fit(rng.normal(size=(12, 9)), y)
    assert model.input_kind_ == "series" and len(model.predict(rng.normal(size=(3, 9)))) == 3
    model = LSTMTranscriber(**TINY).fit(rng.normal(size=(12, 9, 2)).tolist(), np.array(y))
    assert model.n_features_in_ == 2 and len(model.predict([[[0.0, 1.0]]])) == 1
    with pytest.raises(DataFormatError):
        model.predict([[[0.0, 1.0, 2.0]]])


# Long recordings.


@pytest.mark.slow
@pytest.mark.parametrize("stack", [1, 3])
def test_chunks_give_what_the_whole_gives_where_they_overlap_enough(stack):
    model = LSTMTranscriber(**SMALL, stack=stack, max_epochs=12).fit(X, Y)
    rng = np.random.default_rng(3)
    long = [signal(rng.choice([*"abc"], size=n), rng) for n in (3, 60, 31, 47)]
    whole = model.predict_log_proba(long)
    cut = clone_with(model, chunk_steps=90, chunk_overlap=36)
    for a, b in zip(cut.predict_log_proba(long), whole, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(np.exp(a), np.exp(b), atol=0.02)
    assert cut.predict(long) == model.predict(long)
    assert cut.predict_timings(long) == model.predict_timings(long)
