"""The contract between estimator and backend in executable form, for whoever writes a backend.

Here lives `backend_checks`, which turns the rules that `seqlearn.backend.Backend` states into a
list of checks: each holds one rule up to one backend with small tensors, and fails with figures.
No test framework lives here, no estimator and no data set; what an estimator promises is tested by
scikit-learn's own checks. A plugin's tests call this file, our tests do so for the built-ins, and
so does the command line. Nothing here moves a global random state.
"""

import copy
import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor, nn

from seqlearn.backend import Backend, Dropout, draw_from
from seqlearn.registry import available_backends, load_backend, resolve_backend

__all__ = ["Check", "backend_checks"]

_TOLERANCE = 1e-6  # of float32 outputs of size 1: some ten roundings
_LENGTHS = (7, 1, 4, 6)  # rows that differ, unsorted, the longest one first
_INPUT, _HIDDEN = 3, 5


@dataclass(frozen=True)
class Check:
    """One rule of the contract, held up to one backend; call it without arguments.

    Attributes
    ----------
    name : str
        One word for the rule; also ``__name__``, so that pytest shows it as the test's id.
    rule : str
        What has to hold, in one sentence.
    subject : str
        Whom the check is about: the backend and, if it was given by name, its distribution.

    Raises
    ------
    AssertionError
        When called and the rule does not hold: subject, rule and figures are in the message.
    """

    name: str
    rule: str
    subject: str
    _backend: Backend = field(repr=False)
    _property: Callable[[Backend], None] = field(repr=False)

    @property
    def __name__(self) -> str:
        """The name once more, where pytest looks for it."""
        return self.name

    def __call__(self) -> None:
        """Hold the rule up to the backend."""
        try:
            with _one_thread():
                self._property(self._backend)
        except Exception as cause:
            ours = isinstance(cause, _Broken)
            found = f"{cause}" if ours else f"It raised {_shown(cause)}"
            raise AssertionError(
                f"{self.subject} breaks the rule {self.name!r}: {self.rule} {found}"
            ) from (None if ours else cause)


def backend_checks(backend: str | Backend) -> list[Check]:
    """List the checks that a backend has to pass to work with every estimator.

    Parameters
    ----------
    backend : str or Backend
        A registered name, or an object; the rules are held up to the options that it has.

    Returns
    -------
    list of Check
        Each raises AssertionError when called, if its rule is broken. A backend that declares
        ``causal = False`` or ``stateful = False`` is not asked for causality or for equal
        outputs in chunks; the check that compares devices is there if CUDA is.

    Raises
    ------
    BackendError
        A name that cannot be loaded, or no backend at all; see `seqlearn.registry`.

    Examples
    --------
    The whole test file of a plugin (here "torch" stands for its name)::

        import pytest
        from seqlearn.testing import backend_checks

        @pytest.mark.parametrize("check", backend_checks("torch"))
        def test_contract(check):
            check()

    One check by hand:

    >>> from seqlearn.testing import backend_checks
    >>> checks = {check.name: check for check in backend_checks("torch")}
    >>> checks["batch_invariance"].rule
    "A row's outputs do not depend on the other rows of the batch, nor on their order."
    >>> checks["batch_invariance"]()
    """
    if isinstance(backend, str):
        subject = f"The backend {backend!r} of {available_backends().get(backend)}"
        backend = load_backend(backend)()
    elif isinstance(backend, Backend):
        subject = f"The backend {_shown(backend)}"
    else:
        resolve_backend(backend)  # raises, and says what is accepted
    return [
        Check(holds.__name__[1:], rule, subject, backend, holds)
        for rule, applies, holds in _RULES
        if applies(backend)
    ]


class _Broken(AssertionError):
    """A rule found broken by the kit itself, as against an assertion in the backend's own code."""


_RULES: list[tuple[str, Callable[[Backend], bool], Callable[[Backend], None]]] = []


def _rule(sentence: str, applies: Callable[[Backend], bool] = lambda backend: True) -> Callable:
    def note(holds):
        _RULES.append((sentence, applies, holds))
        return holds

    return note


