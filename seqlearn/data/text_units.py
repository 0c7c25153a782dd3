r"""How a text becomes tokens, and tokens a text again.

A `TextUnit` is what a model of text keeps of that choice: characters, words, pieces of words
(byte-pair encoding), or a tokenizer of the user. `read_texts` tells texts from lists of tokens,
which are never divided again.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from seqlearn.data.containers import is_missing
from seqlearn.data.continued import refuse_change
from seqlearn.data.messages import show
from seqlearn.data.plain import Record
from seqlearn.data.subwords import Subwords
from seqlearn.data.targets import unpack_targets
from seqlearn.data.texts import COLUMN, read_column, word_pattern
from seqlearn.errors import DataFormatError, InvalidParameterError

__all__ = ["TextUnit", "join_words", "learn_unit", "read_texts"]

UNITS = ("char", "word", "bpe")
ACCEPTED = f"{COLUMN}, or a list of lists of tokens"
NO_SPACE_BEFORE = frozenset(".,;:!?)]}%\u2019\u201d\u00bb\u203a\u2026")
NO_SPACE_AFTER = frozenset("([{\u00bf\u00a1\u2018\u201c\u201e\u201a\u00ab\u2039")
STRAIGHT = frozenset("\"'")  # quotes that look the same before and after: by turns


@dataclass(frozen=True)
class TextUnit(Record):
    """What a token of a text is; use `learn_unit` to make one.

    Parameters
    ----------
    kind : {"char", "word", "bpe", "tokenizer"}
        Characters, words, pieces of words, or what a tokenizer gives.
    subwords : Subwords or None, default=None
        The pieces of ``kind="bpe"``.
    tokenizer : object or None, default=None
        That of ``kind="tokenizer"``.
    gapless : bool, default=False
        Whether the tokens, one after the other, are the text; else they are words, see
        `join_words`.
    size : int or None, default=None
        The number of pieces asked for, of ``kind="bpe"``.

    Examples
    --------
    >>> unit = learn_unit("word", ["Who's there?"])
    >>> unit.cut(["Who's there?", ""])
    [["Who's", 'there', '?'], []]
    >>> unit.join(["Nay", ",", "answer", "me", "."])
    'Nay, answer me.'
    """

    kind: str
    subwords: Subwords | None = None
    tokenizer: Any = None
    gapless: bool = False
    size: int | None = None

    def cut(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the tokens of each text.

        Parameters
        ----------
        texts : list of N str
            As `read_texts` returns them.

        Returns
        -------
        list of N lists of str

        Raises
        ------
        DataFormatError
            When a tokenizer of the user returns anything else.
        """
        if self.kind == "char":
            return list(map(list, texts))
        if self.kind == "word":
            return list(map(word_pattern().findall, texts))
        if self.subwords is not None:
            return list(map(self.subwords.cut, texts))
        return _read_tokens(self.tokenizer, self.tokenizer.transform(list(texts)), len(texts))

    def join(self, tokens: Iterable[str]) -> str:
        """Return the text that tokens make up.

        Parameters
        ----------
        tokens : iterable of str
            Characters and pieces are put one after the other, so that `cut` is undone exactly;
            words by the rule of `join_words`.

        Returns
        -------
        str
        """
        return "".join(tokens) if self.gapless else join_words(tokens)

    def check_continued(self, unit: Any, size: int) -> None:
        """Refuse another unit, or number of pieces, than `learn_unit` made this of.

        Raises
        ------
        InvalidParameterError
            Naming which of them is another.
        """
        was: Any = self.kind
        if self.tokenizer is not None:
            # A copy that was saved and loaded is another object, so what it says of itself counts.
            was, unit = _described(self.tokenizer), _described(unit)
        refuse_change("unit", was, unit)
        if self.size is not None:
            refuse_change("vocabulary_size", self.size, size)


