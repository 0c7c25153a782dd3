"""Saving without pickle: which types the files of skops and MLflow hold.

Models are saved as plain values, what they have learned too, see `seqlearn.data.plain`; this file
names the types besides: estimators, networks and losses.
"""

import warnings

from seqlearn.errors import BackendError
from seqlearn.registry import available_backends, load_backend

__all__ = ["trusted_types"]

OWN = {
    "data.word_vectors": ("WordVectors",),
    "estimators.anomaly.detector": ("LSTMAnomalyDetector",),
    "estimators.anomaly.sktime_detector": ("SktimeLSTMAnomalyDetector",),
    "estimators.classifier": ("LSTMClassifier",),
    "estimators.encoder": ("SequenceEncoder",),
    "estimators.forecasting.forecaster": ("LSTMForecaster",),
    "estimators.language.model": ("LSTMLanguageModel",),
    "estimators.recommendation.recommender": ("LSTMRecommender",),
    "estimators.regressor": ("LSTMRegressor",),
    "estimators.sktime_adapters": ("SktimeLSTMClassifier", "SktimeLSTMRegressor"),
    "estimators.translation.translator": ("LSTMTranslator",),
    "estimators.tagging.tagger": ("BiLSTMTagger",),
    "estimators.words": ("Words",),
    "inputs.items": ("ItemEmbedding",),
    "inputs.embeddings": ("BagEmbedding", "WordEmbedding"),
    "inputs.gaps": ("GapInput",),
    "inputs.segments": ("SegmentInput",),
    "inputs.tokens": ("TokenEmbedding",),
    "inputs.windows": ("WindowInput",),
    "metrics.ranking_scorers": ("RankingScorer",),
    "model_selection.time_split": ("TimeSplit",),
    "modules.heads.attention_decoder": ("AttentionDecoder",),
    "modules.heads.labels": ("LabelHead",),
    "modules.heads.linear": ("ClassHead", "MultilabelHead", "ValueHead"),
    "modules.heads.next_item": ("NextItemHead",),
    "modules.heads.next_step": ("NextStepHead",),
    "modules.heads.next_token": ("NextTokenHead",),
    "modules.heads.segments": ("SegmentHead",),
    "modules.heads.windows": ("ReconstructionHead", "StepsAheadHead"),
    "preprocessing.normalizer": ("SequenceNormalizer",),
    "preprocessing.scaler": ("SequenceScaler",),
    "preprocessing.tokenizer": ("Tokenizer",),
    "training.net": ("SequenceNet",),
    "training.randomness": ("Seeds",),
}


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
