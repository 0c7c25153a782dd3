"""Measure this backend beside seqlearn's "torch", for the tables in README.md.

Run ``python measure.py`` here; it takes about half an hour on one core. A core of 64 units and a
linear readout of the last step are trained with Adam on batches of 64, gradients clipped at 1. This
is no part of the distribution, and no test; its printed rows are what README.md shows.
"""

import time
from statistics import mean

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from seqlearn.backend import draw_from
from seqlearn.registry import resolve_backend

BACKENDS, RATES, SEEDS = ("torch", "layernorm"), (3e-3, 1e-2, 3e-2), range(3)


def make_model(backend, input_size, output_size, generator):
    """Build core and readout; return them as one function of full rows (B, T, F)."""
    with draw_from(generator):
        core = resolve_backend(backend).build(
            input_size, 64, num_layers=1, bidirectional=False, dropout=0.0
        )
        head = nn.Linear(core.output_size, output_size)

    def answer(x):
        outputs, _ = core(x, torch.full((len(x),), x.shape[1]))
        return head(outputs[:, -1])  # (B, C)

    return answer, [*core.parameters(), *head.parameters()]


def train(answer, parameters, loss, draw_batch, rate, updates):
    """Update after update, yield the number of updates so far and the batch's loss."""
    optimizer = torch.optim.Adam(parameters, lr=rate)
    for update in range(1, updates + 1):
        x, y = draw_batch()
        optimizer.zero_grad()
        value = loss(answer(x), y)
        value.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        yield update, value.item()


def adding_problem(backend, rate, seed, steps, updates=3000):
    """Return the updates until the test error is below 0.01 (None: never), and CPU seconds."""
    generator = torch.Generator().manual_seed(seed)

    def draw(rows=64):
        values, marks = torch.rand(rows, steps, generator=generator), torch.zeros(rows, steps)
        for half in marks.chunk(2, dim=1):
            half.scatter_(1, torch.randint(steps // 2, (rows, 1), generator=generator), 1.0)
        x = torch.stack([values, marks], dim=-1)  # (B, T, 2)
        return x, (values * marks).sum(1, keepdim=True)  # (B, 1)

    x_test, y_test = draw(500)
    answer, parameters = make_model(backend, 2, 1, generator)
    start = time.process_time()
    for update, _ in train(answer, parameters, mse_loss, draw, rate, updates):
        if update % 25 == 0:
            with torch.no_grad():
                if mse_loss(answer(x_test), y_test) < 0.01:
                    return update, time.process_time() - start
    return None, time.process_time() - start


def digits(backend, rate, seed, updates=600):
    """Read scikit-learn's digits pixel by pixel; return training loss, accuracy, CPU seconds."""
    generator = torch.Generator().manual_seed(seed)
    X, y = load_digits(return_X_y=True)
    rows = torch.tensor(X / 16, dtype=torch.float32)[..., None]  # (N, 64, 1)
    x_train, x_test, y_train, y_test = train_test_split(
        rows, torch.tensor(y), test_size=0.3, random_state=seed, stratify=y
    )

    def draw():
        chosen = torch.randint(len(x_train), (64,), generator=generator)
        return x_train[chosen], y_train[chosen]

    answer, parameters = make_model(backend, 1, 10, generator)
    start = time.process_time()
    losses = [v for _, v in train(answer, parameters, cross_entropy, draw, rate, updates)]
    seconds = time.process_time() - start
    with torch.no_grad():
        accuracy = (answer(x_test).argmax(1) == y_test).float().mean().item()
    return mean(losses[-50:]), accuracy, seconds


def main():
    """Print both tables."""
    torch.set_num_threads(1)
    print("| T | backend | lr | updates to an error < 0.01, per seed | CPU s, mean |")
    print("|---|---|---|---|---|")
    for steps in (100, 200):
        for backend in BACKENDS:
            for rate in RATES:
                updates, seconds = zip(
                    *(adding_problem(backend, rate, seed, steps) for seed in SEEDS), strict=True
                )
                reached = ", ".join("never" if n is None else f"{n}" for n in updates)
                print(f"| {steps} | {backend} | {rate:g} | {reached} | {mean(seconds):.1f} |")
    print("\n| backend | lr | training loss | test accuracy | ms an update |")
    print("|---|---|---|---|---|")
    for backend in BACKENDS:
        for rate in RATES:
            loss, accuracy, seconds = map(
                mean, zip(*(digits(backend, rate, seed) for seed in SEEDS), strict=True)
            )
            ms = 1000 * seconds / 600
            print(f"| {backend} | {rate:g} | {loss:.3f} | {accuracy:.3f} | {ms:.1f} |")


if __name__ == "__main__":
    main()