def learn_unit(unit: Any, texts: Sequence[str], size: int = 3000, weights: Any = None) -> TextUnit:
    """Return the unit that a user names, with what it learns from the texts.

    Parameters
    ----------
    unit : {"char", "word", "bpe"} or object
        What a token is: a character (code point); a word or sign, as
        `seqlearn.preprocessing.Tokenizer` finds them; a piece of a word, learned here; or a
        tokenizer, an object whose ``transform`` takes a list of str and returns a list of lists of
        str. Of a tokenizer a copy is kept. If the tokens that it finds make up every text, as
        characters do, they are joined without spaces, else by the rule of `join_words`.
    texts : sequence of N str
        Texts to learn from.
    size : int, default=3000
        The number of pieces of ``"bpe"``; of no matter to the others.
    weights : array-like of shape (N,), optional
        For how many texts each stands, for ``"bpe"``.

    Returns
    -------
    TextUnit

    Raises
    ------
    InvalidParameterError
        When ``unit`` is none of these, or ``size`` not a positive integer.
    DataFormatError
        When a tokenizer returns something else than lists of tokens.

    Examples
    --------
    >>> unit = learn_unit("bpe", ["to be or not to be"] * 2, size=20)
    >>> unit.cut(["to bet"])
    [['to', ' be', 't']]
    >>> unit.join(unit.cut(["to bet"])[0])
    'to bet'
    """
    if isinstance(unit, str) and unit in UNITS:
        subwords = Subwords.learn(texts, size, weights) if unit == "bpe" else None
        asked = int(size) if unit == "bpe" else None
        return TextUnit(str(unit), subwords, gapless=unit != "word", size=asked)
    if isinstance(unit, str | type) or not callable(getattr(unit, "transform", None)):
        raise InvalidParameterError(
            f"{unit!r} is no unit of a text: choose one of {', '.join(map(repr, UNITS))}, or pass "
            "a tokenizer such as seqlearn.preprocessing.Tokenizer(), an object whose transform "
            "takes a list of strings and returns a list of lists of strings."
        )
    found = TextUnit("tokenizer", tokenizer=copy.deepcopy(unit))
    rows = found.cut(texts)
    whole = all("".join(row) == text for row, text in zip(rows, texts, strict=True))
    several = any(len(row) > 1 for row in rows)
    return TextUnit("tokenizer", tokenizer=found.tokenizer, gapless=whole and several)


def _described(tokenizer: Any) -> Any:
    """Return what tells tokenizers apart: their class and parameters, where they have these."""
    has_parameters = not isinstance(tokenizer, type) and hasattr(tokenizer, "get_params")
    parameters = tokenizer.get_params() if has_parameters else {}
    return f"{type(tokenizer).__name__}({', '.join(f'{k}={v!r}' for k, v in parameters.items())})"


def join_words(tokens: Iterable[str]) -> str:
    r"""Join words and punctuation to a text, by a plain rule.

    There is one space between two tokens, but none

    - before a token that starts with one of ``. , ; : ! ? ) ] } %``, a closing quote (\u2019 \u201d
      \u00bb \u203a) or an ellipsis;
    - after a token that ends with one of ``( [ {``, an opening quote (\u2018 \u201c \u201e \u201a
      \u00ab \u2039), \u00bf or \u00a1;
    - before or after a token that is white space, such as a line break;
    - inside of straight quotes, ``"`` and ``'`` as tokens of their own: by turns they open and
      close, and after a line break the next one opens.

    It does not know how the text was written, so that spaces in front of units and around dashes
    may differ.

    Parameters
    ----------
    tokens : iterable of str
        Words, signs and line breaks.

    Returns
    -------
    str

    Examples
    --------
    >>> join_words(["He", "said", ":", '"', "Go", "(", "now", ")", '"', ".", "\n", "Ay", "."])
    'He said: "Go (now)".\nAy.'
    """
    parts: list[str] = []
    open_quotes: set[str] = set()
    glued = True  # whether the next token follows without a space
    for token in tokens:
        if token.isspace():
            parts.append(token)
            glued = True
            if "\n" in token:
                open_quotes.clear()
        elif token:
            opens = token in STRAIGHT and token not in open_quotes
            closes = token in STRAIGHT and not opens
            if not (glued or closes or token[0] in NO_SPACE_BEFORE):
                parts.append(" ")
            parts.append(token)
            glued = opens or token[-1] in NO_SPACE_AFTER
            open_quotes ^= {token} & STRAIGHT
    return "".join(parts)


