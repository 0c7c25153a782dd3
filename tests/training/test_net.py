"""What the training code promises by itself: flat updates, schedules, seeds, threads, device."""

import os
import platform
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef

from seqlearn import LSTMClassifier
from seqlearn.errors import InvalidParameterError
from seqlearn.modules.kernel_encoder import KernelEncoder
from seqlearn.training import device
from seqlearn.training.cpu import MULTIPLY_ADDS_PER_THREAD, Threads, cpu_for, kept_memory
from seqlearn.training.device import resolve_device
from seqlearn.training.flat_parameters import FlatParameters, is_finite
from seqlearn.training.randomness import Seeds
from seqlearn.training.schedules import SCHEDULES, Schedule


def small_lstm():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


@pytest.mark.parametrize("max_norm", [None, 0.5])
def test_one_flat_vector_trains_as_many_tensors_do(max_norm):
    state = torch.get_rng_state()
    plain, flat = small_lstm(), small_lstm()
    torch.set_rng_state(state)
    whole = FlatParameters(list(flat.parameters()))
    plain_steps = torch.optim.Adam(plain.parameters(), lr=0.05)
    flat_steps = torch.optim.Adam([whole.vector], lr=0.05, fused=True)
    x = torch.linspace(-1, 1, 30).view(10, 3)
    for _ in range(20):
        plain_steps.zero_grad()
        plain(x).square().sum().backward()
        whole.zero_grad()
        flat(x).square().sum().backward()
        if max_norm:
            nn.utils.clip_grad_norm_(plain.parameters(), max_norm)
            whole.clip_grad_norm(max_norm)
        plain_steps.step()
        flat_steps.step()
    for a, b in zip(plain.parameters(), flat.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
        assert isinstance(b, nn.Parameter)
    assert whole.vector.numel() == sum(p.numel() for p in plain.parameters())


def test_clipping_leaves_small_gradients_and_spreads_what_is_no_number():
    whole = FlatParameters([nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))])
    grad = whole.vector.grad
    for values, max_norm, expected in [
        ((0.3, -0.4, 0.0), 1.0, (0.3, -0.4, 0.0)),
        ((3.0, 0.0, -4.0), 1.0, (0.6, 0.0, -0.8)),
        ((1.0, torch.nan, 0.0), 1.0, (torch.nan,) * 3),
    ]:
        grad.copy_(torch.tensor(values))
        whole.clip_grad_norm(max_norm)
        torch.testing.assert_close(grad, torch.tensor(expected), equal_nan=True)


def test_an_estimator_trains_the_same_with_and_without_the_flat_vector(ragged, monkeypatch):
    X, y = ragged
    params = {"hidden_size": 5, "max_epochs": 4, "random_state": 0, "dtype": "float64"}
    flat = LSTMClassifier(**params, optimizer="adamw", weight_decay=0.01).fit(X, y)
    assert flat.net_._flat is not None
    plain = LSTMClassifier(**params, optimizer=torch.optim.AdamW, weight_decay=0.01).fit(X, y)
    assert plain.net_._flat is None
    np.testing.assert_allclose(flat.predict_proba(X), plain.predict_proba(X), atol=1e-9)


