"""What a model knows of the distinct steps of its data, as tensors: word codes and spellings, bags.

A table takes the place of the dictionary in `Sequences` once a model has encoded it
(`seqlearn.data.encoding`). For a batch of codes it returns the distinct ones among them: a word
that stands at ten places of a batch is embedded once.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqlearn.data.padding import padded_steps

ROW_BLOCK = 16  # oneDNN prepares a kernel for each new shape, in the time of a call: have few
GROUP_COST = 256  # characters of the time that one more call of the network over characters takes

__all__ = ["BagBatch", "BagTable", "ContextTable", "WordBatch", "WordTable"]


class WordBatch(NamedTuple):
    """The words of a padded batch: U distinct ones, and which stands where."""

    places: Tensor  # (B, T), into the U words
    words: Tensor  # (U,), codes of the vocabulary, the longest words first if they are spelled
    spelling: list[tuple[Tensor, Tensor]]  # (u, K) codes of characters, (u,) lengths on the CPU:
    # of the U words, in groups of like length; the last word again fills the last group up
    shapes: Tensor | None  # (U,), codes of the words' shapes if they are spelled
    contexts: Tensor | None = None  # (B, T, D), vectors of the words where they stand


class BagBatch(NamedTuple):
    """The feature bags of a padded batch: U distinct ones, and which stands where."""

    places: Tensor  # (B, T), into the U bags
    features: Tensor  # (M,), codes of the vocabulary
    weights: Tensor  # (M,)
    offsets: Tensor  # (U,), where each bag begins


class WordTable:
    """Code and, optionally, spelling of each of W words.

    Parameters
    ----------
    words : ndarray of shape (W,), int64
        Codes of the words.
    characters : ndarray of shape (M,), int64, optional
        Codes of the characters of all words, one word after the other.
    offsets : ndarray of shape (W + 1,), int64, optional
        Where the characters of each word begin; every word has at least one.
    shapes : ndarray of shape (W,), int64, optional
        Codes of the words' shapes; given with the characters.
    """

    def __init__(self, words: np.ndarray, characters=None, offsets=None, shapes=None):
        self.words = torch.as_tensor(words)
        self.spelled = None
        if characters is not None:
            self.spelled = [torch.as_tensor(part) for part in (characters, offsets, shapes)]
            self._lengths = np.diff(offsets)

    def with_unknown(self) -> "WordTable":
        """Return a table with one more, unknown, word of one unknown character."""
        words = np.append(self.words.numpy(), 0)
        if self.spelled is None:
            return WordTable(words)
        characters, offsets, shapes = (part.numpy() for part in self.spelled)
        characters, shapes = np.append(characters, 0), np.append(shapes, 0)
        return WordTable(words, characters, np.append(offsets, len(characters)), shapes)

    def batch(self, codes: np.ndarray, device: torch.device) -> WordBatch:
        """Return the distinct words of a padded batch of codes, (B, T)."""
        distinct, index = np.unique(codes, return_inverse=True)
        index = index.reshape(codes.shape)
        spelling, shapes = [], None
        if self.spelled is not None:
            of_characters, offsets, of_words = self.spelled
            order = np.argsort(-self._lengths[distinct], kind="stable")
            distinct, rank = distinct[order], np.empty_like(order)
            rank[order] = np.arange(len(order))
            index = rank[index]
            filled = np.pad(distinct, (0, -len(distinct) % ROW_BLOCK), mode="edge")
            for group in np.split(filled, group_starts(self._lengths[filled])[1:]):
                starts = offsets[group]  # (u,)
                lengths = offsets[group + 1] - starts
                characters = of_characters[padded_steps(starts, lengths)]  # (u, K)
                spelling.append((characters.to(device, non_blocking=True), lengths))
            shapes = of_words[distinct].to(device, non_blocking=True)
        words = self.words[distinct].to(device, non_blocking=True)
        places = torch.as_tensor(index).to(device, non_blocking=True)
        return WordBatch(places, words, spelling, shapes)


class ContextTable:
    """The S steps of some sequences: the word that stands there, and its vector in its context.

    Parameters
    ----------
    words : WordTable
        The distinct words.
    codes : ndarray of shape (S,), int64
        Which of them each step is.
    vectors : ndarray of shape (S, D), float32
        What a language model says of each step.
    """

    def __init__(self, words: WordTable, codes: np.ndarray, vectors: np.ndarray):
        self.words, self.codes, self.vectors = words, codes, torch.as_tensor(vectors)

    def batch(self, steps: np.ndarray, device: torch.device) -> WordBatch:
        """Return the distinct words of a padded batch of step numbers, (B, T), and the vectors."""
        of_words = self.words.batch(self.codes[steps], device)
        vectors = self.vectors[torch.as_tensor(steps)]  # (B, T, D)
        return of_words._replace(contexts=vectors.to(device, non_blocking=True))


def group_starts(lengths: np.ndarray) -> list[int]:
    """Cut words, the longest first, into groups that are read in the least time.

    A group costs its rows times the characters of its longest word, and `GROUP_COST`. The best
    groups up to a place follow from the best ones up to every place before it.

    Parameters
    ----------
    lengths : ndarray of shape (U,)
        Characters of each word, falling; U is a multiple of `ROW_BLOCK`.

    Returns
    -------
    list of int
        Where each group begins, 0 first: multiples of `ROW_BLOCK`.
    """
    longest = lengths[::ROW_BLOCK]  # of each block of rows
    falls = np.flatnonzero(np.diff(longest)) + 1  # nowhere else is it worth beginning a group
    places = ROW_BLOCK * np.array([0, *falls, len(longest)])
    longest = lengths[places[:-1]]
    costs, origins = np.zeros(len(places)), [0]
    for i, place in enumerate(places[1:].tolist(), 1):
        candidates = costs[:i] + longest[:i] * (place - places[:i]) + GROUP_COST
        origins.append(int(candidates.argmin()))
        costs[i] = candidates[origins[i]]
    starts, i = [], len(places) - 1
    while i > 0:
        i = origins[i]
        starts.append(int(places[i]))
    return starts[::-1]


class BagTable:
    """The known features of each of W bags, and their weights.

    Parameters
    ----------
    features : ndarray of shape (M,), int64
        Codes of the features of all bags, one bag after the other.
    weights : ndarray of shape (M,)
        Their weights.
    offsets : ndarray of shape (W + 1,), int64
        Where each bag begins; a bag may be empty.
    """

    def __init__(self, features: np.ndarray, weights: np.ndarray, offsets: np.ndarray):
        self.features = torch.as_tensor(features)
        self.weights = torch.as_tensor(weights)
        self.offsets = torch.as_tensor(offsets)

    def with_unknown(self) -> "BagTable":
        """Return a table with one more bag, without a known feature."""
        offsets = np.append(self.offsets.numpy(), len(self.features))
        return BagTable(self.features.numpy(), self.weights.numpy(), offsets)

    def batch(self, codes: np.ndarray, device: torch.device) -> BagBatch:
        """Return the distinct bags of a padded batch of codes, (B, T)."""
        distinct, index = map(torch.as_tensor, np.unique(codes, return_inverse=True))
        index, starts = index.view(codes.shape), self.offsets[distinct]
        lengths = self.offsets[distinct + 1] - starts  # (U,)
        ends = lengths.cumsum(0)
        places = torch.arange(int(ends[-1])) + torch.repeat_interleave(
            starts - (ends - lengths), lengths
        )  # (M',)
        parts = (index, self.features[places], self.weights[places], ends - lengths)
        return BagBatch(*(part.to(device, non_blocking=True) for part in parts))
