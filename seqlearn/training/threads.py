"""How many threads torch may use for one fit or prediction on the CPU.

A recurrent step of a small network is a matrix product of microseconds. Sharing it between
threads costs more than it saves, and on a busy machine the threads wait for each other at every
step: a fit of 4 s was seen to take 90 s. So the work of a step decides, the user's own limit is
never exceeded, and it is restored afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["threads_for"]

PRODUCTS_PER_THREAD = 1_500_000  # multiply-adds of one step that make a thread worth its while


@contextmanager
def threads_for(rows: int, input_size: int, output_size: int) -> Iterator[None]:
    """Limit torch's threads in this thread to what one recurrent step is worth.

    Parameters
    ----------
    rows : int
        Rows of a batch, B.
    input_size, output_size : int
        Features a step, F, and outputs a step, D.
    """
    before = torch.get_num_threads()
    products = rows * 4 * output_size * (input_size + output_size)
    wanted = min(before, 1 + products // PRODUCTS_PER_THREAD)
    if wanted == before:
        yield
        return
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)
