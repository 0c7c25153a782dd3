"""Choosing the device: what ``device="auto"`` means and what happens where there is no CUDA."""

import torch

from seqlearn.errors import InvalidParameterError

__all__ = ["resolve_device"]


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
