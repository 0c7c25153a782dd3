"""Long rows read in pieces: how likely each of their symbols is, and the states at them.

A long row is read in pieces, all at once: each begins from the state that the piece before it
ended with when the pieces were last read, and is read again where that state has changed. A
recurrent net forgets, so two or three readings of 64 rows take the place of one of single steps;
and whatever the pieces are, they end in the answer of a reading from beginning to end.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqlearn.data.batches import length_batches
from seqlearn.data.text_chunks import TextDataset, cut
from seqlearn.states import map_rows, select_rows

__all__ = ["last_states", "log_likelihoods", "states"]

PIECE = 256  # steps
SAME = 1e-5  # the most by which a state may differ from one that counts as equal


def log_likelihoods(net: Any, texts: TextDataset) -> np.ndarray:
    """Return the log-likelihood of the target of each step, row after row, (S,)."""

    def run(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        outputs, state = net.module_.run(x, None, state)
        return net.module_.head.read(outputs), state

    return _over_pieces(net, texts, run)


def states(net: Any, texts: TextDataset) -> np.ndarray:
    """Return what the core says at each step, row after row, (S, D)."""
    return _over_pieces(net, texts, partial(_encoded, net.module_))


def last_states(net: Any, texts: TextDataset) -> np.ndarray:
    """Return what the core says at the last step of each row, (N, D); no row is empty."""
    return _over_pieces(net, texts, partial(_encoded, net.module_), last=True)


def _encoded(module: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    values, _, _ = module.read(x, None)
    return module.encoder(values, None, state, keep_steps=True)


def _over_pieces(net: Any, texts: TextDataset, run: Callable, last: bool = False) -> np.ndarray:
    """Return what ``run`` gives for each step; it takes rows (B, T, 2) and a state, or None.

    ``last`` keeps that of the last step of each row alone.
    """
    net.evaluate()
    first = np.cumsum(texts.lengths) - texts.lengths  # of each row among all steps
    row, begin, lengths = cut(texts.lengths, PIECE)
    starts, places = texts.starts[row] + begin, first[row] + begin
    is_last = begin + lengths == texts.lengths[row]
    continues = np.flatnonzero(begin > 0)  # pieces that have one before them
    result: Any = None
    before: Any = None  # the state that each piece began with when it was last read
    after: Any = None  # and the one it ended with
    todo = np.arange(len(row))
    while len(todo):
        for rows in _batches(net, todo, lengths):
            inputs, _ = texts.gather(starts[rows], lengths[rows], None)
            own = None if before is None else select_rows(before, torch.as_tensor(rows))
            with net.on_cpu(len(rows)), torch.inference_mode():
                answer, state = run(inputs["x"], own)
            answer = answer.cpu().numpy()
            if result is None:
                n_kept = len(texts) if last else int(texts.lengths.sum())
                result = np.zeros((n_kept, *answer.shape[2:]), answer.dtype)
            if last:
                at = np.flatnonzero(is_last[rows])
                result[row[rows[at]]] = answer[at, lengths[rows[at]] - 1]
            else:
                step = np.arange(answer.shape[1])
                is_step = step < lengths[rows][:, None]
                result[(places[rows][:, None] + step)[is_step]] = answer[is_step]
            if len(continues):
                if after is None:
                    after = map_rows(lambda one: one.new_zeros(len(row), *one.shape[1:]), state)
                index = torch.as_tensor(rows)
                map_rows(lambda all_, one, at=index: _put(all_, at, one), after, state)
        if not len(continues):
            break
        if before is None:
            before = map_rows(torch.zeros_like, after)
        todo = _changed(before, after, continues)
    return np.zeros(0, np.float32) if result is None else result


def _put(all_: Tensor, at: Tensor, one: Tensor) -> None:
    all_[at.to(all_.device)] = one


def _changed(before: Any, after: Any, continues: np.ndarray) -> np.ndarray:
    """Set the state before each piece to that after the one before it; return which changed."""
    index = torch.as_tensor(continues)
    changed = torch.zeros(len(continues), dtype=torch.bool)

    def step(old: Tensor, new: Tensor) -> None:
        nonlocal changed
        at = index.to(old.device)
        is_now, was = new[at - 1], old[at]
        changed = changed | ((is_now - was).abs() > SAME).flatten(1).any(dim=1).cpu()
        old[at] = is_now

    with torch.inference_mode():
        map_rows(step, before, after)
    return continues[changed.numpy()]


def _batches(net: Any, todo: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
    n_rows = net.rows_at_once(len(todo), int(lengths[todo].max()))
    return (todo[rows] for rows in length_batches(lengths[todo], n_rows))
