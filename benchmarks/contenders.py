"""What the speed benchmark asks of a contender, and the process in which each one runs.

A contender is a module with ``prepare(work, X, y, **options)``, which imports its toolkit, builds
the network of a `Work` and returns a `Contender`: a way to train so many epochs, and a way to
predict all rows. ``benchmarks/ours.py``, ``benchmarks/loops.py`` and files of ``benchmarks/peers``
are such modules. `benchmarks.race` starts a process for each and talks to it by lines.

The first line it sends is the work, as JSON. The process prepares, trains an epoch and predicts
once, so that no compilation is measured, and answers ``{"ready": true}``; or ``{"absent":
"keras"}`` if the toolkit cannot be found. After that a line "fit 5" trains five epochs, "predict 3"
predicts three times, and each is answered by the seconds that it took: ``{"cpu": 0.31, "wall":
0.32}``. CPU time is that of all threads of the process. The end of the input ends it.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TextIO

import numpy as np

CLASSES = 5
LR = 0.01
PREDICT_ROWS = 500  # of a batch in prediction, where a contender leaves it to its user


@dataclass(frozen=True)
class Work:
    """A network and made-up data to train it on.

    The network: an LSTM of one layer, the last step it reads (of each direction), a linear layer;
    cross entropy, Adam at the rate `LR`, shuffled batches. Nothing is clipped or scheduled.

    Parameters
    ----------
    lengths : list of int
        Steps of each sequence.
    features, hidden, batch : int
        Values a step, width of the LSTM (of each direction), sequences of an update.
    bidirectional : bool, default=False
        Read from both ends.
    """

    lengths: list[int]
    features: int
    hidden: int
    batch: int
    bidirectional: bool = False

    def data(self) -> tuple[Any, np.ndarray]:
        """Draw X, an array (N, T, F) or a list of (T_i, F) where lengths differ, and labels."""
        rng = np.random.default_rng(0)
        X = [rng.normal(size=(n, self.features)).astype(np.float32) for n in self.lengths]
        y = rng.permutation(np.arange(len(X)) % CLASSES)
        return (np.stack(X) if len(set(self.lengths)) == 1 else X), y

    def __str__(self) -> str:
        mean, longest = np.mean(self.lengths), max(self.lengths)
        steps = f"{longest}" if mean == longest else f"{mean:.1f} (to {longest})"
        ends = " bidirectional" if self.bidirectional else ""
        sizes = f"F={self.features} H={self.hidden} B={self.batch}"
        return f"N={len(self.lengths)} T={steps} {sizes}{ends}"


class Contender(NamedTuple):
    """What is measured. Both return when the work is done, not when it is under way."""

    fit: Callable[[int], object]  # train so many epochs
    predict: Callable[[], np.ndarray]  # the labels of all rows, (N,)


def main() -> None:
    """Be the process of a contender: its module and options are the arguments."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what toolkits print is no answer
    work = Work(**json.loads(sys.stdin.readline()))
    X, y = work.data()
    try:
        contender = importlib.import_module(sys.argv[1]).prepare(
            work, X, y, **json.loads(sys.argv[2])
        )
    except ModuleNotFoundError as cause:
        if cause.name is None or cause.name.startswith("benchmarks"):
            raise
        answers.write(json.dumps({"absent": cause.name}) + "\n")
        return
    warm_up(contender, len(y))
    answers.write(json.dumps({"ready": True}) + "\n")
    serve(contender, sys.stdin, answers)


def warm_up(contender: Contender, rows: int) -> None:
    """Train an epoch and predict once; refuse answers that are not one label a sequence."""
    contender.fit(1)
    labels = contender.predict()
    if np.shape(labels) != (rows,) or not np.isin(labels, np.arange(CLASSES)).all():
        raise ValueError(f"Predicted {labels!r}; {rows} labels below {CLASSES} were asked for.")


def serve(contender: Contender, requests: TextIO, answers: TextIO) -> None:
    """Answer each line of `requests` by the seconds that it took."""
    for line in requests:
        what, times = line.split()
        cpu, wall = time.process_time(), time.perf_counter()
        if what == "fit":
            contender.fit(int(times))
        elif what == "predict":
            for _ in range(int(times)):
                contender.predict()
        else:
            raise ValueError(f"Asked to {what!r}; fit and predict are what a contender can do.")
        seconds = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        answers.write(json.dumps(seconds) + "\n")