# What the backend is, and what it builds


@_rule("A backend is a parameter object: its constructor stores its arguments and does no more.")
def _parameter_object(backend):
    params = backend.get_params(deep=False)
    twin = type(backend)(**params)
    for name, value in params.items():
        stored = getattr(twin, name, None)
        _require(stored is value, f"{name}={value!r} was stored as {stored!r}.")
    extra = sorted(vars(twin).keys() - params)
    _require(not extra, f"It sets {', '.join(extra)}, which is no argument of it.")
    _require(repr(clone(backend)) == repr(backend), f"A clone reads {clone(backend)!r}.")
    _require(type(resolve_backend(backend)) is type(backend), "Resolving it changes its type.")


@_rule(
    "build returns a new torch module each time, with an int output_size; options stay the same."
)
def _build(backend):
    before = repr(backend.get_params())
    for setting, core in _cores(backend):
        _require(isinstance(core, nn.Module), f"It returned {_shown(core)} {setting}.")
        size = getattr(core, "output_size", None)
        _require(type(size) is int and size > 0, f"output_size is {size!r} {setting}.")
    after = repr(backend.get_params())
    _require(after == before, f"Its parameters were {before}, after build they are {after}.")
    first, second = _core(backend), _core(backend)
    shared = {*map(id, first.parameters())} & {*map(id, second.parameters())}
    _require(first is not second and not shared, f"Two builds share {len(shared)} parameters.")


@_rule("forward returns a pair (outputs, state); outputs has the shape (B, T, output_size).")
def _output_shape(backend):
    for setting, core in _cores(backend):
        for lengths, steps in ((_LENGTHS, 7), ((4, 4), 4), ((3, 2), 6)):
            x, rows = _rows(lengths, steps)
            answer = core(x, rows)
            _require(
                isinstance(answer, tuple) and len(answer) == 2 and torch.is_tensor(answer[0]),
                f"It returned {type(answer).__name__} {setting}.",
            )
            found, due = tuple(answer[0].shape), (len(lengths), steps, core.output_size)
            _require(found == due, f"The shape is {found} instead of {due} {setting}.")
            _require_finite(_valid(answer[0], rows), f"The outputs {setting}")


@_rule("float32 in gives float32 out; after .double(), float64 in gives the same in float64.")
def _dtype(backend):
    for setting, core in _cores(backend):
        x, lengths = _rows()
        single = core(x, lengths)[0]
        _require(single.dtype == torch.float32, f"float32 became {single.dtype} {setting}.")
        core.double()
        double = core(x.double(), lengths)[0]
        _require(double.dtype == torch.float64, f"float64 became {double.dtype} {setting}.")
        _loss(double, lengths).backward()
        double, single = _valid(double, lengths), _valid(single, lengths)
        _require_close(single, double.float(), f"float32 and float64 outputs {setting}", 1e-4)


# Rows do not see padding, each other, or their future


@_rule("What stands past a row's length changes no valid output.")
def _padding_invariance(backend):
    for setting, core in _cores(backend):
        x, lengths = _rows()
        clean = _valid(core(x, lengths)[0], lengths)
        for size in (1.0, 1e6):
            spoiled = torch.where(_mask(x, lengths)[..., None], x, size * _noise(x.shape, seed=1))
            found = _valid(core(spoiled, lengths)[0], lengths)
            _require_close(found, clean, f"Outputs with padding of size {size:g} {setting}")


@_rule("The number of padded steps changes no valid output.")
def _pad_length_invariance(backend):
    for setting, core in _cores(backend):
        x, lengths = _rows()
        longer = torch.cat([x, _noise((len(x), 4, _INPUT), seed=1)], dim=1)  # (B, T + 4, F)
        found, due = (_valid(core(rows, lengths)[0], lengths) for rows in (longer, x))
        _require_close(found, due, f"Outputs after 4 more padded steps {setting}")


