"""Copies of estimators whose callbacks may be tied to something that has no copy.

A callback is called as it was given; only who clones an estimator, as searches and ensembles do,
or saves it, copies it. Every estimator with a parameter ``callbacks`` inherits from
`CopiedCallbacks`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.base import _clone_parametrized, clone

from seqlearn.errors import InvalidParameterError
from seqlearn.training.callbacks import without_last_fit

__all__ = ["CopiedCallbacks", "SktimeCopied"]


class CopiedCallbacks:
    """Lets `sklearn.base.clone` name a callback that it cannot copy, and saves those of a fit."""

    def __sklearn_clone__(self) -> Any:
        with _naming_callbacks(self):
            return _clone_parametrized(self)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if isinstance(state["callbacks"], tuple | list):
            state = {**state, "callbacks": without_last_fit(state["callbacks"])}
        return state


class SktimeCopied(CopiedCallbacks):
    """Lets the method ``clone`` of sktime's estimators do so too."""

    def clone(self) -> Any:
        """Return an unfitted copy with the same parameters and configuration.

        Returns
        -------
        object of the same class

        Raises
        ------
        InvalidParameterError
            A callback cannot be copied.
        """
        with _naming_callbacks(self):
            return super().clone()


@contextmanager
def _naming_callbacks(estimator: Any) -> Iterator[None]:
    """Name the callback to blame if what happens inside, a copy of the estimator, fails.

    Raises
    ------
    InvalidParameterError
        One of the callbacks cannot be copied.
    """
    try:
        yield
    except Exception:
        for callback in estimator.callbacks or ():
            _refuse_uncopied(callback, type(estimator).__name__)
        raise


def _refuse_uncopied(callback: Any, owner: str) -> None:
    try:
        clone(callback, safe=False)
    except Exception as cause:
        named = callback[1] if isinstance(callback, tuple | list) else callback
        raise InvalidParameterError(
            f"{type(named).__name__} in callbacks of {owner} cannot be copied ({cause}), and clone "
            "copies all parameters, for searches, ensembles and cross-validation too. Leave it "
            "out and give it to the copies, by set_params(callbacks=[...]); or give its class a "
            "method __sklearn_clone__(self) that returns self, if all copies may share it."
        ) from cause
