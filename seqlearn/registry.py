"""Finding backends by name: the one place that reads entry points.

A backend is known by the name under which an installed distribution registers it in the
entry-point group ``seqlearn.backends``; seqlearn's own are registered the same way, in its
pyproject.toml. There is no table of names here and no branch for our own. Listing reads metadata
and imports nothing; loading imports one backend. Metadata are read again only where a folder that
Python imports from has changed: to read those of 100 packages takes as long as to train a small
network for an epoch.
"""

import difflib
import inspect
import os
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple

from sklearn.base import clone

from seqlearn.backend import Backend
from seqlearn.errors import (
    BrokenBackendError,
    DuplicateBackendError,
    InvalidBackendError,
    UnknownBackendError,
)
from seqlearn.printing import short_repr

__all__ = [
    "available_backends",
    "describe_backend",
    "load_backend",
    "registered",
    "resolve_backend",
]

GROUP = "seqlearn.backends"
_BUILD = "build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout)"


def available_backends() -> dict[str, str]:
    """Name every installed backend and the distribution it comes with; import none.

    Returns
    -------
    dict of str to str
        Backend name to "distribution version", sorted by name. A name that several
        distributions claim is listed with all of them; `load_backend` refuses it.

    Examples
    --------
    >>> from seqlearn import available_backends
    >>> {"gru", "reference", "rnn", "torch"} <= set(available_backends())
    True
    """
    found: dict[str, list[str]] = {}
    for entry, owner in _claims():
        found.setdefault(entry.name, []).append(owner)
    return {name: " and ".join(sorted(found[name])) for name in sorted(found)}


def load_backend(name: str) -> type[Backend]:
    """Import the backend registered under ``name`` and return its class.

    Parameters
    ----------
    name : str
        One of `available_backends`.

    Returns
    -------
    type
        A subclass of `seqlearn.backend.Backend`.

    Raises
    ------
    UnknownBackendError
        No installed distribution registers ``name``; near matches are suggested.
    DuplicateBackendError
        Several distributions register ``name``; all are named.
    BrokenBackendError
        The backend could not be imported; distribution, version and cause are named.
    InvalidBackendError
        What was registered is not a `Backend` class, or its ``build`` has other arguments.

    Examples
    --------
    >>> from seqlearn.registry import load_backend
    >>> load_backend("torch")(forget_bias=0.5)
    TorchLSTM(forget_bias=0.5)
    """
    claims = _claims_to(name)
    if not claims:  # it may have come where no folder shows it
        _claims_in.cache_clear()
        claims = _claims_to(name)
    if not claims:
        raise UnknownBackendError(_unknown(name))
    if len(claims) > 1:
        claimants = " and ".join(sorted(claim.owner for claim in claims))
        raise DuplicateBackendError(
            f"The backend name {name!r} is claimed by {claimants}. Uninstall one of them, or pass "
            f"an object instead of the name, for example backend=SomeBackend()."
        )
    entry, owner = claims[0]
    try:
        loaded = entry.load()
    except (Exception, SystemExit) as cause:  # a plugin may not end the process of the others
        package = owner.split()[0]
        raise BrokenBackendError(
            f"The backend {name!r} of {owner} could not be imported from {entry.value!r}: "
            f"{type(cause).__name__}: {cause}. Reinstall {package}, or uninstall it."
        ) from cause
    _check_class(loaded, f"The backend {name!r} of {owner}")
    return loaded


def resolve_backend(backend: str | Backend) -> Backend:
    """Return a backend object for a name or an object: a new one with its defaults, or a clone.

    Parameters
    ----------
    backend : str or Backend
        A registered name, or a backend with options, for example ``TorchLSTM(forget_bias=0)``.

    Returns
    -------
    Backend
        Not shared with the caller.

    Raises
    ------
    InvalidBackendError
        ``backend`` is neither a str nor a `Backend` object, or the class of that name cannot be
        made without arguments.
    BackendError
        Whatever `load_backend` raises for a name.
    """
    if isinstance(backend, str):
        loaded = load_backend(backend)
        try:
            return loaded()
        except Exception as cause:
            raise InvalidBackendError(
                f"The backend {backend!r} ({loaded.__module__}.{loaded.__qualname__}) cannot be "
                f"made without arguments: {type(cause).__name__}: {cause}. Every option of a "
                "backend needs a default, and its constructor only stores them."
            ) from cause
    if isinstance(backend, Backend):
        _check_class(type(backend), f"backend={backend!r}")
        return clone(backend)
    hint = ""
    if inspect.isclass(backend) and issubclass(backend, Backend):
        hint = f" Make an object of it: backend={backend.__name__}()."
    raise InvalidBackendError(
        f"backend={short_repr(backend)} is neither the name of an installed backend "
        f"({', '.join(available_backends())}) nor a seqlearn.backend.Backend object.{hint}"
    )


