"""How many rows a device predicts at once, and cuDNN's order of addition; no card is needed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skorch.callbacks import Callback
from torch.backends import cudnn

from seqlearn import LSTMClassifier
from seqlearn.modules.network import Network
from seqlearn.training import device, epochs
from seqlearn.training.device import adding_in_order, rows_at_once

SMALL = {"hidden_size": 4, "max_epochs": 2, "backend": "gru", "random_state": 0}
X = np.random.default_rng(0).normal(size=(24, 5, 3)).astype("f")
Y = np.arange(24) % 2
GIGABYTE = 1 << 30


@pytest.fixture
def card(monkeypatch):
    """Pretend that a card has so many bytes left: card(bytes)."""
    return lambda free: monkeypatch.setattr(device, "_free_bytes", lambda name: free)


@pytest.mark.parametrize(
    ("n_steps", "input_size", "hidden_size", "rows"),
    [(100, 8, 64, 2000), (100, 64, 256, 4096), (200, 64, 1024, 4096)],
)
def test_a_card_takes_thousands_of_rows(n_steps, input_size, hidden_size, rows, card):
    # The three predictions of anchors/gpu.md, which were fastest so; bidirectional, as by default.
    card(78 * GIGABYTE)
    at_once = rows_at_once("cuda", rows, n_steps, input_size, 2 * hidden_size)
    assert 2000 <= at_once <= rows
    assert rows_at_once("cpu", rows, n_steps, input_size, 2 * hidden_size) < 200


@given(
    free=st.integers(0, 200 * GIGABYTE),
    n=st.integers(1, 100_000),
    steps=st.integers(1, 100_000),
    sizes=st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
    itemsize=st.sampled_from([4, 8]),
)
def test_rows_fit_the_memory_of_a_card_and_no_fewer_than_fit(free, n, steps, sizes, itemsize):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "_free_bytes", lambda name: free)
        rows = rows_at_once("cuda:0", n, steps, *sizes, itemsize)
    row = steps * sum(sizes) * itemsize * device.COPIES
    limit = max(free // 2, device.CARD_BYTES)
    assert 1 <= rows <= min(n, 4096)
    assert rows == 1 or rows * row <= limit
    assert rows == min(n, 4096) or (rows + 1) * row > free // 2


def test_a_small_prediction_does_not_ask_the_card(monkeypatch):
    def ask(name):
        raise AssertionError("asked")

    monkeypatch.setattr(device, "_free_bytes", ask)
    assert rows_at_once("cuda", 1, 100, 8, 128) == 1
    assert rows_at_once("cuda", 200, 100, 8, 128) == 200


@pytest.mark.parametrize("width", [2, 128, 5000])
@pytest.mark.parametrize("steps", [1, 100, 10_000])
def test_a_processor_takes_what_its_caches_hold(steps, width):
    values = steps * width
    rows = rows_at_once("cpu", 10_000, steps, 1, width)
    assert 1 <= rows <= 2048
    assert rows * values <= 1_500_000 or (rows <= 16 and rows * values <= 4_000_000) or rows == 1


def test_a_batch_that_memory_does_not_hold_runs_in_halves(monkeypatch):
    model = LSTMClassifier(**SMALL).fit(X, Y)
    due, tried, plain = model.predict_proba(X), [], Network.forward

    def forward(self, x, lengths):
        tried.append(len(x))
        if len(x) > 7:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, x, lengths)

    monkeypatch.setattr(Network, "forward", forward)
    np.testing.assert_allclose(model.predict_proba(X), due, atol=1e-6)
    assert tried == [24, 12, 6, 6, 12, 6, 6]
    ragged = [x[: 1 + i % 5] for i, x in enumerate(X)]
    answers = model.predict_proba(ragged)
    for row, answer in zip(ragged, answers, strict=True):
        np.testing.assert_allclose(model.predict_proba([row])[0], answer, atol=1e-6)


def test_one_row_that_memory_does_not_hold_is_an_error(monkeypatch):
    def forward(self, x, lengths):
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = LSTMClassifier(**SMALL).fit(X, Y)
    monkeypatch.setattr(Network, "forward", forward)
    with pytest.raises(torch.OutOfMemoryError):
        model.predict(X)


# The flags of cuDNN, which can be set where there is none.


@pytest.fixture(params=[(False, False), (False, True), (True, False), (True, True)])
def flags(request):
    before = (cudnn.deterministic, cudnn.benchmark)
    cudnn.deterministic, cudnn.benchmark = request.param
    yield request.param
    cudnn.deterministic, cudnn.benchmark = before


def now():
    return (cudnn.deterministic, cudnn.benchmark)


def test_flags_are_those_of_before_after_nested_fits_and_errors(flags):
    with adding_in_order("cuda"):
        assert now() == (True, False)
        with pytest.raises(KeyError), adding_in_order("cuda:0"):
            assert now() == (True, False)
            raise KeyError
        assert now() == (True, False)
    assert now() == flags
    with pytest.raises(KeyboardInterrupt), adding_in_order("cuda"):
        raise KeyboardInterrupt
    assert now() == flags
    with adding_in_order("cpu"):
        assert now() == flags


def test_flags_hold_until_the_last_of_concurrent_fits_ends(flags):
    both, first_is_out = threading.Barrier(2), threading.Event()

    def fit(leaves_first):
        with adding_in_order("cuda"):
            both.wait()  # the other one is in
            if not leaves_first:
                first_is_out.wait()
                assert now() == (True, False)
        if leaves_first:
            first_is_out.set()

    with ThreadPoolExecutor(2) as pool:
        for result in [pool.submit(fit, leaves_first) for leaves_first in (True, False)]:
            result.result()
    assert now() == flags


def test_many_fits_in_threads_leave_the_flags_as_they_were(flags):
    def fit(_):
        for _ in range(50):
            with adding_in_order("cuda"):
                assert now() == (True, False)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fit, range(8)))
    assert now() == flags


class Watch(Callback):
    seen: list = []  # noqa: RUF012 (of the class: the net may have a copy)

    def on_batch_end(self, net, **kwargs):
        Watch.seen.append(now())


class Broken(Callback):
    def on_batch_end(self, net, **kwargs):
        assert now() == (True, False)
        raise ZeroDivisionError


def test_the_whole_fit_is_inside(flags, monkeypatch):
    Watch.seen.clear()
    asked = []

    def pretend(name):
        asked.append(name)
        return adding_in_order("cuda")

    monkeypatch.setattr(epochs, "adding_in_order", pretend)
    model = LSTMClassifier(**SMALL, callbacks=[Watch()], early_stopping=True)
    model.fit(X, Y).partial_fit(X, Y)
    assert asked == ["cpu", "cpu"] and set(Watch.seen) == {(True, False)} and now() == flags
    with pytest.raises(ZeroDivisionError):
        LSTMClassifier(**SMALL, callbacks=[Broken()]).fit(X, Y)
    assert now() == flags


@pytest.mark.gpu
@pytest.mark.parametrize("backend", ["lstmfcn", "alstmfcn"])
def test_a_fit_on_a_card_gives_the_same_bits_again(backend):
    X = np.random.default_rng(0).normal(size=(64, 40, 3))
    first, second = (
        LSTMClassifier(backend=backend, max_epochs=5, random_state=0, device="cuda")
        .fit(X, np.arange(64) % 2)
        .predict_proba(X)
        for _ in range(2)
    )
    assert np.array_equal(first, second)
