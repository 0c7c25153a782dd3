"""A BiLSTM-CRF as it is commonly written in torch: what training speed is compared with.

It is the network of `seqlearn.BiLSTMTagger` at the same sizes: vectors of words and a
bidirectional LSTM over their letters, dropout, a bidirectional LSTM over the words, a linear layer,
a CRF. It is written straight down: sequences are packed, each word that occurs in a batch is
spelled at each of its places, and the partition function of the CRF is a loop of logsumexp over
steps, differentiated by autograd. The tagging benchmark is the caller.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

UNKNOWN = 0


class TorchTagger(nn.Module):
    """Words and their letters to the scores of labels, and the likelihood of label sequences."""

    def __init__(
        self,
        n_words: int,
        n_letters: int,
        n_labels: int,
        *,
        hidden_size: int,
        num_layers: int,
        word_size: int,
        letter_size: int,
        spelling_size: int,
        dropout: float,
        unknown_share: float,
    ):
        super().__init__()
        self.words = nn.Embedding(n_words, word_size)
        self.characters = nn.Embedding(n_letters, letter_size)
        self.spelling = nn.LSTM(letter_size, spelling_size, batch_first=True, bidirectional=True)
        self.lstm = nn.LSTM(
            word_size + 2 * spelling_size,
            hidden_size,
            num_layers=num_layers,
            batch_first=True,
            bidirectional=True,
            dropout=dropout if num_layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(dropout)
        self.unknown_share = unknown_share
        self.head = nn.Linear(2 * hidden_size, n_labels)
        self.crf = PlainCRF(n_labels)

    def scores(
        self, words: Tensor, lengths: Tensor, mask: Tensor, letters: Tensor, sizes: Tensor
    ) -> Tensor:
        """Scores (B, T, C) of padded words (B, T).

        ``letters`` (S, L) and ``sizes`` (S,) are those of the words that are not padding.
        """
        packed = pack_padded_sequence(
            self.characters(letters), sizes, batch_first=True, enforce_sorted=False
        )
        _, (last, _) = self.spelling(packed)  # (2, S, K)
        spelled = last.new_zeros(*words.shape, 2 * last.shape[2])
        spelled[mask] = torch.cat([last[0], last[1]], dim=1)
        if self.training:
            dropped = torch.rand(words.shape) < self.unknown_share
            words = words.masked_fill(dropped, UNKNOWN)
        vectors = self.dropout(torch.cat([self.words(words), spelled], dim=2))
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        outputs, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.head(self.dropout(outputs))


class PlainCRF(nn.Module):
    """Linear-chain CRF: one logsumexp over (B, C, C) a step."""

    def __init__(self, n_labels: int):
        super().__init__()
        self.starts = nn.Parameter(torch.zeros(n_labels))
        self.transitions = nn.Parameter(torch.zeros(n_labels, n_labels))  # [from, to]
        self.ends = nn.Parameter(torch.zeros(n_labels))

    def loss(self, scores: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """Negative log-likelihood of each row, (B,)."""
        return self.log_partition(scores, mask) - self.path_score(scores, labels, mask)

    def log_partition(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Log of the summed weight of all label sequences, (B,): the forward algorithm."""
        alpha = self.starts + scores[:, 0]  # (B, C)
        for t in range(1, scores.shape[1]):
            joint = alpha[:, :, None] + self.transitions + scores[:, t, None, :]  # (B, C, C)
            alpha = torch.where(mask[:, t, None], torch.logsumexp(joint, dim=1), alpha)
        return torch.logsumexp(alpha + self.ends, dim=1)

    def path_score(self, scores: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """Score of the given label sequences, (B,)."""
        steps = scores.gather(2, labels[..., None])[..., 0] * mask
        pairs = self.transitions[labels[:, :-1], labels[:, 1:]] * mask[:, 1:]
        last = labels.gather(1, mask.sum(dim=1, keepdim=True) - 1)[:, 0]
        return self.starts[labels[:, 0]] + steps.sum(dim=1) + pairs.sum(dim=1) + self.ends[last]


def training(
    sentences: list[list[str]],
    labels: list[list[str]],
    *,
    batch_size: int,
    lr: float,
    gradient_clip: float,
    **sizes: float,
) -> tuple[TorchTagger, Callable[[], float]]:
    """Prepare data and network once; return the network and what trains an epoch.

    The latter returns the mean loss of a step.
    """
    words, letters, tags = _numbers(sentences), _numbers(sentences, letters=True), _numbers(labels)
    n_steps = sum(map(len, sentences))
    code_rows = [torch.tensor([words[w] for w in row]) for row in sentences]
    label_rows = [torch.tensor([tags[t] - 1 for t in row]) for row in labels]
    letter_rows = [[torch.tensor([letters[c] for c in w]) for w in row] for row in sentences]
    lengths = torch.tensor([len(row) for row in sentences])
    model = TorchTagger(len(words) + 1, len(letters) + 1, len(tags), **sizes)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)

    def epoch() -> float:
        model.train()
        total = 0.0
        for rows in torch.randperm(len(sentences)).split(batch_size):
            rows = rows.tolist()
            padded = pad_sequence([code_rows[i] for i in rows], batch_first=True)
            target = pad_sequence([label_rows[i] for i in rows], batch_first=True)
            mask = torch.arange(padded.shape[1]) < lengths[rows][:, None]
            spelled = [word for i in rows for word in letter_rows[i]]
            optimizer.zero_grad()
            sizes = torch.tensor([len(word) for word in spelled])
            spelled = pad_sequence(spelled, batch_first=True)
            scores = model.scores(padded, lengths[rows], mask, spelled, sizes)
            losses = model.crf.loss(scores, target, mask)
            (losses.sum() / mask.sum()).backward()
            clip_grad_norm_(model.parameters(), gradient_clip)
            optimizer.step()
            total += float(losses.detach().sum())
        return total / n_steps

    return model, epoch


def _numbers(rows: list[list[str]], letters: bool = False) -> dict[str, int]:
    """Number what occurs, from 1 on."""
    found = {item for row in rows for word in row for item in (word if letters else [word])}
    return {item: i for i, item in enumerate(sorted(found), start=1)}
