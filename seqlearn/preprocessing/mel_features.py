"""`MelFeatures`: waveforms become sequences of log mel energies or cepstral coefficients.

Recordings are cut into windows, blocks of them at a time, so that memory grows with the features
and not with the waveforms. NumPy and SciPy alone compute, on one thread.
"""

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal

from seqlearn.data.containers import objects_of
from seqlearn.data.sequences import Sequences
from seqlearn.parameter_checks import boolean, check_parameters, integer, number, refuse
from seqlearn.preprocessing.mel_bank import mel_bank
from seqlearn.preprocessing.normalizer import standardize
from seqlearn.preprocessing.stateless import StatelessTransformer
from seqlearn.preprocessing.waveforms import as_float, read_waveforms

__all__ = ["MelFeatures"]

WINDOWS = {"hann": scipy.signal.windows.hann, "hamming": scipy.signal.windows.hamming}
SCALES = ("htk", "slaney")
BLOCK = 1024  # windows that are computed at once, 1 MB: they stay in the processor's cache
ABOVE_0 = number("(0, inf)", said="a number above 0, in seconds")
CHECKS = {
    "sample_rate": number("[1, inf)", said="samples a second, a number of 1 or more"),
    "window_seconds": ABOVE_0,
    "hop_seconds": ABOVE_0,
    "pre_emphasis": number("[0, 1]", said="a number from 0 to 1"),
    "floor": number("[1e-30, 1]", said="a number from 1e-30 to 1"),
    "n_mels": integer(1, said="an integer of 1 or more"),
    "n_mfcc": integer(1, said="an integer of 1 or more"),
    "mfcc": boolean,
}
REACH = 2  # steps to each side that a delta is computed from


