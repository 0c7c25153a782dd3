"""Language models as others see them: what gives a vector to a text, and to a word in its context.

Any estimator with the two methods of `LanguageModel` is one, wherever it is defined: what several
tasks share knows none of them.
"""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

__all__ = ["LanguageModel", "frozen_model"]


@runtime_checkable
class LanguageModel(Protocol):
    """What is asked of an estimator that has read texts from left to right."""

    def _text_vectors(self, X: Any, readout: str) -> np.ndarray:
        """Return the vector of each text, (N, D); what X is, is the model's own business."""

    def _word_vectors(self, sentences: list[list[str]]) -> np.ndarray:
        """Return the vector of each word of all sentences, (S, D), float32.

        It does not depend on the words that follow. A sentence without words has one vector, that
        of nothing read.
        """


def frozen_model(value: Any) -> Any:
    """Return the fitted language model in a `sklearn.frozen.FrozenEstimator`; None if none is.

    Raises
    ------
    NotFittedError
        It is not fitted.
    """
    if not isinstance(value, FrozenEstimator) or not isinstance(value.estimator, LanguageModel):
        return None
    check_is_fitted(value.estimator, "net_")
    return value.estimator
