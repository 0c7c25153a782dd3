"""What y means: how it is read, what is learned of it, and what outputs of a network say of it.

An estimator names its kind of `Targets`; `seqlearn.estimators.base` reads, learns and encodes y
with it, and answers are decoded by what was learned. Labels of steps have a file of their own,
`seqlearn.estimators.tagging.step_labels`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import expit, log_expit, log_softmax
from sklearn.utils.class_weight import compute_class_weight

from seqlearn.data.column_statistics import (
    mean_and_deviation,
    or_constant,
    refuse_drowned,
    refuse_far,
    refuse_too_large,
)
from seqlearn.data.label_values import refuse_other_types
from seqlearn.data.labels import read_classes, read_row_labels
from seqlearn.data.plain import Record
from seqlearn.data.sequences import Sequences
from seqlearn.data.targets import read_numbers, read_weights
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.printing import short_repr

__all__ = ["SCALE", "Classes", "NextSteps", "Numbers", "SeveralLabels", "Targets", "share_equal"]

SCALE = "Scale X first, with seqlearn.preprocessing.SequenceScaler."
COLUMN_VALUES = 1 << 20  # of frames that are cast at once
EXTREME = 1e15  # largest weight of a class; float32 squares it when gradients are clipped


@dataclass(frozen=True, eq=False)
class Targets(Record, ABC):
    """What is known of y: before a fit what the parameters say, after it what was learned.

    It never changes; `learn` and `with_scale` return others. Fields are plain: arrays, strings,
    numbers and dictionaries. Targets that a network answers have ``output_size``, the width of
    outputs, and ``decode``, which makes answers of these.
    """

    needs_y: ClassVar[bool] = True

    @abstractmethod
    def read(self, y: Any, sequences: Sequences, kind: str, first: Any = 0) -> Any:
        """Return y checked, one entry a sequence; ``kind`` is that of X, ``first`` its first row.

        Raises
        ------
        DataFormatError
            y is not accepted; rows are named.
        """

    def learn(self, y: Any, known: Any = None, part: bool = False) -> Any:
        """Return what y teaches, or all that is known.

        Parameters
        ----------
        y
            What `read` returned.
        known : Targets or None
            What an earlier fit learned, if training continues from it; y must go with that.
        part : bool
            Whether y is one part of the data, of which others may teach more.
        """
        return self if known is None else known

    def encode(self, y: Any) -> Any:
        """Return what `read` returned as numbers: (N, ...), or `Sequences` of codes of steps."""
        return y

    def arranged(self, sequences: Sequences) -> Sequences:
        """Return the sequences as these targets read them."""
        return sequences

    def strata(self, codes: Any) -> np.ndarray:
        """Return an int for each row, (N,): equal ones are held out in equal shares."""
        return np.zeros(len(codes), int)

    def with_scale(
        self, sequences: Sequences, rows: np.ndarray, codes: Any, weights: np.ndarray
    ) -> Self:
        """Return targets that know the scale of ``rows``, those that are trained on."""
        return self

    def scaled(self, codes: Any, dtype: np.dtype) -> Any:
        """Return codes on the scale on which the network is trained."""
        return codes


@dataclass(frozen=True, eq=False)
class Classes(Targets):
    """One label of C for each sequence.

    Attributes
    ----------
    classes : ndarray of shape (C,)
        The labels in ascending order.
    """

    classes: np.ndarray = field(default_factory=partial(np.zeros, 0))

    def read(self, y: Any, sequences: Sequences, kind: str, first: Any = 0) -> Any:
        """Return the label of each sequence, (N,), or 0 and 1, (N, C)."""
        return read_row_labels(y)

    def learn(
        self, y: Any, known: Any = None, part: bool = False, classes: Any = None
    ) -> "Classes":
        """Return the classes of y, ``known`` from before, or given in ``classes`` for all parts."""
        found = (
            replace(self, classes=np.unique(y))
            if y.ndim == 1
            else SeveralLabels(np.arange(y.shape[1]))
        )
        if known is not None and type(known) is not type(found):
            several = isinstance(known, SeveralLabels)
            raise DataFormatError(
                "warm_start and partial_fit go on with the kind of targets of the last fit: "
                f"{'several labels' if several else 'one label'} a sequence."
            )
        return found._continued(None if known is None else known.classes, part, classes)

    def _continued(self, known: np.ndarray | None, part: bool, given: Any) -> Self:
        """Return all classes; refuse those of y that do not go with what is known."""
        if part:
            return replace(self, classes=self._classes_of_parts(given, known))
        if known is not None and not np.array_equal(self.classes, known):
            raise DataFormatError(
                "warm_start=True continues with the classes of the last fit, "
                f"{known.tolist()}; y now has {self.classes.tolist()}. Fit with warm_start=False, "
                "or use partial_fit with all classes."
            )
        return self

    def _classes_of_parts(self, given: Any, known: np.ndarray | None) -> np.ndarray:
        """Return the classes of a partial fit: given now, or known from before."""
        if given is None and known is None:
            raise DataFormatError(
                "The first call of partial_fit needs classes=, all labels that will ever occur."
            )
        given = known if given is None else read_classes(given)
        if known is not None and not np.array_equal(given, known):
            raise DataFormatError(
                f"classes={given.tolist()} is not the same as in the first call, {known.tolist()}."
            )
        refuse_other_types(self.classes, given)
        unseen = np.setdiff1d(self.classes, given)
        if len(unseen):
            raise DataFormatError(
                f"y has the labels {unseen.tolist()}, which are not among classes {given.tolist()}."
            )
        return given

    @property
    def output_size(self) -> int:
        """Number of classes, C."""
        return len(self.classes)

    def encode(self, y: Any) -> Any:
        """Return the position of each label among the classes, (N,)."""
        return np.searchsorted(self.classes, y)

    def strata(self, codes: Any) -> np.ndarray:
        """Return the codes: each class is held out in equal shares."""
        return codes

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the label with the largest output, (N,)."""
        return self.classes[outputs.argmax(axis=1)]

    def scores(self, outputs: np.ndarray) -> np.ndarray:
        """Return scores (N, C), or those of the second of two classes, (N,)."""
        return outputs[:, 1] - outputs[:, 0] if len(self.classes) == 2 else outputs

    def probabilities(self, outputs: np.ndarray, log: bool = False) -> np.ndarray:
        """Return the probability of each class, or its logarithm, (N, C)."""
        if log:
            return log_softmax(outputs, axis=1)
        # SciPy's softmax, without what it asks of arrays: that takes as long as a small network.
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def chosen(self, outputs: np.ndarray, target: Any) -> np.ndarray:
        """Return what each output counts for in the score of a class, (N, C).

        With two classes the score is the log-odds, as in `scores`.

        Parameters
        ----------
        outputs : ndarray of shape (N, C)
            Of the network.
        target : label, list of N labels, or None
            None is the class with the largest output.

        Raises
        ------
        InvalidParameterError
            Not a class, or as many of them as there are rows.
        """
        rows = np.arange(len(outputs))
        codes = outputs.argmax(axis=1) if target is None else self._codes(target, len(outputs))
        found = np.zeros(outputs.shape)
        if len(self.classes) == 2 and not isinstance(self, SeveralLabels):
            found[rows, 1 - codes] = -1.0
        found[rows, codes] = 1.0
        return found

    def _codes(self, target: Any, n_rows: int) -> np.ndarray:
        """Return the position of a label, or of one for each row, among the classes, (N,)."""
        known, given = self.classes.tolist(), np.asarray(target)
        labels = given.tolist() if given.ndim == 1 else [given.tolist()]
        if given.ndim > 1 or len(labels) not in (1, n_rows):
            raise InvalidParameterError(
                f"target has shape {given.shape}; one of the classes is accepted, or a list with "
                f"one for each of the {n_rows} sequences."
            )
        unknown = [label for label in labels if label not in known]
        if unknown:
            raise InvalidParameterError(
                f"target={short_repr(unknown[0])} is not among the classes {short_repr(known)}."
            )
        return np.broadcast_to([known.index(label) for label in labels], n_rows)

    def share_right(self, y: Any, predicted: np.ndarray, sample_weight: Any) -> float:
        """Return the weighted share of the labels of y, (N,) or (N, C), that are predicted."""
        labels = read_row_labels(y, warn=False)
        return share_equal(labels, predicted, read_weights(sample_weight, len(labels)))

    def weights(
        self, class_weight: Any, codes: np.ndarray, weights: np.ndarray, owner: str
    ) -> np.ndarray:
        """Return the weight of each class, (C,).

        Parameters
        ----------
        class_weight : dict or "balanced"
            The parameter, of the estimator that ``owner`` names.
        codes : ndarray of int
            Class of each label that is trained on.
        weights : ndarray
            Its weight; weighted and repeated labels give the same.

        Raises
        ------
        InvalidParameterError
            ``class_weight`` is of another kind, names no class, or cannot be computed with.
        """
        if isinstance(class_weight, dict):
            known = self.classes.tolist()
            unknown = [c for c in class_weight if c not in set(known)]
            if unknown:
                raise InvalidParameterError(
                    f"class_weight holds {short_repr(unknown)}, but the classes are "
                    f"{short_repr(known)}."
                )
            of_class = np.asarray([class_weight.get(c, 1.0) for c in known], np.float64)
        elif isinstance(class_weight, str) and class_weight == "balanced":
            present = np.unique(codes[weights > 0])
            of_class = np.ones(len(self.classes))
            of_class[present] = compute_class_weight(
                "balanced",
                classes=present,
                y=codes[weights > 0],
                sample_weight=weights[weights > 0],
            )
        else:
            raise InvalidParameterError(
                f"The 'class_weight' parameter of {owner} must be a dict, 'balanced' or None. Got "
                f"{short_repr(class_weight)} instead."
            )
        occurring = of_class[np.unique(codes)]
        if not ((occurring >= 0) & np.isfinite(occurring)).all() or not (
            of_class[codes[weights > 0]].any()
        ):
            raise InvalidParameterError(
                f"class_weight={short_repr(class_weight)} must be finite and non-negative, and "
                "positive for at least one class that occurs."
            )
        largest = occurring.max()
        if not 1 / EXTREME <= largest <= EXTREME:
            raise InvalidParameterError(
                f"class_weight={class_weight!r}: the largest weight of a class that occurs, "
                f"{largest:g}, is too {'large' if largest > 1 else 'small'} to compute with. "
                + (
                    "Only the ratios of the weights matter: divide all by the largest."
                    if isinstance(class_weight, dict)
                    else "The weights in sample_weight, summed by class, lie too far apart."
                )
            )
        return of_class


