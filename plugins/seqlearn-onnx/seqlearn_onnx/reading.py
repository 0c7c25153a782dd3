"""From what a user has to batches as a graph takes them: values (N, T, F) and lengths (N,).

X is read and refused as the estimators of seqlearn do it, by the same functions. That takes longer
than a small network, so plain arrays have a shorter way that gives the same.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from seqlearn.data.channels import take_rows
from seqlearn.data.input_record import read_X
from seqlearn.data.labels import RowNumbers
from seqlearn.data.sequences import Sequences
from seqlearn.data.validation import has_steps
from seqlearn_onnx.description import Description

__all__ = ["batches", "full_lengths", "plain_batch", "read_filled", "read_sequences"]

FEW_VALUES = 1 << 13  # for which NumPy's product takes one thread
MOST_SQUARED = 1e76  # sum of squares of values that float32 holds
MOST_VALUES = 1 << 22  # of one batch
MOST_ROWS = 512


def plain_batch(X: Any, known: Description, dtype: Any) -> np.ndarray | None:
    """Return a small X as a batch of full rows if its type says that it is one, else None.

    That is an array (N, T, F), a list of one array (T, F), or, if X was 2-D in ``fit``, an array
    (N, T), of finite floats. For all others there is `read_sequences`, which says what is wrong.
    """
    record = known.input
    is_series = record.kind == "series"
    if type(X) is list and len(X) == 1 and not is_series:
        X = X[0]
        if type(X) is not np.ndarray or X.ndim != 2:
            return None
        X = X[None]
    if type(X) is not np.ndarray or X.dtype.kind != "f" or not 0 < X.size <= FEW_VALUES:
        return None
    if is_series and X.ndim == 2 and X.shape[1] == record.n_features:
        X = X[:, :, None]
    elif is_series:
        return None
    if X.ndim != 3 or X.shape[2] != known.width or record.names is not None:
        return None
    # One product tells of NaN and infinity, and of what float32 does not hold; it warns of nothing.
    return X.astype(dtype, copy=False) if float(np.vdot(X, X)) < MOST_SQUARED else None


@lru_cache(maxsize=256)
def full_lengths(n_rows: int, n_steps: int) -> np.ndarray:
    """Return the lengths of rows that all have so many steps; to be read alone."""
    lengths = np.full(n_rows, n_steps, np.int64)
    lengths.setflags(write=False)
    return lengths


def read_sequences(owner: Any, X: Any, known: Description, dtype: Any, first: Any = 0) -> Sequences:
    """Read an unpacked X of any accepted kind, as the exported estimator does.

    Parameters
    ----------
    owner : estimator
        Who asks; its ``n_features_in_`` and ``feature_names_in_`` are those of ``fit``.
    X : object
        What `seqlearn.data.containers.unpack` returned.
    known : Description
        Of the file.
    dtype : numpy dtype
        What the graph takes.
    first : int or RowNumbers
        Number of the first row, for messages.

    Returns
    -------
    Sequences
        Of words, their codes (S, 1). A row of no words has one step, of the unknown word.
    """
    is_words = known.words is not None
    sequences, _ = read_X(
        owner,
        X,
        known.input,
        dtype=None if is_words else dtype,
        first=first,
        discrete=is_words,
        may_be_empty=True,
    )
    if not is_words:
        return sequences
    codes = _codes(known, sequences.dictionary.words)
    values, offsets = codes[sequences.values[:, 0]], sequences.offsets
    empty = sequences.lengths == 0
    if empty.any():
        values = np.insert(values, offsets[:-1][empty], 0)
        offsets = np.concatenate(([0], np.cumsum(np.maximum(sequences.lengths, 1))))
    return Sequences(values[:, None], offsets)


def read_filled(
    owner: Any, X: Any, known: Description, dtype: Any
) -> tuple[Sequences | None, np.ndarray | slice, int | None]:
    """Read an unpacked X; of a list, rows without steps are left out.

    Returns the others, which they are, and N.
    ``Sequences`` is None if no row has a step; N is None of an X that is no list.
    """
    if not isinstance(X, list):
        return read_sequences(owner, X, known, dtype), slice(None), None
    kept = np.flatnonzero([has_steps(row) for row in X])
    if not len(kept):
        return None, kept, len(X)
    if len(kept) == len(X):
        return read_sequences(owner, X, known, dtype), kept, len(X)
    rows = take_rows(X, kept.tolist())
    return read_sequences(owner, rows, known, dtype, RowNumbers(kept)), kept, len(X)


def batches(sequences: Sequences) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield numbers of rows, their values (B, T, F) and lengths (B,); like lengths run together.

    Padded steps repeat the last one of a row.
    """
    lengths, width = sequences.lengths, sequences.n_features
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        n_steps = int(lengths[order[start]])
        size = min(max(MOST_VALUES // (n_steps * width), 1), MOST_ROWS)
        rows = order[start : start + size]
        own = lengths[rows]
        steps = np.minimum(np.arange(n_steps), own[:, None] - 1)  # (B, T)
        yield rows, sequences.values[steps + sequences.offsets[rows][:, None]], own
        start += size


def _codes(known: Description, words: list[str]) -> np.ndarray:
    """Return the code of each word, (W,), as the estimator's own encoding has it."""
    vocabulary, extra = known.words, known.extra
    assert vocabulary is not None
    codes = vocabulary.encode(words)
    if extra:
        for i in np.flatnonzero(codes == 0).tolist():
            form = vocabulary.normalise(words[i])
            codes[i] = extra.get(form, extra.get(form.lower(), 0))
    return codes
