"""LSTMTranslator: text in, text out."""

import warnings
from typing import Any, ClassVar

import numpy as np
import torch

from seqlearn.backend import Backend
from seqlearn.data.batches import Batched
from seqlearn.data.containers import objects_of
from seqlearn.data.input_record import InputRecord
from seqlearn.data.pairs import HideTokens, PairDataset
from seqlearn.data.sequences import Sequences
from seqlearn.data.targets import read_weights
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.base import SequenceEstimator, TrainingData
from seqlearn.estimators.translation.decoding import (
    Search,
    attention_of,
    log_likelihoods,
    search,
)
from seqlearn.estimators.translation.pairs import Pairs, PairTexts, Texts, as_codes, refuse_empty
from seqlearn.inputs.station import Input
from seqlearn.inputs.tokens import TokenEmbedding
from seqlearn.metrics.chrf import chrf_score
from seqlearn.metrics.edit_distance import token_error_rate
from seqlearn.modules.heads.attention_decoder import AttentionDecoder, TargetTokens
from seqlearn.modules.heads.head import Head
from seqlearn.parameter_checks import (
    boolean,
    check_arguments,
    check_parameters,
    integer,
    number,
    one_of,
)
from seqlearn.registry import resolve_backend
from seqlearn.training.defaults import torch_defaults

__all__ = ["LSTMTranslator"]

TOKENIZERS = ("auto", "bpe", "word", "char")
DECODING = ("num_beams", "length_penalty", "max_length", "no_repeat_ngram_size")
HIDDEN = 0.1  # share of tokens hidden in training, where copying is to be learned


def _check_tokenizer(value: Any) -> str | None:
    if not isinstance(value, str | type) and callable(getattr(value, "transform", None)):
        return None
    wanted = one_of(*TOKENIZERS, None)(value)
    return wanted and f"a tokenizer, such as Tokenizer(), or {wanted}"


def _check_backend(value: Any) -> str | None:
    accepted = value is None or isinstance(value, str | Backend)
    return None if accepted else "the name of a backend, a Backend or None"


def _check_shared(value: Any) -> str | None:
    is_auto = isinstance(value, str) and value == "auto"
    return None if is_auto or boolean(value) is None else "True, False or 'auto'"


