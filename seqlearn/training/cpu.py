"""How torch computes during one fit or prediction on the CPU: its threads, and tiny numbers.

A recurrent step of a small network is a matrix product of microseconds. Sharing it between
threads costs more than it saves, and on a busy machine the threads wait for each other at every
step: a fit of 4 s was seen to take 90 s. So the work of a step decides, the user's own limit is
never exceeded.

Gradients that vanish over many steps become denormal (below 1e-38), and processors compute with
those ten times slower: an adding problem of 200 steps trained at 100 ms an update instead of 10.
So they are flushed to zero, as GPUs do. Both settings are restored afterwards.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["cpu_for"]

PRODUCTS_PER_THREAD = 20_000_000  # multiply-adds of one step that make a thread worth its while


@contextmanager
def cpu_for(rows: int, input_size: int, output_size: int) -> Iterator[None]:
    """Limit torch's threads to what one recurrent step is worth; flush denormal numbers.

    Parameters
    ----------
    rows : int
        Rows of a batch, B.
    input_size, output_size : int
        Features a step, F, and outputs a step, D.
    """
    threads, flushes = torch.get_num_threads(), sys.float_info.min * 0.5 == 0.0
    products = rows * 4 * output_size * (input_size + output_size)
    wanted = min(threads, 1 + products // PRODUCTS_PER_THREAD)
    if wanted != threads:  # the call is slow
        torch.set_num_threads(wanted)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushes)
        if wanted != threads:
            torch.set_num_threads(threads)
