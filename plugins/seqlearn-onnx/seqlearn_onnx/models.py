"""What can be exported: a fitted model is taken apart, or refused with the part that is in the way.

A wrong graph is worse than none, so whatever is not known here by its very class is refused.
"""

from dataclasses import dataclass
from typing import Any, NoReturn

from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMRegressor, SequenceEncoder
from seqlearn.errors import ModelFileError
from seqlearn.estimators.series_input import SeriesInput
from seqlearn.estimators.tagging.step_labels import StepLabels
from seqlearn.estimators.targets import Classes, Numbers, SeveralLabels
from seqlearn.inputs.embeddings import WordEmbedding
from seqlearn.modules.crf import LinearChainCRF
from seqlearn.modules.heads.labels import LabelHead
from seqlearn.modules.heads.linear import ClassHead, MultilabelHead, ValueHead
from seqlearn.preprocessing import SequenceScaler
from seqlearn.registry import describe_backend
from seqlearn_onnx.description import Description
from seqlearn_onnx.stations import READOUTS

__all__ = ["Parts", "refuse", "take_apart"]

ESTIMATORS = (LSTMClassifier, LSTMRegressor, BiLSTMTagger, SequenceEncoder)
TASKS: dict[tuple[type, type], str] = {  # by the classes of head and targets
    (ClassHead, Classes): "class",
    (MultilabelHead, SeveralLabels): "several",
    (ValueHead, Numbers): "numbers",
    (LabelHead, StepLabels): "steps",
}
ACCEPTED = (
    "to_onnx takes a fitted LSTMClassifier, LSTMRegressor, BiLSTMTagger or SequenceEncoder, or a "
    "Pipeline of SequenceScalers and one of these"
)
OUTSIDE = "outside of its network, where a graph of the network does not reach"
REASONS = {  # why others of seqlearn are refused
    "LSTMForecaster": f"it cuts a series into windows and scales each {OUTSIDE}",
    "LSTMAnomalyDetector": f"it cuts sequences into windows and calibrates errors {OUTSIDE}",
    "SktimeLSTMAnomalyDetector": f"it cuts series into windows and calibrates errors {OUTSIDE}",
    "LSTMLanguageModel": f"it cuts texts into pieces and samples words {OUTSIDE}",
    "LSTMTranslator": "it finds a text by a beam search, a loop around its network",
    "LSTMTranscriber": f"it finds a text by a beam search {OUTSIDE}",
    "LSTMRecommender": f"it ranks items, and leaves out those seen, {OUTSIDE}",
    "SktimeLSTMClassifier": "it reads sktime's panels; export an LSTMClassifier",
    "SktimeLSTMRegressor": "it reads sktime's panels; export an LSTMRegressor",
}


@dataclass(frozen=True)
class Parts:
    """A fitted model taken apart.

    Attributes
    ----------
    estimator : estimator
        The last step.
    scalers : list of SequenceScaler
        The steps before it.
    targets : Targets
        What is known of y.
    description : Description
        What the file says of it.
    """

    estimator: Any
    scalers: list[SequenceScaler]
    targets: Any
    description: Description

    @property
    def backend(self) -> str:
        """The backend, for messages."""
        return describe_backend(self.estimator.net_.module_.encoder.backend)


def take_apart(model: Any) -> Parts:
    """Return the parts of a model that can be exported.

    Raises
    ------
    ModelFileError
        It cannot be: the message names the part, and says what to do.
    """
    *before, (_, estimator) = _steps(model)
    name = type(estimator).__name__
    if type(estimator) not in ESTIMATORS:
        if name in REASONS:
            refuse(f"{name} cannot be exported: {REASONS[name]}. Keep it with seqlearn.save")
        remedy = f"{ACCEPTED}; a subclass may answer in another way, and is none of them"
        if hasattr(estimator, "best_estimator_"):
            remedy = f"Pass the best_estimator_ of {name}"
        refuse(f"{name} cannot be exported. {remedy}")
    for label, step in before:
        if type(step) is not SequenceScaler:
            refuse(
                f"The step {label!r} of the pipeline, {type(step).__name__}, cannot be exported; a "
                "SequenceScaler can. Export a pipeline of the steps after it, and transform X by "
                "those before"
            )
    scalers = [step for _, step in before]
    for one in [*scalers, estimator]:
        _refuse_unfitted(one)
    record, network = estimator._record, estimator.net_.module_
    if estimator.net_.dtype != "float32":
        refuse(
            f"{name} was fitted with dtype={estimator.net_.dtype!r}, but ONNX Runtime computes "
            "recurrent nodes in float32 alone. Fit with dtype='float32'"
        )
    task = _task(estimator, network.head, record.targets)
    if task != "steps" and type(network.encoder.readout) not in READOUTS:
        kind = type(network.encoder.readout).__name__
        refuse(f"The readout {kind} of {name} cannot be exported, only {_names(READOUTS)}")
    words, extra = _words(record, network.input, name)
    targets = record.targets
    description = Description(
        estimator=name,
        steps=[type(one).__name__ for one in scalers],
        task=task,
        classes=None if task == "vectors" else getattr(targets, "classes", None),
        shape=targets.shape if task == "numbers" else (),
        input=scalers[0]._input if scalers else record.input,
        width=network.encoder.input_size if words is None else None,
        words=words,
        extra=extra,
    )
    return Parts(estimator, scalers, targets, description)


