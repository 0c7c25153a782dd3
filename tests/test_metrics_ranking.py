"""Measures of ranks against hand counts and scikit-learn, and their scorers inside scikit-learn."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.metrics import ndcg_score, top_k_accuracy_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline

from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.metrics import (
    coverage_at_k,
    mrr_at_k,
    mrr_scorer,
    ndcg_at_k,
    ndcg_scorer,
    pessimistic_ranks,
    recall_at_k,
    recall_scorer,
)

property_test = settings(deadline=None, max_examples=60)


def test_measures_by_hand():
    ranks = [1, 2, 3, 10, 11]
    assert mrr_at_k(ranks, 10) == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 10) / 5)
    assert recall_at_k(ranks, 10) == 4 / 5
    assert ndcg_at_k(ranks, 3) == pytest.approx((1 + 1 / math.log2(3) + 1 / 2) / 5)
    for measure in (mrr_at_k, recall_at_k, ndcg_at_k):
        assert measure([1, 1]) == 1
        assert measure([21, 400]) == 0
        assert measure(pd.Series([1, 21])) == measure(np.array([1, 21], dtype=np.uint16)) == 0.5


@property_test
@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(1, 12))
def test_measures_of_scores_are_those_of_scikit_learn(seed, n_items, k):
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(n_items), (8, 1)), axis=1)  # no ties
    target = rng.integers(n_items, size=8)
    ranks = pessimistic_ranks(scores, target)
    wanted = np.eye(n_items)[target]
    assert ndcg_at_k(ranks, k) == pytest.approx(ndcg_score(wanted, scores, k=k))
    if n_items > 2 and k < n_items:
        found = top_k_accuracy_score(target, scores, k=k, labels=np.arange(n_items))
        assert recall_at_k(ranks, k) == pytest.approx(found)
    for measure in (mrr_at_k, recall_at_k, ndcg_at_k):
        assert 0 <= measure(ranks, k) <= measure(ranks, k + 1) <= 1


@property_test
@given(st.integers(0, 2**32), st.integers(1, 9))
def test_ranks_are_counted_from_the_others_that_are_not_worse(seed, n_items):
    rng = np.random.default_rng(seed)
    scores = rng.integers(3, size=(6, n_items)) + rng.choice([0.0, np.nan, -np.inf], (6, n_items))
    target = rng.integers(n_items, size=6)
    for row, i, rank in zip(scores, target, pessimistic_ranks(scores, target), strict=True):
        others = np.delete(row, i)
        expected = n_items - int((others < row[i]).sum())  # NaN is less than nothing
        assert rank == expected == pessimistic_ranks(row, i)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf])
def test_constant_scores_have_the_last_rank(value):
    ranks = pessimistic_ranks(np.full((4, 30), value), [0, 5, 28, 29])
    assert ranks.tolist() == [30] * 4
    assert mrr_at_k(ranks) == 0


def test_coverage():
    assert coverage_at_k(np.array([[1, 2], [2, 3]]), 10) == 0.3
    assert coverage_at_k([("a", 1), [], ["a"]], 4) == 0.5
    assert coverage_at_k([list(range(50))], 100) == 0.2  # the first 20


class Popular(BaseEstimator):
    """Rank items by how often they occurred; y is None or the next item of each sequence."""

    def __init__(self, first=0):
        self.first = first

    def fit(self, X, y=None):
        items, counts = np.unique(np.concatenate(X), return_counts=True)
        order = items[np.argsort(-counts, kind="stable")]
        self.rank_ = {item: self.first + i + 1 for i, item in enumerate(order.tolist())}
        return self

    def rank_steps(self, X, y=None):
        wanted = np.concatenate([row[1:] for row in X]) if y is None else np.asarray(y)
        return np.array([self.rank_.get(int(item), 10**6) for item in wanted])


class Shift(TransformerMixin, BaseEstimator):
    def __init__(self, by=1):
        self.by = by

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return [[item + self.by for item in row] for row in X]


SCORING = {"mrr": mrr_scorer(20), "recall@3": recall_scorer(3), "ndcg@10": ndcg_scorer(10)}


@pytest.fixture
def sessions():
    rng = np.random.default_rng(0)
    return [rng.geometric(0.3, size=rng.integers(2, 9)).tolist() for _ in range(40)]


def test_scorers_in_cross_validation(sessions):
    found = cross_validate(Popular(), sessions, cv=2, scoring=SCORING)
    ranks = Popular().fit(sessions[20:]).rank_steps(sessions[:20])
    assert found["test_mrr"][0] == pytest.approx(mrr_at_k(ranks, 20))
    assert found["test_recall@3"][0] == pytest.approx(recall_at_k(ranks, 3))
    assert found["test_ndcg@10"][0] == pytest.approx(ndcg_at_k(ranks, 10))


def test_scorers_with_y(sessions):
    model = Popular().fit(sessions)
    prefixes, y = [row[:-1] for row in sessions], np.array([row[-1] for row in sessions])
    assert mrr_scorer(20)(model, prefixes, y) == pytest.approx(mrr_at_k(model.rank_steps(None, y)))


def test_scorers_of_pipelines_and_searches(sessions):
    alone = mrr_scorer()(Popular().fit(sessions), sessions)
    assert mrr_scorer()(make_pipeline(Popular()).fit(sessions), sessions) == alone
    pipeline = make_pipeline(Shift(3), "passthrough", Popular())
    assert mrr_scorer()(clone(pipeline).fit(sessions), sessions) == alone
    grid = {"popular__first": [0, 2]}
    search = GridSearchCV(pipeline, grid, scoring=SCORING, refit="mrr", cv=2).fit(sessions)
    assert search.best_params_ == {"popular__first": 0}
    assert mrr_scorer()(search, sessions) == alone


def test_scorers_are_values():
    scorer = ndcg_scorer(10)
    again = pickle.loads(pickle.dumps(scorer))
    assert again == scorer == ndcg_scorer(10) != ndcg_scorer(5) and repr(again) == "ndcg_scorer(10)"
    assert scorer != mrr_scorer(10) and len({scorer, again}) == 1
    assert repr([mrr_scorer(), recall_scorer(5)]) == "[mrr_scorer(20), recall_scorer(5)]"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mrr_at_k([0, 1]), r"ranks are \[0, 1\]; at least one integer of 1 or more"),
        (lambda: recall_at_k([]), "at least one integer"),
        (lambda: ndcg_at_k([1.5]), "at least one integer"),
        (lambda: mrr_at_k([[1]]), r"of shape \(N,\)"),
        (lambda: pessimistic_ranks([[0.1, 0.2]], [2]), "row 0: 2 is no column of scores"),
        (lambda: pessimistic_ranks([[0.1, 0.2]], [-1]), "row 0: -1 is no column"),
        (lambda: pessimistic_ranks([[0.1, 0.2]], [0, 1]), r"shape \(1, 2\).*target \(2,\)"),
        (lambda: pessimistic_ranks([[0.1, 0.2]], [0.0]), "integers"),
        (lambda: pessimistic_ranks([["a"]], [0]), "numbers"),
        (lambda: coverage_at_k(["tea"], 5), "entry 0, is 'tea', not a list"),
        (lambda: coverage_at_k([[1, 2]], 1), "holds 2 different items, but n_items=1"),
    ],
)
def test_data_that_is_refused(call, message):
    with pytest.raises(DataFormatError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mrr_at_k([1], k=0), "k must be an integer >= 1, got 0"),
        (lambda: mrr_scorer("20"), "k must be an integer >= 1, got '20'"),
        (lambda: coverage_at_k([[1]], n_items=0), "n_items must be an integer >= 1"),
        (lambda: mrr_scorer(5)(Shift(), [[1]]), r"mrr_scorer\(5\) cannot score Shift"),
    ],
)
def test_parameters_that_are_refused(call, message):
    with pytest.raises(InvalidParameterError, match=message):
        call()
