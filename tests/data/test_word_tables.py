"""Batches of words and bags against a look at each token, and what an `Encoding` learns."""

import pickle
from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.data.batches import SequenceDataset
from seqlearn.data.encoding import Encoding, word_shape
from seqlearn.data.sequences import Sequences
from seqlearn.data.tokens import read_discrete
from seqlearn.data.word_tables import (
    GROUP_COST,
    ROW_BLOCK,
    ContextTable,
    WordTable,
    group_starts,
)

quick = settings(deadline=None, max_examples=60)
CPU = torch.device("cpu")
letters = "aAbB19é"
token = st.text(letters, max_size=5)
bag = st.dictionaries(st.sampled_from("pqrstu"), st.sampled_from([1, 0.5, -2, True, "x"]))
flags = st.fixed_dictionaries(
    {
        "min_frequency": st.integers(1, 3),
        "lowercase": st.booleans(),
        "fold_digits": st.booleans(),
        "characters": st.booleans(),
    }
)


def rows_of(step, at_least=1):
    return st.lists(st.lists(step, min_size=1, max_size=6), min_size=at_least, max_size=6)


def learn(X, weights=None, kind="tokens", **options):
    defaults = {"min_frequency": 1, "lowercase": False, "fold_digits": False, "characters": True}
    sequences = read_discrete(X, kind)
    weights = np.ones(len(X)) if weights is None else np.asarray(weights, float)
    return Encoding.learn(sequences, weights, **(defaults | options))


def batch_of(encoding, X, kind="tokens"):
    dataset = SequenceDataset(encoding.encode(read_discrete(X, kind)))
    return dataset[np.arange(len(X))][0]["x"]


def spellings(batch):
    """The letter codes of each of the U words, without padding and filling."""
    spelled = [
        row[:length].tolist()
        for codes, lengths in batch.spelling
        for row, length in zip(codes, lengths.tolist(), strict=True)
    ]
    return spelled[: len(batch.words)]


def bags_of(batch):
    ends = [*batch.offsets.tolist()[1:], len(batch.features)]
    return [
        Counter(zip(batch.features[a:b].tolist(), batch.weights[a:b].tolist(), strict=True))
        for a, b in zip(batch.offsets.tolist(), ends, strict=True)
    ]


# Batches.


@quick
@given(known=rows_of(token), X=rows_of(token), options=flags)
def test_every_place_of_a_batch_holds_its_word(known, X, options):
    encoding = learn(known, **options)
    batch = batch_of(encoding, X)
    assert batch.places.shape == (len(X), max(map(len, X)))
    spelled = spellings(batch)
    assert len(spelled) == (len(batch.words) if options["characters"] else 0)
    for row, steps in enumerate(X):
        for step, word in enumerate(steps):
            place = int(batch.places[row, step])
            assert int(batch.words[place]) == encoding.vocabulary.encode([word])[0]
            if options["characters"]:
                expected = encoding.characters.encode(list(word)).tolist() or [0]
                assert spelled[place] == expected
                assert int(batch.shapes[place]) == encoding.shapes.encode([word_shape(word)])[0]
        padding = batch.places[row, len(steps) :]
        assert (padding == batch.places[row, len(steps) - 1]).all()


@quick
@given(X=rows_of(token), characters=st.booleans())
def test_every_distinct_word_of_a_batch_stands_once(X, characters):
    batch = batch_of(learn(X, characters=characters), X)
    n_distinct = len({word for row in X for word in row})
    assert len(batch.words) == n_distinct
    assert sorted(set(batch.places.flatten().tolist())) == list(range(n_distinct))


@quick
@given(X=rows_of(token))
def test_padded_letters_repeat_the_last_one_and_long_words_come_first(X):
    batch = batch_of(learn(X), X)
    lengths = [n for _, group in batch.spelling for n in group.tolist()]
    assert lengths == sorted(lengths, reverse=True)
    for codes, group in batch.spelling:
        assert codes.shape[1] == int(group.max())
        for row, length in zip(codes, group.tolist(), strict=True):
            assert length >= 1
            assert (row[length:] == row[length - 1]).all()


