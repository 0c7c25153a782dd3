"""Digests: equal for equal values, whatever objects hold them, and for no others."""

import copy
import functools
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skorch.callbacks import Callback, LRScheduler

from seqlearn.backend import Backend
from seqlearn.errors import InvalidParameterError
from seqlearn.registry import load_backend
from seqlearn.training.fingerprints import Fingerprint

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda one: st.lists(one) | st.tuples(one, one) | st.dictionaries(st.text(), one),
    max_leaves=8,
)


def digest(value):
    return Fingerprint().of(value)


@given(PLAIN, PLAIN)
@settings(max_examples=40)
def test_plain_values_have_one_digest_if_they_are_written_alike(one, other):
    def ordered(value):
        if isinstance(value, dict):
            return sorted((key, ordered(part)) for key, part in value.items()), "dict"
        return type(value)(map(ordered, value)) if isinstance(value, list | tuple) else value

    assert digest(one) == digest(copy.deepcopy(one))
    assert (digest(one) == digest(other)) == (repr(ordered(one)) == repr(ordered(other)))


@dataclass
class Held:
    values: np.ndarray
    same: object = None


def scaled(by):
    return lambda x: x * by


def test_objects_arrays_and_functions():
    rows = np.arange(6.0)
    different = [
        rows,
        rows[:5],
        rows.reshape(2, 3),
        rows.astype("f"),
        rows[::-1],
        torch.arange(6.0),
        torch.arange(6.0).view(2, 3),
        Held(rows),
        Held(rows, rows),
        {"values": rows},
        scaled(2),
        scaled(3),
        lambda x: x + 1,
        lambda x: x + 2,
        functools.partial(scaled, by=2),
        torch.Generator().manual_seed(0),
        torch.Generator().manual_seed(1),
        Backend,
        load_backend("torch")(),
        load_backend("torch")(forget_bias=0.5),
        load_backend("gru")(),
        np.array(["a", None], object),
        np.array(["a", "b"]),
        {1, 2},
        {1, 2, 3},
    ]
    found = [digest(one) for one in different]
    assert len(set(found)) == len(found)
    assert found == [digest(one) for one in different]
    assert digest(scaled(2)) == digest(scaled(2))
    assert digest(Held(rows, rows)) == digest(Held(rows.copy(), rows.copy()))
    assert digest(rows[::2]) == digest(rows[::2].copy())
    assert digest(torch.arange(6.0)[::2]) == digest(torch.arange(6.0)[::2].clone())
    assert digest(np.float64(0.5)) == digest(0.5) and digest(np.int32(2)) == digest(2)


def test_a_view_whose_rows_overlap_takes_no_memory():
    series = torch.arange(100_000.0)
    windows, other = (series.clone().unfold(0, 20_000, 1) for _ in range(2))
    assert digest(windows) == digest(other)  # of 6 GB
    assert digest(windows) != digest(series.add(1).unfold(0, 20_000, 1))


def test_what_holds_itself_has_a_digest():
    one, other = Held(np.zeros(2)), Held(np.zeros(2))
    one.same, other.same = one, other
    assert digest(one) == digest(other)


def test_a_class_of_the_user_is_known_by_its_code():
    def made(step):
        class Own(load_backend("gru")):
            def build(self, *args, **kwargs):
                return super().build(*args, **kwargs), step

            def again(self, marker=object()):  # noqa: B008
                return {1, step, marker}

        return Own

    assert digest(made(1)) == digest(made(1)) and digest(made(1)()) == digest(made(1)())
    assert digest(made(1)) != digest(made(2)) and digest(made(1)()) != digest(made(2)())
    assert digest(torch.nn.LSTM) == digest(torch.nn.LSTM) != digest(torch.nn.GRU)


def test_generators_and_backends_are_noted():
    found, generator = Fingerprint(), torch.Generator()
    found.of([{"a": generator}, Held(generator), load_backend("gru")()])
    assert len(found.generators) == 1 and found.generators[0] is generator
    assert list(found.backends) == ["gru"]


def test_what_shows_nothing_is_refused():
    with pytest.raises(InvalidParameterError, match=r"cannot be used with <object .*None"):
        digest({"a": object()})


def test_of_a_callback_parameters_count_alone():
    class Writes(Callback):
        def __init__(self, to, every=1):
            self.to, self.every = to, every
            self._lines, self.last_, self.seen = object(), object(), []

    def of(callback):
        return Fingerprint().of_callback(callback)

    used = Writes(object())
    used.seen.append(3)
    assert of(Writes(object())) == of(used)  # of which the class is known
    assert of(Writes("a")) != of(Writes("b")) and of(Writes("a")) != of(Writes("a", 2))
    assert of(LRScheduler(min_lr=1e-3).initialize()) != of(LRScheduler(min_lr=1e-4).initialize())
