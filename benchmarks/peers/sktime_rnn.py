"""sktime's SimpleRNNClassifierTorch as a contender of the speed benchmark; see `contenders`.

It is a plain recurrent network: sktime has no classifier with an LSTM alone. Its step has a quarter
of the products of an LSTM's.
"""

import numpy as np
from sktime.classification.deep_learning.rnn import SimpleRNNClassifierTorch

from benchmarks.contenders import LR, Contender, Work


def prepare(work: Work, X: np.ndarray, y: np.ndarray) -> Contender:
    """Build the classifier; its batch of prediction is that of training."""
    model = SimpleRNNClassifierTorch(
        hidden_dim=work.hidden,
        activation_hidden="tanh",
        batch_size=work.batch,
        optimizer="Adam",
        lr=LR,
        callbacks=None,
    )
    series = np.ascontiguousarray(X.transpose(0, 2, 1))  # (N, F, T)
    return Contender(
        fit=lambda epochs: model.set_params(num_epochs=epochs).fit(series, y),
        predict=lambda: model.predict(series),
    )