def test_finite_is_finite():
    assert is_finite([torch.ones(2), torch.zeros(0)])
    assert not is_finite([torch.ones(2), torch.tensor([1.0, torch.nan])])
    assert not is_finite([torch.tensor(torch.inf)])


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("n_updates", [1, 2, 7, 1000])
def test_schedules_stay_between_zero_and_one_and_come_down(name, n_updates):
    factors = [Schedule(name, n_updates)(i) for i in range(n_updates + 3)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert n_updates < 10 or (max(factors) > 0.99 and factors[-1] < 0.01)


def test_schedules_have_their_shapes():
    constant = [Schedule("constant_then_decay", 100)(i) for i in range(100)]
    assert set(constant[:49]) == {1.0} and constant[75] < 0.6
    cycle = [Schedule("one_cycle", 100)(i) for i in range(100)]
    assert cycle[0] < 0.1 and np.argmax(cycle) in (29, 30)
    cosine = [Schedule("cosine", 100)(i) for i in range(100)]
    assert cosine == sorted(cosine, reverse=True)


def test_streams_of_one_seed_are_independent():
    seeds = [Seeds(0, stream) for stream in range(3)]
    for use in ("weights", "batches", "dropout", "split"):
        assert len({getattr(seed, use) for seed in seeds}) == 3
    assert len({seeds[0].weights, seeds[0].batches, seeds[0].dropout, seeds[0].split}) == 4
    assert Seeds(None).weights != Seeds(None).weights


def test_threads_follow_the_work_and_are_restored():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with cpu_for(rows=8, input_size=4, output_size=16):
            assert torch.get_num_threads() == 1
        with cpu_for(rows=MULTIPLY_ADDS_PER_THREAD, input_size=4, output_size=16):
            assert torch.get_num_threads() == 2
        with pytest.raises(KeyError), cpu_for(rows=8, input_size=4, output_size=16):
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_threads_are_left_for_parts_where_steps_need_one():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with cpu_for(rows=8, input_size=4, output_size=16) as threads:
            assert threads.number == 3
        with cpu_for(rows=MULTIPLY_ADDS_PER_THREAD, input_size=4, output_size=16) as threads:
            assert threads.number == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("n_items", [0, 1, 2, 9])
def test_threads_answer_in_order_and_share_the_work(number, n_items):
    threads, seen, second = Threads(number), [], threading.Event()
    is_shared = number > 1 and n_items > 1

    def work(item):
        if item == 0 and is_shared:  # it ends after the second one, which another thread takes
            assert second.wait(60)
        if item == 1:
            second.set()
        seen.append(threading.get_ident())
        return item, torch.get_num_threads(), (tiny * 1e-10).tolist()

    tiny = torch.full((4,), 1e-30)
    torch.set_flush_denormal(True)
    try:
        answers = list(threads.map(work, range(n_items)))
        product = (tiny * 1e-10).tolist()
    finally:
        torch.set_flush_denormal(False)
        threads.close()
    assert answers == [(item, 1, product) for item in range(n_items)]  # set as the calling thread
    assert 0 < len(set(seen)) <= number or n_items == 0
    assert len(set(seen)) > 1 or number == 1 or n_items < 2


def test_an_error_in_another_thread_is_raised_and_the_threads_end():
    failing = threading.Event()

    def work(item):
        if item == 1:
            failing.set()
            raise KeyError("the second")
        assert failing.wait(60)

    before = threading.active_count()
    with pytest.raises(KeyError, match="the second"), cpu_for(8, 4, 16) as threads:
        threads.number = 2
        list(threads.map(work, range(6)))
    assert threading.active_count() == before


@pytest.mark.parametrize("before", [False, True])
def test_denormals_are_flushed_and_the_setting_restored(before):
    tiny = torch.full((4,), 1e-30)
    try:
        if not torch.set_flush_denormal(before):
            pytest.skip("this processor cannot flush denormal numbers")
        with cpu_for(rows=8, input_size=4, output_size=16):
            assert (tiny * 1e-10 == 0).all()
        assert (tiny * 1e-10 == 0).all() == before
        with pytest.raises(KeyError), cpu_for(rows=8, input_size=4, output_size=16):
            raise KeyError
        assert (tiny * 1e-10 == 0).all() == before
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or "LD_PRELOAD" in os.environ, reason="asks glibc's allocator"
)
def test_memory_freed_in_a_training_is_there_for_the_next_update():
    import resource  # not on Windows

    def new_pages():
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        blocks = [torch.ones(20_000_000, dtype=torch.uint8) for _ in range(8)]  # touched
        size = sum(map(len, blocks))
        del blocks
        pages = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before
        return pages / (size / resource.getpagesize())

    with kept_memory():
        new_pages()
        assert new_pages() < 0.5  # 1 where it is given back; a block may lie elsewhere than before


def test_devices():
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    for wrong in ("gpu", 3.5, None, "cuda:x"):
        with pytest.raises(InvalidParameterError, match=r"not a device; use 'auto'"):
            resolve_device(wrong)


def test_items_are_taken_when_a_thread_is_free_for_them():
    threads, taken, done, most = Threads(2), [], [], 0

    def items():
        for i in range(8):
            taken.append(i)
            yield i

    def work(item):
        nonlocal most
        most = max(most, len(taken) - len(done))
        done.append(item)

    list(threads.map(work, items()))
    threads.close()
    assert most <= 2


def test_without_other_threads_the_calling_one_does_the_work(monkeypatch):
    def refuse(self, *args):
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    with cpu_for(8, 4, 16) as threads:
        threads.number = 2
        assert list(threads.map(str, range(3))) == ["0", "1", "2"]


def test_threads_that_are_closed_do_not_come_back():
    before = threading.active_count()
    with cpu_for(8, 4, 16) as threads:
        threads.number = 2
        list(threads.map(str, range(3)))
    assert list(threads.map(str, range(3))) == ["0", "1", "2"]
    assert threading.active_count() == before


def test_settings_are_restored_though_the_wait_for_threads_is_interrupted(monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    before = torch.get_num_threads()
    monkeypatch.setattr(Threads, "close", interrupt)
    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyboardInterrupt), cpu_for(8, 4, 16):
            pass
        assert torch.get_num_threads() == 2 and sys.float_info.min * 0.5 > 0
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)


def test_prediction_holds_the_outputs_of_batches_in_work_only(monkeypatch):
    X = np.random.default_rng(0).normal(size=(64, 4, 2))
    model = LSTMClassifier(hidden_size=4, max_epochs=1, random_state=0).fit(X, np.arange(64) % 2)
    held, most = [], 0

    def vectors(*args, plain=KernelEncoder.vectors, **kwargs):
        nonlocal most
        most = max(most, sum(not one.expired() for one in held))
        outputs = plain(*args, **kwargs)
        held.append(StorageWeakRef(outputs.untyped_storage()))
        return outputs

    monkeypatch.setattr(KernelEncoder, "vectors", vectors)
    monkeypatch.setattr(device, "CPU_VALUES", 1)
    monkeypatch.setattr(device, "LEAST_ROWS", 8)
    model.predict(X)
    assert len(held) == 8
    assert most <= 2 * torch.get_num_threads()
