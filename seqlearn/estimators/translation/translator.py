"""LSTMTranslator: text in, text out."""

from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
import torch

from seqlearn.data.input_record import InputRecord
from seqlearn.data.messages import name_rows, show
from seqlearn.data.pairs import HideTokens, PairDataset
from seqlearn.data.sequences import Sequences
from seqlearn.data.targets import read_weights
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.base import SequenceEstimator, TrainingData
from seqlearn.estimators.parameter_checks import (
    boolean,
    check_parameters,
    integer,
    number,
)
from seqlearn.estimators.translation.decoding import (
    Search,
    attention_of,
    log_likelihoods,
    search,
)
from seqlearn.estimators.translation.pairs import Pairs, Texts
from seqlearn.inputs.station import Input
from seqlearn.inputs.tokens import TokenEmbedding
from seqlearn.metrics.chrf import chrf_score
from seqlearn.metrics.edit_distance import token_error_rate
from seqlearn.modules.heads.attention_decoder import AttentionDecoder, TargetTokens
from seqlearn.modules.heads.head import Head
from seqlearn.registry import resolve_backend
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.net import SequenceNet

__all__ = ["LSTMTranslator"]

TOKENIZERS = ("auto", "bpe", "word", "char")
HIDDEN = 0.1  # share of tokens hidden in training, where copying is to be learned


def _check_tokenizer(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value in TOKENIZERS):
        return None
    if not isinstance(value, str | type) and callable(getattr(value, "transform", None)):
        return None
    return f"one of {', '.join(map(repr, TOKENIZERS))}, None or a tokenizer, such as Tokenizer()"


