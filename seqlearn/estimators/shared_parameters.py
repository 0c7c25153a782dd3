"""The parameters that several estimators share: type, default and text of each, and its check.

`.ci/parameters.py` writes constructors and the entries of their docstrings from the sections below;
``fit`` checks values by `SHARED_CHECKS`. A section in lower case is a group of parameters, but for
``single``, whose parameters are taken one by one. A section with the name of a class has what is
otherwise there. What one estimator alone has is described in its own docstring.

network
-------
hidden_size : int, default=64
    Width of a recurrent layer, H.
num_layers : int, default=1
    Recurrent layers stacked on each other.
bidirectional : bool, default=True
    Read each sequence from both ends; about twice the work.
dropout : float, default=0.2
    Share of the values dropped in training, between layers and before the linear layer.

training
--------
max_epochs : int or "auto", default="auto"
    Passes over the training data. "auto" is what makes 3,000 updates, between 10 and 60.
lr : float, default=0.01
    Learning rate.
lr_schedule : {"cosine", "one_cycle", "constant_then_decay"} or None, default="cosine"
    How the learning rate changes over the updates of a fit; None keeps it constant.
batch_size : int or "auto", default="auto"
    Sequences of one update. "auto" is an eighth of the training data, between 4 and 32.
optimizer : {"adam", "adamw", "sgd", "rmsprop"} or Optimizer class, default="adam"
    "sgd" has Nesterov momentum of 0.9.
weight_decay : float, default=0.0
    The optimiser's weight decay.
gradient_clip : float or None, default=1.0
    Largest norm of the gradient of an update.
callbacks : list of skorch callbacks or None, default=None
    Called during training, as they are; only `sklearn.base.clone` copies them.
device : str, default="auto"
    "auto" is CUDA if there is one, else the CPU; or "cpu", "cuda", "cuda:1".
dtype : {"float32", "float64"}, default="float32"
    Of weights and arithmetic. float64 is 5 to 8 times slower.
precision : {"auto", "float32", "bf16"}, default="float32"
    Of the core's matrix products in training: "auto" is bfloat16 where that is faster.
early_stopping : bool, default=False
    Hold out a part of the training data, stop when its loss no longer falls, and keep the weights
    that were best on it.
validation_fraction : float, default=0.1
    Share to hold out for early stopping.
n_iter_no_change : int, default=10
    Epochs without improvement before early stopping.
tol : float, default=1e-4
    Relative fall of the loss that counts as improvement.

control
-------
random_state : int, RandomState or None, default=None
    Equal ints give equal bits. None draws fresh entropy. No global state is read or changed.
verbose : int, default=0
    1 shows a progress bar, 2 prints a line an epoch.
checkpoint : str, path-like or None, default=None
    Folder into which ``fit`` writes the state of its training after each epoch. The same fit, which
    needs a ``random_state``, goes on from there if it was interrupted, to the same bits; one that
    was finished is not trained again. Other parameters or data begin anew.
net_params : dict or None, default=None
    More settings for ``skorch.NeuralNet``, verbatim.

single
------
readout : {"last", "mean", "max", "attention"}, default="max"
    What becomes of the steps: the last one (of each direction's reading), their mean, their
    maximum, or a learned weighted mean.
backend : str or Backend, default="torch"
    The recurrent core: a name in `seqlearn.available_backends`, or an object with options.
words : Words or None, default=None
    How words and feature dictionaries are read, if X holds those; None is `seqlearn.Words()`.
frames : Frames or None, default=None
    How frames of video are read before the core: `seqlearn.Frames`, a small convolutional network.
    None gives the core the pixels.
missing : {"error", "mask"}, default="error"
    What NaN in X means. "error" refuses it. With "mask" it is a value that was not observed, and
    the network reads three numbers for each feature: the last value observed (before the first, the
    mean of the training data), whether there is one now, and the time since the last one. Padding
    is not missing: `seqlearn.to_sequences` cuts it off.
time_column : int, str or None, default=None
    Number or name of the column of X that holds the time of each step. The network reads the time
    since the step before in its place. Steps of one time are merged into their mean.
warm_start : bool, default=False
    ``fit`` continues from the weights of the last ``fit``.
class_weight : dict, "balanced" or None, default=None
    Weight of each class; "balanced" makes them inverse to their frequency.

BiLSTMTagger
------------
hidden_size : int, default=128
    Width of a recurrent layer, H.
dropout : float, default=0.5
    Share of the values dropped in training, between layers and before the linear layer.
lr : float, default=0.005
    Learning rate.
time_column : int, str or None, default=None
    Number or name of the column of X that holds the time of each step. The network reads the time
    since the step before in its place. Two steps of a sequence must not have one time.
class_weight : dict, "balanced" or None, default=None
    Weight of each class; "balanced" makes them inverse to their frequency. With the CRF, a label's
    term of the likelihood is weighted, given the labels before it.

Frames
------
dropout : float, default=0.0
    Share of the values of a frame's vector set to zero in training, the same ones in all frames of
    a clip.

LSTMAnomalyDetector
-------------------
dropout : float, default=0.0
    Share of the values dropped in training, between layers.
max_epochs : int or "auto", default="auto"
    Passes over all windows. "auto" is what makes 500 updates, at most 100.
batch_size : int or "auto", default="auto"
    Windows of one update. "auto" is an eighth of them, between 4 and 32.
early_stopping : bool, default=False
    Hold out a part of what is trained on, as ``calibration`` does, stop when its loss no longer
    falls, and keep the weights that were best on it.

LSTMClassifier
--------------
validation_fraction : float, default=0.1
    Share to hold out for early stopping, stratified by class.

LSTMForecaster
--------------
hidden_size : int, default=128
    Width of a recurrent layer, H.
bidirectional : bool, default=False
    Read each window from both ends; about twice the work.
dropout : float, default=0.5
    Share of the values dropped in training, between layers and before the linear layer.
max_epochs : int or "auto", default="auto"
    Passes over all windows. "auto" makes about 800 updates, 400 where the windows hold fewer than
    200 horizons besides each other, in at most 150 passes.
lr : float, default=0.002
    Learning rate.
batch_size : int or "auto", default="auto"
    Windows of one update. "auto" is a fiftieth of them, between 32 and 256.
early_stopping : bool, default=False
    Hold out the last windows, window and horizon after those of training, stop when their loss no
    longer falls, and keep the weights that were best on them.
validation_fraction : float, default=0.1
    Share of the windows to hold out for early stopping and calibration.

LSTMLanguageModel
-----------------
hidden_size : int, default=512
    Width of a recurrent layer, H.
dropout : float, default=0.4
    Share of the values dropped in training, between layers and before the scores.
max_epochs : int or "auto", default="auto"
    Passes over the training data. "auto" is what makes 3,000 updates, between 4 and 40.
lr : float, default=0.005
    Learning rate.
batch_size : int or "auto", default="auto"
    Chunks of one update. "auto" is an eighth of those in the training data, between 4 and 32.
optimizer : {"adam", "adamw", "sgd", "rmsprop"} or Optimizer class, default="adamw"
    "sgd" has Nesterov momentum of 0.9.
precision : {"auto", "float32", "bf16"}, default="auto"
    Of matrix products in training: "auto" is bfloat16 where that is faster.
validation_fraction : float, default=0.1
    Share to hold out for early stopping: whole texts, or the end of each if they are few.

LSTMRecommender
---------------
hidden_size : int, default=112
    Width of a recurrent layer, H.
dropout : float, default=0.2
    Share of the values dropped in training: of the vectors of items and context, between layers and
    before the scores.
lr : float, default=0.005
    Learning rate.
batch_size : int or "auto", default="auto"
    Sessions of one update. "auto" is an eighth of the training data, between 4 and 128.

LSTMTranscriber
---------------
hidden_size : int, default=128
    Width of a recurrent layer, H.
dropout : float, default=0.3
    Share of the values dropped in training, between layers and before the linear layer.
batch_size : int or "auto", default="auto"
    Sequences of one update. "auto" is an eighth of the training data, between 4 and 16.

LSTMTranslator
--------------
hidden_size : int, default=256
    Width of a recurrent layer, H: of the decoder, and of the encoder in either direction.
num_layers : int, default=1
    Recurrent layers stacked on each other, in the encoder and in the decoder.
dropout : float, default=0.3
    Share of the values dropped in training, the same ones at all steps of a row: of the vectors of
    tokens, of what the encoder gives and of what tokens are scored by.
backend : str or Backend, default="torch"
    The recurrent core of the encoder: a name in `seqlearn.available_backends`, or an object with
    options.
max_epochs : int or "auto", default="auto"
    Passes over the training data. "auto" is what makes 4,000 updates, between 10 and 60.
lr : float, default=0.005
    Learning rate.
batch_size : int or "auto", default="auto"
    Pairs of one update on average: batches hold about as many tokens each, so that there are more
    of short pairs. "auto" is an eighth of the training data, between 4 and 64.
precision : {"auto", "float32", "bf16"}, default="auto"
    Of matrix products in training: "auto" is bfloat16 where that is faster.

SequenceEncoder
---------------
dropout : float, default=0.2
    Share of the values dropped in training, between layers.
readout : {"last", "mean", "max", "attention"}, default="max"
    What becomes of the steps: the last one, their mean, their maximum, or a learned weighted mean.

SktimeLSTMAnomalyDetector
-------------------------
dropout : float, default=0.0
    Share of the values dropped in training, between layers.
max_epochs : int or "auto", default="auto"
    Passes over all windows. "auto" is what makes 500 updates, at most 100.
batch_size : int or "auto", default="auto"
    Windows of one update. "auto" is an eighth of them, between 4 and 32.
early_stopping : bool, default=False
    Hold out the end of what is trained on, stop when its loss no longer falls, and keep the
    weights that were best on it.

SktimeLSTMClassifier
--------------------
validation_fraction : float, default=0.1
    Share to hold out for early stopping, stratified by class.

Words
-----
dropout : float, default=0.25
    How readily words are taken for unknown ones in training: with d, a word that occurs n times in
    a share d / (d + n) of its places (Kiperwasser & Goldberg 2016). The vectors are subject to the
    estimator's own ``dropout`` besides.
"""

