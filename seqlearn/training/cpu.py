"""How torch computes in a fit or prediction on the CPU: its threads, tiny numbers, and memory.

A recurrent step of a small network is a matrix product of microseconds. Sharing it between
threads costs more than it saves, and on a busy machine the threads wait for each other at every
step: a fit of 4 s was seen to take 90 s. So the work of a step decides, the user's own limit is
never exceeded. Threads that steps have no use for can take whole parts of the work, `Threads`.

Gradients that vanish over many steps become denormal (below 1e-38), and processors compute with
those ten times slower: an adding problem of 200 steps trained at 100 ms an update instead of 10.
So they are flushed to zero, as GPUs do. Both settings are restored afterwards.

An update gets and frees the same tens of megabytes as the one before. glibc gives them back to the
system in between, and each page is then zeroed anew at its next touch: that took a tenth of the
time at 256 units in two layers, 0.4 of it at 400 steps. Its rules leave a way out that changes no
setting of the process, see `kept_memory`.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from operator import length_hint
from threading import Lock
from typing import Any

import torch

__all__ = ["Threads", "cpu_for", "flushed_denormals", "kept_memory"]

MULTIPLY_ADDS_PER_THREAD = (
    20_000_000  # multiply-adds of one step that make a thread worth its while
)
# glibc gives back free memory at the end of its heap, and any block larger than the largest that it
# has seen freed; but it takes no notice of blocks of 32 MiB or more.
LARGEST_BLOCK = (1 << 25) - 8192  # bytes
HEAP_BLOCKS = 32  # of half the size, 512 MiB in all


class Threads:
    """Do independent parts of a computation at once, each on one core.

    torch lets other Python threads run while it computes.

    Parameters
    ----------
    number : int
        Threads in all, the calling one among them.
    """

    def __init__(self, number: int):
        self.number = number
        self._pool: ThreadPoolExecutor | None = None

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Yield what ``function`` gives for each item, in order.

        Items are taken from their iterator in order too, each when a thread is free for it.
        """
        n_others = min(self.number, length_hint(items, self.number)) - 1
        if n_others < 1:
            yield from map(function, items)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.number - 1, initializer=_set_as_cpu_for)
        left: Iterator[tuple] = enumerate(items)
        lock, results = Lock(), {}

        def work() -> None:
            nonlocal left
            try:
                while True:
                    with lock:
                        i, item = next(left, (None, None))
                    if i is None:
                        return
                    results[i] = function(item)
            except BaseException:
                left = iter(())  # nobody need go on
                raise

        others = []
        with suppress(RuntimeError):  # there is no thread to be had, as when Python ends
            for _ in range(n_others):
                others.append(self._pool.submit(work))
        work()
        for other in others:
            if not other.cancel():
                other.result()
        yield from (results[i] for i in range(len(results)))

    def close(self) -> None:
        """End the other threads, when what they are at is done; there will be no others."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self.number = 1


def _set_as_cpu_for() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


class flushed_denormals:
    """Flush denormal numbers to zero while inside."""

    def __enter__(self) -> None:
        self._flushes = sys.float_info.min * 0.5 == 0.0
        torch.set_flush_denormal(True)

    def __exit__(self, *error: Any) -> None:
        torch.set_flush_denormal(self._flushes)


@contextmanager
def cpu_for(rows: int, input_size: int, output_size: int) -> Iterator[Threads]:
    """Limit torch's threads to what one recurrent step is worth; flush denormal numbers.

    Parameters
    ----------
    rows : int
        Rows of a batch, B.
    input_size, output_size : int
        Features a step, F, and outputs a step, D.

    Yields
    ------
    Threads
        Those that are left if a step is worth one.
    """
    number = torch.get_num_threads()
    n_multiply_adds = rows * 4 * output_size * (input_size + output_size)
    wanted = min(number, 1 + n_multiply_adds // MULTIPLY_ADDS_PER_THREAD)
    if wanted != number:  # the call is slow
        torch.set_num_threads(wanted)
    threads = Threads(number if wanted == 1 else 1)
    try:
        with flushed_denormals():
            yield threads
    finally:
        try:
            threads.close()
        finally:
            if wanted != number:
                torch.set_num_threads(number)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let memory that is freed inside stay with the process, if glibc allocates it.

    One block of `LARGEST_BLOCK` bytes is got and freed, so that smaller ones come from the heap.
    The heap is then made larger by `HEAP_BLOCKS`, and all but the last of them are freed: while
    that one lives, what is below it is not at the heap's end. None is ever written to, so they take
    no memory. Other allocators have nothing to do.
    """
    torch.empty(LARGEST_BLOCK, dtype=torch.uint8)
    blocks = [torch.empty(LARGEST_BLOCK // 2, dtype=torch.uint8) for _ in range(HEAP_BLOCKS)]
    del blocks[:-1]
    yield
    del blocks
