"""Scores that scikit-learn lacks: spans and tokens, texts, anomalies in series, recommendations.

They are used alone or through `sklearn.metrics.make_scorer`; they take labels, texts, flags, scores
or ranks only, and need neither torch nor a trained model. The scorers of recommenders, which ask a
model for ranks, stand beside their measures.
"""

from seqlearn.metrics.chrf import chrf_score
from seqlearn.metrics.edit_distance import (
    character_error_rate,
    edit_distance,
    token_error_rate,
    word_error_rate,
)
from seqlearn.metrics.nab import nab_best_threshold, nab_score
from seqlearn.metrics.ranges import range_precision_recall
from seqlearn.metrics.ranking import (
    coverage_at_k,
    mrr_at_k,
    ndcg_at_k,
    pessimistic_ranks,
    recall_at_k,
)
from seqlearn.metrics.ranking_scorers import mrr_scorer, ndcg_scorer, recall_scorer
from seqlearn.metrics.report import classification_report_spans
from seqlearn.metrics.rouge import rouge_l_score, rouge_n_score
from seqlearn.metrics.scores import (
    span_f1_score,
    span_precision_score,
    span_recall_score,
    token_accuracy_score,
)
from seqlearn.metrics.span_borders import spans
from seqlearn.metrics.volume import dominant_period, vus_pr_score

__all__ = [
    "character_error_rate",
    "chrf_score",
    "classification_report_spans",
    "coverage_at_k",
    "dominant_period",
    "edit_distance",
    "mrr_at_k",
    "mrr_scorer",
    "nab_best_threshold",
    "nab_score",
    "ndcg_at_k",
    "ndcg_scorer",
    "pessimistic_ranks",
    "range_precision_recall",
    "recall_at_k",
    "recall_scorer",
    "rouge_l_score",
    "rouge_n_score",
    "span_f1_score",
    "span_precision_score",
    "span_recall_score",
    "spans",
    "token_accuracy_score",
    "token_error_rate",
    "vus_pr_score",
    "word_error_rate",
]
