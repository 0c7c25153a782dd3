"""Measure both backends beside seqlearn's "torch" and "reference", for the tables in README.md.

Run ``python measure.py`` here; it takes about ten minutes on one core. Times are process CPU time;
of a step, the best of some runs. This is no part of the distribution, and no test; its printed rows
are what README.md shows. The adding problem draws all its rows anew.
"""

import math
import time
from statistics import linear_regression

import torch
from seqlearn_minlstm import scan
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from seqlearn.backend import draw_from
from seqlearn.registry import resolve_backend

ROWS, FEATURES, UNITS = 8, 8, 64
STEPS = (50, 158, 500, 1581, 5000)


def best_ms(work, repeats):
    """Return the least CPU time of ``repeats`` runs in ms, after one that does not count."""
    times = []
    for _ in range(repeats + 1):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000 * min(times[1:])


def make_core(backend, input_size=FEATURES, layers=1, generator=None):
    """Build a core whose weights come from ``generator``."""
    with draw_from(generator or torch.Generator().manual_seed(0)):
        return resolve_backend(backend).build(
            input_size, UNITS, num_layers=layers, bidirectional=False, dropout=0.0
        )


def training_step(backend, steps):
    """Return ms for one update by Adam, the mean square of the last output as the loss."""
    core = make_core(backend)
    x, lengths = torch.randn(ROWS, steps, FEATURES), torch.full((ROWS,), steps)
    optimizer = torch.optim.Adam(core.parameters())

    def update():
        optimizer.zero_grad()
        core(x, lengths)[0][:, -1].square().mean().backward()
        optimizer.step()

    slow = backend == "reference"
    return best_ms(update, max(2, (1000 if slow else 10_000) // steps))


def streamed_step(backend):
    """Return ms for one step of one row in evaluation, the state carried along."""
    core = make_core(backend).eval()
    x, lengths, state = torch.randn(1, 1, FEATURES), torch.ones(1, dtype=torch.int64), None

    def hundred():
        nonlocal state
        with torch.inference_mode():
            for _ in range(100):
                _, state = core(x, lengths, state)

    return best_ms(hundred, 20) / 100


def by_logarithms(decay, inflow):
    """Run the recurrence as the paper's appendix B does, after Heinsen (2023)."""
    sums = decay.log().cumsum(1)
    return (sums + torch.logcumsumexp(inflow.log() - sums, dim=1)).exp()


def by_doubling(decay, inflow):
    """Run it by Hillis and Steele's (1986) scan: log2 T passes over all steps."""
    reach = 1
    while reach < decay.shape[1]:
        later = torch.addcmul(inflow[:, reach:], decay[:, reach:], inflow[:, :-reach])
        inflow = torch.cat([inflow[:, :reach], later], dim=1)  # (B, T, H)
        decay = torch.cat([decay[:, :reach], decay[:, reach:] * decay[:, :-reach]], dim=1)
        reach *= 2
    return inflow


def by_steps(decay, inflow):
    """Run it one step at a time."""
    h = torch.zeros_like(inflow[:, 0])
    out = torch.empty_like(inflow)
    for a, b, place in zip(decay.unbind(1), inflow.unbind(1), out.unbind(1), strict=True):
        h = torch.addcmul(b, a, h, out=place)
    return out


def train(core, head, draw, loss, updates):
    """Train by Adam on batches from ``draw``; yield after each update."""
    parameters = [*core.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-2)
    for _ in range(updates):
        x, y = draw()
        optimizer.zero_grad()
        loss(answer(core, head, x), y).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        yield


def answer(core, head, x):
    """Return the head's reading of the last step, (B, C)."""
    return head(core(x, torch.full((len(x),), x.shape[1]))[0][:, -1])


def adding_problem(backend, layers, seed, *, steps=400, updates=800, seconds=60.0):
    """Return updates (None: not in time), CPU seconds and error when it fell below 0.01."""
    generator = torch.Generator().manual_seed(seed)

    def draw(rows=64):
        values, marks = torch.rand(rows, steps, generator=generator), torch.zeros(rows, steps)
        for half in marks.chunk(2, dim=1):
            half.scatter_(1, torch.randint(steps // 2, (rows, 1), generator=generator), 1.0)
        x = torch.stack([values, marks], dim=-1)  # (B, T, 2)
        return x, (values * marks).sum(1, keepdim=True)  # (B, 1)

    x_test, y_test = draw(256)
    core = make_core(backend, 2, layers, generator)
    with draw_from(generator):
        head = nn.Linear(core.output_size, 1)
    start = time.process_time()
    for update, _ in enumerate(train(core, head, draw, mse_loss, updates), 1):
        if update % 25 == 0:
            with torch.no_grad():
                error = mse_loss(answer(core, head, x_test), y_test).item()
            spent = time.process_time() - start
            if error < 0.01 or spent > seconds:
                break
    return update if error < 0.01 else None, spent, error


def digits(backend, layers, seed=1, updates=600):
    """Read scikit-learn's digits pixel by pixel; return accuracy on 30 % and ms an update."""
    generator = torch.Generator().manual_seed(seed)
    X, y = load_digits(return_X_y=True)
    rows = torch.tensor(X / 16, dtype=torch.float32)[..., None]  # (N, 64, 1)
    x_train, x_test, y_train, y_test = train_test_split(
        rows, torch.tensor(y), test_size=0.3, random_state=seed, stratify=y
    )

    def draw():
        chosen = torch.randint(len(x_train), (64,), generator=generator)
        return x_train[chosen], y_train[chosen]

    core = make_core(backend, 1, layers, generator)
    with draw_from(generator):
        head = nn.Linear(core.output_size, 10)
    start = time.process_time()
    for _ in train(core, head, draw, cross_entropy, updates):
        pass
    ms = 1000 * (time.process_time() - start) / updates
    with torch.no_grad():
        return (answer(core, head, x_test).argmax(1) == y_test).float().mean().item(), ms


def main():
    """Print the tables."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # as the estimators do
    torch.manual_seed(0)
    print(f"| backend | {' | '.join(f'T = {steps}' for steps in STEPS)} | exponent | one step |")
    print("|---" * (len(STEPS) + 3) + "|")
    for backend in ("minlstm", "mingru", "torch", "reference"):
        times = [training_step(backend, steps) for steps in STEPS]
        slope = linear_regression(list(map(math.log, STEPS)), list(map(math.log, times))).slope
        cells = " | ".join(f"{ms:.1f}" for ms in times)
        step = streamed_step(backend)
        print(f"| {backend} | {cells} | {slope:.2f} | {step:.3f} |", flush=True)

    print("\n| scan | T = 500 | T = 5000 | largest relative error at 5000 |\n|---|---|---|---|")
    for way in (scan, by_steps, by_doubling, by_logarithms):
        cells = []
        for steps in (500, 5000):
            decay = (2 * torch.randn(ROWS, steps, UNITS) + 2).sigmoid()
            inflow = (1 - decay) * torch.rand(ROWS, steps, UNITS).add(0.1)
            cells.append(f"{best_ms(lambda: way(decay, inflow), 20):.2f}")  # noqa: B023
        due = by_steps(decay.double(), inflow.double())
        error = ((way(decay, inflow) - due).abs() / due).max()
        print(f"| {way.__name__} | {' | '.join(cells)} | {error:.0e} |", flush=True)

    print("\n| backend | layers | updates | CPU s | test error |\n|---|---|---|---|---|")
    for backend, layers, seeds in (
        ("minlstm", 1, range(3)),
        ("minlstm", 2, range(1)),
        ("mingru", 1, range(3)),
        ("mingru", 2, range(1)),
        ("torch", 1, range(1)),
    ):
        runs = [adding_problem(backend, layers, seed) for seed in seeds]
        updates, spent, errors = zip(*runs, strict=True)
        cells = (
            ", ".join("not in time" if n is None else f"{n}" for n in updates),
            ", ".join(f"{s:.0f}" for s in spent),
            ", ".join(f"{e:.4f}" for e in errors),
        )
        print(f"| {backend} | {layers} | {' | '.join(cells)} |", flush=True)

    print("\n| backend | layers | test accuracy | ms an update |\n|---|---|---|---|")
    for backend, layers in (("minlstm", 1), ("minlstm", 2), ("minlstm", 3), ("torch", 1)):
        accuracy, ms = digits(backend, layers)
        print(f"| {backend} | {layers} | {accuracy:.3f} | {ms:.1f} |", flush=True)


if __name__ == "__main__":
    main()
