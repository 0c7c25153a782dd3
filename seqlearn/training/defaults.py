"""torch as it comes, while a fit or a prediction runs, whatever a script has set for itself.

A script may change torch's default type or device, or run under autocast, for models of its own.
Here the same seed would then give other weights, or a matrix product two types at once; the type
and device of an estimator are its parameters. How many threads compute, and how tiny numbers are
treated, is the business of `seqlearn.training.cpu`.
"""

from contextlib import ContextDecorator, ExitStack
from typing import Any

import torch

from seqlearn.torch_internals import torch_functions_redirected
from seqlearn.training.process_settings import ProcessSettings

__all__ = ["torch_defaults"]


class torch_defaults(ContextDecorator):
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

    def _recreate_cm(self) -> "torch_defaults":
        return torch_defaults()  # one for each call of what this decorates

    def __enter__(self) -> None:
        self._stack, self._counts = None, _USUAL.enter()
        casts = torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")
        if casts or (torch_functions_redirected() and torch.empty(0).device.type != "cpu"):
            self._stack = ExitStack()
            self._stack.enter_context(torch.device("cpu"))
            for device in ("cpu", "cuda"):
                self._stack.enter_context(torch.autocast(device, enabled=False))

    def __exit__(self, *error: Any) -> None:
        if self._stack is not None:
            self._stack.close()
        if self._counts:
            _USUAL.leave()


def _precision() -> str:
    """How many bits of float32 count in matrix products on the CPU; "highest" is all."""
    try:
        precision = torch.get_float32_matmul_precision()  # the cheaper question
    except RuntimeError:  # set for single devices
        precision = "mixed"
    if precision not in EXACT and hasattr(torch.backends.mkldnn, "matmul"):
        precision = torch.backends.mkldnn.matmul.fp32_precision
    return "highest" if precision in EXACT else precision


def _set_precision(precision: str) -> None:
    if hasattr(torch.backends.mkldnn, "matmul"):
        precision = "ieee" if precision == "highest" else precision
        torch.backends.mkldnn.matmul.fp32_precision = precision
    else:  # before torch 2.9 there is one for all devices
        torch.set_float32_matmul_precision(precision)


EXACT = ("highest", "high", "ieee", "none", "tf32")  # all bits count, on a CPU
_future = torch.__future__
_USUAL = ProcessSettings(
    [
        (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        (  # the parameters of our modules are views, which cannot be swapped
            _future.get_swap_module_params_on_conversion,
            _future.set_swap_module_params_on_conversion,
            False,
        ),
        (_precision, _set_precision, "highest"),
    ]
)
