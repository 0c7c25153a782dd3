"""Accuracy on real data with the official splits: five seeds, test part looked at once a seed.

The rows "default" use the constructor's defaults behind SequenceScaler. The row "searched" lets a
grid search choose on the training part of JapaneseVowels alone, and then scores five seeds.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from benchmarks.table import Row, print_table
from seqlearn import LSTMClassifier, datasets
from seqlearn.preprocessing import SequenceScaler

SEEDS = range(5)
BARS = {"JapaneseVowels": 0.97, "BasicMotions": 0.97, "ItalyPowerDemand": 0.94}
GRID = {
    "lstmclassifier__backend": ["torch", "gru"],
    "lstmclassifier__hidden_size": [64, 128],
    "lstmclassifier__num_layers": [1, 2, 3],
}


def run() -> dict[str, list[Row]]:
    """Measure everything and print the table."""
    torch.set_num_threads(1)
    loaders = {
        "JapaneseVowels": datasets.load_japanese_vowels,
        "BasicMotions": datasets.load_basic_motions,
        "ItalyPowerDemand": datasets.load_italy_power_demand,
        "ArrowHead": datasets.load_arrow_head,
        "GunPoint": datasets.load_gunpoint,
        "OSULeaf": datasets.load_osuleaf,
    }
    rows = [_default(name, load) for name, load in loaders.items()]
    rows.append(searched())
    print_table("test accuracy, mean of 5 seeds", rows)
    return {"accuracy": rows}


def _default(name: str, load: Callable) -> Row:
    return _score(name, "default", load(), {}, BARS.get(name, ""))


def searched() -> Row:
    """Choose by cross-validation on the training part, then score five other seeds.

    The folds are blocks in the order of recording, not shuffled, because the test part was
    recorded later.
    """
    data = datasets.load_japanese_vowels()
    X_train, _, y_train, _ = data
    pipe = make_pipeline(SequenceScaler(), LSTMClassifier(random_state=100))
    search = GridSearchCV(pipe, GRID, cv=5, n_jobs=2).fit(X_train, y_train)
    best = {k.removeprefix("lstmclassifier__"): v for k, v in search.best_params_.items()}
    return _score("JapaneseVowels", f"searched: {best}", data, best, 0.985)


def _score(name: str, setting: str, data: tuple, params: dict, bar: object) -> Row:
    X_train, X_test, y_train, y_test = data
    scores, seconds = [], []
    for seed in SEEDS:
        pipe = make_pipeline(SequenceScaler(), LSTMClassifier(random_state=seed, **params))
        start = time.process_time()
        pipe.fit(X_train, y_train)
        seconds.append(time.process_time() - start)
        scores.append(pipe.score(X_test, y_test))
    return {
        "data": name,
        "setting": setting,
        "mean": round(float(np.mean(scores)), 4),
        "min": round(min(scores), 4),
        "max": round(max(scores), 4),
        "bar": bar,
        "CPU s a fit": float(np.mean(seconds)),
    }
