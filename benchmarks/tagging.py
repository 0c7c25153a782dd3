"""Tagging on real data: accuracy beside a linear CRF, what each ingredient gives, and speed.

UD English EWT, universal parts of speech of gold tokens, and WNUT-17, spans of entities; both from
scratch. Settings were chosen on the dev parts, which the rows on ingredients show; the test parts
are looked at once a seed, by the rows on accuracy. The peers are in `benchmarks.peers`.

Seconds are of the wall, with process CPU time beside them; training speed is CPU time, as in
`benchmarks.speed`. All run on one thread: with two on two cores that others use too, the threads of
OpenMP were seen to wait for each other for ten times as long as they worked. Tagging is timed with
two threads also.
"""

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

import torch
from sklearn.base import clone

from benchmarks.peers import torch_tagger
from benchmarks.table import Row, print_table
from benchmarks.timing import Timing, alternate, cpu_seconds
from seqlearn import BiLSTMTagger, Words
from seqlearn.datasets import fetch_universal_dependencies, fetch_wnut17
from seqlearn.inputs.embeddings import CHARACTER_SIZE
from seqlearn.metrics import span_f1_score, token_accuracy_score

EWT: dict[str, Any] = {
    "max_epochs": 12,
    "lr": 0.004,
    "lr_schedule": "one_cycle",
    "hidden_size": 200,
    "words": Words(size=100, characters=64, lowercase=True, fold_digits=True),
    "weight_decay": 1e-5,
}
WNUT: dict[str, Any] = {
    "scheme": "BIO",
    "max_epochs": 14,
    "lr": 0.004,
    "hidden_size": 128,
    "class_weight": {"O": 0.4},
    "words": Words(characters=50, lowercase=True, fold_digits=True),
    "weight_decay": 1e-5,
}
SEEDS = range(3)
INGREDIENTS: dict[str, dict[str, Any]] = {
    "full": {},
    "without CRF": {"decoder": "softmax"},
    "without characters": {"words__characters": None},
    "without word dropout": {"words__dropout": 0.0},
}
THREADS = 1
SENTENCES: int | None = None  # a number takes so many of each part, to try the program

SPEED_SENTENCES = 3_000
SPEED_BATCH = 32
REPEATS = 3
Part = tuple[list[list[str]], list[list[str]]]


@dataclass
class Task:
    """A data set, how the tagger is set for it and how answers are judged."""

    name: str
    measure: str
    settings: dict[str, Any]
    score: Callable[[Any, Any], float]
    fetch: Callable[[], dict[str, Part]]
    bar: float
    bar_seconds: int | str
    ingredient_seeds: range

    def parts(self) -> dict[str, Part]:
        """Train, dev and test: sentences and their labels."""
        return {
            name: (words[:SENTENCES], labels[:SENTENCES])
            for name, (words, labels) in self.fetch().items()
        }


TASKS = [
    Task(
        name="UD English EWT",
        measure="accuracy",
        settings=EWT,
        score=token_accuracy_score,
        fetch=lambda: fetch_universal_dependencies("en_ewt", "all"),
        bar=95.2,
        bar_seconds=300,
        ingredient_seeds=range(1),
    ),
    Task(
        name="WNUT-17",
        measure="span F1",
        settings=WNUT,
        score=span_f1_score,
        fetch=lambda: fetch_wnut17("all"),
        bar=22.0,
        bar_seconds="",
        ingredient_seeds=range(3),
    ),
]


@dataclass
class Trial:
    """One model trained and asked: its score in percent, and what it took."""

    score: float
    fit_wall: float
    fit_cpu: float
    predict_wall: float
    predict_cpu: float


def run() -> dict[str, list[Row]]:
    """Measure everything and print one table a subject."""
    torch.set_num_threads(THREADS)
    results = {}
    for title, measure in {
        "tagging: test part, from scratch": accuracy,
        "tagging: what each ingredient gives, dev part": ingredients,
        "tagging: training, one epoch": training_speed,
        "tagging: predict": tagging_speed,
    }.items():
        results[title] = measure()
        print_table(title, results[title])
    return results


def accuracy() -> list[Row]:
    """Test score of the tagger and of the linear CRF, and the seconds they took; bars of the task.

    Predictions are timed with everything they need, for the CRF the making of features too.
    """
    rows = []
    for task in TASKS:
        parts = task.parts()
        trials = [_try(task, parts, "test", _tagger(task, seed)) for seed in SEEDS]
        bars = (task.bar, task.bar_seconds)
        rows.append(_accuracy_row(task, parts, "BiLSTMTagger", trials, bars))
        name = "linear CRF, hand-made features (python-crfsuite)"
        if importlib.util.find_spec("pycrfsuite") is None:
            missing = "linear CRF: python-crfsuite is not installed"
            rows.append(dict.fromkeys(rows[0], "") | {"data": task.name, "by": missing})
            continue
        from benchmarks.peers.linear_crf import LinearCRF

        trial = _try(task, parts, "test", LinearCRF())
        rows.append(_accuracy_row(task, parts, name, [trial], ("", "")))
    return rows


