"""LSTMClassifier as a contender of the speed benchmark; see `benchmarks.contenders`."""

import numpy as np

from benchmarks.contenders import LR, Contender, Work
from seqlearn import LSTMClassifier

SAME_NETWORK = {"readout": "last", "dropout": 0.0, "lr": LR, "random_state": 0}  # as the peers'
BARE_TRAINING = {"gradient_clip": None, "lr_schedule": None}


def prepare(
    work: Work, X, y: np.ndarray, as_it_comes: bool = False, precision: str = "float32"
) -> Contender:
    """Build the estimator; `as_it_comes` leaves it its clipping and its schedule."""
    model = LSTMClassifier(
        hidden_size=work.hidden,
        batch_size=work.batch,
        bidirectional=work.bidirectional,
        precision=precision,
        **SAME_NETWORK,
        **({} if as_it_comes else BARE_TRAINING),
    )
    return Contender(
        fit=lambda epochs: model.set_params(max_epochs=epochs).fit(X, y),
        predict=lambda: model.predict(X),
    )
