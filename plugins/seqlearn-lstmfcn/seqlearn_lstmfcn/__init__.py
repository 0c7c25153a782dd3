"""The backends "lstmfcn" and "alstmfcn", recurrent over time or, with "-shuffle", over features.

Here live the four backends, which the entry points in pyproject.toml name, and the checks of their
options. Their one core lives in `network`, the LSTM with attention in `attention`; the plain LSTM's
depth and directions come from `seqlearn.backend.Stack`. Nothing of seqlearn imports this package;
`seqlearn.registry` loads it when someone asks for one of the names.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from torch import nn

from seqlearn.backend import Backend, Stack
from seqlearn.errors import InvalidParameterError
from seqlearn_lstmfcn.attention import AttentionLSTM, AttentionLSTMLayer
from seqlearn_lstmfcn.network import ConvolutionBlock, LSTMFCNCore, resample

__all__ = [
    "ALSTMFCN",
    "LSTMFCN",
    "ALSTMFCNShuffle",
    "AttentionLSTM",
    "AttentionLSTMLayer",
    "ConvolutionBlock",
    "LSTMFCNCore",
    "LSTMFCNShuffle",
    "resample",
]


class _FCNBackend(Backend):
    """What the four backends share: two flags, the checks of the options, and the core."""

    causal = False
    stateful = False
    stable_rows = 4  # of the recurrent products in float64; the others need fewer

    attention: ClassVar[bool]

    @property
    def bf16(self) -> bool:
        """As in `Backend`, which says what it is: not of attention, a loop over the steps."""
        return not self.attention

    @abstractmethod
    def shuffled_steps(self) -> int | None:
        """Return the points that a row is resampled to, or None if time stays time."""

    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        """Return an `LSTMFCNCore`; see `seqlearn.backend.Backend.build`.

        Raises
        ------
        InvalidParameterError
            If an option is none of the accepted values.
        """
        steps = self.shuffled_steps()
        if steps is not None:
            self._require("steps", _is_whole(steps, 2), "a whole number, at least 2")
        for name in ("filters", "kernel_sizes"):
            sizes = getattr(self, name)
            listed = isinstance(sizes, Sequence) and len(sizes) > 0
            good = listed and all(_is_whole(size, 1) for size in sizes)
            self._require(name, good, "a tuple of whole numbers, one a layer, each at least 1")
        if len(self.filters) != len(self.kernel_sizes):
            raise InvalidParameterError(
                f"filters={self.filters!r} has {len(self.filters)} values and kernel_sizes="
                f"{self.kernel_sizes!r} has {len(self.kernel_sizes)}. Give both one value a layer."
            )
        self._require("ends", self.ends in ("zeros", "repeat"), "'zeros' or 'repeat'")
        share = self.branch_dropout
        self._require(
            "branch_dropout", isinstance(share, Real) and 0 <= share < 1, "a number in [0, 1)"
        )
        bias = self.forget_bias
        self._require(
            "forget_bias", isinstance(bias, Real) and math.isfinite(bias), "a finite number"
        )
        make_branch = AttentionLSTM if self.attention else _plain_lstm
        branch = make_branch(
            input_size if steps is None else steps,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
            forget_bias=bias,
        )
        return LSTMFCNCore(
            ConvolutionBlock(
                input_size, self.filters, self.kernel_sizes, repeat=self.ends == "repeat"
            ),
            branch,
            bidirectional=bidirectional,
            branch_dropout=share,
            steps=steps,
        )

    def _require(self, name: str, holds: bool, accepted: str) -> None:
        if not holds:
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(self).__name__} must be {accepted}. Got "
                f"{getattr(self, name)!r} instead; if in doubt, leave it out."
            )


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= least


def _plain_lstm(
    input_size: int, hidden_size: int, *, forget_bias: float, **shape: Any
) -> nn.Module:
    """Return a `Stack` of ``nn.LSTM`` layers."""

    def make_layer(size: int) -> nn.Module:
        layer = nn.LSTM(size, hidden_size, batch_first=True)
        with torch.no_grad():  # gates are stored in the order i, f, g, o
            layer.bias_ih_l0[hidden_size : 2 * hidden_size] = forget_bias
            layer.bias_hh_l0[hidden_size : 2 * hidden_size] = 0.0
        return layer

    return Stack(make_layer, input_size, hidden_size, **shape)


class _OverTime(_FCNBackend):
    """Options of the two backends whose recurrent branch reads a row step by step."""

    def __init__(
        self,
        filters: tuple[int, ...] = (128, 256, 128),
        kernel_sizes: tuple[int, ...] = (8, 5, 3),
        branch_dropout: float = 0.8,
        forget_bias: float = 1.0,
        ends: str = "zeros",
    ):
        self.filters = filters
        self.kernel_sizes = kernel_sizes
        self.branch_dropout = branch_dropout
        self.forget_bias = forget_bias
        self.ends = ends

    def shuffled_steps(self) -> None:
        """Return None: time stays time."""


class _Shuffled(_FCNBackend):
    """Options of the two backends whose recurrent branch reads one feature's whole row a step."""

    def __init__(
        self,
        steps: int = 128,
        filters: tuple[int, ...] = (128, 256, 128),
        kernel_sizes: tuple[int, ...] = (8, 5, 3),
        branch_dropout: float = 0.8,
        forget_bias: float = 1.0,
        ends: str = "zeros",
    ):
        self.steps = steps
        self.filters = filters
        self.kernel_sizes = kernel_sizes
        self.branch_dropout = branch_dropout
        self.forget_bias = forget_bias
        self.ends = ends

    def shuffled_steps(self) -> int:
        """Return the points that a row is resampled to."""
        return self.steps


