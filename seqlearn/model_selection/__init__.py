"""Splits of sequences into training and test parts that do not look into the future by accident.

`TimeSplit` is a splitter for scikit-learn's `cv`, which keeps sequences whole and divides them by
their times; `leave_last_out` is a function, since it cuts inside of sequences.
"""

from seqlearn.model_selection.last_out import leave_last_out
from seqlearn.model_selection.time_split import TimeSplit

__all__ = ["TimeSplit", "leave_last_out"]
