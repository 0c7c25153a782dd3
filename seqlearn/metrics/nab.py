"""The score of the Numenta Anomaly Benchmark: early detection pays, false alarms cost.

Every step has a value, by where it stands to the windows of anomalies; a set of detections is worth
the best value of each window and the sum of those outside. As the values do not depend on what is
detected, one sort of all scores sweeps the threshold over a whole corpus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

import numpy as np

from seqlearn.data.messages import show
from seqlearn.errors import DataFormatError
from seqlearn.metrics.joined import check_choice
from seqlearn.metrics.steps import check_share, read_flags, read_steps

Profile = Literal["standard", "reward_low_fp", "reward_low_fn"]

_COSTS = {  # what a window detected at its start is worth, what a false alarm and a miss cost
    "standard": (1.0, 0.11, 1.0),
    "reward_low_fp": (1.0, 0.22, 1.0),
    "reward_low_fn": (1.0, 0.11, 2.0),
}
_STEEPNESS = 5.0
_FAR = 3.0  # widths of a window, from where on a false alarm costs all
_LONGEST_PROBATION = 5000  # rows, whose share is the longest probation


def nab_score(
    windows: Any, y_pred: Any, *, profile: Profile = "standard", probation: float = 0.15
) -> float:
    """Score of the Numenta Anomaly Benchmark for detections in a corpus of series.

    Within a window around an anomaly the earliest detection counts, from 1 at its first row to
    almost 0 at its last, along a sigmoid; others there count nothing. A window without detection
    costs 1. Each detection outside costs up to 0.11, less shortly after a window, where it may be a
    late one. The sum over the corpus is scaled so that a detector that never flags anything has 0
    and one that flags the first row of each window and no other has 100. A bad detector is below 0.

    Parameters
    ----------
    windows : list of N lists of pairs (start, end)
        For each series its windows as ranges of rows, in order and without overlap: `end` is the
        row after the last, so that ``series[start:end]`` is the window. A series may have none.
    y_pred : list of N array-likes of shape (T_i,)
        1 where something was detected, else 0. For one series alone, of shape (T,), `windows` is
        one list of pairs.
    profile : {"standard", "reward_low_fp", "reward_low_fn"}, default="standard"
        Weights of the benchmark: a false alarm costs 0.11, or 0.22 with "reward_low_fp"; a missed
        window 1, or 2 with "reward_low_fn".
    probation : float, default=0.15
        Share of the rows of each series, and of at most 5000 of them, at its beginning, that a
        detector may learn from: detections there count nothing, and neither do windows that end
        there.

    Returns
    -------
    score : float
        At most 100.

    Raises
    ------
    DataFormatError
        When windows do not lie within the series, overlap or are not in order, something else than
        0 and 1 is given, or there is no window to detect. A subclass of ValueError.
    InvalidParameterError
        When `profile` or `probation` has a value that is not accepted.

    See Also
    --------
    nab_best_threshold : The threshold for scores that is best by this measure.

    Notes
    -----
    Distances are counted in rows, as the benchmark does. After a window of one row, where the
    benchmark divides by zero, they are counted in rows too.

    References
    ----------
    Lavin and Ahmad (2015). Evaluating real-time anomaly detection algorithms: the Numenta Anomaly
    Benchmark. Proceedings of ICMLA 2015, 38-44; formulas as in its code, version 1.1.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.metrics import nab_score
    >>> windows = [(40, 50)]
    >>> y_pred = np.zeros(100)
    >>> nab_score(windows, y_pred)
    0.0
    >>> y_pred[40] = 1
    >>> nab_score(windows, y_pred)
    100.0
    >>> y_pred[[44, 90]] = 1  # again in the window: nothing; long after it: a false alarm
    >>> nab_score(windows, y_pred)
    94.5
    """
    flags, alone = read_flags(y_pred, "y_pred")
    corpus = _read_corpus(windows, flags, alone, profile, probation)
    flagged = np.flatnonzero(np.concatenate(flags) & corpus.counts)
    return float(corpus.scaled(corpus.gains(flagged).sum()))


def nab_best_threshold(
    windows: Any, scores: Any, *, profile: Profile = "standard", probation: float = 0.15
) -> tuple[float, float]:
    """Find the one threshold for a whole corpus that has the best score of the benchmark.

    The benchmark has each detector's threshold chosen so, with knowledge of the windows; what comes
    out compares methods and promises nothing about new series.

    Parameters
    ----------
    windows : list of N lists of pairs (start, end)
        As in `nab_score`.
    scores : list of N array-likes of shape (T_i,)
        Scores of the series, higher = more abnormal, on one scale for all; or of one series.
    profile : {"standard", "reward_low_fp", "reward_low_fn"}, default="standard"
        As in `nab_score`.
    probation : float, default=0.15
        As in `nab_score`.

    Returns
    -------
    threshold : float
        A step is flagged when its score is at least this. Of several that are as good, the highest;
        infinity if it is best to flag nothing.
    score : float
        What `nab_score` gives with it; at least 0.

    Raises
    ------
    DataFormatError, InvalidParameterError
        As in `nab_score`; scores that are NaN or infinite too.

    References
    ----------
    Lavin and Ahmad (2015). Evaluating real-time anomaly detection algorithms: the Numenta Anomaly
    Benchmark. Proceedings of ICMLA 2015, 38-44.

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.metrics import nab_best_threshold
    >>> scores = np.arange(100) % 10
    >>> scores[41] = 20
    >>> threshold, score = nab_best_threshold([(40, 50)], scores)
    >>> threshold, round(score, 1)
    (20.0, 99.6)
    """
    rows, alone = read_steps(scores, "scores")
    corpus = _read_corpus(windows, rows, alone, profile, probation)
    joined = np.concatenate(rows)
    order = np.flatnonzero(corpus.counts)
    order = order[np.argsort(-joined[order], kind="stable")]
    falling = joined[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # of equal scores
    gains = np.append(0.0, np.cumsum(corpus.gains(order))[last])
    best = int(np.argmax(gains))
    return float(np.append(np.inf, falling[last])[best]), float(corpus.scaled(gains[best]))


@dataclass(frozen=True)
class _Corpus:
    """What each row of a corpus is worth when it is flagged, all series laid end to end.

    Parameters
    ----------
    value : ndarray of shape (S,)
        Worth of each row: in a window as its only detection, else negative.
    window : ndarray of shape (S,), int
        Number of the window that a row is in, through the corpus; -1 outside.
    counts : ndarray of shape (S,), bool
        False in probation.
    n_windows : int
        Windows that count.
    best, miss : float
        What a window detected at its start is worth, and what a missed one costs.
    """

    value: np.ndarray
    window: np.ndarray
    counts: np.ndarray
    n_windows: int
    best: float
    miss: float

    def gains(self, rows: np.ndarray) -> np.ndarray:
        """Return what flagging rows one after the other adds to the sum of none flagged.

        A row in a window adds what it is better than those of that window before it.
        """
        gains, window = self.value[rows], self.window[rows]
        inside = np.flatnonzero(window >= 0)
        inside = inside[np.argsort(window[inside], kind="stable")]
        for group in np.split(inside, np.flatnonzero(np.diff(window[inside])) + 1):
            best_so_far = np.maximum.accumulate(gains[group])
            gains[group] = np.diff(best_so_far, prepend=-self.miss)
        return gains

    def scaled(self, gain: Any) -> Any:
        """Return gains over the null detector as scores, of which the perfect one has 100."""
        return 100 * gain / (self.n_windows * (self.best + self.miss))


def _read_corpus(
    windows: Any, rows: list[np.ndarray], alone: bool, profile: Profile, probation: float
) -> _Corpus:
    """Check the windows and the parameters, and say what each row is worth."""
    check_choice("profile", profile, _COSTS)
    check_share("probation", probation)
    if alone:
        windows = [windows]
    if not isinstance(windows, Sequence | np.ndarray) or len(windows) != len(rows):
        raise DataFormatError(
            f"windows is {show(windows)}, but a list with one list of pairs (start, end) for each "
            f"of {len(rows)} series is needed; [] for a series without a window."
        )
    best, false_alarm, miss = _COSTS[profile]
    values, numbers, counts, n_windows = [], [], [], 0
    for i, (ranges, row) in enumerate(zip(windows, rows, strict=True)):
        n_rows = len(row)
        borders = _read_windows(ranges, n_rows, "windows" if alone else f"windows, series {i}")
        first = int(min(probation * n_rows, probation * _LONGEST_PROBATION))
        borders = [(start, end) for start, end in borders if end > first]
        value, number = _row_values(borders, n_rows, best, false_alarm)
        number[number >= 0] += n_windows
        n_windows += len(borders)
        values.append(value)
        numbers.append(number)
        counts.append(np.arange(n_rows) >= first)
    if not n_windows:
        raise DataFormatError(
            f"There is no window after the probation of any of {len(rows)} series, so there is "
            "nothing to detect. Give the windows of at least one anomaly, or a smaller probation."
        )
    value, window = np.concatenate(values), np.concatenate(numbers)
    return _Corpus(value, window, np.concatenate(counts), n_windows, best, miss)


def _read_windows(ranges: Any, n_rows: int, where: str) -> list[tuple[int, int]]:
    """Return the windows of a series, which must lie in it one after the other."""
    borders: list[tuple[int, int]] = []
    for window in ranges if isinstance(ranges, Sequence | np.ndarray) else [ranges]:
        is_pair = isinstance(window, Sequence | np.ndarray) and len(window) == 2
        if not is_pair or not all(isinstance(row, Integral) for row in window):
            raise DataFormatError(
                f"{where}: {show(window)} is not a pair of rows (start, end). Give a list of such "
                "pairs for each series, [] where it has no window."
            )
        start, end = map(int, window)
        earliest = borders[-1][1] if borders else 0
        if not earliest <= start < end <= n_rows:
            raise DataFormatError(
                f"{where}: the window {(start, end)} does not lie between row {earliest} and the "
                f"end, {n_rows}. Windows are half-open, in order, without overlap, and hold a row."
            )
        borders.append((start, end))
    return borders


def _row_values(
    borders: list[tuple[int, int]], n_rows: int, best: float, false_alarm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the worth of each row of a series, and the number of its window or -1."""
    value = np.full(n_rows, -false_alarm)
    number = np.full(n_rows, -1)
    for i, (start, end) in enumerate(borders):
        width = end - start
        position = -(end - np.arange(start, end)) / width  # -1 at the first row
        value[start:end] = best * _sigmoid(position) / _sigmoid(-1.0)
        number[start:end] = i
        distance = np.arange(1, n_rows - end + 1) / max(width - 1, 1)
        near = np.minimum(distance, _FAR)  # exp would overflow far away
        value[end:] = false_alarm * np.where(distance < _FAR, _sigmoid(near), -1.0)
    return value, number


def _sigmoid(position: Any) -> Any:
    """Return a sigmoid that falls from 1 far before 0, at the end of a window, to -1 after."""
    return 2 / (1 + np.exp(_STEEPNESS * position)) - 1
