"""The head of a forecaster: from what the core knows of a window to all steps ahead at once.

It decodes the core's last output into segments ahead (SegRNN, Lin et al. 2023), beside a linear map
of the window and copies of its segments. `seqlearn.inputs.segments` gives it the window. Which
columns there are, what a step is and what time it is are unknown here.

Shape letters besides the usual: L steps of a window, H steps ahead (hidden_size is written out),
C columns of a row, P and K features of the past and of the future, Q quantiles, S segments of a
window, s steps of a segment.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.backend import Dropout
from seqlearn.modules.heads.head import Head, Seen
from seqlearn.modules.heads.losses import REGRESSION_LOSSES
from seqlearn.modules.row_blocks import RowLinear

__all__ = ["Forecast", "SegmentHead", "Window", "with_mask"]

NARROW = -1.0  # where distances of quantiles begin, before softplus: at 0.3 of a window's scale
NETWORK_SHARE = 0.4  # of the point forecast beside a linear map; chosen on validation parts
SMALLEST_SHARE = 1e-6  # what the observed steps of all segments and the level have in a mean


class Window(NamedTuple):
    """A normalised window; ``centre + scale * values`` is in series units."""

    segments: Tensor  # (B, S, s (2 C + 2 P)): values and masks, of columns and of features
    centre: Tensor  # (B, 1, C)
    scale: Tensor  # (B, 1, C)


class Forecast(NamedTuple):
    """What a network says of a batch of windows; ``centre + scale * outputs`` is in series units.

    The point forecast comes first, then the quantiles, ascending; they never cross. In training,
    a network with a linear path gives two point forecasts, each to be trained by its own errors.
    """

    outputs: Tensor  # (B, H, C, 1 + Q), in training (B, H, C, 2 + Q) with a linear path
    centre: Tensor  # (B, 1, C)
    scale: Tensor  # (B, 1, C)


class SegmentHead(Head):
    """From the features of a window, (B, D), to forecasts (B, H, C, 1 + Q).

    Parameters
    ----------
    input_size : int
        Width of the features, D.
    n_segments, segment_length : int
        Segments of a window and their steps, S and s.
    horizon : int
        Steps ahead, H. If s does not divide it, the end of the last segment ahead is cut off.
    n_columns : int
        Values a step of one row, C.
    n_channels : int
        Distinct values of ``channel``.
    n_past_features, n_future_features : int
        P and K. The first K columns of the past features are those of the future features.
    dropout : float
        Share of the values dropped of what the decoder gives.
    quantiles : tuple of float or None
        Ascending, in (0, 1), Q of them.
    decoding : {"parallel", "recursive"}
        "parallel" decodes all segments ahead from the core's last output. "recursive" decodes
        one, appends its point forecast to the window, without the oldest segment, and runs the
        core again.
    point_is_median : bool
        The point forecast is the quantile 0.5, which must be one of ``quantiles``.
    copying : bool
        Add to each segment ahead a mean of the segments of the window and of its level, in
        proportions that the decoder chooses. It makes forecasts of regular series exact, where
        there are enough of them to learn whether a window is regular.
    linear : bool
        Have a linear map of the normalised window beside the network, the same for every column
        (NLinear, Zeng et al. 2023), trained by its own errors. The point forecast is a weighted
        mean of both, 0.4 of the network; with features, which the map does not see, the network
        forecasts what the map leaves and the point forecast is their sum.
    loss : str
        Of the point forecast, a name in `seqlearn.modules.heads.losses.REGRESSION_LOSSES`, in
        series units. The mean of the pinball losses (Koenker & Bassett 1978) of the quantiles is
        added. Of two point forecasts the mean loss counts.

    Notes
    -----
    Rows do not see each other. In evaluation on the CPU they run in blocks of exactly 32: matrix
    products round by the number of rows, and torch's sigmoid and softplus do too, at the end of a
    tensor. What gives the quantiles' distances reads the decoder without passing gradients on, so
    that they cost the point forecast nothing.

    References
    ----------
    Lin et al. (2023), "SegRNN: Segment Recurrent Neural Network for Long-Term Time Series
    Forecasting".

    Zeng et al. (2023), "Are transformers effective for time series forecasting?", AAAI.
    """

    exact_rows = 32
    scorers = ("neg_mean_absolute_error",)
    loss_parameters = ("loss",)
    levels: Tensor

    def __init__(
        self,
        input_size: int,
        *,
        n_segments: int,
        segment_length: int,
        horizon: int,
        n_columns: int,
        n_channels: int,
        n_past_features: int,
        n_future_features: int,
        dropout: float,
        quantiles: tuple[float, ...] | None,
        decoding: str,
        point_is_median: bool = False,
        copying: bool = False,
        linear: bool = False,
        loss: str = "absolute_error",
    ):
        super().__init__()
        quantiles = quantiles or ()
        self.of_error = REGRESSION_LOSSES[loss]
        levels = torch.tensor(quantiles, dtype=torch.float64)
        self.register_buffer("levels", levels, persistent=False)
        self.segment_length = segment_length
        self.horizon = horizon
        self.n_columns = n_columns
        self.n_past_features = n_past_features
        self.reads_again = decoding == "recursive"
        self.n_segments_ahead = -(-horizon // segment_length)
        self.gru = SegmentGRU(
            input_size,
            n_positions=1 if self.reads_again else self.n_segments_ahead,
            n_channels=n_channels,
            future_size=2 * segment_length * n_future_features,
            dropout=dropout,
        )
        self.n_free = segment_length * n_columns
        self.copying = copying
        n_choices = n_columns * (n_segments + 1) if copying else 0
        self.point = RowLinear(input_size, self.n_free + n_choices)
        self.distances = None
        if quantiles:
            shape = (segment_length, n_columns)
            self.distances = _QuantileDistances(input_size, shape, quantiles, point_is_median)
        self.linear = None
        if linear:
            self.linear = RowLinear(n_segments * segment_length, horizon)
            nn.init.zeros_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)
        self.sees_more = n_past_features + n_future_features > 0  # than the linear map

    def forward(self, features: Tensor, seen: Seen) -> Forecast:
        """Return the forecasts of a batch of windows.

        Parameters
        ----------
        features : Tensor of shape (B, D)
            What the encoder says of the windows.
        seen : Seen
            Its ``x`` is a `seqlearn.data.windows.WindowBatch`, of which ``future_features``
            (B, H, K) or None and ``channel`` (B,) are read; its ``context`` is a `Window`.
        """
        window, centre, scale = seen.context
        future = None
        if seen.x.future_features is not None:
            future = self._in_segments(with_mask(seen.x.future_features))  # (B, S ahead, s, 2 K)
        mapped = self._mapped(window)
        if self.reads_again:
            outputs = self._recursively(features, window, future, mapped, seen)
        else:
            outputs = self._at_once(features, window, seen.x.channel, future)
        outputs = outputs.transpose(1, 2).flatten(2, 3)[:, :, : self.horizon]  # (B, 1 + Q, H, C)
        points = point = outputs[:, :1]  # (B, 1, H, C)
        if mapped is not None:
            if self.sees_more:
                point = point + mapped.detach()
            points = torch.cat([point, mapped], dim=1)  # (B, 2, H, C)
            if not self.sees_more:
                point = mapped + NETWORK_SHARE * (point - mapped)
        quantiles = point.detach() + outputs[:, 1:]
        outputs = torch.cat([points if self.training else point, quantiles], dim=1)
        return Forecast(outputs.permute(0, 2, 3, 1), centre, scale)

    def loss(self, outputs: Forecast, y: Tensor) -> Tensor:
        """Return the loss of each row, (B,), for targets (B, H, C); 0 where all are missing."""
        errors, observed = _errors(outputs, y)
        n_quantiles = len(self.levels)
        n_points = errors.shape[-1] - n_quantiles
        losses = self.of_error.value(errors[..., :n_points]).mean(-1)  # (B, H, C)
        if n_quantiles:
            errors = errors[..., n_points:]  # (B, H, C, Q)
            levels = self.levels.to(errors.dtype)
            losses = losses + (levels * errors + functional.relu(-errors)).mean(-1)
        losses = torch.where(observed, losses, 0.0)
        return losses.sum(dim=(1, 2)) / observed.sum(dim=(1, 2)).clamp(min=1)

    def score(self, outputs: Sequence, y: Sequence, weights: Sequence[Tensor]) -> Tensor:
        """Minus the mean absolute error of the point forecasts over all observed targets."""
        error = total = torch.tensor(0.0)
        for forecast, target, weight in zip(outputs, y, weights, strict=True):
            errors, observed = _errors(forecast, target)
            absolute = torch.where(observed, errors[..., 0].abs(), 0.0)
            error = error + (weight * absolute.sum(dim=(1, 2))).sum()
            total = total + (weight * observed.sum(dim=(1, 2))).sum()
        return -error / total

    def read(self, outputs: Forecast, what: str = "point") -> Tensor:
        """Return the point forecasts in series units, (B, H, C, 1).

        With "all", point forecast, quantiles and the window's scale, (B, H, C, Q + 2).
        """
        values, centre, scale = outputs
        if what == "point":
            return values[..., :1] * scale[..., None] + centre[..., None]
        values = values * scale[..., None] + centre[..., None]
        return torch.cat([values, scale[..., None].expand(*values.shape[:3], 1)], dim=-1)

    def predict(self, outputs: Forecast) -> Tensor:
        """Return the point forecasts, (B, H, C)."""
        return self.read(outputs)[..., 0]

    def _mapped(self, window: Tensor) -> Tensor | None:
        """Return the linear forecast of a window, (B, 1, H, C), if there is a linear map."""
        if self.linear is None:
            return None
        steps = window.unflatten(2, (self.segment_length, -1)).flatten(1, 2)
        steps = steps[..., : self.n_columns].transpose(1, 2)  # (B, C, S s)
        return self.linear(steps).transpose(1, 2)[:, None]

    def _at_once(
        self, features: Tensor, window: Tensor, channel: Tensor, future: Tensor | None
    ) -> Tensor:
        """Decode a window and the features of segments ahead: (B, segments, 1 + Q, s, C).

        The point forecast comes first, then what the quantiles are more than it.
        """
        decoded = self.gru(features, channel, None if future is None else future.flatten(2))
        outputs = self.point(decoded)  # (B, segments, ...)
        shape = (1, self.segment_length, self.n_columns)
        point = outputs[..., : self.n_free].unflatten(2, shape)  # (B, segments, 1, s, C)
        if self.copying:
            point = point + self._copied(window, outputs[..., self.n_free :])[:, :, None]
        if self.distances is None:
            return point
        return torch.cat([point, self.distances(decoded)], dim=2)

    def _copied(self, window: Tensor, choice: Tensor) -> Tensor:
        """Weighted means of a window's segments and its level, zero: (B, segments, s, C).

        Missing values have no share in them.
        """
        steps = window.unflatten(2, (self.segment_length, -1))  # (B, S, s, 2 C + 2 P)
        observed = steps[..., self.n_columns : 2 * self.n_columns]  # (B, S, s, C)
        shares = choice.unflatten(2, (self.n_columns, -1)).softmax(-1)  # (B, segments, C, S + 1)
        of_segments, of_level = shares[..., :-1], shares[..., -1:]
        total = torch.einsum("bjck,bksc->bjsc", of_segments, steps[..., : self.n_columns])
        share = torch.einsum("bjck,bksc->bjsc", of_segments, observed)
        return total / (share + of_level.transpose(2, 3)).clamp(min=SMALLEST_SHARE)

    def _recursively(
        self,
        features: Tensor,
        window: Tensor,
        future: Tensor | None,
        mapped: Tensor | None,
        seen: Seen,
    ) -> Tensor:
        """Decode one segment ahead, make it the window's newest, and so on; as `_at_once`."""
        segments, left, network = [], None, seen.network
        if mapped is not None and self.sees_more:
            left = self._in_segments(mapped.detach()[:, 0])  # (B, S ahead, s, C)
        for i in range(self.n_segments_ahead):
            if i > 0:
                features = network.encoder(network.input.embed(window))[0]  # (B, D)
            now = None if future is None else future[:, i : i + 1]  # (B, 1, s, 2 K)
            segments.append(self._at_once(features, window, seen.x.channel, now))
            point = segments[-1][:, 0, 0]  # (B, s, C)
            newest = self._as_past(point if left is None else point + left[:, i], now)
            window = torch.cat([window[:, 1:], newest], dim=1)
        return torch.cat(segments, dim=1)

    def _in_segments(self, values: Tensor) -> Tensor:
        """Divide steps ahead, (B, H, ...), into segments, (B, S ahead, s, ...)."""
        missing = self.n_segments_ahead * self.segment_length - self.horizon
        values = functional.pad(values, (0, 0, 0, missing))
        return values.unflatten(1, (self.n_segments_ahead, -1))

    def _as_past(self, point: Tensor, future: Tensor | None) -> Tensor:
        """Make a segment of a window, (B, 1, s (2 C + 2 P)), of a forecast and its features."""
        parts = [point, torch.ones_like(point)]  # (B, s, C)
        if self.n_past_features:
            values = point.new_zeros((*point.shape[:2], self.n_past_features))  # (B, s, P)
            observed = torch.zeros_like(values)
            if future is not None:
                n_known = future.shape[3] // 2
                values[..., :n_known] = future[:, 0, :, :n_known]
                observed[..., :n_known] = future[:, 0, :, n_known:]
            parts += [values, observed]
        return torch.cat(parts, dim=-1).flatten(1)[:, None]


