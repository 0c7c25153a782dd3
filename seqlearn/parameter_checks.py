"""Checks of constructor parameters, made in ``fit`` before anything else happens.

Each check is a function of a value that returns None if it is accepted, else what would be.
`check_parameters` runs those that an estimator names for its parameters.
"""

import difflib
import inspect
import math
import os
from collections.abc import Callable, Hashable
from numbers import Integral, Real
from typing import Any, NoReturn

from seqlearn.data.messages import show
from seqlearn.errors import InvalidParameterError
from seqlearn.printing import short_repr

__all__ = [
    "check_arguments",
    "check_parameters",
    "integer",
    "levels",
    "number",
    "one_of",
    "refuse",
]

Check = Callable[[Any], str | None]
NUMBER: Any = Real  # which has no comparison with floats, as far as type checkers know


def integer(low: int, *also: Any, said: str | None = None) -> Check:
    """Accept an int of at least ``low``, or one of ``also``; ``said`` is that in other words."""
    wanted = said or " or ".join([f"an int >= {low}", *map(repr, also)])

    def check(value):
        if _is_among(value, also):
            return None
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        return None if whole and value >= low else wanted

    return check


def number(interval: str, *also: Any, said: str | None = None) -> Check:
    """Accept a finite number in ``interval``, for example "[0, 1)", or one of ``also``.

    ``said`` is that in other words, for a message.
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    wanted = said or " or ".join([f"a number in {interval}", *map(repr, also)])

    def check(value):
        if _is_among(value, also):
            return None
        if not isinstance(value, NUMBER) or isinstance(value, bool) or not math.isfinite(value):
            return wanted
        above = value > low if interval[0] == "(" else value >= low
        below = value < high if interval[-1] == ")" else value <= high
        return None if above and below else wanted

    return check


def one_of(*options: Any, or_class: type | None = None) -> Check:
    """Accept one of ``options``, or a subclass of ``or_class``."""

    def check(value):
        is_of = or_class is not None and inspect.isclass(value) and issubclass(value, or_class)
        if _is_among(value, options) or is_of:
            return None
        wanted = "one of " + ", ".join(map(repr, options))
        if or_class is not None:
            wanted += f" or a subclass of {or_class.__module__}.{or_class.__name__}"
        names = [option for option in options if isinstance(option, str)]
        near = difflib.get_close_matches(value, names, n=1) if isinstance(value, str) else []
        return wanted + (f" (did you mean {near[0]!r}?)" if near else "")

    return check


def _is_among(value: Any, options: tuple) -> bool:
    return any(value is one or (isinstance(value, str) and value == one) for one in options)


def boolean(value: Any) -> str | None:
    """Accept True or False, NumPy's too."""
    return None if isinstance(value, bool) or type(value).__name__ == "bool" else "True or False"


def mapping(value: Any) -> str | None:
    """Accept a dict or None."""
    return None if value is None or isinstance(value, dict) else "a dict or None"


def sequence(value: Any) -> str | None:
    """Accept a list or None."""
    return None if value is None or isinstance(value, list | tuple) else "a list or None"


def folder(value: Any) -> str | None:
    """Accept the path of a folder, or None."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    is_path = isinstance(text, str) and text != "" and "\0" not in text
    return None if value is None or is_path else "the path of a folder or None"


def label(value: Any) -> str | None:
    """Accept the name of a column, any hashable, or None."""
    return None if isinstance(value, Hashable) else "the name of a column or None"


def column(value: Any) -> str | None:
    """Accept the number or name of a column, or None."""
    is_number = isinstance(value, Integral) and not isinstance(value, bool)
    is_column = value is None or is_number or isinstance(value, str)
    return None if is_column else "the number or name of a column, or None"


def levels(value: Any) -> str | None:
    """Accept two or more distinct numbers between 0 and 1, or None."""
    wanted = "two or more distinct numbers in (0, 1), or None"
    if value is None:
        return None
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) < 2:
        return wanted
    inside = [isinstance(v, NUMBER) and not isinstance(v, bool) and 0 < v < 1 for v in value]
    return None if all(inside) and len(set(value)) == len(value) else wanted


def check_arguments(method: str, /, **arguments: tuple[Any, Check]) -> None:
    """Check the arguments of a method, each given as its value and the check of it.

    Raises
    ------
    InvalidParameterError
        Naming the first whose value is not accepted, and what would be.
    """
    for name, (value, check) in arguments.items():
        wanted = check(value)
        if wanted is not None:
            raise InvalidParameterError(f"{name} of {method} must be {wanted}. Got {show(value)}.")


def check_parameters(estimator: Any, checks: dict[str, Check]) -> None:
    """Run ``checks`` on the parameters of ``estimator``.

    Raises
    ------
    InvalidParameterError
        Naming the first parameter whose value is not accepted, and what would be.
    """
    for name, check in checks.items():
        wanted = check(getattr(estimator, name))
        if wanted is not None:
            refuse(estimator, name, wanted)


def refuse(estimator: Any, name: str, wanted: str) -> NoReturn:
    """Refuse the value of a parameter: ``wanted`` says what is accepted."""
    raise InvalidParameterError(
        f"The {name!r} parameter of {type(estimator).__name__} must be {wanted}. Got "
        f"{short_repr(getattr(estimator, name))} instead."
    )
