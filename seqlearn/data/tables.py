"""What a model knows of the distinct steps of its data, as tensors: word codes and spellings, bags.

A table takes the place of the dictionary in `Sequences` once a model has encoded it
(`seqlearn.data.encoding`). For a batch of codes it gives the distinct ones among them, which is
what the networks of `seqlearn.modules.embeddings` read: a word that stands at ten places of a
batch is embedded once. Callers: `seqlearn.data.batches`.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqlearn.data.padding import padded_steps

GROUP, MAX_GROUPS = 48, 6  # words spelled together: of like length, so that little is padded

__all__ = ["BagBatch", "BagTable", "WordBatch", "WordTable"]


class WordBatch(NamedTuple):
    """The words of a padded batch: U distinct ones, and which stands where."""

    index: Tensor  # (B, T), into the U words
    words: Tensor  # (U,), codes of the vocabulary, the shortest words first if they are spelled
    spelling: list[tuple[Tensor, Tensor]]  # (u, K) codes of letters, (u,) lengths on the CPU


class BagBatch(NamedTuple):
    """The feature bags of a padded batch: U distinct ones, and which stands where."""

    index: Tensor  # (B, T), into the U bags
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
        Codes of the letters of all words, one word after the other.
    offsets : ndarray of shape (W + 1,), int64, optional
        Where the letters of each word begin; every word has at least one.
    """

    def __init__(self, words: np.ndarray, characters=None, offsets=None):
        self.words = torch.as_tensor(words)
        self.characters = None if characters is None else torch.as_tensor(characters)
        self.offsets = None if offsets is None else torch.as_tensor(offsets)
        self._lengths = None if offsets is None else np.diff(offsets)

    def batch(self, codes: np.ndarray, device: torch.device) -> WordBatch:
        """Return the distinct words of a padded batch of codes, (B, T)."""
        distinct, index = np.unique(codes, return_inverse=True)
        index = index.reshape(codes.shape)
        spelling = []
        if self.characters is not None:
            order = np.argsort(self._lengths[distinct], kind="stable")
            distinct, rank = distinct[order], np.empty_like(order)
            rank[order] = np.arange(len(order))
            index = rank[index]
            n_groups = min(-(-len(distinct) // GROUP), MAX_GROUPS)
            for group in np.array_split(distinct, n_groups):
                starts = self.offsets[group]  # (u,)
                lengths = self.offsets[group + 1] - starts
                letters = self.characters[padded_steps(starts, lengths)]  # (u, K)
                spelling.append((letters.to(device, non_blocking=True), lengths))
        words = self.words[distinct].to(device, non_blocking=True)
        return WordBatch(torch.as_tensor(index).to(device, non_blocking=True), words, spelling)


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

    def batch(self, codes: np.ndarray, device: torch.device) -> BagBatch:
        """Return the distinct bags of a padded batch of codes, (B, T)."""
        distinct, index = np.unique(codes, return_inverse=True)
        distinct, index = torch.as_tensor(distinct), torch.as_tensor(index.reshape(codes.shape))
        starts = self.offsets[distinct]
        lengths = self.offsets[distinct + 1] - starts  # (U,)
        ends = lengths.cumsum(0)
        places = torch.arange(int(ends[-1])) + torch.repeat_interleave(
            starts - (ends - lengths), lengths
        )  # (M',)
        parts = (index, self.features[places], self.weights[places], ends - lengths)
        return BagBatch(*(part.to(device, non_blocking=True) for part in parts))
