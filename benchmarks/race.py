"""The race: a process for each contender, all alive, taking turns; what each one's turns took.

Only one process works at a time. The order is turned round at every turn, so that a machine that
grows slower or faster favours nobody. Every contender has one thread on one core (some start more
threads than they are told to, which that core then shares), or as many as it takes by itself, and
graphics cards are hidden. An epoch is the difference between a longer and a shorter fit, divided by
the epochs between: what a toolkit does once a fit (checking, building, restoring) is not counted.
The protocol is that of `benchmarks.contenders`; `benchmarks.speed` is the caller.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.contenders import Work
from benchmarks.timing import Timing

EPOCHS = 4
REPEATS = 7
PREDICTS = 3
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
NO_CARD = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}


@dataclass(frozen=True)
class Entry:
    """A contender under a name: the module that prepares it, and the options it gets."""

    name: str
    module: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Measured:
    """Turns of one contender: seconds of CPU time and of the wall."""

    epoch: Timing
    epoch_wall: Timing
    predict: Timing
    predict_wall: Timing


class Runner:
    """The process of one contender, prepared and waiting; a context manager that ends it.

    Parameters
    ----------
    entry, work
        What to prepare.
    one_thread : bool, default=True
        Set the variables of `ONE_THREAD`, and keep it to one core where the system can;
        otherwise they are taken out of its environment.

    Attributes
    ----------
    absent : str or None
        The package that was not found, if the contender could not be prepared.
    """

    def __init__(self, entry: Entry, work: Work, one_thread: bool = True):
        self.name = entry.name
        free = {name: value for name, value in os.environ.items() if name not in ONE_THREAD}
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from benchmarks.contenders import main; main()",
                entry.module,
                json.dumps(entry.options),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            bufsize=1,
            env=free | NO_CARD | (ONE_THREAD if one_thread else {}),
            cwd=Path(__file__).parents[1],
        )
        if one_thread and hasattr(os, "sched_setaffinity"):  # the threads to come inherit it
            os.sched_setaffinity(self._process.pid, {max(os.sched_getaffinity(0))})
        try:
            self.absent: str | None = self.ask(json.dumps(asdict(work))).get("absent")
        except BaseException:
            self.close()
            raise

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and wait for its answer."""
        try:
            self._process.stdin.write(line + "\n")
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""  # it has ended
        if not answer:
            self._process.wait()
            self._errors.seek(0)
            raise RuntimeError(f"{self.name} failed on {line[:40]!r}:\n{self._errors.read()}")
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def race(
    entries: Sequence[Entry],
    work: Work,
    epochs: int = EPOCHS,
    repeats: int = REPEATS,
    one_thread: bool = True,
) -> dict[str, Measured | str]:
    """Let all contenders do the same work in turn.

    Returns
    -------
    dict
        By name, what was measured, or the package that is not installed.
    """
    with ExitStack() as stack:
        runners = [stack.enter_context(Runner(entry, work, one_thread)) for entry in entries]
        present = [runner for runner in runners if runner.absent is None]
        turns: dict[str, list[list[float]]] = {runner.name: [] for runner in present}
        for turn in range(repeats):
            for runner in present if turn % 2 == 0 else present[::-1]:
                turns[runner.name].append(_turn(runner, epochs))
        return {
            runner.name: runner.absent
            or Measured(*(Timing(list(s)) for s in zip(*turns[runner.name], strict=True)))
            for runner in runners
        }


def _turn(runner: Runner, epochs: int) -> list[float]:
    """Seconds of an epoch and of a prediction, each of CPU and wall, in the order of `Measured`."""
    short, long = runner.ask("fit 1"), runner.ask(f"fit {1 + epochs}")
    predict = runner.ask(f"predict {PREDICTS}")
    return [(long[clock] - short[clock]) / epochs for clock in ("cpu", "wall")] + [
        predict[clock] / PREDICTS for clock in ("cpu", "wall")
    ]
