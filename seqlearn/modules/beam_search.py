"""Beam search: the symbol strings that a model finds likeliest, built up step by step.

Here lives `beam_search`. It knows no network: it calls a function that takes the last symbols and a
state and gives log-probabilities of the next ones. A translator, a language model and a transcriber
hand in theirs. Hypotheses of all rows stand in one batch, and leave it as soon as they end.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqlearn.errors import InvalidParameterError
from seqlearn.modules.row_blocks import fill_rows
from seqlearn.states import State, select_rows

__all__ = ["Hypothesis", "beam_search"]

# (tokens, state, rows) -> (log-probabilities, state) or (log-probabilities, state, penalties)
Step = Callable[[Tensor, Any, Tensor], tuple]


class Hypothesis(NamedTuple):
    """One string that was found, without the symbols that begin and end it."""

    tokens: tuple[int, ...]
    log_probability: float  # of the tokens and the end symbol, in nats
    score: float  # by which hypotheses are ranked
    finished: bool  # False if it had max_steps symbols and would have gone on


class Open(NamedTuple):
    """The hypotheses that may grow, those of a row behind one another, likelier ones first."""

    rows: Tensor  # (M,)
    tokens: Tensor  # (M, t), without the first symbol
    log_probabilities: Tensor  # (M,), float64
    greedy: Tensor  # (M,), whether it is the row's greedy one


class Choice(NamedTuple):
    """What a step decides about M hypotheses."""

    ends: Tensor  # (M,), whether it ends here
    finished: Tensor  # (M,), whether, if so, it does by itself
    parents: Tensor  # (M',), numbers of those that go on, as often as they branch
    tokens: Tensor  # (M',), with what
    log_probabilities: Tensor  # (M',)
    greedy: Tensor  # (M',)


@torch.no_grad()
def beam_search(
    step: Step,
    state: State | None,
    n_rows: int,
    *,
    first: int | Tensor,
    end: int,
    max_steps: int | Tensor,
    num_beams: int = 1,
    n_best: int = 1,
    length_penalty: float = 0.6,
    no_repeat_ngram_size: int = 0,
    forbidden: Sequence[int] = (),
    block: int = 1,
) -> list[list[Hypothesis]]:
    """Find the best strings of symbols for each row.

    A hypothesis is scored by log p / ((5 + length) / 6) ** length_penalty (Wu et al., 2016,
    "Google's neural machine translation system", equation 14), where length counts the end symbol.
    At each step a row's open hypotheses and their continuations are ranked by log-probability: the
    ``num_beams`` best that do not end go on, and those that end have ended if they are among the
    ``num_beams`` best of all. A hypothesis with ``max_steps`` symbols is given its end symbol, with
    the model's log-probability of it, so that all scores compare. A row stops when its ``n_best``
    best ended hypotheses cannot be beaten by any open one, however long that may still get.

    The hypothesis that always takes the likeliest symbol is never dropped, so that more beams never
    score less than greedy search; ``num_beams=1`` is greedy search. The first n strings are the
    same for every ``n_best`` of at least n. An answer does not depend on the other rows if those of
    ``step`` do not.

    Parameters
    ----------
    step : callable
        ``step(tokens, state, rows) -> (log_probabilities, state)`` for M hypotheses: their last
        symbols (M,), int64; the state that it returned, rows selected; the number of the row
        that each one belongs to (M,), int64, on the same device. It returns a float tensor of shape
        (M, V), none above 0, which is written into. A third value (M,), none above 0, is
        added to the score of hypotheses that end at this step: a coverage penalty, say.
    state : tuple, Tensor or None
        Before the first step: nested tuples of tensors with ``n_rows`` rows first.
    n_rows : int
        Number of rows, N.
    first : int or Tensor of shape (N,)
        The symbol before the first one; a tensor says on which device the search runs too.
    end : int
        The symbol that ends a string.
    max_steps : int or Tensor of shape (N,)
        Most symbols of a string, of each row; the end symbol is not counted.
    num_beams : int, default=1
        Hypotheses of a row that are kept at a step.
    n_best : int, default=1
        Strings that are returned of a row, ``num_beams`` at most.
    length_penalty : float, default=0.6
        The exponent above: 0 ranks by log-probability, more prefers longer strings.
    no_repeat_ngram_size : int, default=0
        No n symbols in a row occur twice in one string; 0 lets them. A hypothesis that could only
        go on with such a symbol ends.
    forbidden : sequence of int
        Symbols that are never put out: unknown, padding, the first one.
    block : int, default=1
        ``step`` is given a multiple of so many hypotheses; what fills up is thrown away.

    Returns
    -------
    list of N lists of Hypothesis
        Best scores first, of equal ones the tokens that sort first. At least one and at most
        ``n_best`` of each row: fewer, if not as many were found.

    Raises
    ------
    InvalidParameterError
        A number is out of its range, or ``end`` is forbidden.

    Examples
    --------
    A table of what follows what: 0 begins, 1 ends. The likeliest first symbol leads astray.

    >>> table = torch.tensor([[0, 0, 0.6, 0.4], [0, 1, 0, 0], [0, 0.4, 0.3, 0.3], [0, 1, 0, 0]])
    >>> def step(tokens, state, rows):
    ...     return table[tokens].log(), state
    >>> search = dict(first=0, end=1, max_steps=5, length_penalty=0.0)
    >>> [[greedy]] = beam_search(step, None, 1, **search)
    >>> greedy.tokens, round(greedy.log_probability, 3)
    ((2,), -1.427)
    >>> [hypotheses] = beam_search(step, None, 1, num_beams=2, n_best=2, **search)
    >>> [(one.tokens, round(one.log_probability, 3)) for one in hypotheses]
    [((3,), -0.916), ((2,), -1.427)]
    """
    _check(n_rows, end, max_steps, num_beams, n_best, no_repeat_ngram_size, forbidden, block)
    if n_rows == 0:
        return []
    device = first.device if isinstance(first, Tensor) else None
    rows = torch.arange(n_rows, device=device)
    last = torch.as_tensor(first, device=device).expand(n_rows)
    limits = torch.as_tensor(max_steps, device=rows.device).expand(n_rows)
    totals = torch.zeros(n_rows, dtype=torch.float64, device=rows.device)
    open_ones = Open(rows, rows.new_empty(n_rows, 0), totals, rows >= 0)
    best_scores = totals.new_full((n_rows, n_best), -torch.inf)  # of those that ended
    found: list[tuple[list, ...]] = []
    if state is not None and n_rows % block:
        state = select_rows(state, fill_rows(rows, block))
    while len(rows := open_ones.rows):
        n_open, n_steps = open_ones.tokens.shape
        log_probabilities, state, *penalties = step(
            fill_rows(last, block), state, fill_rows(rows, block)
        )
        log_probabilities = log_probabilities[:n_open]
        ends_with = open_ones.log_probabilities + log_probabilities[:, end]
        scores = ends_with / _divisor(n_steps + 1, length_penalty)
        if penalties:
            scores = scores + penalties[0][:n_open]
        _forbid(log_probabilities, forbidden, open_ones.tokens, no_repeat_ngram_size)
        at_limit = limits[rows] == n_steps
        choose = _choose_likeliest if num_beams == 1 else _choose_beams
        choice = choose(open_ones, log_probabilities, end, at_limit, num_beams)
        ended = choice.ends.nonzero()[:, 0]
        if len(ended):
            best_scores = _with_scores(best_scores, rows[ended], scores[ended])
            ended = ended[scores[ended] >= best_scores[rows[ended], -1]]
            parts = (rows, open_ones.tokens, ends_with, scores, choice.finished)
            found.append(tuple(part[ended].tolist() for part in parts))
        if num_beams > 1:
            choice = _keep_rows(choice, rows, limits, n_steps, length_penalty, best_scores)
        last, parents = choice.tokens, choice.parents
        state = _select(state, parents, n_open, block)
        tokens = torch.cat([open_ones.tokens[parents], last[:, None]], dim=1)
        open_ones = Open(rows[parents], tokens, choice.log_probabilities, choice.greedy)
    return _ranked(found, n_rows, n_best)


def _choose_likeliest(
    open_ones: Open, log_probabilities: Tensor, end: int, at_limit: Tensor, num_beams: int
) -> Choice:
    """Let each hypothesis go on with its likeliest symbol, of equal ones the first."""
    values, codes = log_probabilities.max(dim=1)
    finished = (codes == end) | values.isneginf()
    ends = finished | at_limit
    parents = (~ends).nonzero()[:, 0]
    totals = open_ones.log_probabilities + values
    return Choice(
        ends, finished, parents, codes[parents], totals[parents], open_ones.greedy[parents]
    )


def _choose_beams(
    open_ones: Open, log_probabilities: Tensor, end: int, at_limit: Tensor, num_beams: int
) -> Choice:
    """Rank the continuations of a row among each other; see `beam_search` for the rule.

    They stand in a grid: each row has ``num_beams + 1`` places for hypotheses, as the greedy one
    may be one more, and a hypothesis has its ``n_codes`` likeliest continuations and, behind them,
    its end. If a row has none that could go on, all of them end.
    """
    rows, _, totals, greedy = open_ones
    end_values = log_probabilities[:, end].clone()
    log_probabilities[:, end] = -torch.inf
    values, codes = _largest(log_probabilities, min(num_beams, log_probabilities.shape[1]))
    n_codes, n_places = values.shape[1], num_beams + 1
    prefers_end = (end_values > values[:, 0]) | ((end_values == values[:, 0]) & (end < codes[:, 0]))
    prefers_end |= values[:, 0].isneginf()
    continued = totals[:, None] + values
    continued[at_limit] = -torch.inf

    of_row, places = _number_in_rows(rows)
    places += of_row * n_places  # (M,)
    n_rows = int(of_row[-1]) + 1
    grid = totals.new_full((n_rows * n_places, n_codes + 1), -torch.inf)
    grid[places] = torch.cat([continued, (totals + end_values)[:, None]], dim=1)
    ranked, order = grid.view(n_rows, -1).sort(dim=1, descending=True, stable=True)
    owners = rows.new_zeros(n_rows * n_places)
    owners[places] = torch.arange(len(rows), device=rows.device)
    owners = owners.view(n_rows, n_places).gather(1, order // (n_codes + 1))  # hypotheses, ranked
    columns = order % (n_codes + 1)
    is_end = columns == n_codes

    goes_on = ~is_end & ((~is_end).cumsum(1) <= num_beams) & ~ranked.isneginf()
    greedy_goes_on = greedy & ~prefers_end & ~at_limit
    is_greedy = greedy_goes_on[owners] & (columns == 0) & ~ranked.isneginf()
    goes_on |= is_greedy
    ends = at_limit | (greedy & prefers_end) | ~goes_on.any(dim=1)[of_row]
    ends_here = is_end[:, :num_beams] & ~ranked[:, :num_beams].isneginf()
    ends[owners[:, :num_beams][ends_here]] = True
    parents = owners[goes_on]
    return Choice(
        ends,
        prefers_end | ~at_limit,
        parents,
        codes[parents, columns[goes_on]],
        ranked[goes_on],
        is_greedy[goes_on],
    )


def _keep_rows(
    choice: Choice,
    rows: Tensor,
    limits: Tensor,
    n_steps: int,
    length_penalty: float,
    best_scores: Tensor,
) -> Choice:
    """Drop the rows whose best ended hypotheses no open one can beat, at any length it may have."""
    of = rows[choice.parents]
    lengths = limits[of] + 1 if length_penalty > 0 else n_steps + 2
    bounds = choice.log_probabilities / _divisor(lengths, length_penalty)
    alive = rows.new_zeros(len(limits), dtype=torch.bool)
    alive[of[bounds >= best_scores[of, -1]]] = True
    kept = alive[of]
    return Choice(choice.ends, choice.finished, *(part[kept] for part in choice[2:]))


def _largest(values: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the n largest values of each row and where they stand, of equal ones the first."""
    n_more = min(n + 1, values.shape[1])
    top, codes = values.topk(n_more, dim=1)
    codes, by_code = codes[:, :n].sort(dim=1)
    top_n, by_value = top[:, :n].gather(1, by_code).sort(dim=1, descending=True, stable=True)
    codes = codes.gather(1, by_value)
    if n_more > n:  # torch does not say which of equal values topk takes
        tied = (top[:, n] == top[:, n - 1]) & ~top[:, n].isneginf()
        if tied.any():
            _, ranked = values[tied].sort(dim=1, descending=True, stable=True)
            codes[tied] = ranked[:, :n]
    return top_n, codes