class MelFeatures(StatelessTransformer):
    """Turn waveforms into log energies of mel bands, or into cepstral coefficients (MFCC).

    A waveform is cut into windows that overlap; each becomes a step. Its power spectrum is
    summed in ``n_mels`` bands whose widths grow with frequency as the ear's do, and the logarithm
    is taken. With ``mfcc=True`` a cosine transform follows. Samples behind the last whole window
    are left out: a recording of S samples has ``1 + (S - window) // hop`` steps.

    Nothing is learned, so `transform` needs no `fit`, and a recording's features depend on that
    recording alone. Put a `SequenceScaler` behind it where ``normalize=None``.

    Parameters
    ----------
    sample_rate : int or float
        Samples a second of all waveforms. There is no default: of a wrong one, every feature is
        wrong.
    n_mels : int, default=40
        Bands.
    f_min : float, default=20.0
        Where the lowest band begins, in hertz.
    f_max : float or None, default=None
        Where the highest band ends, in hertz, at most half of ``sample_rate``. None is that half.
    window_seconds : float, default=0.025
        Length of a window.
    hop_seconds : float, default=0.010
        From the beginning of a window to that of the next.
    window : {"hann", "hamming"}, default="hann"
        What a window is multiplied by before its spectrum is taken, in the periodic form.
    pre_emphasis : float, default=0.97
        Share of the sample before that is subtracted from each sample of a window, which lifts
        high frequencies; from 0, which changes nothing, to 1.
    mel_scale : {"htk", "slaney"}, default="htk"
        From hertz to mel: "htk": 2595 log10(1 + f / 700); "slaney": linear up to 1000 Hz,
        logarithmic above, as in the Auditory Toolbox.
    floor : float, default=1e-10
        What energies are raised to before the logarithm, so that digital silence has one.
    mfcc : bool, default=False
        Whether to return ``n_mfcc`` cepstral coefficients, the orthonormal cosine transform of
        type II of the log energies, in their place. The first one is the loudness.
    n_mfcc : int, default=13
        Coefficients that are kept, at most ``n_mels``. Without meaning if ``mfcc=False``.
    deltas : bool or {0, 1, 2}, default=False
        1, or True: append how each feature changes, its slope over five steps; 2: that of these
        slopes too.
    normalize : {"utterance"} or None, default="utterance"
        "utterance": mean 0 and standard deviation 1 of each feature over each recording, which
        takes loudness and microphone out; what is constant, as in digital silence, becomes 0.

    See Also
    --------
    seqlearn.datasets.read_wav : Reads a waveform and its sample rate.
    SequenceNormalizer : The same normalization of any sequences.

    Notes
    -----
    Spectra are of the least power of two of samples that holds a window, with zeros behind it. A
    band is a triangle of height 1 on the mel scale, the ends of which are the middles of its
    neighbours. Slopes are those of the least squares, at the ends with the first and last step
    repeated. Integers are scaled so that the largest of their type is 1: int16 is divided by
    32,768, int32 by 2 to the power of 31, and uint8 is what wav files of 8 bits hold, 128 for
    silence. Floats are taken as they are.

    References
    ----------
    Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word
    recognition in continuously spoken sentences" (1980). Young et al., "The HTK book" (2006),
    chapter 5. Slaney, "Auditory Toolbox" (1998).

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.preprocessing import MelFeatures
    >>> time = np.arange(4000) / 8000
    >>> tones = [np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 880 * time[:2000])]
    >>> mel = MelFeatures(8000, n_mels=20, normalize=None)
    >>> features = mel.transform(tones)
    >>> [sequence.shape for sequence in features]
    [(48, 20), (23, 20)]
    >>> [int(sequence.mean(axis=0).argmax()) for sequence in features]
    [4, 8]
    >>> MelFeatures(8000, mfcc=True, deltas=True).transform(tones)[0].shape
    (48, 26)
    """

    def __init__(
        self,
        sample_rate: float,
        *,
        n_mels: int = 40,
        f_min: float = 20.0,
        f_max: float | None = None,
        window_seconds: float = 0.025,
        hop_seconds: float = 0.010,
        window: str = "hann",
        pre_emphasis: float = 0.97,
        mel_scale: str = "htk",
        floor: float = 1e-10,
        mfcc: bool = False,
        n_mfcc: int = 13,
        deltas: bool | int = False,
        normalize: str | None = "utterance",
    ):
        self.sample_rate = sample_rate
        self.n_mels = n_mels
        self.f_min = f_min
        self.f_max = f_max
        self.window_seconds = window_seconds
        self.hop_seconds = hop_seconds
        self.window = window
        self.pre_emphasis = pre_emphasis
        self.mel_scale = mel_scale
        self.floor = floor
        self.mfcc = mfcc
        self.n_mfcc = n_mfcc
        self.deltas = deltas
        self.normalize = normalize

    def fit(self, X: Any, y: Any = None) -> "MelFeatures":
        """Check the parameters and the waveforms; nothing is learned.

        Parameters
        ----------
        X : list of N arrays of shape (T_i,), or array of shape (N, T)
            Waveforms.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            A parameter is not one of those accepted.
        DataFormatError
            X is not as above, or a waveform is shorter than a window or holds NaN.
        """
        self._check()
        self._bank()
        read_waveforms(X, self._n_window, type(self).__name__)
        return self

    def transform(self, X: Any) -> Any:
        """Return the features of each waveform.

        Parameters
        ----------
        X : list of N arrays of shape (T_i,), or array of shape (N, T)
            Waveforms; (T_i, 1) is one too.

        Returns
        -------
        list of N arrays of shape (T_i, F), or array of shape (N, T, F), float32
            An array for an array (N, T), an array of objects or `Sequences` for such, else a list.
            F is ``n_mels`` or ``n_mfcc``, and with deltas that times 2 or 3.

        Raises
        ------
        InvalidParameterError
            A parameter is not one of those accepted.
        DataFormatError
            X is not as above, or a waveform is shorter than a window or holds NaN.
        """
        self._check()
        waveforms = read_waveforms(X, self._n_window, type(self).__name__)
        hop = self._n_hop
        counts = [1 + (len(waveform) - self._n_window) // hop for waveform in waveforms]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        n_static = self.n_mfcc if self.mfcc else self.n_mels
        order = int(self.deltas)
        values = np.empty((offsets[-1], n_static * (1 + order)), dtype=np.float32)
        bank = self._bank()
        done = 0
        for samples, starts in _blocks(waveforms, counts, self._n_window, hop):
            log_mel = self._log_mel(samples, starts, bank)  # (B, n_mels)
            if self.mfcc:
                log_mel = scipy.fft.dct(log_mel, norm="ortho", axis=1, workers=1)
            values[done : done + len(starts), :n_static] = log_mel[:, :n_static]
            done += len(starts)
        for i in range(order):
            before = values[:, i * n_static : (i + 1) * n_static]
            values[:, (i + 1) * n_static : (i + 2) * n_static] = _slopes(before, offsets)
        features = Sequences(values, offsets)
        if self.normalize == "utterance":
            features = features.replace_values(standardize(features).astype(np.float32))
        return _like(X, features)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the values of a step.

        Parameters
        ----------
        input_features : None
            Ignored: a waveform has one.

        Returns
        -------
        ndarray of str
            ``mel0``, or ``mfcc0``, and so on; ``delta_mfcc0`` and ``delta2_mfcc0`` of slopes.
        """
        self._check()
        count, name = (self.n_mfcc, "mfcc") if self.mfcc else (self.n_mels, "mel")
        prefixes = ("", "delta_", "delta2_")[: 1 + int(self.deltas)]
        return np.array([f"{p}{name}{i}" for p in prefixes for i in range(count)], dtype=object)

    @property
    def _n_window(self) -> int:
        """Samples of a window."""
        return round(self.window_seconds * self.sample_rate)

    @property
    def _n_hop(self) -> int:
        return round(self.hop_seconds * self.sample_rate)

    @property
    def _n_fft(self) -> int:
        return 1 << (self._n_window - 1).bit_length()

    def _bank(self) -> Any:
        """Return the bands, (n_mels, n_fft // 2 + 1); every one must hold a frequency."""
        n_fft = self._n_fft
        bank = mel_bank(self.n_mels, n_fft, self.sample_rate, *self._edges(), self.mel_scale)
        empty = int((np.diff(bank.indptr) == 0).sum())
        if empty:
            refuse(
                self,
                "n_mels",
                f"so few that each band holds a frequency of the spectrum, which has one every "
                f"{self.sample_rate / n_fft:g} Hz; {empty} of them hold none (or make "
                "window_seconds longer)",
            )
        return bank

    def _edges(self) -> tuple[float, float]:
        return self.f_min, self.sample_rate / 2 if self.f_max is None else self.f_max

    def _log_mel(self, samples: np.ndarray, starts: np.ndarray, bank: Any) -> np.ndarray:
        """Return the log energies of the windows that begin at ``starts``, (B, n_mels)."""
        n_window = self._n_window
        frames = np.lib.stride_tricks.sliding_window_view(samples, n_window)[starts]  # (B, W)
        shape = WINDOWS[self.window](n_window, sym=False).astype(np.float32)
        weighted = frames * shape
        if self.pre_emphasis:
            lost = np.float32(self.pre_emphasis) * shape
            weighted[:, 1:] -= frames[:, :-1] * lost[1:]
            weighted[:, 0] -= frames[:, 0] * lost[0]
        spectrum = scipy.fft.rfft(weighted, self._n_fft, axis=1, workers=1)
        power = spectrum.real**2 + spectrum.imag**2
        # A sparse product: most of the bank is zero, and BLAS would take all cores for it.
        energies = np.ascontiguousarray((bank @ power.T).T)
        return np.log(np.maximum(energies, np.float32(self.floor)))

    def _check(self) -> None:
        """Check every parameter."""
        check_parameters(self, CHECKS)
        half = self.sample_rate / 2
        where = f"a frequency in hertz from 0 to {half:g}, half of sample_rate"
        f_min = number(f"[0, {half}]", said=where)
        f_max = number(f"[0, {half}]", None, said=f"{where}, or None")
        check_parameters(self, {"f_min": f_min, "f_max": f_max})
        if self.f_min >= self._edges()[1]:
            refuse(self, "f_min", f"below f_max, {self._edges()[1]:g} Hz")
        for name, accepted in (("window", tuple(WINDOWS)), ("mel_scale", SCALES)):
            value = getattr(self, name)
            if not isinstance(value, str) or value not in accepted:
                refuse(self, name, f"one of {accepted}")
        if self.normalize is not None and (
            not isinstance(self.normalize, str) or self.normalize != "utterance"
        ):
            refuse(self, "normalize", "'utterance' or None")
        if self.mfcc and self.n_mfcc > self.n_mels:
            refuse(self, "n_mfcc", f"at most n_mels, {self.n_mels}")
        if not isinstance(self.deltas, bool | np.bool_ | Integral) or self.deltas not in (0, 1, 2):
            refuse(self, "deltas", "False, True or one of 0, 1, 2")
        if self._n_window < 2:
            refuse(self, "window_seconds", f"two samples or more at {self.sample_rate:g} a second")
        if self._n_hop < 1:
            refuse(self, "hop_seconds", f"a sample or more at {self.sample_rate:g} a second")


def _blocks(
    waveforms: list[np.ndarray], counts: list[int], n_window: int, hop: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield samples, and where windows begin in them, of `BLOCK` windows at most at a time.

    Short recordings are joined, long ones cut.
    """
    pieces: list[np.ndarray] = []
    starts: list[np.ndarray] = []
    n_samples = n_windows = 0
    for waveform, count in zip(waveforms, counts, strict=True):
        first = 0
        while first < count:
            many = min(count - first, BLOCK - n_windows)
            begin = first * hop
            piece = as_float(waveform[begin : begin + (many - 1) * hop + n_window])
            pieces.append(piece)
            starts.append(n_samples + hop * np.arange(many))
            n_samples, n_windows, first = n_samples + len(piece), n_windows + many, first + many
            if n_windows == BLOCK:
                yield np.concatenate(pieces), np.concatenate(starts)
                pieces, starts, n_samples, n_windows = [], [], 0, 0
    if pieces:
        yield np.concatenate(pieces), np.concatenate(starts)


def _slopes(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the slope of each column over five steps, within each sequence, (S, F)."""
    lengths = offsets[1:] - offsets[:-1]
    first, last = np.repeat(offsets[:-1], lengths), np.repeat(offsets[1:] - 1, lengths)
    here = np.arange(len(values))
    total = np.zeros_like(values)
    for n in range(1, REACH + 1):
        later, earlier = np.minimum(here + n, last), np.maximum(here - n, first)
        total += n * (values[later] - values[earlier])
    return total / (2 * sum(n * n for n in range(1, REACH + 1)))


def _like(X: Any, features: Sequences) -> Any:
    """Return the features in the kind of container of X: an array or Sequences for such."""
    if isinstance(X, Sequences):
        return features
    rows = list(features)
    if isinstance(X, np.ndarray) and X.dtype != object:
        return features.values.reshape(len(rows), -1, features.n_features)
    return objects_of(rows) if isinstance(X, np.ndarray) else rows
