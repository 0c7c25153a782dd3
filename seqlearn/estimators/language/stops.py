"""Where a text that is being written ends: strings, or tokens, with which it is complete."""

from typing import Any

from seqlearn.data.messages import show
from seqlearn.data.text_units import TextUnit
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.language.tokens import Tokens

__all__ = ["Stops", "continued"]


class Stops:
    """Strings that end a text; of lists of tokens, tokens.

    Parameters
    ----------
    stop : str, list of str or None
        What the user gave.
    targets : Tokens
        What is known of tokens.
    n_samples : int
        How many texts are written at once.

    Raises
    ------
    InvalidParameterError
        ``stop`` is something else, or holds an empty string.
    """

    def __init__(self, stop: Any, targets: Tokens, n_samples: int):
        found = [] if stop is None else [stop] if isinstance(stop, str) else stop
        is_list = isinstance(found, list | tuple)
        if not is_list or not all(isinstance(one, str) and one for one in found):
            raise InvalidParameterError(
                "stop of LSTMLanguageModel.sample must be a string, a list of strings, none of "
                f"them empty, or None. Got {show(stop)}."
            )
        self.strings, self.unit, self.labels = list(found), targets.unit, targets.labels
        self.tails: list[list[str]] = [[] for _ in range(n_samples)]
        self.longest = max(map(len, self.strings), default=0)

    def __call__(self, sample: int, code: int) -> bool:
        """Whether a text ends with this next code of it."""
        if not self.strings:
            return False
        token = str(self.labels[code])
        if self.unit is None:
            return token in self.strings
        tail = self.tails[sample]
        tail.append(token)
        del tail[: -self.longest - 1]  # each token has a character at least
        written = self.unit.join(tail)
        return any(one in written for one in self.strings)

    def cut(self, text: str) -> str:
        """Return what is written up to the end of the first stop in it."""
        ends = [text.find(one) + len(one) for one in self.strings if one in text]
        return text[: min(ends)] if ends else text


def continued(before: list[str], tokens: list[str], unit: TextUnit) -> str:
    """Return what stands after a prefix, whose tokens are ``before``, as it joins on to it."""
    return unit.join([*before, *tokens])[len(unit.join(before)) :] if before else unit.join(tokens)