class LSTMTranslator(SequenceEstimator[Pairs]):
    """Turn texts, or lists of tokens, into others: translate, transcribe, sum up.

    An encoder reads the source from both ends. A decoder writes the target token by token: it
    knows what it has written, and at each step attention shows it the steps of the source that
    matter now (Luong et al. 2015). Texts are cut into tokens that are learned in ``fit``; lists of
    tokens, such as phonemes, are taken as they are.

    Parameters
    ----------
    tokenizer : {"auto", "bpe", "word", "char"}, tokenizer or None, default="auto"
        What a token of a text is: a piece of a word that occurs often (byte-pair encoding), a word
        or sign as `seqlearn.preprocessing.Tokenizer` finds them, a character, or what a tokenizer
        gives, an object whose ``transform`` takes a list of str and returns a list of lists of
        str. "auto" is "bpe". Lists of tokens are never cut again; None accepts nothing else.
    vocabulary_size : int, default=3000
        Pieces that "bpe" learns, and the most tokens that either side may have; of more, the most
        frequent are known.
    shared_vocabulary : bool or "auto", default="auto"
        Whether sources and targets have one vocabulary, and one set of pieces. "auto" shares them
        with ``copy=True``.
    min_frequency : int, default=1
        Tokens that are rarer in ``fit`` count as unknown.
    hidden_size : int, default=256
        Width of a recurrent layer, H: of the decoder, and of the encoder in either direction.
    num_layers : int, default=1
        Recurrent layers stacked on each other, in the encoder and in the decoder.
    dropout : float, default=0.3
        Share of the values dropped in training, the same ones at all steps of a row: of the vectors
        of tokens, of what the encoder gives and of what tokens are scored by.
    embedding_size : int, default=256
        Values of the vector of a token, E. Targets are scored by the vectors they are read with.
    backend : str or Backend, default="torch"
        The recurrent core of the encoder: a name in `seqlearn.available_backends`, or an object
        with options.
    decoder_backend : str, Backend or None, default=None
        The recurrent core of the decoder; None takes that of ``backend``. It writes one token after
        the other, so that it must be causal and stateful.
    copy : bool, default=False
        Whether a token of the source may be copied into the target, one that ``fit`` never saw
        too: a name, a number (pointer-generator network, See et al. 2017).
    unknown_dropout : float or "auto", default="auto"
        Share of the distinct tokens of a source that training takes for unknown; with ``copy``
        they can only be copied then, as those that were never seen. "auto" is 0.1 with ``copy``,
        else 0.
    coverage : float, default=0.0
        Weight of attention to what has had attention before: in the loss, and, with beams, in the
        score of an answer. It keeps long answers from repeating themselves.
    label_smoothing : float, default=0.1
        Share of the target that is spread evenly over all tokens. Not used with ``copy``.
    num_beams : int, default=1
        Answers kept in mind at each step of decoding; 1 takes the likeliest token each time.
    length_penalty : float, default=0.6
        The larger, the longer the answers that beams prefer: the log-probability of an answer of n
        tokens and its end is divided by ``((6 + n) / 6) ** length_penalty``.
    max_length : int or "auto", default="auto"
        Most tokens of an answer. "auto" is twice the usual ratio of lengths times the tokens of
        the source, and the most that any training pair had beyond that, at least 5.
    no_repeat_ngram_size : int, default=0
        No so many tokens in a row occur twice in an answer; 0 lets them.
    max_epochs : int or "auto", default="auto"
        Passes over the training data. "auto" is what makes 4,000 updates, between 10 and 60.
    lr : float, default=0.005
        Learning rate.
    lr_schedule : {"cosine", "one_cycle", "constant_then_decay"} or None, default="cosine"
        How the learning rate changes over the updates of a fit; None keeps it constant.
    batch_size : int or "auto", default="auto"
        Pairs of one update on average: batches hold about as many tokens each, so that there are
        more of short pairs. "auto" is an eighth of the training data, between 4 and 64.
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
    checkpoint : str, path-like or None, default=None
        Folder into which ``fit`` writes the state of its training after each epoch. The same fit,
        which needs a ``random_state``, goes on from there if it was interrupted, to the same bits;
        one that was finished is not trained again. Other parameters or data begin anew.
    net_params : dict or None, default=None
        More settings for ``skorch.NeuralNet``, verbatim.

    Attributes
    ----------
    source_vocabulary_, target_vocabulary_ : ndarray of str
        The tokens known, the most frequent first.
    history_ : list of dict
        One row an epoch: epoch, train_loss, lr, seconds; with early stopping also valid_loss and
        valid_score (the share of tokens that are the likeliest after the true ones before them).
    loss_curve_ : list of float
        Training loss of each epoch, in nats a token.
    n_iter_ : int
        Epochs trained.
    device_ : str
        Device used.
    net_ : skorch.NeuralNet
        The trained net. Its ``module_`` (a torch module of ``input``, ``encoder`` and ``head``),
        ``history`` and ``optimizer_`` may be relied on, and callbacks of skorch work on it.

    See Also
    --------
    LSTMLanguageModel : How texts go on.
    BiLSTMTagger : A label for each token.

    Notes
    -----
    ``num_beams``, ``length_penalty``, ``max_length`` and ``no_repeat_ngram_size`` are read when a
    method asks for answers: ``translator.set_params(num_beams=5).predict(X)`` needs no new fit.

    An answer does not depend on which other sources are answered with it, nor on their order. It
    never holds an unknown token. The answer to an empty source is empty.

    References
    ----------
    Luong, M.-T., Pham, H. and Manning, C. D. (2015). Effective approaches to attention-based neural
    machine translation. EMNLP.

    See, A., Liu, P. J. and Manning, C. D. (2017). Get to the point: summarization with
    pointer-generator networks. ACL.

    Examples
    --------
    >>> from seqlearn import LSTMTranslator
    >>> numbers = [f"{n}" for n in range(100, 1000)]
    >>> words = dict(enumerate("zero one two three four five six seven eight nine".split()))
    >>> spoken = [[words[int(digit)] for digit in number] for number in numbers]
    >>> translator = LSTMTranslator(
    ...     "char", hidden_size=32, embedding_size=32, max_epochs=10, random_state=0
    ... ).fit(numbers, spoken)
    >>> translator.predict(["481"])[0]
    ['four', 'eight', 'one']
    """

    _checks: ClassVar = {
        "tokenizer": _check_tokenizer,
        "vocabulary_size": integer(1),
        "shared_vocabulary": _check_shared,
        "min_frequency": integer(1),
        "embedding_size": integer(1),
        "decoder_backend": _check_backend,
        "copy": boolean,
        "unknown_dropout": number("[0, 1)", "auto"),
        "coverage": number("[0, inf)"),
        "label_smoothing": number("[0, 1)"),
        "num_beams": integer(1),
        "length_penalty": number("[0, inf)"),
        "max_length": integer(1, "auto"),
        "no_repeat_ngram_size": integer(0),
    }
    _largest_batch = 64
    _updates = 4000
    bidirectional = True
    readout = None

    # <parameters: tokenizer * vocabulary_size shared_vocabulary min_frequency hidden_size
    #   num_layers dropout embedding_size backend decoder_backend copy unknown_dropout coverage
    #   label_smoothing num_beams length_penalty max_length no_repeat_ngram_size training warm_start
    #   control>
    def __init__(
        self,
        tokenizer: Any = "auto",
        *,
        vocabulary_size: int = 3000,
        shared_vocabulary: bool | str = "auto",
        min_frequency: int = 1,
        hidden_size: int = 256,
        num_layers: int = 1,
        dropout: float = 0.3,
        embedding_size: int = 256,
        backend: Any = "torch",
        decoder_backend: Any = None,
        copy: bool = False,
        unknown_dropout: float | str = "auto",
        coverage: float = 0.0,
        label_smoothing: float = 0.1,
        num_beams: int = 1,
        length_penalty: float = 0.6,
        max_length: int | str = "auto",
        no_repeat_ngram_size: int = 0,
        max_epochs: int | str = "auto",
        lr: float = 0.005,
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
        checkpoint: Any = None,
        net_params: dict | None = None,
    ):
        self.tokenizer = tokenizer
        self.vocabulary_size = vocabulary_size
        self.shared_vocabulary = shared_vocabulary
        self.min_frequency = min_frequency
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.embedding_size = embedding_size
        self.backend = backend
        self.decoder_backend = decoder_backend
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
        self.checkpoint = checkpoint
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
        """Learn from pairs.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            Sources: texts, or lists of tokens. Columns of pandas, polars and pyarrow too.
        y : list of N str, or of N lists of str
            The target of each. A source with several right answers stands there once for each.
        sample_weight : array-like of shape (N,), optional
            Weight of each pair.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            A parameter is out of range, the decoder's backend looks ahead or has no state, or
            ``tokenizer=None`` and there are texts.
        DataFormatError
            X or y has a form that is not accepted, they differ in length, or a source or target is
            empty; rows are named.
        """
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LSTMTranslator":
        """Train for one epoch on more pairs, at the constant rate ``lr``.

        The vocabularies stay those of the first call.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, part=True)

    @property
    def source_vocabulary_(self) -> np.ndarray:
        """The tokens of sources that are known."""
        return np.array(self._record.targets.source.vocabulary.words, dtype=object)

    @property
    def target_vocabulary_(self) -> np.ndarray:
        """The tokens of targets that are known."""
        return np.array(self._record.targets.target.vocabulary.words, dtype=object)

    @property
    def vocabulary_(self) -> Any:
        """Raise: there are two."""
        raise AttributeError(
            "A translator has two vocabularies: source_vocabulary_ and target_vocabulary_."
        )

    # What the template asks.

    @property
    def _decoder_backend(self) -> Any:
        return self.backend if self.decoder_backend is None else self.decoder_backend

    def _check_parameters(self) -> None:
        super()._check_parameters()
        backend = resolve_backend(self._decoder_backend)
        if backend.causal and backend.stateful:
            return
        name = "backend" if self.decoder_backend is None else "decoder_backend"
        why = "causal: it would see the tokens that it is asked for"
        if backend.causal:
            why = "stateful: it cannot go on from what it has written"
        raise InvalidParameterError(
            f"{name}={self._decoder_backend!r} cannot be the core of the decoder, as it is not "
            f"{why}. Set decoder_backend to another one, such as 'torch' or 'gru'."
        )

    def _opened(self, X: Any) -> Texts:
        return Texts.read(X, "X")

    def _targets(self) -> Pairs:
        shared = self.copy if isinstance(self.shared_vocabulary, str) else self.shared_vocabulary
        return Pairs(
            self.tokenizer, self.vocabulary_size, self.min_frequency, bool(shared), bool(self.copy)
        )

    def _without_blank(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any, Any]:
        sources, targets = X, Texts.read(y, "y")
        _refuse_other_length(sources, targets)
        if not len(sources):
            raise DataFormatError("X and y hold no pairs; fit needs at least one.")
        weights = read_weights(sample_weight, len(sources))
        sources.weights = targets.weights = np.ones(len(sources)) if weights is None else weights
        return 0, sources, targets, weights

    def _read_X(self, X: Any, known: InputRecord | None, first: Any) -> tuple:
        return X, known or InputRecord(X.kind, None, None, None, None)

    def _input(self, data: TrainingData[Pairs]) -> tuple[type[Input], dict[str, Any]]:
        return TokenEmbedding, {
            "n_tokens": len(data.targets.source.vocabulary),
            "size": self.embedding_size,
            "dropout": self.dropout,
        }

    def _head(self, data: TrainingData[Pairs]) -> tuple[type[Head], dict[str, Any]]:
        trained = data.train_rows
        lengths = data.y.lengths[trained] + 1
        return AttentionDecoder, {
            "n_tokens": data.targets.border,
            "source_size": self.embedding_size,
            "embedding_size": self.embedding_size,
            "decoder": {
                "backend": resolve_backend(self._decoder_backend),
                "hidden_size": self.hidden_size,
                "num_layers": self.num_layers,
                "dropout": self.dropout,
            },
            "dropout": self.dropout,
            "label_smoothing": self.label_smoothing,
            "copy": bool(self.copy),
            "coverage": float(self.coverage),
            "tokens_a_row": float(np.average(lengths, weights=data.counts[trained])),
        }

    def _datasets(
        self, data: TrainingData[Pairs], device: str, dtype: torch.dtype
    ) -> tuple[Batched, Batched | None]:
        share, hide = self.unknown_dropout, None
        if isinstance(share, str):
            share = HIDDEN if self.copy else 0.0
        if share:
            generator = data.seeds.generator(data.seeds.batches ^ 1)
            hide = HideTokens(share, data.targets.border, generator)

        def dataset(rows: np.ndarray, hide: HideTokens | None = None) -> PairDataset:
            weights = data.weights[rows]
            return PairDataset(
                data.sequences.take(data.rows[rows]),
                data.y[rows],
                weights / weights.mean(),
                device,
                dtype,
                make_targets=TargetTokens,
                hide=hide,
            )

        valid = None if data.valid_rows is None else dataset(data.valid_rows)
        return dataset(data.train_rows, hide), valid

    # Answers.

    def predict(self, X: Any) -> Any:
        """Return the answer to each source.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            Sources, of the kind of ``fit``.

        Returns
        -------
        list of N str, or 1-D object array of N lists of str
            What y was in ``fit``. An empty source has an empty answer.

        Raises
        ------
        InvalidParameterError
            A parameter of decoding is out of range.
        DataFormatError
            X is of another kind than in ``fit``.
        """
        return self._as_y([answers[0][0] for answers in self._answers(X, 1)])

    def predict_n_best(
        self, X: Any, n: int = 5, return_scores: bool = False
    ) -> list[list[Any]] | tuple[list[list[Any]], list[np.ndarray]]:
        """Return the n best answers to each source.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            Sources, of the kind of ``fit``.
        n : int, default=5
            How many, at most. At least so many beams are kept.
        return_scores : bool, default=False
            Whether to return what answers are ranked by, too.

        Returns
        -------
        answers : list of N lists of str, or of N lists of lists of str
            The best first, all different; fewer than n, if not as many were found.
        scores : list of N arrays
            Log-probabilities with ``length_penalty``, if asked for.
        """
        check_arguments("LSTMTranslator.predict_n_best", n=(n, integer(1)))
        found = self._answers(X, n)
        answers = [[answer for answer, _ in own] for own in found]
        if not return_scores:
            return answers
        return answers, [np.array([score for _, score in own]) for own in found]

    @torch_defaults()
    def log_likelihood(self, X: Any, y: Any) -> np.ndarray:
        """Return the log-probability of each target, given its source.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            Sources, of the kind of ``fit``.
        y : list of N str, or of N lists of str
            One target for each, of the kind of ``fit``; it may be empty.

        Returns
        -------
        ndarray of shape (N,)
            In nats: the sum over the tokens and the end of a target. A token that is not known, and
            cannot be copied, counts as the unknown one; a warning says how many there are.

        Raises
        ------
        DataFormatError
            X and y differ in length or are of another kind than in ``fit``, or a source is empty.
        """
        sources, targets = self._pairs(X, y)
        n_unknown = int((targets.values == 0).sum())
        if n_unknown:
            warnings.warn(
                f"{n_unknown} of {len(targets.values)} tokens of y are not in the vocabulary of "
                "the model. Each counts as the unknown token, which is likelier than any of them.",
                UserWarning,
                stacklevel=3,
            )
        return log_likelihoods(self.net_, sources, targets)

    @torch_defaults()
    def attention(self, X: Any, y: Any = None, return_tokens: bool = False) -> Any:
        """Return how much each token of a source counts for each token of its target.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            Sources, of the kind of ``fit``; none may be empty.
        y : list of N str, or of N lists of str, optional
            A target for each; the answers of `predict` by default.
        return_tokens : bool, default=False
            Whether to return what stands along the axes, too.

        Returns
        -------
        attention : list of N ndarrays of shape (U_i, T_i)
            Rows are tokens of the target, and sum to one.
        source_tokens, target_tokens : lists of N lists of str
            If asked for.
        """
        if y is None:
            cut, found = self._searched(X)
            tokens = [[*own[0].tokens] if own else [] for own in found]
            sources, targets = self._known(X)[1], as_codes(tokens)
            refuse_empty(sources.lengths, "X", "attention needs a token to look at.")
        else:
            sources, targets = self._pairs(X, y)
        attention = attention_of(self.net_, sources, targets)
        if not return_tokens:
            return attention
        pairs = self._record.targets
        cut, _ = self._known(X)
        if y is None:
            written = [pairs.tokens_of(codes, own) for codes, own in zip(tokens, cut, strict=True)]
        else:
            written = pairs.target.cut(Texts.read(y, "y"), "y")
        return attention, cut, written

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return how good the answers are.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            Sources, of the kind of ``fit``.
        y : list of N references, or of N lists of several references
            What is right: a reference is a text, or a list of tokens, as y was in ``fit``. One
            level of lists more is several for a source.
        sample_weight : array-like of shape (N,), optional
            Weight of each source.

        Returns
        -------
        float
            Of texts chrF / 100, see `seqlearn.metrics.chrf_score`, in [0, 1]; of lists of tokens 1
            minus `seqlearn.metrics.token_error_rate`, at most 1. The larger the better.
        """
        answers = self.predict(X)
        if self._record.targets.target.kind == "texts":
            return chrf_score(y, answers, sample_weight=sample_weight) / 100
        return 1 - token_error_rate(y, answers, sample_weight=sample_weight)

    def _as_y(self, answers: list) -> Any:
        """Return answers in the container that `predict` promises."""
        if self._record.targets.target.kind == "texts":
            return answers
        return objects_of(answers)

    def _known(self, X: Any) -> tuple[list[list[str]], Sequences]:
        """Return the tokens of sources, and their codes."""
        pairs, rows = self._record.targets, Texts.read(X, "X")
        return pairs.source.cut(rows, "X"), pairs.arranged(rows)

    def _pairs(self, X: Any, y: Any) -> tuple[Sequences, Sequences]:
        """Return the codes of given sources and targets; refuse empty sources."""
        pairs = self._record.targets
        rows = PairTexts(Texts.read(X, "X"), Texts.read(y, "y"))
        _refuse_other_length(rows.sources, rows.targets)
        sources, targets = pairs.arranged(rows.sources), pairs.encode(rows)
        refuse_empty(sources.lengths, "X", "they have an empty answer, of which no more is said.")
        return sources, targets

    def _answers(self, X: Any, n_best: int) -> list[list[tuple[Any, float]]]:
        """Return up to n different answers to each source, and their scores."""
        pairs, answers = self._record.targets, []
        for source, found in zip(*self._searched(X, n_best), strict=True):
            own: dict[Any, tuple[Any, float]] = {}
            for one in found:  # different tokens may make up the same text
                answer = pairs.decode(one.tokens, source)
                own.setdefault(
                    answer if isinstance(answer, str) else tuple(answer), (answer, one.score)
                )
            answers.append([*own.values()] or [(pairs.decode(()), 0.0)])
        return answers

    @torch_defaults()
    def _searched(self, X: Any, n_best: int = 1) -> tuple[list, list]:
        """Return the tokens of each source, and the best hypotheses; of an empty one none."""
        pairs = self._record.targets
        check_parameters(self, {name: self._checks[name] for name in DECODING})
        tokens, sources = self._known(X)
        if isinstance(self.max_length, str):
            most = pairs.most_tokens(sources.lengths)
        else:
            most = np.full(len(tokens), self.max_length)
        options = Search(
            max(self.num_beams, n_best), float(self.length_penalty), self.no_repeat_ngram_size
        )
        found: list[list] = [[] for _ in tokens]
        filled = np.flatnonzero(sources.lengths > 0)
        answers = search(self.net_, sources.take(filled), most[filled], options, n_best)
        for i, answer in zip(filled.tolist(), answers, strict=True):
            found[i] = answer
        return tokens, found


def _refuse_other_length(sources: Texts, targets: Texts) -> None:
    if len(sources) != len(targets):
        raise DataFormatError(
            "Found input variables with inconsistent numbers of samples: X has "
            f"{len(sources)} sources, y has {len(targets)} targets. Give one target for each; a "
            "source that has several stands in X once for each of them."
        )
