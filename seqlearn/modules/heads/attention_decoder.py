"""The head of a translator: a decoder that looks back at the steps of the source, token by token.

The decoder is a second core, whose input is the target's own last token and a summary of the
source. At each step it asks which steps of the source matter now (Luong et al. 2015, "general"),
and what it has read and found becomes the scores of the next token. What it found does not go back
into the core (no input feeding), so that in training a whole target is one call of each part.

With copying (See et al. 2017), a token may also be taken from the source, where attention points.

Codes of the target: 0 is the unknown token, 1 to V - 1 are the tokens known, and V is the border,
which begins a target and ends it. With copying, V + 1 + t is a token that is unknown and stands
first at step t of the row's source.

Shape letters besides the usual: U steps of a target and its border, E values of a token's vector, A
width of keys and queries, R hypotheses, P tokens of the targets of a batch, borders included.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.backend import valid_steps
from seqlearn.errors import InvalidParameterError
from seqlearn.modules.encoder import Encoder
from seqlearn.modules.heads.head import Head, Seen
from seqlearn.modules.locked_dropout import LockedDropout
from seqlearn.modules.lookups import look_up
from seqlearn.modules.row_blocks import RowLinear, linear_in_blocks
from seqlearn.modules.token_losses import token_losses
from seqlearn.states import map_rows

__all__ = ["AttentionDecoder", "Memory", "TargetTokens"]

LEAST = 1e-30  # a probability whose logarithm is taken
NEVER = -1e9  # its logarithm
SCORES_AT_ONCE = 1 << 22  # in evaluation


class TargetTokens(NamedTuple):
    """The targets of a padded batch, without their borders."""

    codes: Tensor  # (B, U - 1), int64; anything past a row's length
    lengths: Tensor  # (B,), on the CPU; may be 0


class Memory(NamedTuple):
    """What the decoder may look at of the sources of a batch."""

    keys: Tensor  # (B, T, A), what queries are held against
    values: Tensor  # (B, T, D + F), what attention takes a mean of
    past: Tensor  # (B, T), True past a row's end
    summary: Tensor  # (B, E), part of each input of the decoder
    codes: Tensor | None  # (B, T), those of the target that copying gives


class Decoded(NamedTuple):
    """What the head says of given targets."""

    losses: Tensor  # (B,), of which the mean is the loss of a batch
    log_likelihood: Tensor | None  # (B,), of tokens and border; None in training
    hits: Tensor | None  # (B,), how many of them are the likeliest; None in training
    lengths: Tensor  # (B,), their number


class _Steps(NamedTuple):
    """What the decoder makes of the steps of targets, or of one step of hypotheses."""

    mixed: Tensor  # (B, U, E), what tokens are scored by
    attention: Tensor  # (B, U, T)
    gate: Tensor | None  # (B, U), logit of the chance not to copy


class AttentionDecoder(Head):
    """Targets of tokens, decoded with attention over the steps of the source.

    Parameters
    ----------
    input_size : int
        Width of the features of a step of the source, D.
    n_tokens : int
        Tokens of the target with the unknown one, V.
    source_size : int
        Width of what the encoder reads of a step, F. The decoder finds it beside the features: it
        says more directly which token stands there.
    embedding_size : int
        Values of a token's vector, E. Tokens are scored by the vectors that they are read with.
    decoder : dict
        Arguments of the `Encoder` that is the decoder's core: ``backend``, ``hidden_size``,
        ``num_layers`` and ``dropout``.
    dropout : float, default=0.0
        Share of the values dropped in training, the same at all steps of a row: of the features, of
        the vectors of tokens and of what tokens are scored by.
    label_smoothing : float, default=0.0
        Share of the target that is spread evenly over all tokens; not with ``copy``.
    copy : bool, default=False
        Whether tokens may be taken from the source; x then has a second column, the codes of the
        target that its steps stand for.
    coverage : float, default=0.0
        Weight of what attention looks at again, in the loss and in decoding (See et al. 2017).
    tokens_a_row : float, default=1.0
        Divides the loss of a row in evaluation: the mean number of tokens and borders.

    References
    ----------
    Luong, M.-T., Pham, H. and Manning, C. D. (2015). Effective approaches to attention-based neural
    machine translation. EMNLP.

    See, A., Liu, P. J. and Manning, C. D. (2017). Get to the point: summarization with
    pointer-generator networks. ACL.
    """

    reads_steps = True
    scorers = ("accuracy",)
    loss_parameters = ("label_smoothing", "coverage", "tokens_a_row")

    def __init__(
        self,
        input_size: int,
        n_tokens: int,
        *,
        source_size: int,
        embedding_size: int,
        decoder: dict[str, Any],
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        copy: bool = False,
        coverage: float = 0.0,
        tokens_a_row: float = 1.0,
    ):
        super().__init__()
        self.n_tokens = self.border = n_tokens
        self.label_smoothing, self.coverage = label_smoothing, coverage
        self.tokens_a_row = tokens_a_row
        self.tokens = nn.Embedding(n_tokens + 1, embedding_size)
        nn.init.normal_(self.tokens.weight, std=embedding_size**-0.5)
        self.bias = nn.Parameter(torch.zeros(n_tokens + 1))
        self.core = Encoder(**decoder, input_size=embedding_size, bidirectional=False, readout=None)
        width = self.core.output_size
        self.summary = RowLinear(input_size, embedding_size)
        self.keys = RowLinear(input_size, width)
        found = width + input_size + source_size
        self.mix = RowLinear(found, embedding_size)
        self.gate = RowLinear(found + embedding_size, 1) if copy else None
        self.of_features = LockedDropout(dropout)
        self.of_tokens = LockedDropout(dropout)
        self.of_scores = LockedDropout(dropout)

    # What training and scoring of given targets ask for.

    def forward(self, features: Tensor, seen: Seen) -> Any:
        """Return `Decoded` where there are targets, else the `Memory` to decode from."""
        cast = self.autocast if self.training else None
        with torch.autocast(features.device.type, cast, enabled=cast is not None):
            memory = self.memory(features, seen)
            return memory if seen.y is None else self.decode(memory, seen.y)

    def memory(self, features: Tensor, seen: Seen) -> Memory:
        """Return what may be looked at of features (B, T, D)."""
        n_steps, lengths, values = features.shape[1], seen.lengths, seen.values
        if lengths is None:
            past = features.new_zeros(features.shape[:2], dtype=torch.bool)
            mean = features.mean(dim=1)
        else:
            past = ~valid_steps(lengths, n_steps).to(features.device, non_blocking=True)
            features, values = (one.masked_fill(past[..., None], 0.0) for one in (features, values))
            mean = features.sum(dim=1) / lengths.to(features.device, features.dtype)[:, None]
        features = self.of_features(features)
        codes = None if self.gate is None else seen.x[..., 1]
        values = torch.cat([features, values], dim=-1)
        return Memory(self.keys(features), values, past, self.summary(mean).tanh(), codes)

    def decode(self, memory: Memory, y: TargetTokens) -> Decoded:
        """Return what is said of targets."""
        before, targets, is_step = self._borders(y)
        at = is_step.flatten().nonzero()[:, 0].to(before.device, non_blocking=True)  # (P,)
        steps = self._run(memory, before)
        # The steps of all targets, one after the other.
        true = targets.flatten().index_select(0, at)
        mixed = steps.mixed.flatten(0, 1).index_select(0, at)  # (P, E)
        attention = steps.attention.flatten(0, 1).index_select(0, at)  # (P, T)
        gate = codes = None
        if steps.gate is not None and memory.codes is not None:
            gate = steps.gate.flatten().index_select(0, at)
            codes = memory.codes.index_select(0, at // before.shape[1])  # (P, T)
        if self.training:
            losses = self._losses(mixed.to(self.bias.dtype), true, attention, gate, codes)
            scored = [losses]
        else:
            scored = self._evaluated(mixed, true, attention, gate, codes)
        if self.coverage:
            again = repeated(steps.attention).flatten().index_select(0, at)
            scored[0] = scored[0] + self.coverage * again
        zeros = scored[0].new_zeros(before.numel())
        of_rows = [zeros.index_copy(0, at, one).view(before.shape).sum(dim=1) for one in scored]
        lengths = (y.lengths + 1).to(before.device, non_blocking=True)
        if self.training:
            return Decoded(of_rows[0] * (len(before) / len(at)), None, None, lengths)
        return Decoded(of_rows[0] / self.tokens_a_row, of_rows[1], of_rows[2], lengths)

    def attention(self, memory: Memory, y: TargetTokens) -> Tensor:
        """Return how much each step of the source counts for each token and border, (B, U, T)."""
        return self._run(memory, self._borders(y)[0]).attention

    def _borders(self, y: TargetTokens) -> tuple[Tensor, Tensor, Tensor]:
        """Return the tokens before each step, (B, U), those that are due, and where one is."""
        border = y.codes.new_full((len(y.codes), 1), self.border)
        before = torch.cat([border, y.codes], dim=1)
        last = y.lengths.to(border.device, non_blocking=True)[:, None]
        targets = torch.cat([y.codes, border], dim=1).scatter(1, last, border)
        return before, targets, valid_steps(y.lengths + 1, before.shape[1])

    def _run(self, memory: Memory, before: Tensor) -> _Steps:
        vectors = self._vectors(before)
        outputs, _ = self.core(self.of_tokens(vectors) + memory.summary[:, None])
        return self._look(outputs, vectors, memory)

    def _vectors(self, tokens: Tensor) -> Tensor:
        """Return the vectors of codes, of the unknown token for those that are copied."""
        return look_up(self.tokens.weight, tokens.masked_fill(tokens > self.border, 0))

    def _look(self, outputs: Tensor, vectors: Tensor, memory: Memory) -> _Steps:
        """Return what becomes of the core's outputs (B, U, H), with attention."""
        with torch.autocast(outputs.device.type, enabled=False):
            # Few operations, and of a new shape in nearly every batch: in bfloat16 it would take
            # longer to prepare kernels for them than to compute.
            # Scaled: scores that grow fast leave all attention at one step, those that grow slowly
            # leave it everywhere for long. On validation parts this was between the two.
            keys = memory.keys.to(outputs.dtype) * outputs.shape[-1] ** -0.25
            values = memory.values
            scores = torch.bmm(outputs, keys.transpose(1, 2))  # (B, U, T)
            attention = scores.masked_fill(memory.past[:, None], -torch.inf).softmax(dim=-1)
            found = torch.bmm(attention, values)  # (B, U, D + F)
        both = torch.cat([outputs, found], dim=-1)
        mixed = self.of_scores(self.mix(both).tanh())
        gate = None
        if self.gate is not None:
            gate = self.gate(torch.cat([both, vectors], dim=-1))[..., 0]
        return _Steps(mixed, attention, gate)

    def _losses(
        self, mixed: Tensor, true: Tensor, attention: Tensor, gate: Any, codes: Any
    ) -> Tensor:
        """Return the loss of each token in training, (P,)."""
        is_known = true <= self.border
        losses = token_losses(
            mixed,
            self.tokens.weight,
            self.bias,
            true.where(is_known, 0),
            label_smoothing=self.label_smoothing if gate is None else 0.0,
            cast=self.autocast,
            alike=gate is None,
        )
        if gate is None:
            return losses
        gate = gate.to(losses.dtype)
        copied = (attention * (codes == true[:, None])).sum(dim=1).clamp(min=LEAST).log()
        chosen = (functional.logsigmoid(gate) - losses).where(is_known, NEVER)
        return -torch.logaddexp(chosen, copied + functional.logsigmoid(-gate))

    def _evaluated(
        self, mixed: Tensor, true: Tensor, attention: Tensor, gate: Any, codes: Any
    ) -> list[Tensor]:
        """Return loss, log-likelihood and whether it is the likeliest of each token, (P,)."""
        found: list[tuple[Tensor, ...]] = []
        size = max(SCORES_AT_ONCE // self.n_tokens, 1)
        for first in range(0, len(mixed), size):
            own = slice(first, first + size)
            logarithms = self.scores(mixed[own]).log_softmax(dim=1)
            mean = logarithms.mean(dim=1)
            if gate is not None:
                logarithms = with_copies(logarithms, gate[own], attention[own], codes[own])
            likelihood = logarithms.gather(1, true[own, None])[:, 0]
            found.append((likelihood, mean, likelihood == logarithms.amax(dim=1)))
        likelihoods, means, hits = (torch.cat(one) for one in zip(*found, strict=True))
        losses = -likelihoods
        if gate is None:
            losses = -torch.lerp(likelihoods, means, self.label_smoothing)
        return [losses, likelihoods, hits.to(losses.dtype)]

    def scores(self, mixed: Tensor) -> Tensor:
        """Return the scores of all tokens and the border, (P, V + 1), in evaluation."""
        if mixed.device.type != "cpu":
            return functional.linear(mixed, self.tokens.weight, self.bias)
        return linear_in_blocks(mixed, self.tokens.weight, self.bias)

    def loss(self, outputs: Decoded, y: TargetTokens) -> Tensor:
        """Return the loss of each row, (B,).

        In training it is divided by the batch's tokens a row, so that the mean of the rows is that
        of the tokens; in evaluation by ``tokens_a_row``, which all batches share.
        """
        return outputs.losses

    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """Share of the tokens and borders that are the likeliest after those before them."""
        right = total = torch.tensor(0.0)
        for one, weight in zip(outputs, weights, strict=True):
            if one.hits is None:
                raise InvalidParameterError(
                    "A callback asks for the score of a translator on outputs that training "
                    "computed, which have none. Let it score the validation part."
                )
            right = right + (weight * one.hits).sum().cpu()
            total = total + (weight * one.lengths).sum().cpu()
        return right / total

    def read(self, outputs: Any) -> Tensor:
        """Raise: answers are looked for, step by step."""
        raise NotImplementedError(
            "A translator's outputs have no predictions in them: its answers are found by search. "
            "Let callbacks ask for the net's score, or call the fitted estimator."
        )

    def targets(self, y: TargetTokens, lengths: Tensor) -> Tensor:
        """Return the codes of all targets, one after the other."""
        return y.codes[valid_steps(y.lengths, y.codes.shape[1]).to(y.codes.device)]

    # What decoding asks for.

    def next_tokens(
        self, tokens: Tensor, state: Any, rows: Tensor, memory: Memory
    ) -> tuple[Tensor, Any, Tensor | None]:
        """Return what the next tokens of R hypotheses are, in evaluation.

        Parameters
        ----------
        tokens : Tensor of shape (R,)
            The last token of each.
        state : tuple or None
            What the last call gave, rows first; None at the border.
        rows : Tensor of shape (R,)
            Which row of the memory each one decodes.
        memory : Memory

        Returns
        -------
        log_probabilities : Tensor of shape (R, V + 1), or (R, V + 1 + T) with copying
        state : tuple
        penalties : Tensor of shape (R,), or None
            What attention has looked at again so far, times ``coverage``, negative.
        """
        of_core, looked, again = (None, None, None) if state is None else state
        numbers = torch.arange(len(memory.past), device=rows.device)
        if not torch.equal(rows, numbers):
            memory = map_rows(lambda part: part.index_select(0, rows), memory)
        vectors = self._vectors(tokens)
        outputs, of_core = self.core.step(vectors + memory.summary, of_core)
        steps = self._look(outputs[:, None], vectors[:, None], memory)
        logarithms = self.scores(steps.mixed[:, 0]).log_softmax(dim=1)
        attention = steps.attention[:, 0]
        if steps.gate is not None and memory.codes is not None:
            logarithms = with_copies(logarithms, steps.gate[:, 0], attention, memory.codes)
        if not self.coverage:
            return logarithms, (of_core, None, None), None
        if looked is None or again is None:
            looked, again = torch.zeros_like(attention), attention.new_zeros(len(attention))
        again = again + torch.minimum(attention, looked).sum(dim=1)
        return logarithms, (of_core, looked + attention, again), -self.coverage * again


def with_copies(logarithms: Tensor, gate: Tensor, attention: Tensor, codes: Tensor) -> Tensor:
    """Return log-probabilities (R, V + 1) with those of copied tokens, (R, V + 1 + T).

    A token is chosen with the probability that ``gate`` (R,) is the logit of, else it is the one
    with code ``codes[i, t]`` in the share ``attention[i, t]`` of the cases, (R, T).
    """
    chosen = (logarithms + functional.logsigmoid(gate)[:, None]).exp()
    probabilities = functional.pad(chosen, (0, codes.shape[1]))
    copied = attention * torch.sigmoid(-gate)[:, None]
    return probabilities.scatter_add(1, codes, copied).clamp(min=LEAST).log()


def repeated(attention: Tensor) -> Tensor:
    """Return how much of each step's attention (B, U, T) had been given before, (B, U).

    Examples
    --------
    >>> repeated(torch.tensor([[[1.0, 0.0], [0.25, 0.75], [0.5, 0.5]]]))
    tensor([[0.0000, 0.2500, 1.0000]])
    """
    before = attention.cumsum(dim=1) - attention
    return torch.minimum(attention, before).sum(dim=-1)
