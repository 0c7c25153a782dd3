"""scikit-learn's own suite over several settings of each estimator: no expected failure."""

import warnings

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator,
    parametrize_with_checks,
)

from seqlearn import LSTMClassifier, LSTMRegressor, SequenceEncoder

SMALL = {
    "hidden_size": 10,
    "bidirectional": False,
    "dropout": 0.0,
    "readout": "last",
    "max_epochs": 50,
    "lr": 0.05,
    "batch_size": 64,
}
SETTINGS = [
    {**SMALL, "batch_size": 16, "max_epochs": 30},
    {**SMALL, "bidirectional": True, "num_layers": 2, "max_epochs": 40},
    {**SMALL, "backend": "gru"},
    {**SMALL, "dtype": "float64"},
]


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [LSTMClassifier(), LSTMRegressor()], ids=repr)
def test_every_check_passes_with_the_defaults(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks provoke warnings on purpose
        results = check_estimator(estimator, on_fail=None, on_skip=None)
    not_passed = [(r["check_name"], r["exception"]) for r in results if r["status"] != "passed"]
    assert not_passed == []
    assert len(results) >= 55


@parametrize_with_checks(
    [
        *(LSTMClassifier(**setting) for setting in SETTINGS),
        *(LSTMRegressor(**setting) for setting in SETTINGS),
        SequenceEncoder(hidden_size=8, max_epochs=3),
    ]
)
@pytest.mark.filterwarnings("default")  # the checks provoke warnings on purpose
def test_sklearn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor, SequenceEncoder])
def test_column_names_are_checked(Estimator):
    check_dataframe_column_names_consistency(
        Estimator.__name__, Estimator(hidden_size=4, max_epochs=2)
    )
