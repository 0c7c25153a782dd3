"""VUS-PR, precision and recall of ranges, and NAB's score: published values, loops, hand counts."""

import math
import re
import time
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.metrics import (
    dominant_period,
    nab_best_threshold,
    nab_score,
    range_precision_recall,
    vus_pr_score,
)

property_test = settings(deadline=None, max_examples=60)


@st.composite
def labelled(draw, longest=60, integers=True):
    """Flags with at least one 1, and scores of which many are equal."""
    n = draw(st.integers(2, longest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    y = np.zeros(n, dtype=int)
    for _ in range(draw(st.integers(1, 4))):
        start = rng.integers(n)
        y[start : start + rng.integers(1, 9)] = 1
    return y, np.round(rng.normal(size=n) + y * draw(st.sampled_from([0, 1, 3])), 1)


# VUS-PR


def slow_vus(y, scores, window, n_thresholds=250):
    """Follow the definition step by step: for each buffer, for each threshold."""
    T = len(y)
    ranges = [
        (s, next(e for e in range(s, T + 1) if e == T or not y[e]) - 1)
        for s in range(T)
        if y[s] and (s == 0 or not y[s - 1])
    ]
    falling = sorted(scores, reverse=True)
    thresholds = [falling[int(i)] for i in np.linspace(0, T - 1, n_thresholds)]
    areas = []
    for w in range(window + 1):
        reach = w // 2
        soft = [float(one) for one in y]
        for s, e in ranges:
            for d in range(1, reach + 1):
                for step in (s - d, e + d):
                    if 0 <= step < T:
                        soft[step] = min(1.0, soft[step] + math.sqrt(1 - d / w))
        merged = [list(ranges[0])]
        for before, (s, e) in pairwise(ranges):
            if before[1] + reach < s - reach:
                merged.append([s, e])
            merged[-1][1] = e
        area, recall_before = 0.0, 0.0
        for threshold in thresholds:
            flagged = [score >= threshold for score in scores]
            hits = sum(one for one, flag in zip(soft, flagged, strict=True) if flag)
            slack = sum(soft[i] for i in range(T) if flagged[i] and not y[i])
            found = [any(flagged[max(s - reach, 0) : e + reach + 1]) for s, e in merged]
            recall = min(hits / (sum(y) + slack / 2), 1) * sum(found) / len(found)
            area += (recall - recall_before) * hits / sum(flagged)
            recall_before = recall
        areas.append(area)
    return sum(areas) / len(areas)


@property_test
@given(labelled(), st.integers(0, 14), st.sampled_from([2, 7, 250]))
def test_vus_follows_the_definition(data, window, n_thresholds):
    y, scores = data
    expected = slow_vus(y.tolist(), scores.tolist(), window, n_thresholds)
    found = vus_pr_score(y, scores, window, n_thresholds=n_thresholds)
    assert found == pytest.approx(expected, abs=1e-12)


def test_vus_of_the_published_implementation():
    """RangeAUC_volume_opt of TSB-AD 1.5 gave these values for windows of 0, 1, 10 and 45."""
    step = np.arange(400)
    y = np.zeros(400, int)
    for start, end in [(60, 75), (78, 80), (210, 211), (390, 400)]:
        y[start:end] = 1
    early = np.roll(y, -4) + np.round(np.abs(np.sin(0.37 * step)), 2)
    late = np.roll(y, 7) * 2 + step % 7 / 7
    ties = step % 3 + 3 * np.roll(y, 2)
    published = [
        (early, 0.2862285781163118, 0.2862285781163118, 0.5495396880775093, 0.8194972807272644),
        (late, 0.225383253318019, 0.225383253318019, 0.35017027569849424, 0.5345892705074654),
        (ties, 0.33966097308488613, 0.33966097308488613, 0.6850597377061829, 0.8193503789286233),
        (np.ones(400), 0.07, 0.07, 0.09873855456058206, 0.1958798722616174),
    ]
    for scores, *values in published:
        found = [vus_pr_score(y, scores, w) for w in (0, 1, 10, 45)]
        np.testing.assert_allclose(found, values, rtol=1e-12)


@property_test
@given(labelled(), st.integers(0, 20))
def test_vus_depends_on_the_order_of_scores_alone_and_1_is_for_the_labels(data, window):
    y, scores = data
    score = vus_pr_score(y, scores, window)
    assert 0 <= score <= 1 + 1e-12
    assert vus_pr_score(y, np.exp(scores / 3) + 7, window) == pytest.approx(score, abs=1e-12)
    assert vus_pr_score(y, y, 0) == pytest.approx(1)


def test_vus_of_a_list_is_the_mean_over_sequences_that_have_an_anomaly():
    rng = np.random.default_rng(0)
    ys = [rng.random(n) < 0.1 for n in (50, 80, 30)] + [np.zeros(20)]
    scores = [rng.normal(size=len(y)) for y in ys]
    each = [vus_pr_score(y, s, w) for y, s, w in zip(ys[:3], scores[:3], (4, 9, 0), strict=True)]
    assert vus_pr_score(ys, scores, [4, 9, 0, 5]) == pytest.approx(np.mean(each))
    as_series = [pd.Series(s, index=range(3, 3 + len(s))) for s in scores]
    lists = [list(map(bool, y)) for y in ys]
    assert vus_pr_score(lists, as_series, [4, 9, 0, 5]) == pytest.approx(np.mean(each))
    matrix = np.stack([scores[0], -scores[0]])
    pair = [vus_pr_score(ys[0], row, 3) for row in matrix]
    assert vus_pr_score([ys[0], ys[0]], matrix, 3) == pytest.approx(np.mean(pair))


def test_vus_is_quick_on_long_series():
    rng = np.random.default_rng(0)
    y = rng.random(20_000) < 0.02  # 400 short ranges
    scores = rng.normal(size=20_000) + y
    start = time.process_time()
    vus_pr_score(y, scores, 100)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("period", [6, 24, 144, 303])
def test_dominant_period(period):
    step = np.arange(3000)
    noise = np.random.default_rng(0).normal(0, 0.01, size=3000)
    assert dominant_period(5 + (step % period == 2) + noise) == period


@pytest.mark.parametrize("series", [np.ones(50), np.arange(300), [1.0], np.full(9, 0.1)])
def test_no_period_is_125(series):
    assert dominant_period(series) == 125


def test_periods_out_of_bounds_are_125():
    step = np.arange(3000)
    assert dominant_period(np.sin(2 * np.pi * step / 350)) == 125
    assert dominant_period(step % 5 == 0) == 125


# Precision and recall of ranges


def test_ranges_of_the_published_implementation():
    """range_precision and range_recall of aeon 1.6 gave these values."""
    step = np.arange(60)
    y_true = np.isin(step // 4, [1, 2, 6, 9, 14])
    y_pred = (step * 7) % 11 < 5
    values = """
    flat one 0 0.375000000000
    flat one 0.3 0.562500000000
    flat reciprocal 0 0.229166666667
    flat reciprocal 0.3 0.460416666667
    front one 0 0.347222222222
    front reciprocal 0.3 0.453935185185
    middle one 0 0.362500000000
    middle reciprocal 0.3 0.472083333333
    back one 0 0.402777777778
    back reciprocal 0.3 0.466898148148
    """
    for bias, cardinality, alpha, recall in map(str.split, values.strip().splitlines()):
        parameters = {"alpha": float(alpha), "bias": bias, "cardinality": cardinality}
        found = range_precision_recall(y_true, y_pred, **parameters)
        np.testing.assert_allclose(found, (0.318181818182, float(recall)), atol=1e-11)


def test_ranges_by_hand():
    y_true = [0, 1, 1, 1, 1, 0, 0, 0, 1]
    y_pred = [1, 1, 0, 0, 1, 0, 0, 0, 0]
    score = range_precision_recall
    # Predicted: one of two steps, one of one. True: two of four steps in two ranges, and none.
    assert score(y_true, y_pred) == ((1 / 2 + 1) / 2, (2 / 4 / 2 + 0) / 2)
    assert score(y_true, y_pred, cardinality="one") == (3 / 4, 2 / 4 / 2)
    assert score(y_true, y_pred, alpha=1) == (3 / 4, 1 / 2)
    assert score(y_true, y_pred, alpha=0.5) == (3 / 4, (1 / 2 + 1 / 8) / 2)
    # Weights 4 3 2 1 of the true range: 5 of 10; 2 1 of the predicted one: 1 of 3.
    assert score(y_true, y_pred, bias="front") == pytest.approx(((1 / 3 + 1) / 2, 5 / 10 / 2 / 2))
    assert score(y_true, y_pred, bias="back") == pytest.approx(((2 / 3 + 1) / 2, 5 / 10 / 2 / 2))
    assert score(y_true, y_pred, bias="middle") == pytest.approx((3 / 4, 2 / 6 / 2 / 2))


def test_a_range_does_not_go_on_in_the_next_sequence():
    together = range_precision_recall([[0, 1], [1, 0]], [[0, 1], [0, 0]])
    assert together == (1.0, 0.5)


@pytest.mark.parametrize("zero", [0.0, 1.0])
def test_nothing_flagged_or_nothing_anomalous(zero):
    assert range_precision_recall([0, 1], [0, 0], zero_division=zero) == (zero, 0.0)
    assert range_precision_recall([0, 0], [0, 1], zero_division=zero) == (0.0, zero)


@property_test
@given(labelled(), st.sampled_from(["flat", "front", "middle", "back"]), st.floats(0, 1))
def test_ranges_follow_the_definition(data, bias, alpha):
    y, scores = data
    pred = (scores > 0.5).astype(int)

    def ranges(flags):
        text = "".join(map(str, flags))
        return [range(*match.span()) for match in re.finditer("1+", text)]

    def weight(step, run):
        i, length = step - run.start + 1, len(run)
        return {
            "flat": 1,
            "front": length - i + 1,
            "back": i,
            "middle": i if i <= length / 2 else length - i + 1,
        }[bias]

    def worth(run, others, flags):
        overlap = sum(weight(i, run) for i in run if flags[i]) / sum(weight(i, run) for i in run)
        x = sum(bool(set(run) & set(other)) for other in others)
        return overlap / max(x, 1), x > 0

    precisions = [worth(run, ranges(y), y)[0] for run in ranges(pred)]
    recalls = [worth(run, ranges(pred), pred) for run in ranges(y)]
    expected = (
        np.mean(precisions) if precisions else 0,
        np.mean([alpha * found + (1 - alpha) * overlap for overlap, found in recalls]),
    )
    found = range_precision_recall(y, pred, alpha=alpha, bias=bias)
    assert found == pytest.approx(expected, abs=1e-12)


# NAB's score


def detections(n, *rows):
    flags = np.zeros(n)
    flags[list(rows)] = 1
    return flags


def sigmoid(x):
    return 2 / (1 + math.exp(5 * x)) - 1


def test_nab_of_the_null_and_the_perfect_detector():
    windows = [[(40, 50), (70, 71)], [], [(30, 60)]]
    lengths = (100, 50, 60)
    nothing = [np.zeros(n) for n in lengths]
    perfect = [detections(100, 40, 70), np.zeros(50), detections(60, 30)]
    for profile in ("standard", "reward_low_fp", "reward_low_fn"):
        assert nab_score(windows, nothing, profile=profile) == 0
        assert nab_score(windows, perfect, profile=profile) == pytest.approx(100)


def test_nab_values_by_hand():
    windows, n = [(40, 50)], 100

    def raw(*rows, weight=1.0):
        """The sum, from the score: 100 stands for the window found instead of missed."""
        score = nab_score(windows, detections(n, *rows))
        return score * 2 / 100 - 1

    assert raw(40) == pytest.approx(1)  # at the very start
    assert raw(45) == pytest.approx(sigmoid(-0.5) / sigmoid(-1))
    assert raw(49) == pytest.approx(sigmoid(-0.1) / sigmoid(-1))
    assert raw(45, 46, 49) == pytest.approx(raw(45))  # the earliest counts, once
    assert raw(46, 45) == pytest.approx(raw(45))
    assert raw(30) == pytest.approx(-1 - 0.11)  # before any window
    assert raw(50) == pytest.approx(-1 + 0.11 * sigmoid(1 / 9))
    assert raw(58) == pytest.approx(-1 + 0.11 * sigmoid(1))
    assert raw(76) == pytest.approx(-1 - 0.11)  # three widths after
    assert raw(14) == pytest.approx(-1)  # in probation
    assert raw(15) == pytest.approx(-1 - 0.11)
    costs = [-1 - raw(row) for row in range(50, 80)]
    assert costs == sorted(costs) and costs[0] < 0.03 and costs[-1] == pytest.approx(0.11)


def test_nab_profiles_weigh_false_alarms_and_misses():
    windows, flags = [(40, 50), (60, 70)], detections(100, 30, 40)
    standard = nab_score(windows, flags)
    assert standard == pytest.approx(100 * (2 - 0.11) / 4)
    assert nab_score(windows, flags, profile="reward_low_fp") == pytest.approx(100 * 1.78 / 4)
    assert nab_score(windows, flags, profile="reward_low_fn") == pytest.approx(100 * 2.89 / 6)


def test_nab_probation_has_at_most_750_rows_and_windows_within_it_do_not_count():
    flags = detections(20_000, 749)
    assert nab_score([(9_000, 9_100)], flags) == 0
    assert nab_score([(9_000, 9_100)], detections(20_000, 750)) == pytest.approx(-5.5)
    both = [(100, 750), (9_000, 9_100)]
    assert nab_score(both, detections(20_000, 200, 9_000)) == pytest.approx(100)
    inside = [(100, 751), (9_000, 9_100)]  # its last row counts
    found = nab_score(inside, detections(20_000, 200, 750, 9_000))
    assert 75 < found < 75.2  # found, but at its last row
    assert nab_score([(0, 1)], [1, 0, 0], probation=0) == pytest.approx(100)


def test_nab_far_behind_a_short_window():
    score = nab_score([(2_000, 2_002)], detections(20_000, 2_000, 19_999))
    assert score == pytest.approx(100 * (2 - 0.11) / 2)


@st.composite
def corpora(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    windows, scores = [], []
    for _ in range(draw(st.integers(1, 3))):
        n = int(rng.integers(20, 60))
        borders = np.sort(rng.choice(np.arange(4, n + 1), size=4, replace=False))
        windows.append(list(map(tuple, borders.reshape(2, 2).tolist())))
        scores.append(np.round(rng.normal(size=n), 1))
    return windows, scores


@property_test
@given(corpora(), st.sampled_from(["standard", "reward_low_fp", "reward_low_fn"]))
def test_nab_sweep_finds_what_trying_each_threshold_finds(corpus, profile):
    windows, scores = corpus
    tried = {
        threshold: nab_score(windows, [row >= threshold for row in scores], profile=profile)
        for threshold in [np.inf, *np.unique(np.concatenate(scores))]
    }
    threshold, score = nab_best_threshold(windows, scores, profile=profile)
    assert score == pytest.approx(max(tried.values()))
    assert score == pytest.approx(tried[threshold]) and score >= 0
    as_good = [t for t, value in tried.items() if value > score + 1e-9]
    assert not as_good


def test_nab_constant_scores_flag_nothing():
    windows = [(500, 510)]
    assert nab_best_threshold(windows, np.ones(1000)) == (np.inf, 0.0)


def test_nab_sweep_is_quick():
    rng = np.random.default_rng(0)
    scores = [rng.normal(size=20_000) for _ in range(12)]
    windows = [[(5_000, 5_400), (9_000, 9_400)]] * 12
    start = time.process_time()
    nab_best_threshold(windows, scores)
    assert time.process_time() - start < 2


# What is refused

NAN = [0.0, np.nan, 1.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vus_pr_score([0, 1, 0], NAN, 1), r"Input scores contains NaN.*row 1"),
        (lambda: vus_pr_score([0, 1], [0, np.inf], 1), "Input scores contains infinity"),
        (lambda: vus_pr_score([0, 2], [0, 1], 1), "y_true, step 1: 2 is not accepted, only 0"),
        (lambda: vus_pr_score([[1], [-1]], [[0], [1]], 1), "y_true, sequence 1, step 0: -1.*== -1"),
        (lambda: vus_pr_score([0, 1], [0, 1, 2], 1), "2 steps in y_true and 3 in scores"),
        (lambda: vus_pr_score([[0, 1]], [[0, 1], [1]], 1), "y_true has 1 sequences and scores"),
        (lambda: vus_pr_score([0, 0], [0, 1], 1), "no anomaly in 1 sequence, where VUS-PR"),
        (lambda: vus_pr_score([], [], 1), "one number for each step"),
        (lambda: vus_pr_score([[1], []], [[1], []], 1), "y_true, sequence 1 is"),
        (lambda: vus_pr_score(np.ones((1, 2, 1)), [[1]], 1), r"y_true has shape \(1, 2, 1\)"),
        (lambda: vus_pr_score([[1], 1], [[1], [1]], 1), "y_true, sequence 1 is 1, but"),
        (lambda: vus_pr_score([0, 1], ["a", "b"], 1), "scores"),
        (lambda: dominant_period([[1.0, 2.0]]), r"series has shape \(1, 2\)"),
        (lambda: nab_score([(0, 5)], [0, 1]), r"window \(0, 5\) does not lie between row 0"),
        (lambda: nab_score([(5, 8), (7, 9)], np.zeros(9)), r"window \(7, 9\) does not lie"),
        (lambda: nab_score([(3, 3)], np.zeros(9)), r"\(3, 3\) does not lie.*hold a row"),
        (lambda: nab_score([(1.5, 3)], np.zeros(9)), "not a pair of rows"),
        (lambda: nab_score([[3, 4]], [np.zeros(9)]), "windows, series 0: 3 is not a pair"),
        (lambda: nab_score([], [np.zeros(9)]), r"windows is \[\].*1 series"),
        (lambda: nab_score([], np.zeros(9)), "no window after the probation of any of 1 series"),
        (lambda: nab_score([(0, 1)], np.zeros(50)), "no window after the probation"),
        (lambda: nab_best_threshold([(1, 2)], NAN), "Input scores contains NaN"),
    ],
)
def test_data_that_is_refused(call, message):
    with pytest.raises(DataFormatError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vus_pr_score([0, 1], [0, 1], -1), "window must be an integer >= 0, got -1"),
        (lambda: vus_pr_score([0, 1], [0, 1], 1.5), "window must be an integer >= 0, got 1.5"),
        (lambda: vus_pr_score([0, 1], [0, 1], [1, 2]), "window holds 2 lengths for 1 sequences"),
        (lambda: vus_pr_score([0, 1], [0, 1], 1, n_thresholds=1), "n_thresholds must be"),
        (lambda: range_precision_recall([1], [1], alpha=2), "alpha must be a number from 0 to 1"),
        (lambda: range_precision_recall([1], [1], bias="end"), "bias='end' is not accepted"),
        (lambda: range_precision_recall([1], [1], cardinality=2), "cardinality=2 is not"),
        (lambda: nab_score([(1, 2)], [0, 1], profile="mine"), "profile='mine' is not accepted"),
        (lambda: nab_score([(1, 2)], [0, 1], probation=True), "probation must be a number"),
    ],
)
def test_parameters_that_are_refused(call, message):
    with pytest.raises(InvalidParameterError, match=message):
        call()
