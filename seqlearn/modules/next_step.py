"""A network that learns without labels: at each step it predicts the next one.

`seqlearn.estimators.encoder` trains it and then uses its encoder alone.
"""

import numpy as np
import torch
from torch import Tensor, nn

from seqlearn.backend import Backend
from seqlearn.modules.encoder import Encoder

__all__ = ["NextStepModel"]


class NextStepModel(nn.Module):
    """Encoder with a linear head at each step that predicts the next step's features.

    Parameters
    ----------
    backend, input_size, hidden_size, num_layers, dropout, readout
        As in `Encoder`. The core reads forwards only: backwards, it would see the answer.
    feature_scale : ndarray of shape (F,)
        Unit of the error of each feature, so that no feature counts for its unit alone.
    """

    def __init__(
        self,
        backend: Backend,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int,
        dropout: float,
        readout: str,
        feature_scale: np.ndarray,
    ):
        super().__init__()
        self.encoder = Encoder(
            backend,
            input_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=False,
            dropout=dropout,
            readout=readout,
        )
        self.head = nn.Linear(self.encoder.output_size, input_size)
        self.register_buffer("feature_scale", torch.as_tensor(feature_scale))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return the mean squared error of the predictions of each row, (B, 1)."""
        outputs = self.encoder.run_core(x, lengths)  # (B, T, D)
        errors = (self.head(outputs[:, :-1]) - x[:, 1:]) / self.feature_scale  # (B, T - 1, F)
        known = torch.arange(1, x.shape[1]) < lengths[:, None]  # (B, T - 1)
        known = known.to(x.device, non_blocking=True)[..., None]
        squares = errors.square().masked_fill(~known, 0.0).sum(dim=(1, 2))  # (B,)
        n_errors = ((lengths - 1).clamp(min=1) * x.shape[2]).to(x.device, x.dtype)
        return (squares / n_errors)[:, None]  # (B, 1)

    def encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return the state after each sequence, (B, D)."""
        return self.encoder(x, lengths)
