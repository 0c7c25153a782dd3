"""Dropout for recurrent networks: what a row forgets, it forgets at every step."""

from torch import Tensor

from seqlearn.backend import Dropout

__all__ = ["LockedDropout"]


class LockedDropout(Dropout):
    """Dropout whose mask is the same at all steps of a row (Gal & Ghahramani 2016).

    Parameters
    ----------
    p : float, default=0.5
        Share of the values set to zero in training, in [0, 1).

    References
    ----------
    Gal, Y. and Ghahramani, Z. (2016). A theoretically grounded application of dropout in recurrent
    neural networks. NeurIPS.

    Examples
    --------
    >>> import torch
    >>> dropped = LockedDropout(0.5)(torch.ones(2, 3, 4))
    >>> torch.equal(dropped[:, 0], dropped[:, 2])
    True
    """

    def forward(self, x: Tensor) -> Tensor:
        """Drop values of (B, T, E) in training; return ``x`` itself otherwise."""
        if not self.training or self.p == 0:
            return x
        return x * self.mask(x[:, :1])
