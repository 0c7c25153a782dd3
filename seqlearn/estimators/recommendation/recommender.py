"""LSTMRecommender: what comes next in a session."""

import copy
import warnings
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if

from seqlearn.data.containers import unpack
from seqlearn.data.input_record import InputRecord
from seqlearn.data.messages import listed
from seqlearn.data.sequences import Sequences
from seqlearn.data.sessions import (
    Columns,
    codes_of,
    counted,
    followed_by,
    has_columns,
    read_items,
    read_sessions,
)
from seqlearn.data.targets import read_weights
from seqlearn.errors import DataFormatError
from seqlearn.estimators.base import Learned, SequenceEstimator, TrainingData
from seqlearn.estimators.recommendation.next_items import NextItems
from seqlearn.estimators.recommendation.streams import NextItemSteps
from seqlearn.inputs.items import ItemEmbedding
from seqlearn.inputs.station import Input
from seqlearn.metrics.ranking import mrr_at_k
from seqlearn.modules.heads.head import Head
from seqlearn.modules.heads.item_losses import ITEM_LOSSES
from seqlearn.modules.heads.next_item import CUTOFF, NextItemHead
from seqlearn.parameter_checks import (
    boolean,
    check_arguments,
    check_parameters,
    integer,
    label,
    number,
    one_of,
    sequence,
)
from seqlearn.streaming.steps import Steps
from seqlearn.training.defaults import torch_defaults
from seqlearn.training.prediction import predict

__all__ = ["LSTMRecommender"]

SCORES_AT_ONCE = 1 << 24  # of items, kept at once in prediction
KIND = "items"


