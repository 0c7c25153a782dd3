"""What is known of a whole sequence, such as the age of a patient, as features of its steps."""

from typing import Any

import numpy as np

from seqlearn.data.channels import Channels, channel_names
from seqlearn.data.frame_columns import column_labels, column_numbers
from seqlearn.data.messages import repeated
from seqlearn.data.sequences import Sequences
from seqlearn.data.to_sequences import to_sequences
from seqlearn.errors import DataFormatError

__all__ = ["add_static"]


def add_static(X: Any, static: Any) -> Sequences:
    """Add what is known of each whole sequence: further features, the same at each of its steps.

    A network so knows of them from its first step on, and X stays one thing that splitters,
    pipelines and searches can cut. Numbers that stand for kinds, such as those of wards, become
    columns of 0 and 1 before, by `pandas.get_dummies` or `sklearn.preprocessing.OneHotEncoder`.

    Parameters
    ----------
    X : object
        N sequences, in any form that `to_sequences` takes.
    static : array-like of shape (N, K), or DataFrame of pandas, polars or pyarrow
        A row for each sequence, in their order. NaN is kept: what is not known.

    Returns
    -------
    Sequences
        With F + K features a step, the new ones last. Of X with names, the new features have those
        of the columns; "static0", "static1" and so on if ``static`` is an array.

    Raises
    ------
    DataFormatError
        There is not one row for each sequence, a column does not hold numbers, or a name is there
        already.

    See Also
    --------
    events_to_sequences : Sequences from a long table of events.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from seqlearn import add_static
    >>> X = [np.array([[70.0], [72.0]]), np.array([[81.0]])]
    >>> add_static(X, pd.DataFrame({"age": [54, 76]}))[0]
    array([[70., 54.],
           [72., 54.]])
    """
    sequences = to_sequences(X)
    labels = column_labels(static, "static")
    if labels is None:
        table = np.asarray(static)
        columns = [table] if table.ndim < 2 else list(table.T)
    else:
        columns = [_column(static, i, label) for i, label in enumerate(labels)]
    n = len(sequences)
    shapes = {np.shape(column) for column in columns}
    if shapes != {(n,)}:
        raise DataFormatError(
            f"static must have one row for each of the {n} sequences of X, and at least one "
            f"column; it has {len(columns)} columns of shape {sorted(shapes)}."
        )
    remedy = "Encode it as numbers: pandas.get_dummies(static) makes a column of each kind."
    values = np.column_stack(
        [
            column_numbers(column, i if labels is None else labels[i], "static", remedy)
            for i, column in enumerate(columns)
        ]
    )  # (N, K)
    joined = np.column_stack([sequences.values, np.repeat(values, sequences.lengths, axis=0)])
    channels = _channels(sequences, labels, values.shape[1])
    return Sequences(joined.astype(sequences.dtype, copy=False), sequences.offsets, None, channels)


def _column(static: Any, number: int, label: Any) -> Any:
    """Return a column by its place: labels may occur twice, which is told later."""
    return static.iloc[:, number] if hasattr(static, "iloc") else static[label]


def _channels(sequences: Sequences, labels: list | None, k: int) -> Channels | None:
    """Return the channels of both, None if those of X have no names."""
    known = sequences.channels
    if known is None or known.names is None:
        return None
    names = channel_names(labels) or tuple(f"static{i}" for i in range(k))
    every = [*known.names, *names]
    twice = repeated(every)
    if twice:
        raise DataFormatError(
            f"{', '.join(map(repr, twice))}: there would be more than one feature of that name. "
            "Rename the columns of static: static.add_prefix('static ') for example."
        )
    return Channels(tuple(every), (*known.widths, *(1,) * k))
