"""Classes of a classifier or tagger: those of a partial fit, and their weights."""

from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.printing import short_repr

__all__ = ["classes_of_partial_fit", "refuse_other_classes", "weights_of_classes"]


def classes_of_partial_fit(given: Any, found: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    """Return the classes of a partial fit: given now, or known from before.

    Parameters
    ----------
    given : array-like or None
        The argument ``classes``.
    found : ndarray
        The distinct labels of y.
    known : ndarray or None
        Classes of earlier calls.
    """
    if given is None and known is None:
        raise DataFormatError(
            "The first call of partial_fit needs classes=, all labels that will ever occur."
        )
    given = known if given is None else np.unique(given)
    if known is not None and not np.array_equal(given, known):
        raise DataFormatError(
            f"classes={given.tolist()} is not the same as in the first call, {known.tolist()}."
        )
    unseen = np.setdiff1d(found, given)
    if len(unseen):
        raise DataFormatError(
            f"y has the labels {unseen.tolist()}, which are not among classes {given.tolist()}."
        )
    return given


def refuse_other_classes(found: np.ndarray, known: np.ndarray) -> None:
    """Raise unless a warm start has the classes of the last fit."""
    if not np.array_equal(found, known):
        raise DataFormatError(
            "warm_start=True goes on with the classes of the last fit, "
            f"{known.tolist()}; y now has {found.tolist()}. Fit with warm_start=False, or use "
            "partial_fit with all classes."
        )


def weights_of_classes(estimator: Any, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weight of each class by the parameter ``class_weight``, (C,).

    Parameters
    ----------
    estimator : estimator
        With ``class_weight``, not None, and ``classes_``.
    codes : ndarray of int
        Class of each label that is trained on.
    weights : ndarray
        Its weight; weighted and repeated labels give the same.
    """
    class_weight, classes = estimator.class_weight, estimator.classes_
    if isinstance(class_weight, dict):
        unknown = [c for c in class_weight if c not in classes]
        if unknown:
            raise InvalidParameterError(
                f"class_weight holds {short_repr(unknown)}, but the classes are "
                f"{short_repr(classes.tolist())}."
            )
        of_class = np.asarray([class_weight.get(c, 1.0) for c in classes.tolist()], np.float64)
    elif isinstance(class_weight, str) and class_weight == "balanced":
        present = np.unique(codes[weights > 0])
        of_class = np.ones(len(classes))
        of_class[present] = compute_class_weight(
            "balanced",
            classes=present,
            y=codes[weights > 0],
            sample_weight=weights[weights > 0],
        )
    else:
        raise InvalidParameterError(
            f"The 'class_weight' parameter of {type(estimator).__name__} must be a dict, "
            f"'balanced' or None. Got {short_repr(class_weight)} instead."
        )
    occurring = of_class[np.unique(codes)]
    if not ((occurring >= 0) & np.isfinite(occurring)).all() or not (
        of_class[codes[weights > 0]].any()
    ):
        raise InvalidParameterError(
            f"class_weight={short_repr(class_weight)} must be finite and non-negative, and "
            "positive for at least one class that occurs."
        )
    return of_class
