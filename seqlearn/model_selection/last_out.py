"""Leave-last-out: the last item of each sequence is held back to be predicted."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqlearn.data.messages import show
from seqlearn.data.refusals import FRAMES, packages_of
from seqlearn.errors import DataFormatError


def leave_last_out(sequences: Any) -> tuple[list, list, list]:
    """Cut the last item off each sequence of two or more, to predict it from those before.

    The future gets into training: what the last items of early sequences are predicted with has
    been learned from late ones too, so figures look better than they will be in use. To learn how
    good a model will be, split by time, with `TimeSplit`; use this to compare with what others
    publish, or where there are no times.

    Parameters
    ----------
    sequences : list of N sequences, or column of lists
        Lists, tuples or arrays of items, oldest first; of any other rows that belong to a step too,
        such as arrays (T_i, F). None may be empty.

    Returns
    -------
    train : list of N sequences
        All sequences without their last item; those of a single item whole, as they have nothing
        to predict from.
    test_prefixes : list of M sequences
        Those of `train` that were cut, in order.
    y : list of M items
        The items cut off.

    Raises
    ------
    DataFormatError
        When a sequence is empty, or something else is given. A subclass of ValueError.

    See Also
    --------
    TimeSplit : Splits whole sequences by time.

    References
    ----------
    Ji, Sun, Zhang and Li (2023). A critical study on data leakage in recommender system offline
    evaluation. ACM Transactions on Information Systems 41(3).

    Examples
    --------
    >>> from seqlearn.model_selection import leave_last_out
    >>> train, test_prefixes, y = leave_last_out([["tea", "milk", "jam"], ["bread"], [4, 2]])
    >>> train
    [['tea', 'milk'], ['bread'], [4]]
    >>> test_prefixes, y
    ([['tea', 'milk'], [4]], ['jam', 2])
    """
    if packages_of(sequences) & FRAMES and hasattr(sequences, "columns"):
        raise DataFormatError(
            f"sequences is a {type(sequences).__name__}; lists of items are accepted. Out of a "
            "frame with a row for each step they become so by [group[ITEM].tolist() for _, group "
            "in frame.sort_values(TIME, kind='stable').groupby(SEQUENCE)]."
        )
    if isinstance(sequences, str | bytes | Mapping) or not hasattr(sequences, "__iter__"):
        raise DataFormatError(
            f"sequences is {show(sequences)}, a {type(sequences).__name__}; a list of sequences is "
            "accepted."
        )
    train, test_prefixes, y = [], [], []
    for i, row in enumerate(map(_as_list, _as_list(sequences))):
        is_sequence = isinstance(row, Sequence | np.ndarray) and not isinstance(row, str | bytes)
        if not is_sequence or not np.ndim(row) or not len(row):
            raise DataFormatError(
                f"sequence {i} is {show(row)}; a list, tuple or array of one item or more is "
                "needed. Leave empty sequences out."
            )
        if len(row) > 1:
            y.append(row[-1])
            row = row[:-1]
            test_prefixes.append(row)
        train.append(row)
    return train, test_prefixes, y


def _as_list(values: Any) -> Any:
    """Return a column of pandas, polars or pyarrow as a list, a deque too, and others as given."""
    for name in ("to_pylist", "to_list"):
        if hasattr(values, name):
            return getattr(values, name)()
    return list(values) if isinstance(values, deque) else values
