"""How the benchmarks measure memory: what work adds to this process at its peak (Linux)."""

import gc
from collections.abc import Callable
from pathlib import Path


def added_mib(work: Callable[[], object]) -> float:
    """MiB by which ``work`` raises the resident memory of this process above what it is now."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _status("VmRSS")
    work()
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    """A figure of /proc/self/status, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])
