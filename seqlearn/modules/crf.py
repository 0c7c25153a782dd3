"""The linear-chain conditional random field: a distribution over label sequences, step by step.

It reads scores (B, T, C) that a network gives to each label at each step, adds what it has learned
about transitions, and answers with likelihoods, marginals and best sequences. Which transitions a
label scheme allows is the business of `seqlearn.modules.label_schemes`; the weights of classes and
the loss belong to the caller, the estimator that labels steps.

All recursions run over steps in Python and over rows and labels in tensors. The shapes inside are
(T, C, R): steps first, rows sorted by length, longest first, so that each step works on a leading
block of rows, and R the rows filled up to a multiple of ``ROW_BLOCK``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["LinearChainCRF"]

FORBIDDEN = -1e30  # score of what is not allowed: exp gives 0, and a sum of many stays finite
ROW_BLOCK = 16  # torch rounds the columns past the last full vector otherwise than the rest
CHUNK = 1 << 18  # elements of the conditional probabilities held at a time, two copies


class LinearChainCRF(nn.Module):
    """Linear-chain conditional random field.

    The score of a label sequence ``y`` of a row of ``L`` steps is ``starts[y_1] + sum_t
    scores[t, y_t] + sum_t transitions[y_(t-1), y_t] + ends[y_L]``, its probability the softmax
    over all sequences of that length.

    Parameters
    ----------
    n_labels : int
        Labels, C.
    allowed : (transitions, starts, ends) or None, default=None
        Boolean tensors or arrays of shape (C, C) ``[from, to]``, (C,) and (C,): what a sequence may
        do. What they forbid has probability 0 whatever the scores. None allows all. They are kept
        as buffers that move with the module and are not part of its ``state_dict``.

    Attributes
    ----------
    transitions, starts, ends : Parameter of shape (C, C), (C,) and (C,)
        Zero at first. Entries that are not allowed have no influence and gradient 0.

    Notes
    -----
    In all methods ``scores`` is float of shape (B, T, C), ``lengths`` int64 of shape (B,) on the
    CPU, from 1 to T; steps at and past a row's length are padding, may hold anything and influence
    nothing, nor do the other rows of the batch. Scores must be far below 1e30 in magnitude.

    A sequence that is not allowed has log-likelihood -1e30 or below, and its gradient is finite.
    The caller should refuse such sequences before training: the message is then better.

    Each message is shifted so that its largest entry is 0, so float32 does not lose precision with
    the number of steps. The gradient is computed from the conditional probabilities, not by
    recording the recursion; it cannot be differentiated again.

    References
    ----------
    Lafferty, McCallum and Pereira (2001). Conditional random fields: probabilistic models for
    segmenting and labeling sequence data. ICML.

    Examples
    --------
    >>> crf = LinearChainCRF(2, allowed=([[True, False], [True, True]], [True, True], [True, True]))
    >>> scores, lengths = torch.tensor([[[3.0, 0.0], [0.0, 2.0]]]), torch.tensor([2])
    >>> crf.decode(scores, lengths)  # 0 then 1 scores 5, but is not allowed
    tensor([[0, 0]])
    >>> crf.marginals(scores, lengths).sum(-1)
    tensor([[1., 1.]])
    """

    transitions: Tensor
    starts: Tensor
    ends: Tensor
    transitions_allowed: Tensor
    starts_allowed: Tensor
    ends_allowed: Tensor

    def __init__(
        self,
        n_labels: int,
        *,
        allowed: Iterable[ArrayLike | Tensor] | None = None,
    ):
        super().__init__()
        self.n_labels = n_labels
        self._allowed = None if allowed is None else [np.asarray(part) for part in allowed]
        self._possible = np.zeros(0, dtype=bool)  # by length; grows on demand
        shapes = {"transitions": (n_labels, n_labels), "starts": (n_labels,), "ends": (n_labels,)}
        masks = self._allowed or [np.ones(shape, dtype=bool) for shape in shapes.values()]
        for (name, shape), mask in zip(shapes.items(), masks, strict=True):
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))
            self.register_buffer(f"{name}_allowed", torch.tensor(mask), persistent=False)

    def token_log_likelihood(self, scores: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
        """Split the log-likelihood of each sequence over its steps, by the chain rule.

        Step 1 gets ``log p(y_1 | x)`` and step t ``log p(y_t | y_(t-1), x)``, each exact: given
        ``y_(t-1)``, the probability of ``y_t`` is the softmax of ``transitions[y_(t-1), :] +
        scores[t, :] + beta[t, :]``, where the backward message ``beta[t, j]`` is the log of the
        summed weight of all continuations after label j at step t. With weights ``w`` of the
        classes, ``-sum_t w[y_t] * term_t`` is a loss that counts a step by its own label, which
        the likelihood of a whole sequence does not allow; with all weights 1 it is the usual
        negative log-likelihood.

        Parameters
        ----------
        scores : Tensor of shape (B, T, C)
        labels : Tensor of shape (B, T), int64
            Anything at padded steps.
        lengths : Tensor of shape (B,), int64, on the CPU

        Returns
        -------
        Tensor of shape (B, T)
            0 at padded steps.
        """
        plan = _Plan.of(lengths, scores)
        return _Likelihood.apply(scores, *self._masked(scores.dtype), labels, plan)

    @torch.no_grad()
    def marginals(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """Return the probability of each label at each step, (B, T, C), 0 at padded steps.

        Valid steps sum to 1; what is not allowed is exactly 0. No gradient.
        """
        plan = _Plan.of(lengths, scores)
        transitions, starts, ends = self._masked(scores.dtype)
        logits = plan.pack(scores, ends)
        _add_messages(logits, transitions, plan)
        weights = torch.zeros_like(logits)  # (T, R, C)
        weights[0] = torch.softmax(starts + logits[0], dim=1)
        _push_forward(weights, logits, transitions, plan)
        return plan.unpack(weights / weights.sum(dim=2, keepdim=True))

    @torch.no_grad()
    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """Return the best sequence of each row (Viterbi), (B, T) int64, 0 at padded steps.

        It is always an allowed one. Of equally good labels a step takes the first.
        """
        plan = _Plan.of(lengths, scores)
        transitions, starts, ends = self._masked(scores.dtype)
        logits = plan.pack(scores, ends)
        _add_messages(logits, transitions, plan, best=True)
        best = torch.zeros(logits.shape[:2], dtype=torch.int64, device=scores.device)
        state = torch.argmax(starts + logits[0], dim=1, out=best[0])  # (R,)
        for start, stop, width in plan.blocks:
            state = state[:width]
            for logit, out in zip(*_steps(start, stop, width, logits, best), strict=True):
                following = transitions.index_select(0, state).add_(logit)  # (width, C)
                state = torch.argmax(following, dim=1, out=out)
        return plan.unpack(best)

    def _masked(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Transitions, starts and ends with `FORBIDDEN` where nothing is allowed."""
        return (
            torch.where(self.transitions_allowed, self.transitions, FORBIDDEN).to(dtype),
            torch.where(self.starts_allowed, self.starts, FORBIDDEN).to(dtype),
            torch.where(self.ends_allowed, self.ends, FORBIDDEN).to(dtype),
        )

    def impossible(self, lengths: Tensor) -> np.ndarray:
        """Return the rows at whose length no sequence of labels is allowed."""
        if self._allowed is None:
            return np.zeros(0, dtype=np.int64)
        longest = int(lengths.max())
        if longest >= len(self._possible):
            self._possible = _possible_lengths(longest, *self._allowed)
        return np.flatnonzero(~self._possible[lengths.numpy()])


