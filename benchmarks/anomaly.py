"""Detection of anomalies on real and generated series, beside methods on windows.

`LSTMAnomalyDetector` runs with its defaults: windows of 32 rows, 500 updates. Beside it, in the
same run and by the same rules, are an isolation forest, the distance to the nearest window and
principal components, all on windows of 32 rows, and a random scorer (`benchmarks.peers`).

VUS-PR is that of TSB-AD: fitted on the first 25 % of the rows, scored and measured on the whole
series, the longest buffer the dominant period of the series. The published figures are for other
implementations on the same series.

NAB: fitted on the probationary rows (15 %, at most 750), scored after them. AUC is of the raw
scores, the mean over the eleven series with anomalies. For the benchmark's own score the scores of
each method are made likelihoods over 10 rows, with the last fifth of the probationary rows, which
nothing is fitted on, for a beginning; one threshold serves the whole corpus, is swept on its labels
as that benchmark rules, and after an alarm none is raised for SUPPRESS rows, at each threshold of
the sweep. SUPPRESS is 50: of the numbers tried it gave the best score, the mean of all methods but
the random one, on the generated series below and the two that sktime carries, where each of the two
sets counts a half. Windows were drawn there as the benchmark draws its own, and no figure of NAB
was looked at. The longer it is, the better the random scorer does: see its rows.

The broken relation is `make_broken_relation`: each channel alone is as usual all the time. Two
channels are named by the ratio of their mean contributions inside the breaks and outside.

Alarms on usual data: fitted on 20,000 rows of a process, as many fresh ones judged by `threshold_`.
Seconds are process CPU time on one thread, but for the table on 100,000 rows: there they are of the
wall, on two threads.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from statistics import mean
from typing import NamedTuple

import numpy as np
import torch
from scipy.signal import lfilter
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.memory import added_mib
from benchmarks.peers import window_methods
from benchmarks.table import Row, print_table
from benchmarks.timing import cpu_seconds
from seqlearn import LSTMAnomalyDetector
from seqlearn.datasets import fetch_nab, load_mitdb, load_yahoo, make_broken_relation
from seqlearn.estimators.anomaly.alarms import UsualScores, alarms_of, mean_of_last
from seqlearn.metrics import dominant_period, nab_score, vus_pr_score

SEEDS = range(3)
THREADS = 1
LIKELIHOOD = 10
SUPPRESS = 50
SUPPRESS_CHOICES = (None, 25, 50, 100, 200, 400)
N_THRESHOLDS = 250
CALIBRATION = 0.2  # the detector's default
OURS = ("reconstruction", "forecast")

SHARED_WITH_TSB_AD = (
    "realKnownCause/nyc_taxi",
    "realKnownCause/ambient_temperature_system_failure",
    "realAWSCloudwatch/ec2_cpu_utilization_5f5533",
    "realKnownCause/cpu_utilization_asg_misconfiguration",
)
# TheDatumOrg/TSB-AD, benchmark_exp/benchmark_eval_results: VUS-PR of each of the four, or the mean.
PUBLISHED: dict[str, tuple[tuple[float, ...] | None, float]] = {
    "TSB-AD: dense autoencoder, best of 32": ((0.496, 0.145, 0.432, 0.690), 0.441),
    "TSB-AD: KShapeAD": (None, 0.412),
    "TSB-AD: Sub-KNN": (None, 0.367),
    "TSB-AD: Sub-PCA": (None, 0.342),
    "TSB-AD: IForest": (None, 0.264),
    "TSB-AD: LSTMAD": ((0.100, 0.202, 0.118, 0.160), 0.145),
}

Score = Callable[[np.ndarray], np.ndarray]


class Method(NamedTuple):
    """A method: ``learn(train, seed)`` returns what scores a series; one without seed runs once."""

    learn: Callable[[np.ndarray, int], Score]
    is_random: bool


class Series(NamedTuple):
    """A series (T,), which rows are anomalies, and the windows of the benchmark around them."""

    name: str
    values: np.ndarray
    labels: np.ndarray
    windows: list[tuple[int, int]]


def _ours(method: str, train: np.ndarray, seed: int) -> Score:
    detector = LSTMAnomalyDetector(method, random_state=seed, device="cpu").fit([train])
    return lambda values: detector.anomaly_scores([values])[0]


METHODS = {
    **{f"LSTMAnomalyDetector, {name}": Method(partial(_ours, name), True) for name in OURS},
    "isolation forest": Method(window_methods.isolation_forest, True),
    "nearest window": Method(window_methods.nearest, False),
    "nearest window, each standardised": Method(window_methods.nearest_shape, False),
    "principal components": Method(window_methods.principal_components, False),
    "random": Method(window_methods.random, True),
}


def run() -> dict[str, list[Row]]:
    """Measure everything and print one table a subject."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    results: dict[str, list[Row]] = {}
    try:
        for measure in (volume, nab, relation, alarm_rates, long_series, choice_of_suppression):
            found = measure()
            for title, rows in found.items():
                print_table(title, rows)
            results |= found
    finally:
        torch.set_num_threads(threads)
    return results


