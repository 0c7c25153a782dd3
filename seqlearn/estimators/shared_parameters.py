"""The parameters that several estimators have: type, default, text and check of each, once.

`.ci/parameters.py` writes constructors and the entries of the docstrings from this table;
`seqlearn.estimators.fitting` checks values by it. What one estimator alone has is described in its
docstring and checked by its own table.
"""

from dataclasses import dataclass
from typing import Any

import torch

from seqlearn.estimators.parameters import (
    Check,
    boolean,
    integer,
    mapping,
    number,
    one_of,
    sequence,
)
from seqlearn.estimators.words import check_words
from seqlearn.modules.readouts import READOUTS
from seqlearn.training.optimizers import OPTIMIZERS
from seqlearn.training.schedules import SCHEDULES

__all__ = ["DIFFERENT", "GROUPS", "SHARED", "Parameter"]


def checked_later(value: Any) -> None:
    """Accept anything: whoever uses the value checks it."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a constructor.

    Attributes
    ----------
    head : str
        Type and default, as the docstring has them: 'int or "auto", default="auto"'.
    text : str
        What it does.
    check : Callable
        Returns None for a value that is accepted, else what would be.
    """

    head: str
    text: str
    check: Check = checked_later


NETWORK = {
    "hidden_size": Parameter("int, default=64", "Width of a recurrent layer, H.", integer(1)),
    "num_layers": Parameter(
        "int, default=1", "Recurrent layers stacked on each other.", integer(1)
    ),
    "bidirectional": Parameter(
        "bool, default=True", "Read each sequence from both ends; about twice the work.", boolean
    ),
    "dropout": Parameter(
        "float, default=0.2",
        "Share of the values dropped in training, between layers and before the linear layer.",
        number("[0, 1)"),
    ),
}
SINGLE = {
    "readout": Parameter(
        '{"last", "mean", "max", "attention"}, default="max"',
        "What becomes of the steps: the last one (of each direction's reading), their mean, their "
        "maximum, or a learned weighted mean.",
        one_of(*READOUTS),
    ),
    "backend": Parameter(
        'str or Backend, default="torch"',
        "The recurrent core: a name in `seqlearn.available_backends`, or an object with options.",
    ),
    "words": Parameter(
        "Words or None, default=None",
        "How words and feature dictionaries are read, if X holds those; None is "
        "`seqlearn.Words()`.",
        check_words,
    ),
    "warm_start": Parameter(
        "bool, default=False", "``fit`` goes on from the weights of the last ``fit``.", boolean
    ),
    "class_weight": Parameter(
        'dict, "balanced" or None, default=None',
        'Weight of each class; "balanced" makes them inverse to their frequency.',
    ),
}
TRAINING = {
    "max_epochs": Parameter(
        'int or "auto", default="auto"',
        'Passes over the training data. "auto" is what makes 3,000 updates, between 10 and 60.',
        integer(1, "auto"),
    ),
    "lr": Parameter("float, default=0.01", "Learning rate.", number("(0, inf)")),
    "lr_schedule": Parameter(
        '{"cosine", "one_cycle", "constant_then_decay"} or None, default="cosine"',
        "How the learning rate changes over the updates of a fit; None keeps it constant.",
        one_of(*SCHEDULES, None),
    ),
    "batch_size": Parameter(
        'int or "auto", default="auto"',
        'Sequences of one update. "auto" is an eighth of the training data, between 4 and 32.',
        integer(1, "auto"),
    ),
    "optimizer": Parameter(
        '{"adam", "adamw", "sgd", "rmsprop"} or Optimizer class, default="adam"',
        '"sgd" has Nesterov momentum of 0.9.',
        one_of(*OPTIMIZERS, or_class=torch.optim.Optimizer),
    ),
    "weight_decay": Parameter(
        "float, default=0.0", "The optimiser's weight decay.", number("[0, inf)")
    ),
    "gradient_clip": Parameter(
        "float or None, default=1.0",
        "Largest norm of the gradient of an update.",
        number("(0, inf)", None),
    ),
    "callbacks": Parameter(
        "list of skorch callbacks or None, default=None",
        "Called during training, as they are; only `sklearn.base.clone` copies them.",
        sequence,
    ),
    "device": Parameter(
        'str, default="auto"',
        '"auto" is CUDA if there is one, else the CPU; or "cpu", "cuda", "cuda:1".',
    ),
    "dtype": Parameter(
        '{"float32", "float64"}, default="float32"',
        "Of weights and arithmetic. float64 is 5 to 8 times slower.",
        one_of("float32", "float64"),
    ),
    "precision": Parameter(
        '{"auto", "float32", "bf16"}, default="float32"',
        'Of the core\'s matrix products in training: "auto" is bfloat16 where that is faster.',
        one_of("auto", "float32", "bf16"),
    ),
    "early_stopping": Parameter(
        "bool, default=False",
        "Hold out a part of the training data, stop when its loss no longer falls, and keep the "
        "weights that were best on it.",
        boolean,
    ),
    "validation_fraction": Parameter(
        "float, default=0.1", "Share to hold out for early stopping.", number("(0, 1)")
    ),
    "n_iter_no_change": Parameter(
        "int, default=10", "Epochs without improvement before early stopping.", integer(1)
    ),
    "tol": Parameter(
        "float, default=1e-4",
        "Relative fall of the loss that counts as improvement.",
        number("[0, inf)"),
    ),
}
CONTROL = {
    "random_state": Parameter(
        "int, RandomState or None, default=None",
        "Equal ints give equal bits. None draws fresh entropy. No global state is read or changed.",
    ),
    "verbose": Parameter(
        "int, default=0",
        "1 shows a progress bar, 2 prints a line an epoch.",
        integer(0, True, False),
    ),
    "net_params": Parameter(
        "dict or None, default=None",
        "More settings for ``skorch.NeuralNet``, verbatim.",
        mapping,
    ),
}

