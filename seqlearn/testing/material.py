"""What the rules are made of: cores of every depth, ragged rows, comparisons, random states.

No rule lives here, and nothing that a plugin's author calls. All randomness comes from generators
with fixed seeds, so that a check that fails once fails always.
"""

import pickle
import random
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from seqlearn.backend import Backend, Dropout, draw_from, valid_steps

TOLERANCE = 1e-6  # of float32 outputs of size 1: some ten roundings
LENGTHS = (7, 1, 4, 6)  # rows that differ, unsorted, the longest one first
LONG = (300, 1, 130, 257)  # as many rows, beyond the blocks that a core may cut its steps into
INPUT, HIDDEN = 3, 5
RANDOM_STATES: dict[str, tuple] = {  # how each is read and written
    "torch": (
        lambda: torch.get_rng_state().numpy(),
        lambda state: torch.set_rng_state(torch.from_numpy(state)),
    ),
    "NumPy": (np.random.get_state, np.random.set_state),
    "Python": (random.getstate, random.setstate),
}


class Broken(AssertionError):
    """A rule found broken by the kit itself, as against an assertion in the backend's own code."""


@dataclass(frozen=True)
class Setting:
    """Depth and directions of cores of one backend."""

    backend: Backend
    layers: int = 1
    bidirectional: bool = False

    def __str__(self) -> str:
        return f"num_layers={self.layers}, bidirectional={self.bidirectional}"

    def build(self, *, dropout=0.0, seed="core", sizes=(INPUT, HIDDEN)):
        """Build a core in eval mode; equal seeds give equal weights."""
        with draw_from(seeded(seed)):
            core = build_core(
                self.backend,
                *sizes,
                num_layers=self.layers,
                bidirectional=self.bidirectional,
                dropout=dropout,
            )
        return core.eval() if isinstance(core, nn.Module) else core


def build_core(backend, input_size, hidden_size, **rest):
    """Build a core that takes (B, T, F), whatever its backend reads."""
    if not backend.missing:
        return backend.build(input_size, hidden_size, **rest)
    core = backend.build(3 * input_size, hidden_size, **rest)
    return OfGaps(core) if isinstance(core, nn.Module) else core


class OfGaps(nn.Module):
    """A core of values, mask and gaps that makes them of (B, T, F), so that all rules apply."""

    def __init__(self, core):
        super().__init__()
        self.core = core

    def forward(self, x, lengths=None, state=None):
        """Run rows."""
        return self.core(three_parts(x), lengths, state)

    def __getattr__(self, name):
        if name not in ("output_size", "step", "project"):
            return super().__getattr__(name)
        found = getattr(self.core, name)
        if name == "output_size":
            return found
        if name == "project":
            return lambda x: found(three_parts(x))
        return lambda x, state=None, **how: found(x if how else three_parts(x), state, **how)


def three_parts(x) -> Tensor:
    """Return values, a mask and gaps for (..., F), side by side, (..., 3 F)."""
    return torch.cat([x, (x > 0).to(x.dtype), x.abs()], dim=-1)


def make_rows(lengths=LENGTHS, steps=7) -> tuple[Tensor, Tensor]:
    """Draw rows (B, T, F), zero past their length, and return the lengths (B,) as a tensor."""
    x, lengths = draw_normal((len(lengths), steps, INPUT)), torch.tensor(lengths)
    return x * valid_steps(lengths, steps)[..., None], lengths  # (B, T, F), (B,)


def draw_normal(shape, seed=0) -> Tensor:
    """Draw standard normal values; equal seeds give equal ones."""
    return torch.randn(shape, generator=seeded(seed))


def seeded(seed) -> torch.Generator:
    """Make a generator from a seed that may be a word."""
    return torch.Generator().manual_seed(int.from_bytes(str(seed).encode()))


def within(outputs, lengths) -> Tensor:
    """Take the outputs within the lengths, of all rows, one after another."""
    return outputs[valid_steps(lengths, outputs.shape[1])]  # (valid steps, D)


