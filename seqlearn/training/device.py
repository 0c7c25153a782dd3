"""The device: what ``device="auto"`` means, how many rows it predicts at once, and the order in
which cuDNN adds.

A processor predicts fastest in batches that its caches hold, a card in batches of thousands of
rows, as far as its memory goes: one of 8,192 sequences took eight times as long in batches sized
for a cache.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch.backends import cudnn

from seqlearn.errors import InvalidParameterError
from seqlearn.training.process_settings import ProcessSettings

__all__ = ["adding_in_order", "resolve_device", "rows_at_once"]

CPU_VALUES = 1_500_000  # of a core's outputs at once: what caches hold
CPU_ROWS = 2048  # at once, at most
LEAST_ROWS, MOST_VALUES = 16, 4_000_000  # so many rows even so, as long as they hold no more
CARD_ROWS = 4096  # at once, at most: no more were faster on an H100
CARD_BYTES = 1 << 28  # that are not worth asking a card for what it has left
COPIES = 8  # of inputs and outputs of a layer that may be alive at once, products of gates included


def resolve_device(device: str) -> str:
    """Return the device that ``device`` stands for on this machine.

    Parameters
    ----------
    device : str
        "auto" (CUDA where there is one, else the CPU), "cpu", "cuda", "cuda:1" or any other
        device type of torch.

    Returns
    -------
    str

    Raises
    ------
    InvalidParameterError
        Not a device, or not on this machine.

    Examples
    --------
    >>> resolve_device("cpu")
    'cpu'
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        parsed = torch.device(device)
    except (RuntimeError, TypeError, AttributeError) as cause:
        raise InvalidParameterError(
            f"device={device!r} is not a device; use 'auto', 'cpu', 'cuda' or 'cuda:0'."
        ) from cause
    if parsed.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise InvalidParameterError(
                f"device={device!r}, but torch {torch.__version__} sees no CUDA device on this "
                "machine. Use device='auto' or 'cpu', or install a CUDA build of torch."
            )
        if (parsed.index or 0) >= count:
            raise InvalidParameterError(
                f"device={device!r}, but there are only {count} CUDA devices, 'cuda:0' to "
                f"'cuda:{count - 1}'."
            )
    elif parsed.type != "cpu":
        try:
            torch.empty(0, device=parsed)
        except (RuntimeError, AssertionError, NotImplementedError) as cause:
            raise InvalidParameterError(
                f"device={device!r} cannot be used on this machine: {cause}. Use device='auto' or "
                "'cpu'."
            ) from cause
    return str(parsed)


def rows_at_once(
    device: str, n_rows: int, n_steps: int, input_size: int, output_size: int, itemsize: int = 4
) -> int:
    """Return how many rows to predict at once.

    Parameters
    ----------
    device : str
        Where.
    n_rows : int
        Rows there are, N.
    n_steps : int
        Steps of the longest, T.
    input_size, output_size : int
        Values a step that a core reads, F, and gives, D.
    itemsize : int, default=4
        Bytes of a value.

    Returns
    -------
    int
        From 1 to N.

    Examples
    --------
    >>> rows_at_once("cpu", 8192, 100, 64, 512)
    29
    """
    if torch.device(device).type == "cpu":
        values = n_steps * max(input_size, output_size)
        fitting = max(CPU_VALUES // values, min(LEAST_ROWS, MOST_VALUES // values), 1)
        return min(fitting, CPU_ROWS, n_rows)
    row = n_steps * (input_size + output_size) * itemsize * COPIES
    rows = min(CARD_ROWS, n_rows)
    if rows * row <= CARD_BYTES:
        return rows
    return max(1, min(rows, _free_bytes(device) // 2 // row))


def _free_bytes(device: str) -> int:
    """Bytes of a card that nobody uses, those that torch keeps for later included."""
    if torch.device(device).type != "cuda":
        return CARD_BYTES  # only CUDA tells
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


_IN_ORDER = ProcessSettings(
    [
        (lambda: cudnn.deterministic, partial(setattr, cudnn, "deterministic"), True),
        (lambda: cudnn.benchmark, partial(setattr, cudnn, "benchmark"), False),
    ]
)


@contextmanager
def adding_in_order(device: str) -> Iterator[None]:
    """Let cuDNN choose algorithms that add in one order, so that equal seeds give equal bits.

    Its convolutions do not otherwise: two fits of LSTM-FCN differed by 0.7 in a probability. The
    flags are the whole process's, so fits that overlap are counted, and the last one to end puts
    back what the first one found.

    Parameters
    ----------
    device : str
        Of the fit; nothing happens where it is not CUDA.
    """
    counts = torch.device(device).type == "cuda" and _IN_ORDER.enter()
    try:
        yield
    finally:
        if counts:
            _IN_ORDER.leave()