# VUS-PR.


def volume() -> dict[str, list[Row]]:
    """VUS-PR on the four series that TSB-AD has too, with its figures."""
    series = [one for one in map(_of_nab, fetch_nab()) if one.name in SHARED_WITH_TSB_AD]
    series.sort(key=lambda one: SHARED_WITH_TSB_AD.index(one.name))
    columns = [one.name.partition("/")[2] for one in series]
    rows: list[Row] = []
    for by, method in METHODS.items():
        found = np.array([[_volume(method, one, s) for one in series] for s in _seeds(method)])
        means, is_ours = found.mean(axis=1), by.startswith("LSTM")
        rows.append(
            {"by": by}
            | {
                name: round(float(cell), 3)
                for name, cell in zip(columns, found.mean(0), strict=True)
            }
            | {"mean": round(float(means.mean()), 3)}
            | {"min": round(float(means.min()), 3), "max": round(float(means.max()), 3)}
            | {"bar": 0.2 if is_ours else "", "aim": 0.44 if is_ours else ""}
            | {"seeds": len(found)}
        )
    for by, (each, average) in PUBLISHED.items():
        cells = dict(zip(columns, each or [""] * len(columns), strict=True))
        rows.append(dict.fromkeys(rows[0], "") | {"by": by} | cells | {"mean": average})
    return {"anomaly: VUS-PR on four series of NAB that TSB-AD has": rows}


