"""Whether a language model helps others: on entities (WNUT-17) and on sentiment.

The language models have 256 units and read nothing but the texts to train on, without their labels:
for entities the training part, for sentiment the sentences that are in no test part. One is fitted
for all seeds. What reads them, and what is beside them, is set as in `benchmarks.tagging` and
`benchmarks.sentiment`; tinyshakespeare, a text of another kind, is a control.

"as vectors of words" is ``Words(vectors=FrozenEstimator(model))``; "as vectors of texts" is a
`SequenceEncoder` before scikit-learn's logistic regression. Seconds are of process CPU time on one
thread, without those of the language model, which stand in a column of their own.
"""

from collections.abc import Callable
from statistics import mean
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.table import Row
from benchmarks.tagging import WNUT
from benchmarks.timing import cpu_seconds
from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMLanguageModel, SequenceEncoder, Words
from seqlearn.datasets import fetch_sentence_polarity, fetch_tinyshakespeare, fetch_wnut17
from seqlearn.metrics import span_f1_score
from seqlearn.preprocessing import Tokenizer

__all__ = ["features"]

SEEDS = range(3)
SIZE: dict[str, Any] = {"hidden_size": 256, "random_state": 0}
EPOCHS = {"entities": {"characters": 18, "words": 6}, "sentiment": {"characters": 3, "words": 4}}
SENTENCES: int | None = None  # a number takes so many, to try the program


def features() -> list[Row]:
    """Score each task without a language model, and with each."""
    torch.set_num_threads(1)
    return [*entities(), *sentiment()]


def entities() -> list[Row]:
    """Span F1 of the tagger on the dev and test part of WNUT-17."""
    parts = fetch_wnut17("all")
    words, labels = (one[:SENTENCES] for one in parts["train"])
    rows = []
    for name, reader, seconds in _readers("entities", words):
        scores: dict[str, list[float]] = {"dev": [], "test": []}
        took = []
        for seed in SEEDS:
            tagger = clone(BiLSTMTagger(**WNUT, random_state=seed))
            tagger.set_params(words__vectors=reader)
            took.append(cpu_seconds(lambda tagger=tagger: tagger.fit(words, labels)))
            for part, found in scores.items():
                sentences, due = parts[part]
                found.append(100 * float(span_f1_score(due, tagger.predict(sentences))))
        by = name if reader is None else f"{name}, as vectors of words"
        rows += [
            _row(f"entities, span F1, {part}", by, found, took, seconds)
            for part, found in scores.items()
        ]
    return rows


def sentiment() -> list[Row]:
    """Test accuracy on sentence polarity, three divisions."""
    texts, y = fetch_sentence_polarity()
    if SENTENCES is not None:
        texts, _, y, _ = train_test_split(texts, y, train_size=SENTENCES, random_state=0)
    words, y = Tokenizer().transform(list(texts)), np.asarray(y)
    numbers = np.arange(len(y))
    divisions = [
        train_test_split(numbers, test_size=0.1, stratify=y, random_state=seed) for seed in SEEDS
    ]
    read = set(numbers.tolist()).difference(*(test.tolist() for _, test in divisions))

    def score(make: Callable[[int], Any], given: Any) -> tuple[list[float], list[float]]:
        scores, took = [], []
        for seed, (train, test) in zip(SEEDS, divisions, strict=True):
            model, X = make(seed), [given[i] for i in train]
            took.append(cpu_seconds(lambda model=model, X=X, rows=train: model.fit(X, y[rows])))
            scores.append(100 * float(model.score([given[i] for i in test], y[test])))
        return scores, took

    rows = []
    for name, reader, seconds in _readers("sentiment", [words[i] for i in sorted(read)]):
        by = name if reader is None else f"{name}, as vectors of words"
        found = score(
            lambda seed, reader=reader: LSTMClassifier(
                words=Words(vectors=reader), random_state=seed
            ),
            words,
        )
        rows.append(_row("sentiment, accuracy, test", by, *found, seconds))
        if reader is not None:
            given = words if reader.estimator.input_kind_ == "tokens" else _joined(words)
            found = score(
                lambda seed, reader=reader: make_pipeline(
                    SequenceEncoder(reader, readout="mean"),
                    StandardScaler(),
                    LogisticRegression(C=0.01, max_iter=300),
                ),
                given,
            )
            by = f"{name}, as vectors of texts"
            rows.append(_row("sentiment, accuracy, test", by, *found, seconds))
    return rows


def _readers(task: str, words: list[list[str]]) -> list[tuple[str, Any, float | str]]:
    """Return language models by name, and the seconds that each took."""
    epochs: dict[str, Any] = EPOCHS[task]
    texts: dict[str, Any] = {
        "characters": _joined(words),
        "words": words,
        "characters of tinyshakespeare": [fetch_tinyshakespeare(part="train")],
    }
    found: list[tuple[str, Any, float | str]] = [("no language model", None, "")]
    for name, read in texts.items():
        model = LSTMLanguageModel(**SIZE, max_epochs=epochs.get(name, "auto"))
        if SENTENCES is not None:
            model.set_params(max_epochs=1)
            read = [one[: 10 * SENTENCES] for one in read]
        seconds = cpu_seconds(lambda model=model, read=read: model.fit(read))
        found.append((name, FrozenEstimator(model), seconds))
    return found


def _joined(words: list[list[str]]) -> list[str]:
    return list(map(" ".join, words))


def _row(task: str, by: str, scores: list[float], took: list[float], seconds: float | str) -> Row:
    return {
        "task": task,
        "language model": by,
        "mean %": round(mean(scores), 2),
        "min": round(min(scores), 2),
        "max": round(max(scores), 2),
        "fit CPU s": mean(took),
        "its fit CPU s": seconds,
    }
