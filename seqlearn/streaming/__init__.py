"""Streams: a fitted model asked step by step, with its state carried along.

`Stream` is what ``estimator.stream()`` and `stream` return. What one step of an estimator is,
`seqlearn.streaming.steps.Steps` says, of networks `seqlearn.streaming.network_steps`.
"""

from seqlearn.streaming.streams import Stream, stream

__all__ = ["Stream", "stream"]
