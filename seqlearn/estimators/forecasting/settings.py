"""The parameters of a forecaster: what is accepted, and what "auto" means for the data at hand.

The rules were chosen on validation parts of ETTh1, M4 Hourly and Airline. Callers: the forecaster
and `seqlearn.estimators.forecasting.training`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqlearn.data.calendar import estimate_season, season_length
from seqlearn.data.plain import Record
from seqlearn.data.series import TimeSeries
from seqlearn.modules.heads.losses import REGRESSION_LOSSES
from seqlearn.parameter_checks import Check, boolean, integer, levels, one_of, sequence

__all__ = [
    "CHECKS",
    "MANY_SERIES",
    "Layout",
    "auto_batch_size",
    "auto_epochs",
    "auto_segment_length",
    "auto_window_length",
    "season_of",
]

UPDATES, FEWER_UPDATES = 800, 400
MANY_HORIZONS = 200  # from which on a network needs the former, not the latter
LONGEST = 720  # steps of a window
MANY_SERIES = 20  # from which on a network can tell regular series from others
LOOKED_AT = 20  # series whose season is estimated


CHECKS: dict[str, Check] = {
    "window_length": integer(1, "auto"),
    "segment_length": integer(1, "auto"),
    "normalization": one_of("window", "series", None),
    "decoding": one_of("parallel", "recursive"),
    "copying": one_of(True, False, "auto"),
    "linear": one_of(True, False, "auto"),
    "share_channels": boolean,
    "calendar": boolean,
    "past_only": sequence,
    "loss": one_of(*REGRESSION_LOSSES),
    "quantiles": levels,
    "calibration": one_of("conformal", None),
}


@dataclass(frozen=True, eq=False)
class Layout(Record):
    """What a window looks like: steps before and after, columns, and features in their order.

    The features known ahead come first: columns of X, then the calendar's.
    """

    season: int
    window_length: int
    segment_length: int
    horizon: int
    copying: bool
    linear: bool
    columns: list
    known: list
    past_only: list
    calendar: bool

    @property
    def least(self) -> int:
        """Steps of the past that are enough to learn from: one season."""
        length = self.window_length
        return min(self.season, length) if self.season > 1 else length

    def origins(self, n_steps: int) -> tuple[int, int]:
        """First and last step that a window of training may end its past with.

        A past of one season is enough, what a window lacks counts as missing: in a short series
        those windows are many. One too short for even that and a horizon gives what it has.
        """
        first = max(min(self.least, n_steps - self.horizon), 1) - 1
        if n_steps >= self.least + self.horizon:
            return first, n_steps - self.horizon - 1
        return first, n_steps - 2


def season_of(series: Sequence[TimeSeries]) -> int:
    """Return the season of the frequency, or, of integer time stamps, that of most series."""
    season = season_length(series[0].index)
    if season > 1 or hasattr(series[0].index, "freq"):
        return season
    some = [series[i] for i in np.unique(np.linspace(0, len(series) - 1, LOOKED_AT).astype(int))]
    found = [
        estimate_season(one.values[:, column], max(len(one.index) // 3, 1))
        for one in some
        for column in range(one.values.shape[1])
    ]
    seasons, counts = np.unique(found, return_counts=True)
    return int(seasons[counts.argmax()])


def auto_window_length(n_steps: int, season: int, horizon: int) -> int:
    """Return the steps a window looks back for series of ``n_steps``: whole seasons.

    A third of what comes before the last horizon, but at least three seasons if there are four,
    two if there are two, and at most 30 seasons or two horizons, or 720 steps.
    """
    room = max(n_steps - horizon, 1)
    least = 3 if room >= 4 * season else 2 if room >= 2 * season else 1
    length = max(room // 3, min(least * season, room))
    length = min(length, max(30 * season, 2 * horizon), LONGEST)
    return length // season * season if length > season > 1 else length


def auto_segment_length(window_length: int, season: int, horizon: int) -> int:
    """Return the steps of one recurrent step."""
    length = 2 * season if window_length >= 20 * season else season
    return max(min(length if season > 1 else 6, window_length, horizon), 1)


def auto_batch_size(n_rows: int) -> int:
    """Return the windows of one update."""
    return min(max(n_rows // 50, 32), 256)


def auto_epochs(n_rows: int, batch_size: int, n_horizons: float) -> int:
    """Return the passes over all windows.

    Windows overlap: where all of them hold few horizons that do not, more updates would teach the
    network these by heart.
    """
    updates = UPDATES if n_horizons >= MANY_HORIZONS else FEWER_UPDATES
    return min(max(round(updates / -(-n_rows // batch_size)), 1), 150)
