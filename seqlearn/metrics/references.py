"""Predicted texts or lists of tokens beside one reference or several: read for the scores of text.

Whether a list is a text's several references or one list of tokens is told by the predictions:
beside texts it is references, beside lists of tokens it is tokens.
"""

from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import numpy as np

from seqlearn.data.messages import show
from seqlearn.data.targets import read_weights, unpack_targets
from seqlearn.data.texts import read_column
from seqlearn.errors import DataFormatError

TEXTS = "a list of texts"
TOKENS = "a list of lists of tokens"


@dataclass(frozen=True)
class Pairs:
    """Rows of predictions with their references.

    Parameters
    ----------
    are_texts : bool
        Whether they are texts, else lists of tokens.
    references : list of N non-empty lists of str, or of lists of tokens
        What is right for each row.
    predictions : list of N str, or of N lists of tokens
        What was predicted.
    weights : ndarray of shape (N,)
        One for each row.
    """

    are_texts: bool
    references: list[list[Any]]
    predictions: list[Any]
    weights: np.ndarray


def read_pairs(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    accept: Literal["texts", "tokens", "both"] = "both",
) -> Pairs:
    """Return what a score was given, row by row; refuse what does not fit together."""
    accepted = {"texts": TEXTS, "tokens": TOKENS, "both": f"{TEXTS} or {TOKENS}"}[accept]
    pred = read_column(y_pred, "y_pred", "the score", accepted)
    true = read_column(y_true, "y_true", "the score", f"{accepted}, or several for each row,")
    if len(true) != len(pred):
        raise DataFormatError(
            f"y_true has {len(true)} rows and y_pred has {len(pred)}; for each prediction there "
            "must be one reference, or one list of several."
        )
    if not pred:
        raise DataFormatError("y_true and y_pred hold no rows; a score needs at least one.")
    are_texts = accept == "texts" or (accept == "both" and isinstance(pred[0], str))
    read = _text if are_texts else _tokens
    predictions = [read(one, f"Row {i} of y_pred") for i, one in enumerate(pred)]
    references = [_references(one, f"Row {i} of y_true", are_texts) for i, one in enumerate(true)]
    weights = read_weights(sample_weight, len(pred))
    return Pairs(
        are_texts, references, predictions, np.ones(len(pred)) if weights is None else weights
    )


def as_row(sequence: Any, place: str) -> list | str:
    """Return a text as it is, any other sequence of hashable tokens as a list."""
    return str(sequence) if isinstance(sequence, str) else _tokens(sequence, place)


def _references(row: Any, place: str, are_texts: bool) -> list[Any]:
    if are_texts and isinstance(row, str):
        return [_text(row, place)]
    cells = _cells(row, place, "a text, or a list of several" if are_texts else "a list of tokens")
    if not are_texts and not any(map(_is_list, cells)):
        return [_tokens(cells, place)]
    if not cells:
        raise DataFormatError(
            f"{place} is an empty list; give at least one reference for each row. That nothing "
            "is right is the empty text, ''."
        )
    read = _text if are_texts else _tokens
    return [read(one, f"{place}, reference {i},") for i, one in enumerate(cells)]


def _text(cell: Any, place: str) -> str:
    if isinstance(cell, str):
        return cell
    _refuse(place, cell, "a text", "Join tokens first: ' '.join(tokens).")


def _tokens(row: Any, place: str) -> list[Any]:
    cells = _cells(row, place, "a list of tokens")
    try:
        set(cells)
    except TypeError:
        step = next(i for i, cell in enumerate(cells) if _is_list(cell) or isinstance(cell, dict))
        _refuse(
            f"{place.rstrip(',')}, step {step},",
            cells[step],
            "a token",
            "Tokens are strings or numbers.",
        )
    return cells


def _cells(row: Any, place: str, wanted: str) -> list[Any]:
    if type(row) is list:
        return row
    if not _is_list(row):
        advice = "Compare texts by their characters, list(text), or by their words, text.split()."
        _refuse(place, row, wanted, advice * isinstance(row, str))
    cells = unpack_targets(row, place)
    return cells if isinstance(cells, list) else cells.tolist()


def _is_list(cell: Any) -> bool:
    has_rows = hasattr(cell, "__len__") and hasattr(cell, "__iter__")
    return has_rows and not isinstance(cell, str | bytes | dict | set | frozenset)


def _refuse(place: str, found: Any, wanted: str, advice: str) -> NoReturn:
    raise DataFormatError(
        f"{place} is {show(found)}, of type {type(found).__name__}, not {wanted}. {advice}".rstrip()
    )
