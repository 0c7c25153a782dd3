"""How the tagger reads labels and weights of a score, and labels of no scheme."""

import pytest

from seqlearn import BiLSTMTagger, Words
from seqlearn.errors import DataFormatError
from seqlearn.metrics import span_f1_score

TAGGER = {
    "hidden_size": 16,
    "words": Words(size=16, characters=8),
    "max_epochs": 60,
    "random_state": 0,
}
WORDS = [
    ["Ada", "Byron", "lived", "in", "London"],
    ["Paris", "is", "far", "from", "Oslo"],
    ["Marie", "Curie", "went", "to", "Paris"],
    ["she", "met", "Ada", "Byron"],
] * 3
LABELS = [
    ["B-PER", "I-PER", "O", "O", "B-LOC"],
    ["B-LOC", "O", "O", "O", "B-LOC"],
    ["B-PER", "I-PER", "O", "O", "B-LOC"],
    ["O", "O", "B-PER", "I-PER"],
] * 3


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_score_writes_labels_as_fit_did(scheme):
    tagger = BiLSTMTagger(scheme=scheme, repair="convert", **TAGGER).fit(WORDS, LABELS)
    predicted = tagger.predict(WORDS)
    assert span_f1_score(LABELS, predicted, scheme="BIOES") == 1
    assert tagger.score(WORDS, LABELS) == 1


def test_convert_names_the_sequence_of_a_label_of_no_scheme():
    tagger = BiLSTMTagger(scheme="BIO", repair="convert", max_epochs=1)
    with pytest.raises(DataFormatError, match="'U-X' at step 1 of sequence 1"):
        tagger.fit([["a"], ["b", "c"]], [["O"], ["O", "U-X"]])


def test_weights_and_emptiness_of_a_score():
    tagger = BiLSTMTagger(**{**TAGGER, "max_epochs": 1}).fit(WORDS, LABELS)
    for weights, message in (([1.0], "shape"), ([-1.0, *[1.0] * 11], "Negative")):
        with pytest.raises(DataFormatError, match=message):
            tagger.score(WORDS, LABELS, sample_weight=weights)
    for X in ([], [[]]):
        with pytest.raises(DataFormatError, match="no steps"):
            tagger.score(X, X)
