"""Labels and schemes: finding labels that break one, writing them anew, lengths that none has.

The tagger is the caller, before it trains and before it predicts.
"""

from typing import Any

import numpy as np
import torch

from seqlearn.data.labels import read_labels, read_row_labels
from seqlearn.data.sequences import Sequences
from seqlearn.data.targets import read_weights
from seqlearn.errors import DataFormatError
from seqlearn.estimators.classes import share_equal
from seqlearn.metrics import spans
from seqlearn.modules.label_schemes import allowed_transitions

__all__ = ["in_scheme", "refuse_lengths", "share_right"]


def in_scheme(
    labels: np.ndarray, offsets: np.ndarray, scheme: str, repair: str, *, first: Any = 0
) -> np.ndarray:
    """Return labels that keep to the scheme.

    Parameters
    ----------
    labels : ndarray of shape (S,)
        Labels of all sequences, one after the other.
    offsets : ndarray of shape (N + 1,)
        Where each sequence begins.
    scheme : {"BIO", "BIOES"}
        What the labels should keep to.
    repair : {"error", "convert"}
        Whether labels that break it are refused, or all are written anew.
    first : int or RowNumbers
        Number of the first sequence, for messages.

    Raises
    ------
    DataFormatError
        A label breaks the scheme, and is not to be repaired; its sequence and step are named.
    """
    if labels.dtype.kind != "U":
        raise DataFormatError(
            f"scheme={scheme!r} is for labels like 'B-PER' and 'O'; y has {labels.dtype}."
        )
    if repair == "convert":
        _refuse_no_scheme(labels, offsets, first)
        return _converted(labels, offsets, scheme)
    step = _broken_step(labels, offsets, scheme)
    if step is None:
        return labels
    row = int(np.searchsorted(offsets, step, side="right")) - 1
    raise DataFormatError(
        f"The label {labels[step].item()!r} at step {step - offsets[row]} of sequence "
        f"{first + row} breaks scheme={scheme!r}: it may not stand there. Correct y, or pass "
        "repair='convert' to have its spans read leniently, as conlleval does."
    )


def refuse_lengths(tagger: Any, sequences: Sequences, first: Any) -> None:
    """Raise if no sequence of the known labels, of a sequence's length, keeps to the scheme."""
    lengths = torch.as_tensor(sequences.lengths)
    rows = tagger.net_.module_.head.decoder.impossible(lengths)
    if len(rows):
        raise DataFormatError(
            f"Sequence {first + rows[0]} of X has {lengths[rows[0]]} steps, and no sequence of "
            f"that many labels among {tagger.classes_.tolist()} keeps scheme={tagger.scheme!r}: "
            "the training data had none of that kind. Fit on data with all kinds of labels."
        )


def share_right(tagger: Any, predicted: Any, y: Any, sample_weight: Any) -> float:
    """Return the share of the steps whose label is right, y written in the scheme as in fit."""
    if tagger._one_step:
        labels = read_row_labels(y, warn=False)
        return share_equal(labels, predicted, read_weights(sample_weight, len(labels)))
    lengths = np.fromiter(map(len, predicted), np.int64, len(predicted))
    if not lengths.any():
        raise DataFormatError("X has no steps; a score needs at least one.")
    true = read_labels(y, lengths)
    if tagger.scheme is not None and tagger.repair == "convert":
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        true = in_scheme(true, offsets, tagger.scheme, tagger.repair)
    weights = read_weights(sample_weight, len(lengths))
    if weights is not None:
        weights = np.repeat(weights, lengths)
    return share_equal(true, np.concatenate(list(predicted)), weights)


def _broken_step(labels: np.ndarray, offsets: np.ndarray, scheme: str) -> int | None:
    """Return the first step whose label may not stand where it does, or None."""
    classes, codes = np.unique(labels, return_inverse=True)
    transitions, starts, ends = allowed_transitions(classes.tolist(), scheme)
    is_first = np.zeros(len(codes), dtype=bool)
    is_first[offsets[:-1]] = True
    legal = np.where(is_first, starts[codes], transitions[np.roll(codes, 1), codes])  # (S,)
    legal[offsets[1:] - 1] &= ends[codes[offsets[1:] - 1]]
    broken = np.flatnonzero(~legal)
    return int(broken[0]) if len(broken) else None


def _refuse_no_scheme(labels: np.ndarray, offsets: np.ndarray, first: Any) -> None:
    """Raise at the first label that no scheme has."""
    classes, codes = np.unique(labels, return_inverse=True)
    known = [label == "O" or label.partition("-")[0] in {*"BIES"} for label in classes.tolist()]
    wrong = np.flatnonzero(~np.array(known)[codes])
    if len(wrong):
        step = int(wrong[0])
        row = int(np.searchsorted(offsets, step, side="right")) - 1
        raise DataFormatError(
            f"The label {labels[step].item()!r} at step {step - offsets[row]} of sequence "
            f"{first + row} has no span: repair='convert' reads 'O' and 'B-x', 'I-x', 'E-x' and "
            "'S-x' for each type x. Rename the labels (of BILOU, L to E and U to S), or set "
            "scheme=None."
        )


def _converted(labels: np.ndarray, offsets: np.ndarray, scheme: str) -> np.ndarray:
    """Return the labels with their spans, read as conlleval reads them, written in the scheme."""
    rows = []
    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        row = ["O"] * (end - start)
        for kind, first, after in spans(labels[start:end], scheme="BIOES"):
            row[first:after] = _written(kind, after - first, scheme)
        rows.extend(row)
    return np.asarray(rows)


def _written(kind: str, n_steps: int, scheme: str) -> list[str]:
    """Labels of one span."""
    if scheme == "BIO":
        return [f"B-{kind}", *[f"I-{kind}"] * (n_steps - 1)]
    if n_steps == 1:
        return [f"S-{kind}"]
    return [f"B-{kind}", *[f"I-{kind}"] * (n_steps - 2), f"E-{kind}"]