class SegmentGRU(nn.Module):
    """A gated recurrent unit (Cho et al. 2014) that takes one step to each segment ahead.

    Its state is what the core knows, its input says which segment, which channel and which
    features known ahead. All segments start from the same state, so the products with the state
    are made once a row.

    Parameters
    ----------
    state_size : int
        Width of the core's output, D.
    n_positions : int
        Segments ahead, S ahead.
    n_channels : int
        Distinct channels.
    future_size : int
        Features of a segment ahead; 0 for none.
    dropout : float
        Share of the values dropped of what it gives.
    """

    def __init__(
        self,
        state_size: int,
        *,
        n_positions: int,
        n_channels: int,
        future_size: int,
        dropout: float,
    ):
        super().__init__()
        self.state_gates = RowLinear(state_size, 3 * state_size)
        self.position = nn.Parameter(torch.randn(n_positions, state_size))
        self.position_gates = RowLinear(state_size, 3 * state_size)
        self.channel_gates = nn.Embedding(n_channels, 3 * state_size) if n_channels > 1 else None
        self.future_gates = None
        if future_size:
            self.future_gates = RowLinear(future_size, 3 * state_size, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, state: Tensor, channel: Tensor, future: Tensor | None) -> Tensor:
        """Decode (B, D) into (B, S ahead, D).

        Parameters
        ----------
        state : Tensor of shape (B, D)
            The core's last output.
        channel : Tensor of shape (B,)
            Channel of each row.
        future : Tensor of shape (B, S ahead, future_size) or None
            Features known ahead.
        """
        query = self.position_gates(self.position)  # (S ahead, 3 D)
        if self.channel_gates is not None:
            query = query + self.channel_gates(channel)[:, None]  # (B, S ahead, 3 D)
        if self.future_gates is not None:
            query = query + self.future_gates(future)  # (B, S ahead, 3 D)
        from_query = query.chunk(3, dim=-1)
        from_state = self.state_gates(state)[:, None].chunk(3, dim=-1)
        reset = torch.sigmoid(from_query[0] + from_state[0])
        keep = torch.sigmoid(from_query[1] + from_state[1])
        new = torch.tanh(from_query[2] + reset * from_state[2])
        decoded = new + keep * (state[:, None] - new)  # (B, S ahead, D)
        return self.dropout(decoded)


