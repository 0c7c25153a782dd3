"""Recommenders that count: popularity, items seen together, and Markov chains over items.

Each learns from sessions, lists of steps, and returns the pessimistic rank of the next item at
every step of others, as `seqlearn.LSTMRecommender.rank_steps` does. A step is an item, or a tuple
that begins with one; Markov chains then look at the whole tuple.
"""

from collections import Counter, defaultdict
from typing import Any

import numpy as np

__all__ = ["ItemNeighbours", "Markov", "Popularity"]

SHRINKAGE = 3.0  # sightings that a shorter context counts as


class Popularity:
    """Scores items by how often they occur."""

    def fit(self, sessions: list[list]) -> Any:
        """Count items; unknown ones are left out later."""
        self.items = sorted({_item(step) for row in sessions for step in row})
        self.codes = {item: code for code, item in enumerate(self.items)}
        flat = [self.codes[_item(step)] for row in sessions for step in row]
        self.shares = np.bincount(flat, minlength=len(self.items)) / len(flat)
        self._learn(sessions)
        return self

    def rank_steps(self, sessions: list[list]) -> np.ndarray:
        """Return the rank of each next item, 1 the best."""
        ranks = []
        for row in sessions:
            known = [step for step in row if _item(step) in self.codes]
            for place in range(1, len(known)):
                scores = self._scores(known[:place])
                ranks.append((scores >= scores[self.codes[_item(known[place])]]).sum())
        return np.array(ranks)

    def _learn(self, sessions: list[list]) -> None:
        """Learn more than shares."""

    def _scores(self, prefix: list) -> np.ndarray:
        return self.shares


class ItemNeighbours(Popularity):
    """Scores items by the cosine of their sessions and those of the last item."""

    def _learn(self, sessions: list[list]) -> None:
        together = np.zeros((len(self.items), len(self.items)))
        for row in sessions:
            own = sorted({self.codes[_item(step)] for step in row})
            together[np.ix_(own, own)] += 1
        sizes = np.sqrt(np.diag(together))
        self.cosines = together / sizes[:, None] / sizes
        np.fill_diagonal(self.cosines, 0.0)  # the last item is rarely the next one again

    def _scores(self, prefix: list) -> np.ndarray:
        return self.cosines[self.codes[_item(prefix[-1])]]


class Markov(Popularity):
    """Scores items by what followed the last steps, shorter contexts filling in for longer ones.

    Parameters
    ----------
    order : int
        Steps of the longest context.
    """

    def __init__(self, order: int):
        self.order = order

    def _learn(self, sessions: list[list]) -> None:
        self.followed: Any = defaultdict(Counter)
        for row in sessions:
            for place in range(1, len(row)):
                code = self.codes[_item(row[place])]
                for order in range(1, min(self.order, place) + 1):
                    self.followed[tuple(row[place - order : place])][code] += 1

    def _scores(self, prefix: list) -> np.ndarray:
        scores = self.shares.copy()
        for order in range(1, min(self.order, len(prefix)) + 1):
            found = self.followed.get(tuple(prefix[-order:]))
            if found is not None:
                scores *= SHRINKAGE
                scores[list(found)] += list(found.values())
                scores /= sum(found.values()) + SHRINKAGE
        return scores


def _item(step: Any) -> Any:
    return step[0] if isinstance(step, tuple) else step
