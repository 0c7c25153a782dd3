"""torch as it comes, while a fit or a prediction runs, whatever a script has set for itself.

A script may change torch's default type or device, or run under autocast, for models of its own.
Here the same seed would then give other weights, or a matrix product two types at once; the type
and device of an estimator are its parameters. How many threads compute, and how tiny numbers are
treated, is the business of `seqlearn.training.cpu`.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

__all__ = ["torch_defaults"]

AUTOCASTS = ("cpu", "cuda")

_lock = threading.Lock()
_users = 0
_changed: list[tuple[Callable[[Any], None], Any]] = []  # how to set back what, and to what


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Compute in float32 on the CPU unless told otherwise, and never under autocast, while inside.

    What belongs to this thread alone, autocast and default device, is set aside in it alone. The
    other settings are the whole process's: the first fit or prediction sets them aside, and the
    last one to end sets them back.

    Examples
    --------
    >>> torch.set_default_dtype(torch.float64)
    >>> with torch_defaults():
    ...     torch.ones(2).dtype
    torch.float32
    >>> torch.ones(2).dtype
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    _enter()
    try:
        aside = [
            torch.autocast(a, enabled=False) for a in AUTOCASTS if torch.is_autocast_enabled(a)
        ]
        if torch.empty(0).device.type != "cpu":
            aside.append(torch.device("cpu"))
        if not aside:
            yield
            return
        with ExitStack() as stack:
            for context in aside:
                stack.enter_context(context)
            yield
    finally:
        _leave()


def _enter() -> None:
    global _users
    with _lock:
        _users += 1
        if _users > 1:
            return
        for read, write, usual in _SETTINGS:
            theirs = read()
            if theirs not in usual:
                write(usual[0])
                _changed.append((write, theirs))


def _leave() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            while _changed:
                write, theirs = _changed.pop()
                write(theirs)


def _set_products(value: str) -> None:
    torch.backends.mkldnn.matmul.fp32_precision = value


# How to read a setting, how to write it, and the values that may stay.
_SETTINGS: list[tuple[Callable[[], Any], Callable[[Any], None], tuple]] = [
    (torch.get_default_dtype, torch.set_default_dtype, (torch.float32,)),
    (  # the parameters of our modules are views, which cannot be swapped
        torch.__future__.get_swap_module_params_on_conversion,
        torch.__future__.set_swap_module_params_on_conversion,
        (False,),
    ),
]
# How many bits of float32 count in products on the CPU; "high" and "tf32" change nothing there.
if hasattr(torch.backends.mkldnn, "matmul"):
    _SETTINGS.append(
        (
            lambda: torch.backends.mkldnn.matmul.fp32_precision,
            _set_products,
            ("ieee", "none", "tf32"),
        )
    )
else:  # before torch 2.9 one setting for all devices
    _SETTINGS.append(
        (
            torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision,
            ("highest", "high"),
        )
    )
