"""Parameters that are objects: ``backend``, ``words``, ``frames`` and ``callbacks``.

Options of a backend that was given by name, or of ``words=None``, are set as those of an object
are. A callback is called as it was given, and may be tied to something that has no copy; only who
clones an estimator, as searches and ensembles do, or saves it, copies it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import NoneType
from typing import Any

from sklearn.base import _clone_parametrized, clone

from seqlearn.data.plain import PlainState
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.frames import Frames
from seqlearn.estimators.words import Words
from seqlearn.registry import resolve_backend
from seqlearn.training.callbacks import only_parameters, without_last_fit

__all__ = ["ParameterObjects", "SktimeParameterObjects"]

# Parameters that hold objects: which values stand for one, and how it is made of them.
OBJECTS: dict = {
    "backend": (str, resolve_backend),
    "decoder_backend": (str, resolve_backend),
    "words": (NoneType, lambda none: Words()),
    "frames": (NoneType, lambda none: Frames()),
}


class ParameterObjects(PlainState):
    """What every estimator with the parameters ``backend`` and ``callbacks`` inherits.

    ``backend__option`` can be set where ``backend`` is a name, and ``words__...`` and
    ``frames__...`` where these are None: they are axes of a search also where the estimator holds
    no object yet. `sklearn.base.clone` names a callback that it cannot copy; what is saved of
    callbacks is not that of the last fit.
    """

    # <annotations: callbacks>
    callbacks: list | None
    # </annotations>

    def set_params(self, **params: Any) -> Any:
        """Set parameters; ``backend__option`` sets an option of the backend, ``words__...`` too.

        If ``backend`` is a name, it becomes an object of that name's backend, with the option. If
        ``words`` is None, it becomes a `seqlearn.Words`; ``frames``, a `seqlearn.Frames`.

        Parameters
        ----------
        **params
            Parameters by name.

        Returns
        -------
        self

        Raises
        ------
        BackendError
            An option is set of a name that cannot be loaded; see `seqlearn.registry`.

        Examples
        --------
        >>> from seqlearn import LSTMClassifier
        >>> model = LSTMClassifier().set_params(backend__forget_bias=2.0, words__size=32)
        >>> model.backend, model.words
        (TorchLSTM(forget_bias=2.0), Words(size=32))
        """
        for name, (kind, make) in OBJECTS.items():
            value = params.get(name, getattr(self, name, ...))
            options = {key: one for key, one in params.items() if key.startswith(f"{name}__")}
            if options and isinstance(value, kind):
                params = {key: one for key, one in params.items() if key not in options}
                options = {key.removeprefix(f"{name}__"): one for key, one in options.items()}
                params[name] = make(value).set_params(**options)
        return super().set_params(**params)  # type: ignore[misc]

    def __sklearn_clone__(self) -> Any:
        with _naming_callbacks(self.callbacks, type(self).__name__):
            return _clone_parametrized(self._with_parameters_of_callbacks())

    def _with_parameters_of_callbacks(self) -> Any:
        """Return this estimator, its callbacks such that they can be copied."""
        same = object.__new__(type(self))
        same.__dict__ |= {**self.__dict__, "callbacks": only_parameters(self.callbacks)}
        return same

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if isinstance(state["callbacks"], tuple | list):
            state = {**state, "callbacks": without_last_fit(state["callbacks"])}
        return state


class SktimeParameterObjects(ParameterObjects):
    """Lets the method ``clone`` of sktime's estimators name a callback too."""

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
        with _naming_callbacks(self.callbacks, type(self).__name__):
            same = self._with_parameters_of_callbacks()
            return super(SktimeParameterObjects, same).clone()  # type: ignore[misc]


@contextmanager
def _naming_callbacks(callbacks: Any, owner: str) -> Iterator[None]:
    """Name the callback to blame if what happens inside, a copy of the estimator, fails.

    Raises
    ------
    InvalidParameterError
        One of the callbacks cannot be copied.
    """
    try:
        yield
    except Exception:
        for callback in callbacks or ():
            _refuse_uncopied(callback, owner)
        raise


def _refuse_uncopied(callback: Any, owner: str) -> None:
    try:
        clone(only_parameters(callback), safe=False)
    except Exception as cause:
        named = callback[1] if isinstance(callback, tuple | list) else callback
        raise InvalidParameterError(
            f"{type(named).__name__} in callbacks of {owner} cannot be copied ({cause}), and clone "
            "copies all parameters, for searches, ensembles and cross-validation too. Leave it "
            "out and give it to the copies, by set_params(callbacks=[...]); or give its class a "
            "method __sklearn_clone__(self) that returns self, if all copies may share it."
        ) from cause
