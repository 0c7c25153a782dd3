"""Looking inside a fitted estimator: what its core held and its gates did at each step, and how
much each step and feature counted for an answer.

Two bases of the estimators that read sequences; what is computed is the business of
`seqlearn.training.attribution` and `seqlearn.modules.gates`.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from seqlearn.data.containers import unpack
from seqlearn.data.sequences import Sequences
from seqlearn.data.validation import has_steps
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.base import SequenceEstimator, TrainingData, pieces
from seqlearn.modules.gates import core_gates
from seqlearn.modules.readouts import Attention
from seqlearn.parameter_checks import check_arguments, integer, one_of
from seqlearn.training.attribution import (
    METHODS,
    attribute,
    is_read_in_score,
    look_at_steps,
    mean_step,
)
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.net import SequenceNet

__all__ = ["Explained", "InnerStates"]

# What both are mixed into; type checkers alone see it as their base.
if TYPE_CHECKING:
    _Base = SequenceEstimator[Any]
else:
    _Base = object


class InnerStates(_Base):
    """Hidden states and gates of the core."""

    def hidden_states(self, X: Any) -> list[np.ndarray]:
        """Return what the core gives at each step, before any readout.

        Parameters
        ----------
        X : as in `fit`
            N sequences.

        Returns
        -------
        list of N ndarray of shape (T_i, D)
            D is ``hidden_size``, twice that in both directions, forward half first.
        """

        def look(module: Any, values: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
            return {"h": module.encoder(values, lengths, keep_steps=True)[0]}

        return self._looked_at(X, look)["h"]

    def gates(
        self, X: Any, layer: int = -1, direction: str = "forward"
    ) -> dict[str, list[np.ndarray]]:
        """Return what the gates of one layer did at each step.

        They are computed from the weights, inputs and outputs of the fitted layer itself.

        Parameters
        ----------
        X : as in `fit`
            N sequences.
        layer : int, default=-1
            Number of the layer; negative ones count from the last.
        direction : {"forward", "backward"}, default="forward"
            Which of its directions. A step is where it is in the sequence in both, but the backward
            one begins at the last.

        Returns
        -------
        dict of str to list of N ndarray of shape (T_i, H)
            Of an LSTM **i**, how much a step is taken in, **f**, how much of the cell is kept,
            **o**, how much of it is shown, **g**, what the step offers, **c**, the cell, and **h**,
            the output: ``c_t = f_t * c_{t-1} + i_t * g_t`` and ``h_t = o_t * tanh(c_t)``.

            Of a GRU **r**, how much of the state the offer looks at, **z**, how much of it is kept,
            **n**, what the step offers, and **h**: ``h_t = (1 - z_t) * n_t + z_t * h_{t-1}``.

        Raises
        ------
        InvalidParameterError
            There is no such layer or direction, or the backend has no gates that are known.
        """
        check_arguments(
            "gates",
            layer=(layer, _whole),
            direction=(direction, one_of("forward", "backward")),
        )

        def look(module: Any, values: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
            return core_gates(module.encoder.core, values, lengths, int(layer), direction)

        return self._looked_at(X, look)

    def _fitted_net(self) -> SequenceNet:
        assert self._record is not None  # it asks whether there is a net
        return self.net_

    @torch_defaults()
    def _looked_at(self, X: Any, look: Callable) -> dict[str, list[np.ndarray]]:
        """Return what ``look(module, values, lengths)`` sees at each step, by name and row."""
        net = self._fitted_net()
        found: dict[str, list[np.ndarray]] = {}
        for first, piece in pieces(unpack(X)):
            sequences = self._encoded(piece, first)
            for name, values in look_at_steps(net, sequences, look).items():
                found.setdefault(name, []).extend(_by_row(values, sequences, piece))
        return found


class Explained(InnerStates):
    """Attributions of the answer for a sequence, and its attention."""

    def attribute(
        self,
        X: Any,
        method: str = "integrated_gradients",
        target: Any = None,
        baseline: Any = "mean",
        n_steps: int = 32,
    ) -> list[np.ndarray]:
        """Return how much each step and feature counts for the answer.

        What is explained is a score. Of a classifier it is that of a class before the softmax, as
        in ``decision_function``; with two classes the log-odds of the class, with several labels
        those of one label. Of a regressor it is the prediction, in the unit of y.

        Parameters
        ----------
        X : as in `fit`
            N sequences.
        method : {"integrated_gradients", "saliency", "occlusion"}
            "integrated_gradients" [1]_ shares the difference between the score of the sequence and
            that of ``baseline`` among the values: they sum to it, within 1 %.
            "saliency" [2]_ is the absolute gradient: how much the score moves with a small change
            of a value. "occlusion" [3]_ is what the score loses when one value is put to
            ``baseline``; it costs a prediction for each value.
        target : label or list of N labels, optional
            The class, or each sequence's own, whose score is explained; by default the predicted
            one. Of a regressor with several numbers the column of y.
        baseline : {"mean", "zero"} or array-like of shape (F,) or (T, F), default="mean"
            What stands for "nothing": the mean step of the training data, zeros, or a step or
            sequence of your own, where X holds numbers without gaps, or frames. Zeros are neutral
            where that is the mean. Saliency has none.
        n_steps : int, default=32
            Points between baseline and sequence, of integrated gradients alone. Where the sum
            misses by more than 1 %, more are taken where the score is steep.

        Returns
        -------
        list of N ndarray of shape (T_i, F)
            Of words and feature dictionaries (T_i,): the sum over the values of a step's vector. A
            2-D X has F = 1. Frames have their own shape, (T_i, H, W, C), a number for each pixel;
            those of uint8 count from 0 to 1. With ``missing="mask"`` the number of a feature is the
            sum of what its last value counts, whether there is one now, and the time since; where
            nothing was observed, that it was not may count too.

        Raises
        ------
        InvalidParameterError
            An argument is not accepted.

        Notes
        -----
        Other sequences of X change nothing, and neither does padding. Dropout is off.

        References
        ----------
        .. [1] Sundararajan, M., Taly, A. and Yan, Q. (2017). Axiomatic attribution for deep
           networks. ICML.
        .. [2] Simonyan, K., Vedaldi, A. and Zisserman, A. (2014). Deep inside convolutional
           networks: visualising image classification models and saliency maps. ICLR workshop.
        .. [3] Zeiler, M. and Fergus, R. (2014). Visualizing and understanding convolutional
           networks. ECCV.
        """
        check_arguments(
            "attribute",
            method=(method, one_of(*METHODS)),
            n_steps=(n_steps, integer(1)),
        )
        return self._attributed(X, method, target, baseline, int(n_steps))

    @torch_defaults()
    def _attributed(
        self, X: Any, method: str, target: Any, baseline: Any, n_steps: int
    ) -> list[np.ndarray]:
        net, targets, X = self._fitted_net(), self._record.targets, unpack(X)
        several = np.ndim(target) == 1
        found: list[np.ndarray] = []
        for first, piece in pieces(X):
            sequences = self._encoded(piece, first)
            if several and len(target) != len(X):
                raise InvalidParameterError(
                    f"target has {len(target)} entries, and X {len(X)} sequences. Give one target, "
                    "or one for each sequence."
                )
            own = target[first : first + len(sequences)] if several else target
            values = attribute(
                net,
                sequences,
                partial(targets.chosen, target=own),
                method=method,
                baseline=self._baseline(baseline, sequences),
                n_steps=n_steps,
            )
            found.extend(_by_row(values, sequences, piece))
        return found

    def _baseline(self, baseline: Any, sequences: Sequences) -> np.ndarray:
        """Return what stands for nothing, (E,), or (T, E) for rows of one length."""
        mean: Any = self._record.mean_step
        if isinstance(baseline, str) and baseline == "mean":
            return mean
        if isinstance(baseline, str) and baseline == "zero":
            return np.zeros_like(mean)
        accepted = "'mean', 'zero'"
        if is_read_in_score(self.net_.module_):
            n_steps, step = np.unique(sequences.lengths), sequences.step_shape or mean.shape
            shapes = [step, *((int(n), *step) for n in n_steps if len(n_steps) == 1)]
            accepted += f" or numbers of shape {' or '.join(map(str, shapes))}"
            given = _numbers(baseline)
            if given is not None:
                if self.input_kind_ == "series" and given.ndim == 1:
                    given = given[:, None]  # a series (T,), as those of X
                if given.shape in shapes and np.isfinite(given).all():
                    return given.reshape(*given.shape[: -len(step)], len(mean))
        raise InvalidParameterError(
            f"baseline={baseline!r} is not accepted: give {accepted}."
            + ("" if "numbers" in accepted else " X holds no numbers but is read as vectors.")
        )

    def _mean_step(self, net: SequenceNet, data: TrainingData) -> np.ndarray:
        rows = data.train_rows
        return mean_step(net, data.sequences, data.rows[rows], data.counts[rows])

    def attention(self, X: Any) -> list[np.ndarray]:
        """Return the weight of each step in the readout.

        Parameters
        ----------
        X : as in `fit`
            N sequences.

        Returns
        -------
        list of N ndarray of shape (T_i,)
            They sum to 1.

        Raises
        ------
        InvalidParameterError
            The model was not fitted with ``readout="attention"``.
        """
        readout = self._fitted_net().module_.encoder.readout
        if not isinstance(readout, Attention):
            raise InvalidParameterError(
                f"attention is what readout='attention' learns; this {type(self).__name__} was "
                "fitted with another readout, which weighs no steps. Fit with "
                "readout='attention', or use attribute."
            )

        def look(module: Any, values: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
            outputs = module.encoder(values, lengths, keep_steps=True)[0]
            return {"weight": module.encoder.readout.weights(outputs, lengths)}

        return self._looked_at(X, look)["weight"]


def _by_row(values: np.ndarray, sequences: Sequences, piece: Any) -> list[np.ndarray]:
    """Return values of steps (S, ...) as an array for each row of a piece of X.

    A row without steps is read as one of which nothing is known; it gets no values.
    """
    if sequences.step_shape is not None and values.shape[1:] == (sequences.n_features,):
        values = values.reshape(-1, *sequences.step_shape)  # of each pixel
    rows = np.split(values, sequences.offsets[1:-1])
    if not isinstance(piece, list):
        return rows
    return [row[: has_steps(given) * len(row)] for row, given in zip(rows, piece, strict=True)]


def _numbers(value: Any) -> np.ndarray | None:
    """Return numbers as an array; None if they are none."""
    if isinstance(value, str) or value is None:
        return None
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _whole(value: Any) -> str | None:
    """Accept an int."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return None if is_whole else "an int"
