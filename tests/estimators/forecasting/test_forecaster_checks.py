"""sktime's own suite of checks on LSTMForecaster: each of them passes, none is left out."""

import pytest
from sktime.utils.estimator_checks import check_estimator

from seqlearn import LSTMForecaster

FEWEST = 750  # checks at sktime 1.1 and later; fewer would mean that some were not run


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Forecasters' predict_proba requires skpro:UserWarning")
@pytest.mark.filterwarnings("ignore:Sorting by default when concatenating all DatetimeIndex")
@pytest.mark.filterwarnings("ignore:window_length=\\d and a horizon of 12 steps are:UserWarning")
def test_all_checks_of_sktime_pass():
    results = check_estimator(LSTMForecaster, raise_exceptions=False, verbose=False)
    failed = {name: result for name, result in results.items() if result != "PASSED"}
    assert not failed, "\n".join(f"{name}: {result}" for name, result in failed.items())
    assert len(results) >= FEWEST, f"sktime ran {len(results)} checks"
