"""What a transcriber knows of strings besides their sound: words, a language, how long they are.

`Knowledge` is a `seqlearn.modules.prefix_beam.StringScorer`, of parts that each are one, too.
"""

from typing import Any

import numpy as np
import torch

from seqlearn.data.messages import listed, show
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.transcription.symbols import Strings
from seqlearn.states import join_states, select_rows

__all__ = ["Knowledge", "check_language_model", "check_lexicon"]

SPACE, END, UNKNOWN = " ", "<end>", "<unk>"
LEAST = 1e-30  # probability whose logarithm is taken


def check_lexicon(value: Any) -> str | None:
    """Accept None, or words."""
    wanted = "a list of words, none of them empty or with a space, or None"
    if value is None:
        return None
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return wanted
    are_words = [isinstance(one, str) and len(one) > 0 and SPACE not in one for one in value]
    return None if are_words and all(are_words) else wanted


def check_language_model(value: Any) -> str | None:
    """Accept None, or what says how texts go on."""
    if value is None or hasattr(value, "step") or hasattr(value, "predict_proba"):
        return None
    return "an LSTMLanguageModel, an object with predict_proba and vocabulary_, or None"


class Knowledge:
    """The sum of what its parts say.

    Parameters
    ----------
    targets : Strings
        The symbols of the transcriber.
    lexicon : list of str or None
        Words that texts of characters are made of.
    language_model : object or None
        With ``vocabulary_``, and ``step`` as `LSTMLanguageModel` has it, or ``predict_proba``.
    language_weight : float
        What its log-probabilities are multiplied by.
    symbol_bonus : float
        What is added for each symbol.
    """

    def __init__(
        self,
        targets: Strings,
        lexicon: Any,
        language_model: Any,
        language_weight: float,
        symbol_bonus: float,
    ):
        self.bonus = symbol_bonus
        self.parts: list[Any] = []
        self.n_symbols = targets.output_size
        self.lexicon = None if lexicon is None else _Lexicon(targets, list(lexicon))
        if self.lexicon is not None:
            self.parts.append(self.lexicon)
        if language_model is not None:
            self.parts.append(_Language(targets, language_model, language_weight))

    def begin(self, n: int) -> tuple[Any, np.ndarray]:
        """Return the states of n empty strings, and the scores of going on."""
        return self._sum([part.begin(n) for part in self.parts], n)

    def go_on(self, state: Any, parents: np.ndarray, codes: np.ndarray) -> tuple[Any, np.ndarray]:
        """Return states and scores of strings with a symbol more."""
        pairs = zip(self.parts, state, strict=True)
        return self._sum([part.go_on(own, parents, codes) for part, own in pairs], len(codes))

    def join(self, states: list[Any], order: np.ndarray) -> Any:
        """Return the states, put together, of the strings with these numbers."""
        of_parts = zip(self.parts, zip(*states, strict=True), strict=True)
        return tuple(part.join(list(own), order) for part, own in of_parts)

    def end(self, state: Any) -> np.ndarray:
        """Return the score of ending."""
        return sum((p.end(own) for p, own in zip(self.parts, state, strict=True)), np.zeros(1))

    def finished(self, codes: np.ndarray) -> np.ndarray:
        """Return a string without what its lexicon does not let stand at the end."""
        return codes if self.lexicon is None else self.lexicon.finished(codes)

    def _sum(self, answers: list[tuple[Any, np.ndarray]], n: int) -> tuple[Any, np.ndarray]:
        scores = np.full((n, self.n_symbols), self.bonus)
        for _, own in answers:
            scores = scores + own
        return tuple(state for state, _ in answers), scores


