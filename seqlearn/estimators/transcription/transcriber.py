"""LSTMTranscriber: speech, pen strokes and other signals to text."""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np
import torch

from seqlearn.data.batches import Batched
from seqlearn.data.containers import unpack
from seqlearn.data.messages import listed
from seqlearn.data.transcripts import TranscriptDataset
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.estimators.base import SequenceEstimator, TrainingData, pieces
from seqlearn.estimators.transcription.decoding import greedy, placed, searched
from seqlearn.estimators.transcription.knowledge import (
    Knowledge,
    check_language_model,
    check_lexicon,
)
from seqlearn.estimators.transcription.posteriors import log_probabilities
from seqlearn.estimators.transcription.symbols import Strings, Transcripts
from seqlearn.inputs.stacking import FrameStack
from seqlearn.inputs.station import Input
from seqlearn.metrics.edit_distance import token_error_rate
from seqlearn.modules.ctc_paths import steps_needed
from seqlearn.modules.heads.ctc import CTCHead, SymbolStrings
from seqlearn.modules.heads.head import Head
from seqlearn.parameter_checks import (
    check_arguments,
    check_parameters,
    integer,
    number,
    one_of,
)
from seqlearn.training.defaults import torch_defaults

__all__ = ["LSTMTranscriber"]

OTHER_LENGTH = (
    "Found input variables with inconsistent numbers of samples: y has {} rows, X has {}. Give a "
    "row for each."
)
DECODING = (
    "decoder",
    "beam_width",
    "lexicon",
    "language_model",
    "language_weight",
    "symbol_bonus",
    "chunk_steps",
    "chunk_overlap",
)


class Said(NamedTuple):
    """What the network says of some sequences."""

    values: np.ndarray  # (S', C + 1), log-probabilities of blank and symbols
    n_steps: np.ndarray  # (N,), of each sequence, stacked
    n_frames: list[int]  # before