@dataclass(frozen=True)
class _Plan:
    """How a batch lies in memory during a recursion: sorted, steps first, rows filled up."""

    blocks: list[tuple[int, int, int]]  # (start, stop, width): steps from 1 on, rows they need
    order: Tensor  # (B,) rows from longest to shortest
    inverse: Tensor  # (B,)
    past: Tensor  # (B, T) True at padded steps, rows in the caller's order
    valid: Tensor  # (T, R, 1) 1 where a sorted row has the step, else 0
    is_last: Tensor  # (T, R, 1) 1 at the last step of each sorted row, else 0

    @classmethod
    def of(cls, lengths: Tensor, scores: Tensor) -> "_Plan":
        n_rows, n_steps, _ = scores.shape
        step = torch.arange(n_steps)
        order = torch.argsort(lengths, descending=True, stable=True)
        ordered = lengths.new_zeros(_fill_up(n_rows))  # (R,)
        ordered[:n_rows] = lengths[order]
        valid = step[:, None] < ordered  # (T, R)
        is_last = step[:, None] == ordered - 1
        widths = [_fill_up(n) for n in valid.sum(dim=1).tolist()]
        edges = [t for t in range(1, n_steps) if t == 1 or widths[t] != widths[t - 1]]
        blocks = [
            (start, stop, widths[start])
            for start, stop in pairwise([*edges, n_steps])
            if widths[start]
        ]
        tensors = (
            order,
            torch.argsort(order),
            step >= lengths[:, None],
            valid[..., None].to(scores.dtype),
            is_last[..., None].to(scores.dtype),
        )
        return cls(blocks, *(one.to(scores.device, non_blocking=True) for one in tensors))

    def lay_out(self, values: Tensor) -> Tensor:
        """Turn (B, T, ...) into (T, R, ...), 0 where padded or filled up."""
        past = self.past.reshape(self.past.shape + (1,) * (values.dim() - 2))
        values = values.masked_fill(past, 0).index_select(0, self.order)
        filled = values.new_zeros(values.shape[1], self.valid.shape[1], *values.shape[2:])
        filled[:, : len(values)] = values.transpose(0, 1)
        return filled

    def pack(self, scores: Tensor, ends: Tensor) -> Tensor:
        """Lay out scores with ``ends`` added to the last step of each row, (T, R, C)."""
        return self.lay_out(scores).addcmul_(self.is_last, ends)

    def unpack(self, values: Tensor) -> Tensor:
        """Turn (T, R, ...) into (B, T, ...), 0 at padded steps."""
        values = values.transpose(0, 1).index_select(0, self.inverse)
        past = self.past.reshape(self.past.shape + (1,) * (values.dim() - 2))
        return values.masked_fill_(past, 0)


