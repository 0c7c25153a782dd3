"""What a stream is made of: one step of an estimator, as a function of what came before.

`Steps` is the base; an estimator makes one in ``_steps``, or in its own ``stream``. It changes
nothing: a step takes a state and gives the next one, so that a step that fails leaves a stream as
it was.
"""

import hashlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seqlearn.errors import InvalidParameterError
from seqlearn.states import map_rows

__all__ = ["Steps", "begun_again", "forms"]


class Steps(ABC):
    """One step of all streams of an estimator.

    States are nested tuples of arrays or tensors, whose rows are the streams.

    Parameters
    ----------
    owner : str
        The estimator's class, for messages.
    net : SequenceNet
        The trained net.
    n_streams : int
        Streams, B.

    Attributes
    ----------
    has_probabilities : bool
        Whether there are probabilities besides answers.
    names : ndarray of str or None
        Names of the columns in ``fit``.
    """

    has_probabilities: ClassVar[bool] = False
    names: Any = None

    def __init__(self, owner: str, net: Any, n_streams: int):
        self.owner, self.net, self.n_streams = owner, net, n_streams

    @abstractmethod
    def begin(self) -> Any:
        """Return the state of all streams before their first step."""

    @abstractmethod
    def run(self, x: Any, state: Any) -> tuple[Any, Any]:
        """Return what is known after one more step ``x``, and the state to go on with.

        Raises
        ------
        DataFormatError
            x is not a step of these streams.
        """

    @abstractmethod
    def answer(self, outputs: Any) -> Any:
        """Return what a user is told of the first result of `run`."""

    def probabilities(self, outputs: Any) -> np.ndarray:
        """Return the probabilities in it, (B, C)."""
        raise NotImplementedError(f"{self.owner} has no probabilities.")

    def reset(self, state: Any, rows: np.ndarray) -> Any:
        """Return the state with some streams begun again; the bits of the others stay."""
        return begun_again(state, self.begin(), rows)

    def plain(self, state: Any) -> Any:
        """Return a state as arrays that can be kept, a row for each stream."""
        return map_rows(lambda part: part[: self.n_streams].copy(), state)

    def restored(self, plain: Any) -> Any:
        """Return the state that `plain` was made of.

        Raises
        ------
        InvalidParameterError
            It is not of as many rows, or of another kind.
        """
        refuse_other_forms(plain, self.plain(self.begin()), self.owner)
        return map_rows(np.copy, plain)

    def fingerprint(self) -> str:
        """Return what tells this model from others."""
        found = hashlib.blake2b(self.owner.encode(), digest_size=16)
        for name, value in self.net.module_.state_dict().items():
            found.update(name.encode())
            found.update(np.ascontiguousarray(value.cpu().numpy()).data)
        return found.hexdigest()


def begun_again(state: Any, fresh: Any, rows: np.ndarray) -> Any:
    """Return a state whose ``rows`` are those of a fresh one."""

    def put(part: Any, begun: Any) -> Any:
        at: Any = rows
        if isinstance(part, Tensor):
            part, at = part.clone(), torch.as_tensor(rows, device=part.device)
        else:
            part = part.copy()
        part[at] = begun[at]
        return part

    return map_rows(put, state, fresh)


def forms(plain: Any) -> Any:
    """Return shape and type of the arrays of a state, nested as they are.

    Examples
    --------
    >>> forms((np.zeros((2, 3)), None))
    (((2, 3), 'float64'), None)
    """
    if isinstance(plain, tuple):
        return tuple(map(forms, plain))
    if isinstance(plain, np.ndarray):
        return plain.shape, str(plain.dtype)
    return None if plain is None else type(plain).__name__


def refuse_other_forms(plain: Any, due: Any, owner: str) -> None:
    """Refuse a state that is not nested, shaped and typed as one that is accepted."""
    found, wanted = forms(plain), forms(due)
    if found != wanted:
        raise InvalidParameterError(
            f"The state is not one of these streams of {owner}: its rows are {found}, where "
            f"{wanted} is due. Set what the property state of a stream of the same model, with as "
            "many streams, gave."
        )
