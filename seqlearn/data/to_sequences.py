"""From any accepted form of X to `Sequences`: the public door, and cutting off padding.

`to_sequences` takes everything. The estimators use the two steps it is made of, so that they can
convert a large X piece by piece: `unpack` undoes a container (pandas, polars, pyarrow, torch)
without touching the values, `as_sequences` checks and casts the values. Nothing is padded here.
"""

import math
from numbers import Real
from typing import Any

import numpy as np

from seqlearn.data.channels import Channels, channel_labels, channel_names
from seqlearn.data.containers import unpack, unpack_panel
from seqlearn.data.messages import name_rows
from seqlearn.data.sequences import Sequences
from seqlearn.data.targets import read_numbers, unpack_targets
from seqlearn.data.validation import as_sequences
from seqlearn.errors import DataFormatError, InvalidParameterError

__all__ = ["to_sequences"]


def to_sequences(
    X: Any, lengths: Any = None, *, padding: float | None = None, dtype: Any = None
) -> Sequences:
    """Convert any accepted form of sequences to `Sequences`, the container seqlearn works on.

    Parameters
    ----------
    X : object
        One of:

        - array (N, T): N univariate series of T steps, read as (T, 1) each;
        - array or torch tensor (N, T, F), optionally padded (see ``lengths``, ``padding``);
        - frames of video: array or torch tensor (N, T, H, W) or (N, T, H, W, C), or list of N
          clips (T_i, H, W) or (T_i, H, W, C), all frames of one size;
        - list, or any other `collections.abc.Sequence`, of N arrays (T_i, F), or (T_i,) for one
          feature; 1-D object array of them, or (N, F) with a series in each cell;
        - list of N data frames, time x channel (sktime's "df-list");
        - pandas Series of arrays, lists or Series; nested DataFrame, N rows x F channels, a
          series in each cell (sktime's "nested_univ");
        - pandas DataFrame with a MultiIndex (instance, time) (sktime's "pd-multiindex");
        - polars Series or pyarrow array of lists; polars DataFrame or pyarrow Table, one list
          column a channel;
        - `Sequences`.

        sktime's and aeon's "numpy3D" is (N, channel, time): pass ``X.transpose(0, 2, 1)``. A long
        table of events, with a row for each value that was measured, is for `events_to_sequences`.
        Names of channels, strings, are kept in ``channels``.
    lengths : array-like of int, shape (N,), optional
        Valid steps of each sequence; the rest, padding, is cut off. Or X is flat, of shape
        (S, F), all steps one sequence after the other, and the lengths add up to S.
    padding : float, optional
        Cut off the steps at the end of each sequence all of whose features equal this value
        (``np.nan`` included).
    dtype : floating numpy dtype, optional
        Type of the values; what is too large for it becomes infinite. By default floating
        values keep theirs, and uint8 of frames; others become float64.

    Returns
    -------
    Sequences
        NaN and infinity are kept; estimators refuse them.

    Raises
    ------
    DataFormatError
        A form that is not accepted, an empty sequence, mixed feature counts, data frames whose
        columns differ or stand in another order; the rows are named.

    See Also
    --------
    events_to_sequences : Sequences from a long table of events, on a grid of time or not.
    add_static : Add what is known of a whole sequence.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn import to_sequences
    >>> to_sequences([np.zeros((3, 2)), np.zeros((5, 2))])
    <Sequences: N=2, T=3..5, F=2, float64>
    >>> padded = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0]])
    >>> to_sequences(padded, padding=np.nan).lengths
    array([2, 3])
    """
    if dtype is not None and np.dtype(dtype).kind != "f":
        raise DataFormatError(
            f"dtype must be a floating type, such as 'float32', not {np.dtype(dtype)}: a network "
            "computes with nothing else."
        )
    unpacked = unpack(unpack_panel(X))
    sequences, kind = as_sequences(
        unpacked, dtype=dtype, allow_nan=True, allow_inf=True, frames=True, owner="to_sequences"
    )
    if dtype is not None:
        sequences = sequences.astype(dtype)  # frames of uint8 too, undivided
    if lengths is not None:
        labels = channel_labels(X) if kind == "series" else None
        sequences = _apply_lengths(sequences, _read_lengths(lengths), kind == "series", labels)
    if padding is not None:
        if not isinstance(padding, Real):
            raise InvalidParameterError(
                f"padding must be a number, such as 0.0 or np.nan, or None. Got {padding!r}."
            )
        sequences = _cut(sequences, _lengths_before(sequences, float(padding)))
    return sequences


def _read_lengths(lengths: Any) -> np.ndarray:
    """Return integers, (N,), out of any container."""
    given = unpack_targets(lengths, "lengths")
    numbers = read_numbers(given, "lengths")
    kind = np.asarray(list(given)).dtype
    if numbers.ndim != 1 or kind.kind not in "iu":
        raise DataFormatError(
            f"lengths must be integers of shape (N,), not {kind} of shape {numbers.shape}."
        )
    return numbers.astype(np.int64)


def _apply_lengths(
    sequences: Sequences, lengths: np.ndarray, is_matrix: bool, labels: list | None
) -> Sequences:
    """Cut padding off, or cut a flat matrix (S, F), read as S series of F steps, into rows.

    The columns of a flat matrix are channels; ``labels`` are theirs.
    """
    n = len(sequences)
    if len(lengths) == n:
        return _cut(sequences, lengths)
    if is_matrix and lengths.sum() == n and (lengths > 0).all():
        values, names = sequences.values.reshape(n, -1), channel_names(labels)
        channels = None if names is None else Channels(names, (1,) * len(names))
        return Sequences(values, np.concatenate(([0], np.cumsum(lengths))), channels=channels)
    raise DataFormatError(
        f"There are {len(lengths)} lengths that add up to {lengths.sum()}, but X has {n} rows: "
        "pass one length a row, or a flat (S, F) array with positive lengths that add up to S."
    )


def _lengths_before(sequences: Sequences, padding: float) -> np.ndarray:
    """Steps of each sequence before the run of padding at its end."""
    values = sequences.values
    is_padding = np.isnan(values) if math.isnan(padding) else values == padding
    step = np.arange(1, len(values) + 1) - np.repeat(sequences.offsets[:-1], sequences.lengths)
    step[is_padding.all(axis=1)] = 0
    return np.maximum.reduceat(step, sequences.offsets[:-1])


def _cut(sequences: Sequences, lengths: np.ndarray) -> Sequences:
    """Keep the first ``lengths`` steps of each sequence."""
    bad = np.flatnonzero((lengths < 1) | (lengths > sequences.lengths))
    if len(bad):
        i = bad[0]
        raise DataFormatError(
            f"{name_rows(bad)} of X cannot be cut: sequence {i} has {sequences.lengths[i]} steps "
            f"and would keep {lengths[i]}. Every sequence keeps at least one step; drop those that "
            "are all padding, and their targets, first."
        )
    return sequences.cut(lengths)
