"""How much of the processor's matrix-product rate an LSTM reaches in training.

The floor of a training step is three times (forward, gradient of the inputs, gradient of the
weights) the products of all steps with the four gates' weights. `benchmarks.speed` is the caller
and says more.
"""

import numpy as np
import torch
from torch.nn.functional import linear

from benchmarks import loops, ours
from benchmarks.contenders import Contender, Work
from benchmarks.table import Row
from benchmarks.timing import alternate, cpu_seconds, epoch_seconds
from seqlearn.testing.material import one_thread

STEPS, FEATURES, HIDDEN, BATCH = 100, 8, 128, 64
BATCHES, EPOCHS, REPEATS = 10, 2, 5
SIZE = 1024  # of the square matrices
BAR = 0.6  # share of the fastest product


def rows() -> list[Row]:
    """Measure the products, the bare LSTM and training, in this process on one thread."""
    with one_thread():
        return _rows()


def _rows() -> list[Row]:
    work = Work([STEPS] * (BATCH * BATCHES), FEATURES, HIDDEN, BATCH)
    X, y = work.data()
    by_hand, model = loops.prepare(work, X, y), ours.prepare(work, X, y)
    product, floor = 2 * SIZE**3, 3 * 2 * STEPS * BATCH * 4 * HIDDEN * (FEATURES + HIDDEN)
    contenders = {  # operations of a call, and what measures its seconds
        "torch.mm": (product, _matrix_product()),
        "oneDNN linear": (product, _onednn_product()),
        "bare nn.LSTM, forward and backward": (floor, _bare_lstm(X[:BATCH])),
        "torch by hand, training": (floor, lambda: _step(by_hand)),
        "seqlearn, training": (floor, lambda: _step(model)),
    }
    timings = alternate({name: time for name, (_, time) in contenders.items()}, REPEATS)
    rates = {name: n / timings[name].median for name, (n, _) in contenders.items()}
    fastest = max(rates["torch.mm"], rates["oneDNN linear"])
    return [
        {
            "work": f"{SIZE} x {SIZE}" if contenders[name][0] == product else str(work),
            "by": name,
            "GFLOP/s": reached / 1e9,
            "spread": timings[name].spread,
            "share of torch.mm": reached / rates["torch.mm"],
            "share of the fastest product": reached / fastest,
            "bar": BAR if name == "seqlearn, training" else "",
        }
        for name, reached in rates.items()
    ]


def _step(contender: Contender) -> float:
    """Seconds of one training step."""
    return epoch_seconds(contender.fit, EPOCHS) / BATCHES


def _matrix_product():
    a, b = torch.randn(2, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return lambda: cpu_seconds(lambda: torch.mm(a, b))


def _onednn_product():
    x, weight = torch.randn(2, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    x, weight = x.to_mkldnn(), weight.to_mkldnn()

    def product() -> None:
        with torch.no_grad():
            linear(x, weight)

    return lambda: cpu_seconds(product)


def _bare_lstm(X: np.ndarray):
    lstm, x = torch.nn.LSTM(FEATURES, HIDDEN, batch_first=True), torch.tensor(X)

    def step() -> None:
        lstm.zero_grad()
        lstm(x)[0][:, -1].sum().backward()

    return lambda: cpu_seconds(step)
