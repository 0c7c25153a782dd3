"""Fixed fits of every estimator, recorded, so that two commits can be compared to the bit.

A change of structure must not change an answer. Record with each commit, from any checkout of it,
and compare; only public names are used, so that older commits run it too::

    PYTHONPATH=/path/to/old python benchmarks/recorded_fits.py record old.npz
    PYTHONPATH=/path/to/new python benchmarks/recorded_fits.py record new.npz
    python benchmarks/recorded_fits.py compare old.npz new.npz

The first says what it cannot fit and goes on; the last prints each record whose largest difference
is not zero, relative to the larger of 1 and the value, and ends with 1 if there is one above
``--tolerance``.
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

import seqlearn
from seqlearn import (
    BiLSTMTagger,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    SequenceEncoder,
)
from seqlearn.testing.material import names_for_vectors

Records = dict[str, np.ndarray]
SMALL = {"hidden_size": 12, "max_epochs": 3, "random_state": 0}
TAGGER = {**SMALL, "batch_size": 8}
WORDS = "a fine film dull and long acting lost in the dark of an old house".split()


def ragged(n: int, n_features: int, seed: int) -> list[np.ndarray]:
    """Return n sequences of 1 to 20 steps."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, n_features)) for length in rng.integers(1, 21, size=n)]


def sentences(n: int, seed: int) -> list[list[str]]:
    """Return n lists of 1 to 9 words."""
    rng = np.random.default_rng(seed)
    return [list(rng.choice(WORDS, size=length)) for length in rng.integers(1, 10, size=n)]


X, MORE = ragged(60, 3, 0), ragged(11, 3, 1)
FULL = np.random.default_rng(2).normal(size=(60, 15, 2))
TEXTS, MORE_TEXTS = sentences(60, 3), [*sentences(7, 4), ["never", "seen"]]
BAGS = [[{"word": word, "length": len(word)} for word in text] for text in TEXTS]
VECTORS = {word: np.arange(6.0) / 6 - i / 9 for i, word in enumerate([*WORDS[3:], "never"])}
SETTINGS = {"size": 9, "dropout": 2.0, "min_frequency": 30, "lowercase": True, "fold_digits": True}
LABELS = np.array(["low", "mid", "high"])[np.arange(60) % 3]
# The first column is the time, rising; of the others every third number is missing.
GAPPY, MORE_GAPPY = (
    [
        np.column_stack(
            [
                np.arange(len(x)) ** 1.5,
                np.where(np.arange(x[:, 1:].size) % 3, x[:, 1:].flat, np.nan).reshape(len(x), 2),
            ]
        )
        for x in rows
    ]
    for rows in (X, MORE)
)
NUMBERS = np.array([x.mean() for x in X])
BIO = [["O" if len(word) < 4 else "B-x" for word in text] for text in TEXTS]
PARITY = [[len(word) % 2 for word in text] for text in TEXTS]
STEP_SIGNS = [(x[:, 0] > 0).astype(int) for x in X]


def words(**params) -> dict[str, object]:
    """Return parameters of an estimator: of one object, or flat as before there was `Words`."""
    if hasattr(seqlearn, "Words"):
        return {"words": seqlearn.Words(**params)}
    flat = {
        "vectors": "embeddings",
        "size": "embedding_size",
        "characters": "character_size",
        "dropout": "word_dropout",
    }
    return {flat.get(name, name): value for name, value in params.items()}


