"""What the scoring callbacks of skorch ask a net for: a score, predictions, probabilities.

`seqlearn.training.net.SequenceNet` is a `Scored`. Targets and predictions are those of the
network: codes of classes, values in the scale they are trained in; of labels of steps, one for each
step of the rows, one row after the other.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet

from seqlearn.errors import DataFormatError
from seqlearn.states import n_rows

__all__ = ["Scored"]


class Scored(NeuralNet):
    """Answers of a net on a dataset of its training, or on the inputs of a batch.

    While a callback scores from its cache, they are made of the outputs that training computed.

    Attributes
    ----------
    passes_ : dict of bool to list
        Outputs and targets of each batch so far, of the epoch's training (True) and validation.
    """

    def score(self, X: Any, y: Any = None) -> float:
        """Return what the ``score`` of the estimator measures, rows weighted as in training.

        Parameters
        ----------
        X : dataset, or dict
            One of the two data sets of ``on_epoch_end``, or the inputs of ``on_batch_end``.
        y : ignored
            The targets are known.
        """
        outputs, targets = zip(*self._computed(X), strict=True)
        return self._score(outputs, targets)

    def predict(self, X: Any) -> np.ndarray:
        """Return codes of classes, or values; see `score` for X."""
        return self._read(X, self.module_.head.predict)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of classes, (N, C); see `score` for X."""
        probabilities = getattr(self.module_.head, "probabilities", None)
        if probabilities is None:
            raise AttributeError("predict_proba is for classes; this network predicts others.")
        return self._read(X, probabilities)

    @property
    def classes_(self) -> np.ndarray:
        """Codes of the classes, for scorers of scikit-learn."""
        if not hasattr(self.module_.head, "probabilities"):
            raise AttributeError("classes_ is for networks of classes.")
        return np.arange(self.module_.head.linear.out_features)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self._head_kind, "probabilities"):
            tags.estimator_type = "classifier"
        return tags

    def _read(self, X: Any, read: Callable[[Any], torch.Tensor]) -> np.ndarray:
        with torch.no_grad():
            return np.concatenate([read(outputs).cpu().numpy() for outputs, _ in self._computed(X)])

    def _computed(self, X: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yield outputs and targets, batch by batch."""
        is_cached = "forward_iter" in self.__dict__  # where skorch puts what the callback kept
        if isinstance(X, Mapping):  # of the batch that was computed last
            outputs, targets = self.passes_[self._in_training][-1]
            yield outputs if is_cached else self.validation_step((X, targets))["y_pred"], targets
        elif not hasattr(X, "lengths"):
            raise DataFormatError(
                f"X is a {type(X).__name__}. The net of a training answers for the data sets that "
                "callbacks are given; for other data call the fitted estimator."
            )
        elif is_cached:
            yield from self.passes_[X is self._train_set]
        else:
            for batch in self.get_iterator(X, training=False):
                yield self.validation_step(batch)["y_pred"], batch[1]

    def _score(self, outputs: Any, targets: Any) -> float:
        """Return the head's score of the outputs and targets of some batches."""
        weights = [
            torch.ones(n_rows(one) or 0, dtype=self._dtype, device=self.device)
            if target["w"] is None
            else target["w"]
            for one, target in zip(outputs, targets, strict=True)
        ]
        with torch.no_grad():
            y = [target["y"] for target in targets]
            return float(self.module_.head.score(outputs, y, weights))
