"""The nearest neighbour under dynamic time warping: what speech was recognised with before.

The distance of two sequences is the least mean of Euclidean distances of their steps along a path
that goes on in either or both; see Sakoe and Chiba (1978). All neighbours of a length are compared
at once. Caller: `benchmarks.spoken_digits`.
"""

from collections.abc import Sequence

import numpy as np

BUCKETS = 6  # of neighbours by length: they are padded to the longest of theirs


class NearestWarped:
    """Answers with the class of the nearest training sequence."""

    def fit(self, X: Sequence[np.ndarray], y: np.ndarray) -> "NearestWarped":
        """Keep sequences of shape (T_i, F) and their classes."""
        order = np.argsort(list(map(len, X)), kind="stable")
        self.buckets_ = []
        for rows in np.array_split(order, min(BUCKETS, len(X))):
            lengths = np.array([len(X[i]) for i in rows])
            steps = np.zeros((lengths.max(), len(rows), X[0].shape[1]), dtype=np.float32)
            for place, i in enumerate(rows):
                steps[: lengths[place], place] = X[i]
            self.buckets_.append((steps, lengths, np.asarray(y)[rows]))
        return self

    def predict(self, X: Sequence[np.ndarray]) -> np.ndarray:
        """Return one class for each sequence."""
        answers = []
        for row in X:
            found = [(distances(row, s, n), y) for s, n, y in self.buckets_]
            nearest, y = (np.concatenate(parts) for parts in zip(*found, strict=True))
            answers.append(y[nearest.argmin()])
        return np.array(answers)


def distances(row: np.ndarray, steps: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the distance of a sequence (T, F) to N padded ones, (R, N, F), by diagonals."""
    T, (R, N, F) = len(row), steps.shape
    flat = steps.reshape(-1, F)
    squares = (row**2).sum(axis=1)[:, None] + (flat**2).sum(axis=1) - 2 * row @ flat.T
    cost = np.sqrt(np.maximum(squares, 0)).reshape(T, R, N)
    before = np.full((T + 1, N), np.inf, dtype=np.float32)  # row i + 1: at step i of the sequence
    last = before.copy()
    ends = np.empty((T + R - 1, N), dtype=np.float32)
    for diagonal in range(T + R - 1):
        i = np.arange(max(0, diagonal - R + 1), min(T, diagonal + 1))
        reached = np.minimum(np.minimum(last[i + 1], last[i]), before[i])
        if diagonal == 0:
            reached = np.zeros_like(reached)
        now = np.full_like(last, np.inf)
        now[i + 1] = cost[i, diagonal - i] + reached
        before, last = last, now
        ends[diagonal] = now[T]
    return ends[T + lengths - 2, np.arange(N)] / (T + lengths)
