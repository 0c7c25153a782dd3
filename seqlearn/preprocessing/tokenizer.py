"""`Tokenizer`: texts become lists of tokens, which the estimators take as sequences.

Which tokens are known and what number each has is learned by the estimators, not here; nothing
here needs torch.
"""

import re
from typing import Any

import numpy as np

from seqlearn.data.messages import show
from seqlearn.data.texts import read_column, word_pattern
from seqlearn.errors import DataFormatError
from seqlearn.parameter_checks import refuse
from seqlearn.preprocessing.stateless import StatelessTransformer

__all__ = ["Tokenizer"]

LEVELS = ("word", "character")


class Tokenizer(StatelessTransformer):
    r"""Split texts into words or characters.

    Nothing is learned, so `transform` needs no `fit`. At word level, without a ``pattern``, a token
    is one of two things, and only white space is lost:

    - a word: letters, digits and underscores, with apostrophes and hyphens inside it ("don't",
      "well-made") and full stops and commas between its digits ("1,000.5");
    - any other character on its own, punctuation or a symbol.

    Accents and other marks stay with their character in either form, composed or not. A run of
    letters is one token also in languages that put no spaces between words, such as Chinese, Thai
    and Japanese: take ``level="character"`` for them. At character level every code point of the
    text is a token, spaces included; those that make up one visible character, such as a letter
    and its accent or a flag, are not held together.

    A text without tokens, such as the empty one, gives an empty list. In prediction the estimators
    answer it as a text without a known token; in ``fit`` they refuse and name it: leave such texts,
    and their targets, out of training.

    Parameters
    ----------
    level : {"word", "character"}, default="word"
        What a token is.
    lowercase : bool, default=False
        Whether to bring the texts to lower case first, by ``str.lower``.
    pattern : str, compiled pattern or None, default=None
        A regular expression of `re`; its matches are the tokens, what lies between them is lost.
        Groups play no role, and empty matches are passed over. None is the above. Only for
        ``level="word"``.

    Examples
    --------
    >>> from seqlearn.preprocessing import Tokenizer
    >>> Tokenizer().transform(["A well-made film; don't miss it!"])
    [['A', 'well-made', 'film', ';', "don't", 'miss', 'it', '!']]
    >>> Tokenizer(lowercase=True, pattern=r"\w+").transform(["Don't!"])
    [['don', 't']]
    >>> Tokenizer("character").transform(["No.", ""])
    [['N', 'o', '.'], []]
    """

    def __init__(
        self,
        level: str = "word",
        lowercase: bool = False,
        pattern: str | re.Pattern[str] | None = None,
    ):
        self.level = level
        self.lowercase = lowercase
        self.pattern = pattern

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags

    def fit(self, X: Any, y: Any = None) -> "Tokenizer":
        """Check the parameters and the texts; nothing is learned.

        Parameters
        ----------
        X : list, tuple, 1-D array or Series of N str
            Texts.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            A parameter is not one of those accepted.
        DataFormatError
            X is not a sequence of strings.
        """
        self._compile()
        _read_texts(X)
        return self

    def transform(self, X: Any) -> list[list[str]]:
        """Return the tokens of each text.

        Parameters
        ----------
        X : list, tuple, 1-D array or Series of N str
            Texts.

        Returns
        -------
        list of N lists of str
            A list whatever the container of X, and whatever `set_output` was told.

        Raises
        ------
        InvalidParameterError
            A parameter is not one of those accepted.
        DataFormatError
            X is not a sequence of strings.
        """
        pattern = self._compile()
        texts = _read_texts(X)
        if self.lowercase:
            texts = [text.lower() for text in texts]
        if pattern is None:
            return [list(text) for text in texts]
        if pattern.groups == 0:  # then the matches are what findall returns, and it is quicker
            return [[token for token in pattern.findall(text) if token] for text in texts]
        return [[match[0] for match in pattern.finditer(text) if match[0]] for text in texts]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return one name, that of the column of texts: tokens stay one column.

        Pipelines ask for it, on the way to the names of a later step.

        Parameters
        ----------
        input_features : array-like of one str, optional
            As in scikit-learn.

        Returns
        -------
        ndarray of one str
        """
        return np.asarray(["x0"] if input_features is None else input_features, dtype=object)

    def _compile(self) -> re.Pattern[str] | None:
        """Check the parameters; return the pattern of a token, None for single characters."""
        if not isinstance(self.level, str) or self.level not in LEVELS:
            refuse(self, "level", f"one of {LEVELS}")
        if not isinstance(self.lowercase, bool) and type(self.lowercase).__name__ != "bool":
            refuse(self, "lowercase", "True or False")
        if self.pattern is None:
            return word_pattern() if self.level == "word" else None
        if self.level != "word":
            refuse(self, "pattern", f"None with level={self.level!r}: each character is a token")
        try:
            pattern = re.compile(self.pattern)
        except (TypeError, re.error) as cause:
            refuse(self, "pattern", f"a regular expression ({cause}) or None")
        if not isinstance(pattern.pattern, str):
            refuse(self, "pattern", "a regular expression for str, not bytes, or None")
        return pattern


def _read_texts(X: Any) -> list[str]:
    """Return the texts as a list; refuse what is not a sequence of strings."""
    texts = read_column(X)
    bad = [i for i, text in enumerate(texts) if not isinstance(text, str)]
    if bad:
        raise DataFormatError(_describe(texts[bad[0]], bad))
    return texts


def _describe(found: Any, bad: list[int]) -> str:
    more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    if isinstance(found, bytes):
        advice = "Decode it: text.decode()."
    elif isinstance(found, list | tuple):
        advice = "Texts that are split already need no Tokenizer."
    else:
        advice = "Convert it with str, or, if it is missing, drop it and its target."
    return (
        f"Text {bad[0]} of X is {show(found)}, a {type(found).__name__}, not a string{more}. "
        f"Tokenizer accepts strings only. {advice}"
    )