@dataclass(frozen=True, eq=False)
class SeveralLabels(Classes):
    """Any of C labels for each sequence, 0 or 1; the classes are the columns of y."""

    def _classes_of_parts(self, given: Any, known: np.ndarray | None) -> np.ndarray:
        found = self.classes
        given = found if given is None else read_classes(given)
        if not np.array_equal(given, found):
            raise DataFormatError(
                f"classes={given.tolist()}, but with multilabel targets they are the "
                f"columns of y, {found.tolist()}; leave classes out."
            )
        if known is not None and len(known) != len(found):
            raise DataFormatError(f"y has {len(found)} labels; earlier calls had {len(known)}.")
        return found

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return 0 and 1 as float64, (N, C)."""
        return y.astype(np.float64)

    def strata(self, codes: np.ndarray) -> np.ndarray:
        """Return zeros: rows are held out whatever their labels."""
        return Targets.strata(self, codes)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return 1 where an output is positive, else 0, (N, C)."""
        return (outputs > 0).astype(int)

    def scores(self, outputs: np.ndarray) -> np.ndarray:
        """Return the outputs, (N, C)."""
        return outputs

    def probabilities(self, outputs: np.ndarray, log: bool = False) -> np.ndarray:
        """Return the probability of each label, or its logarithm, (N, C)."""
        return (log_expit if log else expit)(outputs)

    def weights(
        self, class_weight: Any, codes: np.ndarray, weights: np.ndarray, owner: str
    ) -> np.ndarray:
        """Raise: the rows have weights, their labels have none."""
        raise InvalidParameterError(
            "class_weight is for one label a sequence; with multilabel targets pass sample_weight."
        )


