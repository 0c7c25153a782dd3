"""SequenceEncoder: the hidden state of a network as features for any other estimator."""

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from seqlearn.errors import InvalidParameterError
from seqlearn.estimators.base import Learned, SequenceEstimator, TrainingData
from seqlearn.estimators.contexts import LanguageModel
from seqlearn.estimators.looking_inside import InnerStates
from seqlearn.estimators.streams import network_steps
from seqlearn.estimators.targets import NextSteps
from seqlearn.estimators.trainable import fit_inside, training
from seqlearn.modules.heads.head import Head
from seqlearn.modules.heads.next_step import NextStepHead
from seqlearn.streaming.steps import Steps
from seqlearn.training.net import SequenceNet

__all__ = ["SequenceEncoder"]

READOUTS_OF_TEXTS = ("last", "mean", "max")


class SequenceEncoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, InnerStates, SequenceEstimator[NextSteps]
):
    """Turn each sequence, however long, into one vector: the hidden state of a network.

    Without an estimator the network learns from the sequences alone: at each step it predicts
    the next one, in units of each feature's standard deviation, and what it has to remember
    for that becomes the features. With an estimator, they are what its last layer reads; with a
    language model, what becomes of its hidden states at the tokens of a text.

    Parameters
    ----------
    estimator : estimator, FrozenEstimator or None, default=None
        Whose hidden state to give: an `LSTMClassifier`, `LSTMRegressor` or `LSTMLanguageModel`. It
        is cloned and fitted on X and y, as scikit-learn's
        meta-estimators do; a fitted one inside `sklearn.frozen.FrozenEstimator` is used as it
        is, and stays fitted in clones. The parameters below are then not used, but for the
        ``readout`` of a language model. None trains a network without labels, with the parameters
        below.
    hidden_size : int, default=64
        Width of a recurrent layer, H.
    num_layers : int, default=1
        Recurrent layers stacked on each other.
    dropout : float, default=0.2
        Share of the values dropped in training, between layers.
    readout : {"last", "mean", "max", "attention"}, default="max"
        What becomes of the steps: the last one, their mean, their maximum, or a learned weighted
        mean.
    backend : str or Backend, default="torch"
        The recurrent core: a name in `seqlearn.available_backends`, or an object with options.
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
        time since the step before in its place. Steps of one time are merged into their mean.
    max_epochs : int or "auto", default="auto"
        Passes over the training data. "auto" is what makes 3,000 updates, between 10 and 60.
    lr : float, default=0.01
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
    estimator_ : estimator
        The fitted estimator, if ``estimator`` was given. The attributes of training below are
        there if it was not.
    n_features_in_ : int
        Columns of a 2-D X or of a table of sequences; values a step otherwise,
        H * W * C of frames.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns or channels, if X had them: data frames, however they hold sequences.
    input_kind_ : {"series", "sequences", "frames"}
        Whether X was 2-D; 3-D or ragged; or frames of video.
    history_ : list of dict
        One row an epoch: epoch, train_loss, lr, seconds; with early stopping also valid_loss and
        valid_score (minus the loss).
    loss_curve_ : list of float
        Training loss of each epoch.
    n_iter_ : int
        Epochs trained.
    device_ : str
        Device used.
    net_ : skorch.NeuralNet
        The trained net. Its ``module_`` (a torch module of ``input``, ``encoder`` and ``head``),
        ``history`` and ``optimizer_`` may be relied on, and callbacks of skorch work on it.

    See Also
    --------
    LSTMClassifier : Predict labels from sequences.
    LSTMLanguageModel : Learn how texts go on.

    Notes
    -----
    With a language model, X holds what that reads: texts, or lists of tokens. Its hidden states
    after each token of a text become one vector by ``readout``, which may be changed without
    another fit; a text without tokens has the state that every text begins with.

    References
    ----------
    Dai, A. M. and Le, Q. V. (2015). Semi-supervised sequence learning. NIPS 28.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from seqlearn import SequenceEncoder
    >>> from seqlearn.datasets import make_noisy_sines
    >>> X, y = make_noisy_sines(60, 20, ragged=True, random_state=0)
    >>> encoder = SequenceEncoder(hidden_size=16, max_epochs=5, random_state=0)
    >>> pipe = make_pipeline(encoder, LogisticRegression()).fit(X, y)
    >>> pipe[:-1].get_feature_names_out()[:2]
    array(['sequenceencoder0', 'sequenceencoder1'], dtype=object)

    Texts become vectors by a language model that has read others:

    >>> from sklearn.frozen import FrozenEstimator
    >>> from seqlearn import LSTMLanguageModel
    >>> texts = ["the cat sat on the mat", "the dog sat on the rug"] * 20
    >>> model = LSTMLanguageModel(hidden_size=16, max_epochs=2, random_state=0).fit(texts)
    >>> encoder = SequenceEncoder(FrozenEstimator(model), readout="mean").fit(["a cat"])
    >>> encoder.transform(["a cat", "the dog", ""]).shape
    (3, 16)
    """

    # <parameters: estimator * hidden_size num_layers dropout readout backend frames
    #   missing time_column training warm_start control>
    def __init__(
        self,
        estimator: Any = None,
        *,
        hidden_size: int = 64,
        num_layers: int = 1,
        dropout: float = 0.2,
        readout: str = "max",
        backend: Any = "torch",
        frames: Any = None,
        missing: str = "error",
        time_column: int | str | None = None,
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
        self.estimator = estimator
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.readout = readout
        self.backend = backend
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
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.net_params = net_params
        # </parameters>

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.estimator is not None:
            tags.input_tags.allow_nan = get_tags(self.estimator).input_tags.allow_nan
        return tags

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "SequenceEncoder":
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences; anything `seqlearn.to_sequences` takes without further arguments, frames of
            video too. What ``estimator`` reads, if there is one.
        y : array-like, optional
            Targets for ``estimator``; ignored without one.
        sample_weight : array-like of shape (N,), optional
            Weight of each sequence.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            A parameter is out of range, or the backend looks ahead and could see the answer.
        DataFormatError
            X or y has a form that is not accepted; rows and steps are named.
        """
        if self.estimator is None:
            return self._fit(X, None, sample_weight)
        with training(type(self).__name__):
            self._fit_estimator(X, y, sample_weight)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "SequenceEncoder":
        """Train for one epoch on a further part of the data; only without ``estimator``.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self
        """
        if self.estimator is not None:
            raise InvalidParameterError(
                "partial_fit of SequenceEncoder trains without labels; call partial_fit of the "
                "estimator itself, then encode with SequenceEncoder(FrozenEstimator(estimator))."
            )
        return self._fit(X, None, sample_weight, part=True)

    def _can_continue(self) -> bool:
        return super()._can_continue() and not hasattr(self, "estimator_")

    def _check_parameters(self) -> None:
        super()._check_parameters()
        remedy = "Use another backend, or pass an estimator to learn from labels."
        self._refuse_looking_ahead("step", remedy)

    def _targets(self) -> NextSteps:
        return NextSteps()

    def _head(self, data: TrainingData[NextSteps]) -> tuple[type[Head], dict[str, Any]]:
        return NextStepHead, {"feature_scale": data.targets.scale}

    def _keep(self, learned: Learned[NextSteps], net: SequenceNet) -> None:
        super()._keep(learned, net)
        self.__dict__.pop("estimator_", None)

    @property
    def _n_features_out(self) -> int:
        return self.net_.module_.encoder.output_size

    @property
    def _reads_discrete(self) -> bool:
        return self.estimator is not None  # the next word is not predicted

    def _fit_estimator(self, X, y, sample_weight):
        estimator = clone(self.estimator)
        inner = estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator
        is_reader = isinstance(inner, SequenceEstimator) and not isinstance(inner, SequenceEncoder)
        reads_texts = isinstance(inner, LanguageModel)
        if not is_reader or not (reads_texts or "readout" in inner.get_params()):
            raise InvalidParameterError(
                "The 'estimator' parameter of SequenceEncoder must be an LSTMClassifier, an "
                "LSTMRegressor, an LSTMLanguageModel, a FrozenEstimator around one, or None. Got "
                f"{self.estimator!r} instead."
            )
        if reads_texts:
            self._check_readout_of_texts()
        if inner is estimator:
            weights = {"sample_weight": sample_weight}
            if reads_texts:
                if sample_weight is not None:
                    raise InvalidParameterError(
                        f"{type(inner).__name__} learns from texts that all weigh the same, but "
                        "sample_weight was given. Leave it out, or fit the language model before "
                        "and pass it in a FrozenEstimator."
                    )
                weights = {}
            fit_inside(inner, X, y, **weights)
        check_is_fitted(inner, "net_")
        self._keep(inner._learned, inner.net_)
        self.estimator_ = estimator

    @property
    def _inner(self) -> Any:
        """The fitted estimator, out of its `FrozenEstimator`, or None."""
        fitted = getattr(self, "estimator_", None)
        return fitted.estimator if isinstance(fitted, FrozenEstimator) else fitted

    @property
    def vocabulary_(self) -> Any:
        """What ``estimator`` knows of words, features or tokens, if it reads those."""
        inner = self._inner
        return super().vocabulary_ if inner is None else inner.vocabulary_

    def _check_readout_of_texts(self) -> None:
        if self.readout not in READOUTS_OF_TEXTS:
            raise InvalidParameterError(
                f"The 'readout' parameter of SequenceEncoder is {self.readout!r}; around a "
                "language model it must be 'last', 'mean' or 'max', which learn nothing: no labels "
                "are there to learn the weights of 'attention' from."
            )

    def _steps(self, record: Learned[NextSteps], n_streams: int) -> Steps:
        name, inner = type(self).__name__, self._inner
        if isinstance(inner, LanguageModel):
            raise InvalidParameterError(
                f"A {name} around a language model cannot stream: its vector is one of a whole "
                "text. Stream the language model itself, estimator_.stream()."
            )
        return network_steps(name, self.net_, record, n_streams, decode=np.asarray, encode=True)

    def _fitted_net(self) -> SequenceNet:
        net = super()._fitted_net()
        if isinstance(self._inner, LanguageModel):
            raise InvalidParameterError(
                f"{type(self._inner).__name__} reads texts in pieces of its own, so there are no "
                "steps of X to show the states of. transform gives the vector of each text."
            )
        return net

    def transform(self, X: Any) -> np.ndarray:
        """Return the hidden state of each sequence.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences, or what ``estimator`` reads.

        Returns
        -------
        ndarray of shape (N, D)
            D is ``hidden_size``, twice that if the estimator is bidirectional.
        """
        check_is_fitted(self, "net_")
        inner = self._inner
        if isinstance(inner, LanguageModel):
            self._check_readout_of_texts()
            return inner._text_vectors(X, self.readout).astype(np.float64, copy=False)
        return self._outputs(X, encode=True)
