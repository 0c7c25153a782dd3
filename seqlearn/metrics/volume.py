"""VUS-PR: the volume under precision-recall curves that allow for labels a little off.

A label of an anomaly rarely begins at the right step. Here each labelled range gets a slope on both
sides, precision and recall are computed from labels between 0 and 1, and the area under their curve
is averaged over all lengths of the slope. `dominant_period` proposes the longest one.
"""

from typing import Any

import numpy as np

from seqlearn.data.targets import read_numbers
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.metrics.steps import (
    check_equal_lengths,
    check_integer,
    find_runs,
    read_flags,
    read_steps,
)

_LAGS, _PERIODS, _NO_PERIOD = slice(3, 401), (6, 303), 125  # in steps, as published


def vus_pr_score(y_true: Any, scores: Any, window: Any, *, n_thresholds: int = 250) -> float:
    """Volume under the surface of range-aware precision-recall curves (VUS-PR).

    For each buffer length w from 0 to `window`, a label of 1 is prolonged to both sides by w // 2
    steps, where it falls from 1 as sqrt(1 - d / w), d the distance. With these labels, true
    positives are their sum over the steps flagged; precision is that over the number of steps
    flagged; recall is that over the number of labelled steps and half of the prolongations flagged,
    at most 1, times the share of prolonged ranges in which at least one step is flagged. Average
    precision follows, and VUS-PR is its mean over w. No constant and no random score reaches much
    more than the share of anomalous steps, and a score counts although it comes a little early or
    late. There is no point adjustment, which lets a random score look excellent.

    Parameters
    ----------
    y_true : array-like of shape (T,), or list of N of them
        1 at anomalous steps, else 0. A list means sequences, each with a surface of its own.
    scores : array-like of shape (T,), or list of N of them
        Scores of the same lengths, higher = more abnormal. Only their order within a sequence
        counts.
    window : int, or array-like of N int
        The longest buffer, in steps, for all sequences or for each; at least 0. The published
        evaluations take the dominant period of each series, see `dominant_period`.
    n_thresholds : int, default=250
        Thresholds are this many scores at equal distances in their order, the highest and the
        lowest among them, at least 2. 250 is what the published evaluations take; with as many as
        there are steps, every score is one.

    Returns
    -------
    score : float
        Between 0 and 1; the mean over the sequences that have an anomaly. The measure says nothing
        of sequences without one, so these are left out.

    Raises
    ------
    DataFormatError
        When lengths differ, labels are not 0 and 1, scores are not finite, or no sequence has an
        anomaly. A subclass of ValueError.
    InvalidParameterError
        When `window` or `n_thresholds` is not in the range stated.

    See Also
    --------
    dominant_period : The window that published evaluations use.
    range_precision_recall : For flags in place of scores.

    Notes
    -----
    This is the definition behind the leaderboard of TSB-AD (version 1.5 of that package gives the
    same numbers). That of aeon differs: it adds the trapezoid between thresholds and all
    prolongations to the recall's denominator, so its values are others.

    References
    ----------
    Paparrizos, Boniol, Palpanas, Tsay, Elmore and Franklin (2022). Volume under the surface: a new
    accuracy evaluation measure for time-series anomaly detection. PVLDB 15(11), 2774-2787.
    Liu and Paparrizos (2024). The elephant in the room: towards a reliable time-series anomaly
    detection benchmark. NeurIPS 2024, Datasets and Benchmarks.

    Examples
    --------
    >>> from seqlearn.metrics import vus_pr_score
    >>> y_true = [0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    >>> vus_pr_score(y_true, [0, 0, 0, 9, 8, 1, 1, 0, 0, 0], window=0)
    1.0
    >>> late = [0, 0, 0, 0, 8, 9, 1, 0, 0, 0]
    >>> round(vus_pr_score(y_true, late, window=0), 3), round(vus_pr_score(y_true, late, 4), 3)
    (0.35, 0.595)
    >>> round(vus_pr_score(y_true, [1] * 10, window=0), 3)  # two of ten steps
    0.2
    """
    labels, _ = read_flags(y_true, "y_true")
    values, _ = read_steps(scores, "scores")
    check_equal_lengths(labels, values, ("y_true", "scores"))
    longest = _read_windows(window, len(labels))
    n_thresholds = check_integer("n_thresholds", n_thresholds, 2)
    found = [
        _volume(y, s, w, n_thresholds)
        for y, s, w in zip(labels, values, longest, strict=True)
        if y.any()
    ]
    if not found:
        raise DataFormatError(
            f"y_true holds no anomaly in {len(labels)} sequence{'s' * (len(labels) > 1)}, where "
            "VUS-PR is undefined. Give at least one sequence with a step labelled 1."
        )
    return float(np.mean(found))


def _read_windows(window: Any, n_sequences: int) -> list[int]:
    """Return the longest buffer of each sequence."""
    if np.ndim(window) == 0:
        return [check_integer("window", window, 0)] * n_sequences
    each = [check_integer("each window", w, 0) for w in np.asarray(window).ravel().tolist()]
    if len(each) != n_sequences:
        raise InvalidParameterError(
            f"window holds {len(each)} lengths for {n_sequences} sequences. Pass one for each, or "
            "a single integer for all."
        )
    return each


