"""Smoothing, likelihoods, alarms and intervals: held against loops, and blind to what follows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from seqlearn.estimators.anomaly.alarms import (
    UsualScores,
    alarms_of,
    intervals_of,
    mean_of_last,
)

scores = st.lists(st.floats(0, 1e6), min_size=1, max_size=40).map(np.array)


@given(scores, st.integers(1, 12))
def test_means_are_those_of_the_newest_rows(values, n):
    loop = [values[max(t - n + 1, 0) : t + 1].mean() for t in range(len(values))]
    assert mean_of_last(values, n) == pytest.approx(loop, rel=1e-9)


@given(scores, st.integers(1, 12), st.integers(1, 40))
def test_rows_that_follow_change_no_bit(values, n, cut):
    usual = UsualScores(1.0, 2.0, 50)
    for step in (lambda s: mean_of_last(s, n), usual.surprise, lambda s: alarms_of(s, 3.0, n)):
        assert np.array_equal(step(values)[:cut], step(values[:cut]))


def test_a_huge_score_does_not_drown_those_after_it():
    assert mean_of_last(np.array([1e17, 1.0, 1.0, 1.0]), 2).tolist()[2:] == [1.0, 1.0]


def test_likelihood_is_the_tail_of_a_normal_distribution_of_what_came_before():
    known = np.random.default_rng(0).gamma(2.0, size=200)
    values = np.array([1.0, 9.0, 2.0, 8.0])
    found = UsualScores.learn(known).surprise(values)
    for t, value in enumerate(values):
        before = np.concatenate([known, values[:t]])
        chance = norm.sf((value - before.mean()) / before.std())
        assert found[t] == pytest.approx(-np.log10(chance), rel=1e-9)


def test_a_change_for_good_becomes_usual():
    usual = UsualScores.learn(np.random.default_rng(0).gamma(2.0, size=100))
    found = usual.surprise(np.full(2000, 30.0))
    assert found[0] > 20
    assert found[-1] < 1


def test_constant_scores_surprise_nobody():
    usual = UsualScores.learn(np.zeros(20))
    assert usual.surprise(np.zeros(5)) == pytest.approx(np.full(5, np.log10(2)))
    assert np.isfinite(usual.surprise(np.array([0.0, 1e8, 0.0]))).all()


@given(scores, st.integers(1, 9))
def test_no_alarm_is_raised_within_so_many_rows_of_another(values, n):
    alarms, last = [], -n - 1
    for t, value in enumerate(values):
        alarms.append(bool(value > 100.0 and t - last > n))
        last = t if alarms[-1] else last
    assert alarms_of(values, 100.0, n).tolist() == alarms


@given(scores)
def test_intervals_are_the_runs_of_alarms(values):
    alarms = alarms_of(values, 10.0, None)
    intervals = intervals_of(alarms, values)
    again = np.zeros(len(values), bool)
    for start, end, peak in intervals:
        assert peak == values[start:end].max()
        assert not again[max(start - 1, 0) : end].any()  # runs do not touch
        again[start:end] = True
    assert np.array_equal(again, alarms)
