"""What every estimator with a parameter ``backend`` inherits: `BackendOptions`.

Options of a backend that was given by name, or of ``words=None``, are set as those of an object
are; an estimator is saved as plain values.
"""

from types import NoneType
from typing import Any

from seqlearn.data.plain import PlainState
from seqlearn.estimators.words import Words
from seqlearn.registry import resolve_backend

__all__ = ["BackendOptions"]

# Parameters that hold objects: which values stand for one, and how it is made of them.
OBJECTS = {"backend": (str, resolve_backend), "words": (NoneType, lambda none: Words())}


class BackendOptions(PlainState):
    """Lets ``backend__option`` be set where ``backend`` is a name, ``words__...`` where it is None.

    So they are axes of a search also where the estimator holds no object yet.
    """

    def set_params(self, **params: Any) -> Any:
        """Set parameters; ``backend__option`` sets an option of the backend, ``words__...`` too.

        If ``backend`` is a name, it becomes an object of that name's backend, with the option. If
        ``words`` is None, it becomes a `seqlearn.Words`.

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
        return super().set_params(**params)