class _Likelihood(torch.autograd.Function):
    """Terms of the log-likelihood (B, T), with their gradient.

    With ``P_t[i, j] = p(y_t = j | y_(t-1) = i)``, the derivative of ``log p(y_t | y_(t-1))`` by the
    message of step t is a one-hot row less a row of ``P_t``, and that of the message of step t - 1
    by the one of step t is ``P_t``. So the gradient is one recursion forwards over plain, not log,
    numbers. The shifts of the messages cancel and count as constants.
    """

    @staticmethod
    def forward(ctx, scores, transitions, starts, ends, labels, plan):
        logits = plan.pack(scores, ends)
        totals = _add_messages(logits, transitions, plan)
        chosen = plan.lay_out(labels)[..., None]  # (T, R, 1)
        terms = logits.gather(2, chosen)  # (T, R, 1)
        first = starts + logits[0]  # (R, C)
        terms[0] += starts.index_select(0, chosen[0, :, 0])[:, None] - _log_sum_exp(first)
        pairs = (chosen[:-1] * len(starts)).add_(chosen[1:])  # (T - 1, R, 1)
        terms[1:] += transitions.flatten().index_select(0, pairs.flatten()).view_as(pairs)
        terms[1:] -= totals[1:].gather(2, chosen[:-1])
        ctx.save_for_backward(logits, chosen, transitions, first)
        ctx.plan = plan
        return plan.unpack(terms[..., 0])

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_terms):
        logits, chosen, transitions, first = ctx.saved_tensors
        plan = ctx.plan
        grad = plan.lay_out(grad_terms)[..., None]  # (T, R, 1)
        grad_next = torch.zeros_like(grad)  # of the term that this step's label conditions
        grad_next[:-1] = grad[1:]

        weights = torch.zeros_like(logits).scatter_(2, chosen, grad - grad_next)  # (T, R, C)
        weights[0] += torch.softmax(first, dim=1).mul_(-grad[0])
        grad_transitions = _push_forward(weights, logits, transitions, plan)
        before = torch.zeros_like(logits).scatter_(2, chosen, grad_next)  # (T, R, C)
        after = torch.zeros_like(logits).scatter_(2, chosen, 1.0)
        grad_transitions += before[:-1].flatten(0, 1).T @ after[1:].flatten(0, 1)
        weights += before
        grad_ends = (weights * plan.is_last).sum(dim=(0, 1))
        return plan.unpack(weights), grad_transitions, weights[0].sum(dim=0), grad_ends, None, None


