"""From log-probabilities of steps to answers: the strings said, and where their symbols stand.

Values are log-probabilities of blank and symbols, (S, C + 1), of all rows one after the other;
codes of symbols count from 1.
"""

from collections.abc import Iterator

import numpy as np

from seqlearn.estimators.transcription.knowledge import Knowledge
from seqlearn.modules.ctc_paths import STEPS_KEPT, align, likeliest
from seqlearn.modules.prefix_beam import Found, prefix_beam

__all__ = ["greedy", "placed", "searched"]

ROWS_AT_ONCE, MOST_BYTES = 256, 1 << 25
BYTES_A_STEP = 512  # of a row, about


def greedy(values: np.ndarray, n_steps: np.ndarray) -> list[np.ndarray]:
    """Return what the likeliest path of each row says."""
    codes, counts = likeliest(values.argmax(axis=1), n_steps)
    return np.split(codes, np.cumsum(counts)[:-1])


def searched(
    values: np.ndarray,
    n_steps: np.ndarray,
    beam_width: int,
    n_best: int = 1,
    knowledge: Knowledge | None = None,
) -> list[Found]:
    """Return the likeliest strings of each row; see `prefix_beam`."""
    found: list = [None] * len(n_steps)
    for rows in _groups(n_steps, n_steps * BYTES_A_STEP):
        own = prefix_beam(
            _padded(values, n_steps, rows),
            n_steps[rows],
            beam_width=max(beam_width, n_best),
            n_best=n_best,
            scorer=knowledge,
        )
        for row, one in zip(rows.tolist(), own, strict=True):
            if knowledge is not None and not np.isfinite(one.scores[0]):
                # No string that was kept may end where it does.
                one = Found([knowledge.finished(one.codes[0])], one.scores)
            found[row] = one
    return found


def placed(
    values: np.ndarray, n_steps: np.ndarray, strings: list[np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the first step of each symbol, and the one after its last; see `align`."""
    counts = np.fromiter(map(len, strings), np.int64, len(strings))
    found: list = [None] * len(strings)
    known_at_once = np.minimum(n_steps, STEPS_KEPT) * (2 * counts + 1)
    costs = np.maximum(known_at_once, n_steps * BYTES_A_STEP)
    for rows in _groups(n_steps, costs):
        codes = np.zeros((len(rows), int(counts[rows].max())), np.int64)
        for i, row in enumerate(rows.tolist()):
            codes[i, : counts[row]] = strings[row]
        starts, ends = align(_padded(values, n_steps, rows), n_steps[rows], codes, counts[rows])
        for i, row in enumerate(rows.tolist()):
            found[row] = starts[i, : counts[row]], ends[i, : counts[row]]
    return found


def _groups(n_steps: np.ndarray, costs: np.ndarray) -> Iterator[np.ndarray]:
    """Yield row numbers of rows of like length, not more than fit into memory."""
    order = np.argsort(n_steps, kind="stable")
    largest = np.maximum.accumulate(costs[order])
    first = 0
    for i, cost in enumerate(largest.tolist()):
        if i > first and ((i + 1 - first) * cost > MOST_BYTES or i - first == ROWS_AT_ONCE):
            yield order[first:i]
            first = i
    if first < len(order):
        yield order[first:]


def _padded(values: np.ndarray, n_steps: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the steps of some rows, padded by zeros, (B, T, C + 1)."""
    starts = np.cumsum(n_steps) - n_steps
    step = np.arange(n_steps[rows].max())
    is_step = step < n_steps[rows][:, None]
    found = np.zeros((*is_step.shape, values.shape[1]), values.dtype)
    found[is_step] = values[(starts[rows][:, None] + step)[is_step]]
    return found
