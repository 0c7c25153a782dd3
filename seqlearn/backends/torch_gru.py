"""The backend "gru": torch's gated recurrent unit."""

from torch import nn

from seqlearn.backend import Backend, Stack


class TorchGRU(Backend):
    """Gated recurrent unit (Cho et al. 2014) by ``torch.nn.GRU``.

    Three gates instead of four, so fewer weights than an LSTM of the same width. On the CPU it
    has no fused implementation and is slower than "torch"; on CUDA it is a little faster.

    Examples
    --------
    >>> from seqlearn.backends.torch_gru import TorchGRU
    >>> core = TorchGRU().build(3, 8, num_layers=1, bidirectional=True, dropout=0.0)
    >>> core.output_size
    16
    """

    def build(self, input_size, hidden_size, **stacking):
        """Return a `Stack` of ``nn.GRU`` layers; see `seqlearn.backend.Backend.build`."""
        return Stack(
            lambda size: nn.GRU(size, hidden_size, batch_first=True),
            input_size,
            hidden_size,
            **stacking,
        )
