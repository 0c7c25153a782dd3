"""Memory between the updates of one fit: freed blocks stay with the process until the fit ends.

An update on long sequences needs and frees the same tens of megabytes as the one before. glibc
gives blocks of that size back to the system at once, which hands out new pages, each zeroed at its
first touch: at 800 steps of 64 rows this was half of a fit's time. Other systems' allocators, and
one that the user has tuned, are left alone.
"""

import ctypes
import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

__all__ = ["kept_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT = 1 << 30  # blocks below this come from the heap, which keeps as much
USUAL = 1 << 25  # where glibc's own, moving threshold ends
TUNED = ("GLIBC_TUNABLES", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "LD_PRELOAD")

_lock = threading.Lock()
_users = 0


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory while inside, in whatever thread; return it to the system afterwards.

    Up to `USUAL` bytes of it may stay: a small fit is followed by a prediction, or by another fit,
    which would have to fetch every page anew.
    """
    global _users
    libc = _glibc()
    if libc is None:
        yield
        return
    with _lock:
        _users += 1
        if _users == 1:
            libc.mallopt(M_MMAP_THRESHOLD, KEPT)
            libc.mallopt(M_TRIM_THRESHOLD, KEPT)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                libc.mallopt(M_MMAP_THRESHOLD, USUAL)
                libc.mallopt(M_TRIM_THRESHOLD, 2 * USUAL)
                if _free_bytes(libc) > USUAL:
                    libc.malloc_trim(0)


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _free_bytes(libc: Any) -> float:
    """Bytes that the allocator holds free; infinite where it cannot say, before glibc 2.33."""
    if not hasattr(libc, "mallinfo2"):
        return math.inf
    libc.mallinfo2.restype = _Mallinfo2
    return libc.mallinfo2().fordblks


@cache
def _glibc() -> Any:
    """Return the C library if it is glibc with its settings as they come, else None."""
    if sys.platform != "linux" or any(name in os.environ for name in TUNED):
        return None
    libc = ctypes.CDLL(None)
    has_all = all(hasattr(libc, name) for name in ("gnu_get_libc_version", "mallopt"))
    return libc if has_all else None