def classifiers() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield fits of `LSTMClassifier`: backends, readouts, losses, inputs, optimisers."""

    def fit(data=X, y=LABELS, new=MORE, weights=None, more_fits=0, **params):
        model = LSTMClassifier(**SMALL | params).fit(data, y, sample_weight=weights)
        for _ in range(more_fits):
            model.partial_fit(data, y)
        return {"probability": np.asarray(model.predict_proba(new)), "loss": model.loss_curve_}

    settings = {f"backend {name}": {"backend": name} for name in names_for_vectors()}
    settings |= {
        f"readout {readout}, {'both directions' if both else 'forwards'}, {layers} layers": {
            "readout": readout,
            "bidirectional": both,
            "num_layers": layers,
        }
        for readout in ("last", "mean", "max", "attention")
        for both in (False, True)
        for layers in (1, 2)
    }
    settings |= {
        f"optimizer {name}": {"optimizer": name, "lr": 0.01} for name in ("adam", "adamw", "sgd")
    }
    settings |= {
        "float64": {"dtype": "float64"},
        "early stopping": {"early_stopping": True, "max_epochs": 6},
        "two classes": {"y": LABELS == "low"},
        "several labels": {"y": np.stack([LABELS == "low", NUMBERS > 0], axis=1).astype(int)},
        "weights": {"weights": np.linspace(0.1, 2.0, 60)},
        "class weights": {"class_weight": "balanced", "y": LABELS[np.arange(60) // 7]},
        "continued": {"more_fits": 2},
        "full rows": {"data": FULL, "new": FULL[:7]},
        "gaps": {"data": GAPPY, "new": MORE_GAPPY, "missing": "mask"},
        "gaps and times": {
            "data": GAPPY,
            "new": MORE_GAPPY,
            "missing": "mask",
            "time_column": 0,
        },
        "words": {"data": TEXTS, "new": MORE_TEXTS},
        "words and characters": {"data": TEXTS, "new": MORE_TEXTS, **words(characters=8)},
        "words, other settings": {"data": TEXTS, "new": MORE_TEXTS, **words(**SETTINGS)},
        "words with vectors": {"data": TEXTS, "new": MORE_TEXTS, **words(vectors=VECTORS)},
        "features": {"data": BAGS, "new": BAGS[:7], **words(size=5, min_frequency=40)},
    }
    for name, params in settings.items():
        yield name, lambda params=params: fit(**params)


def regressors() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield fits of `LSTMRegressor` under each loss."""

    def fit(y=NUMBERS, **params):
        model = LSTMRegressor(**SMALL | params).fit(X, y)
        return {"prediction": model.predict(MORE), "loss": model.loss_curve_}

    for loss in ("squared_error", "absolute_error", "huber"):
        yield loss, lambda loss=loss: fit(loss=loss)
    yield "two targets", lambda: fit(y=np.stack([NUMBERS, NUMBERS**2], axis=1))


def encoders() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield fits of `SequenceEncoder`, without labels and around a classifier."""

    def alone(**params):
        model = SequenceEncoder(**SMALL | params).fit(X)
        return {"features": model.transform(MORE), "loss": model.loss_curve_}

    def around():
        inner = LSTMClassifier(**SMALL)
        return {"features": SequenceEncoder(inner).fit(X, LABELS).transform(MORE)}

    for readout in ("last", "max"):
        yield readout, lambda readout=readout: alone(readout=readout)
    yield "around a classifier", around


def videos() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield fits on frames of uint8, flat and behind convolutions; none where there are no frames.

    An older commit refuses them, or has no moving digits.
    """
    if not hasattr(seqlearn, "Frames"):
        return
    clips, digits, _ = seqlearn.datasets.make_moving_digits(40, n_frames=5, random_state=0)
    frames = seqlearn.Frames(channels=(2, 4), size=6)

    def fit(**params):
        model = LSTMClassifier(**SMALL | params).fit(clips, digits)
        return {"probability": model.predict_proba(clips), "loss": model.loss_curve_}

    yield "flat", fit
    yield "convolutions", lambda: fit(frames=frames)
    yield (
        "lengths",
        lambda: {
            "features": SequenceEncoder(frames=frames, **SMALL)
            .fit([clip[: 1 + i % 5] for i, clip in enumerate(clips)])
            .transform(clips)
        },
    )


