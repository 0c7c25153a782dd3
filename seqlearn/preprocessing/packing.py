"""Changing the steps of sequences, whatever they are packed in: the work of every transformer here.

What comes back is the kind of container that went in. `SequenceScaler` and `SequenceNormalizer`
call this; reading and checking X is the business of `seqlearn.data`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from seqlearn.data.conversion import unpack
from seqlearn.data.fitted import read_X
from seqlearn.data.sequences import Sequences

__all__ = ["change_steps"]


def change_steps(estimator: Any, X: Any, change: Callable[[Sequences], np.ndarray]) -> Any:
    """Check X against the X of ``fit``, change its steps, and pack the result as X was.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    X : object
        Sequences in any container.
    change : callable
        Takes `Sequences` and returns their new values, (S, F).
    """
    unpacked = unpack(X)
    sequences, kind = read_X(estimator, unpacked, reset=False)
    values = change(sequences).astype(sequences.dtype, copy=False)  # (S, F)
    changed = sequences.replace_values(values)
    if isinstance(X, Sequences):
        return changed
    if isinstance(unpacked, list) and kind == "sequences":
        arrays = list(changed)
        if np.ndim(unpacked[0]) == 1:
            arrays = [array[:, 0] for array in arrays]
        if not isinstance(X, np.ndarray):
            return arrays
        packed = np.empty(len(arrays), dtype=object)
        packed[:] = arrays
        return packed
    if kind == "series":
        return values.reshape(len(sequences), -1)  # (N, T)
    return values.reshape(np.shape(unpacked))  # (N, T, F)
