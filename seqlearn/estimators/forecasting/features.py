"""What a forecaster knows besides y: columns of X, ahead or not, and the calendar.

The features of a step stand in one order everywhere: columns of X that are known ahead, the
calendar's, then columns of X that only the past has.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqlearn.data.calendar import calendar_features
from seqlearn.data.column_statistics import refuse_too_large
from seqlearn.data.grid import extended, steps_after
from seqlearn.data.messages import listed
from seqlearn.data.series import (
    TimeSeries,
    read_features,
    split_panel,
    where_known,
)
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.forecasting.settings import Layout

__all__ = [
    "columns_of",
    "feature_arrays",
    "refuse_new_columns",
    "refuse_other_columns",
    "refuse_other_steps",
    "rows_ahead",
]


def columns_of(X: Any, past_only: Sequence | None) -> tuple[list, list]:
    """Return the columns of X that are known ahead, and those that are not.

    Raises
    ------
    InvalidParameterError
        ``past_only`` names a column that X does not have.
    """
    columns = [] if X is None else list(X.columns)
    unknown = [name for name in past_only or [] if name not in columns]
    if unknown:
        has = f"X has {listed(columns)}" if columns else "there is no X"
        raise InvalidParameterError(
            f"past_only names {listed(unknown)}, but {has}. It lists columns of X that are not "
            "known ahead."
        )
    past = [name for name in columns if name in set(past_only or [])]
    return [name for name in columns if name not in past], past


def refuse_other_columns(X: Any, wanted: Sequence, method: str) -> None:
    """Raise a DataFormatError if X lacks one of the columns of fit, or is not there at all."""
    if not wanted:
        return
    if X is None:
        raise DataFormatError(
            f"{method} needs X with {listed(wanted)}, the columns that fit had; it is None."
        )
    missing = [name for name in wanted if name not in X.columns]
    if missing:
        raise DataFormatError(
            f"X has no column {listed(missing)}, which fit had; it has {listed(X.columns)}."
        )


def refuse_new_columns(X: Any, layout: Layout) -> None:
    """Raise a DataFormatError if X has a column that fit did not have."""
    known = [*layout.known, *layout.past_only]
    new = [] if X is None else [name for name in X.columns if name not in known]
    if new:
        had = listed(known) if known else "no X"
        raise DataFormatError(f"X has the column {listed(new)}, but fit had {had}. Leave it out.")


def refuse_other_steps(X: Any, series: Sequence[TimeSeries]) -> None:
    """Raise a DataFormatError if X has no row at any time stamp of a series; it is named."""
    blocks = {} if X is None else dict(split_panel(X, "X"))
    for one in series if blocks else ():
        own = blocks[one.key].index
        if not where_known(blocks[one.key], one.index).any():
            there = f"its own are from {own[0]} to {own[-1]}" if len(own) else "it has none"
            raise DataFormatError(
                f"X has no row at any time stamp of {one.name}: {there}, those of {one.name} are "
                f"from {one.index[0]} to {one.index[-1]}. Give X the index of y."
            )


def rows_ahead(X: Any, series: Sequence[TimeSeries], layout: Layout, steps: np.ndarray) -> list:
    """Return the columns of X known ahead at the steps after each series, (H, K) each.

    Steps of the horizon at which X has no row, and that are not asked for, are missing values.

    Parameters
    ----------
    X : DataFrame or None
        As ``predict`` got it.
    series : sequence of TimeSeries
        What is forecast.
    layout : Layout
        Which columns there are.
    steps : ndarray of shape (N, n), int
        Steps ahead of each series that are asked for.

    Raises
    ------
    DataFormatError
        X, a column, a series or a row at one of ``steps`` is missing; it is named.
    """
    refuse_new_columns(X, layout)
    refuse_other_columns(X, layout.known, "predict")
    if not layout.known:
        return [np.zeros((layout.horizon, 0))] * len(series)
    blocks, found = dict(split_panel(X, "X")), []
    for one, own in zip(series, steps, strict=True):
        block = blocks.get(one.key)
        if block is None:
            raise DataFormatError(
                f"X has no rows for {one.name}; predict needs the columns {listed(layout.known)} "
                "of every series."
            )
        after = steps_after(one.index, layout.horizon)
        absent = after[own - 1][~where_known(block, after[own - 1])]
        if len(absent):
            raise DataFormatError(
                f"X has no row at {listed(absent)}, for {one.name}. predict needs the columns "
                f"{listed(layout.known)} at each step of fh."
            )
        found.append(read_features(block, after, layout.known))
        if np.isinf(found[-1]).any():
            raise DataFormatError(
                f"X is infinite after the end of {one.name}. Numbers and NaN, for a missing value, "
                "are accepted."
            )
        refuse_too_large(found[-1], "X")
    return found


def feature_arrays(
    series: Sequence[TimeSeries], layout: Layout, ahead: list | None = None
) -> list[np.ndarray] | None:
    """Return all features of each series, (T_i, P) or, with ``ahead``, (T_i + H, P).

    Parameters
    ----------
    series : sequence of TimeSeries
        Their own features are the columns of X, known ahead first.
    layout : Layout
        Which features there are.
    ahead : list of ndarray of shape (H, K), optional
        The columns of X known ahead, after each series.
    """
    n_known, found = len(layout.known), []
    if not (layout.known or layout.past_only or layout.calendar):
        return None
    for i, one in enumerate(series):
        index, values = one.index, one.features
        if values is None:
            values = np.zeros((len(index), 0))
        if ahead is not None:
            index = extended(index, layout.horizon)
            after = np.full((layout.horizon, values.shape[1]), np.nan)
            after[:, :n_known] = ahead[i]
            values = np.concatenate([values, after])
        parts = [values[:, :n_known], values[:, n_known:]]
        if layout.calendar:
            parts.insert(1, calendar_features(index)[0])
        found.append(np.concatenate(parts, axis=1))
    return found