@_rule("A row's outputs do not depend on the other rows of the batch, nor on their order.")
def _batch_invariance(backend):
    for setting, core in _cores(backend):
        for lengths in (_LENGTHS, (7,) * 4):
            x, rows = _rows(lengths)
            together = core(x, rows)[0]
            order = torch.tensor([2, 0, 3, 1])
            shuffled = core(x[order], rows[order])[0]
            due = _valid(together[order], rows[order])
            _require_close(_valid(shuffled, rows[order]), due, f"Outputs in new order {setting}")
            for i in range(len(x)):
                alone = _valid(core(x[i : i + 1], rows[i : i + 1])[0], rows[i : i + 1])
                due = together[i, : lengths[i]]
                _require_close(alone, due, f"Outputs of row {i}, alone and in a batch, {setting}")


@_rule("A row cut to its own length gives the outputs that it gives among rows of other lengths.")
def _ragged_rows(backend):
    for setting, core in _cores(backend):
        x, lengths = _rows()
        together = core(x, lengths)[0]
        for i, length in enumerate(_LENGTHS):
            cut = core(x[i : i + 1, :length], lengths[i : i + 1])[0][0]  # (T_i, D)
            due = together[i, :length]
            _require_close(cut, due, f"Outputs of the row of {length} steps, cut, {setting}")


@_rule("Rows of one step, one row at a time and batches of one step work, forward and backward.")
def _one_step(backend):
    for setting, core in _cores(backend):
        for lengths, steps in (((1,), 1), ((1, 1, 1), 1), ((1, 1), 4)):
            x, rows = _rows(lengths, steps)
            x.requires_grad_()
            outputs = core(x, rows)[0]
            _loss(outputs, rows).backward()
            _require_finite(_valid(outputs, rows), f"The outputs {setting}")
            _require_finite(x.grad, f"The gradient {setting}")


@_rule("causal = True: no output depends on later steps.", lambda backend: backend.causal)
def _causality(backend):
    for setting, core in _cores(backend, (False,)):
        x, lengths = _rows((7, 7))
        due = core(x, lengths)[0]
        for step in range(1, 7):
            changed = torch.cat([x[:, :step], _noise((2, 7 - step, _INPUT), seed=1)], dim=1)
            found = core(changed, lengths)[0][:, :step]
            what = f"Outputs before step {step}, all steps from there on being changed, {setting}"
            _require_close(found, due[:, :step], what)


@_rule(
    "stateful = True: parts of a row, each given the state after the one before, equal one run.",
    lambda backend: backend.stateful,
)
def _chunk_consistency(backend):
    for setting, core in _cores(backend, (False,)):
        x, both = _rows((7, 7))
        due = core(x, both)[0]
        for cuts in ((0, 3, 7), range(8)):
            parts, state = [], None
            for start, stop in pairwise(cuts):
                outputs, state = core(x[:, start:stop], torch.full((2,), stop - start), state)
                _require(state is not None, f"The state after {stop} steps is None {setting}.")
                parts.append(outputs)
            what = f"Outputs in {len(parts)} parts and in one {setting}"
            _require_close(torch.cat(parts, dim=1), due, what)  # (B, T, D)
        _, state = core(x[:, :3], torch.tensor([3, 3]))
        lengths = torch.tensor([4, 2])  # a row may end in the last part
        rest = _valid(core(x[:, 3:], lengths, state)[0], lengths)
        what = f"Outputs of rows that end after 7 and 5 steps, in 2 parts and in one {setting}"
        _require_close(rest, _valid(due[:, 3:], lengths), what)


@_rule("The state is None if rows differ in length, in two directions, and if stateful = False.")
def _state_none(backend):
    for setting, core in _cores(backend):
        for lengths in (_LENGTHS, (7, 7)):
            state = core(*_rows(lengths))[1]
            due = len(set(lengths)) > 1 or setting.bidirectional or not backend.stateful
            what = f"after rows of {', '.join(map(str, lengths))} steps {setting}"
            _require(state is None or not due, f"A {type(state).__name__} came back {what}.")


@_rule("forward leaves its arguments as they were.")
def _arguments_unchanged(backend):
    for setting, core in _cores(backend):
        x, lengths = _rows()
        before = x.clone(), lengths.clone()
        core(x, lengths)
        change = (x - before[0]).abs().max()
        _require(torch.equal(x, before[0]), f"x was changed by up to {change:.2g} {setting}.")
        _require(torch.equal(lengths, before[1]), f"lengths became {lengths.tolist()} {setting}.")


