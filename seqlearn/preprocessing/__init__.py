"""Transformers for sequences: scikit-learn's own want two dimensions and refuse ragged lists.

Here are only the public names. `SequenceEncoder`, which trains a network, lives in
`seqlearn.estimators.encoder` and is loaded on first use, so that nothing else here needs torch.
"""

from typing import TYPE_CHECKING

from seqlearn.preprocessing.imputer import SequenceImputer
from seqlearn.preprocessing.mel_features import MelFeatures
from seqlearn.preprocessing.normalizer import SequenceNormalizer
from seqlearn.preprocessing.scaler import SequenceScaler
from seqlearn.preprocessing.stroke_features import StrokeFeatures
from seqlearn.preprocessing.tokenizer import Tokenizer

if TYPE_CHECKING:
    from seqlearn.estimators.encoder import SequenceEncoder

__all__ = [
    "MelFeatures",
    "SequenceEncoder",
    "SequenceImputer",
    "SequenceNormalizer",
    "SequenceScaler",
    "StrokeFeatures",
    "Tokenizer",
]


if not TYPE_CHECKING:  # which would let any name pass

    def __getattr__(name: str):
        if name == "SequenceEncoder":
            from seqlearn.estimators.encoder import SequenceEncoder

            return SequenceEncoder
        raise AttributeError(f"module 'seqlearn.preprocessing' has no attribute {name!r}")
