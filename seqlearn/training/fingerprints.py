"""Digests of what a training is made of: equal ones for equal parameters and data, in any process.

`seqlearn.training.checkpoints` tells by them whether a fit is the one whose state it has kept.
"""

import hashlib
import inspect
from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    CodeType,
    EllipsisType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqlearn.backend import Backend
from seqlearn.errors import InvalidParameterError
from seqlearn.printing import short_repr
from seqlearn.registry import registered

__all__ = ["Fingerprint"]

PLAIN = (type(None), bool, int, float, complex, str, bytes, slice, range, EllipsisType)
NAMED = (BuiltinFunctionType, np.ufunc, PurePath, torch.dtype, ModuleType)
HOLDERS = (list, tuple, set, frozenset, Mapping)
VERSIONED = {"builtins", "numpy", "seqlearn", "skorch", "sklearn", "torch"}  # by name alone
NUMBERS = "numbers"  # what the name of an array begins with, whose part is its bytes
CALLED = (FunctionType, MethodType, partial)
SIMPLE = (*PLAIN, *NAMED, *HOLDERS, *CALLED, type, np.generic, np.ndarray, Tensor)


class Fingerprint:
    """Takes values apart, and remembers what it met on the way.

    Two values have one digest if they are of one type and hold the same. Functions are known by
    their code; so are classes, but those of packages whose versions are known, by their names.
    Where a tensor lies does not count.

    Attributes
    ----------
    generators : list of torch.Generator
        Those found, in the order of finding.
    backends : dict of str to str
        The backends found, by name: the distribution and version of each.

    Examples
    --------
    >>> first = Fingerprint().of({"lr": 0.1, "rows": np.arange(3)})
    >>> first == Fingerprint().of({"rows": np.arange(3), "lr": 0.1})
    True
    >>> first == Fingerprint().of({"rows": np.arange(4), "lr": 0.1})
    False
    """

    def __init__(self) -> None:
        self.generators: list[torch.Generator] = []
        self.backends: dict[str, str] = {}
        self._known: dict[int, tuple[Any, bytes]] = {}  # by identity; the values are kept alive

    def of(self, value: Any) -> bytes:
        """Return the digest of a value.

        Raises
        ------
        InvalidParameterError
            Something in it shows nothing of what it holds.
        """
        if isinstance(value, np.generic) and value.dtype.kind in "biufc":
            value = value.item()
        if type(value) in PLAIN:
            return _digest_of(value)
        if id(value) in self._known:
            return self._known[id(value)][1]
        self._known[id(value)] = value, b"itself"  # until it is known: what holds itself
        name, parts = self._taken_apart(value)
        digest = hashlib.blake2b(name.encode(), digest_size=16)
        for part in parts:
            digest.update(part if name.startswith(NUMBERS) else self.of(part))
        self._known[id(value)] = value, digest.digest()
        return digest.digest()

    def of_callback(self, callback: Any) -> bytes:
        """Return the digest of a callback before a fit: its class, and parameters that are data.

        What else its parameters are, a logger or an open file, counts by its class alone.
        """
        arguments = inspect.signature(type(callback)).parameters
        has_others = any(one.kind is one.VAR_KEYWORD for one in arguments.values())
        given = {
            name: _or_class(one)
            for name, one in vars(callback).items()
            if name in arguments or (has_others and not name.startswith("_") and name[-1] != "_")
        }
        return self.of((type(callback), given))

    def _taken_apart(self, value: Any) -> tuple[str, list]:
        """Return a name that says what of a value is no part of it, and its parts."""
        kind = type(value)
        if isinstance(value, PLAIN):  # of a class that inherits from one
            plain: Any = next(one for one in PLAIN if isinstance(value, one))
            return f"of {_name_of(kind)}", [plain(value)]
        if isinstance(value, np.ndarray | np.generic):
            return _array_apart(np.asarray(value))
        if isinstance(value, Tensor):
            return _tensor_apart(value)
        if isinstance(value, torch.Generator):
            self.generators.append(value)
            return "generator", [value.get_state()]
        if isinstance(value, torch.device):
            return "device", []
        if isinstance(value, Mapping):
            return f"mapping {kind.__name__}", sorted(
                value.items(), key=lambda pair: self.of(pair[0])
            )
        if isinstance(value, list | tuple):
            return f"list {kind.__name__}", list(value)
        if isinstance(value, set | frozenset):
            return f"set {kind.__name__}", sorted(value, key=self.of)
        if isinstance(value, type):
            return _class_apart(value)
        if isinstance(value, NAMED):
            return f"named {_name_of(value)}", []
        if isinstance(value, CALLED):
            return _function_apart(value)
        if isinstance(value, CodeType):
            return "code", [value.co_code, value.co_consts, value.co_names]
        return self._object_apart(value)

    def _object_apart(self, value: Any) -> tuple[str, list]:
        kind = type(value)
        if isinstance(value, Backend):
            found = registered(kind)
            if found is not None:
                self.backends[found[0]] = found[1]
            return "backend", [kind, value.get_params(deep=False)]
        if not hasattr(value, "__dict__"):
            raise InvalidParameterError(
                f"checkpoint= cannot be used with {short_repr(value)}, a {_name_of(kind)}: what it "
                "holds cannot be seen, and so not whether another fit has the same. Leave it out, "
                "or set checkpoint=None."
            )
        return "object", [kind, vars(value)]


def _digest_of(value: Any) -> bytes:
    """Return the digest of text or a number."""
    text = f"{type(value).__name__} {value!r}"
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _name_of(value: Any) -> str:
    """Return the full name of a class, a function or a module, or the text that a value is."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or str(value)
    return f"{getattr(value, '__module__', '')}.{name}"


def _array_apart(array: np.ndarray) -> tuple[str, list]:
    form = f"{array.dtype!r} {array.shape}"
    if array.dtype.kind in "OT":
        return f"cells {form}", array.ravel().tolist()
    return f"{NUMBERS} {form}", [np.ascontiguousarray(array).reshape(-1).view(np.uint8)]


def _tensor_apart(tensor: Tensor) -> tuple[str, list]:
    """Take a tensor apart; of a view whose rows overlap, or repeat one, what it is a view of."""
    tensor = tensor.detach()
    form = f"{tensor.dtype} {tuple(tensor.shape)}"
    storage = tensor.untyped_storage()
    if tensor.numel() * tensor.element_size() > storage.nbytes():
        form += f" {tensor.stride()} {tensor.storage_offset()}"
        tensor = torch.empty(0, dtype=tensor.dtype, device=tensor.device).set_(storage)
    numbers = tensor.contiguous().reshape(-1).view(torch.uint8).cpu().numpy()
    return f"{NUMBERS} of a tensor {form}", [numbers]


def _function_apart(value: Any) -> tuple[str, list]:
    if isinstance(value, partial):
        return "partial", [value.func, value.args, value.keywords]
    if isinstance(value, MethodType):
        return "method", [value.__func__, value.__self__]
    held = [getattr(cell, "cell_contents", None) for cell in value.__closure__ or ()]
    given = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
    return f"function {_name_of(value)}", [value.__code__, *map(_or_class, [*held, *given])]


def _class_apart(kind: type) -> tuple[str, list]:
    name = f"class {_name_of(kind)}"
    if kind.__module__.partition(".")[0] in VERSIONED:
        return name, []
    return name, [kind.__bases__, {k: v for k, v in vars(kind).items() if isinstance(v, CALLED)}]


def _or_class(value: Any) -> Any:
    """Return a value, or its class if it is of another kind than data and code."""
    return value if isinstance(value, SIMPLE) else type(value)
