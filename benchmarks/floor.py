"""What oneDNN's LSTM kernels alone take of an epoch, without data, loss, optimiser and Python.

`benchmarks.speed` is the caller. torch by hand, skorch and seqlearn all call these kernels, so on
one thread and in float32 this is the floor of their epochs; compilers like JAX's have another.
"""

from collections.abc import Callable

import torch
from torch import nn

from benchmarks import ours
from benchmarks.contenders import Work
from benchmarks.table import Row
from benchmarks.timing import alternate, cpu_seconds, epoch_seconds
from seqlearn.testing.material import one_thread
from seqlearn.torch_internals import lstm_kernels

EPOCHS, REPEATS = 2, 5


def rows(works: tuple[Work, ...]) -> list[Row]:
    """Measure kernels and seqlearn's training, in this process on one thread."""
    with one_thread():
        return [_row(work) for work in works]


def _row(work: Work) -> Row:
    fit = ours.prepare(work, *work.data()).fit
    n_batches = -(-len(work.lengths) // work.batch)
    timings = alternate(
        {
            "kernels": _kernels(work, n_batches),
            "seqlearn": lambda: epoch_seconds(fit, EPOCHS),
        },
        REPEATS,
    )
    kernels, whole = timings["kernels"], timings["seqlearn"]
    return {
        "work": str(work),
        "kernels, epoch ms": 1e3 * kernels.median,
        "seqlearn, epoch ms": 1e3 * whole.median,
        "spread": max(kernels.spread, whole.spread),
        "share of the kernels": kernels.median / whole.median,
        "around them, us an update": 1e6 * (whole.median - kernels.median) / n_batches,
    }


def _kernels(work: Work, n_batches: int) -> Callable[[], float]:
    """Return what measures the seconds of an epoch's kernel calls, on one batch again and again."""
    steps, size = work.lengths[0], work.hidden
    x, slope = (torch.randn(steps, work.batch, n) for n in (work.features, size))
    weights = [weight.detach() for weight in nn.LSTM(work.features, size).parameters()]
    kernels = lstm_kernels()
    assert kernels is not None, "torch computes without oneDNN here"

    def epoch() -> None:
        for _ in range(n_batches):
            kept = kernels.forward(x, weights)[1]
            kernels.backward(kept, slope, None)
            del kept

    return lambda: cpu_seconds(epoch)
