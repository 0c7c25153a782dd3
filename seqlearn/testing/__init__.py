"""The contract between estimator and backend in executable form, for whoever writes a backend.

Here lives `backend_checks`, which holds the rules that `seqlearn.backend.Backend` states up to one
backend: a list of checks with small tensors, each failing with figures. The rules stand in
`rules`, by subject, what they are made of in `material`; no test framework, no estimator and no
data set lives here. No check moves a global random state.
"""

from dataclasses import dataclass, field

from seqlearn.backend import Backend
from seqlearn.registry import describe_backend, resolve_backend
from seqlearn.testing.material import Broken, Setting, one_thread, shown
from seqlearn.testing.rules import RULES, Rule

__all__ = ["Check", "backend_checks"]


@dataclass(frozen=True)
class Check:
    """One rule of the contract, held up to one backend; call it without arguments.

    Attributes
    ----------
    name : str
        One word for the rule; also ``__name__``, so that pytest shows it as the test's id.
    rule : str
        What has to hold, in one sentence.
    subject : str
        Whom the check is about: the backend and, if it was given by name, its distribution.

    Raises
    ------
    AssertionError
        When called and the rule does not hold: subject, rule and figures are in the message.
    """

    name: str
    rule: str
    subject: str
    _backend: Backend = field(repr=False)
    _rule: Rule = field(repr=False)

    @property
    def __name__(self) -> str:
        """The name once more, where pytest looks for it."""
        return self.name

    def __call__(self) -> None:
        """Hold the rule up to the backend."""
        at = ""
        try:
            with one_thread():
                if not self._rule.sizes:
                    self._rule.holds(self._backend)
                for size in self._rule.sizes:
                    setting = Setting(self._backend, *size)
                    at = f"At {setting}: "
                    self._rule.holds(setting)
        except Exception as cause:
            ours = isinstance(cause, Broken)
            found = f"{at}{cause}" if ours else f"{at}It raised {shown(cause)}"
            raise AssertionError(
                f"{self.subject} breaks the rule {self.name!r}: {self.rule} {found}"
            ) from (None if ours else cause)


def backend_checks(backend: str | Backend) -> list[Check]:
    """List the checks that a backend has to pass to work with every estimator.

    Parameters
    ----------
    backend : str or Backend
        A registered name, or an object; the rules are held up to the options that it has.

    Returns
    -------
    list of Check
        Each raises AssertionError when called, if its rule is broken. A backend that declares
        ``causal = False`` or ``stateful = False`` is not asked for causality or for equal
        outputs in chunks, one without ``bf16 = True`` not for training in bfloat16, one without
        ``missing = True`` not for gaps. The check of bfloat16 is there if torch can compute it on
        this processor, the one that compares devices if CUDA is.

    Raises
    ------
    BackendError
        A name that cannot be resolved, or no backend at all; see `resolve_backend`.

    Examples
    --------
    The whole test file of a plugin (here "torch" stands for its name)::

        import pytest
        from seqlearn.testing import backend_checks

        @pytest.mark.parametrize("check", backend_checks("torch"))
        def test_contract(check):
            check()

    One check by hand:

    >>> from seqlearn.testing import backend_checks
    >>> checks = {check.name: check for check in backend_checks("torch")}
    >>> checks["batch_invariance"].rule
    "A row's outputs do not depend on the other rows of the batch, nor on their order."
    >>> checks["batch_invariance"]()
    """
    if isinstance(backend, Backend):
        subject = f"The backend {shown(backend)}"
    else:
        backend = resolve_backend(backend)
        subject = describe_backend(backend)
    return [
        Check(rule.name, rule.sentence, subject, backend, rule)
        for rule in RULES
        if rule.applies(backend)
    ]
