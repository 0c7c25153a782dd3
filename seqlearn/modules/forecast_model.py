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

from collections.abc import Iterable
from itertools import repeat
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqlearn.backend import Backend, Dropout
from seqlearn.errors import InvalidParameterError
from seqlearn.modules.encoder import Encoder

__all__ = ["Forecast", "ForecastModel"]

BLOCK_ROWS = 32  # in evaluation
SMALLEST_SCALE = 1e-2  # of a window, in the units of its values: those of a series of spread 1
SMALLEST_SHARE = 1e-6  # what the observed steps of all segments and the level have in a mean


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
    copying : bool
        Add to each segment ahead a mean of the segments of the window and of its level, in
        proportions that the decoder chooses. It makes forecasts of regular series exact, where
        there are enough of them to learn whether a window is regular.

    Raises
    ------
    InvalidParameterError
        Features or quantiles that do not go together.

    Notes
    -----
    Missing values are zero after normalisation, beside a mask. Rows do not see each other. In
    evaluation they run in blocks of exactly 32: matrix products round by the number of rows, and
    torch's sigmoid does too, at the end of a tensor.

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
        copying: bool = False,
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
        self.n_free = segment_length * n_columns * self.spread.n_raw
        self.copying = copying
        self.decoder = SegmentDecoder(
            self.encoder.output_size,
            self.n_free + (n_columns * (self.n_segments + 1) if copying else 0),
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
        parts = (x.past, x.past_features, x.future_features, x.channel)
        if self.training:
            return self._forecast(*parts)
        blocks = zip(*map(_blocks, parts), strict=False)  # those of what is None are endless
        forecasts = [self._forecast(*block) for block in blocks]
        together = (torch.cat(parts)[: len(x.past)] for parts in zip(*forecasts, strict=True))
        return Forecast(*together)

    def _forecast(
        self, past: Tensor, past_features: Any, future_features: Any, channel: Tensor
    ) -> Forecast:
        window, centre, scale = self._segments(past, past_features)
        future = None
        if future_features is not None:
            missing = self.n_segments_ahead * self.segment_length - self.horizon
            future = _with_mask(future_features)  # (B, H, 2 K)
            future = functional.pad(future, (0, 0, 0, missing))
            future = future.unflatten(1, (self.n_segments_ahead, -1))  # (B, S ahead, s, 2 K)
        ahead = self._recursively if self.recursive else self._at_once
        outputs = ahead(window, channel, future).transpose(1, 2)  # (B, 1 + Q, S ahead, s, C)
        outputs = outputs.flatten(2, 3)[:, :, : self.horizon]  # (B, 1 + Q, H, C)
        return Forecast(outputs.permute(0, 2, 3, 1), centre, scale)

    def _segments(self, past: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return segments of the normalised window, (B, S, s (2 C + 2 P)), its level and spread."""
        centre, scale = self._level(past)
        steps = _with_mask((past - centre) / scale)  # (B, L, 2 C)
        if features is not None:
            steps = torch.cat([steps, _with_mask(features)], dim=-1)  # (B, L, 2 C + 2 P)
        steps = functional.pad(steps, (0, 0, self.padding, 0))  # (B, S s, 2 C + 2 P)
        return steps.unflatten(1, (self.n_segments, -1)).flatten(2), centre, scale

    def _level(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Last observed value and standard deviation of each window, (B, 1, C) each.

        Of a window with one observed value, or none, the standard deviation counts as 1.
        """
        if self.normalization != "window":
            shape = (len(past), 1, self.n_columns)
            return past.new_zeros(shape), past.new_ones(shape)
        observed = ~past.isnan()  # (B, L, C)
        step = torch.arange(past.shape[1], device=past.device)[:, None]
        last = torch.where(observed, step, 0).amax(dim=1, keepdim=True)  # (B, 1, C)
        centre = past.gather(1, last).nan_to_num(0.0)  # (B, 1, C)
        count = observed.sum(dim=1, keepdim=True)
        deviation = torch.where(observed, past - centre, 0.0)
        mean = deviation.sum(dim=1, keepdim=True) / count.clamp(min=1)
        deviation = torch.where(observed, deviation - mean, 0.0)
        variance = deviation.square().sum(dim=1, keepdim=True) / count.clamp(min=1)
        scale = variance.sqrt().clamp(min=SMALLEST_SCALE)
        return centre, torch.where(count > 1, scale, 1.0)

    def _at_once(self, window: Tensor, channel: Tensor, future: Tensor | None) -> Tensor:
        """Decode a window and the features of segments ahead: (B, segments, 1 + Q, s, C)."""
        lengths = torch.full((len(window),), self.n_segments)
        state = self.encoder(self.embed(window), lengths)  # (B, D)
        decoded = self.decoder(state, channel, None if future is None else future.flatten(2))
        free = decoded[..., : self.n_free].unflatten(2, (-1, self.segment_length, self.n_columns))
        outputs = self.spread(free)
        if self.copying:
            outputs = outputs + self._copied(window, decoded[..., self.n_free :])[:, :, None]
        return outputs

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

    def _recursively(self, window: Tensor, channel: Tensor, future: Tensor | None) -> Tensor:
        """Decode one segment ahead, make it the window's newest, and so on; as `_at_once`."""
        segments = []
        for i in range(self.n_segments_ahead):
            now = None if future is None else future[:, i : i + 1]  # (B, 1, s, 2 K)
            segments.append(self._at_once(window, channel, now))  # (B, 1, 1 + Q, s, C)
            newest = self._as_past(segments[-1][:, 0, 0], now)
            window = torch.cat([window[:, 1:], newest], dim=1)
        return torch.cat(segments, dim=1)

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
            query = query + self.future_gates(future)  # (B, S ahead, 3 D)
        from_query = query.chunk(3, dim=-1)
        from_state = self.state_gates(state)[:, None].chunk(3, dim=-1)
        reset = torch.sigmoid(from_query[0] + from_state[0])
        keep = torch.sigmoid(from_query[1] + from_state[1])
        new = torch.tanh(from_query[2] + reset * from_state[2])
        decoded = new + keep * (state[:, None] - new)  # (B, S ahead, D)
        return self.head(self.dropout(decoded))


class _Spread(nn.Module):
    """From free numbers to a point and quantiles in ascending order.

    One number is the middle quantile; the distances from each quantile to the next are
    softplus of another one each. Numbers stand before steps and columns: softplus is fast on
    values that lie together.
    """

    def __init__(self, quantiles: tuple[float, ...], point_is_median: bool):
        super().__init__()
        self.n_quantiles = len(quantiles)
        self.point_is_median = point_is_median
        self.n_raw = len(quantiles) + (not point_is_median)
        self.middle = quantiles.index(0.5) if 0.5 in quantiles else len(quantiles) // 2

    def forward(self, raw: Tensor) -> Tensor:
        """Turn (B, segments, raw, s, C) into (B, segments, 1 + Q, s, C)."""
        if self.n_quantiles == 0:
            return raw
        first = self.n_raw - self.n_quantiles
        distances = functional.softplus(raw[:, :, first + 1 :])  # (B, segments, Q - 1, s, C)
        from_lowest = functional.pad(distances.cumsum(2), (0, 0, 0, 0, 1, 0))
        middle = slice(self.middle, self.middle + 1)
        lowest = raw[:, :, first : first + 1] - from_lowest[:, :, middle]
        quantiles = lowest + from_lowest  # (B, segments, Q, s, C)
        point = quantiles[:, :, middle] if self.point_is_median else raw[:, :, :1]
        return torch.cat([point, quantiles], dim=2)


def _with_mask(values: Tensor) -> Tensor:
    """Values with zeros for NaN, and whether each was there: (..., F) to (..., 2 F)."""
    observed = ~values.isnan()
    return torch.cat([torch.where(observed, values, 0.0), observed.to(values.dtype)], dim=-1)


def _blocks(x: Tensor | None) -> Iterable[Tensor | None]:
    """Cut rows into blocks of BLOCK_ROWS, the last one filled up with zeros; None into Nones."""
    if x is None:
        return repeat(None)
    more = x.new_zeros((-len(x) % BLOCK_ROWS, *x.shape[1:]))
    return torch.cat([x, more]).split(BLOCK_ROWS)
