"""Measure this backend beside seqlearn's "torch", for the tables in README.md.

Run ``python measure.py`` here, with ``SEQLEARN_DATA`` set; it takes some ten minutes of one core.
This is no part of the distribution, and no test; its printed rows are what README.md shows. Nothing
is chosen on a test part: the dropout of each backend is chosen on a validation part or by
cross-validation on the training part, and the test part is looked at once a seed with that.
"""

import os
import time
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch
from seqlearn_awd import AWDLSTM
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline

from seqlearn import BiLSTMTagger, LSTMClassifier, Words, datasets, preprocessing
from seqlearn.backend import Backend
from seqlearn.registry import resolve_backend

BACKENDS: dict[str, Backend] = {"torch": resolve_backend("torch"), "awd": AWDLSTM()}
DROPOUTS, SEEDS = (0.2, 0.5), range(5)

# Predict the next character: a tagger that reads forwards, stopped by 10 % of the training rows.
CHARACTERS = {
    "bidirectional": False,
    "decoder": "softmax",
    "words": Words(characters=None, dropout=0.0),
    "lr_schedule": None,
    "max_epochs": 150,
    "early_stopping": True,
    "n_iter_no_change": 5,
    "batch_size": 16,
}
CHARACTER_DROPOUTS = (0.2, 0.35, 0.5)


def polarity(rows: int = 300):
    """Film reviews in one sentence: a small training part, and 3,000 others as test part."""
    texts, y = datasets.fetch_sentence_polarity()
    return train_test_split(texts, y, train_size=rows, test_size=3000, stratify=y, random_state=0)


PROBLEMS = {
    "JapaneseVowels": (preprocessing.SequenceScaler, datasets.load_japanese_vowels),
    "BasicMotions": (preprocessing.SequenceScaler, datasets.load_basic_motions),
    "ArrowHead": (preprocessing.SequenceScaler, datasets.load_arrow_head),
    "ItalyPowerDemand": (preprocessing.SequenceScaler, datasets.load_italy_power_demand),
    "sentence polarity": (preprocessing.Tokenizer, polarity),
}


def make_model(reader, backend, dropout, seed):
    """Build the estimator with its defaults but for backend, dropout and seed."""
    classifier = LSTMClassifier(backend=backend, dropout=dropout, random_state=seed)
    return make_pipeline(reader(), classifier)


def accuracy(name):
    """Print a row for each backend on one problem."""
    reader, load = PROBLEMS[name]
    X_train, X_test, y_train, y_test = load()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for label, backend in BACKENDS.items():
        chosen, best = max(
            (
                (
                    dropout,
                    cross_val_score(
                        make_model(reader, backend, dropout, 0), X_train, y_train, cv=folds
                    ).mean(),
                )
                for dropout in DROPOUTS
            ),
            key=lambda found: found[1],
        )
        start = time.process_time()
        models = [make_model(reader, backend, chosen, seed).fit(X_train, y_train) for seed in SEEDS]
        seconds = (time.process_time() - start) / len(SEEDS)
        scores = [model.score(X_test, y_test) for model in models]
        train = mean(model.score(X_train, y_train) for model in models)
        print(
            f"| {name} | {len(X_train)} | {label} | {chosen} | {best:.3f} | {train:.3f} "
            f"| {mean(scores):.3f} ± {stdev(scores):.3f} | {seconds:.1f} |",
            flush=True,
        )


def characters(first, n_characters, steps=50):
    """Rows of 50 characters of Shakespeare's plays, and the character after each one."""
    path = Path(os.environ["SEQLEARN_DATA"], "tinyshakespeare", "input.txt")
    text = path.read_text()[first : first + n_characters + 1]
    starts = range(0, n_characters, steps)
    return [list(text[i : i + steps]) for i in starts], [
        list(text[i + 1 : i + 1 + steps]) for i in starts
    ]


def bits(model, X, y):
    """Return the mean of -log2 of the probability of what came; of unseen ones, it is 1e-4."""
    code = {label: i for i, label in enumerate(model.classes_)}
    chances = [
        row[code[label]] if label in code else 1e-4
        for rows, labels in zip(model.predict_marginals(X), y, strict=True)
        for row, label in zip(rows, labels, strict=True)
    ]
    return -np.log2(np.maximum(chances, 1e-6)).mean()


def next_character():
    """Print a row for each backend: 12,000 characters to learn from."""
    train, valid, test = characters(0, 12000), characters(200000, 10000), characters(300000, 30000)
    for label, backend in BACKENDS.items():

        def fit(dropout, seed, backend=backend):
            settings = {**CHARACTERS, "backend": backend, "dropout": dropout}
            return BiLSTMTagger(**settings, random_state=seed).fit(*train)

        found = {dropout: bits(fit(dropout, 0), *valid) for dropout in CHARACTER_DROPOUTS}
        chosen = min(found, key=found.get)
        start = time.process_time()
        models = [fit(chosen, seed) for seed in SEEDS]
        seconds = (time.process_time() - start) / len(SEEDS)
        scores = [bits(model, *test) for model in models]
        learned = mean(bits(model, *train) for model in models)
        epochs = mean(model.n_iter_ for model in models)
        print(
            f"| {label} | {chosen} | {found[chosen]:.3f} | {learned:.3f} "
            f"| {mean(scores):.3f} ± {stdev(scores):.3f} | {epochs:.0f} | {seconds:.1f} |",
            flush=True,
        )


def milliseconds(backend, rows, steps, updates=30):
    """Return the CPU time of one forward and backward pass of a core, 12 features, 64 units."""
    core = backend.build(12, 64, num_layers=1, bidirectional=False, dropout=0.0)
    x = torch.randn(rows, steps, 12, generator=torch.Generator().manual_seed(0))
    lengths = torch.full((rows,), steps)
    core(x, lengths)[0].sum().backward()
    start = time.process_time()
    for _ in range(updates):
        core(x, lengths)[0].sum().backward()
    return 1000 * (time.process_time() - start) / updates


def speed():
    """Print the cost of a training step of each kind, the median of five rounds in turn."""
    kinds = {
        "torch": BACKENDS["torch"],
        "awd": AWDLSTM(),
        "awd, zoneout=0.1": AWDLSTM(zoneout=0.1),
        "reference": resolve_backend("reference"),
    }
    for rows, steps in ((16, 25), (32, 100)):
        rounds = [{k: milliseconds(b, rows, steps) for k, b in kinds.items()} for _ in range(5)]
        for kind in kinds:
            ms = sorted(found[kind] for found in rounds)[2]
            ratio = sorted(found[kind] / found["torch"] for found in rounds)[2]
            print(f"| {rows} | {steps} | {kind} | {ms:.2f} | {ratio:.2f} |", flush=True)


def main():
    """Print the three tables."""
    torch.set_num_threads(1)
    print("| rows | steps | backend | CPU ms | times torch |")
    print("|---|---|---|---|---|")
    speed()
    print("\n| backend | dropout | validation | training | test | epochs | CPU s a fit |")
    print("|---|---|---|---|---|---|---|")
    next_character()
    print("\n| data set | rows | backend | dropout | CV | training | test | CPU s a fit |")
    print("|---|---|---|---|---|---|---|---|")
    for name in PROBLEMS:
        accuracy(name)


if __name__ == "__main__":
    main()
