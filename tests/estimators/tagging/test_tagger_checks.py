"""scikit-learn's own suite on the tagger, rows read as sequences of one step: no expected failure.

The tagger is no classifier, because with labels of steps it cannot keep what scikit-learn expects
of one. Where it labels one step a row it can, and a subclass that says so, made here for the
tests, goes through the checks of classifiers.
"""

from unittest import SkipTest

import pytest
from sklearn.base import ClassifierMixin
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    estimator_checks_generator,
    parametrize_with_checks,
)

from seqlearn import BiLSTMTagger


class OneStepClassifier(ClassifierMixin, BiLSTMTagger):
    """The tagger as scikit-learn's checks of classifiers see it."""


SMALL = {
    "decoder": "crf",
    "scheme": None,
    "hidden_size": 10,
    "bidirectional": False,
    "dropout": 0.0,
    "max_epochs": 50,
    "lr": 0.05,
    "batch_size": 64,
}
SETTINGS = [
    SMALL,
    {**SMALL, "decoder": "softmax", "backend": "gru", "batch_size": 16, "max_epochs": 30},
]


@pytest.mark.parametrize(("estimator", "n_checks"), [(BiLSTMTagger(), 42)], ids=repr)
def test_the_suite_is_whole(estimator, n_checks):
    assert len(list(estimator_checks_generator(estimator))) >= n_checks


@pytest.mark.slow
@parametrize_with_checks(
    [
        BiLSTMTagger(max_epochs=4),  # no check asks it how well it has learned
        *(OneStepClassifier(**setting) for setting in SETTINGS),  # more checks than of the tagger
    ]
)
@pytest.mark.filterwarnings("default")  # the checks provoke warnings on purpose
def test_sklearn_check(estimator, check):
    try:
        check(estimator)
    except SkipTest as cause:
        pytest.fail(f"the check skipped itself: {cause}")


def test_column_names_are_checked():
    check_dataframe_column_names_consistency(
        "BiLSTMTagger", BiLSTMTagger(hidden_size=4, max_epochs=2)
    )
