"""Patients in intensive care: who dies in hospital, told from the first 48 hours with their gaps.

PhysioNet 2012, trained on set a and tested on set b, 4,000 patients each, of whom 14 % die: hourly
means of 37 variables, 81 % of them missing, scaled by set a and limited to 5 standard deviations.
What is known on admission (age, sex, height, weight, kind of unit) goes in as further columns, the
same at each step, by `add_static`; what is not known of it is missing too. Accuracy says nothing
here, as 86 % survive: AUC is the area under the ROC curve, AP the average precision. AUC has a
standard error of .007 on these patients, and differences of two models on the same patients about
half of that.

The first three networks differ in one thing, what they are told of the gaps: nothing, with 0, the
mean, in them; the last value before; that and, by ``missing="mask"``, what was observed and how
long ago. Their other settings were chosen on 1,000 patients of set a that were held out, three
times, with ``missing="mask"``; set b was not looked at. GRU-D (Che et al. 2018), of the plugin,
reads the same and lets input and state decay; it has half as many units, as its loop is slower.
Calibrated is `CalibratedClassifierCV` around networks of half as many units as the third: four,
each calibrated on the quarter of set a that it did not see, whose answers are averaged. Beside
them are logistic regression and gradient boosting on six summaries of each variable: least,
largest, mean, first and last value and the share of hours observed.

Brier is the mean squared error of the probability, ECE the mean distance between the predicted
probability and the share that died, in ten groups of equal width. "unseen" is what a model says of
a patient of whom nothing is known at all; the share of set a that died is .1385. Seconds are
process CPU time of a fit on one thread.

The last table is the process CPU time that a set takes to be read from its files.
"""

import time
from collections.abc import Callable
from statistics import mean
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from benchmarks.table import Row, print_table
from benchmarks.timing import cpu_seconds
from seqlearn import LSTMClassifier, Sequences, add_static, available_backends, events_to_sequences
from seqlearn.datasets import fetch_physionet2012
from seqlearn.preprocessing import SequenceImputer, SequenceScaler

SEEDS = range(3)
THREADS = 1
PATIENTS: int | None = None  # a number takes so many of each set, to try the program
HOURS = 48
SETTINGS: dict[str, Any] = {
    "hidden_size": 128,
    "max_epochs": 8,
    "batch_size": 64,
    "optimizer": "adamw",
    "lr": 2e-3,
    "lr_schedule": "one_cycle",
    "dropout": 0.3,
    "readout": "max",
    "device": "cpu",
}
N_BINS = 10
FORWARD = "carried forward"
MASK = 'missing="mask"'
GRU_D = "GRU-D (seqlearn-grud), 64 units"
CALIBRATED = f"{MASK}, four of 64 units, calibrated"
BARS: dict[str, dict[str, float]] = {
    "AUC": {"bar": 0.838, "aim": 0.85},
    "AP": {"bar": 0.485, "aim": 0.52},
    "s": {"bar": 60},
    "reading": {"bar": 10},
}
BAR_GAIN = 0.005


class Patients(NamedTuple):
    """A set: sequences with what is known on admission, and who died."""

    X: Sequences
    y: np.ndarray


class Trial(NamedTuple):
    """A model trained once: its probabilities of set b and of a patient without data, seconds."""

    risks: np.ndarray
    unseen: float
    seconds: float