def describe_backend(backend: Backend) -> str:
    """Say for a message which backend is meant and, if it is registered, whose it is.

    Parameters
    ----------
    backend : Backend
        Any backend object.

    Returns
    -------
    str

    Examples
    --------
    >>> from seqlearn.backends.torch_rnn import TorchRNN
    >>> from seqlearn.registry import describe_backend
    >>> describe_backend(TorchRNN())  # doctest: +ELLIPSIS
    "The backend 'rnn' of scikit-seqlearn ..."
    """
    found = registered(type(backend))
    return (
        f"The backend {backend!r}" if found is None else f"The backend {found[0]!r} of {found[1]}"
    )


def registered(kind: type[Backend]) -> tuple[str, str] | None:
    """Return the name of a class of backends, and the distribution and version that registers it.

    Parameters
    ----------
    kind : type
        A subclass of `Backend`.

    Returns
    -------
    tuple of two str, or None
        None for a class that no installed distribution registers.

    Examples
    --------
    >>> from seqlearn.registry import load_backend, registered
    >>> registered(load_backend("gru"))  # doctest: +ELLIPSIS
    ('gru', 'scikit-seqlearn ...')
    """
    for entry, owner in _claims():  # the module of an object's class is imported
        module, _, name = entry.value.replace(" ", "").partition(":")
        if getattr(sys.modules.get(module), name, None) is kind:
            return entry.name, owner
    return None


class _Claim(NamedTuple):
    """A name that a distribution registers."""

    entry: EntryPoint
    owner: str  # distribution and version


def _claims() -> tuple[_Claim, ...]:
    """Return what is registered now."""
    return _claims_in(tuple(map(_state_of, sys.path)))


def _claims_to(name: str) -> list[_Claim]:
    return [claim for claim in _claims() if claim.entry.name == name]


@lru_cache(maxsize=1)
def _claims_in(folders: tuple) -> tuple[_Claim, ...]:
    """Read what is registered while the folders of packages are in this state."""
    return tuple(_Claim(entry, _distribution(entry)) for entry in entry_points(group=GROUP))


def _state_of(folder: str) -> tuple:
    """Return what changes when a package is installed in a folder, or removed."""
    try:
        found = os.stat(folder or os.curdir)
    except OSError:
        return (folder,)
    return folder, found.st_dev, found.st_ino, found.st_mtime_ns


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed distribution"


def _unknown(name: str) -> str:
    known = available_backends()
    if not known:
        return (
            f"No backend is installed, not even seqlearn's own, so {name!r} cannot be found. "
            "Backends are found through package metadata: install seqlearn itself "
            "(python -m pip install scikit-seqlearn, or python -m pip install -e . in a checkout)."
        )
    near = difflib.get_close_matches(str(name), known, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"There is no backend {name!r}.{guess} Installed backends: {', '.join(known)}. A plugin "
        f"must be installed in this environment (python -m pip install seqlearn-{name}) and "
        f"registered under the entry-point group {GROUP!r}."
    )


def _check_class(candidate: object, subject: str) -> None:
    if not (inspect.isclass(candidate) and issubclass(candidate, Backend)):
        raise InvalidBackendError(
            f"{subject} is {candidate!r}, which is not a subclass of seqlearn.backend.Backend. "
            f"Register a subclass with a method {_BUILD}."
        )
    if inspect.isabstract(candidate):
        raise InvalidBackendError(f"{subject} has no method {_BUILD}.")
    try:
        inspect.signature(candidate.build).bind(
            None, 1, 1, num_layers=1, bidirectional=False, dropout=0.0
        )
    except TypeError as cause:
        raise InvalidBackendError(
            f"{subject} has build{inspect.signature(candidate.build)}, which cannot be called as "
            f"{_BUILD}: {cause}."
        ) from cause
