"""Embeddings of words and bags against a look at each step on its own; noise, gradients, gifts."""

import numpy as np
import pytest
import torch

from seqlearn.data.batches import SequenceDataset
from seqlearn.data.encoding import Encoding, word_shape
from seqlearn.data.tokens import read_discrete
from seqlearn.inputs.embeddings import SHAPE_SIZE, BagEmbedding, WordEmbedding
from seqlearn.registry import resolve_backend

SIZE, SPELLING = 6, 5
KNOWN = ["the", "cat", "sat", "on", "a", "mat", "Antarctica", "of", "cats", "and", "dogs", "I"]
EXTRA = ["tiger", "emu"]


@pytest.fixture(scope="module")
def encoding():
    learned = Encoding.learn(
        read_discrete([KNOWN], "tokens"),
        np.ones(1),
        min_frequency=1,
        lowercase=False,
        fold_digits=False,
        characters=True,
    )
    return learned.with_extra(EXTRA)


@pytest.fixture
def sentences():
    """Thirty ragged sentences; every fifth word is unknown, and one has characters never seen."""
    rng = np.random.default_rng(0)
    words = [*KNOWN, *EXTRA, "tac", "ttt", "zzz"]
    return [list(rng.choice(words, size=rng.integers(1, 12))) for _ in range(30)]


def word_embedding(
    encoding, *, spelled=True, word_dropout=0.0, counts=None, dropout=0.0, dtype=torch.float32
):
    torch.manual_seed(0)
    arguments = {}
    if spelled:
        arguments = {
            "n_characters": len(encoding.characters),
            "n_shapes": len(encoding.shapes),
            "character_size": SPELLING,
            "character_backend": resolve_backend("torch"),
        }
    model = WordEmbedding(
        len(encoding.vocabulary),
        SIZE,
        dropout=dropout,
        word_dropout=word_dropout,
        counts=counts,
        n_fixed=len(EXTRA),
        **arguments,
    )
    model.fixed.normal_()
    return model.to(dtype).eval()


def batch_of(encoding, X, kind="tokens", dtype=torch.float32):
    dataset = SequenceDataset(encoding.encode(read_discrete(X, kind)), dtype=dtype)
    return dataset[np.arange(len(X))][0]["x"]


def read(model, batch):
    """The vectors of a batch, (B, T, E)."""
    return model(batch, None).values


def code_of(encoding, word):
    return int(encoding.vocabulary.encode([word])[0]) or encoding.extra.get(word, 0)


def word_vector(model, encoding, word):
    code, n_words = code_of(encoding, word), len(encoding.vocabulary)
    return model.words.weight[code] if code < n_words else model.fixed[code - n_words]


def letter_states(model, encoding, word):
    """Both directions' last states over the characters of one word, alone, by torch's own LSTM."""
    codes = torch.as_tensor(encoding.characters.encode(list(word)))
    characters = model.characters(codes)[None]  # (1, K, 32)
    core = model.spelling.core
    forward, _ = core.layers[0](characters)
    backward, _ = core.backward_layers[0](characters.flip(1))
    return torch.cat([forward[0, -1], backward[0, -1]])


def expected_vector(model, encoding, word):
    parts = [word_vector(model, encoding, word)]
    if model.spelling is not None:
        parts.append(letter_states(model, encoding, word))
        parts.append(model.shapes.weight[int(encoding.shapes.encode([word_shape(word)])[0])])
    return torch.cat(parts)


# Words.


@pytest.mark.parametrize("spelled", [True, False])
@torch.no_grad()
def test_every_step_has_the_vector_of_its_word(encoding, sentences, spelled):
    model = word_embedding(encoding, spelled=spelled, dtype=torch.float64)
    out = read(model, batch_of(encoding, sentences, dtype=torch.float64))
    assert out.dtype == torch.float64
    assert out.shape == (len(sentences), max(map(len, sentences)), model.output_size)
    assert model.output_size == SIZE + (2 * SPELLING + SHAPE_SIZE) * spelled
    for row, words in zip(out, sentences, strict=True):
        for vector, word in zip(row, words, strict=False):
            expected = expected_vector(model, encoding, word)
            assert torch.allclose(vector, expected, atol=1e-12, rtol=0)


