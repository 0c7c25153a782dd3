"""From what a user has to batches of tensors: containers, conversion, and all padding.

Nothing here knows labels, models or training. Arrows: `seqlearn.estimators` and
`seqlearn.training` use it; it uses `seqlearn.errors` only.
"""