def _volume(method: Method, series: Series, seed: int) -> float:
    score = method.learn(series.values[: len(series.values) // 4], seed)
    window = dominant_period(series.values)
    return vus_pr_score(series.labels, score(series.values), window)


# NAB.


def nab() -> dict[str, list[Row]]:
    """The corpus of NAB: its score, AUC, seconds, and what came out series by series."""
    corpus = [_of_nab(one) for one in fetch_nab()]
    rows: list[Row] = []
    by_series: list[Row] = []
    for by, method in METHODS.items():
        trials = [_try(method, corpus, seed) for seed in _seeds(method)]
        sweeps = [sweep(corpus, trial.likelihoods, SUPPRESS) for trial in trials]
        scores = [score for _, score in sweeps]
        areas = np.array(
            [[_area(*pair) for pair in zip(corpus, t.raw, strict=True)] for t in trials]
        )
        means, is_ours = np.nanmean(areas, axis=1), by.startswith("LSTM")
        rows.append(
            {
                "by": by,
                "NAB score": round(mean(scores), 1),
                "min": round(min(scores), 1),
                "max": round(max(scores), 1),
                "bar": 40 if is_ours else "",
                "aim": 47 if is_ours else "",
                "raw AUC": round(float(means.mean()), 3),
                "AUC min": round(float(means.min()), 3),
                "AUC max": round(float(means.max()), 3),
                "AUC bar": 0.65 if is_ours else "",
                "AUC aim": 0.69 if is_ours else "",
                "seeds": len(trials),
                "fit s": max(mean(t.fit_s[i] for t in trials) for i in range(len(corpus))),
                "bar s": 2 if is_ours else "",
                "10,000 rows s": mean(t.score_s for t in trials),
                "rows bar s": 1 if is_ours else "",
            }
        )
        if by != "random":
            by_series += _by_series(by, corpus, trials[0], sweeps[0][0], areas.mean(axis=0))
    return {
        "anomaly: NAB, 12 series (fit s: of the slowest series)": rows,
        "anomaly: NAB series by series (alarms of the first seed)": by_series,
    }


class Trial(NamedTuple):
    """A method on a corpus: its scores, raw and as likelihoods, and what they took."""

    raw: list[np.ndarray]
    likelihoods: list[np.ndarray]
    fit_s: list[float]
    score_s: float


def _try(method: Method, corpus: list[Series], seed: int) -> Trial:
    raw, likelihoods, fit_s, score_s, n_rows = [], [], [], 0.0, 0
    for series in corpus:
        n_train = probation(series.values)
        n_learned = n_train - int(np.ceil(CALIBRATION * n_train))
        # The detector holds the same rows back by itself.
        is_ours = isinstance(method.learn, partial)
        given = series.values[: n_train if is_ours else n_learned]
        start = time.process_time()
        score = method.learn(given, seed)
        fit_s.append(time.process_time() - start)
        start = time.process_time()
        scores = score(series.values)
        score_s += time.process_time() - start
        n_rows += len(scores)
        raw.append(scores)
        likelihoods.append(likelihoods_of(scores, n_learned, n_train))
    return Trial(raw, likelihoods, fit_s, score_s / n_rows * 10_000)


def probation(values: np.ndarray) -> int:
    """Return how many rows the benchmark lets a detector learn from."""
    return int(min(0.15 * len(values), 750))


def likelihoods_of(scores: np.ndarray, n_learned: int, n_train: int) -> np.ndarray:
    """Return what ``likelihood`` of the detector makes of scores, of any method."""
    means = mean_of_last(scores, LIKELIHOOD)
    return UsualScores.learn(means[n_learned:n_train]).surprise(means)


def sweep(
    corpus: list[Series], scores: list[np.ndarray], suppress: int | None
) -> tuple[float, float]:
    """Return the threshold of the whole corpus that has the best score of the benchmark, and it.

    `nab_best_threshold` does so without suppression. With it, each threshold has alarms of its own;
    those tried lie ever wider apart in the order of the scores.
    """
    windows = [one.windows for one in corpus]
    after = np.concatenate(
        [s[probation(one.values) :] for one, s in zip(corpus, scores, strict=True)]
    )
    falling = -np.sort(-after)
    ranks = np.unique(np.geomspace(1, len(falling), N_THRESHOLDS).astype(int)) - 1
    best = (np.inf, 0.0)
    for threshold in np.unique(falling[ranks])[::-1]:
        found = nab_score(windows, _alarms(corpus, scores, threshold, suppress))
        if found > best[1]:
            best = (float(threshold), found)
    return best


def _alarms(
    corpus: list[Series], scores: list[np.ndarray], threshold: float, suppress: int | None
) -> list[np.ndarray]:
    """Return the alarms of each series at a threshold or above it, none in probation."""
    alarms = []
    for one, found in zip(corpus, scores, strict=True):
        flags = np.zeros(len(found), bool)
        first = probation(one.values)
        below = np.nextafter(threshold, -np.inf)
        flags[first:] = alarms_of(found[first:], below, suppress)
        alarms.append(flags)
    return alarms


def _area(series: Series, scores: np.ndarray) -> float:
    first = probation(series.values)
    labels = series.labels[first:]
    return float(roc_auc_score(labels, scores[first:])) if labels.any() else np.nan


def _by_series(
    by: str, corpus: list[Series], trial: Trial, threshold: float, areas: np.ndarray
) -> list[Row]:
    alarms = _alarms(corpus, trial.likelihoods, threshold, SUPPRESS)
    rows: list[Row] = []
    for one, flags, area in zip(corpus, alarms, areas, strict=True):
        inside = [flags[a:b] for a, b in one.windows]
        hits = [int(part.argmax()) / len(part) for part in inside if part.any()]
        rows.append(
            {
                "series": one.name.partition("/")[2],
                "by": by,
                "raw AUC": "" if np.isnan(area) else round(float(area), 3),
                "windows": len(one.windows),
                "found": len(hits),
                "at, of a window": round(mean(hits), 2) if hits else "",
                "false alarms": int(flags.sum() - sum(part.sum() for part in inside)),
            }
        )
    return rows


def _of_nab(series: NamedTuple) -> Series:
    name, _, values, labels, windows = series
    return Series(name, values, labels, windows)


def _seeds(method: Method) -> Iterable[int]:
    return SEEDS if method.is_random else SEEDS[:1]


# What suppression was chosen on.


def choice_of_suppression() -> dict[str, list[Row]]:
    """Score of the benchmark on other series than its own, by the rows of suppression."""
    corpora = {
        "generated": [one for seed in SEEDS for one in generated(seed)],
        "of sktime": of_sktime(),
    }
    rows: list[Row] = []
    for by, method in METHODS.items():
        for name, corpus in corpora.items():
            trial = _try(method, corpus, 0)
            row: Row = {"series": name, "by": by}
            for suppress in SUPPRESS_CHOICES:
                row[str(suppress)] = round(sweep(corpus, trial.likelihoods, suppress)[1], 1)
            rows.append(row)
    learning = [row for row in rows if row["by"] != "random"]
    for name in (*corpora, "both"):
        average: Row = {"series": name, "by": "mean without random"}
        chosen = [row for row in learning if name in ("both", row["series"])]
        for suppress in map(str, SUPPRESS_CHOICES):
            average[suppress] = round(float(np.mean([row[suppress] for row in chosen])), 1)
        rows.append(average)
    return {"anomaly: rows of suppression, chosen on other series than NAB's": rows}


def of_sktime() -> list[Series]:
    """Return the two series of sktime, with windows as NAB has them."""
    found = []
    for name, (values, labels) in {"yahoo": load_yahoo(), "mitdb": load_mitdb()}.items():
        starts = np.flatnonzero(np.diff(labels, prepend=0) == 1).tolist()
        found.append(Series(name, values, labels, _windows(starts, len(values))))
    return found


def generated(seed: int, n: int = 4000) -> list[Series]:
    """Return series of n rows as monitoring has them, with two anomalies each, of a known begin."""
    rng = np.random.default_rng(seed)
    day = np.sin(np.arange(n) * 2 * np.pi / 288 + rng.uniform(0, 6))
    noise = rng.standard_normal((6, n))
    slow = lfilter([1], [1, -0.98], noise[1])
    load = 2 + lfilter([1], [1, -0.7], 0.1 * noise[3])
    load += lfilter([1], [1, -0.5], (rng.random(n) < 0.02) * rng.exponential(2, n))
    usual = {
        "a flat day": 3 * day + 0.3 * noise[0],
        "a day at twice the height": 3 * day + 0.3 * noise[4],
        "another level": slow + 0.3 * noise[2],
        "a higher load": load,
        "more noise": day + 0.2 * noise[2],
        "a few values far off": lfilter([1], [1, -0.8], noise[5]),
    }
    found = []
    for name, values in usual.items():
        starts = [int(rng.uniform(a, b) * n) for a, b in ((0.25, 0.5), (0.6, 0.85))]
        labels = np.zeros(n, np.int64)
        for start in starts:
            length = 4 if name == "a few values far off" else int(rng.integers(100, 290))
            part = slice(start, start + length)
            labels[part] = 1
            if name == "a flat day":
                values[part] = values[start] + 0.3 * rng.standard_normal(length)
            elif name == "a day at twice the height":
                values[part] = 2 * values[part]
            elif name == "more noise":
                values[part] += 0.6 * rng.standard_normal(length)
            else:
                size = {"another level": 5, "a higher load": 3}.get(name, 5)
                values[part] += size * values[: n // 4].std()
        found.append(Series(name, values, labels, _windows(starts, n)))
    return found


def _windows(starts: list[int], n_rows: int) -> list[tuple[int, int]]:
    """Return windows around the begins of anomalies: together a tenth of the rows, as in NAB."""
    half = max(n_rows // (20 * len(starts)), 1)
    windows: list[tuple[int, int]] = []
    for start in starts:
        a, b = max(start - half, 0), min(start + half, n_rows)
        if windows and a <= windows[-1][1]:
            windows[-1] = (windows[-1][0], b)
        else:
            windows.append((a, b))
    return windows


# The relation of two channels.


def relation() -> dict[str, list[Row]]:
    """Average precision where only the relation of two channels breaks, and who is named."""
    methods = {
        "LSTMAnomalyDetector, forecast, smoothing=5": partial(_channels, "forecast", 5),
        "LSTMAnomalyDetector, forecast": partial(_channels, "forecast", None),
        "LSTMAnomalyDetector, reconstruction": partial(_channels, "reconstruction", None),
        "forecast, each channel by itself, the largest": _each_alone,
        "largest |z| of a channel": _largest_z,
        "isolation forest on rows": _forest_of_rows,
    }
    rows: list[Row] = []
    for by, method in methods.items():
        found, n_named, lifts = [], 0, []
        for seed in SEEDS:
            data = make_broken_relation(random_state=seed)
            scores, shares = method(data.train, data.test, seed)
            found.append(average_precision_score(data.labels, scores))
            if shares is not None:
                inside = data.labels == 1
                lift = shares[inside].mean(axis=0) / shares[~inside].mean(axis=0)
                n_named += tuple(sorted(np.argsort(-lift)[:2].tolist())) == data.channels
                lifts.append([lift[list(data.channels)].min(), np.sort(lift)[-3]])
        ratios = np.mean(lifts, axis=0) if lifts else None
        rows.append(
            {
                "by": by,
                "average precision": round(float(np.mean(found)), 3),
                "min": round(min(found), 3),
                "max": round(max(found), 3),
                "bar": 0.9 if "smoothing" in by else "",
                "the two named": f"{n_named} of {len(SEEDS)}" if lifts else "",
                "ratio of the two, at least": "" if ratios is None else round(float(ratios[0]), 2),
                "of the next": "" if ratios is None else round(float(ratios[1]), 2),
            }
        )
    return {"anomaly: the relation of two channels of five breaks": rows}


Found = tuple[np.ndarray, np.ndarray | None]


def _channels(
    method: str, smoothing: int | None, train: np.ndarray, test: np.ndarray, seed: int
) -> Found:
    detector = LSTMAnomalyDetector(method, smoothing=smoothing, random_state=seed, device="cpu")
    [shares] = detector.fit([train]).anomaly_scores([test], by_channel=True)
    return shares.sum(axis=1), shares


def _each_alone(train: np.ndarray, test: np.ndarray, seed: int) -> Found:
    pairs = zip(train.T, test.T, strict=True)
    found = [_channels("forecast", 5, a[:, None], b[:, None], seed)[0] for a, b in pairs]
    return np.max(found, axis=0), None


def _largest_z(train: np.ndarray, test: np.ndarray, seed: int) -> Found:
    return np.abs((test - train.mean(axis=0)) / train.std(axis=0)).max(axis=1), None


def _forest_of_rows(train: np.ndarray, test: np.ndarray, seed: int) -> Found:
    return -IsolationForest(random_state=seed).fit(train).score_samples(test), None


# Alarms on usual data.


def alarm_rates(n: int = 20_000) -> dict[str, list[Row]]:
    """Rows of fresh usual data that raise an alarm, beside what was asked for."""
    rows: list[Row] = []
    for name, process in {"daily sine with noise": _daily, "AR(1)": _first_order}.items():
        for method in OURS:
            rates = []
            for seed in SEEDS:
                series = process(np.random.default_rng(seed), 2 * n)
                detector = LSTMAnomalyDetector(method, random_state=seed, device="cpu")
                answers = detector.fit([series[:n]]).predict_steps([series[n:]])[0]
                rates.append(float((answers == -1).mean()))
            ratios = [rate / detector.alarm_rate for rate in rates]
            rows.append(
                {
                    "process": name,
                    "method": method,
                    "asked for": detector.alarm_rate,
                    "measured": mean(rates),
                    "ratio": mean(ratios),
                    "min": min(ratios),
                    "max": max(ratios),
                    "bar": "0.5 to 2",
                }
            )
    return {f"anomaly: alarms on {n:,} fresh rows of usual data": rows}


def _daily(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.sin(np.arange(n) * 2 * np.pi / 288) + 0.3 * rng.standard_normal(n)


def _first_order(rng: np.random.Generator, n: int) -> np.ndarray:
    return lfilter([1], [1, -0.9], rng.standard_normal(n))


# A long series.


def long_series(n: int = 100_000) -> dict[str, list[Row]]:
    """Seconds and memory of a long series, and whether its prefixes have the same scores."""
    series = _daily(np.random.default_rng(0), n)
    prefixes = [m for m in (1, 31, 4_999, 33_333) if m < n]
    rows: list[Row] = []
    for method in OURS:
        detector = LSTMAnomalyDetector(method, smoothing=5, likelihood=10, random_state=0)
        detector.set_params(suppress=SUPPRESS, device="cpu").fit([series[: n // 50]])
        rows.append({"method": method} | _long(detector, series, prefixes))
    return {f"anomaly: {n:,} rows scored, after smoothing and likelihood": rows}


def _long(detector: LSTMAnomalyDetector, series: np.ndarray, prefixes: list[int]) -> Row:
    def score() -> np.ndarray:
        return detector.anomaly_scores([series])[0]

    torch.set_num_threads(2)
    wall, cpu = time.perf_counter(), cpu_seconds(score)
    wall = time.perf_counter() - wall
    peak = added_mib(score)
    torch.set_num_threads(THREADS)
    scores, answers = score(), detector.predict_steps([series])[0]
    equal = all(
        np.array_equal(detector.anomaly_scores([series[:m]])[0], scores[:m])
        and np.array_equal(detector.predict_steps([series[:m]])[0], answers[:m])
        for m in prefixes
    )
    return {
        "wall s, 2 threads": wall,
        "bar s": 10,
        "CPU s": cpu,
        "MiB added": round(peak, 1),
        "MiB of the scores": round(8 * len(series) / 2**20, 1),
        "prefixes": ", ".join(map(str, prefixes)),
        "equal to the bit": "yes" if equal else "no",
    }
