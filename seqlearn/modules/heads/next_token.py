"""The head of a language model: the log-probability of the next token at every step.

Batches come from `seqlearn.data.text_chunks`: at each step x holds the token that is read and the
one to predict, or `NO_TARGET` where there is none.

Shape letters besides the usual: E values of a token's vector, P steps that have a target, V tokens.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.modules.heads.head import Head, Seen
from seqlearn.modules.locked_dropout import LockedDropout
from seqlearn.modules.row_blocks import RowLinear, linear_in_blocks, linear_in_fours
from seqlearn.modules.token_losses import token_losses

__all__ = ["NextTokenHead"]

SCORES_AT_ONCE = 1 << 21  # in evaluation


class NextTokens(NamedTuple):
    """What the head says of the steps of a padded batch."""

    losses: Tensor  # (B, T), minus the log-probability of the next token; 0 where there is none


class NextTokenHead(Head):
    """Scores of V tokens at each step: dropout and a linear map, with weights of its own or tied.

    Parameters
    ----------
    input_size : int
        Width of the features of a step, D.
    n_tokens : int
        Tokens that may come next, V: those with the first codes.
    dropout : float, default=0.0
        Share of the features dropped in training, the same at all steps of a row.
    tied_size : int, optional
        Score tokens by the vectors they are read with, which have so many values, E; if D is
        another number, a linear map takes the features there. None gives every token a vector of
        its own for its score.
    steps_a_row : float, default=1.0
        Mean number of targets of a row in training.
    """

    reads_steps = True
    loss_parameters = ("steps_a_row",)

    def __init__(
        self,
        input_size: int,
        n_tokens: int,
        *,
        dropout: float = 0.0,
        tied_size: int | None = None,
        steps_a_row: float = 1.0,
    ):
        super().__init__()
        self.dropout = LockedDropout(dropout)
        self.bias = nn.Parameter(torch.zeros(n_tokens))
        self.is_tied = tied_size is not None
        self.project = None
        if tied_size is None:
            self.weight = nn.Parameter(torch.empty(n_tokens, input_size))
            nn.init.uniform_(self.weight, -(input_size**-0.5), input_size**-0.5)
        elif tied_size != input_size:
            self.project = RowLinear(input_size, tied_size)
        self.steps_a_row = steps_a_row

    def forward(self, features: Tensor, seen: Seen) -> NextTokens:
        """Return the losses of all steps of a batch."""
        targets = seen.x[..., 1].flatten()  # (B T,)
        at = (targets >= 0).nonzero()[:, 0]  # (P,)
        vectors = self.dropout(features).flatten(0, 1).index_select(0, at)  # (P, D)
        vectors = self._projected(vectors)
        weight, due = self._token_vectors(seen.network), targets[at]
        if self.training:
            losses = token_losses(vectors, weight, self.bias, due, cast=self.autocast)
        else:
            losses = self._evaluated(vectors, weight, due)
        everywhere = features.new_zeros(targets.shape).index_copy(0, at, losses)
        return NextTokens(everywhere.view(features.shape[:2]))

    def _evaluated(self, vectors: Tensor, weight: Tensor, due: Tensor) -> Tensor:
        """Return the loss of each step, (P,), on a CPU whatever steps stand beside it."""
        linear = linear_in_blocks if vectors.device.type == "cpu" else functional.linear
        size, losses = max(SCORES_AT_ONCE // len(weight), 1), vectors.new_empty(len(vectors))
        for first in range(0, len(vectors), size):
            own = slice(first, first + size)
            logarithms = linear(vectors[own], weight, self.bias).log_softmax(dim=1)
            losses[own] = -logarithms.gather(1, due[own, None])[:, 0]
        return losses

    def scores(self, vectors: Tensor, network: Any) -> Tensor:
        """Return the scores of all tokens for features (B, D), (B, V)."""
        return self.scorer(network)(vectors)

    def scorer(self, network: Any) -> Callable[[Tensor], Tensor]:
        """Return what `scores` does, for many calls: the weights are looked up once.

        On a CPU a row's scores do not depend on how many rows there are, but for a row alone, whose
        products are with vectors: these are faster, and round otherwise in the last digit.
        """
        weight, bias, project = self._token_vectors(network), self.bias, self.project
        is_exact = not self.training and bias.device.type == "cpu"

        def scores(vectors: Tensor) -> Tensor:
            if is_exact and vectors.shape[0] > 1:
                vectors = vectors if project is None else project(vectors)
                return linear_in_fours(vectors, weight, bias)
            if project is not None:
                vectors = functional.linear(vectors, of_project, bias_of_project)
            return functional.linear(vectors, weight, bias)

        if project is not None:
            of_project, bias_of_project = project.weight, project.bias
        return scores

    def step(self, features: Tensor, network: Any) -> Tensor:
        """Return the scores of what comes next, (B, V)."""
        return self.scores(features, network)

    def _token_vectors(self, network: Any) -> Tensor:
        """Return what tokens are scored by, (V, D) or (V, E)."""
        return network.input.tokens.weight[: len(self.bias)] if self.is_tied else self.weight

    def _projected(self, vectors: Tensor) -> Tensor:
        """Return vectors as wide as those of the tokens."""
        return vectors if self.project is None else self.project(vectors)

    def loss(self, outputs: NextTokens, y: Any) -> Tensor:
        """Return the sum of the losses of each row's steps, (B,), over a mean number of steps.

        In training it is that of all batches of an epoch, so that every token counts alike,
        whichever batch it is in; in evaluation that of the batch, and the mean of the rows is that
        of their steps.
        """
        mean = self.steps_a_row if self.training else y.sum().clamp(min=1) / len(y)
        return outputs.losses.sum(dim=1) / mean

    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """Mean log-likelihood of a token; y says how many each row has."""
        total = count = torch.tensor(0.0)
        for one, n_targets, weight in zip(outputs, y, weights, strict=True):
            total = total - (weight * one.losses.sum(dim=1)).sum().cpu()
            count = count + (weight * n_targets).sum().cpu()
        return total / count

    def read(self, outputs: NextTokens) -> Tensor:
        """Return the log-likelihood of the next token at each step, (B, T)."""
        return -outputs.losses
