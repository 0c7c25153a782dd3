"""The backend "rnn": torch's plain recurrent layer."""

from torch import nn

from seqlearn.backend import Backend, Stack
from seqlearn.errors import InvalidParameterError


class TorchRNN(Backend):
    """Plain recurrence (Elman 1990) by ``torch.nn.RNN``: no gates, a short memory, few weights.

    Parameters
    ----------
    nonlinearity : {"tanh", "relu"}, default="tanh"
        What squashes each step.

    Raises
    ------
    InvalidParameterError
        From ``build``, for any other nonlinearity.

    Examples
    --------
    >>> from seqlearn.backends.torch_rnn import TorchRNN
    >>> core = TorchRNN("relu").build(3, 8, num_layers=1, bidirectional=False, dropout=0.0)
    >>> core.output_size
    8
    """

    def __init__(self, nonlinearity: str = "tanh"):
        self.nonlinearity = nonlinearity

    def build(self, input_size, hidden_size, **stacking):
        """Return a `Stack` of ``nn.RNN`` layers; see `seqlearn.backend.Backend.build`."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise InvalidParameterError(
                f"nonlinearity={self.nonlinearity!r} of the backend 'rnn' is not accepted; "
                "use 'tanh' or 'relu'."
            )
        kwargs = {"batch_first": True, "nonlinearity": self.nonlinearity}
        return Stack(
            lambda size: nn.RNN(size, hidden_size, **kwargs), input_size, hidden_size, **stacking
        )
