"""Precision and recall of ranges: how well flagged ranges overlap with anomalous ones.

A range is a run of steps that are 1. The weights of its steps, and what several overlaps are worth,
are the user's choice; all ranges of all sequences are counted at once.
"""

from typing import Any, Literal

import numpy as np

from seqlearn.metrics.joined import check_choice, check_zero_division
from seqlearn.metrics.steps import check_equal_lengths, check_share, find_runs, read_flags

Bias = Literal["flat", "front", "middle", "back"]
Cardinality = Literal["one", "reciprocal"]


def range_precision_recall(
    y_true: Any,
    y_pred: Any,
    *,
    alpha: float = 0.0,
    bias: Bias = "flat",
    cardinality: Cardinality = "reciprocal",
    zero_division: float = 0.0,
) -> tuple[float, float]:
    """Precision and recall of ranges of anomalous steps.

    A predicted range is worth the share of its steps that are anomalous, a true range the share of
    its steps that are flagged, both divided by the number of ranges it overlaps with, if that is
    wished. Precision is the mean over predicted, recall over true ranges. With all ranges one step
    long they are the usual precision and recall.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (T,), or list of N of them
        1 at anomalous or flagged steps, else 0. The ranges of all sequences count together.
    alpha : float, default=0.0
        Weight, from 0 to 1, of being found at all in the recall of a range; what it overlaps has
        the weight 1 - alpha. Precision has no such part.
    bias : {"flat", "front", "middle", "back"}, default="flat"
        Which steps of a range count for more, in precision and recall: all alike, or with weights
        that fall from L to 1 over its L steps, rise and fall, or rise.
    cardinality : {"reciprocal", "one"}, default="reciprocal"
        Whether the overlap of a range with x ranges is divided by x, or taken as it is: the first
        wants one range to be found by one.
    zero_division : {0.0, 1.0}, default=0.0
        Precision where nothing is flagged, and recall where nothing is anomalous.

    Returns
    -------
    precision, recall : float
        Between 0 and 1.

    Raises
    ------
    DataFormatError
        When lengths differ, or something else than 0 and 1 is given. A subclass of ValueError.
    InvalidParameterError
        When another parameter has a value that is not accepted.

    See Also
    --------
    vus_pr_score : For scores in place of flags.

    References
    ----------
    Tatbul, Lee, Zdonik, Alam and Gottschlich (2018). Precision and recall for time series. Advances
    in Neural Information Processing Systems 31.

    Examples
    --------
    >>> from seqlearn.metrics import range_precision_recall
    >>> y_true = [0, 1, 1, 1, 1, 0, 0, 0]
    >>> y_pred = [0, 0, 1, 1, 0, 0, 1, 1]
    >>> range_precision_recall(y_true, y_pred)  # one of two ranges; half of the anomaly
    (0.5, 0.5)
    >>> range_precision_recall(y_true, y_pred, alpha=0.5)  # it was found, and half of it
    (0.5, 0.75)
    """
    check_share("alpha", alpha)
    check_choice("bias", bias, ["flat", "front", "middle", "back"])
    check_choice("cardinality", cardinality, ["reciprocal", "one"])
    zero_division = check_zero_division(zero_division)
    true, _ = read_flags(y_true, "y_true")
    pred, _ = read_flags(y_pred, "y_pred")
    check_equal_lengths(true, pred, ("y_true", "y_pred"))
    gap = np.zeros(1, dtype=bool)  # between sequences, so that no range goes on in the next
    a = np.concatenate([part for row in true for part in (row, gap)])
    b = np.concatenate([part for row in pred for part in (row, gap)])
    precision, _ = _reward(b, a, bias, cardinality)
    overlap, found = _reward(a, b, bias, cardinality)
    recall = alpha * found + (1 - alpha) * overlap
    return (
        float(precision.mean()) if len(precision) else zero_division,
        float(recall.mean()) if len(recall) else zero_division,
    )


def _reward(
    ranges: np.ndarray, others: np.ndarray, bias: Bias, cardinality: Cardinality
) -> tuple[np.ndarray, np.ndarray]:
    """Return for each run of `ranges` the worth of its overlap, and whether there is any."""
    starts, ends = find_runs(ranges)
    lengths = ends - starts
    rows = np.repeat(np.arange(len(starts)), lengths)
    weights = _weights(np.flatnonzero(ranges) - starts[rows], lengths[rows], bias)
    covered = np.bincount(rows, weights * others[ranges], len(starts))
    overlap = covered / np.bincount(rows, weights, len(starts))
    begins = np.flatnonzero(others & ~np.append(False, others[:-1]))
    n_others = np.searchsorted(begins, ends) - np.searchsorted(begins, starts, side="right")
    n_others = n_others + others[starts]  # one that is there at the first step, wherever it began
    if cardinality == "reciprocal":
        overlap = overlap / np.maximum(n_others, 1)
    return overlap, n_others > 0


def _weights(step: np.ndarray, length: np.ndarray, bias: Bias) -> np.ndarray:
    """Return the weight of each step of a range, steps counted from 0."""
    if bias == "front":
        return (length - step).astype(np.float64)
    if bias == "back":
        return step + 1.0
    if bias == "middle":
        return np.minimum(step + 1, length - step).astype(np.float64)
    return np.ones(len(step))
