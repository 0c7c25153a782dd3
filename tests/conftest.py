"""Shared set-up of the tests: environment, markers that skip themselves, small data."""

import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # before SciPy: else one check skips itself

import numpy as np
import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(reason="needs a CUDA device; torch.cuda.is_available() is False here")
    for item in items:
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(skip)


@pytest.fixture
def ragged():
    """Forty ragged sequences of three features, three string classes that differ in their mean."""
    rng = np.random.default_rng(0)
    y = np.array(["high", "low", "mid"])[np.arange(40) % 3]
    means = {"high": 1.0, "low": -1.0, "mid": 0.0}
    X = [rng.normal(means[label], 0.3, size=(rng.integers(1, 12), 3)) for label in y]
    return X, y
