"""What a label means: the schemes, and how spans are found in sequences of labels.

All sequences are handled at once, laid end to end: each distinct label is read once, and the
borders of spans come from whole-array comparisons of neighbouring steps. Counting and averaging
stand in `scores`.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import numpy as np

from seqlearn.errors import DataFormatError
from seqlearn.metrics.joined import Joined, check_choice, join_one

Scheme = Literal["BIO", "IOB2", "BIOES", "IOBES", "BILOU"]
Mode = Literal["default", "strict"]

SCHEMES = {"BIO": "BI", "IOB2": "BI", "BIOES": "BIES", "IOBES": "BIES", "BILOU": "BILU"}
SAME_AS = {"L": "E", "U": "S"}  # the prefixes of BILOU: last, unit

# The prefixes, and in their order what each can do.
_PREFIXES = "OBIES"
_CONTINUES = np.array([False, False, True, True, False])  # I, E: may belong to the span before
_LEFT_OPEN = np.array([False, True, True, False, False])  # B, I: the span may be longer
_OPENS = np.array([False, True, False, False, True])  # B, S: where a well-formed span starts
_CLOSES = np.array([False, False, False, True, True])  # E, S: where it ends, if the scheme has E


@dataclass(frozen=True)
class Spans:
    """Spans of sequences laid end to end, ascending and without overlap.

    Parameters
    ----------
    kind : ndarray of shape (n_spans,), int
        Index of the type in the list of types.
    start, end : ndarray of shape (n_spans,), int
        First step and the step after the last, counted through all sequences.
    """

    kind: np.ndarray
    start: np.ndarray
    end: np.ndarray


def spans(
    labels: Any, *, scheme: Scheme = "BIO", mode: Mode = "default"
) -> list[tuple[str, int, int]]:
    """Return the spans of one sequence of labels.

    Parameters
    ----------
    labels : list, tuple or ndarray of shape (T,)
        Labels of one sequence: ``"O"`` outside, otherwise a prefix, ``"-"`` and the type. The type
        is all that follows the first ``"-"``; a prefix alone, ``"B"``, has the type ``"_"``.
    scheme : {"BIO", "IOB2", "BIOES", "IOBES", "BILOU"}, default="BIO"
        Which prefixes a label may have, in both modes; any other is refused. BIO, also called IOB2,
        has B and I. BIOES, also called IOBES, has B, I, E (end) and S (single). BILOU writes L
        (last) for E and U (unit) for S.
    mode : {"default", "strict"}, default="default"
        How faulty sequences are read. In both modes, a step continues the span of the step before
        when its prefix is I or E, the one before has B or I, and the types are equal.

        - ``"default"``: what does not continue a span starts one, whatever its prefix. This is the
          reading of the program conlleval and of seqeval's default mode. It does not depend on
          ``scheme``.
        - ``"strict"``: as well, a span must start with B (or S), and in BIOES and BILOU end with E
          (or S); otherwise it is no span. This is seqeval's ``mode="strict"`` with the scheme
          given.

    Returns
    -------
    found : list of tuple (str, int, int)
        Type, start and end of each span in order of start; ``labels[start:end]`` are its labels.
        (In seqeval's default mode the end is the last step itself.)

    Raises
    ------
    DataFormatError
        When a label does not fit the scheme, with its step, or `labels` is not one sequence. A
        subclass of ValueError.
    InvalidParameterError
        When `scheme` or `mode` is unknown. A subclass of ValueError.

    References
    ----------
    Ramshaw and Marcus, "Text Chunking using Transformation-Based Learning" (1995), for BIO.
    Ratinov and Roth, "Design Challenges and Misconceptions in Named Entity Recognition" (2009),
    for BILOU.
    Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task" (2003), for
    conlleval.

    Examples
    --------
    >>> from seqlearn.metrics import spans
    >>> labels = ["B-PER", "I-PER", "O", "I-LOC"]
    >>> spans(labels)
    [('PER', 0, 2), ('LOC', 3, 4)]
    >>> spans(labels, mode="strict")
    [('PER', 0, 2)]
    """
    check_reading(scheme, mode)
    joined = join_one(labels, "labels")
    types, (found,) = find_spans([joined], scheme, mode)
    names = [types[kind] for kind in found.kind]
    return list(zip(names, found.start.tolist(), found.end.tolist(), strict=True))


def check_reading(scheme: Any, mode: Any) -> None:
    """Raise InvalidParameterError unless both say how labels are to be read."""
    check_choice("scheme", scheme, SCHEMES)
    check_choice("mode", mode, ["default", "strict"])


def find_spans(ys: list[Joined], scheme: Scheme, mode: Mode) -> tuple[list[str], list[Spans]]:
    """Find the spans of several sets of sequences, with one list of types for all.

    Parameters
    ----------
    ys : list of Joined
        Sets of sequences, such as the true and the predicted ones.
    scheme, mode : str
        As in `spans`, already checked.

    Returns
    -------
    types : list of str
        All types that occur in a label, sorted.
    found : list of Spans
        One for each of `ys`; `kind` counts in `types`.
    """
    codes, coded = _encode(ys)
    read = [_read_label(label, scheme, ys) for label in codes]
    types = sorted({kind for prefix, kind in read if prefix != "O"})
    index = {kind: code for code, kind in enumerate(types)} | {"": -1}
    prefixes = np.array([_PREFIXES.index(prefix) for prefix, _ in read], dtype=np.intp)
    kinds = np.array([index[kind] for _, kind in read], dtype=np.intp)
    closed = mode == "strict" and not set("EL").isdisjoint(SCHEMES[scheme])
    found = []
    for y, code in zip(ys, coded, strict=True):
        prefix, kind = prefixes[code], kinds[code]
        start, end = _find_borders(prefix, kind, np.cumsum(y.lengths) - y.lengths)
        if mode == "strict":
            kept = _OPENS[prefix[start]]
            if closed:
                kept &= _CLOSES[prefix[end - 1]]
            start, end = start[kept], end[kept]
        found.append(Spans(kind[start], start, end))
    return types, found


def _encode(ys: list[Joined]) -> tuple[dict[str, int], list[np.ndarray]]:
    """Number the distinct labels in order of occurrence; return the numbers of all labels too."""
    for y in ys:
        y.refuse_other_than_text()
    codes: dict[str, int] = defaultdict(count().__next__)
    coded = [np.fromiter(map(codes.__getitem__, y.labels), np.intp, len(y.labels)) for y in ys]
    return dict(codes), coded


def _find_borders(
    prefix: np.ndarray, kind: np.ndarray, first: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and ends of the longest runs of steps that continue each other."""
    joined = np.zeros(len(prefix) + 1, dtype=bool)  # joined[i]: step i continues step i - 1
    joined[1:-1] = _LEFT_OPEN[prefix[:-1]] & _CONTINUES[prefix[1:]] & (kind[:-1] == kind[1:])
    joined[first] = False
    within = prefix != _PREFIXES.index("O")
    start = np.flatnonzero(within & ~joined[:-1])
    end = np.flatnonzero(within & ~joined[1:]) + 1
    return start, end


def _read_label(label: str, scheme: Scheme, ys: list[Joined]) -> tuple[str, str]:
    """Return the prefix in _PREFIXES and the type of one label; "" is the type of O."""
    if label == "O":
        return "O", ""
    prefix, _, kind = label.partition("-")
    if prefix in tuple(SCHEMES[scheme]):
        return SAME_AS.get(prefix, prefix), kind or "_"
    y = next(y for y in ys if label in y.labels)
    place = y.place(y.labels.index(label))
    example = ", ".join(f"'{each}-TYPE'" for each in SCHEMES[scheme])
    others = [f"scheme={name!r}" for name, some in SCHEMES.items() if prefix in tuple(some)]
    advice = (
        f"Pass {' or '.join(others)} if the labels follow it."
        if others
        else "Rewrite the label with its prefix first; a step outside all spans is 'O'."
    )
    raise DataFormatError(
        f"{place}: the label {label!r} does not fit scheme={scheme!r}, in which a label is 'O' or "
        f"one of {example}. {advice}"
    )