@pytest.mark.parametrize("n_words", [1, 15, 16, 17, 97, 1000])
def test_groups_of_like_length_leave_no_word_out(n_words):
    words = [f"{i:x}" + "z" * (i % 7) for i in range(n_words)]
    X = [words[i : i + 9] for i in range(0, n_words, 9)]
    encoding = learn(X)
    batch = batch_of(encoding, X)
    assert len(batch.words) == n_words
    assert sum(len(group) for _, group in batch.spelling) == -(-n_words // ROW_BLOCK) * ROW_BLOCK
    assert all(len(group) % ROW_BLOCK == 0 for _, group in batch.spelling)
    letters, lengths = batch.spelling[-1]
    last = (n_words - 1) % ROW_BLOCK - ROW_BLOCK  # of the words; it fills the last group up
    assert (letters[last:] == letters[last]).all() and (lengths[last:] == lengths[last]).all()
    spelled = spellings(batch)
    for row, steps in enumerate(X):
        for step, word in enumerate(steps):
            place = batch.places[row, step]
            assert spelled[place] == encoding.characters.encode(list(word)).tolist()
            assert batch.words[place] == encoding.vocabulary.encode([word])[0]


@quick
@given(runs=st.lists(st.tuples(st.integers(1, 90), st.integers(1, 30)), min_size=1, max_size=5))
def test_groups_cost_the_least(runs):
    lengths = np.sort(np.repeat(*np.array(runs).T))[::-1]
    lengths = np.pad(lengths, (0, -len(lengths) % ROW_BLOCK), mode="edge")

    def cost(starts):
        edges = [*starts, len(lengths)]
        return sum(int(lengths[a]) * (b - a) + GROUP_COST for a, b in pairwise(edges))

    starts = group_starts(lengths)
    places = range(ROW_BLOCK, len(lengths), ROW_BLOCK)
    assert starts[0] == 0 and set(starts[1:]) <= set(places)
    ways = [(0, *some) for n in range(len(places) + 1) for some in combinations(places, n)]
    assert cost(starts) == min(map(cost, ways))


@quick
@given(X=rows_of(token, at_least=2), data=st.data())
def test_a_batch_of_some_rows_holds_their_words_only(X, data):
    some = st.lists(st.integers(0, len(X) - 1), min_size=1, max_size=4)
    rows = np.array(data.draw(some))
    encoding = learn(X)
    dataset = SequenceDataset(encoding.encode(read_discrete(X, "tokens")))
    batch = dataset[rows][0]["x"]
    assert len(batch.words) == len({word for i in rows for word in X[i]})
    for row, i in enumerate(rows):
        codes = batch.words[batch.places[row, : len(X[i])]].tolist()
        assert codes == encoding.vocabulary.encode(X[i]).tolist()


def test_the_codes_of_a_table_are_read_as_they_are():
    batch = WordTable(np.array([7, 0, 5])).batch(np.array([[2, 0], [2, 2]]), CPU)
    assert batch.words[batch.places].tolist() == [[5, 7], [5, 5]]
    assert (len(batch.words), batch.spelling, batch.shapes) == (2, [], None)


@quick
@given(known=rows_of(bag), X=rows_of(bag), low=st.integers(1, 3))
def test_every_place_of_a_batch_holds_its_known_features(known, X, low):
    encoding = learn(known, kind="features", min_frequency=low)
    batch = batch_of(encoding, X, "features")
    assert batch.places.shape == (len(X), max(map(len, X)))
    held = bags_of(batch)
    for row, steps in enumerate(X):
        for step, features in enumerate(steps):
            expected = Counter()
            for name, value in features.items():
                name, weight = (f"{name}:x", 1.0) if value == "x" else (name, float(value))
                code = int(encoding.vocabulary.encode([name])[0])
                if code:
                    expected[code, weight] += 1
            assert held[batch.places[row, step]] == expected
        padding = batch.places[row, len(steps) :]
        assert (padding == batch.places[row, len(steps) - 1]).all()
    assert len(batch.offsets) == len(set(batch.places.flatten().tolist()))


def test_bags_of_nothing_known_are_empty():
    encoding = learn([[{"a": 1}]], kind="features")
    batch = batch_of(encoding, [[{"b": 1}, {}], [{"c": "d"}]], "features")
    assert len(batch.features) == len(batch.weights) == 0
    assert set(batch.offsets.tolist()) == {0}
    mixed = batch_of(encoding, [[{"b": 1}, {"b": 2, "a": 3}, {}]], "features")
    held = bags_of(mixed)
    assert [held[i] for i in mixed.places[0]] == [{}, {(1, 3.0): 1}, {}]


# Encodings.


@quick
@given(X=rows_of(token), options=flags, data=st.data())
def test_an_encoding_knows_the_frequent_words_of_the_weighted_rows(X, options, data):
    repeats = data.draw(st.lists(st.integers(0, 3), min_size=len(X), max_size=len(X)))
    encoding = learn(X, repeats, **options)
    counts, spelled = Counter(), Counter()
    for row, repeat in zip(X, repeats, strict=True):
        for word in row * repeat:
            counts[encoding.vocabulary.normalise(word)] += 1
            spelled.update(word)
    expected = {word: n for word, n in counts.items() if n >= options["min_frequency"]}
    vocabulary = encoding.vocabulary
    assert dict(zip(vocabulary.words, vocabulary.counts, strict=True)) == expected
    if options["characters"]:
        known = encoding.characters
        assert dict(zip(known.words, known.counts, strict=True)) == spelled
    else:
        assert encoding.characters is encoding.shapes is None
    assert encoding.extra == {}


@quick
@given(X=rows_of(token), options=flags, data=st.data())
def test_shapes_of_two_words_or_more_are_known_whatever_they_weigh(X, options, data):
    weights = data.draw(st.lists(st.sampled_from([0, 1e-6, 3]), min_size=len(X), max_size=len(X)))
    encoding = learn(X, weights, **options | {"characters": True})
    taught = {word for row, weight in zip(X, weights, strict=True) for word in row if weight}
    counts = Counter(map(word_shape, taught))
    assert set(encoding.shapes.words) == {shape for shape, n in counts.items() if n > 1}


@quick
@given(word=st.text(max_size=30))
def test_a_shape_is_short_and_has_no_run_of_three(word):
    shape = word_shape(word)
    assert len(shape) <= 12 and bool(shape) == bool(word)
    assert not any(shape[i] * 3 == shape[i : i + 3] for i in range(len(shape)))


@quick
@given(word=st.text("aBz9.", max_size=6), data=st.data())
def test_a_letter_may_be_any_of_its_kind(word, data):
    kinds = {"a": "bxéßж字", "z": "bxéßж字", "B": "AXÉЖǅ", "9": "07٣", ".": "."}
    other = "".join(data.draw(st.sampled_from(kinds[letter])) for letter in word)
    assert word_shape(other) == word_shape(word)


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("", ""),
        ("A", "X"),
        ("XY", "XX"),
        ("McDonald", "XxXxx"),
        ("#WNUT17", "#XXdd"),
        ("https://t.co/", "xx://x.xx/"),
        ("!!!!", "!!"),
        ("\n\n\n", "\n\n"),
        ("☺", "u"),
        ("aBcDeFgHiJkLmN", "xXxXxXxXxXxX"),
    ],
)
def test_shapes_by_hand(word, shape):
    assert word_shape(word) == shape


