"""Mean and standard deviation of columns: the one rule for every scale of the package.

Values are brought to at most 1 before they are squared. So columns of 1e155 or of 1e-165 have a
standard deviation like all others, and a mean far above the deviation does not round it away.
"""

import warnings
from typing import Any

import numpy as np

from seqlearn.errors import DataFormatError

__all__ = [
    "may_be_lost",
    "mean_and_deviation",
    "or_constant",
    "refuse_drowned",
    "refuse_far",
    "refuse_lost",
    "refuse_too_large",
]

ROUNDING = 10 * np.finfo(np.float64).eps  # of the largest value: what counts as rounding error
ROOM = 0.4  # power of what a dtype holds: squares of such numbers, and their sums, are finite
FEW_STEPS = 256  # of a column that are looked at first
LARGEST = 1e300  # size of a value; sums and differences of a few of them are finite


def or_constant(scale: Any, largest: Any, constant: Any = 1.0) -> np.ndarray:
    """Return the scale of columns, or what stands for it where a column is constant.

    Parameters
    ----------
    scale : array-like of shape (F,)
        Standard deviation or the like, in the units of the values.
    largest : array-like of shape (F,)
        Size of the largest value it was computed from: up to ten of its rounding errors are none.
    constant : array-like of shape (F,), default=1.0
        What a constant column has instead.

    Examples
    --------
    >>> or_constant([1.0, 1e-12, 1e-165], [8e11, 1e5, 1e-165]).tolist()
    [1.0, 1.0, 1e-165]
    """
    scale = np.asarray(scale)
    return np.where(scale > ROUNDING * np.asarray(largest), scale, constant)


def mean_and_deviation(
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
    mean, deviation, largest : ndarray of shape (F,)
        ``or_constant(deviation, largest)`` is a scale to divide by.

    Examples
    --------
    >>> mean, deviation, _ = mean_and_deviation(np.array([[8e11], [8e11 + 2]]))
    >>> (mean - 8e11).tolist(), deviation.tolist()
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
    shares = observed * (1.0 if weights is None else weights[:, None])
    total = np.maximum(shares.sum(axis=0), np.finfo(np.float64).tiny)
    apart = np.where(observed, apart, 0.0)
    shift = (apart * shares).sum(axis=0) / total
    deviation = np.sqrt(((apart - shift) ** 2 * shares).sum(axis=0) / total)
    return middle + shift * unit, deviation * unit, np.maximum(np.abs(low), np.abs(high))


def refuse_drowned(
    values: np.ndarray, dtype: np.dtype, columns: list | range, name: str, remedy: str
) -> None:
    """Raise a DataFormatError if a dtype does not hold how a column varies, squared or as it is.

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
    lost, _, message = _drowned(values, dtype, columns, name, float(np.finfo(dtype).tiny) ** ROOM)
    if lost.any():
        raise DataFormatError(f"{message} {remedy}")


def refuse_lost(
    values: np.ndarray, dtype: np.dtype, name: str, remedy: str, *, is_part: bool
) -> None:
    """Raise a DataFormatError if a dtype does not hold how any column varies.

    A column that is lost beside others that are not is warned of, as a UserWarning: it counts as
    constant.

    Parameters
    ----------
    values, dtype, name, remedy
        As in `refuse_drowned`.
    is_part : bool
        Whether other parts of the data may vary more, so that a warning is enough.
    """
    columns = range(values.shape[1])
    lost, varies, message = _drowned(values, dtype, columns, name, np.finfo(dtype).tiny)
    if lost.any():
        if not is_part and (lost == varies).all():
            raise DataFormatError(f"{message} {remedy}")
        warnings.warn(f"{message} {remedy}", UserWarning, stacklevel=6)


def may_be_lost(values: np.ndarray) -> bool:
    """Whether a column, cast to these values of shape (S, F), is nearly constant in them.

    Only then `refuse_lost` must look at what they were. Some steps mostly tell that it is not. NaN
    is left out.
    """
    some = values[:: len(values) // FEW_STEPS + 1]
    columns = np.flatnonzero(_nearly_constant(np.fmin.reduce(some), np.fmax.reduce(some)))
    own = (values[:, i] for i in columns)
    return any(_nearly_constant(np.fmin.reduce(one), np.fmax.reduce(one)) for one in own)


def _nearly_constant(low: Any, high: Any) -> Any:
    largest = np.maximum(np.abs(low), np.abs(high))
    return high / 2 - low / 2 <= 100 * np.finfo(largest.dtype).eps * largest


def _drowned(
    values: np.ndarray, dtype: np.dtype, columns: list | range, name: str, least: float
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return which columns a dtype does not hold, which vary at all, and words for the first."""
    _, deviation, largest = mean_and_deviation(values)
    varies = or_constant(deviation, largest, 0.0) > 0
    lost = varies & (deviation < np.maximum(np.finfo(dtype).eps * largest, least))
    i = int(lost.argmax())
    return (
        lost,
        varies,
        f"Column {columns[i]!r} of {name} varies by {deviation[i]:.2g} at a size of "
        f"{largest[i]:.2g}, which dtype={np.dtype(dtype).name!r} does not hold.",
    )


def refuse_far(values: np.ndarray, dtype: np.dtype, name: str, told: str = "") -> None:
    """Raise a DataFormatError if the square of a scaled value is too much for a dtype.

    Parameters
    ----------
    values : ndarray
        Values on the scale that `fit` learned; NaN is left out.
    dtype : numpy dtype
        What they will be cast to.
    name, told : str
        What the values are, and what a message says of them besides.
    """
    far = np.nanmax(np.abs(values), initial=0.0)
    most = float(np.finfo(dtype).max) ** ROOM
    if far > most:
        raise DataFormatError(
            f"{name} has a value that is {far:.2g} where those of fit are about 1{told}; up to "
            f"{most:.0e} is accepted with dtype={np.dtype(dtype).name!r}. Look for a wrong value, "
            "or use another unit."
        )


def refuse_too_large(values: np.ndarray, what: str) -> None:
    """Raise a DataFormatError if a number is so large that sums of a few would not be finite."""
    largest = np.nanmax(np.abs(values), initial=0.0)
    if largest > LARGEST:
        raise DataFormatError(
            f"{what} has a value of size {largest:.3g}; up to {LARGEST:g} is accepted. Use "
            "another unit, or leave it out."
        )
