"""The head of a transcriber: symbols in order, without saying at which steps they stand.

Connectionist temporal classification (Graves et al. 2006): each step says one of C symbols or a
blank, which is column 0; runs of one symbol count once, then blanks fall out. The probability of a
string of symbols is the sum over all ways to say it. What is made of the outputs in prediction
stands in `seqlearn.modules.ctc_paths` and `seqlearn.modules.prefix_beam`.

Shape letters besides the usual: U symbols of a target; T counts the steps of the core.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from seqlearn.backend import Dropout, valid_steps
from seqlearn.metrics.edit_distance import edit_distance
from seqlearn.modules.ctc_paths import likeliest
from seqlearn.modules.heads.head import Head, Seen
from seqlearn.modules.heads.labels import StepScores
from seqlearn.modules.row_blocks import RowLinear

__all__ = ["CTCHead", "SymbolStrings"]


class SymbolStrings(NamedTuple):
    """The targets of a padded batch."""

    codes: Tensor  # (B, U), int64, from 1 on; anything past a row's length
    lengths: Tensor  # (B,), on the CPU; may be 0


class CTCHead(Head):
    """A string of symbols for each row: dropout, a linear map, and the sum over all alignments.

    Parameters
    ----------
    input_size : int
        Width of the features of a step, D.
    n_symbols : int
        Symbols, C; outputs have a column more, the first, for the blank.
    dropout : float, default=0.0
        Share of the features dropped in training.
    symbols_a_row : float, default=1.0
        Divides the loss of a row: the mean number of symbols, so that the loss is one of a symbol.
        It is the same for all rows: short and long targets weigh as much as they have symbols.

    References
    ----------
    Graves, A., Fernandez, S., Gomez, F. and Schmidhuber, J. (2006). Connectionist temporal
    classification: labelling unsegmented sequence data with recurrent neural networks. ICML.
    """

    reads_steps = True
    scorers = ("accuracy",)
    loss_parameters = ("symbols_a_row",)

    def __init__(
        self, input_size: int, n_symbols: int, *, dropout: float = 0.0, symbols_a_row: float = 1.0
    ):
        super().__init__()
        self.dropout = Dropout(dropout)
        self.linear = RowLinear(input_size, n_symbols + 1)
        self.symbols_a_row = symbols_a_row

    def forward(self, features: Tensor, seen: Seen) -> StepScores:
        """Return the scores of blank and symbols at each step."""
        return StepScores(self.linear(self.dropout(features)), seen.lengths)

    def step(self, features: Tensor, network: Any) -> Tensor:
        """Return the scores at the newest step, (B, C + 1)."""
        return self.linear(self.dropout(features))

    def loss(self, outputs: StepScores, y: SymbolStrings) -> Tensor:
        """Return minus the log-likelihood of each row, (B,), over ``symbols_a_row``.

        It is infinite for a row that has fewer steps than its target needs.
        """
        log_probabilities = outputs.scores.log_softmax(-1).transpose(0, 1)  # (T, B, C + 1)
        losses = functional.ctc_loss(
            log_probabilities, y.codes, outputs.known_lengths, y.lengths, reduction="none"
        )
        return losses / self.symbols_a_row

    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """One minus the error rate of the likeliest paths: edits over symbols."""
        edits = total = 0.0
        for one, due, weight in zip(outputs, y, weights, strict=True):
            found, counts = likeliest(self.predict(one).cpu().numpy(), one.known_lengths.numpy())
            ends, places = counts.cumsum(), due.lengths.tolist()
            codes, of_rows = due.codes.tolist(), weight.tolist()
            for i, (end, count) in enumerate(zip(ends, counts, strict=True)):
                true = codes[i][: places[i]]
                edits += of_rows[i] * edit_distance(true, found[end - count : end].tolist())
                total += of_rows[i] * len(true)
        return torch.tensor(1 - edits / total if total else float(edits == 0))

    def read(self, outputs: StepScores) -> Tensor:
        """Return the log-probabilities of blank and symbols at each step, (B, T, C + 1)."""
        return outputs.scores.log_softmax(-1)

    def predict(self, outputs: StepScores) -> Tensor:
        """Return the likeliest of blank and symbols at each step of the rows, (S,)."""
        is_step = valid_steps(outputs.known_lengths, outputs.scores.shape[1])
        return outputs.scores.argmax(-1)[is_step.to(outputs.scores.device)]

    def targets(self, y: SymbolStrings, lengths: Tensor) -> Tensor:
        """Return the codes of all targets, one after the other."""
        return y.codes[valid_steps(y.lengths, y.codes.shape[1]).to(y.codes.device)]
