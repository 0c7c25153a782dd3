"""Sentiment of single sentences with the defaults, beside the linear models of scikit-learn.

Sentence polarity, three stratified divisions into 90 % and 10 %: the test part of one alone has a
standard error of 1.3 points. Seconds are of the wall, with process CPU time beside them, on one
thread, as in `benchmarks.tagging`.
"""

import time
from collections.abc import Callable
from statistics import mean
from typing import Any

import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from benchmarks.table import Row, print_table
from seqlearn import LSTMClassifier
from seqlearn.datasets import fetch_sentence_polarity
from seqlearn.preprocessing import Tokenizer

SEEDS = range(3)
BAR = 75.0
BAR_SECONDS = 60
THREADS = 1
SENTENCES: int | None = None  # a number takes so many, at random, to try the program


def run() -> dict[str, list[Row]]:
    """Measure each model on the same divisions and print the table."""
    torch.set_num_threads(THREADS)
    texts, y = fetch_sentence_polarity()
    if SENTENCES is not None:
        texts, _, y, _ = train_test_split(texts, y, train_size=SENTENCES, random_state=0)
    models: dict[str, Callable[[int], Any]] = {
        "Tokenizer, LSTMClassifier (defaults)": lambda seed: make_pipeline(
            Tokenizer(), LSTMClassifier(random_state=seed)
        ),
        "TF-IDF of 1-2 grams, logistic regression, C=1": lambda seed: _logistic(1.0),
        "TF-IDF of 1-2 grams, logistic regression, C=30": lambda seed: _logistic(30.0),
        "counts of 1-2 grams, multinomial naive Bayes": lambda seed: make_pipeline(
            CountVectorizer(ngram_range=(1, 2)), MultinomialNB()
        ),
    }
    rows = [_row(name, make, texts, y) for name, make in models.items()]
    rows[0] |= {"bar": BAR, "bar s": BAR_SECONDS}
    print_table("sentiment: sentence polarity, test accuracy", rows)
    return {"sentiment": rows}


def _logistic(C: float) -> Any:
    return make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=C, max_iter=500))


def _row(by: str, make: Callable[[int], Any], texts: list[str], y: Any) -> Row:
    scores, wall, cpu = [], [], []
    for seed in SEEDS:
        X_train, X_test, y_train, y_test = train_test_split(
            texts, y, test_size=0.1, stratify=y, random_state=seed
        )
        model = make(seed)
        start, start_cpu = time.perf_counter(), time.process_time()
        model.fit(X_train, y_train)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
        scores.append(100 * model.score(X_test, y_test))
    return {
        "by": by,
        "mean %": round(mean(scores), 2),
        "bar": "",
        **{f"seed {seed}": round(score, 2) for seed, score in zip(SEEDS, scores, strict=True)},
        "s a fit": mean(wall),
        "longest": max(wall),
        "bar s": "",
        "CPU s a fit": mean(cpu),
    }
