"""What comes next in a session: ranks on real sessions beside recommenders that count, and speed.

Entree, a guide to restaurants: the items of the steps and the known end point, trained before 1999,
tested on 1999; every step is predicted, ranked among all items, of equal scores the last. With
operations, a step is read with what the user did at it to get the next one. The settings are the
defaults, chosen on the last quarter before 1999. Rows of several seeds show the mean, the lowest
and the highest MRR@20. Those that count (`benchmarks.peers.session_counts`) have no seeds.

Fits are timed in process CPU seconds, on one thread. The answer to one session is the median of
many, on catalogues of which the large one has items drawn at random. The last table is an epoch of
a sampled loss over many generated sessions, in a process of its own, with the memory that it took.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import torch

from benchmarks.peers.session_counts import ItemNeighbours, Markov, Popularity
from benchmarks.table import Row, print_table
from seqlearn import LSTMRecommender
from seqlearn.datasets import fetch_entree
from seqlearn.metrics import mrr_at_k, recall_at_k

SEEDS = range(3)
TEST = ("1999-Q1", "1999-Q2")
SAMPLE = 64  # negatives, 10 % of the items
BARS = {"items": (0.39, 0.93), "with operations": (0.485, 0.94)}
CATALOGUES = ((644, 2.0), (100_000, 10.0))  # items, bar in milliseconds
CALLS = 100
MANY = (1_000_000, 50_000)  # sessions of mean length 5, items
SESSIONS: int | None = None  # a number takes so many of each part, to try the program
ROOT = Path(__file__).parents[1]


def run() -> dict[str, list[Row]]:
    """Measure everything and print one table a subject."""
    torch.set_num_threads(1)
    results = {}
    for title, measure in {
        "recommendation: Entree, next items": accuracy,
        "recommendation: one session": latency,
        "recommendation: one epoch over many sessions": many_sessions,
    }.items():
        results[title] = measure()
        print_table(title, results[title])
    return results


def accuracy() -> list[Row]:
    """MRR and recall of every recommender on items alone and with operations."""
    rows = []
    for data, with_operations in (("items", False), ("with operations", True)):
        train, test = _entree(with_operations)
        options: dict[str, Any] = {"context": ["operation"]} if with_operations else {}
        counting = {"first-order Markov": Markov(1), "second-order Markov": Markov(2)}
        if not with_operations:
            counting = {"popularity": Popularity(), "item-kNN": ItemNeighbours(), **counting}
        for name, model in counting.items():
            rows.append(_row(data, name, [_trial(model, train, test)], len(train)))
        trials = [_trial(LSTMRecommender(**options, random_state=s), train, test) for s in SEEDS]
        rows.append(_row(data, "LSTMRecommender", trials, len(train), BARS[data]))
        if not with_operations:
            sampled = {"n_negatives": SAMPLE, "dropout": 0.0}
            trials = [
                _trial(LSTMRecommender(**sampled, random_state=s), train, test) for s in SEEDS
            ]
            rows.append(_row(data, f"the same, {SAMPLE} negatives, no dropout", trials, len(train)))
    return rows


def latency() -> list[Row]:
    """Milliseconds of one recommendation for one session, by the size of the catalogue."""
    rows = []
    for n_items, bar in CATALOGUES:
        rng = np.random.default_rng(0)
        sessions = [rng.integers(0, n_items, size=5).tolist() for _ in range(2000)]
        catalogue = np.arange(n_items).tolist()
        sessions += [catalogue[first : first + 50] for first in range(0, n_items, 50)]
        model = LSTMRecommender(max_epochs=1, n_negatives=100, random_state=0).fit(sessions)
        for exclude_seen in (False, True):
            wall, cpu = [], []
            for session in sessions[:CALLS]:
                begins = time.perf_counter(), time.process_time()
                model.recommend([session], exclude_seen=exclude_seen)
                wall.append(time.perf_counter() - begins[0])
                cpu.append(time.process_time() - begins[1])
            rows.append(
                {
                    "items": len(model.items_),
                    "seen left out": exclude_seen,
                    "CPU ms": 1e3 * median(cpu),
                    "wall ms": 1e3 * median(wall),
                    "bar ms": bar,
                }
            )
    return rows


def many_sessions() -> list[Row]:
    """One epoch of many sessions, in a process of its own."""
    code = "from benchmarks.recommendation import epoch; print(*epoch(), sep=';')"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    read, fit, data, peak = map(float, found.stdout.split(";"))
    return [
        {
            "sessions": MANY[0],
            "items": MANY[1],
            "generate s": read,
            "fit CPU s": fit,
            "MB before": round(data),
            "MB at most": round(peak),
        }
    ]


def epoch() -> tuple[float, float, float, float]:
    """Return seconds of generation and fit, and megabytes before and at the peak."""
    torch.set_num_threads(1)
    n_sessions, n_items = MANY
    begin = time.process_time()
    rng = np.random.default_rng(0)
    lengths = rng.poisson(3, size=n_sessions) + 2
    # Items of one session lie near each other, so that there is something to learn.
    starts = rng.zipf(1.2, size=n_sessions) % n_items
    steps = rng.integers(0, 20, size=lengths.sum())
    flat = ((np.repeat(starts, lengths) + steps) % n_items).tolist()
    ends = np.cumsum(lengths).tolist()
    sessions = [flat[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    del flat, steps
    before, generated = _megabytes(), time.process_time() - begin
    begin = time.process_time()
    LSTMRecommender(max_epochs=1, batch_size=512, n_negatives=500, random_state=0).fit(sessions)
    return generated, time.process_time() - begin, before, _megabytes()


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _entree(with_operations: bool) -> tuple[list[list], list[list]]:
    """Return training and test sessions."""
    entree = fetch_entree()
    sessions = entree.sessions
    if with_operations:
        pairs = zip(sessions, entree.operations, strict=True)
        sessions = [list(zip(*pair, strict=True)) for pair in pairs]
    is_test = np.isin(entree.quarters, TEST)
    parts = [[sessions[i] for i in np.flatnonzero(own)] for own in (~is_test, is_test)]
    return parts[0][:SESSIONS], parts[1][:SESSIONS]


def _trial(model: Any, train: list[list], test: list[list]) -> dict[str, float]:
    """Fit and rank; return MRR@20, recall@20, the number of predictions, and CPU seconds."""
    begin = time.process_time()
    model.fit(train)
    fitted = time.process_time()
    known = {step[0] if isinstance(step, tuple) else step for row in train for step in row}
    kept = [
        [step for step in row if (step[0] if isinstance(step, tuple) else step) in known]
        for row in test
    ]
    ranks = model.rank_steps(kept)
    return {
        "mrr": mrr_at_k(ranks, 20),
        "recall": recall_at_k(ranks, 20),
        "n": len(ranks),
        "fit": fitted - begin,
        "rank": time.process_time() - fitted,
    }


def _row(
    data: str, by: str, trials: list[dict[str, float]], n_train: int, bars: tuple = ("", "")
) -> Row:
    scores = [trial["mrr"] for trial in trials]
    return {
        "data": data,
        "by": by,
        "MRR@20": round(mean(scores), 4),
        "min": round(min(scores), 4),
        "max": round(max(scores), 4),
        "bar": bars[0],
        "R@20": round(mean(trial["recall"] for trial in trials), 4),
        "bar of R": bars[1],
        "seeds": len(trials),
        "fit CPU s": mean(trial["fit"] for trial in trials),
        "rank CPU s": mean(trial["rank"] for trial in trials),
        "sessions": n_train,
        "predictions": round(trials[0]["n"]),
    }