def _add_messages(
    logits: Tensor, transitions: Tensor, plan: _Plan, *, best: bool = False
) -> Tensor:
    """Add to the scores of each step, (T, R, C), the backward messages, in place.

    They are logarithms of sums of exponentials, or with ``best`` maxima (Viterbi). Each row of
    steps from 1 on is shifted to maximum 0. Returns the messages to step t - 1, before that, at
    index t, (T, R, C); only valid steps have a meaning.
    """
    totals = torch.zeros_like(logits)
    into = transitions.T.contiguous()[:, None]  # (C to, 1, C from)
    for start, stop, width in reversed(plan.blocks):
        joint, scratch = logits.new_empty(2, len(transitions), width, len(transitions)).unbind()
        log_sum = logits.new_empty(width, len(transitions))
        before = _steps(start - 1, stop - 1, width, logits)[0]
        columns = logits.transpose(1, 2)[..., None][:, :, :width].unbind()  # (C to, width, 1)
        steps = _steps(start, stop, width, logits, totals, plan.valid)
        views = list(zip(*steps, before, columns[start:stop], strict=True))
        for logit, total, valid, previous, column in reversed(views):
            logit -= logit.amax(dim=1, keepdim=True)
            torch.add(into, column, out=joint)
            torch.amax(joint, dim=0, out=total)
            if not best:  # as _log_sum_exp(joint), without new memory
                torch.log_softmax(joint, dim=0, out=scratch)
                torch.amax(scratch, dim=0, out=log_sum)
                total.sub_(log_sum)
            previous.addcmul_(total, valid)
    return totals


def _push_forward(weights: Tensor, logits: Tensor, transitions: Tensor, plan: _Plan) -> Tensor:
    """Push weights of labels forwards by the conditional probabilities, in place.

    ``weights[t] += weights[t - 1] @ P_t`` for all rows that have a step t, in order of the steps;
    step 0 of ``weights`` (T, R, C) is given. Returns the summed weight of each transition, (C, C).
    """
    into = transitions.T.contiguous()[:, None]  # (C to, 1, C from)
    used = torch.zeros_like(into[:, 0])
    for start, stop, width in plan.blocks:
        size = max(1, CHUNK // (width * transitions.numel()))  # steps
        for a in range(start, stop, size):
            b = min(stop, a + size)
            flows = logits.new_empty(b - a, len(transitions), width, len(transitions))
            torch.add(into, logits.transpose(1, 2)[a:b, :, :width, None], out=flows)
            flows = torch.softmax(flows, dim=1).mul_(plan.valid[a:b, None, :width])
            sums = weights.transpose(1, 2)[a:b, :, :width].unbind()  # (C to, width)
            before = _steps(a - 1, b - 1, width, weights)[0]
            for flow, weight, total in zip(flows.unbind(), before, sums, strict=True):
                total += flow.mul_(weight).sum(dim=2)
            used += flows.sum(dim=(0, 2))
    return used.T.contiguous()


def _steps(start: int, stop: int, width: int, *tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Views of steps ``start`` to ``stop`` and the first rows; all at once is faster by far."""
    return [tensor[start:stop, :width].unbind() for tensor in tensors]


def _log_sum_exp(values: Tensor) -> Tensor:
    """Log of the sum of exponentials over the last axis, which is kept with size 1.

    The log-softmax of the maximum is less the log of the shifted sum. This is as exact as
    `torch.logsumexp` and several times as fast on a CPU where values are `FORBIDDEN`.
    """
    highest = values.amax(dim=-1, keepdim=True)
    return highest - torch.log_softmax(values, dim=-1).amax(dim=-1, keepdim=True)


def _fill_up(n_rows: int) -> int:
    """Round up to a multiple of `ROW_BLOCK`."""
    return n_rows + -n_rows % ROW_BLOCK


def _possible_lengths(
    longest: int, transitions: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """For each length from 0 to ``longest``, whether any sequence is allowed, (longest + 1,)."""
    possible = np.zeros(longest + 1, dtype=bool)
    reached = starts
    for length in range(1, longest + 1):
        possible[length] = (reached & ends).any()
        following = (reached[:, None] & transitions).any(axis=0)
        if (following == reached).all():
            possible[length:] = possible[length]
            break
        reached = following
    return possible
