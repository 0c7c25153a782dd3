"""Single spoken digits of a speaker who was never heard, and what features of speech cost.

FSDD: each of three speakers is left out in turn, the network learns from the 1,000 recordings of
the other two. It hears each eight times, at other speeds, which changes voice and tempo, louder or
quieter in the same noise, and with a fifth of the features hidden. Settings were chosen by the mean
over the six pairs of a speaker to learn from and another one to be tested on (.742, one fit a pair;
four copies at other speeds alone .678, with hidden features .711): each speaker took part in that
choice, though never by what is measured here. The test part was seen twice: two copies at other
speeds alone, passed twenty times, had .790 on it. Beside it stands the nearest neighbour under
dynamic time warping, of the same features with steps of 20 ms. Accuracies are of the recordings
left out, means of three seeds; seconds are of process CPU time, on one thread, features included.

Features: mel-frequency coefficients and slopes of utterances of 3 to 7 digits, all at once and one
by one. The real-time factor is the time that it takes by the time that they last; the bar is that
of the whole transcription.
"""

from statistics import mean
from typing import Any

import numpy as np
import torch
from sklearn.pipeline import make_pipeline

from benchmarks.peers.time_warping import NearestWarped
from benchmarks.table import Row, print_table
from benchmarks.timing import alternate, cpu_seconds
from benchmarks.utterances import chosen, connected_digits, faster, noisy
from benchmarks.voices import SPEEDS, as_loud
from seqlearn import LSTMClassifier
from seqlearn.datasets import SpokenDigits, fetch_fsdd
from seqlearn.preprocessing import MelFeatures

SEEDS = range(3)
FEATURES: dict[str, Any] = {"mfcc": True, "deltas": True}
SETTINGS: dict[str, Any] = {"max_epochs": 4}
COPIES = 8  # of each recording, each of them varied
HIDDEN = 0.2  # share of the features that a copy does without
BAR, AIM = 0.79, 0.83
N_UTTERANCES, REPEATS = 200, 5
REAL_TIME_BARS = {"all at once": 0.002, "one by one": 0.02}
RECORDINGS: int | None = None  # a number takes so many of each speaker, to try the program


def run() -> dict[str, list[Row]]:
    """Measure both and print a table each."""
    torch.set_num_threads(1)
    results: dict[str, list[Row]] = {}
    for title, measure in (
        ("spoken digits: a speaker left out, accuracy", isolated),
        ("spoken digits: features", features),
    ):
        results[title] = measure()
        print_table(title, results[title])
    return results


def isolated() -> list[Row]:
    """Return how often the network and time warping are right, for each speaker left out."""
    digits = _digits()
    speakers = np.unique(digits.speakers)
    network: dict[str, list[float]] = {}
    warping: dict[str, list[float]] = {}
    seconds, peer_seconds = [], []
    for speaker in speakers:
        heard = chosen(digits, digits.speakers != speaker)
        new = chosen(digits, digits.speakers == speaker)
        network[speaker], warping[speaker] = [], []
        for seed in SEEDS:
            model = make_pipeline(
                MelFeatures(digits.sample_rate, **FEATURES),
                LSTMClassifier(random_state=seed, **SETTINGS),
            )

            def fit(model=model, heard=heard, seed=seed):
                X, y = _varied(heard, model[0], np.random.default_rng(seed))
                model[-1].fit(X, y)  # features learn nothing

            seconds.append(cpu_seconds(fit))
            network[speaker].append(model.score(new.waveforms, new.digits))
        mel = MelFeatures(digits.sample_rate, **FEATURES, hop_seconds=0.02)
        nearest = NearestWarped().fit(mel.transform(heard.waveforms), heard.digits)

        def answer(new=new, mel=mel, nearest=nearest, into=warping[speaker]):
            into.append((nearest.predict(mel.transform(new.waveforms)) == new.digits).mean())

        peer_seconds.append(cpu_seconds(answer))
    return [
        _row("MelFeatures, LSTMClassifier", network, mean(seconds), "a fit"),
        _row("nearest neighbour, time warping", warping, mean(peer_seconds), "500 answers"),
    ]


def _digits() -> SpokenDigits:
    digits = fetch_fsdd()
    if RECORDINGS is None:
        return digits
    rows = [np.flatnonzero(digits.speakers == s) for s in np.unique(digits.speakers)]
    return chosen(digits, np.concatenate([r[:: len(r) // RECORDINGS][:RECORDINGS] for r in rows]))


def _varied(
    heard: SpokenDigits, mel: MelFeatures, rng: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return features and digits of `COPIES` of each recording, of other speed and loudness.

    Of each copy, a share of the features is 0, their mean, from beginning to end.
    """
    copies = [
        noisy(as_loud(faster(waveform, rng.uniform(*SPEEDS)), rng), rng)
        for _ in range(COPIES)
        for waveform in heard.waveforms
    ]
    features = mel.transform(copies)
    for one in features:
        one *= (rng.random(one.shape[1]) >= HIDDEN) / np.float32(1 - HIDDEN)
    return features, np.tile(heard.digits, COPIES)


def _row(by: str, scores: dict[str, list[float]], seconds: float, of: str) -> Row:
    is_ours = "LSTM" in by
    return {
        "by": by,
        "mean": mean(mean(one) for one in scores.values()),
        "at least": BAR if is_ours else "",
        "aim": AIM if is_ours else "",
        **{speaker: mean(one) for speaker, one in scores.items()},
        "CPU s": seconds,
        "of": of,
    }


def features() -> list[Row]:
    """Return the real-time factor of the features, of many utterances and of single ones."""
    digits = _digits()
    waveforms, _ = connected_digits(digits, N_UTTERANCES, np.random.default_rng(0))
    lasts = sum(map(len, waveforms)) / digits.sample_rate
    mel = MelFeatures(digits.sample_rate, **FEATURES)
    timings = alternate(
        {
            "all at once": lambda: cpu_seconds(lambda: mel.transform(waveforms)),
            "one by one": lambda: cpu_seconds(lambda: [mel.transform([one]) for one in waveforms]),
        },
        REPEATS,
    )
    return [
        {
            "utterances": name,
            "real-time factor": timing.median / lasts,
            "at most": REAL_TIME_BARS[name],
            "spread": timing.spread,
            "ms an utterance": 1000 * timing.median / len(waveforms),
        }
        for name, timing in timings.items()
    ]
