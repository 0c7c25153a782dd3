"""Repeating the last season or value, and the measures of M4, one of which is scaled by it.

Every other forecast has to beat this one. The forecasting benchmark is the caller.
"""

import numpy as np


def seasonal_naive(past: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Repeat the last season of each series.

    Parameters
    ----------
    past : ndarray of shape (..., T)
        At least `season` steps.
    season : int
        1 repeats the last value.
    horizon : int
        Steps ahead, H.

    Returns
    -------
    ndarray of shape (..., H)
    """
    if past.shape[-1] < season:
        raise ValueError(f"past has {past.shape[-1]} steps, but a season of {season} is repeated.")
    return past[..., past.shape[-1] - season + np.arange(horizon) % season]


def smape(true: np.ndarray, predicted: np.ndarray) -> float:
    """Symmetric mean absolute percentage error as the M4 competition defines it, 0 to 200."""
    return float(200 * np.mean(np.abs(true - predicted) / (np.abs(true) + np.abs(predicted))))


def mase(true: np.ndarray, predicted: np.ndarray, past: np.ndarray, season: int) -> float:
    """Mean absolute error over that, within the past, of the value one season before."""
    scale = np.mean(np.abs(past[season:] - past[:-season]))
    return float(np.mean(np.abs(true - predicted)) / scale)


def mape(true: np.ndarray, predicted: np.ndarray) -> float:
    """Mean absolute error as a share of the true values."""
    return float(np.mean(np.abs((true - predicted) / true)))
