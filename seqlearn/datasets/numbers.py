"""Reading one written number, for the readers of files: what Python's ``float`` is too kind to."""

import math


def read_number(text: str) -> float:
    """Return a written number; nan is one.

    Raises
    ------
    ValueError
        Something else, such as ``1_000``, which Python reads as a thousand; or infinity, such as
        ``1e400``, which is past the largest float64.
    """
    value = float(text)
    if "_" in text:
        raise ValueError(f"could not convert string to float: {text.strip()!r}")
    if math.isinf(value):
        raise ValueError(f"{text.strip()!r} is infinite, or too large for float64")
    return value