GROUPS = {"network": NETWORK, "training": TRAINING, "control": CONTROL}
SHARED: dict[str, Parameter] = NETWORK | SINGLE | TRAINING | CONTROL

# What an estimator has otherwise: its class, the parameter, and the fields of `Parameter`.
STRATIFIED = {"text": "Share to hold out for early stopping, stratified by class."}
DIFFERENT: dict[str, dict[str, dict[str, str]]] = {
    "BiLSTMTagger": {
        "hidden_size": {"head": "int, default=128"},
        "dropout": {"head": "float, default=0.5"},
        "lr": {"head": "float, default=0.005"},
        "class_weight": {
            "text": 'Weight of each class; "balanced" makes them inverse to their frequency. With '
            "the CRF, a label's term of the likelihood is weighted, given the labels before it."
        },
    },
    "LSTMClassifier": {"validation_fraction": STRATIFIED},
    "LSTMForecaster": {
        "hidden_size": {"head": "int, default=128"},
        "bidirectional": {
            "head": "bool, default=False",
            "text": "Read each window from both ends; about twice the work.",
        },
        "dropout": {"head": "float, default=0.5"},
        "max_epochs": {
            "text": 'Passes over all windows. "auto" makes about 800 updates, 400 where the '
            "windows hold fewer than 200 horizons besides each other, in at most 150 passes."
        },
        "lr": {"head": "float, default=0.002"},
        "batch_size": {
            "text": 'Windows of one update. "auto" is a fiftieth of them, between 32 and 256.'
        },
        "early_stopping": {
            "text": "Hold out the last windows, window and horizon after those of training, stop "
            "when their loss no longer falls, and keep the weights that were best on them."
        },
        "validation_fraction": {
            "text": "Share of the windows to hold out for early stopping and calibration."
        },
    },
    "SequenceEncoder": {
        "dropout": {"text": "Share of the values dropped in training, between layers."},
        "readout": {
            "text": "What becomes of the steps: the last one, their mean, their maximum, or a "
            "learned weighted mean."
        },
    },
    "SktimeLSTMClassifier": {"validation_fraction": STRATIFIED},
}
