"""Memory that predict adds at its peak, for arrays and for lists of sequences.

A model predicts 20,000 and 200,000 sequences of 20 steps and 4 features, each number in a process
of its own; what counts is how far the resident memory rises above what it is with X in it. The bar:
beyond the answers it does not grow with the number of sequences.
"""

import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.table import Row, print_table
from seqlearn import LSTMRegressor

ROWS = (20_000, 200_000)
STEPS, FEATURES = 20, 4


def run() -> dict[str, list[Row]]:
    """Measure and print one table."""
    rows: list[Row] = []
    for container in ("array", "list"):
        for n in ROWS:
            code = f"from benchmarks.memory import of_predict as m; print(m({n}, {container!r}))"
            command = [sys.executable, "-c", code]
            shown = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                cwd=Path(__file__).parents[1],
            ).stdout
            rows.append(
                {
                    "X": container,
                    "sequences": n,
                    "MiB of X": n * STEPS * FEATURES * 4 / 2**20,
                    "MiB of answers": n * 8 / 2**20,
                    "MiB added by predict": float(shown),
                }
            )
    print_table("peak memory of predict", rows)
    return {"peak memory of predict": rows}


def of_predict(n: int, container: str) -> float:
    """MiB by which predicting ``n`` sequences raises the resident memory of this process."""
    torch.set_num_threads(1)
    X = np.random.default_rng(0).normal(size=(n, STEPS, FEATURES)).astype(np.float32)
    if container == "list":
        X = list(X)
    model = LSTMRegressor(max_epochs=1, random_state=0).fit(X[:100], np.arange(100))
    model.predict(X[:5000])
    return added_mib(lambda: model.predict(X))


def added_mib(work: Callable[[], object]) -> float:
    """MiB by which ``work`` raises the resident memory of this process above what it is (Linux)."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _status("VmRSS")
    work()
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    """A figure of /proc/self/status, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])
