"""The tables behind a picture of a forecast: which series, variables and steps are drawn.

Everything here takes and returns pandas tables as sktime's forecasters do, and refuses what does
not fit; nothing is drawn here.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from seqlearn.errors import DataFormatError, InvalidParameterError

if TYPE_CHECKING:
    import pandas as pd


FEWEST_STEPS_OF_HISTORY = 20  # of n_history="auto"


def select(y_pred, y_intervals, y, y_true, n_history, instance, variable) -> dict[str, Any]:
    """Return the part of each table that is drawn, by the parameters of `ForecastDisplay`."""
    y_pred = _to_frame(y_pred, "y_pred")
    instance = _choose_instance(y_pred, instance)
    y_pred = _of_instance(y_pred, instance, "y_pred")
    names = _choose_variables(y_pred, variable)
    n_steps = _steps_of_history(n_history, len(y_pred))

    def part(data: Any, what: str, like: Any = None) -> "pd.DataFrame":
        table = _of_instance(_to_frame(data, what, like), instance, what)
        return _columns_like(table, y_pred, names, what)

    if y_intervals is not None:
        y_intervals = _of_instance(y_intervals, instance, "y_intervals")
        y_intervals = _intervals_like(y_intervals, y_pred, names)
    if y is not None:
        y = part(y, "y")
        y = y.iloc[max(len(y) - n_steps, 0) :] if n_steps is not None else y
    if y_true is not None:
        y_true = _during_forecast(part(y_true, "y_true", y_pred), y_pred, y)
    return {"y_pred": y_pred[names], "y_intervals": y_intervals, "y": y, "y_true": y_true}


def _to_frame(data: Any, what: str, like: "pd.DataFrame | None" = None) -> "pd.DataFrame":
    """Return a series as a frame; an array gets the index and columns of ``like``."""
    import pandas as pd

    if isinstance(data, pd.Series):
        return data.to_frame()
    if isinstance(data, pd.DataFrame):
        return data
    if like is None:
        raise DataFormatError(
            f"{what} is a {type(data).__name__}; a pandas Series or DataFrame is accepted."
        )
    values = np.asarray(data)
    if values.shape not in {like.shape, like.shape[: 2 - (like.shape[1] == 1)]}:
        raise DataFormatError(
            f"{what} has shape {values.shape}; a pandas Series or DataFrame is accepted, or an "
            f"array of shape {like.shape}, one row for each step forecast."
        )
    return pd.DataFrame(values.reshape(like.shape), like.index, like.columns)  # (T, V)


def _choose_instance(y_pred: "pd.DataFrame", instance: Any) -> Any:
    """Return the label of the series to draw, None if y_pred is a single one."""
    if y_pred.index.nlevels == 1:
        if instance is not None:
            raise InvalidParameterError(
                f"instance={instance!r}, but the forecast is of a single series; leave it out."
            )
        return None
    instances = y_pred.index.droplevel(-1).unique()
    if isinstance(instance, list):
        instance = tuple(instance)
    if instance is None and len(instances) == 1:
        return instances[0]
    if instance is None or instance not in instances:
        raise InvalidParameterError(
            f"instance={instance!r}: the forecast is of {len(instances)} series; name one of "
            f"{_some(instances)}."
        )
    return instance


def _of_instance(table: "pd.DataFrame", instance: Any, what: str) -> "pd.DataFrame":
    """Return the rows of one series; those of a table of a single series as they are."""
    if table.index.nlevels == 1:
        return table
    instances = table.index.droplevel(-1).unique()
    if instance not in instances:
        raise InvalidParameterError(
            f"{what} has no series {instance!r}, only {_some(instances)}. Pass this one's {what}"
            f"{', or n_history=0 to draw no history.' if what == 'y' else '.'}"
        )
    return table.xs(instance)


def _choose_variables(y_pred: "pd.DataFrame", variable: Any) -> list:
    """Return the labels of the variables to draw."""
    if variable is None:
        return list(y_pred.columns)
    names = variable if isinstance(variable, list) else [variable]
    if not names or not set(names) <= set(y_pred.columns):
        raise InvalidParameterError(
            f"variable={variable!r}: the forecast has {_some(y_pred.columns)}; name one of them, "
            "or a list."
        )
    return names


def _columns_like(
    table: "pd.DataFrame", y_pred: "pd.DataFrame", names: list, what: str
) -> "pd.DataFrame":
    """Return the columns of a table that are forecast, if its index is of the forecast's kind."""
    if table.shape[1] == y_pred.shape[1] == 1:
        table = table.set_axis(y_pred.columns, axis=1)
    if not set(names) <= set(table.columns):
        raise DataFormatError(
            f"{what} has the columns {_some(table.columns)}; the forecast has {_some(names)}."
        )
    if times(table.index).dtype.kind != times(y_pred.index).dtype.kind:
        raise DataFormatError(
            f"{what} has a {type(table.index).__name__} as its index, the forecast a "
            f"{type(y_pred.index).__name__}; pass both with dates, or both with numbers."
        )
    return table[names]


def _intervals_like(table: "pd.DataFrame", y_pred: "pd.DataFrame", names: list) -> "pd.DataFrame":
    """Return intervals of some variables, named in the first level of columns as in y_pred."""
    variables = table.columns.unique(0) if table.columns.nlevels == 3 else []
    if len(variables) == y_pred.shape[1] == 1:
        table = table.rename(columns={variables[0]: y_pred.columns[0]}, level=0)
        variables = y_pred.columns
    if set(variables) != set(y_pred.columns) or not table.index.equals(y_pred.index):
        raise DataFormatError(
            "y_intervals must have the rows of y_pred and columns (variable, coverage, 'lower' or "
            "'upper'), as sktime's predict_interval returns them."
        )
    return table[names]


def _during_forecast(
    y_true: "pd.DataFrame", y_pred: "pd.DataFrame", y: "pd.DataFrame | None"
) -> "pd.DataFrame":
    """Return the part of the truth after the history, up to the last step forecast."""
    known, forecast = times(y_true.index), times(y_pred.index)
    after = known >= forecast.min()
    if y is not None and len(y):
        after |= known > times(y.index).max()
    kept = after & (known <= forecast.max())
    if not kept.any():
        raise DataFormatError(
            f"y_true goes from {y_true.index[0]} to {y_true.index[-1]}, the forecast from "
            f"{y_pred.index[0]} to {y_pred.index[-1]}: they have no step in common."
        )
    return y_true[kept]


def times(index: "pd.Index") -> np.ndarray:
    """Return the steps of an index as matplotlib draws them; a period stands at its start."""
    import pandas as pd

    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    elif isinstance(index, pd.DatetimeIndex):
        index = index.tz_localize(None)
    steps = index.to_numpy()  # (T,)
    if steps.dtype.kind not in "iufM":
        raise DataFormatError(
            f"A {type(index).__name__} of {steps.dtype} cannot be drawn; an index of periods, "
            "dates or numbers is accepted."
        )
    return steps


def _some(labels: Any) -> str:
    """Return the first few labels as text."""
    listed = [repr(label) for label in labels]
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")


def _steps_of_history(n_history: Any, n_forecast: int) -> int | None:
    """Return the number of steps of history to draw, None for all."""
    if n_history is None:
        return None
    if isinstance(n_history, str) and n_history == "auto":
        return max(4 * n_forecast, FEWEST_STEPS_OF_HISTORY)
    if isinstance(n_history, bool) or not isinstance(n_history, int | np.integer) or n_history < 0:
        raise InvalidParameterError(
            f"n_history={n_history!r}: an int of at least 0, 'auto' or None is accepted."
        )
    return int(n_history)
