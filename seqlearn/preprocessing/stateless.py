"""What the transformers that learn nothing share: `Tokenizer`, `MelFeatures`, `StrokeFeatures`.

They turn what is no sequence of numbers yet, texts, waveforms and pen paths, into sequences.
"""

from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin

from seqlearn.data.messages import listed
from seqlearn.errors import DataFormatError
from seqlearn.saved import Saved

__all__ = ["StatelessTransformer", "refuse_named_tuple"]


class StatelessTransformer(Saved, TransformerMixin, BaseEstimator):
    """A transformer whose `transform` needs no `fit`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(auto_wrap_output_keys=None, **options)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags

    def set_output(self, *, transform: str | None = None) -> Any:
        """Change nothing: what comes out has no form as a table.

        It is here so that ``set_output`` of a pipeline can reach the other steps.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            As in scikit-learn.

        Returns
        -------
        self
        """
        return self


def refuse_named_tuple(X: Any) -> None:
    """Raise if X is what a loader of `seqlearn.datasets` returned, not a part of it."""
    if isinstance(X, tuple) and hasattr(X, "_fields"):
        raise DataFormatError(
            f"X is a {type(X).__name__}, a named tuple of {listed(X._fields)}. Pass one of these: "
            f"X.{X._fields[0]}."
        )
