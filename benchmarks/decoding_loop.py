"""Greedy decoding as it is written by hand in torch: a yardstick for `LSTMTranslator`'s speed.

The network is the translator's: a bidirectional LSTM, a decoder as wide as one direction of it that
looks at the source (Luong et al., 2015, "general"), at its features and its vectors, and scores
tokens by the vectors that it reads them with. Its weights are drawn, so it is told how long each
answer is. Batches hold sentences of like lengths and run until the longest answer is done. Caller:
`benchmarks.translation`.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

__all__ = ["DecodingLoop"]

BATCH = 100


class DecodingLoop(nn.Module):
    """A translator by hand.

    Parameters
    ----------
    n_sources, n_targets : int
        Tokens of either vocabulary.
    embedding_size, hidden_size : int
        Values of a token's vector, and width of the encoder in one direction.
    """

    def __init__(self, n_sources: int, n_targets: int, embedding_size: int, hidden_size: int):
        super().__init__()
        width = 2 * hidden_size  # of the source's features
        self.sources = nn.Embedding(n_sources, embedding_size)
        self.encoder = nn.LSTM(embedding_size, hidden_size, batch_first=True, bidirectional=True)
        self.targets = nn.Embedding(n_targets, embedding_size)
        self.summary = nn.Linear(width, embedding_size)
        self.decoder = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.keys = nn.Linear(width, hidden_size)
        self.mix = nn.Linear(hidden_size + width + embedding_size, embedding_size)
        self.bias = nn.Parameter(torch.zeros(n_targets))

    @torch.inference_mode()
    def forward(self, sources: list[Tensor], n_steps: list[int]) -> list[list[int]]:
        """Decode as many tokens for each source, codes (T,), as it is told."""
        order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
        answers: list[list[int]] = [[] for _ in sources]
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            codes = self.decode([sources[i] for i in rows], max(n_steps[i] for i in rows)).tolist()
            for row, answer in zip(rows, codes, strict=True):
                answers[row] = answer[: n_steps[row]]
        return answers

    def decode(self, sources: list[Tensor], n_steps: int) -> Tensor:
        """Return the likeliest tokens of a batch, (B, n_steps)."""
        lengths = torch.tensor([len(one) for one in sources])
        x = self.sources(nn.utils.rnn.pad_sequence(sources, batch_first=True))
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        values, _ = pad_packed_sequence(self.encoder(packed)[0], batch_first=True)  # (B, T, 2 H)
        past = torch.arange(values.shape[1]) >= lengths[:, None]
        keys = self.keys(values) * self.decoder.hidden_size**-0.25
        summary = self.summary(values.sum(dim=1) / lengths[:, None]).tanh()
        codes = torch.zeros(len(sources), dtype=torch.int64)
        values, state, written = torch.cat([values, x], dim=-1), None, []
        for _ in range(n_steps):
            query, state = self.decoder((self.targets(codes) + summary)[:, None], state)
            scores = (query @ keys.transpose(1, 2)).masked_fill(past[:, None], -torch.inf)
            seen = scores.softmax(dim=-1) @ values
            mixed = self.mix(torch.cat([query, seen], dim=-1)).tanh()[:, 0]
            codes = torch.addmm(self.bias, mixed, self.targets.weight.T).argmax(dim=1)
            written.append(codes)
        return torch.stack(written, dim=1)