@quick
@given(X=rows_of(token), kind=st.sampled_from(["tokens", "features"]), data=st.data())
def test_a_weight_of_two_is_the_row_twice(X, kind, data):
    if kind == "features":
        X = [[{"w": word, word: 2.5} for word in row] for row in X]
    repeats = data.draw(st.lists(st.integers(0, 3), min_size=len(X), max_size=len(X)))
    repeated = [row for row, n in zip(X, repeats, strict=True) for _ in range(n)]
    by_weight, by_rows = learn(X, repeats, kind), learn(repeated, None, kind)
    assert vars(by_weight) == vars(by_rows)
    assert by_weight.vocabulary.counts.tobytes() == by_rows.vocabulary.counts.tobytes()


@quick
@given(X=rows_of(bag), low=st.integers(1, 3), data=st.data())
def test_features_are_counted_by_rows_not_by_their_weights(X, low, data):
    repeats = data.draw(st.lists(st.integers(0, 3), min_size=len(X), max_size=len(X)))
    vocabulary = learn(X, repeats, "features", min_frequency=low).vocabulary
    counts = Counter()
    for row, repeat in zip(X, repeats, strict=True):
        for features in row * repeat:
            counts.update(f"{k}:x" if v == "x" else k for k, v in features.items())
    expected = {name: n for name, n in counts.items() if n >= low}
    assert dict(zip(vocabulary.words, vocabulary.counts, strict=True)) == expected


def test_only_the_given_rows_teach():
    X = [["a", "b"], ["xyz"], ["a"]]
    sequences = read_discrete(X, "tokens")[[0, 2]]
    assert "xyz" in sequences.dictionary.words
    encoding = Encoding.learn(
        sequences,
        np.ones(2),
        min_frequency=1,
        lowercase=False,
        fold_digits=False,
        characters=True,
    )
    assert vars(encoding) == vars(learn([X[0], X[2]]))
    assert encoding.vocabulary.words == encoding.characters.words == ("a", "b")


