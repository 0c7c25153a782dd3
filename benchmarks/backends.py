"""Every installed backend on the same work: cost of a step by length, memory, long memory.

Each one runs in a process of its own on one thread: one layer of 64 units in one direction reads 16
rows of 8 features. A training step is forward, backward and Adam; an inference step is forward
alone. Times are process CPU time, medians; the exponent is the slope of the training step's time
over T on logarithmic scales, 1 for a cost that grows linearly. The adding problem is that of
`benchmarks.adding` at T = 400, two layers, stopped after `SECONDS`. What needs more than 12 GiB is
not measured, nor what is longer than a step of five seconds; a cell says so.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import linear_regression, median

import numpy as np
import torch

from benchmarks.adding import adding
from benchmarks.memory import added_mib
from benchmarks.table import Row, print_table
from seqlearn import available_backends
from seqlearn.backend import draw_from
from seqlearn.registry import resolve_backend
from seqlearn.testing.material import build_core

ROWS, FEATURES, UNITS = 16, 8, 64
STEPS = (50, 158, 500, 1581, 5000)
SECONDS = 60
MEMORY = 12 * 2**30  # bytes of address space of a process
TOO_LARGE = "no memory"
SLOW = 5000  # ms of a step; longer sequences are then left out
TOO_SLOW = "too slow"


def run() -> dict[str, list[Row]]:
    """Measure all backends and print one table."""
    results = {"backends": complete([measured(name) for name in available_backends()])}
    print_table(
        "backends: CPU ms of a training step and an inference step by T", results["backends"]
    )
    return results


def measured(name: str) -> Row:
    """Let a process measure one backend; return its row."""
    code = "import json, sys, benchmarks.backends as b; print(json.dumps(b.measure(sys.argv[1])))"
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The backend {name!r} failed:\n{done.stderr}")
    return {"backend": name} | json.loads(done.stdout.splitlines()[-1])


def complete(rows: list[Row]) -> list[Row]:
    """Add to each row how many times faster than "reference" its longest training step is."""
    longest = f"train {STEPS[-1]}"
    reference = next(row[longest] for row in rows if row["backend"] == "reference")
    for row in rows:
        row["times faster"] = reference / row[longest] if _is_time(row[longest]) else ""
    return rows


def measure(name: str) -> Row:
    """Measure one backend in this process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # as the estimators do
    backend = resolve_backend(name)
    problem = adding(400, backend=name, num_layers=2, seconds=SECONDS)
    train, infer, added = {}, {}, {}
    for steps in STEPS:
        for kind, times in ((_training_step, train), (_inference_step, infer)):
            last = next(reversed(times.values()), 0.0)
            if last == TOO_SLOW or (_is_time(last) and last > SLOW):
                times[steps] = TOO_SLOW
                continue
            try:
                work = kind(backend, steps)
                added.setdefault(steps, added_mib(work))
                times[steps] = _milliseconds(work)
            except RuntimeError as error:
                if "allocate memory" not in str(error):
                    raise
                times[steps] = TOO_LARGE
    known = {steps: ms for steps, ms in train.items() if _is_time(ms)}
    slope = linear_regression(np.log(list(known)), np.log(list(known.values()))).slope
    return {
        **{f"train {steps}": ms for steps, ms in train.items()},
        **{f"infer {steps}": ms for steps, ms in infer.items()},
        "exponent": slope,
        "MiB": added[max(known)],
        "at T": max(known),
        "adding: updates": problem["updates"],
        "CPU s": problem["CPU s"],
        "error": problem["test MSE"],
        "solved": problem["solved"],
    }


def draw(results: dict[str, list[Row]], folder: Path) -> Path:
    """Draw cost over T into ``folder / "backends.png"``."""
    from matplotlib.figure import Figure

    middle = f"train {STEPS[2]}"
    rows = sorted(results["backends"], key=lambda row: -row[middle])
    figure = Figure(figsize=(11, 5), layout="constrained")
    for axes, kind in zip(figure.subplots(1, 2, sharey=True), ("train", "infer"), strict=True):
        for i, row in enumerate(rows):
            times = {steps: row[f"{kind} {steps}"] for steps in STEPS}
            known = {steps: ms for steps, ms in times.items() if _is_time(ms)}
            style = ("-", "--", ":")[i // 10]
            axes.loglog(*zip(*known.items(), strict=True), style, marker="o", markersize=3)
            axes.lines[-1].set_label(row["backend"])
        title = {"train": "training step", "infer": "inference step"}[kind]
        axes.set(xlabel="steps T", title=title)
        axes.set_xticks(STEPS, map(str, STEPS))
        axes.minorticks_off()
        axes.grid(which="major", alpha=0.3)
    figure.axes[0].set_ylabel(f"CPU ms, {ROWS} rows, {UNITS} units, one thread")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper")
    path = folder / "backends.png"
    figure.savefig(path, dpi=150)
    return path


def _is_time(cell: float | str) -> bool:
    return not isinstance(cell, str)


def _core(backend):
    with draw_from(torch.Generator().manual_seed(0)):
        return build_core(backend, FEATURES, UNITS, num_layers=1, bidirectional=False, dropout=0.0)


def _rows_of(steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(ROWS, steps, FEATURES, generator=torch.Generator().manual_seed(0))
    return x, torch.full((ROWS,), steps)


def _training_step(backend, steps: int) -> Callable[[], None]:
    core, (x, lengths) = _core(backend).train(), _rows_of(steps)
    optimizer = torch.optim.Adam(core.parameters())

    def step():
        optimizer.zero_grad()
        core(x, lengths)[0][:, -1].square().mean().backward()
        optimizer.step()

    return step


def _inference_step(backend, steps: int) -> Callable[[], None]:
    core, (x, lengths) = _core(backend).eval(), _rows_of(steps)

    def step():
        with torch.inference_mode():
            core(x, lengths)

    return step


def _milliseconds(work: Callable[[], None], least: int = 3, seconds: float = 2.0) -> float:
    """Median CPU time of at least ``least`` calls, and of as many as fit into ``seconds``."""
    work()
    times, start = [], time.process_time()
    while len(times) < least or (time.process_time() - start < seconds and len(times) < 200):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return 1000 * median(times)