@torch.no_grad()
def test_unknown_words_share_a_vector_but_not_their_spelling(encoding):
    model = word_embedding(encoding)
    out = read(model, batch_of(encoding, [["tac", "ttt", "cat"]]))[0]
    assert torch.equal(out[0, :SIZE], out[1, :SIZE])
    assert torch.equal(out[0, :SIZE], model.words.weight[0])
    assert not torch.equal(out[0, SIZE:], out[1, SIZE:])
    assert not torch.equal(out[0, :SIZE], out[2, :SIZE])


@pytest.mark.parametrize("spelled", [True, False])
@torch.no_grad()
def test_words_do_not_depend_on_batch_mates_to_the_bit(encoding, sentences, spelled):
    model = word_embedding(encoding, spelled=spelled)
    together = read(model, batch_of(encoding, sentences))
    for size in (1, 2, 7):
        for first in range(0, len(sentences), size):
            some = sentences[first : first + size]
            out = read(model, batch_of(encoding, some))
            for i, words in enumerate(some):
                assert torch.equal(out[i, : len(words)], together[first + i, : len(words)])


@torch.no_grad()
def test_a_crowd_of_long_words_changes_no_bit(encoding, sentences):
    model = word_embedding(encoding)
    crowd = [[f"{i}" * (1 + i % 30) for i in range(400)]]
    together = read(model, batch_of(encoding, [*sentences, *crowd]))
    alone = read(model, batch_of(encoding, sentences))
    for i, words in enumerate(sentences):
        assert torch.equal(alone[i, : len(words)], together[i, : len(words)])


@torch.no_grad()
def test_an_empty_word_has_one_unknown_letter(encoding):
    model = word_embedding(encoding)
    out = read(model, batch_of(encoding, [["", "%"]]))[0]
    assert torch.equal(out[0], out[1])


# Word dropout.


