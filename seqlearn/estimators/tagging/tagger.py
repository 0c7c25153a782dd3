"""BiLSTMTagger: a label for every step of each sequence."""

from functools import partial
from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from seqlearn.data.channels import take_rows
from seqlearn.data.containers import unpack
from seqlearn.data.labels import RowNumbers, split_steps, without_empty
from seqlearn.data.validation import has_steps
from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.base import Learned, SequenceEstimator, TrainingData, pieces
from seqlearn.estimators.class_losses import CLASS_LOSS_CHECKS, refuse_other_loss
from seqlearn.estimators.looking_inside import InnerStates
from seqlearn.estimators.streams import network_steps
from seqlearn.estimators.tagging.step_labels import StepLabels
from seqlearn.estimators.targets import Classes
from seqlearn.modules.crf import LinearChainCRF
from seqlearn.modules.heads.head import Head
from seqlearn.modules.heads.labels import LabelHead
from seqlearn.parameter_checks import boolean, one_of
from seqlearn.streaming.steps import Steps
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.prediction import predict

__all__ = ["BiLSTMTagger"]


class BiLSTMTagger(InnerStates, SequenceEstimator[StepLabels]):
    """Label every step of a sequence: parts of speech, named entities, activities.

    A recurrent core reads each sequence, from both ends by default; a linear layer scores every
    label at every step; a conditional random field finds the best sequence of labels (Huang et
    al. 2015; Lample et al. 2016). X holds sentences as lists of words, lists of feature
    dictionaries as sklearn-crfsuite takes them, or numbers.

    Parameters
    ----------
    decoder : {"crf", "softmax"}, default="crf"
        A linear-chain conditional random field over the labels of a sequence (Lafferty et al.
        2001), or each label for itself.
    scheme : {"BIO", "BIOES"} or None, default=None
        How labels encode spans. No label sequence that breaks the scheme is ever predicted.
    repair : {"error", "convert"}, default="error"
        What is done with training labels that break the scheme: refuse them, or read their spans
        leniently, as conlleval does, and write these in the scheme.
    drop_empty : bool, default=False
        Leave empty sequences out in ``fit``, where they are refused otherwise.
    hidden_size : int, default=128
        Width of a recurrent layer, H.
    num_layers : int, default=1
        Recurrent layers stacked on each other.
    bidirectional : bool, default=True
        Read each sequence from both ends; about twice the work.
    dropout : float, default=0.5
        Share of the values dropped in training, between layers and before the linear layer.
    backend : str or Backend, default="torch"
        The recurrent core: a name in `seqlearn.available_backends`, or an object with options.
    words : Words or None, default=None
        How words and feature dictionaries are read, if X holds those; None is `seqlearn.Words()`.
    frames : Frames or None, default=None
        How frames of video are read before the core: `seqlearn.Frames`, a small convolutional
        network. None gives the core the pixels.
    missing : {"error", "mask"}, default="error"
        What NaN in X means. "error" refuses it. With "mask" it is a value that was not observed,
        and the network reads three numbers for each feature: the last value observed (before the
        first, the mean of the training data), whether there is one now, and the time since the last
        one. Padding is not missing: `seqlearn.to_sequences` cuts it off.
    time_column : int, str or None, default=None
        Number or name of the column of X that holds the time of each step. The network reads the
        time since the step before in its place. Two steps of a sequence must not have one time.
    max_epochs : int or "auto", default="auto"
        Passes over the training data. "auto" is what makes 3,000 updates, between 10 and 60.
    lr : float, default=0.005
        Learning rate.
    lr_schedule : {"cosine", "one_cycle", "constant_then_decay"} or None, default="cosine"
        How the learning rate changes over the updates of a fit; None keeps it constant.
    batch_size : int or "auto", default="auto"
        Sequences of one update. "auto" is an eighth of the training data, between 4 and 32.
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
    class_weight : dict, "balanced" or None, default=None
        Weight of each class; "balanced" makes them inverse to their frequency. With the CRF, a
        label's term of the likelihood is weighted, given the labels before it.
    loss : {"cross_entropy", "focal"}, default="cross_entropy"
        "focal" counts what is known already little: the cross entropy times (1 - p)^2, p the
        probability of the true label (Lin et al. 2017); for
        ``decoder="softmax"``, as is ``label_smoothing``.
    label_smoothing : float, default=0.0
        Share of the target that all classes divide between them, in [0, 1).
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
    classes_ : ndarray of shape (C,)
        The labels.
    transitions_ : DataFrame of shape (C, C)
        Score of each label (column) after each other (row), minus infinity where the scheme
        forbids it; of a CRF only.
    n_features_in_ : int
        Columns of a 2-D X or of a table of sequences; values a step otherwise,
        H * W * C of frames.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns or channels, if X had them: data frames, however they hold sequences.
    vocabulary_ : Vocabulary
        Words or features known, if X holds those.
    input_kind_ : {"series", "sequences", "frames", "tokens", "features"}
        Whether X was 2-D; 3-D or ragged; frames of video; lists of tokens; or of feature
        dictionaries.
    history_ : list of dict
        One row an epoch: epoch, train_loss, lr, seconds; with early stopping also valid_loss and
        valid_score (share of the steps whose label is right).
    loss_curve_ : list of float
        Training loss of each epoch, the mean over the steps.
    n_iter_ : int
        Epochs trained.
    device_ : str
        Device used.
    net_ : skorch.NeuralNet
        The trained net. Its ``module_`` (a torch module of ``input``, ``encoder`` and ``head``),
        ``history`` and ``optimizer_`` may be relied on, and callbacks of skorch work on it.

    See Also
    --------
    LSTMClassifier : One label for a whole sequence.
    seqlearn.metrics.span_f1_score : F1 of spans, for labels that encode them.

    Notes
    -----
    A 2-D X with a 1-D y is rows of one step each; with a 2-D y of its shape, univariate series.

    The tagger is no scikit-learn classifier: ``scoring="accuracy"`` and stratified splits do not
    know labels of steps. Its ``score`` is the share of the steps whose label is right; see
    `seqlearn.metrics` for others.

    References
    ----------
    Huang, Z., Xu, W. and Yu, K. (2015). Bidirectional LSTM-CRF models for sequence tagging.
    arXiv:1508.01991.

    Lample, G. et al. (2016). Neural architectures for named entity recognition. NAACL-HLT.

    Examples
    --------
    >>> from seqlearn import BiLSTMTagger
    >>> sentences = [["a", "dog", "barks"], ["the", "cat", "sleeps"], ["dogs", "bark"]] * 5
    >>> labels = [["DET", "NOUN", "VERB"], ["DET", "NOUN", "VERB"], ["NOUN", "VERB"]] * 5
    >>> tagger = BiLSTMTagger(max_epochs=30, random_state=0).fit(sentences, labels)
    >>> tagger.predict([["the", "dog", "sleeps"]])[0].tolist()
    ['DET', 'NOUN', 'VERB']
    """

    _checks: ClassVar = CLASS_LOSS_CHECKS | {
        "decoder": one_of("crf", "softmax"),
        "scheme": one_of("BIO", "BIOES", None),
        "repair": one_of("error", "convert"),
        "drop_empty": boolean,
    }
    _reads_discrete = True
    _characters = 50
    _merges_times = False

    # <parameters: decoder scheme repair drop_empty network backend words frames
    #   missing time_column training warm_start class_weight loss label_smoothing control>
    def __init__(
        self,
        *,
        decoder: str = "crf",
        scheme: str | None = None,
        repair: str = "error",
        drop_empty: bool = False,
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.5,
        backend: Any = "torch",
        words: Any = None,
        frames: Any = None,
        missing: str = "error",
        time_column: int | str | None = None,
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
        precision: str = "float32",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        class_weight: dict | str | None = None,
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        random_state: Any = None,
        verbose: int = 0,
        checkpoint: Any = None,
        net_params: dict | None = None,
    ):
        self.decoder = decoder
        self.scheme = scheme
        self.repair = repair
        self.drop_empty = drop_empty
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.backend = backend
        self.words = words
        self.frames = frames
        self.missing = missing
        self.time_column = time_column
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
        self.class_weight = class_weight
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.net_params = net_params
        # </parameters>

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BiLSTMTagger":
        """Train on sequences and the labels of their steps.

        Parameters
        ----------
        X : list of N lists of str or dict, list of N arrays of shape (T_i, F), or array
            Sequences; anything `seqlearn.to_sequences` takes without further arguments.
        y : list of N label lists, 1-D object array of arrays, or array of shape (N, T)
            A label for each step: text, whole numbers, bools or NumPy's dates, all of one type.
            For an array X of shape (N, F) also (N,).
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
            X or y has a form that is not accepted, or labels break the scheme; sequences and
            steps are named.
        TrainingDivergedError
            The loss was not finite from the first epoch on.
        """
        return self._fit(X, y, sample_weight)

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> "BiLSTMTagger":
        """Train for one epoch on a further part of the data, at the constant rate ``lr``.

        The first call fixes which words are known.

        Parameters
        ----------
        X, y
            As in `fit`.
        classes : array-like of shape (C,), optional
            All labels that will ever occur; by default those of the first call.
        sample_weight
            As in `fit`.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, part=True, classes=classes)

    def _targets(self) -> StepLabels:
        return StepLabels(scheme=self.scheme, repair=self.repair)

    def _without_blank(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any, Any]:
        if self.drop_empty and isinstance(X, list):
            return without_empty(X, y, sample_weight)
        return super()._without_blank(X, y, sample_weight)

    def _head(self, data: TrainingData[StepLabels]) -> tuple[type[Head], dict[str, Any]]:
        if self.decoder == "crf":
            refuse_other_loss(self.loss, self.label_smoothing, "with decoder='crf'")
        targets, lengths, class_weights = data.targets, data.y.lengths, None
        if self.class_weight is not None:
            codes, weights = data.y.values[:, 0], np.repeat(data.counts, lengths)
            class_weights = targets.weights(
                self.class_weight, codes, weights, type(self).__name__
            ).tolist()
        return LabelHead, {
            "output_size": targets.output_size,
            "dropout": self.dropout,
            "decoder": self.decoder,
            "scheme": targets.allowed,
            "steps_a_row": float(np.average(lengths, weights=data.counts)),
            "class_weights": class_weights,
            "loss": self.loss,
            "label_smoothing": self.label_smoothing,
        }

    @property
    def classes_(self) -> np.ndarray:
        """The labels."""
        return self._record.targets.classes.copy()

    def _steps(self, record: Learned[StepLabels], n_streams: int) -> Steps:
        name, decoder, reason = type(self).__name__, self.net_.module_.head.decoder, None
        if record.targets.one_step:
            reason = (
                "y was 1-D in fit, so that each row of X is a sequence of one step, with nothing "
                "to carry along. Call predict"
            )
        elif isinstance(decoder, LinearChainCRF):
            reason = (
                "decoder='crf' finds the best sequence of labels, in which a later step revises "
                "earlier labels. Fit with decoder='softmax'"
            )
        elif decoder.path is not None:
            reason = (
                f"with scheme={record.targets.scheme!r} the best sequence of labels is found that "
                "keeps to it, in which a later step revises earlier labels. Fit with scheme=None"
            )
        if reason is not None:
            raise InvalidParameterError(f"This {name} cannot stream: {reason}.")
        targets = record.targets
        answers: dict[str, Any] = {
            "decode": partial(Classes.decode, targets),
            "probabilities_of": targets.probabilities,
        }
        return network_steps(name, self.net_, record, n_streams, **answers)

    def predict(self, X: Any) -> np.ndarray:
        """Return the best label sequence of each sequence.

        Parameters
        ----------
        X : list of N lists of str or dict, list of N arrays of shape (T_i, F), or array
            Sequences. One without steps gets no labels.

        Returns
        -------
        ndarray
            A 1-D object array of N arrays of shape (T_i,); for an array X of shape (N, T) or
            (N, T, F) an array (N, T), and (N,) if y was 1-D in fit.
        """
        return self._predict(X, "labels")

    def predict_marginals(self, X: Any) -> np.ndarray:
        """Return the probability of each label at each step, given the whole sequence.

        The most probable label of a step need not be the one in the best sequence, which is
        what `predict` gives with a CRF or a scheme. A softmax knows of no scheme: it gives labels
        that may not stand at a step some probability there.

        Parameters
        ----------
        X : list of N lists of str or dict, list of N arrays of shape (T_i, F), or array
            Sequences.

        Returns
        -------
        ndarray
            A 1-D object array of N arrays of shape (T_i, C), whose rows sum to one; for an array
            X an array (N, T, C), and (N, C) if y was 1-D in fit.
        """
        return self._predict(X, "marginals")

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of the steps whose label is right.

        With ``repair="convert"``, y is read and written in the scheme first, as in ``fit``.

        Parameters
        ----------
        X : list of N lists of str or dict, list of N arrays of shape (T_i, F), or array
            Sequences.
        y : as in `fit`
            The true labels.
        sample_weight : array-like of shape (N,), optional
            Weight of each sequence.

        Returns
        -------
        float
        """
        return self._record.targets.share_right(y, self.predict(X), sample_weight)

    @property
    def transitions_(self) -> Any:
        """Score of each label (column) after each other (row), a data frame (C, C)."""
        check_is_fitted(self, "net_")
        crf = self.net_.module_.head.decoder
        if not hasattr(crf, "transitions"):
            raise AttributeError("transitions_ is for decoder='crf'; softmax has no transitions.")
        from pandas import DataFrame

        scores = crf.transitions.detach().cpu().numpy().astype(np.float64)
        scores[~crf.transitions_allowed.cpu().numpy()] = -np.inf
        return DataFrame(scores, index=self.classes_, columns=self.classes_)

    @torch_defaults()
    def _predict(self, X: Any, what: str) -> np.ndarray:
        """Return what the head reads of every step, in the form of X."""
        is_label, targets, X = what == "labels", self._record.targets, unpack(X)
        kept: Any = slice(None)
        n_rows = len(X) if isinstance(X, list) else None
        number = RowNumbers(np.arange(n_rows or 0))
        if isinstance(X, list) and not all(filled := list(map(has_steps, X))):
            kept = np.flatnonzero(filled)
            X, number = take_rows(X, kept.tolist()), RowNumbers(kept)
        parts, lengths = [], [np.zeros(0, np.int64)]
        for start, piece in pieces(X) if not isinstance(X, list) or X else ():
            first = number.after(start) if n_rows else start
            sequences = self._encoded(piece, first)
            targets.refuse_lengths(self.net_.module_.head.decoder, sequences, first)
            parts.append(predict(self.net_, sequences, what=what))
            lengths.append(sequences.lengths)
        width = () if is_label else (targets.output_size,)
        values = np.concatenate(parts) if parts else np.zeros((0, *width), np.int64)
        values = targets.decode(values) if is_label else values.astype(np.float64)
        if targets.one_step and not isinstance(kept, np.ndarray):
            return values
        if isinstance(X, np.ndarray):
            return values.reshape(len(X), -1, *width)  # (N, T, ...)
        of_row = np.zeros(sum(map(len, lengths)) if n_rows is None else n_rows, np.int64)
        of_row[kept] = np.concatenate(lengths)
        return split_steps(values, np.concatenate(([0], np.cumsum(of_row))))
