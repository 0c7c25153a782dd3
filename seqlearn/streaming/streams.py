"""`Stream`: what a user holds while data come in, and `stream`, which makes one of a Pipeline too.

A transformer of a Pipeline takes part if it has two methods: ``begin_streams(n_streams)`` returns
its state before the first step, and ``step_streams(x, state)`` a step (B, F') made of a step (B, F)
and the state to go on with, neither of them changed. States are nested tuples of arrays whose rows
are the streams, or None. `SequenceScaler` has none to carry.
"""

from typing import Any

import numpy as np

from seqlearn.data.one_step import read_step
from seqlearn.errors import InvalidParameterError
from seqlearn.printing import short_repr
from seqlearn.states import map_rows
from seqlearn.streaming.steps import Steps, begun_again, refuse_other_forms
from seqlearn.training.defaults import torch_defaults

__all__ = ["Stream", "stream"]

KEYS = ("model", "n_steps", "transformers", "rows")  # of a state


class Stream:
    """A fitted model that is told one step at a time, for one stream or thousands at once.

    The state of the network is carried along, so that a step costs the same after a million others
    as after one. What it says is what ``predict`` of the estimator says of all steps so far, to
    rounding. It goes on with the model that it was made of, whatever becomes of the estimator. It
    can be pickled, and `state` alone can be kept and set again.

    Made by ``estimator.stream(n_streams)`` or `seqlearn.stream`, never by hand.

    Parameters
    ----------
    steps : Steps
        What a step of the estimator is.
    transformers : list of (str, transformer)
        What stands before it in a Pipeline.

    Attributes
    ----------
    n_streams : int
        Streams, B.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn import LSTMClassifier
    >>> from seqlearn.datasets import make_noisy_sines
    >>> X, y = make_noisy_sines(60, 20, ragged=True, random_state=0)
    >>> model = LSTMClassifier(hidden_size=8, bidirectional=False, max_epochs=3, random_state=0)
    >>> stream = model.fit(X, y).stream()
    >>> for value in X[0]:
    ...     label = stream.step([value])
    >>> bool(label[0] == model.predict(X[:1])[0]), stream.n_steps.tolist() == [len(X[0])]
    (True, True)
    """

    def __init__(self, steps: Steps, transformers: list[tuple[str, Any]] | None = None):
        self._steps, self._transformers = steps, transformers or []
        self.n_streams = steps.n_streams
        self._fingerprint: str | None = None
        self._begin()

    @torch_defaults()
    def _begin(self) -> None:
        self._rows = self._steps.begin()
        self._of_transformers = self._fresh_transformers()
        self._n_all, self._begun_at = 0, np.zeros(self.n_streams, np.int64)

    def _fresh_transformers(self) -> tuple:
        return tuple(one.begin_streams(self.n_streams) for _, one in self._transformers)

    @property
    def n_steps(self) -> np.ndarray:
        """Steps of each stream since it began, (B,), int64."""
        return self._n_all - self._begun_at

    def step(self, x: Any, *more: Any) -> Any:
        """Take one step of every stream, and return what ``predict`` says of the steps so far.

        Parameters
        ----------
        x : array-like of shape (B, F), or list of B tokens, feature dictionaries or items
            The next step of each stream. With one feature also (B,), of a single stream also (F,).
            A forecaster is given the next values of y, and those of X as a second argument.

        Returns
        -------
        ndarray of shape (B, ...)
            Labels, numbers, the label of the newest step of a tagger, the score of the newest step
            of a detector, the likeliest next token or item, vectors, or forecasts.

        Raises
        ------
        DataFormatError
            x has another shape, holds no numbers, or NaN or infinity where the model takes none.
            The streams are then as they were before.
        """
        return self._steps.answer(self._advance(x, more))

    def step_proba(self, x: Any, *more: Any) -> np.ndarray:
        """Take one step of every stream, as `step` does, and return probabilities.

        Parameters
        ----------
        x : array-like of shape (B, F), or list of B tokens, feature dictionaries or items
            The next step of each stream.

        Returns
        -------
        ndarray of shape (B, C)
            Of the classes of a classifier or tagger, of the next token of a language model, or of
            the next item.

        Raises
        ------
        InvalidParameterError
            The model has no probabilities.
        DataFormatError
            As in `step`.
        """
        if not self._steps.has_probabilities:
            raise InvalidParameterError(
                f"A stream of {self._steps.owner} has no probabilities: call step. Classifiers, "
                "taggers and models of the next token have them."
            )
        return self._steps.probabilities(self._advance(x, more))

    @torch_defaults()
    def _advance(self, x: Any, more: tuple) -> Any:
        """Take a step; nothing is kept before all of it has succeeded."""
        steps, before = self._steps, self._of_transformers
        if self._transformers:
            first = self._transformers[0][1]
            names = getattr(first, "feature_names_in_", None)
            x = read_step(x, self.n_streams, type(first).__name__, names)
            after = []
            for (_, one), state in zip(self._transformers, before, strict=True):
                x, state = one.step_streams(x, state)
                after.append(state)
            before = tuple(after)
        outputs, rows = steps.run(x, self._rows, *more)
        self._rows, self._of_transformers = rows, before
        self._n_all += 1
        return outputs

    @torch_defaults()
    def reset(self, rows: Any = None) -> "Stream":
        """Begin streams again; the others are not touched, to the bit.

        Parameters
        ----------
        rows : int, array-like of int or bool, or None, default=None
            Numbers of the streams, or True for each; None for all.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            There are no such streams.
        """
        if rows is None:
            self._begin()
            return self
        chosen = self._chosen(rows)
        again = self._steps.reset(self._rows, chosen)
        fresh = self._fresh_transformers()
        self._of_transformers = begun_again(self._of_transformers, fresh, chosen)
        self._rows = again
        self._begun_at[chosen] = self._n_all
        return self

    def _chosen(self, rows: Any) -> np.ndarray:
        """Return the numbers of streams, (M,)."""
        wanted = np.asarray(rows)
        if wanted.size == 0:
            wanted = wanted.astype(np.int64)
        try:
            if wanted.dtype.kind not in "iub":
                raise IndexError("numbers or a mask are due")
            return np.atleast_1d(np.arange(self.n_streams)[wanted])
        except IndexError as cause:
            raise InvalidParameterError(
                f"rows={short_repr(rows)} of reset names no streams: there are {self.n_streams}, "
                f"from 0 to {self.n_streams - 1} ({cause}). Give their numbers, or a bool for each."
            ) from cause

    @property
    @torch_defaults()
    def state(self) -> dict[str, Any]:
        """What the streams have come to: plain values, without the model, that can be pickled.

        Set it to go on from there, in a stream of the same model with as many streams: what is not
        one of those is refused. A dict of the fingerprint of the model, ``n_steps``, and the rows
        of all that is carried, as nested tuples of arrays whose first dimension is the streams.
        """
        return {
            "model": self._model,
            "n_steps": self.n_steps,
            "transformers": map_rows(np.copy, self._of_transformers),
            "rows": self._steps.plain(self._rows),
        }

    @state.setter
    @torch_defaults()
    def state(self, state: dict[str, Any]) -> None:
        owner = self._steps.owner
        if not isinstance(state, dict) or set(state) != set(KEYS):
            raise InvalidParameterError(
                f"The state of a stream is a dict with {', '.join(KEYS)}, as the property state "
                f"gives it; {short_repr(state)} of type {type(state).__name__} was given."
            )
        if state["model"] != self._model:
            raise InvalidParameterError(
                f"The state is of another model than this {owner}: its weights are others. Set it "
                "in a stream of the model that it was taken from."
            )
        refuse_other_forms(state["n_steps"], self.n_steps, owner)
        refuse_other_forms(state["transformers"], self._fresh_transformers(), owner)
        self._rows = self._steps.restored(state["rows"])
        self._of_transformers = map_rows(np.copy, state["transformers"])
        self._n_all, self._begun_at = 0, -state["n_steps"]

    @property
    def _model(self) -> str:
        if self._fingerprint is None:
            self._fingerprint = self._steps.fingerprint()
        return self._fingerprint

    def __getstate__(self) -> dict[str, Any]:
        return {
            "steps": self._steps,
            "transformers": self._transformers,
            "state": self.state,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["steps"], state["transformers"])  # type: ignore[misc]
        self.state = state["state"]

    def __repr__(self) -> str:
        before = "".join(f"{name} -> " for name, _ in self._transformers)
        return f"<Stream of {before}{self._steps.owner}: n_streams={self.n_streams}>"