def run() -> dict[str, list[Row]]:
    """Train each model, and print what set b says of it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        train, test = load()
        trials = {
            by: [_try(make(seed), train, test) for seed in (SEEDS if is_random else [0])]
            for by, (make, is_random) in models().items()
        }
    finally:
        torch.set_num_threads(threads)
    results = {
        "monitoring: PhysioNet 2012, set b": [
            _row(by, some, test.y) for by, some in trials.items()
        ],
        "monitoring: AUC gained over the last value carried forward": _gains(trials, test.y),
        "monitoring: a set read from its files": [_reading(part) for part in ("train", "test")],
    }
    for title, rows in results.items():
        print_table(title, rows)
    return results


def load() -> tuple[Patients, Patients]:
    """Return set a and set b."""
    import pandas as pd

    parts = [fetch_physionet2012(part) for part in ("train", "test")]
    variables = sorted(parts[0].events["variable"].unique())
    found = []
    for stays in parts:
        ids = stays.ids[:PATIENTS]
        grid = events_to_sequences(
            stays.events, every=1.0, span=HOURS, ids=ids, variables=variables, dtype="float32"
        )
        units = stays.static.astype({"ICUType": pd.CategoricalDtype([1.0, 2.0, 3.0, 4.0])})
        static = pd.get_dummies(units, columns=["ICUType"], dtype=float).add_prefix("static ")
        found.append(Patients(add_static(grid, static.loc[ids]), stays.died[:PATIENTS]))
    return found[0], found[1]


def models() -> dict[str, tuple[Callable[[int], Any], bool]]:
    """Return the models by name: what makes one of a seed, and whether the seed matters."""
    found: dict[str, tuple[Callable[[int], Any], bool]] = {
        "zero": (lambda seed: network(seed, "zero"), True),
        FORWARD: (lambda seed: network(seed, "forward"), True),
        MASK: (lambda seed: network(seed), True),
    }
    if "grud" in available_backends():
        found[GRU_D] = (lambda seed: network(seed, backend="grud", hidden_size=64), True)
    found[CALIBRATED] = (
        lambda seed: CalibratedClassifierCV(network(seed, hidden_size=64), cv=4),
        True,
    )
    linear = (
        SimpleImputer(keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=0.01, max_iter=1000),
    )
    found["summaries, logistic regression"] = (lambda seed: _on_summaries(*linear), False)
    found["summaries, gradient boosting"] = (
        lambda seed: _on_summaries(
            HistGradientBoostingClassifier(
                learning_rate=0.05, max_iter=200, max_leaf_nodes=15, random_state=seed
            )
        ),
        True,
    )
    return found


def network(seed: int, fill: str | None = None, **more: Any) -> Any:
    """Return an LSTM that is told of the gaps, or reads what fills them."""
    reader = LSTMClassifier(**{**SETTINGS, **more}, random_state=seed)
    scaler = SequenceScaler(clip=5.0)
    if fill is None:
        return make_pipeline(scaler, reader.set_params(missing="mask"))
    return make_pipeline(scaler, SequenceImputer(fill), reader)


def _on_summaries(*steps: Any) -> Any:
    return make_pipeline(SequenceScaler(clip=5.0), FunctionTransformer(summaries), *steps)


def summaries(X: Sequences) -> np.ndarray:
    """Return least, largest, mean, first and last value and the share observed, (N, 6 F).

    What does not change, as age, is there once and not six times.
    """
    names = X.channels.names if X.channels is not None else None
    is_static = np.array([name.startswith("static ") for name in names or [""] * X.n_features])
    values, starts = X.values[:, ~is_static].astype(np.float64), X.offsets[:-1]
    there = ~np.isnan(values)
    count = np.add.reduceat(there.astype(np.float64), starts)
    total = np.add.reduceat(np.where(there, values, 0.0), starts)
    seen = count > 0
    first, last = (_observed(values, X, latest) for latest in (False, True))
    parts = [
        np.fmin.reduceat(values, starts),
        np.fmax.reduceat(values, starts),
        np.where(seen, total / np.maximum(count, 1), np.nan),
        first,
        last,
        count / X.lengths[:, None],
        X.values[starts][:, is_static],
    ]
    return np.concatenate(parts, axis=1)


def _observed(values: np.ndarray, X: Sequences, latest: bool) -> np.ndarray:
    """Return the first or the last observation of each feature in each row, (N, F)."""
    step = np.where(
        np.isnan(values), -1 if latest else len(values), np.arange(len(values))[:, None]
    )
    chosen = (np.maximum if latest else np.minimum).reduceat(step, X.offsets[:-1])
    inside = (chosen >= X.offsets[:-1, None]) & (chosen < X.offsets[1:, None])
    return np.where(inside, np.take_along_axis(values, np.where(inside, chosen, 0), axis=0), np.nan)


def _try(model: Any, train: Patients, test: Patients) -> Trial:
    start = time.process_time()
    model.fit(train.X, train.y)
    seconds = time.process_time() - start
    nothing = test.X[:1].replace_values(np.full_like(test.X[0], np.nan))
    risks = model.predict_proba(test.X)[:, 1]
    return Trial(risks, float(model.predict_proba(nothing)[0, 1]), seconds)


def _row(by: str, trials: list[Trial], y: np.ndarray) -> Row:
    areas = [float(roc_auc_score(y, trial.risks)) for trial in trials]
    precisions = [float(average_precision_score(y, trial.risks)) for trial in trials]
    judged = by in (MASK, GRU_D, CALIBRATED)
    return {
        "by": by,
        "AUC": round(mean(areas), 4),
        "min": round(min(areas), 4),
        "max": round(max(areas), 4),
        "AUC bar": BARS["AUC"]["bar"] if judged else "",
        "AUC aim": BARS["AUC"]["aim"] if judged else "",
        "AP": round(mean(precisions), 4),
        "AP bar": BARS["AP"]["bar"] if judged else "",
        "AP aim": BARS["AP"]["aim"] if judged else "",
        "Brier": round(mean(float(brier_score_loss(y, t.risks)) for t in trials), 4),
        "ECE": round(mean(calibration_error(y, t.risks) for t in trials), 4),
        "unseen": round(mean(trial.unseen for trial in trials), 3),
        "CPU s a fit": mean(trial.seconds for trial in trials),
        "bar s": BARS["s"]["bar"] if judged else "",
        "seeds": len(trials),
    }


def _reading(part: str) -> Row:
    seconds = cpu_seconds(lambda: fetch_physionet2012(part))
    return {"part": part, "CPU s": round(seconds, 2), "at most": BARS["reading"]["bar"]}


def calibration_error(y: np.ndarray, risks: np.ndarray, n_bins: int = N_BINS) -> float:
    """Return the mean distance of predicted probability and share that came true."""
    group = np.minimum((risks * n_bins).astype(np.int64), n_bins - 1)
    apart = np.bincount(group, risks - y, n_bins)
    return float(np.abs(apart).sum() / len(y))


def _gains(trials: dict[str, list[Trial]], y: np.ndarray) -> list[Row]:
    """Return by how much AUC is above that of the network that carries forward, seed by seed."""
    before = [float(roc_auc_score(y, trial.risks)) for trial in trials[FORWARD]]
    rows: list[Row] = []
    for by in (name for name in ("zero", MASK, GRU_D) if name in trials):
        areas = [float(roc_auc_score(y, trial.risks)) for trial in trials[by]]
        gains = [after - own for after, own in zip(areas, before, strict=True)]
        rows.append(
            {"by": by, "mean": round(mean(gains), 4), "bar": BAR_GAIN if by == MASK else ""}
            | {f"seed {s}": round(gain, 4) for s, gain in zip(SEEDS, gains, strict=True)}
        )
    return rows
