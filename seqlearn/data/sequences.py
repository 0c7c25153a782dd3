"""The container of sequences: flat values plus offsets, as Arrow lays out lists.

`Sequences` is what every estimator works on inside. It indexes like the rows of an array, so
scikit-learn's splitters work on it, and a batch of it is one gather. Making one out of
what a user has is the business of `seqlearn.data.to_sequences`; padding that of
`seqlearn.data.batches`.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from seqlearn.data.channels import Channels
from seqlearn.errors import DataFormatError

__all__ = ["Sequences"]


class Sequences:
    """N sequences of unequal length with F features a step, without padding.

    Parameters
    ----------
    values : ndarray of shape (S, F)
        The steps of all sequences, one sequence after the other.
    offsets : ndarray of shape (N + 1,), int64
        Sequence i is ``values[offsets[i]:offsets[i + 1]]``.
    dictionary : object, optional
        What the values stand for, if they are codes of shape (S, 1): the distinct steps of
        `seqlearn.data.tokens`.
    channels : Channels, optional
        Names and widths of the columns that the values came from, if those of a table.
    step_shape : tuple of int, optional
        What one step was before it was made flat: (H, W, C) of the frames of a video. F is then
        H * W * C.

    Attributes
    ----------
    lengths : ndarray of shape (N,)
        Steps of each sequence.
    shape : tuple
        (N,): to scikit-learn this is a column of N things.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn import to_sequences
    >>> X = to_sequences([[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]])
    >>> X
    <Sequences: N=2, T=1..2, F=2, float64>
    >>> X[1]
    array([[3., 4.],
           [5., 6.]])
    >>> X[[1, 0]].lengths
    array([2, 1])

    Frames of video come out as they went in, (T_i, H, W, C), C last:

    >>> clips = to_sequences(np.zeros((2, 5, 8, 6), dtype=np.uint8))  # N, T, H, W
    >>> clips
    <Sequences: N=2, T=5..5, F=48 as 8 x 6 x 1, uint8>
    >>> clips[0].shape
    (5, 8, 6, 1)
    """

    def __init__(
        self,
        values: np.ndarray,
        offsets: np.ndarray,
        dictionary: Any = None,
        channels: Channels | None = None,
        step_shape: tuple[int, ...] | None = None,
    ):
        self.values = values
        self.offsets = offsets
        self.dictionary = dictionary
        self.channels = channels
        self.step_shape = step_shape

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each sequence, shape (N,)."""
        return self.offsets[1:] - self.offsets[:-1]

    @property
    def n_features(self) -> int:
        """Features a step, F."""
        return self.values.shape[1]

    @property
    def shape(self) -> tuple[int]:
        """(N,)."""
        return (len(self),)

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self._shaped(a, b) for a, b in pairwise(self.offsets.tolist()))

    def __getitem__(self, key):
        """Return one (T_i, F) array for an int, else the chosen sequences as `Sequences`.

        Of frames it is (T_i, H, W, C); the values are shared with this container.
        A slice without a step shares its values with this container; other choices copy them.
        """
        if isinstance(key, tuple) and key[1:] == (Ellipsis,):
            key = key[0]  # scikit-learn writes X[key, ...]
        if isinstance(key, int | np.integer):
            i = range(len(self))[key]
            return self._shaped(self.offsets[i], self.offsets[i + 1])
        if isinstance(key, slice) and key.step in (None, 1):
            start, stop, _ = key.indices(len(self))
            offsets = self.offsets[start : max(stop, start) + 1]
            values = self.values[offsets[0] : offsets[-1]]
            return self._with(values, offsets - offsets[0])
        return self.take(key)

    def take(self, indices, axis: int = 0) -> "Sequences":
        """Return the sequences at ``indices``, an int array or a mask; the values are copied."""
        if axis != 0:
            raise DataFormatError(f"Sequences have one axis, 0; take was asked for axis={axis}.")
        chosen = np.arange(len(self))[indices]
        if chosen.ndim != 1:
            raise IndexError(f"Sequences have one axis; the index has shape {np.shape(indices)}.")
        return self._gather(self.offsets[chosen], self.lengths[chosen])

    def cut(self, lengths: np.ndarray) -> "Sequences":
        """Return the first ``lengths[i]`` steps of each sequence i; the values are copied."""
        if ((lengths < 0) | (lengths > self.lengths)).any():
            raise DataFormatError("A sequence can be cut to between 0 and all of its steps.")
        return self._gather(self.offsets[:-1], lengths)

    def _gather(self, starts: np.ndarray, lengths: np.ndarray) -> "Sequences":
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        steps = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)  # (S',)
        return self._with(self.values[steps], offsets)

    def _with(self, values: np.ndarray, offsets: np.ndarray) -> "Sequences":
        """Return other sequences of the same kind of steps."""
        return Sequences(values, offsets, self.dictionary, self.channels, self.step_shape)

    def _shaped(self, start: int, stop: int) -> np.ndarray:
        """Return some of the steps in their own shape."""
        steps = self.values[start:stop]
        return steps if self.step_shape is None else steps.reshape(-1, *self.step_shape)

    def astype(self, dtype) -> "Sequences":
        """Return the same sequences with values of ``dtype``; shared where it is that already."""
        return self.replace_values(self.values.astype(dtype, copy=False))

    def replace_values(self, values: np.ndarray) -> "Sequences":
        """Return sequences of the same lengths with other ``values`` of shape (S, F').

        Channels and the shape of a step are kept where the width is the same.
        """
        if values.shape[1] != self.n_features:
            return Sequences(values, self.offsets)
        return Sequences(values, self.offsets, None, self.channels, self.step_shape)

    def __eq__(self, other) -> bool:
        if not isinstance(other, Sequences):
            return NotImplemented
        return (
            self.step_shape == other.step_shape
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.values, other.values)
        )

    def __repr__(self) -> str:
        lengths = self.lengths
        span = "" if len(self) == 0 else f", T={lengths.min()}..{lengths.max()}"
        frames = "" if self.step_shape is None else " as " + " x ".join(map(str, self.step_shape))
        return f"<Sequences: N={len(self)}{span}, F={self.n_features}{frames}, {self.dtype}>"
