"""What a rule is: a sentence, the backends it is about, a function that holds it up to one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product

from seqlearn.backend import Backend
from seqlearn.testing.material import Setting

__all__ = ["Rule", "backend_rule", "core_rule"]

Applies = Callable[[Backend], bool]


def _always(backend: Backend) -> bool:
    return True


@dataclass(frozen=True)
class Rule:
    """One rule of the contract; ``holds`` raises if a backend to which it applies breaks it.

    It is called with the backend or, where the rule is about cores, with each `Setting` of
    ``sizes``, pairs of a number of layers and whether there are two directions.
    """

    name: str
    sentence: str
    applies: Applies
    holds: Callable[..., None]
    sizes: tuple[tuple[int, bool], ...] = ()


def backend_rule(applies: Applies = _always) -> Callable[[Callable[[Backend], None]], Rule]:
    """Make a `Rule` of the function below: its name, and its docstring as the sentence."""
    return lambda holds: Rule(holds.__name__, " ".join(str(holds.__doc__).split()), applies, holds)


def core_rule(
    applies: Applies = _always,
    *,
    layers: Iterable[int] = (1, 2),
    directions: Iterable[bool] = (False, True),
) -> Callable[[Callable[[Setting], None]], Rule]:
    """Make a `Rule` of the function below, to be held up at each depth and in these directions."""
    sizes = tuple(product(layers, directions))
    return lambda holds: replace(backend_rule(applies)(holds), sizes=sizes)
