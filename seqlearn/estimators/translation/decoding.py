"""Running a trained translator: answers found by beam search, and what it says of given ones.

Rows are computed in groups of one length of source, rounded up, and of one length of target where
there is one: products of matrices then have one form for a row, whatever rows stand beside it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from seqlearn.data.sequences import Sequences
from seqlearn.modules.beam_search import Hypothesis, beam_search
from seqlearn.modules.heads.attention_decoder import Memory, TargetTokens

__all__ = ["Search", "attention_of", "log_likelihoods", "search"]

ROUNDED = 8  # steps of which a group has a multiple
HYPOTHESES_AT_ONCE = 256
VALUES_AT_ONCE = 1 << 22  # of attention, or of what it looks at
BLOCK = 16  # hypotheses of a step: a multiple of so many
UNKNOWN = 0


class Search(NamedTuple):
    """How answers are looked for; see `LSTMTranslator`."""

    num_beams: int
    length_penalty: float
    no_repeat_ngram_size: int


def search(
    net: Any, sources: Sequences, most: np.ndarray, options: Search, n_best: int = 1
) -> list[list[Hypothesis]]:
    """Return the best answers to each source, (N,); there must be no empty one.

    Parameters
    ----------
    net : SequenceNet
        Whose head is an `AttentionDecoder`.
    sources : Sequences
        Codes, (S, 1) or (S, 2).
    most : ndarray of shape (N,)
        Tokens that an answer may have.
    options : Search
    n_best : int, default=1
        Answers to a source.
    """
    head: Any = net.module_.head
    found: list[list[Hypothesis]] = [[] for _ in range(len(sources))]

    def step(tokens: torch.Tensor, state: Any, rows: torch.Tensor) -> tuple:
        *answer, penalties = head.next_tokens(tokens, state, rows, memory)
        return (*answer, penalties) if penalties is not None else tuple(answer)

    for rows, memory in _memories(net, sources, options.num_beams):
        with net.on_cpu(len(rows) * options.num_beams), torch.inference_mode():
            answers = beam_search(
                step,
                None,
                len(rows),
                first=torch.full((len(rows),), head.border, device=memory.past.device),
                end=head.border,
                max_steps=torch.as_tensor(most[rows]).to(memory.past.device),
                n_best=n_best,
                forbidden=(UNKNOWN,),
                block=BLOCK,
                **options._asdict(),
            )
        for row, answer in zip(rows.tolist(), answers, strict=True):
            found[row] = answer
    return found


def log_likelihoods(net: Any, sources: Sequences, targets: Sequences) -> np.ndarray:
    """Return the log-probability of each target and its border, (N,)."""
    result = np.empty(len(sources))
    for rows, memory, y in _groups(net, sources, targets):
        with net.on_cpu(len(rows)), torch.inference_mode():
            decoded = net.module_.head.decode(memory, y)
        result[rows] = decoded.log_likelihood[: len(rows)].double().cpu().numpy()
    return result


def attention_of(net: Any, sources: Sequences, targets: Sequences) -> list[np.ndarray]:
    """Return how much each step of a source counts for each token of its target, (U_i, T_i)."""
    result: list[Any] = [None] * len(sources)
    n_sources, n_targets = sources.lengths.tolist(), targets.lengths.tolist()
    for rows, memory, y in _groups(net, sources, targets):
        with net.on_cpu(len(rows)), torch.inference_mode():
            attention = net.module_.head.attention(memory, y).cpu().numpy()
        for one, row in zip(attention, rows.tolist(), strict=False):
            result[row] = one[: n_targets[row], : n_sources[row]].copy()
    return result


def _memories(net: Any, sources: Sequences, per_row: int) -> Iterator[tuple[np.ndarray, Memory]]:
    """Yield row numbers of groups of like length, and what their decoder looks at."""
    rounded = -(-sources.lengths // ROUNDED) * ROUNDED
    for n_steps in np.unique(rounded).tolist():
        group = np.flatnonzero(rounded == n_steps)
        width = net.module_.encoder.output_size
        size = min(HYPOTHESES_AT_ONCE // per_row, VALUES_AT_ONCE // (n_steps * width))
        for rows in _cut(group, max(size, 1)):
            yield rows, _memory(net, sources.take(rows), n_steps)


def _groups(
    net: Any, sources: Sequences, targets: Sequences
) -> Iterator[tuple[np.ndarray, Memory, TargetTokens]]:
    """Yield row numbers, what their decoder looks at, and targets, filled up with rows."""
    n_sources = -(-sources.lengths // ROUNDED) * ROUNDED
    n_targets = -(-(targets.lengths + 1) // ROUNDED) * ROUNDED
    kinds, kind_of = np.unique(np.stack([n_sources, n_targets]), axis=1, return_inverse=True)
    for kind, (n_steps, n_tokens) in enumerate(kinds.T.tolist()):
        group = np.flatnonzero(kind_of == kind)
        size = VALUES_AT_ONCE // (n_steps * max(n_tokens, net.module_.encoder.output_size))
        for rows in _cut(group, min(max(size, 1), HYPOTHESES_AT_ONCE)):
            memory = _memory(net, sources.take(rows), n_steps)
            filled = rows if len(memory.past) == len(rows) else np.resize(rows, len(memory.past))
            codes, lengths = _padded(targets.take(filled), n_tokens - 1)
            yield rows, memory, TargetTokens(codes[..., 0].to(net.device), lengths)


def _cut(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def _memory(net: Any, sources: Sequences, n_steps: int) -> Memory:
    """Return what the decoder looks at of sources padded to so many steps."""
    net.evaluate()
    codes, lengths = _padded(sources, n_steps)
    with net.on_cpu(len(codes)), torch.inference_mode():
        return net.module_(codes.to(net.device), lengths)


def _padded(sequences: Sequences, n_steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return codes padded to so many steps, (B, T, F), and lengths, (B,)."""
    lengths = sequences.lengths
    row = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(len(row)) - np.repeat(sequences.offsets[:-1], lengths)
    codes = np.zeros((len(lengths), n_steps, sequences.n_features), np.int64)
    codes[row, step] = sequences.values
    return torch.as_tensor(codes), torch.as_tensor(lengths)
