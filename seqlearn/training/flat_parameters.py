"""All parameters of a module as views of one vector: one optimiser update, one norm.

On the CPU a small LSTM's update costs more in Python and kernel launches, a few for each of
its dozen tensors, than in arithmetic. As one vector it is one fused kernel, clipping one
norm, zeroing one fill. Used by `seqlearn.training.net` where the optimiser treats every weight
alike; not on CUDA, where cuDNN wants its own layout.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqlearn.torch_internals import step_of_fused_adam
from seqlearn.training.optimizers import is_own_adam

__all__ = ["FlatParameters"]


class FlatParameters:
    """Move the trainable parameters of a module, and their gradients, into two vectors.

    The module's parameters stay `nn.Parameter`; their data become views of ``vector`` and their
    gradients views of ``gradient``, which is ``vector.grad``, into which autograd adds.

    Parameters
    ----------
    parameters : list of nn.Parameter
        All of one dtype, on the CPU.
    """

    def __init__(self, parameters: list[nn.Parameter]):
        vector = torch.cat([parameter.detach().flatten() for parameter in parameters])
        self.vector = nn.Parameter(vector)
        self.gradient = torch.zeros_like(vector)
        self.shapes = [tuple(parameter.shape) for parameter in parameters]
        self._pieces: list[tuple[nn.Parameter, slice]] = []
        start = 0
        for parameter in parameters:
            self._pieces.append((parameter, slice(start, start + parameter.numel())))
            start += parameter.numel()
        self.gather()

    def gather(self) -> None:
        """Take in what has been put in the place of a parameter's data or gradient."""
        vector, gradients = self.vector.detach(), self.gradient
        self.vector.grad = gradients
        for parameter, piece in self._pieces:
            data, gradient = vector[piece].view(parameter.shape), gradients[piece]
            if parameter.data_ptr() != data.data_ptr():
                data.copy_(parameter.detach())
                parameter.data = data
            if parameter.grad is None:
                parameter.grad = gradient.zero_().view(parameter.shape)
            elif parameter.grad.data_ptr() != gradient.data_ptr():
                parameter.grad = gradient.view(parameter.shape).copy_(parameter.grad)

    def piece(self, module: nn.Module) -> slice | None:
        """Return where a module's parameters are in the vector; None if not as one piece."""
        pieces = {id(one): piece for one, piece in self._pieces}
        parameters = list(module.parameters())
        found = [pieces[id(one)] for one in parameters if id(one) in pieces]
        if len(found) < len(parameters) or any(a.stop != b.start for a, b in pairwise(found)):
            return None
        return slice(found[0].start, found[-1].stop)

    def split(self, vector: np.ndarray) -> list[np.ndarray]:
        """Return the parts of a vector, laid out as ``vector``, in the parameters' shapes."""
        edges = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        parts = np.split(vector, edges)
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        self.gradient.zero_()

    def clip_grad_norm(self, max_norm: float) -> None:
        """Scale the gradients so that their joint norm is at most ``max_norm``."""
        factor = max_norm / (float(torch.linalg.vector_norm(self.gradient)) + 1e-6)
        if not factor >= 1.0:  # true of a nan too, which then spreads to all
            self.gradient.mul_(factor)

    def update(self, optimizer: torch.optim.Optimizer) -> None:
        """Let the optimiser update the vector; for Adam and AdamW without their wrappers.

        From the second step on these call the one kernel that ``step`` ends in: what stands around
        it takes ten times as long as the kernel does on a small network. Parameters that need no
        gradient, because a callback froze them, stay as they are, and what is known of them.
        """
        frozen = [piece for one, piece in self._pieces if not one.requires_grad]
        if frozen:
            state = optimizer.state[self.vector].values()
            vectors = [self.vector.detach(), *(v for v in state if v.shape == self.vector.shape)]
            before = [(v[piece], v[piece].clone()) for v in vectors for piece in frozen]
        if not (is_own_adam(optimizer) and step_of_fused_adam(optimizer, self.vector)):
            optimizer.step()
        if frozen:
            for now, was in before:
                now.copy_(was)


def is_finite(tensors: list[Tensor]) -> bool:
    """Whether every value in every tensor is finite; one synchronisation."""
    return bool(torch.stack([tensor.detach().sum().isfinite() for tensor in tensors]).all())


def split_state(state: dict[int, dict], flat: FlatParameters) -> dict[int, dict]:
    """The optimiser's state of one flat vector, as that of each parameter."""
    parts: dict[int, dict] = {i: {} for i in range(len(flat.shapes))} if state else {}
    for name, value in state.get(0, {}).items():
        is_vector = isinstance(value, np.ndarray) and value.ndim > 0
        values = flat.split(value) if is_vector else [value] * len(parts)
        for part, one in zip(parts.values(), values, strict=True):
            part[name] = one
    return parts


def joined_state(state: dict[int, dict]) -> dict[int, dict]:
    """The optimiser's state of each parameter, as that of one flat vector."""
    if not state:
        return {}
    joined = {}
    for name, value in state[0].items():
        if isinstance(value, np.ndarray) and value.ndim > 0:
            value = np.concatenate([part[name].ravel() for part in state.values()])
        joined[name] = value
    return {0: joined}


def enlarged(
    arrays: dict[str, dict], weights: dict[str, np.ndarray], shapes: list[tuple[int, ...]]
) -> dict[str, dict]:
    """Return what a net keeps, for a net some of whose tables have more rows.

    Parameters
    ----------
    arrays : dict
        Of the smaller net: ``weights`` by name, ``optimizer`` state of each parameter by number.
    weights : dict of ndarray
        Of the larger net; the rows that are new stay as they are here.
    shapes : list of tuple
        Of its parameters. What the optimiser knows of new rows is zero; a state that has other
        shapes than the parameters, as that of LBFGS, is dropped: it starts anew.
    """
    was, state = arrays["weights"], arrays["optimizer"]
    fits = len(state) == len(shapes) and all(
        _fits(value, shapes[i]) for i, one in state.items() for value in one.values()
    )
    state = {i: _enlarged_state(one, shapes[i]) for i, one in state.items()} if fits else {}
    known = {name: _over(value, weights[name]) for name, value in was.items()}
    return {"weights": known, "optimizer": state}


def _fits(value: Any, shape: tuple[int, ...]) -> bool:
    """Whether what an optimiser keeps is one number, or rows of an array of this shape."""
    if isinstance(value, list):
        return False
    return np.ndim(value) == 0 or (value.shape[1:] == shape[1:] and len(value) <= shape[0])


def _enlarged_state(state: dict[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    return {
        name: value if np.ndim(value) == 0 else _over(value, np.zeros(shape, value.dtype))
        for name, value in state.items()
    }


def _over(value: np.ndarray, larger: np.ndarray) -> np.ndarray:
    """Return the larger array with the other one in its first rows; itself if it is as large."""
    if value.shape == larger.shape:
        return value
    joined = larger.copy()
    joined[: len(value)] = value
    return joined


def to_numpy(value):
    """Return a tensor as an array, and so those in a list, as LBFGS keeps them."""
    if isinstance(value, list):
        return [to_numpy(one) for one in value]
    return value.detach().cpu().numpy().copy() if isinstance(value, torch.Tensor) else value


def to_torch(value):
    """Undo `to_numpy`."""
    if isinstance(value, list):
        return [to_torch(one) for one in value]
    return torch.tensor(value) if isinstance(value, np.ndarray) else value
