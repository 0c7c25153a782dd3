"""Keras 3 on one of its backends as a contender of the speed benchmark; see `contenders`.

Where lengths differ, rows are padded with zeros to the longest of all and a Masking layer skips
the padding, as its documentation shows.
"""

import os

import numpy as np

from benchmarks.contenders import CLASSES, LR, PREDICT_ROWS, Contender, Work


def prepare(work: Work, X, y: np.ndarray, backend: str) -> Contender:
    """Build and compile the model; `backend` is "jax", "tensorflow" or "torch"."""
    os.environ["KERAS_BACKEND"] = backend
    import keras  # reads the variable once

    core = keras.layers.LSTM(work.hidden)
    layers = [keras.layers.Bidirectional(core) if work.bidirectional else core]
    if isinstance(X, list):
        X = _padded(X)
        layers.insert(0, keras.layers.Masking(mask_value=0.0))
    model = keras.Sequential([keras.Input(X.shape[1:]), *layers, keras.layers.Dense(CLASSES)])
    model.compile(
        optimizer=keras.optimizers.Adam(LR),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )

    def fit(epochs: int) -> None:
        model.fit(X, y, batch_size=work.batch, epochs=epochs, verbose=0)
        if backend == "jax":
            for weight in model.weights:
                weight.value.block_until_ready()

    def predict() -> np.ndarray:
        return model.predict(X, batch_size=PREDICT_ROWS, verbose=0).argmax(axis=1)

    return Contender(fit, predict)


def _padded(X: list[np.ndarray]) -> np.ndarray:
    padded = np.zeros((len(X), max(map(len, X)), X[0].shape[1]), dtype=np.float32)  # (N, T, F)
    for row, x in zip(padded, X, strict=True):
        row[: len(x)] = x
    return padded
