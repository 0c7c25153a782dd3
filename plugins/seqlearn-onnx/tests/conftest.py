"""What the tests share: one thread, a place for a file, and models with weights that matter."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.fixture(scope="session")
def fit():
    """Fit a model for an epoch, and make its weights larger, so that answers lie apart."""

    def fitted(model, X, y=None):
        model.fit(X, y)
        net = model[-1].net_ if hasattr(model, "steps") else model.net_
        with torch.no_grad():
            for weight in net.module_.parameters():
                weight.mul_(1.5)
        return model

    return fitted
