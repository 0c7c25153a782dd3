"""A linear CRF with hand-made features by python-crfsuite: how words are tagged without a network.

The features are the usual ones: the word, its ends, its shape and its neighbours. The tagging
benchmark is the caller; python-crfsuite comes with the extra ``bench``.
"""

import re
import tempfile
from pathlib import Path

import pycrfsuite

Words = list[str]
Labels = list[str]


class LinearCRF:
    """Trained by L-BFGS on the likelihood, with both penalties.

    Parameters
    ----------
    c1, c2 : float
        Weights of the L1 and the L2 penalty.
    max_iterations : int
        Of L-BFGS.
    """

    def __init__(self, c1: float = 0.1, c2: float = 0.01, max_iterations: int = 100):
        self.params = {
            "c1": c1,
            "c2": c2,
            "max_iterations": max_iterations,
            "feature.possible_transitions": True,
        }

    def fit(self, sentences: list[Words], labels: list[Labels]) -> "LinearCRF":
        """Train; the file that crfsuite writes is read back and removed."""
        trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=self.params, verbose=False)
        for words, tags in zip(sentences, labels, strict=True):
            trainer.append(features(words), tags)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.crfsuite")
            trainer.train(str(path))
            self._model = path.read_bytes()
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open_inmemory(self._model)
        return self

    def predict(self, sentences: list[Words]) -> list[Labels]:
        """Best label sequence of each sentence."""
        return [self._tagger.tag(features(words)) for words in sentences]


def features(words: Words) -> list[list[str]]:
    """Names of what holds at each word of a sentence."""
    lowered = ["<s>", "<s>", *(word.lower() for word in words), "</s>", "</s>"]
    shapes = ["", "", *map(shape, words), "", ""]
    rows = []
    for at, word in enumerate(words, start=2):
        low = lowered[at]
        row = ["bias", f"word={low}", f"shape={shapes[at]}"]
        for size in range(1, min(4, len(word)) + 1):
            row += (f"prefix={low[:size]}", f"suffix={low[-size:]}")
        if any(map(str.isdigit, word)):
            row.append("number" if word.isdigit() else "digits")
        if word.istitle():
            row.append("title")
        if word.isupper():
            row.append("upper")
        if "-" in word:
            row.append("hyphen")
        if not any(map(str.isalnum, word)):
            row.append("symbols")
        for offset in (-2, -1, 1, 2):
            row.append(f"{offset}:word={lowered[at + offset]}")
            row.append(f"{offset}:shape={shapes[at + offset]}")
        row += (f"words={lowered[at - 1]} {low}", f"words+={low} {lowered[at + 1]}")
        rows.append(row)
    return rows


def shape(word: str) -> str:
    """Kinds of the letters, runs made short: "McDonald-1990s" is "XxXx-dx"."""
    kinds = "".join(
        "X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in word
    )
    return re.sub(r"(.)\1+", r"\1", kinds)
