"""Scores that scikit-learn lacks: spans and tokens, anomalies in series, recommendations.

They are used alone or through `sklearn.metrics.make_scorer`; they take labels, flags or scores
only, and need neither torch nor a trained model.
"""

from seqlearn.metrics.nab import nab_best_threshold, nab_score
from seqlearn.metrics.ranges import range_precision_recall
from seqlearn.metrics.report import classification_report_spans
from seqlearn.metrics.scores import (
    span_f1_score,
    span_precision_score,
    span_recall_score,
    token_accuracy_score,
)
from seqlearn.metrics.span_borders import spans
from seqlearn.metrics.volume import dominant_period, vus_pr_score

__all__ = [
    "classification_report_spans",
    "dominant_period",
    "nab_best_threshold",
    "nab_score",
    "range_precision_recall",
    "span_f1_score",
    "span_precision_score",
    "span_recall_score",
    "spans",
    "token_accuracy_score",
    "vus_pr_score",
]
