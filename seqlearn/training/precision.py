"""Choosing the precision of training: what ``precision="auto"`` means on this machine.

In bfloat16 the matrix products of a core, forward and backward, keep 8 of 24 bits; weights, sums,
loss and optimiser stay in float32, and so does every prediction. `seqlearn.training.net` asks here
and tells the encoders of a network.
"""

import torch

from seqlearn.backend import Backend
from seqlearn.errors import InvalidParameterError

__all__ = ["resolve_precision"]


def resolve_precision(
    precision: str, backend: Backend, device: str, dtype: torch.dtype
) -> torch.dtype | None:
    """Return what to cast matrix products to in training; None for no cast.

    Parameters
    ----------
    precision : {"auto", "float32", "bf16"}
        "auto" casts where the device multiplies bfloat16 faster, ``dtype`` is float32 and the
        backend says that it trains so.
    backend : Backend
        Builds the core.
    device : str
        Where training runs.
    dtype : torch.dtype
        Of the weights.

    Raises
    ------
    InvalidParameterError
        "bf16" with weights in float64 or a backend that does not train in it.

    Examples
    --------
    >>> from seqlearn.backends.torch_lstm import TorchLSTM
    >>> resolve_precision("bf16", TorchLSTM(), "cpu", torch.float32)
    torch.bfloat16
    """
    fits = backend.bf16 and dtype == torch.float32
    if precision == "bf16" and not fits:
        why = f"{backend!r} does not say that it trains in bfloat16 (its attribute bf16)"
        if backend.bf16:
            why = "dtype is 'float64'"
        raise InvalidParameterError(f"precision='bf16', but {why}. Use precision='auto'.")
    if precision == "float32" or not fits:
        return None
    return torch.bfloat16 if precision == "bf16" or _is_fast(torch.device(device)) else None


def _is_fast(device: torch.device) -> bool:
    """Whether the device has units for products of bfloat16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and (
        torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    )
