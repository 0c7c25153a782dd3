"""How the benchmarks measure: process CPU time, alternating contenders, medians, ratios.

Wall time on a shared machine measures the neighbours too. Contenders run in turn, several times,
with one torch thread, and only ratios within one run are meant to be read. `alternate` lets them
do so in this process; `benchmarks.race`, in a process for each. Callers: the benchmarks.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass
class Timing:
    """Repeated measurements of one thing, in seconds of CPU time."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """Middle of the measurements."""
        return median(self.seconds)

    @property
    def spread(self) -> float:
        """Distance between the quartiles as a share of the median."""
        ordered = sorted(self.seconds)
        quarter = len(ordered) // 4
        return (ordered[-1 - quarter] - ordered[quarter]) / self.median


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def epoch_seconds(fit: Callable[[int], object], epochs: int) -> float:
    """CPU time of one epoch: what a longer fit takes beyond a short one, by the epochs between."""
    short = cpu_seconds(lambda: fit(1))
    return (cpu_seconds(lambda: fit(1 + epochs)) - short) / epochs


def alternate(contenders: dict[str, Callable[[], float]], repeats: int) -> dict[str, Timing]:
    """Let each contender measure itself ``repeats`` times, in turn, after one unmeasured round."""
    for measure in contenders.values():
        measure()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(repeats):
        names = list(contenders) if turn % 2 == 0 else list(contenders)[::-1]
        for name in names:
            seconds[name].append(contenders[name]())
    return {name: Timing(values) for name, values in seconds.items()}
