"""What torch does not say in public: whether bfloat16 works on this device, and whether it is fast.

Each answer has a public way to find out, or falls back on "no".
"""

from functools import cache

import torch

__all__ = ["computes_bf16", "cross_entropy_with_gradient", "is_fast_in_bf16"]

NO_REDUCTION = 0


@cache
def computes_bf16(device: str) -> bool:
    """Whether a recurrent layer can be trained in bfloat16 on the device, found by trying it once.

    What a processor says of itself does not tell: oneDNN may have been held to older instructions.

    Parameters
    ----------
    device : str
        "cpu", "cuda" or "cuda:1".
    """
    kind = torch.device(device).type
    shapes = [(8, 2), (8, 2), (8,), (8,)]
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(kind, torch.bfloat16):
            weights = [torch.zeros(s, device=device, requires_grad=True) for s in shapes]
            x, start = torch.zeros(2, 3, 2, device=device), torch.zeros(1, 2, 2, device=device)
            outputs = torch.lstm(x, (start, start), weights, True, 1, 0.0, True, False, True)[0]
            outputs.float().sum().backward()
    except RuntimeError:  # oneDNN: "could not create a primitive descriptor"
        return False
    return True


def is_fast_in_bf16(device: str) -> bool:
    """Whether the device has units for products of bfloat16, and they can be used."""
    kind = torch.device(device).type
    if kind == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    elif kind == "cpu":
        asked = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        fast = any(getattr(torch.cpu, name, bool)() for name in asked)
    else:
        fast = False
    return fast and computes_bf16(device)


def cross_entropy_with_gradient(outputs, targets, weights):
    """Return the loss of each row, (B,), and the gradient of their weighted sum, (B, C)."""
    aten = torch.ops.aten
    logarithms = aten._log_softmax.default(outputs, 1, False)
    kind = (targets, None, NO_REDUCTION, -100)  # no class weights; -100 is no label of ours
    losses, total = aten.nll_loss_forward.default(logarithms, *kind)
    slope = aten.nll_loss_backward.default(weights, logarithms, *kind, total)
    back = aten._log_softmax_backward_data.default
    return losses, back(slope, logarithms, 1, logarithms.dtype)
