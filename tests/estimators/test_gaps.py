"""Series with gaps and times in the estimators: `missing="mask"` and `time_column=`."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from seqlearn import (
    BiLSTMTagger,
    LSTMClassifier,
    LSTMRegressor,
    SequenceEncoder,
    trusted_types,
)

SMALL = {"hidden_size": 6, "max_epochs": 3, "random_state": 0}
TIMED = {"missing": "mask", "time_column": 0}


def series(n=40, seed=0, gaps=0.5, decimals=1, longest=10):
    """Return n series (T_i, 3), a time and two features with gaps, and labels that they tell."""
    rng = np.random.default_rng(seed)
    X, y = [], np.arange(n) % 2
    for label in y:
        steps = rng.integers(1, longest)
        values = rng.normal(label, 0.5, size=(steps, 2))
        values[rng.random(values.shape) < gaps] = np.nan
        times = np.cumsum(rng.uniform(0.1, 3.0, size=steps).round(decimals) + 10**-decimals)
        X.append(np.column_stack([times, values]))
    return X, y


def step_labels(X):
    return [(np.arange(len(x)) % 2).tolist() for x in X]


KINDS = {
    "classifier": (LSTMClassifier, lambda X, y: y),
    "regressor": (LSTMRegressor, lambda X, y: y * 2.0),
    "encoder": (SequenceEncoder, lambda X, y: None),
    "tagger": (BiLSTMTagger, lambda X, y: step_labels(X)),
}


def answers(model, X):
    """Return what a model says of X, as one array of numbers."""
    name = next(
        one
        for one in ("predict_proba", "predict_marginals", "transform", "predict")
        if hasattr(model, one)
    )
    found = getattr(model, name)(X)
    return np.concatenate(list(found)) if found.dtype == object else found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reads", [TIMED, {"missing": "mask"}, {"time_column": 0}], ids=repr)
def test_estimators_fit_predict_and_come_back(kind, reads, dtype, tmp_path):
    import skops.io

    Estimator, targets = KINDS[kind]
    X, y = series(gaps=0.5 if "missing" in reads else 0.0)
    model = Estimator(**SMALL, **reads, dtype=dtype).fit(X, targets(X, y))
    found = answers(model, X)
    assert np.isfinite(found).all() and np.isfinite(model.loss_curve_).all()
    for i in range(4):  # a row alone
        np.testing.assert_allclose(
            answers(model, X[i : i + 1]), answers(model, X[:4])[_own(X, i, kind)], atol=1e-6
        )
    for twin in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, targets(X, y))):
        np.testing.assert_array_equal(answers(twin, X), found)
    skops.io.dump(model, tmp_path / "model.skops")
    loaded = skops.io.load(tmp_path / "model.skops", trusted=trusted_types())
    np.testing.assert_array_equal(answers(loaded, X), found)


def _own(X, i, kind):
    if kind != "tagger":
        return slice(i, i + 1)
    ends = np.cumsum([len(x) for x in X])
    return slice(ends[i] - len(X[i]), ends[i])
