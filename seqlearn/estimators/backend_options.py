"""What every estimator with a parameter ``backend`` inherits: `BackendOptions`.

Options of a backend that was given by name are set as those of an object are; an estimator is
saved as plain values, and large parameters are printed by their size.
"""

import sys
from typing import Any

from seqlearn.data.plain import PlainState
from seqlearn.printing import shortened
from seqlearn.registry import resolve_backend

__all__ = ["BackendOptions"]

# What prints estimators, alone and inside of others, asks them for their parameters. Nothing else
# that an estimator has is asked inside of a pipeline or a search.
PRINTERS = ("sklearn.utils._pprint", "skbase.base._pretty_printing._pprint")
OF_HTML = "_get_params_html"


class BackendOptions(PlainState):
    """Lets ``backend__option`` be set, and searched, where ``backend`` is a name."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Return those of a backend object too, as ``backend__option``.

        Returns
        -------
        dict
        """
        params = super().get_params(deep=deep)
        asks = sys._getframe(1)
        if asks.f_globals.get("__name__") in PRINTERS or asks.f_code.co_name == OF_HTML:
            return {name: shortened(value) for name, value in params.items()}  # 50,000 words
        return params

    def set_params(self, **params: Any) -> Any:
        """Set parameters; ``backend__option`` sets an option of the backend.

        If ``backend`` is a name, it becomes an object of that name's backend, with the option.

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
        >>> LSTMClassifier(backend="torch").set_params(backend__forget_bias=2.0).backend
        TorchLSTM(forget_bias=2.0)
        """
        backend = params.get("backend", self.backend)
        options = {name: value for name, value in params.items() if name.startswith("backend__")}
        if options and isinstance(backend, str):
            params = {name: value for name, value in params.items() if name not in options}
            options = {name.removeprefix("backend__"): value for name, value in options.items()}
            params["backend"] = resolve_backend(backend).set_params(**options)
        return super().set_params(**params)
