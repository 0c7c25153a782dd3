"""The canonical training set: equal rows merged, their weights added, rows in a fixed order.

Gradient descent with Adam amplifies differences in the last digit, so a weight of 2 and a row
given twice would end in visibly different models although their losses are equal on paper. Making
both the *same* training set is the only exact way. It also makes ``fit`` independent of the order
of rows.
"""

import math
from hashlib import blake2b
from itertools import pairwise

import numpy as np

from seqlearn.data.sequences import Sequences

__all__ = ["merge_rows"]


def merge_rows(
    sequences: Sequences, targets: np.ndarray | Sequences, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Drop rows of weight 0, merge equal rows, order rows by their hash.

    Rows are equal if their sequences and targets are, bit for bit; 0.0 and -0.0 are not. The
    weight of merged rows is their exact sum, rounded once: it depends on no order, and one row of
    weight ``n * w`` is the same as n rows of weight ``w``.

    Parameters
    ----------
    sequences : Sequences
        N sequences; they are read, not copied.
    targets : ndarray of shape (N, ...) or Sequences
        One target a row, or a sequence of codes.
    weights : ndarray of shape (N,)
        Non-negative, not all zero.

    Returns
    -------
    rows : ndarray of shape (M,), int
        Numbers of the M <= N distinct rows.
    weights : ndarray of shape (M,), float64
        Their added weights.
    """
    kept = np.flatnonzero(weights > 0)
    digests = _digests(sequences, targets, kept)  # (M', 2)
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    kept, digests = kept[order], digests[order]
    is_first = np.append(True, (digests[1:] != digests[:-1]).any(axis=1))
    edges = np.append(np.flatnonzero(is_first), len(kept)).tolist()
    added = weights[kept].astype(np.float64).tolist()
    merged = np.array([math.fsum(added[a:b]) for a, b in pairwise(edges)])  # (M,)
    return kept[is_first], merged


def _digests(sequences: Sequences, targets: np.ndarray | Sequences, rows: np.ndarray) -> np.ndarray:
    """Hash the values and the target of each row to two integers, 128 bits."""
    if sequences.dictionary is not None:  # codes that other rows have no part in
        present = np.zeros(len(sequences.dictionary), dtype=bool)
        present[sequences.take(rows).values[:, 0]] = True
        ranks = np.cumsum(present) - 1
        sequences = sequences.replace_values(ranks[sequences.values])
    if not isinstance(targets, Sequences):
        flat = np.ascontiguousarray(targets).reshape(len(targets), -1)
        targets = Sequences(flat, np.arange(len(flat) + 1))
    both = (np.ascontiguousarray(one.values) for one in (sequences, targets))
    values, marks = (one.view(np.uint8).data for one in both)
    offsets, ends = sequences.offsets.tolist(), targets.offsets.tolist()
    digests = []
    for i in rows.tolist():
        digest = blake2b(values[offsets[i] : offsets[i + 1]], digest_size=16)
        digest.update(marks[ends[i] : ends[i + 1]])
        digests.append(digest.digest())
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64).reshape(-1, 2)
