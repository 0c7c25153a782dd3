"""Learning-rate schedules, planned in updates: the factor on ``lr`` at each update of a fit.

Planned in epochs, a schedule is coarse where it matters most: on small data an epoch is a
handful of updates. `seqlearn.training.callbacks.Scheduled` follows it.
"""

import math

__all__ = ["SCHEDULES", "Schedule"]


def _cosine(done: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * done))


def _one_cycle(done: float) -> float:
    rise = 0.3
    if done < rise:
        return 0.04 + 0.96 * _cosine(1.0 - done / rise)
    return _cosine((done - rise) / (1.0 - rise))


def _constant_then_decay(done: float) -> float:
    hold = 0.5
    return 1.0 if done < hold else _cosine((done - hold) / (1.0 - hold))


SCHEDULES = {
    "cosine": _cosine,
    "one_cycle": _one_cycle,
    "constant_then_decay": _constant_then_decay,
}


class Schedule:
    """Factor on the learning rate at update ``i`` of ``n_updates``.

    Parameters
    ----------
    name : {"cosine", "one_cycle", "constant_then_decay"}
        "cosine" falls from 1 to 0 along half a cosine (Loshchilov & Hutter 2017); "one_cycle"
        rises over the first 30 % and falls along a cosine (Smith & Topin 2018);
        "constant_then_decay" stays at 1 for half of the updates, then falls along a cosine.
    n_updates : int
        Updates planned.

    Examples
    --------
    >>> schedule = Schedule("cosine", 10)
    >>> [round(schedule(i), 2) for i in (0, 5, 9)]
    [0.99, 0.42, 0.01]
    """

    def __init__(self, name: str, n_updates: int):
        self.name = name
        self.n_updates = n_updates

    def __call__(self, update: int) -> float:
        """Return the factor for the middle of update number ``update``, counted from 0."""
        return SCHEDULES[self.name](min((update + 0.5) / self.n_updates, 1.0))
