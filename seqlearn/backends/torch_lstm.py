"""The backend "torch": torch's own LSTM, fused by oneDNN on the CPU and by cuDNN on CUDA."""

import torch
from torch import nn

from seqlearn.backend import Backend, Stack


class TorchLSTM(Backend):
    """Long short-term memory (Hochreiter & Schmidhuber 1997) by ``torch.nn.LSTM``.

    The fastest recurrent core on the CPU and the default of every estimator.

    Parameters
    ----------
    forget_bias : float, default=1.0
        Initial bias of the forget gate. At 1 the cell remembers from the first update on
        (Gers et al. 2000; Jozefowicz et al. 2015); at 0 it forgets half at every step.

    Examples
    --------
    >>> from seqlearn.backends.torch_lstm import TorchLSTM
    >>> core = TorchLSTM().build(3, 8, num_layers=2, bidirectional=False, dropout=0.0)
    >>> core.output_size
    8
    """

    # The fused kernel is stable but for a matrix-vector product at one row. (float64 has no fused
    # kernel; there every core is given a multiple of more rows.)
    stable_rows = 2
    bf16 = True

    def __init__(self, forget_bias: float = 1.0):
        self.forget_bias = forget_bias

    def build(self, input_size, hidden_size, **stacking):
        """Return a `Stack` of ``nn.LSTM`` layers; see `seqlearn.backend.Backend.build`."""

        def make_layer(size):
            layer = nn.LSTM(size, hidden_size, batch_first=True)
            with torch.no_grad():  # gates are stored in the order i, f, g, o
                layer.get_parameter("bias_ih_l0")[hidden_size : 2 * hidden_size] = self.forget_bias
                layer.get_parameter("bias_hh_l0")[hidden_size : 2 * hidden_size] = 0.0
            return layer

        return Stack(make_layer, input_size, hidden_size, **stacking)
