r"""What every reader of texts needs: the pattern of a word, and columns of text as lists.

How a text is divided is a choice of `seqlearn.preprocessing.Tokenizer` and of
`seqlearn.data.text_units`; both stand on what is here.
"""

import re
import sys
from collections.abc import KeysView
from functools import cache
from typing import Any
from unicodedata import category

from seqlearn.data.refusals import refuse_container
from seqlearn.data.targets import unpack_targets
from seqlearn.errors import DataFormatError

__all__ = ["combining_marks", "read_column", "word_pattern"]

COLUMN = "a list, tuple, 1-D array or Series of strings"


@cache
def combining_marks() -> str:
    r"""Return, for a regular expression, the set of all combining marks and the two joiners.

    In Python's `re`, `\w` holds no combining marks, without which words of Hindi, or of any
    language in decomposed form, would fall apart; so they are listed here.

    Returns
    -------
    str
        ``[...]``, a set of characters.

    Examples
    --------
    >>> import re
    >>> bool(re.fullmatch(f"e{combining_marks()}", "e\u0301"))
    True
    """
    marks = [c for c in map(chr, range(sys.maxunicode + 1)) if category(c)[0] == "M"]
    return f"[\u200c\u200d{''.join(marks)}]"


@cache
def word_pattern() -> re.Pattern[str]:
    """Compile the pattern of a word, or of a character that belongs to none.

    What it matches is said in words by `seqlearn.preprocessing.Tokenizer`.

    Returns
    -------
    re.Pattern

    Examples
    --------
    >>> word_pattern().findall("A well-made film; don't!")
    ['A', 'well-made', 'film', ';', "don't", '!']
    """
    mark = combining_marks()
    inside = [
        r"['\u2019\u2010\u2011-]\w+",
        r"(?<=\d)[.,](?=\d)\w+",
        rf"(?!\s){mark}+\w*",  # a space is told from a mark sooner by \s
    ]
    return re.compile(rf"\w+(?:{'|'.join(inside)})*|\S{mark}*")


def read_column(X: Any, name: str = "X", reader: str = "Tokenizer", accepted: str = COLUMN) -> list:
    """Undo the container of a column of texts; the cells are for the caller to judge.

    Parameters
    ----------
    X : object
        List, tuple, other sequence, 1-D array, or a column of pandas, polars or pyarrow.
    name, reader, accepted : str
        What X is, who reads it and what that takes, for messages.

    Returns
    -------
    list of N cells

    Raises
    ------
    DataFormatError
        One bare string, a table, or something that is not a sequence.

    Examples
    --------
    >>> import numpy as np
    >>> read_column(np.array(["One.", "Two."]))
    ['One.', 'Two.']
    """
    if isinstance(X, str | bytes):
        raise DataFormatError(
            "Iterable over raw text documents expected, string object received. Pass "
            f"{'[text]' if name == 'X' else f'[{name}]'} for one text."
        )
    refuse_container(X, name)
    ndim = getattr(X, "ndim", 1)
    if ndim != 1 or hasattr(X, "columns"):
        raise DataFormatError(
            f"{name} is a {type(X).__name__} of shape {getattr(X, 'shape', None)}; {reader} "
            f"accepts {accepted}. Pass one column: {name}['text'], or {name}[:, 0] of an array; a "
            "ColumnTransformer gives one for the column 'text', not ['text']."
        )
    if isinstance(X, dict | set | frozenset) or not (
        hasattr(X, "__len__") and hasattr(X, "__iter__")
    ):
        advice = f"Pass list({name})" if hasattr(X, "__iter__") else "Pass [text] for one text"
        raise DataFormatError(
            f"{name} is of type {type(X).__name__}; {reader} accepts {accepted}. {advice}."
        )
    cells = unpack_targets(list(X) if isinstance(X, KeysView) else X, name)
    return cells if isinstance(cells, list) else cells.tolist()
