"""Sequences of discrete steps: words, and the feature dictionaries that taggers are fed with.

They become `Sequences` of codes into a dictionary of the distinct steps, as Arrow stores strings:
each distinct word is looked up, spelled and embedded once, not once for every place it stands at.
Here nothing is learned: which steps a model knows is the business of `seqlearn.data.encoding`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, chain
from numbers import Real
from typing import Any, NoReturn

import numpy as np

from seqlearn.data.channels import channel_labels
from seqlearn.data.containers import NUMBERS, is_missing, steps_of
from seqlearn.data.messages import show
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
    """Tell what the steps of X are: "tokens", "features", or None for anything else.

    One word among the steps makes X words, and `read_discrete` names what is none, wherever it
    stands. A sequence with several numbers a step does not, for it cannot be meant as words.

    Raises
    ------
    DataFormatError
        X holds strings: text that is not yet cut into tokens.
    """
    if hasattr(X, "ndim") and X.ndim == 1 and len(X) and getattr(X.dtype, "kind", "O") in "OUT":
        X = list(X[:1])  # an array or pandas Series, which is no list of sequences
    if not isinstance(X, list):
        _refuse_frame_of_text(X)
        return None
    types = set(map(type, X))
    if types == {list}:  # the types of all steps at once: one by one takes three times as long
        kinds = set(map(type, chain.from_iterable(X)))
        if not _may_be_discrete(kinds):
            return None
        if kinds == {str}:
            return "tokens"
    found = None
    for i, row in enumerate(X):
        if type(row) is np.ndarray and row.dtype.kind in NUMBERS:
            if row.ndim > 1:
                return None
            continue
        if isinstance(row, str):
            raise DataFormatError(
                f"Sequence {first + i} of X is a string, {show(row)}, where a list of tokens was "
                "meant. Cut text into tokens first: "
                "make_pipeline(seqlearn.preprocessing.Tokenizer(), ...). One list of tokens alone "
                "is [tokens]."
            )
        if found is None:
            found = _step_kind(steps_of(row))
    return found


def _may_be_discrete(kinds: set[type]) -> bool:
    """Whether steps of these types may be words or dictionaries."""
    return any(issubclass(kind, str | Mapping) for kind in kinds)


def _step_kind(steps: Any) -> str | None:
    """Kind of the first step that is a word or a dictionary; the types are looked at first."""
    if steps is None or not _may_be_discrete(set(map(type, steps))):
        return None
    step = next(step for step in steps if isinstance(step, str | Mapping))
    return "tokens" if isinstance(step, str) else "features"


def _refuse_frame_of_text(X: Any) -> None:
    labels = channel_labels(X) if hasattr(X, "columns") else None
    if labels is None or len(labels) != 1 or len(X) == 0:
        return
    column = X.iloc[:, 0] if hasattr(X, "iloc") else X[labels[0]]
    if any(isinstance(text, str) for text in steps_of(column[:1]) or ()):
        raise DataFormatError(
            f"X is a data frame with one column, of texts. Pass the column, X[{labels[0]!r}], and "
            "cut text into tokens first: make_pipeline(seqlearn.preprocessing.Tokenizer(), ...)."
        )


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
    rows = X if set(map(type, X)) == {list} else _discrete_rows(X, kind, first)
    kinds = set(map(type, chain.from_iterable(rows)))
    if not all(issubclass(type_, wanted) for type_ in kinds):
        _refuse_step(rows, wanted, first)
    offsets = np.fromiter(accumulate(map(len, rows), initial=0), np.int64, len(rows) + 1)
    flat = chain.from_iterable(rows)
    if kind == "tokens":
        steps: list[Any] = list(flat) if kinds == {str} else list(map(str, flat))
    else:
        steps = [tuple(sorted(_features(bag, "").items())) for bag in flat]
    distinct = sorted(set(steps))
    dictionary = Words(distinct) if kind == "tokens" else _bags(distinct)
    code = {step: i for i, step in enumerate(distinct)}
    values = np.fromiter(map(code.__getitem__, steps), np.int64, len(steps))
    return Sequences(values[:, None], offsets, dictionary)


def _discrete_rows(X: list, kind: str, first: int) -> list:
    """Return the steps of every row; refuse a row that has none."""
    rows = []
    for i, row in enumerate(X):
        steps = row if isinstance(row, np.ndarray) else steps_of(row)
        if steps is None:
            raise DataFormatError(
                f"Sequence {first + i} of X is {show(row)}, not a list; every sequence must be "
                f"one of {'words' if kind == 'tokens' else 'dictionaries'}, as others of X are."
            )
        rows.append(steps)
    return rows


def _refuse_step(rows: list, wanted: type, first: int) -> NoReturn:
    """Name the first step that is of another kind."""
    number, step, value = next(
        (first + i, step, value)
        for i, row in enumerate(rows)
        for step, value in enumerate(row)
        if not isinstance(value, wanted)
    )
    meant = "a string" if wanted is str else "a dictionary of features"
    advice = ""
    if is_missing(value):
        advice = (
            " It is missing: drop the step, or put a word of your own, such as '', in its place."
        )
    elif isinstance(value, bytes):
        advice = " Decode it: word.decode()."
    elif wanted is str and isinstance(value, Real):
        advice = " If it is a word, write it as one: str(word)."
    raise DataFormatError(
        f"Step {step} of sequence {number} of X is {show(value)}, of type "
        f"{type(value).__name__}; every step must be {meant}, as others of X are.{advice}"
    )


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
