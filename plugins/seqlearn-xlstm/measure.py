"""Measure both backends beside others of seqlearn, for the tables in README.md.

Run ``python measure.py`` here, with seqlearn-minlstm installed and ``SEQLEARN_DATA`` set; it takes
some eight minutes of one core. This is no part of the distribution, and no test; its printed rows
are what README.md shows. Times are process CPU time. Problems that are drawn are drawn anew for
each batch and each test; of JapaneseVowels, only the training part is read.
"""

import resource
import time
from statistics import median

import torch
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss, one_hot

from seqlearn import LSTMClassifier, datasets, preprocessing
from seqlearn.backend import draw_from
from seqlearn.registry import resolve_backend

BACKENDS = ("torch", "minlstm", "slstm", "mlstm")
UNITS = 64


def make_core(backend, input_size, generator):
    """Build a core whose weights come from ``generator``: one layer, two of the mixed "xlstm"."""
    layers = 2 if backend == "xlstm" else 1
    with draw_from(generator):
        return resolve_backend(backend).build(
            input_size, UNITS, num_layers=layers, bidirectional=False, dropout=0.0
        )


def user_ms():
    """Return the CPU time so far in ms, without what the system spends on handing out memory."""
    return 1000 * resource.getrusage(resource.RUSAGE_SELF).ru_utime


def training_step(backend, steps, rows=16, features=8):
    """Return a function that runs some updates by Adam and returns the CPU ms of one."""
    generator = torch.Generator().manual_seed(0)
    core = make_core(backend, features, generator)
    x = torch.randn(rows, steps, features, generator=generator)
    lengths, optimizer = torch.full((rows,), steps), torch.optim.Adam(core.parameters())
    repeats = 2000 // steps

    def update():
        start = user_ms()
        for _ in range(repeats):
            optimizer.zero_grad()
            core(x, lengths)[0].square().mean().backward()
            optimizer.step()
        return (user_ms() - start) / repeats

    return update


def streamed_steps(backend, steps=200, features=8):
    """Return a function that reads one row step by step and returns the CPU ms of a step."""
    generator = torch.Generator().manual_seed(0)
    core = make_core(backend, features, generator).eval()
    x, one = torch.randn(1, 1, features, generator=generator), torch.ones(1, dtype=torch.int64)

    def stream():
        start, state = user_ms(), None
        with torch.inference_mode():
            for _ in range(steps):
                _, state = core(x, one, state)
        return (user_ms() - start) / steps

    return stream


def speed():
    """Print the cost of a training step and of a streamed one, in rounds over the backends."""
    names = ("torch", "reference", "minlstm", "slstm", "mlstm")
    kinds = [
        (lambda name: training_step(name, 100), 5),
        (lambda name: training_step(name, 1000), 5),
        (streamed_steps, 7),
    ]
    table = []
    for make, rounds in kinds:
        work = {name: make(name) for name in names}
        found = [{name: work[name]() for name in names} for _ in range(rounds + 1)][1:]
        table.append(
            {
                name: (
                    median(each[name] for each in found),
                    median(each[name] / each["torch"] for each in found),
                )
                for name in names
            }
        )
    for name in names:
        cells = " | ".join(f"{row[name][0]:.3g} ({row[name][1]:.2g})" for row in table)
        print(f"| {name} | {cells} |", flush=True)


def adding(rows, generator):
    """Draw the adding problem of 100 steps."""
    seed = int(torch.randint(2**31, (1,), generator=generator))
    X, y = datasets.make_adding_problem(rows, 100, random_state=seed)
    return torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(y, dtype=torch.float32)


def recall(rows, generator, pairs=16, values=8):
    """Draw rows of 16 pairs of a letter and a value, each letter once, then one of the letters."""
    letters = torch.rand(rows, pairs, generator=generator).argsort(1)
    told = torch.randint(values, (rows, pairs), generator=generator)
    asked = torch.randint(pairs, (rows, 1), generator=generator)
    x = torch.zeros(rows, pairs + 1, pairs + values)
    x[:, :pairs] = torch.cat([one_hot(letters, pairs), one_hot(told, values)], dim=-1)
    x[:, pairs, :pairs] = one_hot(letters.gather(1, asked)[:, 0], pairs)
    return x, told.gather(1, asked)[:, 0]


def parity(rows, generator, steps=40):
    """Draw rows of 40 bits; at each step, tell whether the ones so far are odd in number."""
    bits = torch.randint(2, (rows, steps), generator=generator)
    return 2.0 * bits[..., None] - 1, bits.cumsum(1) % 2


# Draw, answers at a step, limit of updates, when the last step is learned.
PROBLEMS = {
    "adding": (adding, 1, 400, lambda error: error < 0.01),
    "recall": (recall, 8, 1000, lambda error: error < 0.005),
    "parity": (parity, 2, 1000, lambda error: error < 0.005),
}


def learn(problem, backend, seed):
    """Train by Adam at 0.01 on batches of 64; return updates, CPU seconds, error at the end."""
    draw, size, limit, learned = PROBLEMS[problem]
    generator = torch.Generator().manual_seed(seed)
    core = make_core(backend, draw(1, generator)[0].shape[2], generator)
    with draw_from(generator):
        head = nn.Linear(UNITS, size)
    parameters = [*core.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.01)

    def answer(x):
        return head(core(x, torch.full((len(x),), x.shape[1]))[0])

    start = time.process_time()
    for update in range(1, limit + 1):
        x, y = draw(64, generator)
        answers = answer(x) if y.ndim == 2 else answer(x)[:, -1]
        if size == 1:
            loss = mse_loss(answers[:, 0], y)
        else:
            loss = cross_entropy(answers.flatten(0, -2), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if update % 50 == 0:
            with torch.no_grad():
                x, y = draw(500, generator)
                last, due = answer(x)[:, -1], y if y.ndim == 1 else y[:, -1]
            wrong = (last[:, 0] - due).square() if size == 1 else last.argmax(1) != due
            error = wrong.double().mean().item()
            if learned(error):
                break
    return update, time.process_time() - start, error


def problems(names=tuple(PROBLEMS), seeds=range(3)):
    """Print what each backend learned of each problem."""
    for problem in names:
        for backend in (*BACKENDS, "xlstm"):
            runs = [learn(problem, backend, seed) for seed in seeds]
            updates = ", ".join(str(run[0]) for run in runs)
            spent = ", ".join(f"{run[1]:.0f}" for run in runs)
            errors = ", ".join(f"{run[2]:.3f}" for run in runs)
            print(f"| {problem} | {backend} | {updates} | {spent} | {errors} |", flush=True)


def vowels():
    """Print the accuracy in cross-validation on the training part of JapaneseVowels."""
    X, _, y, _ = datasets.load_japanese_vowels()
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
    for backend in BACKENDS:
        model = make_pipeline(
            preprocessing.SequenceScaler(), LSTMClassifier(backend=backend, random_state=0)
        )
        start = time.process_time()
        found = cross_val_score(model, X, y, cv=folds)
        seconds = (time.process_time() - start) / len(found)
        print(f"| {backend} | {found.mean():.3f} | {seconds:.1f} |", flush=True)


def main():
    """Print the tables."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # as the estimators do
    print("| backend | T = 100 | T = 1000 | one step |\n|---|---|---|---|")
    speed()
    print("\n| problem | backend | updates | CPU s | error |\n|---|---|---|---|---|")
    problems()
    print("\n| backend | accuracy | CPU s a fit |\n|---|---|---|")
    vowels()


if __name__ == "__main__":
    main()
