"""Where a text that is being written ends: strings, or tokens, with which it is complete."""

from typing import Any

from seqlearn.data.messages import show
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.language.tokens import Tokens

__all__ = ["Stops"]


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
    prefix : str, list of str or None
        What stands in front of them.
    before : list of str
        The tokens of the prefix.

    Raises
    ------
    InvalidParameterError
        ``stop`` is something else, or holds an empty string.
    """

    def __init__(self, stop: Any, targets: Tokens, n_samples: int, prefix: Any, before: list[str]):
        found = [] if stop is None else [stop] if isinstance(stop, str) else stop
        is_list = isinstance(found, list | tuple)
        if not is_list or not all(isinstance(one, str) and one for one in found):
            raise InvalidParameterError(
                "stop of LSTMLanguageModel.sample must be a string, a list of strings, none of "
                f"them empty, or None. Got {show(stop)}."
            )
        self.strings, self.unit, self.labels = list(found), targets.unit, targets.labels
        self.prefix = prefix if isinstance(prefix, str) else ""
        self.before = before
        self.written: list[list[str]] = [[] for _ in range(n_samples)]
        self.longest = max(map(len, self.strings), default=0)

    def __call__(self, sample: int, code: int) -> bool:
        """Whether a text ends with this next code of it."""
        if not self.strings:
            return False
        token, written = str(self.labels[code]), self.written[sample]
        if self.unit is None:
            return token in self.strings
        written.append(token)
        # A token has a character at least. How words join hangs on those before them, so what seems
        # to be a stop in the last of them is looked for in all.
        n = self.longest + 1
        if len(written) > n and self._end(self.unit.join(written[-n:])) is None:
            return False
        return self._end(self._continued(written)) is not None

    def finished(self, tokens: list[str]) -> Any:
        """Return the prefix and the tokens after it, up to the end of the first stop in these."""
        if self.unit is None:
            return [*self.before, *tokens]
        text = self._continued(tokens)
        return self.prefix + text[: self._end(text)]

    def _end(self, text: str) -> int | None:
        """Return where the first stop in a text ends."""
        return min((text.find(one) + len(one) for one in self.strings if one in text), default=None)

    def _continued(self, tokens: list[str]) -> str:
        """Return what stands after the prefix, as it joins on to it."""
        assert self.unit is not None, "lists of tokens are not joined"
        join, before = self.unit.join, self.before
        text = join([*before, *tokens])[len(join(before)) :]
        # A prefix may bring the space that words are joined by.
        brings = not self.unit.gapless and self.prefix[-1:].isspace()
        return text.removeprefix(" ") if brings else text