def _number_in_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Number the rows that occur, in order, and the hypotheses in each; both (M,)."""
    _, of_row, counts = rows.unique_consecutive(return_inverse=True, return_counts=True)
    begins = counts.cumsum(0) - counts
    return of_row, torch.arange(len(rows), device=rows.device) - begins[of_row]


def _with_scores(best_scores: Tensor, rows: Tensor, scores: Tensor) -> Tensor:
    """Put the scores of hypotheses that ended among their rows' best ones."""
    _, places = _number_in_rows(rows)
    new = best_scores.new_full((len(best_scores), int(places.max()) + 1), -torch.inf)
    new[rows, places] = scores
    return torch.cat([best_scores, new], dim=1).topk(best_scores.shape[1], dim=1)[0]


def _forbid(
    log_probabilities: Tensor, forbidden: Sequence[int], tokens: Tensor, ngram_size: int
) -> None:
    """Write -inf where a symbol is forbidden or would end an n-gram that has occurred."""
    if len(forbidden):
        log_probabilities[:, list(forbidden)] = -torch.inf
    n_steps = tokens.shape[1]
    if 0 < ngram_size <= n_steps:
        windows = tokens.unfold(1, ngram_size, 1)  # (M, t - n + 1, n)
        last = tokens[:, n_steps - ngram_size + 1 :]  # (M, n - 1)
        hypotheses, places = (windows[:, :, :-1] == last[:, None]).all(dim=2).nonzero(as_tuple=True)
        log_probabilities[hypotheses, windows[hypotheses, places, -1]] = -torch.inf