class _QuantileDistances(nn.Module):
    """From what the decoder gives to distances of quantiles from the point forecast, ascending.

    The distances from each quantile to the next are softplus of one number each; one more number
    is the distance of the middle quantile, which is zero if the point forecast is that quantile.
    Numbers stand before steps and columns: softplus is fast on values that lie together.
    """

    def __init__(
        self,
        state_size: int,
        shape: tuple[int, int],
        quantiles: tuple[float, ...],
        point_is_median: bool,
    ):
        super().__init__()
        self.middle = quantiles.index(0.5) if 0.5 in quantiles else len(quantiles) // 2
        self.n_first = 0 if point_is_median else 1
        self.shape = (self.n_first + len(quantiles) - 1, *shape)  # (raw, s, C)
        self.head = None
        if self.shape[0]:
            last = RowLinear(state_size, math.prod(self.shape))
            nn.init.zeros_(last.bias)
            nn.init.constant_(last.bias.unflatten(0, self.shape)[self.n_first :], NARROW)
            self.head = nn.Sequential(RowLinear(state_size, state_size), nn.ReLU(), last)

    def forward(self, decoded: Tensor) -> Tensor:
        """Turn (B, segments, D) into (B, segments, Q, s, C); no gradients go back."""
        if self.head is None:
            return decoded.new_zeros((*decoded.shape[:2], 1, *self.shape[1:]))
        raw = self.head(decoded.detach()).unflatten(2, self.shape)  # (B, segments, raw, s, C)
        steps = functional.softplus(raw[:, :, self.n_first :])  # (B, segments, Q - 1, s, C)
        from_lowest = functional.pad(steps.cumsum(2), (0, 0, 0, 0, 1, 0))
        distances = from_lowest - from_lowest[:, :, self.middle : self.middle + 1]
        return distances + raw[:, :, :1] if self.n_first else distances


def with_mask(values: Tensor) -> Tensor:
    """Values with zeros for NaN, and whether each was there: (..., F) to (..., 2 F)."""
    observed = ~values.isnan()
    return torch.cat([torch.where(observed, values, 0.0), observed.to(values.dtype)], dim=-1)


def _errors(forecast: Forecast, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Target minus forecast in series units, (B, H, C, 1 + Q), and which targets are there."""
    outputs, centre, scale = forecast
    observed = ~targets.isnan()  # (B, H, C)
    relative = torch.where(observed, targets - centre, 0.0)[..., None]
    return relative - scale[..., None] * outputs, observed
