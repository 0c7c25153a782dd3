"""scikit-learn's own suite over several settings of each estimator: no expected failure.

A row alone equals the same row in a batch, in any order: to the bit for the settings of this file,
to 1e-6 with every other setting and backend (test_padding.py). That holds on every processor.
"""

import os
import subprocess
import sys
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    estimator_checks_generator,
    parametrize_with_checks,
)

from seqlearn import LSTMAnomalyDetector, LSTMClassifier, LSTMRegressor, SequenceEncoder

SMALL = {
    "hidden_size": 10,
    "bidirectional": False,
    "dropout": 0.0,
    "readout": "last",
    "max_epochs": 50,
    "lr": 0.05,
    "batch_size": 64,
}
SETTINGS = [  # which scikit-learn's suite is run on: it takes 20 seconds for each
    {**SMALL, "bidirectional": True, "num_layers": 2, "max_epochs": 40},
    {**SMALL, "backend": "gru", "dtype": "float64", "batch_size": 16, "max_epochs": 30},
]
EXACT = [  # in which a row has the same bits alone, too
    {**SMALL, "batch_size": 16},
    {**SMALL, "backend": "gru"},
    {**SMALL, "dtype": "float64"},
]


@pytest.mark.parametrize(
    ("estimator", "n_checks"),
    [(LSTMClassifier(), 63), (LSTMRegressor(), 59), (LSTMAnomalyDetector(), 46)],
    ids=repr,
)
def test_the_suite_is_whole(estimator, n_checks):
    assert len(list(estimator_checks_generator(estimator))) >= n_checks


ESTIMATORS = [
    LSTMClassifier(),
    LSTMRegressor(),
    *(LSTMClassifier(**setting) for setting in SETTINGS),
    *(LSTMRegressor(**setting) for setting in SETTINGS),
    SequenceEncoder(hidden_size=8, max_epochs=3),
    LSTMClassifier(**SMALL | {"max_epochs": 30}, missing="mask"),
    SequenceEncoder(hidden_size=8, max_epochs=3, missing="mask"),
    *(
        LSTMAnomalyDetector(method, window=2, hidden_size=8, max_epochs=3, contamination=share)
        for method in ("reconstruction", "forecast")
        for share in ("auto", 0.1)
    ),
]
# Variables that hold torch's three libraries to the instructions of older processors.
OLDER = {
    "AVX2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
    "SSE4": {
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    },
}


@pytest.mark.slow
@parametrize_with_checks(ESTIMATORS)
@pytest.mark.filterwarnings("default")  # the checks provoke warnings on purpose
def test_sklearn_check(estimator, check):
    try:
        check(estimator)
    except SkipTest as cause:
        pytest.fail(f"the check skipped itself: {cause}")


@pytest.mark.filterwarnings("ignore:window=32 is longer")  # than the rows of these checks
@pytest.mark.parametrize(
    "Estimator", [LSTMAnomalyDetector, LSTMClassifier, LSTMRegressor, SequenceEncoder]
)
def test_column_names_are_checked(Estimator):
    check_dataframe_column_names_consistency(
        Estimator.__name__, Estimator(hidden_size=4, max_epochs=2)
    )


@pytest.mark.slow
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize(
    "estimator",
    [*ESTIMATORS, *(Kind(**one) for Kind in (LSTMClassifier, LSTMRegressor) for one in EXACT)],
    ids=repr,
)
def test_rows_have_the_same_bits_in_any_batch(estimator, n_outputs):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(38, 3)) * 3  # as scikit-learn's checks have it: steps of one feature
    y = X[:, :n_outputs] + rng.normal(size=(38, n_outputs))
    if is_classifier(estimator):
        y = (y > 0) @ (1 << np.arange(n_outputs))
    model = clone(estimator).set_params(max_epochs=1, random_state=0).fit(X, y)
    names = ("decision_function", "predict_proba", "predict", "transform")
    for answer in [getattr(model, name) for name in names if hasattr(model, name)][:2]:
        together = answer(X)
        for n in (1, 3, 5, 17, 33):
            pieces = [answer(X[first : first + n]) for first in range(0, len(X), n)]
            assert np.array_equal(np.concatenate(pieces), together)
        order = rng.permutation(len(X))
        assert np.array_equal(answer(X[order]), together[order])


@pytest.mark.slow
@pytest.mark.parametrize("processor", OLDER)
def test_rows_have_the_same_bits_on_older_processors(processor):
    """The test above once more, in a process that is held to older instructions."""
    test = f"{__file__}::test_rows_have_the_same_bits_in_any_batch"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", test]
    environment = {**os.environ, **OLDER[processor]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