# Gradients and learning


@_rule("Every parameter receives a gradient from the valid outputs, and it is finite.")
def _gradients(backend):
    for setting, core in _cores(backend):
        core.train()
        x, lengths = _rows()
        _loss(core(x, lengths)[0], lengths).backward()
        for name, weight in core.named_parameters():
            _require(weight.grad is not None, f"{name} receives none {setting}.")
            _require_finite(weight.grad, f"The gradient of {name} {setting}")


@_rule("No gradient flows from valid outputs to padded inputs, and some flows to valid ones.")
def _padding_gradients(backend):
    for setting, core in _cores(backend):
        x, lengths = _rows()
        x.requires_grad_()
        _loss(core(x, lengths)[0], lengths).backward()
        _require(x.grad is not None, f"None flows to the input at all {setting}.")
        valid = _mask(x, lengths)
        leak, due = (x.grad[steps].abs().max().item() for steps in (~valid, valid))
        _require(due > 0, f"All gradients of the input are zero {setting}.")
        _require(leak == 0, f"Padding has a gradient of {leak:.2g} {setting}; 0 is due.")


@_rule("A small training on the adding problem clearly beats the best constant answer.")
def _learning(backend):
    steps, generator = 8, torch.Generator().manual_seed(0)
    with draw_from(generator):
        core = backend.build(2, 32, num_layers=1, bidirectional=False, dropout=0.0)
        model = nn.ModuleDict({"core": core, "head": nn.Linear(core.output_size, 1)})

    def answer(x):  # (B, T, 2)
        outputs = core(x, torch.full((len(x),), steps))[0]
        return model["head"](outputs[:, -1])[:, 0]  # (B,)

    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x_test, y_test = _adding_problem(512, steps, generator)
    constant = y_test.var(correction=0).item()
    for update in range(500):
        model.train()
        x, y = _adding_problem(64, steps, generator)
        optimizer.zero_grad()
        (answer(x) - y).square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if update % 25 == 24:
            model.eval()
            with torch.no_grad():
                error = (answer(x_test) - y_test).square().mean().item()
            if error <= constant / 2:
                return
    raise _Broken(
        f"After 500 updates its mean squared error is {error:.3g}, a constant's {constant:.3g}; "
        "half of that is due."
    )


# Randomness


@_rule("Under draw_from, equal seeds give equal weights to the bit, and other seeds other ones.")
def _seeds(backend):
    for layers in (1, 2):
        first, same, other = (
            _core(backend, layers, True, seed=seed).state_dict() for seed in ("a", "a", "b")
        )
        differ = [name for name in first if not torch.equal(first[name], same[name])]
        _require(not differ, f"Two builds from one seed differ in {', '.join(differ)}.")
        differ = any(not torch.equal(first[name], other[name]) for name in first)
        _require(differ, "Two builds from two seeds are equal.")


@_rule("build, forward in training and backward leave torch's, NumPy's and Python's random state.")
def _global_random_state(backend):
    with _moved_random_states() as read:
        before = read()
        for setting, core in _cores(backend, dropout=0.5):
            moved = [name for name, state in read().items() if state != before[name]]
            _require(not moved, f"build moved that of {' and '.join(moved)} {setting}.")
            x, lengths = _rows()
            _loss(core.train()(x, lengths)[0], lengths).backward()
            moved = [name for name, state in read().items() if state != before[name]]
            _require(not moved, f"Training moved that of {' and '.join(moved)} {setting}.")


@_rule("dropout > 0 acts between two layers in training; outputs in eval mode do not vary.")
def _dropout(backend):
    for setting, core in _cores(backend, layers=(2,), dropout=0.5):
        x, lengths = _rows()
        first, second = (_valid(core(x, lengths)[0], lengths) for _ in range(2))
        _require(torch.equal(first, second), f"Two calls in eval mode differ {setting}.")
        bare = _core(backend, 2, setting.bidirectional)
        bare.load_state_dict(core.state_dict())
        without = _trained(bare, x, lengths)
        change = (_trained(core, x, lengths) - without).abs().max().item()
        _require(change > 1e-3, f"In training it changed outputs by {change:.2g} {setting}.")


