"""LSTMLanguageModel: scores, probabilities and samples, against what must hold of any of them."""

import itertools
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from seqlearn import LSTMLanguageModel
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.preprocessing import Tokenizer
from seqlearn.training import pieces

SMALL = {"hidden_size": 8, "embedding_size": 6, "max_epochs": 2, "random_state": 0}
RNG = np.random.default_rng(0)


def walk(n, seed=0):
    """A text of which each letter is followed by one of two."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([1, 3], size=n, p=[0.8, 0.2])
    return "".join("abcdefgh"[i % 8] for i in np.cumsum(steps))


@pytest.fixture(scope="module")
def of_walk():
    return LSTMLanguageModel(
        hidden_size=24, embedding_size=8, chunk_length=16, lr=0.02, max_epochs=12, random_state=0
    ).fit([walk(4000)])


@pytest.fixture(scope="module")
def of_names():
    names = ["anna", "ada", "nina", "dana", "ann"]
    return LSTMLanguageModel(**SMALL | {"max_epochs": 60, "lr": 0.02, "dropout": 0.0}).fit(names)


@pytest.fixture(scope="module")
def of_words():
    texts = ["the cat sat on the mat .", "the dog sat on the rug ."] * 2
    return LSTMLanguageModel("word", **SMALL, min_frequency=1).fit([" ".join(texts), *texts])


def test_it_learns_what_comes_next(of_walk):
    entropy = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2))
    assert -of_walk.score([walk(2000, 1)]) == pytest.approx(entropy, abs=0.03)
    shares = pd.Series(of_walk.predict_proba(["abc"])[0], of_walk.vocabulary_)
    assert shares["d"] == pytest.approx(0.8, abs=0.08)
    assert shares["f"] == pytest.approx(0.2, abs=0.08)


def test_measures_are_forms_of_the_score(of_walk):
    texts = [walk(50, 2), walk(20, 3)]
    score = of_walk.score(texts)
    assert of_walk.perplexity(texts) == pytest.approx(np.exp(-score))
    assert of_walk.bits_per_token(texts) == pytest.approx(-score / np.log(2))
    each = of_walk.score_samples(texts)
    assert each.shape == (2,)
    assert score == pytest.approx((50 * each[0] + 20 * each[1]) / 70)


@pytest.mark.parametrize("piece", [3, 20, 10_000])
def test_a_score_does_not_depend_on_pieces_batches_and_order(of_walk, monkeypatch, piece):
    texts = [walk(n, n) for n in (150, 1, 70, 20, 149)]
    due = of_walk.score_samples(texts)
    monkeypatch.setattr(pieces, "PIECE", piece)
    np.testing.assert_allclose(of_walk.score_samples(texts), due, atol=1e-4)
    np.testing.assert_allclose(of_walk.score_samples(texts[::-1])[::-1], due, atol=1e-4)
    alone = [of_walk.score_samples([text])[0] for text in texts]
    np.testing.assert_allclose(alone, due, atol=1e-4)


def test_a_score_is_that_of_single_steps(of_walk):
    text = walk(40, 5)
    codes = {token: i for i, token in enumerate(of_walk.vocabulary_)}
    steps = [of_walk.predict_proba([text[:i]])[0, codes[text[i]]] for i in range(len(text))]
    assert of_walk.score([text]) == pytest.approx(np.log(steps).mean(), abs=1e-5)


def test_a_zero_state_and_a_warm_one_agree_after_a_while(of_walk):
    text = walk(600, 7)
    known = of_walk._known([text, text[300:]])
    values = pieces.log_likelihoods(of_walk.net_, of_walk._dataset(known)[0])
    whole, cold = values[:600], values[600:]
    np.testing.assert_allclose(whole[400:], cold[100:], atol=0.05)


def test_the_probabilities_of_all_continuations_sum_to_one(of_walk, of_names):
    for model in (of_walk, of_names):
        tokens = model.vocabulary_
        first = model.predict_proba(["a"])[0]
        second = model.predict_proba([f"a{token}" for token in tokens])
        np.testing.assert_allclose((first[:, None] * second).sum(), 1, atol=1e-6)
        pairs = first[:, None] * second
        i, j = 1, 2
        text = f"a{tokens[i]}{tokens[j]}"
        product = model.predict_proba([""])[0, list(tokens).index("a")] * pairs[i, j]
        n = len(text)
        if model is of_walk:
            assert n * model.score([text]) == pytest.approx(np.log(product), abs=1e-4)


def test_the_end_is_a_token_where_there_are_several_texts(of_names, of_walk):
    assert of_names.vocabulary_[-1] == "<end>" and "<end>" not in of_walk.vocabulary_
    codes = {token: i for i, token in enumerate(of_names.vocabulary_)}
    steps = [of_names.predict_proba(["anna"[:i]])[0] for i in range(5)]
    due = [steps[i][codes[token]] for i, token in enumerate([*"anna", "<end>"])]
    assert of_names.score(["anna"]) == pytest.approx(np.log(due).mean(), abs=1e-5)
    assert of_names.score_samples([""]) == pytest.approx(np.log(steps[0][-1]), abs=1e-5)


# Samples.


def test_samples_have_the_prefix_in_front_and_differ(of_walk):
    samples = of_walk.sample(4, prefix="abc", max_new_tokens=20, random_state=0)
    assert {len(one) for one in samples} == {23}
    assert all(one.startswith("abc") for one in samples) and len(set(samples)) == 4


@pytest.mark.parametrize("options", [{}, {"top_k": 2}, {"top_p": 0.9}, {"temperature": 0.5}])
def test_a_sample_is_the_same_however_many_there_are(of_walk, of_names, options):
    for model in (of_walk, of_names):
        many = model.sample(7, random_state=3, max_new_tokens=40, **options)
        assert model.sample(2, random_state=3, max_new_tokens=40, **options) == many[:2]
        assert model.sample(7, random_state=4, max_new_tokens=40, **options) != many


def test_samples_are_drawn_from_the_probabilities(of_walk):
    first = [one[-1] for one in of_walk.sample(4000, prefix="abc", max_new_tokens=1)]
    shares = pd.Series(first).value_counts(normalize=True)
    due = pd.Series(of_walk.predict_proba(["abc"])[0], of_walk.vocabulary_)
    assert (shares - due[shares.index]).abs().max() < 0.03


def test_nothing_unlikely_is_drawn_with_top_k_and_top_p(of_walk):
    due = pd.Series(of_walk.predict_proba(["abc"])[0], of_walk.vocabulary_).sort_values()
    best = due.index[-1]
    for options in ({"top_k": 1}, {"top_p": 1e-6}, {"temperature": 0}, {"temperature": 1e-4}):
        found = of_walk.sample(50, prefix="abc", max_new_tokens=1, **options)
        assert set(found) == {f"abc{best}"}
    pairs = of_walk.sample(200, prefix="abc", max_new_tokens=1, top_k=2)
    assert {one[-1] for one in pairs} == set(due.index[-2:])
    many = of_walk.sample(5, max_new_tokens=5, top_k=10_000, random_state=0)
    assert many == of_walk.sample(5, max_new_tokens=5, random_state=0)


def test_greedy_is_the_likeliest_step_by_step(of_words):
    text = of_words.sample(prefix="the", max_new_tokens=5, temperature=0)[0]
    tokens = ["the"]
    for _ in range(5):
        shares = of_words.predict_proba([" ".join(tokens)])[0]
        shares[0] = 0  # the unknown word
        best = of_words.vocabulary_[shares.argmax()]
        if best == "<end>":
            break
        tokens.append(best)
    assert text.split() == tokens or text.replace(".", " .").split() == tokens


def test_unknown_tokens_are_never_written():
    tokens = [list(RNG.choice([*"abc", "rare1", "rare2"], p=[0.1, 0.1, 0.1, 0.35, 0.35], size=9))]
    model = LSTMLanguageModel(**SMALL, min_frequency=4).fit(tokens * 3 + [["a"] * 4])
    assert "<unk>" in model.vocabulary_
    samples = model.sample(50, max_new_tokens=20, random_state=0)
    assert "<unk>" not in itertools.chain(*samples)


def test_where_no_token_is_known_there_is_nothing_to_learn():
    with pytest.raises(DataFormatError, match="No token occurs 2 times in X"):
        LSTMLanguageModel("word", **SMALL).fit(["one two", "three"])
    with pytest.raises(DataFormatError, match="All texts of X are empty"):
        LSTMLanguageModel(**SMALL).fit(["", ""])


def test_a_token_that_looks_like_the_end_is_one_only_where_no_end_is_predicted():
    texts = [["a", "<end>"], ["a", "<end>"]]
    with pytest.raises(DataFormatError, match="Set ends=False"):
        LSTMLanguageModel(**SMALL).fit(texts)
    model = LSTMLanguageModel(**SMALL, ends=False).fit(texts)
    assert model.vocabulary_.tolist() == ["<unk>", "<end>", "a"]


def test_rare_tokens_of_lists_are_unknown_and_rare_characters_are_not():
    lists = LSTMLanguageModel(**SMALL).fit([["a", "b", "b"], ["b"]])
    assert lists.vocabulary_.tolist() == ["<unk>", "b", "<end>"]
    for unit in ("char", Tokenizer("character")):
        model = LSTMLanguageModel(unit, **SMALL).fit(["abb", "b"])
        assert model.vocabulary_.tolist() == ["<unk>", "b", "a", "<end>"]


def test_texts_end_where_those_of_training_do(of_names):
    samples = of_names.sample(200, random_state=0)
    assert np.mean([len(one) for one in samples]) < 8
    assert {"anna", "ann"} & set(samples)


def test_stop_strings_are_kept_and_come_after_the_prefix(of_walk):
    free = of_walk.sample(5, prefix="gh", max_new_tokens=60, random_state=1)
    stopped = of_walk.sample(5, prefix="gh", max_new_tokens=60, stop=["gh", "ha"], random_state=1)
    for whole, one in zip(free, stopped, strict=True):
        ends = [whole.find(stop, 2) + 2 for stop in ("gh", "ha") if stop in whole[2:]]
        assert one == (whole[: min(ends)] if ends else whole)
    assert of_walk.sample(prefix="abc", stop="zzz", max_new_tokens=9)[0].startswith("abc")


@pytest.mark.parametrize("unit", ["char", "word", "bpe"])
def test_a_stop_ends_a_text_where_the_whole_text_has_it(unit):
    texts = ['he said " go " .', 'go " he " said .', '" said " go he .'] * 3
    model = LSTMLanguageModel(unit, **SMALL, vocabulary_size=20).fit(texts)
    options = {"prefix": 'he said "', "max_new_tokens": 60, "random_state": 0}
    free = model.sample(30, **options)
    for stop in ('"go', 'go"', ' "', '" ', "he", " he", ["said.", "aid"], "e g"):
        stopped = model.sample(30, stop=stop, **options)
        for whole, one in zip(free, stopped, strict=True):
            new = whole[len(options["prefix"]) :]
            given = [stop] if isinstance(stop, str) else stop
            ends = [new.find(each) + len(each) for each in given if each in new]
            assert one == options["prefix"] + new[: min(ends, default=None)]


def test_words_are_not_joined_by_two_spaces_where_the_prefix_brings_one(of_words):
    without = of_words.sample(prefix="the cat", temperature=0)[0]
    assert without.startswith("the cat ")
    assert of_words.sample(prefix="the cat ", temperature=0)[0] == without


def test_a_prefix_of_tokens_comes_in_any_sequence():
    model = LSTMLanguageModel(**SMALL).fit([["a", "b"]] * 3)
    options = {"max_new_tokens": 5, "random_state": 0}
    due = model.sample(prefix=["a", "zz"], **options)
    assert due[0][:2] == ["a", "zz"]
    for prefix in (("a", "zz"), np.array(["a", "zz"])):
        assert model.sample(prefix=prefix, **options) == due


@pytest.mark.parametrize("options", [{"temperature": 1e-320}, {"top_p": 5e-324}, {"top_p": 1e-40}])
def test_the_boldest_choice_is_the_likeliest(of_walk, options):
    greedy = of_walk.sample(2, temperature=0, max_new_tokens=20)
    assert of_walk.sample(2, max_new_tokens=20, random_state=0, **options) == greedy


def test_a_sample_does_not_depend_on_how_many_tokens_it_may_have(of_walk, of_names):
    long = of_walk.sample(2, max_new_tokens=600, random_state=0)
    assert [one[:300] for one in long] == of_walk.sample(2, max_new_tokens=300, random_state=0)
    due = of_names.sample(2, random_state=0)
    assert of_names.sample(2, max_new_tokens=10**12, random_state=0) == due


def test_stop_tokens_of_lists():
    model = LSTMLanguageModel(**SMALL, min_frequency=1).fit([["a", "b", "a", "c"] * 20])
    found = model.sample(3, prefix=["a"], stop="c", max_new_tokens=500, random_state=0)
    assert all(one[0] == "a" and one[-1] == "c" and "c" not in one[1:-1] for one in found)


def test_no_steps_give_the_prefix(of_walk, of_names):
    assert of_walk.sample(2, prefix="ab", max_new_tokens=0) == ["ab", "ab"]
    assert of_names.sample(max_new_tokens=0) == [""]


def test_global_random_states_are_left_alone(of_walk):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    of_walk.sample(2, max_new_tokens=5, random_state=0)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()


def test_a_bar_shows_progress_if_asked(of_walk, capsys):
    of_walk.sample(max_new_tokens=3)
    assert not capsys.readouterr().err
    clone(of_walk)
    of_walk.verbose = 1
    try:
        of_walk.sample(max_new_tokens=3)
    finally:
        of_walk.verbose = 0
    assert "3/3" in capsys.readouterr().err


# Units and containers.


@pytest.mark.parametrize(
    "unit", ["char", "word", "bpe", Tokenizer(lowercase=True), Tokenizer("character")]
)
def test_units(unit):
    texts = ["To be, or not to be", "that is the question", "To be sure"]
    model = LSTMLanguageModel(unit, **SMALL, vocabulary_size=40).fit(texts)
    assert np.isfinite(model.score(texts)) if unit in ("char", "bpe") else True
    sample = model.sample(prefix="To be", max_new_tokens=3, random_state=0)[0]
    assert sample.startswith("To be")
    assert model.predict_proba(["To"]).sum() == pytest.approx(1)


def test_words_come_from_columns_and_lists_are_not_cut_again():
    texts = ["a b c", "b c", "a"]
    models = [
        LSTMLanguageModel("word", **SMALL).fit(X)
        for X in (texts, tuple(texts), np.array(texts), pd.Series(texts), pl.Series(texts))
    ]
    for model in models:
        assert model.score(texts) == models[0].score(texts)
    model = LSTMLanguageModel("word", **SMALL, min_frequency=1).fit([["New York", "is"], ["is"]])
    assert "New York" in model.vocabulary_
    with pytest.raises(DataFormatError, match="lists of tokens"):
        model.score(["New York is"])


def test_rare_words_are_unknown_and_a_warning_says_so(of_words):
    with pytest.warns(UserWarning, match=r"2 of 4 tokens of X \(50.00%\) are unknown"):
        of_words.score(["the unicorn sat upright"])
    model = LSTMLanguageModel("word", **SMALL).fit(["one two two", "three two"])
    assert model.vocabulary_.tolist() == ["<unk>", "two", "<end>"]
    marked = LSTMLanguageModel(**SMALL, min_frequency=1).fit([["<unk>", "a"], ["a"]])
    assert marked.vocabulary_.tolist() == ["<unk>", "a", "<end>"]


# scikit-learn's tools.


def test_searches_and_validation():
    texts = [walk(30, i) for i in range(12)]
    search = GridSearchCV(
        LSTMLanguageModel(**SMALL), {"hidden_size": [2, 16], "lr": [0.02]}, cv=2
    ).fit(texts)
    assert search.best_params_["hidden_size"] == 16
    assert cross_val_score(LSTMLanguageModel(**SMALL), texts, cv=3).shape == (3,)


def test_equal_seeds_give_equal_bits_and_others_do_not():
    texts = [walk(100, i) for i in range(3)]
    first, second = (LSTMLanguageModel(**SMALL).fit(texts).score(texts) for _ in range(2))
    assert first == second
    assert LSTMLanguageModel(**SMALL | {"random_state": 1}).fit(texts).score(texts) != first


def test_training_goes_on():
    model = LSTMLanguageModel(**SMALL, warm_start=True).fit([walk(500)])
    before = model.score([walk(500)])
    assert model.fit([walk(500)]).n_iter_ == 4
    assert model.partial_fit([walk(300, 1)]).n_iter_ == 5
    assert model.score([walk(500)]) > before
    with pytest.warns(UserWarning, match="unknown"):
        model.partial_fit(["xyz" * 20]).score(["xyz"])


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ({"unit": "char"}, {"unit": "word"}, "unit"),
        ({"unit": "bpe"}, {"unit": "bpe", "vocabulary_size": 30}, "vocabulary_size"),
        ({"unit": Tokenizer()}, {"unit": Tokenizer(lowercase=True)}, "unit"),
        ({}, {"min_frequency": 2}, "min_frequency"),
        ({}, {"ends": False}, "ends"),
    ],
)
def test_training_does_not_go_on_with_other_tokens(first, second, name):
    texts = ["a b a b", "a b c"]
    model = LSTMLanguageModel(**SMALL, **first, warm_start=True).fit(texts)
    copied = pickle.loads(pickle.dumps(model)).fit(texts)  # the same tokenizer, another object
    assert copied.n_iter_ == 4
    with pytest.raises(InvalidParameterError, match=rf"in which {name} was"):
        model.set_params(**second).fit(texts)
    assert model.n_iter_ == 2


def test_early_stopping_of_one_short_text_is_refused_in_words_of_texts():
    with pytest.raises(DataFormatError, match="X is one text of 20 tokens"):
        LSTMLanguageModel(**SMALL, early_stopping=True).fit(["ab" * 10] * 3)


def test_warnings_point_to_the_line_that_asked(of_walk):
    asked = (of_walk.score, of_walk.score_samples, of_walk.perplexity, of_walk.bits_per_token)
    for measure in asked:
        with pytest.warns(UserWarning, match="unknown") as caught:
            measure(["xyz"])
        assert caught[0].filename == __file__


@pytest.mark.parametrize("piece", [3, 7, 10_000])
def test_what_comes_next_does_not_depend_on_pieces(of_walk, monkeypatch, piece):
    prefixes = [walk(n, n) for n in (50, 0, 1, 21, 6, 7, 14)]
    alone = [of_walk.predict_proba([one])[0] for one in prefixes]
    monkeypatch.setattr(pieces, "PIECE", piece)
    np.testing.assert_allclose(of_walk.predict_proba(prefixes), alone, atol=1e-5)
    assert of_walk.predict_proba([]).shape == (0, len(of_walk.vocabulary_))


@pytest.mark.parametrize("n_texts", [1, 30])
def test_early_stopping_holds_out_ends_of_few_texts_and_some_of_many(n_texts):
    texts = [walk(400 if n_texts == 1 else 20, i) for i in range(n_texts)]
    model = LSTMLanguageModel(**SMALL, early_stopping=True).fit(texts)
    row = model.history_[-1]
    assert row["valid_score"] == pytest.approx(-row["valid_loss"], abs=1e-5)


def test_backends_and_layers():
    text = walk(300)
    for options in ({"backend": "gru"}, {"num_layers": 2}, {"tied": False}, {"dtype": "float64"}):
        model = LSTMLanguageModel(**SMALL | options).fit([text])
        assert -3 < model.score([text]) < 0
        assert model.sample(2, random_state=0, max_new_tokens=5)[0] != ""


# What is refused.


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"unit": "letter"}, "'unit' parameter of LSTMLanguageModel must be one of 'char', 'word'"),
        ({"unit": "chars"}, "did you mean 'char'"),
        ({"ends": "yes"}, "'ends' parameter of LSTMLanguageModel must be True, False or 'auto'"),
        ({"chunk_length": 0}, "'chunk_length' parameter"),
        ({"min_frequency": 0}, "'min_frequency' parameter"),
    ],
)
def test_bad_parameters(options, match):
    with pytest.raises(InvalidParameterError, match=match):
        LSTMLanguageModel(**options).fit(["ab"])


def test_backends_that_look_ahead_are_refused():
    with pytest.raises(InvalidParameterError, match="would see the token"):
        LSTMLanguageModel(backend="lstmfcn").fit(["abc"])


@pytest.mark.parametrize(
    ("X", "match"),
    [
        ("To be", "Pass"),
        ([], "no text"),
        (["ab", 3], "1"),
        ([["a"], "b"], "1"),
        ([1, 2], "0"),
    ],
)
def test_bad_texts(X, match):
    with pytest.raises(DataFormatError, match=match):
        LSTMLanguageModel(**SMALL).fit(X)


def test_empty_texts(of_walk):
    with pytest.raises(DataFormatError, match="Text 1 of X has no token"):
        LSTMLanguageModel(**SMALL, ends=False).fit(["ab", ""])
    with pytest.raises(DataFormatError, match="Text 0 of X has no token"):
        LSTMLanguageModel(**SMALL).fit([""])
    with pytest.raises(DataFormatError, match=r"Text 1 of X has no token"):
        of_walk.score(["ab", ""])
    assert LSTMLanguageModel(**SMALL).fit(["ab", ""]).score_samples(["", "b"]).shape == (2,)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"temperature": -1}, "temperature of LSTMLanguageModel.sample must be a number"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_k": 0}, "top_k"),
        ({"max_new_tokens": -1}, "max_new_tokens"),
        ({"n_samples": 0}, "n_samples"),
        ({"stop": ""}, "stop"),
        ({"stop": 3}, "stop"),
    ],
)
def test_bad_options_of_samples(of_walk, options, match):
    with pytest.raises(InvalidParameterError, match=match):
        of_walk.sample(**options)


def test_bad_prefixes(of_walk):
    for prefix in (["a"], 3):
        with pytest.raises(DataFormatError, match="prefix of LSTMLanguageModel"):
            of_walk.sample(prefix=prefix)


def test_a_corpus_shorter_than_a_chunk_and_one_of_a_single_token():
    for text in ("ab", "a"):
        model = LSTMLanguageModel(**SMALL).fit([text])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert model.score([text]) < 0


def test_combinations_of_sampling_options_run(of_walk):
    for top_k, top_p, temperature in itertools.product((None, 1, 3), (None, 0.5, 1.0), (0, 0.7)):
        found = of_walk.sample(
            2, top_k=top_k, top_p=top_p, temperature=temperature, max_new_tokens=4
        )
        assert {len(one) for one in found} == {4}


@pytest.mark.slow
def test_every_token_counts_alike_whichever_batch_it_is_in():
    texts = [*(["b"] * 8), "ab" * 200]
    model = LSTMLanguageModel(
        hidden_size=4, embedding_size=4, chunk_length=8, batch_size=4, max_epochs=150, lr=0.02,
        dropout=0.0, embedding_dropout=0.0, random_state=0,
    ).fit(texts)  # fmt: skip
    first = pd.Series(model.predict_proba([""])[0], model.vocabulary_)
    assert first["a"] == pytest.approx(1 / 9, abs=0.06)
