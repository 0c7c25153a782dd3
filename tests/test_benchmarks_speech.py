"""The parts of the benchmarks of speech and handwriting: what is drawn, and the old recogniser."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks import spoken_digits
from benchmarks.peers.time_warping import NearestWarped, distances
from benchmarks.utterances import chosen, connected_digits, faster, in_words, pen_strings
from benchmarks.voices import GAINS, likeliest, other_gain, other_voices
from seqlearn.datasets import PenDigits, SpokenDigits
from seqlearn.preprocessing import MelFeatures

RATE = 1000


@pytest.fixture
def recordings():
    """Twenty recordings of two speakers: digit d of speaker s is d + 10 s throughout."""
    digits, speakers = np.tile(np.arange(10), 2), np.repeat(["a", "b"], 10)
    waveforms = [np.full(50 + 5 * i, i + 1, dtype=np.float32) for i in range(20)]
    return SpokenDigits(waveforms, digits, speakers, np.zeros(20, dtype=int), RATE)


def test_utterances_are_digits_of_one_speaker_with_pauses(recordings):
    waveforms, texts = connected_digits(recordings, 60, np.random.default_rng(0))
    speakers = set()
    for waveform, text in zip(waveforms, texts, strict=True):
        assert waveform.dtype == np.float32 and 3 <= len(text) <= 7
        loud = np.abs(waveform) > 0.1
        edges = np.flatnonzero(np.diff(loud.astype(int))) + 1
        runs = np.split(waveform, edges)
        assert len(runs) == 2 * len(text) + 1  # pauses before, between and behind
        assert all(50 <= len(pause) <= 300 for pause in runs[::2])
        assert np.concatenate(runs[::2]).std() == pytest.approx(1e-3, rel=0.2)
        own = [(len(run) - 50) // 5 for run in runs[1::2]]
        gains = {
            round(float(run.mean()) / (i + 1), 2) for run, i in zip(runs[1::2], own, strict=True)
        }
        assert max(gains) - min(gains) <= 0.011 and 0.69 <= min(gains) <= 1.41
        assert [i % 10 for i in own] == [int(digit) for digit in text]
        assert len({i // 10 for i in own}) == 1
        speakers.add(own[0] // 10)
    assert speakers == {0, 1} and set(map(len, texts)) == set(range(3, 8))
    again, _ = connected_digits(recordings, 60, np.random.default_rng(0))
    assert all(map(np.array_equal, waveforms, again))
    assert in_words(["70", "1"]) == ["seven zero", "one"]
    only = chosen(recordings, recordings.speakers == "b")
    assert set(only.speakers) == {"b"} and len(only.waveforms) == 10


def test_faster_is_shorter_and_higher():
    time = np.arange(2000) / RATE
    tone = np.sin(2 * np.pi * 50 * time).astype(np.float32)
    fast = faster(tone, 1.25)
    assert fast.dtype == np.float32 and len(fast) == 1600
    spectrum = np.abs(np.fft.rfft(fast))
    assert np.fft.rfftfreq(1600, 1 / RATE)[spectrum.argmax()] == pytest.approx(62.5)
    assert np.array_equal(faster(tone, 1.0), tone)


def test_other_loudness_leaves_the_noise_as_it_is(recordings):
    rng = np.random.default_rng(0)
    gains = [other_gain(rng) for _ in range(400)]
    assert GAINS[0] <= min(gains) and max(gains) <= GAINS[1]
    assert abs(np.median(np.log(gains))) < 0.5  # as often quieter as louder
    louder, _ = connected_digits(recordings, 3, np.random.default_rng(0), gain=lambda _: 100.0)
    assert all(np.abs(one[:50]).max() < 0.01 for one in louder)  # a pause, and noise of it
    assert all(np.abs(one).max() > 90 for one in louder)


def test_other_voices_are_of_other_throats_and_tempos():
    mel = MelFeatures(8000, n_mels=20, f_min=60.0, f_max=3600.0, normalize=None)
    tone = np.sin(2 * np.pi * 1500 * np.arange(8000) / 8000).astype(np.float32)
    voices = other_voices(mel, [tone] * 600, np.random.default_rng(0))
    (own,) = mel.transform([tone])
    steps = np.array([len(voice) for voice in voices]) / len(own)
    assert 0.74 < steps.min() < 0.85 and 1.2 < steps.max() < 1.35
    bands = np.array([voice.mean(axis=0).argmax() for voice in voices])
    band = own.mean(axis=0).argmax()
    assert bands.min() < band < bands.max()
    assert all(len(set(steps[i : i + 30])) == 1 for i in range(0, 600, 30))
    assert all(voice.shape[1] == 20 and voice.dtype == np.float32 for voice in voices)
    assert mel.f_min == 60.0  # its own settings stay


class Transcriber:
    """Says how high the loudest band is, and believes it the more, the closer it is to one."""

    def __init__(self, wanted):
        self.wanted = wanted

    def predict_n_best(self, X, n, return_scores):
        assert n == 1 and return_scores
        bands = [int(one.mean(axis=0).argmax()) for one in X]
        return [[str(b)] for b in bands], [np.array([-abs(b - self.wanted)]) for b in bands]


def test_the_likeliest_throat_is_one_for_each_utterance():
    mel = MelFeatures(8000, n_mels=40, f_min=60.0, f_max=3600.0, normalize=None)
    time = np.arange(4000) / 8000
    tones = [np.sin(2 * np.pi * hertz * time).astype(np.float32) for hertz in (1400, 1500, 1600)]
    own = [int(one.mean(axis=0).argmax()) for one in mel.transform(tones)]
    assert len(set(own)) == 3
    said = likeliest(mel, Transcriber(own[1]), tones)  # bands move, so that all are where it is
    assert max(abs(int(band) - own[1]) for band in said) <= 1
    assert said[1] == str(own[1])


def test_pen_strings_are_digits_side_by_side():
    rng = np.random.default_rng(0)
    digits = PenDigits(rng.uniform(0, 100, size=(40, 8, 2)), np.arange(40) % 10)
    paths, strings = pen_strings(digits, 30, rng)
    for strokes, text in zip(paths, strings, strict=True):
        assert 3 <= len(text) == len(strokes) <= 7
        for before, stroke in pairwise(strokes):
            assert stroke[:, 0].min() == pytest.approx(before[:, 0].max() + 20)
        for stroke, digit in zip(strokes, text, strict=True):
            known = digits.paths - digits.paths[:, :, :1].min(axis=1, keepdims=True) * [1, 0]
            moved = stroke - [stroke[:, 0].min(), 0]
            same = np.isclose(known, moved).all(axis=(1, 2))
            assert digits.digits[same.argmax()] == int(digit) and same.any()


def warped(a, b):
    """The distance by the table, cell by cell."""
    table = np.full((len(a) + 1, len(b) + 1), np.inf)
    table[0, 0] = 0
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            best = min(table[i, j], table[i + 1, j], table[i, j + 1])
            table[i + 1, j + 1] = np.linalg.norm(x - y) + best
    return table[-1, -1] / (len(a) + len(b))


def test_warped_distances_are_those_of_a_table():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 3)) for n in (1, 4, 7, 2, 9)]
    steps = np.zeros((9, 5, 3))
    for i, x in enumerate(X):
        steps[: len(x), i] = x
    for x in X:
        expected = [warped(x, other) for other in X]
        found = distances(x, steps, np.array(list(map(len, X))))
        np.testing.assert_allclose(found, expected, atol=1e-3)
    nearest = NearestWarped().fit(X, np.arange(5))
    assert nearest.predict([np.repeat(x, 2, axis=0) for x in X]).tolist() == list(range(5))


def test_spoken_digits_on_little(recordings, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    waveforms = [rng.normal(size=one.size).astype(np.float32) for one in recordings.waveforms]
    monkeypatch.setattr(
        spoken_digits, "fetch_fsdd", lambda: recordings._replace(waveforms=waveforms)
    )
    monkeypatch.setattr(spoken_digits, "SEEDS", range(1))
    monkeypatch.setattr(spoken_digits, "SETTINGS", {"max_epochs": 1, "hidden_size": 3})
    monkeypatch.setattr(spoken_digits, "FEATURES", {"n_mels": 3})
    monkeypatch.setattr(spoken_digits, "RECORDINGS", 5)
    monkeypatch.setattr(spoken_digits, "N_UTTERANCES", 4)
    digits, features = spoken_digits.run().values()
    assert digits[0]["by"] == "MelFeatures, LSTMClassifier"
    assert all(0 <= row[name] <= 1 for row in digits for name in ("mean", "a", "b"))
    assert all(row["real-time factor"] > 0 for row in features)
    assert "spoken digits: features" in capsys.readouterr().out
