"""What a detector of anomalies is held against: methods on windows, without a network.

Each learns from the first rows of a series and scores every row by the window that ends with it,
higher for what is more abnormal, as `LSTMAnomalyDetector` does. Columns are standardised by the
rows learned from; before a whole window is there, the first row stands for those that are not.
Caller: `benchmarks.anomaly`.
"""

from collections.abc import Callable

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

WINDOW = 32
KEPT_VARIANCE = 0.9  # of the windows, by principal components

Score = Callable[[np.ndarray], np.ndarray]


def isolation_forest(train: np.ndarray, seed: int) -> Score:
    """Isolation forest of 100 trees on windows."""
    windows = _windows_like(train)
    forest = IsolationForest(random_state=seed).fit(windows(train))
    return lambda values: -forest.score_samples(windows(values))


def nearest(train: np.ndarray, seed: int) -> Score:
    """Distance to the nearest window learned from, on the scale of the series."""
    return _nearest(train, _windows_like(train))


def nearest_shape(train: np.ndarray, seed: int) -> Score:
    """The same, every window standardised by itself: of shapes, blind for levels."""
    windows = _windows_like(train)
    return _nearest(train, lambda values: _standardised(windows(values)))


def principal_components(train: np.ndarray, seed: int) -> Score:
    """Squared error of windows made of the principal components that keep 90 % of the variance."""
    windows = _windows_like(train)
    pca = PCA(KEPT_VARIANCE).fit(windows(train))

    def score(values: np.ndarray) -> np.ndarray:
        given = windows(values)
        return ((given - pca.inverse_transform(pca.transform(given))) ** 2).mean(axis=1)

    return score


def random(train: np.ndarray, seed: int) -> Score:
    """Numbers that know nothing."""
    rng = np.random.default_rng(seed)
    return lambda values: rng.random(len(values))


def _windows_like(train: np.ndarray) -> Score:
    """Return what makes windows (T, L) of a series (T,)."""
    centre, scale = train.mean(), max(float(train.std()), 1e-12)

    def windows(values: np.ndarray) -> np.ndarray:
        padded = np.concatenate([np.repeat(values[:1], WINDOW - 1), values])
        return np.lib.stride_tricks.sliding_window_view((padded - centre) / scale, WINDOW)

    return windows


def _nearest(train: np.ndarray, windows: Score) -> Score:
    whole = windows(train)[WINDOW - 1 :]
    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(whole)
    return lambda values: index.kneighbors(windows(values))[0][:, 0]


def _standardised(windows: np.ndarray) -> np.ndarray:
    deviation = windows.std(axis=1, keepdims=True)
    return (windows - windows.mean(axis=1, keepdims=True)) / np.maximum(deviation, 1e-3)
