"""Time of one step of a stream, against torch's bare cell or layer that does nothing else.

A stream checks what it is given, carries the state of every station, and answers as `predict` does;
the bare module takes a ready tensor and gives the next state, in inference mode too. One stream is
held against ``nn.LSTMCell``, and may take 3 times as long (the aim is 1.5) whatever it answers;
thousands against one step of ``nn.LSTM``, of whose speed they must reach 0.8. "first" and "later"
are steps at the beginning and after many others, which must cost the same. All in process CPU time
on one thread, medians; "spread" is the distance between the quartiles as a share of the median.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.contenders import CLASSES
from benchmarks.ours import SAME_NETWORK
from benchmarks.table import Row, print_table
from benchmarks.timing import alternate, cpu_seconds
from seqlearn import LSTMAnomalyDetector, LSTMClassifier, LSTMLanguageModel, LSTMRegressor

FEATURES, HIDDEN = 8, 64
MANY = 10_000
CALLS, MANY_CALLS, REPEATS = 300, 5, 9
BAR, MANY_BAR, LATER_BAR = 3.0, 0.8, 1.1
LATER = 2_000  # steps before a later one


def run() -> dict[str, list[Row]]:
    """Measure the subjects and print a table of each."""
    torch.set_num_threads(1)
    results = {}
    for title, measure in {
        "one stream": one_stream,
        "many streams": many_streams,
        "first and later steps": later_steps,
    }.items():
        results[title] = measure()
        print_table(title, results[title])
    return results


def one_stream() -> list[Row]:
    """Time of a step of a single stream, against ``nn.LSTMCell`` on one row."""
    cell, x, state = nn.LSTMCell(FEATURES, HIDDEN), torch.randn(1, FEATURES), None

    def bare() -> None:
        nonlocal state
        with torch.inference_mode():
            state = cell(x, state)

    step = np.random.default_rng(0).normal(size=(1, FEATURES))
    work: dict[str, Callable[[], object]] = {"nn.LSTMCell": bare}
    for readout in ("max", "last", "mean"):
        stream = _classifier(readout=readout).stream()
        work[f"LSTMClassifier, {readout}"] = lambda stream=stream: stream.step(step)
    stream = _classifier().stream()
    work["LSTMClassifier, probabilities"] = lambda: stream.step_proba(step)
    regressor = LSTMRegressor(hidden_size=HIDDEN, bidirectional=False, max_epochs=1)
    numbers = regressor.fit(*_data()).stream()
    work["LSTMRegressor"] = lambda: numbers.step(step)
    rows = _timed(work, CALLS, "nn.LSTMCell")
    for row in rows:
        row["bar"] = "" if row["by"] == "nn.LSTMCell" else BAR
    return rows


def many_streams() -> list[Row]:
    """Time of a step of thousands of streams, against ``nn.LSTM`` over one step."""
    layer, x = nn.LSTM(FEATURES, HIDDEN, batch_first=True), torch.randn(MANY, 1, FEATURES)
    state = None

    def bare() -> None:
        nonlocal state
        with torch.inference_mode():
            _, state = layer(x, state)

    step = np.random.default_rng(0).normal(size=(MANY, FEATURES))
    streams = {name: _classifier(backend=name).stream(MANY) for name in ("torch", "gru")}
    work: dict[str, Callable[[], object]] = {"nn.LSTM": bare}
    for name, stream in streams.items():
        work[f"LSTMClassifier, {name}"] = lambda stream=stream: stream.step(step)
    rows = _timed(work, MANY_CALLS, "nn.LSTM")
    for row in rows:
        row["million steps/s"] = MANY / row["us"]
        row["speed"] = 1 / row.pop("ratio")
        row["bar"] = MANY_BAR if row["by"] == "LSTMClassifier, torch" else ""
    return rows


def later_steps() -> list[Row]:
    """Time of a step of a new stream, and after many others."""
    rng, rows = np.random.default_rng(0), []
    series = [rng.normal(size=(200, FEATURES))]
    detector = LSTMAnomalyDetector(hidden_size=HIDDEN, window=32, max_epochs=1).fit(series)
    texts = ["to be or not to be"] * 20
    language = LSTMLanguageModel(hidden_size=HIDDEN, unit="char", max_epochs=1).fit(texts)
    numbers = rng.normal(size=(1, FEATURES))
    for name, model, step in (
        ("LSTMClassifier", _classifier(readout="attention"), numbers),
        ("LSTMAnomalyDetector, window=32", detector, numbers),
        ("LSTMLanguageModel", language, ["b"]),
    ):
        first, later = model.stream(), model.stream()
        for _ in range(LATER):
            later.step(step)

        def begin(stream: Any = first, step: Any = step) -> None:
            stream.step(step)

        def go_on(stream: Any = later, step: Any = step) -> None:
            stream.step(step)

        for row in _timed({"first": begin, "later": go_on}, max(CALLS // 10, 1), "first"):
            bar = LATER_BAR if row["by"] == "later" else ""
            rows.append({"stream of": name, **row, "bar": bar})
    return rows


def _data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, 20, FEATURES)).astype(np.float32), np.arange(50) % CLASSES


def _classifier(**more: Any) -> LSTMClassifier:
    """Return a trained classifier."""
    settings = {**SAME_NETWORK, "max_epochs": 1, **more}
    return LSTMClassifier(hidden_size=HIDDEN, bidirectional=False, **settings).fit(*_data())


def _timed(work: dict[str, Callable[[], object]], calls: int, base: str) -> list[Row]:
    """Return a row for each piece of work, its time as a ratio to that of ``base``."""

    def repeated(one: Callable[[], object]) -> Callable[[], float]:
        def all_calls() -> None:
            for _ in range(calls):
                one()

        return lambda: cpu_seconds(all_calls) / calls

    timings = alternate({name: repeated(one) for name, one in work.items()}, REPEATS)
    return [
        {
            "by": name,
            "us": 1e6 * timing.median,
            "spread": timing.spread,
            "ratio": timing.median / timings[base].median,
        }
        for name, timing in timings.items()
    ]
