"""The network of the forecaster: windows in segments, a recurrent core, all steps ahead at once.

It normalises each window by its own level, embeds it segment by segment, runs a backend's core
over the segments and decodes what the core knows at the end into the whole horizon (SegRNN, Lin
et al. 2023). Windows come from `seqlearn.data.windows`; `seqlearn.training.forecast_loss` judges
the outputs, `seqlearn.training.net` trains the network, `seqlearn.estimators.forecaster` builds
it. Which columns there are, what a step is and what time it is are unknown here.

Shape letters besides the usual: L steps of a window, H steps ahead (hidden_size is written out),
C columns of a row, P and K features of the past and of the future, Q quantiles, S segments of a
window, s steps of a segment.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.backend import Backend, Dropout
from seqlearn.errors import InvalidParameterError
from seqlearn.modules.encoder import Encoder
from seqlearn.modules.sequence_model import in_chunks

__all__ = ["Forecast", "ForecastModel"]

SMALLEST_SCALE = 1e-3  # of a window, in the units of its values


class Forecast(NamedTuple):
    """What a network says of a batch of windows; ``centre + scale * outputs`` is in series units.

    The point forecast comes first, then the quantiles, ascending; they never cross.
    """

    outputs: Tensor  # (B, H, C, 1 + Q)
    centre: Tensor  # (B, 1, C)
    scale: Tensor  # (B, 1, C)


class ForecastModel(nn.Module):
    """Segments of a window, their embedding, a core, a decoder: (B, L, C) to (B, H, C, 1 + Q).

    Parameters
    ----------
    backend, num_layers, dropout, bidirectional
        As in `Encoder`; ``dropout`` also acts on what the decoder's head reads.
    hidden_size : int
        Width of the core and of a segment's embedding.
    window_length : int
        Steps of the past, L.
    segment_length : int
        Steps of a segment, s. If it does not divide L, the first segment begins with missing
        steps; if it does not divide H, the end of the last one ahead is cut off.
    horizon : int
        Steps ahead, H.
    n_columns : int
        Values a step of one row, C.
    n_channels : int
        Distinct values of ``channel``.
    n_past_features, n_future_features : int
        P and K. The first K columns of the past features are those of the future features.
    quantiles : tuple of float or None
        Ascending, in (0, 1), Q of them.
    normalization : {"window", "series"} or None
        "window" reads each window relative to its own level and spread. With the others, the
        values come in the right units already.
    decoding : {"parallel", "recursive"}
        "parallel" decodes all segments ahead from the core's last output. "recursive" decodes
        one, appends its point forecast to the window, without the oldest segment, and runs the
        core again.
    point_is_median : bool
        The point forecast is the quantile 0.5, which must be one of ``quantiles``.

    Raises
    ------
    InvalidParameterError
        Features or quantiles that do not go together.

    Notes
    -----
    Missing values are zero after normalisation, beside a mask. Rows do not see each other. In
    evaluation every matrix product runs over a fixed number of rows, as in `SequenceModel`.

    References
    ----------
    Lin et al. (2023), "SegRNN: Segment Recurrent Neural Network for Long-Term Time Series
    Forecasting".
    """

    def __init__(
        self,
        backend: Backend,
        hidden_size: int,
        *,
        num_layers: int,
        dropout: float,
        window_length: int,
        segment_length: int,
        horizon: int,
        n_columns: int,
        n_channels: int,
        n_past_features: int,
        n_future_features: int,
        quantiles: tuple[float, ...] | None,
        normalization: str | None,
        decoding: str,
        bidirectional: bool = False,
        point_is_median: bool = False,
    ):
        super().__init__()
        if decoding == "recursive" and n_past_features < n_future_features:
            raise InvalidParameterError(
                f"n_past_features={n_past_features} and n_future_features={n_future_features}; "
                "recursive decoding needs every feature of the future among those of the past."
            )
        quantiles = quantiles or ()
        if point_is_median and 0.5 not in quantiles:
            raise InvalidParameterError(
                f"point_is_median=True with quantiles={quantiles}; 0.5 must be one of them."
            )
        self.segment_length = segment_length
        self.horizon = horizon
        self.n_columns = n_columns
        self.n_past_features = n_past_features
        self.normalization = normalization
        self.recursive = decoding == "recursive"
        self.spread = _Spread(quantiles, point_is_median)
        self.n_segments = -(-window_length // segment_length)
        self.padding = self.n_segments * segment_length - window_length
        self.n_segments_ahead = -(-horizon // segment_length)

        step_size = 2 * (n_columns + n_past_features)
        self.embed = nn.Sequential(nn.Linear(segment_length * step_size, hidden_size), nn.ReLU())
        self.encoder = Encoder(
            backend,
            hidden_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            readout="last",
        )
        self.decoder = SegmentDecoder(
            self.encoder.output_size,
            segment_length * n_columns * self.spread.n_raw,
            n_positions=1 if self.recursive else self.n_segments_ahead,
            n_channels=n_channels,
            future_size=2 * segment_length * n_future_features,
            dropout=dropout,
        )

    def forward(self, x: Any, lengths: Tensor) -> Forecast:
        """Return the forecasts of a batch of windows.

        Parameters
        ----------
        x : seqlearn.data.windows.WindowBatch
            ``past`` (B, L, C), ``past_features`` (B, L, P) or None, ``future_features``
            (B, H, K) or None, ``channel`` (B,).
        lengths : Tensor of shape (B,)
            Not read: all windows are equally long.
        """
        centre, scale = self._level(x.past)
        steps = _with_mask((x.past - centre) / scale)  # (B, L, 2 C)
        if x.past_features is not None:
            steps = torch.cat([steps, _with_mask(x.past_features)], dim=-1)  # (B, L, 2 C + 2 P)
        steps = functional.pad(steps, (0, 0, self.padding, 0))  # (B, S s, 2 C + 2 P)
        window = steps.unflatten(1, (self.n_segments, -1)).flatten(2)  # (B, S, s (2 C + 2 P))
        future = None
        if x.future_features is not None:
            ahead = self.n_segments_ahead * self.segment_length
            future = _with_mask(x.future_features)  # (B, H, 2 K)
            future = functional.pad(future, (0, 0, 0, ahead - self.horizon))
            future = future.unflatten(1, (self.n_segments_ahead, -1))  # (B, S ahead, s, 2 K)
        decode = self._decode_recursively if self.recursive else self._decode_at_once
        raw = decode(window, x.channel, future)  # (B, S ahead, s C raw)
        raw = raw.unflatten(2, (self.segment_length, self.n_columns, -1)).flatten(1, 2)
        return Forecast(self.spread(raw[:, : self.horizon]), centre, scale)

    def _level(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Last observed value and standard deviation of each window, (B, 1, C) each."""
        if self.normalization != "window":
            shape = (len(past), 1, self.n_columns)
            return past.new_zeros(shape), past.new_ones(shape)
        observed = ~past.isnan()  # (B, L, C)
        step = torch.arange(past.shape[1], device=past.device)[:, None]
        last = torch.where(observed, step, 0).amax(dim=1, keepdim=True)  # (B, 1, C)
        centre = past.gather(1, last).nan_to_num(0.0)  # (B, 1, C)
        count = observed.sum(dim=1, keepdim=True).clamp(min=1)
        deviation = torch.where(observed, past - centre, 0.0)
        mean = deviation.sum(dim=1, keepdim=True) / count
        deviation = torch.where(observed, deviation - mean, 0.0)
        variance = deviation.square().sum(dim=1, keepdim=True) / count
        return centre, variance.sqrt().clamp(min=SMALLEST_SCALE)

    def _read(self, window: Tensor) -> Tensor:
        """Run the core over the segments of a window and return its last output, (B, D)."""
        embedded = rowwise(self.embed, window, self.training)  # (B, S, hidden_size)
        return self.encoder(embedded, torch.full((len(window),), window.shape[1]))

    def _decode_at_once(self, window: Tensor, channel: Tensor, future: Tensor | None) -> Tensor:
        return self.decoder(
            self._read(window), channel, None if future is None else future.flatten(2)
        )

    def _decode_recursively(self, window: Tensor, channel: Tensor, future: Tensor | None) -> Tensor:
        segments = []
        for i in range(self.n_segments_ahead):
            now = None if future is None else future[:, i : i + 1]  # (B, 1, s, 2 K)
            raw = self.decoder(
                self._read(window), channel, None if now is None else now.flatten(2)
            )  # (B, 1, s C raw)
            segments.append(raw)
            window = torch.cat([window[:, 1:], self._as_past(raw, now)], dim=1)
        return torch.cat(segments, dim=1)

    def _as_past(self, raw: Tensor, future: Tensor | None) -> Tensor:
        """Make a segment of a window, (B, 1, s (2 C + 2 P)), of a forecast and its features."""
        raw = raw.unflatten(2, (self.segment_length, self.n_columns, -1))[:, 0]
        point = self.spread(raw)[..., 0]  # (B, s, C)
        parts = [point, torch.ones_like(point)]
        if self.n_past_features:
            values = point.new_zeros((*point.shape[:2], self.n_past_features))  # (B, s, P)
            observed = torch.zeros_like(values)
            if future is not None:
                n_known = future.shape[3] // 2
                values[..., :n_known] = future[:, 0, :, :n_known]
                observed[..., :n_known] = future[:, 0, :, n_known:]
            parts += [values, observed]
        return torch.cat(parts, dim=-1).flatten(1)[:, None]


