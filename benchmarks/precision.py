"""Training in bfloat16 beside float32: test accuracy, and the time of an epoch.

``precision="auto"`` trains in bfloat16 where the processor multiplies it faster, which the first
table states for this machine; predictions are computed in float32 either way. Accuracy is that of
the constructor's defaults behind SequenceScaler with the official splits, mean, least and largest
of five seeds. Times are process CPU time on one thread, medians; "ratio" is bfloat16's over
float32's.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from sklearn.pipeline import make_pipeline

from benchmarks import ours
from benchmarks.contenders import Work
from benchmarks.table import Row, print_table
from benchmarks.timing import alternate, epoch_seconds
from seqlearn import LSTMClassifier, datasets
from seqlearn.preprocessing import SequenceScaler
from seqlearn.torch_internals import bf16_units, computes_bf16

PRECISIONS = ("float32", "bf16")
SEEDS = range(5)
SETS: dict[str, Callable] = {
    "JapaneseVowels": datasets.load_japanese_vowels,
    "BasicMotions": datasets.load_basic_motions,
    "ItalyPowerDemand": datasets.load_italy_power_demand,
}
ROWS = 640
WORKS = (
    Work([30] * ROWS, 4, 16, 32),
    Work([100] * ROWS, 8, 64, 64),
    Work([100] * ROWS, 8, 256, 64),
)
EPOCHS, REPEATS = 2, 5


def run() -> dict[str, list[Row]]:
    """Measure all three and print a table of each; the first alone where there is no bfloat16."""
    torch.set_num_threads(1)
    results = {}
    tables = {
        "processor": _processor,
        "test accuracy": lambda: [
            row for name, load in SETS.items() for row in _scores(name, load())
        ],
        "time of an epoch": lambda: [_epochs(work) for work in WORKS],
    }
    for title in tables if computes_bf16("cpu") else ["processor"]:
        results[title] = tables[title]()
        print_table(title, results[title])
    return results


def _processor() -> list[Row]:
    X = np.zeros((6, 3, 1), np.float32)
    model = LSTMClassifier(hidden_size=2, max_epochs=1, precision="auto")
    chosen = model.fit(X, [0, 1] * 3).net_.autocast
    return [
        {
            "capability": torch.backends.cpu.get_cpu_capability(),
            **bf16_units(),
            "computes bfloat16": computes_bf16("cpu"),
            "auto trains in": str(chosen or torch.float32).removeprefix("torch."),
        }
    ]


def _scores(name: str, data: tuple) -> list[Row]:
    X_train, X_test, y_train, y_test = data
    rows: list[Row] = []
    for precision in PRECISIONS:
        scores, seconds = [], []
        for seed in SEEDS:
            model = LSTMClassifier(random_state=seed, precision=precision)
            pipe = make_pipeline(SequenceScaler(), model)
            start = time.process_time()
            pipe.fit(X_train, y_train)
            seconds.append(time.process_time() - start)
            scores.append(pipe.score(X_test, y_test))
        rows.append(
            {
                "data": name,
                "precision": precision,
                "mean": round(float(np.mean(scores)), 4),
                "min": round(min(scores), 4),
                "max": round(max(scores), 4),
                "CPU s a fit": float(np.mean(seconds)),
            }
        )
    return rows


def _epochs(work: Work) -> Row:
    X, y = work.data()

    def epoch(precision: str) -> Callable[[], float]:
        fit = ours.prepare(work, X, y, as_it_comes=True, precision=precision).fit
        return lambda: epoch_seconds(fit, EPOCHS)

    timings = alternate({precision: epoch(precision) for precision in PRECISIONS}, REPEATS)
    exact, coarse = (timings[precision] for precision in PRECISIONS)
    return {
        "work": str(work),
        "float32 ms": 1e3 * exact.median,
        "bf16 ms": 1e3 * coarse.median,
        "spread": max(exact.spread, coarse.spread),
        "ratio": coarse.median / exact.median,
    }
