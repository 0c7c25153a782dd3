"""Level and spread of columns: the one rule by which every scale of the package is taken.

Values are brought to at most 1 before they are squared, so that columns of 1e155 or 1e-165 have
a spread as all others do, and a level far above the spread does not drown it. Callers: scalers,
the targets of the regressor, the encoder's features and the forecaster's series.
"""

from typing import Any

import numpy as np

from seqlearn.errors import DataFormatError

__all__ = ["ROOM", "mean_and_spread", "or_constant", "refuse_drowned", "refuse_too_large"]

ROUNDING = 10 * np.finfo(np.float64).eps  # of the largest value: what counts as rounding error
ROOM = 0.4  # power of what a dtype holds: squares of such numbers, and their sums, are finite
LARGEST = 1e300  # size of a value; sums and differences of a few of them are finite


def or_constant(spread: Any, largest: Any, constant: Any = 1.0) -> np.ndarray:
    """Return the spread, or what stands for that of a constant column.

    Parameters
    ----------
    spread : array-like of shape (F,)
        A measure of it, in the units of the values.
    largest : array-like of shape (F,)
        Size of the largest value it was computed from: up to ten of its rounding errors are none.
    constant : array-like of shape (F,), default=1.0
        What a constant column has instead.

    Examples
    --------
    >>> or_constant([1.0, 1e-12, 1e-165], [8e11, 1e5, 1e-165]).tolist()
    [1.0, 1.0, 1e-165]
    """
    spread = np.asarray(spread)
    return np.where(spread > ROUNDING * np.asarray(largest), spread, constant)


def mean_and_spread(
    values: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, standard deviation and largest size of each column.

    Parameters
    ----------
    values : ndarray of shape (S, F), float64
        NaN is left out; a column of nothing else has mean, deviation and size 0.
    weights : ndarray of shape (S,), optional
        Weight of each row; those of weight 0 are left out.

    Returns
    -------
    mean, spread, largest : ndarray of shape (F,)
        ``or_constant(spread, largest)`` is a scale to divide by.

    Examples
    --------
    >>> mean, spread, _ = mean_and_spread(np.array([[8e11], [8e11 + 2]]))
    >>> (mean - 8e11).tolist(), spread.tolist()
    ([1.0], [1.0])
    """
    if weights is not None and not weights.all():
        values, weights = values[weights != 0], weights[weights != 0]
    observed = ~np.isnan(values)
    low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    low, high = np.nan_to_num(low, nan=0.0), np.nan_to_num(high, nan=0.0)
    middle = low / 2 + high / 2  # first, so that no sum of large numbers rounds small ones away
    size = np.maximum(high - middle, middle - low)
    unit = np.where(size > 0, size, 1.0)
    apart = (values - middle) / unit
    if weights is None and observed.all():
        shift = apart.mean(axis=0)
        spread = np.sqrt(((apart - shift) ** 2).mean(axis=0))
    else:
        shares = observed * (1.0 if weights is None else weights[:, None])
        total = np.maximum(shares.sum(axis=0), np.finfo(np.float64).tiny)
        apart = np.where(observed, apart, 0.0)
        shift = (apart * shares).sum(axis=0) / total
        spread = np.sqrt(((apart - shift) ** 2 * shares).sum(axis=0) / total)
    return middle + shift * unit, spread * unit, np.maximum(np.abs(low), np.abs(high))


def refuse_drowned(
    values: np.ndarray, dtype: np.dtype, columns: list | range, name: str, remedy: str
) -> None:
    """Raise a DataFormatError if a dtype does not hold how a column varies, as it is.

    Parameters
    ----------
    values : ndarray of shape (S, F), float64
    dtype : numpy dtype
        What they will be cast to.
    columns : list or range
        Names of the columns, for messages.
    name, remedy : str
        What the values are, and what to do.
    """
    _, spread, largest = mean_and_spread(values)
    limits = np.finfo(dtype)
    least = np.maximum(limits.eps * largest, float(limits.tiny) ** ROOM)
    drowned = or_constant(spread, largest, np.inf) < least
    if drowned.any():
        i = int(drowned.argmax())
        raise DataFormatError(
            f"Column {columns[i]!r} of {name} varies by {spread[i]:.2g} at a size of "
            f"{largest[i]:.2g}, which dtype={dtype.name!r} does not hold. {remedy}"
        )


def refuse_too_large(values: np.ndarray, what: str) -> None:
    """Raise a DataFormatError if a number is so large that sums of a few would not be finite."""
    largest = np.nanmax(np.abs(values), initial=0.0)
    if largest > LARGEST:
        raise DataFormatError(
            f"{what} has a value of size {largest:.3g}; up to {LARGEST:g} is accepted. Use "
            "another unit, or leave it out."
        )