class SegmentDecoder(nn.Module):
    """A gated recurrent unit (Cho et al. 2014) that takes one step to each segment ahead.

    Its state is what the core knows, its input says which segment, which channel and which
    features known ahead. All segments start from the same state, so the products with the state
    are made once a row.

    Parameters
    ----------
    state_size : int
        Width of the core's output, D.
    output_size : int
        Outputs a segment.
    n_positions : int
        Segments ahead, S ahead.
    n_channels : int
        Distinct channels.
    future_size : int
        Features of a segment ahead; 0 for none.
    dropout : float
        Share of the values dropped before the linear head.
    """

    def __init__(
        self,
        state_size: int,
        output_size: int,
        *,
        n_positions: int,
        n_channels: int,
        future_size: int,
        dropout: float,
    ):
        super().__init__()
        self.state_gates = nn.Linear(state_size, 3 * state_size)
        self.position = nn.Parameter(torch.randn(n_positions, state_size))
        self.position_gates = nn.Linear(state_size, 3 * state_size)
        self.channel_gates = nn.Embedding(n_channels, 3 * state_size) if n_channels > 1 else None
        self.future_gates = None
        if future_size:
            self.future_gates = nn.Linear(future_size, 3 * state_size, bias=False)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(state_size, output_size)

    def forward(self, state: Tensor, channel: Tensor, future: Tensor | None) -> Tensor:
        """Decode (B, D) into (B, S ahead, output_size).

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
            query = query + rowwise(self.future_gates, future, self.training)
        from_query = query.chunk(3, dim=-1)
        from_state = rowwise(self.state_gates, state, self.training)[:, None].chunk(3, dim=-1)
        reset = torch.sigmoid(from_query[0] + from_state[0])
        keep = torch.sigmoid(from_query[1] + from_state[1])
        new = torch.tanh(from_query[2] + reset * from_state[2])
        decoded = new + keep * (state[:, None] - new)  # (B, S ahead, D)
        return rowwise(self.head, self.dropout(decoded), self.training)


class _Spread(nn.Module):
    """From free numbers to a point and quantiles in ascending order.

    One number is the middle quantile; the distances from each quantile to the next are
    softplus of another one each.
    """

    def __init__(self, quantiles: tuple[float, ...], point_is_median: bool):
        super().__init__()
        self.n_quantiles = len(quantiles)
        self.point_is_median = point_is_median
        self.n_raw = len(quantiles) + (not point_is_median)
        self.middle = quantiles.index(0.5) if 0.5 in quantiles else len(quantiles) // 2

    def forward(self, raw: Tensor) -> Tensor:
        """Turn (..., raw) into (..., 1 + Q)."""
        if self.n_quantiles == 0:
            return raw
        middle = raw[..., -self.n_quantiles, None]  # (..., 1)
        steps = functional.softplus(raw[..., raw.shape[-1] - self.n_quantiles + 1 :])
        below, above = steps.split([self.middle, self.n_quantiles - 1 - self.middle], dim=-1)
        below = middle - below.cumsum(-1).flip(-1)
        above = middle + above.cumsum(-1)
        point = middle if self.point_is_median else raw[..., :1]
        return torch.cat([point, below, middle, above], dim=-1)


def rowwise(layer: Callable[[Tensor], Tensor], x: Tensor, training: bool) -> Tensor:
    """Apply a layer to the last axis; in evaluation, in products of one fixed number of rows."""
    if training:
        return layer(x)
    return in_chunks(layer, x.flatten(0, -2)).unflatten(0, x.shape[:-1])


def _with_mask(values: Tensor) -> Tensor:
    """Values with zeros for NaN, and whether each was there: (..., F) to (..., 2 F)."""
    observed = ~values.isnan()
    return torch.cat([torch.where(observed, values, 0.0), observed.to(values.dtype)], dim=-1)