def valid_outputs(core, x, lengths) -> Tensor:
    """Run rows and return their outputs within the lengths."""
    return within(core(x, lengths)[0], lengths)


def training_outputs(core, x, lengths) -> Tensor:
    """Return the valid outputs in training mode, with the dropout masks of one fixed seed."""
    reseed_all(core)
    return valid_outputs(core.train(), x, lengths)


def weighted_sum(outputs, lengths) -> Tensor:
    """Return a loss in which every valid output has a weight of its own, and no other one."""
    valid = within(outputs, lengths)
    return (valid * draw_normal(valid.shape, seed="loss").to(valid.dtype)).sum()


def take_gradients(core) -> dict[str, Tensor]:
    """Return the gradient of each parameter, and clear them."""
    taken = {name: weight.grad for name, weight in core.named_parameters()}
    core.zero_grad()
    return taken


def dropouts(core) -> dict[str, Dropout]:
    """Return the modules of a core that drop values, by name."""
    return {name: module for name, module in core.named_modules() if isinstance(module, Dropout)}


def reseed_all(core) -> None:
    """Start the dropout masks over from one fixed seed."""
    for module in dropouts(core).values():
        module.reseed(1)


def adding_problem(rows, steps, generator) -> tuple[Tensor, Tensor]:
    """Two marked values, one in each half, and their sum: (B, T, 2) and (B,)."""
    values = torch.rand(rows, steps, generator=generator)  # (B, T)
    marks = torch.zeros(rows, steps)
    for half in marks.chunk(2, dim=1):
        place = torch.randint(half.shape[1], (rows, 1), generator=generator)
        half.scatter_(1, place, 1.0)
    return torch.stack([values, marks], dim=-1), (values * marks).sum(1)  # (B, T, 2), (B,)


@contextmanager
def one_thread():
    """Tensors this small gain nothing from a second thread, and on a busy machine wait for it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def moved_random_states():
    """Return a function that reads the global random states; put them back in the end.

    They are moved first: a backend that sets a fixed seed would otherwise leave them as they are
    from the second time on.
    """

    kept = {name: get() for name, (get, _) in RANDOM_STATES.items()}
    torch.rand(1)
    np.random.random()
    random.random()
    try:
        yield lambda: {name: pickle.dumps(get()) for name, (get, _) in RANDOM_STATES.items()}
    finally:
        for name, (_, put) in RANDOM_STATES.items():
            put(kept[name])


def require(holds: bool, found: str) -> None:
    """Raise `Broken`, saying what was found, unless the rule holds."""
    if not holds:
        raise Broken(found)


def require_finite(values, what: str) -> None:
    """Require every value to be finite."""
    bad = (~torch.isfinite(values)).sum().item()
    require(not bad, f"{what} has {bad} of {values.numel()} values that are not finite.")


def require_all_close(found: dict, due: dict, what: str) -> None:
    """Require the values of two dictionaries to be close, key by key; ``what`` names a key."""
    for key, value in due.items():
        require_close(found[key], value, what.format(key))


def require_close(found, due, what: str, tolerance: float = TOLERANCE) -> None:
    """Require the largest difference, in units of max(1, largest value due), to be small."""
    require(
        found.shape == due.shape,
        f"{what} have the shapes {tuple(found.shape)} and {tuple(due.shape)}.",
    )
    change = ((found - due).abs().max() / due.abs().max().clamp(min=1)).item()
    require(change <= tolerance, f"{what} differ by {change:.2g}; up to {tolerance:g} is accepted.")


def shown(thing: object) -> str:
    """Return the repr, or the best there is in its place."""
    if isinstance(thing, Exception):
        return f"{type(thing).__name__}: {thing}"
    try:
        return repr(thing)
    except Exception:  # a parameter object whose constructor stores nothing has no repr
        return f"{type(thing).__name__}(...)"