class _Lexicon:
    """Texts are words with one space between; the state is a place in the tree of their letters."""

    def __init__(self, targets: Strings, words: list[str]):
        if targets.kind != "texts" or targets.unit != "char":
            raise InvalidParameterError(
                "lexicon= says which words texts of characters are made of; here a symbol is "
                f"{'a word' if targets.kind == 'texts' else 'a thing of its own'} already. Set "
                "lexicon=None."
            )
        code = {symbol: i for i, symbol in enumerate(targets.symbols.tolist(), start=1)}
        unknown = sorted({letter for word in words for letter in word if letter not in code})
        if unknown:
            raise InvalidParameterError(
                f"lexicon holds words with {listed(unknown)}, which fit has never seen. Leave them "
                "out, or fit on data with all letters."
            )
        tree: list[dict[int, int]] = [{}, {}]  # 0 is the beginning, 1 follows a space
        is_word = [False, False]
        for word in dict.fromkeys(words):
            at = 1
            for letter in word:
                if code[letter] not in tree[at]:
                    tree[at][code[letter]] = len(tree)
                    tree.append({})
                    is_word.append(False)
                at = tree[at][code[letter]]
            is_word[at] = True
        tree[0] = tree[1]
        self.space = code.get(SPACE, 0)
        self.next = np.zeros((len(tree), targets.output_size + 1), np.int64)
        for at, branches in enumerate(tree):
            self.next[at, list(branches)] = list(branches.values())
        if self.space:
            self.next[is_word, self.space] = 1
        self.scores = np.where(self.next[:, 1:] > 0, 0.0, -np.inf)  # nothing leads back to 0
        is_word[0] = True
        self.ends = np.where(is_word, 0.0, -np.inf)

    def begin(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(n, np.int64), np.repeat(self.scores[:1], n, axis=0)

    def go_on(
        self, state: np.ndarray, parents: np.ndarray, codes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        state = self.next[state[parents], codes]
        return state, self.scores[state]

    def join(self, states: list[np.ndarray], order: np.ndarray) -> np.ndarray:
        return np.concatenate(states)[order]

    def end(self, state: np.ndarray) -> np.ndarray:
        return self.ends[state]

    def finished(self, codes: np.ndarray) -> np.ndarray:
        """Return a string up to the end of its last whole word."""
        at = 0
        for code in codes.tolist():
            at = self.next[at, code]
        if np.isfinite(self.ends[at]):
            return codes
        spaces = np.flatnonzero(codes == self.space) if self.space else np.zeros(0, np.int64)
        return codes[: spaces[-1]] if len(spaces) else codes[:0]


class _Language:
    """How likely a language model finds each symbol after those before it, and the end."""

    def __init__(self, targets: Strings, model: Any, weight: float):
        tokens = getattr(model, "vocabulary_", None)
        if tokens is None:
            raise InvalidParameterError(
                f"language_model={show(model)} has no vocabulary_, so it is not fitted. Fit it "
                "first; so that clone and searches keep it, wrap it: "
                "sklearn.frozen.FrozenEstimator(model)."
            )
        places = {token: i for i, token in enumerate(np.asarray(tokens, object).tolist())}
        symbols = targets.symbols.tolist()
        unknown = [one for one in symbols if one not in places]
        if len(unknown) == len(symbols) or (unknown and UNKNOWN not in places):
            raise InvalidParameterError(
                f"language_model does not know the symbols {listed(unknown)}: its tokens are "
                f"{listed(list(places))}. Fit it on the same units: unit='char' for texts of "
                "characters, lists of the words or symbols otherwise."
            )
        self.names = np.array([None, *symbols], object)
        self.columns = np.array([places.get(one, places.get(UNKNOWN)) for one in symbols])
        self.end_column = places.get(END)
        self.weight = weight
        self.model = model if hasattr(model, "step") else _Rereading(model, targets)

    def begin(self, n: int) -> tuple[Any, np.ndarray]:
        values, state = self.model.step(n)
        return self._answer(values, state)

    def go_on(self, state: Any, parents: np.ndarray, codes: np.ndarray) -> tuple[Any, np.ndarray]:
        carried = select_rows(state[0], torch.as_tensor(parents))
        values, carried = self.model.step(self.names[codes].tolist(), carried)
        return self._answer(values, carried)

    def join(self, states: list[Any], order: np.ndarray) -> Any:
        index = torch.as_tensor(order)
        return select_rows(join_states(states), index)

    def end(self, state: Any) -> np.ndarray:
        return state[1][:, 0].numpy()

    def _answer(self, values: np.ndarray, carried: Any) -> tuple[Any, np.ndarray]:
        ends = np.zeros(len(values))
        if self.end_column is not None:
            ends = self.weight * values[:, self.end_column]
        state = carried, torch.as_tensor(ends)[:, None]
        return state, self.weight * values[:, self.columns]


class _Rereading:
    """The steps of a model that is asked for whole beginnings; a state is a number of one."""

    def __init__(self, model: Any, targets: Strings):
        self.model = model
        self.joined = None
        if targets.kind == "texts":
            self.joined = SPACE if targets.unit == "word" else ""
        self.begun: list[list[Any]] = [[]]

    def step(self, tokens: Any, state: Any = None) -> tuple[np.ndarray, Any]:
        if isinstance(tokens, int):
            numbers = [0] * tokens
        else:
            first = len(self.begun)
            pairs = zip(state[:, 0].tolist(), tokens, strict=True)
            self.begun += [[*self.begun[before], token] for before, token in pairs]
            numbers = [*range(first, len(self.begun))]
        rows: list[Any] = [self.begun[i] for i in numbers]
        if self.joined is not None:
            rows = [self.joined.join(row) for row in rows]
        chances = np.maximum(self.model.predict_proba(rows), LEAST)
        return np.log(chances), torch.as_tensor(numbers)[:, None]
