"""Sequences of tokens drawn from a network that says what comes next, one token after the other.

Every sample has a generator of its own, so what it becomes does not depend on how many there are. A
step is one product with the recurrent weights and one with those of the tokens; what the core makes
of a token without its state is computed once for all tokens, where it is not too much.

Shape letters besides the usual: V tokens that may come next, P values of a step that do not depend
on the state.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqlearn.backend import step_core
from seqlearn.modules.stepping import check_state
from seqlearn.states import n_rows, select_rows

__all__ = ["Choice", "generate"]

MOST_PROJECTED = 1 << 24  # values of a table of all tokens
COLDEST = 1e-30  # below, scores would not be finite in float32; it is greedy long before
DRAWN_AT_ONCE = 256  # numbers of each sample


class Choice(NamedTuple):
    """How the next token is chosen: from which, and how boldly."""

    temperature: float  # what scores are divided by; 0 takes the best
    top_k: int | None  # how many of the best to choose among
    top_p: float | None  # the probability that those chosen among have together

    def __call__(self, scores: Tensor, bars: Tensor, chance: Tensor) -> Tensor:
        """Return a code for each row of scores (B, V).

        Parameters
        ----------
        scores : Tensor of shape (B, V)
        bars : Tensor of shape (V,)
            Minus infinity for what may not be chosen, else 0.
        chance : Tensor of shape (B, 1)
            A number in [0, 1) for each row.
        """
        if self.temperature == 0:
            return (scores + bars).argmax(dim=1)
        scores = torch.add(bars, scores, alpha=1 / max(self.temperature, COLDEST))
        if self.top_k is not None and self.top_k < scores.shape[1]:
            least = scores.topk(self.top_k, dim=1).values[:, -1:]
            scores = scores.masked_fill(scores < least, -torch.inf)
        shares = scores.softmax(dim=1)
        if self.top_p is not None and self.top_p < 1:
            shares, order = shares.sort(dim=1, descending=True, stable=True)
            others = shares.cumsum(dim=1) - shares  # of those that are likelier
            others[:, 0] = -1.0  # the likeliest stays, however small top_p is
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
    generators = [np.random.default_rng(seed) for seed in seeds]
    encoder = module.encoder
    check_state(encoder.core, encoder.backend, encoder.input_size)
    scores, state = _after(module, prefix)
    rows = list(range(n_samples))
    scores, state = scores.repeat(n_samples, 1), _first_rows(state, [0] * n_samples, encoder)
    bars = scores.new_zeros(scores.shape[1])
    bars[torch.as_tensor(forbidden, device=prefix.device)] = -torch.inf
    if bool((bars < 0).all()):
        return written  # there is nothing that may come next
    step = _Step(module)
    for i in range(n_steps):
        if i % DRAWN_AT_ONCE == 0:
            n_drawn = min(DRAWN_AT_ONCE, n_steps - i)
            chances = np.stack([generators[row].random(n_drawn) for row in rows])
            chance = torch.as_tensor(chances).to(prefix.device)  # (B, n_drawn)
        at_step = i % DRAWN_AT_ONCE
        codes = choice(scores, bars, chance[:, at_step : at_step + 1])
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
            state = _first_rows(state, kept, encoder)
        scores, state = step(codes, state)
    return written


def _after(module: Any, prefix: Tensor) -> tuple[Tensor, Any]:
    """Return the scores of what follows a prefix, (1, V), and the core's state."""
    x = torch.stack([prefix, torch.full_like(prefix, -1)], dim=-1)[None]  # (1, T, 2)
    values, _, _ = module.read(x, None)
    features, state = module.encoder(values, None, None, keep_steps=True)
    return module.head.step(features[:, -1], module), state


def _first_rows(state: Any, rows: list[int], encoder: Any) -> Any:
    """Return rows of a state, filled up to as many as a step computes alike whatever they are.

    One row is left alone: a product with a vector takes half the time of one with four rows, and
    rounds otherwise in the last digit.
    """
    block = encoder.step_block if len(rows) > 1 else 1
    filled = [*rows, *rows * block][: -(-len(rows) // block) * block]
    return select_rows(state, torch.tensor(filled))


class _Step:
    """One more token of each row: the scores after it, (B, V), and the state of filled rows."""

    def __init__(self, module: Any):
        core, self.scores = module.encoder.core, module.head.scorer(module)
        vectors, project = module.input.tokens.weight, getattr(core, "project", None)  # (V, E)
        self.table, self.step = vectors, partial(step_core, core)
        if project is not None:
            width = project(vectors[:1]).shape[1]
            if width * len(vectors) <= MOST_PROJECTED:
                self.table, self.step = project(vectors), partial(core.step, projected=True)

    def __call__(self, codes: Tensor, state: Any) -> tuple[Tensor, Any]:
        n, n_filled = codes.shape[0], n_rows(state) or 0
        if n < n_filled:
            codes = codes.repeat(-(-n_filled // n))[:n_filled]
        features, state = self.step(self.table.index_select(0, codes), state)
        return self.scores(features if n == n_filled else features[:n]), state
