"""Long memory: the adding problem (Hochreiter & Schmidhuber 1997), updates and time to solve it.

Two of T numbers are marked; their sum is asked for. Always answering 1 has a mean squared error of
1/6. A run goes on with fresh sequences until the error on held-out ones is below 0.01, or the
budget of updates is spent. Width and rate were chosen on other held-out sequences of 200 steps.
"""

import time

import numpy as np
import torch

from benchmarks.table import Row, print_table
from seqlearn import LSTMRegressor
from seqlearn.datasets import make_adding_problem

SOLVED = 0.01
BUDGET = {200: 12_000, 400: 12_000, 1000: 6_000}
BATCH = 32
ROUND = 3_200  # fresh sequences between two looks at the held-out error


def run() -> dict[str, list[Row]]:
    """Measure each length and print the table."""
    torch.set_num_threads(1)
    rows = [adding(length) for length in BUDGET]
    print_table(f"adding problem, torch backend, readout='last', solved below {SOLVED}", rows)
    return {"adding": rows}


def adding(
    length: int, *, backend: str = "torch", num_layers: int = 1, seconds: float = np.inf
) -> Row:
    """Train by ``partial_fit`` on fresh sequences until solved, or updates or seconds are spent."""
    X_test, y_test = make_adding_problem(500, length, random_state=0)
    model = LSTMRegressor(
        backend=backend,
        hidden_size=64,
        num_layers=num_layers,
        bidirectional=False,
        dropout=0.0,
        readout="last",
        lr=1e-2,
        batch_size=BATCH,
        random_state=0,
    )
    updates, error, start = 0, np.inf, time.process_time()
    while error >= SOLVED and updates < BUDGET[length] and time.process_time() - start < seconds:
        model.partial_fit(*make_adding_problem(ROUND, length, random_state=1 + updates))
        updates += ROUND // BATCH
        error = float(np.mean((model.predict(X_test) - y_test) ** 2))
    return {
        "T": length,
        "updates": updates,
        "CPU s": time.process_time() - start,
        "test MSE": error,
        "solved": error < SOLVED,
    }
