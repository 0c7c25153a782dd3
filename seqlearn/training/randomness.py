"""Seeds: one number from ``random_state``, and an own generator for each use of chance.

Initialisation, order of batches, dropout and splits each draw from a generator of their own, so
that equal seeds give equal bits, in threads too, and no global random state is read or written.
"""

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import nn

from seqlearn.backend import Dropout

__all__ = ["Seeds"]


class Seeds:
    """Independent seeds derived from a scikit-learn ``random_state``.

    Parameters
    ----------
    random_state : int, RandomState or None
        None draws fresh entropy from the operating system, never from ``np.random``'s global
        state, which stays untouched. A RandomState advances by one draw.
    stream : int
        Different streams of one ``random_state`` are independent: training that continues does not
        repeat the dropout masks of what went before.

    Examples
    --------
    >>> Seeds(0).split == Seeds(0).split
    True
    """

    def __init__(self, random_state=None, stream: int = 0):
        entropy = None
        if random_state is not None:
            entropy = [
                int(check_random_state(random_state).randint(np.iinfo(np.int32).max)),
                stream,
            ]
        drawn = np.random.SeedSequence(entropy).generate_state(4, dtype=np.uint32)
        self.weights, self.batches, self.dropout, self.split = (int(seed) for seed in drawn)

    def generator(self, seed: int) -> torch.Generator:
        """Return a CPU generator that starts at ``seed``, one of the attributes."""
        return torch.Generator().manual_seed(seed)

    def samples(self, n: int) -> list[np.random.SeedSequence]:
        """Return a seed for each of ``n`` samples: the first ones are the same for any ``n``."""
        return np.random.SeedSequence(self.batches).spawn(n)

    def reseed_dropout(self, module: nn.Module) -> None:
        """Give every `Dropout` inside ``module`` masks of its own."""
        layers = dropouts(module)
        seeds = np.random.SeedSequence(self.dropout).generate_state(len(layers))
        for layer, seed in zip(layers, seeds, strict=True):
            layer.reseed(int(seed))


def dropouts(module: nn.Module) -> list[Dropout]:
    """Return every `Dropout` inside a module, always in the same order."""
    return [part for part in module.modules() if isinstance(part, Dropout)]
