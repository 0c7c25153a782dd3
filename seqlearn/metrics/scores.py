"""The scores: precision, recall and F1 of spans, and the accuracy of tokens.

Spans are found in `span_borders`; here they are counted by type and the counts are averaged. The
report in `report` stands on the same counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from seqlearn.data.label_values import TYPES, as_labels
from seqlearn.data.targets import read_weights
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.metrics.joined import Joined, check_choice, check_zero_division, join_pair
from seqlearn.metrics.span_borders import Mode, Scheme, Spans, check_reading, find_spans

Average = Literal["micro", "macro", "weighted"]
Measure = Literal["precision", "recall", "f1"]


def span_f1_score(
    y_true: Any,
    y_pred: Any,
    *,
    scheme: Scheme = "BIO",
    mode: Mode = "default",
    average: Average | None = "micro",
    labels: Sequence[str] | None = None,
    zero_division: float = 0.0,
    sample_weight: Any = None,
) -> float | np.ndarray:
    """F1 of spans: twice the spans found exactly, over the true plus the predicted spans.

    A predicted span is correct when a true span has the same type, start and end. In the default
    mode this is the score of the program conlleval and of seqeval.

    Parameters
    ----------
    y_true, y_pred : list of N sequences, or ndarray of shape (N, T) or of (N,) sequences
        Labels such as ``"B-PER"`` and ``"O"``, one list, tuple or 1-D array of shape (T_i,) for
        each sequence, without padding; or what else the taggers take in ``fit``, such as pyarrow
        lists. A sequence may be empty.
    scheme : {"BIO", "IOB2", "BIOES", "IOBES", "BILOU"}, default="BIO"
        Which prefixes a label may have, in both modes; see `spans`.
    mode : {"default", "strict"}, default="default"
        Whether a span that is not well formed counts as a span (``"default"``) or as none
        (``"strict"``); see `spans`.
    average : {"micro", "macro", "weighted"} or None, default="micro"
        ``"micro"`` counts the spans of all types together; ``"macro"`` is the mean over types;
        ``"weighted"`` weighs each type by its true spans, and is ``"micro"`` when there are none.
        None returns one score for each type.
    labels : sequence of str or None, default=None
        The types to count, such as ``["PER", "LOC"]``; others are left out. A type that does not
        occur has counts of zero. None is all types that have a true or a predicted span, sorted.
    zero_division : {0.0, 1.0}, default=0.0
        The score where there is neither a true nor a predicted span. No warning is given.
    sample_weight : array-like of shape (N,) or None, default=None
        One weight for each sequence, not negative; a weight of 2 counts like the sequence twice, a
        weight of 0 like its absence.

    Returns
    -------
    score : float, or ndarray of shape (n_types,) if ``average=None``
        Between 0 and 1; with ``average=None`` in the order of `labels`.

    Raises
    ------
    DataFormatError
        When `y_true` and `y_pred` differ in their lengths, hold no sequences, or hold a label that
        does not fit the scheme, or `sample_weight` does not fit. A subclass of ValueError.
    InvalidParameterError
        When another parameter has a value that is not accepted. A subclass of ValueError.

    References
    ----------
    Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task" (2003).
    Nakayama, "seqeval: A Python framework for sequence labeling evaluation" (2018).

    Examples
    --------
    >>> from seqlearn.metrics import span_f1_score
    >>> y_true = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC"]]
    >>> y_pred = [["B-PER", "I-PER", "O", "O"], ["B-LOC", "I-LOC"]]
    >>> span_f1_score(y_true, y_pred)  # 1 of 3 true, 1 of 2 predicted spans
    0.4
    >>> span_f1_score(y_true, y_pred, average=None)  # LOC, PER
    array([0., 1.])
    >>> from sklearn.metrics import make_scorer
    >>> scorer = make_scorer(span_f1_score, scheme="BIO", average="macro")
    """
    check_parameters(scheme, mode, average, labels)
    zero_division = check_zero_division(zero_division)
    counts = count_spans(y_true, y_pred, scheme, mode, sample_weight).select(labels)
    return measure(counts, "f1", average, zero_division)


def span_precision_score(
    y_true: Any,
    y_pred: Any,
    *,
    scheme: Scheme = "BIO",
    mode: Mode = "default",
    average: Average | None = "micro",
    labels: Sequence[str] | None = None,
    zero_division: float = 0.0,
    sample_weight: Any = None,
) -> float | np.ndarray:
    """Precision of spans: the share of the predicted spans that are correct.

    Parameters
    ----------
    y_true, y_pred : list of N sequences, or ndarray of shape (N, T) or of (N,) sequences
        As in `span_f1_score`.
    scheme : {"BIO", "IOB2", "BIOES", "IOBES", "BILOU"}, default="BIO"
        Which prefixes a label may have; see `spans`.
    mode : {"default", "strict"}, default="default"
        How faulty sequences are read; see `spans`.
    average : {"micro", "macro", "weighted"} or None, default="micro"
        As in `span_f1_score`.
    labels : sequence of str or None, default=None
        The types to count; None is all that have a span.
    zero_division : {0.0, 1.0}, default=0.0
        The score where there is no predicted span.
    sample_weight : array-like of shape (N,) or None, default=None
        One weight for each sequence.

    Returns
    -------
    score : float, or ndarray of shape (n_types,) if ``average=None``
        Between 0 and 1.

    Raises
    ------
    DataFormatError, InvalidParameterError
        As in `span_f1_score`.

    References
    ----------
    Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task" (2003).

    Examples
    --------
    >>> from seqlearn.metrics import span_precision_score
    >>> y_true = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC"]]
    >>> y_pred = [["B-PER", "I-PER", "O", "O"], ["B-LOC", "I-LOC"]]
    >>> span_precision_score(y_true, y_pred)
    0.5
    """
    check_parameters(scheme, mode, average, labels)
    zero_division = check_zero_division(zero_division)
    counts = count_spans(y_true, y_pred, scheme, mode, sample_weight).select(labels)
    return measure(counts, "precision", average, zero_division)


def span_recall_score(
    y_true: Any,
    y_pred: Any,
    *,
    scheme: Scheme = "BIO",
    mode: Mode = "default",
    average: Average | None = "micro",
    labels: Sequence[str] | None = None,
    zero_division: float = 0.0,
    sample_weight: Any = None,
) -> float | np.ndarray:
    """Recall of spans: the share of the true spans that are predicted.

    Parameters
    ----------
    y_true, y_pred : list of N sequences, or ndarray of shape (N, T) or of (N,) sequences
        As in `span_f1_score`.
    scheme : {"BIO", "IOB2", "BIOES", "IOBES", "BILOU"}, default="BIO"
        Which prefixes a label may have; see `spans`.
    mode : {"default", "strict"}, default="default"
        How faulty sequences are read; see `spans`.
    average : {"micro", "macro", "weighted"} or None, default="micro"
        As in `span_f1_score`.
    labels : sequence of str or None, default=None
        The types to count; None is all that have a span.
    zero_division : {0.0, 1.0}, default=0.0
        The score where there is no true span.
    sample_weight : array-like of shape (N,) or None, default=None
        One weight for each sequence.

    Returns
    -------
    score : float, or ndarray of shape (n_types,) if ``average=None``
        Between 0 and 1.

    Raises
    ------
    DataFormatError, InvalidParameterError
        As in `span_f1_score`.

    References
    ----------
    Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task" (2003).

    Examples
    --------
    >>> from seqlearn.metrics import span_recall_score
    >>> y_true = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC"]]
    >>> y_pred = [["B-PER", "I-PER", "O", "O"], ["O", "B-LOC"]]
    >>> round(span_recall_score(y_true, y_pred), 3)
    0.667
    """
    check_parameters(scheme, mode, average, labels)
    zero_division = check_zero_division(zero_division)
    counts = count_spans(y_true, y_pred, scheme, mode, sample_weight).select(labels)
    return measure(counts, "recall", average, zero_division)


def token_accuracy_score(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """Share of the steps, over all sequences together, whose label is predicted.

    Long sequences count for more than short ones, as if all were one.

    Parameters
    ----------
    y_true, y_pred : list of N sequences, or ndarray of shape (N, T) or of (N,) sequences
        Labels of any scheme, strings or whole numbers, one list, tuple or 1-D array of shape (T_i,)
        for each sequence, without padding. A sequence may be empty, but not all of them.
    sample_weight : array-like of shape (N,) or None, default=None
        One weight for each sequence, which each of its steps gets; not negative.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    DataFormatError
        When `y_true` and `y_pred` differ in their lengths or kinds of label, there is no step to
        count, or `sample_weight` does not fit. A subclass of ValueError.

    References
    ----------
    Equal to `sklearn.metrics.accuracy_score` of the sequences joined; scikit-learn itself does not
    take sequences. Pedregosa et al., "Scikit-learn: Machine Learning in Python" (2011).

    Examples
    --------
    >>> from seqlearn.metrics import token_accuracy_score
    >>> token_accuracy_score([["B-PER", "O", "O"], ["O"]], [["B-PER", "O", "B-PER"], ["O"]])
    0.75
    """
    true, pred, weights = _join(y_true, y_pred, sample_weight)
    labels = [as_labels(y.labels, y.place) for y in (true, pred)]
    kinds = [TYPES[array.dtype.kind] for array in labels]
    if kinds[0] != kinds[1]:
        raise DataFormatError(
            f"y_true holds {kinds[0]} and y_pred {kinds[1]}, so that no two labels can be equal. "
            "Convert one of them."
        )
    if not true.labels or (weights is not None and not weights.any()):
        raise DataFormatError(
            "y_true and y_pred hold no step, or none with a positive weight: the accuracy is "
            "undefined. Give at least one sequence that is not empty."
        )
    return float(np.average(labels[0] == labels[1], weights=weights))


def _join(y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[Joined, Joined, np.ndarray | None]:
    """Lay the sequences of both arguments end to end, and return a weight for each step."""
    true, pred = join_pair(y_true, y_pred)
    weights = read_weights(sample_weight, len(true.lengths))
    return true, pred, None if weights is None else np.repeat(weights, true.lengths)


@dataclass(frozen=True)
class SpanCounts:
    """Numbers of spans by type, in sums of weights.

    Parameters
    ----------
    types : list of str
        Names of the types.
    correct, predicted, true : ndarray of shape (n_types,)
        Predicted spans that are true spans, predicted spans, true spans.
    """

    types: list[str]
    correct: np.ndarray
    predicted: np.ndarray
    true: np.ndarray

    def select(self, labels: Sequence[str] | None) -> "SpanCounts":
        """Take the types given, with zeros for those that are not there; None takes all."""
        if labels is None:
            return self
        row = {kind: i for i, kind in enumerate(self.types)}
        rows = np.array([row.get(kind, len(row)) for kind in labels], dtype=np.intp)
        counts = (self.correct, self.predicted, self.true)
        return SpanCounts(list(labels), *(np.append(count, 0)[rows] for count in counts))


def count_spans(
    y_true: Any, y_pred: Any, scheme: Scheme, mode: Mode, sample_weight: Any = None
) -> SpanCounts:
    """Count the spans of each type that has one, types sorted; parameters are already checked."""
    true, pred, weights = _join(y_true, y_pred, sample_weight)
    types, (true_spans, pred_spans) = find_spans([true, pred], scheme, mode)

    def count(found: Spans, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        share = None if weights is None else weights[found.start[rows]]
        return np.bincount(found.kind[rows], weights=share, minlength=len(types))

    true_from = np.full(len(true.labels), -1)  # the true span that starts at each step
    true_from[true_spans.start] = np.arange(len(true_spans.start))
    rival = true_from[pred_spans.start]
    hits = np.flatnonzero(rival >= 0)
    hits = hits[true_spans.end[rival[hits]] == pred_spans.end[hits]]
    hits = hits[true_spans.kind[rival[hits]] == pred_spans.kind[hits]]
    counts = count(pred_spans, hits), count(pred_spans), count(true_spans)
    present = np.flatnonzero(counts[1] + counts[2])
    return SpanCounts([types[i] for i in present], *(numbers[present] for numbers in counts))


def measure(
    counts: SpanCounts, name: Measure, average: Average | None, zero_division: float
) -> float | np.ndarray:
    """Compute one score from the counts; parameters are already checked."""
    correct, predicted, true = counts.correct, counts.predicted, counts.true
    if average == "micro":
        correct, predicted, true = (np.sum(c, keepdims=True) for c in (correct, predicted, true))
    above = 2 * correct if name == "f1" else correct
    below = {"precision": predicted, "recall": true, "f1": predicted + true}[name]
    scores = np.full(below.shape, zero_division)
    np.divide(above, below, out=scores, where=below > 0)
    if average is None:
        return scores
    weights = true if average == "weighted" else np.ones(len(scores))
    if not weights.any() and average != "micro":  # no type, or none with a true span
        return measure(counts, name, "micro", zero_division)
    return float(np.average(scores, weights=weights))


def check_parameters(scheme: Any, mode: Any, average: Any, labels: Any) -> None:
    """Raise InvalidParameterError unless all have values that are accepted."""
    check_reading(scheme, mode)
    check_choice("average", average, ["micro", "macro", "weighted", None])
    if labels is None:
        return
    is_listed = isinstance(labels, (list, tuple, np.ndarray))
    if not is_listed or not all(isinstance(kind, str) for kind in labels):
        problem = "is not accepted"
    elif len(labels) == 0 or len(set(labels)) < len(labels):
        problem = "is empty or names a type twice"
    else:
        return
    raise InvalidParameterError(
        f"labels={labels!r} {problem}; give a list of types, such as ['PER', 'LOC'], each once, or "
        "None for all."
    )