def shares_dropped(model, encoding, words, times=400):
    """Share of the places of each word that have the unknown word's vector in training."""
    with torch.no_grad():
        noisy = read(model.train(), batch_of(encoding, [words * 50] * (times // 50)))
    dropped = (noisy[..., :SIZE] == model.words.weight[0]).all(dim=-1)
    return dropped.reshape(times, len(words)).double().mean(dim=0).numpy()


@pytest.mark.parametrize("word_dropout", [0.25, 3.0])
def test_rare_words_are_dropped_most(encoding, word_dropout):
    n = np.geomspace(1, 100, len(KNOWN))
    counts = np.empty(len(KNOWN))
    counts[encoding.vocabulary.encode(KNOWN) - 1] = n
    model = word_embedding(encoding, spelled=False, word_dropout=word_dropout, counts=counts)
    expected = word_dropout / (word_dropout + n)
    found = shares_dropped(model, encoding, KNOWN, times=4000)
    error = np.sqrt(expected * (1 - expected) / 4000)
    assert (np.abs(found - expected) < 5 * error).all()


def test_words_without_a_count_or_of_less_than_one_are_dropped_as_those_of_one(encoding):
    words, expected = [*KNOWN, *EXTRA], 0.5 / 1.5
    for counts in (None, np.full(len(KNOWN), 1e-6), np.zeros(len(KNOWN))):
        model = word_embedding(encoding, spelled=False, word_dropout=0.5, counts=counts)
        found = shares_dropped(model, encoding, words, times=2000)
        assert (np.abs(found - expected) < 0.06).all()


def test_word_dropout_replaces_word_vectors_and_keeps_the_spelling(encoding):
    model = word_embedding(encoding, word_dropout=0.4 / 0.6)
    X = [KNOWN * 50] * 4
    batch = batch_of(encoding, X)
    plain = read(model, batch).detach()
    model.train()
    noisy = read(model, batch).detach()
    dropped = (noisy[..., :SIZE] == model.words.weight[0]).all(dim=-1)
    kept = (noisy[..., :SIZE] == plain[..., :SIZE]).all(dim=-1)
    assert (dropped ^ kept).all()
    assert abs(float(dropped.float().mean()) - 0.4) < 0.05
    assert torch.allclose(noisy[..., SIZE:], plain[..., SIZE:], atol=1e-6)
    per_word = dropped.reshape(4, 50, len(KNOWN)).float().mean(dim=(0, 1))
    assert ((per_word > 0) & (per_word < 1)).all()  # an occurrence is dropped, not a word


def test_word_dropout_acts_in_training_only(encoding, sentences):
    noisy, plain = (word_embedding(encoding, word_dropout=p) for p in (9.0, 0.0))
    batch = batch_of(encoding, sentences)
    assert torch.equal(read(noisy, batch), read(plain, batch))


def test_without_word_dropout_training_changes_nothing(encoding, sentences):
    model = word_embedding(encoding, spelled=False)
    batch = batch_of(encoding, sentences)
    assert torch.equal(read(model, batch), read(model.train(), batch))


def test_dropout_acts_on_all_values_in_training_only(encoding, sentences):
    model = word_embedding(encoding, dropout=0.5)
    batch = batch_of(encoding, sentences)
    plain = read(model, batch).detach()
    noisy = read(model.train(), batch).detach()
    zero = noisy == 0
    assert abs(float(zero.float().mean()) - 0.5) < 0.05
    assert torch.allclose(noisy[~zero], 2 * plain[~zero], atol=1e-5)


def test_noise_comes_from_the_generator_of_the_module(encoding, sentences):
    model = word_embedding(encoding, word_dropout=0.5, dropout=0.3).train()
    batch = batch_of(encoding, sentences)
    state = torch.get_rng_state()

    def run():
        model.word_dropout.reseed(1)
        model.dropout.reseed(2)
        return read(model, batch).detach()

    assert torch.equal(run(), run())
    assert torch.equal(state, torch.get_rng_state())


# Shapes.


@torch.no_grad()
def test_words_of_a_shape_share_its_vector(encoding):
    model = word_embedding(encoding)
    model.shapes.weight.normal_()
    out = read(model, batch_of(encoding, [["cat", "emus", "AnTA", "%"]]))[0, :, -SHAPE_SIZE:]
    assert torch.equal(out[0], out[1])
    assert not torch.equal(out[0], out[2])
    assert torch.equal(out[2], model.shapes.weight[0]) and torch.equal(out[2], out[3])


def test_shapes_learn(encoding):
    model = word_embedding(encoding)
    read(model, batch_of(encoding, [["cat", "mat", "sat"]]))[..., -SHAPE_SIZE:].sum().backward()
    expected = torch.zeros_like(model.shapes.weight)
    expected[int(encoding.shapes.encode(["xx"])[0])] = 3
    assert torch.equal(model.shapes.weight.grad, expected)


# Gradients.


def test_gradients_reach_the_words_of_the_batch_and_no_others(encoding):
    model = word_embedding(encoding).train()
    batch = batch_of(encoding, [["cat", "cat", "zzz"], ["mat", "tiger"]])
    read(model, batch)[:, :, :SIZE].sum().backward()
    counts = torch.zeros(len(encoding.vocabulary))
    for word, n in {"cat": 2, "zzz": 1, "mat": 1}.items():
        counts[code_of(encoding, word)] += n
    expected = counts[:, None].expand(-1, SIZE)  # the padding of row 1 is a tiger, which is fixed
    assert torch.equal(model.words.weight.grad, expected)
    assert not model.fixed.requires_grad
    assert "fixed" in model.state_dict()


def test_dropped_words_teach_the_unknown_one(encoding):
    model = word_embedding(encoding, spelled=False, word_dropout=0.5).train()
    read(model, batch_of(encoding, [KNOWN * 4])).sum().backward()
    rows = model.words.weight.grad[:, 0]
    assert rows.sum() == 4 * len(KNOWN)
    assert 0 < rows[0] < 4 * len(KNOWN)


@pytest.mark.parametrize("kind", ["tokens", "features"])
def test_gradients_add_to_those_that_are_there(encoding, sentences, bag_encoding, bags, kind):
    if kind == "tokens":
        model = word_embedding(encoding, word_dropout=0.3).train()
        weight, batch = model.words.weight, batch_of(encoding, sentences)
    else:
        model = bag_embedding(bag_encoding).train()
        weight, batch = model.features.weight, batch_of(bag_encoding, bags, kind)

    def learn():
        out = read(model, batch)
        steps = torch.linspace(-1, 1, out.numel()).view_as(out)
        out.backward(steps)

    learn()
    first = weight.grad
    assert first.layout == torch.strided  # the first is dense, for any optimiser
    expected = 2 * first
    if kind == "tokens":
        model.word_dropout.reseed(0)
    learn()
    assert weight.grad is first  # and stays where it is: it may be part of a flat vector
    torch.testing.assert_close(first, expected)


def test_gradients_agree_with_finite_differences(encoding):
    model = word_embedding(encoding, dtype=torch.float64)
    batch = batch_of(encoding, [["cat", "zzz", "tiger"], ["a", "cats"]], dtype=torch.float64)
    named = dict(model.named_parameters())
    weights = {k: v.detach().clone().requires_grad_() for k, v in named.items()}

    def run(words, characters):
        given = {**weights, "words.weight": words, "characters.weight": characters}
        return torch.func.functional_call(model, given, (batch, None)).values

    inputs = (weights["words.weight"], weights["characters.weight"])
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)


# Vectors given.


@torch.no_grad()
def test_give_sets_the_vectors_of_words_known_and_fixed(encoding):
    model = word_embedding(encoding)
    before = model.words.weight.clone()
    words = ["tiger", "cat", "emu", "dogs"]
    codes = torch.tensor([code_of(encoding, word) for word in words])
    vectors = torch.arange(4.0 * SIZE).reshape(4, SIZE)
    model.set_vectors(codes, vectors)
    out = read(model, batch_of(encoding, [words]))[0, :, :SIZE]
    assert torch.equal(out, vectors)
    others = torch.ones(len(before), dtype=bool)
    others[codes[codes < len(before)]] = False
    assert torch.equal(model.words.weight[others], before[others])


@torch.no_grad()
def test_give_casts_to_the_type_of_the_model_and_trains_on(encoding):
    model = word_embedding(encoding, dtype=torch.float64)
    model.set_vectors(torch.tensor([1, len(encoding.vocabulary)]), torch.ones(2, SIZE))
    assert model.words.weight.dtype == model.fixed.dtype == torch.float64
    assert model.words.weight.requires_grad and not model.fixed.requires_grad
    assert (model.words.weight[1] == 1).all() and (model.fixed[0] == 1).all()


@torch.no_grad()
def test_vectors_start_with_a_length_of_about_one():
    torch.manual_seed(0)
    for size in (8, 64, 300):
        words = WordEmbedding(2000, size, dropout=0.0, word_dropout=0.0).words.weight
        bags = BagEmbedding(2000, size, dropout=0.0).features.weight
        for weight in (words, bags):
            assert abs(float((weight**2).sum(dim=1).mean()) - 1) < 0.05


# Bags.


@pytest.fixture(scope="module")
def bag_encoding():
    X = [[{"w": word, "n": len(word), "title": word.istitle()} for word in KNOWN]]
    return Encoding.learn(
        read_discrete(X, "features"),
        np.ones(1),
        min_frequency=1,
        lowercase=False,
        fold_digits=False,
        characters=False,
    )


@pytest.fixture
def bags(sentences):
    return [
        [{"w": word, "n": len(word) / 3, "title": word.istitle()} for word in words] + [{}]
        for words in sentences
    ]


def bag_embedding(encoding, dtype=torch.float32, dropout=0.0):
    torch.manual_seed(0)
    return BagEmbedding(len(encoding.vocabulary), SIZE, dropout=dropout).to(dtype).eval()


@torch.no_grad()
def test_every_step_has_the_weighted_sum_of_its_features(bag_encoding, bags):
    model = bag_embedding(bag_encoding, torch.float64)
    out = read(model, batch_of(bag_encoding, bags, "features", torch.float64))
    assert (out.dtype, model.output_size) == (torch.float64, SIZE)
    weight = model.features.weight
    for row, steps in zip(out, bags, strict=True):
        for vector, bag in zip(row, steps, strict=False):
            expected = torch.zeros(SIZE, dtype=torch.float64)
            features = {f"w:{bag['w']}": 1.0, "n": bag["n"], "title": bag["title"]} if bag else {}
            for name, value in features.items():
                code = int(bag_encoding.vocabulary.encode([name])[0])
                if code:
                    expected += weight[code] * float(value)
            assert torch.allclose(vector, expected, atol=1e-12, rtol=0)


@torch.no_grad()
def test_bags_do_not_depend_on_batch_mates_to_the_bit(bag_encoding, bags):
    model = bag_embedding(bag_encoding)
    together = read(model, batch_of(bag_encoding, bags, "features"))
    for i, steps in enumerate(bags):
        alone = read(model, batch_of(bag_encoding, [steps], "features"))
        assert torch.equal(alone[0], together[i, : len(steps)])


@torch.no_grad()
def test_a_batch_without_any_known_feature_is_zero(bag_encoding):
    model = bag_embedding(bag_encoding)
    out = read(model, batch_of(bag_encoding, [[{}, {"new": 1}], [{}]], "features"))
    assert out.shape == (2, 2, SIZE) and (out == 0).all()


def test_gradients_of_features_are_their_weights(bag_encoding):
    model = bag_embedding(bag_encoding).train()
    batch = batch_of(bag_encoding, [[{"n": 3}, {"n": 0.5, "new": 9}]], "features")
    read(model, batch).sum().backward()
    code = int(bag_encoding.vocabulary.encode(["n"])[0])
    expected = torch.zeros(len(bag_encoding.vocabulary), SIZE)
    expected[code] = 3.5
    assert torch.equal(model.features.weight.grad, expected)


def test_dropout_of_bags_acts_in_training_only(bag_encoding, bags):
    noisy, plain = (bag_embedding(bag_encoding, dropout=p) for p in (0.5, 0.0))
    batch = batch_of(bag_encoding, bags, "features")
    assert torch.equal(read(noisy, batch), read(plain, batch))
    assert (read(noisy.train(), batch) == 0).float().mean() > 0.4


def test_contexts_stand_beside_the_words_as_they_are(encoding, sentences):
    encoded = encoding.encode(read_discrete(sentences, "tokens"))
    batch = SequenceDataset(encoded)[np.arange(30)][0]["x"]
    contexts = torch.randn(*batch.places.shape, 4)
    plain = word_embedding(encoding).eval()
    torch.manual_seed(0)
    model = WordEmbedding(
        len(encoding.vocabulary), SIZE, dropout=0.0, word_dropout=0.0, n_fixed=2, context_size=4
    ).eval()
    assert model.output_size == SIZE + 4
    found = model(batch._replace(contexts=contexts), None).values
    assert torch.equal(found[..., SIZE:], contexts)
    wide = model.double()(batch._replace(contexts=contexts), None).values
    assert wide.dtype == torch.float64
    assert plain(batch, None).values.shape[-1] == plain.output_size
