"""Sequences of discrete steps: words, and the feature dictionaries that taggers are fed with.

They become `Sequences` of codes into a dictionary of the distinct steps, as Arrow stores strings:
each distinct word is looked up, spelled and embedded once, not once for every place it stands at.
Here nothing is learned: which steps a model knows is the business of `seqlearn.data.encoding`.
`seqlearn.data.fitted` is the caller.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, chain
from numbers import Real
from typing import Any

import numpy as np

from seqlearn.data.checking import show
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError

__all__ = ["Bags", "Words", "discrete_kind", "read_discrete"]


@dataclass(frozen=True)
class Words:
    """The distinct words of some sequences, in ascending order."""

    words: list[str]

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class Bags:
    """The distinct feature dictionaries of some sequences: W bags of weighted, named features.

    Bag i holds the features ``names[codes[j]]`` with ``weights[j]``, for j from ``offsets[i]`` to
    ``offsets[i + 1]``.
    """

    names: list[str]
    codes: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1


def discrete_kind(X: Any, *, first: int = 0) -> str | None:
    """Tell what the first step of X is: "tokens", "features", or None for anything else.

    Raises
    ------
    DataFormatError
        X holds strings: text that is not yet cut into tokens.
    """
    if hasattr(X, "ndim") and X.ndim == 1 and len(X) and getattr(X.dtype, "kind", "O") in "OUT":
        X = list(X[:1])  # an array or pandas Series, which is no list of sequences
    if not isinstance(X, list):
        return None
    for i, row in enumerate(X):
        if isinstance(row, str):
            raise DataFormatError(
                f"Sequence {first + i} of X is a string, {show(row)}, where a list of tokens was "
                "meant. Cut text into tokens first: "
                "make_pipeline(seqlearn.preprocessing.Tokenizer(), ...). One list of tokens alone "
                "is [tokens]."
            )
        if isinstance(row, list | tuple) or (
            isinstance(row, np.ndarray) and row.dtype.kind in "UOT"
        ):
            if len(row) == 0:
                continue
            if isinstance(row[0], str):
                return "tokens"
            return "features" if isinstance(row[0], Mapping) else None
        return None
    return None


def read_discrete(X: list, kind: str, *, first: int = 0) -> Sequences:
    """Return codes into `Words` or `Bags`; sequences without steps are kept.

    Parameters
    ----------
    X : list of N lists of str or of dict
        Tokens or feature dictionaries. A feature is ``name: value``: a string counts as the
        feature "name:value", a bool as itself or nothing, a number as the feature's weight, a
        list, tuple or set as several strings, and a dict within a dict prefixes its names.
    kind : {"tokens", "features"}
        Which of the two.
    first : int
        Number of the first row, for messages.

    Returns
    -------
    Sequences
        With ``dictionary`` set; values of shape (S, 1), int64.

    Raises
    ------
    DataFormatError
        A step is of another kind; its sequence and step are named.
    """
    wanted = str if kind == "tokens" else Mapping
    for i, row in enumerate(X):
        if not isinstance(row, list | tuple | np.ndarray):
            raise DataFormatError(
                f"Sequence {first + i} of X is {show(row)}, not a list; every sequence must be "
                "one, as the first is."
            )
        for step, value in enumerate(row):
            if not isinstance(value, wanted):
                meant = "a string" if kind == "tokens" else "a dictionary of features"
                raise DataFormatError(
                    f"Step {step} of sequence {first + i} of X is {show(value)}, of "
                    f"type {type(value).__name__}; every step must be {meant}, as the first one is."
                )
    offsets = np.fromiter(accumulate(map(len, X), initial=0), np.int64, len(X) + 1)
    flat = chain.from_iterable(X)
    if kind == "tokens":
        steps = list(map(str, flat))
        distinct = sorted(set(steps))
        dictionary = Words(distinct)
    else:
        steps = [tuple(sorted(_features(bag, "").items())) for bag in flat]
        distinct = sorted(set(steps))
        dictionary = _bags(distinct)
    code = {step: i for i, step in enumerate(distinct)}
    values = np.fromiter(map(code.__getitem__, steps), np.int64, len(steps))
    return Sequences(values[:, None], offsets, dictionary)


def _features(bag: Mapping, prefix: str) -> dict[str, float]:
    """Name and weight of each feature of a dictionary, as crfsuite reads it."""
    found: dict[str, float] = {}
    for key, value in bag.items():
        name = f"{prefix}{key}"
        if isinstance(value, str):
            found[f"{name}:{value}"] = 1.0
        elif isinstance(value, bool | np.bool_):
            if value:
                found[name] = 1.0
        elif isinstance(value, Real):
            try:
                weight = float(value)
            except OverflowError:
                weight = math.inf
            if not math.isfinite(weight):
                raise DataFormatError(
                    f"The feature {name!r} of X has the value {show(value)}; features must be "
                    "finite."
                )
            found[name] = weight
        elif isinstance(value, Mapping):
            found.update(_features(value, f"{name}:"))
        elif isinstance(value, list | tuple | set | frozenset) and all(
            isinstance(item, str) for item in value
        ):
            found.update((f"{name}:{item}", 1.0) for item in value)
        else:
            raise DataFormatError(
                f"The feature {name!r} of X has the value {show(value)}; a feature is a string, a "
                "bool, a number, a list or set of strings, or a dict of these."
            )
    return found


def _bags(distinct: list[tuple]) -> Bags:
    flat = list(chain.from_iterable(distinct))
    names = sorted({name for name, _ in flat})
    code = {name: i for i, name in enumerate(names)}
    return Bags(
        names,
        np.fromiter((code[name] for name, _ in flat), np.int64, len(flat)),
        np.fromiter((weight for _, weight in flat), np.float64, len(flat)),
        np.fromiter(accumulate(map(len, distinct), initial=0), np.int64, len(distinct) + 1),
    )
