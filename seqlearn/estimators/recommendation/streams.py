"""One step of the streams of a recommender: an item is added to each session.

A step of an unknown item leaves a session as it was, as `LSTMRecommender` leaves such steps out.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from seqlearn.data.one_step import one_of_each
from seqlearn.states import map_rows
from seqlearn.streaming.network_steps import NetworkSteps

__all__ = ["NextItemSteps"]


class NextItemSteps(NetworkSteps):
    """One step of a recommender.

    The state has besides those of the stations the vector of each session, (B, D), and whether it
    has a known item, (B,): one that has none is told the most popular items.

    Parameters
    ----------
    owner, net, n_streams
        As in `seqlearn.streaming.steps.Steps`.
    model : LSTMRecommender
        A copy of the estimator, that reads sessions.
    """

    def __init__(self, owner: str, net: Any, n_streams: int, model: Any):
        self.model = model
        super().__init__(owner, net, n_streams, decode=np.asarray, encode=True)

    @property
    def has_probabilities(self) -> bool:  # type: ignore[override]
        """Whether the scores are logarithms of probabilities."""
        return self.model.loss == "cross_entropy"

    def begin(self) -> Any:
        """Return the state of sessions without an item."""
        vectors = torch.zeros(
            self.n_streams, self.net.module_.encoder.output_size, device=self._device
        ).to(next(self.net.module_.parameters()).dtype)
        has_items = torch.zeros(self.n_streams, dtype=torch.bool, device=self._device)
        return super().begin(), vectors, has_items

    def run(self, x: Any, state: Any) -> tuple[np.ndarray, Any]:
        """Return the scores of all items, (B, C), and the state to go on with."""
        before, vectors, has_items = state
        items = one_of_each(x, self.n_streams, "an item", self.owner)
        known = self.model._known([[one] for one in items])
        is_new = known.lengths > 0
        codes = np.zeros((self.n_streams, 1, known.n_features), np.int64)
        codes[is_new, 0] = known.values
        module, new = self.net.module_, torch.as_tensor(is_new, device=self._device)
        with self.net.on_cpu(self.n_streams), torch.inference_mode():
            found, after = self.advance(torch.as_tensor(codes, device=self._device), before)
            if not is_new.all():
                found = torch.where(new[:, None], found, vectors)
                filled = pad(new, (0, self._missing))

                def where_new(now: Tensor, was: Tensor) -> Tensor:
                    return torch.where(filled.view(-1, *[1] * (now.dim() - 1)), now, was)

                after = map_rows(where_new, after, before)
            has_items = has_items | new
            scores = module.head.step(found, module).cpu().numpy().astype(np.float64)
        scores[~has_items.cpu().numpy()] = self.model._record.targets.popularity
        return scores, (after, found, has_items)

    def answer(self, outputs: np.ndarray) -> np.ndarray:
        """Return the item that is most likely next in each session, (B,)."""
        return self.model._record.targets.decode(outputs.argmax(axis=1))  # the first of equal ones

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probability of each item to be next, (B, C)."""
        return torch.from_numpy(outputs).softmax(dim=1).numpy()