@_rule("In training all noise comes from seqlearn.backend.Dropout: reseed repeats it, p=0 ends it.")
def _training_noise(backend):
    for setting, core in _cores(backend, layers=(2,), dropout=0.5):
        x, lengths = _rows()
        due = _valid(core(x, lengths)[0], lengths)
        first, second = (_trained(core, x, lengths) for _ in range(2))
        _require(torch.equal(first, second), f"Two reseeded calls differ {setting}.")
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in core.modules()):
            continue  # statistics of the batch are no noise, but differ from those kept for eval
        for module in core.modules():
            if isinstance(module, Dropout):
                module.p = 0.0
        what = f"Outputs in training, every Dropout at p=0, and in eval mode {setting}"
        _require_close(_trained(core, x, lengths), due, what)


# Copies


@_rule("Cores survive pickle and copy.deepcopy, also after training; backends survive pickle.")
def _copies(backend):
    loaded = pickle.loads(pickle.dumps(backend))
    _require(repr(loaded) == repr(backend), f"The backend came back as {loaded!r}.")
    for setting, core in _cores(backend, dropout=0.5):
        x, lengths = _rows()
        _loss(core.train()(x, lengths)[0], lengths).backward()
        due = _valid(core.eval()(x, lengths)[0], lengths)
        for way, twin in (
            ("pickle", pickle.loads(pickle.dumps(core))),
            ("copy.deepcopy", copy.deepcopy(core)),
        ):
            found = _valid(twin(x, lengths)[0], lengths)
            _require_close(found, due, f"Outputs after {way} {setting}", 0.0)


@_rule("state_dict holds all there is to a core: loaded into another one, the outputs are equal.")
def _state_dict(backend):
    for setting, core in _cores(backend):
        other = _core(backend, setting.layers, setting.bidirectional, seed="other")
        x, lengths = _rows()
        _trained(core, x, lengths)  # running statistics move
        due = _valid(core.eval()(x, lengths)[0], lengths)
        other.load_state_dict(core.state_dict())
        _require_close(_valid(other(x, lengths)[0], lengths), due, f"Outputs {setting}", 0.0)


@_rule(
    "Moved to a GPU a core works there, with lengths on the CPU, and gives the same outputs.",
    lambda backend: torch.cuda.is_available(),
)
def _device(backend):
    for setting, core in _cores(backend):
        for lengths in (_LENGTHS, (7, 7)):
            x, rows = _rows(lengths)
            due = _valid(core.cpu().eval()(x, rows)[0], rows)
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                outputs, _ = core.cuda()(x.cuda(), rows)
                _require(outputs.is_cuda, f"The outputs are on {outputs.device} {setting}.")
                found = _valid(outputs.cpu(), rows)
                _require_close(found, due, f"Outputs on the GPU and the CPU {setting}", 1e-5)
                trained = core.train()(x.cuda(), rows)[0].cpu()
                _loss(trained, rows).backward()
            for name, weight in core.named_parameters():
                _require_finite(weight.grad, f"The gradient of {name} on the GPU {setting}")
            core.zero_grad()


# What the checks are made of


@dataclass(frozen=True)
class _Setting:
    """Depth and directions of a core, for the end of a sentence."""

    layers: int
    bidirectional: bool

    def __str__(self) -> str:
        return f"(num_layers={self.layers}, bidirectional={self.bidirectional})"


def _cores(
    backend, directions=(False, True), *, layers=(1, 2), dropout=0.0
) -> Iterator[tuple[_Setting, nn.Module]]:
    """Build the backend at each depth, in one direction and in two; cores come in eval mode."""
    for depth in layers:
        for bidirectional in directions:
            core = _core(backend, depth, bidirectional, dropout=dropout)
            yield _Setting(depth, bidirectional), core