def ingredients() -> list[Row]:
    """Dev score of the tagger as it is set, and with one part of it taken away.

    Without the CRF, each label is scored for itself; on WNUT-17 the scheme still holds, so the
    best sequence that keeps to it is predicted.
    """
    rows = []
    for task in TASKS:
        parts = task.parts()
        full = None
        for name, change in INGREDIENTS.items():
            trials = [
                _try(task, parts, "dev", _tagger(task, seed, **change))
                for seed in task.ingredient_seeds
            ]
            score = mean(trial.score for trial in trials)
            full = score if full is None else full
            rows.append(
                {
                    "data": task.name,
                    "by": name,
                    "measure": task.measure,
                    "dev %": round(score, 2),
                    "to full": f"{score - full:+.2f}",
                    "seeds": len(trials),
                    "fit CPU s": mean(trial.fit_cpu for trial in trials),
                }
            )
    return rows


def training_speed() -> list[Row]:
    """Training tokens a CPU second against a plain torch BiLSTM-CRF of equal sizes; bar: 2 times.

    Our epoch is the difference between a longer and a shorter fit, as in `benchmarks.speed`.
    """
    words, labels = TASKS[0].parts()["train"]
    words, labels = words[:SPEED_SENTENCES], labels[:SPEED_SENTENCES]
    n_tokens = sum(map(len, words))
    tagger = BiLSTMTagger(**EWT)
    network = {name: getattr(tagger, name) for name in ("hidden_size", "num_layers", "dropout")}
    read = Words(size=tagger.words.size, characters=tagger.words.characters)
    same = {"batch_size": SPEED_BATCH, "lr": 0.005, "gradient_clip": 1.0, **network}
    _, epoch = torch_tagger.training(
        words,
        labels,
        **same,
        word_size=read.size,
        spelling_size=read.characters,
        letter_size=CHARACTER_SIZE,
        unknown_share=read.dropout,
    )

    def fit(epochs: int) -> float:
        model = BiLSTMTagger(max_epochs=epochs, random_state=0, **same, words=read)
        return cpu_seconds(lambda: model.fit(words, labels))

    timings = alternate(
        {
            "torch by hand, packed": lambda: cpu_seconds(epoch),
            "seqlearn": lambda: (fit(3) - fit(1)) / 2,
        },
        repeats=REPEATS,
    )
    work = f"EWT train, first {len(words)} sentences, B={SPEED_BATCH} " + _shown(network, read)
    return [_speed_row(work, n_tokens, by, timings) for by in timings]


def tagging_speed() -> list[Row]:
    """Tokens a second of ``predict`` on the dev part of EWT, at the EWT setting; bar: 20,000."""
    parts = TASKS[0].parts()
    words, labels = parts["train"]
    model = BiLSTMTagger(**EWT | {"max_epochs": 1}, random_state=0)
    model.fit(words[:SPEED_SENTENCES], labels[:SPEED_SENTENCES])
    sentences = parts["dev"][0]
    n_tokens = sum(map(len, sentences))
    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        model.predict(sentences)
        times = [_timed(lambda: model.predict(sentences))[1:] for _ in range(2 * REPEATS + 1)]
        wall, cpu = (median(values) for values in zip(*times, strict=True))
        rows.append(
            {
                "work": f"EWT dev, {len(sentences)} sentences, {n_tokens} tokens",
                "threads": threads,
                "tokens/s": round(n_tokens / wall),
                "bar": 20_000,
                "tokens/CPU s": round(n_tokens / cpu),
            }
        )
    torch.set_num_threads(THREADS)
    return rows


def _tagger(task: Task, seed: int, **change: Any) -> BiLSTMTagger:
    return clone(BiLSTMTagger(**task.settings, random_state=seed)).set_params(**change)


def _try(task: Task, parts: dict[str, Part], part: str, model: Any) -> Trial:
    words, labels = parts[part]
    _, fit_wall, fit_cpu = _timed(lambda: model.fit(*parts["train"]))
    predicted, predict_wall, predict_cpu = _timed(lambda: model.predict(words))
    score = 100 * float(task.score(labels, predicted))
    return Trial(score, fit_wall, fit_cpu, predict_wall, predict_cpu)


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the answer, seconds of the wall and seconds of process CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = work()
    return answer, time.perf_counter() - wall, time.process_time() - cpu


def _accuracy_row(
    task: Task, parts: dict[str, Part], by: str, trials: list[Trial], bars: tuple[object, object]
) -> Row:
    n_tokens = sum(map(len, parts["test"][0]))
    scores = [trial.score for trial in trials]
    return {
        "data": task.name,
        "by": by,
        "measure": task.measure,
        "test %": round(mean(scores), 2),
        "min": round(min(scores), 2),
        "max": round(max(scores), 2),
        "bar": bars[0],
        "seeds": len(trials),
        "fit s": mean(trial.fit_wall for trial in trials),
        "bar s": bars[1],
        "fit CPU s": mean(trial.fit_cpu for trial in trials),
        "predict tokens/s": round(n_tokens / mean(trial.predict_wall for trial in trials)),
        "tokens/CPU s": round(n_tokens / mean(trial.predict_cpu for trial in trials)),
    }


def _shown(network: dict[str, Any], words: Words) -> str:
    sizes = {"H": network["hidden_size"], "layers": network["num_layers"]}
    sizes |= {"E": words.size, "K": words.characters}
    return " ".join(f"{letter}={size}" for letter, size in sizes.items())


def _speed_row(work: str, n_tokens: int, by: str, timings: dict[str, Timing]) -> Row:
    base = next(iter(timings))
    return {
        "work": work,
        "by": by,
        "tokens/CPU s": round(n_tokens / timings[by].median),
        "CPU s an epoch": timings[by].median,
        "spread": timings[by].spread,
        "times the base": timings[base].median / timings[by].median,
        "bar": 2.0 if by == "seqlearn" else "",
    }