@dataclass(frozen=True, eq=False)
class Numbers(Targets):
    """One number or several for each sequence; the network sees them standardised.

    Attributes
    ----------
    shape : tuple of int
        () or (C,), of the numbers of one sequence.
    mean, scale : ndarray of shape (C,)
        Of those that were trained on in the first fit.
    """

    shape: tuple[int, ...] = ()
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None

    def read(self, y: Any, sequences: Sequences, kind: str, first: Any = 0) -> np.ndarray:
        """Return the numbers of each sequence, (N,) or (N, C)."""
        y = read_numbers(y)
        if y.ndim > 2 or 0 in y.shape[1:]:
            raise DataFormatError(
                f"y has shape {y.shape}; numbers of shape (N,) or (N, C) are accepted."
            )
        refuse_too_large(y, "y")
        return y

    def learn(self, y: np.ndarray, known: Any = None, part: bool = False) -> "Numbers":
        """Return what is known of the scale, or nothing but the shape."""
        if known is None:
            return replace(self, shape=y.shape[1:])
        if y.shape[1:] != known.shape:
            raise DataFormatError(
                f"y has the shape {y.shape} of targets, but those of the last fit had "
                f"{(len(y), *known.shape)}."
            )
        return known

    @property
    def output_size(self) -> int:
        """Numbers of a sequence, C."""
        return self.shape[0] if self.shape else 1

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return the numbers as (N, C)."""
        return y.reshape(len(y), -1)  # (N, C)

    def with_scale(
        self, sequences: Sequences, rows: np.ndarray, codes: Any, weights: np.ndarray
    ) -> Self:
        """Return targets that know mean and spread of the numbers of ``rows``."""
        mean, spread, largest = mean_and_deviation(codes, weights)  # (C,)
        return replace(self, mean=mean, scale=or_constant(spread, largest))

    def scaled(self, codes: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Return the numbers standardised, (N, C)."""
        codes = (codes - self.mean) / self.scale
        refuse_far(codes, dtype, "y")
        return codes

    def chosen(self, outputs: np.ndarray, target: Any) -> np.ndarray:
        """Return what each output counts for in one of the numbers, in the unit of y, (N, C).

        ``target`` is its column in y; None if there is one alone.
        """
        n_numbers = self.output_size
        if target is None and n_numbers == 1:
            target = 0
        is_whole = isinstance(target, int | np.integer) and not isinstance(target, bool)
        if not is_whole or not 0 <= target < n_numbers:
            accepted = f"give the column of y to explain, from 0 to {n_numbers - 1}."
            if n_numbers == 1:
                accepted = "leave target out, for the model predicts one number."
            raise InvalidParameterError(f"target={short_repr(target)} is not accepted: {accepted}")
        assert self.scale is not None
        found = np.zeros(outputs.shape)
        found[:, target] = self.scale[target]
        return found

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the numbers in the unit of y, (N,) or (N, C)."""
        return (outputs * self.scale + self.mean).reshape(len(outputs), *self.shape)


@dataclass(frozen=True, eq=False)
class NextSteps(Targets):
    """The next step of each sequence at each step: no y is read.

    Attributes
    ----------
    scale : ndarray of shape (F,)
        Spread of each feature over the steps that were trained on in the first fit.
    """

    needs_y: ClassVar[bool] = False
    scale: np.ndarray | None = None

    def read(self, y: Any, sequences: Sequences, kind: str, first: Any = 0) -> np.ndarray:
        """Return a zero for each sequence: nothing of y is read."""
        return np.zeros(len(sequences))

    def with_scale(
        self, sequences: Sequences, rows: np.ndarray, codes: Any, weights: np.ndarray
    ) -> Self:
        """Return targets that know the spread of each feature in ``rows``."""
        sequences = sequences.take(rows)
        of_steps = np.repeat(weights, sequences.lengths)
        if sequences.dtype == np.uint8:  # frames: from 0 to 1 in batches, and few columns at once
            at_once = max(COLUMN_VALUES // len(of_steps), 1)
            parts = [
                mean_and_deviation(sequences.values[:, i : i + at_once] / 255.0, of_steps)
                for i in range(0, sequences.n_features, at_once)
            ]
            _, spread, largest = map(np.concatenate, zip(*parts, strict=True))
        else:
            values = sequences.values.astype(np.float64)  # (S, F)
            refuse_drowned(values, sequences.dtype, range(values.shape[1]), "X", SCALE)
            _, spread, largest = mean_and_deviation(values, of_steps)
        return replace(self, scale=or_constant(spread, largest, np.maximum(largest, 1.0)))


def share_equal(found: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> float:
    """Return the weighted share of labels (N,), or of rows of them (N, C), that are predicted."""
    if found.shape != predicted.shape:
        raise DataFormatError(
            f"y has shape {found.shape}, but the predictions for X have shape {predicted.shape}; "
            "give one label, or C labels of 0 and 1 as in fit, for each sequence."
        )
    if found.ndim == 1:
        refuse_other_types(found, predicted)
    equal = (found == predicted).reshape(len(found), -1).all(axis=1)  # (N,)
    return float(np.average(equal, weights=weights))
