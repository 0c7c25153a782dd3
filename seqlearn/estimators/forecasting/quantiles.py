"""Quantiles of forecasts: at levels that the network was not trained for, and calibrated.

Plain arrays, no network. Callers: `seqlearn.estimators.forecasting.windows`.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

__all__ = ["around", "at_levels", "conformal_shifts", "sorted_levels"]

FEW = 50  # held-out errors of one step ahead below which neighbouring steps are pooled


def sorted_levels(quantiles: Sequence[float] | None) -> tuple[float, ...] | None:
    """Return the distinct levels, ascending; None for none.

    Examples
    --------
    >>> sorted_levels([0.9, 0.1, 0.5])
    (0.1, 0.5, 0.9)
    """
    return tuple(sorted({float(level) for level in quantiles})) if quantiles is not None else None


def at_levels(values: np.ndarray, known: Sequence[float], wanted: Sequence[float]) -> np.ndarray:
    """Return quantiles at other levels, linear in the normal distribution's own quantiles.

    Between two known levels that is a normal distribution through both; beyond the outermost
    ones, the normal distribution through the last two goes on.

    Parameters
    ----------
    values : ndarray of shape (..., K)
        Quantiles, ascending.
    known : sequence of K float
        Their levels, ascending; at least two.
    wanted : sequence of Q float
        Levels to return.

    Returns
    -------
    ndarray of shape (..., Q)

    Examples
    --------
    >>> at_levels(np.array([-1.0, 0.0, 1.0]), [0.1, 0.5, 0.9], [0.1, 0.5])
    array([-1.,  0.])
    """
    at, to = ndtri(np.asarray(known)), ndtri(np.asarray(wanted, dtype=np.float64))
    right = np.clip(np.searchsorted(at, to), 1, len(at) - 1)
    left = right - 1
    share = (to - at[left]) / (at[right] - at[left])  # (Q,)
    below, above = values[..., left], values[..., right]
    return np.where(share == 1.0, above, below + share * (above - below))  # known levels exactly


def around(point: np.ndarray, values: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return quantiles such that every interval contains the point forecast.

    Quantiles below the median are at most the point forecast, those above it at least; the median
    stays where it is, and ascending quantiles stay so.

    Parameters
    ----------
    point : ndarray of shape (..., 1)
        Point forecast.
    values : ndarray of shape (..., Q)
        Quantiles.
    levels : sequence of Q float
        Their levels.

    Examples
    --------
    >>> around(np.array([3.0]), np.array([0.0, 1.0, 2.0]), [0.1, 0.5, 0.9])
    array([0., 1., 3.])
    """
    of_value = np.asarray(levels)
    values = np.where(of_value < 0.5, np.minimum(values, point), values)
    return np.where(of_value > 0.5, np.maximum(values, point), values)


def conformal_shifts(errors: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return what makes quantiles cover what they say on held-out windows, (H, Q).

    The shift of a level is the quantile of that level of the errors, with the correction for a
    finite sample that makes it valid for a new window (Romano et al. 2019, "Conformalized quantile
    regression"). Steps ahead with few errors are pooled with their neighbours.

    Parameters
    ----------
    errors : ndarray of shape (M, H, C, Q)
        Observed value minus quantile, NaN where it was missing.
    levels : sequence of Q float
        Levels of the quantiles.
    """
    n_windows, horizon, n_columns, _ = errors.shape
    reach = max(-(-FEW // max(n_windows * n_columns, 1)), 1) // 2
    shifts = np.zeros((horizon, len(levels)))
    for step in range(horizon):
        near = errors[:, max(step - reach, 0) : step + reach + 1]
        for q, level in enumerate(levels):
            found = np.sort(near[..., q][~np.isnan(near[..., q])])
            n = len(found)
            if n > 0:
                place = (np.ceil if level >= 0.5 else np.floor)(level * (n + 1))
                shifts[step, q] = found[min(max(int(place), 1), n) - 1]
    return shifts
