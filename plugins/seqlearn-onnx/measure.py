"""The tables of README.md: what a prediction costs, and which backends can be exported.

Costs are process CPU time on one thread: blocks of calls of ONNX Runtime itself, of `OnnxEstimator`
and of the estimator in turn, and the median of the differences between neighbouring blocks. Run
``python measure.py`` in this folder.
"""

import os
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
from seqlearn_onnx import OnnxEstimator, to_onnx
from sklearn.pipeline import make_pipeline

from seqlearn import LSTMClassifier
from seqlearn.errors import ModelFileError, SeqlearnError
from seqlearn.preprocessing import SequenceScaler
from seqlearn.registry import available_backends

BLOCKS, CALLS = 60, 15


def microseconds(calls: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Return what one call of each costs, for blocks in turn, every second time reversed."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(BLOCKS):
        for name, call in list(calls.items())[:: 1 if turn % 2 == 0 else -1]:
            start = time.process_time()
            for _ in range(CALLS):
                call()
            spent[name].append((time.process_time() - start) / CALLS * 1e6)
    return spent


def cost(path: str) -> None:
    """Print the cost of one prediction of one sequence."""
    rng = np.random.default_rng(0)
    print("| T | model | ONNX Runtime | OnnxEstimator, beyond it | LSTMClassifier |")
    print("|---|---|---|---|---|")
    for n_steps in (1, 20, 100, 200):
        X, y = rng.normal(size=(30, n_steps, 3)), rng.integers(0, 3, 30)
        for name in ("network", "scaler, network"):
            model: Any = LSTMClassifier(max_epochs=1, random_state=0)
            if name != "network":
                model = make_pipeline(SequenceScaler(), model)
            to_onnx(model.fit(X, y), path)
            exported, one = OnnxEstimator(path), [X[0]]
            session = exported._model.session
            feed = {"X": X[:1].astype(exported._model.dtype), "lengths": np.array([n_steps])}
            outputs = ["probabilities", "largest"][: 1 if name == "network" else 2]
            spent = microseconds(
                {
                    "runtime": lambda: session.run(outputs, feed),  # noqa: B023
                    "exported": lambda: exported.predict_proba(one),  # noqa: B023
                    "model": lambda: model.predict_proba(one),  # noqa: B023
                }
            )
            pairs = zip(spent["exported"], spent["runtime"], strict=True)
            beyond = median(ours - own for ours, own in pairs)
            print(
                f"| {n_steps} | {name} | {median(spent['runtime']):.0f} us | {beyond:+.0f} us | "
                f"{median(spent['model']):.0f} us |"
            )


def backends(path: str) -> None:
    """Print which installed backends can be exported, two layers in both directions."""
    rng = np.random.default_rng(0)
    X, y = [rng.normal(size=(n, 3)) for n in range(3, 13)], [0, 1] * 5
    print("\n| backend | exported | seconds |\n|---|---|---|")
    for name in available_backends():
        start = time.process_time()
        try:
            model = LSTMClassifier(backend=name, hidden_size=8, num_layers=2, max_epochs=1)
            to_onnx(model.fit(X, y), path)
            found = f"yes, {os.path.getsize(path) / 1000:.0f} kB"
        except ModelFileError as error:
            found = f"no: {error}"
        except SeqlearnError as error:
            found = f"not of numbers: {error}"
        print(f"| {name} | {found} | {time.process_time() - start:.1f} |")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        cost(os.path.join(folder, "model.onnx"))
        backends(os.path.join(folder, "model.onnx"))
