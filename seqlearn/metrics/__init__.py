"""Scores for sequence labelling that scikit-learn lacks: spans, tokens and a report by type.

They are used alone or through `sklearn.metrics.make_scorer`; they take labels only, never an
estimator, and need neither torch nor a trained model.
"""

from seqlearn.metrics.report import classification_report_spans
from seqlearn.metrics.scores import (
    span_f1_score,
    span_precision_score,
    span_recall_score,
    token_accuracy_score,
)
from seqlearn.metrics.span_borders import spans

__all__ = [
    "classification_report_spans",
    "span_f1_score",
    "span_precision_score",
    "span_recall_score",
    "spans",
    "token_accuracy_score",
]
