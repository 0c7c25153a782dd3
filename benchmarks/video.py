"""Video: which digit moves, and where to, by networks over frames.

4,000 clips of `make_moving_digits` to train on, 1,000 clips of other images to test on: 12 frames
of 20 x 20 pixels, a digit that moves in one of eight directions around a torus. A row is one fit
for the digit and one for the direction of the same clips; "both" is the share of the test clips
with both right, the mean over seeds, and "CPU s" the time of both fits together. Convolutions
before an LSTM (``frames=Frames()``), the plugin plugins/seqlearn-convlstm, and an LSTM over the
pixels, which has the numbers of epochs of the first. All else is as it comes. What is set was
chosen on clips of a quarter of the training images, after training on the others. The second table
is memory: how far a fit raises the resident memory above what it is with the uint8 clips in it, and
the slope between the two sizes, in bytes for each byte of clips. The plugin has to be installed.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.memory import added_mib
from benchmarks.table import Row, print_table
from seqlearn import Frames, LSTMClassifier
from seqlearn.datasets import make_moving_digits
from seqlearn.errors import UnknownBackendError

CLIPS, TEST_CLIPS = 4_000, 1_000
SEEDS = range(3)
MEMORY_CLIPS = (4_000, 40_000)

Maker = Callable[[str, int], LSTMClassifier]  # of the task and the seed
MODELS: dict[str, Maker] = {
    "CNN + LSTM": lambda task, seed: LSTMClassifier(
        # A digit is the same one wherever it is; a direction is a change of place.
        frames=Frames(grid=1) if task == "digit" else Frames(),
        max_epochs=EPOCHS[task],
        random_state=seed,
    ),
    "ConvLSTM": lambda task, seed: LSTMClassifier(
        backend="convlstm",
        bidirectional=False,
        max_epochs=6 if task == "digit" else 3,
        random_state=seed,
    ).set_params(backend__padding="circular"),
    "LSTM over pixels": lambda task, seed: LSTMClassifier(
        max_epochs=EPOCHS[task], random_state=seed
    ),
}
EPOCHS = {"digit": 20, "direction": 4}


def run() -> dict[str, list[Row]]:
    """Measure both tables and print each as soon as it is there."""
    torch.set_num_threads(1)
    results = {}
    for title, measure in (
        ("moving digits, test part, mean of 3 seeds", _accuracy),
        ("memory that a fit of frames adds", _memory),
    ):
        results[title] = measure()
        print_table(title, results[title])
    return results


def _accuracy() -> list[Row]:
    clips, *known = make_moving_digits(CLIPS, random_state=0)
    seen, *due = make_moving_digits(TEST_CLIPS, part="test", random_state=1)
    return [_score(name, clips, known, seen, due) for name in MODELS]


def _score(name: str, clips: np.ndarray, known: list, seen: np.ndarray, due: list) -> Row:
    make = MODELS[name]
    right: dict[str, list] = {"digit": [], "direction": []}
    seconds = []
    try:
        for seed in SEEDS:
            start = time.process_time()
            models = [make(task, seed).fit(clips, y) for task, y in zip(right, known, strict=True)]
            seconds.append(time.process_time() - start)
            for task, model, y in zip(right, models, due, strict=True):
                right[task].append(model.predict(seen) == y)
    except UnknownBackendError:
        name += ": not measured, seqlearn-convlstm is not installed"
    of_both = [float((a & b).mean()) for a, b in zip(*right.values(), strict=True)]
    return {
        "model": name,
        **{task: float(np.mean(found)) if found else "" for task, found in right.items()},
        "both": float(np.mean(of_both)) if of_both else "",
        "least": min(of_both) if of_both else "",
        "seeds": len(of_both),
        "CPU s": float(np.mean(seconds)) if seconds else "",
    }


def _memory() -> list[Row]:
    rows: list[Row] = []
    for n in MEMORY_CLIPS:
        code = f"from benchmarks.video import of_fit as m; print(m({n}))"
        shown = subprocess.run(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=Path(__file__).parents[1],
        ).stdout
        size, added = n * 12 * 20 * 20 / 2**20, float(shown)
        row: Row = {"clips": n, "MiB of clips": size, "MiB added by fit": added, "slope": ""}
        if rows:
            first = rows[0]
            row["slope"] = (added - first["MiB added by fit"]) / (size - first["MiB of clips"])  # type: ignore[operator]
        rows.append(row)
    return rows


def of_fit(n: int) -> float:
    """MiB by which a fit of ``n`` clips of uint8 raises the resident memory of this process."""
    torch.set_num_threads(1)
    clips = np.random.default_rng(0).integers(0, 255, (n, 12, 20, 20), np.uint8)
    y = np.arange(n) % 8
    frames = Frames(channels=(2,), kernel_size=3, size=4)
    small = {"frames": frames, "hidden_size": 4, "max_epochs": 1, "batch_size": 64}
    model = LSTMClassifier(**small, random_state=0).fit(clips[:500], y[:500])
    return added_mib(lambda: model.fit(clips, y))
