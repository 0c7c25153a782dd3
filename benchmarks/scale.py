"""How the time of a fit grows with the number of sequences and with their length.

One epoch of LSTMClassifier from the call of ``fit`` to its return, checking and building included,
process CPU time on one thread, medians. The exponent is the slope of time over size on logarithmic
scales: 1 where twice the data takes twice the time.
"""

from pathlib import Path
from statistics import linear_regression

import numpy as np
import torch

from benchmarks import ours
from benchmarks.contenders import Work
from benchmarks.table import Row, print_table
from benchmarks.timing import Timing, alternate, cpu_seconds

SEQUENCES = (1_000, 3_162, 10_000, 31_623, 100_000)
LENGTHS = (25, 50, 100, 200, 400, 800, 1600)
STEPS, ROWS = 50, 2000  # of what is not varied
FEATURES, HIDDEN, BATCH = 8, 64, 64
REPEATS = 3
BAR = (0.9, 1.1)


def run() -> dict[str, list[Row]]:
    """Measure both and print a table of each, and one of the exponents."""
    torch.set_num_threads(1)
    by_number = {n: Work([STEPS] * n, FEATURES, HIDDEN, BATCH) for n in SEQUENCES}
    by_length = {steps: Work([steps] * ROWS, FEATURES, HIDDEN, BATCH) for steps in LENGTHS}
    times = {"N": _times(by_number), "T": _times(by_length)}
    fixed = {"N": f"T={STEPS}", "T": f"N={ROWS}"}
    results = {
        f"time of a fit by {name}": [
            {
                name: size,
                "work": f"{fixed[name]} F={FEATURES} H={HIDDEN} B={BATCH}",
                "fit ms": 1e3 * timing.median,
                "spread": timing.spread,
            }
            for size, timing in by_size.items()
        ]
        for name, by_size in times.items()
    }
    results["exponents"] = [
        {"of": name, "exponent": exponent(by_size), "bar": f"{BAR[0]} to {BAR[1]}"}
        for name, by_size in times.items()
    ]
    for title, rows in results.items():
        print_table(title, rows)
    return results


def exponent(times: dict[int, Timing]) -> float:
    """Slope of time over size on logarithmic scales."""
    medians = [timing.median for timing in times.values()]
    return linear_regression(np.log(list(times)), np.log(medians)).slope


def draw(results: dict[str, list[Row]], folder: Path) -> Path:
    """Draw the times, and lines of exponent 1, into ``folder / "scale.png"``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    labels = {"N": "sequences N", "T": "steps T"}
    for axes, row in zip(figure.subplots(1, 2), results["exponents"], strict=True):
        name = row["of"]
        measured = results[f"time of a fit by {name}"]
        sizes = np.array([row[name] for row in measured])
        seconds = np.array([row["fit ms"] for row in measured]) / 1e3
        axes.loglog(sizes, seconds, marker="o", label=f"seqlearn, exponent {row['exponent']:.2f}")
        axes.loglog(sizes, seconds[-1] * sizes / sizes[-1], ":", color="gray", label="exponent 1")
        axes.set(xlabel=labels[name], ylabel="one epoch of fit, CPU s")
        axes.grid(which="major", alpha=0.3)
        axes.legend()
    path = folder / "scale.png"
    figure.savefig(path, dpi=150)
    return path


def _times(works: dict[int, Work]) -> dict[int, Timing]:
    measures = {}
    for size, work in works.items():
        fit = ours.prepare(work, *work.data()).fit
        measures[size] = lambda fit=fit: cpu_seconds(lambda: fit(1))
    return alternate(measures, REPEATS)
