"""How well texts are foreseen, beside n-grams that are counted, and how fast they are written.

Tinyshakespeare, cut by position: the first 1,003,854 characters to learn from, 55,770 to choose by,
the last 55,770 to test on; the last 10 % as one part are both of these, the usual measure of
others. Words are cut by a pattern, line ends count as one, and those that occur less than three
times are one unknown word for both models. The n-grams are smoothed after Kneser and Ney, modified
and interpolated (`benchmarks.peers.kneser_ney`), of the order that suits the middle part best,
which the settings of the network were chosen on too: "valid" and the last 10 % flatter both. Each
part is read from its beginning, nothing before it. Fits are timed in process CPU seconds, on all
cores.

Texts are written on one thread by a network of one layer with 512 units, characters a second of
process CPU time, medians. Beside it, with the same sizes and weights not trained, are what users
write: a loop that calls ``nn.LSTM`` with one step, and one by hand that has multiplied all tokens
by the input's weights before. "times" is how much faster seqlearn is than that row, and the bar of
that.

At last, whether what a language model has learned from texts helps others, see
`benchmarks.language_features`: taggers of entities that read its states beside their own words, and
classifiers of sentiment.
"""

import re
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.language_features import features
from benchmarks.peers.kneser_ney import KneserNey, choose_order
from benchmarks.table import Row, print_table
from benchmarks.timing import alternate, cpu_seconds
from seqlearn import LSTMLanguageModel
from seqlearn.datasets import fetch_tinyshakespeare

SETTINGS: dict[str, dict[str, Any]] = {  # chosen on the middle part
    "characters": {"max_epochs": 8, "lr": 0.006},
    "words": {"max_epochs": 10, "lr": 0.004, "dropout": 0.5, "embedding_dropout": 0.3},
}
SEED = 0
WORD = re.compile(r"\w+(?:'\w+)?|[^\w\s]|\n")
MIN_FREQUENCY = 3
ORDERS = {"characters": range(4, 10), "words": range(2, 6)}
BARS = {  # the most that is due: nats a token, perplexity
    ("characters", "test"): "1.56 nats",
    ("characters", "last 10 %"): "1.50 nats",
    ("words", "test"): "perplexity 64",
}
CHARACTERS: int | None = None  # a number takes so many of each part, to try the program

SIZES = {"embedding_size": 64, "hidden_size": 512}
BATCHES = {1: {"nn.LSTM, one step a call": 5.0, "by hand": 0.9}, 64: {"by hand": 0.8}}  # bars
STEPS, REPEATS = 400, 7


def run() -> dict[str, list[Row]]:
    """Measure each subject and print a table of it."""
    results = {}
    for title, measure in {
        "language: tinyshakespeare": accuracy,
        "language: characters written": writing,
        "language: features for others": features,
    }.items():
        results[title] = measure()
        print_table(title, results[title])
    return results


# How well.


