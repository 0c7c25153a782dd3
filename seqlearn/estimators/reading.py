"""How an estimator reads X: what its parameters ask for, and what rows teach before there is a net.

Which `LearnedInput` it is, is decided here: of words, of frames, of series with gaps and times, or
none, for numbers as they are.
"""

from typing import Any

import numpy as np

from seqlearn.data.input_record import InputRecord
from seqlearn.data.sequences import Sequences
from seqlearn.data.step_times import column_index, without_unit
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.frame_input import FrameInput
from seqlearn.estimators.learned_input import LearnedInput
from seqlearn.estimators.series_input import (
    PLAIN,
    SeriesInput,
    refuse_other_reading,
    refuse_reading,
)
from seqlearn.estimators.token_input import TokenInput, for_task
from seqlearn.registry import resolve_backend

__all__ = ["check_continued", "compared", "learn_input"]


def check_continued(estimator: Any, known: LearnedInput | None) -> None:
    """Raise if X is to be read in another way than in the fit that training continues from."""
    refuse_other_reading(PLAIN | ({} if known is None else known.reads), estimator._reads)
    if known is not None:
        known.check_continued(estimator)


def compared(
    estimator: Any, sequences: Sequences, record: InputRecord, weights: np.ndarray
) -> Sequences:
    """Return the sequences by which equal rows are found."""
    missing, time_column = estimator._reads["missing"], estimator._reads["time_column"]
    if sequences.dictionary is not None or record.kind == "frames":
        return sequences
    if time_column is not None:
        column = column_index(time_column, record, sequences.n_features)
        sequences = without_unit(sequences, column, weights, np.dtype(estimator.dtype))
    if missing == "mask":  # the bits of NaN differ
        values = sequences.values
        sequences = sequences.replace_values(np.where(np.isnan(values), np.nan, values))
    return sequences


def learn_input(
    estimator: Any,
    sequences: Sequences,
    rows: np.ndarray,
    counts: np.ndarray,
    record: InputRecord,
    before: Any,
) -> LearnedInput | None:
    """Return what rows teach of words, frames, gaps or times; None for numbers as they are.

    Parameters
    ----------
    estimator : estimator
        Whose parameters say how X is read.
    sequences : Sequences
        X.
    rows : ndarray of int
        Those that are trained on, distinct ones.
    counts : ndarray
        How often each occurs, or weighs.
    record : InputRecord
        What X was.
    before : Learned or None
        What the last fit learned, if training goes on from it.

    Raises
    ------
    InvalidParameterError
        A parameter says how something is read that X does not hold.
    """
    reads = estimator._reads
    known = None if before is None else before.reading
    of_frames = FrameInput.of(estimator, sequences, before)
    if sequences.dictionary is not None:
        refuse_reading(reads, "words or feature dictionaries")
        if known is not None:
            return known
        words = for_task(estimator.words, estimator._characters)
        return TokenInput.learn(words, estimator.dropout, record.kind, sequences.take(rows), counts)
    if getattr(estimator, "words", None) is not None:
        raise InvalidParameterError(
            "words= says how words and feature dictionaries are read, but X has numbers. Pass "
            "lists of tokens, or set words=None."
        )
    if record.kind == "frames":
        refuse_reading(reads, "frames of video")
        return of_frames
    if before is not None:
        return known
    with_gaps = hasattr(estimator, "missing") and (
        estimator.missing == "mask" or resolve_backend(estimator.backend).missing
    )
    if not with_gaps and reads["time_column"] is None:
        return None
    chosen = sequences.take(rows)
    return SeriesInput.learn(reads, estimator.dtype, chosen, counts, record, with_gaps=with_gaps)
