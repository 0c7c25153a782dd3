"""Measurements of seqlearn: ``python -m benchmarks`` lists them."""
