"""Cost of seqlearn over hand-written torch: epochs, single predictions, memory of prediction."""

import subprocess
import sys

import numpy as np
import torch
from torch import nn

from benchmarks import loops
from benchmarks.memory import added_mib
from benchmarks.table import Row, print_table
from benchmarks.timing import Timing, alternate, cpu_seconds
from seqlearn import LSTMClassifier, LSTMRegressor

EPOCHS = 4
CALLS = 200
SAME_NETWORK = {"readout": "last", "dropout": 0.0, "random_state": 0}  # as by hand


def run() -> dict[str, list[Row]]:
    """Measure everything and print one table a subject."""
    torch.set_num_threads(1)
    results = {
        "epoch, equal lengths": equal_lengths(2000, 100, 8, 64, 64)
        + equal_lengths(2000, 30, 4, 16, 32),
        "epoch, ragged bidirectional": ragged(),
        "predict one sequence": single_prediction(),
        "peak memory of predict": memory(),
    }
    for title, rows in results.items():
        print_table(title, rows)
    return results


def equal_lengths(n: int, steps: int, features: int, hidden: int, batch: int) -> list[Row]:
    """Epoch of equal-length data against index batches by hand; bar: 1.10."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, steps, features)).astype(np.float32), rng.integers(0, 5, n)
    work = f"N={n} T={steps} F={features} H={hidden} B={batch}"
    timings = alternate(
        {
            "torch by hand, Adam": _by_hand(loops.equal_length(X, y, hidden, batch, False)),
            "torch by hand, Adam(fused=True)": _by_hand(
                loops.equal_length(X, y, hidden, batch, True)
            ),
            "seqlearn": _by_seqlearn(
                X, y, hidden_size=hidden, batch_size=batch, bidirectional=False
            ),
        },
        repeats=7,
    )
    return _rows(work, timings, bar=1.10)


def ragged() -> list[Row]:
    """Epoch of log-normal lengths, bidirectional, against PackedSequence by hand; bar: 0.5."""
    rng = np.random.default_rng(0)
    lengths = np.clip(np.exp(rng.normal(2.7, 0.6, 2000)), 1, 80).astype(int)
    X = [rng.normal(size=(length, 32)).astype(np.float32) for length in lengths]
    y = rng.integers(0, 5, len(X))
    work = f"N=2000 T={lengths.mean():.1f} (to {lengths.max()}) F=32 H=64 B=32 bidirectional"
    timings = alternate(
        {
            "torch by hand, packed, Adam(fused=True)": _by_hand(loops.packed(X, y, 64, 32)),
            "seqlearn": _by_seqlearn(X, y, hidden_size=64, batch_size=32, bidirectional=True),
        },
        repeats=5,
    )
    return _rows(work, timings, bar=0.5)


def single_prediction() -> list[Row]:
    """Time to predict one sequence against the bare module; bars: 1.5 ms and 3 times."""
    rng = np.random.default_rng(0)
    rows = []
    for steps, features, hidden in [(20, 12, 64), (100, 8, 64)]:
        X = [rng.normal(size=(steps, features)) for _ in range(50)]
        model = LSTMClassifier(
            hidden_size=hidden, max_epochs=1, bidirectional=False, **SAME_NETWORK
        )
        model.fit(X, np.arange(50) % 5)
        lstm, head = nn.LSTM(features, hidden, batch_first=True), nn.Linear(hidden, 5)
        one, x = X[:1], torch.tensor(X[0], dtype=torch.float32)[None]

        def bare(lstm=lstm, head=head, x=x):
            with torch.inference_mode():
                return head(lstm(x)[0][:, -1]).argmax(dim=1)

        def ours(model=model, one=one):
            return model.predict(one)

        timings = alternate(
            {
                "bare torch module": lambda f=bare: cpu_seconds(lambda: _repeat(f, CALLS)) / CALLS,
                "seqlearn": lambda f=ours: cpu_seconds(lambda: _repeat(f, CALLS)) / CALLS,
            },
            repeats=7,
        )
        rows += _rows(f"T={steps} F={features} H={hidden}", timings, bar=3.0)
    return rows


def memory() -> list[Row]:
    """Memory that predict adds at its peak, for arrays and for lists; bar: it does not grow."""
    rows = []
    for container in ("array", "list"):
        for n in (20_000, 200_000):
            code = f"from benchmarks.speed import added_memory as m; print(m({n}, {container!r}))"
            command = [sys.executable, "-c", code]
            shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            answers = n * 8 / 2**20
            rows.append(
                {
                    "X": container,
                    "sequences": n,
                    "MiB of X": n * 20 * 4 * 4 / 2**20,
                    "MiB of answers": answers,
                    "MiB added by predict": float(shown),
                }
            )
    return rows


def added_memory(n: int, container: str) -> float:
    """MiB by which predicting ``n`` sequences raises the resident memory of this process."""
    torch.set_num_threads(1)
    X = np.random.default_rng(0).normal(size=(n, 20, 4)).astype(np.float32)
    if container == "list":
        X = list(X)
    model = LSTMRegressor(max_epochs=1, random_state=0).fit(X[:100], np.arange(100))
    model.predict(X[:5000])
    return added_mib(lambda: model.predict(X))


def _repeat(work, times: int) -> None:
    for _ in range(times):
        work()


def _by_hand(epoch):
    return lambda: cpu_seconds(lambda: _repeat(epoch, EPOCHS)) / EPOCHS


def _by_seqlearn(X, y, **params):
    """Measure an epoch as the difference between a longer and a shorter fit."""

    def fit(epochs: int) -> float:
        model = LSTMClassifier(max_epochs=epochs, **SAME_NETWORK, **params)
        return cpu_seconds(lambda: model.fit(X, y))

    return lambda: (fit(1 + EPOCHS) - fit(1)) / EPOCHS


def _rows(work: str, timings: dict[str, Timing], bar: float) -> list[Row]:
    names = list(timings)
    rows = []
    for name in names:
        row: Row = {"work": work, "by": name, "ms": 1e3 * timings[name].median}
        row["spread"] = timings[name].spread
        for base in names[:-1]:
            column = "ratio" if len(names) == 2 else f"ratio to {base.rpartition(', ')[2]}"
            row[column] = timings[name].median / timings[base].median
        row["bar"] = bar if name == "seqlearn" else ""
        rows.append(row)
    return rows
