"""LSTMLanguageModel: how likely texts are, what comes next, and texts that it writes."""

import warnings
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.special import softmax

from seqlearn.data.batches import Batched
from seqlearn.data.containers import unpack
from seqlearn.data.input_record import InputRecord
from seqlearn.data.messages import listed, show
from seqlearn.data.sequences import Sequences
from seqlearn.data.text_chunks import TextDataset, cut
from seqlearn.data.text_units import learn_unit, read_texts
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.base import Learned, SequenceEstimator, TrainingData
from seqlearn.estimators.language.stops import Stops
from seqlearn.estimators.language.streams import NextTokenSteps
from seqlearn.estimators.language.tokens import Tokens, read_cut
from seqlearn.estimators.language.vectors import (
    divided,
    places_of_tokens,
    text_vectors,
    word_vectors,
)
from seqlearn.inputs.station import Input
from seqlearn.inputs.tokens import TokenEmbedding
from seqlearn.modules.heads.head import Head
from seqlearn.modules.heads.next_token import NextTokenHead
from seqlearn.modules.sampling import Choice, generate
from seqlearn.parameter_checks import (
    Check,
    boolean,
    check_arguments,
    integer,
    number,
    one_of,
)
from seqlearn.registry import resolve_backend
from seqlearn.streaming.steps import Steps
from seqlearn.training.callbacks import progress_bar
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.pieces import last_states, log_likelihoods
from seqlearn.training.randomness import Seeds

__all__ = ["LSTMLanguageModel"]

LEAST_HELD = 4  # tokens at the end of a text, on average, that are enough to validate on
VALID_STEPS = 256  # of the rows that early stopping looks at
UNITS = ("char", "word", "bpe")


def _check_unit(value: Any) -> str | None:
    if not isinstance(value, str | type) and hasattr(value, "transform"):
        return None
    wanted = one_of(*UNITS)(value)
    return wanted and f"{wanted} or a seqlearn.preprocessing.Tokenizer"


def _check_ends(value: Any) -> str | None:
    is_auto = isinstance(value, str) and value == "auto"
    return None if is_auto or boolean(value) is None else "True, False or 'auto'"


