"""Freed memory stays with the process inside `kept_memory`, and goes back afterwards."""

import subprocess
import sys
import threading

import pytest

from seqlearn.training import memory
from seqlearn.training.memory import kept_memory

glibc = pytest.mark.skipif(memory._glibc() is None, reason="needs glibc with its usual settings")
HELPERS = """
from pathlib import Path
import torch
from seqlearn.training.memory import kept_memory

def page_faults():
    return int(Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[7])

def faults_of_updates(size=10_000_000, times=20):  # the heap grows at first
    counts = []
    for _ in range(times):
        before = page_faults()
        torch.empty(size).fill_(1.0)
        counts.append(page_faults() - before)
    return min(counts)

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 10**6
"""
LARGE = """
print(resident(), faults_of_updates())
with kept_memory():
    inside = faults_of_updates()
    with kept_memory():
        pass
    print(inside, faults_of_updates(), resident())
print(resident())
"""
SMALL = """
with kept_memory():
    faults_of_updates(1_000_000)
print(faults_of_updates(1_000_000, times=1))
"""


def run(script):
    done = subprocess.run([sys.executable, "-c", HELPERS + script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return map(int, done.stdout.split())


@glibc
def test_pages_are_kept_inside_and_given_back_afterwards():
    """In a fresh process, whose heap nothing has touched: 40 MB, again and again."""
    before, usual, inside, after_inner, kept, left = run(LARGE)
    assert usual > 5_000
    assert inside < usual / 20
    assert after_inner < usual / 20  # the inner one has not ended it
    assert kept > before + 30
    assert left < before + 20


@glibc
@pytest.mark.skipif(not hasattr(memory._glibc(), "mallinfo2"), reason="needs glibc 2.33")
def test_what_a_small_fit_held_is_not_given_back():
    """4 MB, which are 1,000 pages."""
    (faults,) = run(SMALL)
    assert faults < 100


@glibc
def test_threads_share_it():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with kept_memory():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    with kept_memory():
        pass
    assert memory._users == 1
    leave.set()
    thread.join()
    assert memory._users == 0


def test_an_error_inside_ends_it():
    with pytest.raises(ZeroDivisionError), kept_memory():
        1 / 0  # noqa: B018
    assert memory._users == 0


def test_a_tuned_allocator_is_left_alone(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    assert memory._glibc.__wrapped__() is None