def taggers() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield fits of `BiLSTMTagger`: decoders, schemes, words and numbers."""

    def fit(data, y, new, **params):
        model = BiLSTMTagger(**TAGGER | params).fit(data, y)
        return {
            "marginals": np.concatenate(model.predict_marginals(new)),
            "labels": np.concatenate(model.predict(new)),
            "loss": model.loss_curve_,
        }

    for decoder in ("crf", "softmax"):
        params = {"decoder": decoder}
        yield (
            f"{decoder}, words, BIO",
            lambda p=params: fit(TEXTS, BIO, MORE_TEXTS, scheme="BIO", **p),
        )
        yield f"{decoder}, words", lambda p=params: fit(TEXTS, PARITY, MORE_TEXTS, **p)
        yield f"{decoder}, numbers", lambda p=params: fit(X, STEP_SIGNS, MORE, **p)


def recommenders() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield fits of `LSTMRecommender`: losses, tied weights, further items."""
    sessions = [[*text, text[0]] for text in TEXTS]

    def fit(**params):
        model = seqlearn.LSTMRecommender(**SMALL | params).fit(sessions)
        model.partial_fit([["new", "fine"], ["film", "new"]])
        scores = model.recommend(sessions[:9], k=99)[1]
        return {"scores": scores, "ranks": model.rank_steps(sessions), "loss": model.loss_curve_}

    for loss in ("cross_entropy", "bpr_max", "top1_max"):
        yield loss, lambda loss=loss: fit(loss=loss)
        yield f"{loss}, sampled", lambda loss=loss: fit(loss=loss, n_negatives=4)
    yield "tied", lambda: fit(tied=True)


def translators() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield fits of `LSTMTranslator`: texts and lists of tokens, copying, a backend, an update."""
    texts = [" ".join(text) for text in TEXTS]

    def fit(X, y, **params):
        model = seqlearn.LSTMTranslator(**SMALL | params).fit(X, y)
        model.partial_fit(X[:9], y[:9])
        likelihood = model.set_params(num_beams=2, max_length=5).log_likelihood(X, y)
        return {
            "likelihood": likelihood,
            "scores": np.concatenate(model.predict_n_best(X, 2, return_scores=True)[1]),
            "loss": model.loss_curve_,
        }

    backwards = [text[::-1] for text in TEXTS]
    yield "texts", lambda: fit(texts, texts[::-1], vocabulary_size=30)
    yield "words", lambda: fit(texts, texts[::-1], tokenizer="word", min_frequency=2)
    yield "tokens", lambda: fit(TEXTS, backwards, early_stopping=True)
    yield "copies", lambda: fit(TEXTS, backwards, copy=True, coverage=0.5, vocabulary_size=8)
    yield "gru", lambda: fit(TEXTS, backwards, decoder_backend="gru", num_layers=2)


def transcribers() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield fits of `LSTMTranscriber`: texts and lists, stacked frames, a backend, an update."""
    strings = [["ab", "a", ""][i % 3] for i in range(len(X))]

    def fit(y=strings, **params):
        model = seqlearn.LSTMTranscriber(**SMALL | params, on_infeasible="drop").fit(X, y)
        model.partial_fit(X[:9], y[:9])
        return {
            "posterior": np.concatenate(model.predict_log_proba(MORE)),
            "score": np.concatenate(model.predict_n_best(MORE, 2, return_scores=True)[1]),
            "loss": model.loss_curve_,
        }

    yield "texts", fit
    yield "lists", lambda: fit([[len(one), 7] for one in strings], early_stopping=True)
    yield "stacked", lambda: fit(stack=3, bidirectional=False)
    yield "gru", lambda: fit(backend="gru", num_layers=2)


