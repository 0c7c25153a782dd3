"""Choosing the precision of training: what ``precision="auto"`` means on this machine.

In bfloat16 the matrix products of a core, forward and backward, keep 8 of 24 bits; weights, sums,
loss and optimiser stay in float32, and so does every prediction. `seqlearn.training.net` asks here
and tells the encoders of a network.
"""

import torch

from seqlearn.backend import Backend
from seqlearn.errors import InvalidParameterError
from seqlearn.torch_internals import computes_bf16, is_fast_in_bf16

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
        "bf16" with weights in float64, a backend that does not train in it, or a device that
        cannot compute it.

    Examples
    --------
    >>> from seqlearn.backends.torch_lstm import TorchLSTM
    >>> resolve_precision("float32", TorchLSTM(), "cpu", torch.float32) is None
    True
    """
    fits = backend.bf16 and dtype == torch.float32
    if precision == "bf16":
        why = None
        if not backend.bf16:
            why = f"{backend!r} does not say that it trains in bfloat16 (its attribute bf16)"
        elif not fits:
            why = "dtype is 'float64'"
        elif not computes_bf16(device):
            why = f"torch {torch.__version__} has no kernels for it on this machine's {device!r}"
        if why is not None:
            raise InvalidParameterError(f"precision='bf16', but {why}. Use precision='auto'.")
        return torch.bfloat16
    return torch.bfloat16 if precision == "auto" and fits and is_fast_in_bf16(device) else None
