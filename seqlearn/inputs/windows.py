"""The input of a detector: windows of a series as they are, missing values beside a mask.

Windows come from `seqlearn.data.windows`, in the units that the network is trained in.
"""

from typing import Any

from torch import Tensor

from seqlearn.inputs.station import Input, Inputs
from seqlearn.modules.heads.segments import with_mask

__all__ = ["WindowInput"]


class WindowInput(Input):
    """Windows (B, L, C) to values and masks, (B, L, 2 C).

    Parameters
    ----------
    n_columns : int
        Values a step, C.
    """

    def __init__(self, n_columns: int):
        super().__init__(2 * n_columns)

    def forward(self, x: Any, lengths: Tensor | None = None) -> Inputs:
        """Return what the core reads of a `WindowBatch`; all windows are equally long."""
        return Inputs(with_mask(x.past), None)
