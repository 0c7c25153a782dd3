"""Voices that nobody recorded: utterances louder or quieter, of other throats and other tempos.

A network that heard one or two speakers takes for digits what is theirs alone. So that it hears
others, recordings are varied in what speakers and their microphones differ in. Callers: the
benchmarks of speech.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from seqlearn import LSTMTranscriber
from seqlearn.preprocessing import MelFeatures

GAINS = (0.1, 10.0)  # how much louder than recorded; noise that is added later stays
LOUDNESS = (0.004, 0.1)  # root mean square of a recording, before noise is added
SPEEDS = (0.8, 1.25)  # how much faster than recorded, voice and all
THROATS = (0.85, 1.11)  # what all frequencies of an utterance are divided by, but not its tempo
TEMPOS = (0.75, 1.33)  # how much slower it is spoken, its frequencies as they were
F_MIN, F_MAX = 60.0, 3600.0  # so that the highest band of a shorter throat is in the recording
READ_AS = (0.88, 0.94, 1.0, 1.06, 1.11)  # throats that an utterance is read as of
TOGETHER = 30  # utterances that share a throat and a tempo, which is faster than one by one


def drawn(rng: np.random.Generator, between: tuple[float, float]) -> float:
    """Return a factor between two others, the logarithm of which is drawn evenly."""
    return float(np.exp(rng.uniform(*np.log(between))))


def other_gain(rng: np.random.Generator) -> float:
    """Return how much louder an utterance is to be than it was recorded."""
    return drawn(rng, GAINS)


def as_loud(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a waveform at another loudness: its root mean square is drawn between two.

    Examples
    --------
    >>> loud = as_loud(np.full(5, 0.5, dtype=np.float32), np.random.default_rng(0))
    >>> 0.004 <= float(np.sqrt((loud**2).mean())) <= 0.1
    True
    """
    power = np.sqrt((waveform**2).mean())
    return waveform * np.float32(drawn(rng, LOUDNESS) / power)


def other_voices(
    mel: MelFeatures, waveforms: Sequence[np.ndarray], rng: np.random.Generator
) -> list[Any]:
    """Return features of waveforms, as if other throats had said them at other tempos.

    The bands of ``mel`` are moved up or down (vocal tract length perturbation, Jaitly and Hinton
    2013), and its windows lie closer together or further apart. Pitch moves with the throat.

    Parameters
    ----------
    mel : MelFeatures
        How features are computed otherwise.
    waveforms : list of N arrays of shape (T_i,)
        Thirty after another are varied alike.
    rng : numpy.random.Generator
        Where chance comes from.

    Returns
    -------
    list of N arrays of shape (T_i, F), float32
    """
    features: list[Any] = []
    for first in range(0, len(waveforms), TOGETHER):
        other = _of_throat(mel, drawn(rng, THROATS))
        other.set_params(hop_seconds=mel.hop_seconds / drawn(rng, TEMPOS))
        features += other.transform(list(waveforms[first : first + TOGETHER]))
    return features


def likeliest(
    mel: MelFeatures, transcriber: LSTMTranscriber, waveforms: Sequence[np.ndarray]
) -> list[str]:
    """Return what waveforms say, each read as of the throat of which the answer is likeliest.

    This is vocal tract length normalisation (Lee and Rose 1996), without a word of who speaks.
    """
    found = []
    for throat in READ_AS:
        X = _of_throat(mel, throat).transform(list(waveforms))
        answers, scores = transcriber.predict_n_best(X, 1, return_scores=True)
        found.append([(own[0], best[0]) for own, best in zip(scores, answers, strict=True)])
    return [max(of_throats)[1] for of_throats in zip(*found, strict=True)]


def _of_throat(mel: MelFeatures, throat: float) -> MelFeatures:
    """Return features of bands that are moved up by a factor."""
    top = min(mel.f_max * throat, mel.sample_rate / 2)
    return clone(mel).set_params(f_min=mel.f_min * throat, f_max=top)
