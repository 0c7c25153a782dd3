"""Classes of a classifier or tagger: those of a partial fit, their weights, and right answers."""

from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from seqlearn.data.labels import read_classes, refuse_other_types
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.printing import short_repr

__all__ = [
    "classes_of_partial_fit",
    "refuse_other_classes",
    "share_equal",
    "weights_of_classes",
]

EXTREME = 1e15  # largest weight of a class; float32 squares it when gradients are clipped


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
    given = known if given is None else read_classes(given)
    if known is not None and not np.array_equal(given, known):
        raise DataFormatError(
            f"classes={given.tolist()} is not the same as in the first call, {known.tolist()}."
        )
    refuse_other_types(found, given)
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
        unknown = [c for c in class_weight if c not in set(classes.tolist())]
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
    largest = occurring.max()
    if not 1 / EXTREME <= largest <= EXTREME:
        raise InvalidParameterError(
            f"class_weight={class_weight!r}: the largest weight of a class that occurs, "
            f"{largest:g}, is too {'large' if largest > 1 else 'small'} to compute with. "
            + (
                "Only the ratios of the weights matter: divide all by the largest."
                if isinstance(class_weight, dict)
                else "The weights in sample_weight, summed by class, lie too far apart."
            )
        )
    return of_class


def share_equal(found: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> float:
    """Return the weighted share of labels (N,), or of rows of them (N, C), that are predicted."""
    if found.shape != predicted.shape:
        raise DataFormatError(
            f"y has shape {found.shape}, but the predictions for X have shape {predicted.shape}; "
            "give one label, or C labels of 0 and 1 as in fit, for each sequence."
        )
    if found.ndim == 1:
        refuse_other_types(found, predicted)
    equal = (found == predicted).reshape(len(found), -1).all(axis=1)  # (N,)
    return float(np.average(equal, weights=weights))
