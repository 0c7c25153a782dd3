"""DLinear: two linear maps, of trend and of the rest, from a window to all steps ahead.

Zeng, Chen, Zhang and Xu (2022), "Are transformers effective for time series forecasting?"
(arXiv:2205.13504): the window is split by a moving average of 25 steps, each part has one linear
map, and all columns share the two. Trained as the authors' script for ETTh1 does: look-back 336,
mean squared error, batches of 32 windows, Adam at 0.005, halved after each epoch but the first, up
to 10 epochs, stopped when the validation error has not fallen for 3 and the best kept. The
forecasting benchmark is the caller.
"""

import copy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

LOOK_BACK = 336
AVERAGED = 25  # steps
LR, BATCH, EPOCHS, PATIENCE = 0.005, 32, 10, 3
PREDICT_BATCH = 256


class DLinear(nn.Module):
    """Map windows (B, C, L) to forecasts (B, C, H)."""

    def __init__(self, look_back: int, horizon: int):
        super().__init__()
        self.rest = nn.Linear(look_back, horizon)
        self.trend = nn.Linear(look_back, horizon)

    def forward(self, past: Tensor) -> Tensor:
        """Average with the ends repeated, and map the two parts."""
        ends = AVERAGED // 2
        trend = functional.avg_pool1d(
            functional.pad(past, (ends, ends), mode="replicate"), AVERAGED, stride=1
        )  # (B, C, L)
        return self.rest(past - trend) + self.trend(trend)


def fit(
    values: np.ndarray, n_train: int, n_valid: int, horizon: int, seed: int, epochs: int = EPOCHS
) -> DLinear:
    """Train on the windows within the first rows, and stop by those that forecast the next.

    Parameters
    ----------
    values : ndarray of shape (T, C)
        Standardised.
    n_train, n_valid : int
        Rows to train on, and rows after them to validate on. Windows of the latter reach back into
        the former.
    horizon : int
        Steps ahead, H.
    seed : int
        Of weights and shuffling.
    epochs : int
        At most so many.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = DLinear(LOOK_BACK, horizon)
    train = _windows(values[:n_train], horizon)
    valid = _windows(values[n_train - LOOK_BACK : n_train + n_valid], horizon)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    best, best_weights, best_epoch = np.inf, None, 0
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = LR * 0.5 ** max(epoch - 1, 0)
        for rows in torch.randperm(len(train), generator=generator).split(BATCH):
            past, future = train[rows].split([LOOK_BACK, horizon], dim=2)  # (B, C, L), (B, C, H)
            optimizer.zero_grad()
            functional.mse_loss(model(past), future).backward()
            optimizer.step()
        error = _error(model, valid)
        if error < best:
            best, best_weights, best_epoch = error, copy.deepcopy(model.state_dict()), epoch
        elif epoch - best_epoch >= PATIENCE:
            break
    model.load_state_dict(best_weights)
    return model


@torch.inference_mode()
def predict(model: DLinear, past: np.ndarray) -> np.ndarray:
    """Forecast (N, C, H) from windows (N, C, at least L), of which the last L steps are read."""
    past = np.asarray(past[..., -LOOK_BACK:], dtype=np.float32)
    return np.concatenate([model(part).numpy() for part in torch.tensor(past).split(PREDICT_BATCH)])


@torch.inference_mode()
def _error(model: DLinear, windows: Tensor) -> float:
    """Mean squared error over all windows."""
    horizon = windows.shape[2] - LOOK_BACK
    total = 0.0
    for part in windows.split(PREDICT_BATCH):
        past, future = part.split([LOOK_BACK, horizon], dim=2)
        total += float((model(past) - future).square().sum())
    return total / (len(windows) * windows.shape[1] * horizon)


def _windows(values: np.ndarray, horizon: int) -> Tensor:
    """Return a view of all windows, with what follows them, (N, C, L + H)."""
    return torch.tensor(values, dtype=torch.float32).unfold(0, LOOK_BACK + horizon, 1)