def refuse(what: str, cause: BaseException | None = None) -> NoReturn:
    """Raise a `ModelFileError`."""
    raise ModelFileError(f"{what}. No file was written.") from cause


def _steps(model: Any) -> list[tuple[str, Any]]:
    """Return the steps of a pipeline, of those in it too, with their names."""
    if not isinstance(model, Pipeline):
        return [("", model)]
    steps: list[tuple[str, Any]] = []
    for name, step in model.steps:
        if step is not None and step != "passthrough":
            steps += [(inner or name, one) for inner, one in _steps(step)]
    if not steps:
        refuse(f"The pipeline has no step. {ACCEPTED}")
    return steps


def _refuse_unfitted(one: Any) -> None:
    try:
        check_is_fitted(one)
    except NotFittedError as cause:
        refuse(f"This {type(one).__name__} is not fitted. Call fit first", cause)


def _task(estimator: Any, head: Any, targets: Any) -> str:
    """Return what the answers are; refuse a head whose answers no graph gives."""
    name = type(estimator).__name__
    if type(estimator) is SequenceEncoder:
        inner = type(getattr(estimator, "estimator_", None)).__name__
        if inner == "FrozenEstimator":
            inner = type(estimator.estimator_.estimator).__name__
        if inner == "LSTMLanguageModel":
            refuse(f"{name} around {inner} cannot be exported: {REASONS[inner]}")
        return "vectors"
    task = TASKS.get((type(head), type(targets)))
    if task is None:
        refuse(
            f"The head {type(head).__name__} of {name} cannot be exported, only "
            f"{_names(kind for kind, _ in TASKS)}"
        )
    if task != "steps":
        return task
    if isinstance(head.decoder, LinearChainCRF):
        refuse(
            f"{name} with decoder='crf' cannot be exported: it finds the best sequence of labels "
            "by a search over all steps, for which ONNX has no node. Fit with decoder='softmax'"
        )
    if head.decoder.path is not None:
        refuse(
            f"{name} with scheme={targets.scheme!r} cannot be exported: it finds the best sequence "
            "of labels that keeps to it by a search over all steps. Fit with scheme=None"
        )
    if targets.one_step:
        refuse(
            f"{name} cannot be exported where y was 1-D in fit, each row of X being one step. "
            "Fit on X of shape (N, 1, F) and y of shape (N, 1)"
        )
    return task


def _words(record: Any, station: Any, name: str) -> tuple[Any, dict[str, int]]:
    """Return the vocabulary and the further words of an input of words; None of numbers.

    Inputs that are more than a table of vectors are refused.
    """
    reading, kind = record.reading, record.input.kind
    if isinstance(reading, SeriesInput):
        what = "time_column="
        if reading.gaps is not None:
            what = "missing='mask', or a backend that knows of gaps,"
        refuse(
            f"{name} with {what} cannot be exported: times and gaps are computed before the "
            "network. Fit without, on values that are filled in, with another backend"
        )
    if kind == "frames":
        refuse(f"{name} fitted on frames of video cannot be exported; fit on vectors of features")
    if reading is None:
        return None, {}
    encoding = getattr(reading, "encoding", None)
    if type(station) is not WordEmbedding or encoding is None:
        refuse(
            f"{name} fitted on feature dictionaries cannot be exported: their sums are made "
            "before the network. Fit on words or numbers"
        )
    if station.spelling is not None:
        refuse(
            f"{name} reads words by their characters, which cannot be exported. Fit with "
            "words=Words(characters=None)"
        )
    if reading.model is not None:
        refuse(
            f"{name} reads words by a language model, which cannot be exported. Fit with words=None"
        )
    return encoding.vocabulary, encoding.extra


def _names(kinds: Any) -> str:
    return ", ".join(kind.__name__ for kind in kinds)
