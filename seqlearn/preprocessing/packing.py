"""What the transformers of steps share: tags, names, and packing as X was packed.

What comes back is the kind of container that went in. How values change is theirs; reading and
checking X is the business of `seqlearn.data`. NaN stands for a value that is missing.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from seqlearn.data.channels import Channels
from seqlearn.data.containers import objects_of, unpack
from seqlearn.data.input_record import InputRecord, read_X
from seqlearn.data.plain import PlainState
from seqlearn.data.refusals import FRAMES, packages_of
from seqlearn.data.sequences import Sequences
from seqlearn.parameter_checks import refuse
from seqlearn.preprocessing.frames import cells_of, frame_of, table_like
from seqlearn.saved import Saved

__all__ = ["StepTransformer", "change_steps"]


def _has_columns(transformer: "StepTransformer") -> bool:
    """Whether the output may be a table: X was 2-D, or had channels with names or columns."""
    known = vars(transformer).get("_input")
    return known is None or known.kind == "series" or known.widths is not None


class StepTransformer(Saved, PlainState, TransformerMixin, BaseEstimator):
    """A transformer that changes the values of steps by its ``method``, and nothing else."""

    _input: InputRecord
    n_features_in_: int  # these two are set by `InputRecord.show_in`
    feature_names_in_: np.ndarray

    @property
    def input_kind_(self) -> str:
        """What X was in `fit`."""
        check_is_fitted(self, "_input")
        return self._input.kind

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @available_if(_has_columns)
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of columns or channels, those of X in `fit`.

        They are there for a 2-D X and for tables of sequences, not for arrays (N, T, F) and lists
        of arrays.

        Parameters
        ----------
        input_features : array-like of str, optional
            As in scikit-learn.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        if input_features is None and self._input.column is not None:
            input_features = [self._input.column]
        return OneToOneFeatureMixin.get_feature_names_out(self, input_features)

    def _check_method(self, methods: dict[str, Any]) -> None:
        if not isinstance(self.method, str) or self.method not in methods:
            refuse(self, "method", f"one of {tuple(methods)}")


def change_steps(
    estimator: Any, X: Any, change: Callable[[Sequences], np.ndarray], *, transform: bool = False
) -> Any:
    """Check X against the X of ``fit``, change its steps, and pack the result as X was.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    X : object
        Sequences in any container.
    change : callable
        Takes `Sequences` and returns their new values, (S, F).
    transform : bool
        Whether it is for `transform`, which returns the kind of table that `set_output` asked for;
        its inverse does not warn that names are missing.
    """
    unpacked = unpack(X)
    sequences, known = read_X(estimator, unpacked, estimator._input, allow_nan=True, warn=transform)
    values = change(sequences).astype(sequences.dtype, copy=False)  # (S, F)
    changed = sequences.replace_values(values)
    if known.kind == "series":
        return values.reshape(len(sequences), -1)  # (N, T)
    asked = _get_output_config("transform", estimator)["dense"] if transform else "default"
    if asked != "default" and known.widths is not None:
        index = getattr(X, "index", None) if hasattr(X, "iloc") else None
        names = estimator.get_feature_names_out()
        return frame_of(cells_of(changed, known.widths), names, asked, index)
    if isinstance(X, Sequences):
        return changed
    if not isinstance(unpacked, list):
        return values.reshape(np.shape(unpacked))  # (N, T, F)
    is_flat = np.ndim(unpacked[0]) == 1
    channels = changed.channels
    if channels is not None and _is_table(X, channels):
        widths = channels.widths
        return table_like(X, cells_of(changed, widths, flat=is_flat or len(widths) > 1))
    arrays = [array[:, 0] for array in changed] if is_flat else list(changed)
    return objects_of(arrays) if isinstance(X, np.ndarray) else arrays


def _is_table(X: Any, channels: Channels) -> bool:
    """Whether X has a cell for each sequence and channel; a column of data frames has not."""
    if isinstance(X, np.ndarray):
        return X.ndim == 2
    is_column = not hasattr(X, "columns")
    return bool(packages_of(X) & FRAMES) and not (is_column and len(channels.widths) > 1)
