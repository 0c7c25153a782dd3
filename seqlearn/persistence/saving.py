"""Saving and loading models in one file, without code: the public functions.

What is in a file is said by `seqlearn.persistence.files` (its bytes) and
`seqlearn.persistence.values` (its objects).
"""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from seqlearn.errors import ModelFileError, SeqlearnError, UnknownBackendError
from seqlearn.persistence.files import FORMAT, read, write
from seqlearn.persistence.types import name_of
from seqlearn.persistence.values import Reader, Writer
from seqlearn.registry import available_backends

__all__ = ["load", "origin", "save"]

OURS = "scikit-seqlearn"  # whose backends are as the file's format says, in every version


def save(model: Any, path: Any, *, training_state: bool = False) -> None:
    """Save a fitted estimator, or a pipeline, as one file that holds no code.

    The file is in the format of safetensors; beside the weights it holds a description in JSON and
    a digest over both. It is written at once or not at all. `seqlearn.load` gives the model back:
    its predictions are equal to the bit on the same machine.

    Parameters
    ----------
    model : estimator
        Any fitted estimator or transformer of seqlearn, or a `sklearn.pipeline.Pipeline` of them
        and of scikit-learn's linear models and scalers.
    path : str or path-like
        Where to. A file that is there is replaced.
    training_state : bool, default=False
        Keep the optimiser's state too, which is twice as large as the weights. Without it,
        ``warm_start`` and ``partial_fit`` go on with a new optimiser after loading.

    Raises
    ------
    ModelFileError
        The model is not fitted, or holds what no file can: it is named.
    OSError
        The file cannot be written; what was there before is untouched.

    See Also
    --------
    load : Give the model back.

    Examples
    --------
    >>> import os, tempfile
    >>> import seqlearn
    >>> from seqlearn.datasets import make_noisy_sines
    >>> X, y = make_noisy_sines(30, 20, random_state=0)
    >>> model = seqlearn.LSTMClassifier(hidden_size=8, max_epochs=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     seqlearn.save(model, os.path.join(folder, "sines.seqlearn"))
    ...     loaded = seqlearn.load(os.path.join(folder, "sines.seqlearn"))
    >>> bool((loaded.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    kind = type(model).__name__
    if name_of(type(model)) is None or not hasattr(model, "get_params"):
        best = " Save the best_estimator_ of this one." if hasattr(model, "best_estimator_") else ""
        raise ModelFileError(
            f"{kind} objects cannot be saved: seqlearn.save takes fitted estimators of seqlearn, "
            f"and pipelines of them.{best}"
        )
    if not _is_fitted(model):
        raise ModelFileError(
            f"This {kind} is not fitted, so there is nothing to save. Call fit first."
        )
    writer = Writer(training_state)
    tree = writer.tree(model, kind)
    description = {**origin(), "class": kind, "backends": writer.backends, "model": tree}
    write(path, description, writer.arrays)


def origin() -> dict[str, Any]:
    """Return what a file says of where it comes from: the format, and versions by name."""
    return {
        "format": FORMAT,
        "seqlearn": _version(OURS),
        "python": platform.python_version(),
        "torch": _version("torch"),
        "scikit-learn": _version("scikit-learn"),
    }


def load(path: Any, *, any_version: bool = False) -> Any:
    """Return the model that `save` wrote to a file; nothing in the file is executed.

    Parameters
    ----------
    path : str or path-like
        A file that `seqlearn.save`, or the method ``save`` of an estimator, wrote.
    any_version : bool, default=False
        Load it although a plugin with its backend is of another version than the one it was
        saved with, whose answers may differ.

    Returns
    -------
    estimator
        Fitted. A model that was trained on a GPU predicts on the CPU where there is none.

    Raises
    ------
    ModelFileError
        The file is damaged, of a newer format, none of seqlearn, or needs a plugin that is not
        installed, or is of another version: the message says what to do.
    OSError
        It cannot be opened.

    See Also
    --------
    save : Write such a file. ``python -m seqlearn inspect FILE`` prints what is in one.

    Examples
    --------
    See `save`.
    """
    description, arrays = read(path)
    if "checkpoint" in description:
        raise ModelFileError(
            f"{str(path)!r} is no model but a checkpoint, the state of a fit of "
            f"{description.get('class')} that was under way. Call fit again with the same "
            "parameters and data; it goes on from there."
        )
    _check_backends(path, description.get("backends"), any_version)
    try:
        return Reader(arrays).value(description["model"])
    except SeqlearnError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError) as cause:
        raise ModelFileError(
            f"{str(path)!r} holds no model that this version of seqlearn can make "
            f"({type(cause).__name__}: {cause}). It was written by seqlearn "
            f"{description.get('seqlearn')}; this is {_version(OURS)}."
        ) from cause


def _is_fitted(model: Any) -> bool:
    if hasattr(model, "is_fitted"):  # sktime
        return model.is_fitted
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def _check_backends(path: Any, backends: Any, any_version: bool) -> None:
    """Refuse backends that are not installed, or of another version."""
    if not isinstance(backends, dict):
        raise ModelFileError(f"{str(path)!r} does not say which backends it needs.")
    installed = available_backends()
    for name, distribution in backends.items():
        package, _, its_version = str(distribution).rpartition(" ")
        wanted = f"python -m pip install {package}=={its_version}"
        if name not in installed:
            raise ModelFileError(
                f"{str(path)!r} needs the backend {name!r} of {distribution}, which is not "
                f"installed here. Install it: {wanted}"
            ) from UnknownBackendError(name)
        if package != OURS and installed[name] != distribution and not any_version:
            raise ModelFileError(
                f"{str(path)!r} was saved with the backend {name!r} of {distribution}; here it is "
                f"that of {installed[name]}, whose answers may differ. Install the other one, "
                f"{wanted}, or call seqlearn.load(path, any_version=True)."
            )


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
