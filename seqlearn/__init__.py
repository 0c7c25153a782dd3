"""seqlearn: sequence models that are scikit-learn estimators.

The public names load on first use: ``import seqlearn`` alone imports neither torch, skorch
nor sktime. Type checkers see imports in place of ``__getattr__``, which would let any name pass.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqlearn import backend as backend
    from seqlearn import datasets as datasets
    from seqlearn import displays as displays
    from seqlearn import errors as errors
    from seqlearn import metrics as metrics
    from seqlearn import model_selection as model_selection
    from seqlearn import preprocessing as preprocessing
    from seqlearn import registry as registry
    from seqlearn import testing as testing
    from seqlearn.data.sequences import Sequences
    from seqlearn.data.to_sequences import to_sequences
    from seqlearn.displays import (
        AnomalyDisplay,
        AttentionDisplay,
        ForecastDisplay,
        GateActivationDisplay,
        HiddenStateDisplay,
        HistoryDisplay,
        SaliencyDisplay,
    )
    from seqlearn.estimators.anomaly.detector import LSTMAnomalyDetector
    from seqlearn.estimators.anomaly.sktime_detector import SktimeLSTMAnomalyDetector
    from seqlearn.estimators.classifier import LSTMClassifier
    from seqlearn.estimators.encoder import SequenceEncoder
    from seqlearn.estimators.forecasting.forecaster import LSTMForecaster
    from seqlearn.estimators.language.model import LSTMLanguageModel
    from seqlearn.estimators.recommendation.recommender import LSTMRecommender
    from seqlearn.estimators.regressor import LSTMRegressor
    from seqlearn.estimators.sktime_adapters import SktimeLSTMClassifier, SktimeLSTMRegressor
    from seqlearn.estimators.tagging.tagger import BiLSTMTagger
    from seqlearn.estimators.translation.translator import LSTMTranslator
    from seqlearn.estimators.words import Words
    from seqlearn.persistence import trusted_types
    from seqlearn.pipelines import attribute
    from seqlearn.registry import available_backends, load_backend, resolve_backend

    __version__: str

_HOMES = {
    "AnomalyDisplay": "seqlearn.displays",
    "AttentionDisplay": "seqlearn.displays",
    "BiLSTMTagger": "seqlearn.estimators.tagging.tagger",
    "ForecastDisplay": "seqlearn.displays",
    "GateActivationDisplay": "seqlearn.displays",
    "HiddenStateDisplay": "seqlearn.displays",
    "HistoryDisplay": "seqlearn.displays",
    "LSTMAnomalyDetector": "seqlearn.estimators.anomaly.detector",
    "LSTMClassifier": "seqlearn.estimators.classifier",
    "LSTMForecaster": "seqlearn.estimators.forecasting.forecaster",
    "LSTMLanguageModel": "seqlearn.estimators.language.model",
    "LSTMRecommender": "seqlearn.estimators.recommendation.recommender",
    "LSTMRegressor": "seqlearn.estimators.regressor",
    "LSTMTranslator": "seqlearn.estimators.translation.translator",
    "SaliencyDisplay": "seqlearn.displays",
    "SequenceEncoder": "seqlearn.estimators.encoder",
    "Sequences": "seqlearn.data.sequences",
    "SktimeLSTMAnomalyDetector": "seqlearn.estimators.anomaly.sktime_detector",
    "SktimeLSTMClassifier": "seqlearn.estimators.sktime_adapters",
    "SktimeLSTMRegressor": "seqlearn.estimators.sktime_adapters",
    "Words": "seqlearn.estimators.words",
    "attribute": "seqlearn.pipelines",
    "available_backends": "seqlearn.registry",
    "load_backend": "seqlearn.registry",
    "resolve_backend": "seqlearn.registry",
    "to_sequences": "seqlearn.data.to_sequences",
    "trusted_types": "seqlearn.persistence",
}
_MODULES = [
    "backend",
    "datasets",
    "displays",
    "errors",
    "metrics",
    "model_selection",
    "preprocessing",
    "registry",
    "testing",
]

__all__ = [
    "AnomalyDisplay",
    "AttentionDisplay",
    "BiLSTMTagger",
    "ForecastDisplay",
    "GateActivationDisplay",
    "HiddenStateDisplay",
    "HistoryDisplay",
    "LSTMAnomalyDetector",
    "LSTMClassifier",
    "LSTMForecaster",
    "LSTMLanguageModel",
    "LSTMRecommender",
    "LSTMRegressor",
    "LSTMTranslator",
    "SaliencyDisplay",
    "SequenceEncoder",
    "Sequences",
    "SktimeLSTMAnomalyDetector",
    "SktimeLSTMClassifier",
    "SktimeLSTMRegressor",
    "Words",
    "attribute",
    "available_backends",
    "load_backend",
    "resolve_backend",
    "to_sequences",
    "trusted_types",
]


if not TYPE_CHECKING:

    def __getattr__(name: str):
        if name in _HOMES:
            value = getattr(import_module(_HOMES[name]), name)
        elif name in _MODULES:
            value = import_module(f"seqlearn.{name}")
        elif name == "__version__":
            from importlib.metadata import version

            value = version("scikit-seqlearn")
        else:
            raise AttributeError(f"module 'seqlearn' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(
        [*__all__, *_MODULES, "__doc__", "__file__", "__name__", "__path__", "__version__"]
    )
