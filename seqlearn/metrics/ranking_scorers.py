"""Scorers of recommenders for scikit-learn: `cross_validate(..., scoring={"mrr": mrr_scorer(20)})`.

A scorer asks an estimator for the ranks of what came next, by its method ``rank_steps``, and
averages them; which estimators have one is not known here.
"""

from dataclasses import dataclass
from typing import Any

from seqlearn.errors import InvalidParameterError
from seqlearn.metrics.ranking import mrr_at_k, ndcg_at_k, recall_at_k
from seqlearn.metrics.steps import check_integer

_MEASURES = {"mrr": mrr_at_k, "recall": recall_at_k, "ndcg": ndcg_at_k}


@dataclass(frozen=True, repr=False)
class RankingScorer:
    """A measure at k as scikit-learn's searches and cross-validation take it.

    Made by `mrr_scorer`, `recall_scorer` and `ndcg_scorer`. Scorers of the same measure and k are
    equal, and can be pickled.

    Parameters
    ----------
    measure : {"mrr", "recall", "ndcg"}
        Which one.
    k : int
        Length of the list that is recommended.
    """

    measure: str
    k: int

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Return the measure of a fitted estimator, greater is better.

        Parameters
        ----------
        estimator : estimator with a method ``rank_steps``
            Or a search over such estimators, or a pipeline that ends in one.
        X : list of N sequences
            As the estimator takes it.
        y : array-like of shape (N,) or None
            The item that comes next in each sequence; None asks within the sequences, at each step.

        Returns
        -------
        float
        """
        while not hasattr(estimator, "rank_steps"):
            if hasattr(estimator, "best_estimator_"):
                estimator = estimator.best_estimator_
            elif hasattr(estimator, "steps"):
                *before, (_, last) = estimator.steps
                for _, step in before:
                    X = X if step in (None, "passthrough") else step.transform(X)
                estimator = last
            else:
                raise InvalidParameterError(
                    f"{self!r} cannot score {type(estimator).__name__}, which has no method "
                    "rank_steps. Use it with a recommender, such as LSTMRecommender, or a pipeline "
                    "that ends in one."
                )
        ranks = estimator.rank_steps(X) if y is None else estimator.rank_steps(X, y)
        return _MEASURES[self.measure](ranks, self.k)

    def __repr__(self) -> str:
        return f"{self.measure}_scorer({self.k})"


def mrr_scorer(k: int = 20) -> RankingScorer:
    """Make a scorer of `mrr_at_k` for scikit-learn's ``scoring``.

    Parameters
    ----------
    k : int, default=20
        Length of the list that is recommended, at least 1.

    Returns
    -------
    scorer : callable (estimator, X, y=None) -> float
        For estimators with a method ``rank_steps(X)`` or ``rank_steps(X, y)`` that returns integer
        ranks, 1 = best; also for pipelines and searches of them.

    Raises
    ------
    InvalidParameterError
        When `k` is not an integer of 1 or more.

    References
    ----------
    Hidasi, Karatzoglou, Baltrunas and Tikk (2016). Session-based recommendations with recurrent
    neural networks. Proceedings of ICLR 2016.

    Examples
    --------
    >>> from seqlearn.metrics import mrr_scorer
    >>> class Alphabet:
    ...     def rank_steps(self, X, y=None):
    ...         return [ord(item) - ord("a") + 1 for row in X for item in row[1:]]
    >>> scorer = mrr_scorer(20)
    >>> scorer(Alphabet(), ["cab", "dad"])
    0.6875
    >>> scorer
    mrr_scorer(20)
    """
    return RankingScorer("mrr", check_integer("k", k, 1))


def recall_scorer(k: int = 20) -> RankingScorer:
    """Make a scorer of `recall_at_k` for scikit-learn's ``scoring``.

    Parameters
    ----------
    k : int, default=20
        Length of the list that is recommended, at least 1.

    Returns
    -------
    scorer : callable (estimator, X, y=None) -> float
        As `mrr_scorer` returns it.

    Raises
    ------
    InvalidParameterError
        When `k` is not an integer of 1 or more.

    References
    ----------
    Hidasi, Karatzoglou, Baltrunas and Tikk (2016). Session-based recommendations with recurrent
    neural networks. Proceedings of ICLR 2016.

    Examples
    --------
    >>> from seqlearn.metrics import mrr_scorer, recall_scorer
    >>> scoring = {"mrr": mrr_scorer(20), "recall": recall_scorer(20)}
    """
    return RankingScorer("recall", check_integer("k", k, 1))


def ndcg_scorer(k: int = 20) -> RankingScorer:
    """Make a scorer of `ndcg_at_k` for scikit-learn's ``scoring``.

    Parameters
    ----------
    k : int, default=20
        Length of the list that is recommended, at least 1.

    Returns
    -------
    scorer : callable (estimator, X, y=None) -> float
        As `mrr_scorer` returns it.

    Raises
    ------
    InvalidParameterError
        When `k` is not an integer of 1 or more.

    References
    ----------
    Järvelin and Kekäläinen (2002). Cumulated gain-based evaluation of IR techniques. ACM
    Transactions on Information Systems 20(4), 422-446.

    Examples
    --------
    >>> from seqlearn.metrics import ndcg_scorer
    >>> scoring = {"ndcg": ndcg_scorer(10)}
    """
    return RankingScorer("ndcg", check_integer("k", k, 1))
