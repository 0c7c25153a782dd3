"""Utterances to transcribe, joined from single digits: spoken, of FSDD, or written, of PenDigits.

What is drawn hangs on the generator alone: `numpy.random.default_rng(SEED)` is a test set. Callers:
the benchmarks of speech and handwriting.
"""

from collections.abc import Callable, Sequence

import numpy as np

from seqlearn.datasets import PenDigits, SpokenDigits

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LENGTHS = (3, 7)  # digits of an utterance
PAUSES = (0.05, 0.3)  # seconds before, between and behind them
GAINS = (0.7, 1.4)
NOISE = 1e-3  # standard deviation of white noise
GAP = 20.0  # between two written digits, in units of a hundredth of their width
Strokes = list[np.ndarray]


def chosen(recordings: SpokenDigits, rows: np.ndarray) -> SpokenDigits:
    """Return some of the recordings: ``rows`` is a mask, or numbers."""
    numbers = np.arange(len(recordings.digits))[rows]
    return SpokenDigits(
        [recordings.waveforms[i] for i in numbers],
        recordings.digits[numbers],
        recordings.speakers[numbers],
        recordings.indices[numbers],
        recordings.sample_rate,
    )


def connected_digits(
    recordings: SpokenDigits,
    n: int,
    rng: np.random.Generator,
    speeds: tuple[float, float] = (1.0, 1.0),
    gain: Callable[[np.random.Generator], float] = lambda rng: rng.uniform(*GAINS),
) -> tuple[list[np.ndarray], list[str]]:
    """Draw utterances of 3 to 7 digits of one speaker.

    Parameters
    ----------
    recordings : SpokenDigits
        Speakers are equally likely, and so are the recordings of one.
    n : int
        How many.
    rng : numpy.random.Generator
        Where chance comes from.
    speeds : (low, high)
        How much faster an utterance is than it was recorded, and higher its voice.
    gain : callable
        From a generator, how much louder an utterance is than recorded; by default 0.7 to 1.4.
        The noise is always as loud.

    Returns
    -------
    waveforms : list of N arrays of shape (T_i,), float32
        Digits with pauses of 50 to 300 ms before, between and behind, louder or quieter by a
        common factor, in white noise.
    texts : list of N str
        Their digits, such as "72".
    """
    by_speaker = [np.flatnonzero(recordings.speakers == s) for s in np.unique(recordings.speakers)]
    waveforms, texts = [], []
    for _ in range(n):
        own = by_speaker[rng.integers(len(by_speaker))]
        rows = rng.choice(own, rng.integers(LENGTHS[0], LENGTHS[1] + 1))
        speed = rng.uniform(*speeds)
        digits = [faster(recordings.waveforms[i], speed) for i in rows]
        waveforms.append(_joined(digits, recordings.sample_rate, rng, gain))
        texts.append("".join(map(str, recordings.digits[rows])))
    return waveforms, texts


def in_words(texts: Sequence[str]) -> list[str]:
    """Return digits as they are spelled: "72" as "seven two"."""
    return [" ".join(NAMES[int(digit)] for digit in text) for text in texts]


def faster(waveform: np.ndarray, speed: float) -> np.ndarray:
    """Return a waveform as it is played ``speed`` times as fast, voice and all, float32."""
    if speed == 1.0:
        return waveform
    at = np.arange(int((len(waveform) - 1) / speed) + 1) * speed
    return np.interp(at, np.arange(len(waveform)), waveform).astype(np.float32)


def _joined(
    digits: list[np.ndarray],
    rate: int,
    rng: np.random.Generator,
    gain: Callable[[np.random.Generator], float],
) -> np.ndarray:
    seconds = rng.uniform(*PAUSES, len(digits) + 1)
    pauses = [np.zeros(round(one * rate), dtype=np.float32) for one in seconds]
    parts = [pauses[0]]
    for digit, pause in zip(digits, pauses[1:], strict=True):
        parts += [digit, pause]
    return noisy(np.concatenate(parts) * np.float32(gain(rng)), rng)


def noisy(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a waveform in white noise."""
    return waveform + rng.normal(0.0, NOISE, len(waveform)).astype(np.float32)


def pen_strings(
    digits: PenDigits, n: int, rng: np.random.Generator
) -> tuple[list[Strokes], list[str]]:
    """Draw strings of 3 to 7 written digits, laid side by side, the pen lifted between them.

    Returns
    -------
    paths : list of N lists of strokes of shape (8, 2)
        A stroke for each digit, none overlapping the next.
    strings : list of N str
        Their digits, such as "72".
    """
    paths, strings = [], []
    for _ in range(n):
        rows = rng.integers(len(digits.digits), size=rng.integers(LENGTHS[0], LENGTHS[1] + 1))
        strokes: Strokes = []
        right = 0.0
        for i in rows:
            stroke = digits.paths[i] + [right - digits.paths[i, :, 0].min(), 0.0]
            right = stroke[:, 0].max() + GAP
            strokes.append(stroke)
        paths.append(strokes)
        strings.append("".join(map(str, digits.digits[rows])))
    return paths, strings
