"""What a fitted language model gives to other estimators: vectors of texts, and of words in them.

A vector is what the recurrent core says once it has read a token: it stands for all that came
before, and for what is likely to follow. `seqlearn.estimators.contexts` says who asks for them.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import numpy as np

from seqlearn.data.sequences import Sequences
from seqlearn.data.text_chunks import TextDataset
from seqlearn.data.text_units import TextUnit
from seqlearn.estimators.language.tokens import Tokens
from seqlearn.training.pieces import states

__all__ = ["divided", "places_of_tokens", "text_vectors", "word_vectors"]

STEPS_AT_ONCE = 1 << 16  # of which all vectors are in memory: 128 MiB with 512 units


def text_vectors(net: Any, targets: Tokens, texts: Sequences, readout: str) -> np.ndarray:
    """Return one vector a text, (N, D).

    Parameters
    ----------
    net : SequenceNet
        That of the language model.
    targets : Tokens
        What it knows of tokens.
    texts : Sequences
        N texts in its codes. The vectors of a text are those after each of its tokens; a text
        without tokens has one, with which every text begins.
    readout : {"last", "mean", "max"}
        What becomes of them.
    """
    found = []
    for part, vectors, firsts in _in_parts(net, targets, texts):
        own = places_of_tokens(part.lengths)
        starts, places = own.offsets[:-1], own.values[:, 0] + np.repeat(firsts, own.lengths)
        if readout == "last":
            found.append(vectors[places[own.offsets[1:] - 1]])
        elif readout == "max":
            found.append(np.maximum.reduceat(vectors[places], starts))
        else:
            sums = np.add.reduceat(vectors[places], starts, dtype=np.float64)
            found.append(sums / own.lengths[:, None])
    return np.concatenate([np.zeros((0, net.module_.encoder.output_size)), *found])


def word_vectors(net: Any, targets: Tokens, texts: Sequences, places: Sequences) -> np.ndarray:
    """Return the vectors at some places of texts, (K, D), float32.

    Parameters
    ----------
    net, targets, texts
        As of `text_vectors`.
    places : Sequences
        How many tokens of each text are read at each of its K_i places: 0 is its beginning.
    """
    size = net.module_.encoder.output_size
    result, first = np.empty((len(places.values), size), np.float32), 0
    for part, vectors, firsts in _in_parts(net, targets, texts):
        own = places[first : first + len(part)]
        rows = own.values[:, 0] + np.repeat(firsts, own.lengths)
        start = places.offsets[first]
        result[start : start + len(rows)] = vectors[rows]
        first += len(part)
    return result


def places_of_tokens(lengths: np.ndarray) -> Sequences:
    """Return how many tokens are read after each of a text; 0 alone for a text without tokens."""
    kept = np.maximum(lengths, 1)
    offsets = np.concatenate(([0], np.cumsum(kept)))
    steps = np.arange(offsets[-1]) - np.repeat(offsets[:-1], kept)
    return Sequences((steps + np.repeat(lengths > 0, kept))[:, None], offsets)


def divided(sentences: list[list[str]], unit: TextUnit) -> tuple[list[list[str]], Sequences]:
    """Return the tokens of sentences, and how many of them are read at the end of each word.

    Parameters
    ----------
    sentences : list of N lists of str
        Words. Where tokens make up a text without gaps, as characters do, the words are joined by
        spaces, and a word ends with the token that has its last character; else each word is cut
        into tokens for itself.
    unit : TextUnit
        What cuts texts.

    Returns
    -------
    tokens : list of N lists of str
    places : Sequences
        As `word_vectors` takes them; 0 for a sentence without words.

    Examples
    --------
    >>> from seqlearn.data.text_units import learn_unit
    >>> tokens, places = divided([["to", "be"]], learn_unit("char", ["to be"]))
    >>> tokens, places[0].ravel()
    ([['t', 'o', ' ', 'b', 'e']], array([2, 5]))
    """
    if unit.gapless:
        tokens = unit.cut(list(map(" ".join, sentences)))
        found = list(map(_ends, sentences, tokens))
    else:
        distinct = list({word for words in sentences for word in words})
        cut = dict(zip(distinct, unit.cut(distinct), strict=True))
        tokens = [[token for word in words for token in cut[word]] for words in sentences]
        found = [list(accumulate(len(cut[word]) for word in words)) for words in sentences]
    rows = [ends or [0] for ends in found]
    offsets = np.concatenate(([0], np.cumsum(list(map(len, rows)), dtype=np.int64)))
    flat = np.array([end for ends in rows for end in ends], np.int64)
    return tokens, Sequences(flat[:, None], offsets)


def _ends(words: list[str], tokens: list[str]) -> list[int]:
    """Return the number of tokens up to the last character of each word of a joined text."""
    if not words:
        return []
    characters = np.cumsum([len(word) + 1 for word in words]) - 1
    read = np.cumsum([0, *map(len, tokens)])  # characters
    return np.searchsorted(read, characters).tolist()


def _in_parts(
    net: Any, targets: Tokens, texts: Sequences
) -> Iterator[tuple[Sequences, np.ndarray, np.ndarray]]:
    """Yield some texts, their vectors, and which is the first of each text: that of its beginning.

    As many texts at once as memory allows, or one.
    """
    ends = texts.offsets[1:] + np.arange(1, len(texts) + 1)  # steps, those of beginnings too
    first = 0
    while first < len(texts):
        before = ends[first - 1] if first else 0
        last = max(int(np.searchsorted(ends, before + STEPS_AT_ONCE, side="right")), first + 1)
        part = texts[first:last]
        symbols, starts, _ = targets.symbols(part)
        lengths = part.lengths + 1
        vectors = states(net, TextDataset(symbols, starts, lengths, device=net.device))
        yield part, vectors, np.cumsum(lengths) - lengths
        first = last