class LSTMTranslator(SequenceEstimator[Pairs]):
    """TODO.

    Parameters
    ----------
    hidden_size : int, default=256
        Width of a recurrent layer of the encoder in each of its two directions, H; layers of the
        decoder have 2 H.
    num_layers : int, default=1
        Recurrent layers stacked on each other, in the encoder and in the decoder.
    dropout : float, default=0.3
        Share of the values dropped in training, the same ones at all steps of a row: of the vectors
        of tokens, of what the encoder gives and of what tokens are scored by.
    embedding_size : int, default=256
        Values of the vector of a token, E.
    backend : str or Backend, default="torch"
        The recurrent core of the encoder: a name in `seqlearn.available_backends`, or an object
        with options.
    decoder_backend : str, Backend or None, default=None
        The core of the decoder, which must be causal and stateful; None is ``backend``.
    tokenizer : {"auto", "bpe", "word", "char"}, tokenizer or None, default="auto"
        How texts become tokens.
    vocabulary_size : int, default=3000
        Most tokens of a vocabulary.
    shared_vocabulary : bool or "auto", default="auto"
        Whether sources and targets share one. "auto" does so with ``copy``.
    min_frequency : int, default=1
        Tokens that are rarer in training count as unknown.
    copy : bool, default=False
        Whether tokens may be copied.
    unknown_dropout : float or "auto", default="auto"
        Share of tokens hidden.
    coverage : float, default=0.0
        Weight of attention to what has been looked at.
    label_smoothing : float, default=0.1
        Share of the target that is spread evenly over all tokens; not with ``copy``.
    num_beams : int, default=1
        Hypotheses kept at each step; 1 is greedy search.
    length_penalty : float, default=0.6
        The larger, the longer the answers that beam search prefers.
    max_length : int or "auto", default="auto"
        Most tokens of an answer.
    no_repeat_ngram_size : int, default=0
        No so many tokens in a row occur twice in an answer; 0 lets them.
    max_epochs : int or "auto", default="auto"
        Passes over the training data. "auto" is what makes 3,000 updates, between 10 and 60.
    lr : float, default=0.003
        Learning rate.
    lr_schedule : {"cosine", "one_cycle", "constant_then_decay"} or None, default="cosine"
        How the learning rate changes over the updates of a fit; None keeps it constant.
    batch_size : int or "auto", default="auto"
        Pairs of one update on average: batches hold about as many tokens each, so that there are
        more of short pairs. "auto" is an eighth of the training data, between 4 and 128.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or Optimizer class, default="adam"
        "sgd" has Nesterov momentum of 0.9.
    weight_decay : float, default=0.0
        The optimiser's weight decay.
    gradient_clip : float or None, default=1.0
        Largest norm of the gradient of an update.
    callbacks : list of skorch callbacks or None, default=None
        Called during training, as they are; only `sklearn.base.clone` copies them.
    device : str, default="auto"
        "auto" is CUDA if there is one, else the CPU; or "cpu", "cuda", "cuda:1".
    dtype : {"float32", "float64"}, default="float32"
        Of weights and arithmetic. float64 is 5 to 8 times slower.
    precision : {"auto", "float32", "bf16"}, default="auto"
        Of matrix products in training: "auto" is bfloat16 where that is faster.
    early_stopping : bool, default=False
        Hold out a part of the training data, stop when its loss no longer falls, and keep the
        weights that were best on it.
    validation_fraction : float, default=0.1
        Share to hold out for early stopping.
    n_iter_no_change : int, default=10
        Epochs without improvement before early stopping.
    tol : float, default=1e-4
        Relative fall of the loss that counts as improvement.
    warm_start : bool, default=False
        ``fit`` continues from the weights of the last ``fit``.
    random_state : int, RandomState or None, default=None
        Equal ints give equal bits. None draws fresh entropy. No global state is read or changed.
    verbose : int, default=0
        1 shows a progress bar, 2 prints a line an epoch.
    net_params : dict or None, default=None
        More settings for ``skorch.NeuralNet``, verbatim.
    """

    _checks: ClassVar = {
        "embedding_size": integer(1),
        "tokenizer": _check_tokenizer,
        "vocabulary_size": integer(1),
        "shared_vocabulary": lambda value: (
            None if isinstance(value, str) and value == "auto" or not boolean(value)
            else "True, False or 'auto'"
        ),
        "min_frequency": integer(1),
        "copy": boolean,
        "unknown_dropout": number("[0, 1)", "auto"),
        "coverage": number("[0, inf)"),
        "label_smoothing": number("[0, 1)"),
        "num_beams": integer(1),
        "length_penalty": number("[0, inf)"),
        "max_length": integer(1, "auto"),
        "no_repeat_ngram_size": integer(0),
    }
    _largest_batch = 128
    bidirectional, readout = True, None

    # <parameters: hidden_size num_layers dropout embedding_size backend decoder_backend tokenizer
    #   vocabulary_size shared_vocabulary min_frequency copy unknown_dropout coverage
    #   label_smoothing num_beams length_penalty max_length no_repeat_ngram_size training warm_start
    #   control>
    def __init__(
        self,
        *,
        hidden_size: int = 256,
        num_layers: int = 1,
        dropout: float = 0.3,
        embedding_size: int = 256,
        backend: Any = "torch",
        decoder_backend: Any = None,
        tokenizer: Any = "auto",
        vocabulary_size: int = 3000,
        shared_vocabulary: bool | str = "auto",
        min_frequency: int = 1,
        copy: bool = False,
        unknown_dropout: float | str = "auto",
        coverage: float = 0.0,
        label_smoothing: float = 0.1,
        num_beams: int = 1,
        length_penalty: float = 0.6,
        max_length: int | str = "auto",
        no_repeat_ngram_size: int = 0,
        max_epochs: int | str = "auto",
        lr: float = 0.003,
        lr_schedule: str | None = "cosine",
        batch_size: int | str = "auto",
        optimizer: Any = "adam",
        weight_decay: float = 0.0,
        gradient_clip: float | None = 1.0,
        callbacks: list | None = None,
        device: str = "auto",
        dtype: str = "float32",
        precision: str = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
        net_params: dict | None = None,
    ):
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.embedding_size = embedding_size
        self.backend = backend
        self.decoder_backend = decoder_backend
        self.tokenizer = tokenizer
        self.vocabulary_size = vocabulary_size
        self.shared_vocabulary = shared_vocabulary
        self.min_frequency = min_frequency
        self.copy = copy
        self.unknown_dropout = unknown_dropout
        self.coverage = coverage
        self.label_smoothing = label_smoothing
        self.num_beams = num_beams
        self.length_penalty = length_penalty
        self.max_length = max_length
        self.no_repeat_ngram_size = no_repeat_ngram_size
        self.max_epochs = max_epochs
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.callbacks = callbacks
        self.device = device
        self.dtype = dtype
        self.precision = precision
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.net_params = net_params
        # </parameters>

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.required = True
        tags.no_validation = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LSTMTranslator":
        """Learn."""
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LSTMTranslator":
        """Train for one epoch."""
        return self._fit(X, y, sample_weight, part=True)

    # What the template asks.

    def _check_parameters(self) -> None:
        super()._check_parameters()
        backend = resolve_backend(self._decoder_backend)
        name = "backend" if self.decoder_backend is None else "decoder_backend"
        if not (backend.causal and backend.stateful):
            why = "causal: it would see" if not backend.causal else "stateful: it cannot go on from"
            raise InvalidParameterError(
                f"{name}={self._decoder_backend!r} is not {why} the tokens that it is asked to "
                "predict." if not backend.causal else f"{name}={self._decoder_backend!r} is not "
                "stateful: it cannot write one token after the other."
            )

    @property
    def _decoder_backend(self) -> Any:
        return self.backend if self.decoder_backend is None else self.decoder_backend

    def _opened(self, X: Any) -> Texts:
        return Texts.read(X, "X")

    def _targets(self) -> Pairs:
        shared = self.copy if isinstance(self.shared_vocabulary, str) else self.shared_vocabulary
        return Pairs(
            self.tokenizer,
            self.vocabulary_size,
            self.min_frequency,
            bool(shared),
            bool(self.copy),
        )

    def _without_blank(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any, Any]:
        sources, targets = X, Texts.read(y, "y")
        weights = read_weights(sample_weight, len(sources))
        weights = np.ones(len(sources)) if weights is None else weights
        sources.weights = targets.weights = weights
        for rows, name in ((sources, "X"), (targets, "y")):
            empty = [i for i, row in enumerate(rows.texts or rows.tokens or []) if not len(row)]
        return 0, sources, targets, sample_weight

    def _read_X(self, X: Any, known: InputRecord | None, first: Any) -> tuple:
        return X, known or InputRecord(X.kind, None, None, None, None)

    def _input(self, data: TrainingData[Pairs]) -> tuple[type[Input], dict[str, Any]]:
        n_tokens = len(data.targets.source.vocabulary)
        return TokenEmbedding, {
            "n_tokens": n_tokens,
            "size": self.embedding_size,
            "dropout": self.dropout,
        }

    def _head(self, data: TrainingData[Pairs]) -> tuple[type[Head], dict[str, Any]]:
        trained = data.train_rows
        lengths = data.y.lengths[trained] + 1
        return AttentionDecoder, {
            "n_tokens": data.targets.border,
            "embedding_size": self.embedding_size,
            "decoder": {
                "backend": resolve_backend(self._decoder_backend),
                "hidden_size": 2 * self.hidden_size,
                "num_layers": self.num_layers,
                "dropout": self.dropout,
            },
            "dropout": self.dropout,
            "label_smoothing": self.label_smoothing,
            "copy": bool(self.copy),
            "coverage": float(self.coverage),
            "tokens_a_row": float(np.average(lengths, weights=data.counts[trained])),
        }

    def _train(self, data: TrainingData[Pairs]) -> tuple[SequenceNet, list[dict[str, float]]]:
        hidden = self.unknown_dropout
        if isinstance(hidden, str):
            hidden = HIDDEN if self.copy else 0.0
        parts = {one.name: getattr(data, one.name) for one in fields(data)}
        return super()._train(_PairData(**parts, hidden=hidden))

    # Prediction.

    def _known(self, X: Any) -> tuple[list[list[str]], Sequences]:
        """Return tokens and codes of sources."""
        pairs, rows = self._record.targets, Texts.read(X, "X")
        return pairs.source.cut(rows, "X"), pairs.arranged(rows)

    @torch_defaults()
    def _found(self, X: Any, n_best: int = 1) -> tuple[list, list]:
        """Return the tokens of each source, and the best hypotheses for it."""
        decoding = ("num_beams", "length_penalty", "max_length", "no_repeat_ngram_size")
        pairs = self._record.targets
        check_parameters(self, {name: self._checks[name] for name in decoding})
        tokens, sources = self._known(X)
        lengths = sources.lengths
        if isinstance(self.max_length, str):
            most = pairs.most_tokens(lengths)
        else:
            most = np.full(len(lengths), self.max_length)
        filled = np.flatnonzero(lengths > 0)
        options = Search(
            max(self.num_beams, n_best), float(self.length_penalty), self.no_repeat_ngram_size
        )
        found: list[list] = [[] for _ in tokens]
        answers = search(self.net_, sources.take(filled), most[filled], options, n_best)
        for i, answer in zip(filled.tolist(), answers, strict=True):
            found[i] = answer
        return tokens, found

    def predict(self, X: Any) -> Any:
        """Return the best."""
        pairs = self._record.targets
        return [
            pairs.decode(found[0].tokens if found else (), source)
            for source, found in zip(*self._found(X), strict=True)
        ]

    def log_likelihood(self, X: Any, y: Any) -> np.ndarray:
        """Return."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return."""


class _PairData(TrainingData[Pairs]):
    """Pairs ready to train on."""

    hidden: float

    def __init__(self, *, hidden: float, **parts: Any):
        super().__init__(**parts)
        object.__setattr__(self, "hidden", hidden)

    def dataset(self, part: np.ndarray, device: str, dtype: torch.dtype) -> Any:
        """Return some of the pairs on a device, their weights of mean 1."""
        weights, hide = self.weights[part], None
        if self.hidden and part is self.train_rows:
            generator = self.seeds.generator(self.seeds.batches ^ 1)
            hide = HideTokens(self.hidden, self.targets.border, generator)
        return PairDataset(
            self.sequences.take(self.rows[part]),
            self.y[part],
            weights / weights.mean(),
            device,
            dtype,
            make_targets=TargetTokens,
            hide=hide,
        )
