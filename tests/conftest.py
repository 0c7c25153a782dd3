"""Shared set-up of the tests: environment, markers that skip themselves, small data."""

import os
import sys

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # before SciPy: else one check skips itself

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from seqlearn.errors import InvalidParameterError
from seqlearn.torch_internals import computes_bf16

# A test must not fail because the machine has other work: no time limit for an example.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


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


@pytest.fixture(scope="session")
def ragged():
    """Forty ragged sequences of three features, three string classes that differ in their mean.

    They are read-only, since all tests share them.
    """
    rng = np.random.default_rng(0)
    y = np.array(["high", "low", "mid"])[np.arange(40) % 3]
    means = {"high": 1.0, "low": -1.0, "mid": 0.0}
    X = [rng.normal(means[label], 0.3, size=(rng.integers(1, 12), 3)) for label in y]
    for array in (*X, y):
        array.flags.writeable = False
    return X, y


@pytest.fixture
def fit_in_bf16():
    """Fit a model that has ``precision="bf16"``; where it cannot be had, it is refused in words."""

    def fit(model, *data, **more):
        if computes_bf16("cpu"):
            return model.fit(*data, **more)
        with pytest.raises(
            InvalidParameterError, match="no kernels for it on this machine's 'cpu'"
        ):
            model.fit(*data, **more)
        pytest.skip("torch has no kernels in bfloat16 for this processor, and fit says so")

    return fit


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution for one test: install(name, entry points, {module: source})."""
    written = set()

    def write(name, entries, modules=(), version="1.0"):
        folder = tmp_path / name
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{entry} = {target}" for entry, target in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[seqlearn.backends]", *lines]) + "\n")
        for module, source in dict(modules).items():
            (folder / f"{module}.py").write_text(source)
            written.add(module)
        monkeypatch.syspath_prepend(folder)

    yield write
    for module in written:
        sys.modules.pop(module, None)
