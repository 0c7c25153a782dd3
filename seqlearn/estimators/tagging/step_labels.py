"""Labels of steps: reading them, holding them to a scheme or writing them anew, lengths that no
label sequence has.

`StepLabels` is the kind of targets of the tagger.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from seqlearn.data.labels import is_flat, one_step_rows, read_labels, read_row_labels
from seqlearn.data.sequences import Sequences
from seqlearn.data.targets import read_weights
from seqlearn.errors import DataFormatError
from seqlearn.estimators.targets import Classes, Targets, share_equal
from seqlearn.metrics import spans
from seqlearn.modules.label_schemes import allowed_transitions

__all__ = ["StepLabels"]


@dataclass(frozen=True, eq=False)
class StepLabels(Classes):
    """One label of C for each step.

    Attributes
    ----------
    scheme : {"BIO", "BIOES"} or None
        What the labels keep to.
    repair : {"error", "convert"}
        Whether labels that break it are refused, or all are written anew.
    one_step : bool
        Whether each row of a 2-D X is a sequence of one step, with one label.
    """

    scheme: str | None = None
    repair: str = "error"
    one_step: bool = False

    def read(
        self, y: Any, sequences: Sequences, kind: str, first: Any = 0
    ) -> Sequences | np.ndarray:
        """Return labels as `Sequences`, or as (N,) where the rows of a 2-D X have one each."""
        if kind == "series" and is_flat(y, sequences.lengths[0]):
            labels = read_row_labels(y)
            return self._in_scheme(labels, np.arange(len(labels) + 1), first)
        offsets = sequences.offsets
        labels = self._in_scheme(read_labels(y, sequences.lengths, first=first), offsets, first)
        return Sequences(labels[:, None], offsets)

    def learn(
        self, y: Any, known: Any = None, part: bool = False, classes: Any = None
    ) -> "StepLabels":
        """Return the classes of y, ``known`` from before, or given in ``classes`` for all parts."""
        one_step = not isinstance(y, Sequences)
        if known is not None and one_step != known.one_step:
            raise DataFormatError(
                "y is 1-D in one call and 2-D in another: the rows of a 2-D X are either of one "
                "step each, or series with a label for each value."
            )
        found = np.unique(y if one_step else y.values)
        if known is None and classes is None:
            classes = found
        learned = replace(self, classes=found, one_step=one_step)
        return learned._continued(None if known is None else known.classes, part, classes)

    def encode(self, y: Any) -> Sequences:
        """Return the position of each label among the classes, (S, 1)."""
        if self.one_step:
            y = Sequences(y[:, None], np.arange(len(y) + 1))
        return Sequences(np.searchsorted(self.classes, y.values), y.offsets)

    def strata(self, codes: Sequences) -> np.ndarray:
        """Return zeros: rows are held out whatever their labels."""
        return Targets.strata(self, codes)

    def arranged(self, sequences: Sequences) -> Sequences:
        """Return the sequences, or the rows of a 2-D X as sequences of one step."""
        return one_step_rows(sequences) if self.one_step else sequences

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the labels of codes, (S,)."""
        return self.classes[outputs]

    @property
    def allowed(self) -> list | None:
        """Which label may follow which, begin and end, by the scheme; None without one."""
        if self.scheme is None:
            return None
        found = allowed_transitions(self.classes.tolist(), self.scheme)
        return [part.tolist() for part in found]

    def share_right(self, y: Any, predicted: Any, sample_weight: Any) -> float:
        """Return the share of the steps whose label is right, y written in the scheme as in fit."""
        if self.one_step:
            return super().share_right(y, predicted, sample_weight)
        lengths = np.fromiter(map(len, predicted), np.int64, len(predicted))
        if not lengths.any():
            raise DataFormatError("X has no steps; a score needs at least one.")
        true = read_labels(y, lengths)
        if self.repair == "convert":
            true = self._in_scheme(true, np.concatenate(([0], np.cumsum(lengths))), 0)
        weights = read_weights(sample_weight, len(lengths))
        if weights is not None:
            weights = np.repeat(weights, lengths)
        return share_equal(true, np.concatenate(list(predicted)), weights)

    def refuse_lengths(self, decoder: Any, sequences: Sequences, first: Any) -> None:
        """Raise if no sequence of the known labels, of a sequence's length, keeps to the scheme."""
        lengths = torch.as_tensor(sequences.lengths)
        rows = decoder.impossible(lengths)
        if len(rows):
            raise DataFormatError(
                f"Sequence {first + rows[0]} of X has {lengths[rows[0]]} steps, and no sequence of "
                f"that many labels among {self.classes.tolist()} keeps scheme={self.scheme!r}: "
                "the training data had none of that kind. Fit on data with all kinds of labels."
            )

    def _in_scheme(self, labels: np.ndarray, offsets: np.ndarray, first: Any) -> np.ndarray:
        """Return the labels of all steps, (S,), written in the scheme, or refuse those not in it.

        Raises
        ------
        DataFormatError
            A label breaks the scheme, and is not to be repaired; its sequence and step are named.
        """
        if self.scheme is None:
            return labels
        if labels.dtype.kind != "U":
            raise DataFormatError(
                f"scheme={self.scheme!r} is for labels like 'B-PER' and 'O'; y has {labels.dtype}."
            )
        if self.repair == "convert":
            _refuse_no_scheme(labels, offsets, first)
            return _converted(labels, offsets, self.scheme)
        step = _broken_step(labels, offsets, self.scheme)
        if step is None:
            return labels
        raise DataFormatError(
            f"{_place(labels, offsets, step, first)} breaks scheme={self.scheme!r}: it may not "
            "stand there. Correct y, or pass repair='convert' to have its spans read leniently, as "
            "conlleval does."
        )


def _place(labels: np.ndarray, offsets: np.ndarray, step: int, first: Any) -> str:
    """Name the label of a step, counted over all rows, and say where it stands."""
    row = int(np.searchsorted(offsets, step, side="right")) - 1
    return (
        f"The label {labels[step].item()!r} at step {step - offsets[row]} of sequence {first + row}"
    )


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
        raise DataFormatError(
            f"{_place(labels, offsets, int(wrong[0]), first)} has no span: repair='convert' reads "
            "'O' and 'B-x', 'I-x', 'E-x' and 'S-x' for each type x. Rename the labels (of BILOU, L "
            "to E and U to S), or set scheme=None."
        )


def _converted(labels: np.ndarray, offsets: np.ndarray, scheme: str) -> np.ndarray:
    """Return the labels with their spans, read as conlleval reads them, written in the scheme."""
    rows = []
    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        row = ["O"] * (end - start)
        for kind, first, after in spans(labels[start:end], scheme="BIOES"):
            row[first:after] = [f"B-{kind}", *[f"I-{kind}"] * (after - first - 1)]
            if scheme == "BIOES":
                row[after - 1] = f"E-{kind}" if after - first > 1 else f"S-{kind}"
        rows.extend(row)
    return np.asarray(rows)