def _volume(y: np.ndarray, scores: np.ndarray, window: int, n_thresholds: int) -> float:
    """Compute VUS-PR of one sequence with an anomaly.

    Each step has the number of the first threshold that flags it; what is flagged by a threshold
    are cumulated sums over these numbers, so no threshold is gone through.
    """
    descending = -np.sort(-scores)
    thresholds = descending[np.linspace(0, len(scores) - 1, n_thresholds).astype(np.intp)]
    first = np.searchsorted(-thresholds, -scores, side="left")  # (T,), in 0 .. n_thresholds - 1
    n_flagged = np.cumsum(np.bincount(first, minlength=n_thresholds))
    hits = np.cumsum(np.bincount(first[y], minlength=n_thresholds))
    starts, ends = find_runs(y)
    steps, distances = _slopes(y, starts, ends, window // 2)
    near, places = np.unique(steps, return_inverse=True)  # steps that any slope reaches
    areas = np.empty(window + 1)
    for w in range(window + 1):
        reach = w // 2
        if w % 2 == 0:  # the ranges are the same with a buffer that is one longer
            existence = _existence(first, starts, ends, reach, n_thresholds)
            n_pairs = np.searchsorted(distances, reach, side="right")
        slope = np.sqrt(1 - distances[:n_pairs] / max(w, 1))
        heights = np.minimum(np.bincount(places[:n_pairs], slope, len(near)), 1)
        slack = np.cumsum(np.bincount(first[near], heights, n_thresholds))
        recall = np.minimum((hits + slack) / (y.sum() + slack / 2), 1) * existence
        areas[w] = np.diff(recall, prepend=0) @ ((hits + slack) / n_flagged)
    return float(areas.mean())


def _slopes(
    y: np.ndarray, starts: np.ndarray, ends: np.ndarray, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return steps outside of all ranges and their distances from a range, nearest pairs first."""
    distances = np.repeat(np.arange(1, reach + 1), 2 * len(starts))
    borders = np.concatenate([starts, ends - 1])
    signs = np.repeat([-1, 1], len(starts))
    steps = (borders + signs * np.arange(1, reach + 1)[:, None]).ravel()
    inside = (steps >= 0) & (steps < len(y))
    steps, distances = steps[inside], distances[inside]
    outside = ~y[steps]
    return steps[outside], distances[outside]


def _existence(
    first: np.ndarray, starts: np.ndarray, ends: np.ndarray, reach: int, n_thresholds: int
) -> np.ndarray:
    """Return for each threshold the share of the prolonged ranges in which a step is flagged."""
    apart = ends[:-1] - 1 + reach < starts[1:] - reach  # ranges that touch become one
    begins = np.maximum(starts[np.append(True, apart)] - reach, 0)
    stops = np.minimum(ends[np.append(apart, True)] + reach, len(first))
    borders = np.stack([begins, stops], axis=1).ravel()
    earliest = np.minimum.reduceat(np.append(first, n_thresholds), borders)[::2]
    return np.cumsum(np.bincount(earliest, minlength=n_thresholds)) / len(earliest)


def dominant_period(series: Any) -> int:
    """Return the lag at which a series is most like itself, the usual window of `vus_pr_score`.

    It is the highest peak of the autocorrelation, of the first 20,000 steps, at lags from 4 to 399.
    Where there is none, or it is below 6 or above 303 steps, 125 is returned: the rule and the
    numbers of the benchmark named below.

    Parameters
    ----------
    series : array-like of shape (T,)
        One series of finite numbers.

    Returns
    -------
    period : int
        In steps.

    Raises
    ------
    DataFormatError
        When the series is not of shape (T,) or not finite. A subclass of ValueError.

    References
    ----------
    Liu and Paparrizos (2024). The elephant in the room: towards a reliable time-series anomaly
    detection benchmark. NeurIPS 2024, Datasets and Benchmarks.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.metrics import dominant_period
    >>> dominant_period(np.sin(np.arange(500) * 2 * np.pi / 24))
    24
    >>> dominant_period(np.ones(500))
    125
    """
    values = read_numbers(series, "series")
    if values.ndim != 1 or not len(values):
        raise DataFormatError(
            f"series has shape {values.shape}; one series of shape (T,) is accepted. Pass one "
            "channel, such as series[:, 0]."
        )
    values = values[:20_000] - values[:20_000].mean()
    size = 1 << (2 * len(values) - 1).bit_length()  # with room, so that the ends do not meet
    correlation = np.fft.irfft(np.abs(np.fft.rfft(values, size)) ** 2, size)[: len(values)]
    correlation = correlation[_LAGS] * (correlation[0] > 1e-12 * len(values))
    inner = correlation[1:-1]
    peaks = (inner > correlation[:-2]) & (inner > correlation[2:])
    if not peaks.any():
        return _NO_PERIOD
    period = _LAGS.start + 1 + int(np.argmax(np.where(peaks, inner, -np.inf)))
    return period if _PERIODS[0] <= period <= _PERIODS[1] else _NO_PERIOD
