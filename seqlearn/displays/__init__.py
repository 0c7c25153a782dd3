"""Pictures, in the manner of scikit-learn's displays; they need the extra "plot" (matplotlib)."""

from seqlearn.displays.anomaly import AnomalyDisplay
from seqlearn.displays.attention import AttentionDisplay
from seqlearn.displays.forecast import ForecastDisplay
from seqlearn.displays.frames import FramesDisplay
from seqlearn.displays.risk import RiskDisplay
from seqlearn.displays.transcription import TranscriptionDisplay

__all__ = [
    "AnomalyDisplay",
    "AttentionDisplay",
    "ForecastDisplay",
    "FramesDisplay",
    "RiskDisplay",
    "TranscriptionDisplay",
]
