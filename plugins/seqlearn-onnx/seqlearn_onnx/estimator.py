"""`OnnxEstimator`: a file of `seqlearn_onnx.to_onnx` behind scikit-learn's interface."""

import math
from dataclasses import dataclass
from functools import update_wrapper
from types import MethodType
from typing import Any, NoReturn

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags

from seqlearn.data.containers import unpack
from seqlearn.data.labels import split_steps
from seqlearn.errors import DataFormatError, InvalidParameterError, ModelFileError
from seqlearn_onnx.description import KEY, Description
from seqlearn_onnx.reading import batches, full_lengths, plain_batch, read_filled, read_sequences

__all__ = ["OnnxEstimator"]

LABELS = ("class", "several", "steps")  # tasks that have classes
DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}


@dataclass(frozen=True)
class _Model:
    """A file that is open."""

    opened: tuple[Any, Any]  # the parameters that it was opened with
    session: onnxruntime.InferenceSession
    known: Description
    dtype: Any  # of the values that the graph takes
    is_scaled: bool  # whether it says how large the largest scaled value is

    def run(self, output: str, values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return an output of the graph for one batch."""
        feed = {"X": values if self.known.width is not None else values[..., 0], "lengths": lengths}
        if not self.is_scaled:
            return self.session.run([output], feed)[0]
        found, largest = self.session.run([output, "largest"], feed)
        if not math.isfinite(largest):
            _refuse_far()
        return found


class _of:
    """A method that is there for files of some tasks alone.

    `sklearn.utils.metaestimators.available_if` does the same by more calls, which take 20 us once
    ONNX Runtime has filled the processor's caches.
    """

    def __init__(self, *tasks: str):
        self.tasks = tasks

    def __call__(self, method: Any) -> Any:
        self.method = method
        return update_wrapper(self, method)

    def __get__(self, estimator: Any, owner: Any = None) -> Any:
        if estimator is None:
            return self.method
        known = estimator._model.known
        if known.task not in self.tasks:
            raise AttributeError(
                f"{self.method.__name__} is not there for a file of {known.estimator}."
            )
        return MethodType(self.method, estimator)


class OnnxEstimator(BaseEstimator):
    """Predict with ONNX Runtime what the estimator predicts that a file was made of.

    The file is one that `seqlearn_onnx.to_onnx` wrote. This class imports onnxruntime, NumPy,
    scikit-learn and `seqlearn.data`; neither torch nor onnx.

    Which methods there are depends on the file: ``predict`` of classifiers, regressors and taggers,
    ``predict_proba`` and ``decision_function`` of classifiers, ``predict_marginals`` of taggers,
    ``transform`` of encoders.

    Parameters
    ----------
    path : str or path-like
        The file. It is opened by the first call that needs it.
    n_threads : int, default=1
        Threads of one prediction. More help where a batch takes some 10 ms and longer.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The labels, of classifiers and taggers.
    n_features_in_ : int
        Columns of a 2-D X, values a step otherwise; not there for words.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had them in ``fit``.
    input_kind_ : {"series", "sequences", "tokens"}
        Whether X was 2-D; 3-D or ragged; or lists of tokens.
    estimator_ : str
        Class of the estimator that the file was made of.

    See Also
    --------
    to_onnx : Write such a file.

    Notes
    -----
    It is fitted as it is made, and stands in a `sklearn.pipeline.Pipeline` of fitted steps.
    ``fit`` raises; where scikit-learn insists on calling it, pass
    ``sklearn.frozen.FrozenEstimator(OnnxEstimator(path))``. `sklearn.base.clone` gives an estimator
    of the same file, which is fitted too. A pickle holds the path and not the file.

    Examples
    --------
    >>> import os, tempfile
    >>> from seqlearn import LSTMClassifier
    >>> from seqlearn.datasets import make_noisy_sines
    >>> from seqlearn_onnx import OnnxEstimator, to_onnx
    >>> X, y = make_noisy_sines(60, 20, ragged=True, random_state=0)
    >>> classifier = LSTMClassifier(hidden_size=8, max_epochs=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(classifier, os.path.join(folder, "sines.onnx"))
    ...     exported = OnnxEstimator(os.path.join(folder, "sines.onnx"))
    ...     bool((exported.predict(X) == classifier.predict(X)).all())
    True
    """

    def __init__(self, path: Any, *, n_threads: int = 1):
        self.path = path
        self.n_threads = n_threads

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        task = self._model.known.task
        if task in ("class", "several"):
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags(multi_label=task == "several")
        elif task == "numbers":
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_opened"}

    @property
    def _model(self) -> _Model:
        """The file, opened once for each value of the parameters."""
        asked = (self.path, self.n_threads)
        kept: _Model | None = self.__dict__.get("_opened")
        if kept is None or kept.opened != asked:
            kept = self._opened = _open(*asked)
        return kept

    @property
    def classes_(self) -> np.ndarray:
        """The labels."""
        classes = self._model.known.classes
        if classes is None:
            raise AttributeError(f"classes_ is of labels; {self.estimator_} gives none.")
        return classes.copy()

    @property
    def n_features_in_(self) -> int:
        """Columns of a 2-D X, values a step otherwise."""
        found = self._model.known.input.n_features
        if found is None:
            raise AttributeError("n_features_in_ is of numbers; X has words.")
        return found

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns."""
        names = self._model.known.input.names
        if names is None:
            raise AttributeError("feature_names_in_ is not there: X had no names in fit.")
        return names.copy()

    @property
    def input_kind_(self) -> str:
        """What X was in ``fit``."""
        return self._model.known.input.kind

    @property
    def estimator_(self) -> str:
        """Class of the estimator that the file was made of."""
        return self._model.known.estimator

    def fit(self, X: Any = None, y: Any = None) -> NoReturn:
        """Raise: a file cannot be trained.

        Parameters
        ----------
        X, y : object
            Anything.

        Raises
        ------
        InvalidParameterError
            Always.
        """
        raise InvalidParameterError(
            "OnnxEstimator is fitted: it predicts with the file in path=, and cannot be trained. "
            "Fit the estimator of seqlearn, and call to_onnx again. Where scikit-learn calls fit, "
            "pass sklearn.frozen.FrozenEstimator(OnnxEstimator(path))."
        )

    @_of("class", "several", "steps", "numbers")
    def predict(self, X: Any) -> np.ndarray:
        """Return what ``predict`` of the exported estimator returns.

        Parameters
        ----------
        X : array-like of shape (N, T) or (N, T, F), or list of N arrays of shape (T_i, F)
            Sequences, as the exported estimator takes them; or N lists of tokens.

        Returns
        -------
        ndarray
            Labels (N,), or 0 and 1 of several labels, (N, C); numbers, (N,) or (N, C); of a tagger
            N arrays of labels (T_i,), or for an array X an array (N, T).

        Raises
        ------
        DataFormatError
            X has a form that is not accepted, or another width than in ``fit``.
        """
        known = self._model.known
        if known.task == "steps":
            return self._of_steps(X, "scores")
        if known.task == "numbers":
            values = self._of_rows(X, "values")
            return values.reshape(len(values), *known.shape)
        scores = self._of_rows(X, "scores")
        if known.task == "several":
            return (scores > 0).astype(int)
        assert known.classes is not None
        return known.classes[scores.argmax(axis=1)]

    @_of("class", "several")
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : as in `predict`

        Returns
        -------
        ndarray of shape (N, C)
            Rows sum to one; with several labels each column stands for itself.
        """
        return self._of_rows(X, "probabilities")

    @_of("class", "several")
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the scores of the classes before the softmax.

        Parameters
        ----------
        X : as in `predict`

        Returns
        -------
        ndarray of shape (N,) for two classes, else (N, C)
            With two classes, the log-odds of ``classes_[1]``.
        """
        known, scores = self._model.known, self._of_rows(X, "scores").astype(np.float64)
        is_binary = known.task == "class" and scores.shape[1] == 2
        return scores[:, 1] - scores[:, 0] if is_binary else scores

    @_of("steps")
    def predict_marginals(self, X: Any) -> np.ndarray:
        """Return the probability of each label at each step.

        Parameters
        ----------
        X : as in `predict`

        Returns
        -------
        ndarray
            N arrays of shape (T_i, C); for an array X an array (N, T, C).
        """
        return self._of_steps(X, "probabilities")

    @_of("vectors")
    def transform(self, X: Any) -> np.ndarray:
        """Return the vector of each sequence.

        Parameters
        ----------
        X : as in `predict`

        Returns
        -------
        ndarray of shape (N, D)
        """
        return self._of_rows(X, "vectors").astype(np.float64)

    @_of("class", "several", "steps", "numbers")
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of right labels, of a tagger of its steps; R2 of numbers.

        Parameters
        ----------
        X : as in `predict`
        y : array-like of shape (N,) or (N, C), or N label lists of a tagger
            The true answers.
        sample_weight : array-like of shape (N,), optional
            Weight of each sequence.

        Returns
        -------
        float
        """
        predicted, task = self.predict(X), self._model.known.task
        if task == "numbers":
            return float(r2_score(y, predicted, sample_weight=sample_weight))
        if task == "steps":
            lengths = list(map(len, predicted))
            if list(map(len, y)) != lengths:
                raise DataFormatError("y must have one label for each step of each sequence of X.")
            y, predicted = np.concatenate(list(map(np.asarray, y))), np.concatenate(list(predicted))
            if sample_weight is not None:
                sample_weight = np.repeat(sample_weight, lengths)
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    def _of_rows(self, X: Any, output: str) -> np.ndarray:
        """Return an output with an entry for each row, (N, ...)."""
        model = self._model
        values = plain_batch(X, model.known, model.dtype)
        if values is not None:
            return model.run(output, values, full_lengths(*values.shape[:2]))
        sequences = read_sequences(self, unpack(X), model.known, model.dtype)
        found: Any = None
        for rows, values, lengths in batches(sequences):
            answers = model.run(output, values, lengths)
            if found is None:
                found = np.empty((len(sequences), *answers.shape[1:]), answers.dtype)
            found[rows] = answers
        return found

    def _of_steps(self, X: Any, output: str) -> np.ndarray:
        """Return labels for "scores", else the output itself, in the form of X."""
        model = self._model
        classes = model.known.classes
        assert classes is not None
        X = unpack(X)
        sequences, kept, n_rows = read_filled(self, X, model.known, model.dtype)
        is_labels = output == "scores"
        width = () if is_labels else (len(classes),)
        values: Any = np.zeros((0, *width), classes.dtype if is_labels else np.float64)
        lengths = np.zeros(0, np.int64)
        if sequences is not None:
            offsets, lengths = sequences.offsets, sequences.lengths
            values = np.empty((offsets[-1], *width), values.dtype)
            for rows, given, own in batches(sequences):
                answers = model.run(output, given, own)  # (B, T, C)
                is_step = np.arange(answers.shape[1]) < own[:, None]  # (B, T)
                places = (offsets[rows][:, None] + np.arange(answers.shape[1]))[is_step]
                found = answers[is_step]
                values[places] = classes[found.argmax(axis=1)] if is_labels else found
        if n_rows is None and isinstance(X, np.ndarray):
            return values.reshape(len(lengths), -1, *width)
        of_row = np.zeros(len(lengths) if n_rows is None else n_rows, np.int64)
        of_row[kept] = lengths
        return split_steps(values, np.concatenate(([0], np.cumsum(of_row))))


def _open(path: Any, n_threads: Any) -> _Model:
    """Open a file.

    Raises
    ------
    FileNotFoundError
        There is none.
    ModelFileError
        It is none of ours.
    """
    is_whole = isinstance(n_threads, int | np.integer) and not isinstance(n_threads, bool)
    if not is_whole or n_threads < 1:
        raise InvalidParameterError(
            "The 'n_threads' parameter of OnnxEstimator must be a whole number, at least 1. Got "
            f"{n_threads!r} instead."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(n_threads)
    options.inter_op_num_threads = 1
    with open(path, "rb") as file:  # which says what is wrong if it cannot be read
        content = file.read()
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as cause:  # ONNX Runtime has no base class of its own for what is in a file
        raise ModelFileError(
            f"{str(path)!r} is no model that ONNX Runtime can run: {cause} Write it again with "
            "seqlearn_onnx.to_onnx."
        ) from cause
    metadata = session.get_modelmeta().custom_metadata_map
    known = Description.read(metadata.get(KEY), path)
    dtype = DTYPES[session.get_inputs()[0].type]
    is_scaled = any(one.name == "largest" for one in session.get_outputs())
    return _Model((path, n_threads), session, known, dtype, is_scaled)


def _refuse_far() -> NoReturn:
    raise DataFormatError(
        "X holds values so large that, scaled, they are past the largest float32, 3.4e38. Look for "
        "wrong values, or fit on data of this range."
    )