class LSTMFCN(_OverTime):
    """LSTM-FCN, recurrent over time: an LSTM beside a block of convolutions [1]_.

    The convolution block's features of a step stand beside the LSTM's output at that step; with
    ``readout="mean"`` in an estimator, the convolution part is the global average pooling of the
    paper. The estimator's ``hidden_size``, ``num_layers``, ``bidirectional`` and ``dropout`` are
    those of the LSTM. A step's features hang on some steps after it, so the core is not causal.

    Parameters
    ----------
    filters : tuple of int, default=(128, 256, 128)
        Features that each layer of convolutions gives, first layer first.
    kernel_sizes : tuple of int, default=(8, 5, 3)
        Steps that each layer reads at once. An even size reads one step more after the present
        one than before it.
    branch_dropout : float, default=0.8
        Share of the LSTM's outputs dropped in training, in [0, 1): one draw a row, for all steps.
    forget_bias : float, default=1.0
        Initial bias of the forget gate, as in the backend "torch".
    ends : {"zeros", "repeat"}, default="zeros"
        What each layer of convolutions reads past a row's own ends: zeros, as published, or what
        stands at the row's first and last step. Zeros stand out at the end of a row that is not
        zero there.

    Notes
    -----
    Batch normalisation takes mean and variance over the valid steps of the batch in training, and
    running ones in evaluation. A batch of a single step has no variance and takes the running ones.

    In the paper's experiments the LSTM sees the series as one step with T features; that
    reading is `LSTMFCNShuffle`.

    With two directions the outputs are the first half of the convolution features, the forward
    LSTM, the second half, the backward LSTM; so ``readout="last"`` reads each at its own end.

    References
    ----------
    .. [1] Karim, Majumdar, Darabi & Chen (2017), LSTM fully convolutional networks for time
       series classification, arXiv:1709.05206.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_lstmfcn import LSTMFCN
    >>> core = LSTMFCN().build(3, 8, num_layers=1, bidirectional=False, dropout=0.0)
    >>> outputs, state = core(torch.zeros(2, 50, 3), torch.tensor([50, 40]))
    >>> outputs.shape
    torch.Size([2, 50, 136])
    """

    attention = False


