"""What a transcriber's network says of each step, of recordings of any length.

A recording longer than a chunk is read in chunks that overlap; of each the middle is kept, whose
steps have seen enough on both sides. Chunks begin where a step of the core does.
"""

from typing import Any

import numpy as np

from seqlearn.data.sequences import Sequences
from seqlearn.training.prediction import predict

__all__ = ["log_probabilities"]


def log_probabilities(
    net: Any, sequences: Sequences, stack: int, chunk: int | None, overlap: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities of blank and symbols, row after row, and the steps of each row.

    Parameters
    ----------
    net : SequenceNet
        Whose head is a `CTCHead`.
    sequences : Sequences
        N rows.
    stack : int
        Frames of a step of the core.
    chunk : int or None
        Most frames that are read at once; None reads rows whole.
    overlap : int
        Frames read besides on either side of what is kept of a chunk.

    Returns
    -------
    values : ndarray of shape (S', C + 1)
    n_steps : ndarray of shape (N,)
    """
    n_steps = -(-sequences.lengths // stack)
    if chunk is None or not len(sequences) or sequences.lengths.max() <= chunk:
        return predict(net, sequences), n_steps
    around = -(-overlap // stack)  # in steps of the core
    kept = max(chunk // stack - 2 * around, 1)
    n_chunks = np.where(sequences.lengths <= chunk, 1, -(-n_steps // kept))
    row = np.repeat(np.arange(len(sequences)), n_chunks)
    number = np.arange(len(row)) - np.repeat(np.cumsum(n_chunks) - n_chunks, n_chunks)
    is_whole = n_chunks[row] == 1
    first = np.where(is_whole, 0, number * kept)  # what is kept of each
    last = np.where(is_whole, n_steps[row], np.minimum(first + kept, n_steps[row]))
    begin, end = np.maximum(first - around, 0), np.minimum(last + around, n_steps[row])
    lengths = np.minimum(end * stack, sequences.lengths[row]) - begin * stack
    starts = sequences.offsets[row] + begin * stack
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    frames = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    values = predict(net, Sequences(sequences.values[frames], offsets))
    edges = np.cumsum(end - begin) - (end - begin)
    step = np.arange(len(values)) - np.repeat(edges, end - begin) + np.repeat(begin, end - begin)
    is_kept = (step >= np.repeat(first, end - begin)) & (step < np.repeat(last, end - begin))
    return values[is_kept], n_steps