def _divisor(length: Any, length_penalty: float) -> Any:
    return ((5 + length) / 6) ** length_penalty


def _select(state: State | None, index: Tensor, n_open: int, block: int) -> State | None:
    """Select rows of a state, filled up; nothing is copied if all go on as they are."""
    numbers = torch.arange(n_open, device=index.device)
    if state is None or not len(index) or torch.equal(index, numbers):
        return state
    return select_rows(state, fill_rows(index, block))


def _ranked(found: list[tuple[list, ...]], n_rows: int, n_best: int) -> list[list[Hypothesis]]:
    """Sort what ended in all steps into rows, best first."""
    of_rows: list[list[Hypothesis]] = [[] for _ in range(n_rows)]
    for step in found:
        for row, tokens, *rest in zip(*step, strict=True):
            of_rows[row].append(Hypothesis(tuple(tokens), *rest))
    return [sorted(row, key=lambda one: (-one.score, one.tokens))[:n_best] for row in of_rows]


def _check(
    n_rows: int,
    end: int,
    max_steps: int | Tensor,
    num_beams: int,
    n_best: int,
    ngram_size: int,
    forbidden: Sequence[int],
    block: int,
) -> None:
    """Refuse numbers that are out of their range."""
    least = int(torch.as_tensor(max_steps).min()) if n_rows else 0
    for name, value, low, high in (
        ("max_steps", least, 0, None),
        ("num_beams", num_beams, 1, None),
        ("n_best", n_best, 1, num_beams),
        ("no_repeat_ngram_size", ngram_size, 0, None),
        ("block", block, 1, None),
    ):
        if value < low or (high is not None and value > high):
            upper = "" if high is None else f" and at most {high}, num_beams"
            raise InvalidParameterError(
                f"{name}={value} was given; pass an integer of at least {low}{upper}."
            )
    if end in forbidden:
        raise InvalidParameterError(
            f"The symbol {end} ends a string and is forbidden too, so that none could end. "
            "Take it out of forbidden."
        )
