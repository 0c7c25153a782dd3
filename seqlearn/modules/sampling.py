"""Sequences of tokens drawn from a network that says what comes next, one token after the other.

Every sample has a generator of its own, so what it becomes does not depend on how many there are. A
step is one product with the recurrent weights and one with those of the tokens; what the core makes
of a token without its state is computed once for all tokens, where it is not too much.

Shape letters besides the usual: V tokens that may come next, P values of a step that do not depend
on the state.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqlearn.states import map_rows, select_rows

__all__ = ["Choice", "generate"]

MOST_PROJECTED = 1 << 24  # values of a table of all tokens


class Choice(NamedTuple):
    """How the next token is chosen: from which, and how boldly."""

    temperature: float  # what scores are divided by; 0 takes the best
    top_k: int | None  # how many of the best to choose among
    top_p: float | None  # the probability that those chosen among have together

    def __call__(self, scores: Tensor, chance: Tensor) -> Tensor:
        """Return a code for each row of scores (B, V), given a number in [0, 1) for each, (B, 1).

        Minus infinity stands at what may not be chosen.
        """
        if self.temperature == 0:
            return scores.argmax(dim=1)
        if self.top_k is not None and self.top_k < scores.shape[1]:
            least = scores.topk(self.top_k, dim=1).values[:, -1:]
            scores = scores.masked_fill(scores < least, -torch.inf)
        shares = (scores / self.temperature).softmax(dim=1)
        if self.top_p is not None and self.top_p < 1:
            shares, order = shares.sort(dim=1, descending=True, stable=True)
            others = shares.cumsum(dim=1) - shares  # of those that are likelier
            shares = shares.masked_fill(others >= self.top_p, 0.0)
            return order.gather(1, _drawn(shares, chance))[:, 0]
        return _drawn(shares, chance)[:, 0]


def _drawn(shares: Tensor, chance: Tensor) -> Tensor:
    """Return a place in each row, drawn in proportion to the shares, (B, 1)."""
    sums = shares.cumsum(dim=1, dtype=torch.float64)
    # The place of the first sum above; what has no share has the sum of the place before.
    return torch.searchsorted(sums, chance * sums[:, -1:], right=True)


def generate(
    module: Any,
    prefix: Tensor,
    *,
    n_samples: int,
    n_steps: int,
    choice: Choice,
    forbidden: list[int],
    end: int | None,
    seeds: list[Any],
    is_over: Callable[[int, int], bool],
    tell: Callable[[], Any],
) -> list[list[int]]:
    """Return the codes that follow a prefix, sample by sample.

    Parameters
    ----------
    module : Network
        In evaluation; its input is `seqlearn.inputs.tokens.TokenEmbedding`, its head scores tokens.
    prefix : Tensor of shape (T,), int64
        Codes to begin after, at least one.
    n_samples, n_steps : int
        How many samples, and how many tokens of each at most.
    choice : Choice
    forbidden : list of int
        Codes that are never chosen.
    end : int or None
        The code at which a sample ends; it is not part of it.
    seeds : list of n_samples seeds
        For the generator of each sample.
    is_over : callable
        Takes the number of a sample and its next code; True ends the sample with it.
    tell : callable
        Called after each step.
    """
    written: list[list[int]] = [[] for _ in range(n_samples)]
    if not n_steps or not n_samples:
        return written
    chances = np.stack([np.random.default_rng(seed).random(n_steps) for seed in seeds])
    chance = torch.as_tensor(chances).to(prefix.device)  # (B, n_steps)
    barred = torch.as_tensor(forbidden, device=prefix.device)
    block = module.encoder.step_block
    scores, state = _after(module, prefix)
    rows = list(range(n_samples))
    scores, state = scores.repeat(n_samples, 1), _repeated(state, n_samples, block)
    table = _projected(module)
    for i in range(n_steps):
        scores[:, barred] = -torch.inf
        if bool((scores == -torch.inf).all()):
            break  # there is nothing that may come next
        codes = choice(scores, chance[:, i : i + 1])
        kept = []
        for at, code in enumerate(codes.tolist()):
            if code == end:
                continue
            written[rows[at]].append(code)
            if not is_over(rows[at], code):
                kept.append(at)
        tell()
        if not kept or i + 1 == n_steps:
            break
        if len(kept) < len(rows):
            index = torch.tensor(kept, device=prefix.device)
            rows = [rows[at] for at in kept]
            codes, chance = codes[index], chance[index]
            filled = torch.arange(-(-len(kept) // block) * block, device=prefix.device)
            state = select_rows(state, index[filled % len(kept)])
        scores, state = _step(module, table, codes, state, block)
    return written


def _after(module: Any, prefix: Tensor) -> tuple[Tensor, Any]:
    """Return the scores of what follows a prefix, (1, V), and the core's state."""
    x = torch.stack([prefix, torch.full_like(prefix, -1)], dim=-1)[None]  # (1, T, 2)
    values, _, _ = module.read(x, None)
    features, state = module.encoder(values, None, None, keep_steps=True)
    return module.head.step(features[:, -1], module), state


def _repeated(state: Any, n: int, block: int) -> Any:
    """Return a state of one row for n rows, filled up to a multiple of ``block``."""
    n_rows = -(-n // block) * block
    return map_rows(lambda one: one.repeat(n_rows, *[1] * (one.dim() - 1)), state)


def _projected(module: Any) -> Tensor | None:
    """Return what the core makes of each token without its state, (V, P); None of too many."""
    vectors = module.input.tokens.weight  # (V, E)
    project = getattr(module.encoder.core, "project", None)
    if project is None or project(vectors[:1]).shape[1] * len(vectors) > MOST_PROJECTED:
        return None
    return project(vectors)


def _step(
    module: Any, table: Tensor | None, codes: Tensor, state: Any, block: int
) -> tuple[Tensor, Any]:
    """Return the scores after one more token of each row, (B, V), and the state of filled rows."""
    n = len(codes)
    if n % block:
        codes = codes.repeat(-(-block // n) + 1)[: -(-n // block) * block]
    if table is None:
        values, _ = module.input.step(codes)
    else:
        values = table.index_select(0, codes)
    features, state = module.encoder.step(values, state, projected=table is not None)
    return module.head.step(features[:n], module), state
