"""The benchmark of transcription on made-up recordings: what is cut, what stands in its tables."""

import numpy as np
import pytest

from benchmarks import transcription
from seqlearn.datasets import PenDigits, SpokenDigits

RATE = 8000


def tone(pitch, n):
    return (0.5 * np.sin(pitch * np.arange(n) / RATE * 2 * np.pi)).astype(np.float32)


@pytest.fixture
def digits():
    """Ten pairs of tones by each of three voices, five times."""
    rows = [
        (speaker, digit, index) for speaker in "abc" for digit in range(10) for index in range(5)
    ]
    waves = [
        np.concatenate([tone(300 + 300 * digit, 900 + 40 * index), tone(3000 - 250 * digit, 900)])
        for _, digit, index in rows
    ]
    speakers, numbers, indices = map(np.array, zip(*rows, strict=True))
    return SpokenDigits(waves, numbers, speakers, indices, RATE)


def test_sounds_are_cut_at_pauses():
    quiet = np.zeros(800, np.float32)
    waveform = np.concatenate([quiet, tone(400, 1600), quiet, tone(600, 2400), quiet[:80]])
    parts = transcription._between_pauses(waveform, RATE)
    assert [len(part) for part in parts] == [1600, 2400]
    assert transcription._between_pauses(quiet, RATE) == []


def test_points_do_not_know_where_and_how_large_a_digit_was():
    paths = np.random.default_rng(0).uniform(0, 100, size=(3, 8, 2))
    points = transcription._points(paths)
    assert points.shape == (3, 16) and points.min() == 0 and points.max() == 1
    np.testing.assert_allclose(transcription._points(3 * paths + 5), points)


@pytest.mark.slow
def test_all_tables_are_made(digits, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    shapes = rng.uniform(0, 100, size=(10, 8, 2))
    pens = PenDigits(np.tile(shapes, (3, 1, 1)), np.tile(np.arange(10), 3))
    tiny = {"stack": 3, "max_epochs": 1, "hidden_size": 4}
    monkeypatch.setattr(transcription, "fetch_fsdd", lambda part=None: digits)
    monkeypatch.setattr(transcription, "fetch_pendigits", lambda part: pens)
    monkeypatch.setattr(transcription, "SEEDS", range(2))
    monkeypatch.setattr(transcription, "SCALE", 0.01)
    monkeypatch.setattr(
        transcription, "TASKS", {name: (n, tiny) for name, (n, _) in transcription.TASKS.items()}
    )
    results = transcription.run()
    assert len(results) == 5 and "real-time factor" in capsys.readouterr().out
    spoken, real_time, left_out, letters, strokes = results.values()
    warped = next(row for row in spoken if row["by"] == "pauses, time warping")
    assert warped["error %"] < 20  # tones are told apart
    assert {"a", "b", "c"} < left_out[0].keys()
    assert strokes[1]["error %"] == 0
    for rows in (spoken, left_out, letters, strokes):
        assert rows[0]["lowest"] <= rows[0]["error %"] <= rows[0]["highest"]
    assert [row["utterances"] for row in real_time] == ["all at once", "one by one"]