class LSTMTranscriber(SequenceEstimator[Strings]):
    """Write down what a signal says: speech to text, strokes of a pen to characters.

    X has a sequence of frames for each row, y a shorter string of symbols in the same order; where
    in the sequence a symbol stands need not be known. A recurrent network says at each step how
    probable every symbol is, or a blank, and is trained on the sum over all ways to place the
    symbols (connectionist temporal classification, Graves et al. 2006).

    Parameters
    ----------
    unit : {"char", "word"}, default="char"
        What a symbol of a text is: a character, spaces too, or a word between spaces. Lists of
        symbols are taken as they are.
    stack : int, default=1
        Frames that the network reads as one step. Speech at 100 frames a second is learned faster
        with 3, and no worse. Timings are then multiples of it.
    input_dropout : float, default=0.0
        Share of the values of a frame that training hides, the same ones in all frames of a
        sequence, other ones each time: answers must not hang on any of them, which helps with
        speakers and writers who were never heard or seen.
    on_infeasible : {"error", "drop"}, default="error"
        What ``fit`` does with a row that has fewer steps, stacked, than its string needs: one for
        each symbol, and one between equal neighbours. Refuse it, or leave it out.
    hidden_size : int, default=128
        Width of a recurrent layer, H.
    num_layers : int, default=1
        Recurrent layers stacked on each other.
    bidirectional : bool, default=True
        Read each sequence from both ends; about twice the work.
    dropout : float, default=0.3
        Share of the values dropped in training, between layers and before the linear layer.
    backend : str or Backend, default="torch"
        The recurrent core: a name in `seqlearn.available_backends`, or an object with options.
    decoder : {"beam", "greedy"}, default="beam"
        How the answer is found: the likeliest string, of those that a prefix beam search keeps in
        mind, or what the likeliest symbol or blank of each step says, which is faster.
    beam_width : int, default=8
        Strings kept in mind at each step.
    lexicon : list of str or None, default=None
        The words that answers are made of, with a space between, for texts of characters; None
        lets any letters follow each other. A last word that is not whole is left off.
    language_model : LSTMLanguageModel or None, default=None
        A fitted model of what symbols follow each other: with ``unit="char"`` for characters, of
        lists of words or symbols otherwise. Any object with ``predict_proba`` of beginnings, and
        ``vocabulary_``, will do. So that `sklearn.base.clone` and searches keep it fitted, wrap it
        in `sklearn.frozen.FrozenEstimator`.
    language_weight : float, default=0.5
        What log-probabilities of the language model are multiplied by, when they are added.
    symbol_bonus : float, default=0.0
        What is added to the score of an answer for each symbol: above 0 for longer answers, which a
        language model finds less likely.
    chunk_steps : int or None, default=16384
        Frames read at once in prediction; a longer recording is read in chunks, so that memory is
        bounded. None reads every recording whole.
    chunk_overlap : int, default=1024
        Frames on either side of a chunk that are read, but not answered for, as they may lack
        what comes before or after them.
    max_epochs : int or "auto", default="auto"
        Passes over the training data. "auto" is what makes 3,000 updates, between 10 and 60.
    lr : float, default=0.01
        Learning rate.
    lr_schedule : {"cosine", "one_cycle", "constant_then_decay"} or None, default="cosine"
        How the learning rate changes over the updates of a fit; None keeps it constant.
    batch_size : int or "auto", default="auto"
        Sequences of one update. "auto" is an eighth of the training data, between 4 and 16.
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
    precision : {"auto", "float32", "bf16"}, default="float32"
        Of the core's matrix products in training: "auto" is bfloat16 where that is faster.
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
    symbols_ : ndarray of shape (C,)
        The symbols that answers are made of, in ascending order.
    dropped_rows_ : ndarray of int
        Rows of the last fit with too few steps for their string, left out by
        ``on_infeasible="drop"``.
    n_features_in_ : int
        Columns of a 2-D X or of a table of sequences; values a step otherwise.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns or channels, if X had them: data frames, however they hold sequences.
    input_kind_ : {"series", "sequences"}
        Whether X was 2-D; or 3-D or ragged.
    history_ : list of dict
        One row an epoch: epoch, train_loss, lr, seconds; with early stopping also valid_loss and
        valid_score (1 minus the symbol error rate of the greedy decoder).
    loss_curve_ : list of float
        Training loss of each epoch, in nats a symbol.
    n_iter_ : int
        Epochs trained.
    device_ : str
        Device used.
    net_ : skorch.NeuralNet
        The trained net. Its ``module_`` (a torch module of ``input``, ``encoder`` and ``head``),
        ``history`` and ``optimizer_`` may be relied on, and callbacks of skorch work on it.

    See Also
    --------
    BiLSTMTagger : A label for each step, where these are known.
    LSTMTranslator : Text to text, in any order.

    Notes
    -----
    What ``decoder`` and the parameters after it say is read when a method asks for answers:
    ``transcriber.set_params(beam_width=32).predict(X)`` needs no new fit.

    A row of y may be empty: the network learns that the sequence says nothing.

    For some epochs the network says blank everywhere, and the score is 0; then it learns fast. A
    fit that ends there needs more updates (``max_epochs``) or frames of a common scale
    (`seqlearn.preprocessing.SequenceScaler`).

    An answer does not depend on which other sequences are transcribed with it.

    References
    ----------
    Graves, A., Fernandez, S., Gomez, F. and Schmidhuber, J. (2006). Connectionist temporal
    classification: labelling unsegmented sequence data with recurrent neural networks. ICML.

    Examples
    --------
    Bumps of three heights, with noise between:

    >>> import numpy as np
    >>> from seqlearn import LSTMTranscriber
    >>> rng = np.random.default_rng(0)
    >>> heights = {"a": -1.0, "b": 1.0, "c": 2.0}
    >>> def signal(text):
    ...     bumps = [[0.0] * rng.integers(1, 4) + [heights[one]] * 3 for one in text]
    ...     return np.concatenate([*bumps, [0.0]])[:, None] + rng.normal(scale=0.1)
    >>> y = ["".join(rng.choice([*"abc"], size=n)) for n in rng.integers(1, 5, size=200)]
    >>> X = [signal(text) for text in y]
    >>> transcriber = LSTMTranscriber(hidden_size=16, lr=0.02, random_state=0).fit(X, y)
    >>> transcriber.predict([signal("abba")])
    ['abba']
    """

    _checks: ClassVar = {
        "unit": one_of("char", "word"),
        "stack": integer(1),
        "input_dropout": number("[0, 1)"),
        "on_infeasible": one_of("error", "drop"),
        "decoder": one_of("beam", "greedy"),
        "beam_width": integer(1),
        "lexicon": check_lexicon,
        "language_model": check_language_model,
        "language_weight": number("[0, inf)"),
        "symbol_bonus": number("(-inf, inf)"),
        "chunk_steps": integer(1, None),
        "chunk_overlap": integer(0),
    }
    _largest_batch = 16
    readout = None

    # <parameters: unit * stack input_dropout on_infeasible network backend decoder beam_width
    #   lexicon language_model language_weight symbol_bonus chunk_steps chunk_overlap training
    #   warm_start control>
    def __init__(
        self,
        unit: str = "char",
        *,
        stack: int = 1,
        input_dropout: float = 0.0,
        on_infeasible: str = "error",
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.3,
        backend: Any = "torch",
        decoder: str = "beam",
        beam_width: int = 8,
        lexicon: list | None = None,
        language_model: Any = None,
        language_weight: float = 0.5,
        symbol_bonus: float = 0.0,
        chunk_steps: int | None = 16384,
        chunk_overlap: int = 1024,
        max_epochs: int | str = "auto",
        lr: float = 0.01,
        lr_schedule: str | None = "cosine",
        batch_size: int | str = "auto",
        optimizer: Any = "adam",
        weight_decay: float = 0.0,
        gradient_clip: float | None = 1.0,
        callbacks: list | None = None,
        device: str = "auto",
        dtype: str = "float32",
        precision: str = "float32",
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
        self.stack = stack
        self.input_dropout = input_dropout
        self.on_infeasible = on_infeasible
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.backend = backend
        self.decoder = decoder
        self.beam_width = beam_width
        self.lexicon = lexicon
        self.language_model = language_model
        self.language_weight = language_weight
        self.symbol_bonus = symbol_bonus
        self.chunk_steps = chunk_steps
        self.chunk_overlap = chunk_overlap
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
        tags.target_tags.required = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LSTMTranscriber":
        """Learn from sequences and the strings that they say.

        Parameters
        ----------
        X : list of N arrays of shape (T_i, F), or array of shape (N, T) or (N, T, F)
            Sequences of frames; anything `seqlearn.to_sequences` takes without further arguments.
        y : list of N str, or of N lists of symbols
            What each says. Symbols of lists are text, whole numbers or bools, all of one type.
        sample_weight : array-like of shape (N,), optional
            Weight of each sequence.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            A parameter is out of range.
        DataFormatError
            X or y has a form that is not accepted, they differ in length, no row of y has a symbol,
            or a sequence is too short for its string; rows are named.
        TrainingDivergedError
            The loss was not finite from the first epoch on.
        """
        return self._fit(X, y, sample_weight)

    def partial_fit(
        self, X: Any, y: Any, symbols: Any = None, sample_weight: Any = None
    ) -> "LSTMTranscriber":
        """Train for one epoch on a further part of the data, at the constant rate ``lr``.

        Parameters
        ----------
        X, y
            As in `fit`.
        symbols : list or array of shape (C,), optional
            All symbols that will ever occur; by default those of the first call.
        sample_weight
            As in `fit`.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, part=True, symbols=symbols)

    @property
    def symbols_(self) -> np.ndarray:
        """The symbols that answers are made of, (C,)."""
        return self._record.targets.symbols.copy()

    @property
    def dropped_rows_(self) -> np.ndarray:
        """Rows of the last fit that were left out, as they have too few steps."""
        return self._record.targets.short[:, 0].copy()

    # What the template asks.

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_decoding()

    def _targets(self) -> Strings:
        return Strings(self.unit, self.stack)

    def _row_factors(self, targets: Strings, codes: Any, weights: np.ndarray) -> np.ndarray | None:
        row, needed, n_steps = targets.short[weights[targets.short[:, 0]] > 0].T
        if not len(row):
            return None
        stacked = f" of {self.stack} frames" if self.stack > 1 else ""
        if self.on_infeasible == "error" or not (np.delete(weights, row) > 0).any():
            plural = "s" * (len(row) > 1)
            raise DataFormatError(
                f"{len(row)} sequence{plural} of X {'are' if plural else 'is'} too short for what "
                f"y says: row{plural} {listed(row)}. Each symbol needs a step{stacked}, and one "
                f"more stands between equal neighbours: row {row[0]} needs {needed[0]} and has "
                f"{n_steps[0]}. "
                + ("Set a smaller stack, look" if stacked else "Look")
                + " whether X and y belong together, give more frames, or leave such rows out: "
                "on_infeasible='drop'."
                + (" No other row is left to fit on." if self.on_infeasible == "drop" else "")
            )
        factors = np.ones(len(weights))
        factors[row] = 0.0
        return factors

    def _input(self, data: TrainingData[Strings]) -> tuple[type[Input], dict[str, Any]] | None:
        if self.stack == 1 and self.input_dropout == 0:
            return None
        return FrameStack, {
            "n_features": data.sequences.n_features,
            "stack": self.stack,
            "dropout": self.input_dropout,
        }

    def _head(self, data: TrainingData[Strings]) -> tuple[type[Head], dict[str, Any]]:
        own = data.train_rows
        mean = float(np.average(data.y.lengths[own], weights=data.counts[own]))
        return CTCHead, {
            "n_symbols": data.targets.output_size,
            "dropout": self.dropout,
            "symbols_a_row": mean or 1.0,
        }

    def _datasets(
        self, data: TrainingData[Strings], device: str, dtype: torch.dtype
    ) -> tuple[Batched, Batched | None]:
        def dataset(rows: np.ndarray) -> TranscriptDataset:
            weights = data.weights[rows]
            return TranscriptDataset(
                data.sequences.take(data.rows[rows]),
                data.y[rows],
                weights / weights.mean(),
                device,
                dtype,
                make_targets=SymbolStrings,
            )

        valid = None if data.valid_rows is None else dataset(data.valid_rows)
        return dataset(data.train_rows), valid

    def _steps(self, record: Any, n_streams: int) -> NoReturn:
        raise InvalidParameterError(
            "LSTMTranscriber cannot stream: what comes later changes which string is likeliest. "
            "Call predict on what came so far."
        )

    # Answers.

    def predict(self, X: Any) -> Any:
        """Return what each sequence says.

        Parameters
        ----------
        X : as in `fit`
            Sequences.

        Returns
        -------
        list of N str, or 1-D object array of N lists of symbols
            What y was in ``fit``. It may be empty.

        Raises
        ------
        InvalidParameterError
            A parameter of decoding is out of range.
        DataFormatError
            X is of another kind than in ``fit``.
        """
        targets = self._record.targets
        return targets.as_y([targets.decode(codes) for codes in self._codes(X)])

    def predict_n_best(
        self, X: Any, n: int = 5, return_scores: bool = False
    ) -> list[list[Any]] | tuple[list[list[Any]], list[np.ndarray]]:
        """Return the n best answers to each sequence, found by prefix beam search.

        Parameters
        ----------
        X : as in `fit`
            Sequences.
        n : int, default=5
            How many, at most. At least so many strings are kept in mind.
        return_scores : bool, default=False
            Whether to return what answers are ranked by, too.

        Returns
        -------
        answers : list of N lists of str, or of N lists of lists of symbols
            The best first, all different.
        scores : list of N arrays
            If asked for: log-probabilities, summed over all paths that the search kept, and what
            language model and bonus add.
        """
        check_arguments("LSTMTranscriber.predict_n_best", n=(n, integer(1)))
        targets, answers, scores = self._record.targets, [], []
        knowledge = self._knowledge()
        for said in self._said(X):
            for found in searched(said.values, said.n_steps, self.beam_width, n, knowledge):
                answers.append([targets.decode(codes) for codes in found.codes])
                scores.append(found.scores)
        return (answers, scores) if return_scores else answers

    def predict_log_proba(self, X: Any) -> list[np.ndarray]:
        """Return the log-probability of blank and symbols at each step.

        Parameters
        ----------
        X : as in `fit`
            Sequences.

        Returns
        -------
        list of N ndarrays of shape (ceil(T_i / stack), C + 1)
            Column 0 is the blank, column k the symbol ``symbols_[k - 1]``.
        """
        return [
            own.astype(np.float64)
            for said in self._said(X)
            for own in np.split(said.values, np.cumsum(said.n_steps)[:-1])
        ]

    def predict_timings(
        self, X: Any, step_seconds: float | None = None, y: Any = None
    ) -> list[list[tuple[Any, Any, Any]]]:
        """Return when each symbol of the answer is said.

        They are those of the likeliest path that says the answer. The network is free to choose
        where within a sound it says its symbol, mostly for a step or two: begin and end are of
        that, not of the sound.

        Parameters
        ----------
        X : as in `fit`
            Sequences.
        step_seconds : float, optional
            Time from one frame of X to the next; times are then in seconds.
        y : as in `fit`, optional
            What the sequences say, where it is known; the answers of `predict` by default.

        Returns
        -------
        list of N lists of (symbol, start, end)
            Start and end in steps of X, the end being the first step after the symbol; multiples
            of ``stack``, but at the end of a sequence. Floats with ``step_seconds``, else ints.

        Raises
        ------
        DataFormatError
            A row of y cannot be said in as few steps as its sequence has; it is named.
        """
        check_arguments(
            "LSTMTranscriber.predict_timings", step_seconds=(step_seconds, number("(0, inf)", None))
        )
        targets = self._record.targets
        given = None if y is None else self._given(y)
        knowledge = self._knowledge()
        timings: list[list[tuple[Any, Any, Any]]] = []
        for said in self._said(X):
            done = len(timings)
            if given is None:
                strings = self._found(said, knowledge)
            else:
                strings = given[done : done + len(said.n_steps)]
                self._refuse_short(strings, said, done)
            places = placed(said.values, said.n_steps, strings)
            for codes, (starts, ends), n in zip(strings, places, said.n_frames, strict=True):
                times = np.minimum(np.stack([starts, ends]) * targets.stack, n)
                times = times if step_seconds is None else times * float(step_seconds)
                symbols = targets.symbols[codes - 1].tolist()
                timings.append(list(zip(symbols, *times.tolist(), strict=True)))
        if given is not None and len(given) > len(timings):
            raise DataFormatError(OTHER_LENGTH.format(len(given), f"{len(timings)} sequences"))
        return timings

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return 1 minus the symbol error rate: edits over symbols of y.

        Parameters
        ----------
        X : as in `fit`
            Sequences.
        y : as in `fit`
            What they say. A symbol that was not there in ``fit`` is refused.
        sample_weight : array-like of shape (N,), optional
            Weight of each sequence.

        Returns
        -------
        float
            At most 1, below 0 if more was put in than there is. See
            `seqlearn.metrics.token_error_rate`.

        Raises
        ------
        DataFormatError
            y holds a symbol that the model cannot write, or is of another kind than in ``fit``;
            rows are named.
        """
        targets, known = self._record.targets, self._known(y)
        answers = [targets.symbols[codes - 1].tolist() for codes in self._codes(X)]
        references = [[row] for row in known.rows()]
        return 1 - token_error_rate(references, answers, sample_weight=sample_weight)

    # How answers are found.

    def _check_decoding(self) -> None:
        """Check the parameters that answers hang on."""
        check_parameters(self, {name: self._checks[name] for name in DECODING})
        if self.decoder == "greedy" and self._knows_more():
            raise InvalidParameterError(
                "lexicon, language_model and symbol_bonus are for decoder='beam'; the greedy one "
                "looks at each step alone. Set decoder='beam', or leave them out."
            )
        least = 2 * self.chunk_overlap + self.stack
        if self.chunk_steps is not None and self.chunk_steps < least:
            raise InvalidParameterError(
                f"chunk_steps={self.chunk_steps} leaves nothing of a chunk between two overlaps of "
                f"chunk_overlap={self.chunk_overlap}. Set it to {least} or more, a smaller "
                "overlap, or chunk_steps=None."
            )

    def _said(self, X: Any) -> Iterator[Said]:
        """Yield what the network says of the sequences of X, a piece of it at a time."""
        self._check_decoding()
        targets = self._record.targets
        with torch_defaults():
            for first, piece in pieces(unpack(X)):
                sequences = self._encoded(piece, first)
                values, n_steps = log_probabilities(
                    self.net_, sequences, targets.stack, self.chunk_steps, self.chunk_overlap
                )
                yield Said(values, n_steps, sequences.lengths.tolist())

    def _knows_more(self) -> bool:
        return not (self.lexicon is None and self.language_model is None and self.symbol_bonus == 0)

    def _knowledge(self) -> Knowledge | None:
        """Return what is known of strings besides their sound."""
        self._check_decoding()
        if not self._knows_more():
            return None
        return Knowledge(
            self._record.targets,
            self.lexicon,
            self.language_model,
            self.language_weight,
            self.symbol_bonus,
        )

    def _found(self, said: Said, knowledge: Knowledge | None) -> list[np.ndarray]:
        """Return the codes of each answer."""
        if self.decoder == "greedy":
            return greedy(said.values, said.n_steps)
        found = searched(said.values, said.n_steps, self.beam_width, 1, knowledge)
        return [one.codes[0] for one in found]

    def _codes(self, X: Any) -> Iterator[np.ndarray]:
        """Yield the codes of each answer."""
        knowledge = self._knowledge()
        for said in self._said(X):
            yield from self._found(said, knowledge)

    def _known(self, y: Any) -> Transcripts:
        """Return y of after ``fit``, with no symbol but known ones."""
        targets = self._record.targets
        known = targets.read(y, None, "")
        targets.refuse_unknown(known)
        return known

    def _given(self, y: Any) -> list[np.ndarray]:
        """Return the codes of each row of y."""
        known = self._known(y)
        codes = self._record.targets.encode(known).values[:, 0]
        return np.split(codes, np.cumsum(known.lengths)[:-1])

    def _refuse_short(self, strings: list[np.ndarray], said: Said, first: int) -> None:
        """Refuse strings that need more steps than their sequence has."""
        if len(strings) < len(said.n_steps):
            raise DataFormatError(OTHER_LENGTH.format(first + len(strings), "more sequences"))
        lengths = np.fromiter(map(len, strings), np.int64, len(strings))
        needed = steps_needed(np.concatenate([*strings, []]), lengths)
        row = np.flatnonzero(needed > said.n_steps)
        if len(row):
            raise DataFormatError(
                f"Row{'s' * (len(row) > 1)} {listed(first + row)} of y cannot be said in the steps "
                f"of the sequence: row {first + row[0]} needs {needed[row[0]]}, one for each "
                f"symbol and one between equal neighbours, and has {said.n_steps[row[0]]}."
            )
