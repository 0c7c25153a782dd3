"""scikit-learn's own suite over several settings of each estimator: no expected failure."""

from unittest import SkipTest

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    estimator_checks_generator,
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


@pytest.mark.parametrize(
    ("estimator", "n_checks"), [(LSTMClassifier(), 63), (LSTMRegressor(), 59)], ids=repr
)
def test_the_suite_is_whole(estimator, n_checks):
    assert len(list(estimator_checks_generator(estimator))) >= n_checks


@parametrize_with_checks(
    [
        LSTMClassifier(),
        LSTMRegressor(),
        *(LSTMClassifier(**setting) for setting in SETTINGS),
        *(LSTMRegressor(**setting) for setting in SETTINGS),
        SequenceEncoder(hidden_size=8, max_epochs=3),
    ]
)
@pytest.mark.filterwarnings("default")  # the checks provoke warnings on purpose
def test_sklearn_check(estimator, check):
    try:
        check(estimator)
    except SkipTest as cause:
        pytest.fail(f"the check skipped itself: {cause}")


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor, SequenceEncoder])
def test_column_names_are_checked(Estimator):
    check_dataframe_column_names_consistency(
        Estimator.__name__, Estimator(hidden_size=4, max_epochs=2)
    )