class ALSTMFCN(_OverTime):
    """ALSTM-FCN, recurrent over time: `LSTMFCN` whose LSTM looks at the whole row at every step.

    The LSTM is `AttentionLSTM`. It runs step by step, and its time and its memory in training grow
    with the square of the row's length.

    Parameters
    ----------
    filters : tuple of int, default=(128, 256, 128)
    kernel_sizes : tuple of int, default=(8, 5, 3)
    branch_dropout : float, default=0.8
    forget_bias : float, default=1.0
    ends : {"zeros", "repeat"}, default="zeros"
        All as in `LSTMFCN`.

    References
    ----------
    Karim, Majumdar, Darabi & Chen (2017), arXiv:1709.05206.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_lstmfcn import ALSTMFCN
    >>> core = ALSTMFCN().build(3, 8, num_layers=1, bidirectional=True, dropout=0.0)
    >>> outputs, state = core(torch.zeros(2, 50, 3), torch.tensor([50, 40]))
    >>> outputs.shape
    torch.Size([2, 50, 144])
    """

    attention = True


class LSTMFCNShuffle(_Shuffled):
    """LSTM-FCN with the dimension shuffle of the published experiments [1]_.

    The LSTM's steps are the features, and what it reads at a step is one feature's whole row. It
    sees a univariate series as one single step with T features, so that it is a gated
    layer and not recurrent; of several features it reads one after another, as in [2]_. Its last
    output stands beside the convolution features at every step.

    Parameters
    ----------
    steps : int, default=128
        Points that each row is resampled to for the LSTM, by linear interpolation between its
        first and its last step (`resample`), for a core is not told how long rows are. If all rows
        have this length, the LSTM reads them unchanged.
    filters : tuple of int, default=(128, 256, 128)
    kernel_sizes : tuple of int, default=(8, 5, 3)
    branch_dropout : float, default=0.8
    forget_bias : float, default=1.0
    ends : {"zeros", "repeat"}, default="zeros"
        The others as in `LSTMFCN`.

    References
    ----------
    .. [1] Karim, Majumdar, Darabi & Chen (2017), arXiv:1709.05206.
    .. [2] Karim, Majumdar, Darabi & Harford (2019), Multivariate LSTM-FCNs for time series
       classification, Neural Networks 116.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_lstmfcn import LSTMFCNShuffle
    >>> core = LSTMFCNShuffle(steps=50).build(
    ...     3, 8, num_layers=1, bidirectional=False, dropout=0.0
    ... )
    >>> outputs, state = core(torch.zeros(2, 50, 3), torch.tensor([50, 40]))
    >>> outputs.shape
    torch.Size([2, 50, 136])
    """

    attention = False


class ALSTMFCNShuffle(_Shuffled):
    """ALSTM-FCN with the dimension shuffle: `LSTMFCNShuffle` with an `AttentionLSTM`.

    Of a univariate series the attention has one step to choose from, so it adds nothing but a
    second set of input weights.

    Parameters
    ----------
    steps : int, default=128
        As in `LSTMFCNShuffle`.
    filters : tuple of int, default=(128, 256, 128)
    kernel_sizes : tuple of int, default=(8, 5, 3)
    branch_dropout : float, default=0.8
    forget_bias : float, default=1.0
    ends : {"zeros", "repeat"}, default="zeros"
        The others as in `LSTMFCN`.

    References
    ----------
    Karim, Majumdar, Darabi & Chen (2017), arXiv:1709.05206.

    Examples
    --------
    >>> import torch
    >>> from seqlearn_lstmfcn import ALSTMFCNShuffle
    >>> core = ALSTMFCNShuffle().build(3, 8, num_layers=1, bidirectional=False, dropout=0.0)
    >>> outputs, state = core(torch.zeros(2, 50, 3), torch.tensor([50, 40]))
    >>> outputs.shape
    torch.Size([2, 50, 136])
    """

    attention = True
