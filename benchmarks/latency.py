"""Time that a user waits for: one prediction, one step, the import, a saved model's first answer.

The prediction of one sequence is compared with the bare torch module in inference mode, both in
process CPU time on one thread, medians; "spread" is the distance between the quartiles as a share
of the median, "ratio" seqlearn's time over the module's. So is one step of each recurrent core, its
state carried along, as streams, beams and generated text take it: "times" is how many steps the
core makes while ``nn.LSTM`` makes one, and "projected" means that the product with the input was
made before; the bar is for the built-in cores but "reference". The rest is measured in fresh
processes, from start to end: importing alone, a first fit, and reading a pickled classifier and
predicting one sequence, beside torch reading a bare module of the same sizes and doing the same.
"""

import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.contenders import CLASSES
from benchmarks.loops import LastStep
from benchmarks.ours import SAME_NETWORK
from benchmarks.table import Row, print_table
from benchmarks.timing import Timing, alternate, cpu_seconds
from seqlearn import LSTMClassifier, available_backends, load_backend
from seqlearn.backend import step_core
from seqlearn.testing.material import build_core

SIZES = ((20, 12, 64), (100, 8, 64))  # T, F, H
CALLS, REPEATS = 200, 7
BAR = 1.5
STARTS = 5
STEP_CALLS = 30
BUILT_IN = ("torch", "gru", "rnn")
STEPS = ((512, 1, 4.0), (64, 1, 3.0), (512, 64, 1.0), (64, 64, 1.0))  # F = H, B, bar

ROOT = Path(__file__).parents[1]
FIRST_FIT = """
import numpy as np
from seqlearn import LSTMClassifier
X = np.random.default_rng(0).normal(size=(20, 10, 2))
LSTMClassifier(max_epochs=1).fit(X, np.arange(20) % 2)
"""
FIRST_ANSWER = """
import pickle
with open({path!r}, "rb") as file:
    model, X = pickle.load(file)
model.predict(X)
"""
FIRST_ANSWER_OF_TORCH = """
import torch
from torch import nn
lstm, head = nn.LSTM({features}, {hidden}, batch_first=True), nn.Linear({hidden}, {classes})
weights, x = torch.load({path!r})
nn.ModuleDict(dict(lstm=lstm, head=head)).load_state_dict(weights)
with torch.inference_mode():
    head(lstm(x)[0][:, -1]).argmax(dim=1)
"""


def run() -> dict[str, list[Row]]:
    """Measure both subjects and print a table of each."""
    torch.set_num_threads(1)
    results = {}
    for title, measure in {
        "predict one sequence": single_prediction,
        "one step": single_step,
        "from the start of a process": fresh_process,
    }.items():
        results[title] = measure()
        print_table(title, results[title])
    return results


def single_prediction() -> list[Row]:
    """Time of ``predict`` on a list of one sequence, against the bare module on a tensor."""
    rows: list[Row] = []
    for steps, features, hidden in SIZES:
        model, X = _fitted(steps, features, hidden)
        network, x = LastStep(features, hidden).eval(), torch.tensor(X[0])[None]  # (1, T, F)

        def bare(network=network, x=x):
            with torch.inference_mode():
                return network(x).argmax(dim=1)

        def predict(model=model, X=X):
            return model.predict(X)

        timings = alternate(
            {"bare torch module": _calls(bare, CALLS), "seqlearn": _calls(predict, CALLS)}, REPEATS
        )
        base = timings["bare torch module"].median
        rows += [
            {
                "work": f"T={steps} F={features} H={hidden}",
                "by": name,
                "ms": 1e3 * timing.median,
                "spread": timing.spread,
                "ratio": timing.median / base,
                "bar": BAR if name == "seqlearn" else "",
            }
            for name, timing in timings.items()
        ]
    return rows


def single_step() -> list[Row]:
    """Time of one step of every core that carries a state, against ``nn.LSTM`` over one step."""
    rows: list[Row] = []
    for size, batch, bar in STEPS:
        lstm, x = nn.LSTM(size, size, batch_first=True), torch.randn(batch, size)
        _, start = lstm(x[:, None])
        work = {"nn.LSTM": lambda lstm=lstm, x=x, start=start: lstm(x[:, None], start)}
        for name in available_backends():
            backend = load_backend(name)()
            if not backend.stateful:
                continue
            core = build_core(
                backend, size, size, num_layers=1, bidirectional=False, dropout=0.0
            ).eval()
            _, state = step_core(core, x)
            work[name] = partial(step_core, core, x, state)
            if name == "torch":
                given = core.project(x)
                work["torch, projected"] = partial(core.step, given, state, projected=True)
        with torch.inference_mode():
            timings = alternate(
                {name: _calls(step, STEP_CALLS) for name, step in work.items()}, REPEATS
            )
        base = timings["nn.LSTM"].median
        rows += [
            {
                "work": f"B={batch} H={size}",
                "by": name,
                "us": 1e6 * timing.median,
                "spread": timing.spread,
                "times": base / timing.median,
                "bar": bar if name in BUILT_IN else "",
            }
            for name, timing in timings.items()
        ]
    return rows


def fresh_process() -> list[Row]:
    """Time of whole processes, from start to end."""
    steps, features, hidden = SIZES[0]
    model, X = _fitted(steps, features, hidden)
    network = LastStep(features, hidden)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = f"{folder}/model.pickle", f"{folder}/weights.pt"
        Path(ours).write_bytes(pickle.dumps((model, X)))
        torch.save((network.state_dict(), torch.tensor(X[0])[None]), theirs)
        sizes = {"features": features, "hidden": hidden, "classes": CLASSES}
        codes = {
            "Python alone": "pass",
            "import seqlearn": "import seqlearn",
            "import torch": "import torch",
            "import LSTMClassifier": "from seqlearn import LSTMClassifier",
            "a fit of one epoch on 20 sequences": FIRST_FIT,
            "first answer of a module saved by torch": FIRST_ANSWER_OF_TORCH.format(
                path=theirs, **sizes
            ),
            "first answer of a pickled LSTMClassifier": FIRST_ANSWER.format(path=ours),
        }
        return [_process_row(name, code) for name, code in codes.items()]


def _fitted(steps: int, features: int, hidden: int) -> tuple[LSTMClassifier, list[np.ndarray]]:
    """Return a trained classifier and one sequence in a list."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(steps, features)).astype(np.float32) for _ in range(50)]
    model = LSTMClassifier(hidden_size=hidden, max_epochs=1, bidirectional=False, **SAME_NETWORK)
    return model.fit(X, np.arange(len(X)) % CLASSES), X[:1]


def _calls(work: Callable[[], object], number: int) -> Callable[[], float]:
    """Return what measures the seconds of one call among many."""

    def calls() -> None:
        for _ in range(number):
            work()

    return lambda: cpu_seconds(calls) / number


def _process_row(name: str, code: str) -> Row:
    cpu, wall = [], []
    for start in range(1 + STARTS):
        before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        wall_seconds, after = (
            time.perf_counter() - clock,
            resource.getrusage(resource.RUSAGE_CHILDREN),
        )
        if start:  # the first one fills the cache of files
            wall.append(wall_seconds)
            cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {
        "process": name,
        "CPU s": Timing(cpu).median,
        "spread": Timing(cpu).spread,
        "wall s": Timing(wall).median,
    }
