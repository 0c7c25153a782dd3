"""skorch's NeuralNetClassifier as a contender of the speed benchmark; see `contenders`."""

import numpy as np
import torch
from skorch import NeuralNetClassifier

from benchmarks.contenders import LR, PREDICT_ROWS, Contender, Work
from benchmarks.loops import LastStep


def prepare(work: Work, X: np.ndarray, y: np.ndarray) -> Contender:
    """Build the net: no validation split, fused Adam, nothing printed."""
    net = NeuralNetClassifier(
        LastStep,
        module__features=work.features,
        module__hidden=work.hidden,
        module__bidirectional=work.bidirectional,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        optimizer__fused=True,
        lr=LR,
        batch_size=work.batch,
        iterator_train__shuffle=True,
        iterator_valid__batch_size=PREDICT_ROWS,
        train_split=None,
        verbose=0,
    )
    return Contender(
        fit=lambda epochs: net.set_params(max_epochs=epochs).fit(X, y),
        predict=lambda: net.predict(X),
    )
