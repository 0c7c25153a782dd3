"""Training that goes on from the last fit: what has to be as it was then."""

from typing import Any

from seqlearn.errors import InvalidParameterError
from seqlearn.printing import short_repr

__all__ = ["refuse_change"]


def refuse_change(name: str, was: Any, now: Any) -> None:
    """Raise an InvalidParameterError if what training is to go on from was fitted otherwise."""
    if now != was:
        raise InvalidParameterError(
            f"warm_start and partial_fit continue the network of the last fit, in which {name} was "
            f"{short_repr(was)}; now it is {short_repr(now)}. Set it back, or call fit with "
            "warm_start=False."
        )
