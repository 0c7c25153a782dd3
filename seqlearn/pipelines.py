"""Pipelines whose last step is an estimator of this package: what that one is given, and what it
says of it.

What looks inside an estimator, such as `attribute`, is no method of scikit-learn's ``Pipeline``.
"""

from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from seqlearn.errors import InvalidParameterError

__all__ = ["attribute", "last_step"]


def last_step(estimator: Any, X: Any, method: str) -> tuple[Any, Any]:
    """Return the last estimator of a fitted pipeline, and X as the steps before it hand it over.

    Parameters
    ----------
    estimator : Pipeline or estimator
        An estimator is returned as it is, with its X.
    X : object or None
        What the pipeline takes; None has no need of the steps before.
    method : str
        What the last estimator must have.

    Raises
    ------
    InvalidParameterError
        It has no such method.
    NotFittedError
        It has to be fitted first.
    """
    while isinstance(estimator, Pipeline):
        if len(estimator) > 1 and X is not None:
            X = estimator[:-1].transform(X)
        estimator = estimator[-1]
    try:
        getattr(estimator, method)
    except NotFittedError:  # an AttributeError too, as sklearn has it
        raise
    except AttributeError as cause:
        name = type(estimator).__name__
        remedy = (
            f"Pass the best_estimator_ of {name}."
            if hasattr(estimator, "best_estimator_")
            else "Pass a fitted estimator that has it, LSTMClassifier for example, or a Pipeline "
            "whose last step is one."
        )
        raise InvalidParameterError(f"{name} has no {method!r}. {remedy}") from cause
    return estimator, X


def attribute(
    estimator: Any,
    X: Any,
    method: str = "integrated_gradients",
    target: Any = None,
    baseline: Any = "mean",
    n_steps: int = 32,
) -> list:
    """Return how much each step and feature counts for the answer of an estimator or pipeline.

    Of a pipeline, the steps but the last transform X; the attributions are those of the transformed
    features, which the last step reads: of scaled values, say, or of the tokens of a text.

    Parameters
    ----------
    estimator : LSTMClassifier, LSTMRegressor, or Pipeline with one of them as its last step
        A fitted one.
    X : array-like
        N sequences, or what the pipeline takes.
    method, target, baseline, n_steps
        As in `LSTMClassifier.attribute`; an array as ``baseline`` is one of transformed values.

    Returns
    -------
    list of N ndarray of shape (T_i, F)
        Of words and feature dictionaries (T_i,).

    Raises
    ------
    InvalidParameterError
        The last step cannot be explained, or an argument is not accepted.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> import seqlearn
    >>> from seqlearn.datasets import make_noisy_sines
    >>> from seqlearn.preprocessing import SequenceScaler
    >>> X, y = make_noisy_sines(60, 20, ragged=True, random_state=0)
    >>> classifier = seqlearn.LSTMClassifier(hidden_size=8, max_epochs=5, random_state=0)
    >>> pipe = make_pipeline(SequenceScaler(), classifier).fit(X, y)
    >>> counts = seqlearn.attribute(pipe, X[:2])
    >>> [one.shape for one in counts] == [row.shape for row in X[:2]]
    True
    """
    estimator, X = last_step(estimator, X, "attribute")
    return estimator.attribute(X, method, target, baseline, n_steps)
