"""How a value that may be large is shown: in messages, and where an estimator is printed."""

from collections.abc import Mapping, Sequence, Set
from itertools import islice
from typing import Any

__all__ = ["by_size", "short_repr", "shortened"]

MOST_ENTRIES, MOST_CHARACTERS = 30, 500  # of a value that is shown whole


def short_repr(value: Any) -> str:
    """Return the ``repr`` of a value, for a message; of a large one, its size and beginning.

    Parameters
    ----------
    value : object
        A dictionary, list, set or text that is large, or holds one, is shortened. Arrays and
        frames shorten themselves.

    Returns
    -------
    str

    Examples
    --------
    >>> short_repr({"hidden_size": [8, 16]})
    "{'hidden_size': [8, 16]}"
    >>> short_repr(list(range(5_000)))
    '<list of 5,000, 0, 1, 2, ...>'
    """
    return repr(shortened(value))


def shortened(value: Any) -> Any:
    """Return a value whose ``repr`` is `short_repr` of this one; itself if it is small."""
    if isinstance(value, str | bytes | bytearray):
        return value if len(value) <= MOST_CHARACTERS else _Short(value, repr(value[:20])[:-1])
    if not isinstance(value, Mapping | Sequence | Set) or isinstance(value, range):
        return value
    if len(value) > MOST_ENTRIES:
        return by_size(value)
    kind: Any = type(value)
    if type(value) is dict:
        entries: Any = {key: shortened(one) for key, one in value.items()}
        same = all(entries[key] is one for key, one in value.items())
    elif kind in (list, tuple):
        entries = kind(map(shortened, value))
        same = all(one is given for one, given in zip(entries, value, strict=True))
    else:
        return value
    return value if same else entries


def by_size(value: Mapping | Sequence | Set) -> Any:
    """Return what prints as the type, the size and the first entries of a container."""
    return _Short(value, ", ".join(short_repr(one) for one in islice(value, 3)))


class _Short:
    def __init__(self, value: Any, beginning: str):
        self.text = f"<{type(value).__name__} of {len(value):,}, {beginning}, ...>"

    def __repr__(self) -> str:
        return self.text