def language_models() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield fits of `LSTMLanguageModel`: texts of any length, tied weights, layers, more texts."""
    texts = [" ".join(text) for text in TEXTS]

    def fit(X=texts, more=texts[:5], **params):
        model = seqlearn.LSTMLanguageModel(**SMALL | {"embedding_size": 6} | params).fit(X)
        model.partial_fit(more)
        shares = model.predict_proba(more)
        return {"scores": model.score_samples(X), "shares": shares, "loss": model.loss_curve_}

    yield "short texts", fit
    long = [" ".join(texts)]
    options = {"chunk_length": 16, "precision": "float32"}
    for name, params in {
        "untied": {"tied": False},
        "two layers": {"num_layers": 2},
        "gru": {"backend": "gru"},
        "one width": {"embedding_size": 8},
        "stopped early": {"early_stopping": True},
    }.items():
        yield f"a long text, {name}", lambda p=params: fit(long, long, **options | p)
    yield "tokens", lambda: fit(TEXTS, TEXTS[:5], min_frequency=1)


def forecasters() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield fits of `LSTMForecaster`: decodings, losses, features, a panel, an update."""
    import pandas as pd

    rng = np.random.default_rng(5)
    index = pd.period_range("2000-01", periods=96, freq="M")
    wave = 5 + np.sin(np.arange(96) * np.pi / 6) + 0.1 * rng.normal(size=96)
    y = pd.Series(wave, index=index, name="y")
    known = pd.DataFrame({"known": np.cos(np.arange(96))}, index=index)
    keys = pd.MultiIndex.from_product([["a", "b"], index], names=["key", "month"])
    panel = pd.DataFrame({"y": np.concatenate([wave, 2 * wave])}, index=keys)
    small = {"hidden_size": 8, "max_epochs": 3, "random_state": 0}

    def fit(series=y[:-12], update=None, future=None, past=None, **params):
        model = LSTMForecaster(**small | params).fit(series, X=past, fh=range(1, 7))
        if update is not None:
            model.update(update)
        return {
            "point": model.predict(X=future).to_numpy(),
            "interval": model.predict_interval(coverage=0.8, X=future).to_numpy(),
            "loss": [row["train_loss"] for row in model.history_],
        }

    yield "parallel", lambda: fit()
    yield "recursive", lambda: fit(decoding="recursive")
    yield "squared error", lambda: fit(loss="squared_error")
    yield "series normalisation", lambda: fit(normalization="series")
    yield "known ahead", lambda: fit(past=known[:-12], future=known[-12:-6])
    yield "panel", lambda: fit(series=panel)
    yield "conformal", lambda: fit(calibration="conformal")
    yield "updated", lambda: fit(update=y[-12:])


def detectors() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield fits of `LSTMAnomalyDetector`, which older commits do not have."""

    def fit(**params):
        model = seqlearn.LSTMAnomalyDetector(**SMALL, window=8, **params).fit(X)
        return {
            "score": np.concatenate(model.anomaly_scores(MORE, by_channel=True)),
            "threshold": np.array([model.threshold_, model.offset_]),
            "loss": np.array(model.loss_curve_),
        }

    for method in ("reconstruction", "forecast"):
        yield method, lambda method=method: fit(method=method)
    yield "likelihood", lambda: fit(likelihood=3, smoothing=2, contamination=0.1)


def transformers() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield what the transformers of steps make of sequences, with gaps and without."""
    from seqlearn import preprocessing

    rng = np.random.default_rng(6)
    gaps = [np.where(rng.random(x.shape) < 0.4, np.nan, x) for x in X]

    def fit(name, data, **params):
        model = getattr(preprocessing, name)(**params).fit(data)
        return {"steps": np.nan_to_num(np.concatenate(model.transform(data)), nan=-99.0)}

    for method in ("standard", "robust", "minmax"):
        yield f"scaler, {method}", lambda m=method: fit("SequenceScaler", X, method=m)
        yield f"scaler with gaps, {method}", lambda m=method: fit("SequenceScaler", gaps, method=m)
    yield "scaler of some", lambda: fit("SequenceScaler", gaps, columns=[0, 2], clip=1.0)
    for method in ("standard", "minmax"):
        yield f"normalizer, {method}", lambda m=method: fit("SequenceNormalizer", X, method=m)
    for method in ("forward", "mean", "zero"):
        yield f"imputer, {method}", lambda m=method: fit("SequenceImputer", gaps, method=m)