class LSTMRecommender(SequenceEstimator[NextItems]):
    """Recommend what a user will want next, from what came before in the session.

    Items are embedded, a recurrent core reads them one after the other, and every item gets a score
    at each step (GRU4Rec, Hidasi et al. 2016). It learns from the sessions alone: at each step the
    target is the item of the next one.

    Parameters
    ----------
    item : str or None, default=None
        Column of the items, where X is a long frame: one row a step.
    by : str or None, default=None
        Column of a long frame that says which session a row belongs to.
    order : str or None, default=None
        Column of a long frame that puts the rows of a session in order, a time as a rule. Rows with
        equal values keep the order they have in the frame; None leaves all rows in theirs.
    context : list of str or None, default=None
        Columns of what else is known of a step: the kind of event, a device. It is read together
        with the item, and tells of the step it stands at. Where X is lists, a step is then a tuple:
        the item, followed by one value for each of these names; None is a value not known. Values
        that `fit` did not see count as not known, after it, with a warning that says how many.
    hidden_size : int, default=112
        Width of a recurrent layer, H.
    num_layers : int, default=1
        Recurrent layers stacked on each other.
    dropout : float, default=0.2
        Share of the values dropped in training: of the vectors of items and context, between layers
        and before the scores.
    item_size : int, default=128
        Values of the vector of an item, E.
    context_size : int, default=16
        Values of the vector of a column of context.
    tied : bool, default=False
        Score items by the vectors they are read with. That has half the weights for items, and
        loses some accuracy where there are few.
    backend : str or Backend, default="torch"
        The recurrent core: a name in `seqlearn.available_backends`, or an object with options.
    loss : {"cross_entropy", "bpr_max", "top1_max"}, default="cross_entropy"
        What training makes small: minus the log-probability of the next item, or how far other
        items, above all the best of them, have better scores (Hidasi & Karatzoglou 2018).
    n_negatives : int or None, default=None
        How many other items the loss looks at, on average; an update draws them anew, and they are
        never equal to the target. None looks at all. Worth it from some 10,000 items on. Chance
        regularises already, so that ``dropout=0`` goes well with it.
    negative_power : float, default=0.75
        Items are drawn in proportion to how often they occur, to this power: 0 is uniform.
    logq : float, default=1.0
        How much of the logarithm of the chance to be drawn is taken off the scores, with
        ``loss="cross_entropy"``. Without it (0), items that are drawn often are scored too low.
    unknown_items : {"skip", "error"}, default="skip"
        Steps of items that `fit` did not see, after it: leave them out of the session, as input and
        as target, with a warning that says how many there are; or raise.
    max_epochs : int or "auto", default="auto"
        Passes over the training data. "auto" is what makes 3,000 updates, between 10 and 60.
    lr : float, default=0.005
        Learning rate.
    lr_schedule : {"cosine", "one_cycle", "constant_then_decay"} or None, default="cosine"
        How the learning rate changes over the updates of a fit; None keeps it constant.
    batch_size : int or "auto", default="auto"
        Sessions of one update. "auto" is an eighth of the training data, between 4 and 128.
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
    items_ : ndarray of shape (C,)
        The items known, in ascending order; those that a later `partial_fit` added stand behind.
    history_ : list of dict
        One row an epoch: epoch, train_loss, lr, seconds; with early stopping also valid_loss and
        valid_score (the mean reciprocal rank).
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
    SequenceEncoder : Hidden states of sequences of numbers.

    Notes
    -----
    Item ids are hashable and of one type: numbers, strings, or tuples that can be put in order.
    ``[1, "1"]`` is refused, as their order would be anyone's guess, and so are sets and tensors.

    Ranks are among all items, and of items with equal scores the true one comes last.

    To scikit-learn, X is a list of sessions, so that `sklearn.model_selection.cross_validate` and
    `sklearn.pipeline.Pipeline` work on lists. A long frame has a row a step and cannot be split by
    them; its sessions can: those of ``frame.groupby(by)[item].agg(list)``.

    A session that is empty, or has unknown items alone, is given the items that occur most often in
    training.

    References
    ----------
    Hidasi, B., Karatzoglou, A., Baltrunas, L. and Tikk, D. (2016). Session-based recommendations
    with recurrent neural networks. ICLR.

    Hidasi, B. and Karatzoglou, A. (2018). Recurrent neural networks with top-k gains for
    session-based recommendations. CIKM.

    Examples
    --------
    >>> from seqlearn import LSTMRecommender
    >>> sessions = [["tea", "cup", "spoon"], ["cup", "spoon"], ["ink", "pen", "paper"]] * 10
    >>> recommender = LSTMRecommender(random_state=0).fit(sessions)
    >>> items, scores = recommender.recommend([["tea", "cup"], ["ink"]], k=2)
    >>> items[:, 0].tolist()
    ['spoon', 'pen']
    >>> recommender.predict([["tea"]]).tolist()
    ['cup']
    """

    _checks: ClassVar = {
        "item": label,
        "by": label,
        "order": label,
        "context": sequence,
        "item_size": integer(1),
        "context_size": integer(1),
        "tied": boolean,
        "loss": one_of(*ITEM_LOSSES),
        "n_negatives": integer(1, None),
        "negative_power": number("[0, inf)"),
        "logq": number("[0, inf)"),
        "unknown_items": one_of("skip", "error"),
    }
    _largest_batch = 128
    readout = "last"  # what the encoder gives of a whole session

    # <parameters: item by order context * hidden_size num_layers dropout item_size context_size
    #   tied backend loss n_negatives negative_power logq unknown_items training warm_start control>
    def __init__(
        self,
        item: str | None = None,
        by: str | None = None,
        order: str | None = None,
        context: list | None = None,
        *,
        hidden_size: int = 112,
        num_layers: int = 1,
        dropout: float = 0.2,
        item_size: int = 128,
        context_size: int = 16,
        tied: bool = False,
        backend: Any = "torch",
        loss: str = "cross_entropy",
        n_negatives: int | None = None,
        negative_power: float = 0.75,
        logq: float = 1.0,
        unknown_items: str = "skip",
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
        random_state: Any = None,
        verbose: int = 0,
        checkpoint: Any = None,
        net_params: dict | None = None,
    ):
        self.item = item
        self.by = by
        self.order = order
        self.context = context
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.item_size = item_size
        self.context_size = context_size
        self.tied = tied
        self.backend = backend
        self.loss = loss
        self.n_negatives = n_negatives
        self.negative_power = negative_power
        self.logq = logq
        self.unknown_items = unknown_items
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

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "LSTMRecommender":
        """Learn from sessions.

        Parameters
        ----------
        X : list of N lists of items, or long frame
            Sessions, the oldest item first; with ``context`` lists of tuples. A frame of pandas,
            polars or pyarrow has a row a step, and its columns are named in the constructor.
        y : list of N items, optional
            The item that follows each session, where it is not its last one already; or, with
            ``context``, the step.
        sample_weight : array-like of shape (N,), optional
            Weight of each session; of a frame, in the order of their first rows.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            A parameter is out of range, or the backend looks ahead and could see the answer.
        DataFormatError
            X or y has a form that is not accepted, a session is empty, or none has two items;
            sessions and steps are named.
        """
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "LSTMRecommender":
        """Train for one epoch on further sessions, at the constant rate ``lr``.

        Items and values of context that are new get vectors of their own, behind those known; these
        stay as they are until the first update.

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
    def items_(self) -> np.ndarray:
        """The items known, (C,)."""
        return self._record.targets.items.copy()

    # What the template asks.

    @property
    def _columns(self) -> Columns:
        return Columns(self.item, self.by, self.order, list(self.context or []))

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._refuse_looking_ahead("item")

    def _opened(self, X: Any) -> Sequences:
        """Return sessions as codes of what occurs in them. The columns of a frame are not unpacked.

        There may be others, in any form, and item ids may be tuples.
        """
        is_long = (self.item is not None or self.by is not None) and has_columns(X)
        return read_sessions(X if is_long else unpack(X), self._columns)

    def _targets(self) -> NextItems:
        return NextItems()

    def _without_blank(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any, Any]:
        sessions = X  # `_opened` read them
        if y is not None:
            sessions = followed_by(sessions, y)
        empty = np.flatnonzero(sessions.lengths == 0)
        if len(empty) or not len(sessions):
            raise DataFormatError(
                f"Session{'s' * (len(empty) > 1)} {listed(empty.tolist())} of X "
                f"hold{'s' * (len(empty) == 1)} no item. Leave empty sessions out of fit; in "
                "prediction they may stay."
                if len(empty)
                else "X holds no session; fit needs at least one, of two items or more."
            )
        weights = read_weights(sample_weight, len(sessions))
        return 0, counted(sessions, weights), None, sample_weight

    def _read_X(self, X: Any, known: InputRecord | None, first: Any) -> tuple:
        n_context = X.n_features - 1
        record = InputRecord(KIND, None, None, (1,) * n_context or None, None)
        if known is not None and known.widths != record.widths:
            raise DataFormatError(
                f"X has {n_context} column{'s' * (n_context != 1)} of context, but that of the "
                f"last fit had {len(known.widths or ())}."
            )
        return X, record

    def _row_factors(self, targets: NextItems, codes: Any, weights: np.ndarray) -> np.ndarray:
        has_next = codes > 0
        if not (has_next & (weights > 0)).any():
            raise DataFormatError(
                "No session of X has two items or more, so that there is no next item to learn. "
                "Give longer sessions, or y, the next item of each."
            )
        return has_next.astype(np.float64)

    def _input(self, data: TrainingData[NextItems]) -> tuple[type[Input], dict[str, Any]]:
        targets = data.targets
        return ItemEmbedding, {
            "n_items": targets.output_size,
            "size": self.item_size,
            "dropout": self.dropout,
            "n_contexts": [len(values) + 1 for values in targets.contexts],
            "context_size": self.context_size,
        }

    def _head(self, data: TrainingData[NextItems]) -> tuple[type[Head], dict[str, Any]]:
        trained = data.train_rows
        return NextItemHead, {
            "n_items": data.targets.output_size,
            "dropout": self.dropout,
            "tied_size": self.item_size if self.tied else None,
            "loss": self.loss,
            "n_negatives": self.n_negatives,
            "negative_power": self.negative_power,
            "logq": self.logq,
            "counts": None if self.n_negatives is None else data.targets.counts,
            "steps_a_row": float(np.average(data.y[trained], weights=data.counts[trained])),
        }

    # Prediction.

    @torch_defaults()
    def recommend(
        self, sessions: Any, k: int = 20, exclude_seen: bool = False, items: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the items that are most likely next, and their scores.

        Parameters
        ----------
        sessions : list of N lists of items, or long frame
            What came so far; see `fit`. Sessions of a frame are in the order of their first rows.
        k : int, default=20
            How many; all candidates, if there are fewer.
        exclude_seen : bool, default=False
            Leave out what is in the session already. Where too little else is left, items that were
            seen stand last, with a score of minus infinity.
        items : array-like of items, optional
            The candidates; all items that `fit` saw by default.

        Returns
        -------
        items : ndarray of shape (N, k)
            The best first; those with equal scores in the order of ``items_``.
        scores : ndarray of shape (N, k), float64
            Any real numbers, the larger the better.

        Raises
        ------
        DataFormatError
            Sessions have a form that is not accepted, or a candidate is unknown.
        InvalidParameterError
            ``k`` or ``exclude_seen`` is not what it should be.
        """
        check_arguments(
            "LSTMRecommender.recommend",
            k=(k, integer(1)),
            exclude_seen=(exclude_seen, boolean),
        )
        targets = self._record.targets
        chosen = None if items is None else self._candidates(items)
        known = self._known(sessions)
        width = min(k, targets.output_size if chosen is None else len(chosen))
        best = np.empty((len(known), width), np.int64)
        values = np.empty((len(known), width))
        for first, scores in self._scored(known):
            if exclude_seen:
                seen = known[first : first + len(scores)]
                row = np.repeat(np.arange(len(scores)), seen.lengths)
                at = torch.as_tensor(row), torch.as_tensor(seen.values[:, 0])
                with torch.inference_mode():
                    scores[at] = -torch.inf
            if chosen is not None:
                scores = scores[:, torch.as_tensor(chosen)]
            of_block = slice(first, first + len(scores))
            best[of_block], values[of_block] = _best(scores, width)
        if chosen is not None:
            best = chosen[best]
        return targets.decode(best), values

    def _steps(self, record: Learned[NextItems], n_streams: int) -> Steps:
        # A copy, that a later fit does not change.
        return NextItemSteps(type(self).__name__, self.net_, n_streams, copy.copy(self))

    def predict(self, X: Any) -> np.ndarray:
        """Return the item that is most likely next in each session.

        Parameters
        ----------
        X : list of N lists of items, or long frame
            What came so far; see `fit`.

        Returns
        -------
        ndarray of shape (N,)
            Of an empty session, or one of unknown items alone, the most popular item.
        """
        return self.recommend(X, k=1)[0][:, 0]

    @available_if(lambda self: self.loss == "cross_entropy")
    @torch_defaults()
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each item to be next.

        Of ``loss="cross_entropy"`` only. One row has as many numbers as there are items; use
        `recommend` where these are many.

        Parameters
        ----------
        X : list of N lists of items, or long frame
            What came so far; see `fit`.

        Returns
        -------
        ndarray of shape (N, C)
            A column for each item of ``items_``; rows sum to one.
        """
        known = self._known(X)
        result = np.empty((len(known), self._record.targets.output_size))
        for first, scores in self._scored(known):
            result[first : first + len(scores)] = scores.double().softmax(dim=1).numpy()
        return result

    @torch_defaults()
    def rank_steps(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the rank of the true next item among all items, 1 the best, one for each step.

        Of items with equal scores the true one comes last.

        Parameters
        ----------
        X : list of N lists of items, or long frame
            Sessions; see `fit`.
        y : list of N items, optional
            The item that follows each session, or the step. Without it, next items are those inside
            X.

        Returns
        -------
        ndarray of int
            Of all steps of X that have a next one, session by session; with y, of the N sessions.
            Unknown items are left out, as steps and as targets, with a warning that counts them;
            and with y, sessions of unknown items alone. Those given without a step are ranked by
            how often items occur.
        """
        targets, sessions = self._record.targets, self._opened(X)
        known = self._known(sessions)
        if y is None:
            return self._ranks_inside(known)
        are_tuples = any(isinstance(one, tuple) for one in targets.items[:1].tolist())
        items = read_items(y, "y", len(known), sessions.n_features, are_tuples)
        codes = targets.codes_of(items)
        unknown = [item for item, code in zip(items, codes, strict=True) if code < 0]
        self._report(unknown, len(codes), "next items in y")
        had_unknown_alone = (sessions.lengths > 0) & (known.lengths == 0)
        rows = np.flatnonzero((codes >= 0) & ~had_unknown_alone)
        known, codes = known.take(rows), codes[rows]
        ranks = np.empty(len(rows), np.int64)
        filled = np.flatnonzero(known.lengths > 0)
        if len(filled):
            vectors = predict(self.net_, known.take(filled), encode=True)
            ranks[filled] = self._ranks(vectors, codes[filled])
        popularity = targets.popularity
        for i in np.flatnonzero(known.lengths == 0).tolist():
            ranks[i] = (popularity >= popularity[codes[i]]).sum()
        return ranks

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean reciprocal rank of the next item, MRR@20.

        Over every step that has a next one; a rank past 20 counts 0. Ranks are those of
        `rank_steps`: among all items, of equal scores the last.

        Parameters
        ----------
        X : list of N lists of items, or long frame
            Sessions; see `fit`.
        y : list of N items, optional
            The item that follows each session, or the step. Without it, next items are those inside
            X.

        Returns
        -------
        float
            In [0, 1], the larger the better.
        """
        ranks = self.rank_steps(X, y)
        if not len(ranks):
            raise DataFormatError(
                "X has no step with a known next item, so there is nothing to score. Give sessions "
                "of two items or more that fit knows, or y."
            )
        return mrr_at_k(ranks, CUTOFF)

    def _known(self, X: Any) -> Sequences:
        """Return sessions in the codes that the net takes; some may be empty."""
        record = self._record
        check_parameters(self, {"unknown_items": self._checks["unknown_items"]})
        sessions = self._opened(X)
        if sessions.n_features != 1 + len(record.targets.contexts):
            raise DataFormatError(
                f"context={self.context!r} names another number of columns than in fit, "
                f"{len(record.targets.contexts)}. Set it back, or fit again."
            )
        known = record.targets.arranged(sessions)
        events, given = sessions.dictionary.values, sessions.values
        is_unknown = record.targets.codes_of(events[0])[given[:, 0]] < 0
        if is_unknown.any():
            n_lost = int(((sessions.lengths > 0) & (known.lengths == 0)).sum())
            items = [events[0][code] for code in given[is_unknown, 0].tolist()]
            self._report(items, len(given), "steps of X", n_lost)
        self._report_contexts(events, given[~is_unknown])
        return known

    def _report(self, unknown: list, n: int, what: str, n_lost: int = 0) -> None:
        """Warn of items that are unknown, or raise, as ``unknown_items`` says.

        ``n_lost`` sessions have no others.
        """
        if not unknown:
            return
        text = f"{len(unknown)} of {n} {what} are items that fit did not see: {_distinct(unknown)}."
        if self.unknown_items == "error":
            raise DataFormatError(
                f"{text} Leave them out, or set unknown_items='skip', which does."
            )
        lost = f" {n_lost} session{'s' * (n_lost > 1)} of X had no others." if n_lost else ""
        warnings.warn(
            f"{text} They are left out.{lost} partial_fit learns new items.",
            UserWarning,
            stacklevel=5,
        )

    def _report_contexts(self, events: list[list], given: np.ndarray) -> None:
        """Warn of values of context that are unknown, in steps of known items."""
        texts = []
        contexts = zip(self.context or [], self._record.targets.contexts, strict=True)
        for i, (name, known) in enumerate(contexts, start=1):
            is_unknown = np.append(codes_of(events[i], known) < 0, False)[given[:, i]]
            if is_unknown.any():
                values = _distinct([events[i][code] for code in given[is_unknown, i].tolist()])
                texts.append(
                    f"{int(is_unknown.sum())} of {len(given)} steps of X have values of column "
                    f"{name!r} that fit did not see: {values}."
                )
        if texts:
            warnings.warn(
                f"{' '.join(texts)} They are read as not known. partial_fit learns new values.",
                UserWarning,
                stacklevel=5,
            )

    def _candidates(self, items: Any) -> np.ndarray:
        """Return the codes of candidates, ascending, without repetition."""
        listed_items = read_items(items, "items")
        codes = self._record.targets.codes_of(listed_items)
        if not len(codes) or (codes < 0).any():
            unknown = [one for one, code in zip(listed_items, codes, strict=True) if code < 0]
            raise DataFormatError(
                f"items= holds {listed(unknown)}, which fit did not see; candidates must be among "
                "items_."
                if unknown
                else "items= is empty; give at least one candidate, or None for all."
            )
        return np.unique(codes)

    def _scored(self, known: Sequences) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield the number of the first of some sessions, and their scores on the CPU, (B, C)."""
        targets, head, n = self._record.targets, self.net_.module_.head, len(known)
        filled = np.flatnonzero(known.lengths > 0)
        vectors = np.zeros((0, 0), self.net_.dtype)
        if len(filled):
            vectors = predict(
                self.net_, known if len(filled) == n else known.take(filled), encode=True
            )
        size = max(SCORES_AT_ONCE // targets.output_size, 1)
        for first in range(0, n, size):
            own, n_own = np.searchsorted(filled, (first, first + size)), min(size, n - first)
            given = torch.as_tensor(vectors[slice(*own)]).to(self.net_.device)
            scores = torch.as_tensor(targets.popularity.astype(self.net_.dtype))[None]  # (1, C)
            with self.net_.on_cpu(len(given)), torch.inference_mode():
                found = head.scores(given, self.net_.module_).cpu() if len(given) else scores[:0]
            if len(found) < n_own:
                scores = scores.repeat(n_own, 1)
                scores[torch.as_tensor(filled[slice(*own)] - first)] = found
                found = scores
            yield first, found

    def _ranks_inside(self, known: Sequences) -> np.ndarray:
        """Return the rank of each next item inside sessions."""
        rows = np.flatnonzero(known.lengths > 1)
        if not len(rows):
            return np.zeros(0, np.int64)
        ranks = predict(self.net_, known.take(rows))
        return ranks[ranks > 0]

    def _ranks(self, vectors: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return the rank of the item of each code, for the vectors of sessions."""
        net, device = self.net_, self.net_.device
        net.evaluate()
        with net.on_cpu(len(codes)), torch.inference_mode():
            given = torch.as_tensor(vectors).to(device), torch.as_tensor(codes).to(device)
            return net.module_.head.ranks(*given, net.module_).cpu().numpy()


def _distinct(values: list) -> str:
    """Return distinct values in ascending order where there is one, in words."""
    found = list(dict.fromkeys(values))
    try:
        found.sort()
    except TypeError:
        pass
    return listed(found)


def _best(scores: torch.Tensor, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the best scores of each row and these, equal ones by their places.

    `torch.topk` takes any of those that are equal at the border; these rows are looked at again.
    """
    found, places = scores.topk(width, dim=1)
    if width:
        border = found[:, -1:]
        for i in ((scores >= border).sum(dim=1) > width).nonzero()[:, 0].tolist():
            above, equal = scores[i] > border[i], scores[i] == border[i]
            places[i] = torch.cat([above.nonzero(), equal.nonzero()])[:width, 0]
            found[i] = scores[i, places[i]]
    order = np.lexsort((places.numpy(), -found.numpy()))
    best = (np.take_along_axis(one.numpy(), order, axis=1) for one in (places, found))
    return next(best), next(best)
