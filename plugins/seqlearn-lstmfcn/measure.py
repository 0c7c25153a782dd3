"""Measure the four backends beside seqlearn's "torch", and ways to run their convolutions.

Run ``python measure.py`` here; it takes about half a minute on one core. Times are process CPU
time, the best of some runs. This is no part of the distribution, and no test; its printed rows are
what README.md shows. Accuracies come from ``python -m benchmarks classification`` in a checkout.
"""

import time

import torch
from seqlearn_lstmfcn.network import StepConvolution
from torch import nn
from torch.nn.functional import pad

from seqlearn.backend import draw_from
from seqlearn.registry import resolve_backend

ROWS, UNITS = 16, 8
STEPS = (24, 150, 427)


def best_ms(work, repeats=7):
    """Return the least CPU time of ``repeats`` runs in ms, after one that does not count."""
    times = []
    for _ in range(repeats + 1):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000 * min(times[1:])


def core_ms(backend, steps, training, shortest=1.0):
    """Return ms of a forward run, with the gradients in training; rows from ``shortest`` to 1."""
    with draw_from(torch.Generator().manual_seed(0)):
        core = resolve_backend(backend).build(
            1, UNITS, num_layers=1, bidirectional=False, dropout=0.0
        )
    core.train(training)
    x = torch.randn(ROWS, steps, 1, generator=torch.Generator().manual_seed(0))
    lengths = torch.linspace(shortest * steps, steps, ROWS).long()

    def run():
        with torch.set_grad_enabled(training):
            outputs = core(x, lengths)[0]
        if training:
            outputs.mean(1).square().sum().backward()

    return best_ms(run)


class StepsLast(nn.Module):
    """The convolution with time as the last axis, as ``nn.Conv1d`` has it."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight.transpose(1, 2).contiguous())
        self.around = (weight.shape[1] - 1) // 2, weight.shape[1] // 2

    def forward(self, x):
        """Convolve rows of shape (B, T, C), turned round on the way in and out."""
        x = x.transpose(1, 2).contiguous()
        return nn.functional.conv1d(pad(x, self.around), self.weight).transpose(1, 2)


class Unfolded(nn.Module):
    """The convolution as one matrix product over all steps, each step's window written out."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight.flatten(1))  # (K, size C)
        self.size = weight.shape[1]

    def forward(self, x):
        """Convolve rows of shape (B, T, C)."""
        around = (self.size - 1) // 2, self.size // 2
        windows = pad(x, (0, 0, *around)).unfold(1, self.size, 1)  # (B, T, C, size)
        return windows.transpose(2, 3).flatten(2) @ self.weight.T


def convolution_ms(make, sizes, steps):
    """Return ms of one layer's forward run and gradients."""
    with draw_from(torch.Generator().manual_seed(0)):
        layer = StepConvolution(*sizes, repeat=False)
    layer = layer if make is None else make(layer.weight.detach())
    x = torch.randn(ROWS, steps, sizes[0], generator=torch.Generator().manual_seed(0))
    x.requires_grad_()
    return best_ms(lambda: layer(x).square().sum().backward())


def main():
    """Print the tables."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # as the estimators do
    head = " | ".join(f"T = {steps}" for steps in STEPS)
    print(f"| backend | {head} | ragged, T = {STEPS[-1]} | in evaluation, T = {STEPS[-1]} |")
    print("|---" * (len(STEPS) + 3) + "|")
    for backend in ("lstmfcn", "lstmfcn-shuffle", "alstmfcn", "alstmfcn-shuffle", "torch"):
        times = [core_ms(backend, steps, True) for steps in STEPS]
        times += [core_ms(backend, STEPS[-1], True, 0.5), core_ms(backend, STEPS[-1], False)]
        print(f"| {backend} | {' | '.join(f'{ms:.1f}' for ms in times)} |", flush=True)

    layers = {
        "1 to 128, 8": (1, 128, 8),
        "128 to 256, 5": (128, 256, 5),
        "256 to 128, 3": (256, 128, 3),
    }
    print(f"\n| convolution, T = {STEPS[-1]} | {' | '.join(layers)} |\n|---|---|---|---|")
    for name, make in (
        ("features last (used here)", None),
        ("steps last, `conv1d`", StepsLast),
        ("windows written out, one product", Unfolded),
    ):
        times = [convolution_ms(make, sizes, STEPS[-1]) for sizes in layers.values()]
        print(f"| {name} | {' | '.join(f'{ms:.1f}' for ms in times)} |", flush=True)


if __name__ == "__main__":
    main()