def _core(backend, layers=1, bidirectional=False, *, dropout=0.0, seed="core"):
    with draw_from(_generator(seed)):
        core = backend.build(
            _INPUT, _HIDDEN, num_layers=layers, bidirectional=bidirectional, dropout=dropout
        )
    return core.eval() if isinstance(core, nn.Module) else core


def _rows(lengths=_LENGTHS, steps=7) -> tuple[Tensor, Tensor]:
    """Draw rows (B, T, F), zero past their length, and give the lengths (B,) as a tensor."""
    x, lengths = _noise((len(lengths), steps, _INPUT)), torch.tensor(lengths)
    return x * _mask(x, lengths)[..., None], lengths  # (B, T, F), (B,)


def _noise(shape, seed=0) -> Tensor:
    return torch.randn(shape, generator=_generator(seed))


def _generator(seed) -> torch.Generator:
    return torch.Generator().manual_seed(int.from_bytes(str(seed).encode()))


def _mask(x, lengths) -> Tensor:
    return torch.arange(x.shape[1]) < lengths[:, None]  # (B, T)


def _valid(outputs, lengths) -> Tensor:
    return outputs[_mask(outputs, lengths)]  # (valid steps, D)


def _loss(outputs, lengths) -> Tensor:
    valid = _valid(outputs, lengths)
    return (valid * _noise(valid.shape, seed="loss").to(valid.dtype)).sum()


def _trained(core, x, lengths) -> Tensor:
    """Return the valid outputs in training mode, with the noise of one fixed seed."""
    for module in core.modules():
        if isinstance(module, Dropout):
            module.reseed(1)
    return _valid(core.train()(x, lengths)[0], lengths)


def _adding_problem(rows, steps, generator) -> tuple[Tensor, Tensor]:
    """Two marked values, one in each half, and their sum: (B, T, 2) and (B,)."""
    values = torch.rand(rows, steps, generator=generator)  # (B, T)
    marks = torch.zeros(rows, steps)
    for half in marks.chunk(2, dim=1):
        place = torch.randint(half.shape[1], (rows, 1), generator=generator)
        half.scatter_(1, place, 1.0)
    return torch.stack([values, marks], dim=-1), (values * marks).sum(1)  # (B, T, 2), (B,)


@contextmanager
def _one_thread():
    """Tensors this small gain nothing from a second thread, and on a busy machine wait for it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _moved_random_states():
    """Give a function that reads the global random states; put them back in the end.

    They are moved on at first: a backend that sets a fixed seed would otherwise go unseen
    when it is asked twice.
    """

    def read():
        key, *rest = np.random.get_state()[1:]
        return {
            "torch": torch.get_rng_state().numpy().tobytes(),
            "NumPy": (key.tobytes(), *rest),
            "Python": random.getstate(),
        }

    kept = torch.get_rng_state(), np.random.get_state(), random.getstate()
    torch.rand(1)
    np.random.random()
    random.random()
    try:
        yield read
    finally:
        torch.set_rng_state(kept[0])
        np.random.set_state(kept[1])
        random.setstate(kept[2])


def _require(holds: bool, found: str) -> None:
    if not holds:
        raise _Broken(found)


def _require_finite(values, what: str) -> None:
    bad = (~torch.isfinite(values)).sum().item()
    _require(not bad, f"{what} has {bad} of {values.numel()} values that are not finite.")


def _require_close(found, due, what: str, tolerance: float = _TOLERANCE) -> None:
    """Require the largest difference, in units of max(1, largest value due), to be small."""
    _require(
        found.shape == due.shape,
        f"{what} have the shapes {tuple(found.shape)} and {tuple(due.shape)}.",
    )
    change = ((found - due).abs().max() / due.abs().max().clamp(min=1)).item()
    _require(
        change <= tolerance, f"{what} differ by {change:.2g}; up to {tolerance:g} is accepted."
    )


def _shown(thing: object) -> str:
    if isinstance(thing, Exception):
        return f"{type(thing).__name__}: {thing}"
    try:
        return repr(thing)
    except Exception:  # a parameter object whose constructor stores nothing has no repr
        return f"{type(thing).__name__}(...)"