def test_lowercase_and_fold_digits_act_on_words_not_on_letters():
    X = [["The", "the", "1984", "2001"]]
    encoding = learn(X, lowercase=True, fold_digits=True)
    assert encoding.vocabulary.words == ("0000", "the")
    assert set(encoding.characters.words) == set("Thethe19842001")
    batch = batch_of(encoding, [["THE", "2023"]])
    assert batch.words[batch.places].tolist() == [[2, 1]]


def test_letters_of_rare_words_are_known():
    encoding = learn([["common", "common", "rare"]], min_frequency=2)
    assert encoding.vocabulary.words == ("common",)
    assert set(encoding.characters.words) == set("commonrare")


def test_flags_are_for_words_and_leave_features_alone():
    encoding = learn([[{"W": "A1"}]], kind="features", lowercase=True, fold_digits=True)
    assert encoding.vocabulary.words == ("W:A1",)
    assert encoding.characters is None


@pytest.mark.parametrize("characters", [True, False])
def test_nothing_known_at_all(characters):
    encoding = learn([["a", "b"]], min_frequency=2, characters=characters)
    assert len(encoding.vocabulary) == 1
    batch = batch_of(encoding, [["a", "q"], ["b"]])
    assert batch.words.tolist() == [0] * 3
    assert learn([[""]]).characters.words == ()


# Words that are not learned but have a vector.


@quick
@given(X=rows_of(token), given_words=st.lists(token, max_size=6), options=flags)
def test_extra_words_follow_the_vocabulary(X, given_words, options):
    plain = learn(X, **options)
    encoding = plain.with_extra(given_words)
    forms = dict.fromkeys(map(plain.vocabulary.normalise, given_words))
    new = [form for form in forms if form not in plain.vocabulary]
    first = len(plain.vocabulary)
    assert encoding.extra == {word: first + i for i, word in enumerate(new)}
    assert encoding.vocabulary is plain.vocabulary
    asked = sorted({word for row in X for word in row} | set(given_words))
    batch = batch_of(encoding, [asked])
    for word, place in zip(asked, batch.places[0].tolist(), strict=True):
        known = int(plain.vocabulary.encode([word])[0])
        form = plain.vocabulary.normalise(word)
        expected = known or encoding.extra.get(form, encoding.extra.get(form.lower(), 0))
        assert batch.words[place] == expected


def test_an_extra_word_is_found_as_written_else_in_lower_case():
    encoding = learn([["a"]], characters=False).with_extra(["dog", "Dog", "cat"])
    batch = batch_of(encoding, [["dog", "Dog", "Cat", "DOG", "bird"]])
    assert batch.words[batch.places].tolist() == [[2, 3, 4, 2, 0]]


def test_a_rare_word_with_a_vector_is_an_extra_word():
    encoding = learn([["a", "a", "b"]], min_frequency=2).with_extra(["a", "b"])
    assert encoding.extra == {"b": 2}


@quick
@given(X=rows_of(token), options=flags)
def test_a_pickled_encoding_gives_the_same_codes(X, options):
    encoding = learn(X, **options).with_extra(["new"])
    again = pickle.loads(pickle.dumps(encoding))
    assert vars(again) == vars(encoding)
    one, other = batch_of(encoding, [*X, ["new"]]), batch_of(again, [*X, ["new"]])
    assert torch.equal(one.words, other.words) and torch.equal(one.places, other.places)


def test_encoding_changes_neither_codes_nor_the_sequences_given():
    sequences = read_discrete([["a", "b"], ["c"]], "tokens")
    words = sequences.dictionary
    encoded = learn([["a"]]).encode(sequences)
    assert sequences.dictionary is words
    assert encoded == sequences and isinstance(encoded.dictionary, WordTable)


@quick
@given(rows_of(token), st.booleans())
def test_words_in_context_are_those_of_their_steps(X, characters):
    encoded = learn(X, characters=characters).encode(read_discrete(X, "tokens"))
    codes = encoded.values[:, 0]
    vectors = np.random.default_rng(0).normal(size=(len(codes), 3)).astype(np.float32)
    steps = np.arange(len(codes))[:, None]
    table = ContextTable(encoded.dictionary, codes, vectors)
    order = np.arange(len(X))[::-1].copy()
    found, plain = (
        SequenceDataset(sequences)[order][0]["x"]
        for sequences in (Sequences(steps, encoded.offsets, table), encoded)
    )
    assert plain.contexts is None
    words = found.words[found.places]
    assert torch.equal(words, plain.words[plain.places])
    for row, i in enumerate(order):
        begin, end = encoded.offsets[i : i + 2]
        assert np.array_equal(found.contexts[row, : end - begin], vectors[begin:end])
