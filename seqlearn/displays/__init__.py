"""Pictures, in the manner of scikit-learn's displays; they need the extra "plot" (matplotlib)."""

from seqlearn.displays.anomaly import AnomalyDisplay
from seqlearn.displays.attention import AttentionDisplay
from seqlearn.displays.forecast import ForecastDisplay
from seqlearn.displays.frames import FramesDisplay
from seqlearn.displays.gates import GateActivationDisplay
from seqlearn.displays.hidden_states import HiddenStateDisplay
from seqlearn.displays.history import HistoryDisplay
from seqlearn.displays.risk import RiskDisplay
from seqlearn.displays.saliency import SaliencyDisplay
from seqlearn.displays.transcription import TranscriptionDisplay

__all__ = [
    "AnomalyDisplay",
    "AttentionDisplay",
    "ForecastDisplay",
    "FramesDisplay",
    "RiskDisplay",
    "TranscriptionDisplay",
    "GateActivationDisplay",
    "HiddenStateDisplay",
    "HistoryDisplay",
    "SaliencyDisplay",
]