import torch

from seqlearn.estimators.frames import check_frames
from seqlearn.estimators.words import check_words
from seqlearn.modules.readouts import READOUTS
from seqlearn.parameter_checks import (
    Check,
    boolean,
    column,
    folder,
    integer,
    mapping,
    number,
    one_of,
    sequence,
)
from seqlearn.training.optimizers import OPTIMIZERS
from seqlearn.training.schedules import SCHEDULES

__all__ = ["SHARED_CHECKS"]

# Values of the others are checked by whoever uses them.
SHARED_CHECKS: dict[str, Check] = {
    "hidden_size": integer(1),
    "num_layers": integer(1),
    "bidirectional": boolean,
    "dropout": number("[0, 1)"),
    "readout": one_of(*READOUTS),
    "words": check_words,
    "frames": check_frames,
    "missing": one_of("error", "mask"),
    "time_column": column,
    "warm_start": boolean,
    "max_epochs": integer(1, "auto"),
    "lr": number("(0, inf)"),
    "lr_schedule": one_of(*SCHEDULES, None),
    "batch_size": integer(1, "auto"),
    "optimizer": one_of(*OPTIMIZERS, or_class=torch.optim.Optimizer),
    "weight_decay": number("[0, inf)"),
    "gradient_clip": number("(0, inf)", None),
    "callbacks": sequence,
    "dtype": one_of("float32", "float64"),
    "precision": one_of("auto", "float32", "bf16"),
    "early_stopping": boolean,
    "validation_fraction": number("(0, 1)"),
    "n_iter_no_change": integer(1),
    "tol": number("[0, inf)"),
    "verbose": integer(0, True, False),
    "checkpoint": folder,
    "net_params": mapping,
}
