"""Whole series classified by LSTM-FCN, beside the reference methods of the UCR archive.

There is one recipe for all data sets, chosen on training parts alone (the figures are in
plugins/seqlearn-lstmfcn/README.md); no test part decides an epoch, a weight or a setting. Ours
stands behind `SequenceScaler`, which leaves the UCR sets, standardised already, nearly as they are;
rows of PLAID, whose scales lie a million times apart, are standardised one by one. "seeds" says
over how many fits a row's mean, least and largest accuracy are; what takes a minute a fit gets
fewer, and alstmfcn, whose cost grows with the square of the length, leaves OSULeaf out. A peer that
cannot be imported, for lack of numba say, is a row that says so. The plugin
plugins/seqlearn-lstmfcn has to be installed. All of it takes about half an hour on one core.
"""

import importlib
import textwrap
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from benchmarks.table import Row, print_table
from seqlearn import LSTMClassifier, datasets
from seqlearn.errors import UnknownBackendError
from seqlearn.preprocessing import SequenceNormalizer, SequenceScaler

SEEDS = range(5)
FEW_SEEDS = range(1)  # for what takes minutes a fit
RECIPE = {
    "hidden_size": 8,
    "bidirectional": False,
    "dropout": 0.0,
    "readout": "mean",
    "max_epochs": 120,
    "batch_size": 16,
    "lr": 5e-3,
    "lr_schedule": "one_cycle",
    "backend__filters": (64, 128, 64),
    "backend__kernel_sizes": (16, 10, 6),
    "backend__ends": "repeat",
}
UCR = {
    "ArrowHead": (datasets.load_arrow_head, 0.897),
    "GunPoint": (datasets.load_gunpoint, 0.990),
    "ItalyPowerDemand": (datasets.load_italy_power_demand, 0.960),
    "OSULeaf": (datasets.load_osuleaf, 0.970),
}

SEQUENCES, ROWS = SequenceScaler(), SequenceNormalizer()
OTHERS = {
    "JapaneseVowels": (datasets.load_japanese_vowels, SEEDS, SEQUENCES),
    "BasicMotions": (datasets.load_basic_motions, SEEDS, SEQUENCES),
    "PLAID": (datasets.load_plaid, FEW_SEEDS, ROWS),
}

Maker = Callable[[int], Any]  # from a seed, an estimator


def run() -> dict[str, list[Row]]:
    """Measure each model and print a table as soon as its rows are there."""
    torch.set_num_threads(1)
    tables = {
        "test accuracy on the four UCR sets": _ucr,
        "test accuracy on ragged and multivariate sets": _others,
        "test accuracy of peers on the four UCR sets": _peers,
        "test accuracy of ALSTM-FCN on the four UCR sets": _attention,
    }
    results = {}
    for title, measure in tables.items():
        results[title] = measure()
        print_table(title, results[title])
    return results


def _ucr() -> list[Row]:
    rows = [
        _score(name, "lstmfcn", _ours("lstmfcn"), load(), SEEDS, bar)
        for name, (load, bar) in UCR.items()
    ]
    for name, (load, _) in UCR.items():
        seeds = FEW_SEEDS if name == "OSULeaf" else SEEDS
        rows.append(_score(name, "lstmfcn-shuffle", _ours("lstmfcn-shuffle"), load(), seeds))
    return rows


def _others() -> list[Row]:
    return [
        _score(name, "lstmfcn", _ours("lstmfcn", scaler), load(), seeds)
        for name, (load, seeds, scaler) in OTHERS.items()
    ]


def _peers() -> list[Row]:
    peers: dict[str, tuple[Maker, range]] = {
        "sktime 1-NN DTW": (_sktime_dtw, range(1)),
        "sktime MiniRocket, ridge": (_sktime_minirocket, SEEDS),
        "sktime LSTMFCNClassifierTorch": (_sktime_lstmfcn, FEW_SEEDS),
    }
    return [
        _score(name, model, make, tuple(map(_as_sktime, load())), seeds)
        for model, (make, seeds) in peers.items()
        for name, (load, _) in UCR.items()
    ]


def _attention() -> list[Row]:
    return [
        _score(name, "alstmfcn", _ours("alstmfcn"), load(), FEW_SEEDS)
        for name, (load, _) in UCR.items()
        if name != "OSULeaf"
    ]


def _ours(backend: str, scaler: Any = SEQUENCES) -> Maker:
    return lambda seed: make_pipeline(
        clone(scaler), LSTMClassifier(backend=backend, random_state=seed).set_params(**RECIPE)
    )


def _as_sktime(values: np.ndarray) -> np.ndarray:
    """Give series (N, T) the axis of features that sktime wants, (N, 1, T); leave labels alone."""
    return values[:, None] if values.ndim == 2 else values


def _sktime_lstmfcn(seed: int) -> Any:
    """As it comes, recurrent over time, but for our numbers of epochs and of rows a batch.

    Its own 2,000 epochs would take an hour a fit on the largest set.
    """
    from sktime.classification.deep_learning.lstmfcn import LSTMFCNClassifierTorch

    return LSTMFCNClassifierTorch(
        num_epochs=RECIPE["max_epochs"], batch_size=RECIPE["batch_size"], random_state=seed
    )


def _sktime_dtw(seed: int) -> Any:
    importlib.import_module("numba")  # without it sktime runs a loop in Python, for hours
    from sktime.classification.distance_based import KNeighborsTimeSeriesClassifier

    return KNeighborsTimeSeriesClassifier(n_neighbors=1, distance="dtw")


def _sktime_minirocket(seed: int) -> Any:
    from sktime.classification.kernel_based import RocketClassifier

    return RocketClassifier(rocket_transform="minirocket", random_state=seed)


def _score(
    name: str, model: str, make: Maker, data: tuple, seeds: range, bar: float | str = ""
) -> Row:
    X_train, X_test, y_train, y_test = data
    scores, fits, predictions = [], [], []
    try:
        for seed in seeds:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # peers warn of their own dependencies
                estimator = make(seed)
                start = time.process_time()
                estimator.fit(X_train, y_train)
                fitted = time.process_time()
                answer = estimator.predict(X_test)
            fits.append(fitted - start)
            predictions.append(time.process_time() - fitted)
            scores.append(float(np.mean(answer == y_test)))
    except (ImportError, UnknownBackendError) as cause:
        model += f": not measured, {textwrap.shorten(str(cause), 70)}"
    measured = bool(scores)
    return {
        "data": name,
        "model": model,
        "mean": round(float(np.mean(scores)), 4) if measured else "",
        "min": round(min(scores), 4) if measured else "",
        "max": round(max(scores), 4) if measured else "",
        "seeds": len(scores),
        "bar": bar,
        "CPU s a fit": float(np.mean(fits)) if measured else "",
        "CPU s to predict": float(np.mean(predictions)) if measured else "",
    }