def read_texts(X: Any, what: str = "X") -> tuple[list[str] | None, list[list[str]] | None]:
    """Tell whether X holds texts or lists of tokens, and return them as lists.

    Parameters
    ----------
    X : list, tuple, 1-D array or Series of N str, or of N sequences of str
        Texts, or the tokens of each, lists, tuples or 1-D arrays. Columns of pandas, polars and
        pyarrow too.
    what : str, default="X"
        What X is, for messages.

    Returns
    -------
    texts : list of N str, or None
        If X holds texts, or nothing.
    tokens : list of N lists of str, or None
        If X holds lists of tokens, empty ones among them.

    Raises
    ------
    DataFormatError
        One bare string, a mixture of texts and lists, or something else than str; the row is named,
        and the step inside of a list.

    Examples
    --------
    >>> read_texts(("To be", "or not"))
    (['To be', 'or not'], None)
    >>> read_texts([["To", "be"], []])
    (None, [['To', 'be'], []])
    """
    cells = read_column(X, what, "seqlearn", ACCEPTED)
    kinds = set(map(type, cells))
    if all(issubclass(kind, str) for kind in kinds):
        return cells if kinds <= {str} else list(map(str.__str__, cells)), None
    if isinstance(cells[0], str):
        i = next(i for i, cell in enumerate(cells) if not isinstance(cell, str))
        _refuse(f"Row {i} of {what}", cells[i], "a text, as row 0 is")
    wanted = "a text or a list of tokens"
    rows = []
    for i, cell in enumerate(cells):
        rows.append(_read_row(cell, f"Row {i} of {what}", wanted))
        wanted = "a list of tokens, as row 0 is"
    return None, rows


def _read_row(row: Any, place: str, wanted: str = "a list of tokens") -> list[str]:
    """Return the tokens of one row as a list of str."""
    if type(row) is not list:
        is_row = hasattr(row, "__len__") and hasattr(row, "__iter__")
        if not is_row or isinstance(row, str | bytes | dict | set) or getattr(row, "ndim", 1) != 1:
            _refuse(place, row, wanted)
        cells = unpack_targets(row, place)
        row = cells if isinstance(cells, list) else cells.tolist()
    kinds = set(map(type, row))
    if kinds <= {str}:
        return list(row)
    for step, token in enumerate(row):
        if not isinstance(token, str):
            _refuse(f"{place}, step {step},", token, "a token, a string")
    return list(map(str.__str__, row))


def _refuse(place: str, found: Any, wanted: str) -> NoReturn:
    if isinstance(found, bytes):
        advice = "Decode it: text.decode()."
    elif isinstance(found, str | list | tuple | np.ndarray):
        advice = "Pass all rows as texts, or all as lists of tokens."
    elif is_missing(found):
        advice = "It is missing: drop the row, with what belongs to it in other arguments."
    else:
        advice = "Convert it with str."
    raise DataFormatError(
        f"{place} is {show(found)}, of type {type(found).__name__}, not {wanted}. Accepted are "
        f"{ACCEPTED}. {advice}"
    )


def _read_tokens(tokenizer: Any, rows: Any, n: int) -> list[list[str]]:
    """Return what a tokenizer of the user gave, if it is a list of tokens for each of n texts."""
    name = type(tokenizer).__name__
    if not isinstance(rows, list | tuple | np.ndarray) or len(rows) != n:
        what = f"{len(rows)} rows" if hasattr(rows, "__len__") else f"a {type(rows).__name__}"
        raise DataFormatError(
            f"The transform of the tokenizer {name} returned {what} for {n} texts; it must return "
            "a list with a list of strings, the tokens, for each text."
        )
    return [
        _read_row(row, f"Row {i} of what the tokenizer {name} returned")
        for i, row in enumerate(rows)
    ]
