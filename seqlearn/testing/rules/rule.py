"""What a rule is: a sentence, the backends it is about, a function that holds it up to one."""

from collections.abc import Callable
from dataclasses import dataclass

from seqlearn.backend import Backend

__all__ = ["Rule", "rule"]


@dataclass(frozen=True)
class Rule:
    """One rule of the contract; ``holds`` raises if a backend to which it applies breaks it."""

    name: str
    sentence: str
    applies: Callable[[Backend], bool]
    holds: Callable[[Backend], None]


def rule(
    applies: Callable[[Backend], bool] = lambda backend: True,
) -> Callable[[Callable[[Backend], None]], Rule]:
    """Make a `Rule` of the function below: its name, and its docstring as the sentence."""
    return lambda holds: Rule(holds.__name__, " ".join(holds.__doc__.split()), applies, holds)
