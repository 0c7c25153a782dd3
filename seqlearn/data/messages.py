"""Parts that many messages about data share: values, lists and rows in words."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

__all__ = ["listed", "name_rows", "repeated", "show"]


def show(value: Any) -> str:
    """Return the repr of a value, cut to 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def listed(things: Iterable) -> str:
    """Return "1, 2 and 3", or the first five things and how many more there are."""
    names = [show(thing) if isinstance(thing, str) else str(thing) for thing in things]
    if len(names) > 5:
        names[5:] = [f"{len(names) - 5} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def repeated(things: Iterable) -> list:
    """Return what is there more than once, in the order of its first places."""
    return [thing for thing, n in Counter(things).items() if n > 1]


def name_rows(rows: Any) -> str:
    """Return "Sequence 3", "Sequences 3 and 5" or "Sequences 1, 2, 3, 4, 5 and 7 more"."""
    return f"Sequence{'s' * (len(rows) > 1)} {listed(rows)}"
