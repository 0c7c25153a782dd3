"""The loss of forecasts: a point loss and the quantiles' pinball loss, missing targets left out.

It reads a `seqlearn.modules.forecast_model.Forecast`; `seqlearn.training.net` calls it as it calls
the losses of `seqlearn.training.losses`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.errors import InvalidParameterError
from seqlearn.modules.forecast_model import Forecast

__all__ = ["POINT_LOSSES", "ForecastLoss"]

POINT_LOSSES = {
    "absolute_error": torch.abs,
    "squared_error": torch.square,
    "huber": lambda error: functional.huber_loss(error, torch.zeros_like(error), reduction="none"),
}


class ForecastLoss(nn.Module):
    """Loss of point forecast and quantiles in the units of the series.

    Of several point forecasts, which some networks give in training, the mean loss counts.

    Parameters
    ----------
    loss : {"absolute_error", "squared_error", "huber"}, default="absolute_error"
        Of the point forecast; "huber" is squared up to an error of 1, absolute beyond.
    quantiles : tuple of float, optional
        Levels of the forecast's quantiles, ascending; the mean of their pinball losses
        (Koenker & Bassett 1978) is added.

    Raises
    ------
    InvalidParameterError
        An unknown loss.
    """

    scorers = ("neg_mean_absolute_error",)

    def __init__(self, loss: str = "absolute_error", quantiles: tuple[float, ...] | None = None):
        super().__init__()
        if loss not in POINT_LOSSES:
            raise InvalidParameterError(f"loss={loss!r}; it must be one of {list(POINT_LOSSES)}.")
        self.loss = loss
        levels = torch.tensor(quantiles, dtype=torch.float64) if quantiles else None
        self.register_buffer("levels", levels)

    def forward(self, outputs: Forecast, targets: Tensor) -> Tensor:
        """Return the loss of each row, (B,), for targets (B, H, C); 0 where all are missing."""
        errors, observed = _errors(outputs, targets)
        n_quantiles = 0 if self.levels is None else len(self.levels)
        n_points = errors.shape[-1] - n_quantiles
        losses = POINT_LOSSES[self.loss](errors[..., :n_points]).mean(-1)  # (B, H, C)
        if n_quantiles:
            errors = errors[..., n_points:]  # (B, H, C, Q)
            levels = self.levels.to(errors.dtype)
            losses = losses + (levels * errors + functional.relu(-errors)).mean(-1)
        losses = torch.where(observed, losses, 0.0)
        return losses.sum(dim=(1, 2)) / observed.sum(dim=(1, 2)).clamp(min=1)

    @staticmethod
    def score(outputs: list[Forecast], targets: list[Tensor], weights: list[Tensor]) -> Tensor:
        """Minus the mean absolute error of the point forecasts over all observed targets."""
        error = total = 0.0
        for forecast, target, weight in zip(outputs, targets, weights, strict=True):
            errors, observed = _errors(forecast, target)
            absolute = torch.where(observed, errors[..., 0].abs(), 0.0)
            error = error + (weight * absolute.sum(dim=(1, 2))).sum()
            total = total + (weight * observed.sum(dim=(1, 2))).sum()
        return -error / total

    @staticmethod
    def predict(outputs: Forecast) -> Tensor:
        """Return the point forecasts, (B, H, C)."""
        relative, centre, scale = outputs
        return relative[..., 0] * scale + centre


def _errors(forecast: Forecast, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Target minus forecast in series units, (B, H, C, 1 + Q), and which targets are there."""
    outputs, centre, scale = forecast
    observed = ~targets.isnan()  # (B, H, C)
    relative = torch.where(observed, targets - centre, 0.0)[..., None]
    return relative - scale[..., None] * outputs, observed
