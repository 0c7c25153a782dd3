"""Saving without pickle: the types that saved models hold, and no file may name others.

Models are saved as plain values, what they have learned too, see `seqlearn.data.plain`; this file
names the types besides: estimators, networks and losses. `seqlearn.load` finds classes here by
name, skops is given the list.
"""

import warnings
from functools import cache
from importlib import import_module
from typing import Any

from seqlearn.errors import BackendError, ModelFileError
from seqlearn.registry import available_backends, load_backend

__all__ = ["class_of", "name_of", "trusted_types"]

OWN = {
    "data.word_vectors": ("WordVectors",),
    "estimators.anomaly.detector": ("LSTMAnomalyDetector",),
    "estimators.anomaly.sktime_detector": ("SktimeLSTMAnomalyDetector",),
    "estimators.classifier": ("LSTMClassifier",),
    "estimators.encoder": ("SequenceEncoder",),
    "estimators.forecasting.forecaster": ("LSTMForecaster",),
    "estimators.frames": ("Frames",),
    "estimators.language.model": ("LSTMLanguageModel",),
    "estimators.recommendation.recommender": ("LSTMRecommender",),
    "estimators.regressor": ("LSTMRegressor",),
    "estimators.sktime_adapters": ("SktimeLSTMClassifier", "SktimeLSTMRegressor"),
    "estimators.transcription.transcriber": ("LSTMTranscriber",),
    "estimators.translation.translator": ("LSTMTranslator",),
    "estimators.tagging.tagger": ("BiLSTMTagger",),
    "estimators.words": ("Words",),
    "inputs.images": ("ImageInput",),
    "inputs.items": ("ItemEmbedding",),
    "inputs.embeddings": ("BagEmbedding", "WordEmbedding"),
    "inputs.gaps": ("GapInput",),
    "inputs.segments": ("SegmentInput",),
    "inputs.stacking": ("FrameStack",),
    "inputs.tokens": ("TokenEmbedding",),
    "inputs.windows": ("WindowInput",),
    "metrics.ranking_scorers": ("RankingScorer",),
    "model_selection.time_split": ("TimeSplit",),
    "modules.heads.attention_decoder": ("AttentionDecoder",),
    "modules.heads.ctc": ("CTCHead",),
    "modules.heads.labels": ("LabelHead",),
    "modules.heads.linear": ("ClassHead", "MultilabelHead", "ValueHead"),
    "modules.heads.next_item": ("NextItemHead",),
    "modules.heads.next_step": ("NextStepHead",),
    "modules.heads.next_token": ("NextTokenHead",),
    "modules.heads.segments": ("SegmentHead",),
    "modules.heads.windows": ("ReconstructionHead", "StepsAheadHead"),
    "preprocessing.imputer": ("SequenceImputer",),
    "preprocessing.mel_features": ("MelFeatures",),
    "preprocessing.normalizer": ("SequenceNormalizer",),
    "preprocessing.scaler": ("SequenceScaler",),
    "preprocessing.stroke_features": ("StrokeFeatures",),
    "preprocessing.tokenizer": ("Tokenizer",),
    "training.net": ("SequenceNet",),
    "training.randomness": ("Seeds",),
}

OTHERS = {  # that a file of `seqlearn.save` may hold besides: what they learn is plain
    "sklearn.compose": ("ColumnTransformer",),
    "sklearn.frozen": ("FrozenEstimator",),
    "sklearn.linear_model": ("LinearRegression", "LogisticRegression", "Ridge"),
    "sklearn.multioutput": ("MultiOutputClassifier", "MultiOutputRegressor"),
    "sklearn.pipeline": ("FeatureUnion", "Pipeline"),
    "sklearn.preprocessing": ("MinMaxScaler", "Normalizer", "RobustScaler", "StandardScaler"),
    "sktime.datatypes._dtypekind": ("DtypeKind",),
}


@cache
def _homes() -> dict[str, str]:
    """The module of each name that a file may hold."""
    homes = {name: f"seqlearn.{module}" for module, own in OWN.items() for name in own}
    for module, names in OTHERS.items():
        homes |= {f"{module.partition('.')[0]}.{name}": module for name in names}
    return homes


def name_of(kind: type) -> str | None:
    """Return the name by which a file knows a class; None if none may hold it."""
    package, name = kind.__module__.partition(".")[0], kind.__qualname__
    if package == "torch":
        return f"torch.optim.{name}" if _is_optimizer(name, kind) else None
    name = name if package == "seqlearn" else f"{package}.{name}"
    home = _homes().get(name)
    is_there = home is not None and getattr(import_module(home), kind.__qualname__, None) is kind
    return name if is_there else None


def class_of(name: str) -> Any:
    """Return the class that a file calls ``name``; nothing is imported that no table names.

    Raises
    ------
    ModelFileError
        No table names it.
    """
    own = name.rpartition(".")[2]
    if name.startswith("torch.optim."):
        from torch import optim

        kind = vars(optim).get(own)
        if _is_optimizer(own, kind):
            return kind
    elif name in _homes():
        return getattr(import_module(_homes()[name]), own)
    raise ModelFileError(
        f"The file names the class {name!r}, which is none that seqlearn.save writes. It was not "
        "looked up, and nothing was executed. Do not trust the file, or update scikit-seqlearn."
    )


def _is_optimizer(name: str, kind: Any) -> bool:
    from torch import optim

    is_there = isinstance(kind, type) and vars(optim).get(name) is kind
    return is_there and issubclass(kind, optim.Optimizer)


def trusted_types() -> list[str]:
    """Return the types in saved models of this package, for ``trusted=`` of skops.

    They are seqlearn's own, the backends that are installed, and torch's optimisers, which the
    parameter ``optimizer`` takes. skops knows scikit-learn's estimators. Other types are for you to
    add once you have looked at them, such as those of callbacks or of a search: skops lists them
    with ``skops.io.get_untrusted_types(file="model.skops")``.

    Returns
    -------
    list of str
        Full names, sorted.

    Warns
    -----
    UserWarning
        A backend that is installed cannot be imported, so it is left out.

    Notes
    -----
    skops makes objects of the trusted types alone, with the state in the file; pickle would run
    whatever the file says. MLflow saves scikit-learn's models in this format by default:
    ``mlflow.sklearn.log_model(model, skops_trusted_types=seqlearn.trusted_types())``.

    Examples
    --------
    >>> import seqlearn
    >>> "seqlearn.estimators.tagging.tagger.BiLSTMTagger" in seqlearn.trusted_types()
    True

    With skops installed::

        skops.io.dump(model, "model.skops")
        model = skops.io.load("model.skops", trusted=seqlearn.trusted_types())
    """
    from torch import optim

    names = {f"seqlearn.{module}.{name}" for module, own in OWN.items() for name in own}
    types = [kind for kind in vars(optim).values() if isinstance(kind, type)]
    for name in available_backends():
        try:
            types.append(load_backend(name))
        except BackendError as cause:
            warnings.warn(f"{cause} Models with it cannot be loaded.", UserWarning, stacklevel=2)
    return sorted(names.union(f"{kind.__module__}.{kind.__name__}" for kind in types))
