"""The table of README.md: the value of a process that is seen now and then.

Ornstein-Uhlenbeck processes fall back to their mean, each feature at its own speed, and are seen at
random times. What is asked for is their present value; the best answer is the last value seen,
times a factor that falls with the time since. Run ``python measure.py`` in this folder.
"""

import time

import numpy as np
import torch

from seqlearn import LSTMRegressor

RATES = np.array([0.05, 0.2, 0.8])  # at which each feature falls back, per step
SEEN = 0.15  # share of the values
STEPS, ROWS = 30, 2000


def processes(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is seen of processes (N, T, 3), their last values, and the best answers."""
    keep = np.exp(-RATES)
    x = np.empty((rows, STEPS, 3))
    x[:, 0] = rng.normal(size=(rows, 3))
    for t in range(1, STEPS):
        x[:, t] = keep * x[:, t - 1] + np.sqrt(1 - keep**2) * rng.normal(size=(rows, 3))
    seen = np.where(rng.random(x.shape) < SEEN, x, np.nan)
    seen[:, -1] = np.nan
    best = np.zeros((rows, 3))
    for t in range(STEPS):
        best = np.where(np.isnan(seen[:, t]), keep * best, seen[:, t])
    return seen, x[:, -1], best


def main() -> None:
    """Fit and print one row of the table for each backend."""
    torch.set_num_threads(1)
    print("| backend | R2, per seed | CPU s a fit |\n|---|---|---|")
    fits = {name: ([], []) for name in ("torch", "gru", "grud", "best")}
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X, y, _ = processes(ROWS, rng)
        X_test, y_test, best = processes(ROWS, rng)
        for name, (scores, seconds) in fits.items():
            start = time.process_time()
            predicted = best
            if name != "best":
                model = LSTMRegressor(
                    hidden_size=32,
                    bidirectional=False,
                    readout="last",
                    backend=name,
                    missing="mask",
                    max_epochs=20,
                    random_state=seed,
                ).fit(X, y)
                seconds.append(time.process_time() - start)
                predicted = model.predict(X_test)
            error = ((predicted - y_test) ** 2).mean(axis=0) / y_test.var(axis=0)
            scores.append(1 - error.mean())
    for name, (scores, seconds) in fits.items():
        shown = ", ".join(f"{score:.3f}" for score in scores)
        spent = f"{np.mean(seconds):.1f}" if seconds else ""
        print(f"| {name} | {shown} | {spent} |")


if __name__ == "__main__":
    main()