def stream(estimator: Any, n_streams: int | None = None) -> Stream:
    """Return streams of a fitted estimator, or of a Pipeline that ends in one.

    Parameters
    ----------
    estimator : estimator or Pipeline
        One that has a method ``stream``. What stands before it in a Pipeline must be causal and
        work step by step, as `SequenceScaler` does.
    n_streams : int, optional
        How many sequences are followed at once; by default 1, of a forecaster one for each series.

    Returns
    -------
    Stream

    Raises
    ------
    InvalidParameterError
        The estimator, or a step of the Pipeline, cannot work step by step; it says why.
    NotFittedError
        It is not fitted.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> import seqlearn
    >>> from seqlearn.datasets import make_noisy_sines
    >>> from seqlearn.preprocessing import SequenceScaler
    >>> X, y = make_noisy_sines(60, 20, ragged=True, random_state=0)
    >>> model = seqlearn.LSTMClassifier(bidirectional=False, max_epochs=3, random_state=0)
    >>> stream = seqlearn.stream(make_pipeline(SequenceScaler(), model).fit(X, y), n_streams=2)
    >>> stream.step([X[0][0], X[1][0]]).shape
    (2,)
    """
    before, last = [], estimator
    if hasattr(estimator, "steps") and isinstance(estimator.steps, list):
        *earlier, (_, last) = estimator.steps
        before = [(name, one) for name, one in earlier if one not in (None, "passthrough")]
    for name, one in before:
        _refuse_transformer(name, one)
    if not hasattr(last, "stream"):
        raise InvalidParameterError(
            f"{type(last).__name__} cannot stream: it has no method stream. A fitted estimator of "
            "seqlearn is due, or a Pipeline that ends in one; of a search, its best_estimator_."
        )
    made = last.stream() if n_streams is None else last.stream(n_streams)
    return Stream(made._steps, before) if before else made


def _refuse_transformer(name: str, one: Any) -> None:
    """Refuse a transformer that does not work step by step."""
    kind = type(one).__name__
    reason = getattr(one, "_no_streams", None)
    if reason is None and not hasattr(one, "step_streams"):
        reason = "it has no method step_streams, and what it makes of a step may hang on later ones"
    if reason is not None:
        raise InvalidParameterError(
            f"The step {name!r} of the Pipeline, a {kind}, cannot stream: {reason}. Use a "
            "SequenceScaler in its place, or stream the last step alone, "
            "seqlearn.stream(pipe[-1]), and give it steps that you have transformed."
        )
