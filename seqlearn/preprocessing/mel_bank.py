"""The mel scale, and the bands that spectra are summed in on it."""

from typing import Any

import numpy as np
import scipy.sparse

__all__ = ["hertz_to_mel", "mel_bank"]

LINEAR = 200 / 3  # Slaney's scale: hertz a mel below 1000 Hz
BREAK = 1000.0 / LINEAR  # mel of 1000 Hz
LOG_STEP = np.log(6.4) / 27  # above it, the logarithm of frequency a mel


def hertz_to_mel(hertz: Any, scale: str) -> np.ndarray:
    """Return frequencies on the mel scale "htk" or "slaney".

    Examples
    --------
    >>> hertz_to_mel([0.0, 1000.0], "htk").round(2).tolist()
    [0.0, 999.99]
    >>> hertz_to_mel([0.0, 1000.0, 6400.0], "slaney").round(2).tolist()
    [0.0, 15.0, 42.0]
    """
    hertz = np.asarray(hertz, dtype=np.float64)
    if scale == "htk":
        return 2595 * np.log10(1 + hertz / 700)
    above = BREAK + np.log(np.maximum(hertz, 1000.0) / 1000) / LOG_STEP
    return np.where(hertz < 1000, hertz / LINEAR, above)


def mel_bank(
    n_mels: int, n_fft: int, sample_rate: float, f_min: float, f_max: float, scale: str
) -> scipy.sparse.csr_array:
    """Return how much of each frequency of a spectrum goes into each band.

    Bands are triangles of height 1 on the mel scale, their middles equally far apart on it.

    Returns
    -------
    sparse array of shape (n_mels, n_fft // 2 + 1), float32

    Examples
    --------
    >>> mel_bank(2, 16, 8000, 0, 4000, "htk").toarray().round(1)
    array([[0. , 0.8, 0.6, 0.2, 0. , 0. , 0. , 0. , 0. ],
           [0. , 0. , 0.4, 0.8, 0.9, 0.6, 0.4, 0.2, 0. ]], dtype=float32)
    """
    low, high = hertz_to_mel([f_min, f_max], scale)
    step = (high - low) / (n_mels + 1)
    middles = low + step * np.arange(1, n_mels + 1)
    mels = hertz_to_mel(np.fft.rfftfreq(n_fft, 1 / sample_rate), scale)
    weights = np.maximum(1 - np.abs(mels - middles[:, None]) / step, 0)
    return scipy.sparse.csr_array(weights.astype(np.float32))
