"""Freed memory stays with the process inside `kept_memory`, and goes back afterwards."""

import subprocess
import sys
import threading

import pytest

from seqlearn.training import memory
from seqlearn.training.memory import kept_memory

glibc = pytest.mark.skipif(memory._glibc() is None, reason="needs glibc with its usual settings")
tells = pytest.mark.skipif(not hasattr(memory._glibc(), "mallinfo2"), reason="needs glibc 2.33")
# What the allocator says of itself, in MB; which pages the system keeps is its own affair.
HELPERS = """
from pathlib import Path
import torch
from seqlearn.training import memory
from seqlearn.training.memory import kept_memory

libc = memory._glibc()
libc.mallinfo2.restype = memory._Mallinfo2

def free():
    return memory._free_bytes(libc) // 10**6

def mapped_by(size):  # MB that a block of so many bytes takes outside the heap
    before = libc.mallinfo2().hblkhd
    block = torch.ones(size, dtype=torch.uint8)
    return (libc.mallinfo2().hblkhd - before) // 10**6

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 10**6
"""
LARGE = """
mapped, before, small = mapped_by(40_000_000), free(), resident()
with kept_memory():
    inside = mapped_by(40_000_000)
    with kept_memory():
        pass
    print(mapped, before, inside, mapped_by(40_000_000), free())
print(resident() - small)
"""
SMALL = """
with kept_memory():
    mapped_by(4_000_000)
print(free())
"""


def run(script):
    done = subprocess.run([sys.executable, "-c", HELPERS + script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return map(int, done.stdout.split())


@tells
def test_memory_is_kept_inside_and_given_back_afterwards():
    """In a fresh process, whose heap nothing has touched: 40 MB, again and again."""
    mapped, before, inside, after_inner, kept, left = run(LARGE)
    assert mapped == 40
    assert inside == 0 and after_inner == 0  # the inner one has not ended it
    assert kept >= before + 39
    assert left < 20


@tells
def test_what_a_small_fit_held_is_not_given_back():
    (left,) = run(SMALL)
    assert left >= 4


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