def features() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield features of waveforms and pen paths, which older commits do not have."""
    rng = np.random.default_rng(5)
    waveforms = [rng.normal(0, 0.1, length) for length in (900, 2000, 400)]
    paths = [rng.normal(size=(length, 2)).cumsum(axis=0) for length in (1, 5, 30)]

    def mel(**params):
        model = seqlearn.preprocessing.MelFeatures(8000, **params)
        return {"steps": np.concatenate(model.transform(waveforms))}

    def strokes():
        model = seqlearn.preprocessing.StrokeFeatures(0.2)
        return {"steps": np.concatenate(model.transform(paths))}

    yield "mel", lambda: mel(normalize=None)
    yield "mfcc", lambda: mel(mfcc=True, deltas=2)
    yield "strokes", strokes


def streams() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield answers of streams, one for each readout, and of a tagger."""

    def follow(model, *data):
        stream = model.fit(*data).stream(4)
        steps = [stream.step_proba(FULL[:4, t]) for t in range(FULL.shape[1])]
        return {"probability": np.array(steps)}

    for readout in ("last", "mean", "max", "attention"):
        model = LSTMClassifier(**SMALL, bidirectional=False, readout=readout)
        yield f"readout {readout}", lambda model=model: follow(model, FULL, LABELS)
    signs = (FULL[..., 0] > 0).astype(int)
    tagger = BiLSTMTagger(**TAGGER, bidirectional=False, decoder="softmax")
    yield "labels of steps", lambda: follow(tagger, FULL, signs)


def insides() -> Iterator[tuple[str, Callable[[], Records]]]:
    """Yield what is seen inside fitted classifiers, which older commits do not show."""

    def look(**params):
        model = LSTMClassifier(**SMALL | params).fit(X, LABELS)
        gates = {name: np.concatenate(rows) for name, rows in model.gates(X).items()}
        return gates | {
            "gradients": np.concatenate(model.attribute(X, n_steps=8)),
            "occlusion": np.concatenate(model.attribute(X, "occlusion")),
        }

    yield "torch", look
    yield "gru", lambda: look(backend="gru")


FITS = {
    "classifier": classifiers,
    "regressor": regressors,
    "encoder": encoders,
    "tagger": taggers,
    "video": videos,
    "language": language_models,
    "recommender": recommenders,
    "transcriber": transcribers,
    "translator": translators,
    "forecaster": forecasters,
    "detector": detectors,
    "transformer": transformers,
    "features": features,
    "streams": streams,
    "inside": insides,
}


def record(path: Path) -> None:
    """Fit everything and write what came of it."""
    torch.set_num_threads(1)
    found: Records = {}
    for estimator, settings in FITS.items():
        for name, fit in settings():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    results = fit()
            except Exception as error:
                print(f"{estimator}, {name}: {type(error).__name__}: {error}"[:300])
                continue
            for what, values in results.items():
                found[f"{estimator}, {name}: {what}"] = np.asarray(values)
    np.savez(path, **found)
    print(f"{len(found)} records of seqlearn at {Path(seqlearn.__file__).parent} in {path}")


def compare(before: Path, after: Path, tolerance: float) -> int:
    """Print what differs; return 1 if something does by more than the tolerance."""
    with np.load(before) as old, np.load(after) as new:
        names = sorted(old.keys() & new.keys())
        for name in sorted(old.keys() ^ new.keys()):
            print(f"{name}: only in {before if name in old else after}")
        largest = {name: _difference(old[name], new[name]) for name in names}
    for name, difference in largest.items():
        if difference > 0:
            print(f"{name}: {difference:.2g}")
    equal = sum(difference == 0 for difference in largest.values())
    print(f"{equal} of {len(names)} records are equal to the bit")
    return int(not names or max(largest.values()) > tolerance)


def _difference(old: np.ndarray, new: np.ndarray) -> float:
    if np.array_equal(old, new):
        return 0.0
    if old.shape != new.shape or old.dtype.kind not in "fiub" or new.dtype.kind not in "fiub":
        return np.inf
    largest = float((np.abs(new - old) / np.maximum(np.abs(old), 1.0)).max())
    return np.inf if np.isnan(largest) else largest


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record").add_argument("path", type=Path)
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument("--tolerance", type=float, default=0.0)
    options = parser.parse_args()
    if options.command == "record":
        record(options.path)
        return 0
    return compare(options.before, options.after, options.tolerance)


if __name__ == "__main__":
    sys.exit(main())
