"""Numbers with gaps or times as input: what an estimator learns of them before it trains.

`SeriesInput` holds how X is read, the mean of each feature, and the scales of time and of gaps. The
network's input is `seqlearn.inputs.gaps.GapInput`, or none where times alone are replaced.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from seqlearn.data.column_statistics import mean_and_deviation, refuse_far
from seqlearn.data.continued import refuse_change
from seqlearn.data.gap_statistics import mean_gaps, mean_positive
from seqlearn.data.input_record import InputRecord
from seqlearn.data.sequences import Sequences
from seqlearn.data.step_times import column_index
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.learned_input import LearnedInput
from seqlearn.inputs.gaps import GapInput
from seqlearn.inputs.station import Input

__all__ = ["PLAIN", "SeriesInput", "refuse_other_reading", "refuse_reading"]

PLAIN: dict[str, Any] = {"missing": "error", "time_column": None}  # numbers as they are
BLANK = 0.02  # share of the rows whose observations are hidden in training


@dataclass(frozen=True, eq=False)
class SeriesInput(LearnedInput):
    """What is learned of series with gaps or times.

    Attributes
    ----------
    settings : dict
        How X is read: arguments of `seqlearn.data.step_times.read_steps`.
    dtype : str
        Of the values that the network is given.
    time_column : int or None
        Which of the values of a step is the time.
    time_scale : float
        Mean time between two steps.
    gaps : dict or None
        Arguments of `GapInput`; None where the network reads no gaps.
    """

    settings: dict[str, Any]
    dtype: str
    time_column: int | None
    time_scale: float
    gaps: dict[str, Any] | None

    @classmethod
    def learn(
        cls,
        settings: dict[str, Any],
        dtype: str,
        sequences: Sequences,
        weights: np.ndarray,
        record: InputRecord,
        *,
        with_gaps: bool,
    ) -> "SeriesInput":
        """Learn from distinct training rows, as `read_steps` gives them, and their weights."""
        column, scale = None, 1.0
        of_step = np.repeat(weights, sequences.lengths)
        if settings["time_column"] is not None:
            column = column_index(settings["time_column"], record, sequences.n_features)
            scale = float(mean_positive(sequences.values[:, column], of_step))
        if not with_gaps:
            return cls(settings, dtype, column, scale, None)
        mean, _, _ = mean_and_deviation(sequences.values.astype(np.float64, copy=False), of_step)
        elapsed = np.ones(len(of_step))
        elapsed[sequences.offsets[:-1]] = 0.0
        if column is not None:
            mean[column], elapsed = 0.0, sequences.values[:, column] / scale
        gaps = {
            "mean": mean,
            "gap_scale": mean_gaps(sequences, weights, elapsed),
            "time_column": column,
            "blank": BLANK if settings["missing"] == "mask" else 0.0,
        }
        return cls(settings, dtype, column, scale, gaps)

    @property
    def reads(self) -> dict[str, Any]:
        """How X is read."""
        return self.settings

    def encode(self, sequences: Sequences) -> Sequences:
        """Return sequences whose times are in the unit of those that were trained on."""
        if self.time_column is None:
            return sequences
        values = sequences.values.copy()
        values[:, self.time_column] /= self.time_scale
        refuse_far(values[:, self.time_column], np.dtype(self.dtype), "The time column of X")
        return sequences.replace_values(values).astype(self.dtype)

    @property
    def station(self) -> tuple[type[Input], dict[str, Any]] | None:
        """The class of the network's input, and its arguments; None without gaps."""
        return None if self.gaps is None else (GapInput, self.gaps)

    def check_continued(self, estimator: Any) -> None:
        """Do nothing: how X is read is compared for every kind of X."""


def refuse_other_reading(was: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise if X is to be read in another way than in the fit that training continues from."""
    for name in PLAIN:
        refuse_change(name, was[name], now[name])


def refuse_reading(reads: dict[str, Any], what: str) -> None:
    """Raise if ``missing`` or ``time_column`` is set, but X holds no numbers but ``what``."""
    for name, default in PLAIN.items():
        if reads[name] != default:
            raise InvalidParameterError(
                f"{name}={reads[name]!r} says how numbers are read, but X has {what}. Set "
                f"{name}={default!r}."
            )
