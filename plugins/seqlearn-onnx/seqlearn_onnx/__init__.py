"""Fitted models of seqlearn as ONNX files, and predictions with ONNX Runtime.

`to_onnx` writes a file; it imports torch and onnx. `OnnxEstimator` predicts with one; it imports
onnxruntime, NumPy, scikit-learn and `seqlearn.data`, neither torch nor onnx. So both load on first
use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqlearn_onnx.estimator import OnnxEstimator
    from seqlearn_onnx.export import to_onnx

__all__ = ["OnnxEstimator", "to_onnx"]


if not TYPE_CHECKING:  # which would let any name pass

    def __getattr__(name: str):
        if name == "OnnxEstimator":
            from seqlearn_onnx.estimator import OnnxEstimator

            return OnnxEstimator
        if name == "to_onnx":
            from seqlearn_onnx.export import to_onnx

            return to_onnx
        raise AttributeError(f"module 'seqlearn_onnx' has no attribute {name!r}")
