"""What a fitted estimator holds, as JSON and arrays, and made again from them.

`Writer` takes apart the plain state of estimators and nets, see `seqlearn.data.plain`; `Reader`
makes objects of classes that `seqlearn.persistence.types` names, and of no others. What cannot be
written down is refused, and named by its place in the model.
"""

import inspect
import math
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, NoReturn

import numpy as np

from seqlearn.backend import Backend
from seqlearn.errors import ModelFileError
from seqlearn.persistence.types import class_of, name_of
from seqlearn.printing import short_repr
from seqlearn.registry import load_backend, registered

__all__ = ["Reader", "Writer"]

KIND = "$"  # the key that marks what is not JSON's own
NUMBERS = "biuf"  # kinds of dtype that are arrays of a file as they are
MANY = 100  # texts that are put into arrays


class Writer:
    """Takes an object apart.

    Parameters
    ----------
    training_state : bool, default=False
        Whether the states of optimisers are kept: twice the weights, and of use in training alone.

    Attributes
    ----------
    arrays : dict of str to ndarray
        What has been found so far; an array in several places is there once.
    backends : dict
        Name of each backend found, and the distribution it comes with.
    """

    def __init__(self, training_state: bool = False) -> None:
        self._training_state = training_state
        self.arrays: dict[str, np.ndarray] = {}
        self.backends: dict[str, str] = {}
        self._seen: dict[int, tuple[Any, Any]] = {}  # by identity, objects kept alive

    def tree(self, value: Any, place: str = "model") -> Any:
        """Return what JSON can hold for ``value``; ``place`` is its name in messages.

        Raises
        ------
        ModelFileError
            Something in it has no plain form.
        """
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {KIND: "float", "is": repr(value)}
        if isinstance(value, Enum) and name_of(kind) is not None:
            return {KIND: "enum", "class": name_of(kind), "name": value.name}
        if kind is np.ndarray or isinstance(value, Backend) or name_of(kind) is not None:
            if id(value) not in self._seen:
                made = (
                    self._array(value, place) if kind is np.ndarray else self._object(value, place)
                )
                number = len(self._seen)
                self._seen[id(value)] = value, {KIND: "same", "as": number}
                return {**made, "number": number}
            return self._seen[id(value)][1]
        if kind is dict:
            return self._dictionary(value, place)
        if kind in (list, tuple):
            return self._items(list(value), place, kind.__name__)
        if isinstance(value, np.generic):
            return {KIND: "scalar", "of": self._array(np.asarray(value), place)}
        if kind is slice:
            ends = [value.start, value.stop, value.step]
            return {KIND: "slice", "ends": [self.tree(one, place) for one in ends]}
        if isinstance(value, PurePath):
            return {KIND: "path", "is": str(value)}
        if kind is np.random.RandomState:
            return {KIND: "RandomState", "state": self.tree(value.get_state(legacy=False), place)}
        if isinstance(value, type) and name_of(value) is not None:
            return {KIND: "class", "name": name_of(value)}
        return self._refuse(value, place)

    def _dictionary(self, value: dict, place: str) -> Any:
        names = all(type(key) is str for key in value)
        if names and len(value) <= MANY and KIND not in value:
            return {key: self.tree(one, f"{place}.{key}") for key, one in value.items()}
        keys = self._items(list(value), f"{place}.keys", "list")
        values = self._items(list(value.values()), f"{place}.values", "list")
        return {KIND: "dict", "keys": keys, "values": values}

    def _items(self, items: list, place: str, kind: str) -> Any:
        if len(items) > MANY and set(map(type, items)) == {str}:
            return {KIND: "texts", "as": kind, **self._texts(items, place)}
        made = [self.tree(one, f"{place}[{i}]") for i, one in enumerate(items)]
        return made if kind == "list" else {KIND: kind, "of": made}

    def _texts(self, texts: list[str], place: str) -> dict[str, str]:
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
        ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
        return {
            "bytes": self._add(np.frombuffer(b"".join(parts), np.uint8), f"{place}.bytes"),
            "ends": self._add(ends, f"{place}.ends"),
        }

    def _array(self, array: np.ndarray, place: str) -> dict[str, Any]:
        kind, shape = array.dtype.kind, list(array.shape)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        if kind in NUMBERS and array.dtype.itemsize <= 8:
            return {KIND: "array", "name": self._add(array, place)}
        if kind in "mM":
            view = np.asarray(array, order="C").view(np.int64)
            return {KIND: "dates", "name": self._add(view, place), "dtype": array.dtype.str}
        if kind in "OU":
            items = self._items(array.ravel().tolist(), place, "list")
            return {KIND: "cells", "of": items, "dtype": array.dtype.str, "shape": shape}
        return self._refuse(array, place)

    def _add(self, array: np.ndarray, place: str) -> str:
        self.arrays[place] = array
        return place

    def _object(self, value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, Backend):
            return {
                KIND: "object",
                "class": name_of(type(value)),
                "state": self.tree(self._state(value), place),
            }
        found = registered(type(value))
        if found is None:
            raise ModelFileError(
                f"{place} is {short_repr(value)}, whose class no installed distribution registers, "
                "so that a file cannot name it. Make a plugin of it: python -m seqlearn "
                "new-plugin NAME."
            )
        name, distribution = found
        self.backends[name] = distribution
        return {
            KIND: "backend",
            "name": name,
            "parameters": self.tree(value.get_params(deep=False), place),
        }

    def _state(self, value: Any) -> dict[str, Any]:
        state = value.__getstate__()
        if name_of(type(value)) == "SequenceNet" and not self._training_state:
            state = {**state, "arrays": {**state["arrays"], "optimizer": None}}
        return state

    def _refuse(self, value: Any, place: str) -> NoReturn:
        kind = type(value)
        what = f"a {kind.__module__}.{kind.__qualname__}"
        if isinstance(value, np.ndarray):
            what = f"an array of {value.dtype}"
        elif isinstance(value, type):
            what = f"the class {value.__module__}.{value.__qualname__}"
        raise ModelFileError(
            f"{place} is {short_repr(value)}, {what}, which a file of seqlearn.save cannot hold: "
            "such a file has seqlearn's own estimators, pipelines of them, and plain data. Set it "
            "to None (set_params) if predictions do not need it, as callbacks, or use pickle or "
            "skops."
        )


