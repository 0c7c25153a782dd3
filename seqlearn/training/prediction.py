"""Prediction: what a trained net says of data of any kind, batch by batch or all at once.

A batch is as large as memory and caches allow; the answer for a row does not depend on it, see
`seqlearn.modules.row_blocks`. Estimators call `predict`; what it gives is in the network's own
scale and codes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from seqlearn.data.batches import (
    SequenceDataset,
    as_numbers,
    as_tensor,
    length_batches,
    unless_full,
)
from seqlearn.data.sequences import Sequences
from seqlearn.training.kernel_gradients import THREAD_MULTIPLY_ADDS, multiply_adds

__all__ = ["predict"]


def predict(
    net: Any,
    data: Any,
    *,
    encode: bool = False,
    n_rows: int | None = None,
    **reading: Any,
) -> np.ndarray:
    """Return what the head reads from its outputs for all rows, in the order given.

    Parameters
    ----------
    net : SequenceNet
        A trained one.
    data : Sequences, or a dataset with ``lengths`` and batches by row numbers
        N rows of S steps in all.
    encode : bool, default=False
        Return instead what the encoder gives, (N, D).
    n_rows : int, optional
        Rows at once, at most; by default as many as are fastest.
    **reading
        Options of the head's ``read``.

    Returns
    -------
    ndarray of shape (N, ...), or (S, ...) of a head that reads steps: those that the core takes
    """
    net.evaluate()
    lengths, n = data.lengths, len(data.lengths)
    result: Any = None
    if n_rows is None:
        n_rows = 1 if n == 1 else net.rows_at_once(n, int(lengths.max()))
    if isinstance(data, Sequences):
        if net.plain is not None and not reading and net.plain.holds():
            return _by_kernels(net, data, lengths, n_rows, encode)
        data = SequenceDataset(data, device=net.device, dtype=getattr(torch, net.dtype))
    per_step = net.module_.head.reads_steps and not encode
    own = net.module_.n_steps(lengths) if per_step else lengths  # steps of the core
    starts: Any = np.cumsum(own) - own if per_step else None
    for rows, batch in _batches(net, data, lengths, n_rows, encode, reading):
        if not per_step and len(rows) == n:
            return batch
        if per_step:
            step = np.arange(batch.shape[1])
            is_step = step < own[rows][:, None]  # (B, T)
            rows, batch = (starts[rows][:, None] + step)[is_step], batch[is_step]
        if result is None:
            n_results = int(own.sum()) if per_step else n
            result = np.empty((n_results, *batch.shape[1:]), batch.dtype)
        result[rows] = batch
    return result


def _batches(
    net: Any,
    data: Any,
    lengths: np.ndarray,
    n_rows: int,
    encode: bool,
    reading: dict[str, Any],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield row numbers and what is read of them, batch by batch, in evaluation.

    Rows of like length run together. A batch that a card has no memory for runs in halves.
    """
    n, module = len(lengths), net.module_

    def run(given: np.ndarray | None) -> np.ndarray:
        inputs = data.inputs(given)
        of_batch = inputs["x"], unless_full(inputs["lengths"])
        if encode:
            return module.encode(*of_batch).cpu().numpy()
        return module.head.read(module(*of_batch), **reading).cpu().numpy()

    batches: list[Any] = [None] if n == n_rows else length_batches(lengths, n_rows)[::-1]
    while batches:
        given = batches.pop()
        rows = np.arange(n) if given is None else given
        try:
            with net.on_cpu(len(rows)), torch.inference_mode():
                batch = run(given)
        except torch.OutOfMemoryError:
            if len(rows) == 1:
                raise
            batches += [rows[len(rows) // 2 :], rows[: len(rows) // 2]]
            continue
        yield rows, batch


def _by_kernels(
    net: Any, sequences: Sequences, lengths: np.ndarray, n_rows: int, encode: bool
) -> np.ndarray:
    """Return what `predict` does, for a network that is an encoder and a linear head.

    Without modules, which take as long as a small network. Batches are computed at once where there
    are threads for it; they are smaller where a thread would have nothing to do.
    """
    n, plain, linear = len(lengths), net.plain, net.module_.head.linear

    def run(x: torch.Tensor, own_lengths: torch.Tensor | None) -> np.ndarray:
        with torch.inference_mode():
            vectors = plain.vectors(x, own_lengths)  # (B, D)
            return (vectors if encode else linear.in_blocks(vectors)).numpy()

    def run_rows(rows: np.ndarray) -> np.ndarray:
        inputs = dataset.inputs(rows)
        return run(inputs["x"], unless_full(inputs["lengths"]))

    with net.on_cpu(n_rows) as threads:
        if n == 1:
            return run(as_numbers(as_tensor(sequences.values), torch.float32)[None], None)
        n_multiply_adds = multiply_adds(plain, len(sequences.values), sequences.n_features)
        if n_multiply_adds > 3 * THREAD_MULTIPLY_ADDS:  # training computes three times as much
            n_rows = min(n_rows, -(-n // threads.number))
        dataset = SequenceDataset(sequences, dtype=torch.float32)
        batches = length_batches(lengths, n_rows)
        result = np.empty((n, linear.in_features if encode else linear.out_features), np.float32)
        for rows, own in zip(batches, threads.map(run_rows, batches), strict=True):
            result[rows] = own
    return result
