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
    from seqlearn import streaming as streaming
    from seqlearn import testing as testing
    from seqlearn.data.event_tables import events_to_sequences
    from seqlearn.data.sequences import Sequences
    from seqlearn.data.static import add_static
    from seqlearn.data.to_sequences import to_sequences
    from seqlearn.displays import (
        AnomalyDisplay,
        AttentionDisplay,
        ForecastDisplay,
        FramesDisplay,
        GateActivationDisplay,
        HiddenStateDisplay,
        HistoryDisplay,
        RiskDisplay,
        SaliencyDisplay,
        TranscriptionDisplay,
    )
    from seqlearn.estimators.anomaly.detector import LSTMAnomalyDetector
    from seqlearn.estimators.anomaly.sktime_detector import SktimeLSTMAnomalyDetector
    from seqlearn.estimators.classifier import LSTMClassifier
    from seqlearn.estimators.encoder import SequenceEncoder
    from seqlearn.estimators.forecasting.forecaster import LSTMForecaster
    from seqlearn.estimators.frames import Frames
    from seqlearn.estimators.language.model import LSTMLanguageModel
    from seqlearn.estimators.recommendation.recommender import LSTMRecommender
    from seqlearn.estimators.regressor import LSTMRegressor
    from seqlearn.estimators.sktime_adapters import SktimeLSTMClassifier, SktimeLSTMRegressor
    from seqlearn.estimators.tagging.tagger import BiLSTMTagger
    from seqlearn.estimators.transcription.transcriber import LSTMTranscriber
    from seqlearn.estimators.translation.translator import LSTMTranslator
    from seqlearn.estimators.words import Words
    from seqlearn.persistence import load, save, trusted_types
    from seqlearn.pipelines import attribute
    from seqlearn.registry import available_backends, load_backend, resolve_backend
    from seqlearn.streaming import stream

    __version__: str

_HOMES = {
    "AnomalyDisplay": "seqlearn.displays",
    "AttentionDisplay": "seqlearn.displays",
    "BiLSTMTagger": "seqlearn.estimators.tagging.tagger",
    "ForecastDisplay": "seqlearn.displays",
    "Frames": "seqlearn.estimators.frames",
    "FramesDisplay": "seqlearn.displays",
    "GateActivationDisplay": "seqlearn.displays",
    "HiddenStateDisplay": "seqlearn.displays",
    "HistoryDisplay": "seqlearn.displays",
    "LSTMAnomalyDetector": "seqlearn.estimators.anomaly.detector",
    "LSTMClassifier": "seqlearn.estimators.classifier",
    "LSTMForecaster": "seqlearn.estimators.forecasting.forecaster",
    "LSTMLanguageModel": "seqlearn.estimators.language.model",
    "LSTMRecommender": "seqlearn.estimators.recommendation.recommender",
    "LSTMRegressor": "seqlearn.estimators.regressor",
    "LSTMTranscriber": "seqlearn.estimators.transcription.transcriber",
    "LSTMTranslator": "seqlearn.estimators.translation.translator",
    "RiskDisplay": "seqlearn.displays",
    "SaliencyDisplay": "seqlearn.displays",
    "SequenceEncoder": "seqlearn.estimators.encoder",
    "Sequences": "seqlearn.data.sequences",
    "SktimeLSTMAnomalyDetector": "seqlearn.estimators.anomaly.sktime_detector",
    "SktimeLSTMClassifier": "seqlearn.estimators.sktime_adapters",
    "SktimeLSTMRegressor": "seqlearn.estimators.sktime_adapters",
    "TranscriptionDisplay": "seqlearn.displays",
    "Words": "seqlearn.estimators.words",
    "add_static": "seqlearn.data.static",
    "attribute": "seqlearn.pipelines",
    "available_backends": "seqlearn.registry",
    "events_to_sequences": "seqlearn.data.event_tables",
    "load": "seqlearn.persistence",
    "load_backend": "seqlearn.registry",
    "resolve_backend": "seqlearn.registry",
    "save": "seqlearn.persistence",
    "stream": "seqlearn.streaming",
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
    "streaming",
    "testing",
]

__all__ = [
    "AnomalyDisplay",
    "AttentionDisplay",
    "BiLSTMTagger",
    "ForecastDisplay",
    "Frames",
    "FramesDisplay",
    "GateActivationDisplay",
    "HiddenStateDisplay",
    "HistoryDisplay",
    "LSTMAnomalyDetector",
    "LSTMClassifier",
    "LSTMForecaster",
    "LSTMLanguageModel",
    "LSTMRecommender",
    "LSTMRegressor",
    "LSTMTranscriber",
    "LSTMTranslator",
    "RiskDisplay",
    "SaliencyDisplay",
    "SequenceEncoder",
    "Sequences",
    "SktimeLSTMAnomalyDetector",
    "SktimeLSTMClassifier",
    "SktimeLSTMRegressor",
    "TranscriptionDisplay",
    "Words",
    "add_static",
    "attribute",
    "available_backends",
    "events_to_sequences",
    "load",
    "load_backend",
    "resolve_backend",
    "save",
    "stream",
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