class Reader:
    """Makes what `Writer` took apart.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Those of the file.
    """

    def __init__(self, arrays: dict[str, np.ndarray]):
        self.arrays = arrays
        self._made: dict[int, Any] = {}

    def value(self, tree: Any) -> Any:
        """Return the object that ``tree`` describes.

        Raises
        ------
        ModelFileError
            It names a class that is none of seqlearn's, or what was not written by a `Writer`.
        """
        if isinstance(tree, list):
            return [self.value(one) for one in tree]
        if not isinstance(tree, dict):
            return tree
        if KIND not in tree:
            return {key: self.value(one) for key, one in tree.items()}
        made = getattr(self, f"_make_{tree[KIND]}")(tree)
        if "number" in tree:
            self._made[tree["number"]] = made
        return made

    def _make_same(self, tree: dict) -> Any:
        return self._made[tree["as"]]

    def _make_float(self, tree: dict) -> float:
        return float(tree["is"])

    def _make_tuple(self, tree: dict) -> tuple:
        return tuple(self.value(tree["of"]))

    def _make_slice(self, tree: dict) -> slice:
        return slice(*self.value(tree["ends"]))

    def _make_texts(self, tree: dict) -> Any:
        data, ends = self.arrays[tree["bytes"]].tobytes(), self.arrays[tree["ends"]].tolist()
        starts = [0, *ends[:-1]]
        texts = [
            data[a:b].decode("utf-8", "surrogatepass") for a, b in zip(starts, ends, strict=True)
        ]
        return tuple(texts) if tree["as"] == "tuple" else texts

    def _make_dict(self, tree: dict) -> dict:
        return dict(zip(self.value(tree["keys"]), self.value(tree["values"]), strict=True))

    def _make_array(self, tree: dict) -> np.ndarray:
        return self.arrays[tree["name"]]

    def _make_dates(self, tree: dict) -> np.ndarray:
        return self.arrays[tree["name"]].view(np.dtype(tree["dtype"]))

    def _make_cells(self, tree: dict) -> np.ndarray:
        items, dtype = self.value(tree["of"]), np.dtype(tree["dtype"])
        array = np.empty(len(items), dtype)
        for i, item in enumerate(items):  # which may be lists
            array[i] = item
        return array.reshape(tree["shape"])

    def _make_scalar(self, tree: dict) -> Any:
        return self.value(tree["of"])[()]

    def _make_RandomState(self, tree: dict) -> np.random.RandomState:
        state = np.random.RandomState()
        state.set_state(self.value(tree["state"]))
        return state

    def _make_path(self, tree: dict) -> Path:
        return Path(tree["is"])

    def _make_class(self, tree: dict) -> type:
        return class_of(tree["name"])

    def _make_enum(self, tree: dict) -> Any:
        return class_of(tree["class"])[tree["name"]]

    def _make_backend(self, tree: dict) -> Backend:
        return load_backend(tree["name"])(**self.value(tree["parameters"]))

    def _make_object(self, tree: dict) -> Any:
        kind = class_of(tree["class"])
        state = _defaults(kind) | self.value(tree["state"])
        made = kind.__new__(kind)
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
        else:
            vars(made).update(state)
        return made


def _defaults(kind: type) -> dict[str, Any]:
    """Return the parameters of an estimator that an earlier version may not have had."""
    if not hasattr(kind, "get_params"):
        return {}
    parameters = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    return {one.name: one.default for one in parameters if one.default is not one.empty}