def accuracy() -> list[Row]:
    """Nats a token of the network and of n-grams, on characters and on words."""
    rows = []
    for unit in ("characters", "words"):
        train, valid, test = _parts(unit)
        parts = {"valid": valid, "test": test, "last 10 %": valid + test}
        options: dict[str, Any] = {"random_state": SEED, **SETTINGS[unit]}
        if unit == "words":
            options["min_frequency"] = MIN_FREQUENCY
        model = LSTMLanguageModel(**options)
        fit = cpu_seconds(lambda model=model, train=train: model.fit([train]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # unknown words, see the docstring
            found = {name: -model.score([part]) for name, part in parts.items()}
        rows += _rows(unit, "LSTMLanguageModel", found, fit, BARS)

        codes = _codes(train, 1 if unit == "characters" else MIN_FREQUENCY)
        n_codes = len(codes) + 1
        counted = {name: _encode(codes, part) for name, part in {"train": train, **parts}.items()}
        begin = time.process_time()
        ngrams = choose_order([counted["train"]], [counted["valid"]], n_codes, ORDERS[unit])
        fit = time.process_time() - begin
        found = {name: -ngrams.log_probabilities(counted[name]).mean() for name in parts}
        rows += _rows(unit, f"Kneser-Ney, order {ngrams.order}", found, fit, {})
        _require_same_vocabulary(model, ngrams)
    return rows


def _parts(unit: str) -> list[Any]:
    """Return training, validation and test text: a string, or a list of words."""
    texts = [fetch_tinyshakespeare(part=part)[:CHARACTERS] for part in ("train", "valid", "test")]
    return texts if unit == "characters" else [WORD.findall(text) for text in texts]


def _codes(tokens: Any, min_frequency: int) -> dict[str, int]:
    """Number the tokens that are frequent enough; 0 is for the others."""
    counts = Counter(tokens)
    known = sorted(token for token, count in counts.items() if count >= min_frequency)
    return {token: code for code, token in enumerate(known, start=1)}


def _encode(codes: dict[str, int], tokens: Any) -> np.ndarray:
    return np.array([codes.get(token, 0) for token in tokens])


def _require_same_vocabulary(model: LSTMLanguageModel, ngrams: KneserNey) -> None:
    """Perplexities compare if the same words are unknown; "<unk>" is in both."""
    if len(model.vocabulary_) != ngrams.n_codes:
        raise RuntimeError(f"{len(model.vocabulary_)} tokens against {ngrams.n_codes} codes.")


def _rows(unit: str, by: str, nats: dict[str, float], fit: float, bars: dict) -> list[Row]:
    return [
        {
            "tokens": unit,
            "by": by,
            "part": part,
            "nats a token": round(value, 4),
            "perplexity": round(float(np.exp(value)), 3),
            "at most": bars.get((unit, part), ""),
            "fit CPU s": fit,
        }
        for part, value in nats.items()
    ]


# How fast.


def writing() -> list[Row]:
    """Characters a second, of one text and of many at once, with one thread."""
    torch.set_num_threads(1)
    text = fetch_tinyshakespeare(part="train")[:20_000]
    model = LSTMLanguageModel(**SIZES, max_epochs=1, random_state=SEED).fit([text])
    rows = []
    for batch, bars in BATCHES.items():
        contenders: dict[str, Callable[[], object]] = {
            "LSTMLanguageModel": lambda batch=batch: model.sample(
                batch, prefix="\n", max_new_tokens=STEPS, random_state=SEED
            ),
            "nn.LSTM, one step a call": OneStepCalls(len(model.vocabulary_), batch),
            "by hand": ByHand(len(model.vocabulary_), batch),
        }
        timings = alternate(
            {name: lambda work=work: cpu_seconds(work) for name, work in contenders.items()},
            REPEATS,
        )
        ours = timings["LSTMLanguageModel"].median
        for name, timing in timings.items():
            rows.append(
                {
                    "texts at once": batch,
                    "by": name,
                    "characters/s": round(batch * STEPS / timing.median),
                    "spread": timing.spread,
                    "times": timing.median / ours,
                    "bar": bars.get(name, ""),
                }
            )
    return rows


class OneStepCalls(nn.Module):
    """Writes by calling ``nn.LSTM`` with one step: embedding, LSTM, a narrow layer, scores.

    Parameters
    ----------
    n_tokens, batch : int
        Size of the vocabulary, and texts at once.
    """

    def __init__(self, n_tokens: int, batch: int):
        super().__init__()
        embedding_size, hidden_size = SIZES["embedding_size"], SIZES["hidden_size"]
        self.embedding = nn.Embedding(n_tokens, embedding_size)
        self.lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.narrow = nn.Linear(hidden_size, embedding_size)
        self.scores = nn.Linear(embedding_size, n_tokens)
        self.batch = batch

    @torch.inference_mode()
    def forward(self) -> list[list[int]]:
        """Write `STEPS` tokens for each text."""
        generator = torch.Generator().manual_seed(SEED)
        codes = torch.zeros(self.batch, dtype=torch.int64)
        state, written = self.begin(), []
        for _ in range(STEPS):
            features, state = self.step(codes, state)
            shares = self.scores(self.narrow(features)).softmax(dim=1)
            codes = torch.multinomial(shares, 1, generator=generator)[:, 0]
            written.append(codes)
        return torch.stack(written, dim=1).tolist()

    def begin(self) -> Any:
        """Return the state before the first token."""
        zeros = torch.zeros(1, self.batch, self.lstm.hidden_size)
        return zeros, zeros

    def step(self, codes: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """Return features (B, H) after one more token of each text, and the state."""
        features, state = self.lstm(self.embedding(codes)[:, None], state)
        return features[:, 0], state


class ByHand(OneStepCalls):
    """The same network, its equations by hand, all tokens multiplied by the input's weights."""

    def begin(self) -> Any:
        """Multiply the tokens, and return the state before the first one."""
        lstm = self.lstm
        biases = lstm.bias_ih_l0 + lstm.bias_hh_l0
        self.table = torch.addmm(biases, self.embedding.weight, lstm.weight_ih_l0.T)
        self.recurrent = lstm.weight_hh_l0.T
        zeros = torch.zeros(self.batch, lstm.hidden_size)
        return zeros, zeros

    def step(self, codes: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """Return features (B, H) after one more token of each text, and the state."""
        h, c = state
        gates = torch.addmm(self.table[codes], h, self.recurrent)
        entry, forget, cell, output = gates.chunk(4, dim=1)
        c = forget.sigmoid() * c + entry.sigmoid() * cell.tanh()
        h = output.sigmoid() * c.tanh()
        return h, (h, c)
