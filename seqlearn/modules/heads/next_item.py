"""The head of a recommender: a score for every item, of which the next one is to be the best.

Targets are drawn from x: at each step of a session, the item of the next. In training the loss
looks at all items or at a sample of them; in evaluation at all, and ranks are counted besides.

Shape letters besides the usual: C items, E values of an item's vector, P steps with a next one, M
items that a loss looks at.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.backend import Dropout, valid_steps
from seqlearn.errors import InvalidParameterError
from seqlearn.modules.heads.head import Head, Seen
from seqlearn.modules.heads.item_losses import ITEM_LOSSES, inclusion, no_target
from seqlearn.modules.lookups import look_up
from seqlearn.modules.row_blocks import FEW_ROWS, RowLinear, linear_in_fours

__all__ = ["NextItemHead"]

SCORES_AT_ONCE = 1 << 22  # in evaluation
CUTOFF = 20  # a target below this rank counts as not found


class NextItems(NamedTuple):
    """What the head says of the T - 1 steps of a padded batch that may have a next one."""

    losses: Tensor  # (B, T - 1), 0 where a row has no next step
    ranks: Tensor | None  # (B, T - 1), of the next item among all, 0 where there is none; None
    # in training


class NextItemHead(Head):
    """Scores of C items at each step: dropout and a linear map, with weights of its own or tied.

    Parameters
    ----------
    input_size : int
        Width of the features of a step, D.
    n_items : int
        Items, C.
    dropout : float, default=0.0
        Share of the features dropped in training.
    tied_size : int, optional
        Score items by the vectors of the network's input, which have so many values, E; a linear
        map takes the features there. None gives every item a vector of its own for its score.
    loss : {"cross_entropy", "bpr_max", "top1_max"}, default="cross_entropy"
        See `seqlearn.modules.heads.item_losses`.
    n_negatives : int, optional
        How many of the other items the loss looks at in training, on average; None looks at all.
    negative_power : float, default=0.0
        An item is among them in proportion to its count to this power.
    logq : float, default=0.0
        How much of the logarithm of that share is taken off scores before the cross entropy.
    counts : list of float, optional
        How often each item occurs, (C,).
    steps_a_row : float, default=1.0
        Divides the sum over a row's steps: their mean number, so that the loss is one of a step.
    """

    reads_steps = True
    loss_parameters = (
        "loss",
        "n_negatives",
        "negative_power",
        "logq",
        "counts",
        "steps_a_row",
    )
    grows: ClassVar[tuple[str, ...]] = ("n_items",)
    shares: Tensor | None
    offsets: Tensor | None

    def __init__(
        self,
        input_size: int,
        n_items: int,
        *,
        dropout: float = 0.0,
        tied_size: int | None = None,
        loss: str = "cross_entropy",
        n_negatives: int | None = None,
        negative_power: float = 0.0,
        logq: float = 0.0,
        counts: list[float] | None = None,
        steps_a_row: float = 1.0,
    ):
        super().__init__()
        self.dropout = Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(n_items))
        if tied_size is None:
            self.weight = nn.Parameter(torch.empty(n_items, input_size))
            nn.init.uniform_(self.weight, -(input_size**-0.5), input_size**-0.5)
        self.project = None if tied_size is None else RowLinear(input_size, tied_size)
        self.of_steps = ITEM_LOSSES[loss]
        self.steps_a_row = steps_a_row
        shares, offsets = None, None
        if n_negatives is not None and n_negatives < n_items - 1:
            how_often = np.ones(n_items) if counts is None else np.asarray(counts)
            powers = np.power(how_often / how_often.max(), negative_power)
            found = inclusion(powers, n_negatives)
            shares = torch.as_tensor(found, dtype=torch.float32)
            if loss == "cross_entropy":
                least = np.finfo(np.float32).tiny
                offsets = torch.as_tensor(logq * np.log(np.maximum(found, least)))
        self.register_buffer("shares", shares, persistent=False)
        self.register_buffer("offsets", offsets, persistent=False)
        self.negatives = Dropout(0.0)  # whose generator chooses them

    def forward(self, features: Tensor, seen: Seen) -> NextItems:
        """Return losses, and in evaluation ranks, of all steps but the last of each row."""
        x, lengths = seen.x, seen.lengths
        n_rows, n_steps = x.shape[:2]
        lengths = torch.full((n_rows,), n_steps) if lengths is None else lengths
        has_next = valid_steps(lengths - 1, n_steps - 1)  # (B, T - 1)
        row, step = has_next.nonzero(as_tuple=True)
        at = (row * n_steps + step).to(x.device, non_blocking=True)  # (P,)
        place = (row * (n_steps - 1) + step).to(x.device, non_blocking=True)
        targets = x[..., 0].flatten().index_select(0, at + 1)
        vectors = features.reshape(n_rows * n_steps, -1).index_select(0, at)  # (P, D)
        weight = self._item_vectors(seen.network)
        zeros = features.new_zeros(n_rows * max(n_steps - 1, 0))
        if self.training:
            losses = self._losses(self._projected(self.dropout(vectors)), weight, targets)
            return NextItems(zeros.index_copy(0, place, losses).view(n_rows, -1), None)
        losses, ranks = self._evaluated(vectors, targets, seen.network)
        places = zeros.long().index_copy(0, place, ranks)
        return NextItems(
            zeros.index_copy(0, place, losses).view(n_rows, -1), places.view(n_rows, -1)
        )

    def _losses(self, vectors: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each step in training, (P,), of vectors of the items' width."""
        if self.shares is None:
            scores = functional.linear(vectors, weight, self.bias)  # (P, C)
            return self.of_steps(scores, targets)
        drawn = self.negatives.draw(self.shares).nonzero()[:, 0]  # (M,)
        pairs = (vectors * look_up(weight, targets)).sum(-1) + self.bias[targets]  # (P,)
        scores = functional.linear(vectors, look_up(weight, drawn), self.bias[drawn])  # (P, M)
        if self.offsets is not None:
            offsets = self.offsets.to(scores.dtype)
            pairs, scores = pairs - offsets[targets], scores - offsets[drawn]
        scores = scores.masked_fill(drawn == targets[:, None], no_target(scores))
        return self.of_steps(torch.cat([pairs[:, None], scores], dim=1), torch.zeros_like(targets))

    def _evaluated(self, vectors: Tensor, targets: Tensor, network: Any) -> tuple[Tensor, Tensor]:
        """Return the loss of each step over all items, (P,), and the target's rank, (P,)."""
        losses, ranks = [vectors.new_zeros(0)], [targets.new_zeros(0)]
        size = self._rows_at_once()
        for own, true in zip(vectors.split(size), targets.split(size), strict=True):
            if len(own):
                scores = self.scores(own, network)
                losses.append(self.of_steps(scores, true))
                ranks.append(ranks_of(scores, true))
        return torch.cat(losses), torch.cat(ranks)

    def ranks(self, vectors: Tensor, targets: Tensor, network: Any) -> Tensor:
        """Return the rank of an item for each vector (B, D) that the encoder gave, (B,)."""
        size = self._rows_at_once()
        pairs = zip(vectors.split(size), targets.split(size), strict=True)
        return torch.cat([ranks_of(self.scores(own, network), true) for own, true in pairs])

    def _rows_at_once(self) -> int:
        return max(SCORES_AT_ONCE // len(self.bias) // FEW_ROWS, 1) * FEW_ROWS

    def scores(self, vectors: Tensor, network: Any) -> Tensor:
        """Return the scores of all items for vectors (B, D) that the encoder gave, (B, C).

        In evaluation on a CPU a row has the same bits whatever rows stand beside it.
        """
        weight, vectors = self._item_vectors(network), self._projected(vectors)
        if self.training or vectors.device.type != "cpu":
            return functional.linear(vectors, weight, self.bias)
        return linear_in_fours(vectors, weight, self.bias)

    def step(self, features: Tensor, network: Any) -> Tensor:
        """Return the scores of all items, (B, C)."""
        return self.scores(self.dropout(features), network)

    def _item_vectors(self, network: Any) -> Tensor:
        """Return what items are scored by, (C, D) or (C, E)."""
        return self.weight if self.project is None else network.input.items.weight

    def _projected(self, vectors: Tensor) -> Tensor:
        """Return vectors as wide as those of the items."""
        return vectors if self.project is None else self.project(vectors)

    def loss(self, outputs: NextItems, y: Any) -> Tensor:
        """Return the sum of the losses of each row's steps over ``steps_a_row``, (B,)."""
        return outputs.losses.sum(dim=1) / self.steps_a_row

    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """Mean reciprocal rank over the steps, of ranks up to 20."""
        found = total = torch.tensor(0.0)
        for one, weight in zip(outputs, weights, strict=True):
            if one.ranks is None:
                raise InvalidParameterError(
                    "A callback asks for the score of a recommender on outputs that training "
                    "computed, which have no ranks. Let it score the validation part."
                )
            hits = (one.ranks > 0) & (one.ranks <= CUTOFF)
            reciprocal = torch.where(hits, 1 / one.ranks.clamp(min=1), 0.0)
            found = found + (weight * reciprocal.sum(dim=1)).sum().cpu()
            total = total + (weight * (one.ranks > 0).sum(dim=1)).sum().cpu()
        return found / total

    def read(self, outputs: NextItems) -> Tensor:
        """Return the rank of the next item at each step, (B, T); 0 where there is none."""
        assert outputs.ranks is not None, "evaluation counts ranks"
        return functional.pad(outputs.ranks, (0, 1))


def ranks_of(scores: Tensor, targets: Tensor) -> Tensor:
    """Return the rank of the item ``targets[i]`` in row i of scores (B, C), 1 the best, (B,).

    Of items with equal scores the target comes last, so that a model that says nothing finds
    nothing: constant scores, and those that are not a number, give it the last rank.
    """
    own = scores.gather(1, targets[:, None])
    return scores.shape[1] - (scores < own).sum(dim=1)