class LSTMLanguageModel(SequenceEstimator[Tokens]):
    """Learn how texts go on: score them, say what comes next, write more of them.

    Tokens (characters, words, or pieces of words) are embedded, a recurrent core reads them one
    after the other, and at each step every token of the vocabulary gets a probability to be the
    next. Training goes through long texts in chunks, and the state is carried on from one chunk to
    the next inside a text.

    Parameters
    ----------
    unit : {"char", "word", "bpe"} or Tokenizer, default="char"
        What a token of a text is: a character, a word (as `seqlearn.preprocessing.Tokenizer` cuts
        them), a piece of a word that occurs often (byte-pair encoding, learned in ``fit``), or what
        a tokenizer gives. Lists of tokens are taken as they are.
    vocabulary_size : int, default=4000
        Pieces that ``unit="bpe"`` learns.
    min_frequency : int or "auto", default="auto"
        Tokens that are rarer in ``fit`` count as unknown. "auto" is 2 for words and for lists of
        tokens, so that the model learns what to expect where a token is unknown, and 1 for
        characters and pieces of words.
    ends : bool or "auto", default="auto"
        Whether the end of a text is predicted as a token is: it is then scored, and `sample` ends
        texts. "auto" is True if ``fit`` is given more than one text.
    hidden_size : int, default=512
        Width of a recurrent layer, H.
    num_layers : int, default=1
        Recurrent layers stacked on each other.
    dropout : float, default=0.4
        Share of the values dropped in training, between layers and before the scores.
    embedding_dropout : float, default=0.1
        Share of the values of tokens' vectors dropped in training.
    embedding_size : int or "auto", default="auto"
        Values of the vector of a token, E. "auto" is 64 if fewer than 500 tokens are known, as with
        characters, else 256.
    tied : bool, default=True
        Score tokens by the vectors they are read with (Press & Wolf 2017), after a linear map
        where E is not H.
    chunk_length : int, default=64
        Steps through which an update sends the gradient back. Texts that are no longer are read
        whole.
    backend : str or Backend, default="torch"
        The recurrent core: a name in `seqlearn.available_backends`, or an object with options.
    max_epochs : int or "auto", default="auto"
        Passes over the training data. "auto" is what makes 3,000 updates, between 4 and 40.
    lr : float, default=0.005
        Learning rate.
    lr_schedule : {"cosine", "one_cycle", "constant_then_decay"} or None, default="cosine"
        How the learning rate changes over the updates of a fit; None keeps it constant.
    batch_size : int or "auto", default="auto"
        Chunks of one update. "auto" is an eighth of those in the training data, between 4 and 32.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or Optimizer class, default="adamw"
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
        Share to hold out for early stopping: whole texts, or the end of each if they are few.
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
    vocabulary_ : ndarray of shape (V,), of str
        What may come next: ``"<unk>"``, which stands for every unknown token, the tokens known,
        the most frequent first, and ``"<end>"`` if the end of a text is predicted.
    history_ : list of dict
        One row an epoch: epoch, train_loss, lr, seconds; with early stopping also valid_loss and
        valid_score (minus the loss).
    loss_curve_ : list of float
        Training loss of each epoch, nats a token.
    n_iter_ : int
        Epochs trained.
    device_ : str
        Device used.
    net_ : skorch.NeuralNet
        The trained net. Its ``module_`` (a torch module of ``input``, ``encoder`` and ``head``),
        ``history`` and ``optimizer_`` may be relied on, and callbacks of skorch work on it.

    See Also
    --------
    SequenceEncoder : Vectors of texts, from a fitted language model.
    Words : Vectors of words in their context, from a fitted language model.

    Notes
    -----
    Scores are comparable between models with the same vocabulary only: a word holds more than a
    character, and all unknown tokens count as one, which is easily guessed (a warning says how many
    there are). So do not search over ``unit`` or ``min_frequency`` by score.

    A token ``"<unk>"`` in lists of tokens counts as unknown.

    References
    ----------
    Merity, S., Keskar, N. S. and Socher, R. (2018). Regularizing and optimizing LSTM language
    models. ICLR.

    Press, O. and Wolf, L. (2017). Using the output embedding to improve language models. EACL.

    Examples
    --------
    >>> from seqlearn import LSTMLanguageModel
    >>> texts = ["the cat sat on the mat", "the dog sat on the rug"] * 20
    >>> model = LSTMLanguageModel("word", hidden_size=32, max_epochs=30, random_state=0).fit(texts)
    >>> model.perplexity(["the cat sat on the rug"]) < model.perplexity(["rug the on sat cat the"])
    True
    >>> model.sample(prefix="the cat", temperature=0)
    ['the cat sat on the mat']
    """

    _checks: ClassVar[dict[str, Check]] = {
        "unit": _check_unit,
        "vocabulary_size": integer(1),
        "min_frequency": integer(1, "auto"),
        "ends": _check_ends,
        "embedding_dropout": number("[0, 1)"),
        "embedding_size": integer(1, "auto"),
        "tied": boolean,
        "chunk_length": integer(1),
    }

    _epochs = (4, 40)
    readout = "last"

    # <parameters: unit * vocabulary_size min_frequency ends hidden_size num_layers dropout
    #   embedding_dropout embedding_size tied chunk_length backend training warm_start control>
    def __init__(
        self,
        unit: Any = "char",
        *,
        vocabulary_size: int = 4000,
        min_frequency: int | str = "auto",
        ends: bool | str = "auto",
        hidden_size: int = 512,
        num_layers: int = 1,
        dropout: float = 0.4,
        embedding_dropout: float = 0.1,
        embedding_size: int | str = "auto",
        tied: bool = True,
        chunk_length: int = 64,
        backend: Any = "torch",
        max_epochs: int | str = "auto",
        lr: float = 0.005,
        lr_schedule: str | None = "cosine",
        batch_size: int | str = "auto",
        optimizer: Any = "adamw",
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
        self.unit = unit
        self.vocabulary_size = vocabulary_size
        self.min_frequency = min_frequency
        self.ends = ends
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.embedding_dropout = embedding_dropout
        self.embedding_size = embedding_size
        self.tied = tied
        self.chunk_length = chunk_length
        self.backend = backend
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
        tags.no_validation = True
        return tags

    def fit(self, X: Any, y: Any = None) -> "LSTMLanguageModel":
        """Learn from texts.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            Texts, or lists of tokens. One long text is ``[text]``.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            A parameter is out of range, or the backend looks ahead and could see the answer.
        DataFormatError
            X is not a list of texts or of lists of tokens; or a text is empty, where its end is
            not predicted; or no token is frequent enough to be known.
        """
        return self._fit(X, None, None)

    def partial_fit(self, X: Any, y: Any = None) -> "LSTMLanguageModel":
        """Train for one epoch on more texts, at the constant rate ``lr``.

        Unit and vocabulary stay those of the first call: what it did not know is unknown. So does
        whether the end of a text is predicted.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        self
        """
        return self._fit(X, None, None, part=True)

    @property
    def vocabulary_(self) -> np.ndarray:  # type: ignore[override]
        """What may come next, (V,)."""
        return self._record.targets.labels

    # What the template asks.

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._refuse_looking_ahead("token")
        if not resolve_backend(self.backend).stateful:
            raise InvalidParameterError(
                f"backend={self.backend!r} is not stateful: its state cannot be carried through a "
                "text. Use another backend, such as 'torch' or 'gru'."
            )

    def _targets(self) -> Tokens:
        return Tokens(ends=self.ends, min_frequency=self.min_frequency)

    def _read_X(self, X: Any, known: InputRecord | None, first: Any) -> tuple:
        kind, texts = _read(X, known, "the last fit")
        unit = None
        if kind == "texts":
            unit = None if known is None else self._learned.targets.unit
            if unit is None:
                unit = learn_unit(self.unit, texts, self.vocabulary_size)
            else:
                unit.check_continued(self.unit, self.vocabulary_size)
        sequences = read_cut(texts if unit is None else unit.cut(texts), unit)
        if not len(sequences):
            raise DataFormatError("X holds no text; give at least one: [text].")
        self._refuse_empty(sequences, bool(self.ends) if known is None else self._ends)
        return sequences, InputRecord(kind, None, None, None, None)

    def _refuse_empty(self, sequences: Sequences, ends: bool) -> None:
        """Refuse texts that have no step: what of them is to be learned or scored?"""
        empty = np.flatnonzero(sequences.lengths == 0).tolist()
        if empty and not (ends and len(sequences) > 1):
            raise DataFormatError(f"{_no_token(empty)}. {LEAVE_OUT}")

    def _held_out(
        self, targets: Tokens, codes: Any, seeds: Seeds
    ) -> tuple[np.ndarray, np.ndarray | None]:
        n_texts, fraction = len(codes), self.validation_fraction
        if n_texts * fraction < 1 and codes.mean() * fraction >= LEAST_HELD:
            return np.arange(n_texts), None  # the ends of the texts are held out, see `_train`
        if n_texts == 1:
            raise DataFormatError(
                f"early_stopping=True has nothing to hold out: X is one text of {codes[0]} tokens "
                f"(equal texts count as one), and validation_fraction={fraction:g} of it is less "
                f"than {LEAST_HELD} tokens. Give more text, or set early_stopping=False."
            )
        return super()._held_out(targets, codes, seeds)

    def _size(self, data: TrainingData[Tokens]) -> int:
        """Return the number of values of a token's vector."""
        if not isinstance(self.embedding_size, str):
            return self.embedding_size
        return 64 if data.targets.output_size < 500 else 256

    def _input(self, data: TrainingData[Tokens]) -> tuple[type[Input], dict[str, Any]]:
        return TokenEmbedding, {
            "n_tokens": data.targets.boundary + 1,
            "size": self._size(data),
            "dropout": self.embedding_dropout,
        }

    def _head(self, data: TrainingData[Tokens]) -> tuple[type[Head], dict[str, Any]]:
        return NextTokenHead, {
            "n_tokens": data.targets.output_size,
            "dropout": self.dropout,
            "tied_size": self._size(data) if self.tied else None,
        }

    def _datasets(
        self, data: TrainingData[Tokens], device: str, dtype: torch.dtype
    ) -> tuple[Batched, Batched | None]:
        symbols, starts, lengths = data.targets.symbols(data.sequences.take(data.rows))
        train, valid = (starts, lengths, data.weights), None
        if data.valid_rows is not None:
            train, valid = (
                tuple(one[rows] for one in train) for rows in (data.train_rows, data.valid_rows)
            )
        elif self.early_stopping and not data.one_epoch:
            held = (lengths * self.validation_fraction).astype(int)
            train = starts, lengths - held, data.weights
            valid = tuple(one[held > 0] for one in (starts + lengths - held, held, data.weights))
        dataset = TextDataset(
            symbols, *_of_mean_1(train), device=device, chunk_length=self.chunk_length
        )
        if valid is None:
            return dataset, None
        starts, lengths, weights = _of_mean_1(valid)
        row, begin, lengths = cut(lengths, VALID_STEPS)  # each read from the zero state on
        return dataset, TextDataset(
            symbols, starts[row] + begin, lengths, weights[row], device=device
        )

    def _n_rows(self, train: Any) -> int:
        return train.n_chunks

    def _of_batches(self, batches: Any) -> dict[str, Any]:
        return {"steps_a_row": batches.steps_a_row}

    # Scores.

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean log-likelihood of a token, in nats; the greater the better.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            Texts, as in `fit`. Every token counts the same, whichever text it stands in.
        y : None
            Ignored.

        Returns
        -------
        float
            At most 0.

        Warns
        -----
        UserWarning
            Some tokens are unknown; it says how many.
        """
        return float(self._scored(X)[0].mean())

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the mean log-likelihood of a token of each text, in nats.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            Texts, as in `fit`.

        Returns
        -------
        ndarray of shape (N,)
        """
        values, lengths = self._scored(X)
        sums = np.add.reduceat(values, np.cumsum(lengths) - lengths)
        return sums / lengths

    def perplexity(self, X: Any) -> float:
        """Return the perplexity of texts: e to the power of minus `score`; the less the better.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            Texts, as in `fit`.

        Returns
        -------
        float
            1 if every token was foreseen for certain; V, the size of the vocabulary, if each was
            guessed blindly.
        """
        return float(np.exp(-self._scored(X)[0].mean()))

    def bits_per_token(self, X: Any) -> float:
        """Return minus `score` in bits: per character, with characters; the less the better.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            Texts, as in `fit`.

        Returns
        -------
        float
        """
        return float(-self._scored(X)[0].mean() / np.log(2))

    @torch_defaults()
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each token to come next.

        Parameters
        ----------
        X : list of N str, or of N lists of str
            What came so far, from the beginning of a text; it may be empty.

        Returns
        -------
        ndarray of shape (N, V)
            A column for each entry of ``vocabulary_``; rows sum to one.
        """
        texts, _ = self._dataset(self._known(X), whole=True)
        if not len(texts):
            return np.zeros((0, len(self.vocabulary_)))
        vectors = last_states(self.net_, texts)
        module = self.net_.module_
        with self.net_.on_cpu(len(texts)), torch.inference_mode():
            given = torch.as_tensor(vectors).to(self.net_.device)
            scores = module.head.step(given, module).cpu().numpy()
        return softmax(scores.astype(np.float64), axis=1)

    @torch_defaults()
    def step(self, tokens: Any, state: Any = None) -> tuple[np.ndarray, Any]:
        """Return how N texts go on, one token further than at the last call.

        What `predict_proba` says of whole beginnings, at the cost of one token each: for searches
        that build texts up, such as that of `LSTMTranscriber`.

        Parameters
        ----------
        tokens : int, or list of N str
            The next token of each text; an int begins so many texts.
        state : nested tuples of Tensor, optional
            What the last call gave, rows first: `seqlearn.states.select_rows` takes some of them.

        Returns
        -------
        log_probabilities : ndarray of shape (N, V)
            A column for each entry of ``vocabulary_``.
        state : nested tuples of Tensor

        Examples
        --------
        >>> from seqlearn import LSTMLanguageModel
        >>> model = LSTMLanguageModel(hidden_size=8, max_epochs=1, random_state=0).fit(["abba"] * 9)
        >>> begun, state = model.step(2)
        >>> further, state = model.step(["a", "b"], state)
        >>> bool(np.allclose(np.exp(further), model.predict_proba(["a", "b"]), atol=1e-6))
        True
        """
        targets, net = self._record.targets, self.net_
        if isinstance(tokens, int):
            codes = np.full(tokens, targets.boundary)
        else:
            codes = targets.vocabulary.encode(list(tokens))
        net.evaluate()
        with net.on_cpu(len(codes)), torch.inference_mode():
            given = torch.as_tensor(codes).to(net.device)
            scores, (_, state, _) = net.module_.step(given, (None, state, None))
            return scores.double().log_softmax(dim=1).cpu().numpy(), state

    @torch_defaults()
    def _scored(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-likelihood of each token, (S,), and how many each text has, (N,)."""
        known = self._known(X)
        self._refuse_empty_scored(known)
        n_unknown = int((known.values == 0).sum())
        if n_unknown:
            n = len(known.values)
            warnings.warn(
                f"{n_unknown} of {n} tokens of X ({n_unknown / n:.2%}) are unknown to the model. "
                "All of them are scored as '<unk>', which is easier to foresee than each would be: "
                "compare the score only with that of a model with the same vocabulary.",
                UserWarning,
                stacklevel=4,
            )
        texts, lengths = self._dataset(known)
        return log_likelihoods(self.net_, texts).astype(np.float64), lengths

    def _refuse_empty_scored(self, known: Sequences) -> None:
        empty = [] if self._ends else np.flatnonzero(known.lengths == 0).tolist()
        if empty:
            raise DataFormatError(f"{_no_token(empty)}, so there is nothing to score. {LEAVE_OUT}")
        if not len(known):
            raise DataFormatError("X holds no text, so there is nothing to score.")

    # Texts.

    def _steps(self, record: Learned[Tokens], n_streams: int) -> Steps:
        return NextTokenSteps(type(self).__name__, self.net_, n_streams, record.targets)

    @torch_defaults()
    def sample(
        self,
        n_samples: int = 1,
        *,
        prefix: Any = None,
        max_new_tokens: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: Any = None,
        random_state: Any = None,
    ) -> list:
        """Write texts.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        prefix : str or list of str, optional
            What they begin with: a text, or tokens if ``fit`` was given lists of tokens. It is part
            of what is returned, and may hold unknown tokens.
        max_new_tokens : int, default=200
            Tokens written after the prefix, at most: a text may end before, see ``ends`` and
            ``stop``.
        temperature : float, default=1.0
            What scores are divided by: less than 1 prefers what is likely, 0 always takes the
            likeliest token.
        top_k : int, optional
            Choose among this many tokens only, the likeliest.
        top_p : float, optional
            Choose among as few of the likeliest tokens as have this probability together, in (0, 1]
            (Holtzman et al. 2020). After ``top_k``, if both are given.
        stop : str or list of str, optional
            A text ends with the first of these strings that is written after the prefix; the
            string stays in it. If ``fit`` was given lists of tokens, these are tokens.
        random_state : int, RandomState or None, default=None
            Equal ints give equal texts, and the first of them are the same for every
            ``n_samples``.

        Returns
        -------
        list of n_samples str, or lists of str
            Unknown tokens are never written.

        Raises
        ------
        InvalidParameterError
            A parameter is out of range.

        Examples
        --------
        >>> from seqlearn import LSTMLanguageModel
        >>> model = LSTMLanguageModel(hidden_size=8, max_epochs=1, random_state=0).fit(["abba"] * 9)
        >>> len(model.sample(2, prefix="ab", max_new_tokens=3, random_state=0))
        2
        """
        targets = self._record.targets
        check_arguments(
            "LSTMLanguageModel.sample",
            n_samples=(n_samples, integer(1)),
            max_new_tokens=(max_new_tokens, integer(0)),
            temperature=(temperature, number("[0, inf)")),
            top_k=(top_k, integer(1, None)),
            top_p=(top_p, number("(0, 1]", None)),
        )
        before = self._prefix(prefix)
        stops = Stops(stop, targets, n_samples, prefix, before)
        seeds = Seeds(random_state).samples(n_samples)
        net, codes = self.net_, [targets.boundary, *targets.vocabulary.encode(before)]
        net.evaluate()
        with (
            progress_bar(self.verbose == 1, max_new_tokens, "sample", "token") as tell,
            net.on_cpu(n_samples),
            torch.inference_mode(),
        ):
            written = generate(
                net.module_,
                torch.tensor(codes, device=net.device),
                n_samples=n_samples,
                n_steps=max_new_tokens,
                choice=Choice(float(temperature), top_k, top_p),
                forbidden=[0],
                end=targets.boundary if targets.ends else None,
                seeds=seeds,
                is_over=stops,
                tell=tell,
            )
        return [stops.finished(targets.labels[own].tolist()) for own in written]

    # For other estimators, see `seqlearn.estimators.contexts`.

    @torch_defaults()
    def _text_vectors(self, X: Any, readout: str) -> np.ndarray:
        return text_vectors(self.net_, self._record.targets, self._known(X), readout)

    @torch_defaults()
    def _word_vectors(self, sentences: list[list[str]]) -> np.ndarray:
        targets = self._record.targets
        if targets.unit is None:
            tokens, places = sentences, places_of_tokens(np.array(list(map(len, sentences))))
        else:
            tokens, places = divided(sentences, targets.unit)
        texts = targets.arranged(read_cut(tokens, targets.unit))
        return word_vectors(self.net_, targets, texts, places)

    # In the codes of the net.

    @property
    def _ends(self) -> bool:
        return bool(self._record.targets.ends)

    def _known(self, X: Any) -> Sequences:
        """Return texts in codes; some may be empty."""
        record, unit = self._record, self._record.targets.unit
        _, texts = _read(unpack(X), record.input, "fit")
        return record.targets.arranged(read_cut(texts if unit is None else unit.cut(texts), unit))

    def _dataset(self, known: Sequences, whole: bool = False) -> tuple[TextDataset, np.ndarray]:
        """Return what `seqlearn.training.pieces` reads, and the steps of each text.

        ``whole`` reads the last token too, for what comes after it.
        """
        symbols, starts, lengths = self._record.targets.symbols(known)
        if whole:
            lengths = known.lengths + 1
        return TextDataset(symbols, starts, lengths, device=self.net_.device), lengths

    def _prefix(self, prefix: Any) -> list[str]:
        """Return the tokens of a prefix."""
        unit = self._record.targets.unit
        if prefix is None:
            return []
        if unit is not None and isinstance(prefix, str):
            return unit.cut([str(prefix)])[0]
        is_row = isinstance(prefix, list | tuple | np.ndarray) and getattr(prefix, "ndim", 1) == 1
        if unit is not None or not is_row or not all(isinstance(one, str) for one in prefix):
            wanted = "a list of tokens" if unit is None else "a string"
            raise DataFormatError(
                f"prefix of LSTMLanguageModel.sample must be {wanted}, as X was in fit, or None. "
                f"Got {show(prefix)}."
            )
        return list(map(str, prefix))


_KINDS = {"texts": "texts", "tokens": "lists of tokens"}
LEAVE_OUT = "Leave empty texts out."


def _no_token(empty: list[int]) -> str:
    which = (
        f"Text {listed(empty)} of X has" if len(empty) == 1 else f"Texts {listed(empty)} of X have"
    )
    return f"{which} no token"


def _read(X: Any, known: InputRecord | None, when: str) -> tuple[str, list]:
    """Return what X holds, "texts" or "tokens", and its rows; refuse another kind than ``known``.

    X without rows is of any kind.
    """
    texts, tokens = read_texts(X, "X")
    kind, rows = ("texts", texts or []) if tokens is None else ("tokens", tokens)
    if known is not None and rows and kind != known.kind:
        raise DataFormatError(
            f"X holds {_KINDS[kind]}, but that of {when} held {_KINDS[known.kind]}. Give the same "
            "kind in fit and after it."
        )
    return kind, rows


def _of_mean_1(rows: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return starts, lengths and weights, these of mean 1."""
    starts, lengths, weights = rows
    return starts, lengths, weights / weights.mean()
